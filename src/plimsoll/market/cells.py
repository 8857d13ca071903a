"""Names of cells, spellings of absence, and messages on unusable cells (D10).

Absent is not wrong: an empty cell, ``N/A``, ``null``, ``NaN``, ``-`` or FRED's ``.`` is a missing value. A cell that
holds something else than a number or a date is a ``Fault``, and its symbol fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

ABSENT = ("", "n/a", "na", "#n/a", "null", "none", "nan", "nat", "-", "--", ".", "<na>")


@dataclass(frozen=True, eq=False, slots=True)
class Fault:
    """Rows (``mask``) whose cell in ``column`` cannot be used, and what to say of such a cell's text."""

    column: str
    mask: pl.Series
    cells: pl.Series
    explain: Callable[[str], tuple[str, str]]

    def sentence(self, row: int) -> tuple[str, str]:
        """The problem with a row's cell, and its remedy."""
        cell = self.cells[row]
        return self.explain("" if cell is None else str(cell))


def shown(cell: str) -> str:
    """A cell's text fit for a message: quoted, ASCII, and short."""
    return ascii(cell if len(cell) <= 40 else cell[:40] + "...")


def legible(name: str) -> str:
    """A file's or column's name fit for a message: as it is, unless it could mislead a terminal."""
    return name if name.isprintable() else ascii(name)


def some(names: object) -> str:
    """At most eight names for a sentence."""
    listed = [legible(str(n)) for n in names]  # type: ignore[attr-defined]
    shown_names = ", ".join(listed[:8])
    return shown_names if len(listed) <= 8 else f"{shown_names} and {len(listed) - 8} more"
