"""``plimsoll limits`` and ``plimsoll keys`` as a person types them, beside the governor they bind (H1, X0)."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from plimsoll.account.record import AccountRecord
from plimsoll.cli.main import cli
from plimsoll.core.account_record import Session
from plimsoll.store.home import Home

ENV = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
SESSION = {"type": "session", "date": "2026-03-02", "equity": "1000.00"}
STATUS = {"type": "status"}


class Desk:
    """A home beside a folder of keys."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"

    def run(self, *words: str, status: int = 0, lines: str = "") -> Result:
        """In this process, which is how a hundred of them stay quick."""
        done = CliRunner().invoke(cli, ["--home", str(self.home), *words], input=lines, catch_exceptions=False)
        assert done.exit_code == status, f"{words}\n{done.output}"
        return done

    def json(self, *words: str, status: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", status=status).stdout)

    def govern(self, *lines: dict[str, str], live: bool = False) -> list[Any]:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        words = ("govern", "--profile", "micro", *(("--live",) if live else ()))
        return [json.loads(answer) for answer in self.run(*words, lines=text).stdout.splitlines()]

    def key(self, name: str) -> str:
        return str(self.folder / f"{name}.key")

    def new(self, name: str) -> str:
        return self.run("keys", "new", name, "--out", self.key(name)).stdout.strip()

    def person(self, name: str) -> None:
        self.run("keys", "trust", name, self.new(name))

    def sign(self, person: str, *words: str, status: int = 0) -> Any:
        who = ("--person", person, "--key", self.key(person), "--reason", "because")
        return self.json("limits", "sign", "--profile", "micro", *who, *words, status=status)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_home_without_limits_shows_what_its_profile_begins_with(desk: Desk) -> None:
    micro = desk.json("limits", "show", "--profile", "micro")
    wanted = {"loss": "100.00", "position": "500.00", "turnover": "2000.00", "trade": "50.00", "positions": {}}
    assert micro["caps"] == wanted and micro["recorded"] is False and micro["in_force"] is None
    core = desk.json("limits", "show")
    assert (core["caps"]["loss"], core["caps"]["turnover"], core["caps"]["trade"]) == (
        "3000.00",
        "30000.00",
        "10000.00",
    )
    assert core["caps"]["positions"]["GLD"] == "50000.00"
    assert not desk.home.exists()


def test_a_paper_account_gets_its_caps_on_its_first_use_and_a_person_changes_them(desk: Desk) -> None:
    first = desk.run("govern", "--profile", "micro", lines=json.dumps(SESSION))
    assert "not signed" in first.stderr
    shown = desk.json("limits", "show", "--profile", "micro")
    assert (shown["mode"], shown["sequence"], shown["signed_by"]) == ("paper", 1, None)
    assert shown["in_force"] == shown["caps"]
    assert desk.sign("ann", status=1)["error"].endswith("(No such file or directory)")
    desk.person("ann")
    assert stat.S_IMODE(Path(desk.key("ann")).stat().st_mode) == 0o600
    raised = desk.sign("ann", "--loss", "200", "--trade", "20", "--position-of", "msft=90")
    assert (raised["sequence"], raised["signed_by"], raised["waiting"]) == (2, "ann", True)
    assert raised["caps"]["positions"] == {"MSFT": "90.00"} and raised["in_force"]["loss"] == "100.00"
    assert {(d["cap"], d["policy"], d["limits"]) for d in raised["differs"]} == {
        ("loss", "100.00", "200.00"), ("trade", "50.00", "20.00"), ("position of MSFT", "500.00", "90.00"),
    }  # fmt: skip
    before, _, after = desk.govern(STATUS, SESSION | {"date": "2026-03-03"}, STATUS)
    assert (before["limits"]["loss"], before["limits"]["trade"]) == ("100.00", "20.00")
    assert before["limits"]["positions"] == {"MSFT": "90.00"}
    assert after["limits"]["loss"] == "200.00"
    versions = desk.json("limits", "history")
    assert [(v["sequence"], v["signed_by"], v["reason"]) for v in versions] == [
        (1, None, "paper account, on its first use"), (2, "ann", "because"),
    ]  # fmt: skip


def test_a_running_governor_takes_signed_caps_at_its_next_session(desk: Desk) -> None:
    desk.person("ann")
    command = [sys.executable, "-m", "plimsoll", "--home", str(desk.home), "govern", "--profile", "micro"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV)
    assert child.stdin and child.stdout and child.stderr

    def ask(line: dict[str, str]) -> Any:
        child.stdin.write(json.dumps(line).encode() + b"\n")  # type: ignore[union-attr]
        child.stdin.flush()  # type: ignore[union-attr]
        return json.loads(child.stdout.readline())  # type: ignore[union-attr]

    try:
        ask(SESSION)
        shown = desk.sign("ann", "--loss", "300")
        assert shown["in_force"] is None and "running" in shown["note"]
        assert ask(STATUS)["limits"]["loss"] == "100.00"
        ask(SESSION)
        assert ask(STATUS)["limits"]["loss"] == "100.00"
        text = (desk.home / "limits.json").read_text()
        (desk.home / "limits.json").write_text(text.replace("300.00", "999.00"))
        told = ask(SESSION | {"date": "2026-03-03"})["error"]
        assert 'body.caps.loss is "999.00", recorded is "300.00"' in told
        assert ask(STATUS)["session"] == "2026-03-02"
        (desk.home / "limits.json").unlink()
        assert ask(SESSION | {"date": "2026-03-03"}) == {"ok": True}
        assert ask(STATUS)["limits"]["loss"] == "300.00"
    finally:
        child.kill()
        child.communicate()
    assert "300.00" in (desk.home / "limits.json").read_text()


def test_live_refuses_to_start_without_signed_limits(desk: Desk) -> None:
    refused = desk.run("govern", "--profile", "micro", "--live", status=4)
    assert "no signed limits" in refused.stderr and "plimsoll limits sign --live" in refused.stderr
    desk.new("ann")
    assert "nobody may sign" in desk.sign("ann", "--live", status=3)["error"]
    desk.person("bob")
    live = desk.sign("bob", "--live")
    assert (live["mode"], live["signed_by"], live["steps"]) == ("live", "bob", ["10.00", "25.00", "50.00", "500.00"])
    assert "live" in desk.run("govern", "--profile", "micro", status=2).stderr
    (begun,) = desk.govern(SESSION | {"date": datetime.now(UTC).date().isoformat()}, live=True)
    assert begun["ok"] is True
    assert "has not begun" in desk.govern(SESSION | {"date": "2999-01-01"}, live=True)[0]["error"]


def test_a_live_home_that_others_can_write_is_refused_until_it_is_mended(desk: Desk) -> None:
    before = os.umask(0o002)
    try:
        desk.person("ann")
        desk.sign("ann", "--live")
        today = {"date": datetime.now(UTC).date().isoformat()}
        assert desk.govern(SESSION | today, live=True)[0]["ok"] is True
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in desk.home.iterdir()}
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600} and stat.S_IMODE(desk.home.stat().st_mode) == 0o700
    assert {"account.jsonl", "account.anchor", "limits.json", "governor.db"} <= set(modes)
    policy = desk.folder / "p.yaml"
    policy.write_text("profile: micro\n")
    who = ("--person", "ann", "--key", desk.key("ann"), "--reason", "x")
    for path in (*(desk.home / name for name in modes), desk.home, policy):
        path.chmod(path.stat().st_mode | 0o020)
        words = ("--policy", str(policy)) if path == policy else ("--profile", "micro")
        told = desk.run("govern", "--live", *words, status=1)
        assert (
            f"{path} of a live account can be written by other users" in told.stderr
            and f"chmod go-w {path}" in told.stderr
        )
        assert f"chmod go-w {path}" in desk.run("limits", "sign", *who, *words, status=1).stderr
        if path != policy:
            assert f"chmod go-w {path}" in desk.run("approve", "size", *who, status=1).stderr
        path.chmod(path.stat().st_mode & ~0o020)
    assert desk.govern(STATUS, live=True)[0]["session"] == today["date"]


def test_a_paper_home_may_be_shared(desk: Desk) -> None:
    desk.govern(SESSION)
    for path in (desk.home, desk.home / "governor.db", desk.home / "account.jsonl"):
        path.chmod(path.stat().st_mode | 0o022)
    assert desk.govern(SESSION) == [{"ok": True}]
    desk.person("ann")
    assert desk.sign("ann", "--loss", "50")["caps"]["loss"] == "50.00"


def test_a_key_inside_the_home_neither_is_made_nor_signs(desk: Desk) -> None:
    desk.govern(SESSION)
    inside = desk.home / "ann.key"
    assert "inside the home" in desk.run("keys", "new", "ann", "--out", str(inside), status=2).stderr
    assert not inside.exists()
    desk.person("ann")
    inside.write_bytes(Path(desk.key("ann")).read_bytes())
    inside.chmod(0o600)
    who = ("--person", "ann", "--key", str(inside), "--reason", "x")
    for words in (
        ("limits", "sign", "--profile", "micro", *who),
        ("approve", "size", *who),
        ("sla", "--profile", "micro", "--sign", "ann", "--key", str(inside)),
        ("keys", "revoke", "ann", "--by", "ann", "--key", str(inside)),
    ):
        assert f"{inside} is inside the home" in desk.run(*words, status=2).stderr
    inside.unlink()
    Path(desk.key("ann")).chmod(0o644)
    told = desk.run("limits", "sign", "--profile", "micro", *who[:3], desk.key("ann"), *who[4:], status=1).stderr
    assert f"chmod 600 {desk.key('ann')}" in told


def test_a_live_order_counts_from_when_its_line_was_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none may wait at all each is late; a recorded one is not."""
    monkeypatch.setenv("PLIMSOLL__GOVERNOR__WAIT_MAX", "0")
    desk.person("ann")
    desk.sign("ann", "--live")
    paper = Desk(desk.folder / "paper")
    now = datetime.now(UTC).isoformat()
    lines = (
        SESSION | {"date": now[:10]},
        {"type": "quote", "symbol": "MSFT", "bid": "1.00", "ask": "1.00", "ts": now},
        {"type": "intent", "id": "a", "symbol": "MSFT", "side": "buy", "qty": "1", "ts": now},
    )
    assert desk.govern(*lines, live=True)[2]["reasons"] == ["LATE"]
    assert paper.govern(*lines)[2]["decision"] == "ADMIT"


def test_a_paper_account_never_becomes_a_live_one(desk: Desk) -> None:
    desk.govern(SESSION)
    desk.person("ann")
    assert "home of its own" in desk.sign("ann", "--live", status=2)["remedy"]
    assert "paper" in desk.run("govern", "--profile", "micro", "--live", status=4).stderr


def test_the_caps_of_one_home_do_not_serve_another(desk: Desk, tmp_path: Path) -> None:
    desk.govern(SESSION)
    desk.person("ann")
    other = Desk(tmp_path / "other")
    other.folder.mkdir()
    other.govern(SESSION)
    other.person("eve")
    other.sign("eve", "--loss", "5000")
    for name in ("account.jsonl", "account.anchor", "limits.json"):
        (desk.home / name).write_bytes((other.home / name).read_bytes())
    told = desk.run("govern", "--profile", "micro", status=3).stderr
    assert "is not the record this account is governed by" in told


def test_an_older_record_is_found_by_what_the_governor_keeps_of_it(desk: Desk) -> None:
    """Record, anchor and copy put back together, as they were two sessions ago: whole, and not what was governed by."""
    names = ("account.jsonl", "account.anchor", "limits.json")
    desk.govern(SESSION)
    desk.person("ann")
    desk.govern(SESSION | {"date": "2026-03-03"})
    old = {name: (desk.home / name).read_bytes() for name in names}
    desk.govern(SESSION | {"date": "2026-03-04"}, SESSION | {"date": "2026-03-05"})
    for name, content in old.items():
        (desk.home / name).write_bytes(content)
    told = "is not the record this account is governed by"
    for words in (("limits", "history"), ("limits", "show"), ("approve", "status"), ("keys", "list"), ("sla",)):
        assert told in desk.run(*words, *(("--profile", "micro") if words == ("sla",) else ()), status=3).stderr
    assert told in desk.sign("ann", "--loss", "50", status=3)["error"]
    assert told in desk.run("govern", "--profile", "micro", status=3).stderr


def test_sessions_that_the_governor_did_not_tell_are_found(desk: Desk) -> None:
    """The record goes on by the rules, anchor and all, as somebody who may write the home can make it."""
    desk.govern(SESSION, SESSION | {"date": "2026-03-03"})
    record = AccountRecord(Home(desk.home))
    last = next(e.body for e in reversed(record.read().entries) if isinstance(e.body, Session))
    record.append(msgspec.structs.replace(last, date="2026-03-03"))  # what a crash before the next session leaves
    assert desk.run("limits", "history")
    record.append(msgspec.structs.replace(last, date="2026-03-04"))
    for words in (("limits", "history"), ("approve", "status"), ("govern", "--profile", "micro")):
        assert "the governor's store lacks, from entry 5 on" in desk.run(*words, status=3).stderr


def test_who_may_sign_is_signed_for_too(desk: Desk) -> None:
    desk.person("ann")
    bob, ann_key, bob_key = desk.new("bob"), desk.key("ann"), desk.key("bob")
    assert "ann must sign" in desk.json("keys", "trust", "bob", bob, status=3)["error"]
    assert desk.json("keys", "trust", "bob", bob, "--by", "ann", status=2)["exit_code"] == 2
    desk.run("keys", "trust", "bob", bob, "--by", "ann", "--key", ann_key)
    assert [k["person"] for k in desk.json("keys", "list")] == ["ann", "bob"]
    desk.run("keys", "revoke", "ann", "--by", "bob", "--key", bob_key)
    assert "ann may not sign" in desk.sign("ann", "--loss", "1", status=3)["error"]
    assert "only one" in desk.run("keys", "revoke", "bob", "--by", "bob", "--key", bob_key, status=3).stderr


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--loss", "nan"), 1, "loss is 'nan'"),
        (("--trade", "-5"), 1, "trade is '-5'"),
        (("--position-of", "MSFT"), 2, "MSFT=250"),
        (("--position-of", "VOD.L=9"), 1, "not quoted in dollars"),
        (("--position-of", "BTC-USD=9", "--position-of", "btcusdt=8"), 1, "given twice"),
        (("--reason", "  "), 2, "--reason is empty"),
        (("--profile", "core"), 1, "made for profile micro"),
        (("--person", "eve"), 3, "eve may not sign"),
    ],
)
def test_what_cannot_be_signed_is_refused(desk: Desk, words: tuple[str, ...], status: int, told: str) -> None:
    desk.govern(SESSION)
    desk.person("ann")
    before = (desk.home / "account.jsonl").read_bytes()
    said = desk.sign("ann", *words, status=status)
    assert told in said["error"] + said["remedy"]
    assert (desk.home / "account.jsonl").read_bytes() == before


def test_the_risk_promise_is_signed_and_checked(desk: Desk) -> None:
    assert "$100.00" in desk.run("sla", "--profile", "micro").stdout and not desk.home.exists()
    desk.govern(SESSION)
    desk.person("ann")
    page = desk.folder / "promise.txt"
    assert desk.run("sla", "--profile", "micro", "--sign", "ann", status=2)
    desk.run("sla", "--profile", "micro", "--sign", "ann", "--key", desk.key("ann"), "--out", str(page))
    checked = desk.json("sla", "--profile", "micro", "--verify", str(page))
    assert checked["signed_by"] == "ann" and checked["in_force"] is True
    made = desk.json("sla", "--profile", "micro")
    assert made["signed_by"] == "ann" and page.read_text().startswith(made["text"])
    desk.sign("ann", "--loss", "90")
    assert desk.json("sla", "--profile", "micro", "--verify", str(page), status=3)["in_force"] is False
    page.write_text(page.read_text().replace("$500.00", "$400.00"))
    assert "no trusted person" in desk.json("sla", "--profile", "micro", "--verify", str(page), status=3)["error"]


def test_a_promise_is_written_over_nothing_the_account_keeps(desk: Desk) -> None:
    desk.govern(SESSION)
    desk.person("ann")
    before = {path.name: path.read_bytes() for path in desk.home.iterdir()}
    who = ("sla", "--profile", "micro", "--sign", "ann", "--key", desk.key("ann"), "--out")
    for name in before:
        assert "keeps itself" in desk.run(*who, str(desk.home / name), status=2).stderr
    assert {path.name: path.read_bytes() for path in desk.home.iterdir()} == before  # and nothing was signed
    desk.run(*who, str(desk.home / "absent" / "page.txt"), status=1)
    page = desk.folder / "promise.txt"
    desk.run(*who, str(page))
    desk.run("sla", "--profile", "micro", "--verify", str(page))


def test_a_store_that_was_deleted_in_the_first_session_of_an_account_is_missed(desk: Desk) -> None:
    """The record tells a session when the next begins, so of the first one it says nothing yet."""
    at = {"symbol": "MSFT", "ts": "2026-03-02T15:00:00Z"}
    order = {"type": "intent", "id": "a", "side": "buy", "qty": "0.1", **at}
    desk.govern(SESSION, {"type": "quote", "bid": "99.99", "ask": "100.01", **at}, order)
    for name in ("governor.db", "governor.anchor", "session.json", "session.lock"):
        (desk.home / name).unlink()
    told = desk.run("govern", "--profile", "micro", status=3).stderr
    assert "had a session on 2026-03-02, and the governor's store has none" in told
