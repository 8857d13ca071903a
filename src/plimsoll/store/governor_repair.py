"""Rewrite the governor's file from its record (H2).

The damaged files are moved aside, never deleted. The new one is complete and flushed before it gets its name; after a
crash in between, the next start puts it in place. The anchor follows last: until then the account is refused, and the
repair can be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plimsoll.core.errors import CorruptionError
from plimsoll.core.ports import Row
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_audit import GovernorFile, Replay, audited, replay
from plimsoll.store.governor_store import create


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage of an account, and how much of it the record can restore.

    ``whole`` says that the record is in order to its end and reaches what the home has seen, so that everything can be
    derived again; else entries after ``entries`` are lost, up to ``seen`` at least.
    """

    problem: str
    entries: int
    seen: int
    whole: bool


class Broken:
    """The account of a home, damaged or not, as its files lie."""

    def __init__(self, path: Path) -> None:
        self.path, self._anchor = path, Anchor(path.with_suffix(".anchor"))
        self._made = path.with_suffix(".new")  # whole, and to take the place of the damaged files
        self._found = Replay()

    @property
    def state(self) -> list[Row]:
        """The state that its record comes to."""
        return [(*at, text) for at, text in self._found.state.items()]

    def look(self) -> Damage | None:
        """The damage; None without any. ``HomeBusy`` while a governor has it open."""
        if self._made.exists():
            self._put_in_place()
        unknown = ""
        try:
            seen = self._anchor.read()
        except CorruptionError as error:
            seen, unknown = None, error.problem
        if not self.path.exists():
            if seen is None and not unknown:
                return None
            number = 0 if seen is None else seen.number
            return Damage(f"{self.path.name} is missing", 0, number, whole=False) if number or unknown else None
        file = GovernorFile(self.path)
        try:
            self._found = replay(file, seen, keep=True)
            report = audited(file, seen)
        finally:
            file.close()
        if report.ok:
            return None
        whole = not self._found.problem and self._found.anchored
        number = 0 if seen is None else seen.number
        return Damage(unknown or report.problem, self._found.chain.number, number, whole=whole)

    def rebuild(self, more: list[Row]) -> int:
        """Rewrite the file from the record found by ``look``, with ``more`` rows of the state in an entry of their own;
        returns the number of entries.
        """
        beside = self.path.with_suffix(".rebuilt")
        for leftover in (beside, Path(f"{beside}-wal"), Path(f"{beside}-journal")):
            leftover.unlink(missing_ok=True)
        chain = create(beside, self._found, more)
        beside.replace(self._made)
        self._put_in_place()
        self._anchor.begin(Seen(chain.account, chain.number, chain.head))
        self._anchor.close()
        return chain.number

    def _put_in_place(self) -> None:
        number = 1
        while Path(f"{self.path}.damaged-{number}").exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            if (file := Path(f"{self.path}{suffix}")).exists():
                file.replace(f"{self.path}.damaged-{number}{suffix}")
        self._made.replace(self.path)
