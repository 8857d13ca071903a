"""Step 15: outcomes per symbol, the cycle record and its intents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.decision import Carried, CycleRecord
from plimsoll.core.limits import LimitSet, rebalance_band
from plimsoll.core.order import Order, client_id
from plimsoll.core.panel import View
from plimsoll.core.restraint import RiskEvent
from plimsoll.engine.book import MarkedBook
from plimsoll.engine.caps import noted
from plimsoll.engine.causes import WAITS, Causes
from plimsoll.engine.context import CycleContext
from plimsoll.engine.desired import DesiredWeights
from plimsoll.engine.proposal import Proposal
from plimsoll.engine.rebalance import Rebalance
from plimsoll.engine.run_context import RunContext

Floats = NDArray[np.float64]


def record(
    context: CycleContext,
    rebalanced: Rebalance,
    wish: DesiredWeights,
    proposal: Proposal,
    causes: Causes,
    carried: Carried,
    events: tuple[RiskEvent, ...],
) -> CycleRecord:
    """Inputs, judgements and results of this session, in columns."""
    view, run, book, caps = context.view, context.run, context.book, context.state.caps
    held, wanted = book.weights, rebalanced.target
    columns = _scope(run, book, rebalanced, wish, proposal)
    at = np.array(columns, dtype=np.intp)
    outcomes, reasons = _outcomes(run, book, rebalanced, wish, proposal, causes, columns)
    return CycleRecord(
        session=view.date,
        decided_at=view.sessions.decided_at(view.row),
        snapshot=view.snapshot,
        policy=run.policy_hash,
        code=run.code,
        nav=book.nav,
        cash=context.state.cash,
        regime=context.regime.figure,
        restraint=context.restraint,
        symbols=tuple([run.symbols[c] for c in columns]),
        held=held[at].tolist(),
        target=wanted[at].tolist(),
        desired=wish.desired[at].tolist(),
        proposed=(held[at] + proposal.weights[at]).tolist(),
        lots=proposal.lots[at].tolist(),
        outcome=outcomes,
        reasons=reasons,
        others=run.tradable - sum([run.may_trade[c] for c in columns]),
        figures=_figures(proposal),
        limits=_limits(context.limits) | (noted(caps) if caps is not None and run.governed else {}),
        findings=proposal.verdict.findings,
        vetoes=proposal.vetoes,
        auction=rebalanced.auction,
        events=events,
        intents=_intents(view, run, book, proposal),
        carried=carried,
        strategies=None if rebalanced.following is None else rebalanced.following.said,
        unmet=causes.unmet,
        stressed_on={str(h): name for h, name in proposal.measured.stressed_on.items()},
    )


def _scope(
    run: RunContext, book: MarkedBook, rebalanced: Rebalance, wish: DesiredWeights, proposal: Proposal
) -> list[int]:
    """Columns in the record: held, targeted, desired, ordered or bid for."""
    live = (book.weights != 0.0) | (rebalanced.target != 0.0)
    if wish.desired is not rebalanced.target:
        live |= wish.desired != 0.0
    live |= proposal.lots != 0
    scope: list[int] = live.nonzero()[0].tolist()
    if rebalanced.auction is None:
        return scope
    return sorted({*scope, *(run.column[b.symbol] for b in rebalanced.auction.bids if b.symbol in run.column)})


def _outcomes(
    run: RunContext,
    book: MarkedBook,
    rebalanced: Rebalance,
    wish: DesiredWeights,
    proposal: Proposal,
    causes: Causes,
    columns: list[int],
) -> tuple[list[str], list[list[str]]]:
    """Per column the outcome and its reasons (G1).

    An increase that was not made, or only in part, names every cause; one that waits for the session's room only is
    HOLD, every other one REJECT. A position inside the band of its desired weight, but not of the target portfolio,
    names the reason that lowered the desired weight.
    """
    outcomes: list[str] = []
    reasons: list[list[str]] = []
    orders = proposal.lots.tolist()
    for c in columns:
        lowered, shaped = wish.causes.get(c, ()), proposal.reasons.get(c, ())
        short = causes.short.get(c, ())
        if not book.known:
            outcomes.append("ERROR")
            reasons.append(["NAV_UNKNOWN"])
        elif orders[c]:
            outcomes.append("EXECUTE")
            last = ("TOWARDS_TARGET",) if c in causes.short else ("TO_TARGET",)
            reasons.append(_once(*lowered, *short, *last))
        elif c in causes.short:
            outcomes.append("HOLD" if WAITS.issuperset(short) else "REJECT")
            reasons.append(_once(*lowered, *short))
        else:
            outcomes.append("HOLD")
            quiet = shaped or ("NOT_IN_PROGRAMME",)  # neither held nor wanted
            far = lowered and _far(rebalanced.target.item(c), book.weights.item(c), run)
            reasons.append(_once(*lowered) if far else [*quiet])
    return outcomes, reasons


def _far(target: float, held: float, run: RunContext) -> bool:
    """Whether a position is beyond the band of the target portfolio's weight."""
    return abs(target - held) >= rebalance_band(run.policy.shaping, target)


def _once(*codes: str) -> list[str]:
    """The codes in order, without repeats."""
    return list(dict.fromkeys(codes))


def _figures(proposal: Proposal) -> dict[str, float | None]:
    m = proposal.measured
    figures: dict[str, float | None] = {
        "gross": m.gross_held,
        "gross_after": m.gross_proposed,
        "cash_after": m.cash_proposed,
        "turnover": m.turnover,
        "drawdown_episode": m.drawdown_episode,
        "drawdown_lifetime": m.drawdown_lifetime,
    }
    for name, values in (
        ("cvar", m.cvar_held),
        ("cvar_after", m.cvar_proposed),
        ("stressed_after", m.stressed_proposed),
    ):
        for h, value in values.items():
            figures[f"{name}_{h}"] = value if value == value else None
    return figures


def _limits(limits: LimitSet) -> dict[str, float]:
    out = {"gross": limits.gross_max, "cash": limits.cash_min}
    for h, value in limits.cvar_budget.items():
        out[f"cvar_budget_{h}"] = value
        out[f"cvar_hard_{h}"] = limits.cvar_hard[h]
        out[f"stressed_{h}"] = limits.stressed_budget[h]
    return out


def _intents(view: View, run: RunContext, book: MarkedBook, proposal: Proposal) -> tuple[Order, ...]:
    """Reductions first, then increases, largest first, so that cash is there when it is needed."""
    ordered = proposal.lots.nonzero()[0].tolist()
    if not ordered:
        return ()
    growing = {c: abs(book.weights[c] + proposal.weights[c]) > abs(book.weights[c]) for c in ordered}
    ordered.sort(key=lambda c: (growing[c], -abs(float(proposal.weights[c])), c))
    return tuple(
        Order(
            id=client_id(run.account, view.date, run.symbols[c], "buy" if proposal.lots[c] > 0 else "sell"),
            session=view.date,
            symbol=run.symbols[c],
            lots=int(proposal.lots[c]),
            reduce_only=not growing[c],
            reference=float(book.prices[c]),
        )
        for c in ordered
    )
