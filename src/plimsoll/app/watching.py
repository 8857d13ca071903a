"""What a person asks of a paper account or does to it, with its daemon running, stopped or crashed (O10, X10)."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from plimsoll.app.wiring import home_of, instant, kill_switch_of, runs_of, snapshots_of
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.kill import Beat
from plimsoll.core.runs import DAEMON_TAG
from plimsoll.operate.account_view import AccountStatus, HeldPosition, Holdings, KillReport, OpenOrderLine, OpenOrders

if TYPE_CHECKING:
    from plimsoll.app.workspace import Workspace
    from plimsoll.core.panel import Panel
    from plimsoll.engine.recovery import Recovered


def kill(workspace: Workspace, *, reason: str, by: str, cancel_all: bool = False, flatten: bool = False) -> KillReport:
    """Forbid new risk from the next tick on; needs no daemon, database or lock (X10)."""
    from plimsoll.store.kill_switch import Killed

    _words("--reason", reason)
    switch = kill_switch_of(workspace)
    switch.set(Killed(reason, by, instant(), cancel_all, flatten))
    now = switch.state()
    return KillReport(
        now.sources, home_of(workspace).trader is not None, now.reason, now.by, now.cancel_all, now.flatten
    )


def unkill(workspace: Workspace, *, reason: str) -> KillReport | None:
    """Clear the command's part of the kill switch; None where it was not on. What is left is in ``sources``."""
    _words("--reason", reason)
    switch = kill_switch_of(workspace)
    return KillReport(switch.state().sources, home_of(workspace).trader is not None, reason) if switch.clear() else None


def _words(name: str, text: str) -> None:
    if not text.strip() or not text.isprintable() or len(text) > 200:
        raise UsageError(f"{name} {text!r} cannot be used", "Give up to 200 printable characters")


def _last_beat(workspace: Workspace) -> Beat | None:
    """The daemon's last heartbeat; None before the first, or where it cannot be read."""
    from plimsoll.store.own_files import read_own

    try:
        return msgspec.json.decode(read_own(home_of(workspace).path / "daemon.json"), type=Beat)
    except (OSError, InputError, msgspec.MsgspecError):
        return None


def status(workspace: Workspace, run: str | None = None) -> AccountStatus:
    """Where the home's paper account is, without a lock: the daemon may run, have stopped or have crashed."""
    found, snapshots = _account(workspace, run)
    switch, beat = kill_switch_of(workspace).state(), _last_beat(workspace)
    state, last, genesis = found.state, found.last, found.genesis
    held = [s for s, lots in zip(state.symbols, state.lots.tolist(), strict=True) if lots]
    protected = {o.order.symbol for o in state.working.values() if o.order.type in ("stop", "stop_limit")}
    nav = None if last is None or not last.nav else last.nav
    peak = None if last is None else last.carried.ladder.episode_peak
    alive = home_of(workspace).trader is not None
    return AccountStatus(
        mode="" if last is None else last.carried.mode,
        kill=switch.sources,
        account=genesis.account,
        nav=nav,
        drawdown=None if nav is None or not peak else max(1.0 - nav / peak, 0.0),
        last_cycle="" if last is None else last.session,
        reconciled_at=snapshots,
        unknown_orders=sum(o.status == "UNKNOWN" for o in state.working.values()),
        unprotected=tuple(s for s in held if s not in protected),
        venues={"recorded opens": "filled from certified data"},
        run=_run_of(workspace, run),
        state="killed" if switch.sources else "trading",
        as_of=instant(),
        daemon="running" if alive else "stopped" if beat is not None else "never started",
        heartbeat=beat,
        flatten=switch.flatten,
    )


def positions(workspace: Workspace, run: str | None = None) -> Holdings:
    """What the home's paper account holds, valued at the close of the last decision."""
    found, _ = _account(workspace, run)
    state, last = found.state, found.last
    panel = _panel(workspace, found.snapshot)
    session = "" if last is None else last.session
    nav = None if last is None or not last.nav else last.nav
    rows = [
        _position(panel, symbol, lots, cost, session, nav)
        for symbol, lots, cost in zip(state.symbols, state.lots.tolist(), state.average_cost.tolist(), strict=True)
        if lots
    ]
    rows.sort(key=lambda row: (-(row.value or 0), row.symbol))
    return Holdings(_run_of(workspace, run), instant(), session, state.cash, nav, tuple(rows))


def _position(panel: Panel | None, symbol: str, lots: int, cost: float, session: str, nav: int | None) -> HeldPosition:
    """A holding at its last close up to a session, as NAV counts it; no value without a snapshot or price."""
    if panel is None:
        return HeldPosition(symbol, lots, None, cost, None, None)
    column = panel.column[symbol]
    units = lots / panel.instruments[column].lots_per_unit
    row = panel.sessions.row_at_or_before(session)
    while row >= 0 and not isfinite(panel.close[row, column]):
        row -= 1
    if row < 0:
        return HeldPosition(symbol, lots, units, cost, None, None)
    value = round(units * float(panel.close[row, column]) * 100)
    return HeldPosition(
        symbol, lots, units, cost, value, None if nav is None else value / nav, panel.sessions.dates[row]
    )


def orders(workspace: Workspace, run: str | None = None) -> OpenOrders:
    """The working orders of the home's paper account."""
    found, _ = _account(workspace, run)
    rows = tuple(
        OpenOrderLine(
            one.order.id, one.order.symbol, one.order.session, one.status, one.order.lots, one.filled, one.order.type,
            one.order.time_in_force, one.order.reduce_only, one.order.reference,
        )
        for one in found.state.working.values()
    )  # fmt: skip
    return OpenOrders(_run_of(workspace, run), instant(), found.state.session, rows)


def _run_of(workspace: Workspace, run: str | None) -> str:
    """The run that is asked about: the daemon's newest, else the newest paper run."""
    runs = runs_of(workspace)
    if run is not None:
        return runs.find(run)
    tagged: list[str] = [n for n in runs.names() if runs.summary(n).tag == DAEMON_TAG and runs.journal(n).exists()]
    return max(tagged, key=lambda name: runs.summary(name).begun) if tagged else runs.newest("paper")


def _account(workspace: Workspace, run: str | None) -> tuple[Recovered, str | None]:
    """The state of the account, folded from its verified journal, and the session of the last venue snapshot."""
    from plimsoll.core.events import VenueSnapshot
    from plimsoll.engine.recovery import recover

    compared: str | None = None
    with runs_of(workspace).open(_run_of(workspace, run)) as reader:
        events = []
        for event in reader.events():
            events.append(event)
            if isinstance(event, VenueSnapshot):
                compared = event.session
    return recover(events), compared


def _panel(workspace: Workspace, snapshot: str) -> Panel | None:
    try:
        return snapshots_of(home_of(workspace).path).open(snapshot)
    except InputError:
        return None
