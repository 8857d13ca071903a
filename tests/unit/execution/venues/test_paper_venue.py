"""The paper venue's connection on a clock, and the quotes that drive it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import numpy as np

from clocks import MovedClock
from plimsoll.core.decision import Carried
from plimsoll.core.instrument import Instrument
from plimsoll.core.intraday import IntradayBars
from plimsoll.core.live_venue import LiveQuote
from plimsoll.core.order import Fill, Order
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import LadderState
from plimsoll.core.state import State, apply
from plimsoll.core.venue import Accepted, Refused, Unknown, VenueEvent
from plimsoll.execution.venues.paper.make import paper
from plimsoll.execution.venues.paper.pricing import Liquidity
from plimsoll.execution.venues.paper.quotes import RecordedQuotes
from plimsoll.execution.venues.paper.venue import PaperVenue

TEN = 1_767_366_000  # 2026-01-02, 15:00 UTC
SPY = Instrument("SPY", "fund", "XNYS")


def session_of(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).date().isoformat()


def opening(cash: int = 10_000_000) -> State:
    ladder = LadderState(cash, cash)
    return State(("SPY",), np.zeros(1, np.int64), np.full(1, np.nan), cash, Carried(ladder=ladder))


def order(lots: int = 10, id: str = "a", **given: object) -> Order:
    return Order(id, "2026-01-02", "SPY", lots, lots < 0, 100.0, time_in_force="day", **given)  # type: ignore[arg-type]


def bars(rows: int = 78) -> IntradayBars:
    n = np.arange(rows)
    close = 100.0 + np.sin(n / 5.0)
    first = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(first, close) + 0.05, np.minimum(first, close) - 0.05
    day = np.full(rows, TEN // 86400)
    edge = np.full(rows, TEN)
    return IntradayBars("SPY", 300, TEN + 300 * n, day, edge, edge + 300 * rows, first, high, low, close, np.ones(rows))


def test_without_an_account_a_connection_is_refused() -> None:
    async def played() -> None:
        venue, _ = paper({"SPY": SPY}, MovedClock(TEN), session_of)
        assert isinstance(await venue.connect(0), Refused)
        assert not venue.rules.takes and venue.health.text
        assert isinstance(await venue.snapshot(), Unknown)
        venue.restore(opening(), Policy())
        assert isinstance(await venue.connect(0), Accepted)
        assert venue.health.subscribed and not venue.health.text

    asyncio.run(played())


def test_a_fill_is_told_when_its_time_has_come_though_nobody_asks() -> None:
    async def played() -> None:
        clock = MovedClock(TEN * 1_000_000)
        venue, feed = paper({"SPY": SPY}, clock, session_of)
        venue.restore(opening(), Policy()).know({"SPY": Liquidity(1e9, 0.01)}, 0)
        await venue.connect(0)
        told: list[VenueEvent] = []

        async def listens() -> None:
            async for event in venue.events():
                told.append(event)

        async def reads() -> None:
            async for _ in feed.quotes():
                pass

        await feed.subscribe(("SPY",))
        tasks = [asyncio.create_task(listens()), asyncio.create_task(reads())]
        feed.source.push(LiveQuote("SPY", 99 * 10**12, 101 * 10**12, clock.now()))  # type: ignore[attr-defined]
        await clock.until(clock.now())
        await venue.submit(order())
        await clock.until(clock.now() + 59_999_999)
        assert not told
        await clock.until(clock.now() + 1)
        assert [type(e) for e in told] == [Fill]
        await venue.close()
        await feed.close()
        await asyncio.gather(*tasks)  # both end

    asyncio.run(played())


def test_recorded_bars_are_quotes_in_their_order_at_their_times() -> None:
    async def played() -> list[LiveQuote]:
        clock = MovedClock(TEN * 1_000_000)
        source = RecordedQuotes([bars(2)], {"SPY": SPY}, Policy().costs, clock)
        found: list[LiveQuote] = []

        async def reads() -> None:
            async for quote in source.quotes():
                assert quote.at == clock.now()
                found.append(quote)

        await source.subscribe(("SPY",))
        reading = asyncio.create_task(reads())
        await clock.until((TEN + 600) * 1_000_000)
        await reading  # it ends with the recording
        return found

    found, one = asyncio.run(played()), bars(2)
    mids = [(q.bid + q.ask) / 2e12 for q in found]
    assert np.allclose(mids[::4], one.open) and np.allclose(mids[3::4], one.close)
    assert np.allclose(np.sort(np.reshape(mids, (2, 4)))[:, 0], one.low)
    assert np.allclose(np.sort(np.reshape(mids, (2, 4)))[:, 3], one.high)
    assert all(np.isclose(q.ask / q.bid, 1.0005 / 0.9995) for q in found)  # the cost model's half spread on each side
    assert [q.at // 1_000_000 - TEN for q in found] == [0, 75, 150, 225, 300, 375, 450, 525]


def test_a_recorded_day_twice_is_the_same_and_its_events_fold_to_its_account() -> None:
    async def played() -> tuple[list[VenueEvent], PaperVenue]:
        clock = MovedClock(TEN * 1_000_000)
        source = RecordedQuotes([bars()], {"SPY": SPY}, Policy().costs, clock)
        venue, feed = paper({"SPY": SPY}, clock, session_of, source)
        venue.restore(opening(), Policy()).know({"SPY": Liquidity(2e7, 0.01)}, 0)
        await venue.connect(0)
        await feed.subscribe(("SPY",))
        told: list[VenueEvent] = []

        async def listens() -> None:
            async for event in venue.events():
                told.append(event)

        async def trades() -> None:
            count = 0
            async for _ in feed.quotes():
                count += 1
                if count % 40 == 1:
                    await venue.submit(order(150, f"b{count}"))
                if count % 40 == 21:
                    await venue.submit(order(-120, f"s{count}"))

        tasks = [asyncio.create_task(listens()), asyncio.create_task(trades())]
        await clock.until((TEN + 3 * 3600) * 1_000_000)
        await venue.close()
        await feed.close()
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return told, venue

    told, venue = asyncio.run(played())
    again, _ = asyncio.run(played())
    assert told == again and len([e for e in told if isinstance(e, Fill)]) > 20
    state = opening()
    for event in told:
        if isinstance(event, Fill):
            state = apply(state, event)
    assert venue.exchange is not None
    ledger = venue.exchange.book.ledger
    assert (state.cash, int(state.lots[0])) == (ledger.cash(), ledger.held("SPY"))
