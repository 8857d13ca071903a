"""A venue with seeded faults of the kinds real ones have, to test recovery (X2, X3, H8).

The account behind it stays true: whatever is repeated, late, out of order or lost, the inner venue keeps the correct
record, and reports it once it is ``calm``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import numpy as np
from msgspec.structs import replace

from plimsoll.core.events import FeeReported, FillCorrected, VenueSnapshot
from plimsoll.core.order import Fill, Order
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, Venue, VenueEvent, VenueRules


class AmendableVenue(Venue, Protocol):
    """A venue that can be made to execute, correct, bust or charge without an order."""

    def amended(self, event: Fill | FillCorrected | FeeReported) -> None:
        """Carry it out and report it."""
        ...


class Faults(msgspec.Struct, frozen=True):
    """Probability of each fault: per answer, per event, or per execution."""

    answer_lost: float = 0.2
    never_arrives: float = 0.1
    query_unanswered: float = 0.3
    duplicated: float = 0.2
    late: float = 0.3
    lost: float = 0.1
    shuffled: bool = True
    busted: float = 0.05
    corrected: float = 0.1
    overfilled: float = 0.05
    fee_apart: float = 0.1


class FaultyVenue:
    """``inner`` behind a faulty connection, with a seeded draw for every answer and event.

    Once ``calm``, every query is answered, late events arrive and no more faults occur; lost events stay lost and are
    visible only in a snapshot.
    """

    def __init__(self, inner: AmendableVenue, faults: Faults, seed: int) -> None:
        self._inner, self._faults = inner, faults
        self._draw = np.random.default_rng(seed)
        self._late: list[VenueEvent] = []
        self._amended = 0
        self.calm = False

    @property
    def rules(self) -> VenueRules:
        """Order kinds and sizes that the inner venue accepts."""
        return self._inner.rules

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Submit an order: its answer may be lost, or the order before it arrives."""
        if self._wrong(self._faults.never_arrives):
            return Unknown("TIMEOUT")
        answer = await self._inner.submit(order)
        return Unknown("TIMEOUT") if self._wrong(self._faults.answer_lost) else answer

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Ask for a cancellation: it may be lost, or its answer."""
        if self._wrong(self._faults.never_arrives):
            return Unknown("TIMEOUT")
        answer = await self._inner.cancel(id)
        return Unknown("TIMEOUT") if self._wrong(self._faults.answer_lost) else answer

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order, if the query is answered."""
        return Unknown("TIMEOUT") if self._wrong(self._faults.query_unanswered) else await self._inner.query(id)

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account, if the query is answered."""
        return Unknown("TIMEOUT") if self._wrong(self._faults.query_unanswered) else await self._inner.snapshot()

    async def events(self) -> AsyncIterator[VenueEvent]:
        """The inner venue's events, and late ones, with faults."""
        told, self._late = self._late, []
        async for event in self._inner.events():
            if isinstance(event, Fill):
                self._amend(event)
            told.append(event)
        if self._faults.shuffled and not self.calm:
            told = [told[n] for n in self._draw.permutation(len(told))]
        for event in told:
            if self._wrong(self._faults.lost):
                continue
            if self._wrong(self._faults.late):
                self._late.append(event)
                continue
            yield event
            if self._wrong(self._faults.duplicated):
                self._late.append(event)

    def _wrong(self, probability: float) -> bool:
        return not self.calm and bool(self._draw.random() < probability)

    def _amend(self, done: Fill) -> None:
        """Let the inner venue bust, correct, repeat or charge for an execution of its own."""
        self._amended += 1
        other = f"{done.execution[:20]}-{self._amended}"
        if done.reason != "ORDER" or "-" in done.execution:
            return
        if self._wrong(self._faults.overfilled):
            self._inner.amended(replace(done, execution=f"{other}-over"))
        elif self._wrong(self._faults.busted):
            self._inner.amended(FillCorrected(done.session, done.symbol, done.execution, None))
        elif self._wrong(self._faults.corrected):
            cents = 1 + int(self._draw.integers(100))
            right = replace(done, execution=f"{other}-right", notional=done.notional + cents)
            self._inner.amended(FillCorrected(done.session, done.symbol, done.execution, right))
        elif self._wrong(self._faults.fee_apart):
            self._inner.amended(FeeReported(done.session, done.execution, 35, "statement"))
