"""Files as people and vendors really write them: rows for certification, or a failure that can be mended."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from plimsoll.core import unpacking
from plimsoll.core.dates import day_number, iso_day
from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.policy import DataPolicy
from whole import read

HEADER = "date,open,high,low,close,adj_close,volume\n"
ROWS = "2020-01-02,1,2,0.5,1.5,1.4,100\n2020-01-03,1.5,2.5,1,2,1.9,200\n2020-01-06,2,3,1.5,2.5,2.4,300\n"
GOOD = HEADER + ROWS


def folder(tmp_path: Path, contents: dict[str, str | bytes]) -> Path:
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return tmp_path


def parquet(**columns: object) -> bytes:
    pl = pytest.importorskip("polars")
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def table(**changes: object) -> bytes:
    rows: dict[str, object] = {"date": ["2020-01-02", "2020-01-03"]}
    rows |= {name: [1.0, 2.0] for name in ("open", "high", "low", "close")}
    return parquet(**(rows | changes))


def test_a_folder_is_read_by_file_name_in_every_format(tmp_path: Path) -> None:
    batch = read(
        "files",
        folder(
            tmp_path,
            {
                "SPY.csv": GOOD,
                "qqq.CSV": GOOD.replace("\n", "\r\n"),
                "TLT.csv.gz": gzip.compress(HEADER.encode(), mtime=0) + gzip.compress(ROWS.encode()),
                "GLD.parquet": table(),
                "BTC_USD.csv": "\ufeff" + GOOD,
                "VNQ.tsv": GOOD.replace(",", "\t"),
                "DBC.csv": GOOD.replace(",", ";"),
                ".hidden.csv": "x",
                "README.md": "words",
            },
        ),
    )
    assert list(batch.bars) == ["BTC-USD", "DBC", "GLD", "QQQ", "SPY", "TLT", "VNQ"]
    assert batch.failures == {}
    assert any("README.md" in note for note in batch.notes)
    for symbol in ("BTC-USD", "DBC", "QQQ", "SPY", "TLT", "VNQ"):
        bars = batch.bars[symbol]
        assert [iso_day(int(d)) for d in bars.day] == ["2020-01-02", "2020-01-03", "2020-01-06"]
        assert bars.open.tolist() == [1.0, 1.5, 2.0]
        assert bars.high.tolist() == [2.0, 2.5, 3.0]
        assert bars.low.tolist() == [0.5, 1.0, 1.5]
        assert bars.close.tolist() == [1.5, 2.0, 2.5]
        assert bars.adj_close.tolist() == [1.4, 1.9, 2.4]
        assert bars.volume.tolist() == [100.0, 200.0, 300.0]
        assert np.isnan(bars.dividend).all()
        assert np.isnan(bars.split).all()


def test_every_file_read_is_named_with_its_hash(tmp_path: Path) -> None:
    batch = read("files", folder(tmp_path, {"SPY.csv": GOOD, "bad.csv": "x"}))
    assert {r.name: (r.sha256, r.size) for r in batch.raw} == {
        "SPY.csv": (hashlib.sha256(GOOD.encode()).hexdigest(), len(GOOD)),
        "bad.csv": (hashlib.sha256(b"x").hexdigest(), 1),
    }


def test_columns_come_in_any_order_and_under_vendors_names(tmp_path: Path) -> None:
    text = "Volume,Adj Close,Close,Low,High,Open,Name,Date\n5,1.4,1.5,0.5,2,1,x,2020-01-02\n"
    batch = read("files", folder(tmp_path, {"SPY.csv": text}))
    bars = batch.bars["SPY"]
    assert [float(f[0]) for f in (bars.open, bars.high, bars.low, bars.close, bars.adj_close, bars.volume)] == [
        1.0,
        2.0,
        0.5,
        1.5,
        1.4,
        5.0,
    ]
    assert any("Name" in note for note in batch.notes)


def test_a_long_table_keeps_each_symbols_own_row_order(tmp_path: Path) -> None:
    text = (
        "symbol,date,open,high,low,close\nB,2020-01-03,1,1,1,1\nA,2020-01-02,1,1,1,7\nB,2020-01-02,1,1,1,2\n"
        "B,2020-01-03,1,1,1,9\n"
    )
    batch = read("files", folder(tmp_path, {"all.csv": text}))
    assert batch.bars["B"].close.tolist() == [1.0, 2.0, 9.0]  # unordered and duplicated: certification's matter
    assert batch.bars["A"].close.tolist() == [7.0]


def test_values_are_not_repaired_and_what_cannot_be_is_absent_and_found(tmp_path: Path) -> None:
    rows = "2020-01-07,-1,0,1e308,,1,-5\n2020-01-08,N/A,3,null,nan,-,1e18\n2020-01-09,1,inf,1,1,1,1e19\n"
    batch = read("files", folder(tmp_path, {"SPY.csv": HEADER + rows}))
    bars = batch.bars["SPY"]
    assert bars.open[0] == -1.0
    assert np.isnan([bars.low[0], bars.close[0], bars.open[1], bars.low[1], bars.close[1], bars.adj_close[1]]).all()
    assert np.isnan(bars.high[2]) and bars.close[2] == 1.0
    assert bars.volume[1] == 1e18
    assert np.isnan(bars.volume[[0, 2]]).all()
    found = {(f.severity, f.detail): [iso_day(int(d)) for d in f.days] for f in batch.findings["SPY"]}
    assert found == {
        ("hard", "low 1e+308 on 2020-01-07 cannot be; it counts as absent"): ["2020-01-07"],
        ("hard", "high inf on 2020-01-09 cannot be; it counts as absent"): ["2020-01-09"],
        ("note", "volume -5 on 2020-01-07 cannot be; it counts as absent"): ["2020-01-07", "2020-01-09"],
    }


def test_rows_without_any_price_are_dropped_and_counted(tmp_path: Path) -> None:
    batch = read("files", folder(tmp_path, {"SPY.csv": GOOD + "2020-01-07,,N/A,-,null,1,5\n,,,,,,\n\n"}))
    assert len(batch.bars["SPY"]) == 3
    assert "SPY.csv: dropped 1 rows without any price" in batch.notes


def test_actions_are_carried_with_zero_meaning_no_split(tmp_path: Path) -> None:
    text = "date,open,high,low,close,dividend,split\n2020-01-02,1,1,1,1,,0\n2020-01-03,1,1,1,1,0.25,2\n"
    bars = read("files", folder(tmp_path, {"SPY.csv": text})).bars["SPY"]
    assert bars.dividend.tolist() == [0.0, 0.25]
    assert bars.split.tolist() == [1.0, 2.0]
    assert np.isnan(bars.adj_close).all()


def test_yahoos_splits_reach_certification_as_splits(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n2020-01-02,1,1,1,1,1,1,0,0\n"
    batch = read("files", folder(tmp_path, {"SPY.csv": text + "2020-01-03,1,1,1,1,1,1,0.5,4.0\n"}))
    assert batch.bars["SPY"].split.tolist() == [1.0, 4.0]
    assert batch.bars["SPY"].dividend.tolist() == [0.0, 0.5]
    assert batch.notes == ()


def test_without_adjusted_prices_or_actions_close_stands_in_and_it_is_said(tmp_path: Path) -> None:
    batch = read("files", folder(tmp_path, {"SPY.csv": "date,open,high,low,close\n2020-01-02,1,1,1,3\n"}))
    assert batch.bars["SPY"].adj_close.tolist() == [3.0]
    assert any("neither adj_close nor actions" in note for note in batch.notes)


@pytest.mark.parametrize(
    "dates",
    [
        ("2020-01-02", "2020-07-06"),
        ("2020/01/02", "2020/07/06"),
        ("20200102", "20200706"),
        ("2020-01-02 00:00:00", "2020-07-06 00:00:00"),
        ("2020-01-02T00:00:00.000Z", "2020-07-06T00:00:00.000Z"),
        ("2020-01-02 00:00:00-05:00", "2020-07-06 00:00:00-04:00"),
        ("2020-01-02 00:00:00+08:00", "2020-07-06 00:00:00+08:00"),
        ("1577923200", "1593993600"),
        ("1577923200000", "1593993600000"),
        ("1577923200000000", "1593993600000000"),
        ("1577923200000000000", "1593993600000000000"),
    ],
)
def test_dates_are_understood_as_written(tmp_path: Path, dates: tuple[str, str]) -> None:
    text = HEADER + "".join(f"{d},1,1,1,1,1,1\n" for d in dates)
    bars = read("files", folder(tmp_path, {"SPY.csv": text})).bars["SPY"]
    assert [iso_day(int(d)) for d in bars.day] == ["2020-01-02", "2020-07-06"]


def test_parquet_dates_of_every_type_are_their_local_dates(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    text = pl.Series(["2020-01-02", "2020-07-06"])
    stamps = text.str.to_datetime("%Y-%m-%d")
    variants = {
        "DATE": text.str.to_date(),
        "STAMP": stamps,
        "ZONED": stamps.dt.replace_time_zone("America/New_York"),
        "TOKYO": stamps.dt.replace_time_zone("Asia/Tokyo"),
        "COUNT": stamps.dt.epoch("ms"),
        "CATEGORY": text.cast(pl.Categorical),
    }
    batch = read("files", folder(tmp_path, {f"{k}.parquet": table(date=v) for k, v in variants.items()}))
    assert batch.failures == {}
    for name in variants:
        assert [iso_day(int(d)) for d in batch.bars[name].day] == ["2020-01-02", "2020-07-06"]


GZIPPED = gzip.compress(GOOD.encode(), mtime=0)
PARQUET = table()
BROKEN: list[tuple[str, str | bytes, str]] = [
    ("X.csv", "", "X.csv is empty"),
    ("X.csv", "\n\n", "X.csv is empty"),
    ("X.csv", "\ufeff", "X.csv is empty"),
    ("X.csv", HEADER, "X.csv holds a header and no rows"),
    ("X.csv", HEADER + ROWS[:30] + "\0" + ROWS[30:], "X.csv line 2 holds a NUL byte"),
    ("X.csv", GOOD.encode("utf-16")[:-1], "begins as UTF-16 text and is damaged"),
    ("X.csv.gz", GZIPPED[:-9], "gzip file cut short"),
    ("X.csv.gz", GZIPPED[:20] + b"\xff\xff" + GZIPPED[22:], "gzip file"),
    ("X.csv", "<!DOCTYPE html><p>Too many requests", "not CSV but a web page"),
    ("X.csv", '{"bars": [], "bars": []}', "JSON"),
    ("X.csv", "a,b\n1,2\n", "X.csv lacks date, open, high, low, close; its columns are a, b"),
    ("X.csv", HEADER.replace("close,adj", "klose,adj") + ROWS, "X.csv lacks close"),
    ("X.csv", ROWS, "has no line that names its columns: it begins with '2020-01-02,1,2,0.5"),
    ("X.csv", "date,Close,close,open,high,low\n2020-01-02,1,2,1,1,1\n", "two columns for close: 'Close' and 'close'"),
    ("X.csv", "x" * 70_000, "first line longer than"),
    ("X.csv", GOOD + "2020-01-07,1,2\n", "ends in the middle of line 5: 3 of 7 fields"),
    ("X.csv", GOOD + "2020-01-07,1,5,1,5,1,5,1,5,2,9\n" + ROWS, "line 5 has 11 fields where the header has 7"),
    ("X.csv", GOOD + '2020-01-07,"1,5",2,1,1,1,1\n', "line 5, open: '1,5' has a decimal comma"),
    ("X.csv", GOOD + '2020-01-07,1,2,1,"1,23.5",1,1\n', "line 5, close: '1,23.5' is not a number"),
    ("X.csv", GOOD + "2020-01-07,1,2,1,\u20ac3,1,1\n", "line 5, close: '\\u20ac3' is in a currency other than USD"),
    ("X.csv", GOOD + "2020-02-30,1,1,1,1,1,1\n", "line 5, date: '2020-02-30' is not a date"),
    ("X.csv", GOOD + "07/21/2020,1,1,1,1,1,1\n", "line 5, date: '07/21/2020' mixes month/day/year into YYYY-MM-DD"),
    ("X.csv", GOOD + ",1,1,1,1,1,1\n", "line 5, date: the date is missing"),
    ("X.csv", GOOD + "9999-12-31,1,1,1,1,1,1\n", "line 5, date: '9999-12-31' is outside"),
    ("X.csv", GOOD + "1577923200000,1,1,1,1,1,1\n", "mixes epoch-ms into YYYY-MM-DD"),
    ("X.csv", HEADER + "1577923200000,1,1,1,1,1,1\n1578009600,1,1,1,1,1,1\n", "mixes epoch-s into epoch-ms"),
    (
        "X.csv",
        HEADER + "2020-01-02 00:00:00Z,1,1,1,1,1,1\n2020-01-03,1,1,1,1,1,1\n",
        "mixes YYYY-MM-DD into YYYY-MM-DD with a zone",
    ),
    ("X.csv", HEADER + "\n2020-01-02,1,1,1,1,1,1\n\n2020-01-03,ten,1,1,1,1,1\n", "line 5, open: 'ten' is not a number"),
    (
        "X.csv",
        'date,open,high,low,close,note\n2020-01-02,1,1,1,1,"a\nb"\n2020-01-03,ten,1,1,1,c\n',
        "line 4, open: 'ten'",
    ),
    ("X.csv", HEADER + "".join(f"2020-01-02 {h:02d}:30:00,1,1,1,1,1,1\n" for h in range(9, 16)), "holds intraday bars"),
    ("X.parquet", b"PAR1 not really", "not a readable Parquet file"),
    ("X.parquet", PARQUET[:-12], "not a readable Parquet file"),
    ("X.parquet", PARQUET[:4] + b"\xff" * 60 + PARQUET[64:], "Parquet|X.parquet"),
    ("X.parquet", table(open=[[1.0], [2.0]]), "column open holds List"),
    ("X.parquet", table(close=[True, False]), "column close holds Boolean"),
    ("X.parquet", table(date=[1.5, 2.5]), "column date holds Float64"),
    ("X.parquet", table(high=["1", "two"]), "row 2, high: 'two' is not a number"),
    ("X.parquet", table()[:0], "X.parquet is empty"),
    ("X.parquet", parquet(date=[], open=[], high=[], low=[], close=[]), "holds no rows"),
]


@pytest.mark.parametrize(("name", "data", "words"), BROKEN)
def test_a_file_that_cannot_be_read_fails_alone_and_by_name(
    tmp_path: Path, name: str, data: str | bytes, words: str
) -> None:
    batch = read("files", folder(tmp_path, {"GOOD.csv": GOOD, name: data}))
    assert list(batch.bars) == ["GOOD"]
    ((key, (code, message)),) = batch.failures.items()
    assert (key, code) == ("X", "UNREADABLE")
    assert any(w in message for w in words.split("|"))
    assert message.isascii() and message.isprintable()
    with pytest.raises(InputError, match="could be read whole, so nothing was ingested: X"):
        read("files", tmp_path / name, symbol="X")


@pytest.mark.parametrize("name", ["no;symbol.csv", "\u202eYPS.csv", "\U0001f600.parquet", f"{'A' * 40}.csv"])
def test_a_file_whose_name_is_no_symbol_fails_under_its_own_name(tmp_path: Path, name: str) -> None:
    data = table() if name.endswith("parquet") else GOOD
    batch = read("files", folder(tmp_path, {"GOOD.csv": GOOD, name: data}))
    assert list(batch.bars) == ["GOOD"]
    ((key, (_, message)),) = batch.failures.items()
    assert key.isprintable()
    assert "is not a symbol" in message
    assert list(read("files", tmp_path / name, symbol="SPY").bars) == ["SPY"]


def test_latin_1_text_beside_the_figures_is_read_and_noted(tmp_path: Path) -> None:
    text = "date,open,high,low,close,name\n2020-01-02,1,1,1,1,Société\n"
    batch = read("files", folder(tmp_path, {"X.csv": text.encode("latin-1")}))
    assert batch.bars["X"].close.tolist() == [1.0]
    assert any("Latin-1" in note for note in batch.notes)


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "BYTES_MAX", 100_000)
    bomb = gzip.compress(b"0" * 10_000_000, mtime=0)
    batch = read("files", folder(tmp_path, {"GOOD.csv": GOOD, "X.csv.gz": bomb, "Y.csv": "0" * 100_001}))
    assert "unpacks to more than" in batch.failures["X"][1]
    assert "is larger than" in batch.failures["Y"][1]


def test_in_a_long_table_only_the_faulty_symbols_fail(tmp_path: Path) -> None:
    text = (
        "symbol,date,open,high,low,close\nAA,2020-01-02,1,1,1,1\nBB,2020-01-02,x,1,1,1\nBB,2020-01-03,1,y,1,1\n"
        "../x,2020-01-02,1,1,1,1\n,2020-01-02,1,1,1,1\nBRK.B,2020-01-02,1,1,1,1\nBRK-B,2020-01-03,1,1,1,1\n"
    )
    batch = read("files", folder(tmp_path, {"all.csv": text}))
    assert list(batch.bars) == ["AA"]
    messages = {key: message for key, (_, message) in batch.failures.items()}
    assert "line 3, open: 'x'" in messages["BB"]
    assert "'../x' is not a symbol" in messages["'../x'"]
    assert "line 6 names no symbol" in messages["all.csv"]
    assert "one symbol under two names, 'BRK.B' and 'BRK-B'" in messages["BRK-B"]


def test_one_symbol_in_two_files_is_nobodys_guess(tmp_path: Path) -> None:
    contents = {"BRK.B.csv": GOOD, "BRK-B.csv": GOOD, "brk_b.parquet": table(), "SPY.csv": GOOD}
    batch = read("files", folder(tmp_path, contents))
    assert list(batch.bars) == ["SPY"]
    assert "in two files" in batch.failures["BRK-B"][1]


def test_tickers_choose_symbols_and_an_absent_one_is_reported(tmp_path: Path) -> None:
    source = folder(
        tmp_path, {"SPY.csv": GOOD, "QQQ.csv": GOOD, "bad.csv": "", "m.csv": "series,date,value\nR,2020-01-02,1\n"}
    )
    (tmp_path / "OLD.csv").write_text(GOOD.replace("2020-", "2010-"))
    batch = read("files", source, tickers=["spy", "OLD"], start="2020-01-01")
    assert list(batch.bars) == ["SPY"]
    assert list(batch.failures) == ["OLD"]
    assert list(batch.macro) == ["R"]
    with pytest.raises(UsageError, match="holds none of OLD"):
        read("files", source, tickers=["OLD"], start="2020-01-01")
    with pytest.raises(UsageError, match=r"does not hold SPYY\. Close to it: SPY"):
        read("files", source, tickers=["SPY", "SPYY"])


def test_a_span_is_inclusive_and_keeps_earlier_macro(tmp_path: Path) -> None:
    macro = "series,date,value\nR,2020-01-02,1\nR,2020-01-03,2\nR,2020-01-06,3\n"
    source = folder(tmp_path, {"SPY.csv": GOOD, "m.csv": macro})
    day = day_number("2020-01-03")
    batch = read("files", source, start="2020-01-03", end="2020-01-03")
    assert batch.bars["SPY"].day.tolist() == [day]
    assert batch.macro["R"].value.tolist() == [1.0, 2.0]


def test_a_single_file_needs_its_symbol_unless_it_names_one(tmp_path: Path) -> None:
    source = folder(
        tmp_path,
        {"vix.csv": GOOD, "long.csv": "symbol,date,open,high,low,close\nA,2020-01-02,1,1,1,1\nB,2020-01-02,1,1,1,1\n"},
    )
    assert list(read("files", source / "vix.csv", symbol="^vix").bars) == ["^VIX"]
    for path, symbol, words in (
        ("vix.csv", None, "has no symbol column"),
        ("long.csv", "SPY", "has a symbol column with 2 symbols"),
        ("", "SPY", "2 files"),
    ):
        with pytest.raises(UsageError, match=words):
            read("files", source / path, symbol=symbol)


def test_sources_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, words in (("absent", "does not exist"), ("empty", "holds no CSV or Parquet file")):
        with pytest.raises(InputError, match=words):
            read("files", tmp_path / source)
    for odd in (Path("/dev/null"), Path("a\0b")):
        with pytest.raises(PlimsollError) as caught:
            read("files", odd)
        assert str(caught.value).isprintable()


def test_an_unreadable_file_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path, {"SPY.csv": GOOD, "X.csv": GOOD})
    whole = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "X.csv":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    batch = read("files", source)
    assert list(batch.bars) == ["SPY"]
    assert batch.failures["X"][1].startswith("X.csv cannot be read (Permission denied)")


@pytest.mark.parametrize(
    ("dates", "lag"),
    [
        (("2020-01-02", "2020-01-03", "2020-01-06"), 1),
        (("2020-01-03", "2020-01-10", "2020-01-17"), 7),
        (("2020-01-01", "2020-02-01", "2020-03-01"), 50),
        (("2020-01-01", "2020-04-01", "2020-07-01"), 135),
        (("2020-01-01",), 500),
    ],
)
def test_macro_is_known_only_after_its_usual_publication(tmp_path: Path, dates: tuple[str, ...], lag: int) -> None:
    text = "series,date,value\n" + "".join(f"R,{d},1.5\n" for d in reversed(dates))
    series = read("files", folder(tmp_path, {"m.csv": text})).macro["R"]
    assert [iso_day(int(d)) for d in series.day] == list(dates)
    assert (series.known - series.day).tolist() == [lag] * len(dates)
    longer = DataPolicy(lag_daily=11, lag_weekly=17, lag_monthly=60, lag_quarterly=145, lag_longer=510)
    later = read("files", folder(tmp_path, {"m.csv": text}), policy=longer).macro["R"]
    assert (later.known - later.day).tolist() == [lag + 10] * len(dates)  # each group by its own key of the policy


def test_a_published_column_decides_when_macro_is_known(tmp_path: Path) -> None:
    text = "series,date,value,published\nCPI,2020-01-01,1,2020-02-13\nCPI,2020-02-01,2,2020-03-11\n"
    series = read("files", folder(tmp_path, {"m.csv": text})).macro["CPI"]
    assert [iso_day(int(d)) for d in series.known] == ["2020-02-13", "2020-03-11"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("R,2020-01-02,1\nR,2020-01-02,2\n", "two values on 2020-01-02"),
        ("R,2020-01-02,high\n", "line 2, value: 'high' is not a number"),
        ("R,2020-13-02,1\n", "line 2, date: '2020-13-02' is not a date"),
    ],
)
def test_a_macro_series_that_contradicts_itself_fails_alone(tmp_path: Path, rows: str, words: str) -> None:
    batch = read("files", folder(tmp_path, {"m.csv": "series,date,value\nS,2020-01-02,1\n" + rows.replace("R,", "R,")}))
    assert list(batch.macro) == ["S"]
    assert words.replace("line 2", "line 3") in batch.failures["R"][1]


def test_macro_published_before_its_date_is_refused_and_absent_values_are_left_out(tmp_path: Path) -> None:
    text = (
        "series,date,value,published\nR,2020-01-02,1,2020-01-01\nS,2020-01-02,.,2020-01-03\nS,2020-01-03,4,2020-01-04\n"
    )
    batch = read("files", folder(tmp_path, {"m.csv": text}))
    assert "published before its own date" in batch.failures["R"][1]
    assert batch.macro["S"].value.tolist() == [4.0]


def test_the_recorded_history_is_read_whole(shared_data: Path) -> None:
    batch = read("files", shared_data / "etf_daily.parquet")
    assert len(batch.bars) == 15
    assert sum(len(b) for b in batch.bars.values()) == 92_175
    spy = batch.bars["SPY"]
    assert spy.close[spy.day == day_number("2020-03-23")] == pytest.approx(222.95)
    macro = read("files", shared_data / "macro_daily.parquet").macro
    lags = {name: int(s.known[0] - s.day[0]) for name, s in macro.items()}
    assert (lags["DGS3MO"], lags["DFF"], lags["ICSA"], lags["NFCI"], lags["CPIAUCSL"], lags["UNRATE"]) == (
        1,
        1,
        7,
        7,
        50,
        50,
    )
    assert len(read("files", shared_data / "vix_daily.parquet", symbol="^VIX").bars["^VIX"]) == 9_235


def test_tables_of_another_kind_are_refused_not_misread(shared_data: Path) -> None:
    for name, words in (
        ("msft_intraday.parquet", "intraday bars"),
        ("cot_legacy.parquet", "lacks open"),
        ("equities_meta.parquet", "lacks date"),
        ("news_headlines.parquet", "lacks open"),
    ):
        with pytest.raises(InputError, match=words):
            read("files", shared_data / name)


def test_real_vendor_defects_reach_certification_as_rows(shared_data: Path, tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    defects = pl.read_parquet(shared_data / "vendor_defects.parquet").rename({"ts_text": "date"})
    bad = defects.filter(pl.col("state") == "bad", ~pl.col("case").str.contains("30m|1h|60m|15m"))
    wanted = 0
    for index, ((_,), rows) in enumerate(bad.partition_by("case", as_dict=True, maintain_order=True).items()):
        rows.drop("case", "state").write_csv(tmp_path / f"CASE{index}.csv")
        wanted += 1
    batch = read("files", tmp_path)
    assert len(batch.bars) + len(batch.failures) == wanted
    assert len(batch.bars) >= wanted - 2, batch.failures
