"""What holds of every record of every run, whatever the market and whatever the policy (R1, A7, G1, U8)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.decision import OUTCOMES, CycleRecord
from plimsoll.core.events import Genesis
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import REASONS
from plimsoll.core.state import apply, open_account
from plimsoll.governance.vetoes import SEVERITIES
from plimsoll.risk.modes import MODES, TRANSITIONS


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies a user could load: any mix of strict and loose."""
    base = Policy()
    budget = draw(st.sampled_from([0.01, 0.03, 0.045]))
    limits = replace(
        base.limits,
        gross_max=draw(st.sampled_from([0.5, 1.0])),
        cash_min=draw(st.sampled_from([0.0, 0.05, 0.4])),
        participation_max=draw(st.sampled_from([1e-7, 0.01])),
    )
    return replace(
        base,
        limits=limits,
        lifecycle=replace(base.lifecycle, enabled=draw(st.booleans()), sessions_min=63, trades_min=1),
        auction=replace(
            base.auction,
            schedule=draw(st.sampled_from(["month_end", "week_end", "daily"])),
            hurdle_sharpe=draw(st.sampled_from([0.0, 0.1])),
        ),
        shaping=replace(
            base.shaping,
            trades_max=draw(st.sampled_from([1, 3, 5])),
            turnover_max=draw(st.sampled_from([0.05, 0.3, 1.0])),
            band_nav=draw(st.sampled_from([0.0, 0.02])),
            min_trade=draw(st.sampled_from([0.0, 100.0])),
        ),
        cvar=replace(base.cvar, budget_10=budget, budget_1=budget / 3.0, hard_10=budget * 1.2, hard_1=budget * 0.5),
        stops=replace(base.stops, trailing=draw(st.booleans()), exit_default=0.05, reduce_default=0.03),
        ladder=replace(base.ladder, flatten_on_panic=draw(st.booleans())),
    )


@st.composite
def wounds(draw: st.DrawFn) -> Callable[[Panel], dict[str, Any]]:
    """Ways real data is hurt: missing bars, late bars, unknown volume, a series that stops."""
    seed, share = draw(st.integers(0, 99)), draw(st.sampled_from([0.0, 0.0, 0.002, 0.02]))
    dry, stops = draw(st.booleans()), draw(st.booleans())

    def hurt(panel: Panel) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        gone = rng.random(panel.close.shape) < share
        gone[0] = False
        if stops:
            gone[400:, 1] = True
        fields = {
            name: np.where(gone, np.nan, getattr(panel, name))
            for name in ("open", "high", "low", "close", "volume", "index")
        }
        if dry:
            fields["volume"][380:, 3] = np.nan
        certified = tuple(
            replace(c, ended=stops and i == 1, last=panel.sessions.dates[399]) if stops and i == 1 else c
            for i, c in enumerate(panel.certifications)
        )
        return {**fields, "fresh": ~gone, "certifications": certified}

    return hurt


@settings(max_examples=14, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 40),
    crash=st.sampled_from([0.0, 0.004, 0.01, 0.03]),
    at=st.sampled_from([262, 300, 330]),
    policy=policies(),
    wound=wounds(),
)
def test_every_record_of_every_run_keeps_the_laws(
    make_market: Callable[..., Panel],
    backtested: Callable[..., Any],
    seed: int,
    crash: float,
    at: int,
    policy: Policy,
    wound: Callable[[Panel], dict[str, Any]],
) -> None:
    sound = make_market(seed, 500, crash=crash, at=at)
    panel = dataclasses.replace(sound, **wound(sound))
    trial = backtested(panel, policy)
    genesis, *events = trial.ledger.written
    assert isinstance(genesis, Genesis)
    state, mode = open_account(genesis), "NORMAL"
    for event in events:
        if isinstance(event, CycleRecord):
            row = panel.sessions.row_at_or_after(event.session)
            mark = trial.history.array("mark")[row]
            _accounts_for_everything(event, panel)
            _speaks_the_vocabulary(event)
            _reduces_when_it_must(event, state.lots, mark, panel)
            _increases_only_inside_limits(event, policy, panel, row)
            _says_what_the_account_is(event, state, mark, panel)
            assert event.carried.mode == mode or event.carried.mode in TRANSITIONS[mode]
            mode = event.carried.mode
        state = apply(state, event)
        assert (state.lots >= 0).all()
        assert state.cash >= 0


def _accounts_for_everything(record: CycleRecord, panel: Panel) -> None:
    named = [s for s in record.symbols if panel.instruments[panel.column[s]].tradable]
    assert len(named) + record.others == sum(i.tradable for i in panel.instruments)
    assert set(record.outcome) <= set(OUTCOMES)
    assert all((outcome == "EXECUTE") == (lots != 0) for outcome, lots in zip(record.outcome, record.lots, strict=True))
    assert all(record.reasons)
    assert {i.symbol: i.lots for i in record.intents} == {
        s: n for s, n in zip(record.symbols, record.lots, strict=True) if n
    }
    assert all(intent.reduce_only == (intent.lots < 0) for intent in record.intents)


def _speaks_the_vocabulary(record: CycleRecord) -> None:
    said = [code for codes in record.reasons for code in codes]
    said += [f.reason for f in record.findings] + [e.kind for e in record.events] + list(record.restraint.reasons)
    if record.auction is not None:
        said += [*record.auction.reasons, *(code for bid in record.auction.bids for code in bid.reasons)]
    assert set(said) <= set(REASONS)
    assert all(len(set(codes)) == len(codes) for codes in record.reasons)
    assert {v.trigger for v in record.vetoes} <= set(SEVERITIES)
    assert record.carried.mode in MODES


def _reduces_when_it_must(record: CycleRecord, lots: Any, mark: Any, panel: Panel) -> None:
    """Nothing sells below what is wished for, and nothing holds back a sale to zero."""
    if "ERROR" in record.outcome:
        assert not any(record.lots)
        return
    for symbol, held, desired, order in zip(record.symbols, record.held, record.desired, record.lots, strict=True):
        if desired == 0.0 and held > 0.0:
            assert order == -lots[panel.column[symbol]]
        if order < 0:
            units = panel.instruments[panel.column[symbol]].lots_per_unit
            lot = mark[panel.column[symbol]] / units * 100.0 / record.nav
            assert desired <= held + lot  # what is sold may be the part of a lot that the wish does not hold


def _increases_only_inside_limits(record: CycleRecord, policy: Policy, panel: Panel, row: int) -> None:
    rising = [s for s, n in zip(record.symbols, record.lots, strict=True) if n > 0]
    if record.restraint.no_new_risk or record.carried.halted or record.carried.mode in ("HALTED", "LIQUIDATING"):
        assert not rising
    figures, limits = record.figures, record.limits
    gross = sum(map(abs, record.proposed))
    if "ERROR" not in record.outcome:
        assert figures["gross_after"] is not None and abs(figures["gross_after"] - gross) < 1e-12
    if not rising:
        return
    assert gross <= policy.limits.gross_max
    assert 1.0 - gross >= policy.limits.cash_min - 1e-12
    for h in (1, 10):
        cvar, stressed = figures[f"cvar_after_{h}"], figures.get(f"stressed_after_{h}")
        assert cvar is not None and cvar <= limits[f"cvar_budget_{h}"] <= limits[f"cvar_hard_{h}"]
        assert stressed is not None and stressed <= limits[f"stressed_{h}"]
    traded = sum(abs(p - h) for p, h in zip(record.proposed, record.held, strict=True))
    assert 0.5 * traded <= policy.shaping.turnover_max
    assert np.count_nonzero(record.lots) <= policy.shaping.trades_max
    for symbol in rising:
        at = record.symbols.index(symbol)
        column, limit = panel.column[symbol], policy.limits.assets[symbol]
        assert record.proposed[at] <= limit.max_weight
        if limit.volatility_target is not None:
            price = panel.index[:, column][: row + 1]
            price = price[np.isfinite(price)] if np.isnan(price).any() else price
            daily = (price[1:] / price[:-1] - 1.0)[-60:]
            if not np.isnan(panel.index[row - 60 : row + 1, column]).any():
                ceiling = limit.max_weight * min(1.0, limit.volatility_target / (np.std(daily, ddof=1) * 252**0.5))
                assert record.proposed[at] <= ceiling * (1.0 + 1e-9)
        value = record.lots[at] / panel.instruments[column].lots_per_unit * panel.close[row, column]
        volume = np.nanmean((panel.close[:, column] * panel.volume[:, column])[row - 19 : row + 1])
        assert value <= policy.limits.participation_max * volume * (1.0 + 1e-9)
        assert record.desired[at] > record.held[at]


def _says_what_the_account_is(record: CycleRecord, state: Any, mark: Any, panel: Panel) -> None:
    assert record.cash == state.cash
    units = np.array([i.lots_per_unit for i in panel.instruments])
    held = state.lots != 0
    if np.isfinite(mark[held]).all():
        values = np.rint(state.lots[held] / units[held] * mark[held] * 100.0)
        assert abs(record.nav - state.cash - values.sum()) <= held.sum()
    assert {s for s, w in zip(record.symbols, record.held, strict=True) if w} <= {
        panel.symbols[c] for c in np.flatnonzero(held)
    }
