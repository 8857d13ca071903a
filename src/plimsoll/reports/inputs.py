"""Notes on inputs besides prices: kinds the policy assumed, symbols without data, late data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy

_NAMED = 8


def input_notes(panel: Panel, policy: Policy, first: int, last: int, strategies: Sequence[str]) -> list[str]:
    """Over the rows ``first`` to ``last``: kinds that only the policy gave (D2), havens and trend symbols that are
    absent or begin later (D19), series that stopped together (D9). ``reports.coverage`` has VIX, bill and spans.
    """
    return [
        *_plain(panel, policy),
        *_required(panel, policy),
        *_named(panel, policy, first, last, strategies),
        *_stopped(panel, first, last),
    ]


def _plain(panel: Panel, policy: Policy) -> list[str]:
    if not panel.plain:
        return []
    kind = policy.limits.plain_symbols_are
    cap = policy.limits.weight_stock if kind == "stock" else policy.limits.weight_fund
    return [
        f"no kind is given for {_some(panel.plain)}: treated as {kind}s, each at most {cap:.0%} unless the policy "
        "names the symbol (limits.plain_symbols_are); a universe file gives kinds and sectors"
    ]


def _required(panel: Panel, policy: Policy) -> list[str]:
    """Required inputs without which no risk may be added, and which are not in the data (D7)."""
    absent = [n for n in policy.regime.required if n not in panel.column and n not in panel.macro_names]
    if not absent:
        return []
    return [
        f"regime.required names {', '.join(absent)}, which are not in the data: new risk was barred in every session"
    ]


def _named(panel: Panel, policy: Policy, first: int, last: int, strategies: Sequence[str]) -> list[str]:
    """Symbols that the policy names: havens (S3, R4) and core_trend's symbols (S3)."""
    notes = []
    chosen = policy.strategies
    asked = [("havens", chosen.havens)]
    if "core_trend" in strategies:
        asked.append(("trend symbols", chosen.trend_symbols))
    for what, symbols in asked:
        absent = [s for s in symbols if s not in panel.column]
        if absent:
            notes.append(f"of the {what} {', '.join(symbols)}, missing in the data: {', '.join(absent)}")
        parts = []
        for symbol in symbols:
            if symbol in panel.column:
                has = np.flatnonzero(np.isfinite(panel.close[first : last + 1, panel.column[symbol]])) + first
                if not has.size:
                    parts.append(f"{symbol} has no bar in the run")
                elif has[0] > first:
                    parts.append(f"{symbol} begins on {panel.sessions.dates[has[0]]}")
        if parts:
            notes.append(f"{what} that cover a part of the run: {', '.join(parts)}")
    return notes


def _stopped(panel: Panel, first: int, last: int) -> list[str]:
    """Series that stopped together within the run: late data, so nothing was sold for it (D9)."""
    late = panel.certified.late[first : last + 1] & panel.tradable
    if not late.any():
        return []
    columns = np.flatnonzero(late.any(axis=0))
    known = panel.sessions.dates[first + int(late.any(axis=1).argmax())]
    sessions = np.count_nonzero(late.any(axis=1))
    return [
        f"{columns.size} of {np.count_nonzero(panel.tradable)} symbols ({_some([panel.symbols[c] for c in columns])}) "
        f"stopped together or as the only ones of their calendar, known from {known} on, on {sessions} sessions: "
        "late data, not bought and not sold for it"
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
