"""Values of an explanation: its inputs and its sentences (G4)."""

from __future__ import annotations

import msgspec

from plimsoll.core.decision import BidRecord, CycleRecord
from plimsoll.core.events import Notice, OrderDenied, OrderExpired
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill
from plimsoll.core.panel import Certification, Flag
from plimsoll.core.policy import Policy
from plimsoll.core.verdict import Finding

BOOK = "book"


class Figures(msgspec.Struct, frozen=True):
    """The panel's figures of one symbol at one session; absent is not measurable (U6).

    ``close`` is the traded price carried; ``price`` and the averages are of the total-return index, comparable with
    each other only. ``momentum`` maps a name to a fraction, ``volatility`` is annual over 60 sessions, ``z`` is z60
    of S2. ``rank`` counts from the weakest of ``ranked`` eligible symbols by 12-1 momentum, 0 when not ranked.
    ``adv`` is USD a session, ``weight_max`` the cap of the position, ``alone`` the CVaR of one unit of weight by
    horizon, ``standalone_max`` its limit; ``incremental`` is the CVaR the session's order adds.
    ``sound`` and ``quality`` are the certification known by the session (D10).
    """

    session: str
    last_bar: str
    close: float | None
    rows: int
    eligible: bool
    price: float | None
    averages: dict[int, float | None]
    momentum: dict[str, float | None]
    volatility: float | None
    z: float | None
    rank: int
    ranked: int
    adv: float | None
    weight_max: float | None
    alone: dict[int, float | None]
    standalone_max: dict[int, float | None]
    incremental: float | None = None
    incremental_max: float | None = None
    sound: bool = True
    quality: float | None = None


class DecisiveChange(msgspec.Struct, frozen=True):
    """One figure that, changed alone, changes a session's decision on a symbol: shown by deciding again (G4).

    ``cause`` is the reason code it answers, ``figure`` what is moved: a limit by the name the auction gives it, or
    ``vix``, ``confidence``, ``held``, ``nav`` (USD), ``min_trade`` (USD), ``trades``, ``ladder``, ``stop`` ...
    ``now`` is the figure as it was and ``then`` the first at which the decision is another one, both absent where
    something is lifted that has no figure. ``lots`` would be the order then, ``weight`` the weight after it.
    """

    cause: str
    figure: str
    now: float | None
    then: float | None
    lots: int
    weight: float


class Otherwise(msgspec.Struct, frozen=True):
    """The changes that would have changed a decision on a symbol (G4).

    ``alone`` are changes of which each suffices by itself. Where none does, ``together`` are those of which all are
    needed at once, each with the order that all of them would have led to. Where both are empty although ``tried``
    names causes, no figure that was moved changes it.
    """

    alone: tuple[DecisiveChange, ...] = ()
    together: tuple[DecisiveChange, ...] = ()
    tried: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True):
    """One symbol: its certification, its figures now and at the auction in force.

    ``said`` is each strategy's own explanation at that auction; ``next_open`` is where its orders fill, absent at the
    end of the snapshot. ``otherwise`` are the changes that would have changed the session's decision on it, absent
    where the session cannot be decided again identically; ``bids`` the same for each of its bids at the auction, by
    strategy.
    """

    instrument: Instrument
    certification: Certification
    now: Figures
    then: Figures | None
    said: tuple[tuple[str, str], ...] = ()
    next_open: float | None = None
    otherwise: Otherwise | None = Otherwise()
    bids: tuple[tuple[str, Otherwise], ...] = ()


class Case(msgspec.Struct, frozen=True):
    """One session of a run: its decision, the record of the auction in force, and the results of the orders.

    ``auction`` is the decision whose auction set the target portfolio; ``data`` what the data bars, of the book (D7)
    or of one symbol (D15), ``auction_data`` the same at the auction; ``fills`` those after the decision, ``pre_open``
    those between it and the one before; ``expired`` what of the decision's orders was not filled, and why; ``denied``
    those the governor refused, ``pre_ended`` both of the orders before it; ``changes`` what was said of the data
    since the decision before; ``unexplained`` the moves by the session, with their symbols, that nobody explained of
    what is held or was traded (D10).
    """

    run: str
    record: CycleRecord
    auction: CycleRecord | None
    fills: tuple[Fill, ...]
    pre_open: tuple[Fill, ...]
    policy: Policy
    data: tuple[Finding, ...] = ()
    auction_data: tuple[Finding, ...] = ()
    synthetic: bool = False
    expired: tuple[OrderExpired, ...] = ()
    denied: tuple[OrderDenied, ...] = ()
    changes: tuple[Notice, ...] = ()
    unexplained: tuple[tuple[str, Flag], ...] = ()
    pre_ended: tuple[OrderDenied | OrderExpired, ...] = ()

    @property
    def nav(self) -> float:
        """NAV at the decision, USD."""
        return self.record.nav / 100.0


class ExplanationStep(msgspec.Struct, frozen=True):
    """One step of the chain: a name and its sentences."""

    name: str
    sentences: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True):
    """Why a symbol was or was not traded: the outcome, a headline, the reason codes, and the chain."""

    session: str
    symbol: str
    outcome: str
    headline: str
    reasons: tuple[str, ...]
    steps: tuple[ExplanationStep, ...]


class Position(msgspec.Struct, frozen=True):
    """A symbol's line of a decision: weights before, in the target portfolio, under its restraints and after the
    orders.
    """

    held: float
    target: float
    desired: float
    proposed: float
    lots: int
    outcome: str
    reasons: tuple[str, ...]


def position(record: CycleRecord, symbol: str) -> Position:
    """The symbol's line; one the record does not speak of is neither held nor in the target portfolio (A7)."""
    if symbol not in record.symbols:
        return Position(0.0, 0.0, 0.0, 0.0, 0, "HOLD", ("NOT_IN_PROGRAMME",))
    i = record.symbols.index(symbol)
    return Position(
        record.held[i], record.target[i], record.desired[i], record.proposed[i], record.lots[i],
        record.outcome[i], tuple(record.reasons[i]),
    )  # fmt: skip


def bids(case: Case, symbol: str) -> tuple[BidRecord, ...]:
    """The symbol's bids at the auction in force."""
    auction = case.auction.auction if case.auction is not None else None
    return tuple(b for b in auction.bids if b.symbol == symbol) if auction is not None else ()
