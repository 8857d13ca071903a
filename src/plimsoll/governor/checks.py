"""Pre-trade checks of one order against an account's limits (H1, H2, R4).

Pure functions of an account's book and limits: whole numbers in, reason codes out. Values are in 1e-24 USD, limits in
cents, times in microseconds since 1970, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.core.quantity import CENT
from plimsoll.core.symbols import measurable
from plimsoll.governor.book import Book
from plimsoll.governor.clock import untimely
from plimsoll.governor.limits import SECOND, WHOLE, GovernorLimits
from plimsoll.governor.state import AHEAD_MAX, MINUTE
from plimsoll.governor.use import dust_of, gross_cap, healthy, loss_of, marked, stage_of, trade_cap


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order to be checked. ``sign`` is 1 to buy, -1 to sell; ``limit`` its worst price, if it has one.
    ``respelt`` means that the sender spelt the symbol differently; no decision depends on it.
    ``waited`` is the time from its arrival to its decision, where known.
    """

    id: str
    symbol: str
    sign: int
    quantity: int
    at: int
    limit: int | None = None
    waited: int = 0
    respelt: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """ADMIT or REFUSE, the reasons, and the room left in each limit afterwards, in cents rounded down.

    ``marks`` are the checks that an admitted reduction skipped: its quote was late or absent (R1).
    """

    id: str
    decision: str
    reasons: tuple[str, ...]
    headroom: dict[str, int]
    marks: tuple[str, ...] = ()


def check_order(
    book: Book, limits: GovernorLimits, intent: OrderIntent, now: int, live: int | None = None
) -> tuple[list[str], list[str]]:
    """Reason codes that refuse an order, empty to admit it, and marks on an admitted one.

    A quantity that cannot be measured refuses. A quote that is late, absent or in doubt, an impossible time and a long
    wait do not refuse an order that can only reduce the position: it is checked at the last known price and marked
    (R1). ``live`` is the time of a live account's machine.
    """
    a, quote = book.account, book.quotes.get(intent.symbol)
    reduces = book.reduces(intent.symbol, intent.sign, intent.quantity)
    unmeasured, unsure = [], []
    if a.day < 0:
        unmeasured.append("NO_SESSION")
    if intent.quantity <= 0:
        unmeasured.append("BAD_QUANTITY")
    if not reduces and not measurable(intent.symbol):
        unmeasured.append("UNKNOWN_SYMBOL")
    unsure += untimely(book, limits, intent.at, live)
    if not intent.waited <= limits.wait_max:
        unsure.append("LATE")
    if quote is None:
        unsure.append("NO_QUOTE")
    elif not book.fresh(intent.symbol, now - limits.quote_age, now + AHEAD_MAX):
        unsure.append("STALE_QUOTE")
    if intent.symbol in book.doubts:
        unsure.append("PRICE_UNKNOWN")
    if unmeasured or (unsure and not reduces):
        return unmeasured + unsure, []
    found = _market_checks(book, limits, intent, now)
    if not reduces:
        found += _limit_checks(book, limits, intent, now)
    return found, [] if found else unsure


def _market_checks(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int) -> list[str]:
    """Checks of every order, reductions included: distance from the market price, order rate and repetition.

    Without any quote the distance is not checked. While a price is in doubt a reduction may be near either price.
    """
    found = []
    quote, doubt = book.quotes.get(intent.symbol), book.doubts.get(intent.symbol)
    if quote is not None:
        touch = quote.ask if intent.sign > 0 else quote.bid
        price = touch if intent.limit is None else intent.limit  # its own, or the touch it would fill at
        mids = [quote.bid + quote.ask, *([doubt.bid + doubt.ask] if doubt is not None else [])]
        if not any(abs(2 * price - mid) * WHOLE <= limits.collar_bps * mid for mid in mids):
            found.append("PRICE_COLLAR")
    if not book.time_of_nth_last(limits.orders_second, now) <= now - SECOND:
        found.append("ORDERS_PER_SECOND")
    if not book.time_of_nth_last(limits.orders_minute, now) <= now - MINUTE:
        found.append("ORDERS_PER_MINUTE")
    same = (intent.symbol, intent.sign, intent.quantity)
    alike = book.count_identical(*same)
    if not alike < limits.repeats_minute:  # … unless some are remembered beyond their minute
        alike -= sum((sent.symbol, sent.sign, sent.quantity) == same for _, sent in book.outdated(now))
        if not alike < limits.repeats_minute:
            found.append("REPEATED_EXECUTION")
    return found


def _limit_checks(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int) -> list[str]:
    """Limits that an order which may add risk would exceed, with every open order counted as filled."""
    a, symbol, found = book.account, intent.symbol, []
    loss = loss_of(book, dust_of(book, limits, now))
    stage = stage_of(book, limits, loss)
    if limits.symbols and symbol not in limits.symbols:
        found.append("UNKNOWN_SYMBOL")
    if book.lost is not None:
        found.append("ENTRIES_LOST")
    if limits.foreign:
        found.append("OTHER_POLICY")
    if symbol in book.told:
        found.append("POSITION_DISPUTED")
    if book.foreign:
        found.append("FOREIGN_ORDER")
    if a.slow:
        found.append("TOO_SLOW")
    if a.unchecked and not healthy(book, limits, now):
        found.append("HEALTH_CHECK")
    if stage == "halt":
        found.append("INTRADAY_HALT")
    if stage == "reduce_only" or a.restricted:
        found.append("INTRADAY_REDUCE_ONLY")
    if not marked(book, limits, now):
        found.append("LOSS_UNKNOWN")
    if not loss <= limits.loss * CENT:
        found.append("LOSS_LIMIT")
    price = worst_price(book, intent)
    worth = intent.quantity * price
    if not worth <= limits.trade * CENT:
        found.append("TRADE_LIMIT")
    elif stage == "caution" and not worth <= trade_cap(limits, stage) * CENT:
        found.append("INTRADAY_CAUTION")
    value = book.value_with(symbol, intent.sign, intent.quantity, price)
    if not value <= limits.position_of(symbol) * CENT:
        found.append("POSITION_LIMIT")
    if not book.gross - book.value(symbol) + value <= gross_cap(book, limits) * CENT:
        found.append("GROSS_LIMIT")
    added = intent.quantity * reserved_price(book, limits, intent)
    if not a.turnover + book.reserved + added <= limits.turnover * CENT:
        found.append("TURNOVER_LIMIT")
    return found


def worst_price(book: Book, intent: OrderIntent) -> int:
    """Highest price at which an order would fill now; 0 where no price is known."""
    return max(book.ask(intent.symbol), intent.limit or 0)


def reserved_price(book: Book, limits: GovernorLimits, intent: OrderIntent) -> int:
    """Reserved unit price of an open order in the turnover, at least: the highest price now; a market order, which
    fills at any later price, adds a reserve; rounded up (H2).
    """
    price = worst_price(book, intent)
    return price if intent.limit is not None else with_reserve(price, limits)


def with_reserve(ask: int, limits: GovernorLimits) -> int:
    """Reserved unit price of an open market order in the turnover; rounded up."""
    return -(-ask * (WHOLE + limits.move_bps) // WHOLE)
