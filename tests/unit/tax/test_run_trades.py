"""A run's fills as trades: corrections, splits and cash for a fraction (X8)."""

from __future__ import annotations

from fractions import Fraction

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.events import CashFlow, Event, FillCorrected, Genesis, PositionAdopted, Split
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill
from plimsoll.tax.form import form_8949
from plimsoll.tax.rules import Rules
from plimsoll.tax.run_trades import trades_of

GENESIS = Genesis("acc", 10_000_000, ("SPY",), "", "", "", "2025-01-02", "2025-12-31", "paper", (), "never", False)
INSTRUMENTS = (Instrument("SPY", "fund", "XNYS"), Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000))


def fill(session: str, lots: int, price: float, *, symbol: str = "SPY", execution: str = "e", units: int = 1) -> Fill:
    notional = round(lots * price * 100 / units)
    return Fill("o", execution + session, session, symbol, lots, price, notional, 100, 0, 0)


def worked(*events: Event) -> object:
    return form_8949(trades_of([GENESIS, *events], INSTRUMENTS), 2025, "fifo", Rules())


def test_fills_are_trades_with_their_commission() -> None:
    found = worked(fill("2025-01-06", 10, 500.0), fill("2025-03-03", -4, 600.0))
    (row,) = found.lots  # type: ignore[attr-defined]
    assert (row.account, row.kind, row.quantity, row.proceeds, row.basis) == ("acc", "etf", 4, 2399, 2000.4)


def test_lots_of_a_crypto_asset_are_parts_of_a_unit() -> None:
    found = worked(fill("2025-01-06", 5_000, 60_000.0, symbol="BTC-USD", units=10_000))
    assert [(o.kind, o.quantity, o.basis) for o in found.open] == [("crypto", 0.5, 30_001)]  # type: ignore[attr-defined]


def test_a_correction_stands_for_its_fill_and_a_bust_for_none() -> None:
    first, second = fill("2025-01-06", 10, 500.0), fill("2025-01-07", 10, 500.0)
    corrected = FillCorrected("2025-01-08", "SPY", first.execution, fill("2025-01-06", 10, 400.0, execution="c"))
    trades = trades_of([GENESIS, first, second, corrected, FillCorrected("2025-01-08", "SPY", second.execution, None)],
                       INSTRUMENTS)  # fmt: skip
    assert [(t.quantity, t.price) for t in trades] == [(10, 400)]


def test_a_split_rescales_and_the_fraction_is_sold_for_what_was_paid() -> None:
    """11 of 100 at 3 for 2 are 16 and a half; the half was paid with 40 USD."""
    events = (
        fill("2025-01-06", 11, 100.0), Split("2025-02-03", "SPY", 16, 1.5),
        CashFlow("2025-02-03", "cash_in_lieu", "SPY", 4_000), fill("2025-03-03", -16, 90.0),
    )  # fmt: skip
    found = worked(*events)
    rows = [(r.sold, r.quantity, r.proceeds, r.basis) for r in found.lots]  # type: ignore[attr-defined]
    assert rows == [("2025-02-03", 0.5, 40, 33.36), ("2025-03-03", 16, 1439, 1067.64)]
    assert not found.open and Fraction("33.36") + Fraction("1067.64") == 1101  # type: ignore[attr-defined]


def test_an_adopted_position_has_no_cost_to_report() -> None:
    with pytest.raises(InputError, match="5 lots of SPY on 2025-01-06"):
        worked(PositionAdopted("2025-01-06", "SPY", 5, 500.0))
