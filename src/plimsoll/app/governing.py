"""The hard-limit governor of the home's account as a line protocol (H1, H2, H6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING

from plimsoll.app.wiring import drawn, home_of, now, state_store, steady, wall
from plimsoll.core.errors import InputError

if TYPE_CHECKING:
    from plimsoll.app.workspace import Workspace
    from plimsoll.governor.protocol import LineProtocol


_FULL = 390  # minutes of a NYSE session
_BLOCK = 64  # days


@contextmanager
def governed(
    workspace: Workspace,
    store: str | None = None,
    *,
    live: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[LineProtocol]:
    """The hard-limit governor of the home's account, answering lines (H1, H2).

    The account is stored in the home and locked until the end, or in the Redis server at ``store``, where other
    processes share it (H6). Its dollar caps are those of the account's signed limits, read again at every session.
    ``tell`` receives notes for the person who starts it. A live account uses the machine's clock, a recorded one the
    times in its lines.
    """
    from plimsoll.account.governed_account import GovernedAccount
    from plimsoll.account.record import AccountRecord
    from plimsoll.account.track_record import TrackRecord
    from plimsoll.governor.clock import dates_of
    from plimsoll.governor.governor import Governor
    from plimsoll.governor.protocol import LineProtocol
    from plimsoll.governor.protocol_clock import MachineClock
    from plimsoll.store.private import exposed, owner_only

    policy = workspace.load_for_governor()
    home = home_of(workspace)
    if live and (problem := exposed(home, workspace.policy_files)) is not None:
        raise problem
    home.folder(home.path)
    machine = MachineClock(wall, steady, policy.governor.clock_step * 1000) if live else None
    with (
        owner_only() if live else nullcontext(),
        state_store(home, store, policy.governor.store_timeout / 1000, tell) as kept,
    ):
        account = GovernedAccount(
            AccountRecord(home),
            kept,
            policy,
            track=TrackRecord(home, _session_minutes),
            live=live,
            alone=store is None,
            draw=drawn,
            now=now,
            exchange=_exchange if live else lambda _: "",
        )
        for note in account.notes():
            tell(note)
        governor = Governor(kept, account.start(), None if machine is None else machine.now)
        for act in account.acts(governor):
            tell(f"entry {act['act']} is applied: {act['action']} {act['symbol']} {' '.join(act['reasons'])}".rstrip())
        if governor.limits.foreign:
            tell("the account's session began under another policy: only reductions pass until the next session begins")
        if machine is not None:
            for day in dates_of(machine.now()):  # now, rather than while orders wait behind a session
                _exchange(day)
        yield LineProtocol(governor, policy.governor.batch, steady, account, machine, tell)


def arriving(read: Callable[[int], bytes]) -> Iterator[tuple[list[bytes | None], list[int]]]:
    """Lines as they come, those that wait together in one list, and the time of each read (H5).

    ``read`` returns available bytes, at most so many, waits when there are none, and returns nothing at the end.
    """
    from plimsoll.governor.protocol_arrivals import arriving as lines

    return lines(read, steady)


def _exchange(day: int) -> str:
    """A note that the NYSE is closed on a day, or closes early; "" on a normal day (D9)."""
    from plimsoll.account.track_record import iso

    try:
        hours = _session_minutes(day)
    except InputError as error:
        return str(error)
    if hours is None:
        return f"the NYSE is closed on {iso(day)}: only what trades elsewhere has a market"
    minutes = hours[1] - hours[0]
    if minutes < _FULL:
        return f"the NYSE closes early on {iso(day)}, {minutes // 60} h {minutes % 60} min after its open"
    return ""


def _session_minutes(day: int) -> tuple[int, int] | None:
    """First minute since 1970 of a day's NYSE session and the first after it; None without one (D9)."""
    return _nyse(day // _BLOCK).get(day)


@lru_cache(maxsize=4)
def _nyse(block: int) -> dict[int, tuple[int, int]]:
    """The same for each session of a block of days, looked up at once, so that no order waits for it twice.

    In a separate process: the calendar's library takes more memory than a governor, which would keep it.
    """
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            return apart.submit(_nyse_minutes, block).result()
    except (BrokenProcessPool, OSError) as error:
        raise InputError(f"the NYSE calendar cannot be read: {error}", "Check the machine's memory") from error


def _nyse_minutes(block: int) -> dict[int, tuple[int, int]]:
    from plimsoll.market.calendars import nyse_sessions

    found = nyse_sessions(block * _BLOCK, (block + 1) * _BLOCK - 1)
    spans = zip(found.opens.tolist(), found.closes.tolist(), strict=True)
    return {day: (opens // 60, closes // 60) for day, (opens, closes) in zip(found.days.tolist(), spans, strict=True)}
