"""A live account is judged by its machine's clock, both ways, whatever its sender says (H2, X0)."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from plimsoll.core.venue_facts import Settlement
from plimsoll.governor.clock import dates_of
from plimsoll.governor.governor import Governor
from plimsoll.governor.limits import SECOND, GovernorLimits, limits_of
from plimsoll.governor.protocol import LineProtocol
from plimsoll.governor.protocol_clock import MachineClock
from plimsoll.governor.protocol_lines import EPOCH
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

MICRO = limits_of(policy_file.load("micro").policy)
MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
STEP = SECOND


def at(text: str) -> int:
    return round((datetime.fromisoformat(text) - EPOCH).total_seconds() * SECOND)


class Signed:
    """An account whose limits stay as they are; it remembers when it heard of a quote."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.asked = 0

    def next_session(self, governor: Governor, day: int, equity: int) -> GovernorLimits:
        self.asked += 1
        return governor.limits

    def began(self, day: int) -> None:
        pass

    def about(self, day: int, equity: int) -> tuple[str, ...]:
        return (f"day {day}",)

    def acts(self, governor: Governor) -> list[dict[str, Any]]:
        return []

    def settlement(self, told: Settlement) -> tuple[Settlement, str]:
        return told, ""

    def quoted(self, governor: Governor, at: int) -> None:
        self.heard.append(at)


class Desk:
    """A live account on a machine whose clock, and what only counts, are set by hand; S costs a dollar."""

    def __init__(self, start: str = "2026-03-02T15:00:00Z", limits: GovernorLimits = MICRO) -> None:
        self.now, self.counted, self.store = at(start), 7 * HOUR, MemoryAccount()
        self.told: list[str] = []
        self.signed, self.ids = Signed(), 0
        self.start(limits)

    def start(self, limits: GovernorLimits = MICRO) -> None:
        machine = MachineClock(lambda: self.now, lambda: self.counted, STEP)
        self.governor = Governor(MemoryStateStore(self.store), limits, machine.now)
        self.protocol = LineProtocol(self.governor, 64, lambda: self.counted, self.signed, machine, self.told.append)

    def wait(self, micros: int) -> None:
        self.now += micros
        self.counted += micros

    def set(self, text: str) -> None:
        """Time passes until then."""
        self.wait(at(text) - self.now)

    def ts(self, ahead: int = 0) -> str:
        return datetime.fromtimestamp((self.now + ahead) / SECOND, UTC).isoformat()

    def say(self, **line: Any) -> Any:
        (said,) = self.protocol.answer([json.dumps(line).encode()])
        return json.loads(said)

    def session(self, date: str, equity: str = "1000.00") -> Any:
        return self.say(type="session", date=date, equity=equity)

    def quote(self, ahead: int = 0, price: str = "1.00", symbol: str = "S", ts: str = "") -> Any:
        return self.say(type="quote", symbol=symbol, bid=price, ask=price, ts=ts or self.ts(ahead))

    def order(self, qty: str = "1", side: str = "buy", ahead: int = 0, symbol: str = "S", ts: str = "") -> Any:
        self.ids += 1
        return self.say(type="intent", id=f"o{self.ids}", symbol=symbol, side=side, qty=qty, ts=ts or self.ts(ahead))

    def fill(self, qty: str, price: str = "1.00") -> Any:
        return self.say(type="fill", id=f"o{self.ids}", exec=f"x{self.ids}", qty=qty, price=price, ts=self.ts())

    def hold(self, qty: str = "40") -> None:
        assert self.order(qty)["decision"] == "ADMIT"
        self.fill(qty)


@pytest.fixture
def desk() -> Desk:
    """Forty shares held in today's session."""
    found = Desk()
    assert found.session("2026-03-02")["ok"]
    assert found.quote() == {"ok": True}
    found.hold()
    found.wait(SECOND)
    return found


# ages


@pytest.mark.parametrize(("ahead", "words"), [
    (MINUTE, ""), (MINUTE + 1, "ahead of this machine's clock"),
    (-1800 * SECOND, ""), (-1800 * SECOND - 1, "older than 1800 s by this machine's clock"),
    (-200 * 24 * HOUR, "older than"), (200 * 24 * HOUR, "ahead of"),
])  # fmt: skip
def test_a_quote_is_of_now_by_the_machines_clock(ahead: int, words: str) -> None:
    desk = Desk()
    desk.session("2026-03-02")
    said = desk.quote(ahead)
    assert words in said.get("error", "") and ("error" in said) == bool(words)
    assert ("S" in desk.governor.quotes) == (not words)


def test_a_refused_old_quote_leaves_the_believed_one() -> None:
    desk = Desk()
    desk.session("2026-03-02")
    desk.quote(price="1.00")
    assert "older" in desk.quote(-3 * HOUR, price="5.00")["error"]
    assert desk.order("1")["decision"] == "ADMIT"
    assert desk.governor.quotes["S"].ask == 10**12


@pytest.mark.parametrize(("ahead", "reasons"), [
    (0, []), (MINUTE, []), (MINUTE + 1, ["TIME_OUTSIDE_SESSION"]), (365 * 24 * HOUR, ["TIME_OUTSIDE_SESSION"]),
    (-SECOND, []), (-SECOND - 100_001, ["CLOCK_BACK"]), (-1800 * SECOND, ["CLOCK_BACK"]),
    (-1800 * SECOND - 1, ["CLOCK_BACK", "STALE_ORDER"]),
])  # fmt: skip
def test_an_order_is_of_now_and_a_reduction_leaves_whatever_its_sender_thinks_the_time_is(
    desk: Desk, ahead: int, reasons: list[str]
) -> None:
    found = desk.order("1", ahead=ahead)
    assert (found["reasons"], found["decision"]) == (reasons, "REFUSE" if reasons else "ADMIT")
    sold = desk.order("1", "sell", ahead=ahead)
    assert (sold["decision"], sold["reasons"], sold.get("marks", [])) == ("ADMIT", [], reasons)
    assert desk.order("41", "sell", ahead=ahead)["reasons"][: len(reasons)] == reasons  # it crosses zero


def test_an_order_older_than_a_quote_may_be_is_stale_though_nothing_newer_was_seen() -> None:
    desk = Desk()
    desk.session("2026-03-02")
    desk.quote(-1800 * SECOND)
    desk.wait(1)
    assert desk.order("1", ahead=-1800 * SECOND - 1)["reasons"] == ["STALE_ORDER", "STALE_QUOTE"]


def test_a_time_that_is_not_believed_is_no_time_seen(desk: Desk) -> None:
    assert desk.order("1", "sell", ahead=10 * 24 * HOUR)["marks"] == ["TIME_OUTSIDE_SESSION"]
    assert desk.order("1")["decision"] == "ADMIT"


def test_a_quote_grows_old_by_the_machines_clock_alone(desk: Desk) -> None:
    """The sender's clock stands: its orders keep the time of the quote, an hour later."""
    stands = desk.ts(-SECOND)
    desk.wait(1800 * SECOND)
    assert desk.order("1", ts=stands)["reasons"] == ["STALE_ORDER", "STALE_QUOTE"]
    assert desk.order("1")["reasons"] == ["STALE_QUOTE"]
    assert desk.order("1", symbol="T", ts=desk.ts())["reasons"] == ["NO_QUOTE"]
    desk.quote(symbol="T")
    assert desk.order("1", symbol="T")["reasons"] == ["LOSS_UNKNOWN"]
    assert desk.order("1", "sell", ts=stands)["marks"] == ["CLOCK_BACK", "STALE_ORDER", "STALE_QUOTE"]


def test_a_sender_whose_clock_stands_can_leave_though_it_sends_more_than_a_seconds_orders(desk: Desk) -> None:
    stands = desk.ts()
    for n in range(30):
        desk.wait(SECOND)
        sold = desk.order(f"0.{n + 1:02d}", "sell", ts=stands)
        assert sold["decision"] == "ADMIT", (n, sold)


def test_throttles_count_by_the_machines_clock_whatever_the_orders_say(desk: Desk) -> None:
    admitted = [desk.order(f"0.{n + 1:02d}", ahead=n * 2 * SECOND)["decision"] for n in range(10)]
    assert admitted == ["ADMIT"] * 10
    desk.wait(SECOND - 1)
    assert desk.order("0.5", ahead=20 * SECOND)["reasons"] == ["ORDERS_PER_SECOND"]
    desk.wait(1)
    assert desk.order("0.5", ahead=20 * SECOND)["decision"] == "ADMIT"


# sessions


def halted(start: str, date: str) -> Desk:
    desk = Desk(start)
    desk.session(date)
    desk.quote()
    for _ in range(5):
        desk.hold("50")
    for price in ("0.80", "0.64", "0.60"):
        desk.wait(1)
        desk.quote(price=price)
    assert desk.say(type="status")["stage"] == "halt"
    return desk


def test_no_name_for_a_session_lifts_a_halt_early() -> None:
    desk = halted("2026-03-02T15:00:00Z", "2026-03-02")
    kept, asked = dict(desk.store.state), desk.signed.asked
    for date in ("2026-03-03", "2026-03-01", "2026-02-27", "2027-03-02", "9999-12-31", "0001-01-01"):
        assert "error" in desk.session(date, "910.00"), date
    assert desk.store.state == kept
    assert desk.signed.asked == asked  # nor is a session that has not ended put into the record
    desk.quote(price="0.60")
    assert desk.order("1")["reasons"][0] == "INTRADAY_HALT"
    desk.set("2026-03-02T23:59:59Z")
    assert "by this machine's clock it is 2026-03-02 in UTC" in desk.session("2026-03-03", "910.00")["error"]
    desk.set("2026-03-03T00:00:00Z")
    assert desk.session("2026-03-03", "910.00")["ok"]
    desk.quote(price="0.60")
    assert desk.order("1")["decision"] == "ADMIT"


@pytest.mark.parametrize(("now", "begins"), [
    ("2026-03-02T23:59:59.999999Z", {"2026-03-02"}),
    ("2026-03-03T00:00:00Z", {"2026-03-02", "2026-03-03"}),  # still the 2nd in New York
    ("2026-03-03T04:59:59.999999Z", {"2026-03-02", "2026-03-03"}),
    ("2026-03-03T05:00:00Z", {"2026-03-03"}),
    ("2026-07-04T03:59:59Z", {"2026-07-03", "2026-07-04"}),  # daylight saving
    ("2026-07-04T04:00:00Z", {"2026-07-04"}),
    ("2025-12-31T23:59:59Z", {"2025-12-31"}),
    ("2028-02-29T12:00:00Z", {"2028-02-29"}),
])  # fmt: skip
def test_no_session_to_come_begins_and_only_that_of_today_takes_risk(now: str, begins: set[str]) -> None:
    days = range(at(now) // (24 * HOUR) - 2, at(now) // (24 * HOUR) + 3)
    dates = [datetime.fromtimestamp(day * 86_400, UTC).date().isoformat() for day in days]
    assert {date for date in dates if "ok" in Desk(now).session(date)} == {d for d in dates if d <= max(begins)}
    for date in dates:
        desk = Desk(now)
        if "ok" in desk.session(date) and "ok" in desk.quote():
            assert (desk.order("1")["decision"] == "ADMIT") is (date in begins), date


def test_a_session_ends_with_its_day_for_all_but_reductions(desk: Desk) -> None:
    desk.set("2026-03-03T04:59:59Z")
    desk.quote()
    assert desk.order("1")["decision"] == "ADMIT"
    desk.set("2026-03-03T05:00:00Z")  # no longer the 2nd in New York either
    assert desk.order("1")["reasons"] == ["TIME_OUTSIDE_SESSION"]
    assert desk.order("1", "sell")["marks"] == ["TIME_OUTSIDE_SESSION"]
    assert desk.session("2026-03-02") == {"ok": True}  # said again, it changes nothing
    assert desk.order("1")["reasons"] == ["TIME_OUTSIDE_SESSION"]
    desk.set("2026-03-20T15:00:00Z")
    assert desk.order("1", "sell")["marks"] == ["TIME_OUTSIDE_SESSION", "STALE_QUOTE"]
    assert desk.session("2026-03-20")["notes"] == ["day 20532"]
    desk.quote()
    assert desk.order("1")["decision"] == "ADMIT"


def test_the_zone_of_the_process_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12", "UTC"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert dates_of(at("2026-03-03T03:00:00Z")) == (20_515, 20_514), os.environ["TZ"]
    monkeypatch.undo()
    time.tzset()


# a clock that is set


@pytest.mark.parametrize(("moved", "word"), [
    (2 * HOUR, "forward by 7200.0 s"), (-2 * HOUR, "back by 7200.0 s"),
    (STEP + 1_001, "forward by 1.0 s"), (-STEP - 1_001, "back by 1.0 s"),
])  # fmt: skip
def test_after_a_step_of_the_clock_new_risk_waits_for_quotes_that_come_anew(desk: Desk, moved: int, word: str) -> None:
    desk.quote(symbol="T")
    desk.now += moved
    assert desk.say(type="status")["clock"]["steps"] == 1 and word in desk.told[-1]
    assert "STALE_QUOTE" in desk.order("1", symbol="T")["reasons"]
    assert desk.order("1", "sell")["decision"] == "ADMIT"
    desk.wait(2 * SECOND)
    assert desk.quote(symbol="T") == {"ok": True}  # also after a step back, though its time is before the last one's
    assert desk.order("1", symbol="T")["reasons"] == ["LOSS_UNKNOWN"]  # what is held has no quote since
    assert desk.quote() == {"ok": True}
    assert desk.order("1", symbol="T")["decision"] == "ADMIT"
    assert len(desk.told) == 2 and desk.say(type="status")["clock"]["steps"] == 1  # the note of the session, this one


@pytest.mark.parametrize("moved", [STEP, -STEP])
def test_a_clock_that_is_kept_right_is_no_step(desk: Desk, moved: int) -> None:
    desk.now += moved
    assert desk.order("1", ahead=2 * STEP)["decision"] == "ADMIT"
    assert desk.say(type="status")["clock"]["steps"] == 0


def test_a_clock_that_is_slewed_for_a_day_is_no_step(desk: Desk) -> None:
    for _ in range(24 * 60):
        desk.wait(MINUTE)
        desk.now += MINUTE // 2_000
        assert desk.say(type="status")["clock"]["steps"] == 0


def test_small_steps_that_follow_each_other_are_one(desk: Desk) -> None:
    for n in range(3):
        desk.now += STEP // 2
        assert desk.say(type="status")["clock"]["steps"] == int(n == 2)


def test_a_start_on_a_clock_that_was_set_back_keeps_no_exit_waiting(desk: Desk) -> None:
    """The account's times and the throttles' lie two hours ahead of the machine: they are believed no more."""
    for n in range(10):
        desk.order(f"0.{n + 1:02d}")
    desk.now -= 2 * HOUR
    desk.start()
    assert desk.order("1", "sell")["marks"] == ["STALE_QUOTE"]
    assert desk.order("1")["reasons"] == ["STALE_QUOTE"]
    desk.quote()
    assert desk.order("1")["decision"] == "ADMIT"
    assert desk.order("1", ahead=-SECOND)["reasons"] == ["CLOCK_BACK"]  # the time seen is one that can be


# what was seen


def test_a_feed_is_up_in_the_minutes_in_which_its_quotes_came(desk: Desk) -> None:
    desk.signed.heard.clear()
    for ahead in (0, -MINUTE, 30 * SECOND):
        desk.wait(MINUTE)
        desk.quote(ahead)
    times = [desk.now - 2 * MINUTE, desk.now - MINUTE, desk.now]
    assert desk.signed.heard == times
    desk.wait(MINUTE)
    assert desk.quote(-MINUTE - 1, symbol="NEW") == {"ok": True}  # fresh enough to trade on, and none that just came
    assert "error" in desk.quote(-24 * HOUR, symbol="NEW")
    assert desk.signed.heard == times


# texts that are no times


@pytest.mark.parametrize("ts", [
    "2026-06-30T23:59:60Z", "2026-03-02T24:00:00Z", "2026-03-02T15:60:00Z", "2026-03-02T15:00:00+24:00",
    "10000-01-01T00:00:00Z",
    "2026-03-02T15:00:00", "2026-03-02", "1772463600", "2026-02-29T15:00:00Z", "now", "",
    "٢٠٢٦-03-02T15:00:00Z",
])  # fmt: skip
def test_a_text_that_is_no_instant_with_a_zone_is_refused(desk: Desk, ts: str) -> None:
    said = desk.say(type="quote", symbol="S", bid="1", ask="1", ts=ts)
    assert "error" in said and "ts" in said["error"]
    found = desk.say(type="intent", id="odd", symbol="S", side="buy", qty="1", ts=ts)
    assert found["reasons"] == ["BAD_TIME"]


@pytest.mark.parametrize("ts", [
    "2026-03-02T15:00:01Z", "2026-03-02T10:00:01-05:00", "2026-03-03T05:00:01+14:00", "2026-03-02T03:00:01-12:00",
    "2026-03-02T20:45:01+05:45", "2026-03-02T15:00:01.000000+00:00", "2026-03-02T15:00:01-00:00",
])  # fmt: skip
def test_an_instant_is_the_same_in_every_zone(desk: Desk, ts: str) -> None:
    assert desk.order("1", ts=ts)["decision"] == "ADMIT"
    assert desk.governor.account.clock == at("2026-03-02T15:00:01Z")


@pytest.mark.parametrize("ts", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "2062-03-02T15:00:00Z"])
def test_a_far_year_is_ahead_of_the_clock_and_leaves_no_trace(desk: Desk, ts: str) -> None:
    assert "ahead of this machine's clock" in desk.quote(ts=ts)["error"]
    assert desk.order("1", ts=ts)["reasons"] == ["TIME_OUTSIDE_SESSION"]
    assert desk.order("1")["decision"] == "ADMIT"


@pytest.mark.parametrize("ts", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z"])
def test_a_year_long_past_is_old_and_leaves_no_trace(desk: Desk, ts: str) -> None:
    assert "older than" in desk.quote(ts=ts)["error"]
    assert desk.order("1", ts=ts)["reasons"] == ["TIME_OUTSIDE_SESSION", "CLOCK_BACK", "STALE_ORDER"]
    assert desk.order("1")["decision"] == "ADMIT"


# orders that wait


def behind(desk: Desk, micros: int, *orders: Any) -> list[Any]:
    """Answers to orders that came with quotes before them, which took so long."""
    quotes = [line(type="quote", symbol="S", bid="1.00", ask="1.00", ts=desk.ts()) for _ in range(50)]
    asked = [*quotes, *(line(**order) for order in orders)]
    answers = desk.protocol.answer(asked, [desk.counted] * len(asked))
    assert [json.loads(next(answers)) for _ in quotes] == [{"ok": True}] * 50
    desk.wait(micros)
    return [json.loads(answer) for answer in answers]


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(("micros", "reasons"), [(500_000, []), (500_001, ["LATE"])])
def test_an_order_counts_from_its_arrival_and_a_late_one_leaves_only_to_reduce(
    desk: Desk, micros: int, reasons: list[str]
) -> None:
    order = {"type": "intent", "symbol": "S", "qty": "1", "ts": desk.ts()}
    bought, sold = behind(desk, micros, {**order, "id": "b", "side": "buy"}, {**order, "id": "s", "side": "sell"})
    assert (bought["reasons"], bought["decision"]) == (reasons, "REFUSE" if reasons else "ADMIT")
    assert (sold["decision"], sold.get("marks", [])) == ("ADMIT", reasons)
    assert desk.order("2")["decision"] == "ADMIT"  # one that did not wait


def test_a_queue_that_falls_behind_is_slow_though_each_decision_is_quick(desk: Desk) -> None:
    order = {"type": "intent", "symbol": "S", "side": "sell", "ts": desk.ts()}
    orders = [{**order, "id": f"s{n}", "qty": f"0.{n:02d}"} for n in range(1, 9)]
    behind(desk, 10_000, *orders)
    assert desk.say(type="status")["latency"] == {"too_slow": False, "median_us": None, "slow": 0}
    for n in range(3):
        behind(desk, 10_001, *({**one, "id": f"{one['id']}-{n}"} for one in orders))
    assert desk.say(type="status")["latency"]["slow"] == 24
    desk.wait(MINUTE)
    assert desk.order("1")["reasons"] == ["TOO_SLOW"]


def test_recorded_orders_lie_there_before_they_are_read() -> None:
    protocol = LineProtocol(Governor(MemoryStateStore(), MICRO), 64, lambda: 10**9)
    ts = "2026-03-02T15:00:00Z"
    asked = [
        line(type="session", date="2026-03-02", equity="1000.00"),
        line(type="quote", symbol="S", bid="1", ask="1", ts=ts),
        line(type="intent", id="a", symbol="S", side="buy", qty="1", ts=ts),
    ]
    assert json.loads([*protocol.answer(asked, [0, 0, 0])][2])["decision"] == "ADMIT"
