"""What is measured of a proposal, against the definitions (step 10, U6, R1)."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.core.limits import LimitSet
from plimsoll.core.measurements import Measurements
from plimsoll.core.policy import Policy
from plimsoll.core.scenarios import ScenarioSet, StressedSet
from plimsoll.engine.measure import Tails, measure, resting
from plimsoll.measures.cvar import cvar
from plimsoll.risk.gates import judge_proposal

RNG = np.random.default_rng(0)
FILTERED = {1: RNG.normal(0, 0.01, (400, 3)), 10: RNG.normal(0, 0.03, (390, 3))}
STRESSED = {1: RNG.normal(-0.01, 0.03, (60, 3)), 10: RNG.normal(-0.02, 0.08, (50, 3))}
COLUMNS = np.array([0, 2, 3])


def one_set(returns: dict[int, np.ndarray], name: str = "2020", confidence: float = 0.95) -> tuple[StressedSet, ...]:
    return (StressedSet(name, returns, dict.fromkeys(returns, confidence)),)


def tails(blind: frozenset[int] = frozenset()) -> Tails:
    return Tails.of(ScenarioSet(COLUMNS, dict(FILTERED), one_set(dict(STRESSED)), blind), 0.95)


def test_stressed_cvar_is_the_largest_of_the_sets_each_by_itself() -> None:
    """The 1-session tail is deepest in one set, the 10-session one in another, and neither dilutes the other."""
    mild = {h: 0.1 * r for h, r in STRESSED.items()}
    sharp = {1: 2.0 * STRESSED[1], 10: 0.1 * STRESSED[10]}
    three = (*one_set(mild, "2022"), *one_set(dict(STRESSED), "2008"), *one_set(sharp, "worst", 0.9))
    given = Tails.of(ScenarioSet(COLUMNS, dict(FILTERED), three), 0.95)
    weights = np.array([0.3, 0.0, 0.2, 0.1])
    found, of = given.stressed_of_book(weights)
    assert of == {1: "worst", 10: "2008"}
    assert found[1] == cvar(-(sharp[1] @ weights[COLUMNS]), 0.9)
    assert found[10] == cvar(-(STRESSED[10] @ weights[COLUMNS]), 0.95)


def test_what_one_stressed_set_cannot_measure_is_not_measured() -> None:
    hole = {h: r.copy() for h, r in STRESSED.items()}
    hole[10][3, 0] = np.nan
    for order in (("a", "b"), ("b", "a")):
        sets = {"a": one_set(dict(STRESSED))[0], "b": one_set(hole)[0]}
        given = Tails.of(ScenarioSet(COLUMNS, dict(FILTERED), tuple(sets[n] for n in order)), 0.95)
        found, _ = given.stressed_of_book(np.array([0.3, 0, 0.1, 0]))
        assert np.isnan(found[10]) and found[1] > 0.0
    assert tails(frozenset({2})).stressed_of_book(np.array([0.1, 0, 0, 0.1]))[0][1] > 0.0
    assert np.isnan(tails(frozenset({2})).stressed_of_book(np.array([0.1, 0, 0.1, 0]))[0][1])
    assert Tails.of(ScenarioSet(COLUMNS, dict(FILTERED)), 0.95).stressed_of_book(np.array([0.1, 0, 0, 0])) == ({}, {})


def measured(held: list[float], orders: list[float], given: Tails | None = None):
    given = given or tails()
    book = np.array(held)
    return measure(
        nav=10_000_000, held=book, order_weights=np.array(orders), adv_share=np.zeros(4), tails=given,
        cvar_held=given.of_book(book), horizon=10, drawdown_episode=0.0, drawdown_lifetime=0.0,
        symbols=("A", "B", "C", "D"),
    )  # fmt: skip


def test_cvar_of_a_book_is_the_mean_of_its_worst_losses() -> None:
    weights = np.array([0.3, 0.0, 0.2, 0.1])
    for h, value in tails().of_book(weights).items():
        losses = np.sort(-(FILTERED[h] @ weights[COLUMNS]))[::-1]
        assert value == pytest.approx(losses[: max(1, round(0.05 * losses.size))].mean(), rel=0.03)


def test_a_book_in_cash_risks_nothing_and_a_gain_counts_as_none() -> None:
    assert tails().of_book(np.zeros(4)) == {1: 0.0, 10: 0.0}
    sure = ScenarioSet(COLUMNS, {1: np.full((100, 3), 0.01), 10: np.full((100, 3), 0.02)})
    assert Tails.of(sure, 0.95).of_book(np.array([0.5, 0, 0, 0])) == {1: 0.0, 10: 0.0}


def test_a_holding_that_cannot_be_measured_spoils_the_book_and_an_absent_one_does_not() -> None:
    blind = tails(frozenset({2}))
    assert all(np.isnan(v) for v in blind.of_book(np.array([0.1, 0, 0.1, 0])).values())
    seeing = {h: cvar(-(r[:, [0]] @ np.array([0.1])), 0.95) for h, r in FILTERED.items()}
    assert blind.of_book(np.array([0.1, 0, 0, 0])) == pytest.approx(seeing)
    assert np.isnan(blind.alone(2, 10))


def test_a_holding_outside_the_set_cannot_be_measured_rather_than_not_counted() -> None:
    assert all(np.isnan(v) for v in tails().of_book(np.array([0.1, 0.1, 0, 0])).values())
    assert np.isnan(tails().alone(1, 10)) and np.isnan(tails().alone(4, 10))


def test_a_proposal_without_increase_is_not_judged_on_increases() -> None:
    m = measured([0.3, 0, 0.2, 0], [-0.1, 0, -0.2, 0])
    assert not m.increases.any()
    assert not m.incremental.any()
    assert m.exempt_trades == m.trades == 2
    assert m.exempt_turnover == m.turnover == pytest.approx(0.15)
    assert m.cvar_proposed[10] < m.cvar_held[10]


def test_increments_are_measured_on_the_book_after_its_reductions() -> None:
    m = measured([0.3, 0, 0.2, 0], [0.1, 0, -0.2, 0.05])
    reduced = np.array([0.3, 0, 0.0, 0])
    assert m.increases.tolist() == [True, False, False, True]
    assert m.cvar_base == pytest.approx(tails().of_book(reduced))
    alone = tails().of_book(np.array([0.4, 0, 0.0, 0]))[10] - tails().of_book(reduced)[10]
    assert m.incremental[0] == pytest.approx(alone)
    assert m.standalone[10][3] == pytest.approx(0.05 * tails().alone(3, 10))
    assert m.stressed_proposed == pytest.approx(tails().stressed_of_book(np.array([0.4, 0, 0, 0.05]))[0])
    assert m.gross_proposed == pytest.approx(0.45)
    assert m.cash_proposed == pytest.approx(0.55)
    assert m.exempt_trades == 1


def definitional(held: np.ndarray, orders: np.ndarray, given: Tails) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Increment and stand-alone risk of each increase, a whole book and a whole column at a time."""
    proposed = held + orders
    grows = np.abs(proposed) > np.abs(held)
    base = np.where(grows, held, proposed)
    increment = np.zeros(held.size)
    alone = {h: np.zeros(held.size) for h in (1, 10)}
    for i in np.flatnonzero(grows).tolist():
        one = base.copy()
        one[i] = proposed[i]
        increment[i] = given.of_book(one)[10] - given.of_book(base)[10]
        for h, values in alone.items():
            at = np.flatnonzero(given.scenarios.columns == i)
            blind = not at.size or i in given.scenarios.unmeasurable
            values[i] = np.nan if blind else abs(proposed[i]) * cvar(-given.filtered[h][:, at[0]], 0.95)
    return increment, alone


@pytest.mark.parametrize("columns", [3, 70, 200])
@pytest.mark.parametrize("blind", [False, True])
def test_many_increases_are_measured_together_as_each_alone(columns: int, blind: bool) -> None:
    """More columns than are laid out at once, in a set with gaps; a blind one spoils itself, and a held one all."""
    rng = np.random.default_rng(columns)
    of_set = np.sort(rng.choice(columns + 9, columns, replace=False))
    filtered = {h: rng.standard_t(4, (500, columns)) * 0.01 * np.sqrt(h) for h in (1, 10)}
    stressed = {h: 2.0 * r[:90] for h, r in filtered.items()}
    unseen = frozenset({int(of_set[1])}) if blind else frozenset()
    given = Tails.of(ScenarioSet(of_set, filtered, one_set(stressed), unseen), 0.95)
    held = np.zeros(columns + 9)
    held[of_set[2:]] = rng.uniform(0.0, 0.02, columns - 2) * (rng.random(columns - 2) < 0.7)
    orders = rng.uniform(-0.02, 0.02, columns + 9) * (rng.random(columns + 9) < 0.5)
    orders = np.where(held + orders < 0.0, -held, orders)
    orders[of_set[1]] = 0.01
    m = measure(
        nav=1, held=held, order_weights=orders, adv_share=np.zeros(held.size), tails=given,
        cvar_held=given.of_book(held), horizon=10, drawdown_episode=0.0, drawdown_lifetime=0.0, symbols=(),
    )  # fmt: skip
    increment, alone = definitional(held, orders, given)
    np.testing.assert_allclose(m.incremental, increment, rtol=0.0, atol=1e-15)
    for h, values in alone.items():
        np.testing.assert_array_equal(m.standalone[h], values)
    assert np.isnan(m.incremental[of_set[1]]) == blind
    spoilt = given.of_book(held + orders)
    assert all(np.isnan(v) for v in spoilt.values()) == (blind or bool(np.delete(orders, of_set).any()))


def limits_among_the_figures(rng: np.random.Generator, n: int) -> LimitSet:
    """Caps of single columns that some increases of 0.1 to 2 % meet by far, some barely and some not."""
    cap = np.full(n, 9.0)
    open_ = {1: 9.0, 10: 9.0}
    return LimitSet(
        gross_max=9.0, cash_min=-9.0, weight_max=cap, cvar_budget=open_, cvar_hard=open_, stressed_budget=open_,
        standalone={h: rng.uniform(0.0, 0.002, n) * np.sqrt(h) for h in (1, 10)},
        incremental_max=rng.uniform(0.0, 0.003, n), participation_max=9.0, turnover_max=9.0, trades_max=n,
        groups=(), pairs=(), gross_freeze=9.0, gross_halt=9.0,
    )  # fmt: skip


@pytest.mark.parametrize("bought_blind", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_bound_stands_for_a_figure_only_where_no_gate_could_refuse_it(seed: int, bought_blind: bool) -> None:
    rng = np.random.default_rng(seed)
    n = 150
    filtered = {h: rng.standard_t(4, (500, n)) * 0.01 * np.sqrt(h) for h in (1, 10)}
    given = Tails.of(ScenarioSet(np.arange(n), filtered, one_set({1: filtered[1][:50]}), frozenset({7})), 0.95)
    held = rng.uniform(0.0, 0.02, n) * (rng.random(n) < 0.3)
    held[:8] = 0.02, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    orders = rng.uniform(0.001, 0.02, n)
    orders[[0, 7]] = -0.01, 0.01 if bought_blind else 0.0
    limits = limits_among_the_figures(rng, n)

    def measured_by(limits: LimitSet | None) -> Measurements:
        return measure(
            nav=1, held=held, order_weights=orders, adv_share=np.zeros(n), tails=given, cvar_held=given.of_book(held),
            horizon=10, drawdown_episode=0.0, drawdown_lifetime=0.0, symbols=(), limits=limits,
        )  # fmt: skip

    exact, bounded = measured_by(None), measured_by(limits)
    assert np.isnan(exact.standalone[1]).tolist() == [bought_blind and i == 7 for i in range(n)]
    for figure, given_as, cap in (
        *((exact.standalone[h], bounded.standalone[h], limits.standalone[h]) for h in (1, 10)),
        (exact.incremental, bounded.incremental, limits.incremental_max),
    ):
        measured = (figure == given_as) | (np.isnan(figure) & np.isnan(given_as))
        assert 10 < np.count_nonzero(measured & exact.increases) < n - 10
        assert (figure < given_as)[~measured].all() and (given_as <= cap)[~measured].all()
        assert measured[~(figure <= cap)].all()
    assert judge_proposal(bounded, limits, Policy()) == judge_proposal(exact, limits, Policy())


def test_without_a_scenario_there_is_no_worst_one() -> None:
    empty = Tails.of(ScenarioSet(np.arange(2), {10: np.zeros((0, 2))}), 0.95)
    assert np.isnan(empty.worst(np.arange(3), 10)).all()


def test_a_column_is_measured_without_a_book_that_cannot_be() -> None:
    blind = tails(frozenset({2}))
    book = np.array([0.0, 0, 0.1, 0])
    units, joined = blind.each(np.array([0, 1, 2, 3]), 10, book, np.full(4, 0.1))
    assert np.isfinite(units).tolist() == [True, False, False, True]
    assert np.isnan(joined).all()
    assert np.isnan(Tails.of(ScenarioSet(np.array([], int), {10: np.zeros((9, 0))}), 0.95).alone(0, 10))


def test_several_books_in_one_pass_are_each_alone_to_the_bit() -> None:
    rng = np.random.default_rng(5)
    wide = ScenarioSet(np.arange(900), {1: rng.normal(size=(1260, 900)), 10: rng.normal(size=(1251, 900))})
    given = Tails.of(wide, 0.95)
    books = [rng.normal(size=900), np.zeros(900), rng.normal(size=900) * (rng.random(900) < 0.1)]
    assert given.of_books(books) == [given.of_book(b) for b in books]
    for h, value in given.of_book(books[0]).items():
        assert value == max(0.0, cvar(-np.einsum("tk,k->t", wide.filtered[h], books[0]), 0.95))


def test_a_weight_that_is_not_known_counts_as_an_increase() -> None:
    m = measured([0.1, 0.0, np.nan, 0.0], [-0.05, 0.0, 0.0, 0.0])
    assert m.increases.tolist() == [False, False, True, False]
    assert np.isnan(m.gross_proposed) and np.isnan(m.cvar_proposed[10])


def test_a_book_that_rests_trades_nothing_and_is_what_it_is() -> None:
    held = np.array([0.3, 0.0, 0.2, 0.0])
    m = resting(nav=5, held=held, gross=0.5, cvar_held={1: 0.01, 10: 0.03}, drawdown_episode=0.02,
                drawdown_lifetime=0.05, symbols=("A", "B", "C", "D"))  # fmt: skip
    assert (m.turnover, m.trades, m.exempt_trades, m.exempt_turnover) == (0.0, 0, 0, 0.0)
    assert (m.gross_held, m.gross_proposed, m.cash_proposed) == (0.5, 0.5, 0.5)
    assert not m.increases.any() and not m.adv_share.any() and not m.incremental.any()
    assert m.cvar_proposed == m.cvar_base == m.cvar_held and m.proposed is held
    assert (m.nav_cents, m.drawdown_episode, m.drawdown_lifetime) == (5, 0.02, 0.05)
