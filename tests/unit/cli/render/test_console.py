"""Tables in a narrow terminal: no figure, date or code is broken or cut (DX)."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from plimsoll.cli.errors import fail
from plimsoll.cli.render import console

ROWS = (
    ("GLD", "12,200,684", "2004-11-18", "ABOVE: the book is sold down to its budget at once"),
    ("veto INSUFFICIENT_HISTORY", "-1,662.33", "2026-08-14", "within"),
    ("SPY", "0.31", "2026-08-14", "SERIES_ENDED"),
)


def printed(width: int, *names: str) -> list[str]:
    out = console.console()
    out.file, out.width = io.StringIO(), width
    made = console.table("of", "notional, USD", *names, right=(1,))
    for row in ROWS:
        made.add_row(*row[: 2 + len(names)])
    out.print(made)
    assert isinstance(out, Console) and out.width == width
    assert isinstance(out.file, io.StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [30, 45, 60, 64, 80, 100, 160])
def test_every_word_stays_whole_at_any_width(width: int) -> None:
    lines = printed(width, "last", "verdict")
    for row in ROWS:
        for cell in row[:3]:
            for word in cell.split():
                assert any(word in line.split() for line in lines), (word, lines)
    text = " ".join(lines)
    assert all(text.count(word) for word in ("ABOVE:", "budget", "SERIES_ENDED"))


@pytest.mark.parametrize("width", [64, 80, 100])
def test_a_table_that_can_be_drawn_within_the_terminal_is(width: int) -> None:
    assert max(map(len, printed(width, "last", "verdict"))) <= width


def test_a_wide_terminal_gets_the_table_as_it_always_was() -> None:
    lines = printed(160, "last", "verdict")
    assert lines[1] == " of" + " " * 26 + "notional, USD   last         verdict"
    assert len([line for line in lines if line.strip()]) == len(ROWS) + 2  # one line a row


def test_no_text_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;title\x07\x9b31m\u202e\r\x00"
    out = console.console()
    made = console.table("run", "status")
    made.add_row("r1", evil)
    out.print(made)
    out.print(f"note  {evil}")
    fail(evil, evil, 1, False)
    said = "".join(capsys.readouterr())
    assert not set(said) & set(evil) - set("]0;title31m")
    assert said.count("\\x1b]0;title\\x07") == 4
