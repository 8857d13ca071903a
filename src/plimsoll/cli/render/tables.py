"""Results as text for a person. Nothing is computed here; widths follow the terminal, colours follow NO_COLOR."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plimsoll.core.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plimsoll.app import ConfigReport
    from plimsoll.core.events import Proof
    from plimsoll.market.ingest import IngestReport
    from plimsoll.market.status import Status
    from plimsoll.operate.account_repair import Repaired
    from plimsoll.operate.doctor import Diagnosis
    from plimsoll.operate.providers import Providers
    from plimsoll.reports.result import BacktestResult, BenchmarkComparison
    from plimsoll.reports.strategy_history import Move, StrategyLife
    from plimsoll.reports.versus import Paired, Versus
    from plimsoll.reports.worth import Worth
    from plimsoll.research.ablation import Outcome
    from plimsoll.store.home import RunSummary
    from plimsoll.store.journal import AuditReport
    from plimsoll.store.raw_archive import RawSourceState

ABSENT = "unknown"
SYNTHETIC = "SYNTHETIC DATA: a made-up market; these figures say nothing about any real one."
WIDTH_PIPED = 160
WIDTH_CODE = 12  # a word that is neither a figure nor a date is not broken below this
WIDTH_LEAST = 60  # narrower, and the terminal wraps the lines: cut names would name nothing


class _Pipeable(Console):
    """A console that leaves it to the command how to end when its reader has left; Rich's own ends the process."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Tables go past the edge of a narrow terminal rather than break a figure or a date in two."""
        width = self.width
        self.width = max([width, *(_fitted(self, made) for made in objects if isinstance(made, Table))])
        super().print(*(printable(o) if isinstance(o, str) else o for o in objects), **how)
        self.width = width

    def on_broken_pipe(self) -> None:
        """Pass the error on."""
        raise BrokenPipeError


class _Printable(Table):
    """A table whose cells command no terminal, whoever wrote what is in them."""

    def add_row(self, *cells: Any, **how: Any) -> None:
        """Add a row."""
        super().add_row(*(printable(c) if isinstance(c, str) else c for c in cells), **how)


def console(least: int = WIDTH_LEAST) -> Console:
    """Standard output, without highlighting of numbers and paths; wide when it goes to a file or a pipe."""
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    made = _Pipeable(highlight=False, width=WIDTH_PIPED if wide else None)
    made.width = max(made.width, least)
    return made


def table(*columns: str, title: str | None = None, right: tuple[int, ...] = ()) -> Table:
    """A plain table; the columns numbered in ``right`` hold figures."""
    made = _Printable(
        box=box.SIMPLE_HEAD, title=None if title is None else printable(title), title_justify="left", pad_edge=False
    )
    for n, name in enumerate(columns):
        made.add_column(printable(name), justify="right" if n in right else "left", overflow="fold", no_wrap=n == 0)
    return made


def _fitted(out: Console, made: Table) -> int:
    """Draw a table that is wider than the terminal closer together and wrap its prose; the width it then needs."""
    free = out.options.update(width=WIDTH_PIPED)
    if made.__rich_measure__(out, free).maximum <= out.width:
        return out.width
    wish = []  # how much wider than its longest word each column would like to be
    for column in made.columns:
        head, *cells = (str(cell).split() for cell in (column.header, *column.cells))
        single = all(len(words) < 2 for words in cells)
        column.no_wrap = single
        if single:
            column.header = "\n".join(head)
        column.width = max((cell_len(word) for words in (head, *cells) for word in words), default=0)
        whole = max((cell_len(" ".join(words)) for words in (head, *cells)), default=0)
        wish.append(0 if single else whole - column.width)
    gaps = ((0, 0),) if any(wish) else ((0, 1), (0, 1, 0, 0), (0, 0))
    for made.show_edge, made.padding in ((True, gaps[0]), *((False, gap) for gap in gaps)):
        least = made.__rich_measure__(out, free).maximum
        if least <= out.width:
            break
    codes = [c for n, c in enumerate(made.columns) if n and c.justify == "left"]
    if least > out.width and codes:
        longest = max(codes, key=lambda column: column.width or 0)
        less = min(least - out.width, max((longest.width or 0) - WIDTH_CODE, 0))
        longest.width, least = (longest.width or 0) - less, least - less
    spare = max(out.width - least, 0)
    for left, n in enumerate(sorted(range(len(wish)), key=lambda n: wish[n])):  # who wants least gets it first
        more = min(wish[n], spare // (len(wish) - left))
        made.columns[n].width = (made.columns[n].width or 0) + more
        spare -= more
    return max(least, out.width)


def percent(value: float | None, places: int = 1) -> str:
    """A fraction as per cent; ``unknown`` when absent or not finite (U6)."""
    return ABSENT if value is None or value != value else f"{value:.{places}%}"


def figure(value: float | None, places: int = 2) -> str:
    """A plain figure; ``unknown`` when absent or not finite (U6)."""
    return ABSENT if value is None or value != value else f"{value:,.{places}f}"


def ingested(report: IngestReport) -> None:
    """What a run read, what was certified, and everything that failed."""
    out = console()
    if report.synthetic:
        out.print(SYNTHETIC)
    states = ", ".join(f"{count} {state}" for state, count in report.states.items())
    out.print(f"{'taken up' if report.resumed else 'run'} {report.run}: {report.rows} rows new or changed")
    out.print(f"symbols   {len(report.symbols)}" + (f" ({states})" if states else ""))
    if report.macro:
        out.print(f"series    {len(report.macro)}: {', '.join(report.macro)}")
    out.print(f"snapshot  {report.snapshot}")
    for name, problem in report.failures.items():
        out.print(f"failed    {escape(name)}: {escape(problem)}")
    for note in report.notes:
        out.print(f"note      {escape(note)}")
    if report.alert:
        out.print(f"ALERT     {escape(report.alert)}; plimsoll verify status says why")
    if report.failures:
        read = len(report.symbols) + len(report.macro) - len(report.failures.keys() & {*report.symbols, *report.macro})
        out.print(f"INCOMPLETE: {len(report.failures)} failed, {read} were read; exit code 1")


def sources(found: tuple[RawSourceState, ...]) -> None:
    """The source files of every run, and whether their bytes are still those that were read."""
    out = console()
    rows = table("run", "source", "bytes", "sha256", "state", "kept at", right=(2,))
    for one in found:
        rows.add_row(*(escape(c) for c in (one.run, one.name, f"{one.size}", one.sha256[:16], one.state, one.path)))
    out.print(rows if found else "no sources: nothing was ingested here")


def status(report: Status) -> None:
    """Each symbol's certification."""
    out = console()
    if report.synthetic:
        out.print(SYNTHETIC)
    out.print(f"snapshot {report.snapshot}" + (f", by what was known on {report.as_of}" if report.as_of else ""))
    out.print(", ".join(f"{count} {state}" for state, count in report.states.items()) or "no symbols")
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
        out.print("The universe was derived from the source: it has no membership history (survivorship, D16).")
    if report.alert:
        out.print(f"ALERT {escape(report.alert)}")


def proven(proof: Proof) -> str:
    """What a reading of a run's journal rests on, in a line."""
    end = "" if proof.anchored else "; the run has not ended, so nothing outside the journal keeps its end"
    return f"journal {proof.records} records, verified to head {proof.head[:16]}{end}"


def audit(report: AuditReport) -> None:
    """Whether the chain holds, and if not where it breaks."""
    out = console()
    if report.governor is not None:
        account = report.governor
        found = f"{account.entries} entries, head {account.head[:16]}" if account.ok else escape(account.problem)
        bad = "" if account.ok else f"; first bad entry {account.first_bad}, see 'plimsoll audit repair'"
        out.print(f"governor's account: {'ok' if account.ok else 'NOT OK'}: {found}{bad}")
        if not report.records and not report.problem:
            return
    if report.ok or not report.problem:
        end = "" if report.anchored else "; the run has not ended, so nothing outside the journal keeps its end"
        out.print(f"ok: {report.records} records, head {report.head[:16]}{end}")
    else:
        out.print(f"NOT OK: {escape(report.problem)}; first bad record {report.first_bad} of {report.records}")


def repaired(done: Repaired) -> None:
    """What was wrong with the governor's account and what was done."""
    out = console()
    if done.action == "none":
        out.print("Nothing is wrong with the governor's account.")
        return
    out.print(f"found: {escape(done.problem)}")
    if done.action == "rebuild":
        out.print(f"rebuilt from its record of {done.entries} entries; nothing is lost")
    else:
        known = f"{done.lost} entries are lost" if done.lost else "what came after is lost"
        out.print(
            f"begun again with {done.entries} entries; {known}. Only reductions pass: tell a snapshot of what the"
        )
        out.print(
            "venue holds, then begin the next session. Orders that were open there may be unknown here: cancel them"
        )


def diagnosis(found: Diagnosis) -> None:
    """One line a check, what to do under those that need it, and the sum."""
    out = console(least=0)
    styles = {"ok": "green", "warn": "yellow", "fail": "red"}
    rows = Table.grid(padding=(0, 2))
    for check in found.checks:
        rows.add_row(f"[{styles[check.state]}]{check.state}[/]", check.name, escape(check.found))
        if check.remedy:
            rows.add_row("", "", escape(check.remedy), style="italic")
    out.print(rows)
    counts = Counter(c.state for c in found.checks)
    worst = "fail" if counts["fail"] else "warn" if counts["warn"] else "ok"
    said = ", ".join(f"{counts[s]} {s}" for s in ("ok", "warn", "fail") if counts[s])
    out.print(f"\nhome {escape(found.home)}: [{styles[worst]}]{said}[/]")


def providers(found: Providers) -> None:
    """The matrix, then who would serve each purpose."""
    out = console()
    rows = table("provider", "bars of", "history days", "quotes", "executes", "data granted", right=(2,))
    for p in found.matrix:
        depth = "all" if p.history_days is None else str(p.history_days)
        rows.add_row(
            p.provider, ", ".join(p.kinds), depth, "yes" if p.quotes else "", ", ".join(p.execution),
            "yes" if p.entitled else "no",
        )  # fmt: skip
    out.print(rows)
    routes = table("purpose", "kind", "provider", "passed over")
    for r in found.routes:
        routes.add_row(r.purpose, r.kind, r.provider, ", ".join(f"{s.provider} ({s.cause})" for s in r.skips))
    out.print(routes)
    out.print(
        f"matrix of {found.version}. This version reads files and synthetic; the other providers are not built yet."
    )


def runs(found: Sequence[RunSummary]) -> None:
    """One line a run."""
    out = console()
    if not found:
        out.print("no runs yet: plimsoll backtest")
        return
    columns = ("run", "tag", "span", "policy", "capital", "return", "Sharpe", "drawdown", "status")
    rows = table(*columns, right=(4, 5, 6, 7))
    if any(r.synthetic for r in found):
        out.print(SYNTHETIC)
    for r in found:
        named = f"{r.policy_name or r.profile} ({r.policy[:8]})".strip() if r.policy else ""
        figures = (percent(r.total_return), figure(r.sharpe), percent(r.max_drawdown)) if r.finished else ("", "", "")
        rows.add_row(
            r.run, escape(r.tag), f"{r.start} to {r.end}" if r.start else "", escape(named),
            f"{r.capital / 100.0:,.0f}" if r.capital else "", *figures, escape(_status(r)),
        )  # fmt: skip
    out.print(rows)


def _status(r: RunSummary) -> str:
    """How a run ended, in words."""
    said = [r.status + (f": {r.reason}" if r.reason else ""), r.halted, "synthetic" if r.synthetic else ""]
    return "; ".join(s for s in said if s)


def versus(found: Versus) -> None:
    """Figures of two runs side by side, what differs in what they were given, and their returns paired."""
    out = console()
    a, b = found.a, found.b
    rows = table("", "A", "B", right=(1, 2))
    for label, key in (("run", "run"), ("tag", "tag"), ("from", "start"), ("to", "end"), ("capital", "capital")):
        rows.add_row(label, *(escape(str(getattr(side, key))) for side in (a, b)))
    known = {f.name: f for f in found.figures}
    for label, key, shown in (*_METRICS, ("invested", "invested", percent), ("no new risk allowed", "halted", percent)):
        rows.add_row(label, shown(known[key].a), shown(known[key].b))
    rows.add_row("fills", *(figure(v, 0) for v in (known["fills"].a, known["fills"].b)))
    out.print(rows)
    same = {"data": found.same_snapshot, "code": found.same_code, "policy": found.same_policy}
    out.print("same        " + (", ".join(name for name, on in same.items() if on) or "nothing"))
    out.print("different   " + (", ".join(name for name, on in same.items() if not on) or "nothing"))
    if a.strategies != b.strategies:
        out.print(escape(f"strategies  {', '.join(a.strategies)} against {', '.join(b.strategies)}"))
    for change in found.changes or ():
        out.print(f"policy      {escape(f'{change.key}: {_value(change.a)} against {_value(change.b)}')}")
    if found.changes is None and not found.same_policy:
        out.print("policy      a run's policy was not stored: what differs is not known")
    p = found.paired
    if p.difference is None or p.error is None:
        out.print("paired      the runs share too few sessions")
    else:
        told = "every decision is the same" if found.same_decisions else _told_apart(p)
        out.print(
            f"paired      {p.start} to {p.end}, {p.sessions} sessions: B less A {percent(p.difference, 2)} a year "
            f"(standard error {percent(p.error, 2)}), correlation {figure(p.correlation)}; {told}"
        )
    for name, side in (("A", a), ("B", b)):
        if side.journal is not None:
            out.print(f"{name}: {proven(side.journal)}")


def _told_apart(p: Paired) -> str:
    if p.t is None or abs(p.t) < 2.0:
        return "less than two standard errors: they have not been told apart"
    return f"{abs(p.t):.1f} standard errors"


_METRICS = (
    ("total return", "total_return", percent),
    ("annual return", "annual_return", percent),
    ("annual volatility", "annual_volatility", percent),
    ("Sharpe, over bills", "sharpe", figure),
    ("Sharpe, rf 0", "sharpe_rf0", figure),
    ("Sortino", "sortino", figure),
    ("largest drawdown, closes", "max_drawdown", percent),
    ("Calmar", "calmar", figure),
    ("CVaR 95 %, 1 session", "cvar_95_1d", percent),
    ("win rate, closed round trips", "win_rate", percent),
    ("profit factor", "profit_factor", figure),
    ("turnover a month", "turnover_monthly", percent),
    ("cost drag a year", "cost_drag_annual", lambda drag: percent(drag, 2)),
)
_OF_TRIPS = ("win_rate", "profit_factor")  # a passive book closes none


def backtest(result: BacktestResult) -> None:
    """Span and sample, metrics beside passive books, then what the governance did."""
    out = console()
    if result.synthetic:
        out.print(SYNTHETIC)
    if result.mandate_ended:
        out.print(
            f"The MANDATE ENDED: the account is flat since {result.end} and only a signed re-commissioning reopens it."
        )
    out.print(f"run {result.run}   snapshot {result.snapshot[:16]}   policy {result.policy[:16]} ({result.profile})")
    sample = f"{result.start} to {result.end}, {result.sessions} sessions, from {result.capital} USD"
    out.print(f"{result.mode}, {sample}; daily closes, net of costs")
    books = {"Plimsoll": result.metrics}
    if result.without_mandate is not None:
        books["without the mandate's end"] = result.without_mandate
    passive: set[str] = set()
    for name, book in result.benchmarks.items():
        compared = result.benchmark_spans.get(name)
        span = "" if compared is None else _span(compared, result)
        passive.add(f"{name}{span}")
        books[f"{name}{span}"] = book
        if compared is not None and span:
            books[f"Plimsoll{span}"] = compared.account
    rows = table("", *books, right=tuple(range(1, len(books) + 1)))
    for label, key, shown in _METRICS:
        cells = (
            "–" if key in _OF_TRIPS and name in passive else shown(getattr(book, key)) for name, book in books.items()
        )
        rows.add_row(label, *cells)
    out.print(rows)
    if result.worth is not None:
        _worth(out, result, result.worth)
    exposure = result.exposure
    barred = f"no new risk allowed on {percent(exposure.halted)} of sessions, VIX apart"
    out.print(f"invested    {percent(exposure.invested)} of NAV on average; {barred}")
    out.print("modes       " + _counts(exposure.modes))
    out.print("decisions   " + _counts(result.decisions))
    out.print("rejected    " + (_counts(result.rejections) or "none"))
    out.print("vetoes      " + (_counts(result.vetoes) or "none"))
    out.print("risk events " + (_counts(Counter(e.kind for e in result.risk_events)) or "none"))
    paid = ", ".join(f"{name} {amount}" for name, amount in result.costs.items())
    out.print(f"fills       {len(result.fills)}; {paid}; dividends {result.dividends}, interest {result.interest} USD")
    out.print(f"auctions    {result.auctions}, approvals {len(result.approvals)} ({result.operator} operator)")
    for name, life in (result.lifecycle or {}).items():
        out.print(f"strategy    {escape(_life(name, life))}")
        for move in life.moves:
            out.print(f"            {escape(_move(move))}")
    for note in result.notes:
        out.print(f"note        {escape(note)}")
    out.print(f"decisions hash {result.decisions_hash}")
    if result.journal is not None:
        out.print(proven(result.journal))
    if result.command:
        out.print(escape(f"again       {result.command}"), soft_wrap=True)


def _worth(out: Console, result: BacktestResult, worth: Worth) -> None:
    """The governed run beside the same forecasts without governance, and equal weight, at its volatility."""
    names = ("governed", "ungoverned, de-levered", "equal weight, de-levered")
    books = (result.metrics, worth.ungoverned_delevered, worth.equal_weight_delevered)
    rows = table("what governance is worth", *names, right=(1, 2, 3))
    shown = ("annual_return", "annual_volatility", "sharpe", "sharpe_rf0", "max_drawdown", "cost_drag_annual")
    for label, key, told in _METRICS:
        if key in shown:
            rows.add_row(label, *(told(getattr(book, key)) for book in books))
    parts = (worth.ungoverned_share, worth.equal_weight_share)
    rows.add_row("part of NAV, the rest in cash", "", *(percent(part) for part in parts))
    out.print(rows)


def _span(compared: BenchmarkComparison, result: BacktestResult) -> str:
    """Which part of the run a benchmark covers, in words; empty for all of it."""
    said = [f"from {compared.start}"] if compared.start > result.start else []
    said += [f"to {compared.end}"] if compared.end < result.end else []
    return f" {' '.join(said)}" if said else ""


def _life(name: str, life: StrategyLife) -> str:
    """Where a strategy stands at the end, what it may use and what it brought."""
    stage = f"{life.stage}{', suspended' if life.suspended else ''} since {life.since}"
    may = f"may use {percent(life.cap)} of NAV, decay {figure(life.decay)} (model validated {life.age} sessions ago)"
    return f"{name}: {stage}; {may}; contributed {percent(life.contribution)} over the run"


def _move(move: Move) -> str:
    """One change of stage with its evidence."""
    told = f"{move.date} {move.reason}"
    if (e := move.evidence) is None:
        return told
    return (
        f"{told} {e.stage} to {e.to}: Sharpe {figure(e.sharpe)}, PSR(0) {figure(e.psr)}, P(Sharpe too low) "
        f"{figure(e.below)}, {e.signals} of {e.trades} trades profitable, profit factor {figure(e.profit_factor)}, "
        f"drawdown {percent(e.drawdown)} over {e.sessions} sessions"
    )


def ablation(outcomes: Sequence[Outcome]) -> None:
    """One line a variant; the first is the policy as it stands."""
    out = console()
    columns = ("off", "return", "vol", "Sharpe", "drawdown", "CVaR 1", "turnover", "costs", "invested", "halted", "")
    rows = table("", *columns, right=tuple(range(2, 11)))
    for o in outcomes:
        rows.add_row(
            o.name, o.off, percent(o.annual_return, 2), percent(o.annual_volatility, 2), figure(o.sharpe),
            percent(o.max_drawdown), percent(o.cvar_95_1d, 2), percent(o.turnover_monthly),
            percent(o.cost_drag_annual, 2), percent(o.invested), percent(o.halted),
            "; ".join(n for n in ("mandate ended" if o.ended else "", f"not run: {o.same}" if o.same else "") if n),
        )  # fmt: skip
    out.print(rows)
    if any(o.same for o in outcomes):
        out.print("Not run: what cannot differ from the base has its figures.")
    out.print("a year, net of costs; Sharpe over bills; drawdown on closes; CVaR 95 % of one session; turnover a month")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def config(report: ConfigReport) -> None:
    """Each value with unit, rule and origin; then what the ladder is expected to do."""
    out = console()
    out.print(f"profile {report.profile}, policy {report.hash[:16]}\n")
    for said in report.taken_away:
        out.print(f"warning   {escape(said)}")
    rows = table("key", "value", "unit", "rule", "origin")
    for s in report.settings:
        rows.add_row(*(escape(c) for c in (s.key, _value(s.value), s.unit, s.rule, s.origin)))
    out.print(rows)
    odds = report.ladder
    rungs = table("rung", "threshold", "a year", "", title="Expected firings of the drawdown ladder", right=(1, 2))
    for r in odds.rungs:
        rungs.add_row(r.rung, percent(r.threshold), figure(r.per_year), r.warning)
    out.print(rungs)
    out.print(
        f"Simulated: {odds.paths} accounts over {odds.years} years at {percent(odds.volatility)} annual volatility, "
        f"the most the CVaR budgets allow, no expected return, Student-t shocks of {odds.degrees_of_freedom:g} "
        "degrees of freedom."
    )


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(_value(v) for v in value) or "none"
        case dict():
            return ", ".join(f"{k}: {_value(v)}" for k, v in value.items()) or "none"
    return str(value)
