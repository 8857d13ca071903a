"""What the readings of a home found and left standing, symbol by symbol (D10, D13)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plimsoll.core.bars import Audit
from plimsoll.core.dates import day_number
from plimsoll.market.findings import Finding

OK = "OK"
FAILED = "FAILED"


def providers(audits: Sequence[Audit]) -> dict[str, str]:
    """The provider each symbol's newest rows came from."""
    return {a.symbol: a.provider for a in audits if a.status == OK}


def failures(audits: Sequence[Audit]) -> dict[str, Audit]:
    """Symbols whose newest audit is a failure."""
    newest = {a.symbol: a for a in audits}
    return {symbol: a for symbol, a in newest.items() if a.status == FAILED}


def standing(audits: Sequence[Audit]) -> dict[str, tuple[Finding, ...]]:
    """Per symbol the findings of its readings that still stand, with all their days.

    A later reading of the same days replaces what an earlier one found there; a date from the future was never
    stored, so any later reading replaces it. A confirmed jump stays confirmed.
    """
    kept: dict[str, list[Finding]] = {}
    for audit in audits:
        if audit.status == OK:
            before = [f for f in kept.get(audit.symbol, ()) if not _superseded(f, audit)]
            kept[audit.symbol] = [*before, *_findings(audit)]
    return {symbol: tuple(found) for symbol, found in kept.items()}


def _findings(audit: Audit) -> list[Finding]:
    """The audit's flags with their days; one written before days were kept has its first and last."""
    found = []
    for i, flag in enumerate(audit.flags):
        days = audit.days[i] if i < len(audit.days) else sorted({day_number(flag.day), day_number(flag.last_day)})
        found.append(Finding(flag.reason, flag.severity, np.array(days, dtype=np.int64), flag.detail))
    return found


def _superseded(found: Finding, audit: Audit) -> bool:
    if found.reason == "JUMP_CONFIRMED":
        return False
    if found.reason == "DATE_IN_FUTURE":
        return True
    if not audit.first:
        return False
    return day_number(audit.first) <= int(found.days[0]) and int(found.days[-1]) <= day_number(audit.last)
