"""Recorded histories on which the future, a fresher file or the profile of ingestion once decided (D2, D9, D10)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plimsoll import app
from plimsoll.core.panel import Panel
from plimsoll.market import snapshot
from plimsoll.market.ingest import IngestReport, IngestRequest
from plimsoll.store.home import Home

BIDDER = """
from plimsoll.core.forecast import Forecast

class Three:
    name = "three"

    def forecast(self, view, holding, policy):
        return [Forecast(s, 0.01, 0.05, 0.8, 10, "wanted", score=1.0) for s in view.symbols if s != "^VIX"]
"""


def ingested(home: Path, source: Path, profile: str | None = None, **asked: object) -> IngestReport:
    return app.ingest(app.Workspace(home, profile), IngestRequest(provider="files", source=str(source), **asked))  # type: ignore[arg-type]


def panel_of(home: Path) -> Panel:
    return snapshot.load(snapshot.current(Home(home).snapshots))


pytestmark = pytest.mark.real_data


@pytest.fixture
def bidder(tmp_path: Path) -> str:
    file = tmp_path / "three.py"
    file.write_text(BIDDER)
    return str(file)


def test_a_crash_to_come_bars_nobody_before_it(tmp_path: Path, shared_data: Path, bidder: str) -> None:
    """APA falls 54 % in March 2020 and GL 53 % in 2024: in 2017 nobody can know it, whatever the home holds."""
    source, tickers = shared_data / "equities_daily.parquet", ("APA", "GL", "MSFT")
    ingested(tmp_path / "short", source, tickers=tickers, end="2019-12-31")
    ingested(tmp_path / "long", source, tickers=tickers)
    known = panel_of(tmp_path / "long")
    assert {c.symbol: c.state for c in known.certifications} == {"APA": "DEGRADED", "GL": "DEGRADED", "MSFT": "ACTIVE"}
    rows = known.sessions.row_at_or_after("2020-03-09")
    assert known.certified.sound[:rows, 0].all() and not known.certified.sound[rows:, 0].any()
    results = [
        app.backtest(
            app.Workspace(tmp_path / home, "institutional", changes={"strategies.enabled": [bidder]}),
            start="2017-01-03",
            end="2018-06-29",
        )
        for home in ("short", "long")
    ]
    assert {"GL", "MSFT"} <= {f.symbol for f in results[0].fills}
    assert results[0].fills == results[1].fills
    assert results[0].equity == results[1].equity


def test_a_fresher_index_sells_no_book(tmp_path: Path, shared_data: Path) -> None:
    ingested(tmp_path, shared_data / "equities_daily.parquet", tickers=("JPM", "KO", "MSFT"))
    ingested(tmp_path, shared_data / "vix_daily.parquet", symbol="^VIX")
    panel = panel_of(tmp_path)
    assert panel.sessions.dates[-1] == "2026-02-18"
    assert not any("SERIES_ENDED" in c.reasons for c in panel.certifications)
    assert not panel.certified.ended.any()


def test_the_profile_of_the_ingestion_decides_nothing(tmp_path: Path, shared_data: Path, bidder: str) -> None:
    source = shared_data / "equities_unadjusted_av.parquet"
    told = ingested(tmp_path / "one", source)
    ingested(tmp_path / "two", source, "institutional")
    assert any("no kind is given for AAPL" in note for note in told.notes)
    assert {i.kind for i in panel_of(tmp_path / "one").instruments} == {"plain"}
    one, two = (
        app.backtest(
            app.Workspace(tmp_path / home, "institutional", changes={"strategies.enabled": [bidder]}),
            start="2013-01-02",
            end="2013-06-28",
        )
        for home in ("one", "two")
    )
    assert (one.snapshot, one.decisions_hash) == (two.snapshot, two.decisions_hash)
    assert any("treated as stocks, each at most 10%" in note for note in one.notes)
    as_funds = app.backtest(
        app.Workspace(tmp_path / "one", changes={"strategies.enabled": [bidder]}), start="2013-01-02", end="2013-06-28"
    )
    assert as_funds.snapshot == one.snapshot
    assert as_funds.exposure.invested > one.exposure.invested
    assert any("treated as funds" in note for note in as_funds.notes)


def test_what_stands_in_for_vix_is_the_benchmarks_own(tmp_path: Path, shared_data: Path) -> None:
    ingested(tmp_path, shared_data / "etf_daily.parquet")
    found = app.regime(app.Workspace(tmp_path), None)
    panel = panel_of(tmp_path)
    close = panel.index[:, panel.column["SPY"]]
    bars = close[np.isfinite(close)]
    expected = 100.0 * np.std(bars[-20:] / bars[-21:-1] - 1.0, ddof=1) * np.sqrt(252.0)
    assert found.source == "SPY's realised volatility"
    assert found.vix_or_proxy == pytest.approx(expected)


def test_the_state_as_of_a_date_is_what_was_known_then(tmp_path: Path, shared_data: Path) -> None:
    ingested(tmp_path, shared_data / "equities_daily.parquet", tickers=("APA", "MSFT"))
    now, then, young = (app.verify_status(app.Workspace(tmp_path), day) for day in (None, "2019-12-31", "2013-12-31"))
    assert {s.symbol: s.state for s in now.symbols} == {"APA": "DEGRADED", "MSFT": "ACTIVE"}
    assert {s.symbol: s.state for s in then.symbols} == {"APA": "ACTIVE", "MSFT": "ACTIVE"}
    assert {s.state for s in young.symbols} == {"QUARANTINED"}  # 719 rows so far
    assert {s.last for s in then.symbols} == {"2019-12-31"}
    assert (now.as_of, then.as_of, now.snapshot) == ("", "2019-12-31", then.snapshot)
