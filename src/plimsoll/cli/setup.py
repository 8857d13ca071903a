"""``plimsoll config``, ``doctor``, ``new`` and ``demo``: set up and explore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import Answer, command
from plimsoll.cli.options import print_json
from plimsoll.cli.terminal import say

if TYPE_CHECKING:
    from plimsoll.app import Workspace

config_cli = typer.Typer(help="Show the policy and its schema.", no_args_is_help=True, rich_markup_mode=None)
new_cli = typer.Typer(help="Create a file from a template.", no_args_is_help=True, rich_markup_mode=None)


@config_cli.command("show")
@command(render="setup.render_config")
def config_show(
    *,
    where: Workspace,
) -> object:
    """List every policy value with unit, rule and origin.

    Then the expected firings a year of each rung of the drawdown ladder.

    \b
    plimsoll config show --profile institutional
    plimsoll config show --policy mine.yaml --json
    """
    return app.config_show(where)


@config_cli.command("schema")
@command(render=print_json, json=False)
def config_schema() -> object:
    """Print the JSON Schema of a policy file.

    \b
    plimsoll config schema > policy.schema.json
    """
    return app.config_schema()


@command(render="setup.render_diagnosis")
def doctor(*, where: Workspace) -> Answer:
    """Check the environment, the home, its data and clock.

    Exits 3 if a check fails; changes nothing.

    \b
    plimsoll doctor
    plimsoll doctor --json
    """
    found = app.doctor(where)
    return Answer(found, ok=found.ok)


def _render_new_strategy(path: Path) -> None:
    say(f"wrote {path}")
    say(f"try   plimsoll backtest --strategy {path}")


@new_cli.command("strategy")
@command(render=_render_new_strategy, json=False)
def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as my_trend; the file is NAME.py.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder to write into.")] = Path(),
    weights: Annotated[bool, typer.Option("--weights", help="Return target weights instead of forecasts.")] = False,
) -> object:
    """Create a commented strategy file that runs as it is.

    \b
    plimsoll new strategy my_trend
    plimsoll new strategy my_mix --weights
    plimsoll backtest --strategy my_trend.py
    """
    return app.new_strategy(name, output, weights=weights)


@command(json=False)
def demo(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option("--home", metavar="DIR", help="Folder of the synthetic market.", show_default="demo")
    ] = None,
) -> None:
    """Show every stage once, offline, on synthetic data.

    Generates a synthetic market, certifies and backtests it, trades a year of it on paper, explains a trade and a
    refusal, writes the report and verifies the journals: about a minute. A home with real data is refused.

    \b
    plimsoll demo
    plimsoll demo --home /tmp/look-around
    """
    from plimsoll.cli.demo import play

    play(home or context.find_root().params.get("home") or Path("demo"))
