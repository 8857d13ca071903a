"""The documentation does what it says: its commands run, its outputs are real, its generated parts are up to date.

A fenced block marked ``sh`` is run; one with a title (``sh title="needs your own files"``) is not, and says why. A
``text`` block after it shows lines of the output: figures may differ, words may not, and ``…`` stands for anything.
"""

from __future__ import annotations

import os
import re
import shutil
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
from plimsoll.core.policy import Policy
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
    return " ".join(re.sub(r"(?<!\w)-?\d[\d.,]*|\d[\d.,]*", "#", line).split())


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


def test_every_section_of_the_report_is_explained(toured) -> None:
    titles = re.findall(r"<h2[^>]*>([^<]+)", (toured[0] / "report.html").read_text(encoding="utf-8"))
    assert len(titles) == 8
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert not [title for title in titles if not re.search(rf"^\|[^|]*{re.escape(title)}", results, re.M)]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda p: p.name)
def test_the_commands_of_a_page_run(page: Path, toured, tmp_path: Path) -> None:
    """Whoever followed the tour can follow any page next: none leans on another."""
    folder = shutil.copytree(toured[0], tmp_path / "page", symlinks=True)
    for block in runnable(page):
        done = shell(block.body, folder)
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


def test_no_page_names_a_command_that_is_not_there() -> None:
    known = {*_commands(), *(g.name for g in cli.registered_groups)}
    for page in PAGES:
        for words in re.findall(r"`plimsoll ([a-z][a-z ]*[a-z])", page.read_text(encoding="utf-8")):
            first = words.split(" ")[0]
            assert first in known, f"{page.name}: plimsoll {words}"
            assert first in _commands() or " ".join(words.split(" ")[:2]) in known, f"{page.name}: plimsoll {words}"


def test_the_runbook_maps_every_older_script() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    scripts = (
        "ingest_history.py", "verify_backfill.py", "verify_db_status.py", "main.py", "trading_daemon.py",
        "repair_db.py", "feature_refresher.py", "train_ml_alpha.py", "data_router.py", "governance_agent.py",
        "manager.py", "universe.json", "KILL_SWITCH",
    )  # fmt: skip
    for script in scripts:
        row = re.search(rf"^\| `[^|]*{re.escape(script)}[^|]*\| (.+) \|$", runbook, re.M)
        assert row, script
        assert re.search(r"`plimsoll |`--|`make |`[a-z]+/[a-z_]+\.py`|not built yet|not needed", row[1]), script


def test_every_field_of_a_result_is_explained() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    structs: list[tuple[str, type[msgspec.Struct]]] = [
        ("", BacktestResult), ("", Metrics), ("", Fill), ("exposure.", Exposure),
    ]  # fmt: skip
    explained = set(re.findall(r"`([\w.]+)`", page))
    for prefix, struct in structs:
        missing = [f.name for f in fields(struct) if prefix + f.name not in explained and f.name != "exposure"]
        assert not missing, struct.__name__


def prose(page: str) -> str:
    return " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").replace("**", "").split())


def test_figures_in_prose_are_the_policys() -> None:
    p = Policy()
    data, cvar, ladder, stops, shaping = p.data, p.cvar, p.ladder, p.stops, p.shaping
    said = {
        "concepts.md": (
            f"at least {data.rows_active} rows, {data.expected_min * 100:g} % of its expected sessions, "
            f"a score of {data.score_min:g}",
            f"{data.rows_degraded} to {data.rows_active - 1} rows",
            f"({cvar.budget_1 * 100:g} % at 1 session, {cvar.budget_10 * 100:g} % at 10)",
            f"({cvar.hard_1 * 100:g} % and {cvar.hard_10 * 100:g} %)",
            f"the last {cvar.window} sessions",
            f"at most {shaping.trades_max} trades and {shaping.turnover_max * 100:g} % turnover",
            f"below {ladder.volatility_max * 100:g} % on five sessions",
            f"{stops.reduce_default * 100:g} and {stops.exit_default * 100:g} %; crypto "
            f"{stops.reduce_crypto * 100:g} and {stops.exit_crypto * 100:g} %",
            f"exceeds {p.regime.crisis_on * 100:g} %",
            f"until it is below {p.regime.crisis_off * 100:g} %",
            f"coefficient {p.forecast.ic:g}",
        ),
        "assumptions.md": (
            f"at most {p.limits.participation_max * 100:g} % of the average daily volume of {p.costs.adv_sessions}",
            f"(`{p.cash.series}`) known at the last decision, less {p.cash.spread * 100:g} %",
            f"exceed {data.affected_holdings_max * 100:g} % of NAV",
            f"At {next(r for r in ladder.rungs if r.ends_mandate).threshold * 100:g} % below the lifetime peak",
            f"after {p.backtest.min_rows} bars",
        ),
        "data.md": (
            f"ACTIVE needs {data.rows_active} rows",
            f"fewer than {data.rows_degraded} rows is QUARANTINED",
            f"({data.score_missing:g} × share of missing sessions + {data.score_duplicate:g} × share of duplicates + "
            f"{data.score_non_positive:g} if any price is not positive + {data.score_jump:g} if any jump",
            f"the last {data.note_after} sessions",
            f"the symbol `{p.backtest.benchmark}`",
        ),
    }
    for page, phrases in said.items():
        assert not [phrase for phrase in phrases if phrase not in prose(page)], page


def example(page: str, info: str, start: str) -> str:
    found = [b.body for b in blocks(ROOT / "docs" / page) if b.info == info and b.body.startswith(start)]
    assert len(found) == 1
    return found[0]


def test_the_files_shown_are_files_that_are_accepted(tmp_path: Path) -> None:
    from plimsoll.market import universe
    from plimsoll.store import policy_file
    from whole import read

    (tmp_path / "bars.csv").write_text(example("data.md", "csv", "symbol"))
    bars = read("files", tmp_path / "bars.csv").bars["SPY"]
    assert bars.dividend.tolist() == [0.0, 1.759]
    (tmp_path / "universe.yaml").write_text(example("data.md", "yaml", "SPY"))
    assert [i.kind for i in universe.read(tmp_path / "universe.yaml")] == ["fund", "stock", "crypto", "index"]
    (tmp_path / "mine.yaml").write_text(example("commands.md", "yaml", "# mine"))
    assert policy_file.load(files=[tmp_path / "mine.yaml"]).policy.limits.assets["GLD"].max_weight == 0.30


def test_every_universe_key_gate_and_profile_has_its_words() -> None:
    from plimsoll.market.calendars import CALENDARS
    from plimsoll.market.universe import KEYS, KINDS
    from plimsoll.store.policy_file import PROFILES, SEED_NAMES

    data = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert not [word for word in (*KEYS, *KINDS, *CALENDARS) if f"`{word}`" not in data]
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert "|".join(PROFILES) in commands
    assert not [name for name in SEED_NAMES if f"`{name}`" not in commands]


def test_the_python_page_names_everything_a_home_and_a_run_offer() -> None:
    import plimsoll
    from plimsoll.notebook.run import TABLES

    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    offered = {n for kind in (plimsoll.Home, plimsoll.Run) for n in vars(kind) if not n.startswith("_")}
    assert not [n for n in offered | {*TABLES, *plimsoll.FIGURES} if not re.search(rf"`{n}[`(]", page)]


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


def test_the_map_of_the_house_names_every_room_and_only_what_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "plimsoll"
    modules = [p.relative_to(package).as_posix() for p in package.rglob("*.py")]
    rooms = {m.rpartition("/")[0] for m in modules if "/" in m and "migrations" not in m}
    assert not [room for room in rooms if f"`{room}/`" not in text]
    assert not [m for m in re.findall(r"`([\w/]+\.py)`", text) if m not in modules and not (ROOT / m).is_file()]


def test_the_documentation_stands_alone() -> None:
    strange = re.compile(r"\bTODO\b|\bTBD\b|/home/\w|/root/|\bissues? #?\d")
    for page in (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        found = strange.search(page.read_text(encoding="utf-8"))
        assert not found, f"{page.name}: {found[0]}"


def test_the_navigation_names_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r": (\w+\.md)$", nav, re.M)
    assert sorted(named) == sorted(p.name for p in PAGES[1:])
    assert all(a != b for a, b in pairwise(sorted(named)))
