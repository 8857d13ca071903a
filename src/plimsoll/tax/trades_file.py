"""Read a file of one's own trades for the tax rules (X8): CSV, a trade a row, every fault of the file named at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from fractions import Fraction
from pathlib import Path

from plimsoll.core.errors import InputError, one_line
from plimsoll.core.unpacking import whole
from plimsoll.tax.trade import ACCOUNT_TYPES, KINDS, SIDES, TaxTrade

REQUIRED = ("account", "account_type", "date", "symbol", "kind", "side", "quantity", "price", "fee")
OPTIONAL = ("id", "order", "lots", "instructed", "to")
FAULTS_SHOWN = 20
DIGITS_MAX = 40
_YES = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}


def read(path: Path) -> list[TaxTrade]:
    """The trades of ``path``, in the order of its rows.

    Raises
    ------
    InputError
        The file is not there or no CSV with the columns, or rows of it cannot be used: each is named with its line,
        the value and the remedy. No row is left out in silence: a missing purchase makes every later figure wrong.
    """
    trades, faults = [], []
    for line, row in rows(path, REQUIRED, OPTIONAL):
        try:
            trades.append(_trade(line, row))
        except InputError as error:
            faults.append(f"line {line}: {error}")
    trades_by_ident: dict[tuple[str, str, str], int] = {}
    for trade in trades:
        if trade.bought and trade.ident:
            key = trade.account, trade.symbol, trade.ident
            if (first := trades_by_ident.setdefault(key, trade.line)) != trade.line:
                faults.append(
                    f"line {trade.line}: id {trade.ident} of {trade.symbol} is also on line {first}. Give each its own"
                )
    if faults:
        more = f"\n… and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        raise InputError(
            f"{path} has rows that cannot be used:\n" + "\n".join(faults[:FAULTS_SHOWN]) + more, "Correct them"
        )
    if not trades:
        raise InputError(f"{path} holds no trade", f"Its columns are {', '.join(REQUIRED)}")
    return trades


def rows(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a CSV with these columns, cells stripped, each with the number of its line.

    Raises
    ------
    InputError
        The file is no CSV, lacks a column, names one twice, or a row has more cells than the header.
    """
    try:
        text = whole(path).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        names = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in required if name not in names]
        if missing:
            raise InputError(f"{path} has no column {missing[0]}", f"Its header must name {', '.join(required)}")
        if twice := sorted({name for name in names if names.count(name) > 1 and name in (*required, *optional)}):
            raise InputError(f"{path} has two columns {twice[0]}", "Remove one")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise InputError(
                    f"{path} line {reader.line_num} has {len(cells)} cells, its header {len(names)}",
                    "Quote what holds a comma",
                )
            yield reader.line_num, {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no readable CSV ({error})", "Save it as UTF-8, separated by commas") from None


def _trade(line: int, row: Mapping[str, str]) -> TaxTrade:
    account, symbol = _word(row, "account"), _word(row, "symbol").upper()
    side = _one_of(row, "side", SIDES)
    day, at = _moment(row)
    quantity = number(row, "quantity")
    if quantity <= 0:
        raise InputError(
            f"quantity is {row['quantity']}", "Quantities are above zero; the side says whether it is a sale"
        )
    free = side in ("split", "transfer")
    price, fee = (Fraction(0) if free and not row.get(name) else number(row, name) for name in ("price", "fee"))
    for name, value in (("price", price), ("fee", fee)):
        if value < 0:
            raise InputError(f"{name} is {row[name]}", "It is zero or more")
        if free and value:
            raise InputError(
                f"{name} of a {side} is {row[name]}", "Leave it empty: it neither costs nor yields anything"
            )
    to = row.get("to", "")
    if (side == "transfer") != bool(to) or to == account:
        raise InputError(
            f"to is {to or 'empty'} of a {side}", "A transfer, and nothing else, names the other account it goes to"
        )
    return TaxTrade(
        line, account, _one_of(row, "account_type", ACCOUNT_TYPES), day, at, symbol, _one_of(row, "kind", KINDS), side,
        quantity, price, fee, row.get("id", ""), row.get("order", ""), _lots(row.get("lots", "")),
        yes(row, "instructed"), to,
    )  # fmt: skip


def _word(row: Mapping[str, str], name: str) -> str:
    word = row.get(name, "")
    if not word or one_line(word) != word:
        raise InputError(f"{name} is {one_line(word) or 'empty'}", "Write it in characters that can be seen")
    return word


def _one_of(row: Mapping[str, str], name: str, known: Sequence[str]) -> str:
    word = row.get(name, "").lower()
    if word not in known:
        raise InputError(f"{name} is {one_line(word) or 'empty'}", f"It is one of {', '.join(known)}")
    return word


def yes(row: Mapping[str, str], name: str) -> bool:
    """A cell of yes or no; no where it is empty."""
    word = row.get(name, "").lower()
    if word not in _YES:
        raise InputError(f"{name} is {one_line(word)}", "Write yes or no")
    return _YES[word]


def number(row: Mapping[str, str], name: str) -> Fraction:
    """A decimal number, exactly as it is written."""
    text = row.get(name, "")
    plain = text.lstrip("+-")
    digits = plain.replace(".", "", 1)
    if not digits.isascii() or not digits.isdigit() or len(digits) > DIGITS_MAX:
        raise InputError(
            f"{name} is {one_line(text) or 'empty'}", "Write a plain decimal number with a point, such as 1234.56"
        )
    return Fraction(text)


def day_of(row: Mapping[str, str], name: str) -> date:
    """A date as YYYY-MM-DD."""
    return _parsed(row, name, date.fromisoformat)


def _parsed(row: Mapping[str, str], name: str, parse: Callable[[str], date]) -> date:
    text = row.get(name, "")
    try:
        found = parse(text)
    except ValueError:
        raise InputError(
            f"{name} is {one_line(text) or 'empty'}", "Write YYYY-MM-DD, with a time if you like: 2025-03-31T15:59:00"
        ) from None
    if not 1970 <= found.year <= 2200:
        raise InputError(f"{name} is {text}", "Years are 1970 to 2200")
    return found


def _moment(row: Mapping[str, str]) -> tuple[date, time | None]:
    """The trade day and, where it is written, the time: as written, without its offset."""
    if len(row.get("date", "")) <= len("2025-01-01"):
        return day_of(row, "date"), None
    found = _parsed(row, "date", datetime.fromisoformat)
    assert isinstance(found, datetime)
    return found.date(), found.time().replace(tzinfo=None)


def _lots(text: str) -> tuple[tuple[str, Fraction | None], ...]:
    """``a;b:50``: all of lot a and 50 units of lot b."""
    found: list[tuple[str, Fraction | None]] = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        ident, colon, quantity = part.partition(":")
        found.append((ident.strip(), number({"lots": quantity.strip()}, "lots") if colon else None))
    return tuple(found)
