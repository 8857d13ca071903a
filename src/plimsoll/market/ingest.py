"""Stage 1: from a source to a certified, published snapshot (D7, D8, D13, D14).

A run reads its source, stores each symbol's rows together with their audit, and publishes a panel rebuilt from *all*
rows of the home. Every step can be repeated: rows that did not change are not written, the same rows make the same
snapshot, and a run that was interrupted is taken up under its own id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import COLUMNS, Audit, Bars, MacroSeries
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification
from plimsoll.core.policy import Policy
from plimsoll.core.ports import BarStore
from plimsoll.market import certify, instruments, publish, sources
from plimsoll.market.findings import Finding
from plimsoll.market.providers.batch import FileBatch
from plimsoll.market.quality import Tidied, tidy
from plimsoll.market.request import IngestRequest, Progress, Source, read

__all__ = ["IngestReport", "IngestRequest", "Source", "ingest", "read"]

OK = "OK"
FAILED = "FAILED"
MACRO = "MACRO"


class Archive(Protocol):
    """Where raw payloads are kept (D13)."""

    def put(self, run: str, name: str, content: Any) -> str:
        """Keep ``content``; returns the SHA-256 of what was kept."""
        ...

    def keep(self, run: str, name: str, source: Path, sha256: str) -> None:
        """Keep the bytes of a source file that had this hash when it was read."""
        ...


class IngestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. ``rows`` counts rows new or changed; ``states`` and ``symbols`` are this run's; ``failures``
    maps a symbol or file to what is wrong with it; ``alert`` is empty unless too many were rejected.
    """

    run: str
    provider: str
    source: str
    snapshot: str
    synthetic: bool
    resumed: bool
    symbols: tuple[str, ...]
    macro: tuple[str, ...]
    rows: int
    states: dict[str, int]
    failures: dict[str, str]
    alert: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """One ingestion under way. ``done`` maps symbols an interrupted attempt stored to the hash of their payload."""

    id: str
    request: IngestRequest
    store: BarStore
    archive: Archive
    policy: Policy
    last_day: int
    done: Mapping[str, str]
    notes: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def ingest(
    request: IngestRequest,
    store: BarStore,
    archive: Archive,
    snapshots: Path,
    policy: Policy,
    now: str,
    progress: Progress | None = None,
    source: Source | None = None,
) -> IngestReport:
    """Ingest a source, certify the home and publish its snapshot.

    Parameters
    ----------
    source : what ``read`` gave for this request; read here when absent.
    store, archive : of the home; ``snapshots`` is its folder of snapshots, beside which ``universe.json`` is written
        when the universe is derived from the source (D1).
    now : ISO instant the run starts, UTC; it dates the audit and bounds what counts as the future, nothing else.

    Raises
    ------
    What ``read`` raises; InputError for a mixture of synthetic and real data. Nothing is written then.
    """
    source = source or read(request, progress, store.instruments()[0], policy.data)
    batch, end = source.batch, source.end
    _refuse_mixture(batch, store)
    members, derived = _members(source, store)
    identity = _identity(request)
    pending = store.unfinished(request.provider, identity)
    run_id = pending or _run_id(identity, now)
    run = _Run(
        id=run_id,
        request=request,
        store=store,
        archive=archive,
        policy=policy,
        last_day=day_number(now[:10]) if end is None else end,
        done={a.symbol: a.archived for a in store.audits() if a.run == run_id and a.status == OK},
        notes=list(batch.notes),
    )
    store.begin_run(run.id, request.provider, identity, now)
    store.put_instruments(tuple(members.values()), derived)
    for one in batch.raw:
        if one.path is not None:
            archive.keep(run.id, one.name, one.path, one.sha256)
    listed = [{"name": r.name, "sha256": r.sha256, "size": r.size, "kept": r.path is not None} for r in batch.raw]
    archive.put(run.id, "sources", listed)
    rows = _store_all(run, batch, members, progress)
    run.notes.extend(_plain_note(store.instruments()[0], batch.bars, policy))
    published = publish.publish(store, snapshots, policy, end, batch.synthetic, run.id)
    store.put_certifications(run.id, published.certifications)
    if published.derived_universe:
        _write_universe(snapshots.parent / "universe.json", store.instruments()[0])
    mine = [c for c in published.certifications if c.symbol in batch.bars or c.symbol in batch.failures]
    alert = certify.alert([c.state for c in mine], policy.data)
    store.finish_run(run.id, OK, now, alert)
    states = [c.state for c in mine]
    return IngestReport(
        run=run.id,
        provider=request.provider,
        source=request.source,
        snapshot=published.snapshot,
        synthetic=batch.synthetic,
        resumed=pending is not None,
        symbols=tuple(batch.bars),
        macro=tuple(batch.macro),
        rows=rows,
        states={state: states.count(state) for state in sorted(set(states))},
        failures=run.failures,
        alert=alert,
        notes=(*run.notes, *_told(mine), *_depth_notes(published.short, policy)),
    )


def _refuse_mixture(batch: FileBatch, store: BarStore) -> None:
    """A home is synthetic or real, never both: a mixture could be mistaken for either."""
    held = {a.provider == "synthetic" for a in store.audits() if a.status in (OK, MACRO)}
    if held and held != {batch.synthetic}:
        here, there = ("synthetic", "real") if batch.synthetic else ("real", "synthetic")
        raise InputError(f"This home holds {there} data and the source is {here}", "Choose another home with --home")


def _members(source: Source, store: BarStore) -> tuple[dict[str, Instrument], bool]:
    """The instruments this run adds or replaces, and whether they were derived from the source (D1).

    A universe file decides who they are. Without one the source does, and what the home knows already stands.
    """
    if source.chosen is not None:
        return source.chosen, False
    batch = source.batch
    known = {one.symbol: one for one in store.instruments()[0]}
    own = {one.symbol: one for one in batch.instruments}
    found: dict[str, Instrument] = {}
    for symbol in (*batch.bars, *batch.failures):
        if symbol in known or symbol in batch.macro or batch.failures.get(symbol, ("",))[0] == "CURRENCY_REFUSED":
            continue
        try:
            found[symbol] = own.get(symbol) or instruments.infer(symbol)
        except InputError:
            continue  # a file that could not be read and does not name a symbol: the audit alone knows it
    return found, True


def _store_all(run: _Run, batch: FileBatch, members: Mapping[str, Instrument], progress: Progress | None) -> int:
    known = {one.symbol: one for one in run.store.instruments()[0]}
    total = len(batch.bars) + len(batch.macro)
    outside = [symbol for symbol in batch.bars if symbol not in known]
    if outside:
        run.notes.append(f"left out, not in the universe: {_some(outside)}")
    absent = [symbol for symbol in members if symbol not in batch.bars and run.request.universe]
    if absent:
        run.notes.append(f"in the universe, not in this source: {_some(absent)}")
    rows = 0
    for done, (symbol, bars) in enumerate(batch.bars.items(), 1):
        if symbol in known:
            rows += _store_symbol(run, known[symbol], bars, batch)
        if progress is not None:
            progress(symbol, done, total)
    for done, (name, series) in enumerate(batch.macro.items(), len(batch.bars) + 1):
        rows += _store_macro(run, name, series)
        if progress is not None:
            progress(name, done, total)
    for symbol, (reason, message) in batch.failures.items():
        _fail(run, symbol, reason, message)
    return rows


def _store_symbol(run: _Run, instrument: Instrument, bars: Bars, batch: FileBatch) -> int:
    """Rows, payload and audit of one symbol, committed together."""
    symbol, provider = instrument.symbol, run.request.provider
    archived = run.archive.put(run.id, symbol, _payload(symbol, bars))
    if run.done.get(symbol) == archived:
        return 0
    tidied = tidy(bars, run.last_day)
    source = sources.identity(provider, run.request.source, run.request.source_id)
    held = run.store.bars(symbol)
    new = _without_adjustment(tidied.bars, held) if symbol in batch.unadjusted else tidied.bars
    merged = sources.merge(new, held, run.store.sources(symbol), source, instrument, run.policy.data)
    if merged.refused is not None:
        _fail(run, symbol, *merged.refused)
        return 0
    found = (*batch.findings.get(symbol, ()), *tidied.findings, *merged.findings)
    run.notes.extend(f"{symbol}: {f.detail}" for f in merged.findings if f.detail)
    with run.store.transaction():
        rows = run.store.put_bars(run.id, symbol, provider, merged.bars, source)
        run.store.put_audit(_audit(run, symbol, tidied, found, archived, source))
    return rows


def _audit(run: _Run, symbol: str, tidied: Tidied, found: tuple[Finding, ...], archived: str, source: str) -> Audit:
    day = tidied.bars.day
    return Audit(
        run=run.id,
        symbol=symbol,
        provider=run.request.provider,
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


def _store_macro(run: _Run, name: str, series: MacroSeries) -> int:
    payload = {"series": name, "date": series.day, "value": series.value, "known": series.known}
    archived = run.archive.put(run.id, f"macro-{name}", payload)
    with run.store.transaction():
        rows = run.store.put_macro(run.id, name, series)
        run.store.put_audit(Audit(run.id, f"macro:{name}", run.request.provider, MACRO, len(series), archived=archived))
    return rows


def _fail(run: _Run, symbol: str, reason: str, message: str) -> None:
    run.failures[symbol] = message
    run.store.put_audit(Audit(run.id, symbol, run.request.provider, FAILED, 0, (reason,), message))


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


def _identity(request: IngestRequest) -> str:
    """What makes two requests the same, so that an interrupted one is taken up: its canonical JSON."""
    return msgspec.json.encode(request, order="sorted").decode()


def _run_id(source: str, now: str) -> str:
    stamp = "".join(c for c in now if c.isalnum())[:15]
    return f"ingest-{stamp}-{hashlib.sha256((source + now).encode()).hexdigest()[:8]}"


def _write_universe(path: Path, members: Sequence[Instrument]) -> None:
    from plimsoll.market import universe

    universe.write(path, members, derived=True)


def _plain_note(members: Sequence[Instrument], read: Mapping[str, Any], policy: Policy) -> list[str]:
    """What decides the limits of symbols whose kind nobody gave (D2)."""
    plain = [one.symbol for one in members if one.kind == "plain" and one.symbol in read]
    if not plain:
        return []
    return [
        f"no kind is given for {_some(plain)}: the policy of a run says whether they are funds or stocks "
        f"(limits.plain_symbols_are; {policy.limits.plain_symbols_are}s in {policy.profile}); name kinds and sectors "
        "in a universe file"
    ]


def _told(judged: Sequence[Certification]) -> tuple[str, ...]:
    """What was done with money or left out of prices, in a sentence a reason: the first symbol's figures, and how many
    more have the like.
    """
    notes = []
    for reason in ("VALUE_OUT_OF_DOMAIN", "ACTION_CARRIED", "DIVIDENDS_ON_ADJUSTED_PRICES", "ACTION_OUT_OF_DOMAIN"):
        found = [(c.symbol, f.detail) for c in judged for f in c.flags if f.reason == reason and f.detail]
        if found:
            others = len({symbol for symbol, _ in found}) - 1
            more = f" (and the like for {others} more symbols)" if others else ""
            notes.append(f"{found[0][0]} {reason}: {found[0][1]}{more}")
    return tuple(notes)


def _depth_notes(short: Sequence[str], policy: Policy) -> tuple[str, ...]:
    if not short:
        return ()
    window = f"{policy.data.window_years} years and {policy.data.window_sessions} sessions"
    return (f"shorter than a deep backfill, the longer of {window}: {_some(short)}",)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
