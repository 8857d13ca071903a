"""Reads an account at one instant: cash, positions, open orders, and executions since a time (X6, L3-L5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from math import floor

from msgspec.structs import replace

from plimsoll.core.events import FeeReported, FillCorrected, VenueSnapshot
from plimsoll.core.fees import CENT
from plimsoll.core.order import Fill
from plimsoll.core.quantity import DECIMALS, ONE
from plimsoll.execution.venues.alpaca.client import AlpacaClient, AlpacaFailure
from plimsoll.execution.venues.alpaca.orders import Executed, Names, Symbols, cents_of
from plimsoll.execution.venues.alpaca.updates import Updates
from plimsoll.execution.venues.alpaca.wire import (
    AccountRow,
    Activity,
    PositionRow,
    WireOrder,
    decoded,
    finite,
    micros,
    stamp,
)

_TRIES = 5
_ORDERS_PAGE, _ACTIVITIES_PAGE = 500, 100
_PAGES_MAX = 10_000
_LOOK_BACK = 1_000_000  # the venue's "after" excludes its own instant
_BUSTED, _CORRECTED = ("canceled", "cancelled", "busted"), ("correct", "corrected")
_TOLERANCE = Decimal(1)
_Seen = tuple[str, str, str | None]


class AlpacaAccountReader:
    """Questions about the account. ``notes`` says what of it cannot be told in lots and cents."""

    def __init__(
        self, client: AlpacaClient, symbols: Symbols, names: Names, executed: Executed, updates: Updates,
        session_of: Callable[[int], str],
    ) -> None:  # fmt: skip
        self._client, self._symbols, self._names, self._executed = client, symbols, names, executed
        self._updates, self._session_of = updates, session_of
        self.since = 0
        self.notes: tuple[str, ...] = ()

    async def account(self) -> AccountRow | AlpacaFailure:
        """The account itself."""
        body = await self._client.ask("GET", "/v2/account")
        return body if isinstance(body, AlpacaFailure) else decoded(body, AccountRow) or _unreadable("the account")

    async def order(self, path: str, params: dict[str, str] | None = None) -> WireOrder | AlpacaFailure:
        """One order."""
        body = await self._client.ask("GET", path, params)
        return body if isinstance(body, AlpacaFailure) else decoded(body, WireOrder) or _unreadable("an order")

    async def snapshot(self, session: str, heard: Callable[[], int]) -> VenueSnapshot | AlpacaFailure:
        """The account, with cash and open orders read before and after everything else.

        Only where both readings agree, and no event came meanwhile, is it one instant; else it is read again.
        """
        for _ in range(_TRIES):
            count, before = heard(), await self._frame()
            if isinstance(before, AlpacaFailure):
                return before
            positions = await self._positions()
            if isinstance(positions, AlpacaFailure):
                return positions
            activities = await self._activities()
            if isinstance(activities, AlpacaFailure):
                return activities
            after = await self._frame()
            if isinstance(after, AlpacaFailure):
                return after
            if before == after and heard() == count:
                return await self._told(session, before, positions, activities)
        return AlpacaFailure("MOVING", "OUTCOME_UNKNOWN", "the account changed while it was read")

    async def _frame(self) -> tuple[Decimal, tuple[_Seen, ...]] | AlpacaFailure:
        account = await self.account()
        if isinstance(account, AlpacaFailure):
            return account
        cash = finite(account.cash)
        if cash is None:
            return _unreadable("the account's cash")
        if wrong := _identity(account):
            return AlpacaFailure("EQUITY_DIFFERS", "OUTCOME_UNKNOWN", wrong)
        orders = await self._open_orders()
        return orders if isinstance(orders, AlpacaFailure) else (cash, orders)

    async def _open_orders(self) -> tuple[_Seen, ...] | AlpacaFailure:
        """Every open order: id, status and filled quantity."""
        seen: dict[str, _Seen] = {}
        params = {"status": "open", "limit": str(_ORDERS_PAGE), "direction": "asc", "nested": "false"}
        for _ in range(_PAGES_MAX):
            body = await self._client.ask("GET", "/v2/orders", params)
            if isinstance(body, AlpacaFailure):
                return body
            rows = decoded(body, list[WireOrder])
            if rows is None:
                return _unreadable("the open orders")
            new = [row for row in rows if row.id not in seen]
            seen |= {row.id: (self._names.of(row), row.status, str(row.filled_qty)) for row in new}
            last = micros(rows[-1].submitted_at) if rows else None
            if len(rows) < _ORDERS_PAGE:
                return tuple(sorted(seen.values()))
            if not new or last is None:
                break
            params["after"] = stamp(last - 1000)
        return _unreadable("the open orders")

    async def _positions(self) -> dict[str, int] | AlpacaFailure:
        body = await self._client.ask("GET", "/v2/positions")
        if isinstance(body, AlpacaFailure):
            return body
        rows = decoded(body, list[PositionRow])
        if rows is None:
            return _unreadable("the positions")
        held: dict[str, int] = {}
        notes: list[str] = []
        for row in rows:
            quantity = finite(row.qty)
            if quantity is None or row.side not in ("long", "short"):
                return _unreadable(f"the position of {row.symbol}")
            here = self._symbols.here(row.symbol)
            lots, rest = self._symbols.lots(here, abs(quantity))
            held[here] = held.get(here, 0) + (lots if row.side == "long" else -lots)
            if rest:
                notes.append(f"{row.symbol}: {quantity} held, of which {rest.normalize():f} of a lot is no whole one")
        self.notes = tuple(notes)
        return {symbol: lots for symbol, lots in held.items() if lots}

    async def _activities(self) -> list[Activity] | AlpacaFailure:
        """Executions and charges since the time, page after page; each once, however pages overlap."""
        found: dict[tuple[str, str | None], Activity] = {}
        params = {
            "activity_types": "FILL,FEE,CFEE", "direction": "asc", "page_size": str(_ACTIVITIES_PAGE),
            "after": stamp(max(self.since - _LOOK_BACK, 0)),
        }  # fmt: skip
        for _ in range(_PAGES_MAX):
            body = await self._client.ask("GET", "/v2/account/activities", params)
            if isinstance(body, AlpacaFailure):
                return body
            rows = decoded(body, list[Activity])
            if rows is None:
                return _unreadable("the activities")
            before = len(found)
            found |= {(row.id, row.status): row for row in rows}
            if len(rows) < _ACTIVITIES_PAGE:
                return list(found.values())
            if len(found) == before:
                break
            params["page_token"] = rows[-1].id
        return _unreadable("the activities")

    async def _told(
        self, session: str, frame: tuple[Decimal, tuple[_Seen, ...]], positions: dict[str, int], rows: list[Activity]
    ) -> VenueSnapshot | AlpacaFailure:
        cash, orders = frame
        fills: list[Fill] = []
        corrections: list[FillCorrected] = []
        fees: list[FeeReported] = []
        day = stamp(self.since)[:10]
        for row in rows:
            if row.activity_type != "FILL":
                if (row.date or "") >= day:
                    fees += self._fees(row)
                continue
            if (micros(row.transaction_time) or 0) < self.since:
                continue
            one = await self._execution_of(row)
            if isinstance(one, AlpacaFailure):
                return one
            if isinstance(one, Fill):
                fills.append(one)
            elif isinstance(one, FillCorrected):
                corrections.append(one)
        return VenueSnapshot(
            session, floor(cash * 100), positions, tuple(id for id, _, _ in orders), tuple(fills), tuple(corrections),
            tuple(fees),
        )  # fmt: skip

    async def _execution_of(self, row: Activity) -> Fill | FillCorrected | AlpacaFailure | None:
        """An execution, or its correction; None where it is not of whole lots, which is noted."""
        order_id = row.order_id or ""
        name = self._names.known(order_id)
        if name is None and order_id:
            order = await self.order(f"/v2/orders/{order_id}")
            if isinstance(order, AlpacaFailure):
                return order
            name = self._names.of(order)
        at, execution = micros(row.transaction_time), _execution(row.id)
        here = self._symbols.here(row.symbol or "")
        status = (row.status or "").lower()
        if status in _BUSTED and at is not None:
            return FillCorrected(
                self._session_of(at), here, _execution(row.previous_id or row.id), None, id=name or order_id
            )
        fill = self._executed.fill(name or order_id, execution, row.symbol or "", row.side, row.qty, row.price, at)
        if isinstance(fill, str):
            self.notes += (fill,)
            return None
        if status in _CORRECTED:
            return FillCorrected(fill.session, here, _execution(row.previous_id or row.id), fill, id=fill.id)
        return self._as_streamed(fill, row)

    def _as_streamed(self, fill: Fill, row: Activity) -> Fill:
        """The execution as the stream told it, where the two are one, so that it is not taken for another."""
        told = self._updates.by_execution.get(fill.execution)
        if told is None and row.cum_qty is not None:
            told = self._updates.by_total.get((row.order_id or "", row.cum_qty))
            if told is None:
                return fill
            self.notes += (f"execution {fill.execution} has the id {told.execution} in the stream",)
        same = told is not None and replace(fill, execution=told.execution, at=told.at, session=told.session) == told
        return told if told is not None and same else fill

    def _fees(self, row: Activity) -> list[FeeReported]:
        """A charge; one that was taken back is told with its return."""
        session, amount, units = row.date or "", finite(row.net_amount), finite(row.qty)
        source = f"alpaca {row.activity_type}"
        if amount:
            cents, beyond = cents_of(-amount)
            fee = FeeReported(session, row.id, cents, source, amount=cents * CENT + beyond if beyond else 0)
        elif units and row.activity_type == "CFEE":  # taken out of the coins themselves (L7)
            here = self._symbols.here(row.symbol or "")
            currency = re.split("[-/]", here)[0]
            lot = ONE // self._symbols.per_unit(here)
            known = (here, lot) if here in self._symbols.instruments else ("", 0)
            fee = FeeReported(session, row.id, 0, source, currency, int(-units.scaleb(DECIMALS)), *known)
        else:
            return []
        if (row.status or "").lower() not in _BUSTED:
            return [fee]
        return [fee, replace(fee, of=f"{row.id} canceled", cents=-fee.cents, amount=-fee.amount)]


def _identity(account: AccountRow) -> str:
    """Cash and the positions' value are the equity (L4): a field that overlaps another shows here."""
    equity, long, short = map(finite, (account.equity, account.long_market_value, account.short_market_value))
    if equity is None or long is None or short is None:
        return ""
    rest = equity - account.cash - long - short
    return "" if abs(rest) <= max(_TOLERANCE, abs(equity) / 1000) else f"equity is {rest} above cash and positions"


def _execution(activity: str) -> str:
    """An activity's id is its time and the execution's id."""
    return activity.rpartition("::")[2]


def _unreadable(what: str) -> AlpacaFailure:
    return AlpacaFailure("UNREADABLE", "OUTCOME_UNKNOWN", what)
