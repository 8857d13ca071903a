"""Loss scenarios: down the intraday ladder, jumps and gaps inside and beyond the cap, the session after a halt (H8)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from plimsoll.core.quantity import CENT
from plimsoll.governor.limits import WHOLE
from plimsoll.simulation.limit_scenarios import APART, Steps, fill_up
from plimsoll.simulation.paths import DAY
from plimsoll.simulation.simulated_account import SimulatedAccount


def ladder(account: SimulatedAccount) -> Steps:
    """Down the intraday ladder a stage at a time, trying at each the orders it forbids and those it allows.

    Only one symbol is held, so that no other limit stops the orders tried.
    """
    kept = min(account.symbols, key=account.limits.position_of)
    symbol = next(other for other in account.symbols if other != kept)
    yield from _hold(account, (kept,))
    for stage in range(3):
        if not _lose(account, _mark(account, stage) * Fraction(101, 100)):
            return
        yield
        most = account.limits.trade * CENT // account.ask_of(symbol)
        half = most * account.limits.caution_bps // WHOLE
        for quantity in (most, half + 1, half, 1):
            account.send(symbol, 1, quantity)
            account.tick(APART)
        account.send(kept, -1, max(account.held(kept) // 10, 1))  # reductions pass at every stage
        yield
    while True:
        account.send(symbol, 1, 1)
        yield


def recovery(account: SimulatedAccount) -> Steps:
    """A loss at the halt that the market recovers in a few bars: the session stays halted."""
    yield from _hold(account)
    before = account.scale
    if not _lose(account, _mark(account, 2) * Fraction(101, 100)):
        return
    for _ in range(3):
        yield
    account.scale = before
    for _ in range(3):
        yield
    yield from _tries(account)


def spike(account: SimulatedAccount) -> Steps:
    """A jump of one holding to the halt, confirmed by the next price, slightly less bad, and then reversed: the
    session stays halted, because both prices were true.
    """
    account.frozen = True
    symbol, worth = account.symbols[0], account.limits.loss * 3
    while (missing := worth * CENT // account.ask_of(symbol) - account.held(symbol)) > 0 and account.bar < 40:
        account.send(symbol, 1, min(missing, account.room(symbol)))
        for _ in range(3):
            yield
    before, halt = account.scale, _mark(account, 2)
    if not _lose(account, halt * Fraction(101, 100)):
        return
    yield
    account.scale += (before - account.scale) / 10
    yield
    account.scale = before
    for _ in range(3):
        yield
    yield from _tries(account)


def gap_inside(account: SimulatedAccount) -> Steps:
    """A gap that takes the loss to just below its cap; every later order that adds risk must be refused."""
    yield from _hold(account)
    if _lose(account, Fraction(account.limits.loss, 100) * Fraction(int(account.draw.integers(955, 998)), 1000)):
        yield
    yield from _tries(account)


def gap_beyond(account: SimulatedAccount) -> Steps:
    """A gap that no limit can stop: the loss exceeds its cap, and only reductions are admitted (H9)."""
    yield from _hold(account)
    if _lose(account, Fraction(account.limits.loss, 100) * Fraction(int(account.draw.integers(105, 250)), 100)):
        yield
    yield from _tries(account)


def _tries(account: SimulatedAccount) -> Steps:
    """Small orders of every kind, bar after bar: only reductions may be admitted."""
    while True:
        for symbol in account.symbols:
            account.send(symbol, 1, 1 + int(account.draw.integers(1000)))
            account.tick(APART)
        symbol = account.symbols[int(account.draw.integers(len(account.symbols)))]
        if held := account.held(symbol):
            account.send(symbol, -1, max(held // 20, 1))
            account.send(symbol, -1, held * 2 + 1)
        yield


def _hold(account: SimulatedAccount, symbols: Sequence[str] = ()) -> Steps:
    """Buy the largest portfolio that the day allows and wait until it is filled, prices constant."""
    account.frozen = True
    for _ in range(8):
        fill_up(account, symbols)
        yield
    for _ in range(4):
        yield


def _mark(account: SimulatedAccount, stage: int) -> Fraction:
    """The loss in dollars at which a stage of the ladder begins."""
    s, limits = account.limits.stages[stage], account.limits
    return min(
        Fraction(s.equity_bps * account.governor.account.equity, WHOLE * 100),
        Fraction(s.loss_bps * limits.loss, WHOLE * 100),
    )


def _lose(account: SimulatedAccount, dollars: Fraction) -> bool:
    """Let prices fall until the session has lost so much; False where positions are too small for it."""
    value = account.value()
    share = float((dollars - account.ledger.loss) / value) if value > 0 else 1.0
    if not 0.0 < share < 0.95:
        return False
    account.gap(share)
    return True


def morning_after(account: SimulatedAccount) -> Steps:
    """A session after a halt, begun with an order of the day before still open: no purchase until it is closed."""
    yield from _hold(account)
    symbol = max(account.symbols, key=account.held)
    above = account.ask_of(symbol) * (2 * WHOLE + account.limits.collar_bps) // (2 * WHOLE)
    yesterday = [account.send(symbol, -1, max(account.held(symbol) // 10, 1), limit=above).id]
    if not _lose(account, _mark(account, 2) * Fraction(101, 100)):
        return
    yield
    account.begin(DAY + 1, account.governor.account.equity)
    while True:
        account.send(symbol, 1, 1 + account.bar)
        if account.bar % 10 == 9 and yesterday:
            account.cancel(yesterday.pop())
        yield
