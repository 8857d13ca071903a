"""Signed acts from the command line: signed once, applied once, refused without a signature (R9, U6, X6)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import commands

ENV = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")} | {
    "PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000"
}


def run(home: Path, *words: str, lines: list[dict[str, Any]] | None = None) -> commands.Done:
    text = "".join(json.dumps(line) + "\n" for line in lines or [])
    return commands.plimsoll(*words, home=home, env={"PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000"}, typed=text)


def govern(home: Path, *lines: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    done = run(home, "govern", "--profile", "micro", lines=list(lines))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A paper account that holds 1 OLD at 45, bought by order "a"."""
    where = tmp_path / "home"
    answers, _ = govern(
        where,
        {"type": "session", "date": "2026-03-02", "equity": "10000.00"},
        {"type": "quote", "symbol": "OLD", "bid": "44.99", "ask": "45.00", "ts": "2026-03-02T15:00:00Z"},
        {"type": "intent", "id": "a", "symbol": "OLD", "side": "buy", "qty": "1", "ts": "2026-03-02T15:00:01Z"},
        {"type": "fill", "id": "a", "exec": "x", "qty": "1", "price": "45.00", "ts": "2026-03-02T15:00:02Z"},
    )
    assert answers[-1] == {"ok": True}
    return where


def trusting(home: Path) -> Path:
    """ann may sign for the account; her key."""
    key = home.parent / "ann.key"
    public = run(home, "keys", "new", "ann", "--out", str(key)).stdout.strip()
    assert run(home, "keys", "trust", "ann", public).returncode == 0
    return key


def approve(home: Path, key: Path, *words: str) -> commands.Done:
    return run(home, "approve", *words, "--person", "ann", "--key", str(key), "--reason", "seen", "--json")


SETTLE = {"type": "settle", "id": "z", "symbol": "OLD", "price": "40", "ts": "2026-03-02T15:01:00Z"}
STATUS = {"type": "status"}


def test_a_paper_account_nobody_signs_for_settles_unsigned_and_is_told(home: Path) -> None:
    (answer, status), _ = govern(home, SETTLE, STATUS)
    assert answer["ok"] and "unsigned" in answer["notes"][0]
    assert (status["positions"], status["used"]["loss"]) == ({}, "5.00")


def test_where_a_person_may_sign_a_settlement_needs_their_act(home: Path) -> None:
    key = trusting(home)
    (refused, status), _ = govern(home, SETTLE, STATUS)
    assert "settling OLD needs a signature" in refused["error"] and status["positions"] == {"OLD": "1"}
    signed = approve(home, key, "settle", "old", "--price", "40")
    act = json.loads(signed.stdout)
    assert (act["action"], act["symbol"]) == ("settle", "OLD")
    number = str(act["number"])
    answers, said = govern(home, STATUS, SETTLE | {"act": number}, SETTLE | {"act": number, "price": "1"}, STATUS)
    assert f"entry {number} is applied: settle OLD" in said
    assert answers[0]["positions"] == {} and answers[1] == {"ok": True}
    assert f"entry {number} of account.jsonl does not settle OLD at 1" in answers[2]["error"]
    assert "acts" not in answers[3] and answers[3]["used"]["loss"] == "5.00"


def test_an_act_that_is_signed_while_the_governor_runs_is_applied_by_the_message_or_by_status(home: Path) -> None:
    key = trusting(home)
    child = subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "--home", str(home), "govern", "--profile", "micro"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENV, text=True,
    )  # fmt: skip

    def say(line: dict[str, Any]) -> dict[str, Any]:
        assert child.stdin and child.stdout
        child.stdin.write(json.dumps(line) + "\n")
        child.stdin.flush()
        found: dict[str, Any] = json.loads(child.stdout.readline())
        return found

    snapshot = {"type": "snapshot", "id": "p", "positions": {"OLD": "3"}, "ts": "2026-03-02T15:00:30Z"}
    assert say(snapshot)["disputed"] == {"OLD": {"counted": "1", "told": "3"}}
    number = json.loads(approve(home, key, "position", "OLD", "--qty", "3").stdout)["number"]
    status = say(STATUS)
    assert status["acts"] == [{"act": number, "action": "position", "symbol": "OLD", "reasons": []}]
    assert (status["positions"], status["disputed"]) == ({"OLD": "3"}, {})
    number = json.loads(approve(home, key, "settle", "OLD", "--price", "45", "--qty", "1").stdout)["number"]
    assert say(SETTLE | {"act": str(number), "price": "45"}) == {"ok": True}
    status = say(STATUS)
    assert status["positions"] == {"OLD": "2"} and "acts" not in status
    number = json.loads(approve(home, key, "price", "OLD", "--bid", "44", "--ask", "45").stdout)["number"]
    assert say(STATUS)["acts"] == [{"act": number, "action": "price", "symbol": "OLD", "reasons": ["ACT_UNUSED"]}]
    assert child.stdin is not None
    child.communicate(timeout=30)
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("settle", "OLD", "--price", "-1"), 2), (("settle", "OLD", "--price", "x"), 2),
        (("price", "OLD", "--bid", "5", "--ask", "4"), 2), (("price", "OLD", "--bid", "0", "--ask", "4"), 2),
        (("position", "OLD", "--qty", ""), 2), (("position", "a:b", "--qty", "1"), 2),
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_signed(home: Path, words: tuple[str, ...], code: int) -> None:
    key = trusting(home)
    before = (home / "account.jsonl").read_bytes()
    done = approve(home, key, *words)
    assert done.returncode == code, done.stderr
    assert (home / "account.jsonl").read_bytes() == before


def test_an_act_of_somebody_who_may_not_sign_is_refused(home: Path, tmp_path: Path) -> None:
    trusting(home)
    other = tmp_path / "bob.key"
    run(home, "keys", "new", "bob", "--out", str(other))
    done = approve(home, other, "settle", "OLD", "--price", "0")
    assert done.returncode == 3, done.stderr
