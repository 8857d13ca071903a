"""A model over recorded bars: fills, costs and P&L by hand, and what never becomes an order (H3, H4, C1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from plimsoll.alpha.advice import Advice, ask, hold
from plimsoll.alpha.mock_models import mock
from plimsoll.core.errors import InputError
from plimsoll.core.intraday import Floats, IntradayBars
from plimsoll.core.policy import Policy
from plimsoll.costs.model import estimate
from plimsoll.intraday.model_run import ModelRun, run
from plimsoll.market.instruments import infer
from plimsoll.store import policy_file

MICRO = policy_file.load("micro").policy
BARS_A_DAY = 200


def walk(sessions: int = 3, seed: int = 0) -> IntradayBars:
    """Minute bars of made-up sessions that close after 200 of them."""
    draw = np.random.default_rng(seed)
    n = sessions * BARS_A_DAY
    close = 400.0 * np.cumprod(1.0 + 0.0005 * draw.standard_normal(n))
    opens = np.concatenate([[400.0], close[:-1]]) * (1.0 + 0.0001 * draw.standard_normal(n))
    day = 20_514 + np.repeat(np.arange(sessions), BARS_A_DAY)
    opened = day * 86_400 + 52_200
    return IntradayBars(
        "S", 60, opened + 60 * np.tile(np.arange(BARS_A_DAY), sessions), day, opened, opened + 60 * BARS_A_DAY,
        opens, np.maximum(opens, close) * 1.0002, np.minimum(opens, close) * 0.9998, close,
        1e5 + draw.integers(0, 1_000, n).astype(np.float64),
    )  # fmt: skip


BARS = walk()


class Script:
    """Says what is written for a bar, counted from the first; else HOLD."""

    def __init__(self, said: dict[int, Advice]) -> None:
        self.said, self.bar, self.seen = said, -1, []

    def __call__(self, observation: Floats) -> Advice:
        self.bar += 1
        self.seen.append(observation)
        return self.said.get(self.bar, Advice("HOLD", 1.0))


BUY, SELL = Advice("BUY", 0.9), Advice("SELL", 0.9)


def ran(advise: Callable[[Floats], Advice], bars: IntradayBars = BARS, policy: Policy = MICRO) -> ModelRun:
    return run(policy, bars, infer(bars.symbol, "stock"), advise)


def always(advice: Advice, rows: Iterable[int] = range(10_000)) -> Script:
    return Script(dict.fromkeys(rows, advice))


def test_holding_costs_and_earns_nothing() -> None:
    found = ran(always(Advice("HOLD", 1.0)))
    assert (found.orders, found.pnl, found.turnover) == (0, "0.00", "0.00")
    assert found.answers == {"HOLD": 600, "BUY": 0, "SELL": 0}
    assert (found.sessions, found.bars, found.first, found.last) == (3, 600, "2026-03-02", "2026-03-04")


def test_a_round_trip_earns_the_prices_less_the_cost_models_costs() -> None:
    bought, sold = 300, 340  # in the second session, whose average volume is known
    script = Script({bought: BUY, sold: SELL})
    found = ran(script)
    assert (found.orders, found.admitted, found.filled) == (2, 2, 2)
    held = script.seen[sold - 1][21] * 500.0 / BARS.close[sold - 1]  # the observation's share of the position cap
    adv = float((BARS.volume[:BARS_A_DAY] * BARS.close[:BARS_A_DAY]).sum())
    sigma = abs(BARS.close[BARS_A_DAY - 1] / BARS.open[0] - 1.0)
    kind = MICRO.costs.kinds["stock"]
    flow = paid = 0.0
    for row, sign in ((bought + 1, 1.0), (sold + 1, -1.0)):
        fair = float(BARS.open[row])
        cost = estimate(("stock",), *(np.array([v]) for v in (held * fair, adv, sigma)), 0, MICRO.costs)
        price = fair * (1.0 + sign * (kind.slippage + float(cost.impact[0])))
        flow -= sign * held * price + held * price * kind.commission
        paid += held * abs(price - fair) + held * price * kind.commission
    assert float(found.pnl) == pytest.approx(flow, abs=0.011)
    assert float(found.commission) + float(found.slippage) == pytest.approx(paid, abs=0.011)
    assert float(found.pnl_before_costs) == pytest.approx(flow + paid, abs=0.011)
    assert held * BARS.close[bought] > 5.0
    assert script.seen[sold - 1][22] == pytest.approx(BARS.close[sold - 1] / price_of(bought, held, adv, sigma) - 1.0)


def price_of(bought: int, held: float, adv: float, sigma: float) -> float:
    fair = float(BARS.open[bought + 1])
    cost = estimate(("stock",), *(np.array([v]) for v in (held * fair, adv, sigma)), 0, MICRO.costs)
    return fair * (1.0 + MICRO.costs.kinds["stock"].slippage + float(cost.impact[0]))


def test_nothing_is_bought_while_the_average_volume_is_unknown() -> None:
    found = ran(always(BUY, range(150, BARS_A_DAY)))
    assert found.orders == 0
    assert found.held_back["NO_LIQUIDITY_DATA"] > 0


def test_an_order_of_the_last_bar_is_cancelled_and_what_is_held_stays() -> None:
    last = 2 * BARS_A_DAY - 1
    found = ran(Script({300: BUY, last: SELL}))
    assert (found.filled, found.cancelled) == (1, 1)
    assert float(found.held_at_end) > 0.0


def test_what_is_not_held_is_not_sold_and_doubt_buys_nothing() -> None:
    found = ran(Script({300: SELL, 310: Advice("BUY", 0.49), 320: Advice("BUY", 0.50)}))
    assert found.held_back["LONG_ONLY"] == 1
    assert found.held_back["LOW_CONFIDENCE"] == 1
    assert found.orders == 1


def test_faults_are_counted_apart_and_are_never_orders() -> None:
    found = ran(lambda _: hold("MODEL_ERROR"))
    assert found.faults == {"MODEL_ERROR": 600}
    assert found.held_back == {} and found.orders == 0


def test_always_buying_stays_within_every_cap_of_every_session() -> None:
    found = ran(always(BUY))
    assert found.admitted > 10
    assert 0.0 < float(found.turnover) <= 3 * 2_000.0
    assert float(found.held_at_end) * BARS.close[BARS_A_DAY:].min() <= 500.0  # at the dearest it was bought for
    assert found.held_back["SIZE_HEADROOM"] > 0 and found.refused == {}


def test_a_mock_runs_and_the_same_bars_are_the_same_result() -> None:
    model = mock("flip")
    first, again = (ran(lambda seen: ask(model, seen)) for _ in range(2))
    assert first == again
    assert first.filled > 20 and first.faults["OBSERVATION_INCOMPLETE"] > 100


def test_without_bars_or_of_a_kind_nobody_trades_it_is_refused() -> None:
    with pytest.raises(InputError, match="no bars of S"):
        ran(always(BUY), BARS.between(None, 20_000))
    with pytest.raises(InputError, match="which cannot be traded"):
        run(MICRO, BARS, infer("^VIX", "stock"), always(BUY))


def test_bars_between_days_hold_both_days() -> None:
    assert len(BARS.between(20_515, 20_515)) == BARS_A_DAY
    assert len(BARS.between(20_515, None)) == len(BARS.between(None, 20_515)) == 2 * BARS_A_DAY


def test_bars_that_jump_as_over_a_split_are_refused_and_named() -> None:
    """What follows may be of another unit (U6)."""
    later = slice(2 * BARS_A_DAY, None)
    split = replace(BARS, **{name: getattr(BARS, name).copy() for name in ("open", "high", "low", "close")})
    for name in ("open", "high", "low", "close"):
        getattr(split, name)[later] /= 4.0
    with pytest.raises(
        InputError, match=r"S is unexplained from 2026-03-04 14:30 UTC.* as a split of 4:1 would look"
    ) as error:
        ran(Script({}), split)
    assert "--end" in error.value.remedy
    assert ran(Script({}), split.before(2 * BARS_A_DAY)).sessions == 2
    wide = msgspec.structs.replace(MICRO, governor=msgspec.structs.replace(MICRO.governor, jump_stock=0.9))
    assert ran(Script({}), split, wide).sessions == 3
