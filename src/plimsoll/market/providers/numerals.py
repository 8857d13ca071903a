"""Figures as people and vendors write them: decimal point or comma, thousands, currency signs, 1.2M (D3).

What the figures of a file are is decided over the whole file, never cell by cell: ``1,234`` alone is 1234 or 1.234. A
file that shows which, by one cell that can be read in one way only, is read so and says so; one that does not is
refused with both readings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from plimsoll.core.errors import InputError
from plimsoll.market.cells import ABSENT, Fault, shown

if TYPE_CHECKING:
    import polars as pl

Decimal = Literal["point", "comma"]

# Written in one way only: by a comma (1.234,5  10,25  0,125  1.234.567) or by a point (1,234.5  10.25  1,234,567).
_COMMA = (
    r"^[+-]?(?:\d{1,3}(?:\.\d{3})+,\d*|\d*,\d{1,2}|\d*,\d{4,}|0\d*,\d+|\d{4,},\d+|\d*,\d+[eE][+-]?\d+"
    r"|\d{1,3}(?:\.\d{3}){2,})$"
)
_POINT = (
    r"^[+-]?(?:\d{1,3}(?:,\d{3})+\.\d*|\d*\.\d{1,2}|\d*\.\d{4,}|0\d*\.\d+|\d{4,}\.\d+|\d*\.\d+[eE][+-]?\d+"
    r"|\d{1,3}(?:,\d{3}){2,})$"
)
_EITHER = r"^[+-]?[1-9]\d{0,2},\d{3}$"
_WRITTEN = {
    "point": r"^[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$",
    "comma": r"^[+-]?(?:(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d*)?|,\d+)(?:[eE][+-]?\d+)?$",
}
_INFINITE = r"^[+-]?[iI][nN][fF](?:inity|INITY)?$"
_SCALES = {"K": "e3", "M": "e6", "B": "e9"}
_DOLLAR = r"^([+-]?)(?:US?\$|\$|USD) ?|(?: ?(?:US?\$|\$|USD))$"
_OTHER_MONEY = re.compile(r"[\u20ac\u00a3\u00a5\u20b9]|\b(?:EUR|GBP|GBp|GBX|JPY|CHF|CAD|AUD|HKD|SEK|NOK|DKK|INR|CNY)\b")


def figures(
    columns: dict[str, pl.Series], declared: Decimal | None = None
) -> tuple[dict[str, pl.Series], list[Fault], list[str]]:
    """Columns as float64, null where absent; their faults; notes on how the figures were read.

    Parameters
    ----------
    columns : by role; ``volume`` may write 1.2M, ``split`` may write 4:1.
    declared : the decimal sign the user named; otherwise the file has to show it.

    Raises
    ------
    InputError where a column holds no figures at all, or its commas can be read in two ways.
    """
    plain: dict[str, pl.Series] = {}
    odd: dict[str, pl.Series] = {}
    for role, column in columns.items():
        values, text = _as_written(role, column)
        if text is None:
            plain[role] = values
        else:
            odd[role] = text
    if not odd:
        return plain, [], []
    cleaned = {role: _cleaned(role, text) for role, text in odd.items()}
    decimal, notes = _decimal(cleaned, declared)
    faults: list[Fault] = []
    for role, text in cleaned.items():
        values, wrong = _parsed(text, decimal)
        plain[role] = values
        if wrong.any():
            faults.append(Fault(role, wrong, columns[role], _explain))
    return {role: plain[role] for role in columns}, faults, notes


def _as_written(role: str, column: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """A column of numbers as it is; of a column of text the text, to be read with the rest of the file."""
    import polars as pl

    kind = column.dtype
    if isinstance(kind, (pl.Categorical, pl.Enum)):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        return column, column
    if kind.is_numeric():
        return column.cast(pl.Float64).fill_nan(None), None
    if kind == pl.Null:
        return column.cast(pl.Float64), None
    raise InputError(f"column {role} holds {kind}, not numbers", "Write plain numbers")


def _cleaned(role: str, column: pl.Series) -> pl.Series:
    """Text without what cannot change a figure: blanks, dollar signs, the brackets of a negative; absent is null."""
    import polars as pl

    text = column.str.strip_chars()
    text = pl.select(
        pl.when(text.str.to_lowercase().is_in(ABSENT)).then(pl.lit(None, dtype=pl.String)).otherwise(text)
    ).to_series()
    hard = text.cast(pl.Float64, strict=False).is_null() & text.is_not_null()
    if not hard.any():
        return text
    easy = text.str.replace_all(r"[\u00a0\u202f\u2009'\u2019]", "")
    spaced = easy.str.contains(r"^\D*\d{1,3}(?: \d{3})+(?:[.,]\d*)?(?: ?[^\d ].*)?$").fill_null(False)
    joined = easy.str.replace_all(r"(\d) (\d)", "$1$2")
    easy = pl.select(pl.when(spaced).then(joined).otherwise(easy)).to_series()
    easy = easy.str.replace(r"^\u2212", "-").str.replace(_DOLLAR, "$1").str.replace(_DOLLAR, "$1")
    easy = easy.str.replace(r"^\((.+)\)$", "-$1")
    if role == "volume":
        for letter, power in _SCALES.items():
            easy = easy.str.replace(rf"^([\d.,]+) ?[{letter}{letter.lower()}]$", f"${{1}}{power}")
    if role == "split":
        easy = _ratios(easy)
    return easy


def _ratios(text: pl.Series) -> pl.Series:
    """``4:1``, ``4/1`` and ``4 for 1``, new units for old, as one number."""
    import polars as pl

    pattern = r"^(\d+(?:\.\d+)?) ?(?::|/|-?for-?| for ) ?(\d+(?:\.\d+)?)$"
    new = text.str.extract(pattern, 1).cast(pl.Float64)
    old = text.str.extract(pattern, 2).cast(pl.Float64)
    ratio = (new / old).cast(pl.String)
    return pl.select(pl.when(ratio.is_not_null()).then(ratio).otherwise(text)).to_series()


def _decimal(columns: dict[str, pl.Series], declared: Decimal | None) -> tuple[Decimal, list[str]]:
    if declared is not None:
        return declared, [f"figures were read with a decimal {declared}, as requested"]
    commas = {role: int(text.str.contains(",", literal=True).sum()) for role, text in columns.items()}
    if not any(commas.values()):
        dotted = any(text.str.contains(r"^\d{1,3}(?:\.\d{3}){2,}$").any() for text in columns.values())
        return ("comma", ["figures were read with points between thousands"]) if dotted else ("point", [])
    by_comma = sum(int(text.str.contains(_COMMA).sum()) for text in columns.values())
    by_point = sum(int(text.str.contains(_POINT).sum()) for text in columns.values())
    if by_comma > by_point:
        return "comma", ["figures were read with a decimal comma"]
    if by_point:
        return "point", [] if by_comma else ["figures were read with commas between thousands"]
    for role, text in columns.items():
        either = text.str.contains(_EITHER).fill_null(False)
        if role != "volume" and either.any():
            cell = str(text.filter(either)[0])
            raise InputError(
                f"writes {role} as {shown(cell)}, which is {cell.replace(',', '')} or {cell.replace(',', '.')}",
                "Say which with --decimal point or --decimal comma",
            )
    return "point", ["figures were read with commas between thousands"]


def _parsed(text: pl.Series, decimal: Decimal) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    fits = text.str.contains(_WRITTEN[decimal]).fill_null(False)
    if decimal == "comma":
        number = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    else:
        number = text.str.replace_all(",", "", literal=True)
    infinite = text.str.contains(_INFINITE).fill_null(False)
    values = number.cast(pl.Float64, strict=False)
    wrong = text.is_not_null() & ~((fits & values.is_not_null()) | infinite)
    keep = fits | infinite
    return pl.select(pl.when(keep).then(values).otherwise(None)).to_series().fill_nan(None), wrong


def _explain(cell: str) -> tuple[str, str]:
    text = cell.strip()
    if _OTHER_MONEY.search(text):
        return f"{shown(cell)} is in a currency other than USD", "Convert the prices to USD first"
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        return f"{shown(cell)} has thousands separators in a file with a decimal comma", "Write one form throughout"
    if re.fullmatch(r"[+-]?[\d.]*,\d+", text):
        return f"{shown(cell)} has a decimal comma in a file with a decimal point", "Write one form throughout"
    if re.fullmatch(r"[+-]?\d*\.\d+", text):
        return f"{shown(cell)} has a decimal point in a file with a decimal comma", "Write one form throughout"
    return f"{shown(cell)} is not a number", "Leave the cell empty or correct it"
