"""The steps of a cycle run in the order in which its docstring lists them (E1)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from plimsoll.core.state import State
from plimsoll.engine import cycle


def test_the_modules_are_entered_in_the_order_that_the_docstring_lists(
    decided: Callable[..., Any], account: Callable[..., State], under: Callable[..., State]
) -> None:
    listed = re.findall(r"\(``(\w+)``\)", cycle.__doc__ or "")
    home, entered = Path(cycle.__file__).parent, dict[str, int]()

    def called(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        # a dataclass is made, not entered; an auction's helpers are its own
        if event == "call" and path.parent == home and not frame.f_code.co_name.startswith("__"):
            entered.setdefault(path.stem, len(entered))

    class Hopeful:
        name = "hopeful"

        def forecast(self, *_: object) -> list[object]:
            return []

    state = account(SPY=10)
    sys.setprofile(called)
    try:
        decided(state, Hopeful())
    finally:
        sys.setprofile(None)
    order = [name for name in entered if name in listed]
    assert order == listed
    numbers = [int(n) for n in re.findall(r"(?:^|[·,\s])(\d+)\s+[a-z]", (cycle.__doc__ or "").split("order:")[1])]
    assert numbers == list(range(1, 16))
