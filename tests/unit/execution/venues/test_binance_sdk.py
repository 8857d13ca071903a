"""The official client trades at our server and sees what our adapter sees: the server speaks as the venue does."""

from __future__ import annotations

import asyncio

from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError
from tests.contracts.live.binance_futures_harness import Harness as FuturesHarness
from tests.contracts.live.binance_harness import UNIT, Harness
from tests.servers.binance_server import KEY, SECRET
from tests.unit.execution.venues import test_binance_futures
from tests.unit.execution.venues.test_binance_spot import ID, heard, order, run

from plimsoll.core.events import OrderAccepted, VenueSnapshot
from plimsoll.core.order import Fill
from plimsoll.core.venue import OrderReport
from plimsoll.execution.venues.binance.venue import BinanceVenue


def test_the_official_client_and_ours_see_one_account() -> None:
    from binance_sdk_spot import Spot  # which takes a second or two
    from binance_sdk_spot.rest_api.models import NewOrderSideEnum, NewOrderTimeInForceEnum, NewOrderTypeEnum

    async def work(h: Harness, venue: BinanceVenue) -> None:
        h.server.matches = True
        config = ConfigurationRestAPI(KEY, SECRET, base_path=h.server.rest_url, retries=0)
        api = Spot(config_rest_api=config).rest_api

        def traded() -> None:
            done = api.new_order(
                "BTCUSDT", NewOrderSideEnum.SELL, NewOrderTypeEnum.MARKET, quantity=0.25, new_client_order_id="by-hand"
            ).data()
            assert (done.status, done.fills[0].price, done.executed_qty) == ("FILLED", "59990.00000000", "0.25000000")
            api.new_order(
                "BTCUSDT", NewOrderSideEnum.BUY, NewOrderTypeEnum.LIMIT, time_in_force=NewOrderTimeInForceEnum.GTC,
                quantity=0.1, price=50000.0, new_client_order_id="rests",
            )  # fmt: skip

        await asyncio.to_thread(traded)
        placed, sold, rests = await heard(venue, 3)
        assert isinstance(placed, OrderAccepted) and isinstance(rests, OrderAccepted) and rests.id == "rests"
        assert isinstance(sold, Fill) and (sold.id, sold.lots) == ("by-hand", -25_000_000)
        await venue.submit(order())
        await h.server.fill(ID, 0.0006, 60000.0)
        snapshot = await venue.snapshot()
        assert isinstance(snapshot, VenueSnapshot)

        def seen() -> None:
            account = {b.asset: float(b.free) + float(b.locked) for b in api.get_account().data().balances}
            assert snapshot.positions == {"BTC-USD": round(account["BTC"] * UNIT)}
            assert snapshot.cash == int(account["USDT"] * 100)
            assert {o.client_order_id for o in api.get_open_orders().data()} == set(snapshot.orders) == {"rests", ID}
            trades = api.my_trades("BTCUSDT").data()
            assert [str(t.id) for t in trades] == [f.execution for f in snapshot.executions]
            assert [float(t.price) for t in trades] == [f.price for f in snapshot.executions]
            found = api.get_order("BTCUSDT", orig_client_order_id=ID).data()
            assert (found.status, found.executed_qty) == ("PARTIALLY_FILLED", "0.00060000")
            assert api.delete_order("BTCUSDT", orig_client_order_id="rests").data().status == "CANCELED"
            try:
                api.delete_order("BTCUSDT", orig_client_order_id="rests")
            except BadRequestError as refused:
                assert "Unknown order" in str(refused)
            else:
                raise AssertionError("cancelled twice")

        await asyncio.to_thread(seen)

    run(work)


def test_the_official_client_and_ours_see_one_futures_account() -> None:
    from binance_sdk_derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
    from binance_sdk_derivatives_trading_usds_futures.rest_api.models import NewOrderSideEnum, NewOrderTypeEnum

    async def work(h: FuturesHarness, venue: BinanceVenue) -> None:
        h.server.matches = True
        config = ConfigurationRestAPI(KEY, SECRET, base_path=h.server.rest_url, retries=0)
        api = DerivativesTradingUsdsFutures(config_rest_api=config).rest_api

        def traded() -> None:
            api.new_order(
                "BTCUSDT", NewOrderSideEnum.SELL, NewOrderTypeEnum.MARKET, quantity=0.02, new_client_order_id="by-hand"
            )
            assert api.query_order("BTCUSDT", orig_client_order_id="by-hand").data().status == "FILLED"

        await asyncio.to_thread(traded)
        await venue.submit(test_binance_futures.order())
        assert isinstance(await venue.query(ID), OrderReport)
        snapshot = await venue.snapshot()
        assert isinstance(snapshot, VenueSnapshot)

        def seen() -> None:
            (position,) = api.position_information_v3().data()
            assert snapshot.positions == {"BTC-PERP": round(float(position.position_amt) * 10**6)}
            wallet = float(api.account_information_v3().data().total_wallet_balance)
            entry = float(position.position_amt) * float(position.entry_price)
            assert snapshot.cash == round((wallet - entry) * 100)
            assert {o.client_order_id for o in api.current_all_open_orders().data()} == set(snapshot.orders) == {ID}
            trades = api.account_trade_list("BTCUSDT").data()
            assert [str(t.id) for t in trades] == [f.execution for f in snapshot.executions]
            assert [f.id for f in snapshot.executions] == ["by-hand"]

        await asyncio.to_thread(seen)

    test_binance_futures.run(work)
