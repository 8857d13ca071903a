"""Before the first run: policy in force, check of the environment, a strategy file to start from (O10, S1, U7)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from plimsoll.app.wiring import home_of, providers, runs_of, snapshots_of, wall
from plimsoll.core.policy import Policy

if TYPE_CHECKING:
    from plimsoll.app.workspace import Workspace
    from plimsoll.operate.doctor import Diagnosis
    from plimsoll.risk.ladder_odds import LadderOdds
    from plimsoll.store.policy_file import Setting


class ConfigReport(msgspec.Struct, frozen=True):
    """The policy as a run would use it, and its ladder's expected firings (U7)."""

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


def doctor(workspace: Workspace) -> Diagnosis:
    """Whether everything a command needs is in place (O10); looks only."""
    from plimsoll.operate.doctor import Looked, diagnose

    def opened() -> Looked:
        return Looked(home_of(workspace), runs_of(workspace), snapshots_of(workspace.home))

    states = [one.check() for one in providers().values()]
    now = datetime.fromtimestamp(wall() / 1e6, UTC)
    return diagnose(workspace.home, lambda: workspace.load().policy, opened, now, states)


def new_strategy(name: str, folder: Path, *, weights: bool = False) -> Path:
    """Write a commented strategy file that runs as it is, of forecasts or of target ``weights``; its path (S1)."""
    from plimsoll.alpha.starter import write

    return write(name, folder, weights=weights)
