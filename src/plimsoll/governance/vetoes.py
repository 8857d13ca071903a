"""The ten vetoes: independent checks after the gates (G2).

They judge a proposal that increases something; without an increase there is nothing to veto. Each passes only on a
known figure: NaN trips it. Critical freezes increases, never exits; error rejects the symbol (or, for a figure of the
whole portfolio, every increase); warnings give one halving of the increase however many there are; info is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import Veto
from plimsoll.core.policy import Policy
from plimsoll.core.verdict import ALLOWED, Action, Finding, Verdict, join

Floats = NDArray[np.float64]
_NAN = float("nan")

SEVERITIES = {
    "UNEXPLAINED_PROFIT": "warning",
    "TOO_PERFECT_EXECUTION": "info",
    "DATA_DEPENDENCY_RISK": "warning",
    "CORRELATED_WINS": "info",
    "HIGH_CVAR": "error",
    "LEVERAGE_BREACH": "error",
    "DRAWDOWN_LIMIT": "critical",
    "MODEL_DECAY": "warning",
    "INSUFFICIENT_HISTORY": "error",
    "LOW_DATA_QUALITY": "error",
}
BOOK = "book"
_REASONS = {"warning": "VETO_WARNING", "error": "VETO_ERROR", "critical": "VETO_CRITICAL"}


@dataclass(frozen=True, eq=False, slots=True)
class VetoInputs:
    """Inputs of the vetoes; (k,) arrays over the columns that increase, NaN is unknown.

    ``mu`` is the expected return at the auction's horizon (10 sessions), ``conviction`` an annual Sharpe (S1),
    ``quality`` the certified score (D10), ``rows`` the bars so far (D11). ``gross`` and ``cvar`` (by horizon) are
    the proposal's, after scaling; ``gross_max`` and ``cvar_hard`` their limits. ``openings`` counts the opening
    bids of the last ``wins_sessions`` before A7, ``openings_correlation`` is their mean pair correlation.
    """

    symbols: tuple[str, ...]
    mu: Floats
    confidence: Floats
    conviction: Floats
    quality: Floats
    rows: Floats
    gross: float
    gross_max: float
    cvar: Mapping[int, float]
    cvar_hard: Mapping[int, float]
    drawdown_lifetime: float
    openings: int
    openings_correlation: float


def evaluate(inputs: VetoInputs, policy: Policy) -> tuple[Veto, ...]:
    """Every veto that is tripped, in the order of ``SEVERITIES``; none when nothing increases (G2)."""
    if not inputs.symbols:
        return ()
    enabled = policy.vetoes.enabled
    return tuple(veto for trigger, check in _CHECKS.items() if trigger in enabled for veto in check(inputs, policy))


def verdicts(vetoes: Iterable[Veto], columns: Mapping[str, int], policy: Policy) -> tuple[Verdict, dict[int, Verdict]]:
    """The vetoes as verdicts: one on the portfolio, one per column concerned.

    Parameters
    ----------
    vetoes : iterable of Veto
        As ``evaluate`` gave them.
    columns : mapping of symbol to column
    policy : Policy
        ``vetoes.warning_scale`` is the halving; joined verdicts keep the smallest scale, so it is never squared.
    """
    book, by_column = ALLOWED, dict[int, Verdict]()
    for veto in vetoes:
        verdict = _verdict(veto, policy.vetoes.warning_scale)
        if verdict is ALLOWED:
            continue
        if veto.scope == BOOK:
            book |= verdict
        else:
            column = columns[veto.scope]
            by_column[column] = join((by_column.get(column, ALLOWED), verdict))
    return book, by_column


def _verdict(veto: Veto, warning_scale: float) -> Verdict:
    if veto.severity == "info":
        return ALLOWED
    reason = _REASONS.get(veto.severity, "VETO_CRITICAL")  # an unknown severity counts as the most severe
    finding = (Finding(veto.trigger, reason, veto.scope, veto.measured, veto.limit),)
    if veto.severity == "warning":
        return Verdict(Action.SCALE, warning_scale, finding)
    return Verdict(Action.REJECT if veto.severity == "error" else Action.FREEZE, 0.0, finding)


def _unexplained_profit(v: VetoInputs, policy: Policy) -> list[Veto]:
    rules = policy.vetoes
    safe = (v.mu <= rules.profit_mu) | (v.confidence >= rules.profit_confidence)
    return _by_symbol("UNEXPLAINED_PROFIT", v, safe, v.mu, rules.profit_mu)


def _too_perfect(v: VetoInputs, policy: Policy) -> list[Veto]:
    limit = policy.vetoes.conviction_max
    return _by_symbol("TOO_PERFECT_EXECUTION", v, v.conviction <= limit, v.conviction, limit)


def _data_dependency(v: VetoInputs, policy: Policy) -> list[Veto]:
    limit = policy.vetoes.quality_warning
    return _by_symbol("DATA_DEPENDENCY_RISK", v, v.quality >= limit, v.quality, limit)


def _correlated_wins(v: VetoInputs, policy: Policy) -> list[Veto]:
    rules = policy.vetoes
    safe = v.openings <= rules.wins_max or v.openings_correlation <= rules.wins_correlation
    return _of_book("CORRELATED_WINS", safe, v.openings_correlation, rules.wins_correlation)


def _high_cvar(v: VetoInputs, policy: Policy) -> list[Veto]:
    found: list[Veto] = []
    for horizon in (1, policy.auction.horizon):
        measured, limit = v.cvar.get(horizon, _NAN), v.cvar_hard.get(horizon, _NAN)
        found += _of_book("HIGH_CVAR", measured <= limit, measured, limit)
    return found


def _leverage(v: VetoInputs, _: Policy) -> list[Veto]:
    return _of_book("LEVERAGE_BREACH", v.gross <= v.gross_max, v.gross, v.gross_max)


def _drawdown(v: VetoInputs, policy: Policy) -> list[Veto]:
    """Trips at its own limit or where a rung ends the mandate, whichever is first (R4, U7).

    A ladder without such a rung does not disarm it. A ladder that is switched off does: past the limit the account
    would otherwise stay frozen, without the ladder's re-entry.
    """
    if not policy.ladder.enabled:
        return []
    limit = min(policy.vetoes.drawdown_max, *(r.threshold for r in policy.ladder.rungs if r.ends_mandate), 1.0)
    return _of_book("DRAWDOWN_LIMIT", v.drawdown_lifetime < limit, v.drawdown_lifetime, limit)


def _model_decay(v: VetoInputs, policy: Policy) -> list[Veto]:
    limit = policy.vetoes.confidence_warning
    return _by_symbol("MODEL_DECAY", v, v.confidence >= limit, v.confidence, limit)


def _insufficient_history(v: VetoInputs, policy: Policy) -> list[Veto]:
    limit = float(policy.backtest.min_rows)
    return _by_symbol("INSUFFICIENT_HISTORY", v, v.rows >= limit, v.rows, limit)


def _low_quality(v: VetoInputs, policy: Policy) -> list[Veto]:
    limit = policy.vetoes.quality_error
    return _by_symbol("LOW_DATA_QUALITY", v, v.quality >= limit, v.quality, limit)


def _by_symbol(trigger: str, v: VetoInputs, safe: NDArray[np.bool_], measured: Floats, limit: float) -> list[Veto]:
    if safe.all():
        return []
    severity = SEVERITIES[trigger]
    return [
        Veto(trigger, severity, v.symbols[k], _figure(float(measured[k])), limit)
        for k in np.flatnonzero(~safe).tolist()
    ]


def _of_book(trigger: str, safe: bool, measured: float, limit: float) -> list[Veto]:
    return [] if safe else [Veto(trigger, SEVERITIES[trigger], BOOK, _figure(measured), _figure(limit))]


def _figure(value: float) -> float | None:
    """A figure as journaled: None when it is not finite (U6)."""
    return value if -np.inf < value < np.inf else None


_CHECKS: dict[str, Callable[[VetoInputs, Policy], list[Veto]]] = {
    "UNEXPLAINED_PROFIT": _unexplained_profit,
    "TOO_PERFECT_EXECUTION": _too_perfect,
    "DATA_DEPENDENCY_RISK": _data_dependency,
    "CORRELATED_WINS": _correlated_wins,
    "HIGH_CVAR": _high_cvar,
    "LEVERAGE_BREACH": _leverage,
    "DRAWDOWN_LIMIT": _drawdown,
    "MODEL_DECAY": _model_decay,
    "INSUFFICIENT_HISTORY": _insufficient_history,
    "LOW_DATA_QUALITY": _low_quality,
}
