"""Ingestion into a real home: repeatable, resumable, honest about what it refused (D1, D7, D8, D12-D14)."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.app import wiring
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import Halted, InputError, UsageError
from plimsoll.core.panel import Panel
from plimsoll.core.policy import DataPolicy, Policy
from plimsoll.market import snapshot
from plimsoll.market.calendars import expected_days
from plimsoll.market.ingest import IngestReport, IngestRequest, Progress, ingest, planned
from plimsoll.market.routing import RouteTaken, Skip
from plimsoll.market.status import certified, status
from plimsoll.store.bars import SqlBarStore
from plimsoll.store.raw_archive import RawArchive

POLICY = Policy()
NOW = "2026-11-20T19:00:00Z"
LAST = day_number("2026-06-30")
SESSIONS = expected_days("XNYS", day_number("2020-01-02"), LAST)  # 1631 of them


@dataclass(frozen=True)
class Home:
    path: Path

    def ingest(
        self, now: str = NOW, archive: RawArchive | None = None, progress: Progress | None = None, **request: Any
    ) -> IngestReport:
        wanted = IngestRequest(**{"provider": "files", **request})
        with SqlBarStore(self.path / "plimsoll.db") as store:
            plan = planned(wanted, wiring.providers(), now, known=store.instruments()[0])
            kept = archive or RawArchive(self.path / "raw")
            return ingest(plan, store, kept, self.snapshots, POLICY, now, progress)

    @property
    def snapshots(self) -> Path:
        return self.path / "snapshots"

    @property
    def panel(self) -> Panel:
        return snapshot.load(snapshot.current(self.snapshots))

    def reasons(self, symbol: str) -> tuple[str, ...]:
        (one,) = [s for s in status(self.snapshots, POLICY).symbols if s.symbol == symbol]
        return (one.state, *one.reasons)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def price(symbol: str) -> np.ndarray:
    seed = sum(map(ord, symbol))
    return np.round(100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, SESSIONS.size))), 4)


def table(
    path: Path,
    symbols: tuple[str, ...] = ("AAA", "BBB"),
    days: np.ndarray = SESSIONS,
    factor: float = 1.0,
    adjusted: float = 1.0,
) -> str:
    lines = ["symbol,date,open,high,low,close,adj_close,volume"]
    for symbol in symbols:
        for day, close in zip(days, price(symbol)[np.searchsorted(SESSIONS, days)] * factor, strict=True):
            close = float(close)
            lines.append(f"{symbol},{iso_day(day)},{close},{close + 1},{close - 1},{close},{close * adjusted},1000000")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_source_becomes_a_certified_snapshot(home: Home, tmp_path: Path) -> None:
    report = home.ingest(source=table(tmp_path / "long.csv"))
    assert (report.states, report.symbols, report.rows, report.alert) == (
        {"ACTIVE": 2},
        ("AAA", "BBB"),
        2 * SESSIONS.size,
        "",
    )
    panel = home.panel
    assert panel.snapshot == report.snapshot
    assert panel.symbols == ("AAA", "BBB")
    assert panel.sessions.days.tolist() == SESSIONS.tolist()
    assert panel.close[:, 1].tolist() == price("BBB").tolist()
    assert panel.fresh.all()
    assert (panel.derived_universe, panel.synthetic) == (True, False)


def test_the_same_source_twice_is_the_same_snapshot_and_writes_no_row(home: Home, tmp_path: Path) -> None:
    source = table(tmp_path / "long.csv")
    first, second = home.ingest(source=source), home.ingest(now="2027-01-01T00:00:00Z", source=source)
    assert second.run != first.run
    assert (second.snapshot, second.rows) == (first.snapshot, 0)
    assert len([p for p in home.snapshots.iterdir() if p.is_dir()]) == 1


def test_the_order_of_ingestion_does_not_matter(home: Home, tmp_path: Path) -> None:
    one, two = table(tmp_path / "one.csv", ("AAA",)), table(tmp_path / "two.csv", ("BBB",))
    home.ingest(source=one)
    forwards = home.ingest(source=two).snapshot
    other = Home(tmp_path / "other")
    other.ingest(source=two)
    assert other.ingest(source=one).snapshot == forwards


def test_an_interrupted_run_is_taken_up_and_ends_as_if_it_had_not_been(home: Home, tmp_path: Path) -> None:
    source = table(tmp_path / "long.csv")

    class Failing(RawArchive):
        def put(self, run: str, name: str, content: Any) -> str:
            if name == "BBB":
                raise OSError(28, "No space left on device")
            return super().put(run, name, content)

    with pytest.raises(OSError, match="No space"):
        home.ingest(source=source, archive=Failing(home.path / "raw"))
    assert not home.snapshots.exists()
    with SqlBarStore(home.path / "plimsoll.db") as store:
        (audit,) = store.audits()
        assert (audit.symbol, audit.rows, len(store.bars("AAA"))) == ("AAA", SESSIONS.size, SESSIONS.size)
    resumed = home.ingest(now="2026-11-21T00:00:00Z", source=source)
    assert (resumed.resumed, resumed.run, resumed.rows) == (True, audit.run, SESSIONS.size)
    assert resumed.snapshot == Home(tmp_path / "other").ingest(source=source).snapshot


def test_every_symbol_is_audited_with_the_hash_of_its_archived_payload(home: Home, tmp_path: Path) -> None:
    report = home.ingest(source=table(tmp_path / "long.csv"))
    archive = RawArchive(home.path / "raw")
    with SqlBarStore(home.path / "plimsoll.db") as store:
        audits = {a.symbol: a for a in store.audits()}
    assert set(audits) == {"AAA", "BBB"}
    kept = archive.get(report.run, "AAA")
    assert kept["columns"]["close"] == price("AAA").tolist()
    assert audits["AAA"].archived == archive.put("again", "AAA", kept)
    assert archive.get(report.run, "sources")[0]["name"] == "long.csv"
    before = (home.path / "raw" / report.run / "AAA.json.gz").read_bytes()
    assert (home.path / "raw" / "again" / "AAA.json.gz").read_bytes() == before


def test_later_rows_are_added_and_a_whole_restated_history_replaces(home: Home, tmp_path: Path) -> None:
    home.ingest(source=table(tmp_path / "a.csv", days=SESSIONS[:1400]))
    assert home.ingest(source=table(tmp_path / "b.csv", days=SESSIONS[1390:])).rows == 2 * (SESSIONS.size - 1400)
    grown = home.panel
    assert grown.close[:, 0].tolist() == price("AAA").tolist()
    restated = home.ingest(source=table(tmp_path / "c.csv", factor=0.5))
    assert restated.failures == {}
    assert home.panel.close[:, 0].tolist() == (price("AAA") * 0.5).tolist()
    assert snapshot.load(home.snapshots / grown.snapshot).close[:, 0].tolist() == price("AAA").tolist()


def test_a_partly_restated_history_is_refused_and_nothing_of_it_stored(home: Home, tmp_path: Path) -> None:
    whole = home.ingest(source=table(tmp_path / "a.csv", days=SESSIONS[:1500]))
    report = home.ingest("2026-11-21T19:00:00Z", source=table(tmp_path / "a.csv", days=SESSIONS[1400:], adjusted=0.9))
    assert set(report.failures) == {"AAA", "BBB"}
    assert "ingest the whole history again" in report.failures["AAA"]
    assert (report.rows, report.snapshot) == (0, whole.snapshot)


def test_a_universe_file_decides_who_is_there(home: Home, tmp_path: Path) -> None:
    universe = tmp_path / "universe.json"
    universe.write_text(json.dumps({"universe": {"AAA": {"kind": "stock", "max_weight": 0.05}}}))
    report = home.ingest(source=table(tmp_path / "long.csv"), universe=str(universe))
    assert report.symbols == ("AAA", "BBB")
    assert any("BBB" in note for note in report.notes)
    panel = home.panel
    assert (panel.symbols, panel.instruments[0].kind, panel.instruments[0].max_weight) == (("AAA",), "stock", 0.05)
    assert not panel.derived_universe
    assert not (home.path / "universe.json").exists()


def test_without_one_the_source_is_the_universe_written_out_and_marked(home: Home, tmp_path: Path) -> None:
    home.ingest(source=table(tmp_path / "long.csv"))
    written = json.loads((home.path / "universe.json").read_text())
    assert written["derived"] is True
    assert set(written["universe"]) == {"AAA", "BBB"}
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps({"universe": {"AAA": {"max_weight": 0.05}}}))
    home.ingest(source=str(tmp_path / "long.csv"), universe=str(chosen))
    home.ingest(source=str(tmp_path / "long.csv"))
    assert home.panel.instruments[0].max_weight == 0.05


def test_a_bad_file_among_good_ones_is_quarantined_with_its_reason(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    table(folder / "all.csv", ("AAA",))
    (folder / "BAD.csv").write_text("date,open,high,low,close\n2020-01-02,1,1,1,word\n")
    (folder / "EMPTY.csv").write_text("")
    report = home.ingest(source=str(folder))
    assert report.states == {"ACTIVE": 1, "QUARANTINED": 2}
    assert "BAD.csv" in report.failures["BAD"]
    assert home.reasons("BAD") == ("QUARANTINED", "UNREADABLE")
    assert home.reasons("EMPTY") == ("QUARANTINED", "UNREADABLE")
    assert "2 of 3 symbols were rejected" in report.alert
    assert np.isnan(home.panel.close[:, home.panel.column["BAD"]]).all()


def test_a_finding_of_the_reading_stands_until_the_days_are_read_again(home: Home, tmp_path: Path) -> None:
    source = Path(table(tmp_path / "long.csv", ("AAA",)))
    lines = source.read_text().splitlines()
    conflict = lines[-1].rsplit(",", 1)[0] + ",5"
    source.write_text("\n".join([*lines, conflict]) + "\n")
    home.ingest(source=str(source))
    assert home.reasons("AAA") == ("DEGRADED", "DUPLICATE_CONFLICT")
    home.ingest(source=table(tmp_path / "other.csv", ("BBB",)))
    assert home.reasons("AAA") == ("DEGRADED", "DUPLICATE_CONFLICT")
    home.ingest(source=table(tmp_path / "long.csv", ("AAA",)))
    assert home.reasons("AAA") == ("ACTIVE",)


def test_the_end_bounds_rows_and_speaks_for_freshness(home: Home, tmp_path: Path) -> None:
    source = table(tmp_path / "long.csv")
    home.ingest(source=source, end=iso_day(int(SESSIONS[-101])))
    assert home.panel.sessions.days[-1] == SESSIONS[-101]
    later = home.ingest(source=source, end="2026-08-31")
    panel = home.panel
    assert panel.sessions.dates[-1] == "2026-08-31"
    assert not panel.fresh[-1].any()
    assert later.states == {"ACTIVE": 2}
    assert home.reasons("AAA") == ("ACTIVE", "DATA_LATE")  # both stopped at once: no delisting (D9)


def test_a_quarantined_symbols_misdated_row_does_not_stretch_the_grid(home: Home, tmp_path: Path) -> None:
    source = Path(table(tmp_path / "long.csv", ("AAA",)))
    with source.open("a") as file:
        file.write("OLD,1985-01-02,1,1,1,1,1,1\n")
    home.ingest(source=str(source))
    assert home.panel.sessions.days[0] == SESSIONS[0]
    assert home.reasons("OLD")[0] == "QUARANTINED"


def test_shallow_history_is_noted(home: Home, tmp_path: Path) -> None:
    deep = home.ingest(source=table(tmp_path / "long.csv", ("AAA",)))
    shallow = home.ingest(source=table(tmp_path / "new.csv", ("BBB",), days=SESSIONS[400:]))
    assert not any("deep backfill" in note for note in deep.notes)
    assert any("deep backfill" in note and "BBB" in note and "AAA" not in note for note in shallow.notes)


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"start": "2021-01-02", "end": "2020-01-02"}, UsageError, "2021-01-02 is after"),
        ({"start": "2021-13-02"}, UsageError, "not a date"),
        ({"tickers": ("AAB",)}, UsageError, "Close to it: .*AAA"),
        ({"tickers": ("AAA", "QQQQ")}, UsageError, "does not hold QQQQ"),
        ({"provider": "yahooo"}, UsageError, "not a provider"),
        ({"provider": "yahoo"}, UsageError, "yahoo takes no source"),
        ({"provider": "yahoo", "source": ""}, UsageError, "yahoo is not built yet.* Give one of: files, synthetic"),
        ({"provider": "polygon", "source": ""}, UsageError, "data of polygon are not granted"),
        ({"provider": "fred", "source": ""}, UsageError, "fred has no history"),
        ({"provider": None, "source": ""}, UsageError, r"yahoo \(adapter\), polygon \(entitlement\), tiingo"),
        ({"provider": "synthetic", "source": "core", "decimal": "comma"}, UsageError, "--decimal means nothing"),
        ({"source": ""}, UsageError, "needs a source"),
        ({"source": "nowhere.csv"}, InputError, "nowhere.csv"),
        ({"universe": "nowhere.json"}, InputError, "nowhere.json"),
    ],
)
def test_a_request_that_cannot_be_met_writes_nothing(
    home: Home, tmp_path: Path, request_: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        home.ingest(**{"source": table(tmp_path / "long.csv", days=SESSIONS[:3]), **request_})
    with SqlBarStore(home.path / "plimsoll.db") as store:
        assert store.audits() == ()
        assert store.instruments() == ((), False)
    assert not home.snapshots.exists()
    assert not (home.path / "raw").exists()


def test_synthetic_and_real_data_never_share_a_home(home: Home, tmp_path: Path) -> None:
    report = home.ingest(provider="synthetic", source="n=2:years=1")
    assert report.synthetic
    assert home.panel.synthetic
    with pytest.raises(InputError, match="holds synthetic data and the source is real"):
        home.ingest(source=table(tmp_path / "long.csv"))
    assert home.panel.snapshot == report.snapshot


def test_stage_two_refuses_to_start_without_certified_data(home: Home, tmp_path: Path) -> None:
    log = home.path / "governance_halt.log"
    with pytest.raises(Halted, match=r"\[DATA_GOVERNANCE\]"):
        certified(home.snapshots, POLICY, log, NOW)
    assert not home.path.exists()
    home.path.mkdir()
    with pytest.raises(Halted, match=r"\[DATA_GOVERNANCE\]"):
        certified(home.snapshots, POLICY, log, NOW)
    home.ingest(source=table(tmp_path / "short.csv", days=SESSIONS[:900]))
    with pytest.raises(Halted, match=r"Symbols affected: 2 \(AAA, BBB\)\nRequired rows per symbol: 1260\n"):
        certified(home.snapshots, POLICY, log, NOW)
    fewer = Policy(data=DataPolicy(rows_active=900, rows_degraded=252))  # they have the rows this policy asks for
    with pytest.raises(Halted, match=r"rows per symbol: 900\nEnough rows, judged by another policy: 2 \(AAA, BBB\)"):
        certified(home.snapshots, fewer, home.path / "other.log", NOW)
    almost = Policy(data=DataPolicy(rows_active=901, rows_degraded=252))
    with pytest.raises(Halted, match=r"rows per symbol: 901\nAction required"):
        certified(home.snapshots, almost, home.path / "other.log", NOW)
    text = log.read_text()
    assert text.count("[DATA_GOVERNANCE]") == 2
    assert text.startswith(f"{NOW}\n[DATA_GOVERNANCE]\nMissing historical data detected\nSymbols affected: all")
    home.ingest(source=table(tmp_path / "long.csv", ("AAA",)))
    assert certified(home.snapshots, POLICY, log, NOW) == snapshot.current(home.snapshots)
    strict = Policy(data=DataPolicy(on_missing_history="halt"))
    with pytest.raises(Halted, match=r"1 \(BBB\)"):
        certified(home.snapshots, strict, log, NOW)


def test_a_symbol_that_could_not_be_read_again_has_not_ended(home: Home, tmp_path: Path) -> None:
    """Its last good reading was up to date: what it lacks since is late, however long the others went on (D9)."""
    early, names = SESSIONS[:-60], ("AAA", "BBB", "CCC", "DDD")
    home.ingest(source=table(tmp_path / "first.csv", names, days=early))
    folder = tmp_path / "later"
    folder.mkdir()
    for name in names[1:]:
        table(folder / f"{name}.csv", (name,))
    (folder / "AAA.csv").write_text("nothing,of,use\n1,2,3\n")
    home.ingest(source=str(folder))
    assert "DATA_LATE" in home.reasons("AAA") and not home.panel.certified.ended.any()
    (folder / "AAA.csv").unlink()
    other = Home(tmp_path / "other")
    other.path.mkdir()
    other.ingest(source=table(tmp_path / "first.csv", names, days=early))
    other.ingest(source=str(folder))
    assert "SERIES_ENDED" in other.reasons("AAA")  # read without it, and not failed: it is over


def test_the_bytes_of_every_source_are_kept_once_and_can_be_shown_again(home: Home, tmp_path: Path) -> None:
    source = Path(table(tmp_path / "long.csv"))
    first, second = home.ingest(source=str(source)), home.ingest(now="2027-01-01T00:00:00Z", source=str(source))
    archive = RawArchive(home.path / "raw")
    found = list(archive.sources())
    assert [(s.run, s.name, s.state, s.size) for s in found] == [
        (run, "long.csv", "kept", source.stat().st_size) for run in sorted((first.run, second.run))
    ]
    for one in found:
        assert gzip.decompress(Path(one.path).read_bytes()) == source.read_bytes()
    assert len({Path(s.path).stat().st_ino for s in found}) == 1  # one file on disk
    Path(found[0].path).write_bytes(gzip.compress(source.read_bytes() + b"\n"))
    assert {s.state for s in archive.sources()} == {"damaged"}
    Path(found[0].path).unlink()
    assert sorted(s.state for s in archive.sources()) == ["damaged", "lost"]


def test_a_source_that_changes_while_it_is_read_is_refused(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "long.csv"
    source.write_text("x")
    with pytest.raises(InputError, match="changed while it was read"):
        RawArchive(home.path / "raw").keep("run", "long.csv", source, "0" * 64)
    assert not list((home.path / "raw").rglob("*.gz"))


def test_another_spelling_is_read_as_the_symbol_it_stands_for(home: Home, tmp_path: Path) -> None:
    source = Path(table(tmp_path / "long.csv"))
    foreign = tmp_path / "foreign.csv"
    foreign.write_text(source.read_text().replace("AAA,", "AAA.US,"))
    listed = tmp_path / "u.yaml"
    listed.write_text("AAA: {aliases: {files: AAA.US}}\nBBB:\n")
    report = home.ingest(source=str(foreign), universe=str(listed), tickers=("AAA",))
    assert (report.symbols, report.failures) == (("AAA",), {})
    again = home.ingest(source=str(foreign), now="2027-01-01T00:00:00Z")  # the home remembers
    assert (again.symbols, again.rows) == (("AAA", "BBB"), SESSIONS.size)
    both = tmp_path / "both.csv"
    both.write_text(source.read_text() + foreign.read_text().partition("\n")[2])
    assert "one symbol under two names, 'AAA' and 'AAA.US'" in home.ingest(source=str(both)).failures["AAA"]


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("VOD.L", "VOD.L is priced in GBp (British pence), and the account is in USD"),
        ("SAP.DE", "SAP.DE is priced in EUR"),
        ("USDJPY=X", "USDJPY=X is priced in JPY"),
        ("BTC-EUR", "BTC-EUR is priced in EUR"),
        ("EURUSD.fmp", "EURUSD.FMP has an unknown suffix, .FMP"),
    ],
)
def test_prices_in_another_currency_are_refused_by_name_until_they_are_converted(
    symbol: str, words: str, home: Home, tmp_path: Path
) -> None:
    source = Path(table(tmp_path / "long.csv"))
    source.write_text(source.read_text().replace("BBB,", f"{symbol},"))
    report = home.ingest(source=str(source))
    name = symbol.upper()
    assert report.symbols == ("AAA",)
    assert report.failures[name].startswith(words)
    alone = tmp_path / "alone.csv"
    alone.write_text("\n".join(line for line in source.read_text().splitlines() if not line.startswith("AAA")) + "\n")
    with pytest.raises(InputError, match=r"nothing can be used: .*" + words[:9]):
        home.ingest(source=str(alone))
    if "=X" not in symbol:
        listed = tmp_path / "u.yaml"
        listed.write_text(f"AAA:\n{name}: {{currency: USD}}\n")
        assert home.ingest(source=str(source), universe=str(listed)).failures == {}


def test_a_source_without_adjustment_never_takes_the_place_of_one_with_it(home: Home, tmp_path: Path) -> None:
    adjusted = Path(table(tmp_path / "a.csv", adjusted=0.9))
    home.ingest(source=str(adjusted))
    kept = home.panel.index[:, 0].tolist()
    with SqlBarStore(home.path / "plimsoll.db") as store:
        held = store.bars("AAA").adj_close
    lines = [line.rsplit(",", 2) for line in adjusted.read_text().splitlines()]
    empty = tmp_path / "b.csv"  # the column is there and holds nothing
    empty.write_text("\n".join([",".join(lines[0]), *(f"{a},,{c}" for a, _, c in lines[1:])]) + "\n")
    home.ingest(source=str(empty))
    np.testing.assert_allclose(home.panel.index[:, 0], kept, rtol=1e-12)
    with SqlBarStore(home.path / "plimsoll.db") as store:
        np.testing.assert_array_equal(store.bars("AAA").adj_close, held)


def test_actions_on_days_without_a_bar_count_on_the_next(home: Home, tmp_path: Path) -> None:
    source = Path(table(tmp_path / "long.csv", ("AAA",)))
    lines = [f"{line},{'dividend' if i == 0 else 0}" for i, line in enumerate(source.read_text().splitlines())]
    day = int(SESSIONS[700])
    while (day + 3) % 7 != 5:  # a Saturday: 1970-01-01 was a Thursday
        day += 1
    lines.append(lines[700].replace(lines[700].split(",")[1], iso_day(day))[: -len(",0")] + ",0.77")
    source.write_text("\n".join(lines) + "\n")
    home.ingest(source=str(source))
    panel = home.panel
    paid = np.flatnonzero(panel.dividend[:, 0])
    assert panel.dividend[paid, 0].tolist() == [0.77]
    assert panel.sessions.days[paid[0]] == SESSIONS[np.searchsorted(SESSIONS, day)]


def test_progress_counts_pages_and_then_symbols(home: Home, tmp_path: Path) -> None:
    table(tmp_path / "AAA.csv", ("AAA",))
    table(tmp_path / "BBB.csv", ("BBB",))
    seen: list[tuple[str, int, int]] = []
    home.ingest(source=str(tmp_path), progress=lambda *told: seen.append(told))
    assert seen == [("AAA.csv", 1, 2), ("BBB.csv", 2, 2), ("AAA", 1, 2), ("BBB", 2, 2)]


def test_how_the_provider_came_to_be_chosen_is_in_the_report_and_in_the_audit(home: Home, tmp_path: Path) -> None:
    source = table(tmp_path / "long.csv")
    named, routed = home.ingest(source=source), home.ingest("2027-01-01T00:00:00Z", source=source, provider=None)
    assert named.route == RouteTaken("research", "files", "named", ())
    assert routed.route == RouteTaken("research", "files", "order", (Skip("yahoo", "source"),))
    assert (named.provider, routed.provider, routed.snapshot) == ("files", "files", named.snapshot)
    with SqlBarStore(home.path / "plimsoll.db") as store:
        assert msgspec.json.decode(store.route(named.run), type=RouteTaken) == named.route
        assert msgspec.json.decode(store.route(routed.run), type=RouteTaken) == routed.route


def test_a_reading_that_proves_useless_at_its_end_leaves_nothing_of_its_run(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("AAA", "BBB"):
        table(folder / f"{name}.csv", (name,), days=SESSIONS[:3])
    with pytest.raises(UsageError, match="does not hold ZZZ"):
        home.ingest(source=str(folder), tickers=("AAA", "ZZZ"))
    with SqlBarStore(home.path / "plimsoll.db") as store:
        assert (store.audits(), store.instruments()) == ((), ((), False))
    assert not (home.path / "raw").exists()
    kept = home.ingest(source=str(folder))
    before = sorted(p.relative_to(home.path) for p in (home.path / "raw").rglob("*"))
    with pytest.raises(UsageError, match="does not hold ZZZ"):
        home.ingest("2027-01-01T00:00:00Z", source=str(folder), tickers=("AAA", "ZZZ"))
    assert sorted(p.relative_to(home.path) for p in (home.path / "raw").rglob("*")) == before
    assert home.panel.snapshot == kept.snapshot
