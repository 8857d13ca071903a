"""Strategies given as Python objects: named by what decides, kept apart from their giver, refused without a source."""

from __future__ import annotations

import pytest

from plimsoll.alpha import given, registry
from plimsoll.core.errors import InputError

LEVEL = 1


class Quiet:
    name = "quiet"

    def __init__(self, window: int = 20) -> None:
        self.window = window
        self.seen: list[int] = []

    def forecast(self, view: object, holding: object, policy: object) -> list[object]:
        return [] if LEVEL else [self.window]


def cell(body: str = "return []", attribute: int = 3) -> type:
    """A class as a notebook's cell makes one: its module has no file, its functions have their source."""
    import linecache

    head = f"class Cell:\n    name = 'cell'\n    steps = {attribute}\n\n"
    text = f"{head}    def forecast(self, view, holding, policy):\n        {body}\n"
    where = f"<cell {hash(text)}>"
    linecache.cache[where] = (len(text), None, text.splitlines(True), where)
    space: dict[str, object] = {"__name__": "nowhere"}
    exec(compile(text, where, "exec"), space)
    return space["Cell"]  # type: ignore[return-value]


def test_a_class_and_an_object_of_the_same_parameters_have_one_name() -> None:
    assert given.give(Quiet) == given.give(Quiet(20)) != given.give(Quiet(21))
    assert given.give(Quiet).startswith("quiet@")
    made = registry.load([given.give(Quiet(21))])[0]
    assert made.name == "quiet" and made.window == 21  # type: ignore[attr-defined]


def test_every_run_begins_with_the_object_as_it_was_given() -> None:
    mine = Quiet()
    key = given.give(mine)
    registry.load([key])[0].seen.append(1)  # type: ignore[attr-defined]
    mine.seen.append(2)
    assert registry.load([key])[0].seen == []  # type: ignore[attr-defined]


def test_what_the_rule_reads_from_around_it_is_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = given.give(Quiet)
    monkeypatch.setitem(globals(), "LEVEL", 2)
    assert given.give(Quiet) != before


def test_a_class_of_a_cell_is_named_by_its_methods_and_values() -> None:
    first = given.give(cell())
    assert first == given.give(cell())
    assert len({first, given.give(cell("return list(())")), given.give(cell(attribute=4))}) == 3
    source = given.source_of(registry.load([first])[0])
    assert source is not None and b"return []" in source


def test_what_cannot_be_named_is_refused_with_a_remedy() -> None:
    space: dict[str, object] = {"__name__": "nowhere"}
    exec("class Blind:\n    name = 'blind'\n    def forecast(self, view, holding, policy):\n        return []", space)
    with pytest.raises(InputError, match=r"source of nowhere\.Blind cannot be read") as refused:
        given.give(space["Blind"])
    assert ".py file" in str(refused.value.remedy)
    odd = Quiet()
    odd.window = object()  # type: ignore[assignment]
    with pytest.raises(InputError, match="parameter 'window'"):
        given.give(odd)
    with pytest.raises(InputError, match="is not a strategy"):
        given.give(3.0)


def test_a_name_of_another_process_is_refused_and_other_names_are_not_looked_at() -> None:
    with pytest.raises(InputError, match="is not in this process"):
        registry.load(["quiet@0123456789ab"])
    assert given.find("core_trend") is None and given.find("me@home.py") is None
