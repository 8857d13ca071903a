"""The universe file, as a person writes it and gets it wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plimsoll.core.errors import InputError
from plimsoll.core.instrument import Instrument, Membership
from plimsoll.market import universe
from plimsoll.market.instruments import infer


def parsed(tmp_path: Path, text: str, name: str = "universe.yaml") -> tuple[Instrument, ...]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return universe.read(tmp_path / name)


def test_a_list_of_symbols_in_either_notation_keeps_its_order(tmp_path: Path) -> None:
    for text, name in (('["spy", "BTCUSDT", "^VIX"]', "u.json"), ("- spy\n- BTCUSDT\n- ^VIX\n", "u.yml")):
        assert [i.symbol for i in parsed(tmp_path, text, name)] == ["SPY", "BTC-USD", "^VIX"]


def test_an_entry_says_everything_it_may(tmp_path: Path) -> None:
    text = """
AAPL:
  kind: stock
  sector: Information Technology
  max_weight: 0.08
  volatility_target: 0.25
  stop: 0.12
  members: [{start: 1982-11-30, end: "1999-12-31"}, {start: 2001-01-02}]
BTC-USD: {lot: 0.001, volume_unit: units, aliases: {kraken: XBT/USD}}
^VIX: {calendar: XNYS}
"""
    apple, bitcoin, vix = parsed(tmp_path, text)
    assert (apple.kind, apple.sector, apple.max_weight, apple.volatility_target, apple.stop) == (
        "stock",
        "Information Technology",
        0.08,
        0.25,
        0.12,
    )
    assert apple.members == (Membership("1982-11-30", "1999-12-31"), Membership("2001-01-02", None))
    assert (bitcoin.lots_per_unit, bitcoin.volume_unit, bitcoin.aliases) == (1000, "units", {"kraken": "XBT/USD"})
    assert (vix.kind, vix.calendar) == ("index", "XNYS")


def test_a_plain_symbol_follows_the_profile_unless_it_says_itself(tmp_path: Path) -> None:
    path = tmp_path / "u.json"
    path.write_text('{"AAPL": {}, "SPY": {"kind": "fund"}}')
    assert [i.kind for i in universe.read(path)] == ["plain", "fund"]  # what a run's policy says it is (D2)
    assert [i.kind for i in universe.read(path, plain_symbols_are="stock")] == ["stock", "fund"]


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    given = (
        infer("SPY", "fund"),
        infer("BTC-USD", "fund"),
        Instrument("AAPL", "stock", "XNYS", sector="Tech", max_weight=0.1, members=(Membership("2000-01-03", None),)),
        Instrument("ETH-USD", "crypto", "24/7", lots_per_unit=1000, volume_unit="units"),
    )
    path = tmp_path / "universe.json"
    universe.write(path, given, derived=True)
    assert universe.read(path) == given
    assert '"derived": true' in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["universe.json"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SPY: {kind: crypto}", ["SPY", "crypto", "stock or a fund"]),
        ("BTC-USD: {kind: stock}", ["BTC-USD", "stock", "crypto"]),
        ("^VIX: {kind: fund}", ["^VIX", "fund", "index"]),
        ("SPY: {kind: etf}", ["kind of SPY", "'etf'"]),
        ("SPY: {maxweight: 0.1}", ["SPY", "unknown key 'maxweight'", "max_weight"]),
        ("SPY: {max_weight: 15}", ["max_weight of SPY", "15", "0.15 is 15 %"]),
        ("SPY: {max_weight: .nan}", ["max_weight of SPY", "nan"]),
        ("SPY: {max_weight: '0.1'}", ["max_weight of SPY", "str"]),
        ("SPY: {stop: -0.1}", ["stop of SPY"]),
        ("SPY: {stop: true}", ["stop of SPY", "bool"]),
        ("SPY: {lot: 0.3}", ["lot of SPY", "whole part"]),
        ("SPY: {lot: 100}", ["lot of SPY"]),
        ("SPY: {calendar: LSE}", ["calendar of SPY", "XNYS"]),
        ("SPY: {volume_unit: shares}", ["volume_unit of SPY", "quote"]),
        ("SPY: {sector: 5}", ["sector of SPY"]),
        ("SPY: {members: [{start: 2020-02-30}]}", ["day is out of range"]),
        ("SPY: {members: [{start: '2020-02-30'}]}", ["membership date of SPY", "2020-02-30"]),
        ("SPY: {members: [{start: 2020-01-02, end: 2019-01-02}]}", ["before they start"]),
        ("SPY: {members: [{start: 2020-01-02}, {start: 2021-01-04}]}", ["overlap"]),
        ("SPY: {members: [{since: 2020-01-02}]}", ["unknown key 'since'"]),
        ("SPY: {members: 2020-01-02}", ["members of SPY"]),
        ("SPY: {aliases: {alpaca: QQQ}}\nQQQ:", ["QQQ", "SPY"]),
        ("VOD.L: {currency: GBp}", ["currency of VOD.L", "'GBp'", "USD"]),
        ("SPY: {currency: [USD]}", ["currency of SPY", "list"]),
        ("SPY: {tick: 0.01}", ["tick of SPY", "cannot be used"]),
        ("GC=F: {multiplier: 100}", ["multiplier of GC=F", "cannot be used"]),
        ("SPY: [1, 2]", ["entry of SPY", "list"]),
        ("SPY:\nSPY:\n", ["duplicate key", "line 2"]),
        ("BTC-USD:\nBTCUSDT:\n", ["BTC-USD is given twice"]),
        ("BRK.B:\nBRK-B:\n", ["BRK-B is given twice"]),
        ("true: {}", ["True (bool)", "quotes"]),
        ("- 1e3", ["1000.0", "quotes"]),
        ("- ../x", ["not a symbol"]),
        ("\tSPY:", ["not YAML", "line 1"]),
        ("SPY", ["'SPY'", "list of symbols"]),
        ("[]", ["no symbols"]),
        ("{}", ["no symbols"]),
        ("   \n", ["empty"]),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", ["entry of A"]),
        ("{universe: [SPY], deriven: true}", ["unknown key 'deriven'"]),
    ],
)
def test_a_mistake_is_named_with_its_symbol_and_value(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parsed(tmp_path, text)
    for word in ("universe.yaml", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"SPY": {}, "SPY": {}}', "given twice"),
        ('{"SPY": {"stop": 0.1, "stop": 0.2}}', "'stop' is given twice"),
        ('["SPY",]', "line 1, column"),
        ("[" * 100_000, "not JSON|nested"),
        ('{"SPY": {"max_weight": NaN}}', "max_weight of SPY"),
    ],
)
def test_a_mistake_in_json_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parsed(tmp_path, text, "u.json")


def test_files_that_cannot_be_universes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        universe.read(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="is a folder"):
        universe.read(tmp_path)
    (tmp_path / "latin.json").write_bytes('["SOCIÉTÉ"]'.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        universe.read(tmp_path / "latin.json")


def test_ten_thousand_symbols_are_read(tmp_path: Path) -> None:
    names = [f"S{i:05d}" for i in range(10_000)]
    text = "[" + ", ".join(f'"{n}"' for n in names) + "]"
    assert [i.symbol for i in parsed(tmp_path, text, "u.json")] == names


def test_a_pipe_or_a_device_is_no_universe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
        with pytest.raises(InputError, match="no plain file"):
            universe.read(path)
