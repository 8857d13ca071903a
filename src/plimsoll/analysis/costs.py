"""Expected and realised cost, and the impact coefficient estimated from fills (C3).

Two sources: the journal of a run, whose fills the model itself priced, which makes the coefficient a check that one
model was used throughout and no evidence about a market; and fills of an account of one's own, which are evidence.
Nothing found here is applied: a person writes it into the policy (P5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis.fills_file import LeftOut, OwnFill, read
from plimsoll.analysis.past_session import policy_of
from plimsoll.core.dates import iso_day
from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import DataPublished, Proof
from plimsoll.core.order import Fill, Order
from plimsoll.core.panel import History
from plimsoll.core.policy import CostPolicy, Policy, policy_hash
from plimsoll.core.ports import RunCatalogue, RunReader, SnapshotStore
from plimsoll.costs.calibration import Calibration, SizeBucket, by_size, calibrate
from plimsoll.costs.model import coefficient
from plimsoll.costs.shortfall import REGIMES, Compared, Orders, Shortfall, compare, executions, shortfall
from plimsoll.engine.history import history_of
from plimsoll.execution.pricing import fill_quote

Floats = NDArray[np.float64]


class OrderCost(msgspec.Struct, frozen=True):
    """One order, USD, adverse positive: expected at its decision, and the parts of its realised cost.

    ``confidence`` of the expected cost and ``decay``, the part of liquidity the order takes, are fractions (C1).
    """

    order: str
    day: str
    symbol: str
    side: str
    regime: str
    notional_usd: float
    adv_share: float | None
    expected_usd: float
    realised_usd: float
    delay_usd: float
    slippage_usd: float
    impact_usd: float
    commission_usd: float
    unfilled_usd: float
    confidence: float | None
    decay: float | None


class CostReport(msgspec.Struct, frozen=True):
    """Result of ``plimsoll costs``. Costs in fractions of notional where not named ``_usd``, adverse positive.

    ``evidence`` is False where the model itself priced the fills. ``impact_y`` is the coefficient as ``costs.impact_y``
    has it, with its error and 95 % interval; null, with ``why_unknown``, where the fills cannot say.
    ``fills`` counts the orders behind it, ``orders_compared`` all that were filled. ``suggestion`` is the YAML a person
    may put into a policy file, "" where there is nothing to suggest. ``journal`` is what the run's journal was verified
    to, null for fills of one's own.
    """

    source: str
    evidence: bool
    basis: str
    policy: str
    impact_y: float | None
    impact_y_error: float | None
    impact_y_low: float | None
    impact_y_high: float | None
    why_unknown: str
    impact_y_policy: float
    slippage: str
    slippage_multiple: float | None
    slippage_multiple_error: float | None
    r2: float | None
    fills: int
    days: int
    expected_cost: float | None
    realised_cost: float | None
    total: Compared
    by_symbol: tuple[Compared, ...]
    by_regime: tuple[Compared, ...]
    by_size: tuple[SizeBucket, ...]
    orders_compared: int
    orders: tuple[OrderCost, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    suggestion: str
    journal: Proof | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """One order before it becomes a row of columns."""

    name: str
    symbol: str
    kind: str
    day: int
    side: int
    ordered: float
    filled: float
    reference: float
    arrival: float
    price: float
    commission: float
    adv: float
    sigma: float
    regime: int


def of_run(
    reader: RunReader, runs: RunCatalogue, snapshots: SnapshotStore, present: Callable[[], Policy], *,
    estimate_slippage: bool = False,
) -> CostReport:  # fmt: skip
    """The orders of a run of ``runs`` that ``reader`` reads, each priced again from the snapshot it was filled on,
    under the run's own policy, and held against its fills.

    Raises
    ------
    InputError, CorruptionError : journal, snapshot or policy is not there or not what was written.
    """
    genesis = reader.genesis
    policy, name = policy_of(runs, reader.run, genesis, present), genesis.snapshot
    intents: dict[str, Order] = {}
    filled_on: dict[str, str] = {}
    fills: dict[str, list[Fill]] = {}
    for event in reader.events():
        if isinstance(event, CycleRecord):
            intents.update((order.id, order) for order in event.intents)
        elif isinstance(event, Fill):
            fills.setdefault(event.id, []).append(event)
            filled_on.setdefault(event.id, name)
        elif isinstance(event, DataPublished):
            name = event.snapshot
    histories = {
        each: history_of(snapshots.open(each).resolved(policy.limits.plain_symbols_are), policy)
        for each in sorted({filled_on[id] for id in fills if id in intents})
    }
    rows: list[_Row] = []
    left_out: list[LeftOut] = []
    for id, done in fills.items():
        if id in intents:
            rows.append(_of_order(id, intents[id], done, histories[filled_on[id]]))
        else:
            said = f"{done[0].symbol} was closed without an order ({done[0].reason})"
            left_out.append(LeftOut(done[0].session, said))
    unfilled = len(intents.keys() - fills.keys())
    notes = [f"{unfilled} of {len(intents)} orders expired without a fill and are not compared."] if unfilled else []
    basis = (
        "The model itself priced these fills: the coefficient must come back as the policy's. It shows that one model "
        "was used throughout and is no evidence about a market."
    )
    found = _report(
        f"run {reader.run}",
        False,
        basis,
        rows,
        left_out,
        notes,
        policy,
        genesis.policy,
        estimate_slippage=estimate_slippage,
    )
    return msgspec.structs.replace(found, journal=reader.proof)


def _of_order(name: str, intent: Order, done: Sequence[Fill], history: History) -> _Row:
    """An order of a run: decided on a close, released at the open of the row it was filled on.

    Its quantity and reference are restated over a split of that row, the reference also less a dividend, which the
    market pays and no trade costs.
    """
    panel = history.panel
    column, decided = panel.column[intent.symbol], panel.sessions.row_at_or_after(intent.session)
    at = panel.sessions.row_at_or_after(done[0].session)
    instrument = panel.instruments[column]
    split, dividend = float(panel.split[at, column]), float(panel.dividend[at, column])
    ratio = split if split > 0.0 and split != np.inf else 1.0
    units = instrument.lots_per_unit
    filled = sum(abs(f.lots) for f in done) / units
    quote = fill_quote(history, column, float(panel.open[at, column]), decided)
    return _Row(
        name=name,
        symbol=intent.symbol,
        kind=instrument.kind,
        day=int(panel.sessions.days[at]),
        side=1 if intent.lots > 0 else -1,
        ordered=abs(intent.lots) * ratio / units,
        filled=filled,
        reference=intent.reference / ratio - (dividend if dividend == dividend else 0.0),
        arrival=quote.price,
        price=sum(f.price * abs(f.lots) for f in done) / units / filled,
        commission=sum(f.commission for f in done) / 100.0,
        adv=quote.adv,
        sigma=quote.sigma,
        regime=quote.regime,
    )


def of_file(
    path: Path, policy: Policy, market: Callable[[], History | None], *, estimate_slippage: bool = False
) -> CostReport:
    """Fills of an account of one's own. ``market`` is asked for what the file leaves out: volume, volatility and
    regime of the last session before the fill's day; None where the home has no certified snapshot.
    """
    fills, left_out = read(path, policy.limits.plain_symbols_are)
    orders: dict[str, list[OwnFill]] = {}
    for one in fills:
        orders.setdefault(one.order, []).append(one)
    lacking = any(f.adv is None or f.sigma is None or f.regime is None for f in fills)
    history = market() if lacking else None
    rows: list[_Row] = []
    assumed = 0
    for name, parts in orders.items():
        first = parts[0]
        if any(f.instrument.symbol != first.instrument.symbol or f.side != first.side for f in parts):
            left_out.append(LeftOut(f"order {name}", "its fills are of several symbols or of both sides"))
            continue
        known = _looked_up(first, history)
        assumed += known.regime is None
        rows.append(_of_fills(name, parts, known))
    notes = []
    if assumed:
        notes.append(f"The regime of {assumed} orders is unknown and was taken as normal.")
    if any(f.commission is None for f in fills):
        notes.append("Fills without a commission are counted as having paid none.")
    basis = f"Fills of {path.name}, with their own prices."
    return _report(
        path.name, True, basis, rows, left_out, notes, policy, policy_hash(policy),
        estimate_slippage=estimate_slippage,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    adv: float
    sigma: float
    regime: int | None


def _looked_up(fill: OwnFill, history: History | None) -> _Known:
    """Liquidity and regime at the last session before the fill: the file's own, else the snapshot's, else unknown."""
    adv, sigma, regime = fill.adv, fill.sigma, fill.regime
    if history is not None:
        panel = history.panel
        row = int(np.searchsorted(panel.sessions.days, fill.day)) - 1
        column = panel.column.get(fill.instrument.symbol)
        fresh = 0 <= row < len(panel.sessions) - 1 or (row >= 0 and fill.day <= panel.sessions.next_day)
        if fresh:
            quote = fill_quote(history, 0 if column is None else column, fill.arrival, row)
            regime = quote.regime if regime is None else regime
            if column is not None:
                adv, sigma = (quote.adv if adv is None else adv), (quote.sigma if sigma is None else sigma)
    return _Known(np.nan if adv is None else adv, np.nan if sigma is None else sigma, regime)


def _of_fills(name: str, parts: Sequence[OwnFill], known: _Known) -> _Row:
    """An order from its partial fills: arrival and decision price of the first, the mean price of all."""
    first, filled = parts[0], sum(f.qty for f in parts)
    return _Row(
        name=name,
        symbol=first.instrument.symbol,
        kind=first.instrument.kind,
        day=first.day,
        side=first.side,
        ordered=filled,
        filled=filled,
        reference=first.arrival if first.reference is None else first.reference,
        arrival=first.arrival,
        price=sum(f.price * f.qty for f in parts) / filled,
        commission=sum(f.commission or 0.0 for f in parts),
        adv=known.adv,
        sigma=known.sigma,
        regime=known.regime or 0,
    )


def _report(
    source: str,
    evidence: bool,
    basis: str,
    rows: Sequence[_Row],
    left_out: list[LeftOut],
    notes: Sequence[str],
    policy: Policy,
    policy_digest: str,
    *,
    estimate_slippage: bool,
) -> CostReport:
    orders = _columns(rows)
    costs = policy.costs
    found = shortfall(orders, costs)
    done, used = executions(orders, costs)
    unusable = int((~used).sum())
    if unusable:
        said = "volume or volatility is unknown: compared at the worst case, not used for calibration"
        left_out = [*left_out, LeftOut(f"{unusable} order{'' if unusable == 1 else 's'}", said)]
    fit = calibrate(done, costs, slippage_known=not estimate_slippage)
    everything = np.ones(len(rows), dtype=bool)
    total = compare("all", found, everything)
    symbols = sorted(set(orders.symbol))
    of_symbol = np.array(orders.symbol)
    return CostReport(
        source=source,
        evidence=evidence,
        basis=basis,
        policy=policy_digest,
        impact_y=fit.impact_y,
        impact_y_error=fit.error,
        impact_y_low=fit.low,
        impact_y_high=fit.high,
        why_unknown=fit.why_unknown,
        impact_y_policy=coefficient(costs),
        slippage="estimated" if estimate_slippage else "policy",
        slippage_multiple=fit.slippage_multiple,
        slippage_multiple_error=fit.slippage_error,
        r2=fit.r2,
        fills=fit.orders,
        days=fit.days,
        expected_cost=total.expected_cost,
        realised_cost=total.realised_cost,
        total=total,
        by_symbol=tuple(compare(s, found, of_symbol == s) for s in symbols),
        by_regime=tuple(
            compare(name, found, orders.regime == k) for k, name in enumerate(REGIMES) if (orders.regime == k).any()
        ),
        by_size=by_size(done, fit),
        orders_compared=len(rows),
        orders=_each(rows, found),
        left_out=tuple(left_out),
        notes=tuple(notes),
        suggestion=_suggestion(fit, costs) if evidence else "",
    )


def _columns(rows: Sequence[_Row]) -> Orders:
    def column(name: str) -> Floats:
        return np.array([getattr(r, name) for r in rows], dtype=np.float64)

    figures = ("side", "ordered", "filled", "reference", "arrival", "price", "commission", "adv", "sigma")
    return Orders(
        symbol=tuple(r.symbol for r in rows),
        kind=tuple(r.kind for r in rows),
        day=np.array([r.day for r in rows], dtype=np.int64),
        regime=np.array([r.regime for r in rows], dtype=np.int64),
        **{name: column(name) for name in figures},
    )


def _each(rows: Sequence[_Row], found: Shortfall) -> tuple[OrderCost, ...]:
    realised = found.realised
    return tuple(
        OrderCost(
            order=r.name,
            day=iso_day(r.day),
            symbol=r.symbol,
            side="buy" if r.side > 0 else "sell",
            regime=REGIMES[r.regime],
            notional_usd=float(found.notional[i]),
            adv_share=float(found.notional[i] / r.adv) if r.adv > 0.0 else None,
            expected_usd=float(found.expected[i]),
            realised_usd=float(realised[i]),
            delay_usd=float(found.delay[i]),
            slippage_usd=float(found.slippage[i]),
            impact_usd=float(found.impact[i]),
            commission_usd=float(found.commission[i]),
            unfilled_usd=float(found.unfilled[i]),
            confidence=_known(found.confidence[i]),
            decay=_known(found.decay[i]),
        )
        for i, r in enumerate(rows)
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _suggestion(fit: Calibration, costs: CostPolicy) -> str:
    """The policy file a person may write; nothing where the coefficient is not shown to be above zero."""
    if fit.impact_y is None or fit.low is None or not fit.low > 0.0:
        return ""
    lines = ["costs:", *([] if costs.impact == "daily" else ["  impact: daily"]), f"  impact_y: {fit.impact_y:.3g}"]
    if fit.slippage_error is not None and fit.slippage_multiple is not None and fit.slippage_multiple > 0.0:
        lines.append("  kinds:")
        for kind, rates in costs.kinds.items():
            lines.append(f"    {kind}: {{slippage: {rates.slippage * fit.slippage_multiple:.3g}}}")
    return "\n".join(lines) + "\n"
