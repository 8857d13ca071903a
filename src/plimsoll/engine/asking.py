"""Step 6: ask the strategies that are due for forecasts; one without a usable answer keeps its positions (S1, E3).

Nothing is sold because something is missing. A strategy that raises, or returns something that is not a forecast, keeps
all its positions; one whose forecast for a symbol is invalid keeps that symbol; so does one that is not due, and one
that omits a symbol whose data are no longer certified, for which it could not bid (D7). Each case is an event.
There is no clock here, so an answer cannot be late. A live engine that gives up waiting passes an error as the answer.
"""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

import plimsoll
from plimsoll.alpha.rules import standing
from plimsoll.alpha.terms import policy_for, terms_of
from plimsoll.core.answers import fault_of, is_number, plain
from plimsoll.core.decision import Share, TargetPortfolio
from plimsoll.core.errors import printable
from plimsoll.core.forecast import Forecast, Holding, TargetWeights
from plimsoll.core.panel import View
from plimsoll.core.ports import Strategy, Trades
from plimsoll.core.restraint import RiskEvent
from plimsoll.core.state import State
from plimsoll.engine.answers import Answers
from plimsoll.engine.book import MarkedBook, target_of
from plimsoll.engine.context import CycleContext
from plimsoll.engine.run_context import RunContext

_ROOT = Path(plimsoll.__file__).parent
_MOST, _MOST_EACH = 1_000, 4  # most forecasts of one answer, plus per symbol: bounds a generator
_SHOWN = 1_000  # characters of a plug-in's own text in an event
_UNSURE = 0.5  # confidence of a position without a forecast: that of a rule without a score (S1)


def asked(context: CycleContext) -> Answers | None:
    """The answers of the strategies that are due at this session; None without an auction."""
    view, run, book, portfolio = context.view, context.run, context.book, context.state.carried.portfolio
    names = due(view, context.state, run) if book.known else None
    return None if names is None else ask(view, run, present_shares(portfolio, book, run), portfolio, names)


def due(view: View, state: State, run: RunContext) -> frozenset[str] | None:
    """The strategies to be asked at this session: all of them at a run's first auction, then each on its own dates.

    None where no auction is due: no strategy is, or the mandate is over. A run without strategies holds its empty
    auctions on the policy's schedule.
    """
    if state.carried.ladder.ended:
        return None
    if state.carried.portfolio is None:
        return frozenset(s.name for s in run.strategies)
    return scheduled(view, run)


def scheduled(view: View, run: RunContext) -> frozenset[str] | None:
    """The strategies whose dates fall on this session, after a run's first auction; None without strategies."""
    if not run.strategies:
        return frozenset() if _falls_on(view, run.policy.auction.schedule) else None
    falls = {schedule: _falls_on(view, schedule) for schedule in set(run.schedules)}
    return frozenset(s.name for s, dates in zip(run.strategies, run.schedules, strict=True) if falls[dates]) or None


def _falls_on(view: View, schedule: str) -> bool:
    if schedule == "daily":
        return True
    sessions = view.sessions
    if schedule == "month_end":
        return bool(sessions.last_of_month[view.row])
    following = sessions.days[view.row + 1] if view.row + 1 < len(sessions) else sessions.next_day
    return bool((sessions.days[view.row] + 3) // 7 != (following + 3) // 7)  # weeks begin on Monday


def present_shares(portfolio: TargetPortfolio | None, book: MarkedBook, run: RunContext) -> tuple[Share, ...]:
    """The present weights attributed pro rata to the strategies whose target portfolios bought them."""
    if portfolio is None:
        return ()
    target = target_of(portfolio, run)
    present = []
    for share in portfolio.shares:
        column = run.column[share.symbol]
        if target[column] > 0.0 and book.weights[column] > 0.0:
            weight = float(share.weight / target[column] * book.weights[column])
            present.append(Share(share.strategy, share.symbol, weight))
    return tuple(present)


def ask(
    view: View, run: RunContext, shares: tuple[Share, ...], portfolio: TargetPortfolio | None, asked: frozenset[str]
) -> Answers:
    """The answers of ``asked``; the other strategies keep their ``shares`` (present weights, fractions of NAV)."""
    answers = Answers()
    withheld = _withheld(view)
    for strategy in run.strategies:
        own = {s.symbol: s.weight for s in shares if s.strategy == strategy.name}
        said: tuple[Forecast, ...] = ()
        why = dict.fromkeys(own, "NOT_DUE")
        answers.failed[strategy.name] = False
        if strategy.name in asked:
            if portfolio is None:
                _without_symbols(strategy, view, run, answers)
            said, why = _answer(strategy, view, Holding(dict(own)), run, answers)
            spoken = {f.symbol for f in said}
            why |= {s: "CLOSE_ONLY" for s in own if s not in spoken and s not in why and withheld[run.column[s]]}
        answers.forecasts.append((strategy.name, said))
        kept = tuple((_stay(s, w, portfolio, run), why[s]) for s, w in own.items() if s in why)
        if kept:
            answers.kept[strategy.name] = kept
    return answers


def _stay(symbol: str, held: float, portfolio: TargetPortfolio | None, run: RunContext) -> Forecast:
    """A keep forecast, with the target portfolio's confidence in the symbol."""
    confidence = _UNSURE if portfolio is None else portfolio.confidence.get(symbol, _UNSURE)
    return standing(symbol, held, confidence, "stands", run.policy.auction.horizon)


def _answer(
    strategy: Strategy, view: View, holding: Holding, run: RunContext, answers: Answers
) -> tuple[tuple[Forecast, ...], dict[str, str]]:
    """One strategy's forecasts, and its positions kept without a usable answer: symbol -> reason code."""
    name, own = strategy.name, dict(holding.weights)
    policy = policy_for(run.policy_copy(), terms_of(strategy, run.policy))
    try:
        given = strategy.forecast(view, holding, policy)
        target = isinstance(given, TargetWeights | Mapping) or hasattr(given, "items")
        most = _MOST + _MOST_EACH * len(run.column)
        said = _portfolio(given, run.policy.auction.horizon, most) if target else _forecasts(given, most)
    except (
        Exception,
        SystemExit,
        GeneratorExit,
    ) as error:  # a plug-in may raise anything; it is journaled and its positions are kept
        answers.failed[name] = True
        answers.events.append(
            RiskEvent(view.date, "STRATEGY_ERROR", "CRITICAL", scope=f"{name}: {_said(error)}{_where(error, strategy)}")
        )
        return (), dict.fromkeys(own, "STRATEGY_ERROR")
    if target:
        answers.targets.add(name)
    said, faults = _sound(said, run, target=target)
    for symbol, fault in faults:
        kind, severity = "FORECAST_INVALID", "WARNING"
        if fault == _UNKNOWN and target:
            kind, severity = "NOT_IN_UNIVERSE", "INFO"
        stands = "; its position is kept" if symbol in own else ""
        answers.events.append(RiskEvent(view.date, kind, severity, scope=f"{name}: {_shown(symbol)}: {fault}{stands}"))
    answers.failed[name] = any(not (target and fault == _UNKNOWN) for _, fault in faults)
    return said, {symbol: "FORECAST_INVALID" for symbol, _ in faults if symbol in own}


_UNKNOWN = "not a symbol of the universe"
_TWICE = "more than one forecast for it"
_NEGATIVE = "its weight is negative, and the portfolio is long only"


def _forecasts(given: object, most: int) -> tuple[Forecast, ...]:
    if not isinstance(given, Iterable):
        raise TypeError(f"forecast() returned {_kind(given)}, not forecasts or target weights")
    said = tuple(islice(given, most + 1))
    if len(said) > most:
        raise ValueError(f"forecast() returned more than {most} forecasts")
    for f in said:
        if not isinstance(f, Forecast):
            raise TypeError(f"forecast() returned {_kind(f)} among its forecasts")
        if not isinstance(f.symbol, str):
            raise TypeError(f"a forecast names {_kind(f.symbol)} as its symbol, not text")
    return said


def _portfolio(given: object, horizon: int, most: int) -> tuple[Forecast, ...]:
    """Target weights as forecasts without an expected return; a weight of zero makes no forecast."""
    wanted = given if isinstance(given, TargetWeights) else TargetWeights(dict(given.items()))  # type: ignore[attr-defined]
    if not isinstance(wanted.reason, str):
        raise TypeError("the reason of its target weights is not text")
    if len(wanted.weights) > most:
        raise ValueError(f"forecast() returned more than {most} target weights")
    said = []
    for symbol, weight in wanted.weights.items():
        if not isinstance(symbol, str):
            raise TypeError(f"a target weight names {_kind(symbol)} as its symbol, not text")
        if is_number(weight) and weight == 0:
            continue
        # None in a forecast means no cap; here it is a missing weight
        asked = float("nan") if weight is None else weight
        said.append(Forecast(symbol, 0.0, 1.0, wanted.confidence, horizon, wanted.reason, target_weight=asked))
    return tuple(said)


def _sound(
    said: tuple[Forecast, ...], run: RunContext, *, target: bool
) -> tuple[tuple[Forecast, ...], list[tuple[str, str]]]:
    """The valid forecasts in plain numbers, and the faults of the others: (symbol, fault)."""
    count = Counter(f.symbol for f in said)
    made, faults = [], []
    for f in said:
        fault = _UNKNOWN if f.symbol not in run.column else _TWICE if count[f.symbol] > 1 else fault_of(f)
        if fault.startswith("target_weight") and target:
            fault = _NEGATIVE if is_number(f.target_weight) else "its weight is not a finite number"
        if fault:
            faults.append((f.symbol, fault))
        made.append(f if fault else plain(f))
    return tuple(made), list(dict.fromkeys(faults))


def _withheld(view: View) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(N,) listed symbols that may not be bid for because their data are not certified (D7)."""
    return np.asarray(~view.certified("sound")[-1] & ~view.certified("ended")[-1] & view.listed)


def _without_symbols(strategy: Strategy, view: View, run: RunContext, answers: Answers) -> None:
    """Report once a run a strategy with fixed symbols none of which can be bid for (E5)."""
    if not isinstance(strategy, Trades):
        return
    try:
        wanted = [str(symbol) for symbol in strategy.trades(run.policy_copy())]
    except Exception as error:  # only the report fails; it is still asked for forecasts
        wanted, scope = [], f"{strategy.name}: trades() failed, {_said(error)}"
        answers.events.append(RiskEvent(view.date, "STRATEGY_WITHOUT_SYMBOLS", "WARNING", scope=scope))
        return
    if wanted and not any(symbol in run.column for symbol in wanted):
        scope = f"{strategy.name}: none of {', '.join(wanted)} is in the universe"
        answers.events.append(RiskEvent(view.date, "STRATEGY_WITHOUT_SYMBOLS", "WARNING", scope=scope))


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _said(error: BaseException) -> str:
    """An error as text that is the same in every process: without addresses of objects."""
    return _shown(re.sub(r"0x[0-9a-fA-F]+", "0x", f"{type(error).__name__}: {error}"))


def _shown(text: str) -> str:
    """A plug-in's text made safe for a journal and a terminal: no control characters, bounded length."""
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _where(error: BaseException, strategy: Strategy) -> str:
    """The deepest line of the error outside Plimsoll and libraries' own files: `` (file.py:12)``; "" without one.

    A strategy's own module is what a person can mend, so its line is given even where something it called raised.
    """
    module = type(strategy).__module__
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [(f, n) for f, n in frames if f.f_globals.get("__name__") == module]
    found = own or [(f, n) for f, n in frames if _ROOT not in Path(f.f_code.co_filename).parents]
    if not found:
        return ""
    frame, line = found[-1]
    return f" ({Path(frame.f_code.co_filename).name}:{line})"
