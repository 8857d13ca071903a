"""Certification of the snapshot, and the refusal to start without it (D7, D11)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from plimsoll.core.errors import Halted, InputError
from plimsoll.core.panel import Certification, Flag
from plimsoll.core.policy import Policy
from plimsoll.market import snapshot
from plimsoll.market.certify import ACTIVE, alert
from plimsoll.market.routing import RouteTaken

_NAMED = 8


class SymbolStatus(msgspec.Struct, frozen=True):
    """One symbol's certification; ``flags`` are its dated findings, notes included."""

    symbol: str
    state: str
    rows: int
    expected: int
    missing_pct: float
    score: float
    reasons: tuple[str, ...]
    provider: str
    first: str
    last: str
    ended: bool
    flags: tuple[Flag, ...]


class Status(msgspec.Struct, frozen=True):
    """The home's current snapshot: its hash, states by name, every symbol, and the alert if too many are rejected.

    ``as_of`` is the date asked for, empty for the end: then every figure is as it was known by that date. ``route``
    says how the run that published it came by its provider, where that is known.
    """

    snapshot: str
    run: str
    states: dict[str, int]
    symbols: tuple[SymbolStatus, ...]
    macro: tuple[str, ...]
    synthetic: bool
    derived_universe: bool
    alert: str
    as_of: str = ""
    route: RouteTaken | None = None


def status(snapshots: Path, policy: Policy, known: tuple[str, Sequence[Certification]] | None = None) -> Status:
    """What the current snapshot under ``snapshots`` certifies; with ``known``, a date and the certifications as of it,
    those instead.

    Raises ``InputError`` before the first ingestion, ``CorruptionError`` when any byte was altered: what is shown here
    as certified is what a run would read.
    """
    folder = snapshot.current(snapshots)
    snapshot.check(folder)
    manifest = snapshot.read_manifest(folder)
    as_of, judged = known if known is not None else ("", manifest.content.certifications)
    states = [one.state for one in judged]
    return Status(
        snapshot=folder.name,
        run=manifest.run,
        states={name: states.count(name) for name in sorted(set(states))},
        symbols=tuple(_symbol(one) for one in judged),
        macro=manifest.content.macro_names,
        synthetic=manifest.content.synthetic,
        derived_universe=manifest.content.derived_universe,
        alert=alert(states, policy.data),
        as_of=as_of,
    )


def certified(snapshots: Path, policy: Policy, halt_log: Path, now: str, name: str = "") -> Path:
    """The folder of the snapshot that Stage 2 may start from: the current one, or one whose hash begins with ``name``.

    Raises ``Halted`` with the runbook's block, also appended to ``halt_log`` where its home exists, when there is none,
    when no symbol in it was ACTIVE on any date, or, under ``data.on_missing_history: halt``, when any tradable symbol
    is not at its end.
    ``InputError`` for a snapshot of a format that does not keep what was known by each session: decisions from it would
    see the future. A damaged snapshot is a ``CorruptionError``.
    """
    try:
        folder = snapshot.named(snapshots, name) if name else snapshot.current(snapshots)
        content = snapshot.read_manifest(folder).content
    except InputError:
        raise _refused(halt_log, (), policy, now) from None
    if content.format == snapshot.UNDATED:
        raise InputError(
            f"The snapshot {folder.name} was published before certification was dated, and cannot be started from",
            "Run `plimsoll ingest` on any of its sources again: the whole home is published anew",
        )
    tradable = {one.symbol for one in content.instruments if one.tradable}
    mine = [c for c in content.certifications if c.symbol in tradable]
    affected = [c.symbol for c in mine if c.state != ACTIVE]
    strict = policy.data.on_missing_history == "halt"
    if not any(c.state == ACTIVE or c.active_from for c in mine) or (strict and affected):
        other = [c.symbol for c in mine if "ROWS_SHORT" in c.reasons and c.rows >= policy.data.rows_active]
        raise _refused(halt_log, affected, policy, now, other)
    return folder


def governance_block(affected: Sequence[str], policy: Policy, other: Sequence[str] = ()) -> str:
    """The runbook's words for missing history; without symbols, for a home in which nothing was ever certified.

    ``other`` are symbols that have the rows of this policy and were judged by another one when they were ingested.
    """
    again = f"Enough rows, judged by another policy: {len(other)} ({_some(other)}); ingest again with this one"
    who = "all, nothing is certified yet" if not affected else f"{len(affected)} ({_some(affected)})"
    return "\n".join(
        (
            "[DATA_GOVERNANCE]",
            "Missing historical data detected",
            f"Symbols affected: {who}",
            f"Required rows per symbol: {policy.data.rows_active}",
            *([again] if other else []),
            "Action required: Run plimsoll ingest --provider files --source PATH",
            "System halted intentionally",
        )
    )


def _refused(halt_log: Path, affected: Sequence[str], policy: Policy, now: str, other: Sequence[str] = ()) -> Halted:
    block = governance_block(affected, policy, other)
    if not halt_log.parent.is_dir():  # a misspelt home is refused, not made
        return Halted(block)
    with halt_log.open("a", encoding="utf-8") as log:
        log.write(f"{now}\n{block}\n\n")
        log.flush()
        os.fsync(log.fileno())
    return Halted(block)


def _symbol(one: Certification) -> SymbolStatus:
    return SymbolStatus(
        one.symbol, one.state, one.rows, one.expected, one.missing_pct, one.score, one.reasons,
        one.provider, one.first, one.last, one.ended, one.flags,
    )  # fmt: skip


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
