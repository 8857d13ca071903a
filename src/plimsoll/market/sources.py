"""Rows of one symbol from several readings and sources: which are kept, compared and reported (D10, D12).

Every stored row keeps the source it came from. A source may restate its own rows; another one never does: its values
are checked against them, and only dates without a row are taken from it, its adj_close chained to theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from plimsoll.core.bars import COLUMNS, Bars, Floats
from plimsoll.core.dates import iso_day
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.market.evidence import Mask
from plimsoll.market.findings import HARD, NOTE, Finding
from plimsoll.market.precision import half_width
from plimsoll.market.quality import cross_source

_COMPARED = ("close", "adj_close")
_KEPT = ("adj_close", "volume", "dividend", "split")


@dataclass(frozen=True, eq=False, slots=True)
class Merged:
    """``bars`` to write under the reading's source, and what was found; or ``refused``: a reason code and a sentence
    that says why nothing of the reading can be stored.
    """

    bars: Bars
    findings: tuple[Finding, ...] = ()
    refused: tuple[str, str] | None = None


def identity(provider: str, source: str, given: str | None) -> str:
    """The name under which rows of a source are known: as given, else the provider and the name of file, folder or
    recipe.

    It does not depend on content, so a file read again is the same source; two files of one vendor are two sources
    unless they are given one name.
    """
    if given:
        return given
    stem = PurePath(source).name.split(".")[0]
    return f"{provider}:{stem}" if stem else provider


def merge(
    new: Bars, held: Bars, owners: Sequence[str], source: str, instrument: Instrument, policy: DataPolicy
) -> Merged:
    """What a reading of ``source`` adds to the stored rows of a symbol.

    Parameters
    ----------
    new, held : tidied rows as read, and as stored.
    owners : the source of each stored row; empty where it was not kept, which is anybody's.
    """
    if not len(new) or not len(held):
        return Merged(new)
    mine = np.array([owner in (source, "") for owner in owners], dtype=bool)
    whole = bool(np.isin(held.day, new.day).all())
    if np.isfinite(held.adj_close).any() and not np.isfinite(new.adj_close).any() and not whole:
        return Merged(new, refused=("ADJUSTMENT_ABSENT", _unadjusted(held)))
    if mine.all():
        return _reread(new, held, whole, policy)
    if whole and _same_but_restated(new, held):
        new = _completed(new, held)
        return Merged(new, tuple(_changes(new, held)))
    return _beside(new, held, mine, source, owners, instrument, policy)


def _reread(new: Bars, held: Bars, whole: bool, policy: DataPolicy) -> Merged:
    """Rows of a source that restates its own."""
    if not whole:
        refused = _restated(new, held, policy)
        if refused is not None:
            return Merged(new, refused=("HISTORY_RESTATED", refused))
    new = _completed(new, held)
    return Merged(new, (*_changes(new, held), *_seams(new, held, policy)))


def _beside(
    new: Bars,
    held: Bars,
    mine: Mask,
    source: str,
    owners: Sequence[str],
    instrument: Instrument,
    policy: DataPolicy,
) -> Merged:
    """Rows of a second source: compared where another holds the day, taken where nobody does or it does itself."""
    theirs = held.take(~mine)
    at, there = np.intersect1d(new.day, theirs.day, return_indices=True)[1:]
    if at.size and not bool(np.isin(new.day, theirs.day).all()):
        factor = _constant(new.close[at], theirs.close[there])
        if factor is not None and abs(factor - 1.0) > policy.cross_source_max:
            return Merged(new, refused=("HISTORY_RESTATED", _rescaled(new, factor, owners, mine)))
    found = list(cross_source(theirs, new, instrument, policy))
    kept = int(np.isin(new.day, theirs.day).sum())
    taken = new.take(~np.isin(new.day, theirs.day))
    if kept:
        first = next(owner for owner, own in zip(owners, mine, strict=True) if not own)
        detail = f"{kept} days of {source} are held from {first}: compared and not stored; {len(taken)} added"
        days = taken.day if len(taken) else new.day[np.isin(new.day, theirs.day)][-1:]
        found.append(Finding("SECOND_SOURCE", NOTE, days, detail))
    chained = _chained(taken, new, held)
    own = held.take(mine)
    found += _changes(chained, own)
    if not at.size:
        found += _seams(chained, held, policy)
    return Merged(chained, tuple(found))


def _restated(new: Bars, held: Bars, policy: DataPolicy) -> str | None:
    """Why a part of a history cannot replace its part of the stored one: the days both hold have another basis (D12).

    A few corrected values are corrections; a change of most of what both hold is another adjustment or another unit.
    """
    days, mine, theirs = np.intersect1d(new.day, held.day, return_indices=True)
    if not days.size:
        return None
    for name in _COMPARED:
        now, then = getattr(new, name)[mine], getattr(held, name)[theirs]
        both = np.isfinite(now) & np.isfinite(then)
        differs = both & ~(np.abs(now - then) <= policy.price_rounding * np.abs(then))
        if differs.sum() > 0.5 * both.sum() or (differs.any() and days.size == 1):
            first, count = iso_day(int(days[differs][0])), int(differs.sum())
            span = f"{iso_day(int(new.day[0]))} and after {iso_day(int(new.day[-1]))}"
            return (
                f"{count} stored {name} values from {first} on were restated and stored rows before "
                f"{span} are not in this source; ingest the whole history again"
            )
    return None


def _changes(new: Bars, held: Bars) -> list[Finding]:
    """A note of every stored value that a reading changes: how many rows, and the first with old and new value."""
    days, mine, theirs = np.intersect1d(new.day, held.day, return_indices=True)
    changed = np.zeros(days.size, dtype=bool)
    told = ""
    for name in ("close", *COLUMNS):
        now, then = getattr(new, name)[mine], getattr(held, name)[theirs]
        differs = ~((now == then) | (np.isnan(now) & np.isnan(then)))
        changed |= differs
        if differs.any() and not told:
            t = int(np.flatnonzero(differs)[0])
            told = f"{name} of {iso_day(int(days[t]))} was {then[t]:.6g} and is {now[t]:.6g}"
    if not changed.any():
        return []
    return [Finding("RESTATED_VALUE", NOTE, days[changed], f"{int(changed.sum())} stored rows changed; {told}")]


def _seams(new: Bars, held: Bars, policy: DataPolicy) -> list[Finding]:
    """Where rows meet stored ones without a day in common: whether adj_close goes on as close does."""
    if not len(new) or np.isin(new.day, held.day).any():
        return []
    joined = _joined(new, held)
    is_new = np.isin(joined.day, new.day)
    rows = np.flatnonzero(is_new[1:] != is_new[:-1]) + 1
    factor = joined.adj_close / joined.close
    found = []
    for t in rows.tolist():
        step = float(factor[t] / factor[t - 1])
        wide = half_width(joined.adj_close)[[t - 1, t]] / joined.adj_close[[t - 1, t]]
        room = float(wide.sum()) + float((half_width(joined.close)[[t - 1, t]] / joined.close[[t - 1, t]]).sum())
        if np.isfinite(step) and abs(step - 1.0) > room + policy.dividend_noise:
            found.append((t, step))
    if not found:
        return []
    t, step = found[0]
    move = float(joined.close[t] / joined.close[t - 1]) - 1.0
    detail = (
        f"on {iso_day(int(joined.day[t]))} close moves {move:+.2%} and adj_close {(1.0 + move) * step - 1.0:+.2%} "
        "where two readings meet: a dividend, or another adjustment"
    )
    return [Finding("SEAM_WITHOUT_OVERLAP", HARD, joined.day[[row for row, _ in found]], detail)]


def _chained(taken: Bars, new: Bars, held: Bars) -> Bars:
    """Rows of a second source with adj_close on the basis of the stored ones: times their ratio on the nearest common
    day, the one before if there is one. Exact, because within a source adj_close means its ratios only.
    """
    days, mine, theirs = np.intersect1d(new.day, held.day, return_indices=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = held.adj_close[theirs] / new.adj_close[mine]
    sound = np.isfinite(ratio) & (ratio > 0.0)
    if not sound.any():
        return taken
    at = np.maximum(np.searchsorted(days[sound], taken.day, side="right") - 1, 0)
    return replace(taken, adj_close=taken.adj_close * ratio[sound][at])


def _completed(new: Bars, held: Bars) -> Bars:
    """The reading with what it leaves out of a stored row whose close it repeats: an absent value restates nothing."""
    _, mine, theirs = np.intersect1d(new.day, held.day, return_indices=True)
    same = new.close[mine] == held.close[theirs]
    values: dict[str, Floats] = {name: getattr(new, name).copy() for name in COLUMNS}
    for name in _KEPT:
        then = getattr(held, name)[theirs]
        absent = np.isnan(values[name][mine]) & same
        values[name][mine[absent]] = then[absent]
    return Bars(new.day, **values)


def _same_but_restated(new: Bars, held: Bars) -> bool:
    """Whether a whole history is the stored one on another basis: every close the same, or the same multiple."""
    _, mine, theirs = np.intersect1d(new.day, held.day, return_indices=True)
    return _constant(new.close[mine], held.close[theirs]) is not None


def _constant(now: Floats, then: Floats) -> float | None:
    """The factor between two columns of closes when it is one number within their rounding; else None."""
    both = np.isfinite(now) & np.isfinite(then) & (then > 0.0)
    if not both.any():
        return None
    now, then = now[both], then[both]
    factor = float(np.median(now / then))
    room = half_width(now) + factor * half_width(then)
    return factor if bool((np.abs(now - factor * then) <= room).all()) else None


def _joined(new: Bars, held: Bars) -> Bars:
    order = np.argsort(np.append(held.day, new.day), kind="stable")
    columns = [np.append(getattr(held, name), getattr(new, name))[order] for name in COLUMNS]
    return Bars(np.append(held.day, new.day)[order], *columns)


def _rescaled(new: Bars, factor: float, owners: Sequence[str], mine: Mask) -> str:
    first = next(owner for owner, own in zip(owners, mine, strict=True) if not own)
    return (
        f"its closes are {factor:.6g} times those stored from {first} on every common day, as after a split, and it "
        f"does not hold all of them; ingest the whole history from {iso_day(int(new.day[0]))} or earlier again"
    )


def _unadjusted(held: Bars) -> str:
    return (
        f"it has no adj_close and the {len(held)} stored rows have one: its rows after {iso_day(int(held.day[-1]))} "
        "could not be joined to them; give a source with adj_close, or ingest into another home"
    )
