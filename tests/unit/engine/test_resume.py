"""A person signs between two sessions: the halt is lifted from the journal on, and nothing else changes (R5, G7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from plimsoll.core.errors import CheckFailed, Halted, UsageError
from plimsoll.core.events import Approval, Genesis, PositionAdopted
from plimsoll.core.policy import Policy
from plimsoll.core.runs import RunSummary
from plimsoll.engine.operator import SIMULATED
from plimsoll.engine.recovery import recover
from plimsoll.operate.resume import Resumed
from plimsoll.operate.resume import resume as signed
from plimsoll.store.home import Home
from plimsoll.store.journal import SqliteJournal
from plimsoll.store.runs import RunFiles

RUN = "paper-1"


def put(runs: RunFiles, trial: Any, **ladder: Any) -> None:
    """A finished paper run whose last decision carries this ladder or halt."""
    policy = trial.run.policy
    runs.keep_policy(RUN, policy)
    events = list(trial.ledger.events())
    assert isinstance(events[0], Genesis)
    events[0] = msgspec.structs.replace(events[0], mode="paper", operator="never")
    cut = max(i for i, e in enumerate(events) if type(e).__name__ == "CycleRecord")
    halted = ladder.pop("halted", "")
    figures = ladder.pop("figures", {})
    last = events[cut]
    carried = msgspec.structs.replace(
        last.carried, ladder=msgspec.structs.replace(last.carried.ladder, **ladder), halted=halted
    )
    events[cut] = msgspec.structs.replace(last, carried=carried, figures={**last.figures, **figures})
    with SqliteJournal(runs.journal(RUN), durable=False) as journal:
        journal.append_many(events[: cut + 1])
        anchor = journal.anchor
    g = events[0]
    runs.finish(
        RunSummary(
            RUN,
            "paper",
            g.start,
            g.end,
            g.snapshot,
            g.policy,
            g.capital,
            g.strategies,
            True,
            True,
            anchor.records,
            anchor.head,
            status="finished",
            halted="halted",
        )
    )


@pytest.fixture(scope="module")
def trial(make_market: Any, backtested: Any) -> Any:
    return backtested(make_market(seed=2, rows=300), Policy())


@pytest.fixture
def runs(tmp_path: Path) -> RunFiles:
    return RunFiles(Home(tmp_path))


def resume(runs: RunFiles, by: str, reason: str) -> Resumed:
    """What is signed, its end kept as the command keeps it."""
    done, end = signed(runs, RUN, by, reason, lambda: SqliteJournal(runs.journal(RUN), durable=True))
    runs.finish(msgspec.structs.replace(runs.summary(RUN), halted="", records=end.records, head=end.head))
    return done


AWAITS = {"fired": ("level_3",), "awaiting": "signed", "calm": 5}


def test_a_signature_is_journaled_and_lifts_what_waits_for_it(runs: RunFiles, trial: Any) -> None:
    put(runs, trial, **AWAITS)
    before = runs.audit(RUN)
    done = resume(runs, "Ann Lee", "reviewed")
    assert done.lifts == ("the re-entry after level_3",) and done.session == trial.records[-1].session
    after = runs.audit(RUN)
    assert after.ok and after.records == before.records + 1  # and the summary's anchor knows of it
    assert runs.summary(RUN).halted == ""
    with runs.open(RUN) as reader:
        found = recover(reader.events())
    assert found.at_decision.carried.ladder.signed and found.state.carried.ladder.signed and found.since == ()
    with pytest.raises(UsageError, match="is not halted"):
        resume(runs, "Ann Lee", "again")


def test_a_halt_is_lifted_only_where_cvar_is_shown_inside_its_limits(runs: RunFiles, trial: Any) -> None:
    put(runs, trial, halted="CVAR_ABOVE_HARD", figures={"cvar_10": None})
    with pytest.raises(CheckFailed, match="not shown inside"):
        resume(runs, "Ann", "please")
    for suffix in (".db", ".json"):
        runs.journal(RUN).with_suffix(suffix).unlink()
    put(runs, trial, halted="CVAR_ABOVE_HARD")
    assert resume(runs, "Ann", "measured again").lifts == ("the halt for CVAR_ABOVE_HARD",)


@pytest.mark.parametrize(
    ("ladder", "error", "said"),
    [
        ({}, UsageError, "is not halted"),
        ({"fired": ("level_2",), "cooldown": 3}, UsageError, "waits for no signature"),
        (
            {"fired": ("level_3",), "cooldown": 7, "calm": 2},
            CheckFailed,
            "7 sessions of cooldown are left; 2 of 5 calm",
        ),
        ({"fired": ("level_3",), "calm": 5}, CheckFailed, "do not allow it yet"),
        ({"fired": ("mandate",), "ended": True}, Halted, "mandate of run paper-1 has ended"),
    ],
)
def test_nothing_is_signed_too_early_or_for_nothing(
    runs: RunFiles, trial: Any, ladder: dict[str, Any], error: type[Exception], said: str
) -> None:
    put(runs, trial, **ladder)
    records = runs.audit(RUN).records
    with pytest.raises(error, match=said):
        resume(runs, "Ann", "now")
    assert runs.audit(RUN).records == records


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("Ann", " "), (SIMULATED, "x"), ("Ann\n", "x")])
def test_a_signature_has_a_name_and_a_reason(runs: RunFiles, trial: Any, by: str, reason: str) -> None:
    put(runs, trial, **AWAITS)
    with pytest.raises(UsageError, match="cannot be used"):
        resume(runs, by, reason)


def test_a_signature_names_what_is_held_of_a_frozen_symbol_and_lifts_that_alone(runs: RunFiles, trial: Any) -> None:
    put(runs, trial, halted="CVAR_ABOVE_HARD")
    with runs.open(RUN) as reader:
        state = recover(reader.events()).state
    held, symbol = int(state.lots[0]), state.symbols[0]
    with SqliteJournal(runs.journal(RUN), durable=True) as journal:
        journal.append(PositionAdopted(trial.records[-1].session, symbol, 5, 100.0))
        anchor = journal.anchor
    runs.finish(msgspec.structs.replace(runs.summary(RUN), records=anchor.records, head=anchor.head))

    def sign(positions: dict[str, int]) -> Resumed:
        return signed(runs, RUN, "Ann", "seen", lambda: SqliteJournal(runs.journal(RUN), durable=True), positions)[0]

    with pytest.raises(UsageError, match=f"holds {held + 5} lots of {symbol}, not {held}"):
        sign({symbol: held})
    with pytest.raises(UsageError, match="is not frozen"):
        sign({state.symbols[1]: 0})
    assert sign({symbol: held + 5}).lifts == (f"the freeze of {symbol} at {held + 5} lots",)
    with SqliteJournal(runs.journal(RUN), durable=False) as journal:
        after = recover(journal.events()).state
    assert not after.external and after.carried.halted == "CVAR_ABOVE_HARD"


def test_the_simulated_operators_signature_stays_an_event_of_its_morning(trial: Any) -> None:
    events = [*trial.ledger.events()][:2]
    own = Approval(events[1].session, SIMULATED, "")
    person = Approval(events[1].session, "Ann", "")
    assert recover([*events, own]).since == (own,)
    assert recover([*events, person]).since == ()
