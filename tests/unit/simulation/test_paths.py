"""Paths: made of what was recorded and nothing else, or made up, and the same for the same draw (H8)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from plimsoll.core.intraday import IntradayBars
from plimsoll.simulation.paths import HOURS, WARM, Path, all_blocks, blocks_of, bootstrapped, synthetic


def recording(sessions: int = 6, short: int | None = None) -> IntradayBars:
    """Five-minute sessions of a random walk; one may be cut short."""
    draw = np.random.default_rng(9)
    bars = HOURS // 300
    kept = np.concatenate([np.full(bars if s != short else bars // 2, s) for s in range(sessions)])
    n = kept.size
    close = 100.0 * np.cumprod(1.0 + 0.002 * draw.standard_normal(n))
    opens = close * (1.0 + 0.001 * draw.standard_normal(n))
    day = 20_000 + kept
    at = np.concatenate([np.arange(c) for c in np.bincount(kept)])
    opened = day * 86_400 + 52_200
    return IntradayBars(
        "S", 300, opened + 300 * at, day, opened, opened + HOURS,
        opens, np.maximum(opens, close) * 1.001, np.minimum(opens, close) * 0.999, close, 1.0 + np.arange(n),
    )  # fmt: skip


BLOCKS = blocks_of("S test", recording())


def made(draw: np.random.Generator) -> Path:
    assert BLOCKS is not None
    return bootstrapped("X", BLOCKS, draw)


@pytest.mark.parametrize("make", [lambda draw: synthetic("X", draw), made], ids=["synthetic", "bootstrapped"])
def test_a_path_is_whole_sound_and_the_draws_own(make: Callable[[np.random.Generator], Path]) -> None:
    for seed in range(20):
        path, again = make(np.random.default_rng(seed)), make(np.random.default_rng(seed))
        bars = path.bars
        assert path.bars.close.tobytes() == again.bars.close.tobytes()
        assert len(bars) == (WARM + 1) * HOURS // bars.step and path.first == WARM * HOURS // bars.step
        assert (bars.low > 0.0).all() and np.isfinite(bars.high).all() and (bars.volume >= 0.0).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (np.diff(bars.start) > 0).all()
        assert (bars.start + bars.step <= bars.closes).all() and (bars.start >= bars.opened).all()


def test_a_bootstrapped_path_moves_only_as_the_recording_did() -> None:
    assert BLOCKS is not None
    known = np.concatenate(BLOCKS.moves)[:, 3]
    for seed in range(5):
        bars = made(np.random.default_rng(seed)).bars
        moves = bars.close[1:] / bars.close[:-1]
        strange = ~np.isclose(moves[:, np.newaxis], known, rtol=1e-9, atol=0.0).any(axis=1)
        assert strange.sum() <= WARM + 1  # the nights, and at most one jump
        assert set(bars.volume) <= set(np.concatenate(BLOCKS.volumes))


def test_some_paths_jump_within_the_session() -> None:
    largest = [np.abs(np.diff(np.log(synthetic("X", np.random.default_rng(s)).bars.close))).max() for s in range(40)]
    assert 2 <= sum(move > 0.06 for move in largest) <= 30


def test_sessions_cut_short_are_no_day_and_too_few_are_no_recording() -> None:
    cut = blocks_of("S", recording(short=3))
    assert cut is not None and len(cut.moves) == 5 and len(cut.gaps) == 5
    assert blocks_of("S", recording(sessions=1)) is None
    assert len(all_blocks([("a", recording()), ("b", recording(sessions=1))])) == 1
