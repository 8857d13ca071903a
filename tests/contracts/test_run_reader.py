"""One contract for whatever reads runs: journal files, and a catalogue in memory that knows no file at all (G3)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from msgspec.structs import replace

from catalogues import MemoryRun, MemoryRuns, MemorySnapshots, chained, summary_of
from plimsoll.analysis import past_session
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError, UsageError
from plimsoll.core.events import Event, Genesis
from plimsoll.core.policy import Policy
from plimsoll.core.ports import RunCatalogue, RunReader
from plimsoll.core.runs import Anchor
from plimsoll.core.track import Rows
from plimsoll.engine.recovery import recover
from plimsoll.store import codec
from plimsoll.store.home import Home
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.runs import RunFiles

READINGS: dict[str, Callable[[RunReader], object]] = {
    "proof": lambda r: r.proof,
    "decisions_hash": lambda r: r.decisions_hash,
    "last_decided": lambda r: r.last_decided,
    "events": lambda r: list(r.events()),
    "session": lambda r: r.session(r.genesis.start),
    "before": lambda r: list(r.before(r.genesis.start)),
}


class Shelf(Protocol):
    """Where a test puts runs, and harms them."""

    @property
    def runs(self) -> RunCatalogue: ...

    def put(
        self, name: str, events: list[Event], policy: Policy, *, finished: bool = True, ended: str = "", tag: str = ""
    ) -> None: ...

    def alter(self, name: str, seq: int) -> None: ...

    def cut(self, name: str) -> None: ...


@dataclass
class Files:
    home: Home

    @property
    def runs(self) -> RunFiles:
        return RunFiles(self.home)

    def put(
        self, name: str, events: list[Event], policy: Policy, *, finished: bool = True, ended: str = "", tag: str = ""
    ) -> None:
        genesis = events[0]
        assert isinstance(genesis, Genesis)
        self.runs.keep_policy(name, policy)
        with SqliteJournal(self.runs.journal(name), False) as journal:
            journal.append_many(events)
            end = journal.anchor
        self.runs.finish(summary_of(name, genesis, end, finished=finished, ended=ended, tag=tag))

    def alter(self, name: str, seq: int) -> None:
        self._harm(name, "UPDATE journal SET payload = payload || ' ' WHERE seq = ?", seq)

    def cut(self, name: str) -> None:
        last = "(SELECT max(seq) FROM journal)"
        self._harm(name, f"DELETE FROM journal WHERE seq = {last}")
        self._harm(name, f"UPDATE head SET count = {last}, hash = (SELECT hash FROM journal WHERE seq = {last})")

    def _harm(self, name: str, statement: str, *given: int) -> None:
        with closing(sqlite3.connect(self.runs.journal(name))) as connection:
            for trigger in ("journal_in_order", "journal_no_update", "journal_no_delete"):
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            connection.execute(statement, given)
            connection.commit()


class Memory:
    def __init__(self) -> None:
        self.runs = MemoryRuns()

    def put(
        self, name: str, events: list[Event], policy: Policy, *, finished: bool = True, ended: str = "", tag: str = ""
    ) -> None:
        genesis = events[0]
        assert isinstance(genesis, Genesis)
        records = chained(events)
        end = Anchor(len(records), records[-1][2])
        summary = summary_of(name, genesis, end, finished=finished, ended=ended, tag=tag)
        self.runs.kept[name] = MemoryRun(records, summary, policy)

    def alter(self, name: str, seq: int) -> None:
        kind, payload, head = self.runs.kept[name].records[seq - 1]
        self.runs.kept[name].records[seq - 1] = (kind, payload + b" ", head)

    def cut(self, name: str) -> None:
        self.runs.kept[name].records.pop()


@pytest.fixture(params=["files", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return Files(Home(tmp_path)) if request.param == "files" else Memory()


@dataclass(frozen=True)
class Made:
    """A backtest's events, with the places of its decisions."""

    events: list[Event]
    policy: Policy

    @property
    def places(self) -> list[int]:
        return [n for n, event in enumerate(self.events) if isinstance(event, CycleRecord)]


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "followed"])
def made(request: pytest.FixtureRequest, make_market: Any, backtested: Any) -> Made:
    """Fourteen months of a synthetic market; ``followed`` where strategies' evidence is a sum over all decisions."""
    policy = Policy()
    policy = replace(policy, lifecycle=replace(policy.lifecycle, enabled=request.param))
    trial = backtested(make_market(seed=4, rows=560), policy)
    return Made([codec.decode(*line) for line in trial.ledger.lines], policy)


def test_what_is_read_is_what_was_journaled_and_the_proof_says_to_which_head(shelf: Shelf, made: Made) -> None:
    shelf.put("one", made.events, made.policy)
    shelf.put("killed", made.events[:-1], made.policy, finished=False)
    with shelf.runs.open("one") as reader:
        assert reader.run == "one" and reader.genesis == made.events[0]
        assert list(reader.events()) == made.events
        known = shelf.runs.summary("one")
        assert (reader.proof.records, reader.proof.head, reader.proof.anchored) == (len(made.events), known.head, True)
        assert reader.last_decided == made.events[made.places[-1]].session  # type: ignore[union-attr]
        decided = reader.decisions_hash
    with shelf.runs.open("killed") as other:
        assert list(other.events()) == made.events[:-1] and not other.proof.anchored
        assert (other.decisions_hash == decided) == (made.places[-1] < len(made.events) - 1)
    assert shelf.runs.audit("one").ok and shelf.runs.audit("one").anchored and not shelf.runs.audit("killed").anchored


def test_a_session_is_its_decision_with_the_events_between_its_neighbours(shelf: Shelf, made: Made) -> None:
    shelf.put("one", made.events, made.policy)
    events, places = made.events, [*made.places, len(made.events)]
    with shelf.runs.open() as reader:
        for n in (0, 1, 40, len(places) - 2):
            record = events[places[n]]
            assert isinstance(record, CycleRecord)
            found = reader.session(record.session)
            assert found is not None and found.record == record and found.genesis == events[0]
            assert found.before == (events[places[n - 1]] if n else None)
            assert list(found.pre_open) == (events[places[n - 1] + 1 : places[n]] if n else [])
            assert list(found.after) == events[places[n] + 1 : places[n + 1]]
            assert codec.encode(record)[1] == found.payload
        assert reader.session("1999-01-04") is None and reader.session("2199-01-04") is None


def plain(value: Any) -> str:
    """A state as text, the tables of its evidence by what is in them."""
    rows = getattr(getattr(value.state, "track", None), "__dataclass_fields__", ())
    tables = [getattr(value.state.track, name) for name in rows]
    held = [table.since(0).tolist() for table in tables if isinstance(table, Rows)]
    return re.sub(r"<[^>]* at 0x[0-9a-f]+>", "table", str(value)) + str(held)


def test_the_account_before_a_session_is_the_fold_of_every_event_before_it(shelf: Shelf, made: Made) -> None:
    shelf.put("one", made.events, made.policy)
    with shelf.runs.open("one") as reader:
        for n in (0, 1, 40, len(made.places) - 1):
            place = made.places[n]
            part = recover(reader.before(made.events[place].session))  # type: ignore[union-attr]
            whole = recover(made.events[:place])
            assert plain(part) == plain(whole)
            assert (part.state.track is None) == (not made.policy.lifecycle.enabled or n == 0)
        with pytest.raises(UsageError, match="There is no decision on 2199-01-04"):
            list(reader.before("2199-01-04"))


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("harm", ["first", "middle", "last", "cut"])
def test_nothing_is_given_of_a_run_that_is_not_what_was_written(
    shelf: Shelf, made: Made, harm: str, reading: str
) -> None:
    events = made.events[:40]
    shelf.put("one", events, made.policy)
    if harm == "cut":
        shelf.cut("one")
    else:
        shelf.alter("one", {"first": 1, "middle": 20, "last": 40}[harm])
    assert not shelf.runs.audit("one").ok
    said = "39" if harm == "cut" else "is not what was written"
    with shelf.runs.open("one") as reader, pytest.raises(CorruptionError, match=said):
        READINGS[reading](reader)


def test_a_reader_sees_the_run_as_it_was_when_it_was_opened(shelf: Shelf, made: Made) -> None:
    shelf.put("one", made.events, made.policy)
    with shelf.runs.open("one") as reader:
        first = next(reader.events())
        assert first == made.events[0] and reader.proof.records == len(made.events)


def test_the_last_run_is_the_one_that_ended_last_and_others_are_found_by_name_or_tag(shelf: Shelf, made: Made) -> None:
    few = made.events[:12]
    with pytest.raises(UsageError):
        shelf.runs.find()
    shelf.put("b-1", few, made.policy, ended="2026-01-02T00:00:00.000000Z", tag="wide")
    shelf.put("c-1", few, made.policy, ended="2026-01-03T00:00:00.000000Z")
    shelf.put("a-1", few, made.policy, ended="2026-01-01T00:00:00.000000Z")
    shelf.put("d-1", few, made.policy, finished=False)
    assert shelf.runs.find() == shelf.runs.find("last") == "c-1"
    assert shelf.runs.find("wide") == "b-1" and shelf.runs.find("d") == "d-1"
    assert list(shelf.runs.names()) == ["a-1", "b-1", "c-1", "d-1"]
    with pytest.raises(UsageError):
        shelf.runs.open("nobody")
    with shelf.runs.open() as reader:
        assert reader.run == "c-1"


def test_a_run_gives_its_own_policy_and_no_other(shelf: Shelf, made: Made) -> None:
    shelf.put("one", made.events[:12], made.policy)
    digest = shelf.runs.summary("one").policy
    assert shelf.runs.policy("one", digest) == made.policy and shelf.runs.policy_file("one")
    with pytest.raises(CorruptionError):
        shelf.runs.policy("one", "f" * 64)
    assert shelf.runs.result("one") is None


def test_a_session_is_explained_from_any_catalogue(shelf: Shelf, made: Made, make_market: Any) -> None:
    """What looks back asks for nothing but the ports: the same page comes from files and from memory."""
    shelf.put("one", made.events, made.policy)
    panel = make_market(seed=4, rows=560)
    snapshots = MemorySnapshots({made.events[0].snapshot: panel})  # type: ignore[union-attr]
    day = made.events[made.places[60]].session  # type: ignore[union-attr]
    with shelf.runs.open() as reader:
        past = past_session.find(reader, shelf.runs, snapshots, day, lambda: made.policy)
        page = past_session.explain(past)
        again = past_session.replay(past)
    assert page.session == day and page.journal is not None and page.journal.anchored and page.symbols
    assert again.same_morning and again.same_decision
