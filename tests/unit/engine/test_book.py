"""The account at the close (step 1, D7)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from plimsoll.core.panel import History, View
from plimsoll.engine.book import mark


def test_nav_is_cash_and_holdings_at_the_mark_in_whole_cents(view, run, account) -> None:
    state = account(cash=5_000_000, SPY=10, BTC_USD=15_000)
    close = view.bars("close")[-1]
    book = mark(view, state, run)
    spy, btc = run.column["SPY"], run.column["BTC-USD"]
    assert book.nav == 5_000_000 + round(10 * close[spy] * 100) + round(1.5 * close[btc] * 100)
    assert book.weights[btc] == pytest.approx(1.5 * close[btc] * 100 / book.nav, abs=1e-6)
    assert book.columns.tolist() == sorted([spy, btc])
    assert book.gross == pytest.approx(book.weights.sum())


def test_an_account_in_cash_has_a_nav_and_no_weights(view, run, account) -> None:
    book = mark(view, account(cash=123), run)
    assert (book.nav, book.known, book.gross) == (123, True, 0.0)


def test_a_holding_without_any_price_makes_nav_unknown(history: History, run, account) -> None:
    clean = history.catalogue["mark"]
    blind = dataclasses.replace(history, catalogue={**history.catalogue, "mark": lambda p: clean(p) * np.nan}, _memo={})
    book = mark(View(blind, 300), account(SPY=10), run)
    assert not book.known
    assert np.isnan(book.weights[run.column["SPY"]])
    assert mark(View(blind, 300), account(), run).known  # nothing is held, so nothing is unknown


def test_an_account_without_value_is_not_known(view, run, account) -> None:
    assert not mark(view, account(cash=0), run).known
