"""The catalogue on panels with gaps, young assets, ended series, indices and dated members."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.instrument import Instrument, Membership
from plimsoll.core.panel import Certification, History, Panel
from plimsoll.core.policy import BacktestPolicy, Policy
from plimsoll.indicators import stand_in
from plimsoll.indicators.catalogue import catalogue

POLICY = Policy()
MakePanel = Callable[..., Panel]


def _closes(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    g = np.random.default_rng(seed)
    return 100.0 * np.exp(np.cumsum(g.normal(0.0, 0.01, (rows, columns)), axis=0))


def _history(panel: Panel, policy: Policy = POLICY) -> History:
    return History(panel, catalogue(policy))


def test_every_indicator_has_a_row_per_session_and_a_column_per_symbol(make_panel: MakePanel) -> None:
    history = _history(make_panel(_closes(30, 4)))
    for name in history.catalogue:
        wanted = (30,) if name == "ew_return" or name.startswith("benchmark_volatility") else (30, 4)
        assert history.array(name).shape == wanted, name


def test_price_is_carried_over_gaps_and_so_are_returns(make_panel: MakePanel) -> None:
    close = np.array([[np.nan], [10.0], [np.nan], [12.0]])
    history = _history(make_panel(close))
    np.testing.assert_allclose(history.array("price")[:, 0], [np.nan, 1.0, 1.0, 1.2])
    np.testing.assert_allclose(history.array("return")[:, 0], [np.nan, np.nan, 0.0, 0.2])
    np.testing.assert_array_equal(history.array("mark")[:, 0], [np.nan, 10.0, 10.0, 12.0])
    np.testing.assert_array_equal(history.array("rows")[:, 0], [0.0, 1.0, 1.0, 2.0])


def test_indicators_work_on_the_total_return_index_and_not_on_the_close(make_panel: MakePanel) -> None:
    close = np.full((80, 1), 10.0)
    index = np.cumprod(np.full((80, 1), 1.001), axis=0)
    history = _history(make_panel(close, index=index))
    assert history.array("momentum_60")[-1, 0] == pytest.approx(1.001**60 - 1.0)
    assert history.array("mark")[-1, 0] == 10.0


def test_eligibility_begins_with_the_warm_up_row(make_panel: MakePanel) -> None:
    close = _closes(300, 2)
    close[:20, 1] = np.nan
    eligible = _history(make_panel(close)).array("eligible")
    assert np.flatnonzero(eligible[:, 0])[0] == 251
    assert np.flatnonzero(eligible[:, 1])[0] == 271


@pytest.mark.parametrize("state", ["DEGRADED", "QUARANTINED"])
def test_what_is_not_active_is_never_eligible(make_panel: MakePanel, state: str) -> None:
    certified = (Certification("S00", state, 300, 300, 0.0, 1.0, ()),)
    assert not _history(make_panel(_closes(300, 1), certifications=certified)).array("eligible").any()


def test_without_certification_or_as_an_index_nothing_is_eligible(make_panel: MakePanel) -> None:
    assert not _history(make_panel(_closes(300, 1), certifications=())).array("eligible").any()
    assert not _history(make_panel(_closes(300, 1), symbols=("^VIX",))).array("eligible").any()


def test_membership_spans_bound_eligibility_inclusively(make_panel: MakePanel) -> None:
    days = make_panel(_closes(300, 1)).sessions.dates
    spans = (Membership(start=days[255], end=days[260]), Membership(start=days[270]))
    instrument = Instrument("S00", "stock", "XNYS", members=spans)
    eligible = _history(make_panel(_closes(300, 1), instruments=(instrument,))).array("eligible")[:, 0]
    assert np.flatnonzero(eligible).tolist() == [*range(255, 261), *range(270, 300)]


def test_an_ended_series_is_not_eligible_after_its_last_bar_but_a_gap_changes_nothing(make_panel: MakePanel) -> None:
    close = _closes(300, 2)
    close[281:, 0] = np.nan
    close[285, 1] = np.nan
    plain = make_panel(close)
    ended = replace(plain.certifications[0], ended=True, last=plain.sessions.dates[280])
    panel = make_panel(close, certifications=(ended, plain.certifications[1]))
    eligible = _history(panel).array("eligible")
    assert np.flatnonzero(eligible[:, 0]).tolist() == [*range(251, 281)]
    assert np.flatnonzero(eligible[:, 1]).tolist() == [*range(251, 300)]


def test_universe_returns_leave_out_indices_and_what_is_not_certified(make_panel: MakePanel) -> None:
    close = np.array([[10.0, 10.0, 10.0], [11.0, 20.0, 30.0]])
    names = ("A", "^VIX", "B")
    states = tuple(Certification(s, "DEGRADED" if s == "B" else "ACTIVE", 2, 2, 0.0, 1.0, ()) for s in names)
    out = _history(make_panel(close, symbols=names, certifications=states)).array("ew_return")
    np.testing.assert_allclose(out, [np.nan, 0.1])


def test_the_benchmarks_volatility_is_its_own_where_it_has_a_bar_else_the_universes(make_panel: MakePanel) -> None:
    close = _closes(80, 3)
    close[:10, 0] = np.nan
    close[60, 0] = np.nan
    history = _history(make_panel(close, symbols=("SPY", "A", "B")))
    out = history.array("benchmark_volatility")
    own = history.array("volatility_20")[:, 0]
    universe = np.array(
        [np.std(history.array("ew_return")[t - 19 : t + 1], ddof=1) * math.sqrt(252.0) for t in range(20, 80)]
    )
    np.testing.assert_allclose(out[20:30], universe[:10])  # the benchmark is too young
    np.testing.assert_array_equal(out[30:60], own[30:60])
    assert out[60] == own[59]  # a session without a bar: what it was stands for a few
    assert np.isnan(out[:20]).all()
    whose = history.array("benchmark_volatility_whose")
    assert whose[:20].tolist() == [stand_in.NOBODY] * 20
    assert whose[20:30].tolist() == [stand_in.FUNDS_AND_STOCKS] * 10
    assert whose[30:].tolist() == [stand_in.BENCHMARK] * 50


def test_the_benchmarks_volatility_counts_its_own_bars_and_is_kept_for_a_few_sessions_only(
    make_panel: MakePanel,
) -> None:
    close = _closes(80, 2)
    close[40, 0] = np.nan
    close[60:, 0] = np.nan
    history = _history(make_panel(close, symbols=("SPY", "A")))
    bars = np.delete(close[:60, 0], 40)
    out, whose = history.array("benchmark_volatility"), history.array("benchmark_volatility_whose")
    assert out[50] == pytest.approx(np.std((bars[1:] / bars[:-1] - 1.0)[29:49], ddof=1) * math.sqrt(252.0))
    carried = POLICY.backtest.benchmark_carried
    assert (out[60 : 60 + carried] == out[59]).all()
    assert whose[59 + carried] == stand_in.BENCHMARK and whose[60 + carried] == stand_in.FUNDS_AND_STOCKS
    assert out[79] == pytest.approx(history.array("volatility_20")[79, 1])  # twenty sessions of A alone


def test_coins_are_no_gauge_of_equities_unless_there_is_nothing_else(make_panel: MakePanel) -> None:
    close = _closes(80, 2)
    close[:, 1] = 100.0 * (close[:, 1] / 100.0) ** 5
    close[60:, 0] = np.nan
    mixed = _history(make_panel(close, symbols=("AAA", "BTC-USD")))
    assert (mixed.array("benchmark_volatility")[60:] == mixed.array("benchmark_volatility")[59]).all()
    assert mixed.array("benchmark_volatility")[59] == pytest.approx(mixed.array("volatility_20")[59, 0])
    coins = _history(make_panel(close[:, 1:], symbols=("BTC-USD",)))
    assert coins.array("benchmark_volatility")[59] == pytest.approx(coins.array("volatility_20")[59, 0])
    assert coins.array("benchmark_volatility_whose")[59] == stand_in.UNIVERSE
    assert stand_in.named(stand_in.UNIVERSE, "SPY") == "the equal-weighted universe's realised volatility"
    assert stand_in.named(stand_in.BENCHMARK, "SPY") == "SPY's realised volatility"


def test_without_a_benchmark_the_universe_stands_in(make_panel: MakePanel) -> None:
    panel = make_panel(_closes(60, 2))
    other = replace(POLICY, backtest=BacktestPolicy(benchmark="S01"))
    assert not np.array_equal(
        _history(panel).array("benchmark_volatility"), _history(panel, other).array("benchmark_volatility")
    )
    assert np.isfinite(_history(panel).array("benchmark_volatility")[-1])


def test_windows_of_the_policy_are_used(make_panel: MakePanel) -> None:
    panel = make_panel(_closes(60, 1))
    short = replace(POLICY, costs=replace(POLICY.costs, adv_sessions=5), backtest=BacktestPolicy(min_rows=10))
    history = _history(panel, short)
    assert np.flatnonzero(np.isfinite(history.array("adv")[:, 0]))[0] == 4
    assert np.flatnonzero(history.array("eligible")[:, 0])[0] == 9


def test_another_panel_is_not_answered_with_the_last_ones_values(make_panel: MakePanel) -> None:
    shared = catalogue(POLICY)
    first, second = make_panel(_closes(40, 2, seed=1)), make_panel(_closes(40, 2, seed=2))
    for name in ("price", "return", "sigma", "residual", "ew_return"):
        before = shared[name](first).copy()
        shared[name](second)
        np.testing.assert_array_equal(shared[name](first), before)
