"""Conditions on a policy before a run may start (U7): consistent, and tradable at certified prices.

Pure functions. Each failure names the keys, their values and what to change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from plimsoll.core.dates import SESSIONS_A_YEAR, day_number
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import LIMIT_HORIZON, Policy, VetoPolicy

if TYPE_CHECKING:
    from plimsoll.core.limits import AccountCaps  # brings numpy, which a governor does not need


class Problem(NamedTuple):
    """One inconsistency: the problem and its remedy."""

    text: str
    remedy: str


class Feasibility(msgspec.Struct, frozen=True):
    """The two orders that show a policy can trade: a legal opening buy, and the exit of the largest position."""

    buy_symbol: str
    buy_lots: int
    buy_notional: float
    exit_symbol: str
    exit_lots: int
    exit_notional: float


def validate(policy: Policy, crisis_reachable: Callable[[Policy], float] | None = None) -> None:
    """Prove the policy consistent without looking at a price; ``InputError`` names every failure at once.

    Parameters
    ----------
    crisis_reachable : the largest P(crisis at the outlook) the regime filter can report under a policy (R8);
        absent, reachability is not judged.
    """
    found = list(problems(policy, crisis_reachable))
    if found:
        raise InputError(
            "the policy contradicts itself: " + "; ".join(p.text for p in found), "; ".join(p.remedy for p in found)
        )


def problems(policy: Policy, crisis_reachable: Callable[[Policy], float] | None = None) -> Iterator[Problem]:
    """Every inconsistency of a policy."""
    yield from _ladder(policy)
    yield from _budgets(policy)
    yield from hurdle(policy)
    yield from _regime(policy, crisis_reachable)
    yield from _caps(policy)
    yield from _orders(policy)
    yield from _names(policy)
    yield from _lifecycle(policy)
    yield from _sizing(policy)
    yield from _steps(policy)


def _ladder(policy: Policy) -> Iterator[Problem]:
    ladder = policy.ladder
    names = [r.name for r in ladder.rungs]
    if len(set(names)) < len(names):
        yield Problem(f"ladder.rungs repeat a name: {', '.join(names)}", "Name each rung once")
    for lower, upper in pairwise(ladder.rungs):
        where = f"ladder.rungs {lower.name} ({lower.threshold:g}) and {upper.name} ({upper.threshold:g})"
        if not lower.threshold < upper.threshold:
            yield Problem(f"{where} do not rise", "Give each rung a higher threshold than the one before")
        if upper.level < lower.level:
            yield Problem(f"{where} fall from level {lower.level} to {upper.level}", "Let levels rise with thresholds")
    for rung in ladder.rungs:
        if rung.liquidate and rung.cut < 1.0:
            yield Problem(f"ladder.rungs.{rung.name} liquidates but cuts {rung.cut:g}", "Set its cut to 1")
        if rung.ends_mandate and (rung is not ladder.rungs[-1] or rung.basis != "lifetime" or rung.reentry != "never"):
            yield Problem(
                f"ladder.rungs.{rung.name} ends the mandate but is not the last, on the lifetime peak and final",
                "Put it last with basis lifetime and reentry never",
            )
    if ladder.rungs and ladder.level_1_holds > ladder.rungs[0].threshold:
        yield Problem(
            f"ladder.level_1_holds {ladder.level_1_holds:g} is above the first rung {ladder.rungs[0].threshold:g}",
            "Lower ladder.level_1_holds to the first rung's threshold or below",
        )
    if ladder.flatten_on_panic and not any(r.panic for r in ladder.rungs):
        yield Problem(
            "ladder.flatten_on_panic is on and no rung of ladder.rungs is marked panic: nothing would be flattened",
            "Mark a rung with panic: true, or switch ladder.flatten_on_panic off",
        )
    sizes = ladder.liquidation_sizes
    if list(sizes) != sorted(sizes) or not sizes or sizes[-1] != 1.0 or sizes[0] <= 0.0:
        yield Problem(f"ladder.liquidation_sizes {list(sizes)} do not rise to 1", "Let them rise from above 0 to 1")
    if policy.ladder.halt_size <= 0.0:
        yield Problem("ladder.halt_size is 0: a halt would never end", "Set it above 0")


_STATED = (
    "cvar.budget_10", "cvar.hard_10", "cvar.incremental_fund", "cvar.incremental_other", "cvar.stressed_no_rung",
    "vetoes.profit_mu",
)  # fmt: skip


def _budgets(policy: Policy) -> Iterator[Problem]:
    cvar = policy.cvar
    if policy.auction.horizon != LIMIT_HORIZON:
        yield Problem(
            f"auction.horizon {policy.auction.horizon} is not the horizon of {LIMIT_HORIZON} sessions that "
            f"{', '.join(_STATED)} and the limit on stressed CVaR from ladder.rungs are stated for (U3)",
            f"Set auction.horizon to {LIMIT_HORIZON}",
        )
    yield from _rising(
        "Lower the first or raise the second",
        ("cvar.budget_1", cvar.budget_1, "cvar.hard_1", cvar.hard_1),
        ("cvar.budget_10", cvar.budget_10, "cvar.hard_10", cvar.hard_10),
        ("cvar.budget_1", cvar.budget_1, "cvar.budget_10", cvar.budget_10),
        ("cvar.hard_1", cvar.hard_1, "cvar.hard_10", cvar.hard_10),
        ("cvar.scenarios_min", cvar.scenarios_min, "cvar.window", cvar.window),
    )
    if cvar.volatility == "garch":
        names = ("cvar.garch_rows_min", cvar.garch_rows_min, "cvar.window", cvar.window)
        yield from _rising("Lower the first: EWMA would always be used", names)
    for name, value in (("cvar.budget_1", cvar.budget_1), ("cvar.budget_10", cvar.budget_10)):
        if value <= 0.0:
            yield Problem(f"{name} is 0: nothing could ever be held", f"Set {name} above 0")
    if cvar.drawdown_span <= 0.0:
        yield Problem("cvar.drawdown_span is 0", "Set it above 0")


def hurdle(policy: Policy) -> Iterator[Problem]:
    """A hurdle above half the largest conviction a forecast can express holds only cash (A3)."""
    forecast, auction = policy.forecast, policy.auction
    largest = forecast.z_clip * forecast.ic * math.sqrt(SESSIONS_A_YEAR / auction.horizon)
    if not auction.hurdle_sharpe <= largest / 2:
        yield Problem(
            f"auction.hurdle_sharpe {auction.hurdle_sharpe:g} is above half the largest conviction {largest:.3g} "
            f"(forecast.z_clip {forecast.z_clip:g} x forecast.ic {forecast.ic:g} x sqrt(252 / {auction.horizon})): "
            "the auction would always hold cash",
            f"Set auction.hurdle_sharpe to {largest / 2:.2g} or below",
        )


def _regime(policy: Policy, crisis_reachable: Callable[[Policy], float] | None) -> Iterator[Problem]:
    regime = policy.regime
    for name in ("start", "seed"):
        for row in getattr(regime, name):
            if min(row) < 0.0 or not math.isclose(sum(row), 1.0, abs_tol=1e-9):
                yield Problem(
                    f"regime.{name} row {list(row)} is not a probability row", "Let each row be >= 0 and sum to 1"
                )
    yield from _rising(
        "Set crisis_off below crisis_on",
        ("regime.crisis_off", regime.crisis_off, "regime.crisis_on", regime.crisis_on),
        strict=True,
    )
    if list(regime.medians) != sorted(set(regime.medians)) or list(regime.bands) != sorted(set(regime.bands)):
        yield Problem("regime.medians and regime.bands must rise", "Order them from calm to crisis")
    if min(regime.sigmas) <= 0.0 or min(regime.medians) <= 0.0:
        yield Problem("regime.sigmas and regime.medians must be above 0", "Set them above 0")
    if crisis_reachable is not None:
        ceiling = crisis_reachable(policy)
        if not regime.crisis_on < ceiling:
            yield Problem(
                f"regime.crisis_on {regime.crisis_on:g} can never be reached: with regime.matrix {regime.matrix} "
                f"P(crisis at {regime.outlook}) stays below {ceiling:.3f}",
                f"Set regime.crisis_on below {ceiling:.2f} or choose another regime.matrix",
            )


def _caps(policy: Policy) -> Iterator[Problem]:
    limits, shaping = policy.limits, policy.shaping
    if not limits.cash_min < 1.0:
        yield Problem("limits.cash_min is 1: nothing may be bought", "Lower limits.cash_min")
    caps = {f"limits.assets.{symbol}.max_weight": entry.max_weight for symbol, entry in limits.assets.items()}
    caps |= {
        f"limits.weight_{kind}": getattr(limits, f"weight_{kind}") for kind in ("stock", "fund", "crypto", "other")
    }
    largest = max(caps.values())
    if not largest > 0.0:
        yield Problem("every position cap is 0: nothing may be bought", "Raise limits.weight_… or limits.assets")
    room = min(largest, 1.0 - limits.cash_min, limits.gross_max)
    if not shaping.min_trade <= room * policy.account.capital:
        yield Problem(
            f"shaping.min_trade {shaping.min_trade:g} USD exceeds the largest position {room:.0%} of "
            f"account.capital {policy.account.capital:g} USD",
            "Lower shaping.min_trade or raise account.capital",
        )
    for name, value in (("shaping.trades_max", shaping.trades_max), ("shaping.turnover_max", shaping.turnover_max)):
        if not value > 0:
            yield Problem(f"{name} is 0: the target portfolio could never be reached", f"Raise {name}")
    if not limits.participation_max > 0.0:
        yield Problem("limits.participation_max is 0: nothing may be bought", "Raise limits.participation_max")
    for kind, cost in policy.costs.kinds.items():
        if not cost.commission + cost.slippage <= cost.worst_case:
            yield Problem(
                f"costs.kinds.{kind}: commission and slippage exceed the worst_case {cost.worst_case:g}",
                f"Raise costs.kinds.{kind}.worst_case",
            )


def _orders(policy: Policy) -> Iterator[Problem]:
    """Pairs of thresholds that must be in order."""
    p = policy
    yield from _rising(
        "Put them in rising order",
        ("forecast.vix_elevated", p.forecast.vix_elevated, "forecast.vix_high", p.forecast.vix_high),
        ("forecast.vix_high", p.forecast.vix_high, "forecast.vix_extreme", p.forecast.vix_extreme),
        (
            "correlation.pair_stock_leave",
            p.correlation.pair_stock_leave,
            "correlation.pair_stock",
            p.correlation.pair_stock,
        ),
        (
            "correlation.pair_fund_leave",
            p.correlation.pair_fund_leave,
            "correlation.pair_fund",
            p.correlation.pair_fund,
        ),
        ("correlation.average_leave", p.correlation.average_leave, "correlation.average", p.correlation.average),
        ("correlation.average", p.correlation.average, "correlation.alike", p.correlation.alike),
        (
            "correlation.average_leave",
            p.correlation.average_leave,
            "correlation.alike_leave",
            p.correlation.alike_leave,
        ),
        ("correlation.alike_leave", p.correlation.alike_leave, "correlation.alike", p.correlation.alike),
        ("stops.reduce_default", p.stops.reduce_default, "stops.exit_default", p.stops.exit_default),
        ("stops.reduce_crypto", p.stops.reduce_crypto, "stops.exit_crypto", p.stops.exit_crypto),
        ("limits.gross_freeze_over", p.limits.gross_freeze_over, "limits.gross_halt_over", p.limits.gross_halt_over),
        strict=True,
    )
    yield from _rising(
        "Put them in rising order",
        ("data.rows_degraded", p.data.rows_degraded, "data.rows_active", p.data.rows_active),
        ("data.rows_active", p.data.rows_active, "data.window_sessions", p.data.window_sessions),
        ("vetoes.quality_error", p.vetoes.quality_error, "vetoes.quality_warning", p.vetoes.quality_warning),
        ("strategies.top_share + bottom_share", p.strategies.top_share + p.strategies.bottom_share, "1", 1.0),
    )
    for first, last in p.cvar.stress_windows:
        if not first <= last:
            yield Problem(f"cvar.stress_windows {first} to {last} ends before it starts", "Swap the dates")


def _names(policy: Policy) -> Iterator[Problem]:
    known = VetoPolicy().enabled
    for name in policy.vetoes.enabled:
        if name not in known:
            yield Problem(f"vetoes.enabled names {name!r}, which is not a veto", f"Choose from {', '.join(known)}")
    if not policy.strategies.enabled:
        yield Problem("strategies.enabled is empty: nothing would ever bid", "Name a strategy")


def _lifecycle(policy: Policy) -> Iterator[Problem]:
    """Stages that rise, decay that falls, and valid admissions (G5, G6)."""
    life, health = policy.lifecycle, policy.health
    pairs = (
        ("cap_incubating", "cap_scaling"), ("cap_scaling", "cap_harvesting"), ("sharpe_min", "scaling_sharpe"),
        ("scaling_sharpe", "harvesting_sharpe"), ("scaling_psr", "harvesting_psr"),
        ("scaling_signals", "harvesting_signals"), ("sessions_min", "window"),
    )  # fmt: skip
    yield from _rising(
        "Put them in rising order",
        *((f"lifecycle.{a}", getattr(life, a), f"lifecycle.{b}", getattr(life, b)) for a, b in pairs),
        ("health.forecasts_min", health.forecasts_min, "health.forecasts", health.forecasts),
    )
    yield from _rising(
        "Set age_full below age_zero",
        ("health.age_full", health.age_full, "health.age_zero", health.age_zero),
        strict=True,
    )
    for name, admission in life.admissions.items():
        for date in admission.readmitted:
            try:
                day_number(date)
            except UsageError:
                key = f"lifecycle.admissions.{name}.readmitted"
                yield Problem(f"{key} holds {date!r}, which is not a date", f"Write dates of {key} as YYYY-MM-DD")


def _rising(remedy: str, *rows: tuple[str, float, str, float], strict: bool = False) -> Iterator[Problem]:
    for low_name, low, high_name, high in rows:
        if not (low < high if strict else low <= high):
            relation = "not below" if strict else "above"
            shown = high_name if high_name == f"{high:g}" else f"{high_name} {high:g}"
            yield Problem(f"{low_name} {low:g} is {relation} {shown}", remedy)


def feasible(
    policy: Policy,
    prices: Sequence[float],
    instruments: Sequence[Instrument],
    capital: float,
    caps: Sequence[float],
    account: AccountCaps | None = None,
) -> Feasibility:
    """Prove with the last certified prices that at least one buy and the exit of the largest position are legal.

    Parameters
    ----------
    prices : last traded price per instrument, USD a unit; NaN where there is none.
    capital : USD.
    caps : static weight cap per instrument (kind, S4, universe: the strictest), fraction of NAV.
    account : the account's dollar caps, where a governor is in the path of the orders (H1).

    Returns
    -------
    Feasibility
        The cheapest legal buy, and the exit of the largest position the caps allow. An exit is a reduction: the
        minimum trade, trade count and turnover never block it (R1, A7), so it is legal when it is whole lots of
        something with a price.
    """
    limits, shaping = policy.limits, policy.shaping
    room = min(1.0 - limits.cash_min, limits.gross_max)
    opening: tuple[float, int, int] | None = None  # notional, column, lots
    largest: tuple[float, int, int] | None = None
    for column, (price, instrument, cap) in enumerate(zip(prices, instruments, caps, strict=True)):
        lot = price / instrument.lots_per_unit
        if not (instrument.tradable and math.isfinite(lot) and lot > 0.0):
            continue
        position, order = _dollars(account, column)
        most = math.floor(min(min(cap, room) * capital, position) / lot)
        fewest = max(1, math.ceil(shaping.min_trade / lot))
        turnover = math.floor(min(2.0 * shaping.turnover_max * capital, order) / lot)
        if fewest <= min(most, turnover) and (opening is None or fewest * lot < opening[0]):
            opening = (fewest * lot, column, fewest)
        if most >= 1 and (largest is None or most * lot > largest[0]):
            largest = (most * lot, column, most)
    if opening is None or largest is None or shaping.trades_max < 1:
        if account is not None:
            feasible(policy, prices, instruments, capital, caps)  # without them: where this is legal, they are why not
            raise _capped(policy, prices, instruments, account)
        raise _infeasible(policy, prices, instruments, capital, caps)
    return Feasibility(
        instruments[opening[1]].symbol, opening[2], opening[0], instruments[largest[1]].symbol, largest[2], largest[0]
    )


def _dollars(account: AccountCaps | None, column: int) -> tuple[float, float]:
    """The account's caps on a position and on one order of it, USD; a turnover keeps a reserve for a price move."""
    if account is None:
        return math.inf, math.inf
    position = float(account.position[column])
    return position, min(account.trade, account.turnover / (1.0 + account.reserve))


def _capped(
    policy: Policy, prices: Sequence[float], instruments: Sequence[Instrument], account: AccountCaps
) -> InputError:
    """No buy fits the account's dollar caps: the nearest, and the caps that it would need."""
    least = policy.shaping.min_trade
    lots = [p / i.lots_per_unit for p, i in zip(prices, instruments, strict=True)]
    needed, symbol = min(
        (max(1, math.ceil(least / lot)) * lot, i.symbol)
        for lot, i in zip(lots, instruments, strict=True)
        if i.tradable and math.isfinite(lot) and lot > 0.0
    )
    listed = f"; governor.symbols names {', '.join(policy.governor.symbols)}" if policy.governor.symbols else ""
    return InputError(
        f"no buy is legal under the account's dollar caps, which governor.recorded puts before every order: the "
        f"smallest, {needed:.2f} USD of {symbol}, has to fit governor.trade {account.trade:g} USD, governor.turnover "
        f"{account.turnover:g} USD and its position's cap, at most {max(account.position, default=0.0):g} USD{listed}",
        "Raise these caps, lower shaping.min_trade, or turn governor.recorded off",
    )


def _infeasible(
    policy: Policy, prices: Sequence[float], instruments: Sequence[Instrument], capital: float, caps: Sequence[float]
) -> InputError:
    priced = [
        (max(p / i.lots_per_unit, policy.shaping.min_trade) / cap, i, p / i.lots_per_unit, cap)
        for p, i, cap in zip(prices, instruments, caps, strict=True)
        if i.tradable and math.isfinite(p) and p > 0.0 and cap > 0.0
    ]
    if not priced:
        return InputError("no tradable symbol has both a certified price and a cap above 0", "Ingest tradable symbols")
    needed, instrument, lot, cap = min(priced, key=lambda row: row[0])
    return InputError(
        f"no buy is legal with account.capital {capital:g} USD: the nearest, one lot of {instrument.symbol} at "
        f"{lot:.2f} USD, needs its cap of {cap:.1%} (limits) and shaping.min_trade {policy.shaping.min_trade:g} USD "
        "to leave room",
        f"Raise --capital above {needed:.0f} USD, raise the cap or lower shaping.min_trade",
    )


def _sizing(policy: Policy) -> Iterator[Problem]:
    """A more volatile regime may not have a larger size (H3)."""
    s = policy.sizing
    yield from _rising(
        "Lower the first or raise the second",
        ("sizing.volatility_high", s.volatility_high, "sizing.volatility_extreme", s.volatility_extreme),
        ("sizing.extreme_size", s.extreme_size, "sizing.high_size", s.high_size),
        ("sizing.volatility_history_min", s.volatility_history_min, "sizing.volatility_history", s.volatility_history),
    )


def _steps(policy: Policy) -> Iterator[Problem]:
    """Steps of size rise from above 0 (H7)."""
    steps = policy.governor.size_steps
    if not steps or list(steps) != sorted(set(steps)) or steps[0] <= 0:
        yield Problem(f"governor.size_steps {list(steps)} do not rise from above 0", "Let them rise, such as [10, 25]")
