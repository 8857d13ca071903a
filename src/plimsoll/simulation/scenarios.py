"""The list of Monte Carlo scenarios: order flow, venue behaviour, length (H8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from plimsoll.alpha.advice import ask
from plimsoll.alpha.mock_models import MOCKS, mock
from plimsoll.execution.venues.faulty import QUIET
from plimsoll.intraday.model_trader import ModelTrader
from plimsoll.simulation import hostile_scenarios as hostile
from plimsoll.simulation import limit_scenarios as limits
from plimsoll.simulation import loss_scenarios as losses
from plimsoll.simulation.faults import USUAL, SessionFaults
from plimsoll.simulation.limit_scenarios import Steps
from plimsoll.simulation.paths import HOURS
from plimsoll.simulation.simulated_account import SimulatedAccount

WHOLE_DAY = HOURS // 60  # bars of a minute


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of session: its order flow, venue behaviour, and whether a portfolio is built on the days before.

    A scenario aimed at one limit plays only the first ``bars`` of a session.
    """

    name: str
    steps: Callable[[SimulatedAccount], Steps]
    faults: Callable[[], SessionFaults] = SessionFaults
    built: bool = False
    bars: int = 100
    disk: bool = False  # kept in a file
    shared: bool = False  # by two processes
    loose: bool = False  # … the other with a permissive policy


def fly(name: str) -> Callable[[SimulatedAccount], Steps]:
    """A model of this name on the first symbols, with observations and sizing as in trading (H3, H4)."""

    def act(account: SimulatedAccount) -> Steps:
        model = mock(name)
        traders = {
            symbol: ModelTrader(partial(ask, model), account.paths[symbol].bars, account.policy, account.limits)
            for symbol in account.symbols[:2]
        }

        def filled(symbol: str, sign: int, quantity: int, price: int) -> None:
            if symbol in traders:
                traders[symbol].filled(sign, quantity, price, account.held(symbol))

        account.on_fill.append(filled)
        while True:
            for symbol, trader in traders.items():
                wish = trader.wish(account.governor, account.paths[symbol].first + account.bar)
                account.tally.held_back.update(wish.reasons)
                if wish.quantity:
                    account.send(symbol, wish.sign, wish.quantity)
            yield

    return act


def harsh() -> SessionFaults:
    """A venue that cancels, fills late, twice and in parts, and a process that dies often."""
    return SessionFaults(replace(USUAL, stopped=0.3, untrue=0.5, late=0.3, duplicated=0.3), parts=0.5, crash=0.05)


def greedy() -> SessionFaults:
    """A venue that fills beyond an order."""
    return SessionFaults(replace(USUAL, overfilled=0.2))


def deadly() -> SessionFaults:
    """A machine that dies every few bars, and a line that often loses an order or its answer."""
    return SessionFaults(replace(USUAL, answer_lost=0.05, never_arrives=0.05), crash=0.2)


def calm() -> SessionFaults:
    """Every order filled whole, and no process dies."""
    return SessionFaults(QUIET, parts=0.0, crash=0.0)


def restless() -> SessionFaults:
    """A venue that reports fills wrongly and corrects or busts them, some at implausible prices."""
    line = replace(
        USUAL, late=0.3, duplicated=0.3, again=0.3, recounted=0.15, busted=0.1, absurd=0.05, untrue=0.5,
        patience=1,
    )  # fmt: skip
    return SessionFaults(line, parts=0.5, crash=0.02, reused=0.3)


def crowded() -> SessionFaults:
    """An account with external trades, and a venue that reports positions."""
    line = replace(USUAL, late=0.2, again=0.2, busted=0.05, strange=0.1, query_unanswered=0.1)
    return SessionFaults(line, crash=0.02, again=0.2, elsewhere=0.15, hidden=0.7, moved=0.05, listed=0.1)


def glitchy() -> SessionFaults:
    """A feed with impossible prices."""
    return SessionFaults(crash=0.02, nonsense=0.25)


def forgetful() -> SessionFaults:
    """A machine that dies every few bars, and a feed whose next print may be one that cannot be."""
    return SessionFaults(QUIET, crash=0.3, replaced=0.5)


def mistaken() -> SessionFaults:
    """A feed whose next print is always one that cannot be."""
    return SessionFaults(QUIET, replaced=1.0)


def spelled() -> SessionFaults:
    """A sender, a feed and a venue that spell every symbol as they like."""
    return SessionFaults(replace(USUAL, respelt=0.3), crash=0.02, spelled=0.5, elsewhere=0.05)


def everything() -> SessionFaults:
    """All of these at once."""
    line = replace(
        USUAL, late=0.3, duplicated=0.2, again=0.2, stopped=0.2, untrue=0.5, recounted=0.1, busted=0.05, absurd=0.02,
        overfilled=0.002, fee_apart=0.02, respelt=0.1, strange=0.2, answer_lost=0.05, never_arrives=0.03,
    )  # fmt: skip
    return SessionFaults(
        line, parts=0.5, crash=0.03, again=0.2, elsewhere=0.03, moved=0.02, listed=0.05, nonsense=0.08, spelled=0.1,
        reused=0.2,
    )  # fmt: skip


AIMED = (
    Scenario("trade limit", limits.trade_limit, harsh),
    Scenario("position limit", limits.position_limit),
    Scenario("gross limit", limits.gross_limit, built=True),
    Scenario("turnover limit", limits.turnover_limit),
    Scenario("orders that rest", limits.resting, deadly),
    Scenario("orders that rest while quotes are lost", limits.resting, forgetful),
    Scenario("intraday ladder", losses.ladder, calm),
    Scenario("gap inside the loss cap", losses.gap_inside),
    Scenario("gap beyond the loss cap", losses.gap_beyond),
    Scenario("a halt and a recovery", losses.recovery, calm),
    Scenario("a jump to the halt and back", losses.spike, calm),
    Scenario("bursts", limits.throttles),
    Scenario("ids used again", hostile.duplicates, deadly),
    Scenario("quotes that stop", hostile.stale),
    Scenario("clocks that jump", hostile.clocks),
    Scenario("a clock that is set", hostile.set_clocks, bars=200),
    Scenario("prices beyond the collar", limits.collars, harsh),
    Scenario("nonsense", hostile.nonsense),
    Scenario("sizes without measure", hostile.too_much, deadly),
    Scenario("long and short in turn", hostile.flip, harsh),
    Scenario("anything, quiet venue", hostile.fuzz, bars=WHOLE_DAY),
    Scenario("anything, harsh venue", hostile.fuzz, harsh, bars=WHOLE_DAY),
    Scenario("anything, deadly machine", hostile.fuzz, deadly, bars=WHOLE_DAY),
    Scenario("fills above the order", hostile.overfills, greedy),
    Scenario("a store that fails", hostile.lost_store, calm),
    Scenario("a machine too slow", hostile.slow),
    Scenario("the session after a halt", losses.morning_after, calm),
    Scenario("fills put right", hostile.days(hostile.fuzz), restless, bars=200),
    Scenario("prices that cannot be", hostile.days(hostile.fuzz), glitchy, bars=200),
    Scenario("trades of others", hostile.days(hostile.fuzz), crowded, bars=200),
    Scenario("nights with splits", hostile.overnight, harsh, bars=200),
    Scenario("symbols that end", hostile.delisted),
    Scenario("everything at once", hostile.days(hostile.fuzz), everything, bars=200),
    Scenario("everything at once, by two", hostile.days(hostile.fuzz), everything, bars=200, shared=True),
    Scenario("an older store", hostile.older, calm, disk=True),
    Scenario("other spellings", hostile.days(hostile.fuzz), spelled),
    Scenario("another policy", hostile.days(hostile.fuzz), glitchy, bars=200, shared=True, loose=True),
    Scenario("two processes", hostile.days(hostile.fuzz), harsh, bars=200, shared=True),
    Scenario("a first print after a start", hostile.forgotten, mistaken),
)
FLOWN = tuple(Scenario(f"model {name}", fly(name), bars=WHOLE_DAY) for name in MOCKS)
SCENARIOS = (*AIMED, *FLOWN)
