"""The auction from forecasts to record: screening, adjusted returns, every limit, and why a bid won or lost."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.capital.competition import AuctionInputs, AuctionResult, risk_aversion, run_auction
from plimsoll.core.decision import AuctionRecord, BidRecord, Share
from plimsoll.core.forecast import Forecast
from plimsoll.core.instrument import Instrument
from plimsoll.core.limits import Group, LimitSet, Pair
from plimsoll.core.panel import Certification, History, Panel, View
from plimsoll.core.policy import AuctionPolicy, Policy
from plimsoll.core.reasons import REASONS
from plimsoll.core.scenarios import ScenarioSet, StressedSet
from plimsoll.core.sessions import Sessions
from plimsoll.measures.cvar import cvar

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "^IDX")
N = len(SYMBOLS)
LAMBDA = 0.1 * math.sqrt(10 / 252) / 2.0627128  # hurdle 0.1 at 10 sessions, 95 %


def view_of() -> View:
    day = np.array([14_000], np.int64)
    field = np.full((1, N), 100.0)
    instruments = tuple(
        Instrument(s, "index" if s.startswith("^") else "fund", "CBOE" if s.startswith("^") else "XNYS")
        for s in SYMBOLS
    )
    panel = Panel(
        sessions=Sessions(day, day * 86400, day * 86400 + 1, 14_001),
        instruments=instruments,
        open=field,
        high=field,
        low=field,
        close=field,
        volume=field,
        dividend=field * 0.0,
        split=field / 100.0,
        index=field / 100.0,
        fresh=np.ones((1, N), np.bool_),
        certifications=tuple(Certification(s, "ACTIVE", 1300, 1300, 0.0, 1.0, ()) for s in SYMBOLS),
        macro=np.zeros((1, 0)),
        macro_names=(),
        snapshot="test",
        synthetic=True,
    )
    return View(History(panel, {}), 0)


def returns_of(seed: int, rows: int = 300, sigma: float = 0.04) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return sigma * (0.6 * rng.standard_normal((rows, 1)) + 0.8 * rng.standard_normal((rows, N)))


TAIL = {1: 0.95, 10: 0.95}


def scenarios_of(seed: int = 1) -> ScenarioSet:
    return ScenarioSet(
        columns=np.arange(N),
        filtered={1: returns_of(seed, sigma=0.012), 10: returns_of(seed + 1)},
        stressed=(
            StressedSet("2020", {1: returns_of(seed + 2, 80, 0.03), 10: returns_of(seed + 3, 80, 0.09)}, TAIL),
            StressedSet("worst", {1: returns_of(seed + 4, 200, 0.02), 10: returns_of(seed + 5, 200, 0.06)}, TAIL),
        ),
    )


def limits_of(**changes: object) -> LimitSet:
    given: dict[str, object] = {
        "gross_max": 1.0,
        "cash_min": 0.05,
        "weight_max": np.full(N, 0.4),
        "cvar_budget": {1: 0.015, 10: 0.045},
        "cvar_hard": {1: 0.022, 10: 0.06},
        "stressed_budget": {1: 0.03, 10: 0.09},
        "standalone": {1: np.full(N, 0.009), 10: np.full(N, 0.027)},
        "incremental_max": np.full(N, 0.025),
        "participation_max": 0.01,
        "turnover_max": 0.3,
        "trades_max": 5,
        "groups": (),
        "pairs": (),
        "gross_freeze": 1.02,
        "gross_halt": 1.1,
    }
    return LimitSet(**(given | changes))  # type: ignore[arg-type]


ROOMY = {"cvar_budget": {1: 9.0, 10: 9.0}, "stressed_budget": {1: 9.0, 10: 9.0},
         "standalone": {1: np.full(N, 9.0), 10: np.full(N, 9.0)}}  # fmt: skip


def forecast(symbol: str, mu: float = 0.004, **changes: object) -> Forecast:
    given: dict[str, object] = {"sigma": 0.04, "confidence": 0.8, "horizon": 10, "reason": "BUY", "score": 1.0}
    return Forecast(symbol, mu, **(given | changes))  # type: ignore[arg-type]


def inputs_of(*forecasts: Forecast, **changes: object) -> AuctionInputs:
    given: dict[str, object] = {
        "view": view_of(),
        "forecasts": (("trend", forecasts),),
        "limits": limits_of(),
        "scenarios": scenarios_of(),
        "held": np.zeros(N),
        "shares": (),
        "nav": 10_000_000,
        "buy_cost": np.full(N, 0.0015),
        "round_trip": np.full(N, 0.003),
        "adv": np.full(N, 1e9),
        "quality": np.ones(N),
        "stage_caps": {},
        "blocked": {},
        "confidence_min": 0.5,
    }
    return AuctionInputs(**(given | changes))  # type: ignore[arg-type]


def held_of(**weights: float) -> dict[str, object]:
    """``held`` and ``shares`` of a book that ``trend`` bought."""
    held = np.zeros(N)
    for symbol, weight in weights.items():
        held[SYMBOLS.index(symbol)] = weight
    return {"held": held, "shares": tuple(Share("trend", s, w) for s, w in weights.items())}


def auction(*said: Forecast, policy: Policy | None = None, **changes: object) -> AuctionResult:
    result = run_auction(inputs_of(*said, **changes), policy or Policy())
    assert msgspec.json.decode(msgspec.json.encode(result.record), type=AuctionRecord) == result.record
    assert all(r in REASONS for bid in result.record.bids for r in bid.reasons)
    assert all(r in REASONS for r in result.record.reasons)
    return result


def the_bid(result: AuctionResult, symbol: str = "AAA", strategy: str = "trend") -> BidRecord:
    (bid,) = [b for b in result.record.bids if (b.symbol, b.strategy) == (symbol, strategy)]
    return bid


def policy_of(**auction_fields: object) -> Policy:
    return msgspec.structs.replace(Policy(), auction=msgspec.structs.replace(AuctionPolicy(), **auction_fields))


def test_risk_aversion_is_the_hurdle_over_the_normal_tail() -> None:
    assert risk_aversion(Policy()) == pytest.approx(LAMBDA, rel=1e-6)
    assert risk_aversion(Policy()) == pytest.approx(0.00966, abs=1e-5)


def test_a_good_bid_is_bought_up_to_its_cap_and_says_what_stopped_it() -> None:
    result = auction(forecast("AAA"), limits=limits_of(**ROOMY))
    bid, alone = the_bid(result), cvar(-scenarios_of().filtered[10][:, 0], 0.95)
    assert bid.weight == pytest.approx(0.4 * (1 - 1e-6), abs=1e-12)
    assert (bid.decision, bid.reasons, bid.rank, bid.binding) == ("ALLOCATED", ("ALLOCATED",), 1, "position:AAA")
    assert bid.price == pytest.approx(0.004 - LAMBDA * alone - 0.0015 * 10 / 63, rel=1e-6)
    assert result.shares == (Share("trend", "AAA", bid.weight),)
    assert result.confidence == {"AAA": 0.8}
    assert result.record.status == "optimal"


def test_adjusted_return_takes_every_penalty_and_the_cost_share_of_one_horizon() -> None:
    quality = np.full(N, 0.9)
    said = forecast("AAA", model_mus=(0.002, 0.006))
    bid = the_bid(auction(said, quality=quality, decay={"trend": 0.5}, policy=policy_of(time_decay=0.4)))
    penalty = math.exp(-0.5 * 0.05**2) * 0.9 * 0.5 * math.exp(-0.4 * 63 / 252)
    assert bid.mu == 0.004
    assert bid.cost == pytest.approx(0.003 * 10 / 63)
    assert bid.adjusted == pytest.approx(0.004 * penalty - 0.003 * 10 / 63, rel=1e-12)


def test_penalties_do_not_flatter_a_hedge() -> None:
    bid = the_bid(auction(forecast("AAA", -0.002, hedge=True), quality=np.full(N, 0.7)))
    assert bid.adjusted == pytest.approx(-0.002 - 0.003 * 10 / 63)


def test_a_forecast_at_another_horizon_is_brought_to_the_auctions() -> None:
    bid = the_bid(auction(forecast("AAA", 0.008, horizon=20)))
    assert bid.mu == pytest.approx(0.004)


def test_the_seeds_adjustment_multiplies() -> None:
    bid = the_bid(auction(forecast("AAA"), policy=policy_of(adjustment="seed")))
    assert bid.adjusted == pytest.approx(0.004 * math.exp(-0.5 * 0.04**2) * (1 - 0.3))


INVALID = [
    {"mu": math.nan},
    {"mu": math.inf},
    {"mu": 1.01},
    {"mu": -1.01},
    {"mu": "0.01"},
    {"mu": None},
    {"sigma": 0.0},
    {"sigma": math.nan},
    {"confidence": 1.01},
    {"confidence": -0.01},
    {"confidence": math.nan},
    {"horizon": 0},
    {"score": math.nan},
    {"target_weight": math.nan},
    {"target_weight": -0.1},
    {"model_mus": (0.01, math.nan)},
]


@pytest.mark.parametrize("wrong", INVALID)
def test_an_invalid_forecast_is_refused_and_harms_no_other(wrong: dict[str, object]) -> None:
    bad = msgspec.structs.replace(forecast("AAA"), **wrong)
    result = auction(bad, forecast("BBB"))
    assert (the_bid(result).decision, the_bid(result).reasons) == ("REJECTED", ("FORECAST_INVALID",))
    assert the_bid(result, "BBB").weight > 0.0


def test_unknown_symbols_and_two_forecasts_for_one_symbol_are_refused() -> None:
    result = auction(forecast("BBB"), forecast("AAA"), forecast("AAA", 0.02), forecast("ZZZ"))
    assert [b.decision for b in result.record.bids] == ["ALLOCATED", "REJECTED", "REJECTED", "REJECTED"]
    assert [b.reasons for b in result.record.bids[1:]] == [("FORECAST_INVALID",)] * 3


def columns(symbol: str, value: float, rest: float) -> np.ndarray:
    return np.array([value if s == symbol else rest for s in SYMBOLS])


SCREENED = [
    ("NON_POSITIVE_MU", forecast("AAA", 0.0), {}),
    ("LOW_SCORE", forecast("AAA"), {"quality": columns("AAA", 0.59, 1.0)}),
    ("LOW_SCORE", forecast("AAA"), {"quality": columns("AAA", math.nan, 1.0)}),
    ("DECAYED", forecast("AAA"), {"decay": {"trend": 0.29}}),
    ("UNMEASURABLE_RISK", forecast("AAA"), {"scenarios": replace(scenarios_of(), unmeasurable=frozenset({0}))}),
    ("NOT_TRADABLE", forecast("^IDX"), {}),
    ("NOT_ACTIVE", forecast("AAA"), {"blocked": {0: "NOT_ACTIVE"}}),
    ("LOW_CONFIDENCE", forecast("AAA", confidence=0.49), {}),
    ("NO_LIQUIDITY_DATA", forecast("AAA"), {"buy_cost": columns("AAA", math.nan, 0.0015)}),
    ("NO_LIQUIDITY_DATA", forecast("AAA"), {"adv": columns("AAA", math.nan, 1e9)}),
    ("NOT_IN_PROGRAMME", forecast("AAA", keep=True, target_weight=0.0), {}),
]


@pytest.mark.parametrize(("reason", "said", "changes"), SCREENED)
def test_screening_rejects_with_its_code(reason: str, said: Forecast, changes: dict[str, object]) -> None:
    result = auction(said, **changes)
    bid = the_bid(result, said.symbol)
    assert (bid.decision, bid.rank, bid.weight) == ("REJECTED", 0, 0.0)
    assert reason in bid.reasons
    assert result.record.status == "no_bids"
    assert result.shares == ()


@pytest.mark.parametrize("place", ["filtered", "stressed"])
def test_one_unknown_scenario_makes_a_column_unmeasurable(place: str) -> None:
    scenarios = scenarios_of()
    (scenarios.filtered if place == "filtered" else scenarios.stressed[1].returns)[10][3, 0] = math.nan
    result = auction(forecast("AAA"), forecast("BBB"), scenarios=scenarios)
    assert the_bid(result).reasons == ("UNMEASURABLE_RISK",)
    assert the_bid(result, "BBB").weight > 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"blocked": {0: "STALE_BAR"}},
        {"confidence_min": 0.9},
        {"adv": np.full(N, math.nan)},
        {"buy_cost": np.full(N, math.nan), "round_trip": np.full(N, math.nan)},
    ],
)
def test_what_may_not_increase_keeps_its_present_share(changes: dict[str, object]) -> None:
    bid = the_bid(auction(forecast("AAA", 0.02), **held_of(AAA=0.1), **changes))
    assert bid.weight == pytest.approx(0.1, rel=2e-6)
    assert bid.weight <= 0.1
    assert bid.decision == "ALLOCATED"


def test_a_target_weight_caps_its_bid() -> None:
    bid = the_bid(auction(forecast("AAA", target_weight=0.07)))
    assert bid.weight == pytest.approx(0.07)
    assert bid.binding == "target_weight"


@pytest.mark.parametrize("mu", [-0.01, 0.0, 0.05])
def test_a_keep_bid_is_neither_bought_nor_sold(mu: float) -> None:
    result = auction(forecast("AAA", mu, keep=True, target_weight=0.12, confidence=0.5), **held_of(AAA=0.12))
    bid = the_bid(result)
    assert (bid.decision, bid.weight) == ("KEPT", pytest.approx(0.12, rel=2e-6))
    assert bid.weight <= 0.12
    assert bid.mu >= LAMBDA * cvar(-scenarios_of().filtered[10][:, 0], 0.95) * (1 - 1e-6)


def test_a_keep_bid_makes_room_for_a_limit() -> None:
    result = auction(
        forecast("AAA", 0.0, keep=True, target_weight=0.3),
        forecast("BBB", 0.02),
        limits=limits_of(gross_max=0.4, **ROOMY),
        **held_of(AAA=0.3),
    )
    assert the_bid(result, "BBB").weight == pytest.approx(0.4, rel=1e-5)
    assert the_bid(result).weight == pytest.approx(0.0, abs=1e-6)


def test_a_holding_without_a_bid_has_no_place_in_the_answer() -> None:
    result = auction(forecast("AAA"), **held_of(BBB=0.2))
    assert {s.symbol for s in result.shares} == {"AAA"}


def test_a_position_that_outgrew_its_cap_is_brought_back() -> None:
    bid = the_bid(auction(forecast("AAA"), limits=limits_of(weight_max=np.full(N, 0.1)), **held_of(AAA=0.2)))
    assert bid.weight == pytest.approx(0.1, rel=1e-5)


def test_a_purchase_is_held_to_its_share_of_volume() -> None:
    bid = the_bid(auction(forecast("AAA", 0.02), adv=np.full(N, 300_000.0), **held_of(AAA=0.05)))
    assert bid.weight == pytest.approx(0.05 + 0.01 * 300_000 / 100_000, rel=1e-5)
    assert bid.binding == "participation:AAA"


def test_a_symbol_two_strategies_want_stays_within_one_cap() -> None:
    both = (("trend", (forecast("AAA"),)), ("momentum", (forecast("AAA", 0.005), forecast("BBB", 0.001))))
    result = auction(forecasts=both, limits=limits_of(**ROOMY))
    total = the_bid(result).weight + the_bid(result, strategy="momentum").weight
    assert total == pytest.approx(0.4, rel=1e-5)
    assert the_bid(result, strategy="momentum").weight == pytest.approx(total)
    assert the_bid(result).decision == "OUTBID"


def test_a_stage_cap_bounds_all_of_a_strategy() -> None:
    result = auction(forecast("AAA"), forecast("BBB"), stage_caps={"trend": 0.25}, limits=limits_of(**ROOMY))
    assert sum(s.weight for s in result.shares) == pytest.approx(0.25, rel=1e-5)
    assert result.record.duals["stage:trend"] > 0.0
    assert {the_bid(result, s).binding for s in ("AAA", "BBB")} <= {"stage:trend", ""}


def test_a_hopeless_bid_is_not_worth_its_risk_and_a_squeezed_one_is_outbid() -> None:
    cheap, costly = forecast("AAA", 0.0002), forecast("BBB", 0.02)
    result = auction(cheap, costly, forecast("CCC", 0.01), limits=limits_of(gross_max=0.3, **ROOMY))
    assert the_bid(result, "BBB").weight == pytest.approx(0.3, rel=1e-5)
    squeezed = the_bid(result, "CCC")
    assert (squeezed.decision, squeezed.reasons[0], squeezed.binding) == ("OUTBID", "OUTBID", "gross")
    assert squeezed.price == pytest.approx(result.record.duals["gross"])
    alone = auction(cheap, limits=limits_of(**ROOMY))
    assert the_bid(alone).reasons == ("NOT_WORTH_ITS_RISK",)


def test_cash_for_want_of_risk_appetite_says_so_with_the_critical_value() -> None:
    result = auction(forecast("AAA", 0.004), policy=policy_of(hurdle_sharpe=4.0))
    assert result.shares == ()
    assert result.record.reasons == ("RISK_AVERSION_BINDS",)
    critical = result.record.critical_risk_aversion
    assert critical is not None
    alone = cvar(-scenarios_of().filtered[10][:, 0], 0.95)
    assert critical == pytest.approx((0.004 - 0.0015 * 10 / 63) / alone)
    below = critical * (1 - 1e-6) / risk_aversion(policy_of(hurdle_sharpe=1.0))
    assert auction(forecast("AAA", 0.004), policy=policy_of(hurdle_sharpe=below)).shares != ()


def test_cash_because_nothing_pays_is_no_matter_of_risk_appetite() -> None:
    assert auction(forecast("AAA", 0.0002)).record.reasons == ()


def test_bids_rank_by_adjusted_return_per_unit_of_tail_with_hedges_first() -> None:
    scenarios = scenarios_of()
    scenarios.filtered[10][:, 3] = -scenarios.filtered[10][:, 0]
    result = auction(
        forecast("AAA", 0.004),
        forecast("BBB", 0.006),
        forecast("CCC", 0.005),
        forecast("DDD", -0.0001, hedge=True),
        scenarios=scenarios,
    )
    assert the_bid(result, "DDD").rank == 1
    ratio = {
        s: the_bid(result, s).adjusted / cvar(-scenarios.filtered[10][:, i], 0.95)
        for i, s in enumerate(("AAA", "BBB", "CCC"))
    }
    expected = sorted(ratio, key=lambda s: -ratio[s])
    assert [the_bid(result, s).rank for s in expected] == [2, 3, 4]


def test_a_hedge_enters_for_its_tail_and_contributes_negatively() -> None:
    scenarios = scenarios_of()
    for sets in (scenarios.filtered, *(one.returns for one in scenarios.stressed)):
        for returns in sets.values():
            returns[:, 3] = -0.3 * returns[:, 0]
    said = (forecast("AAA", 0.01), forecast("DDD", -0.0002, hedge=True))
    limits = limits_of(**(ROOMY | {"cvar_budget": {1: 9.0, 10: 0.02}}))
    result = auction(*said, scenarios=scenarios, limits=limits)
    assert the_bid(result, "DDD").weight > 0.01
    assert the_bid(result, "DDD").cvar_share < 0.0 < the_bid(result).cvar_share
    assert the_bid(result).weight > the_bid(auction(said[0], scenarios=scenarios, limits=limits)).weight


def test_contributions_sum_to_the_whole_and_returns_to_the_expected_one() -> None:
    result = auction(*(forecast(s, 0.003 + 0.001 * i) for i, s in enumerate(SYMBOLS[:4])))
    record, book = result.record, np.zeros(N)
    for share in result.shares:
        book[SYMBOLS.index(share.symbol)] = share.weight
    assert sum(b.cvar_share for b in record.bids) == pytest.approx(record.cvar)
    assert record.cvar == pytest.approx(cvar(-(scenarios_of().filtered[10] @ book), 0.95))
    gained = sum(b.return_share for b in record.bids)
    assert record.objective == pytest.approx(gained - LAMBDA * record.cvar - book.sum() * 0.0015 * 10 / 63, abs=1e-9)


def test_the_binding_tail_limit_is_named_with_its_price() -> None:
    limits = limits_of(**(ROOMY | {"stressed_budget": {1: 0.004, 10: 9.0}}))
    result = auction(forecast("AAA"), forecast("BBB"), limits=limits)
    assert set(result.record.duals) == {"stressed_1:2020"}
    assert the_bid(result).binding == "stressed_1:2020"
    assert the_bid(result).price == pytest.approx(result.record.duals["stressed_1:2020"])
    assert result.record.stressed == ("2020", "worst")


def test_an_unknown_limit_allows_nothing() -> None:
    for name in ("weight_max", "cvar_budget", "gross_max"):
        closed = {"weight_max": np.full(N, math.nan), "cvar_budget": {1: 0.1, 10: math.nan}, "gross_max": math.nan}
        assert auction(forecast("AAA"), limits=limits_of(**{name: closed[name]})).shares == (), name


def test_the_order_of_forecasts_does_not_change_a_bit() -> None:
    said = [forecast(s, 0.003 + 0.001 * i) for i, s in enumerate(SYMBOLS[:4])]
    first, second = auction(*said), auction(*reversed(said))
    assert first.shares == second.shares
    assert sorted(first.record.bids, key=lambda b: b.symbol) == sorted(second.record.bids, key=lambda b: b.symbol)


WEIGHTS = st.lists(st.sampled_from([0.0, 0.0, 0.05, 0.2]), min_size=4, max_size=4)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(st.floats(0.0005, 0.02), min_size=8, max_size=8),
    WEIGHTS,
    st.floats(0.2, 1.0),
    st.sampled_from([0.5, 0.7]),
)
def test_every_limit_holds_as_a_gate_would_compare_it(
    seed: int, mus: list[float], weights: list[float], scale: float, confidence_min: float
) -> None:
    held, scenarios, policy = np.append(weights, 0.0), scenarios_of(seed), Policy()
    limits = limits_of(
        cvar_budget={1: 0.015 * scale, 10: 0.045 * scale},
        stressed_budget={1: 0.03 * scale, 10: 0.09 * scale},
        standalone={1: np.full(N, 0.009 * scale), 10: np.full(N, 0.027 * scale)},
        groups=(Group("sector:X", (0, 1), 0.3), Group("sector:Y", (3, 4), 0.1)),
        pairs=(Pair(1, 2, 0.35, 0.95),),
    )
    inputs = inputs_of(
        forecasts=(
            ("trend", tuple(forecast(s, mus[i]) for i, s in enumerate(SYMBOLS[:4]))),
            ("momentum", tuple(forecast(s, mus[4 + i], confidence=0.6) for i, s in enumerate(SYMBOLS[:4]))),
        ),
        limits=limits,
        scenarios=scenarios,
        held=held,
        shares=tuple(Share("momentum", s, w) for s, w in zip(SYMBOLS, weights, strict=False) if w),
        adv=np.full(N, 2e6),
        blocked={2: "STALE_BAR"},
        stage_caps={"momentum": 0.4},
        confidence_min=confidence_min,
    )
    result = run_auction(inputs, policy)
    assert result.record.status == "optimal"
    book, by_strategy = np.zeros(N), {"trend": 0.0, "momentum": 0.0}
    for share in result.shares:
        book[SYMBOLS.index(share.symbol)] += share.weight
        by_strategy[share.strategy] += share.weight
        if confidence_min > 0.6 and share.strategy == "momentum":
            assert share.weight <= held[SYMBOLS.index(share.symbol)]
    assert (book >= 0.0).all()
    assert book.sum() <= limits.gross_max - limits.cash_min
    assert (book <= limits.weight_max).all()
    assert book[2] <= held[2]
    assert (book - held <= limits.participation_max * 2e6 / 1e5 + 1e-12).all()
    assert book[0] + book[1] <= 0.3
    assert book[3] + book[4] <= 0.1
    assert book[1] + book[2] <= 0.35
    assert by_strategy["momentum"] <= 0.4
    for h in (1, 10):
        assert cvar(-(scenarios.filtered[h] @ book), 0.95) <= limits.cvar_budget[h]
        for one in scenarios.stressed:
            assert cvar(-(one.returns[h] @ book), 0.95) <= limits.stressed_budget[h]
        for i in range(4):
            assert book[i] * cvar(-scenarios.filtered[h][:, i], 0.95) <= limits.standalone[h][i]


STAGE_CAPS = st.sampled_from([0.0, 0.02, 0.05, 0.25, 0.6, 1.0, math.nan, -0.1])


@settings(max_examples=25, deadline=None)
@given(
    caps=st.tuples(STAGE_CAPS, STAGE_CAPS),
    mus=st.lists(st.sampled_from([-0.001, 0.002, 0.004, 0.008]), min_size=6, max_size=6),
    seed=st.integers(0, 50),
)
def test_stage_caps_against_a_plain_linear_program(caps: tuple[float, float], mus: list[float], seed: int) -> None:
    """Every allocation keeps to the caps, and none that does is worth more (A3, G5)."""
    scenarios = scenarios_of(seed)
    names, symbols = ("trend", "momentum"), ("AAA", "BBB", "CCC")
    said = tuple(
        (name, tuple(forecast(s, mus[3 * k + i]) for i, s in enumerate(symbols))) for k, name in enumerate(names)
    )
    result = auction(
        forecasts=said, limits=limits_of(**ROOMY), scenarios=scenarios, stage_caps=dict(zip(names, caps, strict=True))
    )
    used = {name: sum(s.weight for s in result.shares if s.strategy == name) for name in names}
    for name, cap in zip(names, caps, strict=True):
        assert used[name] <= (cap if cap > 0.0 else 0.0)
        if not cap > 0.0:
            assert all("STAGE_CLOSED" in the_bid(result, s, name).reasons for s in symbols)
    best = _best(mus, [c if c > 0.0 else 0.0 for c in caps], scenarios.filtered[10][:, :3])
    assert (result.record.objective or 0.0) == pytest.approx(best, abs=1e-7)


def _best(mus: list[float], caps: list[float], returns: np.ndarray) -> float:
    """The optimum by scipy: variables are six weights, the quantile and the losses beyond it."""
    from scipy.optimize import linprog

    rows, tight = returns.shape[0], 1.0 - 1e-6
    wide = np.hstack([returns, returns])
    gain = np.array(mus) - 0.0015 * 10 / 63
    cost = np.concatenate([-gain, [LAMBDA], np.full(rows, LAMBDA / (0.05 * rows))])
    beyond = np.hstack([-wide, -np.ones((rows, 1)), -np.eye(rows)])
    sums = np.zeros((6, 7 + rows))
    sums[0, :3] = sums[1, 3:6] = sums[5, :6] = 1.0
    for i in range(3):
        sums[2 + i, [i, 3 + i]] = 1.0
    room = np.array([*caps, 0.4, 0.4, 0.4, 0.95]) * tight
    bounds = [(0, 0 if m <= 0 else None) for m in mus] + [(None, None)] + [(0, None)] * rows
    found = linprog(cost, np.vstack([beyond, sums]), np.concatenate([np.zeros(rows), room]), bounds=bounds)
    assert found.status == 0
    return -float(found.fun)


def test_every_limit_of_a_bid_is_told_its_own_cap_first_and_their_prices_are_what_a_unit_more_would_gain() -> None:
    limits = limits_of(gross_max=0.6, cash_min=0.0, **ROOMY)
    said = (forecast("AAA", 0.02), forecast("BBB", 0.01), forecast("CCC", 0.003))
    result = auction(*said, limits=limits)
    capped, filling, left = (the_bid(result, s) for s in ("AAA", "BBB", "CCC"))
    assert [name for name, _ in capped.bindings] == ["position:AAA", "gross"]
    assert [name for name, _ in filling.bindings] == ["gross"] == [name for name, _ in left.bindings]
    assert (capped.binding, capped.price) == capped.bindings[0]
    for bid in (capped, filling):
        charged = 0.0015 * 10 / 63 + LAMBDA * bid.cvar_share / bid.weight
        assert sum(price for _, price in bid.bindings) == pytest.approx(bid.mu - charged, abs=1e-6)


def test_a_limit_that_a_hedge_relieves_does_not_stop_it() -> None:
    scenarios = scenarios_of()
    for sets in (scenarios.filtered, *(one.returns for one in scenarios.stressed)):
        for returns in sets.values():
            returns[:, 3] = -0.3 * returns[:, 0]
    limits = limits_of(**(ROOMY | {"cvar_budget": {1: 9.0, 10: 0.02}, "weight_max": np.full(N, 0.7)}))
    result = auction(forecast("AAA", 0.03), forecast("DDD", 0.0, hedge=True), scenarios=scenarios, limits=limits)
    assert "cvar" in dict(the_bid(result).bindings)
    assert "cvar" not in dict(the_bid(result, "DDD").bindings)
