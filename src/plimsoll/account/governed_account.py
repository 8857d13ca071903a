"""The account behind the governor: its signed caps at start-up and at each session (H1, X0)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from plimsoll.account.files import AccountFiles
from plimsoll.account.record import AccountRecord, Record
from plimsoll.account.record_rules import RESTORE
from plimsoll.account.signed_acts import SignedActs
from plimsoll.account.track_record import TrackRecord, iso
from plimsoll.core.account_record import Limits, RecordEntry, Repair, Session, Size
from plimsoll.core.errors import CorruptionError, Halted, HomeBusy, InputError, UsageError
from plimsoll.core.money import cents, dollars
from plimsoll.core.policy import Policy
from plimsoll.core.ports import StateStore
from plimsoll.core.venue_facts import Settlement
from plimsoll.governor.governor import Governor
from plimsoll.governor.graduation import progress
from plimsoll.governor.limits import GovernorLimits, from_policy, limits_of, with_signed_caps

CAPS = ("loss", "position", "turnover", "trade")


@dataclass(frozen=True, slots=True)
class Difference:
    """A cap that differs between policy and signed limits, in dollars; the signed limits apply."""

    cap: str
    policy: str
    limits: str


class GovernedAccount:
    """One home's account, as its record permits it to trade.

    ``store`` is the governor's, ``alone`` that it belongs to this home and keeps the head of its record; with a shared
    one each home may record its sessions in a record of its own. ``track`` collects session statistics; ``draw`` makes
    an account's id and ``now`` gives the time, both for a new record only. ``exchange`` gives notes on the stock
    exchange on a day, for a person.

    Raises
    ------
    Halted : ``live`` without signed live limits.
    UsageError : the account is live, and that was not asked for.
    InputError : the caps were made for another profile, or the store was opened under other caps.
    CorruptionError : the record, its copy in ``limits.json``, or the store was altered, or the store lacks a session
            that this home saw.
    """

    def __init__(
        self,
        record: AccountRecord,
        store: StateStore,
        policy: Policy,
        *,
        track: TrackRecord,
        live: bool,
        alone: bool,
        draw: Callable[[], str],
        now: Callable[[], str],
        exchange: Callable[[int], str] = lambda _: "",
    ) -> None:
        self._exchange = exchange
        self._record, self._policy, self._kept, self._track = record, policy, kept_caps(store), track
        self._alone, self._acts = alone, SignedActs(record, live=live)
        found = record.read()
        if alone:
            _kept_by(store, found)
        else:
            _same_history(found, self._kept)
        _no_session_lost(max(found.session, found.begun, iso(track.day)), max(last_session(store), begun_again(store)))
        if found.limits is None:
            if live:
                raise Halted(
                    "this home has no signed limits for live trading",
                    "Sign them: plimsoll limits sign --live --person P --key FILE --reason TEXT",
                )
            self._open_paper(draw(), now())
        _, signed, _ = self._newest()
        if live and signed.mode != "live":
            raise Halted(
                "this home's account is paper; live trading needs signed limits of its own",
                "Give a --home of its own, and sign: plimsoll limits sign --live …",
            )
        if not live and signed.mode == "live":
            raise UsageError("this home's account is live", "Give --live, or another --home for paper")
        if signed.profile != policy.profile:
            raise InputError(
                f"this account's dollar caps were made for profile {signed.profile}, not {policy.profile}",
                f"Use --profile {signed.profile}, or another --home",
            )

    def start(self) -> GovernorLimits:
        """The limits to start a governor with."""
        return self._signed(self._kept)

    def next_session(self, governor: Governor, day: int, equity: int) -> GovernorLimits:
        """The limits as they are signed now, once the session that ends is in the record (H1, H7)."""
        ended = governor.account.day
        if 0 <= ended < day and self._record.read().session < iso(ended):
            self._record.append(self._track.told(governor, equity))
        return self._signed(governor.limits.caps)

    def began(self, day: int) -> None:
        """A session began: from here on a store without it has lost positions, and is refused."""
        with suppress(HomeBusy):  # another process of the home adds an entry; the next session is kept then
            self._record.begun(iso(day))

    def about(self, day: int, equity: int) -> tuple[str, ...]:
        """Notes on a day's session of so many cents: caps made for another capital, the exchange closed."""
        found = drifted(self._newest()[1], equity, self._policy), self._exchange(day)
        return tuple(words for words in found if words)

    def acts(self, governor: Governor) -> list[dict[str, Any]]:
        """Apply a person's signed statements on positions and prices; returns the result of each."""
        return self._acts.apply(governor)

    def settlement(self, told: Settlement) -> tuple[Settlement, str]:
        """The part of a settlement that may be booked: as signed, or unsigned in a paper account without signers."""
        return self._acts.settlement(told)

    def quoted(self, governor: Governor, at: int) -> None:
        """A quote was taken, at this time."""
        self._track.quoted(governor, at)

    def _signed(self, kept: Mapping[str, Any] | None) -> GovernorLimits:
        """The signed limits, checked against the record, its copy and the governor's store."""
        _, _, record = self._newest()
        _same_history(record, kept)
        return signed_limits(record, self._policy, head=self._alone)

    def notes(self) -> Iterator[str]:
        """Notes for the person who starts it: caps unsigned, or different from the policy's."""
        entry, signed, record = self._newest()
        if not record.anchored:
            yield "account.jsonl has no anchor yet (written by an older version): its next entry creates one"
        if entry.signature is None:
            yield "paper account; its dollar caps are not signed"
        found = progress(e.body for e in record.entries)
        if found.size is not None:
            yield f"position size is ${dollars(found.size)} at this step: see 'plimsoll approve status'"
        for d in differences(self._policy, signed):
            yield f"{d.cap} cap: policy {d.policy}, limits.json {d.limits}; limits.json applies"

    def _newest(self) -> tuple[RecordEntry, Limits, Record]:
        record = self._record.read()
        self._record.check_copy(record)
        if record.limits is None:
            raise CorruptionError("the account's record no longer has limits", RESTORE)
        return *record.limits, record

    def _open_paper(self, account: str, time: str) -> None:
        """A paper account's first caps, unsigned, from the policy: those the governor already keeps, if any."""
        first = from_policy(self._policy, "paper", "paper account, on its first use")
        kept = self._kept
        if kept is not None:
            mine = with_signed_caps(limits_of(self._policy), first, 0, "").caps
            if any(kept.get(name) != mine[name] for name in (*CAPS, "positions")):
                raise InputError(
                    "this account was opened under other dollar caps",
                    "Use the profile it was opened with, or another home",
                )
        self._record.open(account, time)
        self._record.append(first)


def signed_limits(record: Record, policy: Policy, *, head: bool = False) -> GovernorLimits:
    """The account's present limits: its signed caps, and no position above the size it has reached (H1, H7).

    They name the entry that grants them or, with ``head``, the last one of the record, so that a governor's store
    proves the record of earlier sessions. ``CorruptionError`` where the record has no limits.
    """
    if record.limits is None:
        raise CorruptionError("the account's record has no limits", RESTORE)
    size = progress(e.body for e in record.entries).size
    named = [e for e in record.entries if head or isinstance(e.body, Limits | Size)][-1]
    limits = with_signed_caps(limits_of(policy), record.limits[1], named.number, record.seal(named.number) or "")
    return limits if size is None else limits.at_size(size)


def whole_record(home: AccountFiles) -> Record:
    """A home's record, checked, also against its governor's store unless a running governor checks it itself.

    ``CorruptionError`` (exit 3) where either was altered.
    """
    record = AccountRecord(home)
    if home.governor.exists():
        with suppress(HomeBusy), home.stored_governor() as store:
            found = record.read()  # while the store is held, or a session could begin in between
            _kept_by(store, found)
            return found
    return record.read()


def _kept_by(store: StateStore, record: Record) -> None:
    """The record must be the one a governor's store knows, with at most one session that the store has not begun.

    A session's entry is written when the next begins, just before the store takes the record's head: a crash in between
    leaves one. Lines an older version wrote are not counted, for stores kept no head then.
    """
    kept = kept_caps(store)
    _same_history(record, kept)
    if kept is None or last_session(store) < 0:
        return
    repaired = max(
        (e.number for e in record.entries if isinstance(e.body, Repair)), default=0
    )  # entries signed by a person
    since = record.entries[max(kept.get("version", 0), repaired) :]
    beyond = [e for e in since if isinstance(e.body, Session) and e.anchored is True]
    if len(beyond) > 1:
        raise CorruptionError(
            f"account.jsonl has sessions that the governor's store lacks, from entry {beyond[1].number} on",
            RESTORE,
        )


def kept_caps(store: StateStore) -> dict[str, Any] | None:
    """The caps a governor keeps in its store; None before its first start."""
    found = (text for kind, _, text in store.load() if kind == "caps" and text is not None)
    return next((dict(json.loads(text)) for text in found), None)


def _same_history(record: Record, kept: Mapping[str, Any] | None) -> None:
    """The record must still contain the entry whose caps the governor enforces."""
    number, seal = (0, "") if kept is None else (kept.get("version", 0), kept.get("seal", ""))
    if number and record.seal(number) != seal:
        raise CorruptionError(
            f"account.jsonl is not the record this account is governed by: entry {number} is missing or another",
            RESTORE,
        )


def last_session(store: StateStore) -> int:
    """The last session a governor began, in days since 1970; -1 before the first."""
    return last_equity(store)[0]


def last_equity(store: StateStore) -> tuple[int, int]:
    """The last session a governor began, in days since 1970, and its equity in cents; -1 and 0 before the first."""
    found = (json.loads(text) for kind, _, text in store.load() if kind == "account" and text is not None)
    return next(((int(kept[0]), int(kept[1])) for kept in found), (-1, 0))


def begun_again(store: StateStore) -> int:
    """The session in which a person restarted the account without its last entries, in days; -1 if none."""
    found = (json.loads(text) for kind, _, text in store.load() if kind == "lost" and text is not None)
    return next((int(kept[0]) for kept in found), -1)


def drifted(signed: Limits, equity: int, policy: Policy) -> str:
    """A warning that a session's equity (cents) is far from the capital the caps were made for; "" while it is near."""
    capital = cents(signed.capital)
    if abs(equity - capital) <= policy.governor.capital_drift * capital:
        return ""
    return (
        f"the session's equity of ${dollars(equity)} is {abs(equity - capital) / capital:.0%} "
        f"{'below' if equity < capital else 'above'} the stated capital of ${signed.capital}, which the dollar caps "
        "were made for: update account.capital and sign with 'plimsoll limits sign --anew', or keep them deliberately"
    )


def _no_session_lost(seen: str, kept: int) -> None:
    """The store must still hold the last session this home saw: one without it lost positions and orders too."""
    if seen > iso(kept):
        knows = f"ends with that of {iso(kept)}" if kept >= 0 else "has none"
        raise CorruptionError(
            f"this home's account had a session on {seen}, and the governor's store {knows}: its positions are stale",
            "Restore the store from a backup, or close everything at the venue and begin another --home",
        )


def differences(policy: Policy, signed: Limits) -> tuple[Difference, ...]:
    """Where the caps that follow from the policy are not the account's."""
    wanted = from_policy(policy, signed.mode).caps
    pairs = [(name, getattr(wanted, name), getattr(signed.caps, name)) for name in CAPS]
    for symbol in sorted({*wanted.positions, *signed.caps.positions}):
        mine = signed.caps.positions.get(symbol, signed.caps.position)
        pairs.append((f"position of {symbol}", wanted.positions.get(symbol, wanted.position), mine))
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])
