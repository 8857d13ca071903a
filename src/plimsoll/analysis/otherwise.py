"""Search for changes that would have changed a decision, by deciding the session again (G4).

A decision is a function of (view, state, run), so a session can be decided with one figure moved and everything else
as it was. For each reason of a line its figure is moved until the decision changes; the nearest figure that changes it
is searched for by bisection and proven itself. Where no figure does it alone, all are moved at once and those that are
not needed are put back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plimsoll.analysis.case import DecisiveChange, Otherwise
from plimsoll.analysis.levers import Lever, bid_levers, levers
from plimsoll.analysis.what_if import World, held_at
from plimsoll.core.decision import BidRecord, CycleRecord

_STEPS = 18  # halvings of a bracket: a figure is found to some parts in a hundred thousand of the way to it
_RESTS = frozenset({"TARGET_MET", "IN_BAND", "BELOW_ONE_LOT", "BELOW_MIN_TRADE"})  # a position near its target
# what lowers the day's target below the target portfolio
_TARGET = frozenset({"STOP_CAP", "LADDER_CUT", "LADDER_HAVENS_ONLY", "LADDER_LIQUIDATE", "REENTRY_RAMP"})
_MORE = 1e-9  # fraction of NAV by which a bid's weight must rise to count as another one


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked: the ``outcome`` of a world as (lots or zero, weight), and whether it is ``better`` than it was."""

    world: World
    outcome: Callable[[World], tuple[int, float]]
    better: Callable[[tuple[int, float]], bool]

    def changes(self, world: World) -> bool:
        """Whether a world's decision is the other one that is asked for."""
        return self.better(self.outcome(world))

    def change(self, lever: Lever, world: World, value: float) -> DecisiveChange:
        """The change that a lever at a value makes."""
        lots, weight = self.outcome(world)
        known = not math.isnan(lever.far)
        return DecisiveChange(
            cause=lever.cause,
            figure=lever.figure,
            now=_known(lever.now) if known else None,
            then=value if known else None,
            lots=lots,
            weight=weight,
        )


def of_line(world: World, record: CycleRecord, symbol: str) -> Otherwise:
    """What would have changed what a session decided of a symbol that its record speaks of."""
    at = record.symbols.index(symbol)
    lots, codes, outcome = record.lots[at], record.reasons[at], record.outcome[at]
    if outcome == "ERROR":
        return Otherwise(tried=tuple(codes))
    found = levers(world, record, symbol, codes)
    question = _Question(world, lambda w: _line(w, symbol), lambda seen: seen[0] > lots)
    answer = _answer(question, found) if found else Otherwise()
    if outcome == "HOLD" and _RESTS.issuperset(codes):
        answer = Otherwise((*answer.alone, *_held(world, record, symbol)), answer.together, answer.tried)
    return answer


def of_bid(world: World, record: CycleRecord, bid: BidRecord) -> Otherwise:
    """What would have given a bid more of the capital at the auction of ``record``; ``world`` is of that session."""

    def outcome(w: World) -> tuple[int, float]:
        auction = w.decided().auction
        mine = (
            [b.weight for b in auction.bids if (b.strategy, b.symbol) == (bid.strategy, bid.symbol)] if auction else []
        )
        return 0, max(mine, default=0.0)

    question = _Question(world, outcome, lambda seen: seen[1] > bid.weight + _MORE)
    return _answer(question, bid_levers(world, record, bid))


def _line(world: World, symbol: str) -> tuple[int, float]:
    record = world.decided()
    if symbol not in record.symbols:
        return 0, 0.0
    at = record.symbols.index(symbol)
    return record.lots[at], record.proposed[at]


def _answer(question: _Question, found: Sequence[Lever]) -> Otherwise:
    """Each lever alone, else the fewest of all together."""
    tried = tuple(dict.fromkeys(lever.cause for lever in found))
    alone = []
    for lever in found:
        if (value := _nearest(question, lever, question.world)) is not None:
            alone.append(question.change(lever, lever.at(question.world, value), value))
    if alone or len(found) < 2:
        return Otherwise(alone=tuple(alone), tried=tried)
    together = _together(question, found)
    if not together:  # a higher target may meet limits that the day's own did not
        together = _together(question, [lever for lever in found if lever.cause not in _TARGET])
    if len(together) == 1:
        return Otherwise(alone=together, tried=tried)
    return Otherwise(together=together, tried=tried)


def _together(question: _Question, found: Sequence[Lever]) -> tuple[DecisiveChange, ...]:
    """The levers that are all needed at once; none where even all of them change nothing."""
    if not found or not question.changes(_moved(question.world, [(lever, lever.far) for lever in found])):
        return ()
    needed = list(found)
    for lever in found:
        others = [(one, one.far) for one in needed if one is not lever]
        if len(needed) > 1 and question.changes(_moved(question.world, others)):
            needed.remove(lever)
    values = {id(lever): lever.far for lever in needed}
    for lever in needed:
        others = [(one, values[id(one)]) for one in needed if one is not lever]
        value = _nearest(question, lever, _moved(question.world, others))
        values[id(lever)] = lever.far if value is None else value
    for lever in list(needed):  # what was needed beside limits far away may not be beside the nearest figures
        others = [(one, values[id(one)]) for one in needed if one is not lever]
        if others and question.changes(_moved(question.world, others)):
            needed.remove(lever)
    world = _moved(question.world, [(lever, values[id(lever)]) for lever in needed])
    return tuple(question.change(lever, world, values[id(lever)]) for lever in needed)


def _moved(world: World, moves: Sequence[tuple[Lever, float]]) -> World:
    for lever, value in moves:
        world = lever.at(world, value)
    return world


def _nearest(question: _Question, lever: Lever, world: World) -> float | None:
    """The figure nearest to the present one at which the decision is shown to change; None where none was found.

    What has no figure answers with its ``far``. The figure has few digits, and is proven as it stands.
    """

    def changes(value: float) -> bool:
        return question.changes(lever.at(world, value))

    if math.isnan(lever.far):
        return lever.far if changes(lever.far) else None
    for value in lever.likely:
        if changes(value):
            return value
    start = lever.now if math.isfinite(lever.now) else 0.0
    bracket = _bracket(start, lever, changes)
    if bracket is None:
        return None
    low, high = bracket
    for _ in range(_STEPS):
        if (lever.whole and abs(high - low) <= 1.0) or abs(high - low) <= 1e-3 * abs(high - start):
            break
        middle = (low + high) / 2.0
        middle = float(round(middle)) if lever.whole else middle
        low, high = (low, middle) if changes(middle) else (middle, high)
    return high if lever.whole else _plain(high, low, changes)


def _bracket(start: float, lever: Lever, changes: Callable[[float], bool]) -> tuple[float, float] | None:
    """A figure that does not change the decision and one that does, found by ever larger steps; ``far`` is the last."""
    sign = 1.0 if lever.far > start else -1.0
    reach = abs(lever.far - start)
    step = 1.0 if lever.whole else min(max(1e-3 * abs(start), 1e-6), reach)
    low = start
    while step < reach:
        high = start + sign * step
        if changes(high):
            return low, high
        low, step = high, 3.0 * step
        if step > 1e3 * max(abs(start), 1e-2) and not changes(lever.far):
            return None
    return (low, lever.far) if changes(lever.far) else None


def _plain(high: float, low: float, changes: Callable[[float], bool]) -> float:
    """``high`` with as few digits as still change the decision, away from ``low``."""
    away = math.ceil if high > low else math.floor
    for digits in range(2, 7):
        unit = 10.0 ** (math.floor(math.log10(abs(high))) - digits + 1) if high else 1.0
        value = round(away(high / unit - 1e-9 * (1 if high > low else -1)) * unit, 12)
        if abs(value - high) <= 0.5 * abs(high - low) + 0.02 * abs(high) and changes(value):
            return value
    return high


def _held(world: World, record: CycleRecord, symbol: str) -> list[DecisiveChange]:
    """For a position that rests: how little would have to be held for a purchase, and how much for a sale."""
    at, column = record.symbols.index(symbol), world.run.column[symbol]
    lots = int(world.state.lots[column])
    worth = float(world.view.now("mark")[column]) / float(world.run.lots_per_unit[column]) * 100.0 / record.nav
    if not (worth > 0.0 and math.isfinite(worth)):
        return []
    found = []
    gap = abs(record.desired[at] - record.held[at])
    reach = max(1, math.ceil((gap + 2.5 * world.run.policy.shaping.band_nav) / worth) + 1)
    for way in (-1, 1):
        sought = _Question(world, lambda w: _line(w, symbol), lambda seen, way=way: way * seen[0] < 0)  # type: ignore[misc]
        end = max(0, lots - reach) if way < 0 else lots + reach
        if end == lots or not sought.changes(held_at(world, symbol, end)):
            continue
        near, far = lots, end
        while abs(far - near) > 1:
            middle = (near + far) // 2
            near, far = (near, middle) if sought.changes(held_at(world, symbol, middle)) else (middle, far)
        lever = Lever(
            record.reasons[at][0], "held", lambda w, v: held_at(w, symbol, int(v)), record.held[at], far * worth
        )
        found.append(sought.change(lever, held_at(world, symbol, far), far * worth))
    return found


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
