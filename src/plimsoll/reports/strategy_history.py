"""History of each strategy over a run: stages, causes of each change, and present state (G5, G6)."""

from __future__ import annotations

import math

import msgspec

from plimsoll.core.dates import iso_day
from plimsoll.core.lifecycle import Judgement
from plimsoll.engine.tally import RunTally

MOVES = (
    "STRATEGY_PROMOTED", "STRATEGY_DEMOTED", "STRATEGY_UNSKILLED", "STRATEGY_UNPROFITABLE", "STRATEGY_DRAWDOWN",
    "STRATEGY_SUSPENDED", "STRATEGY_RESTORED", "STRATEGY_READMITTED",
)  # fmt: skip


class Move(msgspec.Struct, frozen=True):
    """A change of stage: session, reason code with its figures, and the evidence where it was judged."""

    date: str
    reason: str
    measured: float | None
    limit: float | None
    evidence: Judgement | None


class StrategyLife(msgspec.Struct, frozen=True):
    """One strategy's state at the end of a run, and its history.

    ``path`` are (date, stage) from the first session on; ``cap`` is what it may use, fraction of NAV gross; ``decay``
    the factor on its expected returns, from ``age`` (sessions since its model was validated), ``error`` of forecasts
    and ``flipped``; ``stale`` the sessions since it last made a forecast, ``idle`` those since a positive contribution.
    ``contribution`` is the sum over the run of its parts of the session returns, before interest and net of costs.
    ``judged`` is the last monthly judgement.
    """

    stage: str
    since: str
    suspended: bool
    cap: float
    decay: float
    age: int
    error: float | None
    flipped: bool
    stale: int
    idle: int
    contribution: float
    path: tuple[tuple[str, str], ...]
    moves: tuple[Move, ...]
    judged: Judgement | None


def lives_of(tally: RunTally) -> dict[str, StrategyLife] | None:
    """The lifecycle of each strategy of a run; None when it is off."""
    if not tally.lives:
        return None
    last = tally.lives[-1]
    judged = {
        (date, j.strategy): j for date, said in zip(tally.dates, tally.evidence, strict=True) for j in said.judged
    }
    latest = {strategy: j for (_, strategy), j in judged.items()}
    found = {}
    for s, name in enumerate(last.strategies):
        stages = [(date, life.stage[s]) for date, life in zip(tally.dates, tally.lives, strict=True)]
        path = [entry for n, entry in enumerate(stages) if not n or entry[1] != stages[n - 1][1]]
        moves = [
            Move(e.day, e.kind, e.measured, e.limit, judged.get((e.day, name)))
            for e in tally.events
            if e.scope == name and e.kind in MOVES
        ]
        found[name] = StrategyLife(
            stage=last.stage[s],
            since=iso_day(last.since[s]),
            suspended=last.suspended[s],
            cap=last.cap[s],
            decay=last.decay[s],
            age=last.age[s],
            error=last.error[s],
            flipped=last.flipped[s],
            stale=last.stale[s],
            idle=last.idle[s],
            contribution=math.fsum(said.contribution[s] for said in tally.evidence if said.contribution),
            path=tuple(path),
            moves=tuple(moves),
            judged=latest.get(name),
        )
    return found
