"""Laws of sizing: worse conditions never make an order larger, and no order exceeds the governor's headroom (H3)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.policy import Policy
from plimsoll.governor.governor import CENT, MINUTE
from plimsoll.governor.sizing import Conditions, rules_of, size

RULES = rules_of(Policy(), 10_000)
STAGES = ("normal", "caution", "reduce_only", "halt")
cents = st.integers(-10_000, 10**7)
rooms = st.fixed_dictionaries(dict.fromkeys(("trade", "position", "gross", "turnover"), cents))
conditions = st.builds(
    Conditions,
    price=st.integers(1, 10**10),
    atr=st.none() | st.integers(0, 10**9),
    rank=st.none() | st.integers(0, 10_000),
    stage=st.sampled_from(STAGES),
    since_open=st.none() | st.integers(-MINUTE, 400 * MINUTE),
    to_close=st.none() | st.integers(-MINUTE, 400 * MINUTE),
    headroom=rooms,
)
signs = st.sampled_from((1, -1))


@given(signs, conditions)
def test_an_order_that_adds_risk_fits_into_every_headroom(sign: int, given_: Conditions) -> None:
    found = size(sign, 0, 0, given_, RULES)
    assert found.quantity >= 0
    assert all(found.quantity * given_.price <= max(left, 0) * CENT for left in given_.headroom.values())
    assert found.quantity > 0 or found.reasons  # nothing without a word


@given(signs, conditions, st.integers(0, 10**9))
def test_larger_ranges_never_make_it_larger(sign: int, given_: Conditions, more: int) -> None:
    if given_.atr:
        wider = replace(given_, atr=given_.atr + more)
        assert size(sign, 0, 0, wider, RULES).quantity <= size(sign, 0, 0, given_, RULES).quantity


@given(signs, conditions, rooms)
def test_less_headroom_never_makes_it_larger(sign: int, given_: Conditions, less: dict[str, int]) -> None:
    tighter = {name: min(left, less[name]) for name, left in given_.headroom.items()}
    fewer = size(sign, 0, 0, replace(given_, headroom=tighter), RULES).quantity
    assert fewer <= size(sign, 0, 0, given_, RULES).quantity


@given(signs, conditions, st.integers(0, 10_000))
def test_a_higher_volatility_never_makes_it_larger(sign: int, given_: Conditions, higher: int) -> None:
    if given_.rank is not None:
        stormier = replace(given_, rank=max(given_.rank, higher))
        assert size(sign, 0, 0, stormier, RULES).quantity <= size(sign, 0, 0, given_, RULES).quantity


@given(signs, conditions, st.sampled_from(STAGES))
def test_a_deeper_stage_never_makes_it_larger(sign: int, given_: Conditions, other: str) -> None:
    deeper = max(given_.stage, other, key=STAGES.index)
    assert size(sign, 0, 0, replace(given_, stage=deeper), RULES).quantity <= size(sign, 0, 0, given_, RULES).quantity


@given(signs, conditions, st.integers(0, 10_000), st.sampled_from(("caution_bps", "edge_bps", "risk_bps")))
def test_a_smaller_factor_never_makes_it_larger(sign: int, given_: Conditions, factor: int, name: str) -> None:
    strict = replace(RULES, **{name: min(factor, getattr(RULES, name))})
    assert size(sign, 0, 0, given_, strict).quantity <= size(sign, 0, 0, given_, RULES).quantity


@given(signs, conditions, st.sampled_from(("atr", "rank", "since_open", "to_close")))
def test_knowing_less_never_makes_it_larger(sign: int, given_: Conditions, name: str) -> None:
    assert size(sign, 0, 0, replace(given_, **{name: None}), RULES).quantity == 0


@given(signs, conditions, st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_reduction_is_whole_and_never_crosses_zero(sign: int, given_: Conditions, held: int, working: int) -> None:
    assert size(sign, -sign * held, working, given_, RULES).quantity == max(held - working, 0)
