"""Value of the auctions' limits: shadow prices through time, and the value of 10 % more of each (A5).

A dual is the gain of the objective per unit of a limit, and the limits come in different sizes: one per cent of NAV is
two thirds of a CVaR budget and a hundredth of gross. A tenth of each limit can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import AuctionRecord, CycleRecord
from plimsoll.reports.report_data import ReportData

Floats = NDArray[np.float64]
TENTH = 0.1
KINDS = {
    "cvar": "CVaR budgets", "stressed": "Stressed CVaR", "standalone": "Stand-alone risk", "position": "Position caps",
    "pair": "Pairs", "participation": "Volume",
}  # fmt: skip
OTHER = "Others"


@dataclass(frozen=True, eq=False, slots=True)
class Shadow:
    """One constraint over ``auctions`` it had a price in: ``price`` their mean, per unit of the limit at the
    auction's horizon; ``worth`` the mean over all auctions of what a tenth more would have added to the objective.
    """

    constraint: str
    auctions: int
    price: float
    worth: float


def shadows(m: ReportData) -> list[Shadow]:
    """Every constraint that ever had a price, the most valuable first."""
    prices: dict[str, list[tuple[float, float]]] = {}
    held = _held(m)
    for _, record, auction in held:
        for name, price in priced(auction).items():
            prices.setdefault(name, []).append((price, price * amount(name, record, auction, m) * TENTH))
    found = [
        Shadow(name, len(of), sum(p for p, _ in of) / len(of), sum(w for _, w in of) / len(held))
        for name, of in prices.items()
    ]
    return sorted(found, key=lambda s: (-s.worth, s.constraint))


def by_kind(m: ReportData) -> tuple[list[int], dict[str, Floats]]:
    """The sessions of the auctions counted from the run's first, and by kind of limit what a tenth more of all of its
    kind would have added to each auction's objective, NaN where none had a price; the dearest kind first.
    """
    held = _held(m)
    found: dict[str, Floats] = {}
    for g, (_, record, auction) in enumerate(held):
        for name, price in priced(auction).items():
            values = found.setdefault(kind(name), np.full(len(held), np.nan))
            worth = price * amount(name, record, auction, m) * TENTH
            values[g] = worth if np.isnan(values[g]) else values[g] + worth
    order = sorted(found, key=lambda k: (-float(np.nansum(found[k])), k))
    return [t for t, _, _ in held], {k: found[k] for k in order}


def kind(constraint: str) -> str:
    """The kind a constraint is drawn with."""
    return KINDS.get(constraint.partition(":")[0].partition("_")[0], OTHER)


def priced(auction: AuctionRecord) -> dict[str, float]:
    """Every constraint with a price: the shared ones' duals, and what stopped a single bid with the price it states."""
    found = {name: price for name, price in auction.duals.items() if price > 0.0}
    for bid in auction.bids:
        if bid.binding and bid.binding not in auction.duals and bid.price is not None and bid.price > 0.0:
            found[bid.binding] = max(bid.price, found.get(bid.binding, 0.0))
    return found


def amount(constraint: str, record: CycleRecord, auction: AuctionRecord, m: ReportData) -> float:
    """How much of a limit there was, fraction of NAV.

    A budget is the record's. What binds weights is used in full where it has a price, so their sum is the limit: of
    one symbol for what bounds a symbol, of both for a pair, of a sector's or strategy's bids for theirs.
    """
    name, _, scope = constraint.partition(":")
    head, _, horizon = name.partition("_")
    if head == "cvar":
        return record.limits[f"cvar_budget_{horizon or m.policy.auction.horizon}"]
    if head == "stressed" or name == "gross":
        return record.limits[name]
    if head == "stage":
        return sum(b.weight for b in auction.bids if b.strategy == scope)
    members = {scope, *scope.split("+")} if scope else {b.symbol for b in auction.bids if b.binding == constraint}
    if head == "sector":
        groups = {g.name: {m.run_context.symbols[c] for c in g.members} for g in m.run_context.sector_groups}
        members = groups.get(constraint, set())
    return sum(b.weight for b in auction.bids if b.symbol in members)


def _held(m: ReportData) -> list[tuple[int, CycleRecord, AuctionRecord]]:
    return [(t, r, r.auction) for t, r in enumerate(m.run.cycles) if r.auction is not None]
