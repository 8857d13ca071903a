"""What would have changed a decision: every figure that is named is tried again here, on worlds made by hand (G4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.analysis.case import Otherwise
from plimsoll.analysis.otherwise import of_bid, of_line
from plimsoll.analysis.what_if import World, held_at
from plimsoll.core.decision import StopState
from plimsoll.core.forecast import Forecast
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import History, View
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State
from plimsoll.engine.history import history_of
from plimsoll.engine.run_context import RunContext

ROW = 300


@pytest.fixture
def world(history: History) -> Callable[..., World]:
    """``world(state, *strategies, policy=…)``: what the tests' session is decided from."""

    def made(state: State, *strategies: Any, policy: Policy | None = None) -> World:
        chosen = policy or Policy()
        given = history_of(history.panel, chosen) if policy else history
        return World(View(given, ROW), state, RunContext(chosen, strategies, history.panel.instruments))

    return made


def section(name: str, **changes: Any) -> Policy:
    return replace(Policy(), **{name: replace(getattr(Policy(), name), **changes)})


def asked(world: World, symbol: str = "SPY") -> Otherwise:
    return of_line(world, world.decided(), symbol)


def line(world: World, symbol: str = "SPY") -> tuple[str, int, list[str]]:
    record = world.decided()
    at = record.symbols.index(symbol)
    return record.outcome[at], record.lots[at], record.reasons[at]


def test_limits_that_only_give_way_together_are_named_with_figures_that_do_and_slightly_less_does_not(
    world, under
) -> None:
    barred = world(under({"SPY": 0.05}), policy=section("cvar", budget_10=0.0002, budget_1=1e-4))
    assert line(barred)[0] == "REJECT"
    found = asked(barred)
    assert found.alone == () and len(found.together) > 1
    column = barred.run.column["SPY"]

    def moved(limits: LimitSet, factor: float) -> LimitSet:
        for change in found.together:
            (kind, _, tail), scope = change.figure.partition(":")[0].rpartition("_"), change.figure.partition(":")[2]
            h, value = int(tail), change.then * factor
            if kind == "standalone":
                assert scope == "SPY"
                caps = limits.standalone[h].copy()
                caps[column] = value
                limits = replace(limits, standalone={**limits.standalone, h: caps})
            else:
                name = {"cvar": "cvar_budget", "cvar_hard": "cvar_hard"}.get(kind, "stressed_budget")
                limits = replace(limits, **{name: {**getattr(limits, name), h: value}})
        return limits

    assert line(barred.moved(lambda s: moved(s, 1.0)))[1] == found.together[0].lots > 0
    assert line(barred.moved(lambda s: moved(s, 0.8)))[1] == 0


@pytest.mark.parametrize(
    ("section_", "limits", "cause", "figure"),
    [
        ("shaping", {"trades_max": 1}, "TRADE_COUNT", "trades"),
        ("shaping", {"turnover_max": 0.05}, "TURNOVER", "turnover"),
        ("limits", {"participation_max": 1e-9}, "PARTICIPATION", "participation"),
        ("limits", {"gross_max": 0.08}, "GROSS_ABOVE_MAX", "gross"),
        ("limits", {"cash_min": 0.93}, "CASH_BELOW_MIN", "cash"),
        ("forecast", {"vix_high": 5.0}, "VIX_HIGH", "vix"),
        ("forecast", {"vix_high": 4.0, "vix_extreme": 5.0}, "VIX_EXTREME", "vix"),
        ("forecast", {"confidence_min": 0.95}, "LOW_CONFIDENCE", "confidence"),
    ],
)
def test_each_limit_is_found_and_its_figure_put_into_the_policy_changes_the_decision(
    world, under, section_: str, limits: dict[str, Any], cause: str, figure: str
) -> None:
    state = under({"SPY": 0.05, "GLD": 0.12})
    barred = world(state, policy=section(section_, **limits))
    _, lots, reasons = line(barred)
    assert cause in reasons and lots < line(world(state))[1]
    change = next(c for c in asked(barred).alone if c.figure == figure)
    assert (change.cause, change.lots > lots) == (cause, True)
    if figure == "vix":
        seen = barred.seeing("regime.vix_or_proxy", change.then)
        assert line(seen)[1] == change.lots
    elif figure == "confidence":
        assert (
            line(world(under({"SPY": 0.05, "GLD": 0.12}, confidence=change.then), policy=barred.run.policy))[1] > lots
        )
    else:
        name = next(iter(limits))
        value = round(change.then) if name == "trades_max" else change.then
        assert line(world(state, policy=section(section_, **{name: value})))[1] == change.lots


def test_a_position_in_its_band_is_told_how_little_and_how_much_would_have_traded(world, under, view, run) -> None:
    price = float(view.bars("close")[-1, run.column["SPY"]])
    lots = round(0.09 * 100_000 / price)
    state = under({"SPY": 0.1}, cash=round(10_000_000 - lots * price * 100), SPY=lots)
    resting = world(state)
    assert line(resting)[:2] == ("HOLD", 0)
    less, more = asked(resting).alone
    assert less.then < less.now < more.then and less.lots > 0 > more.lots
    for change, held in ((less, round(less.then * 100_000 / price)), (more, round(more.then * 100_000 / price))):
        assert line(held_at(resting, "SPY", held))[1] == change.lots
        inward = held + (1 if held < lots else -1)
        assert line(held_at(resting, "SPY", inward))[1] == 0


def test_a_halt_of_the_ladder_is_lifted_as_a_whole(world, under) -> None:
    state = under({"SPY": 0.05})
    fallen = LadderState(10_800_000, 10_800_000, fired=("level_1", "level_2"), ceiling=0.0, cooldown=9)
    names = tuple(r.name for r in Policy().ladder.rungs[:2])
    barred = world(replace(state, carried=replace(state.carried, ladder=replace(fallen, fired=names))))
    assert "LADDER_NO_NEW_RISK" in line(barred)[2]
    (change,) = {c.figure: c for c in asked(barred).alone}.values()
    assert (change.figure, change.now, change.then) == ("ladder", None, None) and change.lots > 0


def test_a_stop_that_sells_is_lifted_by_the_loss_it_acts_on(world, under, run) -> None:
    state = under({"SPY": 0.05}, SPY=25)
    cost = state.average_cost.copy()
    cost[run.column["SPY"]] *= 1.4
    stopped = world(replace(state, average_cost=cost))
    outcome, lots, reasons = line(stopped)
    assert (outcome, reasons[0]) == ("EXECUTE", "STOP_CAP") and lots < 0
    (change,) = asked(stopped).alone
    assert change.figure == "stop" and change.lots > lots
    before = StopState("SPY", 2, 0.0, 1)
    capped = world(replace(under({"SPY": 0.05}), carried=replace(state.carried, stops=(before,))))
    assert line(capped)[2] == ["STOP_CAP"]
    assert [c.figure for c in asked(capped).alone] == ["stop"] and asked(capped).alone[0].lots > 0


def test_a_cause_that_nothing_lifts_is_not_said_to_be_liftable(world, account) -> None:
    ruined = world(account(cash=-10_000_000_000, SPY=10))
    assert line(ruined)[0] == "ERROR"
    found = asked(ruined)
    assert (found.alone, found.together, found.tried) == ((), (), ("NAV_UNKNOWN",))


class Says:
    """A plug-in that expects something of two funds."""

    name = "says"

    def __init__(self, **mu: float) -> None:
        self.mu = mu

    def forecast(self, view, holding, policy):
        return [Forecast(s, m, 0.04, 0.9, 20, "BUY", score=1.0) for s, m in self.mu.items()]


def test_a_losing_bid_is_told_the_return_and_the_limit_that_would_have_won(world, account) -> None:
    policy = section("limits", gross_max=0.2)
    losing = world(account(), Says(SPY=0.012, GLD=0.016), policy=policy)
    record = losing.decided()
    bid = next(b for b in record.auction.bids if b.symbol == "SPY")
    assert (bid.decision, bid.weight, next(n for n, _ in bid.bindings)) == ("OUTBID", 0.0, "gross")
    found = {c.figure: c for c in of_bid(losing, record, bid).alone}
    assert found["mu"].now == bid.mu == 0.006 and found["mu"].then > bid.mu
    again = world(account(), Says(SPY=2 * found["mu"].then, GLD=0.016), policy=policy).decided()
    assert next(b for b in again.auction.bids if b.symbol == "SPY").weight == pytest.approx(found["mu"].weight)
    roomier = world(account(), Says(SPY=0.012, GLD=0.016), policy=section("limits", gross_max=found["invested"].then))
    assert next(b for b in roomier.decided().auction.bids if b.symbol == "SPY").weight > 0.0
