"""The stream of events: cut, silent, lost, twice, reversed, wrong (X6, L1, L23); the account stays the server's."""

from __future__ import annotations

from tests.contracts.live.desk import Desk, case

from plimsoll.core.venue import Accepted


@case
async def a_connected_stream_has_evidence(desk: Desk) -> None:
    assert not desk.venue.health.subscribed
    assert isinstance(await desk.begin(), Accepted)
    health = desk.venue.health
    assert health.subscribed and health.heard > 0 and health.gaps == 0 and not health.text


@case
async def an_event_is_evidence(desk: Desk) -> None:
    await desk.begin()
    before = desk.venue.health.heard
    await desk.fills(await desk.placed(), 4)
    assert desk.venue.health.heard >= before > 0


@case
async def a_cut_stream_is_a_gap_and_connects_again(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    desk.server.fault("stream_cut")
    await desk.until(lambda: desk.venue.health.gaps == 1, "the gap counted")
    await desk.until(lambda: desk.venue.health.subscribed, "the stream again")
    await desk.fills(order, 4)
    await desk.reconciles()
    desk.is_true()


@case
async def what_a_cut_stream_missed_is_in_the_next_snapshot(desk: Desk) -> None:
    await desk.begin()
    one, two = await desk.placed(), await desk.placed(20)
    desk.server.fault("stream_cut")
    await desk.executed(one, 10)
    await desk.server.cancel(two.id)
    await desk.until(lambda: desk.venue.health.gaps >= 1 and desk.venue.health.subscribed, "the stream again")
    await desk.reconciles()
    assert desk.gained == 10 and not desk.state.working
    desk.is_true()


@case
async def each_cut_is_one_more_gap(desk: Desk) -> None:
    await desk.begin()
    for gaps in (1, 2):
        desk.server.fault("stream_cut")
        await desk.until(lambda gaps=gaps: desk.venue.health.gaps == gaps, "the gap counted")  # type: ignore[misc]
        await desk.until(lambda: desk.venue.health.subscribed, "the stream again")


@case
async def a_silent_stream_is_found_by_what_it_does_not_say(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("stream_silent")
    await desk.submits(desk.order())
    before = desk.venue.health.gaps

    def noticed() -> bool:
        health = desk.venue.health
        return bool(health.gaps > before or not health.subscribed or health.text)

    await desk.until(noticed, "the silence noticed")
    desk.server.mend()
    await desk.until(lambda: desk.venue.health.subscribed, "the stream again")
    await desk.reconciles()
    desk.is_true()


@case
async def lost_events_are_in_the_next_snapshot(desk: Desk) -> None:
    await desk.begin()
    one, two, three = await desk.placed(), await desk.placed(20), await desk.placed(10)
    desk.server.fault("events_lost")
    await desk.executed(one, 10)
    await desk.executed(two, 5)
    await desk.server.cancel(three.id)
    desk.server.mend()
    await desk.reconciles()
    assert desk.gained == 15 and set(desk.state.working) == {two.id}
    desk.is_true()


@case
async def events_told_twice_book_once(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("events_twice")
    order = await desk.placed()
    await desk.fills(order, 4)
    desk.server.mend()
    await desk.fills(order, 6)  # what comes after it in the stream: the repetition has come
    assert desk.gained == 10 and not desk.state.working
    await desk.reconciles()
    desk.is_true()


@case
async def an_end_told_twice_is_one(desk: Desk) -> None:
    await desk.begin()
    order, other = await desk.placed(), await desk.placed()
    desk.server.fault("events_twice")
    await desk.cancels(order)
    await desk.until(lambda: order.id not in desk.state.working, "its end")
    desk.server.mend()
    await desk.fills(other, 10)
    await desk.reconciles()
    desk.is_true()


@case
async def reversed_events_come_to_the_same(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    desk.server.fault("events_reversed")
    await desk.executed(order, 4)
    await desk.server.cancel(order.id)
    await desk.until(lambda: desk.gained == 4, "the fill")
    await desk.reconciles()
    assert not desk.state.working
    desk.is_true()


@case
async def an_event_that_is_none_changes_nothing_and_the_stream_goes_on(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    desk.server.fault("garbage_event")
    await desk.fills(order, 4)
    await desk.reconciles()
    desk.is_true()


@case
async def an_event_of_somebody_elses_order_changes_nothing_of_ours(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    desk.server.fault("foreign_event")
    await desk.fills(order, 4)
    assert set(desk.state.working) == {order.id} and desk.gained == 4


@case
async def an_event_comes_after_its_order_was_sent_and_is_signed(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    sale = await desk.placed(-10)
    (fill,) = desk.fresh(await desk.fills(sale, 4))
    assert (fill.id, fill.lots) == (sale.id, -4 * desk.harness.lots) and fill.notional < 0
    desk.is_true()
