"""Verdicts: the lattice every risk rule speaks in (R1)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import msgspec

_FINITE = 1e308  # what is beyond is no figure of a book, and no number in JSON


class Action(IntEnum):
    """Severity, least to most."""

    ALLOW = 0
    SCALE = 1
    REJECT = 2
    FREEZE = 3
    LIQUIDATE = 4


class Finding(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """What a gate measured against which limit. ``scope`` is ``book`` or a symbol; absent means not measurable.

    ``on`` names the stressed set that was measured on, "" where a gate has no such set (R2).
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
    reduces what is held. The join is associative, commutative and idempotent, with ``ALLOWED`` its identity.
    """

    action: Action = Action.ALLOW
    scale: float = 1.0
    findings: tuple[Finding, ...] = ()

    def __or__(self, other: Verdict) -> Verdict:
        return self if other is self else join((self, other))


ALLOWED = Verdict()


def join(verdicts: Iterable[Verdict]) -> Verdict:
    """The join of any number of verdicts; ``ALLOWED`` of none. Findings are put together and sorted once."""
    every = [v for v in verdicts if v is not ALLOWED]
    if len(every) < 2:
        return every[0] if every else ALLOWED
    findings = {f for v in every for f in v.findings}
    return Verdict(max(v.action for v in every), min(v.scale for v in every), tuple(sorted(findings, key=_key)))


def within(measured: float, limit: float) -> bool:
    """Whether a figure is shown to be at most its limit (R1): NaN on either side is not, nor is an infinite figure,
    which no measurement gives. A limit of infinity is none.

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
    """ALLOW only when ``measured`` is shown to be ``within`` its limit (R1).

    ``scale`` is what increases are multiplied by when it fails; one that is no share keeps nothing. A failing figure
    that is not finite is recorded as absent.
    """
    if within(measured, limit):
        return ALLOWED
    kept = scale if failed is Action.SCALE and 0.0 <= scale <= 1.0 else 0.0
    figure = measured if -_FINITE < measured < _FINITE else None
    bound = limit if -_FINITE < limit < _FINITE else None
    return Verdict(failed, kept, (Finding(gate, reason, scope, figure, bound, on),))
