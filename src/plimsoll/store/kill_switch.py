"""The kill switch of a home: files that anybody can write without the system, and the environment (X10).

It needs no database, no lock and no running daemon. A source that cannot be read is on: unexplained is no new risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from plimsoll.core.errors import InputError
from plimsoll.core.kill import KillState
from plimsoll.store.own_files import read_own, write_whole

FILE = "KILL_SWITCH"
COMMAND = "kill.json"
ENVIRONMENT = "TRADING_DISABLED"
_OFF = frozenset({"", "0", "false", "no", "off"})


class Killed(msgspec.Struct, frozen=True):
    """What a person asked for with ``plimsoll kill`` or ``flatten``; ``at`` is ISO, UTC."""

    reason: str
    by: str
    at: str
    cancel_all: bool = False
    flatten: bool = False


class KillSwitch:
    """The kill switch of the home at ``home``, and of a process with the environment ``env``."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self._file, self._command, self._env = home / FILE, home / COMMAND, env

    def state(self) -> KillState:
        """Every source that is on: ``file`` for KILL_SWITCH, ``command`` for ``plimsoll kill``, ``environment``."""
        asked, unread = self._asked()
        sources = []
        if self._there(self._file):
            sources.append("file")
        if asked is not None or unread:
            sources.append("command")
        if self._env.get(ENVIRONMENT, "").strip().lower() not in _OFF:
            sources.append("environment")
        if asked is None:
            return KillState(tuple(sources))
        return KillState(tuple(sources), asked.reason, asked.by, asked.cancel_all, asked.flatten)

    def set(self, killed: Killed) -> None:
        """Switch it on by command, durably. Asked again it never takes back what was asked before."""
        before, _ = self._asked()
        if before is not None:
            killed = msgspec.structs.replace(
                killed, cancel_all=killed.cancel_all or before.cancel_all, flatten=killed.flatten or before.flatten
            )
        self._command.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._command, msgspec.json.format(msgspec.json.encode(killed), indent=2) + b"\n")

    def clear(self) -> bool:
        """Clear the command's source; whether it was on. The others are cleared where they were set."""
        try:
            self._command.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InputError(
                f"{self._command} cannot be removed ({error.strerror}), so the kill switch stays on",
                "Remove it yourself",
            ) from None
        return True

    def _asked(self) -> tuple[Killed | None, bool]:
        """What the command left, and whether something is there that cannot be read."""
        if not self._there(self._command):
            return None, False
        try:
            return msgspec.json.decode(read_own(self._command), type=Killed), False
        except (OSError, InputError, msgspec.MsgspecError):
            return None, True

    @staticmethod
    def _there(path: Path) -> bool:
        try:
            path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True
