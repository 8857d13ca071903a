"""What a live account's home may not be: writable by others, theirs, or a way out of it (H1, X0)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from plimsoll.core.errors import UsageError
from plimsoll.store.home import Home
from plimsoll.store.private import exposed, outside, owner_only

NAMES = ("governor.db", "governor.db-wal", "account.jsonl", "account.anchor", "limits.json", "session.json", ".lock")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    with owner_only():
        made.folder(made.path)
        for name in NAMES:
            (made.path / name).write_text("x")
        made.folder(made.runs)
    return made


def test_a_home_of_its_owner_is_whole_and_so_is_none(home: Home, tmp_path: Path) -> None:
    assert exposed(home) is None and exposed(Home(tmp_path / "none"), [tmp_path / "no policy"]) is None
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE((home.path / name).stat().st_mode) for name in NAMES} == {0o600}
    for name in NAMES:  # others may read
        (home.path / name).chmod(0o644)
    home.path.chmod(0o755)
    assert exposed(home) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o664])
@pytest.mark.parametrize("name", [*NAMES, "runs", "", "../policy.yaml"])
def test_what_others_can_write_is_named_with_what_mends_it(home: Home, name: str, mode: int) -> None:
    path = home.path / name
    if name.startswith(".."):
        path = home.path.parent / "policy.yaml"
        path.write_text("{}")
    path.chmod(mode | (0o100 if path.is_dir() else 0))
    found = exposed(home, [path] if name.startswith("..") else [])
    assert found is not None and f"{path} of a live account can be written by other users" in found.problem
    assert found.remedy == f"chmod go-w {path}"
    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o022)  # what the remedy does
    assert exposed(home, [path]) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["governor.db", ""])
def test_what_belongs_to_another_user_is_refused(home: Home, name: str) -> None:
    os.chown(home.path / name, 12345, -1)
    found = exposed(home)
    assert found is not None and "belongs to user 12345" in found.problem and "chown 0 " in found.remedy


def test_a_link_in_the_place_of_a_file_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    home.snapshots.symlink_to(tmp_path / "elsewhere")  # another disk
    assert exposed(home) is None
    for target in (tmp_path / "elsewhere" / "governor.db", tmp_path / "nowhere"):
        path = home.path / "governor.db"
        path.unlink()
        path.symlink_to(target)
        found = exposed(home)
        assert found is not None and f"{path} is a symbolic link" in found.problem


def test_a_key_lies_outside_whatever_the_way_to_it(home: Home, tmp_path: Path) -> None:
    key = home.path / "ann.key"
    key.write_text("x")
    (tmp_path / "way").symlink_to(home.path)
    (tmp_path / "ann.key").symlink_to(key)
    for path in (key, home.path / "runs" / ".." / "ann.key", tmp_path / "way" / "ann.key", tmp_path / "ann.key"):
        with pytest.raises(UsageError, match="inside the home"):
            outside(home, path)
        with pytest.raises(UsageError, match="inside the home"):
            outside(Home(tmp_path / "way"), path)
    assert outside(home, tmp_path / "bob.key") == tmp_path / "bob.key"


def test_a_key_with_a_second_name_in_the_home_is_inside_it(tmp_path: Path) -> None:
    home, key = Home(tmp_path / "home"), tmp_path / "ann.key"
    home.folder(home.runs)
    key.write_text("key")
    (tmp_path / "backup.key").hardlink_to(key)
    assert outside(home, key) == key  # two names, both elsewhere
    (home.runs / "a.json").hardlink_to(key)
    with pytest.raises(UsageError, match=r"runs/a\.json is the same file"):
        outside(home, key)
