"""The daemon on a virtual clock: the backtest's decisions, a kill switch that is obeyed, and kills that lose nothing
(E1, E2, X7, X10).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.alpha.registry import load
from plimsoll.app.wiring import simulated_exchange
from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Event, KillChanged, OrderExpired, OrderSubmitted
from plimsoll.core.kill import KillState
from plimsoll.core.order import Fill
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.engine.daemon import SECOND, Daemon, DaemonMoment
from plimsoll.engine.driver import RunState
from plimsoll.engine.history import history_of
from plimsoll.engine.pace import ReplayClock
from plimsoll.engine.paper import PaperSession
from plimsoll.engine.recorded import run_backtest
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span
from plimsoll.store import codec
from plimsoll.store.journal import SqliteJournal

BASE = Policy()
POLICY = replace(
    BASE,
    auction=replace(BASE.auction, schedule="week_end"),
    shaping=replace(BASE.shaping, band_nav=0.002),
)
SPAN = Span(349, 364)
ON = KillState(("file",))
FLAT = KillState(("command",), "closing", "ann", flatten=True)


class Killed(Exception):
    """The process died."""


class Kept:
    """A journal in memory that outlives its process, which dies after ``life`` more writes."""

    def __init__(self, events: Iterable[Event] = (), life: int = -1) -> None:
        self.written, self.life = list(events), life

    def append(self, event: Event) -> str:
        if self.life == 0:
            raise Killed
        self.life -= 1
        self.written.append(codec.decode(*codec.encode(event)))
        return ""

    def append_many(self, events: Iterable[Event]) -> str:
        return [self.append(event) for event in events][-1]

    def events(self) -> Iterator[Event]:
        return iter(list(self.written))

    def commit(self) -> None: ...

    def close(self) -> None: ...


class Around:
    """The kill switch by recorded time: what holds from each moment on; and what the daemon told."""

    def __init__(self, clock: ReplayClock, plan: Sequence[tuple[int, KillState]]) -> None:
        self.clock, self.plan = clock, plan
        self.beats: list[DaemonMoment] = []
        self.decided_on: list[str] = []

    def kill_state(self) -> KillState:
        return next((state for at, state in reversed(self.plan) if self.clock.now() >= at), KillState())

    def newer(self) -> bool:
        return False

    def beat(self, moment: DaemonMoment) -> None:
        self.beats.append(moment)

    def decided(self, state: RunState) -> None:
        assert state.last is not None
        self.decided_on.append(state.last.session)


class World:
    """A recorded market, traded by a daemon that may be killed."""

    def __init__(self, panel: Panel) -> None:
        self.history = history_of(panel, POLICY)
        self.dates = panel.sessions.dates
        self.opens = panel.sessions.opens * SECOND
        self.closes = panel.sessions.closes * SECOND
        self.died: int | None = None

    def daemon(
        self,
        journal: Kept,
        plan: Sequence[tuple[int, KillState]] = (),
        act: Callable[[Daemon, Around], None] | None = None,
    ) -> Around:
        clock = ReplayClock(int(self.opens[SPAN.first]) if self.died is None else self.died)
        around = Around(clock, plan)
        paper = PaperSession(
            lambda: self.history, self.context, SPAN, lambda: journal, simulated_exchange,
            capital=10_000_000, operator="simulated",
        )  # fmt: skip
        with ThreadPoolExecutor(1) as worker:
            one = Daemon(lambda: paper, around, clock, worker, tick=3600 * SECOND)
            if act is not None:
                act(one, around)
            try:
                asyncio.run(one.run())
                self.died = None
            except Killed:
                self.died = clock.now()  # the next process starts no earlier
                raise
        return around

    def context(self, found: Any) -> RunContext:
        return RunContext(POLICY, load(POLICY.strategies.enabled), found.panel.instruments)


def decisions(events: Iterable[Event]) -> list[bytes]:
    return [codec.encode(event)[1] for event in events if isinstance(event, CycleRecord)]


def lines(events: Iterable[Event]) -> list[tuple[str, bytes]]:
    return [codec.encode(event) for event in events]


@pytest.fixture(scope="module")
def world(make_market: Callable[..., Panel]) -> World:
    return World(make_market(2, 420, crash=0.01, at=352))


@pytest.fixture(scope="module")
def plan(world: World) -> tuple[tuple[int, KillState], ...]:
    """On over the third open, off after the sixth close, flatten inside the ninth session, off before the twelfth."""
    at = SPAN.first
    return (
        (int(world.opens[at + 3]) - 3600 * SECOND, ON),
        (int(world.closes[at + 6]), KillState()),
        (int(world.opens[at + 9]) + 7200 * SECOND, FLAT),
        (int(world.opens[at + 12]) - 1, KillState()),
    )


def test_its_decisions_are_the_backtests(world: World, tmp_path: Path) -> None:
    journal = Kept()
    around = world.daemon(journal)
    with SqliteJournal(tmp_path / "run.db", durable=False) as other:
        run_backtest(world.history, world.context(world.history), SPAN, other, capital=10_000_000, operator="simulated")
        assert decisions(journal.written) == decisions(other.events())
    assert around.decided_on == list(world.dates[SPAN.first : SPAN.last + 1])


def test_the_kill_switch_forbids_new_risk_from_the_next_open_and_flatten_sells_everything(
    world: World, plan: Sequence[tuple[int, KillState]]
) -> None:
    journal = Kept()
    world.daemon(journal, plan)
    changes = [event for event in journal.written if isinstance(event, KillChanged)]
    assert [(c.sources, c.flatten, c.reason, c.by) for c in changes] == [
        (("file",), False, "", ""), ((), False, "", ""), (("command",), True, "closing", "ann"), ((), False, "", ""),
    ]  # fmt: skip
    killed, flatten, held, bought = False, False, {}, 0
    for event in journal.written:
        match event:
            case KillChanged():
                killed, flatten = bool(event.sources), event.flatten
            case Fill(symbol=symbol, lots=lots):
                assert not killed or lots * held.get(symbol, 0) < 0 or event.reason != "ORDER"
                bought += lots > 0
                held[symbol] = held.get(symbol, 0) + lots
            case CycleRecord() if killed:
                assert all(order.reduce_only for order in event.intents)
                assert event.carried.mode == "RESTRICTED"
                if flatten:
                    sold = {order.symbol for order in event.intents}
                    assert sold == {symbol for symbol, lots in held.items() if lots} or not sold
    assert bought > 3
    ended = {e.reason for e in journal.written if isinstance(e, OrderExpired)}
    assert "KILL_SWITCH" in ended  # decided before, and not sent
    after = [e for e in journal.written if isinstance(e, CycleRecord)]
    assert not any(after[11].held)  # two closes after the flatten nothing is left


def test_killed_after_any_write_and_started_again_nothing_differs(
    world: World, plan: Sequence[tuple[int, KillState]]
) -> None:
    whole = Kept()
    world.daemon(whole, plan)
    expected = lines(whole.written)
    assert {"kill_changed", "fill", "order_submitted", "order_expired"} <= {kind for kind, _ in expected}
    for life in range(1, len(expected), 3):  # one in three: all of them take ten seconds
        corpse = Kept(life=life)
        with pytest.raises(Killed):
            world.daemon(corpse, plan)
        again = Kept(corpse.written)
        world.daemon(again, plan)
        assert lines(again.written) == expected, f"killed after write {life}"


def test_stopped_it_ends_after_the_step_in_progress_and_goes_on_where_it_was(world: World) -> None:
    whole, journal = Kept(), Kept()
    world.daemon(whole)

    def stop_after_three(one: Daemon, around: Around) -> None:
        inner = around.decided

        def decided(state: RunState) -> None:
            inner(state)
            if len(around.decided_on) == 3:
                one.stop()

        around.decided = decided  # type: ignore[method-assign]

    assert len(world.daemon(journal, act=stop_after_three).decided_on) == 3
    world.daemon(journal)
    assert lines(journal.written) == lines(whole.written)


def test_no_order_is_sent_between_the_change_of_the_switch_and_its_end(
    world: World, plan: Sequence[tuple[int, KillState]]
) -> None:
    journal = Kept()
    world.daemon(journal, plan)
    killed, working = False, set()
    reduces = {o.id: o.reduce_only for e in journal.written if isinstance(e, CycleRecord) for o in e.intents}
    for event in journal.written:
        if isinstance(event, KillChanged):
            killed = bool(event.sources)
        elif isinstance(event, OrderSubmitted):
            assert not killed or reduces[event.id]
            working.add(event.id)
    assert working


def test_the_heartbeat_has_its_documented_form(world: World) -> None:
    beats = world.daemon(Kept()).beats
    assert len(beats) > 20 and beats[-1].cycles >= 15
    assert beats[0].line == "HEARTBEAT | uptime=0s | symbols=5 | cycles=0 | model_errors=0 | arima_fb=0".replace(
        "symbols=5", f"symbols={beats[0].symbols}"
    )
    assert all(later.now > earlier.now for earlier, later in pairwise(beats))
