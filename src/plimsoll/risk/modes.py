"""Modes: a one-word summary of the restraints in force, and the table of allowed transitions (R9).

The mode is derived from the restraints and decides nothing. Cooldown, health and signatures belong to the ladder, so no
mode change can shorten them, and a restart restores the mode together with the ladder.
"""

from __future__ import annotations

from plimsoll.core.restraint import LadderState, Restraint

MODES = ("NORMAL", "CAUTION", "RESTRICTED", "HALTED", "LIQUIDATING", "RECOVERY")

MEANINGS: dict[str, str] = {
    "NORMAL": "nothing restrains the target portfolio",
    "CAUTION": "level 1: higher confidence needed, no new crypto",
    "RESTRICTED": "no new risk: a rung with automatic re-entry (8 or 10 %), or a freeze of the session",
    "HALTED": "no new risk until a person acts: level 3, or a halt (G7)",
    "LIQUIDATING": "everything is sold or being sold: level 4, the mandate's end, or a flattening panic rung",
    "RECOVERY": "a halt was lifted; the target portfolio runs at part of its size",
}

# From HALTED and LIQUIDATING nothing leads straight to NORMAL or CAUTION, and RECOVERY is entered only from a halt.
TRANSITIONS: dict[str, frozenset[str]] = {
    "NORMAL": frozenset({"NORMAL", "CAUTION", "RESTRICTED", "HALTED", "LIQUIDATING"}),
    "CAUTION": frozenset({"NORMAL", "CAUTION", "RESTRICTED", "HALTED", "LIQUIDATING"}),
    "RESTRICTED": frozenset(MODES),
    "HALTED": frozenset({"RESTRICTED", "HALTED", "LIQUIDATING", "RECOVERY"}),
    "LIQUIDATING": frozenset({"RESTRICTED", "HALTED", "LIQUIDATING", "RECOVERY"}),
    "RECOVERY": frozenset(MODES),
}

_PERSON_LEVEL = 3  # ladder level from which a person reviews (R4)
_STOPPED = ("HALTED", "LIQUIDATING")


def next_mode(previous: str, ladder: LadderState, restraint: Restraint, frozen: bool, halted: bool) -> str:
    """The mode of a session.

    Parameters
    ----------
    previous : str
        Mode of the last session.
    ladder, restraint : LadderState, Restraint
        After this session's ladder step.
    frozen : bool
        New risk is barred for the session by something other than the ladder (D7, R3).
    halted : bool
        The system is halted until a person resumes it (G7).

    Returns
    -------
    str
        The most severe that applies; after a halt is lifted, RECOVERY for at least one session.
    """
    if ladder.ended or restraint.liquidate:
        return "LIQUIDATING"
    if halted or restraint.level >= _PERSON_LEVEL:
        return "HALTED"
    if frozen or restraint.no_new_risk:
        return "RESTRICTED"
    if ladder.ramp or restraint.size < 1.0 or previous in _STOPPED:
        return "RECOVERY"
    if restraint.level > 0:
        return "CAUTION"
    return "NORMAL"


def transition_table() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """(mode, meaning, allowed next modes) in the order of ``MODES``, for the documentation."""
    return tuple((m, MEANINGS[m], tuple(n for n in MODES if n in TRANSITIONS[m])) for m in MODES)
