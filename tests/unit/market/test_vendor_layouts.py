"""The files that vendors and brokers hand out, each in its documented layout, with the values that are right.

Every file tells the same two days: 2020-01-02 open 10.1, high 11.2, low 9.9, close 10.5, volume 1000 and
2020-01-03 open 10.5, high 11, low 10, close 10.8, volume 1200, so that one table of right values serves them all.
"""

# ruff: noqa: E501 (files as they are written, line by line)

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from plimsoll.core.dates import iso_day
from plimsoll.core.errors import InputError
from plimsoll.market.providers import columns
from whole import read

DAYS = ["2020-01-02", "2020-01-03"]
RIGHT = {
    "open": [10.1, 10.5],
    "high": [11.2, 11.0],
    "low": [9.9, 10.0],
    "close": [10.5, 10.8],
    "volume": [1000.0, 1200.0],
}


@dataclass(frozen=True)
class Layout:
    """One file: its text, what the user adds, the notes that must be there, and values beyond RIGHT."""

    text: str | bytes
    name: str = "AAA.csv"
    symbol: str | None = "AAA"
    notes: tuple[str, ...] = ()
    columns: str | None = None
    dates: str | None = None
    aliases: dict[str, str] | None = None
    also: dict[str, list[float]] = field(default_factory=dict)
    symbols: tuple[str, ...] = ("AAA",)
    volume: list[float] | None = None


EUROPEAN = "Datum;Eröffnung;Hoch;Tief;Schlusskurs;Volumen\n02.01.2020;10,10;11,20;9,90;10,50;1.000\n"
LAYOUTS = {
    "plain": Layout("date,open,high,low,close,volume\n2020-01-02,10.1,11.2,9.9,10.5,1000\n2020-01-03,10.5,11,10,10.8,1200\n"),
    "yfinance history": Layout(
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
        "2020-01-02 00:00:00-05:00,10.1,11.2,9.9,10.5,1000,0.0,0.0\n"
        "2020-01-03 00:00:00-05:00,10.5,11.0,10.0,10.8,1200,0.0,0.0\n",
        also={"dividend": [0, 0], "split": [1, 1], "adj_close": [10.5, 10.8]},
    ),
    "yfinance history of a fund": Layout(
        "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits,Capital Gains\n"
        "2020-01-02,10.1,11.2,9.9,10.5,10.0,1000,0.0,0.0,0.0\n2020-01-03,10.5,11.0,10.0,10.8,10.8,1200,0.2,0.0,0.3\n",
        notes=("capital gains of AAA were added to its dividends on 1 days, the first 0.3 on 2020-01-03",),
        also={"dividend": [0, 0.5], "split": [1, 1], "adj_close": [10.0, 10.8]},
    ),
    "yfinance download of one": Layout(
        "Price,Adj Close,Close,High,Low,Open,Volume\nTicker,AAA,AAA,AAA,AAA,AAA,AAA\nDate,,,,,,\n"
        "2020-01-02,10.0,10.5,11.2,9.9,10.1,1000\n2020-01-03,10.8,10.8,11.0,10.0,10.5,1200\n",
        symbol=None,
        also={"adj_close": [10.0, 10.8]},
    ),
    "yfinance download of two": Layout(
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,AAA,BBB,AAA,BBB,AAA,BBB,AAA,BBB,AAA,BBB\n"
        "Date,,,,,,,,,,\n2020-01-02,10.5,,11.2,,9.9,,10.1,,1000,\n2020-01-03,10.8,5,11.0,6,10.0,4,10.5,5,1200,9\n",
        symbol=None,
        symbols=("AAA", "BBB"),
        notes=("one column a symbol was read as 2 symbols",),
    ),
    "yfinance download grouped by ticker": Layout(
        "Ticker,AAA,AAA,AAA,AAA,AAA\nPrice,Open,High,Low,Close,Volume\nDate,,,,,\n"
        "2020-01-02,10.1,11.2,9.9,10.5,1000\n2020-01-03,10.5,11.0,10.0,10.8,1200\n",
        symbol=None,
    ),
    "older yfinance download": Layout(
        ",Adj Close,Close,High,Low,Open,Volume\n,AAA,AAA,AAA,AAA,AAA,AAA\nDate,,,,,,\n"
        "2020-01-02,10.0,10.5,11.2,9.9,10.1,1000\n2020-01-03,10.8,10.8,11.0,10.0,10.5,1200\n",
        symbol=None,
        also={"adj_close": [10.0, 10.8]},
    ),
    "flattened download": Layout(
        "Date,Close_AAA,High_AAA,Low_AAA,Open_AAA,Volume_AAA\n2020-01-02,10.5,11.2,9.9,10.1,1000\n"
        "2020-01-03,10.8,11.0,10.0,10.5,1200\n",
        symbol=None,
    ),
    "Yahoo's page copied": Layout(
        "Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume\nJan 3, 2020\t10.50\t11.00\t10.00\t10.80\t10.80\t1,200\n"
        "Jan 2, 2020\t10.10\t11.20\t9.90\t10.50\t10.00\t1,000\n",
        notes=("commas between thousands",),
        also={"adj_close": [10.0, 10.8]},
    ),
    "Stooq's bulk file": Layout(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAA.US,D,20200102,000000,10.1,11.2,9.9,10.5,1000,0\nAAA.US,D,20200103,000000,10.5,11.0,10.0,10.8,1200,0\n",
        name="aaa.us.txt",
        symbol=None,
        symbols=("AAA.US",),
    ),
    "Stooq's bulk file under an alias": Layout(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAA.US,D,20200102,000000,10.1,11.2,9.9,10.5,1000,0\nAAA.US,D,20200103,000000,10.5,11.0,10.0,10.8,1200,0\n",
        name="aaa.us.txt",
        symbol=None,
        aliases={"AAA.US": "AAA"},
    ),
    "Stooq's download": Layout(
        "Date,Open,High,Low,Close,Volume\n2020-01-02,10.1,11.2,9.9,10.5,1000\n2020-01-03,10.5,11,10,10.8,1200\n"
    ),
    "MetaTrader 5": Layout(
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
        "2020.01.02\t10.1\t11.2\t9.9\t10.5\t77\t1000\t1\n2020.01.03\t10.5\t11.0\t10.0\t10.8\t78\t1200\t1\n",
        notes=("ignored columns <TICKVOL>, <SPREAD>",),
    ),
    "MetaTrader 4, no header": Layout(
        "2020.01.02,00:00,10.1,11.2,9.9,10.5,1000\n2020.01.03,00:00,10.5,11.0,10.0,10.8,1200\n",
        columns="date,time,open,high,low,close,volume",
    ),
    "Tiingo": Layout(
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n"
        "2020-01-02T00:00:00.000Z,10.5,11.2,9.9,10.1,1000,10.0,10.6,9.4,9.6,1000,0.0,1.0\n"
        "2020-01-03T00:00:00.000Z,10.8,11.0,10.0,10.5,1200,10.8,11.0,10.0,10.5,1200,0.5,1.0\n",
        notes=("ignored columns adjHigh, adjLow, adjOpen, adjVolume",),
        also={"adj_close": [10.0, 10.8], "dividend": [0, 0.5], "split": [1, 1]},
    ),
    "Alpha Vantage": Layout(
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
        "2020-01-03,10.5,11.0,10.0,10.8,10.8,1200,0.5000,1.0\n2020-01-02,10.1,11.2,9.9,10.5,10.0,1000,0.0000,1.0\n",
        also={"adj_close": [10.0, 10.8], "dividend": [0, 0.5], "split": [1, 1]},
    ),
    "Alpha Vantage by pandas": Layout(
        "date,1. open,2. high,3. low,4. close,5. adjusted close,6. volume,7. dividend amount,8. split coefficient\n"
        "2020-01-03,10.5,11.0,10.0,10.8,10.8,1200.0,0.5,1.0\n2020-01-02,10.1,11.2,9.9,10.5,10.0,1000.0,0.0,1.0\n",
        also={"adj_close": [10.0, 10.8], "dividend": [0, 0.5], "split": [1, 1]},
    ),
    "Alpha Vantage, index without a name": Layout(
        ",1. open,2. high,3. low,4. close,5. volume\n2020-01-02,10.1,11.2,9.9,10.5,1000\n2020-01-03,10.5,11.0,10.0,10.8,1200\n"
    ),
    "Quandl WIKI": Layout(
        "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. Low,Adj. Close,Adj. Volume\n"
        "2020-01-02,10.1,11.2,9.9,10.5,1000.0,0.0,1.0,5,5.6,4.9,5.0,2000.0\n"
        "2020-01-03,10.5,11.0,10.0,10.8,1200.0,0.5,2.0,10.5,11.0,10.0,10.8,1200.0\n",
        also={"adj_close": [5.0, 10.8], "dividend": [0, 0.5], "split": [1, 2]},
    ),
    "Quandl WIKI table": Layout(
        "ticker,date,open,high,low,close,volume,ex-dividend,split_ratio,adj_open,adj_high,adj_low,adj_close,adj_volume\n"
        "AAA,2020-01-02,10.1,11.2,9.9,10.5,1000.0,0.0,1.0,5,5.6,4.9,5.0,2000.0\n"
        "AAA,2020-01-03,10.5,11.0,10.0,10.8,1200.0,0.5,2.0,10.5,11.0,10.0,10.8,1200.0\n",
        symbol=None,
        also={"adj_close": [5.0, 10.8], "dividend": [0, 0.5], "split": [1, 2]},
    ),
    "Sharadar SEP": Layout(
        "ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated\n"
        "AAA,2020-01-02,10.1,11.2,9.9,10.5,1000,10.0,21.0,2020-06-01\n"
        "AAA,2020-01-03,10.5,11.0,10.0,10.8,1200,10.8,21.6,2020-06-01\n",
        symbol=None,
        notes=("ignored columns closeunadj, lastupdated",),
        also={"adj_close": [10.0, 10.8]},
    ),
    "EODHD": Layout(
        "Date,Open,High,Low,Close,Adjusted_close,Volume\n2020-01-02,10.1,11.2,9.9,10.5,10.0,1000\n"
        "2020-01-03,10.5,11.0,10.0,10.8,10.8,1200\n",
        also={"adj_close": [10.0, 10.8]},
    ),
    "Bloomberg with a preamble": Layout(
        "Security,AAA US Equity\nStart Date,1/2/2020\nPeriod,D\n\nDate,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n"
        "2020-01-02,10.1,11.2,9.9,10.5,1000\n2020-01-03,10.5,11.0,10.0,10.8,1200\n",
        notes=("4 lines above the header were left out",),
    ),
    "two files one behind the other": Layout(
        "Date,Open,High,Low,Close,Volume\n2020-01-03,10.5,11.0,10.0,10.8,1200\n"
        "Date,Open,High,Low,Close,Volume\nSubtotal,,,,,1200\n2020-01-02,10.1,11.2,9.9,10.5,1000\nAverage,10,11,10,10,1100\n",
        notes=("1 lines of totals between the rows were left out", "1 lines that repeat the header were left out", "1 lines below the last row were left out"),
    ),
    "Yahoo's page with dividends and splits in lines": Layout(
        "Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume\nJan 3, 2020\t10.5\t11.0\t10.0\t10.8\t10.8\t1,200\n"
        "Jan 3, 2020\t0.2 Dividend\t\t\t\t\t\nJan 3, 2020\t0.1 Capital Gain\t\t\t\t\t\nJan 3, 2020\t4:1 Stock Splits\t\t\t\t\t\n"
        "Jan 2, 2020\t10.1\t11.2\t9.9\t10.5\t10.2\t1,000\nJan 2, 2020\t0.05 Dividend\t\t\t\t\t\nJan 2, 2020\t0.05 Dividend\t\t\t\t\t\n",
        notes=("5 lines of dividends and splits were read as those of their days",),
        also={"dividend": [0.1, 0.3], "split": [1, 4], "adj_close": [10.2, 10.8]},
    ),
    "spaces between thousands": Layout(
        "Date;Ouverture;Plus haut;Plus bas;Cl\xf4ture;Volume\n02/01/2020;10,1;11,2;9,9;10,5;1 001 000 000\n"
        "03/01/2020;10,5;11,0;10,0;10,8;1 200\n",
        also={"volume": [1_001_000_000.0, 1200.0]},
        dates="dmy",
    ),
    "names of months and two digits for the year": Layout(
        "Date,Open,High,Low,Close,Volume\n02-Jan-20,10.1,11.2,9.9,10.5,1000\n03-JAN-20,10.5,11.0,10.0,10.8,1200\n",
    ),
    "Polygon aggregates": Layout(
        "v,vw,o,c,h,l,t,n\n1000,10.4,10.1,10.5,11.2,9.9,1577941200000,5\n1200,10.7,10.5,10.8,11.0,10.0,1578027600000,6\n",
    ),
    "Polygon grouped": Layout(
        "T,v,vw,o,c,h,l,t,n\nAAA,1000,10.4,10.1,10.5,11.2,9.9,1577998800000,5\nAAA,1200,10.7,10.5,10.8,11.0,10.0,1578085200000,6\n",
        symbol=None,
    ),
    "Polygon day flat files": Layout(
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "AAA,1000,10.1,10.5,11.2,9.9,1577941200000000000,5\nAAA,1200,10.5,10.8,11.0,10.0,1578027600000000000,6\n",
        symbol=None,
    ),
    "Alpaca bars": Layout(
        "symbol,timestamp,open,high,low,close,volume,trade_count,vwap\n"
        "AAA,2020-01-02 05:00:00+00:00,10.1,11.2,9.9,10.5,1000.0,4,10.4\n"
        "AAA,2020-01-03 05:00:00+00:00,10.5,11.0,10.0,10.8,1200.0,4,10.7\n",
        symbol=None,
    ),
    "IBKR": Layout(
        "date,open,high,low,close,volume,average,barCount\n2020-01-02,10.1,11.2,9.9,10.5,1000,10.4,9\n"
        "2020-01-03,10.5,11.0,10.0,10.8,1200,10.7,9\n",
    ),
    "IBKR TWS dates": Layout(
        "date,open,high,low,close,volume\n20200102,10.1,11.2,9.9,10.5,1000\n20200103,10.5,11.0,10.0,10.8,1200\n"
    ),
    "Nasdaq": Layout(
        "Date,Close/Last,Volume,Open,High,Low\n01/03/2020,$10.80,1200,$10.50,$11.00,$10.00\n"
        "01/02/2020,$10.50,1000,$10.10,$11.20,$9.90\n",
        dates="mdy",
    ),
    "Barchart": Layout(
        "Time,Open,High,Low,Latest,Change,%Change,Volume\n2020-01-03,10.5,11.0,10.0,10.8,0.3,+2.86%,1200\n"
        '2020-01-02,10.1,11.2,9.9,10.5,0.1,+0.96%,1000\n"Downloaded from Barchart.com as of 11-28-2026 04:12am CST"\n',
        notes=("1 lines below the last row were left out",),
    ),
    "Investing.com": Layout(
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n"01/03/2020","10.80","10.50","11.00","10.00","1.20K","2.86%"\n'
        '"01/02/2020","10.50","10.10","11.20","9.90","1.00K","0.96%"\n',
        dates="mdy",
    ),
    "a German bank": Layout(
        EUROPEAN + "03.01.2020;10,50;11,00;10,00;10,80;1.200\n13.01.2020;;;;;\n",
        notes=("dates were read as day/month/year, which '13.01.2020' shows", "decimal comma"),
    ),
    "a decimal comma under English names": Layout(
        "date;open;high;low;close;volume\n2020-01-02;10,1;11,2;9,9;10,5;1000\n2020-01-03;10,5;11,0;10,0;10,8;1200\n",
        notes=("decimal comma",),
    ),
    "a German bank in UTF-16": Layout(
        (EUROPEAN + "03.01.2020;10,50;11,00;10,00;10,80;1.200\n").encode("utf-16"),
        dates="dmy",
        notes=("is UTF-16 text", "decimal comma"),
    ),
    "a broker with a title and a total": Layout(
        "Historical prices for AAA\nCreated 28 November 2026\n\nTrade Date,Open,High,Low,Last,Volume\n"
        '31/12/2019,,,,,\n02/01/2020,10.10,11.20,9.90,10.50,"1,000"\n03/01/2020,10.50,11.00,10.00,10.80,"1,200"\n'
        'Total,,,,,"2,200"\n,,,,,\n',
        notes=("3 lines above the header were left out", "day/month/year", "1 lines below", "dropped 1 rows"),
    ),
    "a broker, columns named": Layout(
        "When,O1,Hi,Lo,Settlement,Qty\n02-Jan-2020,10.1,11.2,9.9,10.5,1000\n03-Jan-2020,10.5,11.0,10.0,10.8,1200\n",
        columns="date=When,open=O1,high=Hi,low=Lo,close=Settlement,volume=Qty",
    ),
    "two digits for the year": Layout(
        "Date,Open,High,Low,Close,Volume\n02/01/20,10.1,11.2,9.9,10.5,1000\n03/01/20,10.5,11.0,10.0,10.8,1200\n",
        dates="%d/%m/%y",
    ),
    "Excel's serial numbers": Layout(
        "Date,Open,High,Low,Close,Volume\n43832,10.1,11.2,9.9,10.5,1000\n43833,10.5,11.0,10.0,10.8,1200\n",
        dates="excel",
    ),
    "Swiss thousands": Layout(
        "Date;Open;High;Low;Close;Volume\n2020-01-02;10.1;11.2;9.9;10.5;1'000\n2020-01-03;10.5;11.0;10.0;10.8;1'200\n"
    ),
    "a constant time of the close": Layout(
        "Date,Time,Open,High,Low,Close,Volume\n2020-01-02,16:00,10.1,11.2,9.9,10.5,1000\n"
        "2020-01-03,16:00,10.5,11.0,10.0,10.8,1200\n"
    ),
    "CryptoDataDownload": Layout(
        "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume AAA,Volume USD\n"
        "1578009600,2020-01-03 00:00:00,AAA/USD,10.5,11.0,10.0,10.8,7,1200\n"
        "1577923200,2020-01-02 00:00:00,AAA/USD,10.1,11.2,9.9,10.5,8,1000\n",
        symbol=None,
        symbols=("AAA-USD",),
        notes=("1 lines above the header were left out",),
    ),
    "a ratio in words": Layout(
        "Date,Open,High,Low,Close,Volume,Split\n2020-01-02,10.1,11.2,9.9,10.5,1000,\n2020-01-03,10.5,11.0,10.0,10.8,1200,4:1\n",
        also={"split": [1, 4]},
    ),
    "dollars named in the header": Layout(
        "Date,Open (USD),High (USD),Low (USD),Close (USD),Volume\n2020-01-02,10.1,11.2,9.9,10.5,1000\n"
        "2020-01-03,10.5,11.0,10.0,10.8,1200\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", LAYOUTS)
def test_a_layout_is_read_right(vendor: str, tmp_path: Path) -> None:
    layout = LAYOUTS[vendor]
    text = layout.text.encode() if isinstance(layout.text, str) else layout.text
    (tmp_path / layout.name).write_bytes(text)
    batch = read(
        "files",
        tmp_path / layout.name,
        symbol=layout.symbol,
        columns=layout.columns,
        dates=layout.dates,
        aliases=layout.aliases,
    )
    assert tuple(batch.bars) == layout.symbols
    assert batch.failures == {}
    bars = batch.bars[layout.symbols[0]]
    order = np.argsort(bars.day)
    assert [iso_day(int(d)) for d in bars.day[order]] == DAYS
    for name, values in {**RIGHT, **layout.also}.items():
        assert getattr(bars, name)[order].tolist() == pytest.approx(values, abs=1e-9), name
    for words in layout.notes:
        assert any(words in note for note in batch.notes), (words, batch.notes)
    assert not any("WARNING" in note for note in batch.notes), batch.notes


def parquet(columns_: dict[str, object]) -> bytes:
    pl = pytest.importorskip("polars")
    buffer = io.BytesIO()
    pl.DataFrame(columns_).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("levels", ["('{p}', 'AAA')", "('AAA', '{p}')", "{p}_AAA", "AAA {p}"])
def test_two_levels_of_columns_in_parquet_are_one_symbol_each(levels: str, tmp_path: Path) -> None:
    data: dict[str, object] = {"Date": DAYS}
    data |= {levels.format(p=name.title()): values for name, values in RIGHT.items()}
    (tmp_path / "p.parquet").write_bytes(parquet(data))
    bars = read("files", tmp_path / "p.parquet").bars["AAA"]
    for name, values in RIGHT.items():
        assert getattr(bars, name).tolist() == values


def test_freds_own_files_are_macro_series(tmp_path: Path) -> None:
    (tmp_path / "DGS3MO.csv").write_text("observation_date,DGS3MO\n2020-01-01,.\n2020-01-02,1.54\n2020-01-03,1.52\n")
    (tmp_path / "many.csv").write_text("DATE,DGS2,DGS10\n2020-01-02,1.58,1.88\n2020-01-03,,1.80\n")
    batch = read("files", tmp_path)
    assert {k: v.value.tolist() for k, v in batch.macro.items()} == {
        "DGS10": [1.88, 1.80], "DGS2": [1.58], "DGS3MO": [1.54, 1.52],
    }  # fmt: skip
    assert read("files", tmp_path / "DGS3MO.csv", symbol="DGS3MO").macro["DGS3MO"].value.tolist() == [1.54, 1.52]


HEAD = "Date,Open,High,Low,Close,Volume\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "03/04/2020,1,1,1,1,1\n05/06/2020,1,1,1,1,1\n", ["2020-04-03 (day first)", "2020-03-04 (month first)", "--dates dmy"]),
        (HEAD + "2020-01-02,\"1,234\",\"1,300\",\"1,200\",\"1,250\",5\n", ["'1,234', which is 1234 or 1.234", "--decimal"]),
        ("Date,SPY,QQQ\n2020-01-02,1,2\n", ["lacks open, high, low, close", "series, date, value"]),
        ('{"Error Message": "Invalid API call"}', ["JSON", "Error Message"]),
        ("<!DOCTYPE html>\n<html>Too many requests", ["web page", "DOCTYPE"]),
        ("<?xml version='1.0'?><a/>", ["XML"]),
        ("Too Many Requests\n", ["lacks date", "Too Many Requests"]),
        ("PK\x03\x04rest", ["ZIP archive or an Excel workbook"]),
        ("%PDF-1.7", ["PDF"]),
        ("2020-01-02,1,1,1,1,1\n", ["has no line that names its columns", "--columns date,open"]),
        (HEAD.replace("Close", "Close (EUR)") + "2020-01-02,1,1,1,1,1\n", ["prices in EUR, not USD", "Convert"]),
        (HEAD.replace("\n", ",Currency\n") + "2020-01-02,1,1,1,1,1,GBX\n", ["prices of AAA in 'GBX', not USD"]),
        (HEAD + "2020-01-02 09:30,1,1,1,1,1\n2020-01-02 10:00,1,1,1,1,1\n2020-01-02 10:30,1,1,1,1,1\n", ["intraday bars of AAA, one every 30 minutes", "3 rows on 1 dates"]),
        (HEAD + "".join(f"2020-01-02,1,1,1,1.{i},1\n" for i in range(7)), ["intraday bars of AAA"]),
        (HEAD + "".join(f"2020-01-{i + 1:02d} {9 + i % 7}:3{i % 3},1,1,1,1,1\n" for i in range(28)), ["AAA at many times of day"]),
        (HEAD.replace("Volume", "div_cash") .replace("\n", ",Ex-Dividend\n") + "2020-01-02,1,1,1,1,1,1\n", ["two columns that may be dividend"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_for_what_it_is(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        read("files", tmp_path / "p.csv", symbol="AAA")
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("header", "cell", "warned"),
    [
        ("Distribution", "0.25", True),
        ("DVD_SH_12M div", "0.25", True),
        ("CFACPR", "0.5", True),
        ("as_traded_close", "20", True),
        ("Payout", "0", False),
        ("Distribution", "", False),
        ("Remarks", "sold", False),
    ],
)
def test_a_column_that_may_carry_money_is_never_left_out_without_a_word(
    header: str, cell: str, warned: bool, tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text(HEAD.replace("\n", f",{header}\n") + f"2020-01-02,1,1,1,1,1,{cell}\n")
    notes = read("files", tmp_path / "p.csv", symbol="AAA").notes
    told = [n for n in notes if "WARNING" in n and header in n]
    assert bool(told) is warned
    quiet = read("files", tmp_path / "p.csv", symbol="AAA", columns=f"ignore={header}")
    assert not any(header in n for n in quiet.notes)


def test_dividend_adjusted_prices_beside_dividends_give_back_the_traded_ones(tmp_path: Path) -> None:
    """Forward by Yahoo's own rule, back by ours: close, open and dividends are the traded ones."""
    rng = np.random.default_rng(3)
    days = np.arange("2015-01-01", "2018-01-01", dtype="M8[D]")
    days = days[np.is_busday(days)]
    traded = np.round(50.0 * np.exp(np.cumsum(rng.normal(0, 0.01, days.size))), 4)
    cash = np.where(np.arange(days.size) % 63 == 60, np.round(traded * 0.02, 4), 0.0)
    factor = np.ones(days.size)
    for t in range(days.size - 1, 0, -1):
        factor[t - 1] = factor[t] * (1.0 - cash[t] / traded[t - 1])
    lines = ["Date,Open,High,Low,Close,Volume,Dividends,Stock Splits"]
    for d, p, c in zip(days, traded * factor, cash, strict=True):
        lines.append(f"{d} 00:00:00-05:00,{p},{p},{p},{p},5,{c},0.0")
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    batch = read("files", tmp_path / "p.csv", symbol="T")
    bars = batch.bars["T"]
    assert any("already adjusted for dividends" in n for n in batch.notes)
    np.testing.assert_allclose(bars.close, traded, rtol=1e-9)
    np.testing.assert_allclose(bars.open, traded, rtol=1e-9)
    np.testing.assert_allclose(bars.adj_close, traded * factor, rtol=1e-12)
    assert bars.dividend.tolist() == cash.tolist()
    plain = "\n".join(
        [
            lines[0],
            *(f"{d},{p},{p},{p},{p},5,{c},0.0" for d, p, c in zip(days, traded - np.cumsum(cash), cash, strict=True)),
        ]
    )
    (tmp_path / "q.csv").write_text(plain + "\n")  # the same layout over prices that do fall on the ex-dates
    kept = read("files", tmp_path / "q.csv", symbol="T")
    assert any("taken as traded" in n for n in kept.notes)
    np.testing.assert_allclose(kept.bars["T"].close, traded - np.cumsum(cash), rtol=1e-12)


def test_a_century_is_told_from_two_digits_beside_the_name_of_a_month() -> None:
    import polars as pl

    from plimsoll.market.providers import dates

    read = dates.days(pl.Series("date", ["02-Jan-68", "02-Jan-69", "29-Feb-24", "30-Feb-24"]))
    assert [None if d is None else iso_day(d) for d in read.day] == ["2068-01-02", "1969-01-02", "2024-02-29", None]


def test_a_dividend_of_a_day_without_a_bar_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "AAA.csv").write_text(
        "Date,Open,High,Low,Close,Volume\n2020-01-02,10.1,11.2,9.9,10.5,1000\n2020-01-03,0.3 Dividend,,,,\n"
        "2020-01-06,10.5,11.0,10.0,10.8,1200\n"
    )
    bars = read("files", tmp_path / "AAA.csv", symbol="AAA").bars["AAA"]
    np.testing.assert_array_equal(bars.dividend, [0.0, 0.3])


def test_bars_of_weeks_are_called_so(tmp_path: Path) -> None:
    days = [iso_day(18263 + 7 * i) for i in range(12)]
    rows = "".join(f"{d},10,11,9,10,1000\n" for d in days)
    (tmp_path / "AAA.csv").write_text("Date,Open,High,Low,Close,Volume\n" + rows)
    said = " ".join(read("files", tmp_path / "AAA.csv", symbol="AAA").notes)
    assert "the bars of AAA are 7 days apart" in said


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("Total Return Index", "adj_close=Total Return Index, or ignore="),
        ("Dividend Yield", "with --columns, ignore=Dividend Yield"),
        ("Cash Distribution", "dividend=Cash Distribution or split="),
    ],
)
def test_what_a_doubtful_column_may_be_said_to_be(header: str, says: str) -> None:
    assert says in columns.doubt([header])


def test_volume_in_coins_beside_volume_in_money_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT.csv").write_text(
        "open_time,open,high,low,close,volume,close_time,quote_volume\n"
        "1577923200000,10.1,11.2,9.9,10.5,1000,1578009599999,10400\n"
        "1578009600000,10.5,11.0,10.0,10.8,1200,1578095999999,12900\n"
    )
    found = read("files", tmp_path / "BTCUSDT.csv", symbol="BTCUSDT")
    assert any("WARNING: volume was taken from volume, and quote_volume is left out" in note for note in found.notes)
    found = read("files", tmp_path / "BTCUSDT.csv", symbol="BTCUSDT", columns="volume=quote_volume")
    assert next(iter(found.bars.values())).volume.tolist() == [10400.0, 12900.0]
    assert not any("WARNING" in note for note in found.notes)


def test_what_is_left_out_of_a_macro_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "DGS3MO.csv").write_text(
        "From FRED\nrealtime_start,realtime_end,date,value\n2024-01-05,2024-01-05,2020-01-02,1.54\n"
        "realtime_start,realtime_end,date,value\n2024-01-05,2024-01-05,2020-01-03,1.52\n"
    )
    found = read("files", tmp_path / "DGS3MO.csv", symbol="DGS3MO")
    assert found.macro["DGS3MO"].value.tolist() == [1.54, 1.52]
    for words in ("1 lines above the header", "1 lines that repeat", "ignored columns realtime_start, realtime_end"):
        assert any(words in note for note in found.notes), (words, found.notes)


BANK = "Datum;Erster;Hoch;Tief;Schlusskurs;{}\n14.08.2026;778,54;778,80;775,43;776,34;{}\n"


@pytest.mark.parametrize(
    ("columns", "cells", "volume", "said"),
    [
        (
            "Stücke;Volumen",
            "31.332.500;24.324.673.891",
            31332500.0,
            "volume was taken from Stücke as units, and Volumen",
        ),
        ("Volumen", "24.324.673.891", 24324673891.0, "Volumen was taken for the units traded. Where it is turnover"),
        ("Stücke", "31.332.500", 31332500.0, ""),
    ],
)
def test_turnover_does_not_pass_for_units_without_a_word(
    columns: str, cells: str, volume: float, said: str, tmp_path: Path
) -> None:
    (tmp_path / "SPY.csv").write_bytes(BANK.format(columns, cells).encode("cp1252"))
    batch = read("files", tmp_path)
    assert batch.bars["SPY"].volume.tolist() == [volume]
    assert any(said in n for n in batch.notes) and any("WARNING" in n for n in batch.notes) == (";" in columns)


def test_volumes_named_after_what_they_count_are_offered_for_the_one_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "BTC-USD.csv").write_text("Date,Open,High,Low,Close,Volume BTC,Volume USDT\n2020-01-02,1,1,1,1,5,9\n")
    (note,) = (n for n in read("files", tmp_path).notes if "WARNING" in n)
    assert "Volume BTC, Volume USDT may be it" in note and '--columns "volume=Volume USDT"' in note


def test_a_date_with_two_digits_for_its_year_is_answered_with_the_format_that_reads_it(tmp_path: Path) -> None:
    for cell, form, offered in (
        ("14.08.26", "dmy", "--dates %d.%m.%y"),
        ("14.08.26", None, "--dates %d.%m.%y"),
        ("08/14/26", None, "--dates %m/%d/%y"),
        ("14/08/2026", "%d.%m.%y", "'14/08/2026' is not a date of the form %d.%m.%y (--dates). Correct the cell"),
    ):
        (tmp_path / "SPY.csv").write_text(f"Date,Open,High,Low,Close\n{cell},1,1,1,1\n")
        with pytest.raises(InputError) as refused:
            read("files", tmp_path, dates=form)
        assert offered in str(refused.value)


def test_german_investing_com_and_metastock_are_understood(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n"14.08.2026","776,34","778,54","778,80","775,43","31,33M","0,10%"\n'
    )
    (tmp_path / "B.csv").write_text(
        "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\nB,20010102,000000,64.3,64.3,64.3,64.3,4\n"
    )
    batch = read("files", tmp_path)
    assert not batch.failures
    a, b = batch.bars["A"], batch.bars["B"]
    assert (a.close[0], a.open[0], a.volume[0]) == (776.34, 778.54, 31.33e6)
    assert (iso_day(int(b.day[0])), b.volume[0]) == ("2001-01-02", 4.0)


def test_a_header_of_another_alphabet_is_shown_so_that_it_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text("Datum,Eröffn,Kurs\n2020-01-02,1,1\n")
    with pytest.raises(InputError, match="its columns are Datum, Eröffn, Kurs"):
        read("files", tmp_path / "A.csv")
    (tmp_path / "B.csv").write_bytes("日期,开盘\n2020-01-02,1\n".encode("gb2312"))
    with pytest.raises(InputError, match="save it as UTF-8 first"):
        read("files", tmp_path / "B.csv")


def test_a_table_in_json_is_told_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(
        "[[1514764800000, 1.0, 1.0, 1.0, 1.0, 5], [1514851200000, 1.0, 1.0, 1.0, 1.0, 5]]" * 3000
    )
    with pytest.raises(InputError, match="is not CSV but JSON"):
        read("files", tmp_path)
