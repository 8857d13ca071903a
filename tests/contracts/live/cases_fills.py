"""Executions, cancellations and ends: exact lots, cash to the cent, in whatever order they come (X2, X3, L11)."""

from __future__ import annotations

import asyncio

from tests.contracts.live.desk import Desk, case

from plimsoll.core.events import OrderCancelled, OrderExpired
from plimsoll.core.order import Fill
from plimsoll.core.venue import Accepted, Refused, Unknown


@case
async def a_whole_fill_is_exact(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    execution = await desk.fills(order, 10)
    (fill,) = desk.fresh(execution)
    assert (fill.id, fill.symbol, fill.lots) == (order.id, desk.harness.symbol, 10 * desk.harness.lots)
    assert fill.price == desk.harness.price
    assert fill.notional == round(10 * desk.harness.lots * desk.harness.price * 100 / desk.harness.unit)
    assert order.id not in desk.state.working
    await desk.reconciles()
    desk.is_true()


@case
async def a_part_leaves_the_rest_open(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 4)
    one = desk.state.working[order.id]
    assert (one.status, one.remaining) == ("PARTIALLY_FILLED", 6 * desk.harness.lots)
    await desk.reconciles()
    desk.is_true()


@case
async def many_parts_are_one_order(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed(40)
    executions = [await desk.executed(order, 2) for _ in range(20)]
    await desk.until(lambda: order.id not in desk.state.working, "all its parts")
    assert len(set(executions)) == 20
    assert all(len(desk.fresh(execution)) == 1 for execution in executions)
    await desk.reconciles()
    desk.is_true()


@case
async def parts_at_other_prices_keep_cash_to_the_cent(desk: Desk) -> None:
    await desk.begin()
    order, before = await desk.placed(), desk.state.cash
    price = desk.harness.price
    for steps, at in ((1, price), (4, round(price * 0.99, 2)), (5, round(price * 0.98, 2))):
        await desk.fills(order, steps, at)
    fills = [e for e in desk.journal if isinstance(e, Fill)]
    assert before - desk.state.cash >= sum(f.notional for f in fills) > 0
    await desk.reconciles()
    desk.is_true()


@case
async def a_fill_before_the_answer_is_booked(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("no_answer")
    order = desk.order()
    answer = asyncio.create_task(desk.submits(order))
    await desk.until(lambda: order.id in desk.held, "the order at the venue")
    await desk.fills(order, 4)
    assert desk.gained == 4
    assert isinstance(await answer, Unknown | Accepted)
    desk.server.mend()
    await desk.reconciles()
    assert desk.state.working[order.id].remaining == 6 * desk.harness.lots and desk.server.posts == 1
    desk.is_true()


@case
async def a_fill_while_unknown_is_in_the_next_snapshot(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("no_answer")
    order = desk.order()
    assert isinstance(await desk.submits(order), Unknown)
    desk.server.mend()
    await desk.executed(order, 10)
    await desk.reconciles()
    assert desk.gained == 10 and not desk.state.working
    desk.is_true()


@case
async def a_fill_that_beats_the_cancellation_stands(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.executed(order, 10)
    answer = await desk.venue.cancel(order.id)
    assert isinstance(answer, Refused), answer
    await desk.until(lambda: order.id not in desk.state.working, "the fill")
    await desk.reconciles()
    desk.is_true()


@case
async def fills_of_two_orders_go_to_their_own(desk: Desk) -> None:
    await desk.begin()
    one, two = await desk.placed(10), await desk.placed(20)
    for _ in range(5):
        await desk.executed(one, 1)
        await desk.executed(two, 3)
    await desk.until(lambda: desk.gained == 20, "ten parts")
    assert desk.state.working[one.id].filled == 5 * desk.harness.lots
    assert desk.state.working[two.id].filled == 15 * desk.harness.lots
    await desk.reconciles()
    desk.is_true()


@case
async def a_cancellation_is_a_request_and_its_event_ends_the_order(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    assert isinstance(await desk.cancels(order), Accepted)
    await desk.until(lambda: order.id not in desk.state.working, "its end")
    (end,) = [e for e in desk.told if isinstance(e, OrderCancelled)]
    assert (end.id, end.lots) == (order.id, 10 * desk.harness.lots)
    assert not desk.held[order.id].open and desk.server.cancels == 1
    desk.is_true()


@case
async def a_cancellation_of_a_part_filled_order_ends_its_rest(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 4)
    assert isinstance(await desk.cancels(order), Accepted)
    await desk.until(lambda: order.id not in desk.state.working, "its end")
    (end,) = [e for e in desk.told if isinstance(e, OrderCancelled)]
    assert end.lots == 6 * desk.harness.lots
    await desk.reconciles()
    desk.is_true()


@case
async def a_cancelled_sale_has_signed_lots(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    sale = await desk.placed(-10)
    await desk.fills(sale, 4)
    assert isinstance(await desk.cancels(sale), Accepted)
    await desk.until(lambda: sale.id not in desk.state.working, "its end")
    (end,) = [e for e in desk.told if isinstance(e, OrderCancelled)]
    assert end.lots == -6 * desk.harness.lots
    desk.is_true()


@case
async def a_cancellation_of_an_unknown_order_is_refused(desk: Desk) -> None:
    await desk.begin()
    answer = await desk.venue.cancel("0" * 32)
    assert isinstance(answer, Refused) and answer.reason


@case
async def a_cancellation_of_a_filled_order_is_refused(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 10)
    assert isinstance(await desk.venue.cancel(order.id), Refused)
    desk.is_true()


@case
async def a_cancellation_of_a_cancelled_order_is_refused(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.cancels(order)
    await desk.until(lambda: order.id not in desk.state.working, "its end")
    assert isinstance(await desk.venue.cancel(order.id), Refused)


@case
async def a_venue_may_cancel_by_itself(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 4)
    await desk.server.cancel(order.id)
    await desk.until(lambda: order.id not in desk.state.working, "its end")
    assert desk.gained == 4
    await desk.reconciles()
    desk.is_true()


@case
async def an_order_expires(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 4)
    await desk.server.expire(order.id)
    await desk.until(lambda: order.id not in desk.state.working, "its end")
    (end,) = [e for e in desk.told if isinstance(e, OrderExpired | OrderCancelled)]
    assert end.lots == 6 * desk.harness.lots
    await desk.reconciles()
    desk.is_true()


@case
async def an_order_rejected_after_it_was_taken_is_closed_once_it_is_asked_for(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.server.reject(order.id)
    await desk.until(lambda: any(getattr(e, "id", "") == order.id for e in desk.told[-1:]), "its rejection")
    await desk.reconciles()
    assert order.id not in desk.state.working
    desk.is_true()
