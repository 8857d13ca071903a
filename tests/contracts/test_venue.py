"""What every venue must do behind its port, and what the order path makes of it, faults or not (X1, X2, X3, X6).

Each venue trades recorded sessions with random orders through the order manager. Whatever is lost, late, repeated or
wrong on the way: no order reaches the venue twice, the state refuses nothing that was believed, and once the venue
answers the state is the venue's own account, which it keeps by another ledger.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.decision import Carried
from plimsoll.core.events import CashFlow, Event, EventQuarantined, PositionAdopted, Split
from plimsoll.core.inputs import Cancel, Command, Notify, Query, Submit
from plimsoll.core.order import Fill, Order, client_id
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, Venue, VenueEvent
from plimsoll.engine.history import history_of
from plimsoll.execution.actions import on_row
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.matching import Matcher
from plimsoll.execution.oms import OrderPlan, believed, of_query, of_submit, planned
from plimsoll.execution.reconcile import reconciled
from plimsoll.execution.venues.faulty import QUIET, AmendableVenue, Faults, FaultyVenue
from plimsoll.execution.venues.quoted import QuotedVenue
from plimsoll.execution.venues.simulated import SimulatedVenue

FIRST, LAST = 300, 318
START = 20_000_000
Wrap = Callable[[AmendableVenue, int], Venue]
VENUES: dict[str, Wrap] = {
    "simulated": lambda inner, seed: inner,
    "quiet line": lambda inner, seed: FaultyVenue(inner, QUIET, seed),
    "bad line": lambda inner, seed: FaultyVenue(inner, Faults(), seed),
    "worst line": lambda inner, seed: FaultyVenue(
        inner, Faults(0.5, 0.4, 0.7, 0.6, 0.7, 0.5, busted=0.3, corrected=0.4, overfilled=0.3, fee_apart=0.5), seed
    ),
    "line that recounts": lambda inner, seed: FaultyVenue(
        inner, replace(QUIET, late=0.3, recounted=0.4, stopped=0.3, again=0.5, busted=0.2, patience=1), seed
    ),
}


class Counted(SimulatedVenue):
    """The simulated venue, counting how often an order's id reached it."""

    arrived: Counter[str]

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        self.arrived[order.id] += 1
        return await super().submit(order)


class CountedQuotes(QuotedVenue):
    """The venue of quotes at the opens of recorded sessions, counting how often an order's id reached it."""

    arrived: Counter[str]

    @classmethod
    def restored(cls, matcher: Matcher, state: State) -> CountedQuotes:
        ledger = Ledger({"USD": state.cash}, dict(zip(state.symbols, state.lots.tolist(), strict=True)))
        units = {i.symbol: i.lots_per_unit for i in matcher.history.panel.instruments}
        venue = cls(ledger, units, np.random.default_rng(0), parts=0.3)
        venue.panel = matcher.history.panel
        venue.open(FIRST - 1)
        return venue

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        if hasattr(self, "arrived"):
            self.arrived[order.id] += 1
        return await super().submit(order)

    def booked(self, event: CashFlow | Split | Fill) -> None:
        match event:
            case CashFlow():
                self.ledger.paid(event.cents)
            case Split():
                self.close(event.symbol)
                self.ledger.restated(event.symbol, event.lots)
            case Fill():
                self.amended(event)

    def open(self, row: int) -> None:
        self.begin(self.panel.sessions.dates[row])
        for symbol, column in self.panel.column.items():
            if np.isfinite(price := float(self.panel.open[row, column])):
                self.quoted(symbol, price * 0.999, price * 1.001)
        self.minute()


INNER: dict[str, type[Counted | CountedQuotes]] = {"recorded": Counted, "quoted": CountedQuotes}


class Desk:
    """The smallest shell there is: it does commands, believes events and keeps what it journals."""

    def __init__(self, matcher: Matcher, wrap: Wrap, seed: int, inner: str = "recorded") -> None:
        self.matcher, self.panel = matcher, matcher.history.panel
        self.instruments = {i.symbol: i for i in self.panel.instruments}
        n = len(self.panel.symbols)
        carried = Carried(ladder=LadderState(START, START))
        self.state = State(self.panel.symbols, np.zeros(n, np.int64), np.full(n, np.nan), START, carried)
        self.inner = INNER[inner].restored(matcher, self.state)
        self.inner.arrived = Counter()
        self.venue = wrap(self.inner, seed)
        self.draw = np.random.default_rng(seed)
        self.journal: list[Event] = []
        self.told: list[str] = []

    def happened(self, event: Event | None) -> None:
        if event is not None:
            self.state = apply(self.state, event)  # raises where it is not allowed
            self.journal.append(event)

    async def does(self, plan: OrderPlan, session: str) -> None:
        for event in plan.events:
            self.happened(event)
        for command in plan.commands:
            await self.command(command, session)

    async def command(self, command: Command, session: str) -> None:
        match command:
            case Submit(order):
                self.happened(of_submit(self.state, session, order.id, await self.venue.submit(order)))
            case Cancel(id):
                await self.venue.cancel(id)
            case Query(id):
                self.happened(of_query(self.state, session, id, await self.venue.query(id)))
            case Notify(_, text):
                self.told.append(text)

    async def hears(self) -> None:
        async for event in self.venue.events():
            self.happened(believed(self.state, event))

    def decides(self, row: int) -> None:
        """Random orders, as a record makes them: sales of at most what is held, purchases of anything."""
        session = self.panel.sessions.dates[row]
        self.state = replace(self.state, session=session)
        for symbol in ("SPY", "GLD", "BTC-USD"):
            held = max(int(self.state.lots[self.state.symbols.index(symbol)]), 0)
            lots = int(self.draw.integers(-held, held + 80)) if self.draw.random() < 0.6 else 0
            if lots:
                side = "buy" if lots > 0 else "sell"
                price = float(self.panel.close[row, self.panel.column[symbol]])
                id = client_id("contract", session, symbol, side)
                self.happened(Order(id, session, symbol, lots, lots < 0, price))

    async def session(self, row: int) -> None:
        session = self.panel.sessions.dates[row]
        for event in on_row(self.state, self.matcher.history, row, self.matcher.policy):
            assert isinstance(event, CashFlow | Split | Fill)
            self.happened(event)
            self.inner.booked(event)
        self.inner.open(row)
        await self.hears()
        self.decides(row)
        await self.does(planned(self.state, session, self.venue.rules, self.instruments), session)

    async def reconciles(self, row: int) -> None:
        """Until a snapshot has nothing more to say."""
        session = self.panel.sessions.dates[row]
        prices = dict(zip(self.panel.symbols, self.panel.close[row].tolist(), strict=True))
        for _ in range(4):
            await self.hears()
            snapshot = await self.venue.snapshot()
            if not isinstance(snapshot, Unknown):
                self.told = []
                await self.does(reconciled(self.state, snapshot, prices), session)

    def equals_the_venues_truth(self) -> None:
        held = {s: n for s, n in zip(self.state.symbols, self.state.lots.tolist(), strict=True) if n}
        assert (self.state.cash, held) == (self.inner.ledger.cash(), self.inner.ledger.holdings)


@pytest.fixture(scope="module")
def matcher(make_market: Any) -> Matcher:
    panel = make_market(2, 330)
    return Matcher(history_of(panel, Policy()), Policy())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("inner", INNER)
def test_once_the_venue_answers_the_state_is_its_account_and_no_order_was_sent_twice(
    matcher: Matcher, inner: str, name: str, seed: int
) -> None:
    desk = Desk(matcher, VENUES[name], seed, inner)

    async def traded() -> None:
        for row in range(FIRST, LAST):
            await desk.session(row)
            if isinstance(desk.venue, FaultyVenue):
                desk.venue.calm = True
            await desk.reconciles(row)
            desk.equals_the_venues_truth()
            snapshot = await desk.inner.snapshot()
            assert not isinstance(snapshot, Unknown)
            assert set(snapshot.orders) == set(desk.state.working)
            if isinstance(desk.venue, FaultyVenue):
                desk.venue.calm = False

    asyncio.run(traded())
    assert not desk.told
    assert not [e for e in desk.journal if isinstance(e, PositionAdopted)]  # what was lost was found, not adopted
    assert max(desk.inner.arrived.values()) == 1
    assert len([e for e in desk.journal if isinstance(e, Fill)]) > 5
    if name in ("simulated", "quiet line"):
        assert not [e for e in desk.journal if isinstance(e, EventQuarantined)]


def test_a_state_folded_from_the_journal_of_a_bad_line_is_the_state(matcher: Matcher) -> None:
    desk = Desk(matcher, VENUES["bad line"], 3)
    first = desk.state

    async def traded() -> None:
        for row in range(FIRST, LAST):
            await desk.session(row)
            await desk.reconciles(row)

    asyncio.run(traded())
    assert {type(e).__name__ for e in desk.journal} >= {
        "Fill", "FillCorrected", "FeeReported", "OrderUnknown", "OrderAccepted", "OrderExpired", "OrderRejected",
        "OrderCancelled", "CancelRequested", "CashFlow",
    }  # fmt: skip
    again = first
    for event in desk.journal:
        again = apply(again, event)
    assert (again.cash, again.lots.tolist()) == (desk.state.cash, desk.state.lots.tolist())
    assert again.working == desk.state.working


@pytest.mark.parametrize("inner", INNER)
def test_the_same_id_twice_is_one_order_and_what_ended_is_not_taken_again(matcher: Matcher, inner: str) -> None:
    desk = Desk(matcher, VENUES["simulated"], 0, inner)
    order = Order("x", desk.panel.sessions.dates[FIRST - 1], "SPY", 10, False, 100.0)

    async def sent() -> list[VenueEvent]:
        answers = [await desk.venue.submit(order) for _ in range(3)]
        assert isinstance(answers[0], Accepted) and answers[0] == answers[1] == answers[2]
        desk.inner.open(FIRST)
        await desk.venue.submit(order)
        desk.inner.open(FIRST + 1)
        return [event async for event in desk.venue.events()]

    assert [type(e).__name__ for e in asyncio.run(sent())] == ["Fill"]


@pytest.mark.parametrize("inner", INNER)
def test_cancel_and_query_answer_for_orders_open_ended_and_never_seen(matcher: Matcher, inner: str) -> None:
    desk = Desk(matcher, VENUES["simulated"], 0, inner)
    order = Order("x", desk.panel.sessions.dates[FIRST - 1], "SPY", 10, False, 100.0)

    async def asked() -> None:
        assert isinstance(await desk.venue.query("x"), Absent)
        assert isinstance(await desk.venue.cancel("x"), Refused)
        await desk.venue.submit(order)
        found = await desk.venue.query("x")
        assert isinstance(found, OrderReport) and (found.status, found.filled) == ("ACCEPTED", 0)
        assert isinstance(await desk.venue.cancel("x"), Accepted)
        ended = await desk.venue.query("x")
        assert isinstance(ended, OrderReport) and ended.status == "CANCELLED"
        assert isinstance(await desk.venue.cancel("x"), Refused)

    asyncio.run(asked())
