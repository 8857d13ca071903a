"""No indicator sees the future: bit for bit, on panels with gaps, young assets and ended series (F2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as fields_of
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.instrument import Instrument, Membership
from plimsoll.core.panel import Factor, Panel
from plimsoll.core.policy import BacktestPolicy, Policy
from plimsoll.core.sessions import Sessions
from plimsoll.indicators.catalogue import catalogue
from plimsoll.risk import regime

ROWS = 330
ARRAYS = ("open", "high", "low", "close", "volume", "dividend", "split", "index", "fresh", "macro")
SYMBOLS = ("SPY", "AAA", "BTC-USD", "CCC", "DDD", "^VIX")
# a short warm-up, so that eligibility changes within the panel
POLICY = replace(Policy(), backtest=BacktestPolicy(min_rows=40))
MakePanel = Callable[..., Panel]


@cache
def _factors() -> dict[str, Factor]:
    return catalogue(POLICY) | regime.factors(POLICY)


def _market(make_panel: MakePanel, seed: int) -> Panel:
    """Fat-tailed prices with gaps, one young asset, one ended series, splits, dated membership, and VIX."""
    g = np.random.default_rng(seed)
    n = len(SYMBOLS)
    close = 50.0 * np.exp(np.cumsum(g.standard_t(3, (ROWS, n)) * 0.01, axis=0))
    close[:, -1] = np.exp(g.normal(np.log(20.0), 0.4, ROWS))
    index = close / 50.0
    split = np.ones((ROWS, n))
    split[int(g.integers(20, ROWS)), 1] = 3.0
    close[:, 1] /= np.cumprod(split[:, 1])
    volume = g.uniform(1e3, 1e6, (ROWS, n))
    ended_at = int(g.integers(100, ROWS))
    missing = g.random((ROWS, n)) < g.choice([0.0, 0.02, 0.2])
    missing[: int(g.integers(0, 200)), 2] = True
    missing[ended_at:, 3] = True
    reach = g.uniform(0.0, 0.03, (2, ROWS, n))
    values: dict[str, np.ndarray] = {
        "open": close, "high": close * (1 + reach[0]), "low": close * (1 - reach[1]), "close": close,
        "volume": volume, "index": index,
    }  # fmt: skip
    values = {name: np.where(missing, np.nan, array) for name, array in values.items()}
    made = make_panel(
        values["close"], symbols=SYMBOLS, split=split, **{k: v for k, v in values.items() if k != "close"}
    )
    dates = made.sessions.dates
    ended = replace(made.certifications[3], ended=True, last=dates[ended_at - 1])
    member = Instrument("DDD", "stock", "XNYS", members=(Membership(dates[50], dates[int(g.integers(60, ROWS))]),))
    return _changed(
        made,
        certifications=(*made.certifications[:3], ended, *made.certifications[4:]),
        instruments=(*made.instruments[:4], member, made.instruments[5]),
    )


def _changed(panel: Panel, **given: Any) -> Panel:
    return Panel(**{f.name: getattr(panel, f.name) for f in fields_of(Panel)} | given)


def _until(panel: Panel, rows: int) -> Panel:
    """What the panel was when only its first ``rows`` sessions were known."""
    s = panel.sessions
    following = int(s.days[rows]) if rows < len(s) else s.next_day
    cut = {name: getattr(panel, name)[:rows] for name in ARRAYS}
    return _changed(panel, sessions=Sessions(s.days[:rows], s.opens[:rows], s.closes[:rows], following), **cut)


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


@pytest.mark.parametrize("name", sorted(_factors()))
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, ROWS))
def test_every_indicator_of_a_prefix_is_the_prefix_of_the_indicator(
    make_panel: MakePanel, name: str, seed: int, rows: int
) -> None:
    panel = _market(make_panel, seed)
    known = _factors()[name](_until(panel, rows))
    whole = _factors()[name](panel)
    assert len(known) == rows
    assert _same_bits(known, whole[:rows])


@pytest.mark.parametrize("name", sorted(_factors()))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, ROWS - 1))
def test_changing_the_future_changes_nothing_before_it(make_panel: MakePanel, name: str, seed: int, rows: int) -> None:
    panel = _market(make_panel, seed)
    before = _factors()[name](panel)[:rows].copy()
    g = np.random.default_rng(seed + 1)
    other = {
        field: getattr(panel, field).copy() for field in ("open", "high", "low", "close", "volume", "split", "index")
    }
    for values in other.values():
        values[rows:] *= g.uniform(0.1, 10.0, values[rows:].shape)
        values[rows:][g.random(values[rows:].shape) < 0.3] = np.nan
    assert _same_bits(_factors()[name](_changed(panel, **other))[:rows], before)


@pytest.mark.parametrize("rows", [1, 22, 23, 200])
def test_a_matrix_re_estimated_each_month_sees_no_future(make_panel: MakePanel, rows: int) -> None:
    em = replace(POLICY, regime=replace(POLICY.regime, matrix="em"))
    panel, crisis = _market(make_panel, rows), regime.factors(em)["regime.crisis"]
    assert _same_bits(crisis(_until(panel, rows)), crisis(panel)[:rows])


def test_a_factor_that_peeks_is_caught(make_panel: MakePanel) -> None:
    def peeks(panel: Panel) -> np.ndarray:
        return np.roll(panel.index, -1, axis=0)

    panel = _market(make_panel, 1)
    assert not _same_bits(peeks(_until(panel, 200)), peeks(panel)[:200])
