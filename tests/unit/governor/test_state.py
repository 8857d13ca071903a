"""What a row of the state that says less than there is to say stands for (H2)."""

from __future__ import annotations

import pytest

from plimsoll.governor.limits import Ruling
from plimsoll.governor.state import (
    AHEAD_MAX,
    DECODERS,
    FAR_FUTURE,
    MINUTE,
    Account,
    AdmittedOrder,
    Came,
    Doubt,
    Due,
    Lost,
    Moves,
    OpenOrder,
    Quote,
    SplitAt,
    encode,
    row,
)


@pytest.mark.parametrize(
    ("kind", "text", "full"),
    [
        ("quote", "[1,2,3]", Quote(1, 2, 3, "")),
        ("doubt", '["jump",1,2,3]', Doubt("jump", 1, 2, 3, 0)),
        ("lost", "[1,2]", Lost(1, 2, told=False)),
        ("open", '["a","S",1,5,7]', OpenOrder("a", "S", 1, 5, 7, 0, 0, 0)),
        ("split", '[[1,2,3,"f"]]', (SplitAt(1, 2, 3, "f", again=False),)),
        ("moves", "[]", Moves(0, -1)),
        ("due", "[1,2,3]", Due(1, 2, 3)),
        ("came", "[1,2]", Came(1, 2)),
        ("recent", '[1,"S",1,2]', AdmittedOrder(1, "S", 1, 2)),
        ("policy", '["p",[[1,2]]]', Ruling("p", ((1, 2),), (), 0)),
        ("account", "[]", Account(-1, 0, 0, 0, 0, 0, False, (), 0, 1, 0, False, -1)),
    ],
)
def test_a_shorter_row_is_the_full_one_with_nothing_in_the_rest(kind: str, text: str, full: object) -> None:
    found = DECODERS[kind].decode(text)
    assert found == full and encode(found) == encode(full)
    assert row(kind, "S", found) == (kind, "S", encode(full)) and row(kind, "S", None) == (kind, "S", None)


def test_instants_are_microseconds() -> None:
    assert MINUTE == AHEAD_MAX == 60_000_000 and FAR_FUTURE > 10**24
