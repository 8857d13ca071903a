"""Position size growing in steps to its cap, and the requirements of the next step (H7, P4).

A fold over the account's record alone: a signature grants a step, evidence is counted session by session, and a
breach, loss or drawdown takes a step back automatically, by the signed figures. Whole cents and basis points; no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from plimsoll.core.account_record import Body, Growth, Limits, Session, Size, amount
from plimsoll.governor.limits import WHOLE


@dataclass(frozen=True, slots=True)
class SizeRequirement:
    """One requirement of the next step: the measured value, the required one, and whether it is met."""

    name: str
    found: str
    needed: str
    met: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """An account's present step and the rules of the next: ``growth``, None where size is not graduated.

    ``size`` is the largest position value now in cents, None where size is not graduated; ``next`` the step above it,
    None at the last. ``run`` are the sessions at this size since it was reached or the evidence restarted, ``since``
    the reason. ``level`` and ``peak`` are the equity used for demotion.
    """

    growth: Growth | None = None
    size: int | None = None
    run: tuple[Session, ...] = ()
    since: str = "the account began"
    level: int = 0
    peak: int = 0

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps in cents, from small to large."""
        return () if self.growth is None else tuple(amount(step, "step") for step in self.growth.steps)

    @property
    def next(self) -> int | None:
        """The step above the present size."""
        if self.size is None:
            return None
        return next((step for step in self.steps if step > self.size), None)

    @property
    def evidence(self) -> tuple[SizeRequirement, ...]:
        """The requirements of the next step. An unknown value is not met (U6)."""
        need = self.growth
        if need is None:
            return ()
        window = self.run[-need.days :]
        streak = 0
        for session in reversed(self.run):
            if not profitable(session):
                break
            streak += 1
        return (
            SizeRequirement("profitable days in a row", str(streak), f"at least {need.days}", streak >= need.days),
            _breaches(window, need),
            _uptime(window, need),
            _latency(window, need),
        )

    @property
    def ready(self) -> bool:
        """Whether a person may grant the next step."""
        return self.next is not None and all(item.met for item in self.evidence)


def profitable(session: Session) -> bool:
    """Whether both measures are positive: the session's own fills and marks, and the change of equity to the next one.

    The first omits fees, and a deposit changes the second; neither alone shows a profit.
    """
    return _cents(session.result) > 0 and _cents(session.equity_next) > _cents(session.equity)


def progress(record: Iterable[Body]) -> Progress:
    """Fold an account's record, oldest entry first."""
    found = Progress()
    for body in record:
        match body:
            case Limits():
                found = _limited(found, body)
            case Size():
                step = amount(body.step, "step")
                if step == found.next:
                    found = replace(found, size=step, run=(), since=f"a person granted ${body.step}")
            case Session():
                found = _judged(found, body)
            case _:
                pass
    return found


def _limited(found: Progress, limits: Limits) -> Progress:
    """New steps never raise the present size; the first limits start at the first step."""
    growth = limits.growth
    if growth is None:
        return Progress()
    if growth == found.growth:
        return found
    size = amount(growth.steps[0], "step") if found.size is None else found.size
    return replace(found, growth=growth, size=size, run=(), since="its steps were signed")


def _judged(found: Progress, session: Session) -> Progress:
    """Count a session, restart the evidence, or take a step back."""
    need = found.growth
    if need is None:
        return found
    equity = _cents(session.equity)
    gain = min(_cents(session.result), _cents(session.equity_next) - equity)
    level = (found.level or equity) + gain
    peak = max(found.peak or equity, level)
    found = replace(found, level=level, peak=peak)
    if session.breaches:
        return _back(found, f"a breach on {session.date}")
    if not (peak - level) * WHOLE <= need.drawdown_bps * peak:
        return _back(found, f"a drawdown on {session.date}")
    if not -gain * WHOLE <= need.daily_loss_bps * equity:
        return replace(found, run=(), since=f"the loss of {session.date}")
    if session.size is None or _cents(session.size) != found.size:  # it began at another size
        return found
    return replace(found, run=(*found.run, session))


def _back(found: Progress, why: str) -> Progress:
    """One step back, at least the first; the peak restarts, or the same drawdown would count every session."""
    size = found.size or 0
    lower = max((step for step in found.steps if step < size), default=size)
    return replace(found, size=lower, run=(), since=why, peak=found.level)


def _breaches(window: tuple[Session, ...], need: Growth) -> SizeRequirement:
    codes = sorted({code for session in window for code in session.breaches})
    enough = len(window) >= need.days
    found = ", ".join(codes) or (f"none in {len(window)} sessions")
    return SizeRequirement("breaches", found, f"none in {need.days} sessions", enough and not codes)


def _uptime(window: tuple[Session, ...], need: Growth) -> SizeRequirement:
    known = [(s.minutes_up, s.minutes) for s in window if s.minutes is not None and s.minutes_up is not None]
    up, of = sum(k[0] for k in known), sum(k[1] for k in known)
    whole = len(window) >= need.days and len(known) == len(window)
    found = f"{up} of {of} minutes" if known else "no minutes known"
    if len(known) < len(window):
        found += f", {len(window) - len(known)} sessions without known hours"
    needed = f"more than {need.uptime_bps / 100:g} % of {need.days} sessions"
    return SizeRequirement("minutes with a quote", found, needed, whole and up * WHOLE > need.uptime_bps * of)


def _latency(window: tuple[Session, ...], need: Growth) -> SizeRequirement:
    slow = sum(session.slow for session in window)
    enough = len(window) >= need.days
    return SizeRequirement("sessions too slow", f"{slow} of {len(window)}", f"none of {need.days}", enough and not slow)


def _cents(text: str) -> int:
    """Whole cents of an amount that may be negative or zero."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, decimals = digits.partition(".")
    return sign * (int(whole) * 100 + int(decimals.ljust(2, "0")))
