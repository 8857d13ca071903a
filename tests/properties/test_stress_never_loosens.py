"""One more crisis lived through, or a longer history, never makes the system bolder (R2)."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.capital.auction import AuctionProblem, solve
from plimsoll.capital.scenarios import build, factors
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification, History, Panel, View
from plimsoll.core.policy import CvarPolicy, Policy
from plimsoll.core.scenarios import ScenarioSet
from plimsoll.core.sessions import Sessions
from plimsoll.engine.measure import Tails
from plimsoll.indicators.catalogue import catalogue

ROWS, SIZE = 420, 4
WINDOWS = (("2020-03-02", "2020-04-30"), ("2020-07-01", "2020-09-30"), ("2021-01-04", "2021-02-26"))


def market(seed: int) -> Panel:
    """Random returns with calm and wild months, in which assets fall together, apart, or against each other."""
    rng = np.random.default_rng(seed)
    wild = np.repeat(rng.choice([0.4, 1.0, 4.0], -(-ROWS // 21)), 21)[:ROWS, None]
    loading = rng.uniform(-1.0, 1.5, SIZE)
    returns = 0.008 * wild * (rng.standard_t(4, (ROWS, 1)) * loading + rng.standard_t(4, (ROWS, SIZE)))
    price = 100.0 * np.cumprod(1.0 + np.clip(returns, -0.4, 0.4), axis=0)
    price[: int(rng.integers(300, 330)), SIZE - 1] = np.nan  # one was listed late
    days = np.busday_offset("2020-01-01", np.arange(ROWS), roll="forward").astype("M8[D]").astype(np.int64)
    empty = np.where(np.isnan(price), np.nan, 0.0)
    first = np.argmax(np.isfinite(price), axis=0)
    return Panel(
        sessions=Sessions(days, days * 86400, days * 86400 + 1, int(days[-1]) + 1),
        instruments=tuple(Instrument(f"S{j}", "fund", "XNYS") for j in range(SIZE)),
        open=price, high=price, low=price, close=price, volume=np.where(np.isnan(price), np.nan, 1e6),
        dividend=empty, split=empty + 1.0, index=price / price[first, np.arange(SIZE)], fresh=np.isfinite(price),
        certifications=tuple(Certification(f"S{j}", "ACTIVE", ROWS, ROWS, 0.0, 1.0, ()) for j in range(SIZE)),
        macro=np.zeros((ROWS, 0)), macro_names=(), snapshot="test", synthetic=True,
    )  # fmt: skip


def since(panel: Panel, first: int) -> Panel:
    cut = {
        f.name: getattr(panel, f.name)[first:] for f in fields(panel) if isinstance(getattr(panel, f.name), np.ndarray)
    }
    s = panel.sessions
    cut["index"] = cut["index"] / np.where(np.isfinite(cut["index"][0]), cut["index"][0], 1.0)
    return replace(panel, sessions=Sessions(s.days[first:], s.opens[first:], s.closes[first:], s.next_day), **cut)


def policy_of(windows: tuple[tuple[str, str], ...]) -> Policy:
    return msgspec.structs.replace(
        Policy(), cvar=msgspec.structs.replace(CvarPolicy(), stress_windows=windows, window=120)
    )


def scenarios(panel: Panel, policy: Policy, row: int = -1) -> ScenarioSet:
    history = History(panel, {**catalogue(policy), **factors(policy)})
    return build(View(history, row % len(panel.sessions)), np.arange(SIZE), policy, stressed=True)


def books(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [*np.eye(SIZE), *rng.dirichlet(np.full(SIZE, 0.6), 12), *rng.uniform(-0.5, 0.8, (4, SIZE))]


def never_lower(less: ScenarioSet, more: ScenarioSet, seed: int) -> None:
    before, after = Tails.of(less, 0.95), Tails.of(more, 0.95)
    for book in books(seed):
        held = before.stressed_of_book(book)[0]
        found = after.stressed_of_book(book)[0]
        for h, value in held.items():
            assert found[h] >= value * (1.0 - 1e-12)


def best(found: ScenarioSet, mu: np.ndarray) -> tuple[float, float]:
    """The auction's objective and the most of one book's kind that fits, under the stressed limits alone."""
    tails = [(r, one.confidence[h], {1: 0.06, 10: 0.12}[h]) for one in found.stressed for h, r in one.returns.items()]
    wide = np.clip(found.filtered[10], -1e-9, 1e-9)  # the filtered limit binds nothing
    problem = AuctionProblem(
        mu=mu, scenarios=wide, risk_aversion=0.0, confidence=0.95, cvar_max=1.0, gross_max=1.0,
        weight_max=np.ones(SIZE), groups=[], current=np.zeros(SIZE), trade_cost=np.zeros(SIZE), tail_limits=tails,
        pairs=[],
    )  # fmt: skip
    solved = solve(problem)
    return float(solved.objective), float(solved.weights.sum())


SEEDS = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, cut=st.integers(1, 180))
def test_a_history_extended_backwards_never_lowers_the_stressed_cvar_of_any_book(seed: int, cut: int) -> None:
    panel, policy = market(seed), policy_of(WINDOWS)
    never_lower(scenarios(since(panel, cut), policy), scenarios(panel, policy), seed)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, extra=st.sets(st.integers(0, 2), min_size=1))
def test_one_more_crisis_window_never_lowers_the_stressed_cvar_of_any_book(seed: int, extra: set[int]) -> None:
    panel = market(seed)
    some = tuple(w for i, w in enumerate(WINDOWS) if i not in extra)
    never_lower(scenarios(panel, policy_of(some)), scenarios(panel, policy_of(WINDOWS)), seed)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, row=st.integers(150, ROWS - 2))
def test_days_lived_through_never_lower_the_stressed_cvar_of_any_book_of_old_assets(seed: int, row: int) -> None:
    """What was listed late is left out: its days before are an estimate that its own days improve."""
    panel, policy = market(seed), policy_of(WINDOWS)
    before, after = (Tails.of(scenarios(panel, policy, r), 0.95) for r in (row, ROWS - 1))
    for book in books(seed):
        book = np.where(np.arange(SIZE) == SIZE - 1, 0.0, book)
        held, found = before.stressed_of_book(book)[0], after.stressed_of_book(book)[0]
        for h, value in held.items():
            assert found[h] >= value * (1.0 - 1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, cut=st.integers(1, 180), only=st.integers(0, SIZE - 1))
def test_the_auction_never_gains_from_a_longer_history_nor_holds_more_of_a_book(seed: int, cut: int, only: int) -> None:
    """Its allocations are those of the shorter history or fewer: the optimum is not better, a lone bid not larger."""
    panel, policy = market(seed), policy_of(WINDOWS)
    short, long = scenarios(since(panel, cut), policy), scenarios(panel, policy)
    every = np.random.default_rng(seed).uniform(0.001, 0.01, SIZE)
    assert best(long, every)[0] <= best(short, every)[0] + 1e-9
    alone = np.where(np.arange(SIZE) == only, 0.01, -0.01)
    assert best(long, alone)[1] <= best(short, alone)[1] + 1e-9
    assert math.isfinite(best(long, every)[1])
