"""A session decided again with one figure changed (G4).

A ``World`` holds the inputs of ``decide``; each of its methods returns another one that differs in one input. Nothing
here is read by a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from plimsoll.core.decision import Carried, CycleRecord
from plimsoll.core.forecast import Answer, Forecast, Holding, TargetWeights
from plimsoll.core.limits import LimitSet
from plimsoll.core.panel import View, history_behind
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Strategy
from plimsoll.core.state import State
from plimsoll.engine.cycle import decide
from plimsoll.engine.run_context import RunContext

Floats = NDArray[np.float64]
Retold = Callable[[str, Forecast], Forecast]


@dataclass(frozen=True, eq=False)
class MovedContext(RunContext):
    """A run context whose limits were moved after the policy gave them."""

    moves: tuple[Callable[[LimitSet], LimitSet], ...] = ()

    def in_force(self, limits: LimitSet) -> LimitSet:
        """The limits with every move made, in order."""
        for move in self.moves:
            limits = move(limits)
        return limits


@dataclass(frozen=True, eq=False)
class Retelling:
    """A strategy whose forecasts are changed on their way to the auction; a target portfolio goes through as it is.

    It works on the terms of the other.
    """

    inner: Strategy
    retold: Retold
    name: str = field(init=False)
    schedule: str | None = field(init=False)
    holding_sessions: int | None = field(init=False)
    ic: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.inner.name)
        for term in ("schedule", "holding_sessions", "ic"):
            object.__setattr__(self, term, getattr(self.inner, term, None))

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Answer:
        """What the strategy says, each forecast changed."""
        said = self.inner.forecast(view, holding, policy)
        if isinstance(said, TargetWeights | Mapping):
            return said
        return [self.retold(self.name, f) for f in said]


@dataclass(frozen=True, eq=False)
class World:
    """What a session is decided from."""

    view: View
    state: State
    run: RunContext

    def decided(self) -> CycleRecord:
        """The decision."""
        return decide(self.view, self.state, self.run).record

    @cached_property
    def limits(self) -> LimitSet:
        """The limits in force: found by deciding, as they depend on the session's drawdown and regime."""
        seen: list[LimitSet] = []

        def note(limits: LimitSet) -> LimitSet:
            seen.append(limits)
            return limits

        self.moved(note).decided()
        return seen[-1]

    def under(self, policy: Policy) -> World:
        """The same under another policy."""
        return replace(self, run=_run_like(self.run, policy=policy))

    def moved(self, move: Callable[[LimitSet], LimitSet]) -> World:
        """The same with the limits in force moved."""
        before = self.run.moves if isinstance(self.run, MovedContext) else ()
        return replace(self, run=_run_like(self.run, moves=(*before, move)))

    def carrying(self, **changes: object) -> World:
        """The same with other things carried from the last decision."""
        carried: Carried = changed(self.state.carried, **changes)
        return replace(self, state=changed(self.state, carried=carried))

    def told(self, retold: Retold) -> World:
        """The same with forecasts changed."""
        return replace(
            self, run=_run_like(self.run, strategies=tuple(Retelling(s, retold) for s in self.run.strategies))
        )

    def seeing(self, name: str, value: float, column: int | None = None) -> World:
        """The same with one value of an indicator changed on the session's row."""
        history, row = history_behind(self.view), self.view.row
        values = history.array(name).copy()
        if column is None:
            values[row] = value
        else:
            values[row, column] = value
        return replace(self, view=View(history.with_array(name, values), row))


def _run_like(run: RunContext, **changes: Any) -> MovedContext:
    """A run context like another."""
    given: dict[str, Any] = {
        "policy": run.policy, "strategies": run.strategies, "instruments": run.instruments, "account": run.account,
        "code": run.code,
        "moves": run.moves if isinstance(run, MovedContext) else (),
    }  # fmt: skip
    return MovedContext(**(given | changes))


def held_at(world: World, symbol: str, lots: int) -> World:
    """The same account, worth the same, with ``lots`` of a symbol held instead of what is."""
    c, state = world.run.column[symbol], world.state
    worth = float(world.view.now("mark")[c]) / float(world.run.lots_per_unit[c]) * 100.0
    held = state.lots.copy()
    cash = state.cash + round(int(held[c]) * worth) - round(lots * worth)
    held[c] = lots
    cost = state.average_cost.copy()
    if lots and not np.isfinite(cost[c]):
        cost[c] = world.view.now("mark")[c]
    return replace(world, state=changed(state, lots=held, cash=cash, average_cost=cost))
