"""The states of D11 on both sides of every boundary."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.core.bars import Bars
from plimsoll.core.panel import Flag
from plimsoll.core.policy import DataPolicy
from plimsoll.market.actions import traded_actions
from plimsoll.market.certify import alert, certify, unreadable
from plimsoll.market.quality import Assessment

POLICY = DataPolicy()


def assessed(rows: int, expected: int | None = None, score: float = 1.0, flags: tuple[Flag, ...] = ()) -> Assessment:
    ones = np.ones(rows)
    bars = Bars(np.arange(rows), ones, ones, ones, ones, ones, ones, ones, ones)
    total = rows if expected is None else expected
    return Assessment(bars, traded_actions(bars, POLICY), flags, total, 0.0, score)


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        (1259, "DEGRADED"),
        (1260, "ACTIVE"),
        (1261, "ACTIVE"),
        (1000, "DEGRADED"),
        (999, "QUARANTINED"),
        (0, "QUARANTINED"),
    ],
)
def test_rows_decide_the_state(rows: int, state: str) -> None:
    judged = certify("ABC", "files", assessed(rows), POLICY)
    assert judged.state == state
    assert ("ROWS_SHORT" in judged.reasons) is (rows < 1260)


@pytest.mark.parametrize(
    ("found", "state", "reasons"),
    [
        (assessed(1900, expected=2000), "ACTIVE", ()),
        (assessed(1899, expected=2000), "DEGRADED", ("EXPECTED_SHORT",)),
        (assessed(1300, score=0.6), "ACTIVE", ()),
        (assessed(1300, score=0.5999), "DEGRADED", ("LOW_SCORE",)),
        (assessed(1300, score=float("nan")), "DEGRADED", ("LOW_SCORE",)),
        (assessed(1300, flags=(Flag("STUCK_SERIES", "hard", "", "", 5),)), "DEGRADED", ("STUCK_SERIES",)),
        (assessed(1300, flags=(Flag("STUCK_SERIES", "note", "", "", 5),)), "ACTIVE", ()),
    ],
)
def test_each_shortfall_alone_degrades_and_names_itself(
    found: Assessment, state: str, reasons: tuple[str, ...]
) -> None:
    judged = certify("ABC", "files", found, POLICY)
    assert (judged.state, judged.reasons) == (state, reasons)


def test_an_unreadable_symbol_is_quarantined() -> None:
    judged = unreadable("ABC", "files", ("UNREADABLE",))
    assert (judged.state, judged.rows, judged.reasons) == ("QUARANTINED", 0, ("UNREADABLE",))


def test_more_than_five_per_cent_rejected_raises_an_alert() -> None:
    assert alert(["ACTIVE"] * 19 + ["DEGRADED"], POLICY) == ""
    assert alert(["ACTIVE"] * 18 + ["DEGRADED"], POLICY) == "1 of 19 symbols were rejected (5.3%); 5% is allowed"
    assert alert([], POLICY) == ""


@pytest.mark.parametrize(("ended", "late", "said"), [(True, False, "SERIES_ENDED"), (False, True, "DATA_LATE")])
def test_a_series_that_stopped_keeps_its_state_and_says_so(ended: bool, late: bool, said: str) -> None:
    judged = certify("ABC", "files", assessed(1300), POLICY, ended=ended, late=late, active_from="2020-01-02")
    assert (judged.state, judged.reasons, judged.ended) == ("ACTIVE", (said,), ended)
    assert judged.active_from == "2020-01-02"
