"""The risk promise of an account on one page, written from its policy and its signed limits (H9).

Everything on it is computed from what the governor compares with; change a threshold and the page changes. It says
what is guaranteed, what cannot be, with a bound in dollars, and how to check both. Signed, its text is what a person
answers for: the account's record keeps the hash of it.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from plimsoll.core.account_record import Limits, Promise, RecordEntry, amount
from plimsoll.core.errors import CheckFailed, InputError
from plimsoll.core.money import cents, dollars
from plimsoll.core.policy import Policy
from plimsoll.operate.governed_account import signed_limits, whole_record
from plimsoll.risk.governor_limits import (
    MILLISECOND,
    SECOND,
    WHOLE,
    GovernorLimits,
    from_policy,
    limits_of,
    with_signed_caps,
)
from plimsoll.store.account_record import AccountRecord, Record
from plimsoll.store.home import Home
from plimsoll.store.record_rules import Signatory

WIDTH = 80
LINES = 70  # of a printed page of A4, six to the inch
_SIGNED = "SIGNATURE"
_BYTES_MAX = 64 * 1024


class GapBound(msgspec.Struct, frozen=True):
    """What a gap can cost: ``gap`` is the adverse move, amounts are in dollars at the stated capital.

    ``worst`` is the loss of a session that had lost ``risk_ends``, where new risk ends, with all it may hold.
    """

    gap: float
    largest_position: str
    largest_loss: str
    book: str
    book_loss: str
    risk_ends: str
    worst: str


class RiskPromise(msgspec.Struct, frozen=True):
    """The page and the figures on it. ``text`` ends before the signature, ``end``; ``document`` is its SHA-256."""

    text: str
    document: str
    account: str | None
    mode: str
    profile: str
    policy: str
    loss: str
    position: str
    gross: str
    turnover: str
    trade: str
    gap: GapBound
    end: str
    signed_by: str | None = None
    signed_at: str | None = None

    @property
    def page(self) -> str:
        """The text with its signature, or the words that there is none."""
        return self.text + self.end


class Checked(msgspec.Struct, frozen=True):
    """What became of a page: whose it is, and whether the account still promises the same.

    ``account`` and ``policy``, the SHA-256 of it, are those it was signed for.
    """

    document: str
    signed_by: str
    signed_at: str
    in_force: bool
    account: str
    policy: str


def promise(home: Home, policy: Policy, digest: str) -> RiskPromise:
    """The promise of the home's account as it is now; of a paper account of the policy where there is none."""
    record = AccountRecord(home)
    found = whole_record(home)
    record.copy_problem(found)  # an altered limits.json promises nothing
    return _promise(found, policy, digest)


def sign(home: Home, policy: Policy, digest: str, by: Signatory) -> RiskPromise:
    """Sign the promise as it is now."""
    record = AccountRecord(home)
    found = whole_record(home)
    record.check_copy(found)
    if found.limits is None:
        raise CheckFailed("the account has no limits yet, so it promises nothing", "Start the governor or sign limits")
    made = _promise(found, policy, digest)
    return _promise(record.append(Promise(document=made.document, policy=digest), by), policy, digest)


def check(home: Home, policy: Policy, digest: str, path: Path) -> Checked:
    """Who signed a page that was written to a file, and whether it is still what the account promises.

    ``CheckFailed`` (exit 3) when nobody trusted signed this text, or when the page is not to its last byte what was
    written when they did.
    """
    try:
        with path.open("rb") as file:
            page = file.read(_BYTES_MAX)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "Name what 'plimsoll sla --out' wrote") from None
    body = page.partition(f"{_SIGNED}\n".encode())[0]
    document = hashlib.sha256(body).hexdigest()
    found = whole_record(home)
    signed = [e for e in reversed(found.entries) if isinstance(e.body, Promise) and e.body.document == document]
    if not signed:
        raise CheckFailed(
            f"nobody signed this text for the account of {home.path}", "Compare it with what 'plimsoll sla' writes now"
        )
    entry = next((e for e in signed if page == body + _signature(e).encode()), None)
    if entry is None or entry.signature is None or not isinstance(entry.body, Promise):
        newest = _signature(signed[0])
        raise CheckFailed(
            f"the text was signed, but what follows it under {_SIGNED} in {path} was altered",
            f"Written was: {' | '.join(newest.splitlines()[1:])}",
        )
    now = _promise(found, policy, digest).document
    return Checked(
        document=document,
        signed_by=entry.signature.person,
        signed_at=entry.signature.time,
        in_force=now == document,
        account=entry.account,
        policy=entry.body.policy,
    )


def _promise(record: Record, policy: Policy, digest: str) -> RiskPromise:
    entry, signed = record.limits or (None, from_policy(policy, "paper"))
    limits = with_signed_caps(limits_of(policy), signed, 0, "") if entry is None else signed_limits(record, policy)
    capital = cents(signed.capital)
    gross = capital * limits.gross_bps // WHOLE
    gap = _gap(policy, limits, capital, gross)
    text = "\n".join(_page(policy, digest, entry, signed, limits, gross, gap)) + "\n\n"
    document = hashlib.sha256(text.encode()).hexdigest()
    by = _signed(record, document)
    signature = None if by is None else by.signature
    return RiskPromise(
        text=text,
        document=document,
        account=None if entry is None else entry.account,
        mode=signed.mode,
        profile=policy.profile,
        policy=digest,
        loss=dollars(limits.loss),
        position=dollars(_largest(limits)),
        gross=dollars(gross),
        turnover=dollars(limits.turnover),
        trade=dollars(limits.trade),
        gap=gap,
        end=_unsigned(document) if by is None else _signature(by),
        signed_by=None if signature is None else signature.person,
        signed_at=None if signature is None else signature.time,
    )


def _signed(record: Record, document: str) -> RecordEntry | None:
    """The newest entry that signs this text."""
    for entry in reversed(record.entries):
        if isinstance(entry.body, Promise) and entry.body.document == document:
            return entry
    return None


def _gap(policy: Policy, limits: GovernorLimits, capital: int, gross: int) -> GapBound:
    share = round(policy.governor.gap * WHOLE)
    largest = min(_largest(limits), gross)
    ends = _mark(limits, 1, capital)
    return GapBound(
        gap=policy.governor.gap,
        largest_position=dollars(largest),
        largest_loss=dollars(-(-largest * share // WHOLE)),
        book=dollars(gross),
        book_loss=dollars(-(-gross * share // WHOLE)),
        risk_ends=dollars(ends),
        worst=dollars(ends - (-gross * share // WHOLE)),
    )


def _largest(limits: GovernorLimits) -> int:
    return max([limits.position, *limits.positions.values()])


def _mark(limits: GovernorLimits, stage: int, equity: int) -> int:
    """The loss in cents at which a stage begins, at a starting equity; rounded up, as the governor steps at it."""
    one = limits.stages[stage]
    return min(-(-one.equity_bps * equity // WHOLE), -(-one.loss_bps * limits.loss // WHOLE))


def _page(
    policy: Policy,
    digest: str,
    entry: RecordEntry | None,
    signed: Limits,
    limits: GovernorLimits,
    gross: int,
    gap: GapBound,
) -> Iterator[str]:
    capital = cents(signed.capital)
    yield "RISK PROMISE"
    yield from _wrapped(_whose(entry, signed))
    yield from _wrapped(f"Policy {policy.profile}, SHA-256 {digest[:16]}; amounts at an equity of ${signed.capital}.")
    yield ""
    yield "WHAT IS GUARANTEED"
    yield from _wrapped(
        "Of the orders put to the governor (plimsoll govern, plimsoll model run; no backtest or recorded paper "
        "session): none that adds risk leaves if a limit could be exceeded with it. Every order that is not known to "
        "be closed counts as filled, at the dearest of the price it was admitted at, its limit and the price now, and "
        f"a market order's turnover at {_percent(limits.move_bps)} above; what cannot be measured counts as too much."
    )
    named = len(limits.positions)
    one = "one symbol's position"
    if limits.size is not None and limits.size < amount(signed.caps.position, "caps.position"):
        one += f", for now; its cap is ${signed.caps.position}"
    elif named:
        one += f", the largest of {named} with caps of their own"
    for words, cap in (
        ("loss of a session, beyond which nothing adds risk", limits.loss),
        (one, _largest(limits)),
        (f"all positions, {_percent(limits.gross_bps)} of the session's starting equity", gross),
        ("turnover of a session", limits.turnover),
        ("a single order", limits.trade),
    ):
        yield f"  {words:<64}{'$' + dollars(cap):>14}"
    yield "As a session loses, at a share of the loss cap or of its starting equity:"
    does = (
        f"orders of at most ${dollars(limits.trade * limits.caution_bps // WHOLE)}",
        "only reductions",
        "only reductions, the next session too",
    )
    for n, (stage, words) in enumerate(zip(limits.stages, does, strict=True)):
        shares = f"{_percent(stage.loss_bps)} or {_percent(stage.equity_bps)}"
        yield f"  from {'$' + dollars(_mark(limits, n, capital)):<12} {shares:<16} {words}"
    yield from _wrapped(
        "The last is lifted in the next session by a health check: fresh quotes of all that is held, no order of an "
        "earlier session open."
    )
    yield from _wrapped(
        "While only reductions pass, every answer but an order's names the working orders that could add, to be "
        "cancelled. Until the venue has, they can still fill, inside the limits they were admitted under."
    )
    yield "Refused besides:"
    pace, age = limits.pace, limits.quote_age // SECOND
    yield from _bullets(
        f"a price more than {_percent(limits.collar_bps)} from the mid",
        f"new risk while a quote is older than {_time(age)}, of the symbol or of anything held, or that of a holding "
        f"wider than {_percent(limits.collar_bps)} to a side",
        "new risk in a symbol whose quote jumped, crossed or had no price until explained, and in any while it is "
        "held; where the venue holds another quantity; in any while it works an unknown order; after a start, split or "
        "dividend until quoted anew; in what is not in dollars; under another policy",
        f"more than {limits.orders_second} orders a second, {limits.orders_minute} a minute, {limits.repeats_minute} "
        "alike a minute; an id used before for another order, or for one that is closed",
        f"new risk at a time outside the session, or more than {limits.clock_slack // MILLISECOND} ms before one seen",
        *(_by_the_clock(limits) if signed.mode == "live" else ()),
        f"new risk once decisions are slow: median of {pace.window}, or {pace.slow} of {pace.recent}, above "
        f"{pace.longest // MILLISECOND} ms",
        "everything, once the store that counts cannot be written",
        *([f"new risk in anything but {', '.join(sorted(limits.symbols))}"] if limits.symbols else []),
    )
    yield from _wrapped(
        "An order that can only bring a position nearer to zero passes the caps and needs no fresh quote nor a "
        "right time, so that nothing is trapped: turnover can end above its cap by what is sold off. "
        "A decision is on disk before it is answered; after a crash an "
        "order may be counted that never left, none is forgotten that did. Only a signature changes a limit: a "
        "higher one counts from the next session, a lower one from the next start or session."
    )
    yield ""
    yield "WHAT CANNOT BE GUARANTEED"
    percent = _percent(round(gap.gap * WHOLE))
    yield from _wrapped(
        "The governor holds back orders; it does not sell. A price that jumps through a held position, or falls while "
        "nobody sells it, is lost whatever the limits say, and can carry a position past its cap. For an adverse gap "
        f"of {percent}:"
    )
    yield f"  loss of the session <= loss before the gap + {percent} x what is held"
    yield f"  largest position   {percent} x {'$' + gap.largest_position:<14} = ${gap.largest_loss}"
    yield f"  all positions      {percent} x {'$' + gap.book:<14} = ${gap.book_loss}"
    yield f"  a session already down ${gap.risk_ends} when it comes, all positions held: ${gap.worst}"
    yield from _wrapped(
        f"From a loss of ${gap.risk_ends} on no order that adds leaves. Longs can lose their worth and no more; "
        "shorts have no such bound. Not counted: fees and interest, and what a venue does before it tells: a fill "
        "above the ask, after a cancel, or beyond its order."
    )
    yield ""
    yield "HOW IT IS VERIFIED"
    yield from _bullets(
        f"plimsoll montecarlo --sessions 10000 --seed 7 --profile {policy.profile}",
        "plimsoll limits history, plimsoll audit verify: every cap, every decision",
        "the project's tests: all orders of events, a crash at every write",
    )


def _by_the_clock(limits: GovernorLimits) -> Iterator[str]:
    """What else a live account refuses, which knows what time it is."""
    yield (
        "by the machine's clock: a session of a day to come, and new risk in any but today's; new risk by an order "
        f"older than {_time(limits.quote_age // SECOND)}, or that waited {limits.wait_max // MILLISECOND} ms; new risk "
        "until quotes come anew, once that clock was set"
    )


def _whose(entry: RecordEntry | None, signed: Limits) -> str:
    if entry is None:
        return "No account yet: what a paper account of this profile begins with."
    who = "not signed" if entry.signature is None else f"signed by {entry.signature.person} {entry.signature.time}"
    return f"{signed.mode.capitalize()} account {entry.account}; dollar caps version {entry.sequence}, {who}."


def _signature(entry: RecordEntry) -> str:
    """The end of the page, a function of the entry that signs its text: ``check`` compares every byte with it."""
    if entry.signature is None or not isinstance(entry.body, Promise):
        raise ValueError("the entry signs no promise")
    said = f"{entry.signature.person}, {entry.signature.time}, in account.jsonl of account {entry.account}."
    return f"{_SIGNED}\n{said}\nText SHA-256 {entry.body.document}\n"


def _unsigned(document: str) -> str:
    return f"{_SIGNED}\nNot signed.\nText SHA-256 {document}\n"


def _wrapped(words: str) -> Sequence[str]:
    return textwrap.wrap(words, WIDTH)


def _bullets(*said: str) -> Iterator[str]:
    for words in said:
        yield from textwrap.wrap(words, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _percent(bps: int) -> str:
    return f"{bps / 100:g} %"


def _time(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds % 60 == 0 else f"{seconds} s"
