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
from plimsoll.core.panel import FIELDS, Certification, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.ports import BarStore
from plimsoll.core.sessions import Sessions
from plimsoll.market import calendars, readings, snapshot
from plimsoll.market.certify import QUARANTINED, certify, unreadable
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
    """The panel of all rows, columns by symbol. Its ``snapshot`` is empty until it is written.

    A symbol without a usable bar keeps a column of NaN, so that its certification is seen. Rows begin with the first
    bar of a symbol that is not QUARANTINED: one misdated row of a short series must not add a century to the grid.
    """
    members, derived = store.instruments()
    audits = store.audits()
    rows = [store.bars(one.symbol) for one in members]
    first, as_of = _span(rows, end)
    days = {name: _calendar(name, first, as_of) for name in {one.calendar for one in members}}
    own = [days[one.calendar] for one in members]
    reading = readings.standing(audits)
    found = [
        assess(bars, one, calendar, policy.data, as_of, reading.get(one.symbol, ()))
        for bars, one, calendar in zip(rows, members, own, strict=True)
    ]
    sources, failed = readings.providers(audits), readings.failures(audits)
    certifications = tuple(
        _certified(one, each, sources.get(one.symbol, ""), failed, policy)
        for one, each in zip(members, found, strict=True)
    )
    sessions = _sessions(found, certifications, as_of)
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
    )


def _certified(
    one: Instrument, found: Assessment, provider: str, failed: dict[str, Audit], policy: Policy
) -> Certification:
    if not len(found.bars) and one.symbol in failed:
        return unreadable(one.symbol, failed[one.symbol].provider, failed[one.symbol].reasons)
    return certify(one.symbol, provider, found, policy.data)


def _span(rows: Sequence[Bars], end: int | None) -> tuple[int, int]:
    """First day of any bar, and the day the certification speaks for (D9)."""
    held = [bars.day for bars in rows if len(bars)]
    if not held:
        return calendars.FIRST, calendars.FIRST if end is None else end
    newest = max(int(day[-1]) for day in held)
    return max(calendars.FIRST, min(int(day[0]) for day in held)), newest if end is None else end


def _calendar(name: str, first: int, as_of: int) -> Days:
    return calendars.expected_days(name, first, as_of)


def _sessions(found: Sequence[Assessment], certifications: Sequence[Certification], as_of: int) -> Sessions:
    firsts = [int(one.bars.day[0]) for one in found if len(one.bars)]
    sound = [
        int(one.bars.day[0])
        for one, judged in zip(found, certifications, strict=True)
        if judged.state != QUARANTINED and len(one.bars)
    ]
    if not firsts:
        empty = np.zeros(0, dtype=np.int64)
        return Sessions(empty, empty, empty, as_of + 1)
    return calendars.nyse_sessions(min(sound or firsts), as_of)
