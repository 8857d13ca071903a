"""What a policy takes away is said (U7): each way to switch a protection off, and nothing of a whole policy."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from plimsoll.core.policy import GatePolicy, LadderPolicy, Policy, VetoPolicy
from plimsoll.core.protections import taken_away

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


def test_what_is_said_follows_the_policys_own_limit() -> None:
    policy = Policy(ladder=LadderPolicy(rungs=()))
    policy = replace(policy, vetoes=replace(policy.vetoes, drawdown_max=0.12))
    assert "12%" in taken_away(policy)[0]
