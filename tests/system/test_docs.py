"""The documentation does what it says: its commands run, its outputs are real, its generated parts are up to date.

A fenced block marked ``sh`` is run; one with a title (``sh title="needs your own files"``) is not, and says why. A
``text`` block after it shows lines of the output: figures may differ, words may not, and ``…`` stands for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import fields

from plimsoll.cli.main import cli
from plimsoll.core.order import Fill
from plimsoll.measures.performance import Metrics
from plimsoll.reports.result import BacktestResult, Exposure

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """A fenced block; ``output`` is the ``text`` block that follows it."""

    info: str
    body: str
    line: int
    output: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [(m["info"].strip(), m["body"], text.count("\n", 0, m.start()) + 1) for m in FENCE.finditer(text)]
    following = [*found[1:], ("", "", 0)][: len(found)]
    return [
        Block(*one, output=after[1] if after[0] == "text" else "") for one, after in zip(found, following, strict=True)
    ]


def runnable(page: Path) -> list[Block]:
    return [b for b in blocks(page) if b.info == "sh"]


WITH_COMMANDS = [p for p in PAGES if runnable(p) and p.name != "tour.md"]


def shell(body: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "COLUMNS": "120"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", body], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def masked(line: str) -> str:
    """A line's words: numbers and the width of its gaps left out."""
    return " ".join(re.sub(r"-?\d[\d.,]*", "#", line).split())


def shows(output: str, said: str) -> list[str]:
    """The shown lines that the output does not hold."""
    lines = [masked(line) for line in said.splitlines()]
    absent = []
    for shown in output.splitlines():
        pattern = ".*".join(re.escape(part) for part in masked(shown).split("…"))
        if pattern and not any(re.search(pattern, line) for line in lines):
            absent.append(shown)
    return absent


@pytest.fixture(scope="module")
def toured(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[tuple[Block, subprocess.CompletedProcess[str]]]]:
    """A folder in which the tour was followed from its first command to its last."""
    folder = tmp_path_factory.mktemp("tour")
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder, [(block, shell(block.body, folder)) for block in runnable(ROOT / "docs" / "tour.md")]


def test_the_tour_works_from_an_empty_folder_and_shows_what_it_prints(toured) -> None:
    for block, done in toured[1]:
        where = f"docs/tour.md:{block.line}"
        assert done.returncode == 0, f"{where}\n{done.stderr}"
        assert not shows(block.output, done.stdout), where


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda p: p.name)
def test_the_commands_of_a_page_run(page: Path, toured) -> None:
    for block in runnable(page):
        done = shell(block.body, toured[0])
        assert done.returncode == 0, f"{page.name}:{block.line}\n{block.body}\n{done.stderr}"
        assert not shows(block.output, done.stdout), f"{page.name}:{block.line}"


def test_a_block_of_commands_runs_or_says_why_not() -> None:
    for page in PAGES:
        for block in blocks(page):
            if re.search(r"^(plimsoll|make) ", block.body, re.M) and block.info != "text":
                reason = re.fullmatch(r'sh(?: title="([^"]+)")?', block.info)
                assert reason, f"{page.name}:{block.line} is marked {block.info!r}"


def test_what_is_shown_must_be_in_the_output() -> None:
    assert not shows("total 4.6%\nrun backtest-…\n…", " total      14.9% \nrun backtest-2026\n")
    assert shows("halted on 3 sessions", "total 14.9%") == ["halted on 3 sessions"]


def test_generated_parts_are_up_to_date() -> None:
    command = [sys.executable, "scripts/docs_reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run python scripts/docs_reference.py"


def _commands() -> list[str]:
    names = [c.name or (c.callback.__name__ if c.callback else "") for c in cli.registered_commands]
    for group in cli.registered_groups:
        inner = group.typer_instance.registered_commands if group.typer_instance else []
        names += [f"{group.name} {c.name or (c.callback.__name__ if c.callback else '')}" for c in inner]
    return [n.replace("_", "-") for n in names]


@pytest.mark.parametrize("command", _commands())
def test_every_command_is_in_the_command_reference(command: str) -> None:
    assert f"`plimsoll {command}" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_every_field_of_a_result_is_explained() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    structs: list[tuple[str, type[msgspec.Struct]]] = [
        ("", BacktestResult), ("", Metrics), ("", Fill), ("exposure.", Exposure),
    ]  # fmt: skip
    explained = set(re.findall(r"`([\w.]+)`", page))
    for prefix, struct in structs:
        missing = [f.name for f in fields(struct) if prefix + f.name not in explained and f.name != "exposure"]
        assert not missing, struct.__name__


def test_every_veto_gate_and_profile_has_its_words() -> None:
    from plimsoll.governance.vetoes import SEVERITIES
    from plimsoll.store.policy_file import PROFILES, SEED_NAMES

    concepts = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    for veto, severity in SEVERITIES.items():
        assert f"| {veto} | {severity} |" in concepts
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert "|".join(PROFILES) in commands
    assert not [name for name in SEED_NAMES if f"`{name}`" not in commands]


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if path.startswith("http"):
                continue
            other = page.parent / path if path else page
            assert other.is_file(), f"{page.name} links to {target}"
            if anchor:
                assert anchor in anchors(other), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", t.lower())).strip("-") for t in titles}


def test_the_house_map_names_every_module() -> None:
    """Each module of the package is named in the map of the house, and each path named there exists."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "plimsoll"
    modules = [p.relative_to(package).as_posix() for p in package.rglob("*.py") if p.name != "__init__.py"]
    rooms = {m.rpartition("/")[0] for m in modules if "/" in m and "migrations" not in m}
    assert not [room for room in rooms if f"`{room}/`" not in text]
    assert not [m for m in re.findall(r"`([\w/]+\.py)`", text) if m not in modules]


def test_the_documentation_stands_alone() -> None:
    strange = re.compile(r"SPEC\.md|PRACTICE|STYLE\.md|DESIGN\.md|(?<!\.\.)/work/|\bissues? #?\d|TODO|TBD")
    for page in PAGES:
        found = strange.search(page.read_text(encoding="utf-8"))
        assert not found, f"{page.name}: {found[0]}"


def test_the_navigation_names_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r": (\w+\.md)$", nav, re.M)
    assert sorted(named) == sorted(p.name for p in PAGES[1:])
    assert all(a != b for a, b in pairwise(sorted(named)))
