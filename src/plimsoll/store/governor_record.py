"""The record of the governor's account: a chain of entries, one per write, that determines the state (H2, H6, G3).

An entry is one line of JSON: hash of the line before, number, changes of the state, facts, and the result: the number
of rows and of facts, and the digests of both. The first has, instead of a line before it, the account's random name. So
no entry can be removed, moved or altered without its successor showing it, and none of another account fits.

A digest is the sum, modulo 2**256, of the SHA-256 of every row, so that a write updates it without reading the rest.
An accidental loss or change alters it except with probability 2**-256; forging several rows with the same sum takes
some 2**32 steps, and a writer of the file can write its digests too: the anchor is what detects that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from plimsoll.core.errors import CorruptionError
from plimsoll.core.ports import Fact, Row

WHOLE = 1 << 256
Key = tuple[str, str]
_sha = hashlib.sha256


class Entry(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """One write. ``rows`` and ``known`` count state and facts after it; the digests are of the same."""

    previous: str
    number: int
    state: list[Row]
    facts: list[Fact]
    rows: int
    known: int
    state_digest: str
    facts_digest: str


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Entry)


def read(text: str) -> Entry:
    """The entry of a line; ``ValueError`` when it is none."""
    return _DECODER.decode(text)


def seal(text: str) -> str:
    """SHA-256 of a line, which the next one contains."""
    return _sha(text.encode()).hexdigest()


def row_digest(kind: str, key: str, text: str) -> int:
    """A state row's part of its digest."""
    return int.from_bytes(_sha(f"{len(key)} {kind} {key} {text}".encode()).digest())


def fact_digest(kind: str, key: str, number: int) -> int:
    """A fact's part of its digest; its text is in the entry of that number."""
    return int.from_bytes(_sha(f"{kind} {key} {number}".encode()).digest())


def fact_at(entries: Sequence[str], number: int, head: str, kind: str, key: str) -> str:
    """A fact's text, from the entry of that number and the one after it, or the record's head.

    ``CorruptionError`` when the entry was altered, or did not make it.
    """
    if entries and (entry := parsed(entries[0])).number == number:
        hash_ = seal(entries[0])
        follows = entries[1].startswith(f'["{hash_}",{number + 1},') if len(entries) > 1 else hash_ == head
        made = [text for *at, text in entry.facts if at == [kind, key]]
        if follows and made:
            return made[-1]
    raise altered(f"{kind} {key} is not as entry {number} of its record made it")


class Step(NamedTuple):
    """A possible next entry, and the chain after it."""

    number: int
    text: str
    head: str
    length: int  # rows of the state
    known: int
    state: int
    facts: int
    rows: dict[Key, int]
    gone: list[Key]


@dataclass(slots=True)
class Chain:
    """A writer's knowledge of the record: its end, and the digest of each row of the state.

    ``head`` is the hash of the last entry, and before the first the account's own name.
    """

    account: str
    number: int = 0
    head: str = field(init=False)
    known: int = 0
    state: int = 0
    facts: int = 0
    rows: dict[Key, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.head = self.account

    def next(self, state: Sequence[Row], facts: Sequence[Fact], replaced: Iterable[tuple[str, str, int]] = ()) -> Step:
        """The next entry for these changes; the chain is unchanged until it is taken.

        ``replaced`` are those of the facts that stood already, with the number of the entry that holds their text.
        """
        number, had = self.number + 1, self.rows
        total, rows, gone, count = self.state, {}, [], len(self.rows)
        for kind, key, text in state:
            at = kind, key
            before = had.get(at)
            if text is not None:
                rows[at] = found = row_digest(kind, key, text)
                total += found
                count += before is None
            elif before is not None:
                gone.append(at)
                count -= 1
            if before is not None:
                total -= before
        all_facts, known = self.facts, self.known + len(facts)
        for kind, key, _ in facts:
            all_facts += fact_digest(kind, key, number)
        for old in replaced:
            all_facts -= fact_digest(*old)
            known -= 1
        total, all_facts = total % WHOLE, all_facts % WHOLE
        raw = _ENCODER.encode((self.head, number, state, facts, count, known, f"{total:064x}", f"{all_facts:064x}"))
        return Step(number, raw.decode(), _sha(raw).hexdigest(), count, known, total, all_facts, rows, gone)

    def take(self, step: Step) -> None:
        """Advance past an entry that was written."""
        self.number, self.head, self.known = step.number, step.head, step.known
        self.state, self.facts = step.state, step.facts
        self.rows.update(step.rows)
        for at in step.gone:
            del self.rows[at]

    def follow(self, text: str) -> Entry:
        """Advance past another writer's entry; ``CorruptionError`` when it does not follow."""
        entry = follower(text, self.head, self.number + 1)
        step = self.next(entry.state, ())
        if entry.state_digest != f"{step.state:064x}":
            raise altered(f"entry {entry.number} has digests that do not match its changes")
        self.take(step)
        self.head, self.known, self.facts = seal(text), entry.known, int(entry.facts_digest, 16)
        return entry

    def resume(self, text: str, rows: Iterable[Row]) -> None:
        """Start from a last entry and the stored state; ``CorruptionError`` when they do not agree."""
        entry = parsed(text)
        found = {(kind, key): row_digest(kind, key, words) for kind, key, words in rows if words is not None}
        total = sum(found.values()) % WHOLE
        if len(found) != entry.rows or f"{total:064x}" != entry.state_digest:
            raise altered(f"its state is not the one that entry {entry.number} of its record left")
        self.number, self.head, self.rows, self.state = entry.number, seal(text), found, total
        self.known, self.facts = entry.known, int(entry.facts_digest, 16)


def parsed(text: str) -> Entry:
    """The entry of a line; ``CorruptionError`` when it is invalid."""
    try:
        return read(text)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise altered(f"an entry of its record cannot be read ({error})") from None


def follower(text: str, head: str, number: int) -> Entry:
    """The entry that follows a hash as that number; ``CorruptionError`` when it does not."""
    entry = parsed(text)
    if (entry.previous, entry.number) != (head, number):
        raise altered(f"entry {number} of its record does not follow the one before it")
    return entry


def altered(what: str) -> CorruptionError:
    """The error for an altered account."""
    return CorruptionError(
        f"the governor's account was lost or altered: {what}",
        "'plimsoll audit verify' shows where, 'plimsoll audit repair' rebuilds it from the record",
    )
