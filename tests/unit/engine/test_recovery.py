"""State is a fold over the journal (X7)."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError
from plimsoll.core.policy import Policy
from plimsoll.engine.recovery import recover


@pytest.fixture(scope="module")
def written(make_market, backtested):
    return backtested(make_market(2, 300), Policy()).ledger.written


def test_an_empty_account_is_recovered_from_its_genesis(written) -> None:
    found = recover(written[:1])
    assert (found.state.cash, found.last, found.since) == (10_000_000, None, ())


def test_a_journal_without_genesis_is_refused(written) -> None:
    for events in ([], written[1:]):
        with pytest.raises(CorruptionError):
            recover(events)


def test_every_prefix_says_what_is_still_to_be_written(written) -> None:
    cycles = [n for n, event in enumerate(written) if isinstance(event, CycleRecord)]
    first = next(n for n in cycles if written[n].intents)
    following = next(n for n in cycles if n > first)
    for n in range(first + 1, following + 1):
        found = recover(written[:n])
        after = written[first + 1 : n]
        assert found.last is written[first]
        assert found.since == tuple(after)
        assert {w.status for w in found.at_decision.working.values()} == {"NEW"}
        assert not found.at_decision.lots.any()  # the morning is repeated from before its fills
    assert found.state.lots.any()


def test_the_recovered_state_marks_to_the_next_records_cash(written) -> None:
    cycles = [n for n, event in enumerate(written) if isinstance(event, CycleRecord)]
    for n in cycles[1:]:
        found = recover(written[:n])
        assert found.state.cash == written[n].cash
        assert np.array_equal(found.state.lots != 0, np.isfinite(found.state.average_cost))
