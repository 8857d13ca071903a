"""What is measured of a proposal, against the definitions (step 10, U6, R1)."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.core.scenarios import ScenarioSet
from plimsoll.engine.measure import Tails, measure
from plimsoll.measures.cvar import cvar

RNG = np.random.default_rng(0)
FILTERED = {1: RNG.normal(0, 0.01, (400, 3)), 10: RNG.normal(0, 0.03, (390, 3))}
STRESSED = {1: RNG.normal(-0.01, 0.03, (60, 3)), 10: RNG.normal(-0.02, 0.08, (50, 3))}
COLUMNS = np.array([0, 2, 3])


def tails(blind: frozenset[int] = frozenset()) -> Tails:
    return Tails.of(ScenarioSet(COLUMNS, dict(FILTERED), dict(STRESSED), blind), 0.95)


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
    assert m.stressed_proposed == pytest.approx(tails().of_book(np.array([0.4, 0, 0, 0.05]), stressed=True))
    assert m.gross_proposed == pytest.approx(0.45)
    assert m.cash_proposed == pytest.approx(0.55)
    assert m.exempt_trades == 1
