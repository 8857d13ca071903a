"""Round trips: profit and loss of a position between its opening and its closing fill.

A round trip begins when a flat position is opened and ends when it is flat again; what is added to it or taken from it
between belongs to it, and a reduction is no round trip. Lots that leave are those bought first (first in, first out),
which says how long they were held and what an open position has realised; the profit of a closed one is the same by any
rule. Money in whole cents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from plimsoll.core.dates import day_number
from plimsoll.core.events import CashFlow, Split
from plimsoll.core.order import Fill


class RoundTrip(NamedTuple):
    """One position from entry to exit.

    ``exited`` is empty while it is open; its profit then counts what is held at the last close given. ``lots`` are the
    most it held (in lots of that time), negative of a short. ``invested`` is what its entries paid or received,
    commission included. ``profit`` is after every cost; ``realised`` the part of it on lots that have left, first in
    first out; ``income`` dividends and cash in lieu beside it. ``costs`` are commission, slippage and impact. ``days``
    are calendar days from entry to exit, ``mean_days`` those of an average lot that left. ``worst`` and ``best`` are
    the lowest and the highest (profit + income) / ``invested`` so far at any close within it; None without closes.
    """

    symbol: str
    entered: str
    exited: str
    lots: int
    invested: int
    profit: int
    realised: int
    income: int
    costs: int
    fills: int
    days: int
    mean_days: float
    worst: float | None
    best: float | None

    @property
    def result(self) -> int:
        """Profit and income together, cents."""
        return self.profit + self.income

    @property
    def gain(self) -> float:
        """``result`` as a fraction of ``invested``."""
        return self.result / self.invested if self.invested else 0.0


class Close(NamedTuple):
    """Value of a position at a session's close, cents; negative for a short."""

    session: str
    symbol: str
    value: int


_Event = Split | CashFlow | Fill | Close
_ORDER: Mapping[type, int] = {Split: 0, CashFlow: 1, Fill: 2, Close: 3}  # as a session happens


def round_trips(
    fills: Iterable[Fill],
    splits: Iterable[Split] = (),
    flows: Iterable[CashFlow] = (),
    closes: Iterable[Close] = (),
) -> tuple[RoundTrip, ...]:
    """Every position from entry to exit, by the session it was entered, open ones included.

    Parameters
    ----------
    fills : by time.
    splits, flows : booked before the fills of their session, as they are journaled; interest is left out.
    closes : values of what is held at closes; they say how far a trip was under and above water, and what an open one
        is worth. Without them an open trip counts as sold for nothing.
    """
    given: list[_Event] = [*splits, *(f for f in flows if f.kind != "interest"), *fills, *closes]
    given.sort(key=lambda e: (e.symbol, e.session, _ORDER[type(e)]))  # stable: fills stay in their order
    found: list[RoundTrip] = []
    for symbol, events in groupby(given, key=lambda e: e.symbol):
        position = _Position(symbol)
        for event in events:
            position.see(event)
        found += position.ended()
    return tuple(sorted(found, key=lambda t: (t.entered, t.symbol)))


def won(trips: Iterable[RoundTrip]) -> float | None:
    """Share of closed trips with a profit after costs, dividends apart; None where none is closed."""
    profits = [t.profit for t in trips if t.exited]
    return sum(p > 0 for p in profits) / len(profits) if profits else None


def profit_factor(trips: Iterable[RoundTrip]) -> float | None:
    """Gains over losses of closed trips, after costs, dividends apart; None where nothing was lost."""
    profits = [t.profit for t in trips if t.exited]
    lost = -sum(p for p in profits if p < 0)
    return sum(p for p in profits if p > 0) / lost if lost else None


class _Lot:
    """The rest of one purchase (or short sale): lots, and their cost."""

    __slots__ = ("basis", "lots", "session")

    def __init__(self, session: str, lots: int, basis: int) -> None:
        self.session, self.lots, self.basis = session, Fraction(lots), Fraction(basis)


class _Position:
    """One symbol while its events are walked through."""

    def __init__(self, symbol: str) -> None:
        self.symbol, self.done, self.last = symbol, list[RoundTrip](), ""
        self._fresh("")

    def _fresh(self, session: str) -> None:
        self.lots, self.queue, self.entered = 0, list[_Lot](), session
        self.most = self.invested = self.spent = self.income = self.costs = self.fills = self.value = 0
        self.realised, self.left, self.lot_days = Fraction(0), Fraction(0), Fraction(0)
        self.marks: list[float] = []

    def see(self, event: _Event) -> None:
        """Take the next event of the symbol."""
        if self.entered and not self.lots and not isinstance(event, CashFlow):
            self._end(self.last)  # a split left less than a lot; its cash in lieu has come
        if isinstance(event, Fill):
            self._fill(event)
        elif isinstance(event, Split):
            self._split(event)
        elif isinstance(event, CashFlow):
            self._flow(event)
        elif self.entered:
            self.value = event.value
            if self.invested:
                self.marks.append((event.value - self.spent + self.income) / self.invested)
        self.last = event.session

    def ended(self) -> list[RoundTrip]:
        """The trips, the open one last."""
        if self.entered:
            self._end("" if self.lots else self.last)
        return self.done

    def _fill(self, fill: Fill) -> None:
        closing = 0
        if self.lots * fill.lots < 0:
            closing = max(-abs(self.lots), -abs(fill.lots)) * (1 if self.lots > 0 else -1)
        costs = fill.commission + fill.slippage + fill.impact
        spent, paid = (share(total, closing, fill.lots) for total in (fill.notional + fill.commission, costs))
        if closing:
            self._take(closing, spent, paid, fill.session)
            if not self.lots:
                self._end(fill.session)
        if fill.lots != closing:
            self._add(fill.lots - closing, fill.notional + fill.commission - spent, costs - paid, fill.session)

    def _add(self, lots: int, spent: int, costs: int, session: str) -> None:
        if not self.entered:
            self._fresh(session)
        self.queue.append(_Lot(session, lots, spent))
        self.lots += lots
        self.most = max(self.most, self.lots, key=abs)
        self.invested += abs(spent)
        self.spent, self.costs, self.fills = self.spent + spent, self.costs + costs, self.fills + 1

    def _take(self, lots: int, spent: int, costs: int, session: str) -> None:
        """Let ``lots`` go, signed against the position, for ``spent`` (negative of a sale)."""
        rest, basis = Fraction(lots), Fraction(0)
        while rest and self.queue:
            first = self.queue[0]
            part = -first.lots if abs(first.lots) <= abs(rest) else rest
            freed = first.basis * (-part / first.lots)
            self.lot_days += abs(part) * (day_number(session) - day_number(first.session))
            self.left += abs(part)
            first.lots, first.basis = first.lots + part, first.basis - freed
            basis, rest = basis + freed, rest - part
            if not first.lots:
                self.queue.pop(0)
        self.realised -= spent + basis
        self.lots += lots
        self.spent, self.costs, self.fills = self.spent + spent, self.costs + costs, self.fills + 1

    def _split(self, split: Split) -> None:
        if self.lots:
            ratio = Fraction(split.lots, self.lots)
            for lot in self.queue:
                lot.lots *= ratio
            self.most = max(self.most, split.lots, key=abs)
            self.lots = split.lots
            if not self.lots:
                self.queue.clear()

    def _flow(self, flow: CashFlow) -> None:
        if self.entered or not self.done:
            self.income += flow.cents
        else:  # paid after the position was closed: it was earned by the trip before
            self.done[-1] = self.done[-1]._replace(income=self.done[-1].income + flow.cents)

    def _end(self, session: str) -> None:
        value = self.value if session == "" else 0
        end = session or self.last
        self.done.append(
            RoundTrip(
                symbol=self.symbol, entered=self.entered, exited=session, lots=self.most, invested=self.invested,
                profit=value - self.spent, realised=round(self.realised) if session == "" else -self.spent,
                income=self.income, costs=self.costs, fills=self.fills,
                days=day_number(end) - day_number(self.entered),
                mean_days=float(self.lot_days / self.left) if self.left else 0.0,
                worst=min(self.marks, default=None), best=max(self.marks, default=None),
            )
        )  # fmt: skip
        self._fresh("")


def share(cents: int, part: int, whole: int) -> int:
    """``cents x part / whole`` in whole cents, half to even, exact for any size."""
    quotient, rest = divmod(cents * part, whole)
    twice = 2 * abs(rest)
    return quotient + (twice > abs(whole) or (twice == abs(whole) and quotient % 2 != 0))
