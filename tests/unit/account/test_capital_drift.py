"""An equity far from the capital that an account's caps were made for is told, once a session (H1)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plimsoll import app
from plimsoll.store import policy_file


def answers(home: Path, *lines: dict[str, str]) -> tuple[list[dict[str, object]], list[str]]:
    """The protocol's answers for a paper account of ``micro``, whose capital is $1,000, and what was told."""
    told: list[str] = []
    with app.governed(app.Workspace(home=home, profile="micro"), tell=told.append) as protocol:
        said = [json.loads(text) for text in protocol.answer([json.dumps(line).encode() for line in lines])]
    return said, [one for one in told if "stated capital" in one]


def session(date: str, equity: str) -> dict[str, str]:
    return {"type": "session", "date": date, "equity": equity}


@pytest.mark.parametrize(
    ("equity", "words"),
    [("800.00", ""), ("799.99", "20% below"), ("1200.00", ""), ("1200.01", "20% above"), ("-50.00", "105% below")],
)
def test_a_session_far_from_the_stated_capital_is_told_in_its_answer(tmp_path: Path, equity: str, words: str) -> None:
    (answer,), told = answers(tmp_path, session("2026-03-02", equity))
    notes = answer.get("notes", [])
    assert answer["ok"] is True and notes == told and len(told) == bool(words)
    assert not words or words in told[0]


def test_it_is_told_once_a_session_and_shown_with_the_limits(tmp_path: Path) -> None:
    again = session("2026-03-02", "2500.00")
    said, told = answers(tmp_path, again, again, session("2026-03-03", "2500.00"))
    assert ["notes" in one for one in said] == [True, False, True] and len(told) == 2
    shown = app.limits_show(app.Workspace(home=tmp_path, profile="micro"))
    assert (shown.session, shown.equity) == ("2026-03-03", "2500.00") and "150% above" in shown.drift
    answers(tmp_path, session("2026-03-04", "1000.00"))
    assert app.limits_show(app.Workspace(home=tmp_path, profile="micro")).drift == ""


def test_the_share_is_the_policys() -> None:
    assert policy_file.load("core").policy.governor.capital_drift == 0.20
