"""Form 8949 as a PDF statement: a table for each box, the totals of Schedule D, what is not covered (X8).

A statement with the form's columns, as it may be attached to the form; not the form itself. Needs the extra ``pdf``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from plimsoll.core.errors import InputError

if TYPE_CHECKING:
    from plimsoll.tax.form import Form8949

GREY = "#d9d9d9"


def form_pdf(found: Form8949, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> bytes:
    """The PDF; ``rows`` begin with the letter of their box.

    Raises
    ------
    InputError
        The library that writes PDF is not installed.
    """
    try:
        from reportlab.lib.pagesizes import LETTER, landscape
        from reportlab.lib.styles import getSampleStyleSheet
        from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer
    except ImportError:
        raise InputError(
            "the library for PDF is not installed", "Install it with: pip install 'plimsoll[pdf]'"
        ) from None
    style = getSampleStyleSheet()
    title = f"Form 8949 statement, {found.year}"
    story: list[Any] = [
        Paragraph(title, style["Title"]),
        Paragraph(f"Lots sold by {found.method}. Amounts in USD.", style["Normal"]),
    ]
    for box, total in found.totals.boxes.items():
        story += [Spacer(1, 10), Paragraph(f"Box {box}", style["Heading2"])]
        last = [
            "total",
            "",
            "",
            *(f"{v:,.2f}" for v in (total.proceeds, total.basis)),
            "",
            *(f"{v:,.2f}" for v in (total.adjustment, total.gain)),
            "",
        ]
        story.append(_table([columns[1:], *(row[1:] for row in rows if row[0] == box), last]))
    story += [Spacer(1, 10), Paragraph("Schedule D", style["Heading2"]), _table(_schedule_d(found))]
    for one in found.not_covered:
        story.append(
            Paragraph(
                escape(f"Not covered: {one.account} {one.symbol}, {one.trades} trades: {one.reason}."), style["Normal"]
            )
        )
    story += [Paragraph(escape(text), style["Normal"]) for text in (*found.warnings, found.notice)]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=landscape(LETTER), title=title, invariant=1).build(story)
    return out.getvalue()


def _schedule_d(found: Form8949) -> list[list[str]]:
    lines = [["line", "proceeds", "basis", "adjustment", "gain or loss"]]
    for line, s in found.totals.schedule_d.items():
        lines.append([line, *(f"{v:,.2f}" for v in (s.proceeds, s.basis, s.adjustment, s.gain))])
    return lines


def _table(rows: Sequence[Sequence[str]]) -> Any:
    from reportlab.lib import colors
    from reportlab.platypus import Table, TableStyle

    made = Table([list(row) for row in rows], repeatRows=1)
    made.setStyle(
        TableStyle(
            [
                ("FONTSIZE", (0, 0), (-1, -1), 7),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor(GREY)),
                ("LINEABOVE", (0, -1), (-1, -1), 0.5, colors.black),
                ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ]
        )
    )
    return made
