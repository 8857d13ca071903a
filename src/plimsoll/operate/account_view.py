"""What the commands about a running paper account answer: status, holdings, open orders, the kill switch (O10)."""

from __future__ import annotations

import msgspec

from plimsoll.core.kill import Beat


class KillReport(msgspec.Struct, frozen=True):
    """The kill switch after a command: the sources that are on, and whether a daemon is there to obey it."""

    sources: tuple[str, ...]
    daemon: bool
    reason: str = ""
    by: str = ""
    cancel_all: bool = False
    flatten: bool = False


class AccountStatus(msgspec.Struct, frozen=True):
    """Whether the account is safe, from its journal and the kill switch. Money in whole cents, ``drawdown`` a fraction.

    ``as_of`` is when it was read; ``daemon`` says whether one runs, stopped or never ran; ``heartbeat`` is its last.
    ``nav`` and ``drawdown`` are of the last decision, absent where NAV was unknown. ``unprotected`` are the held
    symbols without a protective order resting at a venue. ``reconciled_at`` is the session of the last comparison with
    a venue's account, absent where there was none: a recorded venue is built from the journal.
    """

    mode: str
    kill: tuple[str, ...]
    account: str
    nav: int | None
    drawdown: float | None
    last_cycle: str
    reconciled_at: str | None
    unknown_orders: int
    unprotected: tuple[str, ...]
    venues: dict[str, str]
    run: str
    state: str
    as_of: str
    daemon: str
    heartbeat: Beat | None
    flatten: bool = False


class HeldPosition(msgspec.Struct, frozen=True):
    """A holding at the last decision: ``value`` in whole cents at the close of the session ``priced``, an earlier one
    where a symbol has no bar; absent without a price.
    """

    symbol: str
    lots: int
    units: float | None
    average_cost: float
    value: int | None
    weight: float | None
    priced: str = ""


class OpenOrderLine(msgspec.Struct, frozen=True):
    """An order that may still fill; ``lots`` and ``filled`` are signed."""

    id: str
    symbol: str
    session: str
    status: str
    lots: int
    filled: int
    type: str
    time_in_force: str
    reduce_only: bool
    reference: float


class Holdings(msgspec.Struct, frozen=True):
    """Positions as of the last decision, by value."""

    run: str
    as_of: str
    session: str
    cash: int
    nav: int | None
    positions: tuple[HeldPosition, ...]


class OpenOrders(msgspec.Struct, frozen=True):
    """Working orders as of the last event of the journal."""

    run: str
    as_of: str
    session: str
    orders: tuple[OpenOrderLine, ...]


class DaemonEnd(msgspec.Struct, frozen=True):
    """How a daemon ended: its run, the sessions it decided since its start, and why it ended.

    ``working`` are the orders that were left open, by id. ``decisions_hash`` is over all decisions of the run.
    """

    run: str
    reason: str
    cycles: int
    last_cycle: str
    decisions_hash: str
    nav: int | None
    working: tuple[str, ...]
