"""GARCH volatility against the library that fits it, a likelihood of our own, and its own prefix (R2)."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.capital import garch
from plimsoll.capital.garch import FITTED, TOO_FEW, UNSOUND, Parameters
from plimsoll.core.errors import InputError
from plimsoll.core.policy import CvarPolicy, Policy

pytest.importorskip("arch", reason="the extra garch is not installed")

TRUE = Parameters(0.04, 0.08, 0.88)


def simulated(rows: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """Returns of a GARCH(1,1) whose variance rests at the square of ``scale``."""
    shocks = np.random.default_rng(seed).standard_normal(rows)
    variance, out = 1.0, np.empty(rows)
    for row, shock in enumerate(shocks):
        out[row] = np.sqrt(variance) * shock
        variance = TRUE.omega + TRUE.alpha * out[row] ** 2 + TRUE.beta * variance
    return scale * out


def fitted_by_arch(returns: np.ndarray) -> object:
    from arch.univariate import GARCH, ZeroMean

    return ZeroMean(returns, volatility=GARCH(1, 0, 1), rescale=False).fit(disp="off", show_warning=False)


def test_the_recursion_is_the_librarys_conditional_variance() -> None:
    returns = simulated(700, 1)
    library = fitted_by_arch(returns)
    found = garch.variances(returns, Parameters(*library.params.to_numpy()), 700)
    np.testing.assert_allclose(found[:-1], np.square(library.conditional_volatility)[1:], rtol=1e-12)
    assert found[-1] == pytest.approx(library.forecast(horizon=1).variance.to_numpy()[-1, 0], rel=1e-12)


def test_the_fit_is_the_librarys_own_to_the_lattice() -> None:
    returns = simulated(700, 2)
    np.testing.assert_allclose(garch.fit(returns), fitted_by_arch(returns).params.to_numpy(), atol=2e-3)


def test_no_optimiser_of_ours_finds_a_likelier_fit() -> None:
    from scipy.optimize import minimize

    returns = simulated(900, 3)

    def unlikely(parameters: np.ndarray) -> float:
        if min(parameters) <= 0.0 or parameters[1] + parameters[2] >= 1.0:
            return 1e9
        ahead = garch.variances(returns, Parameters(*parameters), 900)
        before = np.append(parameters[0] + (parameters[1] + parameters[2]) * garch.backcast(returns), ahead[:-1])
        return float((np.log(before) + returns**2 / before).sum() / 2)

    found = garch.fit(returns)
    assert found is not None
    best = minimize(unlikely, np.array([0.1, 0.1, 0.8]), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-6})
    assert unlikely(np.array(found)) <= best.fun + 5e-3
    np.testing.assert_allclose(found, best.x, rtol=0.02)


def test_a_long_history_has_its_parameters_found_again() -> None:
    found = garch.fit(simulated(20_000, 4))
    assert found is not None
    np.testing.assert_allclose(found, TRUE, rtol=0.25)
    assert found.alpha + found.beta == pytest.approx(TRUE.alpha + TRUE.beta, abs=0.02)


@pytest.mark.parametrize(
    "returns",
    [
        np.geomspace(1e-3, 30.0, 600) * np.random.default_rng(1).choice([-1.0, 1.0], 600),  # a variance without a level
        np.append(np.full(599, np.nan), 1.0),
        np.full(600, np.inf),
    ],
)
def test_an_unsound_fit_is_none(returns: np.ndarray) -> None:
    assert garch.fit(returns) is None


def test_estimates_of_returns_without_any_clustering_stay_in_bounds() -> None:
    assert len({FITTED, TOO_FEW, UNSOUND}) == 3
    found = [garch.fit(row) for row in np.random.default_rng(3).standard_normal((8, 500))]
    known = [f for f in found if f is not None]
    assert known and all(f.omega > 0.0 and f.alpha >= 0.0 and f.beta >= 0.0 and f.alpha + f.beta < 1.0 for f in known)
    # from outside the bounds the search comes back into them
    assert garch._on_lattice(simulated(500, 2), np.array([0.1, 0.7, 0.9])) is not None


def market(rows: int = 560) -> tuple[np.ndarray, np.ndarray]:
    """Returns and closes of six columns: whole, with gaps, young, ended, standing still, and an index."""
    returns = np.column_stack([simulated(rows, seed, 0.01) for seed in range(10, 16)])
    returns[:, 4] = 0.0
    returns[0] = np.nan
    returns[:300, 2] = np.nan
    close = np.where(np.isfinite(returns), 1.0, np.nan)
    close[0] = 1.0
    close[[100, 101, 333, 420], 1] = np.nan
    returns[[100, 101, 333, 420], 1] = 0.0  # carried prices do not move
    close[450:, 3] = np.nan
    return returns, close


COLUMNS = np.array([True, True, True, True, True, False])
EWMA = np.full((560, 6), 0.02)
MONTHS = np.arange(560) % 21 == 0


@cache
def run(rows: int = 560) -> tuple[np.ndarray, np.ndarray]:
    returns, close = market()
    return garch.volatility(returns[:rows], close[:rows], COLUMNS, MONTHS[:rows], EWMA[:rows], 300, 200)


def test_each_month_is_the_librarys_filter_over_the_windows_own_returns() -> None:
    sigma, source = run()
    returns, close = market()
    for column, row in ((0, 252), (0, 273), (0, 559), (1, 343), (1, 441), (2, 540)):
        start = row - row % 21
        own = returns[: row + 1, column][
            np.isfinite(close[: row + 1, column]) & np.isfinite(returns[: row + 1, column])
        ]
        since = np.count_nonzero(
            np.isfinite(close[start + 1 : row + 1, column]) & np.isfinite(returns[start + 1 : row + 1, column])
        )
        window = own[max(own.size - since - 300, 0) : own.size - since]
        scale = np.sqrt(np.mean(window**2))
        omega, alpha, beta = fitted_by_arch(window / scale).params.to_numpy()
        variance = omega + (alpha + beta) * garch.backcast(window / scale)
        for square in (own[max(own.size - since - 300, 0) :] / scale) ** 2:
            variance = omega + alpha * square + beta * variance
        assert sigma[row, column] == pytest.approx(scale * np.sqrt(variance), rel=5e-3)
        assert source[row, column] == FITTED


def test_what_each_value_rests_on_is_told() -> None:
    sigma, source = run()
    assert set(source[:210, 0]) == {TOO_FEW} and TOO_FEW not in source[210:, 0]  # 200 returns by row 210
    assert set(source[:504, 2]) == {TOO_FEW} and TOO_FEW not in source[504:, 2]
    assert np.mean(source[210:, :2] == FITTED) > 0.8
    assert set(source[210:, 4]) == {UNSOUND}  # it never moved
    assert set(source[:, 5]) == {TOO_FEW}  # not asked for
    np.testing.assert_array_equal(sigma[source != FITTED], EWMA[source != FITTED])


def test_volatility_stands_still_without_a_bar() -> None:
    sigma, _ = run()
    assert sigma[333, 1] == sigma[332, 1] and sigma[332, 1] != sigma[331, 1]
    assert len(set(sigma[462:, 3])) == 1  # ended: the last estimate and the last return


@pytest.mark.parametrize("rows", [1, 211, 253, 330])
def test_nothing_after_a_row_changes_a_bit_of_it(rows: int) -> None:
    whole, known = run(), run(rows)
    for full, prefix in zip(whole, known, strict=True):
        assert np.ascontiguousarray(full[:rows]).tobytes() == np.ascontiguousarray(prefix).tobytes()


def fits() -> list[Parameters | None]:
    """Estimates of fat-tailed returns, on which the library's optimiser differs by threads in the last digits."""
    shocks = np.random.default_rng(5).standard_t(5, (6, 1260))
    return [garch.fit(row / np.sqrt(np.mean(row**2))) for row in shocks * np.repeat([1.0, 1.6, 0.9], 420)]


def test_other_processes_with_other_threads_find_the_same_bits() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import test_garch; print(test_garch.fits())"
    here, found = str(Path(__file__).parent), set()
    for threads in ("1", "4"):
        env = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
        command = [sys.executable, "-c", script, here]
        found.add(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1 and "Parameters" in found.pop()


def test_a_start_a_little_aside_ends_at_the_same_point() -> None:
    returns = simulated(700, 2)
    found = garch.fit(returns)
    assert found is not None
    for aside in ((1e-3, -1e-3, 1e-3), (2e-3, 1e-3, -3e-3)):
        assert garch._on_lattice(returns, np.array(found) + aside) == found


def test_exponential_volatility_imports_neither_the_library_nor_what_it_needs() -> None:
    script = (
        "import sys, plimsoll.engine.history, plimsoll.app\n"
        "from plimsoll.capital.scenarios import factors; from plimsoll.core.policy import Policy; factors(Policy())\n"
        "print([m for m in ('arch', 'scipy', 'pandas', 'statsmodels') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        == "[]"
    )


def test_a_policy_that_wants_it_without_the_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = replace(Policy(), cvar=CvarPolicy(volatility="garch"))
    garch.check(wanted)
    monkeypatch.setattr(garch, "find_spec", lambda name: None if name == "arch" else util.find_spec(name))
    garch.check(Policy())
    with pytest.raises(InputError, match="needs the library arch") as refused:
        garch.check(wanted)
    assert "plimsoll[garch]" in str(refused.value.remedy)
