"""The policy: the only home of thresholds (U7).

Every field is a default of the ``core`` profile and carries its unit, horizon or basis and its origin (a rule of
the specification) as metadata, which ``config show``, ``config schema`` and ``docs/rules.md`` read. Unknown
keys are errors. Fractions are of NAV unless the unit says otherwise; horizons are sessions (U3).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec

from plimsoll.core.policy_data import DataPolicy as DataPolicy
from plimsoll.core.policy_data import Freshness as Freshness
from plimsoll.core.policy_execution import ExecutionPolicy as ExecutionPolicy
from plimsoll.core.policy_fields import Section, count, fraction, meta
from plimsoll.core.policy_governor import GovernorPolicy as GovernorPolicy
from plimsoll.core.policy_governor import ModelPolicy as ModelPolicy
from plimsoll.core.policy_governor import SizingPolicy as SizingPolicy
from plimsoll.core.policy_paper import PaperPolicy as PaperPolicy


class Account(Section, frozen=True, kw_only=True):
    """The account and its starting capital."""

    capital: Annotated[float, meta("USD", "U8", "Starting capital of a backtest or paper account", gt=0, le=1e12)] = 100_000.0


class BacktestPolicy(Section, frozen=True, kw_only=True):
    """How a backtest treats the certified panel."""

    min_rows: Annotated[int, count("D11", "Prior rows before a symbol may trade (1260 is the strict option)", "rows")] = 252
    operator: Annotated[Literal["simulated", "never"], meta("choice", "R5", "Approver of re-entries in a backtest")] = "simulated"
    benchmark: Annotated[str, meta("symbol", "D19", "Equity benchmark; optional")] = "SPY"
    benchmark_carried: Annotated[int, count("D19", "Sessions after the benchmark's last bar for which its volatility still replaces VIX")] = 5
    vix: Annotated[str, meta("symbol", "D19", "Volatility index; optional")] = "^VIX"


class CashPolicy(Section, frozen=True, kw_only=True):
    """Interest on idle cash (U4)."""

    series: Annotated[str, meta("macro series, percent a year", "U4")] = "DGS3MO"
    spread: Annotated[float, fraction("U4", "Subtracted from the bill rate; never below zero in total", "annual rate")] = 0.005


class ForecastPolicy(Section, frozen=True, kw_only=True):
    """From a score to an expected return (S1), and the effect of confidence and VIX on increases (S2)."""

    ic: Annotated[float, fraction("S1", "Information coefficient of an uncertified rule", "correlation")] = 0.05
    z_clip: Annotated[float, meta("standard deviations", "S1", gt=0)] = 2.0
    holding_sessions: Annotated[int, count("S1", "Expected holding of the rule strategies")] = 63
    confidence_min: Annotated[float, fraction("S2", "Below it no increase", "confidence")] = 0.50
    vix_elevated: Annotated[float, meta("VIX points", "S2")] = 20.0
    vix_high: Annotated[float, meta("VIX points", "S2", "Above it the session's increases are halved")] = 30.0
    vix_extreme: Annotated[float, meta("VIX points", "S2", "At or above it only reductions pass")] = 40.0


class StrategyPolicy(Section, frozen=True, kw_only=True):
    """Strategies in use and their symbols (S3)."""

    enabled: Annotated[tuple[str, ...], meta("strategy names", "S3")] = ("core_trend", "xs_momentum")
    trend_symbols: Annotated[tuple[str, ...], meta("symbols", "S3")] = ("GLD", "SPY", "QQQ", "BTC-USD")
    havens: Annotated[tuple[str, ...], meta("symbols", "S3", "Defence and safe-haven assets")] = ("GLD", "TLT")
    score_strong: Annotated[float, meta("standard deviations of 60-session momentum", "S2", "Score beyond which a trend signal is strong", gt=0)] = 1.0
    score_weak: Annotated[float, meta("standard deviations of 60-session momentum", "S2", "Score beyond which there is a trend signal", gt=0)] = 0.25
    score_defence: Annotated[float, meta("standard deviations", "S1", "Least score a defence asset bids with", gt=0)] = 1.0
    top_share: Annotated[float, fraction("S3", "Cross-sectional share held long", "fraction of ranks")] = 0.30
    bottom_share: Annotated[float, fraction("S3", "Cross-sectional share avoided", "fraction of ranks")] = 0.30


class AssetLimits(Section, frozen=True, kw_only=True):
    """Limits of one symbol (S4). ``volatility_target`` is annual, the upper end of its range."""

    max_weight: Annotated[float, fraction("S4")]
    volatility_target: Annotated[float | None, meta("annual volatility", "S4")] = None
    stop: Annotated[float | None, meta("loss from average cost", "S4")] = None


def _table() -> dict[str, AssetLimits]:
    rows: dict[str, tuple[float, float | None, float | None]] = {
        "GLD": (0.50, 0.12, 0.12), "SPY": (0.40, 0.15, 0.12), "QQQ": (0.30, 0.18, 0.12),
        "BTC-USD": (0.15, 0.25, 0.18), "SLV": (0.15, None, None), "XLK": (0.20, None, None),
        "XLF": (0.15, None, None), "XLE": (0.15, None, None), "XLV": (0.15, None, None),
        "TLT": (0.30, None, None), "TIP": (0.15, None, None), "EFA": (0.20, None, None),
        "EEM": (0.15, None, None), "DBC": (0.15, None, None), "VNQ": (0.15, None, None),
    }  # fmt: skip
    return {s: AssetLimits(max_weight=w, volatility_target=v, stop=stop) for s, (w, v, stop) in rows.items()}


class LimitPolicy(Section, frozen=True, kw_only=True):
    """Caps by kind (A4) and on the whole portfolio (A3)."""

    plain_symbols_are: Annotated[Literal["fund", "stock"], meta("kind", "D2", "Kind of a symbol without suffix or universe entry")] = "fund"
    gross_max: Annotated[float, meta("fraction of NAV", "A4", "Above 1 would need borrowed cash, which is not supported", gt=0, le=1.0)] = 1.0
    gross_freeze_over: Annotated[float, fraction("R3", "Gross exposure above gross_max by this much freezes new risk")] = 0.02
    gross_halt_over: Annotated[float, fraction("R3", "… by this much halts")] = 0.10
    cash_min: Annotated[float, fraction("A3")] = 0.05
    weight_stock: Annotated[float, fraction("A4")] = 0.10
    weight_sector: Annotated[float, fraction("A4", "Single stocks of one sector together")] = 0.15
    weight_fund: Annotated[float, fraction("S4", "A fund without an entry")] = 0.15
    weight_crypto: Annotated[float, fraction("A4")] = 0.15
    weight_other: Annotated[float, fraction("A4", "fx and futures")] = 0.10
    participation_max: Annotated[float, fraction("A3", "Change of a position", "fraction of ADV")] = 0.01
    assets: Annotated[dict[str, AssetLimits], meta("per symbol", "S4")] = msgspec.field(default_factory=_table)


class AuctionPolicy(Section, frozen=True, kw_only=True):
    """The capital auction (A1-A7)."""

    schedule: Annotated[Literal["month_end", "week_end", "daily"], meta("choice", "A7", "Besides the first session of a run")] = "month_end"
    horizon: Annotated[int, meta("sessions", "U3", ge=2)] = 10
    hurdle_sharpe: Annotated[float, meta("annual Sharpe", "A3", ge=0)] = 0.1
    confidence: Annotated[float, meta("probability", "U3", gt=0.5, lt=1)] = 0.95
    decay_min: Annotated[float, fraction("A1", "Model decay below which a bid is refused", "factor")] = 0.3
    limit_slack: Annotated[float, meta("relative", "A3", "Solve to limit x (1 - slack)", ge=0, lt=1e-3)] = 1e-6
    time_decay: Annotated[float, meta("annual rate", "A2", "A forecast's return fades with the expected holding: exp(-rate x holding / 252)", ge=0)] = 0.0
    adjustment: Annotated[Literal["return", "seed"], meta("choice", "A2", "seed multiplies (1 - bps/100)")] = "return"


class ShapingPolicy(Section, frozen=True, kw_only=True):
    """Rebalancing towards the target portfolio (A7)."""

    band_nav: Annotated[float, fraction("A7", "Change below min(this, band_target x target) is dropped")] = 0.02
    band_target: Annotated[float, fraction("A7", "", "fraction of the position's target")] = 0.20
    min_trade: Annotated[float, meta("USD", "A7", ge=0)] = 100.0
    trades_max: Annotated[int, count("A7", "Trades a session; exempt reductions count but are never blocked", "trades")] = 5
    turnover_max: Annotated[float, fraction("A7", "Turnover a session, half of the sum of changes")] = 0.30


LIMIT_HORIZON = 10  # sessions horizon of budget_10, hard_10 and every other limit on a longer loss (U3)


class CvarPolicy(Section, frozen=True, kw_only=True):
    """Tail loss at 1 and 10 sessions, 95 % (R2, R3). Budgets limit proposals, hard limits the current positions."""

    budget_1: Annotated[float, fraction("R3", unit="fraction of NAV, 1 session, 95 %")] = 0.015
    budget_10: Annotated[float, fraction("R3", unit="fraction of NAV, 10 sessions, 95 %")] = 0.045
    hard_1: Annotated[float, fraction("R3", unit="fraction of NAV, 1 session, 95 %")] = 0.022
    hard_10: Annotated[float, fraction("R3", unit="fraction of NAV, 10 sessions, 95 %")] = 0.06
    stressed_share_1: Annotated[float, fraction("A3", "Stressed CVaR at 1 session, share of that at 10", "fraction of the limit at 10 sessions")] = 0.50
    stressed_no_rung: Annotated[float, fraction("A3", "Limit on stressed CVaR where every rung of the ladder liquidates; otherwise the deepest other rung", "fraction of NAV, 10 sessions, 95 %")] = 0.12
    window: Annotated[int, count("R2")] = 1260
    scenarios_min: Annotated[int, count("R2", "With fewer scenarios risk is not measured", "scenarios")] = 60
    young_rows_min: Annotated[int, count("R2", "An asset with fewer rows is not bought", "rows")] = 60
    volatility: Annotated[Literal["ewma", "garch"], meta("choice", "R2", "Of the filtered scenarios; garch needs plimsoll[garch] and re-estimates each month")] = "ewma"
    ewma: Annotated[float, meta("decay per session", "R2", gt=0, lt=1)] = 0.94
    garch_rows_min: Annotated[int, count("R2", "With fewer own returns, or a failed fit, EWMA replaces GARCH", "rows")] = 504
    halt_closes: Annotated[int, count("R3", "Consecutive closes above the hard limit that halt")] = 3
    drawdown_base: Annotated[float, fraction("R3", "Budgets x min(1, (base - lifetime drawdown)/span)")] = 0.18
    drawdown_span: Annotated[float, fraction("R3")] = 0.10
    drawdown_floor: Annotated[float, fraction("R3", "", "factor")] = 0.2
    standalone_fund: Annotated[float, fraction("A4", "w x CVaR of one fund", "fraction of the budget")] = 0.60
    standalone_crypto: Annotated[float, fraction("A4", "", "fraction of the budget")] = 0.30
    standalone_stock: Annotated[float, fraction("A4", "w x CVaR of one stock")] = 0.01
    incremental_fund: Annotated[float, fraction("A4", "Rise of CVaR by one trade", "fraction of NAV, 10 sessions")] = 0.025
    incremental_other: Annotated[float, fraction("A4", "Single stocks and crypto", "fraction of NAV, 10 sessions")] = 0.01
    tail_share: Annotated[float, meta("fraction of scenarios", "R2", "Worst losses to which a report fits the generalised Pareto tail", gt=0, lt=1)] = 0.10
    interval_draws: Annotated[int, meta("resampled histories", "R2", "For the interval of a CVaR in a report", ge=100)] = 1000
    euler_holdings: Annotated[int, count("A4", "With fewer holdings there is no concentration alarm", "holdings")] = 4
    euler_alarm: Annotated[float, fraction("A4", "Share of one position that raises the alarm", "fraction of CVaR")] = 0.40
    stress_windows: Annotated[tuple[tuple[str, str], ...], meta("dates", "R2")] = (
        ("2008-09-01", "2009-03-31"),
        ("2020-02-20", "2020-04-30"),
        ("2022-01-01", "2022-12-31"),
    )
    stress_worst: Annotated[int, count("R2", "Worst days and windows of all history that form one stressed set; its tail is the share of them beyond the confidence", "rows")] = 126


class Rung(Section, frozen=True, kw_only=True):
    """One rung of the drawdown ladder (R4). ``cut`` is the share of gross sold at the trigger."""

    name: Annotated[str, meta("name", "R4")]
    threshold: Annotated[float, fraction("R4", "Drawdown on closes at which it fires", "fraction of the peak")]
    basis: Annotated[Literal["episode", "lifetime"], meta("peak", "R4")] = "episode"
    level: Annotated[int, meta("level", "R4", ge=1)] = 1
    cut: Annotated[float, fraction("R4", unit="fraction of gross")] = 0.0
    no_new_risk: Annotated[bool, meta("switch", "R4")] = False
    no_new_crypto: Annotated[bool, meta("switch", "R4")] = False
    close_crypto: Annotated[bool, meta("switch", "R4")] = False
    havens_only: Annotated[bool, meta("switch", "R4")] = False
    liquidate: Annotated[bool, meta("switch", "R4")] = False
    ends_mandate: Annotated[bool, meta("switch", "R4")] = False
    panic: Annotated[bool, meta("switch", "R4", "It liquidates if ladder.flatten_on_panic is on")] = False
    confidence_min: Annotated[float | None, meta("confidence", "S2")] = None
    cooldown: Annotated[int, count("R4")] = 0
    reentry: Annotated[Literal["none", "automatic", "signed", "never"], meta("choice", "R5", "none: clears with the episode")] = "none"
    alert: Annotated[str, meta("severity", "R4")] = "WARNING"


_RUNGS = (
    Rung(name="level_1", threshold=0.05, level=1, no_new_crypto=True, confidence_min=0.70),
    Rung(name="level_2", threshold=0.08, level=2, cut=0.25, no_new_risk=True, no_new_crypto=True,
         close_crypto=True, cooldown=10, reentry="automatic", alert="CRITICAL"),
    Rung(name="panic", threshold=0.10, level=2, no_new_risk=True, no_new_crypto=True,
         panic=True, cooldown=20, reentry="automatic", alert="EMERGENCY"),
    Rung(name="level_3", threshold=0.12, level=3, cut=0.50, no_new_risk=True, no_new_crypto=True, close_crypto=True,
         havens_only=True, cooldown=20, reentry="signed", alert="CRITICAL"),
    Rung(name="level_4", threshold=0.15, level=4, cut=1.0, no_new_risk=True, no_new_crypto=True, close_crypto=True,
         liquidate=True, cooldown=20, reentry="signed", alert="EMERGENCY"),
    Rung(name="mandate", threshold=0.18, basis="lifetime", level=4, cut=1.0, no_new_risk=True, no_new_crypto=True,
         close_crypto=True, liquidate=True, ends_mandate=True, reentry="never", alert="EMERGENCY"),
)  # fmt: skip


class LadderPolicy(Section, frozen=True, kw_only=True):
    """The drawdown ladder and its re-entry (R4, R5)."""

    enabled: Annotated[bool, meta("switch", "R4", "Off only for an ablation; the veto DRAWDOWN_LIMIT is off with it")] = True
    rungs: Annotated[tuple[Rung, ...], meta("rungs", "R4")] = _RUNGS
    flatten_on_panic: Annotated[bool, meta("switch", "R4", "Rungs marked panic liquidate")] = False
    level_1_holds: Annotated[float, fraction("R4", "Level 1 stays in force while drawdown is at or above", "fraction of the peak")] = 0.05
    volatility_sessions: Annotated[int, meta("sessions", "R5", "Window of the volatility that must be calm", ge=2)] = 20
    volatility_max: Annotated[float, meta("annual volatility, 20 sessions", "R5", "Of the target portfolio at full size", gt=0)] = 0.12
    calm_sessions: Annotated[int, count("R5")] = 5
    crisis_max: Annotated[float, fraction("R5", "P(crisis at 5) below which re-entry passes the health check", "probability")] = 0.15
    halt_size: Annotated[float, fraction("R5", "Size after a halt", "fraction of the target portfolio")] = 0.5
    halt_size_sessions: Annotated[int, count("R5")] = 5
    liquidation_sizes: Annotated[tuple[float, ...], meta("fractions of the target portfolio, one a week", "R5")] = (0.25, 0.5, 0.75, 1.0)
    week_sessions: Annotated[int, count("R5")] = 5
    recovery_gross: Annotated[float, meta("fraction of NAV", "R5", "Gross while the re-entry ramp runs", gt=0)] = 1.0
    resumes_automatic: Annotated[int, count("R4", "In any 252 sessions", "resumes")] = 4
    resumes_signed: Annotated[int, count("R4", "In any 252 sessions", "resumes")] = 1
    resume_window: Annotated[int, count("R4")] = 252
    firings_max: Annotated[float, meta("expected firings a year", "U7", "Of the first rung that stops new risk; above it the loader warns", gt=0)] = 1.0


class RegimePolicy(Section, frozen=True, kw_only=True):
    """Regime probabilities of (normal, volatile, crisis) (R8)."""

    matrix: Annotated[Literal["counted", "em", "fixed", "seed"], meta("choice", "R8", "counted re-estimates start from VIX bands every session, em from the whole path of VIX every month")] = "counted"
    start: Annotated[tuple[tuple[float, float, float], ...], meta("transition probabilities, 1 session", "R8")] = (
        (0.958, 0.041, 0.001),
        (0.111, 0.849, 0.040),
        (0.000, 0.110, 0.890),
    )
    seed: Annotated[tuple[tuple[float, float, float], ...], meta("transition probabilities, 1 session", "R8")] = (
        (0.90, 0.08, 0.02),
        (0.30, 0.60, 0.10),
        (0.40, 0.30, 0.30),
    )
    prior_rows: Annotated[int, count("R8", "Weight of the start matrix in counts and estimates")] = 252
    bands: Annotated[tuple[float, float], meta("VIX points", "R8")] = (20.0, 30.0)
    medians: Annotated[tuple[float, float, float], meta("VIX points", "R8")] = (15.0, 24.0, 40.0)
    sigmas: Annotated[tuple[float, float, float], meta("log VIX", "R8")] = (0.22, 0.20, 0.30)
    outlook: Annotated[int, count("R8")] = 5
    crisis_on: Annotated[float, fraction("R8", "", "probability at the outlook")] = 0.30
    crisis_off: Annotated[float, fraction("R8", "", "probability at the outlook")] = 0.15
    crisis_sessions: Annotated[int, count("R8", "Shortest stress episode")] = 5
    budget_scale: Annotated[float, fraction("R8", "CVaR budgets of proposals under stress", "factor")] = 0.5
    required: Annotated[tuple[str, ...], meta("input names", "D19", "Inputs whose absence halts new risk")] = ()


class CorrelationPolicy(Section, frozen=True, kw_only=True):
    """Pair limits and correlation levels of the whole portfolio (R6)."""

    window: Annotated[int, count("R6")] = 60
    pair_stock: Annotated[float, fraction("R6", "", "correlation")] = 0.70
    pair_stock_leave: Annotated[float, fraction("R6", "", "correlation")] = 0.60
    pair_fund: Annotated[float, fraction("R6", "", "correlation")] = 0.90
    pair_fund_leave: Annotated[float, fraction("R6", "", "correlation")] = 0.85
    pair_multiple: Annotated[float, meta("multiple of the larger effective cap", "R6", ge=1)] = 1.5
    overlap: Annotated[int, count("R6", "Overlapping returns where calendars differ")] = 5
    average: Annotated[float, fraction("R6", "Average pair correlation of the positions above which, if also unusual, there is an alarm", "correlation")] = 0.50
    average_leave: Annotated[float, fraction("R6", "The alarm is over at or below it", "correlation")] = 0.40
    average_percentile: Annotated[float, fraction("R6", "Unusual is above this percentile of the trailing averages of the same weights", "fraction of sessions")] = 0.90
    history: Annotated[int, count("R6", "Trailing history of that percentile")] = 1260
    history_min: Annotated[int, count("R6", "With less history every average counts as unusual")] = 252
    history_step: Annotated[int, meta("sessions", "R6", "Distance between two of those averages: windows of 60 sessions a day apart are nearly equal", ge=1)] = 5
    alike: Annotated[float, fraction("R6", "Every pair of positions above it: reductions only", "correlation")] = 0.80
    alike_leave: Annotated[float, fraction("R6", "Ends once a pair is at or below it", "correlation")] = 0.70
    alike_holdings: Annotated[int, count("R6", "With at least so many holdings", "holdings")] = 4
    alike_weight: Annotated[float, fraction("R6", "And at least this share of NAV in them")] = 0.60


class StopPolicy(Section, frozen=True, kw_only=True):
    """Stops per holding, from average cost (R7)."""

    reduce_share: Annotated[float, fraction("R7", "Reduce to half at this share of the symbol's own stop", "fraction of the stop")] = 2.0 / 3.0
    reduce_default: Annotated[float, fraction("R7", unit="loss from average cost")] = 0.12
    reduce_to: Annotated[float, fraction("R7", "Weight left by the first stage", "fraction of the weight held")] = 0.5
    exit_default: Annotated[float, fraction("R7", unit="loss from average cost")] = 0.18
    reduce_crypto: Annotated[float, fraction("R7", unit="loss from average cost")] = 0.18
    exit_crypto: Annotated[float, fraction("R7", unit="loss from average cost")] = 0.27
    trailing: Annotated[bool, meta("switch", "R7")] = False
    rearm_sessions: Annotated[int, count("R7", "Before an auction may lift the cap")] = 10


class KindCost(Section, frozen=True, kw_only=True):
    """Commission and slippage of one kind; slippage contains the half-spread (C1).

    An order's commission is ``commission`` of its notional plus ``commission_unit`` a unit, at least ``commission_min``
    and at most ``commission_max`` of its notional, which takes precedence; fees on sales are added.
    """

    commission: Annotated[float, fraction("C1", unit="fraction of notional")]
    slippage: Annotated[float, fraction("C1", unit="fraction of notional")]
    worst_case: Annotated[float, fraction("C2", "Total priced for an exit without liquidity data", "fraction of notional")]
    commission_unit: Annotated[float, meta("USD a unit", "C1", "Added to the fraction of notional", ge=0)] = 0.0
    commission_min: Annotated[float, meta("USD an order", "C1", "Least commission of an order", ge=0)] = 0.0
    commission_max: Annotated[float, fraction("C1", "Most commission of an order; takes precedence over the least", "fraction of notional")] = 1.0
    sell_fee: Annotated[float, fraction("C1", "Of a sale, such as the SEC's Section 31 fee", "fraction of notional")] = 0.0
    sell_fee_unit: Annotated[float, meta("USD a unit", "C1", "Of a sale, such as FINRA's trading activity fee", ge=0)] = 0.0
    sell_fee_max: Annotated[float, meta("USD an order", "C1", "Most of sell_fee_unit an order pays", ge=0)] = 0.0


def _kind_costs() -> dict[str, KindCost]:
    listed = KindCost(commission=0.0010, slippage=0.0005, worst_case=0.02)
    return {
        "fund": listed,
        "stock": listed,
        "crypto": KindCost(commission=0.0010, slippage=0.0015, worst_case=0.05),
        "fx": KindCost(commission=0.0001, slippage=0.0002, worst_case=0.01),
        "future": KindCost(commission=0.0002, slippage=0.0005, worst_case=0.02),
    }


CostPreset = Literal["cautious", "us-etf-zero-commission", "ibkr-pro", "ibkr-lite", "alpaca", "alpaca-crypto", "binance-spot"]


class CostPolicy(Section, frozen=True, kw_only=True):
    """One cost model for auction, backtest, paper and post-trade analysis (C1-C3)."""

    preset: Annotated[CostPreset, meta("name", "C1", "Commissions of a broker; stated keys take precedence")] = "cautious"
    kinds: Annotated[dict[str, KindCost], meta("per kind", "C1")] = msgspec.field(default_factory=_kind_costs)
    impact: Annotated[Literal["daily", "seed"], meta("choice", "C1", "seed: 0.1 x annual volatility")] = "daily"
    impact_y: Annotated[float, meta("coefficient on daily volatility", "C1", ge=0)] = 1.0
    permanent_share: Annotated[float, fraction("C1", "", "fraction of temporary impact")] = 0.5
    permanent_paid: Annotated[float, fraction("C1", "Share of permanent impact the order itself pays", "fraction")] = 0.5
    depth: Annotated[float, meta("factor", "C1", gt=0)] = 1.0
    adv_sessions: Annotated[int, count("C1", "Window of the average daily volume")] = 20
    fx_depth: Annotated[dict[str, float], meta("USD a day per pair", "C2")] = msgspec.field(default_factory=dict)
    slippage_volatile: Annotated[float, meta("multiplier", "C2", ge=1)] = 1.5
    slippage_crisis: Annotated[float, meta("multiplier", "C2", ge=1)] = 3.0
    impact_volatile: Annotated[float, meta("multiplier", "C2", ge=1)] = 1.5
    impact_crisis: Annotated[float, meta("multiplier", "C2", ge=1)] = 2.0
    calibration_orders: Annotated[int, meta("orders", "C1", "Fewest orders the impact coefficient is estimated from", ge=10)] = 30
    calibration_days: Annotated[int, meta("days", "C1", "Fewest days with those orders", ge=10)] = 20
    calibration_spread: Annotated[float, meta("multiple", "C1", "Least ratio of the 90th to the 10th percentile of Q/ADV", ge=1)] = 2.0


class Admission(Section, frozen=True, kw_only=True):
    """A person's statements on one strategy at its admission and readmission (G5)."""

    sessions: Annotated[int, count("G5", "Length of its certified walk-forward; 0: none")] = 0
    drawdown: Annotated[float, fraction("G5", "95th percentile of its admission backtest's drawdown; 0: not stated")] = 0.0
    readmitted: Annotated[tuple[str, ...], meta("ISO dates", "G5", "A decommissioned strategy restarts on the first session on or after such a date")] = ()


class LifecyclePolicy(Section, frozen=True, kw_only=True):
    """Stages of a strategy, their capital, and the evidence for changes of stage (G5)."""

    enabled: Annotated[bool, meta("switch", "G5", "Off in backtests unless --lifecycle")] = False
    cap_incubating: Annotated[float, fraction("G5", unit="fraction of NAV, gross")] = 0.25
    cap_scaling: Annotated[float, fraction("G5", unit="fraction of NAV, gross")] = 0.60
    cap_harvesting: Annotated[float, meta("fraction of NAV, gross", "G5", ge=0, le=1.5)] = 1.00
    certified_sessions: Annotated[int, count("G5", "Length of a certified walk-forward that starts at certified_stage")] = 1260
    certified_stage: Annotated[Literal["INCUBATING", "SCALING"], meta("stage", "G5")] = "SCALING"
    admissions: Annotated[dict[str, Admission], meta("per strategy", "G5")] = msgspec.field(default_factory=dict)
    window: Annotated[int, meta("sessions", "G5", "Longest evidence window, from the last change of stage", ge=63)] = 1260
    sessions_min: Annotated[int, meta("sessions", "G5", "With fewer nothing is judged", ge=63)] = 252
    trades_min: Annotated[int, count("G5", "With fewer nothing is demoted or decommissioned", "closed trades")] = 20
    scaling_sharpe: Annotated[float, meta("annual Sharpe", "G5", "Promotes to SCALING")] = 0.8
    scaling_signals: Annotated[int, count("G5", unit="profitable signals")] = 5
    scaling_psr: Annotated[float, fraction("G5", "PSR(0)", "probability")] = 0.90
    harvesting_sharpe: Annotated[float, meta("annual Sharpe", "G5", "Promotes to HARVESTING")] = 1.2
    harvesting_signals: Annotated[int, count("G5", unit="profitable signals")] = 10
    harvesting_psr: Annotated[float, fraction("G5", "PSR(0)", "probability")] = 0.95
    sharpe_min: Annotated[float, meta("annual Sharpe", "G5", "A point estimate below it demotes; decommissions once it is improbable")] = 0.3
    sharpe_probability: Annotated[float, fraction("G5", "P(true Sharpe < sharpe_min) above it decommissions", "probability")] = 0.95
    profit_factor_min: Annotated[float, meta("gains over losses of closed trades", "G5", ge=0)] = 0.8
    drawdown_floor: Annotated[float, fraction("G5", "Drawdown of its contribution that is always allowed")] = 0.15
    drawdown_multiple: Annotated[float, meta("multiple of the admission's 95th percentile", "G5", ge=1)] = 1.5
    error_cycles: Annotated[int, meta("auctions it was asked at", "G5", "Window of the error rate", ge=1)] = 100
    error_rate_max: Annotated[float, fraction("G5", "Above it the strategy is suspended", "fraction of error_cycles")] = 0.05
    idle_window: Annotated[int, meta("sessions", "G5", "Window of the contribution that must be positive", ge=2)] = 63
    idle_step: Annotated[int, meta("sessions", "G5", "Each such period without one reduces the allocation", ge=1)] = 21
    idle_factor: Annotated[float, fraction("G5", "… by this", "factor")] = 0.95


class HealthPolicy(Section, frozen=True, kw_only=True):
    """Model health, the decay factor of a strategy's bids (G6)."""

    age_full: Annotated[int, count("G6", "Since the last validation; up to it no decay")] = 90
    age_zero: Annotated[int, count("G6", "Decay factor 0 at this age")] = 180
    forecasts: Annotated[int, meta("matured forecasts", "G6", "Window of the forecast error", ge=1)] = 63
    forecasts_min: Annotated[int, count("G6", "With fewer the error is absent", "matured forecasts")] = 21
    error_free: Annotated[float, meta("RMSE over that of the naive forecast, less one", "G6", ge=0)] = 0.02
    error_rate: Annotated[float, meta("per unit of that error", "G6", "Decay beyond error_free: exp(-rate x excess)", ge=0)] = 10.0
    flip_factor: Annotated[float, fraction("G6", "Factor after an autocorrelation flip", "factor")] = 0.5
    flip_recent: Annotated[int, meta("sessions", "G6", "Recent contributions compared with those before", ge=20)] = 63
    flip_before: Annotated[int, meta("sessions", "G6", "… over this many", ge=20)] = 252
    check_window: Annotated[int, meta("sessions", "G6", "Forecasts matured within it face the monthly check", ge=21)] = 252
    check_periods: Annotated[int, meta("separate forecast horizons", "G6", "With fewer the check is not passed", ge=4)] = 6
    confidence: Annotated[float, meta("probability", "G6", "Of the bounds of the check and of the flip, one-sided", gt=0.5, lt=1)] = 0.95


class VetoPolicy(Section, frozen=True, kw_only=True):
    """Thresholds of the ten vetoes (G2)."""

    enabled: Annotated[tuple[str, ...], meta("veto names", "G2", "Fewer only for an ablation")] = (
        "UNEXPLAINED_PROFIT", "TOO_PERFECT_EXECUTION", "DATA_DEPENDENCY_RISK", "CORRELATED_WINS", "HIGH_CVAR",
        "LEVERAGE_BREACH", "DRAWDOWN_LIMIT", "MODEL_DECAY", "INSUFFICIENT_HISTORY", "LOW_DATA_QUALITY",
    )  # fmt: skip
    drawdown_max: Annotated[float, fraction("G2", "Of DRAWDOWN_LIMIT: past it nothing is bought, even if no rung ends the mandate", "fraction of the lifetime peak")] = 0.18
    profit_mu: Annotated[float, fraction("G2", unit="expected return, 10 sessions")] = 0.03
    profit_confidence: Annotated[float, fraction("G2", unit="confidence")] = 0.7
    conviction_max: Annotated[float, meta("annual Sharpe", "G2")] = 5.0
    quality_warning: Annotated[float, fraction("G2", unit="score")] = 0.7
    quality_error: Annotated[float, fraction("G2", unit="score")] = 0.6
    wins_max: Annotated[int, count("G2", "Opening bids in wins_sessions", "bids")] = 5
    wins_sessions: Annotated[int, count("G2")] = 5
    wins_correlation: Annotated[float, fraction("G2", unit="mean pair correlation")] = 0.7
    confidence_warning: Annotated[float, fraction("G2", unit="confidence")] = 0.5
    warning_scale: Annotated[float, fraction("G2", "One halving of the increase, however many warnings", "factor")] = 0.5


class GatePolicy(Section, frozen=True, kw_only=True):
    """Switches for an ablation; every gate is on by default."""

    off: Annotated[tuple[str, ...], meta("gate names", "R1", "Gates left out; a report states them first")] = ()


class Policy(Section, frozen=True, kw_only=True):
    """The whole policy. Its hash is in every decision (U7)."""

    profile: Annotated[str, meta("name", "A4")] = "core"
    account: Account = Account()
    data: DataPolicy = DataPolicy()
    freshness: Freshness = Freshness()
    backtest: BacktestPolicy = BacktestPolicy()
    cash: CashPolicy = CashPolicy()
    forecast: ForecastPolicy = ForecastPolicy()
    strategies: StrategyPolicy = StrategyPolicy()
    limits: LimitPolicy = LimitPolicy()
    auction: AuctionPolicy = AuctionPolicy()
    shaping: ShapingPolicy = ShapingPolicy()
    cvar: CvarPolicy = CvarPolicy()
    ladder: LadderPolicy = LadderPolicy()
    regime: RegimePolicy = RegimePolicy()
    correlation: CorrelationPolicy = CorrelationPolicy()
    stops: StopPolicy = StopPolicy()
    costs: CostPolicy = CostPolicy()
    lifecycle: LifecyclePolicy = LifecyclePolicy()
    health: HealthPolicy = HealthPolicy()
    vetoes: VetoPolicy = VetoPolicy()
    gates: GatePolicy = GatePolicy()
    governor: GovernorPolicy = GovernorPolicy()
    sizing: SizingPolicy = SizingPolicy()
    models: ModelPolicy = ModelPolicy()
    paper: PaperPolicy = PaperPolicy()
    execution: ExecutionPolicy = ExecutionPolicy()


def policy_hash(policy: Policy) -> str:
    """SHA-256 of the policy's canonical JSON; in every decision (U7)."""
    return hashlib.sha256(msgspec.json.encode(policy, order="sorted")).hexdigest()
