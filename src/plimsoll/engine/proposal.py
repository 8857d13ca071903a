"""Steps 10 to 13: shape, measure, judge, scale the increases, round and measure again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.capital import scenarios as scenario_sets
from plimsoll.capital.shaping import Bands, Shaped, ShapeInputs, bands_of, shape
from plimsoll.core.decision import Veto
from plimsoll.core.measurements import Measurements
from plimsoll.core.money import values_cents
from plimsoll.core.panel import View
from plimsoll.core.verdict import Action, Verdict, join
from plimsoll.engine.context import CycleContext
from plimsoll.engine.desired import DesiredWeights
from plimsoll.engine.held_book import HeldBook
from plimsoll.engine.measure import Tails, measure
from plimsoll.engine.rebalance import Rebalance
from plimsoll.engine.run_context import RunContext
from plimsoll.governance import vetoes as veto_room
from plimsoll.risk import gates, pairs

Floats = NDArray[np.float64]
Lots = NDArray[np.int64]

# Rounding to lots can undo a scale by a cent; after so many rounds the increases are dropped instead.
ROUNDS = 3


class Proposal(msgspec.Struct, frozen=True, eq=False):
    """Orders that passed, with the figures and verdicts on which they passed.

    ``lots`` (N,) are signed orders, ``weights`` the same as fractions of NAV; ``wanted`` (N,) the lots that would bring
    each position beyond its band to its target. ``scaled`` names, per column, the gates and vetoes that scaled or
    refused its increase; ``verdict`` is the join of all verdicts.
    """

    lots: Lots
    weights: Floats
    wanted: Lots
    reasons: dict[int, tuple[str, ...]]
    measured: Measurements
    verdict: Verdict
    vetoes: tuple[Veto, ...]
    scaled: dict[int, tuple[str, ...]]


def measure_orders(context: CycleContext, held: HeldBook, orders: Floats, tails: Tails) -> Measurements:
    """The figures of the current positions plus ``orders``, (N,) fractions of NAV."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.abs(orders) * (context.book.nav / 100.0)
        share = np.where(orders == 0.0, 0.0, value / context.run.depth(context.view.now("adv")))
    return measure(
        nav=context.book.nav,
        held=context.book.weights,
        order_weights=orders,
        adv_share=share,
        tails=tails,
        cvar_held=held.measured.cvar_held,
        horizon=context.run.policy.auction.horizon,
        drawdown_episode=context.drawdown_episode,
        drawdown_lifetime=context.drawdown_lifetime,
        symbols=context.run.symbols,
        limits=context.limits,
    )


def tails_of(view: View, run: RunContext, columns: NDArray[np.int64], *, stressed: bool) -> Tails:
    """The cycle's scenario set on ``columns``."""
    scenarios = scenario_sets.build(view, columns, run.policy, stressed=stressed)
    return Tails.of(scenarios, run.policy.auction.confidence)


class Scenes:
    """The session's scenario set, drawn once for every measurement, and a cache of other figures.

    Its columns are an auction's bidders, or held and targeted symbols. Stressed sets are drawn when a proposal is
    first measured; a wider set replaces it where a proposal buys a symbol outside it: a portfolio's figures are the
    same bits on either.
    """

    def __init__(self, context: CycleContext, rebalanced: Rebalance) -> None:
        view, run = self._view, self._run = context.view, context.run
        self._book = context.book
        self._openings, drawn = rebalanced.openings, rebalanced.scenarios
        if drawn is None:
            live = (context.state.lots != 0) | (rebalanced.target != 0.0)  # without lots there is no weight
            self.tails = tails_of(view, run, live.nonzero()[0], stressed=False)
        else:
            self.tails = Tails.of(drawn, run.policy.auction.confidence)

    @cached_property
    def opening_correlation(self) -> tuple[int, float]:
        """Number of bids opened lately and their mean pair correlation; not measured while they are few (G2)."""
        opened = list(dict.fromkeys(symbol for _, symbol in self._openings))
        if len(opened) <= self._run.policy.vetoes.wins_max:
            return len(opened), float("nan")
        columns = np.array([self._run.column[s] for s in opened], dtype=np.int64)
        matrix = pairs.correlations(self._view, columns, self._run.policy.correlation)
        return len(opened), float(matrix[np.triu_indices(len(opened), k=1)].mean())

    def covering(self, orders: Floats) -> Tails:
        """The set, stressed, on every column of the current positions with ``orders``, (N,) fractions of NAV.

        Room freed by a scaled order may go to a symbol that was not among the first.
        """
        live = orders != 0.0
        live[self._book.columns] = True
        columns = live.nonzero()[0]
        if not self.tails.covers(columns):
            drawn, policy = self.tails.scenarios, self._run.policy
            if self.tails.holds(columns):
                drawn = scenario_sets.with_stressed(self._view, drawn, policy)
            else:
                drawn = scenario_sets.build(self._view, np.union1d(drawn.columns, columns), policy, stressed=True)
            self.tails = Tails.of(drawn, policy.auction.confidence)
        return self.tails


def propose(
    context: CycleContext, rebalanced: Rebalance, held: HeldBook, wish: DesiredWeights, scenes: Scenes
) -> Proposal:
    """The largest rebalance towards the desired weights that all gates and vetoes pass; reductions always pass (R1)."""
    policy, book, run = context.run.policy, context.book, context.run
    bands = bands_of(context.state.lots, wish.desired, book.nav, book.prices, run.lots_per_unit, wish.forced, policy)
    if not bands.wanted:
        return Proposal(run.no_lots, run.nothing, run.no_lots, bands.quiet, held.measured, held.verdict, (), {})
    grow = wish.grow
    if held.verdict.action is Action.SCALE:
        grow = grow * held.verdict.scale
    elif held.verdict.action > Action.SCALE:
        grow = np.zeros_like(grow)
    shaped, orders = _shaped(context, wish, grow, bands)
    if not np.count_nonzero(shaped.lots):
        return Proposal(shaped.lots, orders, shaped.wanted, shaped.reasons, held.measured, held.verdict, (), {})
    growing = np.abs(book.weights + orders) > np.abs(book.weights)
    if not growing.any():
        measured = measure_orders(context, held, orders, scenes.tails)
        return Proposal(shaped.lots, orders, shaped.wanted, shaped.reasons, measured, held.verdict, (), {})
    verdict, scaled = held.verdict, dict[int, tuple[str, ...]]()
    vetoes: tuple[Veto, ...] = ()
    vetted = np.zeros(orders.size, dtype=bool)
    for round_ in range(ROUNDS + 1):
        measured = measure_orders(context, held, orders, scenes.covering(orders))
        if not measured.increases.any():
            break
        gated, by_column = gates.judge_proposal(measured, context.limits, policy)
        factor, judged, why = combined(gated, by_column, orders.size)
        # a rejected order frees room for others, which have not been vetted yet
        if not (factor[measured.increases] < 1.0).any() and not vetted[measured.increases].all():
            found = veto_room.evaluate(veto_inputs(context, rebalanced, measured, scenes), policy)
            vetoed, by_column = veto_room.verdicts(found, context.run.column, policy)
            factor, judged, why = combined(vetoed, by_column, orders.size)
            factor = _one_halving(factor, np.where(vetted, 0.0, wish.grow), policy.vetoes.warning_scale)
            vetoes, vetted = (*vetoes, *(v for v in found if v not in vetoes)), vetted | measured.increases
        verdict = verdict | judged
        cut = measured.increases & (factor < 1.0)
        if not cut.any():
            break
        for c in cut.nonzero()[0].tolist():
            scaled[c] = tuple(dict.fromkeys((*scaled.get(c, ()), *why(c))))
        grow = grow * factor if round_ < ROUNDS else np.zeros_like(grow)
        shaped, orders = _shaped(context, wish, grow, bands)
    else:
        measured = measure_orders(context, held, orders, scenes.tails)
    return Proposal(shaped.lots, orders, shaped.wanted, shaped.reasons, measured, verdict, vetoes, scaled)


def shape_inputs(context: CycleContext, wish: DesiredWeights, grow: Floats) -> ShapeInputs:
    """Inputs of order sizing; ``grow`` (N,) multiplies increases."""
    book, run = context.book, context.run
    return ShapeInputs(
        held_lots=context.state.lots,
        desired=wish.desired,
        nav=book.nav,
        prices=book.prices,
        lots_per_unit=run.lots_per_unit,
        forced=wish.forced,
        increase_scale=grow,
        adv=run.depth(context.view.now("adv")),
        caps=context.limits.account,
    )


def _shaped(context: CycleContext, wish: DesiredWeights, grow: Floats, bands: Bands) -> tuple[Shaped, Floats]:
    shaped = shape(shape_inputs(context, wish, grow), context.run.policy, bands)
    return shaped, weights_of(context, shaped.lots)


def weights_of(context: CycleContext, lots: Lots) -> Floats:
    """(N,) signed orders of ``lots`` as fractions of NAV, in whole cents like the account (U8)."""
    orders = np.zeros(lots.size)
    ordered = np.flatnonzero(lots)
    if ordered.size:
        book = context.book
        values = values_cents(lots[ordered], context.run.lots_per_unit[ordered], book.prices[ordered])
        orders[ordered] = values / max(book.nav, 1)
    return orders


def combined(
    book: Verdict, by_column: dict[int, Verdict], size: int
) -> tuple[Floats, Verdict, Callable[[int], tuple[str, ...]]]:
    """(size,) factor on increases, the joined verdict, and per column the reasons that scale its increase."""
    factor = np.full(size, _factor(book))
    for c, verdict in by_column.items():
        factor[c] *= _factor(verdict)

    def why(column: int) -> tuple[str, ...]:
        own = by_column.get(column)
        judged = [book] if own is None else [book, own]
        return tuple(dict.fromkeys(f.reason for v in judged if _factor(v) < 1.0 for f in v.findings))

    return factor, join((book, *by_column.values())), why


def veto_inputs(
    context: CycleContext, rebalanced: Rebalance, measured: Measurements, scenes: Scenes
) -> veto_room.VetoInputs:
    """Inputs of the vetoes: increasing columns, the target portfolio's forecasts for them, the proposal's totals."""
    view, run = context.view, context.run
    columns = np.flatnonzero(measured.increases)
    symbols = tuple(run.symbols[c] for c in columns)
    portfolio = rebalanced.portfolio
    openings, correlation = scenes.opening_correlation

    def known(values: dict[str, float] | None) -> Floats:
        return np.array([(values or {}).get(s, np.nan) for s in symbols])

    return veto_room.VetoInputs(
        symbols=symbols,
        mu=known(portfolio.mu if portfolio else None),
        confidence=known(portfolio.confidence if portfolio else None),
        conviction=known(portfolio.conviction if portfolio else None),
        quality=view.certified("quality")[-1, columns],
        rows=view.now("rows", columns),
        gross=measured.gross_proposed,
        gross_max=context.limits.gross_max,
        cvar=measured.cvar_proposed,
        cvar_hard=context.limits.cvar_hard,
        drawdown_lifetime=context.drawdown_lifetime,
        openings=openings,
        openings_correlation=correlation,
    )


def _factor(verdict: Verdict) -> float:
    if verdict.action is Action.ALLOW:
        return 1.0
    return verdict.scale if verdict.action is Action.SCALE else 0.0


def _one_halving(factor: Floats, grown: Floats, halving: float) -> Floats:
    """Warnings and VIX together give one halving of an increase: where VIX halves, a warning does not (S2, G2)."""
    return np.where((factor == halving) & (grown <= halving), 1.0, factor)
