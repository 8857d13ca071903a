"""A strategy of your own in one file: the equity benchmark above its 200-day average, a haven below it.

Run it beside or instead of the built-in ones:

    plimsoll backtest --strategy examples/my_strategy.py

``docs/strategies.md`` explains what a strategy may see and what becomes of its forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.alpha.rules import bid, keep, score_confidence, trend_score
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy


class BenchmarkOrHaven:
    """Bids for the benchmark while its price is above the 200-day average, else for the first haven."""

    name = "benchmark_or_haven"  # appears in bids, journal and reports

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Sequence[Forecast]:
        """At most one bid. The auction, the gates and the vetoes decide what becomes of it."""
        columns = view.column
        eligible, price, average = view.now("eligible"), view.now("price"), view.now("sma_200")
        volatility, momentum = view.now("volatility_60"), view.now("momentum_60")

        for symbol in (policy.backtest.benchmark, *policy.strategies.havens):
            column = columns.get(symbol)
            # ask for what must be shown: a comparison with NaN is False, so missing data never bids
            if column is None or eligible[column] != 1.0 or not price[column] > average[column]:
                continue
            z = trend_score(float(momentum[column]), float(volatility[column]))
            confidence = score_confidence(z, policy)
            if z > 0.0:  # the score becomes an expected return: IC x sigma x z
                said = bid(symbol, z, float(volatility[column]), confidence, "above its 200-day average", policy)
            else:  # above the average but falling: hold what there is, buy nothing
                held = holding.weights.get(symbol, 0.0)
                said = keep(symbol, z, float(volatility[column]), confidence, held, "resting above its average", policy)
            return [] if said is None else [said]
        return []
