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
from plimsoll.execution.ledger import Ledger
from plimsoll.execution.venues.intraday import BarFill, BarOrder, BarVenue
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, WHOLE, Jumps, limits_of
from plimsoll.intraday.model_trader import ModelTrader
from plimsoll.market import minutes
from plimsoll.store.governor_memory import MemoryStateStore

LABEL = (
    "SIMULATED FILLS at the next bar's open, priced by the cost model; shows what governor and costs make of a model, "
    "not what it would earn."
)


class ModelRun(msgspec.Struct, frozen=True):
    """Result of a model over recorded bars. Money is text in dollars; ``pnl`` is after all costs.

    ``answers`` counts the model's actions, ``faults`` the reasons for HOLD instead of an invalid or missing answer,
    ``held_back`` the reasons that stopped or reduced an order before the governor, ``refused`` the governor's reasons.
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
class _Counts:
    """What a run adds up to beside its account; money in whole numbers of 1e-24 USD."""

    turnover: int = 0
    commission: int = 0
    slippage: int = 0
    orders: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Trading:
    """Who takes part in a session."""

    bars: IntradayBars
    governor: Governor
    trader: ModelTrader
    venue: BarVenue
    counts: _Counts


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
    ledger, counts = Ledger({"USD": cents(policy.account.capital) * CENT}), _Counts()
    venue = BarVenue(bars, instrument, policy.costs, ledger)
    trading = _Trading(bars, governor, trader, venue, counts)
    start, ends = venue.equity, []
    edges = [*np.flatnonzero(bars.first_of_session).tolist(), len(bars)]
    for done, (first, last) in enumerate(pairwise(edges), start=1):
        governor.begin(int(bars.day[first]), max(venue.equity // CENT, 1))
        _session(range(first, last), trading)
        ends.append(venue.equity)
        counts.stages[governor.stage] += 1
        if progress is not None:
            progress(done, len(edges) - 1)
    paid = counts.commission + counts.slippage
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
        answers={action: counts.answers[action] for action in ACTIONS},
        faults=dict(sorted(counts.faults.items())),
        held_back=dict(sorted(counts.held_back.items())),
        orders=counts.orders["orders"],
        admitted=counts.orders["admitted"],
        refused=dict(sorted(counts.refused.items())),
        filled=counts.orders["filled"],
        cancelled=counts.orders["cancelled"],
        turnover=_usd(counts.turnover),
        commission=_usd(counts.commission),
        slippage=_usd(counts.slippage),
        pnl=_usd(ends[-1] - start),
        pnl_before_costs=_usd(ends[-1] - start + paid),
        worst_session=dollars(int(np.diff(equity).min())),
        worst_drawdown=dollars(int((np.maximum.accumulate(equity) - equity).max())),
        held_at_end=f"{ledger.held(bars.symbol) / ONE:g}",
        stages=dict(sorted(counts.stages.items())),
    )


def _session(rows: range, trading: _Trading) -> None:
    bars, governor, venue, counts = trading.bars, trading.governor, trading.venue, trading.counts
    for row in rows:
        for done in venue.open(row):
            _filled(done, trading)
        at = (int(bars.start[row]) + bars.step) * SECOND
        governor.quote(bars.symbol, Quote(*venue.quote(row), at))
        wish = trading.trader.wish(governor, row)
        counts.answers[wish.advice.action] += 1
        counts.faults.update(wish.advice.reasons)
        counts.held_back.update(() if wish.advice.reasons else wish.reasons)
        if not wish.quantity:
            continue
        if wish.sign > 0 and not venue.away(row, wish.quantity * governor.quotes[bars.symbol].ask)[1]:
            counts.held_back["NO_LIQUIDITY_DATA"] += 1
            continue
        order = BarOrder(f"r{row}", wish.sign, wish.quantity)
        answer = governor.decide(OrderIntent(order.id, bars.symbol, order.sign, order.quantity, at))
        counts.orders["orders"] += 1
        if answer.decision == "ADMIT":
            counts.orders["admitted"] += 1
            venue.sent(order)
        else:
            counts.refused.update(answer.reasons)
    for order in venue.close():
        governor.close(order.id)
        counts.orders["cancelled"] += 1


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


def _filled(done: BarFill, trading: _Trading) -> None:
    """Report a fill to governor and trader, and count it; the venue has booked it."""
    order, counts = done.order, trading.counts
    trading.governor.fill(Execution(order.id, done.execution, order.quantity, done.price, done.price))
    trading.trader.filled(order.sign, order.quantity, done.price, done.held)
    counts.turnover += done.value
    counts.commission += done.commission
    counts.slippage += done.moved
    counts.orders["filled"] += 1


def _usd(value: int) -> str:
    return dollars(round(value / CENT))
