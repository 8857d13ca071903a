"""Every provider against one port, a paged one that misbehaves among them, and ingestions cut short at every step."""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import os
import shutil
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plimsoll
from plimsoll.app import wiring
from plimsoll.core.bars import COLUMNS, Bars
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.policy import Policy
from plimsoll.market.calendars import expected_days
from plimsoll.market.capability import MATRIX, Capability
from plimsoll.market.ingest import IngestReport, IngestRequest, ingest, planned
from plimsoll.market.pages import behind, fetched
from plimsoll.market.provider import (
    BrokenPages,
    FetchRequest,
    Page,
    Provider,
    ProviderState,
    RawSource,
    StaleCursor,
    refuse_options,
)
from plimsoll.market.providers import synthetic
from plimsoll.store.bars import SqlBarStore
from plimsoll.store.raw_archive import RawArchive

NOW = "2026-11-20T19:00:00Z"
DAYS = expected_days("XNYS", day_number("2024-01-02"), day_number("2024-09-30"))


def price(symbol: str) -> np.ndarray:
    draws = np.random.default_rng(sum(map(ord, symbol))).normal(0.0, 0.01, DAYS.size)
    return np.round(100.0 * np.exp(np.cumsum(draws)), 2)


@dataclass
class Loopback:
    """A vendor that answers in pages of ``size`` days, one symbol after the other, as JSON, and counts its requests.

    ``spoil`` makes something else of the pages on their way out.
    """

    size: int = 95
    spoil: Callable[[Iterator[Page]], Iterator[Page]] = field(default=lambda pages: pages)
    asked: int = 0
    reachable: bool = True
    name: str = "yahoo"

    @property
    def capabilities(self) -> Capability:
        return MATRIX[self.name]

    def fetch(self, request: FetchRequest) -> Iterator[Page]:
        refuse_options(self.name, request.options, ())
        wanted = [(s, at) for s in sorted(request.symbols) for at in range(0, DAYS.size, self.size)]
        cursors = [f"{symbol}@{at}" for symbol, at in wanted]
        if request.cursor and request.cursor not in cursors:
            raise StaleCursor(f"{request.cursor!r} is not a cursor of this request", "Begin again")
        first = cursors.index(request.cursor) + 1 if request.cursor else 0
        return self.spoil(self._page(request, *wanted[n], n, len(wanted)) for n in range(first, len(wanted)))

    def _page(self, request: FetchRequest, symbol: str, at: int, number: int, total: int) -> Page:
        self.asked += 1
        closes = price(symbol)[at : at + self.size].tolist()
        body = json.dumps({"symbol": symbol, "closes": closes, "days": DAYS[at : at + self.size].tolist()}).encode()
        read = json.loads(body)
        day, close = np.array(read["days"], dtype=np.int64), np.array(read["closes"])
        inside = (day >= (request.start or 0)) & (day <= (request.end or 1 << 30))
        nothing = np.full(day.size, np.nan)
        bars = Bars(day, close, close, close, close, close.copy(), np.full(day.size, 1e6), nothing, nothing.copy())
        raw = RawSource(f"{symbol}-{at}.json", hashlib.sha256(body).hexdigest(), len(body), body)
        return Page(number, f"{symbol}@{at}", number + 1 == total, (raw,), {symbol: bars.take(inside)}, total=total)

    def check(self) -> ProviderState:
        return ProviderState(self.name, self.reachable, True, 5000, "a server of the test's own")


@dataclass(frozen=True)
class Case:
    """A provider and what a test asks of it, as a person does and as the port does."""

    provider: Provider
    request: IngestRequest
    fetch: FetchRequest


def plan_of(provider: Provider, request: IngestRequest) -> Any:
    return planned(request, {**wiring.providers(), provider.name: provider}, NOW)


@pytest.fixture(params=["files", "synthetic", "loopback"])
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power is lost here
    if request.param == "files":
        folder = tmp_path / "folder"
        folder.mkdir()
        for symbol in ("AAA", "BBB"):
            rows = [f"{iso_day(int(d))},{p},{p},{p},{p},100" for d, p in zip(DAYS, price(symbol), strict=True)]
            (folder / f"{symbol}.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]) + "\n")
        (folder / "BAD.csv").write_text("date,open,high,low,close\n2024-01-02,1,1,1,word\n")
        (folder / "rates.csv").write_text("series,date,value\nDGS3MO,2024-01-02,5.1\nDGS3MO,2024-01-03,5.2\n")
        asked, provider = IngestRequest(provider="files", source=str(folder)), wiring.providers()["files"]
    elif request.param == "synthetic":
        monkeypatch.setattr(synthetic, "PAGE", 1)
        asked = IngestRequest(provider="synthetic", source="n=2:years=1")
        provider = wiring.providers()["synthetic"]
    else:
        asked, provider = IngestRequest(provider="yahoo", tickers=("AAA", "BBB"), start="2024-01-02"), Loopback()
    return Case(provider, asked, plan_of(provider, asked).fetch)


def same(one: Page, two: Page) -> bool:
    """Two pages of the same bits."""
    figures = [
        np.array_equal(getattr(one.bars[s], n), getattr(two.bars[s], n), equal_nan=True)
        for s in one.bars
        for n in ("day", *COLUMNS)
    ]
    names = ("number", "cursor", "last", "failures", "others", "notes", "instruments", "whole", "unadjusted")
    return all(figures) and one.bars.keys() == two.bars.keys() and one.macro.keys() == two.macro.keys() and [
        [r.sha256 for r in one.raw], *(getattr(one, n) for n in names)
    ] == [[r.sha256 for r in two.raw], *(getattr(two, n) for n in names)]  # fmt: skip


def test_it_is_named_as_in_the_matrix_and_says_how_it_is(case: Case) -> None:
    assert case.provider.capabilities == MATRIX[case.provider.name]
    state = case.provider.check()
    assert (state.provider, state.reachable, state.entitled) == (case.provider.name, True, True)
    assert state.history_days == case.provider.capabilities.history_days and state.detail


def test_its_pages_are_proper_and_the_same_whenever_they_are_asked_for(case: Case) -> None:
    found, again = list(fetched(case.provider, case.fetch)), list(fetched(case.provider, case.fetch))
    assert len(found) > 2 and all(same(a, b) for a, b in zip(found, again, strict=True))
    assert {page.total for page in found} <= {0, len(found)}
    for raw in (raw for page in found for raw in page.raw):
        if raw.content is not None:
            data = raw.content if isinstance(raw.content, bytes) else raw.content.read_bytes()
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (raw.sha256, raw.size)


def test_behind_every_cursor_it_goes_on_as_if_it_had_not_stopped(case: Case) -> None:
    whole = list(fetched(case.provider, case.fetch))
    for held in range(1, len(whole)):
        rest = list(fetched(case.provider, behind(case.fetch, whole[held - 1].cursor), held))
        assert all(same(a, b) for a, b in zip(rest, whole[held:], strict=True))


@pytest.mark.parametrize("cursor", ["nonsense", "999:abc", "1:abc", "-1", "²"])
def test_a_cursor_that_is_not_its_own_is_refused(case: Case, cursor: str) -> None:
    with pytest.raises(StaleCursor):
        list(case.provider.fetch(behind(case.fetch, cursor)))


def test_a_term_it_does_not_understand_is_refused_before_the_first_page(case: Case) -> None:
    with pytest.raises(UsageError, match="--colour means nothing"):
        next(iter(case.provider.fetch(replace(case.fetch, options={"colour": "red"}))))


def test_only_what_was_asked_for_is_on_its_pages(case: Case) -> None:
    symbol = next(s for page in case.provider.fetch(case.fetch) for s in page.bars)
    start, end = int(DAYS[20]), int(DAYS[40])
    if case.provider.name == "synthetic":
        start = end = day_number("2026-06-30")
    pages = list(fetched(case.provider, replace(case.fetch, symbols=frozenset({symbol}), start=start, end=end)))
    assert {s for page in pages for s in page.bars} == {symbol}
    days = np.concatenate([page.bars[symbol].day for page in pages if symbol in page.bars])
    assert (days.min(), days.max()) == (start, end)


def test_no_more_than_a_page_is_held(case: Case) -> None:
    pages = fetched(case.provider, case.fetch)
    gone: list[weakref.ref[Any]] = []
    for page in pages:
        gone += [weakref.ref(bars.close) for bars in page.bars.values()]
        held = len(page.bars)
        del page
        gc.collect()
        assert sum(ref() is not None for ref in gone) <= held


# What a page sequence may do wrong, by what is said of it.
def doubled(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield page
        yield page


def swapped(pages: Iterator[Page]) -> Iterator[Page]:
    first, second, *rest = pages
    yield from (second, first, *rest)


def unfinished(pages: Iterator[Page]) -> Iterator[Page]:
    yield from list(pages)[:-1]


def endless(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield replace(page, last=page.number == 1)


def standing(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield replace(page, cursor="same")


def short(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        (raw,) = page.raw
        assert isinstance(raw.content, bytes)
        yield replace(page, raw=(replace(raw, content=raw.content[:-1]),)) if page.number else page


def forged(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield replace(page, raw=(replace(page.raw[0], sha256="0" * 64),)) if page.number else page


def foreign(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield replace(page, bars={"ZZZ": next(iter(page.bars.values()))}) if page.number else page


def early(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield replace(page, bars={s: replace(b, day=b.day - 400) for s, b in page.bars.items()})


def ragged(pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield replace(page, bars={s: replace(b, close=b.close[:-1]) for s, b in page.bars.items()})


MISBEHAVING = {
    doubled: "page 0 came where page 1 was due",
    swapped: "page 1 came where page 0 was due",
    unfinished: "ended after 3 without a last one",
    endless: "page 2 came after the last one",
    standing: "the cursor of page 1 is empty or was given before",
    short: r"AAA-95.json has \d+ of \d+ bytes announced",
    forged: "AAA-95.json does not match its hash",
    foreign: "page 1 has rows of ZZZ, which was not requested",
    early: "page 0 has a row of AAA of 2022-11-28, outside the requested dates",
    ragged: "page 0 has columns of unequal length for AAA",
}


@dataclass(frozen=True)
class Home:
    path: Path

    def ingest(self, case: Case, provider: Provider | None = None, kill: int = -1, now: str = NOW) -> IngestReport:
        plan = plan_of(provider or case.provider, case.request)
        acts = Acts(kill)
        with SqlBarStore(self.path / "plimsoll.db") as store:
            archive = RawArchive(self.path / "raw")
            return ingest(plan, Killed(store, acts), Killed(archive, acts), self.path / "snapshots", Policy(), now)

    def rows(self) -> dict[str, list[float]]:
        with SqlBarStore(self.path / "plimsoll.db") as store:
            return {a.symbol: store.bars(a.symbol).close.tolist() for a in store.audits()}

    def sources(self) -> list[tuple[str, str, str]]:
        return [(s.name, s.sha256, s.state) for s in RawArchive(self.path / "raw").sources()]

    def left(self) -> list[Path]:
        """Pages that nobody needs any more."""
        return [p for p in (self.path / "raw").rglob("pages/*") if p.is_file()]


class Dead(BaseException):
    """The process was killed."""


@dataclass
class Acts:
    """Counts what is made durable; the one numbered ``kill`` is not begun."""

    kill: int
    done: int = 0


class Killed:
    """A store or archive whose every writing call is an act."""

    WRITES = (
        "begin_run", "put_page", "put_instruments", "put_bars", "put_macro", "put_audit", "put_certifications",
        "drop_pages", "finish_run", "keep", "stage", "put", "unstage",
    )  # fmt: skip

    def __init__(self, inner: Any, acts: Acts) -> None:
        self._inner, self._acts = inner, acts

    def __getattr__(self, name: str) -> Any:
        if name in self.WRITES:
            if self._acts.done == self._acts.kill:
                raise Dead(name)
            self._acts.done += 1
        return getattr(self._inner, name)


def test_killed_before_any_act_a_run_is_taken_up_and_ends_in_the_same_snapshot(case: Case, tmp_path: Path) -> None:
    SqlBarStore(tmp_path / "empty.db").close()
    whole = Home(tmp_path / "whole")
    wanted = whole.ingest(case)
    assert wanted.pages > 2 and not wanted.resumed and not whole.left()
    kept = set()
    for kill in range(1000):
        home = Home(tmp_path / f"{kill}")
        home.path.mkdir()
        shutil.copyfile(tmp_path / "empty.db", home.path / "plimsoll.db")  # migrations once, not for every kill
        try:
            home.ingest(case, kill=kill)
        except Dead:
            pass
        else:
            break
        report = home.ingest(case, now="2026-11-20T20:00:00Z")
        kept.add(report.pages_kept)
        assert (report.snapshot, report.symbols, report.failures) == (wanted.snapshot, wanted.symbols, wanted.failures)
        assert report.resumed == (kill > 0) and report.notes == wanted.notes
        assert (home.rows(), home.sources(), home.left()) == (whole.rows(), whole.sources(), [])
    assert kill > 4 * wanted.pages
    assert kept == set(range(wanted.pages + 1))  # it went on behind every page


def test_what_was_kept_is_not_asked_for_again(tmp_path: Path) -> None:
    request = IngestRequest(provider="yahoo", tickers=("AAA", "BBB"))

    def dying(pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            if page.number == 3:
                raise InputError("the server closed the connection", "Try again")
            yield page

    vendor, home = Loopback(spoil=dying), Home(tmp_path / "home")
    case = Case(vendor, request, plan_of(vendor, request).fetch)
    with pytest.raises(InputError, match="closed the connection"):
        home.ingest(case)
    assert home.rows() == {} and not (home.path / "snapshots").exists()
    healed = Loopback()
    report = home.ingest(case, healed)
    assert (report.resumed, report.pages, report.pages_kept, healed.asked) == (True, 4, 3, 1)
    assert home.rows() == {s: price(s).tolist() for s in ("AAA", "BBB")}
    assert [state for *_, state in home.sources()] == ["kept"] * 4  # the bytes of every page


@pytest.mark.parametrize("spoil", MISBEHAVING, ids=lambda one: one.__name__)
def test_pages_that_are_none_are_refused_and_nothing_of_them_is_certified(spoil: Any, tmp_path: Path) -> None:
    request = IngestRequest(provider="yahoo", tickers=("AAA", "BBB"), start="2024-01-02")
    vendor, home = Loopback(spoil=spoil), Home(tmp_path / "home")
    case = Case(vendor, request, plan_of(vendor, request).fetch)
    with pytest.raises(BrokenPages, match="yahoo gave no proper pages: .*" + MISBEHAVING[spoil]):
        home.ingest(case)
    assert home.rows() == {} and not (home.path / "snapshots").exists()
    healed = home.ingest(case, Loopback())
    assert healed.snapshot == Home(tmp_path / "other").ingest(case, Loopback()).snapshot


@pytest.mark.parametrize("harm", ["changed", "lost"])
def test_kept_pages_that_are_not_what_they_were_are_read_again(harm: str, tmp_path: Path) -> None:
    request = IngestRequest(provider="yahoo", tickers=("AAA", "BBB"))
    vendor, home = Loopback(spoil=unfinished), Home(tmp_path / "home")
    case = Case(vendor, request, plan_of(vendor, request).fetch)
    with pytest.raises(BrokenPages):
        home.ingest(case)
    page = sorted(home.left())[2]
    if harm == "lost":
        page.unlink()
    else:
        page.write_bytes(page.read_bytes()[:-8] + b"\0" * 8)
    report = home.ingest(case, Loopback())
    assert (report.resumed, report.pages, report.pages_kept) == (True, 4, 0)
    assert home.rows() == {s: price(s).tolist() for s in ("AAA", "BBB")}


def test_a_folder_that_changed_since_is_read_from_its_beginning(tmp_path: Path) -> None:
    folder, home = tmp_path / "folder", Home(tmp_path / "home")
    folder.mkdir()
    text = "date,open,high,low,close\n2024-01-02,1,1,1,{}\n2024-01-03,1,1,1,1\n"
    for symbol in ("AAA", "BBB", "CCC"):
        (folder / f"{symbol}.csv").write_text(text.format(1))
    request = IngestRequest(provider="files", source=str(folder))
    case = Case(wiring.providers()["files"], request, plan_of(wiring.providers()["files"], request).fetch)
    with pytest.raises(Dead):
        home.ingest(case, kill=7)  # begin, then keep, stage and put_page of two files
    (folder / "AAA.csv").write_text(text.format(1.01))
    report = home.ingest(case)
    assert (report.resumed, report.pages_kept, home.rows()["AAA"]) == (True, 0, [1.01, 1.0])


def test_a_vendor_has_to_be_told_the_symbols_and_a_universe_tells_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="yahoo needs the symbols"):
        plan_of(Loopback(), IngestRequest(provider="yahoo"))
    listed = tmp_path / "u.yaml"
    listed.write_text("AAA:\nBTC-USD:\n")
    assert plan_of(Loopback(), IngestRequest(universe=str(listed))).fetch.symbols == {"AAA", "BTC-USD"}


def test_symbols_that_no_one_provider_serves_are_two_ingestions() -> None:
    vendors = {"yahoo": Loopback(), "binance": Loopback(name="binance")}
    request = IngestRequest(tickers=("SPY", "BTC-USD"))
    assert planned(request, vendors, NOW).name == "yahoo"
    del vendors["yahoo"]
    with pytest.raises(PlimsollError, match=r"No provider serves history of SPY: yahoo \(adapter\)"):
        planned(request, vendors, NOW)


def test_adapters_are_made_in_one_place() -> None:
    root = Path(plimsoll.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        where = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module == "plimsoll.market":
                names += [f"plimsoll.market.{one.name}" for one in node.names]
            if any(f"{name}.".startswith("plimsoll.market.providers.") for name in names):
                found.add(where)
    assert {where for where in found if not where.startswith("market/providers/")} == {"app/wiring.py"}
