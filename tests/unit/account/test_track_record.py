"""What a session came to, as its governor and its quotes tell it (H7)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plimsoll.account.track_record import MINUTE, TrackRecord
from plimsoll.core.account_record import RecordEntry, line, parsed
from plimsoll.core.errors import InputError
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore
from plimsoll.store.home import Home

UNIT = 10**12
SECOND = MINUTE // 60
DAY = 20_514
OPEN = DAY * 1440 + 870
LIMITS = replace(limits_of(policy_file.load("micro").policy), quote_age=10**12).at_size(5_000)
LIMITS = replace(LIMITS, jumps=replace(LIMITS.jumps, plain=10**9))


def hours(day: int) -> tuple[int, int] | None:
    """Ten minutes a day, none on the day after."""
    return (day * 1440 + 870, day * 1440 + 880) if day == DAY else None


class Desk:
    """A governor and its track record, quoted by the minute."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.governor = Governor(MemoryStateStore(), LIMITS)
        self.governor.begin(DAY, 100_000)
        self.track = TrackRecord(self.home, hours)

    def quote(self, minute: int, dollars: int = 1, second: int = 0) -> None:
        at = (OPEN + minute) * MINUTE + second * SECOND
        self.governor.quote("S", Quote(dollars * UNIT, dollars * UNIT, at))
        self.track.quoted(self.governor, at)

    def trade(self, name: str, sign: int, units: int, dollars: int, minute: int) -> None:
        self.governor.decide(OrderIntent(name, "S", sign, units * UNIT, (OPEN + minute) * MINUTE))
        self.governor.fill(Execution(name, name, units * UNIT, dollars * UNIT, dollars * UNIT))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    yield Desk(tmp_path)


def test_minutes_of_the_hours_with_a_quote_are_counted_once(desk: Desk) -> None:
    for minute in (-3, -1, 0, 1, 2, 5, 9, 10, 30):
        desk.quote(minute)
        desk.quote(minute, second=59)
    told = desk.track.told(desk.governor, 100_000)
    assert (told.minutes, told.minutes_up) == (10, 5)
    assert json.loads(desk.home.track.read_bytes())["minutes"] == [
        [OPEN - 3, OPEN - 2], [OPEN - 1, OPEN + 3], [OPEN + 5, OPEN + 6], [OPEN + 9, OPEN + 11], [OPEN + 30, OPEN + 31],
    ]  # fmt: skip


def test_a_restart_goes_on_and_two_processes_add_up(desk: Desk) -> None:
    desk.quote(0)
    again = TrackRecord(desk.home, hours)
    again.quoted(desk.governor, (OPEN + 1) * MINUTE)
    desk.quote(2)
    assert again.told(desk.governor, 1).minutes_up == 3
    desk.home.track.write_bytes(b"{")  # a damaged file is evidence that is gone, not an error
    desk.quote(3)
    assert desk.track.told(desk.governor, 1).minutes_up == 1


def test_another_session_begins_with_no_minutes(desk: Desk) -> None:
    desk.quote(0)
    desk.governor.begin(DAY + 1, 100_000)
    told = desk.track.told(desk.governor, 100_000)
    assert (told.date, told.minutes, told.minutes_up) == ("2026-03-03", None, None)
    desk.quote(1440)
    assert json.loads(desk.home.track.read_bytes())["day"] == DAY + 1


def test_it_tells_what_the_session_made_and_at_which_size(desk: Desk) -> None:
    desk.quote(0, 10)
    desk.trade("a", 1, 4, 10, 0)
    desk.quote(1, 13)
    desk.trade("b", -1, 2, 12, 1)
    told = desk.track.told(desk.governor, 101_234)
    assert (told.result, told.equity, told.equity_next, told.size) == ("10.00", "1000.00", "1012.34", "50.00")
    assert (told.breaches, told.slow) == ((), False)
    desk.quote(2, 9)
    assert desk.track.told(desk.governor, 1).result == "2.00"
    desk.quote(3, 1)
    assert desk.track.told(desk.governor, 1).result == "-14.00"


def test_a_loss_above_its_cap_is_a_breach_though_the_price_comes_back(desk: Desk) -> None:
    desk.governor = Governor(MemoryStateStore(), replace(LIMITS, loss=3_000))
    desk.governor.begin(DAY, 1_000_000)
    desk.quote(0, 40)
    desk.trade("a", 1, 1, 40, 0)
    desk.quote(1, 11)
    assert desk.track.told(desk.governor, 1).breaches == ()
    desk.quote(1, 9, second=30)
    desk.quote(2, 40)
    assert desk.track.told(desk.governor, 1).breaches == ("LOSS_LIMIT",)


def test_an_overfill_and_slow_decisions_are_told(desk: Desk) -> None:
    desk.quote(0)
    desk.trade("a", 1, 2, 1, 0)
    desk.governor.fill(Execution("a", "again", UNIT, UNIT, UNIT))
    for _ in range(LIMITS.pace.window):
        desk.governor.record_latency(LIMITS.pace.longest + 1)
    told = desk.track.told(desk.governor, 1)
    assert (told.breaches, told.slow) == (("OVERFILL",), True)


def test_the_lock_of_the_session_follows_no_link(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    desk.home.track.with_suffix(".lock").symlink_to(elsewhere)
    desk.quote(0)  # evidence that cannot be kept is missing later
    with pytest.raises(InputError, match=r"session\.lock is a symbolic link"):
        desk.track.told(desk.governor, 100_000)
    assert elsewhere.read_text() == "kept"


def test_a_session_that_came_to_anything_at_all_is_told_and_read_again(desk: Desk) -> None:
    """One unreadable entry keeps an account, and every exit from it, closed for ever."""
    units = price = 999_999_999_999_999
    for sign, name in ((1, "a"), (-1, "b")):
        desk.trade(name, sign, units, price if sign > 0 else 1, 0)
    body = desk.track.told(desk.governor, -(10**17))
    assert int(body.result.partition(".")[0]) == -units * (price - 1)
    entry = RecordEntry(account="a" * 32, number=1, sequence=1, previous="0" * 64, body=body)
    assert parsed(line(entry)) == entry


def test_the_evidence_is_read_through_no_link_and_from_no_pipe(desk: Desk, tmp_path: Path) -> None:
    desk.quote(0)
    (tmp_path / "elsewhere").write_bytes(desk.home.track.read_bytes())
    desk.home.track.unlink()
    desk.home.track.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"session\.json is a symbolic link"):
        desk.track.told(desk.governor, 100_000)
    desk.home.track.unlink()
    os.mkfifo(desk.home.track)
    with pytest.raises(InputError, match=r"session\.json is not a regular file"):
        desk.track.told(desk.governor, 100_000)
