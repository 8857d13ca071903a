"""Fills of an account of one's own, from CSV or Parquet, for the comparison of expected with realised cost (C3).

A row that cannot be used is left out and named with its line, value and remedy; a file without the columns that are
needed is refused.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.unpacking import whole
from plimsoll.costs.shortfall import REGIMES
from plimsoll.market import instruments, parquet
from plimsoll.market.instruments import Plain

REQUIRED = ("symbol", "side", "qty", "price", "arrival", "time")
OPTIONAL = ("reference", "commission", "adv", "sigma", "kind", "regime", "order")
_KINDS = ("stock", "fund", "crypto", "fx", "future")
_ABSENT = ("", "nan", "none", "null", "n/a", "na")
_DAYS_FROM = date(1970, 1, 1)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class OwnFill:
    """One fill. ``side`` is 1 or -1, prices in USD per unit, ``day`` days since 1970-01-01 in UTC; absent figures are
    None. ``order`` puts the partial fills of one order together; a fill without one is an order of its own.
    """

    instrument: Instrument
    side: int
    qty: float
    price: float
    arrival: float
    day: int
    reference: float | None
    commission: float | None
    adv: float | None
    sigma: float | None
    regime: int | None
    order: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row, or an order, that was not used and why."""

    where: str
    problem: str


def read(path: Path, plain_symbols_are: Plain) -> tuple[list[OwnFill], list[LeftOut]]:
    """The fills of ``path`` and the rows that cannot be used.

    Raises
    ------
    InputError
        The file is not there, is no CSV or Parquet, or lacks a column; or no row of it can be used.
    """
    fills: list[OwnFill] = []
    left_out: list[LeftOut] = []
    for where, row in _rows(path):
        try:
            fills.append(_fill(where, row, plain_symbols_are))
        except InputError as error:
            left_out.append(LeftOut(where, str(error)))
    if not fills:
        first = f"; {left_out[0].where}: {left_out[0].problem}" if left_out else ""
        raise InputError(f"{path} has no usable fill{first}", "See 'plimsoll costs --help' for its columns")
    return fills, left_out


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each row as text by column, with where it stands."""
    form = path.suffix.lower()
    if form not in (".csv", ".parquet"):
        raise InputError(f"{path} is neither .csv nor .parquet", "Write the fills in one of the two forms")
    if not path.is_file():
        raise InputError(f"{path} is not there", "Give the file of your fills")
    return _csv(path) if form == ".csv" else _parquet(path)


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            names = _columns(path, next(reader, []))
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield f"line {reader.line_num}", dict(zip(names, cells, strict=False))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file ({error})", "Save it as UTF-8, comma-separated") from None


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    try:
        frame = parquet.read(whole(path), lambda name: name.strip().lower() in REQUIRED + OPTIONAL)
    except InputError as error:
        raise InputError(f"{path} {error.problem}", error.remedy) from None
    names = _columns(path, frame.columns)
    for number, cells in enumerate(frame.iter_rows()):
        yield f"row {number + 1}", {n: _text(c) for n, c in zip(names, cells, strict=True)}


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _columns(path: Path, names: list[str]) -> list[str]:
    plain = [n.strip().lower() for n in names]
    missing = [n for n in REQUIRED if n not in plain]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}",
            f"It needs {', '.join(REQUIRED)}; optional are {', '.join(OPTIONAL)}",
        )
    twice = {n for n in plain if plain.count(n) > 1 and n in REQUIRED + OPTIONAL}
    if twice:
        raise InputError(f"{path} has two columns {', '.join(sorted(twice))}", "Keep one")
    return plain


def _fill(where: str, row: Mapping[str, str], plain: Plain) -> OwnFill:
    def cell(name: str) -> str:
        text = row.get(name, "").strip()
        return "" if text.lower() in _ABSENT else text

    instrument = instruments.infer(instruments.canonical(cell("symbol")), plain)
    kind = cell("kind").lower()
    if kind:
        instrument = _of_kind(instrument, kind)
    if not instrument.tradable:
        raise InputError(f"symbol {instrument.symbol} is an index", "An index is never traded")
    return OwnFill(
        instrument=instrument,
        side=_choice("side", cell("side").lower(), {"buy": 1, "sell": -1}),
        qty=_positive("qty", cell("qty")),
        price=_positive("price", cell("price")),
        arrival=_positive("arrival", cell("arrival")),
        day=_day(cell("time")),
        reference=_given("reference", cell("reference"), _positive),
        commission=_given("commission", cell("commission"), _number),
        adv=_given("adv", cell("adv"), _positive),
        sigma=_given("sigma", cell("sigma"), _positive),
        regime=_given("regime", cell("regime").lower(), _regime),
        order=cell("order") or where,
    )


def _of_kind(instrument: Instrument, kind: str) -> Instrument:
    if kind not in _KINDS:
        raise InputError(f"kind {kind!r} is unknown", f"Use {', '.join(_KINDS)}")
    implied = instruments.suffix_kind(instrument.symbol)
    if implied is not None and implied != kind:
        raise InputError(f"kind {kind!r} contradicts the symbol {instrument.symbol}, a {implied}", "Correct one")
    return instruments.infer(instrument.symbol, "stock" if kind == "stock" else "fund")


def _given(name: str, text: str, read_as: Callable[[str, str], _T]) -> _T | None:
    return read_as(name, text) if text else None


def _number(name: str, text: str) -> float:
    if not text:
        raise InputError(f"{name} is absent", "Every fill needs it, as 1234.5")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name} {text!r} is not a number", "Write 1234.5")
    return value


def _positive(name: str, text: str) -> float:
    value = _number(name, text)
    if not value > 0.0:
        remedy = "A sale has side sell, not a negative quantity" if name == "qty" else "Write 1234.5"
        raise InputError(f"{name} {text!r} is not above zero", remedy)
    return value


def _choice(name: str, text: str, known: Mapping[str, int]) -> int:
    if text not in known:
        raise InputError(f"{name} {text!r} is unknown", f"Use {' or '.join(known)}")
    return known[text]


def _regime(name: str, text: str) -> int:
    return _choice(name, text, {r: i for i, r in enumerate(REGIMES)})


def _day(text: str) -> int:
    """Days since 1970-01-01 in UTC: of a date, or of an instant that carries its zone (U5)."""
    remedy = "Write 2026-03-02, or 2026-03-02T15:00:00Z with its zone"
    try:
        if len(text) == 10:
            return (date.fromisoformat(text) - _DAYS_FROM).days
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"time {text!r} is not a date or an instant", remedy) from None
    if at.tzinfo is None:
        raise InputError(f"time {text!r} has no zone", remedy)
    return (at.astimezone(UTC).date() - _DAYS_FROM).days
