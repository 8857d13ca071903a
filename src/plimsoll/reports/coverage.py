"""Notes on inputs that cover only part of a run, and what replaced them (D19, U6)."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

import numpy as np

from plimsoll.core.panel import Floats, History, Panel
from plimsoll.core.policy import Policy
from plimsoll.risk.regime import source_of

_NAMED = 6  # symbols a note lists before it only counts


def coverage(history: History, policy: Policy, first: int, last: int) -> Iterator[str]:
    """Notes on VIX, the bill and the symbols over the rows ``first`` to ``last``; none where all is there."""
    panel = history.panel
    yield from _vix(history, policy, first, last)
    yield from _bill(panel, policy, first, last)
    yield from _symbols(panel, first, last)


def _vix(history: History, policy: Policy, first: int, last: int) -> Iterator[str]:
    panel, name = history.panel, policy.backtest.vix
    lacking = ~np.isfinite(history.array("regime.vix")[first : last + 1])
    if not lacking.any():
        return
    whose = history.array("regime.whose")[first : last + 1][lacking]
    said = [f"{source_of(code, policy)} on {np.count_nonzero(whose == code)}" for code in np.unique(whose).tolist()]
    near = [] if name in panel.column else get_close_matches(name, panel.symbols, n=1)
    meant = f" ({name} is not in the data; did you mean {near[0]}?)" if near else ""
    span = _stretch(panel, lacking, first)
    yield (
        f"VIX is absent on {np.count_nonzero(lacking)} of {lacking.size} sessions{span}{meant}: "
        f"{' and '.join(said)} replaced it; the regime filter predicted without updates"
    )


def _stretch(panel: Panel, lacking: np.ndarray, first: int) -> str:
    """The dates of what is lacking where that is one piece at the beginning or the end of the run."""
    rows = np.flatnonzero(lacking)
    if rows.size == lacking.size or rows[-1] - rows[0] + 1 != rows.size:
        return ""
    dates = panel.sessions.dates
    return f" ({dates[first + rows[0]]} to {dates[first + rows[-1]]})"


def _bill(panel: Panel, policy: Policy, first: int, last: int) -> Iterator[str]:
    name = policy.cash.series
    if name not in panel.macro_names:
        near = get_close_matches(name, panel.macro_names, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        yield f"{name} is absent{meant}: cash earned nothing and no Sharpe ratio in excess of T-bills is stated"
        return
    known = panel.macro[:, panel.macro_names.index(name)]
    used = known[max(first - 1, 0) : last + 1]
    lacking = int(np.count_nonzero(~np.isfinite(used[:-1])))
    if lacking:
        yield (
            f"{name} is absent on {lacking} of {last - first} sessions: cash earned nothing on them "
            "and no Sharpe ratio in excess of T-bills is stated"
        )
    same = _unchanged(known[: last + 1])
    if np.isfinite(used[-1]) and same > policy.data.ended_after:
        yield (
            f"{name} has stood at {used[-1]:g} % since {panel.sessions.dates[last + 1 - same]}, {same} sessions: "
            "if it ends there, interest on cash and the Sharpe ratio in excess of T-bills use its last value since"
        )


def _unchanged(values: Floats) -> int:
    """How many of the last values are the same."""
    other = np.flatnonzero(values != values[-1])
    return int(values.size - 1 - other[-1]) if other.size else int(values.size)


def _symbols(panel: Panel, first: int, last: int) -> Iterator[str]:
    has = np.isfinite(panel.close)
    begins = np.where(has.any(axis=0), has.argmax(axis=0), len(panel.sessions))
    tradable = [c for c, i in enumerate(panel.instruments) if i.tradable]
    later = [(panel.symbols[c], int(begins[c])) for c in tradable if first < begins[c] <= last]
    recent = max(last - 20, 0)  # symbols that stop in the last sessions have another note
    ended = [(panel.symbols[c], int(panel.last_row[c])) for c in tradable if 0 <= panel.last_row[c] < recent]
    never = [panel.symbols[c] for c in tradable if begins[c] > last]
    of = f"of {len(tradable)} symbols"
    if later:
        yield f"{len(later)} {of} begin after the run does: {_listed(panel, later)}"
    if ended:
        yield f"{len(ended)} {of} end before the run does: {_listed(panel, ended)}"
    if never:
        some = ", ".join(never[:_NAMED]) + (" …" if len(never) > _NAMED else "")
        yield f"{len(never)} {of} have no bar before the run's end: {some}"


def _listed(panel: Panel, found: list[tuple[str, int]]) -> str:
    ordered = sorted(found, key=lambda one: (one[1], one[0]))
    said = ", ".join(f"{symbol} {panel.sessions.dates[row]}" for symbol, row in ordered[:_NAMED])
    return said + (" …" if len(found) > _NAMED else "")
