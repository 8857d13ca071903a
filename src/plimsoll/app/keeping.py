"""A run in progress: its name, its stored policy, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from plimsoll.app.wiring import instant, now
from plimsoll.core.errors import InputError
from plimsoll.core.policy import Policy
from plimsoll.core.runs import TAG_MAX, RunSummary

if TYPE_CHECKING:
    from plimsoll.app.workspace import Workspace
    from plimsoll.core.events import Genesis
    from plimsoll.core.runs import Anchor
    from plimsoll.engine.tally import RunTally
    from plimsoll.measures.performance import Metrics
    from plimsoll.reports.result import BacktestResult
    from plimsoll.store.runs import RunFiles


@dataclass(frozen=True, slots=True)
class Begun:
    """A paper run to be continued: its genesis, and the record at which its journal last ended.

    ``snapshot`` is the one it decides on, ``decided`` its last decision, "" before the first.
    """

    summary: RunSummary
    genesis: Genesis
    policy: Policy
    held: Anchor | None
    snapshot: str
    decided: str


def new_run(runs: RunFiles, mode: str, policy: Policy) -> str:
    """A name no run of the home has: mode, instant, and a number when the instant is taken. Its policy is stored."""
    stem = f"{mode}-{now().replace('-', '').replace(':', '').rstrip('Z')}"
    taken = set(runs.names())
    names = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
    run = next(name for name in names if name not in taken)
    runs.keep_policy(run, policy)
    return run


@dataclass(frozen=True, slots=True)
class Kept:
    """A run in progress: its name, and its files when it has ended well."""

    runs: RunFiles
    summary: RunSummary
    genesis: Genesis

    @property
    def run(self) -> str:
        """Its name."""
        return self.summary.run

    def finish(self, result: BacktestResult, anchor: Anchor, policy: Policy, tally: RunTally) -> BacktestResult:
        """Write the whole result, then the summary with the head of the journal, which is thereby kept outside the
        journal.

        The result comes back with the command that makes the run again.
        """
        from msgspec.structs import replace

        from plimsoll.core.events import Proof
        from plimsoll.reports.reproduce import command

        result = replace(
            result,
            command=command(self.runs, self.run, self.genesis, policy, result.refused_forecasts),
            journal=Proof(anchor.records, anchor.head, anchored=True),
        )
        figures = result.metrics
        done = replace(
            self.summary,
            finished=True,
            status="finished",
            ended=instant(),
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
        self.runs.finish(done, msgspec.json.encode(result))
        return result

    def beside(self, run: str, policy: Policy, anchor: Anchor, figures: Metrics) -> None:
        """Write the summary of a comparison run, and the end of its journal."""
        from msgspec.structs import replace

        from plimsoll.core.policy import policy_hash

        done = replace(
            self.summary, run=run, policy=policy_hash(policy), tag="", finished=True, status="finished",
            ended=instant(), records=anchor.records, head=anchor.head, total_return=figures.total_return,
            annual_return=figures.annual_return, annual_volatility=figures.annual_volatility,
            max_drawdown=figures.max_drawdown, sharpe=figures.sharpe,
        )  # fmt: skip
        self.runs.finish(done)

    def broken(self, status: str, reason: str) -> None:
        """Record another end; on a full disk the run stays interrupted."""
        from contextlib import suppress

        from msgspec.structs import replace

        with suppress(InputError):
            self.runs.finish(replace(self.summary, status=status, reason=reason, ended=instant()))


def _halted(summary: RunSummary, tally: RunTally) -> str:
    """The condition to resume a halted account; empty for one that may add risk."""
    if tally.mandate_ended:
        return "the mandate ended"
    signed = tally.approvals[-1] if tally.approvals else None
    if signed is not None and signed.session >= tally.dates[-1]:
        return f"signed by {signed.by}: goes on with the next session"
    asked = [e.kind for e in tally.events if e.kind in ("LADDER_RUNG", "REENTRY_REQUESTED", "APPROVED", "RESUMED")]
    if tally.mode[-1] not in ("HALTED", "LIQUIDATING") and asked[-1:] != ["REENTRY_REQUESTED"]:
        return ""
    if summary.mode == "backtest":
        return "halted at its end"
    return f"halted: resume with plimsoll resume {summary.run} --by NAME --reason TEXT"


@contextmanager
def keeping(
    runs: RunFiles, workspace: Workspace, policy: Policy, genesis: Genesis, tag: str, begun: Begun | None = None
) -> Iterator[Kept]:
    """A run of the home under a new name, from its beginning to its end; its policy is stored.

    A resumed run keeps the record at which its journal ended, until it ends again.
    """
    from plimsoll.core.errors import CorruptionError, Halted, InputError, Interrupted, PlimsollError, UsageError

    run = new_run(runs, genesis.mode, policy) if begun is None else begun.summary.run
    kept = Kept(
        runs,
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
            records=None if begun is None else begun.summary.records,
            head="" if begun is None else begun.summary.head,
            begun=instant() if begun is None else begun.summary.begun,
        ),
        genesis,
    )
    runs.finish(kept.summary)
    try:
        yield kept
    except KeyboardInterrupt:
        again = _resumable(runs, kept)
        kept.broken("interrupted", "interrupted by a person")
        if again:
            raise Interrupted(f"Every decision so far is kept; resume with {again}") from None
        raise
    except (CorruptionError, Halted, InputError, UsageError) as error:
        if begun is None:
            kept.broken("failed", error.problem)
        else:  # nothing was added: it is unchanged
            runs.finish(begun.summary)
        raise
    except PlimsollError as error:
        kept.broken("failed", error.problem)
        raise
    except BaseException as error:
        kept.broken("failed", f"{type(error).__name__}: {error}")
        raise


def _resumable(runs: RunFiles, kept: Kept) -> str:
    """The command that goes on with a paper run whose journal has begun; empty where there is nothing to go on with."""
    from plimsoll.core.errors import PlimsollError
    from plimsoll.core.runs import going_on

    try:
        with runs.open(kept.run) as reader:
            begun = reader.genesis.mode == "paper"
    except PlimsollError:
        return ""
    return going_on(kept.run, runs.place) if begun else ""


def _tag(tag: str) -> str:
    """A person's name for a run; ``UsageError`` for one that cannot be shown in a table or found by a command."""
    from plimsoll.core.errors import UsageError

    if not tag:
        return ""
    if len(tag) > TAG_MAX or not tag.isprintable() or tag != tag.strip() or tag == "last":
        raise UsageError(f"--tag {tag!r} cannot be used", f"Give up to {TAG_MAX} printable characters, not 'last'")
    return tag
