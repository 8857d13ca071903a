"""The events state is folded from (DESIGN). Money in whole cents."""

from __future__ import annotations

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.order import Fill, Intent


class Genesis(msgspec.Struct, frozen=True):
    """The first event of a run: what it was given."""

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


class CashFlow(msgspec.Struct, frozen=True):
    """Dividends, interest, cash in lieu: positive is received."""

    session: str
    kind: str
    symbol: str
    cents: int


class Split(msgspec.Struct, frozen=True):
    """A split booked on its row: ``lots`` after it; the average cost is divided by ``ratio``."""

    session: str
    symbol: str
    lots: int
    ratio: float


class Approval(msgspec.Struct, frozen=True):
    """A person's (or the simulated operator's) signature for a re-entry (R5)."""

    session: str
    by: str
    reason: str


class Proof(msgspec.Struct, frozen=True):
    """What a reading of a run's journal rests on: its chain was verified to ``head``, the hash of the last record (G3).

    ``anchored`` says whether that end is the one kept outside the journal: a run that has not ended has none there.
    """

    records: int
    head: str
    anchored: bool


Event = Genesis | CycleRecord | Intent | Fill | CashFlow | Split | Approval
KINDS: dict[str, type] = {
    "genesis": Genesis,
    "cycle": CycleRecord,
    "intent": Intent,
    "fill": Fill,
    "cash": CashFlow,
    "split": Split,
    "approval": Approval,
}
KIND_OF: dict[type, str] = {cls: kind for kind, cls in KINDS.items()}
