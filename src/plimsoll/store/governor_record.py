"""The record of the governor's account: a chain of entries, one a write, which the state follows from (H2, H6, G3).

An entry is one line of JSON: hash of the line before, number, changes of the state, facts, and what all of it came to:
how many rows and facts there are, and the digests of both. The first names, instead of a line before it, the account,
drawn at random when it began. So no entry can be taken out, moved or altered without its successor showing it, and no
other account's fits.

A digest is the sum, modulo 2**256, of the SHA-256 of every row, so that a write changes it without reading the rest.
Whatever is lost or altered by mistake changes it, but for one chance in 2**256; who forges several rows on purpose to
keep a sum needs some 2**32 steps, and who can write the file can write its digests too: what holds those is the anchor.
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
    """SHA-256 of a line: what the next one names."""
    return _sha(text.encode()).hexdigest()


def row_digest(kind: str, key: str, text: str) -> int:
    """What a row of the state adds to its digest."""
    return int.from_bytes(_sha(f"{len(key)} {kind} {key} {text}".encode()).digest())


def fact_digest(kind: str, key: str, number: int) -> int:
    """What a fact adds to its digest; its text stands in the entry of that number."""
    return int.from_bytes(_sha(f"{kind} {key} {number}".encode()).digest())


def fact_at(entries: Sequence[str], number: int, head: str, kind: str, key: str) -> str:
    """A fact's text, from the entry of that number that made it and the one after it, or the record's head.

    ``CorruptionError`` when the entry is not as it was written, or did not make it.
    """
    if entries and (entry := parsed(entries[0])).number == number:
        hash_ = seal(entries[0])
        follows = entries[1].startswith(f'["{hash_}",{number + 1},') if len(entries) > 1 else hash_ == head
        made = [text for *at, text in entry.facts if at == [kind, key]]
        if follows and made:
            return made[-1]
    raise altered(f"{kind} {key} is not as entry {number} of its record made it")


class Step(NamedTuple):
    """An entry that may be written next, and what a chain is after it."""

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
    """What a writer knows of the record: its end, and the digest of each row of the state.

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
        """The entry that would follow; nothing changes until it is taken.

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
        """Go on from an entry that was written."""
        self.number, self.head, self.known = step.number, step.head, step.known
        self.state, self.facts = step.state, step.facts
        self.rows.update(step.rows)
        for at in step.gone:
            del self.rows[at]

    def follow(self, text: str) -> Entry:
        """Go on from an entry that another wrote; ``CorruptionError`` when it does not follow."""
        entry = follower(text, self.head, self.number + 1)
        step = self.next(entry.state, ())
        if entry.state_digest != f"{step.state:064x}":
            raise altered(f"entry {entry.number} does not say what its changes come to")
        self.take(step)
        self.head, self.known, self.facts = seal(text), entry.known, int(entry.facts_digest, 16)
        return entry

    def resume(self, text: str, rows: Iterable[Row]) -> None:
        """Go on from a last entry and the state as it lies there; ``CorruptionError`` when they do not agree."""
        entry = parsed(text)
        found = {(kind, key): row_digest(kind, key, words) for kind, key, words in rows if words is not None}
        total = sum(found.values()) % WHOLE
        if len(found) != entry.rows or f"{total:064x}" != entry.state_digest:
            raise altered(f"its state is not the one that entry {entry.number} of its record left")
        self.number, self.head, self.rows, self.state = entry.number, seal(text), found, total
        self.known, self.facts = entry.known, int(entry.facts_digest, 16)


def parsed(text: str) -> Entry:
    """The entry of a line; ``CorruptionError`` when it is none."""
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
    """The error for an account that is not as it was written."""
    return CorruptionError(
        f"the governor's account was lost or altered: {what}",
        "'plimsoll audit verify' says where, 'plimsoll audit repair' mends what the record still tells",
    )
