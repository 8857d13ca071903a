"""A correction that arrives after a split of what is no longer held is in the units of its own session (X3, D12)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.core.events import FillCorrected, Split
from plimsoll.core.inputs import OrderHappened
from plimsoll.core.order import Fill
from plimsoll.core.policy import GovernorPolicy, Policy
from plimsoll.core.state import State, apply, open_account
from plimsoll.engine.driver import Driver, RunState
from plimsoll.engine.governed import governor_of
from plimsoll.engine.history import history_of

BOUGHT, SOLD, SPLIT, NOW = 346, 347, 348, 350
POLICY = replace(Policy(), governor=GovernorPolicy(recorded=True))


class World:
    """A run that bought GLD and sold it, before a split of it that no one of its holdings showed."""

    def __init__(self, market: Any, backtested: Any) -> None:
        panel = market(2, 380)
        split = panel.split.copy()
        split[SPLIT, panel.column["GLD"]] = 4.0
        self.panel = dataclasses.replace(panel, split=split)
        trial = backtested(self.panel, POLICY, first=345, last=352)
        self.run, self.dates = trial.run, panel.sessions.dates
        self.history = history_of(self.panel, POLICY)
        self.records = {e.session: e for e in trial.records}
        self.empty = open_account(trial.ledger.written[0])

    def fill(self, execution: str, row: int, lots: int) -> Fill:
        return Fill(f"order {execution[:2]}", execution, self.dates[row], "GLD", lots, 100.0, 10_000 * lots, 0, 0, 0)

    def traded(self, lots: int) -> State:
        """Bought ``lots`` and sold 20."""
        state = apply(self.empty, self.fill("e1", BOUGHT, lots)) if lots else self.empty
        return apply(state, self.fill("e2", SOLD, -20))


@pytest.fixture(scope="module")
def world(make_market: Any, backtested: Any) -> World:
    return World(make_market, backtested)


def held(state: State) -> int:
    return int(state.lots[state.symbols.index("GLD")])


@pytest.mark.parametrize("lots", [0, 25, 30])
def test_what_it_moves_is_what_a_split_of_the_right_holding_would_have_left(world: World, lots: int) -> None:
    driver, day = Driver(world.history, world.run), world.dates[NOW]
    state = RunState(world.traded(20), None, day)
    right = world.fill("e1 again", BOUGHT, lots) if lots else None
    step = driver.step(state, OrderHappened(FillCorrected(day, "GLD", "e1", right)))
    assert [type(e) for e in step.events] == [Split, FillCorrected]
    knew = world.traded(lots)
    knew = apply(knew, Split(world.dates[SPLIT], "GLD", held(knew) * 4, 4.0))
    assert held(step.state.account) == held(knew) == 4 * (lots - 20)
    assert step.state.account.cash == knew.cash
    again = driver.step(step.state, OrderHappened(FillCorrected(day, "GLD", "e2", None)))
    assert [type(e) for e in again.events] == [FillCorrected] and held(again.state.account) == 4 * lots


def test_a_late_report_is_converted_too_and_one_of_after_the_split_is_not(world: World) -> None:
    driver, day = Driver(world.history, world.run), world.dates[NOW]
    for row, lots in ((BOUGHT, 28), (SPLIT, 7), (NOW, 7)):
        step = driver.step(RunState(world.empty, None, day), OrderHappened(world.fill("late", row, 7)))
        assert held(step.state.account) == lots and len(step.events) == (2 if row == BOUGHT else 1)
    splits = step.state.account.splits
    assert not splits and apply(world.traded(20), Split(world.dates[SPLIT], "GLD", 0, 4.0, unheld=True)).cash


def test_the_governor_counts_the_same(world: World) -> None:
    governor, account, day = governor_of(world.run, world.history), world.empty, world.dates[NOW]
    assert governor is not None
    by_row = {BOUGHT: ("e1", 20), SOLD: ("e2", -20)}
    for row in range(BOUGHT, NOW + 1):
        governor.opened(account, world.records[world.dates[row - 1]], ())
        if row in by_row:
            fill = world.fill(by_row[row][0], row, by_row[row][1])
            governor.gate.booked(fill)
            account = apply(account, fill)
    governor.gate.booked(FillCorrected(day, "GLD", "e1", world.fill("e1 again", BOUGHT, 25)))
    governor.gate.booked(Split(world.dates[SPLIT], "GLD", 0, 4.0, unheld=True))
    assert governor.gate.governor.positions["GLD"] == 20 * 10**12
