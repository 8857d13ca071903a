"""Words of a book's standing: every limit has some, and they follow what stands (R1, R3, R4, R8)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.analysis import risk
from plimsoll.analysis.headroom import held_weights, order_weights
from plimsoll.analysis.past_session import Past
from plimsoll.capital.scenarios import build
from plimsoll.core.events import Proof
from plimsoll.core.panel import View
from plimsoll.core.policy import GatePolicy, Policy
from plimsoll.measures.cvar import cvar

PROOF = Proof(2, "h" * 64, True)


@pytest.fixture(scope="module")
def trial(make_market: Callable[..., Any], backtested: Callable[..., Any]) -> Any:
    return backtested(make_market(seed=2, rows=760, crash=0.012, at=420), Policy(), capital=10_000_000)


@pytest.fixture
def stand(trial: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., risk.RiskStanding]:
    """``stand(record, policy=…, history=…)``: the standing of a record, of the trial where nothing else is given."""
    monkeypatch.setattr(risk, "case", lambda past: past)
    monkeypatch.setattr(risk, "book_restraints", lambda case: ("told",))

    def of(record: Any, policy: Policy | None = None, history: Any = None) -> risk.RiskStanding:
        from plimsoll.engine.run_context import RunContext

        desk = trial.run if policy is None else RunContext(policy, (), trial.history.panel.instruments)
        passage: Any = SimpleNamespace(record=record)
        reader: Any = SimpleNamespace(name="run-x", run="run-x", proof=PROOF)
        return risk.standing(Past(reader, passage, None, history or trial.history, desk))

    return of


def some(trial: Any, **wanted: Any) -> Any:
    return next(r for r in trial.ledger.records if any(r.held) and any(r.lots) == wanted.get("orders", False))


def test_the_closest_limit_comes_first_and_each_has_words(trial: Any, stand: Callable[..., risk.RiskStanding]) -> None:
    found = stand(some(trial, orders=True))
    uses = [one.use for one in found.limits if one.use is not None]
    assert uses == sorted(uses, reverse=True)
    assert {"cvar_1", "cvar_10", "gross", "turnover", "stressed_1"} <= {one.name for one in found.limits}
    assert all(one.what and one.consequence and one.loosens and one.unit for one in found.limits)


def test_components_sum_to_the_book_and_shares_to_one(trial: Any, stand: Callable[..., risk.RiskStanding]) -> None:
    record = some(trial)
    found = stand(record)
    for h in (1, 10):
        mine = [c for c in found.contributions if c.horizon == h]
        assert sum(c.component or 0.0 for c in mine) == pytest.approx(record.figures[f"cvar_{h}"], rel=1e-9)
        assert sum(c.share or 0.0 for c in mine) == pytest.approx(1.0)
        tail = next(t for t in found.tails if (t.estimator, t.horizon) == ("Filtered historical", h))
        assert tail.cvar == pytest.approx(record.figures[f"cvar_{h}"], rel=1e-12)
        assert tail.low is not None and tail.high is not None and tail.low < tail.cvar < tail.high


def test_a_fall_to_the_named_value_is_the_rungs_drawdown(trial: Any, stand: Callable[..., risk.RiskStanding]) -> None:
    found = stand(some(trial))
    for rung in found.ladder:
        assert found.nav - rung.fall_usd == pytest.approx(rung.at_nav)
        assert found.nav * (1.0 - rung.fall) == pytest.approx(rung.at_nav)
        assert rung.drawdown is not None
        assert 1.0 - rung.at_nav / (found.nav / (1.0 - rung.drawdown)) == pytest.approx(rung.threshold)


def test_an_unmeasured_limit_is_unknown_and_not_inside(trial: Any, stand: Callable[..., risk.RiskStanding]) -> None:
    record = some(trial)
    found = stand(msgspec.structs.replace(record, figures={**record.figures, "cvar_1": None}))
    one = next(o for o in found.limits if o.name == "cvar_1")
    assert (one.verdict, one.measured, one.use, one.headroom_usd) == ("unknown", None, None, None)
    assert found.limits[0].use is None and not found.inside


def test_a_gate_that_is_off_is_said_to_be(trial: Any, stand: Callable[..., risk.RiskStanding]) -> None:
    record = some(trial)
    policy = msgspec.structs.replace(Policy(), gates=GatePolicy(off=("cvar",)))
    found = stand(msgspec.structs.replace(record, figures={**record.figures, "cvar_1": 0.9}), policy)
    verdicts = {o.name: o.verdict for o in found.limits}
    assert verdicts["cvar_1"] == verdicts["cvar_hard_1"] == "off" and verdicts["gross"] == "within"


def test_what_loosens_a_budget_names_what_shrank_it(trial: Any, stand: Callable[..., risk.RiskStanding]) -> None:
    calm = some(trial)
    regime = msgspec.structs.replace(calm.regime, stress=True)
    fallen = msgspec.structs.replace(calm, regime=regime, figures={**calm.figures, "drawdown_lifetime": 0.13})
    plain = next(o for o in stand(calm).limits if o.name == "cvar_1").loosens
    both = next(o for o in stand(fallen).limits if o.name == "cvar_1").loosens
    assert "50%" in both and "crisis regime" in both and "recovery" in both
    assert "crisis regime" not in plain and "recovery" not in plain


def test_a_drift_above_a_budget_is_no_breach_and_a_hard_limit_passed_is(
    trial: Any, stand: Callable[..., risk.RiskStanding]
) -> None:
    record = some(trial)
    between = (record.limits["cvar_budget_1"] + record.limits["cvar_hard_1"]) / 2.0
    for measured, kept in ((between, True), (record.limits["cvar_hard_1"] * 1.01, False)):
        found = stand(msgspec.structs.replace(record, figures={**record.figures, "cvar_1": measured}))
        assert next(o for o in found.limits if o.name == "cvar_1").verdict == "above"
        assert found.inside is kept


def test_a_holding_without_a_bar_of_the_session_is_named_and_not_inside(
    make_market: Callable[..., Any], backtested: Callable[..., Any], trial: Any, stand: Callable[..., risk.RiskStanding]
) -> None:
    record = some(trial)
    assert stand(record).stale == () and stand(record).inside
    panel = trial.history.panel
    row, held = panel.sessions.dates.index(record.session), record.symbols[int(np.flatnonzero(record.held)[0])]
    fresh = panel.fresh.copy()
    unheld = next(s for s in panel.symbols if s not in record.symbols or not record.held[record.symbols.index(s)])
    fresh[row, [panel.column[held], panel.column[unheld]]] = False
    late = backtested(make_market(seed=2, rows=760, crash=0.012, at=420, fresh=fresh), Policy(), capital=10_000_000)
    found = stand(next(r for r in late.ledger.records if r.session == record.session), history=late.history)
    assert found.stale == (held,) and not found.inside
    assert all(one.verdict == "within" for one in found.limits if one.binds == "held")


def test_the_stressed_limit_names_the_set_that_hurts_the_book_most(
    trial: Any, stand: Callable[..., risk.RiskStanding]
) -> None:
    record = some(trial, orders=True)
    found = stand(record)
    named = {one.name: one.on for one in found.limits if one.on}
    assert set(named) == {"stressed_1", "stressed_10"}
    view = View(trial.history, trial.history.panel.sessions.row_at_or_after(record.session))
    held = held_weights(record, trial.run)
    columns = np.flatnonzero((held != 0.0) | (order_weights(record, trial.run) != 0.0)).astype(np.int64)
    sets = build(view, columns, trial.run.policy, stressed=True).stressed
    for h in (1, 10):
        by_name = {one.name: cvar(-one.returns[h] @ held[columns], one.confidence[h]) for one in sets}
        assert by_name[named[f"stressed_{h}"]] == pytest.approx(max(by_name.values()), rel=1e-12)
    told = next(one for one in found.limits if one.name == "stressed_10")
    assert "stressed CVaR (" in told.what
