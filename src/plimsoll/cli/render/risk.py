"""A portfolio's distance from its limits as text, the closest limit first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import ABSENT, SYNTHETIC, console, figure, percent, proven, table

if TYPE_CHECKING:
    from rich.console import Console

    from plimsoll.analysis.risk import LimitStanding, RiskStanding

_MOST = 8  # positions shown; --json has all


def render_risk(found: RiskStanding) -> None:
    """Limits, tail, contributions and ladder of one close."""
    out = console()
    if found.synthetic:
        out.print(SYNTHETIC)
    out.print(
        f"run {escape(found.run)}, close of {found.session}: NAV {found.nav:,.0f} USD, "
        f"cash {found.cash:,.0f} USD; {found.orders} order{'' if found.orders == 1 else 's'} decided"
    )
    out.print(f"new risk {'allowed, within the limits below' if found.new_risk else 'BARRED'}")
    for sentence in found.restraints:
        out.print(f"- {escape(sentence)}")
    if found.stale:
        n = len(found.stale)
        out.print(
            f"- {'a holding has' if n == 1 else f'{n} holdings have'} no bar of this session and "
            f"{'stands' if n == 1 else 'stand'} at an older price, as every figure below does: "
            + escape(", ".join(found.stale[:_MOST]) + (", …" if n > _MOST else ""))
        )
    _limits(out, found)
    _tails(out, found)
    _parts(out, found)
    _ladder(out, found)
    out.print(proven(found.journal))


def _limits(out: Console, found: RiskStanding) -> None:
    """One line per limit, for the scope that uses most of it."""
    rows = table("limit", "scope", "measured", "limit", "used", "left", "left, USD", "", right=(2, 3, 4, 5, 6))
    seen: set[str] = set()
    shown: list[LimitStanding] = []
    for one in found.limits:
        key = f"{one.name}:{one.scope}" if one.name == "ladder" else one.name
        if key in seen:
            continue
        seen.add(key)
        shown.append(one)
        rows.add_row(
            escape(one.name),
            escape(f"{one.scope}, {one.on}" if one.on else one.scope),
            _amount(one.measured, one.unit),
            _amount(one.limit, one.unit),
            "no bound" if one.use is None and one.measured is not None else percent(one.use, 1),
            _amount(one.headroom, one.unit),
            "" if one.headroom_usd is None else figure(one.headroom_usd, 0 if abs(one.headroom_usd) >= 100.0 else 2),
            one.verdict if one.verdict == "within" else f"{one.verdict.upper()}: {escape(one.consequence)}",
        )
    out.print(rows)
    if not found.orders:
        out.print("No order was decided, so turnover, trades, volume and added risk were not measured.")
    for one in [one for one in shown if one.verdict != "off"][:3]:
        out.print(f"room under {escape(one.name)} ({escape(one.scope)}): {escape(one.loosens)}")


def _amount(value: float | None, unit: str) -> str:
    if unit == "orders":
        return ABSENT if value is None else f"{value:,.0f}"
    if unit == "points":
        return figure(value, 1)
    return percent(value, 4 if unit == "fraction of volume" else 2)


def _tails(out: Console, found: RiskStanding) -> None:
    if not found.tails:
        out.print("There are no positions, so there is no tail.")
        return
    rows = table("CVaR 95 %, of NAV", "sessions", "VaR", "CVaR", "interval", "USD", right=(1, 2, 3, 4, 5))
    for e in found.tails:
        between = ABSENT if e.low is None or e.high is None else f"{percent(e.low, 2)} to {percent(e.high, 2)}"
        usd = ABSENT if e.cvar is None else f"{e.cvar * found.nav:,.0f}"
        rows.add_row(e.estimator, f"{e.horizon}", percent(e.var, 2), percent(e.cvar, 2), between, usd)
    out.print(rows)


def _parts(out: Console, found: RiskStanding) -> None:
    if not found.contributions:
        return
    longest = max(c.horizon for c in found.contributions)
    mine = [c for c in found.contributions if c.horizon == longest]
    rows = table(
        f"position, {longest} sessions", "weight", "part of CVaR", "share", "if sold, saves", right=(1, 2, 3, 4)
    )
    for c in mine[:_MOST]:
        rows.add_row(
            escape(c.symbol), percent(c.weight), percent(c.component, 2), percent(c.share, 0), percent(c.incremental, 2)
        )
    if len(mine) > _MOST:
        rows.add_row(f"{len(mine) - _MOST} more")
    out.print(rows)


def _ladder(out: Console, found: RiskStanding) -> None:
    if not found.ladder:
        out.print("The drawdown ladder is switched off.")
        return
    rows = table(
        "rung", "fires at", "of the peak of", "drawdown", "may fall", "USD", "at NAV", "", right=(1, 3, 4, 5, 6)
    )
    for r in found.ladder:
        rows.add_row(
            escape(r.rung),
            percent(r.threshold, 0),
            r.basis,
            percent(r.drawdown),
            percent(r.fall),
            f"{r.fall_usd:,.0f}",
            f"{r.at_nav:,.0f}",
            "fired" if r.fired else "",
        )
    out.print(rows)
