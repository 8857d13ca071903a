"""Scenarios that push one limit each: up to it to the unit, and a unit beyond (H8).

A scenario's steps are a generator: it acts, yields until the next bar, and continues. It uses the governor's own
headroom to come as close to a limit as possible, and then exceeds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plimsoll.core.quantity import CENT
from plimsoll.governor.limits import SECOND, WHOLE, GovernorLimits
from plimsoll.simulation.simulated_account import SimulatedAccount

Steps = Iterator[None]
APART = 150_000  # microseconds between orders, so that the limit per second does not stop them


def fill_up(account: SimulatedAccount, symbols: Sequence[str] = ()) -> None:
    """Buy whatever fits, symbol by symbol, sizes a unit apart so that they are not one repeated order."""
    for symbol in symbols or account.symbols:
        for n in range(account.limits.repeats_minute):
            quantity = account.room(symbol) - n
            if quantity <= 0 or account.send(symbol, 1, quantity).decision == "REFUSE":
                break
            account.tick(APART)


def trade_limit(account: SimulatedAccount) -> Steps:
    """Single orders at the cap, a unit below and a unit above."""
    while True:
        symbol = account.symbols[int(account.draw.integers(len(account.symbols)))]
        most = account.limits.trade * CENT // account.ask_of(symbol)
        for quantity in (most, most + 1, most - 1):
            account.send(symbol, 1 if account.draw.random() < 0.5 else -1, quantity)
            account.tick(APART)
        yield


def position_limit(account: SimulatedAccount) -> Steps:
    """One symbol up to its cap, long or short, and a unit beyond; then close it and repeat."""
    symbol = min(account.symbols, key=account.limits.position_of)
    sign = 1 if account.draw.random() < 0.5 else -1
    while True:
        for n in range(60):
            quantity = account.room(symbol) - n % 3
            if quantity <= 0 or account.send(symbol, sign, quantity).decision == "REFUSE":
                break
            account.tick(APART)
        account.send(symbol, sign, account.room(symbol) + 2 * CENT // account.ask_of(symbol) + 1)
        yield
        yield from flat(account)


def gross_limit(account: SimulatedAccount) -> Steps:
    """Every symbol up to the gross limit, and a unit beyond in each."""
    while True:
        fill_up(account)
        for symbol in account.symbols:
            account.send(symbol, 1, account.room(symbol) + 2 * CENT // account.ask_of(symbol) + 1)
            account.tick(APART)
        yield


def turnover_limit(account: SimulatedAccount) -> Steps:
    """Buy and sell, a trade at a time, until the turnover is used up, the last order to the cent."""
    while True:
        symbol = account.symbols[int(account.draw.integers(len(account.symbols)))]
        left = account.governor.headroom(symbol)["turnover"]
        if (quantity := account.room(symbol)) > 0:
            account.send(symbol, 1, quantity)
        elif left <= 1:
            account.send(symbol, 1, 2 * CENT // account.ask_of(symbol) + 1)
        else:  # room only in the turnover: sell some and wait for the fill
            worth = min(account.limits.trade, left // 2) * CENT // account.ask_of(symbol)
            if (sold := min(account.held(symbol), worth)) > 0:
                account.send(symbol, -1, sold)
                yield
                yield
        yield


def resting(account: SimulatedAccount) -> Steps:
    """Bids below the market up to every limit, which rest and count while the process dies and restarts."""
    while True:
        for symbol in account.symbols:
            for n in range(6):
                below = account.quote_of(symbol).bid * (2 * WHOLE - account.limits.collar_bps) // (2 * WHOLE)
                quantity = account.room(symbol) - n
                account.send(symbol, 1, max(quantity, 1 + n), limit=below)
                account.tick(APART)
        yield
        if account.bar % 20 == 19:
            for order in account.working():
                account.cancel(order)


def flat(account: SimulatedAccount) -> Steps:
    """Close everything: orders cancelled, positions sold, the venue given time."""
    for order in account.working():
        account.cancel(order)
    for symbol in account.symbols:
        if held := account.held(symbol):
            account.send(symbol, -1 if held > 0 else 1, abs(held))
            account.tick(APART)
    for _ in range(4):
        yield


def throttles(account: SimulatedAccount) -> Steps:
    """Bursts: above the limit per second, above the limit per minute, one order repeated."""
    symbol = account.symbols[0]
    while True:
        for n in range(account.limits.orders_second + 2):
            account.send(symbol, 1, 100 + n)
        account.tick(SECOND)
        for _ in range(account.limits.repeats_minute + 2):
            account.send(symbol, 1, 77)
            account.tick(2 * SECOND // account.limits.orders_second)
        for n in range(account.limits.orders_minute + 2):
            account.send(symbol, 1, 200 + n)
            account.tick(2 * SECOND // account.limits.orders_second)
        yield
        yield from flat(account)


def collars(account: SimulatedAccount) -> Steps:
    """Limit prices at the collar, and a little beyond it on both sides."""
    while True:
        symbol = account.symbols[int(account.draw.integers(len(account.symbols)))]
        quote = account.quote_of(symbol)
        mid = (quote.bid + quote.ask) // 2
        far = mid * account.limits.collar_bps // WHOLE
        for limit in (mid + far - 1, mid + far + 2, mid - far + 1, mid - far - 2, mid * 3, 1):
            quantity = max(account.room(symbol) * 9 // 10, 1)
            account.send(symbol, 1 if account.draw.random() < 0.6 else -1, quantity, limit=max(limit, 1))
            account.tick(APART)
        yield
        if account.bar % 10 == 9:
            yield from flat(account)


def days_to_build(limits: GovernorLimits, equity: int) -> int:
    """Sessions needed beforehand to build a portfolio at the gross limit, given the turnover of a day."""
    gross = equity * limits.gross_bps // WHOLE
    return min(-(-gross * 21 // (20 * limits.turnover)) - 1, 30) if limits.turnover else 0
