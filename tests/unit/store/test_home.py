"""A home creates nothing before it is needed, lets one writer in, and lists its runs whatever state they are in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from plimsoll.core.errors import CorruptionError, HomeBusy, InputError, PlimsollError, UsageError
from plimsoll.core.events import Approval, Genesis
from plimsoll.store.home import OWN_MAX, Home, RunSummary, read_own, spared, write_whole
from plimsoll.store.journal import SqliteJournal

GENESIS = Genesis("paper", 10_000_000, ("GLD",), "snap", "pol", "code", "2020-01-02", "2020-12-31", "backtest",
                  ("core_trend",), "never", True)  # fmt: skip


def run(home: Home, name: str) -> SqliteJournal:
    home.folder(home.runs)
    log = SqliteJournal(home.journal(name), False)
    log.append(GENESIS)
    return log


def finished(home: Home, name: str) -> RunSummary:
    with run(home, name) as log:
        anchor = log.anchor
    summary = RunSummary(name, "backtest", "2020-01-02", "2020-12-31", "snap", "pol", 10_000_000, ("core_trend",), True,
                         True, anchor.records, anchor.head, "d" * 64, 0.1, 0.05, None, "finished")  # fmt: skip
    home.finish(summary)
    return summary


def test_looking_at_a_home_creates_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert home.current is None and home.summaries() == ()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["", "raw", "runs", "snapshots"])
def test_a_file_where_a_folder_is_expected_is_named(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    if name:
        home.mkdir()
    (home / name).write_text("in the way") if name else home.write_text("in the way")
    with pytest.raises(InputError, match=f"{name or 'home'} is a file"):
        Home(home)


def test_a_home_below_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"), Home(tmp_path / "file" / "home").lock():
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="permissions"), Home(tmp_path).lock():
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_second_writer_is_told_who_holds_the_home_and_may_enter_afterwards(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.lock(), pytest.raises(HomeBusy, match=rf"process {os.getpid()}\b"), home.lock():
        pytest.fail("two writers")
    (tmp_path / "home" / ".lock").write_text("123456789012 left by a longer pid\n")
    with home.lock():
        assert (tmp_path / "home" / ".lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_of_another_process_counts_and_dies_with_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", f"""
from plimsoll.store.home import Home
with Home({str(tmp_path)!r}).lock():
    print("held", flush=True)
    input()
"""],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(HomeBusy, match=rf"process {holder.pid}\b"), Home(tmp_path).lock():
            pytest.fail("two writers")
        holder.kill()
    with Home(tmp_path).lock():
        pass


def test_the_current_snapshot_is_the_one_the_pointer_names(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for name in ("a1", "b2"):
        home.folder(home.snapshots / name)
        (home.snapshots / "CURRENT").write_text(f"{name}\n")
        assert home.current == home.snapshots / name


@pytest.mark.parametrize("pointer", ["gone", "", "../runs", "\x00\udc80"])
def test_a_damaged_pointer_is_corruption_not_a_traceback(tmp_path: Path, pointer: str) -> None:
    home = Home(tmp_path)
    home.folder(home.snapshots)
    home.folder(home.runs)
    (home.snapshots / "CURRENT").write_bytes(pointer.encode("utf-8", "surrogateescape"))
    with pytest.raises(CorruptionError, match="no snapshot"):
        _ = home.current


def test_runs_are_listed_finished_interrupted_and_damaged(tmp_path: Path) -> None:
    home = Home(tmp_path)
    done = finished(home, "a")
    run(home, "b").close()
    (home.runs / "c.db").write_bytes(b"noise" * 1000)
    finished(home, "d")
    (home.runs / "d.json").write_text("{")
    a, b, c, d = home.summaries()
    assert a == done
    assert (b.run, b.mode, b.start, b.capital, b.finished) == ("b", "backtest", "2020-01-02", 10_000_000, False)
    assert (a.status, b.status, d.status) == ("finished", "interrupted", "interrupted")
    assert (c.run, c.mode, c.finished) == ("c", "unreadable", False)
    assert (d.run, d.finished, d.snapshot) == ("d", False, "snap")


def test_the_last_run_begun_is_the_default(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(UsageError, match="no runs"):
        home.find_run()
    for when, name in enumerate(("z", "a")):
        finished(home, name)
        os.utime(home.journal(name), ns=(when, when))
    assert home.find_run() == "a" and home.find_run("z") == "z"
    finished(home, "a-without-mandate-1")
    assert home.find_run() == "a" and home.find_run("a-without-mandate-1") == "a-without-mandate-1"
    with pytest.raises(UsageError, match="'nobody'"):
        home.find_run("nobody")


def test_an_interrupted_run_is_never_the_last_and_is_said_to_be_passed_over(tmp_path: Path) -> None:
    heard: list[str] = []
    home = Home(tmp_path, heard.append)
    for when, name in enumerate(("one", "two")):
        run(home, name).close()
        os.utime(home.journal(name), ns=(when, when))
    with pytest.raises(UsageError, match="no finished run; two is interrupted"):
        home.find_run()
    finished(home, "older")
    for when, name in enumerate(("one", "older", "two")):
        os.utime(home.journal(name), ns=(when, when))
    assert home.find_run() == home.find_run("last") == "older"
    assert heard == ["two is interrupted and was passed over; the last finished run is older"] * 2
    assert home.find_run("two") == "two"


def test_a_run_is_found_by_an_unambiguous_beginning_or_its_tag(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for name in ("backtest-2026", "backtest-2027", "backtest-2027-2", "backtest-2026-without-mandate-1", "paper-2026"):
        finished(home, name)
    home.finish(msgspec.structs.replace(home.summary("paper-2026"), tag="wide stops"))
    assert home.find_run("p") == home.find_run("wide stops") == "paper-2026"
    assert home.find_run("backtest-2026") == home.find_run("backtest-2026") and home.find_run("backtest-2027-") != ""
    assert home.find_run("backtest-2027") == "backtest-2027"  # a whole name is no beginning
    with pytest.raises(UsageError, match="beginning of 3 runs") as refused:
        home.find_run("back")
    assert "backtest-2026, backtest-2027, backtest-2027-2" in str(refused.value)
    home.finish(msgspec.structs.replace(home.summary("backtest-2027"), tag="wide stops"))
    with pytest.raises(UsageError, match="the tag of 2 runs"):
        home.find_run("wide stops")
    with pytest.raises(UsageError, match="Did you mean 'paper-2026'"):
        home.find_run("papr-2026")


def test_a_run_whose_process_is_gone_is_not_running(tmp_path: Path) -> None:
    home = Home(tmp_path)
    begun = msgspec.structs.replace(finished(home, "a"), finished=False, status="running")
    home.finish(begun)
    assert home.summary("a").status == "interrupted"  # nobody ever took the lock
    with home.lock():
        home.finish(begun)
        assert home.summary("a").status == "running"
    with home.lock():  # another run's turn
        os.utime(home.runs / "a.json", ns=(0, 0))
        assert home.summary("a").status == "interrupted"
    home.finish(begun)
    (tmp_path / ".lock").write_text("999999999\n")
    assert home.summary("a").status == "interrupted"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_a_run_cannot_name_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not the name of a run"):
        Home(tmp_path).journal(name)


def test_an_audit_uses_the_anchor_the_summary_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    finished(home, "a")
    assert home.audit().ok
    with SqliteJournal(home.journal("a"), False) as log:  # a whole chain, longer than what the run ended with
        log.append(Approval("2020-01-02", "nobody", ""))
    report = home.audit("a")
    assert (report.ok, report.first_bad) == (False, 2)


def test_a_lock_follows_no_link_and_changes_nothing_it_points_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    home = Home(tmp_path / "home")
    home.folder(home.path)
    for link in (lambda p: p.symlink_to(elsewhere), lambda p: p.hardlink_to(elsewhere)):
        lock = home.path / ".lock"
        link(lock)
        with pytest.raises(InputError, match=r"\.lock is a .*link") as told, home.lock():
            pass
        assert told.value.remedy == f"rm {lock}" and elsewhere.read_text() == "kept"
        lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(InputError, match="no regular file"), home.lock():
        pass
    lock.unlink()
    lock.symlink_to(tmp_path / "not there")
    with pytest.raises(InputError, match="symbolic link"), home.lock():
        pass
    assert not (tmp_path / "not there").exists()


def test_a_small_file_replaces_a_link_and_writes_through_none(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "session.json"
    elsewhere.write_text("kept")
    path.symlink_to(elsewhere)
    path.with_name(f".{path.name}.{os.getpid()}").symlink_to(elsewhere)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and not path.is_symlink() and elsewhere.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "session.json"]


def in_place(path: Path, kind: str) -> None:
    """Put something in the place of a file that no reader may wait for, follow or take into memory."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(OWN_MAX + 1)  # sparse: no disk is used


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "sparse"])
def test_what_stands_in_the_place_of_an_own_file_is_named_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "session.json"
    with pytest.raises(FileNotFoundError):
        read_own(path)
    path.write_bytes(b"whole")
    assert read_own(path) == b"whole" and read_own(path, 5) == b"whole"
    in_place(path, kind)
    with pytest.raises(InputError, match=r"session\.json"):
        read_own(path)


@pytest.mark.parametrize("kind", ["pipe", "device", "sparse"])
def test_a_run_is_listed_and_refused_whatever_stands_in_the_place_of_its_files(tmp_path: Path, kind: str) -> None:
    home = Home(tmp_path)
    finished(home, "a")
    in_place(home.runs / "a.json", kind)
    assert [s.run for s in home.summaries()] == ["a"]
    with pytest.raises(PlimsollError):
        home.ending("a")
    home.folder(home.snapshots)
    in_place(home.snapshots / "CURRENT", kind)
    with pytest.raises(InputError, match="CURRENT"):
        _ = home.current


def test_a_summary_nested_without_end_is_a_damaged_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    finished(home, "a")
    (home.runs / "a.json").write_bytes(b'{"more":' + b"[" * 100_000)
    assert [s.run for s in home.summaries()] == ["a"]
    with pytest.raises(CorruptionError, match="damaged"):
        home.ending("a")


def test_a_summary_of_another_run_proves_no_journal(tmp_path: Path) -> None:
    home = Home(tmp_path)
    finished(home, "a"), finished(home, "b")
    for name in home.files("b"):
        name.replace(name.with_name(name.name.replace("b", "a", 1)))  # the whole of b under a's name
    with pytest.raises(CorruptionError, match="is that of the run b"):
        home.audit("a")
    with pytest.raises(CorruptionError, match="is that of the run b"):
        list(home.read("a"))


@pytest.mark.parametrize(
    "name", ["account.jsonl", "limits.json", "governor.db", "plimsoll.db", "runs/a.db", "snapshots/CURRENT"]
)
def test_no_output_is_written_over_what_a_home_keeps(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home")
    finished(home, "a")
    home.database.write_text("rows")
    home.folder(home.snapshots)
    (home.path / name).touch()
    (tmp_path / "way").symlink_to(home.path / name)
    for path in (home.path / name, tmp_path / "way", home.path / ".." / "home" / name):
        with pytest.raises(UsageError, match="keeps itself"):
            spared(path)
    for path in (home.path / "promise.txt", home.reports / "a.html", tmp_path / "limits.json", tmp_path / "page.html"):
        assert spared(path) == path
