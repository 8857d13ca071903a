"""No decision can see past its row, and none depends on when an account was opened (F2, E4, U9)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.panel import FIELDS, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.core.state import State, apply, open_account
from plimsoll.engine.cycle import decide
from plimsoll.engine.history import history_of
from plimsoll.engine.run_context import RunContext
from plimsoll.store import codec

FIRST, ROWS = 260, 440
BASE = Policy()
POLICY = replace(BASE, auction=replace(BASE.auction, schedule="week_end"), stops=replace(BASE.stops, trailing=True))


@pytest.fixture(scope="module")
def lived(make_market: Callable[..., Panel], backtested: Callable[..., Any]) -> tuple[Any, dict[int, State]]:
    """A run through a crash, and the state before each of its decisions."""
    trial = backtested(make_market(5, ROWS, crash=0.008, at=330), POLICY, first=FIRST)
    genesis, *events = trial.ledger.written
    state, before, row = open_account(genesis), {}, FIRST
    for event in events:
        if type(event).__name__ == "CycleRecord":
            before[row] = state
            row += 1
        state = apply(state, event)
    return trial, before


def blinded(panel: Panel, row: int, seed: int, how: str) -> Panel:
    """The panel with everything after ``row`` replaced: by nothing, by noise, by another market, or cut off."""
    rng = np.random.default_rng(seed)
    if how == "cut":
        kept = slice(0, row + 1)
        days = panel.sessions.days
        following = int(days[row + 1]) if row + 1 < days.size else panel.sessions.next_day
        sessions = dataclasses.replace(
            panel.sessions, days=days[kept], opens=panel.sessions.opens[kept], closes=panel.sessions.closes[kept],
            next_day=following,
        )  # fmt: skip
        fields = {name: getattr(panel, name)[kept] for name in (*FIELDS, "fresh", "macro")}
        return dataclasses.replace(panel, sessions=sessions, **fields)
    fields = {}
    for name in (*FIELDS, "macro"):
        values = np.array(getattr(panel, name))
        after = values[row + 1 :]
        if how == "nothing":
            after[:] = np.nan
        elif how == "noise":
            after[:] = rng.lognormal(0.0, 3.0, after.shape)
        else:
            after *= rng.lognormal(0.0, 0.1, after.shape)
        fields[name] = values
    fresh = np.array(panel.fresh)
    fresh[row + 1 :] = rng.random(fresh[row + 1 :].shape) < 0.5
    return dataclasses.replace(panel, fresh=fresh, **fields)


CHANGES = ("cut", "nothing", "noise", "other")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(FIRST, ROWS - 1), seed=st.integers(0, 999), how=st.sampled_from(CHANGES))
def test_the_record_of_a_session_is_the_same_bytes_whatever_follows_it(
    lived: tuple[Any, dict[int, State]], row: int, seed: int, how: str
) -> None:
    trial, before = lived
    panel = blinded(trial.history.panel, row, seed, how)
    desk = RunContext(POLICY, trial.run.strategies, panel.instruments)
    again = decide(View(history_of(panel, POLICY), row), before[row], desk).record
    assert codec.encode(again) == codec.encode(trial.records[row - FIRST])


@pytest.mark.parametrize(("row", "how"), [(300, "noise"), (341, "nothing"), (372, "other")])
def test_a_whole_run_up_to_a_session_is_the_same_journal_whatever_follows_it(
    lived: tuple[Any, dict[int, State]], backtested: Callable[..., Any], row: int, how: str
) -> None:
    trial, _ = lived
    panel = trial.history.panel
    plain = backtested(panel, POLICY, first=FIRST, last=row)
    changed = backtested(blinded(panel, row, 1, how), POLICY, first=FIRST, last=row)
    assert changed.ledger.lines == plain.ledger.lines
    assert changed.ledger.lines[1:] == trial.ledger.lines[1 : len(changed.ledger.lines)]


def test_the_past_does_matter(lived: tuple[Any, dict[int, State]]) -> None:
    """The check above can fail: a change on the decision's own row is seen."""
    trial, before = lived
    row = 300
    panel = blinded(trial.history.panel, row - 1, 3, "noise")
    desk = RunContext(POLICY, trial.run.strategies, panel.instruments)
    again = decide(View(history_of(panel, POLICY), row), before[row], desk).record
    assert codec.encode(again) != codec.encode(trial.records[row - FIRST])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(FIRST, ROWS - 1), order=st.randoms(use_true_random=False))
def test_a_decision_does_not_depend_on_what_was_computed_before_it(
    lived: tuple[Any, dict[int, State]], row: int, order: Any
) -> None:
    """Indicators on demand, or all beforehand in any order, or for other rows first: the same bits (U9)."""
    trial, before = lived
    history = history_of(trial.history.panel, POLICY)
    names = list(history.catalogue)
    order.shuffle(names)
    for name in names:
        history.array(name)
    decide(View(history, FIRST), before[FIRST], trial.run)
    again = decide(View(history, row), before[row], trial.run).record
    assert codec.encode(again) == codec.encode(trial.records[row - FIRST])


@pytest.mark.parametrize("later", [275, 317])
def test_the_day_an_account_was_opened_changes_nothing_that_comes_from_the_market(
    lived: tuple[Any, dict[int, State]], backtested: Callable[..., Any], later: int
) -> None:
    trial, _ = lived
    other = backtested(trial.history.panel, POLICY, first=later, capital=3_000_000)
    auctions = 0
    for one, two in zip(trial.records[later - FIRST :], other.records, strict=True):
        assert (one.session, one.decided_at, one.snapshot, one.policy, one.code) == (
            two.session, two.decided_at, two.snapshot, two.policy, two.code,
        )  # fmt: skip
        seen = [msgspec.structs.asdict(r.regime) for r in (one, two)]
        for regime in seen:
            regime.pop("stress")  # an episode's length is the account's own
        assert seen[0] == seen[1]
        if one.auction is not None and two.auction is not None:
            auctions += 1
            said = [{(b.strategy, b.symbol): b for b in r.auction.bids} for r in (one, two)]
            for key in said[0].keys() & said[1].keys():
                bids = [each[key] for each in said]
                assert len({(b.confidence, b.score, b.quality) for b in bids}) == 1
                if all(b.decision == "ALLOCATED" for b in bids):  # a kept bid's return follows from what is held
                    assert len({b.mu for b in bids}) == 1
    assert auctions > 10
