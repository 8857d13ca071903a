"""Limit the size of unpacked files before memory is used (D3).

A file of a kilobyte can unpack to gigabytes, and the sizes in its directory are its author's claim: they are added up
first, and no member gives more bytes than its stated size.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from plimsoll.core.errors import InputError

BYTES_MAX = 2 << 30  # in memory, of any file
# Prices as text compress five to twenty times, arrays of returns hardly: a hundredfold is a bomb or empty. Small files
# may compress further, because 64 MiB do no harm.
FREE = 64 << 20
RATIO = 100
MEMBERS_MAX = 1000  # of an archive; a problem or a model has a dozen
_GZIP = b"\x1f\x8b"
_ENTRY = b"PK\x01\x02"  # begins each entry of a ZIP archive's directory
_STREAMED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack a whole block at once, whatever its size
_ENCRYPTED = 0x1


def allowed(packed: int) -> int:
    """Bytes that a file of ``packed`` bytes may unpack to."""
    return min(BYTES_MAX, max(FREE, RATIO * packed))


def whole(path: Path, most: int = BYTES_MAX) -> bytes:
    """The bytes of a plain file, read once.

    Raises
    ------
    InputError : it does not exist, is not a plain file, cannot be read, or is larger than ``most`` bytes.
    """
    if not path.is_file():
        raise InputError(f"{path} is not there, or is no plain file", "Give the path of a file")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "Check its permissions") from None
    if len(data) > most:
        raise InputError(f"{path} is larger than {most >> 20} MiB", "Give a smaller file")
    return data


def gunzip(data: bytes) -> bytes:
    """The bytes inside a gzip file, of all its members; other bytes unchanged.

    Raises
    ------
    InputError, without the file's name, where it is damaged or unpacks to more than is ``allowed``.
    """
    if not data.startswith(_GZIP):
        return data
    bound = allowed(len(data))
    found = bytearray()
    while data.startswith(_GZIP):
        engine = zlib.decompressobj(wbits=31)
        try:
            found += engine.decompress(data, bound + 1 - len(found))
        except zlib.error:
            raise InputError("is a damaged gzip file", "Fetch it again") from None
        if len(found) > bound:
            raise InputError(f"unpacks to more than {bound >> 20} MiB", "Split it")
        if not engine.eof:
            raise InputError("is a gzip file cut short", "Fetch it again")
        data = engine.unused_data
    if data.strip(b"\0"):
        raise InputError("is a gzip file with other bytes after it", "Fetch it again")
    return bytes(found)


def unzip(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each member of a ZIP archive with its name, one in memory at a time.

    Every entry of the directory is checked before the first is unpacked.

    Raises ------ InputError, without the file's name, where it is not an archive, is damaged, unpacks to more than is
    ``allowed``, has more than ``MEMBERS_MAX`` members, or one that is encrypted, a link, a folder, a duplicate, of a
    compression method that cannot be bounded, or named so that it would lie elsewhere.
    """
    if (entries := data.count(_ENTRY)) > MEMBERS_MAX:
        raise InputError(f"has {entries} members, more than {MEMBERS_MAX}", "Give fewer")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _judge(archive.infolist(), allowed(len(data)))
            for one in archive.infolist():
                yield one.filename, archive.read(one)
    except (EOFError, NotImplementedError, RuntimeError, ValueError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"is a damaged archive ({error})", "Write it again") from None


def _judge(members: list[zipfile.ZipInfo], bound: int) -> None:
    seen: set[str] = set()
    for one in members:
        name = one.filename
        steps = name.replace("\\", "/").split("/")
        if one.orig_filename != name or name.startswith(("/", "\\")) or ".." in steps or ":" in steps[0]:
            raise InputError(f"holds {one.orig_filename!r}, which would lie outside it", "Name members plainly")
        if one.is_dir() or stat.S_ISLNK(one.external_attr >> 16) or one.flag_bits & _ENCRYPTED:
            raise InputError(f"holds {name!r}, a folder, a link or encrypted", "Put plain files into it")
        if one.compress_type not in _STREAMED:
            raise InputError(f"holds {name!r}, packed by method {one.compress_type}", "Pack it with deflate, or not")
        if name in seen:
            raise InputError(f"holds {name!r} twice", "Give each member once")
        seen.add(name)
    told = sum(one.file_size for one in members)
    if told > bound:
        raise InputError(f"unpacks to {told >> 20} MiB, more than {bound >> 20} MiB", "Give less, or pack it less")
