"""Recompute the governor's account from its record and compare it with the stored one (H2, G3).

Nothing here trusts a stored digest, count or index: each entry is recomputed from its changes, and state and facts must
equal the result of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import apsw

from plimsoll.core.errors import CorruptionError, HomeBusy, InputError
from plimsoll.core.runs import AccountAudit
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_record import Chain, Key, parsed


class Source(Protocol):
    """A stored account, unchecked."""

    def texts(self) -> Iterator[tuple[int, str]]:
        """The entries with their numbers, in order."""
        ...

    def rows(self) -> Iterable[tuple[str, str, str]]:
        """The state."""
        ...

    def facts(self) -> Iterable[tuple[str, str, int]]:
        """The facts, with the numbers of the entries that made them."""
        ...


@dataclass(slots=True)
class Replay:
    """Result of following a record as far as it is in order; ``problem`` is the fault of the next entry.

    ``changed`` is the entry that last changed each row, ``anchored`` whether the anchored one is among them.
    """

    chain: Chain = field(default_factory=lambda: Chain(""))
    texts: list[str] = field(default_factory=list)
    state: dict[Key, str] = field(default_factory=dict)
    changed: dict[Key, int] = field(default_factory=dict)
    facts: dict[Key, int] = field(default_factory=dict)
    anchored: bool = False
    problem: str = ""


def replay(source: Source, seen: Seen | None, *, keep: bool = False) -> Replay:
    """Follow a record from its beginning; ``keep`` its texts too."""
    found = Replay(anchored=seen is not None and not seen.number)
    try:
        for number, text in source.texts():
            found.problem = _problem(found, number, text, seen)
            if found.problem:
                break
            if keep:
                found.texts.append(text)
    except (CorruptionError, apsw.Error, UnicodeDecodeError, TypeError, AttributeError) as error:
        found.problem = f"it cannot be read ({error})"
    return found


def _problem(found: Replay, number: int, text: str, seen: Seen | None) -> str:
    """Take the next entry; returns its fault where it cannot follow."""
    try:
        entry = parsed(text)
    except CorruptionError as error:
        return error.problem
    if not found.chain.number:
        found.chain = Chain(entry.previous)
        if seen is not None and seen.number and entry.previous != seen.account:
            return "it begins another account than this home's"
    before = [(kind, key, found.facts[kind, key]) for kind, key, _ in entry.facts if (kind, key) in found.facts]
    step = found.chain.next(entry.state, entry.facts, before)
    if (entry.previous, entry.number, number) != (found.chain.head, step.number, step.number):
        return f"it does not follow entry {found.chain.number}"
    if step.text != text:
        return "its digests do not match its changes"
    if seen is not None and seen.number == number:
        if seen.head != step.head:
            return "it is not the one this home has seen"
        found.anchored = True
    found.chain.take(step)
    for kind, key, words in entry.state:
        found.changed[kind, key] = number
        if words is None:
            found.state.pop((kind, key), None)
        else:
            found.state[kind, key] = words
    found.facts.update({(kind, key): number for kind, key, _ in entry.facts})
    return ""


def audited(source: Source, seen: Seen | None) -> AccountAudit:
    """Check an account against its record, and the record against the home's anchor."""
    found = replay(source, seen)
    chain = found.chain
    if found.problem:
        return _bad(found, chain.number + 1, f"entry {chain.number + 1}: {found.problem}")
    if seen is None and chain.number:
        return _bad(found, chain.number, "the anchor of this home is missing: the end of the record is unknown")
    if not found.anchored and seen is not None:
        return _bad(
            found, chain.number + 1, f"the record ends with entry {chain.number}, this home has seen {seen.number}"
        )
    try:
        wrong = _unlike(found, source)
    except (CorruptionError, apsw.Error, UnicodeDecodeError, TypeError, AttributeError) as error:
        wrong = chain.number, f"its state cannot be read ({error})"
    if wrong is not None:
        return _bad(found, *wrong)
    return AccountAudit(True, chain.number, head=chain.head)


def _bad(found: Replay, number: int, problem: str) -> AccountAudit:
    return AccountAudit(False, found.chain.number, number, problem, found.chain.head)


def _unlike(found: Replay, source: Source) -> tuple[int, str] | None:
    """The first stored row that differs from the record, and the entry that wrote it."""
    lies = {(kind, key): text for kind, key, text in source.rows()}
    for at in sorted({*lies, *found.state}):
        if lies.get(at) != found.state.get(at):
            number = found.changed.get(at, 0)
            return number, f"{' '.join(at)} is {lies.get(at)!r}, and entry {number} left {found.state.get(at)!r}"
    left = dict(found.facts)
    for kind, key, number in source.facts():
        wanted = left.pop((kind, key), 0)
        if number != wanted:
            return wanted, f"{kind} {key} is stored as of entry {number}, and entry {wanted} made it last"
    for (kind, key), number in left.items():
        return number, f"{kind} {key} of entry {number} is missing"
    return None


class GovernorFile:
    """A ``governor.db``, read without any change. ``HomeBusy`` while a governor has it open."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE").get  # noqa: B018 - runs it to its end
            self._connection.execute("BEGIN EXCLUSIVE")  # and reads in it, until it is closed
        except apsw.BusyError:
            raise HomeBusy(f"{path} is held by another process", "Stop the governor first") from None
        except apsw.CantOpenError as error:
            raise InputError(
                f"{path} cannot be opened ({error})", "Check that it is there, and its permissions"
            ) from None
        except apsw.Error:  # damaged: what can be read of it will say so
            pass

    def texts(self) -> Iterator[tuple[int, str]]:
        """The entries with their numbers, in order."""
        yield from self._each("SELECT number, text FROM record ORDER BY number")

    def rows(self) -> Iterable[tuple[str, str, str]]:
        """The state."""
        return self._each("SELECT kind, key, text FROM state")

    def facts(self) -> Iterable[tuple[str, str, int]]:
        """The facts, with the numbers of the entries that made them."""
        return self._each("SELECT kind, key, entry FROM fact")

    def _each(self, words: str) -> Iterator[Any]:
        yield from self._connection.execute(words)

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def verify_file(path: Path) -> AccountAudit:
    """Verify the account of a home; the anchor is beside the file."""
    try:
        seen = Anchor(path.with_suffix(".anchor")).read()
    except CorruptionError as error:
        return AccountAudit(False, 0, 1, error.problem)
    if not path.exists():
        wanted = 0 if seen is None else seen.number
        return AccountAudit(False, 0, 1, _absent(path, wanted))
    file = GovernorFile(path)
    try:
        return audited(file, seen)
    finally:
        file.close()


def _absent(path: Path, entries: int) -> str:
    """A home whose account is in a server has an anchor and no file either."""
    return f"{path.name} is missing, and this home has seen {entries} entries of it: give --store if a server holds it"
