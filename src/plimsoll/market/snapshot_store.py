"""The published snapshots of a folder, behind ``core.ports.SnapshotStore``."""

from __future__ import annotations

from pathlib import Path

from plimsoll.core.errors import InputError
from plimsoll.core.panel import Panel
from plimsoll.market import snapshot


class SnapshotFolder:
    """Snapshots under ``root``, a folder each; ``root`` need not be there yet."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, digest: str) -> Panel:
        """The panel of that hash, every byte verified. ``InputError`` where it is not there."""
        if digest not in self.hashes():
            raise InputError(f"The snapshot {digest} is not in {self._root.parent}", "Restore its folder")
        return snapshot.load(self._root / digest)

    def latest(self) -> str:
        """The hash of the one that everything new reads from; ``InputError`` before the first was published."""
        return snapshot.current(self._root).name

    def hashes(self) -> tuple[str, ...]:
        """Every published snapshot, in no order of time."""
        return tuple(sorted(p.parent.name for p in self._root.glob(f"*/{snapshot.MANIFEST}")))
