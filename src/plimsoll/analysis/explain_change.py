"""Sentences on the changes that would have changed an outcome, as shown by deciding the session again (G4)."""

from __future__ import annotations

import math
from collections.abc import Callable

from plimsoll.analysis import wording
from plimsoll.analysis.case import Case, DecisiveChange, Otherwise, Position, Subject, bids
from plimsoll.analysis.wording import known, money, sessions, share


def otherwise(case: Case, subject: Subject, at: Position) -> tuple[str, ...]:
    """Each thing that would have changed the decision by itself, or what would have only together."""
    symbol = subject.instrument.symbol
    if subject.otherwise is None:
        return (
            "Not shown: this version decides the session differently from the run, so changes cannot be tested "
            "('plimsoll replay' shows the differences).",
        )
    lines = list(_told(case, subject.otherwise, lambda change: _effect(symbol, at, change)))
    if not subject.instrument.tradable or case.auction is None:
        return tuple(lines)
    if not (at.held or at.target or bids(case, symbol)):
        lines.append("A forecast: strategies bid at auctions only, and none had made a bid for it at the last one.")
    for strategy, found in subject.bids:
        weight = next((b.weight for b in bids(case, symbol) if b.strategy == strategy), 0.0)
        said = _told(case, found, lambda change, had=weight: _won(had, change))  # type: ignore[misc]
        if said:
            lines.append(f"At the auction of {case.auction.session}, for {strategy}'s bid:")
            lines += [text if text.startswith("- ") else f"- {text}" for text in said]
    return tuple(lines)


def _told(case: Case, found: Otherwise, effect: Callable[[DecisiveChange], str]) -> tuple[str, ...]:
    if found.alone:
        return tuple(f"{_opened(phrase(case, change))}: {effect(change)}." for change in found.alone)
    if found.together:
        all_ = [f"- {_opened(phrase(case, change))}" for change in found.together]
        return (f"No single figure; these {len(all_)} together, and then {effect(found.together[0])}:", *all_)
    if found.tried:
        return ("None of the tested figures changes it, neither one at a time nor all at once.",)
    return ()


def _opened(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _effect(symbol: str, at: Position, change: DecisiveChange) -> str:
    """The alternative decision."""
    after, before = wording.both(change.weight, at.proposed)
    if change.lots > 0 and at.lots > 0:
        return f"more would have been bought, to {after} of NAV and not {before}"
    if change.lots > 0:
        return f"{symbol} would have been bought, to {after} of NAV"
    if change.lots == 0:
        return f"nothing would have been sold, and {after} of NAV kept"
    if at.lots < 0:
        return f"less would have been sold, and {after} of NAV kept"
    return f"{symbol} would have been sold down to {after} of NAV"


def _won(had: float, change: DecisiveChange) -> str:
    after, before = wording.both(change.weight, had)
    return f"it would have won {after} of NAV" + (f" and not {before}" if had else "")


def phrase(case: Case, change: DecisiveChange) -> str:
    """What is moved, with the figure then and as it was.

    Every figure is written with all its digits, for it was tried as it stands.
    """
    kind, _, scope = change.figure.partition(":")
    head, _, tail = kind.rpartition("_")
    if tail.isdigit():
        return _by_horizon(head, sessions(int(tail)), scope, change)
    if kind == "held":
        less = (change.then or 0.0) < (change.now or 0.0)
        to = (math.floor if less else math.ceil)((change.then or 0.0) * 1e4) / 1e4
        return f"with {share(to, 2)} of NAV or {'less' if less else 'more'} held in place of {share(change.now, 2)}"
    if kind == "vix":
        return _vix(case, change)
    if kind in _MONEY:
        return _MONEY[kind].format(then=money(change.then or 0.0), now=money(change.now or 0.0), scope=scope)
    if kind in _COUNTS:
        return _COUNTS[kind].format(then=f"{change.then or 0.0:.10g}", now=f"{change.now or 0.0:.10g}")
    if kind in _SHARES:
        was = "" if change.now is None else f", in place of {_was(change)}"
        return f"{_SHARES[kind].format(then=_share(change), scope=scope)}{was}"
    return _LIFTED.get(kind, f"without {change.figure}").format(scope=scope)


def _by_horizon(head: str, horizon: str, scope: str, change: DecisiveChange) -> str:
    of = {
        "cvar": "a CVaR budget",
        "cvar_hard": "a hard limit on CVaR",
        "standalone": f"a limit on the risk of {scope} by itself",
    }.get(head, "a stressed CVaR limit")
    return f"{of} over {horizon} of {_share(change)}, in place of {_was(change)}"


def _vix(case: Case, change: DecisiveChange) -> str:
    """VIX, or its replacement; below its upper bound, or at the lower one."""
    what = "VIX" if case.record.regime.vix is not None else "the volatility that replaces VIX"
    rules, then = case.policy.forecast, change.then or 0.0
    below = rules.vix_high < then < rules.vix_extreme
    bound = f"below {rules.vix_extreme:.10g}" if below else f"at {then:.10g} or below"
    return f"{what} {bound}, in place of {wording.figure(change.now)}"


def _share(change: DecisiveChange) -> str:
    """The figure then, as it was tried."""
    return f"{100.0 * (change.then or 0.0):.8f}".rstrip("0").rstrip(".") + "%"


def _was(change: DecisiveChange) -> str:
    """The figure as it was, with digits enough to tell it from the other."""
    if change.now is None or not known(change.now):
        return wording.UNKNOWN
    then = _share(change)
    least = max(2, len(then.rstrip("%").partition(".")[2]))
    shown = (f"{100.0 * change.now:.{places}f}%" for places in range(least, 9))
    return next((text for text in shown if float(text[:-1]) != float(then[:-1])), f"{100.0 * change.now:.9g}%")


_SHARES = {
    "gross": "a limit on gross exposure of {then}",
    "gross_freeze": "a gross exposure of up to {then} before new risk stops",
    "cash": "a cash minimum of {then}",
    "invested": "a limit of {then} on total investment",
    "position": "a cap of {then} on a position in {scope}",
    "incremental": "a limit of {then} on the CVaR that a trade in {scope} may add",
    "sector": "a cap of {then} on the sector {scope}",
    "participation": "orders of up to {then} of average volume",
    "turnover": "a turnover of {then} a session",
    "account_gross": "an account's limit of {then} on gross exposure",
    "affected_holdings_max": "a limit of {then} on holdings affected by data",
    "affected_universe_max": "a limit of {then} on symbols that lack their last bar",
    "target_weight": "a weight of {then} asked for by the strategy itself",
    "mu": "an expected return of {then}",
    "confidence": "a confidence of {then}",
}
_MONEY = {
    "account_trade": "an account's cap of {then} on one order, in place of {now}",
    "account_position": "an account's cap of {then} on a position in {scope}, in place of {now}",
    "account_turnover": "an account's cap of {then} on a session's turnover, in place of {now}",
    "min_trade": "a minimum trade of {then}, in place of {now}",
    "nav": "an account of {then}, in place of {now}",
}
_COUNTS = {
    "trades": "{then} trades a session, in place of {now}",
    "pair": "a cap on the correlated pair of {then} times the larger one's own, in place of {now} times",
}
_LIFTED = {
    "ladder": "a re-entry of the drawdown ladder: the episode over, its rungs, ceiling and ramp lifted",
    "stop": "no loss from average cost and no stop in force",
    "data": "fresh and confirmed data for the session",
    "state": "ACTIVE data, so that it may be bought",
    "volume": "volume data to price an entry with",
    "crisis": "the crisis regime over",
    "correlation": "holdings that are not all correlated",
    "halt": "the halt lifted by a person",
    "regime inputs": "every required regime input present",
    "account_symbol": "{scope} among the account's symbols",
    "veto": "the veto {scope} silent",
}
