"""What happens to a simulated account besides its orders: splits, dividends, ends, transfers, trades of others (H8).

Trades of others and what is held come through the venue's port. Units that change or come without a trade are no
order's events, so the port has none for them: they are told as the facts that the governor's protocol has (X6).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from plimsoll.core.events import VenueSnapshot
from plimsoll.core.venue_facts import Dividend, Fact, Settlement, Split, Transfer
from plimsoll.execution.venues.quoted import QuotedVenue
from plimsoll.governor.governor import Governor
from plimsoll.simulation.faults import SessionFaults
from plimsoll.simulation.hearing import Teller
from plimsoll.simulation.independent_ledger import IndependentLedger
from plimsoll.simulation.venue_messages import snapshot_of

_REMEMBERED = 50  # facts that may be told again
_PART = 100  # of a position's cap, of what somebody else trades or moves


class Incidents:
    """What happens at ``venue``, told by ``say`` to the governor and to the ledger. ``snapshot`` asks the port."""

    def __init__(
        self,
        venue: QuotedVenue,
        ledger: IndependentLedger,
        say: Teller,
        snapshot: Callable[[], VenueSnapshot | None],
        draw: np.random.Generator,
        faults: SessionFaults,
        events: Counter[str],
        symbols: Sequence[str],
    ) -> None:
        self._venue, self._ledger, self._say, self._snapshot = venue, ledger, say, snapshot
        self._draw, self._faults, self._events = draw, faults, events
        self._units = dict.fromkeys(symbols, 1)
        self._names: Counter[str] = Counter()
        self._told: deque[Fact] = deque(maxlen=_REMEMBERED)
        self.now = 0
        self.moved: set[str] = set()  # symbols of which units came or went since it was cleared

    def bar(self) -> None:
        """What a bar brings."""
        draw, faults = self._draw, self._faults
        if self._told and draw.random() < faults.again:
            self._tell(self._told[int(draw.integers(len(self._told)))])
            self._events["told again"] += 1
        if draw.random() < faults.elsewhere:
            symbol, units = self._some()
            self._venue.traded(symbol, units if draw.random() < 0.5 else -units, self._name("external"))
            if draw.random() < faults.hidden:
                self.list()
        if draw.random() < faults.moved:
            symbol, units = self._some()
            units = units if draw.random() < 0.5 else -units
            self._venue.moved(symbol, units)
            self._ledger.moved(symbol, units, self.now)
            self.moved.add(symbol)
            self._fact(Transfer(self._name("transfer"), symbol, units, at=self.now))
        if draw.random() < faults.listed:
            self.list()

    def list(self) -> None:
        """The venue is asked what is held and which orders are open; it may name one that nobody sent."""
        found = self._snapshot()
        if found is None:
            return
        strange = any(order not in self._ledger.unfilled for order in found.orders)
        self._ledger.told(dict(found.positions), self.now, strange=strange)
        self._fact(snapshot_of(found, self._units, self._name("snapshot"), self.now))

    def split(self, symbol: str, new: int, old: int, at: int) -> None:
        """Units changed at an instant; open orders were cancelled."""
        self._venue.split(symbol, new, old)
        self._ledger.split(symbol, new, old)
        again = self._again("split", symbol)
        self._fact(Split(self._name("split"), symbol, new, old, at=at, again=again))

    def dividend(self, symbol: str, amount: int) -> None:
        """Pay an amount per unit."""
        self._ledger.paid(symbol, amount)
        again = self._again("dividend", symbol)
        self._fact(Dividend(self._name("dividend"), symbol, amount, at=self.now, again=again))

    def end(self, symbol: str, price: int) -> None:
        """Settle the position at a price; the symbol no longer trades."""
        self._venue.end(symbol)
        if self._ledger.held.get(symbol):
            self._ledger.settled(symbol, price)
            self._fact(Settlement(self._name("settle"), symbol, price, at=self.now))

    def _fact(self, fact: Fact) -> None:
        self._events[f"told: {type(fact).__name__.lower()}"] += 1
        self._told.append(fact)
        self._tell(fact)

    def _tell(self, fact: Fact) -> None:
        def act(governor: Governor) -> Any:
            return governor.tell(fact)

        self._say(act)

    def _again(self, kind: str, symbol: str) -> bool:
        """Whether it is not the first one of a symbol."""
        self._names[f"{kind} {symbol}"] += 1
        return self._names[f"{kind} {symbol}"] > 1

    def _name(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}-{self._names[kind]}"

    def _some(self) -> tuple[str, int]:
        """A symbol that trades, and a few units of it."""
        symbols = [symbol for symbol in sorted(self._ledger.books) if symbol in self._units and self._trades(symbol)]
        symbol = symbols[int(self._draw.integers(len(symbols)))]
        cap = self._ledger.caps.positions.get(symbol, self._ledger.caps.position)
        return symbol, max(cap // _PART // self._ledger.books[symbol][1], 1)

    def _trades(self, symbol: str) -> bool:
        return symbol not in self._venue.closed
