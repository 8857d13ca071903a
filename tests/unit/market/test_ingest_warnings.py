"""What certification holds against symbols is printed where they are ingested: reason, days, figures, remedy."""

from __future__ import annotations

from plimsoll.core.panel import Certification, Flag
from plimsoll.market.ingest_warnings import warnings


def test_a_reason_is_told_once_with_the_first_symbol_its_days_and_its_remedy() -> None:
    twice = Flag("DUPLICATE_CONFLICT", "hard", "2015-01-05", "2017-10-13", 2)
    silent = Flag("NO_VOLUME", "note", "2015-01-05", "2020-01-02", 900)
    old = Flag("OHLC_INCONSISTENT", "note", "2015-01-05", "2015-01-05", 1)
    odd = Flag("OFF_GRID_ROWS", "note", "2015-01-05", "2015-01-05", 1)
    said = warnings([
        Certification("SPY", "DEGRADED", 1300, 1300, 0.0, 1.0, ("DUPLICATE_CONFLICT",), (twice, old, odd)),
        Certification("GLD", "DEGRADED", 1001, 1001, 0.0, 1.0, ("DUPLICATE_CONFLICT", "ROWS_SHORT"), (twice,)),
        Certification("BTC-USD", "ACTIVE", 1300, 1300, 0.0, 1.0, (), (silent,)),
    ])  # fmt: skip
    assert said == (
        "SPY is DEGRADED: DUPLICATE_CONFLICT, 2 rows from 2015-01-05 to 2017-10-13 (so are GLD). Keep one row a day",
        "SPY is DEGRADED: OHLC_INCONSISTENT, on 2015-01-05. Correct the source file",
        "GLD is DEGRADED: ROWS_SHORT, 1001 rows. Ingest a longer history",
        "BTC-USD is ACTIVE: NO_VOLUME, 900 days from 2015-01-05 to 2020-01-02. "
        "Nothing is bought without volume; name its column with --columns volume=NAME, "
        "or let the universe say its kind",
    )
    assert warnings([Certification("SPY", "ACTIVE", 1300, 1300, 0.0, 1.0, (), (odd,))]) == ()
