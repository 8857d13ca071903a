"""What an account has lost and may still do, and what speaks against an order (H1, H2, R4).

Pure functions of an account's book and limits: whole numbers in, whole numbers and reason codes out. Values are in
1e-12 USD, limits in cents, times in microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from plimsoll.risk.governor_book import MINUTE, Book, Quote
from plimsoll.risk.governor_limits import SECOND, WHOLE, GovernorLimits

CENT = 10**10  # a cent as a value
DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order somebody wants to send. ``sign`` is 1 to buy, -1 to sell; ``limit`` its worst price, if it has one."""

    id: str
    symbol: str
    sign: int
    quantity: int
    at: int
    limit: int | None = None


def objections(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int) -> Iterable[str]:
    """Reason codes against an order, none when it may leave. What cannot be measured is an objection."""
    a, quote = book.account, book.quotes.get(intent.symbol)
    unmeasured = []
    if a.day < 0:
        unmeasured.append("NO_SESSION")
    if intent.quantity <= 0:
        unmeasured.append("BAD_QUANTITY")
    if a.day >= 0 and not in_session(book, intent.at):
        unmeasured.append("TIME_OUTSIDE_SESSION")
    if not a.clock - intent.at <= limits.clock_slack:
        unmeasured.append("CLOCK_BACK")
    if quote is None:
        unmeasured.append("NO_QUOTE")
    elif not now - quote.at <= limits.quote_age:
        unmeasured.append("STALE_QUOTE")
    if unmeasured or quote is None:
        return unmeasured
    found = [*_collar(limits, intent, quote), *_throttles(book, limits, intent, now)]
    if not book.reduces(intent.symbol, intent.sign, intent.quantity):
        found += _over(book, limits, intent, now)
    return found


def _collar(limits: GovernorLimits, intent: OrderIntent, quote: Quote) -> Iterator[str]:
    """The order's own price, or the side of the book it would meet, against the mid."""
    touch = quote.ask if intent.sign > 0 else quote.bid
    price = touch if intent.limit is None else intent.limit
    mid = quote.bid + quote.ask
    if not abs(2 * price - mid) * WHOLE <= limits.collar_bps * mid:
        yield "PRICE_COLLAR"


def _throttles(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int) -> Iterator[str]:
    if not book.nth_last(limits.orders_second) <= now - SECOND:
        yield "ORDERS_PER_SECOND"
    if not book.nth_last(limits.orders_minute) <= now - MINUTE:
        yield "ORDERS_PER_MINUTE"
    same = (intent.symbol, intent.sign, intent.quantity)
    gone = sum(sent[1:] == same for _, sent in book.outdated(now))
    if not book.alike(*same) - gone < limits.repeats_minute:
        yield "REPEATED_EXECUTION"


def _over(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int) -> Iterator[str]:
    """What an order that may add risk would exceed, everything open counted as filled."""
    a, loss, stage = book.account, loss_of(book), stage_of(book, limits)
    if limits.symbols and intent.symbol not in limits.symbols:
        yield "UNKNOWN_SYMBOL"
    if a.slow:
        yield "TOO_SLOW"
    if a.unchecked and not healthy(book, limits, now):
        yield "HEALTH_CHECK"
    if stage == "halt":
        yield "INTRADAY_HALT"
    if stage == "reduce_only" or a.restricted:
        yield "INTRADAY_REDUCE_ONLY"
    if not book.marked_since(now - limits.quote_age):
        yield "LOSS_UNKNOWN"
    if not loss <= limits.loss * CENT:
        yield "LOSS_LIMIT"
    price = dearest(book, intent)
    worth = intent.quantity * price
    if not worth <= limits.trade * CENT:
        yield "TRADE_LIMIT"
    elif stage == "caution" and not worth <= trade_cap(limits, stage) * CENT:
        yield "INTRADAY_CAUTION"
    value = book.value_with(intent.symbol, intent.sign, intent.quantity, price)
    if not value <= limits.position_of(intent.symbol) * CENT:
        yield "POSITION_LIMIT"
    if not book.gross - book.value(intent.symbol) + value <= gross_cap(book, limits) * CENT:
        yield "GROSS_LIMIT"
    if not a.turnover + book.reserved + worth <= limits.turnover * CENT:
        yield "TURNOVER_LIMIT"


def result_of(book: Book) -> int:
    """What the session's fills and the last mids say it made, negative for a loss; rounded down."""
    a = book.account
    return (2 * a.cash + book.marked - a.base) // 2


def loss_of(book: Book) -> int:
    """What the session has lost at the last mids, never negative; rounded up."""
    return max(-result_of(book), 0)


def stage_of(book: Book, limits: GovernorLimits) -> str:
    """Where the intraday ladder stands: normal, caution, reduce_only or halt (R4)."""
    a, loss = book.account, loss_of(book)
    if a.halted:
        return "halt"
    reached = "normal"
    if loss and a.day >= 0:
        for stage in limits.stages:
            marks = (stage.equity_bps * a.equity * CENT, stage.loss_bps * limits.loss * CENT)
            if loss * WHOLE >= min(marks):
                reached = stage.name
    return reached


def gross_cap(book: Book, limits: GovernorLimits) -> int:
    """What all positions together may be worth, cents."""
    return book.account.equity * limits.gross_bps // WHOLE


def trade_cap(limits: GovernorLimits, stage: str) -> int:
    """What one order that may add risk can be worth at a stage, cents."""
    if stage == "normal":
        return limits.trade
    return limits.trade * limits.caution_bps // WHOLE if stage == "caution" else 0


def dearest(book: Book, intent: OrderIntent) -> int:
    """The dearest an order can fill at as far as is known."""
    return max(book.quotes[intent.symbol].ask, intent.limit or 0)


def healthy(book: Book, limits: GovernorLimits, now: int) -> bool:
    """The health check after a halt: every holding freshly quoted, every order of earlier sessions closed (R4)."""
    settled = all(order.number >= book.account.first for order in book.orders.values())
    return settled and book.marked_since(now - limits.quote_age)


def in_session(book: Book, at: int) -> bool:
    """The day of the session in UTC, or a neighbour of it, wherever its exchange is."""
    return book.account.day >= 0 and abs(at // DAY - book.account.day) <= 1
