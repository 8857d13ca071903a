"""``plimsoll auction`` as typed: what it prints, what it writes as JSON and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plimsoll.cli.main import cli

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "auction.json"


def test_the_example_is_explained_bid_by_bid() -> None:
    done = CliRunner().invoke(cli, ["auction", str(EXAMPLE)])
    assert done.exit_code == 0
    for words in (
        "core_trend SPY",
        "tail_limits[0]",
        "Why not more?",
        "does not pay",
        "every limit holds",
        "pairs[0]",
        "would enter if",
        "In whole lots, NAV 100,000.00",
        "taken off",
    ):
        assert words in done.stdout, words


def test_json_holds_every_bid_and_limit() -> None:
    done = CliRunner().invoke(cli, ["auction", str(EXAMPLE), "--json"])
    found = json.loads(done.stdout)
    assert found["status"] == "optimal" and found["checked"] is True
    assert (
        len(found["bids"]) == 5 and {"weight", "why_not_more", "shadow_price", "cap_price"} <= found["bids"][0].keys()
    )
    assert len(found["lots"]["holdings"]) == 4 and found["lots"]["checked"] is True
    assert [x["limit"] for x in found["limits"]][-2:] == ["cvar", "tail_limits[0]"]


def test_a_book_that_was_only_scaled_exits_3_and_a_malformed_problem_1(tmp_path: Path) -> None:
    fields = json.loads(EXAMPLE.read_text())
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(fields | {"cvar_max": -0.01}))
    done = CliRunner().invoke(cli, ["auction", str(path)])
    assert done.exit_code == 3
    assert "NOT SOLVED" in done.stdout and "cvar set the scale" in done.stdout
    path.write_text(json.dumps(fields | {"confidence": float("nan")}))
    done = CliRunner().invoke(cli, ["auction", str(path), "--json"])
    assert done.exit_code == 1
    assert "confidence is NaN" in json.loads(done.stdout)["error"]
    assert CliRunner().invoke(cli, ["auction", str(tmp_path / "gone.json")]).exit_code == 1


@pytest.mark.parametrize(("rows", "said"), [(1, True), (19, True), (20, False), (21, False)])
def test_scenarios_too_few_for_their_level_are_told(tmp_path: Path, rows: int, said: bool) -> None:
    problem = json.loads(EXAMPLE.read_text())
    problem["scenarios"] = [[-0.01 * n, 0.02, 0.0, 0.01] for n in range(rows)]
    file = tmp_path / "short.json"
    file.write_text(json.dumps(problem))
    found = json.loads(CliRunner().invoke(cli, ["auction", str(file), "--json"]).stdout)
    assert (len(found["notes"]) == 1) is said
    text = CliRunner().invoke(cli, ["auction", str(file)]).stdout
    assert ("note  scenarios: the worst 0.05 of" in text and "give at least 20" in text) is said
