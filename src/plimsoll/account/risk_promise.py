"""The risk promise: an account's guarantees on one page, from its policy and its signed limits (H9).

Every figure on it is computed from the governor's own thresholds; change one and the page changes. It states what is
guaranteed, what cannot be, with a bound in dollars, and how to check both. A person signs its text: the account's
record keeps its hash.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec

from plimsoll.account.files import AccountFiles
from plimsoll.account.governed_account import signed_limits, whole_record
from plimsoll.account.record import AccountRecord, Record
from plimsoll.account.record_rules import Signatory
from plimsoll.core.account_record import Limits, Promise, RecordEntry, amount
from plimsoll.core.errors import CheckFailed, InputError
from plimsoll.core.money import cents, dollars
from plimsoll.core.policy import Policy
from plimsoll.core.text_template import filled
from plimsoll.governor.limits import (
    MILLISECOND,
    SECOND,
    WHOLE,
    GovernorLimits,
    from_policy,
    limits_of,
    with_signed_caps,
)

WIDTH = 80
LINES = 70  # of a printed page of A4, six to the inch
_SIGNED = "SIGNATURE"
_BYTES_MAX = 64 * 1024


class GapBound(msgspec.Struct, frozen=True):
    """Loss from a gap: ``gap`` is the adverse move, amounts are in dollars at the stated capital.

    ``worst`` is the loss of a session that had lost ``risk_ends``, where new risk ends, with the largest positions.
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
        """The text with its signature, or the statement that it has none."""
        return self.text + self.end


class Checked(msgspec.Struct, frozen=True):
    """Result of checking a page: its signer, and whether the account still promises the same.

    ``account`` and ``policy``, the SHA-256 of it, are those of the signature.
    """

    document: str
    signed_by: str
    signed_at: str
    in_force: bool
    account: str
    policy: str


def promise(home: AccountFiles, policy: Policy, digest: str) -> RiskPromise:
    """The promise of the home's account as it is now; without an account, of a paper account of the policy."""
    record = AccountRecord(home)
    found = whole_record(home)
    record.copy_problem(found)  # an altered limits.json is refused
    return _promise(found, policy, digest)


def sign(home: AccountFiles, policy: Policy, digest: str, by: Signatory) -> RiskPromise:
    """Sign the present promise."""
    record = AccountRecord(home)
    found = whole_record(home)
    record.check_copy(found)
    if found.limits is None:
        raise CheckFailed(
            "the account has no limits yet, so there is no promise to sign", "Start the governor or sign limits"
        )
    made = _promise(found, policy, digest)
    return _promise(record.append(Promise(document=made.document, policy=digest), by), policy, digest)


def check(home: AccountFiles, policy: Policy, digest: str, path: Path) -> Checked:
    """The signer of a page written to a file, and whether the account still promises it.

    ``CheckFailed`` (exit 3) when no trusted person signed this text, or when the page differs in any byte from the one
    written at the signature.
    """
    try:
        with path.open("rb") as file:
            page = file.read(_BYTES_MAX)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror})", "Name a file that 'plimsoll sla --out' wrote"
        ) from None
    body = page.partition(f"{_SIGNED}\n".encode())[0]
    document = hashlib.sha256(body).hexdigest()
    found = whole_record(home)
    signed = [e for e in reversed(found.entries) if isinstance(e.body, Promise) and e.body.document == document]
    if not signed:
        raise CheckFailed(
            f"no trusted person signed this text for the account of {home.path}: it was altered, or signed for "
            "another account",
            "Compare it with the output of 'plimsoll sla'",
        )
    entry = next((e for e in signed if page == body + _signature(e).encode()), None)
    if entry is None or entry.signature is None or not isinstance(entry.body, Promise):
        newest = _signature(signed[0])
        raise CheckFailed(
            f"the text was signed, but the lines under {_SIGNED} in {path} were altered",
            f"The original is: {' | '.join(newest.splitlines()[1:])}",
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
    """The lines of the page but for its signature."""
    percent = _percent(round(gap.gap * WHOLE))
    values = {
        "whose": _whose(entry, signed),
        "profile": policy.profile,
        "policy": digest[:16],
        "capital": signed.capital,
        "position_cap": signed.caps.position,
        "gross": dollars(gross),
        **_figures(limits),
        **_stages(limits, cents(signed.capital)),
        "gap": percent,
        "largest_position": f"{'$' + gap.largest_position:<14}",
        "largest_loss": gap.largest_loss,
        "book": f"{'$' + gap.book:<14}",
        "book_loss": gap.book_loss,
        "risk_ends": gap.risk_ends,
        "worst": gap.worst,
    }
    graduated = limits.size is not None and limits.size < amount(signed.caps.position, "caps.position")
    holds = {
        "live": signed.mode == "live",
        "graduated": graduated,
        "named": bool(limits.positions),
        "symbols": bool(limits.symbols),
    }
    template = files("plimsoll.account").joinpath("templates/risk_promise.txt").read_text(encoding="utf-8")
    for line in filled(template, values, {name for name, on in holds.items() if on}):
        yield from _laid_out(line)


def _figures(limits: GovernorLimits) -> dict[str, str]:
    """The limits of a session as printed on the page."""
    pace = limits.pace
    return {
        "loss": dollars(limits.loss),
        "position": dollars(_largest(limits)),
        "named": str(len(limits.positions)),
        "gross_share": _percent(limits.gross_bps),
        "turnover": dollars(limits.turnover),
        "trade": dollars(limits.trade),
        "caution": dollars(limits.trade * limits.caution_bps // WHOLE),
        "move": _percent(limits.move_bps),
        "collar": _percent(limits.collar_bps),
        "quote_age": _time(limits.quote_age // SECOND),
        "orders_second": str(limits.orders_second),
        "orders_minute": str(limits.orders_minute),
        "repeats_minute": str(limits.repeats_minute),
        "clock_slack": str(limits.clock_slack // MILLISECOND),
        "wait_max": str(limits.wait_max // MILLISECOND),
        "pace_window": str(pace.window),
        "pace_slow": str(pace.slow),
        "pace_recent": str(pace.recent),
        "pace_longest": str(pace.longest // MILLISECOND),
        "symbols": ", ".join(sorted(limits.symbols)),
    }


def _stages(limits: GovernorLimits, capital: int) -> dict[str, str]:
    """The losses from which each stage of the intraday ladder holds, in columns."""
    found = {}
    for n, stage in enumerate(limits.stages):
        shares = f"{_percent(stage.loss_bps)} or {_percent(stage.equity_bps)}"
        found[f"from_{n + 1}"] = f"{'$' + dollars(_mark(limits, n, capital)):<12}"
        found[f"shares_{n + 1}"] = f"{shares:<16}"
    return found


def _laid_out(line: str) -> Sequence[str]:
    """A paragraph wrapped, a bullet hanging, an indented line as it stands; a tab moves what follows to the edge."""
    if line.startswith("- "):
        return textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ")
    if line.startswith("  "):
        words, tab, figure = line.partition("\t")
        return (words + figure.rjust(WIDTH - len(words)) if tab else line,)
    return textwrap.wrap(line, WIDTH) or ("",)


def _whose(entry: RecordEntry | None, signed: Limits) -> str:
    if entry is None:
        return "No account yet: the initial caps of a paper account of this profile."
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


def _percent(bps: int) -> str:
    return f"{bps / 100:g} %"


def _time(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds % 60 == 0 else f"{seconds} s"
