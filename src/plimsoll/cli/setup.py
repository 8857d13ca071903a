"""``plimsoll config``, ``doctor``, ``new`` and ``demo``: what there is before the first run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.errors import reported
from plimsoll.cli.options import (
    HomeOption,
    JsonOption,
    PolicyOption,
    ProfileOption,
    print_json,
    workspace,
)
from plimsoll.cli.terminal import say
from plimsoll.core.errors import EXIT_CHECK_FAILED

config_cli = typer.Typer(help="Show the policy and its schema.", no_args_is_help=True, rich_markup_mode=None)
new_cli = typer.Typer(help="Write a file to begin with.", no_args_is_help=True, rich_markup_mode=None)


@config_cli.command("show")
def config_show(
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every policy value with unit, rule and origin.

    Then how often a year each rung of the drawdown ladder is expected to fire.

    \b
    plimsoll config show --profile institutional
    plimsoll config show --policy mine.yaml --json
    """
    with reported(as_json):
        from plimsoll import app

        shown = app.config_show(workspace(home, profile, policy))
        if as_json:
            print_json(shown)
        else:
            from plimsoll.cli.render import tables

            tables.config(shown)


@config_cli.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of a policy file.

    \b
    plimsoll config schema > policy.schema.json
    """
    with reported(False):
        from plimsoll import app

        print_json(app.config_schema())


def doctor(
    home: HomeOption = None, profile: ProfileOption = None, policy: PolicyOption = None, as_json: JsonOption = False
) -> None:
    """Check the environment, the home, its data and clock.

    Exits 3 if a check fails; changes nothing.

    \b
    plimsoll doctor
    plimsoll doctor --json
    """
    with reported(as_json):
        from plimsoll import app

        found = app.doctor(workspace(home, profile, policy))
        if as_json:
            print_json(found)
        else:
            from plimsoll.cli.render import tables

            tables.diagnosis(found)
        if not found.ok:
            raise typer.Exit(EXIT_CHECK_FAILED)


@new_cli.command("strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as my_trend; the file is NAME.py.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder to write into.")] = Path(),
    weights: Annotated[bool, typer.Option("--weights", help="One that returns target weights, not forecasts.")] = False,
) -> None:
    """Write a commented strategy of your own that runs as it is.

    \b
    plimsoll new strategy my_trend
    plimsoll new strategy my_mix --weights
    plimsoll backtest --strategy my_trend.py
    """
    with reported(False):
        from plimsoll import app

        path = app.new_strategy(name, output, weights=weights)
        say(f"wrote {path}")
        say(f"try   plimsoll backtest --strategy {path}")


def demo(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option("--home", metavar="DIR", help="Folder of the made-up market.", show_default="demo")
    ] = None,
) -> None:
    """Show every stage once, offline, on a made-up market.

    Makes the market up, certifies and backtests it, trades a year of it on paper, explains a trade and a refusal,
    writes the report and verifies the journals: a minute or so. A home with real data is refused.

    \b
    plimsoll demo
    plimsoll demo --home /tmp/look-around
    """
    with reported(False):
        from plimsoll.cli.demo import play

        play(home or context.find_root().params.get("home") or Path("demo"))
