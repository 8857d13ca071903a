"""``plimsoll tax 8949`` as a user types it (X8)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import commands

TRADES = """account,account_type,date,symbol,kind,side,quantity,price,fee
a,taxable,2025-03-03,GLD,etf,buy,100,10,1
a,taxable,2025-06-02,GLD,etf,sell,100,7.5,1
a,taxable,2025-06-20,GLD,etf,buy,100,8,0
"""


@pytest.fixture
def trades(tmp_path: Path) -> str:
    path = tmp_path / "trades.csv"
    path.write_text(TRADES)
    return str(path)


def test_the_rows_as_json_csv_and_text_are_the_same(trades: str) -> None:
    words = ("tax", "8949", "--year", "2025", "--trades", trades)
    found = json.loads(commands.plimsoll(*words, "--json").stdout)
    (row,) = found["lots"]
    wanted = {
        "symbol": "GLD", "acquired": "2025-03-03", "sold": "2025-06-02", "proceeds": 749, "basis": 1001, "code": "CW",
        "adjustment": 252, "gain": 0, "box": "C",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert found["open"][0]["basis"] == 1052 and "not tax advice" in found["notice"]
    done = commands.plimsoll(*words, "--csv")
    (line,) = csv.DictReader(io.StringIO(done.stdout))
    assert (line["description"], line["adjustment"], line["gain or loss"]) == ("100 GLD", "252.00", "0.00")
    assert "1099-B" in done.stderr and "1099-B" in commands.plimsoll(*words).stdout


def test_a_file_that_cannot_be_used_ends_with_1_and_names_the_line(trades: str) -> None:
    path = Path(trades)
    path.write_text(TRADES.replace("7.5", "7,5"))
    done = commands.plimsoll("tax", "8949", "--year", "2025", "--trades", trades)
    assert done.returncode == 1 and "line 3" in done.stderr
    assert commands.plimsoll("tax", "8949", "--year", "2025", "--trades", f"{trades}x").returncode == 1
    assert commands.plimsoll("tax", "8949", "--trades", trades).returncode == 2


def test_no_account_becomes_a_formula_and_one_form_is_chosen(trades: str) -> None:
    Path(trades).write_text(TRADES.replace("\na,", "\n=1+1,"))
    words = ("tax", "8949", "--year", "2025", "--trades", trades, "--csv")
    (line,) = csv.DictReader(io.StringIO(commands.plimsoll(*words).stdout))
    assert line["account"] == "'=1+1"
    assert commands.plimsoll(*words, "--pdf").returncode == 2


def test_a_runs_own_fills_are_its_trades(ingested: Callable[[Path], Path], tmp_path: Path) -> None:
    """What was gained and what is held of the account's lots is what its journal's fills paid and received."""
    home = ingested(tmp_path / "home")
    run = json.loads(
        commands.plimsoll("backtest", "--start", "2019-01-02", "--end", "2020-12-31", "--json", home=home).stdout
    )
    years = [
        json.loads(commands.plimsoll("tax", "8949", "--year", year, "--json", home=home).stdout)
        for year in ("2019", "2020")
    ]
    gains = sum(lot["gain"] for found in years for lot in found["lots"])
    held = sum(lot["basis"] for lot in years[1]["open"])
    left_out = {one["symbol"] for one in years[1]["not_covered"]}  # a fund that sends a Schedule K-1
    fills = [fill for fill in run["fills"] if fill["symbol"] not in left_out]
    paid = sum(fill["notional"] + fill["commission"] for fill in fills) / 100
    assert years[0]["lots"] and years[1]["open"]
    assert gains == pytest.approx(held - paid, abs=0.01 * len(run["fills"]))
