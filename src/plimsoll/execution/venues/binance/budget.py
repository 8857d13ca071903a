"""How much the venue still lets us ask (L28): weights a minute, refusals for a time, and bans.

Nothing is sent before the time that the venue named: who goes on asking is banned for days. Of the weight a fifth is
kept for cancellations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from plimsoll.core.ports import Clock

Purpose = Literal["read", "order", "cancel"]
_MINUTE = 60 * 1_000_000
_LONGEST = 3 * 24 * 60 * _MINUTE  # the longest ban that Binance knows


class Budget:
    """What was used of the venue's limits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.limit = 0  # weight a minute; 0 before the venue told it
        self._used = 0
        self._minute = -1
        self._until = 0

    @property
    def used(self) -> float:
        """Part of this minute's weight that is used; 0 where no limit is known."""
        return self._used / self.limit if self.limit and self._minute == self._clock.steady() // _MINUTE else 0.0

    @property
    def stopped(self) -> int:
        """Microseconds for which nothing may be asked."""
        return max(self._until - self._clock.steady(), 0)

    def allows(self, purpose: Purpose) -> bool:
        """Whether a request may be sent now."""
        return not self.stopped and (purpose == "cancel" or self.used < 0.8)

    def note(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer."""
        used = next((text for name, text in headers.items() if name.lower().startswith("x-mbx-used-weight-")), "")
        if used.isdigit():
            self._used, self._minute = int(used), self._clock.steady() // _MINUTE
        if status in (418, 429):
            said = headers.get("retry-after", "")
            wait = int(said) * 1_000_000 if said.isdigit() else (2 * _MINUTE if status == 418 else _MINUTE)
            self._until = max(self._until, self._clock.steady() + min(wait, _LONGEST))
