"""What a record says of each symbol, and in which order it asks for trades (step 14, G3, X2)."""

from __future__ import annotations

from msgspec.structs import replace

from plimsoll.core.order import client_id
from plimsoll.core.policy import Policy


def test_reductions_come_first_and_the_largest_of_each_kind_before_the_others(decided, under) -> None:
    record = decided(under({"SPY": 0.03, "TLT": 0.08}, GLD=30, QQQ=90))
    signed = [(i.reduce_only, abs(record.proposed[at] - record.held[at])) for i in record.intents
              for at in [record.symbols.index(i.symbol)]]  # fmt: skip
    assert [reduces for reduces, _ in signed] == [True, True, False, False]
    assert signed[0][1] > signed[1][1]
    assert signed[2][1] > signed[3][1]


def test_an_orders_id_is_a_function_of_what_it_is(decided, under) -> None:
    (intent,) = decided(under({"SPY": 0.05})).intents
    assert intent.id == client_id("local", intent.session, "SPY", "buy")
    (sale,) = decided(under({}, SPY=10)).intents
    assert sale.id == client_id("local", sale.session, "SPY", "sell") != intent.id


def test_an_increase_that_was_refused_is_a_rejection_with_its_reason(decided, under) -> None:
    record = decided(under({"SPY": 0.05}, confidence=0.3))
    assert (record.outcome, record.reasons) == (["REJECT"], [["LOW_CONFIDENCE", "VETO_WARNING"]])
    assert [(f.gate, f.scope, f.measured, f.limit) for f in record.unmet] == [("MODEL_DECAY", "SPY", 0.3, 0.5)]
    assert record.vetoes == record.findings == ()  # nothing came so far as to be judged


def test_an_increase_that_the_cvar_budget_leaves_a_part_of_says_so(decided, under) -> None:
    tight = replace(Policy(), cvar=replace(Policy().cvar, budget_10=0.012, budget_1=0.004))
    free, record = decided(under({"SPY": 0.25, "GLD": 0.05})), decided(under({"SPY": 0.25, "GLD": 0.05}), policy=tight)
    assert all(codes == ["TO_TARGET"] for codes in free.reasons)
    spy = record.symbols.index("SPY")
    assert 0 < record.lots[spy] < free.lots[free.symbols.index("SPY")]
    assert record.outcome[spy] == "EXECUTE"
    assert record.reasons[spy][-1] == "TOWARDS_TARGET" and "CVAR_ABOVE_BUDGET" in record.reasons[spy]
    over = [f for f in record.unmet if f.gate == "cvar_10"]
    assert over and over[0].measured > over[0].limit == record.limits["cvar_budget_10"]


def test_an_increase_that_the_cvar_budget_leaves_nothing_of_is_a_rejection(decided, under) -> None:
    tight = replace(Policy(), cvar=replace(Policy().cvar, budget_10=0.0002, budget_1=0.0001))
    record = decided(under({"SPY": 0.05}), policy=tight)
    assert record.outcome == ["REJECT"] and "CVAR_ABOVE_BUDGET" in record.reasons[0]


def test_a_held_book_above_its_budget_lets_nothing_grow_and_every_symbol_says_why(decided, under) -> None:
    tight = replace(Policy(), cvar=replace(Policy().cvar, budget_10=0.004, budget_1=0.002))
    record = decided(under({"SPY": 0.25, "GLD": 0.2}, SPY=90), policy=tight)
    assert record.figures["cvar_10"] > record.limits["cvar_budget_10"]
    assert record.outcome == ["REJECT", "REJECT"]
    assert all("CVAR_ABOVE_BUDGET" in codes for codes in record.reasons)


def test_what_vix_halves_also_names_the_budget_that_the_whole_would_meet(decided, under, view, history) -> None:
    tight = replace(Policy(), forecast=replace(Policy().forecast, vix_high=1.0),
                    cvar=replace(Policy().cvar, budget_10=0.012, budget_1=0.004))  # fmt: skip
    record = decided(under({"SPY": 0.25}), policy=tight)
    assert record.reasons[0][0] == "VIX_HIGH" and "CVAR_ABOVE_BUDGET" in record.reasons[0]


def test_what_waits_for_the_sessions_room_is_held_and_what_is_neither_held_nor_wanted_says_so(decided, under) -> None:
    policy = replace(Policy(), shaping=replace(Policy().shaping, trades_max=1))
    record = decided(under({"SPY": 0.05, "GLD": 0.04}), policy=policy)
    assert dict(zip(record.symbols, record.outcome, strict=True)) == {"GLD": "HOLD", "SPY": "EXECUTE"}
    assert record.reasons[record.symbols.index("GLD")] == ["TRADE_COUNT"]


def test_a_holding_at_its_target_is_held(decided, under, view, run) -> None:
    price = view.bars("close")[-1, run.column["SPY"]]
    lots = round(4_000.0 / price)
    record = decided(under({"SPY": lots * price / (80_000 + lots * price)}, 8_000_000, SPY=lots))
    assert record.outcome == ["HOLD"]
    assert record.reasons[0][0] in ("TARGET_MET", "IN_BAND")


def test_the_record_names_what_is_concerned_and_counts_the_others(decided, under) -> None:
    record = decided(under({"SPY": 0.05}, GLD=10))
    assert record.symbols == ("GLD", "SPY")
    assert record.others == 4  # six can be traded; the index is not among them


def test_absent_figures_are_absent_and_limits_are_those_in_force(decided, under) -> None:
    record = decided(under({}))
    assert record.figures["gross"] == 0.0
    assert record.figures["cvar_10"] == 0.0
    assert record.limits["cvar_hard_10"] == 0.06
    assert record.decided_at > record.session
