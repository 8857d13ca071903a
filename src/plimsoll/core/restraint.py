"""Restraints from the drawdown ladder and the modes on a session, and the health checks that lift them (R4, R5)."""

from __future__ import annotations

import msgspec


class Restraint(msgspec.Struct, frozen=True):
    """All restraints of the drawdown ladder on one session.

    ``gross_ceiling`` is a fraction of NAV that holds until re-entry (absent: none); ``size`` scales the
    target portfolio (the re-entry ramp); ``confidence_min`` is the forecast confidence below which nothing is
    increased.
    """

    no_new_risk: bool = False
    no_new_crypto: bool = False
    close_crypto: bool = False
    havens_only: bool = False
    liquidate: bool = False
    gross_ceiling: float | None = None
    size: float = 1.0
    confidence_min: float = 0.0
    level: int = 0
    reasons: tuple[str, ...] = ()


class Health(msgspec.Struct, frozen=True):
    """Inputs of the re-entry checks. Absent figures fail closed (U6).

    ``target_volatility``: annual, last 20 sessions, of the target portfolio at full size; ``crisis``:
    P(crisis at the outlook); ``data_fresh``: no held or targeted symbol is stale; ``clear``: no open risk event
    and the account reconciles.
    """

    target_volatility: float | None
    crisis: float | None
    data_fresh: bool
    clear: bool = True


class RiskEvent(msgspec.Struct, frozen=True):
    """An alert for a person: ``kind`` is a reason code, ``severity`` an alert level (O2)."""

    day: str
    kind: str
    severity: str
    measured: float | None = None
    limit: float | None = None
    scope: str = "book"


class Resume(msgspec.Struct, frozen=True):
    """A granted re-entry: ``day`` number and whether a person signed it."""

    day: int
    signed: bool


class LadderState(msgspec.Struct, frozen=True):
    """The drawdown ladder between two sessions (R4). Peaks in cents, on closes.

    ``fired`` are the rungs fired in this episode; ``ceiling`` the gross they left; ``cooldown`` the sessions
    left in cooldown; ``awaiting`` the requested re-entry kind ("" none, "automatic", "signed"); ``signed`` whether a
    person has approved; ``calm`` counts consecutive calm sessions; ``ramp`` the sizes of coming sessions;
    ``liquidated`` whether the episode sold everything; ``ended`` whether the mandate is over.
    """

    episode_peak: int
    lifetime_peak: int
    mandate: int = 1
    fired: tuple[str, ...] = ()
    ceiling: float | None = None
    cooldown: int = 0
    awaiting: str = ""
    signed: bool = False
    calm: int = 0
    ramp: tuple[float, ...] = ()
    liquidated: bool = False
    ended: bool = False
    resumes: tuple[Resume, ...] = ()
