"""Columns and counts of a run, collected as its events pass; the journal stays the record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from plimsoll.core.decision import OUTCOMES, AuctionRecord, CycleRecord, TargetRecord
from plimsoll.core.events import (
    ActionsInDoubt,
    ActionsRestated,
    Approval,
    CapsGranted,
    CashFlow,
    CertificationChanged,
    DataPublished,
    DataRestated,
    Event,
    Notice,
    OrderDenied,
    Split,
)
from plimsoll.core.lifecycle import Lifecycle, StrategySession
from plimsoll.core.order import Fill
from plimsoll.core.restraint import RiskEvent


@dataclass
class RunTally:
    """Columns of a run, one entry a session, and its counts. NAV in cents, exposures in fractions of NAV.

    ``lives`` and ``evidence`` of the strategies have an entry a session too, and none when lifecycle tracking is off.
    By strategy: ``heard`` counts the auctions at which it had bids, ``admitted`` the bids that took part, ``won`` those
    that won capital, ``lost`` the reasons of those that did not, ``screened`` of those that took no part; ``targets``
    are the target portfolios of every auction. ``data`` are the snapshots taken up and their restatements,
    ``waited`` counts the reasons of what was left as it is, ``denied`` the governor's reasons for the
    ``orders_denied`` that it refused.
    """

    dates: list[str] = field(default_factory=list)
    nav: list[int] = field(default_factory=list)
    gross: list[float] = field(default_factory=list)
    mode: list[str] = field(default_factory=list)
    level: list[int] = field(default_factory=list)
    new_risk: list[bool] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))
    vetoes: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    waited: Counter[str] = field(default_factory=Counter)
    events: list[RiskEvent] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    lives: list[Lifecycle] = field(default_factory=list)
    evidence: list[StrategySession] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    admitted: Counter[str] = field(default_factory=Counter)
    won: Counter[str] = field(default_factory=Counter)
    lost: dict[str, Counter[str]] = field(default_factory=dict)
    screened: dict[str, Counter[str]] = field(default_factory=dict)
    targets: list[TargetRecord] = field(default_factory=list)
    data: list[Notice] = field(default_factory=list)
    denied: Counter[str] = field(default_factory=Counter)
    orders_denied: int = 0
    dividends: int = 0
    interest: int = 0
    auctions: int = 0

    def saw(self, event: Event) -> None:
        """Count one event."""
        match event:
            case CycleRecord():
                self._cycle(event)
            case Fill():
                self.fills.append(event)
            case Split(unheld=False):
                self.splits.append(event)
            case CashFlow(kind="interest"):
                self.interest += event.cents
            case CashFlow():
                self.dividends += event.cents
            case OrderDenied():
                self.denied.update(event.reasons)
                self.orders_denied += 1
            case Approval():
                self.approvals.append(event)
            case ActionsRestated():
                self.data.append(event)
                self.splits = [s for s in self.splits if s.symbol != event.symbol]
                self.splits += [Split(s.session, event.symbol, s.lots, s.ratio) for s in event.splits]
                self.dividends += event.cents
            case DataPublished() | DataRestated() | CertificationChanged() | CapsGranted() | ActionsInDoubt():
                self.data.append(event)
            case _:
                return

    def _cycle(self, record: CycleRecord) -> None:
        self.dates.append(record.session)
        self.nav.append(record.nav)
        self.gross.append(record.figures["gross"] or 0.0)
        self.mode.append(record.carried.mode)
        self.level.append(record.restraint.level)
        self.new_risk.append(not record.bars_new_risk)
        self.outcomes.update(record.outcome)
        self.outcomes["HOLD"] += record.others
        for veto in record.vetoes:
            self.vetoes[veto.trigger] += 1
        whole = list(zip(record.outcome, record.reasons, strict=True))
        self.rejections.update([r for outcome, reasons in whole if outcome == "REJECT" for r in reasons])
        self.waited.update([r for outcome, reasons in whole if outcome == "HOLD" for r in reasons])
        self.events.extend(record.events)
        if record.auction is not None:
            self._auction(record.auction)
        if record.carried.lifecycle is not None and record.strategies is not None:
            self.lives.append(record.carried.lifecycle)
            self.evidence.append(record.strategies)

    def _auction(self, auction: AuctionRecord) -> None:
        self.auctions += 1
        self.heard.update({bid.strategy for bid in auction.bids})
        self.targets.extend(auction.targets)
        for bid in auction.bids:
            if bid.decision == "REJECTED":
                self.screened.setdefault(bid.strategy, Counter()).update(bid.reasons)
                continue
            self.admitted[bid.strategy] += 1
            if bid.weight > 0.0:
                self.won[bid.strategy] += 1
            else:
                self.lost.setdefault(bid.strategy, Counter()).update(bid.reasons)

    @property
    def mandate_ended(self) -> bool:
        """True once the lifetime drawdown has ended the mandate (R4)."""
        return any(e.kind == "MANDATE_ENDED" for e in self.events)
