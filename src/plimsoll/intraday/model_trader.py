"""One symbol's model: from the end of a bar to the order it proposes to the governor (H3, H4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.alpha.advice import Advice
from plimsoll.alpha.observation import AccountView, market, observe
from plimsoll.core.intraday import Floats, IntradayBars
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT, ONE
from plimsoll.governor.checks import with_reserve
from plimsoll.governor.governor import Governor
from plimsoll.governor.limits import SECOND, WHOLE, GovernorLimits
from plimsoll.governor.sizing import Conditions, rules_of, size


@dataclass(frozen=True, slots=True)
class Wish:
    """An order wanted, or none (quantity 0), with the model's advice and the codes of what shrank or stopped it."""

    advice: Advice
    sign: int
    quantity: int
    reasons: tuple[str, ...]


class ModelTrader:
    """Calls a model for one symbol and sizes its answer. Long only: SELL closes the position."""

    def __init__(
        self, ask: Callable[[Floats], Advice], bars: IntradayBars, policy: Policy, limits: GovernorLimits
    ) -> None:
        self._ask, self._bars, self._limits = ask, bars, limits
        self._seen = market(bars, policy.sizing)
        self._rules = rules_of(policy, limits.loss)
        self._confidence = policy.forecast.confidence_min
        self._cost = 0.0  # average of what is held, USD

    def wish(self, governor: Governor, row: int) -> Wish:
        """The model's action at the end of a bar, given the account as the governor counts it."""
        symbol = self._bars.symbol
        advice = self._ask(observe(self._seen, row, self._account(governor)))
        sign = {"BUY": 1, "SELL": -1}.get(advice.action, 0)
        held = governor.positions.get(symbol, 0)
        if sign == 0:
            return Wish(advice, 0, 0, advice.reasons)
        if sign < 0 and held <= 0:
            return Wish(advice, 0, 0, ("LONG_ONLY",))
        if sign > 0 and not advice.confidence >= self._confidence:
            return Wish(advice, 0, 0, ("LOW_CONFIDENCE",))
        working = sum(o.rest for o in governor.orders.values() if o.symbol == symbol and o.sign == sign)
        found = size(sign, held, working, self._conditions(governor, row), self._rules)
        return Wish(advice, sign, found.quantity, found.reasons)

    def filled(self, sign: int, quantity: int, price: int, held: int) -> None:
        """Keep the average cost of a long position; ``held`` is the position before the fill."""
        if sign > 0 and held >= 0:
            self._cost = (self._cost * held + price / ONE * quantity) / (held + quantity)

    def _account(self, governor: Governor) -> AccountView:
        symbol, limits = self._bars.symbol, self._limits
        quote, held = governor.quotes.get(symbol), governor.positions.get(symbol, 0)
        mid = (quote.bid + quote.ask) / 2.0 if quote else math.nan
        value = held * mid / CENT if held else 0.0 * mid
        return AccountView(
            spread=(quote.ask - quote.bid) / mid if quote else math.nan,
            position=value / limits.position_of(symbol) if limits.position_of(symbol) else math.nan,
            position_return=mid / ONE / self._cost - 1.0 if held and self._cost else 0.0 * mid,
            loss=governor.loss / CENT / limits.loss if limits.loss else math.nan,
            turnover_left=governor.headroom(symbol)["turnover"] / limits.turnover if limits.turnover else math.nan,
            stage=governor.stage,
        )

    def _conditions(self, governor: Governor, row: int) -> Conditions:
        bars, symbol = self._bars, self._bars.symbol
        quote = governor.quotes.get(symbol)
        known = int(bars.start[row]) + bars.step
        return Conditions(
            price=with_reserve(quote.ask, self._limits) if quote else 0,
            atr=_up(self._seen.atr[row], ONE),
            rank=_up(self._seen.rank[row], WHOLE),
            stage=governor.stage,
            since_open=(known - int(bars.opened[row])) * SECOND,
            to_close=(int(bars.closes[row]) - known) * SECOND,
            headroom=governor.headroom(symbol),
        )


def _up(value: float, scale: int) -> int | None:
    """A figure as a whole number, rounded up, which is towards the smaller size; None when it is not finite."""
    return math.ceil(value * scale) if math.isfinite(value) else None
