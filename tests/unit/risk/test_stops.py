"""Stops per holding (R7): 12 % reduces and 18 % sells without an entry; S4's stop where there is one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from plimsoll.core.decision import StopState
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import History, Panel, View, history_behind
from plimsoll.core.policy import AssetLimits, Policy
from plimsoll.risk import stops

POLICY = Policy()
TRAILING = Policy(stops=msgspec.structs.replace(POLICY.stops, trailing=True))
SYMBOLS = ("ABC", "GLD", "BTC-USD")
NAN = float("nan")


@pytest.fixture
def view_of(make_panel: Callable[..., Panel]) -> Callable[..., View]:
    def build(mark: list[list[float]], policy: Policy = POLICY, sma_50: float = 0.0, row: int = -1) -> View:
        marks = np.array(mark)
        panel = make_panel(marks, SYMBOLS)
        catalogue = {
            "mark": lambda p: p.close.copy(),
            "price": lambda p: p.close.copy(),
            "sma_50": lambda p: np.full(p.close.shape, sma_50),
            **stops.factors(policy),
        }
        return View(History(panel, catalogue), row % len(marks))

    return build


def judge(view: View, states=(), held=(0.2, 0.3, 0.1), cost=(100.0, 100.0, 100.0), policy: Policy = POLICY):
    return stops.step(tuple(states), view, np.array(held), np.array(cost), policy)


@pytest.mark.parametrize(
    ("instrument", "pair"),
    [
        (Instrument("ABC", "stock", "XNYS"), (0.12, 0.18)),
        (Instrument("GLD", "fund", "XNYS"), (0.12 * 2 / 3, 0.12)),
        (Instrument("BTC-USD", "crypto", "24/7"), (0.18, 0.27)),
        (Instrument("ABC", "stock", "XNYS", stop=0.09), (0.06, 0.09)),
        (Instrument("GLD", "fund", "XNYS", stop=0.30), (0.12 * 2 / 3, 0.12)),
        (Instrument("BTC-USD", "crypto", "24/7", stop=0.18), (0.12, 0.18)),
    ],
)
def test_the_stricter_of_policy_and_universe_stops_each_kind(instrument: Instrument, pair: tuple[float, float]) -> None:
    assert stops.thresholds(instrument, POLICY) == pytest.approx(pair)


def test_nothing_near_its_stop_costs_nothing_and_says_nothing(view_of: Callable[..., View]) -> None:
    result = judge(view_of([[88.01, 92.01, 82.01]]))
    assert (result.stops, result.caps, result.events) == ((), {}, ())


@pytest.mark.parametrize(
    ("mark", "column", "stage", "cap"),
    [
        ([88.0, 100.0, 100.0], 0, 1, 0.1),
        ([82.0, 100.0, 100.0], 0, 2, 0.0),
        ([100.0, 91.9, 100.0], 1, 1, 0.15),
        ([100.0, 88.0, 100.0], 1, 2, 0.0),
        ([100.0, 100.0, 82.0], 2, 1, 0.05),
        ([100.0, 100.0, 73.0], 2, 2, 0.0),
    ],
)
def test_a_stop_fires_at_its_threshold(
    view_of: Callable[..., View], mark: list[float], column: int, stage: int, cap: float
) -> None:
    result = judge(view_of([mark]))
    assert [(s.symbol, s.stage) for s in result.stops] == [(SYMBOLS[column], stage)]
    assert result.caps == pytest.approx({column: cap})
    (event,) = result.events
    assert event.kind == ("STOP_REDUCED" if stage == 1 else "STOP_EXITED")
    assert event.scope == SYMBOLS[column]


def test_each_stage_fires_once_per_holding(view_of: Callable[..., View]) -> None:
    first = judge(view_of([[85.0, 100.0, 100.0]]))
    again = judge(view_of([[84.0, 100.0, 100.0]]), first.stops, held=(0.1, 0.3, 0.1))
    assert again.stops == first.stops and again.caps == first.caps and again.events == ()
    out = judge(view_of([[81.0, 100.0, 100.0]]), again.stops, held=(0.1, 0.3, 0.1))
    assert [e.kind for e in out.events] == ["STOP_EXITED"]
    assert out.caps == {0: 0.0}
    still = judge(view_of([[80.0, 100.0, 100.0]]), out.stops, held=(0.1, 0.3, 0.1))
    assert still.stops == out.stops and still.events == ()


def test_what_is_not_held_or_not_known_is_not_sold(view_of: Callable[..., View]) -> None:
    assert judge(view_of([[50.0, 50.0, 50.0]]), held=(0.0, 0.0, 0.0), cost=(NAN, NAN, NAN)).events == ()
    assert judge(view_of([[NAN, 50.0, 100.0]]), cost=(100.0, NAN, 100.0)).events == ()


def test_the_cap_stands_while_flat_and_until_an_auction_lifts_it(view_of: Callable[..., View]) -> None:
    out = judge(view_of([[80.0, 100.0, 100.0]])).stops
    assert judge(view_of([[120.0, 100.0, 100.0]]), out, held=(0.0, 0.3, 0.1)).caps == {0: 0.0}


def lifted(view_of: Callable[..., View], state: StopState, *, rows: int, sma_50: float) -> tuple[StopState, ...]:
    view = view_of([[100.0, 100.0, 100.0]] * rows, sma_50=sma_50)
    first = int(view.sessions.days[0])
    return stops.lift((msgspec.structs.replace(state, day=first),), view, POLICY)


def test_an_auction_lifts_a_cap_ten_sessions_later_above_the_mean(view_of: Callable[..., View]) -> None:
    exited, reduced = StopState("ABC", 2, 0.0, 0), StopState("ABC", 1, 0.1, 0)
    assert len(lifted(view_of, exited, rows=10, sma_50=99.0)) == 1
    assert len(lifted(view_of, exited, rows=11, sma_50=100.0)) == 1
    assert len(lifted(view_of, exited, rows=11, sma_50=NAN)) == 1
    assert lifted(view_of, exited, rows=11, sma_50=99.0) == ()
    (kept,) = lifted(view_of, reduced, rows=11, sma_50=99.0)
    assert (kept.stage, kept.cap) == (1, stops.UNCAPPED)


def test_a_lifted_reduction_is_remembered_until_flat_so_it_fires_once(view_of: Callable[..., View]) -> None:
    known = (StopState("ABC", 1, stops.UNCAPPED, 0),)
    held = judge(view_of([[87.0, 100.0, 100.0]]), known)
    assert (held.stops, held.caps, held.events) == (known, {}, ())
    assert [e.kind for e in judge(view_of([[81.0, 100.0, 100.0]]), known).events] == ["STOP_EXITED"]
    assert judge(view_of([[87.0, 100.0, 100.0]]), known, held=(0.0, 0.3, 0.1)).stops == ()


def test_an_exit_that_could_not_be_sold_fires_again_after_a_lift(view_of: Callable[..., View]) -> None:
    view = view_of([[80.0, 100.0, 100.0]] * 11, sma_50=79.0)
    out = judge(View(history_behind(view), 0)).stops
    assert stops.lift(out, view, POLICY) == ()
    assert [e.kind for e in judge(view, ()).events] == ["STOP_EXITED"]


@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_trailing_measures_from_the_high_since_the_holding_began(view_of: Callable[..., View], unit: float) -> None:
    rows = [[100.0, 100.0, 100.0], [150.0, 100.0, 100.0], [131.0, 100.0, 100.0]]
    view = view_of((unit * np.array(rows)).tolist(), TRAILING)
    states: tuple[StopState, ...] = ()
    for row in range(3):
        result = judge(View(history_behind(view), row), states, cost=(100.0 * unit,) * 3, policy=TRAILING)
        states = result.stops
    (event,) = result.events
    assert (event.kind, event.scope) == ("STOP_REDUCED", "ABC")
    assert event.measured == pytest.approx(1.0 - 131.0 / 150.0)
    assert result.caps == {0: 0.1}


@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_trailing_starts_anew_with_a_new_holding(view_of: Callable[..., View], unit: float) -> None:
    rows = [[150.0, 100.0, 100.0], [140.0, 100.0, 100.0], [128.0, 100.0, 100.0]]
    view = view_of((unit * np.array(rows)).tolist(), TRAILING)
    cost = (100.0 * unit,) * 3
    states = judge(View(history_behind(view), 0), (), cost=cost, policy=TRAILING).stops
    states = judge(View(history_behind(view), 1), states, held=(0.0, 0.3, 0.1), cost=cost, policy=TRAILING).stops
    result = judge(View(history_behind(view), 2), states, cost=(128.0 * unit, *cost[1:]), policy=TRAILING)
    assert result.events == ()


def test_without_trailing_a_fall_from_the_high_is_no_loss(view_of: Callable[..., View]) -> None:
    view = view_of([[150.0, 100.0, 100.0], [110.0, 100.0, 100.0]])
    assert judge(View(history_behind(view), 1)).events == ()


def loses_at(**changed: float) -> Policy:
    return Policy(stops=msgspec.structs.replace(POLICY.stops, **changed))


@pytest.mark.parametrize(
    ("column", "reduce", "leave"),
    [(0, "reduce_default", "exit_default"), (2, "reduce_crypto", "exit_crypto")],
)
def test_each_stage_fires_exactly_at_its_loss(
    view_of: Callable[..., View], column: int, reduce: str, leave: str
) -> None:
    """At the loss, and one bit of it earlier not."""
    mark = [100.0, 100.0, 100.0]
    mark[column] = 86.1
    loss = (100.0 - 86.1) / 100.0
    above = float(np.nextafter(loss, 1.0))
    for first, last, stage in ((above, 0.9, None), (loss, 0.9, 1), (loss, above, 1), (0.01, loss, 2)):
        policy = loses_at(**{reduce: first, leave: last})
        found = stops.step((), view_of([mark], policy), np.array([0.2, 0.3, 0.1]), np.full(3, 100.0), policy)
        assert [s.stage for s in found.stops] == ([] if stage is None else [stage])


@pytest.mark.parametrize("bad", [NAN, float("inf"), float("-inf")])
def test_a_mark_or_a_cost_that_is_no_figure_reduces_nothing_else(view_of: Callable[..., View], bad: float) -> None:
    """The others are judged as if it were not there; a mark below nothing is a loss like any other."""
    found = judge(view_of([[bad, 87.0, 100.0]]))
    fired = {e.scope for e in found.events}
    assert "GLD" in fired and ("ABC" in fired) is (bad == float("-inf"))
    assert {e.scope for e in judge(view_of([[50.0, 87.0, 100.0]]), cost=(NAN, 100.0, 100.0)).events} == {"GLD"}


def test_a_short_has_no_stop(view_of: Callable[..., View]) -> None:
    assert judge(view_of([[50.0, 100.0, 100.0]]), held=(-0.2, 0.3, 0.1)).events == ()


def test_the_cap_is_lifted_on_the_tenth_session_and_not_before(view_of: Callable[..., View]) -> None:
    for wait, kept in ((9, 1), (10, 0)):
        assert len(lifted(view_of, StopState("ABC", 2, 0.0, 0), rows=wait + 1, sma_50=99.0)) == kept


def test_a_cap_is_lifted_beside_a_reduction_that_is_only_remembered(view_of: Callable[..., View]) -> None:
    view = view_of([[100.0, 100.0, 100.0]] * 11, sma_50=99.0)
    day = int(view.sessions.days[0])
    known, out = StopState("GLD", 1, stops.UNCAPPED, day), StopState("ABC", 2, 0.0, day)
    assert stops.lift((known, out), view, POLICY) == (known,)
    assert stops.lift((known,), view, POLICY) == (known,)


def test_an_entry_without_a_stop_leaves_the_default() -> None:
    entry = {"ABC": AssetLimits(max_weight=0.1)}
    policy = msgspec.structs.replace(POLICY, limits=msgspec.structs.replace(POLICY.limits, assets=entry))
    plain = Instrument("ABC", "stock", "XNYS")
    assert entry["ABC"].stop is None and stops.thresholds(plain, policy) == stops.thresholds(plain, POLICY)


def test_a_stop_that_fires_is_a_warning_and_knows_no_high_without_trailing(view_of: Callable[..., View]) -> None:
    found = judge(view_of([[85.0, 100.0, 100.0]]))
    assert [e.severity for e in found.events] == ["WARNING"]
    assert [(s.high, s.stage) for s in found.stops] == [(0.0, 1)]


def test_a_trailing_high_outlives_the_reduction_and_ends_with_the_holding(view_of: Callable[..., View]) -> None:
    view = view_of([[150.0, 100.0, 100.0], [131.0, 100.0, 100.0], [131.0, 100.0, 100.0]], TRAILING)
    watched = judge(View(history_behind(view), 0), (), policy=TRAILING).stops
    assert [(s.symbol, s.stage, s.high) for s in watched] == [
        (n, 0, h) for n, h in zip(SYMBOLS, (150.0, 100.0, 100.0), strict=True)
    ]
    reduced = judge(View(history_behind(view), 1), watched, policy=TRAILING).stops
    assert (reduced[0].stage, reduced[0].high) == (1, 150.0)
    flat = judge(View(history_behind(view), 2), reduced, held=(0.0, 0.3, 0.1), policy=TRAILING).stops
    assert (flat[0].symbol, flat[0].cap, flat[0].high) == ("ABC", 0.1, 0.0)


def test_a_holding_that_is_only_watched_stays_when_another_is_lifted(view_of: Callable[..., View]) -> None:
    view = view_of([[100.0, 100.0, 100.0]] * 11, sma_50=99.0)
    day = int(view.sessions.days[0])
    watched, out = StopState("GLD", 0, stops.UNCAPPED, day, 120.0), StopState("ABC", 2, 0.0, day)
    assert stops.lift((watched, out), view, POLICY) == (watched,)
