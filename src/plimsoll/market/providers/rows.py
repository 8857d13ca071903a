"""Daily bars of each symbol from a table of rows (D3, D10, D12).

What cannot be a bar at all, a word for a price, a 30th of February, is a failure of its symbol that names file, line,
value and remedy. A figure outside its domain is a dated finding and counts as absent; the rest of its row stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import Bars
from plimsoll.core.dates import iso_day
from plimsoll.core.errors import InputError
from plimsoll.market import calendars
from plimsoll.market.carried import carry
from plimsoll.market.cells import Fault, shown
from plimsoll.market.findings import HARD, NOTE, Finding
from plimsoll.market.providers import columns, dates, numerals
from plimsoll.market.providers.intraday import refuse_intraday
from plimsoll.market.providers.reading import Reading, fail_rows, label, owner, require
from plimsoll.market.providers.tables import Table
from plimsoll.market.providers.undo import undo_dividends

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

PRICES = ("open", "high", "low", "close")
FIGURES = (*PRICES, "adj_close", "volume", "dividend", "split", "capital_gain")
# What no price, volume or ratio of a real instrument reaches: beyond them a figure is a unit error or an exponent gone
# wrong. The dearest share ever cost under 1e6, the smallest coin about 1e-12; coins trade up to 1e15 units a day.
PRICE_MAX, PRICE_MIN = 1e9, 1e-12
VOLUME_MAX = 1e18

# Bars this many days apart or more, shown by so many steps, are weekly or monthly: noted, not judged.
_STEP_TOLD, _STEPS_TOLD = 5, 8


def read(path: Path, table: Table, symbol: str | None, stem: str | None, reading: Reading) -> None:
    """Add the bars of one table to ``reading``."""
    import polars as pl

    require(table, ("date", *PRICES))
    one = owner(path, table, "symbol", symbol, stem)
    if one is None:
        names = _symbols(table, path, reading)
    else:
        names = pl.Series("symbol", [reading.asked.aliases.get(one, one)]).new_from_index(0, len(table.frame))
    frame, faults = _parsed(path, table, names, reading)
    frame, faults = _window(path, frame, faults, reading)
    empty = frame.select(pl.all_horizontal(pl.col(PRICES).is_null())).to_series()
    dateless = frame["date"].is_null()
    blank = empty & dateless & ~_dated(frame, faults)
    fail_rows(path, table, frame, [_masked(f, ~blank) for f in faults], reading)
    _currencies(path, table, frame, reading)
    refuse_intraday(path, frame.filter(~empty), reading)
    dropped = int((empty & frame["inside"]).sum())
    if dropped:
        reading.note(path, f"dropped {dropped} rows without any price")
    kept = frame.filter(frame["symbol"].is_not_null() & ~dateless)
    for (name,), group in kept.partition_by("symbol", as_dict=True, maintain_order=True).items():
        reading.seen.add(str(name))
        if reading.wanted(str(name)) and str(name) not in reading.failures:
            _keep(str(name), group, table, path, reading)
    if not {"adj_close", "dividend", "split", "capital_gain"} & set(table.frame.columns):
        reading.note(path, "has neither adj_close nor actions: returns are of close")


def _dated(frame: pl.DataFrame, faults: list[Fault]) -> pl.Series:
    """Rows whose date cell holds something that is no date; a row of separators has nothing there."""
    import polars as pl

    marked = pl.repeat(False, len(frame), dtype=pl.Boolean, eager=True)
    for fault in faults:
        if fault.column == "date":
            text = fault.cells.cast(pl.String, strict=False).str.strip_chars()
            marked = marked | (fault.mask & text.is_not_null() & (text != ""))
    return marked


def _masked(fault: Fault, mask: pl.Series) -> Fault:
    return Fault(fault.column, fault.mask & mask, fault.cells, fault.explain)


def _parsed(path: Path, table: Table, names: pl.Series, reading: Reading) -> tuple[pl.DataFrame, list[Fault]]:
    """The frame with ``date`` as day numbers, ``clock`` as seconds and every figure as float64, and its faults."""
    import polars as pl

    source = table.frame
    read_days = dates.days(source["date"], reading.asked.dates)
    faults = list(read_days.faults)
    day = read_days.day
    missing = day.is_null()
    for fault in faults:
        missing = missing & ~fault.mask
    if missing.any():
        faults.append(Fault("date", missing, source["date"], lambda _: ("the date is missing", "Give one")))
    late = (day > calendars.HORIZON).fill_null(False)
    if late.any():
        faults.append(Fault("date", late, source["date"], _too_late))
    figures, wrong, notes = numerals.figures(
        {name: source[name] for name in FIGURES if name in source.columns}, reading.asked.decimal
    )
    for text in (*table.notes, *read_days.notes, *notes):
        reading.note(path, text)
    made = [names.alias("symbol"), source["row"].alias("row"), day.alias("date")]
    made += [values.alias(name) for name, values in figures.items()]
    clock = dates.clock(source["clock"]) if "clock" in source.columns else None
    clock = read_days.clock if clock is None else clock
    if clock is not None:
        made.append(clock.alias("clock"))
    if "currency" in source.columns:
        made.append(source["currency"].cast(pl.String, strict=False).str.strip_chars().alias("currency"))
    return pl.DataFrame(made), faults + wrong


def _window(path: Path, frame: pl.DataFrame, faults: list[Fault], reading: Reading) -> tuple[pl.DataFrame, list[Fault]]:
    """Rows that are asked for, and the faults in them: what lies outside is not even judged.

    The others stay, with False in the column ``inside``: dividends are undone with all of them.
    """
    day = frame["date"]
    old = (day < calendars.FIRST).fill_null(False)
    asked = old & (day >= reading.start).fill_null(False) if reading.start is not None else old
    if asked.any():
        first = iso_day(int(day.filter(asked).min()))  # type: ignore[arg-type]
        reading.note(
            path,
            f"dropped {asked.sum()} rows before the calendars' span, which begins "
            f"{iso_day(calendars.FIRST)}; the first is of {first}",
        )
    inside = ~old
    if reading.start is not None:
        inside = inside & (day >= reading.start).fill_null(True)
    if reading.end is not None:
        inside = inside & (day <= reading.end).fill_null(True)
    return frame.with_columns(inside.alias("inside")), [_masked(f, inside) for f in faults]


def _too_late(cell: str) -> tuple[str, str]:
    return f"{shown(cell)} is outside the calendars' span, to {iso_day(calendars.HORIZON)}", "Correct the date"


def _symbols(table: Table, path: Path, reading: Reading) -> pl.Series:
    """The symbol of each row; null, with a failure recorded, where it has none or is not wanted."""
    import polars as pl

    column = table.frame["symbol"]
    if column.dtype.is_nested():
        raise InputError(f"column symbol holds {column.dtype}, not text", "Write plain text")
    text = column.cast(pl.String)
    known: dict[str, str | None] = {}
    spelling: dict[str, str] = {}
    for raw in text.drop_nulls().unique(maintain_order=True).to_list():
        known[raw] = _one_identity(raw, spelling, path, reading)
    absent = text.is_null() | (text.str.strip_chars() == "")
    if absent.any():
        place = table.place(int(table.frame["row"][int(absent.arg_true()[0])]))
        reading.fail(
            label(path), f"{label(path)} {place} names no symbol ({absent.sum()} such rows)", "Fill the column"
        )
    return text.replace_strict(known, return_dtype=pl.String) if known else text


def _one_identity(raw: str, spelling: dict[str, str], path: Path, reading: Reading) -> str | None:
    if not raw.strip():
        return None
    try:
        name = reading.identity(raw)
    except InputError as error:
        reading.fail(shown(raw), f"{label(path)}: {error.problem}", error.remedy)
        return None
    reading.seen.add(name)
    if not reading.wanted(name):
        return None
    if name in spelling:
        both = f"{shown(spelling[name])} and {shown(raw)}"
        reading.fail(name, f"{label(path)} holds one symbol under two names, {both}", "Keep one of them")
    spelling[name] = raw
    return name


def _currencies(path: Path, table: Table, frame: pl.DataFrame, reading: Reading) -> None:
    """Prices in another currency than the account's dollars fail their symbol by name (D2)."""
    import polars as pl

    remedy = "Convert them to USD before ingesting; plimsoll does not convert currencies yet"
    if table.currency is not None and table.currency != "USD":
        for name in frame["symbol"].drop_nulls().unique(maintain_order=True).to_list():
            reading.fail(str(name), f"{label(path)} gives prices in {table.currency}, not USD", remedy)
    if "currency" in frame.columns:
        other = frame.filter(
            pl.col("currency").is_not_null() & ~pl.col("currency").is_in(["USD", "US$", "$", "usd", ""])
        )
        for name, currency in (
            other.unique("symbol", keep="first", maintain_order=True).select("symbol", "currency").iter_rows()
        ):
            if name is not None:
                reading.fail(name, f"{label(path)} gives the prices of {name} in {shown(currency)}, not USD", remedy)


def _keep(name: str, group: pl.DataFrame, table: Table, path: Path, reading: Reading) -> None:
    """The symbol's bars, with findings on what was put right or left out."""
    found: list[Finding] = []
    day = np.array(group["date"].to_numpy(), dtype=np.int64)
    inside = np.array(group["inside"].to_numpy(), dtype=bool)
    data = {n: _floats(group[n]) for n in FIGURES if n in group.columns}
    _in_domain(data, day, inside, found)
    _actions_of(data, day, path, name, reading)
    priced = np.asarray(~np.isnan(np.vstack([data[n] for n in PRICES])).all(axis=0))
    _carry(data, day, priced, inside, found)
    day, inside, data = day[priced], inside[priced], {n: values[priced] for n, values in data.items()}
    if _is_yahoo_history(table) and "dividend" in data:
        undone = undo_dividends(day, data, columns.plain(table.headers["dividend"]))
        if undone:
            reading.note(path, undone)
    if not inside.any():
        return
    _sparse(name, day[inside], path, reading)
    nothing = np.full(day.size, np.nan)
    cut = {n: data.get(n, nothing)[inside] for n in (*PRICES, "adj_close", "volume", "dividend", "split")}
    _adjustment(name, cut, table, path, reading)
    reading.bars[name] = Bars(day=day[inside], **cut)
    if found:
        reading.findings[name] = tuple(found)


def _sparse(name: str, day: NDArray[np.int64], path: Path, reading: Reading) -> None:
    """Says of bars a week or a month apart what they are; certification judges them by their missing sessions."""
    steps = np.diff(np.unique(day))
    if steps.size >= _STEPS_TOLD and float(np.median(steps)) >= _STEP_TOLD:
        reading.note(
            path,
            f"WARNING: the bars of {name} are {np.median(steps):.0f} days apart: daily bars are needed to trade it",
        )


def _floats(column: pl.Series) -> Floats:
    return np.array(column.fill_null(np.nan).to_numpy(), dtype=np.float64)


def _in_domain(
    data: dict[str, Floats], day: NDArray[np.int64], inside: NDArray[np.bool_], found: list[Finding]
) -> None:
    """Prices and volumes that cannot be become absent, each with a dated finding; the rest of their row stands.

    Dividends and splits outside their domain are left to certification, which judges them beside the prices.
    """
    for name in (*PRICES, "volume"):
        if name not in data:
            continue
        values = data[name]
        with np.errstate(invalid="ignore"):
            size = np.abs(values)
            if name == "volume":
                wrong = (values < 0.0) | (size > VOLUME_MAX)
            else:
                wrong = (size > PRICE_MAX) | ((size < PRICE_MIN) & (size > 0.0))
        mine = wrong & inside
        if mine.any():
            first = int(np.flatnonzero(mine)[0])
            detail = f"{name} {values[first]:g} on {iso_day(int(day[first]))} cannot be; it counts as absent"
            severity = NOTE if name == "volume" else HARD
            found.append(Finding("VALUE_OUT_OF_DOMAIN", severity, np.unique(day[mine]), detail))
        values[wrong] = np.nan
    if "split" in data:
        data["split"][data["split"] == 0.0] = 1.0  # vendors write 0 for "none"


def _actions_of(data: dict[str, Floats], day: NDArray[np.int64], path: Path, name: str, reading: Reading) -> None:
    """Columns that hold nothing for this symbol are no columns; distributed capital gains are cash like dividends."""
    for column in ("dividend", "split", "capital_gain", "adj_close"):
        if column in data and np.isnan(data[column]).all():
            del data[column]
    gains = data.pop("capital_gain", None)
    if gains is not None:
        cash = np.where(np.isnan(gains), 0.0, gains)
        if (cash != 0.0).any():
            dividend = data.get("dividend", np.zeros(day.size))
            data["dividend"] = np.where(np.isnan(dividend), 0.0, dividend) + cash
            first = int(np.flatnonzero(cash)[0])
            reading.note(
                path,
                f"capital gains of {name} were added to its dividends on {int((cash != 0.0).sum())} days, the first "
                f"{cash[first]:g} on {iso_day(int(day[first]))}",
            )
        else:
            data.setdefault("dividend", np.zeros(day.size))
    if "dividend" in data or "split" in data:
        for column, none in (("dividend", 0.0), ("split", 1.0)):
            if column in data:
                data[column] = np.where(np.isnan(data[column]), none, data[column])


def _is_yahoo_history(table: Table) -> bool:
    """The layout of yfinance's ``Ticker.history()``: prices adjusted for dividends, beside the dividends."""
    given = {role: columns.plain(header) for role, header in table.headers.items()}
    return (
        given.get("dividend") == "dividends"
        and given.get("split") in ("stock_splits", "stocksplits")
        and "adj_close" not in given
        and given.get("close") == "close"
    )


def _carry(
    data: dict[str, Floats],
    day: NDArray[np.int64],
    priced: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    found: list[Finding],
) -> None:
    """Actions of rows without a price count on the next bar (D12), with a finding; see ``carried.carry``."""
    if not {"dividend", "split"} & data.keys():
        return
    dividend = data.get("dividend", np.zeros(day.size))
    split = data.get("split", np.ones(day.size))
    moved = carry(day, dividend, split, ~priced)
    days = np.union1d(moved.moved, moved.lost)
    if not days.size:
        return
    for column, values, none in (("dividend", moved.dividend, 0.0), ("split", moved.split, 1.0)):
        if column in data or (values != none).any():
            data[column] = values
    days = np.intersect1d(days, day[inside])
    if days.size:
        found.append(Finding("ACTION_CARRIED", NOTE, days, moved.detail))


def _adjustment(name: str, cut: dict[str, Floats], table: Table, path: Path, reading: Reading) -> None:
    """The replacement for ``adj_close`` where a symbol has neither it nor actions: ``close``, noted."""
    given = np.vstack([cut[column] for column in ("adj_close", "dividend", "split")])
    if np.isnan(given).all():
        cut["adj_close"] = cut["close"].copy()
        reading.unadjusted.add(name)
        if "adj_close" in table.frame.columns:
            reading.note(path, f"has an empty adj_close column for {name}: returns are of close")
