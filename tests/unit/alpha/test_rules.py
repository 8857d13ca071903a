"""The arithmetic of forecasts (S1) and the precedence of the rule table (S2)."""

from __future__ import annotations

import itertools
import math

import pytest
from msgspec.structs import replace
from scipy.stats import norm

from plimsoll.alpha import rules
from plimsoll.core.policy import Policy

POLICY = Policy()
NAN = math.nan


def test_expected_return_is_ic_times_sigma_times_score() -> None:
    sigma = rules.horizon_sigma(0.20, 10)
    assert sigma == pytest.approx(0.20 * math.sqrt(10 / 252))
    assert rules.expected_return(1.5, sigma, POLICY) == pytest.approx(0.05 * sigma * 1.5)


@pytest.mark.parametrize(("z", "counted"), [(1.99, 1.99), (2.0, 2.0), (2.01, 2.0), (-7.0, -2.0)])
def test_the_score_is_clipped_at_two(z: float, counted: float) -> None:
    assert rules.expected_return(z, 1.0, POLICY) == pytest.approx(0.05 * counted)


def test_an_unknown_score_gives_an_unknown_return_and_confidence() -> None:
    assert math.isnan(rules.expected_return(NAN, 0.05, POLICY))
    assert math.isnan(rules.score_confidence(NAN, POLICY))
    assert rules.bid("A", NAN, 0.2, 0.5, "", POLICY) is None
    assert rules.bid("A", 1.0, NAN, 0.5, "", POLICY) is None


def test_the_largest_conviction_of_a_rule_is_half_a_sharpe() -> None:
    made = rules.bid("A", 9.0, 0.3, 1.0, "", POLICY)
    assert made is not None
    assert rules.conviction(made.mu, made.sigma, made.horizon) == pytest.approx(2 * 0.05 * math.sqrt(252 / 10))
    assert math.isnan(rules.conviction(0.01, 0.0, 10))


@pytest.mark.parametrize(("z", "confidence"), [(0.0, 0.5), (1.0, 0.75), (-1.0, 0.75), (2.0, 1.0), (5.0, 1.0)])
def test_confidence_grows_with_the_size_of_the_score(z: float, confidence: float) -> None:
    assert rules.score_confidence(z, POLICY) == confidence


def test_confidence_never_exceeds_one_whatever_the_clip() -> None:
    wide = replace(POLICY, forecast=replace(POLICY.forecast, z_clip=4.0))
    assert rules.score_confidence(4.0, wide) == 1.0


def test_rank_scores_are_normal_quantiles() -> None:
    for n in (1, 2, 15, 500):
        for rank in {1, (n + 1) // 2, n}:
            assert rules.rank_score(rank, n) == pytest.approx(norm.ppf((rank - 0.5) / n), abs=1e-12)


def test_the_trend_score_is_momentum_in_its_own_deviations() -> None:
    assert rules.trend_score(0.10, 0.20) == pytest.approx(0.10 / (0.20 * math.sqrt(60 / 252)))
    assert math.isnan(rules.trend_score(0.1, 0.0))
    assert math.isnan(rules.trend_score(0.1, NAN))


def _signal(z: float, **given: float) -> str:
    usual = {"price": 100.0, "sma_20": 99.0, "sma_50": 98.0, "sma_200": 90.0, "momentum_120": 0.2, "vix_or_proxy": 15.0}
    return rules.trend_signal(z, **usual | given, policy=POLICY)


@pytest.mark.parametrize(
    ("z", "given", "signal"),
    [
        (1.01, {}, "STRONG_BUY"),
        (1.00, {}, "BUY"),
        (1.01, {"vix_or_proxy": 29.99}, "STRONG_BUY"),
        (1.01, {"vix_or_proxy": 30.0}, "BUY"),
        (1.01, {"vix_or_proxy": NAN}, "BUY"),
        (1.01, {"momentum_120": 0.0}, "BUY"),
        (1.01, {"sma_200": 100.0}, "BUY"),
        (1.01, {"sma_50": 100.0}, "BUY"),
        (1.01, {"sma_200": 110.0}, "BUY"),
        (0.26, {}, "BUY"),
        (0.25, {}, "HOLD"),
        (0.26, {"sma_20": 100.0}, "HOLD"),
        (1.01, {"sma_20": 101.0}, "STRONG_BUY"),
        (-0.25, {}, "HOLD"),
        (-0.26, {}, "SELL"),
        (1.50, {"sma_50": 100.01}, "SELL"),
        (0.50, {"sma_50": 100.01, "sma_20": 90.0}, "SELL"),
        (-1.00, {"sma_200": 110.0}, "SELL"),
        (-1.01, {"sma_200": 110.0}, "STRONG_SELL"),
        (-1.01, {"sma_200": 100.0}, "SELL"),
    ],
)
def test_each_threshold_of_the_table_is_strict(z: float, given: dict[str, float], signal: str) -> None:
    assert _signal(z, **given) == signal


def test_every_combination_follows_the_precedence_of_the_table() -> None:
    """All 2187 cells against the table read top to bottom, written here as a list of conditions."""
    scores = (-1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5)
    averages = (90.0, 100.0, 110.0)
    for z, a, b, c, m, vix_or_proxy in itertools.product(
        scores, averages, averages, averages, (-0.1, 0.0, 0.1), (15.0, 30.0, NAN)
    ):
        p = 100.0
        table = [
            ("STRONG_SELL", z < -1.0 and p < c),
            ("SELL", z < -0.25 or p < b),
            ("STRONG_BUY", z > 1.0 and p > b and p > c and m > 0 and vix_or_proxy < 30),
            ("BUY", z > 0.25 and p > a),
            ("HOLD", True),
        ]
        expected = next(name for name, holds in table if holds)
        assert _signal(z, sma_20=a, sma_50=b, sma_200=c, momentum_120=m, vix_or_proxy=vix_or_proxy) == expected


@pytest.mark.parametrize("missing", ["price", "sma_20", "sma_50", "sma_200", "momentum_120"])
@pytest.mark.parametrize("z", [-1.5, 1.5])
def test_a_missing_indicator_neither_buys_nor_sells(missing: str, z: float) -> None:
    assert _signal(z, **{missing: NAN}) == "HOLD"
    assert _signal(NAN) == "HOLD"


def test_thresholds_come_from_the_policy() -> None:
    strict = replace(POLICY, strategies=replace(POLICY.strategies, score_strong=1.8, score_weak=0.9))
    usual = {"price": 100.0, "sma_20": 99.0, "sma_50": 98.0, "sma_200": 90.0, "momentum_120": 0.2, "vix_or_proxy": 15.0}
    assert rules.trend_signal(1.5, **usual, policy=strict) == "BUY"
    assert rules.trend_signal(0.8, **usual, policy=strict) == "HOLD"


def test_a_keep_bids_the_present_weight_and_nothing_without_one() -> None:
    made = rules.keep("A", 0.1, 0.2, 0.525, 0.07, "HOLD", POLICY)
    assert made is not None
    assert (made.keep, made.target_weight) == (True, 0.07)
    assert rules.keep("A", 0.1, 0.2, 0.5, 0.0, "HOLD", POLICY) is None
    assert rules.keep("A", 0.1, 0.2, 0.5, NAN, "HOLD", POLICY) is None


def test_what_is_held_is_kept_when_its_score_is_unknown() -> None:
    made = rules.keep("A", NAN, 0.2, NAN, 0.07, "HOLD", POLICY)
    assert made is not None
    assert (made.mu, made.confidence, made.target_weight) == (0.0, 0.5, 0.07)
