"""The home: one folder with everything a user's runs leave behind, and the lock that keeps one writer at a time.

::

    home/
      .lock                 held by the writing process, with its pid
      plimsoll.db           rows and their audit (D13)
      governor.db           the account as the hard-limit governor counts it, and the record of how it came to (H2)
      governor.anchor       how far this home has seen that record (H2)
      account.jsonl         who may sign for the account, what was signed, how its sessions went (H1, H7)
      account.anchor        how many lines that has, and the hash of the last: what was cut or rewritten shows
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

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from plimsoll.core.errors import CorruptionError, HomeBusy, InputError, PlimsollError, UsageError
from plimsoll.core.events import Genesis
from plimsoll.core.policy import Policy
from plimsoll.store.journal import Anchor, AuditReport, Ending, Reading, read, verify

_POLICY = ".policy.json"
_RESULT = ".result.json"
_SUFFIXES = (".json", _POLICY, _RESULT, ".db", ".db-wal", ".db-shm")
_LISTED = 8  # names an error lists before it only counts
OWN_MAX = 256 << 20  # bytes of a file plimsoll keeps: a record of a million sessions, or the result of a long run
BESIDE = "-without-mandate-"  # in the name of a run that was made to compare another with


TAG_MAX = 60  # characters


_FOLDERS = ("raw", "snapshots", "runs")
_OWN = frozenset({
    ".lock", "plimsoll.db", "plimsoll.db-wal", "plimsoll.db-shm", "governor.db", "governor.db-wal", "governor.db-shm",
    "governor.anchor", "account.jsonl", "account.anchor", "limits.json", "session.json", "session.lock",
    "universe.json", "governance_halt.log",
})  # fmt: skip


class RunSummary(msgspec.Struct, frozen=True):
    """A run in a line. ``records`` and ``head`` anchor its journal; absent figures were never written.

    ``status`` is ``finished``, ``running``, ``interrupted`` (it has only what its genesis says) or ``failed``, which
    ``reason`` explains. ``policy_name`` is the profile and what changed it in words, ``halted`` what a halted book
    waits for. ``capital`` in cents; ``result_hash`` the SHA-256 of the stored result, which no edited one has.
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
    status: str = ""
    reason: str = ""
    profile: str = ""
    policy_name: str = ""
    operator: str = ""
    code: str = ""
    tag: str = ""
    sessions: int | None = None
    annual_return: float | None = None
    annual_volatility: float | None = None
    halted: str = ""
    result_hash: str = ""


class Home:
    """Paths of a home, its current snapshot, its runs and its lock. Making one touches nothing.

    ``tell`` hears what a person has to know about what was chosen for them.

    Raises
    ------
    InputError : a file stands where a folder is expected, or a folder cannot be read or written.
    """

    def __init__(self, path: Path | str, tell: Callable[[str], None] = lambda _: None) -> None:
        self.path, self.tell = Path(path), tell
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
        with _clearly(path, "made"):
            path.mkdir(mode, parents=True, exist_ok=True)
        return path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home alone while writing; ``HomeBusy`` when another process does. Dies with the process."""
        self.folder(self.path)
        descriptor = open_lock(self.path / ".lock")
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
        name = read_own(pointer).decode("utf-8", "replace").strip()
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
        """The run of that name, tag or unambiguous beginning of a name; the last finished one for none and ``last``.

        A run made only to stand beside another (R5) is found by its name alone; one that was interrupted is never the
        last, and ``tell`` hears that it was passed over. ``UsageError`` where there is none or more than one.
        """
        if run is None or run == "last":
            return self._last()
        if self.journal(run).exists() or self._summary(run).exists():
            return run
        names = self.names()
        tagged = [] if len(run) > TAG_MAX else [n for n in names if self.summary(n).tag == run]
        found = tagged or [n for n in names if n.startswith(run) and BESIDE not in n]
        if len(found) == 1:
            return found[0]
        if found:
            more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
            raise UsageError(
                f"{run!r} is {'the tag' if tagged else 'the beginning'} of {len(found)} runs",
                f"Name one of {', '.join(found[-_LISTED:])}{more}",
            )
        from difflib import get_close_matches  # only for an error

        near = get_close_matches(run, names, n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"There is no run {run!r} in {self.path}", f"{meant}See 'plimsoll runs'")

    def _last(self) -> str:
        begun = [p for p in self.runs.glob("*.db") if p.is_file()]
        begun += [p for p in self._summaries() if not p.with_suffix(".db").exists()]
        if not begun:
            raise UsageError(f"{self.path} holds no runs", "Run 'plimsoll backtest' first")
        begun = [p for p in begun if BESIDE not in p.name] or begun
        begun.sort(key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
        passed: list[RunSummary] = []
        for path in begun:
            summary = self.summary(path.stem)
            if summary.finished or self._damaged(path.stem):  # whoever reads a damaged one says so
                for one in passed:
                    self.tell(f"{one.run} is {one.status} and was passed over; the last finished run is {path.stem}")
                return path.stem
            passed.append(summary)
        newest = passed[0]
        raise UsageError(
            f"{self.path} holds no finished run; {newest.run} is {newest.status}",
            "Run it again, or name it with --run to see how far it came",
        )

    def last_unfinished(self, mode: str) -> str:
        """The newest run of a mode that is not finished; ``UsageError`` where there is none."""
        begun = [p for p in self.runs.glob(f"{mode}-*.db") if not self.summary(p.stem).finished]
        if not begun:
            raise UsageError(f"{self.path} holds no unfinished {mode} run", "See 'plimsoll runs'")
        return max(begun, key=lambda p: (p.stat().st_mtime_ns, p.name)).stem

    def newest(self, mode: str) -> str:
        """The newest run of a mode, however it ended; ``UsageError`` where there is none."""
        begun = list(self.runs.glob(f"{mode}-*.db"))
        if not begun:
            raise UsageError(f"{self.path} holds no {mode} run", "See 'plimsoll runs'")
        return max(begun, key=lambda p: (p.stat().st_mtime_ns, p.name)).stem

    def names(self) -> list[str]:
        """Every run by name."""
        return sorted({p.stem for p in self.runs.glob("*.db")} | {p.stem for p in self._summaries()})

    def files(self, run: str) -> tuple[Path, ...]:
        """What is kept of a run, its report included, as far as it is there."""
        stem = self.journal(run)
        beside = (stem.with_suffix(suffix) for suffix in _SUFFIXES)
        return tuple(p for p in (*beside, self.reports / f"{run}.html") if p.exists())

    def finish(self, summary: RunSummary, result: bytes = b"") -> None:
        """Write a run's summary, the anchor of its journal included, and before it the JSON of its whole result."""
        self.folder(self.runs)
        if result:
            write_whole(self.journal(summary.run).with_suffix(_RESULT), result)
            summary = msgspec.structs.replace(summary, result_hash=hashlib.sha256(result).hexdigest())
        write_whole(self._summary(summary.run), msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")

    def result(self, run: str) -> bytes | None:
        """The JSON of a run's whole result; None where none was stored."""
        path = self.journal(run).with_suffix(_RESULT)
        if not path.is_file():
            return None
        return read_own(path)

    def keep_policy(self, run: str, policy: Policy) -> None:
        """Store the policy of a run before it begins, as the canonical JSON its hash is of (G4)."""
        self.folder(self.runs)
        write_whole(self._policy(run), msgspec.json.encode(policy, order="sorted"))

    def policy_file(self, run: str) -> Path:
        """Where the policy of a run is kept; ``--policy`` takes it as it is."""
        return self._policy(run)

    def policy(self, run: str, digest: str) -> Policy | None:
        """The policy a run was given, whose SHA-256 its journal names; None when none was stored.

        ``CorruptionError`` when the stored one is another, ``InputError`` when this version cannot read it.
        """
        path = self._policy(run)
        if not path.is_file():
            return None
        stored = read_own(path)
        if hashlib.sha256(stored).hexdigest() != digest:
            raise CorruptionError(f"{path} is not the policy the run's journal names", "Restore it from a backup")
        try:
            return msgspec.json.decode(stored, type=Policy)
        except msgspec.ValidationError as error:
            remedy = "Use the version of plimsoll that made the run"
            raise InputError(f"{path} was written for another version of the policy ({error})", remedy) from None

    def summaries(self) -> tuple[RunSummary, ...]:
        """Every run by name; one without a summary, or with a damaged one, as far as its journal tells."""
        return tuple(self.summary(name) for name in self.names())

    def summary(self, run: str) -> RunSummary:
        """One run's summary; what its journal's genesis says when it has none."""
        try:
            found = msgspec.json.decode(read_own(self._summary(run)), type=RunSummary)
        except (OSError, InputError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
            found = self._from_journal(run)
        status = found.status or ("finished" if found.finished else "interrupted")
        if status == "running" and not self._held(run):
            status = "interrupted"  # nobody is there any more who could have said so
        return found if status == found.status else msgspec.structs.replace(found, status=status)

    def _damaged(self, run: str) -> bool:
        path = self._summary(run)
        try:
            return path.is_file() and msgspec.json.decode(read_own(path), type=RunSummary) is None
        except (OSError, InputError, ValueError, RecursionError):
            return True

    def _held(self, run: str) -> bool:
        """Whether the process that took the lock for ``run`` is still there: it wrote the summary after the lock."""
        lock = self.path / ".lock"
        try:
            since = lock.stat().st_mtime_ns
            os.kill(int(read_own(lock)), 0)
        except PermissionError:  # somebody else's, and alive
            pass
        except (OSError, InputError, ValueError, OverflowError):
            return False
        return self._summary(run).stat().st_mtime_ns >= since

    def audit(self, run: str | None = None) -> AuditReport:
        """Verify a run's journal (the last run's by default) to its end, against what is kept of that outside it."""
        name = self.find_run(run)
        return verify(self.journal(name), self.ending(name))

    def read(self, run: str) -> Reading:
        """Every event of a run's journal, proven before it is given, and its end against what is kept of it."""
        return read(self.journal(run), self.ending(run))

    def ending(self, run: str) -> Ending:
        """Where a run's journal ends, as its summary keeps it: a record it holds once the run has begun to be resumed.

        A missing summary proves nothing: it is written before the first record. A damaged one is ``CorruptionError``.
        """
        path = self._summary(run)
        if not path.exists():
            return Ending(problem=f"{path}, which keeps it, is not there")
        try:
            known = msgspec.json.decode(read_own(path), type=RunSummary)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            raise CorruptionError(
                f"{path} is damaged: the end of the journal cannot be checked against it", "Restore it from a backup"
            ) from None
        if known.run != run:
            raise CorruptionError(
                f"{path} is that of the run {known.run}", "Restore the files of both runs from a backup"
            )
        if known.records is not None:
            return Ending(Anchor(known.records, known.head), known.finished)
        if known.finished or self.journal(run).with_suffix(_RESULT).exists():
            return Ending(problem=f"the run was finished, and {path} does not keep it")
        return Ending()

    def _policy(self, run: str) -> Path:
        return self.journal(run).with_suffix(_POLICY)

    def _summaries(self) -> Iterator[Path]:
        return (p for p in self.runs.glob("*.json") if not p.name.endswith((_POLICY, _RESULT)))

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
            first.synthetic, finished=False, operator=first.operator, code=first.code,
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


def spared(path: Path) -> Path:
    """``path``, to which a command is about to write what it was asked for.

    ``UsageError`` where a home keeps something there, this one or another: a page written over an account's record
    would end the account.
    """
    where = path.resolve()
    inside = any(
        where.relative_to(above).parts[0] in _FOLDERS for above in where.parents if (above / "plimsoll.db").exists()
    )
    if inside or (where.name in _OWN and where.exists()):
        raise UsageError(f"{path} is a file that a home keeps itself", "Give another path to write to")
    return path


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a file that plimsoll keeps itself. ``InputError`` for a symbolic link, which is not followed.

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
        raise InputError(f"{path} is no regular file", "Move it, or give another --home")
    return descriptor


def read_own(path: Path, most: int = OWN_MAX) -> bytes:
    """The bytes of a file that plimsoll keeps itself: no link, no pipe, and no larger than such a file can get.

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
    """A descriptor of a lock file, made where it is not there; nothing in it is touched.

    ``InputError`` for a symbolic link, and for a file with a second name: what is written into a lock would be written
    into that one.
    """
    with _clearly(path, "written"):
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT, 0o644)
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise InputError(f"{path} is a link to another file", f"rm {path}")
    return descriptor


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a small file so that a reader sees the old one or the new one, also after a power cut.

    A link that stands in its place is replaced, not followed. ``mode`` is what the process's umask takes from.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with _clearly(path, "written"):
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
