"""The governor's processes on one simulated account: they die at their writes and are started again (H2, H8).

Whoever speaks to the governor speaks to one of them by chance, where there are several. One that dies over an act is
built again from its store, and the act is done again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path as File
from typing import TypeVar

import numpy as np

from plimsoll.core.errors import Halted, HomeBusy, InputError, PlimsollError
from plimsoll.core.policy import Policy
from plimsoll.governor.governor import Governor
from plimsoll.governor.limits import GovernorLimits
from plimsoll.governor.protocol import LineProtocol
from plimsoll.simulation.store import MOMENTS, Crash, MortalStore

_STUBBORN = 4  # most starts in a row
T = TypeVar("T")


class Processes:
    """The processes of an account whose own limits are ``limits``: ``governor`` is the one that is spoken to."""

    def __init__(
        self,
        policy: Policy,
        limits: GovernorLimits,
        store: MortalStore,
        draw: np.random.Generator,
        events: Counter[str],
        lost: Callable[[], None],
    ) -> None:
        self._batch, self._limits, self._draw, self._events = policy.governor.batch, limits, draw, events
        self._lost = lost  # called where something that must be taken was not
        self._store, self._rules = store, limits
        self._machine: Callable[[], int] | None = None
        self.governor = Governor(store, limits)
        self._others: list[tuple[MortalStore, Governor, GovernorLimits]] = []

    def join(self, store: MortalStore, limits: GovernorLimits) -> None:
        """A further process on the account, under limits of its own."""
        self._others.append((store, Governor(store, limits), limits))

    @property
    def all(self) -> tuple[Governor, ...]:
        """Every process' governor, the one that is spoken to first."""
        return (self.governor, *(other for _, other, _ in self._others))

    # who is spoken to

    def turn(self) -> None:
        """Switch to another process, if there are several."""
        if self._others and self._draw.random() < 0.5:
            self.next()

    def next(self) -> None:
        """Switch to the next process, or stay on the only one."""
        self._others.append((self._store, self.governor, self._rules))
        self._store, self.governor, self._rules = self._others.pop(0)

    def own(self) -> None:
        """Speak to one that is under the account's own limits."""
        while self._rules is not self._limits:
            self.turn()

    # how it is spoken to

    def live(self, act: Callable[[Governor], T], *, here: bool = False) -> T:
        """Run it, ``here`` or in another process, restarting after each death: every act may be done twice."""
        if not here:
            self.turn()
        for _ in range(_STUBBORN):
            try:
                return act(self.governor)
            except Crash:
                self.restart()
            except (Halted, HomeBusy):  # the disk failed, or other processes kept it busy
                self.restart()
        return act(self.governor)

    def say(self, act: Callable[[Governor], T], *, here: bool = False) -> T | None:
        """Pass a venue's report to the governor: every one must be accepted (H2)."""
        try:
            return self.live(act, here=here)
        except (InputError, Halted, HomeBusy):
            self._lost()
            return None

    def line(self, text: str) -> dict[str, object]:
        """Send a line of the governor's protocol; its answer."""
        protocol = LineProtocol(self.governor, self._batch, lambda: 0)
        return dict(json.loads(next(iter(protocol.answer([text.encode()])))))

    # what becomes of them

    def die_soon(self) -> None:
        """Die at one of the next writes: before it, halfway through it, or after it and before the answer."""
        self._store.dies_in = int(self._draw.integers(1, 6))
        self._store.moment = MOMENTS[int(self._draw.integers(3))]

    def restart(self) -> None:
        """Build the governor again from what is durable."""
        self._events["restarts"] += 1
        self._store.reopen()
        self.governor = Governor(self._store, self._rules, self._machine)

    def go_live(self, machine: Callable[[], int]) -> None:
        """Start the governor again as that of a live account, by the clock of its machine."""
        self._machine = machine
        self.restart()

    def lose_store(self, *, busy: bool) -> None:
        """From now on the store fails, or another process always writes first, until the next restart."""
        self._store.broken, self._store.busy = not busy, busy

    def copy_store(self) -> dict[File, bytes]:
        """A copy of the account's files."""
        return self._store.copy()

    def put_back(self, copy: dict[File, bytes]) -> None:
        """Restore an older copy of the account and start on it; if refused, the newest copy is restored."""
        newest = self._store.copy()
        try:
            self._store.put_back(copy)
            self._events["older stores accepted"] += 1
        except PlimsollError:
            self._events["older stores refused"] += 1
            self._store.put_back(newest)
        self.governor = Governor(self._store, self._rules, self._machine)
