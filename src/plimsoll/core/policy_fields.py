"""How a threshold of the policy states its unit, origin and bounds (U7)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Meta = msgspec.Meta


def meta(unit: str, rule: str, note: str = "", **bounds: Any) -> msgspec.Meta:
    """Metadata of one threshold: unit (with horizon and basis where it has one), origin and bounds."""
    return Meta(description=note or unit, extra={"unit": unit, "rule": rule}, **bounds)


def fraction(rule: str, note: str = "", unit: str = "fraction of NAV") -> msgspec.Meta:
    """Metadata of a fraction from 0 to 1."""
    return meta(unit, rule, note, ge=0.0, le=1.0)


def count(rule: str, note: str = "", unit: str = "sessions") -> msgspec.Meta:
    """Metadata of a count of zero or more."""
    return meta(unit, rule, note, ge=0)


Dollars = Annotated[int, Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the policy; unknown keys are refused."""
