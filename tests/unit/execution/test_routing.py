"""Time in force by class: what a decision asks for and what a venue takes (X4, L16)."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from plimsoll.core.decision import Carried
from plimsoll.core.events import OrderExpired, OrderSubmitted
from plimsoll.core.inputs import Submit
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Order
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.execution.matching import RULES as RECORDED
from plimsoll.execution.oms import planned
from plimsoll.execution.routing import timed
from plimsoll.execution.venues.paper.rules import RULES as PAPER

SPY = Instrument("SPY", "fund", "XNYS", lots_per_unit=10)
COIN = Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000)
BOTH = {"SPY": SPY, "BTC-USD": COIN}


def order(symbol: str, lots: int) -> Order:
    return Order(f"{symbol}{lots}", "s", symbol, lots, False, 100.0)


def test_shares_wait_for_the_open_fractions_for_the_day_and_coins_until_cancelled() -> None:
    assert timed(order("SPY", 20), PAPER, SPY).time_in_force == "opg"
    assert timed(order("SPY", 21), PAPER, SPY).time_in_force == "day"
    assert timed(order("BTC-USD", 500), PAPER, COIN).time_in_force == "gtc"
    assert timed(order("SPY", 21), RECORDED, SPY) == order("SPY", 21)
    future = Instrument("ES", "future", "CMES")
    assert timed(order("ES", 1), PAPER, future) == order("ES", 1)


def test_a_plan_journals_the_order_as_it_is_sent() -> None:
    ladder = LadderState(10_000_000, 10_000_000)
    state = State(tuple(BOTH), np.zeros(2, np.int64), np.full(2, np.nan), 10_000_000, Carried(ladder=ladder))
    coin = order("BTC-USD", 500)
    state = replace(apply(state, coin), session="s")
    plan = planned(state, "s", PAPER, BOTH)
    ended, sent, submitted = plan.events
    assert ended == OrderExpired("s", coin.id, 500, "ROUTED")
    assert isinstance(sent, Order) and (sent.parent, sent.lots, sent.time_in_force) == (coin.id, 500, "gtc")
    assert submitted == OrderSubmitted("s", sent.id) and plan.commands == (Submit(sent),)
    for event in plan.events:
        state = apply(state, event)
    assert set(state.working) == {sent.id}
    assert not planned(state, "s", PAPER, BOTH).commands  # planned again, nothing is sent twice


def test_at_recorded_opens_a_plan_is_as_it_was() -> None:
    ladder = LadderState(10_000_000, 10_000_000)
    state = State(tuple(BOTH), np.zeros(2, np.int64), np.full(2, np.nan), 10_000_000, Carried(ladder=ladder))
    coin = order("BTC-USD", 500)
    plan = planned(apply(state, coin), "s", RECORDED, BOTH)
    assert plan.events == (OrderSubmitted("s", coin.id),) and plan.commands == (Submit(coin),)
