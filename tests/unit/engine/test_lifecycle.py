"""Strategies under lifecycle in the engine: what they brought sums to the book, and everything follows from the
journal (G5, G6, E1).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.app.wiring import simulated_exchange
from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Approval, CashFlow, Genesis
from plimsoll.core.forecast import Forecast
from plimsoll.core.order import Fill
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Admission, Policy
from plimsoll.core.state import State, apply, open_account
from plimsoll.engine.paper import PaperSession
from plimsoll.engine.span import Span
from plimsoll.store import codec

BASE = Policy()
FOLLOWED = replace(
    BASE,
    lifecycle=replace(BASE.lifecycle, enabled=True),
    auction=replace(BASE.auction, schedule="week_end"),
    stops=replace(BASE.stops, reduce_default=0.98, exit_default=0.99),  # they would sell before a stage does
)
Run = Callable[..., Any]


def followed(**values: Any) -> Policy:
    """The policy with lifecycle on and some of its values changed."""
    return replace(FOLLOWED, lifecycle=replace(FOLLOWED.lifecycle, **values))


@pytest.fixture(scope="module")
def market(make_market: Callable[..., Panel]) -> Panel:
    return make_market(seed=3, rows=480, crash=0.006, at=370)


@pytest.fixture(scope="module")
def trial(backtested: Run, market: Panel) -> Any:
    """A run over splits, dividends and a crash, with both reference strategies."""
    return backtested(market, FOLLOWED)


def states(trial: Any) -> list[tuple[State, CycleRecord]]:
    """The state after each decision, folded from the journal."""
    genesis, *events = trial.ledger.written
    assert isinstance(genesis, Genesis)
    state, found = open_account(genesis), []
    for event in events:
        state = apply(state, event)
        if isinstance(event, CycleRecord):
            found.append((state, event))
    return found


def test_contributions_sum_to_the_return_of_the_book_before_interest(trial: Any) -> None:
    interest: dict[str, int] = {}
    for event in trial.ledger.written:
        if isinstance(event, CashFlow) and event.kind == "interest":
            interest[event.session] = interest.get(event.session, 0) + event.cents
    seen = {type(e) for e in trial.ledger.written if isinstance(e, CashFlow | Fill)}
    assert seen == {CashFlow, Fill}
    records = trial.records
    for before, after in pairwise(records):
        earned = (after.nav - before.nav - interest.get(after.session, 0)) / before.nav
        assert sum(after.strategies.contribution) == pytest.approx(earned, abs=1e-12), after.session
    for s in range(2):
        total = sum(r.strategies.contribution[s] for r in records[1:])
        assert abs(total) > 1e-4, "each strategy earned or lost something, so that the sum is of two"


def test_a_strategy_alone_owns_everything(backtested: Run, market: Panel) -> None:
    policy = replace(FOLLOWED, strategies=replace(BASE.strategies, enabled=("core_trend",)))
    alone = backtested(market, policy, last=330)
    records = alone.records
    assert all(len(r.strategies.contribution) == 1 for r in records[1:])
    assert {f.symbol for f in alone.tally.fills} <= set(BASE.strategies.trend_symbols)


def test_the_fold_knows_what_the_decision_knew(trial: Any) -> None:
    """The evidence after each decision gives the contributions and counts that the next decision journals."""
    found = states(trial)
    n = len(trial.run.strategies)
    for (_, record), (state, following) in pairwise(found):
        track = state.track
        assert track is not None
        assert track.contribution == following.strategies.contribution
        assert track.session == track.daily.size == trial.records.index(following)
        assert len(track.daily.last) == 3 * n
        assert record.carried.lifecycle is not None
    last, _ = found[-1]
    table = last.track.daily.since(0)
    assert np.allclose(np.cumsum(table[:, :n], axis=0), table[:, 2 * n :], atol=1e-15)


def test_closed_trades_and_open_ones_add_up_to_everything_earned(trial: Any) -> None:
    state, _ = states(trial)[-1]
    track = state.track
    closed, daily = track.closed.since(0), track.daily.since(0)
    for s in range(2):
        still_open = sum(parts[s] for parts in track.trades.values())
        assert closed[closed[:, 1] == s, 2].sum() + still_open == pytest.approx(daily[:, s].sum(), abs=1e-12)
    assert len(closed) > 5


def test_a_matured_forecast_met_the_total_return_less_the_cash_of_the_account(trial: Any, market: Panel) -> None:
    rows = {r.session: i for i, r in enumerate(trial.records)}
    made = {}
    for record in trial.records:
        for place, symbol, mu, horizon in record.strategies.made:
            made[rows[record.session], place, mu] = (symbol, horizon)
    checked = 0
    for record in trial.records:
        for place, when, mu, outcome in record.strategies.matured:
            symbol, horizon = made[when, place, mu]
            assert rows[record.session] == when + horizon
            at = 260 + rows[record.session]
            index = market.index[:, market.column[symbol]]
            days = market.sessions.days[at] - market.sessions.days[at - horizon]
            cash = (0.04 - BASE.cash.spread) * days / 365.0
            assert outcome == pytest.approx(index[at] / index[at - horizon] - 1.0 - cash, abs=1e-12)
            checked += 1
    assert checked > 50


def test_paper_decides_as_the_backtest_does_restarts_included(market: Panel, trial: Any) -> None:
    written = _paper(market, trial, 30)
    shown = [codec.encode(r) for r in trial.records]
    assert [codec.encode(e) for e in written if isinstance(e, CycleRecord)] == shown


def _paper(market: Panel, trial: Any, every: int) -> list[Any]:
    """The journal of a paper session, encoded and read back at each restart as a file would be."""
    kept: list[tuple[str, bytes]] = []

    class Encoded:
        def append(self, event: Any) -> str:
            kept.append(codec.encode(event))
            return ""

        def append_many(self, events: Any) -> str:
            return [self.append(e) for e in events][-1]

        def events(self) -> Any:
            return iter([codec.decode(*line) for line in kept])

        def commit(self) -> None:
            return

        def close(self) -> None:
            return

    span = Span(260, len(market.sessions) - 1)
    PaperSession(
        lambda: trial.history, lambda _: trial.run, span, Encoded, simulated_exchange, capital=10_000_000,
        operator="simulated", restart_every=every,
    ).run()  # fmt: skip
    return [codec.decode(*line) for line in kept]


def test_a_run_to_a_date_is_the_beginning_of_a_longer_one(backtested: Run, market: Panel, trial: Any) -> None:
    short = backtested(market, FOLLOWED, last=380)
    lines = [codec.encode(r) for r in trial.records]
    assert [codec.encode(r) for r in short.records] == lines[: len(short.records)]


def test_a_record_from_before_lifecycle_still_reads(backtested: Run, market: Panel) -> None:
    import msgspec

    plain = backtested(market, BASE, last=300).records[-1]
    kind, payload = codec.encode(plain)
    old = msgspec.json.decode(payload)
    assert old.pop("strategies") is None
    assert old["carried"].pop("lifecycle") is None
    assert codec.decode(kind, msgspec.json.encode(old)) == plain


def test_off_nothing_is_followed_and_on_without_bounds_nothing_is_decided_otherwise(
    backtested: Run, market: Panel
) -> None:
    """With caps and factors that bind nothing, following strategies changes no order."""
    unbound = Admission(sessions=5000)
    free = replace(
        FOLLOWED,
        lifecycle=replace(
            FOLLOWED.lifecycle, cap_scaling=1.5, cap_harvesting=1.5, idle_factor=1.0, sharpe_min=-99.0,
            profit_factor_min=0.0, drawdown_floor=1.0, admissions=dict.fromkeys(BASE.strategies.enabled, unbound),
        ),
        health=replace(FOLLOWED.health, age_full=100_000, age_zero=100_001, error_free=1e9, flip_factor=1.0),
    )  # fmt: skip
    off = replace(FOLLOWED, lifecycle=replace(FOLLOWED.lifecycle, enabled=False))
    a, b = (backtested(market, policy, last=400) for policy in (off, free))
    assert all(r.carried.lifecycle is None and r.strategies is None for r in a.records)
    assert [r.lots for r in a.records] == [r.lots for r in b.records]
    assert a.tally.nav == b.tally.nav


def test_every_target_portfolio_keeps_to_the_stage_caps(backtested: Run, market: Panel) -> None:
    bound = backtested(market, followed(cap_incubating=0.11), last=400)
    used = {"core_trend": 0.0, "xs_momentum": 0.0}
    for record in bound.records:
        if record.auction is None or record.carried.portfolio is None:
            continue
        caps = dict(zip(record.carried.lifecycle.strategies, record.carried.lifecycle.cap, strict=True))
        for name, cap in caps.items():
            weight = sum(s.weight for s in record.carried.portfolio.shares if s.strategy == name)
            assert weight <= cap
            used[name] = max(used[name], weight)
    assert all(u == pytest.approx(0.11, rel=1e-5) for u in used.values()), "the caps were reached"
    assert any(b.binding.startswith("stage:") for r in bound.records if r.auction for b in r.auction.bids)


class Erring:
    """Raises at every auction, or speaks of a symbol nobody knows."""

    name = "erring"

    def __init__(self, invalid: bool) -> None:
        self.invalid = invalid

    def forecast(self, view: Any, holding: Any, policy: Policy) -> list[Forecast]:
        if not self.invalid:
            raise ValueError("no")
        return [Forecast("NOWHERE", 0.01, 0.05, 0.9, 10, "synthetic")]


@pytest.mark.parametrize("invalid", [False, True])
def test_a_strategy_that_fails_too_often_is_suspended_and_gets_nothing(
    backtested: Run, market: Panel, invalid: bool
) -> None:
    from plimsoll.alpha.registry import load

    run = backtested(market, FOLLOWED, strategies=(Erring(invalid), *load(("core_trend",))), last=300)
    events = [(e.kind, e.scope) for r in run.records for e in r.events if e.kind == "STRATEGY_SUSPENDED"]
    assert events == [("STRATEGY_SUSPENDED", "erring")]
    auctions = [r for r in run.records if r.auction is not None]
    suspended = [r.carried.lifecycle.suspended[0] for r in auctions]
    assert suspended.index(True) == 5, "more than 5 of 100: the sixth failure"
    assert auctions[-1].carried.lifecycle.cap[0] == 0.0
    assert not any(r.carried.lifecycle.suspended[1] for r in auctions)


class Oracle:
    """Holds one symbol at every auction, always for the same reason."""

    name = "oracle"

    def __init__(self, symbol: str, mu: float) -> None:
        self.symbol, self.mu = symbol, mu

    def forecast(self, view: Any, holding: Any, policy: Policy) -> list[Forecast]:
        return [Forecast(self.symbol, self.mu, 0.05, 0.9, 10, "always")]


QUICK = {"trades_min": 0, "sessions_min": 63}


def losing(make_panel: Callable[..., Panel], drift: float) -> Panel:
    """A market whose one fund rises or falls steadily, with noise, and a second one nobody bids for."""
    draw = np.random.default_rng(5)
    close = 100.0 * np.cumprod(1.0 + drift + 0.004 * draw.standard_normal((800, 2)), axis=0)
    volume = np.full_like(close, 1e8)
    return make_panel(
        close, ("AAA", "BBB"), volume=volume, macro=np.full((800, 1), 2.0), macro_names=("DGS3MO",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def doomed(backtested: Run, make_panel: Callable[..., Panel]) -> Any:
    """A strategy that loses steadily, until it is removed."""
    policy = followed(**QUICK, admissions={"oracle": Admission(readmitted=("2017-06-01", "2016-03-01"))})
    return backtested(losing(make_panel, -0.002), policy, strategies=(Oracle("AAA", 0.03),))


def test_a_strategy_that_loses_is_removed_sold_and_comes_back_only_where_a_person_says_so(doomed: Any) -> None:
    stages = [(r.session, r.carried.lifecycle.stage[0]) for r in doomed.records]
    path = [entry for n, entry in enumerate(stages) if not n or entry[1] != stages[n - 1][1]]
    assert [stage for _, stage in path] == ["INCUBATING", "DECOMMISSIONED", "INCUBATING", "DECOMMISSIONED"]
    assert path[2][0] == "2017-06-01", "the date before it was decommissioned does not count"
    removed = [r for r in doomed.records if r.carried.lifecycle.stage[0] == "DECOMMISSIONED"]
    portfolios = [r.carried.portfolio.shares for r in removed if r.auction is not None]
    assert portfolios and all(shares == () for shares in portfolios)
    reasons = {b.reasons for r in removed if r.auction is not None for b in r.auction.bids}
    assert reasons and all("STAGE_CLOSED" in codes for codes in reasons)
    first = doomed.records.index(removed[0])
    assert sum(doomed.records[first + 5].held) == 0.0, "what it held is sold"


def test_a_strategy_readmitted_on_a_months_last_session_is_judged_on_nothing(
    backtested: Run, make_panel: Callable[..., Panel]
) -> None:
    rules = followed(**QUICK, admissions={"oracle": Admission(readmitted=("2016-08-31",))})
    run = backtested(losing(make_panel, -0.002), rules, strategies=(Oracle("AAA", 0.03),), last=480)
    (record,) = [r for r in run.records if r.session == "2016-08-31"]
    assert [e.kind for e in record.events if e.scope == "oracle"] == ["STRATEGY_READMITTED"]
    (judged,) = record.strategies.judged
    assert (judged.stage, judged.to, judged.sessions, judged.trades) == ("INCUBATING", "INCUBATING", 0, 0)


def test_nobody_but_a_person_readmits(backtested: Run, make_panel: Callable[..., Panel], doomed: Any) -> None:
    """The same market without the dates, the simulated operator signing whatever it may."""
    alone = backtested(losing(make_panel, -0.002), followed(**QUICK), strategies=(Oracle("AAA", 0.03),))
    stages = [r.carried.lifecycle.stage[0] for r in alone.records]
    gone = stages.index("DECOMMISSIONED")
    assert set(stages[gone:]) == {"DECOMMISSIONED"}
    state, _ = states(alone)[gone]
    signed = apply(state, Approval(alone.records[gone].session, "someone", "a halt"))
    assert signed.carried.lifecycle.stage == ("DECOMMISSIONED",), "a signature for a halt readmits nobody"


def test_a_steady_gain_rises_through_the_stages_with_fresh_evidence_for_each(
    backtested: Run, make_panel: Callable[..., Panel]
) -> None:
    quick = followed(sessions_min=63, scaling_signals=0, harvesting_signals=0)
    run = backtested(losing(make_panel, 0.001), replace(quick, health=replace(quick.health, forecasts_min=3)),
                     strategies=(Oracle("AAA", 0.01),))  # fmt: skip
    judged = [(r.session, j) for r in run.records for j in r.strategies.judged]
    promoted = [j for _, j in judged if j.stage != j.to]
    assert [(j.stage, j.to) for j in promoted] == [("INCUBATING", "SCALING"), ("SCALING", "HARVESTING")]
    assert all(j.sessions >= 63 for j in promoted)
    since = [j.sessions for _, j in judged]
    at = [j.to for _, j in judged].index("SCALING")
    assert since[at + 1] < 25, "the evidence of a stage begins with it"


def test_without_a_bill_rate_nothing_is_promoted(backtested: Run, make_panel: Callable[..., Panel]) -> None:
    quick = followed(sessions_min=63, scaling_signals=0, harvesting_signals=0)
    panel = losing(make_panel, 0.001)
    import dataclasses

    bare = dataclasses.replace(panel, macro=np.zeros((800, 0)), macro_names=())
    run = backtested(bare, replace(quick, health=replace(quick.health, forecasts_min=3)),
                     strategies=(Oracle("AAA", 0.03),))  # fmt: skip
    assert {r.carried.lifecycle.stage[0] for r in run.records} == {"INCUBATING"}
    judged = [j for r in run.records for j in r.strategies.judged]
    assert judged and all(j.sharpe is None and j.psr is None for j in judged)
