"""Scenario sets against plain loops over dates, the normal closed form, and a panel that ends at the decision."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from statistics import NormalDist

import msgspec
import numpy as np
import pytest

from plimsoll.capital import scenarios as scenario_sets
from plimsoll.capital.scenarios import build, factors, historical, stress_notes, window_names, with_stressed
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification, History, Panel, View, history_behind
from plimsoll.core.policy import CvarPolicy, Policy
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.core.sessions import Sessions
from plimsoll.indicators.catalogue import catalogue
from plimsoll.measures.cvar import cvar

START = "2006-01-02"


def policy_of(**cvar_fields: object) -> Policy:
    return msgspec.structs.replace(Policy(), cvar=msgspec.structs.replace(CvarPolicy(), **cvar_fields))


def panel_of(returns: np.ndarray, *, starts: dict[int, int] | None = None, gaps: tuple = ()) -> Panel:
    """A panel whose column j has bars from row ``starts[j]`` on, except at the (row, column) pairs in ``gaps``."""
    rows, size = returns.shape
    price = 100.0 * np.cumprod(1.0 + returns, axis=0)
    for column, start in (starts or {}).items():
        price[:start, column] = np.nan
    for row, column in gaps:
        price[row, column] = np.nan
    first = np.argmax(np.isfinite(price), axis=0)
    days = np.busday_offset(START, np.arange(rows), roll="forward").astype("M8[D]").astype(np.int64)
    empty = np.where(np.isnan(price), np.nan, 0.0)
    return Panel(
        sessions=Sessions(days, days * 86400, days * 86400 + 1, int(days[-1]) + 1),
        instruments=tuple(Instrument(f"S{j}", "fund", "XNYS") for j in range(size)),
        open=price,
        high=price,
        low=price,
        close=price,
        volume=np.where(np.isnan(price), np.nan, 1e6),
        dividend=empty,
        split=empty + 1.0,
        index=price / price[first, np.arange(size)],
        fresh=np.isfinite(price),
        certifications=tuple(Certification(f"S{j}", "ACTIVE", rows, rows, 0.0, 1.0, ()) for j in range(size)),
        macro=np.zeros((rows, 0)),
        macro_names=(),
        snapshot="test",
        synthetic=True,
    )


def view_of(panel: Panel, policy: Policy, row: int = -1) -> View:
    history = History(panel, {**catalogue(policy), **factors(policy)})
    return View(history, row % len(panel.sessions))


def market_returns(rows: int, size: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.008 * (rng.standard_normal((rows, 1)) + rng.standard_t(5, (rows, size)))


def comonotone(own: list[float], market: list[float], day: int) -> float:
    """The own quantile at the rank of the market that day, by counting."""
    known = sorted(v for v in own if not math.isnan(v))
    rank = (sum(m < market[day] for m in market) + 0.5) / len(market)
    return known[math.floor(rank * len(known))]


def slow_filtered(view: View, policy: Policy) -> dict[int, np.ndarray]:
    """The filtered sets of every column by loops over days, from the public indicators alone."""
    horizon = policy.auction.horizon
    rows = range(max(0, view.row + 1 - policy.cvar.window), view.row + 1)
    residuals = view.indicator("residual")
    dated = [t for t in rows if any(math.isfinite(z) for z in residuals[t])]
    market = [float(np.mean([z for z in residuals[t] if math.isfinite(z)])) for t in dated]
    scaled = []
    for column in range(residuals.shape[1]):
        own = [float(residuals[t, column]) for t in dated]
        full = [z if math.isfinite(z) else comonotone(own, market, d) for d, z in enumerate(own)]
        scaled.append([max(z * float(view.now("sigma")[column]), -1.0) for z in full])
    windows = len(dated) - horizon + 1
    longer = [[math.prod(1.0 + r for r in column[t : t + horizon]) - 1.0 for t in range(windows)] for column in scaled]
    return {1: np.array(scaled).T, horizon: np.array(longer).T}


CASES = {
    "no gaps": ({}, ()),
    "panel younger than the window": ({}, ()),
    "two young assets": ({1: 200, 3: 290}, ()),
    "a lost bar": ({}, ((350, 2), (351, 2))),
}


@pytest.mark.parametrize("case", CASES)
def test_filtered_sets_equal_plain_loops(case: str) -> None:
    starts, gaps = CASES[case]
    policy = policy_of(window=600 if case.startswith("panel") else 220)
    view = view_of(panel_of(market_returns(400, 4), starts=starts, gaps=gaps), policy)
    scenarios = build(view, np.arange(4), policy, stressed=False)
    assert scenarios.unmeasurable == frozenset()
    assert set(scenarios.filtered) == {1, 10}
    for horizon, expected in slow_filtered(view, policy).items():
        np.testing.assert_allclose(scenarios.filtered[horizon], expected, rtol=1e-12, atol=1e-14)


def test_columns_come_in_the_order_asked_for_and_do_not_depend_on_each_other() -> None:
    policy = policy_of(window=220)
    view = view_of(panel_of(market_returns(400, 5), starts={4: 250}), policy)
    whole = build(view, np.arange(5), policy, stressed=True)
    some = build(view, np.array([4, 1]), policy, stressed=True)
    stressed = zip((s.returns for s in some.stressed), (s.returns for s in whole.stressed), strict=True)
    for made, full in ((some.filtered, whole.filtered), *stressed):
        for horizon in (1, 10):
            np.testing.assert_array_equal(made[horizon], full[horizon][:, [4, 1]])


def test_normal_returns_give_the_closed_form_at_both_horizons() -> None:
    """With iid normal returns the 1-session CVaR is 2.063 of today's sigma, and the 10-session one sqrt(10) more."""
    policy = policy_of(window=4000, ewma=0.998)
    view = view_of(panel_of(0.01 * np.random.default_rng(4).standard_normal((4400, 1))), policy)
    scenarios = build(view, np.array([0]), policy, stressed=False)
    sigma = float(view.now("sigma")[0])
    factor = NormalDist().pdf(NormalDist().inv_cdf(0.95)) / 0.05
    assert cvar(-scenarios.filtered[1][:, 0], 0.95) == pytest.approx(factor * sigma, rel=0.06)
    assert cvar(-scenarios.filtered[10][:, 0], 0.95) == pytest.approx(factor * sigma * math.sqrt(10), rel=0.12)


def test_student_returns_give_their_tail_at_both_horizons() -> None:
    """At 1 session the closed form; at 10 the tail of a sum of ten, by convolving densities."""
    from scipy import stats

    freedom, rows = 5.0, 16_000
    policy = policy_of(window=rows, ewma=0.999)
    draw = np.random.default_rng(12).standard_t(freedom, (rows + 4_000, 1))
    view = view_of(panel_of(0.002 * draw), policy)
    filtered = build(view, np.array([0]), policy, stressed=False).filtered
    unit = float(view.now("sigma")[0]) / math.sqrt(freedom / (freedom - 2.0))  # of a scenario, as of the draws
    q = stats.t.ppf(0.95, freedom)
    closed = stats.t.pdf(q, freedom) / 0.05 * (freedom + q * q) / (freedom - 1.0)
    assert cvar(-filtered[1][:, 0], 0.95) == pytest.approx(closed * unit, rel=0.03)
    width = 2.0**-6
    grid = width * np.arange(-(2**14), 2**14)  # to 256 in units of the draws: nothing is lost
    once = np.fft.rfft(np.fft.ifftshift(stats.t.pdf(grid, freedom) * width))
    ten = np.fft.fftshift(np.fft.irfft(once**10))
    above = np.cumsum(ten[::-1])[::-1]
    tail = above <= 0.05
    beyond = (ten[tail] @ grid[tail] + (0.05 - ten[tail].sum()) * grid[np.argmax(tail)]) / 0.05
    # returns of a thousandth compound almost as they add
    assert cvar(-filtered[10][:, 0], 0.95) == pytest.approx(beyond * unit, rel=0.06)


def test_filtered_scenarios_are_archs_ewma_residuals_at_archs_forecast() -> None:
    """An independent library's volatility, residuals and sort; both have forgotten how they began."""
    pytest.importorskip("arch", reason="the extra garch is not installed")
    from arch.univariate import EWMAVariance, ZeroMean

    policy = policy_of(window=250)
    view = view_of(panel_of(market_returns(900, 1)), policy)
    own = view.indicator("return")[1:, 0]
    fitted = ZeroMean(100.0 * own, volatility=EWMAVariance(0.94), rescale=False).fit(disp="off")
    ahead = math.sqrt(fitted.forecast(horizon=1).variance.to_numpy()[-1, 0]) / 100.0
    theirs = fitted.std_resid[-250:] * ahead
    ours = build(view, np.array([0]), policy, stressed=False).filtered[1][:, 0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    worst = np.sort(-theirs)[::-1]
    assert cvar(-ours, 0.95) == pytest.approx((worst[:12].sum() + 0.5 * worst[12]) / 12.5, rel=1e-9)


def test_raw_scenarios_have_the_normal_tail_at_both_horizons() -> None:
    policy = policy_of(window=8000)
    panel = panel_of(0.003 * np.random.default_rng(6).standard_normal((8100, 1)))
    raw = historical(view_of(panel, policy), np.array([0]), policy)
    factor = NormalDist().pdf(NormalDist().inv_cdf(0.95)) / 0.05
    assert cvar(-raw[1][:, 0], 0.95) == pytest.approx(factor * 0.003, rel=0.03)
    assert cvar(-raw[10][:, 0], 0.95) == pytest.approx(factor * 0.003 * math.sqrt(10), rel=0.06)


def test_scenarios_scale_with_todays_volatility() -> None:
    calm = market_returns(400, 2)
    wild = calm.copy()
    wild[-30:, 0] *= 4.0
    policy = policy_of(window=300)
    tails = []
    for returns in (calm, wild):
        view = view_of(panel_of(returns), policy)
        one = build(view, np.array([0]), policy, stressed=False).filtered[1][:200, 0]
        tails.append(cvar(-one, 0.95) / float(view.now("sigma")[0]))
    assert tails[1] == pytest.approx(tails[0], rel=1e-9)


def test_under_garch_residuals_and_todays_volatility_are_garchs() -> None:
    pytest.importorskip("arch")
    policy = policy_of(window=300, volatility="garch", garch_rows_min=250)
    view = view_of(panel_of(market_returns(400, 2), gaps=((350, 1),)), policy)
    sigma, source = view.indicator("scenarios.sigma"), view.indicator("scenarios.garch")
    assert (source[-20:] == 1.0).all() and (source[:200] == 0.0).all()
    np.testing.assert_array_equal(sigma[:200], view.indicator("sigma")[:200])  # too few returns: exponential
    assert (sigma[-20:] != view.indicator("sigma")[-20:]).all()
    residuals = view.indicator("scenarios.residual")
    bars = np.isfinite(view.bars("close"))[1:]
    expected = np.where(bars, view.indicator("return")[1:] / sigma[:-1], np.nan)
    np.testing.assert_allclose(residuals[1:], expected, rtol=1e-12)
    one = build(view, np.arange(2), policy, stressed=False).filtered[1]
    np.testing.assert_allclose(one[:, 0], residuals[-300:, 0] * sigma[-1, 0], rtol=1e-12, atol=1e-15)


def test_no_scenario_loses_more_than_everything() -> None:
    returns = 0.01 * np.random.default_rng(3).standard_normal((300, 1))
    returns[200] = -0.6
    returns[290:] = 0.3 * np.sign(returns[290:])
    policy = policy_of(window=250)
    scenarios = build(view_of(panel_of(returns), policy), np.array([0]), policy, stressed=False)
    assert scenarios.filtered[1].min() == -1.0
    assert scenarios.filtered[10].min() == -1.0


def test_a_young_asset_moves_with_the_market_and_never_stands_still() -> None:
    policy = policy_of(window=300)
    view = view_of(panel_of(market_returns(400, 6), starts={0: 300}), policy)
    one = build(view, np.arange(6), policy, stressed=False).filtered[1]
    before = slice(0, 150)  # none of its own rows
    market = one[before, 1:].mean(axis=1)
    assert np.corrcoef(one[before, 0], market)[0, 1] > 0.9
    assert np.count_nonzero(one[before, 0] == 0.0) == 0
    assert set(one[before, 0]) <= set(one[-100:, 0])


@pytest.mark.parametrize(("start", "measurable"), [(400 - 60 - 20, True), (400 - 60 - 19, False)])
def test_fewer_residuals_than_the_minimum_are_unmeasurable(start: int, measurable: bool) -> None:
    """A residual needs yesterday's volatility, which needs the asset's first 20 returns."""
    policy = policy_of(window=300, young_rows_min=60)
    view = view_of(panel_of(market_returns(400, 3), starts={2: start}), policy)
    count = int(np.isfinite(view.indicator("residual")[:, 2]).sum())
    policy = policy_of(window=300, young_rows_min=count + (0 if measurable else 1))
    scenarios = build(
        view_of(panel_of(market_returns(400, 3), starts={2: start}), policy), np.arange(3), policy, stressed=True
    )
    assert scenarios.unmeasurable == (frozenset() if measurable else frozenset({2}))
    assert np.isnan(scenarios.filtered[1][:, 2]).all() == (not measurable)
    assert np.isnan(scenarios.filtered[10][:, 2]).all() == (not measurable)
    assert np.isfinite(scenarios.filtered[10][:, :2]).all()


def test_a_series_without_volatility_is_unmeasurable() -> None:
    returns = market_returns(400, 3)
    returns[:, 1] = 0.0
    policy = policy_of(window=300)
    scenarios = build(view_of(panel_of(returns), policy), np.array([0, 1]), policy, stressed=False)
    assert scenarios.unmeasurable == frozenset({1})
    assert np.isnan(scenarios.filtered[1][:, 1]).all()


def test_too_few_windows_measure_nothing() -> None:
    policy = policy_of(window=300, scenarios_min=60, young_rows_min=10)
    panel = panel_of(market_returns(120, 2))
    counts = [
        len(build(view_of(panel, policy, row), np.arange(2), policy, stressed=False).filtered[10])
        for row in range(5, 120)
    ]
    unmeasurable = [
        bool(build(view_of(panel, policy, row), np.arange(2), policy, stressed=False).unmeasurable)
        for row in range(5, 120)
    ]
    assert unmeasurable == [count < 60 for count in counts]
    assert not unmeasurable[-1]


def slow_stressed(view: View, policy: Policy, column: int) -> dict[str, dict[int, list[float]]]:
    """The stressed sets of one column by loops over days and windows."""
    cv, horizon = policy.cvar, policy.auction.horizon
    market = [float(m) for m in view.indicator("ew_return")]
    known = [t for t in range(view.row + 1) if math.isfinite(market[t])]
    closes = view.bars("close")[:, column]
    own = {t: float(view.indicator("return")[t, column]) if math.isfinite(closes[t]) else math.nan for t in known}
    there = [t for t in known if math.isfinite(own[t])]

    def filled(t: int) -> float:
        """The own return; else the own quantile at the market's rank among the days that have one."""
        if math.isfinite(own[t]):
            return own[t]
        lower = sum(market[s] < market[t] for s in there)
        return sorted(own[s] for s in there)[min(lower, len(there) - 1)]

    path = {t: filled(t) for t in known}
    dates = view.sessions.dates
    spans = {"worst": known}
    for first, last in cv.stress_windows:
        if last <= view.date:
            spans[first[:4]] = [t for t in known if first <= dates[t] <= last]

    def windows(span: list[int]) -> list[float]:
        ends = [t for t in span if t - horizon + 1 in span]
        return [math.prod(1 + path[s] for s in range(t - horizon + 1, t + 1)) - 1 for t in ends]

    return {name: {1: [path[t] for t in span], horizon: windows(span)} for name, span in spans.items()}


@pytest.mark.parametrize("row", [150, 500, 899])
def test_stressed_sets_equal_plain_loops(row: int) -> None:
    policy = policy_of(window=300)
    view = view_of(panel_of(market_returns(900, 4), starts={3: 800}, gaps=((705, 1),)), policy, row)
    columns = np.arange(4) if row == 899 else np.arange(3)
    scenarios = build(view, columns, policy, stressed=True)
    assert [one.name for one in scenarios.stressed] == (["2008", "worst"] if row == 899 else ["worst"])
    for column in columns:
        expected = slow_stressed(view, policy, int(column))
        for one in scenarios.stressed:
            for h, returns in one.returns.items():
                np.testing.assert_allclose(returns[:, column], expected[one.name][h], rtol=1e-12, atol=1e-14)


def test_the_tail_of_the_worst_set_is_a_count_of_rows_however_long_the_history() -> None:
    """126 rows at 95 %: the mean of the worst 6.3 losses, the last of them in part (R2)."""
    policy = policy_of(window=300)
    for row in (200, 899):
        view = view_of(panel_of(market_returns(900, 3)), policy, row)
        one = build(view, np.arange(3), policy, stressed=True).stressed[-1]
        assert one.name == "worst" and len(one.returns[1]) == row
        losses = np.sort(-one.returns[1][:, 2])[::-1]
        expected = (losses[:6].sum() + 0.3 * losses[6]) / 6.3
        assert cvar(-one.returns[1][:, 2], one.confidence[1]) == pytest.approx(expected, rel=1e-9)


def test_a_stress_window_enters_once_it_is_over_and_wholly_known() -> None:
    policy = policy_of(window=300)
    panel = panel_of(market_returns(900, 3))
    last = panel.sessions.row_at_or_before("2009-03-31")
    names = [
        [one.name for one in build(view_of(panel, policy, row), np.arange(3), policy, stressed=True).stressed]
        for row in (last - 1, last)
    ]
    assert names == [["worst"], ["2008", "worst"]]


@pytest.mark.parametrize(("start", "known"), [("2008-08-29", True), ("2008-09-01", False), ("2008-10-13", False)])
def test_a_window_of_which_a_return_is_missing_is_said_not_skipped(start: str, known: bool) -> None:
    """The return of the window's first session is measured from the session before it."""
    policy, cut = policy_of(window=300), panel_of(market_returns(900, 3))
    cut = since(cut, cut.sessions.row_at_or_after(start))
    scenarios = build(view_of(cut, policy), np.arange(3), policy, stressed=True)
    assert ("2008" in [one.name for one in scenarios.stressed]) == known
    assert scenarios.not_run == (() if known else ("2008",))
    (said,) = stress_notes(view_of(cut, policy), policy.cvar)
    assert cut.sessions.dates[0] in said
    assert ("2008" in said.partition("on")[2].partition(";")[2]) == (not known)


def test_with_fewer_rows_than_it_counts_the_worst_set_is_not_run() -> None:
    policy = policy_of(window=300)
    panel = panel_of(market_returns(160, 2))
    rows = 126 + 9  # the first row has no return, and the first window ends nine rows later
    assert build(view_of(panel, policy, rows - 1), np.arange(2), policy, stressed=True).stressed == ()
    (one,) = build(view_of(panel, policy, rows), np.arange(2), policy, stressed=True).stressed
    assert {h: len(r) for h, r in one.returns.items()} == {1: 135, 10: 126}
    assert build(view_of(panel, policy, rows), np.arange(2), policy, stressed=False).stressed == ()


def test_a_young_asset_is_stressed_with_its_own_quantiles() -> None:
    policy = policy_of(window=300)
    view = view_of(panel_of(market_returns(900, 5), starts={0: 780}), policy)
    own = view.indicator("return")[781:, 0]
    for one in build(view, np.arange(5), policy, stressed=True).stressed:
        assert np.isin(one.returns[1][:, 0], own).all()
        assert cvar(-one.returns[10][:, 0], 0.95) > 0.0


def test_two_windows_of_one_year_are_told_apart() -> None:
    spans = (("2020-02-20", "2020-04-30"), ("2020-09-01", "2020-11-30"), ("2022-01-01", "2022-12-31"))
    assert window_names(spans) == ("2020-02-20..2020-04-30", "2020-09-01..2020-11-30", "2022")


def truncated(panel: Panel, rows: int) -> Panel:
    cut = {
        f.name: getattr(panel, f.name)[:rows] for f in fields(panel) if isinstance(getattr(panel, f.name), np.ndarray)
    }
    s = panel.sessions
    return replace(panel, sessions=Sessions(s.days[:rows], s.opens[:rows], s.closes[:rows], int(s.days[rows])), **cut)


def since(panel: Panel, first: int) -> Panel:
    """The same market with its history begun at row ``first``."""
    cut = {
        f.name: getattr(panel, f.name)[first:] for f in fields(panel) if isinstance(getattr(panel, f.name), np.ndarray)
    }
    s = panel.sessions
    return replace(panel, sessions=Sessions(s.days[first:], s.opens[first:], s.closes[first:], s.next_day), **cut)


def bits(scenarios: ScenarioSet) -> list[bytes]:
    stressed = (returns for one in scenarios.stressed for returns in one.returns.values())
    sets = (*scenarios.filtered.values(), *stressed)
    return [np.ascontiguousarray(s).tobytes() for s in sets]


@pytest.mark.parametrize("row", [40, 95, 180, 320, 700, 801, 850, 898])
def test_nothing_after_the_decision_changes_a_bit(row: int) -> None:
    policy = policy_of(window=300)
    panel = panel_of(market_returns(900, 5), starts={2: 150, 4: 760}, gaps=((300, 1), (301, 1), (700, 3)))
    whole = build(view_of(panel, policy, row), np.arange(5), policy, stressed=True)
    prefix = build(view_of(truncated(panel, row + 1), policy, row), np.arange(5), policy, stressed=True)
    assert bits(whole) == bits(prefix)
    assert whole.unmeasurable == prefix.unmeasurable


def test_an_empty_book_has_an_empty_set() -> None:
    policy = policy_of(window=300)
    scenarios = build(view_of(panel_of(market_returns(400, 2)), policy), np.empty(0, np.int64), policy, stressed=True)
    assert scenarios.filtered[10].shape[1] == 0
    assert scenarios.unmeasurable == frozenset()


@pytest.mark.parametrize("rows", [[400, 401, 450, 430, 500], [500, 499]])
def test_the_days_by_the_markets_return_are_those_of_a_stable_sort_whatever_was_asked_before(rows: list[int]) -> None:
    returns = np.round(market_returns(520, 3), 2)  # many days are equal
    policy = policy_of()
    history = history_behind(view_of(panel_of(returns, gaps=((40, 1),)), policy))
    for row in rows:
        view = View(history, row)
        market = view.indicator("scenarios.market")
        expected = np.argsort(market, kind="stable")[: np.count_nonzero(np.isfinite(market))]
        np.testing.assert_array_equal(scenario_sets._by_market(view), expected)


def test_stressed_sets_added_later_are_those_drawn_at_once() -> None:
    policy = policy_of()
    view = view_of(panel_of(market_returns(1400, 4), starts={2: 500}), policy)
    columns = np.array([0, 2, 3])
    at_once = build(view, columns, policy, stressed=True)
    later = with_stressed(view, build(view, columns, policy, stressed=False), policy)
    assert at_once.stressed
    assert bits(later) == bits(at_once)
    assert later.not_run == at_once.not_run
