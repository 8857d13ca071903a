"""A Monte Carlo that proves something: it approaches every limit, and finds a governor that is broken (H8)."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import msgspec
import numpy as np
import pytest

import plimsoll
from plimsoll.core.errors import UsageError
from plimsoll.core.reasons import REASONS
from plimsoll.execution.venues.faulty import Faults
from plimsoll.governor.governor import Governor, OrderIntent
from plimsoll.governor.limits import limits_of
from plimsoll.governor.staged import Staged
from plimsoll.simulation import processes, simulated_account, study
from plimsoll.simulation.faults import SessionFaults
from plimsoll.simulation.independent_ledger import LIMITS
from plimsoll.simulation.scenarios import SCENARIOS
from plimsoll.simulation.study import REFUSALS, Odds, run, symbols_of
from plimsoll.store import policy_file
from plimsoll.store.governor_store import SqliteStateStore

MICRO = policy_file.load("micro").policy


def played(*names: str, seed: int = 1) -> Odds:
    """One session of each of these scenarios."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name in names]
    return run(MICRO, len(names), seed, (), SqliteStateStore, scenarios=chosen)


def test_the_codes_it_must_see_are_all_that_a_governor_can_refuse_with() -> None:
    root = Path(plimsoll.__file__).parent
    texts = set()
    modules = ("governor/governor.py", "governor/clock.py", "governor/checks.py")
    for module in (*modules, "governor/protocol.py", "governor/protocol_lines.py"):
        tree = ast.parse((root / module).read_text(encoding="utf-8"))
        texts |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    # one is told of a fill, not of an order, and one only after a repair that lost entries
    assert set(REFUSALS) == (texts & set(REASONS)) - {"OVERFILL", "ENTRIES_LOST"}


def test_a_run_of_one_session_proves_nothing_and_says_what_is_missing() -> None:
    found = run(MICRO, 1, 1, (), SqliteStateStore)
    assert not found.passed
    assert found.unapproached and found.unseen
    assert found.synthetic and found.bars == {"synthetic": 1}
    with pytest.raises(UsageError):
        run(MICRO, 0, 1, (), SqliteStateStore)


@pytest.mark.parametrize(
    ("scenario", "limit"),
    [
        ("trade limit", "trade"),
        ("position limit", "position"),
        ("gross limit", "gross"),
        ("turnover limit", "turnover"),
        ("gap inside the loss cap", "loss"),
    ],
)
def test_a_scene_comes_as_near_to_its_limit_as_it_promises(scenario: str, limit: str) -> None:
    found = played(scenario)
    assert found.breaches == 0
    assert 0.95 <= found.max_use[limit] <= 1.0
    assert max(found.max_use.values()) <= 1.0


def test_a_gap_beyond_the_cap_is_told_apart_from_breaches() -> None:
    found = played("gap beyond the loss cap")
    assert found.breaches == 0
    assert found.loss_beyond_cap.sessions == 1
    assert found.loss_beyond_cap.worst > 1.0
    assert float(found.loss_beyond_cap.worst_usd) == pytest.approx(100.0 * found.loss_beyond_cap.worst, abs=0.01)
    assert found.refused["LOSS_LIMIT"] > 0


SABOTAGE = {
    "trade": ("trade limit", {"TRADE_LIMIT", "INTRADAY_CAUTION"}),
    "position": ("position limit", {"POSITION_LIMIT"}),
    "gross": ("gross limit", {"GROSS_LIMIT"}),
    "turnover": ("turnover limit", {"TURNOVER_LIMIT"}),
    "loss": ("intraday ladder", {"INTRADAY_REDUCE_ONLY", "INTRADAY_HALT", "LOSS_LIMIT"}),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_governor_that_forgets_a_limit_is_found_out(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, forgotten = SABOTAGE[limit]

    class Forgetful(Governor):
        def _checked(self, intent: OrderIntent, now: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
            reasons, marks = super()._checked(intent, now)
            return tuple(code for code in reasons if code not in forgotten), marks

    monkeypatch.setattr(processes, "Governor", Forgetful)
    found = played(scenario)
    assert found.breached.get(limit, 0) > 0
    assert found.breaches > 0 and not found.passed


def test_a_governor_that_forgets_what_caution_leaves_of_a_trade_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Governor):
        def _checked(self, intent: OrderIntent, now: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
            reasons, marks = super()._checked(intent, now)
            return tuple(code for code in reasons if code != "INTRADAY_CAUTION"), marks

    monkeypatch.setattr(processes, "Governor", Careless)
    assert played("intraday ladder").breached == {"trade": 2}


def test_a_governor_that_forgets_its_open_orders_in_a_crash_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reload = Staged.reload
    assert played("orders that rest").breaches == 0
    monkeypatch.setattr(Staged, "reload", lambda self, rows: reload(self, [row for row in rows if row[0] != "open"]))
    assert played("orders that rest").breaches > 0


def test_the_same_seed_is_the_same_run_and_another_is_not() -> None:
    names = ("anything, harsh venue", "model momentum")
    first, again, other = (played(*names, seed=seed) for seed in (3, 3, 4))
    assert msgspec.json.encode(first) == msgspec.json.encode(again)
    assert msgspec.json.encode(first) != msgspec.json.encode(other)


def rounding(account: simulated_account.SimulatedAccount) -> int:
    """How far the governor's whole trillionths of a dollar may lie above exact prices, 1e-24 dollars."""
    return sum(order.rest for order in account.governor.orders.values()) + 1


def test_governor_and_ledger_agree_on_every_figure_of_a_wild_session(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    left = simulated_account.SimulatedAccount._leave

    def compared(self: simulated_account.SimulatedAccount, intent: OrderIntent) -> None:
        left(self, intent)
        use, its = self.governor.use(intent.symbol), self.ledger
        assert use.position == its.exposure(intent.symbol) * 10**24
        assert use.gross == its.gross * 10**24
        assert 0 <= use.turnover - its.turnover * 10**24 <= rounding(self)
        assert use.loss == max(-(-its.loss * 10**24 // 1), 0)
        seen.append(intent.id)

    monkeypatch.setattr(simulated_account.SimulatedAccount, "_leave", compared)
    monkeypatch.setattr(SessionFaults, "__init__", _never_gives_up(SessionFaults.__init__))
    played("anything, harsh venue")
    assert len(seen) > 100


def _never_gives_up(init: object) -> object:
    """They may differ in an order that was counted and never left, and after a crash, until quotes come again."""

    def made(self: SessionFaults, *venue: Faults, **given: float) -> None:
        init(self, *venue, **{**given, "give_up": 0.0, "crash": 0.0})  # type: ignore[operator]

    return made


@pytest.mark.parametrize("profile", list(policy_file.PROFILES))
def test_every_profile_has_symbols_enough_to_reach_its_gross_limit(profile: str) -> None:
    limits = limits_of(policy_file.load(profile).policy)
    equity = 10_000_000 if profile in ("core", "institutional") else 100_000
    symbols = symbols_of(limits, equity)
    assert sum(limits.position_of(s) for s in symbols) >= 1.2 * equity * limits.gross_bps / 10_000
    assert len(set(symbols)) == len(symbols) >= 2


def test_every_kind_of_scenario_says_what_it_does() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert inspect.isgeneratorfunction(scenario.steps), scenario.name
    assert np.gcd(len(SCENARIOS), study._ON_DISK) == 1  # every kind of scenario comes to run on disk


def test_workers_change_nothing_but_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_AT_ONCE", 2)
    names = ("a store that fails", "nonsense")
    chosen = [scenario for scenario in SCENARIOS if scenario.name in names]
    one, two = (run(MICRO, 4, 3, (), SqliteStateStore, scenarios=chosen, workers=workers) for workers in (1, 2))
    assert msgspec.json.encode(one) == msgspec.json.encode(two)


def test_a_session_that_failed_is_named_and_is_the_same_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held disagrees from bar 7 on, in the sessions of one kind only."""
    real = simulated_account.SimulatedAccount.compare

    def compare(self: simulated_account.SimulatedAccount) -> None:
        real(self)
        if self.bar >= 7 and self.faults.crash == 0.0:
            self.tally.disagree("held", self.bar)

    monkeypatch.setattr(simulated_account.SimulatedAccount, "compare", compare)
    chosen = [scenario for scenario in SCENARIOS if scenario.name in ("nonsense", "a store that fails")]
    found = run(MICRO, 4, 5, (), SqliteStateStore, scenarios=chosen)
    assert [(one.session, one.kind, one.bar) for one in found.failed] == [
        (1, "a store that fails", 7), (3, "a store that fails", 7),
    ]  # fmt: skip
    alone = run(MICRO, 1, 5, (), SqliteStateStore, scenarios=chosen, session=3)
    assert alone.failed == found.failed[1:] and not alone.passed
    assert (alone.session, alone.sessions, alone.unapproached, alone.unseen) == (3, 1, (), ())
    assert run(MICRO, 1, 5, (), SqliteStateStore, scenarios=chosen, session=2).passed


@pytest.mark.parametrize(
    "session",
    [
        97,  # a true price died with the process, and the first one heard was nonsense
        125,  # a fill at a price that cannot be was told late: of the turnover
        211,  # … and of the loss
        443,  # the prices at which the session began died with the process
    ],
)
def test_what_no_process_can_know_is_no_disagreement(session: int) -> None:
    assert run(MICRO, 1, 7, (), SqliteStateStore, session=session).passed
