"""Expected days against a second calendar library, known holidays and the bounds of the horizon."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import InputError
from plimsoll.market import calendars
from plimsoll.market.calendars import CALENDARS, HORIZON, expected_days, nyse_sessions


def days(calendar: str, first: str, last: str) -> list[str]:
    return [iso_day(int(d)) for d in expected_days(calendar, day_number(first), day_number(last))]


def test_nyse_days_opens_and_closes_agree_with_a_second_library_since_1990() -> None:
    other = pytest.importorskip("pandas_market_calendars").get_calendar("NYSE")
    schedule = other.schedule("1990-01-01", "2026-12-31")
    ours = nyse_sessions(day_number("1990-01-01"), day_number("2026-12-31"))
    theirs = schedule.index.to_numpy().astype("M8[D]").astype(np.int64)
    assert np.array_equal(ours.days, theirs)
    for values, column in ((ours.opens, "market_open"), (ours.closes, "market_close")):
        seconds = schedule[column].dt.tz_localize(None).to_numpy().astype("M8[s]").astype(np.int64)
        modern = ours.days >= day_number("2007-01-01")  # before, they disagree on minutes of silence and storms
        assert np.array_equal(values[modern], seconds[modern])


def test_five_years_to_november_2026_hold_1255_sessions_and_1826_crypto_days() -> None:
    assert len(days("XNYS", "2021-11-21", "2026-11-20")) == 1255
    assert len(days("24/7", "2021-11-21", "2026-11-20")) == 1826


def test_a_half_day_closes_at_one_and_daylight_saving_moves_the_open() -> None:
    half = nyse_sessions(day_number("2024-11-29"), day_number("2024-11-29"))
    assert dt.datetime.fromtimestamp(int(half.closes[0]), dt.UTC).hour == 18
    march = nyse_sessions(day_number("2024-03-08"), day_number("2024-03-11"))
    assert [dt.datetime.fromtimestamp(int(t), dt.UTC).hour for t in march.opens] == [14, 13]


def test_next_day_is_the_session_after_the_last_one_whatever_the_span_ends_on() -> None:
    for last in ("2024-12-31", "2025-01-01"):
        sessions = nyse_sessions(day_number("2024-12-30"), day_number(last))
        assert sessions.dates[-1] == "2024-12-31"
        assert iso_day(sessions.next_day) == "2025-01-02"
        assert sessions.last_of_month.tolist() == [False, True]


def test_a_span_without_session_is_empty_and_knows_what_follows() -> None:
    sessions = nyse_sessions(day_number("2024-07-04"), day_number("2024-07-04"))
    assert len(sessions) == 0
    assert iso_day(sessions.next_day) == "2024-07-05"


def test_round_the_clock_calendars_are_plain_weekdays() -> None:
    week = days("24/7", "2024-12-23", "2024-12-29")
    assert len(week) == 7
    assert days("24/5", "2024-12-23", "2024-12-29") == week[:5]


def test_cboe_is_shut_with_the_market_in_september_2001_and_at_christmas() -> None:
    assert days("CBOE", "2001-09-10", "2001-09-17") == ["2001-09-10", "2001-09-17"]
    assert days("CBOE", "2023-12-25", "2023-12-26") == ["2023-12-26"]


def test_futures_trade_on_thanksgiving_and_the_nyse_does_not() -> None:
    assert days("CMES", "2023-11-23", "2023-11-23") == ["2023-11-23"]
    assert days("XNYS", "2023-11-23", "2023-11-23") == []


@pytest.mark.parametrize("calendar", sorted(CALENDARS))
def test_a_span_is_the_same_days_however_early_it_starts(calendar: str) -> None:
    first, last = day_number("1969-12-01"), day_number("2031-06-30")
    long, short = expected_days(calendar, first, last), expected_days(calendar, day_number("2009-06-01"), last)
    assert np.array_equal(long[np.searchsorted(long, short[0]) :], short)
    assert (np.diff(long) > 0).all()


def test_the_wall_clock_does_not_move_the_horizon() -> None:
    assert expected_days("XNYS", HORIZON - 6, HORIZON).size >= 4


@pytest.mark.parametrize(("first", "last"), [(calendars.FIRST - 1, 0), (0, HORIZON + 1), (0, 10**9)])
def test_days_outside_the_span_are_refused_by_name(first: int, last: int) -> None:
    with pytest.raises(InputError, match="1950-01-01 to 2035-12-31"):
        expected_days("24/7", first, last)
    with pytest.raises(InputError, match="1950-01-01 to 2035-12-31"):
        nyse_sessions(first, last)


def test_an_unknown_calendar_is_refused_and_a_reversed_span_is_empty() -> None:
    with pytest.raises(InputError, match="'LSE' is not a calendar"):
        expected_days("LSE", 0, 1)
    assert expected_days("XNYS", 10, 9).size == 0


def test_the_recorded_vix_and_funds_lie_on_their_calendars(shared_data) -> None:
    import polars as pl

    vix = pl.read_parquet(shared_data / "vix_daily.parquet")["date"].dt.date().cast(pl.Int32).to_numpy()
    expected = expected_days("CBOE", int(vix[0]), int(vix[-1]))
    missing = [iso_day(int(d)) for d in np.setdiff1d(expected, vix)]
    assert missing == ["1991-03-01", "1997-01-31", "1997-11-26", "1999-12-31"]
    assert np.setdiff1d(vix, expected).size == 33
