"""Request of an ingestion: its provider and parameters, checked before anything is read (D1-D4).

Nothing here touches a home: a request that is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from plimsoll.core.dates import day_number
from plimsoll.core.errors import UsageError
from plimsoll.core.instrument import Instrument, Kind
from plimsoll.core.policy import DataPolicy
from plimsoll.market import instruments
from plimsoll.market.capability import MATRIX
from plimsoll.market.provider import FetchRequest, Provider
from plimsoll.market.routing import (
    HISTORY_DAYS,
    NO_VALID_PROVIDER,
    Cause,
    Grant,
    Purpose,
    Route,
    RouteTaken,
    Skip,
    select,
)

_OPTIONS = ("symbol", "dates", "columns", "decimal")


class IngestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to ingest. ``start`` and ``end`` are ISO dates, inclusive; absent means all the source holds.

    ``provider`` is the one a person names; without one, routing chooses (D4). ``symbol``, ``dates``, ``columns`` and
    ``decimal`` say how a file is to be read where it does not show it: see ``providers.dates.NAMED``,
    ``providers.columns.told``, and ``point`` or ``comma``. ``source_id`` names the rows (D10); absent means a name made
    of provider and source.
    """

    provider: str | None = None
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
class IngestPlan:
    """A request understood: as it stands with provider and source filled in, who is asked and how that was decided,
    what is asked, the universe file's entries (None without one), and every instrument told of before the reading.
    """

    request: IngestRequest
    provider: Provider
    route: RouteTaken
    fetch: FetchRequest
    listed: dict[str, Instrument] | None
    told: Mapping[str, Instrument]

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.route.provider

    @property
    def synthetic(self) -> bool:
        """Whether its prices never were."""
        return self.provider.capabilities.synthetic


def planned(
    request: IngestRequest,
    built: Mapping[str, Provider],
    now: str,
    *,
    entitled: Collection[tuple[str, Grant]] = (),
    known: Sequence[Instrument] = (),
    policy: DataPolicy | None = None,
) -> IngestPlan:
    """The provider and query of a request.

    Parameters
    ----------
    built : the providers there are, by name.
    now : ISO instant; a span without an end ends on its day.
    entitled : what is granted (``routing.granted``).
    known : instruments of the home, whose aliases and currencies hold where the universe file says nothing.
    policy : what is read under, such as how long after its stamp a series is known; the default without one.

    Raises
    ------
    UsageError for a start after the end, and where no provider can serve the request, with what each of them lacks;
    InputError for a universe that cannot be used.
    """
    start, end = _window(request)
    listed = _listed(request)
    told = {one.symbol: one for one in (*known, *(listed or {}).values())}
    route = _routed(request, _days(start, end, now), entitled, built)
    provider = built[route.provider]
    default = provider.capabilities.source
    request = msgspec.structs.replace(request, provider=route.provider, source=request.source or default or "")
    spelled = aliases(told.values(), route.provider)
    asked = (_identity(ticker, spelled) for ticker in request.tickers or (() if default is not None else listed or ()))
    fetch = FetchRequest(
        purpose=_purpose(request, _days(start, end, now)),
        source=request.source,
        symbols=frozenset(asked),
        start=start,
        end=end,
        aliases=spelled,
        options={name: text for name in _OPTIONS if (text := getattr(request, name)) is not None},
        policy=policy or DataPolicy(),
    )
    if default is None and not fetch.symbols:
        raise UsageError(f"{route.provider} needs the symbols", "Give --tickers, or --universe")
    return IngestPlan(request, provider, route, fetch, listed, told)


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


def _identity(ticker: str, spelled: Mapping[str, str]) -> str:
    name = instruments.canonical(ticker)
    return spelled.get(name, name)


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


def _days(start: int | None, end: int | None, now: str) -> int:
    """Calendar days of history asked for: of a deep backfill where no start is given (D8)."""
    if start is None:
        return HISTORY_DAYS
    return max(0, (day_number(now[:10]) if end is None else end) - start)


def _purpose(request: IngestRequest, days: int) -> Purpose:
    """The history of a deep backfill; what a person's source holds, or a longer span, is history for research (D8)."""
    return "research" if request.source or days > HISTORY_DAYS else "history"


def _routed(
    request: IngestRequest, days: int, entitled: Collection[tuple[str, Grant]], built: Mapping[str, Provider]
) -> RouteTaken:
    """The one provider of all symbols of a request."""
    purpose = _purpose(request, days)
    kinds: dict[Kind | None, str] = {}
    for ticker in request.tickers:
        kinds.setdefault(instruments.infer(ticker).kind, ticker)
    routes = {
        first: select(
            purpose, kind, days, entitled, named=request.provider, source=bool(request.source), adapters=built
        )
        for kind, first in (kinds or {None: ""}).items()
    }
    for first, route in routes.items():
        if route.provider == NO_VALID_PROVIDER:
            raise _nobody(request, first, purpose, route, sorted(built))
    chosen = {route.provider: first for first, route in routes.items()}
    if len(chosen) > 1:
        served = ", ".join(f"{first} by {name}" for name, first in chosen.items())
        raise UsageError(f"No one provider serves all of these: {served}", "Ingest them one after the other")
    route = next(iter(routes.values()))
    skips = dict.fromkeys(skip for each in routes.values() for skip in each.skips)
    return RouteTaken(purpose, route.provider, route.reason, tuple(skips))


def _nobody(request: IngestRequest, first: str, purpose: Purpose, route: Route, built: Sequence[str]) -> UsageError:
    """Why no provider serves a request, and the remedy."""
    what = f" of {first}" if first else ""
    if request.provider is not None:
        (skip,) = route.skips
        return UsageError(*_lacking(skip, purpose, what, built))
    if any(skip == Skip("files", "source") for skip in route.skips):
        return UsageError("Nothing is named to be read", "Give --source, a file or a folder")
    passed = ", ".join(f"{skip.provider} ({skip.cause})" for skip in route.skips)
    return UsageError(
        f"No provider serves {purpose}{what}: {passed}",
        f"Give --source, a file or a folder; this version reads through {' and '.join(built)}",
    )


def _lacking(skip: Skip, purpose: Purpose, what: str, built: Sequence[str]) -> tuple[str, str]:
    name = skip.provider
    takes_source = MATRIX[name].source is not None
    said: dict[Cause, tuple[str, str]] = {
        "source": (f"The {name} provider needs a source", "Give --source, a file or a folder")
        if takes_source
        else (f"{name} takes no source", "Leave --source out, or name the provider that reads it"),
        "kind": (f"{name} has no {purpose}{what}", "See plimsoll providers"),
        "span": (f"{name} does not go back that far", "Give a later --start; see plimsoll providers"),
        "entitlement": (f"The data of {name} are not granted", f"Set {name.upper()}_ENABLED=true if you have a plan"),
        "residence": (f"{name} does not serve an account of this residence", "See plimsoll providers"),
        "adapter": (f"{name} is not built yet: this version has no adapter for it", f"Give one of: {', '.join(built)}"),
    }
    return said[skip.cause]
