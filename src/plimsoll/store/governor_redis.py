"""The governor's account in a Redis server, shared by several processes, behind ``core.ports.StateStore`` (H6).

The account is its record (``governor_record``): a chain of entries in one hash, with the number of each fact's entry
and the record's head; and the state in another. The head says how many fields both must have. One script on the
server, which nothing interrupts, holds the counts against the head, and writes an entry only if its writer knew the
server, which runs uninterrupted, checks the counts against the head, and writes an entry only if its writer knew the
head that it follows; else it returns the entries written since. So a decision made without knowledge of another's order
is never written, and a missing key or field is noticed at the next request. Reads are checked against the chain: a

One round trip when nobody else wrote. A writer that lost three times running asks for a turn: the others wait until
it has written, or for a tenth of a second. Without turns the faster of two writers always wins.

Durability is the server's: with ``appendfsync always`` writes survive a killed server and, where its disk honours
flushes, a power cut; with ``everysec`` a killed server, but a power cut may lose the last second or two, after which
nothing continues: a governor knows its writes, and the home's anchor what it saw. Replicas follow later: a failover may
lose writes as a power cut does.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from plimsoll.core.errors import CorruptionError, InputError
from plimsoll.core.ports import Conflict, Fact, Row
from plimsoll.core.runs import AccountAudit
from plimsoll.store.governor_anchor import Anchor, Seen
from plimsoll.store.governor_audit import audited
from plimsoll.store.governor_record import Chain, Entry, Key, altered, fact_at, follower, parsed, seal

_KEYS = tuple(f"{{plimsoll:governor}}:{part}" for part in ("record", "book", "turn"))
_OLD = "{plimsoll:governor}:head"  # of an account of version 2
CHANGES = 1000  # most entries returned at once
CHECKED = 1000  # entries before the anchor that a start follows; those before them are checked when they are read
PATIENCE = 3  # writes another came before, until a turn is asked for
TURN = 100  # milliseconds a turn lasts at most
PAUSE = 0.0005  # seconds between looks while it is another's turn
_BROKEN = (RedisError, OSError, LookupError, TypeError, ValueError)
_HELD = """
local head = redis.call('HGET', KEYS[1], 'head') or ''
local number, fields, rows = 0, 0, 0
if head ~= '' then
  local n, f, r = string.match(head, '^(%d+) %x+ (%d+) (%d+)$')
  if not n then return {'lost', 'its head is none'} end
  number, fields, rows = tonumber(n), tonumber(f), tonumber(r)
end
if redis.call('HLEN', KEYS[1]) ~= fields then return {'lost', 'entries or facts are missing'} end
if redis.call('HLEN', KEYS[2]) ~= rows then return {'lost', 'a part of its state is missing'} end
local known, seen = ARGV[1], tonumber(ARGV[2])
if number < seen or (number == seen and head ~= known) then
  return {'lost', 'it ends with entry ' .. number .. ', and this governor knows entry ' .. seen .. ' of it'}
end
"""
_LOOK = (
    _HELD
    + """
if ARGV[3] == '' then
  return {'whole', head, redis.call('HGETALL', KEYS[2])}
end
local at = redis.call('HGET', KEYS[1], ARGV[3])
if not at then return {'none'} end
local texts = redis.call('HMGET', KEYS[1], 'r ' .. at, 'r ' .. (tonumber(at) or 0) + 1)
return {'fact', head, at, texts[1] or '', texts[2] or ''}
"""
)
_WRITE = (
    (
        _HELD
        + """
local writes, turn = ARGV[5] ~= '', redis.call('GET', KEYS[3])
if writes and turn and turn ~= ARGV[3] then return {'wait'} end
if head ~= known then
  if ARGV[4] == '1' then redis.call('SET', KEYS[3], ARGV[3], 'PX', TURN) end
  local since = {}
  for n = seen + 1, math.min(number, seen + CHANGES) do since[#since + 1] = redis.call('HGET', KEYS[1], 'r ' .. n) end
  return {'since', number, since}
end
if not writes then return 1 end
local checks, puts, states, at = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), 9
local found, stands = {}, false
for i = 1, checks do
  found[i] = redis.call('HGET', KEYS[1], ARGV[at]) or ''
  stands = stands or found[i] ~= ARGV[at + 1]
  at = at + 2
end
if stands then return {'stands', found} end
local function each(command, key, last)
  while at <= last do
    local till = math.min(at + 999, last)
    redis.call(command, key, unpack(ARGV, at, till))
    at = till + 1
  end
end
each('HSET', KEYS[1], at + 2 * puts - 1)
each('HSET', KEYS[2], at + 2 * states - 1)
each('HDEL', KEYS[2], #ARGV)
redis.call('HSET', KEYS[1], 'head', ARGV[5])
if turn then redis.call('DEL', KEYS[3]) end
return 1
"""
    )
    .replace("CHANGES", str(CHANGES))
    .replace("TURN", str(TURN))
)


class RedisStateStore:
    """One account a database of the server.

    Parameters
    ----------
    url : ``redis://``, ``rediss://`` or ``unix://``, with the number of the database.
    timeout : seconds a connection or an answer may take; later is lost.
    anchor : file of the home that says how far it has seen the account; None where no home is asked.
    checked : whether the account is held against its record and the anchor, without which nothing can be written.
    looks : whether it is only read: then the home is not told how far it was seen.

    Attributes
    ----------
    warnings : guarantees that the server lacks, and that this home has not seen the account before, in words.

    Raises
    ------
    InputError : no server there, or one that may lose data: without an append-only file, with an eviction policy, or a
        replica.
    CorruptionError : its account was altered, or is behind the anchor.
    """

    def __init__(
        self, url: str, timeout: float, anchor: Path | None = None, *, checked: bool = True, looks: bool = False
    ) -> None:
        self._looks = looks
        self.name = name_of(url)
        self._anchor = None if anchor is None else Anchor(anchor)
        self._timeout = timeout
        self._connection: Any = None
        with self.clearly():
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
            self._shas = {words: str(self.call("SCRIPT", "LOAD", words)) for words in (_LOOK, _WRITE)}
        self._me, self._beaten = secrets.token_hex(8), 0
        self._chain, self._head = Chain(""), ""
        if checked:
            self.load()

    def _promises(self) -> list[str]:
        """Refuse a server that may lose data; returns its other missing guarantees."""
        told = dict(line.split(":", 1) for line in str(self.call("INFO")).splitlines() if ":" in line)
        wanted = (
            ("role", "master", "is a replica", "Give the address of its master"),
            ("aof_enabled", "1", "keeps no append-only file, so it loses the account when it restarts",
             "Set appendonly yes"),
            ("aof_last_write_status", "ok", "cannot write its append-only file", "Repair the server's disk"),
            ("maxmemory_policy", "noeviction", "may evict parts of the account when its memory is full",
             "Set maxmemory-policy noeviction"),
            ("cluster_enabled", "0", "is part of a cluster", "Use a server that is not"),
        )  # fmt: skip
        for field, value, problem, remedy in wanted:
            if told.get(field) != value:
                raise InputError(f"{self.name} {problem} ({field} is {told.get(field, 'not reported')})", remedy)
        try:
            sync = self.call("CONFIG", "GET", "appendfsync")[1]
        except RedisError:
            sync = "unknown, because CONFIG is not allowed"
        if sync == "always":
            return []
        return [
            f"{self.name} does not flush each write to its disk (appendfsync is {sync}): a power cut may lose "
            "admitted orders. Set appendfsync always"
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; everything written is as durable as the server makes it."""
        self._connection.disconnect()
        if self._anchor is not None:
            self._anchor.close()

    def load(self) -> list[Row]:
        """The whole state, checked against the record's last entry, and the record against the anchor.

        The anchor is read first: other processes of the home move it on while the account is read.
        """
        seen = None if self._anchor is None else self._anchor.read()
        with self.clearly():
            answer = self._asked(_LOOK, "", -1, "")
            if answer[0] != "whole":
                raise self._lost(answer)
            fields = iter(answer[2])
            rows: list[Row] = [(*_parted(field), str(text)) for field, text in zip(fields, fields, strict=True)]
            chain = self._begun(seen) if answer[1] == "" else self._found(str(answer[1]), rows, seen)
        self._go_on(chain)
        return rows

    def _begun(self, seen: Seen | None) -> Chain:
        """The chain of an account that does not exist yet."""
        if self.call("EXISTS", _OLD):
            raise InputError(
                f"{self.name} holds an account of version 2, and this is version 3",
                "Close its orders with the version that wrote it, begin another database and --home, and report "
                "its positions: a transfer each",
            )
        if self._chain.number or (seen is not None and seen.number):
            raise altered(f"{self.name} holds none, and this home has seen one")
        return Chain(self._chain.account or secrets.token_hex(32))

    def _found(self, head: str, rows: Sequence[Row], seen: Seen | None) -> Chain:
        """The chain of an account, checked against its anchor."""
        number, last_seal = int(head.split()[0]), head.split()[1]
        account = parsed(self._entry(1)).previous
        if seen is None:
            seen = Seen(account, number, last_seal)
            if self._anchor is not None:
                self.warnings.append(
                    f"this home has not seen the account in {self.name} before, which has {number} entries: check it "
                    "against the venue"
                )
        elif seen.number and seen.account != account:
            raise altered(f"{self.name} holds another account than this home's")
        elif seen.number > number:
            raise altered(f"{self.name} ends with entry {number}, and this home has seen entry {seen.number}")
        begin = max(seen.number - CHECKED, 1)
        before = account if begin == 1 else seal(self._entry(begin - 1))
        last, made = "", {}
        for n, last in enumerate(self.entries(begin, number), start=begin):
            made.update({(kind, key): n for kind, key, _ in follower(last, before, n).facts})
            before = seal(last)
            if n == seen.number and before != seen.head:
                raise altered(f"entry {n} of the record in {self.name} is not the one this home has seen")
        chain = Chain(account)
        chain.resume(last, rows)
        if _head_of(chain) != head:
            raise altered(f"the head of the record in {self.name} is not that of its last entry")
        self.check_facts(made)
        return chain

    def check_facts(self, made: Mapping[Key, int]) -> None:
        """Check facts against the numbers of the entries that made them last; later entries may have replaced them."""
        names = list(made)
        for start in range(0, len(names), CHANGES):
            some = names[start : start + CHANGES]
            found = self.call("HMGET", _KEYS[0], *(f"f {kind} {key}" for kind, key in some))
            for at, number in zip(some, found, strict=True):
                anew = number is not None and int(number) > made[at] and parsed(self._entry(int(number))).facts
                if number != str(made[at]) and at not in [(kind, key) for kind, key, _ in anew or ()]:
                    raise altered(f"{at[0]} {at[1]} is not where entry {made[at]} of the record in {self.name} put it")

    def entries(self, first: int, last: int) -> Iterator[str]:
        """Entries of the record, from one to another; ``CorruptionError`` when one is missing."""
        for start in range(first, last + 1, CHANGES):
            numbers = range(start, min(start + CHANGES, last + 1))
            for n, text in zip(numbers, self.call("HMGET", _KEYS[0], *(f"r {n}" for n in numbers)), strict=True):
                if text is None:
                    raise altered(f"entry {n} of the record in {self.name} is missing")
                yield str(text)

    def _entry(self, number: int) -> str:
        return next(self.entries(number, number))

    def _go_on(self, chain: Chain) -> None:
        self._chain, self._head = chain, _head_of(chain)
        if self._anchor is not None and not self._looks:
            self._anchor.begin(Seen(chain.account, chain.number, chain.head))

    def get(self, kind: str, key: str) -> str | None:
        """The text of a fact; None when there is none. ``CorruptionError`` when it is not as it was written."""
        with self.clearly():
            answer = self._asked(_LOOK, self._head, self._chain.number, f"f {kind} {key}")
            if answer[0] == "none":
                return None
            if answer[0] != "fact":
                raise self._lost(answer)
            _, head, number, *texts = (str(word) for word in answer)
            return fact_at([text for text in texts if text], int(number), head.split()[1], kind, key)

    def write(self, state: Sequence[Row], facts: Sequence[Fact] = (), new: Sequence[Fact] = ()) -> Conflict | None:
        """Write everything or nothing; others' later writes, or facts that exist, are returned as a conflict."""
        rows: list[Row] = []
        made: dict[Key, str] = {}  # facts of others, as far as they were learnt just now
        stood: dict[Key, int] = {}  # facts that are replaced, with the entries they stand in
        try:  # not ``clearly``: every order waits for this, and a generator's context takes as long as a row
            while (answer := self._tried(state, facts, new, stood)) != 1:
                if answer[0] == "since":
                    for text in answer[2]:
                        entry = self._learnt(str(text))
                        rows += entry.state
                        made.update({(kind, key): words for kind, key, words in entry.facts})
                    if self._chain.number < int(answer[1]):
                        continue
                    self._beaten += 1
                    standing = {(kind, key): made[kind, key] for kind, key, _ in new if (kind, key) in made}
                elif answer[0] == "stands":
                    names = [(kind, key) for kind, key, _ in (*new, *facts)]
                    found = [(at, int(number)) for at, number in zip(names, answer[1], strict=True) if number]
                    fresh = set(names[: len(new)])
                    texts = [(at, self.get(*at)) for at, _ in found if at in fresh]
                    standing = {at: text for at, text in texts if text is not None}
                    stood = dict(found)
                else:
                    raise self._lost(answer)
                if rows or standing:
                    return Conflict(rows, standing=standing)
        except _BROKEN as error:
            raise self._clear(error) from None
        self._beaten = 0
        return None

    def _tried(self, state: Sequence[Row], facts: Sequence[Fact], new: Sequence[Fact], stood: Mapping[Key, int]) -> Any:
        """The server's answer to a write on top of what this store knows; 1 when it is done."""
        words: list[str | int] = [self._head, self._chain.number, self._me, int(self._beaten >= PATIENCE)]
        if not (state or facts or new):
            return self._asked(_WRITE, *words, "")
        step = self._chain.next(state, (*facts, *new), [(*at, number) for at, number in stood.items()])
        checks = [word for kind, key, _ in new for word in (f"f {kind} {key}", "")]
        checks += [word for kind, key, _ in facts for word in (f"f {kind} {key}", str(stood.get((kind, key), "")))]
        puts = [f"r {step.number}", step.text]
        puts += [word for kind, key, _ in (*new, *facts) for word in (f"f {kind} {key}", str(step.number))]
        rows = [word for kind, key, text in state if text is not None for word in (f"{kind} {key}", text)]
        gone = [f"{kind} {key}" for kind, key, text in state if text is None]
        head = _head(step.number, step.head, step.known, step.length)
        counts = (len(checks) // 2, len(puts) // 2, len(rows) // 2)
        answer = self._asked(_WRITE, *words, head, *counts, *checks, *puts, *rows, *gone)
        deadline = time.monotonic() + self._timeout
        while answer == ["wait"]:
            if time.monotonic() > deadline:
                raise TimeoutError("another process never ended its turn")
            time.sleep(PAUSE)
            answer = self._asked(_WRITE, *words, head, *counts, *checks, *puts, *rows, *gone)
        if answer == 1:
            self._chain.take(step)
            self._head = head
            if self._anchor is not None:
                self._anchor.move(step.number, step.head)
        return answer

    def _learnt(self, text: str) -> Entry:
        """Go on from an entry that another wrote."""
        if not self._chain.number:
            self._go_on(Chain(parsed(text).previous))
        entry = self._chain.follow(text)
        self._head = _head_of(self._chain)
        return entry

    def _asked(self, script: str, *words: str | int) -> Any:
        try:
            return self.call("EVALSHA", self._shas[script], len(_KEYS), *_KEYS, *words)
        except NoScriptError:  # somebody emptied the server's scripts; nothing was run
            return self.call("EVAL", script, len(_KEYS), *_KEYS, *words)

    def _lost(self, answer: Any) -> CorruptionError:
        if len(answer) == 2 and answer[0] == "lost":
            return altered(f"{self.name}: {answer[1]}")
        raise ValueError(f"its answer is none: {answer!r:.80}")

    def call(self, *words: str | int) -> Any:
        """One command and its answer, which is lost when it takes too long."""
        begun = time.monotonic()
        self._connection.send_command(*words)
        answer = self._connection.read_response()
        if time.monotonic() - begun > self._timeout:
            raise TimeoutError(f"no answer within {self._timeout:g} s")
        return answer

    @contextmanager
    def clearly(self) -> Iterator[None]:
        """Raise what goes wrong with the server inside as an ``InputError``."""
        try:
            yield
        except _BROKEN as error:
            raise self._clear(error) from None

    def _clear(self, error: Exception) -> InputError:
        """Redis's error, or an answer that is none, as what a person can mend."""
        if self._connection is not None:
            self._connection.disconnect()  # an answer still on its way must not be taken for another's
        return InputError(f"{self.name} cannot be used: {error}", "Check the server and the network")


class _Lying:
    """The account of a server as it lies there: nothing is checked."""

    def __init__(self, store: RedisStateStore) -> None:
        self._ask = store.call

    def head(self) -> str:
        return str(self._ask("HGET", _KEYS[0], "head") or "")

    def texts(self) -> Iterator[tuple[int, str]]:
        """The entries with their numbers; whoever reads them sees where one is missing."""
        last = self.head().partition(" ")[0]
        end, number = int(last) if last.isdecimal() else 0, 0
        while True:
            numbers = range(number + 1, number + 1 + CHANGES)
            found = self._ask("HMGET", _KEYS[0], *(f"r {n}" for n in numbers))
            yield from ((n, str(text)) for n, text in zip(numbers, found, strict=True) if text is not None)
            number = numbers[-1]
            if number >= end and None in found:
                return

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """The state."""
        fields = iter(self._ask("HGETALL", _KEYS[1]))
        return ((*_parted(str(field)), str(text)) for field, text in zip(fields, fields, strict=True))

    def facts(self) -> Iterator[tuple[str, str, int]]:
        """The facts; what else lies there and should not shows as one."""
        cursor, seen = "0", set()
        while True:
            cursor, found = self._ask("HSCAN", _KEYS[0], cursor, "COUNT", CHANGES)
            fields = iter(found)
            for field, text in zip(fields, fields, strict=True):
                if field != "head" and not field.startswith("r ") and field not in seen:
                    seen.add(field)
                    yield *_parted(str(field).removeprefix("f ")), int(text) if str(text).isdecimal() else -1
            if str(cursor) == "0":
                return


def verify_server(url: str, timeout: float, anchor: Path) -> AccountAudit:
    """Verify the account in a server against its record, and that against the home's anchor.

    ``InputError`` when it is written meanwhile, or cannot be read.
    """
    try:
        seen = Anchor(anchor).read()
    except CorruptionError as error:
        return AccountAudit(False, 0, 1, error.problem)
    with RedisStateStore(url, timeout, checked=False) as store, store.clearly():
        lying = _Lying(store)
        head = lying.head()
        found = audited(lying, seen)
        if lying.head() != head:
            raise InputError(f"{store.name} is being written", "Stop the governors of this account first")
        last = parsed(next(store.entries(found.entries, found.entries))) if found.ok and found.entries else None
        if last is not None and head != _head(last.number, found.head, last.known, last.rows):
            return AccountAudit(
                False, found.entries, found.entries, "the head is not that of the last entry", found.head
            )
        return found


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


def _head(number: int, head: str, known: int, rows: int) -> str:
    """What stands in the head: the record's end, and how many fields it and the state have."""
    return f"{number} {head} {1 + number + known} {rows}"


def _head_of(chain: Chain) -> str:
    return _head(chain.number, chain.head, chain.known, len(chain.rows)) if chain.number else ""
