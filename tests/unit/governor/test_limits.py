"""The governor's limits as whole numbers: where each comes from, and which way a cap may move (H1, H7)."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import msgspec
import pytest

from plimsoll.core.account_record import Caps, Growth
from plimsoll.core.errors import InputError
from plimsoll.core.policy import AssetLimits, GovernorPolicy, Policy
from plimsoll.governor.limits import (
    GovernorLimits,
    Jumps,
    Pace,
    Ruling,
    Stage,
    from_policy,
    limits_of,
    with_signed_caps,
)

FIGURES = GovernorPolicy(
    loss=101, position=None, turnover=2_003, trade=None, trade_share=0.07, loss_share=0.9, turnover_share=0.9,
    caution_equity=0.01, caution_loss=0.11, caution_size=0.4, reduce_equity=0.02, reduce_loss=0.22, halt_equity=0.03,
    halt_loss=0.33, collar=0.0123, quote_age=17, orders_second=3, orders_minute=5, repeats_minute=2, clock_slack=19,
    wait_max=23,
    symbols=("B", "A"), latency_max=23, latency_window=29, latency_recent=31, latency_slow=37, tries=41,
    size_steps=(10, 25), size_days=6, size_uptime=0.95, size_daily_loss=0.025, size_drawdown=0.15, graduate_paper=False,
    jump_stock=0.12, jump_crypto=0.34, jump_fx=0.056, jump_other=0.078, split_near=0.031, split_units=7, split_far=1.7,
    dust=2,
)  # fmt: skip


def a_policy(capital: str = "1000.05", **changed: Any) -> Policy:
    """A policy of these figures: other kinds at most a tenth, gold at most a third."""
    plain = Policy()
    limits = msgspec.structs.replace(
        plain.limits, weight_stock=0.2, weight_fund=0.3, weight_crypto=0.15, weight_other=0.10, gross_max=0.85,
        assets={"GLD": AssetLimits(max_weight=0.3333)},
    )  # fmt: skip
    account = msgspec.structs.replace(plain.account, capital=capital)
    return msgspec.structs.replace(
        plain, governor=msgspec.structs.replace(FIGURES, **changed), limits=limits, account=account
    )


def test_each_figure_of_the_policy_becomes_a_whole_number() -> None:
    assert limits_of(a_policy()) == GovernorLimits(
        loss=10_100, position=10_000, positions={"GLD": 33_331}, turnover=200_300, trade=7_000, gross_bps=8_500,
        stages=(Stage("caution", 100, 1_100), Stage("reduce_only", 200, 2_200), Stage("halt", 300, 3_300)),
        caution_bps=4_000, collar_bps=123, move_bps=100, quote_age=17_000_000, clock_slack=19_000, wait_max=23_000,
        orders_second=3, orders_minute=5, repeats_minute=2, pace=Pace(23_000, 29, 31, 37), tries=41,
        dust=200, jumps=Jumps(1_200, 3_400, 560, 780, 310, 17_000, 7), symbols=frozenset({"A", "B"}),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["weight_stock", "weight_fund", "weight_crypto", "weight_other"])
def test_a_position_without_a_stated_cap_has_that_of_the_strictest_kind(kind: str) -> None:
    policy = a_policy("1000.00")
    tight = msgspec.structs.replace(policy, limits=msgspec.structs.replace(policy.limits, **{kind: 0.05}))
    assert limits_of(tight).position == 5_000


def test_a_stated_position_cap_is_that_of_every_symbol() -> None:
    limits = limits_of(a_policy(position=77))
    assert (limits.position, limits.positions, limits.position_of("GLD")) == (7_700, {}, 7_700)


def test_what_an_account_signs_is_its_caps_in_dollars() -> None:
    policy = a_policy()
    caps = Caps(loss="101.00", position="100.00", positions={"GLD": "333.31"}, turnover="2003.00", trade="70.00")
    growth = Growth(steps=("10.00", "25.00"), days=6, uptime_bps=9_500, daily_loss_bps=250, drawdown_bps=1_500)
    live = from_policy(policy, "live", "because")
    assert (live.mode, live.profile, live.capital, live.caps, live.growth, live.reason) == (
        "live", policy.profile, "1000.05", caps, growth, "because",
    )  # fmt: skip
    paper = from_policy(policy, "paper")
    assert (paper.mode, paper.caps, paper.growth, paper.reason) == ("paper", caps, None, "")
    assert from_policy(a_policy(graduate_paper=True), "paper").growth == growth


def test_an_account_is_held_to_what_it_signed() -> None:
    signed = from_policy(a_policy(), "paper")
    other = limits_of(a_policy("9.00", loss=1, turnover=1, orders_second=99))
    held = with_signed_caps(other, signed, 4, "seal")
    assert held == replace(limits_of(a_policy()), orders_second=99, version=4, seal="seal")


BASE = replace(limits_of(a_policy()), version=3, seal="s", positions={"A": 400, "B": 90_000})


def test_a_size_bounds_every_position_and_is_remembered() -> None:
    small = BASE.at_size(1_000)
    assert (small.position, small.positions, small.size) == (1_000, {"A": 400, "B": 1_000}, 1_000)
    assert BASE.at_size(10**9) == replace(BASE, size=10**9)
    assert replace(BASE, version=0, seal="", size=None).caps == {
        "loss": 10_100, "position": 10_000, "positions": {"A": 400, "B": 90_000}, "turnover": 200_300, "trade": 7_000,
        "version": 0, "seal": "", "size": None,
    }  # fmt: skip
    assert BASE.with_caps(small.caps) == small


@pytest.mark.parametrize("cap", ["loss", "position", "turnover", "trade"])
def test_the_lower_of_two_caps_holds_and_a_raise_needs_a_newer_entry(cap: str) -> None:
    lower, higher = (replace(BASE, **{cap: getattr(BASE, cap) + d}) for d in (-1, 1))
    assert lower.capped_by(BASE.caps) == lower
    with pytest.raises(InputError, match="other dollar caps"):
        higher.capped_by(BASE.caps)
    newer = replace(higher, version=4, seal="t")
    assert newer.capped_by(BASE.caps) == replace(BASE, positions=newer.capped_by(BASE.caps).positions)
    assert getattr(newer.capped_by(BASE.caps), cap) == getattr(BASE, cap)


def test_the_lower_of_two_positions_holds_for_each_symbol_either_names() -> None:
    mine = replace(BASE, positions={"A": 300, "C": 50}, version=4)
    found = mine.capped_by(BASE.caps)
    assert found.positions == {"A": 300, "B": 10_000, "C": 50}
    assert (found.version, found.seal) == (3, "s")
    for positions in ({"A": 401, "B": 90_000}, {"A": 400, "B": 90_001}, {"A": 400, "B": 90_000, "C": 10_001}, {"B": 1}):
        with pytest.raises(InputError, match="other dollar caps"):
            replace(BASE, positions=positions).capped_by(BASE.caps)


@pytest.mark.parametrize(
    ("mine", "kept", "size"), [(None, None, None), (5, None, 5), (None, 7, 7), (5, 7, 5), (7, 5, 5), (5, 5, 5)]
)
def test_the_smaller_size_holds(mine: int | None, kept: int | None, size: int | None) -> None:
    assert replace(BASE, size=mine).capped_by({**BASE.caps, "size": kept}).size == size


@pytest.mark.parametrize(
    ("version", "seal", "fails"), [(2, "s", True), (3, "x", True), (3, "s", False), (4, "x", False)]
)
def test_caps_of_an_older_entry_or_of_another_with_its_number_are_refused(version: int, seal: str, fails: bool) -> None:
    mine = replace(BASE, version=version, seal=seal)
    if fails:
        with pytest.raises(InputError, match="other dollar caps"):
            mine.capped_by(BASE.caps)
    else:
        assert mine.capped_by(BASE.caps) == BASE


def test_caps_that_were_kept_without_an_entry_have_none() -> None:
    kept = {name: value for name, value in BASE.caps.items() if name not in ("version", "seal", "size")}
    found = replace(BASE, version=0, seal="").capped_by(kept)
    assert (found.version, found.seal, found.size) == (0, "", None)


def test_caps_are_written_in_one_order_and_begin_without_an_entry() -> None:
    assert list(replace(BASE, positions={"Z": 1, "A": 2, "M": 3}).caps["positions"]) == ["A", "M", "Z"]  # type: ignore[call-overload]
    policy = a_policy()
    entries = {name: AssetLimits(max_weight=0.1) for name in ("Z", "A", "M")}
    shuffled = msgspec.structs.replace(policy, limits=msgspec.structs.replace(policy.limits, assets=entries))
    assert list(from_policy(shuffled, "paper").caps.positions) == ["A", "M", "Z"]
    fresh = limits_of(a_policy())
    assert (fresh.version, fresh.seal, fresh.size) == (0, "", None)


@pytest.mark.parametrize("cap", ["loss", "position", "turnover", "trade"])
def test_a_signed_cap_that_is_no_amount_is_named(cap: str) -> None:
    signed = from_policy(a_policy(), "paper")
    broken = msgspec.structs.replace(signed, caps=msgspec.structs.replace(signed.caps, **{cap: "0"}))
    with pytest.raises(InputError, match=f"caps.{cap} is"):
        with_signed_caps(BASE, broken, 1, "s")


def test_caps_and_symbols_are_those_of_one_identity_in_any_spelling() -> None:
    weights = {"btcusdt": 0.02, "BTC/USD": 0.01, "brk.b": 0.1}
    policy = a_policy("1000.00", symbols=("btc-usd", "msft"))
    rows = {name: AssetLimits(max_weight=weight) for name, weight in weights.items()}
    policy = msgspec.structs.replace(policy, limits=msgspec.structs.replace(policy.limits, assets=rows))
    limits = limits_of(policy)
    assert limits.positions == {"BTC-USD": 1_000, "BRK-B": 10_000}
    assert limits.symbols == {"BTC-USD", "MSFT"}
    signed = from_policy(policy, "paper")
    caps = msgspec.structs.replace(signed.caps, positions={"msft": "7.00", "MSFT": "9.00"})
    assert with_signed_caps(limits, msgspec.structs.replace(signed, caps=caps), 1, "").positions == {"MSFT": 700}


@pytest.mark.parametrize("name", ["^VIX", "VOD.L", "USDJPY=X", "ES=F", "BTC-PERP", "a b c"])
def test_a_symbol_that_cannot_be_traded_in_dollars_is_no_symbol_of_the_account(name: str) -> None:
    with pytest.raises(InputError, match=r"governor\.symbols: "):
        limits_of(a_policy(symbols=(name,)))


# the policy a session began under


def test_a_policy_is_the_same_whoever_is_beside_it_and_in_whatever_order_its_symbols_come() -> None:
    names = [f"S{n}" for n in range(300)]
    one, two = (replace(BASE, symbols=frozenset(order)) for order in (names, names[::-1]))
    assert one.ruling == two.ruling == replace(one, foreign=True).ruling
    assert one.ruling != BASE.ruling and one.ruling == replace(one, loss=1, version=9, seal="x", size=5).ruling
    assert one.ruling.move == one.move_bps and one.ruling.jumps == astuple(one.jumps)


def test_beside_another_policy_the_stricter_ladder_and_reserve_hold_and_its_bounds_of_prices() -> None:
    stages = ((100, 5_000), (50, 6_000), (400, 1))
    other = Ruling("another", stages, (1, 2, 3, 4, 5, 6, 7), BASE.move_bps + 5)
    found = BASE.beside(other)
    assert [(s.name, s.equity_bps, s.loss_bps) for s in found.stages] == [
        ("caution", 100, 1_100), ("reduce_only", 50, 2_200), ("halt", 300, 1),
    ]  # fmt: skip
    assert (found.jumps, found.move_bps, found.foreign) == (Jumps(1, 2, 3, 4, 5, 6, 7), BASE.move_bps + 5, True)
    assert Ruling("another", stages) == Ruling("another", stages, (), 0)
    older = BASE.beside(Ruling("another", stages))
    assert (older.jumps, older.move_bps, older.foreign) == (BASE.jumps, BASE.move_bps, True)
    assert BASE.beside(None) is BASE.beside(BASE.ruling) is BASE


def test_a_symbol_that_is_none_is_named_with_where_it_stands() -> None:
    policy = a_policy()
    rows = msgspec.structs.replace(policy.limits, assets={"no symbol": AssetLimits(max_weight=0.1)})
    with pytest.raises(InputError, match=r"^limits\.assets: "):
        limits_of(msgspec.structs.replace(policy, limits=rows))
    with pytest.raises(InputError, match=r"^governor\.symbols: "):
        limits_of(a_policy(symbols=("no symbol",)))
    signed = from_policy(policy, "paper")
    caps = msgspec.structs.replace(signed.caps, positions={"no symbol": "1.00"})
    with pytest.raises(InputError, match=r"^caps\.positions: "):
        with_signed_caps(BASE, msgspec.structs.replace(signed, caps=caps), 1, "s")
