"""Single checks of the doctor, at what a test machine does not show by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.core.errors import InputError
from plimsoll.core.policy import Account, Policy
from plimsoll.market.snapshot_store import SnapshotFolder
from plimsoll.operate import doctor

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_packages_at_their_pins_are_ok_and_others_are_named() -> None:
    assert doctor.packages(doctor.pins()).state == "ok"
    off = doctor.packages({"numpy": ("0.1",)})
    assert off.state == "warn"
    assert "tested with 0.1" in off.found


def test_a_missing_or_old_package_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["numpy>=999", "no-such-package>=1", 'pytest>=999; extra == "dev"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: wanted)
    check = doctor.packages({})
    assert check.state == "fail"
    assert "missing: no-such-package" in check.found
    assert "needs 999" in check.found
    assert "pytest" not in check.found


def test_calendars_that_end_within_the_year_fail() -> None:
    assert doctor.calendars(NOW).state == "ok"
    assert "251 NYSE sessions" in doctor.calendars(NOW).found
    assert doctor.calendars(datetime(2035, 6, 1, tzinfo=UTC)).state == "fail"


@pytest.mark.parametrize(
    ("env", "state"),
    [
        ({}, "ok"),
        ({"OMP_NUM_THREADS": "1"}, "ok"),
        ({"OMP_NUM_THREADS": "0"}, "warn"),
        ({"MKL_NUM_THREADS": "x"}, "warn"),
    ],
)
def test_thread_counts(env: dict[str, str], state: str) -> None:
    assert doctor.threads(env).state == state


@pytest.mark.parametrize(("free", "state"), [(1 << 40, "ok"), (1 << 30, "warn"), (1 << 20, "fail")])
def test_disk_space(free: int, state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert doctor.disk(tmp_path / "not" / "there").state == state


def test_sqlite_with_the_wal_reset_defect_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import apsw

    assert doctor.sqlite().state == "ok"
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    assert doctor.sqlite().state == "fail"


def test_old_real_data_is_a_warning_and_old_synthetic_data_is_not(make_panel: object, tmp_path: Path) -> None:
    from plimsoll.market import snapshot

    close = np.full((30, 2), 10.0)
    for synthetic, state in ((True, "ok"), (False, "warn")):
        root = tmp_path / str(synthetic)
        panel = make_panel(close, synthetic=synthetic)  # type: ignore[operator]
        snapshot.set_current(root, snapshot.write(panel, root))
        assert doctor.data(SnapshotFolder(root), Policy(), NOW).state == state
    last = datetime.fromisoformat(panel.sessions.dates[-1]).replace(tzinfo=UTC)
    assert doctor.data(SnapshotFolder(root), Policy(), last).state == "ok"


@pytest.mark.parametrize("profile", ["core", "institutional", "small-live", "micro"])
def test_a_profile_is_proven_able_to_trade_at_the_last_prices(profile: str, make_panel: object, tmp_path: Path) -> None:
    from plimsoll.market import snapshot
    from plimsoll.store.policy_file import load

    root, policy = tmp_path / "snapshots", load(profile).policy
    assert doctor.orders(SnapshotFolder(root), policy).found == "nothing certified yet to prove them at"
    close = np.tile([40.0, 10.0], (30, 1))
    panel = make_panel(close, symbols=("AAA", "BBB"))  # type: ignore[operator]
    snapshot.set_current(root, snapshot.write(panel, root))
    check = doctor.orders(SnapshotFolder(root), policy)
    assert check.state == "ok"
    smallest = 10.0 * np.ceil(policy.shaping.min_trade / 10.0)
    assert f"a buy of {smallest / 10.0:g} BBB ({smallest:,.2f} USD)" in check.found
    poor = doctor.orders(SnapshotFolder(root), replace(policy, account=Account(capital=9.0)))
    assert poor.state == "fail" and "no buy is legal with account.capital 9 USD" in poor.found


def test_a_policy_that_does_not_load_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    def refuse() -> Policy:
        raise InputError("cvar.budget_10 is 7", "Write a fraction")

    def opened() -> doctor.Looked:
        raise InputError("snapshots is a file", "Move it")

    diagnosis = doctor.diagnose(tmp_path, refuse, opened, NOW, [])
    assert [c.found for c in diagnosis.checks if c.name == "home"][-1] == "snapshots is a file"
    (check,) = [c for c in diagnosis.checks if c.name == "policy"]
    assert not diagnosis.ok
    assert (check.found, check.remedy) == ("cvar.budget_10 is 7", "Write a fraction")
