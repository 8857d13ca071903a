"""The policy: the only home of thresholds (U7).

Every field is a default of the ``core`` profile and carries its unit, horizon or basis and its origin (a rule of
the specification) as metadata, which ``config show``, ``config schema`` and ``docs/rules.md`` read. Unknown
keys are errors. Fractions are of NAV unless the unit says otherwise; horizons are sessions (U3).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec

Meta = msgspec.Meta


def _meta(unit: str, rule: str, note: str = "", **bounds: Any) -> msgspec.Meta:
    """Metadata of one threshold: unit (with horizon and basis where it has one), origin and bounds."""
    return Meta(description=note or unit, extra={"unit": unit, "rule": rule}, **bounds)


def _fraction(rule: str, note: str = "", unit: str = "fraction of NAV") -> msgspec.Meta:
    return _meta(unit, rule, note, ge=0.0, le=1.0)


def _count(rule: str, note: str = "", unit: str = "sessions") -> msgspec.Meta:
    return _meta(unit, rule, note, ge=0)


_Dollars = Annotated[int, Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the policy; unknown keys are refused."""


class Account(Section, frozen=True, kw_only=True):
    """The account and its starting capital."""

    capital: Annotated[float, _meta("USD", "U8", "Starting capital of a backtest or paper account", gt=0, le=1e12)] = 100_000.0


class DataPolicy(Section, frozen=True, kw_only=True):
    """Certification (D8-D11)."""

    window_years: Annotated[int, _meta("calendar years", "D8", ge=1)] = 5
    window_sessions: Annotated[int, _count("D8", unit="sessions of the asset's own calendar")] = 1330
    rows_active: Annotated[int, _count("D11", "Rows an ACTIVE symbol has at least", "rows")] = 1260
    rows_degraded: Annotated[int, _count("D11", "Rows below which a symbol is QUARANTINED", "rows")] = 1000
    expected_min: Annotated[float, _fraction("D11", "Share of expected sessions present", "fraction of sessions")] = 0.95
    score_min: Annotated[float, _fraction("D10", "Quality score accepted", "score")] = 0.6
    missing_max: Annotated[float, _fraction("D10", "Share of missing sessions above which is a hard flag", "fraction of sessions")] = 0.05
    jump_stock: Annotated[float, _fraction("D10", "Unexplained one-bar move, stocks and funds", "fraction of price")] = 0.50
    jump_crypto: Annotated[float, _fraction("D10", "", "fraction of price")] = 0.60
    jump_fx: Annotated[float, _fraction("D10", "", "fraction of price")] = 0.15
    stuck_sessions: Annotated[int, _count("D10", "Sessions in a row with the same close and no volume")] = 5
    cross_source_max: Annotated[float, _fraction("D10", "Deviation between two sources", "fraction of price")] = 0.01
    volume_spike: Annotated[float, _meta("multiple of the median volume", "D10", gt=1)] = 50.0
    note_after: Annotated[int, _count("D10", "A flag wholly before the last so many sessions is a note")] = 252
    score_missing: Annotated[float, _fraction("D10", "Weight of the missing share in the score", "score")] = 0.3
    score_duplicate: Annotated[float, _fraction("D10", "Weight of the duplicate share", "score")] = 0.2
    score_non_positive: Annotated[float, _fraction("D10", "Weight of any price at or below zero", "score")] = 0.2
    score_jump: Annotated[float, _fraction("D10", "Weight of any unexplained jump", "score")] = 0.3
    lag_daily: Annotated[int, _count("D18", "Publication lag of a daily series without publication dates: rates and indices are published the next day", "calendar days")] = 1
    lag_weekly: Annotated[int, _count("D18", "The same, weekly: claims dated Saturday and indices dated Friday are published within the following week", "calendar days")] = 7
    lag_monthly: Annotated[int, _count("D18", "The same, monthly: dated on the first of the month and published by the middle of the next (CPI: day 40 to 46)", "calendar days")] = 50
    lag_quarterly: Annotated[int, _count("D18", "The same, quarterly: GDP is dated on the first day of its quarter and published a month after its end", "calendar days")] = 135
    lag_longer: Annotated[int, _count("D18", "The same, at longer or unknown steps: later is safe, earlier is look-ahead", "calendar days")] = 500
    ended_after: Annotated[int, _count("D9", "A series without a bar for more than so many of its own sessions has ended")] = 10
    start_days: Annotated[int, _count("D14", "A history begins with the first bar that is followed by bars within so many days", "calendar days")] = 90
    start_share: Annotated[float, _fraction("D14", "Share of the sessions of those days that must hold a bar", "fraction of sessions")] = 0.5
    price_rounding: Annotated[float, _fraction("D10", "Rounding of stored prices tolerated in low <= open, close <= high", "fraction of price")] = 1e-6
    dividend_noise: Annotated[float, _fraction("D12", "Smaller steps of adj_close/close are rounding, not dividends", "fraction of price")] = 2e-5
    step_slack_max: Annotated[float, _fraction("D12", "Rounding of adj_close and close beyond which their steps do not determine dividends")] = 0.02
    adjustment_fall_max: Annotated[float, _fraction("D12", "Fall of adj_close/close in one step that is not read as a dividend: clean vendor series show none beyond it")] = 0.002
    adjustment_step_max: Annotated[float, _fraction("D12", "A rise of adj_close/close above it is checked as a split: 8 steps in 552 clean series are larger")] = 0.20
    dividend_tolerance: Annotated[float, _fraction("D12", "Difference of two records of a dividend that is tolerated, besides rounding", "fraction of the dividend")] = 0.02
    dividend_judged: Annotated[float, _fraction("D10", "A dividend above it must show in the opening price", "fraction of price")] = 0.03
    dividend_history: Annotated[int, _count("D10", "Number of earlier dividends that one is compared with", "dividends")] = 4
    dividend_power_room: Annotated[float, _meta("decimal orders of magnitude", "D10", "A dividend this near 10, 100 or 1/100 times the usual one is a decimal-point error", gt=0)] = 0.10
    dividend_unlike: Annotated[float, _meta("robust standard deviations", "D10", "How much better the opening price must fit the usual dividend than the erroneous one", gt=0)] = 2.0
    adjusted_decisive: Annotated[float, _meta("standard errors", "D12", "Distance of the average fall over all ex-dates from the dividends at which prices count as adjusted", gt=0)] = 4.0
    split_exact: Annotated[float, _fraction("D10", "Distance from a half or a double within which a move is a suspected split; none occurs in 552 clean series", "fraction of price")] = 0.02
    split_least: Annotated[float, _meta("new units per old", "D10", "Smallest ratio suspected as a split from an ordinary bar alone; real news shows none", gt=1)] = 1.25
    split_match: Annotated[float, _fraction("D10", "A step of adj_close/close this near a simple ratio is a split: splits are exact, special dividends only by chance", "fraction of the ratio")] = 0.0003
    split_decisive: Annotated[float, _meta("robust standard deviations", "D10", "Difference at which an opening price decides between two readings of a split or dividend", gt=0)] = 4.0
    split_range: Annotated[float, _meta("multiple of the median range", "D10", "Above it a bar is news, not a split", gt=1)] = 2.5
    split_volume: Annotated[float, _meta("multiple of the median volume", "D10", "Above it a bar is news, not a split", gt=1)] = 2.5
    gap_scale_min: Annotated[float, _fraction("D10", "Least standard deviation an opening gap is measured in", "fraction of price")] = 0.003
    gap_scale_young: Annotated[float, _fraction("D10", "The same for a series with too short a history", "fraction of price")] = 0.02
    evidence_sessions: Annotated[int, _count("D10", "Sessions before a day that define its usual range", "sessions")] = 252
    spike_min: Annotated[float, _fraction("D10", "A move at least this large that the next session reverses is a bad print: none in clean stocks and funds", "fraction of price")] = 0.25
    spike_min_crypto: Annotated[float, _fraction("D10", "The same for crypto", "fraction of price")] = 0.40
    spike_left: Annotated[float, _fraction("D10", "Part of the move that may remain after the reversal", "fraction of the move")] = 0.25
    repeated_rows: Annotated[int, _count("D10", "Consecutive rows with the same price and volume that count as copied", "sessions")] = 3
    rejected_alert: Annotated[float, _fraction("D11", "Rejected share that raises an alert", "fraction of symbols")] = 0.05
    affected_holdings_max: Annotated[float, _fraction("D7", "Share of holdings without their last bar, or close-only, above which new risk stops")] = 0.10
    affected_universe_max: Annotated[float, _fraction("D7", "", "fraction of symbols")] = 0.05
    on_missing_history: Annotated[Literal["block", "halt"], _meta("choice", "D7", "halt is the rule of the earlier design")] = "block"


class Freshness(Section, frozen=True, kw_only=True):
    """Pre-trade freshness per symbol (D15). A failed check blocks new risk in that symbol for the session."""

    rows_min: Annotated[int, _count("D15", unit="rows")] = 250
    nan_max: Annotated[float, _fraction("D15", "Missing bars in the last rows_min rows", "fraction of rows")] = 0.10
    outlier_sigmas: Annotated[float, _meta("robust sigmas, 1 session", "D15", gt=0)] = 8.0
    class_share: Annotated[float, _fraction("D15", "Share of the class beyond class_sigmas that confirms a move", "fraction of symbols")] = 0.30
    class_sigmas: Annotated[float, _meta("robust sigmas, 1 session", "D15", gt=0)] = 3.0
    scale_sessions: Annotated[int, _count("D15", "Window of the robust sigma")] = 252
    volume_sessions: Annotated[int, _count("D15", "Window of the median volume that confirms a move")] = 60


class BacktestPolicy(Section, frozen=True, kw_only=True):
    """How a backtest treats the certified panel."""

    min_rows: Annotated[int, _count("D11", "Prior rows before a symbol may trade (1260 is the strict option)", "rows")] = 252
    operator: Annotated[Literal["simulated", "never"], _meta("choice", "R5", "Approver of re-entries in a backtest")] = "simulated"
    benchmark: Annotated[str, _meta("symbol", "D19", "Equity benchmark; optional")] = "SPY"
    benchmark_carried: Annotated[int, _count("D19", "Sessions after the benchmark's last bar for which its volatility still replaces VIX")] = 5
    vix: Annotated[str, _meta("symbol", "D19", "Volatility index; optional")] = "^VIX"


class CashPolicy(Section, frozen=True, kw_only=True):
    """Interest on idle cash (U4)."""

    series: Annotated[str, _meta("macro series, percent a year", "U4")] = "DGS3MO"
    spread: Annotated[float, _fraction("U4", "Subtracted from the bill rate; never below zero in total", "annual rate")] = 0.005


class ForecastPolicy(Section, frozen=True, kw_only=True):
    """From a score to an expected return (S1), and the effect of confidence and VIX on increases (S2)."""

    ic: Annotated[float, _fraction("S1", "Information coefficient of an uncertified rule", "correlation")] = 0.05
    z_clip: Annotated[float, _meta("standard deviations", "S1", gt=0)] = 2.0
    holding_sessions: Annotated[int, _count("S1", "Expected holding of the rule strategies")] = 63
    confidence_min: Annotated[float, _fraction("S2", "Below it no increase", "confidence")] = 0.50
    vix_elevated: Annotated[float, _meta("VIX points", "S2")] = 20.0
    vix_high: Annotated[float, _meta("VIX points", "S2", "Above it the session's increases are halved")] = 30.0
    vix_extreme: Annotated[float, _meta("VIX points", "S2", "At or above it only reductions pass")] = 40.0


class StrategyPolicy(Section, frozen=True, kw_only=True):
    """Strategies in use and their symbols (S3)."""

    enabled: Annotated[tuple[str, ...], _meta("strategy names", "S3")] = ("core_trend", "xs_momentum")
    trend_symbols: Annotated[tuple[str, ...], _meta("symbols", "S3")] = ("GLD", "SPY", "QQQ", "BTC-USD")
    havens: Annotated[tuple[str, ...], _meta("symbols", "S3", "Defence and safe-haven assets")] = ("GLD", "TLT")
    score_strong: Annotated[float, _meta("standard deviations of 60-session momentum", "S2", "Score beyond which a trend signal is strong", gt=0)] = 1.0
    score_weak: Annotated[float, _meta("standard deviations of 60-session momentum", "S2", "Score beyond which there is a trend signal", gt=0)] = 0.25
    score_defence: Annotated[float, _meta("standard deviations", "S1", "Least score a defence asset bids with", gt=0)] = 1.0
    top_share: Annotated[float, _fraction("S3", "Cross-sectional share held long", "fraction of ranks")] = 0.30
    bottom_share: Annotated[float, _fraction("S3", "Cross-sectional share avoided", "fraction of ranks")] = 0.30


class AssetLimits(Section, frozen=True, kw_only=True):
    """Limits of one symbol (S4). ``volatility_target`` is annual, the upper end of its range."""

    max_weight: Annotated[float, _fraction("S4")]
    volatility_target: Annotated[float | None, _meta("annual volatility", "S4")] = None
    stop: Annotated[float | None, _meta("loss from average cost", "S4")] = None


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

    plain_symbols_are: Annotated[Literal["fund", "stock"], _meta("kind", "D2", "Kind of a symbol without suffix or universe entry")] = "fund"
    gross_max: Annotated[float, _meta("fraction of NAV", "A4", "Above 1 would need borrowed cash, which is not supported", gt=0, le=1.0)] = 1.0
    gross_freeze_over: Annotated[float, _fraction("R3", "Gross exposure above gross_max by this much freezes new risk")] = 0.02
    gross_halt_over: Annotated[float, _fraction("R3", "… by this much halts")] = 0.10
    cash_min: Annotated[float, _fraction("A3")] = 0.05
    weight_stock: Annotated[float, _fraction("A4")] = 0.10
    weight_sector: Annotated[float, _fraction("A4", "Single stocks of one sector together")] = 0.15
    weight_fund: Annotated[float, _fraction("S4", "A fund without an entry")] = 0.15
    weight_crypto: Annotated[float, _fraction("A4")] = 0.15
    weight_other: Annotated[float, _fraction("A4", "fx and futures")] = 0.10
    participation_max: Annotated[float, _fraction("A3", "Change of a position", "fraction of ADV")] = 0.01
    assets: Annotated[dict[str, AssetLimits], _meta("per symbol", "S4")] = msgspec.field(default_factory=_table)


class AuctionPolicy(Section, frozen=True, kw_only=True):
    """The capital auction (A1-A7)."""

    schedule: Annotated[Literal["month_end", "week_end", "daily"], _meta("choice", "A7", "Besides the first session of a run")] = "month_end"
    horizon: Annotated[int, _meta("sessions", "U3", ge=2)] = 10
    hurdle_sharpe: Annotated[float, _meta("annual Sharpe", "A3", ge=0)] = 0.1
    confidence: Annotated[float, _meta("probability", "U3", gt=0.5, lt=1)] = 0.95
    decay_min: Annotated[float, _fraction("A1", "Model decay below which a bid is refused", "factor")] = 0.3
    limit_slack: Annotated[float, _meta("relative", "A3", "Solve to limit x (1 - slack)", ge=0, lt=1e-3)] = 1e-6
    time_decay: Annotated[float, _meta("annual rate", "A2", "A forecast's return fades with the expected holding: exp(-rate x holding / 252)", ge=0)] = 0.0
    adjustment: Annotated[Literal["return", "seed"], _meta("choice", "A2", "seed multiplies (1 - bps/100)")] = "return"


class ShapingPolicy(Section, frozen=True, kw_only=True):
    """Rebalancing towards the target portfolio (A7)."""

    band_nav: Annotated[float, _fraction("A7", "Change below min(this, band_target x target) is dropped")] = 0.02
    band_target: Annotated[float, _fraction("A7", "", "fraction of the position's target")] = 0.20
    min_trade: Annotated[float, _meta("USD", "A7", ge=0)] = 100.0
    trades_max: Annotated[int, _count("A7", "Trades a session; exempt reductions count but are never blocked", "trades")] = 5
    turnover_max: Annotated[float, _fraction("A7", "Turnover a session, half of the sum of changes")] = 0.30


LIMIT_HORIZON = 10  # sessions horizon of budget_10, hard_10 and every other limit on a longer loss (U3)


class CvarPolicy(Section, frozen=True, kw_only=True):
    """Tail loss at 1 and 10 sessions, 95 % (R2, R3). Budgets limit proposals, hard limits the current positions."""

    budget_1: Annotated[float, _fraction("R3", unit="fraction of NAV, 1 session, 95 %")] = 0.015
    budget_10: Annotated[float, _fraction("R3", unit="fraction of NAV, 10 sessions, 95 %")] = 0.045
    hard_1: Annotated[float, _fraction("R3", unit="fraction of NAV, 1 session, 95 %")] = 0.022
    hard_10: Annotated[float, _fraction("R3", unit="fraction of NAV, 10 sessions, 95 %")] = 0.06
    stressed_share_1: Annotated[float, _fraction("A3", "Stressed CVaR at 1 session, share of that at 10", "fraction of the limit at 10 sessions")] = 0.50
    stressed_no_rung: Annotated[float, _fraction("A3", "Limit on stressed CVaR where every rung of the ladder liquidates; otherwise the deepest other rung", "fraction of NAV, 10 sessions, 95 %")] = 0.12
    window: Annotated[int, _count("R2")] = 1260
    scenarios_min: Annotated[int, _count("R2", "With fewer scenarios risk is not measured", "scenarios")] = 60
    young_rows_min: Annotated[int, _count("R2", "An asset with fewer rows is not bought", "rows")] = 60
    volatility: Annotated[Literal["ewma", "garch"], _meta("choice", "R2", "Of the filtered scenarios; garch needs plimsoll[garch] and re-estimates each month")] = "ewma"
    ewma: Annotated[float, _meta("decay per session", "R2", gt=0, lt=1)] = 0.94
    garch_rows_min: Annotated[int, _count("R2", "With fewer own returns, or a failed fit, EWMA replaces GARCH", "rows")] = 504
    halt_closes: Annotated[int, _count("R3", "Consecutive closes above the hard limit that halt")] = 3
    drawdown_base: Annotated[float, _fraction("R3", "Budgets x min(1, (base - lifetime drawdown)/span)")] = 0.18
    drawdown_span: Annotated[float, _fraction("R3")] = 0.10
    drawdown_floor: Annotated[float, _fraction("R3", "", "factor")] = 0.2
    standalone_fund: Annotated[float, _fraction("A4", "w x CVaR of one fund", "fraction of the budget")] = 0.60
    standalone_crypto: Annotated[float, _fraction("A4", "", "fraction of the budget")] = 0.30
    standalone_stock: Annotated[float, _fraction("A4", "w x CVaR of one stock")] = 0.01
    incremental_fund: Annotated[float, _fraction("A4", "Rise of CVaR by one trade", "fraction of NAV, 10 sessions")] = 0.025
    incremental_other: Annotated[float, _fraction("A4", "Single stocks and crypto", "fraction of NAV, 10 sessions")] = 0.01
    tail_share: Annotated[float, _meta("fraction of scenarios", "R2", "Worst losses to which a report fits the generalised Pareto tail", gt=0, lt=1)] = 0.10
    interval_draws: Annotated[int, _meta("resampled histories", "R2", "For the interval of a CVaR in a report", ge=100)] = 1000
    euler_holdings: Annotated[int, _count("A4", "With fewer holdings there is no concentration alarm", "holdings")] = 4
    euler_alarm: Annotated[float, _fraction("A4", "Share of one position that raises the alarm", "fraction of CVaR")] = 0.40
    stress_windows: Annotated[tuple[tuple[str, str], ...], _meta("dates", "R2")] = (
        ("2008-09-01", "2009-03-31"),
        ("2020-02-20", "2020-04-30"),
        ("2022-01-01", "2022-12-31"),
    )
    stress_worst: Annotated[int, _count("R2", "Worst days and windows of all history that form one stressed set; its tail is the share of them beyond the confidence", "rows")] = 126


class Rung(Section, frozen=True, kw_only=True):
    """One rung of the drawdown ladder (R4). ``cut`` is the share of gross sold at the trigger."""

    name: Annotated[str, _meta("name", "R4")]
    threshold: Annotated[float, _fraction("R4", "Drawdown on closes at which it fires", "fraction of the peak")]
    basis: Annotated[Literal["episode", "lifetime"], _meta("peak", "R4")] = "episode"
    level: Annotated[int, _meta("level", "R4", ge=1)] = 1
    cut: Annotated[float, _fraction("R4", unit="fraction of gross")] = 0.0
    no_new_risk: Annotated[bool, _meta("switch", "R4")] = False
    no_new_crypto: Annotated[bool, _meta("switch", "R4")] = False
    close_crypto: Annotated[bool, _meta("switch", "R4")] = False
    havens_only: Annotated[bool, _meta("switch", "R4")] = False
    liquidate: Annotated[bool, _meta("switch", "R4")] = False
    ends_mandate: Annotated[bool, _meta("switch", "R4")] = False
    panic: Annotated[bool, _meta("switch", "R4", "It liquidates if ladder.flatten_on_panic is on")] = False
    confidence_min: Annotated[float | None, _meta("confidence", "S2")] = None
    cooldown: Annotated[int, _count("R4")] = 0
    reentry: Annotated[Literal["none", "automatic", "signed", "never"], _meta("choice", "R5", "none: clears with the episode")] = "none"
    alert: Annotated[str, _meta("severity", "R4")] = "WARNING"


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

    enabled: Annotated[bool, _meta("switch", "R4", "Off only for an ablation; the veto DRAWDOWN_LIMIT is off with it")] = True
    rungs: Annotated[tuple[Rung, ...], _meta("rungs", "R4")] = _RUNGS
    flatten_on_panic: Annotated[bool, _meta("switch", "R4", "Rungs marked panic liquidate")] = False
    level_1_holds: Annotated[float, _fraction("R4", "Level 1 stays in force while drawdown is at or above", "fraction of the peak")] = 0.05
    volatility_sessions: Annotated[int, _meta("sessions", "R5", "Window of the volatility that must be calm", ge=2)] = 20
    volatility_max: Annotated[float, _meta("annual volatility, 20 sessions", "R5", "Of the target portfolio at full size", gt=0)] = 0.12
    calm_sessions: Annotated[int, _count("R5")] = 5
    crisis_max: Annotated[float, _fraction("R5", "P(crisis at 5) below which re-entry passes the health check", "probability")] = 0.15
    halt_size: Annotated[float, _fraction("R5", "Size after a halt", "fraction of the target portfolio")] = 0.5
    halt_size_sessions: Annotated[int, _count("R5")] = 5
    liquidation_sizes: Annotated[tuple[float, ...], _meta("fractions of the target portfolio, one a week", "R5")] = (0.25, 0.5, 0.75, 1.0)
    week_sessions: Annotated[int, _count("R5")] = 5
    recovery_gross: Annotated[float, _meta("fraction of NAV", "R5", "Gross while the re-entry ramp runs", gt=0)] = 1.0
    resumes_automatic: Annotated[int, _count("R4", "In any 252 sessions", "resumes")] = 4
    resumes_signed: Annotated[int, _count("R4", "In any 252 sessions", "resumes")] = 1
    resume_window: Annotated[int, _count("R4")] = 252
    firings_max: Annotated[float, _meta("expected firings a year", "U7", "Of the first rung that stops new risk; above it the loader warns", gt=0)] = 1.0


class RegimePolicy(Section, frozen=True, kw_only=True):
    """Regime probabilities of (normal, volatile, crisis) (R8)."""

    matrix: Annotated[Literal["counted", "em", "fixed", "seed"], _meta("choice", "R8", "counted re-estimates start from VIX bands every session, em from the whole path of VIX every month")] = "counted"
    start: Annotated[tuple[tuple[float, float, float], ...], _meta("transition probabilities, 1 session", "R8")] = (
        (0.958, 0.041, 0.001),
        (0.111, 0.849, 0.040),
        (0.000, 0.110, 0.890),
    )
    seed: Annotated[tuple[tuple[float, float, float], ...], _meta("transition probabilities, 1 session", "R8")] = (
        (0.90, 0.08, 0.02),
        (0.30, 0.60, 0.10),
        (0.40, 0.30, 0.30),
    )
    prior_rows: Annotated[int, _count("R8", "Weight of the start matrix in counts and estimates")] = 252
    bands: Annotated[tuple[float, float], _meta("VIX points", "R8")] = (20.0, 30.0)
    medians: Annotated[tuple[float, float, float], _meta("VIX points", "R8")] = (15.0, 24.0, 40.0)
    sigmas: Annotated[tuple[float, float, float], _meta("log VIX", "R8")] = (0.22, 0.20, 0.30)
    outlook: Annotated[int, _count("R8")] = 5
    crisis_on: Annotated[float, _fraction("R8", "", "probability at the outlook")] = 0.30
    crisis_off: Annotated[float, _fraction("R8", "", "probability at the outlook")] = 0.15
    crisis_sessions: Annotated[int, _count("R8", "Shortest stress episode")] = 5
    budget_scale: Annotated[float, _fraction("R8", "CVaR budgets of proposals under stress", "factor")] = 0.5
    required: Annotated[tuple[str, ...], _meta("input names", "D19", "Inputs whose absence halts new risk")] = ()


class CorrelationPolicy(Section, frozen=True, kw_only=True):
    """Pair limits and correlation levels of the whole portfolio (R6)."""

    window: Annotated[int, _count("R6")] = 60
    pair_stock: Annotated[float, _fraction("R6", "", "correlation")] = 0.70
    pair_stock_leave: Annotated[float, _fraction("R6", "", "correlation")] = 0.60
    pair_fund: Annotated[float, _fraction("R6", "", "correlation")] = 0.90
    pair_fund_leave: Annotated[float, _fraction("R6", "", "correlation")] = 0.85
    pair_multiple: Annotated[float, _meta("multiple of the larger effective cap", "R6", ge=1)] = 1.5
    overlap: Annotated[int, _count("R6", "Overlapping returns where calendars differ")] = 5
    average: Annotated[float, _fraction("R6", "Average pair correlation of the positions above which, if also unusual, there is an alarm", "correlation")] = 0.50
    average_leave: Annotated[float, _fraction("R6", "The alarm is over at or below it", "correlation")] = 0.40
    average_percentile: Annotated[float, _fraction("R6", "Unusual is above this percentile of the trailing averages of the same weights", "fraction of sessions")] = 0.90
    history: Annotated[int, _count("R6", "Trailing history of that percentile")] = 1260
    history_min: Annotated[int, _count("R6", "With less history every average counts as unusual")] = 252
    history_step: Annotated[int, _meta("sessions", "R6", "Distance between two of those averages: windows of 60 sessions a day apart are nearly equal", ge=1)] = 5
    alike: Annotated[float, _fraction("R6", "Every pair of positions above it: reductions only", "correlation")] = 0.80
    alike_leave: Annotated[float, _fraction("R6", "Ends once a pair is at or below it", "correlation")] = 0.70
    alike_holdings: Annotated[int, _count("R6", "With at least so many holdings", "holdings")] = 4
    alike_weight: Annotated[float, _fraction("R6", "And at least this share of NAV in them")] = 0.60


class StopPolicy(Section, frozen=True, kw_only=True):
    """Stops per holding, from average cost (R7)."""

    reduce_share: Annotated[float, _fraction("R7", "Reduce to half at this share of the symbol's own stop", "fraction of the stop")] = 2.0 / 3.0
    reduce_default: Annotated[float, _fraction("R7", unit="loss from average cost")] = 0.12
    reduce_to: Annotated[float, _fraction("R7", "Weight left by the first stage", "fraction of the weight held")] = 0.5
    exit_default: Annotated[float, _fraction("R7", unit="loss from average cost")] = 0.18
    reduce_crypto: Annotated[float, _fraction("R7", unit="loss from average cost")] = 0.18
    exit_crypto: Annotated[float, _fraction("R7", unit="loss from average cost")] = 0.27
    trailing: Annotated[bool, _meta("switch", "R7")] = False
    rearm_sessions: Annotated[int, _count("R7", "Before an auction may lift the cap")] = 10


class KindCost(Section, frozen=True, kw_only=True):
    """Commission and slippage of one kind; slippage contains the half-spread (C1).

    An order's commission is ``commission`` of its notional plus ``commission_unit`` a unit, at least ``commission_min``
    and at most ``commission_max`` of its notional, which takes precedence; fees on sales are added.
    """

    commission: Annotated[float, _fraction("C1", unit="fraction of notional")]
    slippage: Annotated[float, _fraction("C1", unit="fraction of notional")]
    worst_case: Annotated[float, _fraction("C2", "Total priced for an exit without liquidity data", "fraction of notional")]
    commission_unit: Annotated[float, _meta("USD a unit", "C1", "Added to the fraction of notional", ge=0)] = 0.0
    commission_min: Annotated[float, _meta("USD an order", "C1", "Least commission of an order", ge=0)] = 0.0
    commission_max: Annotated[float, _fraction("C1", "Most commission of an order; takes precedence over the least", "fraction of notional")] = 1.0
    sell_fee: Annotated[float, _fraction("C1", "Of a sale, such as the SEC's Section 31 fee", "fraction of notional")] = 0.0
    sell_fee_unit: Annotated[float, _meta("USD a unit", "C1", "Of a sale, such as FINRA's trading activity fee", ge=0)] = 0.0
    sell_fee_max: Annotated[float, _meta("USD an order", "C1", "Most of sell_fee_unit an order pays", ge=0)] = 0.0


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

    preset: Annotated[CostPreset, _meta("name", "C1", "Commissions of a broker; stated keys take precedence")] = "cautious"
    kinds: Annotated[dict[str, KindCost], _meta("per kind", "C1")] = msgspec.field(default_factory=_kind_costs)
    impact: Annotated[Literal["daily", "seed"], _meta("choice", "C1", "seed: 0.1 x annual volatility")] = "daily"
    impact_y: Annotated[float, _meta("coefficient on daily volatility", "C1", ge=0)] = 1.0
    permanent_share: Annotated[float, _fraction("C1", "", "fraction of temporary impact")] = 0.5
    permanent_paid: Annotated[float, _fraction("C1", "Share of permanent impact the order itself pays", "fraction")] = 0.5
    depth: Annotated[float, _meta("factor", "C1", gt=0)] = 1.0
    adv_sessions: Annotated[int, _count("C1", "Window of the average daily volume")] = 20
    fx_depth: Annotated[dict[str, float], _meta("USD a day per pair", "C2")] = msgspec.field(default_factory=dict)
    slippage_volatile: Annotated[float, _meta("multiplier", "C2", ge=1)] = 1.5
    slippage_crisis: Annotated[float, _meta("multiplier", "C2", ge=1)] = 3.0
    impact_volatile: Annotated[float, _meta("multiplier", "C2", ge=1)] = 1.5
    impact_crisis: Annotated[float, _meta("multiplier", "C2", ge=1)] = 2.0
    calibration_orders: Annotated[int, _meta("orders", "C1", "Fewest orders the impact coefficient is estimated from", ge=10)] = 30
    calibration_days: Annotated[int, _meta("days", "C1", "Fewest days with those orders", ge=10)] = 20
    calibration_spread: Annotated[float, _meta("multiple", "C1", "Least ratio of the 90th to the 10th percentile of Q/ADV", ge=1)] = 2.0


class Admission(Section, frozen=True, kw_only=True):
    """A person's statements on one strategy at its admission and readmission (G5)."""

    sessions: Annotated[int, _count("G5", "Length of its certified walk-forward; 0: none")] = 0
    drawdown: Annotated[float, _fraction("G5", "95th percentile of its admission backtest's drawdown; 0: not stated")] = 0.0
    readmitted: Annotated[tuple[str, ...], _meta("ISO dates", "G5", "A decommissioned strategy restarts on the first session on or after such a date")] = ()


class LifecyclePolicy(Section, frozen=True, kw_only=True):
    """Stages of a strategy, their capital, and the evidence for changes of stage (G5)."""

    enabled: Annotated[bool, _meta("switch", "G5", "Off in backtests unless --lifecycle")] = False
    cap_incubating: Annotated[float, _fraction("G5", unit="fraction of NAV, gross")] = 0.25
    cap_scaling: Annotated[float, _fraction("G5", unit="fraction of NAV, gross")] = 0.60
    cap_harvesting: Annotated[float, _meta("fraction of NAV, gross", "G5", ge=0, le=1.5)] = 1.00
    certified_sessions: Annotated[int, _count("G5", "Length of a certified walk-forward that starts at certified_stage")] = 1260
    certified_stage: Annotated[Literal["INCUBATING", "SCALING"], _meta("stage", "G5")] = "SCALING"
    admissions: Annotated[dict[str, Admission], _meta("per strategy", "G5")] = msgspec.field(default_factory=dict)
    window: Annotated[int, _meta("sessions", "G5", "Longest evidence window, from the last change of stage", ge=63)] = 1260
    sessions_min: Annotated[int, _meta("sessions", "G5", "With fewer nothing is judged", ge=63)] = 252
    trades_min: Annotated[int, _count("G5", "With fewer nothing is demoted or decommissioned", "closed trades")] = 20
    scaling_sharpe: Annotated[float, _meta("annual Sharpe", "G5", "Promotes to SCALING")] = 0.8
    scaling_signals: Annotated[int, _count("G5", unit="profitable signals")] = 5
    scaling_psr: Annotated[float, _fraction("G5", "PSR(0)", "probability")] = 0.90
    harvesting_sharpe: Annotated[float, _meta("annual Sharpe", "G5", "Promotes to HARVESTING")] = 1.2
    harvesting_signals: Annotated[int, _count("G5", unit="profitable signals")] = 10
    harvesting_psr: Annotated[float, _fraction("G5", "PSR(0)", "probability")] = 0.95
    sharpe_min: Annotated[float, _meta("annual Sharpe", "G5", "A point estimate below it demotes; decommissions once it is improbable")] = 0.3
    sharpe_probability: Annotated[float, _fraction("G5", "P(true Sharpe < sharpe_min) above it decommissions", "probability")] = 0.95
    profit_factor_min: Annotated[float, _meta("gains over losses of closed trades", "G5", ge=0)] = 0.8
    drawdown_floor: Annotated[float, _fraction("G5", "Drawdown of its contribution that is always allowed")] = 0.15
    drawdown_multiple: Annotated[float, _meta("multiple of the admission's 95th percentile", "G5", ge=1)] = 1.5
    error_cycles: Annotated[int, _meta("auctions it was asked at", "G5", "Window of the error rate", ge=1)] = 100
    error_rate_max: Annotated[float, _fraction("G5", "Above it the strategy is suspended", "fraction of error_cycles")] = 0.05
    idle_window: Annotated[int, _meta("sessions", "G5", "Window of the contribution that must be positive", ge=2)] = 63
    idle_step: Annotated[int, _meta("sessions", "G5", "Each such period without one reduces the allocation", ge=1)] = 21
    idle_factor: Annotated[float, _fraction("G5", "… by this", "factor")] = 0.95


class HealthPolicy(Section, frozen=True, kw_only=True):
    """Model health, the decay factor of a strategy's bids (G6)."""

    age_full: Annotated[int, _count("G6", "Since the last validation; up to it no decay")] = 90
    age_zero: Annotated[int, _count("G6", "Decay factor 0 at this age")] = 180
    forecasts: Annotated[int, _meta("matured forecasts", "G6", "Window of the forecast error", ge=1)] = 63
    forecasts_min: Annotated[int, _count("G6", "With fewer the error is absent", "matured forecasts")] = 21
    error_free: Annotated[float, _meta("RMSE over that of the naive forecast, less one", "G6", ge=0)] = 0.02
    error_rate: Annotated[float, _meta("per unit of that error", "G6", "Decay beyond error_free: exp(-rate x excess)", ge=0)] = 10.0
    flip_factor: Annotated[float, _fraction("G6", "Factor after an autocorrelation flip", "factor")] = 0.5
    flip_recent: Annotated[int, _meta("sessions", "G6", "Recent contributions compared with those before", ge=20)] = 63
    flip_before: Annotated[int, _meta("sessions", "G6", "… over this many", ge=20)] = 252
    check_window: Annotated[int, _meta("sessions", "G6", "Forecasts matured within it face the monthly check", ge=21)] = 252
    check_periods: Annotated[int, _meta("separate forecast horizons", "G6", "With fewer the check is not passed", ge=4)] = 6
    confidence: Annotated[float, _meta("probability", "G6", "Of the bounds of the check and of the flip, one-sided", gt=0.5, lt=1)] = 0.95


class VetoPolicy(Section, frozen=True, kw_only=True):
    """Thresholds of the ten vetoes (G2)."""

    enabled: Annotated[tuple[str, ...], _meta("veto names", "G2", "Fewer only for an ablation")] = (
        "UNEXPLAINED_PROFIT", "TOO_PERFECT_EXECUTION", "DATA_DEPENDENCY_RISK", "CORRELATED_WINS", "HIGH_CVAR",
        "LEVERAGE_BREACH", "DRAWDOWN_LIMIT", "MODEL_DECAY", "INSUFFICIENT_HISTORY", "LOW_DATA_QUALITY",
    )  # fmt: skip
    drawdown_max: Annotated[float, _fraction("G2", "Of DRAWDOWN_LIMIT: past it nothing is bought, even if no rung ends the mandate", "fraction of the lifetime peak")] = 0.18
    profit_mu: Annotated[float, _fraction("G2", unit="expected return, 10 sessions")] = 0.03
    profit_confidence: Annotated[float, _fraction("G2", unit="confidence")] = 0.7
    conviction_max: Annotated[float, _meta("annual Sharpe", "G2")] = 5.0
    quality_warning: Annotated[float, _fraction("G2", unit="score")] = 0.7
    quality_error: Annotated[float, _fraction("G2", unit="score")] = 0.6
    wins_max: Annotated[int, _count("G2", "Opening bids in wins_sessions", "bids")] = 5
    wins_sessions: Annotated[int, _count("G2")] = 5
    wins_correlation: Annotated[float, _fraction("G2", unit="mean pair correlation")] = 0.7
    confidence_warning: Annotated[float, _fraction("G2", unit="confidence")] = 0.5
    warning_scale: Annotated[float, _fraction("G2", "One halving of the increase, however many warnings", "factor")] = 0.5


class GatePolicy(Section, frozen=True, kw_only=True):
    """Switches for an ablation; every gate is on by default."""

    off: Annotated[tuple[str, ...], _meta("gate names", "R1", "Gates left out; a report states them first")] = ()


class GovernorPolicy(Section, frozen=True, kw_only=True):
    """The hard-limit governor (H1, R4): an account's dollar caps, its intraday ladder, throttles and quote checks.

    A cap that is not stated follows from the stated capital; a position's from its cap in ``limits``.
    """

    recorded: Annotated[bool, _meta("switch", "H1", "Orders of recorded sessions (backtest and paper) pass the governor, and its caps limit each session's orders")] = False
    capital_drift: Annotated[float, _fraction("H1", "A warning is issued when session equity differs by more from the capital for which the caps were made", "fraction of the capital")] = 0.20
    loss: Annotated[_Dollars | None, _meta("whole USD a session", "H1", "Intraday loss; none: loss_share of the capital")] = None
    position: Annotated[_Dollars | None, _meta("whole USD", "H1", "One symbol, worst case; none: its cap in limits x the capital")] = None
    turnover: Annotated[_Dollars | None, _meta("whole USD a session", "H1", "Sum of unsigned notionals; none: turnover_share of the capital")] = None
    trade: Annotated[_Dollars | None, _meta("whole USD", "H1", "A single order; none: trade_share of the capital")] = None
    loss_share: Annotated[float, _fraction("H1", unit="fraction of the stated capital")] = 0.03
    turnover_share: Annotated[float, _fraction("H1", unit="fraction of the stated capital")] = 0.30
    trade_share: Annotated[float, _fraction("H1", unit="fraction of the stated capital")] = 0.10
    caution_equity: Annotated[float, _fraction("R4", "Loss at which caution begins, intraday", "fraction of the session's starting equity")] = 0.05
    caution_loss: Annotated[float, _fraction("R4", "… or at this share of the loss cap, whichever first", "fraction of the loss cap")] = 0.50
    caution_size: Annotated[float, _fraction("R4", "Share of the single-trade cap left under caution", "factor")] = 0.50
    reduce_equity: Annotated[float, _fraction("R4", "Loss from which only reductions pass", "fraction of the session's starting equity")] = 0.06
    reduce_loss: Annotated[float, _fraction("R4", "… or at this share of the loss cap", "fraction of the loss cap")] = 0.60
    halt_equity: Annotated[float, _fraction("R4", "Loss that halts new risk until the next session", "fraction of the session's starting equity")] = 0.08
    halt_loss: Annotated[float, _fraction("R4", "… or at this share of the loss cap", "fraction of the loss cap")] = 0.80
    collar: Annotated[float, _fraction("H2", "Distance of an order's price from the mid", "fraction of the mid")] = 0.03
    market_reserve: Annotated[float, _fraction("H2", "Reserve of an open market order in the turnover, above the ask at its admission: the price may move before it fills", "fraction of the ask")] = 0.01
    jump_stock: Annotated[float, _fraction("H2", "A quote of a stock or fund further than this from the last accepted one is in doubt: no new risk until another print, a corporate action or a person confirms it", "fraction of the mid")] = 0.20
    jump_crypto: Annotated[float, _fraction("H2", "The same for crypto", "fraction of the mid")] = 0.30
    jump_fx: Annotated[float, _fraction("H2", "The same for currencies", "fraction of the mid")] = 0.05
    jump_other: Annotated[float, _fraction("H2", "The same for futures", "fraction of the mid")] = 0.20
    dust: Annotated[int, _count("H2", "A long position worth no more, without a fresh accepted price, counts as worthless and does not make the loss unknown", "whole USD")] = 1
    split_near: Annotated[float, _fraction("H2", "Between two sessions, a jump of a held symbol this near a ratio of small numbers may be a split, which further prints do not confirm", "fraction of the ratio")] = 0.03
    split_units: Annotated[int, _meta("units", "H2", "Largest number in such a ratio, new or old", ge=2)] = 5
    split_far: Annotated[float, _meta("multiple of the mid, or its inverse", "H2", "… and any jump at least this large", gt=1)] = 1.9
    quote_age: Annotated[int, _count("H2", "Age at which a quote is too old", "seconds")] = 1800
    orders_second: Annotated[int, _count("H2", "Orders admitted in any second", "orders")] = 10
    orders_minute: Annotated[int, _count("H2", "Orders admitted in any minute", "orders")] = 100
    repeats_minute: Annotated[int, _count("H2", "Orders of one symbol, side and size admitted in any minute", "orders")] = 20
    clock_slack: Annotated[int, _count("H2", "How far an order's time may be before the last one seen: queues between processes reorder messages", "milliseconds")] = 100
    wait_max: Annotated[int, _count("H5", "How long an order of a live account may wait for its decision, counted from its arrival, before it is refused as late", "milliseconds")] = 500
    clock_step: Annotated[int, _count("H2", "How far a live account's clock may move against a monotonic one before quotes must be received again", "milliseconds")] = 1000
    symbols: Annotated[tuple[str, ...], _meta("symbols", "H2", "Symbols in which orders may add risk; empty: any with a quote")] = ()
    latency_max: Annotated[int, _meta("milliseconds", "H5", "A decision that takes longer, journal included, is slow", ge=1)] = 10
    latency_window: Annotated[int, _meta("decisions", "H5", "Trading is disabled when the median of this many is slow", ge=1)] = 100
    latency_recent: Annotated[int, _meta("decisions", "H5", "… or when, of this many last ones,", ge=1)] = 50
    latency_slow: Annotated[int, _meta("decisions", "H5", "… this many are slow", ge=1)] = 20
    batch: Annotated[int, _meta("orders", "H5", "Most waiting orders that are decided on and made durable together", ge=1, le=1000)] = 64
    store_timeout: Annotated[int, _meta("milliseconds", "H6", "How long a store on another server may take to answer before it counts as lost", ge=1)] = 500
    tries: Annotated[int, _meta("attempts", "H6", "Retries of a decision when other processes wrote meanwhile", ge=1)] = 100
    gap: Annotated[float, _fraction("H9", "Adverse gap in the risk promise's bound: the one-session fall of the stress test", "fraction of the price")] = 0.20
    size_steps: Annotated[tuple[int, ...], _meta("whole USD", "H7", "Steps of a position's size, inside its cap; frozen in the account's limits")] = (10, 25, 50, 500)
    size_days: Annotated[int, _meta("sessions in a row", "H7", "Profitable sessions at a size before a person may grant the next", ge=1)] = 5
    size_uptime: Annotated[float, _fraction("H7", "Minutes of those sessions with a quote must exceed this", "fraction of the minutes")] = 0.999
    size_daily_loss: Annotated[float, _fraction("H7", "A session that loses more restarts the evidence (P4)", "fraction of the session's starting equity")] = 0.03
    size_drawdown: Annotated[float, _fraction("H7", "A larger drawdown takes one step back (P4)", "fraction of the peak")] = 0.10
    graduate_paper: Annotated[bool, _meta("switch", "H7", "A paper account grows by these steps too; a live one always does")] = False


class SizingPolicy(Section, frozen=True, kw_only=True):
    """Size of an intraday model's orders (H3): from the range of its bars, smaller after losses, in high volatility and near the open and close."""

    atr_bars: Annotated[int, _meta("bars", "H3", "Bars of the average true range", ge=1)] = 20
    atr_multiple: Annotated[float, _meta("average true ranges of a bar", "H3", "An adverse move of this many …", gt=0)] = 10.0
    atr_risk: Annotated[float, _fraction("H3", "… costs this share of the loss cap", "fraction of the loss cap")] = 0.005
    turnover_share: Annotated[float, _fraction("H3", "Largest share of the session's remaining turnover for one order", "fraction of the turnover left")] = 0.10
    edge_minutes: Annotated[int, _count("H3", "Minutes after the open and before the close", "minutes")] = 30
    edge_size: Annotated[float, _fraction("H3", "Factor on sizes in those minutes", "factor")] = 0.50
    volatility_bars: Annotated[int, _meta("bars", "H3", "Window of the realised volatility", ge=2)] = 30
    volatility_history: Annotated[int, _meta("bars", "H3", "Trailing history the volatility is ranked in", ge=1)] = 1950
    volatility_history_min: Annotated[int, _meta("bars", "H3", "With fewer it has no rank, and nothing is bought", ge=1)] = 120
    volatility_high: Annotated[float, _fraction("H3", "Rank of the volatility in its own history from which it is high", "fraction of the history")] = 0.80
    high_size: Annotated[float, _fraction("H3", "Factor on sizes in high volatility", "factor")] = 0.50
    volatility_extreme: Annotated[float, _fraction("H3", "Rank from which it is extreme", "fraction of the history")] = 0.95
    extreme_size: Annotated[float, _fraction("H3", "Factor on sizes in extreme volatility", "factor")] = 0.25


class ModelPolicy(Section, frozen=True, kw_only=True):
    """Intraday models in a separate process (H4). A late one is disabled, not waited for."""

    deadline_ms: Annotated[int, _meta("milliseconds", "H4", "A later answer is HOLD, and the model is disabled", ge=1)] = 1000
    load_seconds: Annotated[int, _meta("seconds", "H4", "A model that takes longer to load is refused", ge=1)] = 60


class Policy(Section, frozen=True, kw_only=True):
    """The whole policy. Its hash is in every decision (U7)."""

    profile: Annotated[str, _meta("name", "A4")] = "core"
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


def policy_hash(policy: Policy) -> str:
    """SHA-256 of the policy's canonical JSON; in every decision (U7)."""
    return hashlib.sha256(msgspec.json.encode(policy, order="sorted")).hexdigest()
