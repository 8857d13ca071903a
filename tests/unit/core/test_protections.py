"""What a policy takes away is said (U7): each way to switch a protection off, and nothing of a whole policy."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from plimsoll.core.policy import GatePolicy, LadderPolicy, Policy, VetoPolicy
from plimsoll.core.protections import taken_away
from plimsoll.store.policy_file import load

RUNGS = LadderPolicy().rungs
ALL = VetoPolicy().enabled


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Policy(), ()),
        (Policy(ladder=LadderPolicy(enabled=False)), ("switched off, and the veto DRAWDOWN_LIMIT with it",)),
        (Policy(ladder=LadderPolicy(rungs=())), ("has no rung", "18%")),
        (Policy(ladder=LadderPolicy(rungs=RUNGS[:-1])), ("ends the mandate", "18%")),
        (Policy(ladder=LadderPolicy(rungs=RUNGS[:1])), ("stops new risk", "liquidates", "ends the mandate")),
        (Policy(vetoes=VetoPolicy(enabled=())), ("vetoes switched off: every one",)),
        (Policy(vetoes=VetoPolicy(enabled=ALL[1:])), (f"vetoes switched off: {ALL[0]}",)),
        (Policy(gates=GatePolicy(off=("pair", "cash"))), ("gates switched off: pair, cash",)),
        (
            Policy(ladder=LadderPolicy(rungs=()), vetoes=VetoPolicy(enabled=())),
            ("no drawdown at all", "every one"),
        ),
    ],
)
def test_each_protection_that_is_off_is_said(policy: Policy, said: tuple[str, ...]) -> None:
    told = "; ".join(taken_away(policy))
    assert bool(told) is bool(said)
    for words in said:
        assert words in told


BASE = Policy()
NEVER: dict[str, tuple[str, dict[str, float], str]] = {
    "stops": ("stops", {"exit_default": 1.0}, "stops are at a loss of 100 %"),
    "stops of crypto": ("stops", {"exit_crypto": 1.0}, "stops of crypto"),
    "hard limit": ("cvar", {"hard_10": 1.0}, "a hard limit on CVaR"),
    "budget": ("cvar", {"budget_1": 1.0}, "a CVaR budget"),
    "floor": ("cvar", {"drawdown_floor": 1.0}, "no drawdown makes"),
    "regime": ("regime", {"budget_scale": 1.0}, "the crisis regime"),
    "pairs": ("correlation", {"pair_stock": 1.0, "pair_fund": 1.0}, "the pair limit"),
    "warnings": ("vetoes", {"warning_scale": 1.0}, "do not halve"),
    "drawdown veto": ("vetoes", {"drawdown_max": 1.0}, "DRAWDOWN_LIMIT is at"),
}


@pytest.mark.parametrize("what", NEVER)
def test_a_figure_that_nothing_passes_is_said(what: str) -> None:
    section, values, words = NEVER[what]
    for at, said in ((1.0, True), (0.99, False)):
        changed = replace(getattr(BASE, section), **{k: v * at for k, v in values.items()})
        told = taken_away(replace(BASE, **{section: changed}))
        assert any(words in line for line in told) is said


def test_a_rung_a_stop_or_a_stressed_set_that_is_not_there_is_said() -> None:
    rungs = (*RUNGS[:-1], replace(RUNGS[-1], threshold=1.0))
    assert any("mandate" in line for line in taken_away(Policy(ladder=LadderPolicy(rungs=rungs))))
    assets = BASE.limits.assets | {"SPY": replace(BASE.limits.assets["SPY"], stop=1.0)}
    assert any("SPY" in line for line in taken_away(replace(BASE, limits=replace(BASE.limits, assets=assets))))
    unmeasured = replace(BASE, cvar=replace(BASE.cvar, stress_windows=(), stress_worst=0))
    assert any("no stressed set" in line for line in taken_away(unmeasured))


@pytest.mark.parametrize("profile", ["core", "institutional", "small-live", "micro"])
def test_no_profile_takes_a_protection_away(profile: str) -> None:
    assert taken_away(load(profile).policy) == ()


def test_what_is_said_follows_the_policys_own_limit() -> None:
    policy = Policy(ladder=LadderPolicy(rungs=()))
    policy = replace(policy, vetoes=replace(policy.vetoes, drawdown_max=0.12))
    assert "12%" in taken_away(policy)[0]
