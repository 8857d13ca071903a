"""Several processes on one account in a real Redis server: no limit is passed, whoever is killed (H6)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plimsoll.governor.governor import CENT, Governor
from plimsoll.governor.limits import limits_of
from plimsoll.store import policy_file

PATIENT = {"PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000", "PLIMSOLL__GOVERNOR__STORE_TIMEOUT": "60000"}
UNTHROTTLED = {
    f"PLIMSOLL__GOVERNOR__{name}": "1000000" for name in ("ORDERS_SECOND", "ORDERS_MINUTE", "REPEATS_MINUTE")
}
ENV = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")} | PATIENT | UNTHROTTLED
COMMAND = [sys.executable, "-m", "plimsoll", "govern", "--profile", "micro"]
LIMITS = limits_of(policy_file.load("micro", env=PATIENT | UNTHROTTLED).policy)
DAY, NOON = 20_514, (20_514 * 86_400 + 43_200) * 1_000_000

# A process that asks for orders of random sizes until it is refused a dozen times, one at a time, and writes down each
# answer before it asks again. Some orders it cancels, some it fills.
HAMMER = """
import json, random, sys
from plimsoll.governor.governor import Execution, Governor, OrderIntent, Quote
from plimsoll.governor.limits import limits_of
from plimsoll.store import policy_file
from plimsoll.store.governor_redis import RedisStateStore
name, url, cancels = sys.argv[1], sys.argv[2], sys.argv[3] == "cancels"
draw = random.Random(name)
policy = policy_file.load("micro", env=json.loads(sys.argv[4])).policy
governor = Governor(RedisStateStore(url, 60.0), limits_of(policy))
governor.quote("S", Quote(10**12, 10**12, NOON))
refused = n = 0
def say(*words):
    print(json.dumps(words), flush=True)
while refused < 12 and n < 400:
    n += 1
    intent = OrderIntent(f"{name}-{n}", "S", 1, draw.randrange(1, 30) * 10**11, NOON)
    answer = governor.decide(intent)
    say(answer.decision, intent.id, intent.quantity, answer.reasons)
    refused += answer.decision == "REFUSE"
    if answer.decision == "ADMIT" and draw.random() < 0.5:
        if cancels and draw.random() < 0.5:
            say("closing", intent.id)
            governor.close(intent.id)
        else:
            governor.fill(Execution(intent.id, f"x-{intent.id}", intent.quantity, 10**12, 10**12))
""".replace("NOON", str(NOON))


def _store(url: str) -> Any:
    from plimsoll.store.governor_redis import RedisStateStore

    return RedisStateStore(url, 60.0)


def _begun(url: str) -> None:
    Governor(_store(url), LIMITS).begin(DAY, 100_000)


def _hammered(url: str, count: int, mode: str, kill_after: int | None) -> list[list[Any]]:
    """What each process said; the first is killed once it said so many lines."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", HAMMER, f"p{n}", url, mode, json.dumps(PATIENT | UNTHROTTLED)],
            stdout=subprocess.PIPE, env=ENV,
        )
        for n in range(count)
    ]  # fmt: skip
    said: list[list[Any]] = []
    if kill_after is not None:
        first = children[0]
        assert first.stdout
        for _ in range(kill_after):
            if line := first.stdout.readline():
                said.append(json.loads(line))
        first.kill()
    for child in children:
        out, _ = child.communicate(timeout=200)
        whole = [line for line in out.split(b"\n")[:-1] if line]
        said += [json.loads(line) for line in whole]
        assert child.returncode == 0 or (kill_after is not None and child is children[0])
    return said


@pytest.mark.parametrize(
    ("count", "mode", "kill_after"), [(2, "keeps", None), (4, "keeps", 5), (4, "cancels", 17), (2, "cancels", None)]
)
def test_no_limit_is_passed_by_processes_that_hammer_one_account(
    redis_server, count: int, mode: str, kill_after: int | None
) -> None:
    server = redis_server()
    _begun(server.url)
    said = _hammered(server.url, count, mode, kill_after)
    admitted = {line[1]: line[2] for line in said if line[0] == "ADMIT"}
    closing = {line[1] for line in said if line[0] == "closing"}
    kept = sum(quantity for name, quantity in admitted.items() if name not in closing)
    cap = LIMITS.position * CENT // 10**12  # units of a symbol at one dollar
    assert kept <= cap
    reasons = {reason for line in said if line[0] == "REFUSE" for reason in line[3]}
    assert reasons == {"POSITION_LIMIT"}  # never busy, never lost, and the limit was reached
    governor = Governor(_store(server.url), LIMITS)
    use = governor.use("S")
    held = governor.positions["S"] + sum(order.rest for order in governor.orders.values())
    assert use.position == held * 10**12 <= LIMITS.position * CENT
    assert held > cap - 3 * 10**12  # less than the largest order is left
    if mode == "keeps":
        assert kept <= held  # what was answered is counted; the killed process may have more in the account
        assert kept == held or kill_after is not None
    for name, quantity in admitted.items():
        known = json.loads(governor._store.get("intent", name))
        assert (known[2], known[4]) == (quantity, "ADMIT")


def _lines(name: str) -> bytes:
    """A session, a quote and two hundred orders in two symbols, as one stream."""
    ts = "2026-03-02T15:00:00Z"
    said: list[dict[str, Any]] = [{"type": "session", "date": "2026-03-02", "equity": "1000.00"}]
    said += [{"type": "quote", "symbol": s, "bid": "1.00", "ask": "1.00", "ts": ts} for s in ("A", "B")]
    said += [
        {"type": "intent", "id": f"{name}-{n}", "symbol": "AB"[n % 2], "side": "buy", "qty": "7", "ts": ts}
        for n in range(200)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in said)


def test_two_commands_share_an_account(redis_server, tmp_path: Path) -> None:
    server = redis_server()
    ask = {"input": b'{"type":"status"}\n', "capture_output": True, "check": True, "cwd": tmp_path}
    subprocess.run(COMMAND, env=ENV | {"PLIMSOLL_GOVERNOR_STORE": server.url}, **ask)  # opens the account
    children = [
        subprocess.Popen([*COMMAND, "--store", server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=ENV, cwd=tmp_path)
        for _ in range(2)
    ]  # fmt: skip
    for n, child in enumerate(children):
        assert child.stdin
        child.stdin.write(_lines(f"p{n}"))
        child.stdin.close()
    answers = []
    for child in children:
        assert child.stdout and child.stderr
        answers += [json.loads(line) for line in child.stdout.read().splitlines()]
        assert b"note: redis://127.0.0.1" in child.stderr.read()
        assert child.wait(timeout=60) == 0
        child.stdout.close()
        child.stderr.close()
    decided = [a for a in answers if "decision" in a]
    assert len(decided) == 400 and all(a == {"ok": True} for a in answers if a not in decided)
    admitted = sum(a["decision"] == "ADMIT" for a in decided)
    assert admitted == 142  # 71 of 7 dollars each in both symbols; a 72nd would pass 500
    assert {r for a in decided for r in a["reasons"]} == {"POSITION_LIMIT", "GROSS_LIMIT"}
    status = subprocess.run(COMMAND, env=ENV | {"PLIMSOLL_GOVERNOR_STORE": server.url}, **ask)
    said = json.loads(status.stdout)
    assert len(said["open"]) == 142 and said["used"]["gross"] == "994.00" and said["headroom"]["position"] == "3.00"
    assert not (tmp_path / "runtime" / "governor.db").exists()  # the home has the limits only


@pytest.mark.parametrize(
    ("words", "env", "code", "problem"),
    [
        (["--store", "redis://:hunter2@127.0.0.1:1/0"], {}, 2, "carries credentials"),
        ([], {"PLIMSOLL_GOVERNOR_STORE": "redis://:hunter2@127.0.0.1:1/0"}, 1, "cannot be used"),
        (["--store", "postgres://127.0.0.1/0"], {}, 1, "no address of a Redis server"),
    ],
)
def test_a_store_that_cannot_be_used_is_named_without_its_password(
    tmp_path: Path, words: list[str], env: dict[str, str], code: int, problem: str
) -> None:
    pytest.importorskip("redis")
    done = subprocess.run([*COMMAND, *words], input=b"", capture_output=True, env=ENV | env, cwd=tmp_path, check=False)
    assert done.returncode == code and problem in done.stderr.decode()
    assert b"hunter2" not in done.stderr + done.stdout and b"Traceback" not in done.stderr


def test_limits_show_what_a_shared_account_keeps_and_how_far_its_equity_went(redis_server, tmp_path: Path) -> None:
    """The profile is the account's own; the store is the one of the environment, or the one that is named."""
    url = redis_server().url
    lines = b'{"type":"session","date":"2026-03-02","equity":"2500.00"}\n'
    home = ["--home", str(tmp_path)]
    told = subprocess.run([*COMMAND, *home, "--store", url], input=lines, capture_output=True, env=ENV, check=True)
    assert b"150% above" in told.stdout and b"150% above" in told.stderr
    for more, env in ((["--store", url], {}), ([], {"PLIMSOLL_GOVERNOR_STORE": url})):
        words = [sys.executable, "-m", "plimsoll", *home, "limits", "show", "--json", *more]
        shown = json.loads(subprocess.run(words, capture_output=True, env=ENV | env, check=True).stdout)
        assert (shown["profile"], shown["session"], shown["equity"]) == ("micro", "2026-03-02", "2500.00")
        assert "150% above" in shown["drift"] and shown["in_force"]["loss"] == "100.00" and not shown["differs"]
