"""A run read back from its journal, in columns: everything a report shows comes from here and the snapshot (G3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from plimsoll.core.dates import day_number
from plimsoll.core.decision import AuctionRecord, CycleRecord
from plimsoll.core.errors import CorruptionError, UsageError
from plimsoll.core.events import ActionsRestated, CashFlow, DataPublished, Event, Genesis, OrderExpired
from plimsoll.core.order import Order
from plimsoll.engine.tally import RunTally
from plimsoll.measures.trades import Close, RoundTrip, round_trips

Floats = NDArray[np.float64]


@dataclass
class Recorded:
    """The events of one run, sorted by what they are. NAV and cash in cents, weights in fractions of NAV.

    ``genesis`` names the run's present snapshot and its last decided session, where it was continued past its own.
    """

    genesis: Genesis
    tally: RunTally = field(default_factory=RunTally)
    cycles: list[CycleRecord] = field(default_factory=list)
    flows: list[CashFlow] = field(default_factory=list)
    intents: list[Order] = field(default_factory=list)
    expired: list[OrderExpired] = field(default_factory=list)
    _figures: dict[str, Floats] = field(default_factory=dict, init=False, repr=False)
    _limits: dict[str, Floats] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def nav(self) -> NDArray[np.int64]:
        """(T,) net asset value at each close, cents."""
        return np.array(self.tally.nav, dtype=np.int64)

    @cached_property
    def curve(self) -> Floats:
        """(T,) growth of one unit of the starting capital."""
        return self.nav / float(self.genesis.capital)

    @cached_property
    def returns(self) -> Floats:
        """(T - 1,) simple returns of the sessions after the first."""
        return np.asarray(self.curve[1:] / self.curve[:-1] - 1.0)

    @cached_property
    def days(self) -> NDArray[np.int64]:
        """(T,) day numbers."""
        return np.array([day_number(d) for d in self.tally.dates], dtype=np.int64)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that were held on some close, largest mean weight first."""
        total: dict[str, float] = {}
        for record in self.cycles:
            for symbol, weight in zip(record.symbols, record.held, strict=True):
                if weight:
                    total[symbol] = total.get(symbol, 0.0) + abs(weight)
        return tuple(sorted(total, key=lambda s: (-total[s], s)))

    @cached_property
    def weights(self) -> Floats:
        """(T, k) held weights of ``symbols`` at each close, before that session's orders."""
        column = {s: i for i, s in enumerate(self.symbols)}
        held = np.zeros((len(self.cycles), len(column)))
        for t, record in enumerate(self.cycles):
            for symbol, weight in zip(record.symbols, record.held, strict=True):
                if weight:
                    held[t, column[symbol]] = weight
        return held

    @cached_property
    def cash(self) -> Floats:
        """(T,) cash, fraction of NAV."""
        return np.array([r.cash for r in self.cycles]) / self.nav

    def figure(self, name: str) -> Floats:
        """(T,) one of the cycle's measured figures, NaN where it was absent."""
        if name not in self._figures:
            self._figures[name] = _column([r.figures.get(name) for r in self.cycles])
        return self._figures[name]

    def limit(self, name: str) -> Floats:
        """(T,) one of the cycle's limits."""
        if name not in self._limits:
            self._limits[name] = _column([r.limits.get(name) for r in self.cycles])
        return self._limits[name]

    @cached_property
    def beliefs(self) -> Floats:
        """(T, 3) probability of the normal, volatile and crisis regime."""
        return np.array([r.regime.belief for r in self.cycles], dtype=np.float64).reshape(-1, 3)

    @cached_property
    def crisis(self) -> Floats:
        """(T,) P(crisis) at the outlook."""
        return np.array([r.regime.crisis for r in self.cycles], dtype=np.float64)

    @cached_property
    def passage(self) -> Floats:
        """(T,) probability of a crisis at any session up to the outlook, NaN where it was not recorded."""
        return _column(r.regime.passage for r in self.cycles)

    @cached_property
    def vix(self) -> Floats:
        """(T,) VIX points, NaN where it was absent."""
        return _column(r.regime.vix for r in self.cycles)

    @cached_property
    def trips(self) -> tuple[RoundTrip, ...]:
        """Every position from entry to exit, open ones valued at the last close."""
        closes = [
            Close(record.session, symbol, round(weight * record.nav))
            for record in self.cycles
            for symbol, weight in zip(record.symbols, record.held, strict=True)
            if weight
        ]
        return round_trips(self.tally.fills, self.tally.splits, self.flows, closes)

    @cached_property
    def auctions(self) -> list[tuple[str, AuctionRecord]]:
        """(session, auction) of every auction held."""
        return [(r.session, r.auction) for r in self.cycles if r.auction is not None]


def recorded(events: Iterable[Event]) -> Recorded:
    """Sort the events of a journal that holds a decided session.

    Raises
    ------
    CorruptionError : the first event is no genesis.
    UsageError : the run decided on no session yet, so that there is nothing to report.
    """
    found = sorted_events(events)
    if not found.cycles:
        raise UsageError("The run holds no decided session, so there is nothing to report", "See 'plimsoll runs'")
    return found


def sorted_events(events: Iterable[Event]) -> Recorded:
    """The events of a journal by what they are; ``CorruptionError`` when it does not begin with its genesis."""
    found: Recorded | None = None
    for event in events:
        if found is None:
            if not isinstance(event, Genesis):
                raise CorruptionError("The journal does not begin with its genesis", "Run 'plimsoll audit verify'")
            found = Recorded(event)
            continue
        found.tally.saw(event)
        match event:
            case CycleRecord():
                found.cycles.append(event)
                found.intents.extend(event.intents)
            case DataPublished():
                found.genesis = replace(found.genesis, snapshot=event.snapshot)
            case CashFlow():
                found.flows.append(event)
            case ActionsRestated():
                found.flows += [CashFlow(day, "dividend", event.symbol, cents) for day, cents in event.paid.items()]
            case OrderExpired():
                found.expired.append(event)
            case _:
                pass
    if found is None:
        raise CorruptionError("The journal is empty", "Run 'plimsoll audit verify'")
    if found.cycles and found.cycles[-1].session > found.genesis.end:
        found.genesis = replace(found.genesis, end=found.cycles[-1].session)
    return found


def _column(values: Iterable[float | None]) -> Floats:
    return np.array(list(values), dtype=np.float64)  # None becomes NaN
