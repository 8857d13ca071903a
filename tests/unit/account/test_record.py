"""An account's record: what cannot be altered, replayed, reordered or signed by the wrong person (H1, H7)."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.account.record import AccountRecord
from plimsoll.account.record_rules import RecordChain, Signatory
from plimsoll.account.signing import Signer, new_key
from plimsoll.core.account_record import (
    Caps,
    Growth,
    Key,
    Limits,
    Promise,
    RecordAnchor,
    RecordEntry,
    Session,
    Size,
    line,
    parsed,
)
from plimsoll.core.errors import CheckFailed, CorruptionError, InputError, PlimsollError
from plimsoll.store.home import Home

SOMEBODYS = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"  # of RFC 8032, section 7.1
TIME = "2026-03-02T08:00:00Z"
CAPS = Caps(loss="100.00", position="500.00", turnover="2000.00", trade="50.00", positions={"GLD": "300.00"})
GROWTH = Growth(steps=("10.00", "25.00"), days=5, uptime_bps=9990, daily_loss_bps=300, drawdown_bps=1000)
PAPER = Limits(mode="paper", profile="micro", capital="1000.00", caps=CAPS, growth=GROWTH, reason="first")


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


class People:
    """Ann, Bob and Eve with their keys."""

    def __init__(self, folder: Path) -> None:
        self.public = {name: new_key(folder / name) for name in ("ann", "bob", "eve")}
        self._signers = {name: Signer(folder / name) for name in self.public}

    def __call__(self, person: str, key: str | None = None) -> Signatory:
        return Signatory(person, self._signers[key or person], TIME)

    def trust(self, person: str) -> Key:
        return Key(action="trust", person=person, public_key=self.public[person])


def day(date: str, result: str = "1.00") -> Session:
    return Session(
        date=date, equity="1000.00", equity_next="1001.00", result=result, size="10.00", minutes=390, minutes_up=390,
        slow=False,
    )  # fmt: skip


def chained(lines: list[bytes]) -> list[bytes]:
    """The lines with every hash of the one before it put right."""
    made: list[bytes] = []
    for text in lines:
        entry = json.loads(text)
        entry["previous"] = sha(made[-1]) if made else ""
        made.append(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
    return made


def changed(**caps: str) -> Limits:
    return msgspec.structs.replace(PAPER, caps=msgspec.structs.replace(CAPS, **caps), reason="changed")


def grown(*steps: str) -> Limits:
    return msgspec.structs.replace(PAPER, growth=msgspec.structs.replace(GROWTH, steps=steps))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People(tmp_path_factory.mktemp("keys"))


def begun(folder: Path, people: People, account: str = "one") -> AccountRecord:
    """Paper limits, Ann and Bob trusted, two signed changes, a size and a promise."""
    record = AccountRecord(Home(folder))
    record.open(account, TIME)
    record.append(PAPER)
    record.append(people.trust("ann"))
    record.append(people.trust("bob"), people("ann"))
    record.append(changed(loss="80.00"), people("ann"))
    record.append(Size(step="25.00", reason="good"), people("bob"))
    record.append(Promise(document="a" * 64, policy="b" * 64), people("bob"))
    record.append(changed(loss="120.00"), people("bob"))
    return record


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory, people: People) -> list[bytes]:
    return begun(tmp_path_factory.mktemp("home"), people).path.read_bytes().splitlines()


def held(folder: Path, content: list[bytes]) -> AccountRecord:
    record = AccountRecord(Home(folder))
    record.path.write_bytes(b"".join(text + b"\n" for text in content))
    return record


def test_a_record_reads_back_as_it_was_written(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    found = record.read()
    assert [e.number for e in found.entries] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [e.sequence for e in found.entries] == [1, 1, 1, 2, 2, 1, 1, 3]
    assert found.limits is not None and found.limits[1] == changed(loss="120.00")
    assert found.trusted == {name: people.public[name] for name in ("ann", "bob")}
    texts = record.path.read_bytes().splitlines()
    for before, entry in zip(texts, found.entries[1:], strict=False):
        assert entry.previous == hashlib.sha256(before).hexdigest()
    assert json.loads(record.copy.read_bytes()) == json.loads(texts[-1])
    assert json.dumps(json.loads(texts[4]), sort_keys=True, separators=(",", ":")).encode() == texts[4]


def test_an_entry_that_could_not_be_read_again_is_not_written(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    before = record.path.read_bytes()
    with pytest.raises(CheckFailed, match="could not be read again"):
        record.append(day("2026-03-09", result="1e30"))
    assert record.path.read_bytes() == before and len(record.read().entries) == 8


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from leaves(value, (*path, name))
    elif isinstance(tree, list) and tree:
        for n, value in enumerate(tree):
            yield from leaves(value, (*path, n))
    else:
        yield path


def put(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        tree = tree[step]
    tree[path[-1]] = value


def other(value: Any, how: int) -> Any:
    """Another value of the same kind: amounts stay amounts, hashes stay hashes."""
    match value:
        case int():
            return value + 1 + how
        case None:
            return "x"
        case str() if value.replace(".", "", 1).isdigit():
            return f"{float(value) * 2 + how:.2f}"
        case str() if len(value) >= 64:
            return ("0" if value[0] != "0" else "1") + value[1:]
        case str() if value in ("paper", "live"):
            return "live" if value == "paper" else "paper"
        case str() if value in ("trust", "revoke"):
            return "revoke" if value == "trust" else "trust"
        case _:
            return f"{value}x"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_altered_field_is_found_although_later_hashes_are_mended(
    data: st.DataObject, lines: list[bytes], tmp_path: Path
) -> None:
    entries = [json.loads(text) for text in lines]
    n = data.draw(st.integers(0, len(entries) - 1))
    path = data.draw(st.sampled_from(list(leaves(entries[n]))))
    value = entries[n]
    for step in path:
        value = value[step]
    put(entries[n], path, other(value, data.draw(st.integers(0, 3))))
    mended: list[bytes] = []
    for i, entry in enumerate(entries):
        if i > n:
            entry["previous"] = hashlib.sha256(mended[-1]).hexdigest()
        mended.append(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
    with pytest.raises(CorruptionError, match=r"line \d"):
        held(tmp_path, mended).read()
    alone = [*lines[:n], mended[n], *lines[n + 1 :]]
    with pytest.raises(CorruptionError, match=r"line \d"):
        held(tmp_path, alone).read()


def test_no_line_can_be_left_out_repeated_or_moved(lines: list[bytes], tmp_path: Path) -> None:
    for n in range(len(lines)):
        shorter = lines[:n] + lines[n + 1 :]
        if n < len(lines) - 1:
            with pytest.raises(CorruptionError):
                held(tmp_path, shorter).read()
        with pytest.raises(CorruptionError):
            held(tmp_path, [*lines, lines[n]]).read()
        moved = lines.copy()
        moved[n - 1], moved[n] = moved[n], moved[n - 1]
        with pytest.raises(CorruptionError):
            held(tmp_path, moved).read()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"null", b"\xff", b'{"kind":"limits"}', b" " + b"{}", b"[" * 100_000]
)  # fmt: skip
def test_what_is_no_entry_is_named_by_its_line(text: bytes, lines: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(CorruptionError, match="line 3"):
        held(tmp_path, [*lines[:2], text]).read()


def test_a_line_has_one_form_only(lines: list[bytes], tmp_path: Path) -> None:
    spaced = json.dumps(json.loads(lines[4]), sort_keys=True).encode()
    with pytest.raises(CorruptionError, match="line 5: it is not in canonical form"):
        held(tmp_path, [*lines[:4], spaced]).read()


def test_a_signature_of_another_account_does_not_serve(lines: list[bytes], tmp_path: Path, people: People) -> None:
    twin = begun(tmp_path / "twin", people, account="two")
    theirs = twin.path.read_bytes().splitlines()
    with pytest.raises(CorruptionError, match="line 5: it is of account two"):
        held(tmp_path, [*lines[:4], theirs[4]]).read()
    stolen = msgspec.structs.replace(
        parsed(lines[4]), signature=parsed(theirs[4]).signature
    )  # the same caps, signed by the same person as the same number
    with pytest.raises(CorruptionError, match="line 5: its content is not what ann signed"):
        held(tmp_path, [*lines[:4], line(stolen)]).read()


def test_a_signature_serves_once(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    last = parsed(record.path.read_bytes().splitlines()[-1])
    again = msgspec.structs.replace(last, number=9, sequence=4, previous=hashlib.sha256(line(last)).hexdigest())
    with record.path.open("ab") as file:
        file.write(line(again) + b"\n")
    with pytest.raises(CorruptionError, match="line 9: its content is not what bob signed"):
        record.read()


def test_a_signature_serves_its_purpose_only(tmp_path: Path, people: People) -> None:
    from plimsoll.core.account_record import PURPOSES, Signature, content, message

    record = begun(tmp_path, people)
    chain = RecordChain()
    for entry in record.read().entries:
        chain.take(entry)
    entry = chain.next(changed(loss="900.00"), None)
    by = people("ann")
    blank = Signature(person="ann", time=TIME, purpose=PURPOSES[Promise], content=content(entry), value="")
    signed = msgspec.structs.replace(blank, value=by.signer.sign(message(blank)))
    problem = chain.problem(msgspec.structs.replace(entry, signature=signed))
    assert problem and "signed for 'the risk promise of this account'" in problem[0]
    relabelled = msgspec.structs.replace(signed, purpose=PURPOSES[Limits])
    problem = chain.problem(msgspec.structs.replace(entry, signature=relabelled))
    assert problem and "not by the key ann is trusted with" in problem[0]


REFUSED = [
    (changed(loss="900.00"), None, "limits 4 is not signed"),
    (changed(loss="900.00"), ("eve", None), "eve may not sign for this account \\(ann, bob may\\)"),
    (changed(loss="900.00"), ("ann", "eve"), "not by the key ann is trusted with"),
    (changed(loss="0"), ("ann", None), "caps.loss is '0'"),
    (changed(loss="1e9"), ("ann", None), "caps.loss is '1e9'"),
    (changed(loss="-1"), ("ann", None), "caps.loss is '-1'"),
    (changed(loss="1.001"), ("ann", None), "caps.loss is '1.001'"),
    (changed(positions={"GLD": "NaN"}), ("ann", None), "caps.positions.GLD is 'NaN'"),
    (msgspec.structs.replace(PAPER, mode="live"), ("ann", None), "the account is paper, not live"),
    (grown("25.00", "10.00"), ("ann", None), "do not rise"),
    (grown(), ("ann", None), "has none"),
    (grown("10.00", "1e2"), ("ann", None), "a step of size is '1e2'"),
    (Size(step="50.00", reason="x"), None, "size 2 is not signed"),
    (Promise(document="c" * 64, policy="b" * 64), None, "promise 2 is not signed"),
    (Key(action="trust", person="eve", public_key=SOMEBODYS), None, "key 3 is not signed"),
    (Key(action="trust", person="eve", public_key=SOMEBODYS), ("eve", None), "eve may not sign"),
    (Key(action="revoke", person="eve", public_key="e" * 64), ("ann", None), "eve is not trusted"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "who", "problem"), REFUSED)
def test_what_may_not_be_said_is_refused_and_not_written(
    body: Any, who: tuple[str, str | None] | None, problem: str, tmp_path: Path, people: People
) -> None:
    record = begun(tmp_path, people)
    before, copy = record.path.read_bytes(), record.copy.read_bytes()
    with pytest.raises(CheckFailed, match=problem):
        record.append(body, None if who is None else people(*who))
    assert (record.path.read_bytes(), record.copy.read_bytes()) == (before, copy)


def test_who_was_revoked_signs_no_more_but_what_they_signed_stays(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    record.append(Key(action="revoke", person="bob", public_key=people.public["bob"]), people("ann"))
    with pytest.raises(CheckFailed, match="bob may not sign"):
        record.append(changed(loss="1.00"), people("bob"))
    with pytest.raises(CheckFailed, match="only one who may sign"):
        record.append(Key(action="revoke", person="ann", public_key=people.public["ann"]), people("ann"))
    with pytest.raises(CheckFailed, match="key 4 is not signed"):  # the first is free once, not again
        record.append(people.trust("eve"))
    found = record.read()
    assert found.limits is not None and found.limits[0].signature is not None
    assert found.limits[0].signature.person == "bob"


def test_a_key_can_be_changed_for_a_new_one(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    with pytest.raises(CheckFailed, match="another person's"):
        record.append(Key(action="trust", person="ann", public_key=people.public["bob"]), people("ann"))
    with pytest.raises(CheckFailed, match="already"):
        record.append(people.trust("ann"), people("ann"))
    record.append(Key(action="trust", person="ann", public_key=people.public["eve"]), people("ann"))
    with pytest.raises(CheckFailed, match="not by the key"):
        record.append(changed(loss="1.00"), people("ann"))
    record.append(changed(loss="1.00"), people("ann", "eve"))


def test_a_crash_in_a_line_leaves_the_record_before_it(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    whole = record.path.read_bytes()
    *before, last = whole.splitlines()
    announced = RecordAnchor(account="one", entries=7, last=sha(before[-1]), next=sha(last))
    for cut in (1, 40, len(last)):
        record.path.write_bytes(whole[:-cut])  # limits.json is written after the line only
        record.anchor.write_bytes(msgspec.json.encode(announced))
        record.copy.write_bytes(msgspec.json.format(whole.splitlines()[4]))
        assert len(record.read().entries) == 7
        record.check_copy(record.read())
        record.append(changed(loss="70.00"), people("ann"))
        assert len(record.read().entries) == 8


def test_unsigned_lines_can_be_neither_cut_nor_written_again(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    for n in range(3):
        record.append(day(f"2026-03-0{n + 2}", "-5.00"))
    record = AccountRecord(Home(tmp_path))
    lines = record.path.read_bytes().splitlines()
    assert len(record.read().entries) == 11
    better = chained([text.replace(b'"-5.00"', b'"5.00"') for text in lines])
    more = lines[-1].replace(b"2026-03-04", b"2026-03-05").replace(b'"number":11', b'"number":12')
    more = more.replace(b'"sequence":3', b'"sequence":4')
    for forged, told in (
        (lines[:10], "ends with entry 10, and its anchor has 11"),
        (lines[:8], "ends with entry 8, and its anchor has 11"),
        (better, "entry 11 is not the one in its anchor"),
        (better[:10], "ends with entry 10"),
        (
            chained([*lines, more]),
            "beyond",
        ),
    ):
        with pytest.raises(CorruptionError, match=told):
            held(tmp_path, forged).read()
        with pytest.raises(CorruptionError, match=told):
            record.append(changed(loss="1.00"), people("ann"))
    assert len(held(tmp_path, lines).read().entries) == 11


def test_a_record_needs_the_anchor_it_was_written_with(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path / "one", people)
    other = begun(tmp_path / "two", people, account="two")
    anchor = record.anchor.read_bytes()
    record.anchor.unlink()
    with pytest.raises(CorruptionError, match="its anchor is missing"):
        record.read()
    with pytest.raises(CorruptionError, match="its anchor is missing"):
        record.append(changed(loss="1.00"), people("ann"))
    for content, told in ((b"", "damaged"), (anchor[:-9], "damaged"), (other.anchor.read_bytes(), "of account two")):
        record.anchor.write_bytes(content)
        with pytest.raises(CorruptionError, match=told):
            record.read()
    record.anchor.write_bytes(anchor)
    record.path.unlink()
    record.copy.unlink()
    with pytest.raises(CorruptionError, match="ends with entry 0, and its anchor has 8"):
        record.read()


def test_a_record_of_an_older_version_is_taken_once_and_anchored_by_its_next_entry(
    tmp_path: Path, lines: list[bytes], people: People
) -> None:
    def plain(entries: list[bytes]) -> list[bytes]:
        return chained([text.replace(b'"anchored":true,', b"") for text in entries])

    record = held(tmp_path, plain(lines[:3]))  # what is signed later cannot be written again
    assert record.read().anchored is False and not record.anchor.exists()
    found = record.append(people.trust("bob"), people("ann"))
    assert found.anchored and record.anchor.exists() and len(record.read().entries) == 4
    record.append(day("2026-03-02"))
    after = record.path.read_bytes().splitlines()
    record.anchor.unlink()
    with pytest.raises(CorruptionError, match="its anchor is missing"):
        record.read()
    with pytest.raises(CorruptionError, match="line 5: it was written without an anchor"):
        held(tmp_path, [*after[:4], after[4].replace(b'"anchored":true,', b"")]).read()


@pytest.mark.parametrize("step", range(1, 13))
def test_a_process_that_dies_at_any_step_of_an_entry_leaves_a_record_that_goes_on(
    step: int, tmp_path: Path, people: People
) -> None:
    record = begun(tmp_path, people)
    record.append(day("2026-03-02"))
    if (child := os.fork()) == 0:
        calls = iter(range(1, step))

        def dying(call: Any) -> Any:
            def stepped(*args: Any, **more: Any) -> Any:
                if next(calls, None) is None:
                    os._exit(9)
                return call(*args, **more)

            return stepped

        os.fsync, os.open, Path.replace = dying(os.fsync), dying(os.open), dying(Path.replace)  # type: ignore[assignment, method-assign]
        record.append(changed(loss="70.00"), people("ann"))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    found = record.read()
    assert len(found.entries) in (9, 10)
    record.check_copy(found)
    after = record.append(day("2026-03-03"))
    assert len(after.entries) == len(found.entries) + 1 == len(record.read().entries)


def test_neither_the_record_nor_its_anchor_is_a_link_to_elsewhere(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path / "home", people)
    for path in (record.path, record.anchor):
        content, elsewhere = path.read_bytes(), tmp_path / "elsewhere"
        elsewhere.write_bytes(content)
        path.unlink()
        path.symlink_to(elsewhere)
        for attempt in (record.read, lambda: record.append(changed(loss="1.00"), people("ann"))):
            with pytest.raises(InputError, match=f"{path.name} is a symbolic link"):
                attempt()
        assert elsewhere.read_bytes() == content
        path.unlink()
        path.write_bytes(content)
    record.copy.unlink()
    record.copy.symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    record.append(changed(loss="1.00"), people("ann"))  # a copy is put in the place of the link
    assert not record.copy.is_symlink() and (tmp_path / "elsewhere").read_bytes() == before


def test_what_is_written_is_its_owners(tmp_path: Path, people: People) -> None:
    before = os.umask(0o002)
    try:
        record = begun(tmp_path, people)
    finally:
        os.umask(before)
    for path in (record.path, record.anchor, record.copy):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_copy_that_is_missing_or_a_version_behind_is_written_again(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    newest = record.copy.read_bytes()
    record.copy.unlink()
    assert "missing" in record.copy_problem(record.read())
    record.check_copy(record.read())
    assert record.copy.read_bytes() == newest
    behind = msgspec.json.format(record.path.read_bytes().splitlines()[4], indent=2) + b"\n"
    record.copy.write_bytes(behind)
    assert "behind" in record.copy_problem(record.read()) and record.copy.read_bytes() == behind
    record.check_copy(record.read())
    assert record.copy.read_bytes() == newest and record.copy_problem(record.read()) == ""
    two_behind = msgspec.json.format(record.path.read_bytes().splitlines()[1], indent=2)
    record.copy.write_bytes(two_behind)
    with pytest.raises(CorruptionError, match=r"was altered: body\.caps\.loss is"):
        record.check_copy(record.read())


def test_an_altered_copy_is_told_by_its_field(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    whole = json.loads(record.copy.read_bytes())
    for path in leaves(whole):
        altered = json.loads(json.dumps(whole))
        value = altered
        for step in path:
            value = value[step]
        put(altered, path, other(value, 0))
        record.copy.write_text(json.dumps(altered))
        named = ".".join(str(p) for p in path if not isinstance(p, int))
        with pytest.raises(CorruptionError, match=f"was altered: {named} is"):
            record.check_copy(record.read())
    record.copy.write_text(json.dumps(whole | {"more": 1}))
    with pytest.raises(CorruptionError, match="was altered: more is 1, recorded is absent"):
        record.check_copy(record.read())
    record.copy.write_bytes(b"{")
    with pytest.raises(CorruptionError, match="cannot be read"):
        record.check_copy(record.read())


def test_a_copy_without_its_record_is_no_limits(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    record.path.unlink()
    with pytest.raises(CorruptionError, match=r"limits\.json is there, but account\.jsonl is not"):
        record.read()
    with pytest.raises(PlimsollError):
        record.append(changed(loss="1.00"), people("ann"))


def test_entries_are_what_their_types_say() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {"account": "a", "number": 1, "sequence": 1, "previous": "", "body": {"kind": "wish"}}, RecordEntry
        )


def test_a_copy_that_is_a_link_a_pipe_or_nested_without_end_is_named(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path / "home", people)
    content = record.copy.read_bytes()
    (tmp_path / "elsewhere").write_bytes(content)
    for problem, put_in_place in (
        ("is a symbolic link", lambda: record.copy.symlink_to(tmp_path / "elsewhere")),
        ("is not a regular file", lambda: os.mkfifo(record.copy)),
        ("cannot be read", lambda: record.copy.write_bytes(b"[" * 100_000)),
    ):
        record.copy.unlink()
        put_in_place()
        with pytest.raises(PlimsollError, match=rf"limits\.json {problem}"):
            record.check_copy(record.read())


def test_the_anchor_keeps_which_session_began_last(tmp_path: Path, people: People) -> None:
    record = begun(tmp_path, people)
    assert record.read().begun == ""
    record.begun("2026-03-05")
    record.begun("2026-03-04")  # told late: nothing is forgotten by it
    assert record.read().begun == "2026-03-05"
    assert record.append(changed(loss="1.00"), people("ann")).begun == record.read().begun == "2026-03-05"
