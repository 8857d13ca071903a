"""Mock models that exercise the system, from sensible to broken; none is meant to make money (H4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plimsoll.alpha.observation import OBSERVATION
from plimsoll.core.intraday import Floats

_AT = {figure.name: n for n, figure in enumerate(OBSERVATION)}


class MockModel:
    """A named rule on the observation."""

    def __init__(self, name: str, rule: Callable[[Floats], object]) -> None:
        self.name, self._rule = name, rule

    def answer(self, observation: Floats) -> object:
        """The rule's answer."""
        return self._rule(observation)


def _momentum(seen: Floats) -> tuple[str, float]:
    """In the direction of the last 15 bars, if the session's VWAP agrees."""
    moved, vwap = float(seen[_AT["return_15"]]), float(seen[_AT["vwap"]])
    usual = float(seen[_AT["volatility"]]) * 15.0**0.5
    if not (moved * vwap > 0.0 and usual > 0.0):
        return "HOLD", 0.5
    return ("BUY" if moved > 0.0 else "SELL"), min(0.5 + 0.25 * abs(moved) / usual, 1.0)


def _reversal(seen: Floats) -> tuple[str, float]:
    """Against them."""
    action, confidence = _momentum(seen)
    return {"BUY": "SELL", "SELL": "BUY"}.get(action, "HOLD"), confidence


def _flip(seen: Floats) -> object:
    """BUY and SELL in turn, by the minute of the session."""
    return ("SELL" if round(float(seen[_AT["hours_open"]]) * 60.0) % 2 else "BUY"), 1.0


def _raises(_: Floats) -> object:
    raise RuntimeError("a mock that fails")


_RULES: dict[str, Callable[[Floats], object]] = {
    "momentum": _momentum,
    "reversal": _reversal,
    "always_buy": lambda _: ("BUY", 1.0),
    "flip": _flip,
    "not_a_number": lambda _: ("BUY", np.nan),
    "overconfident": lambda _: ("BUY", 2.0),
    "wrong_shape": lambda seen: seen,
    "raises": _raises,
}
MOCKS = tuple(_RULES)


def mock(name: str) -> MockModel:
    """One of ``MOCKS`` by name; ``KeyError`` where there is none."""
    return MockModel(f"mock:{name}", _RULES[name])
