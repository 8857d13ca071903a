"""The benchmarks' own code on a market small enough for a test; nothing here is about speed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return _loaded("bench_backtest")


@pytest.fixture(scope="module")
def case(bench):
    return bench.Case(symbols=4, years=6, sessions=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("markets")


def test_our_engine_is_measured_on_the_sessions_asked_for(bench, case, folder):
    found = bench.compare(case, folder, rounds=1, peers=())
    market = bench.market_of(case, folder)
    assert bench.inside(market.home, market.start, ("xs_momentum",))["sessions"] == 40
    for runs in found.values():
        assert len(runs.engine) == len(runs.process) == 1 and runs.engine[0] > 0.0 and runs.peak[0] > 1.0
        assert 0.5 < runs.multiple < 2.0
    text = "\n".join(bench.report(case, found))
    assert "4 x 40 sessions" in text and all(name in text for name in bench.OURS)
    assert not (market.home / "runs").exists()  # a round leaves nothing behind


def test_peers_are_given_the_bars_that_we_trade(bench, case, folder):
    peers = _loaded("peers")
    market = bench.market_of(case, folder)
    data = peers.load(market.arrays)
    assert {values.shape for name, values in data.items() if name != "month"} == {(market.first + 40, 4)}
    assert all(np.isfinite(values).all() for values in data.values())
    said = peers.signals(data, market.first)
    assert min(said) == market.first and len(said) == 1 + data["month"][market.first + 1 : -1].sum()
    for weights in said.values():
        assert not weights.any() or weights.sum() == pytest.approx(peers.INVESTED)
        assert (weights >= 0.0).all()


def test_a_failing_engine_stops_the_benchmark(bench):
    with pytest.raises(RuntimeError, match="ended with 3"):
        bench.process(sys.executable, "-c", "raise SystemExit(3)")


def test_the_governor_is_measured_beside_a_bare_commit(tmp_path):
    governor = _loaded("bench_governor")
    spent = governor.measure(tmp_path, 5)
    assert {kind: seconds.size for kind, seconds in spent.items()} == {"bare commit": 5, "admit": 5, "refuse": 5}
    assert len(list(governor.report(spent))) == 5
    (tmp_path / "growing").mkdir()
    assert {seconds.size for seconds in governor.growing(tmp_path / "growing", 2).values()} == {2}
    assert all(rate > 0 and work > 0 for rate, work in governor.together(tmp_path, 1).values())
    nothing, governed = governor.memory(20)
    assert 1.0 < nothing < governed
    if shutil.which("redis-server"):
        assert {seconds.size for seconds in governor.over_redis(tmp_path, 3, "everysec").values()} == {3}


def test_proposals_are_measured_and_judged_by_the_engines_own_functions():
    gates = _loaded("bench_gates")
    market = gates.market(12)
    for kind in ("a day", "every"):
        cells = [c.strip() for c in gates.row(kind, 12, market, rounds=1).strip("|").split("|")]
        assert cells[:2] == [kind, "12"]
        assert all(float(c) > 0.0 for c in cells[2:8]) and len(cells) == 9


@pytest.mark.parametrize("sets", [1, 4])
def test_our_solvers_answer_the_same_auction_in_processes_of_their_own(tmp_path, sets):
    case = tmp_path / "case.json"
    words = {"market": "four factors", "aversion": 0.05, "cap": 0.03, "assets": 6, "scenarios": 90, "sets": sets}
    case.write_text(json.dumps(words))
    said = [
        json.loads(
            subprocess.run(
                [sys.executable, BENCHMARKS / "auction_solvers.py", solver, case, "1"],
                capture_output=True, text=True, check=True,
            ).stdout
        )
        for solver in ("plimsoll", "full LP")
    ]  # fmt: skip
    assert said[0]["objective"] == pytest.approx(said[1]["objective"], abs=1e-10)
    assert all(one["violation"] <= 1e-9 and one["cpu"] > 0.0 for one in said)
