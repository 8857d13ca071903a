"""State, and the only way it changes: ``apply(state, event)`` (DESIGN)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import Carried, CycleRecord
from plimsoll.core.events import Approval, CashFlow, Event, Genesis, Split
from plimsoll.core.order import Fill, Order
from plimsoll.core.restraint import LadderState
from plimsoll.core.track import Track, folded, held_values


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """The account between two events. ``lots`` and ``average_cost`` are (N,) over the run's symbols.

    ``average_cost`` is the traded price per unit paid on average without costs, NaN when flat; ``cash`` whole
    cents; ``carried`` everything the last decision left (target portfolio, ladder, stops, mode); ``track`` the
    evidence of the strategies, absent where they are not followed.
    """

    symbols: tuple[str, ...]
    lots: NDArray[np.int64]
    average_cost: NDArray[np.float64]
    cash: int
    carried: Carried
    session: str = ""  # of the last cycle
    track: Track | None = None


def open_account(genesis: Genesis) -> State:
    """The state before the first decision."""
    n = len(genesis.symbols)
    ladder = LadderState(episode_peak=genesis.capital, lifetime_peak=genesis.capital)
    return State(genesis.symbols, np.zeros(n, np.int64), np.full(n, np.nan), genesis.capital, Carried(ladder=ladder))


def apply(state: State, event: Event) -> State:
    """The state after an event. Pure; unknown events raise ``TypeError``."""
    match event:
        case CycleRecord():
            return replace(state, carried=event.carried, session=event.session, track=_evidence(state, event))
        case Fill():
            return _filled(state, event)
        case CashFlow():
            track = state.track.paid(event.symbol, -event.cents) if state.track and event.symbol else state.track
            return replace(state, cash=state.cash + event.cents, track=track)
        case Split():
            return _split(state, event)
        case Approval():
            return replace(state, carried=_approved(state.carried))
        case Order():
            return state
        case _:
            raise TypeError(f"{type(event).__name__} is not an event of an open account")


def _filled(state: State, fill: Fill) -> State:
    i = state.symbols.index(fill.symbol)
    lots, cost = state.lots.copy(), state.average_cost.copy()
    before, after = int(lots[i]), int(lots[i]) + fill.lots
    lots[i] = after
    if after == 0:
        cost[i] = np.nan
    elif before == 0 or (before > 0) != (after > 0):
        cost[i] = fill.price
    elif abs(after) > abs(before):
        cost[i] = (cost[i] * abs(before) + fill.price * abs(fill.lots)) / abs(after)
    spent = fill.notional + fill.commission
    track = state.track.paid(fill.symbol, spent) if state.track else None
    return replace(state, lots=lots, average_cost=cost, cash=state.cash - spent, track=track)


def _split(state: State, event: Split) -> State:
    i = state.symbols.index(event.symbol)
    lots, cost = state.lots.copy(), state.average_cost.copy()
    lots[i] = event.lots
    cost[i] = cost[i] / event.ratio if event.lots else np.nan
    return replace(state, lots=lots, average_cost=cost)


def _evidence(state: State, record: CycleRecord) -> Track | None:
    """The strategies' evidence after a decision; None where they are not followed."""
    after, said = record.carried.lifecycle, record.strategies
    if after is None or said is None:
        return None
    known = all(map(isfinite, record.held))
    held = held_values(record.symbols, record.held, record.nav) if known else ()
    portfolio = record.carried.portfolio if record.auction is not None else None
    shares = None if portfolio is None else [(s.strategy, s.symbol, s.weight) for s in portfolio.shares]
    before = state.carried.lifecycle
    return folded(state.track, before, after, said, held, record.nav if known else 0, shares)


def _approved(carried: Carried) -> Carried:
    """A signature lifts a halt and, where one is asked for, signs the ladder's re-entry (R5, G7)."""
    ladder = carried.ladder
    if ladder.awaiting == "signed":
        ladder = msgspec.structs.replace(ladder, signed=True)
    return msgspec.structs.replace(carried, ladder=ladder, halted="")
