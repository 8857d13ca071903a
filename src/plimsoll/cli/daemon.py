"""``plimsoll daemon``, what a person asks of it, and the kill switch."""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import command
from plimsoll.cli.options import (
    CapitalOption,
    JsonOption,
    OperatorOption,
    StrategyOption,
    changed,
    complete_runs,
    run_changes,
)
from plimsoll.cli.terminal import say
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace

RunOption = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="Another run than the daemon's newest.", autocompletion=complete_runs),
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; kept and shown.")]
ByOption = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who does it.", show_default="the user of this machine")
]


class DaemonMode(StrEnum):
    """How a daemon trades."""

    paper = "paper"
    live = "live"


@command(render="daemon.render_end")
def daemon(
    mode: Annotated[DaemonMode, typer.Option("--mode", help="Paper; live is not implemented yet.")] = DaemonMode.paper,
    replay_from: Annotated[
        str | None, typer.Option("--replay-from", metavar="DATE", help="Trade recorded sessions from this date on.")
    ] = None,
    replay_to: Annotated[
        str | None, typer.Option("--replay-to", metavar="DATE", help="… to this date, and end.")
    ] = None,
    replay_speed: Annotated[
        str, typer.Option("--replay-speed", metavar="N|max", help="Times as fast as it was; max does not wait.")
    ] = "max",
    data_refresh: Annotated[
        float,
        typer.Option("--data-refresh", min=0.01, metavar="MINUTES", help="How often to look for a newer snapshot."),
    ] = 30.0,
    tick_interval: Annotated[
        float, typer.Option("--tick-interval", min=0.01, max=60.0, metavar="SECONDS", help="How often to look at all.")
    ] = 1.0,
    strategy: StrategyOption = None,
    capital: CapitalOption = None,
    operator: OperatorOption = None,
    *,
    where: Workspace,
    as_json: JsonOption = False,
) -> object:
    """Trade the home's paper account until stopped.

    Each session is decided once its data are in the certified snapshot; 'plimsoll ingest' beside it, by cron say,
    brings the next one. Orders fill at the open of the next session, as in a backtest. TERM or Ctrl-C ends it after the
    step in progress, and the next start continues the same run. With --replay-from and --replay-to it trades recorded
    sessions.

    \b
    plimsoll daemon
    plimsoll daemon --replay-from 2025-06-02 --replay-to 2025-06-30
    plimsoll daemon --replay-from 2025-06-02 --replay-to 2025-06-30 --replay-speed 3600
    """
    under = changed(where, run_changes(strategy, capital, operator, False, None, None), "")
    return app.daemon(
        under,
        mode=mode.value,
        replay_from=replay_from,
        replay_to=replay_to,
        replay_speed=_speed(replay_speed),
        data_refresh=data_refresh,
        tick_interval=tick_interval,
        say=lambda line: say(line, err=as_json),
    )


def _speed(text: str) -> float:
    if text == "max":
        return inf
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < inf:
        raise UsageError(f"--replay-speed {text!r} is no speed", "Give a number above 0, or max")
    return speed


@command(render="daemon.render_status", policy=False)
def status(run: RunOption = None, *, where: Workspace) -> object:
    """Show whether the paper account is safe.

    Mode, drawdown, kill switch, unknown orders, daemon. It takes no lock and changes nothing. 'unprotected' are
    holdings without a protective order resting at a venue: stops are decided at each close.

    \b
    plimsoll status
    plimsoll status --json
    """
    return app.status(where, run)


@command(render="daemon.render_positions", policy=False)
def positions(run: RunOption = None, *, where: Workspace) -> object:
    """Show what the paper account holds.

    Valued at the close of the last decision.

    \b
    plimsoll positions
    plimsoll positions --json
    """
    return app.positions(where, run)


@command(render="daemon.render_orders", policy=False)
def orders(run: RunOption = None, *, where: Workspace) -> object:
    """Show the orders that may still fill.

    \b
    plimsoll orders
    plimsoll orders --json
    """
    return app.orders(where, run)


@command(render="daemon.render_kill", policy=False)
def kill(
    reason: ReasonOption,
    cancel_all: Annotated[bool, typer.Option("--cancel-all", help="Cancel orders that reduce positions too.")] = False,
    by: ByOption = "",
    *,
    where: Workspace,
) -> object:
    """Forbid new risk at once; positions stay, and exits go on.

    Orders that could add risk are cancelled. It works without a daemon, a database or a journal: it writes one file in
    the home. The file KILL_SWITCH in the home and TRADING_DISABLED=1 in the daemon's environment do the same.

    \b
    plimsoll kill --reason "the broker's prices look wrong"
    plimsoll resume --reason "checked with the broker"
    """
    return app.kill(where, reason=reason, by=by or _user(), cancel_all=cancel_all)


@command(render="daemon.render_kill", policy=False)
def flatten(reason: ReasonOption, by: ByOption = "", *, where: Workspace) -> object:
    """Sell everything, and forbid new risk.

    At each decision every position is ordered down to zero, until a person resumes.

    A symbol without a certified price or a bar on that day cannot be sold then, and is tried again at each close.

    \b
    plimsoll flatten --reason "closing the account"
    """
    return app.kill(where, reason=reason, by=by or _user(), flatten=True)


def _user() -> str:
    from getpass import getuser

    return getuser()
