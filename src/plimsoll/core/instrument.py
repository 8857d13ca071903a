"""Instruments: one identity per priced symbol (D2)."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["stock", "fund", "crypto", "fx", "future", "index", "plain"]
VolumeUnit = Literal["units", "quote"]


class Membership(msgspec.Struct, frozen=True):
    """A span of universe membership, ISO dates, inclusive; ``end`` absent means still a member (D16)."""

    start: str | None = None
    end: str | None = None


class Instrument(msgspec.Struct, frozen=True):
    """Static facts about one symbol, known before any price is read.

    ``kind`` is ``plain`` where neither the symbol's suffix nor a universe file gives it: a stock or a fund, by the
    policy of a run (``resolved``); the store and the snapshot keep it plain (D2).

    ``lots_per_unit`` is how many lots make one unit: 1 for a share, 10 000 where a lot is 0.0001 BTC, so that
    quantities are integers and a unit is an exact ratio (U8). ``volume_unit`` says whether volume counts units
    or quote currency (Yahoo's BTC volume is dollars). ``max_weight``, ``volatility_target`` (annual) and
    ``stop`` are fractions that the universe file adds to the policy's; the stricter applies (U7).
    """

    symbol: str
    kind: Kind
    calendar: str  # "XNYS", "24/7", "24/5", "CMES", "CBOE": keys of plimsoll.market.calendars
    lots_per_unit: int = 1
    currency: str = "USD"
    sector: str | None = None
    volume_unit: VolumeUnit = "units"
    aliases: dict[str, str] = msgspec.field(default_factory=dict)
    max_weight: float | None = None
    volatility_target: float | None = None
    stop: float | None = None
    members: tuple[Membership, ...] = ()

    @property
    def tradable(self) -> bool:
        """Whether it can be held: an index cannot (D2)."""
        return self.kind != "index"

    def listed(self, date: str) -> bool:
        """Whether it is a member of the universe on an ISO date; one without dates always is (D16)."""
        return not self.members or any((m.start or "") <= date <= (m.end or "9999") for m in self.members)

    def resolved(self, plain_symbols_are: Literal["fund", "stock"]) -> Instrument:
        """Itself, or with the kind that a run's policy gives to plain symbols (``limits.plain_symbols_are``)."""
        return msgspec.structs.replace(self, kind=plain_symbols_are) if self.kind == "plain" else self
