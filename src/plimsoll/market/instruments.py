"""The instrument master: one identity per symbol, from its text alone (D2).

``infer`` gives what the symbol implies; how it is spelt and what its suffix says is in ``core.symbols``. A universe
file may add to what is inferred, never contradict it (``market.universe``).
"""

from __future__ import annotations

from typing import Literal

from plimsoll.core.instrument import Instrument, Kind, VolumeUnit
from plimsoll.core.symbols import DOLLAR_INDEX, UNKNOWN_CURRENCY, canonical, quote_currency, suffix_kind

__all__ = [
    "CRYPTO_LOTS_PER_UNIT",
    "UNKNOWN_CURRENCY",
    "Plain",
    "calendar_of",
    "canonical",
    "infer",
    "quote_currency",
    "refusal",
    "suffix_kind",
]

Plain = Literal["fund", "stock", "plain"]

CRYPTO_LOTS_PER_UNIT = 10_000  # a lot is 0.0001 of a unit (D1)

_CBOE_LIST = "^VIX ^VIX3M ^VIX6M ^VIX9D ^VVIX ^VXN ^SKEW ^OVX ^GVZ"
_CBOE_INDICES = frozenset(_CBOE_LIST.split())
_HUNDREDTHS = {"GBp": "British pence", "ZAc": "South African cents", "ILA": "Israeli agorot"}


def infer(symbol: str, plain_symbols_are: Plain = "plain") -> Instrument:
    """An instrument from its symbol alone, by the suffix rule (D2).

    Parameters
    ----------
    symbol : any spelling ``canonical`` knows.
    plain_symbols_are : kind of a symbol without suffix. What is stored keeps it plain: the policy of each run says
        what it is, never that of the ingestion.

    Raises
    ------
    InputError where the text cannot be a symbol.
    """
    name = canonical(symbol)
    kind: Kind = suffix_kind(name) or plain_symbols_are
    unit: VolumeUnit = "quote" if kind == "crypto" else "units"  # daily files give dollars for crypto
    return Instrument(
        symbol=name,
        kind=kind,
        calendar=calendar_of(name, kind),
        lots_per_unit=CRYPTO_LOTS_PER_UNIT if kind == "crypto" else 1,
        volume_unit=unit,
        currency=quote_currency(name),
    )


def refusal(instrument: Instrument) -> tuple[str, str] | None:
    """Why an instrument's prices cannot be taken for dollars, and what to do; None where they can (D2)."""
    symbol, currency = instrument.symbol, instrument.currency
    if currency == "USD":
        return None
    if currency == UNKNOWN_CURRENCY:
        tail = symbol.rpartition(".")[2]
        return (
            f"{symbol} has an unknown suffix, .{tail}: neither its kind nor its currency follows from it",
            f"Name it in a universe file with --universe, for example {symbol}: {{kind: fund, currency: USD}}",
        )
    unit = f" ({_HUNDREDTHS[currency]})" if currency in _HUNDREDTHS else ""
    return (
        f"{symbol} is priced in {currency}{unit}, and the account is in USD",
        f"Convert its prices to USD and say so in a universe file, {symbol}: {{currency: USD}}, or leave it out",
    )


def calendar_of(symbol: str, kind: Kind) -> str:
    """The trading calendar of a canonical symbol, a key of ``market.calendars.CALENDARS`` (D9)."""
    if kind == "index":
        if symbol == DOLLAR_INDEX:
            return "24/5"
        return "CBOE" if symbol in _CBOE_INDICES else "XNYS"
    return {"crypto": "24/7", "fx": "24/5", "future": "CMES"}.get(kind, "XNYS")
