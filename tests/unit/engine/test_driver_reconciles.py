"""A venue's snapshot is an input like any other: journaled, and followed by what the state lacks (X6)."""

from __future__ import annotations

from typing import Any

from plimsoll.core.events import PositionAdopted, VenueSnapshot
from plimsoll.core.inputs import CommandResult, Notify, SessionOpened, Submit
from plimsoll.core.order import Fill
from plimsoll.core.policy import Policy
from plimsoll.core.venue import Accepted, Unknown
from plimsoll.engine.driver import Driver, RunState
from plimsoll.engine.recovery import recover


def test_a_lost_answer_and_a_lost_fill_are_found_by_a_snapshot_and_foreign_lots_adopted(
    make_market: Any, backtested: Any
) -> None:
    trial = backtested(make_market(2, 300), Policy())
    written = trial.ledger.written
    decided = next(n for n, e in enumerate(written) if getattr(e, "intents", ()))
    found, fill = recover(written[: decided + 1]), next(e for e in written[decided:] if isinstance(e, Fill))
    driver = Driver(trial.history, trial.run)
    state, _, commands = driver.step(RunState(found.state, found.last), SessionOpened(fill.session))
    sent = [c.order for c in commands if isinstance(c, Submit)]
    assert fill.id in {order.id for order in sent}
    for order in sent:
        answer = Unknown("TIMEOUT") if order.id == fill.id else Accepted("v")
        state = driver.step(state, CommandResult(order.id, answer)).state
    assert state.account.working[fill.id].status == "UNKNOWN"

    cash = state.account.cash - fill.notional - fill.commission
    others = tuple(order.id for order in sent if order.id != fill.id)
    assert state.account.working[fill.id].order.lots == fill.lots
    seen = VenueSnapshot(fill.session, cash, {fill.symbol: fill.lots + 3}, others, (fill,))
    told = driver.step(state, seen)
    assert told.events[:2] == (seen, fill) and fill.id not in told.state.account.working
    (adopted,) = [e for e in told.events if isinstance(e, PositionAdopted)]
    assert (adopted.symbol, adopted.lots) == (fill.symbol, 3)
    assert any(isinstance(c, Notify) and fill.symbol in c.text for c in told.commands)
    assert driver.step(told.state, seen).events == (seen,) and told.state.account.external == {fill.symbol: 3}
