"""What others trade in the account freezes its symbol until it is taken back or signed for (X3, X6)."""

from __future__ import annotations

import numpy as np

from plimsoll.core.decision import Carried
from plimsoll.core.events import Approval, FillCorrected, PositionAdopted
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order, client_id, is_ours, reason_of
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.execution.matching import RULES
from plimsoll.execution.oms import planned

SPY = {"SPY": Instrument("SPY", "fund", "XNYS")}
OURS = client_id("a", "2026-01-02", "SPY", "buy")


def account() -> State:
    ladder = LadderState(10_000_000, 10_000_000)
    return State(("SPY",), np.zeros(1, np.int64), np.full(1, np.nan), 10_000_000, Carried(ladder=ladder), "2026-01-02")


def fill(id: str, execution: str, lots: int = 3) -> Fill:
    return Fill(id, execution, "2026-01-02", "SPY", lots, 100.0, lots * 10_000, 0, 0, 0, reason_of(id))


def reasons(state: State, lots: int) -> list[str]:
    state = apply(state, Order("n", "2026-01-02", "SPY", lots, lots < 0, 100.0))
    return [e.reason for e in planned(state, "2026-01-02", RULES, SPY).events if hasattr(e, "reason")]


def test_an_id_is_ours_by_its_form() -> None:
    assert is_ours(OURS)
    assert not [id for id in ("", "web_1003", OURS.upper(), OURS[1:], OURS + "0", OURS[:-1] + "g") if is_ours(id)]


def test_an_own_fill_freezes_nothing_and_anothers_stops_purchases_only() -> None:
    assert not apply(account(), fill(OURS, "1")).external
    state = apply(account(), fill("web_1", "1"))
    assert state.external == {"SPY": 3} and int(state.lots[0]) == 3
    assert reasons(state, 1) == ["EXTERNAL"] and reasons(state, -1) == []


def test_a_bust_takes_the_freeze_back_and_a_signature_ends_it() -> None:
    state = apply(account(), fill("web_1", "1"))
    busted = apply(state, FillCorrected("2026-01-02", "SPY", "1", None))
    assert (busted.external, int(busted.lots[0]), busted.cash) == ({}, 0, 10_000_000)
    assert not apply(state, Approval("2026-01-02", "me", "mine", {"SPY": 3})).external


def test_a_position_that_was_adopted_before_its_execution_came_stays_frozen() -> None:
    state = apply(account(), PositionAdopted("2026-01-02", "SPY", 3, 100.0))
    state = apply(state, fill("web_1", "1"))
    state = apply(state, PositionAdopted("2026-01-02", "SPY", -3, 100.0))  # what the next snapshot says
    assert state.external == {"SPY": 3} and int(state.lots[0]) == 3
