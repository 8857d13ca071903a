"""What an ablation need not run is what cannot differ: proven by running it, and the rest is run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plimsoll.core.policy import Policy
from plimsoll.research.ablation import Bound, gate_variants, needless, variants
from plimsoll.risk.gates import GATES

NOTHING = Bound(frozenset(), frozenset(), frozenset())


def test_what_equals_the_policy_is_not_run_and_the_base_is() -> None:
    one = msgspec.structs.replace(
        Policy(), strategies=msgspec.structs.replace(Policy().strategies, enabled=("core_trend",))
    )
    why = {v.name: needless(v, one, NOTHING) for v in variants(one)}
    assert why["base"] == ""
    assert why["hurdle 0.1"] == why["only core_trend"] == "as it is in the policy"
    assert why["hurdle 0.2"] == why["cvar budgets"] == why["vix rules"] == why["bands"] == ""


@pytest.mark.parametrize(
    ("bound", "run"),
    [
        (NOTHING, set()),
        (Bound(frozenset({"stressed_10", "cvar_1"}), frozenset(), frozenset()), {"gate stressed", "gate cvar"}),
        (Bound(frozenset(), frozenset({"MODEL_DECAY"}), frozenset()), {"veto MODEL_DECAY", "vetoes"}),
        (Bound(frozenset(), frozenset({"DRAWDOWN_LIMIT"}), frozenset()), {"veto DRAWDOWN_LIMIT", "vetoes", "ladder"}),
        (Bound(frozenset(), frozenset(), frozenset({"LADDER_RUNG"})), {"ladder"}),
        (Bound(frozenset(), frozenset(), frozenset({"STOP_EXITED"})), {"stops"}),
    ],
)
def test_a_rule_that_never_acted_is_not_run_and_one_that_did_is(bound: Bound, run: set[str]) -> None:
    policy = Policy()
    tried = [*variants(policy), *gate_variants(policy, GATES)]
    asked = {v.name for v in tried if v.name.split()[0] in ("gate", "veto", "vetoes", "ladder", "stops")}
    assert {v.name for v in tried if not needless(v, policy, bound)} & asked == run


def test_a_variant_that_is_not_run_would_have_decided_the_same(make_market: Any, backtested: Any) -> None:
    panel, policy = make_market(seed=2, rows=520, crash=0.012, at=420), Policy()
    base = backtested(panel, policy)
    gates = frozenset(f.gate for r in base.records for f in r.findings)
    bound = Bound(gates, frozenset(base.tally.vetoes), frozenset(e.kind for e in base.tally.events))
    tried = [*variants(policy), *gate_variants(policy, GATES)]
    skipped = [v for v in tried if needless(v, policy, bound) and v.policy != policy]
    assert 5 < len(skipped) < len(tried) - 15
    assert len(base.tally.fills) > 10
    for variant in skipped[::4]:
        assert backtested(panel, variant.policy).tally.fills == base.tally.fills, variant.name


def test_without_the_ladder_nothing_of_it_is_left() -> None:
    off = next(v for v in variants(Policy()) if v.name == "ladder").policy
    assert not off.ladder.enabled and "DRAWDOWN_LIMIT" not in off.vetoes.enabled
    assert len(off.vetoes.enabled) == len(Policy().vetoes.enabled) - 1
