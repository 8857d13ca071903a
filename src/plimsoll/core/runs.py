"""Facts about a run besides its events: summary, end of its journal, one session, findings of an audit."""

from __future__ import annotations

import shlex

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Event, Genesis

JOURNAL_FORMAT = 2  # orders have a life cycle: format 1 knew fills only, and stated no format
BESIDE = "-without-mandate-"  # in the name of a run that was made to compare another with
TAG_MAX = 60  # characters of a person's name for a run


def going_on(run: str, home: str = "runtime") -> str:
    """The command that goes on with a paper run of a home."""
    at = [] if home == "runtime" else ["--home", home]
    return shlex.join(["plimsoll", *at, "trade", "--mode", "paper", "--recorded", "--resume", run])


class Anchor(msgspec.Struct, frozen=True):
    """A head kept outside the journal: how many records there were, and the hash of the last."""

    records: int
    head: str


class Ending(msgspec.Struct, frozen=True):
    """What is known outside a journal of where it ends.

    ``anchor`` is its end where ``final``; else a record it held once and has to hold still, since a run that is
    being made has no end yet. ``problem`` says why an end that should be known is not.
    """

    anchor: Anchor | None = None
    final: bool = False
    problem: str = ""


class AccountAudit(msgspec.Struct, frozen=True):
    """What a verification of the governor's account found. ``entries`` is how many are in order; ``first_bad`` the
    number of the first one that is not what was written, is not there, or whose changes are not what lies there.
    """

    ok: bool
    entries: int
    first_bad: int | None = None
    problem: str = ""
    head: str = ""


class AuditReport(msgspec.Struct, frozen=True):
    """What a verification found. ``records`` is what the file holds (0 when it cannot be read); ``first_bad`` the
    sequence number of the first record that is not what was written, or is not there; ``head`` the last good hash.
    ``anchored`` says whether the end is the one that is kept outside the journal: a run that has not ended has none.
    ``format`` is the format that the journal states, 0 where there is none to state it: one older than this version's
    is verified, and read by nobody. ``governor`` is of the governor's account, where the home was asked as a whole and
    has one; ``ok`` is of both.
    """

    ok: bool
    records: int
    first_bad: int | None = None
    problem: str = ""
    head: str = ""
    anchored: bool = False
    governor: AccountAudit | None = None
    format: int = 0


class Passage(msgspec.Struct, frozen=True):
    """One session of a journal: its decision, the decision before it, and the events between its neighbours.

    ``pre_open`` lies between the two decisions (fills of the orders of ``before``, dividends, signatures), ``after``
    between this one and the next: its orders and what became of them. ``payload`` is the decision as journaled,
    ``prev`` the hash of the record before it.
    """

    genesis: Genesis
    before: CycleRecord | None
    pre_open: tuple[Event, ...]
    record: CycleRecord
    payload: bytes
    prev: str
    after: tuple[Event, ...]


class RunSummary(msgspec.Struct, frozen=True):
    """A run in a line. ``records`` and ``head`` anchor its journal; absent figures were never written.

    ``status`` is ``finished``, ``running``, ``interrupted`` (it has only what its genesis says) or ``failed``, which
    ``reason`` explains. ``policy_name`` is the profile and what changed it in words, ``halted`` what a halted book
    waits for. ``capital`` in cents; ``result_hash`` the SHA-256 of the stored result, which no edited one has.
    ``begun`` and ``ended`` are instants of the machine's clock, ISO in UTC, "" in a run made before they were kept or
    that did not end.
    """

    run: str
    mode: str
    start: str
    end: str
    snapshot: str
    policy: str
    capital: int
    strategies: tuple[str, ...]
    synthetic: bool
    finished: bool
    records: int | None = None
    head: str = ""
    decisions_hash: str = ""
    total_return: float | None = None
    max_drawdown: float | None = None
    sharpe: float | None = None
    status: str = ""
    reason: str = ""
    profile: str = ""
    policy_name: str = ""
    operator: str = ""
    code: str = ""
    tag: str = ""
    sessions: int | None = None
    annual_return: float | None = None
    annual_volatility: float | None = None
    halted: str = ""
    result_hash: str = ""
    begun: str = ""
    ended: str = ""
