"""The regime as a snapshot tells it: as of a session, with and without VIX (R8, D19)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.errors import UsageError
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.engine.history import history_of
from plimsoll.reports.regime import RegimeReport, regime_report
from plimsoll.risk import regime

MakeMarket = Callable[..., Panel]
POLICY = Policy()


def report(panel: Panel, on: str | None = None, policy: Policy = POLICY) -> RegimeReport:
    return regime_report(history_of(panel, policy), policy, on)


def test_the_last_session_by_default_with_a_belief_that_sums_to_one(make_market: MakeMarket) -> None:
    panel = make_market(crash=0.02)
    found = report(panel)
    assert found.session == panel.sessions.dates[-1]
    assert sum(found.belief) == pytest.approx(1.0, abs=1e-12)
    assert found.state == found.states[int(np.argmax(found.belief))]
    assert found.passage >= found.crisis
    assert (found.vix, found.source, found.notes) == (panel.close[-1, -1], "VIX", ())
    assert found.last_vix is not None and found.last_vix.age == 0


def test_a_past_session_reads_nothing_after_it(make_market: MakeMarket) -> None:
    calm, crash = make_market(crash=0.0), make_market(crash=0.02)
    on = calm.sessions.dates[329]
    assert msgspec.json.encode(report(calm, on)) == msgspec.json.encode(report(crash, on))
    later = calm.sessions.dates[345]
    assert report(crash, later).crisis > report(calm, later).crisis


def test_the_matrices_are_those_of_the_filter_as_of_the_month(make_market: MakeMarket) -> None:
    panel = make_market()
    for name in ("counted", "em"):
        policy = replace(POLICY, regime=replace(POLICY.regime, matrix=name))
        whole = regime.transitions(panel.close[:, -1], policy.regime, panel.sessions.first_of_month)
        found = report(panel, policy=policy)
        np.testing.assert_array_equal(found.matrices[name], whole[-1])
        assert found.matrix == name
    assert found.matrices["start"] == tuple(map(tuple, regime.base_matrix(POLICY.regime).tolist()))
    assert set(found.matrices) == {"start", "counted", "em"}
    assert "seed" in report(panel, policy=replace(POLICY, regime=replace(POLICY.regime, matrix="seed"))).matrices


def test_calibration_counts_only_forecasts_whose_outcome_is_known(make_market: MakeMarket) -> None:
    panel = make_market(crash=0.02)
    found = report(panel, panel.sessions.dates[299])
    for one in found.calibration:
        assert (one.sessions, one.left_out, one.last) == (295, 5, panel.sessions.dates[294])
    assert [s.outcome for s in found.calibration] == ["vix_at", "vix_within", "realised", "fall"]


def test_a_vix_that_stopped_says_how_old_it_is(make_market: MakeMarket) -> None:
    panel = make_market()
    close = panel.close.copy()
    close[-3:, -1] = np.nan
    found = report(dataclasses.replace(panel, close=close))
    assert found.vix is None and found.source == "SPY's realised volatility"
    assert found.last_vix is not None and found.last_vix.age == 3
    assert found.last_vix.session == panel.sessions.dates[-4]
    assert "3 sessions ago" in found.notes[0] and "SPY's realised volatility" in found.notes[0]
    assert found.vix_or_proxy is not None and found.vix_or_proxy == pytest.approx(
        100 * history_of(panel, POLICY).array("benchmark_volatility")[-1]
    )


def test_without_vix_the_belief_rests_and_nothing_is_scored(make_market: MakeMarket) -> None:
    panel = make_market()
    close = panel.close.copy()
    close[:, -1] = np.nan
    found = report(dataclasses.replace(panel, close=close))
    np.testing.assert_allclose(found.belief, regime.stationary(regime.base_matrix(POLICY.regime)), rtol=1e-9)
    assert (found.vix, found.last_vix, found.calibration) == (None, None, ())
    assert "There is no ^VIX" in found.notes[0]


def test_scores_begin_with_the_first_vix(make_market: MakeMarket) -> None:
    panel = make_market()
    close = panel.close.copy()
    close[:100, -1] = np.nan
    found = report(dataclasses.replace(panel, close=close))
    assert {s.first for s in found.calibration} == {panel.sessions.dates[100]}


@pytest.mark.parametrize("on", ["2015-01-03", "1999-01-04", "2099-01-04"])
def test_a_date_that_is_no_session_is_refused_with_its_neighbours(make_market: MakeMarket, on: str) -> None:
    with pytest.raises(UsageError, match=f"{on} is not a session") as refused:
        report(make_market(), on)
    assert "-" in str(refused.value.remedy)
