"""The trades of a run's account, from the events of its journal, for the tax rules (X8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction

from plimsoll.core.errors import InputError
from plimsoll.core.events import ActionsRestated, CashFlow, Event, FillCorrected, Genesis, PositionAdopted, Split
from plimsoll.core.instrument import Instrument
from plimsoll.core.order import Fill
from plimsoll.core.quantity import split_ratio
from plimsoll.tax.trade import TaxTrade

KINDS = {"fund": "etf", "stock": "stock", "crypto": "crypto", "future": "future", "fx": "fx"}


def trades_of(events: Sequence[Event], instruments: Iterable[Instrument]) -> list[TaxTrade]:
    """Every execution as it stands after corrections, every split, and the fractions of a unit paid in cash.

    Raises
    ------
    InputError
        A position was adopted from a venue, so that its cost is not known here.
    """
    units = {i.symbol: (KINDS[i.kind], i.lots_per_unit) for i in instruments if i.kind in KINDS}
    replaced = {(e.symbol, e.execution): e.fill for e in events if isinstance(e, FillCorrected)}
    in_lieu = {(e.session, e.symbol): e.cents for e in events if isinstance(e, CashFlow) and e.kind == "cash_in_lieu"}
    account = next(e.account for e in events if isinstance(e, Genesis))
    held: dict[str, int] = defaultdict(int)
    found: list[TaxTrade] = []

    def add(session: str, symbol: str, side: str, quantity: Fraction, price: Fraction, fee: Fraction) -> None:
        day, (kind, _) = date.fromisoformat(session), units[symbol]
        found.append(
            TaxTrade(len(found) + 1, account, "taxable", day, None, symbol, kind, side, quantity, price, fee)
        )  # fmt: skip

    for event in events:
        match event:
            case Fill():
                stands = replaced.get((event.symbol, event.execution), event)
                if stands is None or not stands.lots:
                    continue
                held[stands.symbol] += stands.lots
                quantity = Fraction(abs(stands.lots), units[stands.symbol][1])
                price = Fraction(abs(stands.notional), 100) / quantity
                add(stands.session, stands.symbol, "buy" if stands.lots > 0 else "sell", quantity, price,
                    Fraction(stands.commission, 100))  # fmt: skip
            case Split():
                ratio = split_ratio(event.ratio)
                add(event.session, event.symbol, "split", ratio, Fraction(0), Fraction(0))
                if event.unheld:
                    continue
                if rest := held[event.symbol] * ratio - event.lots:  # a fraction of a unit, paid in cash
                    quantity = rest / units[event.symbol][1]
                    cash = Fraction(in_lieu.get((event.session, event.symbol), 0), 100)
                    add(event.session, event.symbol, "sell", quantity, cash / quantity, Fraction(0))
                held[event.symbol] = event.lots
            case ActionsRestated(splits=splits) if splits:
                raise InputError(
                    f"splits of {event.symbol} became known only after {event.session}, out of the order of trades",
                    "Give all trades of the account as a file with --trades",
                )
            case PositionAdopted():
                raise InputError(
                    f"the account adopted {event.lots} lots of {event.symbol} on {event.session}, at an unknown cost",
                    "Give all trades of the account as a file with --trades",
                )
            case _:
                pass
    return found
