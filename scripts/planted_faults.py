"""Plant faults in the governor, one at a time, and let the Monte Carlo find each (H8).

    python scripts/planted_faults.py [--seed N] [NAME ...]

Each fault takes one thing out of the governor or its store: a check, a reserve, a memory. It is exchanged in the
running process, and sessions of the scenarios named with it are played until the independent ledger finds a breach or
the governor's figures contradict it. The same scenarios and seeds are then played without it and must show nothing.
Prints a Markdown table; exits 1 when a fault is not found, or something is found that was not planted.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType

from plimsoll.simulation.scenarios import SCENARIOS, Scenario
from plimsoll.simulation.study import Odds, run
from plimsoll.store import policy_file
from plimsoll.store.governor_store import SqliteStateStore

SEED = 1
ROUNDS = 12  # sessions of each of its scenarios that a fault may take to be found


@dataclass(frozen=True, slots=True)
class Fault:
    """What is taken out: in ``where``, a module below plimsoll and a function of it, ``right`` becomes ``wrong``."""

    name: str
    where: str
    right: str
    wrong: str
    scenarios: tuple[str, ...]


FAULTS = (
    Fault("an order is sent again under a closed id", "governor.governor:Governor._decided",
          'known[4] == "ADMIT" and self.fact("closed", intent.id) is not None', "False", ("fills put right",)),
    Fault("an order reopened by a bust is sent again", "governor.governor:Governor._decided",
          'self.fact("closed", intent.id) is not None', "intent.id not in self.orders", ("fills put right",)),
    Fault("no trade limit", "governor.checks:_limit_checks",
          "worth <= limits.trade * CENT", "True", ("trade limit",)),
    Fault("no position limit", "governor.checks:_limit_checks",
          "value <= limits.position_of(symbol) * CENT", "True", ("position limit",)),
    Fault("no gross limit", "governor.checks:_limit_checks",
          "book.gross - book.value(symbol) + value <= gross_cap(book, limits) * CENT", "True", ("gross limit",)),
    Fault("no turnover limit", "governor.checks:_limit_checks",
          "a.turnover + book.reserved + added <= limits.turnover * CENT",
          "True", ("turnover limit",)),
    Fault("the reduce-only stage is ignored", "governor.checks:_limit_checks",
          'stage == "reduce_only" or a.restricted', "a.restricted", ("intraday ladder",)),
    Fault("a halt ends when the price recovers", "governor.use:stage_of",
          "if a.halted:", "if False:", ("a halt and a recovery",)),
    Fault("caution does not reduce the trade limit", "governor.use:trade_cap",
          "limits.trade * limits.caution_bps // WHOLE", "limits.trade", ("intraday ladder",)),
    Fault("no health check on the session after a halt", "governor.use:healthy",
          "return settled and marked", "return True or marked", ("the session after a halt",)),
    Fault("an overfill restricts nothing", "governor.checks:_limit_checks",
          'stage == "reduce_only" or a.restricted', 'stage == "reduce_only"', ("fills above the order",)),
    Fault("a market order keeps no reserve", "governor.checks:with_reserve",
          "WHOLE + limits.move_bps", "WHOLE", ("turnover limit",)),
    Fault("an open order counts at the ask of its admission", "governor.book:Book._weigh",
          "if ask > line.least:", "if False:", ("anything, quiet venue",)),
    Fault("an order resting above the ask counts at the ask", "governor.checks:worst_price",
          "max(book.ask(intent.symbol), intent.limit or 0)", "book.ask(intent.symbol)",
          ("prices beyond the collar",)),
    Fault("a sale that crosses zero is a reduction", "governor.book:Book.reduces",
          "(line.buys if sign > 0 else line.sells) + quantity <= abs(held)", "True", ("long and short in turn",)),
    Fault("open sales are ignored when a reduction is checked", "governor.book:Book.reduces",
          "(line.buys if sign > 0 else line.sells) + quantity", "quantity", ("long and short in turn",)),
    Fault("open orders are lost in a crash", "governor.staged:Staged.reload",
          "book.absorb(sorted(rows,", 'book.absorb(sorted((r for r in rows if r[0] != "open"),',
          ("orders that rest",)),
    Fault("a partial fill releases the whole order", "governor.executions:placed",
          "if order.rest and not ended:", "if order.rest and not ended and not order.filled:",
          ("orders that rest", "anything, harsh venue")),
    Fault("a suspect price does not block orders", "governor.checks:check_order",
          "if intent.symbol in book.doubts:", "if False:", ("prices that cannot be",)),
    Fault("the loss counts as known although a position's price is in doubt", "governor.use:known_price",
          "symbol in book.doubts or", "", ("prices that cannot be",)),
    Fault("any jump is believed", "governor.prices:near",
          "abs(other.bid + other.ask - before) * WHOLE <= bound_bps * before", "True", ("prices that cannot be",)),
    Fault("an invalid quote leaves the previous quote valid", "governor.prices:judged",
          "return None, _refused(doubt, new)", "return last, doubt", ("prices that cannot be",)),
    Fault("the better of two prices marks a position", "governor.book:Book._weigh",
          "mark = min(mark,", "mark = max(mark,", ("prices that cannot be",)),
    Fault("a doubted price that proves correct causes no halt", "governor.prices:confirmed",
          "return Quote(doubt.bid, doubt.ask, doubt.at)", "return None", ("a jump to the halt and back",)),
    Fault("a clock step leaves quotes fresh", "governor.book:Book.age",
          "self.aged = dict(self.quotes)", "pass", ("a clock that is set",)),
    Fault("an old quote counts as fresh", "governor.book:Book.fresh",
          "since <= quote.at", "True", ("a clock that is set", "quotes that stop")),
    Fault("writes of another process are ignored", "governor.staged:Staged.learn",
          "self.book.absorb(found)", "pass", ("two processes",)),
    Fault("an execution is known by its id alone", "governor.executions:_key",
          'f"{symbol} {execution} {venue}" if venue else f"{symbol} {execution}"', "execution", ("two processes",)),
    Fault("a repeated execution counts twice", "governor.executions:_rebooked",
          "into = change.new if fresh else change.facts", "into = change.facts", ("two processes",)),
    Fault("a bust has no effect", "governor.executions:busted",
          "now = changed(before, busted=True)", "now = changed(before, busted=False)", ("fills put right",)),
    Fault("a correction counts in addition to the execution", "governor.executions:_rebooked",
          "units[0] - sum(units[1:])", "units[0]", ("fills put right",)),
    Fault("a fill above its order is not noticed",
          "governor.executions:_rebooked", "more > 0 and order_now.filled > order_now.quantity", "False",
          ("fills above the order",)),
    Fault("a split leaves the position in old units", "governor.facts:_split",
          "(held - later) * new // old + later", "held", ("nights with splits",)),
    Fault("a split leaves its price in old units", "governor.facts:_split",
          "quote is not None and quote.at < told.at", "False", ("nights with splits",)),
    Fault("further prints confirm an overnight split", "governor.prices:judged",
          "symbol in book.positions and _apart", "False and _apart", ("nights with splits",)),
    Fault("an external trade is not counted in the turnover", "governor.facts:_external",
          "turnover=told.quantity * counted", "turnover=0", ("trades of others",)),
    Fault("a repeated external trade counts twice", "governor.facts:told",
          "before is not None", "False", ("trades of others",)),
    Fault("a transfer is a gain", "governor.facts:_transfer",
          "cash=-worth // 2", "cash=0", ("trades of others",)),
    Fault("the venue's positions are ignored", "governor.facts:_snapshot",
          'change.puts.append(("told", symbol, said))', "pass", ("trades of others",)),
    Fault("a disputed position does not block orders", "governor.checks:_limit_checks",
          "symbol in book.told", "False", ("trades of others",)),
    Fault("a disputed position can be sold up to the counted quantity", "governor.book:Book.sure",
          "if line.told is not None:", "if False:", ("trades of others",)),
    Fault("a settlement pays any price, and the position stays", "governor.facts:_settlement",
          "moved(change, known, symbol, -quantity, told.at)", "pass", ("symbols that end",)),
    Fault("another policy does not block orders", "governor.checks:_limit_checks",
          "if limits.foreign:", "if False:", ("another policy",)),
    Fault("another policy's price bounds apply to all", "governor.limits:GovernorLimits.beside",
          "Jumps(*ruling.jumps) if ruling.jumps else self.jumps", "self.jumps", ("another policy",)),
    Fault("each spelling is a separate symbol", "governor.protocol_lines:symbol_in",
          "return _identity(value)", "return value", ("other spellings",)),
    Fault("an older copy of the store is accepted", "store.governor_store:SqliteStateStore._followed",
          "if end < seen.number:", "if False:", ("an older store",)),
    Fault("a trade at an impossible price is a gain", "governor.prices:paid",
          "max(told, ask) if sign > 0 else min(told, bid)", "told", ("fills put right",)),
    Fault("a trade reported far too cheap makes room in the turnover", "governor.prices:paid",
          "max(prices[1], ask)", "prices[1]", ("fills put right",)),
    Fault("a foreign order at the venue does not block orders", "governor.checks:_limit_checks",
          "if book.foreign:", "if False:", ("trades of others",)),
    Fault("an order that the venue refused keeps its room", "execution.governed:GovernedVenue.submit",
          "isinstance(answer, Refused)", "False", ("nights with splits",)),
    Fault("a print that nobody believes says what the lost ones were", "governor.governor:Governor.quote",
          "if left is None:", "if True:", ("orders that rest while quotes are lost",)),
    Fault("a first price is kept in memory only", "governor.quotes:UnsavedQuotes.strayed",
          "then is None or not near(", "then is not None and not near(",
          ("a first print after a start",)),
)  # fmt: skip


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The fault is in the running code; ``ValueError`` where the code it was written for is another now."""
    module, _, path = fault.where.partition(":")
    owner: object = importlib.import_module(f"plimsoll.{module}")
    names = vars(owner)
    function = owner
    for name in path.split("."):
        function = inspect.getattr_static(function, name)
    if isinstance(function, property):
        function = function.fget
    if not isinstance(function, FunctionType):
        raise ValueError(f"{fault.where} is no function")
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(fault.right) != 1:
        raise ValueError(f"{fault.where} does not hold once: {fault.right}")
    made: dict[str, object] = {}
    lines = source.replace(fault.right, fault.wrong).splitlines(keepends=True)
    begun = next(n for n, line in enumerate(lines) if line.startswith(("def ", "async def ")))  # without decorators
    exec(
        compile("from __future__ import annotations\n" + "".join(lines[begun:]), fault.where, "exec"), names | {}, made
    )
    right = function.__code__
    function.__code__ = made[function.__name__].__code__  # type: ignore[attr-defined]
    try:
        yield
    finally:
        function.__code__ = right


def named(names: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios of these names."""
    found = tuple(scenario for scenario in SCENARIOS if scenario.name in names)
    if len(found) != len(set(names)):
        raise ValueError(f"no scenario is called {sorted(set(names) - {scenario.name for scenario in found})}")
    return found


def played(scenarios: Sequence[Scenario], seed: int) -> Odds:
    """A session of each scenario."""
    policy = policy_file.load("micro").policy
    return run(policy, len(scenarios), seed, (), SqliteStateStore, scenarios=scenarios)


def evidence(odds: Odds) -> dict[str, int]:
    """Breaches and disagreements, by name."""
    return {**odds.breached, **{f"{name} disagrees": count for name, count in odds.disagreed.items()}}


def hunted(fault: Fault, seed: int = SEED, rounds: int = ROUNDS) -> tuple[int, dict[str, int]]:
    """After how many sessions a planted fault shows, and as what; nothing where it does not."""
    scenarios = named(fault.scenarios)
    with planted(fault):
        for round_ in range(rounds):
            found = evidence(played(scenarios, seed + round_))
            if found:
                return (round_ + 1) * len(scenarios), found
    return rounds * len(scenarios), {}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="faults to plant; all where none is named")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    faults = [fault for fault in FAULTS if not asked.names or fault.name in asked.names]
    print("| fault | sessions | found as |\n|---|---:|---|")
    missed, most = [], {}
    for fault in faults:
        sessions, found = hunted(fault, asked.seed)
        missed += [] if found else [fault.name]
        for scenario in fault.scenarios:
            most[scenario] = max(most.get(scenario, 0), sessions // len(fault.scenarios))
        shown = ", ".join(f"{name} ({count})" for name, count in sorted(found.items())) or "NOT FOUND"
        print(f"| {fault.name} | {sessions} | {shown} |", flush=True)
    false = {}
    for scenario, rounds in most.items():
        for round_ in range(rounds):
            if found := evidence(played(named([scenario]), asked.seed + round_)):
                false[scenario] = found
    print(f"\n{len(faults) - len(missed)} of {len(faults)} found; without a fault: {false or 'nothing'}")
    sys.exit(bool(missed or false))


if __name__ == "__main__":
    main()
