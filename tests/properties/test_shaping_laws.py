"""Laws of the day's step that hold for any book, target, price and switch (A7, R1)."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.capital.shaping import ShapeInputs, bands_of, shape
from plimsoll.core.limits import AccountCaps
from plimsoll.core.money import values_cents
from plimsoll.core.policy import Policy

POLICY = Policy()
ROW = st.tuples(
    st.integers(0, 3_000),  # lots held
    st.one_of(st.just(0.0), st.floats(0.0, 0.5), st.just(float("nan"))),  # target weight
    st.one_of(st.floats(0.5, 900.0), st.just(float("nan"))),  # price
    st.sampled_from([1, 1, 10_000]),  # lots a unit
    st.booleans(),  # forced
    st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.0, 1.0)),  # scale of increases
    st.one_of(st.floats(0.0, 1e9), st.just(float("nan"))),  # ADV
)
STEPS = st.tuples(st.lists(ROW, min_size=1, max_size=12), st.integers(10_000, 50_000_000))


def inputs_of(given_step: tuple[list[tuple[object, ...]], int]) -> ShapeInputs:
    rows, nav = given_step
    held, desired, prices, per_unit, forced, scale, adv = (np.array(c) for c in zip(*rows, strict=True))
    return ShapeInputs(held.astype(np.int64), desired, nav, prices, per_unit.astype(np.int64), forced, scale, adv)


def lots_inside(inputs: ShapeInputs) -> np.ndarray:
    """Whole lots of the target, rounded down; NaN where it cannot be sized."""
    return np.floor(inputs.desired * (inputs.nav / 100.0) / (inputs.prices / inputs.lots_per_unit))


@given(STEPS)
def test_no_order_crosses_zero_or_passes_its_target(given_step: tuple[list, int]) -> None:
    inputs = inputs_of(given_step)
    lots, goal = shape(inputs, POLICY).lots, lots_inside(inputs)
    after = inputs.held_lots + lots
    assert (after >= 0).all()
    assert (after[lots > 0] <= goal[lots > 0]).all()  # buys round down
    assert (after[lots < 0] == goal[lots < 0]).all()  # sells round up, to flat at most, and go all the way


@given(STEPS)
def test_exits_and_forced_reductions_are_always_done(given_step: tuple[list, int]) -> None:
    inputs = inputs_of(given_step)
    lots, goal = shape(inputs, POLICY).lots, lots_inside(inputs)
    priced = np.isfinite(goal)
    exits = priced & (inputs.desired == 0.0)
    assert (lots[exits] == -inputs.held_lots[exits]).all()
    needed = priced & inputs.forced & (goal < inputs.held_lots)
    assert (lots[needed] == goal[needed] - inputs.held_lots[needed]).all()


@given(STEPS)
def test_increases_fit_into_what_reductions_leave(given_step: tuple[list, int]) -> None:
    inputs = inputs_of(given_step)
    lots = shape(inputs, POLICY).lots
    buys = lots > 0
    if not buys.any():
        return
    traded = lots != 0
    values = np.zeros(lots.size)
    values[traded] = np.abs(values_cents(lots[traded], inputs.lots_per_unit[traded], inputs.prices[traded]))
    assert np.count_nonzero(lots) <= POLICY.shaping.trades_max
    assert 0.5 * values.sum() / inputs.nav <= POLICY.shaping.turnover_max
    volume = POLICY.limits.participation_max * inputs.adv[buys]
    assert (lots[buys] * (inputs.prices / inputs.lots_per_unit)[buys] <= volume).all()
    assert (inputs.increase_scale[buys] > 0.0).all()
    assert (values[buys] >= POLICY.shaping.min_trade * 100.0 - 1.0).all()


@given(STEPS)
def test_reductions_do_not_depend_on_what_else_is_wanted(given_step: tuple[list, int]) -> None:
    inputs = inputs_of(given_step)
    lots = shape(inputs, POLICY).lots
    for i in np.flatnonzero(lots < 0):
        alone = inputs_of(([given_step[0][i]], given_step[1]))
        assert shape(alone, POLICY).lots[0] == lots[i]


@given(STEPS)
def test_whatever_is_held_or_wanted_and_rests_unscaled_has_a_reason(given_step: tuple[list, int]) -> None:
    inputs = inputs_of(given_step)
    shaped = shape(inputs, POLICY)
    concerned = (inputs.held_lots != 0) | (inputs.desired != 0.0)
    assert set(shaped.reasons) >= set(np.flatnonzero(concerned).tolist())
    explained = concerned & ((inputs.increase_scale >= 1.0) | (shaped.lots != 0))
    assert all(shaped.reasons[i] for i in np.flatnonzero(explained).tolist())


@settings(max_examples=50)
@given(STEPS)
def test_a_scale_of_zero_leaves_only_reductions(given_step: tuple[list, int]) -> None:
    inputs = inputs_of(given_step)
    inputs.increase_scale[:] = 0.0
    assert (shape(inputs, POLICY).lots <= 0).all()


CAPS = st.tuples(*[st.one_of(st.just(0.0), st.floats(1.0, 1e5))] * 3, st.floats(0.0, 2.0), st.floats(0.0, 0.1))


@given(STEPS, CAPS)
def test_no_increase_passes_a_cap_of_the_account_and_no_reduction_is_held_by_one(
    given_step: tuple[list, int], given_caps: tuple[float, ...]
) -> None:
    free = inputs_of(given_step)
    trade, position, turnover, gross, reserve = given_caps
    inputs = replace(free, caps=AccountCaps(trade, np.full(free.held_lots.size, position), turnover, gross, reserve))
    lots = shape(inputs, POLICY).lots
    unit, held = inputs.prices / inputs.lots_per_unit, inputs.held_lots
    sales, buys = lots < 0, lots > 0
    assert (lots[sales] == shape(free, POLICY).lots[sales]).all()
    if not buys.any():
        return
    # counted as the governor does: a sale makes no room before it fills, and every order moves against the account
    assert (lots[buys] * unit[buys] <= trade).all()
    assert ((held[buys] + lots[buys]) * unit[buys] <= position).all()
    traded = lots != 0
    assert (np.abs(lots[traded]) * unit[traded]).sum() * (1.0 + reserve) <= turnover
    kept = held != 0
    assert (held[kept] * unit[kept]).sum() + (lots[buys] * unit[buys]).sum() <= gross * inputs.nav / 100.0


@given(STEPS)
def test_a_book_at_rest_is_one_whose_step_is_nothing(given_step: tuple[list, int]) -> None:
    i = inputs_of(given_step)
    found = bands_of(i.held_lots, i.desired, i.nav, i.prices, i.lots_per_unit, i.forced, POLICY)
    step = shape(i, POLICY)
    if found.wanted:
        aims, worth = i.desired * (i.nav / 100.0), i.held_lots * (i.prices / i.lots_per_unit)
        moved = ~(np.abs(aims - worth) < POLICY.shaping.min_trade) | i.forced | (i.desired == 0.0)
        assert moved.any()
    else:
        assert found.quiet == step.reasons and not step.lots.any() and not step.wanted.any()
