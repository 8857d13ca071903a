"""From all rows of a home to one certified panel and its snapshot (D11, D14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import Audit, Bars
from plimsoll.core.dates import day_number
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import FIELDS, Certification, Certified, Panel
from plimsoll.core.policy import DataPolicy, Policy
from plimsoll.core.ports import BarStore
from plimsoll.core.sessions import Sessions
from plimsoll.market import calendars, readings, snapshot
from plimsoll.market.certify import certify, unreadable
from plimsoll.market.dated import dated
from plimsoll.market.findings import Finding
from plimsoll.market.fold import fold, macro_on
from plimsoll.market.quality import Assessment, assess

Days = NDArray[np.int64]

_DAYS_A_YEAR = 365.25
_WEEK = 7  # a history asked for from a weekend or holiday begins a few days later and is whole


@dataclass(frozen=True, slots=True)
class Published:
    """The snapshot's hash, what it says of each symbol, and whose history is shorter than a deep backfill (D8)."""

    snapshot: str
    certifications: tuple[Certification, ...]
    short: tuple[str, ...]
    derived_universe: bool


def publish(store: BarStore, snapshots: Path, policy: Policy, end: int | None, synthetic: bool, run: str) -> Published:
    """Certify every symbol of the home as of ``end`` (day number; else the newest bar) and publish the panel."""
    panel = build(store, policy, end, synthetic)
    folder = snapshot.write(panel, snapshots, run)
    snapshot.set_current(snapshots, folder)
    return Published(folder.name, panel.certifications, short(panel, policy), panel.derived_universe)


def short(panel: Panel, policy: Policy) -> tuple[str, ...]:
    """Symbols that begin after the window of a deep backfill: the longer of so many calendar years and so many
    sessions of the asset's own calendar, back from the panel's last session (D8).
    """
    if not len(panel.sessions):
        return panel.symbols
    last = int(panel.sessions.days[-1])
    years = last - round(policy.data.window_years * _DAYS_A_YEAR)
    found = []
    for one, judged in zip(panel.instruments, panel.certifications, strict=True):
        days = calendars.expected_days(
            one.calendar, max(calendars.FIRST, years - 2 * policy.data.window_sessions), last
        )
        start = min(years, int(days[max(0, days.size - policy.data.window_sessions)]))
        if not judged.first or day_number(judged.first) > start + _WEEK:
            found.append(one.symbol)
    return tuple(found)


def build(store: BarStore, policy: Policy, end: int | None, synthetic: bool) -> Panel:
    """The panel of all rows, columns by symbol, to ``end`` where one is given. Its ``snapshot`` is empty until it is
    written.

    A symbol without a usable bar keeps a column of NaN, so that its certification is seen.
    """
    members, derived = store.instruments()
    audits = store.audits()
    rows = [store.bars(one.symbol) for one in members]
    first = _first(rows)
    as_of, newest = _as_of(members, rows, end)
    days = {name: calendars.expected_days(name, first, newest) for name in {one.calendar for one in members}}
    own = [days[one.calendar] for one in members]
    reading = readings.standing(audits, store.confirmations())
    found = [
        assess(bars, one, calendar, policy.data, as_of[one.calendar], _by(reading.get(one.symbol, ()), end))
        for bars, one, calendar in zip(rows, members, own, strict=True)
    ]
    sources, failed = readings.providers(audits), readings.failures(audits)
    sessions = _sessions(found, own, newest, policy.data)
    unread = _unread(audits, failed, found, members, own, policy)
    known = dated(found, members, own, sessions.days, policy.data, unread)
    certifications = tuple(
        _certified(one, each, sources.get(one.symbol, ""), failed, policy, _standing(known, each, n, sessions, policy))
        for n, (one, each) in enumerate(zip(members, found, strict=True))
    )
    grid = fold(found, own, sessions)
    macro, names = macro_on(store.macro(), sessions)
    return Panel(
        sessions=sessions,
        instruments=members,
        **{name: grid.fields[name] for name in FIELDS},
        fresh=grid.fresh,
        certifications=certifications,
        macro=macro,
        macro_names=names,
        snapshot="",
        synthetic=synthetic,
        derived_universe=derived,
        dated=known,
        plain=(),
    )


def _by(findings: Sequence[Finding], end: int | None) -> tuple[Finding, ...]:
    """Findings of readings, with what was known by ``end``; a date from the future has no day it was known on."""
    if end is None:
        return tuple(findings)
    cut = (f if f.reason == "DATE_IN_FUTURE" else f.until(end) for f in findings)
    return tuple(f for f in cut if f is not None)


def _certified(
    one: Instrument,
    found: Assessment,
    provider: str,
    failed: dict[str, Audit],
    policy: Policy,
    standing: tuple[bool, bool, str],
) -> Certification:
    if not len(found.bars) and one.symbol in failed:
        return unreadable(one.symbol, failed[one.symbol].provider, failed[one.symbol].reasons)
    ended, late, active_from = standing
    return certify(one.symbol, provider, found, policy.data, ended=ended, late=late, active_from=active_from)


def _standing(
    known: Certified, found: Assessment, column: int, sessions: Sessions, policy: Policy
) -> tuple[bool, bool, str]:
    """Whether the series has ended or is late by the last session, and the first on which the symbol was ACTIVE."""
    if not len(sessions):
        return False, False, ""
    rows = np.searchsorted(found.bars.day, sessions.days, side="right")
    active = known.sound[:, column] & (rows >= policy.data.rows_active)
    first = sessions.dates[int(active.argmax())] if active.any() else ""
    return bool(known.ended[-1, column]), bool(known.late[-1, column]), first


def _first(rows: Sequence[Bars]) -> int:
    """First day of any bar: where the calendars begin."""
    held = [int(bars.day[0]) for bars in rows if len(bars)]
    if not held:
        return calendars.FIRST
    return max(calendars.FIRST, min(held))


def _as_of(members: Sequence[Instrument], rows: Sequence[Bars], end: int | None) -> tuple[dict[str, int], int]:
    """The day the certification of each calendar speaks for, and the newest of them: the panel's last day (D9).

    ``end`` where it was asked for, else the newest bar of the calendar's *tradable* symbols: a fresher index or crypto
    file must not end the others. A calendar without any speaks for the day of the newest one that has.
    """
    names = {one.calendar for one in members}
    if end is not None:
        return dict.fromkeys(names, end), end
    newest: dict[str, int] = {}
    for one, bars in zip(members, rows, strict=True):
        if one.tradable and len(bars):
            newest[one.calendar] = max(newest.get(one.calendar, calendars.FIRST), int(bars.day[-1]))
    last = max(newest.values(), default=max((int(bars.day[-1]) for bars in rows if len(bars)), default=calendars.FIRST))
    return {name: newest.get(name, last) for name in names}, last


def _unread(
    audits: Sequence[Audit],
    failed: dict[str, Audit],
    found: Sequence[Assessment],
    members: Sequence[Instrument],
    own: Sequence[Days],
    policy: Policy,
) -> set[str]:
    """Symbols that stop because they could not be read: failed at their newest reading, and not silent at the last
    good one by what had been read of others then.
    """
    unread: set[str] = set()
    for one, each, calendar in zip(members, found, own, strict=True):
        if one.symbol not in failed or not len(each.bars):
            continue
        good = max((n for n, a in enumerate(audits) if a.symbol == one.symbol and a.status == "OK"), default=-1)
        runs = {a.run for a in audits[: good + 1]}
        seen = max((day_number(a.last) for a in audits if a.run in runs and a.last), default=0)
        gap = np.searchsorted(calendar, seen, side="right") - np.searchsorted(calendar, each.bars.day[-1], side="right")
        if gap <= policy.data.ended_after:
            unread.add(one.symbol)
    return unread


def _sessions(found: Sequence[Assessment], own: Sequence[Days], last: int, policy: DataPolicy) -> Sessions:
    """The panel's rows: from the first day a symbol's history begins in earnest, to ``last`` (D14).

    A function of what follows that day within ``start_days`` alone, so that data added at the end never moves the first
    row, and one misdated bar years before its series does not add a century of empty ones.
    """
    firsts = [int(one.bars.day[0]) for one in found if len(one.bars)]
    if not firsts:
        empty = np.zeros(0, dtype=np.int64)
        return Sessions(empty, empty, empty, last + 1)
    earnest = [_begins(one.bars.day, calendar, last, policy) for one, calendar in zip(found, own, strict=True)]
    return calendars.nyse_sessions(min((day for day in earnest if day is not None), default=min(firsts)), last)


def _begins(held: Days, calendar: Days, last: int, policy: DataPolicy) -> int | None:
    """First bar followed by bars on ``start_share`` of the sessions of the next ``start_days``; None while unknown."""
    ends = held + policy.start_days
    bars = np.searchsorted(held, ends, side="right") - np.arange(held.size)
    expected = np.searchsorted(calendar, ends, side="right") - np.searchsorted(calendar, held)
    dense = (ends <= last) & (bars >= policy.start_share * expected)
    return int(held[int(dense.argmax())]) if dense.any() else None
