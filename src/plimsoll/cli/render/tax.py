"""Form 8949 as text for a person, as CSV, and as PDF (X8)."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import console, figure, table
from plimsoll.cli.terminal import say
from plimsoll.core.errors import UsageError

if TYPE_CHECKING:
    from plimsoll.tax.form import Form8949, FormRow

ROWS_SHOWN = 40
COLUMNS = (
    "box", "description", "date acquired", "date sold", "proceeds", "cost or other basis", "code", "adjustment",
    "gain or loss", "account",
)  # fmt: skip


def render_8949(found: Form8949) -> None:
    """Totals first, then the rows, the lots that remain, and what is not covered."""
    out = console()
    out.print(f"Form 8949 of {found.year}, lots sold by {found.method}; USD")
    totals = table("box", "rows", "proceeds", "basis", "adjustment", "gain", right=(1, 2, 3, 4, 5))
    sums = [(f"box {box}", s) for box, s in found.totals.boxes.items()]
    sums += [("short-term", found.totals.short_term), ("long-term", found.totals.long_term)]
    for name, s in sums:
        totals.add_row(name, str(s.rows), *(figure(v) for v in (s.proceeds, s.basis, s.adjustment, s.gain)))
    out.print(totals)
    if found.lots:
        rows = table(
            "symbol", "account", "acquired", "sold", "quantity", "proceeds", "basis", "code", "adjustment", "gain",
            "box", right=(4, 5, 6, 8, 9),
        )  # fmt: skip
        for row in found.lots[:ROWS_SHOWN]:
            money = [figure(v) for v in (row.proceeds, row.basis)]
            rows.add_row(
                escape(row.symbol), escape(row.account), row.acquired, row.sold, f"{row.quantity:,.10g}", *money,
                row.code, figure(row.adjustment), figure(row.gain), row.box,
            )  # fmt: skip
        out.print(rows)
        if len(found.lots) > ROWS_SHOWN:
            out.print(f"{len(found.lots) - ROWS_SHOWN} more rows; --csv and --json have them all")
    _open(found)
    for one in found.not_covered:
        out.print(f"not covered  {escape(one.account)} {escape(one.symbol)}: {one.trades} trades; {escape(one.reason)}")
    for d in found.differences:
        ours, theirs = (figure(v) for v in (d.ours, d.received))
        out.print(
            f"differs  {escape(d.account)} {escape(d.symbol)} {d.sold} {d.figure}: ours {ours}, the form {theirs}"
        )
    for warning in found.warnings:
        out.print(f"warning  {escape(warning)}")
    out.print(found.notice)


def _open(found: Form8949) -> None:
    if not found.open:
        return
    lots = table(
        "symbol", "account", "acquired", "quantity", "basis", "deferred", title="lots that remain", right=(3, 4, 5)
    )  # fmt: skip
    for lot in found.open[:ROWS_SHOWN]:
        lots.add_row(
            escape(lot.symbol), escape(lot.account), lot.acquired, f"{lot.quantity:,.10g}", figure(lot.basis),
            figure(lot.deferred),
        )  # fmt: skip
    out = console()
    out.print(lots)
    if len(found.open) > ROWS_SHOWN:
        out.print(f"{len(found.open) - ROWS_SHOWN} more lots; --json has them all")


def cells(row: FormRow) -> tuple[str, ...]:
    """A row in the columns of the form. An account that a spreadsheet would take for a formula gets an apostrophe."""
    account = f"'{row.account}" if row.account[0] in "=+-@" else row.account
    amounts = [f"{v:.2f}" for v in (row.proceeds, row.basis, row.adjustment, row.gain)]
    return (
        row.box, f"{row.quantity:.10g} {row.symbol}", row.acquired, row.sold, amounts[0], amounts[1], row.code,
        amounts[2], amounts[3], account,
    )  # fmt: skip


def print_csv(found: Form8949) -> None:
    """The rows as CSV to standard output; what is not covered and every warning to standard error."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(cells(row) for row in found.lots)
    say(text.getvalue(), nl=False)
    for one in found.not_covered:
        say(f"not covered: {one.account} {one.symbol}: {one.trades} trades; {one.reason}", err=True)
    for warning in found.warnings:
        say(f"warning: {warning}", err=True)


def print_pdf(found: Form8949) -> None:
    """The form as PDF to standard output, which has to be a file or a pipe."""
    if sys.stdout.isatty():
        raise UsageError("a PDF cannot be shown on a terminal", "Write it into a file: --pdf > form-8949.pdf")
    from plimsoll.reports.form_pdf import form_pdf

    sys.stdout.flush()
    sys.stdout.buffer.write(form_pdf(found, [cells(row) for row in found.lots], COLUMNS))
