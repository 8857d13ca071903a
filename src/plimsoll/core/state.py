"""Account state, and its only transition function: ``apply(state, event)``."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, trunc
from typing import get_args

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from plimsoll.core.decision import Carried, CycleRecord
from plimsoll.core.errors import TransitionRefused
from plimsoll.core.events import (
    ActionsInDoubt,
    ActionsRestated,
    Approval,
    CapsGranted,
    CashFlow,
    CertificationChanged,
    DaemonReport,
    DataPublished,
    DataRestated,
    Event,
    EventQuarantined,
    FeeReported,
    FillCorrected,
    Genesis,
    KillChanged,
    OrderEvent,
    PositionAdopted,
    Split,
    VenueSnapshot,
)
from plimsoll.core.executions import ExecutionBook, fee_key, supersedes
from plimsoll.core.fees import CENT, lots_taken, whole_cents
from plimsoll.core.order import Fill, Order
from plimsoll.core.quantity import split_ratio
from plimsoll.core.restraint import LadderState
from plimsoll.core.splits import Splits, carried_over, split_of, units_since
from plimsoll.core.track import Track, fold_track, held_values
from plimsoll.core.working import Working, created, filled, moved

_OF_AN_ORDER = get_args(OrderEvent)


class State(msgspec.Struct, frozen=True, eq=False):
    """The account between two events. ``lots`` and ``average_cost`` are (N,) over the run's symbols.

    ``average_cost`` is the traded price per unit paid on average without costs, NaN when flat; ``cash`` whole
    cents; ``carried`` the last decision's carried state (target portfolio, ladder, stops, mode); ``track`` the
    evidence of the strategies, None when lifecycle tracking is off; ``working`` the orders that may still fill, by id,
    and ``executions`` every booked one. ``splits`` are those of what was held, by symbol: an execution that is reported
    or corrected after one is in the units of its own session.

    ``external`` has the lots, signed, of each symbol that others traded in the account, or that were adopted because a
    venue showed more or less than the journal explains: its position may not grow until a person signs for the lots
    held of it, or a later snapshot takes the adoption back as a whole (X3, X6). ``foreign`` are the orders that the
    venue's last snapshot lists as open and that are not open here: nothing may grow until a snapshot no longer lists
    them. ``caps`` are those of the account's
    record, None while the policy's are in force. ``doubted`` are symbols of which a restated split or
    dividend could not be booked: they may not grow until a person signs for the lots held.

    ``rest`` is money below a whole cent, 1e-12 USD, where a venue's is finer: ``cash`` is rounded down by it.
    ``charged`` are the fees paid in each other currency, in 1e-12 of it; nothing is converted (X3).

    ``killed`` are the sources of the kill switch that forbid new risk, and ``flatten`` that everything is to be sold
    (X10).
    """

    symbols: tuple[str, ...]
    lots: NDArray[np.int64]
    average_cost: NDArray[np.float64]
    cash: int
    carried: Carried
    session: str = ""  # of the last cycle
    track: Track | None = None
    working: Working = msgspec.field(default_factory=dict)
    executions: ExecutionBook = msgspec.field(default_factory=ExecutionBook)
    external: Mapping[str, int] = msgspec.field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    splits: Mapping[str, Splits] = msgspec.field(default_factory=dict)
    caps: CapsGranted | None = None
    doubted: frozenset[str] = frozenset()
    rest: int = 0
    charged: Mapping[str, int] = msgspec.field(default_factory=dict)
    killed: tuple[str, ...] = ()
    flatten: bool = False


def open_account(genesis: Genesis) -> State:
    """The state before the first decision."""
    n = len(genesis.symbols)
    ladder = LadderState(episode_peak=genesis.capital, lifetime_peak=genesis.capital)
    return State(genesis.symbols, np.zeros(n, np.int64), np.full(n, np.nan), genesis.capital, Carried(ladder=ladder))


def apply(state: State, event: Event) -> State:
    """The state after an event. Pure.

    The orders of a cycle are made by its record, which is durable before any venue sees them (X2).

    Raises
    ------
    TransitionRefused : an event that its order's status does not allow, or an execution that is booked already. Venue
        events go through ``execution.oms.believed`` first, which filters both.
    TypeError : not an event of an open account.
    """
    match event:
        case CycleRecord():
            return _decided(state, event)
        case Fill():
            return _filled(state, event)
        case CashFlow():
            track = (
                state.track.add_cash_flow(event.symbol, -event.cents) if state.track and event.symbol else state.track
            )
            return replace(state, cash=state.cash + event.cents, track=track)
        case Split():
            return _split(state, event)
        case Approval():
            return _signed(state, event)
        case KillChanged():
            return replace(state, killed=event.sources, flatten=event.flatten)
        case Order():
            return replace(state, working=created(state.working, (event,)))
        case FillCorrected():
            return _corrected(state, event)
        case FeeReported():
            return _fee(state, event)
        case PositionAdopted():
            return _adopted(state, event)
        case DataPublished():
            return _published(state, event)
        case ActionsRestated():
            return _restated(state, event)
        case ActionsInDoubt():
            return replace(state, doubted=state.doubted | {event.symbol})
        case CapsGranted():
            return replace(state, caps=event)
        case VenueSnapshot():
            foreign = frozenset(event.orders) - state.working.keys()
            return state if foreign == state.foreign else replace(state, foreign=foreign)
        case EventQuarantined() | DataRestated() | CertificationChanged() | DaemonReport():
            return state
        case _ if isinstance(event, _OF_AN_ORDER):
            return replace(state, working=moved(state.working, event))
        case _:
            raise TypeError(f"{type(event).__name__} is not an event of an open account")


def _decided(state: State, record: CycleRecord) -> State:
    working = created(state.working, record.intents) if record.intents else state.working
    track = _evidence(state, record)
    return replace(state, carried=record.carried, session=record.session, track=track, working=working)


def _published(state: State, data: DataPublished) -> State:
    """The account over another snapshot's columns, its trailing highs on that snapshot's index levels."""
    if data.rebased:
        stops = tuple(replace(s, high=s.high * data.rebased.get(s.symbol, 1.0)) for s in state.carried.stops)
        state = replace(state, carried=replace(state.carried, stops=stops))
    if data.symbols == state.symbols:
        return state
    column = {s: i for i, s in enumerate(data.symbols)}
    own = [column[s] for s in state.symbols]  # a snapshot without a symbol of the run is refused earlier
    lots, cost = np.zeros(len(column), np.int64), np.full(len(column), np.nan)
    lots[own], cost[own] = state.lots, state.average_cost
    return replace(state, symbols=data.symbols, lots=lots, average_cost=cost)


def _filled(state: State, fill: Fill) -> State:
    if (fill.symbol, fill.execution) in state.executions:
        raise TransitionRefused(f"Execution {fill.execution} of {fill.symbol} is booked already", "Book it once")
    return replace(_executed(state, fill), executions=state.executions.added(fill))


def _executed(state: State, fill: Fill) -> State:
    """An execution is booked; where a split came after it, in present units."""
    lots, price = fill.lots, fill.price
    state, spent = _spent(state, fill.notional + fill.commission, fill.rest)
    splits = state.splits.get(fill.symbol, ())
    if splits and splits[-1].session > fill.session:
        lots, price, state = _in_present_units(state, splits, fill, lots)
    after = _traded(state, fill.symbol, lots, price, spent)
    if fill.reason == "EXTERNAL":
        after = replace(after, external=_with_external(after, fill.symbol, lots))
    return replace(after, working=filled(after.working, fill.id, lots)) if fill.id in after.working else after


def _in_present_units(state: State, splits: Splits, fill: Fill, lots: int) -> tuple[int, float, State]:
    """Lots and price of an execution of before a split, and the state with its splits worked out again."""
    lots, after = carried_over(splits, fill.session, lots)
    price = float(fill.price / units_since(splits, fill.session))
    return lots, price, replace(state, splits={**state.splits, fill.symbol: after})


def _fee(state: State, fee: FeeReported) -> State:
    if fee.currency != "USD" and not fee.amount:
        raise TransitionRefused(f"A fee of {fee.of} in {fee.currency} has no amount", "Quarantine it")
    if fee_key(fee) in state.executions:
        raise TransitionRefused(f"The fee of {fee.of} that {fee.source} reports is booked already", "Book it once")
    after = replace(state, executions=state.executions.added(fee))
    if fee.currency == "USD":
        after, spent = _spent(after, fee.cents, fee.amount - fee.cents * CENT if fee.amount else 0)
        return replace(after, cash=after.cash - spent)
    charged = state.charged.get(fee.currency, 0)
    after = replace(after, charged={**state.charged, fee.currency: charged + fee.amount})
    if not fee.symbol or not (taken := lots_taken(charged, fee.amount, fee.lot)):
        return after
    i = state.symbols.index(fee.symbol)
    held = int(state.lots[i]) - taken
    return _holding(after, i, held, float(state.average_cost[i]) if held else np.nan, 0)


def _spent(state: State, cents: int, rest: int) -> tuple[State, int]:
    """Whole cents spent, with those that the rests below a cent come to."""
    if not rest:
        return state, cents
    carried, left = whole_cents(state.rest, rest)
    return replace(state, rest=left), cents + carried


def _corrected(state: State, event: FillCorrected) -> State:
    """What no longer stands taken back, what stands now booked: cash and lots exactly, average cost as if in order."""
    key = (event.symbol, event.execution)
    known = state.executions.told(key)
    if not supersedes(event, known.by if known else None):
        raise TransitionRefused(f"Execution {event.execution} of {event.symbol} is corrected already", "Quarantine it")
    book, after = state.executions.corrected(event), state
    for before, now in state.executions.replaced(book, event):
        if before is not None:
            after = _taken_back(after, before)
        if now is not None:
            after = _executed(after, now)
    return replace(after, executions=book)


def _adopted(state: State, event: PositionAdopted) -> State:
    """The difference is booked; what brings a symbol's adopted lots back to none is the venue's word that the journal
    explains its position after all, which ends the freeze (X6).
    """
    after = _traded(state, event.symbol, event.lots, event.price, 0)
    return replace(after, external=_with_external(state, event.symbol, event.lots))


def _with_external(state: State, symbol: str, lots: int) -> Mapping[str, int]:
    """Lots of unknown origin after so many more of a symbol; none of it where they come to zero."""
    total = state.external.get(symbol, 0) + lots
    others = {other: n for other, n in state.external.items() if other != symbol}
    return others | {symbol: total} if total else others


def _signed(state: State, event: Approval) -> State:
    """A signature for positions ends the freeze of each symbol held as it says, and does nothing else (X6)."""
    if not event.positions:
        return replace(state, carried=_approved(state.carried))
    held = dict(zip(state.symbols, state.lots.tolist(), strict=True))
    signed = {symbol for symbol, lots in event.positions.items() if held.get(symbol) == lots}
    external = {symbol: n for symbol, n in state.external.items() if symbol not in signed}
    return replace(state, external=external, doubted=state.doubted - signed)


def _traded(state: State, symbol: str, traded: int, price: float, spent: int) -> State:
    """The account after ``traded`` lots (signed) at ``price`` for ``spent`` cents, costs included."""
    i = state.symbols.index(symbol)
    before, cost = int(state.lots[i]), float(state.average_cost[i])
    after = before + traded
    if after == 0:
        cost = np.nan
    elif before == 0 or (before > 0) != (after > 0):
        cost = price
    elif abs(after) > abs(before):
        cost = (cost * abs(before) + price * abs(traded)) / abs(after)
    return _holding(state, i, after, cost, spent)


def _taken_back(state: State, fill: Fill) -> State:
    """The account without an execution: its part of the average cost is removed where it had one."""
    i = state.symbols.index(fill.symbol)
    before, cost = int(state.lots[i]), float(state.average_cost[i])
    lots, price = -fill.lots, fill.price
    if splits := state.splits.get(fill.symbol, ()):
        lots, price, state = _in_present_units(state, splits, fill, lots)
    after = before + lots
    if after == 0:
        cost = np.nan
    elif before == 0 or (before > 0) != (after > 0):
        cost = price
    elif abs(after) < abs(before):
        left = (cost * abs(before) - price * abs(lots)) / abs(after)
        cost = left if left > 0.0 else cost
    state, spent = _spent(state, -fill.notional - fill.commission, -fill.rest)
    back = _holding(state, i, after, cost, spent)
    if fill.reason == "EXTERNAL":
        back = replace(back, external=_with_external(back, fill.symbol, lots))
    return replace(back, working=filled(state.working, fill.id, lots))


def _holding(state: State, i: int, held: int, cost: float, spent: int) -> State:
    lots, costs = state.lots.copy(), state.average_cost.copy()
    lots[i], costs[i] = held, cost
    track = state.track.add_cash_flow(state.symbols[i], spent) if state.track else None
    return replace(state, lots=lots, average_cost=costs, cash=state.cash - spent, track=track)


def _split(state: State, event: Split) -> State:
    if event.unheld:
        known = (*state.splits.get(event.symbol, ()), split_of(event.session, 0, event.ratio, 0))
        return replace(state, splits={**state.splits, event.symbol: tuple(sorted(known, key=lambda s: s.session))})
    i = state.symbols.index(event.symbol)
    lots, cost = state.lots.copy(), state.average_cost.copy()
    booked = split_of(event.session, int(lots[i]), event.ratio, event.lots)
    lots[i] = event.lots
    cost[i] = cost[i] / event.ratio if event.lots else np.nan
    splits = {**state.splits, event.symbol: (*state.splits.get(event.symbol, ()), booked)}
    after = replace(state, lots=lots, average_cost=cost, splits=splits)
    if event.symbol not in state.external:
        return after
    adopted = trunc(state.external[event.symbol] * split_ratio(event.ratio))
    return replace(after, external={**state.external, event.symbol: adopted})


def _restated(state: State, event: ActionsRestated) -> State:
    """The account as if its splits and dividends had been known on their days, but for what was decided meanwhile."""
    i = state.symbols.index(event.symbol)
    working = state.working
    if event.lots != int(state.lots[i]):
        working = {id: one for id, one in working.items() if one.order.symbol != event.symbol}
    after = _holding(state, i, event.lots, np.nan if event.average_cost is None else event.average_cost, -event.cents)
    booked = tuple(split_of(one.session, one.before, one.ratio, one.lots) for one in event.splits)
    return replace(after, working=working, splits={**state.splits, event.symbol: booked} if booked else state.splits)


def _evidence(state: State, record: CycleRecord) -> Track | None:
    """The strategies' evidence after a decision; None when lifecycle tracking is off."""
    after, said = record.carried.lifecycle, record.strategies
    if after is None or said is None:
        return None
    known = all(map(isfinite, record.held))
    held = held_values(record.symbols, record.held, record.nav) if known else ()
    portfolio = record.carried.portfolio if record.auction is not None else None
    shares = None if portfolio is None else [(s.strategy, s.symbol, s.weight) for s in portfolio.shares]
    before = state.carried.lifecycle
    return fold_track(state.track, before, after, said, held, record.nav if known else 0, shares)


def _approved(carried: Carried) -> Carried:
    """A signature lifts a halt and approves a pending ladder re-entry (R5, G7)."""
    ladder = carried.ladder
    if ladder.awaiting == "signed":
        ladder = replace(ladder, signed=True)
    return replace(carried, ladder=ladder, halted="")
