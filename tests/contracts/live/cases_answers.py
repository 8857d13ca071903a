"""What an answer means, and that it does not come: nothing is sent again, and what is there is found (X2, L28)."""

from __future__ import annotations

from tests.contracts.live.desk import Desk, case
from tests.contracts.live.harness import Fault

from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown


async def _unknown(desk: Desk, fault: Fault, *, taken: bool) -> None:
    """An order whose answer says nothing is UNKNOWN, was sent once, and a question settles it."""
    await desk.begin()
    desk.server.fault(fault)
    order = desk.order()
    answer = await desk.submits(order)
    assert isinstance(answer, Unknown), answer
    assert answer.reason
    assert desk.server.posts == 1 and (order.id in desk.held) is taken
    assert not taken or desk.state.working[order.id].status in ("UNKNOWN", "ACCEPTED")  # its event may be quicker
    desk.server.mend()
    found = await desk.venue.query(order.id)
    assert isinstance(found, OrderReport if taken else Absent), found
    await desk.reconciles()
    assert (order.id in desk.state.working) is taken and desk.server.posts == 1
    desk.is_true()


@case
async def without_an_answer_an_order_is_unknown_and_found_later(desk: Desk) -> None:
    await _unknown(desk, "no_answer", taken=True)


@case
async def an_order_that_was_lost_is_unknown_and_absent_later(desk: Desk) -> None:
    await _unknown(desk, "lost", taken=False)


@case
async def an_error_of_unknown_outcome_is_unknown_and_found_later(desk: Desk) -> None:
    await _unknown(desk, "unknown_error", taken=True)


@case
async def an_answer_that_is_no_answer_is_unknown_and_found_later(desk: Desk) -> None:
    await _unknown(desk, "not_json", taken=True)


@case
async def a_connection_closed_without_an_answer_is_unknown_and_found_later(desk: Desk) -> None:
    await _unknown(desk, "empty_answer", taken=True)


@case
async def a_busy_venue_has_no_order_or_one(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("busy")
    order = desk.order()
    answer = await desk.submits(order)
    assert desk.server.posts <= 4
    if isinstance(answer, Accepted):  # what the venue certainly did not take may be sent again
        assert desk.held[order.id].open and desk.server.posts >= 2
    else:
        assert isinstance(answer, Refused) and order.id not in desk.held
    desk.is_true()


@case
async def a_venue_that_is_down_has_no_order(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("down")
    order = desk.order()
    answer = await desk.submits(order)
    assert isinstance(answer, Refused | Unknown), answer
    assert order.id not in desk.held
    desk.server.mend()
    assert isinstance(await desk.venue.query(order.id), Absent)


@case
async def a_question_to_a_venue_that_is_down_has_no_answer(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    desk.server.fault("down")
    assert isinstance(await desk.venue.query(order.id), Unknown)
    assert isinstance(await desk.venue.query("0" * 32), Unknown)  # which is not that it was never there


@case
async def a_cancellation_at_a_venue_that_is_down_has_no_answer(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    desk.server.fault("down")
    assert isinstance(await desk.cancels(order), Unknown)
    assert desk.held[order.id].open


@case
async def an_order_never_sent_is_absent(desk: Desk) -> None:
    await desk.begin()
    assert isinstance(await desk.venue.query("0" * 32), Absent)


@case
async def a_question_finds_an_open_order(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    found = await desk.venue.query(order.id)
    assert isinstance(found, OrderReport)
    assert (found.id, found.status, found.filled) == (order.id, "ACCEPTED", 0)


@case
async def a_question_finds_a_part_filled(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 4)
    found = await desk.venue.query(order.id)
    assert isinstance(found, OrderReport)
    assert (found.status, found.filled) == ("PARTIALLY_FILLED", 4 * desk.harness.lots)


@case
async def a_question_finds_a_filled_order(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 10)
    found = await desk.venue.query(order.id)
    assert isinstance(found, OrderReport)
    assert (found.status, found.filled) == ("FILLED", 10 * desk.harness.lots)


@case
async def a_question_about_a_sale_has_signed_lots(desk: Desk) -> None:
    await desk.begin()
    await desk.fills(await desk.placed(), 10)
    sale = await desk.placed(-10)
    await desk.fills(sale, 4)
    found = await desk.venue.query(sale.id)
    assert isinstance(found, OrderReport) and found.filled == -4 * desk.harness.lots


@case
async def a_question_finds_a_cancelled_order(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.fills(order, 4)
    await desk.server.cancel(order.id)
    await desk.until(lambda: order.id not in desk.state.working, "its end")
    found = await desk.venue.query(order.id)
    assert isinstance(found, OrderReport)
    assert (found.status, found.filled) == ("CANCELLED", 4 * desk.harness.lots)


@case
async def a_refusal_has_our_reason_and_the_venues_words(desk: Desk) -> None:
    await desk.begin()
    code, words, reason = desk.harness.refused
    await desk.server.refuse_next(code, words)
    answer = await desk.submits(desk.order())
    assert isinstance(answer, Refused) and answer.reason == reason
    assert words in answer.text
    assert desk.server.posts == 1
    desk.is_true()


@case
async def a_refusal_that_no_table_lists_is_never_sent_again(desk: Desk) -> None:
    await desk.begin()
    await desk.server.refuse_next("49912345", "a refusal nobody has seen")
    answer = await desk.submits(desk.order())
    assert isinstance(answer, Refused) and answer.reason == "UNKNOWN_REFUSAL"
    assert "a refusal nobody has seen" in answer.text
    assert desk.server.posts == 1


@case
async def after_a_refusal_the_next_order_is_taken(desk: Desk) -> None:
    await desk.begin()
    await desk.server.refuse_next(*desk.harness.refused[:2])
    refused = desk.order()
    assert isinstance(await desk.submits(refused), Refused)
    await desk.placed()
    assert desk.server.posts == 2 and not desk.held.get(refused.id)
    desk.is_true()
