"""A reading in one piece: what ingestion gathers of a provider's pages, with their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.app import wiring
from plimsoll.core.bars import Bars, MacroSeries
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.market import pages, stage
from plimsoll.market.findings import Finding
from plimsoll.market.gathered import gathered
from plimsoll.market.provider import Page, RawSource
from plimsoll.market.request import IngestRequest, planned

NOW = "2026-11-20T19:00:00Z"


@dataclass(frozen=True)
class Whole:
    """Everything of one reading; see ``plimsoll.market.provider.Page``."""

    bars: dict[str, Bars]
    macro: dict[str, MacroSeries]
    failures: dict[str, tuple[str, str]]
    raw: tuple[RawSource, ...]
    notes: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    findings: dict[str, tuple[Finding, ...]]
    unadjusted: frozenset[str]


def read(
    provider: str,
    source: str | Path,
    *,
    tickers: Sequence[str] = (),
    start: str | None = None,
    end: str | None = None,
    policy: DataPolicy | None = None,
    aliases: Mapping[str, str] | None = None,
    **options: Any,
) -> Whole:
    """The pages of a source, proven and put together as an ingestion does; ``aliases`` are foreign spellings."""
    known = [
        Instrument(symbol, "stock", "XNYS", aliases={provider: other}) for other, symbol in (aliases or {}).items()
    ]
    request = IngestRequest(
        provider=provider, source=str(source), tickers=tuple(tickers), start=start, end=end, **options
    )
    plan = planned(request, wiring.providers(), NOW, known=known, policy=policy)
    found: list[Page] = list(pages.fetched(plan.provider, plan.fetch))
    told = gathered(plan, [stage.contents(page) for page in found])
    return Whole(
        bars={name: stage.joined(found[n].bars[name] for n in at) for name, at in told.bars.items()},
        macro={name: stage.joined(found[n].macro[name] for n in at) for name, at in told.macro.items()},
        failures=told.failures,
        raw=tuple(raw for page in found for raw in page.raw),
        notes=tuple(told.notes),
        instruments=tuple(told.instruments.values()),
        findings={name: one for page in found for name, one in page.findings.items() if name in told.bars},
        unadjusted=frozenset(name for page in found for name in page.unadjusted if name in told.bars),
    )
