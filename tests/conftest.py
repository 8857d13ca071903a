"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification, Panel
from plimsoll.core.sessions import EPOCH, Sessions

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market history; the test is skipped, visibly, where it is not there."""
    folder = Path(os.environ.get("PLIMSOLL_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "etf_daily.parquet").is_file():
        pytest.skip(f"recorded market history not found in {folder}; set PLIMSOLL_SHARED_DATA")
    return folder


def _panel(close: np.ndarray, symbols: tuple[str, ...] = (), **given: object) -> Panel:
    """A certified panel of weekdays from 2015-01-01 on with these closes (T, N); any field may be given.

    By default high and low lie half a percent around the close, volume is 1000 units, nothing is paid or split,
    and the index follows the close from each column's first bar.
    """
    rows, columns = close.shape
    names = symbols or tuple(f"S{i:02d}" for i in range(columns))
    starts = np.array([c[np.isfinite(c)][0] if np.isfinite(c).any() else np.nan for c in close.T])
    days = np.busday_offset("2015-01-01", np.arange(rows + 1), roll="forward") - EPOCH
    days = days.astype("m8[D]").astype(np.int64)
    fields: dict[str, object] = {
        "sessions": Sessions(days[:-1], days[:-1] * 86400 + 52200, days[:-1] * 86400 + 75600, int(days[-1])),
        "instruments": tuple(
            Instrument(s, "index" if s.startswith("^") else "crypto" if "-" in s else "stock", "XNYS") for s in names
        ),
        "open": close,
        "high": close * 1.005,
        "low": close * 0.995,
        "close": close,
        "volume": np.where(np.isfinite(close), 1000.0, np.nan),
        "dividend": np.zeros_like(close),
        "split": np.ones_like(close),
        "index": close / starts,
        "fresh": np.isfinite(close),
        "certifications": tuple(Certification(s, "ACTIVE", rows, rows, 0.0, 1.0, ()) for s in names),
        "macro": np.zeros((rows, 0)),
        "macro_names": (),
        "snapshot": "test",
        "synthetic": True,
    }
    return Panel(**fields | given)


@pytest.fixture(scope="session")
def make_panel() -> Callable[..., Panel]:
    """``make_panel(close, symbols=(), **fields)`` builds a small certified panel."""
    return _panel
