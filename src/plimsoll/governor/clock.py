"""Which times an account believes, and refusals of an order for its time (H2, X0).

A live account is checked against its machine's clock, in both directions; ``live`` is that clock's time. A recorded
account knows only the times in its lines: ``live`` is None. Times are in microseconds since 1970, UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from plimsoll.governor.book import Book
from plimsoll.governor.limits import SECOND, GovernorLimits
from plimsoll.governor.state import AHEAD_MAX

DAY = 86_400 * SECOND
_HOUR = 3_600 * SECOND
_EPOCH = date(1970, 1, 1)


def in_session(book: Book, at: int) -> bool:
    """The day of the session in UTC, or a neighbouring one, whatever the exchange's time zone."""
    return book.account.day >= 0 and abs(at // DAY - book.account.day) <= 1


def dates_of(now: int) -> tuple[int, int]:
    """Today in days since 1970, in UTC and in New York: both change on a whole hour."""
    return _dates(now // _HOUR)


@lru_cache(maxsize=4)
def _dates(hour: int) -> tuple[int, int]:
    when = datetime.fromtimestamp(hour * 3_600, UTC)
    return (when.date() - _EPOCH).days, (when.astimezone(ZoneInfo("America/New_York")).date() - _EPOCH).days


def seen(book: Book, live: int | None) -> int:
    """The last time seen that is still believed; 0 where it is so far ahead of a live account's machine that it comes
    from a clock that was set back since.
    """
    clock = book.account.clock
    return clock if live is None or clock <= live + AHEAD_MAX else 0


def believed(book: Book, at: int, live: int | None) -> bool:
    """Whether a time is possible: inside the session, and not ahead of a live account's machine."""
    return in_session(book, at) and (live is None or at <= live + AHEAD_MAX)


def outrun(book: Book, symbol: str, at: int, live: int | None) -> bool:
    """Whether a newer quote of a symbol is known, believed or not, from a clock not set since."""
    last, doubt = book.quotes.get(symbol), book.doubts.get(symbol)
    if last is not None and book.aged.get(symbol) == last:
        return False
    newest = max([known.at for known in (last, doubt) if known is not None], default=at)
    return at < newest and (live is None or newest <= live + AHEAD_MAX)


def seen_with(book: Book, at: int, live: int | None) -> int:
    """The last time seen after admitting an order of this time; a time that is not believed does not count."""
    before = seen(book, live)
    return max(before, at) if believed(book, at, live) else before


def moment(book: Book, at: int, live: int | None) -> int:
    """Decision time of an order; quote ages and throttles are measured to it.

    For a live account the machine's time, and never before the last admission's, where that is believed: a machine's
    clock may be set back.
    """
    if live is None:
        return seen_with(book, at, None)
    last = book.last_admitted
    return max(live, last) if last <= live + AHEAD_MAX else live


def untimely(book: Book, limits: GovernorLimits, at: int, live: int | None) -> list[str]:
    """Reason codes against new risk for an order's stated time. None of them stops a reduction: a sender whose
    clock has stopped must still be able to reduce.
    """
    day, found = book.account.day, []
    if day >= 0 and not (believed(book, at, live) and (live is None or day in dates_of(live))):
        found.append("TIME_OUTSIDE_SESSION")
    if not seen(book, live) - at <= limits.clock_slack:
        found.append("CLOCK_BACK")
    if live is not None and not live - at <= limits.quote_age:
        found.append("STALE_ORDER")
    return found
