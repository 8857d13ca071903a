"""Load a past session of a run with all inputs of its decision, to explain or replay it (G4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from msgspec import structs

from plimsoll.alpha import registry
from plimsoll.analysis import replay as engine_replay
from plimsoll.analysis.case import Case, Otherwise, Subject
from plimsoll.analysis.case import bids as bids_of
from plimsoll.analysis.evidence import data_findings, subjects
from plimsoll.analysis.explain import explain as explain_symbol
from plimsoll.analysis.otherwise import of_bid, of_line
from plimsoll.analysis.session_summary import SessionExplanation, summarise
from plimsoll.analysis.what_if import World
from plimsoll.core.dates import iso_day
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.events import (
    CapsGranted,
    CertificationChanged,
    DataPublished,
    DataRestated,
    Genesis,
    OrderDenied,
    OrderExpired,
    Proof,
)
from plimsoll.core.order import Fill
from plimsoll.core.panel import History, Panel, View
from plimsoll.core.policy import Policy, policy_hash
from plimsoll.core.ports import RunCatalogue, RunReader, SnapshotStore
from plimsoll.core.runs import Passage
from plimsoll.core.sessions import Sessions
from plimsoll.engine.code import code_hash
from plimsoll.engine.history import history_of
from plimsoll.engine.recovery import recover
from plimsoll.engine.run_context import RunContext
from plimsoll.store import codec


@dataclass(frozen=True, eq=False)
class Past:
    """A decided session: the passage of its run's journal, its own snapshot, and the context with the run's own policy.

    ``auction`` is the passage of the decision that set the target portfolio in force, None where there is none, and
    ``earlier`` what that one was decided on where that was another snapshot and is still there. ``reader`` is asked
    again for what lies before the session, so it stays open as long as the session is looked at.
    """

    reader: RunReader
    passage: Passage
    auction: Passage | None
    history: History
    run_context: RunContext
    earlier: tuple[History, RunContext] | None = None

    @property
    def panel(self) -> Panel:
        """The snapshot the session was decided on."""
        return self.history.panel

    @property
    def run(self) -> str:
        """The run's name."""
        return self.reader.run

    @property
    def proof(self) -> Proof:
        """What the run's journal was verified to."""
        return self.reader.proof

    def decided_on(self, record: CycleRecord) -> tuple[View, RunContext]:
        """What the session, or its auction, saw, and the context it was decided in."""
        history, run_context = self.history, self.run_context
        if self.earlier is not None and record.snapshot != self.panel.snapshot:
            history, run_context = self.earlier
        return View(history, history.panel.sessions.row_at_or_after(record.session)), run_context


def find(
    reader: RunReader, runs: RunCatalogue, snapshots: SnapshotStore, on: str | None, present: Callable[[], Policy]
) -> Past:
    """The session ``on`` (ISO date, the last one decided by default) of a run of ``runs`` that ``reader`` reads.

    ``present`` makes the policy in force now: it serves a run whose own was not stored, if its hash is the run's.

    Raises
    ------
    UsageError
        Nothing was decided on that date; the message names the sessions around it.
    InputError
        The run's snapshot or policy is not there.
    CorruptionError
        The journal, the stored policy or the snapshot is not what was written.
    """
    genesis = reader.genesis
    session = on or reader.last_decided or genesis.start
    found, auction = passages(reader, session)
    if found is None:
        last = reader.last_decided
        newest = None if last is None else reader.session(last)
        decided_on = genesis.snapshot if newest is None else newest.record.snapshot
        raise _not_decided(snapshots.open(decided_on).sessions, session, reader.run, genesis, last)
    policy = policy_of(runs, reader.run, genesis, present)
    strategies = registry.load(policy.strategies.enabled)

    def decided(snapshot: str) -> tuple[History, RunContext]:
        panel = snapshots.open(snapshot).resolved(policy.limits.plain_symbols_are)
        run = RunContext(policy, strategies, panel.instruments, account=genesis.account, code=code_hash(strategies))
        return history_of(panel, policy, strategies), run

    history, run_context = decided(found.record.snapshot)
    held_on = found.record.snapshot if auction is None else auction.record.snapshot
    earlier = None  # where it is gone, the auction is explained from the later one and not decided again
    if held_on != found.record.snapshot and held_on in snapshots.hashes():
        earlier = decided(held_on)
    return Past(reader, found, auction, history, run_context, earlier)


def passages(reader: RunReader, session: str) -> tuple[Passage | None, Passage | None]:
    """The passage of a session, and that of the decision that set the target portfolio in force; None where there is
    none.
    """
    found = reader.session(session)
    if found is None or found.record.auction is not None:
        return found, found
    portfolio = found.record.carried.portfolio
    return found, None if portfolio is None else reader.session(iso_day(portfolio.day))


def explain(past: Past, symbol: str | None = None) -> SessionExplanation:
    """The session in a page, and the chain of ``symbol`` or of every tradable symbol.

    What would have changed a decision is looked for where one symbol is asked for.

    Between auctions the chain goes back to the decision that set the target portfolio in force. ``UsageError`` for a
    symbol the snapshot does not hold.
    """
    panel, record = past.panel, past.passage.record
    if symbol is not None and symbol not in panel.column:
        if symbol.upper() not in panel.column:
            raise _unknown(symbol, panel)
        symbol = symbol.upper()
    past_case = case(past)
    view = _view(past, record)
    universe = tuple(i.symbol for i in panel.instruments if i.tradable)
    asked = universe if symbol is None else (symbol,)
    at_auction = None if past_case.auction is None else (*past.decided_on(past_case.auction), past_case.auction)
    found = subjects(view, past.run_context, record, at_auction, asked)
    if symbol is not None:  # a second or two a symbol: for the one that is asked for
        found = tuple(_proven(past, past_case, found))
    chains = tuple(explain_symbol(past_case, s) for s in found)
    return structs.replace(summarise(past_case, universe, chains), journal=past.proof)


def _proven(past: Past, past_case: Case, found: tuple[Subject, ...]) -> list[Subject]:
    """The subjects with what would have changed the decision on them, and on their bids at the auction in force.

    By deciding those two sessions again, with one figure after the other moved (``analysis/otherwise.py``).
    """
    record = past.passage.record
    world = _world(past, past.passage)
    at_auction = world if past.auction is past.passage else None if past.auction is None else _world(past, past.auction)
    proven = []
    for subject in found:
        symbol = subject.instrument.symbol
        answer: Otherwise | None = Otherwise()
        if symbol in record.symbols:
            answer = None if world is None else of_line(world, record, symbol)
        of_bids: tuple[tuple[str, Otherwise], ...] = ()
        if at_auction is not None and past_case.auction is not None:
            mine = bids_of(past_case, symbol)
            of_bids = tuple((b.strategy, of_bid(at_auction, past_case.auction, b)) for b in mine)
        proven.append(structs.replace(subject, otherwise=answer, bids=of_bids))
    return proven


def _world(past: Past, passage: Passage) -> World | None:
    """What a session was decided from; None where it is not decided now as it was then (another version, say)."""
    record = passage.record
    state = recover(past.reader.before(record.session)).state
    view, run_context = past.decided_on(record)
    world = World(view, state, run_context)
    again = structs.replace(
        world.decided(), code=record.code, policy=record.policy
    )  # what is new in them decides nothing here
    return world if codec.encode(again) == codec.encode(record) else None


def case(past: Past) -> Case:
    """What an explanation of the session is made from, the decision that set the target portfolio in force included."""
    record = past.passage.record
    auction = None if past.auction is None else past.auction.record
    return Case(
        run=past.run,
        record=record,
        auction=auction,
        fills=tuple(e for e in past.passage.after if isinstance(e, Fill)),
        pre_open=tuple(e for e in past.passage.pre_open if isinstance(e, Fill)),
        policy=past.run_context.policy,
        data=data_findings(_view(past, record), past.run_context, record),
        auction_data=() if auction is None else data_findings(*past.decided_on(auction), auction),
        synthetic=past.panel.synthetic,
        expired=tuple(e for e in past.passage.after if isinstance(e, OrderExpired)),
        denied=tuple(e for e in past.passage.after if isinstance(e, OrderDenied)),
        changes=tuple(
            e
            for e in past.passage.pre_open
            if isinstance(e, DataPublished | DataRestated | CertificationChanged | CapsGranted)
        ),
        pre_ended=tuple(e for e in past.passage.pre_open if isinstance(e, OrderDenied | OrderExpired)),
        unexplained=tuple(
            (one.symbol, flag)
            for one in past.panel.certifications
            if one.symbol in record.symbols
            for flag in one.unexplained
            if flag.day <= record.session
        ),
    )


def replay(past: Past) -> engine_replay.SessionReplay:
    """The session decided again from snapshot, policy and journal, compared byte for byte with what was journaled."""
    found = past.passage
    before = past.reader.before(found.record.session)
    again = engine_replay.replay(
        before, found.record, found.payload, past.history, past.run_context, codec.encode, past.run
    )
    return structs.replace(again, journal=past.proof)


def _view(past: Past, record: CycleRecord) -> View:
    return View(past.history, past.panel.sessions.row_at_or_after(record.session))


def policy_of(runs: RunCatalogue, run: str, genesis: Genesis, present: Callable[[], Policy]) -> Policy:
    """The policy a run was made under: the stored one, else the present one if its hash is the run's."""
    stored = runs.policy(run, genesis.policy)
    if stored is not None:
        return stored
    policy = present()
    if policy_hash(policy) != genesis.policy:
        raise InputError(
            f"The policy of run {run!r} was not stored, and the present one is another "
            f"({genesis.policy[:16]} then, {policy_hash(policy)[:16]} now)",
            "Give the --profile and --policy of that run, or use the version of plimsoll that made it",
        )
    return policy


def _not_decided(sessions: Sessions, on: str, run: str, genesis: Genesis, last: str | None) -> UsageError:
    """Why nothing was decided on a date: outside the run, no session, or the run ended before."""
    end = genesis.end if last is None else max(last, genesis.end)
    span = f"Run {run} decided from {genesis.start} to {end}"
    before, after = sessions.row_at_or_before(on), sessions.row_at_or_after(on)
    dates = sessions.dates
    if 0 <= before == after:
        inside = genesis.start <= on <= end
        ended = "; it stopped before that date, or has not come to it yet (see 'plimsoll runs')" if inside else ""
        return UsageError(f"There is no decision on {on} in run {run}", span + ended)
    around = [dates[r] for r in (before, after) if 0 <= r < len(dates)]
    return UsageError(f"{on} is not a session", f"The sessions around it: {' and '.join(around)}. {span}")


def _unknown(symbol: str, panel: Panel) -> UsageError:
    near = get_close_matches(symbol.upper(), panel.symbols, 1)
    holds = f"It holds {', '.join(panel.symbols[:20])}{', …' if len(panel.symbols) > 20 else ''}"
    return UsageError(
        f"{symbol!r} is not in the run's snapshot", f"Did you mean {near[0]!r}? {holds}" if near else holds
    )
