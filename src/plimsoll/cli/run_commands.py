"""``plimsoll runs``, ``runs prune``, ``compare`` and ``resume``: list, remove, compare and resume runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.cli.options import JsonOption, complete_runs
from plimsoll.cli.terminal import say
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.app import Workspace
    from plimsoll.operate.resume import Resumed
    from plimsoll.store.pruning import Pruned

runs_cli = typer.Typer(help="List the runs of this home.", invoke_without_command=True, rich_markup_mode=None)


@runs_cli.callback(invoke_without_command=True)
@command(render="runs.render_runs", policy=False)
def runs(context: typer.Context, *, where: Workspace) -> object:
    """List the runs of this home: tag, span, policy, capital, figures, and how each ended.

    \b
    plimsoll runs
    plimsoll runs --json
    plimsoll runs prune --keep 20 --dry-run
    """
    return None if context.invoked_subcommand is not None else app.runs(where)


@runs_cli.command()
@command(
    render=lambda done: say(f"removed {len(done.runs)} runs" if done.done else "nothing was removed"), policy=False
)
def prune(
    keep: Annotated[int | None, typer.Option("--keep", min=0, metavar="N", help="Keep the newest N.")] = None,
    older_than: Annotated[
        int | None, typer.Option("--older-than", min=0, metavar="DAYS", help="Only runs that ended so long ago.")
    ] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only interrupted or failed runs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Include journals of paper accounts.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
    *,
    where: Workspace,
    as_json: JsonOption = False,
) -> object:
    """Remove old runs with their journals, results and reports.

    Removes the runs that match all given filters: lists them first and asks for confirmation; without a terminal --yes
    is required. Journals of paper accounts stay unless --force is given.

    \b
    plimsoll runs prune --keep 20 --dry-run
    plimsoll runs prune --unfinished --yes
    plimsoll runs prune --older-than 90 --keep 5
    """

    def agreed(found: Pruned) -> bool:
        if dry_run or yes:
            return yes and not dry_run
        if as_json or not sys.stdin.isatty():
            raise UsageError(f"{len(found.runs)} runs would be removed without confirmation", "Add --yes or --dry-run")
        _listed(found)
        return typer.confirm("Remove them?")

    done = app.prune(where, keep=keep, older_than=older_than, unfinished=unfinished, force=force, agreed=agreed)
    if not as_json and (yes or dry_run or not done.runs):
        _listed(done)
    return done


def _listed(found: Pruned) -> None:
    for run in found.runs:
        say(run)
    for run in found.spared:
        say(f"{run} is kept: it is an account's journal (--force removes it)")
    if found.runs:
        say(f"{len(found.runs)} runs, {found.bytes / 1e6:,.1f} MB")


_HELP = "A name, a prefix of one, a tag, or last."
FirstRun = Annotated[str, typer.Argument(metavar="RUN_A", help=_HELP, autocompletion=complete_runs)]
SecondRun = Annotated[str, typer.Argument(metavar="RUN_B", help=_HELP, autocompletion=complete_runs)]


@command(render="runs.render_comparison", policy=False)
def compare(a: FirstRun, b: SecondRun, *, where: Workspace) -> object:
    """Show two runs side by side.

    Their figures, policy differences, whether data and code are the same, and their daily returns paired: the mean
    difference a year with its standard error, and the correlation.

    \b
    plimsoll compare baseline wide-stops
    plimsoll compare backtest-20260105T101500 last --json
    """
    return app.compare(where, a, b)


@command(render="runs.render_parity", policy=False)
def parity(a: FirstRun, b: SecondRun, *, where: Workspace) -> object:
    """Show where two runs part, session by session, and why.

    Each difference has a cause: data, timing, instruction, fill, cost or decision; account where it only follows from
    an earlier one. Exits 3 where they differ.

    \b
    plimsoll parity backtest-20260105T101500 paper-20260105T101600
    plimsoll parity last paper-20260105T101600 --json
    """
    found = app.parity(where, a, b)
    return Answer(found, ok=not found.gaps)


def _render_resumed(done: Resumed) -> None:
    from plimsoll.core.runs import going_on

    say(f"{done.run}: {' and '.join(done.lifts)} approved by {done.by}, effective after session {done.session}")
    say(f"continue with {going_on(done.run)}; after the end of its span add --end DATE, on newer data use --continue")


@command(render=_render_resumed, policy=False)
def resume(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; kept with the signature.")],
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who signs; needed but to clear 'plimsoll kill'.")
    ] = "",
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="The paper run.", show_default="the newest", autocompletion=complete_runs),
    ] = None,
    *,
    position: Annotated[
        list[str] | None,
        typer.Option(
            "--position", metavar="SYMBOL=LOTS", help="Confirm a frozen position instead, as it is held; repeatable."
        ),
    ] = None,
    where: Workspace,
) -> object:
    """Lift a paper account's halt, or its kill switch.

    After 'plimsoll kill' or 'flatten' it clears that, and says which other source of the kill switch is still on. Else
    it adds a named person's approval of a halt or re-entry to the run's journal; continue with 'trade --mode paper
    --recorded --resume RUN'. --position confirms what is held of a symbol of which a venue showed more or less than the
    journal explains, and lifts nothing else.
    Exits 2 where nothing needs approval, 3 before cooldown and health checks allow it, 4 after the end of the mandate.

    \b
    plimsoll resume --by "Ann Lee" --reason "reviewed the fall of March"
    plimsoll trade --mode paper --recorded --resume last --end 2020-12-31
    """
    if run is None and not position and (cleared := app.unkill(where, reason=reason)) is not None:
        return Answer(cleared, render="daemon.render_kill")
    if not by:
        raise UsageError(
            "nothing was killed by command, and no one signs", "To sign for a halt or re-entry give --by NAME"
        )
    return app.resume(where, by, reason, run, dict(map(_position, position or ())))


def _position(word: str) -> tuple[str, int]:
    symbol, _, lots = word.partition("=")
    try:
        return symbol, int(lots)
    except ValueError:
        raise UsageError(f"--position {word!r} names no symbol and whole lots", "Write it as MSFT=25") from None
