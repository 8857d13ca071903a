"""The list of runs: statuses fit a row; why a run did not end well, and how it goes on, is said below."""

from __future__ import annotations

import pytest

from plimsoll.cli.render.runs import render_runs
from plimsoll.core.runs import RunSummary


def _run(name: str, status: str, **more: str) -> RunSummary:
    said = {"start": "2020-01-02", "end": "2020-12-31", "snapshot": "s", "policy": "0123456789"} | more
    return RunSummary(
        name, name.partition("-")[0], strategies=(), capital=100, synthetic=False, finished=False, status=status, **said
    )


def test_a_long_reason_is_below_the_table_and_a_paper_run_says_how_it_resumes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    why = "The journal cannot be written (database or disk is full) " * 3
    render_runs([
        _run("backtest-1", "failed", reason=why),
        _run("paper-2", "interrupted", reason="interrupted by a person"),
        _run("paper-3", "finished", halted="halted: resume with plimsoll resume paper-3 --by NAME --reason TEXT"),
    ])  # fmt: skip
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if "2020-01-02" in line]
    assert [row.split()[-1].rstrip("│|") for row in rows] == ["failed", "interrupted", "halted"]
    below = " ".join(out[out.index(rows[-1]) + len(rows[-1]) :].split())
    assert f"backtest-1: {why.strip()}" in below
    assert "interrupted by a person; resume with plimsoll trade --mode paper --recorded --resume paper-2" in below
    assert "paper-3: halted: resume with plimsoll resume paper-3" in below
