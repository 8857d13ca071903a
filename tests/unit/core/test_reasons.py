"""The vocabulary of the journal: every listed code is used, every used code is listed (core.reasons)."""

from __future__ import annotations

import ast
from pathlib import Path

import plimsoll
from plimsoll.core.reasons import REASONS

SOURCE = Path(plimsoll.__file__).parent
SEVERITIES = ("note", "info", "warning", "error", "critical")


def texts_of_the_source() -> set[str]:
    """Every string constant outside the vocabulary itself; prose that mentions a code is not the code alone."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.name == "reasons.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_every_listed_code_is_used() -> None:
    assert set(REASONS) - texts_of_the_source() == set()


def test_every_code_reads_as_a_sentence_with_severity_remedy_and_rule() -> None:
    for code, (severity, sentence, remedy, rule) in REASONS.items():
        assert severity in SEVERITIES, code
        assert rule[0].isalpha() and rule[1:].isdigit(), code
        filled = sentence.format(symbol="SPY", measured="1", limit="2")
        assert filled[0].isupper() or filled[0].isdigit(), code
        assert not filled.endswith("."), code
        assert remedy == "" or remedy[0].isupper() or remedy.startswith("plimsoll"), code
