"""Files that plimsoll keeps itself are read and written whole, and no link is followed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from misplaced import in_place
from plimsoll.core.errors import InputError
from plimsoll.store.own_files import clearly, read_own, write_whole


def test_a_small_file_replaces_a_link_and_writes_through_none(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "session.json"
    elsewhere.write_text("kept")
    path.symlink_to(elsewhere)
    path.with_name(f".{path.name}.{os.getpid()}").symlink_to(elsewhere)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and not path.is_symlink() and elsewhere.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "session.json"]


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


def test_a_full_disk_is_not_told_as_a_want_of_permission(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No space left") as found, clearly(tmp_path, "written"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert found.value.remedy == "Free space on its disk"
