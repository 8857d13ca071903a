"""Each defect alone must be seen, dated and counted; clean and explained data must not be (D10)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.bars import Bars
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Flag
from plimsoll.core.policy import DataPolicy
from plimsoll.market.certify import certify
from plimsoll.market.quality import Assessment, assess, cross_source, tidy

POLICY = DataPolicy()
STOCK = Instrument("ABC", "stock", "24/7")
COUNT = 1400
FIRST = day_number("2020-01-01")
CALENDAR = np.arange(FIRST, FIRST + COUNT)
AS_OF = int(CALENDAR[-1])


def clean(count: int = COUNT) -> Bars:
    close = 100.0 + np.sin(np.arange(count) / 7.0)
    nothing = np.full(count, np.nan)
    return Bars(
        np.arange(FIRST, FIRST + count), close.copy(), close + 1, close - 1, close, close.copy(),
        np.full(count, 1e6), nothing, nothing.copy(),
    )  # fmt: skip


def judged(bars: Bars, instrument: Instrument = STOCK, as_of: int = AS_OF, policy: DataPolicy = POLICY) -> Assessment:
    tidied = tidy(bars, as_of)
    return assess(tidied.bars, instrument, CALENDAR, policy, as_of, tidied.findings)


def found(assessment: Assessment, reason: str) -> Flag:
    (flag,) = [f for f in assessment.flags if f.reason == reason]
    return flag


def reasons(assessment: Assessment) -> set[str]:
    return {f.reason for f in assessment.flags} - {"DERIVED_ACTIONS"}


def test_clean_bars_have_no_flag_and_a_full_score() -> None:
    result = judged(clean())
    assert (reasons(result), result.score, result.expected, result.missing_pct) == (set(), 1.0, COUNT, 0.0)


def test_missing_five_per_cent_pass_and_one_day_more_is_hard() -> None:
    keep = np.ones(1000, dtype=bool)
    keep[400:450] = False
    at_limit = judged(clean(1000).take(keep))
    assert at_limit.missing_pct == 0.05
    assert found(at_limit, "MISSING_SESSIONS").severity == "note"
    keep[450] = False
    policy = DataPolicy(note_after=1400)
    over = found(judged(clean(1000).take(keep), policy=policy), "MISSING_SESSIONS")
    assert (over.severity, over.count, over.day) == ("hard", 51, iso_day(FIRST + 400))


def test_losing_every_tenth_day_is_not_accepted_although_the_score_alone_would() -> None:
    bars = clean()
    result = judged(bars.take(np.arange(COUNT) % 10 != 0))
    assert result.score > POLICY.score_min
    assert certify("ABC", "files", result, POLICY).state == "DEGRADED"


def test_a_price_at_zero_is_hard_and_its_row_is_no_bar() -> None:
    bars = clean()
    bars.low[-5] = 0.0
    result = judged(bars)
    flag = found(result, "NON_POSITIVE_PRICE")
    assert (flag.severity, flag.count, flag.day) == ("hard", 1, iso_day(AS_OF - 4))
    assert len(result.bars) == COUNT - 1
    assert result.score == pytest.approx(1.0 - 0.2 - 0.3 / COUNT)


@pytest.mark.parametrize("field", ["open", "close", "high", "low"])
def test_a_price_outside_low_and_high_is_hard(field: str) -> None:
    bars = clean()
    getattr(bars, field)[-3] += {"low": 4.0}.get(field, -4.0)
    bars.adj_close[-3] = bars.close[-3]
    flag = found(judged(bars), "OHLC_INCONSISTENT")
    assert (flag.severity, flag.count, flag.day) == ("hard", 1, iso_day(AS_OF - 2))


def test_prices_off_by_their_rounding_are_consistent() -> None:
    bars = clean()
    bars.high[:] = bars.close * (1 - 1e-7)
    bars.open[:] = bars.low
    assert "OHLC_INCONSISTENT" not in reasons(judged(bars))


def test_an_old_finding_is_a_note_and_one_in_the_last_252_sessions_is_hard() -> None:
    for back, severity in ((252, "hard"), (253, "note")):
        bars = clean()
        bars.open[-back] = 1e3
        assert found(judged(bars), "OHLC_INCONSISTENT").severity == severity


def test_an_old_jump_stays_hard_because_every_return_after_it_is_wrong() -> None:
    bars = clean()
    for name in ("open", "high", "low", "close", "adj_close"):
        getattr(bars, name)[:100] *= 4.0
    result = judged(bars)
    day = iso_day(FIRST + 100)
    detail = f"total return -75.0% on {day}, close {bars.close[100]:.6g}"
    assert found(result, "UNEXPLAINED_JUMP") == Flag("UNEXPLAINED_JUMP", "hard", day, day, 1, detail)
    assert result.score == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("kind", "move", "flagged"),
    [
        ("stock", -0.49, False), ("stock", -0.51, True), ("fund", 0.51, True), ("crypto", 0.59, False),
        ("crypto", -0.61, True), ("fx", 0.14, False), ("fx", 0.16, True), ("index", 3.0, False),
    ],
)  # fmt: skip
def test_the_jump_limit_follows_the_kind(kind: str, move: float, flagged: bool) -> None:
    bars = clean()
    for name in ("open", "high", "low", "close", "adj_close"):
        getattr(bars, name)[:] = 100.0
        getattr(bars, name)[700:] *= 1.0 + move
    result = judged(bars, Instrument("X", kind, "24/7"))  # type: ignore[arg-type]
    assert ("UNEXPLAINED_JUMP" in reasons(result)) is flagged


def test_a_split_explains_a_jump() -> None:
    bars = clean()
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[700:] /= 7.0
    split = np.ones(COUNT)
    split[700] = 7.0
    with_column = replace(bars, split=split, dividend=np.zeros(COUNT), adj_close=np.full(COUNT, np.nan))
    assert reasons(judged(with_column)) == set()
    unrecorded = judged(bars)  # adj_close did not move: it knows of a split that no column tells
    assert reasons(unrecorded) == {"SPLIT_UNRECORDED"}
    assert unrecorded.actions.split[700] == 7.0
    assert "UNEXPLAINED_JUMP" in reasons(judged(replace(with_column, split=np.ones(COUNT))))


def test_a_broken_adjustment_is_a_jump_although_the_close_never_moved() -> None:
    bars = clean()
    bars.adj_close[:700] *= 0.3
    assert found(judged(bars), "UNEXPLAINED_JUMP").severity == "hard"


def test_a_second_source_confirms_a_jump_or_contradicts_it() -> None:
    bars = clean()
    for name in ("open", "high", "low", "close", "adj_close"):
        getattr(bars, name)[700:] *= 0.4
    flags = cross_source(bars, replace(bars, close=bars.close * 1.009), STOCK, POLICY)
    assert [(f.reason, f.flag().day) for f in flags] == [("JUMP_CONFIRMED", iso_day(FIRST + 700))]
    assert "UNEXPLAINED_JUMP" not in {f.reason for f in assess(bars, STOCK, CALENDAR, POLICY, AS_OF, flags).flags}
    (deviation,) = cross_source(bars, clean(), STOCK, POLICY)
    assert (deviation.reason, deviation.severity, deviation.days.size) == (
        "CROSS_SOURCE_DEVIATION",
        "hard",
        COUNT - 700,
    )


def stuck(sessions: int, volume: float = 0.0, end: int = COUNT) -> Bars:
    bars = clean()
    for name in ("open", "high", "low", "close", "adj_close"):
        getattr(bars, name)[end - sessions : end] = 100.0
    bars.volume[end - sessions : end] = volume
    return bars


def test_five_sessions_of_one_close_without_volume_are_stuck_and_four_are_not() -> None:
    flag = found(judged(stuck(5)), "STUCK_SERIES")
    assert (flag.severity, flag.count, flag.last_day) == ("hard", 5, iso_day(AS_OF))
    assert reasons(judged(stuck(4))) == set()
    assert "STUCK_SERIES" not in reasons(judged(stuck(30, volume=10.0)))
    assert found(judged(stuck(5, volume=np.nan)), "STUCK_SERIES").count == 5


def test_a_stuck_stretch_long_past_is_a_note() -> None:
    assert found(judged(stuck(300, end=600)), "STUCK_SERIES").severity == "note"


def test_an_index_and_a_currency_have_no_volume_to_be_stuck_on() -> None:
    bars = stuck(30)
    bars.volume[:] = np.nan
    for kind in ("index", "fx"):
        assert reasons(judged(bars, Instrument("X", kind, "24/7"))) == set()  # type: ignore[arg-type]


def test_absent_volume_is_a_note_on_what_is_traded() -> None:
    bars = clean()
    bars.volume[:] = np.nan
    assert found(judged(bars), "NO_VOLUME").severity == "note"


def test_a_volume_spike_is_a_note() -> None:
    bars = clean()
    bars.volume[-1] = 51e6
    assert found(judged(bars), "VOLUME_SPIKE") == Flag("VOLUME_SPIKE", "note", iso_day(AS_OF), iso_day(AS_OF), 1)
    bars.volume[-1] = 50e6
    assert reasons(judged(bars)) == set()


def test_rows_off_the_calendar_are_dropped_and_counted() -> None:
    weekdays = CALENDAR[(CALENDAR + 3) % 7 < 5]
    result = assess(clean(), STOCK, weekdays, POLICY, AS_OF)
    flag = found(result, "OFF_GRID_ROWS")
    assert (flag.severity, flag.count) == ("note", COUNT - weekdays.size)
    assert result.bars.day.tolist() == weekdays.tolist()


def test_half_a_bar_is_no_bar() -> None:
    for name, kind, rows in (
        ("close", "index", 1),
        ("open", "stock", 1),
        ("open", "index", 0),
        ("adj_close", "stock", 0),
    ):
        bars = clean()
        getattr(bars, name)[40] = np.nan
        assert len(judged(bars, Instrument("X", kind, "24/7")).bars) == COUNT - rows  # type: ignore[arg-type]


def test_conflicting_duplicates_are_hard_equal_ones_a_note_and_the_later_row_stays() -> None:
    bars = clean()
    twice = bars.take(np.sort(np.append(np.arange(COUNT), [COUNT - 9, COUNT - 5])))
    twice.close[COUNT - 7] = 100.5  # the first of the pair (COUNT - 9, COUNT - 8) is at COUNT - 9
    twice.volume[COUNT - 9] = np.nan
    tidied = tidy(twice, AS_OF)
    result = judged(twice)
    assert (found(result, "DUPLICATE_CONFLICT").severity, found(result, "DUPLICATE_CONFLICT").count) == ("hard", 1)
    assert (found(result, "DUPLICATE_ROWS").severity, found(result, "DUPLICATE_ROWS").count) == ("note", 1)
    assert tidied.bars.volume[COUNT - 9] == 1e6
    assert result.score == pytest.approx(1.0 - 0.2 * 2 / (COUNT + 2))


def test_unordered_dates_are_hard_and_newest_first_is_an_order() -> None:
    order = np.arange(COUNT)
    order[[COUNT - 1, COUNT - 3]] = order[[COUNT - 3, COUNT - 1]]
    swapped = judged(clean().take(order))
    assert found(swapped, "DATES_UNORDERED").severity == "hard"
    assert swapped.bars.day.tolist() == CALENDAR.tolist()
    backwards = judged(clean().take(np.arange(COUNT)[::-1]))
    assert reasons(backwards) == set()
    assert backwards.bars.day.tolist() == CALENDAR.tolist()


def test_rows_after_the_end_are_hard_and_dropped() -> None:
    result = judged(clean(), as_of=AS_OF - 3)
    assert (found(result, "DATE_IN_FUTURE").severity, found(result, "DATE_IN_FUTURE").count) == ("hard", 3)
    assert result.bars.day[-1] == AS_OF - 3


def test_nothing_usable_is_judged_without_an_error() -> None:
    bars = clean()
    bars.close[:] = np.nan
    result = judged(bars)
    assert (len(result.bars), result.expected, result.missing_pct) == (0, 0, 1.0)


@given(
    st.lists(st.integers(0, 60), min_size=0, max_size=80),
    st.lists(st.sampled_from([-1.0, 0.0, 1.0, 99.0, 100.0, 1e9, np.nan, np.inf]), min_size=80, max_size=80),
)
def test_any_rows_give_bars_in_order_inside_the_calendar_and_a_score_in_range(
    days: list[int], prices: list[float]
) -> None:
    price = np.array(prices[: len(days)])
    nothing = np.full(len(days), np.nan)
    bars = Bars(np.array(days, dtype=np.int64) + FIRST, price, price, price, price, price, price, nothing, nothing)
    result = judged(bars, as_of=FIRST + 50)
    assert (np.diff(result.bars.day) > 0).all()
    assert np.isin(result.bars.day, CALENDAR).all()
    assert (result.bars.close > 0.0).all()
    assert 0.0 <= result.score <= 1.0
    assert 0.0 <= result.missing_pct <= 1.0


def test_a_finding_keeps_all_its_days_and_its_weight_where_the_flag_has_aged() -> None:
    bars = clean()
    bars.open[[50, 300, 301]] = 1e3
    result = judged(bars)
    (one,) = [f for f in result.findings if f.reason == "OHLC_INCONSISTENT"]
    assert (one.severity, one.days.tolist()) == ("hard", [FIRST + 50, FIRST + 300, FIRST + 301])
    assert found(result, "OHLC_INCONSISTENT").severity == "note"


def test_a_day_told_twice_and_differently_is_hard_however_old_and_nothing_fills_at_an_impossible_open() -> None:
    bars = clean()
    twice = bars.take(np.sort(np.append(np.arange(COUNT), 3)))
    twice.open[4] += 100.0  # the later row of the day, which stays, opens far above its high
    result = judged(twice)
    assert found(result, "DUPLICATE_CONFLICT").severity == "hard" and found(result, "OHLC_INCONSISTENT").count == 1
    told = certify("ABC", "files", result, POLICY)
    assert (told.state, told.reasons) == ("DEGRADED", ("DUPLICATE_CONFLICT",))
    assert np.flatnonzero(np.isnan(result.bars.open)).tolist() == [3] and np.isfinite(result.bars.close).all()


def _weeks(shift: int) -> Bars:
    """Bars of every Monday to Friday, dated ``shift`` days off."""
    days = np.arange(FIRST, FIRST + COUNT)
    bars = clean().take((days + 3) % 7 < 5)
    return replace(bars, day=bars.day + shift)


def test_bars_on_sundays_and_none_on_fridays_are_a_time_zone_and_no_missing_session() -> None:
    grid = CALENDAR[(CALENDAR + 3) % 7 < 5]
    for shift, weekend in (
        (-1, "Sundays from 2020-01-05 on, and on no Friday"),
        (1, "Saturdays from 2020-01-04 on, and on no"),
    ):
        bars = _weeks(shift)
        bars = bars.take(bars.day >= FIRST + 3)
        flag = found(assess(bars, STOCK, grid, POLICY, AS_OF), "DATES_SHIFTED")
        assert flag.severity == "hard" and weekend in flag.detail
    for fine in (_weeks(0), clean()):  # and a file that has every day of the week is only read without its weekends
        assert "DATES_SHIFTED" not in reasons(assess(fine, STOCK, grid, POLICY, AS_OF))
