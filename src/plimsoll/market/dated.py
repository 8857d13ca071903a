"""Certification by session: sound, score, ended, late; (session, symbol) arrays (D9, D10, D11).

A backtest decides a date from what was known by then. So the state of a symbol is not one verdict on its whole
history but a row a session, each from the bars and findings known by that session's close alone: cutting the history
off at any session leaves the rows before it as they are, bit for bit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Bools, Certified, Floats
from plimsoll.core.policy import DataPolicy
from plimsoll.market.findings import HARD, Finding, score_of
from plimsoll.market.quality import NEVER_AGES, Assessment

Days = NDArray[np.int64]

_NEVER = np.iinfo(np.int64).min
_SHARE = "MISSING_SESSIONS"  # its severity is the share missing by then, so it is judged here and not by its days
_DOUBLED = ("DUPLICATE_ROWS", "DUPLICATE_CONFLICT")


def dated(
    found: Sequence[Assessment],
    members: Sequence[Instrument],
    calendars: Sequence[Days],
    days: Days,
    policy: DataPolicy,
    unread: Collection[str] = (),
) -> Certified:
    """The arrays of N symbols on the T sessions ``days`` (day numbers).

    Parameters
    ----------
    found : per symbol its assessment; ``members`` the instrument; ``calendars`` the expected days of its own calendar.
    unread : symbols whose newest reading failed: what they lack at the end is late, not over (D9).
    """
    shape = (days.size, len(found))
    sound, quality = np.zeros(shape, dtype=np.bool_), np.full(shape, np.nan)
    for column, (one, calendar) in enumerate(zip(found, calendars, strict=True)):
        if len(one.bars):
            sound[:, column], quality[:, column] = _judged(one, calendar, days, policy)
    ended, late = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    for group in sorted({(one.calendar, one.tradable) for one in members}):
        columns = np.flatnonzero([(one.calendar, one.tradable) == group for one in members]).tolist()
        held = [found[c].bars.day for c in columns]
        over, stopped = _stopped(held, calendars[columns[0]], days, policy)
        unsure = np.array([members[c].symbol in unread or not members[c].tradable for c in columns], dtype=np.bool_)
        final = over & unsure & (_last(held, days) == np.array([d[-1] if d.size else _NEVER for d in held]))
        ended[:, columns], late[:, columns] = over & ~final, stopped | final
    return Certified(sound, quality, ended, late)


def _judged(one: Assessment, calendar: Days, days: Days, policy: DataPolicy) -> tuple[Bools, Floats]:
    """(T,) whether the symbol was accepted without a hard flag, and its score."""
    held = one.bars.day
    rows = np.searchsorted(held, days, side="right")
    begun, newest = rows > 0, np.maximum(rows - 1, 0)
    place = np.searchsorted(calendar, held)
    expected = (place - place[0] + 1)[newest]
    missing = (expected - rows) / expected
    doubled = sum((_count(f, days) for f in one.findings if f.reason in _DOUBLED), start=np.zeros(days.size))
    quality = score_of(
        missing,
        doubled / np.maximum(rows + doubled, 1),
        _any(one.findings, "NON_POSITIVE_PRICE", days),
        _any(one.findings, "UNEXPLAINED_JUMP", days),
        policy,
    )
    recent = _recent(calendar, days, policy.note_after)
    absent = calendar[place[0] : place[-1] + 1]
    absent = absent[~np.isin(absent, held)]
    # a session is missing once a later bar shows that the series went on without it
    shown = _newest(absent, absent, held[newest] - 1)
    barred = ~(missing <= policy.missing_max) & (shown >= recent)
    for finding in one.findings:
        if finding.severity == HARD and finding.reason != _SHARE:
            last = _newest(finding.days, _known(finding), days)
            barred |= (last > _NEVER) & ((finding.reason in NEVER_AGES) | (last >= recent))
    accepted = (rows / expected >= policy.expected_min) & (quality >= policy.score_min)
    return begun & accepted & ~barred, np.where(begun, quality, np.nan)


def _known(finding: Finding) -> Days:
    return finding.days if finding.known is None else finding.known


def _count(finding: Finding, days: Days) -> Floats:
    """(T,) days of the finding known by each session."""
    return np.searchsorted(np.sort(_known(finding)), days, side="right").astype(np.float64)


def _any(findings: Sequence[Finding], reason: str, days: Days) -> Bools:
    known = [int(_known(f).min()) for f in findings if f.reason == reason]
    return days >= min(known) if known else np.zeros(days.size, dtype=np.bool_)


def _newest(concerned: Days, known: Days, days: Days) -> Days:
    """(T,) the last of the days ``concerned`` among those known by each session; the least integer when none is."""
    order = np.argsort(known, kind="stable")
    latest = np.maximum.accumulate(concerned[order])
    at = np.searchsorted(known[order], days, side="right")
    return np.append(_NEVER, latest)[at]


def _recent(calendar: Days, days: Days, note_after: int) -> Days:
    """(T,) first of the last ``note_after`` days of the calendar at each session; the least integer before so many."""
    at = np.searchsorted(calendar, days, side="right") - note_after
    return np.where(at >= 0, calendar[np.maximum(at, 0)] if calendar.size else _NEVER, _NEVER)


def _last(held: Sequence[Days], days: Days) -> Days:
    """(T, n) the newest bar of each symbol by each session, the least integer before its first."""
    return np.column_stack([np.append(_NEVER, one)[np.searchsorted(one, days, side="right")] for one in held])


def _stopped(held: Sequence[Days], calendar: Days, days: Days, policy: DataPolicy) -> tuple[Bools, Bools]:
    """(T, n) which series of one calendar are known to have ended, and which are late, at each session (D9).

    A series without a bar for more than ``ended_after`` of its calendar's sessions has stopped. It has ended where
    others of the calendar go on. Where two or more stop within ``ended_after`` sessions of each other and are more
    than ``affected_universe_max`` of those that were there, or where nothing of the calendar goes on, their data is
    late: an outdated file must never close positions.
    """
    place = np.searchsorted(calendar, _last(held, days), side="right") - 1
    begun = np.column_stack([np.searchsorted(one, days, side="right") > 0 for one in held])
    gap = np.searchsorted(calendar, days, side="right")[:, None] - 1 - place
    silent = begun & (gap > policy.ended_after)
    ended = np.zeros(silent.shape, dtype=np.bool_)
    for row in np.flatnonzero(silent.any(axis=1)).tolist():
        quiet = np.flatnonzero(silent[row])
        apart = place[row][None, :] - place[row][quiet][:, None]  # how much later another's newest bar is
        there = begun[row] & (apart >= -policy.ended_after)
        together = there & (apart <= policy.ended_after) & (gap[row] > 0)
        stopped, all_ = together.sum(axis=1), there.sum(axis=1)
        many = (stopped > 1) & ~(stopped <= policy.affected_universe_max * all_)
        ended[row, quiet] = ~many & (there & (apart > policy.ended_after)).any(axis=1)
    return ended, silent & ~ended
