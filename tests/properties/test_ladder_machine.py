"""Ladder and modes as one machine: no deadlock, no shortcut, no second firing, no rising ceiling (R4, R5, R9)."""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plimsoll.core.decision import Carried
from plimsoll.core.policy import LadderPolicy
from plimsoll.core.restraint import Health, LadderState
from plimsoll.risk.ladder import LadderStep, blind, step, waiting
from plimsoll.risk.modes import TRANSITIONS, next_mode

POLICIES = {
    "core": LadderPolicy(),
    "flattening": LadderPolicy(flatten_on_panic=True),
    "quick": LadderPolicy(halt_size_sessions=0, calm_sessions=1),
}
RUNGS = {r.name: r for r in LadderPolicy().rungs}
WELL = Health(0.08, 0.05, data_fresh=True)
UNWELL = [
    Health(None, 0.05, data_fresh=True),
    Health(0.30, 0.05, data_fresh=True),
    Health(0.08, 0.40, data_fresh=True),
    Health(0.08, 0.05, data_fresh=False),
    Health(0.08, 0.05, data_fresh=True, clear=False),
]
START = 10_000_000


class Book(RuleBasedStateMachine):
    """Sessions of any kind in any order; a session is one day, so day numbers count sessions."""

    @initialize(name=st.sampled_from(sorted(POLICIES)))
    def open(self, name: str) -> None:
        self.policy = POLICIES[name]
        self.state = LadderState(episode_peak=START, lifetime_peak=START)
        self.nav, self.day, self.mode, self.gross = START, 0, "NORMAL", 0.9
        self.episode: list[str] = []
        self.since_halt: int | None = None
        self.wait = 0
        self.last: LadderStep | None = None

    def session(self, change: float, health: Health = WELL, frozen: bool = False, halted: bool = False) -> LadderStep:
        self.day += 1
        self.nav = max(1, int(self.nav * (1.0 + change)))
        before = self.state
        after = step(before, self.nav, self.day, self.gross, health, self.policy, lambda day: self.day - day)
        self._check(before, after)
        mode = next_mode(self.mode, after.state, after.restraint, frozen, halted)
        assert mode in TRANSITIONS[self.mode], (self.mode, mode)
        self.state, self.mode, self.last = after.state, mode, after
        return after

    def _check(self, before: LadderState, after: LadderStep) -> None:
        kinds = [e.kind for e in after.events]
        fired = [e.scope for e in after.events if e.kind == "LADDER_RUNG"]
        if self.since_halt is not None:
            self.since_halt += 1
        if "RESUMED" in kinds:
            assert self.since_halt is not None and self.since_halt >= self.wait, "a cooldown was cut short"
            signed = any(RUNGS[name].reentry == "signed" for name in before.fired)
            assert not signed or (before.signed and before.awaiting == "signed")
            recent = [r for r in after.state.resumes if self.day - r.day < self.policy.resume_window]
            assert sum(not r.signed for r in recent) <= self.policy.resumes_automatic
            assert sum(r.signed for r in recent) <= self.policy.resumes_signed
            assert after.state.episode_peak == self.nav, "the resumed book starts below its peak"
            self.episode, self.since_halt, self.wait = [], None, 0
        if "EPISODE_ENDED" in kinds:
            assert not waiting(before, self.policy)
            self.episode = []
        assert not set(fired) & set(self.episode), "a rung fired twice in an episode"
        self.episode += fired
        waits = [RUNGS[n].cooldown for n in fired if RUNGS[n].reentry != "none"]
        if waits:
            left = 0 if self.since_halt is None else max(self.wait - self.since_halt, 0)
            self.since_halt, self.wait = 0, max(left, *waits)
        if waiting(before, self.policy) and "RESUMED" not in kinds and before.ceiling is not None:
            ceiling = after.restraint.gross_ceiling
            assert ceiling is not None and ceiling <= before.ceiling, "a ceiling rose before the re-entry"
        if before.ended:
            assert after.state.ended and after.restraint.liquidate

    @rule(change=st.floats(-0.06, 0.04), health=st.sampled_from([WELL, *UNWELL]))
    def any_session(self, change: float, health: Health) -> None:
        self.session(change, health)

    @rule(change=st.floats(-0.12, -0.02), gross=st.floats(0.0, 1.5))
    def crash(self, change: float, gross: float) -> None:
        self.gross = gross
        self.session(change)

    @rule(frozen=st.booleans(), halted=st.booleans())
    def barred_session(self, frozen: bool, halted: bool) -> None:
        self.session(0.0, WELL, frozen, halted)

    @rule(sessions=st.integers(1, 60), drift=st.floats(-0.002, 0.004))
    def stretch(self, sessions: int, drift: float) -> None:
        for _ in range(sessions):
            self.session(drift)

    @rule(sessions=st.integers(1, 3), halted=st.booleans())
    def nav_unknown(self, sessions: int, halted: bool) -> None:
        """A holding without a price: nothing fires, recovers or is let go, and no day of a cooldown passes."""
        for _ in range(sessions):
            self.day += 1
            after = blind(self.state, self.policy)
            assert after.state == self.state and not after.events and after.restraint.no_new_risk
            mode = next_mode(self.mode, after.state, after.restraint, True, halted)
            assert mode in TRANSITIONS[self.mode] and mode not in ("NORMAL", "CAUTION", "RECOVERY")
            if waiting(self.state, self.policy) and self.last is not None and not halted:
                assert after.restraint.level >= self.last.restraint.level
            self.mode = mode

    @rule()
    def restart(self) -> None:
        """State and mode go through a record's bytes, as in recovery."""
        carried = Carried(ladder=self.state, mode=self.mode)
        back = msgspec.json.decode(msgspec.json.encode(carried, order="sorted"), type=Carried)
        assert back == carried
        self.state, self.mode = back.ladder, back.mode

    @rule()
    def sign(self) -> None:
        self.state = msgspec.structs.replace(self.state, signed=True)

    @invariant()
    def peaks_are_peaks(self) -> None:
        if hasattr(self, "state") and self.last is not None and not self.state.ended:
            assert self.nav <= self.state.episode_peak <= self.state.lifetime_peak

    @precondition(lambda self: hasattr(self, "state") and not self.state.ended)
    @rule()
    def calm_and_approvals_lead_back_to_normal(self) -> None:
        """From wherever the book is: flat calm with approvals ends every wait, then a rise ends level 1 too."""
        kept = {k: getattr(self, k) for k in ("state", "mode", "day", "nav", "gross", "since_halt", "wait", "last")}
        episode = list(self.episode)
        for session in range(2 * self.policy.resume_window + 60):
            if self.state.awaiting == "signed":
                self.sign()
            waits = waiting(self.state, self.policy)
            assert not waits or session < self.policy.resume_window + 60, "flat calm does not end the wait"
            self.session(0.0 if waits else 0.0005)
            if self.mode == "NORMAL":
                break
        assert self.mode == "NORMAL"
        for name, value in kept.items():
            setattr(self, name, value)
        self.episode = episode


Book.TestCase.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
TestLadderAndModes = Book.TestCase
