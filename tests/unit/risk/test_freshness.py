"""Pre-trade freshness as codes per row and symbol (D15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from plimsoll.core.panel import FIELDS, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import REASONS
from plimsoll.core.sessions import Sessions
from plimsoll.risk import freshness

POLICY = Policy()
ROWS = 600


def closes(columns: int, seed: int = 1, rows: int = ROWS, sigma: float = 0.01) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100.0 * np.cumprod(1.0 + rng.normal(0.0, sigma, (rows, columns)), axis=0)


def codes(panel: Panel) -> np.ndarray:
    return freshness.factors(POLICY)["freshness.reason"](panel)


def reasons(panel: Panel, row: int) -> list[str | None]:
    return [freshness.reason_of(c) for c in codes(panel)[row]]


def test_a_whole_and_quiet_history_is_fresh(make_panel: Callable[..., Panel]) -> None:
    assert (codes(make_panel(closes(4)))[300:] == freshness.FRESH).all()


def test_every_code_has_its_reason() -> None:
    assert freshness.reason_of(0.0) is None
    named = [freshness.reason_of(float(c)) for c in range(1, len(freshness.CODES))]
    assert named == list(freshness.CODES[1:])
    assert set(named) <= set(REASONS)


@pytest.mark.parametrize("code", [float("nan"), -1.0, float(len(freshness.CODES)), 0.5])
def test_a_value_that_is_no_code_is_not_fresh(code: float) -> None:
    assert freshness.reason_of(code) == "STALE_BAR"


def test_a_missing_expected_bar_is_stale_that_session_only(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(closes(2))
    fresh = panel.fresh.copy()
    fresh[500, 0] = False
    panel = replace(panel, fresh=fresh)
    assert reasons(panel, 500) == ["STALE_BAR", None]
    assert reasons(panel, 501) == [None, None]


def test_a_session_without_trading_is_not_fresh_whatever_its_stale_price(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(closes(2))
    fields_ = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for name in ("open", "high", "low", "close"):
        fields_[name][500:503, 0] = panel.close[499, 0]
    fields_["volume"][500:503, 0] = 0.0
    panel = replace(panel, **fields_)
    assert [reasons(panel, row)[0] for row in (499, 500, 502, 503)] == [None, "NOT_TRADING", "NOT_TRADING", None]
    assert reasons(panel, 500)[1] is None


def test_249_rows_are_too_few_and_250_are_not(make_panel: Callable[..., Panel]) -> None:
    close = closes(1)
    close[:100] = np.nan
    column = codes(make_panel(close))[:, 0]
    assert (column[:100] == freshness.STALE).all()
    assert (column[100:349] == freshness.SHORT).all()
    assert column[349] == freshness.BLIND  # 250 rows, but 12-1 momentum looks back 252
    assert column[351] == freshness.BLIND
    assert (column[352:] == freshness.FRESH).all()


def test_more_than_a_tenth_missing_is_too_many_gaps(make_panel: Callable[..., Panel]) -> None:
    close = closes(2)
    close[400:450:2, 0] = np.nan  # 25 of the last 250: allowed
    close[400:452:2, 1] = np.nan  # 26: not
    panel = make_panel(close, fresh=np.ones(close.shape, dtype=bool))
    assert reasons(panel, 451) == [None, "TOO_MANY_GAPS"]
    assert reasons(panel, 599) == [None, "TOO_MANY_GAPS"]


@pytest.mark.parametrize("field", ["open", "high", "low", "index"])
def test_half_a_bar_leaves_an_indicator_missing(make_panel: Callable[..., Panel], field: str) -> None:
    panel = make_panel(closes(2))
    broken = getattr(panel, field).copy()
    broken[500, 1] = np.nan
    assert reasons(replace(panel, **{field: broken}), 500) == [None, "INDICATOR_MISSING"]


def shock(make_panel: Callable[..., Panel], moved: dict[int, float], columns: int = 5, **given) -> Panel:
    """The columns moved by so much on row 500, for good."""
    close = closes(columns)
    for column, size in moved.items():
        close[500:, column] *= 1.0 + size
    return make_panel(close, **given)


def test_a_lone_move_of_many_sigmas_is_unconfirmed(make_panel: Callable[..., Panel]) -> None:
    panel = shock(make_panel, {0: -0.12})
    assert reasons(panel, 500) == ["OUTLIER_UNCONFIRMED", None, None, None, None]
    assert reasons(panel, 501) == [None] * 5


def test_the_threshold_is_eight_robust_sigmas(make_panel: Callable[..., Panel]) -> None:
    close = closes(1)
    sigma = freshness.robust_sigma(make_panel(close), POLICY.freshness)[500, 0]
    for multiple, expected in ((7.99, None), (8.01, "OUTLIER_UNCONFIRMED")):
        moved = close.copy()
        moved[500:, 0] *= (1.0 + multiple * sigma) * close[499, 0] / close[500, 0]
        assert reasons(make_panel(moved), 500) == [expected]


def test_three_in_ten_of_the_others_of_its_kind_confirm(make_panel: Callable[..., Panel]) -> None:
    confirmed = shock(make_panel, {0: -0.12, 1: -0.06, 2: -0.06})
    assert reasons(confirmed, 500)[0] is None  # 2 of the 4 others
    alone = shock(make_panel, {0: -0.12, 1: -0.06})
    assert reasons(alone, 500)[0] == "OUTLIER_UNCONFIRMED"  # 1 of the 4 others


def test_another_kind_confirms_nothing_and_one_alone_in_its_kind_has_no_class(
    make_panel: Callable[..., Panel],
) -> None:
    close = closes(4)
    close[500:] *= 0.85
    panel = make_panel(close, ("A", "B", "C", "BTC-USD"))
    assert reasons(panel, 500) == [None, None, None, "OUTLIER_UNCONFIRMED"]


@pytest.mark.parametrize(
    ("volume", "span", "confirmed"),
    [(1001.0, 0.01, True), (1000.0, 0.01, False), (np.nan, 0.01, False), (5000.0, 0.0, False)],
)
def test_its_own_bar_confirms_with_a_range_and_volume_above_the_median(
    make_panel: Callable[..., Panel], volume: float, span: float, confirmed: bool
) -> None:
    panel = shock(make_panel, {0: -0.12}, columns=1)
    traded, high, low = panel.volume.copy(), panel.high.copy(), panel.low.copy()
    traded[500, 0] = volume
    high[500, 0], low[500, 0] = panel.close[500, 0] * (1 + span), panel.close[500, 0] * (1 - span)
    panel = replace(panel, volume=traded, high=high, low=low)
    assert (reasons(panel, 500) == [None]) is confirmed


def test_the_robust_sigma_is_the_scaled_median_move_before_the_month(make_panel: Callable[..., Panel]) -> None:
    close = closes(1)
    panel = make_panel(close)
    dates = panel.sessions.dates
    row = 500
    start = next(r for r in range(row + 1) if dates[r][:7] == dates[row][:7])
    moves = np.abs(close[start - 252 : start, 0] / close[start - 253 : start - 1, 0] - 1.0)
    sigma = freshness.robust_sigma(panel, POLICY.freshness)
    assert sigma[row, 0] == pytest.approx(1.4826 * np.median(moves), rel=1e-12)


def test_no_future_bar_changes_a_code(make_panel: Callable[..., Panel]) -> None:
    close = closes(6, seed=5, sigma=0.02)
    close[:40, 2] = np.nan
    close[300:330:3, 3] = np.nan
    close[450:, 4] *= 0.7
    close[520:, :] *= 0.8
    panel = make_panel(close, ("A", "B", "C", "D", "E", "BTC-USD"))
    whole = codes(panel)
    assert len(np.unique(whole)) >= 4
    for cut in (1, 2, 253, 330, 451, 521, 599):
        np.testing.assert_array_equal(codes(prefix(panel, cut)), whole[:cut])


def prefix(panel: Panel, rows: int) -> Panel:
    s = panel.sessions
    sessions = Sessions(s.days[:rows], s.opens[:rows], s.closes[:rows], int(s.days[rows]))
    cut = {f.name: getattr(panel, f.name)[:rows] for f in fields(panel) if f.name in (*FIELDS, "fresh", "macro")}
    return replace(panel, sessions=sessions, **cut)


def test_the_first_date_of_the_panel_does_not_change_later_codes(make_panel: Callable[..., Panel]) -> None:
    close = closes(3, seed=9, rows=900, sigma=0.02)
    panel = make_panel(close)
    s, start = panel.sessions, 137
    cut = {f: getattr(panel, f)[start:] for f in (*FIELDS, "fresh", "macro")}
    sessions = Sessions(s.days[start:], s.opens[start:], s.closes[start:], s.next_day)
    late = replace(panel, sessions=sessions, **cut)
    np.testing.assert_array_equal(codes(late)[300:], codes(panel)[start + 300 :])


def test_an_outlier_is_one_beyond_its_sigmas_to_the_last_bit(make_panel: Callable[..., Panel]) -> None:
    from msgspec.structs import replace as changed

    panel = shock(make_panel, {0: -0.12}, columns=1)
    sigma = freshness.robust_sigma(panel, POLICY.freshness)[500, 0]
    size = abs(panel.index[500, 0] / panel.index[499, 0] - 1.0)
    enough = size / sigma
    while enough * sigma < size:
        enough = np.nextafter(enough, np.inf)
    while np.nextafter(enough, 0.0) * sigma >= size:
        enough = np.nextafter(enough, 0.0)
    for sigmas, code in ((float(np.nextafter(enough, 0.0)), freshness.OUTLIER), (float(enough), freshness.FRESH)):
        rules = changed(POLICY, freshness=changed(POLICY.freshness, outlier_sigmas=sigmas))
        assert freshness.factors(rules)["freshness.reason"](panel)[500, 0] == code


@pytest.mark.parametrize(("moved", "confirmed"), [(3, True), (2, False)])
def test_exactly_three_in_ten_confirm(make_panel: Callable[..., Panel], moved: int, confirmed: bool) -> None:
    panel = shock(make_panel, {0: -0.12, **dict.fromkeys(range(1, moved + 1), -0.06)}, columns=11)
    assert (reasons(panel, 500)[0] is None) is confirmed


@pytest.mark.parametrize("field", ["close", "index"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_price_that_is_no_figure_is_never_fresh(make_panel: Callable[..., Panel], field: str, bad: float) -> None:
    """Missing or infinite on the day itself; a bar that is wholly absent on a day it was not expected stays judged by
    the bars before.
    """
    panel = make_panel(closes(2))
    broken = getattr(panel, field).copy()
    broken[500, 1] = bad
    fresh = panel.fresh.copy()
    fresh[500, 1] = field != "close"
    panel = replace(panel, **{field: broken, "fresh": fresh})
    assert reasons(panel, 500)[0] is None and reasons(panel, 500)[1] is not None


def test_each_missing_input_is_stricter_than_the_whole(make_panel: Callable[..., Panel]) -> None:
    """Whatever single cell of a quiet history is removed, what was barred that day stays barred."""
    panel = shock(make_panel, {0: -0.12}, columns=3)
    before = codes(panel)[500] != freshness.FRESH
    for field in ("open", "high", "low", "close", "volume", "index"):
        for column in range(3):
            holed = getattr(panel, field).copy()
            holed[500, column] = np.nan
            given = {field: holed}
            if field == "close":
                fresh = panel.fresh.copy()
                fresh[500, column] = False
                given["fresh"] = fresh
            assert (before <= (codes(replace(panel, **given))[500] != freshness.FRESH)).all(), (field, column)


@pytest.mark.parametrize("first", [1, 470, 471, 480, 481, 498])
def test_a_young_symbols_sigma_is_the_median_of_the_returns_it_has(
    make_panel: Callable[..., Panel], first: int
) -> None:
    """An even and an odd number of them, beside one that is complete and one that has none."""
    close = closes(3)
    close[:first, 1] = np.nan
    close[:499, 2] = np.nan
    panel = make_panel(close)
    sigma = freshness.robust_sigma(panel, POLICY.freshness)
    dates, row = panel.sessions.dates, 500
    start = next(r for r in range(row + 1) if dates[r][:7] == dates[row][:7])
    moves = np.abs(close[start - 252 : start] / close[start - 253 : start - 1] - 1.0)
    for column in (0, 1):
        known = moves[np.isfinite(moves[:, column]), column]
        expected = 1.4826 * np.median(known) if known.size else np.nan
        np.testing.assert_allclose(sigma[row, column], expected, rtol=1e-12)
    assert np.isnan(sigma[row, 2])


def test_a_move_over_missing_bars_is_one_move(make_panel: Callable[..., Panel]) -> None:
    """From the last bar there was, in a panel whose other columns have no gap."""
    close = closes(3)
    close[500:, 0] *= 0.88
    close[495:500, 0] = np.nan
    panel = make_panel(close, fresh=np.ones(close.shape, dtype=bool))
    assert reasons(panel, 500) == ["OUTLIER_UNCONFIRMED", None, None]
    assert reasons(panel, 499)[1:] == [None, None]


@pytest.mark.parametrize("row", [30, 60, 255, 260, 503, 510, 520])
def test_a_sigma_is_made_once_a_month_from_the_returns_before_it(make_panel: Callable[..., Panel], row: int) -> None:
    """In the first year from fewer returns than a window holds, an odd and an even number of them."""
    close = closes(2, seed=11)
    panel = make_panel(close)
    dates = panel.sessions.dates
    start = next(r for r in range(row + 1) if dates[r][:7] == dates[row][:7])
    assert 0 < start < row
    moves = np.abs(close[1:start] / close[: start - 1] - 1.0)[-POLICY.freshness.scale_sessions :]
    sigma = freshness.robust_sigma(panel, POLICY.freshness)
    np.testing.assert_allclose(sigma[row], 1.4826 * np.median(moves, axis=0), rtol=1e-12)
    assert np.isnan(sigma[: next(r for r in range(99) if dates[r][:7] != dates[0][:7])]).all()


@pytest.mark.parametrize("first", [2, 300, 470, 471, 496, 497, 498])
def test_a_young_symbol_alone_has_the_median_of_what_it_has(make_panel: Callable[..., Panel], first: int) -> None:
    close = closes(2)
    close[:first, 1] = np.nan
    panel = make_panel(close)
    dates = panel.sessions.dates
    start = next(r for r in range(501) if dates[r][:7] == dates[500][:7])
    moves = np.abs(close[start - 252 : start, 1] / close[start - 253 : start - 1, 1] - 1.0)
    wanted = 1.4826 * np.median(moves[np.isfinite(moves)])
    assert freshness.robust_sigma(panel, POLICY.freshness)[500, 1] == pytest.approx(wanted, rel=1e-12)


def test_an_index_that_pauses_goes_on_from_where_it_stood(make_panel: Callable[..., Panel]) -> None:
    """A row without a bar makes no move, and the move after it is from the last bar there was."""
    close = closes(3)
    close[495:500, 0] = np.nan
    close[500:, 0] *= 0.88
    close[0:3, 1] = np.nan
    panel = make_panel(close, fresh=np.ones(close.shape, dtype=bool))
    assert np.isnan(panel.index[495:500, 0]).all()
    assert reasons(panel, 500) == ["OUTLIER_UNCONFIRMED", None, None]
    sigma = freshness.robust_sigma(panel, POLICY.freshness)
    dates = panel.sessions.dates
    row = 530
    start = next(r for r in range(row + 1) if dates[r][:7] == dates[row][:7])
    last, moves = 0.0, []
    for price in close[:start, 0]:
        moves.append(abs(price / last - 1.0) if np.isfinite(price) and last else 0.0)
        last = price if np.isfinite(price) else last
    assert sigma[row, 0] == pytest.approx(1.4826 * np.median(moves[-252:]), rel=1e-12)


@pytest.mark.parametrize(("first", "confirmed"), [(0, False), (499, True), (501, True)])
def test_a_class_is_of_those_whose_move_is_known(make_panel: Callable[..., Panel], first: int, confirmed: bool) -> None:
    """Of four others one moved: one in four is not enough, one in three is. The fourth has no sigma, or no move."""
    panel = shock(make_panel, {0: -0.12, 1: -0.06})
    index = panel.index.copy()
    index[:first, 4] = np.nan
    assert (reasons(replace(panel, index=index), 500)[0] is None) is confirmed


@pytest.mark.parametrize(
    ("low", "high", "confirmed"),
    [(0.99, 1.0, True), (1.0, 1.01, True), (1.0, 1.0, False), (0.99, 1.01, True), (1.001, 1.01, False),
     (0.98, 0.999, False), (np.nan, 1.01, False), (0.99, np.nan, False)],
)  # fmt: skip
def test_a_close_at_either_end_of_a_real_range_is_held_by_it(
    make_panel: Callable[..., Panel], low: float, high: float, confirmed: bool
) -> None:
    panel = shock(make_panel, {0: -0.12}, columns=1)
    close, traded = panel.close[500, 0], panel.volume.copy()
    traded[500, 0] = 1e6
    lows, highs = panel.low.copy(), panel.high.copy()
    lows[500, 0], highs[500, 0] = close * low, close * high
    panel = replace(panel, volume=traded, low=lows, high=highs)
    assert freshness._own_bar_confirms(panel, 500, 0, POLICY.freshness) is confirmed


def test_volume_is_beside_the_median_of_the_sessions_before_that_had_any(make_panel: Callable[..., Panel]) -> None:
    panel = shock(make_panel, {0: -0.12}, columns=1)
    n = POLICY.freshness.volume_sessions

    def confirmed(volume: np.ndarray, row: int = 500) -> bool:
        return freshness._own_bar_confirms(replace(panel, volume=volume), row, 0, POLICY.freshness)

    traded = np.full((ROWS, 1), 9e9)
    traded[500 - n : 500] = 10.0
    traded[500] = 11.0
    assert confirmed(traded)  # what was traded longer ago does not count
    traded[500 - n + 1 : 500] = np.nan
    assert confirmed(traded)  # nor a session without a figure
    traded[500] = 10.0
    assert not confirmed(traded)
    traded[500 - n : 500] = np.nan
    traded[500] = 1e12
    assert confirmed(traded) is False  # with nothing to compare
    early = np.full((ROWS, 1), 10.0)
    early[0], early[1], early[2] = 2.0, 10.0, 7.0
    assert confirmed(early, 2)  # in the first rows beside those there are: the median of 2 and 10
    early[2] = 6.0
    assert confirmed(early, 2) is False


@pytest.mark.parametrize("first", [1, 5])
def test_a_symbol_that_began_late_and_pauses_has_no_move_before_its_first_bar(
    make_panel: Callable[..., Panel], first: int
) -> None:
    """The only one that pauses; the rest are whole."""
    close = closes(3, seed=3)
    close[:first, 1] = np.nan
    close[30:33, 1] = np.nan
    panel = make_panel(close)
    dates, row = panel.sessions.dates, 50
    start = next(r for r in range(row + 1) if dates[r][:7] == dates[row][:7])
    assert start > 35
    last, moves = np.nan, []
    for price in close[first:start, 1]:
        moves.append(abs(price / last - 1.0) if np.isfinite(price) else 0.0)
        last = price if np.isfinite(price) else last
    wanted = 1.4826 * np.median(moves[1:])
    assert freshness.robust_sigma(panel, POLICY.freshness)[row, 1] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("sessions", [20, 21])
def test_a_whole_window_may_be_odd(make_panel: Callable[..., Panel], sessions: int) -> None:
    from msgspec.structs import replace as changed

    close = closes(1, seed=4)
    panel = make_panel(close)
    dates, row = panel.sessions.dates, 300
    start = next(r for r in range(row + 1) if dates[r][:7] == dates[row][:7])
    moves = np.abs(close[start - sessions : start, 0] / close[start - sessions - 1 : start - 1, 0] - 1.0)
    sigma = freshness.robust_sigma(panel, changed(POLICY.freshness, scale_sessions=sessions))
    assert sigma[row, 0] == pytest.approx(1.4826 * np.median(moves), rel=1e-12)
