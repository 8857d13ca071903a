"""A home's anchor says how far the account was seen, whatever happens to its file (H2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from plimsoll.core.errors import CorruptionError, InputError
from plimsoll.store import governor_anchor
from plimsoll.store.governor_anchor import Anchor, Seen

SEEN = Seen("a" * 64, 7, "b" * 64)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """An anchor file; no test leaves a file open that it did not open itself."""
    before = in_use()
    yield tmp_path / "governor.anchor"
    assert in_use() == before


def in_use() -> set[int]:
    """The numbers of open files."""
    found = set()
    for number in range(256):
        with suppress(OSError):
            os.fstat(number)
            found.add(number)
    return found


def begun(path: Path) -> Anchor:
    anchor = Anchor(path)
    anchor.begin(SEEN)
    return anchor


def test_what_was_seen_is_read_again_and_moves_on(path: Path) -> None:
    assert Anchor(path).read() is None
    anchor = begun(path)
    assert anchor.read() == Anchor(path).read() == SEEN
    anchor.move(8, "c" * 64)
    assert Anchor(path).read() == Seen("a" * 64, 8, "c" * 64)
    anchor.begin(Seen("d" * 64, 0, "d" * 64))
    anchor.move(1, "e" * 64)
    assert Anchor(path).read() == Seen("d" * 64, 1, "e" * 64)
    before = in_use()
    anchor.close()
    anchor.close()
    (closed,) = before - in_use()
    assert closed > 2
    with pytest.raises(InputError, match=r"governor\.anchor cannot be written"):
        anchor.move(2, "f" * 64)
    assert Anchor(path).read() == Seen("d" * 64, 1, "e" * 64)


def test_an_anchor_that_was_never_begun_cannot_be_moved(path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Anchor(path).move(1, "b" * 64)


def test_a_new_anchor_leaves_nothing_of_what_stood_there(path: Path) -> None:
    begun(path).close()
    line = path.read_bytes()
    path.write_bytes(line + b"more")
    begun(path).close()
    assert path.read_bytes() == line


def test_a_new_anchor_is_flushed_with_its_folder_and_readable_by_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(governor_anchor.os, "fsync", lambda fd: flushed.append(os.fstat(fd).st_ino))
    mask = os.umask(0)
    try:
        begun(path).close()
    finally:
        os.umask(mask)
    assert flushed == [path.stat().st_ino, path.parent.stat().st_ino]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "change",
    [lambda line: b"", lambda line: line[:-1], lambda line: line + b"x", lambda line: line.replace(b"07", b"08"),
     lambda line: line.replace(b"a", b"z", 1), lambda line: b"\0" * len(line)],
)  # fmt: skip
def test_a_damaged_line_is_told(path: Path, change) -> None:
    begun(path).close()
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CorruptionError, match="is damaged, so the account cannot be distinguished from an older copy"):
        Anchor(path).read()


@pytest.mark.parametrize(("torn", "read"), [(2, True), (3, False)])
def test_a_line_that_another_process_is_writing_is_read_three_times(
    path: Path, monkeypatch: pytest.MonkeyPatch, torn: int, read: bool
) -> None:
    begun(path).close()
    real, left = os.pread, [torn]

    def pread(*where: int) -> bytes:
        left[0] -= 1
        return real(*where)[: None if left[0] < 0 else 100]

    monkeypatch.setattr(governor_anchor.os, "pread", pread)
    if read:
        assert Anchor(path).read() == SEEN
    else:
        with pytest.raises(CorruptionError):
            Anchor(path).read()


def test_what_is_no_file_is_neither_followed_nor_read_nor_written(path: Path, tmp_path: Path) -> None:
    begun(tmp_path / "elsewhere").close()
    path.symlink_to(tmp_path / "elsewhere")
    for verb, call in (("read", Anchor(path).read), ("written", lambda: Anchor(path).begin(SEEN))):
        with pytest.raises(InputError, match=f"cannot be {verb}"):
            call()
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        Anchor(path).read()
    with pytest.raises(InputError, match="cannot be written"):
        Anchor(tmp_path / "nowhere" / "governor.anchor").begin(SEEN)
