"""The governor's account in a Redis server, shared by several processes, behind ``core.ports.StateStore`` (H6).

The account has a version. One script on the server, which nothing interrupts, writes a change only if its writer knew
the version it would follow, and else answers what was written since: a decision made without knowing another's order
is never written. One round trip when nobody else wrote. Who was beaten to it three times running asks for a turn: the
others wait until it has written, or for a tenth of a second. Without turns the quicker of two writers always wins.

What a written change survives is the server's promise: with ``appendfsync always`` a killed server and, where its disk
keeps its word, a power cut; with ``everysec`` a killed server, but a power cut may lose the last second or two. A
server that forgets what a running governor knew is noticed by its version and refused; one that forgot while no
governor ran is not. Replicas follow later: a failover may forget as a power cut does.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from plimsoll.core.errors import InputError
from plimsoll.core.ports import Conflict, Fact, Row

_KEYS = tuple(f"{{plimsoll:governor}}:{part}" for part in ("head", "state", "fact", "changes", "turn"))
_FACT = _KEYS[2]
CHANGES = 1000  # versions a governor may be behind at least before it is told the whole state instead
PATIENCE = 3  # writes another came before, until a turn is asked for
TURN = 100  # milliseconds a turn lasts at most
PAUSE = 0.0005  # seconds between looks while it is another's turn
_BROKEN = (RedisError, OSError, LookupError, TypeError, ValueError)
WHOLE = -1  # a version from before the first: asks for the whole state
_SCRIPT = """
local head = redis.call('HMGET', KEYS[1], 'id', 'version')
if not head[1] and tonumber(ARGV[2]) < 0 then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'version', 0)
  head = {ARGV[1], 0}
end
local version, seen = tonumber(head[2]), tonumber(ARGV[2])
if not head[1] or (seen >= 0 and (head[1] ~= ARGV[1] or seen > version)) then
  return {'lost'}
end
local writes, turn = ARGV[3] ~= '' or #ARGV > 6, redis.call('GET', KEYS[5])
if writes and turn and turn ~= ARGV[5] then
  return {'wait'}
end
local new, standing, stands = tonumber(ARGV[4]), {}, false
for i = 1, new do
  standing[i] = redis.call('HGET', KEYS[3], ARGV[5 + 2 * i])
  stands = stands or standing[i]
end
if seen < version or stands then
  if ARGV[6] == '1' then redis.call('SET', KEYS[5], ARGV[5], 'PX', TURN) end
  if seen < 0 or version - seen > redis.call('LLEN', KEYS[4]) then
    return {'whole', head[1], version, redis.call('HGETALL', KEYS[2]), standing}
  end
  local since = {}
  if seen < version then since = redis.call('LRANGE', KEYS[4], seen - version, -1) end
  return {'since', head[1], version, since, standing}
end
if #ARGV > 6 then redis.call('HSET', KEYS[3], unpack(ARGV, 7)) end
if ARGV[3] ~= '' then
  local put, take = {}, {}
  for _, row in ipairs(cjson.decode(ARGV[3])) do
    if row[3] == cjson.null then
      take[#take + 1] = row[1] .. ' ' .. row[2]
    else
      put[#put + 1] = row[1] .. ' ' .. row[2]
      put[#put + 1] = row[3]
    end
  end
  if #put > 0 then redis.call('HSET', KEYS[2], unpack(put)) end
  if #take > 0 then redis.call('HDEL', KEYS[2], unpack(take)) end
  if redis.call('RPUSH', KEYS[4], ARGV[3]) > 2 * CHANGES then redis.call('LTRIM', KEYS[4], -CHANGES, -1) end
  version = redis.call('HINCRBY', KEYS[1], 'version', 1)
end
if writes and turn then redis.call('DEL', KEYS[5]) end
return version
""".replace("CHANGES", str(CHANGES)).replace("TURN", str(TURN))


class RedisStateStore:
    """One account a database of the server.

    Parameters
    ----------
    url : ``redis://``, ``rediss://`` or ``unix://``, with the number of the database.
    timeout : seconds a connection or an answer may take; later is lost.

    Attributes
    ----------
    warnings : what the server does not promise, in words.

    Raises
    ------
    InputError : no server there, or one that may forget what it was told: without an append-only file, with an
        eviction policy, or a replica.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.name = name_of(url)
        self._timeout = timeout
        self._connection: Any = None
        with self._clearly():
            pool = redis.ConnectionPool.from_url(
                url,
                decode_responses=True,
                protocol=2,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
            )
            self._connection = pool.get_connection()
            self.warnings = self._promises()
            self._sha = str(self._call("SCRIPT", "LOAD", _SCRIPT))
        self._id, self._seen = secrets.token_hex(8), WHOLE
        self._me, self._beaten = secrets.token_hex(8), 0

    def _promises(self) -> list[str]:
        """Refuse a server that may forget; what else it does not promise."""
        told = dict(line.split(":", 1) for line in str(self._call("INFO")).splitlines() if ":" in line)
        wanted = (
            ("role", "master", "is a replica", "Give the address of its master"),
            ("aof_enabled", "1", "keeps no append-only file, so it forgets the account when it restarts",
             "Set appendonly yes"),
            ("aof_last_write_status", "ok", "cannot write its append-only file", "Mend the server's disk"),
            ("maxmemory_policy", "noeviction", "may evict parts of the account when its memory is full",
             "Set maxmemory-policy noeviction"),
            ("cluster_enabled", "0", "is part of a cluster", "Use a server that is not"),
        )  # fmt: skip
        for field, value, problem, remedy in wanted:
            if told.get(field) != value:
                raise InputError(f"{self.name} {problem} ({field} is {told.get(field, 'not told')})", remedy)
        try:
            sync = self._call("CONFIG", "GET", "appendfsync")[1]
        except RedisError:
            sync = "unknown, because CONFIG is not allowed"
        if sync == "always":
            return []
        return [
            f"{self.name} does not flush each write to its disk (appendfsync is {sync}): a power cut may make it "
            "forget orders that were admitted. Set appendfsync always"
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the server; everything written is as durable as it makes it."""
        self._connection.disconnect()

    def load(self) -> list[Row]:
        """The whole state; an account that is not there is begun."""
        self._seen = WHOLE
        conflict = self.write(())
        if conflict is None:
            raise InputError(f"{self.name} did not tell the account", "Look at the server")
        return list(conflict.rows)

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None when there is none."""
        with self._clearly():
            found = self._call("HGET", _FACT, f"{kind} {key}")
        return None if found is None else str(found)

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Write everything or nothing: what others wrote meanwhile, or facts that are not new, stand against it."""
        pairs = [part for kind, key, text in (*new, *facts) for part in (f"{kind} {key}", text)]
        rows = msgspec.json.encode(state).decode() if state else ""
        claim = int(self._beaten >= PATIENCE)
        words: list[str | int] = [len(_KEYS), *_KEYS, self._id, self._seen, rows, len(new), self._me, claim, *pairs]
        try:  # not ``_clearly``: every order waits for this, and a generator's context takes as long as a row
            answer = self._asked(words)
            deadline = time.monotonic() + self._timeout
            while answer == ["wait"]:
                if time.monotonic() > deadline:
                    raise TimeoutError("another process never ended its turn")
                time.sleep(PAUSE)
                answer = self._asked(words)
            return self._understood(answer, new)
        except _BROKEN as error:
            raise self._clear(error) from None

    def _asked(self, words: Sequence[str | int]) -> Any:
        try:
            return self._call("EVALSHA", self._sha, *words)
        except NoScriptError:  # somebody emptied the server's scripts; nothing was run
            return self._call("EVAL", _SCRIPT, *words)

    def _understood(self, answer: Any, new: Sequence[Fact]) -> Conflict | None:
        if isinstance(answer, int):
            self._seen, self._beaten = answer, 0
            return None
        if answer[0] == "lost":
            raise InputError(f"{self.name} has lost the account, or what was written to it", "Reconcile with the venue")
        kind, self._id, self._seen = answer[0], str(answer[1]), int(answer[2])
        self._beaten += 1
        found = {fact[:2]: str(text) for fact, text in zip(new, answer[4], strict=True) if text is not None}
        if kind == "whole":
            fields = iter(answer[3])
            rows = [(*_parted(field), str(text)) for field, text in zip(fields, fields, strict=True)]
            return Conflict(rows, True, found)
        return Conflict([cast("Row", tuple(row)) for change in answer[3] for row in json.loads(change)], False, found)

    def _call(self, *words: str | int) -> Any:
        """One command and its answer, which is lost when it takes too long."""
        begun = time.monotonic()
        self._connection.send_command(*words)
        answer = self._connection.read_response()
        if time.monotonic() - begun > self._timeout:
            raise TimeoutError(f"no answer within {self._timeout:g} s")
        return answer

    @contextmanager
    def _clearly(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            raise self._clear(error) from None

    def _clear(self, error: Exception) -> InputError:
        """Redis's error, or an answer that is none, as what a person can mend."""
        if self._connection is not None:
            self._connection.disconnect()  # an answer still on its way must not be taken for another's
        return InputError(f"{self.name} cannot be used: {error}", "Check the server and the network")


def name_of(url: str) -> str:
    """The store's address without anything secret; ``InputError`` when it is none."""
    try:
        parts = urlsplit(url)
        where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}{parts.path}"
        if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.scheme == "unix"):
            raise ValueError
    except ValueError:
        raise InputError("the store is no address of a Redis server", "Give redis://HOST:PORT/DATABASE") from None
    return f"{parts.scheme}://{where}"


def _parted(field: str) -> tuple[str, str]:
    kind, _, key = field.partition(" ")
    return kind, key
