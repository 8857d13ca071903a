"""Wash sales against worked examples of the publications; their figures are the publications' (X8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from plimsoll.tax.form import Form8949

Work = Callable[..., Form8949]


def rows(found: Form8949) -> list[tuple[float, float, float, str]]:
    return [(r.basis, r.adjustment, r.gain, r.code) for r in found.lots]


def held(found: Form8949) -> list[tuple[str, float, float]]:
    return [(o.acquired, o.quantity, o.basis) for o in found.open]


def test_a_loss_goes_into_the_basis_of_what_replaces_the_shares(work: Work) -> None:
    """Publication 550: 100 for 1,000, sold for 750, 100 bought for 800 within 30 days."""
    found = work(2025, "2025-03-01 buy 100 10", "2025-06-01 sell 100 7.5", "2025-06-20 buy 100 8")
    assert rows(found) == [(1000, 250, 0, "W")]
    assert held(found) == [("2025-03-20", 100, 1050)]
    assert found.open[0].deferred == 250 == found.totals.disallowed


def test_shares_bought_before_the_sale_replace_too_and_their_holding_begins_earlier(work: Work) -> None:
    """Publication 550 and Reg. 1.1091-1(h): of 100 sold, 75 are replaced; 105 days go into the holding period."""
    found = work(
        2014, "2013-09-26 buy 100 50", "2013-12-19 buy 50 55", "2013-12-27 buy 25 45", "2014-01-09 sell 100 40"
    )
    assert rows(found) == [(5000, 750, -250, "W")]
    assert held(found) == [("2013-09-05", 50, 3250), ("2013-09-13", 25, 1375)]
    assert [o.bought for o in found.open] == ["2013-12-19", "2013-12-27"]


def test_the_first_purchases_replace_first(work: Work) -> None:
    """Publication 550: 100 sold at a loss of 1,000, then 50 bought on each of four days."""
    bought = [f"2014-02-{day} buy 50 40" for day in (14, 12, 13, 11)]
    found = work(2014, "2013-09-26 buy 100 50", "2014-02-06 sell 100 40", *bought)
    assert [(o.bought, o.basis) for o in found.open] == [
        ("2014-02-11", 2500), ("2014-02-12", 2500), ("2014-02-13", 2000), ("2014-02-14", 2000),
    ]  # fmt: skip


def test_gains_do_not_offset_a_loss_that_is_a_wash_sale(work: Work) -> None:
    """Publication 550: blocks at 158, 100 and 95, all sold at 125, 250 bought within 30 days."""
    blocks = ("2013-01-02 buy 100 158", "2013-02-04 buy 100 100", "2013-03-04 buy 100 95")
    found = work(2013, *blocks, "2013-12-27 sell 300 125", "2014-01-09 buy 250 125")
    assert [(r.adjustment, r.gain) for r in found.lots] == [(3300, 0), (0, 2500), (0, 3000)]


@pytest.mark.parametrize(("again", "basis"), [(90, 110), (70, 90)])
def test_the_basis_is_the_price_with_the_loss(work: Work, again: int, basis: int) -> None:
    """Reg. 1.1091-2(a): cost 100, sold at 80."""
    found = work(2025, "2025-03-03 buy 1 100", "2025-06-02 sell 1 80", f"2025-06-20 buy 1 {again}")
    assert [o.basis for o in found.open] == [basis]


@pytest.mark.parametrize(
    "bought",
    [
        ("2025-03-03 buy 200 10",),
        ("2025-03-03 buy 100 10", "2025-03-03 buy 100 10"),
        ("2025-03-03 buy 120 10 order=o1", "2025-03-03 buy 80 10.01 order=o1"),
    ],
)
def test_the_rest_of_the_same_purchase_replaces_nothing(work: Work, bought: tuple[str, ...]) -> None:
    """Fairmark: also where the broker filled the order in parts."""
    found = work(2025, *bought, "2025-03-14 sell 100 9")
    assert found.totals.disallowed == 0 and found.totals.short_term.gain == pytest.approx(-100, abs=1)


@pytest.mark.parametrize("times", [("T09:31:00", "T10:00:00", "T10:30:00", "T11:00:00"), ("", "", "", "")])
def test_a_day_trade_is_replaced_by_the_next(work: Work, times: tuple[str, ...]) -> None:
    """Fairmark: 100 bought at 10 and sold at 9, then 100 bought at 8 and sold at 9, all in a day."""
    day = "2025-03-03"
    trades = ("buy 100 10", "sell 100 9", "buy 100 8", "sell 100 9")
    found = work(2025, *(f"{day}{at} {trade}" for at, trade in zip(times, trades, strict=True)))
    assert rows(found) == [(1000, 100, 0, "W"), (900, 0, 0, "")]


@pytest.mark.parametrize("sales", [("2025-10-06 sell 20 180",), ("2025-10-06 sell 10 180",) * 2])
def test_a_lot_sold_with_another_takes_its_loss_first(work: Work, sales: tuple[str, ...]) -> None:
    """10 for 2,000 and 10 for 1,900, all sold at 180: 200 move into the second lot, whose loss is then 300."""
    found = work(2025, "2025-09-15 buy 10 200", "2025-09-25 buy 10 190", *sales)
    assert rows(found) == [(2000, 200, 0, "W"), (2100, 0, -300, "")]
    assert found.lots[1].acquired == "2025-09-04"  # 21 days, the holding of the first lot, before 25 September


def test_no_share_replaces_twice_and_no_more_is_disallowed_than_was_lost(work: Work) -> None:
    found = work(
        2025, "2025-01-15 buy 100 20", "2025-09-25 sell 100 10", "2025-10-06 buy 60 10", "2025-10-07 buy 60 10"
    )
    assert found.totals.disallowed == 1000
    assert [(o.quantity, o.basis) for o in found.open] == [(60, 1200), (40, 800), (20, 200)]


def test_a_replacement_in_an_ira_loses_the_loss(work: Work) -> None:
    """Rev. Rul. 2008-5: the loss is disallowed, and the basis in the IRA is what was paid."""
    found = work(
        2025, "2025-01-15 buy 100 20", "2025-09-25 sell 100 10", "2025-10-01 buy 100 11 account=i account_type=ira"
    )
    assert rows(found) == [(2000, 1000, 0, "W")]
    assert found.totals.lost == 1000
    assert [(o.account, o.basis, o.deferred) for o in found.open] == [("i", 1100, 0)]


def test_a_short_sale_is_listed_and_not_worked_out(work: Work) -> None:
    found = work(2025, "2025-10-15 sell 100 20", "2025-10-16 buy 100 10", "2025-10-15 buy 5 10 symbol=Y")
    assert not found.lots and [o.symbol for o in found.open] == ["Y"]
    assert [(n.symbol, n.trades) for n in found.not_covered] == [("X", 2)] and "short" in found.not_covered[0].reason


@pytest.mark.parametrize(
    ("day", "washed"), [("2025-07-01", True), ("2025-07-02", False), ("2025-05-02", True), ("2025-05-01", False)]
)
def test_the_window_is_30_days_on_each_side(work: Work, day: str, washed: bool) -> None:
    found = work(2025, "2025-01-15 buy 10 20", "2025-06-01 sell 10 10", f"{day} buy 10 10")
    assert (found.totals.disallowed > 0) is washed


def test_the_window_crosses_a_year_end(work: Work) -> None:
    found = work(2024, "2024-02-29 buy 10 20", "2024-12-31 sell 10 10", "2025-01-30 buy 10 10")
    assert found.totals.disallowed == 100


def test_a_reinvested_dividend_replaces(work: Work) -> None:
    found = work(2025, "2025-01-15 buy 10 20", "2025-06-02 sell 10 10", "2025-06-16 reinvest 0.5 11")
    assert found.totals.disallowed == 5 and found.open[0].basis == 10.5


def test_another_account_and_an_identical_fund_replace(work: Work) -> None:
    lines = (
        "2025-01-15 buy 10 20 symbol=VOO",
        "2025-06-02 sell 10 10 symbol=VOO",
        "2025-06-16 buy 10 11 symbol=IVV account=b",
    )
    assert work(2025, *lines).totals.disallowed == 0
    assert work(2025, *lines, identical=(("VOO", "IVV"),)).totals.disallowed == 100


def test_a_crypto_asset_has_no_wash_sale_until_a_law_says_so(work: Work) -> None:
    lines = tuple(
        f"{t} symbol=BTC-USD kind=crypto"
        for t in ("2025-01-15 buy 1 20", "2025-06-02 sell 1 10", "2025-06-03 buy 1 10")
    )
    assert work(2025, *lines).totals.disallowed == 0
    assert work(2025, *lines, crypto_wash_sales_from=date(2025, 6, 2)).totals.disallowed == 10
    assert work(2025, *lines, crypto_wash_sales_from=date(2025, 6, 3)).totals.disallowed == 0


def test_a_split_between_sale_and_replacement_changes_nothing(work: Work) -> None:
    """100 lost 250; after a split of 2 for 1, 200 replace them all."""
    found = work(
        2025, "2025-03-01 buy 100 10", "2025-06-01 sell 100 7.5", "2025-06-10 split 2 0", "2025-06-20 buy 200 4"
    )
    assert found.lots[0].quantity == 100 and found.totals.disallowed == 250
    assert [(o.quantity, o.basis) for o in found.open] == [(200, 1050)]


def test_a_transfer_is_no_sale_and_no_purchase(work: Work) -> None:
    found = work(
        2025, "2025-01-15 buy 10 20", "2025-05-20 transfer 10 0 to=b", "2025-06-02 sell 10 10 account=b",
    )  # fmt: skip
    assert rows(found) == [(200, 0, -100, "")] and found.lots[0].account == "b"
