"""Fees in any currency, money finer than a cent: our books are the venue's in every order of its reports (X3)."""

from __future__ import annotations

import itertools
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pytest

from plimsoll.core.decision import Carried
from plimsoll.core.errors import TransitionRefused
from plimsoll.core.events import EventQuarantined, FeeReported, FillCorrected, VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.execution.oms import believed
from plimsoll.execution.reconcile import reconciled

DAY = "2026-01-05"
UNIT = 10_000  # a lot is 0.0001 BTC: coarser than every fee
LOT = 10**12 // UNIT


def flat() -> State:
    ladder = LadderState(episode_peak=10**7, lifetime_peak=10**7)
    return State(("BTC-USD",), np.zeros(1, np.int64), np.full(1, np.nan), 10**7, Carried(ladder=ladder), session=DAY)


def bought(id: str, lots: int, price: str) -> Fill:
    value = Decimal(lots) / UNIT * Decimal(price)
    cents = int((value * 100).to_integral_value())
    rest = int((value - Decimal(cents) / 100) * 10**12)
    return Fill("o", id, DAY, "BTC-USD", lots, float(price), cents, 0, 0, 0, rest=rest)


def in_coins(of: str, amount: str) -> FeeReported:
    return FeeReported(DAY, of, 0, "binance BTCUSDT", "BTC", int(Decimal(amount) * 10**12), "BTC-USD", LOT)


EVENTS = (
    bought("1", 10, "60000.07"),
    in_coins("1", "0.000001"),
    bought("2", 33, "60123.49"),
    in_coins("2", "0.0000033"),
    bought("3", 7, "59876.51"),
    FeeReported(DAY, "3", 0, "binance BTCUSDT", "BNB", 123_450_000),
)


def test_the_books_are_the_venues_in_every_order_of_its_reports() -> None:
    spent = sum(Decimal(f.lots) / UNIT * Decimal(str(f.price)) for f in EVENTS if isinstance(f, Fill))
    cash = int(((Decimal(100_000) - spent) * 100).to_integral_value(ROUND_FLOOR))
    held = int((Decimal("0.0050") - Decimal("0.0000043")) * UNIT)
    for events in itertools.permutations(EVENTS):
        state = flat()
        for event in events:
            told = believed(state, event)
            assert told == event
            state = apply(state, told)
            assert believed(state, event) is None
        assert (state.cash, state.lots.tolist()) == (cash, [held])
        assert state.charged == {"BTC": 4_300_000, "BNB": 123_450_000}
    snapshot = VenueSnapshot(DAY, cash, {"BTC-USD": held}, ())
    assert reconciled(state, snapshot, {"BTC-USD": 60000.0}).commands == ()


def test_a_bust_takes_back_the_part_of_a_cent_too() -> None:
    state = apply(apply(flat(), EVENTS[0]), FillCorrected(DAY, "BTC-USD", "1", None))
    assert (state.cash, state.rest, state.lots.tolist()) == (10**7, 0, [0])


def test_more_than_a_cent_is_still_a_difference() -> None:
    state = apply(flat(), EVENTS[0])
    for off, told in ((1, 0), (-1, 0), (2, 1), (-2, 1)):
        snapshot = VenueSnapshot(DAY, state.cash + off, {"BTC-USD": 10}, ())
        assert len(reconciled(state, snapshot, {}).commands) == told
    assert len(reconciled(flat(), VenueSnapshot(DAY, 10**7 - 1, {}, ()), {}).commands) == 1


def test_a_fee_that_cannot_be_is_kept_apart() -> None:
    state = apply(flat(), EVENTS[0])
    for fee, why in (
        (in_coins("1", "0.0000101"), "LOTS"),  # more than a hundredth of 0.001
        (FeeReported(DAY, "1", 5, "s", "BNB", 1), "FOREIGN_CURRENCY"),
        (FeeReported(DAY, "1", 0, "s", "BNB"), "FOREIGN_CURRENCY"),
        (FeeReported(DAY, "1", 0, "s", "ETH", 1, "ETH-USD", LOT), "FOREIGN_SYMBOL"),
        (FeeReported(DAY, "1", 0, "s", "BTC", 1, "BTC-USD", 0), "LOTS"),
        (FeeReported(DAY, "1", 0, "s", "BNB", 2**70), "MONEY"),
    ):
        told = believed(state, fee)
        assert isinstance(told, EventQuarantined) and told.status == why
    with pytest.raises(TransitionRefused):
        apply(state, FeeReported(DAY, "1", 0, "s", "BNB"))
    changed = believed(apply(state, in_coins("1", "0.000001")), in_coins("1", "0.000002"))
    assert isinstance(changed, EventQuarantined) and changed.status == "FEE_DIFFERS"


def test_a_fee_in_dollars_finer_than_a_cent_adds_up() -> None:
    state = flat()
    for number in range(4):
        state = apply(state, FeeReported(DAY, str(number), 0, "funding", "USD", 2_500_000_000))
    assert (state.cash, state.rest) == (10**7 - 1, 0)
