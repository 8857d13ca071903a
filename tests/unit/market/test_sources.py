"""Whose rows stand when two readings hold one day, and what is told of the other (D10, D12)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from plimsoll.core.bars import Audit, Bars
from plimsoll.core.dates import iso_day
from plimsoll.core.instrument import Instrument
from plimsoll.core.policy import DataPolicy
from plimsoll.market import readings
from plimsoll.market.sources import Merged, identity, merge

POLICY = DataPolicy()
STOCK = Instrument("ABC", "stock", "24/7")


def bars(first: int = 0, count: int = 100, factor: float = 1.0) -> Bars:
    """Closes 100, 101, ... by day; adj_close is the close times ``factor``."""
    day = np.arange(first, first + count)
    close = 100.0 + day
    nothing = np.full(count, np.nan)
    return Bars(
        day, close.copy(), close + 1, close - 1, close, close * factor, np.full(count, 1e6), nothing, nothing.copy()
    )  # fmt: skip


def merged(new: Bars, held: Bars, source: str = "files:b", owner: str = "files:a") -> Merged:
    return merge(new, held, [owner] * len(held), source, STOCK, POLICY)


def said(one: Merged, reason: str) -> tuple[str, int, str]:
    (finding,) = [f for f in one.findings if f.reason == reason]
    return finding.severity, int(finding.days.size), finding.detail


def test_a_source_is_its_provider_and_file_whatever_it_holds() -> None:
    assert identity("files", "/data/prices.csv.gz", None) == "files:prices"
    assert identity("files", "folder/", None) == "files:folder"
    assert identity("synthetic", "core", None) == "synthetic:core"
    assert identity("files", "/data/prices.csv", "yahoo") == "yahoo"


def test_a_second_source_never_replaces_what_the_first_holds() -> None:
    other = bars()
    other.close[-5:] *= 1.05
    one = merged(other, bars())
    assert one.refused is None
    assert len(one.bars) == 0
    severity, days, _ = said(one, "CROSS_SOURCE_DEVIATION")
    assert (severity, days) == ("hard", 5)
    assert (
        said(one, "SECOND_SOURCE")[2] == "100 days of files:b are held from files:a: compared and not stored; 0 added"
    )


def test_a_source_that_restates_its_own_rows_is_told_with_old_and_new_value() -> None:
    other = bars()
    other.close[-2:] = (210.0, 211.0)
    one = merged(other, bars(), source="files:a")
    assert one.bars.close[-2:].tolist() == [210.0, 211.0]
    assert said(one, "RESTATED_VALUE") == (
        "note", 2, f"2 stored rows changed; close of {iso_day(98)} was 198 and is 210"
    )  # fmt: skip


def test_days_nobody_holds_are_taken_from_the_second_on_the_basis_of_the_first() -> None:
    # factor 0.9 against 1: a dividend since. On the last common day, 99, stored adj_close is 199 and the other's 179.1
    one = merged(bars(50, 100, factor=0.9), bars())
    assert one.bars.day.tolist() == list(range(100, 150))
    assert one.bars.adj_close == pytest.approx(100.0 + np.arange(100, 150))
    assert said(one, "SECOND_SOURCE")[0] == "note"


def test_a_whole_history_on_another_basis_replaces_the_stored_one() -> None:
    """A later download of one vendor under another name: every close the same, or the same multiple (a split)."""
    later = bars(0, 120, factor=0.9)
    assert merged(later, bars()).bars.adj_close.tolist() == later.adj_close.tolist()
    halved = bars(0, 120)
    for name in ("open", "high", "low", "close", "adj_close"):
        getattr(halved, name)[:] *= 0.5
    one = merged(halved, bars())
    assert len(one.bars) == 120
    assert said(one, "RESTATED_VALUE")[1] == 100


def test_a_part_of_a_history_in_other_units_is_refused() -> None:
    halved = bars(50, 100)
    for name in ("open", "high", "low", "close", "adj_close"):
        getattr(halved, name)[:] *= 0.5
    refused = merged(halved, bars()).refused
    assert refused is not None
    assert refused[0] == "HISTORY_RESTATED"
    assert "0.5 times" in refused[1]


def test_an_older_download_of_the_same_source_is_not_spliced_into_the_newer() -> None:
    older = bars(0, 60, factor=1.1)  # before two dividends; it ends before what is stored
    refused = merged(older, bars(), source="files:a").refused
    assert refused is not None
    assert refused[0] == "HISTORY_RESTATED"


def test_a_few_corrected_values_of_a_part_are_corrections() -> None:
    part = bars(50, 50)
    part.close[3] += 0.5
    one = merged(part, bars(), source="files:a")
    assert one.refused is None
    assert said(one, "RESTATED_VALUE")[1] == 1


@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (0.99, True), (1.02, True)])
def test_two_readings_that_meet_without_a_common_day_are_told_where_the_adjustment_steps(
    factor: float, told: bool
) -> None:
    one = merged(bars(100, 50, factor=factor), bars())
    seams = [f for f in one.findings if f.reason == "SEAM_WITHOUT_OVERLAP"]
    assert bool(seams) is told
    if told:
        assert (seams[0].severity, seams[0].days.tolist()) == ("hard", [100])


def test_an_empty_adjustment_destroys_nothing() -> None:
    without = replace(bars(), adj_close=np.full(100, np.nan))
    one = merged(without, bars(factor=0.9), source="files:a")
    assert one.bars.adj_close.tolist() == bars(factor=0.9).adj_close.tolist()
    longer = replace(bars(50, 100), adj_close=np.full(100, np.nan))
    refused = merged(longer, bars(), source="files:a").refused
    assert refused is not None
    assert refused[0] == "ADJUSTMENT_ABSENT"


def test_rows_of_a_home_that_kept_no_source_may_be_restated_by_anybody() -> None:
    other = bars()
    other.close[-1] += 5.0
    assert said(merged(other, bars(), owner=""), "RESTATED_VALUE")[1] == 1


def audit(run: str, source: str, found: Merged | None = None) -> Audit:
    findings = () if found is None else found.findings
    return Audit(
        run, "ABC", "files", "OK", 100, tuple(f.reason for f in findings), "", tuple(f.flag() for f in findings),
        iso_day(0), iso_day(99), "", tuple(tuple(f.days.tolist()) for f in findings), source,
    )  # fmt: skip


def test_a_deviation_stands_until_its_source_is_read_again_or_the_value_is_restated() -> None:
    wrong = bars()
    wrong.close[-2:] *= 1.05
    deviates = audit("2", "files:b", merged(wrong, bars()))

    def left(*audits: Audit) -> list[int]:
        found = readings.standing([audit("1", "files:a"), deviates, *audits])["ABC"]
        return [day for f in found if f.reason == "CROSS_SOURCE_DEVIATION" for day in f.days.tolist()]

    assert left() == [98, 99]
    assert left(audit("3", "files:a")) == [98, 99]
    assert left(audit("3", "files:b", merged(bars(), bars()))) == []
    corrected = bars()
    corrected.close[-1] *= 1.05
    assert left(audit("3", "files:a", merged(corrected, bars(), source="files:a"))) == [98]
