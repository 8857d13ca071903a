"""Recorded history through Stage 1, judged against figures that came from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from plimsoll.app import wiring
from plimsoll.core.panel import Certification, Panel
from plimsoll.core.policy import Policy
from plimsoll.market import snapshot
from plimsoll.market.ingest import IngestReport, IngestRequest, ingest, planned
from plimsoll.store.bars import SqlBarStore
from plimsoll.store.raw_archive import RawArchive

pytestmark = pytest.mark.real_data


@dataclass(frozen=True)
class Home:
    path: Path

    def ingest(self, source: Path, symbol: str | None = None) -> IngestReport:
        request = IngestRequest(provider="files", source=str(source), symbol=symbol)
        now = "2026-11-20T00:00:00Z"
        with SqlBarStore(self.path / "plimsoll.db") as store:
            archive = RawArchive(self.path / "raw")
            plan = planned(request, wiring.providers(), now, known=store.instruments()[0])
            return ingest(plan, store, archive, self.path / "snapshots", Policy(), now)

    @property
    def panel(self) -> Panel:
        return snapshot.load(snapshot.current(self.path / "snapshots"))


def judged(panel: Panel) -> dict[str, Certification]:
    return {one.symbol: one for one in panel.certifications}


@pytest.fixture(scope="module")
def core(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("core"))
    home.ingest(shared_data / "etf_daily.parquet")
    home.ingest(shared_data / "vix_daily.parquet", "^VIX")
    home.ingest(shared_data / "macro_daily.parquet")
    return home


def test_the_fifteen_assets_and_vix_are_active_whatever_they_lived_through(core: Home) -> None:
    panel = core.panel
    assert len(panel.symbols) == 16
    assert {one.state for one in panel.certifications} == {"ACTIVE"}
    for symbol, one in judged(panel).items():
        if symbol != "^VIX":
            assert one.rows == one.expected
            assert [f.reason for f in one.flags] == ["DERIVED_ACTIONS"]


def test_vix_keeps_its_known_defects_as_dated_notes(core: Home) -> None:
    vix = judged(core.panel)["^VIX"]
    counts = {f.reason: (f.severity, f.count) for f in vix.flags}
    assert counts == {
        "MISSING_SESSIONS": ("note", 4),
        "OHLC_INCONSISTENT": ("note", 47),
        "OFF_GRID_ROWS": ("note", 33),
    }
    assert "DATA_LATE" in vix.reasons and not vix.ended  # its file stops a month before the others


def test_rows_are_the_days_spy_traded(core: Home, shared_data: Path) -> None:
    panel = core.panel
    frame = pl.read_parquet(shared_data / "etf_daily.parquet").filter(pl.col("symbol") == "SPY")
    days = frame["date"].dt.strftime("%Y-%m-%d").to_list()
    held = np.isfinite(panel.close[:, panel.column["SPY"]])
    assert [d for d, has in zip(panel.sessions.dates, held, strict=True) if has] == days
    assert held[panel.sessions.row_at_or_after("1995-01-03") : panel.sessions.row_at_or_before("2026-08-14") + 1].all()


def test_the_index_is_the_vendors_total_return(core: Home, shared_data: Path) -> None:
    panel = core.panel
    frame = pl.read_parquet(shared_data / "etf_daily.parquet")
    for symbol in ("SPY", "TLT", "SLV"):
        adjusted = frame.filter(pl.col("symbol") == symbol)["adj_close"].to_numpy()
        index = panel.index[:, panel.column[symbol]]
        assert index[np.isfinite(index)] == pytest.approx(adjusted / adjusted[0], rel=1e-9)


def test_derived_dividends_are_the_recorded_ones(core: Home, shared_data: Path) -> None:
    panel = core.panel
    recorded = pl.read_parquet(shared_data / "etf_dividends.parquet")
    off = []
    for symbol in panel.symbols:
        column = panel.dividend[:, panel.column[symbol]]
        mine = {panel.sessions.dates[row]: float(column[row]) for row in np.flatnonzero(column)}
        rows = recorded.filter(pl.col("symbol") == symbol)
        theirs = dict(zip(rows["date"].dt.strftime("%Y-%m-%d").to_list(), rows["dividend"].to_list(), strict=True))
        assert set(mine) <= set(theirs)
        off += [(symbol, day) for day in theirs if abs(theirs[day] - mine.get(day, 0.0)) > 5e-4]
    assert off == []


def test_bitcoin_folds_its_weekends_into_monday(core: Home, shared_data: Path) -> None:
    panel = core.panel
    frame = pl.read_parquet(shared_data / "etf_daily.parquet").filter(pl.col("symbol") == "BTC-USD")
    row = panel.sessions.row_at_or_after("2020-03-16")  # a Monday
    weekend = frame.filter(pl.col("date").dt.strftime("%Y-%m-%d").is_in(["2020-03-14", "2020-03-15", "2020-03-16"]))
    column = panel.column["BTC-USD"]
    assert panel.open[row, column] == weekend["open"][0]
    assert panel.high[row, column] == weekend["high"].max()
    assert panel.low[row, column] == weekend["low"].min()
    assert panel.close[row, column] == weekend["close"][-1]
    assert panel.volume[row, column] == weekend["volume"].sum()


def test_a_funds_row_is_not_fresh_after_its_last_bar(core: Home) -> None:
    panel = core.panel
    row = panel.sessions.row_at_or_before("2026-08-14")
    assert panel.sessions.dates[-1] == "2026-08-20"
    assert panel.fresh[row, panel.column["SPY"]]
    assert not panel.fresh[row + 1 :, panel.column["SPY"]].any()
    assert panel.fresh[-1, panel.column["BTC-USD"]]


def test_macro_is_known_only_after_its_day(core: Home, shared_data: Path) -> None:
    panel = core.panel
    bills = pl.read_parquet(shared_data / "macro_daily.parquet").filter(pl.col("series") == "DGS3MO").sort("date")
    column = panel.macro[:, panel.macro_names.index("DGS3MO")]
    dates = bills["date"].dt.strftime("%Y-%m-%d").to_list()
    for row in range(500, len(panel.sessions), 701):
        before = [v for d, v in zip(dates, bills["value"].to_list(), strict=True) if d < panel.sessions.dates[row]]
        assert column[row] == before[-1]


def test_the_same_history_again_is_the_same_snapshot(core: Home, shared_data: Path) -> None:
    before = core.panel.snapshot
    report = core.ingest(shared_data / "vix_daily.parquet", "^VIX")
    assert (report.snapshot, report.rows) == (before, 0)


def test_unadjusted_prices_with_actions_give_the_vendors_total_return(shared_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.ingest(shared_data / "equities_unadjusted_av.parquet")
    panel = home.panel
    frame = pl.read_parquet(shared_data / "equities_unadjusted_av.parquet")
    for symbol in panel.symbols:
        adjusted = frame.filter(pl.col("symbol") == symbol).sort("date")["adj_close"].cast(pl.Float64).to_numpy()
        index = panel.index[:, panel.column[symbol]]
        index = index[np.isfinite(index)]
        assert index[1:] / index[:-1] == pytest.approx(adjusted[1:] / adjusted[:-1], rel=1e-6)
    states = {s: c.state for s, c in judged(panel).items()}
    jumped = {s for s, c in judged(panel).items() if "UNEXPLAINED_JUMP" in c.reasons}
    assert jumped == {"AAPL", "C"}  # -52 % on 2000-09-29 and +58 % on 2008-11-24: real, and nothing here explains them
    assert {s for s, state in states.items() if state == "ACTIVE"} == {"BBBY", "KO", "MSFT", "NFLX"}


def test_reused_tickers_and_shells_are_not_traded(shared_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    report = home.ingest(shared_data / "equities_former_members_adj.parquet")
    found = judged(home.panel)
    assert report.alert.startswith("9 of 14 symbols were rejected")
    assert {s for s, c in found.items() if c.state == "QUARANTINED"} == {"ABI", "FB", "HET", "SAF"}
    assert {"UNEXPLAINED_JUMP", "EXPECTED_SHORT"} <= set(found["HET"].reasons)
    for symbol in ("ESRX", "AET", "MOLX"):
        assert (found[symbol].state, found[symbol].reasons) == ("ACTIVE", ("SERIES_ENDED",))


def test_negative_oil_is_degraded_and_its_rows_are_no_bars(shared_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.ingest(shared_data / "fx_futures_daily.parquet")
    panel = home.panel
    oil = judged(panel)["CL=F"]
    assert oil.state == "DEGRADED"
    assert {f.reason: f.severity for f in oil.flags}["NON_POSITIVE_PRICE"] == "note"  # of 2020: long past (D10)
    assert np.nanmin(panel.low[:, panel.column["CL=F"]]) > 0.0
    assert "UNEXPLAINED_JUMP" in judged(panel)["EURUSD=X"].reasons  # the bad prints of 2008


def test_three_hundred_stocks_are_certified_by_rule(shared_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    report = home.ingest(shared_data / "equities_daily.parquet")
    panel = home.panel
    found = judged(panel)
    assert (report.rows, panel.close.shape) == (1_100_921, (3769, 300))
    assert report.states == {"ACTIVE": 293, "DEGRADED": 7}
    assert {s for s, c in found.items() if c.reasons} == {"APA", "BLDR", "DHR", "EXPE", "GL", "SW", "VRTX"}
    for symbol, rows in (("AMCR", 1057), ("SW", 1172)):
        (stuck,) = [f for f in found[symbol].flags if f.reason == "STUCK_SERIES"]
        assert (stuck.severity, stuck.count) == ("note", rows)
    assert ("OHLC_INCONSISTENT", "note") in {(f.reason, f.severity) for f in found["HUBB"].flags}
