"""The page around a report: nothing unescaped, nothing from a network, assets as they were recorded."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from plimsoll.reports.charts.drawing import ChartData
from plimsoll.reports.page import markup as page

EVIL = '<script>alert("&")</script>'


def test_every_text_is_escaped_where_it_is_placed() -> None:
    whole = page.page(
        EVIL,
        page.tag("p", EVIL, title=EVIL),
        [
            ("one", EVIL, page.section("one", EVIL, page.tag("p", EVIL))),
            ("two", "two", page.table(EVIL, (EVIL,), [(EVIL, page.Cell(EVIL, EVIL))])),
            ("three", "three", page.plot("x", EVIL, EVIL)),
            ("four", "four", page.histogram([page.HistogramBin(EVIL, 1, False)], EVIL, EVIL, [(EVIL, 0.5)])),
            ("five", "five", page.columns([EVIL], [[0.1, -0.1]], [EVIL, EVIL], EVIL, EVIL)),
            ("six", "six", page.part("p", EVIL, EVIL, page.tag("p", EVIL))),
        ],
        EVIL,
        ChartData([1], []),
    )
    assert "alert(" in whole and "<script>alert" not in whole


def test_data_cannot_close_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    from plimsoll.reports.charts.drawing import Chart, Series

    chart = Chart("c", "line", "plain", 1, [Series("</script><b>", [1], 1.0, "accent")])
    whole = page.page("t", "h", [], "f", ChartData([1], [chart]))
    assert "</script><b>" not in whole and "\\u003c/script>\\u003cb>" in whole


def test_the_policy_of_the_page_allows_exactly_its_own_style_and_scripts() -> None:
    whole = page.page("t", "h", [], "f", ChartData([1], []))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', whole)
    assert policy is not None and policy[1].startswith("default-src 'none'; ")
    inline = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", whole, re.DOTALL)
    assert len(inline) == 3
    for content in inline:
        assert base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() in policy[1]
    assert policy[1].count("sha256-") == 3 and "unsafe" not in policy[1]
    assert ' style="' not in whole and not re.search(r' on\w+="', whole)


def test_the_page_names_no_address() -> None:
    whole = page.page("t", "h", [], "f", ChartData([1], []))
    assert not re.search(r"(?:src|href)=\"(?!#)", whole)
    assert not re.search(r"@import|url\(", whole)


def test_vendored_files_are_those_of_the_record() -> None:
    folder = Path(str(page.ASSETS))
    recorded = dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.M))
    vendored = {p.name for p in folder.iterdir()} - {"README.md", "report.css", "report.js"}
    assert recorded.keys() == vendored == {"uPlot.iife.min.js", "uPlot.min.css", "LICENSE.uPlot"}
    for name, digest in recorded.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "MIT License" in (folder / "LICENSE.uPlot").read_text()


def test_a_sum_is_the_last_row_only() -> None:
    made = page.table("c", ("a", page.n("b")), [("x", page.n("1")), ("y", page.n("2"))], total=True)
    assert made.count('class="sum"') == 1 and '<tr class="sum"><th scope="row">y</th>' in made


def test_bars_show_direction_and_size() -> None:
    assert 'class="gain" x="45.0" y="1" width="22.0"' in page.bar(1.0, 2.0)
    assert 'class="loss" x="1.0" y="1" width="44.0"' in page.bar(-2.0, 2.0)
    assert 'width="0.0"' in page.bar(0.0, 0.0)
