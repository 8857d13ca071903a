"""Scores of probabilities against numbers worked by hand (R8)."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.measures.calibration import Bin, brier, brier_of_base_rate, reliability, skill

SAID = np.array([0.1, 0.1, 0.3, 0.8, 1.0])
CAME = np.array([False, True, False, True, True])


def test_the_brier_score_by_hand() -> None:
    # 0.01 + 0.81 + 0.09 + 0.04 + 0 over five
    assert brier(SAID, CAME) == pytest.approx(0.19)
    assert brier_of_base_rate(CAME) == pytest.approx(0.6 * 0.4)
    assert skill(SAID, CAME) == pytest.approx(1.0 - 0.19 / 0.24)


def test_certainty_is_scored_at_its_ends() -> None:
    assert brier(CAME.astype(float), CAME) == 0.0
    assert brier(1.0 - CAME, CAME) == 1.0
    assert skill(np.full(5, 0.6), CAME) == pytest.approx(0.0)


def test_without_a_sample_or_without_both_outcomes_there_is_no_figure() -> None:
    nothing = np.zeros(0)
    assert np.isnan(brier(nothing, nothing.astype(bool)))
    assert np.isnan(brier_of_base_rate(nothing.astype(bool)))
    assert np.isnan(skill(SAID, np.ones(5, dtype=bool)))
    assert np.isnan(skill(SAID, np.zeros(5, dtype=bool)))


def test_reliability_by_hand() -> None:
    assert reliability(SAID, CAME, (0.0, 0.2, 0.8, 1.0)) == (
        Bin(0.0, 0.2, 2, pytest.approx(0.1), 0.5),
        Bin(0.2, 0.8, 1, pytest.approx(0.3), 0.0),
        Bin(0.8, 1.0, 2, pytest.approx(0.9), 1.0),
    )


def test_an_empty_bin_is_left_out_and_edges_belong_to_the_upper_bin_but_the_last() -> None:
    found = reliability(np.array([0.0, 0.5, 1.0]), np.array([False, True, True]), (0.0, 0.25, 0.5, 1.0))
    assert [(b.low, b.sessions) for b in found] == [(0.0, 1), (0.5, 2)]


@pytest.mark.parametrize("bad", [np.nan, -0.01, 1.01])
def test_a_forecast_that_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        reliability(np.array([0.5, bad]), np.array([True, False]), (0.0, 1.0))


def test_bins_add_up_to_the_whole_and_honest_forecasts_are_reliable() -> None:
    draw = np.random.default_rng(1)
    said = draw.beta(0.5, 2.0, 40_000)
    came = draw.random(40_000) < said
    bins = reliability(said, came, [i / 10 for i in range(11)])
    assert sum(b.sessions for b in bins) == said.size
    assert sum(b.sessions * b.observed for b in bins) == pytest.approx(came.sum())
    assert all(abs(b.observed - b.predicted) < 4.0 * np.sqrt(0.25 / b.sessions) for b in bins)
    assert skill(said, came) > 0.2 > skill(1.0 - said, came)
