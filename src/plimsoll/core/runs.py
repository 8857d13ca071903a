"""Facts about a run besides its events: summary, end of its journal, one session, audit findings."""

from __future__ import annotations

import shlex

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Event, Genesis

JOURNAL_FORMAT = 2  # orders have a life cycle: format 1 knew fills only, and stated no format
BESIDE = "-without-mandate-"  # in the name of a comparison run
TAG_MAX = 60  # characters of a person's name for a run


DAEMON_TAG = "daemon"
"""The tag of a daemon's runs."""


def going_on(run: str, home: str = "runtime", tag: str = "") -> str:
    """The command that goes on with a paper run of a home; a daemon's is gone on with by a daemon."""
    at = [] if home == "runtime" else ["--home", home]
    if tag == DAEMON_TAG:
        return shlex.join(["plimsoll", *at, "daemon"])
    return shlex.join(["plimsoll", *at, "trade", "--mode", "paper", "--recorded", "--resume", run])


class Anchor(msgspec.Struct, frozen=True):
    """A head kept outside the journal: the number of records, and the hash of the last."""

    records: int
    head: str


class Ending(msgspec.Struct, frozen=True):
    """The end of a journal as known outside it.

    ``anchor`` is its end where ``final``; else a record that it must still contain, since an unfinished run has no end
    yet. ``problem`` is why an end that should be known is not.
    """

    anchor: Anchor | None = None
    final: bool = False
    problem: str = ""


class AccountAudit(msgspec.Struct, frozen=True):
    """Result of verifying the governor's account. ``entries`` is how many are in order; ``first_bad`` the number of the
    first one that was altered, is missing, or whose changes differ from the stored state.
    """

    ok: bool
    entries: int
    first_bad: int | None = None
    problem: str = ""
    head: str = ""


class AuditReport(msgspec.Struct, frozen=True):
    """Result of a verification. ``records`` is the number in the file (0 when it cannot be read); ``first_bad`` the
    sequence number of the first record that was altered or is missing; ``head`` the last good hash. ``anchored``
    whether the end matches the one kept outside the journal: an unfinished run has none. ``format`` is the journal's
    stated format, 0 where there is none: an older format than this version's is verified but cannot be read.
    ``governor`` is of the governor's account, where a whole home was verified and has one; ``ok`` is of both.
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

    ``pre_open`` are the events between the two decisions (fills of the orders of ``before``, dividends, signatures),
    ``after`` those between this one and the next: its orders and their results. ``payload`` is the decision as
    journaled, ``prev`` the hash of the record before it.
    """

    genesis: Genesis
    before: CycleRecord | None
    pre_open: tuple[Event, ...]
    record: CycleRecord
    payload: bytes
    prev: str
    after: tuple[Event, ...]


class RunSummary(msgspec.Struct, frozen=True):
    """A run in one line. ``records`` and ``head`` anchor its journal; absent figures were never written.

    ``status`` is ``finished``, ``running``, ``interrupted`` (only its genesis is known) or ``failed``, with ``reason``.
    ``policy_name`` is the profile and its changes in words, ``halted`` the condition to resume a halted run.
    ``capital`` in cents; ``result_hash`` the SHA-256 of the stored result, against edits. ``begun`` and ``ended`` are
    instants of the machine's clock, ISO in UTC, "" in a run made before they were kept or that did not end.
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
