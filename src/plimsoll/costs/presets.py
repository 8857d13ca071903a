"""Commission schedules of real brokers as policy values, dated and with their source (C1).

Each is the broker's published schedule for a small account at its date, without charges that depend on monthly volume,
exchange, order type or currency. It may have changed since: check it against your own broker's before you rely on it.
The regulatory fees on US sales are the rates of that date, applied to every year of a backtest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# Section 31 fee: 27.80 USD per million of sales until 2025-05-13, the last rate before it was set to 0.
# FINRA's trading activity fee: 0.000166 USD a share sold, at most 8.30 USD a trade (2024 and 2025).
_US_SALE = {"sell_fee": 0.0000278, "sell_fee_unit": 0.000166, "sell_fee_max": 8.30}
_REGULATORS = "SEC Section 31 fee and FINRA trading activity fee on sales (approximate: one rate for all years)"


class Preset(NamedTuple):
    """``kinds`` maps keys of ``costs.kinds`` to the values they change; ``date`` is that of the schedule."""

    date: str
    source: str
    kinds: dict[str, dict[str, Any]]


def _free() -> dict[str, Any]:
    return {"commission": 0.0, **_US_SALE}


def _shares() -> dict[str, Any]:
    return {"commission": 0.0, "commission_unit": 0.005, "commission_min": 1.0, "commission_max": 0.01, **_US_SALE}


_IBKR_CRYPTO = {"commission": 0.0018, "commission_min": 1.75, "commission_max": 0.01}
_IBKR_FX = {"commission": 0.00002, "commission_min": 2.0}

PRESETS: dict[str, Preset] = {
    "cautious": Preset(
        "2026-01", "not a broker's: default rates (C1), high for funds and stocks; crypto can cost more", {}
    ),
    "us-etf-zero-commission": Preset(
        "2025-06", f"US brokers without commission on listed funds and stocks; {_REGULATORS}",
        {"fund": _free(), "stock": _free()},
    ),
    "ibkr-pro": Preset(
        "2025-06",
        "Interactive Brokers Pro, fixed pricing: 0.005 USD a share, at least 1 USD and at most 1 % of the trade; "
        f"crypto 0.18 %, at least 1.75 USD; currencies 0.2 bps, at least 2 USD; {_REGULATORS}",
        {"fund": _shares(), "stock": _shares(), "crypto": dict(_IBKR_CRYPTO), "fx": dict(_IBKR_FX)},
    ),
    "ibkr-lite": Preset(
        "2025-06", f"Interactive Brokers Lite: US stocks and funds free; crypto and currencies as Pro; {_REGULATORS}",
        {"fund": _free(), "stock": _free(), "crypto": dict(_IBKR_CRYPTO), "fx": dict(_IBKR_FX)},
    ),
    "alpaca": Preset(
        "2025-06", f"Alpaca: US stocks and funds free; crypto as taker of the lowest tier, 0.25 %; {_REGULATORS}",
        {"fund": _free(), "stock": _free(), "crypto": {"commission": 0.0025}},
    ),
    "alpaca-crypto": Preset(
        "2025-06", "Alpaca, crypto as taker of the lowest tier (up to 100,000 USD in 30 days): 0.25 %",
        {"crypto": {"commission": 0.0025}},
    ),
    "binance-spot": Preset(
        "2025-06", "Binance spot, regular user, taker, fees not paid in BNB: 0.10 %", {"crypto": {"commission": 0.0010}}
    ),
}  # fmt: skip


_NONE = {"commission_unit": 0.0, "commission_min": 0.0, "commission_max": 1.0, "sell_fee": 0.0, "sell_fee_unit": 0.0,
         "sell_fee_max": 0.0}  # fmt: skip


def filled(name: str) -> dict[str, dict[str, Any]]:
    """Every commission key of the kinds in a preset; those it does not name are zero."""
    return {kind: {**_NONE, **stated} for kind, stated in PRESETS[name].kinds.items()}


def origin(name: str) -> str:
    """The name of a preset as a policy layer.

    >>> origin("ibkr-pro")
    'preset ibkr-pro (2025-06)'
    """
    return f"preset {name} ({PRESETS[name].date})"
