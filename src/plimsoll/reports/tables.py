"""A run as flat tables, for the notebook and for CSV files.

Every cell is one value, so that every table is a CSV: several reason codes stand in one text, separated by ``; ``.
Money is USD, weights and losses are fractions of NAV, a date is an NYSE session.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from plimsoll.core.errors import InputError
from plimsoll.core.order import Fill
from plimsoll.reports.charts import figures
from plimsoll.reports.recorded import Recorded
from plimsoll.reports.result import BacktestResult

Kind = Literal["date", "text", "number", "count", "flag"]
Cell = str | float | int | bool | None
SEPARATOR = "; "
WRITTEN = ("equity", "drawdowns", "trades", "fills", "decisions", "holdings", "auctions", "vetoes", "risk_events",
           "metrics")  # fmt: skip


class FlatTable(NamedTuple):
    """Columns by name with their types, and rows."""

    columns: dict[str, Kind]
    rows: list[tuple[Cell, ...]]


def _columns(**kinds: str) -> dict[str, Kind]:
    """Columns from ``kind="name name ..."``, in the order given."""
    return {name: kind.rstrip("_") for kind, names in kinds.items() for name in names.split()}  # type: ignore[misc]


_EQUITY = _columns(date="date", number="nav cash return drawdown gross cvar_1 cvar_10 crisis vix", text="mode",
                   count="level", flag="new_risk")  # fmt: skip
_DRAWDOWNS = _columns(date="peak trough recovered", number="depth", count="sessions_to_trough sessions")
_TRADES = _columns(
    text="symbol side", date="entered exited", flag="open", count="days", number="mean_days units invested profit "
    "income result gain realised costs worst best", count_="fills"
)  # fmt: skip
_FILLS = _columns(date="date", text="symbol", count="lots", number="price notional commission slippage impact",
                  text_="reason order")  # fmt: skip
_DECISIONS = _columns(date="date", text="symbol outcome", number="held target desired proposed", count="lots",
                      text_="reasons")  # fmt: skip
_HOLDINGS = _columns(date="date", text="symbol", number="weight value")
_AUCTIONS = _columns(
    date="date", text="strategy symbol decision", count="rank", number="mu adjusted cost cap weight return_share "
    "cvar_share confidence score quality", text_="reasons binding", number_="price"
)  # fmt: skip
_VETOES = _columns(date="date", text="trigger severity scope", number="measured limit")
_EVENTS = _columns(date="date", text="kind severity scope", number="measured limit")


def equity(run: Recorded) -> FlatTable:
    """One row a session: NAV and cash, return since the session before, drawdown since the start, gross, the CVaR of
    the book at 1 and 10 sessions, P(crisis), VIX, mode, ladder level and whether new risk was allowed.
    """
    rows: list[tuple[Cell, ...]] = []
    peak = before = 0.0
    for r in run.cycles:
        nav = r.nav / 100.0
        peak = max(peak, nav)
        rows.append(
            (
                r.session, nav, r.cash / 100.0, nav / before - 1.0 if before else None, 1.0 - nav / peak,
                r.figures.get("gross"), r.figures.get("cvar_1"), r.figures.get("cvar_10"), r.regime.crisis,
                r.regime.vix, r.carried.mode, r.restraint.level, not r.bars_new_risk,
            )
        )  # fmt: skip
        before = nav
    return FlatTable(_EQUITY, rows)


def drawdowns(run: Recorded) -> FlatTable:
    """One row a fall below the running peak of closes, deepest first; ``recovered`` is absent while it lasts."""
    found = figures.drawdowns(run.curve, run.tally.dates, len(run.cycles)) if run.cycles else []
    return FlatTable(_DRAWDOWNS, [(d.start, d.trough, d.recovered or None, d.depth, d.fall, d.length) for d in found])


def trades(run: Recorded) -> FlatTable:
    """One row a position from entry to exit; ``units`` are the most it held, ``gain`` is result over invested."""
    units = _lots_per_unit(run.tally.fills)
    rows: list[tuple[Cell, ...]] = [
        (
            t.symbol, "long" if t.lots > 0 else "short", t.entered, t.exited or None, not t.exited, t.days, t.mean_days,
            t.lots / units[t.symbol], t.invested / 100.0, t.profit / 100.0, t.income / 100.0,
            t.result / 100.0, t.gain, t.realised / 100.0, t.costs / 100.0, t.worst, t.best, t.fills,
        )
        for t in run.trips
    ]  # fmt: skip
    return FlatTable(_TRADES, rows)


def _lots_per_unit(fills: Iterable[Fill]) -> dict[str, int]:
    """How many lots make a unit of each symbol, as its largest fill says."""
    most: dict[str, Fill] = {}
    for f in fills:
        if f.symbol not in most or abs(f.notional) > abs(most[f.symbol].notional):
            most[f.symbol] = f
    return {s: max(1, round(f.lots * f.price * 100.0 / f.notional)) if f.notional else 1 for s, f in most.items()}


def fills(run: Recorded) -> FlatTable:
    """One row an execution: lots are signed, price as traded; notional and the three costs in USD."""
    return FlatTable(
        _FILLS,
        [
            (f.session, f.symbol, f.lots, f.price, f.notional / 100.0, f.commission / 100.0, f.slippage / 100.0,
             f.impact / 100.0, f.reason, f.id)
            for f in run.tally.fills
        ],
    )  # fmt: skip


def decisions(run: Recorded) -> FlatTable:
    """One row a session and judged symbol. One without a row was on HOLD because it is not in the target portfolio."""
    return FlatTable(
        _DECISIONS,
        [
            (r.session, symbol, outcome, held, target, desired, proposed, lots, SEPARATOR.join(reasons))
            for r in run.cycles
            for symbol, outcome, held, target, desired, proposed, lots, reasons in zip(
                r.symbols, r.outcome, r.held, r.target, r.desired, r.proposed, r.lots, r.reasons, strict=True
            )
        ],
    )


def holdings(run: Recorded) -> FlatTable:
    """One row a session and held symbol: weight and value at the close, before that session's orders."""
    return FlatTable(
        _HOLDINGS,
        [
            (r.session, symbol, weight, weight * r.nav / 100.0)
            for r in run.cycles
            for symbol, weight in zip(r.symbols, r.held, strict=True)
            if weight
        ],
    )


def auctions(run: Recorded) -> FlatTable:
    """One row a bid of each auction: forecast, penalties, allocation, what bound it and at what shadow price."""
    names = [name for name in _AUCTIONS if name != "date"]
    return FlatTable(
        _AUCTIONS,
        [
            (session, *(_flat(getattr(bid, name)) for name in names))
            for session, auction in run.auctions
            for bid in auction.bids
        ],
    )


def vetoes(run: Recorded) -> FlatTable:
    """One row a veto: trigger, severity, scope (a symbol or ``book``), the figure measured and its limit."""
    return FlatTable(
        _VETOES,
        [(r.session, v.trigger, v.severity, v.scope, v.measured, v.limit) for r in run.cycles for v in r.vetoes],
    )


def risk_events(run: Recorded) -> FlatTable:
    """One row per alert: ladder rungs, stops, re-entries."""
    return FlatTable(
        _EVENTS, [(e.day, e.kind, e.severity, e.scope, e.measured, e.limit) for r in run.cycles for e in r.events]
    )


def metrics(result: BacktestResult) -> FlatTable:
    """One row a figure, one column a portfolio: the run, and the benchmarks over the sessions they have."""
    books = {"Plimsoll": result.metrics, **result.benchmarks}
    told = {label: msgspec.structs.asdict(book) for label, book in books.items()}
    columns: dict[str, Kind] = {"figure": "text", **dict.fromkeys(books, "number")}
    return FlatTable(columns, [(name, *(book[name] for book in told.values())) for name in told["Plimsoll"]])


OF_RUN: dict[str, Callable[[Recorded], FlatTable]] = {
    "equity": equity, "drawdowns": drawdowns, "trades": trades, "fills": fills, "decisions": decisions,
    "holdings": holdings, "auctions": auctions, "vetoes": vetoes, "risk_events": risk_events,
}  # fmt: skip


def written(run: Recorded, result: BacktestResult | None) -> Iterable[tuple[str, FlatTable]]:
    """Every table of ``WRITTEN`` by name; without a result there are no metrics."""
    for name in WRITTEN:
        if name != "metrics":
            yield name, OF_RUN[name](run)
        elif result is not None:
            yield name, metrics(result)


def write_csv(folder: Path, tables: Iterable[tuple[str, FlatTable]]) -> list[Path]:
    """Write each table as ``<name>.csv`` (UTF-8, comma, a head line; absent is empty); their paths.

    Raises
    ------
    InputError : the folder cannot be made or written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables:
            path = folder / f"{name}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                out = csv.writer(file, lineterminator="\n")
                out.writerow(table.columns)
                out.writerows([_text(c) for c in row] for row in table.rows)
            paths.append(path)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}", "Name a folder that can be written") from None
    return paths


def _text(cell: Cell) -> Cell:
    return "" if cell is None else str(cell).lower() if isinstance(cell, bool) else cell


def _flat(value: Cell | tuple[str, ...]) -> Cell:
    return SEPARATOR.join(value) if isinstance(value, tuple) else value
