"""The account's signed limits and trusted keys: show, change, and list every version (H1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from plimsoll.account.files import AccountFiles
from plimsoll.account.governed_account import (
    CAPS,
    Difference,
    differences,
    drifted,
    kept_caps,
    last_equity,
    signed_limits,
    whole_record,
)
from plimsoll.account.record import AccountRecord
from plimsoll.account.record_rules import Signatory
from plimsoll.account.track_record import iso
from plimsoll.core.account_record import Caps, Key, Limits, RecordEntry, Signature, amount
from plimsoll.core.errors import CheckFailed, HomeBusy, InputError, UsageError, said
from plimsoll.core.money import dollars
from plimsoll.core.policy import Policy
from plimsoll.core.ports import StateStore
from plimsoll.core.symbols import UNMEASURABLE, held_as, measurable
from plimsoll.governor.limits import GovernorLimits, from_policy


class LimitsVersion(msgspec.Struct, frozen=True):
    """One version of an account's caps, in dollars. Not signed: no person and no time."""

    sequence: int
    mode: str
    profile: str
    capital: str
    caps: Caps
    steps: tuple[str, ...]
    reason: str
    signed_by: str | None
    signed_at: str | None
    seal: str


class LimitsReport(msgspec.Struct, frozen=True):
    """An account's dollar caps.

    ``caps`` are those of the newest version, or, where ``recorded`` is False, the profile's initial ones.
    ``size`` is the present position size inside the cap, None where size is not graduated (H7). ``in_force`` are the
    governor's caps until its next session, that size included, None before its first start and while it runs; ``note``
    says which, ``waiting`` that the next session brings others. ``differs`` are differences from the policy.
    ``session`` is the last session that the home's governor began, with ``equity``; ``drift`` warns that this is far
    from the capital the caps were made for, "" while it is near or unknown.
    """

    account: str | None
    recorded: bool
    mode: str
    profile: str
    capital: str
    caps: Caps
    steps: tuple[str, ...]
    size: str | None
    sequence: int | None
    reason: str
    signed_by: str | None
    signed_at: str | None
    in_force: Caps | None
    waiting: bool
    note: str
    differs: tuple[Difference, ...]
    session: str | None = None
    equity: str | None = None
    drift: str = ""


class TrustedKey(msgspec.Struct, frozen=True):
    """A person who may sign, and the public key of their signatures."""

    person: str
    public_key: str


def show(home: AccountFiles, policy: Policy, shared: StateStore | None = None) -> LimitsReport:
    """The caps of a home's account; reads only. ``shared`` is its governor's store where that is not the home's own.

    ``CorruptionError`` when the record or ``limits.json`` was altered.
    """
    record = AccountRecord(home)
    found = whole_record(home)
    in_force, note, (day, equity) = _in_force(home, shared)
    if found.limits is None:
        first = from_policy(policy, "paper")
        note = "no limits yet; these are the initial caps of a paper account of this profile"
        return _report(first, None, in_force, None, note, ())
    entry, limits = found.limits
    note = record.copy_problem(found) or note
    made = _report(limits, entry, in_force, signed_limits(found, policy), note, differences(policy, limits))
    if day < 0:
        return made
    return msgspec.structs.replace(
        made, session=iso(day), equity=dollars(equity), drift=drifted(limits, equity, policy)
    )


def history(home: AccountFiles) -> tuple[LimitsVersion, ...]:
    """Every version, oldest first."""
    entries = whole_record(home).entries
    return tuple(_version(e, e.body) for e in entries if isinstance(e.body, Limits))


def sign(
    home: AccountFiles, policy: Policy, by: Signatory, reason: str, change: Mapping[str, str], *, live: bool, anew: bool
) -> LimitsReport:
    """Sign the next version of the caps: the newest one with a change, or the policy's own where there is none.

    ``change`` holds dollars by cap, ``position of SYMBOL`` for one symbol's. ``anew`` takes everything from the
    policy first. Errors leave nothing written.
    """
    record = AccountRecord(home)
    found = whole_record(home)
    record.check_copy(found)
    why = said(reason, "--reason")
    if not found.trusted:
        raise CheckFailed("nobody may sign for this account yet", "plimsoll keys trust PERSON PUBLIC_KEY")
    newest = None if found.limits is None else found.limits[1]
    if newest is not None and live and newest.mode == "paper":
        raise UsageError("this home's account is paper", "A live account has a home of its own: give another --home")
    mode = "live" if live else "paper" if newest is None else newest.mode
    base = newest if newest is not None and not anew else from_policy(policy, mode)
    if base.profile != policy.profile:
        raise InputError(
            f"the account's caps were made for profile {base.profile}, not {policy.profile}",
            f"Use --profile {base.profile}, or --anew to take the caps of {policy.profile}",
        )
    caps = _changed(base.caps, change)
    record.append(msgspec.structs.replace(base, caps=caps, reason=why), by)
    return show(home, policy)


def trust(
    home: AccountFiles, person: str, public_key: str | None, by: Signatory | None, account: str, time: str
) -> tuple[TrustedKey, ...]:
    """Trust a key (None revokes the person's key); begins the record of a home without one."""
    record = AccountRecord(home)
    known = whole_record(home)
    if public_key is None:
        old = known.trusted.get(person)
        if old is None:
            raise UsageError(f"{person} is not trusted", "See 'plimsoll keys list'")
        body: dict[str, Any] = {"kind": "key", "action": "revoke", "person": person, "public_key": old}
    else:
        body = {"kind": "key", "action": "trust", "person": person, "public_key": public_key.lower()}
    try:
        key = msgspec.convert(body, Key)
    except msgspec.ValidationError:
        raise UsageError(
            f"{person!r} with key {public_key!r} cannot be trusted",
            "A person's name has letters, digits, spaces and . _ @ -; a public key has 64 hexadecimal digits",
        ) from None
    if known.trusted and by is None:
        raise CheckFailed(
            f"{', '.join(known.trusted)} must sign changes of signers", "Give --by PERSON --key FILE of one of them"
        )
    record.open(account, time)
    record.append(key, by)
    return trusted(home)


def trusted(home: AccountFiles) -> tuple[TrustedKey, ...]:
    """Trusted signers."""
    return tuple(TrustedKey(*row) for row in whole_record(home).trusted.items())


def _changed(caps: Caps, change: Mapping[str, str]) -> Caps:
    plain = {name: dollars(amount(text, name)) for name, text in change.items()}
    named: dict[str, str] = {}
    for name in [name for name in plain if name not in CAPS]:
        symbol = held_as(name.removeprefix("position of "))
        if not measurable(symbol):
            raise InputError(f"{symbol} is {UNMEASURABLE}", "Name a symbol that the account trades in USD")
        if symbol in named:
            raise InputError(f"the position of {symbol} is given twice", "Give each symbol one cap")
        named[symbol] = plain.pop(name)
    return msgspec.structs.replace(caps, **plain, positions={**caps.positions, **named})


def _report(
    limits: Limits,
    entry: RecordEntry | None,
    in_force: Caps | None,
    signed: GovernorLimits | None,
    note: str,
    differs: tuple[Difference, ...],
) -> LimitsReport:
    signature = None if entry is None else entry.signature
    return LimitsReport(
        account=None if entry is None else entry.account,
        recorded=entry is not None,
        mode=limits.mode,
        profile=limits.profile,
        capital=limits.capital,
        caps=limits.caps,
        steps=() if limits.growth is None else limits.growth.steps,
        size=None if signed is None or signed.size is None else dollars(signed.size),
        sequence=None if entry is None else entry.sequence,
        reason=limits.reason,
        signed_by=_who(signature),
        signed_at=_when(signature),
        in_force=in_force,
        waiting=in_force is not None and signed is not None and in_force != _caps(signed.caps),
        note=note,
        differs=differs,
    )


def _version(entry: RecordEntry, limits: Limits) -> LimitsVersion:
    from plimsoll.core.account_record import seal

    return LimitsVersion(
        sequence=entry.sequence,
        mode=limits.mode,
        profile=limits.profile,
        capital=limits.capital,
        caps=limits.caps,
        steps=() if limits.growth is None else limits.growth.steps,
        reason=limits.reason,
        signed_by=_who(entry.signature),
        signed_at=_when(entry.signature),
        seal=seal(entry),
    )


def _who(signature: Signature | None) -> str | None:
    return None if signature is None else signature.person


def _when(signature: Signature | None) -> str | None:
    return None if signature is None else signature.time


def _in_force(home: AccountFiles, shared: StateStore | None) -> tuple[Caps | None, str, tuple[int, int]]:
    """The governor's stored caps, why they are unknown where they are, and the last session it began."""
    if shared is not None:
        return _kept(shared)
    if not home.governor.exists():
        return None, "the governor has not started yet", (-1, 0)
    try:
        with home.stored_governor() as store:
            return _kept(store)
    except HomeBusy:
        return None, "the governor is running: its status line says which caps are in force", (-1, 0)


def _kept(store: StateStore) -> tuple[Caps | None, str, tuple[int, int]]:
    caps, last = kept_caps(store), last_equity(store)
    return (None, "the governor has not started yet", last) if caps is None else (_caps(caps), "", last)


def _caps(caps: Mapping[str, Any]) -> Caps:
    """The governor's cents as dollars."""
    positions = {symbol: dollars(cap) for symbol, cap in caps["positions"].items()}
    return Caps(**{name: dollars(caps[name]) for name in CAPS}, positions=positions)
