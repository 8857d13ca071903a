"""Core trend: the rule table of S2 on a few broad assets (S3)."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.alpha.rules import bid, keep, score_confidence, trend_score, trend_signal
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy


class CoreTrend:
    """Bids for ``strategies.trend_symbols`` that trend up, keeps those without a signal, leaves the rest."""

    name = "core_trend"

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Sequence[Forecast]:
        """One forecast per eligible symbol to buy or to keep; a SELL is no forecast, hence no bid (A1)."""
        columns = view.history.panel.column
        eligible = view.now("eligible")
        made: list[Forecast] = []
        for symbol in policy.strategies.trend_symbols:
            column = columns.get(symbol)
            if column is not None and eligible[column] == 1.0:
                said = _judge(view, column, symbol, holding.weights.get(symbol, 0.0), policy)
                if said is not None:
                    made.append(said)
        return made


def _judge(view: View, column: int, symbol: str, held: float, policy: Policy) -> Forecast | None:
    volatility = float(view.now("volatility_60")[column])
    z = trend_score(float(view.now("momentum_60")[column]), volatility)
    signal = trend_signal(
        z,
        price=float(view.now("price")[column]),
        sma_20=float(view.now("sma_20")[column]),
        sma_50=float(view.now("sma_50")[column]),
        sma_200=float(view.now("sma_200")[column]),
        momentum_120=float(view.now("momentum_120")[column]),
        fear=float(view.now("regime.fear")),
        policy=policy,
    )
    confidence, reason = score_confidence(z, policy), f"{signal}: z60 {z:+.2f}"
    if signal in ("STRONG_BUY", "BUY"):
        return bid(symbol, z, volatility, confidence, reason, policy)
    if signal == "HOLD":
        return keep(symbol, z, volatility, confidence, held, reason, policy)
    return None
