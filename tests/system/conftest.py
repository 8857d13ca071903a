"""Homes that several files of commands begin with: made once in each worker, and copied for whoever asks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll import app
from plimsoll.market.ingest import IngestRequest


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """``ingested(folder)`` makes a home there that holds the synthetic core market (seed 3), certified, and no run."""
    made = tmp_path_factory.mktemp("market") / "home"
    app.ingest(app.Workspace(made), IngestRequest(provider="synthetic", source="core:seed=3", start="2014-01-02"))
    return lambda folder: Path(shutil.copytree(made, folder))


@pytest.fixture(scope="session")
def traded(ingested: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """``traded(folder)``: the same home with a backtest of 2024 and 2025 in it."""
    made = ingested(tmp_path_factory.mktemp("traded") / "home")
    app.backtest(app.Workspace(made), start="2024-01-02", end="2025-12-31")
    return lambda folder: Path(shutil.copytree(made, folder))
