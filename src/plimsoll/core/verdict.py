"""Verdicts: the lattice every risk rule speaks in (R1)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import reduce

import msgspec


class Action(IntEnum):
    """Severity, least to most."""

    ALLOW = 0
    SCALE = 1
    REJECT = 2
    FREEZE = 3
    LIQUIDATE = 4


class Finding(msgspec.Struct, frozen=True, order=True):
    """What a gate measured against which limit. ``scope`` is ``book`` or a symbol; absent means not measurable."""

    gate: str
    reason: str
    scope: str
    measured: float | None
    limit: float | None


def _key(f: Finding) -> tuple[str, str, str, bool, float, bool, float]:
    return (f.gate, f.reason, f.scope, f.measured is None, f.measured or 0.0, f.limit is None, f.limit or 0.0)


class Verdict(msgspec.Struct, frozen=True):
    """(action, scale, findings): join takes the severest action, the smallest scale, the sorted union.

    ``scale`` multiplies increases only; 1 keeps them, 0 drops them. FREEZE stops new risk, LIQUIDATE also
    reduces what is held. The join is associative, commutative and idempotent, with ``ALLOWED`` its identity.
    """

    action: Action = Action.ALLOW
    scale: float = 1.0
    findings: tuple[Finding, ...] = ()

    def __or__(self, other: Verdict) -> Verdict:
        if other is self:
            return self
        findings = tuple(sorted(set(self.findings) | set(other.findings), key=_key))
        return Verdict(max(self.action, other.action), min(self.scale, other.scale), findings)


ALLOWED = Verdict()


def join(verdicts: Iterable[Verdict]) -> Verdict:
    """The join of any number of verdicts; ``ALLOWED`` of none."""
    return reduce(lambda a, b: a | b, verdicts, ALLOWED)


def judge(
    gate: str, reason: str, measured: float, limit: float, failed: Action, *, scope: str = "book", scale: float = 0.0
) -> Verdict:
    """ALLOW only when ``measured <= limit`` is shown; NaN on either side fails (R1).

    ``scale`` is what increases are multiplied by when it fails. A failing figure that is not finite is recorded
    as absent.
    """
    if measured <= limit:
        return ALLOWED
    figure = measured if -1e308 < measured < 1e308 else None
    bound = limit if -1e308 < limit < 1e308 else None
    return Verdict(failed, scale if failed is Action.SCALE else 0.0, (Finding(gate, reason, scope, figure, bound),))
