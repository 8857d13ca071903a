"""The drawdown ladder rung by rung, by hand on a peak of 1,000,000 cents (R4, R5)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.policy import LadderPolicy, Rung
from plimsoll.core.restraint import Health, LadderState, Resume
from plimsoll.risk.ladder import ENDED, UNRESTRAINED, LadderStep, blind, check, liquidates, step, waiting

POLICY = LadderPolicy()
PEAK = 1_000_000
CALM = Health(target_volatility=0.08, crisis=0.05, data_fresh=True)
FRESH = LadderState(episode_peak=PEAK, lifetime_peak=PEAK)


def at(state: LadderState, nav: int, day: int, health: Health = CALM, gross: float = 0.9, **policy) -> LadderStep:
    rules = msgspec.structs.replace(POLICY, **policy)
    return step(state, nav, day, gross, health, rules, lambda then: day - then)


def walk(
    navs: Iterable[int], state: LadderState = FRESH, day: int = 0, health: Health = CALM, **policy
) -> list[LadderStep]:
    steps = []
    for nav in navs:
        steps.append(at(state, nav, day, health, **policy))
        state, day = steps[-1].state, day + 1
    return steps


def kinds(steps: Iterable[LadderStep]) -> list[str]:
    return [e.kind for s in steps for e in s.events]


def rungs(steps: Iterable[LadderStep]) -> list[str]:
    return [e.scope for s in steps for e in s.events if e.kind == "LADDER_RUNG"]


@pytest.mark.parametrize(
    ("nav", "fired"),
    [
        (950_001, ()),
        (950_000, ("level_1",)),
        (920_001, ("level_1",)),
        (920_000, ("level_1", "level_2")),
        (900_000, ("level_1", "level_2", "panic")),
        (880_000, ("level_1", "level_2", "panic", "level_3")),
        (850_000, ("level_1", "level_2", "panic", "level_3", "level_4")),
        (820_001, ("level_1", "level_2", "panic", "level_3", "level_4")),
        (820_000, ("level_1", "level_2", "panic", "level_3", "level_4", "mandate")),
    ],
)
def test_a_rung_fires_exactly_at_its_threshold(nav: int, fired: tuple[str, ...]) -> None:
    result = at(FRESH, nav, 0)
    assert result.state.fired == fired
    assert tuple(rungs([result])) == fired


def test_a_new_high_moves_both_peaks_and_restrains_nothing() -> None:
    result = at(FRESH, 1_100_000, 0)
    assert (result.state.episode_peak, result.state.lifetime_peak) == (1_100_000, 1_100_000)
    assert result.restraint is UNRESTRAINED
    assert result.events == ()


def test_level_1_raises_the_confidence_and_bars_new_crypto_only_while_it_holds() -> None:
    below, above, again = walk([949_000, 951_000, 940_000])
    assert below.restraint.confidence_min == 0.70
    assert below.restraint.no_new_crypto and not below.restraint.no_new_risk
    assert above.restraint == UNRESTRAINED
    assert again.restraint.confidence_min == 0.70
    assert rungs([below, above, again]) == ["level_1"]


def test_level_2_cuts_a_quarter_of_the_gross_at_the_trigger_and_keeps_that_ceiling() -> None:
    first, second = walk([920_000, 930_000])
    assert first.restraint.gross_ceiling == pytest.approx(0.9 * 0.75)
    assert second.restraint.gross_ceiling == first.restraint.gross_ceiling
    assert first.restraint.close_crypto and first.restraint.no_new_risk
    assert not first.restraint.liquidate and not first.restraint.havens_only


def test_crossing_several_rungs_executes_the_deepest_cut_once() -> None:
    result = at(FRESH, 875_000, 0)
    assert result.restraint.gross_ceiling == pytest.approx(0.9 * 0.5)
    assert result.restraint.havens_only
    assert result.state.cooldown == 20


def test_a_later_smaller_cut_never_raises_the_ceiling() -> None:
    low = msgspec.structs.replace(FRESH, fired=("level_1",), ceiling=0.2)
    assert at(low, 915_000, 0).state.ceiling == 0.2


def test_the_later_cooldown_wins() -> None:
    falling = walk([915_000] + [914_000] * 8 + [899_000])
    assert falling[-2].state.cooldown == 2
    assert falling[-1].state.cooldown == 20


def test_level_4_sells_everything_and_waits_for_a_signature() -> None:
    result = at(FRESH, 850_000, 0)
    assert result.restraint.liquidate and result.restraint.gross_ceiling == 0.0
    assert result.state.liquidated


def test_panic_flattens_only_where_the_policy_says_so() -> None:
    assert not at(FRESH, 899_000, 0).restraint.liquidate
    flat = at(FRESH, 899_000, 0, flatten_on_panic=True)
    assert flat.restraint.liquidate and flat.restraint.gross_ceiling == 0.0


def test_level_2_resumes_by_itself_ten_sessions_later_and_rebases_the_episode_peak() -> None:
    steps = walk([920_000] + [925_000] * 10)
    assert waiting(steps[9].state, POLICY)
    resumed = steps[10]
    assert kinds([resumed]) == ["RESUMED"]
    assert resumed.state.episode_peak == 925_000
    assert resumed.state.lifetime_peak == PEAK
    assert resumed.state.resumes == (Resume(10, signed=False),)
    assert not resumed.restraint.no_new_risk


def test_after_a_halt_half_the_size_for_five_sessions() -> None:
    steps = walk([920_000] + [925_000] * 16)[10:]
    assert [s.restraint.size for s in steps] == [0.5] * 5 + [1.0] * 2
    assert steps[0].restraint.gross_ceiling == POLICY.recovery_gross
    assert steps[0].restraint.reasons == ("REENTRY_RAMP",)
    assert steps[-1].restraint.gross_ceiling is None


def test_after_a_liquidation_the_size_rises_by_week() -> None:
    steps = walk([850_000] + [850_000] * 20)
    assert kinds(steps)[-1] == "REENTRY_REQUESTED"
    signed = msgspec.structs.replace(steps[-1].state, signed=True)
    ramp = walk([850_000] * 21, signed, day=21)
    assert kinds(ramp)[:2] == ["APPROVED", "RESUMED"]
    assert [s.restraint.size for s in ramp] == [0.25] * 5 + [0.5] * 5 + [0.75] * 5 + [1.0] * 6
    assert {s.restraint.gross_ceiling for s in ramp[:20]} == {POLICY.recovery_gross}
    assert ramp[20].restraint == UNRESTRAINED


def test_a_signature_is_asked_for_once_and_not_before_cooldown_and_health_allow() -> None:
    steps = walk([879_000] + [879_000] * 30)
    assert [i for i, s in enumerate(steps) if "REENTRY_REQUESTED" in kinds([s])] == [20]


def test_a_signature_nobody_asked_for_has_no_effect() -> None:
    early = msgspec.structs.replace(at(FRESH, 879_000, 0).state, signed=True)
    steps = walk([879_000] * 25, early, day=1)
    assert "RESUMED" not in kinds(steps)
    assert not steps[-1].state.signed


def test_a_signed_reentry_still_needs_health_on_the_day() -> None:
    asked = walk([879_000] * 21)[-1].state
    signed = msgspec.structs.replace(asked, signed=True)
    ill = Health(0.08, 0.20, data_fresh=True)
    assert kinds([at(signed, 879_000, 21, ill)]) == []
    later = at(at(signed, 879_000, 21, ill).state, 879_000, 22)
    assert kinds([later]) == ["APPROVED", "RESUMED"]


@pytest.mark.parametrize(
    "ill",
    [
        Health(0.12, 0.05, data_fresh=True),
        Health(None, 0.05, data_fresh=True),
        Health(float("nan"), 0.05, data_fresh=True),
        Health(0.08, 0.15, data_fresh=True),
        Health(0.08, None, data_fresh=True),
        Health(0.08, float("nan"), data_fresh=True),
        Health(0.08, 0.05, data_fresh=False),
        Health(0.08, 0.05, data_fresh=True, clear=False),
    ],
)
def test_no_resume_without_every_part_of_health(ill: Health) -> None:
    assert "RESUMED" not in kinds(walk([920_000] + [925_000] * 40, health=ill))


def test_calm_must_be_consecutive() -> None:
    state = walk([920_000] + [925_000] * 8)[-1].state
    state = at(state, 925_000, 9, Health(0.2, 0.05, data_fresh=True)).state
    assert state.calm == 0
    steps = walk([925_000] * 5, state, day=10)
    assert [kinds([s]) for s in steps] == [[], [], [], [], ["RESUMED"]]


def test_the_fifth_automatic_resume_waits_until_one_is_a_window_old() -> None:
    spent = tuple(Resume(d, signed=False) for d in (100, 101, 102, 103))
    halted = msgspec.structs.replace(at(FRESH, 920_000, 300).state, resumes=spent)
    steps = walk([925_000] * 60, halted, day=301)
    resumed = [301 + i for i, s in enumerate(steps) if "RESUMED" in kinds([s])]
    assert resumed == [352]
    assert steps[51].state.resumes == (*spent[1:], Resume(352, signed=False))


def test_a_signed_resume_does_not_use_up_the_automatic_ones() -> None:
    halted = msgspec.structs.replace(at(FRESH, 920_000, 0).state, resumes=(Resume(-1, signed=True),))
    assert "RESUMED" in kinds(walk([925_000] * 10, halted, day=1))


def test_a_second_signature_within_the_window_is_not_asked_for() -> None:
    halted = msgspec.structs.replace(at(FRESH, 879_000, 0).state, resumes=(Resume(-1, signed=True),))
    assert kinds(walk([879_000] * 60, halted, day=1)) == []


def test_a_deeper_rung_withdraws_a_signature_and_starts_the_cooldown_again() -> None:
    asked = walk([879_000] * 21)[-1].state
    fallen = at(msgspec.structs.replace(asked, signed=True), 845_000, 21)
    assert rungs([fallen]) == ["level_4"]
    assert (fallen.state.signed, fallen.state.awaiting, fallen.state.cooldown, fallen.state.calm) == (False, "", 20, 0)


def test_a_new_high_ends_an_episode_that_waits_for_nothing() -> None:
    steps = walk([949_000, 1_000_001, 949_000])
    assert kinds(steps) == ["LADDER_RUNG", "EPISODE_ENDED", "LADDER_RUNG"]
    assert steps[1].state.fired == ()


def test_the_old_high_itself_does_not_end_the_episode() -> None:
    assert kinds(walk([949_000, 1_000_000])) == ["LADDER_RUNG"]


def test_a_rally_to_a_new_high_does_not_shorten_a_cooldown() -> None:
    steps = walk([920_000] + [1_010_000] * 10)
    assert all(s.restraint.no_new_risk for s in steps[:10])
    assert kinds(steps[1:]) == ["RESUMED"]
    assert steps[5].state.episode_peak == 1_010_000


def test_the_mandate_ends_from_the_lifetime_peak_whatever_the_episode() -> None:
    rebased = LadderState(episode_peak=830_000, lifetime_peak=PEAK)
    over = at(rebased, 819_999, 0)
    assert kinds([over]) == ["LADDER_RUNG", "MANDATE_ENDED"]
    assert over.restraint is ENDED
    assert all(s.restraint is ENDED and not s.events for s in walk([900_000] * 300, over.state, day=1))


def test_switched_off_it_imposes_nothing_but_keeps_the_peaks() -> None:
    steps = walk([1_100_000, 500_000], enabled=False)
    assert steps[-1].restraint is UNRESTRAINED
    assert steps[-1].state.lifetime_peak == 1_100_000


def test_a_cut_of_an_unknown_gross_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="gross"):
        at(FRESH, 920_000, 0, gross=float("nan"))


def test_every_reason_and_event_is_in_the_vocabulary() -> None:
    from plimsoll.core.reasons import REASONS

    steps = walk([949_000, 920_000, 875_000, 850_000, 820_000])
    assert {r for s in steps for r in s.restraint.reasons} | set(kinds(steps)) <= set(REASONS)


def test_the_default_ladder_is_accepted() -> None:
    check(POLICY)


@pytest.mark.parametrize(
    ("rung", "message"),
    [
        (Rung(name="a", threshold=0.0), "fire on every close"),
        (Rung(name="a", threshold=0.1, no_new_risk=True), "without a re-entry"),
        (Rung(name="a", threshold=0.1, cut=0.5), "without a re-entry"),
        (Rung(name="a", threshold=0.1, basis="lifetime", reentry="automatic"), "the day it resumes"),
        (Rung(name="a", threshold=0.1, reentry="never"), "exactly when"),
        (Rung(name="a", threshold=0.1, ends_mandate=True, reentry="signed"), "exactly when"),
    ],
)
def test_a_ladder_that_locks_the_book_out_is_refused(rung: Rung, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(LadderPolicy(rungs=(rung,)))


def test_a_ladder_with_no_resumes_or_two_rungs_of_one_name_is_refused() -> None:
    for broken in (
        LadderPolicy(resumes_automatic=0),
        LadderPolicy(resumes_signed=0),
        LadderPolicy(crisis_max=0.0),
        LadderPolicy(rungs=(Rung(name="a", threshold=0.1), Rung(name="a", threshold=0.2))),
    ):
        with pytest.raises(InputError, match="Ladder rung"):
            check(broken)


@pytest.mark.parametrize(("kind", "field"), [("automatic", "resumes_automatic"), ("signed", "resumes_signed")])
def test_one_resume_in_the_window_is_enough_and_none_is_refused(kind: str, field: str) -> None:
    rung = Rung(name="only", threshold=0.1, level=2, no_new_risk=True, cooldown=1, reentry=kind)
    other = {"automatic": "resumes_signed", "signed": "resumes_automatic"}[kind]
    alone = msgspec.structs.replace(POLICY, rungs=(rung,), **{field: 1, other: 0})
    check(alone)
    with pytest.raises(InputError, match=f"can never resume: {field} is 0"):
        check(msgspec.structs.replace(alone, **{field: 0}))


def test_level_1_on_the_ramp_leaves_the_ramp_running() -> None:
    resumed = msgspec.structs.replace(FRESH, ramp=(0.5, 0.5, 0.5))
    fell = at(resumed, 949_000, 0)
    assert rungs([fell]) == ["level_1"]
    assert fell.restraint.size == 0.5 and fell.state.ramp == (0.5, 0.5)


def test_the_end_of_the_mandate_tells_the_fall_from_the_lifetime_peak() -> None:
    state = msgspec.structs.replace(FRESH, episode_peak=900_000)
    ended = at(state, 819_000, 0)
    (told,) = [e for e in ended.events if e.kind == "MANDATE_ENDED"]
    assert told.measured == pytest.approx(0.181) and ended.state.ended
    assert ended.restraint == ENDED and ENDED.level == max(r.level for r in POLICY.rungs)


def test_what_a_person_is_told_has_its_weight() -> None:
    steps = walk([850_000] + [850_000] * 20)
    signed = msgspec.structs.replace(steps[-1].state, signed=True)
    resumed = at(signed, 850_000, 21)
    over = walk([949_000, 1_000_001])[-1]
    told = {e.kind: e.severity for s in (steps[-1], resumed, over) for e in s.events}
    assert told == {"REENTRY_REQUESTED": "WARNING", "APPROVED": "INFO", "RESUMED": "INFO", "EPISODE_ENDED": "INFO"}
    assert over.state == LadderState(episode_peak=1_000_001, lifetime_peak=1_000_001)


def state(**changed: object) -> LadderState:
    return msgspec.structs.replace(FRESH, **changed)


def test_a_session_without_a_nav_bars_new_risk_and_passes_no_time() -> None:
    calm = blind(FRESH, POLICY)
    assert calm.state == FRESH and calm.events == ()
    assert calm.restraint == msgspec.structs.replace(UNRESTRAINED, no_new_risk=True, reasons=("NAV_UNKNOWN",))
    waits = state(fired=("level_1", "level_2"), ceiling=0.5, cooldown=7, calm=3)
    assert blind(waits, POLICY).state == waits
    assert blind(waits, POLICY).restraint.gross_ceiling == 0.5
    over = blind(state(ended=True), POLICY).restraint
    assert over == msgspec.structs.replace(ENDED, reasons=(*ENDED.reasons, "NAV_UNKNOWN"))


def test_without_a_nav_level_1_holds_and_the_ramp_stands() -> None:
    held = blind(state(fired=("level_1",)), POLICY).restraint
    assert (held.confidence_min, held.no_new_crypto, held.size, held.level) == (0.70, True, 1.0, 1)
    ramp = state(ramp=(0.25, 0.5, 0.75))
    found = blind(ramp, POLICY)
    assert (found.restraint.size, found.state) == (0.25, ramp)
    assert found.restraint.reasons == ("REENTRY_RAMP", "NAV_UNKNOWN")
    off = msgspec.structs.replace(POLICY, enabled=False)
    assert blind(ramp, off).restraint == blind(FRESH, POLICY).restraint


def test_a_fired_rung_off_the_ramp_leaves_the_size_whole_and_says_why() -> None:
    found = at(FRESH, 950_000, 0).restraint
    assert (found.size, found.level, found.gross_ceiling) == (1.0, 1, None)
    assert found.reasons == ("LADDER_NO_CRYPTO",)
    deep = at(FRESH, 850_000, 0).restraint
    assert (deep.size, deep.level, deep.confidence_min) == (1.0, 4, 0.70)
    two = at(state(fired=("level_2",)), 960_000, 0).restraint
    assert (two.level, two.confidence_min) == (2, 0.0)  # level 2 asks for no confidence of its own


def test_level_1_holds_down_to_its_share_exactly() -> None:
    fired = state(fired=("level_1",))
    assert at(fired, 950_000, 1).restraint.no_new_crypto
    assert at(fired, 950_001, 1).restraint == UNRESTRAINED


def test_a_signature_without_anything_open_is_taken_off() -> None:
    assert at(state(signed=True), 990_000, 0).state == FRESH
    assert at(state(signed=True, fired=("level_1",)), 990_000, 0).state == state(fired=("level_1",))


def test_a_new_high_ends_everything_the_episode_had_set() -> None:
    open_episode = state(fired=("level_1",), ceiling=0.5, cooldown=3, signed=True, awaiting="signed", calm=2)
    found = at(open_episode, PEAK + 1, 0)
    assert found.state == state(episode_peak=PEAK + 1, lifetime_peak=PEAK + 1)
    assert kinds([found]) == ["EPISODE_ENDED"]


def test_a_new_high_on_the_ramp_ends_no_episode() -> None:
    found = at(state(ramp=(0.5, 0.5)), PEAK + 1, 0)
    assert found.events == () and found.state.ramp == (0.5,)
    restraint = found.restraint
    assert (restraint.size, restraint.level, restraint.confidence_min) == (0.5, 0, 0.0)
    assert restraint.reasons == ("REENTRY_RAMP",)
    full = at(state(ramp=(1.0,)), 990_000, 0).restraint
    assert (full.size, full.reasons) == (1.0, ()) and full.gross_ceiling == POLICY.recovery_gross


@pytest.mark.parametrize(("ceiling", "left"), [(None, 1.0), (0.3, 0.3), (2.0, 1.0)])
def test_on_the_ramp_the_lower_ceiling_counts(ceiling: float | None, left: float) -> None:
    found = at(state(ramp=(0.5,), ceiling=ceiling, fired=("level_1",)), 990_000, 0).restraint
    assert found.gross_ceiling == left


def test_a_ceiling_stands_while_its_episode_is_open_though_nothing_else_does() -> None:
    found = at(state(fired=("level_1",), ceiling=0.5), 990_000, 0).restraint
    assert (found.gross_ceiling, found.reasons) == (0.5, ("LADDER_CUT",))
    assert not found.no_new_crypto


def test_a_cooldown_that_is_over_stays_at_zero() -> None:
    ill = msgspec.structs.replace(CALM, data_fresh=False)
    waits = state(fired=("level_2",), cooldown=1, ceiling=0.5)
    steps = walk([925_000] * 3, waits, health=ill)
    assert [s.state.cooldown for s in steps] == [0, 0, 0]


def test_a_rung_tells_the_fall_from_its_own_peak() -> None:
    low = LadderState(episode_peak=900_000, lifetime_peak=PEAK)
    (event,) = at(low, 850_000, 0).events
    assert (event.scope, event.measured, event.limit) == ("level_1", pytest.approx(50 / 900), 0.05)
    told = {e.scope: e.measured for e in at(low, 820_000, 0).events if e.kind == "LADDER_RUNG"}
    assert told["mandate"] == 0.18 and told["level_1"] == pytest.approx(80 / 900)


def test_a_book_once_sold_stays_sold_when_a_lighter_rung_fires() -> None:
    sold = state(fired=("level_4",), liquidated=True, ceiling=0.0, cooldown=5)
    assert at(sold, 940_000, 0).state.liquidated


@pytest.mark.parametrize("gross", [float("nan"), float("inf"), -0.5])
def test_a_sale_of_everything_needs_no_gross_and_a_cut_of_part_does(gross: float) -> None:
    assert at(FRESH, 850_000, 0, gross=gross).state.ceiling == 0.0
    with pytest.raises(ValueError, match="gross"):
        at(FRESH, 920_000, 0, gross=gross)


def test_only_the_panic_rung_flattens_on_panic() -> None:
    for nav in (950_000, 920_000):
        found = at(FRESH, nav, 0, flatten_on_panic=True)
        assert not found.restraint.liquidate and not found.state.liquidated
    assert at(FRESH, 900_000, 0, flatten_on_panic=True).state.liquidated


def test_the_mandate_of_an_account_survives_a_resume() -> None:
    waits = state(fired=("level_1", "level_2"), ceiling=0.5, calm=9, mandate=3)
    found = at(waits, 925_000, 0)
    assert kinds([found]) == ["RESUMED"] and found.state.mandate == 3


@pytest.mark.parametrize("action", ["no_new_risk", "close_crypto", "havens_only", "liquidate", "cut"])
def test_each_way_to_stop_trading_needs_a_reentry(action: str) -> None:
    rung = Rung(name="x", threshold=0.1, **{action: 0.01 if action == "cut" else True})
    with pytest.raises(InputError, match="without a re-entry"):
        check(msgspec.structs.replace(POLICY, rungs=(rung,)))
    check(msgspec.structs.replace(POLICY, rungs=(msgspec.structs.replace(rung, reentry="automatic"),)))


@pytest.mark.parametrize(("reentry", "stuck"), [("automatic", True), ("signed", True), ("none", False)])
def test_a_reentry_needs_a_probability_to_be_below(reentry: str, stuck: bool) -> None:
    rung = Rung(name="x", threshold=0.1, no_new_crypto=True, reentry=reentry)
    policy = msgspec.structs.replace(POLICY, rungs=(rung,), crisis_max=0.0)
    if stuck:
        with pytest.raises(InputError, match="crisis_max"):
            check(policy)
    else:
        check(policy)
    check(msgspec.structs.replace(policy, crisis_max=0.01))


def test_the_end_of_the_mandate_sells_everything_for_good() -> None:
    for found in (at(FRESH, 820_000, 0), at(state(ended=True), PEAK, 0)):
        r = found.restraint
        assert r.no_new_risk and r.no_new_crypto and r.close_crypto and r.liquidate
        assert (r.gross_ceiling, r.level, r.reasons) == (0.0, 4, ("MANDATE_ENDED", "LADDER_LIQUIDATE"))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_rung_that_needs_a_signature_is_enough(order: tuple[int, int]) -> None:
    rungs = (
        Rung(name="a", threshold=0.1, no_new_risk=True, reentry="automatic"),
        Rung(name="s", threshold=0.2, no_new_risk=True, reentry="signed"),
    )
    waits = state(fired=("a", "s"), calm=9)
    assert kinds([at(waits, 950_000, 0, rungs=tuple(rungs[i] for i in order))]) == ["REENTRY_REQUESTED"]
    assert kinds([at(state(fired=("a",), calm=9), 950_000, 0, rungs=rungs)]) == ["RESUMED"]


def test_panic_is_a_property_of_a_rung_not_its_name() -> None:
    """The same rung under another name flattens, and one merely called panic does not."""
    replace = msgspec.structs.replace
    named = tuple(replace(r, name="storm") if r.panic else r for r in POLICY.rungs)
    assert liquidates(next(r for r in named if r.panic), replace(POLICY, rungs=named, flatten_on_panic=True))
    called = replace(POLICY.rungs[1], name="panic", panic=False)
    assert not liquidates(called, replace(POLICY, flatten_on_panic=True))
    assert not liquidates(next(r for r in named if r.panic), POLICY)
