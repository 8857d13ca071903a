"""A run as tables and figures, read from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from plimsoll import app
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import UsageError
from plimsoll.core.events import Event
from plimsoll.core.runs import RunSummary
from plimsoll.notebook import shown
from plimsoll.reports import tables
from plimsoll.reports.recorded import Recorded, sorted_events

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects

    from plimsoll.reports.result import BacktestResult

Day = str | date | Any | None  # a datetime too, and what has its ``date()``
TABLES = (
    "equity", "drawdowns", "trades", "fills", "decisions", "holdings", "weights", "auctions", "vetoes", "risk_events",
    "metrics",
)  # fmt: skip
FIGURES = ("equity", "drawdown", "weights", "risk")
_ISO_DATE = 10  # characters

_TYPES: dict[str, Any] = {
    "date": pl.Date, "text": pl.String, "number": pl.Float64, "count": pl.Int64, "flag": pl.Boolean
}  # fmt: skip
_RISK: dict[str, Any] = {
    **dict.fromkeys(("name", "scope"), pl.String),
    **dict.fromkeys(("measured", "limit", "use", "headroom", "headroom_usd"), pl.Float64),
    **dict.fromkeys(("unit", "binds", "verdict"), pl.String),
}


class Run:
    """A run read from its journal. Tables are made when first asked for.

    ``summary`` is its line in ``home.runs``; ``result`` the public result of the command, None for a run that did not
    finish or was made before results were stored.
    """

    def __init__(self, home: Path, summary: RunSummary, result: BacktestResult | None = None) -> None:
        self.home, self.summary, self.result = home, summary, result

    def __repr__(self) -> str:
        return shown.plain(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: key figures beside the passive books, and the curve."""
        return shown.html(self)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Everything the journal holds, in order, as the system's own values."""
        return app.journaled(app.Workspace(self.home), self.summary.run)

    @cached_property
    def records(self) -> tuple[CycleRecord, ...]:
        """The decision cycles, one a session."""
        return tuple(e for e in self.events if isinstance(e, CycleRecord))

    @cached_property
    def _recorded(self) -> Recorded:
        return sorted_events(self.events)

    def _table(self, name: str) -> pl.DataFrame:
        return frame(tables.OF_RUN[name](self._recorded))

    @property
    def metrics(self) -> pl.DataFrame:
        """One row a figure, one column a book: the run, and passive books over the same sessions.

        Net of costs, on daily closes, over the whole span or as much of it as a passive book has data for. A run that
        did not finish has its headline figures, as far as they are known.
        """
        if self.result is not None:
            return frame(tables.metrics(self.result))
        kept = ("total_return", "max_drawdown", "sharpe")
        return pl.DataFrame({"figure": kept, "Plimsoll": [getattr(self.summary, name) for name in kept]})

    @cached_property
    def equity(self) -> pl.DataFrame:
        """One row a session: nav and cash (USD), return (1 session), drawdown (since the start), gross, the CVaR of
        the book at 1 and 10 sessions (95 %), the crisis probability, VIX, mode, ladder level and new_risk.
        """
        return self._table("equity")

    @cached_property
    def drawdowns(self) -> pl.DataFrame:
        """One row a fall below the running peak of closes, deepest first; ``recovered`` is null while it lasts."""
        return self._table("drawdowns")

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row a position from entry to exit, in USD: what was paid in, profit after costs, income beside it, both
        together over what was paid in (``gain``), worst and best so far on closes. Open ones count at the last close.
        """
        return self._table("trades")

    @cached_property
    def fills(self) -> pl.DataFrame:
        """One row an execution: lots are signed, price as traded; notional and the three costs in USD."""
        return self._table("fills")

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """One row a session and judged symbol: outcome, weights before, wanted and proposed, lots and reasons.

        A symbol without a row was on HOLD because it is not in the target portfolio. Reason codes are in
        docs/reasons.md, several in one text, separated by ``; ``.
        """
        return self._table("decisions")

    @cached_property
    def holdings(self) -> pl.DataFrame:
        """One row a session and held symbol: weight (fraction of NAV) and value (USD) at the close."""
        return self._table("holdings")

    @cached_property
    def weights(self) -> pl.DataFrame:
        """One row a session and one column a symbol ever held: its weight at the close, fraction of NAV."""
        held = {s for r in self.records for s, w in zip(r.symbols, r.held, strict=True) if w}
        rows = [dict(zip(r.symbols, r.held, strict=True)) for r in self.records]
        columns = {s: [row.get(s, 0.0) for row in rows] for s in sorted(held)}
        return pl.DataFrame({"date": _dates(r.session for r in self.records), **columns})

    @cached_property
    def auctions(self) -> pl.DataFrame:
        """One row a bid of each auction: forecast, penalties, allocation, what bound it and at what shadow price."""
        return self._table("auctions")

    @cached_property
    def vetoes(self) -> pl.DataFrame:
        """One row a veto: trigger, severity, scope (a symbol or ``book``), the figure measured and its limit."""
        return self._table("vetoes")

    @cached_property
    def risk_events(self) -> pl.DataFrame:
        """One row an event a person would want to be told of: ladder rungs, stops, re-entries."""
        return self._table("risk_events")

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write every table as ``<name>.csv`` into ``folder``; their paths."""
        return tables.write_csv(Path(folder), tables.written(self._recorded, self.result))

    def explain(self, on: Day, symbol: str | None = None) -> pl.DataFrame:
        """Why each symbol, or one, was traded or not in a session: one row a sentence, link by link of the chain."""
        told = app.explain(app.Workspace(self.home), iso(on, "on") or "", symbol, self.summary.run)
        chains = [("", told.summary)] if symbol is None else []
        chains += [(chain.symbol, chain.steps) for chain in told.symbols]
        rows = [(name, step.name, said) for name, steps in chains for step in steps for said in step.sentences]
        return pl.DataFrame(rows, schema=["symbol", "step", "sentence"], orient="row")

    def risk(self, on: Day = None) -> pl.DataFrame:
        """How much of each limit the book used at a close, the last by default: one row a limit and scope."""
        found = app.risk(app.Workspace(self.home), iso(on, "on"), self.summary.run)
        names = ("name", "scope", "measured", "limit", "use", "headroom", "headroom_usd", "unit", "binds", "verdict")
        return pl.DataFrame([{name: getattr(one, name) for name in names} for one in found.limits], schema=_RISK)

    def report(self, output: str | Path | None = None, *, hurdles: bool = False) -> Path:
        """Write the run's report as one HTML file, in the home by default; ``hurdles`` adds five prices of risk."""
        path = None if output is None else Path(output)
        return app.report(app.Workspace(self.home), self.summary.run, path, hurdles=hurdles)

    def to_pandas(self, name: str) -> pandas.DataFrame:
        """A table by its name as a pandas DataFrame, indexed by date where it has one row a date."""
        import pandas as pd

        known(name, TABLES, "table")
        frame: pl.DataFrame = getattr(self, name)
        made = pd.DataFrame(frame.to_dict(as_series=False))
        if "date" in made:
            made["date"] = pd.to_datetime(made["date"])
        return made.set_index("date") if name in ("equity", "weights") else made

    def figure(self, name: str = "equity") -> plotly.graph_objects.Figure:
        """A plotly figure: equity, drawdown, weights or risk. Needs the extra ``plimsoll[plots]``."""
        known(name, FIGURES, "figure")
        from plimsoll.notebook import figures

        return figures.draw(name, self)


def plain(value: Any) -> Any:
    """What a table cell takes: several texts become one."""
    return tables.SEPARATOR.join(value) if isinstance(value, tuple) else value


def known(name: str, names: Sequence[str], what: str) -> None:
    """Refuse a name that is not one of ``names``, and suggest the nearest."""
    if name in names:
        return
    from plimsoll.store.policy_file import did_you_mean

    raise UsageError(f"there is no {what} {name!r}{did_you_mean(name, names)}", f"Choose from {', '.join(names)}")


def frame(table: tables.FlatTable) -> pl.DataFrame:
    """A table as polars holds it."""
    schema = {name: pl.String if kind == "date" else _TYPES[kind] for name, kind in table.columns.items()}
    made = pl.DataFrame(table.rows, schema=schema, orient="row", strict=False)
    days = [name for name, kind in table.columns.items() if kind == "date"]
    return made.with_columns(pl.col(days).str.to_date()) if days else made


def iso(day: Day, name: str) -> str | None:
    """ISO text of a day: text, a ``date``, a ``datetime``, or what behaves like one (pandas, polars, numpy).

    Raises
    ------
    UsageError : it is none of them.
    """
    if day is None or isinstance(day, str):
        return day
    whole = getattr(day, "date", None)
    text = str(whole() if callable(whole) else day)[:_ISO_DATE]
    try:
        if isinstance(day, int | float):
            raise ValueError(day)
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(
            f"{name}={day!r} is no date", "Give a date, a datetime, or a text such as '2015-01-02'"
        ) from None


def _dates(iso: Iterable[str]) -> list[date]:
    return [date.fromisoformat(text) for text in iso]
