"""Statistics of a governor's session, appended to the account's record when the next one begins (H7).

The minutes with a quote are in ``session.json`` of the home, written once a minute: a killed process loses at most the
minute it was in. The rest is read from the governor when its session ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import msgspec

from plimsoll.account.files import AccountFiles
from plimsoll.core.account_record import Session
from plimsoll.core.errors import PlimsollError
from plimsoll.core.money import dollars
from plimsoll.core.quantity import CENT
from plimsoll.governor.governor import Governor
from plimsoll.governor.limits import SECOND
from plimsoll.store.own_files import open_lock, read_own, write_whole

MINUTE = 60 * SECOND
Hours = Callable[[int], tuple[int, int] | None]
_EPOCH = date(1970, 1, 1)


class Running(msgspec.Struct):
    """The session so far: spans of minutes since 1970 with a quote, and breaches; an end is exclusive."""

    day: int = -1
    minutes: list[tuple[int, int]] = []
    breaches: list[str] = []


class TrackRecord:
    """Collects the statistics of one governor. Several processes of a home write one file, each adding its own.

    ``hours`` gives the first minute of a day's session and the first after it, None where the day has none; it is
    asked only when a session is recorded.
    """

    def __init__(self, home: AccountFiles, hours: Hours) -> None:
        self._home, self._hours = home, hours
        self._seen = (-1, -1, False)  # day, minute and breach already in the file

    @property
    def day(self) -> int:
        """The last session with a quote in this home; -1 for none, or when its file cannot be read."""
        return self._running()[1].day

    def quoted(self, governor: Governor, at: int) -> None:
        """A quote was taken. Never raises: what cannot be kept is evidence that is missing later."""
        day = governor.account.day
        breach = governor.account.halted and governor.loss > governor.limits.loss * CENT
        if (day, at // MINUTE, breach) == self._seen:
            return
        try:
            with self._shared() as running:
                if running.day != day:
                    running.day, running.minutes, running.breaches = day, [], []
                _add(running.minutes, at // MINUTE)
                if breach and "LOSS_LIMIT" not in running.breaches:
                    running.breaches.append("LOSS_LIMIT")
        except (OSError, PlimsollError):
            return
        self._seen = (day, at // MINUTE, breach)

    def told(self, governor: Governor, equity_next: int) -> Session:
        """The governor's session, which ends because the next begins with this equity in cents."""
        account, limits = governor.account, governor.limits
        with self._shared() as running:
            minutes = running.minutes if running.day == account.day else []
            breaches = list(running.breaches) if running.day == account.day else []
        hours = None if limits.size is None else self._hours(account.day)
        up = None
        if hours is not None:
            up = sum(max(min(end, hours[1]) - max(start, hours[0]), 0) for start, end in minutes)
        if governor.loss > limits.loss * CENT and "LOSS_LIMIT" not in breaches:
            breaches.append("LOSS_LIMIT")
        if account.restricted:
            breaches.append("OVERFILL")
        return Session(
            date=iso(account.day),
            equity=dollars(account.equity),
            equity_next=dollars(equity_next),
            result=dollars(governor.result // CENT),
            size=None if limits.size is None else dollars(limits.size),
            minutes=None if hours is None else hours[1] - hours[0],
            minutes_up=up,
            slow=account.slow == 1,
            breaches=tuple(breaches),
        )

    @contextmanager
    def _shared(self) -> Iterator[Running]:
        """The file, locked while it is changed; an unreadable one restarts empty, which only loses evidence."""
        with os.fdopen(open_lock(self._home.track.with_suffix(".lock")), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before, running = self._running()
            yield running
            if (after := msgspec.json.encode(running)) != before:
                write_whole(self._home.track, after)

    def _running(self) -> tuple[bytes, Running]:
        try:
            before = read_own(self._home.track)
            return before, msgspec.json.decode(before, type=Running)
        except (FileNotFoundError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return b"", Running()


def iso(day: int) -> str:
    """A day's date."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def day_of(session: str) -> int:
    """The day of a session's date; -1 without one."""
    return (date.fromisoformat(session) - _EPOCH).days if session else -1


def _add(spans: list[tuple[int, int]], minute: int) -> None:
    """Add a minute to the spans, which stay in order and disjoint."""
    spans.append((minute, minute + 1))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    spans[:] = merged
