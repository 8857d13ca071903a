"""A strategy in a file, as a user would write and run it; and one written to trip every veto (S1, G2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.alpha.registry import load
from plimsoll.core.decision import CycleRecord
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.market import snapshot
from plimsoll.store.home import Home

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "my_strategy.py"
BASE = Policy()
OPEN = replace(
    BASE,
    auction=replace(BASE.auction, schedule="daily"),
    cvar=replace(BASE.cvar, budget_1=0.5, hard_1=0.6, budget_10=0.8, hard_10=0.9),
)
Market = Callable[..., Panel]
Backtested = Callable[..., Any]

ADVERSARY = '''
"""Says what no honest model would."""

from plimsoll.core.forecast import Forecast

SAYS = {says!r}


class Adversary:
    name = "adversary"

    def forecast(self, view, holding, policy):
        return [
            Forecast(**({{"mu": 0.01, "sigma": 0.03, "confidence": 0.9, "horizon": 10, "reason": "trust me"}} | said))
            for said in SAYS
        ]
'''


@pytest.fixture
def adversary(tmp_path: Path) -> Callable[..., tuple[Any, ...]]:
    """``adversary({"symbol": …}, …)`` writes the plug-in and loads it as the command line would."""

    def written(*says: dict[str, Any]) -> tuple[Any, ...]:
        file = tmp_path / "adversary.py"
        file.write_text(ADVERSARY.format(says=list(says)))
        return load([str(file)])

    return written


def tripped(records: Sequence[CycleRecord]) -> set[tuple[str, str, str]]:
    return {(v.trigger, v.severity, v.scope) for r in records for v in r.vetoes}


def first_buy(records: Sequence[CycleRecord], symbol: str) -> float:
    """Weight of the first purchase; zero when nothing was bought."""
    for record in records:
        for s, held, proposed in zip(record.symbols, record.held, record.proposed, strict=True):
            if s == symbol and proposed > held:
                return proposed - held
    return 0.0


def test_the_example_trades_from_the_command_line(tmp_path: Path, make_market: Market) -> None:
    home = Home(tmp_path / "home")
    snapshot.set_current(home.snapshots, snapshot.write(make_market(1, 400), home.snapshots))

    def plimsoll(*words: str) -> Any:
        command = [sys.executable, "-m", "plimsoll", "--home", str(home.path), *words, "--json"]
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    result = plimsoll("backtest", "--strategy", str(EXAMPLE))
    assert list(result["strategies"]) == ["benchmark_or_haven"]
    assert {fill["symbol"] for fill in result["fills"]} & {"SPY", "GLD", "TLT"}
    assert {fill["symbol"] for fill in result["fills"]} <= {"SPY", "GLD", "TLT"}
    assert plimsoll("audit", "verify", "--run", result["run"])["ok"]
    paper = plimsoll("trade", "--mode", "paper", "--recorded", "--strategy", str(EXAMPLE), "--restart-every", "50")
    assert paper["decisions_hash"] == result["decisions_hash"]


def test_the_example_may_run_beside_a_built_in_strategy(make_market: Market, backtested: Backtested) -> None:
    records = backtested(make_market(1, 400), BASE, strategies=load([str(EXAMPLE), "core_trend"])).records
    bidding = {b.strategy for r in records if r.auction for b in r.auction.bids}
    assert bidding == {"benchmark_or_haven", "core_trend"}


# The ten vetoes, each tripped through the whole cycle

Adversary = Callable[..., tuple[Any, ...]]


def run(
    make_market: Market, backtested: Backtested, strategies: tuple[Any, ...], policy: Policy = OPEN, **panel: Any
) -> list[CycleRecord]:
    market = changed(make_market(1, 264), **panel)
    records: list[CycleRecord] = backtested(market, policy, strategies=strategies).records
    return records


def test_unexplained_profit_halves_the_increase_once(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    honest = run(make_market, backtested, adversary({"symbol": "SPY", "confidence": 0.69, "target_weight": 0.2}))
    greedy = run(
        make_market, backtested, adversary({"symbol": "SPY", "mu": 0.031, "confidence": 0.69, "target_weight": 0.2})
    )
    assert tripped(honest) == set()
    assert ("UNEXPLAINED_PROFIT", "warning", "SPY") in tripped(greedy)
    assert first_buy(greedy, "SPY") == pytest.approx(0.5 * first_buy(honest, "SPY"), abs=0.003)


def test_several_warnings_together_are_still_one_halving(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    says = {"symbol": "SPY", "mu": 0.031, "confidence": 0.69, "target_weight": 0.2}
    one = run(make_market, backtested, adversary(says))
    doubtful = tuple(replace(c, score=0.65) for c in make_market(1, 264).certifications)
    two = run(make_market, backtested, adversary(says), certifications=doubtful)
    assert {t for t, _, _ in tripped(two)} >= {"UNEXPLAINED_PROFIT", "DATA_DEPENDENCY_RISK"}
    assert first_buy(two, "SPY") == pytest.approx(first_buy(one, "SPY"), abs=1e-9)


def test_too_perfect_execution_is_recorded_and_changes_nothing(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    sober = run(make_market, backtested, adversary({"symbol": "SPY"}))
    perfect = run(make_market, backtested, adversary({"symbol": "SPY", "sigma": 0.003}))
    assert tripped(sober) == set()
    assert tripped(perfect) == {("TOO_PERFECT_EXECUTION", "info", "SPY")}
    assert [r.intents for r in perfect] == [r.intents for r in sober]


def test_data_dependency_risk_halves_the_increase(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    doubtful = tuple(replace(c, score=0.65) for c in make_market(1, 264).certifications)
    says = {"symbol": "SPY", "target_weight": 0.2}
    sound = run(make_market, backtested, adversary(says))
    weak = run(make_market, backtested, adversary(says), certifications=doubtful)
    assert ("DATA_DEPENDENCY_RISK", "warning", "SPY") in tripped(weak)
    assert first_buy(weak, "SPY") == pytest.approx(0.5 * first_buy(sound, "SPY"), abs=0.003)


def test_correlated_wins_counts_opening_bids_before_the_trade_count(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    """Six openings of the same thing in five sessions, although only five trades a session are made."""
    panel = make_market(1, 264)
    spy = panel.column["SPY"]
    alike: dict[str, Any] = {}
    for name in ("open", "high", "low", "close", "volume", "dividend", "split", "index"):
        values = np.array(getattr(panel, name))
        values[:, :6] = values[:, spy : spy + 1]
        alike[name] = values
    says = [{"symbol": s, "target_weight": 0.05} for s in panel.symbols[:6]]
    policy = replace(OPEN, correlation=replace(OPEN.correlation, pair_fund=1.0, pair_fund_leave=0.99, pair_stock=1.0))
    records = run(make_market, backtested, adversary(*says), policy, **alike)
    assert ("CORRELATED_WINS", "info", "book") in tripped(records)
    apart = run(make_market, backtested, adversary(*says), policy)
    assert "CORRELATED_WINS" not in {t for t, _, _ in tripped(apart)}


def test_high_cvar_rejects_what_the_gate_no_longer_stops(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    """Gates scale to the budget first, so the veto is reached only when they are off: it is a second opinion."""
    policy = replace(
        OPEN,
        cvar=replace(OPEN.cvar, budget_1=0.5, hard_1=0.0005, budget_10=0.8, hard_10=0.001),
        gates=replace(OPEN.gates, off=("cvar",)),
    )
    records = run(make_market, backtested, adversary({"symbol": "SPY"}), policy)
    assert ("HIGH_CVAR", "error", "book") in tripped(records)
    assert first_buy(records, "SPY") == 0.0


def test_leverage_breach_rejects_what_the_gate_no_longer_stops(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    """The auction and the gate both keep gross below its limit, so a bid cannot reach the veto while they are there.

    Here the target portfolio was made under a looser limit than the one in force, and the gate is off.
    """
    panel = make_market(1, 264)
    greedy = adversary({"symbol": "SPY", "target_weight": 0.4}, {"symbol": "GLD", "target_weight": 0.4})
    month_end = replace(OPEN, auction=replace(OPEN.auction, schedule="month_end"))
    wide = backtested(panel, month_end, strategies=greedy, last=260)
    state_after = wide.records[-1].carried
    tight = replace(
        month_end,
        limits=replace(month_end.limits, gross_max=0.3),
        gates=replace(month_end.gates, off=("gross",)),
    )
    from plimsoll.core.state import State
    from plimsoll.engine.driver import post_close
    from plimsoll.engine.run_context import RunContext

    n = len(panel.symbols)
    fresh = State(panel.symbols, np.zeros(n, np.int64), np.full(n, np.nan), 10_000_000, state_after)
    _, record = post_close(fresh, 261, wide.history, RunContext(tight, greedy, panel.instruments))
    assert ("LEVERAGE_BREACH", "error", "book") in tripped([record])
    assert not any(n > 0 for n in record.lots)


def test_the_drawdown_limit_freezes_increases_where_no_rung_ends_the_mandate(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    """Without a rung that ends the mandate the veto's own figure holds; with the ladder off it is off too (R4)."""
    panel = make_market(1, 400, crash=0.05, at=300)
    loose = replace(
        OPEN,
        stops=replace(OPEN.stops, reduce_default=0.9, exit_default=0.95),
        limits=replace(OPEN.limits, assets={}, weight_fund=0.9),
        ladder=replace(OPEN.ladder, rungs=()),
    )
    greedy = adversary({"symbol": "SPY", "mu": 0.02}, {"symbol": "QQQ", "mu": 0.02}, {"symbol": "XLE", "mu": 0.02})
    records = backtested(panel, loose, strategies=greedy).records
    fallen = [r for r in records if r.figures["drawdown_lifetime"] >= 0.18]
    assert fallen
    assert not any(i.lots > 0 for r in fallen for i in r.intents)
    wanting = [r for r in fallen if any(d > h + 0.02 for d, h in zip(r.desired, r.held, strict=True))]
    assert ("DRAWDOWN_LIMIT", "critical", "book") in tripped(wanting)
    off = replace(loose, ladder=replace(OPEN.ladder, enabled=False))
    later = [r for r in backtested(panel, off, strategies=greedy).records if r.figures["drawdown_lifetime"] >= 0.18]
    assert any(i.lots > 0 for r in later for i in r.intents)


def test_model_decay_halves_the_increase_of_an_unsure_bid(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    """By default the confidence threshold bars the bid before the veto sees it; a looser threshold lets it through."""
    unsure = adversary({"symbol": "SPY", "confidence": 0.4, "target_weight": 0.2})
    barred = run(make_market, backtested, unsure)
    assert first_buy(barred, "SPY") == 0.0
    assert tripped(barred) == set()
    loose = replace(OPEN, forecast=replace(OPEN.forecast, confidence_min=0.3))
    let = run(make_market, backtested, unsure, loose)
    assert ("MODEL_DECAY", "warning", "SPY") in tripped(let)
    sure = run(make_market, backtested, adversary({"symbol": "SPY", "target_weight": 0.2}), loose)
    assert first_buy(let, "SPY") == pytest.approx(0.5 * first_buy(sure, "SPY"), abs=0.003)


def test_insufficient_history_cannot_be_reached_while_eligibility_stands(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    """The auction blocks a young symbol as NOT_ACTIVE. The veto judges again, from the rows alone."""
    panel = make_market(1, 264)
    young = {}
    for name in ("open", "high", "low", "close", "volume", "index"):
        values = np.array(getattr(panel, name))
        values[:20, panel.column["SPY"]] = np.nan
        young[name] = values
    strict = replace(OPEN, freshness=replace(OPEN.freshness, rows_min=200))
    barred = run(make_market, backtested, adversary({"symbol": "SPY"}), strict, **young)
    assert first_buy(barred, "SPY") == 0.0
    assert tripped(barred) == set()


def test_insufficient_history_rejects_a_symbol_that_others_let_through(
    make_market: Market, adversary: Adversary
) -> None:
    from plimsoll.core.events import Genesis
    from plimsoll.core.state import open_account
    from plimsoll.engine.driver import post_close
    from plimsoll.engine.history import history_of
    from plimsoll.engine.run_context import RunContext

    panel = make_market(1, 264)
    history = history_of(panel, OPEN)
    clean = history.catalogue["rows"]
    few = changed(history, catalogue={**history.catalogue, "rows": lambda p: clean(p) - 200.0}, _memo={})
    desk = RunContext(OPEN, adversary({"symbol": "SPY"}), panel.instruments)
    genesis = Genesis("a", 10_000_000, panel.symbols, "", "", "", "", "", "backtest", (), "never", True)
    for given, refused in ((history, False), (few, True)):
        _, record = post_close(open_account(genesis), 261, given, desk)
        assert (("INSUFFICIENT_HISTORY", "error", "SPY") in tripped([record])) is refused
        assert any(record.lots) is not refused
        assert any("VETO_ERROR" in codes or "INSUFFICIENT_HISTORY" in codes for codes in record.reasons) is refused


def test_low_data_quality_rejects_the_symbol(make_market: Market, backtested: Backtested, adversary: Adversary) -> None:
    """A score below the auction's own threshold never gets here; the veto's may be set above it."""
    weak = tuple(replace(c, score=0.55) for c in make_market(1, 264).certifications)
    screened = run(make_market, backtested, adversary({"symbol": "SPY"}), certifications=weak)
    assert tripped(screened) == set()
    strict = replace(OPEN, vetoes=replace(OPEN.vetoes, quality_error=0.85))
    middling = tuple(replace(c, score=0.8) for c in make_market(1, 264).certifications)
    vetoed = run(make_market, backtested, adversary({"symbol": "SPY"}), strict, certifications=middling)
    assert ("LOW_DATA_QUALITY", "error", "SPY") in tripped(vetoed)
    assert first_buy(screened, "SPY") == first_buy(vetoed, "SPY") == 0.0


def test_room_left_by_a_vetoed_order_is_not_taken_unvetted(
    make_market: Market, backtested: Backtested, adversary: Adversary
) -> None:
    """One trade a session: when the largest order is rejected the next one gets its turn, and is judged as well."""
    strict = replace(OPEN, vetoes=replace(OPEN.vetoes, quality_error=0.85), shaping=replace(OPEN.shaping, trades_max=1))
    middling = tuple(
        replace(c, score=0.8 if c.symbol in ("SPY", "GLD") else 1.0) for c in make_market(1, 264).certifications
    )
    says = [{"symbol": s, "target_weight": w} for s, w in (("SPY", 0.3), ("GLD", 0.2), ("TLT", 0.1))]
    records = run(make_market, backtested, adversary(*says), strict, certifications=middling)
    bought = {i.symbol for r in records for i in r.intents if i.lots > 0}
    assert bought == {"TLT"}
    assert {scope for trigger, _, scope in tripped(records) if trigger == "LOW_DATA_QUALITY"} == {"SPY", "GLD"}


def test_every_veto_is_tripped_in_this_file() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for trigger in BASE.vetoes.enabled:
        assert f'("{trigger}", "' in text
