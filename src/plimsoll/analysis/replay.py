"""Replay: a past decision reproduced from snapshot, policy and journal, compared bit for bit (G4)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Event, KillChanged, Proof
from plimsoll.core.panel import History
from plimsoll.engine.driver import Driver, RunState, post_close
from plimsoll.engine.governed import governor_of
from plimsoll.engine.operator import signer
from plimsoll.engine.recorded import RecordedShell, at_once
from plimsoll.engine.recovery import recover
from plimsoll.engine.run_context import RunContext

Encode = Callable[[Event], tuple[str, bytes]]


class SessionReplay(msgspec.Struct, frozen=True):
    """Result of replaying one session.

    ``identical`` means that the decision's bytes are those of the journal; ``same_decision`` that they are, apart
    from the hash of the code; ``same_morning`` that the session's fills, cash flows and signatures are. A change of
    the kill switch is an input, repeated where it came. ``differs``
    names the inputs that are not what the run had (code, policy, snapshot), ``fields`` the parts of the record that
    came out otherwise; ``journal`` is what the journal was verified to.
    """

    run: str
    session: str
    identical: bool
    same_decision: bool
    same_morning: bool
    differs: tuple[str, ...]
    fields: tuple[str, ...]
    bytes: int
    journaled: str
    replayed: str
    journal: Proof | None = None


def replay(
    before: Iterable[Event],
    journaled: CycleRecord,
    payload: bytes,
    history: History,
    run_context: RunContext,
    encode: Encode,
    run: str,
) -> SessionReplay:
    """Decide the session of ``journaled`` again from the events before it and compare.

    ``before`` begins with the genesis; ``payload`` is ``journaled`` as the journal holds it; ``encode`` makes the
    canonical payload of an event, as the journal does.
    """
    governor = governor_of(run_context, history)
    found = recover(before, *(() if governor is None else (governor.repeated, governor.told)))
    row = history.panel.sessions.row_at_or_after(journaled.session)
    state, same_morning = found.state, True
    if found.last is not None:
        events: list[Event] = []
        driver, exchange = Driver(history, run_context), at_once(history, run_context, governor)
        shell = RecordedShell(driver, exchange, events.extend, signer(found.genesis.operator, run_context.policy))
        at = _instructed(shell, RunState(found.at_decision, found.last), events, found.since)
        state = _instructed(shell, shell.open(at, row), events, found.since).account
        same_morning = [encode(e) for e in events] == [encode(e) for e in found.since]
    # the decision is judged on the account the journal says there was, whatever the session before the open would be
    # today
    _, again = post_close(found.state if not same_morning else state, row, history, run_context)
    old, new = payload, encode(again)[1]
    inputs = (
        ("code", journaled.code, again.code),
        ("policy", journaled.policy, again.policy),
        ("snapshot", journaled.snapshot, again.snapshot),
    )
    alike = encode(msgspec.structs.replace(again, code=journaled.code))[1]
    then, now = msgspec.json.decode(old), msgspec.json.decode(new)
    return SessionReplay(
        run=run,
        session=journaled.session,
        identical=old == new,
        same_decision=old == alike,
        same_morning=same_morning,
        differs=tuple(name for name, was, is_ in inputs if was != is_),
        fields=tuple(key for key in then if then[key] != now.get(key) and key != "code"),
        bytes=len(old),
        journaled=hashlib.sha256(old).hexdigest(),
        replayed=hashlib.sha256(new).hexdigest(),
    )


def _instructed(shell: RecordedShell, state: RunState, events: Sequence[Event], since: Sequence[Event]) -> RunState:
    """The state after what the journal says was done to the kill switch at this point of the session (X10)."""
    while len(events) < len(since) and isinstance(told := since[len(events)], KillChanged):
        state = shell.told(state, told)
    return state
