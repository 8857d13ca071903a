"""The auction by hand: closed forms, ties, the way out when nothing is feasible, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from math import inf, nan

import numpy as np
import pytest

from plimsoll.capital import auction
from plimsoll.capital.auction import AuctionProblem, solve
from plimsoll.capital.auction_check import readings, worst_excess
from plimsoll.capital.auction_frame import Solved, SolveFailed
from plimsoll.core.errors import InputError

# Twenty scenarios a bid; at 90 % the tail is the two worst: -0.10 and -0.06 for each, CVaR 0.08 of its weight.
FALLING = np.array([-0.10, -0.06, *np.linspace(0.0, 0.05, 18)])


def problem(**changes) -> AuctionProblem:
    """One bid with CVaR 0.08 a unit and expected return 0.01."""
    given = {
        "mu": [0.01], "scenarios": FALLING[:, None], "risk_aversion": 0.0, "confidence": 0.9, "cvar_max": inf,
        "gross_max": 1.0, "weight_max": [1.0], "groups": [], "current": [0.0], "trade_cost": [0.0],
    }  # fmt: skip
    return AuctionProblem(**(given | changes))


def several(mu, **changes) -> AuctionProblem:
    """Bids whose scenarios are all the same, so that only the expected returns tell them apart."""
    n = len(mu)
    given = {
        "mu": mu, "scenarios": np.repeat(FALLING[:, None], n, axis=1), "weight_max": [1.0] * n, "current": [0.0] * n,
        "trade_cost": [0.0] * n,
    }  # fmt: skip
    return problem(**(given | changes))


def test_one_bid_goes_to_its_cvar_limit_and_the_price_is_return_per_cvar():
    answer = solve(problem(cvar_max=0.04))
    assert answer.weights == pytest.approx([0.5], abs=1e-12)
    assert answer.cvar == pytest.approx(0.04, abs=1e-12)
    assert answer.objective == pytest.approx(0.005, abs=1e-12)
    assert answer.duals["cvar"] == pytest.approx(0.01 / 0.08)
    assert (answer.status, answer.binding) == ("optimal", "")


def test_a_fractional_tail_counts_the_boundary_scenario_in_part():
    # At 93 % of 20 the tail is 1.4 scenarios: (0.10 + 0.4 x 0.06) / 1.4 of the weight.
    answer = solve(problem(confidence=0.93, cvar_max=0.04))
    assert answer.weights == pytest.approx([0.04 * 1.4 / 0.124], abs=1e-12)


def test_a_tail_of_less_than_one_scenario_is_the_worst_loss():
    assert solve(problem(confidence=0.99, cvar_max=0.04)).weights == pytest.approx([0.4], abs=1e-12)


def test_risk_aversion_above_return_per_cvar_holds_cash():
    held, cash = solve(problem(risk_aversion=0.124)), solve(problem(risk_aversion=0.126))
    assert held.weights == pytest.approx([1.0])
    assert held.objective == pytest.approx(0.01 - 0.124 * 0.08)
    assert not cash.weights.any()
    assert cash.objective == 0.0


def test_a_buy_must_earn_its_cost_and_a_sale_must_save_more_than_it_costs():
    assert not solve(problem(trade_cost=[0.011])).weights.any()
    assert solve(problem(trade_cost=[0.009])).weights == pytest.approx([1.0])
    kept = solve(problem(mu=[-0.01], current=[0.3], trade_cost=[0.011]))
    assert kept.weights == pytest.approx([0.3])
    assert kept.objective == pytest.approx(-0.003)
    sold = solve(problem(mu=[-0.01], current=[0.3], trade_cost=[0.009]))
    assert not sold.weights.any()
    assert sold.objective == pytest.approx(-0.3 * 0.009)


def test_a_further_scenario_set_is_a_limit_of_its_own():
    answer = solve(
        problem(cvar_max=0.07, tail_limits=[(4.0 * FALLING[:, None], 0.9, 0.16), (FALLING[:, None], 0.5, inf)])
    )
    assert answer.weights == pytest.approx([0.5], abs=1e-12)
    assert answer.duals["tail_limits"] == pytest.approx([0.01 / 0.32, 0.0])
    assert answer.duals["cvar"] == 0.0


def test_a_hedge_with_a_negative_return_enters_for_the_risk_it_takes_away():
    scenarios = np.column_stack((FALLING, -FALLING))
    answer = solve(several([0.01, -0.001], scenarios=scenarios, cvar_max=0.04, weight_max=[1.0, 0.2]))
    assert answer.weights == pytest.approx([0.7, 0.2], abs=1e-12)
    assert answer.contributions == pytest.approx([0.056, -0.016], abs=1e-12)


def test_bids_for_one_asset_share_its_trading_and_its_risk():
    answer = solve(
        problem(
            mu=[0.004, 0.010, 0.020], asset=[1, 1, 0], scenarios=np.column_stack((FALLING, FALLING)),
            weight_max=[0.5, 0.2, 0.1], current=[0.0, 0.6], trade_cost=[0.001, 0.008],
        )
    )  # fmt: skip
    # The asset is held at 0.6: to buy more costs 0.008, to keep costs nothing.
    assert answer.weights == pytest.approx([0.4, 0.2, 0.1], abs=1e-12)
    assert answer.objective == pytest.approx(0.0016 + 0.002 + 0.002 - 0.0001)


def test_an_asset_nobody_bids_for_is_sold_and_its_cost_charged():
    answer = solve(
        problem(asset=[1], scenarios=np.column_stack((FALLING, FALLING)), current=[0.2, 0.0], trade_cost=[0.01, 0.0])
    )
    assert answer.objective == pytest.approx(0.01 - 0.002)


def test_pairs_name_assets_and_groups_name_bids():
    answer = solve(
        problem(
            mu=[0.01, 0.02, 0.03], asset=[0, 0, 1], scenarios=np.column_stack((FALLING, FALLING)), weight_max=[0.4] * 3,
            current=[0.0] * 2, trade_cost=[0.0] * 2, pairs=[(0, 1, 0.9)], groups=[([1, 2, 2], 0.6)],
        )
    )  # fmt: skip
    assert answer.weights == pytest.approx([0.3, 0.2, 0.4], abs=1e-12)
    assert answer.duals["pairs"] == pytest.approx([0.01])
    assert answer.duals["groups"] == pytest.approx([0.01])
    assert answer.duals["weight_max"] == pytest.approx([0.0, 0.0, 0.01])


def test_gross_has_the_price_of_the_marginal_bid():
    answer = solve(several([0.01, 0.02], gross_max=0.9, weight_max=[1.0, 0.5]))
    assert answer.weights == pytest.approx([0.4, 0.5])
    assert answer.duals["gross"] == pytest.approx(0.01)
    assert answer.duals["weight_max"] == pytest.approx([0.0, 0.01])


def test_no_bids_is_an_empty_allocation():
    answer = solve(problem(mu=[], scenarios=np.zeros((20, 0)), weight_max=[], current=[], trade_cost=[]))
    assert answer.weights.shape == (0,)
    assert (answer.objective, answer.cvar, answer.status) == (0.0, 0.0, "optimal")


def test_limits_of_zero_hold_cash():
    for change in ({"gross_max": 0.0}, {"cvar_max": 0.0}, {"weight_max": [0.0]}, {"groups": [([0], 0.0)]}):
        answer = solve(problem(**change))
        assert answer.status == "optimal"
        assert answer.weights == pytest.approx([0.0], abs=1e-12)


# -- ties --------------------------------------------------------------------------------------------------------


def test_equal_bids_go_to_the_earlier_one():
    assert solve(several([0.01] * 3, weight_max=[0.6] * 3)).weights == pytest.approx([0.6, 0.4, 0.0], abs=1e-9)
    assert solve(several([0.01] * 3, cvar_max=0.04)).weights == pytest.approx([0.5, 0.0, 0.0], abs=1e-9)
    assert solve(several([0.01] * 3, risk_aversion=0.01)).weights == pytest.approx([1.0, 0.0, 0.0], abs=1e-9)


def test_equal_bids_keep_what_is_held_before_the_order_counts():
    answer = solve(several([0.01] * 3, weight_max=[0.6] * 3, current=[0.0, 0.1, 0.5]))
    assert answer.weights == pytest.approx([0.4, 0.1, 0.5], abs=1e-9)
    shared = solve(several([0.01] * 3, scenarios=np.column_stack((FALLING, FALLING)), asset=[0, 1, 1],
                           weight_max=[0.6] * 3, current=[0.0, 0.7], trade_cost=[0.0] * 2))  # fmt: skip
    assert shared.weights == pytest.approx([0.3, 0.6, 0.1], abs=1e-9)


def test_a_bid_worth_nothing_is_left_as_it_is():
    assert solve(problem(mu=[0.0], current=[0.25])).weights == pytest.approx([0.25], abs=1e-12)
    assert solve(problem(mu=[0.0])).weights == pytest.approx([0.0], abs=1e-12)


def test_settling_a_tie_costs_nothing():
    rng = np.random.default_rng(2)
    one = rng.standard_t(4, (300, 6)) * 0.03
    twins = several([0.004, 0.003, 0.002, 0.004, 0.003, 0.001] * 2, scenarios=np.tile(one, 2), risk_aversion=0.02,
                    confidence=0.95, cvar_max=0.03, weight_max=[0.3] * 12)  # fmt: skip
    alone = dataclasses.replace(
        twins, mu=twins.mu[:6], scenarios=one, weight_max=[0.6] * 6, current=[0.0] * 6, trade_cost=[0.0] * 6
    )
    answer = solve(twins)
    assert answer.objective == pytest.approx(solve(alone).objective, abs=1e-12)
    first, second = answer.weights[:6], answer.weights[6:]
    assert (np.minimum(second, 0.3 - first) <= 1e-9).all()  # a later twin only once the earlier is full
    assert worst_excess(twins, answer.weights) <= 1e-9


def test_order_of_the_bids_changes_only_ties():
    rng = np.random.default_rng(5)
    scenarios, mu = rng.standard_t(4, (250, 9)) * 0.03, rng.normal(0.003, 0.002, 9)
    order = rng.permutation(9)
    here = several(mu, scenarios=scenarios, risk_aversion=0.01, confidence=0.95, cvar_max=0.03)
    there = several(mu[order], scenarios=scenarios[:, order], risk_aversion=0.01, confidence=0.95, cvar_max=0.03)
    assert solve(there).weights == pytest.approx(solve(here).weights[order], abs=1e-9)


# -- determinism ---------------------------------------------------------------------------------------------------

SCRIPT = """
import hashlib, numpy as np
from plimsoll.capital.auction import AuctionProblem, solve
rng = np.random.default_rng(11)
digest = hashlib.sha256()
for n, rows in ((12, 400), (90, 300)):
    scenarios = rng.standard_t(4, (rows, n)) * 0.03
    scenarios[:, 1] = scenarios[:, 0]
    mu = rng.normal(0.002, 0.003, n)
    answer = solve(AuctionProblem(mu, scenarios, 0.02, 0.95, 0.02, 1.0, np.full(n, 0.2), [(range(5), 0.3)],
                                  np.full(n, 0.01), np.full(n, 0.0005), [(scenarios[:77] * 2, 0.9, 0.03)]))
    for value in (answer.weights, answer.contributions, answer.objective, answer.cvar, *answer.duals.values()):
        digest.update(np.asarray(value).tobytes())
print(digest.hexdigest())
"""


def test_same_bits_in_processes_with_other_hash_seeds_and_threads():
    seen = set()
    for seed, threads in (("0", "1"), ("1", "2"), ("4242", "4")):
        settings = os.environ | {"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-c", SCRIPT], env=settings, capture_output=True, text=True, check=True)
        seen.add(run.stdout)
    assert len(seen) == 1


def test_an_earlier_solve_leaves_no_trace():
    rng = np.random.default_rng(3)
    first = several([0.002] * 8, scenarios=rng.standard_t(4, (200, 8)) * 0.03, risk_aversion=0.05, confidence=0.95)
    other = several([0.01] * 5, scenarios=rng.standard_t(4, (150, 5)) * 0.05, cvar_max=0.02, confidence=0.95)
    before = solve(first)
    solve(other)
    after = solve(first)
    assert before.weights.tobytes() == after.weights.tobytes()
    assert before.contributions.tobytes() == after.contributions.tobytes()


# -- when it cannot be solved ----------------------------------------------------------------------------------------


def failing(*_):
    raise SolveFailed("Unknown", infeasible=False)


def test_plain_program_stands_in_when_the_cuts_fail(monkeypatch):
    expected = solve(problem(cvar_max=0.04))
    monkeypatch.setattr(auction, "solve_by_cuts", failing)
    answer = solve(problem(cvar_max=0.04))
    assert answer.status == "optimal_lp"
    assert answer.weights == pytest.approx(expected.weights, abs=1e-9)
    assert answer.duals["cvar"] == pytest.approx(expected.duals["cvar"])


def test_a_solution_outside_the_limits_is_not_believed(monkeypatch):
    wrong = Solved(np.array([0.9]), 0.0, 0.0, np.zeros(1), np.zeros(0), np.zeros(0), np.zeros(1))
    monkeypatch.setattr(auction, "solve_by_cuts", lambda form: wrong)
    answer = solve(problem(cvar_max=0.04))
    assert answer.status == "optimal_lp"
    assert answer.weights == pytest.approx([0.5])


def test_a_solution_outside_by_a_hair_is_shrunk(monkeypatch):
    near = Solved(np.array([0.5 + 5e-8]), 0.0, 0.0, np.zeros(1), np.zeros(0), np.zeros(0), np.zeros(1))
    monkeypatch.setattr(auction, "solve_by_cuts", lambda form: near)
    answer = solve(problem(cvar_max=0.04))
    assert answer.status == "optimal"
    assert answer.weights[0] <= 0.5 + 1e-12


@pytest.fixture
def no_solver(monkeypatch):
    monkeypatch.setattr(auction, "solve_by_cuts", failing)
    monkeypatch.setattr(auction, "solve_plain", failing)


@pytest.mark.parametrize(
    ("change", "weight", "binding"),
    [
        ({}, 0.8, ""),
        ({"cvar_max": 0.04}, 0.5, "cvar"),
        ({"gross_max": 0.6}, 0.6, "gross"),
        ({"weight_max": [0.3]}, 0.3, "weight_max[0]"),
        ({"groups": [([0], 0.7), ([0], 0.4)]}, 0.4, "groups[1]"),
        ({"tail_limits": [(FALLING[:, None], 0.9, 0.016)]}, 0.2, "tail_limits[0]"),
        ({"weight_max": [0.3], "cvar_max": 0.008}, 0.1, "cvar"),
        ({"gross_max": 0.0}, 0.0, "gross"),
    ],
)
def test_without_a_solver_the_book_is_scaled_to_the_limit_that_binds(no_solver, change, weight, binding):
    answer = solve(problem(current=[0.8], **change))
    assert (answer.status, answer.binding) == ("scaled", binding)
    assert answer.weights == pytest.approx([weight], abs=1e-12)
    assert answer.cvar == pytest.approx(0.08 * weight, abs=1e-12)
    assert not any(np.any(price) for price in answer.duals.values())


def test_a_scaled_book_splits_an_asset_by_the_caps_of_its_bids(no_solver):
    p = problem(mu=[0.01] * 3, asset=[0, 0, 1], scenarios=np.column_stack((FALLING, FALLING)),
                weight_max=[0.3, 0.1, 0.0], current=[0.2, 0.1], trade_cost=[0.0] * 2)  # fmt: skip
    assert solve(p).weights == pytest.approx([0.15, 0.05, 0.0])


def test_a_limit_that_even_cash_breaks_is_named():
    answer = solve(problem(current=[0.5], tail_limits=[(FALLING[:, None], 0.9, -0.01)]))
    assert (answer.status, answer.binding) == ("scaled", "tail_limits[0]")
    assert not answer.weights.any()


def test_a_sure_gain_can_be_demanded_where_the_market_has_one():
    gains = 0.02 - FALLING[:, None] * 0.0
    assert solve(problem(mu=[-0.01], scenarios=gains, cvar_max=-0.01)).weights == pytest.approx([0.5], abs=1e-9)


# -- the checker ----------------------------------------------------------------------------------------------------


def test_the_checker_measures_every_limit():
    twins = np.repeat(FALLING[:, None], 2, axis=1)
    p = several([0.01, 0.01], groups=[([0], 0.1)], pairs=[(0, 1, 0.2)], cvar_max=0.01,
                tail_limits=[(twins, 0.95, 0.02)], weight_max=[0.25, 0.35])  # fmt: skip
    found = {r.limit: (round(r.measured, 12), r.cap) for r in readings(p, np.array([0.3, 0.3]))}
    assert found == {
        "weight_max[0]": (0.3, 0.25), "long_only[0]": (-0.3, 0.0), "gross": (0.6, 1.0), "groups[0]": (0.3, 0.1),
        "pairs[0]": (0.6, 0.2), "cvar": (0.048, 0.01), "tail_limits[0]": (0.06, 0.02),
    }  # fmt: skip


def test_the_checker_passes_nothing_it_cannot_measure():
    assert worst_excess(problem(), np.array([nan])) == inf
    assert worst_excess(problem(), np.array([-0.1])) == pytest.approx(0.1)
    assert worst_excess(problem(), np.array([1.0])) == 0.0


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"mu": [nan]}, "mu[0]"),
        ({"mu": [inf]}, "mu[0]"),
        ({"mu": [[0.01]]}, "mu has shape"),
        ({"mu": ["x"]}, "mu does not hold numbers"),
        ({"mu": [0.01, 0.02]}, "2 bids"),
        ({"scenarios": FALLING}, "scenarios has shape"),
        ({"scenarios": np.zeros((0, 1))}, "scenarios has shape"),
        ({"scenarios": np.where(FALLING > 0.049, nan, FALLING)[:, None]}, "scenarios[19, 0]"),
        ({"scenarios": np.where(FALLING > 0.049, inf, FALLING)[:, None]}, "scenarios[19, 0]"),
        ({"scenarios": np.where(FALLING > 0.049, 1e200, FALLING)[:, None]}, "scenarios[19, 0] is 1e+200"),
        ({"mu": [1e308]}, "mu[0] is 1e+308"),
        ({"cvar_max": 1e30}, "cvar_max is 1e+30"),
        ({"current": [2e9]}, "current[0]"),
        ({"risk_aversion": -0.1}, "risk_aversion"),
        ({"risk_aversion": inf}, "risk_aversion"),
        ({"risk_aversion": None}, "risk_aversion"),
        ({"confidence": 0.0}, "confidence"),
        ({"confidence": 1.0}, "confidence"),
        ({"confidence": nan}, "confidence"),
        ({"cvar_max": nan}, "cvar_max"),
        ({"cvar_max": -inf}, "cvar_max"),
        ({"gross_max": -0.1}, "gross_max"),
        ({"gross_max": nan}, "gross_max"),
        ({"gross_max": inf, "weight_max": [inf]}, "infinite"),
        ({"weight_max": [-0.1]}, "weight_max[0]"),
        ({"weight_max": [nan]}, "weight_max[0]"),
        ({"weight_max": [0.1, 0.1]}, "weight_max has shape"),
        ({"current": [-0.1]}, "current[0]"),
        ({"current": [nan]}, "current[0]"),
        ({"trade_cost": [-0.001]}, "trade_cost[0]"),
        ({"groups": [([1], 0.1)]}, "groups[0] member"),
        ({"groups": [(np.array([1]), 0.1)]}, "groups[0] member"),
        ({"groups": [(np.array([-1]), 0.1)]}, "groups[0] member"),
        ({"groups": [([0], -0.1)]}, "groups[0] cap"),
        ({"groups": [([0.0], 0.1)]}, "groups[0] member"),
        ({"pairs": [(0, 0, 0.1)]}, "pairs[0]"),
        ({"pairs": [(0, 1, 0.1)]}, "pairs[0] second"),
        ({"tail_limits": [(np.zeros((5, 2)), 0.9, 0.1)]}, "tail_limits[0] has 2 columns"),
        ({"tail_limits": [(np.zeros((5, 1)), 1.5, 0.1)]}, "tail_limits[0] confidence"),
        ({"tail_limits": [(np.zeros((5, 1)), 0.9, nan)]}, "tail_limits[0] cvar_max"),
        ({"asset": [1]}, "asset reaches"),
        ({"asset": [0, 0]}, "asset has shape"),
        ({"asset": [0.0]}, "asset has shape"),
    ],
)
def test_a_malformed_problem_is_refused_by_name(change, names):
    with pytest.raises(InputError) as refused:
        solve(problem(**change))
    assert names in refused.value.problem
    assert refused.value.remedy
