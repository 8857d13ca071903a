"""Formatting of numbers and codes: percentages, dollars, dates and reasons, each in one way."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.reasons import DOLLARS, FIGURES, REASONS

ABSENT = "unknown"
_LIMIT_CLAUSE = re.compile(r"; [^;]*\{limit\}[^;]*$")  # left out where no limit is known

GATES = {
    "cvar_1": "CVaR, 1 session",
    "cvar_10": "CVaR, 10 sessions",
    "cvar": "CVaR, 10 sessions",
    "stressed_1": "Stressed CVaR, 1 session",
    "stressed_10": "Stressed CVaR, 10 sessions",
    "gross": "Gross exposure",
    "cash": "Minimum cash",
    "keep": "A kept position that may not grow",
    "STOP_CAP": "Cap left by a stop",
}
_PREFIXES = {
    "position": "Position cap",
    "standalone_1": "Stand-alone risk, 1 session",
    "standalone_10": "Stand-alone risk, 10 sessions",
    "pair": "Correlated pair",
    "group": "Group cap",
    "sector": "Sector cap",
    "stage": "Stage cap of the strategy",
    "participation": "Share of average volume",
    "incremental": "Risk added by one trade",
}
VETOES = {
    "UNEXPLAINED_PROFIT": "A large expected return with little confidence behind it",
    "TOO_PERFECT_EXECUTION": "A conviction too high to be plausible",
    "DATA_DEPENDENCY_RISK": "Data of mediocre quality",
    "CORRELATED_WINS": "Many correlated openings within a few sessions",
    "HIGH_CVAR": "A proposal above the hard CVaR limit after scaling",
    "LEVERAGE_BREACH": "A proposal above the gross limit after scaling",
    "DRAWDOWN_LIMIT": "The mandate's drawdown is reached",
    "MODEL_DECAY": "Low confidence in the forecast",
    "INSUFFICIENT_HISTORY": "Too short a history",
    "LOW_DATA_QUALITY": "Data below the accepted quality",
}


def percent(value: float | None, places: int = 1) -> str:
    r"""A fraction as per cent, with a true minus sign and a space that does not break.

    >>> percent(-0.0123)
    '−1.2\xa0%'
    """
    return ABSENT if value is None or not math.isfinite(value) else f"{_signed(value * 100.0, places)}\xa0%"


def bps(value: float | None, places: int = 1) -> str:
    r"""A fraction as basis points.

    >>> bps(0.00123)
    '12.3\xa0bps'
    """
    return ABSENT if value is None or not math.isfinite(value) else f"{_signed(value * 1e4, places)}\xa0bps"


def figure(value: float | None, places: int = 2) -> str:
    """A plain figure."""
    return ABSENT if value is None or not math.isfinite(value) else _signed(value, places)


def largest(values: NDArray[np.float64]) -> str:
    """The largest of some fractions as per cent; unknown where none is known."""
    seen = values[np.isfinite(values)]
    return percent(float(seen.max()), 2) if seen.size else ABSENT


def count(value: int) -> str:
    """A whole number with thousands separated."""
    return _signed(value, 0)


def usd(cents: float, places: int = 0) -> str:
    """Cents as dollars.

    >>> usd(-1234567)
    '−$12,346'
    """
    amount = f"{abs(cents) / 100.0:,.{places}f}"
    zero = not any(c in "123456789" for c in amount)
    return f"{'−' if cents < 0 and not zero else ''}${amount}"


def number(value: int, noun: str) -> str:
    """A count with its noun.

    >>> number(1, "session"), number(2, "session")
    ('1 session', '2 sessions')
    """
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def constraint(name: str) -> str:
    """A constraint's name in words, its subject after a colon."""
    if name in GATES:
        return GATES[name]
    head, _, subject = name.partition(":")
    if head in GATES and subject:
        return f"{GATES[head]}: {subject}"
    if head in _PREFIXES:
        return f"{_PREFIXES[head]}: {subject}" if subject else _PREFIXES[head]
    return name


Span = tuple[float, float]


def reason(
    code: str, *, symbol: str = "", measured: float | Span | None = None, limit: float | Span | None = None
) -> str:
    """The sentence of a reason code; without a symbol or figures it speaks of any, with a span of many cases."""
    known = REASONS.get(code)
    if known is None:
        return VETOES.get(code, code)
    sentence = known.sentence
    if symbol and symbol != "book":
        sentence = sentence.replace("{symbol}", symbol)
    elif sentence.startswith("{symbol}"):
        sentence = "The symbol" + sentence.removeprefix("{symbol}")
    sentence = sentence.replace("{symbol}", "the symbol")
    if limit is None:
        sentence = _LIMIT_CLAUSE.sub("", sentence)
    shown = "its figure" if measured is None else _span(measured, code)
    bound = "its limit" if limit is None else _span(limit, code)
    said = sentence.replace("{measured}", shown).replace("{limit}", bound)
    return f"I{said[1:]}" if said.startswith("its ") else said


def _span(value: float | Span, code: str) -> str:
    """A figure, or the lowest and highest of several where they read differently."""
    low, high = value if isinstance(value, tuple) else (value, value)
    first, last = small(low, code), small(high, code)
    return first if first == last else f"{first} to {last}"


def small(value: float, code: str = "") -> str:
    """A finding's figure: a count as it is, a fraction as per cent, anything larger plainly.

    What the reason ``code`` measures in plain figures, such as a correlation, is no per cent.
    """
    if code in DOLLARS:
        return usd(100.0 * value)
    if float(value).is_integer():
        return count(int(value))
    if code in FIGURES:
        return figure(value)
    return percent(value, 2) if abs(value) <= 1.5 else figure(value, 1)


def _signed(value: float, places: int) -> str:
    text = f"{abs(value):,.{places}f}"
    return f"−{text}" if value < 0 and any(c in "123456789" for c in text) else text
