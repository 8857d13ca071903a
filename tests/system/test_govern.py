"""``plimsoll govern`` as a program: its line protocol, bad lines, and being killed between any two of them (H2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from plimsoll.app import governing
from plimsoll.core.errors import InputError

COMMAND = [sys.executable, "-m", "plimsoll", "govern", "--profile", "micro", "--home"]
PATIENT = {"PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000"}  # how busy the machine is must not decide
ENV = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")} | PATIENT
SESSION = {"type": "session", "date": "2026-03-02", "equity": "1000.00"}
QUOTE = {"type": "quote", "symbol": "MSFT", "bid": "399.98", "ask": "400.02", "ts": "2026-03-02T15:00:00Z"}


class Process:
    """A running governor, asked one line at a time."""

    def __init__(self, home: Path) -> None:
        self.child = subprocess.Popen([*COMMAND, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENV)

    def raw(self, line: bytes) -> dict[str, Any]:
        assert self.child.stdin and self.child.stdout
        self.child.stdin.write(line + b"\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        if "latency" in answer:
            del answer["latency"]["median_us"]
        return answer

    def ask(self, line: dict[str, Any]) -> dict[str, Any]:
        return self.raw(json.dumps(line).encode())

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs any more."""
        self.child.kill()
        self._gone()

    def end(self) -> int:
        assert self.child.stdin
        self.child.stdin.close()
        code = self.child.wait(timeout=30)
        self._gone()
        return code

    def _gone(self) -> None:
        self.child.wait(timeout=30)
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                pipe.close()


@contextmanager
def governor(home: Path) -> Iterator[Process]:
    process = Process(home)
    try:
        yield process
    finally:
        if process.child.returncode is None:
            process.kill()


def intent(name: str, side: str = "buy", qty: Any = "0.10", second: int = 1, **more: Any) -> dict[str, Any]:
    ts = f"2026-03-02T15:{second // 60:02d}:{second % 60:02d}Z"
    return {"type": "intent", "id": name, "symbol": "MSFT", "side": side, "qty": qty, "ts": ts} | more


def fill(name: str, execution: str, qty: str = "0.10", price: str = "400.02") -> dict[str, Any]:
    return {"type": "fill", "id": name, "exec": execution, "qty": qty, "price": price, "ts": "2026-03-02T15:00:09Z"}


SCRIPT: tuple[dict[str, Any], ...] = (
    SESSION,
    QUOTE,
    intent("a1"),
    intent("a2", qty="0.13"),
    fill("a1", "x1", "0.04"),
    fill("a1", "x1", "0.04"),
    intent("a3", qty="0.12", second=2),
    {"type": "cancel", "id": "a1", "ts": "2026-03-02T15:00:10Z"},
    {"type": "reject", "id": "a3", "ts": "2026-03-02T15:00:10Z"},
    intent("a4", "sell", "0.04", second=3),
    fill("a4", "x2", "0.04", "399.98"),
    {"type": "status"},
)


def test_the_protocol_answers_as_written(tmp_path: Path) -> None:
    with governor(tmp_path) as process:
        assert process.ask(SESSION) == {"ok": True}
        assert process.ask(QUOTE) == {"ok": True}
        first = process.ask(intent("a1"))
        left = {"loss": "100.00", "position": "459.99", "gross": "959.99", "turnover": "1959.59", "trade": "50.00"}
        assert first == {"id": "a1", "decision": "ADMIT", "reasons": [], "headroom": left}
        assert process.ask(intent("a1")) == first
        assert process.ask({"type": "status"})["used"]["turnover"] == "40.41"
        assert process.ask(intent("a1", qty="0.11"))["reasons"] == ["DUPLICATE_INTENT"]
        assert process.ask(fill("a1", "x1", "0.04")) == {"ok": True}
        assert process.ask(fill("a1", "x1", "0.04")) == {"ok": True}
        assert "error" in process.ask(fill("a1", "x1", "0.05"))
        status = process.ask({"type": "status"})
        assert status["positions"] == {"MSFT": "0.04"}
        assert [(o["id"], o["qty"], o["filled"]) for o in status["open"]] == [("a1", "0.1", "0.04")]
        assert process.ask({"type": "cancel", "id": "a1", "ts": "2026-03-02T15:00:10Z"}) == {"ok": True}
        status = process.ask({"type": "status"})
        assert status["open"] == [] and status["used"]["turnover"] == "16.01" and status["used"]["loss"] == "0.01"
        assert process.ask(fill("a1", "x9", "0.07"))["reasons"] == ["OVERFILL"]
        assert process.ask(intent("a5", second=2))["reasons"] == ["INTRADAY_REDUCE_ONLY"]
        assert process.ask(SESSION | {"date": "2026-03-03"}) == {"ok": True}
        assert process.ask({"type": "status"})["positions"] == {"MSFT": "0.11"}
        assert process.end() == 0


def test_killed_after_every_line_it_is_where_one_that_ran_through_is(tmp_path: Path) -> None:
    with governor(tmp_path / "whole") as process:
        whole = [process.ask(line) for line in SCRIPT]
    broken: list[dict[str, Any]] = []
    for n, line in enumerate(SCRIPT):
        with governor(tmp_path / "broken") as process:
            if n > SCRIPT.index(QUOTE):  # quotes are kept in memory: they are sent again first
                assert process.ask(QUOTE) == {"ok": True}
            if n and SCRIPT[n - 1]["type"] in ("intent", "fill"):  # sent again: the answer may have been lost
                assert process.ask(SCRIPT[n - 1]) == broken[-1]
            broken.append(process.ask(line))
            process.kill()
    assert broken == whole


GARBAGE = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'"intent"',
    b"{}",
    b'{"type":[]}',
    b'{"type":"order"}',
    b"[" * 20_000,
    b'{"type":"status","more":1}',
    b'{"type":"status","type":"status"}',
    b'{"type":"session","date":"2026-03-03"}',
    b'{"type":"session","date":"2026-03-03","equity":NaN}',
    b'{"type":"session","date":"tomorrow","equity":"1"}',
    b'{"type":"session","date":"2026-03-03","equity":"-5x"}',
    b'{"type":"session","date":"2026-03-03","equity":1e3}',
    b'{"type":"session","date":"2026-03-01","equity":"1000.00"}',
    b'{"type":"session","date":"2026-03-02","equity":"9"}',
    json.dumps(QUOTE | {"ts": "2026-03-02T15:00:01"}).encode(),
    json.dumps(QUOTE | {"symbol": "../x y"}).encode(),
    json.dumps(QUOTE | {"ts": "2026-03-02T14:59:59Z"}).encode(),
    json.dumps(QUOTE | {"ts": "2027-03-02T15:00:00Z"}).encode(),
    json.dumps(intent("\ud800")).encode(),
    json.dumps(intent("a b")).encode(),
    json.dumps(intent("a", side="hold")).encode(),
    json.dumps(fill("nobody", "x")).encode(),
    json.dumps({"type": "cancel", "id": "nobody", "ts": QUOTE["ts"]}).encode(),
    b'{"type":"status","x":"' + b"y" * 100_000 + b'"}',
)
REFUSED = (
    ({"qty": "NaN"}, ["BAD_QUANTITY"]),
    ({"qty": "-1"}, ["BAD_QUANTITY"]),
    ({"qty": "0"}, ["BAD_QUANTITY"]),
    ({"qty": "1e1"}, ["BAD_QUANTITY"]),
    ({"qty": "0.0000000000001"}, ["BAD_QUANTITY"]),
    ({"qty": None}, ["BAD_QUANTITY"]),
    ({"qty": True}, ["BAD_QUANTITY"]),
    ({"qty": "\u0661"}, ["BAD_QUANTITY"]),
    ({"qty": [1]}, ["BAD_QUANTITY"]),
    ({"ts": "2026-03-02T15:00:01"}, ["BAD_TIME"]),
    ({"ts": "0001-01-01T00:00:00+14:00"}, ["TIME_OUTSIDE_SESSION", "CLOCK_BACK"]),
    ({"limit": "NaN"}, ["BAD_PRICE"]),
    ({"symbol": "AAPL"}, ["NO_QUOTE"]),
    ({"ts": "2026-03-02T14:59:59Z"}, ["CLOCK_BACK"]),
    ({"ts": "2026-03-02T15:30:00.000001Z"}, ["STALE_QUOTE"]),
    ({"limit": "412.01"}, ["PRICE_COLLAR"]),
)


def test_what_is_not_understood_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    with governor(tmp_path) as process:
        process.ask(SESSION)
        process.ask(QUOTE)
        before = process.ask({"type": "status"})
        for line in GARBAGE:
            assert list(process.raw(line))[:2] == ["error", "line"], line[:80]
        for n, (change, reasons) in enumerate(REFUSED):
            answer = process.ask(intent(f"bad-{n}") | change)
            assert (answer["decision"], answer["reasons"]) == ("REFUSE", reasons), change
        assert process.ask({"type": "status"}) == before
        assert process.raw(json.dumps(intent("n")).replace('"0.10"', "0.10").encode())["decision"] == "ADMIT"
        assert process.end() == 0


@pytest.mark.parametrize(("profile", "problem"), [("micro", "held by another process"), ("core", "dollar caps")])
def test_an_account_has_one_governor_and_one_set_of_caps(tmp_path: Path, profile: str, problem: str) -> None:
    command = [sys.executable, "-m", "plimsoll", "govern", "--profile", profile, "--home", str(tmp_path)]
    with governor(tmp_path) as process:
        process.ask({"type": "status"})
        if profile == "core":
            process.kill()
        second = subprocess.run(command, input=b"", capture_output=True, env=ENV, check=False)
        assert second.returncode == 1 and problem in second.stderr.decode()


def test_a_reader_that_leaves_ends_it_quietly_and_what_was_decided_is_kept(tmp_path: Path) -> None:
    with governor(tmp_path) as process:
        process.ask(SESSION)
        process.ask(QUOTE)
        child = process.child
        assert child.stdin and child.stdout
        child.stdout.close()
        child.stdin.write(b"".join(json.dumps(intent(f"i{n}", qty="0.01")).encode() + b"\n" for n in range(3)))
        child.stdin.close()
        assert child.wait(timeout=60) == 1
    with governor(tmp_path) as process:
        assert [o["id"] for o in process.ask({"type": "status"})["open"]] == ["i0", "i1", "i2"]


@pytest.mark.parametrize("lost", ["all of it", "the last session"])
def test_an_account_whose_store_forgot_a_session_does_not_begin_anew(tmp_path: Path, lost: str) -> None:
    """Positions and orders are in the store alone: a governor that lost them would give their room away again."""
    account = tmp_path / "governor.db"
    with governor(tmp_path) as process:
        process.ask(SESSION)
        process.ask(QUOTE)
        assert process.ask(intent("a1"))["decision"] == "ADMIT"
        assert process.end() == 0
    backup = account.read_bytes()
    with governor(tmp_path) as process:
        process.ask(SESSION | {"date": "2026-03-03"})
        process.ask(QUOTE | {"ts": "2026-03-03T15:00:00Z"})
        assert process.end() == 0
    for file in tmp_path.glob("governor.*" if lost == "all of it" else "governor.db*"):
        file.unlink()
    if lost == "the last session":
        account.write_bytes(backup)
    done = subprocess.run([*COMMAND, str(tmp_path)], input=b"", capture_output=True, env=ENV, check=False)
    assert done.returncode == 3
    assert (b"session on 2026-03-03" if lost == "all of it" else b"this home has seen entry") in done.stderr
    assert (b"another --home" if lost == "all of it" else b"plimsoll audit repair") in done.stderr


def test_a_governor_holds_neither_numbers_nor_calendars_in_memory(tmp_path: Path) -> None:
    """Not when a session of an account that grows by steps ends either, which asks the calendar."""
    code = (
        "import sys\nfrom plimsoll.cli.main import main\ntry:\n    main()\nfinally:\n"
        "    print(sorted({'numpy', 'pandas', 'exchange_calendars', 'polars', 'highspy'} & set(sys.modules)))"
    )
    later = SESSION | {"date": "2026-03-03"}
    lines = "\n".join(json.dumps(line) for line in (SESSION, QUOTE, later, SESSION | {"date": "2090-03-06"}, later))
    done = subprocess.run(
        [sys.executable, "-c", code, *COMMAND[3:], str(tmp_path)],
        input=lines.encode(),
        stdout=subprocess.PIPE,
        env=ENV | {"PLIMSOLL__GOVERNOR__GRADUATE_PAPER": "true"},
        check=True,
    )
    *answers, held = done.stdout.decode().splitlines()
    assert held == "[]"
    assert [json.loads(answer) for answer in answers[:4]] == [{"ok": True}] * 4
    assert "before the last" in json.loads(answers[4])["error"]
    told = [json.loads(line)["body"] for line in (tmp_path / "account.jsonl").read_text().splitlines()]
    sessions = [(body["date"], body["minutes"], body["minutes_up"]) for body in told if body["kind"] == "session"]
    assert sessions == [("2026-03-02", 390, 1), ("2026-03-03", 390, 0)]


def test_the_minutes_of_a_session_are_the_exchanges() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    day = noon.date().toordinal() - date(1970, 1, 1).toordinal()
    opened = int(noon.replace(hour=14, minute=30).timestamp()) // 60
    assert governing._session_minutes(day) == (opened, opened + 390)
    assert governing._session_minutes(day - 1) is None  # a Sunday
    with pytest.raises(InputError, match="2035"):
        governing._session_minutes(30_000)
