"""The venue of quotes: what fills, when and at which price, and what it tells of it (X1, X5)."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from plimsoll.core.events import FillCorrected, OrderCancelled, VenueSnapshot
from plimsoll.core.order import Fill, Order
from plimsoll.core.venue import Accepted, OrderReport, Refused, VenueEvent
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.venues.quoted import QuotedVenue

UNITS = {"S": 1, "T": 1}


def venue(parts: float = 0.0, exchanges: tuple[str, ...] = ("",), seed: int = 0) -> QuotedVenue:
    made = QuotedVenue(Ledger({"USD": 0}), UNITS, np.random.default_rng(seed), parts=parts, exchanges=exchanges)
    made.begin("2026-03-02")
    made.clock(5)
    for symbol in UNITS:
        made.quoted(symbol, 99.0, 101.0)
    return made


def order(id: str, lots: int, limit: float | None = None, symbol: str = "S", **more: Any) -> Order:
    kind = "market" if limit is None else "limit"
    return Order(id, "2026-03-02", symbol, lots, False, 100.0, kind, limit, **{"time_in_force": "gtc", **more})


def sent(at: QuotedVenue, *orders: Order) -> list[object]:
    return [asyncio.run(at.submit(one)) for one in orders]


def told(at: QuotedVenue, minutes: int = 0) -> list[VenueEvent]:
    for _ in range(minutes):
        at.minute()

    async def heard() -> list[VenueEvent]:
        return [event async for event in at.events()]

    return asyncio.run(heard())


def test_a_purchase_fills_whole_at_the_ask_and_a_sale_at_the_bid_within_two_minutes() -> None:
    made = venue()
    assert all(isinstance(answer, Accepted) for answer in sent(made, order("b", 10), order("s", -4, symbol="T")))
    assert told(made) == []
    fills = told(made, 2)
    assert [(f.id, f.lots, f.price, f.notional, f.at, f.reason) for f in fills if isinstance(f, Fill)] == [
        ("b", 10, 101.0, 101_000, 5, "ORDER"), ("s", -4, 99.0, -39_600, 5, "ORDER"),
    ]  # fmt: skip
    assert made.ledger.holdings == {"S": 10, "T": -4} and made.ledger.cash() == 39_600 - 101_000
    assert told(made, 5) == []


def test_a_limit_waits_for_its_price() -> None:
    made = venue()
    sent(made, order("b", 10, 100.99), order("s", -10, 99.01, "T"), order("at", 1, 101.0))
    assert [event.id for event in told(made, 3) if isinstance(event, Fill)] == ["at"]
    made.quoted("S", 100.0, 100.99)
    made.quoted("T", 99.01, 100.0)
    assert [event.id for event in told(made, 1) if isinstance(event, Fill)] == ["b", "s"]


@pytest.mark.parametrize("seed", range(5))
def test_parts_add_up_to_the_order(seed: int) -> None:
    made = venue(parts=1.0, seed=seed)
    sent(made, order("s", -1000), order("b", 2, symbol="T"))
    fills = [event for event in told(made, 200) if isinstance(event, Fill)]
    parts = [fill.lots for fill in fills if fill.id == "s"]
    assert sum(parts) == -1000 and len(parts) > 1 and max(parts) < 0
    assert [fill.lots for fill in fills if fill.id == "b"] == [2]  # too small for parts
    report = asyncio.run(made.query("s"))
    assert isinstance(report, OrderReport) and (report.status, report.filled) == ("FILLED", -1000)


def test_executions_are_numbered_by_symbol_and_exchange() -> None:
    made = venue(exchanges=("", "NORTH"))
    sent(made, *(order(f"{symbol}{n}", 1, symbol=symbol) for symbol in UNITS for n in range(20)))
    fills = [event for event in told(made, 2) if isinstance(event, Fill)]
    keys = [(fill.symbol, fill.exchange, fill.execution) for fill in fills]
    assert len(set(keys)) == 40 and {key[:2] for key in keys} == {(s, e) for s in UNITS for e in ("", "NORTH")}
    assert {key[2] for key in keys if key[:2] == ("S", "")} & {key[2] for key in keys if key[:2] == ("T", "NORTH")}
    assert made.made[fills[0].exchange, fills[0].symbol, fills[0].execution] == fills[0]


def test_what_it_does_not_take_is_refused_and_never_filled() -> None:
    made = venue()
    made.closed.add("T")
    answers = sent(
        made, order("a", 1, symbol="U"), order("b", 1, symbol="T"), order("c", 1, time_in_force="fok"),
    )  # fmt: skip
    assert [answer.reason for answer in answers if isinstance(answer, Refused)] == [
        "UNKNOWN_SYMBOL", "NOT_TRADING", "ORDER_KIND",
    ]  # fmt: skip
    assert told(made, 5) == []


def test_a_symbol_that_closes_keeps_its_orders_waiting_and_one_that_ends_does_not() -> None:
    made = venue()
    sent(made, order("a", 7), order("b", 3, symbol="T"))
    made.closed.add("S")
    assert [event.id for event in told(made, 3)] == ["b"]
    made.closed.clear()
    made.split("S", 2, 1)
    assert told(made) == [OrderCancelled("2026-03-02", "a", 7)]
    made.moved("S", 5)
    made.split("S", 3, 2)
    assert made.ledger.holdings == {"S": 7, "T": 3}  # rounded down
    made.end("T")
    assert made.ledger.holdings == {"S": 7} and isinstance(sent(made, order("c", 1, symbol="T"))[0], Refused)


def test_everything_fills_at_once_where_that_is_asked_and_nothing_after_the_close() -> None:
    made = venue(parts=1.0)
    sent(made, order("a", 10, 1.0), order("b", -5))
    made.minute(whole=True)
    assert [event.lots for event in told(made) if isinstance(event, Fill)] == [10, -5]
    sent(made, order("c", 1), order("d", 1, symbol="T"))
    made.close("T")
    made.close()
    assert [event.id for event in told(made, 3)] == ["d", "c"]


def test_others_trade_the_account_at_the_market() -> None:
    made = venue()
    made.traded("S", -3, "e1")
    (fill,) = told(made)
    assert isinstance(fill, Fill) and (fill.id, fill.lots, fill.price, fill.reason) == ("", -3, 99.0, "EXTERNAL")
    assert made.ledger.holdings == {"S": -3}
    found = asyncio.run(made.snapshot())
    assert isinstance(found, VenueSnapshot) and found.positions == {"S": -3} and found.executions == (fill,)


def test_a_bust_gives_a_resting_order_its_rest_back_and_a_correction_can_end_it() -> None:
    made = venue(parts=1.0)
    sent(made, order("a", 1000))
    while not (first := told(made, 1)):
        pass
    fill = first[0]
    assert isinstance(fill, Fill) and fill.lots < 1000
    made.amended(FillCorrected("2026-03-02", "S", fill.execution, None, id="a"))
    found = asyncio.run(made.query("a"))
    assert isinstance(found, OrderReport) and (found.status, found.filled) == ("ACCEPTED", 0)
    made.amended(Fill("a", "more", "2026-03-02", "S", 1200, 101.0, 12_120_000, 0, 0, 0))
    found = asyncio.run(made.query("a"))
    assert isinstance(found, OrderReport) and (found.status, found.filled) == ("FILLED", 1200)
    assert isinstance(asyncio.run(made.cancel("a")), Refused)
