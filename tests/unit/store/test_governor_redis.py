"""The shared account against a server in memory that answers, forgets and dawdles as it is told (H6).

``contracts/`` holds the store against real servers. Here the two scripts are written again in Python, so that every
answer a server can give, at any moment, costs nothing to try.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plimsoll.core.errors import CorruptionError, InputError
from plimsoll.core.ports import Conflict
from plimsoll.core.runs import AccountAudit
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_record import Chain, seal

redis = pytest.importorskip("redis")
from plimsoll.store import governor_redis  # noqa: E402
from plimsoll.store.governor_redis import RedisStateStore, name_of, verify_server  # noqa: E402

URL = "redis://user:secret@host/3"
INFO = {
    "role": "master", "aof_enabled": "1", "aof_last_write_status": "ok", "maxmemory_policy": "noeviction",
    "cluster_enabled": "0",
}  # fmt: skip


class Server:
    """A server, its clock, and every connection to it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.info, self.sync = dict(INFO), "always"
        self.record: dict[str, str] = {}
        self.book: dict[str, str] = {}
        self.turn = ""
        self.turn_until = 0.0
        self.old = False
        self.scripts: dict[str, str] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.slow = 0.0  # seconds an answer takes
        self.page = 10
        self.disconnected = 0
        self.made: dict[str, Any] = {}
        self.meddle: Callable[[tuple[Any, ...]], Any] | None = None  # what to do, or to answer, before each command

    # the module's clock

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds == 0.0005
        self.now += 1 / 16  # as long as it takes, and no rounding

    # the client's pool and connection

    def from_url(self, url: str, **options: Any) -> Server:
        self.made = {"url": url, **options}
        return self

    def get_connection(self) -> Server:
        return self

    def disconnect(self) -> None:
        self.disconnected += 1

    def send_command(self, *words: Any) -> None:
        self.asked.append(words)

    def read_response(self) -> Any:
        self.now += self.slow
        words = self.asked[-1]
        if self.meddle is not None and (answer := self.meddle(words)) is not None:
            if isinstance(answer, BaseException):
                raise answer
            return answer
        return self.answer(*words)

    def answer(self, command: str, *words: Any) -> Any:
        match command:
            case "INFO":
                return "# Server\r\nexecutable:/bin:here\r\n" + "\r\n".join(f"{k}:{v}" for k, v in self.info.items())
            case "CONFIG":
                assert words == ("GET", "appendfsync")
                if not self.sync:
                    raise redis.exceptions.ResponseError("not allowed")
                return ["appendfsync", self.sync]
            case "SCRIPT":
                name = f"sha of {len(words[1])}"
                self.scripts[name] = words[1]
                return name
            case "EVALSHA" | "EVAL":
                if command == "EVALSHA" and words[0] not in self.scripts:
                    raise redis.exceptions.NoScriptError("gone")
                script = self.scripts[words[0]] if command == "EVALSHA" else words[0]
                assert words[1:5] == (3, *(f"{{plimsoll:governor}}:{part}" for part in ("record", "book", "turn")))
                arguments = [str(word) for word in words[5:]]
                return self.look(arguments) if script == governor_redis._LOOK else self.write(arguments)
            case "EXISTS":
                return int(self.old and words == ("{plimsoll:governor}:head",))
        fields = {"{plimsoll:governor}:record": self.record, "{plimsoll:governor}:book": self.book}[words[0]]
        match command:
            case "HGET":
                return fields.get(words[1])
            case "HMGET":
                assert 1 <= len(words) - 1 <= governor_redis.CHANGES
                return [fields.get(word) for word in words[1:]]
            case "HGETALL":
                return flat(fields)
            case "HSCAN":
                assert words[2:] == ("COUNT", governor_redis.CHANGES)
                start = int(words[1])
                items = list(fields.items())[start : start + self.page]
                more = start + self.page < len(fields)
                again = items[-1:] if start else []  # a scan may tell an element twice
                return [str(start + self.page) if more else "0", flat(dict([*again, *items])) + flat(dict(again))]
        raise AssertionError(command)

    # the two scripts

    def held(self, known: str, seen: str) -> tuple[str, int] | list[str]:
        head = self.record.get("head", "")
        number, fields, rows = 0, 0, 0
        if head:
            try:
                n, _, f, r = head.split(" ")
                number, fields, rows = int(n), int(f), int(r)
            except ValueError:
                return ["lost", "its head is none"]
        if len(self.record) != fields:
            return ["lost", "entries or facts are missing"]
        if len(self.book) != rows:
            return ["lost", "a part of its state is missing"]
        if number < int(seen) or (number == int(seen) and head != known):
            return ["lost", f"it ends with entry {number}, and this governor knows entry {seen} of it"]
        return head, number

    def look(self, given: list[str]) -> Any:
        held = self.held(given[0], given[1])
        if isinstance(held, list):
            return held
        head, _ = held
        if not given[2]:
            return ["whole", head, flat(self.book)]
        at = self.record.get(given[2])
        if at is None:
            return ["none"]
        return ["fact", head, at, self.record.get(f"r {at}", ""), self.record.get(f"r {int(at) + 1}", "")]

    def write(self, given: list[str]) -> Any:
        known, seen, me, eager, head = given[:5]
        held = self.held(known, seen)
        if isinstance(held, list):
            return held
        end, number = held
        turn = self.turn if self.now < self.turn_until else ""
        if head and turn and turn != me:
            return ["wait"]
        if end != known:
            if eager == "1":
                self.turn, self.turn_until = me, self.now + 0.1
            last = min(number, int(seen) + governor_redis.CHANGES)
            return ["since", number, [self.record[f"r {n}"] for n in range(int(seen) + 1, last + 1)]]
        if not head:
            return 1
        checks, puts, states = (int(n) for n in given[5:8])
        rest = given[8:]
        asked = pairs(rest[: 2 * checks])
        if any(self.record.get(field, "") != wanted for field, wanted in asked):
            return ["stands", [self.record.get(field, "") for field, _ in asked]]
        rest = rest[2 * checks :]
        self.record.update(pairs(rest[: 2 * puts]))
        rest = rest[2 * puts :]
        self.book.update(pairs(rest[: 2 * states]))
        for field in rest[2 * states :]:
            self.book.pop(field, None)
        self.record["head"] = head
        if turn:
            self.turn = ""
        return 1


def flat(fields: dict[str, str]) -> list[str]:
    return [word for pair in fields.items() for word in pair]


def pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    one = Server()
    monkeypatch.setattr(governor_redis.redis.ConnectionPool, "from_url", one.from_url)
    monkeypatch.setattr(governor_redis, "time", one)
    return one


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of entries two are told at once, and two before the anchor are followed."""
    monkeypatch.setattr(governor_redis, "CHANGES", 2)
    monkeypatch.setattr(governor_redis, "CHECKED", 2)


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "governor.anchor"


def store(anchor: Path | None = None, **options: Any) -> RedisStateStore:
    return RedisStateStore(URL, 10.0, anchor, **options)


def written(server: Server, entries: int = 3, anchor: Path | None = None) -> RedisStateStore:
    """A store whose account has so many entries, each with a row and two facts, one of them made anew each time."""
    one = store(anchor)
    for n in range(1, entries + 1):
        assert one.write([("position", f"S{n}", str(n))], [("closed", "a", str(n))], [("intent", str(n), "x")]) is None
    return one


def head(server: Server) -> str:
    number = sum(field.startswith("r ") for field in server.record)
    return f"{number} {seal(server.record[f'r {number}'])} {len(server.record)} {len(server.book)}"


# the server


def test_a_connection_waits_as_long_as_it_is_told_and_tries_once(server: Server) -> None:
    one = RedisStateStore(URL, 2.5)
    made = dict(server.made)
    retry = made.pop("retry")
    assert (retry.get_retries(), retry._backoff.compute(1)) == (0, 0)
    assert made == {
        "url": URL, "decode_responses": True, "protocol": 2, "socket_timeout": 2.5, "socket_connect_timeout": 2.5,
    }  # fmt: skip
    assert one.name == "redis://host:6379/3" and one.warnings == []
    server.slow = 2.5
    assert one.load() == []
    server.slow = 2.6
    with pytest.raises(InputError, match=r"redis://host:6379/3 cannot be used: no answer within 2\.5 s") as late:
        one.load()
    assert late.value.remedy == "Check the server and the network" and server.disconnected == 1


@pytest.mark.parametrize(
    ("field", "value", "problem", "remedy"),
    [
        ("role", "slave", "is a replica", "Give the address of its master"),
        ("aof_enabled", "0", "keeps no append-only file", "Set appendonly yes"),
        ("aof_last_write_status", "err", "cannot write its append-only file", "Repair the server's disk"),
        ("maxmemory_policy", "allkeys-lru", "may evict parts of the account", "Set maxmemory-policy noeviction"),
        ("cluster_enabled", "1", "is part of a cluster", "Use a server that is not"),
        ("role", None, "is a replica", "Give the address of its master"),
    ],
)
def test_a_server_that_may_forget_is_refused(
    server: Server, field: str, value: str | None, problem: str, remedy: str
) -> None:
    server.info.pop(field)
    if value is not None:
        server.info[field] = value
    with pytest.raises(InputError, match=rf"{problem}.*\({field} is {value or 'not reported'}\)") as refused:
        store()
    assert refused.value.remedy == remedy


@pytest.mark.parametrize(("sync", "said"), [("everysec", "everysec"), ("", "unknown, because CONFIG is not allowed")])
def test_a_server_that_does_not_flush_each_write_is_told_of(server: Server, sync: str, said: str) -> None:
    server.sync = sync
    (warning,) = store().warnings
    assert f"(appendfsync is {said})" in warning


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://h:7/3", "redis://h:7/3"), ("redis://u:secret@h/3?password=secret", "redis://h:6379/3"),
        ("rediss://h", "rediss://h:6379"), ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("http://h", None), ("redis://", None), ("redis:///3", None), ("h:6379", None), ("redis://h:port", None),
    ],
)  # fmt: skip
def test_an_address_is_named_without_its_secrets(url: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(InputError, match=r"the store is no address.*Give redis://HOST:PORT/DATABASE"):
            name_of(url)
    else:
        assert name_of(url) == name


def test_scripts_that_somebody_removed_are_sent_again(server: Server) -> None:
    one = written(server)
    server.scripts.clear()
    assert one.get("intent", "1") == "x" and one.write([("position", "S1", None)]) is None
    assert head(server) == server.record["head"]


# what is written


def test_what_is_written_lies_there_as_documented(server: Server, anchor: Path) -> None:
    one = written(server, 2, anchor)
    assert server.book == {"position S1": "1", "position S2": "2"}
    texts = {field: text for field, text in server.record.items() if field.startswith("r ")}
    assert {field: text for field, text in server.record.items() if field not in texts} == {
        "f intent 1": "1", "f closed a": "2", "f intent 2": "2", "head": head(server),
    }  # fmt: skip
    assert list(texts) == ["r 1", "r 2"]
    assert Anchor(anchor).read() == Seen(one._chain.account, 2, seal(texts["r 2"]))
    assert one.write([("position", "S1", None), ("position", "gone", None)]) is None
    assert server.book == {"position S2": "2"} and server.record["head"] == head(server)
    assert one.write((), [("closed", "b", "1")]) is None and one.get("closed", "b") == "1"
    assert one.get("closed", "a") == "2" and one.get("closed", "c") is None
    again = store(anchor)
    assert again.load() == [("position", "S2", "2")] and again.get("intent", "2") == "x" and again.warnings == []
    assert again._chain == one._chain


def test_who_only_looks_leaves_the_anchor_where_it_was(server: Server, anchor: Path) -> None:
    written(server, 1, anchor)
    before = anchor.read_bytes()
    assert store().write([("position", "T", "1")]) is None
    store(anchor, looks=True).close()
    assert anchor.read_bytes() == before
    store(anchor).close()
    assert anchor.read_bytes() != before


def test_a_store_lets_go_of_server_and_anchor(server: Server, anchor: Path) -> None:
    with written(server, 1, anchor) as one:
        pass
    assert server.disconnected == 1
    with pytest.raises(InputError, match="cannot be written"):
        one._anchor.move(2, "a" * 64)  # type: ignore[union-attr]


def test_facts_that_are_not_new_or_not_known_stand_against_a_write(server: Server) -> None:
    one = written(server, 1)
    before = dict(server.record)
    found = one.write([("position", "T", "9")], [("closed", "a", "9")], [("intent", "2", "n"), ("intent", "1", "y")])
    assert found == Conflict([], standing={("intent", "1"): "x"}) and server.record == before
    assert one.write([("position", "T", "9")], [("closed", "a", "9")], [("intent", "2", "n")]) is None
    assert one._chain.known == 3 and head(server) == server.record["head"]


def test_what_others_wrote_is_learnt_before_anything_is_written(server: Server, few: None) -> None:
    behind = store()
    other = written(server, 5)
    asked = len(server.asked)
    found = behind.write([("position", "T", "9")], (), [("intent", "3", "y"), ("intent", "new", "z")])
    assert found is not None and [tuple(row) for row in found.rows] == [
        ("position", f"S{n}", str(n)) for n in range(1, 6)
    ]
    assert found.standing == {("intent", "3"): "x"} and not found.whole
    assert len(server.asked) == asked + 3  # two entries at a time
    assert behind.write([("position", "T", "9")]) is None
    looked = other.write(())
    assert looked is not None and [tuple(row) for row in looked.rows] == [("position", "T", "9")]
    assert other.write(()) is None
    assert behind.write((), (), [("intent", "quiet", "1")]) is None
    assert other.write(()) is None  # facts are no news
    assert other.write((), (), [("intent", "other", "1")]) is None
    assert server.record["head"] == head(server)


def test_a_fact_of_others_that_was_learnt_just_now_stands_against_the_write(server: Server) -> None:
    behind, other = written(server, 1), store()
    other.write((), (), [("intent", "b", "theirs")])
    found = behind.write((), (), [("intent", "b", "mine")])
    assert found == Conflict([], standing={("intent", "b"): "theirs"})


# turns


def test_who_was_beaten_three_times_running_asks_for_a_turn_and_the_others_wait(server: Server) -> None:
    quick = written(server, 1)
    slow = store()
    for n in range(3):
        quick.write([("position", "S1", str(n))])
        assert slow.write([("position", "T", "1")]) is not None and not server.turn
    quick.write([("position", "S1", "last")])
    assert slow.write([("position", "T", "1")]) is not None and server.turn == slow._me
    begun = server.now
    waits = []

    def let_it_write(words: tuple[Any, ...]) -> None:
        if server.now > begun and not waits:
            waits.append(server.now)
            assert slow.write([("position", "T", "1")]) is None

    server.meddle = let_it_write
    assert quick.write([("position", "S1", "after")]) == Conflict([("position", "T", "1")], standing={})
    assert waits and not server.turn
    server.meddle = None
    assert quick.write([("position", "S1", "after")]) is None and slow._beaten == 0
    for _ in range(3):  # and begins to count anew
        quick.write([("position", "S1", "x")])
        slow.write([("position", "T", "2")])
    assert not server.turn


def test_a_turn_lasts_a_tenth_of_a_second(server: Server) -> None:
    store()
    assert "'PX', 100)" in governor_redis._WRITE


def test_a_turn_that_is_not_used_ends_and_one_that_never_does_is_an_error(server: Server) -> None:
    one = written(server, 1)
    server.turn, server.turn_until = "another", server.now + 0.1
    assert one.write(()) is None  # to look needs no turn
    assert one.write([("position", "T", "1")]) is None
    assert server.now >= server.turn_until
    server.turn, server.turn_until = "another", server.now + 10 + 1 / 32
    assert one.write([("position", "T", "2")]) is None
    server.turn, server.turn_until = "another", server.now + 11
    with pytest.raises(InputError, match="another process never ended its turn"):
        one.write([("position", "T", "3")])


# what is wrong with it


def lost(problem: str) -> Any:
    return pytest.raises(CorruptionError, match=problem)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s.record.clear(), r"a part of its state is missing"),
        (lambda s: s.record.pop("f intent 1"), "entries or facts are missing"),
        (lambda s: s.book.clear(), "a part of its state is missing"),
        (lambda s: s.record.update(head="nonsense"), "its head is none"),
        (lambda s: (s.record.clear(), s.book.clear()), "it ends with entry 0, and this governor knows entry 3"),
        (lambda s: s.record.update(head=s.record["head"].replace("3 ", "4 ", 1)), "3 .*is missing|lost"),
    ],
)
def test_a_running_store_notices_what_its_server_lost(server: Server, change: Callable, problem: str) -> None:
    one = written(server)
    change(server)
    try:
        with lost(problem):
            one.write([("position", "T", "1")])
        with lost(problem):
            one.get("intent", "2")
    except (InputError, pytest.fail.Exception):
        if "is missing|lost" not in problem:
            raise


@pytest.mark.parametrize(
    "answer", [[], None, "OK", ["lost"], ["lost", "a", "b"], ["found", "x"], 7, ["none"], redis.RedisError("x"),
               OSError("x")],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error(server: Server, answer: Any) -> None:
    one = written(server)
    server.meddle = lambda words: answer if answer is not None else ""
    for call in (one.load, lambda: one.write([("position", "T", "1")])):
        with pytest.raises(InputError, match="redis://host:6379/3 cannot be used"):
            call()
    if answer != ["none"]:
        with pytest.raises(InputError, match="cannot be used"):
            one.get("intent", "1")
    assert server.disconnected >= 2


def test_an_answer_of_another_kind_is_shown(server: Server) -> None:
    one = written(server)
    server.meddle = lambda words: ["found", "x" * 200]
    for call in (one.load, lambda: one.get("intent", "1"), lambda: one.write([("position", "T", "1")])):
        with pytest.raises(InputError, match=r"cannot be used: its answer is none: \['found', 'x{60,75}\. "):
            call()


def test_a_start_follows_as_many_entries_as_is_documented(server: Server) -> None:
    store()
    page = (Path(__file__).resolve().parents[3] / "docs" / "governor.md").read_text(encoding="utf-8")
    assert f"the last {governor_redis.CHECKED:,} entries and their facts" in page


def test_a_start_holds_the_account_against_its_home(server: Server, anchor: Path, tmp_path: Path) -> None:
    one = written(server, 3, anchor)
    account = one._chain.account
    assert store(anchor).warnings == []
    (warning,) = store(tmp_path / "new").warnings
    assert "has not seen the account in redis://host:6379/3 before, which has 3 entries" in warning
    assert Anchor(tmp_path / "new").read() == Anchor(anchor).read()
    assert store().warnings == []
    texts = [server.record[f"r {n}"] for n in (1, 2, 3)]
    for seen, problem in (
        (Seen("b" * 64, 3, seal(texts[2])), "holds another account than this home's"),
        (Seen(account, 4, "b" * 64), "ends with entry 3, and this home has seen entry 4"),
        (Seen(account, 3, "b" * 64), "entry 3 of the record in .* is not the one this home has seen"),
        (Seen(account, 1, "b" * 64), "entry 1 of the record in .* is not the one this home has seen"),
        (Seen("b" * 64, 0, "b" * 64), ""),
        (Seen(account, 1, seal(texts[0])), ""),
    ):
        written_anchor = Anchor(anchor)
        written_anchor.begin(seen)
        written_anchor.close()
        if problem:
            with lost(problem):
                store(anchor)
        else:
            assert store(anchor)._chain == one._chain
            assert Anchor(anchor).read() == Seen(account, 3, seal(texts[2]))


def test_an_account_that_is_gone_was_seen_or_never_begun(server: Server, anchor: Path) -> None:
    assert store(anchor).load() == []
    assert not anchor.exists() or Anchor(anchor).read().number == 0  # type: ignore[union-attr]
    one = written(server, 1, anchor)
    server.record.clear()
    server.book.clear()
    with lost("redis://host:6379/3 holds none, and this home has seen one"):
        store(anchor)
    empty = store()
    account = empty._chain.account
    assert empty.load() == [] and empty._chain.account == account
    with lost("holds none"):
        one.load()
    running = written(server, 1)
    server.record.clear()
    server.book.clear()
    with lost("holds none, and this home has seen one"):
        running.load()
    server.old = True
    with pytest.raises(InputError, match="holds an account of version 2, and this is version 3"):
        store()


def test_a_store_that_looked_before_there_was_an_account_joins_the_one_that_was_begun(server: Server) -> None:
    early, first = store(), written(server, 1)
    found = early.write([("position", "T", "1")])
    assert found is not None and [tuple(row) for row in found.rows] == [("position", "S1", "1")]
    assert early._chain.account == first._chain.account
    assert early.write([("position", "T", "1")]) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s.record.update({"r 2": s.record["r 2"] + " "}), "entry 3 of its record does not follow"),
        (
            lambda s: s.record.update({"r 5": s.record["r 5"].replace('"5"', '"6"')}),
            "entry 5 of the record in",
        ),
        (lambda s: s.book.update({"position S1": "7"}), "its state is not the one that entry 5"),
        (lambda s: s.record.update({"f intent 4": "3"}), "intent 4 is not where entry 4 of the record in .* put it"),
        (lambda s: s.record.update({"f intent 4": "5"}), "intent 4 is not where entry 4 of the record in .* put it"),
        (lambda s: s.record.update({"f closed a": "4"}), "closed a is not where entry 5 of the record in .* put it"),
        (lambda s: (s.record.pop("f intent 4"), s.record.update(more="1")), "intent 4 is not where entry 4"),
        (lambda s: (s.record.pop("r 4"), s.record.update(more="1")), "entry 4 of the record in .* is missing"),
        (lambda s: s.record.update(head=s.record["head"].replace(seal(s.record["r 5"]), "b" * 64)), "the head of the"),
    ],
)
def test_what_was_altered_in_the_last_entries_is_noticed_by_a_start(
    server: Server, few: None, anchor: Path, change: Callable, problem: str
) -> None:
    written(server, 5, anchor)
    change(server)
    with lost(problem):
        store(anchor)


def test_entries_from_long_before_the_anchor_are_not_followed(server: Server, few: None, anchor: Path) -> None:
    written(server, 6, anchor)
    for number, followed in ((2, False), (3, True), (4, True)):
        kept = server.record[f"r {number}"]
        server.record[f"r {number}"] = kept + " "
        if followed:
            with lost("does not follow"):
                store(anchor)
        else:
            store(anchor).close()
        server.record[f"r {number}"] = kept


def test_entries_are_read_so_many_at_a_time(server: Server, few: None) -> None:
    one = written(server, 5)
    texts = [server.record[f"r {n}"] for n in range(1, 6)]
    for first, last, answers in ((1, 4, 2), (1, 5, 3), (2, 2, 1), (5, 5, 1), (4, 3, 0)):
        asked = len(server.asked)
        assert list(one.entries(first, last)) == texts[first - 1 : last]
        assert len(server.asked) == asked + answers
    with lost("entry 6 of the record in redis://host:6379/3 is missing"):
        list(one.entries(5, 6))


def test_a_fact_that_a_later_entry_made_anew_while_a_start_reads_is_where_it_was_put(server: Server) -> None:
    one = written(server, 3)
    one.check_facts({("closed", "a"): 2, ("intent", "1"): 1})
    with lost("closed a is not where entry 4"):
        one.check_facts({("closed", "a"): 4})
    with lost("intent 1 is not where entry 0"):
        server.record["f intent 1"] = "2"
        one.check_facts({("intent", "1"): 0})


# verification


def test_an_account_in_order_is_verified_with_its_head(server: Server, anchor: Path, few: None) -> None:
    server.page = 3
    one = written(server, 5, anchor)
    last = seal(server.record["r 5"])
    assert verify_server(URL, 10.0, anchor) == AccountAudit(True, 5, head=last)
    anchor.unlink()
    found = verify_server(URL, 10.0, anchor)
    assert (found.ok, found.entries, found.first_bad) == (
        False,
        5,
        5,
    ) and "anchor of this home is missing" in found.problem
    anchor.write_bytes(b"")
    found = verify_server(URL, 10.0, anchor)
    assert (found.ok, found.entries, found.first_bad) == (False, 0, 1) and "is damaged" in found.problem
    assert one._chain.number == 5


def test_an_account_that_was_never_begun_is_in_order(server: Server, anchor: Path) -> None:
    found = verify_server(URL, 10.0, anchor)
    assert (found.ok, found.entries, found.problem) == (True, 0, "")


@pytest.mark.parametrize(
    ("change", "entries", "first", "problem"),
    [
        (lambda s: s.record.pop("r 2"), 1, 2, "entry 2: it does not follow entry 1"),
        (lambda s: s.record.pop("r 5"), 4, 5, "the record ends with entry 4, this home has seen 5"),
        (lambda s: s.book.update(more="1"), 5, 0, "more  is '1', and entry 0 left None"),
        (lambda s: s.record.update({"f closed a": "x"}), 5, 5, "closed a is stored as of entry -1"),
        (lambda s: s.record.update({"odd": "1"}), 5, 0, "odd  is stored as of entry 1"),
        (lambda s: s.record.update(head="5" + s.record["head"]), 5, 5, "the head is not that of the last entry"),
        (lambda s: s.record.update(head=s.record["head"][:-1] + "9"), 5, 5, "the head is not that of the last entry"),
        (lambda s: s.record.pop("head"), 5, 5, "the head is not that of the last entry"),
        (lambda s: s.record.update({"r 6": s.record["r 5"]}), 5, 6, "entry 6: it does not follow entry 5"),
    ],
)
def test_a_verification_says_what_is_wrong(
    server: Server, few: None, anchor: Path, change: Callable, entries: int, first: int, problem: str
) -> None:
    server.page = 4
    written(server, 5, anchor)
    change(server)
    found = verify_server(URL, 10.0, anchor)
    assert (found.ok, found.entries, found.first_bad) == (False, entries, first)
    assert found.problem.startswith(problem)
    assert found.head == seal(server.record[f"r {entries}"])


def test_an_account_that_is_written_meanwhile_is_not_verified(server: Server, anchor: Path) -> None:
    one = written(server, 3, anchor)

    def written_meanwhile(words: tuple[Any, ...]) -> None:
        if words[0] == "HSCAN":
            server.meddle = None
            one.write([("position", "T", "1")])
            server.asked.append(words)

    server.meddle = written_meanwhile
    with pytest.raises(InputError, match=r"is being written.*Stop the governors of this account first"):
        verify_server(URL, 10.0, anchor)


def test_the_chain_of_an_account_begins_with_a_name_of_its_own(server: Server) -> None:
    one, two = store(), store()
    assert one._chain.account != two._chain.account and len(one._chain.account) == 64
    assert one._chain == Chain(one._chain.account) and one._me != two._me
