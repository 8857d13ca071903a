"""Stops per holding, from average cost and, if asked for, from the trailing high (R7).

Two stages: a reduction to half, then the exit. Each fires once per holding. A fired stop caps the target weight at the
remaining weight until an auction lifts the cap. A position bought again under a cap counts as the same holding: the
stop is dropped only when the position is flat *and* the cap is lifted. Long positions only.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from plimsoll.core.decision import StopState
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Factor, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.core.restraint import RiskEvent

Floats = NDArray[np.float64]

WATCHED, REDUCED, EXITED = 0, 1, 2
UNCAPPED = 1.0  # a weight that never binds: no position exceeds NAV


class StopStep(msgspec.Struct, frozen=True):
    """Stops after a close; ``caps`` maps a column to the largest weight the target portfolio may give it."""

    stops: tuple[StopState, ...]
    caps: dict[int, float]
    events: tuple[RiskEvent, ...] = ()


_NOTHING = StopStep((), {})


def factors(policy: Policy) -> dict[str, Factor]:
    """``stop.reduce`` and ``stop.exit``: (T, N) losses from average cost that trigger each stage, constant in time."""

    def column(stage: int) -> Factor:
        def threshold(panel: Panel) -> Floats:
            row = np.array([thresholds(i, policy)[stage] for i in panel.instruments], dtype=np.float64)
            return np.broadcast_to(row, (len(panel.sessions), row.size))

        return threshold

    return {"stop.reduce": column(0), "stop.exit": column(1)}


def thresholds(instrument: Instrument, policy: Policy) -> tuple[float, float]:
    """Losses at which a holding is reduced and sold (R7, S4).

    A strategy's own stop (S4) reduces at ``reduce_share`` of its loss; without one the defaults apply; crypto has its
    own pair, which overrides S4's. With a stop in the universe file too, the stricter of each stage applies (U7).
    """
    rules, limits = policy.stops, policy.limits.assets.get(instrument.symbol)
    if instrument.kind == "crypto":
        reduce, leave = rules.reduce_crypto, rules.exit_crypto
    elif limits is not None and limits.stop is not None:
        reduce, leave = rules.reduce_share * limits.stop, limits.stop
    else:
        reduce, leave = rules.reduce_default, rules.exit_default
    if instrument.stop is not None:
        reduce, leave = min(reduce, rules.reduce_share * instrument.stop), min(leave, instrument.stop)
    return reduce, leave


def step(stops: tuple[StopState, ...], view: View, held: Floats, average_cost: Floats, policy: Policy) -> StopStep:
    """Judge every holding's loss at this close (R7).

    Parameters
    ----------
    stops : tuple of StopState
        As the last session left them.
    view : View
        Reads ``mark``, ``stop.reduce``, ``stop.exit`` and, trailing, ``price``.
    held : (N,) float64
        Weights, fractions of NAV.
    average_cost : (N,) float64
        Traded price paid per unit, NaN when flat.
    policy : Policy

    Returns
    -------
    StopStep
        Caps apply from this session's orders on. A holding with an unknown mark or cost is not sold: missing data
        blocks new risk but never sells (E3).
    """
    trailing = policy.stops.trailing
    longs = (held > 0.0).nonzero()[0]
    paid = average_cost[longs]
    loss = (paid - view.now("mark", longs)) / paid
    if trailing:
        stops = _follow(stops, view, held > 0.0)
        high = _highs(stops, view)[longs]
        loss = np.fmax(loss, (high - view.now("price", longs)) / high)
    hit = (loss >= view.now("stop.reduce", longs)).nonzero()[0].tolist()
    if not stops and not hit:
        return _NOTHING

    column = view.column
    kept = {s.symbol: s for s in stops if s.cap < UNCAPPED or held[column[s.symbol]] != 0.0}
    events: list[RiskEvent] = []
    for n in hit:
        i, fallen = int(longs[n]), float(loss[n])
        symbol = view.symbols[i]
        before = kept.get(symbol)
        after = _judge(symbol, before, float(held[i]), fallen, float(view.now("stop.exit")[i]), view.day, policy)
        if after is None:
            continue
        kept[symbol] = after
        kind, stage = ("STOP_EXITED", "stop.exit") if after.stage == EXITED else ("STOP_REDUCED", "stop.reduce")
        events.append(RiskEvent(view.date, kind, "WARNING", fallen, float(view.now(stage)[i]), symbol))
    current = tuple(kept.values())
    return StopStep(current, {column[s.symbol]: s.cap for s in current if s.cap < UNCAPPED}, tuple(events))


def lift(stops: tuple[StopState, ...], view: View, policy: Policy) -> tuple[StopState, ...]:
    """The stops after an auction: a cap is lifted when old enough and the price is above its 50-session mean (R7).

    A lifted exit is dropped, so a new holding has new stops, and one that could not be sold fires again. A lifted
    reduction is remembered until the holding is flat, so that it does not fire twice.
    """
    if not any(s.cap < UNCAPPED for s in stops):
        return stops
    column, price, mean = view.column, view.now("price"), view.now("sma_50")
    kept: list[StopState] = []
    for stop in stops:
        i = column[stop.symbol]
        rearmed = view.sessions.sessions_between(stop.day, view.row) >= policy.stops.rearm_sessions
        if stop.cap == UNCAPPED or not (rearmed and price[i] > mean[i]):
            kept.append(stop)
        elif stop.stage == REDUCED:
            kept.append(replace(stop, cap=UNCAPPED))
    return tuple(kept)


def _judge(
    symbol: str, before: StopState | None, weight: float, loss: float, leave: float, day: int, policy: Policy
) -> StopState | None:
    """The stop of one holding beyond its first threshold, or None when nothing new fires."""
    stage = WATCHED if before is None else before.stage
    high = 0.0 if before is None else before.high
    if loss >= leave:
        return None if stage == EXITED else StopState(symbol, EXITED, 0.0, day, high)
    if stage == WATCHED:
        return StopState(symbol, REDUCED, policy.stops.reduce_to * weight, day, high)
    return None


def _follow(stops: tuple[StopState, ...], view: View, longs: NDArray[np.bool_]) -> tuple[StopState, ...]:
    """Update the high of each holding on the total-return index, which splits and dividends do not affect (U1)."""
    price, column = view.now("price"), view.column
    known = {s.symbol: s for s in stops}
    for i in np.flatnonzero(longs).tolist():
        symbol = view.symbols[i]
        stop = known.get(symbol) or StopState(symbol, WATCHED, UNCAPPED, view.day)
        known[symbol] = replace(stop, high=max(stop.high, float(price[i]))) if price[i] > stop.high else stop
    return tuple(s if longs[column[s.symbol]] else replace(s, high=0.0) for s in known.values())


def _highs(stops: tuple[StopState, ...], view: View) -> Floats:
    highs = np.full(len(view.symbols), np.nan)
    column: Callable[[str], int] = view.column.__getitem__
    for stop in stops:
        if stop.high > 0.0:
            highs[column(stop.symbol)] = stop.high
    return highs
