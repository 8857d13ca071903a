"""What certification holds against a symbol, as it is ingested: reason, days, figures, remedy (D10, D11)."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.core.panel import Certification, Flag
from plimsoll.core.reasons import COUNTS, REASONS

_NOTED = ("NO_VOLUME",)  # notes that take something away: without volume nothing is bought
_SHOWN = 6  # symbols a warning names


def warnings(judged: Sequence[Certification]) -> tuple[str, ...]:
    """A sentence for each reason why symbols may not be bought, and for each error in their rows however old.

    The first symbol's figures, and the names of those that have the like.
    """
    found: dict[str, list[tuple[Certification, Flag | None]]] = {}
    for one in judged:
        flags = {f.reason: f for f in one.flags if _matters(f)}
        for reason in dict.fromkeys((*one.reasons, *flags)):
            found.setdefault(reason, []).append((one, flags.get(reason)))
    return tuple(_told(reason, cases) for reason, cases in found.items())


def _matters(flag: Flag) -> bool:
    known = REASONS.get(flag.reason)
    grave = known is not None and known.severity in ("error", "critical")
    return flag.severity == "hard" or grave or flag.reason in _NOTED


def _told(reason: str, cases: Sequence[tuple[Certification, Flag | None]]) -> str:
    one, flag = cases[0]
    said = f"{one.symbol} is {one.state}: {reason}"
    if flag is not None:
        said += f", {_days(flag)}"
        said += f", {flag.detail}" if flag.detail else ""
    else:
        said += _figure(reason, one)
    others = [c.symbol for c, _ in cases[1:]]
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        said += f" (so are {', '.join(others[:_SHOWN])}{more})"
    known = REASONS.get(reason)
    return f"{said}. {known.remedy}" if known is not None and known.remedy else said


def _days(flag: Flag) -> str:
    if flag.count == 1:
        return f"on {flag.day}"
    return f"{flag.count} {'rows' if flag.reason in COUNTS else 'days'} from {flag.day} to {flag.last_day}"


def _figure(reason: str, one: Certification) -> str:
    match reason:
        case "ROWS_SHORT":
            return f", {one.rows} rows"
        case "EXPECTED_SHORT":
            return f", {one.rows} of {one.expected} expected sessions"
        case "LOW_SCORE":
            return f", score {one.score:.2f}"
    return ""
