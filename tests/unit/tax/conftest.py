"""Trades written as they would be in a file, one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.tax import rules, trades_file
from plimsoll.tax.form import Form8949, form_8949
from plimsoll.tax.rules import Rules

HEADER = "account,account_type,date,symbol,kind,side,quantity,price,fee"
Work = Callable[..., Form8949]


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """``work(year, "2025-03-01 buy 100 10", ...)``: a line is date, side, quantity, price and, if it differs from the
    account ``a`` (taxable), the symbol X (stock) or no fee, words such as ``account=i account_type=ira symbol=Y``.
    """

    def worked(year: int, *lines: str, method: str = "fifo", received: Any = (), **changes: Any) -> Form8949:
        columns = [*HEADER.split(","), "id", "order", "lots", "instructed", "to"]
        rows = [",".join(columns)]
        for line in lines:
            day, side, quantity, price, *more = line.split()
            cells = dict.fromkeys(columns, "") | {
                "account": "a", "account_type": "taxable", "symbol": "X", "kind": "stock", "fee": "0",
                "date": day, "side": side, "quantity": quantity, "price": price,
            } | dict(word.split("=") for word in more)  # fmt: skip
            rows.append(",".join(cells[c] for c in columns))
        path = tmp_path / "trades.csv"
        path.write_text("\n".join(rows) + "\n")
        table: Rules = replace(rules.shipped(), **changes)
        return form_8949(trades_file.read(path), year, method, table, received)

    return worked
