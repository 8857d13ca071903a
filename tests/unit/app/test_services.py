"""``plimsoll.app`` hands out every service of its modules by name, and imports a module only for one of its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from plimsoll import app

FOLDER = Path(app.__file__).parent
SHARED = {"__init__", "keeping", "live_venues", "paper_run", "wiring"}
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in SHARED)


def _tree(module: str) -> ast.Module:
    return ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))


def _named(module: str) -> set[str]:
    """What a module defines for others: functions, classes and types that are not its own."""
    names = set()
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("module", MODULES)
def test_every_service_of_a_module_is_handed_out(module: str) -> None:
    assert set(app._SERVICES[module]) == _named(module)
    for name in app._SERVICES[module]:
        assert getattr(app, name) is getattr(import_module(f"plimsoll.app.{module}"), name)


def test_no_module_has_the_name_of_a_service() -> None:
    """A module that was imported would take the service's place in the package."""
    assert not {path.stem for path in FOLDER.glob("*.py")} & set(app._HOMES)


def test_a_type_checker_sees_the_services_that_are_handed_out() -> None:
    seen = {
        (node.module.removeprefix("plimsoll.app."), alias.asname)
        for node in ast.walk(_tree("__init__"))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("plimsoll.app.")
        for alias in node.names
    }
    assert seen == {(module, name) for module, names in app._SERVICES.items() for name in names}


def test_an_unknown_name_is_an_attribute_error_and_the_known_are_listed() -> None:
    with pytest.raises(AttributeError, match="backtset"):
        app.backtset  # noqa: B018
    assert {"Workspace", "backtest", "runs"} <= set(dir(app))


def test_a_governor_holds_no_arrays(tmp_path: Path) -> None:
    """They would take a quarter of its 50 MB."""
    code = "import sys; from plimsoll import app; from pathlib import Path\n"
    code += "with app.governed(app.Workspace(Path(sys.argv[1]), 'micro')): print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "scipy"} & set(done.stdout.split())


def test_a_service_imports_no_module_of_another() -> None:
    code = "import sys; from plimsoll import app; app.governed; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("plimsoll.app.")}
    assert loaded == {"plimsoll.app.governing", "plimsoll.app.wiring"}
