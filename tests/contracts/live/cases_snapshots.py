"""Snapshots: the whole account, or no answer; never a guess (X3, X6, L3, L4, L5, L24)."""

from __future__ import annotations

import asyncio

from tests.contracts.live.desk import Desk, case

from plimsoll.core.events import VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.core.venue import Accepted, Unknown


async def _snapshot(desk: Desk) -> VenueSnapshot:
    found = await desk.venue.snapshot()
    assert isinstance(found, VenueSnapshot), found
    return found


@case
async def a_snapshot_of_an_untouched_account_is_its_cash(desk: Desk) -> None:
    await desk.begin()
    found = await _snapshot(desk)
    assert found.cash == round(desk.server.cash * 100) > 0
    assert (found.positions, found.orders, found.executions) == (desk.positions(0), (), ())


@case
async def a_snapshot_is_the_whole_account(desk: Desk) -> None:
    await desk.begin()
    one, two = await desk.placed(), await desk.placed(20)
    await desk.fills(one, 10)
    await desk.fills(two, 5)
    found = await _snapshot(desk)
    assert found.cash == round(desk.server.cash * 100) == desk.state.cash
    assert found.positions == desk.positions(15)
    assert found.orders == (two.id,)
    assert sum(f.lots for f in found.executions) == 15 * desk.harness.lots
    assert {f.id for f in found.executions} == {one.id, two.id}


@case
async def a_flat_position_is_not_in_a_snapshot(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    await desk.fills(await desk.placed(-10), 10)
    assert (await _snapshot(desk)).positions == desk.positions(0)


@case
async def the_stream_and_a_snapshot_name_an_execution_alike(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    for _ in range(3):
        await desk.fills(order, 2)
    told = {e.execution for e in desk.told if isinstance(e, Fill)}
    assert {f.execution for f in (await _snapshot(desk)).executions} == told and len(told) == 3
    await desk.reconciles()
    assert not desk.quarantined
    desk.is_true()


@case
async def a_snapshot_without_an_answer_is_never_flat(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    desk.server.fault("snapshot_fails")
    assert isinstance(await desk.venue.snapshot(), Unknown)
    desk.server.mend()
    assert (await _snapshot(desk)).positions == desk.positions(10)


@case
async def a_snapshot_of_a_venue_that_is_down_is_unknown(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("down")
    assert isinstance(await desk.venue.snapshot(), Unknown)


@case
async def somebody_elses_order_is_listed_and_alerted(desk: Desk) -> None:
    await desk.begin()
    mine = await desk.placed()
    foreign = await desk.server.foreign_order(5 * desk.harness.lots / desk.harness.unit)
    found = await _snapshot(desk)
    (other,) = set(found.orders) - {mine.id}
    assert other and (foreign in other or other in desk.held)
    await desk.does(found)
    assert any(other in text for text in desk.alerts)
    assert desk.state.foreign == {other}


@case
async def somebody_elses_fill_freezes_its_symbol(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    await desk.server.foreign_fill(3 * desk.harness.lots / desk.harness.unit, desk.harness.price)
    await desk.does(await _snapshot(desk))
    assert desk.gained == 13
    assert desk.lots == round(desk.server.position * desk.harness.unit)
    assert desk.state.external == {desk.harness.symbol: 3 * desk.harness.lots}  # by its execution, or by the position
    assert desk.state.cash == round(desk.server.cash * 100) or desk.alerts


@case
async def a_snapshot_while_fills_happen_is_one_instant(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed(40)

    async def fills() -> None:
        for _ in range(10):
            await desk.executed(order, 2)
            await asyncio.sleep(0)

    found, _ = await asyncio.gather(_snapshot(desk), fills())
    held = found.positions.get(desk.harness.symbol, 0)
    assert held - desk.opening == sum(f.lots for f in found.executions)
    await desk.until(lambda: desk.gained == 20, "ten parts")
    await desk.reconciles()
    desk.is_true()


@case
async def executions_over_many_pages_are_complete(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed(240)
    made = [await desk.executed(order, 2) for _ in range(110)]
    await desk.until(lambda: desk.gained == 220, "all parts")
    found = await _snapshot(desk)
    assert len(found.executions) == len({f.execution for f in found.executions}) == len(made)
    assert sum(f.lots for f in found.executions) == 220 * desk.harness.lots
    await desk.reconciles()
    desk.is_true()


@case
async def a_process_started_again_sees_the_same_account(desk: Desk) -> None:
    await desk.begin()
    one, two = await desk.placed(), await desk.placed(20)
    await desk.fills(one, 10)
    await desk.fills(two, 5)
    before = await _snapshot(desk)
    await desk.end()
    after = await desk.restarted()
    try:
        found = await _snapshot(after)
        assert (found.cash, found.positions, found.orders) == (before.cash, before.positions, before.orders)
        assert {f.execution for f in found.executions} == {f.execution for f in before.executions}
        await after.reconciles()
        assert not after.quarantined
        await after.fills(two, 5)  # and it hears what happens next
        after.is_true()
    finally:
        await after.end()


@case
async def what_happened_while_no_process_ran_is_in_the_first_snapshot(desk: Desk) -> None:
    await desk.begin()
    one, two = await desk.placed(), await desk.placed(20)
    await desk.end()
    await desk.executed(one, 10)
    await desk.server.cancel(two.id)
    after = await desk.restarted()
    try:
        await after.reconciles()
        assert after.gained == 10 and not after.state.working
        after.is_true()
    finally:
        await after.end()


@case
async def a_crash_between_the_journal_and_the_answer_sends_no_second_order(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("no_answer")
    order = desk.order()
    answer = asyncio.create_task(desk.submits(order))
    await desk.until(lambda: order.id in desk.held, "the order at the venue")
    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)
    await desk.end()
    desk.server.mend()
    after = await desk.restarted()
    try:
        await after.reconciles()
        assert after.state.working[order.id].status == "ACCEPTED" and desk.server.posts == 1
        after.is_true()
    finally:
        await after.end()


@case
async def closing_leaves_orders_as_they_are(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.end()
    assert desk.held[order.id].open and desk.server.cancels == 0


@case
async def two_adapters_on_one_account_tell_the_same(desk: Desk) -> None:
    await desk.begin()
    other = Desk(desk.harness, "another")
    assert isinstance(await other.begin(), Accepted)
    try:
        one, two = await desk.placed(), await other.placed(20)
        await desk.executed(one, 10)
        await desk.executed(two, 5)
        await desk.until(lambda: desk.gained >= 10, "its own fill")
        await other.until(lambda: other.state.working[two.id].filled == 5 * desk.harness.lots, "its own fill")
        here, there = await _snapshot(desk), await _snapshot(other)
        assert (here.cash, here.positions, set(here.orders)) == (there.cash, there.positions, set(there.orders))
        assert {f.execution for f in here.executions} == {f.execution for f in there.executions}
    finally:
        await other.end()
    after = await desk.placed()  # the end of one connection is not the end of the other's
    await desk.fills(after, 10)
