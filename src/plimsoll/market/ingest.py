"""Stage 1: from a provider to a certified, published snapshot (D4, D7, D8, D13, D14).

A run asks the provider that routing chose, keeps its pages, stores each symbol's rows together with their audit, and
publishes a panel rebuilt from *all* rows of the home. Every step can be repeated: rows that did not change are not
written, the same rows make the same snapshot, and a run that was interrupted is taken up under its own id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from plimsoll.core.dates import day_number
from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification
from plimsoll.core.policy import Policy
from plimsoll.core.ports import BarStore
from plimsoll.market import certify, instruments, intake, publish
from plimsoll.market.capability import MATRIX
from plimsoll.market.cells import some
from plimsoll.market.gathered import CURRENCY_REFUSED, Gathered, gathered
from plimsoll.market.ingest_warnings import warnings
from plimsoll.market.intake import Archive, Intake, Progress, begin
from plimsoll.market.readings import OK
from plimsoll.market.request import IngestPlan, IngestRequest, planned
from plimsoll.market.routing import RouteTaken
from plimsoll.market.settle import MACRO, Settling, settle

__all__ = ["Archive", "IngestReport", "IngestRequest", "Progress", "begin", "ingest", "planned"]


class IngestReport(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a run. ``rows`` counts rows new or changed; ``states`` and ``symbols`` are this run's; ``failures``
    maps a symbol or file to what is wrong with it; ``warnings`` say what certification holds against symbols; ``alert``
    is empty unless too many were rejected. ``route`` says how the provider was chosen and who was passed over;
    ``pages`` how many it gave, of which ``pages_kept`` were held from an interrupted attempt.
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
    route: RouteTaken
    pages: int
    pages_kept: int
    warnings: tuple[str, ...] = ()


def ingest(
    plan: IngestPlan,
    store: BarStore,
    archive: Archive,
    snapshots: Path,
    policy: Policy,
    now: str,
    progress: Progress | None = None,
    begun: Intake | None = None,
) -> IngestReport:
    """Ingest a plan's data, certify the home and publish its snapshot.

    Parameters
    ----------
    store, archive : of the home; ``snapshots`` is its folder of snapshots, beside which ``universe.json`` is written
        when the universe is derived from the source (D1).
    now : ISO instant the run starts, UTC; it dates the audit and bounds what counts as the future, nothing else.
    begun : what ``begin`` gave for this plan, where the home is new; begun here when absent.

    Raises
    ------
    What ``begin`` raises; InputError for a mixture of synthetic and real data. What cannot be used leaves nothing in
    the home; a provider that fails on the way leaves its pages, and the same request goes on behind them.
    """
    run, resumed, begun = _opened(plan, store, archive, now, begun, snapshots.parent)
    kept = len(begun.held)
    found = _taken(begun, run, store, archive, progress)
    settling = Settling(
        run=run,
        plan=plan,
        store=store,
        archive=archive,
        policy=policy.data,
        last_day=day_number(now[:10]) if plan.fetch.end is None else plan.fetch.end,
        done={a.symbol: a.archived for a in store.audits() if a.run == run and a.status == OK},
        notes=list(found.notes),
    )
    rows = _stored(settling, found, policy, progress)
    published = _published(settling, snapshots, policy)
    mine = [c for c in published.certifications if c.symbol in found.bars or c.symbol in found.failures]
    states = [c.state for c in mine]
    alert = certify.alert(states, policy.data)
    archive.unstage(run)
    with store.transaction():
        store.drop_pages(run)
        store.finish_run(run, OK, now, alert)
    return IngestReport(
        run=run,
        provider=plan.name,
        source=plan.request.source,
        snapshot=published.snapshot,
        synthetic=plan.synthetic,
        resumed=resumed,
        symbols=tuple(found.bars),
        macro=tuple(found.macro),
        rows=rows,
        states={state: states.count(state) for state in sorted(set(states))},
        failures=settling.failures,
        alert=alert,
        notes=(*settling.notes, *_told(mine), *_depth_notes(published.short, policy)),
        route=plan.route,
        pages=len(begun.held),
        pages_kept=kept,
        warnings=warnings(mine),
    )


def _stored(settling: Settling, found: Gathered, policy: Policy, progress: Progress | None) -> int:
    """Universe, list of sources and rows of a reading; how many rows are new or different."""
    store = settling.store
    members, derived = _members(settling.plan, found, store)
    store.put_instruments(tuple(members.values()), derived)
    listed = [{"name": r.name, "sha256": r.sha256, "size": r.size, "kept": r.content is not None} for r in found.raw]
    settling.archive.put(settling.run, "sources", listed)
    rows = settle(settling, found, members, progress)
    settling.notes.extend(_plain_note(store.instruments()[0], found, policy))
    return rows


def _published(settling: Settling, snapshots: Path, policy: Policy) -> publish.Published:
    """The snapshot of the whole home, with the states it certifies on record and a derived universe written out."""
    store, plan = settling.store, settling.plan
    published = publish.publish(store, snapshots, policy, plan.fetch.end, plan.synthetic, settling.run)
    store.put_certifications(settling.run, published.certifications)
    if published.derived_universe:
        _write_universe(snapshots.parent / "universe.json", store.instruments()[0])
    return published


def _opened(
    plan: IngestPlan, store: BarStore, archive: Archive, now: str, begun: Intake | None, home: Path
) -> tuple[str, bool, Intake]:
    """The run, whether it takes up an interrupted one, and its reading, begun; on record with how it was routed."""
    identity = json.dumps(msgspec.to_builtins(plan.request), sort_keys=True)  # ASCII, also of a name that is no text
    pending = store.unfinished(plan.name, identity)
    run = pending or _run_id(identity, now)
    begun = begun or (intake.resumed(plan, run, store, archive) if pending else begin(plan))
    _refuse_mixture(plan, store, home)
    with store.transaction():
        store.begin_run(run, plan.name, identity, now, msgspec.json.encode(plan.route).decode())
    return run, pending is not None, begun


def _taken(begun: Intake, run: str, store: BarStore, archive: Archive, progress: Progress | None) -> Gathered:
    """All pages kept, and what they say; a reading that turns out to be of no use leaves nothing of its run."""
    try:
        intake.take(begun, run, store, archive, progress)
    except UsageError:
        _withdraw(run, store, archive)
        raise
    try:
        return gathered(begun.plan, begun.held)
    except PlimsollError:
        _withdraw(run, store, archive)
        raise


def _withdraw(run: str, store: BarStore, archive: Archive) -> None:
    """Take back a run that was refused; one that an earlier attempt had begun to store stays, to be taken up."""
    if any(audit.run == run for audit in store.audits()):
        return
    archive.discard(run)
    with store.transaction():
        store.drop_pages(run)
        store.drop_run(run)


def _refuse_mixture(plan: IngestPlan, store: BarStore, home: Path) -> None:
    """A home is synthetic or real, never both: a mixture could be mistaken for either."""
    made_up = {name for name, row in MATRIX.items() if row.synthetic}
    held = {a.provider in made_up for a in store.audits() if a.status in (OK, MACRO)}
    if held and held != {plan.synthetic}:
        here, there = ("synthetic", "real") if plan.synthetic else ("real", "synthetic")
        raise InputError(
            f"The home {home} holds {there} data and the source is {here}", "Choose another home with --home"
        )


def _members(plan: IngestPlan, read: Gathered, store: BarStore) -> tuple[dict[str, Instrument], bool]:
    """The instruments this run adds or replaces, and whether they were derived from the source (D1).

    A universe file decides who they are. Without one the source does, and what the home knows already stands.
    """
    if plan.listed is not None:
        return plan.listed, False
    known = {one.symbol: one for one in store.instruments()[0]}
    found: dict[str, Instrument] = {}
    for symbol in (*read.bars, *read.failures):
        if symbol in known or symbol in read.macro or read.failures.get(symbol, ("",))[0] == CURRENCY_REFUSED:
            continue
        try:
            found[symbol] = read.instruments.get(symbol) or instruments.infer(symbol)
        except InputError:
            continue  # a file that could not be read and does not name a symbol: the audit alone knows it
    return found, True


def _run_id(source: str, now: str) -> str:
    stamp = "".join(c for c in now if c.isalnum())[:15]
    return f"ingest-{stamp}-{hashlib.sha256((source + now).encode()).hexdigest()[:8]}"


def _write_universe(path: Path, members: Sequence[Instrument]) -> None:
    from plimsoll.market import universe

    universe.write(path, members, derived=True)


def _plain_note(members: Sequence[Instrument], read: Gathered, policy: Policy) -> list[str]:
    """Note on symbols without a stated kind (D2)."""
    plain = [one.symbol for one in members if one.kind == "plain" and one.symbol in read.bars]
    if not plain:
        return []
    return [
        f"no kind is given for {some(plain)}: the policy of a run treats them as funds or stocks "
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
    return (
        f"shorter than a deep backfill, the longer of {window} (ACTIVE needs {policy.data.rows_active}): {some(short)}",
    )
