"""A home creates nothing before it is needed, lets one writer in, and is written over by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.core.errors import HomeBusy, InputError, UsageError
from plimsoll.market.snapshot_store import SnapshotFolder
from plimsoll.store.home import Home, spared
from plimsoll.store.runs import RunFiles


def test_looking_at_a_home_creates_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert RunFiles(home).summaries() == () and SnapshotFolder(home.snapshots).hashes() == ()
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
    with pytest.raises(InputError, match="not a regular file"), home.lock():
        pass
    lock.unlink()
    lock.symlink_to(tmp_path / "not there")
    with pytest.raises(InputError, match="symbolic link"), home.lock():
        pass
    assert not (tmp_path / "not there").exists()


@pytest.mark.parametrize(
    "name", ["account.jsonl", "limits.json", "governor.db", "plimsoll.db", "runs/a.db", "snapshots/CURRENT"]
)
def test_no_output_is_written_over_what_a_home_keeps(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home")
    home.folder(home.runs)
    home.database.write_text("rows")
    home.folder(home.snapshots)
    (home.path / name).touch()
    (tmp_path / "way").symlink_to(home.path / name)
    for path in (home.path / name, tmp_path / "way", home.path / ".." / "home" / name):
        with pytest.raises(UsageError, match="keeps itself"):
            spared(path)
    for path in (home.path / "promise.txt", home.reports / "a.html", tmp_path / "limits.json", tmp_path / "page.html"):
        assert spared(path) == path


def test_what_a_killed_process_left_beside_a_runs_files_goes_with_the_next_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.folder(home.runs)
    gone = subprocess.Popen(["true"])
    gone.wait()
    left, running, own = (
        home.runs / name for name in (f".a.policy.json.{gone.pid}", f".b.json.{os.getpid()}", "c.json")
    )
    for path in (left, running, own):
        path.write_text("{}")
    with home.lock():
        assert sorted(home.runs.iterdir()) == sorted([running, own])
