"""Services on an account: caps, size, keys, signed statements and the risk promise (H1, H7, H9)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.app.wiring import drawn, home_of, now, state_store, wall

if TYPE_CHECKING:
    from plimsoll.account.limits import LimitsReport, LimitsVersion, TrustedKey
    from plimsoll.account.record_rules import Signatory
    from plimsoll.account.repair import Repaired
    from plimsoll.account.risk_promise import Checked, RiskPromise
    from plimsoll.account.signed_acts import SignedAct
    from plimsoll.account.size import SizeReport
    from plimsoll.app.workspace import Workspace


def limits_show(workspace: Workspace, store: str | None = None) -> LimitsReport:
    """The account's dollar caps, signed and in force, or its profile's initial ones (H1).

    They are compared with the profile they were made for, unless another one or a policy file is named. ``store`` is
    the Redis server of an account stored there (H6).
    """
    from plimsoll.account.limits import show

    home, policy = home_of(workspace), _of_account(workspace).load().policy
    if store is None:
        return show(home, policy)
    with state_store(home, store, policy.governor.store_timeout / 1000, workspace.tell, looks=True) as shared:
        return show(home, policy, shared)


def limits_history(workspace: Workspace) -> tuple[LimitsVersion, ...]:
    """Every version of the account's dollar caps, oldest first, the whole record checked (H1, G3)."""
    from plimsoll.account.limits import history

    return history(home_of(workspace))


def limits_sign(
    workspace: Workspace, person: str, key: Path, reason: str, change: Mapping[str, str], *, live: bool, anew: bool
) -> LimitsReport:
    """Sign a change of the account's dollar caps; it is in force from the next session (H1)."""
    from plimsoll.account.limits import sign

    home = home_of(workspace)
    by = _by(workspace, person, key, live=live)
    return sign(home, workspace.load().policy, by, reason, change, live=live, anew=anew)


def size_status(workspace: Workspace) -> SizeReport:
    """The present position size, and the missing evidence for the next step (H7, P5)."""
    from plimsoll.account.size import status

    return status(home_of(workspace))


def size_approve(workspace: Workspace, person: str, key: Path, reason: str) -> SizeReport:
    """Grant the next size step where every requirement is met; ``CheckFailed`` lists what is missing (H7)."""
    from plimsoll.account.size import approve

    return approve(home_of(workspace), _by(workspace, person, key), reason)


def act_approve(workspace: Workspace, person: str, key: Path, **act: str) -> SignedAct:
    """Sign a settlement, a price or a position (R9, U6, X6)."""
    from plimsoll.account.signed_acts import sign

    return sign(home_of(workspace), act, _by(workspace, person, key))


def keys_new(workspace: Workspace, path: Path) -> str:
    """Write a new private key to a file outside the home; returns its public key (H1)."""
    from plimsoll.account.signing import new_key
    from plimsoll.store.private import outside

    return new_key(outside(home_of(workspace), path))


def keys_trust(
    workspace: Workspace, person: str, public_key: str | None, by: str | None = None, key: Path | None = None
) -> tuple[TrustedKey, ...]:
    """Trust a person's public key, or revoke it; returns the signers. All but the first need a signature (H1)."""
    from plimsoll.account.limits import trust

    signed = None if by is None or key is None else _by(workspace, by, key)
    return trust(home_of(workspace), person, public_key, signed, drawn(), now())


def keys_list(workspace: Workspace) -> tuple[TrustedKey, ...]:
    """The account's signers (H1)."""
    from plimsoll.account.limits import trusted

    return trusted(home_of(workspace))


def account_repair(
    workspace: Workspace, person: str | None, key: Path | None, reason: str, *, restart: bool = False
) -> Repaired:
    """Repair a lost or altered governor's account from its record; ``CheckFailed`` where it cannot be (H2)."""
    from plimsoll.account.record import AccountRecord
    from plimsoll.account.record_rules import Signatory
    from plimsoll.account.repair import repair
    from plimsoll.account.signing import Signer
    from plimsoll.store.private import exposed, outside

    home = home_of(workspace)
    by = None if person is None or key is None else Signatory(person, Signer(outside(home, key)), now())
    limits = AccountRecord(home).read().limits
    live = limits is not None and limits[1].mode == "live"
    if live and (problem := exposed(home, workspace.policy_files)) is not None:
        raise problem
    return repair(home, by, reason, wall, restart=restart)


def sla(
    workspace: Workspace, person: str | None = None, key: Path | None = None, output: Path | None = None
) -> RiskPromise:
    """The risk promise of the home's account on one page, signed where a person and their key are given (H9).

    Its policy is the account's own profile, unless another one or a policy file is named. It is also written to
    ``output``; nothing is signed where that is a file a home keeps itself.
    """
    from plimsoll.account.risk_promise import promise, sign
    from plimsoll.core.errors import InputError
    from plimsoll.store.home import spared

    loaded, home = _of_account(workspace).load(), home_of(workspace)
    if output is not None:
        spared(output)
    if person is None or key is None:
        made = promise(home, loaded.policy, loaded.hash)
    else:
        made = sign(home, loaded.policy, loaded.hash, _by(workspace, person, key))
    if output is not None:
        try:
            output.write_text(made.page, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{output} cannot be written ({error.strerror})", "Give another --out") from None
    return made


def sla_check(workspace: Workspace, path: Path) -> Checked:
    """The signer of a risk promise written to a file, and whether it still holds (H9)."""
    from plimsoll.account.risk_promise import check

    loaded = _of_account(workspace).load()
    return check(home_of(workspace), loaded.policy, loaded.hash, path)


def _of_account(workspace: Workspace) -> Workspace:
    """The workspace with the profile of the home's account, unless a profile or a policy is named."""
    from dataclasses import replace

    from plimsoll.account.governed_account import whole_record

    known = whole_record(home_of(workspace)).limits
    if known is None or workspace.profile is not None or workspace.policy_files:
        return workspace
    return replace(workspace, profile=known[1].profile)


def _by(workspace: Workspace, person: str, key: Path, *, live: bool = False) -> Signatory:
    """A signer; the wall clock gives the stated time, and no check depends on it.

    A key inside the home is refused, and for a live account a home that others can write: they could sign with it.
    """
    from plimsoll.account.governed_account import whole_record
    from plimsoll.account.record_rules import Signatory
    from plimsoll.account.signing import Signer
    from plimsoll.store.private import exposed, outside

    home = home_of(workspace)
    signer = Signer(outside(home, key))
    limits = whole_record(home).limits
    if (live or (limits is not None and limits[1].mode == "live")) and (
        problem := exposed(home, workspace.policy_files)
    ) is not None:
        raise problem
    return Signatory(person, signer, now())
