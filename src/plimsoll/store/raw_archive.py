"""Archive of ingested sources: their bytes and how they were parsed (D13).

::

    raw/{run}/{file}.source.gz    the bytes of a source file as they were read, compressed
    raw/{run}/sources.json.gz     each source's name, SHA-256 and size
    raw/{run}/{symbol}.json.gz    its rows as parsed
    raw/bytes/{sha256}.gz         the same bytes under their hash: a file read by many runs is on disk once
    raw/{run}/pages/{number}      while a run is under way: its pages, to continue after the last

Gzip without a time stamp: the same content is the same file. ``put`` returns the SHA-256 of the uncompressed JSON,
which the ingestion audit stores, so that a snapshot's rows can be traced to bytes on disk.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec
import numpy as np

from plimsoll.core.errors import CorruptionError, InputError, PlimsollError
from plimsoll.core.unpacking import gunzip

_LEVEL = 1  # 1.1 million rows must take seconds; a higher level saves a tenth of the space for five times the time


_CHUNK = 1 << 20
_BYTES = "bytes"


class RawSourceState(msgspec.Struct, frozen=True):
    """One source of one run; ``path`` is its compressed file.

    ``state`` is kept, damaged (its bytes changed), lost (missing), or unkept (a source without bytes, such as the
    synthetic market, or a run of an older version).
    """

    run: str
    name: str
    sha256: str
    size: int
    state: str
    path: str = ""


class RawArchive:
    """A folder of runs, each a folder of one compressed JSON document per symbol or source."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, run: str, name: str, content: Any) -> str:
        """Write ``content`` (structs, mappings, sequences, numbers, float or int arrays) as ``name``.

        Arrays become lists, NaN ``null``.
        """
        payload = msgspec.json.encode(content, enc_hook=_plain, order="sorted")
        folder = self._folder / quote(run, safe="")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{quote(name, safe='^=-')}.json.gz"
        draft = path.with_suffix(".part")
        draft.write_bytes(gzip.compress(payload, _LEVEL, mtime=0))
        draft.replace(path)
        return hashlib.sha256(payload).hexdigest()

    def keep(self, run: str, name: str, source: Path | bytes, sha256: str) -> None:
        """Archive the bytes of a source: those given, or a file's, read once more in small pieces.

        Raises
        ------
        InputError where their SHA-256 is no longer ``sha256``: the file changed while it was read.
        """
        stored = self._folder / _BYTES / f"{sha256}.gz"
        if not stored.exists():
            stored.parent.mkdir(parents=True, exist_ok=True)
            draft = stored.with_suffix(".part")
            digest = hashlib.sha256()
            with (
                io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file,
                draft.open("wb") as sink,
                gzip.GzipFile("", "wb", _LEVEL, sink, 0) as packed,
            ):
                while piece := file.read(_CHUNK):
                    digest.update(piece)
                    packed.write(piece)
            if digest.hexdigest() != sha256:
                draft.unlink()
                raise InputError(
                    f"{name if isinstance(source, bytes) else source} changed while it was read",
                    "Ingest it again when no process is writing it",
                )
            draft.replace(stored)
        beside = self._of_run(run, name)
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        try:
            os.link(stored, beside)
        except OSError:  # a file system without links
            shutil.copyfile(stored, beside)

    def stage(self, run: str, number: int, content: Iterable[bytes]) -> str:
        """Archive a page, on disk before its SHA-256 is returned; replaces one of the same number."""
        path = self._page(run, number)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _written(path, content)
        except OSError as error:
            remedy = "Check the disk, its free space and permissions, then run the command again: it resumes"
            raise PlimsollError(f"{path} cannot be written: {error.strerror}", remedy) from None

    def staged(self, run: str, number: int) -> BinaryIO:
        """A page's bytes, to read from any place; ``CorruptionError`` where it is not there."""
        try:
            return self._page(run, number).open("rb")
        except FileNotFoundError:
            raise CorruptionError(f"{self._page(run, number)} is gone", "Run the command again") from None

    def unstage(self, run: str) -> None:
        """Delete all pages of a run."""
        shutil.rmtree(self._page(run, 0).parent, ignore_errors=True)

    def discard(self, run: str) -> None:
        """Delete everything of a refused run; bytes shared with another run stay."""
        folder = self._folder / quote(run, safe="")
        shutil.rmtree(folder, ignore_errors=True)
        for stored in (self._folder / _BYTES).glob("*.gz"):
            if stored.stat().st_nlink == 1:  # where there are no links, every run has a copy of its own
                stored.unlink()
        for empty in (self._folder / _BYTES, self._folder):
            with suppress(OSError):  # not there, or not empty
                empty.rmdir()

    def _page(self, run: str, number: int) -> Path:
        return self._folder / quote(run, safe="") / "pages" / str(number)

    def sources(self) -> Iterator[RawSourceState]:
        """Every source of every run, oldest first, its bytes unpacked and checked against their hash."""
        proven: dict[tuple[int, int], str] = {}
        for listing in sorted(self._folder.glob("*/sources.json.gz")):
            run = listing.parent.name
            for one in msgspec.json.decode(_unpacked(listing)):
                path = self._of_run(run, one["name"])
                state = "lost" if one.get("kept") else "unkept"
                if path.exists():
                    status = path.stat()
                    key = (status.st_dev, status.st_ino)
                    if key not in proven:
                        proven[key] = _digest(path, one["size"])
                    state = "kept" if proven[key] == one["sha256"] else "damaged"
                where = str(path) if path.exists() else ""
                yield RawSourceState(run, one["name"], one["sha256"], one["size"], state, where)

    def _of_run(self, run: str, name: str) -> Path:
        return self._folder / quote(run, safe="") / f"{quote(name, safe='^=-')}.source.gz"

    def get(self, run: str, name: str) -> Any:
        """The document as plain lists, dicts and numbers."""
        path = self._folder / quote(run, safe="") / f"{quote(name, safe='^=-')}.json.gz"
        return msgspec.json.decode(_unpacked(path))


def _written(path: Path, content: Iterable[bytes]) -> str:
    """Write pieces to a file, whole or not at all; the SHA-256 of them."""
    draft, digest = path.with_suffix(".part"), hashlib.sha256()
    with draft.open("wb") as file:
        for piece in content:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return digest.hexdigest()


def _unpacked(path: Path) -> bytes:
    try:
        return gunzip(path.read_bytes())
    except InputError as error:
        raise CorruptionError(f"{path} {error.problem}", "Restore it from a backup") from None


def _digest(path: Path, size: int) -> str:
    """SHA-256 of the content, empty where it is not gzip or unpacks to more than was read."""
    digest, seen = hashlib.sha256(), 0
    try:
        with gzip.open(path, "rb") as file:
            while piece := file.read(_CHUNK):
                digest.update(piece)
                seen += len(piece)
                if seen > size:
                    return ""
    except (OSError, EOFError, zlib.error):
        return ""
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in the raw archive")
