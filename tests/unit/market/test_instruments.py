"""The suffix rule and the one spelling of each symbol."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.errors import InputError
from plimsoll.market.calendars import CALENDARS
from plimsoll.market.instruments import canonical, infer, suffix_kind


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("spy", "SPY"),
        (" SPY ", "SPY"),
        ("BTC-USD", "BTC-USD"),
        ("BTC/USD", "BTC-USD"),
        ("btc_usd", "BTC-USD"),
        ("BTCUSD", "BTC-USD"),
        ("BTCUSDT", "BTC-USD"),
        ("BTC-USDT", "BTC-USD"),
        ("ETH-USDC", "ETH-USD"),
        ("EUR/USD", "EURUSD=X"),
        ("EURUSD", "EURUSD=X"),
        ("EURUSD=X", "EURUSD=X"),
        ("BRK.B", "BRK-B"),
        ("BRK B", "BRK-B"),
        ("BRK/B", "BRK-B"),
        ("BRK-B", "BRK-B"),
        ("^vix", "^VIX"),
        ("GC=F", "GC=F"),
        ("VOD.L", "VOD.L"),
        ("DX-Y.NYB", "DX-Y.NYB"),
        ("USD", "USD"),
    ],
)
def test_every_spelling_has_one_symbol(spelling: str, symbol: str) -> None:
    assert canonical(spelling) == symbol
    assert canonical(symbol) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "../etc/passwd",
        "..",
        "A;B",
        "A B C",
        "A\nB",
        "SPY\x00",
        "\u202eYPS",
        "\U0001f600",
        "SPУ",  # a Cyrillic letter
        "A" * 33,
        "SPY'",
        "-SPY",
        "SPY-",
        "=X",
        "^",
        "SPY=Q",
        "$(x)",
    ],
)
def test_what_is_not_a_symbol_is_refused_in_plain_ascii(text: str) -> None:
    with pytest.raises(InputError, match="is not a symbol") as caught:
        canonical(text)
    assert str(caught.value).isascii()


def test_a_symbol_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="quotes"):
        canonical(True)  # what YAML makes of an unquoted true


@given(st.text(max_size=40))
def test_any_text_is_refused_or_becomes_a_fixed_point(text: str) -> None:
    try:
        symbol = canonical(text)
    except InputError:
        return
    assert canonical(symbol) == symbol
    assert infer(symbol, "stock").calendar in CALENDARS


@pytest.mark.parametrize(
    ("symbol", "kind", "calendar", "lots", "unit"),
    [
        ("SPY", "fund", "XNYS", 1, "units"),
        ("EURUSD=X", "fx", "24/5", 1, "units"),
        ("GC=F", "future", "CMES", 1, "units"),
        ("BTC-USD", "crypto", "24/7", 10_000, "quote"),
        ("ETH-USDT", "crypto", "24/7", 10_000, "quote"),
        ("BTCUSDT", "crypto", "24/7", 10_000, "quote"),
        ("^VIX", "index", "CBOE", 1, "units"),
        ("^GSPC", "index", "XNYS", 1, "units"),
        ("DX-Y.NYB", "index", "24/5", 1, "units"),
        ("BRK-B", "fund", "XNYS", 1, "units"),
    ],
)
def test_the_suffix_gives_kind_calendar_lot_and_volume_unit(
    symbol: str, kind: str, calendar: str, lots: int, unit: str
) -> None:
    found = infer(symbol, "fund")
    assert (found.kind, found.calendar, found.lots_per_unit, found.volume_unit) == (kind, calendar, lots, unit)
    assert found.tradable is (kind != "index")


def test_a_plain_symbol_is_what_the_profile_says() -> None:
    assert infer("AAPL", "stock").kind == "stock"
    assert suffix_kind("AAPL") is None
