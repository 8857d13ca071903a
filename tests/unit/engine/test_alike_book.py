"""A book that moves as one takes no new risk, says so, and may be reduced (R6, R9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.core.decision import Carried, Comovement, Share, TargetPortfolio
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State
from plimsoll.store import codec

RULES = Policy().correlation
EAGER = replace(
    Policy(),
    correlation=replace(RULES, average=0.1, average_leave=0.0, alike=0.1, alike_leave=0.0, alike_holdings=3,
                        alike_weight=0.25),
)  # fmt: skip


@pytest.fixture
def full(account: Callable[..., State], history: Any) -> Callable[..., State]:
    """``full(target)``: a book of three equity funds, and a target portfolio that wants ``target`` of SPY."""

    def opened(target: float, comovement: Comovement | None = None) -> State:
        day = int(history.panel.sessions.days[299])
        wanted = (Share("a", "SPY", target), Share("a", "QQQ", 0.1), Share("a", "XLE", 0.1), Share("a", "TLT", 0.05))
        portfolio = TargetPortfolio(day, wanted, confidence=dict.fromkeys(("SPY", "QQQ", "XLE", "TLT"), 0.9))
        carried = Carried(LadderState(10_000_000, 10_000_000), portfolio=portfolio, comovement=comovement)
        mark = history.array("mark")[300]
        value = {"SPY": 10_000, "QQQ": 10_000, "XLE": 10_000}
        lots = {s: int(v / mark[history.panel.column[s]]) for s, v in value.items()}
        return account(cash=7_000_000, carried=carried, **lots)

    return opened


def line(record: Any, symbol: str) -> tuple[str, float, list[str]]:
    at = record.symbols.index(symbol)
    return record.outcome[at], record.lots[at], record.reasons[at]


def test_it_may_not_grow_and_the_record_says_why(full: Callable[..., State], decided: Callable[..., Any]) -> None:
    free = decided(full(0.15))
    assert line(free, "SPY")[0] == "EXECUTE" and line(free, "SPY")[1] > 0
    record = decided(full(0.15), policy=EAGER)
    assert record.carried.comovement.level == 2
    outcome, lots, reasons = line(record, "SPY")
    assert (outcome, lots) == ("REJECT", 0) and "CORRELATION_ALIKE" in reasons
    assert all(lots <= 0 for lots in record.lots)
    assert record.carried.mode == "RESTRICTED"
    (told,) = [e for e in record.events if e.kind == "CORRELATION_ALIKE"]
    assert told.measured == record.carried.comovement.lowest > told.limit == 0.1


def test_it_may_be_reduced(full: Callable[..., State], decided: Callable[..., Any]) -> None:
    outcome, lots, _ = line(decided(full(0.05), policy=EAGER), "SPY")
    assert outcome == "EXECUTE" and lots < 0


def test_the_state_is_restored_with_the_record_and_told_once(
    full: Callable[..., State], decided: Callable[..., Any]
) -> None:
    first = decided(full(0.15), policy=EAGER)
    kind, line_ = codec.encode(first)
    again = codec.decode(kind, line_)
    assert again.carried.comovement == first.carried.comovement
    later = decided(full(0.15, again.carried.comovement), policy=EAGER)
    assert later.carried.comovement.level == 2
    assert not [e for e in later.events if e.kind.startswith("CORRELATION")]


def test_without_a_nav_the_alarm_stands(account: Callable[..., State], decided: Callable[..., Any]) -> None:
    stood = Comovement(2, 0.9, 0.85)
    ruined = account(cash=-10_000_000_000, carried=Carried(LadderState(1, 1), comovement=stood), SPY=10)
    assert decided(ruined).carried.comovement == stood
