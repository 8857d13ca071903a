"""A file of trades: what is read, and the faults that are named (X8)."""

from __future__ import annotations

from datetime import date, time
from fractions import Fraction
from pathlib import Path

import pytest

from plimsoll.core.errors import InputError
from plimsoll.tax import trades_file

HEADER = "account,account_type,date,symbol,kind,side,quantity,price,fee"
GOOD = "a,taxable,2025-03-03,SPY,etf,buy,10,500.25,1"


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_row_is_read_exactly_as_it_is_written(tmp_path: Path) -> None:
    path = written(
        tmp_path, "\ufeffSide , Account,account_type,date,symbol,kind,quantity,price,fee,note",
        'sell," my ""own"" account ",IRA,2025-03-03T15:59:30-05:00,brk.b,Stock,0.000000000000000001,0.1,0,"a, b"',
    )  # fmt: skip
    (trade,) = trades_file.read(path)
    assert (trade.account, trade.account_type, trade.symbol, trade.kind, trade.side) == (
        'my "own" account', "ira", "BRK.B", "stock", "sell",
    )  # fmt: skip
    assert (trade.day, trade.at) == (date(2025, 3, 3), time(15, 59, 30))
    assert trade.quantity == Fraction(1, 10**18) and trade.price == Fraction(1, 10)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        (",10,", ",-10,", "quantity is -10"),
        (",10,", ",0,", "quantity is 0"),
        (",10,", ",1e3,", "quantity is 1e3"),
        (",10,", ",1_000,", "quantity is 1_000"),
        (",10,", ",nan,", "quantity is nan"),
        (",10,", ",,", "quantity is empty"),
        ("500.25", "-1", "price is -1"),
        ("500.25", '"500,25"', "price is 500,25"),
        (".25,1", ".25,", "fee is empty"),
        ("2025-03-03", "03.03.2025", "date is 03.03.2025"),
        ("2025-03-03", "2025-02-30", "date is 2025-02-30"),
        ("2025-03-03", "0025-03-03", "Years are"),
        ("buy", "short", "side is short"),
        ("etf", "bitcoin", "kind is bitcoin"),
        ("taxable", "roth", "account_type is roth"),
        ("SPY", "", "symbol is empty"),
        ("SPY", "S\x1b[31m", "symbol is S"),
        ("buy", "transfer", "price of a transfer is 500.25"),
    ],
)
def test_a_fault_is_named_with_its_line_value_and_remedy(tmp_path: Path, was: str, now: str, words: str) -> None:
    path = written(tmp_path, HEADER, GOOD, GOOD.replace(was, now, 1))
    with pytest.raises(InputError) as raised:
        trades_file.read(path)
    assert "line 3: " in str(raised.value) and words in str(raised.value) and "\x1b" not in str(raised.value)


def test_all_faults_are_shown_at_once_up_to_twenty(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, *[GOOD.replace("buy", "hold")] * 25)
    with pytest.raises(InputError, match=r"line 21: (.|\n)*and 5 more"):
        trades_file.read(path)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((HEADER.replace(",fee", ""), GOOD), "no column fee"),
        ((f"{HEADER},fee", f"{GOOD},1"), "two columns fee"),
        ((HEADER, f"{GOOD},more"), "10 cells"),
        ((HEADER,), "no trade"),
        ((HEADER, '"' + GOOD), "no readable CSV"),
        ((f"{HEADER},id", f"{GOOD},p1", f"{GOOD},p1"), "id p1 of SPY is also on line 2"),
        ((f"{HEADER},to", "a,taxable,2025-03-03,SPY,etf,transfer,10,,,a"), "to is a of a transfer"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        trades_file.read(written(tmp_path, *lines))
