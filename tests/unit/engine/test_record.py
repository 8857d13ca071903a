"""What a record says of each symbol, and in which order it asks for trades (step 14, G3, X2)."""

from __future__ import annotations

import pytest

from plimsoll.core.decision import Carried, Programme, Share
from plimsoll.core.order import client_id
from plimsoll.core.restraint import LadderState


@pytest.fixture
def standing(account, view):
    def made(target, cash=8_000_000, confidence=0.9, **lots):
        programme = Programme(
            view.day, tuple(Share("s", k, v) for k, v in target.items()), dict.fromkeys(target, confidence),
            dict.fromkeys(target, 0.005), dict.fromkeys(target, 0.5),
        )  # fmt: skip
        return account(cash, Carried(ladder=LadderState(cash, cash), programme=programme), **lots)

    return made


def test_reductions_come_first_and_the_largest_of_each_kind_before_the_others(decided, standing) -> None:
    record = decided(standing({"SPY": 0.03, "TLT": 0.08}, GLD=30, QQQ=90))
    signed = [(i.reduce_only, abs(record.proposed[at] - record.held[at])) for i in record.intents
              for at in [record.symbols.index(i.symbol)]]  # fmt: skip
    assert [reduces for reduces, _ in signed] == [True, True, False, False]
    assert signed[0][1] > signed[1][1]
    assert signed[2][1] > signed[3][1]


def test_an_orders_id_is_a_function_of_what_it_is(decided, standing) -> None:
    (intent,) = decided(standing({"SPY": 0.05})).intents
    assert intent.id == client_id("local", intent.session, "SPY", "buy")
    (sale,) = decided(standing({}, SPY=10)).intents
    assert sale.id == client_id("local", sale.session, "SPY", "sell") != intent.id


def test_an_increase_that_was_refused_is_a_rejection_with_its_reason(decided, standing) -> None:
    record = decided(standing({"SPY": 0.05}, confidence=0.3))
    assert (record.outcome, record.reasons) == (["REJECT"], [["LOW_CONFIDENCE"]])


def test_a_holding_at_its_target_is_held(decided, standing, view, desk) -> None:
    price = view.bars("close")[-1, desk.column["SPY"]]
    lots = round(4_000.0 / price)
    record = decided(standing({"SPY": lots * price / (80_000 + lots * price)}, SPY=lots))
    assert record.outcome == ["HOLD"]
    assert record.reasons[0][0] in ("TARGET_MET", "IN_BAND")


def test_the_record_names_what_is_concerned_and_counts_the_others(decided, standing) -> None:
    record = decided(standing({"SPY": 0.05}, GLD=10))
    assert record.symbols == ("GLD", "SPY")
    assert record.others == 4  # six can be traded; the index is not among them


def test_absent_figures_are_absent_and_limits_are_those_in_force(decided, standing) -> None:
    record = decided(standing({}))
    assert record.figures["gross"] == 0.0
    assert record.figures["cvar_10"] == 0.0
    assert record.limits["cvar_hard_10"] == 0.06
    assert record.decided_at > record.session
