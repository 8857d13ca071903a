"""Choice of the provider for a request (D4).

Purpose comes first: one flat list with the provider that can do everything in front makes every other
unreachable, even for execution. Then kind, span, entitlement and the account's residence, whether this version has an
adapter, and last the priority. ``synthetic`` is never routed to: a person names it. What was chosen, why, and who was
passed over is a ``Route``, and nothing else chooses a provider.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import msgspec

from plimsoll.core.errors import UsageError
from plimsoll.core.instrument import Kind
from plimsoll.market.capability import MATRIX, Capability

Purpose = Literal["history", "research", "quotes", "execution", "macro", "funding", "positioning", "news"]
Grant = Literal["data", "execution"]
Cause = Literal["source", "kind", "span", "entitlement", "residence", "adapter"]
Reason = Literal["named", "priority", "order", "none"]

NO_VALID_PROVIDER = "NO_VALID_PROVIDER"
HISTORY_DAYS = 1827  # five calendar years, the deep backfill (D8)
PRIORITY = ("yahoo", "polygon", "alpaca")

# Purposes that are not about an instrument's bars, quotes or orders take no notice of its kind.
_WITHOUT_KIND: frozenset[Purpose] = frozenset({"macro", "positioning", "news"})
_PROVIDERS: Mapping[Purpose, tuple[str, ...]] = MappingProxyType(
    {
        "history": ("yahoo", "polygon", "tiingo"),
        "research": ("yahoo", "files"),
        "quotes": ("alpaca", "binance", "ibkr"),
        "execution": ("alpaca", "binance", "ibkr"),
        "macro": ("fred",),
        "funding": ("binance", "bybit"),
        "positioning": ("cftc",),
        "news": ("newsapi", "gdelt", "rss"),
    }
)
# History of these kinds has providers of its own.
_HISTORY: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {"fx": ("yahoo",), "future": ("yahoo",), "crypto": ("yahoo", "binance")}
)
# Venues that do not serve an account of this residence (D4).
_BARRED: Mapping[tuple[str, Kind], frozenset[str]] = MappingProxyType({("US", "crypto"): frozenset({"binance"})})


_GRANTED = frozenset({"1", "true", "yes", "on"})


class Skip(NamedTuple):
    """A provider that was passed over, and the first thing it lacked: ``adapter`` where it is not built yet."""

    provider: str
    cause: Cause


class Route(NamedTuple):
    """The chosen provider, or ``NO_VALID_PROVIDER``; who was passed over before it; and why it was chosen.

    ``reason`` is named (by a person), priority (of the profile), order (the first of its purpose that can) or none.
    """

    provider: str
    skips: tuple[Skip, ...]
    reason: Reason = "order"


class RouteTaken(msgspec.Struct, frozen=True):
    """How an ingestion came by its provider, as its audit keeps it: a ``Route`` and the purpose it was for."""

    purpose: str
    provider: str
    reason: str
    skips: tuple[Skip, ...] = ()


def select(
    purpose: Purpose,
    kind: Kind | None,
    days: int,
    entitled: Collection[tuple[str, Grant]] | None = None,
    priority: Sequence[str] = PRIORITY,
    residence: str = "US",
    *,
    named: str | None = None,
    source: bool | None = None,
    adapters: Collection[str] = MATRIX,
) -> Route:
    """The provider for a purpose.

    Parameters
    ----------
    purpose : what the data or connection is for.
    kind : of the instrument; None for macro, positioning and news, and for history of whatever a source holds.
    days : calendar days of history asked for; 0 for quotes, execution and the like.
    entitled : (provider, ``data`` or ``execution``) pairs that are granted; None grants nothing (U6).
    priority : providers to try first, in this order; the rest keep the order of the purpose.
    residence : the account's declared residence, an ISO country.
    named : the one provider a person asks for; it has to be able to serve, like any other.
    source : whether something to read is named, a path or a recipe: only who reads sources is asked then, and only who
        needs none is asked otherwise. None leaves it open.
    adapters : the providers that are built; all of the matrix where the question is what it allows.

    Returns
    -------
    Route : ``NO_VALID_PROVIDER`` is a value, not an error.

    Raises
    ------
    UsageError for an unknown purpose, a negative span or a name that no provider has.
    """
    _refuse_senseless(purpose, days, named, adapters)
    skips: list[Skip] = []
    for provider in [named] if named is not None else _candidates(purpose, kind, priority):
        row = MATRIX[provider]
        cause = _sourceless(row, source) or _lacking(row, purpose, kind, days, entitled or (), residence)
        if cause is None and provider not in adapters:
            cause = "adapter"
        if cause is None:
            return Route(provider, tuple(skips), _reason(provider, named, priority))
        skips.append(Skip(provider, cause))
    return Route(NO_VALID_PROVIDER, tuple(skips), "none")


def _refuse_senseless(purpose: Purpose, days: int, named: str | None, adapters: Collection[str]) -> None:
    if purpose not in get_args(Purpose):
        raise UsageError(f"{purpose!r} is not a purpose", f"Give one of {', '.join(get_args(Purpose))}")
    if days < 0:
        raise UsageError(f"{days} days of history cannot be requested", "Give zero or more")
    if named is not None and named not in MATRIX:
        raise UsageError(f"{named!r} is not a provider", f"Give one of: {', '.join(sorted(adapters))}")


def granted(env: Mapping[str, str]) -> frozenset[tuple[str, Grant]]:
    """What the environment grants: ``<PROVIDER>_ENABLED`` a provider's data. Nothing grants execution yet (U6)."""
    return frozenset((p, "data") for p in MATRIX if env.get(f"{p.upper()}_ENABLED", "").strip().lower() in _GRANTED)


def _reason(provider: str, named: str | None, priority: Sequence[str]) -> Reason:
    if named is not None:
        return "named"
    return "priority" if provider in priority else "order"


def _sourceless(row: Capability, source: bool | None) -> Cause | None:
    """``source`` where it reads one and none is named, or takes none and one is."""
    if source is None or (row.source is not None) == source or (row.source and not source):
        return None
    return "source"


def _candidates(purpose: Purpose, kind: Kind | None, priority: Sequence[str]) -> list[str]:
    providers = _PROVIDERS[purpose]
    if purpose == "history" and kind is not None:
        providers = _HISTORY.get(kind, providers)
    rank = {p: i for i, p in enumerate(priority)}
    return sorted(providers, key=lambda p: rank.get(p, len(rank)))


def _lacking(
    row: Capability,
    purpose: Purpose,
    kind: Kind | None,
    days: int,
    entitled: Collection[tuple[str, Grant]],
    residence: str,
) -> Cause | None:
    if not _serves(row, purpose, kind):
        return "kind"
    depth = row.research_days if purpose == "research" else row.history_days
    if depth is not None and days > depth:
        return "span"
    grant: Grant = "execution" if purpose == "execution" else "data"
    if (purpose == "execution" or row.data_entitlement) and (row.provider, grant) not in entitled:
        return "entitlement"
    if purpose == "execution" and kind is not None and row.provider in _BARRED.get((residence, kind), ()):
        return "residence"
    return None


def _serves(row: Capability, purpose: Purpose, kind: Kind | None) -> bool:
    if purpose in _WITHOUT_KIND:
        return True
    if kind is None:
        return purpose in ("history", "research") and bool(row.kinds)
    return ("stock" if kind == "plain" else kind) in _served(row, purpose)


def _served(row: Capability, purpose: Purpose) -> frozenset[Kind]:
    if purpose == "execution":
        return row.execution
    return row.kinds if purpose != "quotes" or row.quotes else frozenset()
