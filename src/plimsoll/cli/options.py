"""Options that several commands share, and the workspace they define. Only typer is imported here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll.cli.terminal import json_text, note, say

if TYPE_CHECKING:
    from plimsoll.app import Workspace


class Operator(StrEnum):
    """Approver of re-entries in a backtest (R5)."""

    simulated = "simulated"
    never = "never"


def _home(context: typer.Context, value: Path | None) -> Path:
    """The command's own --home, else the one before the command, else PLIMSOLL_HOME, else runtime/."""
    root = context.find_root().params.get("home")
    return value or root or Path("runtime")


def _profiles() -> list[str]:
    from plimsoll.store.policy_file import PROFILES

    return list(PROFILES)


def _strategies() -> list[str]:
    from plimsoll.alpha.registry import BUILT_IN

    return list(BUILT_IN)


def complete_runs(context: typer.Context) -> list[str]:
    """Names of the runs in the home, for completion."""
    home = context.params.get("home") or context.find_root().params.get("home") or Path("runtime")
    return sorted({p.name.split(".")[0] for p in (Path(home) / "runs").glob("*.json")}, reverse=True)


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", callback=_home, help="Folder of data, snapshots and journals.", show_default="runtime"
    ),
]
KeepGoingOption = Annotated[
    bool,
    typer.Option("--keep-going", help="Continue when a strategy raises; its positions are kept until it answers."),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="core, institutional, small-live or micro.",
        show_default="core",
        autocompletion=_profiles,
    ),
]
PolicyOption = Annotated[
    list[Path] | None,
    typer.Option("--policy", metavar="FILE", help="YAML that changes the profile; may be given more than once."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="Built-in, installed or a .py file; may be given more than once.",
        autocompletion=_strategies,
    ),
]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="ID",
        help="The run: its name, a prefix of it, its tag, or last.",
        show_default="the last one",
        autocompletion=complete_runs,
    ),
]
SnapshotOption = Annotated[
    str,
    typer.Option(
        "--snapshot", metavar="HASH", help="Prefix of the hash of a published snapshot.", show_default="the newest"
    ),
]
TagOption = Annotated[str, typer.Option("--tag", metavar="TEXT", help="Your own name for the run.")]
CapitalOption = Annotated[float | None, typer.Option("--capital", metavar="USD", help="Starting capital.")]
LifecycleOption = Annotated[
    bool,
    typer.Option("--lifecycle", help="Cap capital by track record; discount stale models (G5, G6)."),
]
BenchmarkOption = Annotated[
    str | None, typer.Option("--benchmark", metavar="SYMBOL", help="Buy-and-hold comparison; may be an index.")
]
OperatorOption = Annotated[Operator | None, typer.Option("--operator", help="Who approves re-entry after a halt (R5).")]
CostsOption = Annotated[
    str | None, typer.Option("--costs", metavar="PRESET", help="Commissions of a broker, such as ibkr-pro.")
]
StartOption = Annotated[str | None, typer.Option("--start", metavar="DATE", help="First date, YYYY-MM-DD.")]
StoreOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Redis server of the account, else PLIMSOLL_GOVERNOR_STORE, else the home."),
]
EndOption = Annotated[str | None, typer.Option("--end", metavar="DATE", help="Last date, YYYY-MM-DD.")]


def workspace(home: Path | None, profile: str | None = None, policy: list[Path] | None = None) -> Workspace:
    """A command's workspace and policy, from its options and the environment."""
    from plimsoll.app import Workspace

    return Workspace(home or Path("runtime"), profile, tuple(policy or ()), dict(os.environ), {}, note)


def changed(where: Workspace, changes: Mapping[str, object], snapshot: str = "") -> Workspace:
    """The workspace with policy values by dotted path as the policy's last layer, absent ones omitted."""
    from dataclasses import replace

    given = {path: value for path, value in changes.items() if value is not None}
    return replace(where, changes=given, snapshot=snapshot)


def governor_store(url: str | None) -> str | None:
    """Location of the governor's account: the address given, or the one in the environment; None for the home."""
    from plimsoll.governor.protocol import refuse_secret

    refuse_secret(url)
    return url or os.environ.get("PLIMSOLL_GOVERNOR_STORE") or None


def run_changes(
    strategy: list[str] | None,
    capital: float | None,
    operator: Operator | None,
    lifecycle: bool = False,
    benchmark: str | None = None,
    costs: str | None = None,
) -> dict[str, object]:
    """A run's options as policy values: they are the policy's last layer, so its hash names them."""
    return {
        "strategies.enabled": strategy or None,
        "account.capital": capital,
        "backtest.operator": None if operator is None else operator.value,
        "lifecycle.enabled": lifecycle or None,
        "backtest.benchmark": benchmark,
        "costs.preset": costs,
    }


def print_json(value: object) -> None:
    """Indented on a terminal, one line otherwise. Absent and non-finite figures are null."""
    say(json_text(value, indent=2 if sys.stdout.isatty() else 0))
