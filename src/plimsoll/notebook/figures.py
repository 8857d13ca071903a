"""Figures of a run, drawn with plotly (the extra ``plimsoll[plots]``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from plimsoll.core.errors import PlimsollError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from plimsoll.notebook.run import Run


def draw(name: str, run: Run) -> Figure:
    """The figure of this name; synthetic data says so in the title."""
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise PlimsollError("figures need plotly, which is not installed", "pip install 'plimsoll[plots]'") from None
    title, unit, add = _DRAWN[name]
    figure = go.Figure()
    add(figure, run)
    summary = run.summary
    made_up = " - SYNTHETIC DATA" if summary.synthetic else ""
    span = f"{summary.run}, {summary.start} to {summary.end}{made_up}"
    figure.update_layout(
        title={"text": title, "subtitle": {"text": span}},
        yaxis_title=unit,
        hovermode="x unified",
        template="plotly_white",
    )
    if unit != "USD":
        figure.update_yaxes(tickformat=".1%")
    return figure


def _equity(figure: Figure, run: Run) -> None:
    figure.add_scatter(x=run.equity["date"].to_list(), y=run.equity["nav"].to_list(), name="NAV")


def _drawdown(figure: Figure, run: Run) -> None:
    below = (-run.equity["drawdown"]).to_list()
    figure.add_scatter(x=run.equity["date"].to_list(), y=below, name="drawdown", fill="tozeroy")


def _weights(figure: Figure, run: Run) -> None:
    dates = run.weights["date"].to_list()
    for symbol in run.weights.columns[1:]:
        figure.add_scatter(x=dates, y=run.weights[symbol].to_list(), name=symbol, stackgroup="held")


def _risk(figure: Figure, run: Run) -> None:
    dates = run.equity["date"].to_list()
    figure.add_scatter(x=dates, y=run.equity["cvar_10"].to_list(), name="CVaR 95 %, 10 sessions")
    for name, dash in (("cvar_budget_10", "dot"), ("cvar_hard_10", "dash")):
        limits = [record.limits.get(name) for record in run.records]
        label = "budget" if dash == "dot" else "hard limit"
        figure.add_scatter(x=dates, y=limits, name=label, line={"dash": dash})


_DRAWN: dict[str, tuple[str, str, Callable[[Figure, Run], None]]] = {
    "equity": ("Net asset value, net of costs", "USD", _equity),
    "drawdown": ("Drawdown from the highest close of the run", "fraction of the peak", _drawdown),
    "weights": ("Weights at the close", "fraction of NAV", _weights),
    "risk": ("CVaR of the book beside its limits", "fraction of NAV", _risk),
}
