"""Fixed inputs of a run: policy, strategies and arrays that follow from the instruments alone."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.alpha.terms import terms_of
from plimsoll.core.decision import TargetPortfolio
from plimsoll.core.errors import InputError
from plimsoll.core.events import CapsGranted
from plimsoll.core.instrument import Instrument
from plimsoll.core.limits import AccountCaps, Group, LimitSet
from plimsoll.core.policy import LIMIT_HORIZON, Policy, policy_hash
from plimsoll.core.ports import Strategy
from plimsoll.core.venue import VenueRules
from plimsoll.costs.model import depth
from plimsoll.engine.caps import account_caps, stressed_max, weight_cap
from plimsoll.execution.matching import RULES

Floats = NDArray[np.float64]

_BUDGETS = 16  # budgets whose caps are cached: outside deep drawdowns two per horizon


class Standing(NamedTuple):
    """A target portfolio as read-only arrays: (N,) ``target`` weights, fractions of NAV, and the highest
    ``confidence`` behind each, NaN without one; ``columns`` (k,) are those with a weight.
    """

    target: Floats
    confidence: Floats
    columns: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RunContext:
    """The policy with its strategies, and (N,) arrays over the panel's columns that are constant over the run.

    ``account`` enters order ids only, and ``code``, the hash of the deciding code (``engine.code``), is only
    recorded, "" where nothing is kept: two contexts of the same policy, strategies and instruments decide alike.
    ``rules`` are its venue's, by default those of recorded opens.
    """

    policy: Policy
    strategies: tuple[Strategy, ...]
    instruments: tuple[Instrument, ...]
    account: str = "local"
    code: str = ""
    rules: VenueRules = RULES
    _standing: list[tuple[TargetPortfolio | None, Standing]] = field(default_factory=list, repr=False, kw_only=True)
    _standalone: dict[float, Floats] = field(default_factory=dict, repr=False, kw_only=True)
    _granted: list[tuple[CapsGranted, AccountCaps]] = field(default_factory=list, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse a horizon without limits: a loss over 20 sessions has no budget (U3)."""
        if self.policy.auction.horizon != LIMIT_HORIZON:
            raise InputError(
                f"auction.horizon is {self.policy.auction.horizon}; the limits are stated for {LIMIT_HORIZON} sessions",
                f"Set auction.horizon to {LIMIT_HORIZON}",
            )

    def in_force(self, limits: LimitSet) -> LimitSet:
        """The limits of a session: those given. A counterfactual analysis changes some (G4)."""
        return limits

    def policy_copy(self) -> Policy:
        """A copy that shares nothing with the policy in force: a plug-in cannot change the original (U9)."""
        copied: Policy = pickle.loads(self._pickled)
        return copied

    def standing(self, portfolio: TargetPortfolio | None) -> Standing:
        """A target portfolio in arrays, zeros without one; cached while it stays in force."""
        if self._standing and self._standing[0][0] is portfolio:
            return self._standing[0][1]
        target, confidence = np.zeros(len(self.symbols)), np.full(len(self.symbols), np.nan)
        columns: list[int] = []
        if portfolio is not None:
            columns = [self.column[share.symbol] for share in portfolio.shares]
            for column, share in zip(columns, portfolio.shares, strict=True):
                target[column] += share.weight
            for symbol, value in portfolio.confidence.items():
                confidence[self.column[symbol]] = value
        found = Standing(target, confidence, np.array(columns, dtype=np.int64))
        for values in found:
            values.setflags(write=False)
        self._standing[:] = [(portfolio, found)]
        return found

    @cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps(self.policy)  # unpickling costs a tenth of a deep copy

    @cached_property
    def stressed_max(self) -> float:
        """Limit on stressed CVaR before any scaling, fraction of NAV (A3)."""
        return stressed_max(self.policy.cvar, self.policy.ladder)

    @cached_property
    def policy_hash(self) -> str:
        """SHA-256 of the canonical policy; in every decision (U7)."""
        return policy_hash(self.policy)

    @cached_property
    def schedules(self) -> tuple[str, ...]:
        """When each strategy is asked, in their order (S1)."""
        return tuple(terms_of(s, self.policy).schedule for s in self.strategies)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(i.symbol for i in self.instruments)

    @cached_property
    def column(self) -> dict[str, int]:
        """Column of each symbol."""
        return {s: i for i, s in enumerate(self.symbols)}

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kind per column."""
        return tuple(i.kind for i in self.instruments)

    def depth(self, adv: Floats) -> Floats:
        """(N,) USD a session against which orders are measured: ``adv``, for fx the pair's configured depth (C2)."""
        return depth(self.kinds, adv, self.policy.costs, self.symbols)

    @cached_property
    def everything(self) -> NDArray[np.bool_]:
        """Every column."""
        return np.ones(len(self.instruments), dtype=bool)

    @cached_property
    def crypto(self) -> NDArray[np.bool_]:
        """Crypto columns."""
        return np.array([i.kind == "crypto" for i in self.instruments], dtype=bool)

    @cached_property
    def havens(self) -> NDArray[np.bool_]:
        """Safe-haven columns (S3, R4)."""
        return np.isin(np.array(self.symbols), np.array(self.policy.strategies.havens))

    @cached_property
    def tradable(self) -> int:
        """Number of tradable symbols."""
        return sum(self.may_trade)

    @cached_property
    def may_trade(self) -> tuple[bool, ...]:
        """Per column, whether it is tradable."""
        return tuple(i.tradable for i in self.instruments)

    @cached_property
    def nowhere(self) -> NDArray[np.bool_]:
        """No column; read-only."""
        none = np.zeros(len(self.instruments), dtype=bool)
        none.setflags(write=False)
        return none

    @cached_property
    def nothing(self) -> Floats:
        """No weight in any column; read-only."""
        none = np.zeros(len(self.instruments))
        none.setflags(write=False)
        return none

    @cached_property
    def no_lots(self) -> NDArray[np.int64]:
        """No lots of any column; read-only."""
        none = np.zeros(len(self.instruments), dtype=np.int64)
        none.setflags(write=False)
        return none

    @cached_property
    def lots_per_unit(self) -> NDArray[np.int64]:
        """Lots per unit per column."""
        return np.array([i.lots_per_unit for i in self.instruments], dtype=np.int64)

    @cached_property
    def weight_caps(self) -> Floats:
        """Static cap per column, before volatility targets (A4, S4)."""
        return np.array([weight_cap(i, self.policy.limits) for i in self.instruments])

    @property
    def governed(self) -> bool:
        """Whether a governor is in the path of the orders, in a backtest as on paper (E1, H1).

        The account's caps then limit each session's orders, so that the governor can admit the proposal.
        """
        return self.policy.governor.recorded

    @cached_property
    def account_caps(self) -> AccountCaps | None:
        """The account's caps in USD by the policy, (N,) for positions (H1); None without a governor."""
        return account_caps(self.policy, self.symbols) if self.governed else None

    def caps_under(self, granted: CapsGranted | None) -> AccountCaps | None:
        """The same while those of the account's record are in force; cached until it grants others."""
        if granted is None or not self.governed:
            return self.account_caps
        if not self._granted or self._granted[0][0] != granted:
            self._granted[:] = [(granted, account_caps(self.policy, self.symbols, granted))]
        return self._granted[0][1]

    @cached_property
    def standalone_shares(self) -> tuple[Floats, Floats]:
        """(share of the CVaR budget, fixed fraction of NAV) per column for stand-alone risk (A4)."""
        cvar = self.policy.cvar
        share = {"crypto": cvar.standalone_crypto, "stock": np.inf}
        fixed = {"stock": cvar.standalone_stock}
        return (
            np.array([share.get(k, cvar.standalone_fund) for k in self.kinds]),
            np.array([fixed.get(k, np.inf) for k in self.kinds]),
        )

    def standalone_max(self, budget: float) -> Floats:
        """(N,) cap on stand-alone risk under a CVaR budget (A4), read-only; cached for the budgets of a session."""
        known = self._standalone.get(budget)
        if known is None:
            share, fixed = self.standalone_shares
            known = np.minimum(share * budget, fixed)
            known.setflags(write=False)
            if len(self._standalone) >= _BUDGETS:
                self._standalone.clear()
            self._standalone[budget] = known
        return known

    @cached_property
    def incremental_caps(self) -> Floats:
        """Largest rise of CVaR by one trade per column (A4)."""
        cvar = self.policy.cvar
        return np.array([cvar.incremental_fund if k == "fund" else cvar.incremental_other for k in self.kinds])

    @cached_property
    def sector_groups(self) -> tuple[Group, ...]:
        """Sector caps of single stocks (A4); stocks whose sector is unknown count as one sector (U6)."""
        members: dict[str, list[int]] = {}
        for column, i in enumerate(self.instruments):
            if i.kind == "stock":
                members.setdefault(i.sector or "unknown", []).append(column)
        cap = self.policy.limits.weight_sector
        return tuple(Group(f"sector:{name}", tuple(members[name]), cap) for name in sorted(members))
