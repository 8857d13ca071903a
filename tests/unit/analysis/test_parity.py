"""Where two runs part, and why: one difference at a time put into the journal of a run by hand (E1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.analysis.parity import MEANS, parity
from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Approval, DataPublished, Event, KillChanged
from plimsoll.core.order import Fill
from plimsoll.core.policy import Policy
from plimsoll.engine.history import history_of
from plimsoll.engine.recorded import run_backtest
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span

Journal = list[Event]


class Written(Journal):
    """A journal in memory."""

    def append_many(self, events: Sequence[Event]) -> str:
        self.extend(events)
        return ""

    def commit(self) -> None: ...


@pytest.fixture(scope="module")
def journal(make_market: Callable[..., Any]) -> Journal:
    from plimsoll.alpha.registry import load

    policy = Policy()
    policy = replace(policy, auction=replace(policy.auction, schedule="week_end"))
    history = history_of(make_market(2, 420), policy)
    context = RunContext(policy, load(policy.strategies.enabled), history.panel.instruments)
    kept = Written()
    run_backtest(history, context, Span(349, 362), kept, capital=10_000_000, operator="simulated")
    return kept


def changed(journal: Journal, kind: type, act: Callable[[Any], Sequence[Event]], nth: int = 0) -> tuple[Journal, str]:
    """The journal with its nth event of a kind replaced, and the session whose decision follows it."""
    seen, made, session = 0, Journal(), ""
    for event in journal:
        if isinstance(event, kind):
            made += act(event) if seen == nth else (event,)
            session = "?" if seen == nth else session
            seen += 1
        else:
            made.append(event)
        if isinstance(event, CycleRecord) and session == "?":
            session = event.session
    assert session
    return made, session


def first(journal: Journal, other: Journal) -> tuple[str, str]:
    found = parity("a", journal, "b", other)
    assert found.first is not None and found.first.cause in MEANS
    assert sum(found.causes.values()) == len(found.gaps) == found.sessions - found.same
    return found.first.session, found.first.cause


def test_a_run_equals_itself(journal: Journal) -> None:
    found = parity("a", journal, "b", list(journal))
    assert (found.sessions, found.same, found.gaps, found.first, found.causes) == (14, 14, (), None, {})


def test_mode_name_and_code_of_a_run_are_no_difference(journal: Journal) -> None:
    genesis = replace(journal[0], mode="paper", account="another", code="0" * 64)  # type: ignore[type-var]
    assert not parity("a", journal, "b", [genesis, *journal[1:]]).gaps


def test_fills_in_other_quantities(journal: Journal) -> None:
    other, session = changed(journal, Fill, lambda f: (replace(f, lots=f.lots + 1),))
    assert first(journal, other) == (session, "fill")


def test_an_order_that_never_filled(journal: Journal) -> None:
    other, session = changed(journal, Fill, lambda _: ())
    assert first(journal, other) == (session, "fill")


def test_the_same_quantity_in_two_fills_at_one_price_costs_otherwise(journal: Journal) -> None:
    other, session = changed(journal, Fill, lambda f: (replace(f, lots=f.lots - 1), replace(f, lots=1, execution="x")))
    assert first(journal, other) == (session, "cost")


@pytest.mark.parametrize("field", ["price", "commission"])
def test_another_price_or_commission(journal: Journal, field: str) -> None:
    other, session = changed(journal, Fill, lambda f: (replace(f, **{field: getattr(f, field) + 1}),), nth=1)
    assert first(journal, other) == (session, "cost")


@pytest.mark.parametrize("told", [KillChanged("s", ("file",)), Approval("s", "ann", "looked")])
def test_a_person_or_a_switch_in_one_of_them(journal: Journal, told: Event) -> None:
    other, session = changed(journal, Fill, lambda f: (told, f))
    assert first(journal, other) == (session, "instruction")
    assert first(other, journal) == (session, "instruction")


def test_a_session_that_only_one_decided_on(journal: Journal) -> None:
    last = next(e for e in reversed(journal) if isinstance(e, CycleRecord))
    found = parity("a", journal, "b", [e for e in journal if e is not last])
    assert [(g.session, g.cause) for g in found.gaps] == [(last.session, "timing")]


def test_another_decision_on_the_same_facts_and_what_follows_from_it(journal: Journal) -> None:
    other, session = changed(journal, CycleRecord, lambda r: (replace(r, cash=r.cash + 1),), nth=3)
    assert first(journal, other) == (session, "decision")
    other, _ = changed(other, CycleRecord, lambda r: (replace(r, cash=r.cash + 1),), nth=5)
    found = parity("a", journal, "b", other)
    assert [gap.cause for gap in found.gaps] == ["decision", "account"]


def test_another_decision_on_another_snapshot(journal: Journal) -> None:
    other, _ = changed(journal, DataPublished, lambda d: (replace(d, snapshot="f" * 64),))
    assert not parity("a", journal, "b", other).gaps  # the decisions are the same all the same
    other, session = changed(other, CycleRecord, lambda r: (replace(r, cash=r.cash + 1),), nth=2)
    assert first(journal, other) == (session, "data")
