"""Dated findings about one symbol's bars and the quality score (D10).

Two steps, because two kinds of finding exist. ``tidy`` sees rows as they were read: their order, duplicates, dates
from the future; the store keeps only what it returns. ``assess`` sees stored rows against the symbol's calendar and
can be repeated at any time. Every ``Finding`` carries all its days; a ``Flag`` is its summary, aged to the as-of:
``hard`` ones block, ``note`` do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.bars import COLUMNS, PRICES, Bars, Floats
from plimsoll.core.dates import iso_day
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Flag
from plimsoll.core.policy import DataPolicy
from plimsoll.market.actions import Actions, total_return_ratio, traded_actions
from plimsoll.market.carried import carry
from plimsoll.market.findings import HARD, NOTE, Finding, score_of
from plimsoll.market.prices_check import copied, spikes

Days = NDArray[np.int64]
_THURSDAY = 3  # weekday of day 0, Monday being 0
_SHIFTED_WEEKS = 10
_UNIT_ROOM = 10.0  # a market move beside a change of unit by a hundred
Mask = NDArray[np.bool_]

BREAKS_ADJUSTMENT = (
    "UNEXPLAINED_JUMP",
    "ADJUSTMENT_INVALID",
    "SPLIT_SUSPECTED",
    "SPLIT_UNRECORDED",
    "SPLIT_HALF_APPLIED",
    "SPLIT_UNDECIDED",
    "RETURN_STATEMENTS_DIFFER",
    "DIVIDENDS_UNDECIDED",
    "DIVIDEND_IMPLAUSIBLE",
    "ACTION_OUT_OF_DOMAIN",
    "SEAM_WITHOUT_OVERLAP",
)
"""What makes every total return over it wrong, however old it is (D10)."""
NEVER_AGES = (*BREAKS_ADJUSTMENT, "DUPLICATE_CONFLICT", "DATES_SHIFTED")
"""What stands until the file is mended, however old it is: of a day told twice and differently nobody knows which is
true, so no figure over it is, and shifted dates show a session before it was over (D10, U6)."""
JUMPS = ("UNEXPLAINED_JUMP", "SPLIT_SUSPECTED", "PRICE_SPIKE")
"""Findings about the size of a move: a second source or a named person explains them."""
CONFIRMED = ("JUMP_CONFIRMED", "JUMP_EXPLAINED")
NO_VOLUME_KINDS = ("index", "fx")
ACTION_KINDS = ("stock", "fund", "plain", "crypto")


@dataclass(frozen=True, eq=False, slots=True)
class Tidied:
    """Bars in date order, one row a day, with the corrections that were needed."""

    bars: Bars
    findings: tuple[Finding, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Assessment:
    """One symbol's usable bars on its own calendar, and everything found about them.

    ``expected`` counts the calendar's sessions between first and last bar, ``missing_pct`` is the fraction of them
    without a usable bar, ``score`` lies in [0, 1].
    ``findings`` hold every day and the severity each weighs while recent; ``flags`` are the same summarised, with the
    severity they have at ``as_of``.
    """

    bars: Bars
    actions: Actions
    flags: tuple[Flag, ...]
    expected: int
    missing_pct: float
    score: float
    findings: tuple[Finding, ...] = ()


def tidy(bars: Bars, last_day: int) -> Tidied:
    """Order, deduplicate and bound rows as they were read.

    A file that is newest-first throughout is in order, only reversed. Of a day given twice the later row stays,
    as corrections follow; different values make it a hard flag. Rows after ``last_day`` (days since 1970, the run's
    end or the day it runs) cannot have happened: they are dropped under a hard flag.
    """
    found: list[Finding] = []
    future = bars.day > last_day
    if future.any():
        found.append(_finding("DATE_IN_FUTURE", HARD, bars.day[future]))
        bars = bars.take(~future)
    steps = np.diff(bars.day)
    if steps.size and (steps < 0).all():
        bars = bars.take(np.arange(len(bars))[::-1])
    elif (steps < 0).any():
        found.append(_finding("DATES_UNORDERED", HARD, bars.day[:-1][steps < 0]))
        bars = bars.take(np.argsort(bars.day, kind="stable"))
    repeated = np.append(bars.day[1:] == bars.day[:-1], False) if len(bars) else np.zeros(0, dtype=bool)
    if repeated.any():
        found += _duplicates(bars, repeated)
        bars = bars.take(~repeated)
    return Tidied(bars, tuple(found))


def assess(
    bars: Bars,
    instrument: Instrument,
    calendar: Days,
    policy: DataPolicy,
    as_of: int,
    reading: Sequence[Finding] = (),
) -> Assessment:
    """Judge tidied bars against the symbol's calendar (D9, D10).

    Parameters
    ----------
    bars : ascending days, one row a day.
    calendar : every expected day number of the instrument's calendar from its first bar, or earlier, to ``as_of``.
    as_of : day number the certification speaks for; rows after it are left out.
    reading : findings of ``tidy`` and ``cross_source``, kept from the ingestion of these rows.

    Notes
    -----
    Score (D10) = 1 - (0.3 missing + 0.2 duplicates + 0.2 [non-positive price] + 0.3 [unexplained jump]), the weights
    from the policy. A hard flag that lies wholly before the last ``note_after`` sessions becomes a note, unless it
    breaks the adjustment and so every return after it, or is a day told twice and differently.
    """
    calendar = calendar[: int(np.searchsorted(calendar, as_of, side="right"))]
    found = list(reading)
    bars = _drop(bars, bars.day > as_of, None, found)
    off = ~_contains(calendar, bars.day)
    found += _shifted(bars.day, off)
    bars = _drop(bars, off, ("OFF_GRID_ROWS", NOTE), found)
    bars = _drop(bars, _incomplete(bars, instrument), None, found)
    bars = _priced(bars, instrument, found)
    bars = _adjusted_throughout(bars, policy, found)
    actions = traded_actions(bars, policy)
    missing, expected = _missing(bars, calendar)
    missing_pct = missing.size / expected if expected else 1.0
    if missing.size:
        found.append(_finding("MISSING_SESSIONS", HARD if not missing_pct <= policy.missing_max else NOTE, missing))
    found += _price_flags(bars, instrument, actions, policy)
    found = _explained(found)
    found += _volume_flags(bars, instrument, policy)
    if actions.derived and instrument.tradable:
        found.append(_finding("DERIVED_ACTIONS", NOTE, bars.day))
    recent = int(calendar[-policy.note_after]) if calendar.size >= policy.note_after else None
    findings = tuple(sorted(merged(found), key=lambda f: (int(f.days[0]), f.reason)))
    dated = tuple(_age(f.flag(), recent) for f in findings)
    score = _score(dated, len(bars), missing_pct, policy)
    return Assessment(_openable(bars, instrument, policy), actions, dated, expected, missing_pct, score, findings)


def jump_limit(instrument: Instrument, policy: DataPolicy) -> float | None:
    """Largest one-bar move that needs no explanation, by kind; none for an index (D10)."""
    limits = {"crypto": policy.jump_crypto, "fx": policy.jump_fx, "index": None}
    return limits.get(instrument.kind, policy.jump_stock)


def cross_source(bars: Bars, second: Bars, instrument: Instrument, policy: DataPolicy) -> tuple[Finding, ...]:
    """Findings of another source on the days both have, both tidied (D10).

    Closes further apart than ``cross_source_max`` are a hard flag; a jump that both show is confirmed, one note a
    day, and ``assess`` takes it for explained.
    """
    if len(bars) < 2 or not len(second):
        return ()
    at = np.minimum(np.searchsorted(second.day, bars.day), len(second) - 1)
    common = second.day[at] == bars.day
    with np.errstate(invalid="ignore", divide="ignore"):
        agrees = common & (np.abs(second.close[at] / bars.close - 1.0) <= policy.cross_source_max)
        jumps = np.abs(bars.close[1:] / bars.close[:-1] - 1.0)
    found: list[Finding] = []
    _add(found, "CROSS_SOURCE_DEVIATION", HARD, bars.day, common & ~agrees)
    limit = jump_limit(instrument, policy)
    if limit is not None:
        confirmed = bars.day[1:][~(jumps <= limit) & agrees[1:] & agrees[:-1]]
        found += [_finding("JUMP_CONFIRMED", NOTE, np.array([day])) for day in confirmed]
    return tuple(found)


def _price_flags(bars: Bars, instrument: Instrument, actions: Actions, policy: DataPolicy) -> list[Finding]:
    found: list[Finding] = []
    slack = policy.price_rounding * np.abs(bars.close)
    inside = _opened_inside(bars, policy)
    inside &= (bars.low <= bars.close + slack) & (bars.close <= bars.high + slack)
    judged = np.isfinite(bars.open) & np.isfinite(bars.high) & np.isfinite(bars.low)
    _add(found, "OHLC_INCONSISTENT", HARD, bars.day, judged & ~inside)
    limit = jump_limit(instrument, policy)
    if limit is None or len(bars) < 2:
        return found
    ratio = total_return_ratio(bars, actions)
    jumped = np.append(False, ~(np.abs(ratio - 1.0) <= limit))
    if jumped.any():
        found.append(Finding("UNEXPLAINED_JUMP", HARD, bars.day[jumped], _jump_detail(bars, ratio, jumped)))
    if instrument.kind in ACTION_KINDS:
        found += actions.findings
        least = policy.spike_min_crypto if instrument.kind == "crypto" else policy.spike_min
        found += spikes(bars, ratio, least, policy)
    return found


def _opened_inside(bars: Bars, policy: DataPolicy) -> Mask:
    slack = policy.price_rounding * np.abs(bars.close)
    return np.asarray((bars.low <= bars.open + slack) & (bars.open <= bars.high + slack))


def _openable(bars: Bars, instrument: Instrument, policy: DataPolicy) -> Bars:
    """Bars in which an open outside low and high is absent: nobody could trade there, so nothing fills at it."""
    wrong = np.isfinite(bars.open) & np.isfinite(bars.high) & np.isfinite(bars.low) & ~_opened_inside(bars, policy)
    if not instrument.tradable or not wrong.any():
        return bars
    return replace(bars, open=np.where(wrong, np.nan, bars.open))


def _jump_detail(bars: Bars, ratio: Floats, jumped: Mask) -> str:
    """The first jump in figures; a hundredfold one is most often pence for pounds."""
    t = int(np.flatnonzero(jumped)[0])
    move = float(ratio[t - 1])
    unit = ", a hundredfold: a change of unit" if min(abs(move - 100.0), abs(1.0 / move - 100.0)) <= _UNIT_ROOM else ""
    return f"total return {move - 1.0:+.1%} on {iso_day(int(bars.day[t]))}, close {bars.close[t]:.6g}{unit}"


def merged(found: Sequence[Finding]) -> list[Finding]:
    """One finding for each reason and severity, with the days of all and the sentence of the first that has one."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        groups.setdefault((one.reason, one.severity), []).append(one)
    return [group[0] if len(group) == 1 else _joined(group) for group in groups.values()]


def _joined(group: Sequence[Finding]) -> Finding:
    days = np.concatenate([one.days for one in group])
    known = np.concatenate([one.days if one.known is None else one.known for one in group])
    order = np.lexsort((known, days))
    first = np.append(True, np.diff(days[order]) > 0)
    detail = next((one.detail for one in group if one.detail), "")
    kept = order[first]
    return Finding(group[0].reason, group[0].severity, days[kept], detail, known[kept])


def _explained(found: list[Finding]) -> list[Finding]:
    """The findings without the jumps that a second source or a person explains, day by day."""
    days = [f.days for f in found if f.reason in CONFIRMED]
    if not days:
        return found
    known = np.concatenate(days)
    left = []
    for one in found:
        kept = ~np.isin(one.days, known) if one.reason in JUMPS else np.ones(one.days.size, dtype=bool)
        if kept.all():
            left.append(one)
        elif kept.any():
            when = one.known[kept] if one.known is not None else None
            left.append(Finding(one.reason, one.severity, one.days[kept], one.detail, when))
    return left


def _volume_flags(bars: Bars, instrument: Instrument, policy: DataPolicy) -> list[Finding]:
    if instrument.kind in NO_VOLUME_KINDS or not len(bars):
        return []
    found: list[Finding] = []
    traded = bars.volume > 0.0
    found += copied(bars, policy)
    _add(found, "STUCK_SERIES", HARD, bars.day, _stuck(bars.close, traded, policy.stuck_sessions))
    if not traded.any():
        found.append(_finding("NO_VOLUME", NOTE, bars.day))
        return found
    usual = float(np.median(bars.volume[traded]))
    _add(found, "VOLUME_SPIKE", NOTE, bars.day, traded & (bars.volume > policy.volume_spike * usual))
    return found


def _stuck(close: Floats, traded: Mask, sessions: int) -> Mask:
    """True on every row of a run of at least ``sessions`` rows without volume that repeat one close."""
    starts = np.ones(close.size, dtype=bool)
    starts[1:] = traded[1:] | traded[:-1] | (close[1:] != close[:-1])
    run = np.cumsum(starts) - 1
    return np.asarray(~traded & (np.bincount(run)[run] >= sessions))


def _duplicates(bars: Bars, repeated: Mask) -> list[Finding]:
    """Flags for rows whose successor has the same day; NaN equals NaN."""
    same = repeated.copy()
    for name in COLUMNS:
        values = getattr(bars, name)
        same[:-1] &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    found: list[Finding] = []
    _add(found, "DUPLICATE_CONFLICT", HARD, bars.day, repeated & ~same)
    _add(found, "DUPLICATE_ROWS", NOTE, bars.day, same)
    return found


def _priced(bars: Bars, instrument: Instrument, found: list[Finding]) -> Bars:
    """Bars without prices at or below zero.

    An adj_close there says that the adjustment itself failed. A row whose close, high or low is no price is dropped;
    an open alone that is none is taken as absent: nothing can trade at it, and the day's return stands.
    """
    adjusted = (bars.adj_close <= 0.0) | np.isinf(bars.adj_close)
    if adjusted.any():
        t = int(np.flatnonzero(adjusted)[0])
        detail = f"adj_close is {bars.adj_close[t]:g} on {iso_day(int(bars.day[t]))}"
        found.append(Finding("ADJUSTMENT_INVALID", HARD, bars.day[adjusted], detail))
    price = (bars.close <= 0.0) | (bars.high <= 0.0) | (bars.low <= 0.0) | adjusted
    opened = bars.open <= 0.0
    wrong = price | opened
    if not wrong.any():
        return bars
    t = int(np.flatnonzero(wrong)[0])
    values = ", ".join(f"{name} {getattr(bars, name)[t]:g}" for name in PRICES if np.isfinite(getattr(bars, name)[t]))
    found.append(Finding("NON_POSITIVE_PRICE", HARD, bars.day[wrong], f"{iso_day(int(bars.day[t]))}: {values}"))
    if instrument.tradable and opened.any():
        bars = replace(bars, open=np.where(opened, np.nan, bars.open))
    return _drop(bars, price, None, found)


def _incomplete(bars: Bars, instrument: Instrument) -> Mask:
    """Rows that are no bar: an absent close, or half a bar of a tradable thing."""
    absent: Mask = ~np.isfinite(bars.close)
    if instrument.tradable:
        absent |= ~(np.isfinite(bars.open) & np.isfinite(bars.high) & np.isfinite(bars.low))
    return absent


def _adjusted_throughout(bars: Bars, policy: DataPolicy, found: list[Finding]) -> Bars:
    """Bars whose adj_close has no gaps: a row without one keeps the factor to its close of the row before.

    The return over such a row is the close's; a dividend inside the gap shows where adj_close returns. Counted, and
    hard when they are too many, or at the end, where nothing shows it.
    """
    absent = ~np.isfinite(bars.adj_close)
    if absent.all() or not absent.any():
        return bars
    hard = bool(absent[-1]) or not absent.mean() <= policy.missing_max
    detail = f"{int(absent.sum())} of {len(bars)} rows have no adj_close, from {iso_day(int(bars.day[absent][0]))} on"
    found.append(Finding("ADJUSTMENT_ABSENT", HARD if hard else NOTE, bars.day[absent], detail))
    factor = bars.adj_close / bars.close
    held = np.where(absent, 0, np.arange(len(bars)))
    held = np.maximum.accumulate(held)
    held[: int(np.argmin(absent))] = int(np.argmin(absent))
    return replace(bars, adj_close=np.where(absent, factor[held] * bars.close, bars.adj_close))


def _shifted(days: Days, off: Mask) -> list[Finding]:
    """Dates of another time zone: a history that begins with Sundays and no Friday, or Saturdays and no Monday.

    Told by its first weeks alone, so that what comes later changes nothing (D10).
    """
    weekday = (days + _THURSDAY) % 7
    for on, never, names in ((6, 4, ("Sundays", "Friday")), (5, 0, ("Saturdays", "Monday"))):
        shifted = np.flatnonzero(off & (weekday == on))[:_SHIFTED_WEEKS]
        if shifted.size == _SHIFTED_WEEKS and not (weekday[: shifted[-1] + 1] == never).any():
            detail = f"bars on {names[0]} from {iso_day(int(days[shifted[0]]))} on, and on no {names[1]}"
            known = np.full(shifted.size, days[shifted[-1]])
            return [Finding("DATES_SHIFTED", HARD, days[shifted], detail, known)]
    return []


def _missing(bars: Bars, calendar: Days) -> tuple[Days, int]:
    """Expected days between first and last bar that hold none, and how many were expected."""
    if not len(bars):
        return calendar[:0], 0
    first, last = np.searchsorted(calendar, (bars.day[0], bars.day[-1] + 1))
    expected = calendar[first:last]
    return expected[~_contains(bars.day, expected)], int(expected.size)


def _contains(ascending: Days, values: Days) -> Mask:
    """Whether each value occurs in an ascending array."""
    if not ascending.size:
        return np.zeros(values.size, dtype=bool)
    at = np.minimum(np.searchsorted(ascending, values), ascending.size - 1)
    return np.asarray(ascending[at] == values)


def _score(flags: Sequence[Flag], rows: int, missing_pct: float, policy: DataPolicy) -> float:
    reasons = {f.reason for f in flags}
    doubled = sum(f.count for f in flags if f.reason in ("DUPLICATE_ROWS", "DUPLICATE_CONFLICT"))
    duplicate_pct = doubled / (rows + doubled) if rows else 0.0
    return float(
        score_of(missing_pct, duplicate_pct, "NON_POSITIVE_PRICE" in reasons, "UNEXPLAINED_JUMP" in reasons, policy)
    )


def _age(flag: Flag, recent: int | None) -> Flag:
    """The flag, as a note when all of it lies before the day ``recent`` and it may age."""
    old = recent is not None and flag.last_day < iso_day(recent)
    if flag.severity == HARD and old and flag.reason not in NEVER_AGES:
        return Flag(flag.reason, NOTE, flag.day, flag.last_day, flag.count, flag.detail)
    return flag


def _finding(reason: str, severity: str, days: Days) -> Finding:
    return Finding(reason, severity, np.sort(days))


def _add(found: list[Finding], reason: str, severity: str, days: Days, where: Mask) -> None:
    if where.any():
        found.append(_finding(reason, severity, days[where]))


def _drop(bars: Bars, where: Mask, finding: tuple[str, str] | None, found: list[Finding]) -> Bars:
    """Bars without the rows marked, flagged where a finding is given; their actions count on the next bar."""
    if not where.any():
        return bars
    if finding is not None:
        found.append(_finding(*finding, bars.day[where]))
    carried = carry(bars.day, bars.dividend, bars.split, where)
    if carried.moved.size:
        found.append(Finding("ACTION_CARRIED", NOTE, carried.moved, carried.detail))
    return replace(bars, dividend=carried.dividend, split=carried.split).take(~where)
