"""Adapters shared by several services: the certified snapshot, a run's context and journal, a governor's store, the
clock.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.core.errors import InputError
from plimsoll.core.policy import Policy

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from plimsoll.app.workspace import Workspace
    from plimsoll.core.events import CapsGranted, Event
    from plimsoll.core.panel import History, Panel
    from plimsoll.core.ports import Journal, SnapshotStore, StateStore
    from plimsoll.core.runs import AccountAudit, Anchor
    from plimsoll.core.state import State
    from plimsoll.engine.driver import Driver
    from plimsoll.engine.governed import Exchange, RunGovernor
    from plimsoll.engine.recovery import Recovered
    from plimsoll.engine.run_context import RunContext
    from plimsoll.execution.governed import GovernedLiveVenue
    from plimsoll.market.provider import Provider
    from plimsoll.store.daemon_account import DaemonAccountFile
    from plimsoll.store.home import Home
    from plimsoll.store.journal import SqliteJournal
    from plimsoll.store.kill_switch import KillSwitch
    from plimsoll.store.runs import RunFiles


def stage_2(workspace: Workspace, policy: Policy) -> tuple[Home, Panel]:
    """The home and its certified snapshot; refuses to start without one (D7)."""
    from plimsoll.market import snapshot
    from plimsoll.market.status import certified

    home = home_of(workspace)
    folder = certified(home.snapshots, policy, home.path / "governance_halt.log", now(), workspace.snapshot)
    return home, snapshot.load(folder).resolved(policy.limits.plain_symbols_are)


def earlier_snapshot(home: Path, policy: Policy, name: str) -> Panel | None:
    """The snapshot of a run's decisions, read under its policy; None where it is gone or differs.

    A damaged one counts as gone: the run's journal has digests of its content.
    """
    from plimsoll.core.errors import CorruptionError

    try:
        return snapshots_of(home).open(name).resolved(policy.limits.plain_symbols_are)
    except (CorruptionError, InputError):
        return None


def granted_caps(home: Home, policy: Policy, session: str) -> CapsGranted | None:
    """The present caps of the home's account, as a paper run takes them up after ``session``; None where nothing was
    signed or recorded (H1).
    """
    from plimsoll.account.governed_account import signed_limits, whole_record
    from plimsoll.core.events import CapsGranted

    record = whole_record(home)
    if record.limits is None:
        return None
    return CapsGranted(session, **signed_limits(record, policy).caps)  # type: ignore[arg-type]


def run_context_of(policy: Policy, panel: Panel, *, any_hurdle: bool = False) -> RunContext:
    """The context of a run, after proving that the policy can trade at the last certified prices (U7), and that no
    strategy's own information coefficient is below the hurdle (A3). A study of hurdles sets ``any_hurdle``: one that
    holds only cash is a result.
    """
    from plimsoll.alpha.registry import load
    from plimsoll.alpha.terms import policy_for, terms_of
    from plimsoll.engine.code import code_hash
    from plimsoll.engine.run_context import RunContext
    from plimsoll.execution.venues.simulated import SimulatedVenue
    from plimsoll.store.policy_proofs import feasible, hurdle

    strategies = load(policy.strategies.enabled)
    run_context = RunContext(
        policy, strategies, panel.instruments, code=code_hash(strategies), rules=SimulatedVenue.rules
    )
    for strategy in () if any_hurdle else run_context.strategies:
        for problem in hurdle(policy_for(policy, terms_of(strategy, policy))):
            raise InputError(f"strategy {strategy.name!r}: {problem.text}", f"{problem.remedy}, or give it a larger ic")
    prices = [float(panel.close[row, column]) for column, row in enumerate(panel.last_row.tolist())]
    caps, account = run_context.weight_caps.tolist(), run_context.account_caps
    feasible(policy, prices, panel.instruments, policy.account.capital, caps, account)
    return run_context


@contextmanager
def simulated_exchange(
    history: History, run: RunContext, account: State, governor: RunGovernor | None
) -> Iterator[Exchange]:
    """The simulated venue with the account as a run's state has it, behind the port of every venue and behind the
    run's governor, if any (H1, X1).
    """
    import asyncio

    from plimsoll.engine.exchange import ThroughPort
    from plimsoll.engine.governed import GovernedSessions
    from plimsoll.execution.governed import GovernedVenue
    from plimsoll.execution.matching import Matcher
    from plimsoll.execution.venues.simulated import SimulatedVenue

    venue = SimulatedVenue.restored(Matcher(history, run.policy), account)
    with asyncio.Runner() as runner:
        if governor is None:
            yield ThroughPort(venue, venue, runner)
        else:
            yield GovernedSessions(ThroughPort(GovernedVenue(venue, governor.gate), venue, runner), governor)


def runs_of(workspace: Workspace) -> RunFiles:
    """The runs of a workspace's home, for reading and for keeping new ones."""
    from plimsoll.store.runs import RunFiles

    return RunFiles(home_of(workspace), workspace.tell)


def snapshots_of(home: Path) -> SnapshotStore:
    """The certified snapshots of a home."""
    from plimsoll.market.snapshot_store import SnapshotFolder
    from plimsoll.store.home import Home

    return SnapshotFolder(Home(home).snapshots)


def journal_of(runs: RunFiles, run: str, *, durable: bool, held: Anchor | None = None) -> SqliteJournal:
    """The journal of a run; ``durable`` waits for the disk at every record, ``held`` is a record it must contain."""
    from plimsoll.store.journal import SqliteJournal

    return SqliteJournal(runs.journal(run), durable=durable, held=held)


@contextmanager
def passing_journal() -> Iterator[Journal]:
    """A temporary journal: of a run that is made only for its figures."""
    from tempfile import TemporaryDirectory

    from plimsoll.store.journal import SqliteJournal

    with TemporaryDirectory() as folder, SqliteJournal(Path(folder) / "run.db", durable=False) as journal:
        yield journal


def governor_file(path: Path) -> StateStore:
    """A governor's account in the file ``path``, open until it is closed."""
    from plimsoll.store.governor_store import SqliteStateStore

    return SqliteStateStore(path)


def server_verified(home: Home, url: str, timeout: float) -> AccountAudit:
    """The account of the home's governor in the Redis server at ``url``, derived again from its record (H6)."""
    try:
        from plimsoll.store.governor_redis import verify_server
    except ModuleNotFoundError:
        raise InputError("a Redis store needs redis, which is not installed", "pip install 'plimsoll[redis]'") from None
    return verify_server(url, timeout, home.governor_anchor)


def kill_switch_of(workspace: Workspace, env: Mapping[str, str] | None = None) -> KillSwitch:
    """The kill switch of a workspace's home, and of a process with the environment ``env``."""
    from plimsoll.store.kill_switch import KillSwitch

    return KillSwitch(Path(workspace.home), workspace.env if env is None else env)


def daemon_account_of(workspace: Workspace) -> DaemonAccountFile:
    """Which run the daemon of a workspace's home trades."""
    from plimsoll.store.daemon_account import DaemonAccountFile

    return DaemonAccountFile(Path(workspace.home))


def home_of(workspace: Workspace) -> Home:
    """The home of a workspace."""
    from plimsoll.store.home import Home

    return Home(workspace.home)


@contextmanager
def state_store(
    home: Home, url: str | None, timeout: float, tell: Callable[[str], None], *, looks: bool = False
) -> Iterator[StateStore]:
    """The store of the home's governor: a file in the home, locked until the end, or the Redis server at ``url``.

    With ``looks`` nothing is written to the home or the server.
    """
    if url is None:
        from plimsoll.store.governor_store import SqliteStateStore

        with SqliteStateStore(home.governor) as file:
            yield file
        return
    try:
        from plimsoll.store.governor_redis import RedisStateStore
    except ModuleNotFoundError:
        raise InputError("a Redis store needs redis, which is not installed", "pip install 'plimsoll[redis]'") from None
    with RedisStateStore(url, timeout, home.governor_anchor, looks=looks) as shared:
        for words in shared.warnings:
            tell(words)
        yield shared


def providers() -> dict[str, Provider]:
    """Every implemented provider of market data, by name; created only here (D3)."""
    from plimsoll.market.providers.files import FilesProvider
    from plimsoll.market.providers.synthetic import SyntheticProvider

    built: tuple[Provider, ...] = (FilesProvider(), SyntheticProvider())
    return {one.name: one for one in built}


def engine_thread() -> Executor:
    """The one thread in which a daemon's engine runs, with its journal and its governor."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, "engine")


def now() -> str:
    """The wall clock, ISO in UTC: for audit dates and names of runs only, never inside a decision."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def wall() -> int:
    """Microseconds since 1970 by the machine's clock, whatever its time zone."""
    return time.time_ns() // 1000


def steady() -> int:
    """Microseconds of a monotonic clock: never set."""
    return time.monotonic_ns() // 1000


def drawn() -> str:
    """16 hexadecimal digits drawn by chance: a name that no record or reply made before can have."""
    return secrets.token_hex(8)


def instant() -> str:
    """The wall clock to the microsecond, ISO in UTC, for a run's start and end."""
    return datetime.fromtimestamp(wall() / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def recorded_venue(
    driver: Driver, journal: Journal, found: Recovered, worker: Executor
) -> tuple[GovernedLiveVenue, Callable[[Any, tuple[Event, ...]], None], Callable[[int], None]]:
    """The simulated venue as one that lives in time, behind the run's governor if it has one (H1): with what is to be
    told that a session opens, and what opens it.
    """
    import asyncio

    from msgspec.structs import replace

    from plimsoll.core.events import CashFlow, DaemonReport, OrderSubmitted, Split
    from plimsoll.core.order import Fill
    from plimsoll.engine.governed import governor_after
    from plimsoll.execution.governed import GovernedLiveVenue
    from plimsoll.execution.matching import Matcher
    from plimsoll.execution.venues.recorded import RecordedVenue
    from plimsoll.execution.venues.simulated import SimulatedVenue

    sent = {id for id, one in found.state.working.items() if one.status == "SUBMITTED"}
    working = {id: one for id, one in found.state.working.items() if id not in sent}
    matcher = Matcher(driver.history, driver.run.policy)
    begun = found.genesis.start if found.last is None else found.last.session
    venue = RecordedVenue(SimulatedVenue.restored(matcher, replace(found.state, working=working)), begun)
    governor = governor_after(journal.events(), driver.run, driver.history)
    if governor is not None and found.last is not None:
        since = [e for e in found.since if not (isinstance(e, OrderSubmitted) and e.id in sent)]
        if any(isinstance(e, DaemonReport) and e.kind == "session_opened" for e in since):
            governor.repeated(found.at_decision, found.last, since)

    def opened(before: Any, events: tuple[Event, ...]) -> None:
        if governor is not None and before.last is not None:
            governor.opened(before.account, before.last, events)
        for event in events:
            if isinstance(event, CashFlow | Split | Fill):
                venue.booked(event)

    async def work(call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(worker, call)

    gate: Any = _Ungoverned() if governor is None else governor.gate
    return GovernedLiveVenue(venue, gate, work), opened, venue.open


class _Ungoverned:
    """The gate of a recorded run whose policy has no governor in the path of its orders."""

    def admit(self, _order: object) -> tuple[str, ...]:
        """Every order."""
        return ()

    def booked(self, _event: object) -> None:
        """Nothing to book."""
