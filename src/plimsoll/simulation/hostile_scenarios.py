"""Scenarios with faulty senders, feeds, venues and machines, and corporate actions overnight (H8)."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.core.quantity import CENT
from plimsoll.governor.governor import MINUTE
from plimsoll.governor.limits import WHOLE
from plimsoll.simulation.limit_scenarios import APART, Steps, flat
from plimsoll.simulation.simulated_account import SimulatedAccount

_HOUR = 60 * MINUTE
_STRANGER = "STRANGER"  # not a symbol of the account
_SPLITS = ((2, 1), (3, 1), (3, 2), (10, 1), (1, 2), (1, 3), (1, 10), (1, 20))  # new units, old units
_BARS_A_DAY = 30  # for sessions this short


def duplicates(account: SimulatedAccount) -> Steps:
    """Reused ids: for the same order, which may be sent once, also after it closed, and for another."""
    while True:
        symbol = account.symbols[int(account.draw.integers(len(account.symbols)))]
        quantity = max(account.room(symbol) // 2, 1)
        name = f"again{account.bar}"
        for wanted in (quantity, quantity, quantity + 1):
            account.send(symbol, 1, wanted, name=name)
        account.send(symbol, -1, quantity, name=name)
        yield
        account.send(symbol, 1, quantity, name=name)
        if account.bar % 12 == 11:
            yield from flat(account)


def stale(account: SimulatedAccount) -> Steps:
    """Quotes that stop: of the ordered symbol, which is held, or is ordered only when its quote is old."""
    quiet, other = account.symbols[0], account.symbols[-1]
    account.send("NEVER-QUOTED", 1, 1)
    held = account.draw.random() < 0.5
    if held:
        account.send(quiet, 1, max(account.room(quiet) // 2, 1))
    for _ in range(4):
        yield
    account.muted = {quiet}
    while True:
        if held or account.now - account.quote_of(quiet).at > account.limits.quote_age:
            account.send(quiet, 1, 1)
        account.tick(APART)
        account.send(other, 1, 1)
        yield


def forgotten(account: SimulatedAccount) -> Steps:
    """A process that starts again between two prints, before anything is ordered, and is then asked for more than the
    trade cap by the true price: the print may say that it is less.
    """
    while True:
        account.repair()
        yield
        for symbol, (_, ask, _) in account.ledger.books.items():
            account.send(symbol, 1, 3 * account.limits.trade * CENT // ask)
            account.tick(APART)


def clocks(account: SimulatedAccount) -> Steps:
    """A sender whose clock jumps back, ahead, and to another day, and whose orders are late, on a live account."""
    account.go_live()
    while True:
        symbol = account.symbols[0]
        account.send(symbol, 1, 1 + account.bar, waited=account.limits.wait_max + 1)
        for jump in (-_HOUR, -1, 4 * 24 * _HOUR, -4 * 24 * _HOUR, 0):
            account.send(symbol, 1, 1 + account.bar, at=account.now + jump)
        yield


def set_clocks(account: SimulatedAccount) -> Steps:
    """A live account whose feed stops and whose machine's clock is set, often back far enough to make old quotes look
    fresh.
    """
    account.go_live()
    playing, draw = fuzz(account), account.draw
    while True:
        for _ in range(15):
            next(playing)
            yield
        account.muted = set(account.symbols)
        account.set_clock(int(draw.choice((-40, -30, -20, -1, 1, 180))) * MINUTE)
        for _ in range(50):
            next(playing)
            yield
        account.muted = set()
        account.set_clock(0)


def nonsense(account: SimulatedAccount) -> Steps:
    """Input that is not a number, not an order, not JSON; quantities of zero, below it and beyond any account."""
    symbol = account.symbols[0]
    while True:
        at = f'"ts":"2026-03-02T15:{account.bar % 60:02d}:00Z"'
        wrong = [f'"qty":{quantity},{at}' for quantity in ('"NaN"', "NaN", '"-1"', '"1e9"', '"1","limit":"NaN"')]
        wrong += [f'"qty":"1","ts":"{instant}"' for instant in ("2026-03-02T15:00:00", "soon")]
        for n, rest in enumerate(wrong):
            account.line(f'{{"type":"intent","id":"n{account.bar}-{n}","symbol":"{symbol}","side":"buy",{rest}}}')
        account.line("not JSON at all")
        for quantity in (0, -5, 10**15, 10**30):
            account.send(symbol, 1, quantity)
        account.quote_other(_STRANGER, 10.0)
        account.send(_STRANGER, 1, 1)
        yield


def too_much(account: SimulatedAccount) -> Steps:
    """Always buys, in sizes beyond any account, in all symbols at once."""
    while True:
        for symbol in account.symbols:
            for times in (1, 2, 5, 1000):
                account.send(symbol, 1, max(account.room(symbol), 1) * times)
                account.tick(APART)
        yield


def flip(account: SimulatedAccount) -> Steps:
    """Long and short in turn at every bar, crossing zero, without sizing."""
    sign = 1
    while True:
        for symbol in account.symbols:
            most = account.limits.trade * CENT // account.ask_of(symbol)
            account.send(symbol, sign, abs(account.held(symbol)) + most)
            account.send(symbol, sign, most)
            account.tick(APART)
        sign = -sign
        yield


def fuzz(account: SimulatedAccount) -> Steps:
    """Random orders: sizes around the remaining room, both sides, with or without limits, cancels, in no order."""
    draw = account.draw
    while True:
        for _ in range(int(draw.integers(0, 4))):
            symbol = account.symbols[int(draw.integers(len(account.symbols)))]
            room = max(account.room(symbol), account.limits.trade * CENT // account.ask_of(symbol) // 4)
            quantity = room * int(draw.integers(1, 150)) // 100
            limit = None
            if draw.random() < 0.3:
                limit = max(account.ask_of(symbol) * int(draw.integers(9_650, 10_350)) // WHOLE, 1)
            account.send(symbol, 1 if draw.random() < 0.55 else -1, quantity, limit=limit)
            account.tick(APART)
        for order in account.working():
            if draw.random() < 0.1:
                account.cancel(order)
        if (held := account.held(account.symbols[0])) and draw.random() < 0.2:
            account.send(account.symbols[0], -1 if held > 0 else 1, abs(held))
        yield


def overfills(account: SimulatedAccount) -> Steps:
    """A venue that fills beyond an order: from then on the session only reduces."""
    while True:
        symbol = account.symbols[int(account.draw.integers(len(account.symbols)))]
        account.send(symbol, 1, max(account.room(symbol) // 2, 1))
        if held := account.held(symbol):
            account.send(symbol, -1 if held > 0 else 1, max(abs(held) // 4, 1))
        yield


def lost_store(account: SimulatedAccount) -> Steps:
    """A store that fails between two orders, or that other processes keep busy, until the process restarts."""
    symbol, busy = account.symbols[0], False
    while True:
        for n in range(4):
            if n == 2:
                account.lose_store(busy=busy)
            account.send(symbol, 1, 1 + n)
            account.tick(APART)
        account.repair()
        busy = not busy
        yield


def slow(account: SimulatedAccount) -> Steps:
    """A machine that becomes too slow in the middle of a session: from then on it only reduces (H5)."""
    pace = account.limits.pace
    while True:
        symbol = account.symbols[int(account.draw.integers(len(account.symbols)))]
        account.send(symbol, 1, max(account.room(symbol) // 4, 1))
        if (held := account.held(symbol)) and account.draw.random() < 0.2:
            account.send(symbol, -1 if held > 0 else 1, abs(held))
        account.record_latency(pace.longest + int(account.bar >= 30))
        yield


def days(act: Callable[[SimulatedAccount], Steps]) -> Callable[[SimulatedAccount], Steps]:
    """The scenario, with a night every so many bars, so that it does not run out of turnover."""

    def over_days(account: SimulatedAccount) -> Steps:
        playing = act(account)
        while True:
            next(playing)
            yield
            if account.bar % _BARS_A_DAY == _BARS_A_DAY - 1:
                account.sleep()

    return over_days


def overnight(account: SimulatedAccount) -> Steps:
    """Nights over which units and prices change: splits reported before the first quote, after some, or after a
    snapshot of positions, and dividends. Trading continues.
    """
    draw = account.draw
    while True:
        for _ in range(3):
            for symbol in account.symbols:
                account.send(symbol, 1 if draw.random() < 0.7 else -1, max(account.room(symbol) // 2, 1))
                account.tick(APART)
            yield
        yield from _quiet(account, 4)
        account.sleep()
        symbol = account.symbols[int(draw.integers(len(account.symbols)))]
        if draw.random() < 0.3:
            account.dividend(symbol, int(draw.integers(10, 300)))
            yield
            continue
        new, old = _SPLITS[int(draw.integers(len(_SPLITS)))]
        told = draw.random() < 0.4
        account.split(symbol, new, old, told=told)
        for bar in range(4):
            yield
            for other in account.symbols:
                held = account.held(other)
                account.send(other, 1, max(account.room(other) // 3, 1))
                if held and bar == 1:
                    account.send(other, -1 if held > 0 else 1, max(abs(held) // 10, 1))
                account.tick(APART)
        if not told:
            account.tell_split(symbol)
        yield


def older(account: SimulatedAccount) -> Steps:
    """A copy of the account's file, taken before orders were sent, replaces it: a start on it must be refused."""
    while True:
        copy = account.copy_store()
        for _ in range(2):
            for symbol in account.symbols:
                for n in range(4):
                    below = account.ask_of(symbol) * (2 * WHOLE - account.limits.collar_bps) // (2 * WHOLE)
                    account.send(symbol, 1, max(account.room(symbol) - n, 1), limit=below)
                    account.tick(APART)
            yield
        account.put_back(copy)
        yield


def _quiet(account: SimulatedAccount, bars: int) -> Steps:
    """Sends nothing; open orders complete."""
    for order in account.working():
        account.cancel(order)
    for _ in range(bars):
        yield


def delisted(account: SimulatedAccount) -> Steps:
    """Symbols that stop trading, one after the other, and are settled."""
    while True:
        for symbol in account.symbols:
            if symbol not in account.muted:
                account.send(symbol, 1 if account.draw.random() < 0.6 else -1, max(account.room(symbol) // 2, 1))
                account.tick(APART)
        yield
        alive = [symbol for symbol in account.symbols if symbol not in account.muted]
        if account.bar % 20 == 19 and len(alive) > 2:
            account.end(alive[0])
