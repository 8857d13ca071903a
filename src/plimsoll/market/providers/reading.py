"""State of reading one file: shared by the readers of bars and of macro series (D13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.core.bars import Bars, MacroSeries
from plimsoll.core.errors import InputError
from plimsoll.core.policy import DataPolicy
from plimsoll.market.cells import Fault, legible, shown
from plimsoll.market.findings import Finding
from plimsoll.market.instruments import canonical
from plimsoll.market.provider import UNREADABLE, RawSource
from plimsoll.market.providers.columns import Told
from plimsoll.market.providers.numerals import Decimal
from plimsoll.market.providers.tables import Table

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user said of the files: the form of their dates, what their columns are, their decimal sign; and which
    symbol each foreign spelling stands for (canonical spelling to symbol, D2). ``data`` is the policy they are read
    under.
    """

    dates: str | None = None
    columns: Told = field(default_factory=Told)
    decimal: Decimal | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    data: DataPolicy = field(default_factory=DataPolicy)


@dataclass(slots=True)
class Reading:
    """What has been read so far of one file; ``seen`` are all symbols and series it names, wanted or not."""

    tickers: frozenset[str]
    start: int | None
    end: int | None
    asked: Asked
    bars: dict[str, Bars] = field(default_factory=dict)
    macro: dict[str, MacroSeries] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    unadjusted: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    raw: list[RawSource] = field(default_factory=list)

    def fail(self, key: str, problem: str, remedy: str) -> None:
        """Record a symbol's or file's failure; the first one stands, and its bars are withdrawn."""
        self.bars.pop(key, None)
        self.failures.setdefault(key, (UNREADABLE, f"{problem}. {remedy}" if remedy else problem))

    def wanted(self, symbol: str) -> bool:
        """Whether the symbol was asked for."""
        return not self.tickers or symbol in self.tickers

    def identity(self, text: str) -> str:
        """The symbol a spelling stands for: by the universe's aliases, else its canonical form (D2)."""
        name = canonical(text)
        return self.asked.aliases.get(name, name)

    def note(self, path: Path, text: str) -> None:
        """Record an assumption or omission, once per file."""
        sentence = f"{label(path)} {text}" if text[:3] in ("is ", "has") else f"{label(path)}: {text}"
        if sentence not in self.notes:
            self.notes.append(sentence)


def label(path: Path) -> str:
    """A file's name for a message."""
    return legible(path.name)


def fail_rows(path: Path, table: Table, frame: pl.DataFrame, faults: list[Fault], reading: Reading) -> None:
    """One failure for each symbol of ``frame`` (columns ``symbol`` and ``row``) with a faulty cell: its first."""
    import polars as pl

    for fault in faults:
        marked = frame.select("symbol", "row").with_columns(pl.int_range(len(frame)).alias("at")).filter(fault.mask)
        for name, row, at in marked.unique("symbol", keep="first", maintain_order=True).iter_rows():
            if name is not None:
                problem, remedy = fault.sentence(at)
                header = table.headers.get(fault.column, fault.column)
                column = fault.column if header.lower() == fault.column else f"{fault.column} ({legible(header)})"
                reading.fail(name, f"{label(path)} {table.place(row)}, {column}: {problem}", remedy)


def owner(path: Path, table: Table, column: str, symbol: str | None, stem: str | None) -> str | None:
    """The one symbol of a file without a symbol column; None where it has one.

    Raises
    ------
    UsageError where ``symbol`` is one too many or too few; InputError where the file's name is none.
    """
    from plimsoll.core.errors import UsageError

    if column in table.frame.columns:
        if symbol is None:
            return None
        texts = table.frame[column].drop_nulls().cast(str).str.strip_chars().unique()
        if len(texts) <= 1:  # one symbol, under the file's own spelling: the user says what it is
            return symbol
        raise UsageError(
            f"{label(path)} has a {column} column with {len(texts)} symbols",
            "Leave the symbol out; choose with tickers",
        )
    if symbol is not None:
        return symbol
    if stem is None:
        from plimsoll.market.cells import some

        raise UsageError(
            f"{label(path)} has no {column} column; its columns are {some(n.strip() for n in table.found)}",
            f"Give its symbol, for example --symbol SPY, or the column that names it: --columns {column}=HEADER",
        )
    return stem


def require(table: Table, names: tuple[str, ...]) -> None:
    """``InputError`` where the table lacks one of these columns."""
    from plimsoll.market.cells import some

    lacking = [c for c in names if c not in table.frame.columns]
    if lacking:
        foreign = any(note.startswith("is not UTF-8") for note in table.notes)
        encoding = ". It is not UTF-8 text and was read as Windows-1252: save it as UTF-8 first" if foreign else ""
        if table.closes_only:
            remedy = f"Give one table of bars with all four prices, or name them with --columns{encoding}"
            raise InputError(table.closes_only, remedy)
        raise InputError(
            f"lacks {some(lacking)}; its columns are {some(n.strip() for n in table.found)}",
            f"Name them in the first line, or say which they are, for example --columns {lacking[0]}=HEADER{encoding}",
        )


__all__ = ["UNREADABLE", "Asked", "Reading", "fail_rows", "label", "owner", "require", "shown"]
