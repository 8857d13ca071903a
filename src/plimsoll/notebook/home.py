"""A home in Python: every command as a method."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from plimsoll import app
from plimsoll.alpha import given
from plimsoll.notebook.run import Day, Run, iso, known, plain

if TYPE_CHECKING:
    from plimsoll.core.ports import RunReader
    from plimsoll.core.runs import AuditReport
    from plimsoll.market.ingest import IngestReport
    from plimsoll.reports.result import BacktestResult

Names = str | Path | Iterable[str | Path] | None
Strategies = object  # a name, a path, a strategy, a class of one, or several of them in a list

_RUNS: dict[str, Any] = {
    "run": pl.String,
    "mode": pl.String,
    "start": pl.String,
    "end": pl.String,
    "strategies": pl.String,
    "synthetic": pl.Boolean,
    "finished": pl.Boolean,
    "total_return": pl.Float64,
    "max_drawdown": pl.Float64,
    "sharpe": pl.Float64,
    "annual_return": pl.Float64,
    "profile": pl.String,
    "status": pl.String,
    "tag": pl.String,
    "policy": pl.String,
}


def open(home: str | Path = "runtime", *, profile: str | None = None, policy: Names = None) -> Home:
    """A home to work with; nothing is read or made until something is asked of it.

    Parameters
    ----------
    home : folder of data, snapshots and journals.
    profile : core, institutional, small-live or micro.
    policy : YAML file or files that change the profile, later ones winning.
    """
    return Home(Path(home), profile, tuple(Path(p) for p in _names(policy)))


class Home:
    """A folder of data, snapshots and journals, and what can be done with it. Each method is a command."""

    def __init__(self, path: Path, profile: str | None = None, policy: tuple[Path, ...] = ()) -> None:
        self.path = path
        self._profile, self._policy = profile, policy

    def __repr__(self) -> str:
        return f"plimsoll.open({str(self.path)!r})"

    def ingest(
        self, source: str | Path = "", *, provider: str | None = None, symbol: str | None = None,
        universe: str | Path | None = None, start: Day = None, end: Day = None, tickers: Sequence[str] = (),
        dates: str | None = None, columns: str | None = None, decimal: str | None = None,
    ) -> IngestReport:  # fmt: skip
        """Read market data into the home and certify it; ``provider="synthetic"`` makes a market up. Without a provider
        routing chooses: for a file or folder it is ``files``.
        """
        from plimsoll.market.request import IngestRequest

        request = IngestRequest(
            provider=provider,
            source=str(source),
            symbol=symbol,
            universe=None if universe is None else str(universe),
            start=iso(start, "start"),
            end=iso(end, "end"),
            tickers=tuple(tickers),
            dates=dates,
            columns=columns,
            decimal=decimal,
        )
        return app.ingest(self.workspace(), request)

    @property
    def status(self) -> pl.DataFrame:
        """One row a symbol: state, rows, expected, missing_pct, score, first, last, reasons."""
        found = app.verify_status(self.workspace())
        fields = ("symbol", "state", "rows", "expected", "missing_pct", "score", "first", "last", "reasons", "provider")
        return pl.DataFrame([{name: plain(getattr(one, name)) for name in fields} for one in found.symbols])

    def prices(self, field: str = "close") -> pl.DataFrame:
        """The certified snapshot, one row a session and one column a symbol; absent bars are null.

        ``field`` is open, high, low, close (traded prices), volume, dividend, split or index (total return).
        """
        from plimsoll.core.panel import FIELDS

        known(field, FIELDS, "field")
        panel = app.panel(self.workspace())
        days = pl.Series("date", panel.sessions.dates).str.to_date()
        return pl.DataFrame([days, *_columns(panel.symbols, getattr(panel, field))])

    def backtest(
        self, start: Day = None, end: Day = None, *, strategy: Strategies = None, policy: Names = None,
        costs: str | None = None, capital: float | None = None, operator: str | None = None,
        changes: Mapping[str, Any] | None = None, keep_going: bool = False,
    ) -> Run:  # fmt: skip
        """Run the governed system over certified history.

        Parameters
        ----------
        start, end : dates: text such as ``"2015-01-02"``, ``date``, ``datetime`` or a pandas timestamp; absent, the
            first and last possible session.
        strategy : a strategy's object or class, a built-in or installed name, the path of a ``.py`` file, or several.
        policy : YAML file or files that change the home's policy, later ones winning.
        costs : a cost preset, such as ``"ibkr-pro"``.
        capital : USD.
        operator : who signs re-entries, ``simulated`` or ``never``.
        changes : policy values by dotted key, such as ``{"cvar.budget_10": 0.04}``.
        keep_going : go on where a strategy raises, instead of stopping with ``StrategyFailed``.
        """
        where = self.workspace(_changes(strategy, capital, operator, costs, changes), policy)
        return self._finished(
            app.backtest(where, start=iso(start, "start"), end=iso(end, "end"), keep_going=keep_going)
        )

    def trade_recorded(
        self, start: Day = None, end: Day = None, *, strategy: Strategies = None, policy: Names = None,
        costs: str | None = None, capital: float | None = None, operator: str | None = None,
        changes: Mapping[str, Any] | None = None, keep_going: bool = False,
    ) -> Run:  # fmt: skip
        """Trade recorded sessions on a paper account; takes what ``backtest`` takes."""
        where = self.workspace(_changes(strategy, capital, operator, costs, changes), policy)
        result = app.trade_recorded(where, start=iso(start, "start"), end=iso(end, "end"), keep_going=keep_going)
        return self._finished(result)

    @property
    def runs(self) -> pl.DataFrame:
        """One row a run: name, mode, span, strategies and headline figures."""
        found = app.runs(self.workspace())
        rows = [tuple(plain(getattr(one, name)) for name in _RUNS) for one in found]
        return pl.DataFrame(rows, schema=_RUNS, orient="row")

    def run(self, name: str | None = None) -> Run:
        """A past run: name, beginning of a name or tag; the last finished one by default."""
        found = app.summary(self.workspace(), name)
        return Run(self.path, found, app.result(self.workspace(), found.run))

    def read(self, name: str | None = None) -> RunReader:
        """The journal of a past run, named as in ``run``, for use in a ``with``: nothing unverified is given."""
        return app.read(self.workspace(), name)

    def audit(self, run: str | None = None) -> AuditReport:
        """Recompute the hash chain of a run's journal."""
        return app.audit_verify(self.workspace(), run)

    def workspace(self, changes: Mapping[str, Any] | None = None, policy: Names = None) -> app.Workspace:
        """What the functions of ``plimsoll.app`` take: this home under its policy and further files, with ``changes``
        by dotted key.
        """
        files = (*self._policy, *(Path(p) for p in _names(policy)))
        return app.Workspace(self.path, self._profile, files, dict(os.environ), changes or {})

    def _finished(self, result: BacktestResult) -> Run:
        return self.run(result.run)


def _names(given: Names) -> list[str]:
    if given is None:
        return []
    return [str(given)] if isinstance(given, str | Path) else [str(one) for one in given]


def _changes(
    strategy: Strategies, capital: float | None, operator: str | None, costs: str | None,
    changes: Mapping[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    said = {
        "strategies.enabled": _enabled(strategy) or None,
        "account.capital": capital,
        "backtest.operator": operator,
        "costs.preset": costs,
    }
    return {**(changes or {}), **{key: value for key, value in said.items() if value is not None}}


def _enabled(strategy: Strategies) -> list[str]:
    """Names of strategies; an object or a class gets one."""
    if strategy is None:
        return []
    several = strategy if isinstance(strategy, list | tuple | set) else [strategy]
    return [str(one) if isinstance(one, str | Path) else given.give(one) for one in several]


def _columns(symbols: Sequence[str], values: Any) -> list[pl.Series]:
    return [pl.Series(s, values[:, n]).fill_nan(None) for n, s in enumerate(symbols)]
