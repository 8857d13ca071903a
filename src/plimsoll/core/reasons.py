"""Every reason code, with severity, sentence, remedy and rule (G2, G4): the vocabulary of the journal.

A code not listed here may not appear in a record; a listed one must be used. ``explain`` is these sentences over
a record: ``{measured}`` and ``{limit}`` are filled where a finding carries them, ``{symbol}`` with its scope.
"""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """``severity``: note, info, warning, error, critical; ``remedy`` is empty where nothing need be done."""

    severity: str
    sentence: str
    remedy: str
    rule: str


REASONS: dict[str, Reason] = {
    # market: flags of certification (D10, D11)
    "MISSING_SESSIONS": Reason("error", "{symbol} lacks {measured} of its expected sessions; {limit} is allowed", "Ingest the missing days again, or take the symbol out of the universe", "D10"),
    "NON_POSITIVE_PRICE": Reason("error", "{symbol} has {measured} prices at or below zero", "Correct the source file", "D10"),
    "OHLC_INCONSISTENT": Reason("error", "{symbol} has {measured} bars whose open or close lies outside low and high", "Correct the source file", "D10"),
    "DUPLICATE_CONFLICT": Reason("error", "{symbol} has {measured} days given twice with different values", "Keep one row a day", "D10"),
    "DATES_UNORDERED": Reason("error", "{symbol} has {measured} rows out of date order", "Sort the file by date", "D10"),
    "DATE_IN_FUTURE": Reason("error", "{symbol} has {measured} rows dated after the run's end", "Remove them", "D10"),
    "UNEXPLAINED_JUMP": Reason("error", "{symbol} moved {measured} in one bar without an action that explains it; {limit} is allowed", "Supply the split or dividend, or confirm the move", "D10"),
    "STUCK_SERIES": Reason("error", "{symbol} repeats its close without volume for {measured} sessions", "Check the vendor; the series may have ended", "D10"),
    "CROSS_SOURCE_DEVIATION": Reason("error", "{symbol} differs between two sources by {measured}; {limit} is allowed", "Decide which source is right and ingest it again", "D10"),
    "JUMP_CONFIRMED": Reason("note", "A second source shows the same jump of {symbol}", "", "D10"),
    "HISTORY_RESTATED": Reason("error", "{symbol}'s new rows disagree with the stored ones they overlap, and older rows are not among them", "Ingest the whole history again", "D12"),
    "VOLUME_SPIKE": Reason("note", "{symbol} has {measured} days of volume above {limit} times its median", "", "D10"),
    "OFF_GRID_ROWS": Reason("note", "{symbol} had {measured} rows outside its calendar; they were dropped", "", "D10"),
    "DUPLICATE_ROWS": Reason("note", "{symbol} has {measured} exact duplicate rows; one of each was kept", "", "D10"),
    "NO_VOLUME": Reason("note", "{symbol} has no volume", "", "D10"),
    "ROWS_SHORT": Reason("error", "{symbol} has {measured} rows; {limit} make it ACTIVE", "Ingest a longer history", "D11"),
    "EXPECTED_SHORT": Reason("error", "{symbol} holds {measured} of its expected sessions; {limit} is needed", "Ingest the missing days", "D11"),
    "LOW_SCORE": Reason("error", "{symbol} has a quality score of {measured}; {limit} is needed", "Ingest from a better source", "D10"),
    "UNREADABLE": Reason("error", "{symbol} could not be read", "See the ingestion audit for the file and line", "D13"),
    "SERIES_ENDED": Reason("warning", "{symbol} has no bar after its last one while its calendar goes on; a holding is closed at its last close with cost", "", "D9"),
    "DATA_LATE": Reason("warning", "{symbol} stopped together with others of its calendar, or as the only one there: late data, held and not closed", "Ingest what is missing", "D9"),
    "DERIVED_ACTIONS": Reason("note", "{symbol} carries no actions; dividends follow from adj_close, close is taken as split-adjusted", "", "D12"),
    # pre-trade freshness (D15)
    "STALE_BAR": Reason("warning", "{symbol} lacks the bar of its last expected session", "Ingest the newest bars", "D15"),
    "TOO_FEW_ROWS": Reason("warning", "{symbol} has {measured} rows; {limit} are needed", "", "D15"),
    "TOO_MANY_GAPS": Reason("warning", "{symbol} misses {measured} of its recent rows; {limit} is allowed", "", "D15"),
    "INDICATOR_MISSING": Reason("warning", "{symbol} has no value for an indicator it needs", "", "D15"),
    "OUTLIER_UNCONFIRMED": Reason("warning", "{symbol} moved {measured} robust sigmas and nothing confirms it; {limit} is allowed", "Confirm the price with a second source", "D15"),
    "NOT_ACTIVE": Reason("error", "{symbol} may not be bid for by what was known of it that day: not certified, ended, no member, or too few bars", "See verify status --as-of DATE", "D11"),
    "NOT_TRADABLE": Reason("info", "{symbol} is an index and is never traded", "", "D2"),
    # bids and auction (A1-A6)
    "NOT_IN_PROGRAMME": Reason("info", "{symbol} is neither held nor in the programme", "", "A7"),
    "NON_POSITIVE_MU": Reason("info", "{symbol}'s expected return is not positive", "", "A1"),
    "DECAYED": Reason("warning", "The model behind {symbol} has decayed to {measured}; {limit} is needed", "Validate the model again", "A1"),
    "STAGE_CLOSED": Reason("warning", "The strategy that bids for {symbol} may use no capital: it is decommissioned or suspended", "", "G5"),
    "UNMEASURABLE_RISK": Reason("warning", "{symbol} has too few returns to measure its tail", "", "R2"),
    "NO_LIQUIDITY_DATA": Reason("warning", "{symbol} has no volume to price an entry with", "", "C2"),
    "RISK_AVERSION_BINDS": Reason("info", "The optimum is cash although bids have positive adjusted returns", "Lower auction.hurdle_sharpe", "A3"),
    "ALLOCATED": Reason("info", "{symbol} won capital in the auction", "", "A5"),
    "OUTBID": Reason("info", "{symbol} lost the auction: other bids earn more per unit of the binding limit", "", "A5"),
    "KEPT": Reason("info", "{symbol} is kept at its present weight", "", "S1"),
    "NOT_WORTH_ITS_RISK": Reason("info", "{symbol}'s expected return does not pay for its cost and its tail", "", "A3"),
    "AUCTION_FALLBACK_LP": Reason("warning", "The cutting-plane solver failed; the plain linear programme was used", "", "A3"),
    "AUCTION_INFEASIBLE": Reason("warning", "No allocation satisfies the limits; the present book was scaled towards cash", "", "A3"),
    "STRATEGY_ERROR": Reason("error", "A strategy raised an error and made no forecast", "See the record's events", "E3"),
    "FORECAST_INVALID": Reason("error", "A forecast for {symbol} is not finite or out of range and was refused", "Mend the strategy", "S1"),
    "TAIL_CONCENTRATION": Reason("warning", "{symbol} carries {measured} of the programme's tail loss; above {limit} with four or more positions is an alarm", "", "A4"),
    # the way to the programme (A7)
    "IN_BAND": Reason("info", "{symbol} is within its band of the target", "", "A7"),
    "BELOW_MIN_TRADE": Reason("info", "{symbol}'s change is below the minimum trade", "", "A7"),
    "BELOW_ONE_LOT": Reason("info", "{symbol}'s change is below one lot", "", "A7"),
    "TRADE_COUNT": Reason("info", "{symbol} waits: the session's trades are used up", "", "A7"),
    "TURNOVER": Reason("info", "{symbol} waits: the session's turnover is used up", "", "A7"),
    "PARTICIPATION": Reason("info", "{symbol}'s order is held to its share of average volume", "", "A3"),
    "NO_PRICE": Reason("warning", "{symbol} has no usable price or target, so no order can be sized", "Repair its data", "A7"),
    "TO_TARGET": Reason("info", "{symbol} trades to its target", "", "A7"),
    "TOWARDS_TARGET": Reason("info", "{symbol} trades part of the way to its target", "", "A7"),
    "TARGET_MET": Reason("info", "{symbol} is at its target", "", "A7"),
    "LOW_CONFIDENCE": Reason("info", "{symbol}'s confidence is below the threshold: no increase", "", "S2"),
    "VIX_HIGH": Reason("info", "VIX is above {limit}: the session's increases are halved", "", "S2"),
    "VIX_EXTREME": Reason("warning", "VIX is at or above {limit}: only reductions pass", "", "S2"),
    # gates (R3, R6, A4)
    "CVAR_ABOVE_BUDGET": Reason("warning", "The proposal's CVaR {measured} is above the budget {limit}", "", "R3"),
    "CVAR_ABOVE_HARD": Reason("critical", "CVaR {measured} is above the hard limit {limit}", "", "R3"),
    "CVAR_UNKNOWN": Reason("critical", "CVaR cannot be measured", "Mend the data of the holdings", "R3"),
    "STRESSED_CVAR_ABOVE_BUDGET": Reason("warning", "The proposal's stressed CVaR {measured} is above {limit}", "", "A3"),
    "CVAR_HALT": Reason("critical", "CVaR stayed above the hard limit for {measured} closes", "Reduce the book and resume by hand", "R3"),
    "GROSS_ABOVE_MAX": Reason("warning", "Gross {measured} is above {limit}", "", "R3"),
    "GROSS_FREEZE": Reason("error", "Held gross {measured} is above {limit}: no new risk", "", "R3"),
    "GROSS_HALT": Reason("critical", "Held gross {measured} is above {limit}", "", "R3"),
    "CASH_BELOW_MIN": Reason("warning", "Cash would fall below its minimum", "", "A3"),
    "POSITION_ABOVE_MAX": Reason("warning", "{symbol} at {measured} would exceed its cap {limit}", "", "A4"),
    "GROUP_ABOVE_MAX": Reason("warning", "{symbol} at {measured} would exceed its group cap {limit}", "", "A4"),
    "PAIR_ABOVE_MAX": Reason("warning", "Two correlated holdings at {measured} together exceed {limit}", "", "R6"),
    "CORRELATION_HIGH": Reason("warning", "The holdings' average correlation {measured} is above {limit}, and unusual", "", "R6"),
    "CORRELATION_ALIKE": Reason("critical", "Every pair of the several holdings moves alike, the least at {measured}; above {limit} the book is only reduced", "", "R6"),
    "CORRELATION_CLEAR": Reason("info", "The alarm on the holdings' correlation is over", "", "R6"),
    "STANDALONE_ABOVE_MAX": Reason("warning", "{symbol} alone risks {measured}; {limit} is allowed", "", "A4"),
    "INCREMENTAL_ABOVE_MAX": Reason("warning", "The trade in {symbol} adds {measured} of CVaR; {limit} is allowed", "", "A4"),
    "TURNOVER_ABOVE_MAX": Reason("warning", "Turnover {measured} is above {limit}", "", "A7"),
    "TRADES_ABOVE_MAX": Reason("warning", "{measured} trades exceed {limit}", "", "A7"),
    "PARTICIPATION_ABOVE_MAX": Reason("warning", "The trade in {symbol} is {measured} of its average volume; {limit} is allowed", "", "A3"),
    # ladder, re-entry, modes (R4, R5, R9)
    "LADDER_RUNG": Reason("warning", "A rung of the drawdown ladder fired at {measured} (threshold {limit})", "", "R4"),
    "LADDER_CUT": Reason("warning", "{symbol} is cut to the ladder's ceiling", "", "R4"),
    "LADDER_NO_NEW_RISK": Reason("warning", "The drawdown ladder allows no new risk", "", "R4"),
    "LADDER_NO_CRYPTO": Reason("info", "The drawdown ladder allows no new crypto", "", "R4"),
    "LADDER_HAVENS_ONLY": Reason("warning", "The drawdown ladder allows only safe havens", "", "R4"),
    "LADDER_LIQUIDATE": Reason("critical", "The drawdown ladder sells everything", "", "R4"),
    "REENTRY_RAMP": Reason("info", "After a halt the programme runs at part of its size", "", "R5"),
    "REENTRY_REQUESTED": Reason("warning", "Cooldown and health allow a re-entry; a signature is needed", "A person signs; in a backtest the simulated operator does", "R5"),
    "RESUMED": Reason("info", "Trading resumed", "", "R5"),
    "APPROVED": Reason("info", "A person approved the re-entry", "", "R5"),
    "EPISODE_ENDED": Reason("info", "A new high ended the drawdown episode", "", "R4"),
    "MANDATE_ENDED": Reason("critical", "Drawdown {measured} of the lifetime peak ended the mandate ({limit})", "Only a signed re-commissioning reopens the account", "R4"),
    "MODE_CHANGED": Reason("info", "The mode of the book changed", "", "R9"),
    # stops (R7)
    "STOP_REDUCED": Reason("warning", "{symbol} lost {measured} from average cost: reduced to half", "", "R7"),
    "STOP_EXITED": Reason("warning", "{symbol} lost {measured} from average cost: sold", "", "R7"),
    "STOP_CAP": Reason("info", "{symbol} is held to its stopped weight until an auction lifts it", "", "R7"),
    # regime (R8)
    "REGIME_STRESS": Reason("warning", "P(crisis) {measured} is above {limit}: budgets of proposals are halved", "", "R8"),
    "REGIME_CLEAR": Reason("info", "The crisis regime is over", "", "R8"),
    "REGIME_NO_CRYPTO": Reason("info", "The crisis regime allows no new crypto", "", "R8"),
    "REGIME_INPUT_MISSING": Reason("critical", "A required regime input has had no value for two sessions", "Ingest it", "D7"),
    # data governance inside a run (D7)
    "DATA_AFFECTED": Reason("critical", "Holdings without certified data are {measured} of NAV; {limit} is allowed", "Repair the data", "D7"),
    "UNIVERSE_AFFECTED": Reason("critical", "{measured} of the symbols that may trade lack their last bar; {limit} is allowed", "Ingest the newest bars", "D7"),
    "CLOSE_ONLY": Reason("warning", "{symbol} may not be bid for any more by what is known of it: it may only be closed", "Repair its data", "D7"),
    "NAV_UNKNOWN": Reason("critical", "A holding has no price, so NAV is unknown", "Repair its data", "D7"),
    "HALTED": Reason("critical", "The system is halted", "A person resumes with a reason", "G7"),
    # the hard-limit governor (H1, H2, R4)
    "NO_SESSION": Reason("error", "No session has begun", "Begin one with its starting equity", "H2"),
    "TIME_OUTSIDE_SESSION": Reason("error", "The order's time lies outside the session", "Begin the session, or mend the sender's clock", "H2"),
    "CLOCK_BACK": Reason("error", "The order's time lies before one already seen", "Mend the sender's clock", "H2"),
    "BAD_TIME": Reason("error", "The order's time is no instant with a time zone", "Give it as 2026-03-02T15:00:00Z", "H2"),
    "BAD_QUANTITY": Reason("error", "The order's quantity is no positive number of at most six decimals", "Give it as a text such as 0.10", "H2"),
    "BAD_PRICE": Reason("error", "The order's price is no positive number", "Give it as a text such as 400.02", "H2"),
    "NO_QUOTE": Reason("error", "{symbol} has no quote", "Send a quote first", "H2"),
    "STALE_QUOTE": Reason("error", "The quote of {symbol} is too old", "Send a fresh quote", "H2"),
    "PRICE_COLLAR": Reason("error", "The price for {symbol} is further from the mid than its collar allows", "", "H2"),
    "DUPLICATE_INTENT": Reason("error", "The order's id was used for another order", "Give every order an id of its own", "H2"),
    "ORDERS_PER_SECOND": Reason("warning", "The orders of a second are used up", "Wait", "H2"),
    "ORDERS_PER_MINUTE": Reason("warning", "The orders of a minute are used up", "Wait", "H2"),
    "REPEATED_EXECUTION": Reason("error", "The same order in {symbol} comes too often", "Look for a strategy that repeats itself", "H2"),
    "TRADE_LIMIT": Reason("error", "The order in {symbol} is above the single-trade cap", "", "H1"),
    "POSITION_LIMIT": Reason("error", "{symbol} could exceed its position cap", "", "H1"),
    "GROSS_LIMIT": Reason("error", "All positions together could exceed the account's gross limit", "", "H2"),
    "TURNOVER_LIMIT": Reason("error", "The session's turnover could exceed its cap", "", "H1"),
    "LOSS_LIMIT": Reason("critical", "The session's loss is above its cap", "", "H1"),
    "LOSS_UNKNOWN": Reason("error", "A holding's quote is too old, or too wide, to know the session's loss", "Send a fresh quote of every holding", "H2"),
    "INTRADAY_CAUTION": Reason("warning", "The session's loss halves the single-trade cap, and the order in {symbol} is above it", "", "R4"),
    "INTRADAY_REDUCE_ONLY": Reason("error", "Only reductions pass: the session's loss, or a venue that filled too much", "", "R4"),
    "INTRADAY_HALT": Reason("critical", "The session's loss halted new risk until the next session", "", "R4"),
    "OVERFILL": Reason("critical", "The venue filled more than was ordered; only reductions pass for the rest of the session", "Reconcile with the venue", "H2"),
    "UNKNOWN_SYMBOL": Reason("error", "{symbol} is not among the account's symbols", "Add it to governor.symbols, or reduce only", "H2"),
    "TOO_SLOW": Reason("critical", "Decisions took too long, so only reductions pass", "Look for a slow disk or store; trading resumes in the next session once a write is in time", "H5"),
    "HEALTH_CHECK": Reason("error", "After a halt only reductions pass until every holding has a fresh quote and no order of an earlier session is open", "Send quotes, and tell what became of the open orders", "R4"),
    "STORE_BUSY": Reason("error", "Other processes wrote the account faster than this decision could be made", "Send the order again", "H6"),
    "STORE_LOST": Reason("critical", "The governor's store failed, so nothing is admitted", "Mend the store and start again", "H2"),
    # sizes of an intraday model's orders (H3)
    "SIZE_NO_ATR": Reason("error", "{symbol} has no average true range or no price, so no order can be sized", "Give it bars enough", "H3"),
    "SIZE_NO_VOLATILITY": Reason("error", "{symbol}'s volatility has no history to be ranked in, so no order can be sized", "Give it bars enough", "H3"),
    "OUTSIDE_HOURS": Reason("info", "The session is not open: positions are only reduced", "", "H3"),
    "SIZE_CAUTION": Reason("info", "The session's loss shrank the order in {symbol}", "", "H3"),
    "SIZE_VOLATILITY": Reason("info", "High volatility shrank the order in {symbol}", "", "H3"),
    "SIZE_EDGE": Reason("info", "The first or last minutes of the session shrank the order in {symbol}", "", "H3"),
    "SIZE_HEADROOM": Reason("info", "What is left of the account's limits shrank the order in {symbol}", "", "H3"),
    "SIZE_NOTHING": Reason("info", "Ranges, layers and limits leave nothing of the order in {symbol}", "", "H3"),
    # intraday models (H4): HOLD, and why
    "OBSERVATION_INCOMPLETE": Reason("info", "A figure of the observation of {symbol} is missing, so the model was not asked", "", "H4"),
    "MODEL_ERROR": Reason("error", "The model raised an error", "Mend the model", "H4"),
    "MODEL_BAD_ANSWER": Reason("error", "The model's answer is no action with a confidence", "Let it answer HOLD, BUY or SELL with a number from 0 to 1", "H4"),
    "MODEL_NOT_FINITE": Reason("error", "The model's confidence is not a finite number", "Mend the model", "H4"),
    "MODEL_BAD_CONFIDENCE": Reason("error", "The model's confidence lies outside 0 to 1", "Mend the model", "H4"),
    "MODEL_LATE": Reason("critical", "The model did not answer in time, and its process was ended", "Look for what makes it slow and start again", "H4"),
    "MODEL_DIED": Reason("critical", "The model's process ended by itself", "Look into the model and start again", "H4"),
    "MODEL_DISABLED": Reason("warning", "The model was disabled earlier in the run", "Start again", "H4"),
    "LONG_ONLY": Reason("info", "{symbol} is not held, and nothing is sold short", "", "A3"),
    # life of a strategy (G5); the scope is its name
    "STRATEGY_PROMOTED": Reason("info", "{symbol} rises a stage: its Sharpe ratio {measured} reaches {limit} on enough evidence", "", "G5"),
    "STRATEGY_DEMOTED": Reason("warning", "{symbol} falls a stage: its Sharpe ratio {measured} is not shown to reach {limit}", "", "G5"),
    "STRATEGY_UNSKILLED": Reason("critical", "{symbol} is decommissioned: its true Sharpe ratio is too low with probability {measured}; {limit} is allowed", "Admit it anew in lifecycle.admissions once it has changed", "G5"),
    "STRATEGY_UNPROFITABLE": Reason("critical", "{symbol} is decommissioned: its profit factor {measured} is below {limit}", "Admit it anew in lifecycle.admissions once it has changed", "G5"),
    "STRATEGY_DRAWDOWN": Reason("critical", "{symbol} is decommissioned: it lost {measured} of NAV from its best; {limit} is allowed", "Admit it anew in lifecycle.admissions once it has changed", "G5"),
    "STRATEGY_SUSPENDED": Reason("critical", "{symbol} is suspended: it failed in {measured} of its last auctions; {limit} is allowed", "Mend the strategy", "G5"),
    "STRATEGY_RESTORED": Reason("info", "{symbol} is no longer suspended: it failed in {measured} of its last auctions", "", "G5"),
    "STRATEGY_READMITTED": Reason("warning", "{symbol} was admitted anew by a person and incubates", "", "G5"),
    # vetoes (G2)
    "VETO_WARNING": Reason("warning", "A warning veto halves the increase in {symbol}", "", "G2"),
    "VETO_ERROR": Reason("error", "An error veto rejects {symbol}", "", "G2"),
    "VETO_CRITICAL": Reason("critical", "A critical veto freezes increases", "", "G2"),
}  # fmt: skip

# What {measured} and {limit} are where they are not fractions, written as per cent: whole numbers, or plain figures
# (scores, sigmas, VIX points, multiples).
COUNTS = frozenset({
    "NON_POSITIVE_PRICE", "OHLC_INCONSISTENT", "DUPLICATE_CONFLICT", "DATES_UNORDERED", "DATE_IN_FUTURE",
    "STUCK_SERIES", "VOLUME_SPIKE", "OFF_GRID_ROWS", "DUPLICATE_ROWS", "ROWS_SHORT", "TOO_FEW_ROWS", "CVAR_HALT",
    "TRADES_ABOVE_MAX",
})  # fmt: skip
FIGURES = frozenset({
    "LOW_SCORE", "OUTLIER_UNCONFIRMED", "DECAYED", "VIX_HIGH", "VIX_EXTREME", "CORRELATION_HIGH", "CORRELATION_ALIKE",
    "CORRELATION_CLEAR", "STRATEGY_PROMOTED", "STRATEGY_DEMOTED", "STRATEGY_UNPROFITABLE",
})  # fmt: skip
