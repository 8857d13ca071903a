"""Every fact a venue reports, in every order, with a crash before and after every write: one account (X3, X6, H2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plimsoll.core.errors import Halted
from plimsoll.core.venue_facts import Bust, Correction, External, Fact, Snapshot, Split, Transfer
from plimsoll.governor.governor import CENT, Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import limits_of
from plimsoll.store import policy_file
from power_cut import Disk, Rows

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * 1_000_000
PRICE = 10 * UNIT
LIMITS = limits_of(policy_file.load("micro").policy)
Action = Callable[[Governor], object]


def tell(fact: Fact) -> Action:
    return lambda g: g.tell(fact)


def at(seconds: int) -> int:
    return NOON + seconds * 1_000_000


TOLD: dict[str, Action] = {
    "a part": lambda g: g.fill(Execution("b", "x1", UNIT, PRICE, PRICE, at=at(1))),
    "the rest": lambda g: g.fill(Execution("b", "x2", UNIT, PRICE, PRICE, at=at(2))),
    "its bust": tell(Bust("b", "x1")),
    "a correction": tell(Correction("b", "x2", "x3", 2 * UNIT, PRICE, PRICE, at=at(2))),
    "by hand": tell(External("e", "S", -1, UNIT, PRICE, PRICE, at=at(3))),
    "moved in": tell(Transfer("m", "S", UNIT, at(4))),
    "a split": tell(Split("f", "S", 2, 1, at(5))),
    "a snapshot": tell(Snapshot("p", at(6), {"S": 4 * UNIT}, frozenset())),
    "its end": lambda g: g.close("b"),
}


def test_facts_in_every_order_with_a_crash_at_every_write_end_with_one_account() -> None:
    """Two ordered; 2 corrected to, 1 sold by hand, 1 moved in, all of it doubled: 4, as the snapshot says."""
    start = Disk()
    governor = Governor(start, LIMITS)
    governor.begin(DAY, 10_000)
    governor.quote("S", Quote(PRICE, PRICE, NOON))
    assert governor.decide(OrderIntent("b", "S", 1, 2 * UNIT, NOON)).decision == "ADMIT"
    frontier: list[tuple[frozenset[str], Rows]] = [(frozenset(), start.rows)]
    known, ends = set(), set()
    while frontier:
        told, rows = frontier.pop()
        for name, action in TOLD.items():
            whole = Governor(disk := Disk(rows), LIMITS)
            answer = action(whole)
            if name in told:
                assert disk.rows == rows
                continue
            for moment in ("before", "after"):
                broken = Disk(rows)
                governor = Governor(broken, LIMITS)
                broken.cut = moment
                with pytest.raises(Halted):
                    action(governor)
                assert broken.rows == (rows if moment == "before" else disk.rows)
                broken.cut = ""
                again = Governor(broken, LIMITS)
                assert action(again) == answer
                assert broken.rows == disk.rows and booked(again) == booked(whole)
            assert booked(Governor(Disk(disk.rows), LIMITS)) == booked(whole)
            now = told | {name}
            if len(now) == len(TOLD):
                ends.add(booked(whole))
            elif (state := (now, booked(whole))) not in known:
                known.add(state)
                frontier.append((now, disk.rows))
    assert len(known) > 500
    assert ends == {(("S", 4 * UNIT),) + ((),) * 4 + (4 * 10 * 100 * CENT,)}


def booked(g: Governor) -> tuple[object, ...]:
    """What facts leave of an account."""
    book = g.book
    rest = tuple((o.id, o.rest) for o in book.orders.values())
    held = tuple(sorted(book.positions.items()))
    return (*held, tuple(book.told.items()), book.foreign, rest, g.account.restricted, g.account.turnover)
