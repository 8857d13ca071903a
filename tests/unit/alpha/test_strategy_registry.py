"""Strategies by name, by entry point and from a file, and what is said of those that do not work (S1)."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from plimsoll.alpha.core_trend import CoreTrend
from plimsoll.alpha.registry import BUILT_IN, GROUP, load
from plimsoll.alpha.xs_momentum import CrossSectionalMomentum
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.policy import Policy

GOOD = """
class Mine:
    name = "mine"

    def forecast(self, view, holding, policy):
        return []
"""


def _file(folder: Path, text: str, name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_built_in_strategies_come_in_the_order_asked_for() -> None:
    found = load(["xs_momentum", "core_trend"])
    assert [type(s) for s in found] == [CrossSectionalMomentum, CoreTrend]


def test_every_strategy_of_the_default_policy_is_built_in() -> None:
    assert set(Policy().strategies.enabled) <= set(BUILT_IN)


def test_built_ins_are_announced_as_entry_points_too() -> None:
    points = {p.name: p.load() for p in importlib.metadata.entry_points(group=GROUP)}
    assert points == BUILT_IN


def test_an_unknown_name_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(UsageError, match=r"'core_tend'.*Did you mean 'core_trend'\?.*core_trend, xs_momentum"):
        load(["core_tend"])


def test_a_strategy_asked_for_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        load(["core_trend", "core_trend"])


def test_a_file_gives_its_one_strategy(tmp_path: Path) -> None:
    (found,) = load([_file(tmp_path, GOOD)])
    assert found.name == "mine"


def test_a_file_runs_as_it_is_now_whatever_was_compiled_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled file stands for any source of its second and size; what is hashed is the source (G3)."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    names = []
    for name in ("mine", "ours"):
        os.utime(path := _file(tmp_path, GOOD.replace("mine", name)), (1e9, 1e9))
        names += [strategy.name for strategy in load([path])]
    assert names == ["mine", "ours"]
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]


def test_a_file_may_import_other_strategies_and_use_dataclasses(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from plimsoll.alpha.core_trend import CoreTrend\n\n@dataclass\nclass Wide:\n    name: str = 'wide'\n"
        "    def forecast(self, view, holding, policy):\n        return CoreTrend().forecast(view, holding, policy)\n"
    )
    (found,) = load([_file(tmp_path, text)])
    assert found.name == "wide"


def test_a_strategy_from_an_installed_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path, GOOD, "my_package.py")
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nmine = my_package:Mine\nbroken = my_package:Absent\nnumber = my_package:__name__\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = load(["mine"])
    assert found.name == "mine"
    with pytest.raises(InputError, match=r"broken.*cannot be loaded"):
        load(["broken"])
    with pytest.raises(InputError, match="number"):
        load(["number"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "exactly one class.*found none"),
        (GOOD + GOOD.replace("Mine", "Other"), "found Mine, Other"),
        ("def broken(:\n", "SyntaxError"),
        ("raise RuntimeError('no key')\n", "RuntimeError: no key"),
        ("import a_module_that_is_not_there\n", "ModuleNotFoundError"),
        (GOOD.replace('name = "mine"', "pass"), "is not a strategy.*name"),
        (GOOD.replace('"mine"', '""'), "is not a strategy"),
        (GOOD.replace('"mine"', "7"), "is not a strategy"),
        (GOOD.replace("    def forecast", "    def __init__(self, x): ...\n    def forecast"), "without arguments"),
    ],
)
def test_a_file_that_does_not_work_is_named_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(InputError, match=said) as caught:
        load([path])
    assert path in str(caught.value)
    assert caught.value.remedy


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.py does not exist"):
        load([str(tmp_path / "nowhere.py")])
    folder = tmp_path / "folder.py"
    folder.mkdir()
    with pytest.raises(InputError, match="does not exist"):
        load([str(folder)])
