"""What trades in a session: models from sensible to hostile, and acts aimed at one limit or one reason each (H8).

An act is a generator: it does something, yields until the next bar, and goes on. It looks at the governor's own
headroom to come as close to a limit as can be, and then steps over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from plimsoll.alpha.advice import ask
from plimsoll.alpha.mock_models import MOCKS, mock
from plimsoll.core.quantity import CENT
from plimsoll.operate.montecarlo.desk import Desk
from plimsoll.operate.montecarlo.paths import DAY, HOURS
from plimsoll.operate.montecarlo.venue import Manners
from plimsoll.operate.pilot import Pilot
from plimsoll.risk.governor import MINUTE
from plimsoll.risk.governor_limits import SECOND, WHOLE, GovernorLimits

Act = Iterator[None]
_HOUR = 60 * MINUTE
_STRANGER = "STRANGER"  # none of the account's symbols
WHOLE_DAY = HOURS // 60  # bars of a minute
_SPLITS = ((2, 1), (3, 1), (3, 2), (10, 1), (1, 2), (1, 3), (1, 10), (1, 20))  # new units for old ones
_BARS_A_DAY = 30  # where a session is that short
_APART = 150_000  # microseconds between orders, so that the orders of a second do not stop them


@dataclass(frozen=True, slots=True)
class Scene:
    """A kind of session: who trades, how the venue behaves, whether a book is built on the days before it.

    What is aimed at one thing plays the first ``bars`` of a session only.
    """

    name: str
    act: Callable[[Desk], Act]
    manners: Callable[[], Manners] = Manners
    built: bool = False
    bars: int = 100
    disk: bool = False  # kept in a file
    shared: bool = False  # by two processes
    loose: bool = False  # … of which the other has a policy that forbids little


def fill_up(desk: Desk, symbols: Sequence[str] = ()) -> None:
    """Buy whatever fits, symbol by symbol, sizes a unit apart so that they are not one order repeated."""
    for symbol in symbols or desk.symbols:
        for n in range(desk.limits.repeats_minute):
            quantity = desk.room(symbol) - n
            if quantity <= 0 or desk.send(symbol, 1, quantity).decision == "REFUSE":
                break
            desk.tick(_APART)


def trade_limit(desk: Desk) -> Act:
    """Single orders at the cap, a unit below and a unit above."""
    while True:
        symbol = desk.symbols[int(desk.draw.integers(len(desk.symbols)))]
        most = desk.limits.trade * CENT // desk.ask_of(symbol)
        for quantity in (most, most + 1, most - 1):
            desk.send(symbol, 1 if desk.draw.random() < 0.5 else -1, quantity)
            desk.tick(_APART)
        yield


def position_limit(desk: Desk) -> Act:
    """One symbol up to its cap, long or short, and a unit further; then out of it and again."""
    symbol = min(desk.symbols, key=desk.limits.position_of)
    sign = 1 if desk.draw.random() < 0.5 else -1
    while True:
        for n in range(60):
            quantity = desk.room(symbol) - n % 3
            if quantity <= 0 or desk.send(symbol, sign, quantity).decision == "REFUSE":
                break
            desk.tick(_APART)
        desk.send(symbol, sign, desk.room(symbol) + 2 * CENT // desk.ask_of(symbol) + 1)
        yield
        yield from flat(desk)


def gross_limit(desk: Desk) -> Act:
    """Every symbol until all together are worth what they may be, and a unit further in each."""
    while True:
        fill_up(desk)
        for symbol in desk.symbols:
            desk.send(symbol, 1, desk.room(symbol) + 2 * CENT // desk.ask_of(symbol) + 1)
            desk.tick(_APART)
        yield


def turnover_limit(desk: Desk) -> Act:
    """In and out, a trade at a time, until the turnover is used up, the last order to the cent."""
    while True:
        symbol = desk.symbols[int(desk.draw.integers(len(desk.symbols)))]
        left = desk.governor.headroom(symbol)["turnover"]
        if (quantity := desk.room(symbol)) > 0:
            desk.send(symbol, 1, quantity)
        elif left <= 1:
            desk.send(symbol, 1, 2 * CENT // desk.ask_of(symbol) + 1)
        else:  # no room but in the turnover: sell some of it, and wait until that is filled
            worth = min(desk.limits.trade, left // 2) * CENT // desk.ask_of(symbol)
            if (sold := min(desk.held(symbol), worth)) > 0:
                desk.send(symbol, -1, sold)
                yield
                yield
        yield


def resting(desk: Desk) -> Act:
    """Bids below the market up to every limit, which rest and count while the machine dies and starts again."""
    while True:
        for symbol in desk.symbols:
            for n in range(6):
                below = desk.quote_of(symbol).bid * (2 * WHOLE - desk.limits.collar_bps) // (2 * WHOLE)
                quantity = desk.room(symbol) - n
                desk.send(symbol, 1, max(quantity, 1 + n), limit=below)
                desk.tick(_APART)
        yield
        if desk.bar % 20 == 19:
            for order in desk.working():
                desk.cancel(order)


def flat(desk: Desk) -> Act:
    """Out of everything: orders cancelled, positions closed, the venue given time."""
    for order in desk.working():
        desk.cancel(order)
    for symbol in desk.symbols:
        if held := desk.held(symbol):
            desk.send(symbol, -1 if held > 0 else 1, abs(held))
            desk.tick(_APART)
    for _ in range(4):
        yield


def ladder(desk: Desk) -> Act:
    """Down the intraday ladder a step at a time, trying at each what it forbids and what it allows.

    Only one symbol is held, so that no other limit stands in the way of what is tried.
    """
    kept = min(desk.symbols, key=desk.limits.position_of)
    symbol = next(other for other in desk.symbols if other != kept)
    yield from _hold(desk, (kept,))
    for stage in range(3):
        if not _lose(desk, _mark(desk, stage) * Fraction(101, 100)):
            return
        yield
        most = desk.limits.trade * CENT // desk.ask_of(symbol)
        half = most * desk.limits.caution_bps // WHOLE
        for quantity in (most, half + 1, half, 1):
            desk.send(symbol, 1, quantity)
            desk.tick(_APART)
        desk.send(kept, -1, max(desk.held(kept) // 10, 1))  # reductions pass at every stage
        yield
    while True:
        desk.send(symbol, 1, 1)
        yield


def recovery(desk: Desk) -> Act:
    """A loss at the halt that the market takes back in a few bars: the session stays halted."""
    yield from _hold(desk)
    before = desk.scale
    if not _lose(desk, _mark(desk, 2) * Fraction(101, 100)):
        return
    for _ in range(3):
        yield
    desk.scale = before
    for _ in range(3):
        yield
    yield from _tries(desk)


def spike(desk: Desk) -> Act:
    """A jump of one holding to the halt that the next price confirms, a little less bad, and that is over then: the
    session stays halted, because both prices were true.
    """
    desk.frozen = True
    symbol, worth = desk.symbols[0], desk.limits.loss * 3
    while (missing := worth * CENT // desk.ask_of(symbol) - desk.held(symbol)) > 0 and desk.bar < 40:
        desk.send(symbol, 1, min(missing, desk.room(symbol)))
        for _ in range(3):
            yield
    before, halt = desk.scale, _mark(desk, 2)
    if not _lose(desk, halt * Fraction(101, 100)):
        return
    yield
    desk.scale += (before - desk.scale) / 10
    yield
    desk.scale = before
    for _ in range(3):
        yield
    yield from _tries(desk)


def gap_inside(desk: Desk) -> Act:
    """A gap that takes the loss to just below its cap; then whoever tries must fail."""
    yield from _hold(desk)
    if _lose(desk, Fraction(desk.limits.loss, 100) * Fraction(int(desk.draw.integers(955, 998)), 1000)):
        yield
    yield from _tries(desk)


def gap_beyond(desk: Desk) -> Act:
    """A gap that no limit can stop: the loss lands beyond its cap, and nothing but reductions leaves (H9)."""
    yield from _hold(desk)
    if _lose(desk, Fraction(desk.limits.loss, 100) * Fraction(int(desk.draw.integers(105, 250)), 100)):
        yield
    yield from _tries(desk)


def _tries(desk: Desk) -> Act:
    """Small orders of every kind, bar after bar: only reductions may leave."""
    while True:
        for symbol in desk.symbols:
            desk.send(symbol, 1, 1 + int(desk.draw.integers(1000)))
            desk.tick(_APART)
        symbol = desk.symbols[int(desk.draw.integers(len(desk.symbols)))]
        if held := desk.held(symbol):
            desk.send(symbol, -1, max(held // 20, 1))
            desk.send(symbol, -1, held * 2 + 1)
        yield


def _hold(desk: Desk, symbols: Sequence[str] = ()) -> Act:
    """Buy the largest book the day allows and wait until it is filled, prices standing still."""
    desk.frozen = True
    for _ in range(8):
        fill_up(desk, symbols)
        yield
    for _ in range(4):
        yield


def _mark(desk: Desk, stage: int) -> Fraction:
    """The loss in dollars at which a stage of the ladder begins."""
    s, limits = desk.limits.stages[stage], desk.limits
    return min(
        Fraction(s.equity_bps * desk.governor.account.equity, WHOLE * 100),
        Fraction(s.loss_bps * limits.loss, WHOLE * 100),
    )


def _lose(desk: Desk, dollars: Fraction) -> bool:
    """Let prices fall until the session has lost so much; False where the book is too small for it."""
    value = desk.value()
    share = float((dollars - desk.accountant.loss) / value) if value > 0 else 1.0
    if not 0.0 < share < 0.95:
        return False
    desk.gap(share)
    return True


def throttles(desk: Desk) -> Act:
    """Bursts: more than a second allows, more than a minute allows, the same order over and over."""
    symbol = desk.symbols[0]
    while True:
        for n in range(desk.limits.orders_second + 2):
            desk.send(symbol, 1, 100 + n)
        desk.tick(SECOND)
        for _ in range(desk.limits.repeats_minute + 2):
            desk.send(symbol, 1, 77)
            desk.tick(2 * SECOND // desk.limits.orders_second)
        for n in range(desk.limits.orders_minute + 2):
            desk.send(symbol, 1, 200 + n)
            desk.tick(2 * SECOND // desk.limits.orders_second)
        yield
        yield from flat(desk)


def duplicates(desk: Desk) -> Act:
    """Ids used again: for the same order, which must leave once, also when it is closed, and for another."""
    while True:
        symbol = desk.symbols[int(desk.draw.integers(len(desk.symbols)))]
        quantity = max(desk.room(symbol) // 2, 1)
        name = f"again{desk.bar}"
        for wanted in (quantity, quantity, quantity + 1):
            desk.send(symbol, 1, wanted, name=name)
        desk.send(symbol, -1, quantity, name=name)
        yield
        desk.send(symbol, 1, quantity, name=name)
        if desk.bar % 12 == 11:
            yield from flat(desk)


def stale(desk: Desk) -> Act:
    """Quotes that stop coming: of the symbol that is ordered, which is held, or is ordered only when they are old."""
    quiet, other = desk.symbols[0], desk.symbols[-1]
    desk.send("NEVER-QUOTED", 1, 1)
    held = desk.draw.random() < 0.5
    if held:
        desk.send(quiet, 1, max(desk.room(quiet) // 2, 1))
    for _ in range(4):
        yield
    desk.muted = {quiet}
    while True:
        if held or desk.now - desk.quote_of(quiet).at > desk.limits.quote_age:
            desk.send(quiet, 1, 1)
        desk.tick(_APART)
        desk.send(other, 1, 1)
        yield


def clocks(desk: Desk) -> Act:
    """A sender whose clock jumps back, ahead, and to another day, and whose orders come late, on a live account."""
    desk.go_live()
    while True:
        symbol = desk.symbols[0]
        desk.send(symbol, 1, 1 + desk.bar, waited=desk.limits.wait_max + 1)
        for jump in (-_HOUR, -1, 4 * 24 * _HOUR, -4 * 24 * _HOUR, 0):
            desk.send(symbol, 1, 1 + desk.bar, at=desk.now + jump)
        yield


def set_clocks(desk: Desk) -> Act:
    """A live account whose feed stops and whose machine's clock is set, often back by as much as makes old quotes young
    again.
    """
    desk.go_live()
    playing, draw = fuzz(desk), desk.draw
    while True:
        for _ in range(15):
            next(playing)
            yield
        desk.muted = set(desk.symbols)
        desk.set_clock(int(draw.choice((-40, -30, -20, -1, 1, 180))) * MINUTE)
        for _ in range(50):
            next(playing)
            yield
        desk.muted = set()
        desk.set_clock(0)


def collars(desk: Desk) -> Act:
    """Limits at the collar, and a little beyond it on both sides."""
    while True:
        symbol = desk.symbols[int(desk.draw.integers(len(desk.symbols)))]
        quote = desk.quote_of(symbol)
        mid = (quote.bid + quote.ask) // 2
        far = mid * desk.limits.collar_bps // WHOLE
        for limit in (mid + far - 1, mid + far + 2, mid - far + 1, mid - far - 2, mid * 3, 1):
            quantity = max(desk.room(symbol) * 9 // 10, 1)
            desk.send(symbol, 1 if desk.draw.random() < 0.6 else -1, quantity, limit=max(limit, 1))
            desk.tick(_APART)
        yield
        if desk.bar % 10 == 9:
            yield from flat(desk)


def nonsense(desk: Desk) -> Act:
    """Orders that are not numbers, not orders, not JSON; quantities of zero, below it and beyond any account."""
    symbol = desk.symbols[0]
    while True:
        at = f'"ts":"2026-03-02T15:{desk.bar % 60:02d}:00Z"'
        wrong = [f'"qty":{quantity},{at}' for quantity in ('"NaN"', "NaN", '"-1"', '"1e9"', '"1","limit":"NaN"')]
        wrong += [f'"qty":"1","ts":"{instant}"' for instant in ("2026-03-02T15:00:00", "soon")]
        for n, rest in enumerate(wrong):
            desk.line(f'{{"type":"intent","id":"n{desk.bar}-{n}","symbol":"{symbol}","side":"buy",{rest}}}')
        desk.line("not JSON at all")
        for quantity in (0, -5, 10**15, 10**30):
            desk.send(symbol, 1, quantity)
        desk.quote_other(_STRANGER, 10.0)
        desk.send(_STRANGER, 1, 1)
        yield


def too_much(desk: Desk) -> Act:
    """Always buys, in sizes no account has, from all symbols at once."""
    while True:
        for symbol in desk.symbols:
            for times in (1, 2, 5, 1000):
                desk.send(symbol, 1, max(desk.room(symbol), 1) * times)
                desk.tick(_APART)
        yield


def flip(desk: Desk) -> Act:
    """Long and short in turn at every bar, crossing zero, never sized."""
    sign = 1
    while True:
        for symbol in desk.symbols:
            most = desk.limits.trade * CENT // desk.ask_of(symbol)
            desk.send(symbol, sign, abs(desk.held(symbol)) + most)
            desk.send(symbol, sign, most)
            desk.tick(_APART)
        sign = -sign
        yield


def fuzz(desk: Desk) -> Act:
    """Anything: sizes around what is left, both sides, limits or none, cancels, in no order."""
    draw = desk.draw
    while True:
        for _ in range(int(draw.integers(0, 4))):
            symbol = desk.symbols[int(draw.integers(len(desk.symbols)))]
            room = max(desk.room(symbol), desk.limits.trade * CENT // desk.ask_of(symbol) // 4)
            quantity = room * int(draw.integers(1, 150)) // 100
            limit = None
            if draw.random() < 0.3:
                limit = max(desk.ask_of(symbol) * int(draw.integers(9_650, 10_350)) // WHOLE, 1)
            desk.send(symbol, 1 if draw.random() < 0.55 else -1, quantity, limit=limit)
            desk.tick(_APART)
        for order in desk.working():
            if draw.random() < 0.1:
                desk.cancel(order)
        if (held := desk.held(desk.symbols[0])) and draw.random() < 0.2:
            desk.send(desk.symbols[0], -1 if held > 0 else 1, abs(held))
        yield


def overfills(desk: Desk) -> Act:
    """A venue that fills more than was ordered: from then on the session only reduces."""
    while True:
        symbol = desk.symbols[int(desk.draw.integers(len(desk.symbols)))]
        desk.send(symbol, 1, max(desk.room(symbol) // 2, 1))
        if held := desk.held(symbol):
            desk.send(symbol, -1 if held > 0 else 1, max(abs(held) // 4, 1))
        yield


def lost_store(desk: Desk) -> Act:
    """A store that fails between two orders, or that others keep busy, until the process is started again."""
    symbol, busy = desk.symbols[0], False
    while True:
        for n in range(4):
            if n == 2:
                desk.lose_store(busy=busy)
            desk.send(symbol, 1, 1 + n)
            desk.tick(_APART)
        desk.repair()
        busy = not busy
        yield


def slow(desk: Desk) -> Act:
    """A machine that becomes too slow in the middle of a session: from then on it only reduces (H5)."""
    pace = desk.limits.pace
    while True:
        symbol = desk.symbols[int(desk.draw.integers(len(desk.symbols)))]
        desk.send(symbol, 1, max(desk.room(symbol) // 4, 1))
        if (held := desk.held(symbol)) and desk.draw.random() < 0.2:
            desk.send(symbol, -1 if held > 0 else 1, abs(held))
        desk.took(pace.longest + int(desk.bar >= 30))
        yield


def morning_after(desk: Desk) -> Act:
    """A session after a halt, begun with an order of yesterday still open: nothing is bought until it is closed."""
    yield from _hold(desk)
    symbol = max(desk.symbols, key=desk.held)
    above = desk.ask_of(symbol) * (2 * WHOLE + desk.limits.collar_bps) // (2 * WHOLE)
    yesterday = [desk.send(symbol, -1, max(desk.held(symbol) // 10, 1), limit=above).id]
    if not _lose(desk, _mark(desk, 2) * Fraction(101, 100)):
        return
    yield
    desk.begin(DAY + 1, desk.governor.account.equity)
    while True:
        desk.send(symbol, 1, 1 + desk.bar)
        if desk.bar % 10 == 9 and yesterday:
            desk.cancel(yesterday.pop())
        yield


def fly(name: str) -> Callable[[Desk], Act]:
    """A model of this name on the first symbols, through observation and sizing as it would trade (H3, H4)."""

    def act(desk: Desk) -> Act:
        model = mock(name)
        pilots = {
            symbol: Pilot(partial(ask, model), desk.paths[symbol].bars, desk.policy, desk.limits)
            for symbol in desk.symbols[:2]
        }

        def filled(symbol: str, sign: int, quantity: int, price: int) -> None:
            if symbol in pilots:
                pilots[symbol].filled(sign, quantity, price, desk.held(symbol))

        desk.on_fill.append(filled)
        while True:
            for symbol, pilot in pilots.items():
                wish = pilot.wish(desk.governor, desk.paths[symbol].first + desk.bar)
                desk.tally.held_back.update(wish.reasons)
                if wish.quantity:
                    desk.send(symbol, wish.sign, wish.quantity)
            yield

    return act


def days(act: Callable[[Desk], Act]) -> Callable[[Desk], Act]:
    """The act, with a night every so many bars, so that it does not run out of turnover."""

    def over_days(desk: Desk) -> Act:
        playing = act(desk)
        while True:
            next(playing)
            yield
            if desk.bar % _BARS_A_DAY == _BARS_A_DAY - 1:
                desk.sleep()

    return over_days


def overnight(desk: Desk) -> Act:
    """Nights over which units and prices change: splits that are told before the first quote, after some, or after a
    list of what is held, and dividends. Whoever trades goes on trading.
    """
    draw = desk.draw
    while True:
        for _ in range(3):
            for symbol in desk.symbols:
                desk.send(symbol, 1 if draw.random() < 0.7 else -1, max(desk.room(symbol) // 2, 1))
                desk.tick(_APART)
            yield
        yield from _quiet(desk, 4)
        desk.sleep()
        symbol = desk.symbols[int(draw.integers(len(desk.symbols)))]
        if draw.random() < 0.3:
            desk.dividend(symbol, int(draw.integers(10, 300)))
            yield
            continue
        new, old = _SPLITS[int(draw.integers(len(_SPLITS)))]
        told = draw.random() < 0.4
        desk.split(symbol, new, old, told=told)
        for bar in range(4):
            yield
            for other in desk.symbols:
                held = desk.held(other)
                desk.send(other, 1, max(desk.room(other) // 3, 1))
                if held and bar == 1:
                    desk.send(other, -1 if held > 0 else 1, max(abs(held) // 10, 1))
                desk.tick(_APART)
        if not told:
            desk.tell_split(symbol)
        yield


def older(desk: Desk) -> Act:
    """A copy of the account's file, taken before orders left, is put in its place: whoever starts on it must not."""
    while True:
        copy = desk.copy_store()
        for _ in range(2):
            for symbol in desk.symbols:
                for n in range(4):
                    below = desk.ask_of(symbol) * (2 * WHOLE - desk.limits.collar_bps) // (2 * WHOLE)
                    desk.send(symbol, 1, max(desk.room(symbol) - n, 1), limit=below)
                    desk.tick(_APART)
            yield
        desk.put_back(copy)
        yield


def _quiet(desk: Desk, bars: int) -> Act:
    """Nothing is sent, and what is open is done."""
    for order in desk.working():
        desk.cancel(order)
    for _ in range(bars):
        yield


def delisted(desk: Desk) -> Act:
    """Symbols that stop trading, one after the other, and are settled."""
    while True:
        for symbol in desk.symbols:
            if symbol not in desk.muted:
                desk.send(symbol, 1 if desk.draw.random() < 0.6 else -1, max(desk.room(symbol) // 2, 1))
                desk.tick(_APART)
        yield
        alive = [symbol for symbol in desk.symbols if symbol not in desk.muted]
        if desk.bar % 20 == 19 and len(alive) > 2:
            desk.end(alive[0])


def days_to_build(limits: GovernorLimits, equity: int) -> int:
    """Sessions before this one that a book at the gross limit takes, given the turnover of a day."""
    gross = equity * limits.gross_bps // WHOLE
    return min(-(-gross * 21 // (20 * limits.turnover)) - 1, 30) if limits.turnover else 0


def harsh() -> Manners:
    """A venue that cancels, fills late, twice and in parts, and a machine that dies often."""
    return Manners(parts=0.5, cancel=0.3, late=0.5, twice=0.3, crash=0.05)


def greedy() -> Manners:
    """A venue that fills more than was ordered."""
    return Manners(more=0.2)


def deadly() -> Manners:
    """A machine that dies every few bars."""
    return Manners(crash=0.2)


def calm() -> Manners:
    """Every order filled whole, and nothing dies."""
    return Manners(parts=0.0, cancel=0.0, twice=0.0, crash=0.0)


def restless() -> Manners:
    """A venue that gets fills wrong and puts them right, cancels them, and prices some of them beyond belief."""
    return Manners(parts=0.5, late=0.5, twice=0.3, crash=0.02, again=0.3, wrong=0.15, bust=0.1, absurd=0.05, reused=0.3)


def crowded() -> Manners:
    """An account that others trade too, and a venue that says what it holds."""
    return Manners(crash=0.02, again=0.2, elsewhere=0.1, moved=0.05, listed=0.1, bust=0.05)


def glitchy() -> Manners:
    """A feed with prices that cannot be."""
    return Manners(crash=0.02, nonsense=0.25)


def spelled() -> Manners:
    """A sender and a feed that spell every symbol as they like."""
    return Manners(crash=0.02, spelled=0.5)


def everything() -> Manners:
    """All of it at once."""
    return Manners(
        parts=0.5, cancel=0.2, late=0.5, twice=0.2, crash=0.03, again=0.2, wrong=0.1, bust=0.05, absurd=0.02,
        elsewhere=0.03, moved=0.02, listed=0.05, nonsense=0.08, spelled=0.1, reused=0.2,
    )  # fmt: skip


AIMED = (
    Scene("trade limit", trade_limit, harsh),
    Scene("position limit", position_limit),
    Scene("gross limit", gross_limit, built=True),
    Scene("turnover limit", turnover_limit),
    Scene("orders that rest", resting, deadly),
    Scene("intraday ladder", ladder, calm),
    Scene("gap inside the loss cap", gap_inside),
    Scene("gap beyond the loss cap", gap_beyond),
    Scene("a halt and a recovery", recovery, calm),
    Scene("a jump to the halt and back", spike, calm),
    Scene("bursts", throttles),
    Scene("ids used again", duplicates, deadly),
    Scene("quotes that stop", stale),
    Scene("clocks that jump", clocks),
    Scene("a clock that is set", set_clocks, bars=200),
    Scene("prices beyond the collar", collars, harsh),
    Scene("nonsense", nonsense),
    Scene("sizes without measure", too_much, deadly),
    Scene("long and short in turn", flip, harsh),
    Scene("anything, quiet venue", fuzz, bars=WHOLE_DAY),
    Scene("anything, harsh venue", fuzz, harsh, bars=WHOLE_DAY),
    Scene("anything, deadly machine", fuzz, deadly, bars=WHOLE_DAY),
    Scene("fills above the order", overfills, greedy),
    Scene("a store that fails", lost_store, calm),
    Scene("a machine too slow", slow),
    Scene("the morning after a halt", morning_after, calm),
    Scene("fills put right", days(fuzz), restless, bars=200),
    Scene("prices that cannot be", days(fuzz), glitchy, bars=200),
    Scene("trades of others", days(fuzz), crowded, bars=200),
    Scene("nights with splits", overnight, harsh, bars=200),
    Scene("symbols that end", delisted),
    Scene("everything at once", days(fuzz), everything, bars=200),
    Scene("everything at once, by two", days(fuzz), everything, bars=200, shared=True),
    Scene("an older store", older, calm, disk=True),
    Scene("other spellings", days(fuzz), spelled),
    Scene("another policy", days(fuzz), glitchy, bars=200, shared=True, loose=True),
    Scene("two processes", days(fuzz), harsh, bars=200, shared=True),
)
FLOWN = tuple(Scene(f"model {name}", fly(name), bars=WHOLE_DAY) for name in MOCKS)
SCENES = (*AIMED, *FLOWN)
