"""Levels of the whole book's correlation (R6): books whose correlation is known, and sums written out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.decision import Comovement
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import History, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.measures.correlation import overlapping, shrunk
from plimsoll.risk import comovement

POLICY = Policy()
R = POLICY.correlation
ROWS = R.window
WATCHED = Comovement(comovement.WATCHED, 0.6, 0.5)
ALIKE = Comovement(comovement.ALIKE, 0.9, 0.85)


def book(rho: float, size: int = 4, rows: int = ROWS) -> np.ndarray:
    """(rows, size) returns of which every pair has exactly this sample correlation."""
    draw = np.random.default_rng(5)
    q, _ = np.linalg.qr(np.column_stack([np.ones(rows), draw.normal(size=(rows, size + 1))]))
    return 0.01 * (np.sqrt(rho) * q[:, 1:2] + np.sqrt(1.0 - rho) * q[:, 2:])


@pytest.fixture(scope="module")
def view_of(make_panel: Callable[..., Panel]) -> Callable[..., View]:
    def build(returns: np.ndarray, usual: float = np.nan, coins: tuple[int, ...] = ()) -> View:
        """Before the returns a history in which every average is at ``usual``; none where it is NaN."""
        size = returns.shape[1]
        if usual == usual:
            returns = np.vstack([np.tile(book(max(usual, 0.0), size), (6, 1)), returns])
        rows = len(returns)
        names = tuple(f"S{i}" for i in range(size))
        instruments = tuple(
            Instrument(s, "crypto" if i in coins else "stock", "24/7" if i in coins else "XNYS")
            for i, s in enumerate(names)
        )
        panel = make_panel(100.0 * np.ones((rows, size)), names, instruments=instruments)
        slow = np.full_like(returns, np.nan)
        slow[R.overlap - 1 :] = overlapping(returns, R.overlap)
        known = {"return": returns, "comovement.slow": slow}
        return View(History(panel, {n: (lambda _, v=v: v.copy()) for n, v in known.items()}), rows - 1)

    return build


def step(view: View, before: Comovement | None = None, weights: np.ndarray | None = None) -> comovement.ComovementStep:
    size = len(view.symbols)
    held = np.full(size, 0.9 / size) if weights is None else weights
    return comovement.step(view, np.flatnonzero(held), held, before, POLICY)


def kinds(found: comovement.ComovementStep) -> list[str]:
    return [e.kind for e in found.events]


@pytest.mark.parametrize(
    ("rho", "usual", "said"),
    [
        (0.50, 0.40, []),  # below the bar once shrunk
        (0.55, 0.40, ["CORRELATION_HIGH"]),
        (0.55, 0.56, []),
        (0.57, 0.56, ["CORRELATION_HIGH"]),
        (0.55, np.nan, ["CORRELATION_HIGH"]),
    ],
)
def test_a_high_average_is_an_alarm_only_where_it_is_unusual(
    view_of: Callable[..., View], rho: float, usual: float, said: list[str]
) -> None:
    found = step(view_of(book(rho, 3), usual))
    assert kinds(found) == said
    assert (found.state is not None) is bool(said)
    if said:
        after = shrunk(book(rho, 3))[0, 1]
        assert found.events[0].measured == pytest.approx(after) and after < rho
        assert found.events[0].limit == R.average
        assert found.state == Comovement(comovement.WATCHED, pytest.approx(after), pytest.approx(after))


def test_unusual_is_beside_the_own_past_of_the_same_weights(view_of: Callable[..., View]) -> None:
    """Two that always moved alike are usual; with most of the weight on two that did not, the same day is not."""
    now = book(0.7, 3)
    before = np.tile(np.column_stack([book(0.9, 2), 0.01 * np.random.default_rng(3).normal(size=ROWS)]), (6, 1))
    view = view_of(np.vstack([before, now]))
    assert step(view, None, np.array([0.45, 0.45, 0.0001])).state is None
    assert step(view, None, np.array([0.0001, 0.45, 0.45])).state is not None
    few = replace(POLICY, correlation=replace(R, history=200))
    short = comovement.step(view, np.arange(3), np.array([0.45, 0.45, 0.0001]), None, few)
    assert short.state is not None  # fewer averages than history_min prove nothing


def test_a_book_of_two_calendars_is_compared_by_weeks_where_they_differ(view_of: Callable[..., View]) -> None:
    """The coin follows a session later and always has: unrelated by day, usual by week."""
    draw = np.random.default_rng(7)
    x = draw.normal(0.0, 0.01, 7 * ROWS + 1)
    always = np.column_stack([x[1:], x[:-1]])
    weights = np.array([0.45, 0.45])
    loud = view_of(always, coins=(1,))
    assert comovement._usual(loud, np.arange(2), weights, R) is (
        float(_weekly(always)[-1]) <= float(np.quantile(_weekly(always), R.average_percentile))
    )
    lately = np.column_stack([always[:, 0], draw.normal(0.0, 0.01, 7 * ROWS)])
    lately[-ROWS:] = always[-ROWS:]
    assert not comovement._usual(view_of(lately, coins=(1,)), np.arange(2), weights, R)


def _weekly(returns: np.ndarray) -> np.ndarray:
    """Every fifth trailing correlation of two columns on overlapping 5-session returns, the last first."""
    slow = overlapping(returns, R.overlap)
    width = ROWS - R.overlap + 1
    ends = range(len(slow), width - 1, -R.history_step)
    return np.array([np.corrcoef(slow[e - width : e].T)[0, 1] for e in ends])[::-1]


@pytest.mark.parametrize(("rho", "said"), [(0.45, []), (0.43, []), (0.39, ["CORRELATION_CLEAR"])])
def test_an_alarm_is_raised_once_and_over_below_its_lower_threshold(
    view_of: Callable[..., View], rho: float, said: list[str]
) -> None:
    found = step(view_of(book(rho, 3), 1.0), WATCHED)
    assert kinds(found) == said
    assert (found.state is None) is bool(said)


@pytest.mark.parametrize(("rho", "frozen"), [(0.79, False), (0.81, True)])
def test_a_book_whose_every_pair_moves_alike_is_only_reduced(
    view_of: Callable[..., View], rho: float, frozen: bool
) -> None:
    found = step(view_of(book(rho), 1.0))
    assert found.reduce_only is frozen
    assert kinds(found) == (["CORRELATION_ALIKE"] if frozen else [])
    again = step(view_of(book(rho), 1.0), ALIKE)
    assert again.reduce_only and not again.events


@pytest.mark.parametrize(("rho", "level"), [(0.71, 2), (0.69, 1), (0.43, 1), (0.39, None)])
def test_reductions_only_ends_below_its_lower_threshold(
    view_of: Callable[..., View], rho: float, level: int | None
) -> None:
    found = step(view_of(book(rho), 1.0), ALIKE)
    assert (None if found.state is None else found.state.level) == level
    assert kinds(found) == ([] if level == comovement.ALIKE else ["CORRELATION_CLEAR"])


def test_one_pair_apart_keeps_the_book_free(view_of: Callable[..., View]) -> None:
    returns = book(0.95)
    returns[:, 3] = np.random.default_rng(1).normal(0.0, 0.01, ROWS)
    assert not step(view_of(returns, 1.0)).reduce_only


@pytest.mark.parametrize(
    ("weights", "frozen"),
    [([0.15] * 4, True), ([0.149] * 4, False), ([0.3, 0.3, 0.3, 0.0], False), ([0.57, 0.01, 0.01, 0.01], True)],
)
def test_reductions_only_needs_several_holdings_and_most_of_nav(
    view_of: Callable[..., View], weights: list[float], frozen: bool
) -> None:
    for before in (None, ALIKE):
        assert step(view_of(book(0.95), 1.0), before, np.array(weights)).reduce_only is frozen


def test_the_average_weighs_pairs_by_what_is_held(view_of: Callable[..., View]) -> None:
    draw = np.random.default_rng(2)
    common = draw.normal(size=(ROWS, 1))
    returns = 0.01 * np.hstack([common + 0.3 * draw.normal(size=(ROWS, 2)), draw.normal(size=(ROWS, 1))])
    weights = np.array([0.5, 0.3, 0.02])
    rho = shrunk(returns)
    pairs = {(0, 1): 0.15, (0, 2): 0.01, (1, 2): 0.006}
    wanted = sum(rho[p] * w for p, w in pairs.items()) / sum(pairs.values())
    found = step(view_of(returns), None, weights)
    assert found.state is not None and found.state.average == pytest.approx(wanted) and wanted > 0.7
    assert step(view_of(returns), None, np.array([0.02, 0.3, 0.5])).state is None  # the same book, weights turned
    assert found.state.lowest == pytest.approx(min(rho[p] for p in pairs))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 7), before=st.sampled_from([None, WATCHED, ALIKE]))
def test_levels_are_those_of_the_shrunk_matrix(
    view_of: Callable[..., View], seed: int, size: int, before: Comovement | None
) -> None:
    draw = np.random.default_rng(seed)
    load = draw.uniform(0.0, 2.0)
    returns = load * draw.normal(size=(ROWS, 1)) + draw.normal(size=(ROWS, size)) * draw.uniform(0.5, 1.5, size)
    weights = draw.dirichlet(np.ones(size))
    matrix = shrunk(returns)
    pairs = np.outer(weights, weights) * (1.0 - np.eye(size))
    average = float((matrix * pairs).sum() / pairs.sum())
    found = step(view_of(returns), before, weights)
    bar = R.average if before is None else R.average_leave
    alike = size >= R.alike_holdings and matrix.min() > (R.alike_leave if before is ALIKE else R.alike)
    if abs(average - bar) > 1e-9:
        assert (found.state is not None) is bool(average > bar or alike)
    assert found.reduce_only is bool(alike)


def test_where_calendars_differ_five_session_returns_decide(view_of: Callable[..., View]) -> None:
    draw = np.random.default_rng(7)
    x = draw.normal(0.0, 0.01, ROWS + 1)
    returns = np.column_stack([x[1:], x[:-1]])  # the coin follows a session later
    assert step(view_of(returns)).state is None
    found = step(view_of(returns, coins=(1,)))
    assert found.state is not None
    assert found.state.average == pytest.approx(shrunk(overlapping(returns, R.overlap), R.overlap)[0, 1])


@pytest.mark.parametrize("hole", ["nan", "still", "young"])
@pytest.mark.parametrize("before", [None, WATCHED, ALIKE])
def test_a_book_that_cannot_be_measured_counts_as_perfectly_correlated(
    view_of: Callable[..., View], hole: str, before: Comovement | None
) -> None:
    returns = book(0.1, rows=ROWS - 1 if hole == "young" else ROWS)
    if hole == "nan":
        returns[3, 2] = np.nan
    if hole == "still":
        returns[:, 1] = 0.0001
    found = step(view_of(returns), before)
    assert found.reduce_only
    assert found.state == Comovement(comovement.ALIKE, 1.0, 1.0)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rho=st.floats(0.0, 0.99),
    size=st.integers(2, 6),
    before=st.sampled_from([None, WATCHED, ALIKE]),
    row=st.integers(0, ROWS - 1),
    usual=st.booleans(),
)
def test_removing_information_never_loosens(
    view_of: Callable[..., View], seed: int, rho: float, size: int, before: Comovement | None, row: int, usual: bool
) -> None:
    returns = book(rho, size)
    known, level = step(view_of(returns, 0.6), before).state, lambda s: 0 if s is None else s.level
    less = returns.copy()
    if not usual:
        less[row, seed % size] = np.nan
    assert level(step(view_of(less, np.nan if usual else 0.6), before).state) >= level(known)


def test_a_book_of_one_holding_has_no_correlation(view_of: Callable[..., View]) -> None:
    view = view_of(book(0.95))
    alone = np.array([0.9, 0.0, 0.0, 0.0])
    quiet = step(view, None, alone)
    assert quiet.state is None and quiet.events == ()
    found = step(view, ALIKE, alone)
    assert found.state is None and kinds(found) == ["CORRELATION_CLEAR"] and found.events[0].measured is None


def test_thresholds_come_from_the_policy(view_of: Callable[..., View]) -> None:
    view, held = view_of(book(0.3, 2), 0.0), np.full(2, 0.45)
    rules = replace(R, average=0.2, average_leave=0.1, alike=0.25, alike_leave=0.2, alike_holdings=2)
    strict = replace(POLICY, correlation=rules)
    assert comovement.step(view, np.arange(2), held, None, strict).reduce_only
    assert not step(view, None, held).reduce_only


def judged_with(view: View, before: Comovement | None, **changed: float) -> comovement.ComovementStep:
    size = len(view.symbols)
    policy = replace(POLICY, correlation=replace(R, **changed))
    return comovement.step(view, np.arange(size), np.full(size, 0.9 / size), before, policy)


def test_every_level_turns_exactly_at_its_threshold(view_of: Callable[..., View]) -> None:
    view = view_of(book(0.7, 4), 0.0)
    seen = judged_with(view, None, average=0.1, alike=0.99).state
    assert seen is not None
    average, lowest = seen.average, seen.lowest
    for value, ulp in ((average, "average"), (lowest, "lowest")):
        below, above = np.nextafter(value, [0.0, 1.0]).tolist()
        for limit, over in ((below, True), (value, False), (above, False)):
            if ulp == "average":
                assert (judged_with(view, None, average=limit, alike=0.99).state is not None) is over
                kept = judged_with(view, WATCHED, average=0.1, average_leave=limit, alike=0.99).state
                assert (kept is not None) is over
            else:
                assert judged_with(view, None, average=0.1, alike=limit).reduce_only is over
                assert judged_with(view, ALIKE, average=0.1, alike=0.99, alike_leave=limit).reduce_only is over


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_holding_without_a_usable_return_makes_the_book_one(view_of: Callable[..., View], bad: float) -> None:
    returns = book(0.1)
    returns[7, 2] = bad
    found = step(view_of(returns, 0.4))
    assert found.reduce_only and found.state is not None
    assert (found.state.average, found.state.lowest) == (1.0, 1.0)


def test_a_short_weighs_as_much_as_a_long(view_of: Callable[..., View]) -> None:
    view = view_of(book(0.6, 3), 0.0)
    weights = np.array([0.5, 0.3, 0.1])
    long = step(view, None, weights)
    for signs in ([-1, 1, 1], [1, -1, -1], [-1, -1, -1]):
        assert step(view, None, weights * signs).state == long.state is not None


def test_how_grave_each_change_is(view_of: Callable[..., View]) -> None:
    graves = [
        step(view_of(book(0.6, 3))), step(view_of(book(0.9))), step(view_of(book(0.1)), WATCHED),
        step(view_of(book(0.6)), ALIKE),
    ]  # fmt: skip
    assert [(e.kind, e.severity) for found in graves for e in found.events] == [
        ("CORRELATION_HIGH", "WARNING"), ("CORRELATION_ALIKE", "CRITICAL"), ("CORRELATION_CLEAR", "INFO"),
        ("CORRELATION_CLEAR", "INFO"),
    ]  # fmt: skip


@pytest.mark.parametrize("unit", [1e-3, 1e4])
def test_a_correlation_has_no_unit(view_of: Callable[..., View], unit: float) -> None:
    one, other = (step(view_of(book(0.6, 3) * u), None).state for u in (1.0, unit))
    assert one is not None and other is not None
    assert (other.average, other.lowest) == pytest.approx((one.average, one.lowest))


@pytest.mark.parametrize("level", [0.0, 0.0001, -0.0001, -3.0])
def test_a_holding_that_stands_still_cannot_be_measured(view_of: Callable[..., View], level: float) -> None:
    returns = book(0.1)
    returns[:, 1] = level
    assert step(view_of(returns)).state == Comovement(comovement.ALIKE, 1.0, 1.0)


def test_weights_that_make_no_pair_count_as_perfectly_correlated(view_of: Callable[..., View]) -> None:
    for weights in ([0.9, 0.0], [0.0, 0.0]):
        found = comovement.step(view_of(book(0.6, 2)), np.arange(2), np.array(weights), None, POLICY)
        assert found.state is not None and found.state.average == 1.0
