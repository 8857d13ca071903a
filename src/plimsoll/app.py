"""The composition root: every command as a function that returns a value (O10).

This is the one place that knows which adapter stands behind which port. Imports are inside the functions, so that
a command pays only for what it uses: a backtest imports no SQL, frame or calendar library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from plimsoll.research.ladder_odds import LadderOdds
    from plimsoll.store.policy_file import LoadedPolicy

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a command works and under which policy. ``env`` is the environment; only the names of U7 are read."""

    home: Path
    profile: str | None = None
    policy_files: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> LoadedPolicy:
        """The policy, proven consistent; ``InputError`` says what is not."""
        from plimsoll.risk.regime import reachable
        from plimsoll.store import policy_file, policy_proofs

        loaded = policy_file.load(self.profile, self.policy_files, self.env)
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
    from plimsoll.core.policy import Policy

    return msgspec.json.schema(Policy)
