"""The desk of the conformance suite: the smallest shell there is around a live venue, and the register of its cases.

It believes events as the order path does (``oms.believed``, ``reconcile``) and compares its state with the server's own
account, which shares no code with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import get_args

import numpy as np
from tests.contracts.live.harness import Held, VenueHarness

from plimsoll.core.decision import Carried
from plimsoll.core.events import (
    CancelRequested,
    Event,
    EventQuarantined,
    OrderSubmitted,
    PositionAdopted,
    VenueSnapshot,
)
from plimsoll.core.inputs import Cancel, Notify, Query, Submit
from plimsoll.core.live_venue import LiveVenue
from plimsoll.core.order import Fill, Order, OrderType, TimeInForce, client_id
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import Accepted, Refused, Unknown, VenueEvent
from plimsoll.execution.oms import OrderPlan, believed, of_query, of_submit
from plimsoll.execution.reconcile import reconciled

SESSION = "2026-01-02"
PATIENCE = 4.0  # seconds until a case gives up waiting, which a venue that works never takes

CASES: dict[str, Callable[[Desk], Awaitable[None]]] = {}
"""Every case by its name."""


def case(body: Callable[[Desk], Awaitable[None]]) -> Callable[[Desk], Awaitable[None]]:
    """Register a case under its function's name."""
    name = body.__name__  # type: ignore[attr-defined]
    assert name not in CASES, name
    CASES[name] = body
    return body


class Desk:
    """One adapter, connected, and the state that is folded from what it says."""

    def __init__(self, harness: VenueHarness, account: str = "conformance") -> None:
        self.harness, self.server, self.account = harness, harness.server, account
        self.venue: LiveVenue = harness.venue()
        cash = round(harness.server.cash * 100)
        ladder = LadderState(cash, cash)
        lots = np.array([round(harness.server.position * harness.unit)], np.int64)
        cost = np.where(lots != 0, harness.price, np.nan)
        self.state = State((harness.symbol,), lots, cost, cash, Carried(ladder=ladder), SESSION)
        self.opening = int(lots[0])
        self.told: list[VenueEvent] = []
        self.journal: list[Event] = []
        self.alerts: list[str] = []
        self._orders = 0
        self._listens: asyncio.Task[None] | None = None

    # life

    async def begin(self) -> Accepted | Refused | Unknown:
        """Connect, and hear the stream from now on."""
        answer = await self.venue.connect(self.harness.since)
        self._listens = asyncio.create_task(self._listen())
        return answer

    async def end(self) -> None:
        """Hear no more, and close the adapter."""
        await self.venue.close()
        if self._listens is not None:
            self._listens.cancel()
            with suppress(asyncio.CancelledError):
                await self._listens

    async def restarted(self) -> Desk:
        """A process started again: another adapter on the same account, with the state of this one."""
        after = Desk(self.harness)
        after.state, after._orders, after.opening = self.state, self._orders, self.opening
        assert isinstance(await after.begin(), Accepted)
        return after

    async def _listen(self) -> None:
        async for event in self.venue.events():
            self.told.append(event)
            self.happened(believed(self.state, event))

    def happened(self, event: Event | None) -> None:
        """Journal an event and fold it; raises where it is not allowed."""
        if event is not None:
            self.state = apply(self.state, event)
            self.journal.append(event)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something, at most for our patience."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not condition():
            self._must_listen()
            assert asyncio.get_running_loop().time() < deadline, f"waited for: {what}; told {self.told}"
            await asyncio.sleep(0.002)

    def _must_listen(self) -> None:
        if self._listens is not None and self._listens.done():
            self._listens.result()
            raise AssertionError("the stream of events ended by itself")

    # orders

    def time(self, type: OrderType = "limit") -> TimeInForce:
        """A time in force in which the venue takes this type for the harness's symbol."""
        for time in ("gtc", "day", "ioc", *get_args(TimeInForce)):
            if any(self._fits(c.kind, c.fractional) for c in self.rules_of(type, time)):
                return time  # type: ignore[no-any-return]
        raise AssertionError(f"{self.harness.name} takes no {type} order")

    def rules_of(self, type: str, time: str) -> list[object]:
        """The venue's combinations of a type and a time in force."""
        return [c for c in self.venue.rules.takes if (c.type, c.time_in_force) == (type, time)]

    def _fits(self, kind: str, fractional: bool) -> bool:
        whole = 10 * self.harness.lots % self.harness.unit == 0
        return kind == self.harness.instrument.kind and fractional is not whole

    def order(
        self,
        steps: int = 10,
        type: OrderType = "limit",
        *,
        lots: int | None = None,
        limit: float | None = None,
        time: TimeInForce | None = None,
        symbol: str | None = None,
    ) -> Order:
        """A new order of so many steps, negative ones sell and only reduce; journaled by ``submits``."""
        self._orders += 1
        name = symbol or self.harness.symbol
        side = "buy" if steps > 0 else "sell"
        price = self.harness.price if limit is None else limit
        return Order(
            client_id(self.account, SESSION, name, side, self._orders), SESSION, name,
            steps * self.harness.lots if lots is None else lots, steps < 0, self.harness.price, type,
            price if type in ("limit", "stop_limit") else None, price if type in ("stop", "stop_limit") else None,
            time or self.time(type),
        )  # fmt: skip

    async def submits(self, order: Order) -> Accepted | Refused | Unknown:
        """Journal an order, send it, and book the answer."""
        self.happened(order)
        self.happened(OrderSubmitted(SESSION, order.id))
        answer = await self.venue.submit(order)
        self.happened(of_submit(self.state, SESSION, order.id, answer))
        return answer

    async def placed(self, steps: int = 10) -> Order:
        """An order that the venue accepted."""
        order = self.order(steps)
        answer = await self.submits(order)
        assert isinstance(answer, Accepted), answer
        return order

    async def cancels(self, order: Order) -> Accepted | Refused | Unknown:
        """Journal that an order is to be cancelled, and ask for it."""
        self.happened(CancelRequested(SESSION, order.id, "NOT_WANTED"))
        return await self.venue.cancel(order.id)

    async def fills(self, order: Order, steps: int, price: float | None = None) -> str:
        """The server executes a part of an order, and the desk hears of it."""
        execution = await self.executed(order, steps, price)
        await self.until(lambda: any(f.id == order.id for f in self.fresh(execution)), f"fill {execution}")
        return execution

    async def executed(self, order: Order, steps: int, price: float | None = None) -> str:
        """The server executes a part of an order."""
        units = steps * self.harness.lots / self.harness.unit
        return await self.server.fill(order.id, units, self.harness.price if price is None else price)

    def fresh(self, execution: str) -> list[Fill]:
        """Fills told under an execution id; an adapter may put more into the id than the venue's own number."""
        return [e for e in self.told if isinstance(e, Fill) and execution in e.execution]

    # account

    async def reconciles(self, times: int = 4) -> None:
        """Snapshots until one has nothing more to say."""
        for _ in range(times):
            snapshot = await self.venue.snapshot()
            assert isinstance(snapshot, VenueSnapshot), snapshot
            if not await self.does(snapshot):
                return

    async def does(self, snapshot: VenueSnapshot) -> bool:
        """Book a snapshot, and ask what it makes one ask; whether there was anything."""
        self.happened(snapshot)
        plan: OrderPlan = reconciled(self.state, snapshot, {self.harness.symbol: self.harness.price})
        for event in plan.events:
            self.happened(event)
        self.alerts = []
        for command in plan.commands:
            match command:
                case Query(id):
                    self.happened(of_query(self.state, SESSION, id, await self.venue.query(id)))
                case Notify(_, text):
                    self.alerts.append(text)
                case Submit() | Cancel():
                    raise AssertionError(command)
        return bool(plan.events or plan.commands)

    @property
    def lots(self) -> int:
        """Lots held by the state."""
        return int(self.state.lots[0])

    @property
    def gained(self) -> float:
        """Steps that the state holds beyond what the account held at first."""
        return (self.lots - self.opening) / self.harness.lots

    def positions(self, steps: int) -> dict[str, int]:
        """A snapshot's positions after so many steps were gained."""
        lots = self.opening + steps * self.harness.lots
        return {self.harness.symbol: lots} if lots else {}

    @property
    def held(self) -> dict[str, Held]:
        """The server's orders."""
        return self.server.orders

    def is_true(self) -> None:
        """The state is the server's account: cash to the cent, lots, open orders; nothing was adopted for it."""
        assert self.state.cash == round(self.server.cash * 100)
        assert self.lots == round(self.server.position * self.harness.unit)
        assert set(self.state.working) == {id for id, one in self.held.items() if one.open}
        assert not [e for e in self.journal if isinstance(e, PositionAdopted)]

    @property
    def quarantined(self) -> list[EventQuarantined]:
        """What was not believed."""
        return [e for e in self.journal if isinstance(e, EventQuarantined)]
