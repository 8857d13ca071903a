"""Form 8949 of trades in a file, or of a run's own fills (X8)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plimsoll.app.workspace import Workspace
    from plimsoll.tax.form import Form8949
    from plimsoll.tax.trade import TaxTrade


def form_8949(
    workspace: Workspace,
    year: int,
    *,
    trades: Path | None = None,
    run: str | None = None,
    method: str = "fifo",
    received: Path | None = None,
    rules: Path | None = None,
) -> Form8949:
    """The rows of Form 8949 of a year, its totals, and the lots that remain.

    ``trades`` is a file of trades; without one, the fills of ``run`` are taken, by default of the last finished run.
    ``received`` are the forms 1099-B and 1099-DA as CSV; ``rules`` changes the rules that came with this version.

    Raises
    ------
    InputError
        A file cannot be read, or a row of it cannot be used; or a run holds a position whose cost it does not know.
    """
    from plimsoll.tax import form, trades_file
    from plimsoll.tax import received as forms
    from plimsoll.tax import rules as shipped

    table = shipped.shipped() if rules is None else shipped.read(rules)
    found = trades_file.read(trades) if trades is not None else _of_run(workspace, run)
    return form.form_8949(found, year, method, table, () if received is None else forms.read(received))


def _of_run(workspace: Workspace, run: str | None) -> list[TaxTrade]:
    from plimsoll.app.records import read
    from plimsoll.app.wiring import snapshots_of
    from plimsoll.tax.run_trades import trades_of

    with read(workspace, run) as reader:
        events, snapshot = tuple(reader.events()), reader.genesis.snapshot
    policy = workspace.load().policy
    panel = snapshots_of(workspace.home).open(snapshot).resolved(policy.limits.plain_symbols_are)
    return trades_of(events, panel.instruments)
