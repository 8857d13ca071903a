"""A desk and accounts for the engine's small tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plimsoll.core.decision import Carried, Share, TargetPortfolio
from plimsoll.core.panel import History, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State
from plimsoll.engine.history import history_of
from plimsoll.engine.run_context import RunContext

ROW = 300


@pytest.fixture(scope="session")
def history(make_market: Callable[..., Panel]) -> History:
    return history_of(make_market(1, 330), Policy())


@pytest.fixture
def view(history: History) -> View:
    return View(history, ROW)


@pytest.fixture
def run(history: History) -> RunContext:
    return RunContext(Policy(), (), history.panel.instruments)


@pytest.fixture
def account(history: History) -> Callable[..., State]:
    """``account(SPY=10, cash=…)`` holds lots bought at the mark of the tests' row."""

    def opened(cash: int = 10_000_000, carried: Carried | None = None, **lots: int) -> State:
        panel = history.panel
        held = np.array([lots.get(s.replace("-", "_").replace("^", ""), 0) for s in panel.symbols], dtype=np.int64)
        cost = np.where(held != 0, panel.close[ROW], np.nan)
        return State(panel.symbols, held, cost, cash, carried or Carried(ladder=LadderState(cash, cash)))

    return opened


@pytest.fixture
def under(account: Callable[..., State], view: View) -> Callable[..., State]:
    """``under({symbol: weight}, held…)``: an account whose standing target portfolio no auction will change today."""

    def made(target: dict[str, float], cash: int = 10_000_000, confidence: float = 0.9, **lots: int) -> State:
        portfolio = TargetPortfolio(
            view.day, tuple(Share("s", k, v) for k, v in target.items()), dict.fromkeys(target, confidence),
            dict.fromkeys(target, 0.005), dict.fromkeys(target, 0.5),
        )  # fmt: skip
        return account(cash, Carried(ladder=LadderState(cash, cash), portfolio=portfolio), **lots)

    return made


@pytest.fixture
def decided(history: History) -> Callable[..., Any]:
    """``decided(state, *strategies, policy=…)`` is the record of the tests' row."""
    from plimsoll.engine.cycle import decide

    def record(state: State, *strategies: Any, policy: Policy | None = None) -> Any:
        chosen = policy or Policy()
        given = history_of(history.panel, chosen) if policy else history
        return decide(View(given, ROW), state, RunContext(chosen, strategies, history.panel.instruments)).record

    return record
