"""Target portfolios and a strategy's own terms through the whole cycle (S1, A2, A7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.alpha import terms
from plimsoll.alpha.registry import load
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import InputError
from plimsoll.core.forecast import Forecast, TargetWeights
from plimsoll.core.panel import FIELDS, Panel, View
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import Sessions
from plimsoll.engine.history import history_of

Market = Callable[..., Panel]
Backtested = Callable[..., Any]
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "target_weights.py"

BASE = Policy()
LOOSE = replace(
    BASE,
    auction=replace(BASE.auction, schedule="daily", limit_slack=0.0),
    limits=replace(BASE.limits, assets={}, weight_fund=1.0, cash_min=0.0),
    cvar=replace(BASE.cvar, budget_1=0.5, hard_1=0.6, budget_10=0.8, hard_10=0.9, incremental_fund=1.0),
    stops=replace(BASE.stops, reduce_default=0.9, exit_default=0.95),
    shaping=replace(BASE.shaping, turnover_max=1.0),
    ladder=replace(BASE.ladder, enabled=False),
)


@dataclass
class Wants:
    """A portfolio at each auction; ``says`` may be a function of the view."""

    says: Any
    name: str = "wants"
    schedule: str | None = None
    holding_sessions: int | None = None
    ic: float | None = None
    factors: dict[str, Any] | None = None
    asked: list[str] = field(default_factory=list)

    def forecast(self, view: View, holding: Any, policy: Policy) -> Any:
        self.asked.append(view.date)
        return self.says(view) if callable(self.says) else self.says


def first_lots(records: list[CycleRecord]) -> dict[str, int]:
    return dict(zip(records[0].symbols, records[0].lots, strict=True))


@pytest.mark.parametrize("kind", ["dict", "TargetWeights", "numpy"])
def test_with_loose_limits_60_40_is_60_40_in_lots(make_market: Market, backtested: Backtested, kind: str) -> None:
    panel = make_market(1, 264)
    weights = {"SPY": 0.6, "TLT": 0.4}
    said: Any = weights if kind == "dict" else TargetWeights(weights)
    if kind == "numpy":
        said = {s: np.float32(0.5) if s == "SPY" else np.float64(0.25) for s in weights}
        weights = {"SPY": 0.5, "TLT": 0.25}
    trial = backtested(panel, LOOSE, strategies=(Wants(said),))
    record = trial.records[0]
    (held,) = record.auction.targets
    assert (held.strategy, held.scale, held.limit) == ("wants", 1.0, "")
    for symbol, weight in weights.items():
        price = panel.close[260, panel.column[symbol]]
        assert first_lots(trial.records)[symbol] == int(weight * 100_000.0 / price)
    assert not any(e.kind == "TARGET_SCALED" for e in record.events)


def test_a_cap_scales_the_whole_and_is_named(make_market: Market, backtested: Backtested) -> None:
    policy = replace(LOOSE, limits=replace(LOOSE.limits, weight_fund=0.3))
    record = backtested(make_market(1, 264), policy, strategies=(Wants({"SPY": 0.6, "TLT": 0.4}),)).records[0]
    weights = {b.symbol: b.weight for b in record.auction.bids}
    assert weights == {"SPY": pytest.approx(0.3), "TLT": pytest.approx(0.2)}
    (held,) = record.auction.targets
    assert (held.asked, held.scale, held.limit) == (pytest.approx(1.0), pytest.approx(0.5), "position:SPY")
    (event,) = [e for e in record.events if e.kind == "TARGET_SCALED"]
    assert (event.measured, event.scope) == (pytest.approx(0.5), "wants: position:SPY")
    assert all("TARGET_SCALED" in b.reasons and b.binding == "position:SPY" for b in record.auction.bids)


@pytest.mark.parametrize(
    ("weights", "limit", "gross"), [({"SPY": 1.2, "TLT": 0.8}, "gross", 1.0), ({"SPY": 0.5}, "", 0.5)]
)
def test_more_than_the_gross_limit_is_scaled_to_it(
    make_market: Market, backtested: Backtested, weights: dict[str, float], limit: str, gross: float
) -> None:
    record = backtested(make_market(1, 264), LOOSE, strategies=(Wants(weights),)).records[0]
    assert record.auction.targets[0].limit == limit
    assert sum(b.weight for b in record.auction.bids) == pytest.approx(gross)


def test_unknown_and_uncertified_weights_stay_cash_and_negative_ones_are_refused(
    make_market: Market, backtested: Backtested
) -> None:
    panel = make_market(1, 264)
    panel = _changed(panel, certifications=tuple(
        replace(c, state="QUARANTINED") if c.symbol == "GLD" else c for c in panel.certifications))  # fmt: skip
    wants = Wants({"SPY": 0.3, "GLD": 0.2, "XXX": 0.2, "TLT": -0.1, "QQQ": float("nan"), "XLE": None})
    record = backtested(panel, LOOSE, strategies=(wants,)).records[0]
    weights = {b.symbol: b.weight for b in record.auction.bids}
    assert weights.pop("SPY") == pytest.approx(0.3)
    assert set(weights.values()) == {0.0}
    reasons = {b.symbol: b.reasons for b in record.auction.bids}
    assert "NOT_ACTIVE" in reasons["GLD"]
    assert reasons["XXX"] == ("NOT_IN_UNIVERSE",)
    assert reasons["TLT"] == reasons["QQQ"] == reasons["XLE"] == ("FORECAST_INVALID",)
    told = {e.scope for e in record.events if e.kind in ("FORECAST_INVALID", "NOT_IN_UNIVERSE")}
    assert told == {
        "wants: XXX: not a symbol of the universe",
        "wants: TLT: its weight is negative, and the portfolio is long only",
        "wants: QQQ: its weight is not a finite number",
        "wants: XLE: its weight is not a finite number",
    }


def test_a_weight_that_is_gone_or_zero_is_sold_and_an_error_is_not(make_market: Market, backtested: Backtested) -> None:
    panel = make_market(1, 280)

    def says(view: View) -> Any:
        match view.row:
            case 270:
                raise RuntimeError("not today")
            case n if n < 275:
                return {"SPY": 0.3, "GLD": 0.2, "TLT": 0.2}
            case _:
                return {"SPY": 0.3, "GLD": 0.0}

    records = backtested(panel, LOOSE, strategies=(Wants(says),)).records
    sold = {(r.session, i.symbol) for r in records for i in r.intents if i.lots < 0}
    assert {s for d, s in sold if d <= panel.sessions.dates[274]} <= set()
    assert {s for d, s in sold if d == panel.sessions.dates[275]} == {"GLD", "TLT"}


def _changed(panel: Panel, **given: Any) -> Panel:
    from dataclasses import replace as changed

    return changed(panel, **given)


def test_a_portfolio_beside_forecasts_keeps_its_part_and_loosens_nothing(
    make_market: Market, backtested: Backtested
) -> None:
    policy = replace(BASE, auction=replace(BASE.auction, schedule="daily"))
    greedy = Wants([Forecast(s, 0.02, 0.04, 0.9, 10, "greedy") for s in ("QQQ", "XLE", "GLD")], "greedy")
    records = backtested(
        make_market(1, 280), policy, strategies=(Wants({"SPY": 0.3, "TLT": 0.3}), greedy), last=275
    ).records
    for r in records:
        (held,) = r.auction.targets
        assert held.scale > 0.0
        assert sum(b.weight for b in r.auction.bids if b.strategy == "greedy") > 0.0
        assert r.auction.cvar <= policy.cvar.budget_10
        assert sum(b.weight for b in r.auction.bids) <= 0.95


def test_the_example_runs_and_explains_itself(make_market: Market, backtested: Backtested) -> None:
    records = backtested(make_market(1, 280), BASE, strategies=load([str(EXAMPLE)])).records
    assert {i.symbol for r in records for i in r.intents} == {"SPY", "TLT"}


def test_the_first_example_of_the_documentation_runs(
    make_market: Market, backtested: Backtested, tmp_path: Path
) -> None:
    page = (EXAMPLE.parents[1] / "docs" / "strategies.md").read_text(encoding="utf-8")
    block = page.split("```python\n")[1].split("```")[0]
    assert len(block.splitlines()) <= 12
    (tmp_path / "first.py").write_text(block)
    records = backtested(make_market(1, 280), BASE, strategies=load([str(tmp_path / "first.py")])).records
    assert {i.symbol for r in records for i in r.intents} == {"SPY", "TLT"}


# A strategy's own terms


def test_each_strategy_is_asked_at_its_own_dates_and_keeps_what_it_holds_between(
    make_market: Market, backtested: Backtested
) -> None:
    panel = make_market(1, 330)
    monthly = Wants([Forecast("SPY", 0.004, 0.04, 0.9, 10, "monthly", target_weight=0.1)], "monthly")
    weekly = Wants([Forecast("GLD", 0.02, 0.04, 0.9, 10, "weekly")], "weekly", schedule="week_end")
    records = backtested(panel, BASE, strategies=(monthly, weekly)).records
    held_on = [r.session for r in records if r.auction is not None]
    ends = panel.sessions.last_of_month
    due = [panel.sessions.dates[r] for r in range(261, 330) if ends[r]]
    assert monthly.asked == [panel.sessions.dates[260], *due]
    assert set(weekly.asked) <= set(held_on) == set(weekly.asked) | set(monthly.asked)
    assert len(weekly.asked) > 3 * len(monthly.asked)
    between = [b for r in records if r.auction and r.session not in monthly.asked
               for b in r.auction.bids if b.strategy == "monthly"]  # fmt: skip
    assert between and all(b.decision == "KEPT" and "NOT_DUE" in b.reasons for b in between)
    assert not [i for r in records for i in r.intents if i.symbol == "SPY" and i.lots < 0]


def test_a_cost_is_spread_over_the_strategys_own_holding(make_market: Market, backtested: Backtested) -> None:
    says = [Forecast("SPY", 0.02, 0.04, 0.9, 10, "x", target_weight=0.1)]
    bids = {
        own: backtested(
            make_market(1, 262), BASE, strategies=(Wants(says, holding_sessions=own),)
        ).records[0].auction.bids[0]
        for own in (None, 5, 20)
    }  # fmt: skip
    assert bids[5].cost == pytest.approx(2.0 * bids[20].cost)  # min(1, 10 / 5) against 10 / 20
    assert bids[None].cost == pytest.approx(bids[5].cost * 10 / 63)


def test_the_policy_a_strategy_reads_has_its_own_ic(make_market: Market, backtested: Backtested) -> None:
    from plimsoll.alpha.rules import bid

    class Rule(Wants):
        def forecast(self, view: View, holding: Any, policy: Policy) -> Any:
            return [bid("SPY", 1.0, 0.2, 0.9, "x", policy)]

    mus = [
        backtested(make_market(1, 262), BASE, strategies=(Rule(None, ic=ic),)).records[0].auction.bids[0].mu
        for ic in (None, 0.1)
    ]
    assert mus[1] == pytest.approx(2.0 * mus[0])


@pytest.mark.parametrize(
    "wrong",
    [{"schedule": "hourly"}, {"holding_sessions": 0}, {"holding_sessions": 2.5}, {"ic": 0.0}, {"ic": 1.1},
     {"ic": float("nan")}, {"factors": {"x": 3}}],
)  # fmt: skip
def test_terms_that_are_none_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"mine.*{next(iter(wrong))}"):
        terms.check(Wants({}, **wrong), "mine")
    terms.check(Wants({}, schedule="daily", holding_sessions=1, ic=1.0, factors={"x": len}), "mine")


def prefix(panel: Panel, rows: int) -> Panel:
    """The panel as it was after its first rows."""
    s = panel.sessions
    cut = {name: getattr(panel, name)[:rows] for name in (*FIELDS, "fresh", "macro")}
    return _changed(panel, sessions=Sessions(s.days[:rows], s.opens[:rows], s.closes[:rows], int(s.days[rows])), **cut)


def spread(panel: Panel) -> Any:
    return (panel.high - panel.low) / panel.close


def test_a_declared_factor_is_there_by_its_name_and_is_causal(make_market: Market, backtested: Backtested) -> None:
    panel = make_market(1, 300)
    seen: dict[str, float] = {}

    def says(view: View) -> Any:
        seen[view.date] = float(view.now("wants.spread")[view.symbols.index("SPY")])
        return {"SPY": 0.1}

    wants = Wants(says, factors={"wants.spread": spread})
    backtested(panel, BASE, strategies=(wants,))
    assert seen
    for date, value in seen.items():
        row = panel.sessions.dates.index(date)
        assert value == spread(panel)[row, panel.column["SPY"]]
    whole = history_of(panel, BASE, (wants,)).array("wants.spread")
    head = history_of(prefix(panel, 280), BASE, (wants,)).array("wants.spread")
    assert whole[:280].tobytes() == head.tobytes()


def test_a_factor_name_that_is_taken_is_refused(make_market: Market) -> None:
    panel = make_market(1, 280)
    with pytest.raises(InputError, match=r"'price'.*Plimsoll itself"):
        history_of(panel, BASE, (Wants({}, factors={"price": spread}),))
    with pytest.raises(InputError, match=r"'mine'.*strategy 'one'"):
        history_of(
            panel, BASE, (Wants({}, "one", factors={"mine": spread}), Wants({}, "two", factors={"mine": spread}))
        )


@pytest.mark.parametrize(
    "peeks",
    [lambda panel: np.roll(panel.close, -1, axis=0), lambda panel: panel.close / np.nanmean(panel.close),
     lambda panel: np.full(len(panel.sessions), panel.close[-1, 0])],
)  # fmt: skip
def test_a_factor_that_reads_the_future_is_an_error(make_market: Market, backtested: Backtested, peeks: Any) -> None:
    wants = Wants(lambda view: {"SPY": float(np.ravel(view.now("peek"))[0])}, factors={"peek": peeks})
    records = backtested(make_market(1, 300), BASE, strategies=(wants,), last=262).records
    errors = [e.scope for e in records[0].events if e.kind == "STRATEGY_ERROR"]
    assert len(errors) == 1 and "factor 'peek' of 'wants' reads the future" in errors[0]


def test_a_factor_of_another_shape_is_an_error_of_its_strategy(make_market: Market, backtested: Backtested) -> None:
    wants = Wants(lambda view: {"SPY": float(view.now("odd"))}, factors={"odd": lambda panel: np.zeros(3)})
    (event,) = [
        e for r in backtested(make_market(1, 262), BASE, strategies=(wants,), last=260).records for e in r.events
    ]
    assert event.kind == "STRATEGY_ERROR" and "factor 'odd' of 'wants' has shape (3,)" in event.scope
