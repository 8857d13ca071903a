"""One auction: from bids to the allocation problem, and from its solution to the record (A1-A6)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from plimsoll.capital.auction import Allocation, AuctionProblem, solve
from plimsoll.capital.bids import AuctionInputs, Bid, charged_share, make_bids, one_way_cost
from plimsoll.capital.targets import Portfolio, Scale, settle
from plimsoll.core.decision import AuctionRecord, BidRecord, Share, TargetRecord
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import SESSIONS_A_YEAR
from plimsoll.measures.cvar import cvar_of_each, normal_cvar, tail_weights
from plimsoll.measures.linear import average, combine

__all__ = ["AuctionInputs", "AuctionResult", "run_auction"]

Floats = NDArray[np.float64]

# An expected return above any forecast's (S1 bounds them by 1): only a limit displaces a holding kept without one.
STANDS = 2.0
_DUST = 1e-9  # fraction of NAV: a smaller weight is rounding of the solver


@dataclass(frozen=True, eq=False, slots=True)
class AuctionResult:
    """The record, the target portfolio's shares and the highest confidence behind each symbol bought."""

    record: AuctionRecord
    shares: tuple[Share, ...]
    confidence: dict[str, float]


@dataclass(frozen=True, eq=False, slots=True)
class _Bound:
    """A cap on the sum of some bids, by index, and its name in the record."""

    name: str
    bids: tuple[int, ...]
    cap: float


@dataclass(frozen=True, eq=False, slots=True)
class _Contest:
    """The admitted bids in symbol order, their bounds, and the allocation problem.

    ``caps`` are (name, weight) of the bound on each single bid; ``tails`` names the problem's tail limits;
    ``asset`` (n,) is each bid's column of the problem's scenarios and ``cost`` (m,) the trading cost of one unit.
    """

    bids: tuple[Bid, ...]
    caps: tuple[tuple[str, float], ...]
    groups: tuple[_Bound, ...]
    pairs: tuple[_Bound, ...]
    tails: tuple[str, ...]
    asset: NDArray[np.int64]
    returns: Floats
    cost: Floats
    problem: AuctionProblem


class _Bindings(NamedTuple):
    """The limits that bind one bid: the first with its shadow price (None without any room), and all of them."""

    first: str
    price: float | None
    priced: tuple[tuple[str, float], ...]


def run_auction(inputs: AuctionInputs, policy: Policy) -> AuctionResult:
    """Hold an auction.

    An invalid forecast, an unmeasurable tail or a missing price raises nothing: the bid is rejected with a reason.
    Symbols without a bid are not in the result, so their target is zero.
    """
    aversion = risk_aversion(policy)
    alone = _alone(inputs, policy.auction.confidence)
    own = {column: risks[policy.auction.horizon] for column, risks in alone.items()}
    bids = make_bids(inputs, own, aversion, policy)
    contest = build_problem(inputs, bids, alone, aversion, policy)
    if contest is None:
        record = AuctionRecord("no_bids", 0.0, 0.0, aversion, None, tuple(_loser(b) for b in bids), {})
        return AuctionResult(_stressed(record, inputs), (), {})
    result = _settled(bids, contest, policy)
    return AuctionResult(_stressed(result.record, inputs), result.shares, result.confidence)


def _settled(bids: tuple[Bid, ...], contest: _Contest, policy: Policy) -> AuctionResult:
    """The result of the allocation, including target portfolios if there are any."""
    portfolios = _portfolios(contest)
    if not portfolios:
        return _result(bids, contest, solve(contest.problem), policy)
    settled = settle(contest.problem, portfolios, len({b.strategy for b in contest.bids}), solve)
    held = [(p, Scale(s.value, _named(contest, s.limit))) for p, s in zip(portfolios, settled.scales, strict=True)]
    return _result(bids, contest, settled.allocation, policy, held)


def _portfolios(contest: _Contest) -> list[Portfolio]:
    """The target portfolios among the admitted bids; each bid's cap is its requested weight."""
    desired: dict[str, Floats] = {}
    for i, bid in enumerate(contest.bids):
        if bid.target:
            desired.setdefault(bid.strategy, np.zeros(len(contest.bids)))[i] = bid.cap
    return [Portfolio(name, weights) for name, weights in desired.items()]


def _stressed(record: AuctionRecord, inputs: AuctionInputs) -> AuctionRecord:
    """The record with the stressed sets used and the stress windows without data (R2)."""
    names = tuple(one.name for one in inputs.scenarios.stressed)
    return replace(record, stressed=names, not_run=inputs.scenarios.not_run)


def risk_aversion(policy: Policy) -> float:
    """The price of CVaR, lambda: the hurdle Sharpe ratio at the horizon over the CVaR of a standard normal loss (A3).

    With it, a portfolio of normal returns whose annual Sharpe ratio is below the hurdle is worth less than cash.
    """
    auction = policy.auction
    return auction.hurdle_sharpe * math.sqrt(auction.horizon / SESSIONS_A_YEAR) / normal_cvar(auction.confidence)


def _alone(inputs: AuctionInputs, confidence: float) -> dict[int, dict[int, float]]:
    """CVaR of one unit of each measurable column, per horizon; a column with a NaN anywhere is not measurable."""
    scenarios = inputs.scenarios
    known = np.ones(scenarios.columns.size, dtype=np.bool_)
    stressed = (returns for one in scenarios.stressed for returns in one.returns.values())
    for returns in (*scenarios.filtered.values(), *stressed):
        known &= np.isfinite(returns.sum(axis=0))  # NaN and infinities survive a sum
    risks = {h: cvar_of_each(-returns.T, confidence).tolist() for h, returns in scenarios.filtered.items()}
    return {
        column: {h: of_each[i] for h, of_each in risks.items()}
        for i, column in enumerate(scenarios.columns.tolist())
        if known[i] and column not in scenarios.unmeasurable
    }


def build_problem(
    inputs: AuctionInputs,
    bids: tuple[Bid, ...],
    alone: dict[int, dict[int, float]],
    aversion: float,
    policy: Policy,
) -> _Contest | None:
    """The allocation problem of the bids that were not rejected; None without any (A3, A4).

    Every limit is tightened by the policy's slack, so that the gates can compare without tolerance.
    """
    admitted = tuple(sorted((b for b in bids if not b.rejected), key=lambda b: b.symbol))  # strategies stay in order
    if not admitted:
        return None
    limits, scenarios, symbols = inputs.limits, inputs.scenarios, inputs.view.symbols
    confidence, horizon, slack = policy.auction.confidence, policy.auction.horizon, 1.0 - policy.auction.limit_slack
    places: dict[int, list[int]] = {}
    for i, bid in enumerate(admitted):
        places.setdefault(bid.column, []).append(i)
    columns = list(places)
    ceilings = {c: _ceiling(inputs, c, alone[c], slack) for c in columns}
    groups = tuple(_groups(inputs, admitted, places, ceilings, slack))
    pairs = [p for p in limits.pairs if p.first in places and p.second in places]
    tails = [("cvar_1", scenarios.filtered[1], confidence, limits.cvar_budget[1])]
    tails += [
        (f"stressed_{h}:{one.name}", returns, one.confidence[h], limits.stressed_budget[h])
        for one in scenarios.stressed
        for h, returns in one.returns.items()
    ]

    where = np.searchsorted(scenarios.columns, columns)
    asset_of = {c: k for k, c in enumerate(columns)}
    asset = np.array([asset_of[b.column] for b in admitted], dtype=np.int64)
    returns = scenarios.filtered[horizon][:, where]
    # several strategies may share one trade in a symbol: its cost is spread over their shortest holding period
    shares = [charged_share(policy, min(admitted[i].holding for i in places[c])) for c in columns]
    cost = np.array([one_way_cost(inputs, c, policy) for c in columns]) * np.array(shares)
    problem = AuctionProblem(
        mu=np.array([STANDS if b.stands else b.net for b in admitted]),
        scenarios=returns,
        risk_aversion=aversion,
        confidence=confidence,
        cvar_max=_open(limits.cvar_budget[horizon] * slack),
        gross_max=_open(min(limits.gross_max, 1.0 - limits.cash_min) * slack),
        # the weight a target portfolio requests is not a limit: the portfolio is scaled as a whole where limits bind
        weight_max=np.array([min(math.inf if b.target else b.cap, ceilings[b.column][1]) for b in admitted]),
        groups=[(g.bids, g.cap) for g in groups],
        current=np.maximum(inputs.held[columns], 0.0),
        trade_cost=cost,
        tail_limits=[(r[:, where], beyond, _open(budget * slack)) for _, r, beyond, budget in tails],
        pairs=[(asset_of[p.first], asset_of[p.second], _open(p.cap * slack)) for p in pairs],
        asset=None if len(columns) == len(admitted) else asset,
    )
    return _Contest(
        bids=admitted,
        caps=tuple(_own_cap(b, *ceilings[b.column]) for b in admitted),
        groups=groups,
        pairs=tuple(
            _Bound(f"pair:{symbols[p.first]}+{symbols[p.second]}", (*places[p.first], *places[p.second]), p.cap)
            for p in pairs
        ),
        tails=tuple(name for name, *_ in tails),
        asset=asset,
        returns=returns,
        cost=cost,
        problem=problem,
    )


def _open(cap: float) -> float:
    """The cap, or 0 unless it is positive: NaN allows nothing (R1)."""
    return cap if cap > 0.0 else 0.0


def _own_cap(bid: Bid, name: str, ceiling: float) -> tuple[str, float]:
    """The bound on a single bid: its own cap, named by its reason, or its symbol's."""
    if bid.target or not bid.cap <= ceiling:
        return name, ceiling
    return (bid.reasons[0] if bid.reasons else "keep" if bid.keep else "target_weight"), bid.cap


def _groups(
    inputs: AuctionInputs,
    bids: tuple[Bid, ...],
    places: dict[int, list[int]],
    ceilings: dict[int, tuple[str, float]],
    slack: float,
) -> Iterator[_Bound]:
    """Caps on sums of bids: symbols with several bids, the groups of the limit set, strategy stages."""
    for column, members in places.items():
        if len(members) > 1:
            yield _Bound(ceilings[column][0], tuple(members), ceilings[column][1])
    for group in inputs.limits.groups:
        found = tuple(i for c in group.members for i in places.get(c, ()))
        if found:
            yield _Bound(group.name, found, _open(group.cap * slack))
    for strategy, cap in inputs.stage_caps.items():
        found = tuple(i for i, b in enumerate(bids) if b.strategy == strategy)
        if found:
            yield _Bound(f"stage:{strategy}", found, _open(cap * slack))


def _ceiling(inputs: AuctionInputs, column: int, alone: dict[int, float], slack: float) -> tuple[str, float]:
    """The tightest cap of one symbol and its name: position (S4, A4), stand-alone risk at each horizon, volume."""
    limits, symbol = inputs.limits, inputs.view.symbols[column]
    held, nav = max(float(inputs.held[column]), 0.0), inputs.nav / 100.0
    caps = [(_open(float(limits.weight_max[column])), f"position:{symbol}")]
    for h, risk in alone.items():
        if risk > 0.0:
            caps.append((_open(float(limits.standalone[h][column]) / risk), f"standalone_{h}:{symbol}"))
    volume = limits.participation_max * float(inputs.adv[column]) / nav if nav > 0.0 else 0.0
    caps.append((held + _open(volume), f"participation:{symbol}"))
    cap, name = min(caps)
    return name, cap * slack


def _result(
    bids: tuple[Bid, ...],
    contest: _Contest,
    allocation: Allocation,
    policy: Policy,
    targets: Sequence[tuple[Portfolio, Scale]] = (),
) -> AuctionResult:
    weights = np.where(allocation.weights > _DUST, allocation.weights, 0.0)
    place = {(b.strategy, b.symbol): i for i, b in enumerate(contest.bids)}
    ranks = _ranks(contest, weights, policy.auction.confidence)
    duals = _duals(contest, allocation)
    bindings = _bindings(contest, weights, allocation, duals, policy.auction.confidence)
    for portfolio, scale in targets:
        for i in np.flatnonzero(portfolio.desired).tolist():
            bindings[i] = _Bindings(scale.limit, None, ())
    stands = [i for i, b in enumerate(contest.bids) if b.stands]
    for i in stands:
        if weights[i] >= contest.caps[i][1] - _DUST:  # held in full: the value of holding more is unknown
            bindings[i] = _Bindings(contest.caps[i][0], None, ())
    objective = allocation.objective
    if stands:  # the record shows the forecast's return instead of the artificial one
        objective -= sum(float(weights[i]) * (STANDS - contest.bids[i].net) for i in stands)
    records = []
    for bid in bids:
        if bid.rejected:
            records.append(_loser(bid))
        else:
            i = place[bid.strategy, bid.symbol]
            share = float(allocation.contributions[i]) if weights[i] > 0.0 else 0.0
            cap = bid.cap if bid.target else contest.caps[i][1]
            records.append(_contender(bid, cap, float(weights[i]), share, ranks[i], bindings[i]))
    won = [(b, float(weights[i])) for i, b in enumerate(contest.bids) if weights[i] > 0.0]
    confidence: dict[str, float] = {}
    for bid, _ in won:
        confidence[bid.symbol] = max(confidence.get(bid.symbol, 0.0), bid.confidence)
    record = AuctionRecord(
        status=_status(contest, allocation),
        objective=_figure(objective),
        cvar=_figure(allocation.cvar),
        risk_aversion=contest.problem.risk_aversion,
        critical_risk_aversion=_critical(contest, weights, allocation.cvar),
        bids=tuple(records),
        duals=duals,
        reasons=_remarks(contest, allocation, bool(won)),
        targets=tuple(TargetRecord(p.strategy, p.gross, s.value, s.limit) for p, s in targets),
    )
    return AuctionResult(record, tuple(Share(b.strategy, b.symbol, w) for b, w in won), confidence)


def _figure(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _loser(bid: Bid) -> BidRecord:
    """The record of a bid that was screened out."""
    return _record(bid, "REJECTED", cap=0.0, reasons=tuple(dict.fromkeys((*bid.rejected, *bid.reasons))))


def _contender(bid: Bid, cap: float, weight: float, cvar_share: float, rank: int, bound: _Bindings) -> BidRecord:
    """The record of a bid that took part."""
    binding, price = bound.first, bound.price
    if weight > 0.0:
        decision = reason = "KEPT" if bid.keep else "ALLOCATED"
    else:
        decision, reason = "OUTBID", "OUTBID" if binding else "NOT_WORTH_ITS_RISK"
    if bid.target and binding:
        reason = "TARGET_SCALED"
    return _record(
        bid,
        decision,
        cap=cap,
        reasons=(reason, *bid.reasons),
        rank=rank,
        weight=weight,
        cvar_share=cvar_share,
        binding=binding,
        price=price,
        bindings=bound.priced,
    )


def _record(
    bid: Bid,
    decision: str,
    *,
    cap: float,
    reasons: tuple[str, ...],
    rank: int = 0,
    weight: float = 0.0,
    cvar_share: float = 0.0,
    binding: str = "",
    price: float | None = None,
    bindings: tuple[tuple[str, float], ...] = (),
) -> BidRecord:
    return BidRecord(
        strategy=bid.strategy,
        symbol=bid.symbol,
        decision=decision,
        rank=rank,
        mu=bid.mu,
        adjusted=bid.adjusted,
        cost=bid.cost,
        cap=cap,
        weight=weight,
        return_share=weight * bid.net if weight else 0.0,
        cvar_share=cvar_share,
        confidence=bid.confidence,
        score=bid.score,
        quality=bid.quality,
        reasons=reasons,
        binding=binding,
        price=price,
        bindings=bindings,
    )


def _duals(contest: _Contest, allocation: Allocation) -> dict[str, float]:
    """Shadow prices by limit, the positive ones."""
    priced = {"gross": allocation.duals["gross"], "cvar": allocation.duals["cvar"]}
    priced |= zip((g.name for g in contest.groups), np.atleast_1d(allocation.duals["groups"]), strict=False)
    priced |= zip((p.name for p in contest.pairs), np.atleast_1d(allocation.duals["pairs"]), strict=False)
    priced |= zip(contest.tails, np.atleast_1d(allocation.duals["tail_limits"]), strict=False)
    return {name: float(price) for name, price in priced.items() if price > 0.0}


def _bindings(
    contest: _Contest, weights: Floats, allocation: Allocation, duals: dict[str, float], confidence: float
) -> list[_Bindings]:
    """The limits that bind each bid, with their shadow prices: its own cap first, then by descending cost.

    A limit's cost to a bid is its shadow price times the bid's use of the limit per unit: 1 for a sum of weights, the
    asset's mean loss over the portfolio's tail for CVaR. A limit the bid would relieve does not bind it.
    """
    own = np.atleast_1d(allocation.duals["weight_max"])
    under: list[list[tuple[float, str]]] = [[] for _ in contest.bids]
    for bound in (
        _Bound("gross", tuple(range(len(contest.bids))), math.inf),
        *contest.groups,
        *contest.pairs,
    ):
        if bound.name in duals:
            for i in bound.bids:
                under[i].append((duals[bound.name], bound.name))
    limited = ((returns, beyond) for returns, beyond, _ in contest.problem.tail_limits)
    sets = ((contest.problem.scenarios, confidence), *limited)
    for name, (returns, beyond) in zip(("cvar", *contest.tails), sets, strict=True):
        if name in duals:
            for i, used in enumerate(-_tail_means(contest, np.asarray(returns), weights, beyond)[contest.asset]):
                under[i].append((duals[name] * float(used), name))
    found: list[_Bindings] = []
    for (name, cap), price, costs in zip(contest.caps, own, under, strict=True):
        shared = tuple((limit, duals[limit]) for cost, limit in sorted(costs, reverse=True) if cost > 0.0)
        if price > 0.0:
            rest = tuple(bound for bound in shared if bound[0] != name)
            found.append(_Bindings(name, float(price), ((name, float(price)), *rest)))
        elif cap <= 0.0:
            found.append(_Bindings(name, None, shared))
        else:
            first, dearest = shared[0] if shared else ("", None)
            found.append(_Bindings(first, dearest, shared))
    return found


def _tail_means(contest: _Contest, returns: Floats, weights: Floats, confidence: float) -> Floats:
    """(m,) mean return of each asset over the portfolio's tail in (T, m) ``returns``; over all rows in cash."""
    book = np.bincount(contest.asset, weights, contest.cost.size).astype(np.float64)
    if not book.any():
        return np.asarray(returns.mean(axis=0))
    return average(tail_weights(-combine(returns, book), confidence), returns)


def _status(contest: _Contest, allocation: Allocation) -> str:
    """The solver's status, with the limit that set the scale if the positions were only scaled."""
    if not allocation.binding:
        return allocation.status
    return f"{allocation.status}: {_named(contest, allocation.binding)}"


def _named(contest: _Contest, limit: str) -> str:
    """The record's name of a limit of the problem."""
    kind, _, index = limit.rstrip("]").partition("[")
    names: dict[str, Sequence[str]] = {
        "groups": [g.name for g in contest.groups],
        "pairs": [p.name for p in contest.pairs],
        "tail_limits": contest.tails,
        "weight_max": [name for name, _ in contest.caps],
    }
    return names[kind][int(index)] if kind in names else limit


def _ranks(contest: _Contest, weights: Floats, confidence: float) -> list[int]:
    """Rank from 1 (A6): hedges first, by CVaR reduction per cost; then adjusted return per unit of CVaR.

    A hedge's reduction is its mean return over the tail of the allocated portfolio. A bid with a positive return and
    no loss in its own tail ranks before those with one.
    """
    relief: list[float] = []
    if any(bid.hedge for bid in contest.bids):
        relief = _tail_means(contest, contest.returns, weights, confidence)[contest.asset].tolist()
    order = sorted(
        (False, -relief[i] / max(bid.cost, _DUST), i) if bid.hedge else (True, -bid.adjusted / max(bid.alone, _DUST), i)
        for i, bid in enumerate(contest.bids)
    )
    ranks = [0] * len(order)
    for rank, (_, _, i) in enumerate(order, start=1):
        ranks[i] = rank
    return ranks


def _critical(contest: _Contest, weights: Floats, risk: float) -> float | None:
    """A lower bound on the risk aversion from which cash is optimal.

    That value is the maximum over portfolios of expected return less entry cost, per unit of CVaR. Returned is the
    largest such ratio over single bids and the allocated portfolio; diversification can make the true value higher.
    None when some bid gains without tail risk, or none gains.
    """
    gains = np.array([b.net for b in contest.bids]) - contest.cost[contest.asset]
    ratios = [g / b.alone if b.alone > 0.0 else math.inf for g, b in zip(gains, contest.bids, strict=True) if g > 0.0]
    if risk > 0.0:
        ratios.append(float(weights @ gains) / risk)
    highest = float(max(ratios, default=0.0))
    return highest if 0.0 < highest < math.inf else None


def _remarks(contest: _Contest, allocation: Allocation, invested: bool) -> tuple[str, ...]:
    """Reasons of the auction as a whole."""
    reasons = []
    if allocation.status == "optimal_lp":
        reasons.append("AUCTION_FALLBACK_LP")
    elif allocation.status != "optimal":
        reasons.append("AUCTION_INFEASIBLE")
    elif not invested and any(b.adjusted > 0.0 < cap for b, (_, cap) in zip(contest.bids, contest.caps, strict=True)):
        reasons.append("RISK_AVERSION_BINDS")
    return tuple(reasons)
