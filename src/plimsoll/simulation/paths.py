"""Minute price paths for the Monte Carlo: synthetic, or bootstrapped from blocks of recorded sessions (H8).

A recorded session is cut into returns of its own prices: every bar's open, high, low and close over the close before
it. A path is one whole session of them (a day block) or blocks of many sessions one after the other (within-day
blocks, after the stationary bootstrap of Politis and Romano 1994), begun by a recorded overnight gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from plimsoll.core.intraday import Floats, IntradayBars
from plimsoll.market.minutes import sessions_of

DAY = 20_514  # any session's day number; paths carry no date of their own
OPENED = 52_200  # seconds after midnight UTC
HOURS = 23_400  # seconds of a session
WARM = 3  # sessions before the simulated one, for figures that need history
BLOCK = 30  # mean length of a within-day block, bars
JUMPS = 0.25  # share of sessions with a jump during trading
_BARS_LEAST = 0.9  # of a full session; shorter recordings are not used


@dataclass(frozen=True, eq=False, slots=True)
class Blocks:
    """Sessions of one recording: (bars, 4) open, high, low, close over the close before, (bars,) volume, gaps."""

    name: str
    step: int
    moves: tuple[Floats, ...]
    volumes: tuple[Floats, ...]
    gaps: Floats


def blocks_of(name: str, bars: IntradayBars) -> Blocks | None:
    """The full sessions of a recording; None where it has fewer than two."""
    moves, volumes, gaps, last = [], [], [], np.nan
    for rows in sessions_of(bars):
        close = bars.close[rows]
        if np.isfinite(last):
            gaps.append(bars.open[rows][0] / last)
        last = close[-1]
        if close.size < _BARS_LEAST * HOURS / bars.step:
            continue
        before = np.concatenate([bars.open[rows][:1], close[:-1]])
        moves.append(np.column_stack([getattr(bars, p)[rows] / before for p in ("open", "high", "low", "close")]))
        volumes.append(bars.volume[rows])
    if len(moves) < 2 or not gaps:
        return None
    return Blocks(name, bars.step, tuple(moves), tuple(volumes), np.array(gaps))


@dataclass(frozen=True, eq=False, slots=True)
class Path:
    """One symbol's bars of some sessions and of the simulated one after them; ``origin`` is their source."""

    bars: IntradayBars
    first: int  # first row of the simulated session
    origin: str


def synthetic(symbol: str, draw: np.random.Generator) -> Path:
    """Synthetic sessions of minutes: Student-t returns whose volatility clusters and is higher at open and close."""
    bars = HOURS // 60
    n = (WARM + 1) * bars
    shape = np.tile(0.7 + 0.9 * np.linspace(-1.0, 1.0, bars) ** 2, WARM + 1)
    wander = np.exp(0.4 * np.cumsum(draw.standard_normal(n)) / np.sqrt(bars))
    scale = float(draw.uniform(3e-4, 1.5e-3)) * shape * wander
    returns = np.clip(scale * draw.standard_t(4, n) / np.sqrt(2.0), -0.05, 0.05)
    beyond = np.minimum(scale * np.abs(draw.standard_normal((2, n))), 0.05)
    opens = 1.0 + returns * draw.uniform(0.0, 0.3, n)
    high = np.maximum(opens, 1.0 + returns) * (1.0 + beyond[0])
    low = np.minimum(opens, 1.0 + returns) * (1.0 - beyond[1])
    volume = np.round(1e4 * shape * np.exp(0.5 * draw.standard_normal(n)))
    gaps = np.exp(0.01 * draw.standard_t(4, WARM + 1))
    return _path(symbol, 60, np.column_stack([opens, high, low, 1.0 + returns]), volume, gaps, draw, "synthetic")


def bootstrapped(symbol: str, blocks: Blocks, draw: np.random.Generator) -> Path:
    """Sessions from a recording: each a whole day, or blocks of many, at random."""
    parts = [_day(blocks, draw) if draw.random() < 0.5 else _pieces(blocks, draw) for _ in range(WARM + 1)]
    moves, volume = (np.concatenate([part[i] for part in parts]) for i in range(2))
    return _path(symbol, blocks.step, moves, volume, draw.choice(blocks.gaps, WARM + 1), draw, blocks.name)


def _day(blocks: Blocks, draw: np.random.Generator) -> tuple[Floats, Floats]:
    """A whole session; minutes missing at its end are filled with others."""
    i, bars = int(draw.integers(len(blocks.moves))), HOURS // blocks.step
    moves, volume = blocks.moves[i][:bars], blocks.volumes[i][:bars]
    if len(moves) == bars:
        return moves, volume
    more, others = _pieces(blocks, draw)
    return np.concatenate([moves, more[len(moves) :]]), np.concatenate([volume, others[len(volume) :]])


def _pieces(blocks: Blocks, draw: np.random.Generator) -> tuple[Floats, Floats]:
    bars, moves, volumes, filled = HOURS // blocks.step, [], [], 0
    while filled < bars:
        i = int(draw.integers(len(blocks.moves)))
        start = int(draw.integers(len(blocks.moves[i])))
        rows = slice(start, start + min(int(draw.geometric(1.0 / BLOCK)), bars - filled))
        moves.append(blocks.moves[i][rows])
        volumes.append(blocks.volumes[i][rows])
        filled += len(moves[-1])
    return np.concatenate(moves), np.concatenate(volumes)


def _path(
    symbol: str, step: int, moves: Floats, volume: Floats, gaps: Floats, draw: np.random.Generator, origin: str
) -> Path:
    bars, moves = HOURS // step, moves.copy()
    moves[::bars] *= gaps[:, np.newaxis]
    if draw.random() < JUMPS:
        moves[WARM * bars + int(draw.integers(1, bars))] *= float(np.exp(draw.uniform(-0.15, 0.15)))
    first = float(np.exp(draw.uniform(np.log(20.0), np.log(500.0))))
    close: Floats = np.multiply(first, np.cumprod(moves[:, 3]), dtype=np.float64)
    before = np.concatenate([[close[0] / moves[0, 3]], close[:-1]])
    o, high, low, _ = (before[:, np.newaxis] * moves).T
    day = DAY - WARM + np.repeat(np.arange(WARM + 1), bars)
    opened = day * 86_400 + OPENED
    return Path(
        IntradayBars(
            symbol=symbol,
            step=step,
            start=opened + step * np.tile(np.arange(bars), WARM + 1),
            day=day,
            opened=opened,
            closes=opened + HOURS,
            open=o,
            high=high,
            low=low,
            close=close,
            volume=volume,
        ),
        WARM * bars,
        origin,
    )


def all_blocks(named: Iterable[tuple[str, IntradayBars]]) -> tuple[Blocks, ...]:
    """Blocks of every recording with enough full sessions."""
    found = (blocks_of(name, bars) for name, bars in named)
    return tuple(one for one in found if one is not None)
