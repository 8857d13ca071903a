"""The governor's line protocol in one process: order, batches, times and lines that are none (H2, H5)."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.core.errors import UsageError
from plimsoll.governor.governor import Governor
from plimsoll.governor.limits import GovernorLimits, limits_of
from plimsoll.governor.protocol import LineProtocol, refuse_secret
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

MICRO = limits_of(policy_file.load("micro").policy)
SESSION = {"type": "session", "date": "2026-03-02", "equity": "1000.00"}
QUOTE = {"type": "quote", "symbol": "MSFT", "bid": "399.98", "ask": "400.02", "ts": "2026-03-02T15:00:00Z"}


class Desk:
    """A protocol whose clock stands still but for ``spent`` microseconds between two looks at it."""

    def __init__(
        self,
        limits: GovernorLimits = MICRO,
        batch: int = 64,
        account: MemoryAccount | None = None,
    ) -> None:
        self.account = account or MemoryAccount()
        self.spent = 0
        ticks = count()
        self.governor = Governor(MemoryStateStore(self.account), limits)
        self.protocol = LineProtocol(self.governor, batch, lambda: next(ticks) * self.spent)

    def ask(self, *lines: Any) -> list[dict[str, Any]]:
        """Answers to lines that wait together."""
        raw = [line if isinstance(line, bytes | None) else json.dumps(line).encode() for line in lines]
        return [json.loads(answer) for answer in self.protocol.answer(raw)]

    def one(self, line: Any) -> dict[str, Any]:
        (answer,) = self.ask(line)
        return answer


def intent(name: str, side: str = "buy", qty: str = "0.01", second: int = 1, **more: Any) -> dict[str, Any]:
    ts = f"2026-03-02T15:{second // 60:02d}:{second % 60:02d}Z"
    return {"type": "intent", "id": name, "symbol": "MSFT", "side": side, "qty": qty, "ts": ts} | more


def fill(name: str, execution: str, qty: str = "0.01", price: str = "400.00") -> dict[str, Any]:
    return {"type": "fill", "id": name, "exec": execution, "qty": qty, "price": price, "ts": "2026-03-02T15:00:09Z"}


def test_a_cut_line_and_one_that_is_too_long_are_lines_and_no_orders() -> None:
    said = Desk().ask(b"x" * 10, None, json.dumps(SESSION).encode()[:-1])
    assert [list(answer) for answer in said] == [["error", "line"]] * 3
    assert [answer["line"] for answer in said] == [1, 2, 3]
    assert "longer than 65536 bytes" in said[1]["error"]


# together and one by one

LINES = st.one_of(
    st.builds(
        lambda n, side, qty, second: intent(f"i{n}", side, qty, second),
        st.integers(0, 6), st.sampled_from(("buy", "sell", "hold")),
        st.sampled_from(("0.01", "0.1", "0.13", "-1", "NaN")), st.integers(0, 3),
    ),
    st.builds(
        lambda n, x, qty: fill(f"i{n}", f"x{x}", qty),
        st.integers(0, 7), st.integers(0, 3), st.sampled_from(("0.01", "9")),
    ),
    st.builds(lambda n: {"type": "cancel", "id": f"i{n}", "ts": QUOTE["ts"]}, st.integers(0, 7)),
    st.sampled_from((QUOTE, SESSION, {"type": "status"}, b"{", None, QUOTE | {"bid": "9"}, intent("z", symbol="NO"))),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=20), st.sampled_from((1, 2, 64)))
def test_lines_that_wait_are_answered_as_if_each_came_alone(lines: list[Any], batch: int) -> None:
    together, alone = Desk(batch=batch), Desk()
    begun = [SESSION, QUOTE, *lines]
    assert together.ask(*begun) == [alone.one(line) for line in begun]
    assert together.account.state == alone.account.state
    assert together.account.facts == alone.account.facts


@pytest.mark.parametrize(("batch", "writes"), [(1, 6), (2, 3), (4, 2), (64, 1)])
def test_orders_that_wait_share_a_write(batch: int, writes: int) -> None:
    desk = Desk(batch=batch)
    desk.ask(SESSION, QUOTE)
    before = len(desk.account.record)
    assert {a["decision"] for a in desk.ask(*(intent(f"i{n}") for n in range(6)))} == {"ADMIT"}
    assert len(desk.account.record) - before == writes


def test_another_line_between_orders_is_answered_in_its_place() -> None:
    desk = Desk()
    said = desk.ask(
        SESSION, QUOTE, intent("a"), intent("b"), {"type": "status"}, intent("c"), b"?", intent("c", qty="2")
    )
    assert [next(iter(a)) for a in said] == ["ok", "ok", "id", "id", "session", "id", "error", "id"]
    assert [o["id"] for o in said[4]["open"]] == ["a", "b"]
    assert said[7]["reasons"] == ["DUPLICATE_INTENT"]


# times


def test_too_slow_disables_new_risk_until_a_later_session_is_in_time() -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE)
    assert desk.ask(intent("held", qty="0.1"), fill("held", "x0", "0.1"))[1] == {"ok": True}
    desk.spent = 10_001
    slow = [desk.one(intent(f"s{n}", qty="9", second=n)) for n in range(2, 22)]
    assert all(a["reasons"] == ["TRADE_LIMIT", "POSITION_LIMIT", "GROSS_LIMIT", "TURNOVER_LIMIT"] for a in slow)
    assert desk.one(intent("n1", second=30))["reasons"] == ["TOO_SLOW"]
    status = desk.one({"type": "status"})
    assert status["reduce_only"] and status["latency"] == {"too_slow": True, "median_us": None, "slow": 21}
    assert desk.one(intent("r1", "sell", "0.04", second=30))["decision"] == "ADMIT"
    desk.spent = 0
    desk.ask(*(intent(f"q{n}", qty="9", second=31) for n in range(100)))
    assert desk.one(intent("n2", second=31))["reasons"] == ["TOO_SLOW"]  # quick again, but the session is lost
    again = Desk(account=desk.account)
    again.one(QUOTE)
    assert again.one(intent("n3", second=31))["reasons"] == ["TOO_SLOW"]  # … and a new start does not win it back
    again.spent = 10_001
    assert again.one(SESSION | {"date": "2026-03-03"}) == {"ok": True}
    assert again.one(intent("n4", second=31))["reasons"] == ["TOO_SLOW"]  # the session's own beginning was slow too
    again.spent = 10_000
    assert again.one(intent("n5", second=31))["reasons"] == ["TOO_SLOW"]  # and this one was in time
    assert again.one(intent("n6", second=31))["decision"] == "ADMIT"
    assert not again.one({"type": "status"})["latency"]["too_slow"]


def test_what_was_slow_yesterday_is_forgotten_at_the_next_session() -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE)
    desk.spent = 10_001
    desk.ask(*(intent(f"i{n}", qty="9") for n in range(19)))
    desk.ask(SESSION | {"date": "2026-03-03"}, intent("one", qty="9"))
    assert desk.one({"type": "status"})["latency"] == {"too_slow": False, "median_us": None, "slow": 2}


def test_one_slow_of_a_batch_is_slow_for_all_of_it() -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE)
    desk.spent = 10_001
    desk.ask(*(intent(f"i{n}", qty="9") for n in range(19)))
    assert not desk.governor.account.slow
    desk.ask(intent("last", qty="9"))
    assert desk.governor.account.slow == 1


def test_the_median_of_the_last_hundred_disables_too() -> None:
    desk = Desk(replace(MICRO, pace=replace(MICRO.pace, slow=10**6)))
    desk.ask(SESSION, QUOTE)
    for spent, times in ((10_000, 50), (10_001, 49)):
        desk.spent = spent
        for n in range(times):
            desk.one(intent(f"{spent}-{n}", qty="9"))
    assert desk.governor.latency.median is not None and not desk.governor.account.slow
    desk.one(intent("one", qty="9"))  # now half of them: the mean of the middle two is above the limit
    assert desk.governor.latency.median == 10_001 and desk.governor.account.slow == 1


# what is not said plainly


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"type":"status","type":"status"}', "not a JSON object"),
        (b'{"type":"intent","id":"a","symbol":"MSFT","side":"buy","qty":"1","qty":"2","ts":"x"}', "not a JSON object"),
        (b'{"type":"session","date":"2026-03-02","equity":Infinity}', "plain decimal"),
        (b'\xef\xbb\xbf{"type":"status"}', "not a JSON object"),
        (b'{"type":"status"}\x00', "not a JSON object"),
        ('{"type":"status"}'.encode("utf-16"), "not a JSON object"),
        (SESSION | {"date": "2026-02-30"}, "not a date"),
        (SESSION | {"date": "1969-12-31", "equity": "0.00"}, "before 1970"),
        (SESSION | {"equity": "0.00"}, "another equity"),
        (SESSION | {"equity": "--5"}, "plain decimal"),
        (SESSION | {"equity": "1" * 16}, "plain decimal"),
        (QUOTE | {"ts": 1772463600}, "must be a text"),
        (QUOTE | {"ts": "2026-03-02T15:00:00"}, "no time zone"),
        (QUOTE | {"ts": "2026-03-04T15:00:00Z"}, "outside the session"),
        (QUOTE | {"ts": "9999-12-31T23:59:59-23:59"}, "outside the session"),
        (intent("x" * 129), "1 to 128 printable"),
        (intent("a", symbol="MSFT;DROP"), "1 to 32"),
        (fill("a", "x", "0"), "must be positive"),
        (fill("a", "x", "0.0000000000001"), "more than 12 decimals"),
        (fill("a", "x", "1", "-1"), "plain decimal"),
    ],
)
def test_a_line_that_is_none_is_an_error_and_changes_nothing(line: Any, problem: str) -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE, intent("a"))
    before = dict(desk.account.state), dict(desk.account.facts)
    answer = desk.one(line)
    assert list(answer)[:2] == ["error", "line"] and set(answer) <= {"error", "line", "id"}
    assert problem in answer["error"] and answer["line"] == 4
    assert (desk.account.state, desk.account.facts) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", ["empty"]),
        (b'{"type":"status"', ["character 17"]),
        (b'{"type":"sta\xfftus"}', ["byte 13 is not UTF-8"]),
        (QUOTE | {"bid": float("nan")}, ["NaN"]),
        (b'{"type":"status","qty":"1","qty":"2"}', ["'qty' appears twice"]),
        ({"type": "nope"}, ["'nope'", "intent"]),
        (SESSION | {"equity": "1,000.00"}, ["equity", "'1,000.00'", "such as 1000.00"]),
        (SESSION | {"equity": "9" * 5000}, ["equity", "'" + "9" * 39 + "…"]),
        (SESSION | {"equity": "1000.01"}, ["another equity", "2026-03-02", "1000.00 USD"]),
        (SESSION | {"date": "2026-03-01"}, ["before the last one", "2026-03-02"]),
        (QUOTE | {"bid": "401"}, ["bid <= ask", "401 to 400.02", "MSFT"]),
        (QUOTE | {"ts": "2026-03-05T15:00:00Z"}, ["outside the session", "2026-03-05T15:00:00Z", "2026-03-02"]),
        (QUOTE | {"ts": "2026-03-02T14:00:00Z"}, ["older than the last", "2026-03-02T14:00:00Z", "T15:00:00+00:00"]),
        (QUOTE | {"ts": "2026-03-02T15:00:00"}, ["ts '2026-03-02T15:00:00' has no time zone. Give it as", "15:00:00Z"]),
        (intent("b", "short"), ["'short'", "buy or sell"]),
        (intent("b", symbol="MSFT\n"), ["symbol", r"'MSFT\n'"]),
        (fill("nobody", "x"), ["no order has this id", "order nobody, execution x"]),
        ({"type": "cancel", "id": "nobody", "ts": QUOTE["ts"]}, ["no order has this id: nobody"]),
    ],
)
def test_an_error_names_the_thing_and_the_value(line: Any, said: list[str]) -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE, intent("a"))
    error = desk.one(line)["error"]
    assert [words for words in said if words not in error] == [], error


# identities


COIN = ("BTC-USD", "BTC/USD", "BTCUSDT", "btc-usd", "BTCUSD", "btc_usdc")


def coin(spelling: str, second: int = 0, price: str = "60000") -> dict[str, Any]:
    ts = f"2026-03-02T15:00:{second:02d}Z"
    return {"type": "quote", "symbol": spelling, "bid": price, "ask": price, "ts": ts}


def test_one_coin_has_one_cap_under_all_its_spellings() -> None:
    desk = Desk()
    desk.ask(SESSION)
    admitted = 0
    for n, spelling in enumerate(COIN):
        assert desk.one(coin(spelling, n)) == {"ok": True} | ({"symbol": "BTC-USD"} if n else {})
        for m in range(4):
            answer = desk.one(intent(f"o{n}{m}", qty="0.0008", symbol=spelling, second=10 + n))
            assert answer.get("symbol") == ("BTC-USD" if n else None)
            admitted += answer["decision"] == "ADMIT"
    assert admitted == 10 and desk.one({"type": "status"})["used"]["position"] == "480.00"


@pytest.mark.parametrize(
    ("symbol", "spellings"),
    [
        ("MSFT", ("MSFT.US", "msft.o", "MSFT.OQ", "MSFT.N", "MSFT.K")),
        ("BRK-B", ("BRK.B", "BRK.B.US", "brk-b.n")),
        ("BTC-USD", ("XBT/USD", "xbtusdt", "BTC-USD.US")),
    ],
)
def test_a_stock_of_any_exchange_and_a_coin_of_any_name_have_one_cap(symbol: str, spellings: tuple[str, ...]) -> None:
    desk = Desk()
    desk.ask(SESSION)
    for n, spelling in enumerate((symbol, *spellings)):
        quote = coin(spelling, n, "40")
        assert desk.one(quote) == {"ok": True} | ({"symbol": symbol} if n else {})
        desk.one(intent(f"a{n}", qty="1.00" + str(n), symbol=spelling, second=10 + n))
    assert {order["symbol"] for order in desk.one({"type": "status"})["open"]} == {symbol}


def test_an_order_sent_again_in_another_spelling_is_the_same_order() -> None:
    desk = Desk()
    desk.ask(SESSION, coin("BTCUSDT"))
    first = desk.one(intent("a", qty="0.0001", symbol="BTC-USD"))
    assert desk.one(intent("a", qty="0.0001", symbol="btc/usd")) == first | {"symbol": "BTC-USD"}
    assert desk.one(coin("BTC/USD", price="-1"))["doubt"] == "refused"
    assert desk.one(intent("b", qty="0.0001", symbol="BTC-USD"))["reasons"] == ["PRICE_UNKNOWN"]


NO_HOLDINGS = (
    "^VIX DX-Y.NYB VOD.L SAP.DE 7203.T USDJPY=X BTC-EUR ETH-BTC EURUSD.FMP ES=F GC.CMX BTCUSD=X BTC-USD-PERP BTC-PERP "
    "BTCUSDT-PERP BTCUSDT.P BTCBUSD BTC-FDUSD BTC-USDT-USD BTCUSDT-USD EURUSD-USD PEPEUSD MSFT-US XYZ.WS MSFT.CME A^B"
)


@pytest.mark.parametrize("symbol", NO_HOLDINGS.split())
def test_what_is_no_holding_in_dollars_is_refused_for_new_risk_and_its_facts_and_exits_are_not(symbol: str) -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE, QUOTE | {"symbol": symbol})
    assert "UNKNOWN_SYMBOL" in desk.one(intent("a", symbol=symbol))["reasons"]
    told = {"type": "external", "id": "e", "symbol": symbol, "side": "buy", "qty": "0.1", "price": "400",
            "ts": QUOTE["ts"]}  # fmt: skip
    assert desk.one(told)["ok"]
    assert desk.one({"type": "status"})["positions"] == {symbol: "0.1"}
    assert desk.one(intent("b"))["reasons"] == ["LOSS_UNKNOWN"]  # nobody knows what it is worth in dollars
    assert desk.one(intent("c", "sell", "0.1", symbol=symbol))["decision"] == "ADMIT"


def test_a_snapshot_may_name_one_thing_in_two_ways() -> None:
    desk = Desk()
    desk.ask(SESSION, coin("BTC-USD"), intent("a", qty="0.0003", symbol="BTC-USD"))
    desk.one(fill("a", "x", "0.0003", "60000"))
    seen = {"type": "snapshot", "id": "s", "positions": {"BTC-USD": "0.0001", "BTCUSDT": "0.0002"},
            "ts": "2026-03-02T15:00:20Z"}  # fmt: skip
    assert desk.one(seen) == {"ok": True}


# quotes that are none


@pytest.mark.parametrize(
    ("bad", "said", "doubt"),
    [
        ({"bid": "-1", "ask": "250"}, "bid must be a positive", ("refused", "250", "250")),
        ({"bid": "0", "ask": "250"}, "bid must be positive", ("refused", "250", "250")),
        ({"bid": "0.0000000000001"}, "bid must be positive", ("refused", "400.02", "400.02")),
        ({"bid": "399", "ask": "-0.01"}, "ask must be a positive", ("refused", "399", "399")),
        ({"bid": "-1", "ask": "-1"}, "bid must be a positive", ("refused", None, None)),
        ({"bid": None, "ask": None}, "bid must be a positive", ("refused", None, None)),
        ({"bid": float("nan"), "ask": float("nan")}, "not 'NaN'", ("refused", None, None)),
        ({"ask": float("inf")}, "ask must be a positive", ("refused", "399.98", "399.98")),
        ({"bid": "1e308"}, "plain decimal", ("refused", "400.02", "400.02")),
        ({"bid": True}, "plain decimal", ("refused", "400.02", "400.02")),
        ({"bid": ["400"], "ts": "now"}, "plain decimal", ("refused", "400.02", "400.02")),
        ({"bid": "401"}, "bid <= ask, not 401 to 400.02", ("crossed", "400.02", "401")),
    ],
)
def test_a_refused_quote_leaves_its_symbol_in_doubt(bad: dict[str, Any], said: str, doubt: tuple[str, ...]) -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE, QUOTE | {"symbol": "SPY"})
    answer = desk.one(QUOTE | bad)
    assert said in answer["error"] and "MSFT is in doubt" in answer["error"]
    assert (answer["reasons"], answer["doubt"], answer["ok"]) == (["PRICE_UNKNOWN"], doubt[0], False)
    shown = desk.one({"type": "status"})["doubts"]
    assert shown == {
        "MSFT": dict(zip(("why", "bid", "ask"), doubt, strict=True)) | {"since": "2026-03-02T15:00:00+00:00"}
    }
    assert desk.one(intent("a"))["reasons"] == ["PRICE_UNKNOWN"]
    assert desk.one(intent("b", symbol="SPY"))["decision"] == "ADMIT"
    assert desk.one(QUOTE | {"ts": "2026-03-02T15:00:01Z"}) == {"ok": True}
    assert desk.one({"type": "status"})["doubts"] == {}


def test_a_quote_that_lacks_a_side_is_refused_as_one_without_a_price() -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE)
    answer = desk.one({key: value for key, value in QUOTE.items() if key != "bid"})
    assert answer["error"] == "quote lacks bid: the price of MSFT is in doubt"
    assert desk.one({"type": "status"})["doubts"]["MSFT"]["bid"] == "400.02"


@pytest.mark.parametrize(
    "bad",
    [{"symbol": ""}, {"symbol": None}, {"symbol": 5}, {"ts": "2026-03-02T14:00:00Z"}, {"ts": "2026-03-09T14:00:00Z"}],
)
def test_a_refused_quote_of_no_symbol_or_another_time_changes_nothing(bad: dict[str, Any]) -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE)
    before = dict(desk.account.state)
    assert list(desk.one(QUOTE | {"bid": "-1"} | bad)) == ["error", "line"]
    assert desk.account.state == before


def test_a_jump_is_told_and_a_second_print_ends_it() -> None:
    desk = Desk()
    desk.ask(SESSION, QUOTE)
    up = QUOTE | {"bid": "500", "ask": "500.04", "ts": "2026-03-02T15:00:01Z"}
    assert desk.one(up) == {"ok": True, "reasons": ["PRICE_UNKNOWN"], "doubt": "jump"}
    assert desk.one(up | {"ts": "2026-03-02T15:00:02Z"}) == {"ok": True}


# times


def test_recorded_sessions_lie_wherever_they_lie() -> None:
    assert Desk().ask(SESSION | {"date": "2062-03-02"}, QUOTE | {"ts": "2062-03-02T15:00:00Z"}) == [{"ok": True}] * 2


def test_fills_before_and_after_a_cancel_in_any_order_end_the_same() -> None:
    ends = set()
    steps = (
        fill("a", "x1"),
        fill("a", "x2", "0.02"),
        fill("a", "x1"),
        {"type": "cancel", "id": "a", "ts": QUOTE["ts"]},
    )
    for order in permutations(steps):
        desk = Desk()
        desk.ask(SESSION, QUOTE, intent("a", qty="0.05"))
        assert desk.ask(*order) == [{"ok": True}] * 4
        status = desk.one({"type": "status"})
        ends.add(json.dumps({k: status[k] for k in ("open", "positions", "used", "headroom", "reduce_only")}))
    assert len(ends) == 1 and '"MSFT": "0.03"' in ends.pop()


@pytest.mark.parametrize("url", ["redis://:p@h/0", "redis://u:p@h", "redis://h?password=p"])
def test_a_password_is_not_taken_from_a_command_line(url: str) -> None:
    with pytest.raises(UsageError, match="credentials"):
        refuse_secret(url)
    refuse_secret(None)
    refuse_secret("redis://127.0.0.1:6379/0")
