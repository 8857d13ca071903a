"""What the regime's probabilities came to, on series whose outcomes can be read off (R8)."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.policy import LadderPolicy, Policy
from plimsoll.reports.forecast_scores import Score, deepest_fall, realised, score, scores

NAN = float("nan")
POLICY = Policy()
DATES = [f"2020-01-{d:02d}" for d in range(1, 31)]


def test_realised_volatility_is_the_root_mean_square_of_what_comes() -> None:
    returns = np.array([0.5, 0.01, -0.01, 0.02, 0.0])
    found = realised(returns, 2)
    wanted = [np.sqrt(252 * np.mean(np.square(returns[t + 1 : t + 3]))) for t in range(3)]
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    assert np.isnan(realised(np.array([0.0, 0.01, NAN, 0.01]), 2)[:2]).all()
    assert realised(returns, 9).size == 0


def test_realised_volatility_of_many_sessions_is_the_volatility() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, 50_001)
    assert realised(returns, 50_000)[0] == pytest.approx(0.01 * np.sqrt(252), rel=0.01)


def test_the_deepest_fall_is_from_the_sessions_own_close() -> None:
    close = np.array([100.0, 90.0, 95.0, 85.0, 120.0])
    returns = np.append(0.0, close[1:] / close[:-1] - 1.0)
    np.testing.assert_allclose(deepest_fall(returns, 2), [0.10, 5.0 / 90.0, 10.0 / 95.0], rtol=1e-12)
    np.testing.assert_allclose(deepest_fall(np.array([0.0, 0.1, 0.1]), 2), [0.0])
    assert np.isnan(deepest_fall(np.array([0.0, -0.2, NAN]), 2)).all()


def one(said: list[float], came: list[float]) -> Score:
    return score(np.array(said), np.array(came), DATES[: len(said)], 2, "crisis", "vix_at", "")


def test_scores_episodes_and_windows_by_hand() -> None:
    found = one([0.5, 0.2, 0.1, NAN, 0.9, 0.3, 0.3, 0.3], [1.0, 1.0, 0.0, 1.0, 1.0, NAN])
    # known rows 0, 1, 2 and 4; the outcome came on 0 and 1 together, and on 4
    assert (found.sessions, found.left_out, found.apart, found.episodes) == (4, 4, 2, 2)
    assert (found.first, found.last) == (DATES[0], DATES[4])
    assert found.brier == pytest.approx((0.25 + 0.64 + 0.01 + 0.01) / 4)
    assert (found.base_rate, found.brier_base) == (0.75, 0.1875)
    assert found.skill == pytest.approx(1 - 0.2275 / 0.1875)
    assert found.mean_forecast == pytest.approx(0.425)
    assert [(t.low, t.sessions, t.observed) for t in found.reliability] == [
        (0.1, 1, 0.0), (0.2, 1, 1.0), (0.5, 1, 1.0), (0.9, 1, 1.0),
    ]  # fmt: skip


def test_a_gap_between_known_rows_ends_an_episode() -> None:
    assert one([0.5, NAN, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0]).episodes == 2
    assert one([0.5, 0.5, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0]).episodes == 1
    assert one([0.5, 0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0]).episodes == 0


def test_what_the_sample_cannot_tell_is_absent() -> None:
    none = one([NAN, 0.5, 0.5, 0.5], [1.0, NAN])
    assert (none.sessions, none.first, none.brier, none.skill, none.base_rate) == (0, "", None, None, None)
    assert none.reliability == ()
    never = one([0.1, 0.2, 0.3], [0.0])
    assert never.brier is not None and never.skill is None  # nothing to tell apart
    assert one([], []).sessions == 0


def test_both_probabilities_meet_vix_and_the_outlook_meets_the_benchmark() -> None:
    rows = 30
    vix = np.full(rows, 15.0)
    vix[20:24] = 35.0
    returns = np.full(rows, 0.001)
    returns[21:24] = (-0.03, -0.03, 0.03)
    crisis, passage = np.full(rows, 0.2), np.full(rows, 0.6)
    found = {s.outcome: s for s in scores(crisis, passage, vix, returns, DATES, POLICY)}
    assert set(found) == {"vix_at", "vix_within", "realised", "fall"}
    assert [found[n].forecast for n in ("vix_at", "vix_within", "realised", "fall")] == [
        "crisis", "passage", "crisis", "crisis",
    ]  # fmt: skip
    assert found["vix_at"].base_rate == pytest.approx(4 / 25)  # rows 15 to 18
    assert found["vix_within"].base_rate == pytest.approx(9 / 25)  # rows 15 to 23
    # a window with two or all three large moves: rms above 30 % a year is 1.89 % a day
    windows = [np.sqrt(252 * np.mean(np.square(returns[t + 1 : t + 6]))) >= 0.30 for t in range(25)]
    assert 0 < sum(windows) < 25
    assert found["realised"].base_rate == pytest.approx(sum(windows) / 25)
    fell = [min(np.cumprod(1 + returns[t + 1 : t + 6])) <= 0.95 for t in range(25)]
    assert 0 < sum(fell) < 25
    assert found["fall"].base_rate == pytest.approx(sum(fell) / 25)


def test_without_benchmark_or_ladder_their_outcomes_are_not_there() -> None:
    p = np.full(30, 0.1)
    assert [s.outcome for s in scores(p, p, p, None, DATES, POLICY)] == ["vix_at", "vix_within"]
    bare = replace(POLICY, ladder=LadderPolicy(rungs=()))
    assert [s.outcome for s in scores(p, p, p, p, DATES, bare)] == ["vix_at", "vix_within", "realised"]
