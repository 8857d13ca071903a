"""What the core needs from outside, as small protocols (DESIGN). Adapters live in the rooms, wired by ``app``."""

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
    """Maps a point-in-time view to what it expects, or to the portfolio it wants (S1). It must not keep state.

    ``name`` identifies it in bids, journal and reports. ``forecast`` sees nothing after ``view.row`` and its own
    standing share of the book. Called at its own dates, by default at every auction. What it raises is caught and
    journaled, and what it holds then stays until it answers again (S1, E3). A file or class may also carry what
    ``plimsoll.alpha.terms`` reads: ``schedule``, ``holding_sessions``, ``ic`` and ``factors``.
    """

    name: str

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Answer:
        """Forecasts for the symbols it has an opinion on, or target weights; what it leaves out it does not want."""
        ...


@runtime_checkable
class Trades(Protocol):
    """What a strategy may add whose symbols are fixed, so that a run can say when none of them is there (E5)."""

    def trades(self, policy: Policy) -> Sequence[str]:
        """Every symbol it could ever bid for."""
        ...


@runtime_checkable
class Explains(Protocol):
    """What a strategy may add so that ``plimsoll explain`` can say why it bid, or did not (G4)."""

    def explain(self, view: View, symbol: str, policy: Policy) -> str:
        """What the rule reads for ``symbol`` at the view's row and what follows from it: one plain sentence."""
        ...


class Model(Protocol):
    """Answers an intraday observation (H4). It must not keep state that changes its answers.

    ``name`` identifies it in what is reported. ``answer`` sees a (26,) float64 observation and gives a pair: HOLD, BUY
    or SELL, by name or as 0, 1 or 2, and a confidence in [0, 1]. Whatever else it does is HOLD with a reason.
    """

    name: str

    def answer(self, observation: NDArray[np.float64]) -> object:
        """The action and its confidence."""
        ...


class Journal(Protocol):
    """Append-only, hash-chained record of a run (G3)."""

    @property
    def anchor(self) -> Anchor:
        """How many records there are, and the hash of the last, to be kept elsewhere."""
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
        """Commit and let go of the file."""
        ...


class RunReader(Protocol):
    """A run's journal, read (G3). Nothing is given that was not verified first: ``CorruptionError`` names the first
    record that is not what was written.

    It is one view of the run, whoever writes meanwhile, until it is closed; use it in a ``with``.
    """

    run: str

    @property
    def genesis(self) -> Genesis:
        """What the run was given: the first record, proven to be it; the others are proven when they are asked for."""
        ...

    @property
    def proof(self) -> Proof:
        """The head that the whole chain was verified to."""
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
        """Every event from the genesis on; the end of the journal is proven before the iteration ends."""
        ...

    def session(self, date: str) -> Passage | None:
        """The journal around the decision of an ISO date; None when nothing was decided on it."""
        ...

    def before(self, date: str) -> Iterator[Event]:
        """What the account just before the decision of an ISO date follows from, genesis first: a fold over it is the
        fold over every event before that decision. A decision that leaves nothing else may be given as its orders.

        ``UsageError`` where nothing was decided on that date.
        """
        ...

    def close(self) -> None:
        """Let go of the run; nothing can be asked for afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RunCatalogue(Protocol):
    """The runs there are, and what is kept of each beside its journal. ``place`` is what ``--home`` takes to name it.

    Which run is the last is what the runs say of themselves: when each ended, or began where it did not end.
    """

    place: str

    def names(self) -> Sequence[str]:
        """Every run by name."""
        ...

    def find(self, run: str | None = None) -> str:
        """The run of that name, tag or unambiguous beginning of a name; the last finished one for none and ``last``.

        ``UsageError`` where there is none or more than one.
        """
        ...

    def open(self, run: str | None = None) -> RunReader:
        """A run by what ``find`` takes, to be read; its end is held against the one that is kept outside it."""
        ...

    def summary(self, run: str) -> RunSummary:
        """One run's summary; what its genesis says where there is none."""
        ...

    def result(self, run: str) -> bytes | None:
        """The JSON of a run's whole result; None where none was stored."""
        ...

    def policy(self, run: str, digest: str) -> Policy | None:
        """The policy a run was given, whose SHA-256 its genesis names; None where none was stored.

        ``CorruptionError`` when the stored one is another, ``InputError`` when this version cannot read it.
        """
        ...

    def policy_file(self, run: str) -> str:
        """What ``--policy`` takes to name the policy of a run."""
        ...

    def audit(self, run: str | None = None) -> AuditReport:
        """Verify the chain of a run by what ``find`` takes, one of an older format included."""
        ...


class SnapshotStore(Protocol):
    """The certified panels that were published, each named by the hash of its content (D14)."""

    def open(self, digest: str) -> Panel:
        """The panel of that hash, every byte verified. ``InputError`` where it is not there."""
        ...

    def latest(self) -> str:
        """The hash of the one that everything new reads from; ``InputError`` before the first was published."""
        ...

    def hashes(self) -> Sequence[str]:
        """Every published snapshot, in no order of time."""
        ...


Row = tuple[str, str, str | None]  # kind, key and text of something kept; no text takes it away
Fact = tuple[str, str, str]  # kind, key and text of something that is only looked up


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why nothing was written: what the writer did not know.

    ``rows`` are what others wrote since it last read or wrote, oldest first; ``whole`` says that they are the whole
    state instead. ``standing`` holds the texts, by kind and key, of facts that were to be new and are there.
    """

    rows: Sequence[Row] = ()
    whole: bool = False
    standing: Mapping[tuple[str, str], str] = field(default_factory=dict)


class StateStore(Protocol):
    """Where the governor keeps an account (H2, H6): its state, and facts about single orders and fills.

    The state is small and read as a whole; facts grow for ever and are looked up one by one. Several writers may share
    an account: who writes without knowing what another wrote is told, and nothing is written. Any error a method
    raises means that the store is lost.
    """

    def load(self) -> Iterable[Row]:
        """The whole state, in any order."""
        ...

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None when there is none."""
        ...

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Make everything durable before returning, all or nothing.

        No key stands twice in ``state``. ``facts`` replace what stands under their keys; ``new`` must find nothing
        there. None when it is written, also when there was nothing to write and nobody else wrote; else what stood
        against it.
        """
        ...


class BarStore(Protocol):
    """Rows and their audit behind Stage 1 (D13): price_history, symbol_governance, data_quality, audits."""

    def begin_run(self, run: str, provider: str, source: str, started: str, route: str = "") -> None:
        """Open an ingestion run, or reopen one; ``route`` is JSON that says how its provider was chosen (D4)."""
        ...

    def route(self, run: str) -> str:
        """How a run came by its provider; empty where it was not kept, or the run is not known."""
        ...

    def drop_run(self, run: str) -> None:
        """Take back a run that was refused before anything was stored."""
        ...

    def put_page(self, run: str, page: HeldPage) -> None:
        """Record that a page of a run is durable, with its cursor; one of its number is replaced."""
        ...

    def pages(self, run: str) -> tuple[HeldPage, ...]:
        """The durable pages of a run, by number."""
        ...

    def drop_pages(self, run: str) -> None:
        """Forget the pages of a run: it is complete, or begins again."""
        ...

    def finish_run(self, run: str, status: str, finished: str, alert: str) -> None:
        """Close it."""
        ...

    def put_instruments(self, instruments: Sequence[Instrument], derived: bool) -> None:
        """Insert or replace universe entries."""
        ...

    def instruments(self) -> tuple[tuple[Instrument, ...], bool]:
        """Every known instrument by symbol, and whether the universe was derived from a source (D1)."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything written inside together, or nothing of it."""
        ...

    def unfinished(self, provider: str, source: str) -> str | None:
        """The newest run of this provider and source that never finished, to be resumed."""
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
        """Record what happened to one symbol in a run; a resumed run replaces its own record."""
        ...

    def audits(self) -> tuple[Audit, ...]:
        """Every audit, oldest run first."""
        ...

    def put_confirmation(self, record: Confirmation) -> None:
        """Add what a person said of a jump; nothing recorded is ever changed."""
        ...

    def confirmations(self) -> tuple[Confirmation, ...]:
        """Every confirmation and revocation, oldest first."""
        ...

    def put_certifications(self, run: str, certifications: Sequence[Certification]) -> None:
        """Record states and quality of every symbol."""
        ...
