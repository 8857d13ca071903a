"""``doctor``: check environment, home, data and clock line by line, with a remedy for each failure (O10).

Each check looks and changes nothing: no folder is made, no table migrated. A check that fails means that commands
will not work, or may not be trusted; a warning is something a person should know about.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import quote

import msgspec

from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import CorruptionError, InputError, PlimsollError
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.core.ports import RunCatalogue, SnapshotStore
from plimsoll.market.provider import ProviderState

State = Literal["ok", "warn", "fail"]

PYTHONS = ((3, 11), (3, 13))
SQLITE_SOUND = (3, 51, 3)  # before it two connections could corrupt a file in WAL mode
DISK_LOW, DISK_FULL = 2 << 30, 200 << 20  # bytes: what years of runs take; what one ingestion takes
MEMORY_LOW = 1 << 30  # bytes: a backtest of hundreds of symbols
AHEAD = timedelta(minutes=5)  # a file this much in the future says that the clock was set back
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Check(msgspec.Struct, frozen=True):
    """One line of the diagnosis: what was looked at, what was found, and what to do unless it is ``ok``."""

    name: str
    state: State
    found: str
    remedy: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """Every check in order; ``ok`` is False when one of them failed (warnings do not count)."""

    ok: bool
    home: str
    checks: tuple[Check, ...]


class Folders(Protocol):
    """Where a home keeps what is looked at as a file."""

    path: Path
    database: Path
    runs: Path
    snapshots: Path


@dataclass(frozen=True, slots=True)
class Looked:
    """A home as it is looked at."""

    folders: Folders
    runs: RunCatalogue
    snapshots: SnapshotStore


def diagnose(
    home: Path,
    policy: Callable[[], Policy],
    opened: Callable[[], Looked],
    now: datetime,
    providers: Sequence[ProviderState],
) -> Diagnosis:
    """Run every check. ``policy`` loads the policy and ``opened`` the home (what they raise is a finding); ``now`` is
    the wall clock in UTC; ``providers`` is what the providers of market data say of themselves.
    """
    checks = tuple(_checks(home, policy, opened, now, providers))
    return Diagnosis(not any(c.state == "fail" for c in checks), str(home), checks)


def _checks(
    path: Path,
    policy: Callable[[], Policy],
    opened: Callable[[], Looked],
    now: datetime,
    providers: Sequence[ProviderState],
) -> Iterator[Check]:
    yield python()
    yield packages(pins())
    yield solver()
    yield sqlite()
    yield calendars(now)
    yield reached(providers)
    yield threads(os.environ)
    yield memory()
    loaded, check = _policy(policy)
    yield check
    yield disk(path)
    yield writable(path)
    try:
        home = opened()
    except PlimsollError as error:
        yield _failed("home", error)
        return
    yield lock(home.folders.path / ".lock")
    yield database(home.folders.database)
    yield data(home.snapshots, loaded or Policy(), now)
    yield orders(home.snapshots, loaded or Policy())
    yield journal(home.runs)
    yield clock(home.folders, now)


def python() -> Check:
    """The interpreter is one that Plimsoll is tested with."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    low, high = PYTHONS
    if low <= sys.version_info[:2] <= high:
        return Check("python", "ok", found)
    wanted = f"{low[0]}.{low[1]} to {high[0]}.{high[1]}"
    return Check("python", "fail", found, f"Make the environment with Python {wanted}")


def pins() -> dict[str, tuple[str, ...]]:
    """Pinned versions by package, from the source tree's ``requirements/runtime.txt``; none when that is not there."""
    path = Path(__file__).resolve().parents[3] / "requirements" / "runtime.txt"
    if not path.is_file():
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
        found[_plain(name)] = (*found.get(_plain(name), ()), version)
    return found


def packages(pinned: dict[str, tuple[str, ...]]) -> Check:
    """Everything needed is installed, as new as is asked for, and at the versions Plimsoll was tested with."""
    missing, old, other = [], [], []
    needed = [r for r in metadata.requires("plimsoll") or () if "extra ==" not in r]
    for requirement in needed:
        name, _, least = requirement.partition(">=")
        have = _version(name)
        if not have:
            missing.append(name)
        elif _numbers(have) < _numbers(least):
            old.append(f"{name} {have} (needs {least})")
    for name, versions in pinned.items():
        have = _version(name)
        if have and have not in versions:
            other.append(f"{name} {have} (tested with {' or '.join(versions)})")
    remedy = "Run 'make setup', or install requirements/runtime.txt into this environment"
    if missing or old:
        faults = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"too old: {', '.join(old)}"] * bool(old)
        return Check("packages", "fail", "; ".join(faults), remedy)
    if other:
        return Check("packages", "warn", ", ".join(other), remedy)
    against = "all at their pinned versions" if pinned else "no pins beside this installation to compare with"
    return Check("packages", "ok", f"{len(needed)} needed, all installed; {against}")


def solver() -> Check:
    """NumPy works and HiGHS solves: the largest x with x <= 2 is 2."""
    remedy = "Install numpy and highspy again from the pinned wheels"
    try:
        import highspy
        import numpy as np

        model: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        model.setOptionValue("output_flag", False)
        model.addVar(0.0, 2.0)
        model.changeColCost(0, -1.0)
        model.run()
        answer = np.asarray(model.getSolution().col_value)
        found = f"NumPy {np.__version__}, HiGHS {model.version()}"
    except (ImportError, OSError, AttributeError) as error:
        return Check("solver", "fail", str(error), remedy)
    if answer.shape == (1,) and answer[0] == 2.0:
        return Check("solver", "ok", found)
    return Check("solver", "fail", f"{found}: a one-line problem was solved wrongly", remedy)


def sqlite() -> Check:
    """The journal's SQLite is free of the defect that could corrupt a file in WAL mode (fixed in 3.51.3)."""
    try:
        import apsw
    except ImportError as error:
        return Check("sqlite", "fail", str(error), "Install apsw from the pinned wheels")
    own = apsw.sqlite_lib_version()
    found = f"journal {own}"
    if _numbers(own) < SQLITE_SOUND:
        return Check("sqlite", "fail", f"{found} has the WAL-reset defect", "Install apsw 3.51.3 or newer")
    if sqlite3.sqlite_version_info < SQLITE_SOUND:
        return Check(
            "sqlite", "ok",
            f"{found}; Python's own {sqlite3.sqlite_version} has the WAL-reset defect, which one connection at a "
            "time, as the home's lock enforces, cannot meet",
        )  # fmt: skip
    return Check("sqlite", "ok", f"{found}, Python's own {sqlite3.sqlite_version}")


def calendars(now: datetime) -> Check:
    """The exchange calendars know every session of the coming year."""
    from plimsoll.market.calendars import HORIZON, nyse_sessions

    today = day_number(now.date().isoformat())
    remedy = "Correct the machine's clock, or upgrade Plimsoll and exchange-calendars"
    try:
        coming = nyse_sessions(today, today + 365)
    except PlimsollError as error:
        return Check("calendars", "fail", error.problem, remedy)
    except (ImportError, ValueError) as error:
        return Check("calendars", "fail", str(error), remedy)
    found = f"{len(coming)} NYSE sessions in the coming year, known to {iso_day(HORIZON)}"
    if len(coming) < 240:  # no year had fewer since 1950
        return Check("calendars", "fail", found, remedy)
    return Check("calendars", "ok", found)


def reached(providers: Sequence[ProviderState]) -> Check:
    """Implemented providers of market data answer, and their data are granted; the others are reported."""
    silent = [p.provider for p in providers if not p.reachable]
    refused = [p.provider for p in providers if p.reachable and not p.entitled]
    if silent or refused:
        said = [
            f"{', '.join(names)} {what}" for names, what in ((silent, "not reached"), (refused, "not granted")) if names
        ]
        return Check("providers", "warn", "; ".join(said), "See plimsoll providers")
    return Check("providers", "ok", ", ".join(p.provider for p in providers))


def threads(env: os._Environ[str] | dict[str, str]) -> Check:
    """Processors, and the thread counts asked of the linear algebra. Decisions do not depend on either (U9)."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = {name: env[name] for name in THREADS if name in env}
    found = f"{processors} for this process; " + (", ".join(f"{k}={v}" for k, v in asked.items()) or "BLAS unlimited")
    wrong = [k for k, v in asked.items() if not v.isdigit() or not 1 <= int(v) <= processors]
    if wrong:
        return Check("processors", "warn", found, f"Set {', '.join(wrong)} to 1 to {processors}, or unset it")
    return Check("processors", "ok", found)


def memory() -> Check:
    """Memory that is free for a run."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return Check("memory", "ok", "cannot be measured on this system")
    if free < MEMORY_LOW:
        return Check("memory", "warn", f"{_size(free)} free", "Close other programs, or run fewer symbols")
    return Check("memory", "ok", f"{_size(free)} free")


def disk(path: Path) -> Check:
    """Room where the home is or would be."""
    free = shutil.disk_usage(_standing(path)).free
    if free < DISK_LOW:
        state: State = "fail" if free < DISK_FULL else "warn"
        return Check("disk", state, f"{_size(free)} free at {path}", "Free some space, or give another --home")
    return Check("disk", "ok", f"{_size(free)} free")


def writable(path: Path) -> Check:
    """The home can be written, or made."""
    place = _standing(path)
    remedy = "Check its owner and permissions, or give another --home"
    if not place.is_dir():
        return Check("home", "fail", f"{place} is a file", "Move it, or give another --home")
    if not os.access(place, os.W_OK | os.X_OK):
        return Check("home", "fail", f"{place} cannot be written", remedy)
    if place != path:
        return Check("home", "ok", f"{path} is not there yet; the first ingestion makes it")
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return Check("home", "fail", f"{path} cannot be written ({error.strerror})", remedy)
    return Check("home", "ok", f"{path} can be written")


def lock(path: Path) -> Check:
    """No other process is writing to the home that has its lock at ``path``."""
    if not path.exists():
        return Check("lock", "ok", "free")
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released as the file closes
    except BlockingIOError:
        holder = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
        return Check("lock", "warn", f"held by process {holder}", "Wait until it ends before writing to this home")
    except OSError as error:
        return Check("lock", "fail", f"{path}: {error.strerror}", "Check its permissions")
    return Check("lock", "ok", "free")


def database(path: Path) -> Check:
    """The database of rows is whole, and of a schema this version reads."""
    import apsw

    from plimsoll.store.bars import HEAD

    if not path.exists():
        return Check("database", "ok", "none yet; the first ingestion makes it")
    try:
        connection = apsw.Connection(_uri(path), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            version = connection.execute("SELECT version_num FROM alembic_version").get
            verdict = connection.execute("PRAGMA quick_check(1)").get
        finally:
            connection.close()
    except apsw.ReadOnlyError:
        return Check("database", "warn", "was being written when its process ended", "The next ingestion completes it")
    except apsw.Error as error:
        return Check("database", "fail", f"{path}: {error}", "Restore it from a backup, or ingest again")
    if verdict != "ok":
        return Check("database", "fail", f"damaged: {verdict}", "Restore it from a backup, or ingest again")
    if version == HEAD:
        return Check("database", "ok", f"schema {version}, whole")
    if str(version) < HEAD:
        return Check("database", "warn", f"schema {version}, older than {HEAD}", "The next ingestion brings it up")
    return Check("database", "fail", f"schema {version} is newer than {HEAD}", "Upgrade Plimsoll")


def data(snapshots: SnapshotStore, policy: Policy, now: datetime) -> Check:
    """The current snapshot is byte for byte what was certified, and recent."""
    from plimsoll.market.calendars import nyse_sessions

    try:
        panel = _certified(snapshots)
    except PlimsollError as error:
        return _failed("data", error)
    if panel is None:
        remedy = "Run 'plimsoll ingest', or 'plimsoll demo' to look around"
        return Check("data", "warn", "nothing certified yet", remedy)
    states = [c.state for c in panel.certifications]
    last = int(panel.sessions.days[-1])
    kind = "SYNTHETIC, " if panel.synthetic else ""
    active = f"{states.count('ACTIVE')} of {len(states)} symbols ACTIVE"
    found = f"{kind}{active}, up to {iso_day(last)}, every byte as certified"
    if not panel.synthetic:
        with suppress(PlimsollError):
            missed = len(nyse_sessions(last + 1, day_number(now.date().isoformat()) - 1))
            if missed > policy.data.ended_after:
                remedy = "Ingest newer rows before trading; a backtest does not mind"
                return Check("data", "warn", f"{found}; {missed} sessions have passed since", remedy)
    return Check("data", "ok", found)


def orders(snapshots: SnapshotStore, policy: Policy) -> Check:
    """The policy can trade: at the last certified prices a buy and the exit of the largest position are legal (U7)."""
    from plimsoll.engine.caps import account_caps, weight_cap
    from plimsoll.store.policy_proofs import feasible

    try:
        found = _certified(snapshots)
        if found is None:
            return Check("orders", "ok", "nothing certified yet to prove them at")
        panel = found.resolved(policy.limits.plain_symbols_are)
        prices = [float(panel.close[row, column]) for column, row in enumerate(panel.last_row.tolist())]
        caps = [weight_cap(instrument, policy.limits) for instrument in panel.instruments]
        account = account_caps(policy, panel.symbols) if policy.governor.recorded else None
        proof = feasible(policy, prices, panel.instruments, policy.account.capital, caps, account)
    except PlimsollError as error:
        return _failed("orders", error)
    lots = {i.symbol: i.lots_per_unit for i in panel.instruments}
    bought, sold = proof.buy_lots / lots[proof.buy_symbol], proof.exit_lots / lots[proof.exit_symbol]
    buy = f"a buy of {bought:g} {proof.buy_symbol} ({proof.buy_notional:,.2f} USD)"
    sale = f"the exit of {sold:g} {proof.exit_symbol} ({proof.exit_notional:,.2f} USD)"
    return Check("orders", "ok", f"legal at the last certified prices: {buy} and {sale}")


def _certified(snapshots: SnapshotStore) -> Panel | None:
    """The panel that everything new reads from; None before the first was published."""
    try:
        current = snapshots.latest()
    except InputError:
        return None
    return snapshots.open(current)


def journal(runs: RunCatalogue) -> Check:
    """The last run's journal is what was written."""
    try:
        run = runs.find()
    except PlimsollError:
        return Check("journal", "ok", "no runs yet")
    try:
        report = runs.audit(run)
    except CorruptionError as error:
        return _failed("journal", error)
    except PlimsollError as error:  # somebody writes it at this moment
        return Check("journal", "warn", error.problem, error.remedy)
    if report.ok:
        return Check("journal", "ok", f"{run}: {report.records} records verified")
    return Check("journal", "fail", f"{run}: {report.problem}", "Keep the file; restore the run from a backup")


def clock(home: Folders, now: datetime) -> Check:
    """The clock is not before what already happened here. Skew to a venue is measured when there is one."""
    found = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    remedy = "Set the machine's clock (NTP)"
    files = [p for folder in (home.path, home.runs, home.snapshots) if folder.is_dir() for p in folder.iterdir()]
    files.append(Path(__file__))
    ahead = [p for p in files if p.exists() and p.stat().st_mtime > (now + AHEAD).timestamp()]
    if ahead:
        return Check("clock", "fail", f"{found} is before the last change of {ahead[0]}", remedy)
    return Check("clock", "ok", found)


def _policy(load: Callable[[], Policy]) -> tuple[Policy | None, Check]:
    try:
        policy = load()
    except PlimsollError as error:
        return None, _failed("policy", error)
    return policy, Check("policy", "ok", f"profile {policy.profile}, consistent")


def _uri(path: Path) -> str:
    """A database to look at. One nobody writes is taken as unchanging, so that not even a lock file is made."""
    written = any(path.with_name(path.name + log).exists() for log in ("-wal", "-journal"))
    still = "" if written else "&immutable=1"
    return f"file:{quote(str(path.absolute()))}?mode=ro{still}"


def _failed(name: str, error: PlimsollError) -> Check:
    return Check(name, "fail", error.problem, error.remedy)


def _standing(path: Path) -> Path:
    """The path, or the nearest above it that is there."""
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.exists()) if not path.exists() else path


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
