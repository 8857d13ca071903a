"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market history; the test is skipped, visibly, where it is not there."""
    folder = Path(os.environ.get("PLIMSOLL_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "etf_daily.parquet").is_file():
        pytest.skip(f"recorded market history not found in {folder}; set PLIMSOLL_SHARED_DATA")
    return folder
