"""Ingest market data into the home and report its certification (D3, D7, D10, D11, D13)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from plimsoll.app import wiring
from plimsoll.app.wiring import home_of, now, snapshots_of
from plimsoll.core.errors import InputError, PlimsollError

if TYPE_CHECKING:
    from plimsoll.app.workspace import Workspace
    from plimsoll.core.bars import Confirmation
    from plimsoll.core.panel import Panel
    from plimsoll.market.confirm import Confirmed
    from plimsoll.market.ingest import IngestReport, IngestRequest
    from plimsoll.market.intake import Progress as IngestProgress
    from plimsoll.market.listing import Providers
    from plimsoll.market.routing import RouteTaken
    from plimsoll.market.status import Status
    from plimsoll.store.bars import SqlBarStore
    from plimsoll.store.home import Home
    from plimsoll.store.raw_archive import RawSourceState


def ingest(workspace: Workspace, request: IngestRequest, progress: IngestProgress | None = None) -> IngestReport:
    """Read from a provider into the home, certify everything in it and publish the snapshot (D4, D7, D13, D14)."""
    from plimsoll.market import ingest as stage_1
    from plimsoll.market.routing import granted
    from plimsoll.store.raw_archive import RawArchive

    policy, at = workspace.load().policy, now()
    home, built, entitled = home_of(workspace), wiring.providers(), granted(os.environ)
    begun = None
    if (
        not home.database.exists()
    ):  # before the home is made: a refusal leaves nothing, and no folder of a misspelt name
        plan = stage_1.planned(request, built, at, entitled=entitled, policy=policy.data)
        begun = stage_1.begin(plan)
    with home.lock():
        from plimsoll.store.bars import SqlBarStore

        with SqlBarStore(home.database) as store:
            known = store.instruments()[0]
            plan = stage_1.planned(request, built, at, entitled=entitled, known=known, policy=policy.data)
            archive = RawArchive(home.raw)
            return stage_1.ingest(plan, store, archive, home.snapshots, policy, at, progress, begun)


def confirm(
    workspace: Workspace, symbol: str, date: str, *, person: str, reason: str, revoke: bool = False
) -> Confirmed:
    """Record that a named person confirms a jump, or revokes it, and publish the resulting snapshot (D10)."""
    from plimsoll.market import confirm as confirming

    policy, home = workspace.load().policy, home_of(workspace)
    act = confirming.revoke if revoke else confirming.confirm
    with home.lock(), _bars(home) as store:
        return act(store, home.snapshots, policy, symbol, date, person, reason, now())


def confirmations(workspace: Workspace) -> tuple[Confirmation, ...]:
    """Every confirmation and revocation in the home, oldest first (D10)."""
    with _bars(home_of(workspace)) as store:
        return store.confirmations()


def _bars(home: Home) -> SqlBarStore:
    """The price store of a home that has one; reading creates none."""
    from plimsoll.store.bars import SqlBarStore

    if not home.database.exists():
        raise InputError(f"{home.database.parent} holds no data", "Run plimsoll ingest, or give --home")
    return SqlBarStore(home.database)


def _route(home: Home, run: str) -> RouteTaken | None:
    """The provider route of a snapshot's run; None where the home has none."""
    from plimsoll.market.routing import RouteTaken

    try:
        with _bars(home) as store:
            kept = store.route(run)
    except PlimsollError:  # certifications are shown all the same
        return None
    return msgspec.json.decode(kept, type=RouteTaken) if kept else None


def verify_sources(workspace: Workspace) -> tuple[RawSourceState, ...]:
    """Every source of every ingestion, its archived bytes checked against their hash (D13)."""
    from plimsoll.store.raw_archive import RawArchive

    return tuple(RawArchive(home_of(workspace).raw).sources())


def verify_status(workspace: Workspace, as_of: str | None = None) -> Status:
    """The home's current certification, symbol by symbol (D11), at its end or as known on ``as_of``.

    The state as of a date is the certification of the home's rows up to it: 1260 rows make a symbol ACTIVE, where a
    backtest asks for ``backtest.min_rows``.
    """
    from plimsoll.core.dates import day_number
    from plimsoll.market import snapshot
    from plimsoll.market.status import status

    home, policy = home_of(workspace), workspace.load().policy
    if as_of is None:
        found = status(home.snapshots, policy)
        return msgspec.structs.replace(found, route=_route(home, found.run))
    end = day_number(as_of)
    synthetic = snapshot.read_manifest(snapshot.current(home.snapshots)).content.synthetic
    from plimsoll.market import publish
    from plimsoll.store.bars import SqlBarStore

    with SqlBarStore(home.database) as store:
        judged = publish.build(store, policy, end, synthetic).certifications
    return status(home.snapshots, policy, (as_of, judged))


def panel(workspace: Workspace) -> Panel:
    """The current certified snapshot, every byte verified (D14)."""
    snapshots = snapshots_of(workspace.home)
    return snapshots.open(snapshots.latest())


def providers(env: Mapping[str, str]) -> Providers:
    """Each provider's capabilities, the one that routing chooses under the entitlements of ``env``, and the status of
    implemented ones (D3, D4).
    """
    from plimsoll.market.listing import providers as listed

    return listed(env, wiring.providers())
