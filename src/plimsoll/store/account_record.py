"""The account's record on disk: ``account.jsonl``, and ``limits.json``, a copy of the caps it ends with (H1, H7, G3).

An entry is durable in the record before anything acts on it; ``limits.json`` follows. Every reading checks every entry:
its place in the chain, whose signature it carries, and whether that person could sign for that purpose at that point.
No clock is asked. What a crash can leave is an unfinished last line, which is not there, or a ``limits.json`` that is
one version behind, which the next writer brings up to date.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from plimsoll.core.account_record import Body, Entry, Limits, Opened, line, parsed, seal
from plimsoll.core.errors import CheckFailed, CorruptionError, HomeBusy, InputError, PlimsollError
from plimsoll.store.home import Home, write_whole
from plimsoll.store.record_rules import By, Chain

_RESTORE = "Restore account.jsonl and limits.json of this home from a backup"
_REWRITE = "Delete limits.json, it is written again from the record; change caps with 'plimsoll limits sign'"


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was checked from end to end."""

    entries: tuple[Entry, ...] = ()
    trusted: Mapping[str, str] = field(default_factory=dict)
    session: str = ""  # date of the last session that was told

    @property
    def limits(self) -> tuple[Entry, Limits] | None:
        """The entry with the newest caps, and what it says."""
        return next(((e, e.body) for e in reversed(self.entries) if isinstance(e.body, Limits)), None)

    def seal(self, number: int) -> str | None:
        """Hash of one entry; None when the record does not reach so far."""
        return seal(self.entries[number - 1]) if 0 < number <= len(self.entries) else None


class AccountRecord:
    """Reads and extends the record of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.path, self.copy = home.account, home.limits

    def read(self) -> Record:
        """The whole record, checked; an empty one where the home has none.

        ``CorruptionError`` (exit 3) names the first line that is not as it was written and what is wrong with it.
        """
        record = _recorded(self._chain(self._bytes()))
        if not record.entries and self.copy.exists():
            raise CorruptionError(f"{self.copy} is there, but {self.path.name} is not", _RESTORE)
        return record

    def check_copy(self, record: Record) -> None:
        """Hold ``limits.json`` against the record; ``CorruptionError`` names the field that differs.

        A copy that is missing, or that is the version before, is what a crash leaves, and is written again.
        """
        if self.copy_problem(record):
            entry, _ = record.limits or (None, None)
            if entry is not None:
                self._write_copy(entry)

    def copy_problem(self, record: Record) -> str:
        """What a crash left of ``limits.json``; nothing where it is in order. Looks only, raises as ``check_copy``."""
        if record.limits is None:
            return ""
        newest, _ = record.limits
        try:
            copy: Any = msgspec.json.decode(self.copy.read_bytes())
        except FileNotFoundError:
            return f"{self.copy.name} is missing and will be written again"
        except (OSError, ValueError) as error:
            raise CorruptionError(f"{self.copy} cannot be read ({error})", _REWRITE) from None
        mine = _plain(newest)
        if copy == mine:
            return ""
        older = [e for e in record.entries[: newest.number - 1] if isinstance(e.body, Limits)]
        if older and copy == _plain(older[-1]):
            return f"{self.copy.name} is a version behind and will be written again"
        field, found, wanted = next(_differences(copy, mine, ""))
        raise CorruptionError(f"{self.copy} was altered: {field} is {found}, recorded is {wanted}", _REWRITE)

    def open(self, account: str, time: str) -> Record:
        """Begin the record where there is none; returns it."""
        with self._writing() as chain:
            if not chain.entries:
                self._put(chain, Entry(account=account, number=1, sequence=1, previous="", body=Opened(time=time)))
            return _recorded(chain)

    def append(self, body: Body, by: By | None = None) -> Record:
        """Add an entry, signed where ``by`` is given, durably; returns the record with it.

        ``CheckFailed`` (exit 3) when the record's rules do not allow it: nothing is written then.
        """
        with self._writing() as chain:
            if not chain.entries:
                raise CheckFailed(
                    "the account has no record yet", "'plimsoll keys trust' or 'plimsoll govern' begins it"
                )
            self._put(chain, chain.next(body, by))
            return _recorded(chain)

    def _put(self, chain: Chain, entry: Entry) -> None:
        if (problem := chain.problem(entry)) is not None:
            raise CheckFailed(*problem)
        with _clearly(self.path, "written"), self.path.open("ab") as file:
            file.write(line(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        chain.take(entry)
        if isinstance(entry.body, Limits):
            self._write_copy(entry)

    def _write_copy(self, entry: Entry) -> None:
        write_whole(self.copy, msgspec.json.format(line(entry), indent=2) + b"\n")

    @contextmanager
    def _writing(self) -> Iterator[Chain]:
        """The record, held alone; an unfinished last line is taken off first."""
        self._home.folder(self._home.path)
        with _clearly(self.path, "written"):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeBusy(f"{self.path} is being written by another process", "Try again") from None
            raw = self._bytes()
            chain = self._chain(raw)
            if (whole := raw.rfind(b"\n") + 1) < len(raw):
                os.ftruncate(descriptor, whole)
            yield chain
        finally:
            os.close(descriptor)

    def _chain(self, raw: bytes) -> Chain:
        chain = Chain()
        for number, text in enumerate(raw.split(b"\n")[:-1], start=1):
            try:
                entry = parsed(text)
            except ValueError as error:  # msgspec's errors are ValueErrors
                raise CorruptionError(f"{self.path}, line {number}: {error}", _RESTORE) from None
            if (problem := chain.problem(entry)) is not None:
                raise CorruptionError(f"{self.path}, line {number}: {problem[0]}", _RESTORE)
            chain.take(entry)
        return chain

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror})", "Check its permissions") from None


def _recorded(chain: Chain) -> Record:
    return Record(tuple(chain.entries), dict(chain.trusted), chain.session)


def _plain(entry: Entry) -> Any:
    return msgspec.json.decode(line(entry))


def _differences(found: Any, wanted: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Paths at which two trees of JSON differ, with both values."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in dict.fromkeys([*wanted, *found]):
            here = f"{path}.{name}" if path else str(name)
            yield from _differences(found.get(name, _ABSENT), wanted.get(name, _ABSENT), here)
    elif found != wanted:
        yield path or "its content", _word(found), _word(wanted)


_ABSENT = object()


def _word(value: Any) -> str:
    return "absent" if value is _ABSENT else msgspec.json.encode(value).decode()


@contextmanager
def _clearly(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except PlimsollError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be {verb} ({error.strerror})", "Check the disk and its permissions") from None
