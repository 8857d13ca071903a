"""A small governed run, as a report sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plimsoll.core.events import Proof
from plimsoll.core.policy import Policy
from plimsoll.engine.span import Span, genesis_of
from plimsoll.reports.recorded import recorded
from plimsoll.reports.report_data import Hurdle, ReportData
from plimsoll.reports.result import result_of

CAPITAL = 10_000_000


def _material(panel: Any, backtested: Callable[..., Any], policy: Policy, **given: Any) -> ReportData:
    trial = backtested(panel, policy, capital=CAPITAL, **given)
    run = recorded(trial.ledger.events())
    first = panel.sessions.row_at_or_after(run.genesis.start)
    span = Span(first, len(panel.sessions) - 1)
    genesis = genesis_of(trial.history, trial.run, span, capital=CAPITAL, mode="backtest", operator="simulated")
    result = result_of(
        run="backtest-x", genesis=genesis, history=trial.history, policy=policy, tally=run.tally, first=first,
        decisions_hash="d" * 64,
    )  # fmt: skip
    return ReportData(
        run=run, result=result, history=trial.history, policy=policy, policy_known=True, first=first,
        proof=Proof(9, "h" * 64, True), command="plimsoll backtest", version="0",
        hurdles=(Hurdle(0.1, result.metrics, 0.5),),
    )  # fmt: skip


@pytest.fixture(scope="session")
def material_of(backtested: Callable[..., Any]) -> Callable[..., ReportData]:
    """``material_of(panel, policy, **given)``: a backtest of the panel, read back from its events."""
    return lambda panel, policy=None, **given: _material(panel, backtested, policy or Policy(), **given)


@pytest.fixture(scope="session")
def material(make_market: Callable[..., Any], material_of: Callable[..., ReportData]) -> ReportData:
    """A run of two years with a crash in it."""
    return material_of(make_market(seed=2, rows=760, crash=0.012, at=420))
