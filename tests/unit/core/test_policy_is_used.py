"""A threshold nobody reads would promise what the system does not do."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import plimsoll
from plimsoll.core import policy as sections

ROOT = Path(plimsoll.__file__).parent
SOURCES = "\n".join(p.read_text(encoding="utf-8") for p in ROOT.rglob("*.py") if p.name != "policy.py")
FIELDS = [
    (name, field)
    for name, cls in vars(sections).items()
    if isinstance(cls, type) and issubclass(cls, sections.Section) and cls is not sections.Section
    for field in cls.__struct_fields__
]


@pytest.mark.parametrize(("section", "field"), FIELDS)
def test_every_threshold_is_read_somewhere(section: str, field: str) -> None:
    assert re.search(rf"\.{field}\b", SOURCES), f"{section}.{field} does nothing"


def test_every_threshold_carries_its_unit_and_rule() -> None:
    def described(cls: type) -> list[str]:
        info = msgspec.inspect.type_info(cls)
        assert isinstance(info, msgspec.inspect.StructType)
        bare = []
        for field in info.fields:
            inner = field.type
            if isinstance(inner, msgspec.inspect.StructType) and issubclass(inner.cls, sections.Section):
                bare += described(inner.cls)
            elif not (isinstance(inner, msgspec.inspect.Metadata) and {"unit", "rule"} <= set(inner.extra or {})):
                bare.append(f"{cls.__name__}.{field.name}")
        return bare

    assert described(sections.Policy) == []
