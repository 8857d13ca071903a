"""Step 14: every cause of an increase that was not made, or only in part, not only the first (G4, A5).

Gates see only increases that the earlier bars left, and vetoes only those that the gates left, so the orders meet a
limit only where nothing earlier stopped them. Here the desired portfolio is judged again as a whole: every change to
its target at once, and each session limit by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from plimsoll.capital.shaping import crowded
from plimsoll.core.measurements import Measurements
from plimsoll.core.verdict import Action, Finding, Verdict, join
from plimsoll.engine.context import CycleContext
from plimsoll.engine.desired import DesiredWeights, bars
from plimsoll.engine.held_book import HeldBook
from plimsoll.engine.proposal import Proposal, Scenes, combined, measure_orders, shape_inputs, veto_inputs, weights_of
from plimsoll.engine.rebalance import Rebalance
from plimsoll.governance import vetoes
from plimsoll.risk import gates

# causes that wait for room in a session, which the next session gives again
WAITS = frozenset({"TRADE_COUNT", "TURNOVER", "PARTICIPATION", "ACCOUNT_TRADE", "ACCOUNT_TURNOVER", "ACCOUNT_GROSS"})
_SHAPED = WAITS | {"NO_LIQUIDITY_DATA", "ACCOUNT_POSITION", "ACCOUNT_SYMBOL"}
# gates whose limits the shaping enforces: its own reasons report them
_KEPT = frozenset({"turnover", "trades", "participation"})

Why = Callable[[int], tuple[str, ...]]


class Causes(msgspec.Struct, frozen=True, eq=False):
    """Causes of a session's missing increases.

    ``short`` has, per column whose increase fell short of its target, every cause; ``unmet`` are the findings of gates
    and vetoes on the whole desired portfolio, in order, then of the account's own caps on each such increase.
    """

    short: dict[int, tuple[str, ...]]
    unmet: tuple[Finding, ...]


def causes_of(
    context: CycleContext,
    rebalanced: Rebalance,
    held: HeldBook,
    wish: DesiredWeights,
    proposal: Proposal,
    scenes: Scenes,
) -> Causes:
    """Every cause of every desired increase that ``proposal`` does not make in full.

    In the order of judgement (G1): bars on new risk, CVaR of the current positions, gates, vetoes, then trades,
    turnover and volume.
    """
    if proposal.wanted is proposal.lots:
        return Causes({}, ())
    short: list[int] = (proposal.wanted != proposal.lots).nonzero()[0].tolist()
    if not short:
        return Causes({}, ())
    barred = bars(context, rebalanced)
    of_held = [f.reason for f in held.verdict.findings] if held.verdict.action is Action.SCALE else []
    waits = crowded(shape_inputs(context, wish, wish.grow), proposal.wanted, context.run.policy)
    orders = weights_of(context, proposal.wanted)
    measured = measure_orders(context, held, orders, scenes.covering(orders))
    gated, of_gates = _gates(context, measured)
    vetoed, of_vetoes = _vetoes(context, rebalanced, measured, scenes)
    found: dict[int, tuple[str, ...]] = {}
    capped: list[Finding] = []
    for c in short:
        codes = [reason for where, reason in barred if where[c]]
        codes += [*of_held, *proposal.scaled.get(c, ()), *of_gates(c), *of_vetoes(c)]
        codes += [code for code in (*waits.get(c, {}), *proposal.reasons.get(c, ())) if code in _SHAPED]
        found[c] = tuple(dict.fromkeys(codes))
        figures = ((code, waits.get(c, {}).get(code)) for code in found[c])
        capped += [Finding(code.lower(), code, context.run.symbols[c], *of) for code, of in figures if of is not None]
    return Causes(found, (*join((gated, vetoed)).findings, *capped))


def _gates(context: CycleContext, whole: Measurements) -> tuple[Verdict, Why]:
    """The gates' verdict on the whole desired portfolio."""
    book, by_column = gates.judge_proposal(whole, context.limits, context.run.policy)
    _, joined, why = combined(_told(book), {c: _told(v) for c, v in by_column.items()}, whole.held.size)
    return joined, why


def _told(verdict: Verdict) -> Verdict:
    """A verdict without findings of gates that repeat the shaping."""
    left = tuple(f for f in verdict.findings if f.gate not in _KEPT)
    return Verdict(verdict.action, verdict.scale, left) if left else Verdict()


def _vetoes(context: CycleContext, rebalanced: Rebalance, whole: Measurements, scenes: Scenes) -> tuple[Verdict, Why]:
    """The vetoes' verdict on the whole desired portfolio.

    They judge what the gates have scaled (G1): they do not see its gross and CVaR unless those gates are switched
    off.
    """
    run = context.run
    off, inputs = run.policy.gates.off, veto_inputs(context, rebalanced, whole, scenes)
    if "gross" not in off:
        inputs = replace(inputs, gross=0.0)
    if "cvar" not in off:
        inputs = replace(inputs, cvar=dict.fromkeys(inputs.cvar, 0.0))
    book, by_column = vetoes.verdicts(vetoes.evaluate(inputs, run.policy), run.column, run.policy)
    _, joined, why = combined(book, by_column, whole.held.size)
    return joined, why
