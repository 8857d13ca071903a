"""Intraday models: run behind the governor, converted to ONNX (H3, H4)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plimsoll.app.workspace import Progress, Workspace
    from plimsoll.intraday.model_convert import Conversion
    from plimsoll.intraday.model_run import ModelRun


def model_run(
    workspace: Workspace,
    model: str,
    bars: Path,
    symbol: str,
    source: str | None = None,
    *,
    start: str | None = None,
    end: str | None = None,
    progress: Progress | None = None,
) -> ModelRun:
    """Run a model over recorded intraday bars through observation, sizing, governor and simulated fills (H3, H4).

    The model runs in a process of its own. The home is not used: the account lives in memory.
    """
    from functools import partial

    from plimsoll.alpha import model_files
    from plimsoll.core.dates import day_number
    from plimsoll.intraday import model_run as running
    from plimsoll.intraday.model_worker import ModelWorker
    from plimsoll.market import instruments, minutes

    policy = workspace.load().policy
    model_files.check(model)
    chosen = minutes.choose(minutes.read(bars), bars, symbol, source)
    first = None if start is None else day_number(start)
    last = None if end is None else day_number(end)
    with closing(ModelWorker(partial(model_files.open_model, model), policy.models)) as worker:
        return running.run(
            policy,
            chosen.bars.between(first, last),
            instruments.infer(symbol, policy.limits.plain_symbols_are),
            worker.advise,
            named=(worker.name, worker.sha256),
            source=chosen.source,
            dropped=chosen.dropped,
            progress=progress,
        )


def model_convert(source: Path, output: Path, *, trusted: bool, algorithm: str = "PPO") -> Conversion:
    """Write a pickled classifier or a stable-baselines3 policy as ONNX; runs code of the file's author (H4)."""
    from plimsoll.intraday import model_convert as converting
    from plimsoll.store.home import spared

    return converting.convert(source, spared(output), trusted=trusted, algorithm=algorithm)
