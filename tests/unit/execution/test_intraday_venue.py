"""Orders fill at the session's next open against their side, and the ledger is what the fills add up to (C1, X3)."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.intraday import IntradayBars
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT, ONE
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.venues.intraday import BarOrder, BarVenue

CASH = 10_000 * 100 * CENT


def bars() -> IntradayBars:
    """Two sessions of two bars each, opening at 100 and 102, then at 104 and 106; a close is one above its open."""
    day = np.array([20_514, 20_514, 20_515, 20_515])
    opened = day * 86_400 + 52_200
    opens = np.array([100.0, 102.0, 104.0, 106.0])
    return IntradayBars(
        "S", 60, opened + np.array([0, 60, 0, 60]), day, opened, opened + 120, opens, opens + 1, opens, opens + 1,
        np.full(4, 1e6),
    )  # fmt: skip


def venue(ledger: Ledger, kind: str = "stock") -> BarVenue:
    return BarVenue(bars(), Instrument("S", kind, "XNYS"), Policy().costs, ledger)  # type: ignore[arg-type]


def test_fills_are_against_the_order_and_the_ledger_adds_up() -> None:
    ledger = Ledger({"USD": CASH})
    at = venue(ledger)
    buy, sell = BarOrder("a", 1, 3 * ONE), BarOrder("b", -1, ONE)
    at.sent(buy)
    (bought,) = at.open(2)
    at.sent(sell)
    (sold,) = at.open(3)
    assert at.open(3) == []
    assert bought.price > bought.fair == 104 * ONE and sold.price < sold.fair == 106 * ONE
    assert (bought.held, sold.held, ledger.held("S")) == (0, 3 * ONE, 2 * ONE)
    assert ledger.cash() == CASH - bought.value + sold.value - bought.commission - sold.commission
    bid, ask = at.quote(3)
    assert bid < 107 * ONE < ask and at.equity == ledger.cash() + 2 * ONE * 107 * ONE
    assert bought.price - bought.fair >= (ask - bid) // 2 * 104 // 107 - ONE // 10**6  # never better than the quote


def test_liquidity_is_that_of_the_sessions_before() -> None:
    at = venue(Ledger({"USD": CASH}))
    assert not at.away(1, CASH)[1] and at.away(2, CASH)[1]
    small, large = at.away(2, CASH)[0], at.away(2, 100 * CASH)[0]
    assert small < large


def test_what_rests_at_the_close_is_cancelled_and_what_nothing_trades_is_refused() -> None:
    ledger = Ledger({"USD": CASH})
    at = venue(ledger)
    at.sent(BarOrder("a", 1, ONE))
    assert at.close() == [BarOrder("a", 1, ONE)] and at.open(1) == [] and ledger.entries == ()
    with pytest.raises(InputError, match="which cannot be traded"):
        venue(ledger, "index")
