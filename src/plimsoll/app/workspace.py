"""Workspace of a command: its home and its policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.core.policy import Policy

if TYPE_CHECKING:
    from plimsoll.store.policy_file import LoadedPolicy

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Workspace:
    """A command's home and policy.

    ``env`` is the environment, of which only the names of U7 are read; ``changes`` are policy values given on the
    command line, by dotted path: the last layer. ``tell`` receives notes on choices made for the user, ``snapshot`` is
    a prefix of the name of the one to read, the current one by default.
    """

    home: Path
    profile: str | None = None
    policy_files: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _: None
    snapshot: str = ""

    def load(self) -> LoadedPolicy:
        """The policy, proven consistent; ``InputError`` for inconsistencies."""
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
        """The components of the policy, in words: profile, files, strategies, cost preset, and other keys set."""
        loaded = self._read()
        files = [path.name for path in self.policy_files]
        layers = {k for k, v in loaded.origins.items() if not v.startswith(("file ", "profile ", "preset "))}
        preset = {v for v in loaded.origins.values() if v.startswith("preset ")} if "costs.preset" in layers else set()
        said = {"strategies.enabled", *(("costs.preset",) if preset else ())} & layers
        bidders = [Path(name).name for name in loaded.policy.strategies.enabled if "strategies.enabled" in said]
        costs = [f"costs {name}" for name in sorted(preset)]
        return " + ".join([loaded.policy.profile, *files, *bidders, *costs, *sorted(layers - said)])

    def _read(self) -> LoadedPolicy:
        from plimsoll.store import policy_file

        return policy_file.load(self.profile, self.policy_files, self.env, self.changes)
