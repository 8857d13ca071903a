"""The live loop on a virtual clock: the backtest's decisions, killed after any write, stopped at any time (E1, X7)."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.app.wiring import recorded_venue
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import PlimsollError
from plimsoll.core.events import DaemonReport, Event, KillChanged, OrderDenied, OrderSubmitted, VenueSnapshot
from plimsoll.core.kill import KillState
from plimsoll.core.order import Fill
from plimsoll.core.policy import GovernorPolicy, Policy
from plimsoll.engine.agenda import acts
from plimsoll.engine.driver import Driver
from plimsoll.engine.live_loop import LiveLoop, signed_once
from plimsoll.engine.live_ports import LiveStatus, Surroundings, Timing
from plimsoll.engine.operator import signer
from plimsoll.engine.publication import published
from plimsoll.engine.recovery import recover
from plimsoll.engine.span import Span, genesis_of
from plimsoll.engine.virtual_time import VirtualClock, VirtualLoop

BASE = Policy()
POLICY = replace(
    BASE, auction=replace(BASE.auction, schedule="week_end"), shaping=replace(BASE.shaping, band_nav=0.002)
)
GOVERNED = replace(POLICY, governor=GovernorPolicy(recorded=True, trade=700))
FIRST, LAST = 300, 323
TICK = 6 * 3_600_000_000


class Killed(BaseException):
    """The process died."""


class Switch:
    """A kill switch in memory."""

    def __init__(self) -> None:
        self.set: tuple[str, ...] = ()
        self.off: frozenset[str] = frozenset()

    def state(self) -> KillState:
        return KillState(self.set, "prices look wrong", "ann") if self.set else KillState()

    def disabled(self) -> frozenset[str]:
        return self.off


class World:
    """An account of one market: its journal outlives its daemons."""

    def __init__(self, trial: Any, last: int = LAST, *, lasting: bool = False) -> None:
        self.last, self.lasting = last, lasting
        self.venue: Any = None
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.driver = Driver(trial.history, trial.run)
        self.events: list[Event] = []
        self.switch, self.told, self.shown = Switch(), list[tuple[str, str]](), list[LiveStatus]()
        self.batches, self.fields = 0, list[dict[str, object]]()

    def trade(self, *, life: int = -1, on: Callable[[LiveLoop, tuple[Event, ...]], None] | None = None) -> str:
        """Run a daemon to its end, or until it dies after ``life`` commits."""
        driver, run = self.driver, self.driver.run
        if not self.events:
            genesis = genesis_of(
                driver.history, run, Span(FIRST, self.last), capital=10_000_000, mode="paper", operator="simulated"
            )
            self.events += [genesis, published(driver.history.panel, digests=True)]
        found = recover(self.events)
        sessions = driver.history.panel.sessions
        row = FIRST if found.last is None else sessions.row_at_or_after(found.last.session)
        worker, left = self.pool, life

        def write(events: Iterable[Event]) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            self.events += (batch := tuple(events))
            self.batches += 1
            left -= 1
            if on is not None:
                on(daemon, batch)

        def log(level: str, event: str, /, **fields: object) -> None:
            self.told.append((level, event))
            self.fields.append(fields)

        journal: Any = type("Journal", (), {"events": lambda _: iter(list(self.events))})()
        if self.venue is None or not self.lasting:  # what a live venue holds outlives the process that sent it
            self.venue = recorded_venue(driver, journal, found, worker)
        venue, opened, opens = self.venue
        venue._live._more = asyncio.Event()  # of the present process's loop
        again, every = not self.lasting, Timing(TICK, TICK, TICK, TICK)
        around = Surroundings(
            venue, "simulated", write, worker, log, self.switch.state,
            self.shown.append, opened, opens, self.switch.disabled, every, again=again,
        )  # fmt: skip
        clock = VirtualClock((int(sessions.days[row]) + (found.last is not None)) * 86_400_000_000)
        sign = signed_once(signer("simulated", run.policy), found.since)

        async def main() -> str:
            return await daemon.run(found)

        try:
            with asyncio.Runner(loop_factory=VirtualLoop) as runner:
                runner.get_loop()
                daemon = LiveLoop(driver, around, clock, acts(sessions, FIRST, self.last), sign)
                return runner.run(main())
        finally:
            if not self.lasting:
                worker.shutdown()


def acted(events: Iterable[Event]) -> list[Event]:
    """What a backtest journals too."""
    return [e for e in events if not isinstance(e, DaemonReport | VenueSnapshot | KillChanged)][2:]


@pytest.mark.parametrize("policy", [POLICY, GOVERNED])
def test_recorded_sessions_through_the_daemon_make_the_backtests_events(
    make_market: Any, backtested: Any, policy: Policy
) -> None:
    fast = backtested(make_market(1, 420, crash=0.01), policy, first=FIRST, last=LAST)
    world = World(fast)
    assert world.trade() == "over"
    assert acted(world.events) == fast.ledger.written[2:]
    assert any(isinstance(e, Fill) for e in world.events)
    assert world.shown[-1].state == "stopped" and world.shown[-1].cycles == LAST - FIRST + 1
    left = world.events[-1]
    assert isinstance(left, DaemonReport) and (left.kind, left.text) == ("stopped", "over")


def test_killed_after_any_commit_it_goes_on_with_the_same_decisions_and_no_fill_twice(
    make_market: Any, backtested: Any
) -> None:
    fast = backtested(make_market(1, 420, crash=0.01), GOVERNED, first=FIRST, last=LAST)
    whole = World(fast, 307)
    whole.trade()
    decided = [e for e in acted(whole.events) if isinstance(e, CycleRecord)]
    filled = [e for e in whole.events if isinstance(e, Fill)]
    for life in range(0, whole.batches, 4):
        world = World(fast, 307)
        with pytest.raises(Killed):
            world.trade(life=life)
        world.trade()
        assert [e for e in world.events if isinstance(e, CycleRecord)] == decided, life
        assert [e for e in world.events if isinstance(e, Fill)] == filled, life


def test_the_kill_switch_lets_nothing_grow_until_every_source_is_clear(make_market: Any, backtested: Any) -> None:
    world = World(backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST))
    world.switch.set = ("file", "environment")

    def later(_: LiveLoop, events: tuple[Event, ...]) -> None:
        decided = sum(isinstance(e, CycleRecord) for e in world.events)
        if isinstance(events[0], CycleRecord) and decided in (9, 16):
            world.switch.set = world.switch.set[1:]

    world.trade(on=later)
    changes = [e for e in world.events if isinstance(e, KillChanged)]
    assert [e.sources for e in changes] == [("file", "environment"), ("environment",), ()]
    until = world.events.index(changes[2])
    assert not [e for e in world.events[:until] if isinstance(e, Fill) and e.lots > 0]
    assert [e for e in world.events[until:] if isinstance(e, Fill) and e.lots > 0]


def test_a_source_that_is_set_between_the_decision_and_the_order_denies_it(make_market: Any, backtested: Any) -> None:
    world = World(backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST))

    def now(_: LiveLoop, events: tuple[Event, ...]) -> None:
        if any(isinstance(e, OrderSubmitted) for e in events):
            world.switch.set = ("file",)

    world.trade(on=now)
    denied = [e for e in world.events if isinstance(e, OrderDenied)]
    assert denied and {e.reasons for e in denied} == {("KILL_SWITCH",)}
    assert not [e for e in world.events if isinstance(e, Fill) and e.lots > 0]


def test_a_strategy_that_is_disabled_may_not_grow(make_market: Any, backtested: Any) -> None:
    fast = backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST)
    world = World(fast)
    world.switch.off = frozenset(s.name for s in fast.run.strategies)
    world.trade()
    assert {e.reasons for e in world.events if isinstance(e, OrderDenied)} == {("STRATEGY_DISABLED",)}
    assert not [e for e in world.events if isinstance(e, Fill) and e.lots > 0]


def test_a_stopped_daemon_journals_what_is_left_and_its_account_goes_on(make_market: Any, backtested: Any) -> None:
    fast = backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST)
    world = World(fast)

    def stop(daemon: LiveLoop, events: tuple[Event, ...]) -> None:
        if any(type(e).__name__ == "OrderAccepted" for e in events):
            daemon.stop("SIGTERM")

    assert world.trade(on=stop) == "SIGTERM"
    last = world.events[-1]
    assert isinstance(last, DaemonReport) and (last.kind, last.text) == ("stopped", "SIGTERM")
    assert recover(world.events).state.working == {} and last.open_orders == ()
    assert any(type(e).__name__ == "OrderCancelled" for e in world.events)
    assert world.trade() == "over"


def test_a_venue_that_does_not_answer_for_its_account_gets_no_order(
    make_market: Any, backtested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plimsoll.core.venue import Unknown
    from plimsoll.execution.venues.recorded import RecordedVenue

    async def silent(_: object) -> Unknown:
        return Unknown("TIMED_OUT")

    monkeypatch.setattr(RecordedVenue, "snapshot", silent)
    world = World(backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST))
    with pytest.raises(PlimsollError, match="positions are unknown"):
        world.trade()
    assert len(world.events) == 2


def test_a_dead_venue_does_not_hold_up_the_end(
    make_market: Any, backtested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plimsoll.execution.venues.recorded import RecordedVenue

    async def dead(*_: object) -> None:
        await asyncio.get_running_loop().create_future()

    world = World(backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST))
    took: list[int] = []

    def stop(loop: LiveLoop, events: tuple[Event, ...]) -> None:
        if any(type(e).__name__ == "OrderAccepted" for e in events) and not took:
            for name in ("submit", "cancel", "query", "snapshot", "close"):
                monkeypatch.setattr(RecordedVenue, name, dead)
            took.append(loop._clock.steady())
            loop.stop("SIGTERM")

    assert world.trade(on=stop) == "SIGTERM"
    last = world.events[-1]
    assert isinstance(last, DaemonReport) and last.kind == "stopped" and last.open_orders
    assert world.shown[-1].at - world.shown[-1].at % 1 <= last.at + 10_000_000
    asked = recover(world.events).state.working
    assert {asked[id].status for id in last.open_orders} == {"PENDING_CANCEL"}


def test_errors_of_the_loop_mean_safe_mode_and_clean_cycles_end_it(
    make_market: Any, backtested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST))
    failing, right = [6], LiveLoop._reconcile

    async def reconciled(self: LiveLoop, *, forced: bool = False) -> bool:
        if not forced and failing[0]:
            failing[0] -= 1
            raise RuntimeError("a defect")
        return await right(self, forced=forced)

    monkeypatch.setattr(LiveLoop, "_reconcile", reconciled)
    world.trade()
    modes = [told for told in world.told if told[1] in ("cycle_error", "safe_mode")]
    assert modes == [("error", "cycle_error")] * 6 + [("critical", "safe_mode"), ("warning", "safe_mode")]
    assert len([e for e in world.events if isinstance(e, CycleRecord)]) == LAST - FIRST + 1


def test_entries_that_a_dead_process_left_at_a_venue_are_cancelled_before_anything_is_sent(
    make_market: Any, backtested: Any
) -> None:
    world = World(backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST), lasting=True)

    def die(_: LiveLoop, events: tuple[Event, ...]) -> None:
        if any(type(e).__name__ == "OrderAccepted" for e in events):
            raise Killed

    with pytest.raises(Killed):
        world.trade(on=die)
    dead = len(world.events)
    left = recover(world.events).state.working
    assert {one.status for one in left.values()} == {"ACCEPTED", "SUBMITTED"}
    assert world.trade() == "over"
    after = [e for e in world.events[dead:] if not isinstance(e, VenueSnapshot)]
    names = [type(e).__name__ for e in after]
    first = names.index("OrderSubmitted")
    never = [e for e in after[:first] if getattr(e, "reason", "") == "NEVER_ARRIVED"]
    orphans = [e for e in after[:first] if getattr(e, "reason", "") == "ORPHAN"]
    ended = [e for e in after[:first] if type(e).__name__ == "OrderCancelled"]
    assert {e.id for e in never} == {id for id, one in left.items() if one.status == "SUBMITTED"}
    assert {e.id for e in orphans} == {e.id for e in ended} == {i for i, o in left.items() if o.status == "ACCEPTED"}
    assert "DaemonReport" in names[:first] and after[names.index("DaemonReport")].counts["cancelled"] == 1
    wire = [e.id for e in world.events if type(e).__name__ == "OrderSubmitted"]
    assert len(wire) == len(set(wire))


def test_a_session_that_was_begun_and_then_failed_is_not_begun_again_and_its_orders_are_asked_about(
    make_market: Any, backtested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(backtested(make_market(1, 420, crash=0.01), POLICY, first=FIRST, last=LAST))
    failing, right = [1], LiveLoop._carry_out

    async def carried_out(self: LiveLoop, commands: Any) -> None:
        if failing and commands:
            failing.pop()
            raise RuntimeError("a defect")
        await right(self, commands)

    monkeypatch.setattr(LiveLoop, "_carry_out", carried_out)
    assert world.trade() == "over"
    begun = [e.session for e in world.events if isinstance(e, DaemonReport) and e.kind == "session_opened"]
    assert len(begun) == len(set(begun)) == LAST - FIRST
    sent = [e.id for e in world.events if isinstance(e, OrderSubmitted)]
    assert len(sent) == len(set(sent))
    asked = [getattr(e, "reason", "") for e in world.events]
    assert asked.count("NEVER_ARRIVED") == asked.count("NOT_AT_VENUE") == 2
    assert any(isinstance(e, Fill) for e in world.events)
