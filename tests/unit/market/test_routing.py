"""Routing by purpose first: every provider reachable, every refusal explained."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from plimsoll.core.errors import UsageError
from plimsoll.market.capability import ALL_KINDS, MATRIX
from plimsoll.market.routing import NO_VALID_PROVIDER, Purpose, Route, Skip, select

EVERYTHING = [(p, g) for p in MATRIX for g in ("data", "execution")]


def test_every_provider_but_the_synthetic_one_is_reachable() -> None:
    reached = set()
    for purpose, kind, days in product(get_args(Purpose), [*ALL_KINDS, None], (0, 1900, 9000)):
        for preferred in MATRIX:
            reached.add(select(purpose, kind, days, EVERYTHING, (preferred,), residence="CH").provider)
    assert reached - {NO_VALID_PROVIDER} == set(MATRIX) - {"synthetic"}


def test_nothing_granted_leaves_only_what_needs_no_grant() -> None:
    assert select("history", "stock", 1900) == Route("yahoo", ())
    assert select("history", "stock", 1900, priority=("polygon", "yahoo")) == Route(
        "yahoo", (Skip("polygon", "entitlement"),)
    )
    assert select("execution", "stock", 0).provider == NO_VALID_PROVIDER
    assert select("macro", None, 0) == Route(NO_VALID_PROVIDER, (Skip("fred", "entitlement"),))


def test_a_data_grant_does_not_let_an_order_out() -> None:
    data = [(p, "data") for p in MATRIX]
    assert select("quotes", "fund", 0, data).provider == "alpaca"
    assert select("execution", "fund", 0, data).provider == NO_VALID_PROVIDER
    assert select("execution", "fund", 0, [("alpaca", "execution")]).provider == "alpaca"


def test_depth_is_judged_by_purpose() -> None:
    assert select("history", "fund", 5000).provider == "yahoo"
    deep = select("history", "fund", 5001, EVERYTHING)
    assert deep == Route(NO_VALID_PROVIDER, (Skip("yahoo", "span"), Skip("polygon", "span"), Skip("tiingo", "span")))
    assert select("research", "fund", 5001).provider == "yahoo"
    assert select("research", "fund", 5001, priority=("files",)).provider == "files"


@pytest.mark.parametrize(
    ("kind", "priority", "provider"),
    [("fx", ("polygon",), "yahoo"), ("future", (), "yahoo"), ("crypto", ("binance",), "binance")],
)
def test_fx_futures_and_crypto_history_have_their_own_providers(kind, priority, provider) -> None:
    assert select("history", kind, 1900, EVERYTHING, priority).provider == provider


def test_us_crypto_goes_to_alpaca_and_never_to_binance() -> None:
    only_binance = [("binance", "execution")]
    assert select("execution", "crypto", 0, EVERYTHING, ("binance",)).provider == "alpaca"
    assert Skip("binance", "residence") in select("execution", "crypto", 0, only_binance).skips
    assert select("execution", "crypto", 0, only_binance, residence="CH").provider == "binance"


def test_nobody_trades_an_index() -> None:
    route = select("execution", "index", 0, EVERYTHING)
    assert route.provider == NO_VALID_PROVIDER
    assert {s.cause for s in route.skips} == {"kind"}


def test_a_request_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="not a purpose"):
        select("tarot", "stock", 1)
    with pytest.raises(UsageError, match="-1 days"):
        select("history", "stock", -1)
