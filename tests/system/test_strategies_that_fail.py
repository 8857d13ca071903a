"""Nothing is sold because something is missing: strategies that raise, or answer with what is none (S1, E3, E4, B1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import force_setattr, replace

import commands
from plimsoll.core.decision import CycleRecord
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import Panel, View
from plimsoll.core.policy import Policy
from plimsoll.market import snapshot
from plimsoll.store.home import Home

Market = Callable[..., Panel]
Backtested = Callable[..., Any]

DAILY = replace(Policy(), auction=replace(Policy().auction, schedule="daily"))
NAN = float("nan")
ROW = 300  # where strategies of these tests fall ill


def want(symbol: str, **changes: Any) -> Forecast:
    given = {"mu": 0.006, "sigma": 0.04, "confidence": 0.9, "horizon": 10, "reason": "wants it"} | changes
    return Forecast(symbol, **given)


@dataclass
class Acts:
    """Says what ``act(view, holding)`` says."""

    act: Callable[[View, Holding], Any]
    name: str = "acts"
    calls: list[int] = field(default_factory=list)

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Any:
        return self.act(view, holding)


def healthy(view: View, holding: Holding) -> list[Forecast]:
    return [want(s) for s in ("SPY", "GLD", "TLT")]


def half_way(view: View, holding: Holding) -> Iterator[Forecast]:
    yield want("SPY")
    raise RuntimeError("half-way")


def boom(view: View, holding: Holding) -> Any:
    raise RuntimeError("boom")


def leaves(view: View, holding: Holding) -> Any:
    raise SystemExit(3)


RAISING: dict[str, Callable[[View, Holding], Any]] = {
    "raises": boom,
    "leaves the process": leaves,
    "raises half-way": half_way,
    "answers nothing": lambda view, holding: None,
    "answers a number": lambda view, holding: 3,
    "answers other things": lambda view, holding: [want("SPY"), "GLD"],
    "names no symbol": lambda view, holding: [want("SPY"), want(None)],  # type: ignore[arg-type]
    "a portfolio of no symbols": lambda view, holding: {1: 0.5},
}
WRONG: dict[str, dict[str, Any]] = {
    "NaN mu": {"mu": NAN},
    "mu beyond everything": {"mu": -1.5},
    "no uncertainty": {"sigma": 0.0},
    "too sure": {"confidence": 1.01},
    "less than unsure": {"confidence": -0.01},
    "no horizon": {"horizon": 0},
    "half a session": {"horizon": 10.5},
    "words": {"sigma": "much"},
    "a negative cap": {"target_weight": -0.1},
}


def sales(records: Sequence[CycleRecord]) -> dict[tuple[str, str], int]:
    return {(r.session, i.symbol): i.lots for r in records for i in r.intents if i.lots < 0}


def kept_reasons(record: CycleRecord) -> dict[str, tuple[str, ...]]:
    assert record.auction is not None
    return {b.symbol: b.reasons for b in record.auction.bids}


def ill_once(act: Callable[[View, Holding], Any]) -> Acts:
    return Acts(lambda view, holding: act(view, holding) if view.row == ROW else healthy(view, holding))


def at_row(records: Sequence[CycleRecord], panel: Panel, row: int = ROW) -> CycleRecord:
    return next(r for r in records if r.session == panel.sessions.dates[row])


@pytest.mark.parametrize("how", RAISING)
def test_a_strategy_that_raises_keeps_its_book_and_an_event_says_where(
    make_market: Market, backtested: Backtested, how: str
) -> None:
    panel = make_market(1, 320)
    records = backtested(panel, DAILY, strategies=(ill_once(RAISING[how]),)).records
    record = at_row(records, panel)
    held = {s for s, w in zip(record.symbols, record.held, strict=True) if w > 0.0}
    assert held
    assert not [i for i in record.intents if i.lots < 0]
    assert set(record.carried.portfolio.confidence) == held
    assert all(set(why) == {"KEPT", "STRATEGY_ERROR"} for why in kept_reasons(record).values())
    (event,) = [e for e in record.events if e.kind == "STRATEGY_ERROR"]
    assert event.scope.startswith("acts: ")
    if how in ("raises", "raises half-way"):
        assert event.scope.endswith(f"({Path(__file__).name}:{_line_of(how)})")


def _line_of(how: str) -> int:
    wanted = {"raises": 'RuntimeError("boom")', "raises half-way": 'RuntimeError("half-way")'}[how]
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.strip() == f"raise {wanted}")


@pytest.mark.parametrize("how", WRONG)
def test_what_an_invalid_forecast_speaks_of_stands_and_the_others_count(
    make_market: Market, backtested: Backtested, how: str
) -> None:
    panel = make_market(1, 320)
    ill = ill_once(lambda view, holding: [want("SPY", **WRONG[how]), want("GLD")])
    record = at_row(backtested(panel, DAILY, strategies=(ill,)).records, panel)
    held = dict(zip(record.symbols, record.held, strict=True))
    target = dict(zip(record.symbols, record.target, strict=True))
    assert held["SPY"] > 0.0 and held["TLT"] > 0.0
    assert target["SPY"] == pytest.approx(held["SPY"], rel=1e-6)
    assert target["TLT"] == 0.0  # of TLT nothing was said: that is a sale by its own word
    assert kept_reasons(record)["SPY"] == ("KEPT", "FORECAST_INVALID")
    (event,) = [e for e in record.events if e.kind == "FORECAST_INVALID"]
    assert event.scope.startswith("acts: SPY: ") and event.scope.endswith("; its position is kept")


def test_two_forecasts_for_one_symbol_contradict_each_other(make_market: Market, backtested: Backtested) -> None:
    panel = make_market(1, 320)
    ill = ill_once(lambda view, holding: [want("SPY", target_weight=0.0), want("SPY"), want("GLD"), want("TLT")])
    record = at_row(backtested(panel, DAILY, strategies=(ill,)).records, panel)
    assert kept_reasons(record)["SPY"] == ("KEPT", "FORECAST_INVALID")
    assert not [i for i in record.intents if i.symbol == "SPY" and i.lots < 0]


def test_what_stands_is_displaced_by_no_bid_of_another(make_market: Market, backtested: Backtested) -> None:
    """A keep forecast competes, and the better bid takes its room; what was not spoken of does not (S1)."""
    panel = make_market(1, 320)
    rich = Acts(
        lambda view, holding: [want(s, mu=0.02) for s in ("EFA", "EEM", "QQQ")] if view.row >= ROW else [], "rich"
    )
    ill = Acts(lambda view, holding: boom(view, holding) if view.row >= ROW else healthy(view, holding))
    records = backtested(panel, DAILY, strategies=(ill, rich), last=ROW + 5).records
    assert {b.symbol for b in at_row(records, panel).auction.bids if b.weight > 0.0} & {"EFA", "EEM", "QQQ"}
    held = {
        s for s, w in zip(*[getattr(at_row(records, panel), k) for k in ("symbols", "held")], strict=True) if w > 0.0
    }
    assert held
    assert not [
        i
        for r in records
        if r.session >= panel.sessions.dates[ROW]
        for i in r.intents
        if i.lots < 0 and i.symbol in held
    ]


def test_a_symbol_whose_certification_vanishes_is_not_sold_for_it(make_market: Market, backtested: Backtested) -> None:
    """Close-only (D7): the strategy may not bid for it any more, so its silence is no word of its own."""
    from dataclasses import replace as changed

    from plimsoll.core.state import State
    from plimsoll.engine.driver import post_close
    from plimsoll.engine.history import history_of
    from plimsoll.engine.run_context import RunContext

    panel = make_market(1, 320)
    careful = Acts(lambda view, holding: [want(s) for s in ("SPY", "GLD")
                                          if view.now("eligible")[view.column[s]] == 1.0])  # fmt: skip
    trial = backtested(panel, DAILY, strategies=(careful,), last=ROW - 1)
    before = trial.records[-1]
    held = dict(zip(before.symbols, before.held, strict=True))
    assert held["SPY"] > 0.0
    lots = np.zeros(len(panel.symbols), np.int64)
    for s in ("SPY", "GLD"):
        lots[panel.column[s]] = round(held[s] * before.nav / 100 / float(panel.close[ROW - 1, panel.column[s]]))
    account = State(panel.symbols, lots, np.full(lots.size, np.nan), before.cash, before.carried)
    gone = changed(panel, certifications=tuple(
        replace(c, state="DEGRADED") if c.symbol == "SPY" else c for c in panel.certifications))  # fmt: skip
    _, record = post_close(account, ROW, history_of(gone, DAILY), RunContext(DAILY, (careful,), gone.instruments))
    assert "CLOSE_ONLY" in kept_reasons(record)["SPY"]
    assert not [i for i in record.intents if i.symbol == "SPY" and i.lots < 0]


def decisions(
    panel: Panel, strategies: Callable[[int], tuple[Any, ...]], last: int
) -> Iterator[tuple[int, Any, CycleRecord]]:
    """(row, state before the decision, decision) of a run whose strategies at each row are ``strategies(row)``."""
    from plimsoll.core.state import open_account
    from plimsoll.engine.driver import Driver, RunState, post_close
    from plimsoll.engine.history import history_of
    from plimsoll.engine.operator import signer
    from plimsoll.engine.recorded import AtOnce, RecordedShell
    from plimsoll.engine.run_context import RunContext
    from plimsoll.engine.span import Span, genesis_of
    from plimsoll.execution.matching import Matcher

    history = history_of(panel, DAILY)
    desk = RunContext(DAILY, strategies(260), panel.instruments)
    shell = RecordedShell(
        Driver(history, desk), AtOnce(Matcher(history, DAILY)), lambda _: None, signer("never", DAILY)
    )
    genesis = genesis_of(history, desk, Span(260, last), capital=10_000_000, mode="backtest", operator="never")
    state = RunState(open_account(genesis))
    for row in range(260, last + 1):
        if state.last is not None:
            state = shell.open(state, row)
        before = state.account
        after, record = post_close(before, row, history, RunContext(DAILY, strategies(row), panel.instruments))
        state = RunState(after, record)
        yield row, before, record


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_failing_sells_nothing_that_keeping_would_not_have_sold(make_market: Market, data: st.DataObject) -> None:
    """Random strategies fail at random sessions. Each such decision is made again with keep forecasts in the place of
    the failure, from the same state: nothing is sold by the first that the second would have held.
    """
    from plimsoll.engine.driver import post_close
    from plimsoll.engine.history import history_of
    from plimsoll.engine.run_context import RunContext

    panel = make_market(data.draw(st.integers(1, 4)), 300)
    names = ("one", "two")
    symbol, row_of = st.sampled_from(panel.symbols[:8]), st.integers(260, 299)
    wishes = st.dictionaries(symbol, st.floats(0.02, 0.3), min_size=1, max_size=4)
    wants = {name: data.draw(wishes) for name in names}
    drops = data.draw(st.sets(st.tuples(row_of, st.sampled_from(names), symbol), max_size=8))
    when, how = st.tuples(st.integers(262, 299), st.sampled_from(names)), st.sampled_from(sorted(RAISING))
    sick = data.draw(st.dictionaries(when, how, min_size=4, max_size=16))

    def says(name: str, row: int) -> list[Forecast]:
        return [want(s, target_weight=w) for s, w in wants[name].items() if (row, name, s) not in drops]

    def strategies(row: int, instead: Callable[[str], Callable[[View, Holding], Any]]) -> tuple[Any, ...]:
        return tuple(
            Acts(instead(name) if (row, name) in sick else lambda v, h, n=name: says(n, row), name) for name in names
        )

    def keeps(view: View, holding: Holding) -> list[Forecast]:
        return [
            Forecast(s, 0.0, 1.0, 0.9, 10, "stands", target_weight=w, keep=True) for s, w in holding.weights.items()
        ]

    history = history_of(panel, DAILY)
    failed = lambda row: strategies(row, lambda name: RAISING[sick[row, name]])  # noqa: E731
    for row, state, record in decisions(panel, failed, 299):
        if not any((row, name) in sick for name in names):
            continue
        twins = RunContext(DAILY, strategies(row, lambda name: keeps), panel.instruments)
        _, kept = post_close(state, row, history, twins)
        ours, theirs = sales([record]), sales([kept])
        for (session, symbol), lots in ours.items():
            spoken = {n for n in names if symbol in wants[n] and (row, n) not in sick}
            if not spoken:
                assert lots >= theirs.get((session, symbol), 0)


def test_six_failing_auctions_sell_once_if_at_all(make_market: Market, backtested: Backtested) -> None:
    """Five are within the error rate; the sixth suspends the strategy, and that takes its capital once (B3, G5)."""
    policy = replace(DAILY, lifecycle=replace(DAILY.lifecycle, enabled=True))
    panel = make_market(1, 320)
    ill = Acts(lambda view, holding: boom(view, holding) if 280 <= view.row < 286 else healthy(view, holding))
    records = backtested(panel, policy, strategies=(ill,)).records
    until = [r for r in records if panel.sessions.dates[280] <= r.session < panel.sessions.dates[285]]
    assert not sales(until)
    after = [r for r in records if r.session >= panel.sessions.dates[285]]
    assert any(e.kind == "STRATEGY_SUSPENDED" for r in after for e in r.events)
    assert not [i for r in after for i in r.intents if i.lots > 0]


# From the command line (E4)

ILL = """
from plimsoll.core.forecast import Forecast


class Ill:
    name = "ill"

    def forecast(self, view, holding, policy):
        if view.row >= 300:
            raise ValueError("no weather report")  # line 10
        return [Forecast("SPY", 0.004, 0.03, 0.9, 10, "fine"), Forecast("GLD", float("nan"), 0.03, 0.9, 10, "?")]
"""


@pytest.fixture
def home(tmp_path: Path, make_market: Market) -> Path:
    made = Home(tmp_path / "home")
    snapshot.set_current(made.snapshots, snapshot.write(make_market(1, 400), made.snapshots))
    (tmp_path / "ill.py").write_text(ILL)
    return made.path


def test_a_run_stops_at_the_first_error_with_file_and_line(home: Path, tmp_path: Path) -> None:
    for words in (["backtest"], ["trade", "--mode", "paper", "--recorded"]):
        done = commands.plimsoll(*words, "--strategy", str(tmp_path / "ill.py"), home=home)
        assert done.returncode == 1
        said = " ".join(done.stderr.split())
        assert "Strategy 'ill' failed on 20" in said
        assert "ValueError: no weather report (ill.py:10)" in said
        assert "--keep-going" in said


def test_keep_going_goes_on_and_the_result_counts_what_was_refused(home: Path, tmp_path: Path) -> None:
    given = ["--strategy", str(tmp_path / "ill.py"), "--keep-going", "--json"]
    done = commands.plimsoll("backtest", *given, home=home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    refused = result["refused_forecasts"]["ill"]
    errors = refused.pop("STRATEGY_ERROR")
    assert errors == sum(e["kind"] == "STRATEGY_ERROR" for e in result["risk_events"]) > 0
    assert list(refused) == ["mu is not a finite number"]
    assert any("ill" in note and "refused" in note for note in result["notes"])
    bought = {f["symbol"] for f in result["fills"]}
    assert bought == {"SPY"}
    paper = commands.plimsoll("trade", "--mode", "paper", "--recorded", *given, home=home)
    assert json.loads(paper.stdout)["decisions_hash"] == result["decisions_hash"]


def test_a_strategy_that_can_never_bid_is_named(home: Path, tmp_path: Path) -> None:
    policy = tmp_path / "elsewhere.yaml"
    policy.write_text("strategies: {trend_symbols: [NOPE, NADA]}")
    (tmp_path / "mute.py").write_text(
        "class Mute:\n    name = 'mute'\n\n    def forecast(self, view, holding, policy):\n        return []\n"
    )
    words = ["--strategy", "core_trend", "--strategy", str(tmp_path / "mute.py"), "--policy", str(policy), "--json"]
    done = commands.plimsoll("backtest", *words, home=home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    auctions = result["auctions"]
    assert result["strategies_without_bids"] == {
        "core_trend": {"STRATEGY_WITHOUT_SYMBOLS": auctions}, "mute": {"no forecast": auctions}
    }  # fmt: skip
    assert any("core_trend made no bid" in n and "none of NOPE, NADA is in the universe" in n for n in result["notes"])
    assert any("mute made no bid" in n for n in result["notes"])


def test_explain_says_that_a_holding_stands_and_why(home: Path, tmp_path: Path) -> None:
    given = ["--strategy", str(tmp_path / "ill.py"), "--keep-going", "--json"]
    result = json.loads(commands.plimsoll("backtest", *given, home=home).stdout)
    failed = next(e["day"] for e in result["risk_events"] if e["kind"] == "STRATEGY_ERROR")
    told = " ".join(commands.plimsoll("explain", "--on", failed, "--symbol", "SPY", home=home).stdout.split())
    assert "ill raised an error at this auction: its position in SPY is kept." in told
    assert "no other bid takes its room, only a limit does" in told
    assert "won" not in told.split("KEPT:")[1].split("target portfolio")[0]


def test_an_own_ic_below_the_hurdle_is_refused_at_the_start(home: Path, tmp_path: Path) -> None:
    """Half of 2 x ic x sqrt(252 / 10) must reach auction.hurdle_sharpe 0.1 (A3): 0.0199 does not, 0.0200 does."""
    for ic, code in ((0.0199, 1), (0.02, 0)):
        head = f"class Weak:\n    name = 'weak'\n    ic = {ic}\n\n"
        (tmp_path / "weak.py").write_text(f"{head}    def forecast(self, view, holding, policy):\n        return []\n")
        done = commands.plimsoll("backtest", "--strategy", str(tmp_path / "weak.py"), home=home)
        assert done.returncode == code, done.stderr
        assert ("strategy 'weak': auction.hurdle_sharpe 0.1 is above" in " ".join(done.stderr.split())) is (code == 1)


def test_a_strategy_gets_a_policy_of_its_own(make_market: Market, backtested: Backtested) -> None:
    """Whatever a plug-in does to the policy it is handed, the caps and budgets of the run stay as they were (U9)."""

    def loosened(view: View, holding: Holding, policy: Policy) -> dict[str, float]:
        policy.limits.assets["SPY"] = replace(policy.limits.assets["SPY"], max_weight=1.0, volatility_target=None)
        for name in ("budget_1", "budget_10", "hard_1", "hard_10", "standalone_fund"):
            force_setattr(policy.cvar, name, 1.0)
        return {"SPY": 1.0}

    @dataclass
    class Loosens:
        name: str = "honest"
        forecast = staticmethod(loosened)

    def honest(view: View, holding: Holding) -> dict[str, float]:
        return {"SPY": 1.0}

    panel = make_market(1, 320)
    told = [
        [(r.target, r.intents) for r in backtested(panel, DAILY, strategies=(s,), last=310).records]
        for s in (Loosens(), Acts(honest, "honest"))
    ]
    assert told[0] == told[1]
    assert DAILY.cvar.budget_10 == Policy().cvar.budget_10


@pytest.mark.parametrize("how", ["without end", "as one list", "a portfolio"])
def test_a_runaway_answer_is_an_error_of_its_strategy(make_market: Market, backtested: Backtested, how: str) -> None:
    answers: dict[str, Callable[[], Any]] = {
        "without end": lambda: (want("SPY") for _ in iter(int, 1)),
        "as one list": lambda: [want("SPY")] * 100_000,
        "a portfolio": lambda: {f"S{n}": 0.1 for n in range(100_000)},
    }
    panel = make_market(1, 320)
    records = backtested(panel, DAILY, strategies=(ill_once(lambda view, holding: answers[how]()),)).records
    (event,) = [e for e in at_row(records, panel).events if e.kind == "STRATEGY_ERROR"]
    assert "returned more than" in event.scope


def test_text_of_a_plug_in_is_shown_and_never_obeyed(make_market: Market, backtested: Backtested) -> None:
    def titled(view: View, holding: Holding) -> Any:
        raise ValueError("\x1b]0;title\x07 \u202e" + "long" * 10_000)

    def named(view: View, holding: Holding) -> Any:
        return {"S\x1b[31mPY": 0.5}

    def gone(view: View, holding: Holding) -> Any:
        raise GeneratorExit

    panel = make_market(1, 320)
    for act, kind in ((titled, "STRATEGY_ERROR"), (named, "NOT_IN_UNIVERSE"), (gone, "STRATEGY_ERROR")):
        records = backtested(panel, DAILY, strategies=(ill_once(act),)).records
        (event,) = [e for e in at_row(records, panel).events if e.kind == kind]
        assert event.scope.replace("…", "").isprintable()
        assert len(event.scope) < 1_200
