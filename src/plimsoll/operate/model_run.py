"""A model over recorded intraday bars: observation, model, sizing, governor, simulated fills, costs (H3, H4).

An order is decided on at a bar's end, at a quote around its close whose half-spread is the cost model's slippage, and
fills whole at the next bar's open of the same session; what has no next bar is cancelled. Slippage and impact move the
price, commission is paid beside it (C1). It is a simulation on bars: nobody could have traded at exactly these prices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import numpy as np

from plimsoll.alpha.advice import ACTIONS, Advice
from plimsoll.core.dates import iso_day
from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument
from plimsoll.core.intraday import Floats, IntradayBars
from plimsoll.core.money import cents, dollars
from plimsoll.core.policy import Policy
from plimsoll.core.quantity import CENT, ONE
from plimsoll.costs.model import commission_of, estimate
from plimsoll.market import minutes
from plimsoll.operate.model_trader import ModelTrader
from plimsoll.risk.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.risk.governor_limits import SECOND, WHOLE, Jumps, limits_of
from plimsoll.store.governor_memory import MemoryStateStore

LABEL = (
    "SIMULATED FILLS at the next bar's open, priced by the cost model; shows what governor and costs make of a model, "
    "not what it would earn."
)


class ModelRun(msgspec.Struct, frozen=True):
    """What a model did over recorded bars. Money is text in dollars; ``pnl`` is after all costs.

    ``answers`` counts what the model said, ``faults`` why it was HOLD though it had said something else or nothing,
    ``held_back`` what stopped or shrank an order before the governor, ``refused`` what the governor said.
    """

    label: str
    model: str
    sha256: str
    profile: str
    symbol: str
    source: str
    step: int
    first: str
    last: str
    sessions: int
    bars: int
    dropped: dict[str, int]
    answers: dict[str, int]
    faults: dict[str, int]
    held_back: dict[str, int]
    orders: int
    admitted: int
    refused: dict[str, int]
    filled: int
    cancelled: int
    turnover: str
    commission: str
    slippage: str
    pnl: str
    pnl_before_costs: str
    worst_session: str
    worst_drawdown: str
    held_at_end: str
    stages: dict[str, int]


@dataclass(slots=True)
class _Ledger:
    """Whole numbers of 1e-24 USD; ``held`` in 1e-12 units."""

    cash: int
    held: int = 0
    mid: int = 0  # 1e-12 USD
    turnover: int = 0
    commission: int = 0
    slippage: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)

    @property
    def equity(self) -> int:
        return self.cash + self.held * self.mid


def run(
    policy: Policy,
    bars: IntradayBars,
    instrument: Instrument,
    advise: Callable[[Floats], Advice],
    *,
    named: tuple[str, str] = ("", ""),
    source: str = "",
    dropped: dict[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ModelRun:
    """Run a model over all bars, session by session, on an account of the policy's capital.

    Parameters
    ----------
    advise : asks the model about a (26,) observation.
    named : the model's name and the SHA-256 of its file.

    Raises
    ------
    InputError : there are no bars, or a price jumps further than anything explains.
    """
    if len(bars) == 0:
        raise InputError(f"no bars of {bars.symbol} are left to run over", "Give a longer span or another file")
    limits = limits_of(policy)
    _believe(bars, limits.jumps)
    governor = Governor(MemoryStateStore(), limits)
    trader = ModelTrader(advise, bars, policy, limits)
    costs = _costs(bars, instrument, policy)
    ledger = _Ledger(cents(policy.account.capital) * CENT)
    start, ends = ledger.equity, []
    edges = [*np.flatnonzero(bars.first_of_session).tolist(), len(bars)]
    for done, (first, last) in enumerate(pairwise(edges), start=1):
        governor.begin(int(bars.day[first]), max(ledger.equity // CENT, 1))
        _session(range(first, last), bars, governor, trader, costs, ledger)
        ends.append(ledger.equity)
        ledger.stages[governor.stage] += 1
        if progress is not None:
            progress(done, len(edges) - 1)
    paid = ledger.commission + ledger.slippage
    equity = np.array([start, *ends], dtype=np.float64) / CENT
    return ModelRun(
        label=LABEL,
        model=named[0],
        sha256=named[1],
        profile=policy.profile,
        symbol=bars.symbol,
        source=source,
        step=bars.step,
        first=iso_day(int(bars.day[0])),
        last=iso_day(int(bars.day[-1])),
        sessions=len(ends),
        bars=len(bars),
        dropped=dict(dropped or {}),
        answers={action: ledger.answers[action] for action in ACTIONS},
        faults=dict(sorted(ledger.faults.items())),
        held_back=dict(sorted(ledger.held_back.items())),
        orders=ledger.counts["orders"],
        admitted=ledger.counts["admitted"],
        refused=dict(sorted(ledger.refused.items())),
        filled=ledger.counts["filled"],
        cancelled=ledger.counts["cancelled"],
        turnover=_usd(ledger.turnover),
        commission=_usd(ledger.commission),
        slippage=_usd(ledger.slippage),
        pnl=_usd(ends[-1] - start),
        pnl_before_costs=_usd(ends[-1] - start + paid),
        worst_session=dollars(int(np.diff(equity).min())),
        worst_drawdown=dollars(int((np.maximum.accumulate(equity) - equity).max())),
        held_at_end=f"{ledger.held / ONE:g}",
        stages=dict(sorted(ledger.stages.items())),
    )


@dataclass(frozen=True, slots=True)
class _Costs:
    """Of a trade at a bar: ``commission`` of (USD, units, side) and ``slippage`` as fractions, ``impact`` with whether
    liquidity is known (C1, C2).
    """

    commission: Callable[[float, float, int], float]
    slippage: float
    impact: Callable[[int, float], tuple[float, bool]]


def _costs(bars: IntradayBars, instrument: Instrument, policy: Policy) -> _Costs:
    """The one cost model, with ADV and volatility of the sessions before the one that trades."""
    kind = policy.costs.kinds.get(instrument.kind)
    if kind is None:
        raise InputError(
            f"{instrument.symbol} is of kind {instrument.kind}, which nothing trades", "Give another symbol"
        )
    first = bars.first_of_session
    edges = np.flatnonzero(first)
    money = np.add.reduceat(bars.volume * (1.0 if instrument.volume_unit == "quote" else bars.close), edges)
    moved = np.abs(bars.close[np.append(edges[1:], len(bars)) - 1] / bars.open[edges] - 1.0)
    session = np.cumsum(first) - 1
    window = policy.costs.adv_sessions

    def impact(row: int, notional: float) -> tuple[float, bool]:
        now = int(session[row])
        past = slice(max(now - window, 0), now)
        adv = float(money[past].mean()) if now else np.nan
        sigma = float(np.sqrt((moved[past] ** 2).mean())) if now else np.nan
        q, depth, moves = (np.array([value]) for value in (notional, adv, sigma))
        found = estimate((instrument.kind,), q, depth, moves, 0, policy.costs, (instrument.symbol,))
        total = float(found.slippage[0]) + float(found.impact[0]) - kind.slippage
        return max(total, 0.0), bool(found.known[0])

    def commission(notional: float, units: float, side: int) -> float:
        return commission_of(instrument.kind, notional, units, side, policy.costs)

    return _Costs(commission, kind.slippage, impact)


def _session(
    rows: range, bars: IntradayBars, governor: Governor, trader: ModelTrader, costs: _Costs, ledger: _Ledger
) -> None:
    waiting: list[OrderIntent] = []
    for row in rows:
        for intent in waiting:
            _fill(intent, row, bars, governor, trader, costs, ledger)
        waiting = []
        at = (int(bars.start[row]) + bars.step) * SECOND
        _quote(row, at, bars, governor, costs, ledger)
        wish = trader.wish(governor, row)
        ledger.answers[wish.advice.action] += 1
        ledger.faults.update(wish.advice.reasons)
        ledger.held_back.update(() if wish.advice.reasons else wish.reasons)
        if not wish.quantity:
            continue
        notional = wish.quantity * governor.quotes[bars.symbol].ask / (CENT * 100)
        if wish.sign > 0 and not costs.impact(row, notional)[1]:
            ledger.held_back["NO_LIQUIDITY_DATA"] += 1
            continue
        intent = OrderIntent(f"r{row}", bars.symbol, wish.sign, wish.quantity, at)
        answer = governor.decide(intent)
        ledger.counts["orders"] += 1
        if answer.decision == "ADMIT":
            ledger.counts["admitted"] += 1
            waiting.append(intent)
        else:
            ledger.refused.update(answer.reasons)
    for intent in waiting:  # nothing fills after the close
        governor.close(intent.id)
        ledger.counts["cancelled"] += 1


def _believe(bars: IntradayBars, jumps: Jumps) -> None:
    """Refuse bars in which a price jumps beyond the bound of its kind: what follows may be of another unit (U6)."""
    bound = jumps.of(bars.symbol) / WHOLE
    found = minutes.unexplained(bars, bound, units=jumps.split_units, near=jumps.split_near_bps / WHOLE)
    if found is None:
        return
    at = datetime.fromtimestamp(found.start, UTC)
    like = f", as a split of {found.split} would look" if found.split else ""
    raise InputError(
        f"{bars.symbol} is unexplained from {at:%Y-%m-%d %H:%M} UTC: the bar stands at {found.ratio:.4g} times the "
        f"close before it{like}, beyond {bound:.0%}",
        "Give bars adjusted for splits, end the span before with --end, or raise the bound of its kind "
        "(governor.jump_…) if the move was real",
    )


def _quote(row: int, at: int, bars: IntradayBars, governor: Governor, costs: _Costs, ledger: _Ledger) -> None:
    """A top of book around the bar's close."""
    ledger.mid = max(round(float(bars.close[row]) * ONE), 2)
    half = min(round(ledger.mid * costs.slippage), ledger.mid - 1)
    governor.quote(bars.symbol, Quote(ledger.mid - half, ledger.mid + half, at))


def _fill(
    intent: OrderIntent,
    row: int,
    bars: IntradayBars,
    governor: Governor,
    trader: ModelTrader,
    costs: _Costs,
    ledger: _Ledger,
) -> None:
    """At the open of a bar, against the order by slippage and impact; commission is paid beside the price."""
    fair, q = max(round(float(bars.open[row]) * ONE), 1), intent.quantity
    away = costs.slippage + costs.impact(row, q * fair / (CENT * 100))[0]
    price = max(fair + intent.sign * round(fair * away), 1)
    governor.fill(Execution(intent.id, f"{intent.id}@{row}", q, price, price))
    trader.filled(intent.sign, q, price, ledger.held)
    usd = q * price / (CENT * 100)
    commission = round(q * price * costs.commission(usd, q / ONE, intent.sign))
    ledger.cash -= intent.sign * q * price + commission
    ledger.held += intent.sign * q
    ledger.turnover += q * price
    ledger.commission += commission
    ledger.slippage += q * abs(price - fair)
    ledger.counts["filled"] += 1


def _usd(value: int) -> str:
    return dollars(round(value / CENT))
