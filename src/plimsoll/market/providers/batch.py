"""What a provider hands to ingestion: bars, macro series, what failed and what was read (D13, D18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from plimsoll.core.bars import Bars, MacroSeries
from plimsoll.core.instrument import Instrument
from plimsoll.market.findings import Finding

Progress = Callable[[str, int, int], None]
"""Called with what has just been read, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class RawSource:
    """One thing that was read, for the raw archive: its name, SHA-256 and size; ``path`` where it is a file."""

    name: str
    sha256: str
    size: int
    path: Path | None = None


@dataclass(frozen=True, eq=False, slots=True)
class FileBatch:
    """Everything read from one source, keys in alphabetical order.

    ``failures`` maps a symbol (or the name of a file whose symbols could not be read) to a reason code and a
    sentence naming file, line, value and remedy. ``notes`` are sentences about what was left out or assumed.
    ``instruments`` is what the source itself knows of its symbols; usually nothing. ``findings`` are what only the
    reading could see of a symbol's figures. ``unadjusted`` are the symbols whose source has neither adjusted prices nor
    actions: their ``adj_close`` is a copy of ``close``.
    """

    bars: dict[str, Bars]
    macro: dict[str, MacroSeries]
    failures: dict[str, tuple[str, str]]
    raw: tuple[RawSource, ...]
    notes: tuple[str, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    synthetic: bool = False
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    unadjusted: frozenset[str] = frozenset()
