"""A trade as the tax rules see it, and what the file of trades may say of it (X8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from fractions import Fraction

SIDES = ("buy", "reinvest", "sell", "split", "transfer")  # a reinvested dividend is a purchase
ACCOUNT_TYPES = ("taxable", "ira")
SECURITIES = ("stock", "etf", "fund", "tokenised_security")  # of which a loss can be a wash sale (section 1091)
DIGITAL = ("crypto", "tokenised_security")  # reported in the boxes of digital assets
COVERED = (*SECURITIES, "crypto")
NOT_COVERED = {  # kind: why no figure is worked out
    "future": "section 1256 contracts are marked to market on Form 6781",
    "index_option": "section 1256 contracts are marked to market on Form 6781",
    "option": "options are not covered: their wash sales and exercises need more than trades",
    "partnership": "units of a partnership are taxed by Schedule K-1",
    "fx": "foreign currency is taxed by section 988",
    "bond": "bonds need accrued interest and amortised premium",
}
KINDS = (*COVERED, *NOT_COVERED)


@dataclass(frozen=True, slots=True)
class TaxTrade:
    """One row of a file of trades.

    ``quantity`` is in units, above zero; ``price`` in USD a unit; ``fee`` in USD, zero or more. For a ``split``
    ``quantity`` is the number of new units for each old one and price and fee are zero; a ``transfer`` moves units to
    the account ``to``. ``at`` is the time of the trade where one was written. ``order`` puts the fills of one order
    together, ``lots`` names the lots that a sale identifies, by the ``ident`` of their purchases; ``instructed`` says
    that the broker was told so before the sale.
    """

    line: int
    account: str
    account_type: str
    day: date
    at: time | None
    symbol: str
    kind: str
    side: str
    quantity: Fraction
    price: Fraction
    fee: Fraction
    ident: str = ""
    order: str = ""
    lots: tuple[tuple[str, Fraction | None], ...] = ()
    instructed: bool = False
    to: str = ""

    @property
    def bought(self) -> bool:
        """Whether units come in: a purchase, or a dividend reinvested."""
        return self.side in ("buy", "reinvest")

    @property
    def when(self) -> datetime:
        """The moment by which trades are ordered: without a time purchases are the first of a day, sales its last."""
        if self.at is not None:
            return datetime.combine(self.day, self.at)
        return datetime.combine(self.day, time.max if self.side == "sell" else time.min)

    @property
    def rank(self) -> tuple[object, ...]:
        """The order of all trades: no order of rows changes it, and a name only where nothing else differs.

        At one moment splits come first, then transfers and purchases, then sales. Of purchases at one moment the
        dearest is the first, of sales the cheapest: the order in which the most is deferred.
        """
        step = ("split", "transfer", "buy", "reinvest", "sell").index(self.side)
        dear = self.price if self.side == "sell" else -self.price
        return (self.when, step, dear, self.account_type == "ira", self.quantity, self.account, self.ident, self.order)
