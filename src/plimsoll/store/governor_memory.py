"""The governor's account in memory, behind ``core.ports.StateStore``: for simulations, and as the reference
implementation in tests of the real stores (H6, H8). Nothing survives the process.
"""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.core.ports import Conflict, Fact, Row
from plimsoll.store.governor_record import Chain, altered, fact_at, read

NAME = "0" * 64  # of the account: nobody can bring another one


class MemoryAccount:
    """The content shared by all stores of one account: state, facts with their entry numbers, and record."""

    def __init__(self) -> None:
        self.state: dict[tuple[str, str], str] = {}
        self.facts: dict[tuple[str, str], str] = {}
        self.entries: dict[tuple[str, str], int] = {}
        self.record: list[str] = []
        self.chain = Chain(NAME)


class MemoryStateStore:
    """One writer's store. Writers of the same account share it."""

    def __init__(self, account: MemoryAccount | None = None) -> None:
        self.account = MemoryAccount() if account is None else account
        self.seen = 0

    def load(self) -> list[Row]:
        """The whole state."""
        shared = self.account
        rows: list[Row] = [(kind, key, text) for (kind, key), text in shared.state.items()]
        if shared.record:
            shared.chain.resume(shared.record[-1], rows)
        if len(shared.facts) != shared.chain.known:
            raise altered("facts are missing")
        self.seen = len(shared.record)
        return rows

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None when there is none."""
        shared = self.account
        if len(shared.facts) != shared.chain.known:
            raise altered("facts are missing")
        text = shared.facts.get((kind, key))
        if text is None:
            return None
        number = shared.entries.get((kind, key), 0)
        if text != fact_at(shared.record[number - 1 : number + 1], number, shared.chain.head, kind, key):
            raise altered(f"{kind} {key} is not as entry {number} of its record made it")
        return text

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Write everything or nothing; others' later writes, or facts that exist, are returned as a conflict."""
        shared = self.account
        standing = {(kind, key): text for kind, key, _ in new if (text := self.get(kind, key)) is not None}
        behind = [row for text in shared.record[self.seen :] for row in read(text).state]
        self.seen = len(shared.record)
        if behind or standing:
            return Conflict(behind, standing=standing)
        if not (state or facts or new):
            return None
        before = [(kind, key, shared.entries[kind, key]) for kind, key, _ in facts if (kind, key) in shared.facts]
        step = shared.chain.next(state, (*facts, *new), before)
        for kind, key, text in state:
            if text is None:
                shared.state.pop((kind, key), None)
            else:
                shared.state[kind, key] = text
        for kind, key, made in (*facts, *new):
            shared.facts[kind, key], shared.entries[kind, key] = made, step.number
        shared.record.append(step.text)
        shared.chain.take(step)
        self.seen = step.number
        return None
