"""Own fills from a file: the coefficient they were made with, and what becomes of rows that cannot be used (C3)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from plimsoll.analysis.costs import of_file
from plimsoll.analysis.fills_file import OPTIONAL, REQUIRED, read
from plimsoll.core.errors import InputError
from plimsoll.core.panel import History, Panel
from plimsoll.core.policy import Policy
from plimsoll.engine.history import history_of

POLICY = Policy()
LINE = {
    "symbol": "SPY", "side": "buy", "qty": "10", "price": "100.10", "arrival": "100.00", "time": "2026-03-02",
    "adv": "1e6", "sigma": "0.01", "regime": "normal",
}  # fmt: skip


def write(path: Path, rows: Iterable[dict[str, object]]) -> Path:
    rows = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def nowhere() -> None:
    return None


def made(seed: int, n: int, y: float, noise: float = 0.0) -> list[dict[str, object]]:
    """Fills priced at ``y`` and the policy's slippage of a fund, in all regimes."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for i in range(n):
        regime = int(draw.integers(0, 3))
        sigma, adv, arrival = draw.uniform(0.005, 0.03), float(np.exp(draw.normal(15, 1))), draw.uniform(20, 200)
        qty, side = float(np.exp(draw.normal(6, 1))), 1 if draw.random() < 0.5 else -1
        impact = y * 1.25 * sigma * np.sqrt(qty * arrival / adv) * (1.0, 1.5, 2.0)[regime]
        cost = 0.0005 * (1.0, 1.5, 3.0)[regime] + impact + noise * sigma * draw.normal()
        rows.append(
            {
                "symbol": f"S{i % 7}", "side": "buy" if side > 0 else "sell", "qty": qty,
                "price": arrival * (1.0 + side * cost), "arrival": arrival,
                "time": f"2026-{1 + i % 9:02d}-{1 + i % 28:02d}T15:00:00+01:00", "adv": adv, "sigma": sigma,
                "regime": ("normal", "volatile", "crisis")[regime], "commission": qty * arrival * 0.001,
            }
        )  # fmt: skip
    return rows


def test_the_coefficient_that_made_the_fills_is_found_with_its_error(tmp_path: Path) -> None:
    exact = of_file(write(tmp_path / "a.csv", made(1, 200, 0.7)), POLICY, nowhere)
    assert exact.impact_y == pytest.approx(0.7, rel=1e-9)
    assert exact.evidence and exact.impact_y_policy == 1.0
    noisy = of_file(write(tmp_path / "b.csv", made(2, 4000, 0.7, noise=0.05)), POLICY, nowhere)
    assert noisy.impact_y == pytest.approx(0.7, abs=4.0 * (noisy.impact_y_error or 0.0))
    assert noisy.impact_y_low is not None and noisy.impact_y_high is not None
    assert noisy.impact_y_low < 0.7 < noisy.impact_y_high
    assert noisy.suggestion == f"costs:\n  impact_y: {noisy.impact_y:.3g}\n"
    assert {c.name for c in noisy.by_regime} == {"normal", "volatile", "crisis"}
    assert [c.name for c in noisy.by_symbol] == [f"S{i}" for i in range(7)]
    assert sum(c.realised_usd for c in noisy.by_symbol) == pytest.approx(noisy.total.realised_usd)
    assert noisy.realised_cost is not None and noisy.expected_cost is not None
    assert noisy.realised_cost < noisy.expected_cost  # they were made with less than the policy's 1.0


def test_a_suggestion_can_be_loaded_as_a_policy(tmp_path: Path) -> None:
    from plimsoll.app import Workspace

    policy = msgspec.structs.replace(POLICY, costs=msgspec.structs.replace(POLICY.costs, impact="seed"))
    found = of_file(write(tmp_path / "a.csv", made(3, 300, 0.7)), policy, nowhere, estimate_slippage=True)
    file = tmp_path / "mine.yaml"
    file.write_text(found.suggestion)
    costs = Workspace(tmp_path, policy_files=(file,)).load().policy.costs
    assert (costs.impact, costs.impact_y) == ("daily", 0.7)
    assert costs.kinds["fund"].slippage == pytest.approx(0.0005)


def test_no_effect_that_can_be_told_from_none_suggests_nothing(tmp_path: Path) -> None:
    found = of_file(write(tmp_path / "a.csv", made(4, 100, 0.0, noise=0.5)), POLICY, nowhere)
    assert found.impact_y is not None and found.suggestion == ""


def test_partial_fills_of_one_order_are_one_order_of_its_whole_size(tmp_path: Path) -> None:
    rows = [LINE | {"order": "a", "qty": "6"}, LINE | {"order": "a", "qty": "4", "price": "100.30"}]
    found = of_file(write(tmp_path / "a.csv", rows), POLICY, nowhere)
    (one,) = found.orders
    assert one.notional_usd == pytest.approx(1000.0) and one.adv_share == pytest.approx(1e-3)
    assert one.slippage_usd + one.impact_usd == pytest.approx(10.0 * 0.18)
    mixed = of_file(write(tmp_path / "b.csv", [*rows, LINE | {"order": "a", "side": "sell"}, LINE | {"order": "b"}]),
                    POLICY, nowhere)  # fmt: skip
    assert mixed.orders_compared == 1
    assert [(o.where, "both sides" in o.problem) for o in mixed.left_out] == [("order a", True)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"side": "hold"}, "side 'hold' is unknown"),
        ({"qty": "-5"}, "qty '-5' is not above zero"),
        ({"qty": "1,000"}, "qty '1,000' is not a number"),
        ({"price": "inf"}, "price 'inf' is not a number"),
        ({"arrival": ""}, "arrival is absent. Every fill needs it"),
        ({"time": "2026-03-02T15:00:00"}, "time '2026-03-02T15:00:00' has no zone"),
        ({"time": "yesterday"}, "time 'yesterday' is not a date or an instant"),
        ({"adv": "-1"}, "adv '-1' is not above zero. Write 1234.5"),
        ({"sigma": "0"}, "sigma '0' is not above zero"),
        ({"regime": "calm"}, "regime 'calm' is unknown"),
        ({"symbol": "^VIX"}, "symbol ^VIX is an index"),
        ({"symbol": "a b c"}, "'a b c' is not a symbol"),
        ({"symbol": "BTC-USD", "kind": "stock"}, "kind 'stock' contradicts the symbol BTC-USD, a crypto"),
        ({"kind": "bond"}, "kind 'bond' is unknown"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_value(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    file = write(tmp_path / "a.csv", [LINE | {"kind": ""}, LINE | {"kind": ""} | change])
    fills, (bad,) = read(file, "fund")
    assert len(fills) == 1
    assert bad.where == "line 3" and bad.problem.startswith(problem)


def test_a_file_is_refused_by_name_when_it_is_no_table_of_fills(tmp_path: Path) -> None:
    bare = tmp_path / "a.csv"
    bare.write_text("symbol,side,qty,price\nSPY,buy,1,2\n")
    with pytest.raises(InputError, match="has no column arrival, time"):
        read(bare, "fund")
    twice = tmp_path / "b.csv"
    twice.write_text("symbol,side,qty,price,arrival,time,Price\n")
    with pytest.raises(InputError, match="two columns price"):
        read(twice, "fund")
    with pytest.raises(InputError, match="is not there"):
        read(tmp_path / "c.csv", "fund")
    with pytest.raises(InputError, match=r"neither \.csv nor \.parquet"):
        read(tmp_path / "c.xlsx", "fund")
    broken = tmp_path / "d.parquet"
    broken.write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read(broken, "fund")
    latin = tmp_path / "e.csv"
    latin.write_bytes(b"symbol,side,qty,price,arrival,time\nSPY,buy,1,2,3,\xff\n")
    with pytest.raises(InputError, match="not a readable CSV file"):
        read(latin, "fund")
    with pytest.raises(InputError, match=r"has no usable fill; line 2: qty"):
        read(write(tmp_path / "f.csv", [LINE | {"qty": "x"}]), "fund")


def test_parquet_holds_the_same_as_csv(tmp_path: Path) -> None:
    import polars as pl

    rows = made(5, 60, 0.9)
    text = read(write(tmp_path / "a.csv", rows), "fund")[0]
    frame = pl.DataFrame(rows).with_columns(pl.col("time").str.to_datetime(time_zone="UTC"))
    frame.write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", "fund")[0] == [
        msgspec_like(fill, f"row {i + 1}") for i, fill in enumerate(text)
    ]


def msgspec_like(fill, where: str):
    from dataclasses import replace

    return replace(fill, order=where)


@pytest.fixture(scope="module")
def history(make_market: Callable[..., Panel]) -> History:
    return history_of(make_market(1, 330), POLICY)


def test_what_the_file_leaves_out_comes_from_the_session_before_the_fill(tmp_path: Path, history: History) -> None:
    from plimsoll.costs.model import most_probable

    row, panel = 300, history.panel
    bare = {k: v for k, v in LINE.items() if k not in ("adv", "sigma", "regime")}
    day = {"time": panel.sessions.dates[row + 1]}
    rows = [bare | day, bare | day | {"symbol": "NEW"}, bare | {"time": "2009-01-02"}]
    found = of_file(write(tmp_path / "a.csv", rows), POLICY, lambda: history)
    known, stranger, early = found.orders
    adv = float(history.array("adv")[row, panel.column["SPY"]])
    assert known.adv_share == pytest.approx(1000.0 / adv)
    regime = most_probable(history.array("regime.belief")[row])
    assert known.regime == stranger.regime == ("normal", "volatile", "crisis")[regime]
    assert stranger.adv_share is None and early.adv_share is None
    assert any(o.where == "2 orders" for o in found.left_out)
    assert found.notes[0] == "The regime of 1 orders is unknown and was taken as normal."
    assert stranger.expected_usd == pytest.approx(1000.0 * 0.02)


def test_a_fill_long_after_the_snapshot_finds_nothing_in_it(tmp_path: Path, history: History) -> None:
    bare = {k: v for k, v in LINE.items() if k not in ("adv", "sigma")} | {"time": "2090-01-02"}
    (order,) = of_file(write(tmp_path / "a.csv", [bare]), POLICY, lambda: history).orders
    assert order.adv_share is None


def test_a_file_that_says_everything_needs_no_market(tmp_path: Path) -> None:
    def never() -> None:
        raise AssertionError("asked for")

    found = of_file(write(tmp_path / "a.csv", [LINE | {"reference": "99", "commission": "1.5"}]), POLICY, never)
    (order,) = found.orders
    assert (order.delay_usd, order.commission_usd) == pytest.approx((10.0, 1.5))
    assert found.impact_y is None and found.why_unknown == "1 orders with known liquidity; 30 are needed"
    assert found.notes == ()


def test_the_help_names_every_column() -> None:
    from plimsoll.cli.inspect import costs

    assert costs.__doc__ is not None
    for name in (*REQUIRED, *OPTIONAL):
        assert name in costs.__doc__


@pytest.mark.parametrize(("qty", "share"), [("1000", 0.1), ("6000", 0.6), ("9000", 0.9)])
def test_an_order_tells_how_sure_its_cost_is_and_what_liquidity_it_takes(
    tmp_path: Path, qty: str, share: float
) -> None:
    found = of_file(write(tmp_path / "a.csv", [LINE | {"qty": qty}]), POLICY, nowhere)
    (order,) = found.orders
    assert order.adv_share == pytest.approx(share)
    assert order.confidence == pytest.approx(1.0 - min(share / 2.0, 0.3)) and order.decay == pytest.approx(0.1 * share)
    unknown = of_file(write(tmp_path / "b.csv", [{**LINE, "adv": ""}]), POLICY, nowhere)
    assert (unknown.orders[0].confidence, unknown.orders[0].decay) == (None, None)
