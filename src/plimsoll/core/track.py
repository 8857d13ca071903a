"""The track record of the strategies: evidence folded from the journal, never stored twice (G5, G6).

A strategy's share of a symbol is its part of the symbol's weight in the present target portfolio; a symbol dropped by a
new target portfolio stays with its former owners until it is sold. A symbol's result over a session is its value at the
close, less its value at the close before and the cash paid for it since (commission included), plus its dividends. So
the results of all symbols, with the interest, are the change of NAV to the cent, and those of the strategies sum to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from plimsoll.core.lifecycle import Lifecycle, StrategySession

Floats = NDArray[np.float64]
Held = tuple[tuple[str, int], ...]
_BLOCK = 64


class Rows:
    """An append-only table of figures that shares its rows with earlier versions, so that a fold stays cheap."""

    __slots__ = ("_full", "_recent", "last", "size", "width")

    def __init__(
        self,
        width: int,
        full: tuple[Floats, ...] = (),
        recent: tuple[tuple[float, ...], ...] = (),
        last: tuple[float, ...] = (),
    ) -> None:
        self.width, self._full, self._recent = width, full, recent
        self.size = len(full) * _BLOCK + len(recent)
        self.last = last  # the newest row, empty without any

    def add(self, rows: Iterable[tuple[float, ...]]) -> Rows:
        """The table with more rows at its end."""
        full, recent = self._full, (*self._recent, *rows)
        last = recent[-1] if recent else self.last
        while len(recent) >= _BLOCK:
            full, recent = (*full, np.array(recent[:_BLOCK])), recent[_BLOCK:]
        return Rows(self.width, full, recent, last)

    def row(self, at: int) -> tuple[float, ...]:
        """One row; ``IndexError`` outside the table."""
        if not 0 <= at < self.size:
            raise IndexError(at)
        block, place = divmod(at, _BLOCK)
        return tuple(self._full[block][place].tolist()) if block < len(self._full) else self._recent[place]

    def since(self, first: int) -> Floats:
        """(n, width) the rows from ``first`` on."""
        block = min(max(first, 0) // _BLOCK, len(self._full))
        recent = np.array(self._recent).reshape(-1, self.width)
        return np.concatenate([*self._full[block:], recent])[max(first, 0) - block * _BLOCK :]


class Pending(NamedTuple):
    """A forecast whose horizon is not over: session number, horizon in sessions, and its values."""

    made: int
    horizon: int
    place: int
    symbol: str
    mu: float


class Track(msgspec.Struct, frozen=True, eq=False):
    """Evidence of the strategies up to the last decision. Session numbers count decisions from 0.

    ``nav`` is in cents at the last known close. ``outlay`` is the break-even value of each symbol in cents:
    its value at the last close plus the cash paid for it since. ``owners`` is each strategy's share of a symbol,
    ``trades`` the result of each open trade so far, fraction of NAV. ``daily`` has a row per session from the second
    on: contributions, contributions in excess of the risk-free rate on the capital used (NaN where it is unknown),
    and cumulative contributions. ``closed`` rows are (session, place, result) of closed trades; ``matured`` rows are
    (session, place, made, expected, outcome); ``asked`` rows are (session, failed...), one per auction. ``start`` is
    the session of each strategy's last change of stage, after which its evidence begins; ``admitted`` that of its
    admission.
    """

    strategies: tuple[str, ...]
    daily: Rows
    closed: Rows
    matured: Rows
    asked: Rows
    start: tuple[int, ...]
    admitted: tuple[int, ...]
    session: int = -1
    nav: int = 0
    outlay: Mapping[str, int] = msgspec.field(default_factory=dict)
    owners: Mapping[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    trades: Mapping[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    pending: tuple[Pending, ...] = ()

    @classmethod
    def begin(cls, strategies: tuple[str, ...]) -> Track:
        """No evidence yet."""
        n = len(strategies)
        none = (0,) * n
        return cls(strategies, Rows(3 * n), Rows(3), Rows(5), Rows(1 + n), none, none)

    def add_cash_flow(self, symbol: str, cents: int) -> Track:
        """Add cash spent on a symbol since the last close, in cents; a sale or a dividend is negative."""
        return replace(self, outlay={**self.outlay, symbol: self.outlay.get(symbol, 0) + cents})

    def mark_to_market(self, held: Held, nav: int, risk_free: float | None) -> Track:
        """The evidence after a close: ``held`` and ``nav`` in cents, ``risk_free`` the risk-free return over it.

        ``nav`` 0 is an unknown NAV: the session's results then count in the next one with a known NAV.
        """
        return _mark_to_market(self, held, nav, risk_free)

    def cumulated(self) -> tuple[float, ...]:
        """Each strategy's cumulative contribution."""
        n = len(self.strategies)
        return self.daily.last[2 * n :] or (0.0,) * n

    @property
    def contribution(self) -> tuple[float, ...]:
        """Contributions of the last marked session; empty when unknown."""
        row = self.daily.last[: len(self.strategies)]
        return row if row and row[0] == row[0] else ()

    def record(self, said: StrategySession) -> Track:
        """The evidence with the session's matured and new forecasts, and the strategies that failed at an auction."""
        track = self
        if said.matured:
            rows = ((float(self.session), float(s), float(made), mu, got) for s, made, mu, got in said.matured)
            track = replace(track, matured=track.matured.add(rows))
        if said.made or (self.pending and min(p.made + p.horizon for p in self.pending) <= self.session):
            open_ones = tuple(p for p in self.pending if p.made + p.horizon > self.session)
            made = tuple(Pending(self.session, h, s, symbol, mu) for s, symbol, mu, h in said.made)
            track = replace(track, pending=open_ones + made)
        if said.failed:
            track = replace(track, asked=track.asked.add(((float(self.session), *map(float, said.failed)),)))
        return track

    def set_owners(self, shares: Iterable[tuple[str, str, float]]) -> Track:
        """The evidence under a new target portfolio of (strategy, symbol, weight): ownership from this close on.

        A strategy whose symbol the target portfolio now gives to others closes its trade at this close.
        """
        place = {name: s for s, name in enumerate(self.strategies)}
        weights: dict[str, list[float]] = {}
        for strategy, symbol, weight in shares:
            weights.setdefault(symbol, [0.0] * len(place))[place[strategy]] += weight
        owners = {s: parts for s, parts in self.owners.items() if s in self.outlay}
        trades, closed = dict(self.trades), []
        for symbol, own in weights.items():
            total = sum(own)
            after = tuple(w / total for w in own)
            before, so_far = owners.get(symbol), trades.get(symbol)
            if before is not None and so_far is not None:
                left = [s for s in place.values() if before[s] > 0.0 and after[s] == 0.0]
                closed += [(float(self.session), float(s), so_far[s]) for s in left]
                trades[symbol] = tuple(r if p > 0.0 else 0.0 for r, p in zip(so_far, after, strict=True))
            owners[symbol] = after
        return replace(self, owners=owners, trades=trades, closed=self.closed.add(closed) if closed else self.closed)

    def restart(self, places: Iterable[int], admitted: Iterable[int] = ()) -> Track:
        """Evidence of these strategies restarts after this session; ``admitted`` are those readmitted."""
        changed, anew = set(places), set(admitted)
        now = range(len(self.strategies))
        return replace(
            self,
            start=tuple(self.session if s in changed else self.start[s] for s in now),
            admitted=tuple(self.session if s in anew else self.admitted[s] for s in now),
        )

    def results(self, place: int, window: int) -> Floats:
        """(k,) results of the trades a strategy closed since its last change of stage, within ``window`` sessions."""
        table = self.closed.since(0)
        recent = table[:, 0] > max(self.start[place], self.session - window)
        return np.asarray(table[recent & (table[:, 1] == place), 2])

    def outcomes(self, place: int) -> Floats:
        """(k, 4) of a strategy's matured forecasts since its admission: session, made, expected, outcome."""
        table = self.matured.since(0)
        own = (table[:, 1] == place) & (table[:, 2] >= self.admitted[place])
        return np.asarray(table[own][:, [0, 2, 3, 4]])

    def failures(self, place: int, window: int) -> int:
        """How many of the last ``window`` auctions since its admission a strategy failed at."""
        table = self.asked.since(self.asked.size - window)
        return int(table[table[:, 0] >= self.admitted[place], 1 + place].sum())


def _mark_to_market(track: Track, held: Held, nav: int, risk_free: float | None) -> Track:
    values, n, session = dict(held), len(track.strategies), track.session + 1
    if nav <= 0 or track.nav <= 0:
        unknown = ((*(np.nan,) * (2 * n), *track.cumulated()),) if session else ()
        outlay = values if nav > 0 else track.outlay
        return replace(track, session=session, daily=track.daily.add(unknown), nav=max(nav, track.nav), outlay=outlay)
    gained, used = [0.0] * n, [0.0] * n
    trades: dict[str, tuple[float, ...]] = {}
    closed: list[tuple[float, ...]] = []
    places, nothing = range(n), (0.0,) * n
    for symbol, spent in track.outlay.items():
        parts = track.owners.get(symbol)
        if parts is None:
            continue
        value, so_far = values.get(symbol, 0), track.trades.get(symbol, nothing)
        result, capital = (value - spent) / track.nav, max(spent, 0) / track.nav
        own = [part * result for part in parts]
        for s in places:
            gained[s] += own[s]
            used[s] += parts[s] * capital
        if value:
            trades[symbol] = tuple([own[s] + so_far[s] for s in places])
        else:
            closed += [(float(session), float(s), own[s] + so_far[s]) for s in places if parts[s] > 0.0]
    excess = [np.nan] * n if risk_free is None else [gained[s] - used[s] * risk_free for s in places]
    before = track.cumulated()
    return replace(
        track,
        session=session,
        nav=nav,
        outlay=values,
        trades=trades,
        daily=track.daily.add(((*gained, *excess, *(before[s] + gained[s] for s in places)),)),
        closed=track.closed.add(closed) if closed else track.closed,
    )


def fold_track(track: Track | None, before: Lifecycle | None, after: Lifecycle, said: StrategySession,
           held: Held, nav: int, shares: Iterable[tuple[str, str, float]] | None) -> Track:  # fmt: skip
    """The evidence after a decision that left ``after``, as the decision itself saw it.

    ``held`` and ``nav`` in cents, 0 when unknown; ``shares`` those of a new target portfolio, None without an auction.
    """
    if track is None:
        track = Track.begin(after.strategies)
    track = track.mark_to_market(held, nav, said.risk_free).record(said)
    if before is not None and before.since != after.since:
        moved = [s for s in range(len(after.since)) if before.since[s] != after.since[s]]
        track = track.restart(moved, (s for s in moved if before.stage[s] == "DECOMMISSIONED"))
    return track if shares is None else track.set_owners(shares)


def held_values(symbols: Iterable[str], weights: Iterable[float], nav: int) -> Held:
    """Each holding in whole cents, from weights that were those cents over ``nav``."""
    return tuple([(symbol, round(weight * nav)) for symbol, weight in zip(symbols, weights, strict=True) if weight])
