"""The policy of the hard-limit governor and of the intraday models behind it (H1 to H7, R4)."""

from __future__ import annotations

from typing import Annotated

from plimsoll.core.policy_fields import Dollars, Section, count, fraction, meta


class GovernorPolicy(Section, frozen=True, kw_only=True):
    """The hard-limit governor (H1, R4): an account's dollar caps, its intraday ladder, throttles and quote checks.

    A cap that is not stated follows from the stated capital; a position's from its cap in ``limits``.
    """

    recorded: Annotated[bool, meta("switch", "H1", "Orders of recorded sessions (backtest and paper) pass the governor, and its caps limit each session's orders")] = False
    capital_drift: Annotated[float, fraction("H1", "A warning is issued when session equity differs by more from the capital for which the caps were made", "fraction of the capital")] = 0.20
    loss: Annotated[Dollars | None, meta("whole USD a session", "H1", "Intraday loss; none: loss_share of the capital")] = None
    position: Annotated[Dollars | None, meta("whole USD", "H1", "One symbol, worst case; none: its cap in limits x the capital")] = None
    turnover: Annotated[Dollars | None, meta("whole USD a session", "H1", "Sum of unsigned notionals; none: turnover_share of the capital")] = None
    trade: Annotated[Dollars | None, meta("whole USD", "H1", "A single order; none: trade_share of the capital")] = None
    loss_share: Annotated[float, fraction("H1", unit="fraction of the stated capital")] = 0.03
    turnover_share: Annotated[float, fraction("H1", unit="fraction of the stated capital")] = 0.30
    trade_share: Annotated[float, fraction("H1", unit="fraction of the stated capital")] = 0.10
    caution_equity: Annotated[float, fraction("R4", "Loss at which caution begins, intraday", "fraction of the session's starting equity")] = 0.05
    caution_loss: Annotated[float, fraction("R4", "… or at this share of the loss cap, whichever first", "fraction of the loss cap")] = 0.50
    caution_size: Annotated[float, fraction("R4", "Share of the single-trade cap left under caution", "factor")] = 0.50
    reduce_equity: Annotated[float, fraction("R4", "Loss from which only reductions pass", "fraction of the session's starting equity")] = 0.06
    reduce_loss: Annotated[float, fraction("R4", "… or at this share of the loss cap", "fraction of the loss cap")] = 0.60
    halt_equity: Annotated[float, fraction("R4", "Loss that halts new risk until the next session", "fraction of the session's starting equity")] = 0.08
    halt_loss: Annotated[float, fraction("R4", "… or at this share of the loss cap", "fraction of the loss cap")] = 0.80
    collar: Annotated[float, fraction("H2", "Distance of an order's price from the mid", "fraction of the mid")] = 0.03
    market_reserve: Annotated[float, fraction("H2", "Reserve of an open market order in the turnover, above the ask at its admission: the price may move before it fills", "fraction of the ask")] = 0.01
    jump_stock: Annotated[float, fraction("H2", "A quote of a stock or fund further than this from the last accepted one is in doubt: no new risk until another print, a corporate action or a person confirms it", "fraction of the mid")] = 0.20
    jump_crypto: Annotated[float, fraction("H2", "The same for crypto", "fraction of the mid")] = 0.30
    jump_fx: Annotated[float, fraction("H2", "The same for currencies", "fraction of the mid")] = 0.05
    jump_other: Annotated[float, fraction("H2", "The same for futures", "fraction of the mid")] = 0.20
    dust: Annotated[int, count("H2", "A long position worth no more, without a fresh accepted price, counts as worthless and does not make the loss unknown", "whole USD")] = 1
    split_near: Annotated[float, fraction("H2", "Between two sessions, a jump of a held symbol this near a ratio of small numbers may be a split, which further prints do not confirm", "fraction of the ratio")] = 0.03
    split_units: Annotated[int, meta("units", "H2", "Largest number in such a ratio, new or old", ge=2)] = 5
    split_far: Annotated[float, meta("multiple of the mid, or its inverse", "H2", "… and any jump at least this large", gt=1)] = 1.9
    quote_age: Annotated[int, count("H2", "Age at which a quote is too old", "seconds")] = 1800
    orders_second: Annotated[int, count("H2", "Orders admitted in any second", "orders")] = 10
    orders_minute: Annotated[int, count("H2", "Orders admitted in any minute", "orders")] = 100
    repeats_minute: Annotated[int, count("H2", "Orders of one symbol, side and size admitted in any minute", "orders")] = 20
    clock_slack: Annotated[int, count("H2", "How far an order's time may be before the last one seen: queues between processes reorder messages", "milliseconds")] = 100
    wait_max: Annotated[int, count("H5", "How long an order of a live account may wait for its decision, counted from its arrival, before it is refused as late", "milliseconds")] = 500
    clock_step: Annotated[int, count("H2", "How far a live account's clock may move against a monotonic one before quotes must be received again", "milliseconds")] = 1000
    symbols: Annotated[tuple[str, ...], meta("symbols", "H2", "Symbols in which orders may add risk; empty: any with a quote")] = ()
    latency_max: Annotated[int, meta("milliseconds", "H5", "A decision that takes longer, journal included, is slow", ge=1)] = 10
    latency_window: Annotated[int, meta("decisions", "H5", "Trading is disabled when the median of this many is slow", ge=1)] = 100
    latency_recent: Annotated[int, meta("decisions", "H5", "… or when, of this many last ones,", ge=1)] = 50
    latency_slow: Annotated[int, meta("decisions", "H5", "… this many are slow", ge=1)] = 20
    batch: Annotated[int, meta("orders", "H5", "Most waiting orders that are decided on and made durable together", ge=1, le=1000)] = 64
    store_timeout: Annotated[int, meta("milliseconds", "H6", "How long a store on another server may take to answer before it counts as lost", ge=1)] = 500
    tries: Annotated[int, meta("attempts", "H6", "Retries of a decision when other processes wrote meanwhile", ge=1)] = 100
    gap: Annotated[float, fraction("H9", "Adverse gap in the risk promise's bound: the one-session fall of the stress test", "fraction of the price")] = 0.20
    size_steps: Annotated[tuple[int, ...], meta("whole USD", "H7", "Steps of a position's size, inside its cap; frozen in the account's limits")] = (10, 25, 50, 500)
    size_days: Annotated[int, meta("sessions in a row", "H7", "Profitable sessions at a size before a person may grant the next", ge=1)] = 5
    size_uptime: Annotated[float, fraction("H7", "Minutes of those sessions with a quote must exceed this", "fraction of the minutes")] = 0.999
    size_daily_loss: Annotated[float, fraction("H7", "A session that loses more restarts the evidence (P4)", "fraction of the session's starting equity")] = 0.03
    size_drawdown: Annotated[float, fraction("H7", "A larger drawdown takes one step back (P4)", "fraction of the peak")] = 0.10
    graduate_paper: Annotated[bool, meta("switch", "H7", "A paper account grows by these steps too; a live one always does")] = False


class SizingPolicy(Section, frozen=True, kw_only=True):
    """Size of an intraday model's orders (H3): from the range of its bars, smaller after losses, in high volatility and near the open and close."""

    atr_bars: Annotated[int, meta("bars", "H3", "Bars of the average true range", ge=1)] = 20
    atr_multiple: Annotated[float, meta("average true ranges of a bar", "H3", "An adverse move of this many …", gt=0)] = 10.0
    atr_risk: Annotated[float, fraction("H3", "… costs this share of the loss cap", "fraction of the loss cap")] = 0.005
    turnover_share: Annotated[float, fraction("H3", "Largest share of the session's remaining turnover for one order", "fraction of the turnover left")] = 0.10
    edge_minutes: Annotated[int, count("H3", "Minutes after the open and before the close", "minutes")] = 30
    edge_size: Annotated[float, fraction("H3", "Factor on sizes in those minutes", "factor")] = 0.50
    volatility_bars: Annotated[int, meta("bars", "H3", "Window of the realised volatility", ge=2)] = 30
    volatility_history: Annotated[int, meta("bars", "H3", "Trailing history the volatility is ranked in", ge=1)] = 1950
    volatility_history_min: Annotated[int, meta("bars", "H3", "With fewer it has no rank, and nothing is bought", ge=1)] = 120
    volatility_high: Annotated[float, fraction("H3", "Rank of the volatility in its own history from which it is high", "fraction of the history")] = 0.80
    high_size: Annotated[float, fraction("H3", "Factor on sizes in high volatility", "factor")] = 0.50
    volatility_extreme: Annotated[float, fraction("H3", "Rank from which it is extreme", "fraction of the history")] = 0.95
    extreme_size: Annotated[float, fraction("H3", "Factor on sizes in extreme volatility", "factor")] = 0.25


class ModelPolicy(Section, frozen=True, kw_only=True):
    """Intraday models in a separate process (H4). A late one is disabled, not waited for."""

    deadline_ms: Annotated[int, meta("milliseconds", "H4", "A later answer is HOLD, and the model is disabled", ge=1)] = 1000
    load_seconds: Annotated[int, meta("seconds", "H4", "A model that takes longer to load is refused", ge=1)] = 60
