"""What a run makes of each input (E1, X2, H1)."""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import (
    Approval,
    EventQuarantined,
    OrderAccepted,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderSubmitted,
    OrderUnknown,
)
from plimsoll.core.inputs import CommandResult, OrderHappened, SessionClosed, SessionOpened, Submit
from plimsoll.core.order import Fill
from plimsoll.core.policy import Policy
from plimsoll.core.state import open_account
from plimsoll.core.venue import Absent, Accepted, Denied, Refused, Unknown, VenueRules
from plimsoll.engine.driver import Driver, RunState
from plimsoll.engine.operator import signer
from plimsoll.engine.recorded import AtOnce, RecordedShell
from plimsoll.engine.recovery import recover
from plimsoll.execution.matching import RULES, Matcher

BASE = Policy()
POLICY = replace(BASE, auction=replace(BASE.auction, schedule="week_end"))


@pytest.fixture(scope="module")
def trial(make_market: Any, backtested: Any) -> Any:
    return backtested(make_market(2, 300), POLICY)


@pytest.fixture
def before_orders(trial: Any) -> tuple[Driver, RunState, int]:
    """A run right after its first decision with orders, and the row of the session they are for."""
    written = trial.ledger.written
    cut = next(n for n, e in enumerate(written) if isinstance(e, CycleRecord) and e.intents)
    found = recover(written[: cut + 1])
    row = trial.history.panel.sessions.row_at_or_after(found.last.session) + 1
    return Driver(trial.history, trial.run), RunState(found.state, found.last), row


def opened(driver: Driver, state: RunState, row: int) -> Any:
    return driver.step(state, SessionOpened(driver.history.panel.sessions.dates[row]))


def test_a_session_that_opens_submits_what_was_decided_and_says_so_first(before_orders: Any) -> None:
    driver, state, row = before_orders
    step = opened(driver, state, row)
    sent = [e.id for e in step.events if isinstance(e, OrderSubmitted)]
    assert sent and sent == [c.order.id for c in step.commands if isinstance(c, Submit)]
    assert {o.id for o in state.last.intents} == set(sent)
    assert {e.session for e in step.events} == {driver.history.panel.sessions.dates[row]}
    again = driver.step(step.state, SessionOpened(driver.history.panel.sessions.dates[row]))
    assert not again.commands  # what is on its way is not sent twice


def test_orders_obey_the_rules_of_the_venue_that_the_run_trades_at(before_orders: Any) -> None:
    driver, state, row = before_orders
    assert driver.run.rules is RULES
    other = replaced(driver.run, rules=VenueRules("none", frozenset()))
    step = opened(Driver(driver.history, other), state, row)
    assert not step.commands
    assert {e.reason for e in step.events if isinstance(e, OrderExpired)} == {"ORDER_KIND"}


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (Accepted("v"), OrderAccepted),
        (Refused("ORDER_KIND", "no"), OrderRejected),
        (Denied(("TRADE_LIMIT",)), OrderDenied),
        (Unknown("TIMEOUT"), OrderUnknown),
        (Absent(), OrderRejected),
    ],
)
def test_an_answer_is_an_event_once(before_orders: Any, answer: Any, event: type) -> None:
    driver, state, row = before_orders
    step = opened(driver, state, row)
    id = step.commands[0].order.id
    if isinstance(answer, Absent):  # only a venue that was asked says so
        step = driver.step(step.state, CommandResult(id, Unknown("TIMEOUT")))
    told = driver.step(step.state, CommandResult(id, answer))
    assert [type(e) for e in told.events] == [event]
    assert driver.step(told.state, CommandResult(id, answer)).events == ()


def test_what_an_orders_state_does_not_allow_is_quarantined(before_orders: Any) -> None:
    driver, state, _ = before_orders
    told = driver.step(state, OrderHappened(OrderExpired("2016-01-04", "nobody's", 1, "NO_OPEN")))
    assert [type(e) for e in told.events] == [EventQuarantined]
    assert told.state.account.cash == state.account.cash


class Denying(AtOnce):
    """An exchange whose governor refuses everything."""

    def done(self, command: Any) -> CommandResult:
        return CommandResult(command.order.id, Denied(("TRADE_LIMIT",)))


def test_orders_that_the_governor_denies_end_there_and_the_run_goes_on(trial: Any, before_orders: Any) -> None:
    driver, state, row = before_orders
    events: list[Any] = []
    exchange = Denying(Matcher(driver.history, driver.run.policy))
    shell = RecordedShell(driver, exchange, events.extend, signer("never", POLICY))
    after = shell.session(state, row)
    assert {e.reasons for e in events if isinstance(e, OrderDenied)} == {("TRADE_LIMIT",)}
    assert not [e for e in events if isinstance(e, Fill)] and not after.account.lots.any()
    assert {w.status for w in after.account.working.values()} == {"NEW"}  # decided again, for the next open
    assert isinstance(events[-1], CycleRecord) and after.last is events[-1]


def test_an_input_changes_no_state_that_was_handed_in(before_orders: Any) -> None:
    driver, state, row = before_orders
    cash, lots = state.account.cash, state.account.lots.copy()
    step = opened(driver, state, row)
    driver.step(step.state, Approval("2016-01-04", "Ann", "seen"))
    driver.step(step.state, SessionClosed(driver.history.panel.sessions.dates[row]))
    assert (state.account.cash, state.account.lots.tolist()) == (cash, lots.tolist())
    assert {w.status for w in state.account.working.values()} == {"NEW"}


def test_a_run_that_has_decided_nothing_is_not_over(trial: Any) -> None:
    assert not RunState(open_account(trial.ledger.written[0])).over
