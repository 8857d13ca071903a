"""Auction, backtest, paper and post-trade analysis ask one model with the same inputs (C3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.core.events import OrderExpired
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order
from plimsoll.core.panel import History, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.core.state import State
from plimsoll.costs import model
from plimsoll.engine.history import history_of
from plimsoll.engine.run_context import RunContext
from plimsoll.execution.matching import Matcher, VenueAccount

ROW = 300
NAN = float("nan")


class Buyer:
    """Bids for one symbol and nothing else."""

    name = "buyer"

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol

    def forecast(self, view: View, holding: Holding, policy: Policy) -> tuple[Forecast, ...]:
        return (Forecast(self.symbol, 0.02, 0.04, 0.9, 10, "test", score=1.0),)


def believing(panel: Panel, belief: tuple[float, float, float], policy: Policy, **factors: Any) -> History:
    """The history with one regime belief throughout."""
    whole = history_of(panel, policy)
    known = {**whole.catalogue, "regime.belief": lambda p: np.tile(belief, (len(p.sessions), 1))}
    return History(panel, {**known, **{n: (lambda p, v=v: v) for n, v in factors.items()}})


@pytest.mark.parametrize("belief", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.1, 0.45, 0.45), (0.0, 0.0, 1.0)])
def test_auction_and_venue_price_in_the_same_regime_and_the_multipliers_are_in_the_total(
    make_market: Callable[..., Panel], account: Callable[..., State], belief: tuple[float, float, float]
) -> None:
    """Equal beliefs price in the worse regime on both sides."""
    from plimsoll.engine.cycle import decide

    policy = Policy()
    panel = make_market(1, 330)
    history = believing(panel, belief, policy)
    column = panel.column["SPY"]
    run = RunContext(policy, (Buyer("SPY"),), panel.instruments)
    record = decide(View(history, ROW), account(), run).record
    assert record.auction is not None
    (bid,) = record.auction.bids
    adv, sigma = (history.array(n)[ROW, column] for n in ("adv", "sigma"))
    regime = model.most_probable(np.array(belief))
    band = record.nav / 100.0 * policy.shaping.band_nav
    one_way = model.estimate(("fund",), np.array([band]), np.array([adv]), np.array([sigma]), regime, policy.costs)
    charged = min(1.0, policy.auction.horizon / policy.forecast.holding_sessions)
    assert bid.cost == pytest.approx(2.0 * float(one_way.total[0]) * charged)

    order = Order("a", panel.sessions.dates[ROW], "SPY", 100, False, float(panel.close[ROW, column]))
    (fill,) = Matcher(history, policy).opened([order], ROW + 1, VenueAccount(10**9))
    assert isinstance(fill, Fill)
    notional = 100.0 * panel.open[ROW + 1, column]
    paid = model.estimate(("fund",), np.array([notional]), np.array([adv]), np.array([sigma]), regime, policy.costs)
    assert fill.price / panel.open[ROW + 1, column] - 1.0 == pytest.approx(float(paid.slippage[0] + paid.impact[0]))
    assert (fill.slippage + fill.impact) / 100.0 == pytest.approx(fill.notional / 100.0 - notional, abs=0.01)


def test_unknown_liquidity_bars_the_entry_everywhere_and_the_exit_nowhere(
    make_market: Callable[..., Panel], account: Callable[..., State]
) -> None:
    from plimsoll.engine.cycle import decide

    policy = Policy()
    panel = make_market(1, 330)
    blind = replace(panel, volume=np.full(panel.volume.shape, NAN))
    history = believing(blind, (1.0, 0.0, 0.0), policy)
    run = RunContext(policy, (Buyer("SPY"),), panel.instruments)
    record = decide(View(history, ROW), account(), run).record
    assert record.auction is not None
    assert [b.decision for b in record.auction.bids] == ["REJECTED"]
    assert "NO_LIQUIDITY_DATA" in record.auction.bids[0].reasons
    matcher, held_lots = Matcher(history, policy), VenueAccount(10**9, {"SPY": 10})
    close = float(panel.close[ROW, panel.column["SPY"]])
    session = panel.sessions.dates[ROW]
    (refused,) = matcher.opened([Order("a", session, "SPY", 10, False, close)], ROW + 1, held_lots)
    assert isinstance(refused, OrderExpired) and (refused.lots, refused.reason) == (10, "NO_LIQUIDITY_DATA")
    (sold,) = matcher.opened([Order("b", session, "SPY", -10, True, close)], ROW + 1, held_lots)
    assert isinstance(sold, Fill)
    worst = policy.costs.kinds["fund"]
    assert sold.price / panel.open[ROW + 1, panel.column["SPY"]] - 1.0 == pytest.approx(
        -(worst.worst_case - worst.commission)
    )
    held = decide(View(history, ROW), account(SPY=100), run).record  # nothing bids for what is held: it is sold
    assert [i.lots < 0 for i in held.intents] == [True]


@pytest.mark.parametrize("depth", [None, 5e6, 2e5])
def test_an_fx_pair_is_bounded_by_its_configured_depth_in_auction_order_and_fill(
    make_market: Callable[..., Panel], account: Callable[..., State], depth: float | None
) -> None:
    """Whatever volume its source reports: here far more than the depth."""
    from plimsoll.engine.cycle import decide

    plain = Policy()
    costs = msgspec.structs.replace(plain.costs, fx_depth={} if depth is None else {"TLT": depth})
    policy = msgspec.structs.replace(plain, costs=costs)
    panel = make_market(1, 330)
    column = panel.column["TLT"]
    pairs = list(panel.instruments)
    pairs[column] = Instrument("TLT", "fx", "XNYS")
    panel = replace(panel, instruments=tuple(pairs))
    history = believing(panel, (1.0, 0.0, 0.0), policy)
    run = RunContext(policy, (Buyer("TLT"),), panel.instruments)
    record = decide(View(history, ROW), account(), run).record
    assert record.auction is not None
    (bid,) = record.auction.bids
    if depth is None:
        assert "NO_LIQUIDITY_DATA" in bid.reasons and record.intents == ()
        return
    room = policy.limits.participation_max * depth
    ordered = sum(i.lots * i.reference for i in record.intents)
    assert 0.0 < ordered <= room
    assert bid.weight * record.nav / 100.0 <= room
    if depth == 2e5:
        assert bid.binding == "participation:TLT" and ordered > 0.9 * room
    order = Order("x", panel.sessions.dates[ROW], "TLT", 10**6, False, 1.0)
    filled, rest = Matcher(history, policy).opened([order], ROW + 1, VenueAccount(10**12))
    assert isinstance(filled, Fill) and isinstance(rest, OrderExpired) and rest.reason == "PARTICIPATION"
    assert 0.9 * room < filled.lots * panel.open[ROW + 1, column] <= room
