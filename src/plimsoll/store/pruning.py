"""Selection and removal of runs of a home; paper accounts' journals need ``force``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from plimsoll.core.errors import UsageError
from plimsoll.core.runs import BESIDE, RunSummary
from plimsoll.store.runs import RunFiles, when

_NEVER = "~"  # sorts after every instant


class Pruned(msgspec.Struct, frozen=True):
    """Removed runs, or those to be removed (``done`` False). ``spared`` match the filters and are journals of accounts.

    ``bytes`` is the size of the files of ``runs``.
    """

    runs: tuple[str, ...]
    spared: tuple[str, ...]
    bytes: int
    done: bool


def chosen(
    runs: RunFiles,
    now: str,
    *,
    keep: int | None = None,
    older_than: int | None = None,
    unfinished: bool = False,
    force: bool = False,
) -> Pruned:
    """The runs that match every filter: beyond the newest ``keep``, ended ``older_than`` days before ``now``,
    unfinished.

    ``now`` is an instant, ISO in UTC. A run without dates is not removed for its age.
    A comparison run is removed with the runs that are older than the oldest one kept. A running one is never selected,
    and one of another mode than backtest only with ``force``: its journal is an account's, unless nothing was decided.
    ``UsageError`` without a filter.
    """
    if keep is None and older_than is None and not unfinished:
        raise UsageError("no filter selects runs to remove", "Give --keep N, --older-than DAYS or --unfinished")
    told = {name: runs.summary(name) for name in runs.names()}
    age = {name: when(summary, name) for name, summary in told.items()}
    newest = sorted(age, key=lambda name: (age[name], name), reverse=True)
    met = [name for name in newest if told[name].status != "running"]
    if keep is not None:
        held = [name for name in newest if BESIDE not in name][:keep]
        oldest = min((told[name].begun or age[name][0] for name in held), default=_NEVER)
        met = [name for name in met if name not in held and (BESIDE not in name or age[name][0] < oldest)]
    if older_than is not None:
        limit = datetime.fromisoformat(now) - timedelta(days=older_than)
        met = [name for name in met if "" < age[name][0] < limit.strftime("%Y-%m-%dT%H:%M:%S.%fZ")]
    if unfinished:
        met = [name for name in met if not told[name].finished and BESIDE not in name]
    spared = (
        () if force else tuple(sorted(name for name in met if _account(told[name]) and not runs.nothing_begun(name)))
    )
    going = tuple(sorted(set(met) - set(spared)))
    size = sum(path.stat().st_size for name in going for path in runs.files(name))
    return Pruned(going, spared, size, done=False)


def remove(runs: RunFiles, names: Sequence[str]) -> None:
    """Remove the files of runs, each run's summary last; the home's lock must be held."""
    for name in names:
        for path in reversed(runs.files(name)):
            path.unlink(missing_ok=True)


def _account(summary: RunSummary) -> bool:
    return summary.mode != "backtest"
