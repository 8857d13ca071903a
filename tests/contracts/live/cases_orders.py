"""Orders reach the venue once, with our id; what the venue does not take is refused here (X2, L16, L17, L22)."""

from __future__ import annotations

from typing import get_args

import pytest
from tests.contracts.live.desk import Desk, case

from plimsoll.core.order import OrderType, TimeInForce
from plimsoll.core.venue import Accepted, OrderReport, Refused


@case
async def an_order_reaches_the_venue_once_with_our_id(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    assert desk.server.posts == 1
    held = desk.held[order.id]
    assert (held.open, held.filled) == (True, 0.0)
    assert abs(held.quantity) == 10 * desk.harness.lots / desk.harness.unit
    assert desk.state.working[order.id].status == "ACCEPTED"
    desk.is_true()


@case
async def the_answer_has_the_venues_own_id(desk: Desk) -> None:
    await desk.begin()
    order = desk.order()
    answer = await desk.submits(order)
    assert isinstance(answer, Accepted) and answer.venue_id
    found = await desk.venue.query(order.id)
    assert isinstance(found, OrderReport) and found.venue_id == answer.venue_id


@case
async def the_same_id_twice_is_one_order(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    again = await desk.venue.submit(order)
    assert isinstance(again, Accepted)
    assert len(desk.held) == 1 and desk.server.posts <= 2


@case
async def the_same_id_after_it_ended_is_not_a_second_order(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 10)
    await desk.venue.submit(order)
    assert len(desk.held) == 1 and not desk.held[order.id].open
    await desk.reconciles()
    desk.is_true()


@case
async def two_orders_are_two(desk: Desk) -> None:
    await desk.begin()
    one, two = await desk.placed(), await desk.placed(20)
    assert set(desk.held) == {one.id, two.id} and desk.server.posts == 2
    await desk.reconciles()
    desk.is_true()


@case
async def a_market_order_is_taken(desk: Desk) -> None:
    await desk.begin()
    order = desk.order(type="market")
    assert isinstance(await desk.submits(order), Accepted)
    await desk.fills(order, 10)
    await desk.reconciles()
    desk.is_true()


@case
async def a_sale_of_what_is_held_is_taken(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    sale = await desk.placed(-10)
    await desk.fills(sale, 10)
    assert desk.gained == 0
    desk.is_true()


@case
async def every_combination_of_the_rules_is_taken(desk: Desk) -> None:
    await desk.begin()
    whole = 10 * desk.harness.lots % desk.harness.unit == 0
    await desk.fills(await desk.placed(), 10)  # something to protect, for orders that only sell
    took = 0
    for combination in sorted(desk.venue.rules.takes, key=lambda c: (c.type, c.time_in_force)):
        if combination.kind == desk.harness.instrument.kind and combination.fractional is not whole:
            steps = -10 if "stop" in combination.type else 10
            order = desk.order(steps, combination.type, time=combination.time_in_force)
            answer = await desk.submits(order)
            assert isinstance(answer, Accepted), (combination, answer)
            await desk.venue.cancel(order.id)
            took += 1
    assert took == len(desk.held) - 1 >= 2


@case
async def a_combination_outside_the_rules_is_refused_here(desk: Desk) -> None:
    await desk.begin()
    takes = {(c.type, c.time_in_force) for c in desk.venue.rules.takes if c.kind == desk.harness.instrument.kind}
    refused = 0
    for type in get_args(OrderType):
        for time in get_args(TimeInForce):
            if (type, time) not in takes:
                answer = await desk.submits(desk.order(type=type, time=time))
                assert isinstance(answer, Refused) and answer.reason == "ORDER_KIND", (type, time, answer)
                refused += 1
    assert refused and desk.server.posts == 0


@case
async def an_unknown_symbol_is_refused_here(desk: Desk) -> None:
    await desk.begin()
    answer = await desk.venue.submit(desk.order(symbol="NOSUCH"))
    assert isinstance(answer, Refused) and answer.reason == "UNKNOWN_SYMBOL"
    assert desk.server.posts == 0


@case
async def less_than_the_smallest_order_is_refused_here(desk: Desk) -> None:
    await desk.begin()
    rules, symbol = desk.venue.rules, desk.harness.symbol
    lots = rules.lots_min.get(symbol, rules.lots_min.get("", 0))
    cents = rules.notional_min.get(symbol, rules.notional_min.get("", 0))
    if lots <= desk.harness.lots and cents <= desk.harness.price * 100 * desk.harness.lots / desk.harness.unit:
        pytest.skip("its smallest order is one step")
    answer = await desk.venue.submit(desk.order(1))
    assert isinstance(answer, Refused) and answer.reason == "FILTER" and answer.text
    assert desk.server.posts == 0


@case
async def a_quantity_between_two_steps_is_refused_here(desk: Desk) -> None:
    await desk.begin()
    rules = desk.venue.rules
    if rules.lots_step.get(desk.harness.symbol, rules.lots_step.get("", 1)) <= 1:
        pytest.skip("its step is one lot")
    answer = await desk.venue.submit(desk.order(lots=10 * desk.harness.lots + 1))
    assert isinstance(answer, Refused) and answer.reason == "FILTER" and answer.text
    assert desk.server.posts == 0


@case
async def a_price_between_two_ticks_is_refused_here(desk: Desk) -> None:
    await desk.begin()
    rules, price = desk.venue.rules, desk.harness.price
    ticks = rules.ticks.get(desk.harness.symbol, rules.ticks.get("", ()))
    if not ticks:
        pytest.skip("it names no ticks")
    tick = [size for start, size in ticks if start <= price * 1e12][-1] / 1e12
    answer = await desk.venue.submit(desk.order(limit=price + tick / 2))
    assert isinstance(answer, Refused) and answer.reason == "FILTER" and answer.text
    assert desk.server.posts == 0


@case
async def an_order_that_lost_its_reduce_only_mark_does_not_stand(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    desk.server.fault("not_reduce_only")
    sale = desk.order(-10)
    answer = await desk.submits(sale)
    assert isinstance(answer, Refused) or desk.venue.health.text  # a person hears of it either way
    await desk.until(lambda: not desk.held[sale.id].open, "its cancellation")
    assert desk.server.cancels >= 1
    await desk.reconciles()
    desk.is_true()
