"""The daemon of a home's paper account, on recorded sessions as they are certified (E2, X7)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from math import inf
from typing import TYPE_CHECKING

import msgspec

from plimsoll.app.keeping import keeping
from plimsoll.app.paper_run import PaperRun, finished, paper_run
from plimsoll.app.wiring import (
    daemon_account_of,
    engine_thread,
    home_of,
    instant,
    journal_of,
    kill_switch_of,
    runs_of,
    snapshots_of,
    stage_2,
)
from plimsoll.core.errors import CorruptionError, InputError, UsageError
from plimsoll.core.kill import Beat, DaemonAccount
from plimsoll.core.runs import DAEMON_TAG
from plimsoll.operate.account_view import DaemonEnd

if TYPE_CHECKING:
    from plimsoll.app.workspace import Workspace
    from plimsoll.core.kill import KillState
    from plimsoll.core.ports import Clock
    from plimsoll.engine.daemon import Daemon, DaemonMoment
    from plimsoll.engine.driver import RunState
    from plimsoll.engine.paper import PaperSession
    from plimsoll.store.kill_switch import KillSwitch
    from plimsoll.store.runs import RunFiles

_LONG = 10**18
_SECOND = 1_000_000


class _Around:
    """What a daemon reads and tells outside the engine, for one run of a home."""

    def __init__(
        self, workspace: Workspace, trades: DaemonAccount, switch: KillSwitch, say: Callable[[str], None]
    ) -> None:
        from plimsoll.operate.daemon_log import DaemonLog

        self._trades, self._switch, self._say = trades, switch, say
        self._file = daemon_account_of(workspace)
        self._home = home_of(workspace)
        self._log = DaemonLog(self._home.path, instant)
        self.snapshot = ""
        self.cycles, self.last = 0, ""
        self.nav: int | None = None

    def kill_state(self) -> KillState:
        """The kill switch now."""
        return self._switch.state()

    def newer(self) -> bool:
        """Whether the home has another snapshot than the one in use."""
        try:
            return snapshots_of(self._home.path).latest() != self.snapshot
        except InputError as error:
            self._log.error("DATA", error.problem)
            return False

    def beat(self, moment: DaemonMoment) -> None:
        """Say it, log it, and keep it for ``plimsoll status``."""
        from plimsoll.store.own_files import write_whole

        self._say(moment.line)
        self._log.info("HEARTBEAT", moment.line)
        beat = Beat(
            os.getpid(), self._trades.run, instant(), _iso(moment.now), moment.uptime, moment.waiting, moment.session,
            moment.cycles, moment.kill, self._trades.replay_from is not None,
        )  # fmt: skip
        try:
            write_whole(self._home.path / "daemon.json", msgspec.json.encode(beat) + b"\n")
        except InputError as error:  # a full disk stops no heartbeat; the journal refuses to go on by itself
            self._log.error("DISK", error.problem)

    def decided(self, state: RunState) -> None:
        """Log a decision."""
        if state.last is None:
            return
        if not self._trades.decided:
            self._trades = msgspec.structs.replace(self._trades, decided=True)
            self._file.keep(self._trades)
        self.cycles, self.last, self.nav = self.cycles + 1, state.last.session, state.last.nav
        self._log.info("DECIDED", f"{state.last.session} NAV {state.last.nav} {state.last.carried.mode}")
        for event in state.last.events:
            if event.severity in ("critical", "CRITICAL", "error"):
                self._log.error(event.kind, f"{state.last.session} {event.scope}")


def daemon(
    workspace: Workspace,
    *,
    mode: str = "paper",
    replay_from: str | None = None,
    replay_to: str | None = None,
    replay_speed: float = inf,
    data_refresh: float = 30.0,
    tick_interval: float = 1.0,
    keep_going: bool = True,
    env: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> DaemonEnd:
    """Trade the home's paper account until stopped: each session at its time, on each newer snapshot (E2).

    The run of a daemon that did not finish is continued, whatever ended it. With ``replay_from`` and ``replay_to`` it
    trades those recorded sessions, ``replay_speed`` times as fast as they were, and finishes. ``data_refresh`` is in
    minutes and ``tick_interval`` in seconds, of the machine's clock.
    """
    import asyncio
    from datetime import date

    from plimsoll.engine.daemon import Daemon

    if mode != "paper":
        raise UsageError(f"--mode {mode} is not implemented yet", "paper trades sessions as they are certified")
    for name, given in (("--replay-from", replay_from), ("--replay-to", replay_to)):
        if given is not None:
            try:
                date.fromisoformat(given)
            except ValueError:
                raise UsageError(f"{name} {given!r} is no date", "Write it as 2025-01-31") from None
    if (replay_from is None) != (replay_to is None):
        raise UsageError("one of --replay-from and --replay-to is given", "Give both, or none to follow the data")
    replay = replay_from is not None and replay_to is not None
    if replay and str(replay_to) < str(replay_from):
        raise UsageError(f"--replay-to {replay_to} is before --replay-from {replay_from}", "Exchange them")
    if not replay and replay_speed != inf:
        raise UsageError("--replay-speed is given without dates", "Give --replay-from and --replay-to too")
    runs, home = runs_of(workspace), home_of(workspace)
    with home.trading():
        with home.lock():  # sweeps, and waits for nobody: ingestion goes on beside a daemon
            account = _account_of(workspace, runs)
        going = None if account is None else account.run
        _same_purpose(account, replay_from, replay_to)
        paper = _paper(workspace, going, replay_from, replay_to)
        with keeping(runs, workspace, paper.policy, paper.genesis, DAEMON_TAG, paper.begun) as kept:
            trades = DaemonAccount(kept.run, replay_from, replay_to, decided=account is not None and account.decided)
            daemon_account_of(workspace).keep(trades)
            switch = kill_switch_of(workspace, env)
            around = _Around(workspace, trades, switch, say)

            now = [paper]

            def session() -> PaperSession:
                if around.snapshot:  # there is a newer one than the run decides on
                    now[0] = _paper(workspace, kept.run, None, replay_to)
                around.snapshot = now[0].history.panel.snapshot
                return now[0].session(kept.run, keep_going=keep_going)

            with engine_thread() as worker:
                one = Daemon(session, around, *_pace(paper, worker, replay, replay_speed, tick_interval, data_refresh))
                stopped = asyncio.run(_until_stopped(one))
            with journal_of(runs, kept.run, durable=True) as journal:
                decided = journal.decisions_hash
            working = _working(runs, kept.run)
            end = max(kept.summary.end, around.last)
            if stopped:
                summary = msgspec.structs.replace(kept.summary, end=end)
                runs.finish(
                    msgspec.structs.replace(
                        summary, status="interrupted", reason=f"stopped by {stopped}", ended=instant()
                    )
                )
            else:
                finished(now[0], kept, now[0].session(kept.run).tally())
                daemon_account_of(workspace).clear()
            reason = f"stopped by {stopped}" if stopped else "the sessions to replay are done" if replay else "over"
            return DaemonEnd(kept.run, reason, around.cycles, around.last, decided, around.nav, working)


def _pace(
    paper: PaperRun, worker: Executor, replay: bool, speed: float, tick: float, refresh: float
) -> tuple[Clock, Executor, int, int]:
    """The clock, the worker, and the daemon's tick and refresh in microseconds of that clock; 0 refreshes never."""
    from plimsoll.app.live_venues import WallClock
    from plimsoll.engine.pace import ReplayClock

    if not replay:
        return WallClock(), worker, int(tick * _SECOND), int(refresh * 60 * _SECOND)
    sessions, begun = paper.history.panel.sessions, paper.begun
    decided = paper.span.first if begun is None or not begun.decided else sessions.row_at_or_after(begun.decided)
    start = int(sessions.opens[decided]) * _SECOND
    return ReplayClock(start, speed), worker, _LONG if speed == inf else int(tick * speed * _SECOND), 0


async def _until_stopped(one: Daemon) -> str:
    """Run a daemon; the name of the signal that stopped it, "" without one."""
    import asyncio
    import signal

    loop, stopped = asyncio.get_running_loop(), [""]

    def stop(name: str) -> None:
        stopped[0] = stopped[0] or name
        one.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, signal.Signals(number).name)
    try:
        await one.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return stopped[0]


def _account_of(workspace: Workspace, runs: RunFiles) -> DaemonAccount | None:
    """The account that the home's daemon trades; None before its first. ``CorruptionError`` where its run is gone or
    cannot be read: no other account takes its place in silence.
    """
    found = daemon_account_of(workspace).read()
    if found is None:
        return None
    there = runs.journal(found.run).exists()
    if not there and not found.decided:  # it died before its first record
        return None
    ending = runs.ending(found.run) if there else None
    problem = "its journal is gone" if ending is None else ending.problem
    if problem:
        raise CorruptionError(
            f"the daemon's run {found.run!r} cannot be continued: {problem}",
            "Restore it from a backup; to begin another account use another --home",
        )
    return found


def _same_purpose(account: DaemonAccount | None, start: str | None, end: str | None) -> None:
    """``UsageError`` where a replay is asked for in a home whose daemon follows the data, or another one, or none."""
    if account is None or (account.replay_from, account.replay_to) == (start, end):
        return
    did = "follows the data" if account.replay_from is None else f"replays {account.replay_from} to {account.replay_to}"
    again = "no dates" if account.replay_from is None else "the same dates"
    raise UsageError(f"the daemon of this home {did}, as run {account.run}", f"Give {again}, or another --home")


def _paper(workspace: Workspace, run: str | None, start: str | None, end: str | None) -> PaperRun:
    """The daemon's run on the home's current snapshot."""
    if run is None:
        if start is None and end is None:  # it follows the data from the last session on
            start = stage_2(workspace, workspace.load().policy)[1].sessions.dates[-1]
        return paper_run(workspace, start=start, end=end)
    return paper_run(workspace, end=end, continue_run=run)


def _working(runs: RunFiles, run: str) -> tuple[str, ...]:
    from plimsoll.engine.recovery import recover

    with runs.open(run) as reader:
        return tuple(recover(reader.events()).state.working)


def _iso(micros: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
