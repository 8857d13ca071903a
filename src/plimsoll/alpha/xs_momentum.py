"""Cross-sectional momentum: the strongest symbols, or defensive assets when those are weak (S3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.alpha.rules import bid, keep, rank_score, score_confidence
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import Floats, View
from plimsoll.core.policy import Policy


class CrossSectionalMomentum:
    """Ranks eligible symbols by 12-1 momentum: bids for the top, keeps the middle, sells the bottom.

    It bids for a top symbol only above its 200-day average. When more than half of the top group is below, it turns
    defensive: it bids only for the safe havens, each if above its own average.
    """

    name = "xs_momentum"

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Sequence[Forecast]:
        """Forecasts at the auction's horizon; confidence is the percentile rank, for a haven that of its score (S1)."""
        table = _rank(view)
        if not table.columns.size:
            return []
        above = view.now("price") > view.now("sma_200")
        if _defends(view, table, policy):
            return _defence(view, table, above, policy)
        return _ranked(view, table, above, holding, policy)

    def explain(self, view: View, symbol: str, policy: Policy) -> str:
        """The symbol's rank and group, whether it is above its average, and the consequence."""
        table = _rank(view)
        places = table.columns.tolist()
        column = view.column[symbol]
        if column not in places:
            return f"{symbol} is not ranked: it may not be bid for yet, or has less than a year of prices."
        rank = places.index(column) + 1
        where = f"rank {rank} of {len(places)} from the weakest by 12-1 momentum"
        side = "above" if view.now("price")[column] > view.now("sma_200")[column] else "not above"
        if _defends(view, table, policy):
            havens = " and ".join(policy.strategies.havens)
            fate = "a bid" if symbol in policy.strategies.havens and side == "above" else "no bid"
            return (
                f"defends, because more than half of its top group is below its 200-session average: only {havens} may "
                f"bid, each above its own; {symbol} ({where}) is {side} it: {fate}."
            )
        share, policies = rank / len(places), policy.strategies
        if share > round(1.0 - policies.top_share, 12):
            return (
                f"{where}, in the top group and {side} its 200-session average: {'a' if side == 'above' else 'no'} bid."
            )
        if share > policies.bottom_share:
            return f"{where}, in the middle group: a position is kept without adding."
        return f"{where}, in the bottom group: avoided, no bid."


@dataclass(frozen=True, eq=False, slots=True)
class _Table:
    """``columns`` (n,) of the ranked symbols by ascending momentum; ``share`` (n,) rank / n; ``volatility`` (N,)."""

    columns: NDArray[np.intp]
    share: Floats
    volatility: Floats


def _rank(view: View) -> _Table:
    """Eligible symbols with 12-1 momentum, weakest first; ties by symbol."""
    momentum = view.now("momentum_12_1")
    able = np.flatnonzero((view.now("eligible") == 1.0) & np.isfinite(momentum))
    names = np.array(view.symbols)[able]
    columns = able[np.lexsort((names, momentum[able]))]
    return _Table(columns, np.arange(1, columns.size + 1) / max(columns.size, 1), view.now("volatility_60"))


def _defends(view: View, table: _Table, policy: Policy) -> bool:
    """True when more than half of the top group is below its own 200-day average."""
    price, average = view.now("price"), view.now("sma_200")
    top = table.columns[table.share > round(1.0 - policy.strategies.top_share, 12)]
    below = ~(price[top] >= average[top])  # an unknown average counts as below
    return 2 * int(below.sum()) > top.size


def _ranked(view: View, table: _Table, above: NDArray[np.bool_], holding: Holding, policy: Policy) -> list[Forecast]:
    count, symbols, weights = table.columns.size, view.symbols, holding.weights
    top, bottom = round(1.0 - policy.strategies.top_share, 12), policy.strategies.bottom_share
    made: list[Forecast | None] = []
    for rank, column in enumerate(table.columns.tolist(), start=1):
        symbol, share = symbols[column], rank / count
        if share > top:
            if above[column]:
                volatility = float(table.volatility[column])
                made.append(
                    bid(symbol, rank_score(rank, count), volatility, share, f"TOP: rank {rank}/{count}", policy)
                )
        elif share > bottom and weights.get(symbol, 0.0) > 0.0:
            volatility, reason = float(table.volatility[column]), f"KEEP: rank {rank}/{count}"
            made.append(keep(symbol, rank_score(rank, count), volatility, share, weights[symbol], reason, policy))
    return [forecast for forecast in made if forecast is not None]


def _defence(view: View, table: _Table, above: NDArray[np.bool_], policy: Policy) -> list[Forecast]:
    """Bids for the havens above their own average, with at least the score of defence."""
    eligible, count, least = view.now("eligible"), table.columns.size, policy.strategies.score_defence
    ranks = {column: rank for rank, column in enumerate(table.columns.tolist(), start=1)}
    made: list[Forecast] = []
    for symbol in policy.strategies.havens:
        column = view.column.get(symbol)
        if column is None or eligible[column] != 1.0 or not above[column]:
            continue
        z = max(rank_score(ranks[column], count), least) if column in ranks else least
        volatility, reason = float(table.volatility[column]), "DEFENCE: the top group is below its 200-day average"
        said = bid(symbol, z, volatility, score_confidence(z, policy), reason, policy)
        if said is not None:
            made.append(said)
    return made
