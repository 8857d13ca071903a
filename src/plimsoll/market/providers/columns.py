"""Roles of a table's columns, by the names that vendors and people give them (D3, D12).

A column that may carry money (dividends, splits, adjusted prices, capital gains, a currency) is never left out
without a word: it has a role here, or its values cannot matter (empty, or nothing but "none"), or a note names it and
says how to tell what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError, UsageError
from plimsoll.market.cells import ABSENT, legible, some

if TYPE_CHECKING:
    import polars as pl

# The one name of each column, with what others call it. Names are compared lower-case, with anything but letters and
# digits as "_", without angle brackets, stars, the numbers of Alpha Vantage ("5. adjusted close") and a currency in
# brackets. A name earlier in a row wins over a later one.
ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "instrument", "act_symbol", "tic", "kuerzel"),
    "date": (
        "date", "day", "session", "trade_date", "trading_date", "observation_date", "business_date", "tradedate",
        "datum", "fecha", "data", "dtyyyymmdd",
        "timestamp", "datetime", "date_time", "dt", "time", "ts", "window_start", "open_time",
        "unix",
    ),
    "open": (
        "open", "open_price", "first", "eroeffnung", "eroffnung", "er_ffnung", "eroeffn",
        "er_ffn", "erster", "ouverture", "apertura",
        "px_open",
    ),
    "high": ("high", "high_price", "hoch", "tageshoch", "plus_haut", "haut", "maximo", "px_high"),
    "low": ("low", "low_price", "tief", "tagestief", "plus_bas", "bas", "minimo", "px_low"),
    "close": (
        "close", "close_price", "close_last", "last", "last_price", "latest", "settle", "price", "schluss",
        "schlusskurs", "schlu_kurs", "letzter", "zuletzt", "dernier",
        "cloture", "cierre", "px_last",
    ),
    "adj_close": (
        "adj_close", "adjclose", "adjusted_close", "adjustedclose", "close_adj", "closeadj", "adj_close_price",
        "adj_closing_price", "adjusted_closing_price", "adj_price",
    ),
    "volume": (
        "volume", "vol", "stuecke", "st_cke", "stueck", "total_volume", "px_volume", "volumen", "umsatz", "volume_usd",
    ),
    "dividend": (
        "dividend", "dividends", "dividend_amount", "dividendamount", "divcash", "div_cash", "cash_dividend",
        "cash_dividends", "ex_dividend", "exdividend", "dividend_cash", "cash_amount", "div",
    ),
    "split": (
        "split", "splits", "stock_split", "stock_splits", "stocksplits", "split_ratio", "splitratio",
        "split_coefficient", "splitcoefficient", "split_factor", "splitfactor",
    ),
    "capital_gain": ("capital_gain", "capital_gains", "capitalgains", "cap_gains", "capital_gain_distribution"),
    "currency": ("currency", "ccy", "curr", "quote_currency", "price_currency", "waehrung", "currency_code"),
    "series": ("series", "series_id"),
    "value": ("value",),
    "published": ("published", "published_at", "release_date"),
}  # fmt: skip
_ROLE = {alias: (role, place) for role, names in ALIASES.items() for place, alias in enumerate(names)}
ROLES = tuple(ALIASES)
IGNORE = "ignore"

# One-letter names count only together, and only as they are written: T is Polygon's ticker, t its time.
_LETTERS = {
    "o": "open",
    "h": "high",
    "l": "low",
    "c": "close",
    "v": "volume",
    "t": "date",
    "T": "symbol",
    "S": "symbol",
}
_TIMES = ("clock", "time", "times", "hour", "zeit", "uhrzeit", "hora")

# What vendors add that nothing here needs and that changes no return: stated once, as left out. ``adj_open`` and its
# kin repeat what adj_close says; ``closeunadj`` is the traded price before later splits.
_HARMLESS = re.compile(
    r"^(?:adj(?:usted)?_?(?:open|high|low|volume|vol)|(?:open|high|low|volume)_?adj|closeunadj|close_unadj|unadjusted_volume"
    r"|(?:daily_|pct_|percent_)?(?:change|chg|return)(?:_percent|_pct|_p)?|change_over_time|vwap|vw)$"
)
_MONEY = re.compile(
    r"div|distrib|split|adj|gain|curr|ccy|waehr|cash|coupon|payout|ratio|factor|fac(?:pr|shr)|spin|bonus|rights"
    r"|entitle|scrip|reinvest|total_return|tr_index|unadj|as_traded|bereinigt|ausschuett|aussch_tt"
)
_NONE = {"0", "1", "0.0", "1.0", "0.00", "1.00", "0:0", "1:1", "1/1", "false", *ABSENT}
_QUOTED = {"quote_volume", "quote_asset_volume", "quoteassetvolume", "quotevolume", "volume_quote", "volume_usdt"}
_TURNOVER = {"volumen", "umsatz", "turnover", "amount", "dollar_volume", "volume_usd"}  # may be money, not units
_NUMBERED = re.compile(r"^\d{1,2}[a-z]?\. *")
_BRACKETED = re.compile(r"[(\[] *([A-Za-z]{3}|GBp|p) *[)\]] *$")


@dataclass(frozen=True, slots=True)
class Told:
    """What the user said of a file's columns: ``named`` maps a role to a header, ``order`` names the columns of a
    file without header, ``ignored`` are headers to leave out without a word.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Roles:
    """Which column (by its place) is what; ``clock`` is a column of times beside one of dates. ``left`` are harmless
    columns nothing reads, ``doubtful`` such as may carry money.
    """

    place: dict[str, int]
    left: tuple[str, ...]
    doubtful: tuple[str, ...]
    currency: str | None = None


def told(text: str | None) -> Told:
    """``--columns`` as typed: ``close=Last,date=Trade Date``; for a file without header ``date,open,high,low,close``.

    Raises
    ------
    UsageError for a role nobody knows, one given twice, or the two forms mixed.
    """
    parts = [p.strip() for p in (text or "").split(",") if p.strip()]
    if text is not None and not parts:
        raise UsageError("--columns names no column", "Give for example close=Last,date=Trade Date")
    pairs = [p for p in parts if "=" in p]
    known = (*ROLES, "time", IGNORE)
    if pairs and len(pairs) != len(parts):
        raise UsageError(f"--columns {text!r} mixes names and pairs", "Give role=header everywhere, or roles in order")
    named: dict[str, str] = {}
    ignored: list[str] = []
    for part in parts:
        role, _, header = (s.strip() for s in part.partition("="))
        if role not in known:
            raise UsageError(f"--columns: {role!r} is not a column", f"Known are {', '.join(known)}")
        if role == IGNORE:
            ignored.append(header)
        elif role in named:
            raise UsageError(f"--columns gives {role} twice", "Keep one of them")
        else:
            named["clock" if role == "time" else role] = header
    if not pairs:
        return Told(order=tuple(parts))
    return Told(named, (), tuple(ignored))


def plain(name: str) -> str:
    """A header's name as it is compared: see ``ALIASES``.

    >>> plain("5. adjusted close"), plain("<TICKER>"), plain("Adj Close**"), plain("1b. open (USD)")
    ('adjusted_close', 'ticker', 'adj_close', 'open')
    """
    text = name.strip().strip('"').strip().strip("<>*").strip()
    text = _BRACKETED.sub("", _NUMBERED.sub("", text)).lower()
    for umlaut, letters in (
        ("\xe4", "ae"),
        ("\xf6", "oe"),
        ("\xfc", "ue"),
        ("\xe9", "e"),
        ("\xf4", "o"),
        ("\xe1", "a"),
    ):
        text = text.replace(umlaut, letters)
    return re.sub(r"[^a-z0-9]+", "_", text).strip("_")


def is_date(name: str) -> bool:
    """Whether a header names dates."""
    return _ROLE.get(plain(name), ("", 0))[0] == "date" or name.strip() == "t"


def role(name: str) -> str | None:
    """The role of a header by its name alone."""
    return _ROLE.get(plain(name), (None, 0))[0]


def roles(names: Sequence[str], frame: pl.DataFrame, asked: Told) -> Roles:
    """Which column is what.

    Raises
    ------
    InputError where two headers claim one role, a header the user named is not there, or the headers name a currency
    other than USD.
    """
    chosen = _letters(names)
    rank: dict[str, int] = dict.fromkeys(chosen, 0)
    skip = _places(names, asked)
    for index, name in enumerate(names):
        if index in skip.values() or index in chosen.values():
            continue
        found = _ROLE.get(plain(name))
        if found is None or found[0] in asked.named:
            continue
        target, place = found
        if target in chosen and rank[target] == place:
            raise InputError(
                f"has two columns for {target}: {names[chosen[target]]!r} and {name!r}",
                f"Keep one, or say which with --columns {target}={name.strip()!r}",
            )
        if target in chosen and _clash(target, rank[target], place):
            raise InputError(
                f"has two columns that may be {target}: {names[chosen[target]]!r} and {name!r}",
                f"Say which with --columns {target}={name.strip()!r}",
            )
        if target not in chosen or place < rank[target]:
            chosen[target], rank[target] = index, place
    chosen |= {target: index for target, index in skip.items() if not target.startswith(IGNORE)}
    _unnamed_index(names, chosen)
    _times(names, chosen)
    used = set(chosen.values()) | set(skip.values())
    left: list[str] = []
    doubtful: list[str] = []
    for index, name in enumerate(names):
        if index not in used:
            (doubtful if _may_be_money(name, frame.to_series(index)) else left).append(name)
    return Roles(chosen, tuple(left), tuple(doubtful), _currency(names, chosen))


def _clash(target: str, held: int, place: int) -> bool:
    """Two different names for one amount of money: which of them counts is ambiguous."""
    return target in ("dividend", "split", "adj_close", "capital_gain") and 0 not in (held, place)


def _letters(names: Sequence[str]) -> dict[str, int]:
    """Polygon's and Alpaca's one-letter columns, where all four prices are so written."""
    stripped = [n.strip() for n in names]
    if not set("ohlc") <= set(stripped):
        return {}
    return {_LETTERS[n]: i for i, n in enumerate(stripped) if n in _LETTERS}


def _places(names: Sequence[str], asked: Told) -> dict[str, int]:
    """Where the headers stand that the user named; those to ignore under keys of their own."""
    stripped = [n.strip().strip('"') for n in names]
    found: dict[str, int] = {}
    wanted = [*asked.named.items(), *((f"{IGNORE}:{h}", h) for h in asked.ignored)]
    for target, header in wanted:
        places = [i for i, n in enumerate(stripped) if n == header]
        places = places or [i for i, n in enumerate(stripped) if n.lower() == header.lower()]
        if not places:
            raise InputError(f"has no column {header!r}; its columns are {some(names)}", "Correct --columns")
        found[target] = places[0]
    return found


def _unnamed_index(names: Sequence[str], chosen: dict[str, int]) -> None:
    """A pandas index that was written without a name is the date where nothing else is."""
    first = plain(names[0]) if names else ""
    if "date" not in chosen and 0 not in chosen.values() and first in ("", "unnamed_0", "index", "index_level_0", "0"):
        chosen["date"] = 0


def _times(names: Sequence[str], chosen: dict[str, int]) -> None:
    """A column of times beside one of dates says when in the day."""
    if "clock" in chosen or "date" not in chosen:
        return
    for index, name in enumerate(names):
        if plain(name) in _TIMES and index not in chosen.values():
            chosen["clock"] = index
            return


def _may_be_money(name: str, column: pl.Series) -> bool:
    import polars as pl

    known = plain(name)
    if _HARMLESS.match(known) or not _MONEY.search(known):
        return False
    text = column.cast(pl.String, strict=False) if not column.dtype.is_nested() else None
    if text is None:
        return True
    return not set(text.drop_nulls().str.strip_chars().str.to_lowercase().unique().head(8).to_list()) <= _NONE


def _currency(names: Sequence[str], chosen: dict[str, int]) -> str | None:
    """A currency that the headers of prices name, ``Close (EUR)``."""
    prices = ("open", "high", "low", "close", "adj_close", "dividend")
    for target in prices:
        match = _BRACKETED.search(names[chosen[target]]) if target in chosen else None
        if match:
            return match[1]
    return None


def doubt(names: Sequence[str]) -> str:
    """The warning about columns that may carry money and are not understood."""
    first = names[0].strip()
    words = plain(first)
    if "yield" in words:
        example = ""
    elif re.search(r"total_return|tr_index|bereinigt|^adj", words) and "fac" not in words:
        example = f"for example adj_close={legible(first)}, or "
    else:
        example = f"for example dividend={legible(first)} or split={legible(first)}, or "
    return (
        f"WARNING: {some(names)} may carry dividends, splits, adjusted prices or a currency and "
        f"{'is' if len(names) == 1 else 'are'} unknown and not used. Declare the role with --columns, "
        f"{example}ignore={legible(first)}"
    )


def coin_volume(names: Sequence[str], found: Roles) -> str | None:
    """The warning about a crypto file with volume in units and in money, of which the first is read.

    Binance's ``quote_volume`` is money; a crypto symbol's volume counts as dollars unless the universe overrides it
    (D2).
    """
    if "volume" not in found.place:
        return None
    taken = names[found.place["volume"]].strip()
    for name in found.left:
        if plain(name) in _QUOTED and plain(taken) not in _QUOTED:
            other = legible(name.strip())
            return (
                f"WARNING: volume was taken from {legible(taken)}, and {other} is left out: crypto volume counts as "
                f"dollars here. Say --columns volume={other}, or volume_unit: units in the universe file"
            )
    return None


def units(names: Sequence[str], found: Roles) -> str | None:
    """What to say of a volume that may be turnover in money, or that is named after what it counts and not read.

    Turnover taken for units makes volumes, and with them every limit on participation, as many times too large as a
    unit costs.
    """
    if "volume" not in found.place:
        named = [n.strip() for n in found.left if re.match(r"vol(?:ume)?_", plain(n))]
        if not named:
            return None
        money = next((n for n in named if re.search(r"usd|eur|quote", plain(n))), named[-1])
        return (
            f"WARNING: there is no column volume, and {some(named)} may be it: without volume nothing is bought. Say "
            f'which, for example --columns "volume={legible(money)}" (a coin\'s counts as dollars)'
        )
    taken = names[found.place["volume"]].strip()
    if plain(taken) in _TURNOVER - {"volume_usd"}:
        return (
            f"{legible(taken)} was taken for the units traded. Where it is turnover in money, every limit on "
            f"volume is too loose by the price: name the column of units with --columns volume=HEADER, or leave it out "
            f"with --columns ignore={legible(taken)}"
        )
    turnover = [n.strip() for n in found.left if plain(n) in _TURNOVER]
    if turnover and plain(taken) not in _QUOTED:
        return (
            f"WARNING: volume was taken from {legible(taken)} as units, and {some(turnover)}, which may be turnover in "
            "money, is left out"
        )
    return None
