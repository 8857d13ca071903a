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
    """An order somebody wants to send. ``sign`` is 1 to buy, -1 to sell; ``limit`` its worst price, if it has one.
    ``respelt`` says that its sender spelt the symbol in another way; nothing is decided by it.
    ``waited`` is how long it has waited for its decision since it arrived, where that is known.
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
    """ADMIT or REFUSE, why, and what is left of each limit afterwards, in cents rounded down.

    ``marks`` tell of an admitted reduction what could not be judged: its quote was late or absent (R1).
    """

    id: str
    decision: str
    reasons: tuple[str, ...]
    headroom: dict[str, int]
    marks: tuple[str, ...] = ()


def check_order(
    book: Book, limits: GovernorLimits, intent: OrderIntent, now: int, live: int | None = None
) -> tuple[list[str], list[str]]:
    """Reason codes against an order, none when it may leave, and marks on one that leaves all the same.

    What cannot be measured is an objection. A quote that is late, absent or in doubt, a time that cannot be, and a long
    wait are none to an order that can only reduce what is held: it is judged by the last known price and marked (R1).
    ``live`` is the time of a live account's machine.
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
    found = _market_checks(book, limits, intent, now, reduces=reduces)
    if not reduces:
        found += _limit_checks(book, limits, intent, now)
    return found, [] if found else unsure


def _market_checks(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int, *, reduces: bool) -> list[str]:
    """What speaks against any order, one that reduces too: a price away from the market, orders too fast or again.

    Without any quote there is no market to be away from. While a price is in doubt a reduction may be near either.
    """
    found = []
    quote, doubt = book.quotes.get(intent.symbol), book.doubts.get(intent.symbol)
    if quote is not None:
        touch = quote.ask if intent.sign > 0 else quote.bid
        price = touch if intent.limit is None else intent.limit  # its own, or the side of the book it would meet
        mids = [quote.bid + quote.ask, *([doubt.bid + doubt.ask] if reduces and doubt is not None else [])]
        if not any(abs(2 * price - mid) * WHOLE <= limits.collar_bps * mid for mid in mids):
            found.append("PRICE_COLLAR")
    if not book.time_of_nth_last(limits.orders_second, now) <= now - SECOND:
        found.append("ORDERS_PER_SECOND")
    if not book.time_of_nth_last(limits.orders_minute, now) <= now - MINUTE:
        found.append("ORDERS_PER_MINUTE")
    same = (intent.symbol, intent.sign, intent.quantity)
    alike = book.count_identical(*same)
    if not alike < limits.repeats_minute:  # … unless some are remembered for longer than they count
        alike -= sum((sent.symbol, sent.sign, sent.quantity) == same for _, sent in book.outdated(now))
        if not alike < limits.repeats_minute:
            found.append("REPEATED_EXECUTION")
    return found


def _limit_checks(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int) -> list[str]:
    """What an order that may add risk would exceed, everything open counted as filled."""
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
    """The dearest an order would fill at now; 0 where nothing is known of its price."""
    return max(book.ask(intent.symbol), intent.limit or 0)


def reserved_price(book: Book, limits: GovernorLimits, intent: OrderIntent) -> int:
    """What a unit of an open order counts at in the turnover, at least: the dearest now, and for a market order, which
    fills at whatever the price has become, a reserve on top; rounded up (H2).
    """
    price = worst_price(book, intent)
    return price if intent.limit is not None else with_reserve(price, limits)


def with_reserve(ask: int, limits: GovernorLimits) -> int:
    """What a unit of a market order counts at in the turnover while it is open; rounded up."""
    return -(-ask * (WHOLE + limits.move_bps) // WHOLE)
