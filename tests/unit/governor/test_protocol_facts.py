"""What a venue reports, as lines of the protocol: what is read, what is answered, what is refused (X3, X6, R9, H2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plimsoll.governor.governor import Governor
from plimsoll.governor.limits import limits_of
from plimsoll.governor.protocol import LineProtocol
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

MICRO = limits_of(policy_file.load("micro").policy)
TS = "2026-03-02T15:00:{:02d}Z"


class Desk:
    """A protocol in one process, with 0.12 MSFT bought at 400.02 by order "a", execution "x1"."""

    def __init__(self) -> None:
        self.protocol = LineProtocol(Governor(MemoryStateStore(), MICRO), 64, lambda: 0)
        self.say(type="session", date="2026-03-02", equity="10000.00")
        self.say(type="quote", symbol="MSFT", bid="399.98", ask="400.02", ts=TS.format(0))
        order = {"id": "a", "symbol": "MSFT", "side": "buy", "qty": "0.12"}
        assert self.say(type="intent", **order, ts=TS.format(1))["decision"] == "ADMIT"
        self.say(type="fill", id="a", exec="x1", qty="0.12", price="400.02", ts=TS.format(2))

    def say(self, **fields: Any) -> dict[str, Any]:
        fields.setdefault("ts", TS.format(30)) if fields["type"] not in ("session", "status") else None
        (answer,) = self.protocol.answer([json.dumps(fields).encode()])
        found: dict[str, Any] = json.loads(answer)
        return found

    def held(self) -> dict[str, str]:
        found: dict[str, str] = self.say(type="status")["positions"]
        return found


def test_each_message_has_its_effect() -> None:
    desk = Desk()
    assert desk.say(type="correct", id="a", exec="x1", by="x2", qty="0.10", price="399.50") == {"ok": True}
    assert desk.held() == {"MSFT": "0.1"}
    assert desk.say(type="bust", id="a", exec="x2") == {"ok": True, "reasons": ["BUSTED"]}
    desk.say(type="cancel", id="a")
    assert desk.held() == {}
    told = desk.say(type="external", id="e1", symbol="MSFT", side="buy", qty="0.5", price="400.00")
    assert told == {"ok": True, "reasons": ["EXTERNAL"]}
    assert desk.say(type="split", id="f1", symbol="MSFT", new="2", old="1", ts=TS.format(40)) == {"ok": True}
    assert desk.held() == {"MSFT": "1"}
    assert desk.say(type="dividend", id="d1", symbol="MSFT", amount="0.75", ts=TS.format(41)) == {"ok": True}
    assert desk.say(type="transfer", id="m1", symbol="MSFT", qty="-0.25") == {"ok": True}
    assert desk.say(type="settle", id="z1", symbol="MSFT", price="200", qty="0.25") == {"ok": True}
    assert desk.say(type="settle", id="z2", symbol="MSFT", price="0") == {"ok": True}
    assert desk.held() == {}


def test_a_snapshot_answers_with_what_does_not_agree() -> None:
    desk = Desk()
    desk.say(type="intent", id="b", symbol="MSFT", side="buy", qty="0.01", ts=TS.format(3))
    agreed = desk.say(type="snapshot", id="p1", positions={"MSFT": "0.12"}, orders=["b"])
    assert agreed == {"ok": True}
    assert desk.say(type="snapshot", id="p2", positions={"MSFT": "0.05", "GLD": "-1"}, orders=["o9"]) == {
        "ok": True,
        "reasons": ["POSITION_DISPUTED", "FOREIGN_ORDER"],
        "disputed": {"GLD": {"counted": "0", "told": "-1"}, "MSFT": {"counted": "0.12", "told": "0.05"}},
        "unknown_orders": ["b"],
        "foreign_orders": ["o9"],
    }
    status = desk.say(type="status")
    assert status["disputed"]["MSFT"] == {"counted": "0.12", "told": "0.05"}
    assert (status["foreign_orders"], [order["id"] for order in status["open"]]) == (["o9"], ["b"])
    sale = {"id": "s", "symbol": "MSFT", "side": "sell", "qty": "0.06", "ts": TS.format(31)}
    assert "POSITION_DISPUTED" in desk.say(type="intent", **sale)["reasons"]
    assert desk.say(type="snapshot", id="p3", positions={"MSFT": "0.12"}, orders=["b"]) == {"ok": True}
    assert desk.say(type="intent", **sale | {"id": "s2"})["decision"] == "ADMIT"


def test_an_execution_id_serves_two_symbols() -> None:
    desk = Desk()
    desk.say(type="quote", symbol="GLD", bid="199.98", ask="200.02", ts=TS.format(3))
    desk.say(type="intent", id="g", symbol="GLD", side="buy", qty="0.10", ts=TS.format(4))
    assert desk.say(type="fill", id="g", exec="x1", qty="0.10", price="200.02") == {"ok": True}
    assert desk.say(type="fill", id="a", exec="x1", qty="0.12", price="400.02") == {"ok": True}
    assert desk.held() == {"GLD": "0.1", "MSFT": "0.12"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            {"type": "bust", "id": "zz", "exec": "x1"},
            "bust zz: no order has this id. Report a trade without an order here",
        ),
        (
            {"type": "fill", "id": "zz", "exec": "x1", "qty": "1", "price": "1"},
            "has this id: order zz, execution x1. Report a",
        ),
        ({"type": "split", "id": "f", "symbol": "MSFT", "new": "2", "old": "0"}, "old must be positive"),
        ({"type": "split", "id": "f", "symbol": "MSFT", "new": "2", "old": "1", "again": "yes"}, "true or false"),
        ({"type": "dividend", "id": "d", "symbol": "MSFT", "amount": "100"}, "100 for each MSFT is more than 20 %"),
        ({"type": "settle", "id": "z", "symbol": "MSFT", "price": "-1"}, "0 to write off"),
        ({"type": "settle", "id": "z", "symbol": "MSFT", "price": "1", "act": "x"}, "act must be a whole number"),
        ({"type": "settle", "id": "z", "symbol": "GLD", "price": "1"}, "settle z: 0 GLD are held"),
        ({"type": "transfer", "id": "m", "symbol": "MSFT", "qty": "--1"}, "qty must be"),
        ({"type": "external", "id": "e", "symbol": "MSFT", "side": "up", "qty": "1", "price": "1"}, "side is 'up'"),
        ({"type": "snapshot", "id": "p", "positions": ["MSFT"]}, "positions must be an object"),
        ({"type": "snapshot", "id": "p", "positions": {"M S": "1"}}, "symbol must be"),
        ({"type": "snapshot", "id": "p", "positions": {"MSFT": None}}, "the position of MSFT must be"),
        ({"type": "snapshot", "id": "p", "positions": {}, "orders": "b"}, "orders must be a list"),
        ({"type": "snapshot", "id": "p", "positions": {}, "orders": ["a b"]}, "an order's id must be"),
        ({"type": "correct", "id": "a", "exec": "x1", "by": "x2", "qty": "0", "price": "1"}, "qty must be positive"),
        ({"type": "fill", "id": "a", "exec": "x9", "venue": "", "qty": "1", "price": "1"}, "venue must be 1 to 128"),
    ],
)
def test_a_line_that_cannot_be_booked_says_what_is_wrong_and_changes_nothing(line: dict[str, Any], words: str) -> None:
    desk = Desk()
    before = desk.say(type="status")
    assert words in desk.say(**line)["error"]
    assert desk.say(type="status") == before


@pytest.mark.parametrize(
    "told",
    [
        {"type": "fill", "id": "b", "exec": "y1", "qty": "0.10", "price": "400.00"},
        {"type": "external", "id": "e", "symbol": "MSFT", "side": "buy", "qty": "0.10", "price": "400.00"},
        {"type": "transfer", "id": "m", "symbol": "MSFT", "qty": "0.10"},
        {"type": "correct", "id": "b", "exec": "y0", "by": "y1", "qty": "0.10", "price": "400.00"},
    ],
)
def test_what_is_dated_far_ahead_is_not_later_than_every_snapshot(told: dict[str, Any]) -> None:
    """0.12 are held. 0.10 more, of the year 2099, are not: the next days' snapshots must be able to say so."""
    desk = Desk()
    desk.say(type="intent", id="b", symbol="MSFT", side="buy", qty="0.10", ts=TS.format(3))
    desk.say(**told, ts="2099-01-01T00:00:00Z")
    assert desk.held() == {"MSFT": "0.22"}
    for day in (3, 4):
        desk.say(type="session", date=f"2026-03-0{day}", equity="10000.00")
    seen = desk.say(type="snapshot", id="p", positions={"MSFT": "0.12"}, ts="2026-03-04T15:00:00Z")
    assert seen["disputed"] == {"MSFT": {"counted": "0.22", "told": "0.12"}}
