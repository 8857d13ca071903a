"""Expected and realised cost as text: the impact coefficient with its error, the parts, the remedy (C3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import ABSENT, console, percent, proven, table

if TYPE_CHECKING:
    from rich.table import Table

    from plimsoll.analysis.costs import CostReport
    from plimsoll.costs.shortfall import Compared

LEFT_OUT_SHOWN = 10
ORDERS_SHOWN = 10


def render_costs(found: CostReport) -> None:
    """The coefficient first, then the cost by part."""
    out = console()
    out.print(f"{escape(found.source)}: {found.orders_compared} orders filled")
    out.print(escape(found.basis))
    if found.journal is not None:
        out.print(proven(found.journal))
    out.print(escape(_coefficient(found)))
    if found.r2 is not None:
        multiple, error = found.slippage_multiple, found.slippage_multiple_error
        slippage = "as in the policy" if error is None else f"{_with_error(multiple, error)} times the policy's"
        out.print(f"slippage rates {slippage}; R² {found.r2:.4f}; {found.fills} orders of {found.days} days")
    out.print("expected and realised: bps of notional; the rest: USD")
    out.print(_table("all orders", (found.total,)))
    if len(found.by_regime) > 1:
        out.print(_table("by regime", found.by_regime))
    out.print(_table("by symbol", found.by_symbol))
    if found.by_size:
        rows = table(
            "Q/ADV", "orders", "cost", "fitted", "residual", title="beyond slippage, by size (bps)", right=(1, 2, 3, 4)
        )
        for b in found.by_size:
            figures = (f"{v * 1e4:.3f}" for v in (b.cost, b.fitted, b.residual))
            rows.add_row(percent(b.share, 4), str(b.orders), *figures)
        out.print(rows)
    _dearest(found, out.print)
    for note in found.notes:
        out.print(f"note  {escape(note)}")
    for one in found.left_out[:LEFT_OUT_SHOWN]:
        out.print(f"left out  {escape(one.where)}: {escape(one.problem)}")
    if len(found.left_out) > LEFT_OUT_SHOWN:
        out.print(f"left out  {len(found.left_out) - LEFT_OUT_SHOWN} more; --json names them all")
    if found.suggestion:
        out.print("Nothing was changed. To use this coefficient, put into a file given with --policy:")
        out.print(escape(found.suggestion), end="")


def _coefficient(found: CostReport) -> str:
    policy = f"policy {found.impact_y_policy:.4g}"
    if found.impact_y is None or found.impact_y_low is None or found.impact_y_high is None:
        return f"impact coefficient Y {ABSENT}: {found.why_unknown}; {policy}"
    between = f"95 % interval {found.impact_y_low:.4g} to {found.impact_y_high:.4g}"
    return f"impact coefficient Y {_with_error(found.impact_y, found.impact_y_error)}, {between}; {policy}"


def _with_error(value: float | None, error: float | None) -> str:
    return ABSENT if value is None or error is None else f"{value:.4g} ± {error:.2g}"


def _table(title: str, rows: Iterable[Compared]) -> Table:
    rows = list(rows)
    unfilled = ["unfilled"] if any(r.unfilled_usd for r in rows) else []
    names = ("of", "orders", "notional", "expected", "realised", "delay", "slippage", "impact", "commission", *unfilled)
    made = table(*names, title=title, right=tuple(range(1, len(names))))
    for r in rows:
        cost = (_bps(r.expected_cost), _bps(r.realised_cost))
        parts = (r.delay_usd, r.slippage_usd, r.impact_usd, r.commission_usd, *([r.unfilled_usd] if unfilled else []))
        made.add_row(escape(r.name), str(r.orders), _usd(r.notional_usd), *cost, *map(_usd, parts))
    return made


def _dearest(found: CostReport, tell: Callable[[Table | str], None]) -> None:
    """The orders with the largest cost above expectation."""
    worst = sorted(found.orders, key=lambda o: o.expected_usd - o.realised_usd)[:ORDERS_SHOWN]
    rows = table(
        "order of", "symbol", "side", "notional", "expected", "sure", "takes", "realised", "delay", "slippage",
        "impact", title=f"the {len(worst)} orders furthest above their expected cost (USD); --json has all",
        right=tuple(range(3, 11)),
    )  # fmt: skip
    for o in worst:
        parts = (o.realised_usd, o.delay_usd, o.slippage_usd, o.impact_usd)
        liquid = (percent(o.confidence, 1), percent(o.decay, 4))
        first = (_usd(o.notional_usd), _usd(o.expected_usd))
        rows.add_row(o.day, escape(o.symbol), o.side, *first, *liquid, *map(_usd, parts))
    if worst:
        tell(rows)
        tell(
            "sure: confidence of the expected cost, 1 - min(Q/2ADV, 0.3); "
            "takes: part of the liquidity the order takes, 0.1 Q/ADV"
        )


def _bps(value: float | None) -> str:
    return ABSENT if value is None else f"{value * 1e4:.2f}"


def _usd(value: float) -> str:
    """Dollars, with cents for small amounts."""
    return f"{value:,.2f}" if abs(value) < 1000.0 else f"{value:,.0f}"
