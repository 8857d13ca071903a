"""Dividends derived from two downloads of one history differ by rounding; a restated one is told (D14)."""

from __future__ import annotations

from dataclasses import replace as other
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from plimsoll.analysis.data_changes import sentences
from plimsoll.core.events import CertificationChanged, DataRestated, Genesis, ValueChanged
from plimsoll.core.panel import Certified, Flag, Panel
from plimsoll.engine.publication import published, succession

ROWS, PAID = 300, 0.75
FLAG = Flag("DERIVED_ACTIONS", "note", "2015-01-01", "2015-01-01", 1)


@pytest.fixture
def downloaded(make_panel: Any) -> Any:
    """A symbol that pays every 63 sessions, as downloaded after so many ``rows``: its adj_close stands at the last
    close and is rounded to ``decimals``. ``extra`` is added to the dividend of row 126.
    """

    def made(rows: int, decimals: int, extra: float = 0.0) -> Panel:
        close = np.round(90.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(5).standard_normal(ROWS))), 2)[:rows]
        paid = np.where(np.arange(rows) % 63 == 0, PAID, 0.0)
        paid[0], paid[126] = 0.0, PAID + extra
        left = np.append(1.0 - paid[1:] / close[:-1], 1.0)
        adjusted = np.round(close * np.cumprod(left[::-1])[::-1], decimals)
        ratio, dividend = adjusted / close, np.zeros(rows)
        dividend[1:] = np.where(paid[1:] > 0.0, close[:-1] * (1.0 - ratio[:-1] / ratio[1:]), 0.0)
        index = (adjusted / adjusted[0])[:, None]
        panel = make_panel(close[:, None], ("AAA",), dividend=dividend[:, None], index=index, snapshot=f"of {rows}")
        return other(panel, certifications=(replace(panel.certifications[0], flags=(FLAG,)),))

    return made


def changes(old: Panel, new: Panel) -> tuple[Any, ...]:
    dates = old.sessions.dates
    genesis = Genesis("a", 1, old.symbols, old.snapshot, "p", "c", dates[0], dates[-1], "paper", (), "never", True)
    return succession(published(old, digests=True), old, new, genesis, dates[-1])[:-1]


@pytest.mark.parametrize("decimals", [2, 3, 4, 6])
def test_two_roundings_of_one_history_restate_nothing(downloaded: Any, decimals: int) -> None:
    old, new = downloaded(240, decimals), downloaded(ROWS, decimals)
    assert np.any(old.dividend != new.dividend[:240])
    assert changes(old, new) == ()
    assert changes(old, other(new, certifications=old.certifications[:1])) == ()
    declared = tuple(replace(one, flags=()) for one in new.certifications)
    assert changes(old, other(new, certifications=declared)) != ()  # what a source declares is exact


@pytest.mark.parametrize(("decimals", "extra"), [(2, 0.15), (4, 0.001), (6, 0.0001)])
def test_a_dividend_that_was_restated_is_told_with_its_date_and_both_values(
    downloaded: Any, decimals: int, extra: float
) -> None:
    old, new = downloaded(240, decimals), downloaded(ROWS, decimals, extra)
    (event,) = changes(old, new)
    assert isinstance(event, DataRestated)
    (change,) = event.changes
    date, before, after = old.sessions.dates[126], float(old.dividend[126, 0]), float(new.dividend[126, 0])
    assert (change.rows, change.since, change.fields) == (1, date, ("dividend",))
    assert change.largest == (ValueChanged("dividend", date, before, after),)
    assert after - before == pytest.approx(extra, rel=0.5)
    (said,) = sentences(event)
    assert f"AAA 1 row of dividend from {date} (largest: dividend of {date} from {before:.10g} to" in said


def test_the_largest_change_of_each_column_is_named_and_a_value_that_went_comes_first(downloaded: Any) -> None:
    old = downloaded(240, 6)
    dates = old.sessions.dates
    close, volume = old.close.copy(), old.volume.copy()
    close[10, 0] += 1.0
    close[11, 0] -= 3.0
    volume[[5, 6], 0] = 7.0, np.nan
    sound = old.certified.sound.copy()
    sound[20:22] = False
    known = old.certified
    new = other(
        old, close=close, volume=volume, snapshot="new", dated=Certified(sound, known.quality, known.ended, known.late)
    )
    restated, judged = changes(old, new)
    assert isinstance(restated, DataRestated) and isinstance(judged, CertificationChanged)
    assert restated.changes[0].largest == (
        ValueChanged("close", dates[11], float(old.close[11, 0]), float(close[11, 0])),
        ValueChanged("volume", dates[6], 1000.0, None),
    )
    assert judged.changes[0].largest == (ValueChanged("sound", dates[20], True, False),)
    (said,) = sentences(judged)
    assert f"AAA 2 rows of certification from {dates[20]}" in said and "from yes to no" in said
