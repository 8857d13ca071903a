"""A date is judged by what was known that day: a history that stops earlier has the same arrays and decisions (D10)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.core.bars import COLUMNS, Bars
from plimsoll.core.dates import day_number
from plimsoll.core.forecast import Forecast
from plimsoll.core.panel import FIELDS, Panel
from plimsoll.core.policy import BacktestPolicy, DataPolicy, Policy
from plimsoll.market import calendars
from plimsoll.market.instruments import infer
from plimsoll.market.publish import build
from plimsoll.store.codec import encode

START, STOP = day_number("2016-01-04"), day_number("2017-12-29")
CALENDAR = calendars.expected_days("XNYS", START, STOP)
SYMBOLS = ("AAA", "BBB", "BTC-USD", "CCC", "DDD", "EEE", "^VIX")
# short windows, so that findings age, series end and warm-ups pass within two years
POLICY = replace(
    Policy(),
    data=DataPolicy(note_after=60, ended_after=8, affected_universe_max=0.3, rows_active=200),
    backtest=BacktestPolicy(min_rows=60),
)
ARRAYS = (*FIELDS, "fresh")
KNOWN = ("sound", "quality", "ended", "late")


class Shelf:
    """A store of given bars: as much of one as ``build`` asks for."""

    def __init__(self, bars: dict[str, Bars]) -> None:
        self._bars = bars

    def instruments(self) -> tuple[tuple[Any, ...], bool]:
        return tuple(infer(symbol, "stock") for symbol in sorted(self._bars)), True

    def bars(self, symbol: str) -> Bars:
        return self._bars[symbol]

    def audits(self) -> tuple[Any, ...]:
        return ()

    def confirmations(self) -> tuple[Any, ...]:
        return ()

    def macro(self, names: Any = None) -> dict[str, Any]:
        return {}


def series(rng: np.random.Generator, symbol: str) -> Bars:
    """A price path of one symbol with a defect or two on random dates."""
    days = calendars.expected_days(infer(symbol, "stock").calendar, START, STOP)
    days = days[int(rng.choice([0, 0, 40, 120])) :]
    close = (15.0 if symbol == "^VIX" else 100.0) * np.exp(np.cumsum(rng.normal(0.0, 0.01, days.size)))
    values = {name: close.copy() for name in COLUMNS}
    values |= {"high": close * 1.01, "low": close * 0.99, "volume": rng.uniform(1e5, 1e6, days.size)}
    values |= {"dividend": np.full(days.size, np.nan), "split": np.full(days.size, np.nan)}
    kept = np.ones(days.size, dtype=bool)
    for defect in rng.choice(("jump", "spike", "zero", "range", "stuck", "gap", "holes", "over", "none"), 2):
        at = int(rng.integers(20, days.size - 20))
        if defect == "jump":
            for name in ("open", "high", "low", "close", "adj_close"):
                values[name][at:] *= 0.4
        elif defect == "spike":
            for name in ("open", "high", "low", "close", "adj_close"):
                values[name][at] *= 1.45
        elif defect == "zero":
            values["low"][at] = 0.0
        elif defect == "range":
            values["high"][at] = values["close"][at] * 0.5
        elif defect == "stuck":
            for name in ("open", "high", "low", "close", "adj_close"):
                values[name][at : at + 9] = values["close"][at]
            values["volume"][at : at + 9] = 0.0
        elif defect == "gap":
            kept[at : at + 14] = False
        elif defect == "holes":
            kept[at:][rng.random(days.size - at) < 0.15] = False
        elif defect == "over":
            kept[at:] = False
    return Bars(days, *(values[name] for name in COLUMNS)).take(kept)


def market(seed: int) -> dict[str, Bars]:
    rng = np.random.default_rng(seed)
    made = {symbol: series(rng, symbol) for symbol in SYMBOLS}
    if rng.random() < 0.3:  # files that were not refreshed: several stop at once
        cut = int(rng.choice(CALENDAR[100:-30]))
        for symbol in ("BBB", "CCC", "DDD"):
            made[symbol] = made[symbol].take(made[symbol].day <= cut)
    if rng.random() < 0.3:  # one bar far before its series
        bars = made["EEE"]
        early = calendars.expected_days("XNYS", day_number("2012-01-03"), day_number("2012-01-05"))[:1]
        made["EEE"] = Bars(
            np.append(early, bars.day), *(np.append(getattr(bars, n)[0], getattr(bars, n)) for n in COLUMNS)
        )
    return made


def until(made: dict[str, Bars], end: int) -> Panel:
    return build(Shelf({s: b.take(b.day <= end) for s, b in made.items()}), POLICY, end, True)  # type: ignore[arg-type]


@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 100_000), cuts=st.lists(st.integers(95, CALENDAR.size - 1), min_size=3, max_size=3))
def test_a_home_that_stops_earlier_knows_the_same_of_every_date(seed: int, cuts: list[int]) -> None:
    made = market(seed)
    whole = until(made, STOP)
    for cut in cuts:
        part = until(made, int(CALENDAR[cut]))
        rows = len(part.sessions)
        assert part.sessions.days.tolist() == whole.sessions.days[:rows].tolist()  # the first row stays (D14)
        for name in KNOWN:
            mine, theirs = getattr(part.certified, name), getattr(whole.certified, name)[:rows]
            assert np.ascontiguousarray(mine).tobytes() == np.ascontiguousarray(theirs).tobytes(), (name, cut)
        for name in ARRAYS:
            assert np.array_equal(getattr(part, name), getattr(whole, name)[:rows], equal_nan=name != "fresh"), name


@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 100_000))
def test_the_last_row_is_the_certification_of_the_end(seed: int) -> None:
    panel = until(market(seed), STOP)
    for column, judged in enumerate(panel.certifications):
        if judged.rows:
            assert panel.certified.quality[-1, column] == judged.score, judged
            assert panel.certified.ended[-1, column] == judged.ended
            unsound = set(judged.reasons) - {"ROWS_SHORT", "SERIES_ENDED", "DATA_LATE"}
            assert panel.certified.sound[-1, column] == (not unsound), judged


class Everything:
    """Bids for all there is."""

    name = "everything"

    def forecast(self, view: Any, holding: Any, policy: Policy) -> list[Forecast]:
        return [Forecast(s, 0.01, 0.05, 0.8, 10, "wanted", score=1.0) for s in view.symbols if s != "^VIX"]


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate]
)
@given(seed=st.integers(0, 100_000), cut=st.integers(250, CALENDAR.size - 30))
def test_both_homes_decide_the_same_bits(backtested: Callable[..., Any], seed: int, cut: int) -> None:
    made = market(seed)
    panels = [until(made, int(CALENDAR[cut])), until(made, STOP)]
    last = len(panels[0].sessions) - 1
    first = last - 120
    short, long = (
        backtested(panel, POLICY, strategies=(Everything(),), first=first, last=last).records for panel in panels
    )
    assert [encode(replace(r, snapshot="")) for r in short] == [encode(replace(r, snapshot="")) for r in long]


def test_the_markets_of_these_tests_do_trade(backtested: Callable[..., Any]) -> None:
    panel = until(market(0), STOP)
    trial = backtested(panel, POLICY, strategies=(Everything(),), first=253, last=373)
    assert any(r.intents for r in trial.records)


def test_a_crash_bars_from_its_day_on_and_nobody_before(make_panel: Callable[..., Panel]) -> None:
    rng = np.random.default_rng(0)
    days = CALENDAR
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, days.size)))
    close[300:] *= 0.4
    values = {name: close.copy() for name in COLUMNS} | {"high": close * 1.01, "low": close * 0.99}
    values |= {"volume": np.full(days.size, 1e6), **{n: np.full(days.size, np.nan) for n in ("dividend", "split")}}
    bars = Bars(days, *(values[name] for name in COLUMNS))
    panel = build(Shelf({"AAA": bars}), POLICY, STOP, True)  # type: ignore[arg-type]
    assert np.flatnonzero(~panel.certified.sound[:, 0]).tolist() == list(range(300, days.size))  # until confirmed
    assert panel.certified.quality[299, 0] == 1.0 and panel.certified.quality[300, 0] == pytest.approx(0.7)
    assert panel.certifications[0].active_from == panel.sessions.dates[199]


def test_a_finding_that_does_not_break_the_adjustment_ages(make_panel: Callable[..., Panel]) -> None:
    close = np.full(CALENDAR.size, 100.0) * np.exp(0.001 * np.sin(np.arange(CALENDAR.size)))
    values = {name: close.copy() for name in COLUMNS} | {"high": close * 1.01, "low": close * 0.99}
    values["high"][200] = 50.0
    values |= {"volume": np.full(close.size, 1e6), **{n: np.full(close.size, np.nan) for n in ("dividend", "split")}}
    panel = build(Shelf({"AAA": Bars(CALENDAR, *(values[n] for n in COLUMNS))}), POLICY, STOP, True)  # type: ignore[arg-type]
    assert np.flatnonzero(~panel.certified.sound[:, 0]).tolist() == list(range(200, 260))


def ends(bars: dict[str, int | None], **policy: Any) -> SimpleNamespace:
    """``ended`` and ``late`` of symbols whose last bar is of so many sessions before the end, by symbol."""
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, CALENDAR.size)))
    made = {}
    for symbol, before in bars.items():
        values = {name: close.copy() for name in COLUMNS} | {"high": close * 1.01, "low": close * 0.99}
        values |= {
            "volume": np.full(close.size, 1e6),
            **{n: np.full(close.size, np.nan) for n in ("dividend", "split")},
        }
        last = CALENDAR[-1 - (before or 0)]
        made[symbol] = Bars(CALENDAR, *(values[n] for n in COLUMNS)).take(last >= CALENDAR)
    chosen = replace(POLICY, data=replace(POLICY.data, **policy)) if policy else POLICY
    panel = build(Shelf(made), chosen, None, True)  # type: ignore[arg-type]
    at = {s: panel.column[s] for s in bars}
    return SimpleNamespace(
        ended={s: np.flatnonzero(panel.certified.ended[:, c]).tolist() for s, c in at.items()},
        late={s: np.flatnonzero(panel.certified.late[:, c]).tolist() for s, c in at.items()},
        rows=len(panel.sessions),
    )


def test_one_that_stops_while_others_go_on_has_ended_once_that_can_be_known() -> None:
    found = ends({"AAA": 20, "BBB": 0, "CCC": 0})
    assert found.ended["AAA"] == list(range(found.rows - 20 + 8, found.rows))  # the ninth session without a bar
    assert not found.late["AAA"] and not found.ended["BBB"]
    assert not ends({"AAA": 8, "BBB": 0, "CCC": 0}).ended["AAA"]
    assert len(ends({"AAA": 9, "BBB": 0, "CCC": 0}).ended["AAA"]) == 1


def test_two_that_stop_together_are_late_and_two_far_apart_have_ended() -> None:
    together = ends({"AAA": 20, "BBB": 18, "CCC": 0, "DDD": 0})
    assert not together.ended["AAA"] and not together.ended["BBB"]
    assert together.late["AAA"] and together.late["BBB"]
    apart = ends({"AAA": 60, "BBB": 20, "CCC": 0, "DDD": 0})
    assert apart.ended["AAA"] and apart.ended["BBB"]
    few = ends({"AAA": 20, "BBB": 18, "CCC": 0, "DDD": 0}, affected_universe_max=0.5)
    assert few.ended["AAA"] and few.ended["BBB"]  # half of four, and half is allowed


def test_a_fresher_index_or_coin_file_ends_nobody() -> None:
    index = ends({"AAA": 100, "BBB": 100, "^VIX": 0})
    assert index.rows == CALENDAR.size - 100  # as of the newest bar of what can be traded
    coin = ends({"AAA": 100, "BBB": 100, "BTC-USD": 0})
    assert coin.rows == CALENDAR.size
    assert not coin.ended["AAA"] and not coin.ended["BBB"] and coin.late["AAA"]
    alone = ends({"AAA": 100, "BTC-USD": 0})
    assert not alone.ended["AAA"] and alone.late["AAA"]
