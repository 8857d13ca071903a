"""What the life of a strategy did to its bids, in sentences (G4, G5, G6)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.analysis.explain_life import decay_of, standing
from plimsoll.core.dates import day_number
from plimsoll.core.decision import Carried, CycleRecord
from plimsoll.core.lifecycle import Lifecycle
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState

POLICY = Policy()
LIFE = Lifecycle(
    strategies=("trend", "other"),
    stage=("SCALING", "INCUBATING"),
    since=(day_number("2019-05-31"), day_number("2020-01-02")),
    suspended=(False, False),
    age=(10, 10),
    error=(0.0, None),
    flipped=(False, False),
    idle=(0, 0),
    stale=(0, 0),
    decay=(1.0, 1.0),
    cap=(0.6, 0.25),
)


class Record:
    """The part of a cycle record that is read."""

    def __init__(self, life: Lifecycle | None) -> None:
        self.carried = Carried(ladder=LadderState(1, 1), lifecycle=life)


def told(**values: Any) -> str:
    life = replace(LIFE, **{name: (value, getattr(LIFE, name)[1]) for name, value in values.items()})
    record: CycleRecord = Record(life)  # type: ignore[assignment]
    return " ".join(standing(record, "trend", POLICY))


def test_a_stage_is_told_with_its_date_and_its_capital() -> None:
    assert told() == "trend is SCALING since 2019-05-31 and may use 60.0% of NAV."


def test_an_idle_strategy_says_what_it_lost_and_why() -> None:
    said = told(idle=45, cap=0.6 * 0.95**2)
    assert "may use 54.1% of NAV" in said
    assert "Its stage allows 60.0%; 45 sessions without a positive contribution over 63 sessions leave 90.2%" in said


def test_decay_names_each_of_its_causes() -> None:
    said = told(decay=0.25 * 0.9, age=135, error=0.03, flipped=True)
    assert "multiplies its expected returns by 0.23" in said
    assert "last validated 135 sessions ago, more than 90 (0.50)" in said
    assert "err 3.00% more than a forecast of zero would (0.90)" in said
    assert "changed sign (0.50)" in said


def test_a_suspended_strategy_says_so() -> None:
    assert "suspended, because it failed at too many auctions" in told(suspended=True, cap=0.0)


def test_nothing_is_said_where_strategies_are_not_followed() -> None:
    plain: CycleRecord = Record(None)  # type: ignore[assignment]
    assert standing(plain, "trend", POLICY) == ()
    assert decay_of(plain, "trend") is None
    known: CycleRecord = Record(LIFE)  # type: ignore[assignment]
    assert standing(known, "stranger", POLICY) == ()
    assert decay_of(known, "other") == pytest.approx(1.0)
