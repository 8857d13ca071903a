"""A run as tables and figures, read from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from plimsoll import app
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import UsageError
from plimsoll.core.events import Event
from plimsoll.core.order import Fill
from plimsoll.store.home import RunSummary

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects

    from plimsoll.reports.result import BacktestResult

TABLES = ("equity", "fills", "decisions", "weights", "auctions", "vetoes", "risk_events", "metrics")
FIGURES = ("equity", "drawdown", "weights", "risk")

_CODES = pl.List(pl.String)
_EQUITY: dict[str, Any] = {
    "date": pl.Date,
    **dict.fromkeys(("nav", "cash", "gross", "cvar_1", "cvar_10", "crisis", "vix"), pl.Float64),
    "mode": pl.String,
    "level": pl.Int64,
    "new_risk": pl.Boolean,
}
_FILLS: dict[str, Any] = {
    "date": pl.Date,
    "symbol": pl.String,
    "lots": pl.Int64,
    **dict.fromkeys(("price", "notional", "commission", "slippage", "impact"), pl.Float64),
    "reason": pl.String,
    "order": pl.String,
}
_DECISIONS: dict[str, Any] = {
    **dict.fromkeys(("date", "symbol", "outcome"), pl.String),
    **dict.fromkeys(("held", "programme", "desired", "proposed"), pl.Float64),
    "lots": pl.Int64,
    "reasons": _CODES,
}
_RISK: dict[str, Any] = {
    **dict.fromkeys(("name", "scope"), pl.String),
    **dict.fromkeys(("measured", "limit", "use", "headroom", "headroom_usd"), pl.Float64),
    **dict.fromkeys(("unit", "binds", "verdict"), pl.String),
}
_AUCTIONS: dict[str, Any] = {
    **dict.fromkeys(("date", "strategy", "symbol", "decision"), pl.String),
    "rank": pl.Int64,
    **dict.fromkeys(("mu", "adjusted", "cost", "cap", "weight", "return_share", "cvar_share"), pl.Float64),
    **dict.fromkeys(("confidence", "score", "quality"), pl.Float64),
    "reasons": _CODES,
    "binding": pl.String,
    "price": pl.Float64,
}
_VETOES: dict[str, Any] = {
    **dict.fromkeys(("date", "trigger", "severity", "scope"), pl.String),
    **dict.fromkeys(("measured", "limit"), pl.Float64),
}
_EVENTS: dict[str, Any] = {
    **dict.fromkeys(("date", "kind", "severity", "scope"), pl.String),
    **dict.fromkeys(("measured", "limit"), pl.Float64),
}


class Run:
    """A run read from its journal. Tables are made when first asked for.

    ``summary`` is its line in ``home.runs``; ``result`` the public result of the command, None for a run that did not
    finish or was made before results were stored.
    """

    def __init__(self, home: Path, summary: RunSummary, result: BacktestResult | None = None) -> None:
        self.home, self.summary, self.result = home, summary, result

    def __repr__(self) -> str:
        s = self.summary
        made_up = ", SYNTHETIC DATA" if s.synthetic else ""
        return f"<run {s.run}: {', '.join(s.strategies)}, {s.start} to {s.end}{made_up}>"

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Everything the journal holds, in order, as the system's own values."""
        return app.journaled(app.Workspace(self.home), self.summary.run)

    @cached_property
    def records(self) -> tuple[CycleRecord, ...]:
        """The decision cycles, one a session."""
        return tuple(e for e in self.events if isinstance(e, CycleRecord))

    @property
    def metrics(self) -> pl.DataFrame:
        """One row a figure, one column a book: the run, and passive books over the same sessions.

        Net of costs, on daily closes, over the whole span or as much of it as a passive book has data for.
        """
        if self.result is None:
            kept = ("total_return", "max_drawdown", "sharpe")
            return pl.DataFrame({"figure": kept, "Plimsoll": [getattr(self.summary, name) for name in kept]})
        books = {"Plimsoll": self.result.metrics, **self.result.benchmarks}
        figures = {label: msgspec.structs.asdict(book) for label, book in books.items()}
        names = list(figures["Plimsoll"])
        columns = {label: [_number(book[name]) for name in names] for label, book in figures.items()}
        return pl.DataFrame({"figure": names, **columns})

    @cached_property
    def equity(self) -> pl.DataFrame:
        """One row a session: nav and cash (USD), return (1 session), drawdown (since the start), gross, the CVaR of
        the book at 1 and 10 sessions (95 %), the crisis probability, VIX, mode, ladder level and new_risk.
        """
        nav = [r.nav / 100.0 for r in self.records]
        made = pl.DataFrame(
            {
                "date": _dates(r.session for r in self.records),
                "nav": nav,
                "cash": [r.cash / 100.0 for r in self.records],
                "gross": [r.figures.get("gross") for r in self.records],
                "cvar_1": [r.figures.get("cvar_1") for r in self.records],
                "cvar_10": [r.figures.get("cvar_10") for r in self.records],
                "crisis": [r.regime.crisis for r in self.records],
                "vix": [r.regime.vix for r in self.records],
                "mode": [r.carried.mode for r in self.records],
                "level": [r.restraint.level for r in self.records],
                "new_risk": [not r.bars_new_risk for r in self.records],
            },
            schema=_EQUITY,
        )
        peak = pl.col("nav").cum_max()
        return made.with_columns(
            pl.col("nav").pct_change().alias("return"), (1.0 - pl.col("nav") / peak).alias("drawdown")
        )

    @cached_property
    def fills(self) -> pl.DataFrame:
        """One row an execution: lots are signed, price as traded; notional and the three costs in USD."""
        found = [e for e in self.events if isinstance(e, Fill)]
        money = ("notional", "commission", "slippage", "impact")
        columns = {
            "date": _dates(f.session for f in found),
            "symbol": [f.symbol for f in found],
            "lots": [f.lots for f in found],
            "price": [f.price for f in found],
            **{name: [getattr(f, name) / 100.0 for f in found] for name in money},
            "reason": [f.reason for f in found],
            "order": [f.id for f in found],
        }
        return pl.DataFrame(columns, schema=_FILLS)

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """One row a session and judged symbol: outcome, weights before, wanted and proposed, lots and reasons.

        A symbol without a row was on HOLD because it is not in the programme. Reason codes are in docs/reasons.md.
        """
        rows = [
            (record.session, *row)
            for record in self.records
            for row in zip(
                record.symbols, record.outcome, record.held, record.programme, record.desired, record.proposed,
                record.lots, record.reasons, strict=True,
            )
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=_DECISIONS, orient="row").with_columns(pl.col("date").str.to_date())

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
        names = [name for name in _AUCTIONS if name != "date"]
        rows = [
            (record.session, *(plain(getattr(bid, name)) for name in names))
            for record in self.records
            if record.auction is not None
            for bid in record.auction.bids
        ]
        return pl.DataFrame(rows, schema=_AUCTIONS, orient="row").with_columns(pl.col("date").str.to_date())

    @cached_property
    def vetoes(self) -> pl.DataFrame:
        """One row a veto: trigger, severity, scope (a symbol or ``book``), the figure measured and its limit."""
        rows = [
            (r.session, v.trigger, v.severity, v.scope, v.measured, v.limit) for r in self.records for v in r.vetoes
        ]
        return pl.DataFrame(rows, schema=_VETOES, orient="row").with_columns(pl.col("date").str.to_date())

    @cached_property
    def risk_events(self) -> pl.DataFrame:
        """One row an event a person would want to be told of: ladder rungs, stops, re-entries."""
        rows = [(e.day, e.kind, e.severity, e.scope, e.measured, e.limit) for r in self.records for e in r.events]
        return pl.DataFrame(rows, schema=_EVENTS, orient="row").with_columns(pl.col("date").str.to_date())

    def explain(self, on: str, symbol: str | None = None) -> pl.DataFrame:
        """Why each symbol, or one, was traded or not in a session: one row a sentence, link by link of the chain."""
        told = app.explain(app.Workspace(self.home), on, symbol, self.summary.run)
        chains = [("", told.summary)] if symbol is None else []
        chains += [(chain.symbol, chain.steps) for chain in told.symbols]
        rows = [(name, step.name, said) for name, steps in chains for step in steps for said in step.sentences]
        return pl.DataFrame(rows, schema=["symbol", "step", "sentence"], orient="row")

    def risk(self, on: str | None = None) -> pl.DataFrame:
        """How much of each limit the book used at a close, the last by default: one row a limit and scope."""
        found = app.risk(app.Workspace(self.home), on, self.summary.run)
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
    """What a table cell takes."""
    return list(value) if isinstance(value, tuple) else value


def known(name: str, names: Sequence[str], what: str) -> None:
    """Refuse a name that is none of ``names``, with the nearest that is."""
    if name in names:
        return
    from plimsoll.store.policy_file import did_you_mean

    raise UsageError(f"there is no {what} {name!r}{did_you_mean(name, names)}", f"Choose from {', '.join(names)}")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _dates(iso: Iterable[str]) -> list[date]:
    return [date.fromisoformat(text) for text in iso]
