"""Price validation: which quotes are believed (U6, H2).

A feed can send anything: a price a tenth of the last one, no bid, -1. A price that is not believed is neither used nor
dropped: it becomes a doubt beside the last believed quote, and the worse of both counts until one is explained. Pure
functions of an account's book and limits.
"""

from __future__ import annotations

from plimsoll.governor.book import Book, unearned
from plimsoll.governor.limits import SECOND, WHOLE, GovernorLimits, Jumps
from plimsoll.governor.state import SPLIT, Doubt, Quote

JUMP = "jump"  # too far from the last believed price
CROSSED = "crossed"  # the bid above the ask
REFUSED = "refused"  # a side is absent, not positive, or no number
_DAY = 86_400 * SECOND


def judged(book: Book, limits: GovernorLimits, symbol: str, new: Quote) -> tuple[Quote | None, Doubt | None]:
    """The quote believed from now on, None where the last one stays, and the remaining doubt, if any.

    A side of the quote that is no price is 0 or below. A print near the last believed one is believed and ends every
    doubt; among prints of the same time each must also be near the last believed one of an earlier time, or they could
    drift anywhere in small steps; where that one is not known, after a start, each must be the same. A jump is believed
    when a later print is near it; where it may be a split of a held symbol, prints cannot confirm it, since all of them
    are at the new level. Nor is a booked split confirmed by a print that is nearer to the price before it.
    """
    last, doubt = book.quotes.get(symbol), book.doubts.get(symbol)
    if not 0 < new.bid <= new.ask:
        return None, _refused(doubt, new)
    bound = limits.jumps.of(symbol)
    if last is None:
        return new, None
    before = earlier(book, symbol, last, new.at)
    alike = (last.bid, last.ask) == (new.bid, new.ask)
    within = alike if before is None else near(last, new, bound) and near(before, new, bound)
    if within and not _as_before(book, symbol, last, new):
        return new, None
    if _as_before(book, symbol, last, new) and symbol in book.positions:
        return None, _doubt(SPLIT, new, doubt)
    if symbol in book.positions and _apart(book, last, new) and may_be_split(limits.jumps, last, new):
        return None, _doubt(SPLIT, new, doubt)
    if doubt is not None and doubt.why in (JUMP, SPLIT) and doubt.at < new.at and near(doubt, new, bound):
        return new, None
    return None, _doubt(JUMP, new, doubt)


def earlier(book: Book, symbol: str, last: Quote, at: int) -> Quote | None:
    """The last believed quote earlier than ``at``, in present units. None where it is not known: the last one has this
    time, and was heard by a process before, or by another.
    """
    if at > last.at or last.derived:
        return last
    before, then = book.earlier.get(symbol, (None, None))
    return before if then == last else None


def confirmed(book: Book, limits: GovernorLimits, symbol: str, new: Quote) -> Quote | None:
    """A doubted price that a new quote confirms, although the new one is not near the last believed one.

    It was the market's price, even if the next one is better: its effect on the account counts (R4).
    """
    last, doubt = book.quotes.get(symbol), book.doubts.get(symbol)
    if last is None or doubt is None or near(last, new, limits.jumps.of(symbol)):
        return None
    return Quote(doubt.bid, doubt.ask, doubt.at)


def no_gain(book: Book, symbol: str, new: Quote) -> int:
    """Twice the gain from a quote that counts as part of the session's starting value, and makes no room.

    It arises for transferred units worth more than booked, and for the first quote after a start where the stored one
    is from before the session: later quotes may have died with a process, and with them the session's starting price,
    so the gain may be older.
    """
    last, came = book.quotes.get(symbol), book.came.get(symbol)
    entered = 0 if came is None else unearned(came, new, book.doubts.get(symbol))
    if last is None or symbol not in book.unheard or last.at > book.account.opened:
        return entered
    return max(book.positions.get(symbol, 0) * (new.bid + new.ask - last.bid - last.ask), entered)


def unsplit(book: Book, symbol: str, at: int) -> list[tuple[str, str, Quote | None]]:
    """The change for a snapshot that confirms the counted units: a price suspected of a split was not one, if the
    snapshot is later, and is believed.
    """
    doubt = book.doubts.get(symbol)
    if doubt is None or doubt.why != SPLIT or at <= doubt.since:
        return []
    return [("doubt", symbol, None), ("quote", symbol, Quote(doubt.bid, doubt.ask, doubt.at))]


def near(one: Quote | Doubt, other: Quote | Doubt, bound_bps: int) -> bool:
    """Whether the second mid is within a bound of the first."""
    before = one.bid + one.ask
    return abs(other.bid + other.ask - before) * WHOLE <= bound_bps * before


def paid(
    book: Book, limits: GovernorLimits, symbol: str, sign: int, prices: tuple[int, int], at: int
) -> tuple[int, int, tuple[str, ...]]:
    """Unit values of a past trade in cash and in the turnover, from its price rounded down and up; a reason code where
    they differ from the reported price.

    Beyond the bound of its kind from the last believed price it counts at the worse of both, and in the turnover at the
    higher, so that no venue error makes room. The last price is converted to the units before a later split.
    """
    told, quote = prices[1] if sign > 0 else prices[0], book.quotes.get(symbol)
    if quote is None:
        return told, prices[1], ()
    bid, ask = quote.bid, quote.ask
    for split in book.splits.get(symbol, ()):
        if split.at > at:
            bid, ask = bid * split.new // split.old, -(-ask * split.new // split.old)
    mid, bound = bid + ask, limits.jumps.of(symbol)
    if all(abs(2 * price - mid) * WHOLE <= bound * mid for price in prices):
        return told, prices[1], ()
    return max(told, ask) if sign > 0 else min(told, bid), max(prices[1], ask), ("PRICE_UNEXPLAINED",)


def may_be_split(jumps: Jumps, last: Quote, new: Quote) -> bool:
    """Whether a move is large enough, or near enough to a ratio of small numbers, to be a split."""
    before, after = last.bid + last.ask, new.bid + new.ask
    if max(before, after) * WHOLE >= jumps.split_far_bps * min(before, after):
        return True
    units = range(1, jumps.split_units + 1)
    return any(
        abs(after * many - before * few) * WHOLE <= jumps.split_near_bps * before * few
        for many in units
        for few in units
        if many != few
    )


def _as_before(book: Book, symbol: str, last: Quote, new: Quote) -> bool:
    """Whether the first print after a split is nearer to the price before it than to the split-adjusted one."""
    now, split = new.bid + new.ask, last.bid + last.ask
    return last.derived == SPLIT and abs(now - book.unsplit(symbol, split, 1)) < abs(now - split)


def _apart(book: Book, last: Quote, new: Quote) -> bool:
    """Whether a session or day boundary lies between two prints."""
    return last.derived != "" or last.at <= book.account.opened or last.at // _DAY != new.at // _DAY


def _refused(doubt: Doubt | None, new: Quote) -> Doubt:
    """The doubt from a quote without two prices: a single price counts for both sides, none for nothing.

    It never replaces a doubt that has prices.
    """
    prices = sorted(price for price in (new.bid, new.ask) if price > 0)
    if doubt is not None and doubt.ask and not prices:
        return doubt
    bid, ask = (prices[0], prices[-1]) if prices else (0, 0)
    return _doubt(CROSSED if len(prices) > 1 else REFUSED, Quote(bid, ask, new.at), doubt)


def _doubt(why: str, new: Quote, before: Doubt | None) -> Doubt:
    since = before.since if before is not None and before.why == why else new.at
    return Doubt(why, new.bid, new.ask, new.at, since)
