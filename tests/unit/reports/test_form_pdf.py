"""Form 8949 as PDF: what is in it can be read, and the same form is the same bytes (X8)."""

from __future__ import annotations

import base64
import re
import zlib
from datetime import date
from fractions import Fraction

import pytest

from plimsoll.cli.render.tax import COLUMNS, cells
from plimsoll.reports.form_pdf import form_pdf
from plimsoll.tax.form import form_8949
from plimsoll.tax.rules import Rules
from plimsoll.tax.trade import TaxTrade

pytest.importorskip("reportlab")


def words(pdf: bytes) -> str:
    """The text of its pages: the strings that are shown, in order."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S)
    shown = b" ".join(zlib.decompress(base64.a85decode(s.strip()[:-2])) for s in streams)
    return b" ".join(re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", shown)).decode()


def trade(day: str, side: str, price: int, symbol: str = "A&B") -> TaxTrade:
    amounts = Fraction(10), Fraction(price), Fraction(0)
    return TaxTrade(1, "acc <1>", "taxable", date.fromisoformat(day), None, symbol, "stock", side, *amounts)


def test_its_rows_totals_and_warnings_are_there() -> None:
    found = form_8949([trade("2025-01-13", "buy", 10), trade("2025-06-02", "sell", 15)], 2025, "fifo", Rules())
    made = form_pdf(found, [cells(row) for row in found.lots], COLUMNS)
    text = words(made)
    for part in ("Form 8949 statement, 2025", "10 A&B", "2025-06-02", "50.00", "Schedule D", "not tax advice"):
        assert part in text
    assert made == form_pdf(found, [cells(row) for row in found.lots], COLUMNS)
