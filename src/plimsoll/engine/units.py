"""A snapshot on which a run continues must count what the account holds in the units it is held in (D14, U6).

A split that comes as a split-adjusted file scales a symbol's whole past by one factor, and states nowhere that there
are more units now: the account would keep its lots at the new price.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import InputError
from plimsoll.core.panel import Floats, Panel
from plimsoll.core.state import State

_ROWS = 5
"""Closes that must agree on a factor: a vendor's correction of one bar is none."""
_ALIKE = 2e-3
"""Rounding of stored prices to cents at a price above 5 USD, fraction."""
_SMALLEST = 5e-3
"""Factors nearer to 1 are no change of units: the smallest stock dividends are 1 %."""
_UNITS = 20
"""Largest number in the ratio of a split that an error names."""


def same_units(account: State, last: CycleRecord | None, old: Panel | None, panel: Panel, decided: str) -> None:
    """Refuse a snapshot on which a held or ordered symbol's past stands at another scale than the run decided on.

    ``old`` is the snapshot decided on; where it is gone, the journal says the prices of the last decision: ``last``.

    Raises
    ------
    InputError
        Names the symbol, the factor and the split that would explain it.
    """
    held = {s: int(n) for s, n in zip(account.symbols, account.lots.tolist(), strict=True) if n}
    ordered = dict.fromkeys(one.order.symbol for one in account.working.values())
    for symbol in {**held, **ordered}:
        before = _closes(old, symbol, decided) if old is not None else _told(account, last, panel, symbol)
        factor = _factor(before, _closes(panel, symbol, decided))
        if factor is None:
            continue
        raise InputError(
            f"{symbol} stands at {factor:.6g} times the prices that the run decided on, in every row compared up to "
            f"{decided}{_explained(factor)}; the snapshot {panel.snapshot[:16]} books no split of it, and the account "
            f"{'holds' if symbol in held else 'has orders in'} the old units",
            f"Ingest {symbol} as it was traded, with the split in a split column (docs/data.md), and continue; or "
            "continue on the run's own snapshot with --snapshot",
        )


def _factor(before: Floats, now: Floats) -> float | None:
    """The one factor by which the last closes differ; None where they are alike, or differ otherwise."""
    rows = min(len(before), len(now))
    if not rows:
        return None
    before, now = before[-rows:], now[-rows:]
    known = np.flatnonzero((before > 0.0) & (now > 0.0))[-_ROWS:]  # false where absent
    if not known.size:
        return None
    ratios = now[known] / before[known]
    factor = float(ratios[-1])
    alike = bool(np.all(np.abs(ratios / factor - 1.0) <= _ALIKE))
    return factor if alike and abs(factor - 1.0) > _SMALLEST else None


def _closes(panel: Panel, symbol: str, decided: str) -> Floats:
    """Closes up to a session; two snapshots of a run have the same sessions up to it."""
    return panel.close[: panel.sessions.row_at_or_before(decided) + 1, panel.column[symbol]]


def _told(account: State, last: CycleRecord | None, panel: Panel, symbol: str) -> Floats:
    """The price of the last decision in the journal: of its order, or of what it held; absent otherwise."""
    if last is None:
        return np.array([np.nan])
    orders = [one.order for one in account.working.values() if one.order.symbol == symbol]
    for order in orders:
        if order.session == last.session:  # an older one has the price of an older close
            return np.array([order.reference])
    i = account.symbols.index(symbol)
    if symbol not in last.symbols or not account.lots[i]:
        return np.array([np.nan])
    units = int(account.lots[i]) / panel.instruments[panel.column[symbol]].lots_per_unit
    return np.array([last.held[last.symbols.index(symbol)] * last.nav / 100.0 / units])


def _explained(factor: float) -> str:
    ratio = Fraction(1.0 / factor).limit_denominator(_UNITS)
    if ratio.numerator > _UNITS or abs(float(ratio) * factor - 1.0) > _ALIKE:
        return ""
    return f", as after a split of {ratio.numerator}:{ratio.denominator}"
