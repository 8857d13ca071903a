"""Runs and snapshots in memory, behind the same ports as the files: a second adapter, without a path or a name of one.

A record is chained to the one before it by a hash of its own kind; nothing but the contract is shared with the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import msgspec

from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CorruptionError, InputError, UsageError
from plimsoll.core.events import Event, Genesis, Proof
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy, policy_hash
from plimsoll.core.runs import Anchor, AuditReport, Passage, RunSummary
from plimsoll.store import codec


@dataclass
class MemoryRun:
    """One run: its records with the hash after each, and what is kept beside them."""

    records: list[tuple[str, bytes, str]]
    summary: RunSummary
    policy: Policy | None = None
    result: bytes | None = None


def chained(events: list[Event]) -> list[tuple[str, bytes, str]]:
    made: list[tuple[str, bytes, str]] = []
    for event in events:
        kind, payload = codec.encode(event)
        made.append((kind, payload, _after(made[-1][2] if made else "", kind, payload)))
    return made


def _after(head: str, kind: str, payload: bytes) -> str:
    return hashlib.sha256(f"{head} {kind} ".encode() + payload).hexdigest()


class MemoryReader:
    """A run as it was when the reader was made."""

    def __init__(self, run: str, kept: MemoryRun) -> None:
        self.run, self._records, self._summary = run, tuple(kept.records), kept.summary

    @property
    def genesis(self) -> Genesis:
        found = next(self._events(1))
        assert isinstance(found, Genesis)
        return found

    @property
    def proof(self) -> Proof:
        self._verify(len(self._records))
        end, known = Anchor(len(self._records), self._records[-1][2]), self._summary
        if known.finished and Anchor(known.records or 0, known.head) != end:
            raise CorruptionError(f"run {self.run} counts {known.records} records, and {end.records} are there")
        return Proof(end.records, end.head, known.finished)

    @property
    def decisions_hash(self) -> str:
        assert self.proof
        return hashlib.sha256(b"".join(p for kind, p, _ in self._records if kind == "cycle")).hexdigest()

    @property
    def last_decided(self) -> str | None:
        return max((e.session for e in self.events() if isinstance(e, CycleRecord)), default=None)

    def events(self) -> Iterator[Event]:
        assert self.proof
        return self._events(len(self._records))

    def session(self, date: str) -> Passage | None:
        events = list(self.events())
        places = [n for n, event in enumerate(events) if isinstance(event, CycleRecord)]
        at = next((n for n in places if events[n].session == date), None)  # type: ignore[union-attr]
        if at is None:
            return None
        before = next((n for n in reversed(places) if n < at), None)
        following = next((n for n in places if n > at), len(events))
        record, prior = events[at], None if before is None else events[before]
        assert isinstance(record, CycleRecord) and (prior is None or isinstance(prior, CycleRecord))
        start = at if before is None else before + 1
        prev = self._records[at - 1][2]
        pre_open, after = tuple(events[start:at]), tuple(events[at + 1 : following])
        return Passage(self.genesis, prior, pre_open, record, self._records[at][1], prev, after)

    def before(self, date: str) -> Iterator[Event]:
        events = list(self.events())
        for n, event in enumerate(events):
            if isinstance(event, CycleRecord) and event.session == date:
                return iter(events[:n])
        raise UsageError(f"There is no decision on {date} in run {self.run}")

    def close(self) -> None:
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def _events(self, count: int) -> Iterator[Event]:
        self._verify(count)
        return (codec.decode(kind, payload) for kind, payload, _ in self._records[:count])

    def _verify(self, count: int) -> None:
        head = ""
        for seq, (kind, payload, said) in enumerate(self._records[:count], 1):
            head = _after(head, kind, payload)
            if head != said:
                raise CorruptionError(f"record {seq} is not what was written")


@dataclass
class MemoryRuns:
    """A catalogue of runs that lie nowhere."""

    kept: dict[str, MemoryRun] = field(default_factory=dict)
    place: str = "memory"

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.kept))

    def find(self, run: str | None = None) -> str:
        if run in (None, "last"):
            ended = [(k.summary.ended, name) for name, k in self.kept.items() if k.summary.finished]
            if not ended:
                raise UsageError("there is no finished run")
            return max(ended)[1]
        assert run is not None
        if run in self.kept:
            return run
        tagged = [name for name, k in self.kept.items() if k.summary.tag == run]
        found = tagged or [name for name in self.kept if name.startswith(run)]
        if len(found) != 1:
            raise UsageError(f"{run!r} is the name of {len(found)} runs")
        return found[0]

    def open(self, run: str | None = None) -> MemoryReader:
        name = self.find(run)
        return MemoryReader(name, self.kept[name])

    def summary(self, run: str) -> RunSummary:
        return self.kept[run].summary

    def result(self, run: str) -> bytes | None:
        return self.kept[run].result

    def policy(self, run: str, digest: str) -> Policy | None:
        found = self.kept[run].policy
        if found is not None and policy_hash(found) != digest:
            raise CorruptionError(f"the policy of {run} is another")
        return found

    def policy_file(self, run: str) -> str:
        return f"memory:{run}"

    def audit(self, run: str | None = None) -> AuditReport:
        name = self.find(run)
        kept = self.kept[name]
        try:
            proof = MemoryReader(name, kept).proof
        except CorruptionError as error:
            return AuditReport(False, len(kept.records), 1, error.problem)
        return AuditReport(True, proof.records, head=proof.head, anchored=proof.anchored)


@dataclass
class MemorySnapshots:
    """Panels that lie nowhere; the last one put is the latest."""

    kept: dict[str, Panel] = field(default_factory=dict)

    def open(self, digest: str) -> Panel:
        if digest not in self.kept:
            raise InputError(f"The snapshot {digest} is not in memory")
        return self.kept[digest]

    def latest(self) -> str:
        if not self.kept:
            raise InputError("memory holds no certified snapshot")
        return next(reversed(self.kept))

    def hashes(self) -> tuple[str, ...]:
        return tuple(self.kept)


def summary_of(name: str, genesis: Genesis, end: Anchor, *, finished: bool, ended: str, tag: str = "") -> RunSummary:
    """The summary a run has once it ended; without an end, of one that was killed."""
    made = RunSummary(
        name, genesis.mode, genesis.start, genesis.end, genesis.snapshot, genesis.policy, genesis.capital,
        genesis.strategies, genesis.synthetic, finished, tag=tag, ended=ended,
        status="finished" if finished else "interrupted", operator=genesis.operator, code=genesis.code,
    )  # fmt: skip
    return msgspec.structs.replace(made, records=end.records, head=end.head) if finished else made
