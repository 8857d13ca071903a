"""The composition root: every command as a function that returns a value (O10).

This is the one place that knows which adapter stands behind which port. Imports are inside the functions, so that
a command pays only for what it uses: a backtest imports no SQL, frame or calendar library.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.core.errors import InputError
from plimsoll.core.money import cents
from plimsoll.core.policy import Policy

if TYPE_CHECKING:
    from plimsoll.core.bars import Confirmation
    from plimsoll.core.events import Event, Genesis
    from plimsoll.core.panel import History, Panel
    from plimsoll.core.ports import StateStore
    from plimsoll.engine.desk import Desk
    from plimsoll.engine.replay import Replay
    from plimsoll.engine.tally import Tally
    from plimsoll.governance.session_summary import SessionExplanation
    from plimsoll.market.confirm import Confirmed
    from plimsoll.market.ingest import IngestReport, IngestRequest
    from plimsoll.market.request import Progress as IngestProgress
    from plimsoll.market.status import Status
    from plimsoll.operate.account_limits import LimitsReport, LimitsVersion, TrustedKey
    from plimsoll.operate.auction_answer import AuctionAnswer
    from plimsoll.operate.costs import CostReport
    from plimsoll.operate.doctor import Diagnosis
    from plimsoll.operate.govern import LineProtocol
    from plimsoll.operate.model_convert import Conversion
    from plimsoll.operate.model_run import ModelRun
    from plimsoll.operate.montecarlo.study import Odds
    from plimsoll.operate.providers import Providers
    from plimsoll.operate.resume import Resumed
    from plimsoll.operate.risk import RiskStanding
    from plimsoll.operate.size import SizeReport
    from plimsoll.operate.sla import Checked, RiskPromise
    from plimsoll.reports.regime import RegimeReport
    from plimsoll.reports.result import BacktestResult
    from plimsoll.reports.versus import Versus
    from plimsoll.research.ablation import Bound, Outcome, Variant
    from plimsoll.risk.ladder_odds import LadderOdds
    from plimsoll.store.bars import SqlBarStore
    from plimsoll.store.home import Home, RunSummary
    from plimsoll.store.journal import Anchor, AuditReport, SqliteJournal
    from plimsoll.store.policy_file import LoadedPolicy, Setting
    from plimsoll.store.pruning import Pruned
    from plimsoll.store.raw_archive import RawSourceState
    from plimsoll.store.record_rules import By

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a command works and under which policy.

    ``env`` is the environment, of which only the names of U7 are read; ``changes`` are policy values given on the
    command line, by dotted path: the last layer. ``tell`` hears what was chosen for the person who asked,
    ``snapshot`` is the beginning of the name of the one to read, the current one by default.
    """

    home: Path
    profile: str | None = None
    policy_files: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _: None
    snapshot: str = ""

    def load(self) -> LoadedPolicy:
        """The policy, proven consistent; ``InputError`` says what is not."""
        from plimsoll.capital import garch
        from plimsoll.risk import ladder
        from plimsoll.risk.regime import reachable
        from plimsoll.store import policy_proofs

        loaded = self._read()
        policy_proofs.validate(loaded.policy, reachable)
        ladder.check(loaded.policy.ladder)
        garch.check(loaded.policy)
        return loaded

    def load_for_governor(self) -> Policy:
        """The policy, proven but for the regime's reach and GARCH: a governor asks neither, and need not hold numpy."""
        from plimsoll.risk import ladder
        from plimsoll.store import policy_proofs

        policy = self._read().policy
        policy_proofs.validate(policy)
        ladder.check(policy.ladder)
        return policy

    def named(self) -> str:
        """What the policy is made of, in words: profile, files, and keys that the environment or the command set."""
        loaded = self._read()
        files = [path.name for path in self.policy_files]
        layers = {k: v for k, v in loaded.origins.items() if not v.startswith(("file ", "profile "))}
        return " + ".join([loaded.policy.profile, *files, *sorted(layers)])

    def _read(self) -> LoadedPolicy:
        from plimsoll.store import policy_file

        return policy_file.load(self.profile, self.policy_files, self.env, self.changes)


class ConfigReport(msgspec.Struct, frozen=True):
    """The policy as a run would use it, and what its ladder is expected to do (U7)."""

    profile: str
    hash: str
    settings: tuple[Setting, ...]
    ladder: LadderOdds
    taken_away: tuple[str, ...] = ()


def config_show(workspace: Workspace) -> ConfigReport:
    """Every value with unit, rule and origin; the expected firings of each rung a year."""
    from plimsoll.core.protections import taken_away
    from plimsoll.risk.ladder_odds import ladder_odds
    from plimsoll.store.policy_file import described

    loaded = workspace.load()
    policy = loaded.policy
    settings = tuple(described(loaded))
    return ConfigReport(policy.profile, loaded.hash, settings, ladder_odds(policy), taken_away(policy))


def config_schema() -> dict[str, Any]:
    """JSON Schema of a policy (U7)."""
    return msgspec.json.schema(Policy)


def ingest(workspace: Workspace, request: IngestRequest, progress: IngestProgress | None = None) -> IngestReport:
    """Read a source into the home, certify everything in it and publish the snapshot (D7, D13, D14)."""
    from plimsoll.market import ingest as stage_1
    from plimsoll.store.home import Home
    from plimsoll.store.raw_archive import RawArchive

    policy = workspace.load().policy
    home = Home(workspace.home)
    source = None
    if (
        not home.database.exists()
    ):  # before the home is made: a refusal leaves nothing, and no folder of a misspelt name
        source = stage_1.read(request, progress)
    with home.lock():
        from plimsoll.store.bars import SqlBarStore

        with SqlBarStore(home.database) as store:
            archive = RawArchive(home.raw)
            return stage_1.ingest(request, store, archive, home.snapshots, policy, _now(), progress, source)


def confirm(
    workspace: Workspace, symbol: str, date: str, *, person: str, reason: str, revoke: bool = False
) -> Confirmed:
    """Record that a named person explains a jump, or takes that back, and publish what follows (D10)."""
    from plimsoll.market import confirm as confirming
    from plimsoll.store.home import Home

    policy, home = workspace.load().policy, Home(workspace.home)
    act = confirming.revoke if revoke else confirming.confirm
    with home.lock(), _bars(home) as store:
        return act(store, home.snapshots, policy, symbol, date, person, reason, _now())


def confirmations(workspace: Workspace) -> tuple[Confirmation, ...]:
    """Every confirmation and revocation in the home, oldest first (D10)."""
    from plimsoll.store.home import Home

    with _bars(Home(workspace.home)) as store:
        return store.confirmations()


def _bars(home: Home) -> SqlBarStore:
    """The price store of a home that has one; looking makes none."""
    from plimsoll.store.bars import SqlBarStore

    if not home.database.exists():
        raise InputError(f"{home.database.parent} holds no data", "Run plimsoll ingest, or give --home")
    return SqlBarStore(home.database)


def verify_sources(workspace: Workspace) -> tuple[RawSourceState, ...]:
    """Every source of every ingestion, its kept bytes held against their hash (D13)."""
    from plimsoll.store.home import Home
    from plimsoll.store.raw_archive import RawArchive

    return tuple(RawArchive(Home(workspace.home).raw).sources())


def verify_status(workspace: Workspace, as_of: str | None = None) -> Status:
    """What the home's current snapshot certifies, symbol by symbol (D11), at its end or by what was known at ``as_of``.

    The state as of a date is the certification of the home's rows up to it: 1260 rows make a symbol ACTIVE, where a
    backtest asks for ``backtest.min_rows``.
    """
    from plimsoll.core.dates import day_number
    from plimsoll.market import snapshot
    from plimsoll.market.status import status
    from plimsoll.store.home import Home

    home, policy = Home(workspace.home), workspace.load().policy
    if as_of is None:
        return status(home.snapshots, policy)
    end = day_number(as_of)
    synthetic = snapshot.read_manifest(snapshot.current(home.snapshots)).content.synthetic
    from plimsoll.market import publish
    from plimsoll.store.bars import SqlBarStore

    with SqlBarStore(home.database) as store:
        judged = publish.build(store, policy, end, synthetic).certifications
    return status(home.snapshots, policy, (as_of, judged))


def backtest(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    tag: str = "",
    keep_going: bool = False,
    progress: Progress | None = None,
) -> BacktestResult:
    """Decide every session of the span over the certified snapshot, journaled, and say what came of it (E4).

    The first error of a strategy ends it with ``StrategyFailed`` (file and line in the message) unless ``keep_going``:
    then what the strategy holds stays until it answers again. A run whose mandate ended also states what would have
    been without that ceiling (R5). ``tag`` is a person's name for the run.
    """
    from plimsoll.core.protections import without_mandate
    from plimsoll.engine.backtest import run_backtest
    from plimsoll.engine.history import history_of
    from plimsoll.engine.loop import genesis_of, span_of
    from plimsoll.reports.result import measured, result_of
    from plimsoll.reports.worth import worth_of

    policy = workspace.load().policy
    home, panel = _stage_2(workspace, policy)
    desk = _desk(policy, panel)
    history = history_of(panel, policy, desk.strategies)
    span = span_of(history, start, end)
    capital, operator = cents(policy.account.capital), policy.backtest.operator
    genesis = genesis_of(history, desk, span, capital=capital, mode="backtest", operator=operator)
    with home.lock(), _kept(home, workspace, policy, genesis, tag) as kept:
        with _journal(home, kept.run, durable=False) as journal:
            tally = run_backtest(
                history, desk, span, journal, capital=capital, operator=operator, keep_going=keep_going,
                progress=progress,
            )  # fmt: skip
            decided, anchor = journal.decisions_hash, journal.anchor
        unbounded = None
        if tally.mandate_ended:
            free = without_mandate(policy)
            again = _new_run(home, "backtest-without-mandate", free)
            with _journal(home, again, durable=False) as journal:
                longer = run_backtest(
                    history, _desk(free, panel), span, journal, capital=capital, operator=operator, progress=progress
                )
            unbounded = measured(history, free, longer, span.first)
        result = result_of(
            run=kept.run, genesis=genesis, history=history, policy=policy, tally=tally, first=span.first,
            decisions_hash=decided, without_mandate=unbounded,
            worth=worth_of(history, desk, tally, span.first, capital),
        )  # fmt: skip
        return kept.finish(result, anchor, policy, tally)


def trade_recorded(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    restart_every: int = 0,
    resume: str | None = None,
    tag: str = "",
    keep_going: bool = False,
    progress: Progress | None = None,
) -> BacktestResult:
    """Trade recorded sessions on a paper account through the durable shell; the decisions are the backtest's (E1).

    ``resume`` names a run that was interrupted: it goes on from its journal, under its own policy and to its own
    end, on the snapshot it was begun on (X7). ``keep_going`` as in a backtest; a run that a strategy stopped can be
    resumed.
    """
    from dataclasses import replace

    from plimsoll.alpha.registry import load
    from plimsoll.engine.history import history_of
    from plimsoll.engine.loop import genesis_of, span_of
    from plimsoll.engine.session import PaperSession
    from plimsoll.reports.result import result_of
    from plimsoll.reports.worth import worth_of

    begun = None if resume is None else _begun(workspace, resume, start, end)
    if begun is not None:
        workspace = replace(workspace, snapshot=begun.genesis.snapshot)
    policy = workspace.load().policy if begun is None else begun.policy
    home, panel = _stage_2(workspace, policy)
    history = history_of(panel, policy, load(policy.strategies.enabled))
    if begun is not None:
        start, end = begun.genesis.start, end or begun.genesis.end
    span = span_of(history, start, end)
    capital, operator = cents(policy.account.capital), policy.backtest.operator
    desk = _desk(policy, panel)
    genesis = genesis_of(history, desk, span, capital=capital, mode="paper", operator=operator)
    with home.lock(), _kept(home, workspace, policy, genesis, tag, begun) as kept:
        session = PaperSession(
            lambda: history_of(_stage_2(workspace, policy)[1], policy, load(policy.strategies.enabled)),
            lambda found: _desk(policy, found.panel),
            span,
            lambda: _journal(home, kept.run, durable=True),
            capital=capital,
            operator=operator,
            restart_every=restart_every,
            keep_going=keep_going,
            progress=progress,
        )
        tally = session.run()
        with _journal(home, kept.run, durable=True) as journal:
            decided, anchor = journal.decisions_hash, journal.anchor
        result = result_of(
            run=kept.run, genesis=genesis, history=history, policy=policy, tally=tally, first=span.first,
            decisions_hash=decided, worth=worth_of(history, desk, tally, span.first, capital),
        )  # fmt: skip
        return kept.finish(result, anchor, policy, tally)


@dataclass(frozen=True, slots=True)
class _Begun:
    """What an interrupted paper run was begun with."""

    summary: RunSummary
    genesis: Genesis
    policy: Policy


def _begun(workspace: Workspace, named: str, start: str | None, end: str | None) -> _Begun:
    """The paper run of that name, ``last`` the last unfinished; ``UsageError`` where it cannot be resumed as asked."""
    from plimsoll.core.errors import UsageError
    from plimsoll.core.events import Genesis
    from plimsoll.store.home import Home
    from plimsoll.store.journal import read

    home = Home(workspace.home)
    if named == "last":
        named = home.newest("paper") if end is not None else home.last_unfinished("paper")
    run = home.find_run(named)
    genesis = next(read(home.journal(run)), None)
    if not isinstance(genesis, Genesis) or genesis.mode != "paper":
        raise UsageError(f"run {run!r} is no paper run", "See 'plimsoll runs'; a backtest is simply run again")
    if start is not None or workspace.changes or (end is not None and end < genesis.end):
        raise UsageError(
            f"run {run!r} has its own span and policy",
            "Leave out --start, an earlier --end and what changes its policy (--strategy, --capital, --operator, "
            "--lifecycle)",
        )
    policy = home.policy(run, genesis.policy)
    if policy is None:
        raise UsageError(f"the policy of run {run!r} was not stored", "Start a new run")
    return _Begun(home.summary(run), genesis, policy)


def ablation(
    workspace: Workspace,
    *,
    start: str | None = None,
    end: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """The backtest with one rule off at a time: what each costs and saves over the span.

    ``jobs`` processes work side by side; the figures do not depend on it. Nothing is written to the home. What
    cannot differ from the base is not run and says why.
    """
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    from msgspec.structs import replace

    from plimsoll.research.ablation import gate_variants, needless, variants
    from plimsoll.risk.gates import GATES

    policy = workspace.load().policy
    home, _ = _stage_2(workspace, policy)
    tried = [*variants(policy), *gate_variants(policy, GATES)]
    one = partial(_outcome, str(home.snapshots), start, end)
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        base, bound = pool.submit(one, tried[0]).result()
        same = {v.name: why for v in tried if (why := needless(v, policy, bound))}
        running = [v for v in tried[1:] if v.name not in same]
        ran = {base.name: base}
        for outcome, _ in pool.map(one, running):
            ran[outcome.name] = outcome
            if progress is not None:
                progress(len(ran), len(running) + 1)
    return tuple(ran.get(v.name) or replace(base, name=v.name, off=v.off, same=same[v.name]) for v in tried)


def _outcome(snapshots: str, start: str | None, end: str | None, variant: Variant) -> tuple[Outcome, Bound]:
    """Run one variant, its journal in a folder that is thrown away; its figures and what bound in it."""
    from tempfile import TemporaryDirectory

    from plimsoll.core.decision import CycleRecord
    from plimsoll.engine.backtest import run_backtest
    from plimsoll.engine.history import history_of
    from plimsoll.engine.loop import span_of
    from plimsoll.market import snapshot
    from plimsoll.reports.result import measured
    from plimsoll.research.ablation import Bound, Outcome
    from plimsoll.store.journal import SqliteJournal

    policy = variant.policy
    panel = snapshot.load(snapshot.current(Path(snapshots))).resolved(policy.limits.plain_symbols_are)
    desk = _desk(policy, panel)
    history = history_of(panel, policy, desk.strategies)
    span = span_of(history, start, end)
    with TemporaryDirectory() as folder, SqliteJournal(Path(folder) / "run.db", durable=False) as journal:
        tally = run_backtest(
            history, desk, span, journal, capital=cents(policy.account.capital),
            operator=policy.backtest.operator,
        )  # fmt: skip
        records = (event for event in journal.events() if isinstance(event, CycleRecord))
        gates = frozenset(finding.gate for record in records for finding in record.findings)
    bound = Bound(gates, frozenset(tally.vetoes), frozenset(event.kind for event in tally.events))
    figures = measured(history, policy, tally, span.first)
    made = Outcome(
        name=variant.name,
        off=variant.off,
        sessions=len(tally.nav),
        annual_return=figures.annual_return,
        annual_volatility=figures.annual_volatility,
        sharpe=figures.sharpe,
        max_drawdown=figures.max_drawdown,
        cvar_95_1d=figures.cvar_95_1d,
        turnover_monthly=figures.turnover_monthly,
        cost_drag_annual=figures.cost_drag_annual,
        invested=sum(tally.gross) / len(tally.gross),
        halted=1.0 - sum(tally.new_risk) / len(tally.new_risk),
        ended=tally.mandate_ended,
    )
    return made, bound


def audit_verify(workspace: Workspace, run: str | None = None) -> AuditReport:
    """Recompute the hash chain of a run's journal, the last run's by default (G3)."""
    from plimsoll.store.home import Home

    return Home(workspace.home, workspace.tell).audit(run)


def providers(env: Mapping[str, str]) -> Providers:
    """What each provider can do and which one routing would take, under the entitlements of ``env`` (D3, D4)."""
    from plimsoll.operate.providers import providers as listed

    return listed(env)


def runs(workspace: Workspace) -> tuple[RunSummary, ...]:
    """Every run of the home, oldest name first."""
    from plimsoll.store.home import Home

    return Home(workspace.home).summaries()


def compare(workspace: Workspace, a: str, b: str) -> Versus:
    """Two finished runs side by side: policy, data, code, figures, and their returns paired (O10)."""
    from plimsoll.core.errors import UsageError
    from plimsoll.reports.versus import versus
    from plimsoll.store.home import Home

    home = Home(workspace.home, workspace.tell)
    names = (home.find_run(a), home.find_run(b))
    found: list[BacktestResult] = []
    for name in names:
        one = result(workspace, name)
        if one is None:
            summary = home.summary(name)
            why = "was made before results were stored" if summary.finished else f"is {summary.status}"
            raise UsageError(f"run {name} {why}: there is nothing to compare", "Run it again")
        found.append(one)
    tags = (home.summary(names[0]).tag, home.summary(names[1]).tag)
    policies = (home.policy(names[0], found[0].policy), home.policy(names[1], found[1].policy))
    return versus(found[0], found[1], tags, policies)


def resume(workspace: Workspace, by: str, reason: str, run: str | None = None) -> Resumed:
    """Lift the halt, or sign the re-entry, of a recorded paper book, the newest by default (R5, G7)."""
    from plimsoll.operate.resume import resume as signed
    from plimsoll.store.home import Home

    home = Home(workspace.home, workspace.tell)
    named = home.newest("paper") if run in (None, "last") else home.find_run(run)
    with home.lock():
        return signed(home, named, by, reason)


def prune(
    workspace: Workspace,
    *,
    keep: int | None = None,
    older_than: int | None = None,
    unfinished: bool = False,
    force: bool = False,
    agreed: Callable[[Pruned], bool] = lambda _: False,
) -> Pruned:
    """Remove the runs that meet every wish, once ``agreed`` has seen which; what was, or would be, removed."""
    from msgspec.structs import replace

    from plimsoll.store import pruning
    from plimsoll.store.home import Home

    home = Home(workspace.home)
    found = pruning.chosen(home, keep=keep, older_than=older_than, unfinished=unfinished, force=force)
    if not found.runs or not agreed(found):
        return found
    with home.lock():
        pruning.remove(home, found.runs)
    return replace(found, done=True)


def result(workspace: Workspace, run: str | None = None) -> BacktestResult | None:
    """The whole result of a run, the last finished one's by default; None where none was stored.

    ``CorruptionError`` where the stored one is damaged or not of the run's journal.
    """
    from plimsoll.core.errors import CorruptionError
    from plimsoll.reports.result import BacktestResult
    from plimsoll.store.home import Home

    home = Home(workspace.home, workspace.tell)
    name = home.find_run(run)
    stored = home.result(name)
    if stored is None:
        return None
    try:
        found = msgspec.json.decode(stored, type=BacktestResult)
    except ValueError:  # msgspec's errors are ValueErrors
        raise CorruptionError(f"the stored result of run {name} is damaged", "Restore it from a backup") from None
    known = home.summary(name)
    if found.run != name or (known.finished and found.decisions_hash != known.decisions_hash):
        raise CorruptionError(f"the stored result of run {name} is not its own", "Restore it from a backup")
    return found


def journaled(workspace: Workspace, run: str | None = None) -> tuple[Event, ...]:
    """Every event of a run's journal, the last run's by default, genesis first."""
    from plimsoll.store.home import Home
    from plimsoll.store.journal import read

    home = Home(workspace.home, workspace.tell)
    return tuple(read(home.journal(home.find_run(run))))


def report(
    workspace: Workspace,
    run: str | None = None,
    output: Path | None = None,
    *,
    hurdles: bool = False,
    csv: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of a run, the last one's by default, as one HTML file; its path, in the home by default.

    ``hurdles`` runs the same span five more times, at the hurdles a report shows (A3); ``csv`` is a folder for the
    run's tables, one CSV file each.
    """
    from dataclasses import replace

    from plimsoll.reports import gather, html, tables
    from plimsoll.store.home import Home

    home = Home(workspace.home, workspace.tell)
    found = gather.gather(home, home.find_run(run), lambda: workspace.load().policy)
    if hurdles:
        found = replace(found, hurdles=gather.at_hurdles(found, progress))
    path = home.reports / f"{found.result.run}.html" if output is None else output
    home.folder(path.parent)
    path.write_text(html.render(found), encoding="utf-8")
    if csv is not None:
        tables.write_csv(csv, tables.written(found.run, found.result))
    return path


def costs(
    workspace: Workspace, run: str | None = None, fills: Path | None = None, *, estimate_slippage: bool = False
) -> CostReport:
    """Expected beside realised cost of a run's orders, the last run's by default, or of a file of own fills (C3).

    With the impact coefficient the fills show and its error. Nothing is written.
    """
    from plimsoll.core.errors import InputError, UsageError
    from plimsoll.operate import costs as compared
    from plimsoll.store.home import Home

    home = Home(workspace.home, workspace.tell)
    if fills is None:
        return compared.of_run(
            home, home.find_run(run), lambda: workspace.load().policy, estimate_slippage=estimate_slippage
        )
    if run is not None:
        raise UsageError("--run and --fills name two different sources", "Give one of them")
    policy = workspace.load().policy

    def market() -> History | None:
        from plimsoll.engine.history import history_of
        from plimsoll.market import snapshot

        try:
            panel = snapshot.load(snapshot.current(home.snapshots))
            return history_of(panel.resolved(policy.limits.plain_symbols_are), policy)
        except InputError:  # nothing was ingested: the file has to say everything itself
            return None

    return compared.of_file(fills, policy, market, estimate_slippage=estimate_slippage)


def auction(path: Path) -> AuctionAnswer:
    """Solve the problem in a JSON or NPZ file and explain the answer; ``InputError`` when malformed (A3, A5)."""
    from plimsoll.operate import auction_answer, auction_file

    return auction_answer.answer(auction_file.read(path))


@contextmanager
def governed(
    workspace: Workspace,
    store: str | None = None,
    *,
    live: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[LineProtocol]:
    """The hard-limit governor of the home's account, answering lines (H1, H2).

    What it counts lies in the home and is held until the end, or in the Redis server at ``store``, where other
    processes share it (H6). Its dollar caps are those of the account's signed limits, read again at every session.
    ``tell`` hears what the person who starts it has to know.
    """
    from secrets import token_hex

    from plimsoll.operate.govern import LineProtocol
    from plimsoll.operate.governed_account import GovernedAccount
    from plimsoll.operate.track_record import TrackRecord
    from plimsoll.risk.governor import Governor
    from plimsoll.store.account_record import AccountRecord
    from plimsoll.store.home import Home

    policy = workspace.load_for_governor()
    home = Home(workspace.home)
    home.folder(home.path)
    with _state_store(home, store, policy.governor.store_timeout / 1000, tell) as kept:
        track = TrackRecord(home, _session_minutes)
        account = GovernedAccount(
            AccountRecord(home), kept, policy, track=track, live=live, draw=lambda: token_hex(8), now=_now
        )
        for note in account.notes():
            tell(note)
        governor = Governor(kept, account.start())
        wall = (lambda: time.time_ns() // 1000) if live else None  # recorded sessions lie in the past
        yield LineProtocol(governor, policy.governor.batch, lambda: time.perf_counter_ns() // 1000, account, wall)


def _session_minutes(day: int) -> tuple[int, int] | None:
    """First minute since 1970 of a day's NYSE session and the first after it; None where there is none (D9).

    A process of its own looks it up: the calendar's library takes more memory than a governor, which would keep it.
    """
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            return apart.submit(_nyse_minutes, day).result()
    except (BrokenProcessPool, OSError) as error:
        raise InputError(f"the NYSE calendar cannot be read: {error}", "Look at the machine's memory") from error


def _nyse_minutes(day: int) -> tuple[int, int] | None:
    from plimsoll.market.calendars import nyse_sessions

    found = nyse_sessions(day, day)
    return None if not found.days.size else (int(found.opens[0]) // 60, int(found.closes[0]) // 60)


@contextmanager
def _state_store(home: Home, url: str | None, timeout: float, tell: Callable[[str], None]) -> Iterator[StateStore]:
    if url is None:
        from plimsoll.store.governor_store import SqliteStateStore

        with SqliteStateStore(home.governor) as file:
            yield file
        return
    try:
        from plimsoll.store.governor_redis import RedisStateStore
    except ModuleNotFoundError:
        raise InputError("a Redis store needs redis, which is not installed", "pip install 'plimsoll[redis]'") from None
    with RedisStateStore(url, timeout) as shared:
        for words in shared.warnings:
            tell(words)
        yield shared


def limits_show(workspace: Workspace) -> LimitsReport:
    """The account's dollar caps: what is signed and what is in force, or what its profile would begin with (H1).

    They are compared with the profile they were made for, unless another one or a policy file is named.
    """
    from dataclasses import replace

    from plimsoll.operate.account_limits import show
    from plimsoll.store.account_record import AccountRecord
    from plimsoll.store.home import Home

    home = Home(workspace.home)
    known = AccountRecord(home).read().limits
    if known is not None and workspace.profile is None and not workspace.policy_files:
        workspace = replace(workspace, profile=known[1].profile)
    return show(home, workspace.load().policy)


def limits_history(workspace: Workspace) -> tuple[LimitsVersion, ...]:
    """Every version of the account's dollar caps, oldest first, the whole record checked (H1, G3)."""
    from plimsoll.operate.account_limits import history
    from plimsoll.store.home import Home

    return history(Home(workspace.home))


def limits_sign(
    workspace: Workspace, person: str, key: Path, reason: str, change: Mapping[str, str], *, live: bool, anew: bool
) -> LimitsReport:
    """Sign a change of the account's dollar caps; it is in force from the next session (H1)."""
    from plimsoll.operate.account_limits import sign
    from plimsoll.store.home import Home

    home = Home(workspace.home)
    return sign(home, workspace.load().policy, _by(person, key), reason, change, live=live, anew=anew)


def size_status(workspace: Workspace) -> SizeReport:
    """How large a position may be, and what the next step still needs (H7, P5)."""
    from plimsoll.operate.size import status
    from plimsoll.store.home import Home

    return status(Home(workspace.home))


def size_approve(workspace: Workspace, person: str, key: Path, reason: str) -> SizeReport:
    """Grant the next step of size where every evidence holds; ``CheckFailed`` lists what is missing (H7)."""
    from plimsoll.operate.size import approve
    from plimsoll.store.home import Home

    return approve(Home(workspace.home), _by(person, key), reason)


def keys_new(workspace: Workspace, path: Path) -> str:
    """Write a new private key to a file outside the home; returns its public key (H1)."""
    from plimsoll.core.errors import UsageError
    from plimsoll.store.signing import new_key

    if path.resolve().is_relative_to(workspace.home.resolve()):
        raise UsageError(f"{path} is inside the home", "Keep the key where the trading process does not reach")
    return new_key(path)


def keys_trust(
    workspace: Workspace, person: str, public_key: str | None, by: str | None = None, key: Path | None = None
) -> tuple[TrustedKey, ...]:
    """Trust a person's public key, or none any more; who may sign then. All but the first need a signature (H1)."""
    from secrets import token_hex

    from plimsoll.operate.account_limits import trust
    from plimsoll.store.home import Home

    signed = None if by is None or key is None else _by(by, key)
    return trust(Home(workspace.home), person, public_key, signed, token_hex(8), _now())


def keys_list(workspace: Workspace) -> tuple[TrustedKey, ...]:
    """Who may sign for the account (H1)."""
    from plimsoll.operate.account_limits import trusted
    from plimsoll.store.home import Home

    return trusted(Home(workspace.home))


def sla(workspace: Workspace, person: str | None = None, key: Path | None = None) -> RiskPromise:
    """The risk promise of the home's account on one page, signed where a person and their key are given (H9)."""
    from plimsoll.operate.sla import promise, sign
    from plimsoll.store.home import Home

    loaded, home = workspace.load(), Home(workspace.home)
    if person is None or key is None:
        return promise(home, loaded.policy, loaded.hash)
    return sign(home, loaded.policy, loaded.hash, _by(person, key))


def sla_check(workspace: Workspace, path: Path) -> Checked:
    """Who signed a risk promise that was written to a file, and whether it still holds (H9)."""
    from plimsoll.operate.sla import check
    from plimsoll.store.home import Home

    loaded = workspace.load()
    return check(Home(workspace.home), loaded.policy, loaded.hash, path)


def _by(person: str, key: Path) -> By:
    """Who signs; the wall clock is what they say the time is, and no check depends on it."""
    from plimsoll.store.record_rules import By
    from plimsoll.store.signing import Signer

    return By(person, Signer(key), _now())


def regime(workspace: Workspace, on: str | None = None) -> RegimeReport:
    """Belief, outlook, matrices and calibration of the regime on the certified snapshot, as of a session (R8)."""
    from plimsoll.engine.history import history_of
    from plimsoll.reports.regime import regime_report

    policy = workspace.load().policy
    _, panel = _stage_2(workspace, policy)
    return regime_report(history_of(panel, policy), policy, on)


def montecarlo(
    workspace: Workspace, sessions: int, seed: int, bars: Sequence[Path] = (), progress: Progress | None = None
) -> Odds:
    """Play sessions that push every limit of the governor, on made-up bars and on those of ``bars`` (H8).

    Without ``bars`` the recordings of ``PLIMSOLL_SHARED_DATA`` serve where there are any. The home is not used.
    """
    from plimsoll.operate.montecarlo import paths, study
    from plimsoll.store.governor_store import SqliteStateStore

    policy = workspace.load().policy
    files = tuple(bars) or _recorded_intraday(workspace.env)
    blocks: tuple[paths.Blocks, ...] = ()
    if files:
        from plimsoll.market import minutes

        blocks = paths.all_blocks(
            (f"{found.bars.symbol} {found.source}", found.bars) for file in files for found in minutes.read(file)
        )
    return study.run(policy, sessions, seed, blocks, SqliteStateStore, progress)


def model_run(
    workspace: Workspace,
    model: str,
    bars: Path,
    symbol: str,
    source: str | None = None,
    *,
    start: str | None = None,
    end: str | None = None,
    progress: Progress | None = None,
) -> ModelRun:
    """Run a model over recorded intraday bars through observation, sizing, governor and simulated fills (H3, H4).

    The model runs in a process of its own. The home is not used: the account lives in memory.
    """
    from functools import partial

    from plimsoll.alpha import model_files
    from plimsoll.core.dates import day_number
    from plimsoll.market import instruments, minutes
    from plimsoll.operate import model_run as running
    from plimsoll.operate.model_worker import ModelWorker

    policy = workspace.load().policy
    model_files.check(model)
    chosen = minutes.choose(minutes.read(bars), bars, symbol, source)
    first = None if start is None else day_number(start)
    last = None if end is None else day_number(end)
    with closing(ModelWorker(partial(model_files.open_model, model), policy.models)) as worker:
        return running.run(
            policy,
            chosen.bars.between(first, last),
            instruments.infer(symbol, policy.limits.plain_symbols_are),
            worker.advise,
            named=(worker.name, worker.sha256),
            source=chosen.source,
            dropped=chosen.dropped,
            progress=progress,
        )


def model_convert(source: Path, output: Path, *, trusted: bool, algorithm: str = "PPO") -> Conversion:
    """Write a pickled classifier or a stable-baselines3 policy as ONNX; runs code of the file's author (H4)."""
    from plimsoll.operate import model_convert as converting

    return converting.convert(source, output, trusted=trusted, algorithm=algorithm)


def _recorded_intraday(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Recorded intraday bars where the environment says that recorded history lies."""
    folder = env.get("PLIMSOLL_SHARED_DATA")
    return tuple(sorted(Path(folder).glob("*_intraday.parquet"))) if folder else ()


def doctor(workspace: Workspace) -> Diagnosis:
    """Whether everything a command needs is in place (O10); looks only."""
    from plimsoll.operate.doctor import diagnose

    return diagnose(workspace.home, lambda: workspace.load().policy, datetime.now(UTC))


def new_strategy(name: str, folder: Path, *, weights: bool = False) -> Path:
    """Write a commented strategy file that runs as it is, of forecasts or of target ``weights``; its path (S1)."""
    from plimsoll.alpha.starter import write

    return write(name, folder, weights=weights)


def explain(workspace: Workspace, on: str, symbol: str | None = None, run: str | None = None) -> SessionExplanation:
    """Why each symbol, or one, was traded or not in a session of a run, the last run's by default (G4)."""
    from plimsoll.operate import hindsight
    from plimsoll.store.home import Home

    past = hindsight.find(Home(workspace.home, workspace.tell), on, run, lambda: workspace.load().policy)
    return hindsight.explain(past, symbol)


def risk(workspace: Workspace, on: str | None = None, run: str | None = None) -> RiskStanding:
    """Where a run's book stood against every limit at a session's close, the last one decided by default (R1-R9)."""
    from plimsoll.operate import hindsight
    from plimsoll.operate import risk as standing_of
    from plimsoll.store.home import Home

    return standing_of.standing(
        hindsight.find(Home(workspace.home, workspace.tell), on, run, lambda: workspace.load().policy)
    )


def replay(workspace: Workspace, on: str, run: str | None = None) -> Replay:
    """Decide a past session again from snapshot, policy and journal, and compare the bytes (G4)."""
    from plimsoll.operate import hindsight
    from plimsoll.store.home import Home

    return hindsight.replay(
        hindsight.find(Home(workspace.home, workspace.tell), on, run, lambda: workspace.load().policy)
    )


def _stage_2(workspace: Workspace, policy: Policy) -> tuple[Home, Panel]:
    """The home and its certified snapshot; refuses to start without one (D7)."""
    from plimsoll.market import snapshot
    from plimsoll.market.status import certified
    from plimsoll.store.home import Home

    home = Home(workspace.home)
    folder = certified(home.snapshots, policy, home.path / "governance_halt.log", _now(), workspace.snapshot)
    return home, snapshot.load(folder).resolved(policy.limits.plain_symbols_are)


def _desk(policy: Policy, panel: Panel) -> Desk:
    """The desk of a run, after proving that the policy can trade at the last certified prices (U7), and that no
    strategy's own information coefficient leaves it below the hurdle (A3).
    """
    from plimsoll.alpha.registry import load
    from plimsoll.alpha.terms import policy_for, terms_of
    from plimsoll.engine.desk import Desk
    from plimsoll.store.policy_proofs import feasible, hurdle

    desk = Desk(policy, load(policy.strategies.enabled), panel.instruments)
    for strategy in desk.strategies:
        for problem in hurdle(policy_for(policy, terms_of(strategy, policy))):
            raise InputError(f"strategy {strategy.name!r}: {problem.text}", f"{problem.remedy}, or give it a larger ic")
    prices = [float(panel.close[row, column]) for column, row in enumerate(panel.last_row.tolist())]
    feasible(policy, prices, panel.instruments, policy.account.capital, desk.weight_caps.tolist())
    return desk


def _journal(home: Home, run: str, *, durable: bool) -> SqliteJournal:
    from plimsoll.store.journal import SqliteJournal

    return SqliteJournal(home.journal(run), durable=durable)


def _new_run(home: Home, mode: str, policy: Policy) -> str:
    """A name no run of the home has: mode, instant, and a number when the instant is taken. Its policy is stored."""
    home.folder(home.runs)
    stem = f"{mode}-{_now().replace('-', '').replace(':', '').rstrip('Z')}"
    names = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
    run = next(name for name in names if not home.journal(name).exists())
    home.keep_policy(run, policy)
    return run


@dataclass(frozen=True, slots=True)
class _Kept:
    """A run that is being made: its name, and what is written when it has ended well."""

    home: Home
    summary: RunSummary
    genesis: Genesis

    @property
    def run(self) -> str:
        """Its name."""
        return self.summary.run

    def finish(self, result: BacktestResult, anchor: Anchor, policy: Policy, tally: Tally) -> BacktestResult:
        """Write the whole result, then the summary with the head of the journal, which is kept outside the journal.

        The result comes back with the command that makes it again.
        """
        from msgspec.structs import replace

        from plimsoll.reports.reproduce import command

        result = replace(result, command=command(self.home, self.run, self.genesis, policy, result.refused_forecasts))
        figures = result.metrics
        done = replace(
            self.summary,
            finished=True,
            status="finished",
            records=anchor.records,
            head=anchor.head,
            decisions_hash=result.decisions_hash,
            sessions=result.sessions,
            total_return=figures.total_return,
            annual_return=figures.annual_return,
            annual_volatility=figures.annual_volatility,
            max_drawdown=figures.max_drawdown,
            sharpe=figures.sharpe,
            halted=_halted(self.summary, tally),
        )
        self.home.finish(done, msgspec.json.encode(result))
        return result

    def broken(self, status: str, reason: str) -> None:
        """Say how it ended instead; a disk that takes nothing more leaves it interrupted."""
        from contextlib import suppress

        from msgspec.structs import replace

        with suppress(InputError):
            self.home.finish(replace(self.summary, status=status, reason=reason))


def _halted(summary: RunSummary, tally: Tally) -> str:
    """What a book that ended halted waits for; empty for one that may add risk."""
    if tally.mandate_ended:
        return "the mandate ended"
    asked = [e.kind for e in tally.events if e.kind in ("LADDER_RUNG", "REENTRY_REQUESTED", "APPROVED", "RESUMED")]
    if tally.mode[-1] not in ("HALTED", "LIQUIDATING") and asked[-1:] != ["REENTRY_REQUESTED"]:
        return ""
    if summary.mode == "backtest":
        return "halted at its end"
    return f"halted: resume with plimsoll resume {summary.run} --by NAME --reason TEXT"


@contextmanager
def _kept(
    home: Home, workspace: Workspace, policy: Policy, genesis: Genesis, tag: str, begun: _Begun | None = None
) -> Iterator[_Kept]:
    """A run of the home under a name no other has, from its beginning to how it ended; its policy is stored."""
    from plimsoll.core.errors import PlimsollError
    from plimsoll.store.home import RunSummary

    run = _new_run(home, genesis.mode, policy) if begun is None else begun.summary.run
    kept = _Kept(
        home,
        RunSummary(
            run=run,
            mode=genesis.mode,
            start=genesis.start,
            end=genesis.end,
            snapshot=genesis.snapshot,
            policy=genesis.policy,
            capital=genesis.capital,
            strategies=genesis.strategies,
            synthetic=genesis.synthetic,
            finished=False,
            status="running",
            profile=policy.profile,
            policy_name=workspace.named() if begun is None else begun.summary.policy_name,
            operator=genesis.operator,
            code=genesis.code,
            tag=_tag(tag) or ("" if begun is None else begun.summary.tag),
        ),
        genesis,
    )
    home.finish(kept.summary)
    try:
        yield kept
    except KeyboardInterrupt:
        kept.broken("interrupted", "interrupted by a person")
        raise
    except PlimsollError as error:
        kept.broken("failed", error.problem)
        raise
    except BaseException as error:
        kept.broken("failed", f"{type(error).__name__}: {error}")
        raise


def _tag(tag: str) -> str:
    """A person's name for a run; ``UsageError`` for what no table could show or no command find again."""
    from plimsoll.core.errors import UsageError
    from plimsoll.store.home import TAG_MAX

    if not tag:
        return ""
    if len(tag) > TAG_MAX or not tag.isprintable() or tag != tag.strip() or tag == "last":
        raise UsageError(f"--tag {tag!r} cannot be used", f"Give up to {TAG_MAX} printable characters, not 'last'")
    return tag


def _now() -> str:
    """The wall clock, ISO in UTC: for audit dates and names of runs only, never inside a decision."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
