"""Paths of a governed account's files, as given to the parts that use them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class AccountFiles(Protocol):
    """``path`` is the folder they lie in. ``governor`` is the account as the governor counts it and its record,
    ``governor_anchor`` how far that was seen; ``account`` the signed record, ``anchor`` its end, ``limits`` a copy of
    its caps; ``track`` the minutes of the governor's session.
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
