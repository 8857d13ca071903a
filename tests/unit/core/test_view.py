"""What a view offers ends at its row, whichever way it is walked (F2)."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import plimsoll
from plimsoll.core.instrument import Membership
from plimsoll.core.panel import FIELDS, History, Panel, View, in_blocks
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import Sessions
from plimsoll.engine.history import history_of

ROW, ROWS = 299, 330
KNOWN = ("sound", "quality", "ended", "late")


@pytest.fixture(scope="module")
def panel(make_market: Callable[..., Panel]) -> Panel:
    made = make_market(1, ROWS)
    dated = tuple(
        msgspec.structs.replace(i, members=(Membership(made.sessions.dates[10], made.sessions.dates[ROW + n]),))
        for n, i in enumerate(made.instruments)
    )
    return dataclasses.replace(made, instruments=dated)


@pytest.fixture(scope="module")
def view(panel: Panel) -> View:
    return View(history_of(panel, Policy()), ROW)


def offered(view: View, panel: Panel) -> Iterator[tuple[str, Any]]:
    """Everything that has a public name: each property, and each method with every argument it knows."""
    arguments: dict[str, tuple[Any, ...]] = {
        "bars": FIELDS, "indicator": tuple(history_of(panel, Policy()).catalogue), "certified": KNOWN,
        "macro": (*panel.macro_names, "no such series"), "macro_history": (*panel.macro_names, "no such series"),
    }  # fmt: skip
    arguments["now"] = arguments["indicator"]
    arguments["figure"] = tuple(n for n in arguments["indicator"] if view.indicator(n).shape[1:] in ((), (3,)))
    for name in (n for n in dir(view) if not n.startswith("_")):
        value = getattr(view, name)
        if inspect.ismethod(value):
            assert name in arguments, f"{name}: say here what it is called with"
            yield from ((f"{name}({a})", value(a)) for a in arguments[name])
        else:
            yield name, value


def arrays(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Every array that can be reached from a value by its public names, members and bases."""
    if id(value) in seen or isinstance(value, Sessions | str | bytes | int | float | np.generic | type(None)):
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        yield path, value
        yield from arrays(value.base, f"{path}.base", seen)
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from arrays(member, f"{path}[{key}]", seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for n, member in enumerate(value):
            yield from arrays(member, f"{path}[{n}]", seen)
    elif dataclasses.is_dataclass(value) or isinstance(value, msgspec.Struct):
        for name in (n for n in dir(value) if not n.startswith("_")):
            member = getattr(value, name)
            if not callable(member):
                yield from arrays(member, f"{path}.{name}", seen)
    else:
        assert type(value).__name__ == "PyCapsule", f"{path} is {type(value)}: say here what can be reached from it"


def test_nothing_reachable_from_a_view_can_be_indexed_past_its_row(view: View, panel: Panel) -> None:
    found = 0
    for name, value in offered(view, panel):
        for path, array in arrays(value, name, set()):
            found += 1
            assert array.ndim == 0 or len(array) in {ROW + 1, len(panel.symbols), 3, 2}, path
            if array.ndim and len(array) == ROW + 1:
                assert array.base is None or type(array.base).__name__ == "PyCapsule", path
                assert not array.flags.writeable or array.base is None, path
    assert found > 60
    assert len(panel.symbols) + 10 < ROW + 1  # no window is taken for a row of symbols


def test_windows_are_the_panels_own_bits_and_read_only(view: View, panel: Panel) -> None:
    for name in FIELDS:
        window = view.bars(name)
        np.testing.assert_array_equal(window, getattr(panel, name)[: ROW + 1])
        with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
            window[0] = 0.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            window.flags.writeable = True
    assert np.shares_memory(view.bars("close"), panel.close)  # no copy
    view.now("price")[:] = -1.0  # a copy: nobody else sees it
    assert not (view.now("price") == -1.0).any()
    with pytest.raises(KeyError):
        view.bars("sessions")


def test_membership_to_come_is_not_told(view: View, panel: Panel) -> None:
    assert panel.instruments[3].members
    assert not any(i.members for i in view.instruments)
    history = history_of(panel, Policy())
    for row in (ROW, ROW + 1, ROW + 2):
        expected = [panel.sessions.dates[row] <= i.members[0].end for i in panel.instruments]
        np.testing.assert_array_equal(View(history, row).listed, expected)


def test_only_what_looks_back_reads_the_history_behind_a_view() -> None:
    root = Path(plimsoll.__file__).parent
    readers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"history_behind\(|view\._history|\._memo\b", path.read_text())
    }
    assert readers == {"core/panel.py", "analysis/evidence.py", "analysis/what_if.py"}
    ahead = {
        path.relative_to(root).as_posix() for path in root.rglob("*.py") if re.search(r"in_blocks\(", path.read_text())
    }
    assert ahead == {"core/panel.py", "risk/pairs.py"}  # each of them holds a test that blocks change no bit


def test_a_value_is_the_same_from_whatever_block_and_no_block_reaches_past_the_panel(panel: Panel) -> None:
    history, asked = history_of(panel, Policy()), []

    def squares(_: History, first: int, last: int) -> list[int]:
        asked.append(last - first)
        assert 0 <= first < last <= ROWS
        return [row * row for row in range(first, last)]

    order = [*range(250, 300), 299, 260, 261, *range(310, ROWS)]
    assert [in_blocks(View(history, row), "square", "a", squares) for row in order] == [row * row for row in order]
    assert max(asked) == 16 and len(asked) < len(order) / 2
    before = len(asked)
    assert in_blocks(View(history, ROWS - 1), "square", "b", squares) == (ROWS - 1) ** 2
    assert asked[before:] == [1]  # what is asked for once is worked out once


def test_figures_are_the_arrays_own_bits(view: View) -> None:
    assert view.figure("regime.crisis") == view.now("regime.crisis").item()
    assert view.figure("regime.belief") == tuple(view.now("regime.belief").tolist())
    with pytest.raises(KeyError):
        view.figure("price")


def test_an_indicator_that_is_not_there_is_answered_with_those_that_are(make_market: Callable[..., Panel]) -> None:
    view = View(history_of(make_market(1, 300), Policy()), 299)
    with pytest.raises(KeyError, match=r"no indicator 'ema_20'; did you mean 'sma_20'. There are .*momentum_60"):
        view.now("ema_20")
