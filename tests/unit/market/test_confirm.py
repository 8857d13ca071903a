"""A named person explains a jump: recorded, effective at once, revocable, never for what did not jump (D10)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plimsoll.core.bars import Bars
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import Policy
from plimsoll.market import snapshot
from plimsoll.market.calendars import expected_days
from plimsoll.market.confirm import active, confirm, revoke
from plimsoll.store.bars import SqlBarStore

POLICY = Policy()
NOW = "2026-11-20T19:00:00Z"
DAYS = expected_days("XNYS", day_number("2019-01-02"), day_number("2026-06-30"))
JUMP = 700
DATE = iso_day(int(DAYS[JUMP]))


@pytest.fixture
def store(tmp_path: Path) -> SqlBarStore:
    """A home with ABC, which fell by 58 % on one day and went on from there."""
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.01, DAYS.size)))
    close[JUMP:] *= 0.42
    nothing = np.full(DAYS.size, np.nan)
    opened = close * 1.001
    made = SqlBarStore(tmp_path / "plimsoll.db")
    made.put_instruments([Instrument("ABC", "stock", "XNYS")], derived=True)
    made.begin_run("r", "files", "x", NOW)
    made.put_bars(
        "r", "ABC", "files",
        Bars(DAYS, opened, close * 1.01, close * 0.99, close, close.copy(), nothing + 1e6, nothing, nothing.copy()),
    )  # fmt: skip
    made.begin_run("r", "files", "x", NOW)
    return made


def test_a_confirmed_jump_bars_nothing_until_it_is_taken_back(store: SqlBarStore, tmp_path: Path) -> None:
    with store:
        done = confirm(store, tmp_path / "s", POLICY, "abc", DATE, "A. Person", "fraud found, press", NOW)
        assert (done.state, done.reasons, done.record.symbol) == ("ACTIVE", (), "ABC")
        panel = snapshot.load(snapshot.current(tmp_path / "s"))
        assert panel.snapshot == done.snapshot
        (flag,) = [f for f in panel.certifications[0].flags if f.reason == "JUMP_EXPLAINED"]
        assert (flag.severity, flag.day, flag.detail) == ("note", DATE, f"{DATE} by A. Person: fraud found, press")
        assert panel.certifications[0].score == 1.0
        with pytest.raises(InputError, match="confirmed already"):
            confirm(store, tmp_path / "s", POLICY, "ABC", DATE, "B", "again", NOW)
        back = revoke(store, tmp_path / "s", POLICY, "ABC", DATE, "B. Other", "it was a split", NOW)
        assert (back.state, back.reasons) == ("DEGRADED", ("UNEXPLAINED_JUMP",))
        assert [(r.act, r.person) for r in store.confirmations()] == [("confirm", "A. Person"), ("revoke", "B. Other")]
        assert active(store.confirmations(), "ABC") == {}
        assert confirm(store, tmp_path / "s", POLICY, "ABC", DATE, "A", "real", NOW).state == "ACTIVE"


@pytest.mark.parametrize(
    ("symbol", "date", "person", "reason", "error", "words"),
    [
        ("ABC", iso_day(int(DAYS[JUMP + 1])), "A", "why", InputError, "no jump to confirm"),
        ("XYZ", DATE, "A", "why", InputError, "XYZ is not in this home"),
        ("ABC", DATE, "  ", "why", UsageError, "name of the person"),
        ("ABC", DATE, "A", "", UsageError, "needs a reason"),
        ("ABC", "yesterday", "A", "why", PlimsollError, "not a date"),
    ],
)  # fmt: skip
def test_what_is_no_confirmation_is_refused_and_leaves_no_record(
    store: SqlBarStore, tmp_path: Path, symbol: str, date: str, person: str, reason: str, error: type[Exception],
    words: str,
) -> None:  # fmt: skip
    with store:
        with pytest.raises(error, match=words):
            confirm(store, tmp_path / "s", POLICY, symbol, date, person, reason, NOW)
        assert store.confirmations() == ()
        assert not (tmp_path / "s").exists()


def test_only_what_is_confirmed_can_be_revoked(store: SqlBarStore, tmp_path: Path) -> None:
    with store, pytest.raises(InputError, match="no confirmation of ABC stands"):
        revoke(store, tmp_path / "s", POLICY, "ABC", DATE, "A", "why", NOW)
