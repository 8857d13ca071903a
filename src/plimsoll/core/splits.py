"""Executions from before a split, in the units after it (D12, X3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import trunc

from plimsoll.core.quantity import split_ratio


@dataclass(frozen=True, slots=True)
class BookedSplit:
    """A split of a holding: ``whole`` lots were held after it, and ``rest`` of a lot was paid in cash."""

    session: str
    ratio: Fraction
    whole: int
    rest: Fraction


Splits = tuple[BookedSplit, ...]  # of one symbol, oldest first


def split_of(session: str, held: int, stored: float, whole: int) -> BookedSplit:
    """A split of ``held`` lots at its stored ratio, after which ``whole`` are held."""
    ratio = split_ratio(stored)
    return BookedSplit(session, ratio, whole, held * ratio - whole)


def carried_over(splits: Splits, session: str, lots: int) -> tuple[int, Splits]:
    """What ``lots`` more (signed), executed in ``session`` and reported only now, add to the present holding; and the
    splits as they would have been booked with them.

    A split changes units before its session's open. Each later one is worked out again on what was held before it, with
    the fraction of a lot that it left: 25 lots at one for ten are 2 and a half in cash, and with 5 less exactly 2.
    """
    after = list(splits)
    for i, split in enumerate(splits):
        if split.session > session:
            exact = split.whole + split.rest + lots * split.ratio
            whole = trunc(exact)
            lots = whole - split.whole
            after[i] = replace(split, whole=whole, rest=exact - whole)
    return lots, tuple(after)


def units_since(splits: Sequence[BookedSplit], session: str) -> Fraction:
    """Present units for each unit of ``session``."""
    units = Fraction(1)
    for split in splits:
        if split.session > session:
            units *= split.ratio
    return units
