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
    """Decide which orders may leave an account, line by line.

    Reads JSON lines on standard input (orders, quotes, what a venue reports, status) and answers each with one line
    at once. Every accepted change but a quote is durable before its answer, so the process can be killed between
    any two lines, started again and told its quotes anew. Orders that wait on standard input are decided on
    together, up to governor.batch. The dollar caps are those of limits.json in the home, which a paper account gets
    on its first use; what changes them is 'plimsoll limits sign'.

    The account lies in the home, where one process holds it, or in a Redis server, where several may share it. A
    password belongs into the address in PLIMSOLL_GOVERNOR_STORE, not on the command line.

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
    """What is there, at most so many bytes; waits when there is nothing. Not through a buffer, whose lock a thread
    that waits would hold when the process ends.
    """
    buffer: Any = sys.stdin.buffer
    source = getattr(buffer, "raw", buffer)
    while (found := source.read(size)) is None:  # whoever shares the pipe made it one that does not wait
        select([source], [], [])
    return bytes(found)
