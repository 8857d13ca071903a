"""Which run the daemon of a home trades, kept apart from the run, so that a lost run is missed (X7)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from plimsoll.core.errors import CorruptionError, InputError
from plimsoll.core.kill import DaemonAccount
from plimsoll.store.own_files import read_own, write_whole

FILE = "daemon-run.json"


class DaemonAccountFile:
    """The file of the home at ``home``."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def read(self) -> DaemonAccount | None:
        """What it says; None without one. ``CorruptionError`` where it cannot be read."""
        if not self._path.exists():
            return None
        try:
            return msgspec.json.decode(read_own(self._path), type=DaemonAccount)
        except (OSError, InputError, msgspec.MsgspecError):
            raise CorruptionError(
                f"{self._path} cannot be read, and it names the run of the home's daemon",
                "Write it again as {\"run\": NAME} with the newest run tagged daemon in 'plimsoll runs'",
            ) from None

    def keep(self, account: DaemonAccount) -> None:
        """Write it."""
        write_whole(self._path, msgspec.json.encode(account) + b"\n")

    def clear(self) -> None:
        """Remove it: the run is finished."""
        with suppress(FileNotFoundError):
            self._path.unlink()
