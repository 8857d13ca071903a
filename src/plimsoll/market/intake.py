"""Pages made durable one by one, so that an interrupted reading continues after the last one (D13).

For each page first the bytes it came from, then what was understood of them, then the row that says so with its cursor:
whatever is cut short between two of these is read once more. Nothing reaches the price history before the last page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from plimsoll.core.bars import HeldPage, MacroSeries
from plimsoll.core.errors import CorruptionError
from plimsoll.core.ports import BarStore
from plimsoll.market import pages, stage
from plimsoll.market.gathered import gathered
from plimsoll.market.provider import Page, StaleCursor
from plimsoll.market.request import IngestPlan
from plimsoll.market.stage import PageContents

Progress = Callable[[str, int, int], None]
"""Called with what was just done, how many are done, and how many there are."""


class Archive(Protocol):
    """Where raw payloads are kept (D13), and pages until their reading is complete."""

    def put(self, run: str, name: str, content: Any) -> str:
        """Keep ``content``; returns the SHA-256 of what was kept."""
        ...

    def keep(self, run: str, name: str, source: Path | bytes, sha256: str) -> None:
        """Keep the bytes of a source, a file or in memory, that had this hash when it was read."""
        ...

    def stage(self, run: str, number: int, content: Iterable[bytes]) -> str:
        """Keep a page, durable before it returns the SHA-256; one of this number is replaced."""
        ...

    def staged(self, run: str, number: int) -> BinaryIO:
        """The page's bytes, to read from any place; ``CorruptionError`` where it is not there."""
        ...

    def unstage(self, run: str) -> None:
        """Let go of all pages of a run."""
        ...

    def discard(self, run: str) -> None:
        """Let go of everything of a run that was refused."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Intake:
    """A plan whose reading has begun: contents of the pages already held, and an iterator of those still to come."""

    plan: IngestPlan
    held: list[PageContents]
    pages: Iterator[Page]


def begin(plan: IngestPlan, held: list[PageContents] | None = None) -> Intake:
    """Ask the provider, and prove as much as can be proven before anything is written: that there is something to read,
    and, where all of it is already there, that it can be used.

    Raises what ``Provider.fetch``, ``pages.fetched`` and ``gathered`` raise.
    """
    held = held or []
    if held and held[-1].last:
        return Intake(plan, held, iter(()))
    cursor = held[-1].cursor if held else ""
    coming = pages.fetched(plan.provider, pages.behind(plan.fetch, cursor), len(held))
    first: list[Page] = []
    for page in coming:
        first.append(page)
        if page.bars or page.macro:
            break
    if first and first[-1].last:
        gathered(plan, [*held, *(stage.contents(page) for page in first)])
    return Intake(plan, held, chain(first, coming))


def resumed(plan: IngestPlan, run: str, store: BarStore, archive: Archive) -> Intake:
    """A run taken up behind its last durable page, or from its first where the pages are not what they were: a page
    that was lost or damaged, a source that changed since.
    """
    try:
        return begin(plan, [_opened(run, one, archive) for one in store.pages(run)])
    except (StaleCursor, CorruptionError):
        with store.transaction():
            store.drop_pages(run)
        archive.unstage(run)
        return begin(plan)


def take(intake: Intake, run: str, store: BarStore, archive: Archive, progress: Progress | None) -> None:
    """Keep every page still to come; each is among those held once it is durable."""
    for page in intake.pages:
        for raw in page.raw:
            if raw.content is not None:
                archive.keep(run, raw.name, raw.content, raw.sha256)
        sha256 = archive.stage(run, page.number, stage.pieces(page))
        with store.transaction():
            store.put_page(run, HeldPage(page.number, page.cursor, page.last, sha256))
        intake.held.append(stage.contents(page))
        if progress is not None:
            name = page.raw[0].name if page.raw else intake.plan.name
            progress(name, page.number + 1, page.total or page.number + 1)


class KeptPages:
    """The rows of a run's pages, a symbol at a time."""

    def __init__(self, run: str, store: BarStore, archive: Archive) -> None:
        self._run, self._archive = run, archive
        self._pages = [_opened(run, one, archive) for one in store.pages(run)]

    def bars(self, symbol: str, at: list[int]) -> stage.SymbolReading:
        """What all pages ``at`` these places hold of a symbol."""
        parts = []
        for number in at:
            with self._archive.staged(self._run, number) as file:
                parts.append(self._pages[number].rows_of(symbol, file))
        mine = [self._pages[number] for number in at]
        return stage.SymbolReading(
            stage.joined(parts),
            tuple(one for page in mine for one in page.findings.get(symbol, ())),
            all(symbol in page.unadjusted for page in mine),
        )

    def macro(self, name: str, at: list[int]) -> MacroSeries:
        """The observations of a series from the pages ``at`` these places."""
        parts = []
        for number in at:
            with self._archive.staged(self._run, number) as file:
                parts.append(self._pages[number].series_of(name, file))
        return stage.joined(parts)


def _opened(run: str, one: HeldPage, archive: Archive) -> PageContents:
    with archive.staged(run, one.number) as file:
        return stage.opened(file, one.sha256)
