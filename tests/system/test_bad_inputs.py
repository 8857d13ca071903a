"""What a user can get wrong, or a disk can do to them: each is one message with a remedy, its exit code, and no trace.

Every command runs in a process of its own. Around each refusal the home's files are compared: a refused command may
touch the lock and nothing else.
"""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import commands
from plimsoll.core.dates import day_number, iso_day
from plimsoll.market import calendars
from plimsoll.store.home import Home

SPAN = ("--start", "2019-01-02", "--end", "2019-02-28")
PAPER = ("trade", "--mode", "paper", "--recorded")
FILES = ("ingest", "--provider", "files", "--source")
SYNTHETIC = ("ingest", "--provider", "synthetic", "--source", "core:seed=3")


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def plimsoll(
    *words: str, home: Path, cwd: Path | None = None, before: Callable[[], Any] | None = None, **env: str
) -> Done:
    """One command, in its own process where ``before`` changes one; no traceback ever reaches a user."""
    if before is None:
        here = commands.plimsoll(*words, home=home, cwd=cwd, env=env)
        return Done(here.returncode, here.stdout, here.stderr)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")} | {"COLUMNS": "120"} | env
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "--home", str(home), *words],
        env=kept, cwd=cwd, capture_output=True, check=False, preexec_fn=before,
    )  # fmt: skip
    ended = Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    assert "Traceback" not in ended.err + ended.out, ended.err
    return ended


def files(home: Path) -> dict[str, tuple[int, int]]:
    """Every file of a home but its lock: size and time of its last change."""
    found = (p for p in home.rglob("*") if p.is_file() and p.name != ".lock") if home.is_dir() else ()
    return {str(p.relative_to(home)): (p.stat().st_size, p.stat().st_mtime_ns) for p in found}


def refused(*words: str, home: Path, code: int, said: tuple[str, ...], **given: Any) -> Done:
    """A command that must be refused: exit code, what its message names, and a home without a trace of it."""
    before = files(home)
    done = plimsoll(*words, home=home, **given)
    assert done.code == code, (done.code, done.err)
    for text in said:
        assert text in done.err
    assert done.out == ""
    assert files(home) == before
    return done


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of five symbols with one finished run in it. Never written to: tests copy it."""
    home = tmp_path_factory.mktemp("market") / "home"
    span = ("--start", "2014-01-02", "--end", "2020-12-31", "--tickers", "SPY,GLD,QQQ,TLT,BTC-USD")
    assert plimsoll(*SYNTHETIC, *span, home=home).code == 0
    assert plimsoll("backtest", *SPAN, home=home).code == 0
    return home


@pytest.fixture
def home(market: Path, tmp_path: Path) -> Path:
    """A copy of the market that a test may break."""
    return Path(shutil.copytree(market, tmp_path / "home"))


def published(home: Path) -> Path:
    return home / "snapshots" / (home / "snapshots" / "CURRENT").read_text().strip()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# Sources


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of things that are not what an ingestion wants."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "empty").mkdir()
    (folder / "wrong.csv").write_text("foo,bar\n1,2\n")
    (folder / "SPY.csv").write_text("date,open,high,low,close,volume\n2020-01-02,1,2,1,2,100\n2020-01-03,1,2,1,2,100\n")
    (folder / "suffix.json").write_text('{"SPY": {}, "BTC-USD": {"kind": "fund"}}')
    (folder / "key.json").write_text('{"SPY": {"max_wieght": 0.1}}')
    (folder / "others.json").write_text('["GLD"]')
    return folder


SPY = ("SPY.csv", "--symbol", "SPY")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere.csv",), 1, ("nowhere.csv does not exist", "Give a CSV or Parquet file")),
        (("empty",), 1, ("empty holds no CSV or Parquet file", "one file per symbol")),
        (("wrong.csv", "--symbol", "SPY"), 1, ("lacks date, open, high, low, close", "its columns are foo, bar")),
        (("SPY.csv",), 2, ("has no symbol column", "--symbol")),
        (("SPY.csv", "--symbol", "../x"), 1, ("'../x' is not a symbol",)),
        ((*SPY, "--tickers", "SPZ"), 2, ("does not hold SPZ", "Close to it: SPY")),
        ((*SPY, "--tickers", " , "), 2, ("names no symbol", "leave it out for all")),
        ((*SPY, "--universe", "suffix.json"), 1, ("BTC-USD is given as fund", "its suffix means crypto")),
        ((*SPY, "--universe", "key.json"), 1, ("key.json", "'max_wieght'", "max_weight")),
        ((*SPY, "--universe", "others.json"), 1, ("names none of the source's symbols", "SPY")),
        ((*SPY, "--start", "2021-01-01", "--end", "2020-01-01"), 2, ("2021-01-01 is after the end 2020-01-01",)),
        ((*SPY, "--start", "2020-02-01"), 1, ("SPY.csv holds no rows in the range", "--start")),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_used_leaves_no_home_behind(
    words: tuple[str, ...], code: int, said: tuple[str, ...], sources: Path, tmp_path: Path
) -> None:
    refused(*FILES, *words, home=tmp_path / "home", code=code, said=said, cwd=sources)


def test_an_unknown_ticker_of_the_synthetic_market_is_answered_with_close_ones(tmp_path: Path) -> None:
    refused(*SYNTHETIC, "--tickers", "SPZ", home=tmp_path, code=2, said=("holds no SPZ", "Close to it", "SPY"))


def test_real_data_is_refused_in_a_synthetic_home(market: Path, sources: Path) -> None:
    refused(*FILES, *SPY, home=market, code=1, said=("synthetic", "--home"), cwd=sources)


def test_a_file_name_that_is_no_text_is_named_in_plain_letters(market: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.csv")
    refused(*FILES, name, home=market, code=1, said=("does not exist",), cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0")


# Spans, policies, strategies


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("backtest", "--start", "2019-06-03", "--end", "2019-01-02"), 2, ("2019-06-03, after its end 2019-01-02",)),
        ((*PAPER, "--start", "2019-06-03", "--end", "2019-01-02"), 2, ("2019-06-03, after its end 2019-01-02",)),
        (("backtest", "--start", "2014-02-03"), 2, ("2014-02-03", "first possible date is 2014-12-31")),
        (("backtest", "--start", "2031-01-01"), 2, ("no session", "2020-12-31")),
        (("backtest", *SPAN, "--strategy", "core_trnd"), 2, ("'core_trnd'", "Did you mean 'core_trend'")),
        (("backtest", *SPAN, "--capital", "1e300"), 1, ("account.capital is 1e+300",)),
        (("backtest", *SPAN, "--capital", "99999999999999999999"), 1, ("account.capital is 1e+20",)),
        (("backtest", *SPAN, "--snapshot", ""), 2, ("--snapshot is empty", "unset")),
        (("backtest", *SPAN, "--profile="), 2, ("--profile is empty",)),
        ((*PAPER, "--continue", ""), 2, ("--continue is empty",)),
        (("compare", "", "last"), 2, ("an argument is empty",)),
        (("backtest", *SPAN, "--strategy", "nowhere.py"), 1, ("nowhere.py does not exist",)),
        (("backtest", *SPAN, "--capital", "-5"), 1, ("account.capital is -5",)),
        (("backtest", *SPAN, "--capital", "1e999"), 1, ("account.capital is inf", "finite")),
        (("backtest", *SPAN, "--capital", "1,000"), 2, ("--capital",)),
        (("backtest", *SPAN, "--capital", "10"), 1, ("shaping.min_trade", "raise account.capital")),
        (("backtest", "--capital", "100,000"), 2, ("'100,000' is not a number", "write 100000")),
        (("backtest", "--snapshot", "zzz"), 2, ("begin with 'zzz'", "Name one of")),
        (("backtest", "--policy", "no.yaml"), 1, ("no.yaml does not exist",)),
        (("compare", "last"), 2, ("RUN_B",)),
        (("audit", "verify", "--run", "nobody"), 2, ("no run 'nobody'", "plimsoll runs")),
        (("ingest", "--provider", "synthetic", "--source", "core:seed=x"), 2, ("seed", "whole number")),
    ],
)  # fmt: skip
def test_words_that_cannot_be_run_are_refused_by_name(
    words: tuple[str, ...], code: int, said: tuple[str, ...], market: Path
) -> None:
    refused(*words, home=market, code=code, said=said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cvar: {budgt_10: 0.04}", ("'cvar.budgt_10'", "did you mean 'budget_10'")),
        ("cvar: {budget_10: 3 %}", ("cvar.budget_10 is '3 %', wanted a number", "Write 0.03 for 3 %")),
        ("governor: {recorded: maybe}", ("governor.recorded is 'maybe'", "Write true or false")),
        ("cvar: {budget_10: 6}", ("cvar.budget_10 is 6", "0.06 for 6 %")),
        ("cvar: {budget_10: 0.07}", ("cvar.budget_10 0.07 is above cvar.hard_10 0.06", "Lower the first")),
        ("auction: {hurdle_sharpe: 5}", ("auction.hurdle_sharpe 5", "always hold cash", "or below")),
        ("limits: {cash_min: 1}", ("nothing may be bought", "limits.cash_min")),
        ("shaping: {min_trade: 90000}", ("shaping.min_trade 90000", "Lower shaping.min_trade")),
        ("account: {capital: .nan}", ("account.capital is nan",)),
        ("governor: {trade: -5}", ("governor.trade is -5",)),
        ("governor: {loss: -1, recorded: true}", ("governor.loss is -1",)),
        (
            "governor: {recorded: true, trade: 1}",
            ("no buy is legal under the account's dollar caps", "governor.trade 1"),
        ),
        ("governor: {recorded: true, symbols: [ZZZ]}", ("governor.symbols names ZZZ", "position's cap, at most 0")),
        ("cvar: {budget_10: 0.04", ("not valid YAML",)),
    ],
)
def test_a_policy_that_cannot_trade_is_refused_before_a_run_begins(
    text: str, said: tuple[str, ...], market: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(text + "\n")
    refused("backtest", *SPAN, "--policy", str(mine), home=market, code=1, said=("mine.yaml", *said)[-len(said) :])


def test_caps_that_allow_no_whole_lot_at_certified_prices_are_refused(market: Path, tmp_path: Path) -> None:
    """Consistent in itself, impossible at the last prices: only the proof with a snapshot can tell (U7)."""
    mine = tmp_path / "mine.yaml"
    entries = ", ".join(f"{s}: {{max_weight: 0.0001}}" for s in ("SPY", "GLD", "QQQ", "TLT", "BTC-USD"))
    mine.write_text(f"limits: {{weight_fund: 0.0001, weight_crypto: 0.0001, assets: {{{entries}}}}}\n")
    refused("backtest", *SPAN, "--policy", str(mine), home=market, code=1, said=("no buy is legal", "--capital above"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class X:\n  def forecast(self:\n", ("SyntaxError", "line 2", "Correct the file")),
        ("import sys; sys.exit(0)\n", ("SystemExit", "Correct the file")),
        ("x = 1\n", ("exactly one class with a forecast method",)),
    ],
)
def test_a_strategy_file_that_cannot_be_loaded_is_named(
    text: str, said: tuple[str, ...], market: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(text)
    refused("backtest", *SPAN, "--strategy", str(mine), home=market, code=1, said=(str(mine), *said))


# The home


def _damaged_array(folder: Path) -> None:
    flip(folder / "close.npy")


def _cut_array(folder: Path) -> None:
    (folder / "days.npy").write_bytes((folder / "days.npy").read_bytes()[:-8])


def _lost_array(folder: Path) -> None:
    (folder / "fresh.npy").unlink()


def _promoted(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    assert '"score": 1.0' in text
    (folder / "manifest.json").write_text(text.replace('"score": 1.0', '"score": 0.9', 1))


def _cut_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes()[:100])


def _lost_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _pointer_to_nowhere(folder: Path) -> None:
    (folder.parent / "CURRENT").write_text("0" * 64 + "\n")


def _pointer_to_nonsense(folder: Path) -> None:
    (folder.parent / "CURRENT").write_text("../../etc\n")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_damaged_array, "close.npy is not what was published"),
        (_cut_array, "days.npy has"),
        (_lost_array, "fresh.npy cannot be read"),
        (_promoted, "manifest.json is not what was published"),
        (_cut_manifest, "manifest.json cannot be read"),
        (_lost_manifest, "whose manifest.json is not there"),
        (_pointer_to_nowhere, "names " + "0" * 64),
        (_pointer_to_nonsense, "CURRENT does not name a snapshot"),
    ],
)
def test_a_damaged_snapshot_is_read_by_nothing(damage: Callable[[Path], None], said: str, home: Path) -> None:
    damage(published(home))
    for words in (("backtest", *SPAN), ("verify", "status")):
        refused(*words, home=home, code=3, said=(said, "plimsoll ingest"))


def test_ingesting_again_mends_a_damaged_snapshot(home: Path) -> None:
    before = published(home)
    flip(before / "close.npy")
    span = ("--start", "2014-01-02", "--end", "2020-12-31", "--tickers", "SPY,GLD,QQQ,TLT,BTC-USD")
    assert plimsoll(*SYNTHETIC, *span, home=home).code == 0
    assert published(home) == before
    assert plimsoll("verify", "status", home=home).code == 0


@pytest.mark.parametrize("damage", ["garbage", "pages"])
def test_a_damaged_database_stops_ingestion_and_the_snapshot_stays(damage: str, home: Path) -> None:
    database, before = home / "plimsoll.db", published(home)
    content = bytearray(database.read_bytes())
    if damage == "garbage":
        content[:] = b"hello" * 1000
    else:
        content[8192:] = b"\xa5" * (len(content) - 8192)
    database.write_bytes(content)
    done = plimsoll(*SYNTHETIC, "--tickers", "SPY", home=home)
    assert done.code in (1, 3)
    assert "plimsoll.db" in done.err
    assert "Restore it from a backup" in done.err
    assert published(home) == before
    assert plimsoll("verify", "status", home=home).code == 0


def _run_of(home: Path) -> Path:
    return next((home / "runs").glob("*.db"))


def _altered_record(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.executescript(
            "DROP TRIGGER journal_no_update;UPDATE journal SET payload = replace(payload, '2019', '2018') WHERE seq = 5"
        )
    connection.close()


def _cut_journal(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])


def _junk_journal(journal: Path) -> None:
    journal.write_bytes(b"junk")


def _lost_journal(journal: Path) -> None:
    journal.unlink()


@pytest.mark.parametrize(
    ("damage", "first_bad"), [(_altered_record, 5), (_cut_journal, 1), (_junk_journal, 1), (_lost_journal, 1)]
)
def test_a_damaged_journal_fails_its_audit_at_the_first_bad_record(
    damage: Callable[[Path], None], first_bad: int, home: Path
) -> None:
    damage(_run_of(home))
    done = plimsoll("audit", "verify", "--json", home=home)
    told = json.loads(done.out)
    assert (done.code, told["ok"], told["first_bad"]) == (3, False, first_bad)
    assert told["problem"]


def test_a_flipped_byte_anywhere_in_a_journal_is_found(home: Path) -> None:
    flip(_run_of(home))
    assert plimsoll("audit", "verify", home=home).code == 3


def test_a_damaged_summary_is_no_licence_to_skip_the_anchor(home: Path) -> None:
    _run_of(home).with_suffix(".json").write_text("{")
    refused("audit", "verify", home=home, code=3, said=(".json is damaged",))
    assert "interrupted" in plimsoll("runs", home=home).out


def test_nothing_trades_without_a_snapshot_and_the_block_says_why(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for words in (("backtest",), PAPER):
        done = plimsoll(*words, home=home)
        assert done.code == 4
        for line in ("[DATA_GOVERNANCE]", "Required rows per symbol: 1260", "Action required: Run plimsoll ingest"):
            assert line in done.err
    assert (home / "governance_halt.log").read_text().count("[DATA_GOVERNANCE]") == 2
    assert [p.name for p in home.iterdir()] == ["governance_halt.log"]


def test_a_second_process_is_told_who_holds_the_home(market: Path) -> None:
    with Home(market).lock():
        for words in (("backtest", *SPAN), (*SYNTHETIC, "--tickers", "SPY")):
            refused(*words, home=market, code=1, said=(f"held by process {os.getpid()}", "another --home"))
    assert plimsoll("verify", "status", home=market).code == 0


def test_a_file_where_the_home_should_be_is_named(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.write_text("mine")
    for words in (("backtest",), (*SYNTHETIC, "--tickers", "SPY"), ("runs",)):
        refused(*words, home=path, code=1, said=(f"{path} is a file where a folder is expected", "--home"))
    assert path.read_text() == "mine"


def _without_override() -> None:
    """Take from root what lets it write anywhere: CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2)."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a read-only folder stops root only on Linux")
def test_a_read_only_home_can_be_read_and_is_not_written(home: Path, tmp_path: Path) -> None:
    folders = [home, *(p for p in home.rglob("*") if p.is_dir())]
    (home / ".lock").unlink()
    for folder in folders:
        folder.chmod(0o555)
    try:
        for words in (("backtest", *SPAN), (*SYNTHETIC, "--tickers", "SPY")):
            refused(*words, home=home, code=1, said=(str(home), "permissions"), before=_without_override)
        assert plimsoll("verify", "status", home=home, before=_without_override).code == 0
        assert plimsoll("audit", "verify", home=home, before=_without_override).code == 0
        assert plimsoll("backtest", home=home / "inner", before=_without_override).code == 4
    finally:
        for folder in folders:
            folder.chmod(0o755)


def _full_after(size: int) -> Callable[[], None]:
    """As a disk that fills: no file grows past ``size`` bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_disk_that_fills_during_a_backtest_leaves_no_run_that_looks_finished(home: Path) -> None:
    done = plimsoll("backtest", "--start", "2018-01-02", home=home, before=_full_after(100_000))
    assert done.code == 1
    assert "cannot be written" in done.err
    assert "Check the disk" in done.err
    runs = json.loads(plimsoll("runs", "--json", home=home).out)
    assert sorted(r["finished"] for r in runs) == [False, True]
    finished = next(r["run"] for r in runs if r["finished"])
    assert plimsoll("audit", "verify", "--run", finished, home=home).code == 0


def test_a_disk_that_fills_during_ingestion_publishes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = (*SYNTHETIC, "--tickers", "SPY,GLD", "--start", "2014-01-02", "--end", "2020-12-31")
    done = plimsoll(*words, home=home, before=_full_after(200_000))
    assert done.code == 1
    assert "Check the disk" in done.err
    assert not (home / "snapshots" / "CURRENT").exists()
    assert plimsoll(*words, home=home).code == 0  # taken up where it stopped
    assert plimsoll("verify", "status", home=home).code == 0


def test_a_strategy_that_ends_the_process_is_an_error_not_a_success(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "quitter.py"
    mine.write_text(
        "class Quitter:\n    name = 'quitter'\n    horizon = 63\n"
        "    def forecast(self, view, holding, policy):\n        raise SystemExit(0)\n"
    )
    done = plimsoll("backtest", *SPAN, "--strategy", str(mine), home=home)
    assert (done.code == 0) == ("decisions hash" in done.out)  # either a run to its end, or a failure: never silence
    assert done.code == 0 or "SystemExit" in done.err


# Terminals


def piped(script: str, home: Path) -> Done:
    env = os.environ | {"PLIMSOLL_HOME": str(home), "PLIMSOLL": f"{sys.executable} -m plimsoll"}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("words", ["config show", "config schema"])
def test_a_reader_that_takes_one_line_hears_nothing_more(words: str, market: Path) -> None:
    done = piped(f"$PLIMSOLL {words} | head -1", market)
    assert done.out.count("\n") == 1
    assert done.err == ""


def test_a_closed_or_full_output_is_no_crash(market: Path) -> None:
    assert piped("$PLIMSOLL verify status >&-", market).code == 0
    full = piped("$PLIMSOLL verify status > /dev/full", market)
    assert full.code == 1
    assert "No space left" in full.err


@pytest.mark.parametrize("command", [("verify", "status"), ("runs",)])
def test_a_terminal_of_twenty_columns_cuts_no_name(command: tuple[str, ...], market: Path) -> None:
    done = plimsoll(*command, home=market, COLUMNS="20")
    assert done.code == 0
    name = {"verify": "BTC-USD", "runs": _run_of(market).stem}[command[0]]
    assert name in done.out
    assert "\x1b" not in done.out


def test_an_ascii_locale_gets_ascii(market: Path) -> None:
    for words in (("verify", "status"), ("config", "show")):
        done = plimsoll(*words, home=market, before=lambda: None, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert done.code == 0
        assert done.out.isascii()


def test_without_a_terminal_there_is_no_colour_no_progress_and_no_prompt(market: Path) -> None:
    done = plimsoll("verify", "status", home=market, TERM="xterm-256color")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out


# Ten bad files and more beside a good one

LAST = day_number("2025-06-30")


def bars(rows: int = 1400) -> pl.DataFrame:
    """So many sound sessions up to the last one."""
    days = calendars.expected_days("XNYS", day_number("2015-01-02"), LAST)[-rows:]
    steps = np.sin(np.arange(rows)) * 0.004 + 0.0003
    close = np.round(100.0 * np.cumprod(1.0 + steps), 4)
    return pl.DataFrame(
        {
            "date": [iso_day(int(d)) for d in days],
            "open": close,
            "high": close + 1.0,
            "low": close - 1.0,
            "close": close,
            "volume": np.full(rows, 1e6) + np.arange(rows),
        }
    )


def changed(column: str, row: int, value: object) -> bytes:
    frame = bars().with_columns(pl.col(column).cast(pl.String))
    cells = frame[column].to_list()
    cells[row] = value
    return frame.with_columns(pl.Series(column, cells)).write_csv().encode()


def _weekends(frame: pl.DataFrame) -> pl.DataFrame:
    saturdays = frame.filter(pl.col("date").str.to_date().dt.weekday() == 5).with_columns(
        (pl.col("date").str.to_date() + pl.duration(days=1)).dt.strftime("%Y-%m-%d").alias("date")
    )
    return pl.concat([frame, saturdays]).sort("date")


def _parquet(tmp: Path) -> bytes:
    bars().write_parquet(tmp)
    content = bytearray(tmp.read_bytes())
    content[-400:-8] = bytes(392)
    return bytes(content)


def bad_files(tmp: Path) -> dict[str, tuple[bytes, str, tuple[str, ...]]]:
    """File name → content, state, reasons."""
    good = bars().write_csv().encode()
    unreadable = ("QUARANTINED", ("UNREADABLE",))
    conflict = bars()
    conflict = pl.concat([conflict, conflict.tail(1).with_columns(pl.col("close") + 0.5)])
    frozen = bars().with_columns(
        [pl.lit(50.0).alias(c) for c in ("open", "high", "low", "close")] + [pl.lit(0.0).alias("volume")]
    )
    swapped = bars().head(1398).vstack(bars().tail(2).reverse())
    return {
        "GOOD.csv": (good, "ACTIVE", ()),
        "BOM.csv": (b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n"), "ACTIVE", ()),
        "ROWS1260.csv": (bars(1260).write_csv().encode(), "ACTIVE", ()),
        "WEEKEND.csv": (_weekends(bars()).write_csv().encode(), "ACTIVE", ()),
        "LATIN.csv": (good.replace(b"volume\n", b"volume,Soci\xe9t\xe9\n", 1), *unreadable),
        "ROWS1259.csv": (bars(1259).write_csv().encode(), "DEGRADED", ("ROWS_SHORT",)),
        "ROWS999.csv": (bars(999).write_csv().encode(), "QUARANTINED", ("ROWS_SHORT",)),
        "NEGATIVE.csv": (changed("low", 1390, "-37.63"), "DEGRADED", ("NON_POSITIVE_PRICE",)),
        "SWAPPED.csv": (changed("high", 1390, "1.0"), "DEGRADED", ("OHLC_INCONSISTENT",)),
        "TWICE.csv": (conflict.write_csv().encode(), "DEGRADED", ("DUPLICATE_CONFLICT",)),
        "ORDER.csv": (swapped.write_csv().encode(), "DEGRADED", ("DATES_UNORDERED",)),
        "GAPS.csv": (
            bars().with_row_index().filter(pl.col("index") % 12 != 5).drop("index").write_csv().encode(),
            "DEGRADED",
            ("MISSING_SESSIONS", "EXPECTED_SHORT"),
        ),
        "JUMP.csv": (
            changed("close", 1390, "9999"),
            "DEGRADED",
            ("OHLC_INCONSISTENT", "PRICE_SPIKE", "UNEXPLAINED_JUMP"),
        ),
        "STUCK.csv": (frozen.write_csv().encode(), "DEGRADED", ("STUCK_SERIES",)),
        "FUTURE.csv": (changed("date", 1399, "2034-01-03"), "DEGRADED", ("DATE_IN_FUTURE",)),
        "EMPTY.csv": (b"", *unreadable),
        "HEADER.csv": (good.split(b"\n", 1)[0] + b"\n", *unreadable),
        "NUL.csv": (good[:5000] + b"\0" + good[5001:], *unreadable),
        "CUT.csv.gz": (gzip.compress(good)[:-200], *unreadable),
        "CUTLINE.csv": (good[:-20], *unreadable),
        "COMMA.csv": (good.replace(b",", b";").replace(b".", b","), "ACTIVE", ()),
        "THOUSAND.csv": (changed("close", 700, "1,23.5"), *unreadable),
        "FEB30.csv": (changed("date", 700, "2022-02-30"), *unreadable),
        "WORD.csv": (changed("open", 700, "closed"), *unreadable),
        "INFINITE.csv": (changed("close", 700, "inf"), "ACTIVE", ()),  # absent that day, with a dated note
        "INFINITY.csv": (changed("close", 1390, "inf"), "DEGRADED", ("VALUE_OUT_OF_DOMAIN",)),
        "HTML.csv": (b"<!DOCTYPE html><html><body>429 Too Many Requests</body></html>", *unreadable),
        "JSON.csv": (b'{"chart": {"error": "Not Found"}}', *unreadable),
        "UTF16.csv": (good.decode().encode("utf-16"), "ACTIVE", ()),
        "UTF16CUT.csv": (good.decode().encode("utf-16")[:-1], *unreadable),
        "FOOTER.parquet": (_parquet(tmp), *unreadable),
        "NOPRICE.csv": (bars().drop("close").write_csv().encode(), *unreadable),
        "TWOCLOSE.csv": (good.replace(b"volume", b"Close", 1), *unreadable),
    }  # fmt: skip


def test_a_folder_of_bad_files_ends_with_the_right_state_and_reason_for_each(tmp_path: Path) -> None:
    folder, home = tmp_path / "bars", tmp_path / "home"
    folder.mkdir()
    wanted = bad_files(tmp_path / "whole.parquet")
    for name, (content, _, _) in wanted.items():
        (folder / name).write_bytes(content)
    (folder / "notes.txt").write_text("not bars")
    done = plimsoll(*FILES, str(folder), "--json", home=home)
    assert done.code == 1, done.err  # something that was asked for is not there; the rest is
    told = json.loads(done.out)
    assert "were rejected" in told["alert"]
    assert any("notes.txt" in note for note in told["notes"])
    status = json.loads(plimsoll("verify", "status", "--json", home=home).out)
    found = {s["symbol"]: (s["state"], tuple(sorted(s["reasons"]))) for s in status["symbols"]}
    expected = {name.split(".")[0]: (state, tuple(sorted(reasons))) for name, (_, state, reasons) in wanted.items()}
    assert found == expected
    unreadable = {name.split(".")[0]: name for name, (_, _, why) in wanted.items() if why == ("UNREADABLE",)}
    assert set(told["failures"]) == set(unreadable)
    for symbol, name in unreadable.items():
        assert told["failures"][symbol].startswith(name)  # the message names the file


def test_a_good_symbol_beside_bad_ones_can_be_traded(tmp_path: Path) -> None:
    folder, home = tmp_path / "bars", tmp_path / "home"
    folder.mkdir()
    (folder / "GOOD.csv").write_bytes(bars().write_csv().encode())
    (folder / "EMPTY.csv").write_bytes(b"")
    (folder / "B\u00e4d name.csv").write_bytes(b"\xff")
    read = plimsoll(*FILES, str(folder), home=home)
    assert read.code == 1
    assert "INCOMPLETE: 2 failed, 1 were read" in read.out
    done = plimsoll("backtest", "--start", "2025-01-02", "--json", home=home)
    assert done.code == 0, done.err
    assert any("survivorship" in note for note in json.loads(done.out)["notes"])


@pytest.mark.real_data
def test_histories_a_vendor_really_broke_end_where_their_defects_put_them(shared_data: Path, tmp_path: Path) -> None:
    folder, home = tmp_path / "bars", tmp_path / "home"
    folder.mkdir()
    broken = pl.read_parquet(shared_data / "vendor_defects.parquet").filter(pl.col("state") == "bad")
    for case, symbol in (("AET-L-1d-100x-error", "PENCE"), ("DEX-AX-1d-bad-stock-split", "SPLIT")):
        cut = broken.filter(pl.col("case") == case).rename({"ts_text": "date"}).drop("case", "state", "capital_gains")
        cut.drop("stock_splits", "dividends").write_csv(folder / f"{symbol}.csv")
    rates = pl.read_parquet(shared_data / "fx_futures_daily.parquet")
    for symbol in ("CL=F", "EURUSD=X"):
        rates.filter(pl.col("symbol") == symbol).write_parquet(folder / f"{symbol}.parquet")
    done = plimsoll(*FILES, str(folder), "--json", home=home)
    assert done.code == 0, done.err
    status = json.loads(plimsoll("verify", "status", "--json", home=home).out)
    found = {s["symbol"]: (s["state"], set(s["reasons"])) for s in status["symbols"]}
    flags = {s["symbol"]: {f["reason"] for f in s["flags"]} for s in status["symbols"]}
    assert found["CL=F"][0] == "DEGRADED"
    assert {"NON_POSITIVE_PRICE", "ADJUSTMENT_INVALID"} & (found["CL=F"][1] | flags["CL=F"])
    for symbol in ("PENCE", "SPLIT"):
        assert found[symbol][0] == "QUARANTINED"
        assert found[symbol][1] >= {"UNEXPLAINED_JUMP", "ROWS_SHORT"}
    assert "NO_VOLUME" not in flags["EURUSD=X"]
