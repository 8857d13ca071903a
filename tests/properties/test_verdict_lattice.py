"""The lattice laws of verdicts, and that a comparison passes only what it is shown (R1)."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.verdict import ALLOWED, Action, Finding, Verdict, join, judge

FIGURES = st.none() | st.floats(0.0, 2.0)
FINDINGS = st.builds(
    Finding,
    gate=st.sampled_from(["cvar_1", "cvar_10", "gross"]),
    reason=st.sampled_from(["CVAR_ABOVE_HARD", "GROSS_ABOVE_MAX"]),
    scope=st.sampled_from(["book", "SPY"]),
    measured=FIGURES,
    limit=FIGURES,
)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """Verdicts as they come about: findings are a sorted set because a join made them so."""
    parts = draw(st.lists(FINDINGS, max_size=3))
    raw = Verdict(draw(st.sampled_from(Action)), draw(st.floats(0.0, 1.0)), ())
    return join([raw, *(Verdict(findings=(f,)) for f in parts)])


@given(verdicts(), verdicts(), verdicts())
def test_join_is_associative(a: Verdict, b: Verdict, c: Verdict) -> None:
    assert (a | b) | c == a | (b | c)


@given(verdicts(), verdicts())
def test_join_is_commutative(a: Verdict, b: Verdict) -> None:
    assert a | b == b | a


@given(verdicts())
def test_join_is_idempotent_and_allowed_is_its_identity(a: Verdict) -> None:
    copy = Verdict(a.action, a.scale, a.findings)
    assert a | copy == a
    assert a | ALLOWED == a
    assert ALLOWED | a == a


@given(verdicts(), verdicts())
def test_join_never_loosens_and_never_loses_a_finding(a: Verdict, b: Verdict) -> None:
    both = a | b
    assert both.action >= max(a.action, b.action)
    assert both.scale <= min(a.scale, b.scale)
    assert set(both.findings) == set(a.findings) | set(b.findings)


@given(st.lists(verdicts(), max_size=4))
def test_the_order_of_judging_does_not_matter(parts: list[Verdict]) -> None:
    assert len({str(join(order)) for order in itertools.permutations(parts)}) <= 1


def test_nothing_joined_is_allowed() -> None:
    assert join([]) == Verdict(Action.ALLOW, 1.0, ())


@given(st.floats(0.0, 10.0))
def test_a_figure_passes_at_its_limit_and_fails_one_unit_in_the_last_place_above(limit: float) -> None:
    def action(measured: float) -> Action:
        return judge("g", "GROSS_ABOVE_MAX", measured, limit, Action.REJECT).action

    assert action(np.nextafter(limit, -np.inf)) is Action.ALLOW
    assert action(limit) is Action.ALLOW
    assert action(np.nextafter(limit, np.inf)) is Action.REJECT


@given(st.sampled_from([float("nan"), float("inf")]), st.floats(0.0, 1.0), st.sampled_from(list(Action)[1:]))
def test_what_is_not_a_number_fails_and_is_recorded_as_absent(bad: float, limit: float, failed: Action) -> None:
    verdict = judge("g", "GROSS_ABOVE_MAX", bad, limit, failed, scale=0.5)
    assert verdict.action is failed
    assert verdict.findings[0].measured is None
    assert judge("g", "GROSS_ABOVE_MAX", 0.1, float("nan"), failed).action is failed


@given(st.floats(0.0, 1.0))
def test_only_a_scale_keeps_part_of_an_increase(scale: float) -> None:
    for failed in (Action.REJECT, Action.FREEZE, Action.LIQUIDATE):
        assert judge("g", "GROSS_ABOVE_MAX", 2.0, 1.0, failed, scale=scale).scale == 0.0
    assert judge("g", "GROSS_ABOVE_MAX", 2.0, 1.0, Action.SCALE, scale=scale).scale == scale


def test_a_finding_names_both_figures_and_findings_come_in_order_of_what_they_say() -> None:
    low, high = (judge("g", "GROSS_ABOVE_MAX", figure, 1.0, Action.REJECT) for figure in (1.5, 2.5))
    assert (low.findings[0].measured, low.findings[0].limit) == (1.5, 1.0)
    tight = judge("g", "GROSS_ABOVE_MAX", 1.5, 0.5, Action.REJECT)
    absent = judge("g", "GROSS_ABOVE_MAX", float("nan"), 1.0, Action.REJECT)
    open_ = Verdict(Action.REJECT, 0.0, (Finding("g", "GROSS_ABOVE_MAX", "book", 1.5, None),))
    assert judge("g", "GROSS_ABOVE_MAX", 1.5, -2.0, Action.REJECT).findings[0].limit == -2.0
    assert judge("g", "GROSS_ABOVE_MAX", 1.5, float("nan"), Action.REJECT).findings[0].limit is None
    wanted = [*tight.findings, *low.findings, *open_.findings, *high.findings, *absent.findings]
    for order in itertools.permutations((low, high, tight, absent, open_)):
        assert list(join(order).findings) == wanted


def test_a_scale_that_is_no_share_keeps_nothing() -> None:
    for scale in (float("nan"), -0.1, 1.1, float("inf")):
        assert judge("g", "GROSS_ABOVE_MAX", 2.0, 1.0, Action.SCALE, scale=scale).scale == 0.0
    for scale in (0.0, 0.3, 1.0):
        assert judge("g", "GROSS_ABOVE_MAX", 2.0, 1.0, Action.SCALE, scale=scale).scale == scale
