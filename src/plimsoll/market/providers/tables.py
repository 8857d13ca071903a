"""A file's bytes as a table with one name a column, or an ``InputError`` that describes the bytes (D3).

Nothing is repaired here: text cells stay text until ``numerals`` and ``dates`` parse them, so that every refusal can
name its line and value. What stands above the header or below the last bar is left out, and counted.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError
from plimsoll.core.unpacking import gunzip
from plimsoll.market import parquet
from plimsoll.market.cells import shown, some
from plimsoll.market.providers import between, columns, text, wide
from plimsoll.market.providers.columns import Told

if TYPE_CHECKING:
    import polars as pl

CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
HEADER_BYTES_MAX = 1 << 16
_PREAMBLE_LINES = 30
_FOOTER_LINES = 50
_DATUM = re.compile(r'^"?[+-]?[$\d.,:/ T-]*\d[\d.,:/ TZ+-]*"?$')
_MONTH = re.compile(
    r"(?i)^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
)


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table whose columns are named by ``columns.ALIASES``, and ``row``: where each row stood in the file.

    ``headers`` are the file's own names by role; ``notes`` say what was left out or assumed; ``series`` are the names
    of the columns of a macro table that has one a series; ``lines`` gives a row's place.
    """

    frame: pl.DataFrame
    headers: dict[str, str]
    notes: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    currency: str | None = None
    closes_only: str = ""
    source: _Source | None = None
    found: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Where a row stands: its line in a CSV (a quoted text may span several), else its number."""
        return f"row {row + 1}" if self.source is None else self.source.place(row)


@dataclass(frozen=True, eq=False, slots=True)
class _Source:
    """The text of a CSV from its header on; ``above`` lines of the file stand before it."""

    text: str
    separator: str
    header: int
    above: int

    def place(self, row: int) -> str:
        reader = csv.reader(io.StringIO(self.text), delimiter=self.separator)
        for _ in range(self.header):
            next(reader)
        for index, _ in enumerate(reader):  # a blank line is a row without cells
            if index == row:
                return f"line {self.above + reader.line_num}"
        return f"row {row + 1}"


def is_table(name: str) -> bool:
    """Whether a file's name ends as one that can be read here."""
    return name.lower().endswith(CSV_ENDINGS + PARQUET_ENDINGS)


def may_be_words(name: str) -> bool:
    """Whether a file's name says text of any kind, a table or words."""
    return name.lower().endswith((".txt", ".txt.gz"))


def begins_as_table(start: bytes) -> bool:
    """Whether the first bytes of a text file hold a line that names a date and a price or value."""
    try:
        body, _ = text.decoded(start)
    except InputError:
        return False
    lines = list(itertools.islice(io.StringIO(body), _PREAMBLE_LINES))
    above, separator = _header_line(lines)
    names = _records([lines[above]], separator)[0]
    return any(columns.is_date(n) for n in names) and len({columns.role(n) for n in names} - {None}) >= 2


def stem(path: Path) -> str:
    """A file's name without its ending: the symbol of a file that names none."""
    name = path.name
    for ending in sorted(CSV_ENDINGS + PARQUET_ENDINGS, key=len, reverse=True):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def parse(name: str, data: bytes, asked: Told | None = None) -> Table:
    """The table in ``data``: Parquet by its first bytes or its name, else text.

    Raises
    ------
    InputError, without the file's name, where the bytes are not such a table.
    """
    asked = asked or Told()
    if not data:
        raise InputError("is empty", "Download or export it once more")
    if data[:4] == b"PAR1" or name.lower().endswith(PARQUET_ENDINGS):
        return _parquet(data, asked)
    return _csv(data, asked)


def _parquet(data: bytes, asked: Told) -> Table:
    frame = parquet.read(data)
    if frame.width and frame.is_empty():
        raise InputError("holds no rows", "Download or export it once more")
    names = [n if n.isprintable() else ascii(n) for n in frame.columns]
    frame = frame.rename(dict(zip(frame.columns, _numbered(frame.width), strict=True)))
    return _named(_placed(frame), wide.of_columns(names), asked, [])


def _csv(data: bytes, asked: Told) -> Table:
    body, notes = text.decoded(gunzip(data))
    lines = list(itertools.islice(io.StringIO(body), _PREAMBLE_LINES))
    if len(lines[0]) > HEADER_BYTES_MAX:
        raise InputError(f"has a first line longer than {HEADER_BYTES_MAX >> 10} KiB", "It is not a table")
    if asked.order:
        separator = _separator(lines)
        head, above = wide.Header(asked.order, None, 0), 0
        _refuse_width(lines[0], separator, len(asked.order))
    else:
        above, separator = _header_line(lines)
        head = wide.header(_records(lines[above : above + 4], separator))
        _refuse_headless(lines[above], head)
    if above:
        notes.append(f"{above} lines above the header were left out, the first {shown(lines[0].strip())}")
    body = body[sum(len(line) for line in lines[:above]) :]
    body, dropped = _without_footer(body, separator)
    _whole_last_line(body, separator, len(head.names), above)
    notes += dropped
    rows = _frame(body, separator, len(head.names), above)
    frame = _placed(rows.slice(head.lines))
    source = _Source(body, separator, head.lines, above)
    frame, again = between.without_headers(frame, rows.head(head.lines))
    frame, totals = between.without_totals(frame, head)
    frame, head, actions = between.with_actions(frame, head)
    notes += again + totals + actions
    if frame.is_empty():
        if not any(columns.is_date(n) for n in head.names):
            raise InputError(
                f"lacks date and rows: it is one line, {shown(lines[above].strip())}", "Fetch the data itself"
            )
        raise InputError("holds a header and no rows", "Download or export it once more")
    return _named(frame, head, asked, notes, source)


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with ``row``, where each stood."""
    import polars as pl

    return frame.with_columns(pl.int_range(len(frame), dtype=pl.Int64).alias("row"))


def _frame(body: str, separator: str, width: int, above: int) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_csv(
            io.BytesIO(body.encode()),
            separator=separator,
            infer_schema=False,
            has_header=False,
            skip_rows=0,
            new_columns=_numbered(width),
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
        raise InputError(*_ragged(body, separator, width, str(error), above)) from None


def _numbered(width: int) -> list[str]:
    return [f"c{i}" for i in range(width)]


def _records(lines: list[str], separator: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=separator)) or [[]]
    except csv.Error:
        return [line.rstrip("\n").split(separator) for line in lines]


def _separator(lines: list[str]) -> str:
    """The sign that parts the first lines into the most fields, most evenly."""

    def worth(sign: str) -> tuple[int, int]:
        counts = [len(r) for r in _records(lines[:10], sign) if r]
        return (min(counts), max(counts)) if counts else (0, 0)

    return max(",;\t|", key=worth)


def _header_line(lines: list[str]) -> tuple[int, str]:
    """Where the header is and what parts its fields: the first line that names a date and a figure, else the first."""
    for above, line in enumerate(lines):
        separator = max(",;\t|", key=line.count)
        names = _records([line], separator)[0]
        kinds = {columns.role(n) for n in names} | ({"date"} if any(columns.is_date(n) for n in names) else set())
        if above and "date" in kinds and (len(kinds - {None}) >= 3 or "value" in kinds):
            return above, separator
        if not above and len(kinds - {None}) >= 2:
            break
    first = lines[0]
    separator = max(",;\t|", key=first.count)
    return 0, separator if first.count(separator) else _separator(lines)


def _refuse_headless(line: str, head: wide.Header) -> None:
    named = [n for n in head.names if n.strip()]
    if named and all(_DATUM.match(n.strip()) for n in named):
        raise InputError(
            f"has no line that names its columns: it begins with {shown(line.strip())}",
            "Add one, or name them in order with --columns, for example --columns date,open,high,low,close,volume",
        )


def _refuse_width(line: str, separator: str, width: int) -> None:
    found = len(_records([line], separator)[0])
    if found != width:
        raise InputError(f"has {found} columns and --columns names {width}", "Name every one; 'ignore' leaves one out")


def _without_footer(body: str, separator: str) -> tuple[str, list[str]]:
    """The text without what stands below the last bar: empty rows, totals, a line saying where it is from."""
    kept = body.rstrip("\n")
    said: list[str] = []
    for _ in range(_FOOTER_LINES):
        head, newline, last = kept.rpartition("\n")
        if not newline:
            break
        cells = _records([last], separator)[0]
        words = next((c.strip() for c in cells if c.strip()), "")
        if words and (words[0].isdigit() or words[0] in "+-." or _MONTH.match(words) or not _is_footer(cells)):
            break
        if words:
            said.append(words)
        kept = head
    notes = [f"{len(said)} lines below the last row were left out: {some(shown(s) for s in said)}"] if said else []
    return kept, notes


def _is_footer(cells: list[str]) -> bool:
    """Words where a date or a symbol should be: a total, or a sentence in a line of its own."""
    words = [c.strip() for c in cells if c.strip()]
    first = words[0].lower()
    summed = re.match(
        r"(?:grand |sub)?totals?\b|sum\b|summe\b|average\b|mean\b|mittelwert\b|source\b|quelle\b|downloaded\b"
        r"|generated\b|note\b|notes\b|\*|#|\xa9|end of\b|copyright\b|data provided\b|as of\b|disclaimer\b",
        first,
    )
    return bool(summed) or (len(words) == 1 and len(cells) > 0 and " " in words[0] and len(words[0]) > 12)


def _whole_last_line(body: str, separator: str, width: int, above: int) -> None:
    last = body.rpartition("\n")[2]
    if '"' not in last and 0 < last.count(separator) + 1 < width:
        line = above + body.count("\n") + 1
        found = last.count(separator) + 1
        raise InputError(
            f"ends in the middle of line {line}: {found} of {width} fields", "It is cut short; fetch it again"
        )


def _ragged(body: str, separator: str, width: int, detail: str, above: int) -> tuple[str, str]:
    try:
        reader = csv.reader(io.StringIO(body), delimiter=separator)
        for record in reader:
            if len(record) > width:
                problem = f"line {above + reader.line_num} has {len(record)} fields where the header has {width}"
                return problem, "Quote texts that hold the separator; write 1234.5, not 1.234,5 or 1,234.5"
    except csv.Error as error:
        detail = str(error)
    return f"is not a readable CSV file ({detail.splitlines()[0][:120] if detail else 'no detail'})", "Correct it"


def _named(
    frame: pl.DataFrame, head: wide.Header, asked: Told, notes: list[str], source: _Source | None = None
) -> Table:
    """The frame with a role for each column that has one."""
    import polars as pl

    names: tuple[str, ...] = head.names
    if head.owners is not None:
        frame, names = wide.long(frame, head)
        notes.append(f"one column a symbol was read as {len({o for o in head.owners if o})} symbols")
    found = columns.roles(names, frame.select(pl.exclude("row")), asked)
    listed = wide.series(names, found)
    if listed is not None:
        picked = [frame.to_series(0).alias("date")]
        picked += [frame.to_series(i).alias(n.strip()) for i, n in enumerate(names) if i]
        return Table(
            pl.DataFrame([*picked, frame["row"]]),
            {"date": names[0]},
            tuple(notes),
            tuple(n.strip() for n in listed),
            None,
            "",
            source,
            names,
        )
    order = frame.select(pl.exclude("row"))
    picked = [order.to_series(index).alias(target) for target, index in found.place.items()]
    if found.left:
        notes.append(
            f"ignored columns {some(n.strip() or '(no name: row numbers, as pandas writes them)' for n in found.left)}"
        )
    notes += [warning for warn in (columns.coin_volume, columns.units) if (warning := warn(names, found))]
    if found.doubtful:
        notes.append(columns.doubt([n.strip() for n in found.doubtful]))
    headers = {target: names[index].strip() for target, index in found.place.items()}
    return Table(
        pl.DataFrame([*picked, frame["row"]]),
        headers,
        tuple(notes),
        (),
        found.currency,
        wide.closes_only(names, found),
        source,
        names,
    )
