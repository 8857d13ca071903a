"""Round trips: profit and loss of a position between its opening and its closing fill.

A round trip begins when a flat position is opened and ends when it is flat again; additions and reductions in between
belong to it. Lots are matched first in, first out, which determines holding times and the realised profit of an open
position; the profit of a closed round trip does not depend on the matching. Money in whole cents.
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

    ``exited`` is empty while it is open; its profit is then marked at the last close given. ``lots`` is the largest
    holding (in lots of that time), negative for a short. ``invested`` is what its entries paid or received, commission
    included. ``profit`` is after all costs; ``realised`` the part of it on lots sold, first in first out; ``income``
    dividends and cash in lieu, not in ``profit``. ``costs`` are commission, slippage and impact. ``days`` are calendar
    days from entry to exit, ``mean_days`` the average over lots sold. ``worst`` and ``best`` are the lowest and highest
    (profit + income) / ``invested`` at any close of the trip; None without closes.
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
_ORDER: Mapping[type, int] = {Split: 0, CashFlow: 1, Fill: 2, Close: 3}  # sequence within a session


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
    splits, flows : booked before the fills of their session, as in the journal; interest is left out.
    closes : values of holdings at closes, for ``worst``, ``best`` and the value of open positions. Without them an
        open position is valued at zero.
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
    """Share of closed trips with a profit after costs, without dividends; None when none is closed."""
    profits = [t.profit for t in trips if t.exited]
    return sum(p > 0 for p in profits) / len(profits) if profits else None


def profit_factor(trips: Iterable[RoundTrip]) -> float | None:
    """Total gains over total losses of closed trips, after costs, without dividends; None without a loss."""
    profits = [t.profit for t in trips if t.exited]
    lost = -sum(p for p in profits if p < 0)
    return sum(p for p in profits if p > 0) / lost if lost else None


class _Lot:
    """The remaining lots of one purchase or short sale, and their cost."""

    __slots__ = ("basis", "lots", "session")

    def __init__(self, session: str, lots: int, basis: int) -> None:
        self.session, self.lots, self.basis = session, Fraction(lots), Fraction(basis)


class _Position:
    """Open lots and finished trips of one symbol while its events are replayed."""

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
            self._end(self.last)  # a split left less than one lot, paid as cash in lieu
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
        """Close ``lots``, signed against the position, for ``spent`` (negative for a sale)."""
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
        else:  # paid after the position was closed: it belongs to the previous trip
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
