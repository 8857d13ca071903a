"""What is remembered between calls changes no bit and cannot be changed by who gets it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.engine import measure
from plimsoll.indicators import catalogue as module
from plimsoll.indicators.catalogue import catalogue

REMEMBERED = [f for f in vars(module).values() if hasattr(f, "cache_clear") and f.__module__ == module.__name__]


def test_indicators_have_the_same_bits_with_and_without_a_memory_of_another_panel(
    make_market: Callable[..., Panel],
) -> None:
    one, other = make_market(1, 120), make_market(2, 120)
    known = catalogue(Policy())

    def fresh(panel: Panel) -> list[bytes]:
        found = []
        for factor in known.values():
            for remembered in REMEMBERED:
                remembered.cache_clear()
            found.append(factor(panel).tobytes())
        return found

    alone = [fresh(panel) for panel in (one, other)]
    mixed = [[factor(panel).tobytes() for panel in (one, other)] for factor in known.values()]
    assert [list(pair) for pair in zip(*alone, strict=True)] == mixed and len(REMEMBERED) == 8
    assert alone[0] != alone[1]


def test_what_is_remembered_cannot_be_written(make_market: Callable[..., Panel]) -> None:
    panel = make_market(1, 120)
    for values in (module._price(panel), module._returns(panel), module.sound(panel), measure._nothing(3)):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
    assert measure._nowhere(3) is measure._nowhere(3) and not np.any(measure._nowhere(3))
