"""Boxes, codes, totals, forms received and what is not covered (X8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from plimsoll.core.errors import InputError, UsageError
from plimsoll.tax import received, rules
from plimsoll.tax.form import Form8949

Work = Callable[..., Form8949]
BOUGHT = "2023-01-16 buy 10 20"
LONG, SHORT = "2025-03-03 sell 5 30", "2025-03-03 sell 5 30 symbol=Y"
FORMS = "form,account,symbol,sold,proceeds,basis,basis_reported,wash_sale_disallowed,box\n"


def forms(tmp_path: Path, *rows: str) -> list[received.Received]:
    path = tmp_path / "forms.csv"
    path.write_text(FORMS + "\n".join(rows) + "\n")
    return received.read(path)


@pytest.mark.parametrize(
    ("kind", "year", "row", "long", "short"),
    [
        ("stock", 2025, None, "F", "C"),
        ("stock", 2025, "yes", "D", "A"),
        ("stock", 2025, "no", "E", "B"),
        ("crypto", 2025, None, "L", "I"),
        ("crypto", 2025, "yes", "J", "G"),
        ("crypto", 2025, "no", "K", "H"),
        ("crypto", 2024, None, "F", "C"),
        ("tokenised_security", 2025, None, "L", "I"),
    ],
)
def test_the_box_follows_from_kind_term_and_form(
    work: Work, tmp_path: Path, kind: str, year: int, row: str | None, long: str, short: str
) -> None:
    """Instructions of Form 8949 of 2025: G to L are for digital assets, from that year on."""
    lines = [
        f"{year - 2}-01-16 buy 10 20", f"{year}-01-15 buy 10 20 symbol=Y",
        f"{year}-03-03 sell 5 30", f"{year}-03-03 sell 5 30 symbol=Y",
    ]  # fmt: skip
    form = "1099-DA" if kind == "crypto" else "1099-B"
    got = [] if row is None else forms(tmp_path, *(f"{form},a,{s},{year}-03-03,150,,{row},," for s in "XY"))
    found = work(year, *(f"{line} kind={kind}" for line in lines), received=got)
    assert [r.box for r in found.lots] == [long, short]
    assert bool(found.warnings) is (row is None)


@pytest.mark.parametrize(
    ("start", "sold", "long"),
    [
        ("2024-03-15", "2025-03-15", False),
        ("2024-03-15", "2025-03-16", True),
        ("2023-02-28", "2024-02-29", False),  # acquired on the last day of a month: from the first of the 13th (66-7)
        ("2023-02-28", "2024-03-01", True),
        ("2024-02-29", "2025-02-28", False),
        ("2024-02-29", "2025-03-01", True),
        ("2024-02-28", "2025-02-28", False),
        ("2024-02-28", "2025-03-01", True),
        ("2023-12-31", "2024-12-31", False),
        ("2023-12-31", "2025-01-01", True),
    ],
)
def test_more_than_a_year_is_long_term(start: str, sold: str, long: bool) -> None:
    assert rules.long_term(date.fromisoformat(start), date.fromisoformat(sold)) is long


def test_totals_add_up_by_box_by_line_of_schedule_d_and_by_term(work: Work) -> None:
    found = work(
        2025, BOUGHT, LONG, "2025-01-15 buy 10 20 symbol=Y", SHORT, "2023-01-16 buy 1 20 symbol=GLD kind=etf",
        "2025-01-15 buy 1 40 symbol=BTC-USD kind=crypto", "2025-02-03 sell 1 45 symbol=BTC-USD kind=crypto",
        "2025-03-03 sell 1 50 symbol=GLD kind=etf", "2024-03-01 buy 1 1 symbol=OLD", "2024-06-03 sell 1 2 symbol=OLD",
    )  # fmt: skip
    totals = found.totals
    assert {box: s.gain for box, s in totals.boxes.items()} == {"C": 50, "F": 80, "I": 5}
    assert {line: s.gain for line, s in totals.schedule_d.items() if s.rows} == {"3": 55, "10": 80}
    assert (totals.short_term.gain, totals.long_term.gain, totals.collectibles_gain) == (55, 80, 30)
    assert [r.code for r in found.lots if r.symbol == "GLD"] == ["C"]


def test_rows_of_a_sale_add_up_to_it_to_the_cent(work: Work) -> None:
    """A third of 100.00 is 33.33, 33.33 and 33.34."""
    lots = tuple(f"2025-01-{day} buy 1 10.005 fee=0.003" for day in (13, 14, 15))
    found = work(2025, *lots, "2025-06-02 sell 3 33.33333333333 fee=0")
    assert sorted(r.proceeds for r in found.lots) == [33.33, 33.33, 33.34]
    assert all(r.gain == round(r.proceeds - r.basis, 2) for r in found.lots)


def test_fees_raise_the_basis_and_lower_the_proceeds(work: Work) -> None:
    (row,) = work(2025, "2025-01-15 buy 10 20 fee=3", "2025-06-02 sell 10 30 fee=2").lots
    assert (row.proceeds, row.basis, row.gain) == (298, 203, 95)


@pytest.mark.parametrize(("method", "basis"), [("fifo", 10), ("lifo", 20), ("hifo", 30), ("specific", 25)])
def test_the_method_chooses_the_lot(work: Work, method: str, basis: float) -> None:
    bought = tuple(f"2025-01-{13 + n} buy 1 {price} id=l{n}" for n, price in enumerate((10, 30, 25, 20)))
    (row,) = work(2025, *bought, "2025-06-02 sell 1 40 lots=l2:1", method=method).lots
    assert row.basis == basis


def test_a_sale_that_names_more_than_its_lot_holds_goes_on_first_in_first_out(work: Work) -> None:
    bought = ("2025-01-13 buy 1 10 id=l0", "2025-01-14 buy 1 30 id=l1")
    found = work(2025, *bought, "2025-06-02 sell 2 40 lots=l1:2", method="specific")
    assert [r.basis for r in found.lots] == [30, 10] and "l1" in found.warnings[0]


@pytest.mark.parametrize(
    ("day", "instructed", "basis"), [("2026-12-31", "", 30), ("2027-01-01", "", 10), ("2027-01-01", "yes", 30)]
)
def test_from_2027_a_crypto_lot_is_chosen_only_with_an_instruction(
    work: Work, day: str, instructed: str, basis: float
) -> None:
    """Notice 2026-20."""
    bought = ("2026-01-13 buy 1 10 kind=crypto", "2026-01-14 buy 1 30 kind=crypto")
    found = work(int(day[:4]), *bought, f"{day} sell 1 40 kind=crypto instructed={instructed}", method="hifo")
    assert [r.basis for r in found.lots] == [basis]


def test_lots_of_two_wallets_are_apart(work: Work) -> None:
    bought = ("2025-01-13 buy 1 10 kind=crypto account=w1", "2025-01-14 buy 1 30 kind=crypto account=w2")
    found = work(2025, *bought, "2025-06-02 sell 1 40 kind=crypto account=w2")
    assert [r.basis for r in found.lots] == [30] and [o.account for o in found.open] == ["w1"]


def test_what_is_not_covered_is_listed_with_its_reason(work: Work) -> None:
    found = work(
        2025, "2025-01-13 buy 1 10 symbol=ES kind=future", "2025-01-14 sell 1 11 symbol=ES kind=future",
        "2025-01-13 buy 1 10 symbol=USO kind=etf", "2025-01-13 buy 1 10 symbol=C1 kind=option",
    )  # fmt: skip
    listed = {n.symbol: (n.trades, n.reason) for n in found.not_covered}
    assert listed["ES"][0] == 2 and "1256" in listed["ES"][1]
    assert "K-1" in listed["USO"][1] and "options" in listed["C1"][1]
    assert not found.lots and not found.open


def test_differences_to_the_form_received_are_shown(work: Work, tmp_path: Path) -> None:
    got = forms(tmp_path, "1099-B,a,X,2025-03-03,150,99,yes,,", "1099-B,a,Z,2025-04-04,10,,no,,")
    found = work(2025, BOUGHT, LONG, received=got)
    assert [(d.symbol, d.figure, d.ours, d.received) for d in found.differences] == [
        ("X", "basis", 100, 99), ("Z", "proceeds", None, 10),
    ]  # fmt: skip
    assert found.lots[0].box == "D"


@pytest.mark.parametrize(
    "rows",
    [
        ("1099-DA,a,X,2025-03-03,150,,no,,Y",),
        ("1099-DA,a,X,2025-03-03,75,,no,,", "1099-DA,a,X,2025-03-03,75,,yes,,"),
    ],
)
def test_a_form_that_leaves_the_box_open_asks_the_owner(work: Work, tmp_path: Path, rows: tuple[str, ...]) -> None:
    found = work(2025, f"{BOUGHT} kind=crypto", f"{LONG} kind=crypto", received=forms(tmp_path, *rows))
    assert [r.box for r in found.lots] == ["Y"] and "Decide" in found.warnings[0]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1099-C,a,X,2025-03-03,150,,no,,", "form is 1099-C"),
        ("1099-B,a,X,03/03/2025,150,,no,,", "sold is 03/03/2025"),
        ("1099-B,a,X,2025-03-03,1.2.3,,no,,", "proceeds is 1.2.3"),
        ("1099-B,a,X,2025-03-03,150,,perhaps,,", "basis_reported is perhaps"),
        ("1099-B,a,X,2025-03-03,150,,no,,Z", "box is Z"),
    ],
)
def test_a_row_of_a_form_that_cannot_be_used_is_named(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(InputError, match=f"line 2: {words}"):
        forms(tmp_path, row)


def test_an_unknown_method_is_refused(work: Work) -> None:
    with pytest.raises(UsageError, match="average"):
        work(2025, BOUGHT, method="average")


def test_rules_of_ones_own_change_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text('{"identical": [["VOO", "IVV"]], "crypto_wash_sales_from": "2027-01-01"}')
    found = rules.read(path)
    assert found.group("IVV") == "VOO" and found.crypto_wash_sales_from == date(2027, 1, 1)
    assert found.collectibles == rules.shipped().collectibles
    for text, words in (
        ('{"identcal": []}', "identcal"), ("[", "rules of tax"), ('{"identical": [["A"], ["A", "B"]]}', "A is in two"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            rules.read(path)
