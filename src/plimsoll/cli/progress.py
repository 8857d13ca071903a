"""Progress on stderr: a bar on a terminal, a line at each quarter of long work in a pipe or a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from plimsoll.cli.terminal import say

_LONG = 1000
"""Steps from which work is told in a log; what is shorter ends within seconds."""
_PARTS = 4


@contextmanager
def progress(label: str, *, logged: bool = True) -> Iterator[Callable[[int, int], None] | None]:
    """A callable taking (done, total); None where stderr is no terminal and the work is not ``logged``."""
    if not sys.stderr.isatty():
        yield _told(label) if logged else None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def _told(label: str) -> Callable[[int, int], None]:
    """A line for each quarter of long work that is not its end."""
    passed = 0

    def report(done: int, total: int) -> None:
        nonlocal passed
        part = done * _PARTS // total if total >= _LONG else 0
        if passed < part < _PARTS:
            passed = part
            say(f"{label}: {done:,} of {total:,}", err=True)

    return report


@contextmanager
def named_progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """The same for work whose steps have names: (what, done, total)."""
    with progress("reading") as report:

        def named(_what: str, done: int, total: int) -> None:
            if report is not None:
                report(done, total)

        yield named
