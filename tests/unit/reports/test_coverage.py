"""Notes on inputs that cover a part of a run: nothing said where all is there, everything said where not (D19)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from plimsoll.core.panel import Panel
from plimsoll.core.policy import BacktestPolicy, Policy
from plimsoll.engine.history import history_of
from plimsoll.reports.coverage import coverage

FIRST, LAST = 260, 399


def holed(panel: Panel, symbol: str, rows: slice) -> Panel:
    close = panel.close.copy()
    close[rows, panel.column[symbol]] = np.nan
    return dataclasses.replace(panel, close=close)


def moving(panel: Panel, values: np.ndarray | None = None) -> Panel:
    """A bill that changes every session, as bills do."""
    rate = 4.0 + 0.01 * (np.arange(len(panel.sessions)) % 2) if values is None else values
    return dataclasses.replace(panel, macro=rate[:, None])


def notes(panel: Panel, policy: Policy | None = None) -> list[str]:
    chosen = policy or Policy()
    return list(coverage(history_of(panel, chosen), chosen, FIRST, LAST))


def test_nothing_is_said_where_everything_covers_the_run(make_market: Callable[..., Panel]) -> None:
    assert notes(moving(make_market(rows=420))) == []


def test_a_vix_that_ends_early_names_its_dates_and_what_stood_in(make_market: Callable[..., Panel]) -> None:
    panel = moving(make_market(rows=420))
    dates = panel.sessions.dates
    (said,) = notes(holed(panel, "^VIX", slice(390, None)))
    assert said.startswith(f"VIX is absent on 10 of 140 sessions ({dates[390]} to {dates[399]}): ")
    assert "SPY's realised volatility on 10 replaced it;" in said
    both = holed(holed(panel, "^VIX", slice(390, None)), "SPY", slice(388, None))  # it stands for five sessions more
    (said, *_) = notes(both)
    assert "SPY's realised volatility on 3 and the equal-weighted funds' and stocks' realised volatility on 7" in said
    (said,) = notes(holed(panel, "^VIX", slice(None, None)))
    assert said.startswith("VIX is absent on 140 of 140 sessions: ")
    (said,) = notes(panel, Policy(backtest=BacktestPolicy(vix="VIX")))
    assert "(VIX is not in the data; did you mean ^VIX?)" in said


def test_a_bill_that_is_missing_begins_late_or_stands_still_is_said(make_market: Callable[..., Panel]) -> None:
    panel = make_market(rows=420)
    rate = 4.0 + 0.01 * (np.arange(420) % 2)
    rate[: FIRST + 9] = np.nan
    (said,) = notes(moving(panel, rate))
    assert said.startswith("DGS3MO is absent on 10 of 139 sessions: cash earned nothing")
    for still, expected in ((10, []), (11, [f"DGS3MO has stood at 3.9 % since {panel.sessions.dates[LAST - 10]}, 11"])):
        rate = 4.0 + 0.01 * (np.arange(420) % 2)
        rate[LAST + 1 - still :] = 3.9
        found = notes(moving(panel, rate))
        assert [f[: len(e)] for f, e in zip(found, expected, strict=True)] == expected
    none = dataclasses.replace(panel, macro=np.zeros((420, 1)), macro_names=("DGS3M",))
    (said,) = notes(none)
    assert said.startswith("DGS3MO is absent (did you mean DGS3M?): cash earned nothing")


def test_symbols_that_begin_later_or_end_earlier_are_named_and_indices_are_not(make_market: Any) -> None:
    panel = moving(make_market(rows=420))
    dates = panel.sessions.dates
    changed = holed(holed(holed(panel, "GLD", slice(None, 300)), "XLE", slice(350, None)), "TLT", slice(None, 410))
    later, ended, never = notes(changed)
    assert later == f"1 of 6 symbols begin after the run does: GLD {dates[300]}"
    assert ended == f"1 of 6 symbols end before the run does: XLE {dates[349]}"
    assert never == "1 of 6 symbols have no bar before the run's end: TLT"
    assert notes(holed(panel, "GLD", slice(None, FIRST + 1))) != [] == notes(holed(panel, "GLD", slice(None, FIRST)))
