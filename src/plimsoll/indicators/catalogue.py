"""The named indicators of a panel, for ``View.now`` and ``View.indicator`` (F1, F2)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.panel import Factor, Floats, Panel
from plimsoll.core.policy import BacktestPolicy, Policy
from plimsoll.indicators import factors
from plimsoll.indicators.rolling import forward_fill
from plimsoll.indicators.stand_in import stand_in


def catalogue(policy: Policy) -> dict[str, Factor]:
    """Every indicator by name; each maps a panel to (T, N), or (T,) where it says so.

    ``price`` total-return index carried over missing bars; ``mark`` traded close carried; ``return`` 1-session
    return of price; ``rows`` bars so far; ``momentum_60``, ``momentum_120``, ``momentum_12_1`` fractions;
    ``volatility_20``, ``volatility_60`` annual; ``sma_20``, ``sma_50``, ``sma_200`` of price; ``rsi_14``;
    ``atr_14``, ``atr_20`` in traded units; ``adv`` USD a session; ``sigma`` daily exponential volatility;
    ``residual`` return over yesterday's sigma; ``eligible`` 1.0 or 0.0 (D11, D16); ``ew_return`` (T,) and
    ``benchmark_volatility`` (T,) annual, what stands in for VIX, and ``benchmark_volatility_whose`` (T,), a code of
    ``indicators.stand_in`` (D19).
    """
    return {
        "price": _price,
        "mark": lambda panel: factors.carried_mark(panel.close, panel.split),
        "return": _returns,
        "rows": lambda panel: factors.bar_count(panel.close),
        "momentum_60": lambda panel: factors.momentum(_price(panel), 60),
        "momentum_120": lambda panel: factors.momentum(_price(panel), 120),
        "momentum_12_1": lambda panel: factors.momentum_skip(_price(panel), 252, 21),
        "volatility_20": lambda panel: factors.volatility(_returns(panel), 20),
        "volatility_60": _volatility_60,
        "sma_20": lambda panel: factors.sma(_price(panel), 20),
        "sma_50": lambda panel: factors.sma(_price(panel), 50),
        "sma_200": lambda panel: factors.sma(_price(panel), 200),
        "rsi_14": lambda panel: factors.rsi(_price(panel), panel.close, 14),
        "atr_14": lambda panel: factors.atr(panel.high, panel.low, panel.close, panel.split, 14),
        "atr_20": lambda panel: factors.atr(panel.high, panel.low, panel.close, panel.split, 20),
        "adv": lambda panel: _adv(panel, policy.costs.adv_sessions),
        "sigma": lambda panel: _sigma(panel, policy.cvar.ewma),
        "residual": lambda panel: _residual(panel, policy.cvar.ewma),
        "eligible": lambda panel: _eligible(panel, policy.backtest.min_rows),
        "ew_return": _universe,
        "benchmark_volatility": lambda panel: _stand_in(panel, policy.backtest)[0],
        "benchmark_volatility_whose": lambda panel: _stand_in(panel, policy.backtest)[1],
    }


# What several indicators start from is remembered for the last panel: values of pure functions, so remembering
# changes no bit, and rooms that ask for their own catalogue of the same panel share the work.


@lru_cache(maxsize=1)
def _price(panel: Panel) -> Floats:
    return _kept(forward_fill(panel.index))


@lru_cache(maxsize=1)
def _returns(panel: Panel) -> Floats:
    return _kept(factors.simple_return(_price(panel)))


@lru_cache(maxsize=1)
def _sigma(panel: Panel, decay: float) -> Floats:
    return _kept(factors.ewma_volatility(_returns(panel), panel.close, decay))


@lru_cache(maxsize=1)
def _residual(panel: Panel, decay: float) -> Floats:
    return _kept(factors.standardised(_returns(panel), panel.close, _sigma(panel, decay)))


@lru_cache(maxsize=1)
def _volatility_60(panel: Panel) -> Floats:
    return _kept(factors.volatility(_returns(panel), 60))


@lru_cache(maxsize=1)
def _universe(panel: Panel) -> Floats:
    return _kept(factors.equal_weighted(_returns(panel), panel.close, sound(panel)))


@lru_cache(maxsize=1)
def _stand_in(panel: Panel, policy: BacktestPolicy) -> tuple[Floats, Floats]:
    """Annual volatility (T,) that replaces VIX, and its source (D19)."""
    return stand_in(panel, policy.benchmark, policy.benchmark_carried, _returns(panel), sound(panel))


def _kept(values: Floats) -> Floats:
    """``values``, no longer writable: shared by everyone who asks."""
    values.setflags(write=False)
    return values


def _adv(panel: Panel, n: int) -> Floats:
    quote = np.array([i.volume_unit == "quote" for i in panel.instruments], dtype=np.bool_)
    return factors.average_volume(panel.close, panel.volume, quote, n)


@lru_cache(maxsize=1)
def sound(panel: Panel) -> NDArray[np.bool_]:
    """(T, N) what can be traded and was certified by the close of each session, from nothing dated later (D10)."""
    both = panel.certified.sound & panel.tradable
    both.setflags(write=False)
    return both


def _eligible(panel: Panel, min_rows: int) -> Floats:
    """1.0 where a strategy may bid (D11, D16): certified, a member that day, warmed up, its series not ended.

    All of it as known at the close of that row: rows so far, not of the whole snapshot.
    """
    out = (factors.bar_count(panel.close) >= min_rows) & sound(panel) & ~panel.certified.ended
    days = panel.sessions
    for column, instrument in enumerate(panel.instruments):
        if instrument.members:
            member = np.zeros(len(days), dtype=np.bool_)
            for span in instrument.members:
                first = days.row_at_or_after(span.start) if span.start else 0
                last = days.row_at_or_before(span.end) if span.end else len(days) - 1
                member[first : last + 1] = True
            out[:, column] &= member
    return out.astype(np.float64)
