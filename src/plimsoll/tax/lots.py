"""The lots of all accounts: which are sold, which losses are wash sales, and what that defers (X8).

Exact fractions throughout, so that what is recognised, deferred and lost adds up to the economic result. Units of a
symbol are those after all its splits, so that shares before and after one can be matched; what is shown is converted
back.

A loss is disallowed share by share (Reg. 1.1091-1): to the shares of the same security, or of an identical one, that
were bought up to 30 days before or after the sale and are not of the purchase that was sold, in the order of their
purchase. A share can replace once. Its basis rises by the loss and its holding period begins earlier by as long as
the shares sold were held; in an IRA neither happens, and the loss is lost for good (Rev. Rul. 2008-5).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from plimsoll.tax.rules import Rules
from plimsoll.tax.trade import TaxTrade

ZERO = Fraction(0)
Pair = tuple[str, str]  # account, symbol


@dataclass(slots=True, eq=False)
class Lot:
    """Units of one purchase that share basis and holding period: a purchase, or a part of it after a wash sale.

    ``start`` is the day from which the holding period counts, ``bought`` the trade's own. ``deferred`` is the part of
    ``basis`` that losses of others put there. A ``replacing`` lot has absorbed a loss and can absorb no other.
    """

    trade: TaxTrade
    account: str
    purchase: tuple[object, ...]
    quantity: Fraction
    basis: Fraction
    start: date
    replacing: bool = False
    deferred: Fraction = ZERO
    dear: Fraction = ZERO  # basis of a unit when the sales of the present moment began

    @property
    def bought(self) -> date:
        """The trade day of the purchase."""
        return self.trade.day

    @property
    def ira(self) -> bool:
        """Whether it lies in an IRA, whose gains and losses are nobody's."""
        return self.trade.account_type == "ira"

    def split(self, quantity: Fraction) -> Lot:
        """Take ``quantity`` units out as a lot of their own, with their part of the basis."""
        share = quantity / self.quantity
        part = replace(self, quantity=quantity, basis=self.basis * share, deferred=self.deferred * share)
        self.quantity -= quantity
        self.basis -= part.basis
        self.deferred -= part.deferred
        return part


@dataclass(frozen=True, slots=True)
class Disposal:
    """Units of one lot that one sale disposed of. ``disallowed`` is the part of the loss that replacements absorbed,
    ``lost`` the part of it that an IRA did.
    """

    sale: TaxTrade
    lot: Lot
    quantity: Fraction
    proceeds: Fraction
    basis: Fraction
    start: date
    disallowed: Fraction = ZERO
    lost: Fraction = ZERO

    @property
    def gain(self) -> Fraction:
        """What is recognised."""
        return self.proceeds - self.basis + self.disallowed


@dataclass(slots=True)
class LotLedger:
    """What became of the trades. ``short`` names the accounts and symbols of which more was sold than bought, with
    the sale at which that showed; nothing of them is worked out, but their purchases still replace.
    """

    disposals: list[Disposal] = field(default_factory=list)
    held: list[Lot] = field(default_factory=list)
    short: dict[Pair, TaxTrade] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    factors: dict[str, list[tuple[datetime, Fraction]]] = field(default_factory=dict)

    def units_then(self, symbol: str, quantity: Fraction, when: datetime) -> Fraction:
        """A quantity of this ledger in the units of a moment."""
        return quantity / later_splits(self.factors.get(symbol, ()), when)


def later_splits(splits: Sequence[tuple[datetime, Fraction]], when: datetime) -> Fraction:
    """By how much the splits after a moment multiply the units of it."""
    factor = Fraction(1)
    for at, ratio in splits:
        if at > when:
            factor *= ratio
    return factor


def ledger(trades: Iterable[TaxTrade], rules: Rules, method: str) -> LotLedger:
    """Work out all trades in their order, whatever the order of the rows."""
    ordered = sorted(trades, key=lambda t: t.rank)
    found = LotLedger(factors=_splits(ordered))
    found.short = _short(ordered, found)
    book = _Book(rules, method, found)
    for trade in ordered:
        if trade.bought:
            book.buy(trade)
    book.index()
    for trade in ordered:
        if trade.side == "sell" and (trade.account, trade.symbol) not in found.short:
            book.sell(trade)
        elif trade.side == "transfer":
            book.transfer(trade)
    found.held = [lot for lots in book.lots.values() for lot in lots if lot.quantity]
    found.held = [lot for lot in found.held if (lot.account, lot.trade.symbol) not in found.short]
    return found


def _splits(ordered: Sequence[TaxTrade]) -> dict[str, list[tuple[datetime, Fraction]]]:
    """The splits of each symbol; one that several accounts report is one."""
    found: dict[str, dict[datetime, Fraction]] = defaultdict(dict)
    for trade in ordered:
        if trade.side == "split":
            found[trade.symbol][datetime.combine(trade.day, time.min)] = trade.quantity
    return {symbol: sorted(by_day.items()) for symbol, by_day in found.items()}


def _short(ordered: Sequence[TaxTrade], found: LotLedger) -> dict[Pair, TaxTrade]:
    """The accounts and symbols of which more was sold, or moved away, than was there."""
    held: dict[Pair, Fraction] = defaultdict(Fraction)
    short: dict[Pair, TaxTrade] = {}
    for trade in ordered:
        if trade.side == "split":
            continue
        units = trade.quantity * later_splits(found.factors.get(trade.symbol, ()), trade.when)
        pair = trade.account, trade.symbol
        held[pair] += units if trade.bought else -units
        if trade.side == "transfer":
            held[trade.to, trade.symbol] += units
        if held[pair] < 0:
            short.setdefault(pair, trade)
    return short


@dataclass(slots=True)
class _Book:
    rules: Rules
    method: str
    found: LotLedger
    lots: dict[Pair, list[Lot]] = field(default_factory=lambda: defaultdict(list))
    bought: dict[str, list[Lot]] = field(default_factory=lambda: defaultdict(list))  # by group, in order of purchase
    days: dict[str, list[date]] = field(default_factory=dict)
    moment: dict[Pair, datetime] = field(default_factory=dict)  # of the last sale of each

    def buy(self, trade: TaxTrade) -> None:
        units = trade.quantity * later_splits(self.found.factors.get(trade.symbol, ()), trade.when)
        purchase: tuple[object, ...] = (trade.account, trade.symbol, trade.day)
        purchase += (trade.order,) if trade.order else (trade.at, trade.price)
        cost = trade.quantity * trade.price + trade.fee
        lot = Lot(trade, trade.account, purchase, units, cost, trade.day)
        self.lots[trade.account, trade.symbol].append(lot)
        self.bought[self.rules.group(trade.symbol)].append(lot)

    def index(self) -> None:
        self.days = {group: [lot.bought for lot in lots] for group, lots in self.bought.items()}

    def _put_beside(self, lot: Lot, part: Lot) -> None:
        """A part of a lot stands before the rest of it wherever that is listed."""
        for lots in (self.lots[lot.account, lot.trade.symbol], self.bought[self.rules.group(lot.trade.symbol)]):
            lots.insert(next(i for i, known in enumerate(lots) if known is lot), part)
        group = self.rules.group(lot.trade.symbol)
        self.days[group] = [known.bought for known in self.bought[group]]

    # sales

    def sell(self, sale: TaxTrade) -> None:
        """Lot by lot, and each loss at once, so that two sales of ten are what one of twenty is."""
        left = units = sale.quantity * later_splits(self.found.factors.get(sale.symbol, ()), sale.when)
        received = sale.quantity * sale.price - sale.fee
        named = self._named(sale)
        self._rank(sale)
        while left:
            lot, most = self._next(sale, named)
            quantity = min(left, most)
            part = lot if quantity == lot.quantity else lot.split(quantity)
            gone = Disposal(sale, lot, quantity, received * quantity / units, part.basis, part.start)
            if part is lot:
                lot.quantity = ZERO
            self.found.disposals.append(self._washed(gone))
            left -= quantity

    def _next(self, sale: TaxTrade, named: list[tuple[str, Fraction]]) -> tuple[Lot, Fraction]:
        """The lot that is sold next, and how much of it at most."""
        there = [lot for lot in self.lots[sale.account, sale.symbol] if lot.quantity and lot.trade.when <= sale.when]
        while named:
            ident, most = named.pop(0)
            lot = next((known for known in there if known.trade.ident == ident), None)
            if lot is not None and most:
                taken = min(most, lot.quantity)
                named.insert(0, (ident, most - taken))
                return lot, taken
        method = self._method(sale)
        if method == "lifo":
            return there[-1], there[-1].quantity
        if method == "hifo":
            best = max(there, key=lambda lot: lot.dear)
            return best, best.quantity
        return there[0], there[0].quantity

    def _rank(self, sale: TaxTrade) -> None:
        """Keep what a unit of each lot cost before the sales of this moment: two of ten are what one of twenty is."""
        pair = sale.account, sale.symbol
        if self.moment.get(pair) != sale.when:
            self.moment[pair] = sale.when
            for lot in self.lots[pair]:
                if lot.quantity:
                    lot.dear = lot.basis / lot.quantity

    def _method(self, sale: TaxTrade) -> str:
        if sale.kind == "crypto" and sale.day >= self.rules.crypto_instruction_from and not sale.instructed:
            return "fifo"
        return self.method

    def _named(self, sale: TaxTrade) -> list[tuple[str, Fraction]]:
        """The lots that a sale identifies, where that counts, and how many units of each."""
        if self.method != "specific":
            return []
        what = f"line {sale.line}: the sale of {sale.symbol} on {sale.day}"
        if not sale.lots:
            self._warn(f"{what} names no lot: sold first in, first out")
            return []
        if self._method(sale) != "specific":
            self._warn(
                f"{what} names lots, which from {self.rules.crypto_instruction_from} count only where the broker was "
                "instructed before it (column instructed): sold first in, first out"
            )
            return []
        named = []
        for ident, quantity in sale.lots:
            there = [
                t for t in self.lots[sale.account, sale.symbol] if t.trade.ident == ident and t.trade.when <= sale.when
            ]
            units = sum((t.quantity for t in there), ZERO)
            factor = later_splits(self.found.factors.get(sale.symbol, ()), sale.when)
            most = units if quantity is None else quantity * factor
            if not units or most > units:
                self._warn(
                    f"{what} names lot {ident}, which holds {_plain(units / factor)} units then: "
                    "the rest is sold first in, first out"
                )
            named.append((ident, min(most, units)))
        return named

    def _warn(self, text: str) -> None:
        self.found.warnings.append(text)

    # wash sales

    def _washed(self, gone: Disposal) -> Disposal:
        """The disposal with what replacements absorb of its loss."""
        sale, loss = gone.sale, gone.basis - gone.proceeds
        if loss <= 0 or gone.lot.ira or not self.rules.wash_sales(sale.kind, sale.day):
            return gone
        each, left, lost = loss / gone.quantity, gone.quantity, ZERO
        absorbed = ZERO
        for lot in self._replacements(gone):
            quantity = min(left, lot.quantity)
            part = lot
            if quantity < lot.quantity:
                part = lot.split(quantity)
                self._put_beside(lot, part)
            part.replacing = True
            if part.ira:
                lost += each * quantity
            else:
                part.basis += each * quantity
                part.deferred += each * quantity
                part.start -= sale.day - gone.start
            absorbed += each * quantity
            left -= quantity
            if not left:
                break
        return replace(gone, disallowed=absorbed, lost=lost)

    def _replacements(self, gone: Disposal) -> list[Lot]:
        """Units bought within the window that may replace those sold, in the order of their purchase."""
        group = self.rules.group(gone.sale.symbol)
        window = timedelta(days=self.rules.window_days)
        first = bisect_left(self.days[group], gone.sale.day - window)
        found = []
        for lot in self.bought[group][first:]:
            if lot.bought > gone.sale.day + window:
                break
            if lot.quantity and not lot.replacing and lot.purchase != gone.lot.purchase:
                found.append(lot)
        return found

    # transfers

    def transfer(self, trade: TaxTrade) -> None:
        """Move units to another account with their basis and holding period: no sale, and no purchase."""
        pair = trade.account, trade.symbol
        if pair in self.found.short:
            return
        left = trade.quantity * later_splits(self.found.factors.get(trade.symbol, ()), trade.when)
        for lot in list(self.lots[pair]):
            if not left:
                return
            if not lot.quantity or lot.trade.when > trade.when:
                continue
            quantity = min(left, lot.quantity)
            part = lot
            if quantity < lot.quantity:
                part = lot.split(quantity)
                self._put_beside(lot, part)
            self.lots[pair] = [known for known in self.lots[pair] if known is not part]
            part.account = trade.to
            there = self.lots[trade.to, trade.symbol]
            there.append(part)
            there.sort(key=lambda known: known.trade.rank)
            left -= quantity


def _plain(quantity: Fraction) -> str:
    return f"{float(quantity):.12g}"
