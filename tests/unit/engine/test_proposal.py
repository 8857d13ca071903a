"""The step to the wish: scaled, vetted, measured again; reductions as they are (steps 9-13; R1, G1)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.core.policy import AssetLimits, Policy


def weight(record: Any, symbol: str) -> float:
    return dict(zip(record.symbols, record.proposed, strict=True)).get(symbol, 0.0)


def changed(**sections: dict[str, Any]) -> Policy:
    base = Policy()
    return replace(base, **{name: replace(getattr(base, name), **fields) for name, fields in sections.items()})


def test_a_target_portfolio_inside_every_limit_is_traded_as_it_is(decided, under) -> None:
    record = decided(under({"SPY": 0.05, "TLT": 0.05}))
    assert weight(record, "SPY") == pytest.approx(0.05, abs=0.003)
    assert record.findings == () == record.vetoes
    assert record.outcome == ["EXECUTE", "EXECUTE"]


def test_an_increase_above_its_cap_is_scaled_into_it_and_the_rest_is_left(decided, under) -> None:
    record = decided(under({"XLE": 0.4, "TLT": 0.05}))
    assert 0.12 < weight(record, "XLE") <= 0.15
    assert weight(record, "TLT") == pytest.approx(0.05, abs=0.003)
    assert "POSITION_ABOVE_MAX" in {f.reason for f in record.findings}


def test_cvar_scales_the_whole_increase_into_its_budget(decided, under) -> None:
    policy = changed(cvar={"budget_10": 0.006, "budget_1": 0.002})
    record = decided(under({"SPY": 0.1, "TLT": 0.1, "GLD": 0.1}), policy=policy)
    assert "CVAR_ABOVE_BUDGET" in {f.reason for f in record.findings}
    for h in (1, 10):
        assert 0.0 < record.figures[f"cvar_after_{h}"] <= record.limits[f"cvar_budget_{h}"]
    assert all(0.0 < weight(record, symbol) < 0.095 for symbol in ("SPY", "TLT", "GLD"))


def test_the_room_of_a_rejected_order_goes_to_another_that_is_measured_with_its_own_tail(decided, under) -> None:
    barred = {"XLE": AssetLimits(max_weight=0.0)}
    policy = changed(shaping={"trades_max": 1}, limits={"assets": Policy().limits.assets | barred})
    record = decided(under({"XLE": 0.14, "TLT": 0.10}), policy=policy)
    assert (weight(record, "XLE"), weight(record, "TLT")) == (0.0, pytest.approx(0.10, abs=0.003))
    alone = decided(under({"TLT": 0.10}))
    assert record.figures["cvar_after_10"] == alone.figures["cvar_after_10"] > 0.0


def test_a_reduction_passes_whatever_the_book_looks_like(decided, under) -> None:
    policy = changed(
        cvar={"budget_10": 0.0006, "budget_1": 0.0002, "hard_10": 0.0009, "hard_1": 0.0003},
        shaping={"trades_max": 0, "turnover_max": 0.0},
    )
    record = decided(under({}, SPY=100, GLD=50), policy=policy)
    assert dict(zip(record.symbols, record.lots, strict=True)) == {"GLD": -50, "SPY": -100}
    assert all(i.reduce_only for i in record.intents)


def test_between_budget_and_hard_limit_nothing_grows_and_nothing_is_sold(decided, under) -> None:
    held = decided(under({"SPY": 0.2}, 8_000_000, SPY=100))
    measured = held.figures["cvar_10"]
    policy = changed(cvar={"budget_10": measured * 0.9, "budget_1": 0.02})
    record = decided(under({"SPY": 0.3, "TLT": 0.1}, 8_000_000, SPY=100), policy=policy)
    assert not any(record.lots)
    assert "CVAR_ABOVE_BUDGET" in {f.reason for f in record.findings}


def test_a_held_book_above_the_hard_limit_is_scaled_to_its_budget_the_same_session(decided, under) -> None:
    measured = decided(under({"SPY": 0.2}, 8_000_000, SPY=100)).figures["cvar_10"]
    policy = changed(cvar={"budget_10": measured * 0.5, "hard_10": measured * 0.8, "budget_1": 0.02})
    record = decided(under({"SPY": 0.3, "TLT": 0.1}, 8_000_000, SPY=100), policy=policy)
    assert record.figures["cvar_after_10"] == pytest.approx(measured * 0.5, rel=0.02)
    assert weight(record, "TLT") == 0.0


def test_a_book_above_its_hard_limit_at_both_horizons_is_told_once(decided, under) -> None:
    figures = decided(under({"SPY": 0.2}, 8_000_000, SPY=100)).figures
    budgets = {f"budget_{h}": figures[f"cvar_{h}"] * 0.5 for h in (1, 10)}
    hard = {f"hard_{h}": figures[f"cvar_{h}"] * 0.8 for h in (1, 10)}
    record = decided(under({"SPY": 0.3, "TLT": 0.1}, 8_000_000, SPY=100), policy=changed(cvar=budgets | hard))
    assert dict(zip(record.symbols, record.reasons, strict=True))["TLT"] == ["CVAR_ABOVE_HARD"]
    assert sorted(f.gate for f in record.findings) == ["cvar_1", "cvar_10"]


def test_a_doubtful_forecast_grows_by_half(decided, under) -> None:
    sure = weight(decided(under({"SPY": 0.1})), "SPY")
    policy = changed(vetoes={"confidence_warning": 0.95})
    record = decided(under({"SPY": 0.1}), policy=policy)
    assert [v.trigger for v in record.vetoes] == ["MODEL_DECAY"]
    assert weight(record, "SPY") == pytest.approx(sure / 2, abs=0.003)


def test_vix_and_a_warning_give_one_halving_between_them(decided, under) -> None:
    sure = weight(decided(under({"SPY": 0.1})), "SPY")
    policy = changed(vetoes={"confidence_warning": 0.95}, forecast={"vix_high": 1.0})
    record = decided(under({"SPY": 0.1}), policy=policy)
    assert weight(record, "SPY") == pytest.approx(sure / 2, abs=0.003)


def test_what_no_scale_brings_under_the_hard_limit_is_rejected_and_its_reductions_still_pass(decided, under) -> None:
    """A hedge is sold, so the book before any increase is already above the budget: there is nothing to scale to."""
    held = {"SPY": 250, "TLT": 350}
    rest = decided(under({"SPY": 0.5, "TLT": 0.4}, 1_000_000, **held)).figures["cvar_10"]
    bare = decided(under({"SPY": 0.5}, 1_000_000, **held)).figures["cvar_after_10"]
    assert rest < bare  # the hedge did hedge
    policy = changed(
        cvar={"budget_10": rest * 1.001, "hard_10": 0.5 * (rest + bare), "budget_1": 0.5, "hard_1": 0.5},
        limits={"gross_max": 1.5, "cash_min": 0.0},
    )
    record = decided(under({"SPY": 0.5, "GLD": 0.1}, 1_000_000, **held), policy=policy)
    orders = {i.symbol: i.lots for i in record.intents}
    assert orders.get("TLT", 0) < 0 and "GLD" not in orders and orders.get("SPY", 0) <= 0
    found = {f.reason for f in record.findings if f.gate == "cvar_10"}
    assert found == {"CVAR_ABOVE_BUDGET", "CVAR_ABOVE_HARD"}
    assert record.carried.halted == ""  # a refusal of new risk, no halt


def test_a_proposal_above_gross_is_scaled_into_it(decided, under) -> None:
    policy = changed(limits={"gross_max": 0.12, "cash_min": 0.0})
    record = decided(under({"SPY": 0.1, "TLT": 0.1}), policy=policy)
    assert "GROSS_ABOVE_MAX" in {f.reason for f in record.findings}
    assert 0.10 < record.figures["gross_after"] <= 0.12
