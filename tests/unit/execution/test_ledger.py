"""A ledger converts what is corrected after a split, held still or not, as if it had been right from the start (X3)."""

from __future__ import annotations

from fractions import Fraction
from math import trunc

import pytest

from plimsoll.execution.ledger import Ledger, LedgerEntry


def entry(execution: str, quantity: int) -> LedgerEntry:
    return LedgerEntry(("sim", "SPY", execution), f"order {execution}", quantity, 100 * quantity)


def lived(steps: list[tuple[str, int | float]], *, late: tuple[str, int | None] | None = None) -> tuple[int, int]:
    """Lots and cash after fills (by name) and splits, with a correction at the end."""
    ledger = Ledger({"USD": 0})
    for name, value in steps:
        if name == "split":
            held = trunc(ledger.held("SPY") * Fraction(str(value)))
            ledger.restated("SPY", held, float(value))
        else:
            assert ledger.fill(entry(name, int(value)))
    if late is not None:
        name, lots = late
        assert ledger.correct(("sim", "SPY", name), None if lots is None else entry(f"{name} again", lots))
    return ledger.held("SPY"), ledger.cash()


@pytest.mark.parametrize("lots", [None, 4, 25])
@pytest.mark.parametrize("ratio", [4, 0.1, 1.5])
@pytest.mark.parametrize("sold", [False, True], ids=["held", "sold before the split"])
def test_a_correction_after_a_split_is_as_if_the_execution_had_been_so(
    lots: int | None, ratio: float, sold: bool
) -> None:
    before: list[tuple[str, int | float]] = [("a", 20), *([("out", -20)] if sold else [])]
    after: list[tuple[str, int | float]] = [("split", ratio), ("b", 7), ("split", 2), ("c", 1)]
    right = [("a", lots), *before[1:]] if lots is not None else before[1:]
    assert lived([*before, *after], late=("a", lots)) == lived([*right, *after])  # type: ignore[list-item]


def test_an_execution_of_after_the_split_is_corrected_in_its_own_units() -> None:
    assert lived([("a", 20), ("split", 4), ("b", 8)], late=("b", 5)) == (85, -2500)
    assert lived([("a", 20), ("split", 4), ("b", 8)], late=("b", None)) == (80, -2000)
