"""An account's loss, and the use and remaining room of its limits (H1, H2, R4).

Pure functions of an account's book and limits: whole numbers in, whole numbers out. Values are in 1e-24 USD, limits in
cents, times in microseconds since 1970, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.core.quantity import CENT
from plimsoll.core.symbols import measurable
from plimsoll.governor.book import Book
from plimsoll.governor.limits import WHOLE, GovernorLimits
from plimsoll.governor.state import AHEAD_MAX


@dataclass(frozen=True, slots=True)
class Use:
    """The worst case of an account as values: gross, turnover and loss, and one symbol's position."""

    position: int
    gross: int
    turnover: int
    loss: int


def use_of(book: Book, loss: int, symbol: str | None = None) -> Use:
    """The worst case at a loss; ``position`` is the symbol's, or that of the largest one."""
    position = book.value(symbol) if symbol is not None else max(book.values().values(), default=0)
    return Use(position, book.gross, book.account.turnover + book.reserved, loss)


def headroom_of(book: Book, limits: GovernorLimits, loss: int, symbol: str | None = None) -> dict[str, int]:
    """Cents left in each limit at a loss, rounded down; negative where a price carried a position over one.

    Without a symbol the position limit is that of the symbol with the least room.
    """
    if symbol is not None:
        position = limits.position_of(symbol) * CENT - book.value(symbol)
    else:
        left = (limits.position_of(s) * CENT - value for s, value in book.values().items())
        position = min(left, default=limits.position * CENT)
    return {
        "loss": limits.loss - -(-loss // CENT),
        "position": position // CENT,
        "gross": gross_cap(book, limits) - -(-book.gross // CENT),
        "turnover": limits.turnover - -(-(book.account.turnover + book.reserved) // CENT),
        "trade": trade_cap(limits, stage_of(book, limits, loss)),
    }


def result_of(book: Book) -> int:
    """The session's profit from fills and the last mids, negative for a loss; rounded down."""
    a = book.account
    return (2 * a.cash + book.marked - a.base) // 2


def loss_of(book: Book, more: int = 0) -> int:
    """The session's loss at the last mids, the worse one of a price in doubt, plus ``more``; never negative."""
    result = result_of(book) - more
    return -result if result < 0 else 0


def believed_loss_of(book: Book) -> int:
    """The same at believed prices: the loss that halts a session for good (R4)."""
    a = book.account
    return max(-((2 * a.cash + book.believed - a.base) // 2), 0)


def stage_of(book: Book, limits: GovernorLimits, loss: int) -> str:
    """The stage of the intraday ladder at a loss: normal, caution, reduce_only or halt (R4)."""
    a = book.account
    if a.halted:
        return "halt"
    reached = "reduce_only" if a.day >= 0 and a.equity <= 0 else "normal"  # positions must still be able to close
    if loss and a.day >= 0:
        for stage in limits.stages:
            if loss * WHOLE >= min(stage.equity_bps * a.equity, stage.loss_bps * limits.loss) * CENT:
                reached = stage.name
    return reached


def gross_cap(book: Book, limits: GovernorLimits) -> int:
    """Most that all positions together may be worth, cents; zero where the session began with no equity or less."""
    return max(book.account.equity, 0) * limits.gross_bps // WHOLE


def trade_cap(limits: GovernorLimits, stage: str) -> int:
    """Largest value of one order that may add risk at a stage, cents."""
    if stage == "normal":
        return limits.trade
    return limits.trade * limits.caution_bps // WHOLE if stage == "caution" else 0


def healthy(book: Book, limits: GovernorLimits, now: int) -> bool:
    """The health check after a halt: every position freshly quoted, every order of earlier sessions closed (R4)."""
    settled = all(order.number >= book.account.first for order in book.orders.values())
    return settled and marked(book, limits, now)


def marked(book: Book, limits: GovernorLimits, now: int) -> bool:
    """Whether the account's value is known: each position's price is, or it is dust; and since a start the prices
    of all open orders were received again, because a rise after the stored quote may be lost.
    """
    if book.unheard and any(order.symbol in book.unheard for order in book.orders.values()):
        return False
    return all(known_price(book, limits, symbol, now) for symbol in book.told) and all(
        known_price(book, limits, symbol, now) or _dust(book, limits, symbol, held)
        for symbol, held in book.positions.items()
    )


def known_price(book: Book, limits: GovernorLimits, symbol: str, now: int) -> bool:
    """Whether a symbol's quote is fresh, believed, in dollars, and no wider than the collar.

    The mid of 1 and 199 says nothing about a position's value, and may hide a loss.
    """
    if not book.fresh(symbol, now - limits.quote_age, now + AHEAD_MAX):
        return False
    if symbol in book.doubts or not measurable(symbol):
        return False
    quote = book.quotes[symbol]
    return (quote.ask - quote.bid) * WHOLE <= limits.collar_bps * (quote.bid + quote.ask)


def dust_of(book: Book, limits: GovernorLimits, now: int) -> int:
    """The last value of dust without a known price: it counts as lost, because it may never be quoted again."""
    return sum(
        -(-held * (book.quotes[symbol].bid + book.quotes[symbol].ask) // 2)
        for symbol, held in book.positions.items()
        if _dust(book, limits, symbol, held) and not known_price(book, limits, symbol, now)
    )


def _dust(book: Book, limits: GovernorLimits, symbol: str, held: int) -> bool:
    """Whether a position is long, in dollars and nearly worthless at its highest known price."""
    ask = book.ask(symbol)
    known = symbol in book.quotes and symbol not in book.told and measurable(symbol)
    return known and held > 0 and held * ask <= limits.dust * CENT
