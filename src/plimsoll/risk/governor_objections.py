"""What an account has lost and may still do, and what speaks against an order (H1, H2, R4).

Pure functions of an account's book and limits: whole numbers in, whole numbers and reason codes out. Values are in
1e-24 USD, limits in cents, times in microseconds since 1970, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.core.quantity import CENT
from plimsoll.core.symbols import measurable
from plimsoll.risk.governor_book import AHEAD_MAX, MINUTE, Book
from plimsoll.risk.governor_clock import untimely
from plimsoll.risk.governor_limits import SECOND, WHOLE, GovernorLimits


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


def objections(
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
    found = _strange(book, limits, intent, now, reduces=reduces)
    if not reduces:
        found += _over(book, limits, intent, now)
    return found, [] if found else unsure


def _strange(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int, *, reduces: bool) -> list[str]:
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
    if not book.nth_last(limits.orders_second, now) <= now - SECOND:
        found.append("ORDERS_PER_SECOND")
    if not book.nth_last(limits.orders_minute, now) <= now - MINUTE:
        found.append("ORDERS_PER_MINUTE")
    same = (intent.symbol, intent.sign, intent.quantity)
    alike = book.alike(*same)
    if not alike < limits.repeats_minute:  # … unless some are remembered for longer than they count
        alike -= sum((sent.symbol, sent.sign, sent.quantity) == same for _, sent in book.outdated(now))
        if not alike < limits.repeats_minute:
            found.append("REPEATED_EXECUTION")
    return found


def _over(book: Book, limits: GovernorLimits, intent: OrderIntent, now: int) -> list[str]:
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
    price = dearest(book, intent)
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
    if not a.turnover + book.reserved + intent.quantity * paid(book, limits, intent) <= limits.turnover * CENT:
        found.append("TURNOVER_LIMIT")
    return found


def result_of(book: Book) -> int:
    """What the session's fills and the last mids say it made, negative for a loss; rounded down."""
    a = book.account
    return (2 * a.cash + book.marked - a.base) // 2


def loss_of(book: Book, more: int = 0) -> int:
    """What the session has lost at the last mids, the worse one of a price in doubt, and ``more``; never negative."""
    result = result_of(book) - more
    return -result if result < 0 else 0


def believed_loss_of(book: Book) -> int:
    """The same at prices that are believed: what halts a session for good (R4)."""
    a = book.account
    return max(-((2 * a.cash + book.believed - a.base) // 2), 0)


def stage_of(book: Book, limits: GovernorLimits, loss: int) -> str:
    """Where the intraday ladder stands at a loss: normal, caution, reduce_only or halt (R4)."""
    a = book.account
    if a.halted:
        return "halt"
    reached = "reduce_only" if a.day >= 0 and a.equity <= 0 else "normal"  # what is held must still be able to leave
    if loss and a.day >= 0:
        for stage in limits.stages:
            if loss * WHOLE >= min(stage.equity_bps * a.equity, stage.loss_bps * limits.loss) * CENT:
                reached = stage.name
    return reached


def gross_cap(book: Book, limits: GovernorLimits) -> int:
    """What all positions together may be worth, cents; nothing where the session began with none or below."""
    return max(book.account.equity, 0) * limits.gross_bps // WHOLE


def trade_cap(limits: GovernorLimits, stage: str) -> int:
    """What one order that may add risk can be worth at a stage, cents."""
    if stage == "normal":
        return limits.trade
    return limits.trade * limits.caution_bps // WHOLE if stage == "caution" else 0


def dearest(book: Book, intent: OrderIntent) -> int:
    """The dearest an order would fill at now; 0 where nothing is known of its price."""
    return max(book.ask(intent.symbol), intent.limit or 0)


def paid(book: Book, limits: GovernorLimits, intent: OrderIntent) -> int:
    """What a unit of an open order counts at in the turnover, at least: the dearest now, and for a market order, which
    fills at whatever the price has become, a reserve on top; rounded up (H2).
    """
    price = dearest(book, intent)
    return price if intent.limit is not None else with_reserve(price, limits)


def with_reserve(ask: int, limits: GovernorLimits) -> int:
    """What a unit of a market order counts at in the turnover while it is open; rounded up."""
    return -(-ask * (WHOLE + limits.move_bps) // WHOLE)


def healthy(book: Book, limits: GovernorLimits, now: int) -> bool:
    """The health check after a halt: every holding freshly quoted, every order of earlier sessions closed (R4)."""
    settled = all(order.number >= book.account.first for order in book.orders.values())
    return settled and marked(book, limits, now)


def marked(book: Book, limits: GovernorLimits, now: int) -> bool:
    """Whether what the account is worth is known: each holding's price is, or it is dust; and since a start the price
    of everything open came anew, because a rise after the quote that was kept may be lost.
    """
    if book.unheard and any(order.symbol in book.unheard for order in book.orders.values()):
        return False
    return all(known_price(book, limits, symbol, now) for symbol in book.told) and all(
        known_price(book, limits, symbol, now) or _dust(book, limits, symbol, held)
        for symbol, held in book.positions.items()
    )


def known_price(book: Book, limits: GovernorLimits, symbol: str, now: int) -> bool:
    """Whether a symbol's quote is fresh, believed, in dollars, and no wider than the collar lets an order meet it.

    The mid of 1 and 199 says nothing of what is held, and may hide a loss.
    """
    if not book.fresh(symbol, now - limits.quote_age, now + AHEAD_MAX):
        return False
    if symbol in book.doubts or not measurable(symbol):
        return False
    quote = book.quotes[symbol]
    return (quote.ask - quote.bid) * WHOLE <= limits.collar_bps * (quote.bid + quote.ask)


def dust_of(book: Book, limits: GovernorLimits, now: int) -> int:
    """What dust without a known price was last worth: it counts as lost, because it may never be quoted again."""
    return sum(
        -(-held * (book.quotes[symbol].bid + book.quotes[symbol].ask) // 2)
        for symbol, held in book.positions.items()
        if _dust(book, limits, symbol, held) and not known_price(book, limits, symbol, now)
    )


def _dust(book: Book, limits: GovernorLimits, symbol: str, held: int) -> bool:
    """Whether a holding is long, in dollars and worth next to nothing at the dearest price known of it."""
    ask = book.ask(symbol)
    known = ask > 0 and symbol in book.quotes and symbol not in book.told and measurable(symbol)
    return known and held > 0 and held * ask <= limits.dust * CENT
