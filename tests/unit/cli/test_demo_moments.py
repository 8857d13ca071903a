"""Which decisions the demo picks to explain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from plimsoll.cli.demo import refused, traded


def day(session: str, *rows: tuple[str, str, int, float, float]) -> Any:
    """A record of rows (symbol, outcome, lots, held, wanted)."""
    symbol, outcome, lots, held, wanted = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return SimpleNamespace(
        session=session, symbols=symbol, outcome=outcome, lots=lots, held=held, proposed=wanted, desired=wanted
    )


def test_the_largest_purchase_after_the_first_day_is_the_trade() -> None:
    records = [
        day("2025-01-02", ("SPY", "EXECUTE", 9, 0.0, 0.9)),
        day("2025-01-03", ("SPY", "EXECUTE", 1, 0.1, 0.2), ("GLD", "EXECUTE", 1, 0.0, 0.3)),
        day("2025-01-06", ("TLT", "EXECUTE", -9, 0.8, 0.0)),
    ]
    assert traded(records) == ("2025-01-03", "GLD")


def test_the_largest_refused_wish_is_the_refusal() -> None:
    records = [
        day("2025-01-02", ("SPY", "REJECT", 0, 0.1, 0.2), ("GLD", "HOLD", 0, 0.0, 0.9)),
        day("2025-01-03", ("TLT", "REJECT", 0, 0.0, 0.3)),
    ]
    assert refused(records) == ("2025-01-03", "TLT")


def test_a_quiet_year_has_neither() -> None:
    records = [day("2025-01-02", ("SPY", "HOLD", 0, 0.1, 0.1)), day("2025-01-03")]
    assert traded(records) is None
    assert refused(records) is None
