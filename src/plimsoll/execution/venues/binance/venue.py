"""Binance as a live venue: orders, questions and the account (X1, X2, X6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from decimal import Decimal

import msgspec

from plimsoll.core.cancelling import ended
from plimsoll.core.events import (
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    VenueSnapshot,
)
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueHealth
from plimsoll.core.order import Fill, Order
from plimsoll.core.ports import Clock
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, VenueEvent, VenueRules
from plimsoll.execution.refusals import refusal
from plimsoll.execution.venues.binance.account_reader import BinanceAccountReader
from plimsoll.execution.venues.binance.client import BinanceClient, BinanceFailure
from plimsoll.execution.venues.binance.filters import Intended, broken
from plimsoll.execution.venues.binance.listing import (
    Listing,
    exchange_info,
    fee_of,
    fill_of,
    listings,
    market_of,
    venue_rules,
)
from plimsoll.execution.venues.binance.market import BinanceMarket
from plimsoll.execution.venues.binance.spot import on_tick
from plimsoll.execution.venues.binance.stream import Stream
from plimsoll.execution.venues.binance.wire import STATUSES, OrderRow, Report, order_row

_BUSINESS = frozenset({"FUNDS", "HELD", "RULE"})
_AVERAGE_OLD = 30 * 1_000_000
_HEARD_WITHIN = 10.0  # seconds in which each order of ours must show in the stream (L23)


class Placed(msgspec.Struct):
    """An order that was sent from here. ``until`` is the venue's time after which the request is too old to be taken.

    ``outcome`` is what its placing came to, ``due`` when it must have shown in the stream by the steady clock, 0 where
    nothing is due, and ``executed`` what was told of it.
    """

    listing: Listing
    buys: bool
    until: int
    quantity: Decimal
    outcome: str = "SENT"
    heard: bool = False
    due: int = 0
    executed: Decimal = Decimal(0)
    ended: bool = False
    stop: bool = False


class BinanceVenue:
    """One of Binance's markets behind the common port. It never raises for what the venue or the network does."""

    def __init__(
        self,
        market: BinanceMarket,
        client: BinanceClient,
        stream: Stream,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        session_of: Callable[[int], str],
        timeout: float,
    ) -> None:
        self._market, self._client, self._stream, self._clock = market, client, stream, clock
        self._instruments, self._session_of = instruments, session_of
        self._wait = int(min(_HEARD_WITHIN, timeout) * 1_000_000)
        self._reader = BinanceAccountReader(client, market, session_of)
        self._rules = VenueRules(market.name, frozenset())
        self._placed: dict[str, Placed] = {}
        self._open: dict[str, set[str]] = {}
        self._averages: dict[str, tuple[int, Decimal]] = {}
        self._told: asyncio.Queue[VenueEvent | None] = asyncio.Queue()
        self._heard = 0
        self._settled = 0  # the venue's time from which no request of an earlier process can be taken
        self._alert = ""
        self._watching: asyncio.Task[None] | None = None

    @property
    def rules(self) -> VenueRules:
        """What it takes; nothing before it is connected."""
        return self._rules

    @property
    def health(self) -> VenueHealth:
        """State of the stream of the account's events, with what else is wrong, and assets that are not ours."""
        state, parts = self._stream.health, [self._stream.health.text, self._alert]
        if self._client.budget.stopped:
            parts.append(f"Binance lets us ask nothing for {-(-self._client.budget.stopped // 1_000_000)} s")
        if abs(skew := self._client.time.skew) > 1_000_000:
            parts.append(f"the machine's clock is {abs(skew) / 1e6:.1f} s {'behind' if skew > 0 else 'ahead'}")
        if self._reader.rest:
            parts.append(f"not counted: {', '.join(self._reader.rest)}")
        return msgspec.structs.replace(state, text="; ".join(part for part in parts if part))

    async def connect(self, since: int) -> Accepted | Refused | Unknown:
        """Read the order rules and subscribe to the account's events."""
        if (failed := await self._client.estimate_time()) is not None:
            return _failed(failed)
        markets = sorted({m for one in self._instruments.values() if (m := market_of(one, self._market.name))})
        asked = {"symbols": msgspec.json.encode(markets).decode()} if self._market.name == "binance" else {}
        body = await self._client.read(self._market.paths.info, asked, signed=False)
        if isinstance(body, BinanceFailure):
            return _failed(body)
        if (info := exchange_info(body)) is None:
            return Unknown("UNREADABLE")
        by_symbol, wrong = listings(self._instruments.values(), info, self._market.name)
        if wrong:
            return Refused("LISTING", wrong)
        permits = await self._market.permits(self._client)
        if isinstance(permits, BinanceFailure):
            return _failed(permits)
        if permits:
            return Refused("RULE", permits)
        self._client.budget.limit = info.weight
        self._rules = venue_rules(self._market.name, by_symbol)
        self._reader.begin(by_symbol, since)
        self._settled = self._client.too_old()
        answer = await self._stream.open(self._hear)
        if isinstance(answer, Accepted) and self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return answer

    async def close(self) -> None:
        """Close every connection."""
        if self._watching is not None:
            await ended(self._watching)
            self._watching = None
        await self._stream.close()
        await self._client.close()
        self._told.put_nowait(None)

    # orders

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Send an order, once. One that was sent from here before is asked for instead."""
        listing = self._reader.by_symbol.get(order.symbol)
        if listing is None:
            return Refused("UNKNOWN_SYMBOL", order.symbol)
        if order.id in self._placed:
            return await self._again(order.id)
        params = self._kind(order, listing)
        if isinstance(params, str):
            return Refused("ORDER_KIND", params)
        if told := await self._objection(order, listing):
            return Refused("FILTER", told)
        if order.id in self._placed:  # while the average price was asked
            return await self._again(order.id)
        until = self._client.too_old()
        placed = Placed(listing, order.lots > 0, until, listing.quantity(order.lots), stop=order.stop is not None)
        self._placed[order.id] = placed
        answer = await self._client.ask("POST", self._market.paths.order, params, "order")
        if isinstance(answer, BinanceFailure):
            return await self._not_taken(order, placed, answer)
        row = order_row(answer)
        if row is None or row.client_order_id != order.id:
            placed.outcome = "UNKNOWN"
            return Unknown("UNREADABLE")
        return await self._taken(order, placed, row)

    def _kind(self, order: Order, listing: Listing) -> dict[str, str] | str:
        kinds = {(one.type, one.time_in_force) for one in self._rules.takes}
        if (order.type, order.time_in_force) not in kinds:
            return f"{order.type} {order.time_in_force}"
        return self._market.order(order, listing)

    async def _taken(self, order: Order, placed: Placed, row: OrderRow) -> Accepted | Refused | Unknown:
        placed.outcome = "ACCEPTED"
        self._reader.name(row.symbol, row.order_id, order.id)
        if not placed.heard:
            placed.due = self._clock.steady() + self._wait
            self._open.setdefault(placed.listing.symbol, set()).add(order.id)
        if wrong := self._market.objection(order, row):
            self._alert = f"{order.symbol}: {wrong}; order {order.id} is cancelled"
            if isinstance(await self.cancel(order.id), Accepted):
                reason, _, text = wrong.partition(": ")
                return Refused(reason, f"{text}; it was cancelled")
        return Accepted(str(row.order_id))

    async def _not_taken(self, order: Order, placed: Placed, failure: BinanceFailure) -> Accepted | Refused | Unknown:
        """An answer that is no acceptance. Only the venue's own word makes a refusal."""
        if failure.cls == "DUPLICATE":
            placed.outcome = "UNKNOWN"
            found = await self.query(order.id)
            if isinstance(found, OrderReport):
                return Accepted(found.venue_id)
            return Unknown("DUPLICATE")
        if not failure.certain or failure.cls == "OUTCOME_UNKNOWN":
            placed.outcome = "UNKNOWN"
            if not failure.sent:
                placed.until = 0
            return Unknown(failure.code)
        leg = [
            id for id, one in self._placed.items()
            if one.listing is placed.listing and one.buys == placed.buys and one.outcome == "UNKNOWN"
        ]  # fmt: skip
        if failure.cls in _BUSINESS and leg:  # evidence that the other one arrived, and no answer to this one
            placed.outcome = "UNKNOWN"
            return Unknown("REFUSED_AFTER_UNKNOWN")
        del self._placed[order.id]
        if failure.cls == "AUTH":
            self._alert = f"Binance refuses our key: {failure.words}"
        sentence = refusal(self._market.name, failure.code, failure.text).sentence
        return Refused(failure.cls, f"{sentence} ({failure.words})")

    async def _again(self, id: str) -> Accepted | Refused | Unknown:
        """The answer to an order that was sent before: what the venue has of it, and nothing is sent."""
        found = await self.query(id)
        match found:
            case OrderReport():
                return Accepted(found.venue_id)
            case Absent():
                return Refused("NEVER_ARRIVED", "an order is sent once; a new one needs another id")
            case _:
                return found

    async def _objection(self, order: Order, listing: Listing) -> str:
        limit = None if order.limit is None else on_tick(order.limit, listing)
        stop = None if order.stop is None else on_tick(order.stop, listing)
        open = self._open.get(order.symbol, set())
        average = await self._average(listing)
        stops = sum(id in self._placed and self._placed[id].stop for id in open)
        bought = [one.quantity for id in open if (one := self._placed.get(id)) is not None and one.buys]
        held = sum(bought, self._reader.held.get(order.symbol, Decimal(0)))
        intended = Intended(
            order.lots > 0, listing.quantity(order.lots), limit, stop, average, len(open), stops, held,
            reduces=order.reduce_only and self._market.exempts_reductions,
        )  # fmt: skip
        return broken(listing.filters, intended)

    async def _average(self, listing: Listing) -> Decimal:
        known = self._averages.get(listing.market)
        if known is not None and self._clock.steady() - known[0] < _AVERAGE_OLD:
            return known[1]
        found = await self._market.average(self._client, listing)
        if found:
            self._averages[listing.market] = (self._clock.steady(), found)
        return found

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Ask for a cancellation. An order that is not open there may be filled: it is asked, and its executions."""
        listing = await self._listing(id)
        if isinstance(listing, Unknown):
            return listing
        if listing is None:
            return Refused("GONE", "Binance has no order with this id")
        asked = {"symbol": listing.market, "origClientOrderId": id}
        answer = await self._client.ask("DELETE", self._market.paths.order, asked, "cancel")
        if not isinstance(answer, BinanceFailure):
            row = order_row(answer)
            return Unknown("UNREADABLE") if row is None else Accepted(str(row.order_id))
        if answer.cls == "GONE":
            found = await self.query(id)
            if isinstance(found, Unknown):
                return found
            is_open = isinstance(found, OrderReport) and found.status in ("ACCEPTED", "PARTIALLY_FILLED")
            status = found.status if isinstance(found, OrderReport) else "unknown there"
            return Unknown("STILL_OPEN") if is_open else Refused("GONE", f"{answer.words}: it is {status}")
        if answer.certain and answer.cls != "OUTCOME_UNKNOWN":
            return Refused(answer.cls, answer.words)
        return Unknown(answer.code)

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order; executions that the stream has not told come with its events.

        That the venue has none is proof only when a request of before cannot be taken any more: until then it is
        waited, and asked again.
        """
        found = await self._ask(id)
        if found is not None:
            return self._reported(id, *found) if isinstance(found, tuple) else found
        placed = self._placed.get(id)
        until = placed.until if placed else self._settled
        if (left := until - self._client.time.now()) > 0:
            await self._clock.sleep(left)
            found = await self._ask(id)
            if found is not None:
                return self._reported(id, *found) if isinstance(found, tuple) else found
        if placed is not None and placed.outcome == "ACCEPTED":
            return Unknown("NOT_FOUND")
        if placed is not None:
            placed.outcome = "ABSENT"
        return Absent()

    async def _ask(self, id: str) -> tuple[Listing, OrderRow] | Unknown | None:
        """An order by its id, in its symbol or in all; None where the venue says that there is none."""
        placed = self._placed.get(id)
        for listing in [placed.listing] if placed else list(self._reader.by_symbol.values()):
            asked = {"symbol": listing.market, "origClientOrderId": id}
            body = await self._client.read(self._market.paths.order, asked)
            if isinstance(body, BinanceFailure):
                if body.cls == "GONE" and body.code in ("-2013", "-2011"):
                    continue
                return Unknown(body.code)
            row = order_row(body)
            if row is None or row.client_order_id != id or row.status not in STATUSES:
                return Unknown("UNREADABLE")
            self._reader.name(row.symbol, row.order_id, id)
            return listing, row
        return None if self._reader.by_symbol else Unknown("NOT_CONNECTED")

    def _reported(self, id: str, listing: Listing, row: OrderRow) -> OrderReport:
        placed = self._known(id, listing, row)
        placed.outcome = "ACCEPTED"
        done = Decimal(row.executed_qty)
        if done > placed.executed:
            placed.due = self._clock.steady()  # the stream has not told it: the watch reads it
        return OrderReport(id, STATUSES[row.status], row.sign * listing.lots(done)[0], str(row.order_id))

    def _known(self, id: str, listing: Listing, row: OrderRow) -> Placed:
        if id not in self._placed:
            self._placed[id] = Placed(listing, row.sign > 0, 0, Decimal(row.orig_qty), "ACCEPTED", True)
        return self._placed[id]

    async def _listing(self, id: str) -> Listing | Unknown | None:
        if id in self._placed:
            return self._placed[id].listing
        found = await self._ask(id)
        return found[0] if isinstance(found, tuple) else found

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account at one instant; ``Unknown`` where it has no answer or does not stand still."""
        if not self._reader.by_symbol:
            return Unknown("NOT_CONNECTED")
        session = self._session_of(self._client.time.now())
        found = await self._reader.snapshot(session, lambda: self._heard)
        if isinstance(found, BinanceFailure):
            return Unknown(found.code)
        held = set(found.orders)
        self._open = {s: {id for id in ids if id in held} for s, ids in self._open.items()}
        return found

    # events

    async def events(self) -> AsyncIterator[VenueEvent]:
        """The account's events as they come, until it is closed."""
        while (event := await self._told.get()) is not None:
            yield event

    def _hear(self, message: bytes) -> bool:
        """An event of the stream; whether it could be read."""
        try:
            report = self._market.report(message)
        except (msgspec.DecodeError, ValueError, UnicodeDecodeError):
            return False
        self._heard += 1
        if report is None:
            return True
        listing = self._reader.by_market.get(report.symbol)
        if listing is None:
            return True
        self._reader.name(report.symbol, report.order_id, report.client_id)
        placed = self._placed.get(report.client_id)
        if placed is not None:
            placed.heard, placed.due, placed.outcome = True, 0, "ACCEPTED"
            placed.executed = max(placed.executed, report.executed)
        for event in self._events(listing, report):
            self._told.put_nowait(event)
        return True

    def _events(self, listing: Listing, report: Report) -> list[VenueEvent]:
        session, id = self._session_of(report.at), report.client_id
        events: list[VenueEvent] = []
        if report.trade is not None:
            fill = fill_of(listing, report.trade, id, session)
            fee = fee_of(listing, report.trade, session, self._reader.by_base)
            events = [one for one in (fill, fee) if one is not None]
        rest = report.sign * listing.lots(report.quantity - report.executed)[0]
        open = self._open.setdefault(listing.symbol, set())
        status = STATUSES.get(report.status, "ACCEPTED")
        if status in ("FILLED", "CANCELLED", "EXPIRED", "REJECTED"):
            open.discard(id)
        else:
            open.add(id)
        if report.kind == "NEW":
            events.append(OrderAccepted(session, id, str(report.order_id)))
        elif report.kind == "REPLACED":
            events.append(OrderRestated(session, id, report.sign * listing.lots(report.quantity)[0]))
        elif report.kind == "REJECTED":
            events.append(OrderRejected(session, id, "ENDED_AT_VENUE", report.reason))
        elif status == "CANCELLED":
            events.append(OrderCancelled(session, id, rest))
        elif status == "EXPIRED":
            reason = "SELF_TRADE" if report.status == "EXPIRED_IN_MATCH" else "ENDED_AT_VENUE"
            events.append(OrderExpired(session, id, rest, reason))
        return events

    async def _watch(self) -> None:
        """Each order of ours must show in the stream in time, else it is asked, and the stream is begun anew (L23)."""
        while True:
            await self._clock.sleep(max(self._wait // 4, 1000))
            now = self._clock.steady()
            for id in [id for id, one in self._placed.items() if one.due and one.due <= now]:
                silent = not self._placed[id].heard
                self._placed[id].due = now + self._wait
                if await self.catch_up(id) and silent:
                    self._stream.renew(f"no event of order {id} came in time")

    async def catch_up(self, id: str) -> bool:
        """Tell what happened to an order from answers instead of the stream; whether there was one."""
        found = await self._ask(id)
        if not isinstance(found, tuple):
            return False
        listing, row = found
        events = await self._reader.executions(listing, row.order_id)
        if isinstance(events, BinanceFailure):
            return False
        placed, done = self._known(id, listing, row), Decimal(row.executed_qty)
        placed.due, placed.executed = 0, max(placed.executed, done)
        session = self._session_of(self._client.time.now())
        told: list[VenueEvent] = list(events)
        if sum((listing.quantity(one.lots) for one in events if isinstance(one, Fill)), Decimal(0)) != done:
            placed.due = self._clock.steady() + self._wait  # the answers do not agree yet
            return False
        rest = row.sign * listing.lots(Decimal(row.orig_qty) - done)[0]
        match STATUSES[row.status]:
            case "ACCEPTED":
                told.append(OrderAccepted(session, id, str(row.order_id)))
            case "CANCELLED":
                told.append(OrderCancelled(session, id, rest))
            case "EXPIRED":
                told.append(OrderExpired(session, id, rest, "ENDED_AT_VENUE"))
            case "REJECTED":
                told.append(OrderRejected(session, id, "ENDED_AT_VENUE"))
            case _:
                pass
        for event in told:
            self._told.put_nowait(event)
        return True


def _failed(failure: BinanceFailure) -> Refused | Unknown:
    """A failed connection: refused only by the venue's word."""
    if failure.certain and failure.sent and failure.cls != "OUTCOME_UNKNOWN":
        return Refused(failure.cls, failure.words)
    return Unknown(failure.code)
