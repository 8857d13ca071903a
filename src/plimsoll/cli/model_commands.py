"""``plimsoll model``: run a model over recorded bars behind the governor, and convert models to ONNX (H4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll import app
from plimsoll.cli.command import command
from plimsoll.cli.options import CapitalOption, EndOption, JsonOption, StartOption, changed
from plimsoll.cli.progress import progress
from plimsoll.cli.terminal import say

if TYPE_CHECKING:
    from plimsoll.app import Workspace

model_cli = typer.Typer(help="Run and convert intraday models.", no_args_is_help=True, rich_markup_mode=None)


@model_cli.command("run")
@command(render="model.render_model_run")
def run(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="An .onnx or .py file, or a mock such as mock:momentum.")
    ],
    bars: Annotated[Path, typer.Option("--bars", metavar="FILE", help="Parquet of recorded intraday bars.")],
    symbol: Annotated[str, typer.Option("--symbol", metavar="S", help="Symbol in the file.")],
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Value of the source column.", show_default="the shortest bars"),
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    capital: CapitalOption = None,
    *,
    where: Workspace,
) -> object:
    """Run a model over recorded bars behind the governor.

    Observation, model, sizing, governor, simulated fills and costs, bar by bar. The model runs in a separate process:
    an error, an invalid answer or a hang is HOLD with a reason.

    \b
    plimsoll model run mock:momentum --bars msft_intraday.parquet --symbol MSFT --profile micro
    plimsoll model run policy.onnx --bars msft_intraday.parquet --symbol MSFT --source ib_5m --json
    """
    under = changed(where, {"account.capital": capital})
    with progress("sessions") as report:
        return app.model_run(under, model, bars, symbol, source, start=start, end=end, progress=report)


@model_cli.command("convert")
@command(render="model.render_conversion")
def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A pickled scikit-learn classifier, or a stable-baselines3 zip.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The ONNX file to write.")],
    trust: Annotated[bool, typer.Option("--trust", help="You trust its author: reading it runs their code.")] = False,
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help="Algorithm of a zip: PPO, A2C or DQN.")
    ] = "PPO",
    as_json: JsonOption = False,
) -> object:
    """Convert a model to ONNX, offline, and compare the two.

    Reading a pickle or such a zip runs its author's code, so no trading command does. Exits 3 if the converted model
    answers differently; then nothing is written.

    \b
    plimsoll model convert classifier.joblib --out policy.onnx --trust
    plimsoll model convert ppo.zip --algorithm PPO --out policy.onnx --trust
    """
    if trust and not as_json:
        say(f"warning: {file}: reading it runs its author's code", err=True)
    return app.model_convert(file, out, trusted=trust, algorithm=algorithm)
