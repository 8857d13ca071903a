"""Explain a solved auction: bids, limits with shadow prices, and the independent check (A5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis.auction_file import LotSizes, NamedProblem
from plimsoll.analysis.auction_trials import Trials
from plimsoll.capital.auction import solve
from plimsoll.capital.auction_check import LimitReading, readings
from plimsoll.capital.auction_lots import whole_lots
from plimsoll.capital.auction_problem import Allocation, AuctionProblem, CheckedProblem, validated
from plimsoll.measures.cvar import tail_weights
from plimsoll.measures.linear import average, combine

Floats = NDArray[np.float64]

TOLERANCE = 1e-9  # of NAV: how far the checker lets a limit be exceeded by rounding
_FREE = 1e-12  # objective per unit of NAV: a price below it is a zero of the solver


@dataclass(frozen=True, slots=True)
class BindingAnswer:
    """A limit that keeps a bid from a larger weight.

    ``shadow_price`` is what the objective gains per unit by which the limit is relaxed, ``price`` what the limit
    charges one unit of the bid. ``tried`` is a higher figure of the limit with which the problem was solved again, and
    ``weight_then`` what the bid holds then, which may also be less; None where the problem is too large to try.
    """

    limit: str
    shadow_price: float
    price: float
    tried: float | None
    weight_then: float | None


@dataclass(frozen=True, slots=True)
class BidAnswer:
    """One bid: its weight, contribution, cost, and the limits on it.

    ``cap`` is its own largest weight (None: none) and ``cap_price`` that cap's shadow price.
    ``return_contribution`` is mu x weight, before cost; ``cvar_contribution`` is the Euler part, and all parts sum
    to the CVaR. ``binding`` names the limit that holds the bid back, None when none does: its own cap where it stands
    at it, else the one that charges it most; ``shadow_price`` is that limit's, the objective gained per unit by which
    it is relaxed; ``price`` what the limit charges one unit of this bid. ``bindings`` are all of them, that one first.
    ``lacking`` is by how much the expected return of a bid at zero would have to rise before it enters. All in
    fractions of NAV at the horizon of the scenarios.
    """

    bid: str
    asset: str
    weight: float
    cap: float | None
    cap_price: float
    mu: float
    return_contribution: float
    cvar_contribution: float
    binding: str | None
    shadow_price: float
    price: float
    lacking: float
    why_not_more: str
    bindings: tuple[BindingAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitAnswer:
    """A limit, what the checker measured against it (None: not finite), and its shadow price."""

    limit: str
    subject: str
    measured: float | None
    cap: float | None
    shadow_price: float


@dataclass(frozen=True, slots=True)
class HoldingAnswer:
    """One asset in whole lots: its value is ``lots`` x ``lot`` x ``price``, ``weight`` that over NAV.

    ``target`` is the weight before rounding; ``taken_off`` the lots that a limit on CVaR took after rounding down.
    """

    asset: str
    lots: int
    units: float
    price: float
    value: float
    weight: float
    target: float
    taken_off: int


@dataclass(frozen=True, slots=True)
class LotsAnswer:
    """The allocation in whole lots, measured again: nothing smaller than a lot can be held.

    ``cash`` and ``nav`` are in the currency of the prices; the other figures are fractions of NAV as in the answer.
    """

    nav: float
    cash: float
    objective: float
    cvar: float
    holdings: tuple[HoldingAnswer, ...]
    checked: bool
    worst_excess: float


@dataclass(frozen=True, slots=True)
class AuctionAnswer:
    """The answer to an auction problem.

    ``status`` is ``optimal``, ``optimal_lp`` (the plain program had to be used) or ``scaled`` (no allocation satisfies
    the limits: present positions scaled towards cash, ``binding`` the limit that set the scale). ``worst_excess`` is
    the largest amount by which the independent checker finds a limit exceeded; ``checked`` says that it is within 1e-9
    of NAV. ``expected_return`` is before ``trade_cost``. ``lots`` is there where the file gives prices. ``notes`` are
    caveats.
    """

    status: str
    binding: str
    objective: float
    expected_return: float
    trade_cost: float
    cvar: float
    gross: float
    cash: float
    cuts: int
    bids: tuple[BidAnswer, ...]
    limits: tuple[LimitAnswer, ...]
    checked: bool
    worst_excess: float
    lots: LotsAnswer | None
    notes: tuple[str, ...] = ()

    @property
    def solved(self) -> bool:
        """Whether it is an optimum that the checker confirms, also in whole lots."""
        whole = self.lots is None or self.lots.checked
        return self.checked and whole and self.status in ("optimal", "optimal_lp")


@dataclass(frozen=True, slots=True)
class _Charge:
    """What a limit takes from one more unit of a bid, and the words for a reader."""

    limit: str
    words: str
    shadow: float
    price: float


def answer(named: NamedProblem) -> AuctionAnswer:
    """Solve a problem and explain the result; ``InputError`` for a malformed one."""
    problem = named.problem
    form, solved = validated(problem), solve(problem)
    found = list(readings(problem, solved.weights))
    worst = max(reading.excess for reading in found)
    positions = form.positions(solved.weights)
    bids = _bids(named, form, solved, positions)
    return AuctionAnswer(
        status=solved.status,
        binding=solved.binding,
        objective=solved.objective,
        expected_return=float(form.mu @ solved.weights),
        trade_cost=float(form.trade_cost @ np.abs(positions - form.current)),
        cvar=solved.cvar,
        gross=float(solved.weights.sum()),
        cash=1.0 - float(solved.weights.sum()),
        cuts=solved.cuts,
        bids=bids,
        limits=tuple(_limit(named, solved, reading) for reading in found if not reading.limit.startswith("long_only")),
        checked=worst <= TOLERANCE,
        worst_excess=worst,
        lots=None if named.lots is None else _lots(named, named.lots, form, solved),
        notes=tuple(_thin(problem)),
    )


def _thin(problem: AuctionProblem) -> Iterator[str]:
    """Sets with too few scenarios for their level: a tail of less than one is the worst of them, not a mean (R2)."""
    sets = [("scenarios", problem.scenarios, problem.confidence)]
    sets += [(f"tail_limits[{k}]", sample, level) for k, (sample, level, _) in enumerate(problem.tail_limits)]
    for name, sample, level in sets:
        rows = np.shape(sample)[0]
        if rows * (1.0 - level) < 1.0 - 1e-9:
            least = ceil(1.0 / (1.0 - level) - 1e-9)
            tail = f"the worst {1.0 - level:.10g} of {rows} is less than one scenario"
            yield f"{name}: {tail}, so its CVaR is the worst one; give at least {least}"


def _lots(named: NamedProblem, given: LotSizes, form: CheckedProblem, solved: Allocation) -> LotsAnswer:
    value = given.price * given.lot
    found = whole_lots(named.problem, solved.weights, value / given.nav)
    held, target = form.positions(found.weights), form.positions(solved.weights)
    cvar = form.tails[0].at(held).cvar
    holdings = tuple(
        HoldingAnswer(
            asset=named.assets[a],
            lots=int(found.lots[a]),
            units=float(found.lots[a] * given.lot[a]),
            price=float(given.price[a]),
            value=float(found.lots[a] * value[a]),
            weight=float(held[a]),
            target=float(target[a]),
            taken_off=int(found.taken_off[a]),
        )
        for a in range(form.assets)
    )
    return LotsAnswer(
        nav=given.nav,
        cash=given.nav - sum(h.value for h in holdings),
        objective=form.objective(found.weights, cvar),
        cvar=cvar,
        holdings=holdings,
        checked=found.worst_excess <= TOLERANCE,
        worst_excess=found.worst_excess,
    )


def _limit(named: NamedProblem, solved: Allocation, reading: LimitReading) -> LimitAnswer:
    name, _, rest = reading.limit.partition("[")
    prices: Any = solved.duals[name]
    shadow = float(prices[int(rest.rstrip("]"))] if rest else prices)
    return LimitAnswer(
        reading.limit,
        _subject(named, name, int(rest.rstrip("]")) if rest else 0),
        _finite(reading.measured),
        _finite(reading.cap),
        shadow,
    )


def _subject(named: NamedProblem, name: str, k: int) -> str:
    """The subject of a limit."""
    problem = named.problem
    match name:
        case "weight_max":
            return f"{named.bids[k]}, the bid nearest its cap"
        case "groups":
            return ", ".join(named.bids[i] for i in sorted(set(problem.groups[k][0]))) or "no bid"
        case "pairs":
            return f"{named.assets[problem.pairs[k][0]]} with {named.assets[problem.pairs[k][1]]}"
        case "tail_limits":
            return f"{np.shape(problem.tail_limits[k][0])[0]} scenarios at {problem.tail_limits[k][1]:.10g}"
        case "cvar":
            return f"{np.shape(problem.scenarios)[0]} scenarios at {problem.confidence:.10g}"
    return "sum of all bids"


def _bids(named: NamedProblem, form: CheckedProblem, solved: Allocation, positions: Floats) -> tuple[BidAnswer, ...]:
    problem = named.problem
    marginal = _marginal(problem.scenarios, positions, problem.confidence)
    limited = [_marginal(sample, positions, level) for sample, level, _ in problem.tail_limits]
    duals: dict[str, Any] = solved.duals
    trials = Trials(problem)
    answers = []
    for i, name in enumerate(named.bids):
        asset, weight = int(form.asset[i]), float(solved.weights[i])
        charges = _charges(named, form, solved, i, [marginal[asset], *(m[asset] for m in limited)])
        holding = [] if solved.status == "scaled" else _holding(charges, weight, float(form.weight_max[i]))
        bindings = tuple(_tried(trials, charge, i) for charge in holding)
        risk = form.risk_aversion * float(marginal[asset])
        cost = float(form.trade_cost[asset]) * (1.0 if positions[asset] >= form.current[asset] - TOLERANCE else -1.0)
        unit = _Unit(float(form.mu[i]), risk, cost, weight, float(solved.lacking[i]))
        answers.append(
            BidAnswer(
                bid=name,
                asset=named.assets[asset],
                weight=weight,
                cap=_finite(float(form.weight_max[i])),
                cap_price=float(duals["weight_max"][i]),
                mu=float(form.mu[i]),
                return_contribution=float(form.mu[i]) * weight + 0.0,  # a zero has no sign
                cvar_contribution=float(solved.contributions[i]) + 0.0,
                binding=holding[0].limit if holding else None,
                shadow_price=holding[0].shadow if holding else 0.0,
                price=holding[0].price if holding else 0.0,
                lacking=float(solved.lacking[i]),
                why_not_more=_why(solved, holding, bindings, unit, trials, i),
                bindings=bindings,
            )
        )
    return tuple(answers)


def _holding(charges: list[_Charge], weight: float, cap: float) -> list[_Charge]:
    """The limits on a bid: its own cap first where it is reached, then those with the largest charge."""
    own, *others = charges
    priced = sorted((c for c in others if c.price > _FREE), key=lambda c: -c.price)
    at_cap = isfinite(cap) and weight >= cap - TOLERANCE
    return [own, *priced] if at_cap or own.price > _FREE else priced


def _tried(trials: Trials, charge: _Charge, bid: int) -> BindingAnswer:
    value, weights = trials.raised(charge.limit)
    then = None if weights is None else float(weights[bid])
    return BindingAnswer(charge.limit, charge.shadow, charge.price, None if weights is None else value, then)


def _marginal(sample: Any, positions: Floats, confidence: float) -> Floats:
    """(m,) change of CVaR per unit of each asset: its mean loss over the portfolio's tail, fractional boundary."""
    returns = np.asarray(sample, dtype=np.float64)
    return -average(tail_weights(-combine(returns, positions), confidence), returns)


def _charges(named: NamedProblem, form: CheckedProblem, solved: Allocation, i: int, tails: list[Any]) -> list[_Charge]:
    """Every limit one more unit of bid ``i`` would use, its own cap first: the first of equals is named."""
    problem, asset = named.problem, int(form.asset[i])
    duals: dict[str, Any] = solved.duals
    own, gross = float(duals["weight_max"][i]), float(duals["gross"])
    found = [
        _Charge(f"weight_max[{i}]", f"its own cap of {form.weight_max[i]:.2%}", own, own),
        _Charge("gross", f"the gross limit of {problem.gross_max:.2%}", gross, gross),
    ]
    for k, (members, cap) in enumerate(problem.groups):
        if i in members:
            price = float(duals["groups"][k])
            found.append(_Charge(f"groups[{k}]", f"the cap of {cap:.2%} on group {k}", price, price))
    for k, (first, second, cap) in enumerate(problem.pairs):
        if asset in (first, second):
            both, price = f"{named.assets[first]} with {named.assets[second]}", float(duals["pairs"][k])
            found.append(_Charge(f"pairs[{k}]", f"the cap of {cap:.2%} on {both}", price, price))
    shadows = [float(duals["cvar"]), *(float(d) for d in duals["tail_limits"])]
    caps = [problem.cvar_max, *(cap for _, _, cap in problem.tail_limits)]
    for k, (shadow, cap, marginal) in enumerate(zip(shadows, caps, tails, strict=True)):
        words = f"the CVaR limit of {cap:.2%}" if k == 0 else f"tail limit {k - 1} of {cap:.2%}"
        limit = "cvar" if k == 0 else f"tail_limits[{k - 1}]"
        found.append(_Charge(limit, words, shadow, shadow * float(marginal)))
    return found


class _Unit(NamedTuple):
    """One more unit of a bid at the margin: what it brings, its risk and trading; the bid's weight, what it lacks."""

    mu: float
    risk: float
    cost: float
    weight: float
    lacking: float


def _why(
    solved: Allocation,
    holding: list[_Charge],
    bindings: tuple[BindingAnswer, ...],
    unit: _Unit,
    trials: Trials,
    bid: int,
) -> str:
    """The bid's state and reason, every limit that holds it, and the tested effect of raising each."""
    if solved.status == "scaled":
        limit = f" ({solved.binding} set the scale)" if solved.binding else ""
        return f"No allocation meets every limit, so present positions are only scaled towards cash{limit}."
    margin = f"a unit of NAV brings {_bps(unit.mu)}"
    against = f"{_against(unit)}"
    said = []
    if holding and holding[0].limit.startswith("weight_max"):
        also = f"; besides, {_listed(holding[1:])} would hold it" if len(holding) > 1 else ""
        said.append(f"It is held at {unit.weight:.2%} by {holding[0].words}{also}; {_gain(holding[0])}.")
    elif unit.weight > TOLERANCE:
        if not holding:
            return f"At the margin {margin} and {against}: more would cost as much as it earns."
        said.append(f"It is held at {unit.weight:.2%} by {_listed(holding)}; {_gain(holding[0])}.")
    elif holding:
        charged = sum(c.price for c in holding)
        said.append(
            f"It is outbid and at zero: {margin}, {against}, and the limits it would use charge {_bps(charged)}: "
            f"{_listed(holding)}; {_gain(holding[0])}."
        )
    else:
        return f"It does not pay: {margin} and {against}. {_enters(unit, trials, bid)}"
    said += [_seen(charge, one, unit.weight) for charge, one in zip(holding, bindings, strict=True) if one.tried]
    if unit.weight <= TOLERANCE and unit.lacking > 0.0:
        said.append(_enters(unit, trials, bid))
    return " ".join(said)


def _against(unit: _Unit) -> str:
    against = f"costs {_bps(unit.risk)} of tail risk"
    trade = f"{_bps(unit.cost)} of trading" if unit.cost >= 0.0 else f"saves {_bps(-unit.cost)} of trading"
    return f"{against} and {trade}" if unit.cost >= 0.0 else f"{against} but {trade}"


def _listed(charges: list[_Charge]) -> str:
    """Limits in a row, the largest charge first."""
    words = [c.words for c in charges]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _gain(charge: _Charge) -> str:
    """The gain of the whole portfolio: the objective is concave in a limit, so its shadow price bounds the gain."""
    limit = charge.words.partition(" of ")[0]
    return f"a percentage point more of {limit} would add at most {_bps(charge.shadow * 0.01)} of NAV"


def _seen(charge: _Charge, one: BindingAnswer, weight: float) -> str:
    """Result for this bid of solving again with the limit raised."""
    assert one.tried is not None and one.weight_then is not None
    limit = charge.words.partition(" of ")[0]
    with_ = f"With {one.tried:.10g} for {limit}" if not isfinite(one.tried) else f"With {limit} at {one.tried:.2%}"
    if one.weight_then > weight + TOLERANCE:
        return f"{with_} it would hold more, {one.weight_then:.2%}."
    if one.weight_then < weight - TOLERANCE:
        return f"{with_} it would hold less, {one.weight_then:.2%}: others use that limit better."
    return f"{with_} alone it would hold no more."


def _enters(unit: _Unit, trials: Trials, bid: int) -> str:
    """Requirement of a bid at zero to enter; tested where the problem is small enough."""
    if unit.lacking <= _FREE:
        return "It is worth as much as what is held: ties go to less turnover, then to the earlier bid."
    more, weights = trials.entering(bid, unit.lacking)
    if weights is not None and not weights[bid] > 0.0:
        return f"An expected return {_bps(more)} higher was tried, and it stays at zero."
    return f"It would enter if its expected return were {_bps(unit.lacking)} higher."


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _bps(value: float) -> str:
    return f"{value * 1e4:.2f} bps"
