"""``plimsoll``: its commands, assembled. Each parses, calls one function of ``plimsoll.app`` and prints the answer.

Commands import only typer, so that ``--help`` answers at once; each imports the rest when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from plimsoll import __version__
from plimsoll.cli import acts as acts  # its commands join those of approve
from plimsoll.cli.account import approve_cli, keys_cli, limits_cli, sla
from plimsoll.cli.confirming import confirm
from plimsoll.cli.daemon import daemon, flatten, kill, orders, positions, status
from plimsoll.cli.data import ingest, providers, verify_cli
from plimsoll.cli.errors import INTERRUPTED, CommandGroup, hold_streams
from plimsoll.cli.governing import govern
from plimsoll.cli.inspect import auction, audit_cli, costs, explain, regime, replay, report, risk
from plimsoll.cli.model_commands import model_cli
from plimsoll.cli.process import start_lean
from plimsoll.cli.run_commands import compare, parity, resume, runs_cli
from plimsoll.cli.setup import config_cli, demo, doctor, new_cli
from plimsoll.cli.studies import ablation, montecarlo
from plimsoll.cli.tax import tax_cli
from plimsoll.cli.trading import backtest, trade

COMMANDS = (  # in the order of --help; the groups follow
    sla, confirm, compare, resume, ingest, backtest, trade, ablation, providers, explain, risk, replay, report, demo,
    auction, costs, regime, govern, montecarlo, doctor, daemon, status, positions, orders, kill, flatten,
    parity,
)  # fmt: skip
GROUPS = {
    "verify": verify_cli,
    "audit": audit_cli,
    "config": config_cli,
    "new": new_cli,
    "limits": limits_cli,
    "keys": keys_cli,
    "approve": approve_cli,
    "model": model_cli,
    "runs": runs_cli,
    "tax": tax_cli,
}


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"plimsoll {__version__}")
        raise typer.Exit


def root(
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", envvar="PLIMSOLL_HOME", help="Folder of data, snapshots and journals."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


def assembled(only: str = "") -> typer.Typer:
    """The group of commands after the global options: all, or ``only`` the command or group of that name."""
    made = typer.Typer(
        name="plimsoll",
        cls=CommandGroup,
        help="A risk-governed systematic trading system: certified data, an exact mean-CVaR capital auction, gates, "
        "vetoes, and a journal that proves every decision.",
        epilog="State lives under --home (default runtime/). Exit codes: 0 done, 1 error, 2 usage, 3 a check failed, "
        "4 halted.",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    made.callback()(root)
    for command in COMMANDS:
        if only in ("", command.__name__):
            made.command()(command)
    for name, group in GROUPS.items():
        if only in ("", name):
            made.add_typer(group, name=name)
    return made


cli = assembled()


def needed(words: Sequence[str]) -> typer.Typer:
    """The commands that a command line needs: building the parsers of all takes much of the start-up time.

    All of them where it does not begin with the name of a command (help, completion, a typo, options first).
    """
    names = {command.__name__ for command in COMMANDS} | GROUPS.keys()
    return assembled(words[0]) if words and words[0] in names else cli


def main() -> None:
    """Entry point of the ``plimsoll`` command."""
    hold_streams()
    start_lean()
    try:
        needed(sys.argv[1:])()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
