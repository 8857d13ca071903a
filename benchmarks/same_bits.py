"""Whether a change leaves every journaled event of a set of runs the same bits.

    python same_bits.py --write FILE [--recorded HOME] [--only NAMES]     # before
    python same_bits.py --against FILE [--recorded HOME] [--only NAMES]   # after

Each case is a run in memory: profiles, schedules, lifecycle, volatility models and markets with splits, halts, gaps,
delistings and a crash. A case's hash is over the kind and canonical payload of all its events, without the hash of
the code, which an unchanged decision may not depend on. ``--recorded`` adds runs over the snapshot of a home. Where
a hash differs, the first event that does is named and the exit code is 1. It says nothing of which of the two is right.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from plimsoll.alpha.registry import load
from plimsoll.app import Workspace
from plimsoll.core.events import Event
from plimsoll.core.money import cents
from plimsoll.core.panel import Certified, Panel
from plimsoll.engine.history import history_of
from plimsoll.engine.recorded import run_backtest
from plimsoll.engine.run_context import RunContext
from plimsoll.engine.span import span_of
from plimsoll.market import snapshot
from plimsoll.store import codec

PLIMSOLL = Path(sys.executable).parent / "plimsoll"
SOURCES = {
    "stocks": "n=15:seed=7:years=7",
    "core": "core:seed=7:years=9",
    "many": "n=40:seed=3:years=6",
    "few": "n=5:seed=5:years=5",
}
Hurt = Callable[[Panel], Panel]


@dataclass(frozen=True)
class Case:
    """A run: over which market, from its last ``sessions`` on, under which profile and policy changes."""

    market: str
    sessions: int
    profile: str = "core"
    changes: dict[str, Any] = field(default_factory=dict)
    hurt: Hurt = lambda panel: panel


class Told:
    """Takes events as a journal would and keeps a hash of each, the first 16 digits."""

    def __init__(self) -> None:
        self.hashes: list[str] = []
        self.whole = hashlib.sha256()

    def append(self, event: Event) -> None:
        kind, payload = codec.encode(event)
        self.whole.update(kind.encode() + b"|" + payload + b"\n")
        self.hashes.append(hashlib.sha256(payload).hexdigest()[:16])

    def append_many(self, events: Iterable[Event]) -> None:
        for event in events:
            self.append(event)

    def commit(self) -> None:
        """Nothing is kept."""


def wounded(panel: Panel) -> Panel:
    """Gaps, late and halted bars, splits, a volume that is lost, and two series that end, one of them for good."""
    draw = np.random.default_rng(11)
    rows, columns = panel.close.shape
    fields = {
        name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume", "split", "index")
    }
    vix = panel.column.get("^VIX", -1)
    for column in (c for c in range(columns) if c != vix):
        for row in draw.integers(rows // 2, rows, 2):
            if column % 3 == 0:  # a split: prices fall, the index does not
                ratio = (2.0, 0.5, 3.0)[int(row) % 3]
                fields["split"][row, column] = ratio
                for name in ("open", "high", "low", "close"):
                    fields[name][row:, column] /= ratio
        for row in draw.integers(rows // 2, rows - 6, 2):
            if column % 4 == 1:  # a halt: nothing trades at one price
                fields["volume"][row : row + 4, column] = 0.0
                for name in ("open", "high", "low"):
                    fields[name][row : row + 4, column] = fields["close"][row : row + 4, column]
    gone = draw.random((rows, columns)) < 0.002
    gone[: rows // 2] = False
    ended = np.zeros((rows, columns), dtype=bool)
    late = np.zeros((rows, columns), dtype=bool)
    first, second = rows - 300, rows - 500
    gone[first:, 1] = True
    ended[first + 3 :, 1] = True
    gone[second : second + 9, 2:5] = True
    late[second + 1 : second + 9, 2:5] = True
    for values in fields.values():
        if values is not fields["split"]:
            values[gone] = np.nan
    fields["volume"][rows - 120 :, 6] = np.nan
    sound = panel.certified.sound.copy()
    sound[rows - 200 : rows - 150, 5] = False
    dated = Certified(sound, panel.certified.quality, panel.certified.ended | ended, panel.certified.late | late)
    return replace(panel, **fields, fresh=panel.fresh & ~gone, dated=dated)


def crashed(panel: Panel) -> Panel:
    """Two crashes of everything, the second of which ends in halts, exits and rungs of the ladder."""
    rows = len(panel.sessions)
    fall = np.ones(rows)
    fall[rows - 700 : rows - 685] = 0.975
    fall[rows - 350 : rows - 330] = 0.955
    level = np.cumprod(fall)[:, None]
    fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "index")}
    others = np.array([i.kind != "index" for i in panel.instruments])
    for values in fields.values():
        values[:, others] *= level
    return replace(panel, **fields)


BOTH = ("core_trend", "xs_momentum")
LIFE = {"lifecycle.enabled": True, "lifecycle.sessions_min": 63, "lifecycle.trades_min": 1}
CASES = {
    "stocks": Case("stocks", 1260, changes={"strategies.enabled": ("xs_momentum",)}),
    "core": Case("core", 1400),
    "core institutional": Case("core", 1000, "institutional"),
    "core daily": Case("core", 400, changes={"auction.schedule": "daily", "strategies.enabled": BOTH}),
    "core lifecycle": Case("core", 1000, changes={**LIFE, "strategies.enabled": BOTH}),
    "core wounded": Case("core", 1000, hurt=wounded),
    "core crashed": Case("core", 900, hurt=crashed),
    "core trailing": Case("core", 700, changes={"stops.trailing": True}, hurt=crashed),
    "few garch": Case("few", 250, changes={"cvar.volatility": "garch"}),
    "stocks wounded": Case("stocks", 900, changes={**LIFE, "strategies.enabled": BOTH}, hurt=wounded),
    "stocks crashed": Case("stocks", 900, "institutional", {"strategies.enabled": BOTH}, crashed),
    "many": Case("many", 500, changes={"strategies.enabled": BOTH}),
    "many wounded weekly": Case(
        "many", 500, changes={"auction.schedule": "week_end", "limits.participation_max": 1e-4}, hurt=wounded
    ),
}
RECORDED = {
    "recorded": Case("recorded", 4900),
    "recorded institutional": Case("recorded", 2500, "institutional"),
    "recorded lifecycle": Case("recorded", 1500, changes={**LIFE, "strategies.enabled": BOTH}, hurt=wounded),
}


def markets(folder: Path, recorded: Path | None) -> dict[str, Path]:
    """A home for each market, ingested unless it is there."""
    homes = {} if recorded is None else {"recorded": recorded}
    for name, source in SOURCES.items():
        homes[name] = folder / f"home-{name}"
        if not (homes[name] / "snapshots").is_dir():
            command = (PLIMSOLL, "--home", homes[name], "ingest", "--provider", "synthetic", "--source", source)
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return homes


def told(case: Case, home: Path) -> Told:
    """The events of one run."""
    changes = {"lifecycle.enabled": False, **case.changes}
    policy = Workspace(home, profile=case.profile, changes=changes).load().policy
    panel = case.hurt(snapshot.load(snapshot.current(home / "snapshots")).resolved(policy.limits.plain_symbols_are))
    history = history_of(panel, policy)
    run = RunContext(policy, load(policy.strategies.enabled), panel.instruments)
    start = panel.sessions.dates[max(len(panel.sessions) - case.sessions, 0)]
    found = Told()
    run_backtest(
        history, run, span_of(history, start, None), found,  # type: ignore[arg-type]
        capital=cents(policy.account.capital), operator=policy.backtest.operator,
    )  # fmt: skip
    return found


def compare(name: str, found: Told, before: dict[str, list[str]]) -> bool:
    """Whether a case's events are those of ``before``; says so."""
    if before[name] == found.hashes:
        return True
    pairs = zip(before[name], found.hashes, strict=False)
    first = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(before[name]), len(found.hashes)))
    print(f"{name}: event {first} of {len(before[name])} differs ({len(found.hashes)} now)")
    return False


def chosen(only: str, recorded: Path | None) -> Iterator[tuple[str, Case]]:
    """The cases asked for, by the beginnings of their names."""
    for name, case in (CASES | (RECORDED if recorded else {})).items():
        if not only or any(name.startswith(part) for part in only.split(",")):
            yield name, case


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where nothing differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--recorded", type=Path, help="a home whose current snapshot is run over as well")
    parser.add_argument("--only", default="", help="cases whose names begin so, comma-separated")
    parser.add_argument("--homes", type=Path, help="where to keep the markets; a temporary folder by default")
    asked = parser.parse_args(arguments)
    before = json.loads(asked.against.read_text()) if asked.against else None
    written: dict[str, list[str]] = {}
    same = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.homes or Path(temporary)).resolve()
        homes = markets(folder, asked.recorded)
        for name, case in chosen(asked.only, asked.recorded):
            begun = time.process_time()
            found = told(case, homes[case.market])
            written[name] = found.hashes
            took, digest = time.process_time() - begun, found.whole.hexdigest()[:16]
            print(f"{name:24} {digest} {len(found.hashes):6} events {took:6.2f} s CPU", flush=True)
            if before is not None:
                same &= compare(name, found, before)
    if asked.write:
        asked.write.write_text(json.dumps(written))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
