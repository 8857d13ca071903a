"""Progress on stderr when it is a terminal; nothing in a pipe, a log or a dumb terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A callable taking (done, total), or None when stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
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


@contextmanager
def named_progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """The same for work whose steps have names: (what, done, total)."""
    with progress("reading") as report:
        if report is None:
            yield None
            return

        def named(_what: str, done: int, total: int) -> None:
            report(done, total)

        yield named
