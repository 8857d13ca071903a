"""Step 8: the gates on the current positions, and the effects of a breached hard limit (R1, R3)."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.measurements import Measurements
from plimsoll.core.restraint import RiskEvent
from plimsoll.core.verdict import Action, Verdict
from plimsoll.engine.book import MarkedBook
from plimsoll.engine.context import CycleContext
from plimsoll.engine.measure import Tails, resting
from plimsoll.risk import freshness, gates

Floats = NDArray[np.float64]


class HeldBook(msgspec.Struct, frozen=True, eq=False):
    """The current positions, measured and judged.

    ``scale`` multiplies the whole portfolio, 1 without a breach; ``breach_closes`` consecutive closes above a hard
    CVaR limit; ``halted`` the reason of a halt, "" without one; ``frozen`` the reasons why no position may grow.
    """

    measured: Measurements
    verdict: Verdict
    scale: float
    breach_closes: int
    halted: str
    frozen: tuple[str, ...]

    def events(self, context: CycleContext) -> tuple[RiskEvent, ...]:
        """The halt, on the session that begins it."""
        if not self.halted or context.state.carried.halted:
            return ()
        closes, most = float(self.breach_closes), float(context.run.policy.cvar.halt_closes)
        return (RiskEvent(context.view.date, self.halted, "CRITICAL", closes, most),)


def judge_held(context: CycleContext, tails: Tails) -> HeldBook:
    """The gates' verdict on the current positions, and its effects."""
    book, limits, policy, before = context.book, context.limits, context.run.policy, context.state.carried
    measured = resting(
        nav=book.nav,
        held=book.weights,
        gross=book.gross,
        cvar_held=tails.of_book(book.weights),
        drawdown_episode=context.drawdown_episode,
        drawdown_lifetime=context.drawdown_lifetime,
        symbols=context.run.symbols,
    )
    verdict = gates.judge_held(measured, limits, policy)
    breach = verdict.action is Action.LIQUIDATE
    closes = _breach_closes(before.breach_closes, book, context.stale) if breach else 0
    halted = _halted(before.halted, verdict, closes, policy.cvar.halt_closes)
    frozen = ("HALTED",) if halted else ()
    if verdict.action >= Action.FREEZE:
        frozen = (*frozen, *dict.fromkeys(f.reason for f in verdict.findings))  # a code may stand at both horizons
    scale = gates.book_scale(measured, limits) if breach else 1.0
    return HeldBook(measured, verdict, scale, closes, halted, frozen)


def _breach_closes(before: int, book: MarkedBook, stale: Floats) -> int:
    """Consecutive closes above a hard CVaR limit; one without any bar to sell on does not count (R3)."""
    return before + int(bool((stale[book.columns] != freshness.STALE).any()))


def _halted(before: str, verdict: Verdict, closes: int, closes_max: int) -> str:
    """Reason of a halt, "" without one; a halt lasts until a person resumes (R3, G7)."""
    if before:
        return before
    if closes >= closes_max:
        return "CVAR_HALT"
    reasons = {f.reason for f in verdict.findings}
    return next((r for r in ("GROSS_HALT", "CVAR_UNKNOWN") if r in reasons), "")
