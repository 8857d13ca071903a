"""Each order of a run that went on with another snapshot is priced from the one it was filled on (C3, D14)."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

from plimsoll.analysis.costs import of_run
from plimsoll.core.order import Fill
from plimsoll.core.policy import Policy
from plimsoll.engine.publication import published


def test_an_order_is_priced_from_the_snapshot_it_was_filled_on(make_market: Any, backtested: Any) -> None:
    trial = backtested(make_market(2, 300), Policy())
    written, panel = list(trial.ledger.written), trial.history.panel
    middle = next(n for n, e in enumerate(written) if isinstance(e, Fill)) + 1
    last = dataclasses.replace(panel, snapshot="f" * 64, open=panel.open * 2.0)  # restates every open
    panels = {panel.snapshot: panel, last.snapshot: last}

    def priced(events: list[Any]) -> Any:
        reader = SimpleNamespace(run="r", proof=None, genesis=events[0], events=lambda: iter(events))
        runs = SimpleNamespace(policy=lambda *_: trial.run.policy)
        return of_run(reader, runs, SimpleNamespace(open=panels.__getitem__), Policy)  # type: ignore[arg-type]

    end = max(n for n, e in enumerate(written) if isinstance(e, Fill)) + 1
    before = priced(written)
    assert priced([*written[:end], published(last), *written[end:]]) == before
    assert priced([*written[:middle], published(last), *written[middle:]]) != before
