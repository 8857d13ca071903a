"""One contract for whatever keeps certified panels: folders, and a store in memory (D14)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalogues import MemorySnapshots
from plimsoll.core.errors import InputError
from plimsoll.core.panel import Panel
from plimsoll.core.ports import SnapshotStore
from plimsoll.market import snapshot
from plimsoll.market.snapshot_store import SnapshotFolder

Put = Callable[[Panel], str]


@pytest.fixture(params=["folder", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SnapshotStore, Put]:
    """A store, and what publishes a panel to it and says its hash."""
    if request.param == "folder":
        root = tmp_path / "snapshots"

        def publish(panel: Panel) -> str:
            folder = snapshot.write(panel, root)
            snapshot.set_current(root, folder)
            return folder.name

        return SnapshotFolder(root), publish
    store = MemorySnapshots()

    def put(panel: Panel) -> str:
        digest = str(len(store.kept))
        store.kept[digest] = panel
        return digest

    return store, put


def test_before_the_first_is_published_there_is_none(kept: tuple[SnapshotStore, Put]) -> None:
    store, _ = kept
    assert list(store.hashes()) == []
    with pytest.raises(InputError, match="no certified snapshot"):
        store.latest()
    with pytest.raises(InputError, match=r"The snapshot f+ is not in"):
        store.open("f" * 64)


def test_every_published_panel_is_opened_by_its_hash_and_the_last_is_the_latest(
    kept: tuple[SnapshotStore, Put], make_market: Any
) -> None:
    store, put = kept
    panels = {put(panel): panel for panel in (make_market(seed=1, rows=300), make_market(seed=2, rows=300))}
    assert set(store.hashes()) == set(panels) and store.latest() == list(panels)[-1]
    for digest, panel in panels.items():
        read = store.open(digest)
        assert read.symbols == panel.symbols and read.sessions.dates == panel.sessions.dates
        assert np.array_equal(read.close, panel.close, equal_nan=True)
        assert np.array_equal(read.macro, panel.macro, equal_nan=True)
