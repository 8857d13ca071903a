"""Lines as they arrive, each with the time of its read, however long it then waits for its answer (H5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from threading import Thread

from plimsoll.governor.protocol_lines import LINE_MAX

_CHUNKS = 64  # largest number read and not yet taken
Came = list[int]
Lines = list[bytes | None]


def arriving(
    read: Callable[[int], bytes], clock: Callable[[], int], chunks: int = _CHUNKS
) -> Iterator[tuple[Lines, Came]]:
    """Arriving lines, those that wait together in one list, and the read time of each, by ``clock``; None stands for a
    line of more than ``LINE_MAX`` bytes.

    ``read`` returns available data, at most so many bytes, waits when there is none, and returns nothing at the end. A
    thread does nothing but read, so that times are those of arrival while answers take long, until ``chunks`` wait.
    Text after the last newline is a line too.
    """
    waiting: Queue[tuple[int, bytes | BaseException]] = Queue(chunks)
    Thread(target=_drain, args=(read, clock, waiting), daemon=True).start()
    return _lines(waiting)


def _drain(
    read: Callable[[int], bytes], clock: Callable[[], int], waiting: Queue[tuple[int, bytes | BaseException]]
) -> None:
    """Read to the end. Data left unread because the queue was full counts from when it is read."""
    full: int | None = None
    while True:
        found: bytes | BaseException
        try:
            found = read(LINE_MAX)
        except BaseException as error:  # raised again in the consumer
            found = error
        at = clock() if full is None else full
        if isinstance(found, bytes) and len(found) < LINE_MAX:
            full = None  # nothing was left unread
        try:
            waiting.put_nowait((at, found))
        except Full:
            full = full or clock()
            waiting.put((at, found))
        if not found or isinstance(found, BaseException):
            return


def _lines(waiting: Queue[tuple[int, bytes | BaseException]]) -> Iterator[tuple[Lines, Came]]:
    rest, skipping = b"", False
    while True:
        lines: Lines = []
        came: Came = []
        for at, chunk in _together(waiting):
            if isinstance(chunk, BaseException):
                if lines:
                    yield lines, came
                raise chunk
            if not chunk:
                if rest or skipping:
                    lines.append(None if skipping else rest)
                    came.append(at)
                if lines:
                    yield lines, came
                return
            *whole, rest = (rest + chunk).split(b"\n")
            if skipping and whole:
                lines.append(None)
                skipping = False
                whole.pop(0)
            lines += [None if len(line) > LINE_MAX else line for line in whole]
            if len(rest) > LINE_MAX:
                rest, skipping = b"", True
            came += [at] * (len(lines) - len(came))
        if lines:
            yield lines, came


def _together(
    waiting: Queue[tuple[int, bytes | BaseException]],
) -> Iterator[tuple[int, bytes | BaseException]]:
    """Everything waiting, at most one read's worth; waits when there is nothing."""
    size = 0
    found = waiting.get()
    while True:
        yield found
        if not isinstance(found[1], bytes) or not found[1]:
            return
        size += len(found[1])
        if size >= LINE_MAX:
            return
        try:
            found = waiting.get_nowait()
        except Empty:
            return
