"""The crisis regime's hysteresis (step 2, R8)."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.core.decision import Carried
from plimsoll.core.panel import History, View
from plimsoll.core.restraint import LadderState
from plimsoll.engine.outlook import observe
from plimsoll.indicators import stand_in
from plimsoll.risk.regime import VIX


@pytest.fixture
def seen(history: History, run):
    """``seen(crisis, sessions, vix)``: the regime after one observation in an episode of so many sessions."""

    def observed(crisis: float, sessions: int = 0, vix: float = 20.0):
        seen_vix = VIX if vix == vix else stand_in.BENCHMARK
        made = {"regime.crisis": crisis, "regime.vix": vix, "regime.whose": seen_vix}
        fixed = {name: (lambda p, v=value: np.full(len(p.sessions), v)) for name, value in made.items()}
        given = History(history.panel, {**history.catalogue, **fixed})
        return observe(View(given, 300), Carried(ladder=LadderState(1, 1), stress_sessions=sessions), run)

    return observed


@pytest.mark.parametrize(("crisis", "stress"), [(0.30, False), (0.301, True), (float("nan"), False)])
def test_stress_begins_above_its_threshold(seen, crisis: float, stress: bool) -> None:
    assert seen(crisis).figure.stress is stress


@pytest.mark.parametrize(
    ("crisis", "sessions", "vix", "stress"),
    [
        (0.149, 5, 20.0, False),
        (0.149, 4, 20.0, True),  # too short an episode
        (0.15, 5, 20.0, True),  # not calm enough
        (0.0, 9, float("nan"), True),  # no observation: the regime's scale may fall, not rise
    ],
)
def test_stress_ends_only_when_it_is_old_calm_and_observed(
    seen, crisis: float, sessions: int, vix: float, stress: bool
) -> None:
    after = seen(crisis, sessions, vix)
    assert after.figure.stress is stress
    assert after.stress_sessions == (sessions + 1 if stress else 0)


def test_a_change_is_told_once(seen) -> None:
    assert [e.kind for e in seen(0.4).events] == ["REGIME_STRESS"]
    assert [e.kind for e in seen(0.4, 3).events] == []
    assert [e.kind for e in seen(0.0, 5).events] == ["REGIME_CLEAR"]


def test_without_vix_the_source_says_so(seen) -> None:
    assert seen(0.1).figure.source == "VIX"
    blind = seen(0.1, vix=float("nan")).figure
    assert (blind.vix, blind.source) == (None, "SPY's realised volatility")
