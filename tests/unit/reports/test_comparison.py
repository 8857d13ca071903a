"""Benchmarks against a plain walk through the sessions, closed forms, and data that cover part of the run (E3, D19)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification, History, Panel
from plimsoll.core.policy import BacktestPolicy, CashPolicy, CostPolicy, KindCost, Policy
from plimsoll.costs.model import estimate
from plimsoll.engine.history import history_of
from plimsoll.measures.performance import Metrics
from plimsoll.reports.comparison import benchmark_label, passive_books
from plimsoll.reports.followed import cash_rates, follow

FIRST, CAPITAL = 260, 100_000.0
MakeMarket = Callable[..., Panel]


def flat_costs(rate: float) -> Policy:
    """No impact: every order costs the same share of its notional."""
    kinds = {k: KindCost(commission=rate, slippage=0.0, worst_case=rate) for k in ("fund", "stock", "crypto")}
    return Policy(costs=CostPolicy(kinds=kinds, impact_y=0.0, slippage_volatile=1.0, slippage_crisis=1.0))


def without(panel: Panel, symbol: str, rows: slice) -> Panel:
    """The panel without a symbol's bars on some rows."""
    column = panel.column[symbol]
    fields = {}
    for name in ("open", "high", "low", "close", "volume", "index"):
        values = getattr(panel, name).copy()
        values[rows, column] = np.nan
        fields[name] = values
    return dataclasses.replace(panel, **fields)


def over_night(history: History, policy: Policy) -> float:
    """What the capital grew by in cash before the first opening."""
    return 1.0 + float(cash_rates(history, policy, FIRST, FIRST + 1)[1])


def named(books: list[Any]) -> dict[str, Any]:
    return {b.name: b.book for b in books}


def test_buy_and_hold_pays_once_and_grows_with_the_total_return(make_market: MakeMarket) -> None:
    panel, policy = make_market(seed=3, rows=420), flat_costs(0.002)
    history = history_of(panel, policy)
    book = named(passive_books(history, policy, FIRST, 400, CAPITAL)[0])["SPY held"]
    c, t = panel.column["SPY"], np.arange(FIRST + 1, 401)
    bought = CAPITAL * over_night(history, policy) / 1.002 / (panel.open[FIRST + 1, c] / panel.close[FIRST + 1, c])
    assert book.nav[1:] == pytest.approx(bought * panel.index[t, c] / panel.index[FIRST + 1, c], rel=1e-10)
    assert book.nav[0] == CAPITAL
    assert book.paid == pytest.approx(CAPITAL * 0.002 / 1.002, rel=1e-3)
    assert book.turned == pytest.approx(0.5 / 1.002 * over_night(history, policy))


def test_an_ex_date_pays_its_dividend_to_whoever_held_before_it(make_panel: Callable[..., Panel]) -> None:
    """100 falls by a dividend of 2 to 98: a book that held it lost nothing, one that buys that morning gets none."""
    close = np.full((300, 1), 100.0)
    close[280:] = 98.0
    index = np.where(np.arange(300)[:, None] < 280, 1.0, 1.0)
    panel = make_panel(close, ("SPY",), index=index)
    policy = flat_costs(0.0)
    history = history_of(panel, policy)
    for start in (270, 279):
        book = follow(history, policy, start, 290, {start: np.ones(1)}, CAPITAL)
        assert book.nav == pytest.approx(CAPITAL)


def walked(history: History, policy: Policy, last: int) -> tuple[list[float], float, float]:
    """60/40 in plain steps: an account of units and cash, a session at a time."""
    panel = history.panel
    columns = [panel.column["SPY"], panel.column["TLT"]]
    weights, rates = [0.6, 0.4], cash_rates(history, policy, FIRST, last)
    units, cash, nav, paid, turned = [0.0, 0.0], CAPITAL, [CAPITAL], 0.0, 0.0
    for row in range(FIRST + 1, last + 1):
        decided = row - 1
        cash *= 1.0 + float(rates[row - FIRST])
        if decided == FIRST or panel.sessions.last_of_month[decided]:
            opened = [panel.open[row, c] / panel.close[row, c] * panel.index[row, c] for c in columns]
            whole = cash + sum(u * p for u, p in zip(units, opened, strict=True))
            left, moves = whole, [0.0, 0.0]
            for _ in range(60):
                moves = [w * left - u * p for w, u, p in zip(weights, units, opened, strict=True)]
                cost = 0.0
                for move, c in zip(moves, columns, strict=True):
                    one = estimate(
                        (panel.instruments[c].kind,), np.array([abs(move)]), history.array("adv")[decided, [c]],
                        history.array("sigma")[decided, [c]], int(np.argmax(history.array("regime.belief")[decided])),
                        policy.costs,
                    )  # fmt: skip
                    cost += abs(move) * float(one.total[0])
                left = whole - cost
            turned += sum(map(abs, moves)) / 2.0 / nav[-1]
            units = [u + m / p for u, m, p in zip(units, moves, opened, strict=True)]
            cash, paid = cash - sum(moves) - cost, paid + cost
        nav.append(cash + sum(u * panel.index[row, c] for u, c in zip(units, columns, strict=True)))
    return nav, turned, paid


def test_sixty_forty_is_what_a_plain_account_makes_of_it(make_market: MakeMarket) -> None:
    panel, policy = make_market(seed=5, rows=520), Policy()
    history = history_of(panel, policy)
    book = named(passive_books(history, policy, FIRST, 519, CAPITAL)[0])["60/40"]
    nav, turned, paid = walked(history, policy, 519)
    assert book.nav == pytest.approx(nav, rel=1e-9)
    assert book.turned == pytest.approx(turned, rel=1e-6) and book.paid == pytest.approx(paid, rel=1e-6)
    assert book.turned > 0.55  # it is brought back to its weights, which is not free
    assert book.paid > 0.0


def test_what_is_not_invested_earns_what_the_accounts_cash_earns(make_market: MakeMarket) -> None:
    panel, policy = make_market(rows=420), Policy()
    history = history_of(panel, policy)
    book = follow(history, policy, FIRST, 400, {}, CAPITAL)
    days = panel.sessions.days[400] - panel.sessions.days[FIRST]
    assert book.nav[-1] / CAPITAL == pytest.approx(np.exp(0.035 * days / 365.0), rel=1e-4)
    low = msg_replace(policy, 0.05)
    assert not cash_rates(history, low, FIRST, 400).any()  # a bill of 4 % less 5 %: nothing, never less
    none = dataclasses.replace(panel, macro=np.zeros((420, 0)), macro_names=())
    assert not cash_rates(history_of(none, policy), policy, FIRST, 400).any()


def msg_replace(policy: Policy, spread: float) -> Policy:
    import msgspec

    return msgspec.structs.replace(policy, cash=CashPolicy(spread=spread))


def test_a_benchmark_that_ends_before_the_run_is_measured_over_its_own_span(material_of: Any, make_market: Any) -> None:
    """Carried flat it would lose or gain what never happened."""
    full = make_market(seed=4, rows=520)
    cut = without(full, "SPY", slice(450, None))
    m = material_of(cut)
    spans = m.result.benchmark_spans
    ends = full.sessions.dates[449]
    assert (spans["SPY held"].end, spans["60/40"].end) == (ends, ends)
    assert spans["SPY held"].sessions == 450 - m.first
    c, growth = full.column["SPY"], full.index
    opened = full.open[m.first + 1, c] / full.close[m.first + 1, c]
    expected = growth[449, c] / growth[m.first + 1, c] / opened / 1.0015 - 1.0
    assert m.result.benchmarks["SPY held"].total_return == pytest.approx(expected, abs=2e-4)
    beside = spans["SPY held"].account
    nav = dict(m.result.equity)
    assert beside.total_return == pytest.approx(nav[ends] / nav[m.result.start] - 1.0)
    (note,) = (n for n in m.result.notes if "have data" in n)
    assert f"SPY buy-and-hold and 60/40 have data to {ends} only" in note
    known = np.isfinite(m.books["SPY buy-and-hold"])  # and is not carried on in the report's curves
    assert known.sum() == 450 - m.first and known[: 450 - m.first].all()
    assert m.labels()["SPY buy-and-hold"] == f"SPY buy-and-hold to {ends}"


def test_a_benchmark_that_begins_later_is_measured_from_there(material_of: Any, make_market: Any) -> None:
    full = make_market(seed=4, rows=520)
    m = material_of(without(full, "TLT", slice(None, 300)))
    assert m.result.benchmark_spans["60/40"].start == full.sessions.dates[300]
    assert m.result.benchmark_spans["SPY held"].account == m.result.metrics
    assert any(f"60/40 have data from {full.sessions.dates[300]} only" in n for n in m.result.notes)
    assert m.result.benchmarks["60/40"].annual_return is not None


@pytest.mark.parametrize(
    ("benchmark", "said"),
    [
        ("SPX", "SPX is not in the data (did you mean SPY?)"),
        ("NOTHING", "NOTHING is not in the data: the equal"),
        ("DIA", "has bars from"),
    ],
)
def test_an_absent_benchmark_is_named_and_equal_weight_stands_in(
    make_market: MakeMarket, benchmark: str, said: str
) -> None:
    panel = make_market(rows=420)
    if benchmark == "DIA":  # it ended before the run began
        instruments = (*panel.instruments[:5], Instrument("DIA", "fund", "XNYS"), panel.instruments[6])
        panel = without(dataclasses.replace(panel, instruments=instruments), "DIA", slice(200, None))
    policy = Policy(backtest=BacktestPolicy(benchmark=benchmark))
    found, notes = passive_books(history_of(panel, policy), policy, FIRST, 419, CAPITAL)
    assert [b.name for b in found] == ["equal weight", "60/40"]
    assert any(said in n for n in notes), notes


def test_an_index_is_a_price_index_without_costs(make_market: MakeMarket) -> None:
    panel = make_market(rows=420)
    policy = Policy(backtest=BacktestPolicy(benchmark="^VIX"))
    history = history_of(panel, policy)
    found, notes = passive_books(history, policy, FIRST, 419, CAPITAL)
    book, c = named(found)["^VIX, price index"], panel.column["^VIX"]
    assert book.paid == 0.0
    assert book.nav[-1] == pytest.approx(
        CAPITAL * over_night(history, policy) * panel.close[419, c] / panel.open[FIRST + 1, c]
    )
    assert any("^VIX is a price index: no dividends" in n for n in notes)


def test_a_gap_is_said_and_a_purchase_waits_for_a_bar(make_market: MakeMarket) -> None:
    panel, policy = make_market(rows=420), flat_costs(0.0)
    holes = without(panel, "SPY", slice(FIRST + 1, FIRST + 4))
    found, notes = passive_books(history_of(holes, policy), policy, FIRST, 419, CAPITAL)
    book, c = named(found)["SPY held"], panel.column["SPY"]
    assert book.nav[:4] == pytest.approx(
        CAPITAL * np.cumprod(1 + cash_rates(history_of(panel, policy), policy, FIRST, FIRST + 3))
    )
    cash = float(book.nav[3]) * (1 + cash_rates(history_of(panel, policy), policy, FIRST, FIRST + 4)[4])
    assert book.nav[4] == pytest.approx(cash * panel.close[FIRST + 4, c] / panel.open[FIRST + 4, c])
    assert any("SPY has no bar on 3 of the 160 sessions" in n for n in notes)


def test_an_ended_series_is_closed_and_not_carried(make_market: MakeMarket) -> None:
    panel, policy = make_market(rows=420), flat_costs(0.01)
    ended = without(panel, "XLE", slice(300, None))
    certified = tuple(
        Certification(c.symbol, c.state, c.rows, c.expected, 0.0, 1.0, (), ended=c.symbol == "XLE")
        for c in panel.certifications
    )
    history = history_of(dataclasses.replace(ended, certifications=certified), policy)
    weights = np.zeros(7)
    weights[panel.column["XLE"]] = 1.0
    book = follow(history, policy, FIRST, 320, {FIRST: weights}, CAPITAL)
    sold = float(book.nav[299 - FIRST]) * 0.99
    assert book.nav[300 - FIRST] == pytest.approx(sold, rel=1e-6)
    assert book.nav[-1] > book.nav[300 - FIRST]  # interest on what it brought
    assert book.turned == pytest.approx(0.5 / 1.01 * over_night(history, policy) + 0.5, rel=1e-6)


def test_the_account_is_compared_as_a_whole_where_the_benchmark_covers_it(material: Any) -> None:
    assert all(span.account == material.result.metrics for span in material.result.benchmark_spans.values())
    assert set(material.result.benchmark_spans) == set(material.result.benchmarks)
    assert {benchmark_label(name) for name in material.result.benchmarks} == set(material.books)


def test_a_book_in_cash_states_no_sharpe_and_says_why(material_of: Any, make_market: Any) -> None:
    m = material_of(make_market(rows=420), Policy(), strategies=())
    assert m.result.fills == () and m.result.metrics.sharpe is None
    assert m.result.metrics.total_return > 0.0
    assert any("effectively in cash" in n for n in m.result.notes)
    assert isinstance(m.result.metrics, Metrics)
