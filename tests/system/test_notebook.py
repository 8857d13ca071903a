"""The notebook API: the example runs, and the tables hold what the journal and the command's result hold."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

import plimsoll
from plimsoll import app
from plimsoll.core.errors import PlimsollError, UsageError
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.reports.page.formatting import figure, percent

ROOT = Path(__file__).resolve().parents[2]
SPAN = ("2024-01-02", "2025-12-31")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> plimsoll.Home:
    opened = plimsoll.open(tmp_path_factory.mktemp("notebook") / "home")
    opened.ingest("core:seed=3", provider="synthetic")
    return opened


@pytest.fixture(scope="module")
def run(home: plimsoll.Home) -> plimsoll.Run:
    return home.backtest(*SPAN, strategy=["core_trend", "xs_momentum"], capital=250_000)


def test_the_example_runs_and_writes_its_figures(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "notebook_tour.py", tmp_path / "home"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout
    for name in plimsoll.FIGURES:
        assert (tmp_path / "home" / f"{name}.html").stat().st_size > 1000


def test_importing_plimsoll_imports_nothing_heavy() -> None:
    code = "import sys, plimsoll; print(sorted({'numpy', 'polars', 'msgspec', 'rich', 'plotly'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"open", "Home", "Run"} <= set(dir(plimsoll))
    with pytest.raises(AttributeError, match="opne"):
        _ = plimsoll.opne


def test_equity_is_the_result_of_the_command(run: plimsoll.Run) -> None:
    told = [(d.isoformat(), nav) for d, nav in run.equity.select("date", "nav").iter_rows()]
    assert run.result is not None
    assert told == [tuple(row) for row in run.result.equity]
    assert run.equity["drawdown"].max() == pytest.approx(run.result.metrics.max_drawdown)
    assert run.equity["drawdown"].min() == 0.0
    grown = (1.0 + run.equity["return"].drop_nulls()).product()
    assert grown - 1.0 == pytest.approx(run.result.metrics.total_return)
    assert run.equity["mode"].value_counts().sum().item(0, "count") == run.result.sessions


def test_fills_are_the_commands_in_dollars(run: plimsoll.Run) -> None:
    assert run.result is not None
    assert run.fills.height == len(run.result.fills) > 0
    assert f"{run.fills['commission'].sum():.2f}" == run.result.costs["commission"]
    last = run.result.fills[-1]
    assert run.fills.row(-1, named=True)["notional"] == last.notional / 100.0


def test_decisions_count_as_in_the_result(run: plimsoll.Run) -> None:
    assert run.result is not None
    counts = dict(run.decisions["outcome"].value_counts().iter_rows())
    assert counts["EXECUTE"] == run.result.decisions["EXECUTE"]
    assert counts.get("REJECT", 0) == run.result.decisions["REJECT"]
    assert run.decisions.filter(pl.col("reasons") == "").is_empty()


def test_weights_add_up_to_gross_exposure(run: plimsoll.Run) -> None:
    total = run.weights.select(pl.sum_horizontal(pl.exclude("date"))).to_series()
    assert total.to_list() == pytest.approx(run.equity["gross"].to_list(), abs=1e-9)


def test_auctions_hold_every_bid(run: plimsoll.Run) -> None:
    assert run.result is not None
    assert run.auctions["date"].n_unique() <= run.result.auctions
    assert set(run.auctions["strategy"]) == {"core_trend", "xs_momentum"}
    won = run.auctions.filter(pl.col("decision") == "ALLOCATED")
    assert (won["weight"] > 0.0).all()


def test_metrics_stand_beside_passive_books(run: plimsoll.Run) -> None:
    assert run.result is not None
    assert run.metrics.columns == ["figure", "Plimsoll", *run.result.benchmarks]
    figures = dict(zip(run.metrics["figure"], run.metrics["Plimsoll"], strict=True))
    assert figures["sharpe"] == run.result.metrics.sharpe


def test_a_past_run_reads_the_same_from_its_journal(home: plimsoll.Home, run: plimsoll.Run) -> None:
    again = home.run(run.summary.run)
    assert again.result == run.result
    assert again.metrics.equals(run.metrics)
    for name in ("equity", "fills", "decisions", "weights", "auctions", "vetoes", "risk_events"):
        assert getattr(again, name).equals(getattr(run, name)), name
    assert run.summary.run in home.runs["run"]
    assert home.audit(run.summary.run).ok


def test_a_run_without_fills_has_empty_tables_of_the_same_columns(home: plimsoll.Home, run: plimsoll.Run) -> None:
    short = home.backtest("2025-12-30", "2025-12-30")
    assert short.fills.is_empty()
    for name in ("fills", "vetoes", "risk_events", "auctions", "decisions"):
        assert getattr(short, name).schema == getattr(run, name).schema
    assert short.weights.columns == ["date"]
    assert len(short.figure("weights").data) == 0


def test_changes_reach_the_policy(home: plimsoll.Home, run: plimsoll.Run) -> None:
    other = home.backtest(*SPAN, changes={"limits.gross_max": 0.2})
    assert other.summary.policy != run.summary.policy
    assert other.equity["gross"].max() < 0.25 < run.equity["gross"].max()


def test_a_recorded_session_decides_as_the_backtest(home: plimsoll.Home) -> None:
    span = ("2025-10-01", "2025-12-31")
    paper, tested = home.trade_recorded(*span), home.backtest(*span)
    assert paper.summary.mode == "paper"
    assert paper.decisions.equals(tested.decisions)


def test_an_explanation_is_a_table_of_sentences(run: plimsoll.Run) -> None:
    trade = run.decisions.filter(pl.col("outcome") == "EXECUTE").row(0, named=True)
    told = run.explain(trade["date"].isoformat(), trade["symbol"])
    assert set(told["symbol"]) == {trade["symbol"]}
    assert "outcome" in told["step"].to_list()
    assert told["sentence"].str.contains("EXECUTE").any()


def test_limits_of_a_close_are_a_table(run: plimsoll.Run) -> None:
    last = run.records[-1]
    found = run.risk().filter(pl.col("name") == "cvar_10").row(0, named=True)
    assert found["measured"] == last.figures["cvar_10"] and found["limit"] == last.limits["cvar_budget_10"]
    assert found["use"] == pytest.approx(found["measured"] / found["limit"])
    earlier = run.risk(run.records[5].session).filter(pl.col("name") == "gross")["measured"][0]
    assert earlier == run.records[5].figures["gross"]


def test_a_report_is_written_where_asked(run: plimsoll.Run, tmp_path: Path) -> None:
    page = run.report(tmp_path / "page.html")
    assert page == tmp_path / "page.html"
    assert run.summary.run in page.read_text(encoding="utf-8")


def test_status_and_prices_are_the_snapshot(home: plimsoll.Home) -> None:
    assert set(home.status["state"]) == {"ACTIVE"}
    close = home.prices()
    assert close.columns[0] == "date"
    assert set(home.status["symbol"]) <= set(close.columns)
    assert close["date"].is_sorted()
    assert close["SPY"].null_count() == 0
    assert not close["SPY"].is_nan().any()


def test_pandas_tables_are_indexed_by_date_where_there_is_one_row_a_date(run: plimsoll.Run) -> None:
    weights, fills = run.to_pandas("weights"), run.to_pandas("fills")
    assert list(weights.columns) == run.weights.columns[1:]
    assert weights.index.is_unique
    assert len(fills) == run.fills.height
    assert fills["date"].iloc[0].date() == run.fills["date"][0]


@pytest.mark.parametrize("name", plimsoll.FIGURES)
def test_each_figure_has_a_curve_and_says_synthetic(run: plimsoll.Run, name: str) -> None:
    figure = run.figure(name)
    assert len(figure.data) >= 1
    assert len(figure.data[0].x) == run.equity.height
    assert "SYNTHETIC" in figure.layout.title.subtitle.text


class Steady:
    """Expects a little of SPY, always."""

    name = "steady"

    def __init__(self, mu: float = 0.01) -> None:
        self.mu = mu

    def forecast(self, view: View, holding: Holding, policy: Policy) -> list[Forecast]:
        return [Forecast("SPY", self.mu, 0.04, 0.9, policy.auction.horizon, "steady")]


def test_a_strategy_may_be_a_class_or_an_object(home: plimsoll.Home) -> None:
    day = date(2024, 6, 3)
    made = home.backtest(day, datetime(2024, 9, 30, 17, tzinfo=UTC), strategy=Steady)
    assert made.summary.strategies == ("steady",) and set(made.auctions["strategy"]) == {"steady"}
    assert made.summary.start == "2024-06-03" and made.summary.end == "2024-09-30"
    again = home.backtest("2024-06-03", "2024-09-30", strategy=[Steady(0.01)])
    assert again.result is not None and made.result is not None
    assert (again.result.decisions_hash, again.result.code) == (made.result.decisions_hash, made.result.code)
    other = home.backtest(day, "2024-09-30", strategy=Steady(0.02))
    assert other.result is not None and other.result.policy != made.result.policy
    assert other.result.code != made.result.code


def test_a_cost_preset_is_named_by_the_result_and_paid(home: plimsoll.Home) -> None:
    made = home.backtest("2024-06-03", "2024-12-31", costs="us-etf-zero-commission")
    assert made.result is not None and any("preset us-etf-zero-commission as of" in n for n in made.result.notes)
    funds = made.fills.filter((pl.col("symbol") != "BTC-USD") & (pl.col("lots") > 0))
    assert funds.height > 0 and funds["commission"].sum() == 0.0
    with pytest.raises(PlimsollError, match=r"costs\.preset is 'alpacca'; did you mean 'alpaca'"):
        home.backtest(costs="alpacca")


def test_days_may_be_whatever_has_a_date(home: plimsoll.Home, run: plimsoll.Run) -> None:
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    for day in (pandas.Timestamp("2025-12-30"), numpy.datetime64("2025-12-30"), date(2025, 12, 30)):
        assert home.backtest(day, day).summary.start == "2025-12-30"
    trade = run.decisions.filter(pl.col("outcome") == "EXECUTE").row(0, named=True)
    assert run.explain(trade["date"], trade["symbol"]).equals(run.explain(f"{trade['date']}", trade["symbol"]))
    assert run.risk(run.equity["date"][3]).height > 0
    with pytest.raises(UsageError, match="start=20250102 is no date"):
        home.backtest(start=20250102)


def test_every_table_is_written_as_csv_and_read_back_the_same(run: plimsoll.Run, tmp_path: Path) -> None:
    paths = run.to_csv(tmp_path / "tables")
    assert [p.stem for p in paths] == [
        "equity", "drawdowns", "trades", "fills", "decisions", "holdings", "auctions", "vetoes", "risk_events",
        "metrics",
    ]  # fmt: skip
    for path in paths:
        table: pl.DataFrame = getattr(run, path.stem)
        known = table.with_columns(pl.col(pl.String).replace("", None))  # a CSV knows no empty text
        assert pl.read_csv(path, schema=table.schema).equals(known, null_equal=True), path.stem
        table.write_csv(tmp_path / "again.csv")  # no column is nested
        assert pl.read_csv(tmp_path / "again.csv", schema=table.schema).height == table.height
    run.weights.write_csv(tmp_path / "weights.csv")
    with pytest.raises(PlimsollError, match="folder that can be written"):
        run.to_csv(tmp_path / "again.csv")


def test_the_report_command_writes_the_same_tables(home: plimsoll.Home, run: plimsoll.Run, tmp_path: Path) -> None:
    app.report(home.workspace(), run.summary.run, tmp_path / "page.html", csv=tmp_path / "a")
    for path in run.to_csv(tmp_path / "b"):
        assert (tmp_path / "a" / path.name).read_bytes() == path.read_bytes()


def test_trades_are_the_money_of_the_run(run: plimsoll.Run) -> None:
    earned = run.trades["result"].sum() + sum(e.cents for e in run.events if getattr(e, "kind", "") == "interest") / 100
    assert earned == pytest.approx(run.equity["nav"][-1] - 250_000, abs=1.0)
    paid = sum(run.fills[name].sum() for name in ("commission", "slippage", "impact"))
    assert run.trades["costs"].sum() == pytest.approx(paid)
    assert run.trades.filter(pl.col("open"))["exited"].null_count() == run.trades["open"].sum()
    assert run.holdings["weight"].sum() == pytest.approx(run.equity["gross"].sum())


def test_a_run_shows_itself(home: plimsoll.Home, run: plimsoll.Run) -> None:
    text, markup = repr(run), run._repr_html_()
    assert text.startswith(f"<run {run.summary.run}: core_trend, xs_momentum, ") and "SYNTHETIC DATA" in text
    assert run.result is not None
    for shown in (percent(run.result.metrics.annual_return), figure(run.result.metrics.sharpe), "SPY buy-and-hold"):
        assert shown in text and shown in markup
    assert "<polyline" in markup and markup.count("<tr>") == 7 and "<script" not in markup
    assert repr(home.run(run.summary.run)) == text


def test_wrong_names_are_refused_with_the_nearest(home: plimsoll.Home, run: plimsoll.Run) -> None:
    with pytest.raises(UsageError, match="did you mean 'equity'"):
        run.figure("equty")
    with pytest.raises(UsageError, match="did you mean 'close'"):
        home.prices("clos")
    with pytest.raises(UsageError, match="did you mean 'fills'"):
        run.to_pandas("fill")
    with pytest.raises(PlimsollError, match="did you mean 'gross_max'"):
        home.backtest(changes={"limits.gros_max": 0.2})


def test_without_plotly_the_error_says_what_to_install(run: plimsoll.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(PlimsollError, match=r"plimsoll\[plots\]"):
        run.figure()
