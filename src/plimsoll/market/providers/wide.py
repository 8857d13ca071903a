"""Tables with one column per symbol or series as long ones: yfinance's ``download()``, FRED's files (D3)."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError
from plimsoll.market.cells import some
from plimsoll.market.providers import columns

if TYPE_CHECKING:
    import polars as pl

_PRICES = frozenset({"open", "high", "low", "close"})
_BARS = frozenset({*_PRICES, "adj_close", "volume", "dividend", "split", "capital_gain"})
_INDEX = ("", "date", "datetime", "timestamp", "index", "unnamed_0", "index_level_0")


@dataclass(frozen=True, slots=True)
class Header:
    """Column names of a table whose header may take several lines: ``names`` by column, ``owners`` the symbol of each
    (empty for a column all of them share) or None for a plain table, ``lines`` how many records the header takes.
    """

    names: tuple[str, ...]
    owners: tuple[str, ...] | None
    lines: int


def header(records: Sequence[Sequence[str]]) -> Header:
    """The header in the first records of a CSV file.

    pandas writes two-level columns over two lines, symbols above or below the prices, and the index's name on a third.
    """
    first = [c.strip() for c in records[0]]
    if len(records) > 2 and len(first) > 1 and len(records[1]) == len(first):
        second = [c.strip() for c in records[1]]
        third = [c.strip() for c in records[2]]
        named = len(third) and columns.plain(third[0]) in _INDEX and not any(third[1:])
        lines = 3 if named else 2
        body = range(1, len(first))
        for prices, owners in ((first, second), (second, first)):
            if all(columns.role(prices[i]) in _BARS for i in body) and _may_be_symbols([owners[i] for i in body]):
                if not named and columns.plain(first[0]) not in (*_INDEX, "price", "ticker", "attributes", "symbols"):
                    break
                if any(owners[i] for i in body):
                    label = third[0] if named and third[0] else "Date"
                    return Header((label, *prices[1:]), ("", *owners[1:]), lines)
    split = _split_names(first)
    return split if split is not None else Header(tuple(records[0]), None, 1)


def of_columns(names: Sequence[str]) -> Header:
    """The header of a Parquet file, which has one name a column: pandas writes two levels as ``('Close', 'SPY')``."""
    pairs = [_pair(n) for n in names]
    found = [p for p in pairs if p is not None]
    if found:
        for price, owner in ((0, 1), (1, 0)):
            if all(columns.role(p[price]) in _BARS or not p[owner] for p in found):
                prices = tuple(p[price] or p[owner] if p else n for p, n in zip(pairs, names, strict=True))
                owners = tuple(
                    p[owner] if p and p[price] and p[owner] and columns.role(p[price]) in _BARS else "" for p in pairs
                )
                return Header(prices, owners, 1)
    split = _split_names(list(names))
    return split if split is not None else Header(tuple(names), None, 1)


def long(frame: pl.DataFrame, head: Header) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """One row a date and symbol, ``symbol`` the first column, the number of the source's row kept in ``row``.

    A row without any figure for a symbol is padding, and is left out.
    """
    import polars as pl

    assert head.owners is not None
    shared = [i for i, owner in enumerate(head.owners) if not owner]
    names = list(dict.fromkeys(head.names[i] for i, owner in enumerate(head.owners) if owner))
    parts = []
    for owner in dict.fromkeys(o for o in head.owners if o):
        mine = {head.names[i]: i for i, o in enumerate(head.owners) if o == owner}
        if len(mine) < sum(o == owner for o in head.owners):
            raise InputError(f"has two columns of one name for {owner!r}", "Keep one")
        picked = [frame.to_series(i).alias(head.names[i]) for i in shared]
        picked += [
            frame.to_series(mine[n]).alias(n) if n in mine else pl.Series(n, [None] * len(frame), dtype=pl.String)
            for n in names
        ]
        part = pl.DataFrame([pl.Series("symbol", [owner]).new_from_index(0, len(frame)), *picked, frame["row"]])
        empty = pl.all_horizontal(
            [
                pl.col(n).is_null() | (pl.col(n).cast(pl.String).str.strip_chars().is_in(["", "NaN", "nan"]))
                for n in names
            ]
        )
        parts.append(part.filter(~empty))
    joined = pl.concat(parts, how="vertical_relaxed")
    return joined, ("symbol", *(head.names[i] for i in shared), *names)


def series(names: Sequence[str], chosen: columns.Roles) -> tuple[str, ...] | None:
    """The series of a file in FRED's own layout, or None: ``observation_date`` or ``DATE`` and one column a series."""
    if not names or "close" in chosen.place or "value" in chosen.place or chosen.place.get("date") != 0:
        return None
    first = names[0].strip()
    if columns.plain(first) != "observation_date" and first != "DATE":
        return None
    if set(chosen.place) - {"date"} or len(names) < 2:
        return None
    return tuple(names[1:])


def closes_only(names: Sequence[str], chosen: columns.Roles) -> str:
    """Possible readings of a table of dates and unknown columns, for the message that refuses it."""
    if set(chosen.place) == {"date"} and len(names) > 1:
        return (
            f"has a date and {some(names[1:])}: as bars it lacks open, high, low, close, and as macro series it lacks "
            "the columns series, date, value"
        )
    return ""


def _may_be_symbols(texts: Sequence[str]) -> bool:
    """Whether the cells of a header's line are symbols: each has a letter, and none is a figure (10,5 is none)."""
    given = [t for t in texts if t]
    return all(any(c.isalpha() for c in t) and not _is_figure(t) for t in given)


def _is_figure(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _pair(name: str) -> tuple[str, str] | None:
    if not (name.startswith("(") and name.endswith(")")):
        return None
    try:
        value = ast.literal_eval(name)
    except (ValueError, SyntaxError):
        return None
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, str) for v in value):
        return value[0], value[1]
    return None


def _split_names(names: Sequence[str]) -> Header | None:
    """``Close_SPY``, ``SPY Close`` and their like, where all four prices of every symbol are so named."""
    if any(columns.role(n) in _PRICES for n in names):
        return None
    for sign in ("_", " ", ".", "|", "/"):
        for price_first in (True, False):
            prices, owners = [], []
            for name in names:
                price, owner = _halves(name.strip(), sign, price_first)
                prices.append(price or name)
                owners.append(owner)
            held: dict[str, set[str]] = {}
            for price, owner in zip(prices, owners, strict=True):
                if owner:
                    held.setdefault(owner, set()).add(columns.role(price) or "")
            if held and all(roles >= _PRICES for roles in held.values()):
                return Header(tuple(prices), tuple(owners), 1)
    return None


def _halves(name: str, sign: str, price_first: bool) -> tuple[str, str]:
    pieces = name.split(sign)
    for cut in range(1, len(pieces)):
        left, right = sign.join(pieces[:cut]), sign.join(pieces[cut:])
        price, owner = (left, right) if price_first else (right, left)
        if columns.role(price) in _BARS and owner and columns.role(owner) is None:
            return price, owner
    return "", ""
