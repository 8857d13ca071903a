"""The life of a strategy as a machine: months of any kind, and what must hold after each (G5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from plimsoll.core.lifecycle import STAGES
from plimsoll.core.policy import Admission, LifecyclePolicy
from plimsoll.governance.lifecycle import Evidence, capital, first_stage, judge, weigh

RULES = LifecyclePolicy()
CAPS = dict(zip(STAGES, (0.25, 0.60, 1.00, 0.0), strict=True))
MONTH = 21


class Life(RuleBasedStateMachine):
    """Each rule is a month; evidence restarts at every change of stage, as in a track record."""

    @initialize(certified=st.booleans(), seed=st.integers(0, 999))
    def admitted(self, certified: bool, seed: int) -> None:
        self.admission = Admission(sessions=1500 if certified else 0)
        self.stage = first_stage(self.admission, RULES)
        assert self.stage == ("SCALING" if certified else "INCUBATING")
        self.draw = np.random.default_rng(seed)
        self.error: float | None = None
        self._restart()
        self.readmitted = True  # whether a person let it out of DECOMMISSIONED since it got there

    def _restart(self) -> None:
        self.contributions: list[float] = []
        self.excess: list[float] = []
        self.results: list[float] = []

    @rule(
        drift=st.sampled_from([-0.003, -0.0005, 0.0, 0.0005, 0.002]),
        trades=st.integers(0, 6),
        wins=st.floats(0.0, 1.0),
        bills=st.booleans(),
        months=st.integers(1, 14),
        error=st.sampled_from([None, 0.0, 0.5]),
    )
    def months(self, drift: float, trades: int, wins: float, bills: bool, months: int, error: float | None) -> None:
        self.error = error
        for _ in range(months):
            days = drift + 0.004 * self.draw.standard_normal(MONTH)
            self.contributions += days.tolist()
            self.excess += (days - 0.0001).tolist() if bills else [float("nan")] * MONTH
            won = self.draw.random(trades) < wins
            self.results += np.where(won, 0.01, -0.01).tolist()
            self._judge()

    def _judge(self) -> None:
        n = RULES.window
        evidence = weigh(
            np.array(self.contributions[-n:]), np.array(self.excess[-n:]), np.array(self.results), self.error, RULES
        )
        before, verdict = self.stage, judge(self.stage, evidence, self.admission, RULES)
        self.stage = verdict.stage
        assert bool(verdict.reason) == (before != self.stage)
        if before == self.stage:
            return
        self._earned(before, evidence, verdict.reason)
        self._restart()
        self.readmitted = self.stage != "DECOMMISSIONED"

    def _earned(self, before: str, e: Evidence, reason: str) -> None:
        """Every change has the evidence it needs, computed anew from the sessions."""
        assert before != "DECOMMISSIONED", "no evidence brings it back"
        assert len(self.contributions) >= 252
        if reason == "STRATEGY_PROMOTED":
            assert STAGES.index(self.stage) == STAGES.index(before) + 1
            assert self.stage != "DECOMMISSIONED"
            known = np.array(self.excess[-RULES.window :])
            known = known[np.isfinite(known)]
            assert known.size >= 252
            ratio = known.mean() / known.std(ddof=1) * np.sqrt(252)
            least, signals = {"SCALING": (0.8, 5), "HARVESTING": (1.2, 10)}[self.stage]
            assert ratio >= least - 1e-9
            assert sum(r > 0 for r in self.results) >= signals
            assert e.error is not None
        elif reason == "STRATEGY_DEMOTED":
            assert STAGES.index(self.stage) == STAGES.index(before) - 1
            assert len(self.results) >= 20
        else:
            assert self.stage == "DECOMMISSIONED"
            assert len(self.results) >= 20

    @rule()
    def a_person_admits_it_again(self) -> None:
        if self.stage == "DECOMMISSIONED":
            self.stage = "INCUBATING"
            self._restart()
            self.readmitted = True

    @invariant()
    def capital_is_that_of_the_stage_at_most(self) -> None:
        if not hasattr(self, "stage"):
            return
        for idle in (0, 20, 21, 400):
            assert 0.0 <= capital(self.stage, idle, False, RULES) <= CAPS[self.stage]
            assert capital(self.stage, idle + 21, False, RULES) <= capital(self.stage, idle, False, RULES)
        if self.stage == "DECOMMISSIONED":
            assert not self.readmitted
            assert capital(self.stage, 0, False, RULES) == 0.0


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestLife = Life.TestCase


def test_from_every_stage_a_steady_gain_leads_to_the_last() -> None:
    """No deadlock: evidence that is good enough reaches HARVESTING, a person's act included."""
    for stage in STAGES:
        life = Life()
        life.admitted(certified=False, seed=1)
        life.stage, life.readmitted = stage, stage != "DECOMMISSIONED"
        life.a_person_admits_it_again()
        life.months(drift=0.002, trades=2, wins=1.0, bills=True, months=40, error=0.0)
        assert life.stage == "HARVESTING"


EVIDENCE = st.builds(
    Evidence,
    sessions=st.integers(0, 1260),
    measured=st.integers(0, 1260),
    sharpe=st.floats(-3, 3),
    psr=st.floats(0, 1),
    below=st.floats(0, 1),
    trades=st.integers(0, 60),
    signals=st.integers(0, 60),
    profit_factor=st.floats(0, 5),
    drawdown=st.floats(0, 0.3),
    error=st.floats(0, 1),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(STAGES), EVIDENCE, st.sets(st.sampled_from(["sharpe", "psr", "error"]), min_size=1))
def test_whatever_is_taken_away_nothing_rises(stage: str, evidence: Evidence, absent: set[str]) -> None:
    after = judge(stage, replace(evidence, **dict.fromkeys(absent)), Admission(), RULES).stage
    assert CAPS[after] <= CAPS[stage]
