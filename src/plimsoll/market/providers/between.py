"""Lines between the bars that are not bars: repeated headers, totals, Yahoo's dividends and splits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from plimsoll.market.providers import columns
from plimsoll.market.providers.wide import Header

if TYPE_CHECKING:
    import polars as pl

_ACTION = re.compile(
    r"^\$?(?P<cash>\d*\.?\d+) (?P<kind>Dividend|Capital Gain)s?$"
    r"|^(?P<split>\d+(?:\.\d+)?[:/]\d+(?:\.\d+)?) Stock Splits?$"
)
_TOTAL = r"^(?i:(?:grand |sub-?)?totals?|sum|summe|average|mean|mittelwert)\b"
_HEADERS = {"dividend": "Dividend", "capital_gain": "Capital Gain", "split": "Stock Split"}


def without_headers(frame: pl.DataFrame, heads: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The rows without those that repeat one of the header's, as files put one behind the other have them.

    Parameters
    ----------
    frame : rows of text, and ``row``, their place.
    heads : the header's own rows, without ``row``.
    """
    import polars as pl

    again = pl.repeat(False, len(frame), dtype=pl.Boolean, eager=True)
    for head in heads.rows():
        if sum(bool(cell and cell.strip()) for cell in head) > 1:
            same = [frame[name].eq_missing(cell) for name, cell in zip(heads.columns, head, strict=True)]
            again = again | pl.select(pl.all_horizontal([pl.lit(one) for one in same])).to_series()
    if not again.any():
        return frame, []
    return frame.filter(~again), [f"{again.sum()} lines that repeat the header were left out"]


def without_totals(frame: pl.DataFrame, head: Header) -> tuple[pl.DataFrame, list[str]]:
    """The rows without totals between the bars: words such as ``Subtotal`` where the date should be."""
    if not head.names or not columns.is_date(head.names[0]):
        return frame, []
    summed = frame[frame.columns[0]].str.strip_chars().str.contains(_TOTAL).fill_null(False)
    if not summed.any():
        return frame, []
    return frame.filter(~summed), [f"{summed.sum()} lines of totals between the rows were left out"]


def with_actions(frame: pl.DataFrame, head: Header) -> tuple[pl.DataFrame, Header, list[str]]:
    """The rows with Yahoo's lines such as ``Jun 1, 2020, 0.13 Dividend`` and ``4:1 Stock Splits`` as columns.

    Cash of one day is summed. A day whose line has no bar beside it keeps a row without prices. A file that has a
    column of dividends or splits already is left as it is: which of the two counts is nobody's guess.
    """
    import polars as pl

    known = {columns.role(name) for name in head.names}
    if head.owners is not None or not head.names or not columns.is_date(head.names[0]) or known & set(_HEADERS):
        return frame, head, []
    cells = [name for name in frame.columns if name != "row"]
    said = frame[cells[1]].str.strip_chars() if len(cells) > 1 else None
    lines = said.str.contains(_ACTION.pattern.replace("?P<", "?<")).fill_null(False) if said is not None else None
    if said is None or lines is None or not lines.any():
        return frame, head, []
    amounts = _amounts(frame[cells[0]].filter(lines).to_list(), said.filter(lines).to_list())
    bars = frame.filter(~lines)
    days = set(bars[cells[0]].to_list())
    alone = frame.filter(lines & ~frame[cells[0]].is_in(sorted(d for d in days if d))).unique(
        cells[0], keep="first", maintain_order=True
    )
    alone = alone.with_columns([pl.lit(None, dtype=pl.String).alias(name) for name in cells[1:]])
    whole = pl.concat([bars, alone]).sort("row")
    made = [
        pl.Series(f"c{len(cells) + i}", [amounts[role].get(day) for day in whole[cells[0]].to_list()], pl.String)
        for i, role in enumerate(_HEADERS)
    ]
    whole = whole.with_columns(made).select([*cells, *(one.name for one in made), "row"])
    head = replace(head, names=(*head.names, *_HEADERS.values()))
    return whole, head, [f"{lines.sum()} lines of dividends and splits were read as those of their days"]


def _amounts(days: Sequence[str | None], said: Sequence[str]) -> dict[str, dict[str | None, str]]:
    """By role and day, the amount as text."""
    out: dict[str, dict[str | None, str]] = {role: {} for role in _HEADERS}
    for day, words in zip(days, said, strict=True):
        match = _ACTION.match(words)
        if match is None:
            continue
        if match["split"]:
            out["split"][day] = match["split"]
        else:
            role = "dividend" if match["kind"] == "Dividend" else "capital_gain"
            out[role][day] = repr(float(out[role].get(day, "0")) + float(match["cash"]))
    return out
