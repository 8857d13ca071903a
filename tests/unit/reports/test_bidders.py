"""The fate of strategies' answers as notes: what was refused is named, and has one cause (S1, E4)."""

from __future__ import annotations

from collections import Counter

from plimsoll.core.restraint import RiskEvent
from plimsoll.engine.tally import RunTally
from plimsoll.reports.bidders import notes

NEGATIVE = "its weight is negative, and the portfolio is long only"
UNKNOWN = "not a symbol of the universe"


def _event(kind: str, symbol: str, fault: str) -> RiskEvent:
    return RiskEvent("2020-01-31", kind, "WARNING", scope=f"mine: {symbol}: {fault}")


def test_refused_answers_name_their_symbols_and_no_second_cause_is_given() -> None:
    tally = RunTally(
        auctions=10,
        heard=Counter(mine=10),
        screened={"mine": Counter(FORECAST_INVALID=10)},
        events=[
            *[_event("NOT_IN_UNIVERSE", "AAPL", UNKNOWN)] * 10,
            _event("FORECAST_INVALID", "SPY", f"{NEGATIVE}; its position is kept"),
        ],
    )
    refused, silent = notes(tally, ("mine",))
    assert refused == (
        f"strategy mine: 11 answers or forecasts were refused (10 x {UNKNOWN} (AAPL); 1 x {NEGATIVE} (SPY))"
    )
    assert silent.endswith("made no bid at any of 10 auctions: 10 x a forecast that was refused, as said above")
