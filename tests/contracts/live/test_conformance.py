"""What every live venue does, case by case, against its own server (X1, X2, X3, X6; L1-L28).

Each ``*_harness.py`` in this folder is a venue; each case is in terms of our port and of the server's own truth. A case
that a venue cannot have is a visible skip with the venue's reason.
"""

from __future__ import annotations

import asyncio
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import tests.contracts.live.cases_access
import tests.contracts.live.cases_answers
import tests.contracts.live.cases_fills
import tests.contracts.live.cases_orders
import tests.contracts.live.cases_quotes
import tests.contracts.live.cases_snapshots
import tests.contracts.live.cases_stream  # noqa: F401
from tests.contracts.live.desk import CASES, Desk

VENUES = sorted(path.stem.removesuffix("_harness") for path in Path(__file__).parent.glob("*_harness.py"))


def harness_of(venue: str) -> Any:
    return import_module(f"tests.contracts.live.{venue}_harness").Harness


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("venue", VENUES)
def test_conformance(venue: str, name: str) -> None:
    harness = harness_of(venue)()
    if name in harness.cannot:
        pytest.skip(f"{venue}: {harness.cannot[name]}")

    async def played() -> None:
        async with harness as running:
            desk = Desk(running)
            try:
                await CASES[name](desk)
            except NotImplementedError as lacking:
                pytest.skip(f"{venue}: {lacking}")
            finally:
                await desk.end()

    asyncio.run(played())


@pytest.mark.parametrize("venue", VENUES)
def test_what_a_venue_cannot_have_is_a_case_with_a_reason(venue: str) -> None:
    cannot = harness_of(venue)().cannot
    assert set(cannot) <= set(CASES)
    assert all(len(reason) > 10 for reason in cannot.values())


def test_the_page_of_venues_lists_every_case() -> None:
    page = (Path(__file__).parents[3] / "docs" / "venues.md").read_text()
    section = page.partition("## Conformance cases")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z]+(?:_[a-z]+){2,})`", section)) == set(CASES)
    assert f"{len(CASES)} cases" in section
