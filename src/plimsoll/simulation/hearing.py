"""What a venue tells, brought to the governor as it is told and to the independent ledger as it is true (H8).

The governor hears every event, through the one translation there is. The ledger hears each execution once: at first as
the venue executed it, whatever price was told, and again where the venue corrected it; each symbol by one name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from plimsoll.core.events import Event, FillCorrected, OrderCancelled, OrderExpired, OrderRejected
from plimsoll.core.order import Fill
from plimsoll.execution.venues.faulty import spellings
from plimsoll.governor.governor import Governor
from plimsoll.simulation.independent_ledger import IndependentLedger
from plimsoll.simulation.venue_messages import message_of, price_in, tell

Key = tuple[str, str, str]  # exchange, symbol and id of an execution
Filled = Callable[[str, int, int, int], None]  # symbol, sign, quantity and price
T = TypeVar("T")


def answered(question: Coroutine[Any, Any, T]) -> T:
    """What a venue of this process answers: it waits for nothing, so no loop is needed to wait in."""
    try:
        question.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    raise RuntimeError("a venue of this process waits for nobody")


class Teller(Protocol):
    """Passes the venue's reports to the governor."""

    def __call__(self, act: Callable[[Governor], Any]) -> Any:
        """Repeat an action on the governor until it is done."""
        ...


class Hearing:
    """Brings a venue's events to governor and ledger.

    ``made`` is what the venue executed in truth. Lots are of 1e-12 units. ``heard`` is called with every fill.
    """

    def __init__(
        self,
        ledger: IndependentLedger,
        say: Teller,
        made: Mapping[Key, Fill],
        symbols: Iterable[str],
        events: Counter[str],
        heard: Filled,
    ) -> None:
        self._ledger, self._say, self._made, self._events, self._heard = ledger, say, made, events, heard
        self._units = dict.fromkeys(symbols, 1)
        self._names = {spelled: symbol for symbol in self._units for spelled in spellings(symbol)}
        self._known: set[Key] = set()  # executions of which the ledger heard, or heard that they never were
        self._absurd: dict[Key, tuple[str, bool]] = {}  # … told at a price that cannot be: of what, and whether late
        self._events_told: set[Event] = set()
        self._ended: set[str] = set()  # orders of which an end was told
        self.now = 0

    @property
    def mispriced(self) -> set[str]:
        """Symbols of which a fill at a price that cannot be is not put right yet."""
        return {symbol for symbol, _ in self._absurd.values()}

    @property
    def misjudged(self) -> set[str]:
        """… and was told so late that the governor could hold it against a later price only."""
        return {symbol for symbol, late in self._absurd.values() if late}

    def booked(self, event: Event) -> None:
        """The venue tells something."""
        self._events["told again"] += event in self._events_told and not isinstance(event, Fill)
        self._events_told.add(event)
        match event:
            case Fill():
                self._filled(event)
            case FillCorrected():
                self._corrected(event)
            case OrderCancelled() | OrderExpired() | OrderRejected():
                self._events["cancels"] += event.id in self._ledger.working
                self._ended.add(event.id)
                self._ledger.closed(event.id)
        answer = self._say(lambda governor: self._brought(governor, event))
        self._events["fills above the order"] += "OVERFILL" in (answer or ())

    def _brought(self, governor: Governor, event: Event) -> tuple[str, ...]:
        message = message_of(event, self._units, self.now)
        return () if message is None else tell(governor, message)

    def _filled(self, told: Fill) -> None:
        symbol = self._names[told.symbol]
        key = told.exchange, symbol, told.execution
        if key in self._known:
            self._events["fills told twice"] += 1
            return
        self._known.add(key)
        true = self._made[key]
        sign, quantity, price = 1 if true.lots > 0 else -1, abs(true.lots), price_in(true.price)
        if told.reason != "ORDER":
            self._events["told: external"] += 1
            self._ledger.traded_elsewhere(symbol, sign, quantity, price, true.at)
            return
        self._events["fills"] += 1
        self._events["late fills"] += told.id in self._ended
        if told.price != true.price:
            self._absurd[key] = symbol, true.at < self.now
            self._events["fills at a price that cannot be"] += 1
        self._ledger.filled(told.id, _text(key), symbol, sign, quantity, price, true.at)
        self._heard(symbol, sign, quantity, price)

    def _corrected(self, told: FillCorrected) -> None:
        symbol, now = self._names[told.symbol], told.fill
        key = told.exchange, symbol, told.execution
        self._absurd.pop(key, None)
        self._events["told: bust" if now is None else "told: correction"] += 1
        quantity, price = (0, 0) if now is None else (abs(now.lots), price_in(now.price))
        if key in self._known:
            if _text(key) in self._ledger.trades:
                self._ledger.corrected(_text(key), quantity, price)
            self._events["fills busted" if now is None else "fills corrected"] += 1
            return
        self._known.add(key)
        self._events["corrections told before the fill"] += 1
        if now is not None:
            sign = 1 if now.lots > 0 else -1
            self._ledger.filled(told.id, _text(key), symbol, sign, quantity, price, now.at)
            self._heard(symbol, sign, quantity, price)


def _text(key: Key) -> str:
    """The identity of an execution."""
    return "|".join(key)
