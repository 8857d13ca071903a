"""Rules a mutation of the engine once broke without a test failing."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import Policy
from plimsoll.engine.book import MarkedBook
from plimsoll.engine.held_book import _breach_closes
from plimsoll.engine.run_context import RunContext
from plimsoll.risk import freshness


def test_stocks_without_a_sector_share_one_cap() -> None:
    run = RunContext(Policy(), (), (Instrument("A", "stock", "XNYS"), Instrument("B", "stock", "XNYS")))
    assert [g.members for g in run.sector_groups] == [(0, 1)]


def test_a_close_without_any_bar_to_sell_on_does_not_count_towards_the_halt() -> None:
    book = MarkedBook(np.ones(2), 100, np.array([0.5, 0.0]), np.array([0]), known=True, gross=0.5)
    assert _breach_closes(1, book, np.array([freshness.STALE, 0.0])) == 1
    assert _breach_closes(1, replace(book, columns=np.array([0, 1])), np.array([freshness.STALE, 0.0])) == 2
