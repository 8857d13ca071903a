"""Whatever a Redis server loses or is made to say, no governor goes on from it as if nothing had happened (H6)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from plimsoll.core.errors import CorruptionError, PlimsollError
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import SECOND, limits_of
from plimsoll.store import policy_file

redis = pytest.importorskip("redis")
DAY = 20_514
NOON = (DAY * 86_400 + 43_200) * SECOND
MICRO = limits_of(policy_file.load("micro").policy)
UNIT = 10**12
RECORD, BOOK = (f"{{plimsoll:governor}}:{part}" for part in ("record", "book"))


def store_of(server: Any, home: Path) -> Any:
    from plimsoll.store.governor_redis import RedisStateStore

    return RedisStateStore(server.url, 10.0, home / "governor.anchor")


def order(name: str) -> OrderIntent:
    return OrderIntent(name, "S", 1, UNIT, NOON)


def governed(server: Any, home: Path) -> Governor:
    """A governor that has a quote."""
    governor = Governor(store_of(server, home), MICRO)
    governor.begin(DAY, 100_000)
    governor.quote("S", Quote(UNIT, UNIT, NOON))
    return governor


def begun(server: Any, home: Path) -> Governor:
    """An account with an open order, one that was filled and one that was cancelled."""
    governor = governed(server, home)
    for name in "abc":
        assert governor.decide(order(name)).decision == "ADMIT"
    governor.fill(Execution("b", "x", UNIT, UNIT, UNIT))
    governor.close("c")
    return governor


def told(governor: Governor) -> list[object]:
    """Everything there is to ask of it; the orders come again, and the fill."""
    said: list[object] = [dict(governor.orders), dict(governor.positions), governor.account]
    said += [governor.decide(order(name)) for name in "abc"]
    try:
        said.append(governor.fill(Execution("b", "x", UNIT, UNIT, UNIT)))
    except PlimsollError as error:
        said.append(str(error))
    return [*said, dict(governor.orders), dict(governor.positions)]


def refuses(governor: Governor) -> None:
    assert governor.decide(order("next")).reasons == ("STORE_LOST",)


def test_a_key_or_a_field_that_is_gone_is_noticed_at_once_and_by_the_next_start(
    redis_server: Callable[..., Any], tmp_path: Path
) -> None:
    server = redis_server()
    with closing(redis.Redis.from_url(server.url, decode_responses=True)) as client:
        begun(server, tmp_path)
        whole = {key: client.hgetall(key) for key in (RECORD, BOOK)}
        assert len(whole[RECORD]) > 10 and len(whole[BOOK]) > 5

        def restored() -> None:
            client.flushdb()
            for key, fields in whole.items():
                client.hset(key, mapping=fields)

        losses = [("FLUSHDB",), *(("DEL", key) for key in whole)]
        losses += [("HDEL", key, field) for key, fields in whole.items() for field in fields]
        losses += [("HSET", key, "more", "1") for key in whole]
        for words in losses:
            running = Governor(store_of(server, tmp_path), MICRO)
            reading = Governor(store_of(server, tmp_path), MICRO)
            client.execute_command(*words)
            refuses(running)
            with pytest.raises(PlimsollError):
                reading.close("c")  # which reads what became of it
            with pytest.raises(CorruptionError, match="lost or altered"):
                store_of(server, tmp_path)
            restored()


def test_a_field_that_was_edited_is_noticed_by_the_next_start_and_moves_no_running_governor(
    redis_server: Callable[..., Any], tmp_path: Path
) -> None:
    server = redis_server()
    with closing(redis.Redis.from_url(server.url, decode_responses=True)) as client:
        begun(server, tmp_path)
        right = told(Governor(store_of(server, tmp_path), MICRO))
        whole = {key: client.hgetall(key) for key in (RECORD, BOOK)}
        for key, fields in whole.items():
            for field, text in fields.items():
                running = Governor(store_of(server, tmp_path), MICRO)
                client.hset(key, field, text.replace("1", "2", 1) if "1" in text else text + "0")
                said = told(running)
                lost = [one for one in said if "STORE_LOST" in str(one) or "store" in str(one)]
                assert lost or said == right, field
                with pytest.raises(CorruptionError, match="lost or altered"):
                    store_of(server, tmp_path)
                client.delete(*whole)
                for name, known in whole.items():
                    client.hset(name, mapping=known)


def test_a_verification_finds_every_field_that_is_gone_edited_or_added(
    redis_server: Callable[..., Any], tmp_path: Path
) -> None:
    from plimsoll.store.governor_redis import verify_server

    server = redis_server()
    with closing(redis.Redis.from_url(server.url, decode_responses=True)) as client:
        begun(server, tmp_path)

        def verified() -> Any:
            return verify_server(server.url, 10.0, tmp_path / "governor.anchor")

        right = verified()
        assert right.ok and right.entries == int(client.hget(RECORD, "head").split()[0])
        for key in (RECORD, BOOK):
            for field, text in client.hgetall(key).items():
                client.hset(key, field, text.replace("1", "2", 1) if "1" in text else text + "0")
                found = verified()
                assert not found.ok and found.first_bad and found.problem, field
                client.hdel(key, field)
                assert not verified().ok, field
                client.hset(key, field, text)
        head = client.hget(RECORD, "head").split()
        for at, part in enumerate(head):
            client.hset(RECORD, "head", " ".join([*head[:at], "7" + part, *head[at + 1 :]]))
            assert not verified().ok, at
            client.hset(RECORD, "head", " ".join(head))
            client.hset(key, "more", "1")
            assert not verified().ok
            client.hdel(key, "more")
        assert verified() == right
        client.flushdb()
        assert not verified().ok


@pytest.mark.parametrize("lost", ["the end of its log", "all since a copy of it"])
def test_a_server_that_comes_back_with_less_is_refused_by_who_ran_and_by_who_starts(
    redis_server: Callable[..., Any], tmp_path: Path, lost: str
) -> None:
    server = redis_server("--appendfsync", "always")
    governor = begun(server, tmp_path)
    log = next((server.folder / "appendonlydir").glob("*.incr.aof"))
    old = log.read_bytes()
    for n in range(3):
        governor.decide(order(f"later-{n}"))
    seen = (tmp_path / "governor.anchor").read_bytes()
    server.stop(kill=True)
    log.write_bytes(old if lost == "all since a copy of it" else log.read_bytes()[:-40])
    server.start()
    with pytest.raises(CorruptionError, match=r"ends with entry \d+, and this home has seen"):
        store_of(server, tmp_path)
    assert (tmp_path / "governor.anchor").read_bytes() == seen
    refuses(governor)


def test_a_running_governor_meets_a_server_that_forgot_behind_its_back(
    redis_server: Callable[..., Any], tmp_path: Path
) -> None:
    """The account is put back as it was some writes ago: counts and chain fit, but not what is known."""
    server = redis_server()
    with closing(redis.Redis.from_url(server.url, decode_responses=True)) as client:
        governor, other = begun(server, tmp_path), governed(server, tmp_path)
        whole = {key: client.hgetall(key) for key in (RECORD, BOOK)}
        governor.decide(order("later"))
        client.flushdb()
        for key, fields in whole.items():
            client.hset(key, mapping=fields)
        refuses(governor)
        assert other.decide(order("on a fork")).decision == "ADMIT"  # it has not seen more; its home has
        with pytest.raises(CorruptionError, match=r"is not the one this home has seen|does not follow"):
            (tmp_path / "governor.anchor").write_bytes(_line(governor))
            store_of(server, tmp_path)


def _line(governor: Governor) -> bytes:
    from plimsoll.store.governor_anchor import _line as line

    chain = governor._store._chain
    return line(chain.account, chain.number, chain.head)


def test_another_account_is_refused_and_a_home_that_joins_is_told(
    redis_server: Callable[..., Any], tmp_path: Path
) -> None:
    one, two = redis_server(), redis_server()
    for name in ("one", "two", "joins"):
        (tmp_path / name).mkdir()
    begun(one, tmp_path / "one")
    begun(two, tmp_path / "two")
    with pytest.raises(CorruptionError, match="holds another account than this home's"):
        store_of(two, tmp_path / "one")
    assert "this home has not seen the account" in store_of(one, tmp_path / "joins").warnings[-1]
    assert "this home has not seen" not in str(store_of(one, tmp_path / "joins").warnings)
    governed(one, tmp_path / "joins").decide(order("d"))
    assert "d" in Governor(store_of(one, tmp_path / "one"), MICRO).orders


def test_an_account_of_an_earlier_version_is_named(redis_server: Callable[..., Any], tmp_path: Path) -> None:
    server = redis_server()
    with closing(redis.Redis.from_url(server.url)) as client:
        client.hset("{plimsoll:governor}:head", "id", "1")
    with pytest.raises(PlimsollError, match="an account of version 2"):
        store_of(server, tmp_path)


def test_a_start_beside_a_process_that_writes_is_none_behind_its_home(
    redis_server: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that come, and move the home's anchor on, while a start reads the account are no loss of the server's."""
    from plimsoll.store.governor_redis import RedisStateStore

    server = redis_server()
    first = begun(server, tmp_path)
    asked, written = RedisStateStore._asked, []

    def asked_beside_another(store: Any, *words: Any) -> Any:
        answer = asked(store, *words)
        if not written:
            written.append(True)  # the other's own question is not to be answered so
            assert first.decide(order("meanwhile")).decision == "ADMIT"
        return answer

    monkeypatch.setattr(RedisStateStore, "_asked", asked_beside_another)
    second = Governor(store_of(server, tmp_path), MICRO)
    second.refresh()
    assert written and "meanwhile" in second.orders
