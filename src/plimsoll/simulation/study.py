"""Monte Carlo of many sessions, with its verdict: a run that approaches no limit fails (H8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path as File
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from plimsoll.core.errors import UsageError
from plimsoll.core.money import cents
from plimsoll.core.policy import Policy
from plimsoll.core.ports import StateStore
from plimsoll.governor.limits import WHOLE, GovernorLimits, limits_of
from plimsoll.simulation.independent_ledger import LIMITS, IndependentLedger, caps_of
from plimsoll.simulation.limit_scenarios import days_to_build, fill_up
from plimsoll.simulation.paths import DAY, HOURS, Blocks, Path, bootstrapped, synthetic
from plimsoll.simulation.scenarios import SCENARIOS, Scenario
from plimsoll.simulation.simulated_account import SimulatedAccount
from plimsoll.simulation.store import MortalStore
from plimsoll.simulation.tally import Tally
from plimsoll.store.governor_memory import MemoryAccount, MemoryStateStore

APPROACHED = 0.95  # of a limit (H8)
REFUSALS = (  # every refusal code of the governor and its line protocol
    "NO_SESSION", "TIME_OUTSIDE_SESSION", "CLOCK_BACK", "STALE_ORDER", "LATE", "BAD_TIME", "BAD_QUANTITY",
    "PRICE_UNKNOWN", "POSITION_DISPUTED", "FOREIGN_ORDER", "OTHER_POLICY",
    "BAD_PRICE", "NO_QUOTE", "STALE_QUOTE", "PRICE_COLLAR", "DUPLICATE_INTENT", "ORDER_CLOSED",
    "ORDERS_PER_SECOND", "ORDERS_PER_MINUTE", "REPEATED_EXECUTION", "TRADE_LIMIT", "POSITION_LIMIT",
    "GROSS_LIMIT", "TURNOVER_LIMIT", "LOSS_LIMIT", "LOSS_UNKNOWN", "INTRADAY_CAUTION",
    "INTRADAY_REDUCE_ONLY", "INTRADAY_HALT", "STORE_LOST",
    "STORE_BUSY", "UNKNOWN_SYMBOL", "TOO_SLOW", "HEALTH_CHECK",
)  # fmt: skip
_ON_DISK = 13  # one session in so many keeps its account in SQLite
_FIRST_ON_DISK = 5
_BARS_ON_DISK = 20  # a disk write may take milliseconds
_SPARE = Fraction(6, 5)  # sum of the symbols' position caps over the gross limit
_SYMBOLS_MAX = 40
ENOUGH = 60
"""Sessions below which some limit or refusal is usually not reached: the shortest run of the documentation."""
_AT_ONCE = 20  # sessions that a worker is given at a time


class LossBeyondCap(msgspec.Struct, frozen=True):
    """Sessions in which a gap through a position took the loss beyond its cap, without a breach by an order (H9)."""

    sessions: int
    worst: float  # of the cap
    worst_usd: str


class FailedSession(msgspec.Struct, frozen=True):
    """A session in which an order breached a limit, or governor and ledger disagreed, with the first such bar.

    Counts are orders of ``breached`` and bars of ``disagreed``. ``session`` is its number: with the same seed, policy
    and recorded bars it is the same session, however many others are played.
    """

    session: int
    kind: str
    bar: int
    breached: dict[str, int]
    disagreed: dict[str, int]


class Odds(msgspec.Struct, frozen=True):
    """Results of a Monte Carlo of the governor.

    ``max_use`` is the highest use of each limit when an order that may add risk was sent, as a fraction; for the loss,
    the highest at any mark within its cap. ``disagreed`` counts the bars at which the governor had another position
    than the independent ledger, or counted less of a limit, and venue reports that it did not accept. ``held_back``
    counts reasons that stopped or reduced models' orders before the governor. ``failed`` names the sessions with
    breaches and disagreements. ``session`` is the number of the only one played, where one was requested; such a run
    may approach no limit.
    """

    sessions: int
    seed: int
    profile: str
    accepted: int
    refused: dict[str, int]
    max_use: dict[str, float]
    breaches: int
    breached: dict[str, int]
    disagreed: dict[str, int]
    loss_beyond_cap: LossBeyondCap
    unapproached: tuple[str, ...]
    unseen: tuple[str, ...]
    held_back: dict[str, int]
    events: dict[str, int]
    scenes: dict[str, int]
    bars: dict[str, int]
    synthetic: bool
    passed: bool
    failed: tuple[FailedSession, ...] = ()
    session: int | None = None

    @property
    def too_few(self) -> bool:
        """Whether it did not pass for nothing but too few sessions."""
        wrong = self.breaches or self.disagreed or self.failed
        return self.session is None and not (self.passed or wrong) and self.sessions < ENOUGH


@dataclass(slots=True)
class _Sum:
    tally: Tally = field(default_factory=Tally)
    scenes: Counter[str] = field(default_factory=Counter)
    bars: Counter[str] = field(default_factory=Counter)
    use: dict[str, Fraction] = field(default_factory=lambda: dict.fromkeys(LIMITS, Fraction(0)))
    breached: Counter[str] = field(default_factory=Counter)
    beyond: int = 0
    worst: Fraction = Fraction(0)
    failed: list[FailedSession] = field(default_factory=list)

    def take(self, other: _Sum) -> None:
        """Add the results of later sessions."""
        self.tally.accepted += other.tally.accepted
        for mine, others in (
            (self.tally.refused, other.tally.refused), (self.tally.held_back, other.tally.held_back),
            (self.tally.events, other.tally.events), (self.tally.disagreed, other.tally.disagreed),
            (self.scenes, other.scenes), (self.bars, other.bars), (self.breached, other.breached),
        ):  # fmt: skip
            mine.update(others)
        self.use = {name: max(share, other.use[name]) for name, share in self.use.items()}
        self.beyond += other.beyond
        self.worst = max(self.worst, other.worst)
        self.failed += other.failed


@dataclass(frozen=True, slots=True)
class _Plan:
    """Inputs of a session besides its number: ``kinds`` are names of scenarios, played in turn."""

    policy: Policy
    seed: int
    blocks: Sequence[Blocks]
    on_disk: Callable[[File], StateStore]
    kinds: tuple[str, ...]


def run(
    policy: Policy,
    sessions: int,
    seed: int,
    blocks: Sequence[Blocks],
    on_disk: Callable[[File], StateStore],
    progress: Callable[[int, int], None] | None = None,
    scenarios: Sequence[Scenario] = SCENARIOS,
    *,
    workers: int = 1,
    session: int | None = None,
) -> Odds:
    """Play the sessions, numbered from 0, and judge the run.

    Parameters
    ----------
    blocks : recorded sessions to bootstrap paths from; half of the sessions use them where there are any.
    scenarios : the scenarios, played in turn.
    on_disk : opens a durable store at a path; one session in thirteen uses it instead of memory, for its first bars.
    workers : processes that play side by side.
    session : the number of the only one to play, instead of ``sessions``.

    Returns
    -------
    Odds : a function of policy, sessions, seed and blocks alone.
    """
    if sessions < 1:
        raise UsageError(f"--sessions {sessions} plays nothing", "Give 1 or more")
    plan = _Plan(policy, seed, blocks, on_disk, tuple(scenario.name for scenario in scenarios))
    numbers = range(sessions) if session is None else range(session, session + 1)
    found = _Sum()
    for played in _played(plan, numbers, workers):
        found.take(played)
        if progress is not None:
            progress(found.scenes.total(), len(numbers))
    return _judged(found, policy, limits_of(policy), seed, session)


def _played(plan: _Plan, numbers: range, workers: int) -> Iterator[_Sum]:
    """Results of some sessions, in the order of their numbers."""
    if workers == 1:
        yield from (_sum_of(plan, [n]) for n in numbers)
        return
    parts = [numbers[n : n + _AT_ONCE] for n in range(0, len(numbers), _AT_ONCE)]
    with ProcessPoolExecutor(max_workers=workers) as pool:
        yield from pool.map(partial(_sum_of, plan), parts)


def _sum_of(plan: _Plan, numbers: Iterable[int]) -> _Sum:
    by_name, limits, found = {s.name: s for s in SCENARIOS}, limits_of(plan.policy), _Sum()
    with TemporaryDirectory() as folder:
        for n in numbers:
            scenario = by_name[plan.kinds[n % len(plan.kinds)]]
            draw = np.random.default_rng([plan.seed, n])
            with ExitStack() as held:
                file = File(folder) / f"{n}.db"
                disk = scenario.disk or (n % _ON_DISK == _FIRST_ON_DISK and not scenario.shared)
                store = MortalStore(_in_memory(), torn=False)
                if disk:
                    store = MortalStore(_reopener(plan.on_disk, file, held), torn=True, file=file, close=held.close)
                bars = _BARS_ON_DISK if disk else scenario.bars
                account = _session(scenario, bars, plan.policy, limits, store, draw, plan.blocks)
            found.take(_result(n, scenario, account))
    return found


def _in_memory() -> Callable[[], StateStore]:
    account = MemoryAccount()
    return lambda: MemoryStateStore(account)


def _reopener(on_disk: Callable[[File], StateStore], file: File, held: ExitStack) -> Callable[[], StateStore]:
    """Closes the file and opens it again, as a restarted process does."""

    def reopen() -> StateStore:
        held.close()
        return held.enter_context(on_disk(file))  # type: ignore[arg-type]

    return reopen


def symbols_of(limits: GovernorLimits, equity: int) -> tuple[str, ...]:
    """Enough symbols that their position caps together exceed the gross limit; those with their own caps first."""
    gross = equity * limits.gross_bps // WHOLE
    named = sorted(limits.positions, key=lambda s: (-limits.positions[s], s))
    names: list[str] = []
    room = 0
    made_up = [f"S{n:02d}" if n % 2 == 0 else f"S{n:02d}-USD" for n in range(_SYMBOLS_MAX)]  # stocks and crypto
    for symbol in [*named, *made_up]:
        if len(names) >= 2 and room >= gross * _SPARE:
            break
        names.append(symbol)
        room += limits.position_of(symbol)
    if limits.positions and not any(s not in limits.positions for s in names):
        names.append("S00")
    return tuple(names)


def _session(
    scenario: Scenario,
    most: int,
    policy: Policy,
    limits: GovernorLimits,
    store: MortalStore,
    draw: np.random.Generator,
    blocks: Sequence[Blocks],
) -> SimulatedAccount:
    equity = cents(policy.account.capital) * int(draw.integers(900, 1101)) // 1000
    symbols = symbols_of(limits, equity)
    limits = replace(limits, symbols=frozenset(symbols))
    paths = _paths(symbols, blocks, draw)
    ledger = IndependentLedger(caps_of(policy))
    account = SimulatedAccount(policy, limits, store, ledger, paths, draw, scenario.faults())
    if scenario.shared:
        account.join(store.twin(), loosened(limits) if scenario.loose else limits)
    account.send(account.symbols[0], 1, 1)  # before any session has begun
    if scenario.built:
        account.build(days_to_build(limits, equity), equity, fill_up)
    account.begin(DAY, equity)
    steps = scenario.steps(account)
    for bar in range(min(HOURS // next(iter(paths.values())).bars.step, most)):
        account.next_bar(bar)
        next(steps, None)
    account.finish()
    return account


def loosened(limits: GovernorLimits) -> GovernorLimits:
    """Limits of a permissive policy, with the account's own dollar caps."""
    jumps = replace(limits.jumps, plain=100 * WHOLE, crypto=100 * WHOLE)
    return replace(
        limits,
        gross_bps=4 * limits.gross_bps,
        collar_bps=WHOLE,
        move_bps=0,
        quote_age=48 * limits.quote_age,
        jumps=jumps,
    )


def _paths(symbols: Sequence[str], blocks: Sequence[Blocks], draw: np.random.Generator) -> dict[str, Path]:
    if not blocks or draw.random() < 0.5:
        return {symbol: synthetic(symbol, draw) for symbol in symbols}
    step = blocks[int(draw.integers(len(blocks)))].step
    mine = [b for b in blocks if b.step == step]
    return {symbol: bootstrapped(symbol, mine[int(draw.integers(len(mine)))], draw) for symbol in symbols}


def _result(n: int, scenario: Scenario, account: SimulatedAccount) -> _Sum:
    """Result of one session."""
    tally, ledger = account.tally, account.ledger
    origin = "synthetic" if next(iter(account.paths.values())).origin == "synthetic" else "bootstrapped"
    found = _Sum(
        tally=tally,
        scenes=Counter([scenario.name]),
        bars=Counter([origin]),
        use=ledger.use,
        breached=Counter(ledger.breaches),
        beyond=int(ledger.worst_loss > 1),
        worst=max(ledger.worst_loss, Fraction(0)),
    )
    if tally.first is not None:
        breached, disagreed = dict(sorted(ledger.breaches.items())), dict(sorted(tally.disagreed.items()))
        found.failed.append(FailedSession(n, scenario.name, tally.first, breached, disagreed))
    return found


def _judged(found: _Sum, policy: Policy, limits: GovernorLimits, seed: int, session: int | None) -> Odds:
    use = {name: float(share) for name, share in found.use.items()}
    unapproached = tuple(name for name in LIMITS if session is None and not use[name] >= APPROACHED)
    refused = dict(sorted(found.tally.refused.items()))
    unseen = tuple(code for code in REFUSALS if session is None and code not in refused)
    breaches = sum(found.breached.values())
    disagreed = {name: count for name, count in sorted(found.tally.disagreed.items()) if count}
    beyond = found.worst if found.worst > 1 else Fraction(0)
    return Odds(
        sessions=found.scenes.total(),
        seed=seed,
        profile=policy.profile,
        accepted=found.tally.accepted,
        refused=refused,
        max_use=use,
        breaches=breaches,
        breached=dict(sorted(found.breached.items())),
        disagreed=disagreed,
        loss_beyond_cap=LossBeyondCap(found.beyond, float(beyond), f"{float(beyond * limits.loss) / 100:.2f}"),
        unapproached=unapproached,
        unseen=unseen,
        held_back=dict(sorted(found.tally.held_back.items())),
        events=dict(sorted(found.tally.events.items())),
        scenes={scenario.name: found.scenes[scenario.name] for scenario in SCENARIOS if found.scenes[scenario.name]},
        bars=dict(sorted(found.bars.items())),
        synthetic="bootstrapped" not in found.bars,
        passed=breaches == 0
        and not disagreed
        and (found.tally.accepted > 0 or session is not None)
        and not unapproached
        and not unseen,
        failed=tuple(found.failed),
        session=session,
    )
