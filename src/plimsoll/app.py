"""The composition root: every command as a function that returns a value (O10).

This is the one place that knows which adapter stands behind which port. Imports are inside the functions, so that
a command pays only for what it uses: a backtest imports no SQL, frame or calendar library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.core.policy import Policy

if TYPE_CHECKING:
    from plimsoll.market.ingest import IngestReport, IngestRequest
    from plimsoll.market.ingest import Progress as IngestProgress
    from plimsoll.market.status import Status
    from plimsoll.research.ladder_odds import LadderOdds
    from plimsoll.store.home import RunSummary
    from plimsoll.store.journal import AuditReport
    from plimsoll.store.policy_file import LoadedPolicy

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a command works and under which policy.

    ``env`` is the environment, of which only the names of U7 are read; ``changes`` are policy values given on the
    command line, by dotted path: the last layer.
    """

    home: Path
    profile: str | None = None
    policy_files: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> LoadedPolicy:
        """The policy, proven consistent; ``InputError`` says what is not."""
        from plimsoll.risk.regime import reachable
        from plimsoll.store import policy_file, policy_proofs

        loaded = policy_file.load(self.profile, self.policy_files, self.env, self.changes)
        policy_proofs.validate(loaded.policy, reachable)
        return loaded


class Setting(msgspec.Struct, frozen=True):
    """One value of the policy."""

    key: str
    value: Any
    unit: str
    rule: str
    origin: str
    note: str


class ConfigReport(msgspec.Struct, frozen=True):
    """The policy as a run would use it, and what its ladder is expected to do (U7)."""

    profile: str
    hash: str
    settings: tuple[Setting, ...]
    ladder: LadderOdds


def config_show(workspace: Workspace) -> ConfigReport:
    """Every value with unit, rule and origin; the expected firings of each rung a year."""
    from plimsoll.research.ladder_odds import ladder_odds
    from plimsoll.store.policy_file import described

    loaded = workspace.load()
    settings = tuple(Setting(*row) for row in described(loaded))
    return ConfigReport(loaded.policy.profile, loaded.hash, settings, ladder_odds(loaded.policy))


def config_schema() -> dict[str, Any]:
    """JSON Schema of a policy (U7)."""
    return msgspec.json.schema(Policy)


def ingest(workspace: Workspace, request: IngestRequest, progress: IngestProgress | None = None) -> IngestReport:
    """Read a source into the home, certify everything in it and publish the snapshot (D7, D13, D14)."""
    from plimsoll.market import ingest as stage_1
    from plimsoll.store.bars import SqlBarStore
    from plimsoll.store.home import Home
    from plimsoll.store.raw_archive import RawArchive

    policy = workspace.load().policy
    home = Home(workspace.home)
    with home.lock(), SqlBarStore(home.database) as store:
        archive = RawArchive(home.raw)
        return stage_1.ingest(request, store, archive, home.snapshots, policy, _now(), progress)


def verify_status(workspace: Workspace) -> Status:
    """What the home's current snapshot certifies, symbol by symbol (D11)."""
    from plimsoll.market.status import status
    from plimsoll.store.home import Home

    return status(Home(workspace.home).snapshots, workspace.load().policy)


def audit_verify(workspace: Workspace, run: str | None = None) -> AuditReport:
    """Recompute the hash chain of a run's journal, the last run's by default (G3)."""
    from plimsoll.store.home import Home

    return Home(workspace.home).audit(run)


def runs(workspace: Workspace) -> tuple[RunSummary, ...]:
    """Every run of the home, oldest name first."""
    from plimsoll.store.home import Home

    return Home(workspace.home).summaries()


def _now() -> str:
    """The wall clock, ISO in UTC: for audit dates and names of runs only, never inside a decision."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
