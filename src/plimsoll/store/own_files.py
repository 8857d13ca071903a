"""Plimsoll's own small files: read and written whole, without following links or waiting."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.core.errors import InputError

OWN_MAX = 256 << 20  # bytes of a file plimsoll keeps: a record of a million sessions, or the result of a long run


@contextmanager
def clearly(path: Path, verb: str) -> Iterator[None]:
    """An operating system error on a path as ``InputError``; ``verb`` is what was tried: written, made."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "Free space on its disk" if full else "Check its permissions, or give another --home"
        raise InputError(f"{path} cannot be {verb} ({reason})", remedy) from None


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor of one of plimsoll's own files. ``InputError`` for a symbolic link, which is not followed.

    ``FileNotFoundError`` where it is not there and ``flags`` do not make it.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(f"{path} is a symbolic link, which is not followed", f"rm {path}") from None
        raise InputError(
            f"{path} cannot be opened ({error.strerror})", "Check its permissions, or give another --home"
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path} is not a regular file", "Move it, or give another --home")
    return descriptor


def read_own(path: Path, most: int = OWN_MAX) -> bytes:
    """The bytes of one of plimsoll's own files: no link, no pipe, and of bounded size.

    ``FileNotFoundError`` where it is not there; ``InputError`` where it is something else.
    """
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        try:
            found = file.read(most + 1)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror})", "Check the disk") from None
    if len(found) > most:
        raise InputError(f"{path} is larger than {most >> 20} MiB, which plimsoll does not write", "Restore it")
    return found


def open_lock(path: Path) -> int:
    """A descriptor of a lock file, created where missing; its content is not changed.

    ``InputError`` for a symbolic link, and for a file with a second name: writing the lock would change that file too.
    """
    with clearly(path, "written"):
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT, 0o644)
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise InputError(f"{path} is a link to another file", f"rm {path}")
    return descriptor


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a small file so that a reader sees the old one or the new one, also after a power cut.

    A link in its place is replaced, not followed. The umask applies to ``mode``.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with clearly(path, "written"):
        beside.unlink(missing_ok=True)  # of a process that had this id
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            _flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make the names in a folder durable: without it a power cut can undo a rename whose file is on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
