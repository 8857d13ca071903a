"""Paths of a governed account's files."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from plimsoll.core.ports import StateStore


class AccountFiles(Protocol):
    """``path`` is their folder. ``governor`` is the governor's stored account with its record, ``governor_anchor`` the
    end of that record as last seen; ``account`` the signed record, ``anchor`` its end, ``limits`` a copy of its caps;
    ``track`` the minutes of the governor's session with a quote.
    """

    path: Path
    governor: Path
    governor_anchor: Path
    account: Path
    anchor: Path
    limits: Path
    track: Path

    def folder(self, path: Path, mode: int = 0o777) -> Path:
        """``path``, made if it is not there; ``mode`` is what the process's umask takes from."""
        ...

    def stored_governor(self) -> AbstractContextManager[StateStore]:
        """The governor's stored account, locked while it is open; ``HomeBusy`` while a governor runs."""
        ...
