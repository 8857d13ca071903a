"""Bids from forecasts: screening and adjusted returns (A1, A2, S1)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.answers import fault_of, is_number
from plimsoll.core.decision import Share
from plimsoll.core.forecast import Forecast
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.core.sessions import SESSIONS_A_YEAR

Floats = NDArray[np.float64]

# The multiplicative adjustment (A2): a liquidity cost of 50 bps halves the return, and a higher one does no more.
_SEED_COST_MAX = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class AuctionInputs:
    """Inputs of an auction; (N,) arrays over the panel's columns.

    Attributes
    ----------
    forecasts
        (strategy, its forecasts) in the order of the run's strategies.
    scenarios
        Their columns include every column with a bid.
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
        Cap on each strategy's gross by lifecycle stage, fraction of NAV (G5); a strategy without one is uncapped.
    blocked
        Columns that may not increase, with the reason.
    confidence_min
        Least confidence for a bid that increases a position (S2).
    decay
        Model decay factor per strategy in [0, 1] (G6); 1 for a strategy without a track record.
    kept
        By strategy, keep forecasts for holdings it gave no forecast for, each with the reason code (B1). They replace
        an invalid forecast for the same symbol.
    targets
        The strategies whose forecasts are a target portfolio: its weights are their ``target_weight``.
    holding
        Expected holding in sessions by strategy; the policy's value for the others (A2).
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
    kept: Mapping[str, tuple[tuple[Forecast, str], ...]] = field(default_factory=dict)
    targets: frozenset[str] = frozenset()
    holding: Mapping[str, int] = field(default_factory=dict)

    def held_for(self, strategy: str, policy: Policy) -> int:
        """The strategy's expected holding period, sessions."""
        return self.holding.get(strategy, policy.forecast.holding_sessions)


@dataclass(frozen=True, slots=True)
class Bid:
    """One (strategy, symbol) bid. Returns are fractions at the auction's horizon.

    ``mu`` is the forecast's, ``net`` after all penalties but cost (what the auction maximises), ``cost`` the share of
    the round-trip cost charged to one horizon, ``adjusted`` the return used for ranking (A2). ``cap`` bounds its
    weight, infinite where only the limits do. ``alone`` is the CVaR of one unit of the symbol, by horizon. A bid with
    ``rejected`` does not take part; ``reasons`` are its other restrictions. ``target`` marks a weight of a target
    portfolio, with the requested weight as its cap; ``stands`` a holding without a forecast, which no other bid
    displaces. ``holding`` is the expected holding period over which its cost is spread, sessions.
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
    target: bool = False
    stands: bool = False
    holding: int = 1
    alone: float = math.nan
    rejected: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def charged_share(policy: Policy, holding: int) -> float:
    """Share of a trade's cost charged to one auction horizon H: min(1, H / ``holding`` sessions) (A2)."""
    return min(1.0, policy.auction.horizon / max(holding, 1))


def one_way_cost(inputs: AuctionInputs, column: int, policy: Policy) -> float:
    """One-way cost of trading the column, fraction of notional; its kind's worst case without liquidity data (C2)."""
    cost = float(inputs.buy_cost[column])
    if math.isfinite(cost):
        return cost
    kind = policy.costs.kinds.get(inputs.view.instruments[column].kind)
    return kind.worst_case if kind else 1.0


def make_bids(inputs: AuctionInputs, alone: dict[int, float], risk_aversion: float, policy: Policy) -> tuple[Bid, ...]:
    """A screened and adjusted bid for each forecast, in order, then for each kept holding without a forecast.

    ``alone`` is the CVaR of one unit at the auction's horizon per measurable column. Two forecasts of one strategy for
    the same symbol are both refused as ambiguous.
    """
    present = {(s.strategy, s.symbol): s.weight for s in inputs.shares}
    columns = inputs.view.column
    entered: list[Bid] = []

    def bid(strategy: str, forecast: Forecast) -> Bid:
        column, key = columns[forecast.symbol], (strategy, forecast.symbol)
        risk = alone.get(column, math.nan)
        return _bid(inputs, strategy, forecast, column, risk, present.get(key, 0.0), risk_aversion, policy)

    for strategy, forecasts in inputs.forecasts:
        kept = inputs.kept.get(strategy, ())
        stands = {forecast.symbol for forecast, _ in kept}
        said = Counter(forecast.symbol for forecast in forecasts)
        for forecast in forecasts:
            key = (strategy, str(forecast.symbol))
            column = columns.get(forecast.symbol, -1)
            if forecast.symbol in stands:
                continue  # a keep bid takes its place
            if column < 0 or said[forecast.symbol] > 1 or fault_of(forecast):
                entered.append(_refused(key, column, forecast, unknown=column < 0 and strategy in inputs.targets))
                continue
            entered.append(bid(strategy, forecast))
        for forecast, why in kept:
            made = bid(strategy, forecast)
            entered.append(replace(made, stands=True, reasons=tuple(dict.fromkeys((why, *made.reasons)))))
    return tuple(entered)


def _refused(key: tuple[str, str], column: int, forecast: Forecast, *, unknown: bool) -> Bid:
    """The bid of an invalid forecast; invalid figures are recorded as zero."""
    mu = float(forecast.mu) if is_number(forecast.mu) else 0.0
    confidence = float(forecast.confidence) if is_number(forecast.confidence) else 0.0
    why = "NOT_IN_UNIVERSE" if unknown else "FORECAST_INVALID"
    return Bid(*key, column, mu=mu, cap=0.0, confidence=confidence, rejected=(why,))


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
    """The bid of a valid forecast: scaled to the auction's horizon, reduced by the penalties, and screened (A2).

    Expected returns scale with time, uncertainty with its square root. A penalty reduces a gain but never the expected
    loss of a hedge. A keep bid is given at least the return its tail risk costs, so that only a limit sells it (S1).
    Cost and time decay use the strategy's own expected holding period.
    """
    periods = policy.auction.horizon / forecast.horizon
    mu, sigma = forecast.mu * periods, forecast.sigma * math.sqrt(periods)
    quality = float(inputs.quality[column])
    quality = quality if math.isfinite(quality) else 0.0
    decay = (inputs.decay or {}).get(strategy, 1.0)
    penalty = _disagreement(forecast, periods, sigma, policy) * quality * decay
    holding = inputs.held_for(strategy, policy)
    penalty *= math.exp(-policy.auction.time_decay * holding / SESSIONS_A_YEAR)
    net = mu * penalty if mu > 0.0 else mu
    round_trip = float(inputs.round_trip[column])
    if not math.isfinite(round_trip):
        round_trip = 2.0 * one_way_cost(inputs, column, policy)
    cost = round_trip * charged_share(policy, holding)
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
        target=strategy in inputs.targets and not forecast.keep,
        holding=holding,
        alone=alone,
        rejected=rejected,
        reasons=held_back,
    )


def _disagreement(forecast: Forecast, periods: float, sigma: float, policy: Policy) -> float:
    """Disagreement penalty exp(-Var(mu_k / sigma_H) / 2) over a forecast's models, 1 for one model; under the ``seed``
    formula exp(-sigma^2 / 2).
    """
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
    """A bid's cap from a target, a block or low confidence, the reasons that reject it, and the other reasons (A1)."""
    rejected: list[str] = []
    held_back: list[str] = []
    if not quality >= policy.data.score_min:  # no new risk; poor data does not sell a position (D7)
        (held_back if present > 0.0 else rejected).append("LOW_SCORE")
    if not (mu > 0.0 or forecast.hedge or forecast.keep or strategy in inputs.targets):
        rejected.append("NON_POSITIVE_MU")
    if not decay >= policy.auction.decay_min:
        rejected.append("DECAYED")
    if not inputs.stage_caps.get(strategy, math.inf) > 0.0:
        rejected.append("STAGE_CLOSED")
    if not math.isfinite(alone):
        rejected.append("UNMEASURABLE_RISK")
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
