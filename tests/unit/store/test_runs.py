"""The runs of a home are listed whatever state they are in, found by name or as the last, and verified to their end."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from misplaced import in_place
from plimsoll import app
from plimsoll.core.errors import CorruptionError, PlimsollError, UsageError
from plimsoll.core.events import Approval, Genesis
from plimsoll.core.runs import RunSummary
from plimsoll.store.home import Home
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.runs import RunFiles

GENESIS = Genesis("paper", 10_000_000, ("GLD",), "snap", "pol", "code", "2020-01-02", "2020-12-31", "backtest",
                  ("core_trend",), "never", True)  # fmt: skip


def run(runs: RunFiles, name: str) -> SqliteJournal:
    runs.journal(name).parent.mkdir(parents=True, exist_ok=True)
    log = SqliteJournal(runs.journal(name), False)
    log.append(GENESIS)
    return log


def finished(runs: RunFiles, name: str, ended: str = "") -> RunSummary:
    with run(runs, name) as log:
        anchor = log.anchor
    summary = RunSummary(name, "backtest", "2020-01-02", "2020-12-31", "snap", "pol", 10_000_000, ("core_trend",), True,
                         True, anchor.records, anchor.head, "d" * 64, 0.1, 0.05, None, "finished",
                         ended=ended)  # fmt: skip
    runs.finish(summary)
    return summary


def test_runs_are_listed_finished_interrupted_and_damaged(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    done = finished(runs, "a")
    run(runs, "b").close()
    (tmp_path / "runs" / "c.db").write_bytes(b"noise" * 1000)
    finished(runs, "d")
    (tmp_path / "runs" / "d.json").write_text("{")
    a, b, c, d = runs.summaries()
    assert a == done
    assert (b.run, b.mode, b.start, b.capital, b.finished) == ("b", "backtest", "2020-01-02", 10_000_000, False)
    assert (a.status, b.status, d.status) == ("finished", "interrupted", "interrupted")
    assert (c.run, c.mode, c.finished) == ("c", "unreadable", False)
    assert (d.run, d.finished, d.snapshot) == ("d", False, "snap")


def test_the_last_run_is_the_one_that_ended_last_whatever_was_copied_or_touched(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    with pytest.raises(UsageError, match="no runs"):
        runs.find()
    finished(runs, "backtest-20260101T000000")  # made before runs said when they ended: its name does
    finished(runs, "backtest-20260101T000000-2")
    assert runs.find() == "backtest-20260101T000000-2"
    finished(runs, "a", "2026-01-01T00:00:00.500000Z")
    finished(runs, "z", "2025-12-31T23:59:59.999999Z")
    os.utime(runs.journal("z"))
    assert runs.find() == "a" and runs.find("z") == "z"
    finished(runs, "a-without-mandate-1", "2026-02-01T00:00:00.000000Z")
    assert runs.find() == "a" and runs.find("a-without-mandate-1") == "a-without-mandate-1"
    with pytest.raises(UsageError, match="'nobody'"):
        runs.find("nobody")


def test_an_interrupted_run_is_never_the_last_and_is_said_to_be_passed_over(tmp_path: Path) -> None:
    heard: list[str] = []
    runs = RunFiles(Home(tmp_path), heard.append)
    for name in ("x-20260101T000000", "x-20260103T000000"):
        run(runs, name).close()
    with pytest.raises(UsageError, match="no finished run; x-20260103T000000 is interrupted"):
        runs.find()
    assert runs.last_unfinished("backtest") == runs.newest("backtest") == "x-20260103T000000"
    finished(runs, "older", "2026-01-02T00:00:00.000000Z")
    assert runs.find() == runs.find("last") == "older"
    assert heard == ["x-20260103T000000 is interrupted and was passed over; the last finished run is older"] * 2
    assert runs.find("x-20260103T000000") == "x-20260103T000000"
    with pytest.raises(UsageError, match="no paper run"):
        runs.newest("paper")


def test_a_run_is_found_by_an_unambiguous_beginning_or_its_tag(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    for name in ("backtest-2026", "backtest-2027", "backtest-2027-2", "backtest-2026-without-mandate-1", "paper-2026"):
        finished(runs, name)
    runs.finish(msgspec.structs.replace(runs.summary("paper-2026"), tag="wide stops"))
    assert runs.find("p") == runs.find("wide stops") == "paper-2026"
    assert runs.find("backtest-2026") == runs.find("backtest-2026") and runs.find("backtest-2027-") != ""
    assert runs.find("backtest-2027") == "backtest-2027"  # a whole name is no beginning
    with pytest.raises(UsageError, match="beginning of 3 runs") as refused:
        runs.find("back")
    assert "backtest-2026, backtest-2027, backtest-2027-2" in str(refused.value)
    runs.finish(msgspec.structs.replace(runs.summary("backtest-2027"), tag="wide stops"))
    with pytest.raises(UsageError, match="the tag of 2 runs"):
        runs.find("wide stops")
    with pytest.raises(UsageError, match="Did you mean 'paper-2026'"):
        runs.find("papr-2026")


def test_a_run_whose_process_is_gone_is_not_running(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    begun = msgspec.structs.replace(finished(runs, "a"), finished=False, status="running")
    runs.finish(begun)
    assert runs.summary("a").status == "interrupted"  # nobody ever took the lock
    with Home(tmp_path).lock():
        runs.finish(begun)
        assert runs.summary("a").status == "running"
    with Home(tmp_path).lock():  # another run's turn
        os.utime(tmp_path / "runs" / "a.json", ns=(0, 0))
        assert runs.summary("a").status == "interrupted"
    runs.finish(begun)
    (tmp_path / ".lock").write_text("999999999\n")
    assert runs.summary("a").status == "interrupted"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_a_run_cannot_name_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not the name of a run"):
        RunFiles(Home(tmp_path)).journal(name)


def test_an_audit_uses_the_anchor_the_summary_kept(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    finished(runs, "a")
    assert runs.audit().ok
    with SqliteJournal(runs.journal("a"), False) as log:  # a whole chain, longer than what the run ended with
        log.append(Approval("2020-01-02", "nobody", ""))
    report = runs.audit("a")
    assert (report.ok, report.first_bad) == (False, 2)


@pytest.mark.parametrize("kind", ["pipe", "device", "sparse"])
def test_a_run_is_listed_and_refused_whatever_stands_in_the_place_of_its_files(tmp_path: Path, kind: str) -> None:
    runs = RunFiles(Home(tmp_path))
    finished(runs, "a")
    in_place(tmp_path / "runs" / "a.json", kind)
    assert [s.run for s in runs.summaries()] == ["a"]
    with pytest.raises(PlimsollError):
        runs.ending("a")


def test_a_summary_nested_without_end_is_a_damaged_one(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    finished(runs, "a")
    (tmp_path / "runs" / "a.json").write_bytes(b'{"more":' + b"[" * 100_000)
    assert [s.run for s in runs.summaries()] == ["a"]
    with pytest.raises(CorruptionError, match="damaged"):
        runs.ending("a")


def test_a_summary_of_another_run_proves_no_journal(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    finished(runs, "a"), finished(runs, "b")
    for name in runs.files("b"):
        name.replace(name.with_name(name.name.replace("b", "a", 1)))  # the whole of b under a's name
    with pytest.raises(CorruptionError, match="belongs to the run b"):
        runs.audit("a")
    with pytest.raises(CorruptionError, match="belongs to the run b"):
        runs.open("a")


def test_a_summary_that_says_finished_and_is_not_is_interrupted(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    told = finished(runs, "backtest-1")
    runs.finish(msgspec.structs.replace(told, finished=False))
    assert runs.summary("backtest-1").status == "interrupted"
    with pytest.raises(UsageError, match="backtest-1 is interrupted"):
        runs.find()


def test_a_result_that_is_a_link_is_told_in_its_own_line(tmp_path: Path) -> None:
    runs = RunFiles(Home(tmp_path))
    for name in ("backtest-1", "backtest-2"):
        finished(runs, name)
    runs.journal("backtest-1").with_suffix(".result.json").symlink_to("/etc/passwd")
    listed = app.runs(app.Workspace(tmp_path))
    assert [(one.run, one.status) for one in listed] == [("backtest-1", "altered"), ("backtest-2", "finished")]
    assert "symbolic link" in listed[0].reason
