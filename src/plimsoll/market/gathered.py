"""Combine all pages of a reading: rows by symbol, failures, notes (D1, D2, D13).

The pages themselves stay where they are kept; here is only what they hold, in the order they came.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.market import instruments
from plimsoll.market.cells import legible, some
from plimsoll.market.provider import UNREADABLE, RawSource
from plimsoll.market.request import IngestPlan
from plimsoll.market.stage import PageContents

CURRENCY_REFUSED = "CURRENCY_REFUSED"


@dataclass(slots=True)
class Gathered:
    """A reading without its figures. ``bars`` and ``macro`` map a name to the pages that hold rows of it, in
    alphabetical order; ``failures`` a symbol, or the name of what could not be read, to a reason code and a sentence.
    """

    bars: dict[str, list[int]] = field(default_factory=dict)
    macro: dict[str, list[int]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    raw: list[RawSource] = field(default_factory=list)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)


def gathered(plan: IngestPlan, pages: Sequence[PageContents]) -> Gathered:
    """All pages of a plan, the last one among them, as one reading.

    The first failure of a symbol stands and withdraws its rows. Macro series are kept unless some were asked for by
    name.

    Raises
    ------
    UsageError for symbols that are not there; InputError where nothing can be used, or nothing the universe names.
    """
    found = Gathered()
    for page in pages:
        _add(found, page, pages)
    named = plan.fetch.symbols & found.macro.keys()
    found.macro = {name: at for name, at in sorted(found.macro.items()) if not named or name in named}
    found.bars = dict(sorted(found.bars.items()))
    _absent(found, plan)
    if not found.bars and not found.macro:
        reasons = "; ".join(message for _, message in list(found.failures.values())[:3])
        if not reasons:
            raise InputError(f"{_where(plan)} holds no rows in the range asked for", "Widen --start and --end")
        raise InputError(
            f"{_where(plan)} holds no symbol that could be read whole, so nothing was ingested: {reasons}", ""
        )
    _in_dollars(found, plan.told)
    found.failures = dict(sorted(found.failures.items()))
    if plan.listed is not None and not set(plan.listed) & {*found.bars, *found.failures} and found.bars:
        raise InputError(
            f"{plan.request.universe} names none of the source's symbols",
            f"The source holds {some(list(found.bars))}",
        )
    return found


def _add(found: Gathered, page: PageContents, pages: Sequence[PageContents]) -> None:
    for name, failure in page.failures.items():
        found.failures.setdefault(name, failure)
        found.bars.pop(name, None)
        found.macro.pop(name, None)
    for mine, held, other in ((page.bars, found.bars, found.macro), (page.macro, found.macro, found.bars)):
        for name in mine:
            if name in found.failures:
                continue
            before = held.get(name) or other.get(name)
            if before and before[0] != page.number and page.whole:
                _twice(found, name, pages[before[0]], page)
                continue
            held.setdefault(name, []).append(page.number)
    found.notes.extend(note for note in page.notes if note not in found.notes)
    found.raw.extend(page.raw)
    found.instruments |= {one.symbol: one for one in page.instruments}
    found.others |= page.others


def _twice(found: Gathered, name: str, first: PageContents, second: PageContents) -> None:
    found.bars.pop(name, None)
    found.macro.pop(name, None)
    both = f"{_label(first)} and {_label(second)}"
    found.failures[name] = (UNREADABLE, f"{name} is in two files, {both}. Keep one of them")


def _label(page: PageContents) -> str:
    return legible(page.raw[0].name) if page.raw else f"page {page.number}"


def _absent(found: Gathered, plan: IngestPlan) -> None:
    """Requested symbols that were not delivered: an error for an unknown symbol, else a failure of that symbol."""
    there = found.bars.keys() | found.failures.keys() | found.macro.keys()
    absent = sorted(plan.fetch.symbols - there)
    known = sorted(there | found.others)
    for name in absent:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            hint = f"Close to it: {', '.join(close)}" if close else f"It holds {', '.join(known[:10])}"
            raise UsageError(f"{_where(plan)} does not hold {name}", hint)
    if absent and not plan.fetch.symbols & there:
        raise UsageError(
            f"{_where(plan)} holds none of {some(absent)}", "See the symbols it holds by leaving tickers out"
        )
    for name in absent:
        told = f"{name} is not in {_where(plan).rpartition('/')[2]}. Take it out of the tickers, or add its file"
        found.failures[name] = (UNREADABLE, told)


def _in_dollars(found: Gathered, told: Mapping[str, Instrument]) -> None:
    """Symbols whose prices are in another or an unknown currency fail by name (D2)."""
    failed: dict[str, tuple[str, str]] = {}
    for symbol in found.bars:
        one = told.get(symbol) or found.instruments.get(symbol) or instruments.infer(symbol)
        why = instruments.refusal(one)
        if why is not None:
            failed[symbol] = (CURRENCY_REFUSED, f"{why[0]}. {why[1]}")
    if failed and failed.keys() == found.bars.keys() and not found.macro:
        problem, _, remedy = next(iter(failed.values()))[1].partition(". ")
        raise InputError(f"nothing can be used: {problem}", remedy)
    found.bars = {symbol: at for symbol, at in found.bars.items() if symbol not in failed}
    found.failures |= failed


def _where(plan: IngestPlan) -> str:
    return legible(plan.request.source or plan.name)
