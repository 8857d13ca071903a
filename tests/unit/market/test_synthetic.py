"""The synthetic market: reproducible to the byte, and a market in the ways the rules need."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from plimsoll.core.bars import Bars
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import UsageError
from plimsoll.market.calendars import expected_days
from plimsoll.market.providers import made_up, synthetic
from plimsoll.market.providers.synthetic import Spec, parse
from whole import Whole, read

CORE = ["GLD", "SPY", "QQQ", "BTC-USD", "SLV", "XLK", "XLF", "XLE", "XLV", "TLT", "TIP", "EFA", "EEM", "DBC", "VNQ"]


@pytest.fixture(scope="module")
def core() -> Whole:
    return read("synthetic", "core")


def returns(bars: Bars) -> np.ndarray:
    return bars.adj_close[1:] / bars.adj_close[:-1] - 1.0


def same(a: Bars, b: Bars) -> bool:
    return all(
        np.array_equal(x, y, equal_nan=True)
        for x, y in zip(dataclasses.astuple(a), dataclasses.astuple(b), strict=True)
    )


@pytest.mark.parametrize(
    ("source", "spec"),
    [
        ("core", Spec()),
        ("core:seed=7", Spec(seed=7)),
        ("core:years=5:seed=0", Spec(seed=0, years=5)),
        ("n=500:seed=3:years=10", Spec(500, 3, 10)),
        ("seed=3:n=5", Spec(5, 3)),
    ],
)
def test_specifications_are_understood(source: str, spec: Spec) -> None:
    assert parse(source) == spec


@pytest.mark.parametrize(
    "source",
    [
        "",
        "cor",
        "seed=7",
        "core:n=5",
        "core:",
        "core:core",
        "n=0",
        "n=10001",
        "n=x",
        "n=-5",
        "n=1e3",
        "n=²",
        "core:years=0",
        "core:years=41",
        "core:seed",
        "core:seed=",
        "core:seed=1:seed=2",
        "n=5:color=red",
        "core:seed=" + "9" * 30,
        "a" * 500,
    ],
)
def test_any_other_specification_is_a_usage_error_that_shows_the_way(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(source)
    assert len(str(caught.value)) < 260
    assert "core" in str(caught.value) or "whole number" in str(caught.value)


def test_the_core_market_holds_the_fifteen_assets_the_index_and_the_bill(core: Whole) -> None:
    assert set(core.bars) == {*CORE, "^VIX"}
    assert list(core.macro) == ["DGS3MO"]
    assert core.failures == {}
    spy = core.bars["SPY"]
    assert (iso_day(int(spy.day[0])), iso_day(int(spy.day[-1]))) == ("2014-06-30", "2026-06-30")
    assert {i.symbol for i in core.instruments} == set(core.bars)
    assert all(i.sector is None for i in core.instruments)


def test_every_symbol_has_a_bar_on_every_day_of_its_calendar(core: Whole) -> None:
    for instrument in core.instruments:
        bars = core.bars[instrument.symbol]
        assert np.array_equal(bars.day, expected_days(instrument.calendar, int(bars.day[0]), synthetic.END))
    assert len(core.bars["BTC-USD"]) == synthetic.END - int(core.bars["BTC-USD"].day[0]) + 1


def test_bars_are_clean_to_the_cent(core: Whole) -> None:
    for bars in core.bars.values():
        for field in (bars.open, bars.high, bars.low, bars.close):
            assert np.isfinite(field).all()
            assert (field > 0).all()
            assert np.array_equal(np.round(field, 2), field)
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()


def test_no_move_would_need_an_action_to_explain_it() -> None:
    for seed in range(4):
        for symbol, bars in read("synthetic", f"core:seed={seed}").bars.items():
            if symbol != "^VIX":
                assert np.abs(returns(bars)).max() < 0.45


def test_the_same_seed_gives_the_same_bytes_in_another_process(core: Whole) -> None:
    code = (
        "from plimsoll.market.provider import FetchRequest as R; from plimsoll.market.providers.synthetic import *; "
        "print(next(SyntheticProvider().fetch(R(source='core'))).raw[0].sha256)"
    )
    shell = {"PYTHONHASHSEED": "123", "PATH": ""}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=shell, check=True)
    assert other.stdout.strip() == core.raw[0].sha256
    assert read("synthetic", "core").raw == core.raw


def test_the_bytes_are_those_of_this_version_of_the_market() -> None:
    spy = read("synthetic", "core:seed=1").bars["SPY"]
    assert spy.close[:4].tolist() == [195.0, 195.73, 195.21, 195.22]


def test_another_seed_is_another_market(core: Whole) -> None:
    assert read("synthetic", "core:seed=8").raw[0].sha256 != core.raw[0].sha256


def test_a_later_end_adds_rows_and_restates_nothing(core: Whole) -> None:
    first = int(core.bars["SPY"].day[0])
    short = read("synthetic", "core", start=iso_day(first), end="2020-03-31")
    for symbol, bars in short.bars.items():
        whole = core.bars[symbol]
        assert same(bars, Bars(*(a[: len(bars)] for a in dataclasses.astuple(whole))))
    bill = short.macro["DGS3MO"]
    assert np.array_equal(bill.value, core.macro["DGS3MO"].value[: len(bill)])


def test_adding_symbols_changes_no_other() -> None:
    few, many = read("synthetic", "n=3:years=2"), read("synthetic", "n=40:years=2")
    for symbol, bars in few.bars.items():
        assert same(bars, many.bars[symbol])


def test_generated_stocks_have_names_kinds_and_sectors() -> None:
    batch = read("synthetic", "n=1002:years=1")
    names = [i.symbol for i in batch.instruments if i.kind == "stock"]
    assert len(names) == 1002
    assert {"SYN000", "SYN999", "SYN1001"} <= set(names)
    assert len({i.sector for i in batch.instruments if i.kind == "stock"}) == 11
    assert "^VIX" in batch.bars


def test_shocks_are_student_t_of_unit_variance_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    shocks = made_up._shocks(11, "test", 60_000)
    scale = np.sqrt(3 / 5)
    inside = shocks[np.abs(shocks) < made_up._SHOCK_MAX]
    assert stats.kstest(inside / scale, stats.t(5).cdf).pvalue > 0.01
    assert stats.kurtosis(shocks) > 1.5  # a normal has 0


def test_volatility_and_drift_are_plausible_by_asset() -> None:
    volatility = {s: [] for s in CORE}
    growth = {s: [] for s in CORE}
    for seed in range(6):
        for symbol, bars in read("synthetic", f"core:seed={seed}").bars.items():
            if symbol in volatility:
                periods = 365 if symbol == "BTC-USD" else 252
                volatility[symbol].append(returns(bars).std() * np.sqrt(periods))
                growth[symbol].append(np.log(bars.adj_close[-1] / bars.adj_close[0]) / 12)
    expected = {
        "SPY": 0.16,
        "QQQ": 0.20,
        "TLT": 0.13,
        "TIP": 0.05,
        "GLD": 0.15,
        "SLV": 0.28,
        "DBC": 0.19,
        "BTC-USD": 0.62,
    }
    for symbol, figure in expected.items():
        assert np.mean(volatility[symbol]) == pytest.approx(figure, rel=0.25)
    assert 0.0 < np.mean(growth["SPY"]) < 0.15
    assert -0.05 < np.mean(growth["TLT"]) < 0.10


def test_equities_move_together_and_apart_from_bonds(core: Whole) -> None:
    moves = {s: returns(core.bars[s]) for s in ("SPY", "QQQ", "EFA", "TLT", "GLD")}
    spy = moves["SPY"]
    assert np.corrcoef(spy, moves["QQQ"])[0, 1] > 0.8
    assert np.corrcoef(spy, moves["EFA"])[0, 1] > 0.8
    assert abs(np.corrcoef(spy, moves["TLT"])[0, 1]) < 0.3


def test_crises_hit_equities_while_bonds_rise_in_some_and_fall_in_others() -> None:
    equities, bonds = [], []
    for seed in range(12):
        market = made_up.market(seed, day_number("1990-01-01"), synthetic.END)
        starts = np.flatnonzero(np.diff((market.regime == made_up.CRISIS).astype(int)) == 1) + 1
        for start in starts:
            rows = np.arange(start, market.regime.size)
            end = start + int(np.argmax(np.append(market.regime[rows] != made_up.CRISIS, True)))
            if end - start >= 20:
                equities.append(market.factors[start:end, 0].sum())
                bonds.append(market.factors[start:end, 1].sum())
    assert len(equities) > 30
    assert np.mean(equities) < -0.10
    assert 0.4 < np.mean(np.array(bonds) > 0) < 0.9


def test_the_regime_persists_and_the_index_follows_it(core: Whole) -> None:
    vix = core.bars["^VIX"]
    market = made_up.market(synthetic.SEED, int(vix.day[0]), int(vix.day[-1]))
    assert np.mean(np.diff(market.regime) != 0) < 0.06
    levels = [float(np.median(vix.close[market.regime == s])) for s in (0, 1, 2)]
    assert levels[0] < levels[1] < levels[2]
    assert 10 <= vix.close.min() < 16
    assert 30 < vix.close.max() <= 80
    moves = np.diff(np.log(vix.close))
    assert np.corrcoef(moves, returns(core.bars["SPY"]))[0, 1] < -0.3


def test_dividends_step_the_adjusted_close_and_gold_pays_none(core: Whole) -> None:
    def steps(symbol: str) -> np.ndarray:
        bars = core.bars[symbol]
        return np.flatnonzero(np.abs(np.diff(bars.adj_close / bars.close) * bars.close[1:]) > 0.01)

    assert len(steps("GLD")) == len(steps("BTC-USD")) == 0
    assert 44 <= len(steps("SPY")) <= 49
    assert 130 <= len(steps("TLT")) <= 145
    spy = core.bars["SPY"]
    paid = (spy.adj_close[-1] / spy.close[-1]) / (spy.adj_close[0] / spy.close[0])
    assert np.log(paid) / 12 == pytest.approx(0.018, abs=0.003)


def test_the_bill_is_a_rate_known_the_next_day(core: Whole) -> None:
    bill = core.macro["DGS3MO"]
    assert (bill.value >= 0).all()
    assert bill.value.max() < 10
    assert (bill.known == bill.day + 1).all()


def test_tickers_and_spans_choose_or_are_refused() -> None:
    batch = read("synthetic", "core:years=1", tickers=["spy", "BTC/USD"])
    assert list(batch.bars) == ["BTC-USD", "SPY"]
    with pytest.raises(UsageError, match="AAPL"):
        read("synthetic", "core", tickers=["AAPL"])
    with pytest.raises(UsageError, match="No session"):
        read("synthetic", "core", start="2024-07-04", end="2024-07-04")
    with pytest.raises(UsageError, match="--dates means nothing to the synthetic provider"):
        read("synthetic", "core", dates="dmy")
