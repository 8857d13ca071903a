"""Form 8949 of a year: its rows, boxes and codes, the totals of Schedule D, and the lots that remain (X8).

Figures are exact until a row is written: proceeds are rounded so that the rows of a sale add up to it, the basis so
that the rows and the rest of a purchase do, and the gain is what the rounded figures make. Codes: W a wash sale, C a
collectible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction

import msgspec

from plimsoll.core.errors import UsageError
from plimsoll.tax.lots import Disposal, Lot, LotLedger, ledger
from plimsoll.tax.received import FormDifference, Received, differences, matching
from plimsoll.tax.rules import LINES, METHODS, UNDECIDED, Rules, box_of, long_term
from plimsoll.tax.trade import DIGITAL, NOT_COVERED, TaxTrade

NOTICE = "Worked out from the trades given; not tax advice. Compare it with the forms received, and ask a tax adviser."


class FormRow(msgspec.Struct, frozen=True):
    """A row of Form 8949: what one sale disposed of one purchase. Amounts in USD, rounded to cents.

    ``acquired`` is the day from which the holding period counts, earlier than the trade's own ``bought`` after a wash
    sale.
    """

    account: str
    symbol: str
    kind: str
    acquired: str
    bought: str
    sold: str
    quantity: float
    proceeds: float
    basis: float
    code: str
    adjustment: float
    gain: float
    box: str
    term: str
    lost: float = 0.0


class OpenLot(msgspec.Struct, frozen=True):
    """Units that remain after the last trade. ``deferred`` is the part of ``basis`` that wash sales put there."""

    account: str
    account_type: str
    symbol: str
    kind: str
    acquired: str
    bought: str
    quantity: float
    basis: float
    deferred: float = 0.0


class Sum(msgspec.Struct, frozen=True):
    """A sum over rows, in USD."""

    proceeds: float = 0.0
    basis: float = 0.0
    adjustment: float = 0.0
    gain: float = 0.0
    rows: int = 0


class Totals(msgspec.Struct, frozen=True):
    """Sums by box of Form 8949, by line of Schedule D, and by term. ``collectibles_gain`` is the long-term part of
    them; ``disallowed`` the losses that wash sales took out of the year, ``lost`` the part of them that an IRA took
    for good.
    """

    boxes: dict[str, Sum]
    schedule_d: dict[str, Sum]
    short_term: Sum
    long_term: Sum
    collectibles_gain: float
    disallowed: float
    lost: float


class NotCovered(msgspec.Struct, frozen=True):
    """Trades of which no figure is worked out, and why."""

    account: str
    symbol: str
    kind: str
    trades: int
    reason: str


class Form8949(msgspec.Struct, frozen=True):
    """The answer of ``plimsoll tax 8949``."""

    year: int
    method: str
    lots: tuple[FormRow, ...]
    open: tuple[OpenLot, ...]
    totals: Totals
    not_covered: tuple[NotCovered, ...]
    differences: tuple[FormDifference, ...]
    warnings: tuple[str, ...]
    notice: str = NOTICE


def form_8949(
    trades: Sequence[TaxTrade], year: int, method: str, rules: Rules, received: Sequence[Received] = ()
) -> Form8949:
    """Work out a year. Later trades count: a purchase in January can make a loss of December a wash sale.

    Raises
    ------
    UsageError
        The method is unknown.
    """
    if method not in METHODS:
        raise UsageError(f"'{method}' is no method for lots", f"Use one of {', '.join(METHODS)}")
    worked = [t for t in trades if t.kind not in NOT_COVERED and t.symbol not in rules.partnerships]
    found = ledger(worked, rules, method)
    box = _boxes(received, rules)
    rows = _rows(found, year, rules, box)
    warnings = [*found.warnings, *_box_warnings(rows)]
    return Form8949(
        year=year, method=method, lots=rows, open=_open(found), totals=_totals(rows),
        not_covered=(*_kinds_left_out(trades, rules), *_short(found, worked)),
        differences=differences(rows, received, year), warnings=tuple(warnings),
    )  # fmt: skip


# rows


def _rows(found: LotLedger, year: int, rules: Rules, box: _Boxes) -> tuple[FormRow, ...]:
    """The rows of the year, in the order of the sales; parts of one purchase in one sale, held as long, are one row."""
    parts: dict[tuple[int, object, bool], list[Disposal]] = defaultdict(list)
    for one in found.disposals:
        if one.sale.account_type == "taxable":
            parts[one.sale.line, one.lot.purchase, long_term(one.start, one.sale.day)].append(one)
    cents = _Cents()
    rows = []
    for (line, purchase, long), gone in parts.items():
        proceeds = cents.next(("sale", line), sum((d.proceeds for d in gone), Fraction(0)))
        basis = cents.next(("lot", purchase), sum((d.basis for d in gone), Fraction(0)))
        disallowed = cents.next(("wash", line), sum((d.disallowed for d in gone), Fraction(0)))
        if not sum((d.gain for d in gone), Fraction(0)):
            disallowed = basis - proceeds  # a loss that is disallowed as a whole leaves nothing, not a cent
        if gone[0].sale.day.year == year:
            rows.append(_row(found, gone, long, (proceeds, basis, disallowed), rules, box))
    return tuple(rows)


def _row(
    found: LotLedger, gone: list[Disposal], long: bool, cents: tuple[int, int, int], rules: Rules, box: _Boxes
) -> FormRow:
    first = gone[0]
    proceeds, basis, disallowed = cents
    collectible = first.sale.symbol in rules.collectibles
    quantity = found.units_then(first.sale.symbol, sum((d.quantity for d in gone), Fraction(0)), first.sale.when)
    return FormRow(
        account=first.sale.account,
        symbol=first.sale.symbol,
        kind=first.sale.kind,
        acquired=min(d.start for d in gone).isoformat(),
        bought=first.lot.bought.isoformat(),
        sold=first.sale.day.isoformat(),
        quantity=float(quantity),
        proceeds=proceeds / 100,
        basis=basis / 100,
        code="C" * collectible + "W" * (disallowed > 0),
        adjustment=disallowed / 100,
        gain=(proceeds - basis + disallowed) / 100,
        box=box.of(first.sale, long=long),
        term="long" if long else "short",
        lost=float(round(sum((d.lost for d in gone), Fraction(0)), 2)),
    )


class _Cents:
    """Rounds the parts of a sum so that they add up to the rounded sum."""

    def __init__(self) -> None:
        self._exact: dict[object, Fraction] = defaultdict(Fraction)

    def next(self, key: object, part: Fraction) -> int:
        """The next part of the sum ``key``, in whole cents."""
        before = self._exact[key]
        self._exact[key] = before + part * 100
        return round(self._exact[key]) - round(before)


# boxes


class _Boxes:
    def __init__(self, forms: Mapping[tuple[str, str, date], Received], rules: Rules) -> None:
        self._forms, self._rules = forms, rules

    def of(self, sale: TaxTrade, *, long: bool) -> str:
        """The box that the form received implies."""
        form = self._forms.get((sale.account, sale.symbol, sale.day))
        digital = sale.kind in DIGITAL and sale.day >= self._rules.digital_boxes_from
        if form is not None and form.box:
            return form.box
        return box_of(digital=digital, long=long, reported=None if form is None else form.basis_reported)


def _boxes(received: Sequence[Received], rules: Rules) -> _Boxes:
    return _Boxes(matching(received), rules)


def _box_warnings(rows: Sequence[FormRow]) -> list[str]:
    found = []
    if undecided := [r for r in rows if r.box == UNDECIDED]:
        found.append(
            f"{len(undecided)} rows, the first of {undecided[0].symbol} sold on {undecided[0].sold}, are in box "
            f"{UNDECIDED}: the form received does not say which box they are for. Decide, and write the letter into "
            "its column box"
        )
    without = [r for r in rows if r.box in "CFIL"]
    if without:
        form = "1099-DA" if without[0].kind in DIGITAL else "1099-B"
        found.append(
            f"{len(without)} rows are in a box of sales without a form received, the first of {without[0].symbol} on "
            f"{without[0].sold}. Give the {form} you received with --received, and the box follows from it"
        )
    return found


# the rest


def _open(found: LotLedger) -> tuple[OpenLot, ...]:
    lots = sorted(
        found.held, key=lambda lot: (lot.account, lot.trade.symbol, *map(str, lot.trade.rank[:2]), not lot.replacing)
    )
    return tuple(_open_lot(lot) for lot in lots)


def _open_lot(lot: Lot) -> OpenLot:
    return OpenLot(
        account=lot.account, account_type=lot.trade.account_type, symbol=lot.trade.symbol, kind=lot.trade.kind,
        acquired=lot.start.isoformat(), bought=lot.bought.isoformat(), quantity=float(lot.quantity),
        basis=float(round(lot.basis, 2)), deferred=float(round(lot.deferred, 2)),
    )  # fmt: skip


def _totals(rows: Sequence[FormRow]) -> Totals:
    boxes = {box: _sum(r for r in rows if r.box == box) for box in sorted({r.box for r in rows})}
    lines = {line: _sum(r for r in rows if r.box in letters) for line, letters in LINES.items()}
    collectible = _sum(r for r in rows if "C" in r.code and r.term == "long")
    return Totals(
        boxes=boxes, schedule_d=lines, short_term=_sum(r for r in rows if r.term == "short"),
        long_term=_sum(r for r in rows if r.term == "long"), collectibles_gain=collectible.gain,
        disallowed=_usd(r.adjustment for r in rows), lost=_usd(r.lost for r in rows),
    )  # fmt: skip


def _sum(rows: Iterable[FormRow]) -> Sum:
    those = list(rows)
    return Sum(
        _usd(r.proceeds for r in those), _usd(r.basis for r in those), _usd(r.adjustment for r in those),
        _usd(r.gain for r in those), len(those),
    )  # fmt: skip


def _usd(amounts: Iterable[float]) -> float:
    return sum(round(a * 100) for a in amounts) / 100


def _kinds_left_out(trades: Sequence[TaxTrade], rules: Rules) -> Iterable[NotCovered]:
    count: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for t in trades:
        reason = NOT_COVERED.get(t.kind) or (NOT_COVERED["partnership"] if t.symbol in rules.partnerships else "")
        if reason:
            count[t.account, t.symbol, t.kind, reason] += 1
    return (NotCovered(account, symbol, kind, n, why) for (account, symbol, kind, why), n in sorted(count.items()))


def _short(found: LotLedger, trades: Sequence[TaxTrade]) -> Iterable[NotCovered]:
    for (account, symbol), sale in sorted(found.short.items()):
        n = sum(t.account == account and t.symbol == symbol for t in trades)
        reason = (
            f"the {sale.side} of {sale.day} (line {sale.line}) is of more than was bought: a short sale, which is not "
            "covered, or a purchase is missing. Add it, and the figures are worked out"
        )
        yield NotCovered(account, symbol, sale.kind, n, reason)
