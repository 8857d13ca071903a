"""The cycle record: one per session, with arrays, journaled before any action (G3)."""

from __future__ import annotations

import msgspec

from plimsoll.core.lifecycle import Lifecycle, StrategySession
from plimsoll.core.order import Order
from plimsoll.core.restraint import LadderState, Restraint, RiskEvent
from plimsoll.core.verdict import Finding

OUTCOMES = ("EXECUTE", "HOLD", "REJECT", "ERROR")


class Veto(msgspec.Struct, frozen=True):
    """One trigger of the ten (G2). ``severity``: info, warning, error, critical; ``scope`` a symbol or ``book``."""

    trigger: str
    severity: str
    scope: str
    measured: float | None = None
    limit: float | None = None


class Share(msgspec.Struct, frozen=True):
    """One strategy's part of a symbol's target, fraction of NAV."""

    strategy: str
    symbol: str
    weight: float


class TargetPortfolio(msgspec.Struct, frozen=True):
    """The target portfolio between auctions (A7), with the forecasts behind it per symbol.

    ``confidence`` is the highest of a symbol's bids, ``mu`` its highest expected return at the auction's horizon,
    ``conviction`` the largest |mu|/sigma as an annual Sharpe (S1): the vetoes judge increases on them (G2).
    """

    day: int
    shares: tuple[Share, ...]
    confidence: dict[str, float] = msgspec.field(default_factory=dict)
    mu: dict[str, float] = msgspec.field(default_factory=dict)
    conviction: dict[str, float] = msgspec.field(default_factory=dict)


class StopState(msgspec.Struct, frozen=True):
    """A holding's stop (R7): ``stage`` 0 watched, 1 reduced, 2 exited; ``cap`` the largest weight allowed.

    A ``cap`` of 1 does not bind: the stage is kept because each fires once per holding. ``high`` is the highest
    forward index since the holding was opened, kept only with trailing stops.
    """

    symbol: str
    stage: int
    cap: float
    day: int
    high: float = 0.0


class HeldPair(msgspec.Struct, frozen=True):
    """A pair above its correlation limit, kept until below the lower one (R6)."""

    first: str
    second: str
    correlation: float


class Comovement(msgspec.Struct, frozen=True):
    """The alarm on the correlation of current positions (R6): ``level`` 1 watched, 2 reductions only.

    ``average`` (by weight) and ``lowest`` pair correlation, shrunk; 1 where they could not be measured.
    """

    level: int
    average: float
    lowest: float


class Carried(msgspec.Struct, frozen=True):
    """All state that a decision changes; it is part of the record, so recovery is a fold.

    ``stress_sessions`` counts sessions of the present crisis-regime episode (0: none); ``breach_closes`` the
    consecutive closes above a hard CVaR limit; ``openings`` the (day, symbol) opening bids of recent sessions;
    ``comovement`` the alarm on the correlation of positions, None without one; ``lifecycle`` the stages of the
    strategies, None when lifecycle tracking is off.
    """

    ladder: LadderState
    mode: str = "NORMAL"
    portfolio: TargetPortfolio | None = msgspec.field(default=None, name="programme")  # its name in journals
    stops: tuple[StopState, ...] = ()
    pairs: tuple[HeldPair, ...] = ()
    stress_sessions: int = 0
    breach_closes: int = 0
    halted: str = ""
    openings: tuple[tuple[int, str], ...] = ()
    comovement: Comovement | None = None
    lifecycle: Lifecycle | None = None


class RegimeFigure(msgspec.Struct, frozen=True):
    """Regime probabilities: (normal, volatile, crisis), P(crisis) at the outlook, VIX and its source.

    ``passage`` is the probability of a crisis at any session up to the outlook; absent from older records.
    """

    belief: tuple[float, float, float]
    crisis: float
    vix: float | None
    source: str
    stress: bool
    passage: float | None = None


class BidRecord(msgspec.Struct, frozen=True):
    """One bid and its outcome (A5). Returns and CVaR are fractions of NAV at the auction's horizon.

    ``mu`` is the forecast, ``adjusted`` after every penalty (A2), ``cost`` the round trip in return units,
    ``weight`` the allocation, ``return_share`` and ``cvar_share`` its contributions, ``binding`` the constraint
    that stopped it and ``price`` that constraint's shadow price. ``bindings`` are all priced constraints that one more
    unit of the bid would use, each with its shadow price: the bid's own cap first, then the most costly ones; absent
    from older records.
    """

    strategy: str
    symbol: str
    decision: str
    rank: int
    mu: float
    adjusted: float
    cost: float
    cap: float
    weight: float
    return_share: float
    cvar_share: float
    confidence: float
    score: float
    quality: float
    reasons: tuple[str, ...]
    binding: str = ""
    price: float | None = None
    bindings: tuple[tuple[str, float], ...] = ()


class TargetRecord(msgspec.Struct, frozen=True):
    """A target portfolio at an auction (S1): ``asked`` is the sum of its tradable weights, a fraction of NAV; ``scale``
    the part of it admitted beside the other bids; ``limit`` the limit that bound, "" at 1.
    """

    strategy: str
    asked: float
    scale: float
    limit: str


class AuctionRecord(msgspec.Struct, frozen=True):
    """The record of an auction (A5). ``duals`` are shadow prices: objective gained per unit of a limit.

    ``stressed`` names its sets of stressed scenarios, ``not_run`` the stress windows that are over but whose data are
    incomplete (R2).
    """

    status: str
    objective: float | None
    cvar: float | None
    risk_aversion: float
    critical_risk_aversion: float | None
    bids: tuple[BidRecord, ...]
    duals: dict[str, float]
    reasons: tuple[str, ...] = ()
    targets: tuple[TargetRecord, ...] = ()
    stressed: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()


class CycleRecord(msgspec.Struct, frozen=True):
    """One decision cycle. Arrays align with ``symbols``: everything held, bid for, targeted or judged.

    Every other symbol of the universe is HOLD for ``NOT_IN_PROGRAMME``; ``others`` counts them. Weights are fractions
    of NAV: ``held`` before, ``target`` the target portfolio, ``desired`` under ladder and stops, ``proposed`` after
    shaping, gates and vetoes; ``lots`` are the orders. A figure that could not be measured is absent.
    ``strategies`` is the session's addition to the strategies' evidence, absent when lifecycle tracking is off.
    ``findings`` are of the current positions and of the orders up to those sent; ``unmet`` the findings of gates,
    vetoes and the account's own caps (in USD) on the whole desired portfolio, where some of it was not traded (G4).
    ``stressed_on`` names, per horizon, the stressed set with the largest loss after the orders, where it grew. It
    contains no wall time and no run id, so two runs of the same inputs are the same bytes.
    """

    session: str
    decided_at: str
    snapshot: str
    policy: str
    code: str
    nav: int
    cash: int
    regime: RegimeFigure
    restraint: Restraint
    symbols: tuple[str, ...]
    held: list[float]
    target: list[float] = msgspec.field(name="programme")  # its name in journals
    desired: list[float]
    proposed: list[float]
    lots: list[int]
    outcome: list[str]
    reasons: list[list[str]]
    others: int
    figures: dict[str, float | None]
    limits: dict[str, float]
    findings: tuple[Finding, ...]
    vetoes: tuple[Veto, ...]
    auction: AuctionRecord | None
    events: tuple[RiskEvent, ...]
    intents: tuple[Order, ...]
    carried: Carried
    strategies: StrategySession | None = None
    unmet: tuple[Finding, ...] = ()
    stressed_on: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def bars_new_risk(self) -> bool:
        """Whether ladder, late data, correlation or a halt bar all increases. VIX rules (S2) are not included."""
        return self.carried.mode in ("RESTRICTED", "HALTED", "LIQUIDATING")


class Plan(msgspec.Struct, frozen=True):
    """The result of ``decide``: the record to journal, and its intents."""

    record: CycleRecord

    @property
    def intents(self) -> tuple[Order, ...]:
        """The orders, reductions first."""
        return self.record.intents
