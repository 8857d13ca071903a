"""Which runs of a home to remove, and their removal; paper accounts' journals are spared unless force is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plimsoll.core.errors import UsageError
from plimsoll.store.home import BESIDE, Home, RunSummary

_DAY = 86_400


class Pruned(msgspec.Struct, frozen=True):
    """What was removed, or would be (``done`` False). ``spared`` met the wish and are journals of accounts.

    ``bytes`` is what the files of ``runs`` take.
    """

    runs: tuple[str, ...]
    spared: tuple[str, ...]
    bytes: int
    done: bool


def chosen(
    home: Home,
    *,
    keep: int | None = None,
    older_than: int | None = None,
    unfinished: bool = False,
    force: bool = False,
    now: float,
) -> Pruned:
    """The runs that meet every wish: beyond the newest ``keep``, written ``older_than`` days before ``now``
    (seconds since 1970), not finished.

    A run that was made to stand beside another goes with the runs that are older than the oldest one kept. A running
    one is never chosen, and one of another mode than backtest only with ``force``: its journal is an account's.
    ``UsageError`` without a wish.
    """
    if keep is None and older_than is None and not unfinished:
        raise UsageError("nothing says which runs to remove", "Give --keep N, --older-than DAYS or --unfinished")
    age = {name: _written(home, name) for name in home.names()}
    newest = sorted(age, key=lambda name: (age[name], name), reverse=True)
    told = {name: home.summary(name) for name in newest}
    met = [name for name in newest if told[name].status != "running"]
    if keep is not None:
        held = [name for name in newest if BESIDE not in name][:keep]
        oldest = min((age[name] for name in held), default=float("inf"))
        met = [name for name in met if name not in held and (BESIDE not in name or age[name] < oldest)]
    if older_than is not None:
        limit = now - older_than * _DAY
        met = [name for name in met if age[name] < limit]
    if unfinished:
        met = [name for name in met if not told[name].finished and BESIDE not in name]
    spared = () if force else tuple(sorted(name for name in met if _account(told[name])))
    going = tuple(sorted(set(met) - set(spared)))
    size = sum(path.stat().st_size for name in going for path in home.files(name))
    return Pruned(going, spared, size, done=False)


def remove(home: Home, runs: Sequence[str]) -> None:
    """Remove the files of runs, each run's summary last; the home's lock must be held."""
    for run in runs:
        for path in reversed(home.files(run)):
            path.unlink(missing_ok=True)


def _account(summary: RunSummary) -> bool:
    return summary.mode != "backtest"


def _written(home: Home, run: str) -> float:
    return max((path.stat().st_mtime for path in home.files(run)), default=0.0)
