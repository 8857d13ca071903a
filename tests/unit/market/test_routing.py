"""Routing by purpose first: every provider reachable, every refusal explained."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from plimsoll.core.errors import UsageError
from plimsoll.market.capability import ALL_KINDS, MATRIX
from plimsoll.market.routing import NO_VALID_PROVIDER, Purpose, Route, Skip, granted, select

EVERYTHING = [(p, g) for p in MATRIX for g in ("data", "execution")]


def test_every_provider_but_the_synthetic_one_is_reachable() -> None:
    reached = set()
    for purpose, kind, days in product(get_args(Purpose), [*ALL_KINDS, None], (0, 1900, 9000)):
        for preferred in MATRIX:
            reached.add(select(purpose, kind, days, EVERYTHING, (preferred,), residence="CH").provider)
    assert reached - {NO_VALID_PROVIDER} == set(MATRIX) - {"synthetic"}


def test_nothing_granted_leaves_only_what_needs_no_grant() -> None:
    assert select("history", "stock", 1900) == Route("yahoo", (), "priority")
    assert select("history", "stock", 1900, priority=("polygon", "yahoo")) == Route(
        "yahoo", (Skip("polygon", "entitlement"),), "priority"
    )
    assert select("execution", "stock", 0).provider == NO_VALID_PROVIDER
    assert select("macro", None, 0) == Route(NO_VALID_PROVIDER, (Skip("fred", "entitlement"),), "none")


def test_a_data_grant_does_not_let_an_order_out() -> None:
    data = [(p, "data") for p in MATRIX]
    assert select("quotes", "fund", 0, data).provider == "alpaca"
    assert select("execution", "fund", 0, data).provider == NO_VALID_PROVIDER
    assert select("execution", "fund", 0, [("alpaca", "execution")]).provider == "alpaca"


def test_depth_is_judged_by_purpose() -> None:
    assert select("history", "fund", 5000).provider == "yahoo"
    deep = select("history", "fund", 5001, EVERYTHING)
    skips = (Skip("yahoo", "span"), Skip("polygon", "span"), Skip("tiingo", "span"))
    assert deep == Route(NO_VALID_PROVIDER, skips, "none")
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


def test_a_provider_without_an_adapter_is_passed_over_and_never_pretended() -> None:
    built = ("files", "synthetic")
    for purpose, kind in product(get_args(Purpose), [*ALL_KINDS, None]):
        route = select(purpose, kind, 0, EVERYTHING, residence="CH", adapters=built)
        assert route.provider in ("files", NO_VALID_PROVIDER)
    route = select("history", "stock", 1900, adapters=built)
    assert route.skips == (Skip("yahoo", "adapter"), Skip("polygon", "entitlement"), Skip("tiingo", "entitlement"))
    assert select("history", "stock", 1900, EVERYTHING, adapters=built).skips[1] == Skip("polygon", "adapter")


def test_a_named_provider_is_the_only_one_asked_and_held_to_the_same_rules() -> None:
    assert select("history", "stock", 1900, named="synthetic") == Route("synthetic", (), "named")
    assert select("history", "stock", 9000, named="yahoo") == Route(NO_VALID_PROVIDER, (Skip("yahoo", "span"),), "none")
    assert select("history", "stock", 0, named="polygon").skips == (Skip("polygon", "entitlement"),)
    assert select("history", "stock", 0, named="binance").skips == (Skip("binance", "kind"),)
    with pytest.raises(UsageError, match="'moon' is not a provider"):
        select("history", "stock", 0, named="moon")


def test_who_reads_sources_is_asked_where_one_is_named_and_only_then() -> None:
    assert select("research", None, 9000, source=True) == Route("files", (Skip("yahoo", "source"),), "order")
    assert select("research", None, 9000, source=False) == Route("yahoo", (), "priority")
    assert select("research", "stock", 0, named="files", source=False).skips == (Skip("files", "source"),)
    assert select("history", "stock", 0, named="synthetic", source=False).provider == "synthetic"  # it has a recipe


def test_a_symbol_whose_kind_nobody_gave_is_routed_as_a_stock() -> None:
    assert select("history", "plain", 1900).provider == "yahoo"
    assert select("quotes", None, 0, EVERYTHING).provider == NO_VALID_PROVIDER  # a quote is of something


def test_grants_are_read_from_the_environment() -> None:
    env = {"POLYGON_ENABLED": "true", "TIINGO_ENABLED": " YES ", "FRED_ENABLED": "0", "MOON_ENABLED": "1"}
    assert granted(env) == {("polygon", "data"), ("tiingo", "data")}


def test_a_request_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="not a purpose"):
        select("tarot", "stock", 1)
    with pytest.raises(UsageError, match="-1 days"):
        select("history", "stock", -1)
