"""A page as it is kept and read back: every field, every bit (D13)."""

from __future__ import annotations

import io
from hashlib import sha256 as sha
from pathlib import Path

import numpy as np
import pytest

from plimsoll.core.bars import COLUMNS, Bars, MacroSeries
from plimsoll.core.errors import CorruptionError
from plimsoll.core.instrument import Instrument
from plimsoll.market import stage
from plimsoll.market.findings import Finding
from plimsoll.market.provider import Page, RawSource
from plimsoll.store.raw_archive import RawArchive


def bars(rows: int, seed: int) -> Bars:
    draws = np.random.default_rng(seed).normal(100.0, 30.0, (len(COLUMNS), rows))
    draws[draws < 80.0] = np.nan
    return Bars(np.arange(rows)[::-1].copy(), *(np.array(column) for column in draws))


PAGE = Page(
    number=3,
    cursor="next/3",
    last=True,
    raw=(RawSource("a.json", "00ff", 7, b"content"), RawSource("made up", "ff00", 9)),
    bars={"AAA": bars(5, 1), "NONE": bars(0, 2), "ZZZ": bars(3, 3)},
    macro={"CPI": MacroSeries(np.array([1, 1, 9]), np.array([2.0, 2.5, -0.0]), np.array([3, 8, 11]))},
    failures={"BAD": ("UNREADABLE", "line 2, close: 'word'")},
    others=frozenset({"QQQ", "IWM"}),
    notes=("left out", "assumed"),
    instruments=(Instrument("AAA", "stock", "XNYS", sector="Energy"),),
    findings={
        "AAA": (
            Finding("DUPLICATE_ROWS", "note", np.array([2, 4])),
            Finding("SPLIT_SUSPECTED", "hard", np.array([1]), "why", np.array([3])),
        )
    },
    unadjusted=frozenset({"ZZZ"}),
    whole=True,
)


def same(one: Bars, two: Bars) -> bool:
    return all(getattr(one, n).tobytes() == getattr(two, n).tobytes() for n in ("day", *COLUMNS))


def test_a_page_comes_back_with_every_field_and_bit(tmp_path: Path) -> None:
    archive = RawArchive(tmp_path)
    sha256 = archive.stage("run", 3, stage.pieces(PAGE))
    with archive.staged("run", 3) as file:
        told = stage.opened(file, sha256)
        for symbol, rows in PAGE.bars.items():
            assert same(told.rows_of(symbol, file), rows)
        series = told.series_of("CPI", file)
    for name in ("day", "value", "known"):
        assert getattr(series, name).tobytes() == getattr(PAGE.macro["CPI"], name).tobytes()
    for name in ("number", "cursor", "last", "failures", "others", "notes", "instruments", "unadjusted", "whole"):
        assert getattr(told, name) == getattr(PAGE, name)
    assert [(r.name, r.sha256, r.size, r.content is None) for r in told.raw] == [
        ("a.json", "00ff", 7, False), ("made up", "ff00", 9, True),
    ]  # fmt: skip
    for kept, given in zip(told.findings["AAA"], PAGE.findings["AAA"], strict=True):
        assert (kept.flag(), kept.days.tolist()) == (given.flag(), given.days.tolist())
        assert (kept.known is None) == (given.known is None)
    assert told.findings["AAA"][1].known is not None and told.findings["AAA"][1].known.tolist() == [3]


@pytest.mark.parametrize("at", [0, 9, -1])
def test_any_byte_that_is_another_is_found(at: int, tmp_path: Path) -> None:
    archive = RawArchive(tmp_path)
    sha256 = archive.stage("run", 3, stage.pieces(PAGE))
    with archive.staged("run", 3) as file:
        data = bytearray(file.read())
    data[at] ^= 1
    with pytest.raises(CorruptionError, match="no longer what was kept"):
        stage.opened(io.BytesIO(bytes(data)), sha256)
    archive.unstage("run")
    with pytest.raises(CorruptionError, match="is gone"):
        archive.staged("run", 3)


def test_the_parts_of_a_symbol_are_joined_in_the_order_of_the_pages() -> None:
    one, two = bars(4, 1), bars(2, 2)
    joined = stage.joined([one, two])
    assert joined.day.tolist() == [3, 2, 1, 0, 1, 0]
    assert joined.close.tobytes() == one.close.tobytes() + two.close.tobytes()


def test_bytes_of_a_refused_run_go_and_those_of_others_stay(tmp_path: Path) -> None:
    archive = RawArchive(tmp_path)
    shared, own = b"shared", b"own"
    archive.keep("one", "s.json", shared, sha(shared).hexdigest())
    archive.put("one", "sources", [{"name": "s.json", "sha256": sha(shared).hexdigest(), "size": 6, "kept": True}])
    archive.keep("two", "s.json", shared, sha(shared).hexdigest())
    archive.keep("two", "o.json", own, sha(own).hexdigest())
    archive.discard("two")
    assert [(s.run, s.state) for s in archive.sources()] == [("one", "kept")]
    assert sorted(p.name for p in (tmp_path / "bytes").iterdir()) == [f"{sha(shared).hexdigest()}.gz"]
