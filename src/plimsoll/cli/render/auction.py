"""A solved auction as text: bids, limits with shadow prices, binding constraints, the independent check (A5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import console, percent, table

if TYPE_CHECKING:
    from plimsoll.analysis.auction_answer import AuctionAnswer, LotsAnswer

_STATUS = {
    "optimal": "solved by cutting planes",
    "optimal_lp": "solved by the plain linear program",
    "scaled": "NOT SOLVED: no allocation meets every limit; present positions are scaled towards cash",
}


def render_auction(found: AuctionAnswer) -> None:
    """All figures needed to check the answer."""
    out = console()
    said = _STATUS[found.status] + (f"; {found.binding} set the scale" if found.binding else "")
    out.print(escape(said))
    out.print(
        f"objective {found.objective * 1e4:.3f} bps; expected return {percent(found.expected_return, 3)}, trading "
        f"{percent(found.trade_cost, 3)}, CVaR {percent(found.cvar, 3)}; gross {percent(found.gross, 2)}, "
        f"cash {percent(found.cash, 2)}"
    )
    rows = table("bid", "asset", "weight", "cap", "return", "CVaR", "binding", "shadow price", right=(2, 3, 4, 5, 7))
    for b in found.bids:
        sizes = (percent(b.weight, 2), _cap(b.cap))
        parts = (percent(b.return_contribution, 3), percent(b.cvar_contribution, 3))
        held_back = (escape(b.binding or "none"), _price(b.shadow_price) if b.binding else "")
        rows.add_row(escape(b.bid), escape(b.asset), *sizes, *parts, *held_back)
    rows.add_section()
    total = (percent(found.gross, 2), "", percent(found.expected_return, 3), percent(found.cvar, 3))
    rows.add_row("all", "", *total, "", "")
    out.print(rows)
    out.print("Why not more?")
    for b in found.bids:
        out.print(f"  {escape(b.bid)}: {escape(b.why_not_more)}")
    limits = table("limit", "of", "measured", "cap", "shadow price", title="\nLimits", right=(2, 3, 4))
    for one in found.limits:
        measured = percent(one.measured, 4)
        limits.add_row(escape(one.limit), escape(one.subject), measured, _cap(one.cap), _price(one.shadow_price))
    out.print(limits)
    out.print("Shadow price: basis points of NAV gained by one percentage point more of the limit.")
    if found.lots is not None:
        _show_lots(found.lots)
    for note in found.notes:
        out.print(f"note  {escape(note)}")
    verdict = "every limit holds" if found.checked else "A LIMIT IS EXCEEDED"
    out.print(f"independent check: {verdict}; largest excess {max(0.0, found.worst_excess):.1e} of NAV")


def _show_lots(found: LotsAnswer) -> None:
    """The allocation in whole lots, with the reduction for a limit on CVaR."""
    out = console()
    columns = ("asset", "lots", "units", "price", "value", "weight", "target", "taken off")
    rows = table(*columns, title=f"\nIn whole lots, NAV {found.nav:,.2f}", right=(1, 2, 3, 4, 5, 6, 7))
    for h in found.holdings:
        amounts = (f"{h.lots:,}", f"{h.units:,.10g}", f"{h.price:,.10g}", f"{h.value:,.2f}")
        rows.add_row(escape(h.asset), *amounts, percent(h.weight, 2), percent(h.target, 2), f"{h.taken_off:,}")
    out.print(rows)
    verdict = "every limit holds" if found.checked else "A LIMIT IS EXCEEDED"
    out.print(
        f"cash {found.cash:,.2f}; objective {found.objective * 1e4:.3f} bps, CVaR {percent(found.cvar, 3)}; "
        f"checked again: {verdict}, largest excess {max(0.0, found.worst_excess):.1e} of NAV"
    )


def _cap(value: float | None) -> str:
    return "none" if value is None else percent(value, 2)


def _price(value: float) -> str:
    return f"{value * 100.0:.3f}"
