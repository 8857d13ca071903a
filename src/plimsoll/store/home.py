"""The home: one folder with the data of a user's runs, and the lock that allows one writer at a time.

::

    home/
      .lock                 held by the writing process, with its pid
      .trading.lock         held by the daemon, or whoever continues a paper run, with its pid
      daemon-run.json       the run that the daemon trades
      daemon.json           where the daemon is: its last heartbeat; live.jsonl and errors.jsonl are its log
      KILL_SWITCH           written by anybody: no new risk while it is there (X10)
      kill.json             the same by plimsoll kill and flatten, with who and why
      plimsoll.db           rows and their audit (D13)
      governor.db           the governor's account and its record (H2)
      governor.anchor       the last entry of that record seen by this home (H2)
      account.jsonl         the account's signed record: keys, caps, sessions (H1, H7)
      account.anchor        its number of lines and last hash, which reveal cut or rewritten lines
      limits.json           its dollar caps: a copy of the newest ones in account.jsonl (H1)
      session.json          the minutes of the governor's session that had a quote (H7); session.lock while written
      raw/                  responses as they came, by ingestion run
      snapshots/<name>/     certified panels (D14); snapshots/CURRENT, which Stage 1 writes, names the one in use
      runs/<id>.db          the run's journal (G3)
      runs/<id>.json        its summary, begun when it begins; once it ends, the anchor of its journal is in it
      runs/<id>.result.json the whole result, as its command printed it
      runs/<id>.policy.json the policy it decides under, of which the journal holds the hash (U7)
      reports/<id>.html     reports, made again from the above at any time

Nothing is created until something is written.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from plimsoll.core.errors import HomeBusy, InputError, UsageError
from plimsoll.core.ports import StateStore
from plimsoll.store.own_files import clearly, open_lock

_FOLDERS = ("raw", "snapshots", "runs")
_OWN = frozenset({
    ".lock", ".trading.lock", "daemon.json", "daemon-run.json", "live.jsonl", "errors.jsonl", "KILL_SWITCH",
    "kill.json",
    "plimsoll.db", "plimsoll.db-wal", "plimsoll.db-shm", "governor.db", "governor.db-wal", "governor.db-shm",
    "governor.anchor", "account.jsonl", "account.anchor", "limits.json", "session.json", "session.lock",
    "universe.json", "governance_halt.log",
})  # fmt: skip


class Home:
    """Paths of a home, and its lock. Making one touches nothing.

    Raises
    ------
    InputError : a file stands where a folder is expected, or a folder cannot be read or written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.database = self.path / "plimsoll.db"
        self.governor = self.path / "governor.db"
        self.governor_anchor = self.path / "governor.anchor"
        self.account = self.path / "account.jsonl"
        self.anchor = self.path / "account.anchor"
        self.limits = self.path / "limits.json"
        self.track = self.path / "session.json"
        self.raw = self.path / "raw"
        self.snapshots = self.path / "snapshots"
        self.runs = self.path / "runs"
        self.reports = self.path / "reports"
        for folder in (self.path, self.raw, self.snapshots, self.runs, self.reports):
            if folder.exists() and not folder.is_dir():
                raise InputError(f"{folder} is a file where a folder is expected", "Move it, or give another --home")

    def folder(self, path: Path, mode: int = 0o777) -> Path:
        """``path``, made if it is not there; ``mode`` is what the process's umask takes from."""
        with clearly(path, "made"):
            path.mkdir(mode, parents=True, exist_ok=True)
        return path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home alone while writing; ``HomeBusy`` when another process does. Dies with the process."""
        with self._held(".lock", "is held"):
            self._sweep()
            yield

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Hold the home's paper account while a daemon trades it, or anybody continues a run of it. Ingestion and
        backtests go on beside it. ``HomeBusy`` when another process does.
        """
        with self._held(".trading.lock", "is traded"):
            yield

    @property
    def trader(self) -> int | None:
        """The process that trades the home's paper account, None without one; asked without taking its lock."""
        try:
            holder = (self.path / ".trading.lock").read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(holder) if holder.isdecimal() and _alive(int(holder)) else None

    @contextmanager
    def _held(self, name: str, verb: str) -> Iterator[None]:
        self.folder(self.path)
        descriptor = open_lock(self.path / name)
        try:
            self._take(descriptor, verb)
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove what a process that was killed left beside a run's files: ``.<name>.<its id>`` (``write_whole``)."""
        for path in self.runs.glob(".*.*") if self.runs.is_dir() else ():
            pid = path.suffix.removeprefix(".")
            if pid.isdecimal() and not _alive(int(pid)):
                with suppress(OSError):  # what cannot be removed is in nobody's way
                    path.unlink()

    def stored_governor(self) -> AbstractContextManager[StateStore]:
        """The governor's stored account, locked while it is open; ``HomeBusy`` while a governor runs."""
        from plimsoll.store.governor_store import SqliteStateStore

        return SqliteStateStore(self.governor)

    def _take(self, descriptor: int, verb: str) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            remedy = "Wait until it ends, stop it, or give another --home"
            raise HomeBusy(f"{self.path} {verb} by process {holder}", remedy) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _alive(pid: int) -> bool:
    """Whether a process with this id may be running."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0


def spared(path: Path) -> Path:
    """``path``, to be used as a command's output file.

    ``UsageError`` for a file that any home keeps itself: a page written over an account's record would destroy the
    account.
    """
    where = path.resolve()
    inside = any(
        where.relative_to(above).parts[0] in _FOLDERS for above in where.parents if (above / "plimsoll.db").exists()
    )
    if inside or (where.name in _OWN and where.exists()):
        raise UsageError(f"{path} is a file that a home keeps itself", "Give another path to write to")
    return path
