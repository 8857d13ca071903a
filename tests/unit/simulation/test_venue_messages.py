"""What a venue's events say to a governor, by hand (X1, X3, H2)."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from plimsoll.core.errors import InputError
from plimsoll.core.events import (
    Event,
    FeeReported,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    VenueSnapshot,
)
from plimsoll.core.order import Fill
from plimsoll.core.venue_facts import Bust, Correction, External, Snapshot
from plimsoll.governor.governor import Execution
from plimsoll.simulation.venue_messages import Ended, message_of, price_in, snapshot_of

UNITS = {"BTC-USD": 10, "S": 1000}  # 1e-12 units of a lot
DONE = Fill("o", "x", "2026-03-02", "S", -7, 12.5, -87, 0, 0, 0, at=40, exchange="NORTH")
PRICE = 12_500_000_000_000


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (DONE, Execution("o", "x", 7000, PRICE, PRICE, "NORTH", 40)),
        (replace(DONE, at=0, exchange=""), Execution("o", "x", 7000, PRICE, PRICE, "", 99)),
        (replace(DONE, symbol="btc/usd"), Execution("o", "x", 70, PRICE, PRICE, "NORTH", 40)),
        (replace(DONE, reason="EXTERNAL"), External("x", "S", -1, 7000, PRICE, PRICE, 40)),
        (replace(DONE, reason="EXTERNAL", symbol="BTCUSDT", lots=2), External("x", "BTC-USD", 1, 20, PRICE, PRICE, 40)),
        (FillCorrected("d", "S", "x", None, id="o", exchange="NORTH"), Bust("o", "x", "NORTH")),
        (FillCorrected("d", "S", "x", None), None),
        (
            FillCorrected("d", "S", "x", replace(DONE, execution="y", lots=-3)),
            Correction("o", "x", "y", 3000, PRICE, PRICE, "NORTH", 40),
        ),
        (OrderCancelled("d", "o", 5), Ended("o")),
        (OrderExpired("d", "o", 5), Ended("o")),
        (OrderRejected("d", "o", "NO"), Ended("o")),
        (OrderAccepted("d", "o"), None),
        (FeeReported("d", "o", 35, "s"), None),
    ],
)
def test_each_event_is_one_message(event: Event, message: object) -> None:
    assert message_of(event, UNITS, 99) == message


@pytest.mark.parametrize("reason", ["ORDER", "EXTERNAL"])
def test_a_symbol_that_is_none_of_the_accounts_is_named(reason: str) -> None:
    with pytest.raises(InputError, match="'ZZZ' is no symbol"):
        message_of(replace(DONE, symbol="ZZZ", reason=reason), UNITS, 99)


def test_a_snapshot_counts_in_units_under_one_name_each() -> None:
    told = VenueSnapshot("d", 5, {"S": -2, "btc_usd": 3}, ("a", "b"))
    assert snapshot_of(told, UNITS, "n", 7) == Snapshot("n", 7, {"S": -2000, "BTC-USD": 30}, frozenset({"a", "b"}))


def test_prices_come_back_to_the_trillionth_up_to_two_thousand_dollars() -> None:
    for price in (1, 2, 10**12 + 1, 123_456_789_012_345, 2_000 * 10**12 - 1):
        assert price_in(price / 10**12) == price


def test_an_execution_that_says_no_time_is_written_as_it_always_was() -> None:
    plain = Fill("o", "x", "d", "S", 1, 2.0, 200, 0, 0, 0)
    assert msgspec.json.encode(plain) == (
        b'{"id":"o","execution":"x","session":"d","symbol":"S","lots":1,"price":2.0,"notional":200,"commission":0,'
        b'"slippage":0,"impact":0,"reason":"ORDER"}'
    )
    assert msgspec.json.encode(FillCorrected("d", "S", "x", None)) == (
        b'{"session":"d","symbol":"S","execution":"x","fill":null}'
    )
    assert msgspec.json.decode(msgspec.json.encode(DONE), type=Fill) == DONE
