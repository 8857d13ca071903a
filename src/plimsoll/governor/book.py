"""The governor's book of an account, with every sum that limits are checked against kept up to date (H2).

``put`` is the only way to change anything. It returns the previous value, so that changes can be undone in reverse
order. Values are in 1e-24 USD, quantities in 1e-12 units, prices in 1e-12 USD, times in microseconds since 1970,
UTC.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from plimsoll.core.errors import CorruptionError
from plimsoll.core.ports import Row
from plimsoll.governor.limits import Ruling
from plimsoll.governor.state import (
    AHEAD_MAX,
    DECODERS,
    FAR_FUTURE,
    MINUTE,
    SPLIT,
    Account,
    AdmittedOrder,
    Came,
    Doubt,
    Due,
    Lost,
    Moves,
    OpenOrder,
    Quote,
    SplitAt,
)

T = TypeVar("T")
_UNKNOWN = Quote(0, 0, 0)
_SURE = Doubt("", 0, 0, 0)


@dataclass(slots=True)
class SymbolExposure:
    """One symbol: its position, the most its open orders may add on either side, and the value of both.

    ``reserve`` is the value of its open orders, each at the higher of its reserved price and the present ask; ``worth``
    the same without the ask, and ``least`` the lowest reserved unit price among them.
    """

    held: int = 0
    buys: int = 0
    sells: int = 0
    dearest: int = 0
    value: int = 0
    reserve: int = 0
    worth: int = 0
    least: int = FAR_FUTURE
    mark: int = 0  # twice the value at the mid; the worse mid where a price is in doubt
    doubted: int = 0  # shortfall of that against the last believed price
    told: int | None = None  # the venue's position, where it differs
    orders: dict[str, OpenOrder] = field(default_factory=dict)


class Book:
    """An account and its sums.

    Attributes
    ----------
    caps : the account's dollar caps and the entry they come from; None before the account is opened.
    ruling : the policy under which the session began; None before the first session.
    lost : set where the account was begun again without its last entries; None otherwise.
    earlier : by symbol, the last believed quote with an earlier time than the last one, and that one; in memory only.
    aged : quotes that are not fresh whatever their times, by symbol: they arrived before the clock was stepped.
    unheard : symbols whose quote comes from the store: a later one may have been lost, so it is not fresh either.
    doubts : reasons that make a symbol's value unknown, by symbol.
    told : the venue's position of a symbol where it contradicts the counted one: the symbol is frozen.
    foreign : orders that the venue lists as open but are not open here: no new risk until it no longer lists them.
    splits, moves : history of a symbol needed to book messages that arrive late.
    dues : dividends of the session, by symbol.
    came : units transferred while their symbol had no fresh price, until it has one.
    gross : value of all symbols together if, in each, every open order of its worse side fills.
    reserved : turnover reserved by open orders, each at the higher of its reserved price and the present ask (H2).
    marked : twice the value of all positions, at the mid.
    """

    def __init__(self) -> None:
        self.account = Account()
        self.caps: dict[str, Any] | None = None
        self.ruling: Ruling | None = None
        self.lost: Lost | None = None
        self.orders: dict[str, OpenOrder] = {}
        self.positions: dict[str, int] = {}
        self.quotes: dict[str, Quote] = {}
        self.aged: dict[str, Quote] = {}
        self.earlier: dict[str, tuple[Quote, Quote]] = {}
        self.unheard: set[str] = set()
        self.doubts: dict[str, Doubt] = {}
        self.told: dict[str, int] = {}
        self.foreign: tuple[str, ...] = ()
        self.splits: dict[str, tuple[SplitAt, ...]] = {}
        self.moves: dict[str, Moves] = {}
        self.dues: dict[str, Due] = {}
        self.came: dict[str, Came] = {}
        self.gross = self.reserved = self.marked = 0
        self._lines: dict[str, SymbolExposure] = {}
        self._sent: deque[tuple[int, AdmittedOrder]] = deque()
        self._identical: dict[tuple[str, int, int], int] = {}
        self._puts: dict[str, Callable[[str, Any], Any]] = {
            "account": self._put_account,
            "caps": self._put_caps,
            "policy": self._put_ruling,
            "lost": self._put_lost,
            "open": self._put_order,
            "position": self._put_position,
            "quote": self._put_quote,
            "earlier": self._put_earlier,
            "doubt": self._put_doubt,
            "told": self._put_told,
            "foreign": self._put_foreign,
            "split": self._put_split,
            "moves": self._put_moves,
            "due": self._put_due,
            "came": self._put_came,
            "recent": self._put_sent,
        }

    def put(self, kind: str, key: str, value: Any) -> Any:
        """Set or remove (None) one value; returns the previous one."""
        return self._puts[kind](key, value)

    def absorb(self, rows: Iterable[Row]) -> None:
        """Load a stored value; ``CorruptionError`` for one that no governor wrote."""
        for kind, key, text in rows:
            try:
                self.put(kind, key, None if text is None else DECODERS[kind].decode(text))
            except (LookupError, ValueError) as error:
                raise CorruptionError(
                    f"the governor's account holds {kind} {key!r} as {text!r}", "Restore it from a backup"
                ) from error

    # quantities that limits are checked against

    def value(self, symbol: str) -> int:
        """Largest value a symbol can reach if any of its open orders fill."""
        line = self._lines.get(symbol)
        return 0 if line is None else line.value

    def value_with(self, symbol: str, sign: int, quantity: int, price: int) -> int:
        """The same with one further order."""
        line = self._line(symbol)
        buys, sells = line.buys, line.sells
        if sign > 0:
            buys += quantity
        else:
            sells += quantity
        return max(line.dearest, self.ask(symbol), price) * _reach(line, buys, sells)

    def values(self) -> dict[str, int]:
        """Every symbol with a position, counted or reported by the venue, or an open order, with its value."""
        lines = self._lines.items()
        return {symbol: line.value for symbol, line in lines if line.held or line.orders or line.told}

    def ask(self, symbol: str) -> int:
        """The higher of the last known ask and the doubted one; 0 without either."""
        return max(self.quotes.get(symbol, _UNKNOWN).ask, self.doubts.get(symbol, _SURE).ask)

    def sure(self, symbol: str) -> int:
        """The certain part of a position: the smaller of the counted one and the venue's; 0 where their signs differ.
        While a long position may have had a reverse split, or a split into more units has no print yet, it is that many
        units fewer: waiting for confirmation forgoes at most a gain, while a short position must always be allowed to
        close.
        """
        line = self._line(symbol)
        held = line.held
        if line.told is not None:
            held = min(held, line.told, key=abs) if held * line.told > 0 else 0
        doubt, quote = self.doubts.get(symbol), self.quotes.get(symbol)
        if held > 0 and doubt is not None and doubt.why == SPLIT and quote is not None:
            held = min(held, held * (quote.bid + quote.ask) // (doubt.bid + doubt.ask))
        elif held > 0 and quote is not None and quote.derived == SPLIT:
            held = min(held, self.unsplit(symbol, held, -1))
        return held

    def unsplit(self, symbol: str, figure: int, way: int) -> int:
        """A quantity, or with ``way`` 1 a price, with the last booked split undone."""
        told = self.splits.get(symbol)
        if not told:
            return figure
        new, old = (told[-1].new, told[-1].old)[::way]
        return figure * new // old

    def reduces(self, symbol: str, sign: int, quantity: int) -> bool:
        """Whether an order can only bring the position nearer to zero, even if every open order of its side fills.

        Where the venue reports another quantity, only the part common to both counts.
        """
        line, held = self._line(symbol), self.sure(symbol)
        return held * sign < 0 and (line.buys if sign > 0 else line.sells) + quantity <= abs(held)

    def adding(self) -> list[OpenOrder]:
        """The open orders that could add risk if they filled, by number: all except the oldest ones that together only
        bring their symbol's position nearer to zero.
        """
        found: list[OpenOrder] = []
        for symbol, line in self._lines.items():
            held = self.sure(symbol)
            room = abs(held)
            for order in sorted(line.orders.values(), key=lambda o: o.number):
                if held * order.sign < 0 and order.rest <= room:
                    room -= order.rest
                else:
                    found.append(order)
        return sorted(found, key=lambda o: o.number)

    @property
    def believed(self) -> int:
        """``marked`` without the prices in doubt."""
        return self.marked + sum(self._lines[symbol].doubted for symbol in self.doubts)

    def opening(self) -> int:
        """Twice the value of the positions at the start of a session: the higher value where a price is in doubt,
        so that its explanation is no gain; with dividends not yet in any print, since the price has still to fall.
        """
        total = 0
        for symbol, held in self.positions.items():
            quote, doubt = self.quotes.get(symbol, _UNKNOWN), self.doubts.get(symbol, _SURE)
            marks = [held * (price.bid + price.ask) for price in (quote, doubt) if price.ask]
            total += max(marks, default=0)
            if quote.derived and symbol in self.dues:
                total += _paid_out(self.dues[symbol], quote, self.doubts.get(symbol))
        return total

    def fresh(self, symbol: str, since: int, until: int) -> bool:
        """Whether a symbol's quote is of these times, was received since start, and came after the last clock step."""
        quote = self.quotes.get(symbol)
        if quote is None or quote.derived or symbol in self.unheard:
            return False
        return since <= quote.at <= until and self.aged.get(symbol) != quote

    def age(self) -> None:
        """The clock was stepped: no present quote is fresh any more."""
        self.aged = dict(self.quotes)

    @property
    def last_admitted(self) -> int:
        """Time of the last remembered admission; far in the past without one."""
        return self._sent[-1][1].at if self._sent else -FAR_FUTURE

    def outdated(self, now: int) -> list[tuple[int, AdmittedOrder]]:
        """The remembered orders older than the minute before ``now``, with their numbers, oldest first.

        One dated further ahead than is believed was admitted before the machine's clock was set back: it no longer
        counts either, or no order could be sent until the clock is there again.
        """
        found = []
        for entry in self._sent:
            if now - MINUTE < entry[1].at <= now + AHEAD_MAX:
                break
            found.append(entry)
        return found

    def time_of_nth_last(self, n: int, now: int) -> int:
        """Time of the n-th last admission; far in the past when fewer are remembered or its time is not believed;
        far in the future when n is zero.
        """
        if n < 1:
            return FAR_FUTURE
        at = self._sent[-n][1].at if n <= len(self._sent) else -FAR_FUTURE
        return at if at <= now + AHEAD_MAX else -FAR_FUTURE

    def count_identical(self, symbol: str, sign: int, quantity: int) -> int:
        """Number of remembered orders with this symbol, side and size."""
        return self._identical.get((symbol, sign, quantity), 0)

    # the only ways to change the book

    def _put_account(self, _: str, account: Account) -> Account:
        before, self.account = self.account, account
        return before

    def _put_caps(self, _: str, caps: dict[str, Any] | None) -> dict[str, Any] | None:
        before, self.caps = self.caps, caps
        return before

    def _put_lost(self, _: str, lost: Lost | None) -> Lost | None:
        before, self.lost = self.lost, lost
        return before

    def _put_ruling(self, _: str, ruling: Ruling | None) -> Ruling | None:
        before, self.ruling = self.ruling, ruling
        return before

    def _put_order(self, key: str, order: OpenOrder | None) -> OpenOrder | None:
        before = self.orders.get(key)
        if before is not None:
            line = self._line(before.symbol)
            self._turn(line, before, -1)
            del self.orders[key], line.orders[key]
            if before.price == line.dearest:
                line.dearest = max([o.price for o in line.orders.values()], default=0)
            if before.counted == line.least:
                line.least = min([o.counted for o in line.orders.values()], default=FAR_FUTURE)
            self._weigh(before.symbol, line)
        if order is not None:
            line = self._line(order.symbol)
            self._turn(line, order, 1)
            self.orders[key] = line.orders[key] = order
            if order.price > line.dearest:
                line.dearest = order.price
            if order.counted < line.least:
                line.least = order.counted
            self._weigh(order.symbol, line)
        return before

    def _turn(self, line: SymbolExposure, order: OpenOrder, way: int) -> None:
        rest = order.rest * way
        if order.sign > 0:
            line.buys += rest
        else:
            line.sells += rest
        line.worth += rest * order.counted

    def _put_position(self, symbol: str, held: int | None) -> int | None:
        before = self.positions.pop(symbol, None)
        if held:
            self.positions[symbol] = held
        line = self._line(symbol)
        line.held = held or 0
        self._weigh(symbol, line)
        return before

    def _put_quote(self, symbol: str, quote: Quote | None) -> Quote | None:
        before = self.quotes.pop(symbol, None)
        if quote is not None:
            self.quotes[symbol] = quote
        self._weigh(symbol, self._line(symbol))
        return before

    def _put_earlier(self, symbol: str, pair: tuple[Quote, Quote] | None) -> tuple[Quote, Quote] | None:
        return _set(self.earlier, symbol, pair)

    def _put_doubt(self, symbol: str, doubt: Doubt | None) -> Doubt | None:
        before = self.doubts.pop(symbol, None)
        if doubt is not None:
            self.doubts[symbol] = doubt
        self._weigh(symbol, self._line(symbol))
        return before

    def _put_told(self, symbol: str, told: int | None) -> int | None:
        before = self.told.pop(symbol, None)
        if told is not None:
            self.told[symbol] = told
        line = self._line(symbol)
        line.told = told
        self._weigh(symbol, line)
        return before

    def _put_foreign(self, _: str, orders: tuple[str, ...] | None) -> tuple[str, ...]:
        before, self.foreign = self.foreign, orders or ()
        return before

    def _put_split(self, symbol: str, splits: tuple[SplitAt, ...] | None) -> tuple[SplitAt, ...] | None:
        return _set(self.splits, symbol, splits)

    def _put_moves(self, symbol: str, moves: Moves | None) -> Moves | None:
        return _set(self.moves, symbol, moves)

    def _put_due(self, symbol: str, due: Due | None) -> Due | None:
        before = _set(self.dues, symbol, due)
        self._weigh(symbol, self._line(symbol))
        return before

    def _put_came(self, symbol: str, came: Came | None) -> Came | None:
        before = _set(self.came, symbol, came)
        self._weigh(symbol, self._line(symbol))
        return before

    def _put_sent(self, key: str, sent: AdmittedOrder | None) -> AdmittedOrder | None:
        """Orders are added and removed at either end: numbers and times only rise."""
        number, ends = int(key), self._sent
        if sent is not None:
            self._count(sent, 1)
            if ends and number < ends[0][0]:
                ends.appendleft((number, sent))
            else:
                ends.append((number, sent))
            return None
        if ends[0][0] == number:
            _, before = ends.popleft()
        elif ends[-1][0] == number:
            _, before = ends.pop()
        else:
            raise KeyError(key)
        self._count(before, -1)
        return before

    def _count(self, sent: AdmittedOrder, way: int) -> None:
        same = (sent.symbol, sent.sign, sent.quantity)
        count = self._identical.get(same, 0) + way
        if count:
            self._identical[same] = count
        else:
            del self._identical[same]

    def _line(self, symbol: str) -> SymbolExposure:
        line = self._lines.get(symbol)
        if line is None:
            line = self._lines[symbol] = SymbolExposure()
        return line

    def _weigh(self, symbol: str, line: SymbolExposure) -> None:
        quote, ask = self.quotes.get(symbol, _UNKNOWN), self.ask(symbol)
        value = max(line.dearest, ask) * _reach(line, line.buys, line.sells)
        mark = believed = line.held * (quote.bid + quote.ask)
        doubt = self.doubts.get(symbol)
        if doubt is not None and doubt.ask:
            mark = min(mark, line.held * (doubt.bid + doubt.ask))
        line.doubted = believed - mark
        due = self.dues.get(symbol)
        if due is not None:
            mark += _paid_out(due, quote, doubt)
        came = self.came.get(symbol)
        if came is not None:
            mark -= unearned(came, quote, doubt)
        if line.told is not None:
            mark -= 2 * abs(line.held - line.told) * ask  # the difference of the two positions counts as lost
        reserve = line.worth
        if ask > line.least:
            reserve = sum(order.rest * max(order.counted, ask) for order in line.orders.values())
        self.gross += value - line.value
        self.marked += mark - line.mark
        self.reserved += reserve - line.reserve
        line.value, line.mark, line.reserve = value, mark, reserve


def _set(into: dict[str, T], key: str, value: T | None) -> T | None:
    """Set or remove a value; returns the previous one."""
    before = into.pop(key, None)
    if value is not None:
        into[key] = value
    return before


def _paid_out(due: Due, quote: Quote, doubt: Doubt | None) -> int:
    """Twice the cash of a dividend, at most the fall in value of the position since."""
    now = max(quote.bid + quote.ask, 0 if doubt is None else doubt.bid + doubt.ask)
    return min(2 * due.cash, max(due.quantity * (due.mark - now), 0))


def unearned(came: Came, quote: Quote, doubt: Doubt | None) -> int:
    """Twice the value of transferred units above their booked value, at the higher value of a price in doubt."""
    prices = [price.bid + price.ask for price in (quote, doubt) if price is not None and price.ask]
    return max([came.quantity * price - came.worth for price in prices] + [0])


def _reach(line: SymbolExposure, buys: int, sells: int) -> int:
    """Largest position of a symbol on either side after so many purchases or sales, by either account of it."""
    most = max(abs(line.held + buys), abs(line.held - sells))
    return most if line.told is None else max(most, abs(line.told + buys), abs(line.told - sells))
