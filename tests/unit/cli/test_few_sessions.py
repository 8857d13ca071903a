"""A study that is too short says so, and not that anything failed (H8); rules that never acted are one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from plimsoll.cli.render.montecarlo import render_montecarlo
from plimsoll.cli.render.runs import render_ablation
from plimsoll.core.policy import Policy
from plimsoll.research.ablation import Outcome
from plimsoll.simulation import study
from plimsoll.store.governor_memory import MemoryStateStore


def test_too_few_sessions_are_told_apart_from_a_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = study.run(Policy(profile="micro"), 1, 1, (), lambda _: MemoryStateStore(), None)
    assert found.too_few and not found.passed
    render_montecarlo(found)
    assert f"give --sessions {study.ENOUGH} or more" in capsys.readouterr().out
    for other in (replace(found, breaches=1), replace(found, sessions=study.ENOUGH), replace(found, session=3)):
        assert not other.too_few
        render_montecarlo(other)
        assert "too few" not in capsys.readouterr().out


def test_variants_that_were_not_run_are_listed_once_below_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Outcome("base", "nothing", 10, 0.1, 0.1, 1.0, 0.1, 0.01, 0.1, 0.01, 0.5, 0.0, False)
    same = [replace(ran, name=f"veto {n}", off="x", same="never tripped in the base run") for n in range(3)]
    render_ablation([ran, replace(ran, name="ladder", ended=True), *same])
    text = " ".join(capsys.readouterr().out.split())
    assert "never tripped in the base run: veto 0, veto 1, veto 2" in text and text.count("never tripped") == 1
    assert text.index("ladder") < text.index("Not run") < text.index("veto 0") and "mandate ended" in text
