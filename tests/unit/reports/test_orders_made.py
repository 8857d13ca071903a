"""What a result says of its orders: what the governor and its caps did, and why there were none (H1, O1)."""

from __future__ import annotations

from collections import Counter

from plimsoll.core.policy import GovernorPolicy, Policy
from plimsoll.engine.tally import RunTally
from plimsoll.reports.orders_made import order_notes

GOVERNED = Policy(governor=GovernorPolicy(recorded=True))
DATES = ["2020-01-02", "2020-01-03"]


def test_a_run_without_an_order_says_why() -> None:
    idle = RunTally(dates=DATES, waited=Counter(BELOW_ONE_LOT=2, NOT_IN_PROGRAMME=9))
    governed, why = order_notes(GOVERNED, idle)
    assert governed == "there was no order for the governor, whose dollar caps are limits of each session's step"
    assert why == "no order was made in 2 sessions: 2 x a symbol's change is below one lot"
    assert list(order_notes(Policy(), RunTally(dates=DATES))) == [
        "no order was made in 2 sessions: nothing was wanted at any session"
    ]


def test_what_the_caps_held_back_is_told_beside_what_the_governor_refused() -> None:
    traded = RunTally(dates=DATES, outcomes=Counter(EXECUTE=3), rejections=Counter(ACCOUNT_TRADE=2, GROSS_ABOVE_MAX=1))
    (said,) = order_notes(GOVERNED, traded)
    assert "held back or cut what was wanted (ACCOUNT_TRADE 2); of the orders it refused none" in said
    traded.denied.update(["TRADE_CAP"])
    traded.orders_denied = 1
    (said,) = order_notes(GOVERNED, traded)
    assert "; it refused 1 (TRADE_CAP 1); its loss cap and intraday ladder bound nothing" in said
    assert not list(order_notes(Policy(), traded))


def test_a_nav_far_from_the_capital_of_the_caps_is_told_with_its_sessions_and_the_furthest() -> None:
    capital = round(GOVERNED.account.capital * 100)
    near = RunTally(dates=DATES, outcomes=Counter(EXECUTE=1), nav=[capital, capital * 12 // 10])
    assert len(list(order_notes(GOVERNED, near))) == 1
    far = RunTally(
        dates=[*DATES, "2020-01-06"], outcomes=Counter(EXECUTE=1), nav=[capital, capital * 13 // 10, capital * 7 // 5]
    )
    _, said = order_notes(GOVERNED, far)
    assert "more than 20% away on 2 of 3 sessions, first on 2020-01-03, at most 40% on 2020-01-06" in said
    assert not list(order_notes(Policy(), far))


def test_a_reason_is_told_without_its_placeholders() -> None:
    idle = RunTally(dates=DATES, rejections=Counter(ACCOUNT_POSITION=2))
    _, why = order_notes(GOVERNED, idle)
    assert "2 x a symbol's position would be its figure" in why and "{" not in why
