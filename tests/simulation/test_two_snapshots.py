"""A paper run lives through its snapshots: killed after any write it ends as one backtest over the later one, and
a past that is told otherwise is a dated event (E1, D14, X7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as other
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.app.wiring import simulated_exchange
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import Halted, InputError, UsageError
from plimsoll.core.events import CertificationChanged, DataPublished, DataRestated, Event, Genesis, Split
from plimsoll.core.order import Fill
from plimsoll.core.panel import Certified, Panel
from plimsoll.core.policy import Policy
from plimsoll.engine.history import history_of
from plimsoll.engine.paper import PaperSession
from plimsoll.engine.recovery import recover
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.run_reader import SqliteRunReader

BASE = Policy()
POLICY = replace(
    BASE, auction=replace(BASE.auction, schedule="week_end"), shaping=replace(BASE.shaping, band_nav=0.002)
)
FIRST, CUT = 349, 357  # the first row decided on, and how many rows the earlier snapshot has
LAST = 364


class Continued:
    """One paper run over an earlier snapshot and a later one, which may be interrupted at any write."""

    def __init__(self, earlier: Panel, later: Panel, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.histories = {p.snapshot: history_of(p, policy) for p in (earlier, later)}
        self.earlier, self.later = earlier.snapshot, later.snapshot

    def trade(
        self, path: Path, snapshot: str, last: int, *, kept: bool = True, journal: Callable[[], Any] | None = None
    ) -> None:
        from plimsoll.alpha.registry import load

        def earlier(name: str) -> Panel | None:
            return self.histories[name].panel if kept else None

        PaperSession(
            lambda: self.histories[snapshot],
            lambda found: RunContext(self.policy, load(self.policy.strategies.enabled), found.panel.instruments),
            Span(FIRST, last),
            journal or (lambda: opened(path)),
            simulated_exchange,
            capital=10_000_000,
            operator="simulated",
            earlier=None if snapshot == self.earlier else earlier,
        ).run()

    def whole(self, path: Path, *, kept: bool = True) -> list[Any]:
        self.trade(path, self.earlier, CUT - 1)
        self.trade(path, self.later, LAST, kept=kept)
        return read(path)


def read(path: Path) -> list[Event]:
    with SqliteRunReader(path) as reader:
        return list(reader.events())


def opened(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path, durable=True)
    journal._connection.execute("PRAGMA synchronous = OFF")  # a kill is an exception here, not a power cut
    return journal


class Killed(Exception):
    """The process died."""


class Mortal:
    """A journal whose process dies once it holds ``most`` records, whichever process wrote them."""

    def __init__(self, inner: SqliteJournal, most: int) -> None:
        self.inner, self.most = inner, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def append(self, event: Any) -> str:
        head = self.inner.append(event)
        if len(self.inner) == self.most:
            raise Killed
        return head

    def append_many(self, events: Any) -> str:
        return [self.append(event) for event in events][-1]


def decisions(events: Any) -> list[Any]:
    """What was decided and done, whichever snapshot it names."""
    kept = (e for e in events if not isinstance(e, Genesis | DataPublished | DataRestated | CertificationChanged))
    return [replace(e, snapshot="") if isinstance(e, CycleRecord) else e for e in kept]


@pytest.fixture(scope="module")
def later(make_market: Callable[..., Panel]) -> Panel:
    return make_market(2, 420, crash=0.01, at=352, snapshot="later").first(400)


@pytest.fixture(scope="module")
def earlier(later: Panel) -> Panel:
    return other(later.first(CUT), snapshot="earlier")


@pytest.fixture(scope="module")
def run(earlier: Panel, later: Panel) -> Continued:
    return Continued(earlier, later)


def test_over_two_snapshots_it_is_one_backtest_over_the_later(
    run: Continued, later: Panel, backtested: Any, tmp_path: Path
) -> None:
    events = run.whole(tmp_path / "run.db")
    whole = backtested(later, POLICY, first=FIRST, last=LAST)
    assert decisions(events) == decisions(whole.ledger.written)
    assert sum(isinstance(e, Fill) for e in events) > 5
    data = [e for e in events if isinstance(e, DataPublished | DataRestated | CertificationChanged)]
    assert [(e.snapshot, e.session) for e in data] == [("earlier", ""), ("later", later.sessions.dates[CUT - 1])]
    by = {e.session: e.snapshot for e in events if isinstance(e, CycleRecord)}
    assert by[later.sessions.dates[CUT - 1]] == "earlier" and by[later.sessions.dates[CUT]] == "later"


@pytest.mark.parametrize("kept", [True, False], ids=["earlier snapshot kept", "earlier snapshot gone"])
def test_killed_at_any_event_it_ends_alike(run: Continued, tmp_path: Path, kept: bool) -> None:
    """Killed after each write in turn and started again, on whichever snapshot was current by then."""
    whole = run.whole(tmp_path / "whole.db")
    path = tmp_path / "run.db"
    published = next(n for n, e in enumerate(whole) if isinstance(e, DataPublished) and e.snapshot == "later")
    for n in range(1, len(whole)):
        snapshot, last = (run.earlier, CUT - 1) if n <= published else (run.later, LAST)
        with pytest.raises(Killed):
            run.trade(path, snapshot, last, kept=kept, journal=lambda most=n: Mortal(opened(path), most))  # type: ignore[misc]
            run.trade(path, run.later, LAST, kept=kept, journal=lambda most=n: Mortal(opened(path), most))  # type: ignore[misc]
    run.trade(path, run.later, LAST, kept=kept)
    assert read(path) == whole


def restated(panel: Panel, field: str, row: int, symbol: str, value: float) -> Panel:
    values = getattr(panel, field).copy()
    values[row, panel.column[symbol]] = value
    return other(panel, **{field: values})


@pytest.mark.parametrize("kept", [True, False])
def test_a_restated_past_is_an_event_and_the_run_goes_on(
    earlier: Panel, later: Panel, tmp_path: Path, kept: bool
) -> None:
    row = CUT - 3
    told = restated(later, "close", row, "SPY", float(later.close[row, later.column["SPY"]]) * 1.5)
    events = Continued(earlier, told).whole(tmp_path / "run.db", kept=kept)
    (found,) = [e for e in events if isinstance(e, DataRestated)]
    assert (found.session, found.snapshot) == (later.sessions.dates[CUT - 1], "later")
    (change,) = found.changes
    assert change.name == "SPY"
    if kept:
        assert (change.rows, change.since, change.fields) == (1, later.sessions.dates[row], ("close",))
    assert not any(isinstance(e, CertificationChanged) for e in events)
    assert events.index(found) + 1 == next(
        n for n, e in enumerate(events) if isinstance(e, DataPublished) and e.snapshot == "later"
    )
    assert next(e for e in reversed(events) if isinstance(e, CycleRecord)).session == later.sessions.dates[LAST]


@pytest.mark.parametrize("kept", [True, False])
def test_a_certification_that_changed_is_an_event_of_its_own(
    earlier: Panel, later: Panel, tmp_path: Path, kept: bool
) -> None:
    sound = later.certified.sound.copy()
    sound[CUT - 5 : CUT, later.column["GLD"]] = False
    known = later.certified
    told = other(later, dated=Certified(sound, known.quality, known.ended, known.late))
    events = Continued(earlier, told).whole(tmp_path / "run.db", kept=kept)
    (found,) = [e for e in events if isinstance(e, CertificationChanged)]
    assert [c.name for c in found.changes] == ["GLD"] and not any(isinstance(e, DataRestated) for e in events)
    if kept:
        assert (found.changes[0].rows, found.changes[0].fields) == (5, ("sound",))


PRICES = ("open", "high", "low", "close")


def scaled(panel: Panel, symbol: str, factor: float, rows: slice = slice(None)) -> Panel:
    values = {name: getattr(panel, name).copy() for name in PRICES}
    for one in values.values():
        one[rows, panel.column[symbol]] *= factor
    return other(panel, **values)


@pytest.mark.parametrize("kept", [True, False])
def test_a_held_past_told_at_another_scale_is_refused_and_a_split_that_is_told_is_booked(
    earlier: Panel, later: Panel, tmp_path: Path, kept: bool
) -> None:
    """As when a split comes as a split-adjusted file: the account would keep its lots at half the price."""
    run, path = Continued(earlier, later), tmp_path / "run.db"
    run.trade(path, run.earlier, CUT - 1)
    before = read(path)
    state = recover(before).state
    symbol = next(s for s, n in zip(state.symbols, state.lots, strict=True) if n)
    for factor, said in (
        (0.5, "0.5 times .* a split of 2:1"),
        (1.5, "1.5 times .* a split of 2:3"),
        (1.0137, "1.0137"),
    ):
        run.histories["later"] = history_of(scaled(later, symbol, factor), POLICY)
        with pytest.raises(InputError, match=f"{symbol} stands at {said}"):
            run.trade(path, run.later, LAST, kept=kept)
        assert read(path) == before
    split = later.split.copy()
    split[CUT + 1, later.column[symbol]] = 2.0
    traded = scaled(other(later, split=split), symbol, 0.5, slice(CUT + 1, None))
    run.histories["later"] = history_of(traded, POLICY)
    run.trade(path, run.later, LAST, kept=kept)
    assert (symbol, 2.0) in [(e.symbol, e.ratio) for e in read(path) if isinstance(e, Split)]


def test_a_past_told_at_another_scale_of_what_is_not_held_is_a_restatement(
    earlier: Panel, later: Panel, tmp_path: Path
) -> None:
    run, path = Continued(earlier, later), tmp_path / "run.db"
    run.trade(path, run.earlier, CUT - 1)
    state = recover(read(path)).state
    busy = {one.order.symbol for one in state.working.values()}
    symbol = next(s for s, n in zip(state.symbols, state.lots, strict=True) if not n and s not in busy)
    run.histories["later"] = history_of(scaled(later, symbol, 0.5), POLICY)
    run.trade(path, run.later, LAST)
    assert any(isinstance(e, DataRestated) for e in read(path))


def test_a_row_that_was_not_decided_on_may_be_told_otherwise(earlier: Panel, later: Panel, tmp_path: Path) -> None:
    """The run stopped before the earlier snapshot's last row: what that row said bound nothing."""
    told = restated(later, "close", CUT - 1, "SPY", 1.0)
    run = Continued(earlier, told)
    run.trade(tmp_path / "run.db", run.earlier, CUT - 3)
    run.trade(tmp_path / "run.db", run.later, CUT - 2)
    assert not any(isinstance(e, DataRestated) for e in read(tmp_path / "run.db"))


def test_symbols_that_appear_join_the_run_and_holdings_stay_their_own(
    make_panel: Any, earlier: Panel, later: Panel, tmp_path: Path
) -> None:
    def widened(values: np.ndarray) -> np.ndarray:
        return np.column_stack([values[:, 1], values])

    wide = other(
        later,
        instruments=(replace(later.instruments[1], symbol="AAA"), *later.instruments),
        certifications=(replace(later.certifications[1], symbol="AAA"), *later.certifications),
        **{n: widened(getattr(later, n)) for n in ("open", "high", "low", "close", "volume", "dividend", "split")},
        index=widened(later.index),
        fresh=widened(later.fresh),
    )
    run = Continued(earlier, wide)
    events = run.whole(tmp_path / "run.db")
    (published,) = [e for e in events if isinstance(e, DataPublished) and e.snapshot == "later"]
    assert published.added == ("AAA",) and published.symbols[0] == "AAA"
    cut = events.index(published)
    before, after = recover(events[:cut]).state, recover(events[: cut + 1]).state
    assert before.lots.any() and after.lots.tolist() == [0, *before.lots.tolist()]
    record = next(e for e in events[cut:] if isinstance(e, CycleRecord))
    assert record.nav > 0


def test_a_rebased_index_moves_the_trailing_highs_with_it(earlier: Panel, later: Panel, tmp_path: Path) -> None:
    """A longer history begins the index elsewhere; a stop that follows its high may not take that for a fall."""
    policy = replace(POLICY, stops=replace(POLICY.stops, trailing=True))
    rebased = other(later, index=later.index * 4.0)
    run, plain = Continued(earlier, rebased, policy), Continued(earlier, later, policy)
    events, same = run.whole(tmp_path / "a.db"), plain.whole(tmp_path / "b.db")
    (published,) = [e for e in events if isinstance(e, DataPublished) and e.snapshot == "later"]
    assert published.rebased["SPY"] == pytest.approx(4.0)
    fired = [[x.kind for x in e.events if x.kind.startswith("STOP")] for e in events if isinstance(e, CycleRecord)]
    assert fired == [
        [x.kind for x in e.events if x.kind.startswith("STOP")] for e in same if isinstance(e, CycleRecord)
    ]
    last, other_last = ([e for e in es if isinstance(e, CycleRecord)][-1] for es in (events, same))
    highs = {s.symbol: s.high for s in other_last.carried.stops}
    assert any(highs.values())
    assert {s.symbol: s.high for s in last.carried.stops} == pytest.approx({k: 4.0 * v for k, v in highs.items()})


def without(panel: Panel, symbol: str) -> Panel:
    kept = [n for n, s in enumerate(panel.symbols) if s != symbol]
    arrays = ("open", "high", "low", "close", "volume", "dividend", "split", "index", "fresh")
    return other(
        panel,
        instruments=tuple(panel.instruments[n] for n in kept),
        certifications=tuple(panel.certifications[n] for n in kept),
        **{name: getattr(panel, name)[:, kept] for name in arrays},
    )


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda p: without(p, "GLD"), InputError, "lacks GLD"),
        (lambda p: p.first(CUT - 4), UsageError, "before the run's last decision"),
        (lambda p: other(p, synthetic=False), InputError, "synthetic"),
        (
            lambda p: other(p, instruments=(replace(p.instruments[0], lots_per_unit=1), *p.instruments[1:])),
            InputError,
            "BTC-USD is counted in 1 lots",
        ),
        (lambda p: later_by(p, 1), InputError, "other sessions"),
        (lambda p: shorter(p, 5), InputError, "begins on"),
    ],
)
@pytest.mark.parametrize("kept", [True, False])
def test_a_snapshot_that_no_run_can_go_on_from_is_named_and_nothing_is_written(
    earlier: Panel, later: Panel, tmp_path: Path, kept: bool, change: Any, error: type[Exception], said: str
) -> None:
    run = Continued(earlier, later)
    path = tmp_path / "run.db"
    run.trade(path, run.earlier, CUT - 1)
    before = read(path)
    run.histories["later"] = history_of(change(later), POLICY)
    with pytest.raises(error, match=said):
        run.trade(path, run.later, LAST, kept=kept)
    assert read(path) == before


def later_by(panel: Panel, days: int) -> Panel:
    """The last session decided on lies elsewhere, as another calendar would have it."""
    s = panel.sessions
    moved = s.days.copy()
    moved[CUT - 2] += -days if s.days[CUT - 2] - s.days[CUT - 3] > 1 else 0
    if (moved == s.days).all():
        row = next(r for r in range(CUT - 2, 1, -1) if s.days[r] - s.days[r - 1] > 1)
        moved[row] -= days
    return other(panel, sessions=type(s)(moved, s.opens, s.closes, s.next_day))


def shorter(panel: Panel, rows: int) -> Panel:
    """Without its first rows."""
    s = panel.sessions
    arrays = ("open", "high", "low", "close", "volume", "dividend", "split", "index", "fresh", "macro")
    cut = {name: getattr(panel, name)[rows:] for name in arrays}
    return other(panel, sessions=type(s)(s.days[rows:], s.opens[rows:], s.closes[rows:], s.next_day), **cut)


def test_a_session_begun_on_one_snapshot_is_not_ended_on_another_that_tells_it_otherwise(
    make_market: Any, earlier: Panel, later: Panel, tmp_path: Path
) -> None:
    run = Continued(other(later.first(CUT + 2), snapshot="earlier"), later)
    path = tmp_path / "run.db"
    run.trade(path, run.earlier, CUT + 1)
    events = read(path)
    fill = max(n for n, e in enumerate(events) if isinstance(e, Fill))
    half = tmp_path / "half.db"
    with pytest.raises(Killed):
        run.trade(half, run.earlier, CUT + 1, journal=lambda: Mortal(opened(half), fill + 1))
    row = later.sessions.row_at_or_after(events[fill].session)
    column = later.column[events[fill].symbol]
    told = restated(later, "open", row, events[fill].symbol, float(later.open[row, column]) * 1.01)
    run.histories["later"] = history_of(told, POLICY)
    with pytest.raises(Halted, match="Resume the run first"):
        run.trade(half, run.later, LAST)
    run.histories["later"] = history_of(later, POLICY)
    run.trade(half, run.later, LAST)  # the same on both: it goes on
    assert decisions(read(half)) == decisions(run.whole(tmp_path / "whole.db"))


def test_a_snapshot_that_is_gone_from_a_journal_without_digests_is_named(
    earlier: Panel, later: Panel, tmp_path: Path
) -> None:
    run = Continued(earlier, later)
    path, old = tmp_path / "run.db", tmp_path / "old.db"
    run.trade(path, run.earlier, CUT - 1)
    with SqliteJournal(old, durable=False) as journal:
        journal.append_many(e for e in read(path) if not isinstance(e, DataPublished))
    with pytest.raises(InputError, match="is gone"):
        run.trade(old, run.later, LAST, kept=False)
    run.trade(old, run.later, LAST)  # with the snapshot still there it is compared with that
    assert [e.snapshot for e in read(old) if isinstance(e, DataPublished)] == ["later"]
