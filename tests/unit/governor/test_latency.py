"""When a governor is too slow to be in control (H5)."""

from __future__ import annotations

import pytest

from plimsoll.governor.latency import LatencyMonitor
from plimsoll.governor.limits import Pace

PACE = Pace(longest=100, window=4, recent=6, slow=3)


def timed(*micros: int) -> LatencyMonitor:
    watch = LatencyMonitor(PACE)
    for spent in micros:
        watch.add(spent)
    return watch


@pytest.mark.parametrize(
    ("spent", "slow"), [((99,) * 6, 0), ((100,) * 6, 0), ((101,) * 6, 6), ((101, 1, 101, 1, 1, 1), 2)]
)
def test_a_decision_is_slow_above_the_longest_time_only(spent: tuple[int, ...], slow: int) -> None:
    assert timed(*spent).slow == slow


def test_only_the_last_decisions_count() -> None:
    watch = timed(*(500,) * 6)
    assert (watch.slow, watch.median, watch.too_slow) == (6, 500, True)
    for left in (5, 4, 3, 2):
        watch.add(1)
        assert watch.slow == left
    assert watch.median == 1
    assert not watch.too_slow
    watch.add(500)
    assert watch.slow == 2  # the oldest slow one left as the new one came


@pytest.mark.parametrize(
    ("spent", "median"),
    [((7, 7, 7), None), ((1, 2, 3, 9), 3), ((1, 2, 4, 9), 3), ((9, 1, 100, 100), 55), ((9, 1, 3, 3), 3)],
)
def test_a_median_is_of_a_full_window_and_rounded_up(spent: tuple[int, ...], median: int | None) -> None:
    assert timed(*spent).median == median


@pytest.mark.parametrize(
    ("spent", "stop"),
    [
        ((101, 101), False), ((101, 101, 101), True),  # slow ones count before a window is full
        ((100, 101, 101, 100), True), ((100, 100, 101, 99), False), ((99, 100, 100, 101), False),
    ],
)  # fmt: skip
def test_a_median_above_the_longest_stops_and_so_do_enough_slow_ones(spent: tuple[int, ...], stop: bool) -> None:
    assert timed(*spent).too_slow is stop


def test_what_was_measured_is_forgotten() -> None:
    watch = timed(500, 500, 500, 500)
    watch.clear()
    assert (watch.slow, watch.median, watch.too_slow) == (0, None, False)
