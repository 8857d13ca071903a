"""The paper venue in time: waits, limits, participation, hours, halts and prices, against figures worked out here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.decision import Carried
from plimsoll.core.events import OrderExpired, OrderSubmitted
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import LiveQuote
from plimsoll.core.order import Fill, Order
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import Accepted, Refused, VenueEvent
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.venues.paper.exchange import PaperExchange
from plimsoll.execution.venues.paper.hours import FOR_EVER
from plimsoll.execution.venues.paper.pricing import Liquidity

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
TEN = 1_767_366_000 * SECOND  # 2026-01-02, 15:00 UTC: ten in New York
OPEN, CLOSE = TEN - 30 * MINUTE, TEN + 360 * MINUTE
SPY = Instrument("SPY", "fund", "XNYS")
ETH = Instrument("ETH-USD", "crypto", "24/7", lots_per_unit=10_000)
DEEP = {"SPY": Liquidity(3.9e9, 0.01), "ETH-USD": Liquidity(1.44e9, 0.03)}


def session_of(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).date().isoformat()


def hours(calendar: str, at: int) -> tuple[int, int]:
    """Every day from 9:30 to 16:00 in New York's winter."""
    if calendar == "24/7":
        return 0, FOR_EVER
    days = max(-(-(at - CLOSE + 1) // DAY), 0)
    return OPEN + days * DAY, CLOSE + days * DAY


class Market:
    """An exchange and what it told."""

    def __init__(self, cash: int = 10_000_000, policy: Policy | None = None, **given: Any) -> None:
        held = given.pop("held", {})
        ledger = Ledger({"USD": cash}, held)
        instruments = {"SPY": SPY, "ETH-USD": ETH}
        self.exchange = PaperExchange(ledger, instruments, policy or Policy(), session_of, hours=hours, **given)
        self.exchange.know(DEEP, 0)
        self.told: list[VenueEvent] = []
        self.exchange.listeners.append(self.told.append)

    def quote(self, at: int, bid: float, ask: float, symbol: str = "SPY", **given: Any) -> None:
        self.exchange.quoted(LiveQuote(symbol, round(bid * 1e12), round(ask * 1e12), at, **given), at)

    @property
    def fills(self) -> list[Fill]:
        return [e for e in self.told if isinstance(e, Fill)]

    @property
    def ends(self) -> list[OrderExpired]:
        return [e for e in self.told if isinstance(e, OrderExpired)]


def order(lots: int = 10, type: str = "market", time: str = "day", id: str = "a", **given: Any) -> Order:
    symbol = given.pop("symbol", "SPY")
    return Order(id, "2026-01-02", symbol, lots, lots < 0, 100.0, type, time_in_force=time, **given)  # type: ignore[arg-type]


def test_a_market_order_fills_60_seconds_after_it_was_taken_at_the_cost_models_price() -> None:
    market = Market()
    market.quote(TEN, 99.99, 100.01)
    assert isinstance(market.exchange.submit(order(), TEN), Accepted)
    market.exchange.advance(TEN + 60 * SECOND - 1)
    assert not market.told
    market.exchange.advance(TEN + 60 * SECOND)
    (fill,) = market.fills
    slippage, share, costs = 0.0005, 1000.0 / 3.9e9, Policy().costs
    impact = costs.impact_y * 0.01 * sqrt(share) * costs.depth * (1 + costs.permanent_paid * costs.permanent_share)
    assert fill.price == pytest.approx(100.0 * (1 + slippage + impact), rel=1e-12)
    assert (fill.at, fill.lots, fill.session) == (TEN + 60 * SECOND, 10, "2026-01-02")
    assert fill.commission == 100  # a tenth of a percent of 1,000.50 USD, in cents
    assert fill.notional == 100_000 + fill.slippage + fill.impact
    assert market.exchange.book.ledger.cash() == 10_000_000 - fill.notional - fill.commission


def test_a_spread_wider_than_the_models_slippage_is_paid() -> None:
    market = Market()
    market.quote(TEN, 99.0, 101.0)
    market.exchange.submit(order(), TEN)
    market.exchange.advance(TEN + MINUTE)
    assert market.fills[0].price == 101.0
    market.exchange.submit(order(-10, id="b"), TEN + MINUTE)
    market.exchange.advance(TEN + 2 * MINUTE)
    assert market.fills[1].price == 99.0


def test_the_seeds_size_impact_is_two_basis_points_for_each_further_ten_thousand() -> None:
    policy = Policy()
    policy = replace(policy, paper=replace(policy.paper, size_impact="seed", participation=1.0))
    prices = []
    for one in (Policy(), policy):
        market = Market(policy=one)
        market.quote(TEN, 100.0, 100.0)
        market.exchange.submit(order(300), TEN)
        market.exchange.advance(TEN + MINUTE)
        prices.append(market.fills[0].price)
    assert prices[1] - prices[0] == pytest.approx(100.0 * 0.0002 * 2, rel=1e-9)


def test_a_limit_order_waits_300_seconds_and_fills_only_through_its_limit() -> None:
    market = Market()
    market.quote(TEN, 99.98, 100.0)
    market.exchange.submit(order(type="limit", time="gtc", limit=100.0), TEN)
    market.quote(TEN + 298 * SECOND, 98.0, 98.1)
    market.quote(TEN + 299 * SECOND, 99.98, 100.0)
    market.exchange.advance(TEN + 300 * SECOND)
    market.quote(TEN + 300 * SECOND, 99.98, 100.0)  # at the limit is not through it
    market.quote(TEN + 310 * SECOND, 99.97, 99.98)  # through it, but the model's price is not inside
    assert not market.told
    market.quote(TEN + 320 * SECOND, 99.80, 99.82)
    assert market.fills[0].at == TEN + 320 * SECOND and market.fills[0].price <= 100.0


def test_a_stop_waits_for_its_price_and_a_stop_limit_for_its_limit_too() -> None:
    market = Market(held={"SPY": 20})
    market.quote(TEN, 99.98, 100.0)
    market.exchange.submit(order(-10, "stop", stop=98.0), TEN)
    market.exchange.submit(order(-10, "stop_limit", id="b", stop=98.0, limit=97.5), TEN)
    market.quote(TEN + 400 * SECOND, 98.5, 98.6)
    assert not market.told
    market.quote(TEN + 410 * SECOND, 97.0, 97.1)  # both triggered; below the limit of the second
    assert [f.id for f in market.fills] == ["a"]
    market.quote(TEN + 420 * SECOND, 98.5, 98.6)
    assert [f.id for f in market.fills] == ["a", "b"] and market.fills[1].price >= 97.5


def test_an_order_takes_its_share_of_each_minutes_volume_and_gives_up_after_1800_seconds() -> None:
    policy = Policy()
    policy = replace(policy, paper=replace(policy.paper, volume_spread=0.0, quote_age=86_400))
    market = Market(cash=10**12, policy=policy)
    market.exchange.know({"SPY": Liquidity(39_000_000.0, 0.01)}, 0)  # 100,000 a minute, of which 10 % is 100 units
    market.quote(TEN, 100.0, 100.0)
    market.exchange.submit(order(5000), TEN)
    market.exchange.advance(TEN + DAY)
    assert [f.lots for f in market.fills] == [100] * 30  # from 60 s on to 1860 s
    assert {b.at - a.at for a, b in zip(market.fills, market.fills[1:], strict=False)} == {MINUTE}
    (end,) = market.ends
    assert (end.lots, end.reason) == (2000, "PARTICIPATION")


def test_two_orders_share_a_minutes_volume() -> None:
    policy = Policy()
    policy = replace(policy, paper=replace(policy.paper, volume_spread=0.0))
    market = Market(cash=10**12, policy=policy)
    market.exchange.know({"SPY": Liquidity(39_000_000.0, 0.01)}, 0)
    market.quote(TEN, 100.0, 100.0)
    market.exchange.submit(order(80), TEN)
    market.exchange.submit(order(80, id="b"), TEN)
    market.exchange.advance(TEN + MINUTE)
    assert [(f.id, f.lots) for f in market.fills] == [("a", 80), ("b", 20)]


def test_what_nothing_is_known_of_is_sold_at_the_worst_case_and_not_bought() -> None:
    market = Market(held={"SPY": 10})
    market.exchange.know({}, 0)
    market.quote(TEN, 100.0, 100.0)
    market.exchange.submit(order(-10), TEN)
    market.exchange.submit(order(10, id="b"), TEN)
    market.exchange.advance(TEN + MINUTE)
    worst = Policy().costs.kinds["fund"]
    assert market.fills[0].lots == -10
    assert market.fills[0].price == pytest.approx(100.0 * (1 - (worst.worst_case - worst.commission)))
    assert [(e.id, e.reason) for e in market.ends] == [("b", "NO_LIQUIDITY_DATA")]


def test_a_sale_ends_at_a_position_of_zero_and_a_purchase_where_the_cash_ends() -> None:
    market = Market(cash=50_000, held={"SPY": 4})
    market.quote(TEN, 100.0, 100.0)
    market.exchange.submit(order(-10), TEN)
    market.exchange.advance(TEN + MINUTE)
    assert (market.fills[0].lots, market.ends[0].lots, market.ends[0].reason) == (-4, -6, "NOTHING_TO_REDUCE")
    market.exchange.submit(order(20, id="b"), TEN + MINUTE)
    market.exchange.advance(TEN + 2 * MINUTE)
    assert (market.fills[1].lots, market.ends[1].reason) == (8, "NO_CASH")
    assert 0 <= market.exchange.book.ledger.cash() < 10_100


@pytest.mark.parametrize(("time", "filled"), [("ioc", 100), ("fok", 0)])
def test_an_order_for_at_once_ends_with_what_it_cannot_have(time: str, filled: int) -> None:
    policy = Policy()
    policy = replace(policy, paper=replace(policy.paper, volume_spread=0.0))
    market = Market(cash=10**12, policy=policy)
    market.exchange.know({"SPY": Liquidity(39_000_000.0, 0.01)}, 0)
    market.quote(TEN, 100.0, 100.0)
    market.exchange.submit(order(150, time=time), TEN)
    market.exchange.advance(TEN + MINUTE)
    assert sum(f.lots for f in market.fills) == filled
    assert [e.lots for e in market.ends] == [150 - filled]


def test_an_order_of_the_day_ends_with_it_and_one_until_cancelled_does_not() -> None:
    market = Market()
    market.quote(TEN, 99.98, 100.0)
    for id, time in (("a", "day"), ("b", "gtc")):
        market.exchange.submit(order(type="limit", time=time, id=id, limit=90.0), TEN)
    market.exchange.advance(CLOSE - 1)
    assert not market.told
    market.exchange.advance(CLOSE + DAY)
    assert [(e.id, e.reason, e.session) for e in market.ends] == [("a", "TIME_IN_FORCE", "2026-01-02")]
    assert set(market.exchange.book.resting) == {"b"}


def test_an_order_for_the_open_waits_for_the_next_one_and_for_a_quote_of_its_session() -> None:
    market = Market()
    market.quote(CLOSE - SECOND, 100.0, 100.0)
    market.exchange.submit(order(time="opg"), CLOSE + MINUTE)
    market.exchange.submit(order(time="day", id="b"), CLOSE + MINUTE)
    market.quote(CLOSE + 10 * MINUTE, 100.0, 100.0)
    market.exchange.advance(OPEN + DAY)
    assert not market.told
    market.quote(OPEN + DAY + SECOND, 101.0, 101.0)
    assert {f.id for f in market.fills} == {"a", "b"} and all(f.price > 101.0 for f in market.fills)
    market.exchange.submit(order(time="opg", id="c"), OPEN + DAY + MINUTE)  # inside a session: for the next
    market.quote(OPEN + DAY + 10 * MINUTE, 101.0, 101.0)
    assert len(market.fills) == 2
    market.quote(OPEN + 2 * DAY, 101.0, 101.0)
    assert market.fills[2].at == OPEN + 2 * DAY


def test_what_trades_around_the_clock_has_no_close() -> None:
    market = Market()
    market.quote(CLOSE + MINUTE, 2000.0, 2000.0, "ETH-USD")
    market.exchange.submit(order(100, time="gtc", symbol="ETH-USD"), CLOSE + MINUTE)
    market.exchange.advance(CLOSE + 2 * MINUTE)
    assert market.fills[0].lots == 100


def test_nothing_fills_in_a_halt_and_it_fills_when_that_ends() -> None:
    market = Market(halts={"SPY": ((TEN, TEN + 3 * MINUTE),)})
    market.quote(TEN, 100.0, 100.0)
    market.exchange.submit(order(), TEN)
    market.exchange.advance(TEN + 3 * MINUTE - 1)
    assert not market.told
    market.exchange.advance(TEN + 3 * MINUTE)
    assert market.fills[0].at == TEN + 3 * MINUTE


@pytest.mark.parametrize(
    ("bid", "ask", "given"),
    [
        (0.0, 100.0, {}),
        (100.0, 0.0, {}),
        (101.0, 100.0, {}),
        (100.0, 100.0, {"type": "delayed"}),
        (100.0, 100.0, {"type": "frozen"}),
    ],
)
def test_what_is_no_market_fills_nothing(bid: float, ask: float, given: dict[str, str]) -> None:
    market = Market()
    market.quote(TEN, 100.0, 100.0)
    market.exchange.submit(order(), TEN)
    market.quote(TEN + SECOND, bid, ask, **given)
    market.exchange.advance(TEN + 10 * MINUTE)
    assert not market.told
    market.quote(TEN + 11 * MINUTE, 100.0, 100.0)
    assert market.fills


def test_an_old_quote_fills_nothing_and_without_one_a_market_order_gives_up() -> None:
    market = Market()
    market.quote(TEN - 10 * MINUTE, 100.0, 100.0)
    market.exchange.submit(order(), TEN)
    market.exchange.advance(TEN + 31 * MINUTE)
    assert not market.fills
    assert [(e.lots, e.reason) for e in market.ends] == [(10, "NO_QUOTE")]


def test_what_a_live_venue_would_not_take_is_refused_by_name() -> None:
    market = Market()
    for wrong, reason in (
        (order(time="cls"), "ORDER_KIND"),
        (order(time="day", symbol="ETH-USD"), "ORDER_KIND"),
        (order(type="limit", limit=100.001), "FILTER"),
        (order(type="limit"), "FILTER"),
        (order(4, time="gtc", symbol="ETH-USD"), "FILTER"),
        (order(symbol="NO"), "UNKNOWN_SYMBOL"),
    ):
        answer = market.exchange.submit(wrong, TEN)
        assert isinstance(answer, Refused) and answer.reason == reason, (wrong, answer)


def _told(times: list[int], parts: Callable[[PaperExchange, int, int], None]) -> list[VenueEvent]:
    """What a recorded hour comes to where the exchange is asked at further times."""
    market = Market(cash=10**12)
    market.exchange.know({"SPY": Liquidity(2.0e7, 0.01)}, 0)
    last = TEN
    for n in range(12):
        at = TEN + n * 5 * MINUTE
        parts(market.exchange, last, at)
        market.quote(at, 100.0 + n % 3, 100.02 + n % 3)
        market.exchange.submit(order(200, id=f"m{n}"), at)
        market.exchange.submit(order(30, "limit", "gtc", id=f"l{n}", limit=101.0), at)
        last = at
    parts(market.exchange, last, TEN + 90 * MINUTE)
    market.exchange.advance(TEN + 90 * MINUTE)
    return [e for e in market.told if times is not None]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 90 * 60), max_size=30))
def test_when_and_how_often_it_is_asked_changes_nothing(asked: list[int]) -> None:
    times = sorted(TEN + s * SECOND for s in asked)

    def often(exchange: PaperExchange, start: int, end: int) -> None:
        for at in times:
            if start <= at < end:
                exchange.query("m0", at)

    assert _told(times, often) == _told(times, lambda *_: None)


def test_an_account_restored_from_a_state_has_its_orders_and_no_other() -> None:
    ladder = LadderState(10_000_000, 10_000_000)
    state = State(("SPY",), np.array([7]), np.array([90.0]), 5_000_000, Carried(ladder=ladder))
    for event in (order(id="sent"), OrderSubmitted("s", "sent"), order(id="new")):
        state = apply(state, event)
    exchange = PaperExchange.restored(state, {"SPY": SPY}, Policy(), session_of)
    exchange.know(DEEP, 0)
    told: list[VenueEvent] = []
    exchange.listeners.append(told.append)
    found = exchange.snapshot(0, TEN)
    assert (found.cash, found.positions, found.orders) == (5_000_000, {"SPY": 7}, ("sent",))
    exchange.quoted(LiveQuote("SPY", 100 * 10**12, 100 * 10**12, TEN), TEN)
    exchange.advance(TEN + MINUTE)
    assert [type(e).__name__ for e in told] == ["Fill"]
    assert exchange.snapshot(TEN + MINUTE, TEN + MINUTE).executions == tuple(told)
    assert exchange.snapshot(TEN + MINUTE + 1, TEN + MINUTE).executions == ()
