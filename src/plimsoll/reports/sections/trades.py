"""Report section: every round trip from entry to exit, and totals by asset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plimsoll.measures.trades import RoundTrip, profit_factor, won
from plimsoll.reports.page.formatting import count, figure, number, percent, usd
from plimsoll.reports.page.markup import Cell, Html, Line, n, section, table, tag
from plimsoll.reports.report_data import ReportData

_SHOWN = 400  # trips in the page: the rest are in the CSV


def trades(m: ReportData, *parts: Html) -> Html:
    """The section, with what belongs to it below."""
    found = m.run.trips
    if not found:
        return section("trades", "Trades", tag("p", "Nothing was bought.", class_="note"), *parts)
    closed = [t for t in found if t.exited]
    said = (
        f"{number(len(closed), 'round trip')} closed and {count(len(found) - len(closed))} open, from "
        f"{number(len(m.run.tally.fills), 'fill')}. {percent(won(found), 0)} of the closed gained, profit factor "
        f"{figure(profit_factor(found))}."
    )
    return section(
        "trades",
        "Trades",
        tag("p", said),
        tag(
            "p",
            "A round trip is a position from the fill that opened it to the one that ended it, with what was added and "
            "removed in between. Profit is after commission, slippage and impact; dividends are "
            "beside it.",
            class_="note",
        ),
        _by_symbol(m, found),
        _every(m, found),
        *parts,
    )


def _tone(cents: int) -> str:
    return "up" if cents > 0 else "dn" if cents < 0 else ""


def _by_symbol(m: ReportData, found: Sequence[RoundTrip]) -> Html:
    symbols = sorted({t.symbol for t in found})
    rows = [_sum(s, [t for t in found if t.symbol == s]) for s in symbols] + [_sum("All", found)]
    head: Line = ("Asset", n("Closed"), n("Open"), n("Gained"), n("Profit"), n("Income"), n("Mean result"),
                  n("Mean days"))  # fmt: skip
    return table(f"Round trips by asset; gained and means of the closed; {m.sample}", head, rows, total=True)


def _sum(name: str, trips: Sequence[RoundTrip]) -> Line:
    closed = [t for t in trips if t.exited]
    profit = sum(t.profit for t in trips)
    return (
        Cell(name, "d"),
        n(count(len(closed))),
        n(count(len(trips) - len(closed))),
        n(percent(won(trips), 0) if closed else "–"),
        n(usd(profit), _tone(profit)),
        n(usd(sum(t.income for t in trips))),
        n(percent(float(np.mean([t.gain for t in closed]))) if closed else "–"),
        n(count(round(float(np.mean([t.days for t in closed])))) if closed else "–"),
    )


def _every(m: ReportData, found: Sequence[RoundTrip]) -> Html:
    units = {i.symbol: i.lots_per_unit for i in m.history.panel.instruments}
    shown = sorted(found, key=lambda t: (t.exited or "~", t.entered, t.symbol))[::-1][:_SHOWN]
    rows: list[Line] = [_line(t, units[t.symbol]) for t in shown]
    head: Line = ("Asset", "Entry", "Exit", n("Days"), n("Fills"), n("Most units"), n("Paid in"), n("Profit"),
                  n("Income"), n("Return"), n("Worst"), n("Best"))  # fmt: skip
    left = f"; the latest {_SHOWN} of {count(len(found))}" if len(found) > _SHOWN else ""
    return tag(
        "details",
        tag("summary", f"Every round trip ({count(len(found))})"),
        table(
            f"Positions from entry to exit, the latest first; worst and best on closes{left}; {m.sample}", head, rows
        ),
        tag("p", "As CSV: ", tag("code", f"plimsoll report --run {m.result.run} --csv FOLDER"), class_="note"),
    )


def _line(t: RoundTrip, units: int) -> Line:
    return (
        Cell(t.symbol, "d"),
        Cell(t.entered, "d"),
        Cell(t.exited or "open", "d"),
        n(count(t.days)),
        n(count(t.fills)),
        n(figure(t.lots / units, 0 if units == 1 else 3)),
        n(usd(t.invested)),
        n(usd(t.profit), _tone(t.profit)),
        n(usd(t.income)),
        n(percent(t.gain), "us"),
        n(percent(t.worst)),
        n(percent(t.best)),
    )
