"""Trailing returns worked by hand, tails beside other libraries' formulas, and Kupiec's test beside scipy's."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats

from plimsoll.measures.distribution import exceedances, kupiec, tail_ratio, trailing, value_at_risk


def weekdays(first: str, last: str) -> list[str]:
    day, end, found = date.fromisoformat(first), date.fromisoformat(last), []
    while day <= end:
        if day.weekday() < 5:
            found.append(day.isoformat())
        day += timedelta(days=1)
    return found


def grown(dates: list[str]) -> np.ndarray:
    """A curve that says its own date: 1 + days since 2000 / 10 000."""
    return np.array([1.0 + (date.fromisoformat(d) - date(2000, 1, 1)).days / 1e4 for d in dates])


def test_each_span_begins_at_the_last_close_before_it() -> None:
    dates = weekdays("2010-06-01", "2024-08-14")
    curve = grown(dates)
    at = dict(zip(dates, curve.tolist(), strict=True))
    end = at["2024-08-14"]
    found = trailing(curve, dates)
    assert found["MTD"] == pytest.approx(end / at["2024-07-31"] - 1)
    assert found["QTD"] == pytest.approx(end / at["2024-06-28"] - 1)  # 30 June is a Sunday
    assert found["YTD"] == pytest.approx(end / at["2023-12-29"] - 1)
    assert found["1 year"] == pytest.approx(end / at["2023-08-14"] - 1)
    assert found["3 years"] == pytest.approx((end / at["2021-08-13"]) ** (1 / 3) - 1)  # the 14th is a Saturday
    assert found["5 years"] == pytest.approx((end / at["2019-08-14"]) ** (1 / 5) - 1)
    assert found["10 years"] == pytest.approx((end / at["2014-08-14"]) ** (1 / 10) - 1)
    assert found["since inception"] == pytest.approx((end / curve[0]) ** (252 / (len(dates) - 1)) - 1)


def test_a_span_that_begins_before_the_curve_is_absent() -> None:
    for first, known in (("2023-08-14", True), ("2023-08-15", False)):
        dates = weekdays(first, "2024-08-14")
        found = trailing(grown(dates), dates)
        assert (found["1 year"] is not None) == known and found["3 years"] is None
    dates = weekdays("2024-08-01", "2024-08-14")
    found = trailing(grown(dates), dates)
    assert found["MTD"] is None and found["YTD"] is None
    assert found["since inception"] == pytest.approx(grown(dates)[-1] / grown(dates)[0] - 1)  # too short for a year
    assert trailing(grown(dates)[:1], dates[:1])["since inception"] is None


def test_a_year_is_annualised_from_252_returns_on() -> None:
    dates = weekdays("2020-01-01", "2022-01-01")
    for returns in (251, 252, 253):
        curve = np.linspace(1.0, 1.5, returns + 1)
        told = trailing(curve, dates[: returns + 1])["since inception"]
        assert told == pytest.approx(1.5 ** min(1.0, 252 / returns) - 1)


def test_a_leap_day_counts_from_the_28th() -> None:
    dates = weekdays("2022-01-03", "2024-02-29")
    curve = grown(dates)
    base = curve[dates.index("2023-02-28")]
    assert trailing(curve, dates)["1 year"] == pytest.approx(curve[-1] / base - 1)


def test_tail_ratio_and_var_are_percentiles() -> None:
    returns = np.random.default_rng(1).standard_t(4, 500) * 0.01 + 0.001
    # empyrical.tail_ratio, which quantstats.stats.tail_ratio follows
    assert tail_ratio(returns) == pytest.approx(abs(np.percentile(returns, 95)) / abs(np.percentile(returns, 5)))
    assert value_at_risk(returns) == pytest.approx(-np.percentile(returns, 5))
    assert value_at_risk(returns[:20]) is not None and value_at_risk(returns[:19]) is None
    assert tail_ratio(returns[:19]) is None and tail_ratio(np.full(30, 0.01)) is None
    assert value_at_risk(returns[:99], 0.99) is None and value_at_risk(returns[:100], 0.99) is not None


def test_exceedances_use_only_what_lies_before() -> None:
    returns = np.random.default_rng(2).standard_normal(400) * 0.01
    found = exceedances(returns, 0.95, 100)
    assert found is not None
    seen = sum(returns[t] < np.percentile(returns[t - 100 : t], 5) for t in range(100, 400))
    assert (found.seen, found.sessions) == (seen, 300) and found.expected == pytest.approx(15.0)
    later = returns.copy()
    later[-1] = -0.5
    again = exceedances(later, 0.95, 100)
    assert again is not None and again.seen == seen + (returns[-1] >= np.percentile(returns[299:399], 5))
    assert exceedances(returns[:100], 0.95, 100) is None and exceedances(returns, 0.99, 99) is None


@pytest.mark.parametrize(("seen", "sessions"), [(0, 250), (12, 250), (13, 250), (40, 250), (250, 250)])
def test_kupiecs_probability_is_that_of_the_likelihood_ratio(seen: int, sessions: int) -> None:
    def log_likelihood(p: float) -> float:
        return float(stats.binom.logpmf(seen, sessions, p))

    ratio = 2 * (log_likelihood(seen / sessions) - log_likelihood(0.05))
    assert kupiec(seen, sessions, 0.05) == pytest.approx(stats.chi2.sf(max(ratio, 0), 1), abs=1e-12)
    assert math.isfinite(kupiec(seen, sessions, 0.05))
