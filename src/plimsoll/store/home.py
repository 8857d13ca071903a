"""The home: one folder with everything a user's runs leave behind, and the lock that keeps one writer at a time.

::

    home/
      .lock                 held by the writing process, with its pid
      plimsoll.db           rows and their audit (D13)
      governor.db           the account as the hard-limit governor counts it (H2)
      account.jsonl         who may sign for the account, what was signed, how its sessions went (H1, H7)
      limits.json           its dollar caps: a copy of the newest ones in account.jsonl (H1)
      session.json          the minutes of the governor's session that had a quote (H7)
      raw/                  responses as they came, by ingestion run
      snapshots/<name>/     certified panels (D14); snapshots/CURRENT, which Stage 1 writes, names the one in use
      runs/<id>.db          the run's journal (G3)
      runs/<id>.json        its summary and the anchor of its journal, written when it ends
      runs/<id>.policy.json the policy it decides under, of which the journal holds the hash (U7)
      reports/<id>.html     reports, made again from the above at any time

Nothing is created until something is written.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from plimsoll.core.errors import CorruptionError, HomeBusy, InputError, PlimsollError, UsageError
from plimsoll.core.events import Genesis
from plimsoll.core.policy import Policy
from plimsoll.store.journal import Anchor, AuditReport, read, verify

_POLICY = ".policy.json"
_BESIDE = "-without-mandate-"  # in the name of a run that was made to compare another with


class RunSummary(msgspec.Struct, frozen=True):
    """A run in a line. ``records`` and ``head`` anchor its journal; absent figures were never written (a run that
    was interrupted has only what its genesis says, and ``finished`` False).
    """

    run: str
    mode: str
    start: str
    end: str
    snapshot: str
    policy: str
    capital: int
    strategies: tuple[str, ...]
    synthetic: bool
    finished: bool
    records: int | None = None
    head: str = ""
    decisions_hash: str = ""
    total_return: float | None = None
    max_drawdown: float | None = None
    sharpe: float | None = None


class Home:
    """Paths of a home, its current snapshot, its runs and its lock. Making one touches nothing.

    Raises
    ------
    InputError : a file stands where a folder is expected, or a folder cannot be read or written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.database = self.path / "plimsoll.db"
        self.governor = self.path / "governor.db"
        self.account = self.path / "account.jsonl"
        self.limits = self.path / "limits.json"
        self.track = self.path / "session.json"
        self.raw = self.path / "raw"
        self.snapshots = self.path / "snapshots"
        self.runs = self.path / "runs"
        self.reports = self.path / "reports"
        for folder in (self.path, self.raw, self.snapshots, self.runs, self.reports):
            if folder.exists() and not folder.is_dir():
                raise InputError(f"{folder} is a file where a folder is expected", "Move it, or give another --home")

    def folder(self, path: Path) -> Path:
        """``path``, made if it is not there."""
        with _clearly(path, "made"):
            path.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home alone while writing; ``HomeBusy`` when another process does. Dies with the process."""
        self.folder(self.path)
        with _clearly(self.path, "written"):
            descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            remedy = "Wait until it ends, stop it, or give another --home"
            raise HomeBusy(f"{self.path} is held by process {holder}", remedy) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    @property
    def current(self) -> Path | None:
        """Folder of the snapshot in use; None before the first is published."""
        pointer = self.snapshots / "CURRENT"
        if not pointer.exists():
            return None
        with _clearly(pointer, "read"):
            name = pointer.read_text(encoding="utf-8", errors="replace").strip()
        folder = self.snapshots / name
        if not name or Path(name).name != name or not folder.is_dir():
            raise CorruptionError(f"{pointer} names {name!r}, which is no snapshot", "Run 'plimsoll ingest' again")
        return folder

    def journal(self, run: str) -> Path:
        """Path of a run's journal, whether or not it exists. ``UsageError`` for what cannot be a run's name."""
        if not run or run.startswith(".") or Path(run).name != run:
            raise UsageError(f"{run!r} is not the name of a run", "See 'plimsoll runs'")
        return self.runs / f"{run}.db"

    def find_run(self, run: str | None = None) -> str:
        """The named run, or the one written last, before any made only to stand beside another (R5).

        ``UsageError`` when there is none.
        """
        if run is not None:
            if not (self.journal(run).exists() or self._summary(run).exists()):
                from difflib import get_close_matches  # only for an error

                near = get_close_matches(run, {p.name.split(".")[0] for p in self.runs.glob("*.*")}, n=1)
                meant = f"Did you mean {near[0]!r}? " if near else ""
                raise UsageError(f"There is no run {run!r} in {self.path}", f"{meant}See 'plimsoll runs'")
            return run
        begun = [p for p in self.runs.glob("*.db") if p.is_file()]
        begun += [p for p in self._summaries() if not p.with_suffix(".db").exists()]
        if not begun:
            raise UsageError(f"{self.path} holds no runs", "Run 'plimsoll backtest' first")
        asked_for = [p for p in begun if _BESIDE not in p.name] or begun
        return max(asked_for, key=lambda p: (p.stat().st_mtime_ns, p.name)).stem

    def finish(self, summary: RunSummary) -> None:
        """Write a run's summary, the anchor of its journal included."""
        self.folder(self.runs)
        write_whole(self._summary(summary.run), msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")

    def keep_policy(self, run: str, policy: Policy) -> None:
        """Store the policy of a run before it begins, as the canonical JSON its hash is of (G4)."""
        self.folder(self.runs)
        write_whole(self._policy(run), msgspec.json.encode(policy, order="sorted"))

    def policy(self, run: str, digest: str) -> Policy | None:
        """The policy a run was given, whose SHA-256 its journal names; None when none was stored.

        ``CorruptionError`` when the stored one is another, ``InputError`` when this version cannot read it.
        """
        path = self._policy(run)
        if not path.is_file():
            return None
        with _clearly(path, "read"):
            stored = path.read_bytes()
        if hashlib.sha256(stored).hexdigest() != digest:
            raise CorruptionError(f"{path} is not the policy the run's journal names", "Restore it from a backup")
        try:
            return msgspec.json.decode(stored, type=Policy)
        except msgspec.ValidationError as error:
            remedy = "Use the version of plimsoll that made the run"
            raise InputError(f"{path} was written for another version of the policy ({error})", remedy) from None

    def summaries(self) -> tuple[RunSummary, ...]:
        """Every run by name; one without a summary, or with a damaged one, as far as its journal tells."""
        written = self._summaries()
        names = sorted({p.stem for p in self.runs.glob("*.db")} | {p.stem for p in written})
        return tuple(self.summary(name) for name in names)

    def summary(self, run: str) -> RunSummary:
        """One run's summary; what its journal's genesis says when it has none."""
        try:
            return msgspec.json.decode(self._summary(run).read_bytes(), type=RunSummary)
        except (OSError, ValueError):  # msgspec's errors are ValueErrors
            return self._from_journal(run)

    def audit(self, run: str | None = None) -> AuditReport:
        """Verify a run's journal (the last run's by default), against its summary's anchor when there is one."""
        name = self.find_run(run)
        return verify(self.journal(name), self._anchor(name))

    def _anchor(self, run: str) -> Anchor | None:
        """What a finished run's summary keeps of its journal; a damaged summary is no licence to do without."""
        path = self._summary(run)
        if not path.exists():
            return None
        try:
            with _clearly(path, "read"):
                known = msgspec.json.decode(path.read_bytes(), type=RunSummary)
        except ValueError:  # msgspec's errors are ValueErrors
            raise CorruptionError(
                f"{path} is damaged: the end of the journal cannot be checked against it", "Restore it from a backup"
            ) from None
        return None if known.records is None else Anchor(known.records, known.head)

    def _policy(self, run: str) -> Path:
        return self.journal(run).with_suffix(_POLICY)

    def _summaries(self) -> Iterator[Path]:
        return (p for p in self.runs.glob("*.json") if not p.name.endswith(_POLICY))

    def _summary(self, run: str) -> Path:
        return self.journal(run).with_suffix(".json")

    def _from_journal(self, run: str) -> RunSummary:
        try:
            first = next(read(self.journal(run)), None)
        except PlimsollError:
            first = None
        if not isinstance(first, Genesis):
            return RunSummary(run, "unreadable", "", "", "", "", 0, (), False, finished=False)
        return RunSummary(
            run, first.mode, first.start, first.end, first.snapshot, first.policy, first.capital, first.strategies,
            first.synthetic, finished=False,
        )  # fmt: skip


@contextmanager
def _clearly(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"{path} cannot be {verb} ({reason})", "Check its permissions, or give another --home"
        ) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that a reader sees the old one or the new one, also after a power cut."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with _clearly(path, "written"):
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
