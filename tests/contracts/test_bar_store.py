"""The price store on real SQLite files, against its port (D13)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plimsoll.core.bars import COLUMNS, Audit, Bars, HeldPage, MacroSeries
from plimsoll.core.errors import CorruptionError, InputError
from plimsoll.core.instrument import Instrument, Membership
from plimsoll.core.panel import Certification, Flag
from plimsoll.core.ports import BarStore
from plimsoll.store import schema
from plimsoll.store.bars import HEAD, SqlBarStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "plimsoll.db"


def bars(count: int = 5, first: int = 10_000) -> Bars:
    rng = np.random.default_rng(2)
    columns = [rng.normal(100.0, 1.0, count) for _ in COLUMNS]
    columns[5][1] = np.nan
    return Bars(np.arange(first, first + count), *columns)


def same(left: Bars, right: Bars) -> bool:
    return left.day.tolist() == right.day.tolist() and all(
        np.array_equal(getattr(left, n), getattr(right, n), equal_nan=True) for n in COLUMNS
    )


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        found = connection.execute(sql).fetchall()
    connection.close()
    return found


def test_bars_come_back_bit_for_bit_from_a_reopened_file(path: Path) -> None:
    with SqlBarStore(path) as store:
        assert store.put_bars("r1", "ABC", "files", bars()) == 5
    with SqlBarStore(path) as store:
        assert same(store.bars("ABC"), bars())
        assert len(store.bars("XYZ")) == 0


def test_only_new_and_different_rows_count_as_changed(path: Path) -> None:
    with SqlBarStore(path) as store:
        store.put_bars("r1", "ABC", "files", bars())
        assert store.put_bars("r2", "ABC", "files", bars()) == 0
        corrected = store.bars("ABC")
        corrected.close[2] += 1.0
        assert store.put_bars("r3", "ABC", "files", corrected) == 1
        assert store.bars("ABC").close[2] == corrected.close[2]
    assert rows(path, "SELECT run, count(*) FROM price_history WHERE run = 'r3' GROUP BY run") == [("r3", 1)]


def test_a_row_inserted_between_stored_ones_is_kept_in_order(path: Path) -> None:
    whole = bars(6)
    with SqlBarStore(path) as store:
        store.put_bars("r1", "ABC", "files", whole.take(np.array([0, 1, 4, 5])))
        assert store.put_bars("r2", "ABC", "files", whole.take(np.array([2, 3]))) == 2
        assert same(store.bars("ABC"), whole)


def test_an_absent_value_is_null_and_dates_are_readable(path: Path) -> None:
    with SqlBarStore(path) as store:
        store.put_bars("r1", "ABC", "files", bars())
    assert rows(path, "SELECT date, volume FROM price_history WHERE volume IS NULL") == [("1997-05-20", None)]


def test_a_transaction_commits_everything_or_nothing(path: Path) -> None:
    with SqlBarStore(path) as store:
        with pytest.raises(RuntimeError), store.transaction():
            store.put_bars("r1", "ABC", "files", bars())
            store.put_macro("r1", "DGS10", MacroSeries(np.array([1]), np.array([4.0]), np.array([2])))
            raise RuntimeError
        assert len(store.bars("ABC")) == 0
        assert store.macro() == {}
        with store.transaction():
            store.put_bars("r1", "ABC", "files", bars())
    with SqlBarStore(path) as store:
        assert len(store.bars("ABC")) == 5


def test_macro_keeps_every_vintage(path: Path) -> None:
    series = MacroSeries(np.array([1, 1, 5]), np.array([2.0, 2.5, 3.0]), np.array([2, 9, 6]))
    with SqlBarStore(path) as store:
        assert store.put_macro("r1", "CPI", series) == 3
        assert store.put_macro("r2", "CPI", series) == 0
        assert store.put_macro("r3", "CPI", replace(series, value=np.array([2.0, 2.6, 3.0]))) == 1
        back = store.macro()["CPI"]
        assert (back.day.tolist(), back.value.tolist(), back.known.tolist()) == ([1, 1, 5], [2.0, 2.6, 3.0], [2, 9, 6])


def test_instruments_are_replaced_and_a_derived_one_marks_the_universe(path: Path) -> None:
    chosen = Instrument("ZZZ", "stock", "XNYS", members=(Membership("2001-01-01"),), max_weight=0.05)
    with SqlBarStore(path) as store:
        assert store.instruments() == ((), False)
        store.put_instruments([chosen], derived=False)
        assert store.instruments() == ((chosen,), False)
        store.put_instruments([Instrument("AAA", "fund", "XNYS")], derived=True)
        assert [one.symbol for one in store.instruments()[0]] == ["AAA", "ZZZ"]
        assert store.instruments()[1]
        store.put_instruments([Instrument("AAA", "stock", "XNYS")], derived=False)
        assert store.instruments() == ((Instrument("AAA", "stock", "XNYS"), chosen), False)


def test_audits_come_oldest_run_first_and_a_resumed_run_replaces_its_own(path: Path) -> None:
    flag = Flag("DUPLICATE_ROWS", "note", "2020-01-01", "2020-01-02", 2)
    failed = Audit("z-first", "ABC", "files", "FAILED", 0, ("UNREADABLE",), "line 3")
    read = Audit(
        "z-first",
        "ABC",
        "files",
        "OK",
        5,
        ("DUPLICATE_ROWS",),
        "",
        (flag,),
        "2020-01-01",
        "2020-01-09",
        "ff",
        ((18262, 18263),),
        "prices",
    )
    later = Audit("a-second", "ABC", "files", "OK", 6)
    with SqlBarStore(path) as store:
        store.begin_run("z-first", "files", "x", "2026-01-01T00:00:00Z")
        store.put_audit(failed)
        assert store.audits() == (failed,)
        store.put_audit(read)
        store.begin_run("a-second", "files", "x", "2026-01-02T00:00:00Z")
        store.put_audit(later)
        assert store.audits() == (read, later)


def test_a_run_that_never_finished_can_be_taken_up(path: Path) -> None:
    with SqlBarStore(path) as store:
        assert store.unfinished("files", "x") is None
        store.begin_run("r1", "files", "x", "t1")
        assert store.unfinished("files", "x") == "r1"
        assert store.unfinished("files", "y") is None
        store.begin_run("r1", "files", "x", "t2")
        store.finish_run("r1", "OK", "t3", "too many")
        assert store.unfinished("files", "x") is None
    assert rows(path, "SELECT status, started, finished, alert FROM ingestion_audit_runs") == [
        ("OK", "t1", "t3", "too many")
    ]


def test_a_run_keeps_its_pages_with_their_cursors_and_how_it_was_routed(path: Path) -> None:
    pages = [HeldPage(0, "a", False, "00"), HeldPage(1, "b", True, "11")]
    with SqlBarStore(path) as store:
        store.begin_run("r1", "files", "x", "t1", '{"reason":"named"}')
        store.begin_run("r2", "files", "y", "t1")
        with store.transaction():
            for page in reversed(pages):
                store.put_page("r1", page)
        with pytest.raises(RuntimeError), store.transaction():
            store.put_page("r1", HeldPage(2, "c", True, "22"))
            raise RuntimeError
    with SqlBarStore(path) as store:
        assert store.pages("r1") == tuple(pages)
        assert (store.pages("r2"), store.route("r1"), store.route("r2")) == ((), '{"reason":"named"}', "")
        with store.transaction():
            store.put_page("r1", replace(pages[0], sha256="ff"))
        assert store.pages("r1")[0].sha256 == "ff"
        store.begin_run("r1", "files", "x", "t2", '{"reason":"order"}')
        assert store.route("r1") == '{"reason":"order"}'
        store.drop_pages("r1")
        store.drop_run("r1")
        assert (store.pages("r1"), store.route("r1"), store.unfinished("files", "x")) == ((), "", None)
        assert store.unfinished("files", "y") == "r2"


def test_states_and_quality_stand_in_the_runbooks_tables(path: Path) -> None:
    flag = Flag("STUCK_SERIES", "hard", "2020-01-01", "2020-01-09", 7)
    judged = Certification("ABC", "DEGRADED", 1300, 1300, 0.0, 0.7, ("STUCK_SERIES",), (flag,), "files", "a", "b")
    with SqlBarStore(path) as store:
        store.put_certifications("r1", [judged])
        store.put_certifications("r2", [replace_state(judged)])
    assert rows(path, "SELECT state, COUNT(*) FROM symbol_governance GROUP BY state") == [("ACTIVE", 1)]
    assert rows(path, "SELECT symbol, score, rows, run FROM data_quality") == [("ABC", 0.7, 1300, "r2")]


def replace_state(one: Certification) -> Certification:
    return Certification(one.symbol, "ACTIVE", one.rows, one.expected, one.missing_pct, one.score, ())


def test_a_home_of_the_first_schema_is_brought_up_to_date_with_what_it_holds(path: Path) -> None:
    with SqlBarStore(path) as store:
        store.begin_run("r1", "files", "x", "2026-01-01T00:00:00Z")
        store.put_audit(Audit("r1", "ABC", "files", "OK", 5))
        store.put_bars("r1", "ABC", "files", bars())
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, column in (
            ("price_history", "source"), ("ingestion_audit", "days"), ("ingestion_audit", "source"),
            ("ingestion_audit_runs", "route"),
        ):  # fmt: skip
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("DROP TABLE confirmations")
        connection.execute("DROP TABLE ingestion_pages")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    with SqlBarStore(path) as store:
        assert same(store.bars("ABC"), bars())
        assert store.audits() == (Audit("r1", "ABC", "files", "OK", 5),)


def test_migrations_make_exactly_the_declared_tables(path: Path) -> None:
    SqlBarStore(path).close()
    declared = {(t.name, c.name) for t in schema.metadata.tables.values() for c in t.columns}
    made = {
        (table, row[1])
        for (table,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
        for row in rows(path, f"PRAGMA table_info({table})")
        if table != "alembic_version"
    }
    assert made == declared
    assert rows(path, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    SqlBarStore(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InputError, match="newer version"):
        SqlBarStore(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(CorruptionError, match=r"plimsoll\.db"):
        SqlBarStore(path)


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be opened"):
        SqlBarStore(path)


def test_a_symbol_is_data_and_never_a_statement(path: Path) -> None:
    name = "A'; DROP TABLE price_history; --"
    with SqlBarStore(path) as store:
        store.put_bars("r1", name, "files", bars())
        assert same(store.bars(name), bars())


def test_it_satisfies_the_port(path: Path) -> None:
    with SqlBarStore(path) as store:
        port: BarStore = store
        assert port.audits() == ()
