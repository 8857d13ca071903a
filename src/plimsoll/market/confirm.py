"""Confirmation of a price jump by a named person; revocable, and never erased (D10)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from plimsoll.core.bars import Confirmation
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import InputError, UsageError, said
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import Policy
from plimsoll.core.ports import BarStore
from plimsoll.market import calendars, publish, readings
from plimsoll.market.instruments import canonical
from plimsoll.market.quality import JUMPS, assess

CONFIRM = "confirm"
REVOKE = "revoke"


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded, the snapshot it is effective in, and the symbol's state there with its reasons."""

    record: Confirmation
    snapshot: str
    state: str
    reasons: tuple[str, ...]


def confirm(
    store: BarStore, snapshots: Path, policy: Policy, symbol: str, date: str, person: str, reason: str, now: str
) -> Confirmed:
    """Record that ``person`` vouches for the jump of ``symbol`` on ``date``, and publish what follows from it.

    Raises
    ------
    UsageError without a name or a reason; InputError for an unknown symbol or a date without a jump, naming those there
    are.
    """
    one = _known(store, symbol)
    there = _jumps(store, one, policy)
    day = day_number(date)
    if day not in there:
        shown = "; ".join(f"{iso_day(d)}: {text}" for d, text in sorted(there.items())[:10]) or "none"
        raise InputError(f"{one.symbol} has no jump to confirm on {date}", f"Its jumps: {shown}")
    if day in active(store.confirmations(), one.symbol):
        raise InputError(f"the jump of {one.symbol} on {date} is confirmed already", "See plimsoll confirm --list")
    return _record(store, snapshots, policy, CONFIRM, one.symbol, date, person, reason, now, there[day])


def revoke(
    store: BarStore, snapshots: Path, policy: Policy, symbol: str, date: str, person: str, reason: str, now: str
) -> Confirmed:
    """Take a confirmation back: a record beside it. Raises as ``confirm``; InputError where nothing is confirmed."""
    one = _known(store, symbol)
    standing = active(store.confirmations(), one.symbol)
    if day_number(date) not in standing:
        days = ", ".join(iso_day(day) for day in sorted(standing)) or "none"
        raise InputError(f"no confirmation of {one.symbol} stands on {date}", f"Its confirmed days: {days}")
    return _record(store, snapshots, policy, REVOKE, one.symbol, date, person, reason, now, "")


def active(records: Sequence[Confirmation], symbol: str) -> dict[int, Confirmation]:
    """The confirmations of a symbol that stand, by day number: the last record of each day, unless it revokes."""
    last = {day_number(one.date): one for one in records if one.symbol == symbol}
    return {day: one for day, one in last.items() if one.act == CONFIRM}


def _known(store: BarStore, symbol: str) -> Instrument:
    members = {one.symbol: one for one in store.instruments()[0]}
    found = members.get(symbol) or members.get(canonical(symbol))
    if found is None:
        shown = ", ".join(sorted(members)[:10]) or "nothing"
        raise InputError(f"{symbol} is not in this home", f"It holds {shown}")
    return found


def _jumps(store: BarStore, one: Instrument, policy: Policy) -> dict[int, str]:
    """Days of the jumps that nothing but a person explains, with the figures of each."""
    bars = store.bars(one.symbol)
    if not len(bars):
        return {}
    last = int(bars.day[-1])
    calendar = calendars.expected_days(one.calendar, max(calendars.FIRST, int(bars.day[0])), last)
    reading = readings.standing(store.audits()).get(one.symbol, ())
    judged = assess(bars, one, calendar, policy.data, last, reading)
    found: dict[int, str] = {}
    for finding in judged.findings:
        if finding.reason in JUMPS:
            for day in finding.days.tolist():
                at = int(np.searchsorted(judged.bars.day, day))
                close = judged.bars.close[max(at - 1, 0) : at + 1]
                found[day] = f"{finding.reason}, close {close[0]:.6g} to {close[-1]:.6g}"
    return found


def _record(
    store: BarStore,
    snapshots: Path,
    policy: Policy,
    act: str,
    symbol: str,
    date: str,
    person: str,
    reason: str,
    now: str,
    detail: str,
) -> Confirmed:
    if not person.strip():
        raise UsageError("A confirmation needs the name of the person who gives it", "Give --by NAME")
    if not reason.strip():
        raise UsageError("A confirmation needs a reason", "Give --reason TEXT, and where it can be looked up")
    person, reason = said(person, "--by"), said(reason, "--reason")
    record = Confirmation(act, symbol, date, person, reason, now, detail)
    run = f"{act}-{''.join(c for c in now if c.isalnum())[:15]}"
    synthetic = any(audit.provider == "synthetic" for audit in store.audits())
    with store.transaction():
        store.put_confirmation(record)
        published = publish.publish(store, snapshots, policy, None, synthetic, run)
        store.put_certifications(run, published.certifications)
    (judged,) = [one for one in published.certifications if one.symbol == symbol]
    return Confirmed(record=record, snapshot=published.snapshot, state=judged.state, reasons=judged.reasons)
