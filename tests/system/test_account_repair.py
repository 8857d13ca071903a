"""An account that was lost or altered, found by ``plimsoll audit verify`` and mended by ``plimsoll audit repair``."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import commands

ENV = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")} | {
    "PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000"
}


def plimsoll(home: Path, *words: str, given: list[dict[str, Any]] | None = None) -> commands.Done:
    lines = "".join(json.dumps(line) + "\n" for line in given or [])
    return commands.plimsoll(*words, home=home, env={"PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000"}, typed=lines)


def govern(home: Path, *lines: dict[str, Any], code: int = 0) -> list[Any]:
    done = plimsoll(home, "govern", "--profile", "micro", given=list(lines))
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


SESSION = {"type": "session", "date": "2026-03-02", "equity": "1000.00"}
QUOTE = {"type": "quote", "symbol": "MSFT", "bid": "399.98", "ask": "400.02", "ts": "2026-03-02T15:00:00Z"}
STATUS = {"type": "status"}


def order(name: str, ts: str = "2026-03-02T15:00:01Z", side: str = "buy", qty: str = "0.1") -> dict[str, Any]:
    return {"type": "intent", "id": name, "symbol": "MSFT", "side": side, "qty": qty, "ts": ts}


def filled(name: str) -> dict[str, Any]:
    return {"type": "fill", "id": name, "exec": f"x-{name}", "qty": "0.1", "price": "400", "ts": "2026-03-02T15:00:02Z"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    govern(tmp_path / "desk", SESSION, QUOTE, order("a"), filled("a"), order("b"))
    return tmp_path / "desk"


def edit(home: Path, words: str) -> None:
    with closing(sqlite3.connect(home / "governor.db")) as file:
        assert file.execute(words).rowcount == 1
        file.commit()


def verified(home: Path) -> dict[str, Any]:
    done = plimsoll(home, "audit", "verify", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 3)
    return dict(found["governor"])


def test_an_edited_row_is_named_and_rebuilt_from_the_record(home: Path) -> None:
    before = govern(home, STATUS)[0]
    whole = verified(home)
    assert whole["ok"] and whole["entries"] > 4 and len(whole["head"]) == 64
    shown = plimsoll(home, "audit", "verify")
    assert f"ok: {whole['entries']} entries" in shown.stdout and shown.returncode == 0
    assert "is intact" in plimsoll(home, "audit", "repair").stdout
    edit(home, "UPDATE state SET text = '900000000000' WHERE kind = 'position'")
    found = verified(home)
    assert (
        found["first_bad"] == 5
        and "position MSFT is '900000000000', and entry 5 left '100000000000'" in found["problem"]
    )
    refused = plimsoll(home, "govern", "--profile", "micro")
    assert refused.returncode == 3 and "plimsoll audit repair" in refused.stderr
    done = plimsoll(home, "audit", "repair")
    assert done.returncode == 0 and "nothing is lost" in done.stdout
    assert verified(home)["head"] == whole["head"] and govern(home, STATUS)[0] == before
    with closing(sqlite3.connect(home / "governor.db.damaged-1")) as kept:
        assert kept.execute("SELECT text FROM state WHERE kind = 'position'").fetchone() == ("900000000000",)


def test_a_fact_and_an_entry_that_were_altered_are_named(home: Path) -> None:
    shutil.copytree(home, home.parent / "other")
    edit(home, "DELETE FROM fact WHERE kind = 'intent' AND key = 'a'")
    assert verified(home)["first_bad"] == 4 and "intent a of entry 4 is missing" in verified(home)["problem"]
    other = home.parent / "other"
    edit(other, "UPDATE record SET text = replace(text, 'ADMIT', 'REFUS') WHERE number = 4")
    found = verified(other)
    assert (found["first_bad"], found["entries"]) == (5, 4)
    done = plimsoll(other, "audit", "repair")
    assert done.returncode == 3 and "--restart" in done.stderr and "in order to entry 4" in done.stderr


def test_an_older_copy_begins_again_only_on_a_persons_word_and_only_reduces_until_the_venue_has_told(
    home: Path,
) -> None:
    shutil.copy(home / "governor.db", home.parent / "old.db")
    govern(home, QUOTE, order("c", "2026-03-02T15:00:03Z"), order("d", "2026-03-02T15:00:04Z"))
    shutil.copy(home.parent / "old.db", home / "governor.db")
    assert "this home has seen" in verified(home)["problem"]
    refused = plimsoll(home, "audit", "repair")
    assert refused.returncode == 3 and "entries after it, or more, cannot be told" in refused.stderr
    done = json.loads(plimsoll(home, "audit", "repair", "--restart", "--json").stdout)
    assert done["action"] == "restart" and done["lost"] >= 1
    later = QUOTE | {"ts": "2026-03-02T15:01:00Z"}
    _, bought, sold, status = govern(
        home, later, order("e", "2026-03-02T15:01:01Z"), order("f", "2026-03-02T15:01:02Z", "sell"), STATUS
    )
    assert "ENTRIES_LOST" in bought["reasons"] and sold["decision"] == "ADMIT"
    assert status["reduce_only"] and "b" in status["cancel"]
    snapshot = {"type": "snapshot", "id": "s1", "positions": {"MSFT": "0.1"}, "ts": "2026-03-02T15:02:00Z"}
    late = order("g", "2026-03-02T15:02:01Z", qty="0.01")
    assert "ENTRIES_LOST" in govern(home, later, snapshot, late)[2]["reasons"]
    tomorrow = [SESSION | {"date": "2026-03-03"}, QUOTE | {"ts": "2026-03-03T15:00:00Z"}]
    last = govern(home, *tomorrow, order("h", "2026-03-03T15:00:01Z", qty="0.01"))[2]
    assert last["decision"] == "ADMIT", last
    assert verified(home)["ok"]
    record = (home / "account.jsonl").read_text(encoding="utf-8")
    assert '"kind":"repair"' in record and '"action":"restart"' in record


def test_a_file_that_is_gone_is_begun_again_with_nothing(home: Path) -> None:
    for file in home.glob("governor.db*"):
        file.unlink()
    assert verified(home)["first_bad"] == 1
    assert plimsoll(home, "audit", "repair").returncode == 3
    assert plimsoll(home, "audit", "repair", "--restart").returncode == 0
    said = govern(home, SESSION, QUOTE, order("n"))
    assert said[2]["reasons"] == ["ENTRIES_LOST"]


def test_where_keys_are_trusted_a_repair_is_signed(home: Path) -> None:
    key = home.parent / "ann.key"
    public = plimsoll(home, "keys", "new", "ann", "--out", str(key)).stdout.strip()
    assert plimsoll(home, "keys", "trust", "ann", public).returncode == 0
    edit(home, "DELETE FROM state WHERE kind = 'position'")
    refused = plimsoll(home, "audit", "repair")
    assert refused.returncode == 3 and "is not signed" in refused.stderr and not verified(home)["ok"]
    signed = ["--person", "ann", "--key", str(key), "--reason", "a row was gone"]
    assert plimsoll(home, "audit", "repair", *signed[:2]).returncode == 2
    done = plimsoll(home, "audit", "repair", *signed)
    assert done.returncode == 0, done.stderr
    assert verified(home)["ok"] and govern(home, STATUS)[0]["positions"] == {"MSFT": "0.1"}


def test_a_governor_that_runs_is_not_verified_beside(home: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "--home", str(home), "govern", "--profile", "micro"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV,
    )  # fmt: skip
    try:
        assert running.stdin and running.stdout
        running.stdin.write(b'{"type":"status"}\n')
        running.stdin.flush()
        assert running.stdout.readline()
        for act in ("verify", "repair"):
            done = plimsoll(home, "audit", act)
            assert done.returncode == 1 and "held by another process" in done.stderr
    finally:
        running.communicate(timeout=60)
