"""Outcomes of the strategies' answers: refused forecasts, strategies that never bid, target portfolios (E4, E5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import msgspec

from plimsoll.core.reasons import REASONS
from plimsoll.core.restraint import RiskEvent
from plimsoll.engine.tally import RunTally

_NAMED = 6  # symbols a note names


class TargetsHeld(msgspec.Struct, frozen=True):
    """A strategy's target portfolios over a run: ``auctions`` with one, ``scaled`` where a limit scaled it.

    ``scale`` is the mean part admitted, 1 the whole; ``limits`` counts the limits that scaled it (S1).
    """

    auctions: int
    scaled: int
    scale: float
    limits: dict[str, int]


def refused_forecasts(tally: RunTally) -> dict[str, dict[str, int]]:
    """By strategy, the count of each fault in its answers; STRATEGY_ERROR counts the auctions at which it raised."""
    found: dict[str, Counter[str]] = {}
    for event in tally.events:
        match event.kind:
            case "STRATEGY_ERROR":
                found.setdefault(_strategy(event), Counter())["STRATEGY_ERROR"] += 1
            case "FORECAST_INVALID" | "NOT_IN_UNIVERSE":
                name, _, fault = event.scope.split(": ", 2)
                found.setdefault(name, Counter())[fault.partition(";")[0]] += 1
    return {name: _ordered(counts) for name, counts in sorted(found.items())}


def without_bids(tally: RunTally, strategies: Sequence[str]) -> dict[str, dict[str, int]]:
    """The strategies none of whose bids was ever admitted, with counts of the reasons: code, or ``no forecast``."""
    if not tally.auctions:
        return {}
    silent = [name for name in strategies if not tally.admitted[name]]
    missing = {_strategy(e) for e in tally.events if e.kind == "STRATEGY_WITHOUT_SYMBOLS"}
    found = {}
    for name in silent:
        why = Counter(tally.screened.get(name, {}))
        why["STRATEGY_WITHOUT_SYMBOLS" if name in missing else "no forecast"] += tally.auctions - tally.heard[name]
        found[name] = _ordered(why)
    return found


def targets_held(tally: RunTally) -> dict[str, TargetsHeld]:
    """By strategy, the results of its target portfolios."""
    found: dict[str, list[tuple[float, str]]] = {}
    for record in tally.targets:
        found.setdefault(record.strategy, []).append((record.scale, record.limit))
    return {
        name: TargetsHeld(
            auctions=len(held),
            scaled=sum(scale < 1.0 for scale, _ in held),
            scale=fmean(scale for scale, _ in held),
            limits=_ordered(Counter(limit for scale, limit in held if scale < 1.0)),
        )
        for name, held in found.items()
    }


def notes(tally: RunTally, strategies: Sequence[str]) -> list[str]:
    """Notes on the strategies that affect how figures are read."""
    said = []
    refused = refused_forecasts(tally)
    for name, faults in refused.items():
        of = _symbols_of(tally, name)
        listed = "; ".join(f"{count} x {_in_words(fault)}{of.get(fault, '')}" for fault, count in faults.items())
        said.append(f"strategy {name}: {sum(faults.values())} answers or forecasts were refused ({listed})")
    for name, why in without_bids(tally, strategies).items():
        told = [e.scope.partition(": ")[2] for e in tally.events
                if e.kind == "STRATEGY_WITHOUT_SYMBOLS" and _strategy(e) == name]  # fmt: skip
        words = {"FORECAST_INVALID": "a forecast that was refused, as said above"} if name in refused else {}
        listed = (
            told[0]
            if told
            else "; ".join(f"{count} x {words.get(reason, _in_words(reason))}" for reason, count in why.items())
        )
        said.append(f"strategy {name} made no bid at any of {tally.auctions} auctions: {listed}")
    for name in (s for s in strategies if tally.admitted[s] and not tally.won[s]):
        listed = "; ".join(f"{count} x {_in_words(why)}" for why, count in _ordered(tally.lost[name]).items())
        said.append(f"strategy {name} made {tally.admitted[name]} bids and never won capital: {listed}")
    for name, held in targets_held(tally).items():
        if held.scaled:
            limits = ", ".join(f"{limit} {count}" for limit, count in list(held.limits.items())[:4])
            said.append(
                f"strategy {name}: its target portfolio was held at {held.scale:.0%} of its size on average, scaled at "
                f"{held.scaled} of {held.auctions} auctions ({limits})"
            )
    return said


def _symbols_of(tally: RunTally, strategy: str) -> dict[str, str]:
    """By fault, the symbols of a strategy's answers that had it, in brackets; the most frequent first."""
    found: dict[str, Counter[str]] = {}
    for event in tally.events:
        if event.kind in ("FORECAST_INVALID", "NOT_IN_UNIVERSE") and _strategy(event) == strategy:
            _, symbol, fault = event.scope.split(": ", 2)
            found.setdefault(fault.partition(";")[0], Counter())[symbol] += 1
    return {
        fault: f" ({', '.join(symbol for symbol, _ in symbols.most_common(_NAMED))}"
        f"{' …' if len(symbols) > _NAMED else ''})"
        for fault, symbols in found.items()
    }


def _strategy(event: RiskEvent) -> str:
    return event.scope.partition(": ")[0]


def _in_words(reason: str) -> str:
    known = REASONS.get(reason)
    return reason if known is None else known.sentence.replace("{symbol}", "a symbol").split(":")[0]


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return {key: n for key, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n}
