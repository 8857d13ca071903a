"""Figures of a report against independent formulas: scipy, plain loops, and the ledger's own sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from plimsoll.core.decision import AuctionRecord, BidRecord
from plimsoll.core.events import CashFlow
from plimsoll.core.order import Fill
from plimsoll.reports.charts import figures
from plimsoll.reports.report_data import ReportData

DATES = np.datetime_as_string(np.busday_offset("2019-11-04", np.arange(600), roll="forward")).tolist()


@pytest.fixture(scope="module")
def curve() -> np.ndarray:
    draw = np.random.default_rng(5)
    return np.cumprod(1.0 + np.append(0.0, draw.standard_t(4, 599) * 0.008 + 0.0003))


def test_drawdowns_are_those_a_walk_along_the_curve_finds(curve: np.ndarray) -> None:
    found, peak, at = [], curve[0], 0
    trough = (0.0, 0)
    for t in range(1, curve.size):
        if curve[t] >= peak:
            if trough[0] > 0:
                found.append((DATES[at], DATES[trough[1]], DATES[t], trough[0], trough[1] - at, t - at))
            peak, at, trough = curve[t], t, (0.0, t)
        elif 1 - curve[t] / peak > trough[0]:
            trough = (1 - curve[t] / peak, t)
    if trough[0] > 0:
        found.append((DATES[at], DATES[trough[1]], "", trough[0], trough[1] - at, curve.size - 1 - at))
    expected = sorted(found, key=lambda d: -d[3])[:8]
    actual = figures.drawdowns(curve, DATES, 8)
    assert [d[:3] + d[4:] for d in actual] == [d[:3] + d[4:] for d in expected]
    assert [d.depth for d in actual] == pytest.approx([d[3] for d in expected], rel=1e-12)


def test_a_curve_that_only_rises_has_no_drawdown() -> None:
    assert figures.drawdowns(np.array([1.0, 1.0, 1.1]), DATES, 3) == []


@given(st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=120))
def test_months_and_years_compound_to_the_whole(moves: list[float]) -> None:
    path = np.cumprod(1.0 + np.array([0.0, *moves]))
    for digits in (7, 4):
        parts = figures.calendar_returns(path, DATES[: path.size], digits)
        assert np.prod([1.0 + v for v in parts.values()]) == pytest.approx(path[-1] / path[0], rel=1e-9)


def test_a_month_counts_from_the_last_close_before_it() -> None:
    dates = ["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-28", "2020-03-02"]
    found = figures.calendar_returns(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), dates, 7)
    assert found == {"2020-01": 1.0, "2020-02": 1.0, "2020-03": 0.25}


def test_a_crisis_is_measured_from_the_close_before_it(curve: np.ndarray) -> None:
    covid = next(w for w in figures.crises(curve, DATES) if w.name == "COVID")
    inside = [i for i, d in enumerate(DATES) if "2020-02-01" <= d <= "2020-06-30"]
    part = curve[inside[0] - 1 : inside[-1] + 1]
    assert (covid.start, covid.end) == (DATES[inside[0]], DATES[inside[-1]])
    assert covid.total == pytest.approx(part[-1] / part[0] - 1)
    worst = max(1 - b / a for i, a in enumerate(part) for b in part[i:])
    assert covid.depth == pytest.approx(worst)
    assert "Financial crisis" not in {w.name for w in figures.crises(curve, DATES)}


def test_rolling_figures_equal_a_plain_loop(curve: np.ndarray) -> None:
    returns = curve[1:] / curve[:-1] - 1
    volatility, ratio = figures.rolling(returns, returns - 1e-4, 63)
    assert np.isnan(volatility[:63]).all() and np.isnan(ratio[:63]).all()
    for t in range(63, curve.size):
        part = returns[t - 63 : t]
        assert volatility[t] == pytest.approx(stats.tstd(part) * 252**0.5)
        assert ratio[t] == pytest.approx((part - 1e-4).mean() / stats.tstd(part - 1e-4) * 252**0.5)


def test_rolling_figures_are_absent_where_unknown(curve: np.ndarray) -> None:
    returns = curve[1:11] / curve[:10] - 1
    assert all(np.isnan(v).all() for v in figures.rolling(returns, returns, 11))
    assert np.isnan(figures.rolling(returns, None, 5)[1]).all()
    flat = np.zeros(10)
    assert np.isnan(figures.rolling(flat, flat, 5)[1]).all()


def test_moments_are_scipys(curve: np.ndarray) -> None:
    returns = curve[1:] / curve[:-1] - 1
    found = figures.moments(returns)
    assert found == pytest.approx((stats.skew(returns), stats.kurtosis(returns, fisher=False)))
    assert figures.moments(np.zeros(50)) is None


def test_the_probable_sharpe_ratio_is_the_published_formula(curve: np.ndarray) -> None:
    excess = curve[1:] / curve[:-1] - 1 - 5e-5
    found = figures.probable_sharpe(excess, benchmark=0.3)
    sr, count = excess.mean() / stats.tstd(excess), excess.size
    spread = 1 - stats.skew(excess) * sr + (stats.kurtosis(excess, fisher=False) - 1) / 4 * sr**2
    z = (sr - 0.3 / 252**0.5) * (count - 1) ** 0.5 / spread**0.5
    assert found is not None
    assert found[1] == pytest.approx(stats.norm.cdf(z), rel=1e-9)
    assert found[0] == pytest.approx((spread / (count - 1)) ** 0.5 * 252**0.5)
    assert figures.probable_sharpe(None) is None


def test_the_best_of_many_tries_is_held_against_the_largest_of_so_many_without_skill(curve: np.ndarray) -> None:
    excess = curve[1:] / curve[:-1] - 1
    alone = figures.probable_sharpe(excess)
    assert alone is not None and figures.best_of(excess, 1) == alone[1]
    error = alone[0] / np.sqrt(252)
    ratio = excess.mean() / excess.std(ddof=1)
    # Bailey and Lopez de Prado (2014), equation of the expected maximum, with scipy's normal
    z = (1 - np.euler_gamma) * stats.norm.ppf(1 - 1 / 100) + np.euler_gamma * stats.norm.ppf(1 - 1 / (100 * np.e))
    assert figures.best_of(excess, 100) == pytest.approx(stats.norm.cdf((ratio - error * z) / error))
    draws = np.random.default_rng(4).standard_normal((20_000, 100)).max(axis=1)
    assert z == pytest.approx(draws.mean(), abs=0.03)  # what the benchmark stands for
    assert figures.best_of(None, 100) is None and figures.best_of(excess, 0) is None


def test_periods_of_a_curve_that_is_unknown_at_its_ends_count_what_is_known() -> None:
    dates = ["2020-12-30", "2020-12-31", "2021-01-04", "2021-01-05", "2021-02-01"]
    found = figures.calendar_returns(np.array([np.nan, 1.0, 1.1, np.nan, np.nan]), dates, 7)
    assert found["2020-12"] == 0.0 and found["2021-01"] == pytest.approx(0.1) and np.isnan(found["2021-02"])


def _fill(session: str, symbol: str, notional: int, commission: int = 10) -> Fill:
    return Fill("i", "e", session, symbol, 1 if notional > 0 else -1, 1.0, notional, commission, 5, 2)


def test_years_hold_every_fill_once() -> None:
    dates = ["2020-12-30", "2020-12-31", "2021-01-04"]
    fills = [_fill("2020-12-31", "A", 5_000), _fill("2021-01-04", "A", -2_000), _fill("2021-01-04", "B", 1_000)]
    first, second = figures.years(np.array([10_000, 20_000, 40_000]), dates, fills)
    assert (first.year, first.sessions, first.trades, first.turnover) == (2020, 2, 1, 0.25)
    assert (second.trades, second.commission, second.total) == (2, 20, 34)
    assert second.turnover == pytest.approx(0.5 * 3_000 / 20_000)
    assert (first.mean_nav, second.mean_nav) == (15_000, 40_000)


def test_contributions_add_up_to_the_change_of_nav(material: ReportData) -> None:
    run = material.run
    parts, interest = figures.contributions(run.tally.fills, run.flows, material.held_at_end)
    assert len(parts) >= 3 and interest > 0 and sum(p.income for p in parts) == run.tally.dividends
    change = int(run.nav[-1]) - run.genesis.capital
    assert sum(p.total for p in parts) + interest == pytest.approx(change, abs=len(parts))
    assert sum(p.costs for p in parts) == sum(f.commission + f.slippage + f.impact for f in run.tally.fills)


def test_a_contribution_is_what_came_in_less_what_went_out() -> None:
    fills = [_fill("2020-01-02", "A", 1_000), _fill("2020-01-03", "A", -400), _fill("2020-01-03", "B", 300)]
    flows = [CashFlow("2020-01-03", "dividend", "A", 7), CashFlow("2020-01-03", "interest", "", 3)]
    parts, interest = figures.contributions(fills, flows, {"A": 650, "B": 250})
    assert [(p.symbol, p.price, p.income) for p in parts] == [("A", 30, 7), ("B", -60, 0)]
    assert interest == 3


def _auction(duals: dict[str, float], bids: list[tuple[str, float | None]]) -> AuctionRecord:
    made = tuple(
        BidRecord("s", "A", "OUTBID", 1, 0, 0, 0, 1, 0, 0, 0, 0.5, 0, 1, (), binding, price) for binding, price in bids
    )
    return AuctionRecord("optimal", 0.0, 0.0, 0.01, None, made, duals)


def test_bindings_count_auctions_bids_and_mean_prices() -> None:
    auctions = [
        _auction({"gross": 0.02, "cvar_1": 0.0}, [("gross", 0.02), ("position:A", 0.5), ("position:A", 0.3)]),
        _auction({"gross": 0.04}, [("position:A", None), ("", None)]),
    ]
    gross, position = figures.bindings(auctions)
    assert gross[:2] == ("gross", 2) and gross.price == pytest.approx(0.03) and gross.bids == 1
    assert position == ("position:A", 1, 0.5, 3)


def test_spans_are_runs_of_equal_values() -> None:
    assert figures.spans(["a", "a", "b", "a"]) == [(0, 1, "a"), (2, 2, "b"), (3, 3, "a")]
    assert figures.spans([]) == []
