"""Open findings of each symbol over all readings of a home (D10, D13)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plimsoll.core.bars import Audit, Confirmation
from plimsoll.core.dates import day_number
from plimsoll.market.findings import NOTE, Finding

OK = "OK"
FAILED = "FAILED"
_DEVIATION = "CROSS_SOURCE_DEVIATION"


def providers(audits: Sequence[Audit]) -> dict[str, str]:
    """The provider each symbol's newest rows came from."""
    return {a.symbol: a.provider for a in audits if a.status == OK}


def failures(audits: Sequence[Audit]) -> dict[str, Audit]:
    """Symbols whose newest audit is a failure."""
    newest = {a.symbol: a for a in audits}
    return {symbol: a for symbol, a in newest.items() if a.status == FAILED}


def standing(audits: Sequence[Audit], confirmations: Sequence[Confirmation] = ()) -> dict[str, tuple[Finding, ...]]:
    """Per symbol the findings of its readings that still stand, with all their days.

    A later reading of the same days replaces what an earlier one of its source found there, or of any source whose
    rows it replaced; a date from the future was never stored, so any later reading replaces it. A deviation of a
    second source stands until that source is read again or the value it deviates from is restated. A confirmed jump
    stays confirmed. Of what persons confirmed, the last record of each symbol and day counts.
    """
    kept: dict[str, list[tuple[str, Finding]]] = {}
    for audit in audits:
        if audit.status != OK:
            continue
        new = _findings(audit)
        restated = [day for f in new if f.reason == "RESTATED_VALUE" for day in f.days.tolist()]
        before = []
        for source, finding in kept.get(audit.symbol, ()):
            left = _without(finding, restated) if finding.reason == _DEVIATION else finding
            if left is not None and not _superseded(left, source, audit):
                before.append((source, left))
        kept[audit.symbol] = [*before, *((audit.source, f) for f in new)]
    last = {(one.symbol, one.date): one for one in confirmations}
    for (symbol, date), one in last.items():
        if one.act == "confirm":
            said = Finding(
                "JUMP_EXPLAINED", NOTE, np.array([day_number(date)]), f"{date} by {one.person}: {one.reason}"
            )
            kept.setdefault(symbol, []).append(("", said))
    return {symbol: tuple(f for _, f in found) for symbol, found in kept.items()}


def _findings(audit: Audit) -> list[Finding]:
    """The audit's flags with their days; one written before days were kept has its first and last."""
    found = []
    for i, flag in enumerate(audit.flags):
        days = audit.days[i] if i < len(audit.days) else sorted({day_number(flag.day), day_number(flag.last_day)})
        found.append(Finding(flag.reason, flag.severity, np.array(days, dtype=np.int64), flag.detail))
    return found


def _without(found: Finding, days: Sequence[int]) -> Finding | None:
    left = found.days[~np.isin(found.days, days)]
    return Finding(found.reason, found.severity, left, found.detail) if left.size else None


def _superseded(found: Finding, source: str, audit: Audit) -> bool:
    if found.reason == "JUMP_CONFIRMED":
        return False
    beside = found.reason == _DEVIATION or "SECOND_SOURCE" in audit.reasons
    if beside and source not in (audit.source, ""):
        return False
    if found.reason == "DATE_IN_FUTURE":
        return True
    if not audit.first:
        return False
    return day_number(audit.first) <= int(found.days[0]) and int(found.days[-1]) <= day_number(audit.last)
