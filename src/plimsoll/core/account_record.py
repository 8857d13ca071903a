"""An account's record: who may sign, what they signed, and how its sessions went (H1, H7, H9, G3).

The record is a chain of entries, one canonical JSON line each. ``previous`` is the hash of the line before, so no
entry can be removed, moved or changed; ``account`` prevents its use for another account, and ``number`` and
``sequence`` (counted within its kind) its repeated use. A signature covers the whole entry: content, account, number
and history.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal

import msgspec

from plimsoll.core.errors import InputError

_AMOUNT = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]
Signed = Annotated[str, msgspec.Meta(pattern="^-?[0-9]{1,40}\\.[0-9]{2}\\Z")]
"""Any amount that a session report may contain: an absurd one must still be readable."""
Amount = Annotated[str, msgspec.Meta(pattern="^(-?[0-9]{1,15}(\\.[0-9]{1,12})?)?\\Z")]
Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}\\Z")]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of an entry; unknown fields are refused."""


class Caps(_Part, frozen=True, kw_only=True):
    """The account's absolute caps in dollars: ``positions`` of named symbols, ``position`` of any other (H1)."""

    loss: str
    position: str
    turnover: str
    trade: str
    positions: dict[str, str] = {}


class Opened(_Part, frozen=True, kw_only=True, tag_field="kind", tag="opened"):
    """The first entry; its ``account`` id is random."""

    time: str


class Key(_Part, frozen=True, kw_only=True, tag_field="kind", tag="key"):
    """A person's public key is trusted from here on, or revoked. The first trusted key needs no signature."""

    action: Literal["trust", "revoke"]
    person: Name
    public_key: Hash


class Growth(_Part, frozen=True, kw_only=True):
    """Growth of a position to its cap: the ``steps`` of its value in dollars, and the evidence for each (H7).

    ``days`` are profitable sessions in a row and ``uptime_bps`` basis points of their minutes; a session's loss above
    ``daily_loss_bps`` of its equity restarts the evidence, a drawdown above ``drawdown_bps`` of the peak takes a step
    back (P4).
    """

    steps: tuple[str, ...]
    days: Annotated[int, msgspec.Meta(ge=1)]
    uptime_bps: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    daily_loss_bps: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    drawdown_bps: Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class Limits(_Part, frozen=True, kw_only=True, tag_field="kind", tag="limits"):
    """The dollar caps from here on, and the growth of positions to them (H1, H7).

    ``capital`` and ``profile`` are the inputs from which the caps were generated; ``growth`` is absent where size is
    not graduated. Only a paper account's first caps need no signature.
    """

    mode: Literal["paper", "live"]
    profile: str
    capital: str
    caps: Caps
    growth: Growth | None = None
    reason: str = ""


class Size(_Part, frozen=True, kw_only=True, tag_field="kind", tag="size"):
    """A person grants the next step of size, in dollars (H7)."""

    step: str
    reason: str


class Session(_Part, frozen=True, kw_only=True, tag_field="kind", tag="session"):
    """Results of a session of the governor, written when the next one begins (H7).

    ``equity`` is at its start and ``equity_next`` at the next one's; ``result`` is the profit from its own fills and
    marks, and ``size`` the position size allowed, None where size is not graduated; all in dollars with two decimals.
    Of the ``minutes`` of its hours ``minutes_up`` had a quote; both are absent where its hours are unknown. ``slow``
    means that its decisions took too long (H5), ``breaches`` are codes.
    """

    date: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}\\Z")]
    equity: Signed
    equity_next: Signed
    result: Signed
    size: Signed | None
    minutes: int | None
    minutes_up: int | None
    slow: bool
    breaches: tuple[str, ...] = ()


class Promise(_Part, frozen=True, kw_only=True, tag_field="kind", tag="promise"):
    """A person's signature of the risk promise with this SHA-256, made under the policy with that hash (H9)."""

    document: Hash
    policy: Hash


class Act(_Part, frozen=True, kw_only=True, tag_field="kind", tag="act"):
    """A person's statement that no venue provides: the settlement price of a holding, the correct price of a symbol, or
    the quantity held (R9, U6, X6). The governor applies it once, to the state at that time.

    ``price`` is of a settlement, ``bid`` and ``ask`` of a price, ``quantity`` of a position; the others are empty.
    """

    action: Literal["settle", "price", "position"]
    symbol: Annotated[str, msgspec.Meta(pattern="^[A-Z0-9^][A-Z0-9.^=-]{0,31}\\Z")]
    price: Amount = ""
    bid: Amount = ""
    ask: Amount = ""
    quantity: Amount = ""
    reason: str


class Repair(_Part, frozen=True, kw_only=True, tag_field="kind", tag="repair"):
    """A person's order to rebuild the governor's account from its record, or to restart it without lost entries (H2,
    X6).

    ``entries`` of the record are kept, ``lost`` are known to have followed them; ``problem`` describes the damage.
    """

    action: Literal["rebuild", "restart"]
    entries: Annotated[int, msgspec.Meta(ge=0)]
    lost: Annotated[int, msgspec.Meta(ge=0)]
    problem: str
    reason: str


Body = Opened | Key | Limits | Size | Session | Promise | Act | Repair

PURPOSES: dict[type, str] = {
    Key: "who may sign for this account",
    Limits: "the dollar caps of this account",
    Size: "the next step of size of this account",
    Promise: "the risk promise of this account",
    Act: "a holding or a price of this account",
    Repair: "the repair of this account",
}


class Signature(_Part, frozen=True, kw_only=True):
    """Signer, time by the signer's clock, purpose and content hash; ``value`` is Ed25519 in hexadecimal."""

    person: Name
    time: str
    purpose: str
    content: Hash
    value: str


class RecordEntry(_Part, frozen=True, kw_only=True):
    """One line of an account's record. ``anchored``: its writer kept an ``RecordAnchor``; absent from older lines."""

    account: str
    number: int
    sequence: int
    previous: str
    body: Body
    signature: Signature | None = None
    anchored: bool | msgspec.UnsetType = msgspec.UNSET


class RecordAnchor(_Part, frozen=True, kw_only=True):
    """The end of a record as last written, kept beside it: its number of entries and the hash of the last.

    ``next`` is the hash of the entry about to be written, announced before it, "" once it is there. ``begun`` is the
    date of the last session that began here, which the record contains only when the next begins.
    """

    account: str
    entries: int
    last: str
    next: str = ""
    begun: str = ""


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(RecordEntry)


def line(entry: RecordEntry) -> bytes:
    """The entry as one line of canonical JSON: keys sorted, compact, without its newline."""
    return _ENCODER.encode(entry)


def parsed(text: bytes) -> RecordEntry:
    """The entry of a line. ``ValueError`` when it is not an entry in canonical form."""
    entry = _DECODER.decode(text)
    if line(entry) != text:
        raise ValueError("it is not in canonical form")
    return entry


def seal(entry: RecordEntry) -> str:
    """SHA-256 of the whole line, its signature included: the ``previous`` of the next entry."""
    return hashlib.sha256(line(entry)).hexdigest()


def content(entry: RecordEntry) -> str:
    """SHA-256 of what a signature covers: the entry without it."""
    return hashlib.sha256(line(msgspec.structs.replace(entry, signature=None))).hexdigest()


def message(signature: Signature) -> bytes:
    """The bytes that are signed. They include their own kind, so that no other use of the key can pass for one."""
    covered = {name: getattr(signature, name) for name in ("person", "time", "purpose", "content")}
    return b"plimsoll account record 1\n" + _ENCODER.encode(covered)


def amount(text: str, name: str) -> int:
    """Whole cents of a positive amount in dollars; ``InputError`` for anything else.

    >>> amount("1250.5", "loss")
    125050
    """
    found = _AMOUNT.fullmatch(text)
    cents = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if cents <= 0:
        raise InputError(f"{name} is {text!r}, no positive amount in dollars", "Write it as 100 or 100.00")
    return cents


def kind(body: Body) -> str:
    """The name of this body type in a line."""
    return str(body.__struct_config__.tag)
