"""From forecasts to bids: validity, screening and adjusted returns (A1, A2, S1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import Share
from plimsoll.core.forecast import Forecast
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.core.scenarios import ScenarioSet

Floats = NDArray[np.float64]

# The multiplicative adjustment as first specified: a liquidity cost of 50 bps halves the return, more does no more.
_SEED_COST_MAX = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class AuctionInputs:
    """Everything an auction is held on; (N,) arrays over the panel's columns.

    Attributes
    ----------
    forecasts
        (strategy, its forecasts) in the order of the run's strategies.
    scenarios
        Columns include every column bid for.
    held
        (N,) present weights, fractions of NAV.
    shares
        The present weights attributed to the strategies that bought them.
    nav
        Cents.
    buy_cost, round_trip
        (N,) fractions of notional at a reference order, impact included; NaN without liquidity data.
    adv
        (N,) USD a session.
    quality
        (N,) quality score of the snapshot.
    stage_caps
        Cap per strategy, fraction of NAV gross (G5); a strategy without one is uncapped.
    blocked
        Columns that may not increase, with the reason.
    confidence_min
        Below it a bid may not increase (S2).
    decay
        Model decay factor per strategy in [0, 1] (G6); 1 for a strategy that is not followed yet.
    """

    view: View
    forecasts: tuple[tuple[str, tuple[Forecast, ...]], ...]
    limits: LimitSet
    scenarios: ScenarioSet
    held: Floats
    shares: tuple[Share, ...]
    nav: int
    buy_cost: Floats
    round_trip: Floats
    adv: Floats
    quality: Floats
    stage_caps: dict[str, float]
    blocked: dict[int, str]
    confidence_min: float
    decay: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Bid:
    """One (strategy, symbol) bid. Returns are fractions at the auction's horizon.

    ``mu`` is the forecast's, ``net`` with every penalty but cost (what the auction maximises), ``cost`` the round
    trip charged to one horizon, ``adjusted`` what ranks it (A2). ``cap`` bounds its weight, infinite where only the
    limits do. ``alone`` is the CVaR of one unit of the symbol per horizon. A bid with ``rejected`` does not
    take part; ``reasons`` say what else narrowed it.
    """

    strategy: str
    symbol: str
    column: int
    mu: float = 0.0
    net: float = 0.0
    cost: float = 0.0
    adjusted: float = 0.0
    cap: float = math.inf
    confidence: float = 0.0
    score: float = 0.0
    quality: float = 0.0
    keep: bool = False
    hedge: bool = False
    alone: float = math.nan
    rejected: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def charged_share(policy: Policy) -> float:
    """Part of a trade's cost that one auction horizon bears: min(1, H / expected holding) (A2)."""
    return min(1.0, policy.auction.horizon / max(policy.forecast.holding_sessions, 1))


def one_way_cost(inputs: AuctionInputs, column: int, policy: Policy) -> float:
    """Cost of trading the column, fraction of notional; its kind's worst case without liquidity data (C2)."""
    cost = float(inputs.buy_cost[column])
    if math.isfinite(cost):
        return cost
    kind = policy.costs.kinds.get(inputs.view.instruments[column].kind)
    return kind.worst_case if kind else 1.0


def enter(inputs: AuctionInputs, alone: dict[int, float], risk_aversion: float, policy: Policy) -> tuple[Bid, ...]:
    """Every forecast as a bid, in order, screened and adjusted.

    ``alone`` is the CVaR of one unit at the auction's horizon per measurable column. A second forecast of a
    strategy for the same symbol is refused.
    """
    present = {(s.strategy, s.symbol): s.weight for s in inputs.shares}
    columns = inputs.view.history.panel.column
    seen: set[tuple[str, str]] = set()
    entered: list[Bid] = []
    for strategy, forecasts in inputs.forecasts:
        for forecast in forecasts:
            key = (strategy, str(forecast.symbol))
            column = columns.get(forecast.symbol, -1)
            if column < 0 or key in seen or not _valid(forecast):
                entered.append(_refused(key, column, forecast))
                continue
            seen.add(key)
            risk = alone.get(column, math.nan)
            entered.append(_bid(inputs, strategy, forecast, column, risk, present.get(key, 0.0), risk_aversion, policy))
    return tuple(entered)


def _finite(value: Any) -> bool:
    """True for a number that is one; a plug-in may have put anything here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _valid(f: Forecast) -> bool:
    """Finite figures in their ranges (S1): a loss of more than everything or a gain of more than 100 % is none."""
    if not (isinstance(f.model_mus, Sequence) and isinstance(f.reason, str)):
        return False
    if not all(map(_finite, (f.mu, f.sigma, f.confidence, f.horizon, f.score, *f.model_mus))):
        return False
    if f.target_weight is not None and not (_finite(f.target_weight) and f.target_weight >= 0.0):
        return False
    return -1.0 <= f.mu <= 1.0 and f.sigma > 0.0 and 0.0 <= f.confidence <= 1.0 and f.horizon >= 1


def _refused(key: tuple[str, str], column: int, forecast: Forecast) -> Bid:
    """The bid of an invalid forecast; figures that are none are recorded as zero."""
    mu = float(forecast.mu) if _finite(forecast.mu) else 0.0
    confidence = float(forecast.confidence) if _finite(forecast.confidence) else 0.0
    return Bid(*key, column, mu=mu, cap=0.0, confidence=confidence, rejected=("FORECAST_INVALID",))


def _bid(
    inputs: AuctionInputs,
    strategy: str,
    forecast: Forecast,
    column: int,
    alone: float,
    present: float,
    risk_aversion: float,
    policy: Policy,
) -> Bid:
    """A valid forecast as a bid: brought to the auction's horizon, with A2's penalties, and screened.

    Expected returns scale with time, uncertainty with its root. A penalty shrinks a gain; it never shrinks the
    expected loss of a hedge. A keep bid earns at least what its tail costs, so that it passes and nothing but a limit
    sells it (S1).
    """
    periods = policy.auction.horizon / forecast.horizon
    mu, sigma = forecast.mu * periods, forecast.sigma * math.sqrt(periods)
    quality = float(inputs.quality[column])
    quality = quality if math.isfinite(quality) else 0.0
    decay = (inputs.decay or {}).get(strategy, 1.0)
    penalty = _disagreement(forecast, periods, sigma, policy) * quality * decay
    penalty *= math.exp(-policy.auction.time_decay * policy.forecast.holding_sessions / 252.0)
    net = mu * penalty if mu > 0.0 else mu
    round_trip = float(inputs.round_trip[column])
    if not math.isfinite(round_trip):
        round_trip = 2.0 * one_way_cost(inputs, column, policy)
    cost = round_trip * charged_share(policy)
    if policy.auction.adjustment == "seed":
        adjusted = net * (1.0 - min(round_trip * 100.0, _SEED_COST_MAX))
    else:
        adjusted = net - cost
    if forecast.keep and math.isfinite(alone):
        floor = max(risk_aversion * alone, 0.0)
        kept = max(net, floor)
        mu, net, adjusted = max(mu, floor), kept, adjusted + (kept - net)
    cap, rejected, held_back = _screened(inputs, strategy, forecast, column, mu, quality, decay, alone, present, policy)
    return Bid(
        strategy=strategy,
        symbol=forecast.symbol,
        column=column,
        mu=mu,
        net=net,
        cost=cost,
        adjusted=adjusted,
        cap=cap,
        confidence=float(forecast.confidence),
        score=float(forecast.score),
        quality=quality,
        keep=forecast.keep,
        hedge=forecast.hedge,
        alone=alone,
        rejected=rejected,
        reasons=held_back,
    )


def _disagreement(forecast: Forecast, periods: float, sigma: float, policy: Policy) -> float:
    """exp(-Var(mu_k / sigma_H) / 2) over a forecast's models, 1 for one model; the seed's is exp(-sigma^2 / 2)."""
    if policy.auction.adjustment == "seed":
        return math.exp(-0.5 * sigma * sigma)
    if len(forecast.model_mus) < 2:
        return 1.0
    ratios = [m * periods / sigma for m in forecast.model_mus]
    mean = math.fsum(ratios) / len(ratios)
    return math.exp(-0.5 * math.fsum((r - mean) ** 2 for r in ratios) / len(ratios))


def _screened(
    inputs: AuctionInputs,
    strategy: str,
    forecast: Forecast,
    column: int,
    mu: float,
    quality: float,
    decay: float,
    alone: float,
    present: float,
    policy: Policy,
) -> tuple[float, tuple[str, ...], tuple[str, ...]]:
    """The cap that a target, a block or low confidence puts on a bid, A1's rejections, and what held it back."""
    rejected: list[str] = []
    if not quality >= policy.data.score_min:
        rejected.append("LOW_SCORE")
    if not (mu > 0.0 or forecast.hedge or forecast.keep):
        rejected.append("NON_POSITIVE_MU")
    if not decay >= policy.auction.decay_min:
        rejected.append("DECAYED")
    if not inputs.stage_caps.get(strategy, math.inf) > 0.0:
        rejected.append("STAGE_CLOSED")
    if not math.isfinite(alone):
        rejected.append("UNMEASURABLE_RISK")
    held_back: list[str] = []
    if not inputs.view.instruments[column].tradable:
        rejected.append("NOT_TRADABLE")
    if column in inputs.blocked:
        held_back.append(inputs.blocked[column])
    if not forecast.confidence >= inputs.confidence_min and not forecast.keep:
        held_back.append("LOW_CONFIDENCE")
    if not (math.isfinite(inputs.buy_cost[column]) and math.isfinite(inputs.adv[column])):
        held_back.append("NO_LIQUIDITY_DATA")
    cap = math.inf if forecast.target_weight is None else float(forecast.target_weight)
    if held_back or forecast.keep:
        cap = min(cap, present)
    if not cap > 0.0:
        rejected.extend(held_back or ("NOT_IN_PROGRAMME",))
    return max(cap, 0.0), tuple(rejected), tuple(held_back)
