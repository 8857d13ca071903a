"""Events from which state is folded. Money in whole cents."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.order import Fill, Order, Status


class Genesis(msgspec.Struct, frozen=True):
    """The first event of a run: its inputs. ``snapshot`` is its first one, ``end`` the requested end; a continued run
    goes past both (``DataPublished``).
    """

    account: str
    capital: int
    symbols: tuple[str, ...]
    snapshot: str
    policy: str
    code: str
    start: str
    end: str
    mode: str
    strategies: tuple[str, ...]
    operator: str
    synthetic: bool


class SeriesDigest(msgspec.Struct, frozen=True, array_like=True):
    """Digests of one symbol in a snapshot, for comparison with a later snapshot when it is gone (D14).

    ``bars`` and ``certified`` are digests of its rows and of certification at each; ``level`` its forward index on the
    last row, 0 without a bar; ``lots_per_unit`` the lot size of its quantities.
    """

    symbol: str
    bars: str
    certified: str
    level: float
    lots_per_unit: int


class DataPublished(msgspec.Struct, frozen=True, omit_defaults=True):
    """The snapshot a run decides on from now on, taken up after the decision of ``session`` ("" before the first).

    ``symbols`` are its columns, the run's from now on, and ``added`` the new ones. Its sessions run from ``first`` to
    ``last``. ``calendar``, ``series`` and ``macro`` are digests of all of it, kept where a run may be continued: rows
    decided on must be in the next snapshot too. ``rebased`` is the change of level of a symbol's forward index from the
    snapshot before, which no price shows.
    """

    session: str
    snapshot: str
    symbols: tuple[str, ...]
    first: str
    last: str
    added: tuple[str, ...] = ()
    calendar: str = ""
    series: tuple[SeriesDigest, ...] = ()
    macro: dict[str, str] = msgspec.field(default_factory=dict)
    rebased: dict[str, float] = msgspec.field(default_factory=dict)


class ValueChanged(msgspec.Struct, frozen=True):
    """A restated value: its column and session, before and after; None where there was or is none."""

    field: str
    session: str
    before: float | bool | None
    after: float | bool | None


class RowsChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows of a symbol or a macro series that were restated: how many, from which session on, in which columns; only
    the name where the old rows no longer exist for comparison. ``largest`` has each column's largest change, the first
    of equals; a value that appeared or disappeared counts as larger than any other.
    """

    name: str
    rows: int = 0
    since: str = ""
    fields: tuple[str, ...] = ()
    largest: tuple[ValueChanged, ...] = ()


class DataRestated(msgspec.Struct, frozen=True):
    """A snapshot has other rows than those a run decided on. Past decisions stay; later ones use the new rows."""

    session: str
    snapshot: str
    changes: tuple[RowsChanged, ...]


class CertificationChanged(msgspec.Struct, frozen=True):
    """A snapshot certifies rows differently than when a run decided on them: sound, quality, ended or late (D10)."""

    session: str
    snapshot: str
    changes: tuple[RowsChanged, ...]


class LateSplit(msgspec.Struct, frozen=True, array_like=True):
    """A split of ``before`` lots into ``lots``, by its stored ratio, as it is booked from now on."""

    session: str
    before: int
    lots: int
    ratio: float


class ActionsRestated(msgspec.Struct, frozen=True, omit_defaults=True):
    """Splits and dividends of sessions decided up to ``session`` that a new snapshot states and the run had not booked
    so: the account is corrected on the day they became known (D12, D14).

    ``lots`` are held from now on, at ``average_cost`` (None: none are held), and ``cents`` come in (negative: go out).
    ``splits`` are all of the symbol's from now on, in order; ``paid`` is what ``cents`` consist of, by the session
    whose dividend or cash in lieu it is. Orders in the symbol that were decided on other lots are void.
    """

    session: str
    symbol: str
    lots: int
    average_cost: float | None
    cents: int
    splits: tuple[LateSplit, ...] = ()
    paid: dict[str, int] = msgspec.field(default_factory=dict)


class ActionsInDoubt(msgspec.Struct, frozen=True):
    """A new snapshot states a split or dividend of a session decided up to ``session`` that the run had not booked so,
    and what the account has to book is not proven, for this ``reason``: the symbol may not grow until a person signs
    for the lots held of it (D14, U6).
    """

    session: str
    symbol: str
    reason: str


class CapsGranted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The dollar caps of the account's record by which a paper run trades from now on, instead of its policy's; taken
    up after the decision of ``session`` ("" before the first) (H1).

    Whole cents. ``positions`` are caps of named symbols, ``position`` of any other. ``version`` is the number of the
    record's entry and ``seal`` its hash; ``size`` is the graduated position size that the positions include, None
    without one (H7).
    """

    session: str
    loss: int
    position: int
    turnover: int
    trade: int
    version: int
    seal: str
    positions: dict[str, int] = msgspec.field(default_factory=dict)
    size: int | None = None

    @property
    def caps(self) -> dict[str, object]:
        """The caps without the session, as a governor keeps them."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if name != "session"}


class CashFlow(msgspec.Struct, frozen=True):
    """Dividends, interest, cash in lieu: positive is received."""

    session: str
    kind: str
    symbol: str
    cents: int


class Split(msgspec.Struct, frozen=True, omit_defaults=True):
    """A split booked on its row: ``lots`` after it; the average cost is divided by ``ratio``.

    ``unheld``: nothing was held then; it is told only now, because an execution of before it is, and changes no lots.
    """

    session: str
    symbol: str
    lots: int
    ratio: float
    unheld: bool = False


class Approval(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's (or the simulated operator's) signature for a re-entry (R5), or for ``positions`` alone, in lots by
    symbol: that so much is held of a symbol whose position the journal does not explain (X6).
    """

    session: str
    by: str
    reason: str
    positions: dict[str, int] = msgspec.field(default_factory=dict)


class KillChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    """The kill switch as it stands from now on (X10): each of ``sources`` forbids new risk, none allows it again.

    ``cancel_all`` means that orders which reduce are cancelled too, ``flatten`` that everything is to be sold. ``by``
    and ``reason`` are those of the person who acted, where one did.
    """

    session: str
    sources: tuple[str, ...]
    reason: str = ""
    by: str = ""
    cancel_all: bool = False
    flatten: bool = False


class OrderSubmitted(msgspec.Struct, frozen=True):
    """An order is about to be submitted to a venue; durable before it is, so that a crash in between is known (X2)."""

    session: str
    id: str


class OrderDenied(msgspec.Struct, frozen=True):
    """The governor refused an order before any venue; ``reasons`` are its codes (H1)."""

    session: str
    id: str
    reasons: tuple[str, ...]


class OrderAccepted(msgspec.Struct, frozen=True):
    """A venue accepted an order, with its own id for it."""

    session: str
    id: str
    venue_id: str = ""


class OrderRejected(msgspec.Struct, frozen=True):
    """A venue refused an order: ``reason`` is a code of ours, ``text`` the venue's own words."""

    session: str
    id: str
    reason: str
    text: str = ""


class OrderUnknown(msgspec.Struct, frozen=True):
    """A venue's answer on an order is missing; it counts as open until there is one (X2)."""

    session: str
    id: str
    reason: str


class CancelRequested(msgspec.Struct, frozen=True):
    """A cancellation is about to be requested; the order may still fill."""

    session: str
    id: str
    reason: str


class OrderCancelled(msgspec.Struct, frozen=True):
    """A venue cancelled the rest of an order: ``lots``, signed."""

    session: str
    id: str
    lots: int
    reason: str = ""


class OrderExpired(msgspec.Struct, frozen=True):
    """The rest of an order, ``lots`` signed, expired with its time in force; ``reason`` is why it did not fill."""

    session: str
    id: str
    lots: int
    reason: str = ""


class OrderRestated(msgspec.Struct, frozen=True):
    """A venue restated an open order over a split: ``lots``, signed, are the whole order's from now on, its filled part
    included (D12).
    """

    session: str
    id: str
    lots: int


class FillCorrected(msgspec.Struct, frozen=True, omit_defaults=True):
    """The venue corrected an execution of a symbol: ``fill`` replaces it, None for a bust.

    ``number`` counts corrections that a venue makes under the same execution id: the highest one stands. ``id`` is the
    order and ``exchange`` its exchange, where the venue reports them.
    """

    session: str
    symbol: str
    execution: str
    fill: Fill | None
    number: int = 0
    id: str = ""
    exchange: str = ""


class FeeReported(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fee that a venue reported apart from a fill: ``cents`` of ``currency`` paid for an execution or an order
    (``of``); ``source`` names the report, and reports one fee of each (X3).

    ``amount`` is the exact amount in 1e-12 of the currency, where a cent is too coarse or the currency is not USD; then
    ``cents`` are 0 for another currency. A fee that a venue took out of the units of ``symbol`` itself names it, with
    the size of a ``lot`` in 1e-12 units (L7, L8). Nothing is converted here.
    """

    session: str
    of: str
    cents: int
    source: str
    currency: str = msgspec.field(default_factory=lambda: "USD")  # by a call, so that it is always written
    amount: int = 0
    symbol: str = ""
    lot: int = 0


class PositionAdopted(msgspec.Struct, frozen=True):
    """A venue reports ``lots`` more (signed) of a symbol than the journal explains, or fewer: they are EXTERNAL (X6).

    ``price`` is the traded price they are valued at when adopted.
    """

    session: str
    symbol: str
    lots: int
    price: float


class VenueSnapshot(msgspec.Struct, frozen=True):
    """A venue's snapshot of the whole account at one instant (X6).

    ``cash`` in cents; ``positions`` are signed lots by symbol, ``orders`` the ids of open orders, ``executions`` the
    valid executions since the session began, ``corrections`` and ``fees`` corrections and separate charges.
    """

    session: str
    cash: int
    positions: dict[str, int]
    orders: tuple[str, ...]
    executions: tuple[Fill, ...] = ()
    corrections: tuple[FillCorrected, ...] = ()
    fees: tuple[FeeReported, ...] = ()


class EventQuarantined(msgspec.Struct, frozen=True):
    """A venue's event that the order's state does not allow: stored unchanged, not applied (X2)."""

    session: str
    id: str
    kind: str
    status: str
    payload: str


class DaemonReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a loop with a venue did that no order shows: ``recovered``, ``session_opened`` or ``stopped`` (X7, L27).

    ``open_orders`` are the orders that its venue may still fill, ``counts`` what it found or did. ``at`` is in
    microseconds since 1970.
    """

    session: str
    at: int
    kind: str
    open_orders: tuple[str, ...] = ()
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    text: str = ""


OrderEvent = (
    OrderSubmitted | OrderDenied | OrderAccepted | OrderRejected | OrderUnknown | CancelRequested | OrderCancelled
    | OrderExpired | OrderRestated
)  # fmt: skip
STATUS_AFTER: Mapping[type, Status] = MappingProxyType(
    {
        OrderSubmitted: "SUBMITTED",
        OrderDenied: "DENIED",
        OrderAccepted: "ACCEPTED",
        OrderRejected: "REJECTED",
        OrderUnknown: "UNKNOWN",
        CancelRequested: "PENDING_CANCEL",
        OrderCancelled: "CANCELLED",
        OrderExpired: "EXPIRED",
    }
)
"""The status each event gives its order. A fill gives PARTIALLY_FILLED or FILLED, by the remaining quantity."""
VenueFact = Fill | FillCorrected | FeeReported | PositionAdopted | VenueSnapshot | EventQuarantined


class Proof(msgspec.Struct, frozen=True):
    """Verification of a journal behind a reading: its chain was verified to ``head``, the hash of the last record (G3).

    ``anchored`` means that this end matches the one kept outside the journal: an unfinished run has none there.
    """

    records: int
    head: str
    anchored: bool


DataEvent = DataPublished | DataRestated | CertificationChanged
Notice = DataEvent | ActionsRestated | ActionsInDoubt | CapsGranted
"""What a run is told between two sessions."""
Instruction = Approval | KillChanged
Told = Instruction | OrderEvent | VenueFact | Notice
Event = Genesis | CycleRecord | Order | Fill | CashFlow | Split | Told | DaemonReport
KINDS: dict[str, type] = {
    "genesis": Genesis,
    "data_published": DataPublished,
    "data_restated": DataRestated,
    "certification_changed": CertificationChanged,
    "actions_restated": ActionsRestated,
    "actions_in_doubt": ActionsInDoubt,
    "caps_granted": CapsGranted,
    "cycle": CycleRecord,
    "intent": Order,
    "fill": Fill,
    "cash": CashFlow,
    "split": Split,
    "approval": Approval,
    "kill_changed": KillChanged,
    "order_submitted": OrderSubmitted,
    "order_denied": OrderDenied,
    "order_accepted": OrderAccepted,
    "order_rejected": OrderRejected,
    "order_unknown": OrderUnknown,
    "cancel_requested": CancelRequested,
    "order_cancelled": OrderCancelled,
    "order_expired": OrderExpired,
    "order_restated": OrderRestated,
    "fill_corrected": FillCorrected,
    "fee": FeeReported,
    "position_adopted": PositionAdopted,
    "venue_snapshot": VenueSnapshot,
    "quarantined": EventQuarantined,
    "daemon": DaemonReport,
}
KIND_OF: dict[type, str] = {cls: kind for kind, cls in KINDS.items()}
