"""The policy of data: certification, publication lags, repairs, freshness (D)."""

from __future__ import annotations

from typing import Annotated, Literal

from plimsoll.core.policy_fields import Section, count, fraction, meta


class DataPolicy(Section, frozen=True, kw_only=True):
    """Certification (D8-D11)."""

    window_years: Annotated[int, meta("calendar years", "D8", ge=1)] = 5
    window_sessions: Annotated[int, count("D8", unit="sessions of the asset's own calendar")] = 1330
    rows_active: Annotated[int, count("D11", "Rows an ACTIVE symbol has at least", "rows")] = 1260
    rows_degraded: Annotated[int, count("D11", "Rows below which a symbol is QUARANTINED", "rows")] = 1000
    expected_min: Annotated[float, fraction("D11", "Share of expected sessions present", "fraction of sessions")] = 0.95
    score_min: Annotated[float, fraction("D10", "Quality score accepted", "score")] = 0.6
    missing_max: Annotated[float, fraction("D10", "Share of missing sessions above which is a hard flag", "fraction of sessions")] = 0.05
    jump_stock: Annotated[float, fraction("D10", "Unexplained one-bar move, stocks and funds", "fraction of price")] = 0.50
    jump_crypto: Annotated[float, fraction("D10", "", "fraction of price")] = 0.60
    jump_fx: Annotated[float, fraction("D10", "", "fraction of price")] = 0.15
    stuck_sessions: Annotated[int, count("D10", "Sessions in a row with the same close and no volume")] = 5
    cross_source_max: Annotated[float, fraction("D10", "Deviation between two sources", "fraction of price")] = 0.01
    volume_spike: Annotated[float, meta("multiple of the median volume", "D10", gt=1)] = 50.0
    note_after: Annotated[int, count("D10", "A flag wholly before the last so many sessions is a note")] = 252
    score_missing: Annotated[float, fraction("D10", "Weight of the missing share in the score", "score")] = 0.3
    score_duplicate: Annotated[float, fraction("D10", "Weight of the duplicate share", "score")] = 0.2
    score_non_positive: Annotated[float, fraction("D10", "Weight of any price at or below zero", "score")] = 0.2
    score_jump: Annotated[float, fraction("D10", "Weight of any unexplained jump", "score")] = 0.3
    lag_daily: Annotated[int, count("D18", "Publication lag of a daily series without publication dates: rates and indices are published the next day", "calendar days")] = 1
    lag_weekly: Annotated[int, count("D18", "The same, weekly: claims dated Saturday and indices dated Friday are published within the following week", "calendar days")] = 7
    lag_monthly: Annotated[int, count("D18", "The same, monthly: dated on the first of the month and published by the middle of the next (CPI: day 40 to 46)", "calendar days")] = 50
    lag_quarterly: Annotated[int, count("D18", "The same, quarterly: GDP is dated on the first day of its quarter and published a month after its end", "calendar days")] = 135
    lag_longer: Annotated[int, count("D18", "The same, at longer or unknown steps: later is safe, earlier is look-ahead", "calendar days")] = 500
    ended_after: Annotated[int, count("D9", "A series without a bar for more than so many of its own sessions has ended")] = 10
    start_days: Annotated[int, count("D14", "A history begins with the first bar that is followed by bars within so many days", "calendar days")] = 90
    start_share: Annotated[float, fraction("D14", "Share of the sessions of those days that must hold a bar", "fraction of sessions")] = 0.5
    price_rounding: Annotated[float, fraction("D10", "Rounding of stored prices tolerated in low <= open, close <= high", "fraction of price")] = 1e-6
    dividend_noise: Annotated[float, fraction("D12", "Smaller steps of adj_close/close are rounding, not dividends", "fraction of price")] = 2e-5
    step_slack_max: Annotated[float, fraction("D12", "Rounding of adj_close and close beyond which their steps do not determine dividends")] = 0.02
    adjustment_fall_max: Annotated[float, fraction("D12", "Fall of adj_close/close in one step that is not read as a dividend: clean vendor series show none beyond it")] = 0.002
    adjustment_step_max: Annotated[float, fraction("D12", "A rise of adj_close/close above it is checked as a split: 8 steps in 552 clean series are larger")] = 0.20
    dividend_tolerance: Annotated[float, fraction("D12", "Difference of two records of a dividend that is tolerated, besides rounding", "fraction of the dividend")] = 0.02
    dividend_judged: Annotated[float, fraction("D10", "A dividend above it must show in the opening price", "fraction of price")] = 0.03
    dividend_history: Annotated[int, count("D10", "Number of earlier dividends that one is compared with", "dividends")] = 4
    dividend_power_room: Annotated[float, meta("decimal orders of magnitude", "D10", "A dividend this near 10, 100 or 1/100 times the usual one is a decimal-point error", gt=0)] = 0.10
    dividend_unlike: Annotated[float, meta("robust standard deviations", "D10", "How much better the opening price must fit the usual dividend than the erroneous one", gt=0)] = 2.0
    adjusted_decisive: Annotated[float, meta("standard errors", "D12", "Distance of the average fall over all ex-dates from the dividends at which prices count as adjusted", gt=0)] = 4.0
    split_exact: Annotated[float, fraction("D10", "Distance from a half or a double within which a move is a suspected split; none occurs in 552 clean series", "fraction of price")] = 0.02
    split_least: Annotated[float, meta("new units per old", "D10", "Smallest ratio suspected as a split from an ordinary bar alone; real news shows none", gt=1)] = 1.25
    split_match: Annotated[float, fraction("D10", "A step of adj_close/close this near a simple ratio is a split: splits are exact, special dividends only by chance", "fraction of the ratio")] = 0.0003
    split_decisive: Annotated[float, meta("robust standard deviations", "D10", "Difference at which an opening price decides between two readings of a split or dividend", gt=0)] = 4.0
    split_range: Annotated[float, meta("multiple of the median range", "D10", "Above it a bar is news, not a split", gt=1)] = 2.5
    split_volume: Annotated[float, meta("multiple of the median volume", "D10", "Above it a bar is news, not a split", gt=1)] = 2.5
    gap_scale_min: Annotated[float, fraction("D10", "Least standard deviation an opening gap is measured in", "fraction of price")] = 0.003
    gap_scale_young: Annotated[float, fraction("D10", "The same for a series with too short a history", "fraction of price")] = 0.02
    evidence_sessions: Annotated[int, count("D10", "Sessions before a day that define its usual range", "sessions")] = 252
    spike_min: Annotated[float, fraction("D10", "A move at least this large that the next session reverses is a bad print: none in clean stocks and funds", "fraction of price")] = 0.25
    spike_min_crypto: Annotated[float, fraction("D10", "The same for crypto", "fraction of price")] = 0.40
    spike_left: Annotated[float, fraction("D10", "Part of the move that may remain after the reversal", "fraction of the move")] = 0.25
    repeated_rows: Annotated[int, count("D10", "Consecutive rows with the same price and volume that count as copied", "sessions")] = 3
    rejected_alert: Annotated[float, fraction("D11", "Rejected share that raises an alert", "fraction of symbols")] = 0.05
    affected_holdings_max: Annotated[float, fraction("D7", "Share of holdings without their last bar, or close-only, above which new risk stops")] = 0.10
    affected_universe_max: Annotated[float, fraction("D7", "", "fraction of symbols")] = 0.05
    on_missing_history: Annotated[Literal["block", "halt"], meta("choice", "D7", "halt is the rule of the earlier design")] = "block"


class Freshness(Section, frozen=True, kw_only=True):
    """Pre-trade freshness per symbol (D15). A failed check blocks new risk in that symbol for the session."""

    rows_min: Annotated[int, count("D15", unit="rows")] = 250
    nan_max: Annotated[float, fraction("D15", "Missing bars in the last rows_min rows", "fraction of rows")] = 0.10
    outlier_sigmas: Annotated[float, meta("robust sigmas, 1 session", "D15", gt=0)] = 8.0
    class_share: Annotated[float, fraction("D15", "Share of the class beyond class_sigmas that confirms a move", "fraction of symbols")] = 0.30
    class_sigmas: Annotated[float, meta("robust sigmas, 1 session", "D15", gt=0)] = 3.0
    scale_sessions: Annotated[int, count("D15", "Window of the robust sigma")] = 252
    volume_sessions: Annotated[int, count("D15", "Window of the median volume that confirms a move")] = 60
