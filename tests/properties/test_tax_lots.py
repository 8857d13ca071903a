"""Laws of the tax lots, and the same worked out share by share by a program that shares nothing with ours (X8)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from plimsoll.tax.lots import LotLedger, ledger
from plimsoll.tax.rules import Rules
from plimsoll.tax.trade import TaxTrade

FIRST = date(2024, 12, 1)
RULES = Rules(identical=(("X", "Y"),))
ACCOUNTS = (("a", "taxable"), ("b", "taxable"), ("i", "ira"))


@st.composite
def histories(draw: st.DrawFn, accounts: tuple[tuple[str, str], ...] = ACCOUNTS) -> list[TaxTrade]:
    """Purchases and sales of a few shares on some 100 days, never more sold than bought; prices differ, so that no two
    trades of a day are alike.
    """
    held: dict[tuple[str, str], int] = defaultdict(int)
    trades = []
    days = sorted(draw(st.lists(st.integers(0, 100), min_size=2, max_size=9)))
    for n, day in enumerate(days):
        account, kind = draw(st.sampled_from(accounts))
        symbol = draw(st.sampled_from("XYZ"))
        quantity = draw(st.integers(1, 5))
        sells = held[account, symbol] > 0 and draw(st.booleans())
        quantity = min(quantity, held[account, symbol]) if sells else quantity
        held[account, symbol] += -quantity if sells else quantity
        price = Fraction(draw(st.integers(5, 15))) + Fraction(n, 1000)
        trades.append(
            TaxTrade(n, account, kind, FIRST + timedelta(days=day), None, symbol, "stock", "sell" if sells else "buy",
                  Fraction(quantity), price, Fraction(0))
        )  # fmt: skip
    return trades


METHODS = st.sampled_from(["fifo", "lifo", "hifo"])


def figures(found: LotLedger) -> tuple[object, ...]:
    """What was recognised of each sale and what is held, without the order of anything."""
    sales: dict[object, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 3)
    for d in found.disposals:
        key = (d.sale.account, d.sale.symbol, d.sale.day, d.sale.price, d.lot.bought, d.start)
        sales[key] = [a + b for a, b in zip(sales[key], (d.quantity, d.basis, d.disallowed), strict=True)]
    lots: dict[object, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 2)
    for lot in found.held:
        key = (lot.account, lot.trade.symbol, lot.bought, lot.start, lot.trade.price)
        lots[key] = [a + b for a, b in zip(lots[key], (lot.quantity, lot.basis), strict=True)]
    return dict(sales), dict(lots)


@given(histories(), METHODS)
def test_what_is_recognised_deferred_and_lost_is_the_economic_result(trades: list[TaxTrade], method: str) -> None:
    found = ledger(trades, RULES, method)
    paid = sum((t.quantity * t.price * (1 if t.side == "buy" else -1) for t in trades), Fraction(0))
    kept = sum((lot.basis - lot.deferred for lot in found.held), Fraction(0))
    recognised = sum((d.gain for d in found.disposals), Fraction(0))
    deferred = sum((lot.deferred for lot in found.held), Fraction(0))
    lost = sum((d.lost for d in found.disposals), Fraction(0))
    assert recognised - deferred - lost == kept - paid
    assert all(0 <= d.disallowed <= max(d.basis - d.proceeds, 0) for d in found.disposals)


@given(histories(), METHODS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(trades: list[TaxTrade], method: str, chance: object) -> None:
    mixed = list(trades)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert figures(ledger(mixed, RULES, method)) == figures(ledger(trades, RULES, method))


@given(histories(), METHODS, st.integers(0, 8))
def test_a_fill_split_in_two_is_the_same_fill(trades: list[TaxTrade], method: str, which: int) -> None:
    one = trades[which % len(trades)]
    third = one.quantity / 3
    parts = [replace(one, quantity=third, line=100), replace(one, quantity=one.quantity - third, line=101)]
    whole = ledger(trades, RULES, method)
    assert figures(ledger([t for t in trades if t is not one] + parts, RULES, method)) == figures(whole)


@given(histories(accounts=ACCOUNTS[:2]), METHODS)
def test_nothing_is_deferred_once_all_is_sold_for_a_month(trades: list[TaxTrade], method: str) -> None:
    last = max(t.day for t in trades) + timedelta(days=31)
    held: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for t in trades:
        held[t.account, t.symbol] += t.quantity if t.side == "buy" else -t.quantity
    closing = [
        TaxTrade(50 + n, account, "taxable", last + timedelta(days=31 * n), None, symbol, "stock", "sell", quantity,
              Fraction(10), Fraction(0))
        for n, ((account, symbol), quantity) in enumerate(sorted(held.items())) if quantity
    ]  # fmt: skip
    found = ledger([*trades, *closing], changed(RULES, identical=()), method)
    assert not found.held
    assert sum((d.gain for d in found.disposals), Fraction(0)) == sum(
        (t.quantity * t.price * (-1 if t.side == "buy" else 1) for t in [*trades, *closing]), Fraction(0)
    )


# share by share


@dataclass(eq=False)
class Share:
    trade: TaxTrade
    cost: Fraction
    since: date
    used: bool = False
    sold: bool = False
    dear: Fraction = Fraction(0)


def share_by_share(
    trades: list[TaxTrade], method: str
) -> tuple[dict[object, list[Fraction]], list[tuple[object, ...]]]:
    """By the rule as Publication 550 tells it: each share sold at a loss looks for one share that replaces it."""
    ordered = sorted(trades, key=lambda t: (t.day, t.side == "sell", t.price if t.side == "sell" else -t.price))
    shares = [Share(t, t.price, t.day) for t in ordered if t.side == "buy" for _ in range(int(t.quantity))]
    sales: dict[object, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 3)
    for n, sale in enumerate(ordered):
        if sale.side != "sell":
            continue
        mine = [s for s in shares if (s.trade.account, s.trade.symbol) == (sale.account, sale.symbol)]
        again = any(t.side == "sell" and (t.account, t.symbol, t.day) == (sale.account, sale.symbol, sale.day)
                    for t in ordered[:n])  # fmt: skip
        for s in mine:
            s.dear = s.dear if again else s.cost
        for _ in range(int(sale.quantity)):
            there = [s for s in mine if not s.sold and s.trade.day <= sale.day]
            gone = {"fifo": there[0], "lifo": there[-1], "hifo": max(there, key=lambda s: s.dear)}[method]
            gone.sold = True
            loss, disallowed = gone.cost - sale.price, Fraction(0)
            if loss > 0 and sale.account_type != "ira":
                near = (
                    s for s in shares
                    if (s.trade.symbol in "XY") == (sale.symbol in "XY") and not s.sold and not s.used
                    and s.trade is not gone.trade and abs((s.trade.day - sale.day).days) <= 30
                )  # fmt: skip
                if (found := next(near, None)) is not None:
                    found.used, disallowed = True, loss
                    if found.trade.account_type != "ira":
                        found.cost += loss
                        found.since -= sale.day - gone.since
            key = (sale.account, sale.symbol, sale.day, sale.price, gone.trade.day, gone.since)
            sales[key] = [a + b for a, b in zip(sales[key], (Fraction(1), gone.cost, disallowed), strict=True)]
    left = [
        (s.trade.account, s.trade.symbol, s.trade.day, s.since, s.trade.price, s.cost) for s in shares if not s.sold
    ]
    return dict(sales), left


@given(histories(), METHODS)
def test_the_lots_are_what_share_by_share_gives(trades: list[TaxTrade], method: str) -> None:
    found = ledger(trades, RULES, method)
    sales, left = share_by_share(trades, method)
    assert figures(found)[0] == sales
    lots: dict[object, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 2)
    for *key, cost in left:
        lots[tuple(key)] = [a + b for a, b in zip(lots[tuple(key)], (Fraction(1), cost), strict=True)]  # type: ignore[operator]
    assert figures(found)[1] == dict(lots)
