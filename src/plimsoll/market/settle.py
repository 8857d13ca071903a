"""A complete reading into the rows of the home, a symbol at a time, each with its audit (D10, D12, D13).

Every step can be repeated: rows that did not change are not written, and a symbol that an interrupted attempt stored is
told by the hash of its payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import COLUMNS, Audit, Bars, MacroSeries
from plimsoll.core.dates import iso_day
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.core.ports import BarStore
from plimsoll.market import sources
from plimsoll.market.cells import some
from plimsoll.market.findings import Finding
from plimsoll.market.gathered import Gathered
from plimsoll.market.intake import Archive, KeptPages, Progress
from plimsoll.market.quality import Tidied, tidy
from plimsoll.market.readings import FAILED, OK
from plimsoll.market.request import IngestPlan
from plimsoll.market.stage import SymbolReading

MACRO = "MACRO"


@dataclass(frozen=True, slots=True)
class Settling:
    """One run whose pages are all there. ``last_day`` bounds what counts as the future; ``done`` maps symbols that an
    interrupted attempt stored to the hash of their payload; ``notes`` and ``failures`` grow.
    """

    run: str
    plan: IngestPlan
    store: BarStore
    archive: Archive
    policy: DataPolicy
    last_day: int
    done: Mapping[str, str]
    notes: list[str]
    failures: dict[str, str] = field(default_factory=dict)


def settle(settling: Settling, found: Gathered, members: Mapping[str, Instrument], progress: Progress | None) -> int:
    """Store everything that was read; how many rows are new or different."""
    kept = KeptPages(settling.run, settling.store, settling.archive)
    known = {one.symbol: one for one in settling.store.instruments()[0]}
    total = len(found.bars) + len(found.macro)
    outside = [symbol for symbol in found.bars if symbol not in known]
    if outside:
        settling.notes.append(f"left out, not in the universe: {some(outside)}")
    absent = [symbol for symbol in members if symbol not in found.bars and settling.plan.request.universe]
    if absent:
        settling.notes.append(f"in the universe, not in this source: {some(absent)}")
    rows = 0
    for done, (symbol, at) in enumerate(found.bars.items(), 1):
        if symbol in known:
            rows += _store_symbol(settling, known[symbol], kept.bars(symbol, at))
        if progress is not None:
            progress(symbol, done, total)
    for done, (name, at) in enumerate(found.macro.items(), len(found.bars) + 1):
        rows += _store_macro(settling, name, kept.macro(name, at))
        if progress is not None:
            progress(name, done, total)
    for symbol, (reason, message) in found.failures.items():
        _fail(settling, symbol, reason, message)
    return rows


def _store_symbol(settling: Settling, instrument: Instrument, read: SymbolReading) -> int:
    """Rows, payload and audit of one symbol, committed together."""
    symbol, request, store = instrument.symbol, settling.plan.request, settling.store
    archived = settling.archive.put(settling.run, symbol, _payload(symbol, read.bars))
    if settling.done.get(symbol) == archived:
        return 0
    tidied = tidy(read.bars, settling.last_day)
    source = sources.identity(settling.plan.name, request.source, request.source_id)
    held = store.bars(symbol)
    new = _without_adjustment(tidied.bars, held) if read.unadjusted else tidied.bars
    merged = sources.merge(new, held, store.sources(symbol), source, instrument, settling.policy)
    if merged.refused is not None:
        _fail(settling, symbol, *merged.refused)
        return 0
    found = (*read.findings, *tidied.findings, *merged.findings)
    settling.notes.extend(f"{symbol}: {f.detail}" for f in merged.findings if f.detail)
    with store.transaction():
        rows = store.put_bars(settling.run, symbol, settling.plan.name, merged.bars, source)
        store.put_audit(_audit(settling, symbol, tidied, found, archived, source))
    return rows


def _audit(
    settling: Settling, symbol: str, tidied: Tidied, found: tuple[Finding, ...], archived: str, source: str
) -> Audit:
    day = tidied.bars.day
    return Audit(
        run=settling.run,
        symbol=symbol,
        provider=settling.plan.name,
        status=OK,
        rows=len(tidied.bars),
        reasons=tuple(dict.fromkeys(f.reason for f in found)),
        flags=tuple(f.flag() for f in found),
        days=tuple(tuple(f.days.tolist()) for f in found),
        first=iso_day(int(day[0])) if day.size else "",
        last=iso_day(int(day[-1])) if day.size else "",
        archived=archived,
        source=source,
    )


def _store_macro(settling: Settling, name: str, series: MacroSeries) -> int:
    payload = {"series": name, "date": series.day, "value": series.value, "known": series.known}
    archived = settling.archive.put(settling.run, f"macro-{name}", payload)
    with settling.store.transaction():
        rows = settling.store.put_macro(settling.run, name, series)
        settling.store.put_audit(
            Audit(settling.run, f"macro:{name}", settling.plan.name, MACRO, len(series), archived=archived)
        )
    return rows


def _fail(settling: Settling, symbol: str, reason: str, message: str) -> None:
    settling.failures[symbol] = message
    settling.store.put_audit(Audit(settling.run, symbol, settling.plan.name, FAILED, 0, (reason,), message))


def _without_adjustment(new: Bars, held: Bars) -> Bars:
    """Rows of a source with neither adjusted prices nor actions, whose adj_close is its close, beside stored rows that
    have them: there an adj_close that says nothing is absent, so that it replaces none (D12).
    """
    plain = bool((held.adj_close == held.close).all())
    return new if not len(held) or plain else replace(new, adj_close=np.full(len(new), np.nan))


def _payload(symbol: str, bars: Bars) -> dict[str, Any]:
    """Columns as read, those without any value left out."""
    columns: dict[str, NDArray[Any]] = {"day": bars.day}
    for name in COLUMNS:
        values = getattr(bars, name)
        if not np.isnan(values).all():
            columns[name] = values
    return {"symbol": symbol, "columns": columns}
