"""``plimsoll model``: run a model over recorded bars behind the governor, and convert models to ONNX (H4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll.cli.errors import reported
from plimsoll.cli.options import (
    CapitalOption,
    EndOption,
    HomeOption,
    JsonOption,
    PolicyOption,
    ProfileOption,
    StartOption,
)
from plimsoll.cli.options import print_json as _print_json
from plimsoll.cli.options import workspace as _workspace
from plimsoll.cli.terminal import say

if TYPE_CHECKING:
    from plimsoll.operate.model_convert import Conversion
    from plimsoll.operate.model_run import ModelRun

model_cli = typer.Typer(help="Run and convert intraday models.", no_args_is_help=True, rich_markup_mode=None)


@model_cli.command("run")
def run(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="An .onnx or .py file, or a mock such as mock:momentum.")
    ],
    bars: Annotated[Path, typer.Option("--bars", metavar="FILE", help="Parquet of recorded intraday bars.")],
    symbol: Annotated[str, typer.Option("--symbol", metavar="S", help="Whose bars of the file.")],
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Which of its sources.", show_default="the shortest bars"),
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    capital: CapitalOption = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a model over recorded bars behind the governor.

    Observation, model, sizing, governor, simulated fills and costs, bar by bar. The model runs in a process of its own:
    an error, nonsense or a hang is HOLD with a reason.

    \b
    plimsoll model run mock:momentum --bars msft_intraday.parquet --symbol MSFT --profile micro
    plimsoll model run policy.onnx --bars msft_intraday.parquet --symbol MSFT --source ib_5m --json
    """
    with reported(as_json):
        from plimsoll import app
        from plimsoll.cli.progress import progress

        where = _workspace(home, profile, policy, **{"account.capital": capital})
        with progress("sessions") as report:
            found = app.model_run(where, model, bars, symbol, source, start=start, end=end, progress=report)
        if as_json:
            _print_json(found)
        else:
            _show_run(found)


@model_cli.command("convert")
def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A pickled scikit-learn classifier, or a stable-baselines3 zip.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The ONNX file to write.")],
    trust: Annotated[bool, typer.Option("--trust", help="You trust who wrote it: reading it runs their code.")] = False,
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help="Of a zip: PPO, A2C or DQN; it does not say.")
    ] = "PPO",
    as_json: JsonOption = False,
) -> None:
    """Convert a model to ONNX, offline, and compare the two.

    Reading a pickle or such a zip runs code of whoever wrote it, so no command that trades does; this one trades
    nothing. Exits 3 if the converted model answers differently; then nothing is written.

    \b
    plimsoll model convert classifier.joblib --out policy.onnx --trust
    plimsoll model convert ppo.zip --algorithm PPO --out policy.onnx --trust
    """
    with reported(as_json):
        from plimsoll import app

        if trust and not as_json:
            say(f"warning: {file}: reading it runs the code of whoever wrote it", err=True)
        found = app.model_convert(file, out, trusted=trust, algorithm=algorithm)
        if as_json:
            _print_json(found)
        else:
            _show_conversion(found)


def _show_conversion(found: Conversion) -> None:
    say(f"wrote   {found.output}, sha256 {found.sha256}")
    say(f"from    {found.source}, {found.kind}; answers {', '.join(found.actions)}")
    say(
        f"checked on {found.trials} random observations: {found.agree:.1%} the same action, probabilities within "
        f"{found.difference:.1e}"
    )


def _show_run(found: ModelRun) -> None:
    from rich.markup import escape

    from plimsoll.cli.render.tables import console, table

    out = console()
    out.print(found.label)
    mark = f", sha256 {found.sha256[:16]}" if found.sha256 else ""
    out.print(f"model {escape(found.model)}{mark}; profile {escape(found.profile)}")
    left_out = ", ".join(f"{count} {defect}" for defect, count in found.dropped.items())
    out.print(
        f"{escape(found.symbol)} from {escape(found.source)}: {found.sessions} sessions, {found.first} to "
        f"{found.last}, {found.bars} bars of {found.step} s" + (f"; left out: {left_out}" if left_out else "")
    )
    out.print(
        f"P&L {found.pnl} USD after costs, {found.pnl_before_costs} before: commission {found.commission}, slippage "
        f"and impact {found.slippage}, on {found.turnover} turned over"
    )
    out.print(
        f"worst session {found.worst_session}, worst drawdown {found.worst_drawdown}; held at the end: "
        f"{found.held_at_end}"
    )
    out.print(
        f"{found.orders} orders: {found.admitted} admitted, {found.orders - found.admitted} refused, {found.filled} "
        f"filled, {found.cancelled} cancelled at a close"
    )
    for title, counts in (
        ("The model said", found.answers),
        ("Faults, each HOLD", found.faults),
        ("Stopped or shrunk before the governor", found.held_back),
        ("Refused by the governor", found.refused),
        ("Sessions by their last stage", found.stages),
    ):
        if any(counts.values()):
            rows = table(title, "count", title="", right=(1,))
            for name, count in counts.items():
                rows.add_row(escape(name), str(count))
            out.print(rows)
