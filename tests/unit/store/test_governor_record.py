"""Entries of the governor's record and the chain of them, against digests made here (H2, G3)."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from plimsoll.core.errors import CorruptionError
from plimsoll.store.governor_record import Chain, fact_at, follower, parsed, seal

NAME = "a" * 64


def digest(texts: list[str]) -> str:
    total = sum(int(sha256(text.encode()).hexdigest(), 16) for text in texts)
    return format(total, "x")[-64:].rjust(64, "0")


def test_an_entry_says_what_it_changes_and_what_all_comes_to() -> None:
    chain = Chain(NAME)
    rows = [("position", f"S{n}", str(n)) for n in range(9)]
    step = chain.next(rows, [("intent", "a", "first"), ("intent", "b", "second")])
    wanted = [
        NAME, 1, [[*row] for row in rows], [["intent", "a", "first"], ["intent", "b", "second"]], 9, 2,
        digest([f"{len(key)} {kind} {key} {text}" for kind, key, text in rows]),
        digest(["intent a 1", "intent b 1"]),
    ]  # fmt: skip
    assert json.loads(step.text) == wanted
    assert step.head == seal(step.text) == sha256(step.text.encode()).hexdigest()
    chain.take(step)
    step = chain.next([("position", "S0", None), ("position", "gone", None), ("position", "S1", "11")],
                      [("intent", "a", "third"), ("closed", "a", "x")], [("intent", "a", 1)])  # fmt: skip
    assert json.loads(step.text)[:2] + json.loads(step.text)[4:] == [
        seal(json.dumps(wanted, separators=(",", ":"))), 2, 8, 3,
        digest(["2 position S1 11", *(f"2 position S{n} {n}" for n in range(2, 9))]),
        digest(["intent b 1", "intent a 2", "closed a 2"]),
    ]  # fmt: skip


def test_whoever_follows_or_resumes_goes_on_as_the_writer_does() -> None:
    writer, other = Chain(NAME), Chain(NAME)
    first = writer.next([("position", "S", "1")], [("intent", "a", "first")])
    writer.take(first)
    assert other.follow(first.text).number == 1
    again = Chain(NAME)
    again.resume(first.text, [("position", "S", "1"), ("position", "T", None)])
    assert writer == other == again
    more = [("position", "S", None), ("position", "T", "2")], [("closed", "a", "x"), ("intent", "b", "y")]
    assert {chain.next(*more).text for chain in (writer, other, again)} == {writer.next(*more).text}


def entry(**changes: object) -> str:
    """The first entry of a record, of one row and one fact, with something else in it."""
    step = Chain(NAME).next([("position", "S", "1")], [("intent", "a", "first")])
    fields = ["previous", "number", "state", "facts", "rows", "known", "state_digest", "facts_digest"]
    found = dict(zip(fields, json.loads(step.text), strict=True)) | changes
    return json.dumps(list(found.values()), separators=(",", ":"))


def test_an_entry_that_does_not_follow_is_refused_and_changes_nothing() -> None:
    for text, problem in (
        ("[]", "an entry of its record cannot be read"),
        (entry(number=2), "entry 1 of its record does not follow"),
        (entry(previous="b" * 64), "entry 1 of its record does not follow"),
        (entry(state_digest="0" * 64), "entry 1 has digests that do not match its changes"),
    ):
        chain = Chain(NAME)
        with pytest.raises(CorruptionError, match=problem):
            chain.follow(text)
        assert chain == Chain(NAME)
    with pytest.raises(CorruptionError, match="does not follow"):
        follower(entry(), NAME, 2)
    assert follower(entry(), NAME, 1) == parsed(entry())


@pytest.mark.parametrize(
    ("text", "rows"),
    [(entry(rows=2), [("position", "S", "1")]), (entry(), [("position", "S", "2")]), (entry(), []),
     (entry(), [("position", "S", "1"), ("position", "T", "1")])],
)  # fmt: skip
def test_a_state_that_is_not_the_last_entrys_is_refused(text: str, rows: list[tuple[str, str, str]]) -> None:
    with pytest.raises(CorruptionError, match="its state is not the one that entry 1 of its record left"):
        Chain(NAME).resume(text, rows)


def test_a_fact_is_told_from_the_entry_that_made_it_and_no_other() -> None:
    facts = [["intent", "a", "first"], ["intent", "a", "last"], ["intent", "b", "other"]]
    text = entry(facts=facts)
    after = json.dumps([seal(text), 2], separators=(",", ":")).replace("]", ",more")
    for entries, head in (([text], seal(text)), ([text, after], "x")):
        assert fact_at(entries, 1, head, "intent", "a") == "last"
        assert fact_at(entries, 1, head, "intent", "b") == "other"
    for entries, number, head, key in (
        ([], 1, seal(text), "a"),
        ([text], 2, seal(text), "a"),
        ([text], 1, "b" * 64, "a"),
        ([text, after.replace(",2,", ",3,")], 1, seal(text), "a"),
        ([text, "x" + after], 1, seal(text), "a"),
        ([text], 1, seal(text), "c"),
    ):
        with pytest.raises(CorruptionError, match=f"intent {key} is not as entry {number} of its record made it"):
            fact_at(entries, number, head, "intent", key)
