"""Caps that a person signs while a paper run is under way enter it as dated events, and bind from then on (H1, X7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.app.wiring import simulated_exchange
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import Halted
from plimsoll.core.events import CapsGranted, OrderDenied
from plimsoll.core.order import Fill
from plimsoll.core.panel import Panel
from plimsoll.core.policy import GovernorPolicy, Policy
from plimsoll.engine.caps import account_caps, granted_in
from plimsoll.engine.history import history_of
from plimsoll.engine.paper import PaperSession
from plimsoll.engine.recovery import recover
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import Span
from plimsoll.governor.limits import limits_of
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.run_reader import SqliteRunReader

BASE = Policy()
POLICY = replace(
    BASE,
    auction=replace(BASE.auction, schedule="daily"),
    shaping=replace(BASE.shaping, band_nav=0.0),
    governor=GovernorPolicy(recorded=True),
)
FIRST, CUT, LAST = 349, 354, 360


def granted(version: int, trade: int) -> CapsGranted:
    """An entry of the account's record with another cap on one order, USD."""
    caps = limits_of(POLICY).caps | {"trade": trade * 100, "version": version, "seal": f"seal {version}"}
    return CapsGranted("", **caps)  # type: ignore[arg-type]


SMALL, LARGE = granted(3, 500), granted(5, 2_000)


@pytest.fixture(scope="module")
def panel(make_market: Callable[..., Panel]) -> Panel:
    return make_market(2, 420).first(400)


@pytest.fixture(scope="module")
def trade(panel: Panel) -> Callable[..., list[Any]]:
    from plimsoll.alpha.registry import load

    history, run = history_of(panel, POLICY), RunContext(POLICY, load(POLICY.strategies.enabled), panel.instruments)

    def on(path: Path, last: int, caps: CapsGranted | None, most: int = 0, *, resumed: bool = False) -> list[Any]:
        def journal() -> Any:
            made = SqliteJournal(path, durable=False)
            return Mortal(made, most) if most else made

        PaperSession(
            lambda: history,
            lambda _: run,
            Span(FIRST, last),
            journal,
            simulated_exchange,
            capital=10_000_000,
            operator="simulated",
            earlier=None if resumed else lambda _: panel,
            grants=lambda session: None if caps is None else replace(caps, session=session),
        ).run()
        with SqliteRunReader(path) as reader:
            return list(reader.events())

    return on


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


def largest(events: list[Any], after: str, to: str) -> float:
    """USD of the largest purchase that was decided in these sessions."""
    orders = [
        abs(o.lots) * o.reference / 1e6 if o.symbol == "BTC-USD" else abs(o.lots) * o.reference
        for e in events
        if isinstance(e, CycleRecord) and after < e.session <= to
        for o in e.intents
        if o.lots > 0
    ]
    return max(orders, default=0.0)


def test_caps_signed_during_a_run_bind_from_the_session_after(trade: Any, panel: Panel, tmp_path: Path) -> None:
    dates = panel.sessions.dates
    path = tmp_path / "run.db"
    trade(path, CUT, SMALL)
    events = trade(path, LAST, LARGE)
    assert [(e.session, e.trade) for e in events if isinstance(e, CapsGranted)] == [("", 50_000), (dates[CUT], 200_000)]
    assert not any(isinstance(e, OrderDenied) for e in events)  # what is proposed can be admitted
    before, after = largest(events, "", dates[CUT]), largest(events, dates[CUT], dates[LAST])
    assert 0.0 < before <= 500.0 < after <= 2_000.0
    told = [e.limits["account_trade"] for e in events if isinstance(e, CycleRecord)]
    assert told == [500.0] * (CUT - FIRST + 1) + [2_000.0] * (LAST - CUT)


def test_granted_caps_trade_as_the_same_caps_of_a_policy(
    trade: Any, panel: Panel, backtested: Any, tmp_path: Path
) -> None:
    events = trade(tmp_path / "run.db", LAST, SMALL)
    named = replace(POLICY, governor=GovernorPolicy(recorded=True, trade=500))
    whole = backtested(panel, named, first=FIRST, last=LAST)

    def fills(found: Any) -> list[Any]:
        return [(e.session, e.symbol, e.lots, e.price) for e in found if isinstance(e, Fill)]

    assert fills(events) == fills(whole.ledger.written) and len(fills(events)) > 5


def test_killed_at_any_event_the_caps_enter_once_and_it_ends_alike(trade: Any, tmp_path: Path) -> None:
    path = tmp_path / "whole.db"
    cut = len(trade(path, CUT, SMALL))
    whole = trade(path, CUT + 2, LARGE)
    path = tmp_path / "run.db"
    trade(path, CUT, SMALL)
    for most in range(cut + 1, len(whole)):
        with pytest.raises(Killed):
            trade(path, CUT + 2, LARGE, most)
    assert trade(path, CUT + 2, LARGE) == whole


def test_a_session_begun_under_old_caps_ends_under_them(trade: Any, tmp_path: Path) -> None:
    whole = trade(tmp_path / "whole.db", CUT, SMALL)
    fill = max(n for n, e in enumerate(whole) if isinstance(e, Fill))
    path = tmp_path / "run.db"
    with pytest.raises(Killed):
        trade(path, CUT, SMALL, fill + 1)
    events = trade(path, LAST, LARGE)
    end = next(n for n, e in enumerate(whole) if n > fill and isinstance(e, CycleRecord))
    assert events[: end + 1] == whole[: end + 1]
    assert isinstance(events[end + 1], CapsGranted) and events[end + 1].session == whole[end].session


def test_a_resumed_run_keeps_its_caps_and_an_older_record_is_refused(trade: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    trade(path, CUT, SMALL)
    trade(path, CUT + 1, LARGE, resumed=True)
    assert sum(isinstance(e, CapsGranted) for e in trade(path, CUT + 1, SMALL)) == 1
    with pytest.raises(Halted, match=r"entry 3 .* entry 2"):
        trade(path, LAST, granted(2, 9_000))
    state = recover(trade(path, CUT + 1, None)).state
    assert state.caps == SMALL


def test_what_a_record_notes_is_what_was_granted(panel: Panel) -> None:
    from plimsoll.engine.caps import noted

    named = replace(SMALL, positions={"SPY": 123_456})
    again = granted_in(noted(named))
    caps, told = (account_caps(POLICY, panel.symbols, one) for one in (named, again))
    assert told.position.tolist() == caps.position.tolist() and caps.position[panel.column["SPY"]] == 1_234.56
    assert (told.trade, told.turnover) == (caps.trade, caps.turnover) and granted_in({"gross": 1.0}) is None
