"""``plimsoll doctor``: what it finds in good, empty and damaged homes, and that it changes none of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from commands import Done, plimsoll
from plimsoll import app
from plimsoll.operate.doctor import Check

CHECKS = (
    "python", "packages", "solver", "sqlite", "calendars", "providers", "processors", "memory", "policy", "disk",
    "home", "lock", "database", "data", "orders", "journal", "clock",
)  # fmt: skip


def run(*words: str, home: Path, **env: str) -> Done:
    return plimsoll(*words, home=home, env={"COLUMNS": "80", **env})


def found(home: Path, **env: str) -> tuple[bool, dict[str, Check]]:
    """What the doctor finds, without the cost of a process."""
    told = app.doctor(app.Workspace(home, env=env))
    assert tuple(c.name for c in told.checks) == CHECKS
    return told.ok, {c.name: c for c in told.checks}


def files(home: Path) -> dict[str, bytes]:
    return {str(p.relative_to(home)): p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def sound(traded: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traded(tmp_path_factory.mktemp("sound") / "home")


@pytest.fixture
def home(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "home"))


def test_a_sound_home_passes_and_is_left_as_it_was(home: Path) -> None:
    before = files(home)
    ok, checks = found(home)
    assert ok
    assert [c for c in checks.values() if c.state == "fail"] == []
    assert "SYNTHETIC" in checks["data"].found
    assert "records verified" in checks["journal"].found
    assert files(home) == before


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    ok, checks = found(tmp_path / "none" / "yet")
    assert ok
    assert checks["data"].state == "warn"
    assert "plimsoll ingest" in checks["data"].remedy
    assert list(tmp_path.iterdir()) == []


def test_a_changed_snapshot_fails_with_a_remedy(home: Path) -> None:
    array = next((home / "snapshots").glob("*/close.npy"))
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    ok, checks = found(home)
    assert not ok
    assert checks["data"].state == "fail"
    assert "plimsoll ingest" in checks["data"].remedy


def test_an_altered_journal_fails(home: Path) -> None:
    path = next((home / "runs").glob("*.db"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER journal_no_update")
        connection.execute("UPDATE journal SET payload = replace(payload, '0', '1') WHERE seq = 5")
    connection.close()
    ok, checks = found(home)
    assert not ok
    assert "record 5" in checks["journal"].found


@pytest.mark.parametrize(("version", "state", "remedy"), [("9999", "fail", "Upgrade"), ("0000", "warn", "ingestion")])
def test_a_database_of_another_schema_is_named(home: Path, version: str, state: str, remedy: str) -> None:
    with closing(sqlite3.connect(home / "plimsoll.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()
    _, checks = found(home)
    assert checks["database"].state == state
    assert remedy in checks["database"].remedy


def test_a_database_that_is_none_fails(home: Path) -> None:
    (home / "plimsoll.db").write_text("not a database, but long enough to be taken for one " * 10)
    assert found(home)[1]["database"].state == "fail"


def test_a_held_lock_is_a_warning_that_names_the_holder(home: Path) -> None:
    from plimsoll.store.home import Home

    with Home(home).lock():
        ok, checks = found(home)
    assert ok
    assert checks["lock"].state == "warn"
    assert str(os.getpid()) in checks["lock"].found


def test_a_file_from_the_future_says_that_the_clock_was_set_back(home: Path) -> None:
    summary = next((home / "runs").glob("*.result.json"))
    ahead = summary.stat().st_mtime + 86400 * 400
    os.utime(summary, (ahead, ahead))
    ok, checks = found(home)
    assert not ok
    assert checks["clock"].state == "fail"
    assert summary.name in checks["clock"].found


def test_a_policy_that_cannot_be_used_fails_by_its_key(home: Path) -> None:
    ok, checks = found(home, PLIMSOLL__CVAR__BUDGET_12="0.1")
    assert not ok
    assert "did you mean" in checks["policy"].found


def test_a_home_that_is_a_file_fails(tmp_path: Path) -> None:
    place = tmp_path / "home"
    place.write_text("")
    done = run("doctor", "--json", home=place)
    told = json.loads(done.stdout)
    assert done.returncode == 3
    assert any(c["name"] == "home" and c["state"] == "fail" for c in told["checks"])


def test_for_a_person_every_check_is_a_line_and_remedies_stand_below(tmp_path: Path) -> None:
    done = run("doctor", home=tmp_path / "none", COLUMNS="40", NO_COLOR="1")
    assert done.returncode == 0
    for name in CHECKS:
        assert name in done.stdout
    assert "\x1b" not in done.stdout
    assert max(len(line) for line in done.stdout.split("\nhome")[0].splitlines()) <= 40
    assert re.search(r"1\s+warn", done.stdout)
