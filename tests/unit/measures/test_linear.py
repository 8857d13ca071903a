"""Products whose bits depend on nothing but their factors."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.measures.linear import combine, combine_each, gram


@pytest.mark.parametrize("columns", [1, 5, 32, 33, 70])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_product_of_a_matrix_with_itself_has_the_bits_of_the_whole_product(columns: int, order: str) -> None:
    x = np.array(np.random.default_rng(columns).normal(size=(63, columns)), order=order)  # type: ignore[call-overload]
    product = gram(x, x)
    np.testing.assert_array_equal(product, gram(x, x.copy(order="K")), strict=True)
    np.testing.assert_array_equal(product, product.T)
    np.testing.assert_allclose(product, [[np.dot(a, b) for b in x.T] for a in x.T], rtol=0.0, atol=1e-11)


def test_a_column_that_is_unknown_leaves_the_others_known() -> None:
    x = np.random.default_rng(1).normal(size=(63, 40))
    x[7, 35] = np.nan
    unknown = np.isnan(gram(x, x))
    assert unknown[35].all() and unknown[:, 35].all() and unknown.sum() == 79


@pytest.mark.parametrize(("rows", "columns"), [(1260, 3), (1260, 225), (1251, 700), (63, 5000), (31, 9000), (1, 4)])
def test_books_worked_out_together_have_the_bits_of_each_alone(rows: int, columns: int) -> None:
    """Whatever the blocks: the figures of a decision may not depend on how many books were asked for at once."""
    rng = np.random.default_rng(rows)
    returns = rng.standard_normal((rows, columns))
    books = [rng.standard_normal(columns) for _ in range(3)]
    for together, weights in zip(combine_each(returns, books), books, strict=True):
        np.testing.assert_array_equal(together, combine(returns, weights))
    assert combine_each(returns, []) == []
