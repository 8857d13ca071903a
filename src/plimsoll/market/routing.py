"""Which provider serves a request (D4).

Purpose comes first: one flat list with the provider that can do everything in front makes every other
unreachable, even for execution. Then kind, span, entitlement and the account's residence, and last the priority.
``synthetic`` is never routed to: a person names it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from plimsoll.core.errors import UsageError
from plimsoll.core.instrument import Kind
from plimsoll.market.capability import MATRIX, Capability

Purpose = Literal["history", "research", "quotes", "execution", "macro", "funding", "positioning", "news"]
Grant = Literal["data", "execution"]
Cause = Literal["kind", "span", "entitlement", "residence"]

NO_VALID_PROVIDER = "NO_VALID_PROVIDER"
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


class Skip(NamedTuple):
    """A provider that was passed over, and the first thing it lacked."""

    provider: str
    cause: Cause


class Route(NamedTuple):
    """The chosen provider, or ``NO_VALID_PROVIDER``, and who was passed over before it."""

    provider: str
    skips: tuple[Skip, ...]


def select(
    purpose: Purpose,
    kind: Kind | None,
    days: int,
    entitled: Collection[tuple[str, Grant]] | None = None,
    priority: Sequence[str] = PRIORITY,
    residence: str = "US",
) -> Route:
    """The provider for a purpose.

    Parameters
    ----------
    purpose : what the data or connection is for.
    kind : of the instrument; None for macro, positioning and news.
    days : calendar days of history asked for; 0 for quotes, execution and the like.
    entitled : (provider, ``data`` or ``execution``) pairs that are granted; None grants nothing (U6).
    priority : providers to try first, in this order; the rest keep the order of the purpose.
    residence : the account's declared residence, an ISO country.

    Returns
    -------
    Route : ``NO_VALID_PROVIDER`` is a value, not an error.

    Raises
    ------
    UsageError for an unknown purpose or a negative span.
    """
    if purpose not in get_args(Purpose):
        raise UsageError(f"{purpose!r} is not a purpose", f"Give one of {', '.join(get_args(Purpose))}")
    if days < 0:
        raise UsageError(f"{days} days of history cannot be asked for", "Give zero or more")
    skips: list[Skip] = []
    for provider in _candidates(purpose, kind, priority):
        cause = _lacking(MATRIX[provider], purpose, kind, days, entitled or (), residence)
        if cause is None:
            return Route(provider, tuple(skips))
        skips.append(Skip(provider, cause))
    return Route(NO_VALID_PROVIDER, tuple(skips))


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
    if purpose not in _WITHOUT_KIND and kind not in _served(row, purpose):
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


def _served(row: Capability, purpose: Purpose) -> frozenset[Kind]:
    if purpose == "execution":
        return row.execution
    return row.kinds if purpose != "quotes" or row.quotes else frozenset()
