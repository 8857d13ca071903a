"""The market data of a simulated account: true quotes, prints that cannot be, symbols spelled in other ways (H8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from fractions import Fraction

import numpy as np

from plimsoll.core.errors import InputError
from plimsoll.core.quantity import ONE, plain
from plimsoll.execution.venues.faulty import spellings
from plimsoll.execution.venues.quoted import QuotedVenue
from plimsoll.governor.governor import Quote
from plimsoll.governor.protocol_lines import EPOCH
from plimsoll.simulation.faults import SessionFaults
from plimsoll.simulation.independent_ledger import IndependentLedger
from plimsoll.simulation.processes import Processes


class Feed:
    """Tells quotes to every process of an account, and the true ones to its venue and to the ledger."""

    def __init__(
        self,
        processes: Processes,
        market: QuotedVenue,
        ledger: IndependentLedger,
        draw: np.random.Generator,
        faults: SessionFaults,
        events: Counter[str],
        symbols: Sequence[str],
    ) -> None:
        self._processes, self._market, self._ledger = processes, market, ledger
        self._draw, self._faults, self._events, self._symbols = draw, faults, events, symbols
        self._half = {symbol: int(draw.integers(1, 6)) for symbol in symbols}  # half-spread, 1e-4 of the mid
        self.now = 0
        self.ratio: dict[str, Fraction] = {}  # what splits and dividends have made of a unit's price, by symbol
        self.untold: dict[str, Fraction] = {}  # new units for an old one, of a split nobody was told of
        self._doubtful: set[str] = set()  # symbols whose last print was invalid

    def rescaled(self, symbol: str, by: Fraction) -> None:
        """From the next quote on a unit has this share of its price."""
        self.ratio[symbol] = self.ratio.get(symbol, Fraction(1)) * by

    def quote(self, symbol: str, mid: float, *, half: int | None = None) -> None:
        """The market's price of a symbol, told to every process and to venue and ledger; ``half`` the spread, 1e-4."""
        price = mid * float(self.ratio.get(symbol, 1))
        middle = max(round(price * ONE), 2)
        spread = max(middle * (half or self._half[symbol]) // 10_000, 1) if middle > 2 else 0
        quote = Quote(middle - spread, middle + spread, self.now)
        if not self._print(symbol, quote):
            return
        if symbol in self._half:
            self._market.quoted(symbol, quote.bid / ONE, quote.ask / ONE)
        units = self.untold.get(symbol, Fraction(1))  # the ledger counts in old units until it is told
        self._ledger.quote(symbol, int(quote.bid * units), int(-(-quote.ask * units // 1)), self.now)
        if symbol in self.untold and self._ledger.held.get(symbol):
            self._ledger.puzzled(symbol)  # how many units are held now nobody was told
        self._doubtful.discard(symbol)

    def _print(self, symbol: str, quote: Quote) -> bool:
        """Send every process a quote, as a line where the symbol is spelt differently; whether any accepted it."""
        heard = []
        for _ in self._processes.all:
            self._processes.next()
            heard.append(self._printed(symbol, quote))
        self._events["quotes refused"] += not any(heard)
        return any(heard)

    def _printed(self, symbol: str, quote: Quote) -> bool:
        if self.misspelled():
            text = (
                f'{{"type":"quote","symbol":"{self.spelling(symbol)}","bid":"{plain(quote.bid)}",'
                f'"ask":"{plain(quote.ask)}","ts":"{instant(quote.at)}"}}'
            )
            said = self._processes.live(lambda _: self._processes.line(text), here=True)
            return "error" not in said
        try:
            self._processes.live(lambda governor: governor.quote(symbol, quote), here=True)
        except InputError:
            return False
        return True

    def replaced(self, muted: Collection[str]) -> str:
        """The symbol whose true price of this bar is not told, and nonsense in its place; "" for none.

        Its true price was told before: a first print that is wrong has nothing to be held against, and is believed.
        """
        if not self._faults.replaced or self._draw.random() >= self._faults.replaced:
            return ""
        return self._doubtable(muted)

    def nonsense(self, muted: Collection[str], replaced: str) -> None:
        """Report an impossible price of one symbol: of another magnitude, crossed, zero or below."""
        draw = self._draw
        symbol = replaced
        if not symbol and draw.random() < self._faults.nonsense:
            symbol = self._doubtable(muted)
        if not symbol:
            return
        bid, ask, _ = self._ledger.books[symbol]
        few, many = ((1, 10), (10, 1), (1, 2), (2, 1), (3, 1), (1, 100))[int(draw.integers(6))]
        wrong = ((bid * few // many, -(-ask * few // many)), (ask + 1, bid), (0, ask), (-bid, ask))
        kind = int(draw.choice(4, p=(0.7, 0.1, 0.1, 0.1)))
        self._doubtful.add(symbol)
        self._ledger.puzzled(symbol)
        self.now += 1
        self._print(symbol, Quote(*wrong[kind], self.now))
        self._events["prices that cannot be"] += 1

    def _doubtable(self, muted: Collection[str]) -> str:
        """A symbol by chance; "" where its price is in doubt already, or nothing is told of it."""
        symbol = self._symbols[int(self._draw.integers(len(self._symbols)))]
        known = symbol in self._ledger.books and symbol not in self._doubtful
        return symbol if known and symbol not in muted and symbol not in self.untold else ""

    def misspelled(self) -> bool:
        """Whether a line spells its symbol in another way."""
        return self._faults.spelled > 0.0 and self._draw.random() < self._faults.spelled

    def spelling(self, symbol: str) -> str:
        """One of the spellings that venues and vendors use for a symbol."""
        ways = spellings(symbol)
        return ways[int(self._draw.integers(len(ways)))]


def instant(at: int) -> str:
    """An instant in protocol format."""
    return (EPOCH + timedelta(microseconds=at)).isoformat()
