"""How many injected data defects certification finds, and how often it cries wolf (D10, D12).

    python benchmarks/defects.py ../shared/data            # the half of the symbols nothing was designed on
    python benchmarks/defects.py ../shared/data --half design --json

Clean series are the funds of ``etf_daily.parquet`` and the stocks of ``equities_daily.parquet`` with their recorded
dividends. One defect at a time goes into a copy of a series, at a place drawn from the symbol's name; it is found when
a flag that the clean series has not names a day within a session of it. Thresholds were set on every second symbol by
name (``design``); the figures to quote are of the others (``test``). ``vendor_defects.parquet`` holds real broken and
repaired histories: what is flagged in the broken one and not in the repaired one is found.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from plimsoll.core.bars import Bars
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.market.findings import HARD, Finding
from plimsoll.market.quality import assess, tidy
from plimsoll.market.sources import merge

POLICY = DataPolicy()
RATIOS = (2.0, 3.0, 1.5, 1.25, 4.0, 0.1)
PRICES = ("open", "high", "low", "close", "adj_close")
QUIET = ("DERIVED_ACTIONS", "VOLUME_SPIKE")
Series = tuple[Instrument, Bars]
Defect = Callable[[Bars, int, np.random.Generator], Bars | None]


def series(folder: Path, half: str) -> Iterator[Series]:
    """The clean series of one half, with adj_close and the recorded actions."""
    frames = [(pl.read_parquet(folder / "etf_daily.parquet"), pl.read_parquet(folder / "etf_dividends.parquet"))]
    stocks = pl.read_parquet(folder / "equities_actions.parquet")
    frames.append((pl.read_parquet(folder / "equities_daily.parquet"), stocks))
    for prices, actions in frames:
        names = sorted(prices["symbol"].unique().to_list())
        chosen = [n for i, n in enumerate(names) if half == "all" or (i % 2 == 0) == (half == "design")]
        paid = actions.partition_by("symbol", as_dict=True)
        for (name,), rows in prices.filter(pl.col("symbol").is_in(chosen)).sort("date").partition_by(
            "symbol", as_dict=True, maintain_order=True
        ).items():  # fmt: skip
            kind = "crypto" if name.endswith("-USD") else "stock"
            yield Instrument(name, kind, "24/7"), _bars(rows, paid.get((name,)))


def _bars(rows: pl.DataFrame, actions: pl.DataFrame | None) -> Bars:
    day = rows["date"].dt.epoch("d").to_numpy().astype(np.int64)
    dividend, split = np.zeros(day.size), np.ones(day.size)
    if actions is not None:
        at = np.searchsorted(day, actions["date"].dt.epoch("d").to_numpy())
        dividend[np.minimum(at, day.size - 1)] = actions["dividend"].fill_null(0.0).to_numpy()
        if "split" in actions.columns:
            ratio = actions["split"].fill_null(0.0).to_numpy()
            split[np.minimum(at, day.size - 1)] = np.where(ratio > 0.0, ratio, 1.0)
    columns = (rows[name].cast(pl.Float64).to_numpy().copy() for name in (*PRICES, "volume"))
    return Bars(day, *columns, dividend, split)


def bare(bars: Bars) -> Bars:
    """Without declared actions: adj_close is the only statement beside close."""
    nothing = np.full(len(bars), np.nan)
    return replace(bars, dividend=nothing, split=nothing.copy())


def traded(bars: Bars) -> Bars:
    """Without adj_close: the declared actions are the only statement beside close."""
    return replace(bars, adj_close=np.full(len(bars), np.nan))


def _scaled(bars: Bars, names: tuple[str, ...], rows: slice, factor: float) -> Bars:
    values = {name: getattr(bars, name).copy() for name in names}
    for column in values.values():
        column[rows] *= factor
    return replace(bars, **values)


def _split(form: str, ratio: float) -> Defect:
    def make(bars: Bars, t: int, _: np.random.Generator) -> Bars:
        before = slice(0, t)
        if form == "close and adj_close unadjusted":
            return _scaled(bare(bars), PRICES, before, ratio)
        if form == "close as traded, adj_close right":
            return _scaled(bare(bars), PRICES[:4], before, ratio)
        return _scaled(bare(bars), ("adj_close",), before, ratio)

    return make


def _dividend(change: Callable[[float], float], form: str) -> Defect:
    def make(bars: Bars, _: int, draw: np.random.Generator) -> Bars | None:
        days = np.flatnonzero(bars.dividend > 0.0)
        days = days[(days > 300) & (bars.dividend[days] > 0.001 * bars.close[days])]
        if days.size < 8:
            return None
        place = int(days[int(draw.integers(4, days.size))])
        dividend = bars.dividend.copy()
        dividend[place] = change(dividend[place])
        wrong = replace(bars, dividend=dividend)
        return traded(wrong) if form == "declared alone" else wrong

    return make


def _spike(size: float) -> Defect:
    return lambda bars, t, _: _scaled(bare(bars), PRICES, slice(t, t + 1), 1.0 + size)


def _negative(bars: Bars, t: int, _: np.random.Generator) -> Bars:
    return _scaled(bare(bars), PRICES, slice(t, t + 1), -1.0)


def _unit(bars: Bars, t: int, _: np.random.Generator) -> Bars:
    return _scaled(bare(bars), PRICES, slice(t, t + 40), 100.0)


def _stuck(volume: bool) -> Defect:
    def make(bars: Bars, t: int, _: np.random.Generator) -> Bars:
        values = {name: getattr(bars, name).copy() for name in (*PRICES, "volume")}
        for name in PRICES[:4]:
            values[name][t : t + 8] = values["close"][t - 1]
        values["adj_close"][t : t + 8] = values["adj_close"][t - 1]
        values["volume"][t : t + 8] = values["volume"][t - 1] if volume else 0.0
        return replace(bare(bars), **values)

    return make


def defects() -> dict[str, Defect]:
    """Every class of defect by name."""
    found: dict[str, Defect] = {}
    for form in ("close and adj_close unadjusted", "close as traded, adj_close right", "adj_close alone"):
        for ratio in RATIOS:
            found[f"split {ratio:g}: {form}"] = _split(form, ratio)
    for name, change in (
        ("x10", lambda d: d * 10.0), ("x100", lambda d: d * 100.0), ("/100", lambda d: d / 100.0),
        ("missing", lambda d: d * 0.0), ("doubled", lambda d: d * 2.0), ("negative", lambda d: -d),
    ):  # fmt: skip
        for form in ("beside adj_close", "declared alone"):
            if form == "beside adj_close" or name not in ("missing", "doubled"):
                found[f"dividend {name}: {form}"] = _dividend(change, form)
    found |= {"spike +40 %": _spike(0.4), "spike -40 %": _spike(-0.4), "price negative": _negative, "unit x100": _unit}
    return found | {"stuck, no volume": _stuck(False), "stuck, volume copied": _stuck(True)}


def judged(instrument: Instrument, bars: Bars) -> tuple[Finding, ...]:
    """Every finding about a series on its own days."""
    last = int(bars.day.max())
    tidied = tidy(bars, last)
    return assess(tidied.bars, instrument, np.unique(bars.day), POLICY, last, tidied.findings).findings


def _pairs(found: tuple[Finding, ...]) -> set[tuple[str, int]]:
    return {(f.reason, day) for f in found if f.reason not in QUIET for day in f.days.tolist()}


def _seam(instrument: Instrument, bars: Bars, t: int) -> bool:
    """Two readings that meet between two days, the later one on another adjustment (3 % of dividends since)."""
    whole = bare(bars)
    early, late = whole.take(np.arange(len(bars)) < t), whole.take(np.arange(len(bars)) >= t)
    late = replace(late, adj_close=late.adj_close * 0.97)
    found = merge(late, early, ["files:a"] * len(early), "files:b", instrument, POLICY).findings
    return any(f.reason == "SEAM_WITHOUT_OVERLAP" for f in found)


def injected(folder: Path, half: str) -> dict[str, tuple[int, int]]:
    """Per class: found and tried."""
    tally = {name: [0, 0] for name in (*defects(), "seam without overlap")}
    for instrument, bars in series(folder, half):
        seed = int.from_bytes(hashlib.sha256(instrument.symbol.encode()).digest()[:8], "big")
        draw = np.random.default_rng(seed)
        clean = {name: _pairs(judged(instrument, form(bars))) for name, form in _FORMS.items()}
        t = int(draw.integers(300, len(bars) - 60))
        for name, defect in defects().items():
            wrong = defect(bars, t, draw)
            if wrong is None:
                continue
            form = (
                "declared alone" if "alone" in name and "dividend" in name else "both" if "dividend" in name else "bare"
            )
            differ = np.flatnonzero(_differ(wrong, _FORMS[form](bars)))
            near = set(bars.day[np.unique(np.clip(differ[:, None] + np.array([-1, 0, 1]), 0, len(bars) - 1))].tolist())
            if "split" in name:
                near = set(bars.day[t - 1 : t + 2].tolist())
            new = _pairs(judged(instrument, wrong)) - clean[form]
            tally[name][0] += any(day in near for _, day in new)
            tally[name][1] += 1
        tally["seam without overlap"][0] += _seam(instrument, bars, t)
        tally["seam without overlap"][1] += 1
    return {name: (found, tried) for name, (found, tried) in tally.items()}


_FORMS: dict[str, Callable[[Bars], Bars]] = {"both": lambda b: b, "bare": bare, "declared alone": traded}


def _differ(one: Bars, other: Bars) -> np.ndarray:
    apart = np.zeros(len(one), dtype=bool)
    for name in (*PRICES, "volume", "dividend", "split"):
        a, b = getattr(one, name), getattr(other, name)
        apart |= ~((a == b) | (np.isnan(a) & np.isnan(b)))
    return apart


def alarms(folder: Path, half: str) -> dict[str, dict[str, list[str]]]:
    """Hard flags on clean series, per form of the file: symbol to reasons; no reason where there is none."""
    found: dict[str, dict[str, list[str]]] = {name: {} for name in _FORMS}
    for instrument, bars in series(folder, half):
        for name, form in _FORMS.items():
            hard = [f for f in judged(instrument, form(bars)) if f.severity == HARD]
            breaks = sorted({f.reason for f in hard if f.days[-1] >= bars.day[-252] or f.reason not in _AGES})
            found[name][instrument.symbol] = breaks
    return found


_AGES = ("OHLC_INCONSISTENT", "STUCK_SERIES", "COPIED_ROWS", "PRICE_SPIKE", "NON_POSITIVE_PRICE", "DUPLICATE_CONFLICT")


def vendor(folder: Path) -> list[tuple[str, str, list[str]]]:
    """Per real case and state: the hard reasons; of a broken one only those its repaired twin has not on those days."""
    frame = pl.read_parquet(folder / "vendor_defects.parquet")
    found: dict[tuple[str, str], set[tuple[str, int]]] = {}
    for (case, state), rows in frame.partition_by("case", "state", as_dict=True, maintain_order=True).items():
        day = rows["ts_text"].str.slice(0, 10).str.to_date().to_numpy().astype("M8[D]").astype(np.int64)
        columns = (rows[n].to_numpy().astype(float) for n in (*PRICES, "volume"))
        actions = (np.nan_to_num(rows[n].to_numpy().astype(float)) for n in ("dividends", "stock_splits"))
        hard = [
            f for f in judged(Instrument(case, "stock", "24/7"), Bars(day, *columns, *actions)) if f.severity == HARD
        ]
        found[case, state] = _pairs(tuple(hard))
    told = []
    for (case, state), pairs in sorted(found.items()):
        own = pairs - found.get((case, "fixed"), set()) if state == "bad" else pairs
        told.append((case, state, sorted({reason for reason, _ in own})))
    return told


def main() -> int:
    """Print the tables, or everything as JSON."""
    parser = argparse.ArgumentParser(description="Detection rate and false alarms of certification.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--half", choices=("test", "design", "all"), default="test")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rates, false, real = injected(asked.folder, asked.half), alarms(asked.folder, asked.half), vendor(asked.folder)
    if asked.json:
        json.dump({"half": asked.half, "injected": rates, "alarms": false, "vendor": real}, sys.stdout, indent=1)
        return 0
    print(f"| injected defect ({asked.half} half) | found | tried | rate |\n|---|---|---|---|")
    for name, (found, tried) in rates.items():
        print(f"| {name} | {found} | {tried} | {found / max(tried, 1):.1%} |")
    total, tries = (sum(c[i] for c in rates.values()) for i in (0, 1))
    print(f"| all | {total} | {tries} | {total / tries:.1%} |\n")
    print("| clean series, form of the file | barred | series | which |\n|---|---|---|---|")
    for form, symbols in false.items():
        barred = {s: r for s, r in symbols.items() if r}
        which = "; ".join(f"{s} {', '.join(r)}" for s, r in barred.items())
        print(f"| {form} | {len(barred)} ({len(barred) / len(symbols):.1%}) | {len(symbols)} | {which} |")
    print("\n| real case | state | hard flags |\n|---|---|---|")
    for case, state, reasons in real:
        print(f"| {case} | {state} | {', '.join(reasons)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
