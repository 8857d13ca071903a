"""One word names one thing in the whole house: no second public class of a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import plimsoll

ROOT = Path(plimsoll.__file__).parent

# What stood in more than one module when the rule was made. Take a name away once it is left in one; add none.
STANDING = {
    "Account": 2,
    "Anchor": 2,
    "Caps": 2,
    "Carried": 2,
    "Finding": 2,
    "Home": 2,
    "Moves": 2,
    "Split": 2,
}


def test_no_public_class_takes_a_name_that_another_module_has() -> None:
    modules = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules[node.name].append(path.relative_to(ROOT).as_posix())
    repeated = {name: where for name, where in modules.items() if len(where) > 1}
    assert not (new := {n: w for n, w in repeated.items() if len(w) > STANDING.get(n, 1)}), (
        f"give these another name: {new}"
    )
    assert not (gone := {n for n, count in STANDING.items() if len(modules[n]) < count}), (
        f"lower or drop in STANDING: {gone}"
    )
