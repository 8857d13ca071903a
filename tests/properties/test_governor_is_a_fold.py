"""The governor of a run is a fold of the run's journal: rebuilt from any prefix it is the one that ran through, over
markets with splits, dividends, ended series, and denied, expired and restated orders (E1, H1, X7).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import (
    CashFlow,
    DataPublished,
    Event,
    Genesis,
    OrderDenied,
    OrderExpired,
    OrderRestated,
    Split,
)
from plimsoll.core.order import Fill
from plimsoll.core.panel import Panel
from plimsoll.core.policy import GovernorPolicy, Policy
from plimsoll.core.state import State, apply, open_account
from plimsoll.engine.driver import Driver, RunState
from plimsoll.engine.governed import RunGovernor, governor_of
from plimsoll.engine.operator import signer
from plimsoll.engine.recorded import RecordedShell, at_once
from plimsoll.engine.recovery import recover

FIRST, LAST = 345, 372
BASE = Policy()
POLICY = replace(
    BASE,
    auction=replace(BASE.auction, schedule="daily"),
    shaping=replace(BASE.shaping, band_nav=0.0),
    limits=replace(BASE.limits, participation_max=2e-6),  # expires in part
    governor=GovernorPolicy(recorded=True, orders_minute=1),  # denies what comes second
)
RATIOS = (2.0, 0.5, 3.0, 0.3333333, 1.15, 0.1)


def hurt(sound: Panel, seed: int, ends: int) -> Panel:
    """The market with a split on every fourth bar, several in a row, many dividends, and one series that ends."""
    draw = np.random.default_rng(seed)
    split = np.where(draw.random(sound.close.shape) < 0.25, draw.choice(RATIOS, sound.close.shape), sound.split)
    split[:FIRST], split[:, -1] = sound.split[:FIRST], 1.0
    split[np.abs(np.log(np.cumprod(split, axis=0))) > 5.0] = 1.0
    units = np.cumprod(split / sound.split, axis=0)
    fields: dict[str, Any] = {n: getattr(sound, n) / units for n in ("open", "high", "low", "close", "dividend")}
    fields["dividend"] = np.where(draw.random(split.shape) < 0.15, 0.004 * fields["close"], fields["dividend"])
    fields |= {"split": split, "volume": sound.volume * units, "index": sound.index.copy()}
    for name in ("open", "high", "low", "close", "volume", "index"):
        fields[name][ends:, 3] = np.nan
    certified = list(sound.certifications)
    certified[3] = replace(certified[3], ended=True, last=sound.sessions.dates[ends - 1])
    fresh = np.isfinite(fields["close"])
    return dataclasses.replace(sound, **fields, fresh=fresh, certifications=tuple(certified))


def account_of(governor: RunGovernor) -> tuple[Any, ...]:
    """Everything its answers depend on: whatever it wrote, in order, and its quotes, which ride with the next write."""
    one = governor.gate.governor
    return one.account, dict(one.quotes), dict(one.orders), dict(one.positions), dict(one.doubts), one.use()


def lived(panel: Panel, backtested: Callable[..., Any]) -> tuple[Any, list[Event], list[tuple[Any, ...]]]:
    """A run session by session, and its governor's account after each decision."""
    trial = backtested(panel, POLICY, first=FIRST, last=FIRST)
    governor, events, accounts = governor_of(trial.run, trial.history), list(trial.ledger.written[:2]), []
    assert governor is not None
    genesis = events[0]
    assert isinstance(genesis, Genesis)
    state = RunState(open_account(genesis)).after(events[1:])
    exchange = at_once(trial.history, trial.run, governor)
    shell = RecordedShell(Driver(trial.history, trial.run), exchange, events.extend, signer("simulated", POLICY))
    for row in range(FIRST, LAST + 1):
        state = shell.session(state, row)
        accounts.append(account_of(governor))
    return trial, events, accounts


@pytest.mark.parametrize("seed", [1, 2])
def test_a_governor_folded_from_any_prefix_is_the_one_that_ran_through_and_counts_what_the_run_holds(
    make_market: Callable[..., Panel], backtested: Callable[..., Any], seed: int
) -> None:
    panel = hurt(make_market(seed, 420), seed, ends=358)
    trial, events, accounts = lived(panel, backtested)
    again = governor_of(trial.run, trial.history)
    assert again is not None
    folded, unit = [account_of(again)], {i.symbol: 10**12 // i.lots_per_unit for i in panel.instruments}

    def past(account: State, last: CycleRecord, since: Sequence[Event]) -> None:
        again.repeated(account, last, since)
        folded.append(account_of(again))
        for event in since:
            account = apply(account, event)
        held = {s: n * unit[s] for s, n in zip(account.symbols, account.lots.tolist(), strict=True) if n}
        assert again.gate.governor.positions == held
        assert not again.gate.governor.orders and not again.gate.governor.book.told

    recover(events, past)
    assert folded == accounts
    kinds = {type(e) for e in events} | {e.kind for e in events if isinstance(e, CashFlow)}
    assert kinds >= {Fill, Split, OrderRestated, OrderExpired, OrderDenied, "dividend", "cash_in_lieu"}
    assert {e.reason for e in events if isinstance(e, Fill)} == {"ORDER", "SERIES_ENDED"}
    split = {(e.session, e.symbol) for e in events if isinstance(e, Split)}
    orders = {o.id: o.symbol for e in events if isinstance(e, CycleRecord) for o in e.intents}
    assert any((e.session, orders[e.id]) not in split for e in events if isinstance(e, OrderRestated))  # not held


def test_a_governed_paper_session_restarted_every_session_makes_the_backtests_events(
    make_market: Callable[..., Panel], backtested: Callable[..., Any], papered: Callable[..., Any]
) -> None:
    panel = hurt(make_market(1, 420), 1, ends=358)
    fast, slow = (
        play(panel, POLICY, first=FIRST, last=FIRST + 12, **given)
        for play, given in ((backtested, {}), (papered, {"restart_every": 1}))
    )
    whole, parts = (
        [e for e in one.ledger.written if not isinstance(e, Genesis | DataPublished)] for one in (fast, slow)
    )
    assert parts == whole
    assert {type(e) for e in whole} >= {Fill, OrderRestated, OrderDenied}
