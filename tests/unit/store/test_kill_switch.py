"""The kill switch is the union of its sources, and what cannot be read is on (X10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.core.kill import KillState
from plimsoll.store.kill_switch import Killed, KillSwitch

ASKED = Killed("looks wrong", "ann", "2026-01-05T10:00:00Z")


def test_without_a_source_it_is_off_and_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert KillSwitch(home, {}).state() == KillState()
    assert not home.exists()


def test_an_empty_file_is_enough(tmp_path: Path) -> None:
    (tmp_path / "KILL_SWITCH").touch()
    assert KillSwitch(tmp_path, {}).state() == KillState(("file",))


def test_a_link_that_leads_nowhere_is_on(tmp_path: Path) -> None:
    (tmp_path / "KILL_SWITCH").symlink_to(tmp_path / "gone")
    assert KillSwitch(tmp_path, {}).state().sources == ("file",)


@pytest.mark.parametrize(("value", "on"), [("1", True), ("true", True), ("anything", True), ("", False), (" 0 ", False),
                                           ("False", False), ("no", False), ("off", False)])  # fmt: skip
def test_the_environment_is_a_source_of_its_own(tmp_path: Path, value: str, on: bool) -> None:
    assert bool(KillSwitch(tmp_path, {"TRADING_DISABLED": value}).state().sources) is on


def test_a_command_makes_the_home_and_says_who_and_why(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path / "home", {})
    switch.set(ASKED)
    assert switch.state() == KillState(("command",), "looks wrong", "ann")


def test_asked_again_for_less_it_takes_nothing_back(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path, {})
    switch.set(Killed("sell", "ann", "t", flatten=True))
    switch.set(Killed("cancel", "bob", "t", cancel_all=True))
    switch.set(ASKED)
    assert switch.state() == KillState(("command",), "looks wrong", "ann", cancel_all=True, flatten=True)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"reason": 1}', b"\xff", b"x" * 100_000])
def test_a_command_that_cannot_be_read_is_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kill.json").write_bytes(content)
    switch = KillSwitch(tmp_path, {})
    assert switch.state() == KillState(("command",))
    switch.set(ASKED)
    assert switch.state().reason == "looks wrong"


def test_only_the_command_is_cleared_by_command(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path, {"TRADING_DISABLED": "1"})
    (tmp_path / "KILL_SWITCH").touch()
    assert not switch.clear()
    switch.set(ASKED)
    assert switch.state().sources == ("file", "command", "environment")
    assert switch.clear()
    assert switch.state().sources == ("file", "environment")
