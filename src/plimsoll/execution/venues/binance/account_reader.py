"""Reads an account at one instant: cash, positions, open orders, and executions since a time (X6, L4, L5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from plimsoll.core.events import FeeReported, VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.execution.venues.binance.client import BinanceClient, BinanceFailure
from plimsoll.execution.venues.binance.listing import Listing, cents_held, charge_of, fee_of, fill_of
from plimsoll.execution.venues.binance.market import BinanceAccount, BinanceMarket, Income
from plimsoll.execution.venues.binance.wire import BinanceTrade, OrderRow, order_rows

_PAGE = 1000
_DAY = 86_400_000
_KEPT = 180 * _DAY  # as far back as executions can be asked for where a question has a span
_TRIES = 5
_MOVING = BinanceFailure("MOVING", "OUTCOME_UNKNOWN", "the account changed while it was read")


class BinanceAccountReader:
    """Questions about the account. Executions that were read once are not asked for again: they never change there."""

    def __init__(self, client: BinanceClient, market: BinanceMarket, session_of: Callable[[int], str]) -> None:
        self._client, self._market, self._session_of = client, market, session_of
        self.by_symbol: dict[str, Listing] = {}
        self.by_market: dict[str, Listing] = {}
        self.by_base: dict[str, Listing] = {}
        self.rest: tuple[str, ...] = ()
        self.held: dict[str, Decimal] = {}
        self._since = 0
        self._trades: dict[str, list[BinanceTrade]] = {}
        self._begun: dict[str, int] = {}  # the span to ask about, of a market without executions yet
        self._names: dict[tuple[str, int], str] = {}

    def begin(self, by_symbol: dict[str, Listing], since: int) -> None:
        """The symbols, and the time from which executions are reported."""
        self.by_symbol, self._since = by_symbol, since
        self.by_market = {one.market: one for one in by_symbol.values()}
        self.by_base = {one.base: one for one in by_symbol.values()} if self._market.holds_assets else {}
        self._begun = {}
        self._trades = {one.market: [] for one in by_symbol.values()}

    def name(self, market: str, order_id: int, client_id: str) -> None:
        """Remember the id that an order's sender gave it; executions say only the venue's."""
        self._names[market, order_id] = client_id

    async def open_orders(self) -> list[OrderRow] | BinanceFailure:
        """Every open order of the account, in whatever symbol."""
        body = await self._client.read(self._market.paths.open_orders)
        if isinstance(body, BinanceFailure):
            return body
        rows = order_rows(body)
        if rows is None:
            return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the open orders")
        for row in rows:
            self.name(row.symbol, row.order_id, row.client_order_id)
        return rows

    async def snapshot(self, session: str, heard: Callable[[], int]) -> VenueSnapshot | BinanceFailure:
        """The account, read twice around its executions: only where nothing moved meanwhile is it one instant.

        ``heard`` counts the events of the stream.
        """
        for _ in range(_TRIES):
            count = heard()
            before = await self._balances()
            if isinstance(before, BinanceFailure):
                return before
            if (failed := await self._read_trades()) is not None:
                return failed
            income = await self._market.income(self._client, self._since)
            if isinstance(income, BinanceFailure):
                return income
            after = await self._balances()
            if isinstance(after, BinanceFailure):
                return after
            if before == after and heard() == count:
                return await self._told(session, *after, income)
        return _MOVING

    async def executions(self, listing: Listing, order_id: int) -> list[Fill | FeeReported] | BinanceFailure:
        """What was executed of one order, and its fees."""
        asked = {"symbol": listing.market, "orderId": str(order_id)}
        page = await self._page(asked)
        if isinstance(page, BinanceFailure):
            return page
        return await self.told(page)

    async def told(self, trades: list[BinanceTrade]) -> list[Fill | FeeReported] | BinanceFailure:
        """Executions as our events, and their fees; their orders are asked for their names where needed."""
        if (failed := await self._find_names(trades)) is not None:
            return failed
        events: list[Fill | FeeReported] = []
        for trade in trades:
            listing = self.by_market.get(trade.symbol)
            name = self._names.get((trade.symbol, trade.order_id), f"binance {trade.order_id}")
            session = self._session_of(trade.at)
            if listing is None or (fill := fill_of(listing, trade, name, session)) is None:
                continue
            events.append(fill)
            if (fee := fee_of(listing, trade, session, self.by_base)) is not None:
                events.append(fee)
        return events

    async def _balances(self) -> tuple[BinanceAccount, tuple[str, ...]] | BinanceFailure:
        account = await self._market.account(self._client, self.by_symbol)
        if isinstance(account, BinanceFailure):
            return account
        rows = await self.open_orders()
        if isinstance(rows, BinanceFailure):
            return rows
        return account, tuple(sorted(row.client_order_id for row in rows))

    async def _told(
        self, session: str, account: BinanceAccount, orders: tuple[str, ...], income: tuple[Income, ...]
    ) -> VenueSnapshot | BinanceFailure:
        trades = [trade for of in self._trades.values() for trade in of if trade.at >= self._since]
        events = await self.told(sorted(trades, key=lambda trade: (trade.at, trade.symbol, trade.id)))
        if isinstance(events, BinanceFailure):
            return events
        positions = {s: self.by_symbol[s].lots(amount)[0] for s, amount in account.held.items()}
        self.held = account.held
        self.rest = (*account.rest, *self._below_a_lot(account))
        return VenueSnapshot(
            session,
            cents_held(account.cash),
            {symbol: lots for symbol, lots in positions.items() if lots},
            orders,
            tuple(one for one in events if isinstance(one, Fill)),
            (),
            (
                *(one for one in events if isinstance(one, FeeReported)),
                *(charge_of(one, self._session_of(one.at)) for one in income),
            ),
        )

    def _below_a_lot(self, account: BinanceAccount) -> tuple[str, ...]:
        below = {s: self.by_symbol[s].lots(amount)[1] for s, amount in account.held.items()}
        return tuple(f"{symbol} {rest:f} below a lot" for symbol, rest in sorted(below.items()) if rest)

    async def _read_trades(self) -> BinanceFailure | None:
        """Every symbol's executions since the time, page after page."""
        for market, known in self._trades.items():
            while True:
                last, in_spans = known[-1].id if known else -1, not known and self._market.by_days > 0
                page = await (self._page(_from(market, last)) if known else self._first(market))
                if isinstance(page, BinanceFailure):
                    return page
                known += sorted((one for one in page if one.id > last), key=lambda one: one.id)
                if not page or known[-1].id == last or (len(page) < _PAGE and not in_spans):
                    break
        return None

    async def _first(self, market: str) -> list[BinanceTrade] | BinanceFailure:
        """The first executions since the time, span after span where one question may not be about more."""
        now, span = self._client.time.now() // 1000, self._market.by_days * _DAY
        start = max(self._begun.get(market, self._since // 1000), now - _KEPT if span else 0)
        while True:
            page = await self._page({"symbol": market, "limit": str(_PAGE), "startTime": str(start)})
            if isinstance(page, BinanceFailure) or page or not span or start + span > now:
                return page
            start += span
            self._begun[market] = start

    async def _page(self, asked: dict[str, str]) -> list[BinanceTrade] | BinanceFailure:
        body = await self._client.read(self._market.paths.trades, asked)
        if isinstance(body, BinanceFailure):
            return body
        page = self._market.trades(body)
        return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the executions") if page is None else page

    async def _find_names(self, trades: list[BinanceTrade]) -> BinanceFailure | None:
        """Ask for the names of the orders of executions: those of one symbol from the first without a name on."""
        wanted: dict[str, set[int]] = {}
        for one in trades:
            if (one.symbol, one.order_id) not in self._names:
                wanted.setdefault(one.symbol, set()).add(one.order_id)
        for market, ids in wanted.items():
            while ids:
                first = min(ids)
                asked = {"symbol": market, "orderId": str(first), "limit": str(_PAGE)}
                body = await self._client.read(self._market.paths.orders, asked)
                if isinstance(body, BinanceFailure):
                    return body
                if (rows := order_rows(body)) is None:
                    return BinanceFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the orders of executions")
                for row in rows:
                    self.name(row.symbol, row.order_id, row.client_order_id)
                ids -= {row.order_id for row in rows} | {first}
        return None


def _from(market: str, last: int) -> dict[str, str]:
    return {"symbol": market, "limit": str(_PAGE), "fromId": str(last + 1)}
