"""What the core needs from outside, as small protocols (DESIGN). Adapters live in the rooms, wired by ``app``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from plimsoll.core.bars import Audit, Bars, Confirmation, HeldPage, MacroSeries
    from plimsoll.core.events import Event
    from plimsoll.core.forecast import Answer, Holding
    from plimsoll.core.instrument import Instrument
    from plimsoll.core.panel import Certification, View
    from plimsoll.core.policy import Policy


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
