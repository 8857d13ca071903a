"""Metrics against closed forms, numpy's formulas written out, and trades worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from plimsoll.core.dates import iso_day
from plimsoll.core.order import Fill
from plimsoll.measures.performance import Metrics, metrics

FIRST = 20_000


def days(n: int) -> np.ndarray:
    return np.arange(FIRST, FIRST + n, dtype=np.int64)


def trade(day: int, lots: int, dollars: float, commission: int = 0, symbol: str = "SPY", **costs: int) -> Fill:
    notional = round(lots * dollars * 100)
    return Fill("i", "e", iso_day(FIRST + day), symbol, lots, dollars, notional, commission, costs.get("slippage", 0),
                costs.get("impact", 0))  # fmt: skip


def random_curve(n: int = 600, seed: int = 3) -> np.ndarray:
    drift = np.random.default_rng(seed).standard_t(4, n) * 0.008 + 0.0004
    return 1e7 * np.cumprod(np.concatenate([[1.0], 1.0 + drift]))


def test_names_are_the_public_ones() -> None:
    assert Metrics.__struct_fields__ == (
        "total_return", "annual_return", "annual_volatility", "sharpe", "sharpe_rf0", "sortino", "max_drawdown",
        "calmar", "win_rate", "profit_factor", "turnover_monthly", "cost_drag_annual", "cvar_95_1d",
    )  # fmt: skip


def test_a_curve_that_grows_evenly_has_its_rate_and_no_ratio() -> None:
    m = metrics(100.0 * 1.0004 ** np.arange(505), days(505), np.zeros(505))
    assert m.total_return == pytest.approx(1.0004**504 - 1)
    assert m.annual_return == pytest.approx(1.0004**252 - 1)
    assert m.annual_volatility == pytest.approx(0.0, abs=1e-12) and m.max_drawdown == 0.0
    assert (m.sharpe, m.sharpe_rf0, m.sortino, m.calmar) == (None, None, None, None)
    assert m.cvar_95_1d == pytest.approx(-0.0004)
    assert (m.win_rate, m.profit_factor) == (None, None) and (m.turnover_monthly, m.cost_drag_annual) == (0.0, 0.0)


def test_figures_of_a_random_curve_follow_their_formulas() -> None:
    curve = random_curve()
    rf = np.full(curve.size, 0.00015)
    m = metrics(curve, days(curve.size), rf)
    log_returns = np.diff(np.log(curve))
    returns = np.expm1(log_returns)
    excess = returns - 0.00015
    assert m.total_return == pytest.approx(math.exp(log_returns.sum()) - 1)
    assert m.annual_return == pytest.approx(math.exp(log_returns.mean() * 252) - 1)
    assert m.annual_volatility == pytest.approx(stats.tstd(returns) * math.sqrt(252))
    one_sample = stats.ttest_1samp(excess, 0.0).statistic / math.sqrt(excess.size)  # a t statistic is √n Sharpes
    assert m.sharpe == pytest.approx(one_sample * math.sqrt(252))
    assert m.sharpe_rf0 == pytest.approx(stats.ttest_1samp(returns, 0.0).statistic / math.sqrt(excess.size / 252))
    downside = math.sqrt(sum(min(x, 0.0) ** 2 for x in excess) / excess.size)
    assert m.sortino == pytest.approx(excess.mean() / downside * math.sqrt(252))
    falls = [1 - curve[j] / curve[i] for i in range(curve.size) for j in range(i, curve.size)]
    assert m.max_drawdown == pytest.approx(max(falls))
    assert m.annual_return is not None and m.calmar == pytest.approx(m.annual_return / max(falls))
    tail = optimize.minimize_scalar(lambda a: a + np.maximum(-returns - a, 0).mean() / 0.05, bounds=(0, 0.1),
                                    method="bounded", options={"xatol": 1e-10})  # fmt: skip
    assert m.cvar_95_1d == pytest.approx(tail.fun, rel=1e-6)


def test_a_drawdown_is_worked_by_hand() -> None:
    m = metrics(np.array([100.0, 120.0, 90.0, 130.0, 117.0]), days(5))
    assert m.max_drawdown == pytest.approx(0.25)
    assert m.total_return == pytest.approx(0.17)


def test_the_bills_first_row_belongs_to_no_return() -> None:
    curve = random_curve(50)
    rf = np.full(51, 0.0001)
    with_nan = rf.copy()
    with_nan[0] = np.nan
    assert metrics(curve, days(51), rf) == metrics(curve, days(51), with_nan)


def test_an_unknown_bill_leaves_the_excess_figures_absent_and_the_others_standing() -> None:
    curve = random_curve(50)
    gap = np.full(51, 0.0001)
    gap[20] = np.nan
    for rf in (None, gap):
        m = metrics(curve, days(51), rf)
        assert (m.sharpe, m.sortino) == (None, None)
        assert m.sharpe_rf0 is not None and m.calmar is not None


@pytest.mark.parametrize("curve", [[], [100.0], [100.0, math.nan, 101.0], [100.0, 0.0], [100.0, -1.0], [math.inf, 1.0]])
def test_no_curve_no_figures(curve: list[float]) -> None:
    assert metrics(np.array(curve), days(len(curve)), np.zeros(len(curve))) == Metrics()


def test_figures_appear_with_their_observations() -> None:
    curve = random_curve(40)

    def known(n: int) -> set[str]:
        m = metrics(curve[:n], days(n), np.zeros(n))
        return {f for f in Metrics.__struct_fields__ if getattr(m, f) is not None}

    assert known(2) == {"total_return", "max_drawdown", "turnover_monthly", "cost_drag_annual"}
    assert {"annual_return", "annual_volatility", "sharpe"} <= known(3)
    assert "cvar_95_1d" not in known(20) and "cvar_95_1d" in known(21)


def test_whole_cents_do_as_well_as_floats() -> None:
    curve = np.rint(random_curve(60)).astype(np.int64)
    assert metrics(curve, days(61)) == metrics(curve.astype(float), days(61))


def test_turnover_is_half_of_what_was_traded_over_the_nav_before_it() -> None:
    curve = np.array([1_000_000.0, 1_000_000.0, 2_000_000.0, 2_000_000.0])
    fills = [trade(1, 50, 100.0), trade(3, -40, 100.0), trade(0, 10, 100.0)]
    m = metrics(curve, days(4), fills=fills)
    # 500 000 / 1 000 000 + 400 000 / 2 000 000; what was traded before the first close came before the span
    assert m.turnover_monthly == pytest.approx(0.5 * (0.5 + 0.2) / 3 * 21)
    assert metrics(curve, days(4), fills=fills, turned=0.6).turnover_monthly == pytest.approx(0.6 / 3 * 21)


def test_a_part_of_a_run_counts_what_happened_in_it_and_remembers_what_was_paid_before() -> None:
    curve = np.full(10, 1e6)
    fills = [trade(1, 10, 100.0, 7), trade(6, -10, 90.0, 5), trade(9, 10, 50.0, 3)]
    part = metrics(curve[4:8], days(10)[4:8], fills=fills)  # the sale on day 6 alone
    assert part.turnover_monthly == pytest.approx(0.5 * 90_000 / 1e6 / 3 * 21)
    assert part.cost_drag_annual == pytest.approx(5 / 1e6 * 252 / 3)
    assert part.win_rate == 0.0  # bought at 100 before the part began
    assert metrics(curve[6:], days(10)[6:], fills=fills).win_rate is None  # its sale came before the close of day 6


@pytest.mark.parametrize(("volatility", "known"), [(0.00099, False), (0.00101, True)])
def test_a_book_in_cash_has_no_ratio(volatility: float, known: bool) -> None:
    """Cash earns the bill less half a percent with next to no deviation: its excess over it is no Sharpe ratio (U6)."""
    up, down = 1.0 + volatility / math.sqrt(252.0), 1.0 - volatility / math.sqrt(252.0)
    curve = 1e7 * np.cumprod([1.0, *[up, down] * 200])
    m = metrics(curve, days(curve.size), np.full(curve.size, 0.00002))
    assert m.annual_volatility == pytest.approx(volatility, rel=2e-3)
    assert [r is not None for r in (m.sharpe, m.sharpe_rf0, m.sortino, m.calmar)] == [known] * 4


def test_cost_drag_is_all_three_costs_a_year_over_mean_nav() -> None:
    curve = np.linspace(900_000, 1_100_000, 253)
    fills = [trade(1, 1, 100.0, 300, slippage=500, impact=200)]
    assert metrics(curve, days(253), fills=fills).cost_drag_annual == pytest.approx(0.001)
    assert metrics(curve, days(253), fills=fills, costs=5_000).cost_drag_annual == pytest.approx(0.005)


def test_win_rate_and_profit_factor_are_of_closed_trips() -> None:
    prices = [100, 130, 100, 90, 100, 100, 100, 120]  # bought and sold in turn: +30, -10, 0, +20
    fills = [trade(d, 1 - 2 * (d % 2), price) for d, price in enumerate(prices)]
    m = metrics(np.full(9, 1e6), days(9), fills=fills)
    assert m.win_rate == pytest.approx(2 / 4) and m.profit_factor == pytest.approx(50 / 10)
