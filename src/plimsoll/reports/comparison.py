"""Buy-and-hold benchmarks beside a result: the benchmark and 60/40, over the data they have (E3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from plimsoll.core.panel import Floats, History, Panel
from plimsoll.core.policy import Policy
from plimsoll.reports.followed import FollowedBook, follow

SIXTY_FORTY = {"SPY": 0.6, "TLT": 0.4}

HELD = " held"
"""How the key of a benchmark that is bought and held ends in a result's JSON, after its symbol."""


def benchmark_label(name: str) -> str:
    """The name shown to people of a passive book's key: ``SPY held`` is SPY buy-and-hold."""
    return f"{name.removesuffix(HELD)} buy-and-hold" if name.endswith(HELD) else name


@dataclass(frozen=True, eq=False)
class Passive:
    """A benchmark under its key in a result's JSON, over its own span: one that ends before the run does is not carried
    on.
    """

    name: str
    book: FollowedBook

    @property
    def label(self) -> str:
        """The name shown to people."""
        return benchmark_label(self.name)


def passive_books(
    history: History, policy: Policy, first: int, last: int, capital: float
) -> tuple[list[Passive], list[str]]:
    """The policy's benchmark and 60/40, buy-and-hold, each over the sessions of the run for which it has data; and
    notes.

    A note names every benchmark that is absent, covers a part of the run, is an index or has gaps (D19). Where the
    policy's benchmark is absent the equal-weighted universe replaces it. ``capital`` is in USD: impact depends on it.
    """
    panel, benchmark = history.panel, policy.backtest.benchmark
    found: list[Passive] = []
    partly: dict[tuple[int, int], list[str]] = {}
    notes: dict[str, None] = {}
    for name, mix in ((_held(panel, benchmark), {benchmark: 1.0}), ("60/40", SIXTY_FORTY)):
        span = _span(panel, mix, first, last)
        if span is None:
            continue
        found.append(Passive(name, follow(history, policy, *span, _mixed(panel, mix, *span), capital)))
        partly.setdefault(span, []).append(found[-1].label)
        notes |= dict.fromkeys(_about(panel, mix, span))
    if not found or found[0].name == "60/40":
        targets = equal_weights(history, first, last)
        found.insert(0, Passive("equal weight", follow(history, policy, first, last, targets, capital)))
        notes = dict.fromkeys([_absent(panel, benchmark)]) | notes
    parts = [_part(panel, names, span, (first, last)) for span, names in partly.items() if span != (first, last)]
    return found, [*parts, *notes]


def _held(panel: Panel, symbol: str) -> str:
    return f"{symbol}, price index" if _index(panel, symbol) else f"{symbol}{HELD}"


def _index(panel: Panel, symbol: str) -> bool:
    column = panel.column.get(symbol)
    return column is not None and panel.instruments[column].kind == "index"


def _mixed(panel: Panel, mix: Mapping[str, float], first: int, last: int) -> dict[int, Floats]:
    """Bought once; several symbols are brought back to their weights after each month's last close."""
    weights = np.zeros(len(panel.symbols))
    weights[[panel.column[s] for s in mix]] = list(mix.values())
    monthly = panel.sessions.last_of_month if len(mix) > 1 else np.zeros(last, dtype=np.bool_)
    return {row: weights for row in range(first, last) if row == first or monthly[row]}


def equal_weights(history: History, first: int, last: int) -> dict[int, Floats]:
    """The same weight of every symbol that may trade (D11), at first and after each month's last close."""
    panel, eligible = history.panel, history.array("eligible")
    monthly = [row for row in range(first, last) if row == first or panel.sessions.last_of_month[row]]
    members = {row: eligible[row] > 0.0 for row in monthly}
    return {row: some / np.count_nonzero(some) for row, some in members.items() if some.any()}


def _span(panel: Panel, mix: Mapping[str, float], first: int, last: int) -> tuple[int, int] | None:
    """Rows of the run on which every symbol of a mix has begun and none has stopped; None below two."""
    if any(s not in panel.column for s in mix):
        return None
    columns = [panel.column[s] for s in mix]
    has = np.isfinite(panel.close[:, columns])
    if not has.any(axis=0).all():
        return None
    begins, stops = int(has.argmax(axis=0).max()), int(panel.last_row[columns].min())
    start, end = max(first, begins), min(last, stops)
    return (start, end) if end > start else None


def _absent(panel: Panel, symbol: str) -> str:
    dates = panel.sessions.dates
    if symbol in panel.column:
        known = np.flatnonzero(np.isfinite(panel.close[:, panel.column[symbol]]))
        span = f"has bars from {dates[known[0]]} to {dates[known[-1]]}" if known.size else "has no bar"
        why = f"the benchmark {symbol} {span}, none within the run"
    else:
        near = get_close_matches(symbol, panel.symbols, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        why = f"the benchmark {symbol} is not in the data{meant}"
    return f"{why}: the equal-weighted universe is the comparison; --benchmark names another symbol"


def _part(panel: Panel, names: list[str], span: tuple[int, int], run: tuple[int, int]) -> str:
    """Note on benchmarks that cover only part of the run."""
    dates = panel.sessions.dates
    said = [f"from {dates[span[0]]}"] if span[0] > run[0] else []
    said += [f"to {dates[span[1]]}"] if span[1] < run[1] else []
    return (
        f"the benchmarks {' and '.join(names)} have data {' '.join(said)} only: they are measured over those sessions, "
        "with the account's figures over the same ones beside them"
    )


def _about(panel: Panel, mix: Mapping[str, float], span: tuple[int, int]) -> Iterator[str]:
    """Notes on a benchmark: an index, gaps, no certification."""
    for symbol in mix:
        column = panel.column[symbol]
        if _index(panel, symbol):
            yield f"the benchmark {symbol} is a price index: no dividends, no costs, not investable"
        lacking = int(np.count_nonzero(~np.isfinite(panel.close[span[0] : span[1] + 1, column])))
        if lacking:
            yield (
                f"the benchmark {symbol} has no bar on {lacking} of the {span[1] - span[0] + 1} sessions of its span: "
                "its last close is used for them"
            )
        state = next((c.state for c in panel.certifications if c.symbol == symbol), "")
        if state == "QUARANTINED" or (state == "DEGRADED" and not _index(panel, symbol)):
            yield f"the benchmark {symbol} is {state}: see 'plimsoll verify status'"
