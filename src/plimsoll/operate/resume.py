"""A named person lifts a halt, signs a re-entry, or signs what is held, of a recorded paper book (R5, R9, G7, X6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CheckFailed, CorruptionError, Halted, UsageError
from plimsoll.core.events import Approval
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Journal, RunCatalogue
from plimsoll.core.runs import Anchor, going_on
from plimsoll.core.state import State
from plimsoll.engine.driver import RunState, signed
from plimsoll.engine.operator import SIMULATED, inside_hard
from plimsoll.engine.recovery import recover

_TEXT_MAX = 200


class Resumed(msgspec.Struct, frozen=True):
    """A signature as journaled: session, signer, reason, and the restraints it lifts."""

    run: str
    session: str
    by: str
    reason: str
    lifts: tuple[str, ...]


def resume(
    runs: RunCatalogue,
    run: str,
    by: str,
    reason: str,
    journal: Callable[[], Journal],
    positions: Mapping[str, int] | None = None,
) -> tuple[Resumed, Anchor]:
    """Append a person's approval to the ``journal`` of a halted paper run; what was signed, and its new end.

    With ``positions``, in lots by symbol, it is for these alone: each is held, though the journal does not explain it,
    and its symbol is no longer frozen. Nobody else may write to the run meanwhile.

    Raises
    ------
    UsageError
        No name or reason, no paper run, nothing that a signature would lift, or another position than is held.
    CheckFailed
        Cooldown or health is not there yet; it lists what is missing.
    Halted
        The mandate has ended: no signature of this kind reopens it (R4).
    CorruptionError
        The journal is not what was written.
    """
    for name, text in (("--by", by), ("--reason", reason)):
        if not text.strip() or not text.isprintable() or len(text) > _TEXT_MAX or text == SIMULATED:
            raise UsageError(f"{name} {text!r} cannot be used", f"Give up to {_TEXT_MAX} printable characters")
    with runs.open(run) as reader:
        found, proof = recover(reader.events()), reader.proof
    if found.genesis.mode != "paper":
        raise UsageError(f"run {run} is a {found.genesis.mode}", "Its operator signs: see --operator of backtest")
    policy = runs.policy(run, found.genesis.policy)
    if found.last is None or policy is None:
        raise UsageError(f"run {run} has decided nothing that could be halted", "See 'plimsoll runs'")
    kept = runs.summary(run)
    goes_on = "" if kept.finished else f"; it is not finished: {going_on(run, tag=kept.tag)} goes on with it"
    frozen = _frozen(found.state, positions or {}, run)
    lifts = frozen or _lifts(found.state, found.last, policy, run, goes_on)
    with closing(journal()) as writing:
        if (writing.anchor.records, writing.anchor.head) != (proof.records, proof.head):
            raise CorruptionError(f"the journal of run {run} changed while it was read", "Sign again")
        approval = Approval(found.last.session, by, reason, dict(positions or {}))
        step = signed(RunState(found.state, found.last, found.last.session), approval)
        for event in step.events:
            writing.append(event)
        anchor = writing.anchor
    return Resumed(run, found.last.session, by, reason, lifts), anchor


def _frozen(state: State, positions: Mapping[str, int], run: str) -> tuple[str, ...]:
    """What a signature for positions lifts; raises where it names one that is not frozen, or is held otherwise."""
    held = dict(zip(state.symbols, state.lots.tolist(), strict=True))
    for symbol, lots in positions.items():
        if symbol not in state.external and symbol not in state.doubted:
            raise UsageError(f"the position of {symbol} in run {run} is not frozen", "There is nothing to sign for it")
        if held[symbol] != lots:
            raise UsageError(
                f"run {run} holds {held[symbol]} lots of {symbol}, not {lots}", "Look at the venue's account first"
            )
    return tuple(f"the freeze of {symbol} at {lots} lots" for symbol, lots in positions.items())


def _lifts(state: State, last: CycleRecord, policy: Policy, run: str, goes_on: str) -> tuple[str, ...]:
    """What a signature lifts now; raises where it lifts nothing or comes too early, with how the run ``goes_on``."""
    carried, ladder = state.carried, state.carried.ladder
    if ladder.ended:
        raise Halted(f"the mandate of run {run} has ended", "Only a signed re-commissioning reopens an account (R4)")
    lifts: list[str] = []
    missing: list[str] = []
    if carried.halted:
        if inside_hard(last, policy):
            lifts.append(f"the halt for {carried.halted}")
        else:
            missing.append("CVaR is not shown inside its hard limits")
    fired = [r for r in policy.ladder.rungs if r.name in ladder.fired]
    signed = [r.name for r in fired if r.reentry == "signed"]
    if signed and not ladder.signed:
        if ladder.awaiting == "signed":
            lifts.append(f"the re-entry after {', '.join(signed)}")
        else:
            missing += _waits(state, policy)
    if missing and (carried.halted or not lifts):
        raise CheckFailed(
            f"run {run} cannot be resumed after {last.session}: {'; '.join(missing)}", "Let it continue first"
        )
    if not lifts:
        if any(r.reentry == "automatic" for r in fired):
            remedy = f"It re-enters by itself after cooldown and health{goes_on}"
            raise UsageError(f"run {run} waits for no signature", remedy)
        raise UsageError(f"run {run} is not halted", f"There is nothing to sign{goes_on}")
    return tuple(lifts)


def _waits(state: State, policy: Policy) -> list[str]:
    """Conditions that a signed re-entry still waits for before approval is requested (R5)."""
    ladder = state.carried.ladder
    found = [f"{ladder.cooldown} sessions of cooldown are left"] if ladder.cooldown else []
    if ladder.calm < policy.ladder.calm_sessions:
        found.append(f"{ladder.calm} of {policy.ladder.calm_sessions} calm sessions have passed")
    return found or ["data, crisis probability or the quota of signed resumes do not allow it yet"]
