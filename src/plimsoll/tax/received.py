"""Forms 1099-B and 1099-DA as they were received, and where they differ from our books (X8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from plimsoll.core.errors import InputError
from plimsoll.tax import trades_file
from plimsoll.tax.rules import DIGITAL_LONG_BOXES, DIGITAL_SHORT_BOXES, LONG_BOXES, SHORT_BOXES, UNDECIDED

if TYPE_CHECKING:
    from plimsoll.tax.form import FormRow

REQUIRED = ("form", "account", "symbol", "sold", "proceeds")
OPTIONAL = ("basis", "basis_reported", "wash_sale_disallowed", "box")
FORMS = ("1099-B", "1099-DA")
Key = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class Received:
    """What a form says of the sales of a symbol on a day. Amounts in USD, None where the form has none.

    ``box`` is the letter written on it or decided by the owner, "" where it follows from ``basis_reported``.
    """

    line: int
    form: str
    account: str
    symbol: str
    sold: date
    proceeds: Fraction
    basis: Fraction | None
    basis_reported: bool
    disallowed: Fraction | None
    box: str

    @property
    def key(self) -> Key:
        """What it is matched by."""
        return self.account, self.symbol, self.sold


class FormDifference(msgspec.Struct, frozen=True):
    """A figure of a form that is not ours, for the sales of a symbol on a day. USD; None where one side has none."""

    account: str
    symbol: str
    sold: str
    figure: str
    ours: float | None
    received: float | None


def read(path: Path) -> list[Received]:
    """The rows of a CSV of forms received.

    Raises
    ------
    InputError
        It is no CSV with the columns, or a row cannot be used: named with its line, value and remedy.
    """
    found = []
    for line, row in trades_file.rows(path, REQUIRED, OPTIONAL):
        try:
            found.append(_received(line, row))
        except InputError as error:
            raise InputError(f"{path} line {line}: {error.problem}", error.remedy) from None
    return found


def _received(line: int, row: Mapping[str, str]) -> Received:
    if row.get("form", "").upper() not in FORMS:
        raise InputError(f"form is {row.get('form') or 'empty'}", f"It is one of {', '.join(FORMS)}")
    box = row.get("box", "").upper()
    letters = SHORT_BOXES + LONG_BOXES + DIGITAL_SHORT_BOXES + DIGITAL_LONG_BOXES + UNDECIDED
    if box and (len(box) > 1 or box not in letters):
        raise InputError(f"box is {box}", f"It is one of {', '.join(letters)}, or empty")
    basis, disallowed = (
        trades_file.number(row, name) if row.get(name) else None for name in ("basis", "wash_sale_disallowed")
    )
    return Received(
        line, row["form"].upper(), row.get("account", ""), row.get("symbol", "").upper(),
        trades_file.day_of(row, "sold"), trades_file.number(row, "proceeds"), basis,
        trades_file.yes(row, "basis_reported"), disallowed, box,
    )  # fmt: skip


def matching(received: Sequence[Received]) -> dict[Key, Received]:
    """The form of each account, symbol and day of sale; where its rows disagree on the box, it is undecided."""
    found: dict[Key, Received] = {}
    for form in received:
        known = found.setdefault(form.key, form)
        if (known.box, known.basis_reported) != (form.box, form.basis_reported):
            found[form.key] = Received(
                form.line, form.form, form.account, form.symbol, form.sold, form.proceeds, None, False, None, UNDECIDED
            )
    return found


def differences(rows: Sequence[FormRow], received: Sequence[Received], year: int) -> tuple[FormDifference, ...]:
    """Where the forms received and our rows are not the same, to the cent, for each symbol and day of sale."""
    if not received:
        return ()
    ours: dict[tuple[str, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        sums = ours[row.account, row.symbol, row.sold]
        for figure, amount in (
            ("proceeds", row.proceeds),
            ("basis", row.basis),
            ("wash sale disallowed", row.adjustment),
        ):
            sums[figure] = round(sums[figure] + amount, 2)
    theirs: dict[tuple[str, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for form in received:
        if form.sold.year != year:
            continue
        sums = theirs[form.account, form.symbol, form.sold.isoformat()]
        for figure, exact in (
            ("proceeds", form.proceeds),
            ("basis", form.basis),
            ("wash sale disallowed", form.disallowed),
        ):
            if exact is not None:
                sums[figure] = round(sums[figure] + float(exact), 2)
    found = []
    for key in sorted({*ours, *theirs}):
        for figure in ("proceeds", "basis", "wash sale disallowed"):
            mine, other = (side[key].get(figure) if key in side else None for side in (ours, theirs))
            if other is None and key in theirs:
                continue  # the form does not have the figure
            if mine != other:
                found.append(FormDifference(*key, figure, mine, other))
    return tuple(found)
