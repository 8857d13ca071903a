"""The journal's contract (G3): what goes in comes out, nothing else may be written, and every alteration is found."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.decision import (
    AuctionRecord,
    BidRecord,
    Carried,
    CycleRecord,
    HeldPair,
    RegimeFigure,
    Share,
    StopState,
    TargetPortfolio,
    Veto,
)
from plimsoll.core.errors import CorruptionError, InputError, OldJournal, PlimsollError, UsageError
from plimsoll.core.events import Approval, CashFlow, Event, Genesis, Proof, Split
from plimsoll.core.order import Fill, Order
from plimsoll.core.restraint import LadderState, Restraint, Resume, RiskEvent
from plimsoll.core.runs import Anchor, AuditReport, Ending
from plimsoll.core.verdict import Finding
from plimsoll.store import codec
from plimsoll.store import journal as journal_module
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.journal_chain import UNKNOWN, verify
from plimsoll.store.journal_file import ORIGIN
from plimsoll.store.run_reader import SqliteRunReader

GENESIS = Genesis("paper", 10_000_000, ("GLD", "SPY"), "snap", "pol", "code", "2020-01-02", "2020-12-31", "backtest",
                  ("core_trend",), "never", True)  # fmt: skip


def cycle(session: str, weight: float = 0.1) -> CycleRecord:
    """A record in which every kind of field has something in it."""
    intent = Order("i" * 32, session, "SPY", -3, True, 321.07)
    bid = BidRecord("core_trend", "GLD", "EXECUTE", 1, 0.004, 0.003, 1e-4, 0.5, weight, 0.1, 0.2, 0.7, 1.3, 1.0,
                    ("ALLOCATED",), "gross", 0.02)  # fmt: skip
    ladder = LadderState(episode_peak=10_100_000, lifetime_peak=10_200_000, fired=("level_1",), ramp=(0.5, 1.0),
                         resumes=(Resume(18_262, True),))  # fmt: skip
    carried = Carried(
        ladder=ladder,
        portfolio=TargetPortfolio(18_263, (Share("core_trend", "GLD", weight),), {"GLD": 0.7}),
        stops=(StopState("SPY", 1, 0.1, 18_262),),
        pairs=(HeldPair("GLD", "SPY", 0.91),),
        openings=((18_262, "GLD"),),
    )
    return CycleRecord(
        session, session + "T00:00:00Z", "snap", "pol", "code", 10_050_000, 4_000_000,
        RegimeFigure((0.7, 0.2, 0.1), 0.05, None, "realised", False), Restraint(confidence_min=0.7), ("GLD", "SPY"),
        [weight, 0.3], [0.2, 0.0], [0.2, 0.0], [0.15, 0.0], [5, -3], ["EXECUTE", "HOLD"], [["TO_TARGET"], ["é\"|,"]], 0,
        {"cvar_1": 0.011, "cvar_10": None}, {"cvar_1": 0.015}, (Finding("cvar", "CVAR_UNKNOWN", "book", None, 0.06),),
        (Veto("HIGH_CVAR", "error", "book", 0.07, 0.06),),
        AuctionRecord("optimal", 0.01, 0.04, 0.0097, None, (bid,), {"gross": 0.02}, ("RISK_AVERSION_BINDS",)),
        (RiskEvent(session, "LADDER_RUNG", "WARNING", 0.05, 0.05),), (intent,), carried,
    )  # fmt: skip


EVENTS: tuple[Event, ...] = (
    GENESIS,
    cycle("2020-01-02"),
    Order("i" * 32, "2020-01-02", "SPY", -3, True, 321.07),
    Fill("i" * 32, "e" * 32, "2020-01-03", "SPY", -3, 320.123456789, -96_037, 96, 48, 3),
    CashFlow("2020-01-03", "dividend", "SPY", 17),
    Split("2020-01-03", "GLD", 10, 2.0),
    cycle("2020-01-03", 1.0 / 3.0),
    Approval("2020-01-03", "simulated operator", "cooldown over"),
)


def decided(path: Path) -> str:
    with SqliteRunReader(path) as found:
        return found.decisions_hash


def read(path: Path, ending: Ending = UNKNOWN) -> tuple[Event, ...]:
    with SqliteRunReader(path, ending=ending) as reader:
        return tuple(reader.events())


def written(folder: Path, durable: bool = False, events: tuple[Event, ...] = EVENTS) -> Path:
    path = folder / "run.db"
    with SqliteJournal(path, durable) as log:
        for event in events:
            log.append(event)
    return path


@pytest.fixture(params=[True, False], ids=["durable", "batch"])
def durable(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_events_come_back_as_they_went_in(tmp_path: Path, durable: bool) -> None:
    with SqliteJournal(tmp_path / "run.db", durable) as log:
        heads = [log.append(event) for event in EVENTS]
        assert tuple(log.events()) == EVENTS
        assert log.anchor == Anchor(len(EVENTS), heads[-1]) and len(log) == len(EVENTS)
    assert len(set(heads)) == len(EVENTS)
    assert (read(tmp_path / "run.db")) == EVENTS
    assert verify(tmp_path / "run.db").ok


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_bit_for_bit(number: float) -> None:
    event = codec.decode(*codec.encode(cycle("2020-01-02", number)))
    assert isinstance(event, CycleRecord)
    assert event.held[0].hex() == number.hex() and event.held[1] == 0.3


def test_a_figure_that_is_not_finite_is_null_in_the_file_and_nan_again_when_read() -> None:
    kind, payload = codec.encode(cycle("2020-01-02", math.nan))
    assert json.loads(payload)["held"] == [None, 0.3]
    event = codec.decode(kind, payload)
    assert isinstance(event, CycleRecord) and event.auction is not None
    assert math.isnan(event.held[0]) and event.held[1] == 0.3
    assert math.isnan(event.auction.bids[0].weight) and event.auction.bids[0].price == 0.02
    assert event.figures["cvar_10"] is None and event.auction.critical_risk_aversion is None
    assert event.carried.portfolio is not None and math.isnan(event.carried.portfolio.shares[0].weight)


def test_the_payload_is_canonical_json_and_the_hash_can_be_recomputed_without_this_package(tmp_path: Path) -> None:
    path = written(tmp_path)
    prev = "0" * 64
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT * FROM journal ORDER BY seq").fetchall()
    for seq, kind, payload, linked, digest in rows:
        canonical = json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert json.loads(canonical) == json.loads(payload)
        assert list(json.loads(payload)) == sorted(json.loads(payload)) and ": " not in payload
        assert linked == prev
        prev = hashlib.sha256(f"plimsoll.journal.v2|{seq}|{linked}|{kind}|{payload}".encode()).hexdigest()
        assert digest == prev


def test_durable_and_batch_write_the_same_chain(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert verify(written(tmp_path / "a", True)).head == verify(written(tmp_path / "b", False)).head


def test_a_durable_append_is_in_the_file_at_once_and_a_batch_at_its_commit(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "d.db", True) as log:
        log.append(GENESIS)
        assert verify(tmp_path / "d.db") == AuditReport(True, 1, None, "", log.anchor.head, format=2)
    with SqliteJournal(tmp_path / "b.db", False) as log:
        log.append(GENESIS)
        log.commit()
        log.append(cycle("2020-01-02"))
        assert verify(tmp_path / "b.db").records == 1
        log.commit()
        assert verify(tmp_path / "b.db").records == 2


def test_a_batch_that_is_being_written_is_no_finding(tmp_path: Path) -> None:
    path = written(tmp_path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(PlimsollError, match="running process"):
        verify(path)
    other.execute("ROLLBACK")
    other.close()
    assert verify(path).ok


def test_a_closed_journal_is_one_plain_file_and_takes_nothing_more(tmp_path: Path, durable: bool) -> None:
    log = SqliteJournal(tmp_path / "run.db", durable)
    log.append(GENESIS)
    log.close()
    log.close()
    assert [p.name for p in tmp_path.iterdir()] == ["run.db"]
    with pytest.raises(PlimsollError, match="closed"):
        log.append(cycle("2020-01-02"))


def test_an_existing_journal_continues_its_chain_and_its_decisions(tmp_path: Path, durable: bool) -> None:
    (tmp_path / "whole").mkdir()
    path = tmp_path / "parts.db"
    for event in EVENTS:
        with SqliteJournal(path, durable) as log:
            log.append(event)
            decisions = log.decisions_hash
    whole = written(tmp_path / "whole")
    assert verify(path) == verify(whole)
    assert decisions == decided(whole)


def test_the_decisions_hash_covers_the_cycle_payloads_alone(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "run.db", False) as log:
        log.append_many(EVENTS)
        cycles = b"".join(codec.encode(e)[1] for e in EVENTS if isinstance(e, CycleRecord))
        assert log.decisions_hash == hashlib.sha256(cycles).hexdigest()
    assert decided(tmp_path / "run.db") == hashlib.sha256(cycles).hexdigest()


def test_the_genesis_comes_first_and_once(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "run.db", False) as log:
        with pytest.raises(PlimsollError, match="genesis"):
            log.append(cycle("2020-01-02"))
        with pytest.raises(PlimsollError, match="genesis"):
            log.append_many((GENESIS, cycle("2020-01-02"), GENESIS))
        assert len(log) == 0
        log.append(GENESIS)
        with pytest.raises(PlimsollError, match="genesis"):
            log.append(GENESIS)
        log.append(cycle("2020-01-02"))
    assert verify(tmp_path / "run.db").records == 2


def test_several_events_are_recorded_together_or_not_at_all(tmp_path: Path, durable: bool) -> None:
    with SqliteJournal(tmp_path / "run.db", durable) as log:
        log.append_many(EVENTS[:2])
        with pytest.raises(PlimsollError, match="not an event"):
            log.append_many((EVENTS[2], "no event"))  # type: ignore[arg-type]
        assert len(log) == 2
    assert (read(tmp_path / "run.db")) == EVENTS[:2]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET payload = '{}' WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 2",
        "INSERT OR REPLACE INTO journal SELECT 2, kind, payload, prev, hash FROM journal WHERE seq = 3",
        "INSERT INTO journal SELECT 99, kind, payload, prev, hash FROM journal WHERE seq = 3",
    ],
)
def test_the_file_itself_refuses_to_be_rewritten(tmp_path: Path, statement: str) -> None:
    path = written(tmp_path)
    rewritten = pytest.raises(sqlite3.IntegrityError, match=r"append-only|next record")
    with closing(sqlite3.connect(path)) as connection, rewritten:
        connection.execute(statement)


def tampered(path: Path, *statements: str) -> AuditReport:
    """What verification says after somebody dropped the triggers and changed rows."""
    connection = sqlite3.connect(path)
    for name in ("journal_in_order", "journal_no_update", "journal_no_delete"):
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return verify(path)


ATTACKS: dict[str, Callable[[int], tuple[str, ...]]] = {
    "payload": lambda n: (f"UPDATE journal SET payload = replace(payload, '20', '21') WHERE seq = {n}",),
    "one space": lambda n: (f"UPDATE journal SET payload = payload || ' ' WHERE seq = {n}",),
    "kind": lambda n: (f"UPDATE journal SET kind = 'approval' || kind WHERE seq = {n}",),
    "hash": lambda n: (f"UPDATE journal SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = {n}",),
    "prev": lambda n: (f"UPDATE journal SET prev = 'x' || substr(prev, 2) WHERE seq = {n}",),
    "deleted": lambda n: (f"DELETE FROM journal WHERE seq = {n}",),
    "deleted and closed up": lambda n: (
        f"DELETE FROM journal WHERE seq = {n}",
        "UPDATE journal SET seq = -seq",
        f"UPDATE journal SET seq = -seq - 1 WHERE -seq > {n}",
        "UPDATE journal SET seq = -seq WHERE seq < 0",
    ),
    "inserted": lambda n: (
        "UPDATE journal SET seq = -seq",
        f"UPDATE journal SET seq = -seq + 1 WHERE -seq >= {n}",
        "UPDATE journal SET seq = -seq WHERE seq < 0",
        f"INSERT INTO journal SELECT {n}, kind, payload, prev, hash FROM journal WHERE seq = {n} + 1",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("seq", range(1, len(EVENTS) + 1))
def test_tampering_with_any_record_is_found_where_it_happened(tmp_path: Path, attack: str, seq: int) -> None:
    report = tampered(written(tmp_path), *ATTACKS[attack](seq))
    # a copy inserted before its original is the original: the first record out of place is the one after it
    expected = seq + 1 if attack == "inserted" else seq
    assert not report.ok
    assert report.first_bad == expected, report.problem


@pytest.mark.parametrize("seq", range(1, len(EVENTS)))
def test_two_records_exchanged_are_found_at_the_first(tmp_path: Path, seq: int) -> None:
    exchange = (
        f"UPDATE journal SET seq = -1 WHERE seq = {seq}",
        f"UPDATE journal SET seq = {seq} WHERE seq = {seq + 1}",
        f"UPDATE journal SET seq = {seq + 1} WHERE seq = -1",
    )
    assert tampered(written(tmp_path), *exchange).first_bad == seq


@pytest.mark.parametrize("kept", range(len(EVENTS)))
def test_a_cut_tail_is_found_by_the_head_row(tmp_path: Path, kept: int) -> None:
    report = tampered(written(tmp_path), f"DELETE FROM journal WHERE seq > {kept}")
    assert (report.ok, report.first_bad) == (False, kept + 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE head SET count = 99",
        "UPDATE head SET hash = 'x' || hash",
        "DELETE FROM head",
        "UPDATE head SET count = 3",
    ],
)
def test_a_changed_head_row_is_found(tmp_path: Path, statement: str) -> None:
    assert not tampered(written(tmp_path), statement).ok


def test_a_file_rewritten_as_a_whole_passes_alone_and_fails_against_a_kept_anchor(tmp_path: Path) -> None:
    (tmp_path / "forged").mkdir()
    path = written(tmp_path)
    anchor = Anchor(len(EVENTS), verify(path).head)
    forged = written(tmp_path / "forged", events=(GENESIS, cycle("2020-01-02", 0.2), *EVENTS[2:]))
    cut = tmp_path / "cut.db"
    with SqliteJournal(cut, False) as log:
        log.append_many(EVENTS[:3])
    assert verify(path, Ending(anchor, True)).ok
    assert verify(forged).ok and not verify(forged, Ending(anchor, True)).ok
    assert verify(cut).ok and verify(cut, Ending(anchor, True)).first_bad == 4


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_journal_is_reported_without_a_traceback(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.db"
    path.write_bytes(content)
    report = verify(path)
    assert not report.ok and report.first_bad == 1 and report.problem
    with pytest.raises(PlimsollError):
        (read(path))
    with pytest.raises(PlimsollError):
        decided(path)


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    assert "no journal" in verify(tmp_path / "absent.db").problem
    assert not verify(tmp_path).ok
    with pytest.raises(InputError, match=r"absent\.db"):
        (read(tmp_path / "absent.db"))


def test_damaged_bytes_anywhere_never_pass_and_never_raise(tmp_path: Path) -> None:
    """Each 97th byte of the record pages is flipped in turn; a flip may hit unused space, never a false record."""
    path = written(tmp_path)
    whole = path.read_bytes()
    events, found = (read(path)), 0
    for at in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        path.write_bytes(bytes(damaged))
        report = verify(path)
        found += not report.ok
        if report.ok:
            assert (read(path)) == events
    assert found > len(whole) // 97 // 3


def test_a_journal_that_does_not_verify_at_its_end_is_not_continued(tmp_path: Path, durable: bool) -> None:
    path = written(tmp_path, durable)
    tampered(path, f"UPDATE journal SET payload = '{{}}' WHERE seq = {len(EVENTS)}")
    with pytest.raises(CorruptionError, match="not what was written"):
        SqliteJournal(path, durable)


@pytest.mark.parametrize("statement", ["DELETE FROM journal", "DELETE FROM journal WHERE seq > 5", "DELETE FROM head"])
def test_a_cut_journal_is_not_continued(tmp_path: Path, statement: str) -> None:
    path = written(tmp_path)
    tampered(path, statement)
    with pytest.raises(CorruptionError, match="cannot be continued"):
        SqliteJournal(path, True)


def test_another_database_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.executescript("CREATE TABLE t (x)")
    with pytest.raises(CorruptionError, match="not a journal"):
        SqliteJournal(tmp_path / "other.db", True)
    assert not verify(tmp_path / "other.db").ok


def test_a_locked_file_halts_and_stays_halted(tmp_path: Path, durable: bool) -> None:
    path = written(tmp_path, True)
    log = SqliteJournal(path, durable, patience_ms=0)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(PlimsollError, match="cannot be written"):
        log.append(cycle("2020-01-06"))
    other.execute("ROLLBACK")
    other.close()
    with pytest.raises(PlimsollError, match="accepts no more records"):
        log.append(cycle("2020-01-06"))
    assert log.anchor == Anchor(len(EVENTS), verify(path).head)
    log.close()
    assert verify(path).records == len(EVENTS)


def test_a_second_writer_cannot_slip_a_record_in(tmp_path: Path) -> None:
    path = written(tmp_path, True)
    first, second = SqliteJournal(path, True), SqliteJournal(path, True)
    first.append(cycle("2020-01-06"))
    with pytest.raises(PlimsollError, match="next record"):
        second.append(cycle("2020-01-07"))
    second.close()
    first.close()
    assert verify(path).ok


def test_a_full_disk_halts_and_leaves_the_last_commit(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "run.db"
    log = SqliteJournal(path, durable)
    log.append_many(EVENTS)
    log.commit()
    anchor, decisions = log.anchor, log.decisions_hash
    log._connection.execute("PRAGMA max_page_count = 1").fetchall()  # SQLite's own way to a full disk
    with pytest.raises(PlimsollError, match="full"):
        log.append_many(tuple(cycle(f"2020-02-{d:02d}") for d in range(1, 29)))
    assert (log.anchor, log.decisions_hash) == (anchor, decisions)
    log.close()
    assert verify(path, Ending(anchor, True)).ok and decided(path) == decisions


def test_a_durable_journal_asks_the_disk_for_every_commit(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "run.db", True) as log:
        assert log._connection.pragma("synchronous") == 2  # FULL: the commit returns after the flush


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PlimsollError, match="cannot be written"):
        SqliteJournal(tmp_path / "absent" / "run.db", True)


def test_an_empty_journal_verifies_as_nothing(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "run.db", False) as log:
        assert log.anchor.head == ORIGIN
    report = verify(tmp_path / "run.db")
    assert (report.ok, report.records, report.first_bad) == (False, 0, 1)


def test_a_payload_that_is_no_event_is_named_with_its_record(tmp_path: Path) -> None:
    path = written(tmp_path)
    tampered(path, "UPDATE journal SET payload = '{\"x\": 1}' WHERE seq = 4")
    with pytest.raises(CorruptionError, match="record 4 is not what was written"):
        (read(path))


def test_a_reading_gives_nothing_that_was_not_proven_and_ends_only_where_the_journal_did(tmp_path: Path) -> None:
    path = written(tmp_path)
    end = Anchor(len(EVENTS), verify(path).head)
    proof = Proof(len(EVENTS), end.head, True)
    with SqliteRunReader(path, ending=Ending(end, True)) as reader:
        assert reader.genesis == GENESIS
        assert tuple(reader.events()) == EVENTS and reader.proof == proof
        assert tuple(reader.events()) == EVENTS and reader.decisions_hash == decided(path)
    with SqliteRunReader(path, ending=Ending(end, True)) as reader:
        assert reader.proof == proof  # also before anything was read
    for ending, bad in (
        (Ending(Anchor(end.records + 1, end.head), True), f"counts {end.records + 1} records"),
        (Ending(Anchor(end.records + 1, end.head)), f"counts {end.records + 1} records"),
        (Ending(Anchor(2, end.head)), "another record 2"),
        (Ending(Anchor(2, "f" * 64), True), "another record 2"),
        (Ending(problem="it is lost"), "its end cannot be proven: it is lost"),
    ):
        assert not verify(path, ending).ok and bad in verify(path, ending).problem
        for used in (
            lambda r: list(r.events()), lambda r: r.proof, lambda r: r.decisions_hash, lambda r: r.last_decided,
            lambda r: r.session("2020-01-02"), lambda r: next(r.before("2020-01-03")),
        ):  # fmt: skip
            with SqliteRunReader(path, ending=ending) as reader, pytest.raises(CorruptionError, match=bad):
                used(reader)
    with SqliteRunReader(path) as reader:
        second = [event for n, event in enumerate(reader.events(), 1) if n == 2]
        assert second == [EVENTS[1]]


def test_a_reading_is_of_one_view_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with SqliteJournal(path, True) as log:
        log.append_many(EVENTS[:2])
        with SqliteRunReader(path) as reader:
            log.append_many(EVENTS[2:])
            assert tuple(reader.events()) == EVENTS[:2] and reader.last_decided == "2020-01-02"
        assert read(path) == EVENTS


def test_a_journal_that_goes_on_holds_the_record_it_once_ended_at(tmp_path: Path) -> None:
    path = written(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        heads = [head for (head,) in connection.execute("SELECT hash FROM journal ORDER BY seq")]
    held = Anchor(2, heads[1])
    assert verify(path, Ending(held)).ok and not verify(path, Ending(held)).anchored
    assert (read(path, Ending(held))) == EVENTS
    with SqliteJournal(path, True, held=held) as log:
        assert tuple(log.events()) == EVENTS
    with (
        SqliteJournal(path, True, held=Anchor(2, heads[2])) as log,
        pytest.raises(CorruptionError, match="another record 2"),
    ):
        list(log.events())


def test_a_writer_reads_nothing_back_that_it_did_not_write(tmp_path: Path) -> None:
    path = written(tmp_path)
    tampered(path, "UPDATE journal SET payload = payload || ' ' WHERE seq = 2")
    with SqliteJournal(path, True) as log:  # its end is whole, so it opens
        events = log.events()
        assert next(events) == EVENTS[0]
        with pytest.raises(CorruptionError, match="record 2 is not what was written"):
            next(events)


def test_the_account_before_a_decision_needs_of_earlier_ones_only_their_orders(tmp_path: Path) -> None:
    path = written(tmp_path, events=(*EVENTS, cycle("2020-01-06")))
    with SqliteRunReader(path) as reader:
        assert tuple(reader.before("2020-01-02")) == EVENTS[:1]
        assert tuple(reader.before("2020-01-03")) == EVENTS[:6]
        assert tuple(reader.before("2020-01-06")) == (EVENTS[0], *cycle("2020-01-02").intents, *EVENTS[2:])
        with pytest.raises(UsageError, match="There is no decision on 2020-01-04"):
            list(reader.before("2020-01-04"))


def of_format_1(path: Path) -> str:
    """A journal as the version before this one wrote it: the same tables, another domain, no format; its head."""
    prev = "0" * 64
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE journal (seq INTEGER PRIMARY KEY, kind TEXT, payload TEXT, prev TEXT, hash TEXT)"
        )
        connection.execute("CREATE TABLE head (id INTEGER PRIMARY KEY, count INTEGER, hash TEXT)")
        for seq, event in enumerate(EVENTS, 1):
            kind, payload = codec.encode(event)
            head = hashlib.sha256(f"plimsoll.journal.v1|{seq}|{prev}|{kind}|".encode() + payload).hexdigest()
            connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (seq, kind, payload.decode(), prev, head))
            prev = head
        connection.execute("INSERT INTO head VALUES (1, ?, ?)", (len(EVENTS), prev))
        connection.commit()
    return prev


def test_a_journal_of_the_format_before_is_verified_and_used_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "home" / "runs" / "old.db"
    path.parent.mkdir(parents=True)
    head = of_format_1(path)
    assert verify(path) == AuditReport(True, len(EVENTS), None, "", head, format=1)
    assert verify(path, Ending(Anchor(len(EVENTS), head), True)).anchored
    for used in (lambda: SqliteRunReader(path), lambda: SqliteJournal(path, True)):
        with pytest.raises(OldJournal, match="format 1, and this version of plimsoll reads format 2") as refused:
            used()
        policy = path.with_suffix(".policy.json")
        assert refused.value.remedy == (
            f"Make the run again: plimsoll --home {tmp_path / 'home'} backtest --start 2020-01-02 --end 2020-12-31 "
            f"--snapshot snap --policy {policy}"
        )
    tampered(path, "UPDATE journal SET payload = replace(payload, '20', '21') WHERE seq = 3")
    assert verify(path).first_bad == 3


@pytest.mark.parametrize(("number", "problem"), [(0, "record 1 is not what was written"), (3, "states format 3")])
def test_the_format_is_part_of_what_is_chained(tmp_path: Path, number: int, problem: str) -> None:
    path = written(tmp_path)
    assert verify(path).format == 2
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {number}")
        connection.commit()
    assert problem in verify(path).problem
    with pytest.raises(InputError):
        SqliteRunReader(path)


def test_a_write_interrupted_at_any_line_leaves_a_whole_number_of_commits(tmp_path: Path) -> None:
    """A Ctrl-C is raised at each line of the journal in turn, while it appends, commits and closes (X7)."""
    events = (GENESIS, CashFlow("2020-01-03", "SPY", "dividend", 120))
    begun = tmp_path / "begun.db"
    with SqliteJournal(begun, durable=False) as journal:
        journal.append(GENESIS)
    held = set()
    for at in itertools.count(1):
        path = Path(shutil.copy(begun, tmp_path / f"{at}.db"))
        journal = SqliteJournal(path, durable=True)
        lines = itertools.count(1)

        def stop(frame: FrameType, event: str, _: object, lines: Iterator[int] = lines, at: int = at) -> Any:
            if frame.f_code.co_filename != journal_module.__file__:
                return None
            if event == "line" and next(lines) == at:
                sys.settrace(None)
                raise KeyboardInterrupt
            return stop

        sys.settrace(stop)
        try:
            with journal:
                journal.append(events[1])
        except KeyboardInterrupt:
            journal.close()
        else:
            break
        finally:
            sys.settrace(None)
        with closing(SqliteJournal(path, durable=False)) as again:
            held.add(tuple(again.events()))
    assert held == {events[:1], events}
