"""Warnings of moves that nobody explained in symbols that a run held: its NAV followed the file (D10, U6)."""

from __future__ import annotations

from collections.abc import Iterator

from plimsoll.core.panel import Flag, Panel
from plimsoll.engine.tally import RunTally

WARNING = "WARNING: "
"""How a note begins that belongs above everything else."""


def unexplained_moves(panel: Panel, tally: RunTally) -> Iterator[str]:
    """A warning for each symbol that the run held over a jump or suspected split that nothing explains.

    Certification lets nothing be added from that session on; what is held is marked as the file tells.
    """
    for one in panel.certifications:
        if not panel.instruments[panel.column[one.symbol]].tradable:
            continue
        by_day: dict[str, list[Flag]] = {}
        for flag in one.unexplained:
            by_day.setdefault(flag.day, []).append(flag)
        for day, flags in sorted(by_day.items()):
            if day in tally.dates[1:] and _held(tally, one.symbol, day):
                yield WARNING + _told(one.symbol, day, flags, tally)


def _told(symbol: str, day: str, flags: list[Flag], tally: RunTally) -> str:
    at = tally.dates.index(day)
    before, after = tally.nav[at - 1], tally.nav[at]
    detail = next((f.detail for f in flags if f.reason == "SPLIT_SUSPECTED"), flags[0].detail)
    ended = any(e.kind == "MANDATE_ENDED" and e.day == day for e in tally.events)
    more = max(f.count for f in flags) - 1
    return (
        f"nobody explained a move of {symbol} that this run held on {day} ({', '.join(f.reason for f in flags)}: "
        f"{detail}){f', and {more} more like it' if more else ''}. It was booked as the file tells it: NAV "
        f"{after / before - 1.0:+.1%} in that session{', which ended the mandate' if ended else ''}; from then on "
        f"nothing was added in {symbol}, and no figure over that day is evidence. If it was a split, add it to the "
        f"file and ingest that again; if it was real, plimsoll confirm {symbol} {day} --by NAME --reason TEXT"
    )


def _held(tally: RunTally, symbol: str, day: str) -> bool:
    """Whether the account held the symbol when the session ``day`` opened."""
    moves = [(f.session, 0, f.lots) for f in tally.fills if f.symbol == symbol and f.session < day]
    moves += [(s.session, -1, s.lots) for s in tally.splits if s.symbol == symbol and s.session < day]
    lots = 0
    for _, kind, count in sorted(moves):  # a split is booked before its session's fills and says what is held after it
        lots = count if kind else lots + count
    return lots != 0
