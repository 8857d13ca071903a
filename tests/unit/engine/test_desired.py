"""Where the book would go, and what may not grow (step 8; S2, R4, R7)."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from plimsoll.core.decision import Share, StopState, TargetPortfolio
from plimsoll.core.restraint import Restraint, RiskEvent
from plimsoll.engine.book import target_of
from plimsoll.engine.cycle import observed
from plimsoll.engine.desired import bars, desired_weights
from plimsoll.engine.rebalance import Rebalance

TARGET = {"SPY": 0.30, "GLD": 0.20, "BTC-USD": 0.10, "XLE": 0.10}


@pytest.fixture
def situated(view, run, account):
    """``situated(held={…}, restraint=…, …)``: a day under TARGET, sure of everything unless told otherwise."""

    def made(held=None, restraint=None, frozen=(), vix_or_proxy=15.0, stale=(), confidence=0.9, stops=(), fired=()):

        prices = view.bars("close")[-1]
        lots = {
            s.replace("-", "_"): round(w * 1e5 / prices[run.column[s]] * run.lots_per_unit[run.column[s]])
            for s, w in (held or {}).items()
        }
        spent = sum(w * 1e7 for w in (held or {}).values())
        state = msgspec.structs.replace(account(**lots), cash=10_000_000 - round(spent))
        sure = dict.fromkeys(TARGET, confidence)
        portfolio = TargetPortfolio(view.day, tuple(Share("s", k, v) for k, v in TARGET.items()), sure)
        sureness = np.array([sure.get(s, np.nan) for s in run.symbols])
        rebalanced = Rebalance(
            portfolio=portfolio, target=target_of(portfolio, run), confidence=sureness, stops=stops, pairs=(),
            auction=None, openings=(), scenarios=None, events=(),
        )  # fmt: skip
        codes = np.zeros(len(run.symbols))
        for symbol in stale:
            codes[run.column[symbol]] = 1.0
        found = observed(view, state, run)
        rungs = msgspec.structs.replace(found.ladder, restraint=restraint or Restraint(), events=tuple(fired))
        regime = msgspec.structs.replace(found.regime, vix_or_proxy=vix_or_proxy)
        day = msgspec.structs.replace(
            found, regime=regime, ladder=rungs, stale=codes, frozen=tuple(frozen)
        )  # fmt: skip
        return day, rebalanced

    return made


@pytest.fixture
def wished(situated):
    """``wished(events=(…), scale=…, held={…}, …)``: the wish of such a day."""

    def made(events=(), scale=1.0, **given):
        return desired_weights(*situated(fired=events, **given), scale)

    return made


@pytest.fixture
def barred(situated, run):
    """``barred(symbol, …)``: what bars the increases of a symbol on such a day."""

    def made(symbol: str, **given) -> list[str]:
        return [reason for where, reason in bars(*situated(**given)) if where[run.column[symbol]]]

    return made


def at(run, values, symbol: str) -> float:
    return float(values[run.column[symbol]])


def test_unrestrained_the_wish_is_the_target_portfolio(wished, run) -> None:
    wish = wished()
    assert {s: at(run, wish.desired, s) for s in TARGET} == TARGET
    assert {at(run, wish.grow, s) for s in TARGET} == {1.0}
    assert wish.causes == {}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"restraint": Restraint(no_new_risk=True)}, "LADDER_NO_NEW_RISK"),
        ({"frozen": ("DATA_AFFECTED",)}, "DATA_AFFECTED"),
        ({"vix_or_proxy": 40.0}, "VIX_EXTREME"),
        ({"vix_or_proxy": float("nan")}, "VIX_EXTREME"),
        ({"confidence": 0.49}, "LOW_CONFIDENCE"),
        ({"confidence": float("nan")}, "LOW_CONFIDENCE"),
    ],
)
def test_what_bars_new_risk_bars_all_of_it_and_says_so(wished, barred, run, given, reason: str) -> None:
    wish = wished(**given)
    for symbol in TARGET:
        assert at(run, wish.grow, symbol) == 0.0
        assert barred(symbol, **given) == [reason]


@pytest.mark.parametrize(("vix_or_proxy", "grow"), [(30.0, 1.0), (30.01, 0.5), (39.99, 0.5), (40.0, 0.0)])
def test_vix_halves_increases_above_thirty_and_stops_them_at_forty(
    wished, run, vix_or_proxy: float, grow: float
) -> None:
    assert at(run, wished(vix_or_proxy=vix_or_proxy).grow, "SPY") == grow


def test_level_one_asks_for_more_confidence_and_no_coin(wished, run) -> None:
    wish = wished(restraint=Restraint(no_new_crypto=True, confidence_min=0.7, level=1), confidence=0.7)
    assert at(run, wish.grow, "SPY") == 1.0
    assert at(run, wish.grow, "BTC-USD") == 0.0
    assert at(run, wished(restraint=Restraint(confidence_min=0.7), confidence=0.69).grow, "SPY") == 0.0


def test_a_stale_symbol_alone_is_barred(wished, barred, run) -> None:
    wish = wished(stale=("SPY",))
    assert at(run, wish.grow, "SPY") == 0.0
    assert at(run, wish.grow, "GLD") == 1.0
    assert (barred("SPY", stale=("SPY",)), barred("GLD", stale=("SPY",))) == (["STALE_BAR"], [])


def test_everything_that_bars_an_increase_is_told(barred) -> None:
    crisis = Restraint(no_new_risk=True, no_new_crypto=True, confidence_min=0.95, level=2)
    given = {"restraint": crisis, "frozen": ("HALTED",), "vix_or_proxy": 45.0}
    assert barred("SPY", **given) == ["HALTED", "LADDER_NO_NEW_RISK", "VIX_EXTREME", "LOW_CONFIDENCE"]
    assert barred("BTC-USD", **given)[3] == "LADDER_NO_CRYPTO"
    assert barred("SPY", vix_or_proxy=35.0) == ["VIX_HIGH"]


def test_a_ramp_that_lowers_the_wish_says_so(wished, run) -> None:
    held = {"GLD": 0.21, "SPY": 0.10}
    wish = wished(held=held, restraint=Restraint(size=0.5))
    lowered = {s for s in TARGET if "REENTRY_RAMP" in wish.causes.get(run.column[s], ())}
    assert lowered == {"SPY", "BTC-USD", "XLE"}


def test_nothing_held_is_sold_because_something_may_not_grow(wished, run) -> None:
    wish = wished(
        held=TARGET, restraint=Restraint(no_new_risk=True), vix_or_proxy=50.0, frozen=("HALTED",), confidence=0.0
    )
    assert {s: at(run, wish.desired, s) for s in TARGET} == TARGET
    assert not wish.forced.any()


def test_liquidation_sells_everything_by_force(wished, run) -> None:
    wish = wished(held=TARGET, restraint=Restraint(liquidate=True, no_new_risk=True))
    assert not wish.desired.any()
    assert all(wish.forced[run.column[s]] for s in TARGET)


def test_level_three_keeps_havens_only(wished, run) -> None:
    wish = wished(held=TARGET, restraint=Restraint(havens_only=True, no_new_risk=True))
    assert {s for s in TARGET if at(run, wish.desired, s) > 0.0} == {"GLD"}


def test_a_cut_takes_the_coin_first_then_what_is_no_haven(wished, run) -> None:
    wish = wished(held=TARGET, restraint=Restraint(gross_ceiling=0.5, no_new_risk=True))
    assert at(run, wish.desired, "BTC-USD") == pytest.approx(0.0)
    assert at(run, wish.desired, "GLD") == pytest.approx(0.20, abs=0.002)
    assert wish.desired.sum() == pytest.approx(0.5, abs=0.001)  # held is whole lots
    ratio = at(run, wish.desired, "SPY") / at(run, wish.desired, "XLE")
    assert ratio == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize("fired", [True, False])
def test_a_cut_is_forced_on_the_session_its_rung_fires(wished, run, fired: bool) -> None:
    events = (RiskEvent("2016-02-25", "LADDER_RUNG", "CRITICAL"),) if fired else ()
    wish = wished(held=TARGET, restraint=Restraint(gross_ceiling=0.5, no_new_risk=True), events=events)
    assert bool(wish.forced[run.column["SPY"]]) is fired


def test_the_ramp_sells_nothing_that_the_halt_let_stand(wished, run) -> None:
    kept = wished(held={"SPY": 0.2}, restraint=Restraint(size=0.5))
    assert at(run, kept.desired, "SPY") == pytest.approx(0.2, abs=0.005)


def test_the_ramp_scales_the_target_portfolio(wished, run) -> None:
    assert at(run, wished(restraint=Restraint(size=0.25)).desired, "SPY") == pytest.approx(0.075)


def test_a_stop_caps_its_holding_and_is_forced_on_its_day(wished, run, view) -> None:
    for day, forced in ((view.day, True), (view.day - 7, False)):
        wish = wished(held={"SPY": 0.3}, stops=(StopState("SPY", 1, 0.15, day),))
        assert at(run, wish.desired, "SPY") == 0.15
        assert bool(wish.forced[run.column["SPY"]]) is forced


def test_a_book_above_its_hard_limit_is_scaled_whole(wished, run) -> None:
    wish = wished(held=TARGET, scale=0.5)
    for symbol, weight in TARGET.items():
        assert at(run, wish.desired, symbol) == pytest.approx(weight / 2, abs=0.002)
        assert wish.forced[run.column[symbol]]


def test_increases_are_barred_up_to_the_very_edge_of_the_band(wished, run) -> None:
    """Whatever the shaping takes for beyond the band, to the cent, is barred."""
    wish = wished(held={"SPY": 0.2801}, restraint=Restraint(no_new_risk=True))
    assert at(run, wish.grow, "SPY") == 0.0


def test_on_the_session_a_rung_cuts_nothing_the_target_portfolio_sells_stays_in_its_band(wished, run) -> None:
    """Gross after the orders is at most the ceiling, also with a holding above its target within its band (R4)."""
    held = {"SPY": 0.30, "GLD": 0.21, "XLE": 0.10}  # GLD is a point above its target
    restraint = Restraint(no_new_risk=True, gross_ceiling=0.45)
    fired = (RiskEvent("2020-01-01", "LADDER_RUNG", "CRITICAL", 0.08, 0.08, "level_2"),)
    wish = wished(events=fired, held=held, restraint=restraint)
    left = {s: at(run, wish.desired, s) if at(run, wish.forced, s) else w for s, w in held.items()}
    assert left["GLD"] == pytest.approx(0.20) and sum(left.values()) <= 0.45 + 1e-9
    later = wished(held=held, restraint=restraint)
    assert not at(run, later.forced, "GLD")  # afterwards the ordinary band applies
