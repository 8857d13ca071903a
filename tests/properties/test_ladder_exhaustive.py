"""Every state that the ladder and the modes can reach, by the functions in force (R4, R5, R9).

The clock is short (cooldowns of two and three sessions, a quota that looks back four) and NAV moves in steps of two per
cent of the first peak, so the states are over a thousand, and each is visited with every close, health, signature,
freeze and halt. Nothing here is a model of the ladder: `step`, `blind` and `next_mode` are the graph.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from plimsoll.core.decision import Carried
from plimsoll.core.policy import LadderPolicy
from plimsoll.core.restraint import Health, LadderState, Restraint, Resume
from plimsoll.risk.ladder import blind, step, waiting
from plimsoll.risk.modes import MODES, TRANSITIONS, next_mode

COOLDOWN = {"level_2": 2, "panic": 3, "level_3": 3, "level_4": 3}
POLICY = LadderPolicy(
    rungs=tuple(replace(r, cooldown=COOLDOWN.get(r.name, r.cooldown)) for r in LadderPolicy().rungs),
    calm_sessions=2,
    halt_size_sessions=2,
    week_sessions=1,
    liquidation_sizes=(0.25, 1.0),
    resumes_automatic=1,
    resumes_signed=1,
    resume_window=4,
)
RUNGS = {r.name: r for r in POLICY.rungs}
NAVS = tuple(range(80, 104, 2))
GROSS = 0.9
WELL = Health(0.08, 0.05, data_fresh=True)
HEALTHS = (WELL, Health(0.30, 0.05, data_fresh=True), Health(0.08, 0.40, data_fresh=True))
BARS = ((False, False), (True, False), (False, True))  # frozen, halted


class Edge(NamedTuple):
    """One session: the close (None: unknown), the health and signature it met, and what came of it."""

    nav: int | None
    health: Health
    signed: bool
    after: LadderState
    restraint: Restraint
    kinds: tuple[str, ...]


def canonical(state: LadderState) -> LadderState:
    """The same state one session later, with resumes dated from then and what nobody can tell apart made equal."""
    kept = tuple(Resume(r.day - 1, r.signed) for r in state.resumes if 1 - r.day < POLICY.resume_window)
    return replace(state, resumes=kept, calm=min(state.calm, POLICY.calm_sessions))


def edges(state: LadderState) -> list[Edge]:
    found = []
    for signed in {False, state.awaiting == "signed"}:
        before = replace(state, signed=signed)
        for health in HEALTHS if waiting(state, POLICY) else (WELL,):
            for nav in NAVS:
                done = step(before, nav, 0, GROSS, health, POLICY, lambda day: -day)
                kinds = tuple(e.kind for e in done.events)
                found.append(Edge(nav, health, signed, canonical(done.state), done.restraint, kinds))
        done = blind(before, POLICY)
        found.append(Edge(None, WELL, signed, canonical(done.state), done.restraint, ()))
    return found


@cache
def graph() -> dict[LadderState, list[Edge]]:
    """Every reachable ladder state and its sessions."""
    start = LadderState(episode_peak=100, lifetime_peak=100)
    found: dict[LadderState, list[Edge]] = {}
    left = [start]
    while left:
        state = left.pop()
        if state not in found:
            found[state] = edges(state)
            left += [e.after for e in found[state]]
    return found


@cache
def joint() -> dict[tuple[LadderState, str], set[tuple[LadderState, str]]]:
    """Ladder and mode together: from each reachable pair the pairs that a session can lead to."""
    found: dict[tuple[LadderState, str], set[tuple[LadderState, str]]] = {}
    left = [(LadderState(episode_peak=100, lifetime_peak=100), "NORMAL")]
    while left:
        node = left.pop()
        if node in found:
            continue
        state, mode = node
        after = set()
        for edge in graph()[state]:
            bars = BARS if edge.nav is not None else ((True, False), (True, True))  # an unknown NAV freezes
            after |= {(edge.after, next_mode(mode, edge.after, edge.restraint, *bar)) for bar in bars}
        found[node] = after
        left += after
    return found


def reaches(targets: set[tuple[LadderState, str]]) -> set[tuple[LadderState, str]]:
    """Pairs with a path to one of ``targets``."""
    back = defaultdict(set)
    for before, afters in joint().items():
        for after in afters:
            back[after].add(before)
    seen, left = set(targets), list(targets)
    while left:
        for before in back[left.pop()] - seen:
            seen.add(before)
            left.append(before)
    return seen


def test_the_states_are_many_and_every_rung_and_mode_is_among_them() -> None:
    assert len(graph()) > 1_000
    assert {name for state in graph() for name in state.fired} == set(RUNGS)
    assert {mode for _, mode in joint()} == set(MODES)


def test_from_every_state_but_an_ended_mandate_a_path_leads_to_normal() -> None:
    alive = {node for node in joint() if not node[0].ended}
    assert alive - reaches({n for n in alive if n[1] == "NORMAL"}) == set()


def test_an_ended_mandate_is_liquidating_for_ever() -> None:
    over = {node for node in joint() if node[0].ended}
    assert over and {mode for _, mode in over} == {"LIQUIDATING"}
    assert all(joint()[node] <= over for node in over)


def test_the_table_is_what_the_machine_does_no_more_and_no_less() -> None:
    seen = {(before[1], after[1]) for before, afters in joint().items() for after in afters}
    assert seen == {(before, after) for before in MODES for after in TRANSITIONS[before]}


def test_no_session_shortens_a_cooldown() -> None:
    for state, sessions in graph().items():
        for edge in sessions:
            if not waiting(state, POLICY) or "RESUMED" in edge.kinds:
                continue
            assert set(edge.after.fired) >= set(state.fired), "an episode that waits ended without a resume"
            assert edge.after.cooldown >= state.cooldown - 1
            if edge.nav is None:
                assert edge.after.cooldown == state.cooldown


def test_a_resume_needs_the_cooldown_over_health_calm_quota_and_signature() -> None:
    resumed = 0
    for state, sessions in graph().items():
        needs_person = any(RUNGS[name].reentry == "signed" for name in state.fired)
        quota = POLICY.resumes_signed if needs_person else POLICY.resumes_automatic
        for edge in sessions:
            if "RESUMED" not in edge.kinds:
                continue
            resumed += 1
            assert state.cooldown <= 1 and edge.health == WELL
            assert state.calm >= POLICY.calm_sessions - 1
            assert edge.signed == needs_person
            assert sum(r.signed == needs_person for r in state.resumes) < quota
            assert edge.after.episode_peak == edge.nav, "the resumed book starts below its peak"
            assert edge.restraint.size < 1.0
    assert resumed > 100


def test_while_a_rung_waits_its_restraint_stands_whatever_the_close() -> None:
    for state, sessions in graph().items():
        if not waiting(state, POLICY):
            continue
        fired = [RUNGS[name] for name in state.fired]
        for edge in sessions:
            if "RESUMED" in edge.kinds:
                continue
            r = edge.restraint
            assert r.no_new_risk and r.level >= max(f.level for f in fired)
            assert r.havens_only or r.liquidate or not any(f.havens_only for f in fired)
            assert r.liquidate >= any(f.liquidate for f in fired)
            assert r.close_crypto >= any(f.close_crypto for f in fired)
            if state.ceiling is not None:
                assert r.gross_ceiling is not None and r.gross_ceiling <= state.ceiling


def test_not_knowing_nav_never_loosens_what_is_in_force() -> None:
    """Beside the same session at the very NAV that changes nothing: no figure, no loosening (R1)."""
    for state, sessions in graph().items():
        unknown = next(e for e in sessions if e.nav is None)
        r = unknown.restraint
        assert r.no_new_risk and "NAV_UNKNOWN" in r.reasons
        assert replace(unknown.after, resumes=()) == replace(
            canonical(replace(state, signed=unknown.signed)), resumes=()
        )
        for edge in sessions:
            fired = "LADDER_RUNG" in edge.kinds
            if edge.nav is None or fired or {"RESUMED", "EPISODE_ENDED"} & set(edge.kinds):
                continue
            seen = edge.restraint
            assert r.level >= seen.level and r.confidence_min >= seen.confidence_min and r.size <= seen.size
            for switch in ("no_new_crypto", "close_crypto", "havens_only", "liquidate"):
                assert getattr(r, switch) >= getattr(seen, switch), switch
            if seen.gross_ceiling is not None:
                assert r.gross_ceiling is not None and r.gross_ceiling <= seen.gross_ceiling


def test_a_halt_is_not_left_by_losing_sight_of_nav() -> None:
    for state, mode in joint():
        if mode in ("HALTED", "LIQUIDATING") and waiting(state, POLICY):
            unknown = blind(state, POLICY)
            held = max(RUNGS[name].level for name in state.fired)
            after = next_mode(mode, unknown.state, unknown.restraint, frozen=True, halted=False)
            assert after == ("LIQUIDATING" if state.liquidated else "HALTED" if held >= 3 else "RESTRICTED")


def test_a_restart_restores_ladder_and_mode() -> None:
    """Through the bytes of a journal's record: the same state, and the same sessions after it."""
    encode, decode = msgspec.json.Encoder(order="sorted").encode, msgspec.json.Decoder(Carried).decode
    for state, mode in joint():
        back = decode(encode(Carried(ladder=state, mode=mode)))
        assert back.mode == mode and back.ladder == state and repr(back.ladder) == repr(state)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_left_towards_normal_by_the_shortest_way_in_calm(mode: str) -> None:
    """The way back is not only there: a book that stays well, signs and does not fall walks it."""
    starts = [node for node in joint() if node[1] == mode and not node[0].ended]
    assert starts
    for state, now in starts:
        ladder, nav = state, state.episode_peak
        for _ in range(20):
            if now == "NORMAL":
                break
            signed = ladder.awaiting == "signed"
            done = step(replace(ladder, signed=signed), nav, 0, GROSS, WELL, POLICY, lambda day: -day)
            now = next_mode(now, done.state, done.restraint, frozen=False, halted=False)
            ladder = canonical(done.state)
        assert now == "NORMAL", state
