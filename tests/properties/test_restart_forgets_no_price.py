"""A governor restarted between any two quotes doubts what it would doubt, but for the stated distance (H2, U6).

The model keeps the true prices and nothing of the governor: whatever is believed after a restart must be within the
bound of a jump of a price that is itself within half of the bound of the last true one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.governor.governor import Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

UNIT = 10**12
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
LIMITS = replace(limits_of(policy_file.load("micro").policy), move_bps=0)
BOUNDS = {"S": 0.20, "BTC-USD": 0.30}

steps = st.lists(
    st.tuples(
        st.sampled_from(sorted(BOUNDS)),
        st.sampled_from([-0.19, -0.1, -0.05, -0.01, 0.0, 0.01, 0.04, 0.09, 0.1, 0.15, 0.19]),  # within every bound
        st.booleans(),  # an order follows, which writes
    ),
    min_size=1,
    max_size=12,
)
wrong = st.sampled_from([0.01, 0.1, 0.4, 0.5, 0.6, 0.69, 0.79, 1.0, 1.21, 1.4, 1.49, 1.6, 2.0, 10.0])


@settings(max_examples=150, deadline=None)
@given(steps, wrong, st.sampled_from(sorted(BOUNDS)))
@pytest.mark.parametrize("processes", [1, 2])
def test_a_print_that_cannot_be_is_doubted_after_a_restart_at_any_point(
    processes: int, moves: list[tuple[str, float, bool]], factor: float, symbol: str
) -> None:
    account = MemoryAccount()
    governors = [Governor(MemoryStateStore(account), LIMITS) for _ in range(processes)]
    governors[0].begin(DAY, 1_000_000)
    truth: dict[str, int] = {}
    for second, (name, move, orders) in enumerate(moves):
        price = round(truth.get(name, 100 * UNIT) * (1.0 + move))
        truth[name] = price
        governor = governors[second % processes]
        governor.refresh()  # a feed of one process tells the next through the store
        left = governor.quote(name, Quote(price, price, NOON + second * SECOND))
        if processes == 1:
            assert left is None
        if orders:
            governor.decide(OrderIntent(f"o{second}", name, 1, UNIT // 1000, NOON + second * SECOND))
    if symbol not in truth:
        return
    started = Governor(MemoryStateStore(account), LIMITS)
    printed = round(truth[symbol] * factor)
    left = started.quote(symbol, Quote(printed, printed, NOON + len(moves) * SECOND))
    bound = BOUNDS[symbol]
    if processes == 1 and left is None:
        nearest, furthest = 1.0 - bound / 2, 1.0 + bound / 2  # of the stored price, where the true one is
        assert (1.0 - bound) / furthest - 1e-9 <= factor <= (1.0 + bound) / nearest + 1e-9
    if factor in (0.01, 0.1, 0.4, 2.0, 10.0):
        assert left is not None
