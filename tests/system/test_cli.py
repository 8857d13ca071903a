"""The commands as a user types them: help, errors with a remedy, exit codes, pipes and quiet terminals (O10)."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import Done, plimsoll
from plimsoll.core.policy import Policy

COMMANDS = (
    "ingest", "verify status", "backtest", "trade", "audit verify", "config show", "config schema", "runs", "explain",
    "replay", "report",
)  # fmt: skip


def run(*words: str, home: Path, **env: str) -> Done:
    return plimsoll(*words, home=home, env=env)


@pytest.fixture(scope="module")
def market(ingested: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested(tmp_path_factory.mktemp("market") / "home")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, tmp_path: Path) -> None:
    done = run(*command.split(), "--help", home=tmp_path)
    assert done.returncode == 0
    assert f"plimsoll {command}" in done.stdout.replace("Usage: python -m plimsoll", "")
    assert not list(tmp_path.iterdir())


def test_help_needs_no_numeric_or_table_library() -> None:
    code = (
        "import sys; sys.argv = ['plimsoll', '--help']\n"
        "from plimsoll.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'rich', 'polars', 'sqlalchemy', 'ruamel', 'highspy', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_is_a_usage_error_with_a_hint(tmp_path: Path) -> None:
    done = run("backtst", home=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'backtest'" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("ingest", "--provider", "files", "--source", "nowhere.csv"), 1, "nowhere.csv"),
        (("ingest", "--provider", "files"), 2, "--source"),
        (("ingest", "--provider", "yahoo"), 2, "yahoo"),
        (("ingest", "--provider", "synthetic", "--start", "2020-02-30"), 2, "2020-02-30"),
        (("ingest", "--provider", "synthetic", "--start", "2020-01-01", "--end", "2019-01-01"), 2, "2019-01-01"),
        (("config", "show", "--profile", "cor"), 2, "did you mean 'core'"),
        (("config", "show", "--policy", "nowhere.yaml"), 1, "nowhere.yaml"),
        (("trade", "--mode", "paper"), 2, "--recorded"),
        (("trade", "--mode", "live"), 2, "live"),
        (("audit", "verify"), 2, "plimsoll backtest"),
        (("audit", "verify", "--run", "../x"), 2, "../x"),
        (("verify", "status"), 1, "plimsoll ingest"),
        (("backtest", "--capital", "0"), 1, "account.capital is 0"),
        (("backtest", "--capital", "nan"), 1, "account.capital is nan"),
    ],
)
def test_what_a_user_can_mend_is_one_message_with_its_exit_code(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    done = run(*words, home=tmp_path / "home")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_certified_data_nothing_trades_and_the_block_says_how_to_repair(tmp_path: Path) -> None:
    assert run("backtest", home=tmp_path / "hmoe").returncode == 4
    assert not (tmp_path / "hmoe").exists()  # a misspelt home is not made
    (tmp_path / "home").mkdir()
    done = run("backtest", home=tmp_path / "home")
    assert done.returncode == 4
    assert "[DATA_GOVERNANCE]" in done.stderr
    assert "plimsoll ingest" in done.stderr
    assert "[DATA_GOVERNANCE]" in (tmp_path / "home" / "governance_halt.log").read_text()


def test_an_error_is_json_too_when_json_was_asked_for(tmp_path: Path) -> None:
    done = run("verify", "status", "--json", home=tmp_path / "home")
    told = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode == 1
    assert told["error"] in done.stderr
    assert "plimsoll ingest" in told["remedy"]


def test_the_home_comes_from_the_option_before_or_after_or_the_environment(market: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    before = run("verify", "status", "--json", home=market)
    after = run("verify", "status", "--json", "--home", str(market), home=empty)
    command = [sys.executable, "-m", "plimsoll", "verify", "status", "--json"]
    env = os.environ | {"PLIMSOLL_HOME": str(market)}
    named = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert json.loads(before.stdout) == json.loads(after.stdout) == json.loads(named.stdout)


def test_status_names_every_symbol_and_says_synthetic_first(market: Path) -> None:
    done = run("verify", "status", home=market)
    assert done.stdout.startswith("SYNTHETIC DATA")
    for symbol in Policy().limits.assets:
        assert symbol in done.stdout


def test_tables_survive_a_narrow_terminal_and_no_colour_is_written_to_a_pipe(market: Path) -> None:
    done = run("verify", "status", home=market, COLUMNS="40")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "BTC-USD" in done.stdout


def test_a_terminal_with_no_color_gets_no_colour(market: Path) -> None:
    leader, follower = pty.openpty()
    env = os.environ | {"NO_COLOR": "1", "TERM": "xterm-256color", "PLIMSOLL_HOME": str(market), "COLUMNS": "100"}
    command = [sys.executable, "-m", "plimsoll", "verify", "status"]
    with subprocess.Popen(command, env=env, stdout=follower, stderr=subprocess.DEVNULL) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
    os.close(leader)
    assert process.returncode == 0
    assert b"BTC-USD" in shown
    assert b"\x1b[3" not in shown  # no foreground colour


def test_a_reader_that_leaves_early_is_no_error(market: Path) -> None:
    env = os.environ | {"PLIMSOLL_HOME": str(market)}
    command = [sys.executable, "-m", "plimsoll", "config", "show"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""


def test_config_show_gives_unit_rule_and_origin(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("cvar: {budget_10: 0.04}\n")
    done = run("config", "show", "--policy", str(mine), "--json", home=tmp_path, MAX_NAN_PCT="0.05")
    shown = json.loads(done.stdout)
    rows = {row["key"]: row for row in shown["settings"]}
    assert rows["cvar.budget_10"]["value"] == 0.04
    assert rows["cvar.budget_10"]["unit"] == "fraction of NAV, 10 sessions, 95 %"
    assert rows["cvar.budget_10"]["rule"] == "R3"
    assert rows["cvar.budget_10"]["origin"] == f"file {mine}"
    assert rows["freshness.nan_max"]["origin"] == "environment MAX_NAN_PCT"
    assert [rung["rung"] for rung in shown["ladder"]["rungs"]] == [r.name for r in Policy().ladder.rungs]


def test_a_contradicting_policy_stops_a_run_before_it_starts(market: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("auction: {hurdle_sharpe: 0.4}\n")
    done = run("backtest", "--policy", str(mine), home=market)
    assert done.returncode == 1
    assert "auction.hurdle_sharpe 0.4" in done.stderr
    assert not list((market / "runs").glob("*")) if (market / "runs").exists() else True


def test_the_schema_accepts_what_the_loader_accepts(tmp_path: Path) -> None:
    done = run("config", "schema", home=tmp_path)
    schema = json.loads(done.stdout)
    cvar = schema["$defs"]["CvarPolicy"]
    assert cvar["additionalProperties"] is False
    assert cvar["properties"]["budget_10"]["maximum"] == 1.0
    assert cvar["properties"]["budget_10"]["default"] == Policy().cvar.budget_10


def test_repeated_ingestion_changes_nothing(market: Path) -> None:
    before = json.loads(run("verify", "status", "--json", home=market).stdout)["snapshot"]
    words = ("ingest", "--provider", "synthetic", "--source", "core:seed=3", "--start", "2014-01-02", "--json")
    again = json.loads(run(*words, home=market).stdout)
    assert again["rows"] == 0
    assert again["snapshot"] == before


def test_a_second_writer_is_refused_by_name(market: Path) -> None:
    from plimsoll.store.home import Home

    with Home(market).lock():
        done = run("ingest", "--provider", "synthetic", "--source", "core:seed=3", home=market)
    assert done.returncode == 1
    assert str(os.getpid()) in done.stderr
