"""Rows and their audit in SQL, behind ``core.ports.BarStore`` (D13). SQLAlchemy Core on SQLite.

One connection, because this Python's SQLite may carry the defect that several writers of one WAL can meet; the
home's lock keeps other processes out. Rows that did not change are not written, so a repeated ingestion is fast
and its count of changed rows is correct.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Table, create_engine, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import StaticPool

from plimsoll.core.bars import COLUMNS, Audit, Bars, Confirmation, HeldPage, MacroSeries
from plimsoll.core.errors import CorruptionError, InputError, PlimsollError
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification, Flag
from plimsoll.core.sessions import EPOCH
from plimsoll.store import schema

HEAD = "0004"
_RUNNING = "RUNNING"


class SqlBarStore:
    """The price store of one home; opening it applies pending migrations.

    Raises ``InputError`` when the file is not such a database or was written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{path.parent} cannot be made: {error.strerror}", "Check the path and permissions"
            ) from None
        self._engine = _engine(path)
        self._depth = 0
        try:
            self._connection = self._engine.connect()
        except DatabaseError as error:
            self._engine.dispose()
            raise _unusable(path, error) from None
        try:
            _prepare(self._connection)
            _migrate(self._connection, path)
        except DatabaseError as error:
            self.close()
            raise _unusable(path, error) from None
        except InputError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, (DBAPIError, msgspec.MsgspecError)):
            raise _mendable(self._path, error) from None

    def close(self) -> None:
        """Close the file; uncommitted changes are lost."""
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything written inside together, or nothing; an inner one joins the outer."""
        if self._depth:
            yield
            return
        self._depth += 1
        try:
            yield
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise
        finally:
            self._depth -= 1

    def begin_run(self, run: str, provider: str, source: str, started: str, route: str = "") -> None:
        """Open an ingestion run, or reopen an unfinished one; ``route`` says how its provider was chosen (D4)."""
        runs = schema.ingestion_audit_runs
        with self.transaction():
            known = self._connection.execute(select(runs.c.run).where(runs.c.run == run)).first()
            if known is not None:
                again = runs.update().where(runs.c.run == run).values(status=_RUNNING, route=route)
                self._connection.execute(again)
                return
            newest = self._connection.execute(select(func.max(runs.c.sequence))).scalar() or 0
            new = {"run": run, "sequence": newest + 1, "provider": provider, "source": source, "route": route}
            self._connection.execute(runs.insert().values(**new, status=_RUNNING, started=started))

    def route(self, run: str) -> str:
        """The stored provider route of a run; empty where it was not kept or the run is unknown."""
        runs = schema.ingestion_audit_runs
        return str(self._connection.execute(select(runs.c.route).where(runs.c.run == run)).scalar() or "")

    def drop_run(self, run: str) -> None:
        """Delete a run that was refused before anything was stored."""
        runs = schema.ingestion_audit_runs
        with self.transaction():
            self._connection.execute(runs.delete().where(runs.c.run == run))

    def put_page(self, run: str, page: HeldPage) -> None:
        """Record a durable page with its cursor; replaces one of the same number."""
        self._upsert(schema.ingestion_pages, [{"run": run, **_fields(page)}])

    def pages(self, run: str) -> tuple[HeldPage, ...]:
        """The durable pages of a run, by number."""
        table = schema.ingestion_pages
        wanted = select(*(table.c[name] for name in HeldPage.__dataclass_fields__)).where(table.c.run == run)
        return tuple(HeldPage(*row) for row in self._connection.execute(wanted.order_by(table.c.number)))

    def drop_pages(self, run: str) -> None:
        """Delete the pages of a run."""
        table = schema.ingestion_pages
        with self.transaction():
            self._connection.execute(table.delete().where(table.c.run == run))

    def unfinished(self, provider: str, source: str) -> str | None:
        """The newest run of this provider and source, when it never finished."""
        runs = schema.ingestion_audit_runs
        mine = (runs.c.provider == provider) & (runs.c.source == source)
        newest = self._connection.execute(
            select(runs.c.run, runs.c.status).where(mine).order_by(runs.c.sequence.desc())
        ).first()
        return str(newest.run) if newest is not None and newest.status == _RUNNING else None

    def finish_run(self, run: str, status: str, finished: str, alert: str) -> None:
        """Close a run."""
        runs = schema.ingestion_audit_runs
        with self.transaction():
            self._connection.execute(
                runs.update().where(runs.c.run == run).values(status=status, finished=finished, alert=alert)
            )

    def put_instruments(self, instruments: Sequence[Instrument], derived: bool) -> None:
        """Insert or replace universe entries."""
        rows = [
            {
                "symbol": one.symbol,
                "kind": one.kind,
                "calendar": one.calendar,
                "derived": derived,
                "definition": msgspec.json.encode(one, order="sorted").decode(),
            }
            for one in instruments
        ]
        self._upsert(schema.instruments, rows)

    def instruments(self) -> tuple[tuple[Instrument, ...], bool]:
        """Every known instrument by symbol, and whether any of them was derived from a source (D1)."""
        table = schema.instruments
        rows = self._connection.execute(select(table.c.definition, table.c.derived).order_by(table.c.symbol)).all()
        known = tuple(msgspec.json.decode(row.definition, type=Instrument) for row in rows)
        return known, any(row.derived for row in rows)

    def put_bars(self, run: str, symbol: str, provider: str, bars: Bars, source: str = "") -> int:
        """Insert or replace a symbol's bars, one row a day, under their source; returns how many were new or different.

        A row that did not change keeps the run and source it has.
        """
        values = np.column_stack([getattr(bars, name) for name in COLUMNS])
        changed = _changed(bars.day, values, self.bars(symbol))
        columns = _nullable(values[changed])
        dates = _iso(bars.day[changed])
        rows = [(symbol, date, *row, provider, run, source) for date, row in zip(dates, columns, strict=True)]
        self._insert_rows(schema.price_history, ("symbol", "date"), (*COLUMNS, "provider", "run", "source"), rows)
        return len(rows)

    def bars(self, symbol: str) -> Bars:
        """All bars of a symbol, by date."""
        table = schema.price_history
        wanted = select(table.c.date, *(table.c[name] for name in COLUMNS))
        found = self._connection.execute(wanted.where(table.c.symbol == symbol).order_by(table.c.date))
        rows = found.cursor.fetchall() if found.cursor is not None else []
        if not rows:
            return Bars(np.zeros(0, dtype=np.int64), *(np.zeros(0) for _ in COLUMNS))
        day, *columns = zip(*rows, strict=True)
        return Bars(_days(day), *(np.array(column, dtype=np.float64) for column in columns))

    def sources(self, symbol: str) -> tuple[str, ...]:
        """The source of each bar of a symbol, by date; empty where it was not kept."""
        table = schema.price_history
        wanted = select(table.c.source).where(table.c.symbol == symbol).order_by(table.c.date)
        return tuple(row.source for row in self._connection.execute(wanted))

    def put_macro(self, run: str, series: str, rows: MacroSeries) -> int:
        """Insert or replace observations, one a day and vintage; returns how many were new or different."""
        held = self.macro([series]).get(series)
        kept = {} if held is None else {(d, k): v for d, k, v in zip(held.day, held.known, held.value, strict=True)}
        new = [
            i
            for i, (day, known, value) in enumerate(zip(rows.day, rows.known, rows.value, strict=True))
            if kept.get((day, known)) != value
        ]
        dates, known = _iso(rows.day[new]), _iso(rows.known[new])
        table_rows = [
            (series, date, first, value, run)
            for date, first, value in zip(dates, known, rows.value[new].tolist(), strict=True)
        ]
        self._insert_rows(schema.macro_history, ("series", "date", "known"), ("value", "run"), table_rows)
        return len(table_rows)

    def macro(self, names: Sequence[str] | None = None) -> dict[str, MacroSeries]:
        """Every macro series, or the named ones, by date and vintage."""
        table = schema.macro_history
        wanted = select(table.c.series, table.c.date, table.c.known, table.c.value)
        if names is not None:
            wanted = wanted.where(table.c.series.in_(names))
        rows = self._connection.execute(wanted.order_by(table.c.series, table.c.date, table.c.known)).all()
        grouped: dict[str, list[Any]] = {}
        for row in rows:
            grouped.setdefault(row[0], []).append(row)
        return {name: _macro_series(group) for name, group in grouped.items()}

    def put_audit(self, audit: Audit) -> None:
        """Record the result for one symbol in a run."""
        row = _fields(audit)
        row["reasons"] = msgspec.json.encode(audit.reasons).decode()
        row["flags"] = msgspec.json.encode(audit.flags).decode()
        row["days"] = msgspec.json.encode(audit.days).decode()
        self._upsert(schema.ingestion_audit, [row])

    def audits(self) -> tuple[Audit, ...]:
        """Every audit, oldest run first."""
        table, runs = schema.ingestion_audit, schema.ingestion_audit_runs
        joined = table.join(runs, table.c.run == runs.c.run)
        rows = self._connection.execute(
            select(table).select_from(joined).order_by(runs.c.sequence, table.c.symbol)
        ).mappings()
        return tuple(_audit(dict(row)) for row in rows)

    def put_confirmation(self, record: Confirmation) -> None:
        """Add a person's statement on a jump; existing ones never change."""
        with self.transaction():
            self._connection.execute(schema.confirmations.insert().values(**_fields(record)))

    def confirmations(self) -> tuple[Confirmation, ...]:
        """Every confirmation and revocation, oldest first."""
        table = schema.confirmations
        wanted = select(*(table.c[name] for name in Confirmation.__dataclass_fields__)).order_by(table.c.sequence)
        return tuple(Confirmation(*row) for row in self._connection.execute(wanted))

    def put_certifications(self, run: str, certifications: Sequence[Certification]) -> None:
        """Record states and quality of every symbol."""
        with self.transaction():
            self._upsert(schema.symbol_governance, [_governance(run, one) for one in certifications])
            self._upsert(schema.data_quality, [_quality(run, one) for one in certifications])

    def _upsert(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        statement = insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        with self.transaction():
            self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    def _insert_rows(self, table: Table, keys: Sequence[str], others: Sequence[str], rows: list[Any]) -> None:
        """Upsert many positional rows through the driver, without building a dictionary for each."""
        if not rows:
            return
        names = (*keys, *others)
        text = (
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
            f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(f'{n} = excluded.{n}' for n in others)}"
        )
        with self.transaction():
            self._connection.exec_driver_sql(text, rows)


def _mendable(path: Path, error: DBAPIError | msgspec.MsgspecError) -> PlimsollError:
    """A failure of the file itself: damaged, full, locked or read-only. The transaction under way was rolled back."""
    detail = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, OperationalError):
        remedy = "Check the disk, its free space and permissions, then run the command again: it resumes"
        return PlimsollError(f"{path} cannot be read or written: {detail}", remedy)
    return CorruptionError(f"{path} is damaged: {detail}", "Restore it from a backup, or ingest into a new home")


def _unusable(path: Path, error: DatabaseError) -> InputError | CorruptionError:
    """Why a database cannot be opened, in words for its operator."""
    if isinstance(error, OperationalError):
        return InputError(f"{path} cannot be opened: {error.orig}", "Check permissions and free space")
    return CorruptionError(
        f"{path} cannot be opened: {error.orig}", "Restore it from a backup, or ingest into a new home"
    )


def _engine(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}", poolclass=StaticPool, connect_args={"timeout": 10})


def _prepare(connection: Connection) -> None:
    """One writer with readers beside it; a power cut may lose the last commit, never the file."""
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
    connection.commit()


def _migrate(connection: Connection, path: Path) -> None:
    """Migrate the tables to the newest version; a database of a newer version is refused."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    found = MigrationContext.configure(connection).get_current_revision()
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise InputError(
            f"{path} was written by a newer version (schema {found}, this one knows {HEAD})", "Upgrade Plimsoll"
        )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def _changed(day: NDArray[np.int64], values: NDArray[np.float64], held: Bars) -> NDArray[np.bool_]:
    """Rows that the store lacks or has with other values; NaN equals NaN."""
    if not len(held):
        return np.ones(day.size, dtype=bool)
    at = np.minimum(np.searchsorted(held.day, day), len(held) - 1)
    stored = np.column_stack([getattr(held, name) for name in COLUMNS])[at]
    same = ((values == stored) | (np.isnan(values) & np.isnan(stored))).all(axis=1)
    return np.asarray(~(same & (held.day[at] == day)))


def _nullable(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Rows of Python floats with None for NaN, as SQL has no NaN that every database agrees on."""
    rows = values.astype(object)
    rows[np.isnan(values)] = None
    listed: list[list[float | None]] = rows.tolist()
    return listed


def _iso(days: NDArray[np.int64]) -> list[str]:
    texts: list[str] = np.datetime_as_string(EPOCH + days.astype("m8[D]")).tolist() if days.size else []
    return texts


def _days(texts: Sequence[str]) -> NDArray[np.int64]:
    return (np.array(texts, dtype="M8[D]") - EPOCH).astype(np.int64)


def _macro_series(rows: Sequence[Any]) -> MacroSeries:
    _, day, known, value = zip(*rows, strict=True)
    return MacroSeries(_days(day), np.array(value, dtype=np.float64), _days(known))


def _fields(record: Audit | Confirmation | HeldPage) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _audit(row: dict[str, Any]) -> Audit:
    row["reasons"] = msgspec.json.decode(row["reasons"], type=tuple[str, ...])
    row["flags"] = msgspec.json.decode(row["flags"], type=tuple[Flag, ...])
    row["days"] = msgspec.json.decode(row["days"], type=tuple[tuple[int, ...], ...])
    return Audit(**row)


def _governance(run: str, one: Certification) -> dict[str, Any]:
    reasons = msgspec.json.encode(one.reasons).decode()
    return {
        "symbol": one.symbol,
        "state": one.state,
        "reasons": reasons,
        "ended": one.ended,
        "provider": one.provider,
        "run": run,
    }


def _quality(run: str, one: Certification) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "rows": one.rows,
        "expected": one.expected,
        "missing_pct": one.missing_pct,
        "score": one.score,
        "first": one.first,
        "last": one.last,
        "flags": msgspec.json.encode(one.flags).decode(),
        "run": run,
    }
