"""Reason codes as sentences, and the chain of one symbol on decisions made by hand (G4)."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from plimsoll.analysis import explain_change, wording
from plimsoll.analysis.case import Case, DecisiveChange, Explanation, Figures, Otherwise, Subject
from plimsoll.analysis.explain import explain
from plimsoll.analysis.session_summary import summarise
from plimsoll.core.dates import day_number
from plimsoll.core.decision import (
    AuctionRecord,
    BidRecord,
    Carried,
    Comovement,
    CycleRecord,
    RegimeFigure,
    Share,
    StopState,
    TargetPortfolio,
    Veto,
)
from plimsoll.core.events import OrderDenied, OrderExpired
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill, Order
from plimsoll.core.panel import Certification, Flag
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import COUNTS, DOLLARS, FIGURES, REASONS
from plimsoll.core.restraint import LadderState, Restraint, RiskEvent
from plimsoll.core.verdict import Finding

AUCTION = "2020-01-31"
TODAY = "2020-02-10"
POLICY = Policy()
BID = BidRecord(
    "trend", "AAA", "ALLOCATED", 1, 0.004, 0.0035, 0.0005, 0.3, 0.2, 0.0008, 0.002, 0.8, 1.2, 1.0, ("ALLOCATED",),
    "position:AAA", 0.002,
)  # fmt: skip


def decision(session: str = TODAY, **changes: Any) -> CycleRecord:
    """A quiet session of an account of 100,000 USD: AAA held at 20 % and wanted at 21 %."""
    target = TargetPortfolio(day_number(AUCTION), (Share("trend", "AAA", 0.21),), confidence={"AAA": 0.8})
    ladder = LadderState(episode_peak=10_000_000, lifetime_peak=10_000_000)
    given: dict[str, Any] = {
        "session": session,
        "decided_at": f"{session}T00:00:00Z",
        "snapshot": "s",
        "policy": "p",
        "code": "c",
        "nav": 10_000_000,
        "cash": 8_000_000,
        "regime": RegimeFigure((0.9, 0.1, 0.0), 0.02, 16.0, "VIX", stress=False),
        "restraint": Restraint(),
        "symbols": ("AAA",),
        "held": [0.20],
        "target": [0.21],
        "desired": [0.21],
        "proposed": [0.20],
        "lots": [0],
        "outcome": ["HOLD"],
        "reasons": [["IN_BAND"]],
        "others": 1,
        "figures": {"gross": 0.2, "gross_after": 0.2, "cash_after": 0.8, "turnover": 0.0, "drawdown_episode": 0.01,
                    "drawdown_lifetime": 0.01, "cvar_1": 0.004, "cvar_10": 0.012, "cvar_after_1": 0.004,
                    "cvar_after_10": 0.012},
        "limits": {"gross": 1.0, "cash": 0.05, "cvar_budget_1": 0.015, "cvar_hard_1": 0.022, "stressed_1": 0.03,
                   "cvar_budget_10": 0.045, "cvar_hard_10": 0.06, "stressed_10": 0.09},
        "findings": (),
        "vetoes": (),
        "auction": None,
        "events": (),
        "intents": (),
        "carried": Carried(ladder=ladder, portfolio=target),
    }  # fmt: skip
    return CycleRecord(**given | changes)


def auction(*bids: BidRecord, **changes: Any) -> CycleRecord:
    """The session of the auction in force."""
    held = AuctionRecord("optimal", 0.001, 0.01, 0.01, 0.05, bids, {})
    return decision(AUCTION, auction=held, **changes)


def figures(**changes: Any) -> Figures:
    """A healthy symbol."""
    healthy = Figures(
        session=TODAY, last_bar=TODAY, close=50.0, rows=900, eligible=True, price=1.1,
        averages={20: 1.0, 50: 1.0, 200: None}, momentum={"60 sessions": 0.05}, volatility=0.2, z=0.5, rank=3, ranked=4,
        adv=1e7, weight_max=0.3, alone={1: 0.02, 10: 0.06}, standalone_max={1: 0.009, 10: 0.027},
    )  # fmt: skip
    return replace(healthy, **changes)


ABOUT = ("now", "certification", "next_open", "instrument", "otherwise", "bids")


def told(record: CycleRecord, held_on: CycleRecord | None, symbol: str = "AAA", **changes: Any) -> Explanation:
    """The chain of a symbol of a decision."""
    about = {k: changes.pop(k) for k in ABOUT if k in changes}
    subject = Subject(
        **{
            "instrument": Instrument(symbol, "fund", "XNYS"),
            "certification": Certification(symbol, "ACTIVE", 900, 900, 0.0, 1.0, ()),
            "now": figures(),
            "then": figures(session=AUCTION),
            "next_open": 50.5,
        }
        | about
    )
    return explain(Case("run", record, held_on, changes.pop("fills", ()), (), POLICY, **changes), subject)


def text(explanation: Explanation, step: str) -> str:
    return " ".join(s for found in explanation.steps if found.name == step for s in found.sentences)


@pytest.mark.parametrize("code", sorted(REASONS))
@pytest.mark.parametrize("measured", [None, 0.0, 0.123456, 12.0, math.nan])
def test_every_reason_is_a_whole_sentence_with_or_without_its_figures(code: str, measured: float | None) -> None:
    for symbol in ("AAA", "book"):
        said = wording.sentence(code, symbol, measured, measured)
        assert not set("{}") & set(said)
        assert said.endswith(".") and not said.endswith("..")
        assert not said[0].islower()
        assert "nan" not in said


def test_units_belong_to_codes_of_the_vocabulary() -> None:
    assert set(REASONS) >= COUNTS | FIGURES | DOLLARS
    assert not COUNTS & FIGURES
    assert wording.sentence("TRADES_ABOVE_MAX", "book", 6.0, 5.0) == "6 trades exceed 5."
    assert "8.2 robust sigmas" in wording.sentence("OUTLIER_UNCONFIRMED", "AAA", 8.2, 8.0)
    assert "adds 2.60% of CVaR" in wording.sentence("INCREMENTAL_ABOVE_MAX", "AAA", 0.026, 0.025)


def test_a_code_of_another_version_is_quoted() -> None:
    assert "BRAND_NEW" in wording.sentence("BRAND_NEW", "AAA")


@pytest.mark.parametrize(("measured", "limit"), [(0.06000001, 0.06), (1.0 + 1e-9, 1.0), (0.0301, 0.03)])
def test_figures_that_differ_are_never_written_alike(measured: float, limit: float) -> None:
    shown, bound = wording.both(measured, limit)
    assert shown != bound
    assert float(shown.rstrip("%")) > float(bound.rstrip("%"))


def test_a_shadow_price_is_a_gain_in_dollars_for_a_little_more_of_the_limit() -> None:
    # 0.02 of objective per unit of CVaR: a tenth of a per cent more of it is 0.00002 of NAV, 2 USD of 100,000
    budget = wording.worth("stressed_1", 0.02, 100_000.0, 10)
    assert "tenth of a per cent" in budget and "2.00 USD over 10 sessions (0.002% of NAV)" in budget
    # a stand-alone risk entered as a cap on the weight: one per cent of it is 0.0002 of NAV
    own = wording.worth("standalone_1:GLD", 0.02, 100_000.0, 10)
    assert "One more per cent of NAV in GLD" in own and "20.00 USD" in own


def test_a_gap_inside_the_band_is_told_with_both_figures() -> None:
    found = told(decision(), auction(BID))
    assert found.outcome == "HOLD"
    assert "leaves AAA at 20.0% of NAV (target 21.0%)" in found.headline
    assert text(found, "what would have changed it") == ""  # nothing was tried
    assert "wants 21.0% of NAV in AAA (for trend)" in text(found, "programme")
    assert f"of the auction of {AUCTION}" in text(found, "indicators")


def test_a_bid_is_told_with_its_arithmetic_and_the_price_of_what_bound_it() -> None:
    said = text(told(decision(), auction(BID)), "auction")
    assert "0.40% x quality 1.00, no other penalty, less 0.050% cost = 0.35%" in said
    assert "won 20.0% of NAV (its own cap: 30.0%)" in said
    assert "Limited by: the cap on a position in AAA." in said
    assert "2.00 USD over 10 sessions" in said  # 0.002 x 1 % x 100,000 USD


def test_penalties_other_than_quality_are_named_with_their_product() -> None:
    decayed = replace(BID, adjusted=0.004 * 0.9 * 0.8 - 0.0005, quality=0.9)
    assert "quality 0.90, model decay and disagreement 0.800" in text(told(decision(), auction(decayed)), "auction")


def test_a_kept_position_that_a_limit_cut_is_not_said_to_be_whole() -> None:
    kept = replace(BID, decision="KEPT", reasons=("KEPT",), cap=0.3, weight=0.2, binding="stressed_1")
    said = text(told(decision(), auction(kept)), "auction")
    assert "Here one did: of 30.0% it kept 20.0%." in said


def test_a_symbol_without_a_bid_is_told_so_and_what_it_needs() -> None:
    found = told(decision(), auction(BID), symbol="ZZZ")
    assert found.reasons == ("NOT_IN_PROGRAMME",)
    assert f"No strategy made a bid at the auction of {AUCTION}" in found.headline
    assert "A forecast" in text(found, "what would have changed it")
    assert text(found, "order") == "There is no position and no target, so there is no order."


def test_before_the_first_auction_nothing_is_invented() -> None:
    bare = decision(
        symbols=(), held=[], target=[], desired=[], proposed=[], lots=[], outcome=[], reasons=[],
        carried=Carried(ladder=LadderState(1, 1)),
    )  # fmt: skip
    found = told(bare, None)
    assert "No auction has been held yet" in found.headline
    assert text(found, "what would have changed it") == ""


def test_a_loser_names_the_limit_it_lost_for() -> None:
    lost = replace(BID, decision="OUTBID", reasons=("OUTBID",), weight=0.0, binding="stressed_10", price=0.01)
    empty = decision(
        symbols=("AAA",), held=[0.0], target=[0.0], desired=[0.0], proposed=[0.0], reasons=[["TARGET_MET"]]
    )
    found = told(empty, auction(lost))
    assert "lost the auction" in found.headline and "at its target" not in found.headline
    assert "Stopped by: the limit on stressed CVaR over 10 sessions" in text(found, "auction")
    assert text(found, "what would have changed it") == ""


def refusal(*codes: str, **changes: Any) -> CycleRecord:
    """An increase of AAA from 10 to 21 % that was refused."""
    return decision(
        **{"held": [0.10], "proposed": [0.10], "outcome": ["REJECT"], "reasons": [list(codes)]} | changes
    )  # fmt: skip


def test_a_refusal_for_vix_compares_vix_with_its_bound() -> None:
    wild = RegimeFigure((0.0, 0.1, 0.9), 0.5, 45.0, "VIX", stress=True)
    found = told(refusal("VIX_EXTREME", regime=wild), auction(BID))
    assert "may not add to AAA, held at 10.0% with a target of 21.0%" in found.headline
    assert "VIX is at or above 40" in found.headline
    assert "VIX 45.00 (EXTREME); the crisis regime is on" in text(found, "restraints")


def test_a_book_that_moves_as_one_is_told_with_what_ends_it() -> None:
    carried = replace(decision().carried, comovement=Comovement(2, 0.91, 0.84))
    found = told(refusal("CORRELATION_ALIKE", carried=carried), auction(BID))
    assert "the lowest at 0.84; above 0.8 only reductions pass" in found.headline
    assert "average correlation 0.91, lowest pair 0.84): reductions only" in text(found, "restraints")
    watched = replace(carried, comovement=Comovement(1, 0.55, 0.2))
    said = text(told(decision(carried=watched), auction(BID)), "restraints")
    assert "is watched (average correlation 0.55, lowest pair 0.20) until its average is at 0.4 or below" in said


def test_both_probabilities_of_a_crisis_are_told_and_a_missing_one_is_not_invented() -> None:
    calm = RegimeFigure((0.9, 0.1, 0.0), 0.02, 16.0, "VIX", stress=False, passage=0.034)
    said = text(told(decision(regime=calm), auction(BID)), "restraints")
    assert "P(crisis) at the outlook 2.00%, within its 5 sessions 3.40%; VIX 16.00 (NORMAL)" in said
    assert "within its" not in text(told(decision(), auction(BID)), "restraints")


def test_a_refusal_by_a_gate_quotes_the_finding() -> None:
    over = Finding("standalone_1", "STANDALONE_ABOVE_MAX", "AAA", 0.0105, 0.009)
    now = figures(alone={1: 0.05, 10: 0.06})
    found = told(refusal("STANDALONE_ABOVE_MAX", findings=(over,)), auction(BID), now=now)
    assert "AAA's stand-alone CVaR is 1.05%; 0.90% is allowed" in found.headline
    assert "AAA's stand-alone CVaR is 0.50% over 1 session, limit 0.90%" in text(found, "gates")


def change(
    figure: str, now: float | None = None, then: float | None = None, lots: int = 40, weight: float = 0.12
) -> DecisiveChange:
    return DecisiveChange("SOME_CAUSE", figure, now, then, lots, weight)


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (change("cvar_1", 0.015, 0.0153), "A CVaR budget over 1 session of 1.53%, in place of 1.50%: AAA would have "
         "been bought, to 12.0% of NAV."),
        (change("stressed_10", 0.09, 0.0900004),
         "A stressed CVaR limit over 10 sessions of 9.00004%, in place of 9.00000%"),
        (change("standalone_1:AAA", 0.0036125, 0.0037),
         "A limit on the risk of AAA by itself over 1 session of 0.37%, in place of 0.36%"),
        (change("standalone_1:AAA", 0.0036, 0.003604), "of 0.3604%, in place of 0.3600%"),
        (change("position:AAA", 0.3, 0.31), "A cap of 31% on a position in AAA, in place of 30.00%"),
        (change("vix", 45.0, math.nextafter(40.0, 0.0)), "VIX below 40, in place of 45.00"),
        (change("vix", 45.0, 30.0), "VIX at 30 or below, in place of 45.00"),
        (change("trades", 5.0, 6.0), "6 trades a session, in place of 5"),
        (change("min_trade", 100.0, 55.0), "A minimum trade of 55.00 USD, in place of 100 USD"),
        (change("confidence", 0.4, 0.5), "A confidence of 50%, in place of 40.00%"),
        (change("confidence", None, 0.5), "A confidence of 50%: AAA"),
        (change("held", 0.105, 0.097177), "With 9.71% of NAV or less held in place of 10.50%"),
        (change("held", 0.105, 0.143911, lots=-40, weight=0.13),
         "With 14.40% of NAV or more held in place of 10.50%: AAA would have been sold down to 13.0% of NAV."),
        (change("account_trade", 10_000.0, 10_500.0), "An account's cap of 10,500 USD on one order, in place of"),
        (change("account_position:AAA", 15_000.0, 15_001.5),
         "An account's cap of 15,002 USD on a position in AAA, in place of 15,000 USD"),
        (change("account_turnover", 30_000.0, 31_000.0), "An account's cap of 31,000 USD on a session's turnover"),
        (change("account_gross", 1.0, 1.1), "An account's limit of 110% on gross exposure, in place of 100.00%"),
        (change("account_symbol:AAA"), "AAA among the account's symbols: AAA would have been bought"),
        (change("nav", 1_000.0, 1_200.0), "An account of 1,200 USD, in place of 1,000 USD"),
        (change("ladder"), "A re-entry of the drawdown ladder"),
        (change("veto:MODEL_DECAY"), "The veto MODEL_DECAY silent: AAA would have been bought"),
    ],
)  # fmt: skip
def test_a_change_that_was_shown_is_told_with_both_figures_as_they_were_tried(moved: DecisiveChange, said: str) -> None:
    found = told(refusal("CVAR_ABOVE_BUDGET"), auction(BID), otherwise=Otherwise(alone=(moved,), tried=("X",)))
    assert said in text(found, "what would have changed it")


def test_what_only_works_together_is_told_together_and_what_does_not_work_is_said_not_to() -> None:
    both = Otherwise(together=(change("cvar_1", 0.015, 0.0195), change("cvar_10", 0.045, 0.051)), tried=("X",))
    said = text(told(refusal("CVAR_ABOVE_BUDGET"), auction(BID), otherwise=both), "what would have changed it")
    assert said == (
        "No single figure; these 2 together, and then AAA would have been bought, to 12.0% of NAV: "
        "- A CVaR budget over 1 session of 1.95%, in place of 1.50% "
        "- A CVaR budget over 10 sessions of 5.1%, in place of 4.50%"
    )
    vain = text(
        told(refusal("HALTED"), auction(BID), otherwise=Otherwise(tried=("HALTED",))), "what would have changed it"
    )
    assert vain == "None of the tested figures changes it, neither one at a time nor all at once."
    unknown = text(told(refusal("HALTED"), auction(BID), otherwise=None), "what would have changed it")
    assert unknown.startswith("Not shown: this version decides the session differently")


@pytest.mark.parametrize(
    ("lots", "weight", "said"),
    [
        (-50, 0.05, "less would have been sold, and 5.00% of NAV kept"),
        (0, 0.10, "nothing would have been sold, and 10.0% of NAV kept"),
        (10, 0.11, "AAA would have been bought, to 11.0% of NAV"),
    ],
)
def test_a_sale_that_would_not_have_been_is_told_by_what_would_be_left(lots: int, weight: float, said: str) -> None:
    sold = decision(
        desired=[0.0], proposed=[0.0], lots=[-200], outcome=["EXECUTE"], reasons=[["STOP_CAP", "TO_TARGET"]]
    )
    spared = Otherwise(alone=(change("stop", lots=lots, weight=weight),), tried=("STOP_CAP",))
    assert said in text(told(sold, auction(BID), otherwise=spared), "what would have changed it")


def test_a_bid_is_told_what_would_have_won_it_more() -> None:
    more = Otherwise(alone=(change("mu", 0.004, 0.005, 0, 0.2001),), tried=("MU",))
    said = text(told(decision(), auction(BID), bids=(("trend", more),)), "what would have changed it")
    assert said == (
        f"At the auction of {AUCTION}, for trend's bid: - An expected return of 0.5%, in place of 0.40%: it would have "
        "won 20.01% of NAV and not 20.00%."
    )


def test_what_the_held_book_exceeds_is_not_blamed_on_a_proposal() -> None:
    held = Finding("cvar_1", "CVAR_ABOVE_BUDGET", "book", 0.018, 0.015)
    tight = {**decision().figures, "cvar_1": 0.018, "cvar_after_1": 0.018}
    said = text(told(decision(findings=(held,), figures=tight), auction(BID)), "gates")
    assert "CVaR of the positions is 1.80% over 1 session, above the budget 1.50%" in said
    wished = Finding("cvar_1", "CVAR_ABOVE_BUDGET", "book", 0.0175, 0.015)
    assert "The proposal's CVaR 1.75%" in text(told(decision(findings=(wished,)), auction(BID)), "gates")


def bought(**changes: Any) -> dict[str, Any]:
    """An order for 100 units, 5 % of NAV, and its fill."""
    intent = Order("id", TODAY, "AAA", 100, False, 50.0)
    return {"held": [0.15], "proposed": [0.20], "lots": [100], "outcome": ["EXECUTE"], "reasons": [["TO_TARGET"]],
            "intents": (intent,)} | changes  # fmt: skip


def test_an_order_is_followed_to_its_fill_with_every_cost() -> None:
    done = Fill("id", "e", "2020-02-11", "AAA", 100, 50.6, 506_000, 506, 252, 12)
    found = told(decision(**bought()), auction(BID), fills=(done,))
    assert "buys AAA: 15.0% of NAV to 20.0%" in found.headline
    assert "Order: buy 100 units of AAA, 5,000 USD at the close of 50.00" in text(found, "order")
    said = text(found, "fill")
    assert "At the open of 2020-02-11: bought 100 units at 50.60 for 5,060.00 USD" in said
    assert "5.06 commission, 2.52 slippage, 0.12 impact" in said
    assert "against an open of 50.50" in said
    assert "None of the ten vetoes" in text(found, "vetoes")
    assert "the trade is 0.050% of average volume, limit 1.00%" in text(found, "gates")


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (
            {"expired": (OrderExpired("2020-02-11", "id", 100, "NO_OPEN"),)},
            "fill on 2020-02-11. AAA has no open",
        ),
        ({}, "The order is open"),
        (
            {
                "fills": (Fill("id", "e", "2020-02-11", "AAA", 40, 50.6, 202_400, 202, 0, 0),),
                "expired": (OrderExpired("2020-02-11", "id", 60, "NO_CASH"),),
            },
            "60 units of it did not fill on 2020-02-11",
        ),
    ],
)
def test_an_order_that_did_not_fill_whole_says_why(after: dict[str, Any], said: str) -> None:
    assert said in text(told(decision(**bought()), auction(BID), **after), "fill")


def test_an_order_cut_by_turnover_is_not_said_to_wait_as_a_whole() -> None:
    found = told(decision(**bought(reasons=[["TURNOVER", "TOWARDS_TARGET"]])), auction(BID))
    assert found.headline.endswith(
        "The rest of the way waits: the session's changes are more than its turnover allows."
    )
    assert "AAA waits" not in text(found, "order")


@pytest.mark.parametrize("code", ["TRADE_COUNT", "TURNOVER"])
def test_a_cause_of_the_whole_wish_says_nothing_of_what_the_session_used(code: str) -> None:
    """Each limit is judged by itself: another one may have left trades and turnover of the session unused."""
    refused = decision(desired=[0.25], outcome=["REJECT"], reasons=[["CVAR_ABOVE_BUDGET", code]])
    found = told(refused, auction(BID))
    assert "The session used 0 of 5 trades and 0% of 30.0% turnover." in text(found, "order")
    assert "used up" not in f"{found.headline} {text(found, 'order')}"
    assert "changes wanted in the session" in text(found, "order")


def test_a_hard_limit_is_said_to_be_passed_by_the_proposal_unless_the_held_book_passes_it() -> None:
    wished = Finding("cvar_1", "CVAR_ABOVE_HARD", "book", 0.0224, 0.022)
    refused = decision(unmet=(wished,), outcome=["REJECT"], reasons=[["CVAR_ABOVE_HARD"]])
    said = text(told(refused, auction(BID)), "order")
    assert "The proposal's CVaR 2.24% is above the hard limit 2.20% (1 session)." in said
    figures = decision().figures | {"cvar_1": 0.0224}
    held = decision(findings=(wished,), figures=figures, outcome=["REJECT"], reasons=[["CVAR_ABOVE_HARD"]])
    assert "CVaR of the positions is 2.24% over 1 session, above the hard limit" in text(
        told(held, auction(BID)), "order"
    )


def test_a_forced_sale_that_ends_at_the_target_names_it_and_one_that_ends_above_does_not() -> None:
    sold = {"proposed": [0.05], "lots": [-300], "outcome": ["EXECUTE"], "reasons": [["CVAR_ABOVE_HARD", "TO_TARGET"]]}
    named = "The target portfolio's weight is 5.00%, and the sale goes to it."
    assert told(decision(target=[0.05], desired=[0.05], **sold), auction(BID)).headline.endswith(named)
    assert "The target portfolio wants" not in told(decision(desired=[0.05], **sold), auction(BID)).headline


def test_a_ceiling_that_a_holding_drifts_past_in_its_band_is_said_of_targets_and_nothing_is_said_to_be_cut() -> None:
    figures = decision().figures | {"gross": 0.205, "gross_after": 0.205}
    cut = Restraint(gross_ceiling=0.2, reasons=("LADDER_CUT",))
    found = told(
        decision(held=[0.205], proposed=[0.205], desired=[0.2], restraint=cut, reasons=[["LADDER_CUT"]],
                 figures=figures), auction(BID),
    )  # fmt: skip
    assert found.headline.endswith("The drawdown ladder lowers the target of AAA.")
    assert "Total target weight may not exceed 20.0% of NAV until re-entry" in text(found, "restraints")
    back = replace(decision().carried, mode="RECOVERY")
    said = text(
        told(decision(restraint=Restraint(gross_ceiling=1.0, size=0.5), carried=back), auction(BID)), "restraints"
    )
    assert "100% of NAV while the re-entry ramp runs" in said


def test_a_veto_is_told_to_the_symbol_it_concerns_only() -> None:
    spoke = (Veto("MODEL_DECAY", "warning", "AAA", 0.4, 0.5), Veto("LOW_DATA_QUALITY", "error", "BBB", 0.5, 0.6))
    said = text(told(decision(**bought(vetoes=spoke)), auction(BID)), "vetoes")
    assert said == "MODEL_DECAY (warning) for AAA: 0.400 against 0.500."


def test_a_stop_is_told_with_what_it_holds_the_position_to() -> None:
    stop = StopState("AAA", 2, 0.0, day_number(TODAY))
    carried = replace(decision().carried, stops=(stop,))
    sold = {
        "desired": [0.0],
        "proposed": [0.0],
        "lots": [-200],
        "outcome": ["EXECUTE"],
        "reasons": [["STOP_CAP", "TO_TARGET"]],
    }
    fired = decision(carried=carried, events=(RiskEvent(TODAY, "STOP_EXITED", "WARNING", 0.19, 0.18, "AAA"),), **sold)
    found = told(fired, auction(BID))
    assert f"Its stop sold it on {TODAY}; it may not exceed 0% of NAV" in text(found, "restraints")


def test_a_flag_is_told_only_once_it_had_begun_and_its_end_only_once_it_was_past() -> None:
    flags = (
        Flag("VOLUME_SPIKE", "note", "2019-03-01", "2019-03-05", 3),
        Flag("OFF_GRID_ROWS", "note", "2019-06-01", "2021-06-01", 7),
        Flag("STUCK_SERIES", "hard", "2020-06-01", "2020-06-09", 6),
    )
    certified = Certification("AAA", "ACTIVE", 900, 900, 0.0, 1.0, (), flags)
    said = text(told(decision(), auction(BID), certification=certified), "data")
    assert "AAA has 3 days of volume" in said
    assert "OFF_GRID_ROWS" in said and "2021" not in said and "7" not in said
    assert "repeats its close" not in said


def test_reduced_budgets_name_only_the_causes_that_apply() -> None:
    limits = {**decision().limits, "cvar_budget_1": 0.0075}
    stressed = RegimeFigure((0.0, 0.0, 1.0), 0.5, 35.0, "VIX", stress=True)
    said = text(told(decision(limits=limits, regime=stressed), auction(BID)), "restraints")
    assert "50.0% of their full size because of the crisis regime." in said
    deep = {**decision().figures, "drawdown_lifetime": 0.13}
    said = text(told(decision(limits=limits, figures=deep), auction(BID)), "restraints")
    assert "because of the drawdown." in said


def test_the_summary_places_every_symbol_once() -> None:
    record = decision(**bought())
    case = Case("run", record, auction(BID), (), (), POLICY)
    page = summarise(case, ("AAA", "BBB", "CCC"), ())
    named = {s.name: " ".join(s.sentences) for s in page.summary}
    assert "Buys AAA" in named["ordered"]
    assert "traded" not in named and named["not traded"] == "The order in AAA is open."
    assert named["neither held nor targeted"].startswith("BBB, CCC: no strategy made a bid")
    assert "refused" not in named and "held" not in named


def test_the_summary_tells_orders_from_trades_and_what_became_of_those_of_the_session_before() -> None:
    record = decision(**bought())
    (order,) = record.intents
    done = Fill(order.id, "x", "2020-02-11", "AAA", order.lots, 100.0, 123_400, 0, 0, 0)

    def named(*fills: Fill, **ends: Any) -> dict[str, str]:
        page = summarise(Case("run", record, auction(BID), fills, (), POLICY, **ends), ("AAA",), ())
        return {s.name: " ".join(s.sentences) for s in page.summary}

    whole = named(done)
    assert whole["traded"] == "Bought AAA for 1,234 USD on 2020-02-11." and "not traded" not in whole
    gone = OrderExpired("2020-02-11", order.id, 1, "NO_OPEN")
    part = named(done, expired=(gone,))
    assert part["not traded"].startswith("The rest of the order in AAA expired on 2020-02-11. AAA has no open")
    none = named(expired=(gone,))
    assert none["not traded"].startswith("The order in AAA expired on 2020-02-11.") and "traded" not in none
    refused = OrderDenied("2020-02-11", order.id, ("ORDERS_PER_MINUTE",))
    said = named(denied=(refused,))
    assert said["not traded"].startswith("The governor refused the order in AAA on 2020-02-11. ")
    assert "Buys AAA" in said["ordered"] and "traded" not in said
    after = named(done, pre_ended=(refused, gone, gone))["book"]
    assert "The governor refused 1 order of the session before." in after
    assert "2 orders of the session before expired, in whole or in part." in after


def test_an_explanation_is_json_and_back() -> None:
    page = summarise(Case("run", decision(), auction(BID), (), (), POLICY), ("AAA",), (told(decision(), auction(BID)),))
    again = msgspec.json.decode(msgspec.json.encode(page), type=type(page))
    assert again == page


def test_a_finding_on_a_stressed_set_is_told_with_its_name() -> None:
    found = Finding("stressed_10", "STRESSED_CVAR_ABOVE_BUDGET", "book", 0.13, 0.12, "2020")
    assert wording.finding(found) == "The proposal's stressed CVaR (2020) 13.0% is above 12.0% (10 sessions)."
    assert "(the worst of all history)" in wording.finding(msgspec.structs.replace(found, on="worst"))
    assert "stressed CVaR 13.0%" in wording.finding(msgspec.structs.replace(found, on=""))  # a record of before


def test_a_move_that_nobody_explained_is_told_in_the_page_of_its_session_and_of_later_ones() -> None:
    flag = Flag("SPLIT_SUSPECTED", "hard", TODAY, TODAY, 1, "close moved -75.0%")

    def page(session: str) -> str:
        case = Case("run", decision(session), None, (), (), POLICY, unexplained=(("AAA", flag),))
        steps = summarise(case, (), ()).summary
        return next(s for step in steps if step.name == "data" for s in step.sentences)

    said = "obody explained a move of AAA (SPLIT_SUSPECTED: close moved -75.0%): "
    assert page(TODAY) == f"WARNING: n{said}it is booked as the file tells it, in NAV and drawdown."
    assert page("2020-03-02") == f"N{said}nothing is added in it since."


def test_an_ended_mandate_is_told_with_its_drawdown_on_every_day_after() -> None:
    known = decision().figures | {"drawdown_lifetime": 0.191}
    ended = decision(restraint=Restraint(reasons=("MANDATE_ENDED", "LADDER_LIQUIDATE")), figures=known)
    steps = summarise(Case("run", ended, None, (), (), POLICY), (), ()).summary
    said = next(step.sentences for step in steps if step.name == "restraints")
    assert "Drawdown 19.1% of the lifetime peak ended the mandate (18.0%)." in said


def test_every_figure_that_can_be_moved_has_words() -> None:
    for moved in (*explain_change._MONEY, *explain_change._COUNTS, *explain_change._SHARES, *explain_change._LIFTED):
        said = explain_change.phrase(None, change(f"{moved}:AAA", 0.5, 0.25))  # type: ignore[arg-type]
        assert said and "{" not in said


@pytest.mark.parametrize(
    ("code", "measured", "limit", "said"),
    [
        ("ACCOUNT_TRADE", 14_900.01, 10_000.0, "AAA's whole order would be 14,900 USD; the account's cap on one order "
         "is 10,000 USD."),
        ("ACCOUNT_POSITION", 15_000.01, 15_000.0, "AAA's position would be 15,000.01 USD; the account's cap on it is "
         "15,000.00 USD."),
        ("ACCOUNT_TURNOVER", 31_000.0, 30_000.0, "with a reserve for their prices, to 31,000 USD; the account's "
         "turnover cap is 30,000 USD."),
    ],
)  # fmt: skip
def test_a_cap_of_the_account_is_told_with_its_figures_in_dollars(
    code: str, measured: float, limit: float, said: str
) -> None:
    assert said in text(
        told(refusal(code, unmet=(Finding(code.lower(), code, "AAA", measured, limit),)), auction(BID)), "order"
    )
