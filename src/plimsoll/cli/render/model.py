"""A model behind the governor, and a converted model, as text for a person (H4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import console, table
from plimsoll.cli.terminal import say

if TYPE_CHECKING:
    from plimsoll.intraday.model_convert import Conversion
    from plimsoll.intraday.model_run import ModelRun


def render_conversion(found: Conversion) -> None:
    """The file written, and its agreement with the original model."""
    say(f"wrote   {found.output}, sha256 {found.sha256}")
    say(f"from    {found.source}, {found.kind}; answers {', '.join(found.actions)}")
    say(
        f"checked on {found.trials} random observations: {found.agree:.1%} the same action, probabilities within "
        f"{found.difference:.1e}"
    )


def render_model_run(found: ModelRun) -> None:
    """Profit and loss after costs, orders, and the reasons that reduced orders."""
    out = console()
    out.print(found.label)
    mark = f", sha256 {found.sha256[:16]}" if found.sha256 else ""
    out.print(f"model {escape(found.model)}{mark}; profile {escape(found.profile)}")
    left_out = ", ".join(f"{count} {defect}" for defect, count in found.dropped.items())
    out.print(
        f"{escape(found.symbol)} from {escape(found.source)}: {found.sessions} sessions, {found.first} to "
        f"{found.last}, {found.bars} bars of {found.step} s" + (f"; left out: {left_out}" if left_out else "")
    )
    out.print(
        f"P&L {found.pnl} USD after costs, {found.pnl_before_costs} before: commission {found.commission}, slippage "
        f"and impact {found.slippage}, on {found.turnover} turned over"
    )
    out.print(
        f"worst session {found.worst_session}, worst drawdown {found.worst_drawdown}; held at the end: "
        f"{found.held_at_end}"
    )
    out.print(
        f"{found.orders} orders: {found.admitted} admitted, {found.orders - found.admitted} refused, {found.filled} "
        f"filled, {found.cancelled} cancelled at a close"
    )
    for title, counts in (
        ("Model actions", found.answers),
        ("Faults, each HOLD", found.faults),
        ("Stopped or reduced before the governor", found.held_back),
        ("Refused by the governor", found.refused),
        ("Sessions by their final ladder stage", found.stages),
    ):
        if any(counts.values()):
            rows = table(title, "count", title="", right=(1,))
            for name, count in counts.items():
                rows.add_row(escape(name), str(count))
            out.print(rows)
