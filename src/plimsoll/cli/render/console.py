"""Console, tables that keep figures whole, percentages and figures, shared by all renderers."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

from plimsoll.core.errors import printable

if TYPE_CHECKING:
    from plimsoll.core.events import Proof

ABSENT = "unknown"
SYNTHETIC = "SYNTHETIC DATA: a generated market; its figures say nothing about any real one."
WIDTH_PIPED = 160
WIDTH_CODE = 12  # a word that is neither a figure nor a date is not broken below this width
WIDTH_LEAST = 60  # below this the terminal wraps the lines instead of cutting names


class _Pipeable(Console):
    """A console that lets the command decide how to end when its reader has left; Rich's own ends the process."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Tables go past the edge of a narrow terminal rather than break a figure or a date in two."""
        width = self.width
        self.width = max([width, *(_fitted(self, made) for made in objects if isinstance(made, Table))])
        super().print(*(printable(o) if isinstance(o, str) else o for o in objects), **how)
        self.width = width

    def on_broken_pipe(self) -> None:
        """Pass the error on."""
        raise BrokenPipeError


class _Printable(Table):
    """A table whose cells are escaped, so that none can control the terminal."""

    def add_row(self, *cells: Any, **how: Any) -> None:
        """Add a row."""
        super().add_row(*(printable(c) if isinstance(c, str) else c for c in cells), **how)


def console(least: int = WIDTH_LEAST) -> Console:
    """Standard output, without highlighting of numbers and paths; wide when it goes to a file or a pipe."""
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    made = _Pipeable(highlight=False, width=WIDTH_PIPED if wide else None)
    made.width = max(made.width, least)
    return made


def table(*columns: str, title: str | None = None, right: tuple[int, ...] = ()) -> Table:
    """A plain table; the columns numbered in ``right`` hold figures."""
    made = _Printable(
        box=box.SIMPLE_HEAD, title=None if title is None else printable(title), title_justify="left", pad_edge=False
    )
    for n, name in enumerate(columns):
        made.add_column(printable(name), justify="right" if n in right else "left", overflow="fold", no_wrap=n == 0)
    return made


def _fitted(out: Console, made: Table) -> int:
    """Tighten a table that is wider than the terminal and wrap its text columns; returns the width it then needs."""
    if _width(out, made) <= out.width:
        return out.width
    wanted = [_narrowed(column) for column in made.columns]
    least = _drawn_closer(out, made, prose=any(wanted))
    least -= _break_longest_code(made, least - out.width)
    _share_out(made, wanted, max(out.width - least, 0))
    return max(least, out.width)


def _width(out: Console, made: Table) -> int:
    """Natural width of a table."""
    return made.__rich_measure__(out, out.options.update(width=WIDTH_PIPED)).maximum


def _narrowed(column: Column) -> int:
    """Give a column the width of its longest word; returns how much more would keep its lines whole, 0 for one word."""
    head, *cells = (str(cell).split() for cell in (column.header, *column.cells))
    column.no_wrap = all(len(words) < 2 for words in cells)
    if column.no_wrap:
        column.header = "\n".join(head)
    column.width = max((cell_len(word) for words in (head, *cells) for word in words), default=0)
    whole = max((cell_len(" ".join(words)) for words in (head, *cells)), default=0)
    return 0 if column.no_wrap else whole - column.width


def _drawn_closer(out: Console, made: Table, *, prose: bool) -> int:
    """Remove edge and gaps, step by step, until the table fits; returns its width.

    Where a column contains text the gaps go first, since its words need the room more.
    """
    gaps = ((0, 0),) if prose else ((0, 1), (0, 1, 0, 0), (0, 0))
    least = 0
    for made.show_edge, made.padding in ((True, gaps[0]), *((False, gap) for gap in gaps)):
        least = _width(out, made)
        if least <= out.width:
            break
    return least


def _break_longest_code(made: Table, excess: int) -> int:
    """Allow the longest word of a text column, except the first, to break; returns the width saved."""
    codes = [c for n, c in enumerate(made.columns) if n and c.justify == "left"]
    if excess <= 0 or not codes:
        return 0
    longest = max(codes, key=lambda column: column.width or 0)
    less = min(excess, max((longest.width or 0) - WIDTH_CODE, 0))
    longest.width = (longest.width or 0) - less
    return less


def _share_out(made: Table, wanted: list[int], spare: int) -> None:
    """Widen the columns by the remaining width, smallest need first."""
    for left, n in enumerate(sorted(range(len(wanted)), key=lambda n: wanted[n])):
        more = min(wanted[n], spare // (len(wanted) - left))
        made.columns[n].width = (made.columns[n].width or 0) + more
        spare -= more


def percent(value: float | None, places: int = 1) -> str:
    """A fraction as per cent; ``unknown`` when absent or not finite (U6)."""
    return ABSENT if value is None or value != value else f"{value:.{places}%}"


def figure(value: float | None, places: int = 2) -> str:
    """A plain figure; ``unknown`` when absent or not finite (U6)."""
    return ABSENT if value is None or value != value else f"{value:,.{places}f}"


def proven(proof: Proof) -> str:
    """The verification behind a reading of a run's journal, in one line."""
    end = "" if proof.anchored else "; the run has not ended, so no anchor outside the journal confirms its end"
    return f"journal {proof.records} records, verified to head {proof.head[:16]}{end}"


def policy_value(value: Any) -> str:
    """A value of a policy as a person writes it."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(policy_value(v) for v in value) or "none"
        case dict():
            return ", ".join(f"{k}: {policy_value(v)}" for k, v in value.items()) or "none"
    return str(value)
