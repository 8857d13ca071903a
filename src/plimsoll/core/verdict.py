"""Verdicts of the risk rules: a lattice of actions (R1)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import msgspec

_FINITE = 1e308  # anything larger is not a portfolio figure, and not a JSON number


class Action(IntEnum):
    """Severity, least to most."""

    ALLOW = 0
    SCALE = 1
    REJECT = 2
    FREEZE = 3
    LIQUIDATE = 4


class Finding(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A gate's measured figure and its limit. ``scope`` is ``book`` or a symbol; absent means not measurable.

    ``on`` names the stressed set it was measured on, "" for a gate without one (R2).
    """

    gate: str
    reason: str
    scope: str
    measured: float | None
    limit: float | None
    on: str = ""


def _key(f: Finding) -> tuple[str, str, str, bool, float, bool, float, str]:
    return (f.gate, f.reason, f.scope, f.measured is None, f.measured or 0.0, f.limit is None, f.limit or 0.0, f.on)


class Verdict(msgspec.Struct, frozen=True):
    """(action, scale, findings): join takes the severest action, the smallest scale, the sorted union.

    ``scale`` multiplies increases only; 1 keeps them, 0 drops them. FREEZE stops new risk, LIQUIDATE also
    reduces positions. The join is associative, commutative and idempotent, with ``ALLOWED`` its identity.
    """

    action: Action = Action.ALLOW
    scale: float = 1.0
    findings: tuple[Finding, ...] = ()

    def __or__(self, other: Verdict) -> Verdict:
        return self if other is self else join((self, other))


ALLOWED = Verdict()


def join(verdicts: Iterable[Verdict]) -> Verdict:
    """The join of any number of verdicts; ``ALLOWED`` for none. Findings are merged and sorted once."""
    every = [v for v in verdicts if v is not ALLOWED]
    if len(every) < 2:
        return every[0] if every else ALLOWED
    findings = {f for v in every for f in v.findings}
    return Verdict(max(v.action for v in every), min(v.scale for v in every), tuple(sorted(findings, key=_key)))


def within(measured: float, limit: float) -> bool:
    """Whether a figure is known to be at most its limit (R1): not for NaN on either side, nor for an infinite figure,
    which no measurement gives. An infinite limit means no limit.

    >>> within(0.06, 0.06), within(float("nan"), 0.06), within(float("-inf"), 0.06)
    (True, False, False)
    """
    return -_FINITE < measured <= limit and measured < _FINITE


def judge(
    gate: str,
    reason: str,
    measured: float,
    limit: float,
    failed: Action,
    *,
    scope: str = "book",
    scale: float = 0.0,
    on: str = "",
) -> Verdict:
    """ALLOW only when ``measured`` is ``within`` its limit (R1).

    ``scale`` multiplies increases when it fails; a value outside [0, 1] drops them. A failing figure that is not finite
    is recorded as absent.
    """
    if within(measured, limit):
        return ALLOWED
    kept = scale if failed is Action.SCALE and 0.0 <= scale <= 1.0 else 0.0
    figure = measured if -_FINITE < measured < _FINITE else None
    bound = limit if -_FINITE < limit < _FINITE else None
    return Verdict(failed, kept, (Finding(gate, reason, scope, figure, bound, on),))
