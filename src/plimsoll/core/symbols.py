"""Symbol parsing: canonical spelling, the kind its suffix implies, its quote currency (D2).

``canonical`` maps the spellings of vendors and venues to one symbol, so that a symbol's limit covers all of them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Kind

LENGTH_MAX = 32
_DOLLARS = ("USD", "USDT", "USDC")
# Bases that exchanges write without a separator (BTCUSD); others need one, or a stablecoin quote.
_COIN_LIST = "AAVE ADA ALGO ATOM AVAX BCH BNB BTC DOGE DOT ETC ETH FIL LINK LTC MATIC SHIB SOL TRX UNI XLM XRP"
_COINS = frozenset(_COIN_LIST.split())
_CURRENCY_LIST = (
    "AUD BRL CAD CHF CNH CNY CZK DKK EUR GBP HKD HUF ILS INR JPY KRW MXN NOK NZD PLN SEK SGD TRY TWD USD ZAR"
)
_CURRENCIES = frozenset(_CURRENCY_LIST.split())
DOLLAR_INDEX = "DX-Y.NYB"
"""Yahoo's ICE dollar index: an index without the caret."""

_SYMBOL = re.compile(r"\^?[A-Z0-9]+(?:[.-][A-Z0-9]+)*(?:=[XF])?")
_PAIR = re.compile(r"([A-Z0-9]{2,10})[-/_ ](USD|USDT|USDC)")
_STABLE = re.compile(r"([A-Z0-9]{2,10})(?:USDT|USDC)")
_SHARE_CLASS = re.compile(r"([A-Z]{1,5})[./_ -]([ABC])")
# Valid plain US symbols: letters and digits, and after a dash a share class or preferred series, or the mark of a
# warrant, unit or right.
_PLAIN_HOLDING = re.compile(r"[A-Z0-9]{1,10}(?:-(?:[A-Z]|P[A-Z]|W[ST]|UN|RI))?")
_COIN_HOLDING = re.compile(r"([A-Z0-9]{1,10})-USD")
# US exchange suffixes after the dot, as vendors write them.
_EXCHANGES = frozenset(["US", "N", "O", "OQ", "K", "AM", "PK", "OB", "PQ"])
_SAME_COIN = {"XBT": "BTC", "XDG": "DOGE"}
_CURRENCY_PAIR = re.compile(r"([A-Z]{3})[-/_ ]?([A-Z]{3})")

UNKNOWN_CURRENCY = "?"
"""The currency of a symbol with an unknown suffix."""

UNMEASURABLE = "an index, a future, not quoted in dollars, or a second name of another symbol"
"""Description of a symbol that is not ``measurable``, for error messages."""

# Quote currency by exchange suffix after the dot, as Yahoo, Stooq and EODHD write it.
_SUFFIXES = {
    "USD": "US N O OQ K P AM OB PK PQ WS WT W U R RT NYB CME CBT CMX NYM",
    "GBp": "L LSE UK",
    "EUR": "DE F BE DU HM MU SG HA XETRA PA AS BR LS MI MC MA HE VI AT IR TL VS RG EU",
    "CHF": "SW VX S",
    "SEK": "ST",
    "NOK": "OL",
    "DKK": "CO",
    "ISK": "IC",
    "PLN": "WA PL",
    "CZK": "PR",
    "HUF": "BD HU",
    "TRY": "IS",
    "RUB": "ME",
    "ILA": "TA",
    "ZAc": "JO",
    "CAD": "TO V CN NE",
    "AUD": "AX XA AU",
    "NZD": "NZ",
    "JPY": "T JP TSE",
    "HKD": "HK",
    "CNY": "SS SZ SHG SHE",
    "TWD": "TW TWO",
    "KRW": "KS KQ KO",
    "INR": "NS BO NSE BSE",
    "SGD": "SI",
    "MYR": "KL",
    "IDR": "JK",
    "THB": "BK",
    "SAR": "SR",
    "BRL": "SA",
    "MXN": "MX",
    "ARS": "BA",
    "CLP": "SN",
}
_CURRENCY_OF = {suffix: currency for currency, listed in _SUFFIXES.items() for suffix in listed.split()}


def canonical(symbol: str) -> str:
    """The one spelling of a symbol (D2).

    Upper case; ``BTC/USD``, ``BTC_USD``, ``BTCUSD``, ``BTCUSDT``, ``BTC-USDT`` and the like become ``BTC-USD``
    (one identity for all dollar quotes); ``EUR/USD`` and ``EURUSD`` become ``EURUSD=X``; share classes
    A to C written ``BRK.B``, ``BRK/B``, ``BRK_B`` or ``BRK B`` become ``BRK-B``. Anything else is unchanged.

    Raises
    ------
    InputError where the text cannot be a symbol: empty, longer than 32 characters, a path, punctuation, control
    or non-ASCII characters.

    >>> canonical("btcusdt"), canonical("BRK.B"), canonical("^vix")
    ('BTC-USD', 'BRK-B', '^VIX')
    """
    if not isinstance(symbol, str):
        raise InputError(f"{symbol!r} is not a symbol but {type(symbol).__name__}", "Put it in quotes")
    text = symbol.strip(" ").upper() if symbol.isascii() else symbol
    name = _respelled(text)
    if len(text) > LENGTH_MAX or not _SYMBOL.fullmatch(name):
        shown = ascii(symbol if len(symbol) <= LENGTH_MAX else symbol[:LENGTH_MAX] + "...")
        raise InputError(
            f"{shown} is not a symbol", f"Use at most {LENGTH_MAX} of A-Z, 0-9, '.', '-', '=' and a leading '^'"
        )
    return name


def suffix_kind(symbol: str) -> Kind | None:
    """The kind that the suffix of a canonical symbol implies; None for a plain one, a stock or a fund (D2)."""
    if symbol.startswith("^") or symbol == DOLLAR_INDEX:
        return "index"
    if symbol.endswith("=X"):
        return "fx"
    if symbol.endswith("=F"):
        return "future"
    return "crypto" if symbol.rpartition("-")[2] in _DOLLARS and "-" in symbol else None


def quote_currency(symbol: str) -> str:
    """Quote currency of a canonical symbol, by its suffix (D2); ``UNKNOWN_CURRENCY`` for an unknown suffix.

    A symbol without suffix is taken as a US one; an index is a figure, whatever its currency.

    >>> quote_currency("VOD.L"), quote_currency("USDJPY=X"), quote_currency("BTC-EUR"), quote_currency("EURUSD.FMP")
    ('GBp', 'JPY', 'EUR', '?')
    """
    kind = suffix_kind(symbol)
    if kind in ("index", "crypto", "future"):
        return "USD"
    if kind == "fx":
        return symbol[:-2][-3:]
    tail = symbol.rpartition("-")[2]
    if "-" in symbol and (tail in _CURRENCIES or tail in _COINS):
        return tail
    if "." in symbol:
        return _CURRENCY_OF.get(symbol.rpartition(".")[2], UNKNOWN_CURRENCY)
    return "USD"


@lru_cache(maxsize=4096)
def in_dollars(symbol: str) -> bool:
    """Whether a symbol can be held and is quoted in dollars: in canonical spelling, not an index, and without a suffix
    of another currency or an unknown one (D2).

    >>> [in_dollars(s) for s in ("MSFT", "BTC-USD", "EURUSD=X", "msft", "^VIX", "VOD.L", "USDJPY=X", "EURUSD.FMP")]
    [True, True, True, False, False, False, False, False]
    """
    try:
        known = canonical(symbol) == symbol
    except InputError:
        return False
    return known and suffix_kind(symbol) != "index" and quote_currency(symbol) == "USD"


def held_as(symbol: str) -> str:
    """The one symbol of a holding, whatever its spelling: as ``canonical``, without the US exchange that vendors write
    after the dot, and each crypto asset under one name (D2).

    >>> held_as("msft.us"), held_as("BRK.B.N"), held_as("XBT/USD"), held_as("VOD.L")
    ('MSFT', 'BRK-B', 'BTC-USD', 'VOD.L')
    """
    name = canonical(symbol)
    stem, _, exchange = name.rpartition(".")
    if stem and exchange in _EXCHANGES:
        return held_as(stem)
    coin = _COIN_HOLDING.fullmatch(name)
    return f"{_SAME_COIN[coin[1]]}-USD" if coin and coin[1] in _SAME_COIN else name


@lru_cache(maxsize=4096)
def measurable(symbol: str) -> bool:
    """Whether a position's value is its quantity times its price in dollars, and no other symbol names the same asset:
    a symbol's limit covers only that symbol (D2, H1).

    False for a future while its contract multiplier is unknown, for a second name of a crypto asset and for an unknown
    suffix: a perpetual, a pair in another stablecoin, a pair written without its separator.

    >>> [measurable(s) for s in ("MSFT", "BRK-B", "BTC-USD", "EURUSD=X", "USD", "MSFT.US", "ES=F", "BTC-USD-PERP")]
    [True, True, True, True, True, False, False, False]
    """
    if not in_dollars(symbol) or held_as(symbol) != symbol:
        return False
    kind = suffix_kind(symbol)
    if kind == "crypto":
        coin = _COIN_HOLDING.fullmatch(symbol)
        return coin is not None and not _dollars_in(coin[1])
    if kind == "fx":
        return symbol[:-2][:3] in _CURRENCIES and len(symbol) == len("EURUSD=X")
    return kind is None and _PLAIN_HOLDING.fullmatch(symbol) is not None and "USD" not in symbol[1:]


def _dollars_in(base: str) -> bool:
    """Whether the part before the dash is a crypto asset or currency with its dollar already: ``BTCUSDT-USD``."""
    found = re.fullmatch(r"(.+?)(USD|USDT|USDC)", base)
    return found is not None and (found[2] != "USD" or found[1] in _COINS | _CURRENCIES | _SAME_COIN.keys())


def _respelled(text: str) -> str:
    pair = _PAIR.fullmatch(text)
    if pair and pair[1] not in _CURRENCIES:
        return f"{pair[1]}-USD"
    stable = _STABLE.fullmatch(text)
    if stable:
        return f"{stable[1]}-USD"
    if text.endswith("USD") and text[:-3] in _COINS:
        return f"{text[:-3]}-USD"
    currencies = _CURRENCY_PAIR.fullmatch(text)
    if currencies and {currencies[1], currencies[2]} <= _CURRENCIES and currencies[1] != currencies[2]:
        return f"{currencies[1]}{currencies[2]}=X"
    share = _SHARE_CLASS.fullmatch(text)
    return f"{share[1]}-{share[2]}" if share else text
