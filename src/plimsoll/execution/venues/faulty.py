"""A venue with seeded faults of the kinds real ones have, to test recovery (X2, X3, H8).

The account behind it stays true: whatever is repeated, late, out of order or lost, the inner venue keeps the correct
record, and reports it once it is ``calm``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import numpy as np
from msgspec.structs import replace

from plimsoll.core.events import FeeReported, FillCorrected, OrderCancelled, OrderExpired, VenueSnapshot
from plimsoll.core.order import OPEN, Fill, Order
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, Venue, VenueEvent, VenueRules
from plimsoll.execution.matching import venue_name

NOBODYS = "nobodys-order"
"""The order that nobody sent, which a snapshot shows all the same."""
_REMEMBERED = 50  # events that may be told again


class AmendableVenue(Venue, Protocol):
    """A venue that can be made to execute, correct, bust or charge without an order."""

    def amended(self, event: Fill | FillCorrected | FeeReported) -> None:
        """Carry it out and report it."""
        ...


class Faults(msgspec.Struct, frozen=True):
    """How often each thing goes wrong, as a probability: of an answer, of an order, of an event, of an execution, or of
    a reading of the stream.

    ``recounted`` is corrected in quantity and price, ``absurd`` told at a hundred times its price or a hundredth of it
    and corrected. ``stopped`` is an order that the venue cancels of its own will, ``untrue`` a cancellation that is
    confirmed while the order goes on and fills. ``end_told`` is the end of an order told that filled whole, ``again``
    a reading with something in it that was told before, ``respelt`` an event that names its symbol in another way, and
    ``strange`` a snapshot with an order that nobody sent. What a venue takes back it does after ``patience`` readings.
    """

    answer_lost: float = 0.2
    never_arrives: float = 0.1
    query_unanswered: float = 0.3
    duplicated: float = 0.2
    late: float = 0.3
    lost: float = 0.1
    shuffled: bool = True
    busted: float = 0.05
    corrected: float = 0.1
    overfilled: float = 0.05
    fee_apart: float = 0.1
    recounted: float = 0.0
    absurd: float = 0.0
    stopped: float = 0.0
    untrue: float = 0.0
    end_told: float = 0.0
    again: float = 0.0
    respelt: float = 0.0
    strange: float = 0.0
    patience: int = 0


QUIET = Faults(0, 0, 0, 0, 0, 0, shuffled=False, busted=0, corrected=0, overfilled=0, fee_apart=0)
"""Nothing goes wrong."""


class FaultyVenue:
    """``inner`` behind a faulty connection, with a seeded draw for every answer and event.

    Once ``calm``, every query is answered, late events arrive and no more faults occur; lost events stay lost and are
    visible only in a snapshot.
    """

    def __init__(self, inner: AmendableVenue, faults: Faults, seed: int | np.random.Generator) -> None:
        self._inner, self._faults = inner, faults
        self._draw = np.random.default_rng(seed)
        self._late: list[VenueEvent] = []
        self._told: deque[VenueEvent] = deque(maxlen=_REMEMBERED)
        self._amended = self._reading = 0
        self._amending: list[tuple[int, Fill, str]] = []  # when an execution is taken back, and how
        self._stopping: list[tuple[int, str]] = []  # when the venue ends an order
        self._orders: dict[str, Order] = {}
        self.calm = False

    @property
    def rules(self) -> VenueRules:
        """Order kinds and sizes that the inner venue accepts."""
        return self._inner.rules

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Submit an order: its answer may be lost, or the order before it arrives."""
        if self._wrong(self._faults.never_arrives):
            return Unknown("TIMEOUT")
        answer = await self._inner.submit(order)
        if isinstance(answer, Accepted):
            self._orders[order.id] = order
            if self._wrong(self._faults.stopped):
                self._stopping.append((self._reading + int(self._draw.integers(1, 3)), order.id))
        return Unknown("TIMEOUT") if self._wrong(self._faults.answer_lost) else answer

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Ask for a cancellation: it may be lost, or its answer, or be confirmed and not be true."""
        if self._wrong(self._faults.never_arrives):
            return Unknown("TIMEOUT")
        answer = await self._ended(id)
        return Unknown("TIMEOUT") if self._wrong(self._faults.answer_lost) else answer

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order, if the query is answered."""
        return Unknown("TIMEOUT") if self._wrong(self._faults.query_unanswered) else await self._inner.query(id)

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account, if the query is answered."""
        if self._wrong(self._faults.query_unanswered):
            return Unknown("TIMEOUT")
        found = await self._inner.snapshot()
        if isinstance(found, VenueSnapshot) and self._wrong(self._faults.strange):
            return replace(found, orders=(*found.orders, NOBODYS))
        return found

    async def events(self) -> AsyncIterator[VenueEvent]:
        """The inner venue's events, and late ones, with faults."""
        self._reading += 1
        await self._takes_back()
        told, self._late = self._late, []
        async for event in self._inner.events():
            told.append(await self._executed(event) if isinstance(event, Fill) else event)
        if self._told and self._wrong(self._faults.again):
            told.append(self._told[int(self._draw.integers(len(self._told)))])
        if self._faults.shuffled and not self.calm:
            told = [told[n] for n in self._draw.permutation(len(told))]
        for event in told:
            if self._wrong(self._faults.lost):
                continue
            if self._wrong(self._faults.late):
                self._late.append(event)
                continue
            self._told.append(event)
            yield self._respelt(event)
            if self._wrong(self._faults.duplicated):
                self._late.append(event)
            if isinstance(event, Fill) and self._wrong(self._faults.end_told):
                await self._says_filled(event)

    def _wrong(self, probability: float) -> bool:
        return probability > 0.0 and not self.calm and bool(self._draw.random() < probability)

    # orders

    async def _takes_back(self) -> None:
        """What was due by this reading: executions taken back, orders stopped."""
        now = self._reading
        for _, done, what in [one for one in self._amending if one[0] <= now or self.calm]:
            await self._amend(done, what)
        self._amending = [] if self.calm else [one for one in self._amending if one[0] > now]
        for id in [] if self.calm else [id for at, id in self._stopping if at <= now]:
            await self._ended(id)
        self._stopping = [one for one in self._stopping if one[0] > now]

    async def _ended(self, id: str) -> Accepted | Refused | Unknown:
        """The inner venue cancels an order; or it is said that it did."""
        if not self._wrong(self._faults.untrue):
            return await self._inner.cancel(id)
        found, order = await self._inner.query(id), self._orders.get(id)
        if not isinstance(found, OrderReport) or order is None or found.status not in OPEN:
            return await self._inner.cancel(id)
        self._late.append(OrderCancelled(order.session, id, order.lots - found.filled))
        return Accepted(venue_name(id))

    async def _says_filled(self, done: Fill) -> None:
        found = await self._inner.query(done.id)
        if isinstance(found, OrderReport) and found.status == "FILLED":
            self._late.append(OrderExpired(done.session, done.id, 0, "FILLED"))

    # executions

    async def _executed(self, done: Fill) -> Fill:
        """An execution as it is told; what is wrong with it is put right later."""
        if done.reason != "ORDER" or "-" in done.execution:
            return done
        faults = self._faults
        self._amended += 1
        if self._wrong(faults.overfilled):
            self._inner.amended(replace(done, execution=self._named(done, "over")))
        elif self._wrong(faults.busted):
            await self._takes(done, "bust")
        elif self._wrong(faults.corrected):
            await self._takes(done, "cents")
        elif self._wrong(faults.fee_apart):
            self._inner.amended(FeeReported(done.session, done.execution, 35, "statement"))
        elif self._wrong(faults.recounted):
            await self._takes(done, "quantity")
        elif self._wrong(faults.absurd):
            await self._takes(done, "price")
            return replace(done, price=done.price * 100.0 if done.lots < 0 else done.price / 100.0)  # as if a gain
        return done

    async def _takes(self, done: Fill, what: str) -> None:
        """An execution will be taken back, or put right, after as many readings as the faults say."""
        if self._faults.patience:
            self._amending.append((self._reading + self._faults.patience, done, what))
        else:
            await self._amend(done, what)

    async def _amend(self, done: Fill, what: str) -> None:
        """Let the inner venue take back or put right an execution of its own."""
        same = replace(done, execution=self._named(done, "right"))
        right: Fill | None = same
        match what:
            case "bust":
                right = None
            case "cents":
                right = replace(same, notional=done.notional + 1 + int(self._draw.integers(100)))
            case "quantity":
                right = await self._recounted(same)
        self._inner.amended(
            FillCorrected(done.session, done.symbol, done.execution, right, id=done.id, exchange=done.exchange)
        )

    async def _recounted(self, done: Fill) -> Fill:
        """At another price and in another quantity, of which its order has room."""
        found, order = await self._inner.query(done.id), self._orders.get(done.id)
        room = order.lots - found.filled if isinstance(found, OrderReport) and order is not None else 0
        most = abs(done.lots) + max(room if done.lots > 0 else -room, 0)
        lots = min(max(abs(done.lots) * int(self._draw.integers(50, 130)) // 100, 1), most)
        away = 1.0 + float(self._draw.uniform(-0.01, 0.01))
        value = round(done.notional * away) * lots // abs(done.lots)
        return replace(done, lots=lots if done.lots > 0 else -lots, price=done.price * away, notional=value)

    def _named(self, done: Fill, what: str) -> str:
        return f"{done.execution[:20]}-{self._amended}-{what}"

    def _respelt(self, event: VenueEvent) -> VenueEvent:
        """An event that names its symbol as another vendor writes it."""
        if isinstance(event, Fill | FillCorrected) and self._wrong(self._faults.respelt):
            ways = spellings(event.symbol)
            return replace(event, symbol=ways[int(self._draw.integers(len(ways)))])
        return event


def spellings(symbol: str) -> tuple[str, ...]:
    """Some of the ways in which venues and vendors write a symbol."""
    base = symbol.removesuffix("-USD")
    coins = (f"{base}/USD", f"{base}USDT", f"{base}-USDC", f"{base.lower()}_usd") if base != symbol else ()
    return (symbol, symbol.lower(), *coins)
