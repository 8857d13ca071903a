"""Account events at the start of a session, before anything trades: splits, dividends, interest (D9, D12, U4)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np

from plimsoll.core.events import CashFlow, Event, FillCorrected, Split
from plimsoll.core.order import Fill
from plimsoll.core.panel import History, Panel, RowActions
from plimsoll.core.policy import CashPolicy, Policy
from plimsoll.core.quantity import split_ratio
from plimsoll.core.sessions import risk_free_return
from plimsoll.core.state import State
from plimsoll.costs.model import most_probable
from plimsoll.execution.pricing import FilledOrder, fill, fill_quote


def on_row(state: State, history: History, row: int, policy: Policy) -> list[Event]:
    """Splits, dividends, interest and ended series of ``row``, to be booked in this order before its open fills.

    Split: lots times its ratio; a fraction of a lot is paid in cash at the previous close over the ratio.
    Dividend: on its ex-date row, for lots held before the open. Interest: on the cash held since the previous
    session, at the bill rate known at that session's decision less ``cash.spread``, never below zero; none where
    the series is absent. Ended series: on the row after the decision by which a series was known to have ended
    (``data.ended_after`` sessions without a bar while its calendar went on), a holding is closed at its last close
    with cost. All cash in whole cents, half to even.
    """
    panel = history.panel
    events: list[Event] = []
    today = panel.actions.get(row)
    lots = _held(state, panel, today) if today is not None else {}
    if today is not None and lots:
        events += _splits(panel, today, lots, history, row)
        events += _dividends(panel, today, lots, row)
    interest = _interest(state.cash, panel, row, policy.cash)
    if interest:
        events.append(CashFlow(panel.sessions.dates[row], "interest", "", interest))
    if today is not None and lots:
        events += _ended(today, lots, history, row, policy)
    return events


def unheld_splits(account: State, event: Event, panel: Panel, session: str) -> list[Split]:
    """Splits up to ``session`` between an execution that is reported or corrected only now and today, of which nothing
    was booked because nothing was held: what the execution moves is in the units of its own session (X3).
    """
    if not isinstance(event, Fill | FillCorrected):
        return []
    fill = event if isinstance(event, Fill) else event.fill
    stood = account.executions.get((event.symbol, event.execution))
    since = min((one.session for one in (fill, stood) if one is not None), default=session)
    column = panel.column.get(event.symbol)
    if since >= session or column is None or event.symbol in account.doubted:
        return []
    known = {split.session for split in account.splits.get(event.symbol, ())}
    dates = panel.sessions.dates
    rows = range(panel.sessions.row_at_or_before(since) + 1, panel.sessions.row_at_or_before(session) + 1)
    found = [(dates[row], float(panel.split[row, column])) for row in rows if panel.split[row, column] != 1.0]
    return [Split(day, event.symbol, 0, ratio, unheld=True) for day, ratio in found if day not in known]


def _held(state: State, panel: Panel, today: RowActions) -> dict[int, int]:
    """Lots by panel column, for positions with an action today."""
    own = panel.column if state.symbols == panel.symbols else {s: i for i, s in enumerate(state.symbols)}
    held = {}
    for column in today.columns:
        i = own.get(panel.symbols[column])
        if i is not None and state.lots[i]:
            held[column] = int(state.lots[i])
    return held


def _splits(panel: Panel, today: RowActions, lots: dict[int, int], history: History, row: int) -> Iterator[Event]:
    """Split events and cash in lieu; updates ``lots``."""
    session = panel.sessions.dates[row]
    for column in today.split:
        if column not in lots:
            continue
        stored = float(panel.split[row, column])
        ratio = split_ratio(stored)
        exact = lots[column] * ratio
        whole = math.trunc(exact)
        lots[column] = whole
        symbol = panel.symbols[column]
        yield Split(session, symbol, whole, stored)
        cash = _in_lieu(exact - whole, ratio, history, row, column)
        if cash:
            yield CashFlow(session, "cash_in_lieu", symbol, cash)


def _in_lieu(fraction: Fraction, ratio: Fraction, history: History, row: int, column: int) -> int:
    if row == 0:
        return 0
    previous = float(history.array("mark")[row - 1, column])
    return in_lieu_cents(fraction, ratio, previous, history.panel.instruments[column].lots_per_unit)


def in_lieu_cents(fraction: Fraction, ratio: Fraction, previous: float, units: int) -> int:
    """Cash for a fraction of a lot after a split, at the ``previous`` close over its ratio; ``units`` lots are one."""
    if not math.isfinite(previous):
        return 0
    return round(
        fraction * Fraction(repr(previous)) / ratio * 100 / units
    )  # the price as the vendor wrote it, as for dividends


def _dividends(panel: Panel, today: RowActions, lots: dict[int, int], row: int) -> Iterator[Event]:
    for column in today.dividend:
        held = lots.get(column, 0)
        cash = dividend_cents(held, panel.dividend[row, column], panel.instruments[column].lots_per_unit)
        if cash:
            yield CashFlow(panel.sessions.dates[row], "dividend", panel.symbols[column], cash)


def dividend_cents(lots: int, amount: float, lots_per_unit: int) -> int:
    """Cash of a per-unit amount as its vendor wrote it: 0.575 is 57.5 cents, though its float lies below."""
    exact = Decimal(repr(float(amount))) * lots * 100 / lots_per_unit
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _interest(cash: int, panel: Panel, row: int, policy: CashPolicy) -> int:
    """Cents of interest since the previous session on its closing cash balance."""
    if row == 0 or cash <= 0 or policy.series not in panel.macro_names:
        return 0
    percent = float(panel.macro[row - 1, panel.macro_names.index(policy.series)])
    rate = percent / 100.0 - policy.spread
    if not 0.0 < rate < math.inf:  # NaN included: an unknown rate earns nothing
        return 0
    days = int(panel.sessions.days[row] - panel.sessions.days[row - 1])
    return round(cash * risk_free_return(rate, days))


def _ended(today: RowActions, lots: dict[int, int], history: History, row: int, policy: Policy) -> Iterator[Event]:
    panel = history.panel
    for column in today.ended:
        if not lots.get(column):
            continue
        session, symbol = panel.sessions.dates[row], panel.symbols[column]
        identity = hashlib.sha256(f"SERIES_ENDED|{session}|{symbol}".encode()).hexdigest()[:32]
        last = int(np.flatnonzero(np.isfinite(panel.close[:row, column]))[-1])
        mark = float(history.array("mark")[row - 1, column])
        now = most_probable(history.array("regime.belief")[row - 1])
        quote = fill_quote(history, column, mark, last)._replace(regime=now)
        order = FilledOrder(identity, session, "SERIES_ENDED")
        yield fill(order, panel.instruments[column], -lots[column], quote, policy.costs)
