"""What a record says of each symbol, and in which order it asks for trades (step 14, G3, X2)."""

from __future__ import annotations

from plimsoll.core.order import client_id


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
    assert (record.outcome, record.reasons) == (["REJECT"], [["LOW_CONFIDENCE"]])


def test_a_holding_at_its_target_is_held(decided, under, view, desk) -> None:
    price = view.bars("close")[-1, desk.column["SPY"]]
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
