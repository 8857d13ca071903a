"""Checks on file permissions: other writers of a live account's home, location of a private key (H1, X0).

A user with write access to an account's record, store or policy can make it lose money without any key. Nothing here
changes a mode: errors name the command that corrects it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.core.errors import InputError, UsageError
from plimsoll.store.home import Home

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def exposed(home: Home, files: Iterable[Path] = ()) -> InputError | None:
    """The first file, of the home, its content or ``files``, that another user can write; None without one.

    root's files are accepted. A link in place of a file is refused too, since its target may belong to anyone.
    """
    inside = sorted(home.path.iterdir()) if home.path.is_dir() else []
    for path in (home.path.resolve(), *inside, *(p.resolve() for p in files)):
        try:
            found = path.lstat()
        except FileNotFoundError:  # of another process, and done with
            continue
        if problem := _exposed(path, found):
            return problem
    return None


def _exposed(path: Path, found: os.stat_result) -> InputError | None:
    if stat.S_ISLNK(found.st_mode):
        if path.is_dir():  # snapshots on another disk, say: nothing of the account
            return None
        return InputError(f"{path} is a symbolic link, which a live account's home may not hold", f"rm {path}")
    if found.st_uid not in (os.geteuid(), 0):
        return InputError(
            f"{path} belongs to user {found.st_uid}, who could change this live account",
            f"chown {os.geteuid()} {path}, or run as that user",
        )
    if found.st_mode & _OTHERS_WRITE:
        return InputError(
            f"{path} of a live account can be written by other users (mode {stat.S_IMODE(found.st_mode):o})",
            f"chmod go-w {path}",
        )
    return None


def outside(home: Home, key: Path) -> Path:
    """``key``, which must not be in the home, where the trading process can read it. ``UsageError`` where it is.

    A second name of the same file there (a hard link) is inside the home as well.
    """
    remedy = "Keep the key where the trading process cannot read it"
    if key.resolve().is_relative_to(home.path.resolve()):
        raise UsageError(f"{key} is inside the home", remedy)
    if key.is_file() and key.stat().st_nlink > 1:
        for path in home.path.rglob("*"):
            if path.is_file() and path.samefile(key):
                raise UsageError(f"{key} is inside the home: {path} is the same file", f"rm {path}. {remedy}")
    return key


@contextmanager
def owner_only() -> Iterator[None]:
    """Files made meanwhile are private to their owner: folders 0700, files 0600."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
