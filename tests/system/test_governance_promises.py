"""What the system says it never does, and what it halts on, each tried against (G7).

Of "It never: trades unverified data, retries an entitlement failure, trades a symbol outside the auction, trusts a
model without end, executes without a CVaR figure, fails silently, allocates for ever": the second, fourth and last
belong to providers and to the strategy lifecycle, which this version does not have.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll import app
from plimsoll.core.decision import Carried, CycleRecord
from plimsoll.core.errors import CorruptionError, Halted, PlimsollError
from plimsoll.core.events import Approval, Event
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.instrument import Membership
from plimsoll.core.panel import History, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.engine.driver import post_close
from plimsoll.engine.history import history_of
from plimsoll.engine.recorded import run_backtest
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span
from plimsoll.market import snapshot
from plimsoll.store.home import Home

BASE = Policy()
DAILY = replace(BASE, auction=replace(BASE.auction, schedule="daily"))
FUNDS = ("GLD", "QQQ", "SPY", "TLT", "XLE")
Market = Callable[..., Panel]
Backtested = Callable[..., Any]


def want(symbol: Any, **given: Any) -> Forecast:
    """A forecast that is hard to refuse."""
    return Forecast(**{
        "symbol": symbol, "mu": 0.012, "sigma": 0.03, "confidence": 0.9, "horizon": 10, "reason": "wants it", **given
    })  # fmt: skip


class Says:
    """A strategy that always says the same, or does what it is told to do instead."""

    def __init__(self, *forecasts: Any, act: Callable[[View], Any] | None = None, name: str = "says") -> None:
        self.name, self.forecasts, self.act = name, forecasts, act

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Sequence[Forecast]:
        return self.forecasts if self.act is None else self.act(view)


EAGER = Says(*(want(s) for s in FUNDS), want("BTC-USD"), name="eager")


def bought(records: Sequence[CycleRecord]) -> set[str]:
    return {i.symbol for r in records for i in r.intents if i.lots > 0}


def state_of(panel: Panel, lots: dict[str, int], cash: int, peak: int, row: int) -> State:
    """An account that holds ``lots`` bought at the mark."""
    held = np.array([lots.get(s, 0) for s in panel.symbols], dtype=np.int64)
    cost = np.where(held != 0, panel.close[row], np.nan)
    return State(panel.symbols, held, cost, cash, Carried(ladder=LadderState(peak, peak)))


def rising(record: CycleRecord) -> list[str]:
    return [s for s, n in zip(record.symbols, record.lots, strict=True) if n > 0]


# It never trades unverified data


@pytest.fixture
def home(tmp_path: Path, make_market: Market) -> Path:
    """A home whose snapshot was published without Stage 1's database."""
    folder = tmp_path / "home"
    where = Home(folder)
    panel = make_market(1, 330)
    snapshot.set_current(where.snapshots, snapshot.write(panel, where.snapshots))
    return folder


def test_the_home_of_these_tests_does_trade(home: Path) -> None:
    assert app.backtest(app.Workspace(home), start="2016-01-04").fills


def test_without_a_snapshot_no_run_starts(tmp_path: Path) -> None:
    for start in (app.backtest, app.trade_recorded):
        with pytest.raises(Halted, match="DATA_GOVERNANCE") as refused:
            start(app.Workspace(tmp_path / "empty"))
        assert refused.value.exit_code == 4
    assert not (tmp_path / "empty" / "runs").exists()


@pytest.mark.parametrize("name", ["close.npy", "split.npy", "days.npy", "manifest.json"])
def test_a_snapshot_with_one_changed_byte_is_refused(home: Path, name: str) -> None:
    file = snapshot.current(Home(home).snapshots) / name
    content = bytearray(file.read_bytes())
    content[-200] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    with pytest.raises(CorruptionError) as refused:
        app.backtest(app.Workspace(home))
    assert refused.value.exit_code == 3
    assert not list((home / "runs").glob("*")) if (home / "runs").exists() else True


def test_the_command_ends_with_the_exit_code_of_a_failed_check(home: Path) -> None:
    file = snapshot.current(Home(home).snapshots) / "close.npy"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-8])
    command = [sys.executable, "-m", "plimsoll", "--home", str(home), "backtest"]
    done = subprocess.run(command, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "close.npy" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("state", ["DEGRADED", "QUARANTINED"])
def test_a_symbol_that_is_not_active_is_never_bought(make_market: Market, backtested: Backtested, state: str) -> None:
    panel = make_market(1, 330)
    judged = tuple(
        replace(c, state=state, score=0.99) if c.symbol in ("SPY", "GLD") else c for c in panel.certifications
    )
    panel = dataclasses.replace(panel, certifications=judged)
    records = backtested(panel, DAILY, strategies=(EAGER,)).records
    assert bought(records)
    assert not bought(records) & {"SPY", "GLD"}
    said = {b.symbol: b.reasons for b in records[0].auction.bids}
    assert "NOT_ACTIVE" in said["SPY"]


def test_a_home_in_which_nothing_is_active_is_refused(tmp_path: Path, make_market: Market) -> None:
    panel = make_market(1, 330)
    judged = tuple(replace(c, state="DEGRADED") for c in panel.certifications)
    where = Home(tmp_path)
    snapshot.set_current(
        where.snapshots, snapshot.write(dataclasses.replace(panel, certifications=judged), where.snapshots)
    )
    with pytest.raises(Halted):
        app.backtest(app.Workspace(tmp_path))


def test_a_symbol_without_its_last_bar_is_not_bought_and_one_held_is_not_sold_for_it(
    make_market: Market, backtested: Backtested
) -> None:
    panel = make_market(1, 330)
    fresh = np.array(panel.fresh)
    fresh[270:280, panel.column["SPY"]] = False
    records = backtested(dataclasses.replace(panel, fresh=fresh), DAILY, strategies=(Says(want("SPY")),)).records
    dark = [i for r in records[10:20] for i in r.intents if i.symbol == "SPY"]
    assert all(i.lots < 0 for i in dark)
    held = [dict(zip(r.symbols, r.held, strict=True)).get("SPY", 0.0) for r in records]
    assert held[9] > 0.0
    assert min(held[11:21]) > 0.5 * held[9]


def test_a_symbol_that_left_the_universe_is_only_closed(make_market: Market, backtested: Backtested) -> None:
    panel = make_market(1, 330)
    until = panel.sessions.dates[280]
    left = tuple(replace(i, members=(Membership(end=until),)) if i.symbol == "SPY" else i for i in panel.instruments)
    records = backtested(dataclasses.replace(panel, instruments=left), DAILY, strategies=(EAGER,)).records
    assert "SPY" in bought(records[:20])
    assert "SPY" not in bought(records[21:])


# It never trades a symbol outside the auction


def test_every_purchase_won_capital_in_the_auction_in_force(make_market: Market, backtested: Backtested) -> None:
    records = backtested(make_market(4, 420, crash=0.006, at=330), BASE).records
    winners: set[str] = set()
    for record in records:
        if record.auction is not None:
            # a kept one is among them: after a ladder's cut it is restored to what the auction kept
            winners = {b.symbol for b in record.auction.bids if b.weight > 0.0}
        assert set(rising(record)) <= winners
    assert bought(records)


@pytest.mark.parametrize("symbol", ["^VIX", "ZZZ", "", "spy"])
def test_an_index_or_an_unknown_symbol_is_never_ordered(
    make_market: Market, backtested: Backtested, symbol: str
) -> None:
    records = backtested(make_market(1, 300), DAILY, strategies=(Says(want(symbol), want("SPY")),)).records
    assert bought(records) == {"SPY"}
    (bid,) = [b for b in records[0].auction.bids if b.symbol == symbol]
    assert bid.decision == "REJECTED"
    assert bid.reasons


# It never executes without a CVaR figure


@pytest.mark.parametrize("missing", [{"young_rows_min": 100_000}, {"window": 60, "scenarios_min": 60}])
def test_what_cannot_be_measured_is_never_bought(
    make_market: Market, backtested: Backtested, missing: dict[str, int]
) -> None:
    policy = replace(DAILY, cvar=replace(DAILY.cvar, **missing))
    records = backtested(make_market(1, 300), policy, strategies=(EAGER,)).records
    assert not bought(records)
    assert all("UNMEASURABLE_RISK" in b.reasons for b in records[0].auction.bids)


def poisoned(panel: Panel, name: str, symbol: str, rows: slice) -> History:
    """A history in which one indicator of one symbol is NaN on some rows, whatever the prices say."""
    history = history_of(panel, DAILY)
    clean = history.catalogue[name]

    def broken(given: Panel) -> Any:
        values = np.array(clean(given))
        values[rows, given.column[symbol]] = np.nan
        return values

    return dataclasses.replace(history, catalogue={**history.catalogue, name: broken}, _memo={})


@pytest.mark.parametrize("of", ["sigma", "scenarios.sigma"])
def test_a_symbol_whose_volatility_is_unknown_today_is_not_bought_today(make_market: Market, of: str) -> None:
    """That of its costs, or that of its scenarios."""
    panel = make_market(1, 300)
    history = poisoned(panel, of, "SPY", slice(260, None))
    desk = RunContext(DAILY, (EAGER,), panel.instruments)
    _, record = post_close(state_of(panel, {}, 10_000_000, 10_000_000, 260), 260, history, desk)
    assert rising(record)
    assert "SPY" not in rising(record)


def test_a_holding_that_can_no_longer_be_measured_halts_new_risk_until_a_person_acts(make_market: Market) -> None:
    panel = make_market(1, 300)
    history = poisoned(panel, "scenarios.sigma", "SPY", slice(260, 262))
    desk = RunContext(DAILY, (EAGER,), panel.instruments)
    state = state_of(panel, {"SPY": 50}, 9_000_000, 10_000_000, 260)
    state, record = post_close(state, 260, history, desk)
    assert record.carried.halted == "CVAR_UNKNOWN"
    assert record.figures["cvar_10"] is None
    assert not rising(record)
    assert {e.kind: e.severity for e in record.events}["CVAR_UNKNOWN"] == "CRITICAL"
    for row in range(261, 265):  # measurable again from 262 on: the halt stands all the same
        state, record = post_close(state, row, history, desk)
        assert record.carried.halted == "CVAR_UNKNOWN"
        assert not rising(record)
    state = apply(state, Approval(panel.sessions.dates[265], "a person", "volatility is back"))
    _, record = post_close(state, 265, history, desk)
    assert record.carried.halted == ""
    assert rising(record)


# It never fails silently


def boom(view: View) -> Any:
    raise RuntimeError("no")


MALFORMED: dict[str, Callable[[View], Any]] = {
    "raises": boom,
    "returns nothing": lambda view: None,
    "returns a number": lambda view: 7,
    "returns no forecasts": lambda view: [None, "SPY"],
    "names no symbol": lambda view: [want(["SPY"])],
    "raises half-way": lambda view: (want("SPY") if n == 0 else 1 / 0 for n in range(2)),
    "writes into the past": lambda view: view.indicator("price").__setitem__(0, 0.0),
    "asks for what is not there": lambda view: view.now("tomorrow"),
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_strategy_that_fails_is_reported_and_does_no_harm(
    make_market: Market, backtested: Backtested, how: str
) -> None:
    panel = make_market(1, 290)
    alone = backtested(panel, DAILY, strategies=(EAGER,)).records
    both = backtested(panel, DAILY, strategies=(Says(act=MALFORMED[how], name="broken"), EAGER)).records
    errors = [e for r in both for e in r.events if e.kind == "STRATEGY_ERROR"]
    assert len(errors) == sum(r.auction is not None for r in both) > 0
    assert all(e.severity == "CRITICAL" and e.scope.startswith("broken") for e in errors)
    assert [r.intents for r in both] == [r.intents for r in alone]
    assert [r.nav for r in both] == [r.nav for r in alone]


ABSURD = {
    "NaN return": {"mu": float("nan")},
    "infinite return": {"mu": float("inf")},
    "more than everything": {"mu": 5.0},
    "NaN confidence": {"confidence": float("nan")},
    "too sure": {"confidence": 1.5},
    "no uncertainty": {"sigma": 0.0},
    "no horizon": {"horizon": 0},
    "a word": {"mu": "much"},
    "a word for a model": {"model_mus": ("much",)},
    "no models at all": {"model_mus": None},
    "negative cap": {"target_weight": -0.1},
    "NaN cap": {"target_weight": float("nan")},
}


@pytest.mark.parametrize("how", ABSURD)
def test_an_absurd_forecast_is_refused_by_name_and_does_no_harm(
    make_market: Market, backtested: Backtested, how: str
) -> None:
    says = Says(want("SPY", **ABSURD[how]), want("GLD"))
    records = backtested(make_market(1, 290), DAILY, strategies=(says,)).records
    assert bought(records) == {"GLD"}
    (bid,) = [b for b in records[0].auction.bids if b.symbol == "SPY"]
    assert (bid.decision, bid.weight) == ("REJECTED", 0.0)
    assert "FORECAST_INVALID" in bid.reasons


def test_a_strategy_that_falls_ill_sells_nothing_and_says_so(make_market: Market, backtested: Backtested) -> None:
    panel = make_market(1, 300)
    ill = Says(act=lambda view: EAGER.forecasts if view.row < 280 else boom(view), name="ill")
    records = backtested(panel, DAILY, strategies=(ill,)).records
    after = [r for r in records if r.session >= panel.sessions.dates[280]]
    assert all(any(e.kind == "STRATEGY_ERROR" for e in r.events) for r in after)
    assert any(w > 0.0 for w in after[0].held)
    assert not [i for r in after for i in r.intents if i.lots < 0]


def test_a_run_whose_journal_cannot_be_written_ends_there(make_market: Market) -> None:
    panel = make_market(1, 330)
    history, desk = history_of(panel, DAILY), RunContext(DAILY, (EAGER,), panel.instruments)

    class Full:
        def __init__(self) -> None:
            self.taken: list[Event] = []

        def append(self, event: Event) -> str:
            if len(self.taken) == 9:
                raise PlimsollError("the disk is full")
            self.taken.append(event)
            return ""

        def append_many(self, events: Sequence[Event]) -> str:
            return "".join(self.append(event) for event in events)

    journal: Any = Full()
    with pytest.raises(PlimsollError, match="disk is full"):
        run_backtest(history, desk, Span(260, 329), journal, capital=10_000_000, operator="never")
    assert len(journal.taken) == 9


# It halts on …


def heavy(panel: Panel, row: int, gross: float) -> State:
    """An account with ``gross`` of its 100 000 in SPY."""
    price = float(panel.close[row, panel.column["SPY"]])
    lots = round(gross * 100_000.0 / price)
    return state_of(panel, {"SPY": lots}, 10_000_000 - round(lots * price * 100.0), 10_000_000, row)


def test_gross_far_above_its_limit_halts(make_market: Market) -> None:
    panel = make_market(1, 300)
    history, desk = history_of(panel, DAILY), RunContext(DAILY, (EAGER,), panel.instruments)
    state, record = post_close(heavy(panel, 260, 1.2), 260, history, desk)
    assert record.carried.halted == "GROSS_HALT"
    assert record.carried.mode == "HALTED"
    assert not rising(record)
    assert any(n < 0 for n in record.lots)  # exits are never blocked
    _, record = post_close(heavy(panel, 261, 0.1), 261, history, desk)  # a book that was never halted
    assert rising(record)
    calm = replace(heavy(panel, 261, 0.1), carried=state.carried)
    _, record = post_close(calm, 261, history, desk)  # the same book under the standing halt
    assert not rising(record)


def test_gross_a_little_above_its_limit_stops_new_risk_without_a_halt(make_market: Market) -> None:
    panel = make_market(1, 300)
    history, desk = history_of(panel, DAILY), RunContext(DAILY, (EAGER,), panel.instruments)
    _, record = post_close(heavy(panel, 260, 1.05), 260, history, desk)
    assert record.carried.halted == ""
    assert "GROSS_FREEZE" in {f.reason for f in record.findings}
    assert not rising(record)


def test_cvar_above_its_hard_limit_sells_at_once_and_halts_at_the_third_close(make_market: Market) -> None:
    panel = make_market(1, 300)
    policy = replace(DAILY, cvar=replace(DAILY.cvar, budget_1=0.002, hard_1=0.003, budget_10=0.006, hard_10=0.008))
    history, desk = history_of(panel, policy), RunContext(policy, (EAGER,), panel.instruments)
    state = heavy(panel, 260, 0.6)
    for close, row in enumerate(range(260, 264), start=1):  # nothing fills: the venue is out
        state, record = post_close(state, row, history, desk)
        assert not rising(record)
        assert any(n < 0 for n in record.lots)
        assert record.carried.breach_closes == close
        assert record.carried.halted == ("CVAR_HALT" if close >= policy.cvar.halt_closes else "")
    left = dict(zip(record.symbols, record.proposed, strict=True))["SPY"] / 0.6
    measured, budget = record.figures["cvar_10"], record.limits["cvar_budget_10"]
    assert measured is not None
    assert left <= budget / measured * 1.05


def test_a_holding_without_any_price_stops_everything_and_sells_nothing(make_market: Market) -> None:
    panel = make_market(1, 300)
    history = poisoned(panel, "mark", "SPY", slice(260, None))
    desk = RunContext(DAILY, (EAGER,), panel.instruments)
    _, record = post_close(heavy(panel, 260, 0.3), 260, history, desk)
    assert not any(record.lots)
    assert set(record.outcome) == {"ERROR"}
    assert not any(e.kind == "LADDER_RUNG" for e in record.events)  # a missing price is no crash


@pytest.mark.parametrize(
    ("weight", "universe_max", "reason"),
    [(0.05, 1.0, ""), (0.2, 1.0, "DATA_AFFECTED"), (0.0, 0.2, ""), (0.0, 0.05, "UNIVERSE_AFFECTED")],
)
def test_too_much_late_data_stops_new_risk(
    make_market: Market, weight: float, universe_max: float, reason: str
) -> None:
    """One symbol of six is late: too much where it is more of the book, or of the universe, than is allowed (D7)."""
    panel = make_market(1, 300)
    fresh = np.array(panel.fresh)
    fresh[260:, panel.column["SPY"]] = False
    late = dataclasses.replace(panel, fresh=fresh)
    policy = replace(DAILY, data=replace(DAILY.data, affected_universe_max=universe_max))
    desk = RunContext(policy, (EAGER,), panel.instruments)
    _, record = post_close(heavy(panel, 260, weight), 260, history_of(late, policy), desk)
    assert bool(rising(record)) is not bool(reason)
    assert record.bars_new_risk is bool(reason)
    said = {code for codes in record.reasons for code in codes} & {"DATA_AFFECTED", "UNIVERSE_AFFECTED"}
    assert said == ({reason} - {""})


@pytest.mark.parametrize("present", [True, False])
def test_a_required_regime_input_without_value_stops_new_risk(make_market: Market, present: bool) -> None:
    policy = replace(DAILY, regime=replace(DAILY.regime, required=("^VIX" if present else "^MOVE",)))
    panel = make_market(1, 300)
    _, record = post_close(
        heavy(panel, 260, 0.0), 260, history_of(panel, policy), RunContext(policy, (EAGER,), panel.instruments)
    )
    assert bool(rising(record)) is present


def test_the_mandates_end_is_flat_for_ever(make_market: Market, backtested: Backtested) -> None:
    """Neither a rally, nor strategies, nor a signature reopens the account (R4)."""
    panel = make_market(1, 420, crash=0.06, at=300)
    loose = replace(
        DAILY,
        stops=replace(DAILY.stops, reduce_default=0.9, exit_default=0.95),
        cvar=replace(DAILY.cvar, budget_1=0.5, hard_1=0.6, budget_10=0.8, hard_10=0.9, stressed_no_rung=1.0),
        ladder=replace(DAILY.ladder, rungs=DAILY.ladder.rungs[-1:]),
    )
    trial = backtested(panel, loose, strategies=(EAGER,))
    assert trial.tally.mandate_ended
    last = trial.records[-1]
    assert last.carried.ladder.ended
    row = panel.sessions.row_at_or_after(last.session)
    state = State(
        panel.symbols, np.zeros(len(panel.symbols), np.int64), np.full(len(panel.symbols), np.nan), last.cash,
        last.carried,
    )  # fmt: skip
    for later in range(row + 1, 420):
        state = apply(state, Approval(panel.sessions.dates[later], "a person", "please"))
        state = replace(state, cash=state.cash + 1_000_000)  # a rally, and then some
        state, record = post_close(state, later, trial.history, trial.run)
        assert record.carried.ladder.ended
        assert not record.intents
        assert record.auction is None


def test_no_bid_however_large_buys_leverage(make_market: Market, backtested: Backtested) -> None:
    greedy = Says(*(want(s, mu=0.9, confidence=1.0) for s in FUNDS), name="greedy")
    open_handed = replace(
        DAILY,
        cvar=replace(DAILY.cvar, budget_1=0.5, hard_1=0.6, budget_10=0.8, hard_10=0.9),
        limits=replace(DAILY.limits, cash_min=0.0, assets={}, weight_fund=1.0),
        vetoes=replace(DAILY.vetoes, enabled=()),
        shaping=replace(DAILY.shaping, turnover_max=1.0),
    )
    trial = backtested(make_market(1, 300), open_handed, strategies=(greedy,))
    assert max(r.figures["gross_after"] for r in trial.records) > 0.99
    for record in trial.records:
        assert record.figures["gross_after"] <= 1.0
        assert record.cash >= 0
