"""Market data as text for a person: an ingest, certifications, sources, providers, confirmed jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import SYNTHETIC, console, figure, percent, table
from plimsoll.cli.terminal import say
from plimsoll.core.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.core.bars import Confirmation
    from plimsoll.market.confirm import Confirmed
    from plimsoll.market.ingest import IngestReport
    from plimsoll.market.listing import Providers
    from plimsoll.market.routing import RouteTaken
    from plimsoll.market.status import Status
    from plimsoll.store.raw_archive import RawSourceState


def render_ingest(report: IngestReport) -> None:
    """Rows read, certifications, and every failure."""
    out = console()
    if report.synthetic:
        out.print(SYNTHETIC)
    states = ", ".join(f"{count} {state}" for state, count in report.states.items())
    out.print(f"{'resumed' if report.resumed else 'run'} {report.run}: {report.rows} rows new or changed")
    out.print(f"symbols   {len(report.symbols)}" + (f" ({states})" if states else ""))
    if report.macro:
        out.print(f"series    {len(report.macro)}: {', '.join(report.macro)}")
    out.print(f"provider  {routed(report.route)}")
    out.print(f"snapshot  {report.snapshot}")
    for name, problem in report.failures.items():
        out.print(f"failed    {escape(name)}: {escape(problem)}")
    for warning in report.warnings:
        out.print(f"WARNING   {escape(warning)}")
    for note in report.notes:
        out.print(f"note      {escape(note)}")
    if report.alert:
        out.print(f"ALERT     {escape(report.alert)}; plimsoll verify status says why")
    if report.failures:
        read = len(report.symbols) + len(report.macro) - len(report.failures.keys() & {*report.symbols, *report.macro})
        out.print(f"INCOMPLETE: {len(report.failures)} failed, {read} were read; exit code 1")


def routed(route: RouteTaken) -> str:
    """The chosen provider, the reason, and those passed over (D4)."""
    why = {"named": "chosen with --provider", "priority": "first by priority", "order": f"first for {route.purpose}"}
    passed = ", ".join(f"{skip.provider} ({skip.cause})" for skip in route.skips)
    return f"{route.provider}, {why.get(route.reason, route.reason)}" + (f"; passed over: {passed}" if passed else "")


def render_sources(found: Mapping[str, tuple[RawSourceState, ...]]) -> None:
    """The source files of every run, and whether their archived bytes are unchanged."""
    out = console()
    rows = table("run", "source", "bytes", "sha256", "state", "kept at", right=(2,))
    for one in found["sources"]:
        rows.add_row(*(escape(c) for c in (one.run, one.name, f"{one.size}", one.sha256[:16], one.state, one.path)))
    out.print(rows if found["sources"] else "no sources: nothing was ingested here")


def render_status(report: Status) -> None:
    """Each symbol's certification."""
    out = console()
    if report.synthetic:
        out.print(SYNTHETIC)
    out.print(f"snapshot {report.snapshot}" + (f", as known on {report.as_of}" if report.as_of else ""))
    out.print(", ".join(f"{count} {state}" for state, count in report.states.items()) or "no symbols")
    if report.route is not None:
        out.print(f"run {report.run} read from {routed(report.route)}")
    rows = table(
        "symbol", "state", "rows", "expected", "missing", "score", "first", "last", "reasons", right=(2, 3, 4, 5)
    )
    for s in report.symbols:
        cells = (s.symbol, s.state, f"{s.rows}", f"{s.expected}", percent(s.missing_pct, 2), figure(s.score))
        rows.add_row(*(escape(c) for c in (*cells, s.first, s.last, ", ".join(s.reasons))))
    out.print(rows)
    for s in report.symbols:
        for flag in s.flags:
            if flag.reason == "JUMP_EXPLAINED":
                out.print(escape(f"confirmed: {s.symbol} {flag.detail}"))
    if report.macro:
        out.print(f"macro series: {', '.join(report.macro)}")
    if report.derived_universe:
        out.print("The universe has no membership history: results have survivorship bias (D16).")
    if report.alert:
        out.print(f"ALERT {escape(report.alert)}")


def render_providers(found: Providers) -> None:
    """The matrix, then the chosen provider for each purpose."""
    out = console()
    rows = table("provider", "bars of", "history days", "quotes", "executes", "data granted", "built", right=(2,))
    for p in found.matrix:
        depth = "all" if p.history_days is None else str(p.history_days)
        rows.add_row(
            p.provider, ", ".join(p.kinds), depth, "yes" if p.quotes else "", ", ".join(p.execution),
            "yes" if p.entitled else "no", "yes" if p.built else "no",
        )  # fmt: skip
    out.print(rows)
    routes = table("purpose", "kind", "provider", "passed over")
    for r in found.routes:
        routes.add_row(r.purpose, r.kind, r.provider, ", ".join(f"{s.provider} ({s.cause})" for s in r.skips))
    out.print(routes)
    for one in found.checks:
        state = "not reached" if not one.reachable else "ready" if one.entitled else "not granted"
        out.print(f"{one.provider} {state}: {escape(one.detail)}")
    built = sum(p.built for p in found.matrix)
    out.print(
        f"matrix of {found.version}: {built} of {len(found.matrix)} providers are implemented; the others are skipped "
        "(adapter)."
    )


def render_confirmations(records: tuple[Confirmation, ...]) -> None:
    """Every confirmation and revocation of a jump."""
    if not records:
        say("no confirmed jumps")
    for one in records:
        act = "confirmed" if one.act == "confirm" else "revoked"
        figures = f" ({one.detail})" if one.detail else ""
        say(f"{one.symbol} {one.date} {act} by {one_line(one.person)} at {one.at}: {one_line(one.reason)}{figures}")


def render_confirmed(done: Confirmed) -> None:
    """One confirmation, and the symbol's state in the new snapshot."""
    act = "confirmed" if done.record.act == "confirm" else "revoked"
    say(f"{done.record.symbol} {done.record.date} {act} by {done.record.person}: {done.record.reason}")
    why = f" ({', '.join(done.reasons)})" if done.reasons else ""
    say(f"{done.record.symbol} is {done.state}{why} in the new snapshot {done.snapshot}")
