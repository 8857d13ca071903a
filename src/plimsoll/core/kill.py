"""What a daemon and its watchers tell each other: the kill switch, and the last heartbeat (E2, X10)."""

from __future__ import annotations

import msgspec


class KillState(msgspec.Struct, frozen=True):
    """The kill switch as its sources have it now: the sources that are on, and what a person asked for."""

    sources: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""
    cancel_all: bool = False
    flatten: bool = False


class Beat(msgspec.Struct, frozen=True):
    """The daemon's last heartbeat, as it is kept in ``daemon.json``. ``at`` is the machine's time, ISO; ``now`` the
    daemon's own, which is recorded time in a replay.
    """

    pid: int
    run: str
    at: str
    now: str
    uptime: int
    waiting: str
    session: str
    cycles: int
    kill: tuple[str, ...] = ()
    replay: bool = False


class DaemonAccount(msgspec.Struct, frozen=True):
    """Which account the daemon of a home trades: its run, and the dates of a replay, absent where it follows the data.

    ``decided`` is whether it has decided anything, so that its journal must be there.
    """

    run: str
    replay_from: str | None = None
    replay_to: str | None = None
    decided: bool = False
