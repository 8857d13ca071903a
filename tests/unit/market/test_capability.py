"""The matrix as its users rely on it, row by row (D3)."""

from __future__ import annotations

import pytest

from plimsoll.market.capability import MATRIX

# provider: stocks, fx, crypto, commodities, history days, data entitlement, quotes, execution
PRINTED = {
    "yahoo": (True, True, True, True, 5000, False, False, False),
    "polygon": (True, True, True, False, 5000, True, True, False),
    "alpaca": (True, False, True, False, 730, True, True, True),
    "binance": (False, False, True, False, 5000, False, True, True),
    "bybit": (False, False, True, False, 5000, False, True, False),
    "ibkr": (True, True, False, True, 365, True, True, True),
    "tiingo": (True, False, True, False, 5000, True, False, False),
    "files": (True, True, True, True, None, False, False, False),
    "synthetic": (True, True, True, True, None, False, False, False),
}


@pytest.mark.parametrize("provider", sorted(PRINTED))
def test_the_matrix_is_the_one_of_the_specification(provider: str) -> None:
    row = MATRIX[provider]
    kinds = tuple(k in row.kinds for k in ("stock", "fx", "crypto", "future"))
    figures = (row.history_days, row.data_entitlement, row.quotes, bool(row.execution))
    assert kinds + figures == PRINTED[provider]
    assert ("fund" in row.kinds) is ("stock" in row.kinds)
    assert row.execution <= row.kinds


def test_only_paid_or_keyed_sources_of_macro_and_news_need_an_entitlement() -> None:
    needs = {p for p in ("fred", "cftc", "newsapi", "gdelt", "rss") if MATRIX[p].data_entitlement}
    assert needs == {"fred", "newsapi"}


def test_research_reaches_all_of_yahoo_and_no_more_of_the_others() -> None:
    assert MATRIX["yahoo"].research_days is None
    assert all(r.research_days == r.history_days for r in MATRIX.values() if r.provider != "yahoo")


def test_the_matrix_cannot_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError):
        MATRIX["yahoo"] = MATRIX["files"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        MATRIX["yahoo"].history_days = 1  # type: ignore[misc]
