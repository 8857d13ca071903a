"""``runs``, ``runs prune`` and ``compare`` as a person types them, on a small synthetic market."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from plimsoll import app
from plimsoll.cli.main import cli

Say = Callable[..., Any]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("runs") / "home"
    words = [
        "ingest",
        "--provider",
        "synthetic",
        "--tickers",
        "SPY,GLD,TLT",
        "--start",
        "2014-01-02",
        "--home",
        str(home),
    ]
    assert CliRunner().invoke(cli, words).exit_code == 0
    for more in (["--tag", "base"], ["--tag", "poor", "--capital", "20000"]):
        done = CliRunner().invoke(
            cli, ["backtest", "--start", "2019-01-02", "--end", "2019-12-31", *more, "--home", str(home)]
        )
        assert done.exit_code == 0, done.output
    return home


@pytest.fixture
def home(market: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(market, tmp_path / "home"))


def say(home: Path, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(cli, [*words, "--home", str(home)])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in words else done.output


def test_runs_tell_policy_capital_tag_and_end(home: Path) -> None:
    base, poor = say(home, "runs", "--json")
    assert (base["tag"], base["status"], base["profile"], base["policy_name"]) == ("base", "finished", "core", "core")
    assert (poor["capital"], poor["policy_name"]) == (2_000_000, "core + account.capital")
    assert base["annual_return"] is not None and base["sessions"] > 200
    shown = say(home, "runs")
    assert "base" in shown and "20,000" in shown and "finished" in shown


def test_a_benchmark_on_the_command_line_has_to_be_there(home: Path) -> None:
    told = say(home, "backtest", "--start", "2019-01-02", "--benchmark", "spx", code=2)
    assert "--benchmark spx is not in the snapshot" in told and "It holds GLD, SPY, TLT" in " ".join(told.split())
    assert len(say(home, "runs", "--json")) == 2


def test_a_backtest_that_fails_or_is_interrupted_says_so_and_is_not_the_last(home: Path, monkeypatch: Any) -> None:
    from plimsoll.engine import driver

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "post_close", stop)
    say(home, "backtest", "--start", "2019-01-02", code=130)
    monkeypatch.undo()
    newest = say(home, "runs", "--json")[-1]
    assert (newest["status"], newest["finished"]) == ("interrupted", False)
    told = CliRunner().invoke(cli, ["explain", "--on", "2019-06-03", "--home", str(home)])
    assert told.exit_code == 0 and f"{newest['run']} is interrupted and was passed over" in told.stderr

    def fail(*_: object) -> None:
        raise ZeroDivisionError("no room")

    monkeypatch.setattr(driver, "post_close", fail)
    done = CliRunner().invoke(cli, ["backtest", "--start", "2019-01-02", "--home", str(home)])
    assert isinstance(done.exception, ZeroDivisionError)
    monkeypatch.undo()
    newest = say(home, "runs", "--json")[-1]
    assert (newest["status"], newest["reason"]) == ("failed", "ZeroDivisionError: no room")


def test_a_result_edited_after_its_run_is_not_compared(home: Path) -> None:
    (stored,) = [p for p in (home / "runs").glob("*.result.json") if "base" in told_of(p)]
    result = json.loads(stored.read_text(encoding="utf-8"))
    result["metrics"]["annual_return"] = 9.99
    stored.write_text(json.dumps(result), encoding="utf-8")
    assert "was altered after the run" in say(home, "compare", "base", "poor", code=3)


def told_of(stored: Path) -> str:
    return str(json.loads(stored.with_name(stored.name.replace(".result", "")).read_text(encoding="utf-8"))["tag"])


def test_compare_finds_runs_by_tag_and_names_the_key_that_differs(home: Path) -> None:
    found = say(home, "compare", "base", "poor", "--json")
    assert [c["key"] for c in found["changes"]] == ["account.capital"]
    assert found["same_snapshot"] and found["same_code"] and not found["same_policy"]
    assert found["paired"]["sessions"] == found["a"]["sessions"]
    shown = say(home, "compare", "base", "poor")
    assert "account.capital: 100000 against 20000" in shown and "standard error" in shown
    assert "no run 'rich'" in say(home, "compare", "base", "rich", code=2)


def test_prune_lists_asks_and_removes(home: Path) -> None:
    assert "--keep N" in say(home, "runs", "prune", code=2)
    assert "without confirmation" in say(home, "runs", "prune", "--keep", "1", code=2)
    listed = say(home, "runs", "prune", "--keep", "1", "--dry-run")
    assert "1 runs," in listed and len(say(home, "runs", "--json")) == 2
    gone = say(home, "runs", "prune", "--keep", "1", "--yes", "--json")
    assert gone["done"] and len(gone["runs"]) == 1
    (left,) = say(home, "runs", "--json")
    assert left["tag"] == "poor"


@pytest.mark.parametrize("tag", ["last", " padded", "x" * 61, "bell\x07"])
def test_a_tag_nobody_could_use_is_refused(home: Path, tag: str) -> None:
    assert "cannot be used" in say(home, "backtest", "--start", "2019-01-02", "--tag", tag, code=2)
    assert len(say(home, "runs", "--json")) == 2


STRATEGY = """
from plimsoll.core.forecast import Forecast


class Steady:
    name = "steady"

    def forecast(self, view, holding, policy):
        said = dict(mu=0.01, sigma=0.05, confidence=0.9, horizon=10, reason="always")
        return [Forecast(symbol=s, **said) for s in ("SPY", "TLT")]


def strategy():
    return Steady()
"""


@pytest.mark.parametrize("verb", ["backtest", "trade"])
def test_the_command_a_result_states_makes_the_same_decisions_again(home: Path, tmp_path: Path, verb: str) -> None:
    """Policy file, own strategy, capital, operator and life-cycle are in it, and the snapshot beside a newer one."""
    mine, policy = tmp_path / "my steady.py", tmp_path / "mine.yaml"
    mine.write_text(STRATEGY)
    policy.write_text("cvar:\n  budget_10: 0.03\nlimits:\n  assets:\n    SPY: {max_weight: 0.25}\n")
    paper = [] if verb == "backtest" else ["--mode", "paper", "--recorded"]
    options = ["--policy", str(policy), "--strategy", str(mine), "--strategy", "core_trend", "--capital", "30000.5"]
    options += ["--operator", "never", "--lifecycle", "--benchmark", "GLD"]
    first = say(home, verb, *paper, "--start", "2019-01-02", "--end", "2019-12-31", *options, "--json")
    assert first["fills"]
    policy.unlink()  # the run keeps its own
    more = ["--provider", "synthetic", "--tickers", "SPY,GLD,TLT,EFA", "--start", "2014-01-02"]
    assert say(home, "ingest", *more, "--json")["snapshot"] != first["snapshot"]
    words = shlex.split(first["command"])
    assert words[0] == "plimsoll" and str(mine) in words and "30000.50" in words
    done = CliRunner().invoke(cli, [*words[1:], "--json"])
    assert done.exit_code == 0, done.output
    again = json.loads(done.stdout)
    assert (again["decisions_hash"], again["policy"]) == (first["decisions_hash"], first["policy"])
    assert again["equity"] == first["equity"]
    stored = json.loads((home / "runs" / f"{first['run']}.result.json").read_text())
    assert stored["command"] == first["command"]


def test_a_snapshot_is_named_by_an_unambiguous_beginning(home: Path) -> None:
    held = say(home, "runs", "--json")[0]["snapshot"]
    span = ("--start", "2019-01-02", "--end", "2019-02-01")
    assert say(home, "backtest", *span, "--snapshot", held[:6], "--json")["snapshot"] == held
    assert "begin with 'xyz'" in say(home, "backtest", *span, "--snapshot", "xyz", code=2)


TIGHT = """
ladder:
  rungs:
    level_1: {threshold: 0.001}
    level_2: {threshold: 0.002, cooldown: 1, reentry: signed}
    panic: {threshold: 0.003, cooldown: 1}
    level_3: {threshold: 0.004, cooldown: 1}
  level_1_holds: 0.0005
  calm_sessions: 1
  volatility_max: 0.9
  crisis_max: 1.0
"""


def test_a_halted_paper_book_goes_on_once_a_person_has_signed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "tight.yaml").write_text(TIGHT)
    paper = ("trade", "--mode", "paper", "--recorded")
    options = ("--policy", str(tmp_path / "tight.yaml"), "--operator", "never", "--strategy", "core_trend")
    say(home, *paper, "--start", "2019-01-02", "--end", "2019-05-31", *options)
    run = say(home, "runs", "--json")[-1]
    assert run["halted"] == f"halted: resume with plimsoll resume {run['run']} --by NAME --reason TEXT"
    signed = say(home, "resume", "--by", "Ann Lee", "--reason", "reviewed", "--json")
    assert signed["lifts"] == ["the re-entry after level_2"]
    assert "not halted" in say(home, "resume", run["run"], "--by", "Ann", "--reason", "again", code=2)
    say(home, "audit", "verify", "--run", run["run"])
    for _ in range(2):  # once more after a resume that had no session left to decide
        assert say(home, "runs", "--json")[-1]["halted"] == "signed by Ann Lee: goes on with the next session"
        say(home, *paper, "--resume", run["run"])
    gone_on = say(home, *paper, "--resume", run["run"], "--end", "2019-12-31", "--json")
    assert gone_on["run"] == run["run"] and gone_on["end"] == "2019-12-31"
    assert [a["by"] for a in gone_on["approvals"]] == ["Ann Lee"]
    assert any(e["kind"] == "APPROVED" for e in gone_on["risk_events"])
    after = [f for f in gone_on["fills"] if f["session"] > signed["session"] and f["lots"] > 0]
    assert after  # new risk again
    say(home, "audit", "verify", "--run", run["run"])
    first = next(e["day"] for e in gone_on["risk_events"] if e["kind"] == "APPROVED")
    assert say(home, "replay", "--run", run["run"], "--on", first, "--json")["same_morning"]
    assert "its own span" in say(home, *paper, "--resume", run["run"], "--end", "2019-05-01", code=2)


@pytest.mark.parametrize(
    "words", [("compare", "a"), ("nothing",), ("backtest", "--capital", "much"), ("runs", "--nope")]
)
def test_a_usage_error_with_json_is_an_object_too(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 2
    told = json.loads(done.stdout)
    assert told["exit_code"] == 2 and told["error"] and told["remedy"]
    assert told["error"] in done.stderr
    assert CliRunner().invoke(cli, list(words)).stdout == ""


def test_config_show_lists_the_choices_of_a_choice(tmp_path: Path) -> None:
    units = {s["key"]: s["unit"] for s in say(tmp_path, "config", "show", "--json")["settings"]}
    assert units["auction.schedule"] == "choice: daily, month_end, week_end"
    assert units["ladder.rungs.level_2.reentry"].endswith("automatic, never, none, signed")


def test_limits_are_compared_with_the_profile_they_were_made_for(tmp_path: Path) -> None:
    begun = CliRunner().invoke(cli, ["govern", "--profile", "micro", "--home", str(tmp_path)], input="")
    assert begun.exit_code == 0, begun.output
    assert say(tmp_path, "limits", "show", "--json")["differs"] == []
    assert say(tmp_path, "limits", "show", "--profile", "core", "--json")["differs"] != []


def test_a_run_is_named_by_its_strategies_and_its_preset_of_costs(tmp_path: Path) -> None:
    made = app.Workspace(
        tmp_path, changes={"costs.preset": "ibkr-pro", "strategies.enabled": [str(tmp_path / "my.py")]}
    )
    assert made.named() == "core + my.py + costs preset ibkr-pro (2025-06)"
    assert app.Workspace(tmp_path, changes={"account.capital": 7}).named() == "core + account.capital"


def test_a_paper_run_goes_on_day_after_day_on_newer_snapshots(tmp_path: Path) -> None:
    """``--continue``: the same run, on the newest snapshot, also where the one it was begun on is gone (E1, D14)."""
    home = tmp_path / "home"
    paper = ("trade", "--mode", "paper", "--recorded")

    def ingest(end: str) -> str:
        words = ("--tickers", "SPY,GLD,TLT", "--start", "2014-01-02", "--end", end, "--json")
        return str(say(home, "ingest", "--provider", "synthetic", *words)["snapshot"])

    first = ingest("2019-06-26")
    run = say(home, *paper, "--start", "2019-05-29", "--json")["run"]
    second = ingest("2019-06-28")
    gone_on = say(home, *paper, "--continue", "last", "--json")
    assert (gone_on["run"], gone_on["end"], gone_on["snapshot"]) == (run, "2019-06-28", second)
    assert [s["snapshot"] for s in gone_on["snapshots"]] == [first, second]
    assert gone_on["snapshots"][1]["restated"] == []
    whole = say(home, "backtest", "--start", "2019-05-29", "--json")
    assert (whole["equity"], whole["fills"]) == (gone_on["equity"], gone_on["fills"])
    assert say(home, *paper, "--continue", "last", "--json")["equity"] == gone_on["equity"]  # nothing new: no error

    for snapshot in (first, second):
        shutil.rmtree(home / "snapshots" / snapshot)
    third = ingest("2019-07-02")
    assert "--continue" in say(home, *paper, "--resume", run, code=1)
    assert "other than" not in say(home, *paper, "--continue", run)
    (told,) = [r for r in say(home, "runs", "--json") if r["run"] == run]
    assert (told["snapshot"], told["end"], told["status"]) == (third, "2019-07-02", "finished")
    assert "continued on snapshot" in say(home, "explain", "--on", "2019-07-01", "--run", run)
    assert say(home, "replay", "--on", "2019-07-01", "--run", run, "--json")["identical"]
    say(home, "audit", "verify", "--run", run)
    assert "its own span" in say(home, *paper, "--continue", run, "--end", "2019-06-03", code=2)
    assert "--resume and --continue" in say(home, *paper, "--continue", run, "--resume", run, code=2)
    (tmp_path / "other.yaml").write_text("governor: {trade: 5000}")
    kept = say(home, *paper, "--continue", run, "--policy", str(tmp_path / "other.yaml"), code=2)
    assert "keeps the policy it began with" in kept
    assert say(home, *paper, "--continue", run, "--profile", "core", "--json")["run"] == run  # the same policy
