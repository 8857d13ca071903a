"""Prices of a synthetic market, the same bytes for the same seed, for the ``synthetic`` provider (D3).

A hidden regime (calm, volatile, crisis) persists over sessions and sets drift and volatility of five factors:
equities, rates, gold, commodities, crypto. In a crisis equities, commodities and crypto fall; rates and gold rise
in some crises and fall with equities in others. An asset is its factor exposures plus its own noise; all shocks
are Student-t. The volatility index follows the regime and the equity factor; bills follow the regime.

Every random stream has its own generator, keyed by seed and name, and takes a fixed number of draws a day: adding
a symbol changes no other, and a later end adds rows without changing earlier ones. Only the raw bits of PCG64,
which NumPy keeps stable, and elementary functions rounded to 1e-9 are used, so the bytes do not depend on NumPy's
samplers. Parameters are plausible, not fitted to anything.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import Bars, MacroSeries
from plimsoll.core.dates import iso_day
from plimsoll.core.errors import UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.core.sessions import EPOCH, SESSIONS_A_YEAR
from plimsoll.market import calendars
from plimsoll.market.instruments import infer

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

VIX = "^VIX"
BILL = "DGS3MO"

CALM, VOLATILE, CRISIS = 0, 1, 2
# A calm market lasts 90 sessions, a volatile one 20, a crisis 30 on average.
_STAY_OR_GO: tuple[tuple[float, float, float], ...] = (
    (0.9889, 0.0100, 0.0011),
    (0.0400, 0.9500, 0.0100),
    (0.0030, 0.0300, 0.9670),
)

_FACTORS = ("equity", "rates", "gold", "commodity", "crypto")
# Annual drift and volatility of each factor in each regime. In a crisis the drift of rates and gold is flight to
# them: its sign is drawn for each crisis.
_DRIFT: dict[str, tuple[float, float, float]] = {
    "equity": (0.17, 0.00, -0.65),
    "rates": (0.02, 0.03, 0.30),
    "gold": (0.05, 0.08, 0.30),
    "commodity": (0.06, 0.00, -0.50),
    "crypto": (0.60, 0.10, -1.10),
}
_VOLATILITY: dict[str, tuple[float, float, float]] = {
    "equity": (0.10, 0.19, 0.40),
    "rates": (0.11, 0.14, 0.21),
    "gold": (0.13, 0.17, 0.25),
    "commodity": (0.16, 0.22, 0.38),
    "crypto": (0.50, 0.75, 1.05),
}
_FLIGHT_SHARE = 0.65  # of crises in which rates (and, drawn apart, gold) rise
_FREEDOM = 5  # of the Student-t shocks
_SHOCK_MAX = 6.0  # standard deviations: a tail beyond this would need an action to explain it (D10)


class _Asset(NamedTuple):
    """Exposures to the factors in their order, own annual volatility, yield, first price and daily volume."""

    exposures: tuple[float, float, float, float, float]
    own: float
    income: float = 0.0
    payments: int = 0  # a year
    price: float = 50.0
    volume: float = 10e6
    sector: str | None = None


CORE: dict[str, _Asset] = {
    "GLD": _Asset((0.00, 0.00, 1.00, 0.00, 0.0), 0.02, price=120.0, volume=9e6),
    "SPY": _Asset((1.00, 0.00, 0.00, 0.00, 0.0), 0.01, 0.018, 4, 195.0, 90e6),
    "QQQ": _Asset((1.15, 0.05, 0.00, 0.00, 0.0), 0.07, 0.008, 4, 93.0, 45e6),
    "BTC-USD": _Asset((0.50, 0.00, 0.10, 0.00, 1.0), 0.08, price=600.0, volume=15e9),
    "SLV": _Asset((0.10, 0.00, 1.45, 0.30, 0.0), 0.14, price=20.0, volume=15e6),
    "XLK": _Asset((1.18, 0.00, 0.00, 0.00, 0.0), 0.08, 0.010, 4, 38.0, 12e6),
    "XLF": _Asset((1.12, -0.15, 0.00, 0.05, 0.0), 0.10, 0.018, 4, 19.0, 45e6),
    "XLE": _Asset((0.85, -0.10, 0.00, 0.55, 0.0), 0.12, 0.035, 4, 98.0, 16e6),
    "XLV": _Asset((0.78, 0.00, 0.00, 0.00, 0.0), 0.07, 0.015, 4, 60.0, 9e6),
    "TLT": _Asset((0.00, 1.00, 0.00, 0.00, 0.0), 0.02, 0.026, 12, 113.0, 15e6),
    "TIP": _Asset((0.02, 0.35, 0.05, 0.05, 0.0), 0.02, 0.022, 12, 115.0, 2e6),
    "EFA": _Asset((0.95, 0.00, 0.00, 0.05, 0.0), 0.06, 0.028, 2, 68.0, 20e6),
    "EEM": _Asset((1.02, 0.00, 0.05, 0.12, 0.0), 0.09, 0.022, 2, 43.0, 50e6),
    "DBC": _Asset((0.05, 0.00, 0.05, 1.00, 0.0), 0.04, price=26.0, volume=3e6),
    "VNQ": _Asset((0.95, 0.30, 0.00, 0.00, 0.0), 0.09, 0.038, 4, 75.0, 5e6),
}  # fmt: skip

_SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)


@dataclass(frozen=True, eq=False, slots=True)
class MadeUp:
    """The common part of a market: its seed and span (days since 1970-01-01, inclusive), its sessions (T,), the regime
    of each, and (T, 5) daily simple returns of the factors.
    """

    seed: int
    start: int
    end: int
    sessions: Days
    regime: NDArray[np.int64]
    factors: Floats

    def instrument(self, symbol: str) -> Instrument:
        """A core symbol is a fund and another one a generated stock, with its sector."""
        instrument = infer(symbol, "fund" if symbol in CORE else "stock")
        return _with_sector(instrument, None if symbol in CORE or symbol == VIX else _stock(self.seed, symbol).sector)

    def bars(self, symbol: str) -> Bars:
        """The bars of a symbol: core ones and ``^VIX`` by their profile, others as generated stocks."""
        if symbol == VIX:
            return _vix(self)
        return _bars(self, self.instrument(symbol), CORE.get(symbol) or _stock(self.seed, symbol))

    def bill(self) -> MacroSeries:
        """The 3-month bill, percent: drifts slowly towards 3.5, falls in crises, never below zero."""
        noise = (0.03 * _shocks(self.seed, BILL, self.sessions.size)).tolist()
        pull = np.array([3.5, 2.5, 0.2])[self.regime].tolist()
        rate, path = 2.0, []
        for target, shock in zip(pull, noise, strict=True):
            rate = max(rate + 0.004 * (target - rate) + shock, 0.01)
            path.append(rate)
        return MacroSeries(self.sessions.copy(), np.round(np.array(path), 2), self.sessions + 1)


def market(seed: int, start: int, end: int) -> MadeUp:
    """The market of a seed that begins on ``start``; a later ``end`` extends it, another start is another market.

    Raises
    ------
    UsageError when the span is empty or holds no session.
    """
    if start > end:
        raise UsageError(f"The start {iso_day(start)} is after the end {iso_day(end)}", "Exchange them")
    sessions = calendars.expected_days("XNYS", start, end)
    if not sessions.size:
        raise UsageError(f"No session from {iso_day(start)} to {iso_day(end)}", "Give a longer span")
    regime, factors = _factors_of(seed, sessions)
    return MadeUp(seed, start, end, sessions, regime, factors)


def _uniforms(seed: int, name: str, count: int) -> Floats:
    """(count,) uniforms strictly inside (0, 1), from the raw bits of the generator of this seed and name."""
    bits = np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])).random_raw(count)
    return (np.asarray(bits >> np.uint64(12), dtype=np.float64) + 0.5) * 2.0**-52


def _shocks(seed: int, name: str, count: int) -> Floats:
    """(count,) Student-t shocks of unit variance, cut at ``_SHOCK_MAX``, by Bailey's polar formula.

    Bailey (1994), "Polar generation of random variates with the t-distribution", Math. Comp. 62: with u, v
    uniform, sqrt(n (u^(-2/n) - 1)) cos(2 pi v) is t with n degrees of freedom.
    """
    pairs = _uniforms(seed, name, 2 * count)
    u, v = pairs[0::2], pairs[1::2]
    t = np.sqrt(_FREEDOM * (u ** (-2.0 / _FREEDOM) - 1.0)) * np.cos(2.0 * np.pi * v)
    unit = t * np.sqrt((_FREEDOM - 2.0) / _FREEDOM)
    return np.asarray(np.round(np.clip(unit, -_SHOCK_MAX, _SHOCK_MAX), 9))


def _factors_of(seed: int, sessions: Days) -> tuple[NDArray[np.int64], Floats]:
    """The regime of each session and the returns of the factors."""
    regime, episode = _regimes(_uniforms(seed, "regime", sessions.size))
    factors = np.empty((sessions.size, len(_FACTORS)))
    for column, name in enumerate(_FACTORS):
        drift = np.array(_DRIFT[name])[regime]
        if name in ("rates", "gold"):
            flights = _uniforms(seed, f"flight {name}", int(episode[-1]) + 1) < _FLIGHT_SHARE
            drift = np.where((regime == CRISIS) & ~flights[episode], -0.5 * drift, drift)
        volatility = np.array(_VOLATILITY[name])[regime]
        factors[:, column] = drift / SESSIONS_A_YEAR + volatility / np.sqrt(SESSIONS_A_YEAR) * _shocks(
            seed, name, sessions.size
        )
    return regime, np.round(factors, 9)


def _regimes(draws: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The regime of each session, from calm, and how many crises have begun by then."""
    regime, episode = np.empty(draws.size, np.int64), np.empty(draws.size, np.int64)
    present, crises = CALM, 0
    for row, draw in enumerate(draws.tolist()):
        calm, volatile, _ = _STAY_OR_GO[present]
        following = CALM if draw < calm else VOLATILE if draw < calm + volatile else CRISIS
        crises += following == CRISIS and present != CRISIS
        present = following
        regime[row], episode[row] = present, crises
    return regime, episode


def _stock(seed: int, symbol: str) -> _Asset:
    """A generated stock: market exposure 0.6 to 1.5, own volatility 18 to 38 %, a sector, half of them payers."""
    beta, own, sector, price, volume, payer = _uniforms(seed, f"profile {symbol}", 6).tolist()
    index = int(sector * len(_SECTORS))
    commodity = 0.3 if _SECTORS[index] in ("Energy", "Materials") else 0.0
    rates = 0.2 if _SECTORS[index] in ("Real Estate", "Utilities") else 0.0
    exposures = (round(0.6 + 0.9 * beta, 3), rates, 0.0, commodity, 0.0)
    income, payments = (0.022, 4) if payer < 0.5 else (0.0, 0)
    return _Asset(
        exposures,
        round(0.18 + 0.20 * own, 3),
        income,
        payments,
        round(30.0 + 170.0 * price, 2),
        round(1e6 + 9e6 * volume),
        _SECTORS[index],
    )


def _with_sector(instrument: Instrument, sector: str | None) -> Instrument:
    if sector is None:
        return instrument
    fields = {f: getattr(instrument, f) for f in instrument.__struct_fields__}
    return Instrument(**fields | {"sector": sector})


def _bars(market: MadeUp, instrument: Instrument, asset: _Asset) -> Bars:
    """One symbol's bars on its own calendar; on days without a session only its own and crypto noise moves it."""
    seed, days = market.seed, calendars.expected_days(instrument.calendar, market.start, market.end)
    at = np.searchsorted(market.sessions, days, side="right") - 1
    in_session = (at >= 0) & (market.sessions[np.maximum(at, 0)] == days)
    regime = market.regime[np.maximum(at, 0)]
    symbol = instrument.symbol
    own = asset.own / np.sqrt(SESSIONS_A_YEAR) * (1.0 + 0.5 * regime) * _shocks(seed, f"own {symbol}", days.size)
    common = np.zeros(market.sessions.size)
    for column, exposure in enumerate(asset.exposures):  # in this order: a matrix product may round otherwise
        common += exposure * market.factors[:, column]
    if instrument.kind == "crypto":
        own = np.where(in_session, own, 2.0 * own)  # quieter than a session, never still
    returns = np.where(in_session, common[np.maximum(at, 0)], 0.0) + own
    returns[in_session] -= asset.income / SESSIONS_A_YEAR
    returns = np.round(np.maximum(returns, -0.45), 9)
    returns[0] = 0.0
    close = np.maximum(np.round(asset.price * np.cumprod(1.0 + returns), 2), 0.01)
    opens, high, low = _range(seed, symbol, close, np.abs(returns) + 0.004 + asset.own / 40.0)
    dividend = _dividends(days, close, asset)
    volume = _volume(seed, symbol, regime, asset.volume, days.size)
    adjusted = _adjusted(close, dividend)
    nothing = np.full(days.size, np.nan)
    return Bars(days, opens, high, low, close, adjusted, volume, nothing, nothing.copy())


def _range(seed: int, name: str, close: Floats, width: Floats) -> tuple[Floats, Floats, Floats]:
    """Open, high and low around the closes, to the cent; the range widens with the day's move."""
    draws = _uniforms(seed, f"range {name}", 3 * close.size)
    gap, up, down = draws[0::3], draws[1::3], draws[2::3]
    before = np.concatenate((close[:1], close[:-1]))
    opens = np.maximum(np.round(before * (1.0 + 0.5 * width * (gap - 0.5)), 2), 0.01)
    high = np.round(np.maximum(opens, close) * (1.0 + 0.5 * width * up), 2)
    low = np.maximum(np.round(np.minimum(opens, close) * (1.0 - 0.5 * width * down), 2), 0.01)
    return opens, high, low


def _dividends(days: Days, close: Floats, asset: _Asset) -> Floats:
    """Cash per unit on the first bar of every paying month; none on the first bar of all."""
    cash = np.zeros(days.size)
    if not asset.payments:
        return cash
    month = (EPOCH + days.astype("m8[D]")).astype("M8[M]").astype(np.int64)
    first = np.flatnonzero(np.diff(month) != 0) + 1
    paying = first[(month[first] + 1) % (12 // asset.payments) == 0]
    cash[paying] = np.round(close[paying - 1] * asset.income / asset.payments, 3)
    return cash


def _adjusted(close: Floats, dividend: Floats) -> Floats:
    """Closes adjusted from the first bar forwards, so that a longer history restates nothing."""
    before = np.concatenate((close[:1], close[:-1]))
    factor = np.cumprod(1.0 / (1.0 - dividend / before))
    return np.asarray(np.round(close * factor, 6), dtype=np.float64)


def _volume(seed: int, name: str, regime: NDArray[np.int64], usual: float, count: int) -> Floats:
    """Whole units; busier in worse regimes, by at most six times the usual."""
    noise = _shocks(seed, f"volume {name}", count)
    busy = np.array([1.0, 1.5, 2.2])[regime]
    return np.round(usual * busy * np.clip(1.0 + 0.25 * noise, 0.2, 2.7))


def _vix(market: MadeUp) -> Bars:
    """The volatility index: pulled towards the regime's level, pushed up by falls of the equity factor.

    In logarithms, x[t] = x[t-1] + 0.10 (m(regime) - x[t-1]) - 2.2 r[t] + 0.035 e[t], kept within 10 to 80.
    """
    seed = market.seed
    levels = np.log(np.array([14.5, 22.0, 38.0]))
    target = levels[market.regime].tolist()
    push = (-2.2 * market.factors[:, 0] + 0.035 * _shocks(seed, "vix", market.sessions.size)).tolist()
    floor, ceiling = float(np.log(10.0)), float(np.log(80.0))
    x, path = float(levels[CALM]), []
    for pull, shock in zip(target, push, strict=True):
        x = min(max(x + 0.10 * (pull - x) + shock, floor), ceiling)
        path.append(x)
    close = np.clip(np.round(np.exp(np.array(path)), 2), 10.0, 80.0)
    opens, high, low = _range(seed, VIX, close, np.full(close.size, 0.08))
    zero, nothing = np.zeros(close.size), np.full(close.size, np.nan)
    return Bars(market.sessions.copy(), opens, high, low, close, close.copy(), zero, nothing, nothing.copy())
