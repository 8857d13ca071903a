"""Keys, clocks and connections: a refused key is not tried again, and no secret is ever told (L26, X0)."""

from __future__ import annotations

import logging
import traceback

import pytest
from tests.contracts.live.desk import Desk, case

from plimsoll.core.events import VenueSnapshot
from plimsoll.core.venue import Accepted, OrderReport, Refused, Unknown


@case
async def wrong_keys_refuse_the_connection(desk: Desk) -> None:
    desk.server.fault("no_auth")
    answer = await desk.begin()
    assert isinstance(answer, Refused) and answer.reason == "AUTH"
    assert not desk.venue.health.subscribed


@case
async def keys_that_were_withdrawn_refuse_an_order_once(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("no_auth")
    answer = await desk.submits(desk.order())
    assert isinstance(answer, Refused) and answer.reason == "AUTH"
    assert desk.server.posts <= 1 and not desk.held


@case
async def without_a_server_a_connection_is_unknown(desk: Desk) -> None:
    desk.server.fault("down")
    assert isinstance(await desk.begin(), Unknown)
    assert not desk.venue.health.subscribed


@case
async def a_connection_may_be_tried_again(desk: Desk) -> None:
    desk.server.fault("down")
    assert isinstance(await desk.venue.connect(desk.harness.since), Unknown)
    desk.server.mend()
    assert isinstance(await desk.begin(), Accepted)
    await desk.fills(await desk.placed(), 10)
    desk.is_true()


@case
async def a_clock_that_differs_is_measured(desk: Desk) -> None:
    desk.server.fault("clock_ahead")
    assert isinstance(await desk.begin(), Accepted)
    await desk.fills(await desk.placed(), 10)
    await desk.reconciles()
    desk.is_true()


@case
async def a_clock_that_moves_is_measured_again(desk: Desk) -> None:
    await desk.begin()
    desk.server.fault("clock_ahead")
    answer = await desk.submits(desk.order())  # a refusal for its time was certainly not taken, so it may be sent again
    if isinstance(answer, Refused):
        assert answer.reason == "CLOCK"
        answer = await desk.submits(desk.order())
    assert isinstance(answer, Accepted) and len(desk.held) == 1
    await desk.reconciles()
    desk.is_true()


@case
async def closing_twice_is_closing(desk: Desk) -> None:
    await desk.begin()
    await desk.venue.close()
    await desk.venue.close()
    assert not desk.venue.health.subscribed


@case
async def a_closed_adapter_answers(desk: Desk) -> None:
    await desk.begin()
    order = await desk.placed()
    await desk.end()
    assert isinstance(await desk.venue.query(order.id), OrderReport | Unknown)
    assert isinstance(await desk.venue.snapshot(), VenueSnapshot | Unknown)
    assert isinstance(await desk.venue.cancel("0" * 32), Refused | Unknown)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(0)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(logging.Formatter().format(record))


@case
async def no_secret_is_told(desk: Desk) -> None:
    if not desk.harness.canary:
        pytest.skip("it has no secret")
    kept, root = _Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(0)
    said: list[str] = [repr(desk.venue), str(desk.venue), repr(desk.venue.health)]
    try:
        said.append(repr(await desk.begin()))
        said.append(repr(await desk.submits(desk.order())))
        for fault in ("no_auth", "not_json", "unknown_error", "down"):
            desk.server.fault(fault)  # type: ignore[arg-type]
            try:
                said.append(repr(await desk.venue.submit(desk.order())))
                said.append(repr(await desk.venue.snapshot()))
                said.append(repr(await desk.venue.query("0" * 32)))
                said.append(repr(await desk.venue.cancel("0" * 32)))
            except Exception:
                said.append(traceback.format_exc())
            said.append(repr(desk.venue.health))
            desk.server.mend()
    finally:
        root.removeHandler(kept)
        root.setLevel(level)
    assert not [text for text in said + kept.text if desk.harness.canary in text]
