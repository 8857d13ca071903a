"""``plimsoll govern``: the hard-limit governor of an account, line by line."""

from __future__ import annotations

import sys
from select import select
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll import app
from plimsoll.cli.command import command
from plimsoll.cli.options import StoreOption, governor_store
from plimsoll.cli.terminal import note

if TYPE_CHECKING:
    from plimsoll.app import Workspace


@command(json=False)
def govern(
    live: Annotated[
        bool, typer.Option("--live", help="Govern a live account: its limits must be signed, else exit 4.")
    ] = False,
    *,
    where: Workspace,
    store: StoreOption = None,
) -> None:
    """Decide which orders of an account may be sent, line by line.

    Reads JSON lines on standard input (orders, quotes, venue reports, status) and answers each at once with one line.
    Every accepted change except a quote is durable before its answer, so the process can be killed between any two
    lines and restarted; then send it fresh quotes. Orders waiting on standard input are decided on together, up to
    governor.batch. The dollar caps are those of limits.json in the home, which a paper account gets on its first use;
    change them with 'plimsoll limits sign'.

    The account is stored in the home, where one process may use it, or in a Redis server, where several may share it.
    Put a password into the address in PLIMSOLL_GOVERNOR_STORE, not on the command line.

    \b
    plimsoll govern --profile micro < orders.jsonl
    plimsoll govern --profile micro --store redis://127.0.0.1:6379/0 < orders.jsonl
    """
    with app.governed(where, governor_store(store), live=live, tell=note) as protocol:
        for lines, came in app.arriving(_standard_input):
            for answer in protocol.answer(lines, came):
                sys.stdout.write(answer + "\n")
            sys.stdout.flush()


def _standard_input(size: int) -> bytes:
    """Available bytes, at most ``size``; waits when there are none. Unbuffered: a waiting thread would hold the
    buffer's lock when the process ends.
    """
    buffer: Any = sys.stdin.buffer
    source = getattr(buffer, "raw", buffer)
    while (found := source.read(size)) is None:  # another user of the pipe made it non-blocking
        select([source], [], [])
    return bytes(found)
