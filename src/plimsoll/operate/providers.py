"""What each provider can do, and which one routing would take (D3, D4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import msgspec

from plimsoll.core.instrument import Kind
from plimsoll.market.capability import MATRIX, VERSION
from plimsoll.market.routing import Grant, Purpose, Skip, select

HISTORY_DAYS = 1827  # five calendar years, the deep backfill (D8)
_GRANTED = frozenset({"1", "true", "yes", "on"})
_KINDS: tuple[Kind, ...] = ("stock", "fund", "crypto", "fx", "future")


class ProviderRow(msgspec.Struct, frozen=True):
    """One row of the matrix; depths in calendar days, absent for all there is. ``entitled`` is what is granted."""

    provider: str
    kinds: tuple[str, ...]
    history_days: int | None
    data_entitlement: bool
    quotes: bool
    execution: tuple[str, ...]
    entitled: bool


class RouteRow(msgspec.Struct, frozen=True):
    """Who serves a purpose for a kind, ``NO_VALID_PROVIDER`` if nobody, and who was passed over and why."""

    purpose: str
    kind: str
    provider: str
    skips: tuple[Skip, ...]


class Providers(msgspec.Struct, frozen=True):
    """The matrix by its version, and every route under the entitlements of the environment."""

    version: str
    matrix: tuple[ProviderRow, ...]
    routes: tuple[RouteRow, ...]


def providers(env: Mapping[str, str]) -> Providers:
    """The matrix and the routes. ``<PROVIDER>_ENABLED`` grants a provider's data; nothing grants execution yet (U6)."""
    named = {p for p in MATRIX if env.get(f"{p.upper()}_ENABLED", "").strip().lower() in _GRANTED}
    entitled: set[tuple[str, Grant]] = {(p, "data") for p in named}
    matrix = tuple(
        ProviderRow(
            provider=row.provider,
            kinds=tuple(sorted(row.kinds)),
            history_days=row.history_days,
            data_entitlement=row.data_entitlement,
            quotes=row.quotes,
            execution=tuple(sorted(row.execution)),
            entitled=row.provider in named or not row.data_entitlement,
        )
        for row in MATRIX.values()
    )
    routes = []
    for purpose in get_args(Purpose):
        days = HISTORY_DAYS if purpose in ("history", "research") else 0
        for kind in _KINDS if purpose in ("history", "research", "quotes", "execution") else (_kind_of(purpose),):
            route = select(purpose, kind, days, entitled)
            routes.append(RouteRow(purpose, kind or "", route.provider, route.skips))
    return Providers(VERSION, matrix, tuple(routes))


def _kind_of(purpose: Purpose) -> Kind | None:
    """Funding is of crypto; macro, positioning and news are of no instrument."""
    return "crypto" if purpose == "funding" else None
