"""Signed statements on positions and prices, and their application by the governor (R9, U6, X6).

A signed statement is an entry of the account's record. It is applied once, at the governor's next start, session,
``status`` or the message that names it, to the state at that time; one with nothing to apply to is used up too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import ValidationError, convert

from plimsoll.account.files import AccountFiles
from plimsoll.account.record import AccountRecord, Record
from plimsoll.account.record_rules import Signatory
from plimsoll.core.account_record import Act
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.quantity import plain, signed
from plimsoll.core.symbols import held_as
from plimsoll.core.venue_facts import Act as ActFact
from plimsoll.core.venue_facts import Settlement, SignedPosition, SignedPrice, act_id
from plimsoll.governor.governor import Governor


@dataclass(frozen=True, slots=True)
class SignedAct:
    """A signed statement and the number of its entry in the account's record."""

    number: int
    action: str
    symbol: str


class SignedActs:
    """The statements in a home's record, applied to its governor. ``live`` accounts settle nothing unsigned."""

    def __init__(self, record: AccountRecord, *, live: bool) -> None:
        self._record, self._live = record, live
        self._seen: tuple[int, int] = (-1, -1)

    def apply(self, governor: Governor) -> list[dict[str, Any]]:
        """Apply statements signed since; returns the result of each. Without any it costs one look at the file."""
        try:
            found = self._record.path.stat()
        except FileNotFoundError:
            return []
        if self._seen == (found.st_size, found.st_mtime_ns):
            return []
        said: list[dict[str, Any]] = []
        for entry in self._record.read().entries:
            if isinstance(entry.body, Act) and not governor.knows(act_id(entry.number)):
                reasons = governor.tell(fact_of(entry.number, entry.body))
                act = SignedAct(entry.number, entry.body.action, entry.body.symbol)
                said.append({"act": act.number, "action": act.action, "symbol": act.symbol, "reasons": list(reasons)})
        self._seen = (found.st_size, found.st_mtime_ns)
        return said

    def settlement(self, told: Settlement) -> tuple[Settlement, str]:
        """The part of a settlement message that may be booked, with a note: the signed statement it names, or, in a
        paper account without signers, the message itself.
        """
        record = self._record.read()
        if told.act:
            act = _named(record, told.act)
            if (act.action, act.symbol) != ("settle", told.symbol) or signed(act.price, "price") != told.price:
                raise InputError(
                    f"entry {told.act} of account.jsonl does not settle {told.symbol} at {plain(told.price)}",
                    "Name the entry that 'plimsoll approve settle' printed, with its price",
                )
            return _settlement(told.act, act), ""
        if self._live or record.trusted:
            raise InputError(
                f"settling {told.symbol} needs a signature",
                f"Sign it: plimsoll approve settle {told.symbol} --price P --person P --key FILE --reason TEXT",
            )
        return told, "settled unsigned, which a paper account without signers allows"


def sign(home: AccountFiles, said: Mapping[str, str], by: Signatory) -> SignedAct:
    """Add a signed statement to the home's record. ``CheckFailed`` where that person may not sign, ``UsageError`` for
    impossible figures.
    """
    act = _checked(said)
    entry = AccountRecord(home).append(act, by).entries[-1]
    return SignedAct(entry.number, act.action, act.symbol)


def fact_of(number: int, act: Act) -> ActFact:
    """A signed entry as a message to the governor."""
    match act.action:
        case "settle":
            return _settlement(number, act)
        case "price":
            bid, ask = (signed(text, name) for text, name in ((act.bid, "bid"), (act.ask, "ask")))
            return SignedPrice(act_id(number), act.symbol, bid, ask)
        case "position":
            return SignedPosition(act_id(number), act.symbol, signed(act.quantity, "qty"))


def _settlement(number: int, act: Act) -> Settlement:
    quantity = signed(act.quantity, "qty") if act.quantity else None
    return Settlement(act_id(number), act.symbol, signed(act.price, "price"), quantity, act=number)


def _checked(said: Mapping[str, str]) -> Act:
    """The statement in a command, its symbol in canonical spelling."""
    try:
        act = convert({**said, "symbol": held_as(said["symbol"])}, Act)
        fact = fact_of(1, act)
    except InputError as error:
        raise UsageError(error.problem, error.remedy) from None
    except ValidationError as error:
        raise UsageError(f"this cannot be signed: {error}", "Give plain decimals such as 0, 39.98 or -0.5") from None
    if isinstance(fact, SignedPrice) and not 0 < fact.bid <= fact.ask:
        raise UsageError(f"a price needs 0 < bid <= ask, not {act.bid} to {act.ask}")
    if isinstance(fact, Settlement) and fact.price < 0:
        raise UsageError(f"a settlement needs a price, 0 to write off, not {act.price}")
    return act


def _named(record: Record, number: int) -> Act:
    body = record.entries[number - 1].body if number <= len(record.entries) else None
    if not isinstance(body, Act):
        raise InputError(f"entry {number} of account.jsonl is not a signed statement", "See 'plimsoll approve settle'")
    return body
