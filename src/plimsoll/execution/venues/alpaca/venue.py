"""Alpaca as a live venue (X1-X3, X6)."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec
from websockets.asyncio.client import ClientConnection

from plimsoll.core.events import VenueSnapshot
from plimsoll.core.instrument import Instrument
from plimsoll.core.live_venue import VenueAccess, VenueHealth
from plimsoll.core.order import Order
from plimsoll.core.ports import Clock
from plimsoll.core.venue import Absent, Accepted, OrderReport, Refused, Unknown, VenueEvent, VenueRules
from plimsoll.execution.venues.alpaca.account_reader import AlpacaAccountReader
from plimsoll.execution.venues.alpaca.client import AlpacaClient, AlpacaFailure
from plimsoll.execution.venues.alpaca.orders import Executed, Names, Symbols, body_of, echoes, reported
from plimsoll.execution.venues.alpaca.rules import STOCK_TICKS, TAKES, Filters, blocked, rules_of
from plimsoll.execution.venues.alpaca.stream import ProvenStream, StreamPace
from plimsoll.execution.venues.alpaca.updates import Strange, Updates
from plimsoll.execution.venues.alpaca.wire import (
    Asset,
    Granted,
    MarketClock,
    Said,
    Update,
    WireOrder,
    decoded,
    micros,
)

_BY_CLIENT_ID = "/v2/orders:by_client_order_id"
_LISTEN = msgspec.json.encode({"action": "listen", "data": {"streams": ["trade_updates"]}}).decode()
_SKEW_SHOWN = 2_000_000  # the header of an answer is in whole seconds
_KINDS_KEPT = 20


class AlpacaVenue:
    """An account at Alpaca. One object is one process's session with it."""

    def __init__(
        self, access: VenueAccess, instruments: Mapping[str, Instrument], clock: Clock,
        session_of: Callable[[int], str], pace: StreamPace | None = None,
    ) -> None:  # fmt: skip
        self._access, self._clock, self._session_of = access, clock, session_of
        self._pace = pace or StreamPace()
        self._symbols, self._names = Symbols(instruments), Names()
        executed = Executed(self._symbols, session_of)
        self._updates = Updates(self._symbols, self._names, executed, session_of)
        self._client = AlpacaClient(access, clock)
        self._reader = AlpacaAccountReader(
            self._client, self._symbols, self._names, executed, self._updates, session_of
        )
        self._line = ProvenStream(access.stream_url, self, clock, self._pace, access.timeout)
        self._rules = VenueRules("alpaca", TAKES, ticks={"": STOCK_TICKS})
        self._filters: Filters | None = None
        self._rules_of = ""  # the session that they were read in
        self._sent: dict[str, int] = {}
        self._awaited: dict[str, int | None] = {}
        self._events: deque[VenueEvent] = deque()
        self._stirred = asyncio.Event()
        self._closed = False
        self._count = 0
        self._lost = 0
        self._strange: Counter[str] = Counter()
        self._note = ""

    @property
    def rules(self) -> VenueRules:
        """What it takes; complete when connected."""
        return self._rules

    @property
    def health(self) -> VenueHealth:
        """State of its event stream, and what is wrong with the account or its messages."""
        line, skew = self._line, self._client.skew
        notes = [line.text, self._note, *self._reader.notes]
        notes += [f"{count} x {what}" for what, count in self._strange.items()]
        if skew is not None and abs(skew) > _SKEW_SHOWN:
            notes.append(f"Alpaca's clock is {abs(skew) // 1_000_000} s {'ahead' if skew > 0 else 'behind'}")
        text = self._client.scrubbed("; ".join(filter(None, notes)))
        return VenueHealth(line.subscribed, line.heard, line.gaps + self._lost, 0, text)

    # connection

    async def connect(self, since: int) -> Accepted | Refused | Unknown:
        """Read the account, the order rules and the clock, and subscribe to the account's events."""
        self._closed = False
        self._client.open()
        self._reader.since = since
        failed = await self._read_rules()
        if failed is None:
            await self._read_clock()
            failed = await self._line.open()
        if failed is None:
            return Accepted()
        return Refused(failed.cls, failed.words) if failed.certain else Unknown(failed.words)

    async def close(self) -> None:
        """Close every connection; the events end. Orders stay as they are."""
        self._closed = True
        await self._line.close()
        await self._client.close()
        self._stirred.set()

    async def _read_rules(self) -> AlpacaFailure | None:
        account = await self._reader.account()
        if isinstance(account, AlpacaFailure):
            return account
        self._note = blocked(account)
        if account.currency != "USD":
            return AlpacaFailure("CURRENCY", "RULE", f"the account is in {account.currency}", True)
        kinds = {"crypto" if one.kind == "crypto" else "us_equity" for one in self._symbols.instruments.values()}
        assets: dict[str, Asset] = {}
        for kind in sorted(kinds):
            body = await self._client.ask("GET", "/v2/assets", {"status": "active", "asset_class": kind})
            if isinstance(body, AlpacaFailure):
                return body
            rows = decoded(body, list[Asset])
            if rows is None:
                return AlpacaFailure("UNREADABLE", "OUTCOME_UNKNOWN", "the assets")
            assets |= {self._symbols.here(row.symbol): row for row in rows if self._symbols.knows(row.symbol)}
        self._rules = rules_of(assets, self._symbols, account)
        self._filters = Filters(self._rules, assets, self._symbols, account)
        self._rules_of = self._session_of(self._clock.now())
        return None

    async def _read_clock(self) -> None:
        """The market's state and the venue's time; trading does not depend on this answer."""
        sent = self._clock.now()
        body = await self._client.ask("GET", "/v2/clock")
        told = None if isinstance(body, AlpacaFailure) else decoded(body, MarketClock)
        at = micros(told.timestamp) if told is not None else None
        if at is not None:
            self._client.skew = at - (sent + self._clock.now()) // 2

    # orders

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Send an order, once. What was sent already is asked for instead."""
        if self._filters is None:
            return Refused("NOT_CONNECTED", "the order rules are not known yet")
        refused = self._filters.refusal(order, self._clock.now())
        if refused is not None:
            return refused
        if order.id in self._sent:
            return await self._resolved(order)
        self._names.sent(order.id)
        self._sent[order.id] = self._clock.steady()
        self._awaited[order.id] = None  # its event may come before the answer
        answer = await self._client.ask("POST", "/v2/orders", body=body_of(order, self._symbols))
        self._sent[order.id] = self._clock.steady()
        if isinstance(answer, AlpacaFailure):
            self._awaited.pop(order.id, None)
            if answer.cls == "DUPLICATE":
                return await self._resolved(order)
            if not answer.certain:
                return Unknown(answer.words)
            del self._sent[order.id]  # it was certainly not taken, and may be sent again where its class allows it
            return Refused(answer.cls, answer.words)
        taken = self._taken(order, decoded(answer, WireOrder))
        if order.id in self._awaited:
            self._awaited[order.id] = self._clock.steady()
        if not isinstance(taken, Accepted):
            self._awaited.pop(order.id, None)
        return taken

    def _taken(self, order: Order, told: WireOrder | None) -> Accepted | Refused | Unknown:
        """What an order of the venue's means for ours."""
        if told is None:
            return Unknown("UNREADABLE: the answer is no order")
        if not echoes(told, order, self._symbols):
            return Unknown("ANSWER_DIFFERS: the answer is of another order")
        self._names.of(told)
        if told.status == "rejected":
            return Refused("VENUE_REJECTED", "Alpaca rejected the order")
        return Accepted(told.id)

    async def _resolved(self, order: Order) -> Accepted | Refused | Unknown:
        """An order of this id was sent before: what became of it."""
        found = await self._reader.order(_BY_CLIENT_ID, {"client_order_id": order.id})
        return Unknown(f"SENT_BEFORE: {found.words}") if isinstance(found, AlpacaFailure) else self._taken(order, found)

    async def cancel(self, id: str) -> Accepted | Refused | Unknown:
        """Request cancellation; one refused because the order ended says ``GONE``, and the order is to be queried."""
        venue_id = self._names.venue_id(id)
        if venue_id is None:
            found = await self._find(id)
            if isinstance(found, AlpacaFailure):
                return Refused(found.cls, found.words) if found.certain else Unknown(found.words)
            venue_id = found.id
        answer = await self._client.ask("DELETE", f"/v2/orders/{venue_id}")
        if not isinstance(answer, AlpacaFailure):
            return Accepted(venue_id)
        return Refused(answer.cls, answer.words) if answer.certain else Unknown(answer.words)

    async def query(self, id: str) -> OrderReport | Absent | Unknown:
        """The present status of an order.

        An order just sent may not be visible for a moment, and a request that timed out here may still be on its way
        there. So one that is not found is looked for a second time, ``settle`` later and not before ``arrival`` after
        it was sent; only then, with the stream standing, does the venue certainly not have it.
        """
        self._names.sent(id)
        found = await self._find(id)
        if isinstance(found, AlpacaFailure) and found.cls == "GONE":
            sent = self._sent.get(id)
            wait = 0 if sent is None else sent + self._pace.arrival - self._clock.steady()
            await self._clock.sleep(max(wait, self._pace.settle))
            found = await self._find(id)
        if isinstance(found, AlpacaFailure):
            if found.cls != "GONE":
                return Unknown(found.words)
            return Absent() if self._line.subscribed else Unknown("NOT_FOUND: and the stream is down")
        report = reported(found, self._names.of(found), self._symbols)
        return Unknown(f"UNREADABLE: {report}") if isinstance(report, str) else report

    async def _find(self, id: str) -> WireOrder | AlpacaFailure:
        if self._names.known(id) == id:  # the venue's own id, of an order that is not ours
            return await self._reader.order(f"/v2/orders/{id}")
        return await self._reader.order(_BY_CLIENT_ID, {"client_order_id": id})

    async def snapshot(self) -> VenueSnapshot | Unknown:
        """The whole account at one instant, or nothing. With a new session the order rules are read again."""
        session = self._session_of(self._clock.now())
        if self._filters is not None and session != self._rules_of:
            await self._read_rules()
        found = await self._reader.snapshot(session, lambda: self._count)
        return Unknown(found.words) if isinstance(found, AlpacaFailure) else found

    async def events(self) -> AsyncIterator[VenueEvent]:
        """Events as they come, until it is closed."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._closed:
                return
            self._stirred.clear()
            await self._stirred.wait()

    # what is said on the stream

    async def hello(self, socket: ClientConnection) -> AlpacaFailure | None:
        """Authenticate, and listen; both acknowledged."""
        access = self._access
        keys = {"key_id": access.key, "secret_key": access.secret}
        await socket.send(msgspec.json.encode({"action": "authenticate", "data": keys}).decode())
        granted = await self._granted(socket, "authorization")
        if granted.status != "authorized":
            return AlpacaFailure("AUTH", "AUTH", self._client.scrubbed(f"the stream says {granted.status!r}"), True)
        await socket.send(_LISTEN)
        granted = await self._granted(socket, "listening")
        if "trade_updates" not in (granted.streams or ()):
            return AlpacaFailure("NOT_SUBSCRIBED", "OUTCOME_UNKNOWN", "the stream does not acknowledge trade_updates")
        self._awaited.clear()
        return None

    async def _granted(self, socket: ClientConnection, stream: str) -> Granted:
        while True:
            frame = await socket.recv()
            said = decoded(_bytes(frame), Said)
            if said is not None and said.stream == stream:
                return decoded(bytes(said.data), Granted) or Granted()
            self.message(frame)

    def question(self) -> str:
        """The choice of streams again, which the venue acknowledges where it stands."""
        return _LISTEN

    def message(self, frame: str | bytes) -> str:
        """Take a message: binary on paper, text on live."""
        said = decoded(_bytes(frame), Said)
        if said is None:
            return self._unread("a message that cannot be read")
        data = bytes(said.data)
        if said.stream == "listening":
            if "trade_updates" not in ((decoded(data, Granted) or Granted()).streams or ()):
                return "the stream does not listen to trade_updates any more"
            self._line.proved()
        elif said.stream == "authorization":
            return "" if (decoded(data, Granted) or Granted()).status == "authorized" else "the stream lost its keys"
        elif said.stream == "trade_updates":
            self._update(decoded(data, Update))
        else:
            self._strange_one(f"a message of an unknown stream {said.stream[:30]!r}")
        return ""

    def overdue(self) -> str:
        """An order of ours that the venue took, and of which the stream says nothing."""
        now = self._clock.steady()
        late = [id for id, at in self._awaited.items() if at is not None and now - at > self._pace.event]
        return f"the stream says nothing of order {late[0]}" if late else ""

    def _update(self, update: Update | None) -> None:
        if update is None:
            self._unread("an update that cannot be read")
            return
        self._line.proved()
        self._count += 1
        event = self._updates.told(update, self._clock.now())
        self._awaited.pop(self._names.of(update.order), None)
        if isinstance(event, Strange):
            self._strange_one(event.text)
            self._lost += event.lost
        elif event is not None:
            self._events.append(event)
            self._stirred.set()

    def _unread(self, what: str) -> str:
        """What cannot be read may have been an execution."""
        self._strange_one(what)
        self._lost += 1
        return ""

    def _strange_one(self, what: str) -> None:
        if what in self._strange or len(self._strange) < _KINDS_KEPT:
            self._strange[what] += 1


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame
