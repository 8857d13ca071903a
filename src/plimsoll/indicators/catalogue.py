"""The named indicators of a panel (F1, F2): what ``View.now`` and ``View.indicator`` can be asked for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Factor, Floats, Panel
from plimsoll.core.policy import Policy
from plimsoll.indicators import factors
from plimsoll.indicators.rolling import forward_fill


def catalogue(policy: Policy) -> dict[str, Factor]:
    """Every indicator by name; each maps a panel to (T, N), or (T,) where it says so.

    ``price`` total-return index carried over missing bars; ``mark`` traded close carried; ``return`` 1-session
    return of price; ``rows`` bars so far; ``momentum_60``, ``momentum_120``, ``momentum_12_1`` fractions;
    ``volatility_20``, ``volatility_60`` annual; ``sma_20``, ``sma_50``, ``sma_200`` of price; ``rsi_14``;
    ``atr_14``, ``atr_20`` in traded units; ``adv`` USD a session; ``sigma`` daily exponential volatility;
    ``residual`` return over yesterday's sigma; ``eligible`` 1.0 or 0.0 (D11, D16); ``ew_return`` (T,) and
    ``benchmark_volatility`` (T,) annual (D19).

    Arrays that several indicators start from are remembered for the last panel only; they are values of pure
    functions, so remembering changes no bit.
    """

    @lru_cache(maxsize=1)
    def price(panel: Panel) -> Floats:
        return forward_fill(panel.index)

    @lru_cache(maxsize=1)
    def returns(panel: Panel) -> Floats:
        return factors.simple_return(price(panel))

    @lru_cache(maxsize=1)
    def sigma(panel: Panel) -> Floats:
        return factors.ewma_volatility(returns(panel), panel.close, policy.cvar.ewma)

    @lru_cache(maxsize=1)
    def universe(panel: Panel) -> Floats:
        return factors.equal_weighted(returns(panel), panel.close, _certified(panel))

    return {
        "price": price,
        "mark": lambda panel: factors.carried_mark(panel.close, panel.split),
        "return": returns,
        "rows": lambda panel: factors.bar_count(panel.close),
        "momentum_60": lambda panel: factors.momentum(price(panel), 60),
        "momentum_120": lambda panel: factors.momentum(price(panel), 120),
        "momentum_12_1": lambda panel: factors.momentum_skip(price(panel), 252, 21),
        "volatility_20": lambda panel: factors.volatility(returns(panel), 20),
        "volatility_60": lambda panel: factors.volatility(returns(panel), 60),
        "sma_20": lambda panel: factors.sma(price(panel), 20),
        "sma_50": lambda panel: factors.sma(price(panel), 50),
        "sma_200": lambda panel: factors.sma(price(panel), 200),
        "rsi_14": lambda panel: factors.rsi(price(panel), panel.close, 14),
        "atr_14": lambda panel: factors.atr(panel.high, panel.low, panel.close, panel.split, 14),
        "atr_20": lambda panel: factors.atr(panel.high, panel.low, panel.close, panel.split, 20),
        "adv": lambda panel: _adv(panel, policy.costs.adv_sessions),
        "sigma": sigma,
        "residual": lambda panel: factors.standardised(returns(panel), panel.close, sigma(panel)),
        "eligible": lambda panel: _eligible(panel, policy.backtest.min_rows),
        "ew_return": universe,
        "benchmark_volatility": lambda panel: _benchmark_volatility(
            panel, policy.backtest.benchmark, returns(panel), universe(panel)
        ),
    }


def _adv(panel: Panel, n: int) -> Floats:
    quote = np.array([i.volume_unit == "quote" for i in panel.instruments], dtype=np.bool_)
    return factors.average_volume(panel.close, panel.volume, quote, n)


def _certified(panel: Panel) -> NDArray[np.bool_]:
    """Columns that can be traded and are ACTIVE in the snapshot; a symbol without certification is not."""
    active = {c.symbol for c in panel.certifications if c.state == "ACTIVE"}
    return np.array([i.tradable and i.symbol in active for i in panel.instruments], dtype=np.bool_)


def _eligible(panel: Panel, min_rows: int) -> Floats:
    """1.0 where a strategy may bid (D11, D16): certified, a member that day, warmed up, its series not ended."""
    out = (factors.bar_count(panel.close) >= min_rows) & _certified(panel)
    days = panel.sessions
    for certification in panel.certifications:
        if certification.ended and certification.symbol in panel.column:
            # a bar of another calendar folds into the next session's row, hence "at or after" (U5)
            out[days.row_at_or_after(certification.last) + 1 :, panel.column[certification.symbol]] = False
    for column, instrument in enumerate(panel.instruments):
        if instrument.members:
            member = np.zeros(len(days), dtype=np.bool_)
            for span in instrument.members:
                first = days.row_at_or_after(span.start) if span.start else 0
                last = days.row_at_or_before(span.end) if span.end else len(days) - 1
                member[first : last + 1] = True
            out[:, column] &= member
    return out.astype(np.float64)


def _benchmark_volatility(panel: Panel, benchmark: str, returns: Floats, universe: Floats) -> Floats:
    """Annual volatility (T,) over 20 sessions of the benchmark; of the universe on rows it has no bar (D19)."""
    fallback = factors.volatility(universe, 20)
    column = panel.column.get(benchmark)
    if column is None:
        return fallback
    own = factors.volatility(returns[:, column], 20)
    return np.where(np.isfinite(own) & np.isfinite(panel.close[:, column]), own, fallback)
