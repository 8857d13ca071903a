"""Where the old snapshot is gone, the journal says at which prices the account counts what it holds (D14, U6)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.order import Order, WorkingOrder
from plimsoll.engine.units import same_units

DAY, BEFORE = "2024-10-08", "2024-10-07"


def seen(close: float, *, lots: int = 0, ordered: str = "", reference: float = 100.0) -> None:
    """Continue an account that held 5 units at 100 USD, or has an order, on a panel whose last close is ``close``."""
    working = {"a": WorkingOrder(Order("a", ordered, "SPY", 5, False, reference))} if ordered else {}
    account: Any = SimpleNamespace(symbols=("SPY",), lots=np.array([lots]), working=working)
    last: Any = SimpleNamespace(session=DAY, symbols=("SPY",), held=[0.05], nav=1_000_000)  # 500 of 10,000 USD
    panel: Any = SimpleNamespace(
        close=np.array([[999.0], [close]]), column={"SPY": 0}, snapshot="new",
        instruments=[SimpleNamespace(lots_per_unit=10)], sessions=SimpleNamespace(row_at_or_before=lambda day: 1),
    )  # fmt: skip
    same_units(account, last, None, panel, DAY)


@pytest.mark.parametrize(("close", "split"), [(50.0, "2:1"), (33.3333, "3:1"), (1_000.0, "1:10"), (150.0, "2:3")])
def test_a_price_at_another_scale_is_refused_with_the_split_that_would_explain_it(close: float, split: str) -> None:
    with pytest.raises(InputError, match=f"a split of {split}; the snapshot new books no split .* holds the old units"):
        seen(close, lots=50)
    with pytest.raises(InputError, match="has orders in the old units"):
        seen(close, ordered=DAY)


def test_a_factor_that_no_split_of_small_numbers_explains_is_named_all_the_same() -> None:
    with pytest.raises(InputError, match=r"SPY stands at 0\.8713 times [^;]*2024-10-08;"):
        seen(87.13, lots=50)


def test_the_same_units_and_an_older_order_s_price_refuse_nothing() -> None:
    seen(100.0, lots=50)
    seen(100.3, lots=50)
    seen(50.0)  # neither held nor ordered
    seen(50.0, ordered=BEFORE, reference=100.0)
    seen(100.0, lots=50, ordered=BEFORE, reference=70.0)
