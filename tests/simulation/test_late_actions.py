"""A split or dividend that a run learns of late leaves the units and cash of one that knew it (D12, D14)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as other
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.analysis.data_changes import sentences
from plimsoll.app.wiring import simulated_exchange
from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import ActionsInDoubt, ActionsRestated, Approval, CashFlow, DataPublished, OrderDenied, Split
from plimsoll.core.order import Fill, Order
from plimsoll.core.panel import Panel
from plimsoll.core.policy import GovernorPolicy, Policy
from plimsoll.core.state import State, apply
from plimsoll.engine.governed import governor_after
from plimsoll.engine.history import history_of
from plimsoll.engine.late_actions import late_actions
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
GOVERNED = replace(POLICY, governor=GovernorPolicy(recorded=True))
FIRST, CUT, LAST = 349, 356, 366
SPLIT, PAID = CUT - 1, CUT - 3  # rows of sessions that were decided by the time they are told


def changed(panel: Panel, name: str, row: int, symbol: str, value: float) -> Panel:
    values = getattr(panel, name).copy()
    values[row, panel.column[symbol]] = value
    return other(panel, **{name: values})


def split_at(panel: Panel, row: int, symbol: str, ratio: float) -> Panel:
    """The market in which a symbol splits on a row, as it was traded."""
    column, fields = panel.column[symbol], {}
    for name in ("open", "high", "low", "close"):
        fields[name] = getattr(panel, name).copy()
        fields[name][row:, column] /= ratio
    return changed(other(panel, **fields), "split", row, symbol, ratio)


def told(panel: Panel, name: str) -> Panel:
    return other(panel, snapshot=name)


class Runs:
    """Paper runs over snapshots, one after the other."""

    def __init__(self, path: Path, policy: Policy = POLICY) -> None:
        self.path, self.policy = path, policy
        self.panels: dict[str, Panel] = {}
        self.kept = True

    def trade(self, panel: Panel, last: int, *, most: int = 0) -> list[Any]:
        from plimsoll.alpha.registry import load

        self.panels[panel.snapshot] = panel
        history = history_of(panel, self.policy)
        run = RunContext(self.policy, load(self.policy.strategies.enabled), panel.instruments)
        PaperSession(
            lambda: history,
            lambda _: run,
            Span(FIRST, last),
            lambda: Mortal(self.journal(), most) if most else self.journal(),  # type: ignore[arg-type, return-value]
            simulated_exchange,
            capital=10_000_000,
            operator="simulated",
            earlier=lambda name: self.panels[name] if self.kept else None,
        ).run()
        return self.events()

    def journal(self) -> SqliteJournal:
        return SqliteJournal(self.path, durable=False)

    def events(self) -> list[Any]:
        with SqliteRunReader(self.path) as reader:
            return list(reader.events())


class Killed(Exception):
    """The process died."""


class Mortal:
    """A journal whose process dies once it holds ``most`` records."""

    def __init__(self, inner: SqliteJournal, most: int) -> None:
        self.inner, self.most = inner, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def append(self, event: Any) -> str:
        head = self.inner.append(event)
        if len(self.inner) == self.most:
            self.inner.close()
            raise Killed
        return head


@pytest.fixture(scope="module")
def market(make_market: Callable[..., Panel]) -> Panel:
    return make_market(2, 420).first(400)


@pytest.fixture(scope="module")
def symbol(market: Panel, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One that is held through the sessions in question, with no order under way at their end."""
    events = Runs(tmp_path_factory.mktemp("plain") / "run.db").trade(market, SPLIT)
    days = market.sessions.dates
    late = {e.symbol for e in events if isinstance(e, Fill) and e.session >= days[SPLIT - 1]}
    state = recover(events).state
    ordered = {one.order.symbol for one in state.working.values()}
    held = (s for s, n in zip(state.symbols, state.lots, strict=True) if n > 10 and s not in late | ordered)
    return next(s for s in held if market.instruments[market.column[s]].lots_per_unit == 1)


def held_of(state: State, symbol: str) -> int:
    return int(state.lots[state.symbols.index(symbol)])


def learned(events: list[Any]) -> State:
    """The account at the moment the run takes up its second snapshot."""
    at = [n for n, e in enumerate(events) if isinstance(e, DataPublished)][1]
    return recover(events[: at + 1]).at_decision


@pytest.mark.parametrize("ratio", [4.0, 0.1, 1.5])
@pytest.mark.parametrize("policy", [POLICY, GOVERNED], ids=["plain", "governed"])
def test_one_that_learned_of_a_split_later_holds_what_one_that_knew_it_holds(
    market: Panel, symbol: str, tmp_path: Path, ratio: float, policy: Policy
) -> None:
    true = told(split_at(market, SPLIT, symbol, ratio), "true")
    blind = told(changed(true, "split", SPLIT, symbol, 1.0).first(CUT), "blind")
    late = Runs(tmp_path / "late.db", policy)
    late.trade(blind, SPLIT)
    events = late.trade(true, LAST)
    knew = recover(Runs(tmp_path / "knew.db", policy).trade(true, SPLIT)).state
    state = learned(events)
    assert held_of(state, symbol) == held_of(knew, symbol) and state.cash == knew.cash
    i = state.symbols.index(symbol)
    assert state.average_cost[i] == pytest.approx(knew.average_cost[i]) and state.splits[symbol] == knew.splits[symbol]
    (event,) = [e for e in events if isinstance(e, ActionsRestated)]
    assert event.session == market.sessions.dates[SPLIT] and event.splits[0].session == market.sessions.dates[SPLIT]
    assert market.sessions.dates[SPLIT] in " ".join(sentences(event))
    assert not any(isinstance(e, OrderDenied) for e in events)
    if policy is GOVERNED:
        history = history_of(true, policy)
        run = RunContext(policy, (), true.instruments)
        at = max(n for n, e in enumerate(events) if isinstance(e, CycleRecord))
        governor = governor_after(events[: at + 1], run, history)
        assert governor is not None
        end = recover(events).state
        lots = {s: int(n) for s, n in zip(end.symbols, end.lots, strict=True) if n}
        units = {i.symbol: 10**12 // i.lots_per_unit for i in true.instruments}
        before = {s: n * units[s] for s, n in lots.items()}
        assert dict(governor.gate.governor.positions) == before
        assert not governor.gate.governor.reduce_only


def counted(events: list[Any], panel: Panel, symbol: str, first: int, last: int) -> tuple[int, Fraction]:
    """Lots and dividends from the fills and the snapshot alone, in fractions."""
    lots, paid = Fraction(0), Fraction(0)
    for row in range(first, last + 1):
        lots *= Fraction(str(float(panel.split[row, panel.column[symbol]])))
        paid += lots * Fraction(str(float(panel.dividend[row, panel.column[symbol]])))
        lots += sum(e.lots for e in events if isinstance(e, Fill) and (e.symbol, e.session) == (
            symbol, panel.sessions.dates[row]))  # fmt: skip
    return int(lots), paid


def test_splits_and_dividends_that_become_known_one_after_the_other_come_to_what_was_due(
    market: Panel, symbol: str, tmp_path: Path
) -> None:
    split = split_at(market, PAID, symbol, 2.0)
    blind = told(changed(split, "split", PAID, symbol, 1.0).first(CUT), "blind")
    first = told(changed(split, "dividend", PAID + 1, symbol, 0.5).first(CUT + 1), "first")
    second = told(changed(first, "dividend", PAID + 1, symbol, 0.75), "second")
    runs = Runs(tmp_path / "run.db")
    runs.trade(blind, SPLIT)
    runs.trade(first, SPLIT + 1)
    for panel in (second, told(second, "third")):
        events = runs.trade(panel, SPLIT + 1)
        lots, due = counted(events, panel, symbol, FIRST, SPLIT + 1)
        booked = sum(e.cents for e in events if isinstance(e, CashFlow | ActionsRestated) and e.symbol == symbol)
        assert held_of(recover(events).state, symbol) == lots and booked == round(100 * due) > 0
    assert len([e for e in events if isinstance(e, ActionsRestated)]) == 2


def test_a_withdrawn_dividend_is_paid_back(market: Panel, symbol: str, tmp_path: Path) -> None:
    paid = told(changed(market, "dividend", PAID, symbol, 1.0).first(CUT), "paid")
    runs = Runs(tmp_path / "run.db")
    before = runs.trade(paid, SPLIT)
    (received,) = [e.cents for e in before if isinstance(e, CashFlow) and e.symbol == symbol and e.cents]
    events = runs.trade(told(changed(paid, "dividend", PAID, symbol, 0.0), "withdrawn"), SPLIT)
    assert learned(events).cash == recover(before).state.cash - received
    assert [e.cents for e in events if isinstance(e, ActionsRestated)] == [-received]


def test_killed_at_any_event_it_is_booked_once(market: Panel, symbol: str, tmp_path: Path) -> None:
    true = told(split_at(market, SPLIT, symbol, 4.0), "true")
    blind = told(changed(true, "split", SPLIT, symbol, 1.0).first(CUT), "blind")
    whole, runs = Runs(tmp_path / "whole.db", GOVERNED), Runs(tmp_path / "run.db", GOVERNED)
    start = len(whole.trade(blind, SPLIT))
    events = whole.trade(true, SPLIT + 2)
    runs.trade(blind, SPLIT)
    for most in range(start + 1, len(events)):
        with pytest.raises(Killed):
            runs.trade(true, SPLIT + 2, most=most)
    assert runs.trade(true, SPLIT + 2) == events


def scaled(panel: Panel, symbol: str, rows: slice, factor: float) -> Panel:
    fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for values in fields.values():
        values[rows, panel.column[symbol]] *= factor
    return other(panel, **fields)


@pytest.mark.parametrize(
    ("doubtful", "kept", "why"),
    [
        (lambda p, s: changed(p, "split", SPLIT, s, 2.0), True, "do not show the split"),
        (lambda p, s: scaled(split_at(p, PAID, s, 2.0), s, slice(PAID, None), 2.0), True, "do not show"),
        (lambda p, s: scaled(changed(p, "split", PAID, s, 2.0), s, slice(0, PAID), 2.0), True, "restated too"),
        (lambda p, s: changed(p, "dividend", PAID, s, 1.0), False, "is gone"),
    ],
    ids=["no price shows it", "adjusted prices", "the past was adjusted", "the old snapshot is gone"],
)
def test_what_is_not_proven_freezes_the_symbol_until_a_person_signs(
    market: Panel, symbol: str, tmp_path: Path, doubtful: Any, kept: bool, why: str
) -> None:
    runs = Runs(tmp_path / "run.db")
    before = recover(runs.trade(told(market.first(CUT), "blind"), SPLIT)).state
    runs.kept = kept
    events = runs.trade(told(doubtful(market, symbol), "doubtful"), LAST)
    (event,) = [e for e in events if isinstance(e, ActionsInDoubt)]
    assert event.symbol == symbol and why in event.reason and symbol in " ".join(sentences(event))
    state = learned(events)
    assert held_of(state, symbol) == held_of(before, symbol) and state.cash == before.cash
    cut = events.index(event)
    grown = [e for e in events[cut:] if isinstance(e, Fill) and e.symbol == symbol and e.lots > 0]
    assert state.doubted == {symbol} and not grown
    wrong, right = (Approval(event.session, "Ann", "seen", {symbol: held_of(state, symbol) + n}) for n in (1, 0))
    assert apply(state, wrong).doubted == {symbol} and apply(state, right).doubted == frozenset()


def test_a_booked_split_that_is_withdrawn_and_a_venues_correction_are_doubts(
    market: Panel, symbol: str, tmp_path: Path
) -> None:
    from plimsoll.core.events import FillCorrected

    true = told(split_at(market, PAID, symbol, 2.0), "true")
    events = Runs(tmp_path / "run.db").trade(true, SPLIT)
    assert any(isinstance(e, Split) for e in events)
    account, day = recover(events).at_decision, market.sessions.dates[SPLIT]
    withdrawn = changed(true, "split", PAID, symbol, 1.0)
    (found,) = late_actions(events, account, true, withdrawn, day)
    assert isinstance(found, ActionsInDoubt) and "stated otherwise" in found.reason
    paid = changed(true, "dividend", PAID, symbol, 1.0)
    (found,) = late_actions(events, account, true, paid, day)
    assert isinstance(found, ActionsRestated)
    bust = FillCorrected(day, symbol, "x", None)
    (found,) = late_actions([*events, bust], account, true, paid, day)
    assert isinstance(found, ActionsInDoubt) and "corrected" in found.reason
    assert late_actions(events, account, true, true, day) == [] == late_actions(events, account, None, true, day)


def test_orders_decided_on_other_lots_are_void(market: Panel, symbol: str, tmp_path: Path) -> None:
    events = Runs(tmp_path / "run.db").trade(told(market, "blind"), SPLIT)
    state = recover(events).state
    order = next(o for e in events if isinstance(e, CycleRecord) for o in e.intents)
    mine = Order(**{f: getattr(order, f) for f in order.__struct_fields__} | {"id": "mine", "symbol": symbol})
    state = apply(state, mine)
    held = held_of(state, symbol)
    kept = apply(state, ActionsRestated(mine.session, symbol, held, 1.0, 5))
    gone = apply(state, ActionsRestated(mine.session, symbol, 2 * held, 1.0, 0))
    assert "mine" in kept.working and kept.cash == state.cash + 5
    assert "mine" not in gone.working and held_of(gone, symbol) == 2 * held


def test_the_comparisons_of_a_run_over_two_snapshots_are_those_of_one_and_say_where_rows_were_restated(
    market: Panel, symbol: str, tmp_path: Path, backtested: Any
) -> None:
    from plimsoll.core.events import Genesis
    from plimsoll.engine.tally import RunTally
    from plimsoll.reports.result import BacktestResult, result_of

    def result(events: list[Any], panel: Panel) -> BacktestResult:
        genesis, tally = events[0], RunTally()
        assert isinstance(genesis, Genesis)
        for event in events:
            tally.saw(event)
        history = history_of(panel, POLICY)
        return result_of(run="r", genesis=genesis, history=history, policy=POLICY, tally=tally, first=FIRST,
                         decisions_hash="")  # fmt: skip

    runs = Runs(tmp_path / "run.db")
    runs.trade(told(market.first(CUT), "earlier"), SPLIT)
    found = result(runs.trade(told(market, "later"), LAST), market)
    whole = backtested(market, POLICY, first=FIRST, last=LAST)
    assert found.benchmarks == result(list(whole.ledger.written), market).benchmarks
    assert not any("last snapshot" in note for note in found.notes)
    other_close = float(market.close[PAID, market.column[symbol]]) * 1.001
    restated = told(changed(market, "close", PAID, symbol, other_close), "restated")
    said = result(runs.trade(restated, LAST), restated).notes
    assert sum("the last snapshot, which restates" in note for note in said) == 1
