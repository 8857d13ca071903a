"""Tail risk by estimator: the last held book, at both horizons, in agreement with what the run measured itself (R2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.analysis import estimates as engine_estimates
from plimsoll.capital import scenarios
from plimsoll.core.panel import View
from plimsoll.measures import tails
from plimsoll.measures.cvar import cvar
from plimsoll.reports.report_data import ReportData
from plimsoll.reports.sections import estimators


@pytest.fixture(scope="module")
def book(material: ReportData) -> engine_estimates.EstimatedBook:
    found = estimators.last_book(material)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def table(book: engine_estimates.EstimatedBook) -> dict[tuple[str, int], engine_estimates.BookEstimate]:
    return {(e.name, e.horizon): e for e in engine_estimates.estimates(book)}


def test_the_book_is_what_the_last_decision_saw(material: ReportData, book: engine_estimates.EstimatedBook) -> None:
    record = next(r for r in reversed(material.run.cycles) if any(r.held))
    assert book.session == record.session
    assert dict(zip(book.symbols, book.weights.tolist(), strict=True)) == {
        s: w for s, w in zip(record.symbols, record.held, strict=True) if w
    }


def test_filtered_historical_is_the_figure_the_gates_measured(
    material: ReportData, table: dict[tuple[str, int], engine_estimates.BookEstimate]
) -> None:
    record = next(r for r in reversed(material.run.cycles) if any(r.held))
    for horizon in (1, 10):
        assert table["Filtered historical", horizon].cvar == pytest.approx(record.figures[f"cvar_{horizon}"], rel=1e-12)


def test_historical_is_the_raw_returns_of_the_same_weights(
    material: ReportData, book: engine_estimates.EstimatedBook
) -> None:
    row = material.history.panel.sessions.row_at_or_after(book.session)
    columns = [material.history.panel.column[s] for s in book.symbols]
    index = material.history.panel.index[: row + 1, columns]
    returns = (index[1:] / index[:-1] - 1.0)[-len(book.raw[1]) :]
    assert book.raw[1] == pytest.approx(returns, abs=1e-12)
    tens = index[10:] / index[:-10] - 1.0
    assert book.raw[10] == pytest.approx(tens[-len(book.raw[10]) :], abs=1e-12)
    found = next(e for e in engine_estimates.estimates(book) if (e.name, e.horizon) == ("Historical", 10))
    assert found.cvar == pytest.approx(cvar(-(book.raw[10] @ book.weights), 0.95))
    assert found.rows == len(book.raw[10]) == len(book.raw[1]) - 9


def test_every_estimator_has_both_horizons_with_interval_and_var(
    table: dict[tuple[str, int], engine_estimates.BookEstimate],
) -> None:
    names = ("Historical", "Filtered historical", "Cornish-Fisher", "Generalised Pareto")
    assert sorted(table) == sorted((name, h) for name in names for h in (1, 10))
    for e in table.values():
        if np.isfinite(e.cvar):
            assert e.cvar >= e.var
            assert not e.interval.high < e.interval.upper and not e.interval.upper < e.interval.low
    assert np.isfinite([e.interval.upper for k, e in table.items() if "istorical" in k[0]]).all()


def test_components_sum_to_the_books_cvar(
    book: engine_estimates.EstimatedBook, table: dict[tuple[str, int], engine_estimates.BookEstimate]
) -> None:
    for horizon in (1, 10):
        found = engine_estimates.parts(book, horizon)
        assert sum(p.component for p in found) == pytest.approx(table["Filtered historical", horizon].cvar, rel=1e-12)
        assert all(p.component == pytest.approx(p.weight * p.marginal, abs=1e-15) for p in found)
        assert all(p.incremental <= p.component + 1e-15 for p in found)  # the rest may find another tail


def test_the_page_states_book_horizon_and_sample(material: ReportData, book: engine_estimates.EstimatedBook) -> None:
    page = estimators.by_estimator(material)
    captions = re.findall(r"<caption>([^<]+)", page)
    assert len(captions) == 2
    assert all(book.session in c and material.sample in c for c in captions)
    assert page.count("10 sessions") >= 4 and "1,000 block samples" in page
    assert all(f">{s}</th>" in page for s in book.symbols)


def test_a_run_that_never_held_anything_says_so(material: ReportData) -> None:
    bare = [_emptied(r) for r in material.run.cycles]
    page = estimators.by_estimator(replace(material, run=replace(material.run, cycles=bare)))
    assert "There were no positions on any close" in page and "<table" not in page


def _emptied(record: Any) -> Any:
    return msgspec.structs.replace(record, held=tuple(0.0 for _ in record.held))


def test_a_book_that_cannot_be_measured_is_unknown_not_zero(book: engine_estimates.EstimatedBook) -> None:
    dark = {h: np.full_like(r, np.nan) for h, r in book.filtered.items()}
    found = engine_estimates.estimates(replace(book, filtered=dark))
    assert all(np.isnan([e.var, e.cvar, *e.interval]).all() for e in found if e.name != "Historical")
    assert all(
        np.isnan([p.component, p.marginal, p.incremental]).all()
        for p in engine_estimates.parts(replace(book, filtered=dark), 1)
    )


def test_raw_returns_fill_a_young_assets_missing_days_with_its_own(
    make_market: Callable[..., Any], material_of: Callable[..., ReportData], material: ReportData
) -> None:
    panel = material.history.panel
    close, index = panel.close.copy(), panel.index.copy()
    close[:600, 1], index[:600, 1] = np.nan, np.nan
    index[:, 1] /= index[600, 1]
    from plimsoll.engine.history import history_of

    history = history_of(replace(panel, close=close, index=index), material.policy)
    view = View(history, len(panel.sessions) - 1)
    raw = scenarios.historical(view, np.array([0, 1]), material.policy)[1]
    own = view.indicator("scenarios.return")[600:, 1]
    assert np.isfinite(raw).all()
    assert set(raw[:, 1]) <= set(own[np.isfinite(own)])  # never zero, never another's
    early = scenarios.historical(View(history, 640), np.array([0, 1]), material.policy)[1]
    assert np.isnan(early[:, 1]).all() and np.isfinite(early[:, 0]).all()


def test_a_book_sold_before_the_end_is_measured_where_it_was_last_held(material: ReportData) -> None:
    cycles = [*material.run.cycles[:-40], *(_emptied(r) for r in material.run.cycles[-40:])]
    record = next(r for r in reversed(cycles) if any(r.held))
    found = estimators.last_book(replace(material, run=replace(material.run, cycles=cycles)))
    assert found is not None and found.session == record.session
    filtered = next(e for e in engine_estimates.estimates(found) if (e.name, e.horizon) == ("Filtered historical", 10))
    assert filtered.cvar == pytest.approx(record.figures["cvar_10"], rel=1e-12)


def test_an_interval_keeps_overlapping_windows_together(book: engine_estimates.EstimatedBook) -> None:
    losses = -(book.filtered[10] @ book.weights)
    found = next(e for e in engine_estimates.estimates(book) if (e.name, e.horizon) == ("Filtered historical", 10))
    block = tails.block_length(losses.size, 10)
    seed = tails.seed_of(losses.shape)
    known = tails.interval(losses, tails.historical, 0.95, block=block, seed=seed)
    assert tuple(found.interval) == pytest.approx(tuple(known), rel=1e-12)


def test_too_few_windows_measure_nothing(material: ReportData) -> None:
    policy = msgspec.structs.replace(
        material.policy, cvar=msgspec.structs.replace(material.policy.cvar, scenarios_min=5000)
    )
    raw = scenarios.historical(View(material.history, material.last), np.array([0]), policy)
    assert np.isnan(raw[1]).all() and np.isnan(raw[10]).all()
