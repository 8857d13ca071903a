"""Lines as they arrive, cut anywhere, each with the moment it was read (H5)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, pairwise
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.governor.protocol_arrivals import arriving
from plimsoll.governor.protocol_lines import LINE_MAX


def chunks(stream: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for a, b in pairwise(edges):
        yield from (stream[n : min(n + LINE_MAX, b)] for n in range(a, b, LINE_MAX))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=9), st.integers(LINE_MAX - 2, 2 * LINE_MAX + 2)), max_size=6),
    st.lists(st.integers(0, 4 * LINE_MAX), max_size=8),
    st.booleans(),
    st.integers(1, 3),
)
def test_lines_are_the_same_however_they_arrive(parts: list[Any], cuts: list[int], ended: bool, room: int) -> None:
    lines = [b"x" * part if isinstance(part, int) else part.replace(b"\n", b"") for part in parts]
    stream = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    found, ticks = chunks(stream, cuts), count()
    heard, came = [], []
    for some, when in arriving(lambda _: next(found, b""), lambda: next(ticks), room):
        assert len(some) == len(when) > 0
        heard += some
        came += when
    wanted = [None if len(line) > LINE_MAX else line for line in lines]
    if not ended and wanted and wanted[-1] == b"":
        wanted.pop()
    assert heard == wanted
    assert came == sorted(came)


def test_a_line_counts_from_when_its_end_was_read_however_late_it_is_taken_up() -> None:
    script, read = iter([b"a\nb", b"\nc\n", b"d"]), Event()
    now = [0]

    def source(_: int) -> bytes:
        now[0] += 10
        found = next(script, b"")
        if not found:
            read.set()
        return found

    lines = arriving(source, lambda: now[0])
    assert read.wait(30)  # all of it is read though nothing was taken
    now[0] = 1_000
    (together,) = lines
    assert together[0] == [b"a", b"b", b"c", b"d"]
    assert together[1][:3] == [10, 20, 20] and together[1][3] in (40, 1_000)  # the last is a line once the end is seen


def test_what_may_have_waited_unread_counts_from_when_no_more_could_be_kept() -> None:
    """Two chunks are kept; the third is read and held, and what the pipe held meanwhile counts from then."""
    whole = (b"y" * 1_023 + b"\n") * (LINE_MAX // 1_024)
    script, ticks, held = iter([whole, whole, whole, whole, b"z\n"]), count(1), Event()

    def clock() -> int:
        found = next(ticks)
        if found == 4:
            held.set()
        return found

    lines = arriving(lambda _: next(script, b""), clock, 2)
    assert held.wait(30)
    came = [when for _, times in lines for when in times]
    each = LINE_MAX // 1_024
    assert came[::each] == [1, 2, 3, 4, 4]


def test_an_error_of_the_source_is_raised_where_lines_are_taken_after_those_before_it() -> None:
    def source(_: int) -> bytes:
        for chunk in script:
            return chunk
        raise OSError("the terminal is gone")

    script = iter([b"a\n"])
    heard = []
    with pytest.raises(OSError, match="terminal"):
        for some, _ in arriving(source, lambda: 0):
            heard += some
    assert heard == [b"a"]
