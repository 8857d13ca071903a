"""Intraday Parquet: what is kept, what is left out and counted, what is refused (H4, H8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from plimsoll.core.errors import InputError
from plimsoll.market.minutes import Jump, choose, read, sessions_of, unexplained

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
HALF_DAY = datetime(2025, 11, 28, 14, 30, tzinfo=UTC)  # the session after Thanksgiving closes at 18:00 UTC


def frame(bars: int = 10, first: datetime = OPEN, minutes: int = 1, **columns: object) -> pl.DataFrame:
    at = [first + timedelta(minutes=minutes * n) for n in range(bars)]
    price = [100.0 + n for n in range(bars)]
    given: dict[str, object] = {
        "symbol": ["S"] * bars,
        "ts": at,
        "open": price,
        "high": [p + 1.0 for p in price],
        "low": [p - 1.0 for p in price],
        "close": price,
        "volume": [5] * bars,
    }
    return pl.DataFrame(given | columns).with_columns(pl.col("ts").cast(pl.Datetime("ms", "UTC")))


def written(folder: Path, *frames: pl.DataFrame) -> Path:
    path = folder / "bars.parquet"
    pl.concat(frames).write_parquet(path)
    return path


def test_bars_know_their_sessions_hours_and_half_days_close_early(tmp_path: Path) -> None:
    day = frame(400)
    half = frame(400, HALF_DAY)
    [found] = read(written(tmp_path, day, half))
    bars = found.bars
    assert (bars.symbol, bars.step, found.source) == ("S", 60, "bars")
    assert [rows.stop - rows.start for rows in sessions_of(bars)] == [210, 390]
    assert found.dropped == {"outside hours": 10 + 190}
    assert ((bars.closes - bars.opened) // 60)[[0, -1]].tolist() == [210, 390]
    assert bars.start[0] == HALF_DAY.timestamp() and (np.diff(bars.start) > 0).all()


def test_bars_that_cannot_be_are_left_out_and_counted(tmp_path: Path) -> None:
    good = frame(10)
    spoilt = good.with_columns(
        pl.Series("low", [99.0, 101.5, *(100.0 + n - 1.0 for n in range(2, 10))]),  # above the open
        pl.Series("close", [100.0, 101.0, float("nan"), None, *(100.0 + n for n in range(4, 10))]),
        pl.Series("volume", [5, 5, 5, 5, -1, *([5] * 5)]),
    )
    twice = frame(1, OPEN + timedelta(minutes=9))
    [found] = read(written(tmp_path, spoilt, twice))
    assert found.dropped == {"bad prices": 4, "same time twice": 2}
    assert found.bars.close.tolist() == [100.0, 105.0, 106.0, 107.0, 108.0]


def test_recordings_are_told_apart_by_symbol_interval_and_source(tmp_path: Path) -> None:
    def of(symbol: str, interval: str, source: str, bars: int) -> pl.DataFrame:
        step = int(interval[:-1])
        rows = frame(bars, minutes=step)
        return rows.with_columns(
            pl.lit(symbol).alias("symbol"), pl.lit(interval).alias("interval"), pl.lit(source).alias("source")
        )

    path = written(tmp_path, of("A", "5m", "x", 9), of("A", "1m", "y", 5), of("A", "1m", "z", 8), of("B", "5m", "x", 9))
    found = read(path)
    assert len(found) == 4
    assert choose(found, path, "A", None).source == "z"  # the shortest bars, and most of them
    assert choose(found, path, "A", "x").bars.step == 300
    with pytest.raises(InputError, match="no bars of 'C'"):
        choose(found, path, "C", None)
    with pytest.raises(InputError, match="from 'q'"):
        choose(found, path, "A", "q")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.drop("close"), "lacks the columns close"),
        (lambda f: f.with_columns(pl.col("ts").dt.replace_time_zone(None)), "not an instant with a time zone"),
        (lambda f: f.with_columns(pl.lit("high").alias("high")), "high are not numbers"),
        (lambda f: f.clear(), "no bars"),
    ],
)
def test_a_file_that_is_not_bars_is_refused_by_name(spoil: object, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, spoil(frame()))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no")
    for name, said in (("text.parquet", "is not a readable Parquet file"), ("absent.parquet", "is not there")):
        with pytest.raises(InputError, match=f"{name} {said}"):
            read(tmp_path / name)


@pytest.mark.real_data
def test_the_recorded_bars_are_all_inside_hours_with_their_known_defects(shared_data: Path) -> None:
    found = {(r.bars.symbol, r.source): r for r in read(shared_data / "msft_intraday.parquet")}
    assert {key: len(r.bars) for key, r in found.items()} == {
        ("MSFT", "ib_5m"): 16_207,
        ("MSFT", "yahoo_1m"): 4_483,
        ("MSFT", "yahoo_5m"): 4_521,
    }
    assert found["MSFT", "ib_5m"].dropped == {"outside hours": 317}
    lengths = [rows.stop - rows.start for rows in sessions_of(found["MSFT", "ib_5m"].bars)]
    assert len(lengths) == 210 and lengths.count(42) == 3  # half-days


def believed(folder: Path, *frames: pl.DataFrame, bound: float = 0.2) -> Jump | None:
    return unexplained(read(written(folder, *frames))[0].bars, bound, units=5, near=0.03)


def priced(price: float, first: datetime = OPEN, bars: int = 10) -> pl.DataFrame:
    flat = [price] * bars
    return frame(bars, first, open=flat, high=flat, low=flat, close=flat)


NEXT = OPEN + timedelta(days=1)


@pytest.mark.parametrize(
    ("after", "split"),
    [(50.0, "2:1"), (200.0, "1:2"), (66.0, "3:2"), (10.0, ""), (1000.0, ""), (75.6, "4:3"), (79.0, "5:4")],
)
def test_a_jump_between_sessions_is_unexplained_and_named_where_a_split_would_look_so(
    after: float, split: str, tmp_path: Path
) -> None:
    found = believed(tmp_path, priced(100.0), priced(after, NEXT))
    assert found == Jump(int(NEXT.timestamp()), pytest.approx(after / 100.0), split)  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [81.0, 119.0])
def test_what_stays_within_the_bound_is_believed(after: float, tmp_path: Path) -> None:
    assert believed(tmp_path, priced(100.0), priced(after, NEXT)) is None
    assert believed(tmp_path, priced(100.0), priced(50.0, NEXT), bound=1.0) is None
    assert believed(tmp_path, priced(100.0, bars=1)) is None


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_single_price_of_a_bar_within_a_session_is_enough(column: str, tmp_path: Path) -> None:
    prices = {name: [100.0] * 10 for name in ("open", "high", "low", "close")}
    prices["high"][5] = 130.0
    if column == "low":
        prices["high"][5], prices["low"][5] = 100.0, 70.0
    elif column != "high":
        prices[column][5] = 130.0
    found = believed(tmp_path, frame(10, **prices))
    wanted = 0.7 if column == "low" else 1.3
    assert found == Jump(int((OPEN + timedelta(minutes=5)).timestamp()), pytest.approx(wanted), "")  # type: ignore[arg-type]


def test_a_recording_with_a_hole_may_have_moved_as_prices_do_meanwhile(tmp_path: Path) -> None:
    """100 days later: 0.8 to the power of the square root of 69 sessions is a sixth."""
    later = OPEN + timedelta(days=101)
    assert believed(tmp_path, priced(100.0), priced(60.0, later)) is None
    assert believed(tmp_path, priced(100.0), priced(10.0, later)) is not None
