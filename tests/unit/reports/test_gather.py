"""From a home on disk to a report: what the journal names is used, and what is missing is said."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll import app
from plimsoll.app.wiring import passing_journal, runs_of, snapshots_of
from plimsoll.core.errors import CorruptionError, InputError, UsageError
from plimsoll.core.events import Proof
from plimsoll.core.policy import Policy
from plimsoll.market.ingest import IngestRequest
from plimsoll.reports import gather
from plimsoll.reports.report_data import ReportData

TIGHT = """
ladder:
  rungs:
    level_1: {threshold: 0.0010}
    level_2: {threshold: 0.0012}
    panic: {threshold: 0.0014}
    level_3: {threshold: 0.0016}
    level_4: {threshold: 0.0018}
    mandate: {threshold: 0.0020}
  level_1_holds: 0.0010
gates: {off: [stressed]}  # its limit follows from the rungs, and would keep the book too small to reach one
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gather")
    place = folder / "home"
    app.ingest(
        app.Workspace(place),
        IngestRequest(provider="synthetic", source="core:seed=5", start="2019-01-02", end="2025-12-31"),
    )
    app.backtest(app.Workspace(place), start="2024-07-01", end="2025-06-30")
    (folder / "tight.yaml").write_text(TIGHT)
    app.backtest(app.Workspace(place, None, (folder / "tight.yaml",)), start="2024-07-01", end="2025-06-30")
    return place


def _runs(home: Path) -> list[str]:
    return sorted(p.stem for p in (home / "runs").glob("backtest-2*.db"))


def gathered(home: Path, run: str, present: Callable[[], Policy]) -> ReportData:
    runs = runs_of(app.Workspace(home))
    with runs.open(run) as reader:
        return gather.gather(reader, runs, snapshots_of(home), present)


def _never() -> Policy:
    raise AssertionError("the stored policy was not used")


def test_a_report_shows_the_figures_the_backtest_told(home: Path) -> None:
    where = app.Workspace(home)
    told = app.backtest(where, start="2024-07-01", end="2025-06-30")
    read = gathered(home, told.run, _never)
    assert read.policy_known and read.result == told
    kept = runs_of(app.Workspace(home)).summary(told.run)
    assert read.proof == Proof(kept.records, kept.head, True)  # type: ignore[arg-type]
    for path in (home / "runs").glob(f"{told.run}.*"):
        path.unlink()


def test_the_runs_own_policy_is_used_and_its_mandates_end_reported_beside(home: Path) -> None:
    tight = _runs(home)[1]
    found = gathered(home, tight, _never)
    assert found.policy.ladder.rungs[-1].threshold == 0.0020
    assert found.result.mandate_ended and found.result.without_mandate is not None
    assert found.result.end < "2025-06-30"
    path = app.report(app.Workspace(home), tight)
    document = path.read_text()
    assert path == home / "reports" / f"{tight}.html"
    assert "The mandate ended on" in document and "Without the mandate&#x27;s end, to 2025-06-30" in document


def test_the_run_beside_it_is_used_only_whole_and_to_the_end_it_had(home: Path, tmp_path: Path) -> None:
    """A run that was made to compare another with is verified like any (G3)."""
    place = Path(shutil.copytree(home, tmp_path / "home"))
    tight = _runs(place)[1]
    [beside] = (place / "runs").glob("backtest-without-mandate-*.db")
    assert runs_of(app.Workspace(place)).audit(beside.stem).anchored
    kept = beside.with_suffix(".json").read_bytes()
    beside.with_suffix(".json").unlink()
    assert gathered(place, tight, _never).result.without_mandate is None
    beside.with_suffix(".json").write_bytes(kept)
    with sqlite3.connect(beside) as c:
        c.execute("DROP TRIGGER journal_no_update")
        c.execute("UPDATE journal SET payload = payload || ' ' WHERE seq = 9")
    with pytest.raises(CorruptionError, match="record 9 is not what was written"):
        gathered(place, tight, _never)


def test_a_foreign_policy_stands_in_only_where_none_was_stored(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    tight = _runs(place)[1]
    (place / "runs" / f"{tight}.policy.json").unlink()
    found = gathered(place, tight, Policy)
    assert not found.policy_known and found.policy == Policy()


def test_what_is_missing_or_damaged_is_refused(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    first = _runs(place)[0]
    with pytest.raises(UsageError, match="no run 'nothing'"):
        app.report(app.Workspace(place), "nothing")
    (place / "runs" / f"{first}.policy.json").write_text("{}")
    with pytest.raises(CorruptionError, match="not the policy"):
        app.report(app.Workspace(place), first)
    for snapshot in (p for p in (place / "snapshots").iterdir() if p.is_dir()):
        snapshot.rename(snapshot.with_name(f"away-{snapshot.name}"))
    with pytest.raises(InputError, match=r"The snapshot \w+ is not in"):
        app.report(app.Workspace(place), first)
    assert not (place / "reports" / f"{first}.html").exists()


def test_hurdles_are_the_five_of_the_rule_and_the_policys_own_is_the_run(home: Path) -> None:
    found = gathered(home, _runs(home)[0], _never)
    seen: list[tuple[int, int]] = []
    made = gather.at_hurdles(found, passing_journal, lambda done, total: seen.append((done, total)))
    assert [h.hurdle for h in made] == [0.0, 0.05, 0.1, 0.2, 0.4]
    assert seen[-1] == (5, 5)
    own = next(h for h in made if h.hurdle == found.policy.auction.hurdle_sharpe)
    assert own.metrics == found.result.metrics
    assert made[0].invested != made[-1].invested


def test_the_command_repeats_the_run(home: Path) -> None:
    found = gathered(home, _runs(home)[0], _never)
    g = found.run.genesis
    kept = home / "runs" / f"{_runs(home)[0]}.policy.json"
    assert found.command == (
        f"plimsoll --home {home} backtest --start {g.start} --end {g.end} --snapshot {g.snapshot[:16]} --policy {kept} "
        "--strategy core_trend --strategy xs_momentum --capital 100000.00 --operator simulated"
    )
