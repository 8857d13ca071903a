"""Cross-sectional momentum: ranks, the three groups and defence (S3)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from scipy.stats import norm

from plimsoll.alpha.xs_momentum import CrossSectionalMomentum
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Strategy

POLICY = Policy()
Market = Callable[..., View]
BELOW = {"sma_200": 110.0}
FIFTEEN = {f"A{rank:02d}": {"momentum_12_1": rank / 100} for rank in range(1, 16)}  # A15 is the strongest


def _said(view: View, held: dict[str, float] | None = None, policy: Policy = POLICY) -> dict[str, Forecast]:
    return {f.symbol: f for f in CrossSectionalMomentum().forecast(view, Holding(held or {}), policy)}


def _with(changes: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {s: given | changes.get(s, {}) for s, given in FIFTEEN.items()} | {
        s: given for s, given in changes.items() if s not in FIFTEEN
    }


def test_it_is_a_strategy() -> None:
    assert isinstance(CrossSectionalMomentum(), Strategy)


def test_the_top_five_of_fifteen_bid(market: Market) -> None:
    assert list(_said(market(FIFTEEN))) == ["A11", "A12", "A13", "A14", "A15"]


def test_the_bid_is_the_normal_score_of_its_rank(market: Market) -> None:
    best = _said(market(FIFTEEN))["A15"]
    z, sigma = norm.ppf(14.5 / 15), 0.15 * math.sqrt(10 / 252)
    assert best.score == pytest.approx(z)
    assert best.mu == pytest.approx(0.05 * sigma * z)
    assert best.confidence == 1.0
    assert _said(market(FIFTEEN))["A11"].confidence == pytest.approx(11 / 15)


def test_a_score_beyond_two_is_clipped(market: Market) -> None:
    crowd = {f"A{i:03d}": {"momentum_12_1": i / 1000} for i in range(100)}
    assert _said(market(crowd))["A099"].score == 2.0


def test_the_middle_keeps_what_is_held_and_the_bottom_is_left(market: Market) -> None:
    said = _said(market(FIFTEEN), dict.fromkeys(FIFTEEN, 0.05))
    kept = {s for s, f in said.items() if f.keep}
    assert kept == {f"A{rank:02d}" for rank in range(5, 11)}  # 4 of 15 are the bottom 30 %
    assert all(said[s].target_weight == 0.05 for s in kept)
    assert not kept & set(_said(market(FIFTEEN)))


def test_the_border_of_the_groups_is_exact(market: Market) -> None:
    ten = {f"A{rank:02d}": {"momentum_12_1": float(rank)} for rank in range(1, 11)}
    said = _said(market(ten), dict.fromkeys(ten, 0.05))
    assert [s for s, f in said.items() if not f.keep] == ["A08", "A09", "A10"]  # 7/10 is not above 0.70
    assert "A03" not in said  # 3/10 still is the bottom
    assert said["A04"].keep


def test_a_top_symbol_below_its_average_does_not_bid(market: Market) -> None:
    said = _said(market(_with({"A13": BELOW})), {"A13": 0.1})
    assert list(said) == ["A11", "A12", "A14", "A15"]


def test_ranks_are_among_eligible_symbols_with_momentum(market: Market) -> None:
    view = market(_with({"A15": {"eligible": 0.0}, "A14": {"momentum_12_1": math.nan}, "A13": {"eligible": 0.0}}))
    said = _said(view)
    assert list(said) == ["A09", "A10", "A11", "A12"]  # of twelve: ranks 9 to 12
    assert said["A12"].confidence == 1.0


def test_ties_are_broken_by_symbol_and_not_by_column(market: Market) -> None:
    names = [f"A{i}" for i in range(10)]
    equal = {s: {"momentum_12_1": 0.1} for s in names}
    assert list(_said(market(equal))) == ["A7", "A8", "A9"]
    assert list(_said(market(dict(reversed(equal.items()))))) == ["A7", "A8", "A9"]


def test_nothing_eligible_is_no_forecast(market: Market) -> None:
    assert _said(market({"A": {"eligible": 0.0}})) == {}


DEFENDED = {"A15": BELOW, "A14": BELOW, "A13": BELOW}


def test_defence_needs_more_than_half_of_the_top_group_below(market: Market) -> None:
    havens = {"GLD": {"momentum_12_1": -0.2}, "TLT": {"momentum_12_1": -0.3}}
    six = {"A15": BELOW, "A14": BELOW, "A13": BELOW} | havens  # 17 symbols, six in the top group: half is not more
    assert set(_said(market(_with(six)))) - {"GLD", "TLT"}
    seven = six | {"A12": BELOW}
    assert set(_said(market(_with(seven)))) == {"GLD", "TLT"}


def test_an_unknown_average_counts_as_below(market: Market) -> None:
    unknown = {s: {"sma_200": math.nan} for s in ("A15", "A14", "A13")}
    assert _said(market(_with(unknown)), dict.fromkeys(FIFTEEN, 0.05)) == {}


def test_in_defence_only_havens_above_their_own_average_bid(market: Market) -> None:
    havens = {"GLD": {"momentum_12_1": 0.001}, "TLT": {"momentum_12_1": 0.002} | BELOW}
    view = market(_with(DEFENDED | {"A12": BELOW} | havens))
    said = _said(view, dict.fromkeys([*FIFTEEN, "TLT"], 0.05))
    assert list(said) == ["GLD"]
    assert not said["GLD"].keep
    assert said["GLD"].score == 1.0
    assert said["GLD"].confidence == 0.75  # else a haven's low rank would bar it
    assert said["GLD"].mu == pytest.approx(0.05 * 0.15 * math.sqrt(10 / 252))


def test_a_haven_that_leads_bids_its_own_score(market: Market) -> None:
    said = _said(market(_with(DEFENDED | {"A12": BELOW, "GLD": {"momentum_12_1": 9.0}})))
    assert said["GLD"].score == pytest.approx(norm.ppf(15.5 / 16))


def test_a_haven_without_momentum_still_defends_but_not_when_barred(market: Market) -> None:
    young = {"GLD": {"momentum_12_1": math.nan}, "TLT": {"eligible": 0.0}}
    assert list(_said(market(_with(DEFENDED | young)))) == ["GLD"]


def test_without_havens_defence_is_cash(market: Market) -> None:
    assert _said(market(_with(DEFENDED)), dict.fromkeys(FIFTEEN, 0.05)) == {}


def test_shares_and_havens_come_from_the_policy(market: Market) -> None:
    wide = replace(POLICY, strategies=replace(POLICY.strategies, top_share=0.6, bottom_share=0.4, havens=("A01",)))
    assert len(_said(market(FIFTEEN), policy=wide)) == 9
    weak = market({s: given | BELOW for s, given in FIFTEEN.items()} | {"A01": {"momentum_12_1": 0.0}})
    assert list(_said(weak, policy=wide)) == ["A01"]
