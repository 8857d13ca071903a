"""Pair limits (R6): built from series whose correlation is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.decision import HeldPair
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import History, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.risk import pairs

POLICY = Policy()
KINDS = {"A": "stock", "B": "stock", "F": "fund", "G": "fund", "H": "fund", "I": "fund", "BTC-USD": "crypto"}


@pytest.fixture(scope="module")
def view_of(make_panel: Callable[..., Panel]) -> Callable[..., View]:
    def build(returns: np.ndarray, symbols: tuple[str, ...]) -> View:
        close = 100.0 * np.cumprod(1.0 + np.nan_to_num(returns, posinf=0.0, neginf=0.0), axis=0)
        instruments = tuple(Instrument(s, KINDS[s], "24/7" if KINDS[s] == "crypto" else "XNYS") for s in symbols)
        panel = make_panel(close, symbols, instruments=instruments)
        return View(History(panel, {"return": lambda _: returns.copy()}), len(returns) - 1)

    return build


def correlated(rho: float, rows: int = 60) -> np.ndarray:
    """Two columns with exactly this sample correlation."""
    rng = np.random.default_rng(3)
    q, _ = np.linalg.qr(np.column_stack([np.ones(rows), rng.normal(size=(rows, 2))]))
    x, y = q[:, 1], q[:, 2]
    return 0.01 * np.column_stack([x, rho * x + np.sqrt(1.0 - rho * rho) * y])


def found(view: View, previous: tuple[HeldPair, ...] = ()) -> list[tuple[str, str]]:
    columns = np.arange(len(view.symbols))
    return [(p.first, p.second) for p in pairs.update(view, columns, previous, POLICY)]


@pytest.mark.parametrize(
    ("symbols", "rho", "limited"),
    [
        (("A", "B"), 0.69, False),
        (("A", "B"), 0.71, True),
        (("F", "G"), 0.89, False),
        (("F", "G"), 0.91, True),
        (("A", "F"), 0.69, False),
        (("A", "F"), 0.71, True),
    ],
)
def test_stocks_and_funds_have_their_own_limit(
    view_of: Callable[..., View], symbols: tuple[str, str], rho: float, limited: bool
) -> None:
    assert (found(view_of(correlated(rho), symbols)) == [symbols]) is limited


@pytest.mark.parametrize(("rho", "stays"), [(0.65, True), (0.62, True), (0.59, False)])
def test_a_pair_once_limited_stays_until_below_the_lower_threshold(
    view_of: Callable[..., View], rho: float, stays: bool
) -> None:
    view = view_of(correlated(rho), ("A", "B"))
    assert found(view) == []
    for held in (HeldPair("A", "B", 0.8), HeldPair("B", "A", 0.8)):
        assert bool(found(view, (held,))) is stays


def test_a_pair_no_longer_concerned_is_forgotten(view_of: Callable[..., View]) -> None:
    view = view_of(correlated(0.65), ("A", "B"))
    assert found(view, (HeldPair("A", "G", 0.8),)) == []
    assert pairs.update(view, np.array([0]), (HeldPair("A", "B", 0.8),), POLICY) == ()


@pytest.mark.parametrize("hole", [(0, 1), (59, 1)])
def test_what_cannot_be_measured_counts_as_perfectly_correlated(
    view_of: Callable[..., View], hole: tuple[int, int]
) -> None:
    returns = correlated(0.0)
    returns[hole] = np.nan
    assert pairs.update(view_of(returns, ("A", "B")), np.arange(2), (), POLICY) == (HeldPair("A", "B", 1.0),)


def test_a_history_shorter_than_the_window_counts_as_perfectly_correlated(view_of: Callable[..., View]) -> None:
    assert found(view_of(correlated(0.0, rows=59), ("A", "B"))) == [("A", "B")]


def test_where_calendars_differ_five_session_returns_decide(view_of: Callable[..., View]) -> None:
    """The coin follows the stock with a lag of one session: unrelated by day, closely related by week."""
    rng = np.random.default_rng(7)
    x = rng.normal(0.0, 0.01, 61)
    returns = np.column_stack([x[1:], x[:-1]])
    assert abs(np.corrcoef(returns.T)[0, 1]) < 0.5
    assert found(view_of(returns, ("A", "BTC-USD"))) == [("A", "BTC-USD")]
    assert found(view_of(returns, ("A", "B"))) == []


def test_columns_may_come_in_any_order_and_twice(view_of: Callable[..., View]) -> None:
    view = view_of(correlated(0.95), ("A", "B"))
    assert pairs.update(view, np.array([1, 0, 1]), (), POLICY) == pairs.update(view, np.arange(2), (), POLICY)


def test_the_limit_is_a_multiple_of_the_larger_cap() -> None:
    held = (HeldPair("A", "G", 0.95),)
    (limit,) = pairs.limits(held, {"A": 0, "F": 1, "G": 2}, np.array([0.10, 0.4, 0.30]), POLICY)
    assert (limit.first, limit.second, limit.correlation) == (0, 2, 0.95)
    assert limit.cap == pytest.approx(0.45)


def test_an_unknown_cap_gives_a_limit_that_nothing_can_be_shown_to_meet() -> None:
    for caps in ([np.nan, 0.3], [0.3, np.nan]):
        (limit,) = pairs.limits((HeldPair("A", "B", 0.9),), {"A": 0, "B": 1}, np.array(caps), POLICY)
        assert np.isnan(limit.cap)


def thresholds(**changed: float) -> Policy:
    from msgspec.structs import replace

    return replace(POLICY, correlation=replace(POLICY.correlation, **changed))


@pytest.mark.parametrize(("symbols", "name"), [(("A", "B"), "pair_stock"), (("F", "G"), "pair_fund")])
def test_a_limit_is_turned_at_exactly_and_left_below_the_lower_one(
    view_of: Callable[..., View], symbols: tuple[str, str], name: str
) -> None:
    view, both = view_of(correlated(0.8), symbols), np.arange(2)
    (pair,) = pairs.update(view, both, (), thresholds(**{name: 0.1}))
    rho = pair.correlation
    below, above = np.nextafter(rho, [0.0, 1.0]).tolist()
    for limit, limited in ((below, True), (rho, False), (above, False)):
        assert bool(pairs.update(view, both, (), thresholds(**{name: limit}))) is limited
    for leave, stays in ((below, True), (rho, True), (above, False)):
        policy = thresholds(**{name: 0.99, f"{name}_leave": leave})
        assert bool(pairs.update(view, both, (pair,), policy)) is stays


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_return_that_is_no_figure_counts_as_perfectly_correlated(view_of: Callable[..., View], bad: float) -> None:
    returns = np.column_stack([correlated(0.0), correlated(0.1)[:, 1]])
    returns[30, 1] = bad
    known = pairs.update(view_of(returns, ("A", "B", "F")), np.arange(3), (), POLICY)
    assert known == (HeldPair("A", "B", 1.0), HeldPair("B", "F", 1.0))


def test_a_pair_of_a_kept_and_a_new_one_is_limited_in_column_order(view_of: Callable[..., View]) -> None:
    """The middle column is forgotten by neither order nor number: pairs name symbols."""
    returns = np.column_stack([correlated(0.95), correlated(0.95)[:, 0]])
    view = view_of(returns, ("A", "B", "F"))
    assert [(p.first, p.second) for p in pairs.update(view, np.array([2, 1, 0]), (), POLICY)] == [
        ("A", "B"), ("A", "F"), ("B", "F"),
    ]  # fmt: skip
    assert [(p.first, p.second) for p in pairs.update(view, np.array([0, 2]), (), POLICY)] == [("A", "F")]


def test_a_pair_of_two_calendars_that_does_not_move_together_is_free(view_of: Callable[..., View]) -> None:
    """Measured by weeks, not assumed: with a third that does move with the first."""
    base = correlated(0.0)
    returns = np.column_stack([base, base[:, 0]])
    view = view_of(returns, ("A", "BTC-USD", "F"))
    assert found(view) == [("A", "F")]


def test_a_known_pair_of_which_either_symbol_is_no_longer_there_is_forgotten(view_of: Callable[..., View]) -> None:
    view = view_of(correlated(0.65), ("A", "B"))
    for gone in (HeldPair("G", "B", 0.8), HeldPair("A", "G", 0.8), HeldPair("F", "G", 0.8)):
        assert found(view, (gone,)) == []


def test_no_pairs_are_no_limits() -> None:
    assert pairs.limits((), {"A": 0, "F": 1}, np.array([0.1, 0.4]), POLICY) == ()


@given(seed=st.integers(0, 10_000), extra=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_who_else_bids_neither_sets_nor_lifts_the_limit_of_a_pair(
    view_of: Callable[..., View], seed: int, extra: int
) -> None:
    """SPY and QQQ at 0.99 are limited whoever else bids, and unrelated bidders add no limit to two that are free."""
    rng = np.random.default_rng(seed)
    rho = float(rng.choice([0.99, 0.93, 0.87, 0.5]))
    returns = np.column_stack([correlated(rho), 0.01 * rng.normal(size=(60, extra))])
    view = view_of(returns, ("F", "G", "A", "B", "BTC-USD", "H", "I")[: 2 + extra])
    alone = pairs.update(view, np.arange(2), (), POLICY)
    among = [p for p in pairs.update(view, np.arange(2 + extra), (), POLICY) if {p.first, p.second} == {"F", "G"}]
    assert [(p.first, p.second) for p in among] == [(p.first, p.second) for p in alone]
    assert [p.correlation for p in among] == pytest.approx([p.correlation for p in alone], abs=1e-12)
    assert bool(alone) is (rho > 0.9)


def test_a_known_pair_is_followed_while_either_may_be_bought_or_is_held(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(100.0 * np.ones((3, 4)), ("A", "B", "F", "G"))
    may = np.array([1.0, 0.0, 1.0, 1.0])
    view = View(History(panel, {"eligible": lambda _: np.tile(may, (3, 1))}), 2)
    known = (HeldPair("A", "B", 0.8), HeldPair("F", "G", 0.95))
    assert pairs.concerned(view, np.array([0]), known).tolist() == [0, 2, 3]  # B is neither held nor to be bought
    assert pairs.concerned(view, np.array([1]), known).tolist() == [0, 1, 2, 3]
    assert pairs.concerned(view, np.array([1]), ()).tolist() == [1]


@pytest.mark.parametrize("symbols", [("A", "B", "F"), ("A", "BTC-USD", "F")])
def test_what_is_measured_ahead_is_what_each_session_measures(
    view_of: Callable[..., View], symbols: tuple[str, ...]
) -> None:
    """From before the first whole window, over a return that is missing, to the end of the panel."""
    returns = np.random.default_rng(5).normal(0.0, 0.01, (120, 3))
    returns[70, 2] = np.nan
    last, columns, rules = view_of(returns, symbols), np.arange(3), POLICY.correlation
    for row in range(50, last.row + 1):
        view = replace(last, row=row)
        matrix, highest = pairs.measured(view, columns, rules)
        assert matrix.tobytes() == pairs.correlations(view, columns, rules).tobytes()
        apart = matrix[~np.eye(3, dtype=bool)]
        assert highest == apart.max() or (np.isnan(highest) and np.isnan(apart).any())
