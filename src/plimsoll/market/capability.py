"""Capabilities of each provider: versioned data, immutable at run time (D3).

Depths are defaults that a probe of the provider may correct; everything else is a fact about the product. Absent
is the safe reading: an unlisted capability does not exist.
"""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from plimsoll.core.instrument import Kind

VERSION = "2026-11-20"

STOCKS: frozenset[Kind] = frozenset({"stock", "fund"})
ALL_KINDS: frozenset[Kind] = frozenset({"stock", "fund", "crypto", "fx", "future", "index"})
_NONE: frozenset[Kind] = frozenset()


class Capability(msgspec.Struct, frozen=True):
    """One row of the matrix.

    ``kinds`` are the instruments it has bars of; ``history_days`` how far back, None for all there is, and
    ``research_days`` likewise for research. ``data_entitlement`` says that its data need a plan or a key;
    ``quotes`` that it has live quotes. ``execution`` are the kinds it trades; trading always needs an
    entitlement. ``source`` is what it reads where a person names nothing: None for a vendor, who takes no source, and
    empty where one has to be named. ``synthetic`` says that its prices never were.
    """

    provider: str
    kinds: frozenset[Kind]
    history_days: int | None
    data_entitlement: bool
    quotes: bool = False
    execution: frozenset[Kind] = _NONE
    research_days: int | None = None
    source: str | None = None
    synthetic: bool = False


def _kinds(*kinds: Kind) -> frozenset[Kind]:
    return frozenset(kinds)


_ROWS = (
    Capability("yahoo", ALL_KINDS, 5000, data_entitlement=False),
    Capability(
        "polygon", STOCKS | _kinds("fx", "crypto"), 5000, data_entitlement=True, quotes=True, research_days=5000
    ),
    Capability(
        "alpaca",
        STOCKS | _kinds("crypto"),
        730,
        data_entitlement=True,
        quotes=True,
        execution=STOCKS | _kinds("crypto"),
        research_days=730,
    ),
    Capability(
        "binance",
        _kinds("crypto"),
        5000,
        data_entitlement=False,
        quotes=True,
        execution=_kinds("crypto"),
        research_days=5000,
    ),
    Capability("bybit", _kinds("crypto"), 5000, data_entitlement=False, quotes=True, research_days=5000),
    Capability(
        "ibkr",
        STOCKS | _kinds("fx", "future"),
        365,
        data_entitlement=True,
        quotes=True,
        execution=STOCKS | _kinds("fx", "future"),
        research_days=365,
    ),
    Capability("tiingo", STOCKS | _kinds("crypto"), 5000, data_entitlement=True, research_days=5000),
    Capability("fred", _NONE, None, data_entitlement=True),
    Capability("cftc", _NONE, None, data_entitlement=False),
    Capability("newsapi", _NONE, None, data_entitlement=True),
    Capability("gdelt", _NONE, None, data_entitlement=False),
    Capability("rss", _NONE, None, data_entitlement=False),
    Capability("files", ALL_KINDS, None, data_entitlement=False, source=""),
    Capability("synthetic", ALL_KINDS, None, data_entitlement=False, source="core", synthetic=True),
)

MATRIX = MappingProxyType({row.provider: row for row in _ROWS})
