"""What a file unpacks to is bounded by what is told, and by what is there whatever was told (D3)."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
from pathlib import Path

import pytest

from plimsoll.core import unpacking
from plimsoll.core.errors import InputError


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return file.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as error:
        for _ in unpacking.unzip(data):
            pass
    assert error.value.remedy
    return error.value.problem


def test_members_come_back_as_they_were_packed() -> None:
    members = {"a.npy": os.urandom(5000), "b/c.npy": b""}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert dict(unpacking.unzip(archive(members, method))) == members


def test_an_archive_is_refused_by_the_sum_of_what_its_directory_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "FREE", 1000)
    monkeypatch.setattr(unpacking, "RATIO", 1)
    packed = archive({"a": b"\0" * 600_000, "b": b"\0" * 600_000})
    assert "more than" in refused(packed)
    monkeypatch.setattr(unpacking, "FREE", 1_200_000)
    assert sum(len(content) for _, content in unpacking.unzip(packed)) == 1_200_000


def test_a_directory_that_tells_less_than_is_there_gives_no_more_than_it_told() -> None:
    packed = bytearray(archive({"a": b"\0" * 4_000_000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", packed, packed.index(signature) + offset, 100)
    assert "damaged" in refused(bytes(packed))


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "..\\x", "\\x", "C:/x", "a\0b"])
def test_a_member_that_would_lie_elsewhere_is_refused(name: str) -> None:
    plain = "n" * len(name)
    packed = archive({plain: b"1"}).replace(plain.encode(), name.encode())
    assert "outside" in refused(packed)


def test_links_folders_secrets_and_copies_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    link = zipfile.ZipInfo("a")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(link, "/etc/passwd")
    assert "a link" in refused(file.getvalue())
    assert "a folder" in refused(archive({"a/": b""}))
    locked = bytearray(archive({"a": b"1"}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(bytes(locked))
    assert "twice" in refused(archive({"aa": b"1", "bb": b"2"}).replace(b"bb", b"aa"))
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):  # unpack a whole block, whatever was asked for
        assert "packed by method" in refused(archive({"a": b"1"}, method))
    monkeypatch.setattr(unpacking, "MEMBERS_MAX", 3)
    assert "4 members" in refused(archive({str(n): b"" for n in range(4)}))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04 torn", b"no archive", archive({"a": b"1" * 99})[:-30]],
    ids=["empty", "torn head", "none", "torn end"],  # an archive holds the time it was made, a name may not
)
def test_what_is_no_whole_archive_is_refused(data: bytes) -> None:
    assert "damaged" in refused(data)


def test_a_gzip_file_is_stopped_where_it_passes_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "FREE", 100_000)
    bomb = gzip.compress(b"0" * 50_000_000, mtime=0)
    assert unpacking.allowed(1001) == 100_100
    with pytest.raises(InputError, match="unpacks to more than"):
        unpacking.gunzip(bomb)
    with pytest.raises(InputError, match="unpacks to more than"):
        unpacking.gunzip(gzip.compress(b"0" * 60_000, mtime=0) * 2)  # two members
    assert unpacking.gunzip(gzip.compress(b"one\n") + gzip.compress(b"two\n")) == b"one\ntwo\n"


def test_only_a_plain_file_of_a_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert unpacking.whole(path, 5) == b"12345"
    with pytest.raises(InputError, match="larger than"):
        unpacking.whole(path, 4)
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "absent", tmp_path / "pipe"):
        with pytest.raises(InputError, match="no plain file"):
            unpacking.whole(other)
