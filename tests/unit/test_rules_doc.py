"""Every rule id that code and tests cite has its section in ``docs/rules.md``, and every module named there exists."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from plimsoll.core.reasons import REASONS
from plimsoll.store.policy_file import described, load

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
BUILT, _, RESERVED = PAGE.partition("## Not built yet")
HEADINGS = re.findall(r"^### ([A-Z]\d{1,2}) ", BUILT, re.M)
SOURCES = [p for folder in ("src", "tests", "examples", "scripts") for p in sorted((ROOT / folder).rglob("*.py"))]

# A rule id within parentheses, as code cites it: (D8), (R4, R5), (H1-H3), "rule of U7" in prose is not looked for.
CITED = re.compile(r"\b([A-Z])(0|[1-9]\d?)\b(?:\s*(?:-|to)\s*\1(0|[1-9]\d?)\b)?")
CHAPTERS = "UDFSACRHGXEPMNOT"


def reserved() -> set[str]:
    """Ids of the table of what is not built, spans spelled out."""
    return set(_ids("\n".join(line.split("|")[1] for line in RESERVED.splitlines() if line.startswith("|"))))


def _ids(text: str) -> Iterator[str]:
    for letter, first, last in CITED.findall(text):
        if letter in CHAPTERS:
            yield from (f"{letter}{n}" for n in range(int(first), int(last or first) + 1))


def words(path: Path) -> str:
    """Docstrings and comments of a module: what is written for people. Parentheses hold the citations."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    parts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    parts += [t.string for t in tokens if t.type == tokenize.COMMENT]
    return "\n".join(re.findall(r"\(([^()]*)\)", "\n\n".join(parts)))


def test_ids_are_found_as_people_cite_them() -> None:
    assert list(_ids("D12-D14, R4; 3 of 4, M8 [D], Z1")) == ["D12", "D13", "D14", "R4", "M8"]
    assert {"X9", "O3"} <= reserved()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_cited_rule_is_on_the_page(path: Path) -> None:
    known = {*HEADINGS, *reserved()}
    assert not sorted(set(_ids(words(path))) - known)


def test_every_origin_of_a_threshold_or_reason_is_a_rule_that_is_built() -> None:
    origins = {row.rule for row in described(load())} | {reason.rule for reason in REASONS.values()}
    assert not sorted(origins - {*HEADINGS})


def test_a_rule_has_one_section_and_is_built_or_reserved_never_both() -> None:
    assert len(HEADINGS) == len(set(HEADINGS))
    assert not reserved() & set(HEADINGS)


def test_every_section_says_how_far_it_is_built_and_where() -> None:
    for section in re.split(r"^### ", BUILT, flags=re.M)[1:]:
        assert re.search(r"^\*(Built|In part)\.\*", section, re.M), section[:40]
        assert re.search(r"^Where: `", section, re.M), section[:40]


def test_every_module_named_exists() -> None:
    package = ROOT / "src" / "plimsoll"
    named = re.findall(r"`([\w/]+\.py)`", PAGE)
    assert len(named) > 100
    assert not sorted({m for m in named if not (package / m).is_file()})


def test_every_threshold_stands_under_its_rule() -> None:
    for row in described(load()):
        table = any(row.key.startswith(t) for t in ("ladder.rungs", "limits.assets", "costs.kinds", "regime.s"))
        assert table or f"| `{row.key}` |" in BUILT, row.key
