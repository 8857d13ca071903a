"""Capabilities of each provider, the one routing would choose, and the status of implemented ones (D3, D4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import msgspec

from plimsoll.core.instrument import Kind
from plimsoll.market.capability import MATRIX, VERSION
from plimsoll.market.provider import Provider, ProviderState
from plimsoll.market.routing import HISTORY_DAYS, Purpose, Skip, granted, select

_KINDS: tuple[Kind, ...] = ("stock", "fund", "crypto", "fx", "future")


class ProviderRow(msgspec.Struct, frozen=True):
    """One row of the matrix; depths in calendar days, absent for all there is. ``entitled`` is what is granted,
    ``built`` whether this version has an adapter.
    """

    provider: str
    kinds: tuple[str, ...]
    history_days: int | None
    data_entitlement: bool
    quotes: bool
    execution: tuple[str, ...]
    entitled: bool
    built: bool


class RouteRow(msgspec.Struct, frozen=True):
    """The provider for a purpose and kind, ``NO_VALID_PROVIDER`` if none; the reason, and those passed over."""

    purpose: str
    kind: str
    provider: str
    skips: tuple[Skip, ...]
    reason: str


class Providers(msgspec.Struct, frozen=True):
    """The matrix by its version, every route under the entitlements of the environment, and the check of every provider
    that is built.
    """

    version: str
    matrix: tuple[ProviderRow, ...]
    routes: tuple[RouteRow, ...]
    checks: tuple[ProviderState, ...]


def providers(env: Mapping[str, str], built: Mapping[str, Provider]) -> Providers:
    """The matrix and the routes as ``env`` grants them, with the providers that are ``built`` asked for their state."""
    entitled = granted(env)
    matrix = tuple(
        ProviderRow(
            provider=row.provider,
            kinds=tuple(sorted(row.kinds)),
            history_days=row.history_days,
            data_entitlement=row.data_entitlement,
            quotes=row.quotes,
            execution=tuple(sorted(row.execution)),
            entitled=(row.provider, "data") in entitled or not row.data_entitlement,
            built=row.provider in built,
        )
        for row in MATRIX.values()
    )
    routes = []
    for purpose in get_args(Purpose):
        days = HISTORY_DAYS if purpose in ("history", "research") else 0
        for kind in _KINDS if purpose in ("history", "research", "quotes", "execution") else (_kind_of(purpose),):
            route = select(purpose, kind, days, entitled, adapters=built)
            routes.append(RouteRow(purpose, kind or "", route.provider, route.skips, route.reason))
    return Providers(VERSION, matrix, tuple(routes), tuple(one.check() for one in built.values()))


def _kind_of(purpose: Purpose) -> Kind | None:
    """Funding is of crypto; macro, positioning and news are of no instrument."""
    return "crypto" if purpose == "funding" else None
