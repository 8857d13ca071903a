"""Spans, and the morning's order of events (D11, E1, U5)."""

from __future__ import annotations

import pytest

from plimsoll.core.errors import UsageError
from plimsoll.core.events import Approval, CashFlow, Split
from plimsoll.core.order import Fill
from plimsoll.core.policy import Policy
from plimsoll.engine.span import span_of


def test_without_dates_a_span_is_everything_that_can_trade(history) -> None:
    span = span_of(history, None, None)
    assert history.array("eligible")[span.first].any()
    assert not history.array("eligible")[span.first - 1].any()
    assert span.last == len(history.panel.sessions) - 1


def test_a_span_runs_from_the_first_session_at_or_after_to_the_last_at_or_before(history) -> None:
    dates = history.panel.sessions.dates
    assert dates[span_of(history, "2016-01-30", None).first] == "2016-02-01"  # a Saturday
    assert dates[span_of(history, None, "2016-01-31").last] == "2016-01-29"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2015-02-02", None, "The first possible date is"),
        ("2016-03-01", "2016-02-01", "after its end"),
        ("2030-01-01", None, "It holds sessions from"),
        ("2016-01-30", "2016-01-31", "It holds sessions from"),
        ("soon", None, "YYYY-MM-DD"),
    ],
)
def test_a_span_that_cannot_run_says_what_could(history, start, end, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        span_of(history, start, end)


def test_a_morning_books_actions_then_fills_then_a_signature(make_market, backtested) -> None:
    order = {Split: 0, CashFlow: 1, Fill: 2, Approval: 3}
    written = backtested(make_market(1, 420), Policy()).ledger.written
    pre_open: list[int] = []
    kinds = set()
    for event in written[1:]:
        if type(event) in order:
            pre_open.append(order[type(event)])
            kinds.add(type(event))
        else:
            assert pre_open == sorted(pre_open)
            pre_open = []
    assert kinds >= {Split, CashFlow, Fill}


def test_orders_of_one_evening_fill_at_the_next_open(make_market, backtested) -> None:
    trial = backtested(make_market(2, 300), Policy())
    panel = trial.history.panel
    assert trial.tally.fills
    for fill in trial.tally.fills:
        row = panel.sessions.row_at_or_after(fill.session)
        opened = panel.open[row, panel.column[fill.symbol]]
        assert fill.price == pytest.approx(opened, rel=0.005)
        assert (fill.price > opened) == (fill.lots > 0)  # costs are always against the account
