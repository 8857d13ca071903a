"""The ``files`` provider: a folder of CSV or Parquet files, or one long table; a file is a page (D3, D12, D18).

Values are not repaired: order, duplicates and missing values are for certification to judge. What cannot be a bar at
all ends as a failure of its symbol that names file, line, value and remedy, and leaves every other symbol alone.
Whatever is assumed or left out is a note. ``tables`` finds the columns, ``rows`` reads bars, ``series`` macro
observations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from plimsoll.core import unpacking
from plimsoll.core.errors import InputError, UsageError
from plimsoll.market.capability import MATRIX, Capability
from plimsoll.market.cells import legible, some
from plimsoll.market.provider import FetchRequest, Page, ProviderState, RawSource, StaleCursor, refuse_options
from plimsoll.market.providers import columns, dates, rows, series, tables
from plimsoll.market.providers.numerals import Decimal
from plimsoll.market.providers.reading import Asked, Reading, label

NAME = "files"
OPTIONS = ("symbol", "dates", "columns", "decimal")


class FilesProvider:
    """A user's files.

    The source is a CSV (also gzipped) or Parquet file, or a folder of them, with one row a bar; the columns and their
    names are in ``columns.ALIASES``. A table with series, date, value (and optionally published) is macro, and so is
    FRED's own (observation_date and a column a series). Inside a folder a file without symbol column is named by its
    stem. Of ``OPTIONS``, ``symbol`` names the one file that has no symbol column, or the one symbol in it; the others
    say how dates, columns and decimals are written.
    """

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return NAME

    @property
    def capabilities(self) -> Capability:
        """Its row of the matrix."""
        return MATRIX[NAME]

    def fetch(self, request: FetchRequest) -> Iterator[Page]:
        """A page for each file, by name; rows in the order of the file.

        ``adj_close`` is ``close`` where the source has neither adjusted prices nor actions (noted). Bars outside the
        dates asked for are not judged; macro observations before the start are kept: they are what is known then. The
        cursor counts files and holds a hash of them, so that a folder which changed since is read from its beginning.

        Raises
        ------
        InputError where the source does not exist or is empty. UsageError for terms that are none and a ``symbol`` too
        few or too many. StaleCursor.
        """
        asked = _asked(request)
        source, given = Path(request.source), request.options.get("symbol")
        paths, ignored = _paths(source)
        if given is not None and len(paths) > 1:
            raise UsageError(
                f"{_where(source)} holds {len(paths)} files", "A symbol can be given for a single file only"
            )
        done, chain = _behind(request.cursor, paths)
        for number, path in enumerate(paths[done:], done):
            reading = Reading(request.symbols, request.start, request.end, asked)
            symbol = reading.identity(given) if given is not None else None
            _read_file(path, symbol, source.is_dir(), reading)
            last = number + 1 == len(paths)
            if ignored and last:
                reading.notes.append(f"ignored, neither CSV nor Parquet: {some(ignored)}")
            chain = _chained(chain, path.name, reading.raw[0].sha256 if reading.raw else "")
            yield _page(reading, number, f"{number + 1}:{chain}", len(paths))

    def check(self) -> ProviderState:
        """Always there: whether a source can be read is seen when it is named."""
        return ProviderState(NAME, True, True, None, "reads the CSV and Parquet files that --source names")


def _asked(request: FetchRequest) -> Asked:
    """The user's format options, validated before any file is opened."""
    refuse_options(NAME, request.options, OPTIONS)
    form, sign = request.options.get("dates"), request.options.get("decimal")
    if form is not None and form not in dates.NAMED and "%" not in form:
        raise UsageError(
            f"--dates {form!r} is not a form of dates",
            f"Give one of {', '.join(dates.NAMED)}, or a format such as %d.%m.%Y",
        )
    decimal: Decimal | None = None
    if sign is not None:
        if sign not in ("point", "comma"):
            raise UsageError(f"--decimal {sign!r} is not a decimal sign", "Give point or comma")
        decimal = "point" if sign == "point" else "comma"
    written = request.options.get("columns")
    told = columns.Told() if written is None else columns.told(written)
    return Asked(form, told, decimal, request.aliases, request.policy)


def _behind(cursor: str, paths: Sequence[Path]) -> tuple[int, str]:
    """Number of files before the cursor, and the hash of their content, read once more."""
    if not cursor:
        return 0, ""
    count, _, chain = cursor.partition(":")
    if not count.isascii() or not count.isdigit() or not 0 < int(count) < len(paths):
        raise StaleCursor(f"{legible(cursor[:40])} is no place among these files", "Begin again")
    now = ""
    for path in paths[: int(count)]:
        try:
            now = _chained(now, path.name, hashlib.sha256(_bytes(path)).hexdigest())
        except InputError:
            now = _chained(now, path.name, "")
    if now != chain:
        raise StaleCursor("Files that were read have changed since", "Begin again")
    return int(count), chain


def _chained(chain: str, name: str, sha256: str) -> str:
    return hashlib.sha256(f"{chain}\n{name}\n{sha256}".encode(errors="surrogateescape")).hexdigest()


def _page(reading: Reading, number: int, cursor: str, total: int) -> Page:
    there = reading.bars.keys() | reading.failures.keys() | reading.macro.keys()
    return Page(
        number=number,
        cursor=cursor,
        last=number + 1 == total,
        raw=tuple(reading.raw),
        bars=dict(sorted(reading.bars.items())),
        macro=dict(sorted(reading.macro.items())),
        failures=dict(sorted(reading.failures.items())),
        others=frozenset(reading.seen - there),
        notes=tuple(reading.notes),
        findings={k: v for k, v in sorted(reading.findings.items()) if k in reading.bars},
        unadjusted=frozenset(reading.unadjusted & reading.bars.keys()),
        whole=True,
        total=total,
    )


def _paths(source: Path) -> tuple[list[Path], list[str]]:
    try:
        if source.is_file():
            return [source], []
        if not source.is_dir():
            what = "is neither a file nor a folder" if source.exists() else "does not exist"
            raise InputError(f"{_where(source)} {what}", "Give a CSV or Parquet file, or a folder of them")
        files = sorted(p for p in source.iterdir() if p.is_file() and not p.name.startswith("."))
        paths = [p for p in files if tables.is_table(p.name) and not _only_words(p)]
    except (OSError, ValueError) as error:
        raise InputError(f"{_where(source)} cannot be read ({error})", "Check the path and its permissions") from None
    if not paths:
        raise InputError(
            f"{_where(source)} holds no CSV or Parquet file", "Put one file per symbol there, or one long table"
        )
    return paths, [p.name for p in files if p not in paths]


def _only_words(path: Path) -> bool:
    """A text file in a folder that is no table: a licence, a list of notes."""
    if not tables.may_be_words(path.name):
        return False
    with path.open("rb") as file:
        start = file.read(4096)
    return not start.startswith(b"\x1f\x8b") and not tables.begins_as_table(start)


def _read_file(path: Path, symbol: str | None, in_folder: bool, reading: Reading) -> None:
    """Read one file into ``reading``; whatever is wrong with it as a whole is its one failure."""
    key = symbol or _named_by_stem(path, reading) or label(path)
    try:
        table = _table(path, reading)
        stem = None if not in_folder or _has_names(table) else reading.identity(tables.stem(path))
        if table.series or ("value" in table.frame.columns and "close" not in table.frame.columns):
            series.read(path, table, symbol, stem, reading)
        else:
            rows.read(path, table, symbol, stem, reading)
    except UsageError:
        raise
    except InputError as error:
        if reading.wanted(key) or key == label(path):
            reading.fail(key, f"{label(path)} {error.problem}", error.remedy)


def _has_names(table: tables.Table) -> bool:
    """Whether the table has a symbol column."""
    return bool(table.series) or "symbol" in table.frame.columns or "series" in table.frame.columns


def _table(path: Path, reading: Reading) -> tables.Table:
    data = _bytes(path)
    reading.raw.append(RawSource(path.name, hashlib.sha256(data).hexdigest(), len(data), path))
    return tables.parse(path.name, data, reading.asked.columns)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > unpacking.BYTES_MAX:
            raise InputError(f"is larger than {unpacking.BYTES_MAX >> 20} MiB", "Split it")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", "Check its permissions") from None


def _named_by_stem(path: Path, reading: Reading) -> str | None:
    try:
        return reading.identity(tables.stem(path))
    except InputError:
        return None


def _where(source: Path) -> str:
    return legible(str(source))
