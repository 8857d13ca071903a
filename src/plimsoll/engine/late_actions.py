"""Splits and dividends of sessions already decided that a new snapshot states otherwise than the run booked them (D12,
D14).

They are booked on the day they become known, as the difference to what the account would hold had it known: lots held
before a split are converted, and each dividend is paid on the lots of its day. That is proven only where the closes of
both snapshots agree from the first fill on, so that the fills are in the units that the new snapshot says, and where
those closes show the split. Otherwise the symbol is frozen for new risk until a person signs; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, log, nan, trunc

import numpy as np

from plimsoll.core.events import (
    ActionsInDoubt,
    ActionsRestated,
    CashFlow,
    Event,
    FeeReported,
    FillCorrected,
    LateSplit,
    PositionAdopted,
)
from plimsoll.core.order import Fill
from plimsoll.core.panel import Panel
from plimsoll.core.quantity import split_ratio
from plimsoll.core.state import State
from plimsoll.engine.derived_dividends import errors
from plimsoll.execution.actions import dividend_cents, in_lieu_cents

_ALIKE = 2e-3
"""Closes nearer than this fraction are the same: prices stored to cents."""


@dataclass(slots=True)
class _Booked:
    """What a journal says of one symbol: its fills, the cents paid by session, and what makes it unclear."""

    fills: list[Fill]
    paid: dict[str, int]
    unclear: str = ""


def late_actions(
    events: Iterable[Event], account: State, old: Panel | None, panel: Panel, decided: str
) -> list[ActionsRestated | ActionsInDoubt]:
    """What the run has to book, by symbol, or the symbols in doubt, before it continues on ``panel``.

    ``events`` are its journal, ``account`` the state after its last decision, ``old`` the snapshot decided on, None
    where it is gone.
    """
    booked = _booked(events)
    found: list[ActionsRestated | ActionsInDoubt] = []
    for symbol in sorted(booked.keys() & panel.column.keys()):
        one = _Symbol(symbol, booked[symbol], account, old, panel, decided)
        if (made := one.restated()) is not None:
            found.append(made)
    return found


def _booked(events: Iterable[Event]) -> dict[str, _Booked]:
    found: dict[str, _Booked] = {}
    for event in events:
        match event:
            case Fill():
                found.setdefault(event.symbol, _Booked([], {})).fills.append(event)
            case CashFlow(kind="dividend" | "cash_in_lieu") if event.symbol in found:
                paid = found[event.symbol].paid
                paid[event.session] = paid.get(event.session, 0) + event.cents
            case ActionsRestated() if event.symbol in found:
                paid = found[event.symbol].paid
                for session, cents in event.paid.items():
                    paid[session] = paid.get(session, 0) + cents
            case FillCorrected() | PositionAdopted() if event.symbol in found:
                found[event.symbol].unclear = "executions of it were corrected or adopted"
            case FeeReported() if event.symbol in found:
                found[event.symbol].unclear = "fees were taken in its units"
            case _:
                pass
    return found


class _Symbol:
    """One symbol of a run on its way to another snapshot."""

    def __init__(
        self, symbol: str, booked: _Booked, account: State, old: Panel | None, panel: Panel, decided: str
    ) -> None:
        self.symbol, self.booked, self.account, self.decided = symbol, booked, account, decided
        self.old, self.panel = old, panel
        self.dates, self.column = panel.sessions.dates, panel.column[symbol]
        self.first = panel.sessions.row_at_or_after(booked.fills[0].session)
        self.last = panel.sessions.row_at_or_before(decided)
        self.units = panel.instruments[self.column].lots_per_unit
        self.fills: dict[str, list[Fill]] = {}
        for fill in booked.fills:
            self.fills.setdefault(fill.session, []).append(fill)
        self.known = {split.session: split.ratio for split in account.splits.get(symbol, ())}
        i = account.symbols.index(symbol)
        self.lots, self.cost = int(account.lots[i]), float(account.average_cost[i])

    def restated(self) -> ActionsRestated | ActionsInDoubt | None:
        """What has to be booked or be in doubt; None where nothing changed that concerns the account."""
        stated = self._splits_stated()
        held = self._held(self.known)
        splits = [row for row in self._rows() if self._split_changed(row, stated) and held[self.dates[row]]]
        dividends = {self.dates[row] for row in self._rows() if self._dividend_changed(row, held)}
        if not splits and not any(held[session] for session in dividends):
            return None
        doubt = self._doubt(splits, held)
        if doubt:
            return ActionsInDoubt(self.decided, self.symbol, doubt)
        due = self.known | {self.dates[row]: stated[self.dates[row]] for row in splits}
        return self._difference(due, held, dividends)

    def _rows(self) -> range:
        return range(self.first, self.last + 1)

    def _splits_stated(self) -> Mapping[str, Fraction]:
        rows = self._rows()
        values = self.panel.split[rows.start : rows.stop, self.column].tolist()
        return {self.dates[r]: split_ratio(v) for r, v in zip(rows, values, strict=True) if v != 1.0}

    def _split_changed(self, row: int, stated: Mapping[str, Fraction]) -> bool:
        """Whether a split is neither booked as it is stated nor stated as before; it is booked where the process died
        between booking it and taking up the snapshot.
        """
        now = stated.get(self.dates[row], Fraction(1))
        booked = now == self.known.get(self.dates[row], 1)
        return not booked and (self.old is None or now != split_ratio(float(self._before("split", row))))

    def _dividend_changed(self, row: int, held: Mapping[str, int]) -> bool:
        """Whether a dividend changed by more than the decimals of derived ones explain (D12)."""
        now, session = float(self.panel.dividend[row, self.column]), self.dates[row]
        slack = float(errors(self.panel, self.symbol)[row])
        if self.old is not None:
            was = float(self._before("dividend", row))
            of_old = float(errors(self.old, self.symbol)[self.old.sessions.row_at_or_after(session)])
            return was != now and not (slack > 0.0 and of_old > 0.0 and abs(now - was) <= slack + of_old)
        if session in self.known:  # with cash in lieu of a fraction, which the amount does not state
            return False
        lots, paid = held[session], self.booked.paid.get(session, 0)
        return abs(dividend_cents(lots, now, self.units) - paid) > 200.0 * slack * abs(lots) / self.units

    def _before(self, name: str, row: int) -> float:
        assert self.old is not None
        own = self.old.sessions.row_at_or_after(self.dates[row])
        return float(getattr(self.old, name)[own, self.old.column[self.symbol]])

    def _held(self, splits: Mapping[str, Fraction]) -> dict[str, int]:
        """Lots before each session's open, had these splits been booked; the last one's key is ""."""
        lots, found = 0, dict[str, int]()
        for row in self._rows():
            session = self.dates[row]
            found[session] = lots
            lots = trunc(lots * splits.get(session, 1)) + sum(f.lots for f in self.fills.get(session, ()))
        found[""] = lots
        return found

    def _doubt(self, splits: Sequence[int], held: Mapping[str, int]) -> str:
        """Why a booking cannot be proven right; "" where it can."""
        if self.old is None:
            return "the snapshot that it was traded on is gone"
        if self.booked.unclear:
            return self.booked.unclear
        if any(one.status != "NEW" for one in self.account.working.values() if one.order.symbol == self.symbol):
            return "a venue has orders in it"
        if held[""] != self.lots:
            return "its fills and splits do not come to what is held"
        if not self._closes_agree():
            return "its closes were restated too, so that the units of its fills are not known"
        for row in splits:
            if self.dates[row] in self.known:
                return f"the split of {self.dates[row]} that was booked is stated otherwise"
            if not self._shown(row):
                return f"the closes around {self.dates[row]} do not show the split"
        return ""

    def _closes_agree(self) -> bool:
        assert self.old is not None
        first = max(self.first - 1, 0)
        start = self.old.sessions.row_at_or_after(self.dates[first])
        now = self.panel.close[first : self.last + 1, self.column]
        was = self.old.close[start : start + len(now), self.old.column[self.symbol]]
        missing = np.isnan(now) & np.isnan(was)
        return bool(np.all(missing | (np.abs(now / was - 1.0) <= _ALIKE)))

    def _shown(self, row: int) -> bool:
        """Whether a split's own close lies nearer to the one before over its ratio than to half way there."""
        closes = self.panel.close[: row + 1, self.column]
        known = closes[np.isfinite(closes)]
        if known.size < 2 or not isfinite(float(closes[row])):
            return False
        ratio = log(float(self.panel.split[row, self.column]))
        return abs(log(float(known[-1] / known[-2])) + ratio) <= abs(ratio) / 2.0

    def _difference(
        self, due: Mapping[str, Fraction], held: Mapping[str, int], dividends: set[str]
    ) -> ActionsRestated | None:
        """Walk the run's fills under the splits that are due, and take what was booked from it."""
        lots, cost, splits, paid = 0, nan, list[LateSplit](), dict[str, int]()
        for row in self._rows():
            session, before, extra = self.dates[row], lots, 0
            ratio = due.get(session, Fraction(1))
            if ratio != 1 and before:
                exact = lots * ratio
                lots = trunc(exact)
                stored = float(self.panel.split[row, self.column])
                splits.append(LateSplit(session, before, lots, stored))
                cost = cost / stored if lots else nan
                extra = in_lieu_cents(exact - lots, ratio, self._mark(row - 1), self.units)
            changed = session in dividends or (session not in self.known and ratio != 1)
            if changed or before != held[session]:
                amount = float(self.panel.dividend[row, self.column])
                cents = dividend_cents(lots, amount, self.units) + extra - self.booked.paid.get(session, 0)
                if cents:
                    paid[session] = cents
            for fill in self.fills.get(session, ()):
                lots, cost = _after(lots, cost, fill)
        if not paid and lots == self.lots:
            return None
        return ActionsRestated(
            self.decided, self.symbol, lots, None if cost != cost else cost, sum(paid.values()), tuple(splits), paid
        )

    def _mark(self, row: int) -> float:
        known = self.panel.close[: row + 1, self.column]
        known = known[np.isfinite(known)]
        return float(known[-1]) if known.size else nan


def _after(lots: int, cost: float, fill: Fill) -> tuple[int, float]:
    """Lots and average cost after a fill, as ``core.state`` books it."""
    after = lots + fill.lots
    if after == 0:
        return 0, nan
    if lots == 0 or (lots > 0) != (after > 0):
        return after, fill.price
    if abs(after) > abs(lots):
        return after, (cost * abs(lots) + fill.price * abs(fill.lots)) / abs(after)
    return after, cost
