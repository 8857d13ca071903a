"""The daemon from the command line: a replayed month, signals, the kill switch, status, and the lock (E2, X10, O10)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import plimsoll
from plimsoll import app

MONTH = ("--replay-from", "2025-06-02", "--replay-to", "2025-06-30")
DAEMON = (sys.executable, "-m", "plimsoll", "daemon", *MONTH)


@pytest.fixture
def home(ingested: Callable[[Path], Path], tmp_path: Path) -> Path:
    return ingested(tmp_path / "home")


def asked(home: Path, *words: str, code: int = 0) -> dict[str, object]:
    done = plimsoll(*words, "--json", home=home)
    assert done.returncode == code, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def backtested(home: Path) -> str:
    return app.backtest(app.Workspace(home), start="2025-06-02", end="2025-06-30").decisions_hash


def test_a_month_replayed_makes_the_backtests_decisions_and_parity_says_so(home: Path) -> None:
    end = asked(home, "daemon", *MONTH)
    result = app.backtest(app.Workspace(home), start="2025-06-02", end="2025-06-30")
    assert end["decisions_hash"] == result.decisions_hash
    assert end["cycles"] == result.sessions == 20
    found = asked(home, "parity", str(end["run"]), result.run)
    assert (found["sessions"], found["same"], found["gaps"]) == (20, 20, [])
    assert plimsoll("audit", "verify", "--run", str(end["run"]), home=home).returncode == 0
    assert "20 of 20 sessions the same" in plimsoll("parity", str(end["run"]), result.run, home=home).stdout


def test_stopped_by_term_the_next_start_goes_on_with_the_same_run(home: Path) -> None:
    slow = [*DAEMON, "--replay-speed", "200000", "--home", str(home)]
    with subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdout.readline().startswith("HEARTBEAT | uptime=")
        other = plimsoll("daemon", home=home)
        assert other.returncode == 1 and f"traded by process {running.pid}" in other.stderr
        assert asked(home, "status")["daemon"] == "running"
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert "stopped by SIGTERM" in out
    status = asked(home, "status")
    assert status["daemon"] == "stopped"
    end = asked(home, "daemon", *MONTH)
    assert end["run"] == status["run"] and end["last_cycle"] == "2025-06-30"
    assert (
        end["decisions_hash"] == app.backtest(app.Workspace(home), start="2025-06-02", end="2025-06-30").decisions_hash
    )


def test_killed_at_any_moment_it_goes_on(home: Path) -> None:
    slow = [*DAEMON, "--replay-speed", "300000", "--home", str(home)]
    for lines in (1, 3):
        with subprocess.Popen(slow, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for _ in range(lines):
                running.stdout.readline()
            os.kill(running.pid, signal.SIGKILL)
    end = asked(home, "daemon", *MONTH)
    assert (
        end["decisions_hash"] == app.backtest(app.Workspace(home), start="2025-06-02", end="2025-06-30").decisions_hash
    )


def stopped_in_the_middle(home: Path) -> str:
    slow = [*DAEMON, "--replay-speed", "300000", "--home", str(home)]
    with subprocess.Popen(slow, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while "cycles=8" not in running.stdout.readline():
            pass
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)
    return str(asked(home, "status")["run"])


def test_an_account_that_is_lost_is_missed_and_no_other_takes_its_place(home: Path) -> None:
    run = stopped_in_the_middle(home)
    assert f"{run}: stopped by SIGTERM; resume with plimsoll daemon" in plimsoll("runs", home=home).stdout
    summary, journal = home / "runs" / f"{run}.json", home / "runs" / f"{run}.db"
    kept = summary.read_bytes(), journal.read_bytes()
    summary.write_text("{bad")
    damaged = plimsoll("daemon", *MONTH, home=home)
    assert damaged.returncode == 3 and f"{run}.json is damaged" in damaged.stderr
    summary.write_bytes(kept[0])
    journal.unlink()
    gone = plimsoll("daemon", *MONTH, home=home)
    assert gone.returncode == 3 and "its journal is gone" in gone.stderr
    assert [path.name for path in (home / "runs").glob("paper-*.json") if path.stem.count(".") == 0] == [f"{run}.json"]
    journal.write_bytes(kept[1])
    (home / "daemon-run.json").write_text("{bad")
    unread = plimsoll("daemon", *MONTH, home=home)
    assert unread.returncode == 3 and "daemon-run.json cannot be read" in unread.stderr
    (home / "daemon-run.json").write_text(json.dumps({"run": run, "replay_from": MONTH[1], "replay_to": MONTH[3]}))
    assert asked(home, "daemon", *MONTH)["run"] == run


def test_another_command_may_go_on_with_its_run_and_the_daemon_goes_on_with_the_same(home: Path) -> None:
    run = stopped_in_the_middle(home)
    assert plimsoll("trade", "--mode", "paper", "--recorded", "--resume", run, home=home).returncode == 0
    end = asked(home, "daemon", *MONTH)
    assert (end["run"], end["cycles"], end["decisions_hash"]) == (run, 0, backtested(home))


def test_a_home_has_one_daemon_account_at_a_time(home: Path) -> None:
    run = stopped_in_the_middle(home)
    for words in ((), ("--replay-from", "2025-06-03", "--replay-to", "2025-06-30")):
        other = plimsoll("daemon", *words, home=home)
        assert other.returncode == 2 and f"replays 2025-06-02 to 2025-06-30, as run {run}" in other.stderr


def test_a_session_with_a_change_of_the_switch_replays_and_verifies_by_default(home: Path) -> None:
    run = stopped_in_the_middle(home)
    asked(home, "kill", "--reason", "look")
    asked(home, "daemon", *MONTH)
    assert plimsoll("audit", "verify", home=home).returncode == 0
    for day in ("2025-06-12", "2025-06-13", "2025-06-16"):
        again = plimsoll("replay", "--on", day, "--run", run, home=home)
        assert again.returncode == 0 and "differ" not in again.stdout


def test_the_kill_switch_needs_nothing_and_status_names_every_source(home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    assert asked(empty, "kill", "--reason", "no home yet")["sources"] == ["command"]
    assert plimsoll("kill", "--reason", "", home=empty).returncode == 2
    asked(home, "daemon", *MONTH)
    held = asked(home, "positions")["positions"]
    assert held
    (home / "KILL_SWITCH").touch()
    asked(home, "kill", "--reason", "prices look wrong", "--by", "ann")
    status = asked(home, "status")
    assert status["kill"] == ["file", "command"] and status["state"] == "killed"
    pinned = "mode kill account nav drawdown last_cycle reconciled_at unknown_orders unprotected venues"
    assert set(pinned.split()) <= status.keys()
    left = plimsoll("resume", "--reason", "checked", home=home)
    assert left.returncode == 0 and "ON: file" in left.stdout
    again = plimsoll("resume", "--reason", "checked", home=home)
    assert again.returncode == 2 and "--by NAME" in again.stderr


def test_flattened_everything_is_sold_and_stays_sold_until_a_person_resumes(home: Path) -> None:
    stopped_in_the_middle(home)
    assert asked(home, "positions")["positions"]
    asked(home, "flatten", "--reason", "closing")
    end = asked(home, "daemon", *MONTH)
    assert end["run"] == asked(home, "status")["run"] and end["last_cycle"] == "2025-06-30"
    assert asked(home, "positions")["positions"] == []
    assert "everything is to be sold" in plimsoll("status", home=home).stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--replay-from", "June"), "--replay-from 'June' is no date"),
        (("--replay-to", "2025-02-30"), "--replay-to '2025-02-30' is no date"),
        (("--replay-speed", "-1"), "--replay-speed '-1' is no speed"),
        (("--replay-speed", "nan"), "--replay-speed 'nan' is no speed"),
        (("--replay-to", "2025-06-30"), "one of --replay-from and --replay-to is given"),
        (("--replay-from", "2025-06-30", "--replay-to", "2025-06-02"), "is before --replay-from"),
        (("--replay-speed", "10"), "--replay-speed is given without dates"),
        (("--mode", "live"), "--mode live is not implemented yet"),
        (("--tick-interval", "0"), "0"),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_is_done(home: Path, words: tuple[str, ...], says: str) -> None:
    done = plimsoll("daemon", *words, home=home)
    assert done.returncode == 2 and says in done.stderr
    assert not list((home / "runs").glob("*")) if (home / "runs").exists() else True
