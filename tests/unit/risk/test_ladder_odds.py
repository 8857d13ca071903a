"""The expected firings of the ladder: against a closed form, and in the direction each setting must push them."""

from __future__ import annotations

import math

import msgspec
import pytest
from msgspec.structs import replace

from plimsoll.core.policy import CvarPolicy, LadderPolicy, Policy, Rung
from plimsoll.risk.ladder_odds import ladder_odds, often


def with_ladder(**fields: object) -> Policy:
    return Policy(ladder=msgspec.structs.replace(LadderPolicy(), **fields))


def test_volatility_is_the_one_whose_tail_meets_the_budget() -> None:
    odds = ladder_odds(Policy(), paths=400, years=4, degrees_of_freedom=200.0)
    # nearly normal shocks: CVaR at 95 % is 2.0627 sigma; the 10-session budget binds at 0.045 / (2.0627 sqrt(10))
    assert odds.volatility == pytest.approx(0.045 / (2.0627 * math.sqrt(10)) * math.sqrt(252), rel=0.02)


def test_a_rung_on_the_running_peak_fires_as_often_as_theory_says() -> None:
    """One rung that only waits: its peak is rebased a session after each firing, so firings form a renewal process.

    Without drift the mean time for a Brownian path to fall a fraction below its running maximum is
    (threshold / sigma)^2 years, with sigma annual (Lehoczky 1977, no drift; threshold in log terms).
    """
    rung = Rung(name="only", threshold=0.10, level=1, no_new_risk=True, cooldown=1, reentry="automatic")
    flat = CvarPolicy(drawdown_floor=1.0, budget_10=0.06)  # budgets that never shrink
    policy = msgspec.structs.replace(Policy(), cvar=flat, ladder=LadderPolicy(rungs=(rung,)))
    odds = ladder_odds(policy, paths=1500, years=8, degrees_of_freedom=100.0)
    expected = (odds.volatility / -math.log(0.9)) ** 2
    # daily monitoring overshoots the barrier by 0.5826 daily sigmas (Broadie, Glasserman & Kou 1997)
    barrier = -math.log(0.9) + 0.5826 * odds.volatility / math.sqrt(252)
    assert odds.rungs[0].per_year == pytest.approx(expected * (-math.log(0.9) / barrier) ** 2, rel=0.08)


def test_core_fires_its_eight_percent_rung_less_than_once_a_year_and_lower_rungs_more_often() -> None:
    rungs = {r.rung: r for r in ladder_odds(Policy()).rungs}
    assert rungs["level_2"].per_year < 1.0
    assert rungs["level_1"].per_year > rungs["level_2"].per_year > rungs["panic"].per_year > rungs["level_3"].per_year
    assert not any(r.warning for r in rungs.values())


def test_budgets_too_large_for_the_ladder_are_warned_of_at_its_first_interrupting_rung() -> None:
    loud = msgspec.structs.replace(Policy(), cvar=CvarPolicy(budget_1=0.05, hard_1=0.06, budget_10=0.15, hard_10=0.2))
    rungs = {r.rung: r for r in ladder_odds(loud).rungs}
    assert rungs["level_2"].per_year > 1.0
    assert [name for name, r in rungs.items() if r.warning] == ["level_2"]


def test_the_mandate_ends_an_account_at_most_once() -> None:
    loud = msgspec.structs.replace(Policy(), cvar=CvarPolicy(budget_1=0.2, hard_1=0.3, budget_10=0.5, hard_10=0.6))
    odds = ladder_odds(loud, paths=200, years=4)
    mandate = odds.rungs[-1]
    assert mandate.per_year > 0.0
    lived = 200 / mandate.per_year  # years, if every account ended
    assert lived <= 200 * 4


def test_the_same_seed_gives_the_same_odds_and_another_seed_others() -> None:
    first, again = (ladder_odds(Policy(), paths=100, years=2) for _ in range(2))
    assert first == again
    assert ladder_odds(Policy(), paths=100, years=2, seed=21) != first


def test_the_warning_is_a_sentence_of_every_result() -> None:
    """What `config show` warns of is said beside a backtest's figures too (U7)."""
    loud = replace(Policy(), cvar=replace(Policy().cvar, budget_1=0.021, budget_10=0.059))
    (said,) = often(loud)
    (rung,) = [r for r in ladder_odds(loud).rungs if r.warning]
    assert rung.warning in said and rung.rung in said
    assert often(Policy()) == []
    assert often(replace(loud, ladder=replace(loud.ladder, enabled=False))) == []
