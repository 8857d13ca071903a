"""Headroom, tail grid and shadow prices of a report, against measuring session by session and formulas of their own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.analysis import estimates, headroom
from plimsoll.core.panel import View
from plimsoll.core.policy import CorrelationPolicy, Policy
from plimsoll.measures import tails
from plimsoll.measures.cvar import cvar, value_at_risk
from plimsoll.reports import limit_usage, shadow_prices
from plimsoll.reports.charts import drawing as charts
from plimsoll.reports.charts.tailgrid import TailGrid, tail_grid
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections import exposure, limits
from plimsoll.reports.sections.tails import exceeded
from plimsoll.reports.sections.tails import tails as tails_section


@pytest.fixture(scope="module")
def usage(material: ReportData) -> dict[str, limit_usage.Strand]:
    return {s.name: s for s in limit_usage.limit_usage(material)}


@pytest.fixture(scope="module")
def grid(material: ReportData) -> TailGrid:
    return tail_grid(material)


def test_columns_at_once_are_the_sessions_one_by_one(
    material: ReportData, usage: dict[str, limit_usage.Strand]
) -> None:
    run_context = material.run_context
    for t in range(0, len(material.dates), 3):
        record = material.run.cycles[t]
        view = View(material.history, material.first + t)
        found = headroom.limits_in_force(view, run_context, record)
        held = headroom.held_weights(record, run_context)
        one_by_one = [
            *headroom.of_book(record, run_context, found, held),
            *headroom.of_triggers(view, record, run_context),
        ]
        plain = headroom.closest(u for u in one_by_one if u.name != "ladder")
        plain |= {f"ladder:{u.scope}": u for u in one_by_one if u.name == "ladder"}
        for name, one in plain.items():
            assert usage[name].use[t] == pytest.approx(headroom.pressure(one), rel=1e-6), (name, t)
            assert bool(usage[name].passed[t]) is not one.inside
        if "position" in plain:
            assert usage["position"].scope(t) == plain["position"].scope
        else:
            assert math.isnan(usage["position"].use[t])


def test_what_is_dear_is_measured_on_the_grid_and_nowhere_else(
    material: ReportData, usage: dict[str, limit_usage.Strand]
) -> None:
    alone = usage["standalone_1"]
    seen = set(np.flatnonzero(~np.isnan(alone.use)).tolist())
    assert seen and seen <= set(material.grid)
    t = max(seen)
    record = material.run.cycles[t]
    view = View(material.history, material.first + t)
    book = estimates.book_of(view, record, material.policy)
    assert book is not None
    shares = {
        s: w * cvar(-book.filtered[1][:, i], 0.95)
        for i, (s, w) in enumerate(zip(book.symbols, book.weights, strict=True))
    }
    kinds = {i.symbol: i.kind for i in material.history.panel.instruments}
    budget = record.limits["cvar_budget_1"]
    share = {"fund": material.policy.cvar.standalone_fund, "crypto": material.policy.cvar.standalone_crypto}
    expected = max(risk / (share[kinds[s]] * budget) for s, risk in shares.items())
    assert alone.use[t] == pytest.approx(expected, rel=1e-9)


def test_orders_are_measured_where_there_were_some(material: ReportData, usage: dict[str, limit_usage.Strand]) -> None:
    ordered = {t for t, r in enumerate(material.run.cycles) if any(r.lots)}
    for name in ("turnover", "trades", "participation"):
        assert set(np.flatnonzero(~np.isnan(usage[name].use)).tolist()) == ordered
    trades = [sum(n != 0 for n in r.lots) / material.policy.shaping.trades_max for r in material.run.cycles]
    assert [usage["trades"].use[t] for t in sorted(ordered)] == pytest.approx([trades[t] for t in sorted(ordered)])


def test_an_unmeasured_figure_is_above_and_never_zero(material: ReportData) -> None:
    cycles = list(material.run.cycles)
    cycles[5] = msgspec.structs.replace(cycles[5], figures={**cycles[5].figures, "cvar_1": None})
    found = {s.name: s for s in limit_usage.limit_usage(replace(material, run=replace(material.run, cycles=cycles)))}
    assert math.isinf(found["cvar_1"].use[5]) and found["cvar_1"].passed[5]
    assert charts.band(found["cvar_1"].use[5], passed=True) == 4


def test_the_grid_is_of_month_ends_in_a_long_run_and_of_week_ends_in_a_short_one(material: ReportData) -> None:
    dates = material.dates
    ends = [dates[t] for t in material.grid]
    assert ends[-1] == dates[-1]
    for one, following in zip(material.grid[:-1], ends[:-1], strict=True):
        week = np.datetime64(following).astype("datetime64[W]")
        assert np.datetime64(dates[one + 1]).astype("datetime64[W]") >= week
    monday = [np.datetime64(d, "D").astype(int) for d in ends]
    assert len({(d + 3) // 7 for d in monday}) == len(monday)


def test_bands_part_at_their_ends() -> None:
    cases = {0.0: 0, 0.4999: 0, 0.5: 1, 0.7499: 1, 0.75: 2, 0.9: 3, 0.9999999: 3, 1.0: 3, math.nan: 5}
    assert {u: charts.band(u, passed=False) for u in cases if u == u} == {u: b for u, b in cases.items() if u == u}
    assert charts.band(math.nan, passed=False) == 5 and charts.band(1.0, passed=True) == 4


def test_a_cell_is_the_highest_of_its_period(material: ReportData, usage: dict[str, limit_usage.Strand]) -> None:
    found = list(usage.values())
    chart = charts.headroom(found, material.grid)
    for row, strand in zip(chart.rows, found, strict=True):
        cells = [row.names[k] for a, b, k in row.spans for _ in range(a, b + 1)]
        assert len(cells) == len(material.dates)
        first = 0
        for last in material.grid:
            part = strand.use[first : last + 1]
            seen = part[~np.isnan(part)]
            if not seen.size:
                assert cells[last] == "not measured"
            elif strand.passed[first : last + 1].any():
                assert cells[last] == "above"
            else:
                assert charts.BANDS.index(cells[last]) == charts.band(float(seen.max()), passed=False)
            assert set(cells[first : last + 1]) == {cells[last]}
            first = last + 1


def test_the_table_says_what_was_measured(material: ReportData, usage: dict[str, limit_usage.Strand]) -> None:
    page = str(limits.headroom(material, []))
    cells = re.search(r'<th scope="row">CVaR 1, budget</th>(.*?)</tr>', page, re.S)
    assert cells is not None
    texts = [re.sub(r"<.*?>", "", c) for c in re.findall(r"<td.*?</td>", cells[1])]
    use = usage["cvar_1"].use
    record = material.run.cycles
    above = sum(not r.figures["cvar_1"] <= r.limits["cvar_budget_1"] for r in record)
    assert texts[0] == f"{100 * use[-1]:.0f}\xa0%" and texts[3] == f"{100 * use.max():.0f}\xa0%"
    assert texts[4] == material.dates[int(use.argmax())]
    assert texts[7] == f"{above:,}" and texts[8] == f"{len(record):,}"
    assert "Not met in this run" in page and "sector" in page


def test_pairs_are_measured_only_while_they_stand(
    make_market: Callable[..., Any], material_of: Callable[..., Any]
) -> None:
    policy = msgspec.structs.replace(Policy(), correlation=CorrelationPolicy(pair_fund=0.05, pair_fund_leave=0.01))
    found = material_of(make_market(seed=4, rows=420), policy)
    pair = {s.name: s for s in limit_usage.limit_usage(found)}["pair"]
    for t in np.flatnonzero(~np.isnan(pair.use)).tolist():
        record = found.run.cycles[t]
        weights = dict(zip(record.symbols, record.held, strict=True))
        names = pair.scope(t).split("+")
        assert any({p.first, p.second} == set(names) for p in record.carried.pairs)
        caps = found.history.array("limits.weight_max")[found.first + t]
        cap = 1.5 * max(caps[found.history.panel.column[s]] for s in names)
        assert pair.use[t] == pytest.approx(sum(weights.get(s, 0.0) for s in names) / cap, rel=1e-9)
    assert np.isfinite(pair.use).any()


def test_the_tail_grid_is_the_run_s_own_figures(material: ReportData, grid: TailGrid) -> None:
    for h, one in grid.of.items():
        own = [material.run.cycles[t].figures[f"cvar_{h}"] for t in grid.at]
        assert one.cvar == pytest.approx(own, rel=1e-12, abs=1e-15)
        assert one.component.sum(axis=1) == pytest.approx(one.cvar, rel=1e-9, abs=1e-15)
        assert (one.var <= one.cvar).all() and (one.low <= one.high).all()
        assert list(one.budget) == [material.run.cycles[t].limits[f"cvar_budget_{h}"] for t in grid.at]


def test_var_and_interval_are_those_of_the_book_measured_alone(material: ReportData, grid: TailGrid) -> None:
    g = max(i for i, t in enumerate(grid.at) if any(material.run.cycles[t].held))
    t = grid.at[g]
    book = estimates.book_of(View(material.history, material.first + t), material.run.cycles[t], material.policy)
    assert book is not None
    for h, one in grid.of.items():
        losses = -(book.filtered[h] @ book.weights)
        assert one.var[g] == pytest.approx(value_at_risk(losses, 0.95), rel=1e-9)
        plain = tails.interval(
            losses, tails.historical, 0.95, block=tails.block_length(losses.size, h), seed=tails.seed_of(losses.shape)
        )
        assert (one.low[g], one.high[g]) == pytest.approx((plain.low, plain.high), rel=1e-9)
        alone = next(e for e in estimates.estimates(book) if (e.name, e.horizon) == ("Filtered historical", h)).interval
        assert (one.low[g], one.high[g]) == pytest.approx((alone.low, alone.high), rel=1e-12)


def test_the_stack_and_the_hedges_sum_to_the_line(material: ReportData, grid: TailGrid) -> None:
    chart = charts.components(grid, material.colours)
    drawn = {s.label: np.array(s.values) * s.unit for s in chart.series}
    line = drawn.pop("CVaR")
    assert sum(drawn.values()) == pytest.approx(line, abs=1e-5 * len(drawn))


def test_a_tenth_of_a_limit_is_its_price_times_its_size(material: ReportData) -> None:
    held = [(r, r.auction) for r in material.run.cycles if r.auction is not None]
    found = {s.constraint: s for s in shadow_prices.shadows(material)}
    bounds = {"cvar": "cvar_budget_10", "cvar_1": "cvar_budget_1"}
    bounds |= {n: n.partition(":")[0] for n in found if n.startswith("stressed_")}
    assert bounds.keys() & found.keys()
    for name in sorted(bounds.keys() & found.keys()):
        bound = bounds[name]
        own = [(a.duals[name], r.limits[bound]) for r, a in held if a.duals.get(name, 0.0) > 0.0]
        assert found[name].auctions == len(own)
        assert found[name].price == pytest.approx(np.mean([p for p, _ in own]))
        assert found[name].worth == pytest.approx(sum(0.1 * p * size for p, size in own) / len(held))
    position = next(n for n in found if n.startswith("position:"))
    symbol = position.partition(":")[2]
    sizes = [
        sum(b.weight for b in a.bids if b.symbol == symbol) * shadow_prices.priced(a)[position]
        for _, a in held
        if position in shadow_prices.priced(a)
    ]
    assert found[position].worth == pytest.approx(0.1 * sum(sizes) / len(held))
    order = [s.worth for s in shadow_prices.shadows(material)]
    assert order == sorted(order, reverse=True)


def test_kinds_of_an_auction_add_up_to_its_constraints(material: ReportData) -> None:
    at, kinds = shadow_prices.by_kind(material)
    assert [material.run.cycles[t].auction is not None for t in at] == [True] * len(at)
    total = sum(float(np.nansum(v)) for v in kinds.values())
    assert total == pytest.approx(sum(s.worth for s in shadow_prices.shadows(material)) * len(at))


def test_a_loss_is_held_against_the_larger_estimate_of_the_close_before() -> None:
    curve = np.array([1.0, 0.98, 0.98, 1.0, 0.9])
    held, after = np.array([0.01, 0.02, 0.0, 0.03, 0.03]), np.array([0.02, 0.0, 0.0, np.nan, 0.03])
    lost, known = exceeded(held, after, curve)
    assert known == pytest.approx([0.02, 0.02, np.nan, 0.03], nan_ok=True)
    assert lost == pytest.approx([0.02, 0.0, np.nan, 0.1], nan_ok=True)
    assert exceeded(held[:1], after[:1], curve[:1])[0].size == 0


def test_the_page_counts_losses_beyond_the_estimate(material: ReportData) -> None:
    cycles = material.run.cycles
    pairs = []
    for one, following in pairwise(cycles):
        estimate = max(one.figures["cvar_1"] or 0.0, one.figures["cvar_after_1"] or 0.0)
        if estimate > 0.0:
            pairs.append((1.0 - following.nav / one.nav, estimate, following.session))
    beyond = sum(lost > estimate for lost, estimate, _ in pairs)
    worst = max(pairs, key=lambda p: p[0] / p[1])
    said = re.sub(r"<.*?>", "", str(tails_section(material, [])))
    assert f"after {beyond:,} of {len(pairs):,} closes" in said
    assert "the larger of those before and after orders" in said  # either alone gives another count
    assert f"on {worst[2]}, {worst[0] / worst[1]:.1f} times" in said


def test_episodes_are_the_stretches_of_the_crisis_regime(material: ReportData) -> None:
    page = str(exposure.regime(material, []))
    stressed = [r.regime.stress for r in material.run.cycles]
    begun = [t for t, on in enumerate(stressed) if on and (t == 0 or not stressed[t - 1])]
    assert begun
    table = page[page.index("Episodes, with returns") :]
    rows = re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")], re.S)[1:]
    assert len(rows) == len(begun)
    first = [re.sub(r"<.*?>", "", c) for c in re.findall(r"<t[hd].*?</t[hd]>", rows[0])]
    length = next((i for i, on in enumerate(stressed[begun[0] :]) if not on), len(stressed) - begun[0])
    assert first[0] == material.dates[begun[0]] and first[2] == str(length)
    growth = material.run.nav[begun[0] + length - 1] / material.run.nav[begun[0]] - 1.0
    assert first[6].replace("\u2212", "-") == f"{100 * growth:.1f}\xa0%"
