"""Uses of limits, against what the decisions recorded and formulas of their own (R1, R3, A4, A7, R6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.analysis import headroom
from plimsoll.analysis.headroom import LimitUse
from plimsoll.core.decision import CycleRecord, HeldPair
from plimsoll.core.lifecycle import Lifecycle
from plimsoll.core.limits import AccountCaps
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.engine.limits import limits_at
from plimsoll.engine.proposal import tails_of
from plimsoll.reports.limit_usage import _LABELS

POLICY = Policy()


@pytest.fixture(scope="module")
def trial(make_market: Callable[..., Any], backtested: Callable[..., Any]) -> Any:
    return backtested(make_market(seed=2, rows=760, crash=0.012, at=420), POLICY, capital=10_000_000)


def sessions(trial: Any) -> Iterator[tuple[View, CycleRecord]]:
    panel = trial.history.panel
    for record in trial.ledger.records:
        yield View(trial.history, panel.sessions.row_at_or_after(record.session)), record


def with_orders(trial: Any) -> Iterator[tuple[View, CycleRecord]]:
    return ((v, r) for v, r in sessions(trial) if any(r.lots))


def by_name(uses: Any, name: str) -> dict[str, LimitUse]:
    return {u.scope: u for u in uses if u.name == name}


def test_the_limit_set_is_worked_out_again_as_the_decision_had_it(trial: Any) -> None:
    scaled = 0
    for view, record in sessions(trial):
        fallen = record.figures["drawdown_lifetime"]
        found = limits_at(view, trial.run, (), drawdown_lifetime=fallen, stress=record.regime.stress)
        for h in (1, 10):
            assert found.cvar_budget[h] == record.limits[f"cvar_budget_{h}"]
            assert found.stressed_budget[h] == record.limits[f"stressed_{h}"]
        scaled += found.cvar_budget[1] < POLICY.cvar.budget_1
    assert scaled > 10


def test_a_record_is_believed_before_the_policy_at_hand(trial: Any) -> None:
    view, record = next(sessions(trial))
    other = msgspec.structs.replace(record, limits={**record.limits, "gross": 0.7, "cvar_budget_1": 0.001})
    found = headroom.limits_in_force(view, trial.run, other)
    assert found.gross_max == 0.7 and found.cvar_budget[1] == 0.001


def test_what_the_book_uses_is_the_record_over_its_limits(trial: Any) -> None:
    for view, record in islice(sessions(trial), 0, None, 7):
        limits = headroom.limits_in_force(view, trial.run, record)
        held = headroom.held_weights(record, trial.run)
        uses = list(headroom.of_book(record, trial.run, limits, held))
        for h in (1, 10):
            for name, bound in ((f"cvar_{h}", f"cvar_budget_{h}"), (f"cvar_hard_{h}", f"cvar_hard_{h}")):
                one = by_name(uses, name)["book"]
                assert one.use == pytest.approx(record.figures[f"cvar_{h}"] / record.limits[bound], rel=1e-12)
                assert one.headroom == pytest.approx(record.limits[bound] - record.figures[f"cvar_{h}"], abs=1e-12)
        cash = by_name(uses, "cash")["book"]
        assert cash.use == pytest.approx(sum(record.held) / (1.0 - POLICY.limits.cash_min), abs=1e-6)
        weights = {s: w for s, w in zip(record.symbols, record.held, strict=True) if w}
        position = by_name(uses, "position")
        assert set(position) == set(weights)
        for symbol, one in position.items():
            cap = trial.history.array("limits.weight_max")[view.row, trial.run.column[symbol]]
            assert one.use == pytest.approx(weights[symbol] / cap, rel=1e-12)


def test_what_was_bought_kept_inside_the_caps_it_is_measured_against(trial: Any) -> None:
    """Independent of the gates: orders they passed are at most at their limits, and some come close."""
    most: dict[str, float] = {}
    for view, record in with_orders(trial):
        run = trial.run
        limits = headroom.limits_in_force(view, run, record)
        held, orders = headroom.held_weights(record, run), headroom.order_weights(record, run)
        after = held + orders
        bought = np.flatnonzero(orders > 0.0)
        tails = tails_of(view, run, np.flatnonzero((held != 0) | (orders != 0)).astype(np.int64), stressed=True)
        uses = [
            *headroom.of_orders(view, record, run, limits, orders),
            *headroom.of_increases(record, run, limits, held, orders, tails),
        ]
        only_bought = np.where(np.isin(np.arange(after.size), bought), after, 0.0)
        uses += [u for u in headroom.of_tails(run, limits, only_bought, tails) if u.name.startswith("standalone")]
        uses += [u for u in headroom.of_book(record, run, limits, only_bought) if u.name == "position" and bought.size]
        if bought.size:
            for one in uses:
                assert one.inside, (record.session, one)
                most[one.name] = max(most.get(one.name, 0.0), headroom.pressure(one))
    assert most["turnover"] > 0.5 and most["position"] > 0.95 and most["standalone_1"] > 0.9
    assert set(most) == {
        "turnover", "trades", "participation", "incremental", "standalone_1", "standalone_10", "position",
    }  # fmt: skip


def test_orders_are_counted_as_the_intents_have_them(trial: Any) -> None:
    view, record = next(with_orders(trial))
    run = trial.run
    limits = headroom.limits_in_force(view, run, record)
    uses = list(headroom.of_orders(view, record, run, limits, headroom.order_weights(record, run)))
    assert by_name(uses, "trades")["orders"].measured == len(record.intents)
    for intent in record.intents:
        c = run.column[intent.symbol]
        value = abs(intent.lots) / float(run.lots_per_unit[c]) * intent.reference
        share = value / float(view.now("adv")[c])
        assert by_name(uses, "participation")[intent.symbol].measured == pytest.approx(share, rel=1e-4)


def test_a_session_without_orders_has_nothing_to_say_of_them(trial: Any) -> None:
    view, record = next((v, r) for v, r in sessions(trial) if not any(r.lots))
    limits = headroom.limits_in_force(view, trial.run, record)
    assert list(headroom.of_orders(view, record, trial.run, limits, headroom.order_weights(record, trial.run))) == []


def test_a_pair_shares_its_multiple_of_the_larger_cap(trial: Any) -> None:
    view, record = next((v, r) for v, r in sessions(trial) if sum(w > 0 for w in r.held) >= 2)
    held = [s for s, w in zip(record.symbols, record.held, strict=True) if w]
    carried = msgspec.structs.replace(record.carried, pairs=(HeldPair(held[0], held[1], 0.95),))
    paired = msgspec.structs.replace(record, carried=carried)
    limits = headroom.limits_in_force(view, trial.run, paired)
    weights = headroom.held_weights(paired, trial.run)
    one = by_name(headroom.of_book(paired, trial.run, limits, weights), "pair")[f"{held[0]}+{held[1]}"]
    caps = [view.now("limits.weight_max")[trial.run.column[s]] for s in held[:2]]
    assert one.limit == pytest.approx(1.5 * max(caps)) and one.measured == pytest.approx(
        sum(w for s, w in zip(record.symbols, record.held, strict=True) if s in held[:2])
    )


def test_the_ladder_is_measured_from_each_rungs_own_peak(trial: Any) -> None:
    for view, record in islice(sessions(trial), 400, 500, 10):
        rungs = by_name(headroom.of_triggers(view, record, trial.run), "ladder")
        peaks = record.carried.ladder
        for rung in POLICY.ladder.rungs:
            peak = peaks.lifetime_peak if rung.basis == "lifetime" else peaks.episode_peak
            assert rungs[rung.name].measured == pytest.approx(1.0 - record.nav / peak, abs=1e-12)
            assert rungs[rung.name].limit == rung.threshold


def test_what_was_not_measured_is_absent_and_outside(trial: Any) -> None:
    view, record = next((v, r) for v, r in sessions(trial) if any(r.held))
    bare = msgspec.structs.replace(record, figures=dict.fromkeys(record.figures))
    limits = headroom.limits_in_force(view, trial.run, bare)
    uses = list(headroom.of_book(bare, trial.run, limits, headroom.held_weights(bare, trial.run)))
    for name in ("cvar_1", "cvar_hard_10", "gross"):
        one = by_name(uses, name)["book"]
        assert (one.measured, one.use, one.headroom) == (None, None, None) and not one.inside


@pytest.mark.parametrize(
    ("name", "measured", "limit", "inside", "use"),
    [
        ("gross", 1.0, 1.0, True, 1.0),
        ("gross", math.nextafter(1.0, 2.0), 1.0, False, math.nextafter(1.0, 2.0)),
        ("gross", math.nan, 1.0, False, None),
        ("gross", math.inf, 1.0, False, None),
        ("gross", 0.5, math.nan, False, None),
        ("position", 0.1, 0.0, False, None),
        ("position", 0.0, 0.0, True, 0.0),
        ("ladder", 0.08, 0.08, False, 1.0),
        ("ladder", math.nextafter(0.08, 0.0), 0.08, True, math.nextafter(0.08, 0.0) / 0.08),
        ("vix", 40.0, 40.0, False, 1.0),
    ],
)
def test_a_limit_is_kept_only_where_that_is_shown(
    name: str, measured: float, limit: float, inside: bool, use: float | None
) -> None:
    one = headroom.used(name, "book", measured, limit)
    assert one.inside is inside and one.use == use


def test_the_closest_scope_speaks_for_its_limit_and_the_unknown_is_closest() -> None:
    known = [headroom.used("position", s, m, 0.2) for s, m in (("A", 0.1), ("B", 0.19), ("C", 0.15))]
    assert headroom.closest(known)["position"].scope == "B"
    assert headroom.closest([*known, headroom.used("position", "D", math.nan, 0.2)])["position"].scope == "D"


def test_a_stage_is_measured_on_its_strategys_part_of_the_target(trial: Any) -> None:
    record = next(r for r in trial.ledger.records if r.carried.portfolio is not None and r.carried.portfolio.shares)
    assert list(headroom.of_stages(record)) == []  # nobody follows the strategies of this run
    names = sorted({s.strategy for s in record.carried.portfolio.shares})
    one = (0,) * len(names)
    lives = Lifecycle(
        strategies=tuple(names), stage=("SCALING",) * len(names), since=one, suspended=(False,) * len(names), age=one,
        error=(None,) * len(names), flipped=(False,) * len(names), idle=one, stale=one,
        decay=(1.0,) * len(names), cap=(0.2,) * len(names),
    )  # fmt: skip
    carried = msgspec.structs.replace(record.carried, lifecycle=lives)
    found = {u.scope: u for u in headroom.of_stages(msgspec.structs.replace(record, carried=carried))}
    for name in names:
        part = sum(s.weight for s in record.carried.portfolio.shares if s.strategy == name)
        assert found[name].measured == pytest.approx(part) and found[name].use == pytest.approx(part / 0.2)


def test_the_accounts_caps_stand_beside_the_others_where_a_governor_is_in_the_path(trial: Any) -> None:
    view, record = next(with_orders(trial))
    orders = headroom.order_weights(record, trial.run)
    held = np.where(orders > 0.0, 0.01, 0.0)
    limits = headroom.limits_in_force(view, trial.run, record)
    assert not list(headroom.of_account(record, trial.run, limits, held, orders))
    caps = AccountCaps(2_000.0, np.full(held.size, 4_000.0), 9_000.0, 0.5, 0.01)
    uses = list(headroom.of_account(record, trial.run, msgspec.structs.replace(limits, account=caps), held, orders))
    nav, bought = record.nav / 100.0, [trial.run.symbols[c] for c in np.flatnonzero(orders > 0.0)]
    assert bought and set(by_name(uses, "account_position")) == set(by_name(uses, "account_trade")) == set(bought)
    for symbol, one in by_name(uses, "account_trade").items():
        lots, at = record.lots[record.symbols.index(symbol)], trial.run.column[symbol]
        worth = lots * float(view.now("mark")[at]) / int(trial.run.lots_per_unit[at])
        assert one.measured == pytest.approx(worth / nav, abs=1e-6) and one.limit == 2_000.0 / nav
        assert one.headroom == pytest.approx((2_000.0 - worth) / nav, abs=1e-6)
    (turnover,) = by_name(uses, "account_turnover").values()
    assert turnover.measured == pytest.approx(1.01 * np.abs(orders).sum()) and turnover.limit == 9_000.0 / nav
    (gross,) = by_name(uses, "account_gross").values()
    assert (gross.measured, gross.limit) == (pytest.approx(0.01 * len(bought)), 0.5)
    for name in {u.name for u in uses}:
        assert name in headroom.MEANING and name in _LABELS
