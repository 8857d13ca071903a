"""Rules of an account's record: legal next entries, and who may sign them (H1, H7).

``RecordChain`` is the record as far as it was read. Each next entry is checked against it before it is accepted: its
place, its content and its signature, by the keys trusted at that point. No clock is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from plimsoll.account.signing import Signer, sound_key, valid
from plimsoll.core.account_record import (
    PURPOSES,
    Body,
    Key,
    Limits,
    Opened,
    RecordAnchor,
    RecordEntry,
    Repair,
    Session,
    Signature,
    amount,
    content,
    kind,
    message,
    seal,
)
from plimsoll.core.errors import InputError

RESTORE = "Restore account.jsonl, account.anchor and limits.json of this home from one backup"
Problem = tuple[str, str]  # what is wrong, and the remedy


@dataclass(frozen=True, slots=True)
class Signatory:
    """A signer, their key, and the time by their clock."""

    person: str
    signer: Signer
    time: str


@dataclass(slots=True)
class RecordChain:
    """The entries so far: hash of the last, trusted keys, paper or live.

    ``anchored`` means that some entry was written together with an anchor, which must then exist.
    """

    entries: list[RecordEntry] = field(default_factory=list)
    last: str = ""
    counts: Counter[type] = field(default_factory=Counter)
    trusted: dict[str, str] = field(default_factory=dict)
    mode: str = ""
    session: str = ""
    anchored: bool = False

    def take(self, entry: RecordEntry) -> None:
        """Add an entry without a problem."""
        self.entries.append(entry)
        self.last = seal(entry)
        self.counts[type(entry.body)] += 1
        self.anchored = self.anchored or entry.anchored is True
        match entry.body:
            case Key() as key:
                self.trusted.pop(key.person, None)
                if key.action == "trust":
                    self.trusted[key.person] = key.public_key
            case Limits() as limits:
                self.mode = limits.mode
            case Session() as session:
                self.session = session.date
            case _:
                pass

    def misfit(self, anchor: RecordAnchor | None) -> str:
        """Why this is not the complete record its anchor describes; "" where it is, or after a crash between the two.

        A crash leaves at most the one entry beyond the anchor that the anchor announced. A record from before anchors
        has none.
        """
        here = len(self.entries)
        if anchor is None:
            return "its anchor is missing" if self.anchored else ""
        if self.entries and anchor.account != self.entries[0].account:
            return f"its anchor is of account {anchor.account}"
        if here < anchor.entries:
            return f"it ends with entry {here}, and its anchor has {anchor.entries}: lines were cut off"
        if (here, self.last) in ((anchor.entries, anchor.last), (anchor.entries + 1, anchor.next)):
            return ""
        if anchor.entries and seal(self.entries[anchor.entries - 1]) != anchor.last:
            return f"entry {anchor.entries} is not the one in its anchor: lines were altered and chained again"
        return f"entry {anchor.entries + 1} is beyond its anchor: it was added outside plimsoll"

    def next(self, body: Body, by: Signatory | None) -> RecordEntry:
        """The next entry with this ``body``, signed where ``by`` is given."""
        first = self.entries[0]
        entry = RecordEntry(
            account=first.account,
            number=len(self.entries) + 1,
            sequence=self.counts[type(body)] + 1,
            previous=self.last,
            body=body,
            anchored=True,
        )
        if by is None:
            return entry
        blank = Signature(
            person=by.person, time=by.time, purpose=PURPOSES[type(body)], content=content(entry), value=""
        )
        return replace(entry, signature=replace(blank, value=by.signer.sign(message(blank))))

    def problem(self, entry: RecordEntry) -> Problem | None:
        """The problem with a next entry; None when it is allowed."""
        return self._place(entry) or self._statement(entry.body) or self._signature(entry)

    def _place(self, entry: RecordEntry) -> Problem | None:
        if isinstance(entry.body, Opened) is bool(self.entries):
            return "a record opens once, with its first line", RESTORE
        if self.entries and entry.account != (mine := self.entries[0].account):
            return f"it is of account {entry.account}, this record is of account {mine}", RESTORE
        if entry.number != (number := len(self.entries) + 1):
            return f"it is number {entry.number}, the next is {number}", RESTORE
        if entry.sequence != (sequence := self.counts[type(entry.body)] + 1):
            return f"it is {kind(entry.body)} {entry.sequence}, the next is {sequence}", RESTORE
        if entry.previous != self.last:
            return "it does not follow the line before it, which was altered or replaced", RESTORE
        if self.anchored and entry.anchored is not True:
            return "it was written without an anchor, after lines that had one", RESTORE
        return None

    def _statement(self, body: Body) -> Problem | None:
        """The problem with an entry's content, given the earlier entries."""
        match body:
            case Key(action="trust"):
                return self._trust(body)
            case Key():
                if self.trusted.get(body.person) != body.public_key:
                    return f"{body.person} is not trusted with this key", "See 'plimsoll keys list'"
                if len(self.trusted) == 1:
                    return f"{body.person} is the only one who may sign", "Trust another person first"
            case Limits():
                return self._caps(body)
            case Session():
                if not self.session < body.date:
                    return f"the session of {body.date} does not come after {self.session}", RESTORE
            case _:
                pass
        return None

    def _trust(self, key: Key) -> Problem | None:
        if not sound_key(key.public_key):
            return (
                f"{key.public_key} is not a sound Ed25519 public key",
                "Give the key that 'plimsoll keys new' printed",
            )
        if self.trusted.get(key.person) == key.public_key:
            return f"{key.person} is trusted with this key already", "No action is needed"
        if key.public_key in (other for person, other in self.trusted.items() if person != key.person):
            return "this key is another person's", "Make one with 'plimsoll keys new'"
        return None

    def _caps(self, limits: Limits) -> Problem | None:
        if self.mode not in ("", limits.mode):
            return f"the account is {self.mode}, not {limits.mode}", "Each has a home of its own: give another --home"
        try:
            for name, text in _amounts(limits):
                amount(text, name)
            steps = () if limits.growth is None else limits.growth.steps
            sizes = [amount(step, "a step of size") for step in steps]
        except InputError as error:
            return error.problem, error.remedy
        if not sizes and (limits.mode == "live" or limits.growth is not None):
            return f"a {limits.mode} account that grows by steps of size has none", "Give governor.size_steps"
        if sizes != sorted(set(sizes)):
            return "the steps of size do not rise", "Order them from small to large"
        return None

    def _signature(self, entry: RecordEntry) -> Problem | None:
        """The problem with an entry's signature, given the trusted keys."""
        signature, body = entry.signature, entry.body
        if signature is None:
            unsigned = f"{kind(body)} {entry.sequence} is not signed"
            return None if self._free(body) else (unsigned, "A trusted person signs it with their key")
        wanted = PURPOSES.get(type(body))
        if wanted is None:
            return f"{kind(body)} {entry.sequence} is signed, which is never allowed", RESTORE
        if signature.purpose != wanted:
            return f"it was signed for {signature.purpose!r}, not for {wanted!r}", "Sign it for its own purpose"
        if signature.content != content(entry):
            return f"its content is not what {signature.person} signed", RESTORE
        key = self.trusted.get(signature.person)
        if key is None:
            known = ", ".join(self.trusted) or "nobody"
            return f"{signature.person} may not sign for this account ({known} may)", "See 'plimsoll keys trust'"
        if not valid(key, message(signature), signature.value):
            remedy = "Sign with the key that 'plimsoll keys list' shows for that person"
            return f"the signature is not by the key {signature.person} is trusted with", remedy
        return None

    def _free(self, body: Body) -> bool:
        """Whether it needs no signature: the opening, sessions, the first key, a paper account's first caps, and its
        repair while nobody may sign.
        """
        match body:
            case Opened() | Session():
                return True
            case Key():
                return not self.counts[Key]
            case Limits():
                return body.mode == "paper" and not self.counts[Limits]
            case Repair():
                return self.mode == "paper" and not self.trusted
            case _:
                return False


def _amounts(limits: Limits) -> Iterator[tuple[str, str]]:
    caps = limits.caps
    for name in ("loss", "position", "turnover", "trade"):
        yield f"caps.{name}", getattr(caps, name)
    for symbol, text in caps.positions.items():
        yield f"caps.positions.{symbol}", text
    yield "capital", limits.capital
