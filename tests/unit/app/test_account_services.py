"""What the services of an account advise, and what they leave where they only look (H1, H9, G3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll import app
from plimsoll.core.errors import UsageError
from plimsoll.store.home import Home


def opened(home: Path) -> app.Workspace:
    """A home in which a governor of the profile micro was started once, and nothing was run."""
    with app.governed(app.Workspace(home, "micro")) as governed:
        assert governed is not None
    return app.Workspace(home)


def test_a_home_without_anything_to_verify_says_what_would_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run and no governor's account.*'plimsoll govern' first"):
        app.audit_verify(app.Workspace(tmp_path))


def test_a_home_with_a_governors_account_only_is_verified_without_a_run(tmp_path: Path) -> None:
    found = app.audit_verify(opened(tmp_path))
    assert found.ok and found.governor is not None and found.governor.ok and found.records == 0
    Home(tmp_path).governor.unlink()
    found = app.audit_verify(app.Workspace(tmp_path))
    assert not found.ok and found.governor is not None
    assert "governor.db is missing" in found.governor.problem and "--store if a server" in found.governor.problem


def test_the_promise_is_that_of_the_accounts_own_profile_unless_another_is_named(tmp_path: Path) -> None:
    workspace = opened(tmp_path)
    named = app.sla(app.Workspace(tmp_path, "micro"))
    assert app.sla(workspace).page == named.page
    assert app.sla(app.Workspace(tmp_path, "core")).page != named.page


def test_showing_the_limits_of_an_empty_server_creates_nothing(redis_server, tmp_path: Path) -> None:
    from plimsoll.store.governor_redis import RedisStateStore

    url = redis_server().url
    home = tmp_path / "home"
    home.mkdir()
    shown = app.limits_show(app.Workspace(home, "micro"), url)
    assert not shown.recorded and shown.note.startswith("no limits yet")
    assert list(home.iterdir()) == []
    with RedisStateStore(url, 5.0, checked=False) as store:
        assert store.call("DBSIZE") == 0
