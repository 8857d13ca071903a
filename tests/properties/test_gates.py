"""Gates against their definitions, and with any input removed (R1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from plimsoll.core.limits import Group, LimitSet, Pair
from plimsoll.core.measurements import Measurements
from plimsoll.core.policy import Policy
from plimsoll.core.verdict import ALLOWED, Action, Verdict
from plimsoll.risk.gates import judge_held, judge_proposal

POLICY = Policy()
N = 4
NAN = float("nan")
SEEDS = st.integers(0, 2**32 - 1)


def figures(rng: np.random.Generator, most: float, size: int | None = None) -> Any:
    """Multiples of a fortieth of ``most`` up to it, so that a figure often meets its limit exactly."""
    drawn = rng.integers(0, 41, size) * most / 40.0
    return float(drawn) if size is None else drawn


def by_horizon(rng: np.random.Generator, size: int | None = None) -> dict[int, Any]:
    return {h: figures(rng, 0.2, size) for h in (1, 10)}


@st.composite
def proposals(draw: st.DrawFn) -> Measurements:
    rng = np.random.default_rng(draw(SEEDS))
    held, proposed = figures(rng, 0.4, N), figures(rng, 0.4, N)
    return Measurements(
        nav_cents=10_000_000,
        held=held,
        proposed=proposed,
        increases=proposed > held,
        gross_held=float(held.sum()),
        gross_proposed=float(proposed.sum()),
        cash_proposed=1.0 - float(proposed.sum()),
        cvar_held=by_horizon(rng),
        cvar_base=by_horizon(rng),
        cvar_proposed=by_horizon(rng),
        stressed_base=by_horizon(rng),
        stressed_proposed=by_horizon(rng),
        standalone=by_horizon(rng, N),
        incremental=figures(rng, 0.2, N),
        turnover=0.5 * float(np.abs(proposed - held).sum()),
        trades=int(rng.integers(0, 9)),
        exempt_trades=0,
        exempt_turnover=0.0,
        adv_share=figures(rng, 0.03, N),
        drawdown_episode=0.0,
        drawdown_lifetime=0.0,
    )


@st.composite
def limit_sets(draw: st.DrawFn) -> LimitSet:
    """Mostly open limits, so that often a single gate decides."""
    rng = np.random.default_rng(draw(SEEDS))

    def figure(most: float = 0.2) -> float:
        return figures(rng, most) if rng.random() < 0.25 else 9.0

    def columns(most: float = 0.2) -> np.ndarray:
        return np.where(rng.random(N) < 0.25, figures(rng, most, N), 9.0) if rng.random() < 0.4 else np.full(N, 9.0)

    return LimitSet(
        gross_max=figure(1.5),
        cash_min=figures(rng, 1.0) if rng.random() < 0.25 else -9.0,
        weight_max=columns(0.4),
        cvar_budget={1: figure(), 10: figure()},
        cvar_hard={1: figure(), 10: figure()},
        stressed_budget={1: figure(), 10: figure()},
        standalone={1: columns(), 10: columns()},
        incremental_max=columns(),
        participation_max=figure(0.03),
        turnover_max=figure(),
        trades_max=int(rng.integers(0, 9)) if rng.random() < 0.25 else 9,
        groups=(Group("s", (0, 1, 2), figure(1.0)),),
        pairs=(Pair(0, 3, figure(0.6), 0.9),),
        gross_freeze=1.02,
        gross_halt=1.10,
    )


def kept(verdict: Verdict) -> float:
    """Share of an increase a verdict lets through."""
    return {Action.ALLOW: 1.0, Action.SCALE: verdict.scale}.get(verdict.action, 0.0)


def severity(verdict: Verdict) -> int:
    """How hard a verdict is on new risk: REJECT, FREEZE and LIQUIDATE let none through, and a tail that can no longer
    be measured freezes and halts where a measured one would also sell (R3, E3: nothing is sold for want of data).
    """
    return min(verdict.action, Action.REJECT)


def verdicts(m: Measurements, limits: LimitSet) -> dict[str, Verdict]:
    """Every verdict on a proposal, by what it is on."""
    book, columns = judge_proposal(m, limits, POLICY)
    each = {f"column {i}": columns.get(i, ALLOWED) for i in range(N)}
    return {"held": judge_held(m, limits, POLICY), "book": book, **each}


def allowance(m: Measurements, limits: LimitSet) -> np.ndarray:
    """(N,) share of each increase that the gates let through together."""
    found = verdicts(m, limits)
    total = kept(found["book"]) * kept(found["held"])
    return np.array([total * kept(found[f"column {i}"]) for i in range(N)])


def without(value: Any) -> Iterator[Any]:
    """Every way in which something of an input can be missing. A kind of input that is new must be added here."""
    match value:
        case None:  # no governor stands in the path: nothing to be missing
            return
        case bool():
            yield True  # unknown whether it increases: then it does
        case int() | float():
            yield NAN
        case dict():
            for key, inner in value.items():
                yield {k: v for k, v in value.items() if k != key}
                yield from (value | {key: less} for less in without(inner))
        case np.ndarray():
            whole = True if value.dtype == bool else NAN
            yield np.full(value.size, whole)
            for i in range(value.size):
                less = value.copy()
                less[i] = whole
                yield less
        case Group() | Pair():
            for name in value.__struct_fields__:
                if isinstance(getattr(value, name), float):
                    yield msgspec.structs.replace(value, **{name: NAN})
        case tuple() if all(isinstance(v, str) for v in value):
            yield ()
        case tuple():
            for i, inner in enumerate(value):
                yield from ((*value[:i], less, *value[i + 1 :]) for less in without(inner))
        case _:
            raise TypeError(f"what is missing of a {type(value).__name__}?")


INPUTS = [("m", f.name) for f in fields(Measurements)] + [("limits", f.name) for f in fields(LimitSet)]


def looser(m: Measurements, limits: LimitSet, side: str, name: str, changed: Any, before: dict[str, Verdict]) -> str:
    """What a changed field loosens, "" where nothing."""
    if side == "m":
        after = verdicts(replace(m, **{name: changed}), limits)
    else:
        after = verdicts(m, replace(limits, **{name: changed}))
    for scope, verdict in before.items():
        if severity(after[scope]) < severity(verdict) or not kept(after[scope]) <= kept(verdict):
            return f"{side}.{name} = {changed}: {scope} from {verdict} to {after[scope]}"
    return ""


@settings(max_examples=50, deadline=None)
@given(proposals(), limit_sets())
def test_removing_any_input_never_loosens_a_verdict(m: Measurements, limits: LimitSet) -> None:
    """Every field of both inputs, found by itself: dropped or unknown, whole and in part. No figure may be infinite
    either: no measurement gives one, so it is shown to be inside no limit.
    """
    before = verdicts(m, limits)
    for side, name in INPUTS:
        for less in without(getattr(m if side == "m" else limits, name)):
            assert not looser(m, limits, side, name, less, before)
            if side == "m" and name != "increases":
                for bad in (np.inf, -np.inf):
                    assert not looser(m, limits, side, name, _with(less, bad), before)


def _with(value: Any, bad: float) -> Any:
    """The same with ``bad`` where it says NaN."""
    if isinstance(value, dict):
        return {k: _with(v, bad) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return np.where(np.isnan(value), bad, value)
    return bad if value != value else value


@settings(max_examples=150, deadline=None)
@given(proposals(), limit_sets())
def test_findings_are_those_of_the_definitions(m: Measurements, limits: LimitSet) -> None:
    """Each gate in a line, one column at a time, in the order of the book: the plain reading of the rules."""
    book, columns = judge_proposal(m, limits, POLICY)
    if not m.increases.any():
        return
    rise = np.where(m.increases, m.proposed - m.held, 0.0)
    slack = 1.0 - POLICY.auction.limit_slack

    def room(base: float, added: float, limit: float) -> float:
        share = (limit - base) / added if added > 0.0 else 0.0
        return max(0.0, min(1.0, share)) * slack

    plain: dict[tuple[str, str], float] = {}
    for h in (1, 10):
        after, base, budget = m.cvar_proposed[h], m.cvar_base[h], limits.cvar_budget[h]
        if after > budget:
            plain[f"cvar_{h}", "book"] = room(base, after - base, budget)
        scale = plain.get((f"cvar_{h}", "book"), 1.0)
        if after > limits.cvar_hard[h] and scale in (0.0, 1.0):
            plain[f"cvar_{h}", "book"] = 0.0
        after, base, budget = m.stressed_proposed[h], m.stressed_base[h], limits.stressed_budget[h]
        if after > budget:
            plain[f"stressed_{h}", "book"] = room(base, after - base, budget)
    added = float(rise.sum())
    totals = (
        ("gross", m.gross_proposed, added, limits.gross_max),
        ("cash", -m.cash_proposed, added, -limits.cash_min),
        ("turnover", m.turnover, 0.5 * added, limits.turnover_max),
    )
    for name, figure, part, limit in totals:
        if figure > limit:
            plain[name, "book"] = room(figure - part, part, limit)
    if m.trades > limits.trades_max:
        plain["trades", "book"] = 0.0
    together = [("group", g.members, g.cap) for g in limits.groups]
    together += [("pair", (q.first, q.second), q.cap) for q in limits.pairs]
    for i in np.flatnonzero(m.increases).tolist():
        own = [("position", m.proposed[i], m.held[i], rise[i], limits.weight_max[i])]
        for h in (1, 10):
            risk = m.standalone[h][i]
            part = risk * rise[i] / m.proposed[i]
            own.append((f"standalone_{h}", risk, risk - part, part, limits.standalone[h][i]))
        own.append(("incremental", m.incremental[i], 0.0, m.incremental[i], limits.incremental_max[i]))
        own.append(("participation", m.adv_share[i], 0.0, m.adv_share[i], limits.participation_max))
        for gate, members, cap in together:
            if i in members:
                weight, part = m.proposed[list(members)].sum(), rise[list(members)].sum()
                own.append((gate, weight, weight - part, part, cap))
        for gate, figure, base, part, limit in own:
            if figure > limit:
                plain[gate, str(i)] = room(base, part, limit)
    found = {(f.gate, f.scope) for v in (book, *columns.values()) for f in v.findings}
    near = {key for key in found ^ plain.keys() if key[0] in ("group", "pair")}  # sums in another order
    assert found ^ plain.keys() <= near
    if not near:
        scales = [s for (_, scope), s in plain.items() if scope == "book"]
        assert kept(book) == pytest.approx(min(scales, default=1.0), abs=1e-9)
        for i in range(N):
            scales = [s for (_, scope), s in plain.items() if scope == str(i)]
            assert kept(columns.get(i, ALLOWED)) == pytest.approx(min(scales, default=1.0), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(proposals(), limit_sets(), st.integers(0, N - 1))
def test_an_unknown_weight_never_lets_more_through(m: Measurements, limits: LimitSet, column: int) -> None:
    """A weight that cannot be known makes gross and cash unknown as well: that is how it is measured."""
    before = allowance(m, limits)
    proposed = m.proposed.copy()
    proposed[column] = NAN
    blind = replace(m, proposed=proposed, gross_proposed=NAN, cash_proposed=NAN, turnover=NAN)
    assert (allowance(blind, limits)[m.increases] <= before[m.increases]).all()


@settings(max_examples=100, deadline=None)
@given(proposals(), limit_sets())
def test_a_proposal_that_only_reduces_passes(m: Measurements, limits: LimitSet) -> None:
    reduced = replace(m, proposed=np.minimum(m.held, m.proposed), increases=np.zeros(N, dtype=bool))
    assert judge_proposal(reduced, limits, POLICY) == (ALLOWED, {})


@settings(max_examples=100, deadline=None)
@given(proposals(), limit_sets())
def test_a_scale_is_below_one_where_something_failed(m: Measurements, limits: LimitSet) -> None:
    book, columns = judge_proposal(m, limits, POLICY)
    for verdict in (book, *columns.values()):
        assert (verdict.scale < 1.0) is (verdict.action is not Action.ALLOW)
        assert verdict.scale >= 0.0
