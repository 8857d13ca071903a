"""The port of market data providers: capabilities, and data page by page (D3, D8, D13).

A page is what one request to a vendor brings, one file of a folder, one part of a synthetic market: small enough to be
held in memory, and the unit that ingestion makes durable. Whoever is asked again with the cursor of a page goes on
behind it. Adapters lie in ``market.providers``; only ``app.wiring`` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from plimsoll.core.bars import Bars, MacroSeries
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.market.capability import Capability
from plimsoll.market.findings import Finding
from plimsoll.market.routing import Purpose

UNREADABLE = "UNREADABLE"


class StaleCursor(InputError):
    """The cursor is none of this provider's for this request, or what lies before it has changed: begin again."""


class BrokenPages(InputError):
    """A provider's answer is not a valid sequence of pages: nothing of it may be certified."""


@dataclass(frozen=True, slots=True)
class RawSource:
    """One thing that was read, for the raw archive: its name, SHA-256 and size in bytes.

    ``content`` is where the bytes themselves are, a file or in memory; None for what has none (a synthetic market).
    """

    name: str
    sha256: str
    size: int
    content: Path | bytes | None = None


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """A request to a provider.

    ``source`` is what it reads in its own terms (a path, a recipe), empty for a vendor. ``symbols`` are canonical;
    without any, all there is. ``start`` and ``end`` are days since 1970-01-01, inclusive; absent means unbounded.
    ``aliases`` says which symbol each foreign spelling stands for (canonical spelling to symbol, D2). ``options`` are
    terms that one provider alone understands; it refuses those it does not. ``policy`` is what the data are read under,
    such as how long after its stamp a macro series is known. ``cursor`` is that of the last page already held.
    """

    purpose: Purpose = "history"
    source: str = ""
    symbols: frozenset[str] = frozenset()
    start: int | None = None
    end: int | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    policy: DataPolicy = field(default_factory=DataPolicy)
    cursor: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Page:
    """One page: its place, the bytes it was made from, and what was understood of them.

    ``number`` counts from 0 without a gap, also after a cursor. ``cursor`` is where to go on behind this page, another
    one for each page. ``last`` says that nothing follows; ``total`` is how many pages there are, 0 where nobody knows.

    ``bars`` are rows as they were read: order, duplicates and missing values are for certification to judge. ``whole``
    says that the rows of a symbol lie on one page: the same symbol on a second one is then a contradiction, and not a
    continuation. ``macro`` are series by name. ``failures`` maps a symbol (or the name of something that could not be
    read) to a reason code and a sentence with place, value and remedy. ``others`` are symbols the page holds and nobody
    asked for. ``notes`` are sentences about what was left out or assumed; ``instruments`` what the source itself knows
    of its symbols; ``findings`` what only the reading could see. ``unadjusted`` are symbols whose source has neither
    adjusted prices nor actions: their ``adj_close`` is a copy of ``close``.
    """

    number: int
    cursor: str
    last: bool
    raw: tuple[RawSource, ...]
    bars: Mapping[str, Bars] = field(default_factory=dict)
    macro: Mapping[str, MacroSeries] = field(default_factory=dict)
    failures: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    unadjusted: frozenset[str] = frozenset()
    whole: bool = False
    total: int = 0


class ProviderState(msgspec.Struct, frozen=True):
    """A provider's status: ``reachable`` now, ``entitled`` to its data, how many calendar days
    back it goes (absent: all there is), and in ``detail`` one sentence for a person.
    """

    provider: str
    reachable: bool
    entitled: bool
    history_days: int | None
    detail: str


class Provider(Protocol):
    """Market data from one vendor, medium or recipe (D3). It keeps no state between two calls."""

    @property
    def name(self) -> str:
        """Its name in the capability matrix, in audits and on the command line."""
        ...

    @property
    def capabilities(self) -> Capability:
        """Its row of the matrix."""
        ...

    def fetch(self, request: FetchRequest) -> Iterator[Page]:
        """The pages of a request behind ``request.cursor``, one held at a time; the last one says so.

        Raises
        ------
        UsageError, before the first page, for a request that makes no sense here. InputError where there is nothing to
        read. StaleCursor where the cursor is not one of this request's. What fails for one symbol alone is a failure on
        its page and leaves the others alone.
        """
        ...

    def check(self) -> ProviderState:
        """Whether it can be reached, whether its data are granted, and its depth; asks for no history."""
        ...


def refuse_options(provider: str, options: Mapping[str, str], known: tuple[str, ...]) -> None:
    """``UsageError`` for a term that the provider does not understand: what does nothing is refused, not ignored."""
    for name in options:
        if name not in known:
            raise UsageError(f"--{name} means nothing to the {provider} provider", "Leave it out")
