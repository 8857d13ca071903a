"""A venue made to misbehave, seeded, in the ways that real ones do: what the system must survive (X2, X3, H8).

The account behind it stays true: whatever is told twice, late, out of order or not at all, the inner venue knows what
it did, and says so once it is ``calm``.
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
    """A venue that can be made to execute, correct, bust or charge what no order asked for."""

    def amended(self, event: Fill | FillCorrected | FeeReported) -> None:
        """Do it, and tell it."""
        ...


class Faults(msgspec.Struct, frozen=True):
    """How often each thing goes wrong, as a probability: of an answer, of an event, or of an execution."""

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
    """``inner`` seen through a bad line, by a seeded draw for every answer and event.

    Once ``calm``, everything is answered, what was late is told and nothing more goes wrong; what was lost stays lost,
    and is known from a snapshot only.
    """

    def __init__(self, inner: AmendableVenue, faults: Faults, seed: int) -> None:
        self._inner, self._faults = inner, faults
        self._draw = np.random.default_rng(seed)
        self._late: list[VenueEvent] = []
        self._amended = 0
        self.calm = False

    @property
    def rules(self) -> VenueRules:
        """What the inner venue takes."""
        return self._inner.rules

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Hand an order over: its answer may be lost, or the order before it arrives."""
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
        """What became of an order, where the question is answered."""
        return Unknown("TIMEOUT") if self._wrong(self._faults.query_unanswered) else await self._inner.query(id)

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account, where the question is answered."""
        return Unknown("TIMEOUT") if self._wrong(self._faults.query_unanswered) else await self._inner.snapshot()

    async def events(self) -> AsyncIterator[VenueEvent]:
        """What the inner venue tells, and what was late, with faults."""
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
        """Let the inner venue take back, correct, repeat or charge for an execution of its own."""
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
