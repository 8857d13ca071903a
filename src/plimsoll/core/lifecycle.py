"""Stages of the strategies and a session's additions to their evidence, in columns (G5, G6)."""

from __future__ import annotations

import msgspec

INCUBATING, SCALING, HARVESTING, DECOMMISSIONED = STAGES = ("INCUBATING", "SCALING", "HARVESTING", "DECOMMISSIONED")


class Lifecycle(msgspec.Struct, frozen=True):
    """Stage and health of every strategy; columns in the order of ``strategies``. Part of the cycle record.

    ``since`` is the day number of the last change of stage (or admission); ``age`` the sessions since the model was
    last validated; ``error`` the forecast error over that of the naive one, less one, None while too few have matured;
    ``flipped`` that the autocorrelation of its contributions changed sign; ``idle`` the sessions since its last
    positive contribution over the idle window; ``stale`` the sessions since it last made a forecast. ``decay`` and
    ``cap`` (fraction of NAV, gross) are the resulting factors on its bids in this session.
    """

    strategies: tuple[str, ...]
    stage: tuple[str, ...]
    since: tuple[int, ...]
    suspended: tuple[bool, ...]
    age: tuple[int, ...]
    error: tuple[float | None, ...]
    flipped: tuple[bool, ...]
    idle: tuple[int, ...]
    stale: tuple[int, ...]
    decay: tuple[float, ...]
    cap: tuple[float, ...]


class Judgement(msgspec.Struct, frozen=True):
    """The monthly judgement of one strategy on its evidence since its last change of stage (G5).

    ``stage`` before and ``to`` after it. ``sharpe`` is annual, over the risk-free rate; ``psr`` is P(true Sharpe > 0),
    ``below`` P(true Sharpe < ``lifecycle.sharpe_min``); ``trades`` are closed, ``signals`` the profitable ones of them;
    ``drawdown`` is of the cumulated contribution, fraction of NAV. ``correlation`` is the rank correlation
    of forecasts and outcomes and ``bound`` its upper confidence bound: ``validated`` where it is not below zero (G6).
    """

    strategy: str
    stage: str
    to: str
    sessions: int
    sharpe: float | None
    psr: float | None
    below: float | None
    trades: int
    signals: int
    profit_factor: float | None
    drawdown: float
    correlation: float | None
    bound: float | None
    validated: bool


class StrategySession(msgspec.Struct, frozen=True):
    """Evidence added by one session; the rest follows from positions and trades.

    ``contribution`` is each strategy's part of the session's return before interest, net of costs, fraction of the
    NAV of the close before (empty while there is none); ``risk_free`` the return of the risk-free rate over it, absent
    when unknown. ``made`` are forecasts (strategy's place, symbol, expected return, horizon), ``matured`` (place,
    session number of the forecast, expected, outcome) with returns in excess of the account's cash; ``failed`` says
    at an auction whether each strategy raised or made an invalid forecast, and is empty on other days.
    """

    contribution: tuple[float, ...] = ()
    risk_free: float | None = msgspec.field(default=None, name="bill")
    made: tuple[tuple[int, str, float, int], ...] = ()
    matured: tuple[tuple[int, int, float, float], ...] = ()
    failed: tuple[bool, ...] = ()
    judged: tuple[Judgement, ...] = ()
