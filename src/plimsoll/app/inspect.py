"""Explain, replay, risk, costs, regime and report of a run; an auction solved from a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.app.wiring import home_of, passing_journal, runs_of, snapshots_of, stage_2
from plimsoll.core.errors import InputError

if TYPE_CHECKING:
    from plimsoll.analysis.auction_answer import AuctionAnswer
    from plimsoll.analysis.costs import CostReport
    from plimsoll.analysis.past_session import Past
    from plimsoll.analysis.replay import SessionReplay
    from plimsoll.analysis.risk import RiskStanding
    from plimsoll.analysis.session_summary import SessionExplanation
    from plimsoll.app.workspace import Progress, Workspace
    from plimsoll.core.panel import History
    from plimsoll.reports.regime import RegimeReport


def explain(workspace: Workspace, on: str, symbol: str | None = None, run: str | None = None) -> SessionExplanation:
    """Why each symbol, or one, was traded or not in a session of a run, the last run's by default (G4)."""
    from plimsoll.analysis import past_session

    with _past(workspace, on, run) as past:
        return past_session.explain(past, symbol)


def replay(workspace: Workspace, on: str, run: str | None = None) -> SessionReplay:
    """Decide a past session again from snapshot, policy and journal, and compare the bytes (G4)."""
    from plimsoll.analysis import past_session

    with _past(workspace, on, run) as past:
        return past_session.replay(past)


def risk(workspace: Workspace, on: str | None = None, run: str | None = None) -> RiskStanding:
    """A run's positions against every limit at a session's close, the last one decided by default (R1-R9)."""
    from plimsoll.analysis import risk as standing_of

    with _past(workspace, on, run) as past:
        return standing_of.standing(past)


@contextmanager
def _past(workspace: Workspace, on: str | None, run: str | None) -> Iterator[Past]:
    """A session of a run, by default the last of the last one, open for reading."""
    from plimsoll.analysis import past_session
    from plimsoll.core.dates import day_number

    if on is not None:
        day_number(on)  # checked before a run is looked for
    runs = runs_of(workspace)
    with runs.open(run) as reader:
        yield past_session.find(reader, runs, snapshots_of(workspace.home), on, lambda: workspace.load().policy)


def regime(workspace: Workspace, on: str | None = None) -> RegimeReport:
    """Regime probabilities, outlook, matrices and calibration on the certified snapshot, as of a session (R8)."""
    from plimsoll.engine.history import history_of
    from plimsoll.reports.regime import regime_report

    policy = workspace.load().policy
    _, panel = stage_2(workspace, policy)
    return regime_report(history_of(panel, policy), policy, on)


def costs(
    workspace: Workspace, run: str | None = None, fills: Path | None = None, *, estimate_slippage: bool = False
) -> CostReport:
    """Expected and realised cost of a run's orders, the last run's by default, or of a file of own fills (C3).

    With the estimated impact coefficient and its standard error. Nothing is written.
    """
    from plimsoll.analysis import costs as compared
    from plimsoll.core.errors import UsageError

    snapshots = snapshots_of(workspace.home)
    if fills is None:
        runs = runs_of(workspace)
        with runs.open(run) as reader:
            return compared.of_run(
                reader, runs, snapshots, lambda: workspace.load().policy, estimate_slippage=estimate_slippage
            )
    if run is not None:
        raise UsageError("--run and --fills name two different sources", "Give one of them")
    policy = workspace.load().policy

    def market() -> History | None:
        from plimsoll.engine.history import history_of

        try:
            panel = snapshots.open(snapshots.latest())
            return history_of(panel.resolved(policy.limits.plain_symbols_are), policy)
        except InputError:  # nothing was ingested: the file must contain everything
            return None

    return compared.of_file(fills, policy, market, estimate_slippage=estimate_slippage)


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
    from plimsoll.store.home import spared

    home, runs = home_of(workspace), runs_of(workspace)
    for given in (output, csv):
        if given is not None:
            spared(given)
    with runs.open(run) as reader:
        found = gather.gather(reader, runs, snapshots_of(workspace.home), lambda: workspace.load().policy)
    if hurdles:
        found = replace(found, hurdles=gather.at_hurdles(found, passing_journal, progress))
    path = home.reports / f"{found.result.run}.html" if output is None else output
    home.folder(path.parent)
    path.write_text(html.render(found), encoding="utf-8")
    if csv is not None:
        tables.write_csv(csv, tables.written(found.run, found.result))
    return path


def auction(path: Path) -> AuctionAnswer:
    """Solve the problem in a JSON or NPZ file and explain the answer; ``InputError`` when malformed (A3, A5)."""
    from plimsoll.analysis import auction_answer, auction_file

    return auction_answer.answer(auction_file.read(path))
