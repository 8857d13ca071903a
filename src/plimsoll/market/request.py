"""What is asked of an ingestion, and the source it names, read and found usable (D1, D2, D3).

Nothing here touches a home: a request that is refused leaves nothing behind.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from plimsoll.core.dates import day_number
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.market import instruments
from plimsoll.market.providers.batch import FileBatch
from plimsoll.market.providers.cells import some

if TYPE_CHECKING:
    from plimsoll.market.providers.reading import Asked

Progress = Callable[[str, int, int], None]
"""Called with what was just done, how many are done, and how many there are."""

PROVIDERS = ("files", "synthetic")


class IngestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to ingest. ``start`` and ``end`` are ISO dates, inclusive; absent means all the source holds.

    ``dates``, ``columns`` and ``decimal`` say how a file is to be read where it does not show it: see
    ``providers.dates.NAMED``, ``providers.columns.told``, and ``point`` or ``comma``. ``source_id`` names the rows
    (D10); absent means a name made of provider and file.
    """

    provider: str
    source: str = ""
    symbol: str | None = None
    universe: str | None = None
    start: str | None = None
    end: str | None = None
    tickers: tuple[str, ...] = ()
    dates: str | None = None
    columns: str | None = None
    decimal: str | None = None
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a request names, read and found usable: its rows, the universe file's entries (None without one) and the
    last day asked for (day number).
    """

    batch: FileBatch
    chosen: dict[str, Instrument] | None
    end: int | None


def read(
    request: IngestRequest,
    progress: Progress | None = None,
    known: Sequence[Instrument] = (),
    policy: DataPolicy | None = None,
) -> Source:
    """Read a source and its universe; touches no home, so that a refused request leaves none behind.

    Parameters
    ----------
    known : instruments of the home, whose aliases and currencies hold where the universe file says nothing.
    policy : what files are read under, such as how long after its stamp a series is known; the default without one.

    Raises
    ------
    UsageError for an unknown provider or ticker or a start after the end; InputError for a source or universe that
    cannot be used.
    """
    start, end = _window(request)
    listed = _listed(request)
    told = {one.symbol: one for one in (*known, *(listed or {}).values())}
    batch = _read(request, start, end, progress, aliases(told.values(), request.provider), policy or DataPolicy())
    batch = _in_dollars(batch, told)
    if listed is not None and not set(listed) & {*batch.bars, *batch.failures} and batch.bars:
        raise InputError(
            f"{request.universe} names none of the source's symbols", f"The source holds {some(list(batch.bars))}"
        )
    return Source(batch, listed, end)


def aliases(known: Iterable[Instrument], provider: str) -> dict[str, str]:
    """Which symbol each foreign spelling stands for (D2): canonical spelling to symbol.

    The provider's own aliases come first; another's counts where it is the only one.
    """
    own: dict[str, str] = {}
    others: dict[str, set[str]] = {}
    for one in known:
        for source, alias in one.aliases.items():
            spelling = instruments.canonical(alias)
            if source == provider:
                own[spelling] = one.symbol
            else:
                others.setdefault(spelling, set()).add(one.symbol)
    return {alias: next(iter(found)) for alias, found in others.items() if len(found) == 1} | own


def _in_dollars(batch: FileBatch, told: Mapping[str, Instrument]) -> FileBatch:
    """The batch without symbols whose prices are in another currency, or in one nobody knows: they fail by name."""
    own = {one.symbol: one for one in batch.instruments}
    failed: dict[str, tuple[str, str]] = {}
    for symbol in batch.bars:
        one = told.get(symbol) or own.get(symbol) or instruments.infer(symbol)
        why = instruments.refusal(one)
        if why is not None:
            failed[symbol] = ("CURRENCY_REFUSED", f"{why[0]}. {why[1]}")
    if not failed:
        return batch
    if failed.keys() == batch.bars.keys() and not batch.macro:
        problem, _, remedy = next(iter(failed.values()))[1].partition(". ")
        raise InputError(f"nothing can be used: {problem}", remedy)
    kept = {symbol: bars for symbol, bars in batch.bars.items() if symbol not in failed}
    return replace(batch, bars=kept, failures=dict(sorted((batch.failures | failed).items())))


def _listed(request: IngestRequest) -> dict[str, Instrument] | None:
    """The universe file's entries; None without one."""
    if request.universe is None:
        return None
    from plimsoll.market import universe

    return {one.symbol: one for one in universe.read(Path(request.universe))}


def _window(request: IngestRequest) -> tuple[int | None, int | None]:
    start = None if request.start is None else day_number(request.start)
    end = None if request.end is None else day_number(request.end)
    if start is not None and end is not None and start > end:
        raise UsageError(f"The start {request.start} is after the end {request.end}", "Exchange them")
    return start, end


def _read(
    request: IngestRequest,
    start: int | None,
    end: int | None,
    progress: Progress | None,
    spelled: Mapping[str, str],
    policy: DataPolicy,
) -> FileBatch:
    if request.provider == "synthetic":
        from plimsoll.market.providers import synthetic

        return synthetic.read(request.source, tickers=request.tickers, start=start, end=end, progress=progress)
    if request.provider != "files":
        known = ", ".join(PROVIDERS)
        raise UsageError(f"{request.provider!r} is not a provider", f"Give one of: {known}")
    if not request.source:
        raise UsageError("The files provider needs a source", "Give --source, a file or a folder")
    from plimsoll.market.providers import files

    source, asked = Path(request.source), _asked(request, spelled, policy)
    try:
        batch = files.read(
            source, symbol=request.symbol, tickers=request.tickers, start=start, end=end, progress=progress, asked=asked
        )
    except UsageError:
        _refuse_unknown(request, source, asked)
        raise
    if request.tickers and len(batch.failures):
        _refuse_unknown(request, source, asked)
    return batch


def _asked(request: IngestRequest, spelled: Mapping[str, str], policy: DataPolicy) -> Asked:
    """How the user says the files are to be read, proven before any is opened."""
    from plimsoll.market.providers import columns, dates
    from plimsoll.market.providers.reading import Asked

    if request.dates is not None and request.dates not in dates.NAMED and "%" not in request.dates:
        raise UsageError(
            f"--dates {request.dates!r} is not a form of dates",
            f"Give one of {', '.join(dates.NAMED)}, or a format such as %d.%m.%Y",
        )
    decimal: Literal["point", "comma"] | None = None
    if request.decimal is not None:
        if request.decimal not in ("point", "comma"):
            raise UsageError(f"--decimal {request.decimal!r} is not a decimal sign", "Give point or comma")
        decimal = "point" if request.decimal == "point" else "comma"
    told = columns.Told() if request.columns is None else columns.told(request.columns)
    return Asked(request.dates, told, decimal, spelled, policy)


def _refuse_unknown(request: IngestRequest, source: Path, asked: Asked) -> None:
    """``UsageError`` with close matches when a ticker is not in the source at all."""
    from plimsoll.market.providers import files

    if not request.tickers:
        return
    whole = files.read(source, symbol=request.symbol, asked=asked)
    known = sorted({*whole.bars, *whole.macro, *whole.failures})
    for ticker in request.tickers:
        name = instruments.canonical(ticker)
        name = asked.aliases.get(name, name)
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            hint = f"Close to it: {', '.join(close)}" if close else f"It holds {', '.join(known[:10])}"
            raise UsageError(f"{source} does not hold {name}", hint)
