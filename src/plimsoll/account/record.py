"""The account's record on disk (H1, H7, G3): ``account.jsonl``, its anchor, and ``limits.json``, a copy of its caps.

An entry is announced in ``account.anchor``, written durably to the record, then confirmed in the anchor, and only then
acted on; ``limits.json`` follows. Every reading checks every entry: its place in the chain, its signature, and whether
that person could sign for that purpose at that point; and that the record ends where its anchor says, so that a person
with write access to the record alone can neither cut nor rewrite unsigned lines. No clock is used.

A crash can leave an announced entry that is missing or incomplete, which then does not count; a complete one that the
anchor has not confirmed; or a ``limits.json`` one version behind. The next writer completes them.
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

from plimsoll.account.files import AccountFiles
from plimsoll.account.record_rules import RESTORE, RecordChain, Signatory
from plimsoll.core.account_record import Body, Limits, Opened, RecordAnchor, RecordEntry, line, parsed, seal
from plimsoll.core.errors import CheckFailed, CorruptionError, HomeBusy, InputError, PlimsollError
from plimsoll.store.own_files import open_own, read_own, write_whole

_PRIVATE = 0o600  # the record and the files beside it are private to their owner
_REWRITE = "Delete limits.json, it is written again from the record; change caps with 'plimsoll limits sign'"


@dataclass(frozen=True, slots=True)
class Record:
    """A record checked from end to end.

    ``session`` is the date of the last recorded session, ``begun`` that of the last one its anchor knows to have
    begun; ``anchored`` is False for a record of an older version without later entries.
    """

    entries: tuple[RecordEntry, ...] = ()
    trusted: Mapping[str, str] = field(default_factory=dict)
    session: str = ""
    anchored: bool = False
    begun: str = ""

    @property
    def limits(self) -> tuple[RecordEntry, Limits] | None:
        """The entry with the newest caps, and its content."""
        return next(((e, e.body) for e in reversed(self.entries) if isinstance(e.body, Limits)), None)

    def seal(self, number: int) -> str | None:
        """Hash of one entry; None when the record does not reach so far."""
        return seal(self.entries[number - 1]) if 0 < number <= len(self.entries) else None


class AccountRecord:
    """Reads and extends the record of a home."""

    def __init__(self, home: AccountFiles) -> None:
        self._home = home
        self.path, self.copy, self.anchor = home.account, home.limits, home.anchor

    def read(self) -> Record:
        """The whole record, checked; an empty one where the home has none.

        ``CorruptionError`` (exit 3) names the first altered line and the fault.
        """
        known, raw = self._together()
        if b"\n" not in raw and self.copy.exists():
            raise CorruptionError(f"{self.copy} is there, but {self.path.name} is not", RESTORE)
        return _recorded(self._chain(raw, known), known)

    def _together(self) -> tuple[RecordAnchor | None, bytes]:
        """The anchor and the bytes that belong to it, also while another process adds an entry."""
        before = self._anchored()
        while True:
            raw = self._bytes(self.path)
            after = self._anchored()
            if after == before:
                return after, raw
            before = after

    def check_copy(self, record: Record) -> None:
        """Check ``limits.json`` against the record; ``CorruptionError`` names the field that differs.

        A copy that is missing or one version behind is the result of a crash, and is written again.
        """
        if self.copy_problem(record):
            entry, _ = record.limits or (None, None)
            if entry is not None:
                self._write_copy(entry)

    def copy_problem(self, record: Record) -> str:
        """Note on a missing or outdated ``limits.json``; "" where it is in order. Raises like its check."""
        if record.limits is None:
            return ""
        newest, _ = record.limits
        try:
            copy: Any = msgspec.json.decode(read_own(self.copy))
        except FileNotFoundError:
            return f"{self.copy.name} is missing and will be written again"
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
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
        with self._writing() as (chain, descriptor):
            if not chain.entries:
                body = Opened(time=time)
                first = RecordEntry(account=account, number=1, sequence=1, previous="", body=body, anchored=True)
                self._put(chain, first, descriptor)
            return _recorded(chain, self._anchored())

    def append(self, body: Body, by: Signatory | None = None) -> Record:
        """Add an entry, signed where ``by`` is given, durably; returns the record with it.

        ``CheckFailed`` (exit 3) when the record's rules do not allow it: nothing is written then.
        """
        with self._writing() as (chain, descriptor):
            if not chain.entries:
                raise CheckFailed(
                    "the account has no record yet", "'plimsoll keys trust' or 'plimsoll govern' begins it"
                )
            self._put(chain, chain.next(body, by), descriptor)
            return _recorded(chain, self._anchored())

    def begun(self, session: str) -> None:
        """Record in the anchor that the session of this date began: a store that lost it is then noticed.

        A record without an anchor, which an older version wrote, is left as it is.
        """
        with self._writing():
            known = self._anchored()
            if known is not None and known.begun < session:
                self._write_anchor(msgspec.structs.replace(known, begun=session))

    def _put(self, chain: RecordChain, entry: RecordEntry, descriptor: int) -> None:
        if (problem := chain.problem(entry)) is not None:
            raise CheckFailed(*problem)
        try:
            parsed(line(entry))
        except ValueError as error:  # if written, the account could never be opened again
            raise CheckFailed(f"this entry could not be read again: {error}", "Nothing was written") from None
        self._fix(entry.account, len(chain.entries), chain.last, seal(entry))
        with _clearly(self.path, "written"), os.fdopen(descriptor, "ab", closefd=False) as file:
            file.write(line(entry) + b"\n")
            file.flush()
            os.fsync(descriptor)
        chain.take(entry)
        self._fix(entry.account, len(chain.entries), chain.last)
        if isinstance(entry.body, Limits):
            self._write_copy(entry)

    def _fix(self, account: str, entries: int, last: str, announced: str = "") -> None:
        """Confirm or announce an entry in the anchor."""
        known = self._anchored()
        begun = "" if known is None else known.begun
        self._write_anchor(RecordAnchor(account=account, entries=entries, last=last, next=announced, begun=begun))

    def _write_anchor(self, anchor: RecordAnchor) -> None:
        write_whole(self.anchor, msgspec.json.encode(anchor, order="sorted") + b"\n", _PRIVATE)

    def _write_copy(self, entry: RecordEntry) -> None:
        write_whole(self.copy, msgspec.json.format(line(entry), indent=2) + b"\n", _PRIVATE)

    @contextmanager
    def _writing(self) -> Iterator[tuple[RecordChain, int]]:
        """The record and its file, locked; an incomplete last line is removed first."""
        self._home.folder(self._home.path, 0o700)
        with _clearly(self.path, "written"):
            descriptor = open_own(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _PRIVATE)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeBusy(f"{self.path} is being written by another process", "Try again") from None
            raw = self._bytes(self.path)
            chain = self._chain(raw, self._anchored())
            if (whole := raw.rfind(b"\n") + 1) < len(raw):
                os.ftruncate(descriptor, whole)
            yield chain, descriptor
        finally:
            os.close(descriptor)

    def _chain(self, raw: bytes, anchor: RecordAnchor | None) -> RecordChain:
        chain = RecordChain()
        for number, text in enumerate(raw.split(b"\n")[:-1], start=1):
            try:
                entry = parsed(text)
            except ValueError as error:  # msgspec's errors are ValueErrors
                raise CorruptionError(f"{self.path}, line {number}: {error}", RESTORE) from None
            if (problem := chain.problem(entry)) is not None:
                raise CorruptionError(f"{self.path}, line {number}: {problem[0]}", RESTORE)
            chain.take(entry)
        if misfit := chain.misfit(anchor):
            raise CorruptionError(f"{self.path} does not match {self.anchor.name}: {misfit}", RESTORE)
        return chain

    def _anchored(self) -> RecordAnchor | None:
        raw = self._bytes(self.anchor)
        if not raw and not self.anchor.exists():
            return None
        try:
            return msgspec.json.decode(raw, type=RecordAnchor)
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise CorruptionError(f"{self.anchor} is damaged ({error})", RESTORE) from None

    def _bytes(self, path: Path) -> bytes:
        try:
            return read_own(path)
        except FileNotFoundError:
            return b""


def _recorded(chain: RecordChain, anchor: RecordAnchor | None) -> Record:
    begun = "" if anchor is None else anchor.begun
    return Record(tuple(chain.entries), dict(chain.trusted), chain.session, chain.anchored, begun)


def _plain(entry: RecordEntry) -> Any:
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
