"""What governance is worth, against hand-made wishes and the definition of the de-levered book (T)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plimsoll.core.forecast import Forecast
from plimsoll.core.panel import Panel, View
from plimsoll.core.policy import Policy
from plimsoll.engine.history import history_of
from plimsoll.engine.run_context import RunContext
from plimsoll.reports.followed import cash_rates
from plimsoll.reports.worth import Wishes, share_of, worth_of

FIRST = 260


class Says:
    """A strategy that says the same at every auction."""

    def __init__(self, name: str, *forecasts: Forecast, target: dict[str, float] | None = None) -> None:
        self.name, self._said, self._target = name, forecasts, target
        self.seen: list[dict[str, float]] = []

    def forecast(self, view: View, holding: Any, policy: Policy) -> Any:
        self.seen.append(dict(holding.weights))
        return self._said if self._target is None else self._target


def wish(symbol: str, mu: float, sigma: float, horizon: int = 10, **more: Any) -> Forecast:
    return Forecast(symbol, mu, sigma, 0.9, horizon, "", **more)


def wishes(panel: Panel, *strategies: Any) -> tuple[Wishes, dict[str, int]]:
    policy = Policy()
    history = history_of(panel, policy)
    return Wishes(history, RunContext(policy, strategies, panel.instruments), FIRST), panel.column


def test_convictions_share_a_full_book(make_market: Callable[..., Panel]) -> None:
    """mu / sigma x sqrt(252 / H): SPY 0.2 and 0.1 of two strategies at 10 sessions, GLD 0.2 x 2 at 40 sessions' 0.2."""
    one = Says("one", wish("SPY", 0.01, 0.05), wish("GLD", 0.04, 0.10, 40), wish("TLT", -0.01, 0.02))
    other = Says("other", wish("SPY", 0.01, 0.10))
    asked, column = wishes(make_market(rows=420), one, other)
    target = asked(FIRST, np.zeros(7))
    # at one horizon: SPY 0.2 + 0.1, GLD 0.4 / 2 = 0.2, TLT expects a loss
    assert target is not None and target.sum() == pytest.approx(1.0)
    assert (target[column["SPY"]], target[column["GLD"]]) == (pytest.approx(0.6), pytest.approx(0.4))
    assert np.count_nonzero(target) == 2


@pytest.mark.parametrize("target", [False, True])
def test_an_unknown_symbol_leaves_its_part_in_cash(make_market: Callable[..., Panel], target: bool) -> None:
    said = (wish("FOO", 0.01, 0.05), wish("SPY", 0.01, 0.05, target_weight=0.3))
    one = Says("one", *said, target={"FOO": 0.5, "SPY": 0.3} if target else None)
    asked, column = wishes(make_market(rows=420), one)
    found = asked(FIRST, np.zeros(7))
    assert found is not None and found[column["SPY"]] == 0.3 == found.sum()


def test_no_cap_of_a_symbol_holds_and_a_forecasts_own_does(make_market: Callable[..., Panel]) -> None:
    asked, column = wishes(make_market(rows=420), Says("one", wish("BTC-USD", 0.01, 0.05)))
    target = asked(FIRST, np.zeros(7))
    assert target is not None and target[column["BTC-USD"]] == 1.0  # 15 % in the governed book
    asked, column = wishes(make_market(rows=420), Says("one", wish("BTC-USD", 0.01, 0.05, target_weight=0.3)))
    target = asked(FIRST, np.zeros(7))
    assert target is not None and target[column["BTC-USD"]] == 0.3 == target.sum()


def test_what_is_kept_stays_and_a_portfolio_is_bought_as_asked(make_market: Callable[..., Panel]) -> None:
    panel = make_market(rows=420)
    keeper = Says("keeper", wish("XLE", 0.01, 0.05))
    asked, column = wishes(panel, keeper, Says("folio", target={"TLT": 0.3, "GLD": 0.2}))
    first = asked(FIRST, np.zeros(7))
    assert first is not None and first[column["XLE"]] == pytest.approx(0.5)
    month = next(r for r in range(FIRST + 1, 420) if panel.sessions.last_of_month[r])
    assert asked(month - 1, first) is None  # nobody is due
    keeper._said = (wish("XLE", 0.0, 0.05, keep=True, target_weight=0.45), wish("SPY", 0.01, 0.05))
    drifted = first.copy()
    drifted[column["XLE"]] = 0.45
    second = asked(month, drifted)
    assert keeper.seen[-1] == {"XLE": pytest.approx(0.45)}  # its own share of what the ungoverned book holds
    assert second is not None
    got = {s: round(float(second[c]), 12) for s, c in column.items() if second[c]}
    assert got == {"XLE": 0.45, "TLT": 0.3, "GLD": 0.2, "SPY": 0.05}


def test_portfolios_that_ask_for_more_than_everything_are_scaled(make_market: Callable[..., Panel]) -> None:
    asked, column = wishes(make_market(rows=420), Says("folio", target={"TLT": 1.2, "GLD": 0.8}))
    target = asked(FIRST, np.zeros(7))
    assert target is not None and target[column["TLT"]] == pytest.approx(0.6) and target.sum() == pytest.approx(1.0)


def test_nothing_without_certified_data_is_bought(make_market: Callable[..., Panel]) -> None:
    panel = make_market(rows=420)
    asked, _ = wishes(panel, Says("one", wish("^VIX", 0.01, 0.05)))
    target = asked(FIRST, np.zeros(7))
    assert target is not None and not target.any()


@pytest.mark.parametrize("part", [0.2, 0.9])
def test_the_part_beside_cash_deviates_as_asked(part: float) -> None:
    draw = np.random.default_rng(5)
    cash = np.where(np.arange(500) % 5 == 0, 3e-4, 1e-4)
    returns = draw.normal(0.0004, 0.01, 500)
    wanted = float((part * returns + (1 - part) * cash).std(ddof=1))
    assert share_of(returns, cash, wanted) == pytest.approx(part)
    assert share_of(returns, cash, 2.0 * float(returns.std(ddof=1))) == 1.0  # never levered up
    assert share_of(cash, cash, 0.01) == 1.0


def test_a_result_states_it_at_the_governed_volatility(make_market: Any, backtested: Any) -> None:
    trial = backtested(make_market(seed=2, rows=620), Policy())
    worth = worth_of(trial.history, trial.run, trial.tally, FIRST, 10_000_000)
    assert worth is not None
    nav = np.array(trial.tally.nav, dtype=float)
    governed = float((nav[1:] / nav[:-1] - 1.0).std(ddof=1)) * np.sqrt(252.0)
    for whole, part, share in (
        (worth.ungoverned, worth.ungoverned_delevered, worth.ungoverned_share),
        (worth.equal_weight, worth.equal_weight_delevered, worth.equal_weight_share),
    ):
        assert 0.0 < share < 1.0
        assert part.annual_volatility == pytest.approx(governed, rel=1e-9)
        assert whole.annual_volatility > governed
        assert part.max_drawdown < whole.max_drawdown
        assert part.cost_drag_annual == pytest.approx(share * whole.cost_drag_annual)
    assert worth == worth_of(trial.history, trial.run, trial.tally, FIRST, 10_000_000)


def test_a_book_in_cash_has_no_worth_to_state(make_market: Any, backtested: Any) -> None:
    trial = backtested(make_market(rows=420), Policy(), strategies=())
    assert cash_rates(trial.history, Policy(), FIRST, 419).any()  # it earns, and deviates over weekends
    assert worth_of(trial.history, trial.run, trial.tally, FIRST, 10_000_000) is None
