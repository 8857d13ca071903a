"""Killed at any write and started again, a paper session ends as if nothing had happened (X7, G3, E1).

A kill is a copy of the journal's files as they lie on disk at that moment: whatever the process would have done
afterwards, closing included, never reaches them. Acts happen only between writes, so a kill right after write n
stands for every moment until write n + 1.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.app.wiring import simulated_exchange
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import Halted, PlimsollError
from plimsoll.core.events import Event, OrderSubmitted
from plimsoll.core.order import Fill
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.engine.history import history_of
from plimsoll.engine.paper import PaperSession
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span
from plimsoll.engine.tally import RunTally
from plimsoll.store import codec
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.journal_chain import verify
from plimsoll.store.run_reader import SqliteRunReader

BASE = Policy()
# weekly auctions and no band: as much as possible happens between two kills
POLICY = replace(
    BASE,
    auction=replace(BASE.auction, schedule="week_end"),
    shaping=replace(BASE.shaping, band_nav=0.002),
    lifecycle=replace(BASE.lifecycle, enabled=True),  # its evidence lives in the fold alone
)
SPAN = Span(349, 364)  # over a split, dividends and a crash


def opened(path: Path) -> SqliteJournal:
    """A durable journal that does not wait for the disk: a copy of its files sees what was written, flushed or not."""
    journal = SqliteJournal(path, durable=True)
    journal._connection.execute("PRAGMA synchronous = OFF")
    return journal


class Killed(Exception):
    """The process died."""


class Mortal:
    """A journal whose process dies after ``life`` writes; ``survivor`` is then where its files were copied."""

    def __init__(self, inner: SqliteJournal, life: int, survivor: Path) -> None:
        self.inner, self.left, self.survivor = inner, life, survivor

    def append(self, event: Event) -> str:
        if self.left == 0:
            self._die()
        head = self.inner.append(event)
        self.left -= 1
        if self.left == 0:
            self._die()
        return head

    def append_many(self, events: Iterable[Event]) -> str:
        return [self.append(event) for event in events][-1]

    def _die(self) -> None:
        copied(self.inner.path, self.survivor)
        raise Killed

    def events(self) -> Iterator[Event]:
        return self.inner.events()

    def commit(self) -> None:
        self.inner.commit()

    def close(self) -> None:
        self.inner.close()


class Photographed(Mortal):
    """A journal whose files are copied after every write, as a kill there would leave them."""

    def __init__(self, inner: SqliteJournal, album: Path) -> None:
        super().__init__(inner, -1, album)
        self.written = 0

    def append(self, event: Event) -> str:
        head = self.inner.append(event)
        self.written += 1
        copied(self.inner.path, self.survivor / f"{self.written}.db")
        return head


def copied(path: Path, to: Path) -> None:
    for suffix in ("", "-wal"):
        if (lying := Path(f"{path}{suffix}")).exists():
            shutil.copyfile(lying, f"{to}{suffix}")


class World:
    """One recorded market, traded by a session that may be killed."""

    def __init__(self, panel: Panel, folder: Path) -> None:
        self.history, self.folder = history_of(panel, POLICY), folder
        self.whole = folder / "whole.db"
        self.tally = self.trade(lambda: SqliteJournal(self.whole, durable=True))  # this one waits for the disk
        self.lines = lines_of(self.whole)

    def trade(self, open_journal: Callable[[], Any], operator: str = "simulated") -> RunTally:
        from plimsoll.alpha.registry import load

        return PaperSession(
            lambda: self.history,
            lambda found: RunContext(POLICY, load(POLICY.strategies.enabled), found.panel.instruments),
            SPAN,
            open_journal,
            simulated_exchange,
            capital=10_000_000,
            operator=operator,
        ).run()

    def lives(self, path: Path, *lives: int) -> Path:
        """Trade, dying after each of ``lives`` writes in turn; returns where the last corpse's journal lies."""
        begun = path
        for number, life in enumerate(lives):
            corpse = begun.with_name(f"{begun.stem}-{number}.db")
            with pytest.raises(Killed):
                self.trade(lambda at=path, n=life, to=corpse: Mortal(opened(at), n, to))
            path = corpse
        return path

    def as_if_nothing_had_happened(self, path: Path) -> None:
        tally = self.trade(lambda: opened(path))
        assert lines_of(path) == self.lines
        assert verify(path).ok
        assert (tally.nav, tally.fills, tally.dates) == (self.tally.nav, self.tally.fills, self.tally.dates)


def lines_of(path: Path) -> list[tuple[str, bytes]]:
    with SqliteRunReader(path) as reader:
        return [codec.encode(event) for event in reader.events()]


@pytest.fixture(scope="module")
def world(make_market: Callable[..., Panel], tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(make_market(2, 420, crash=0.01, at=352), tmp_path_factory.mktemp("world"))


def test_the_recorded_days_hold_every_kind_of_event(world: World) -> None:
    kinds = {"genesis", "data_published", "cycle", "order_submitted", "order_accepted", "fill", "cash", "split"}
    assert {kind for kind, _ in world.lines} >= kinds
    assert sum(kind == "fill" for kind, _ in world.lines) >= 5


def test_killed_once_after_any_write_and_restarted_nothing_differs(world: World, tmp_path: Path) -> None:
    world.trade(lambda: Photographed(opened(tmp_path / "run.db"), tmp_path))
    for n in range(1, len(world.lines) + 1):
        corpse = tmp_path / f"{n}.db"
        assert lines_of(corpse) == world.lines[:n]
        world.as_if_nothing_had_happened(corpse)


@pytest.mark.parametrize("lives", [(3, 1, 1), (9, 2, 3), (20, 1, 1, 1, 1)])
def test_killed_again_while_recovering_nothing_differs(world: World, tmp_path: Path, lives: tuple[int, ...]) -> None:
    corpse = world.lives(tmp_path / "run.db", *lives)
    assert lines_of(corpse) == world.lines[: sum(lives)]
    world.as_if_nothing_had_happened(corpse)


@pytest.mark.parametrize("life", [1, 2])
def test_a_process_that_never_survives_more_than_a_write_or_two_still_gets_there(
    world: World, tmp_path: Path, life: int
) -> None:
    lives = (life,) * ((len(world.lines) - 1) // life)
    world.as_if_nothing_had_happened(world.lives(tmp_path / "run.db", *lives))


def test_an_order_is_in_the_journal_before_its_fill_and_after_its_decision(world: World) -> None:
    ordered: set[str] = set()
    decided: set[str] = set()
    for kind, payload in world.lines:
        event = codec.decode(kind, payload)
        if isinstance(event, CycleRecord):
            decided = {i.id for i in event.intents}
        elif isinstance(event, OrderSubmitted):
            assert event.id in decided
            ordered.add(event.id)
        elif isinstance(event, Fill) and event.reason == "ORDER":
            assert event.id in ordered
    assert ordered


def test_a_journal_that_is_full_of_another_market_is_not_continued(
    world: World, make_market: Callable[..., Panel], tmp_path: Path
) -> None:
    corpse = world.lives(tmp_path / "run.db", 12)
    other = World.__new__(World)
    other.history = history_of(make_market(3, 420, snapshot="other"), POLICY)
    with pytest.raises(Halted, match="this one is other"):
        other.trade(lambda: SqliteJournal(corpse, durable=True))
    assert lines_of(corpse) == world.lines[:12]


def test_a_morning_that_does_not_repeat_halts_instead_of_guessing(
    world: World, make_market: Callable[..., Panel], tmp_path: Path
) -> None:
    """The same snapshot name over other prices: what was journaled cannot happen again, so nothing goes on."""
    fills = [n for n, (kind, _) in enumerate(world.lines, start=1) if kind == "fill"]
    corpse = world.lives(tmp_path / "run.db", fills[0])
    other = World.__new__(World)
    other.history = history_of(make_market(3, 420), POLICY)
    with pytest.raises(Halted, match="does not repeat"):
        other.trade(lambda: SqliteJournal(corpse, durable=True))
    assert lines_of(corpse) == world.lines[: fills[0]]


def test_a_journal_that_cannot_be_written_stops_trading_at_once(world: World, tmp_path: Path) -> None:
    """Once a write fails nothing more is decided or recorded (G3, G7)."""
    path = tmp_path / "run.db"
    journal = SqliteJournal(path, durable=True)
    seen: list[str] = []

    class Full(Mortal):
        def append(self, event: Event) -> str:
            seen.append(type(event).__name__)
            if len(seen) == 15:
                self.inner._connection.execute("PRAGMA query_only = 1")  # the disk refuses from here on
            return self.inner.append(event)

    with pytest.raises(PlimsollError, match="cannot be written"):
        world.trade(lambda: Full(journal, -1, path))
    assert len(seen) == 15
    world.as_if_nothing_had_happened(path)
