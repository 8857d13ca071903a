"""Validation of a provider's pages before anything of them is kept (D13).

A provider reads somebody else's wire. What it hands on is held against itself here, once for all of them: the places of
the pages, their cursors, the bytes they were made from, and the rows they claim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from plimsoll.core.bars import COLUMNS, Bars
from plimsoll.core.dates import iso_day
from plimsoll.market.provider import BrokenPages, FetchRequest, Page, Provider

_REMEDY = "Nothing of it was certified; run the command again: it continues after the last page kept"


def fetched(provider: Provider, request: FetchRequest, held: int = 0) -> Iterator[Page]:
    """The pages of a request behind its cursor, each proven before it is handed on; ``held`` are kept already.

    Raises
    ------
    What ``fetch`` raises. BrokenPages for a page that is repeated, skipped or out of order, a cursor that does not move
    on, bytes that are not those announced, rows that nobody asked for or of unequal columns, pages after the last one,
    and a sequence that ends without one.
    """
    due, cursors, last = held, {request.cursor}, False
    coming = provider.fetch(request)
    for page in coming:
        if page.number != due:
            raise _broken(provider, f"page {page.number} came where page {due} was due")
        if page.cursor in cursors or not page.cursor:
            raise _broken(provider, f"the cursor of page {page.number} is empty or was given before")
        _prove(provider, request, page)
        cursors.add(page.cursor)
        due, last = due + 1, page.last
        if last and (more := next(coming, None)) is not None:  # seen before the last one is kept as such
            raise _broken(provider, f"page {more.number} came after the last one")
        yield page
    if not last:
        raise _broken(provider, f"the pages ended after {due} without a last one")


def behind(request: FetchRequest, cursor: str) -> FetchRequest:
    """The same request, to be gone on with behind the page of this cursor."""
    return replace(request, cursor=cursor)


def _prove(provider: Provider, request: FetchRequest, page: Page) -> None:
    for raw in page.raw:
        if isinstance(raw.content, bytes):
            if len(raw.content) != raw.size:
                raise _broken(provider, f"{raw.name} has {len(raw.content)} of {raw.size} bytes announced")
            if hashlib.sha256(raw.content).hexdigest() != raw.sha256:
                raise _broken(provider, f"{raw.name} does not match its hash")
    for symbol, bars in page.bars.items():
        if request.symbols and symbol not in request.symbols:
            raise _broken(provider, f"page {page.number} has rows of {symbol}, which was not requested")
        if any(getattr(bars, name).shape != bars.day.shape for name in COLUMNS):
            raise _broken(provider, f"page {page.number} has columns of unequal length for {symbol}")
        _prove_span(provider, request, page, symbol, bars)
    for name, series in page.macro.items():
        if not series.day.shape == series.value.shape == series.known.shape:
            raise _broken(provider, f"page {page.number} has columns of unequal length for {name}")


def _prove_span(provider: Provider, request: FetchRequest, page: Page, symbol: str, bars: Bars) -> None:
    if not len(bars):
        return
    first, last = int(bars.day.min()), int(bars.day.max())
    early = request.start is not None and first < request.start
    if early or (request.end is not None and last > request.end):
        day = iso_day(first if early else last)
        raise _broken(provider, f"page {page.number} has a row of {symbol} of {day}, outside the requested dates")


def _broken(provider: Provider, what: str) -> BrokenPages:
    return BrokenPages(f"The provider {provider.name} gave no proper pages: {what}", _REMEDY)
