"""The last entry of the governor's account that a home has seen, in ``governor.anchor``; no store may be behind it
(H2).

One line of fixed width: the account, number and hash of the last entry this home has seen, and a checksum. It is
overwritten in place after each write and not flushed, which takes microseconds; a power cut may leave an older line,
never half of one, and an older line only demands less of the store. It is flushed when created.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from plimsoll.core.errors import InputError
from plimsoll.store.governor_record import altered

_READS = 3  # another process of the home may be in the middle of writing it
_LINE = re.compile(rb"((\w{64}) (\d{20}) (\w{64})) (\w{8})\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """The entry of an account that a home has seen: its number, 0 before the first, and its hash."""

    account: str
    number: int
    head: str


class Anchor:
    """One home's anchor; the file is opened when it is first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        self._account = ""

    def read(self) -> Seen | None:
        """The last entry seen; None where the home has no anchor. ``CorruptionError`` where it cannot be read."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe must not wait
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable("read", error) from None
        try:
            for _ in range(_READS):
                found = _LINE.fullmatch(os.pread(descriptor, 4096, 0))
                if found is not None and f"{crc32(found[1]):08x}".encode() == found[5]:
                    return Seen(found[2].decode(), int(found[3]), found[4].decode())
        except OSError as error:  # a pipe, which has no place to read at
            raise self._unusable("read", error) from None
        finally:
            os.close(descriptor)
        raise altered(f"{self.path} is damaged, so the account cannot be distinguished from an older copy")

    def begin(self, seen: Seen) -> None:
        """Create the file, or write it again, durably."""
        self.close()
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            self._account = seen.account
            line = _line(seen.account, seen.number, seen.head)
            os.pwrite(self._descriptor, line, 0)
            os.ftruncate(self._descriptor, len(line))
            os.fsync(self._descriptor)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unusable("written", error) from None

    def move(self, number: int, head: str) -> None:
        """Record that this entry was seen."""
        try:
            os.pwrite(self._descriptor, _line(self._account, number, head), 0)
        except OSError as error:
            raise self._unusable("written", error) from None

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _unusable(self, verb: str, error: OSError) -> InputError:
        return InputError(f"{self.path} cannot be {verb} ({error.strerror})", "Check the disk and its permissions")


def _line(account: str, number: int, head: str) -> bytes:
    text = f"{account} {number:020d} {head}"
    return f"{text} {crc32(text.encode()):08x}\n".encode()
