"""Sizing of a session's orders towards the target portfolio (A7): bands, lots, trades and turnover."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, inf, isfinite, trunc
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.limits import AccountCaps, rebalance_band
from plimsoll.core.policy import Policy

Floats = NDArray[np.float64]
Lots = NDArray[np.int64]
Mask = NDArray[np.bool_]

Compared = tuple[float, float]
"""A figure and the limit it is compared with, USD."""

_CENT = 0.01
_NO_PRICE, _TARGET_MET, _IN_BAND = ("NO_PRICE",), ("TARGET_MET",), ("IN_BAND",)
_BELOW_ONE_LOT, _BELOW_MIN_TRADE = ("BELOW_ONE_LOT",), ("BELOW_MIN_TRADE",)
_TO_TARGET = ("TO_TARGET",)


class ShapeInputs(msgspec.Struct, frozen=True, eq=False):
    """Inputs of order sizing; (N,) arrays over the panel's columns.

    ``desired`` are target weights, fractions of the NAV ``nav`` (cents); ``prices`` USD per unit at which
    holdings are valued; ``forced`` marks reductions a limit needs; ``increase_scale`` in [0, 1] multiplies
    increases (0: none); ``adv`` USD a session. ``caps`` are the account's own, None where no governor stands in the
    path of the orders.
    """

    held_lots: Lots
    desired: Floats
    nav: int
    prices: Floats
    lots_per_unit: Lots
    forced: Mask
    increase_scale: Floats
    adv: Floats
    caps: AccountCaps | None = None


class Shaped(msgspec.Struct, frozen=True, eq=False):
    """Signed order ``lots`` (N,), and reason codes per column that is held, wanted or traded.

    ``wanted`` (N,) are the orders that would bring every position beyond its band to its target, whatever the scales,
    the session's trades and turnover or the volume leave of them; where ``lots`` are fewer, something stood in the way.
    A column whose scale left nothing of its increase has no reason here: what scaled it knows why.
    """

    lots: Lots
    wanted: Lots
    reasons: dict[int, tuple[str, ...]]


class _Wanted(NamedTuple):
    """A column that may have to trade: its lots, target and a lot's price in USD; ``beyond`` its band."""

    column: int
    held: int
    target: float
    unit: float
    beyond: bool


class Bands(NamedTuple):
    """The positions that have to trade, none of a book at rest, and the reason of every live column to do nothing."""

    wanted: list[_Wanted]
    quiet: dict[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Increase:
    """An increase that wants room: signed ``lots`` at ``price``, its ``notional`` in USD and what has cut it so far.

    ``whole`` are the lots to the target.
    """

    column: int
    price: float
    lots: int
    whole: int
    notional: float
    reasons: tuple[str, ...]


class _Room:
    """What trades, turnover and the account's caps leave for increases, as orders take it (A7, H1). USD."""

    def __init__(self, inputs: ShapeInputs, policy: Policy) -> None:
        self._trades, self._turnover = policy.shaping.trades_max, 2.0 * policy.shaping.turnover_max * inputs.nav / 100.0
        caps = self._caps = inputs.caps
        self._account = self._gross = inf
        if caps is not None:
            held = inputs.held_lots.nonzero()[0]
            worth = np.abs(inputs.held_lots[held]) * inputs.prices[held] / inputs.lots_per_unit[held]
            self._held = float(worth.sum())
            self._account, self._most = caps.turnover, caps.gross * inputs.nav / 100.0 - self._held
            self._gross = self._most

    def take(self, lots: int, price: float, *, adds: bool) -> None:
        """Count an order of ``lots`` at ``price`` a lot; one that ``adds`` takes from the gross too."""
        cost = _cost(lots, price)
        self._trades -= 1
        self._turnover -= cost
        if self._caps is not None:
            self._account -= cost * (1.0 + self._caps.reserve)
            self._gross -= cost if adds else 0.0

    def left(self, size: int, price: float) -> list[tuple[int, str]]:
        """The limits that leave fewer than ``size`` lots of an increase, each with the lots it leaves."""
        found = [(0 if self._trades <= 0 else size, "TRADE_COUNT"), (_lots(self._turnover, price), "TURNOVER")]
        if self._caps is not None:
            found += [
                (_lots(self._account / (1.0 + self._caps.reserve), price), "ACCOUNT_TURNOVER"),
                (_lots(self._gross, price), "ACCOUNT_GROSS"),
            ]
        return [(most, why) for most, why in found if most < size]

    def with_one(self, size: int, price: float) -> dict[str, Compared]:
        """What the account's caps would be compared with if an increase of ``size`` lots took from the room too."""
        if self._caps is None:
            return {}
        cost, turnover = _cost(size, price), self._caps.turnover
        reserved = turnover - self._account + cost * (1.0 + self._caps.reserve)
        gross = self._held + self._most - self._gross + cost
        return {"ACCOUNT_TURNOVER": (reserved, turnover), "ACCOUNT_GROSS": (gross, self._most + self._held)}


def _lots(dollars: float, price: float) -> int:
    """Whole lots that ``dollars`` pay for, a cent kept; none where they are not known (U6)."""
    room = dollars - _CENT
    return floor(room / price) if room > 0.0 else 0


def shape(inputs: ShapeInputs, policy: Policy, bands: Bands | None = None) -> Shaped:
    """Orders of one session towards ``inputs.desired``.

    A position beyond its band trades to the last whole lot inside its target: buys round down, sells up, to flat
    at most; a target on the other side of zero closes first. Changes below min(``band_nav`` of NAV,
    ``band_target`` of the target) or below ``min_trade`` are dropped, except exits to zero and forced reductions.
    Reductions are never blocked but use up trades and turnover; increases, scaled, get what is left, largest
    first and earlier columns first among equals, each held to ``participation_max`` of ADV and to the account's caps,
    the last one in part if the part still exceeds the minimum. What cannot be sized is not traded (U6). ``bands`` are
    the ``bands_of`` these inputs where they are at hand.
    """
    wanted, quiet = bands or bands_of(
        inputs.held_lots, inputs.desired, inputs.nav, inputs.prices, inputs.lots_per_unit, inputs.forced, policy
    )
    lots = np.zeros(inputs.held_lots.size, dtype=np.int64)
    if not wanted:
        return Shaped(lots, lots, quiet)
    whole = np.zeros_like(lots)
    told = _trade(inputs, policy, wanted, lots, whole)
    return Shaped(lots, whole, {**quiet, **told})


def bands_of(
    held_lots: Lots, desired: Floats, nav_cents: int, prices: Floats, lots_per_unit: Lots, forced: Mask, policy: Policy
) -> Bands:
    """Which positions have to trade, whatever room there is: what ``shape`` begins with."""
    nav = nav_cents / 100.0
    aims, shaping = desired * nav, policy.shaping
    # on most days there are few columns and nothing to do: plain floats cost less than arrays of them
    live = ((held_lots != 0) | (aims != 0.0)).nonzero()[0]
    columns = zip(
        live.tolist(),
        held_lots[live].tolist(),
        aims[live].tolist(),
        (prices[live] / lots_per_unit[live]).tolist(),
        forced[live].tolist(),
        strict=True,
    )
    least = shaping.min_trade
    quiet: dict[int, tuple[str, ...]] = {}
    wanted: list[_Wanted] = []
    for i, held, target, unit, must in columns:
        change = abs(target - held * unit)
        band = rebalance_band(shaping, target, nav)
        beyond = change >= band and change >= least
        if beyond or must or (target == 0.0 and held):
            wanted.append(_Wanted(i, held, target, unit, beyond))
        quiet[i] = _why_quiet(change, band, unit, target, held)
    return Bands(wanted, quiet)


def crowded(inputs: ShapeInputs, wanted: Lots, policy: Policy) -> dict[int, dict[str, Compared | None]]:
    """What of trades, turnover, volume and the account's caps would cut the increases in ``wanted`` (N,), each limit
    judged by itself; by reason code, with the figure and the limit in USD for the account's caps.

    As in ``shape``, reductions use up trades and turnover first and increases follow, the largest first; but every
    increase has its whole size, so that a limit is told even where another one already stands before it.
    """
    prices = inputs.prices / inputs.lots_per_unit
    columns = wanted.nonzero()[0].tolist()
    growing = [c for c in columns if abs(int(inputs.held_lots[c]) + int(wanted[c])) > abs(int(inputs.held_lots[c]))]
    notional = {c: abs(int(wanted[c])) * float(prices[c]) for c in columns}
    room = _Room(inputs, policy)
    for c in set(columns) - set(growing):
        room.take(int(wanted[c]), float(prices[c]), adds=False)
    found: dict[int, dict[str, Compared | None]] = {}
    for c in sorted(growing, key=lambda c: (-notional[c], c)):
        size, price = abs(int(wanted[c])), float(prices[c])
        alone = [why for most, why in _alone(inputs, policy, c, price) if most < size]
        held, cost = abs(int(inputs.held_lots[c])) * price, _cost(size, price)
        figures = room.with_one(size, price)
        if inputs.caps is not None:
            figures |= {
                "ACCOUNT_TRADE": (cost, inputs.caps.trade),
                "ACCOUNT_POSITION": (held + cost, float(inputs.caps.position[c])),
            }
        found[c] = {why: figures.get(why) for why in (*(why for _, why in room.left(size, price)), *alone)}
        room.take(size, price, adds=True)
    return found


def _why_quiet(change: float, band: float, unit: float, target: float, held: int) -> tuple[str, ...]:
    """Why a column that is held or wanted has nothing to do."""
    if not isfinite(change) or not unit > 0.0:
        return _NO_PRICE
    at_goal = _goal(target, unit, held) == held
    if change < max(band, _CENT if at_goal else 0.0):
        return _TARGET_MET if at_goal else _IN_BAND
    return _BELOW_ONE_LOT if at_goal else _BELOW_MIN_TRADE


def _goal(target: float, unit: float, held: int) -> int:
    """Whole lots inside the target value, on the side of zero that is held."""
    goal = trunc(target / unit)
    if held > 0:
        return max(goal, 0)
    return min(goal, 0) if held < 0 else goal


def _trade(
    inputs: ShapeInputs, policy: Policy, candidates: list[_Wanted], lots: Lots, whole: Lots
) -> dict[int, tuple[str, ...]]:
    """Write the orders into ``lots``, the target's full orders into ``whole``, with reasons.

    Reductions are made at once, then increases into the remaining room.
    """
    room = _Room(inputs, policy)
    increases: list[_Increase] = []
    reasons: dict[int, tuple[str, ...]] = {}
    for i, held, aim, price, beyond in candidates:
        if not (price > 0.0 and isfinite(price) and isfinite(aim)):
            continue
        goal = _goal(aim, price, held)
        if abs(goal) < abs(held):
            lots[i] = whole[i] = goal - held
            room.take(goal - held, price, adds=False)
            reasons[i] = _TO_TARGET
        elif goal != held and beyond and abs(goal - held) * price >= _least(policy):
            whole[i] = goal - held
            wanted = _increase(inputs, policy, i, goal - held, price)
            if wanted.lots:
                increases.append(wanted)
            else:
                reasons[i] = wanted.reasons
    increases.sort(key=lambda w: (-w.notional, w.column))
    for wanted in increases:
        i, price, size = wanted.column, wanted.price, abs(wanted.lots)
        short = room.left(size, price)
        admitted = min((most for most, _ in short), default=size)
        cut = tuple(why for most, why in short if most == admitted)[:1]  # the first of those that leave the least
        if not admitted or admitted * price < _least(policy):
            reasons[i] = cut
            continue
        lots[i] = admitted if wanted.lots > 0 else -admitted
        room.take(admitted, price, adds=True)
        reasons[i] = _TO_TARGET if lots[i] == wanted.whole else (*wanted.reasons, *cut, "TOWARDS_TARGET")
    return reasons


def _cost(lots: int, price: float) -> float:
    """Turnover of a trade in USD; a cent more, because books are in whole cents and the limit must hold there."""
    return abs(lots) * price + _CENT


def _least(policy: Policy) -> float:
    """Smallest increase in USD: less than a cent changes no position, so no gate could measure it (U8, R1)."""
    return max(policy.shaping.min_trade, _CENT)


def _increase(inputs: ShapeInputs, policy: Policy, column: int, lots: int, price: float) -> _Increase:
    """The increase after its scale and its share of volume; one that volume leaves too little of carries why."""
    scale = float(inputs.increase_scale[column])
    size = floor(abs(lots) * min(scale, 1.0)) if scale > 0.0 else 0
    reasons: tuple[str, ...] = ()
    if scale > 0.0:
        most, why = min(_alone(inputs, policy, column, price))
        if most < size:
            size, reasons = most, (why,)
        if size * price < _least(policy):
            size = 0
    return _Increase(column, price, size if lots > 0 else -size, lots, size * price, reasons)


def _alone(inputs: ShapeInputs, policy: Policy, column: int, price: float) -> list[tuple[int, str]]:
    """Most lots of an increase by what limits one order whatever else is ordered, each with its name (A3, C2, H1)."""
    volume = policy.limits.participation_max * float(inputs.adv[column])
    found = [(floor(volume / price), "PARTICIPATION") if isfinite(volume) else (0, "NO_LIQUIDITY_DATA")]
    caps = inputs.caps
    if caps is not None:
        held, most = abs(int(inputs.held_lots[column])) * price, float(caps.position[column])
        own = "ACCOUNT_POSITION" if most > 0.0 else "ACCOUNT_SYMBOL"
        found += [(_lots(caps.trade, price), "ACCOUNT_TRADE"), (_lots(most - held, price), own)]
    return found
