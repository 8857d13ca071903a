"""``plimsoll approve`` beside a live governor: a step of size on evidence and a signature (H7, P5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from plimsoll import app
from plimsoll.app import governing
from plimsoll.cli.main import cli

DATES = ["2026-02-23", "2026-02-24", "2026-02-25", "2026-02-26", "2026-02-27", "2026-03-02", "2026-03-03"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Sessions of three minutes, so that five of them are fifteen quotes, on a machine whose clock is set by hand."""
    found = Desk(tmp_path)
    monkeypatch.setattr(governing, "_session_minutes", lambda day: (day * 1440 + 870, day * 1440 + 873))
    for clock in ("wall", "steady"):
        monkeypatch.setattr(governing, clock, lambda: found.now)
    return found


class Desk:
    """A live home, and Ann who may sign for it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.key, self.now = folder / "home", str(folder / "ann.key"), 0
        public = self.run("keys", "new", "ann", "--out", self.key).stdout.strip()
        self.run("keys", "trust", "ann", public)
        self.run(
            "limits", "sign", "--live", "--profile", "micro", "--person", "ann", "--key", self.key, "--reason", "x"
        )

    def run(self, *words: str, status: int = 0, lines: str = "") -> Any:
        done = CliRunner().invoke(cli, ["--home", str(self.home), *words], input=lines, catch_exceptions=False)
        assert done.exit_code == status, f"{words}\n{done.output}"
        return done

    def json(self, *words: str, status: int = 0) -> Any:
        profile = () if words[0] == "approve" else ("--profile", "micro")
        return json.loads(self.run(*words, *profile, "--json", status=status).stdout)

    def approve(self, status: int = 0, person: str = "ann") -> Any:
        who = ("--person", person, "--key", self.key, "--reason", "good days")
        return self.json("approve", "size", *who, status=status)

    def govern(self, *lines: dict[str, str]) -> list[Any]:
        """What a live governor answers, started anew, to lines that come at their own times."""
        said = []
        self._until(lines[0])
        with app.governed(app.Workspace(home=self.home, profile="micro"), live=True) as protocol:
            for line in lines:
                self._until(line)
                said += protocol.answer([json.dumps(line).encode()])
        return [json.loads(answer) for answer in said]

    def _until(self, line: dict[str, str]) -> None:
        text = line.get("ts") or f"{line['date']}T14:00:00Z" if "date" in line or "ts" in line else None
        if text is not None:
            self.now = int(datetime.fromisoformat(text).timestamp() * 1_000_000)


def session(date: str, qty: str = "0.02", quotes: int = 3, gain: float = 0.5) -> list[dict[str, str]]:
    """Bought at the open and sold two minutes later, fifty cents a share higher."""
    n = DATES.index(date)
    start = datetime.fromisoformat(f"{date}T14:30:00").replace(tzinfo=UTC)
    lines = [{"type": "session", "date": date, "equity": f"{1000 + n / 100:.2f}"}]
    for minute in range(quotes):
        ts = (start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
        price = f"{400 + gain * minute:.2f}"
        lines.append({"type": "quote", "symbol": "MSFT", "bid": price, "ask": price, "ts": ts})
        if minute in (0, 2):
            name = f"{date}-{minute}"
            side = "buy" if minute == 0 else "sell"
            lines.append({"type": "intent", "id": name, "symbol": "MSFT", "side": side, "qty": qty, "ts": ts})
            lines.append({"type": "fill", "id": name, "exec": name, "qty": qty, "price": price, "ts": ts})
    return lines


def test_a_step_needs_five_sessions_and_a_signature(desk: Desk) -> None:
    began = desk.json("approve", "status")
    assert (began["size"], began["next"], began["ready"], began["sessions"]) == ("10.00", "25.00", False, 0)
    begun, quote, intent = session(DATES[0], qty="0.026")[:3]
    refused = desk.govern(begun, quote, dict(intent, id="large"))[2]
    assert refused["reasons"] == ["POSITION_LIMIT"] and refused["headroom"]["position"] == "10.00"
    for n, date in enumerate(DATES[:6]):
        told = desk.approve(status=3)
        assert "$25.00 cannot be granted yet" in told["error"] and "profitable days in a row" in told["error"]
        desk.govern(*session(date)[1 if n == 0 else 0 :])
    found = desk.json("approve", "status")
    assert found["ready"] is True and all(item["met"] for item in found["evidence"])
    assert "eve may not sign" in desk.approve(status=3, person="eve")["error"]
    assert desk.approve()["size"] == "25.00"
    assert desk.json("limits", "show")["in_force"]["position"] == "10.00"
    # nothing rises before the next session; then it does
    late = dict(session(DATES[5], qty="0.06")[2], id="late", ts="2026-03-02T14:33:00Z")
    next_day = session(DATES[6], qty="0.06")
    answers = desk.govern(dict(session(DATES[5])[1], ts=late["ts"]), late, *next_day)
    assert answers[1]["reasons"] == ["POSITION_LIMIT"]
    assert answers[4]["decision"] == "ADMIT"
    assert desk.json("limits", "show")["size"] == "25.00"
    assert "at this step; its cap is $500.00" in desk.run("sla", "--profile", "micro").stdout
    assert desk.approve(status=3)["error"].startswith("$50.00 cannot be granted yet")


def test_a_missed_minute_or_a_lost_day_is_missing_evidence(desk: Desk) -> None:
    for date in DATES[:4]:
        desk.govern(*session(date))
    desk.govern(*session(DATES[4], gain=-0.5))
    desk.govern(*session(DATES[5]))
    missing = {item["name"] for item in desk.json("approve", "status")["evidence"] if not item["met"]}
    assert missing == {"profitable days in a row"}


def test_an_overfill_takes_a_step_back_at_the_next_session(desk: Desk) -> None:
    for date in DATES[:6]:
        desk.govern(*session(date))
    desk.approve()
    day = session(DATES[6])
    day.append(dict(day[-1], exec="again"))
    assert desk.govern(*day)[-1] == {"ok": True, "reasons": ["OVERFILL"]}
    assert desk.json("approve", "status")["size"] == "25.00"
    answers = desk.govern({"type": "session", "date": "2026-03-04", "equity": "1000.07"}, {"type": "status"})
    assert answers[1]["limits"]["position"] == "10.00"
    after = desk.json("approve", "status")
    assert (after["size"], after["since"]) == ("10.00", "a breach on 2026-03-03")


def test_a_paper_account_grows_by_steps_only_when_asked(tmp_path: Path) -> None:
    def ask(home: str, *words: str) -> Any:
        words = ("--home", str(tmp_path / home), "govern", "--profile", "micro", *words)
        lines = json.dumps({"type": "session", "date": DATES[0], "equity": "1000.00"}) + '\n{"type":"status"}\n'
        done = CliRunner().invoke(cli, words, input=lines, catch_exceptions=False)
        return json.loads(done.stdout.splitlines()[1])["limits"]["position"]

    policy = tmp_path / "mine.yaml"
    policy.write_text("governor: {graduate_paper: true, size_steps: [7, 70]}\n")
    assert ask("plain") == "500.00"
    assert ask("steps", "--policy", str(policy)) == "7.00"
    assert ask("steps") == "7.00"  # frozen in the account's limits, whatever the policy says
    shown = CliRunner().invoke(cli, ["--home", str(tmp_path / "plain"), "approve", "status", "--json"])
    assert json.loads(shown.stdout)["graduated"] is False
