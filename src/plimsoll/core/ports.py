"""Ports of the core as small protocols. Their adapters are in other packages and wired by ``app``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from plimsoll.core.bars import Audit, Bars, Confirmation, HeldPage, MacroSeries
    from plimsoll.core.events import Event, Genesis, Proof
    from plimsoll.core.forecast import Answer, Holding
    from plimsoll.core.instrument import Instrument
    from plimsoll.core.panel import Certification, Panel, View
    from plimsoll.core.policy import Policy
    from plimsoll.core.runs import Anchor, AuditReport, Passage, RunSummary


@runtime_checkable
class Strategy(Protocol):
    """Maps a point-in-time view to forecasts, or to target weights (S1). It must not keep state.

    ``name`` identifies it in bids, journal and reports. ``forecast`` sees nothing after ``view.row`` and its own
    present share of the portfolio. Called on its own dates, by default at every auction. An exception is caught and
    journaled, and its positions are kept until it answers again (S1, E3). A file or class may also have the attributes
    that ``plimsoll.alpha.terms`` reads: ``schedule``, ``holding_sessions``, ``ic`` and ``factors``.
    """

    name: str

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Answer:
        """Forecasts, or target weights; a symbol that is left out is not wanted."""
        ...


@runtime_checkable
class Trades(Protocol):
    """Optional method of a strategy with fixed symbols, so that a run can report when none is available (E5)."""

    def trades(self, policy: Policy) -> Sequence[str]:
        """Every symbol it could ever bid for."""
        ...


@runtime_checkable
class Explains(Protocol):
    """Optional method of a strategy, for ``plimsoll explain`` to show why it bid, or did not (G4)."""

    def explain(self, view: View, symbol: str, policy: Policy) -> str:
        """The rule's inputs for ``symbol`` at the view's row and its conclusion, in one plain sentence."""
        ...


class Model(Protocol):
    """Answers an intraday observation (H4). It must not keep state that changes its answers.

    ``name`` identifies it in reports. ``answer`` receives a (26,) float64 observation and returns a pair: HOLD, BUY
    or SELL, by name or as 0, 1 or 2, and a confidence in [0, 1]. Anything else becomes HOLD with a reason.
    """

    name: str

    def answer(self, observation: NDArray[np.float64]) -> object:
        """The action and its confidence."""
        ...


class Clock(Protocol):
    """Time, for everything that lives in time; a decision and an event are dated by it (E1).

    One clock serves a whole process: the machine's, or a simulated one that jumps to the next waiter.
    """

    def now(self) -> int:
        """Microseconds since 1970, UTC. The machine's may be set, so it may go back."""
        ...

    def steady(self) -> int:
        """Microseconds of a clock that never goes back, for durations and time-outs."""
        ...

    async def sleep(self, micros: int) -> None:
        """Wait this long by ``steady``."""
        ...


class Journal(Protocol):
    """Append-only, hash-chained record of a run (G3)."""

    @property
    def anchor(self) -> Anchor:
        """The number of records and the hash of the last, to be kept elsewhere."""
        ...

    def append(self, event: Event) -> str:
        """Record an event; returns the hash of the new head. Raises when it cannot be written."""
        ...

    def append_many(self, events: Iterable[Event]) -> str:
        """Record several events in one commit; all or none."""
        ...

    def events(self) -> Iterator[Event]:
        """Every event from the first, decoded."""
        ...

    def commit(self) -> None:
        """Make everything appended so far durable."""
        ...

    def close(self) -> None:
        """Commit and close the file."""
        ...


class RunReader(Protocol):
    """Read access to a run's journal (G3). Everything returned is verified first: ``CorruptionError`` names the first
    record that differs from what was written.

    It is one consistent view of the run, even during writes, until it is closed; use it in a ``with``.
    """

    run: str

    @property
    def genesis(self) -> Genesis:
        """The run's inputs: the first record, verified; the others are verified when they are read."""
        ...

    @property
    def proof(self) -> Proof:
        """The head to which the whole chain was verified."""
        ...

    @property
    def decisions_hash(self) -> str:
        """SHA-256 over the payloads of all decisions, in order."""
        ...

    @property
    def last_decided(self) -> str | None:
        """ISO date of the newest decision; None while there is none."""
        ...

    def events(self) -> Iterator[Event]:
        """Every event from the genesis on; the end of the journal is verified before the iteration ends."""
        ...

    def session(self, date: str) -> Passage | None:
        """The journal around the decision of an ISO date; None without a decision on it."""
        ...

    def before(self, date: str) -> Iterator[Event]:
        """Events that determine the account just before the decision of an ISO date, genesis first: a fold over them
        equals the fold over every earlier event. A decision that only makes orders may be given as its orders.

        ``UsageError`` without a decision on that date.
        """
        ...

    def close(self) -> None:
        """Close the run; nothing can be read afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RunCatalogue(Protocol):
    """Stored runs, with the files beside each journal. ``place`` is the value of ``--home`` that names it.

    The last run is determined by the runs' own records: when each ended, or began where it did not end.
    """

    place: str

    def names(self) -> Sequence[str]:
        """Every run by name."""
        ...

    def find(self, run: str | None = None) -> str:
        """The run of that name, tag or unambiguous prefix; the last finished one for none and ``last``.

        ``UsageError`` for none or several.
        """
        ...

    def open(self, run: str | None = None) -> RunReader:
        """A run by the names that ``find`` accepts, open for reading; its end is checked."""
        ...

    def summary(self, run: str) -> RunSummary:
        """One run's summary; from its genesis where none was written."""
        ...

    def result(self, run: str) -> bytes | None:
        """The JSON of a run's whole result; None where none was stored."""
        ...

    def policy(self, run: str, digest: str) -> Policy | None:
        """The policy of a run, whose SHA-256 is in its genesis; None where none was stored.

        ``CorruptionError`` when the stored one differs, ``InputError`` when this version cannot read it.
        """
        ...

    def policy_file(self, run: str) -> str:
        """The value of ``--policy`` that names the policy of a run."""
        ...

    def audit(self, run: str | None = None) -> AuditReport:
        """Verify the chain of a run by the names that ``find`` accepts, one of an older format included."""
        ...


class SnapshotStore(Protocol):
    """The certified panels that were published, each named by the hash of its content (D14)."""

    def open(self, digest: str) -> Panel:
        """The panel of that hash, every byte verified. ``InputError`` without one."""
        ...

    def latest(self) -> str:
        """The hash of the snapshot in use for new runs; ``InputError`` before the first was published."""
        ...

    def hashes(self) -> Sequence[str]:
        """Every published snapshot, in no particular order."""
        ...


Row = tuple[str, str, str | None]  # kind, key and text of a stored row; None deletes it
Fact = tuple[str, str, str]  # kind, key and text of a fact, looked up by key


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why nothing was written: rows that the writer had not read.

    ``rows`` are other writers' since the last read or write, oldest first; ``whole`` means that they are the whole
    state. ``standing`` has the texts, by kind and key, of facts that had to be new but exist.
    """

    rows: Sequence[Row] = ()
    whole: bool = False
    standing: Mapping[tuple[str, str], str] = field(default_factory=dict)


class StateStore(Protocol):
    """The governor's stored account (H2, H6): its state, and facts about single orders and fills.

    The state is small and read as a whole; facts grow without limit and are looked up one by one. Several writers may
    share an account: a write without knowledge of another's returns that write instead. Any error a method raises means
    that the store is lost.
    """

    def load(self) -> Iterable[Row]:
        """The whole state, in any order."""
        ...

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None without one."""
        ...

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Make everything durable before returning, all or nothing.

        No key appears twice in ``state``. ``facts`` replace those under their keys; the keys of ``new`` must not exist.
        None when it is written, also when there was nothing to write and no other writer; else the conflict.
        """
        ...


class BarStore(Protocol):
    """Rows and audit of Stage 1 (D13): price_history, symbol_governance, data_quality, audits."""

    def begin_run(self, run: str, provider: str, source: str, started: str, route: str = "") -> None:
        """Open an ingestion run, or reopen one; ``route`` is JSON on how its provider was chosen (D4)."""
        ...

    def route(self, run: str) -> str:
        """The stored provider route of a run; empty where it was not kept, or the run is unknown."""
        ...

    def drop_run(self, run: str) -> None:
        """Delete a run that was refused before anything was stored."""
        ...

    def put_page(self, run: str, page: HeldPage) -> None:
        """Record that a page of a run is durable, with its cursor; replaces one of the same number."""
        ...

    def pages(self, run: str) -> tuple[HeldPage, ...]:
        """The durable pages of a run, by number."""
        ...

    def drop_pages(self, run: str) -> None:
        """Delete the pages of a run: it is complete, or restarts."""
        ...

    def finish_run(self, run: str, status: str, finished: str, alert: str) -> None:
        """Close the store."""
        ...

    def put_instruments(self, instruments: Sequence[Instrument], derived: bool) -> None:
        """Insert or replace universe entries."""
        ...

    def instruments(self) -> tuple[tuple[Instrument, ...], bool]:
        """Every known instrument by symbol, and whether the universe was derived from a source (D1)."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything written inside together, or nothing."""
        ...

    def unfinished(self, provider: str, source: str) -> str | None:
        """The newest unfinished run of this provider and source, to be resumed."""
        ...

    def put_bars(self, run: str, symbol: str, provider: str, bars: Bars, source: str = "") -> int:
        """Upsert a symbol's bars, one row a day, under their source (D10); returns rows changed. Idempotent."""
        ...

    def sources(self, symbol: str) -> tuple[str, ...]:
        """The source of each bar of a symbol, by date; empty where it was not kept."""
        ...

    def bars(self, symbol: str) -> Bars:
        """All bars of a symbol, by date."""
        ...

    def put_macro(self, run: str, series: str, rows: MacroSeries) -> int:
        """Upsert macro observations; returns rows changed."""
        ...

    def macro(self) -> dict[str, MacroSeries]:
        """Every macro series, by name."""
        ...

    def put_audit(self, audit: Audit) -> None:
        """Record the result for one symbol in a run; a resumed run replaces its own record."""
        ...

    def audits(self) -> tuple[Audit, ...]:
        """Every audit, oldest run first."""
        ...

    def put_confirmation(self, record: Confirmation) -> None:
        """Add a person's statement on a jump; existing ones never change."""
        ...

    def confirmations(self) -> tuple[Confirmation, ...]:
        """Every confirmation and revocation, oldest first."""
        ...

    def put_certifications(self, run: str, certifications: Sequence[Certification]) -> None:
        """Record states and quality of every symbol."""
        ...
