"""Core trend: the trend signal table on a few broad assets (S2, S3)."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.alpha.rules import Signal, bid, keep, score_confidence, trend_score, trend_signal
from plimsoll.core.forecast import Forecast, Holding
from plimsoll.core.panel import View
from plimsoll.core.policy import Policy


class CoreTrend:
    """Bids for those of ``strategies.trend_symbols`` in an uptrend, keeps those without a signal, sells the rest."""

    name = "core_trend"

    def forecast(self, view: View, holding: Holding, policy: Policy) -> Sequence[Forecast]:
        """One forecast per eligible symbol to buy or keep; a SELL signal makes no forecast, hence no bid (A1)."""
        columns = view.column
        eligible = view.now("eligible")
        made: list[Forecast] = []
        for symbol in policy.strategies.trend_symbols:
            column = columns.get(symbol)
            if column is not None and eligible[column] == 1.0:
                said = _judge(view, column, symbol, holding.weights.get(symbol, 0.0), policy)
                if said is not None:
                    made.append(said)
        return made

    def trades(self, policy: Policy) -> Sequence[str]:
        """``strategies.trend_symbols``."""
        return policy.strategies.trend_symbols

    def explain(self, view: View, symbol: str, policy: Policy) -> str:
        """The signal, the figures of the rule that gave it, and its consequence (S2)."""
        if symbol not in policy.strategies.trend_symbols:
            return f"trades only {', '.join(policy.strategies.trend_symbols)}."
        column = view.column[symbol]
        if view.now("eligible")[column] != 1.0:
            return f"{symbol} may not be bid for yet."
        z, signal = _signal(view, column, policy)
        return f"reads {signal}: {_read(view, z, signal, policy)}."


def _judge(view: View, column: int, symbol: str, held: float, policy: Policy) -> Forecast | None:
    volatility = float(view.now("volatility_60")[column])
    z, signal = _signal(view, column, policy)
    confidence, reason = score_confidence(z, policy), f"{signal}: z60 {z:+.2f}"
    if signal in ("STRONG_BUY", "BUY"):
        return bid(symbol, z, volatility, confidence, reason, policy)
    if signal == "HOLD":
        return keep(symbol, z, volatility, confidence, held, reason, policy)
    return None


def _signal(view: View, column: int, policy: Policy) -> tuple[float, Signal]:
    """z60 and the trend signal (S2)."""
    z = trend_score(float(view.now("momentum_60")[column]), float(view.now("volatility_60")[column]))
    signal = trend_signal(
        z,
        price=float(view.now("price")[column]),
        sma_20=float(view.now("sma_20")[column]),
        sma_50=float(view.now("sma_50")[column]),
        sma_200=float(view.now("sma_200")[column]),
        momentum_120=float(view.now("momentum_120")[column]),
        vix_or_proxy=float(view.now("regime.vix_or_proxy")),
        policy=policy,
    )
    return z, signal


def _read(view: View, z: float, signal: Signal, policy: Policy) -> str:
    """The condition that decided, with its figures, and the consequence (S2)."""
    strong, weak = policy.strategies.score_strong, policy.strategies.score_weak
    match signal:
        case "STRONG_SELL":
            return f"z60 {z:+.2f} is below {-strong:+.2f} and the price below its 200-session average; no bid"
        case "SELL":
            low = f"z60 {z:+.2f} is below {-weak:+.2f}" if z < -weak else "the price is below its 50-session average"
            return f"{low}; no bid"
        case "STRONG_BUY":
            vix_or_proxy = float(view.now("regime.vix_or_proxy"))
            return (
                f"z60 {z:+.2f} is above {strong:+.2f}, the price above its 50- and 200-session averages, momentum over "
                f"120 sessions positive and VIX {vix_or_proxy:.1f} below {policy.forecast.vix_high:g}; a bid"
            )
        case "BUY":
            return f"z60 {z:+.2f} is above {weak:+.2f} and the price above its 20-session average; a bid"
    return f"z60 {z:+.2f} gives neither a purchase nor a sale; a position is kept, without adding"
