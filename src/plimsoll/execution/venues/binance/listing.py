"""Symbols at the venue, their rules, and exact conversion between its decimals and our lots and cents (U8, L8, L16).

USDT counts as USD: one to one, by declaration and not by a price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import msgspec

from plimsoll.core.events import FeeReported
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, OrderType, TimeInForce, reason_of
from plimsoll.core.quantity import ONE
from plimsoll.core.venue import Combination, VenueRules
from plimsoll.execution.venues.binance.filters import SymbolFilters, parsed_filters
from plimsoll.execution.venues.binance.market import Income
from plimsoll.execution.venues.binance.wire import BinanceTrade

CASH = "USDT"
_CENT = Decimal("0.01")


class Listing(msgspec.Struct, frozen=True):
    """A symbol of ours at the venue: ``market`` is its name there, ``lot`` a lot in units of its ``base`` asset."""

    symbol: str
    market: str
    base: str
    kind: str
    lot: Decimal
    filters: SymbolFilters
    types: frozenset[str]

    def lots(self, quantity: Decimal) -> tuple[int, Decimal]:
        """Whole lots of a quantity, towards zero, and the units that remain below one."""
        lots = int(abs(quantity) / self.lot)
        sign = 1 if quantity >= 0 else -1
        return sign * lots, quantity - sign * lots * self.lot

    def quantity(self, lots: int) -> Decimal:
        """Units of a number of lots, unsigned."""
        return abs(lots) * self.lot

    @property
    def lot_whole(self) -> int:
        """A lot in 1e-12 units."""
        return int(self.lot * ONE)


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str
    status: str
    filters: list[dict[str, object]]
    order_types: list[str] = []
    contract_type: str = ""


class _RateLimit(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class ExchangeInfo(msgspec.Struct, rename="camel"):
    """The venue's description of its symbols."""

    symbols: list[_Symbol]
    rate_limits: list[_RateLimit] = []

    @property
    def weight(self) -> int:
        """Weight of requests a minute."""
        limits = [one.limit for one in self.rate_limits if one.rate_limit_type == "REQUEST_WEIGHT"]
        return min(limits, default=0)


def exchange_info(body: bytes) -> ExchangeInfo | None:
    """The description; None where it is unreadable."""
    try:
        return msgspec.json.decode(body, type=ExchangeInfo)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def market_of(instrument: Instrument, venue: str) -> str:
    """An instrument's name at a venue; futures are named like spot where they have no name of their own."""
    return instrument.aliases.get(venue) or instrument.aliases.get("binance", "")


def listings(
    instruments: Iterable[Instrument], info: ExchangeInfo, venue: str = "binance"
) -> tuple[dict[str, Listing], str]:
    """Instruments that have a name at the venue, by our symbol; and what is wrong with one, "" where nothing is."""
    rows = {row.symbol: row for row in info.symbols}
    found: dict[str, Listing] = {}
    for one in instruments:
        market = market_of(one, venue)
        if not market:
            continue
        if (row := rows.get(market)) is None:
            return {}, f"{one.symbol}: Binance lists no {market}"
        if row.quote_asset != CASH:
            return {}, f"{one.symbol}: {market} is priced in {row.quote_asset}, not in {CASH}"
        if row.contract_type not in ("", "PERPETUAL"):
            return {}, f"{one.symbol}: {market} is no perpetual contract but {row.contract_type}"
        try:
            filters = parsed_filters(row.filters)
        except (KeyError, ValueError, ArithmeticError):
            return {}, f"{one.symbol}: the filters of {market} are unreadable"
        lot = 1 / Decimal(one.lots_per_unit)
        if filters.lots.step % lot:
            step = f"{filters.lots.step:f}"
            return {}, f"{one.symbol}: the step {step} of {market} is no whole number of its lots of {lot:f}"
        found[one.symbol] = Listing(
            one.symbol, market, row.base_asset, one.kind, lot, filters, frozenset(row.order_types)
        )
    twice = {one.base for one in found.values() if sum(other.base == one.base for other in found.values()) > 1}
    if twice:
        return {}, f"more than one symbol is held as {min(twice)}, so their positions cannot be told apart"
    return found, "" if found else "no instrument has an alias for binance"


_TAKEN: tuple[tuple[OrderType, TimeInForce, str], ...] = (
    ("market", "day", "MARKET"), ("market", "ioc", "MARKET"), ("market", "gtc", "MARKET"),
    ("limit", "gtc", "LIMIT"), ("limit", "ioc", "LIMIT"), ("limit", "fok", "LIMIT"),
    ("stop", "gtc", "STOP_LOSS"), ("stop_limit", "gtc", "STOP_LOSS_LIMIT"),
)  # fmt: skip


def venue_rules(name: str, by_symbol: Mapping[str, Listing]) -> VenueRules:
    """Order rules as data. What one symbol does not take is not taken at all, so that a kind of order never depends on
    its symbol; Binance has no auctions and no trading day, so there are no ``opg``, ``cls`` and ``day`` limits.
    """
    kinds = {one.kind for one in by_symbol.values()}
    types = frozenset.intersection(*(one.types for one in by_symbol.values())) if by_symbol else frozenset()
    takes = frozenset(
        Combination(type, tif, kind, fractional)
        for type, tif, needed in _TAKEN if needed in types
        for kind in kinds for fractional in (False, True)
    )  # fmt: skip
    return VenueRules(
        name,
        takes,
        {s: -int(-one.filters.lots.least // one.lot) for s, one in by_symbol.items()},
        {s: -int(-one.filters.notional.least // _CENT) for s, one in by_symbol.items()},
        {s: max(one.lots(one.filters.lots.step)[0], 1) for s, one in by_symbol.items()},
        {s: ((0, int(one.filters.price.step * ONE)),) for s, one in by_symbol.items() if one.filters.price.step},
    )


def cents(amount: Decimal) -> int:
    """Whole cents of an amount of money, a half to even."""
    return int((amount / _CENT).quantize(Decimal(1), ROUND_HALF_EVEN))


def cents_held(amount: Decimal) -> int:
    """Whole cents that an account has."""
    return int((amount / _CENT).quantize(Decimal(1), ROUND_FLOOR))


def fill_of(listing: Listing, trade: BinanceTrade, client_id: str, session: str) -> Fill | None:
    """The execution in lots and cents; None where it is no whole number of lots, which its symbol's step excludes.

    A commission in cash is part of it, one in another asset is a fee of its own (``fee_of``), so that the quantity
    stays as the venue executed it (L7, L8).
    """
    lots, rest = listing.lots(trade.quantity)
    if rest or not lots:
        return None
    in_cash = trade.fee if trade.fee_asset == CASH else Decimal(0)
    notional, commission = trade.sign * cents(trade.value), cents(in_cash)
    exact = trade.sign * trade.value + in_cash
    beyond = exact - (notional + commission) * _CENT
    return Fill(
        client_id, str(trade.id), session, listing.symbol, trade.sign * lots, float(trade.price), notional, commission,
        0, 0, reason_of(client_id), at=trade.at, rest=_twelve(beyond),
    )  # fmt: skip


def fee_of(listing: Listing, trade: BinanceTrade, session: str, by_base: Mapping[str, Listing]) -> FeeReported | None:
    """The fee of an execution that was taken in another asset than cash: coins of the purchase itself, or BNB.

    ``by_base`` are the symbols that are held as an asset: where it is one of them, its position pays the fee.
    """
    if not trade.fee or trade.fee_asset == CASH:
        return None
    payer, source, amount = by_base.get(trade.fee_asset), f"binance {listing.market}", _twelve(trade.fee)
    if payer is None:
        return FeeReported(session, str(trade.id), 0, source, trade.fee_asset, amount)
    of = str(trade.id) if payer.symbol == listing.symbol else f"{listing.market} {trade.id}"
    return FeeReported(session, of, 0, source, trade.fee_asset, amount, payer.symbol, payer.lot_whole)


def charge_of(income: Income, session: str) -> FeeReported:
    """A payment without an execution as a fee; what is received is a negative one."""
    source = f"{income.kind} {income.market}".strip()
    paid = -income.amount
    if income.asset == CASH:
        return FeeReported(session, income.id, cents(paid), source, amount=_twelve(paid))
    return FeeReported(session, income.id, 0, source, income.asset, _twelve(paid))


def _twelve(amount: Decimal) -> int:
    """An amount in 1e-12."""
    return int((amount * ONE).quantize(Decimal(1), ROUND_HALF_EVEN))
