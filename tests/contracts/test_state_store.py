"""Every store of the governor's account against one contract, on real files and real servers (H2, H6)."""

from __future__ import annotations

import re
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from plimsoll.core.errors import CorruptionError, HomeBusy, InputError
from plimsoll.core.ports import StateStore
from plimsoll.governor.governor import Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore
from plimsoll.store.governor_store import SqliteStateStore

Opened = Callable[[], StateStore]
ODD = 'a "quoted" \\ text\nwith \u2028, \u00e9, \U0001f600 and [1,null]'
DAY = 20_514
UNIT = 10**12
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = limits_of(policy_file.load("micro").policy)


@pytest.fixture(params=["sqlite", "redis", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """``opened()`` gives a store of the account; asked again, one that a new process would have."""
    found: list[SqliteStateStore] = []
    if request.param == "memory":
        account = MemoryAccount()
        yield lambda: MemoryStateStore(account)
    elif request.param == "redis":
        url = request.getfixturevalue("redis_server")().url
        from plimsoll.store.governor_redis import RedisStateStore

        shared = []

        def connect() -> StateStore:
            shared.append(RedisStateStore(url, 10.0))
            return shared[-1]

        yield connect
        for store in shared:
            store.close()
    else:

        def open_file() -> StateStore:
            if found:
                found[-1].close()
            found.append(SqliteStateStore(tmp_path / "governor.db"))
            return found[-1]

        yield open_file
        found[-1].close()


@pytest.fixture(params=["redis", "memory"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[StateStore, StateStore]]:
    """Two stores of one account, both of which know all of it."""
    if request.param == "memory":
        account = MemoryAccount()
        stores: tuple[StateStore, StateStore] = MemoryStateStore(account), MemoryStateStore(account)
    else:
        server = request.getfixturevalue("redis_server")()
        from plimsoll.store.governor_redis import RedisStateStore

        stores = RedisStateStore(server.url, 10.0), RedisStateStore(server.url, 10.0)
    for store in stores:
        store.load()
    yield stores
    for store in stores:
        if request.param == "redis":
            store.close()


def test_what_is_written_is_there_for_the_next_process(opened: Opened) -> None:
    store = opened()
    assert list(store.load()) == []
    assert store.get("intent", "a") is None
    rows = [("open", "a", "1"), ("open", "b", ODD), ("account", "", "x" * 100_000)]
    assert store.write(rows, [("closed", "c", "1")], [("intent", "a", ODD)]) is None
    assert (
        store.write([("open", "a", None), ("open", "b", "2"), ("quote", "^VIX", "3")], [("closed", "c", "2")]) is None
    )
    assert store.write(()) is None
    again = opened()
    assert sorted(again.load()) == [("account", "", "x" * 100_000), ("open", "b", "2"), ("quote", "^VIX", "3")]
    assert (again.get("intent", "a"), again.get("closed", "c"), again.get("open", "b")) == (ODD, "2", None)
    assert again.write([("open", "gone", None)]) is None  # to take away what is not there is no error


def test_a_fact_that_is_not_new_stands_against_the_whole_write(opened: Opened) -> None:
    store = opened()
    store.load()
    store.write([("open", "a", "1")], (), [("intent", "a", "first")])
    found = store.write([("open", "b", "2")], [("closed", "a", "3")], [("intent", "b", "n"), ("intent", "a", "second")])
    assert found is not None and found.standing == {("intent", "a"): "first"} and not found.rows and not found.whole
    assert list(store.load()) == [("open", "a", "1")]
    assert store.get("intent", "b") is store.get("closed", "a") is None
    assert store.write([("open", "b", "2")], (), [("intent", "b", "n")]) is None


def test_who_does_not_know_what_another_wrote_writes_nothing_and_is_told(pair: tuple[StateStore, StateStore]) -> None:
    one, two = pair
    one.write([("open", "a", "1")], (), [("intent", "a", "t")])
    one.write([("open", "a", None), ("open", "b", "2")])
    found = two.write([("open", "c", "3")], [("closed", "x", "4")], [("intent", "a", "u")])
    assert found is not None and not found.whole
    assert [tuple(row) for row in found.rows] == [("open", "a", "1"), ("open", "a", None), ("open", "b", "2")]
    assert found.standing == {("intent", "a"): "t"}
    assert two.get("closed", "x") is None
    assert two.write([("open", "c", "3")]) is None
    looked = one.write(())  # nothing to write: only a look
    assert looked is not None and [tuple(row) for row in looked.rows] == [("open", "c", "3")]
    assert one.write(()) is None
    assert one.write((), (), [("intent", "z", "1")]) is None
    assert two.write(()) is None  # facts are no news


def test_the_file_is_held_by_one_process_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "governor.db"
    with SqliteStateStore(path), pytest.raises(HomeBusy, match="held by another"):
        SqliteStateStore(path)
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(CorruptionError, match="damaged"):
        SqliteStateStore(path)
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.execute("CREATE TABLE state (kind, key, text, seq)")
    with pytest.raises(InputError, match="version 0"):
        SqliteStateStore(tmp_path / "old.db")
    with pytest.raises(InputError, match="cannot be used"):
        SqliteStateStore(tmp_path / "nowhere" / "governor.db")


# the server


def test_a_server_that_may_forget_is_refused_or_said_so(redis_server) -> None:
    from plimsoll.store.governor_redis import RedisStateStore

    for options, problem in (
        (("--appendonly", "no"), "no append-only file"),
        (("--maxmemory-policy", "allkeys-lru"), "may evict"),
        (("--replicaof", "127.0.0.1 1"), "is a replica"),
    ):
        server = redis_server(*options)
        with pytest.raises(InputError, match=problem):
            RedisStateStore(server.url, 10.0)
        server.stop()
    server = redis_server()
    assert "everysec" in RedisStateStore(server.url, 10.0).warnings[0]
    server.stop()
    server = redis_server("--appendfsync", "always")
    assert RedisStateStore(server.url, 10.0).warnings == []
    server.stop()
    with pytest.raises(InputError, match="cannot be used"):
        RedisStateStore(server.url, 10.0)


@pytest.mark.parametrize("url", ["http://x", "redis://", "127.0.0.1:6379", "redis://h:port/0", ""])
def test_an_address_that_is_none_is_named_without_its_secrets(url: str) -> None:
    pytest.importorskip("redis")
    from plimsoll.store.governor_redis import RedisStateStore, name_of

    with pytest.raises(InputError, match="no address"):
        RedisStateStore(url, 10.0)
    assert name_of("redis://user:hunter2@h:7/3?password=hunter2") == "redis://h:7/3"


def governed(store: StateStore) -> Governor:
    governor = Governor(store, MICRO)
    governor.begin(DAY, 100_000)
    governor.quote("S", Quote(1_000_000_000_000, 1_000_000_000_000, NOON))
    return governor


def order(name: str) -> OrderIntent:
    return OrderIntent(name, "S", 1, UNIT, NOON)


def test_a_server_killed_and_started_again_knows_every_answer(redis_server) -> None:
    from plimsoll.store.governor_redis import RedisStateStore

    server = redis_server()
    governor = governed(RedisStateStore(server.url, 10.0))
    told = [governor.decide(order(f"o{n}")) for n in range(12)]
    assert [d.decision for d in told] == ["ADMIT"] * 10 + ["REFUSE"] * 2
    server.stop(kill=True)
    assert governor.decide(order("lost")).reasons == ("STORE_LOST",)
    server.start()
    assert governor.decide(order("lost")).reasons == ("STORE_LOST",)  # for good: what it knew may be gone
    again = Governor(RedisStateStore(server.url, 10.0), MICRO)
    assert [again.decide(order(f"o{n}")) for n in range(12)] == told
    assert len(again.orders) == 10


@pytest.mark.parametrize("command", [("FLUSHALL",), ("SCRIPT", "FLUSH"), ("CONFIG", "SET", "maxmemory", "1")])
def test_what_an_operator_does_to_the_server_never_admits(redis_server, command: tuple[str, ...]) -> None:
    import redis

    from plimsoll.store.governor_redis import RedisStateStore

    server = redis_server()
    governor = governed(RedisStateStore(server.url, 10.0))
    governor.decide(order("first"))
    with closing(redis.Redis.from_url(server.url)) as client:
        client.execute_command(*command)
        if command == ("FLUSHALL",):
            other = governed(RedisStateStore(server.url, 10.0))
            assert [other.decide(order(f"o{n}")).decision for n in range(9)] == ["ADMIT"] * 9
    answer = governor.decide(order("second"))
    assert answer.reasons == (() if command[0] == "SCRIPT" else ("STORE_LOST",))


def test_a_user_with_only_the_documented_commands_is_enough(redis_server) -> None:
    import redis

    from plimsoll.store.governor_redis import RedisStateStore

    page = (Path(__file__).resolve().parents[2] / "docs" / "governor.md").read_text(encoding="utf-8")
    found = re.search(r"may run `([A-Z|\s]+)`\s+on `(\S+)`", page)
    assert found
    allowed = [f"+{word.lower()}" for word in found[1].split()]
    server = redis_server()
    with closing(redis.Redis.from_url(server.url)) as client:
        client.execute_command("ACL", "SETUSER", "governor", "on", ">hunter2", f"~{found[2]}", *allowed)
    url = server.url.replace("//", "//governor:hunter2@")
    with RedisStateStore(url, 10.0) as store:
        assert governed(store).decide(order("a")).decision == "ADMIT"
        assert "everysec" in store.warnings[0] and "hunter2" not in store.name


def test_a_governor_far_behind_is_told_the_whole_state(redis_server) -> None:
    from plimsoll.store.governor_redis import CHANGES, RedisStateStore

    server = redis_server()
    quiet, busy = RedisStateStore(server.url, 10.0), RedisStateStore(server.url, 10.0)
    behind = governed(quiet)
    busy.load()
    for n in range(2 * CHANGES + 2):
        bid = UNIT + n
        assert busy.write([("quote", "S", f"[{bid},{bid},{NOON + 1}]")]) is None
    assert behind.decide(order("late")).decision == "ADMIT"
    assert behind.quotes["S"].bid == bid
    assert behind.use("S").position == bid * UNIT


@pytest.mark.parametrize("answer", [b"", b"+OK\r\n", b"*1\r\n$7\r\nwritten\r\n", b"-ERR no\r\n", b"nonsense\r\n", None])
def test_a_server_that_answers_wrong_late_or_not_at_all_admits_nothing(redis_server, answer: bytes | None) -> None:
    """A relay answers the commands of the opening through the real server, then as it likes."""
    from plimsoll.store.governor_redis import RedisStateStore

    server = redis_server()
    relay = Relay(server.port)
    try:
        governor = governed(RedisStateStore(f"redis://127.0.0.1:{relay.port}/0", 0.5))
        assert governor.decide(order("before")).decision == "ADMIT"
        relay.answer = answer
        relay.silent = answer is None
        relay.lying = True
        assert governor.decide(order("o")).reasons == ("STORE_LOST",)
        relay.lying = False
        assert governor.decide(order("after")).reasons == ("STORE_LOST",)
    finally:
        relay.close()
    assert Governor(RedisStateStore(server.url, 10.0), MICRO).decide(order("before")).decision == "ADMIT"


class Relay:
    """Passes bytes on to a server; while ``lying`` it gives its own answer, or none."""

    def __init__(self, port: int) -> None:
        self.answer: bytes | None = b""
        self.lying = self.silent = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._to = socket.create_connection(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client:
            while asked := client.recv(1 << 20):
                if self.silent:
                    continue
                if self.lying:
                    if not self.answer:
                        return
                    client.sendall(self.answer)
                    continue
                self._to.sendall(asked)
                client.sendall(self._to.recv(1 << 20))

    def close(self) -> None:
        self._listener.close()
        self._thread.join(timeout=30)
        self._to.close()
