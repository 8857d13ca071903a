"""Cost and benefit of each rule: the same backtest with one rule off at a time.

Every variant is the profile with one part of its policy neutralised; nothing is fitted. A rule that looks
expensive over one history may be the one that survives the next: read the drawdown column first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from plimsoll.core.policy import GatePolicy, KindCost, Policy

Change = Callable[[Policy], Policy]
NEVER = 1e9
_DRAWDOWN = "DRAWDOWN_LIMIT"


class Bound(msgspec.Struct, frozen=True):
    """What ever bound in the base run: gates that found something, vetoes that tripped, kinds of risk events."""

    gates: frozenset[str]
    vetoes: frozenset[str]
    events: frozenset[str]


class Variant(msgspec.Struct, frozen=True):
    """A policy under a name; ``off`` says in words what is off."""

    name: str
    off: str
    policy: Policy


def variants(policy: Policy) -> Iterator[Variant]:
    """The base policy first, then one rule off at a time, then the five hurdles (A3) and each strategy alone."""
    yield Variant("base", "nothing", policy)
    for name, off, change in _RULES:
        yield Variant(name, off, change(policy))
    for veto in policy.vetoes.enabled:
        left = tuple(v for v in policy.vetoes.enabled if v != veto)
        yield Variant(f"veto {veto}", f"the veto {veto}", replace(policy, vetoes=replace(policy.vetoes, enabled=left)))
    for hurdle in (0.0, 0.05, 0.1, 0.2, 0.4):
        auction = replace(policy.auction, hurdle_sharpe=hurdle)
        yield Variant(f"hurdle {hurdle:g}", f"hurdle Sharpe {hurdle:g}", replace(policy, auction=auction))
    for strategy in policy.strategies.enabled:
        strategies = replace(policy.strategies, enabled=(strategy,))
        yield Variant(f"only {strategy}", "the other strategies", replace(policy, strategies=strategies))


def needless(variant: Variant, base: Policy, bound: Bound) -> str:
    """Why a variant's run cannot differ from the base's; empty where it may.

    A gate, veto, ladder or stop that never acted decides the first session alike without it, and so, session by
    session, every other. What shapes an auction is never taken for such a rule: it may bind without a word.
    """
    if variant.policy == base:
        return "" if variant.name == "base" else "as it is in the policy"
    kind, _, name = variant.name.partition(" ")
    if kind == "gate" and not any(g == name or g.startswith(f"{name}_") for g in bound.gates):
        return "found nothing in the base run"
    if kind == "veto" and name not in bound.vetoes:
        return "never tripped in the base run"
    if variant.name == "vetoes" and not bound.vetoes:
        return "none tripped in the base run"
    if variant.name == "ladder" and not (bound.events & {"LADDER_RUNG", "MANDATE_ENDED"} or _DRAWDOWN in bound.vetoes):
        return "no rung fired in the base run"
    if variant.name == "stops" and not bound.events & {"STOP_REDUCED", "STOP_EXITED"}:
        return "none fired in the base run"
    return ""


def gate_variants(policy: Policy, gates: tuple[str, ...]) -> Iterator[Variant]:
    """One gate off at a time; the auction's own constraints stay, so most of these change nothing."""
    for gate in gates:
        yield Variant(f"gate {gate}", f"the gate {gate}", replace(policy, gates=replace(policy.gates, off=(gate,))))


def _cvar(**changes: float) -> Change:
    return lambda p: replace(p, cvar=replace(p.cvar, **changes))


def _no_ladder(policy: Policy) -> Policy:
    """Without the veto that freezes a book below the mandate's end, which would outlast the ladder (R4, E5)."""
    vetoes = tuple(v for v in policy.vetoes.enabled if v != _DRAWDOWN)
    return replace(policy, ladder=replace(policy.ladder, enabled=False), vetoes=replace(policy.vetoes, enabled=vetoes))


def _no_stops(policy: Policy) -> Policy:
    stops = replace(policy.stops, reduce_default=1.0, exit_default=1.0, reduce_crypto=1.0, exit_crypto=1.0)
    assets = {s: replace(a, stop=None) for s, a in policy.limits.assets.items()}
    return replace(policy, stops=stops, limits=replace(policy.limits, assets=assets))


def _no_targets(policy: Policy) -> Policy:
    assets = {s: replace(a, volatility_target=None) for s, a in policy.limits.assets.items()}
    return replace(policy, limits=replace(policy.limits, assets=assets))


def _free(policy: Policy) -> Policy:
    kinds = {k: KindCost(commission=0.0, slippage=0.0, worst_case=c.worst_case) for k, c in policy.costs.kinds.items()}
    return replace(policy, costs=replace(policy.costs, kinds=kinds, impact_y=0.0))


_RULES: tuple[tuple[str, str, Change], ...] = (
    ("ladder", "the drawdown ladder and its veto", _no_ladder),
    ("cvar budgets", "CVaR budgets at both horizons", _cvar(budget_1=1.0, budget_10=1.0, hard_1=1.0, hard_10=1.0)),
    ("cvar hard limits", "the hard CVaR limits", _cvar(hard_1=1.0, hard_10=1.0)),
    ("stressed set", "the limits on stressed CVaR", lambda p: replace(p, gates=GatePolicy(off=("stressed",)))),
    ("drawdown budgets", "the drawdown scaling of budgets", _cvar(drawdown_floor=1.0)),
    (
        "stand-alone",
        "stand-alone risk budgets",
        _cvar(standalone_fund=1.0, standalone_crypto=1.0, standalone_stock=1.0),
    ),
    ("incremental", "the incremental CVaR gate", _cvar(incremental_fund=1.0, incremental_other=1.0)),
    ("regime", "the crisis regime", lambda p: replace(p, regime=replace(p.regime, crisis_on=1.0))),
    (
        "vix rules",
        "the VIX rules on increases",
        lambda p: replace(p, forecast=replace(p.forecast, vix_high=NEVER, vix_extreme=NEVER)),
    ),
    ("stops", "the stops per holding", _no_stops),
    ("volatility targets", "volatility targets on caps", _no_targets),
    (
        "pairs",
        "the pair limits",
        lambda p: replace(p, correlation=replace(p.correlation, pair_fund=1.0, pair_stock=1.0)),
    ),
    ("bands", "the no-trade bands", lambda p: replace(p, shaping=replace(p.shaping, band_nav=0.0, band_target=0.0))),
    (
        "trade limits",
        "the limits on trades and turnover a session",
        lambda p: replace(p, shaping=replace(p.shaping, trades_max=10_000, turnover_max=1.0)),
    ),
    ("vetoes", "all ten vetoes", lambda p: replace(p, vetoes=replace(p.vetoes, enabled=()))),
    ("costs", "all costs", _free),
)


class Outcome(msgspec.Struct, frozen=True):
    """What a variant amounted to over the span, net of costs; ``invested`` is mean gross, ``halted`` the share of
    sessions without new risk, ``ended`` whether the mandate ended (the figures then stop there). ``same`` says why a
    variant was not run: it cannot differ from the base, whose figures it has.
    """

    name: str
    off: str
    sessions: int
    annual_return: float | None
    annual_volatility: float | None
    sharpe: float | None
    max_drawdown: float | None
    cvar_95_1d: float | None
    turnover_monthly: float | None
    cost_drag_annual: float | None
    invested: float
    halted: float
    ended: bool
    same: str = ""
