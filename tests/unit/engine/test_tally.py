"""A run's counts follow from its events alone."""

from __future__ import annotations

from collections import Counter

import pytest

from plimsoll.core.events import Approval, CashFlow, Split
from plimsoll.core.order import Fill
from plimsoll.core.policy import Policy
from plimsoll.engine.tally import RunTally


@pytest.fixture(scope="module")
def trial(make_market, backtested):
    return backtested(make_market(2, 420, crash=0.012, at=330), Policy())


def test_every_symbol_has_an_outcome_every_session(trial) -> None:
    assert sum(trial.tally.outcomes.values()) == len(trial.records) * trial.run.tradable


def test_the_same_events_read_back_give_the_same_tally(trial) -> None:
    again = RunTally()
    for event in trial.ledger.written:
        again.saw(event)
    assert again == trial.tally


def test_counts_are_those_of_the_journal(trial) -> None:
    tally, written = trial.tally, trial.ledger.written
    assert tally.fills == [e for e in written if isinstance(e, Fill)]
    assert tally.splits == [e for e in written if isinstance(e, Split)]
    assert tally.approvals == [e for e in written if isinstance(e, Approval)]
    flows = Counter[bool]()
    for e in written:
        if isinstance(e, CashFlow):
            flows[e.kind == "interest"] += e.cents
    assert (tally.interest, tally.dividends) == (flows[True], flows[False])
    assert tally.interest > 0
    assert tally.auctions == sum(r.auction is not None for r in trial.records)
    assert tally.nav == [r.nav for r in trial.records]
    rejected = Counter(
        reason
        for r in trial.records
        for outcome, reasons in zip(r.outcome, r.reasons, strict=True)
        if outcome == "REJECT"
        for reason in reasons
    )
    assert tally.rejections == rejected
