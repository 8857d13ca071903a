"""Display of a run: a line and key figures as text, a small table with its curve in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from plimsoll.reports.comparison import benchmark_label
from plimsoll.reports.page.formatting import figure, percent

if TYPE_CHECKING:
    from plimsoll.notebook.run import Run

_ROWS = (
    ("annual return", "annual_return", percent),
    ("annual volatility", "annual_volatility", percent),
    ("Sharpe ratio (excess of T-bills)", "sharpe", figure),
    ("maximum drawdown", "max_drawdown", percent),
    ("CVaR 95 %, 1 session", "cvar_95_1d", lambda v: percent(v, 2)),
    ("annual costs", "cost_drag_annual", lambda v: percent(v, 2)),
)
_WIDE, _TALL, _POINTS = 420.0, 90.0, 400


def plain(run: Run) -> str:
    """``<run ...>``, and under it the key figures beside the passive books; unfinished is said."""
    s = run.summary
    made_up = ", SYNTHETIC DATA" if s.synthetic else ""
    line = (
        f"<run {s.run}: {', '.join(s.strategies)}, {s.start} to {s.end}{made_up}{'' if s.finished else ', unfinished'}>"
    )
    names, rows = _figures(run)
    if not rows:
        return line
    widths = [max(len(row[i]) for row in [names, *rows]) for i in range(len(names))]
    told = [
        "  " + row[0].ljust(widths[0]) + "".join("  " + c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))
        for row in [names, *rows]
    ]
    return "\n".join([line, *told])


def html(run: Run) -> str:
    """The same as markup, every text escaped, with the curve of NAV; it needs no script and no network."""
    s = run.summary
    made_up = " <strong>SYNTHETIC DATA</strong>" if s.synthetic else ""
    names, rows = _figures(run)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    state = "" if s.finished else " (unfinished)"
    return (
        f"<div><p><strong>{escape(s.run)}</strong>{state}: {escape(', '.join(s.strategies))}, {escape(s.start)} to "
        f"{escape(s.end)}{made_up}</p>{_curve(run)}{table}</div>"
    )


def _figures(run: Run) -> tuple[list[str], list[list[str]]]:
    if run.result is None:
        return [], []
    books = {"Plimsoll": run.result.metrics}
    books |= {benchmark_label(name): book for name, book in run.result.benchmarks.items()}
    return ["", *books], [[name, *(shown(getattr(b, key)) for b in books.values())] for name, key, shown in _ROWS]


def _curve(run: Run) -> str:
    nav = [r.nav for r in run.records]
    if len(nav) < 2:
        return ""
    step = -(-len(nav) // _POINTS)
    kept = nav[::step] if (len(nav) - 1) % step == 0 else [*nav[::step], nav[-1]]
    low, high = min(kept), max(kept)
    scale = (_TALL - 8.0) / ((high - low) or 1)
    points = " ".join(
        f"{i / (len(kept) - 1) * _WIDE:.1f},{_TALL - 4.0 - (v - low) * scale:.1f}" for i, v in enumerate(kept)
    )
    return (
        f'<svg viewBox="0 0 {_WIDE:.0f} {_TALL:.0f}" width="{_WIDE:.0f}" height="{_TALL:.0f}" role="img" '
        f'aria-label="Net asset value, {nav[0] / 100:,.0f} to {nav[-1] / 100:,.0f} USD"><polyline points="{points}" '
        'fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
    )
