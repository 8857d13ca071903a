"""Things in the place of a file that no reader may wait for, follow or take into memory."""

from __future__ import annotations

import os
from pathlib import Path

from plimsoll.store.own_files import OWN_MAX


def in_place(path: Path, kind: str) -> None:
    """Put a ``pipe``, a ``folder``, a link to a ``device`` or a file that is too large in the place of a file."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(OWN_MAX + 1)  # sparse: no disk is used
