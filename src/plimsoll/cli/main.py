"""``plimsoll``: the commands. Each parses, calls one function of ``plimsoll.app`` and prints what it returns.

Only typer is imported here, so that ``--help`` answers at once; everything else is imported by the command that
needs it.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import __version__
from plimsoll.cli.failing import reported

if TYPE_CHECKING:
    from plimsoll.app import Workspace

cli = typer.Typer(
    name="plimsoll",
    help="A risk-governed systematic trading system: certified data, an exact mean-CVaR capital auction, gates, "
    "vetoes, and a journal that proves every decision.",
    epilog="State lives under --home (default runtime/). Exit codes: 0 done, 1 error, 2 usage, 3 a check failed, "
    "4 halted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
verify_cli = typer.Typer(help="Check what is in the home.", no_args_is_help=True, rich_markup_mode=None)
audit_cli = typer.Typer(help="Check the journals of past runs.", no_args_is_help=True, rich_markup_mode=None)
config_cli = typer.Typer(help="Show the policy and its schema.", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(verify_cli, name="verify")
cli.add_typer(audit_cli, name="audit")
cli.add_typer(config_cli, name="config")


class Provider(StrEnum):
    """Where bars come from in this version."""

    files = "files"
    synthetic = "synthetic"


class Operator(StrEnum):
    """Who signs re-entries in a backtest (R5)."""

    simulated = "simulated"
    never = "never"


class Mode(StrEnum):
    """How a session trades."""

    paper = "paper"


def _home(context: typer.Context, value: Path | None) -> Path:
    """The command's own --home, else the one before the command, else PLIMSOLL_HOME, else runtime/."""
    root = context.find_root().params.get("home")
    return value or root or Path("runtime")


HomeOption = Annotated[
    Path | None,
    typer.Option("--home", callback=_home, help="Folder of data, snapshots and journals.", show_default="runtime"),
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="core, institutional, small-live or micro.", show_default="core")
]
PolicyOption = Annotated[
    list[Path] | None, typer.Option("--policy", help="YAML that changes the profile; may be given more than once.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
StartOption = Annotated[str | None, typer.Option("--start", help="First date, YYYY-MM-DD.")]
EndOption = Annotated[str | None, typer.Option("--end", help="Last date, YYYY-MM-DD.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"plimsoll {__version__}")
        raise typer.Exit


@cli.callback()
def root(
    home: Annotated[
        Path | None, typer.Option("--home", envvar="PLIMSOLL_HOME", help="Folder of data, snapshots and journals.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options before the command."""


def _workspace(home: Path | None, profile: str | None, policy: list[Path] | None) -> Workspace:
    from plimsoll.app import Workspace

    return Workspace(home or Path("runtime"), profile, tuple(policy or ()), dict(os.environ))


def _print_json(value: object) -> None:
    """Indented on a terminal, one line otherwise. Absent and non-finite figures are null."""
    import msgspec

    text = msgspec.json.encode(value)
    typer.echo(msgspec.json.format(text, indent=2 if sys.stdout.isatty() else 0).decode())


@config_cli.command("show")
def config_show(
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every policy value with its unit, rule and origin, and how often each ladder rung is expected to fire.

    \b
    plimsoll config show --profile institutional
    plimsoll config show --policy mine.yaml --json
    """
    with reported(as_json):
        from plimsoll import app

        shown = app.config_show(_workspace(home, profile, policy))
        if as_json:
            _print_json(shown)
        else:
            from plimsoll.cli import tables

            tables.config(shown)


@config_cli.command("schema")
def config_schema() -> None:
    """JSON Schema of a policy file, for editors and checks.

    \b
    plimsoll config schema > policy.schema.json
    """
    with reported(False):
        from plimsoll import app

        _print_json(app.config_schema())


def main() -> None:
    """Entry point of the ``plimsoll`` command."""
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(130)
