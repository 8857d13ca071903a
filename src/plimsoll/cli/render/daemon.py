"""The daemon's end, a paper account's status, positions and orders, and the kill switch as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import console, percent, table

if TYPE_CHECKING:
    from plimsoll.operate.account_view import AccountStatus, DaemonEnd, Holdings, KillReport, OpenOrders


def render_end(end: DaemonEnd) -> None:
    """Why it ended, and what it left."""
    out = console()
    out.print(f"run {end.run}: {escape(end.reason)}")
    out.print(f"{end.cycles} sessions decided, the last {end.last_cycle or 'none'}")
    if end.nav is not None:
        out.print(f"NAV {usd(end.nav)}, {len(end.working)} orders open")
    out.print(f"decisions {end.decisions_hash[:16]}")


def render_status(status: AccountStatus) -> None:
    """One fact a line, the kill switch first."""
    out = console()
    on = ", ".join(status.kill)
    out.print(f"kill switch     {'ON: ' + on if on else 'off'}{', everything is to be sold' if status.flatten else ''}")
    out.print(f"mode            {status.mode or 'nothing decided yet'}")
    out.print(f"NAV             {usd(status.nav)}")
    out.print(f"drawdown        {percent(status.drawdown)}")
    out.print(f"last decision   {status.last_cycle or 'none'}")
    out.print(f"reconciled      {status.reconciled_at or 'never: the venue is built from the journal'}")
    out.print(f"unknown orders  {status.unknown_orders}")
    out.print(f"unprotected     {', '.join(status.unprotected) or 'none'}")
    beat = "" if status.heartbeat is None else f", last heartbeat {status.heartbeat.at}"
    out.print(f"daemon          {status.daemon}{beat}")
    out.print(f"run             {status.run}   as of {status.as_of}")


def render_positions(found: Holdings) -> None:
    """A row a holding."""
    out = console()
    rows = [
        (p.symbol, "" if p.units is None else f"{p.units:,.6g}", f"{p.average_cost:,.4f}", usd(p.value),
         percent(p.weight))
        for p in found.positions
    ]  # fmt: skip
    shown = table("symbol", "units", "average cost", "value", "weight", right=(1, 2, 3, 4))
    for row in rows:
        shown.add_row(*row)
    if rows:
        out.print(shown)
    out.print(f"cash {usd(found.cash)}, NAV {usd(found.nav)} at the close of {found.session or 'no session yet'}")
    out.print(f"run {found.run}   as of {found.as_of}")


def render_orders(found: OpenOrders) -> None:
    """A row an order."""
    out = console()
    rows = [
        (o.session, o.symbol, f"{o.lots:+d}", f"{o.filled:+d}", o.status, f"{o.type} {o.time_in_force}", o.id[:12])
        for o in found.orders
    ]
    shown = table("decided", "symbol", "lots", "filled", "status", "kind", "id", right=(2, 3))
    for row in rows:
        shown.add_row(*row)
    if rows:
        out.print(shown)
    else:
        out.print("no order is open")
    out.print(f"run {found.run}   as of {found.as_of}")


def render_kill(done: KillReport) -> None:
    """What is on now, and who obeys."""
    out = console()
    if done.sources:
        out.print(f"kill switch ON: {', '.join(done.sources)}{'; everything is to be sold' if done.flatten else ''}")
    else:
        out.print("kill switch off")
    out.print("the daemon obeys at its next tick" if done.daemon else "no daemon is running: the next start obeys")


def usd(cents: int | None) -> str:
    """An amount in USD; a dash where it is unknown."""
    return "-" if cents is None else f"{cents / 100:,.2f}"
