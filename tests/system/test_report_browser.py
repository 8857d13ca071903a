"""A report in a real browser: drawn, quiet, alone, at two widths and in both schemes, on screen and paper.

Needs Playwright and a Chromium of the system (``PLIMSOLL_CHROMIUM`` or on PATH); skipped, visibly, without.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """One command in its own process."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    command = [sys.executable, "-m", "plimsoll", "--home", str(home), *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def home(traded: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one backtest of a synthetic market."""
    return traded(tmp_path_factory.mktemp("report") / "home")


@pytest.fixture(scope="module")
def report(home: Path) -> Path:
    done = run("report", "--json", home=home)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    path = Path(told["path"])
    assert path.stat().st_size == told["bytes"] < 3_000_000
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = os.environ.get("PLIMSOLL_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on PATH; install one or set PLIMSOLL_CHROMIUM")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


class Seen:
    """A page with what it said and asked for."""

    def __init__(self, browser: Any, report: Path, size: str, scheme: str, **given: Any) -> None:
        width, height = SIZES[size]
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **given)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(report.as_uri())

    def until(self, expression: str, given: Any = None) -> None:
        """Ask until it is so: the page's own policy forbids the eval by which ``wait_for_function`` looks again."""
        while not self.page.evaluate(expression, given):
            pass

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


# what each canvas shows; an empty one of its size for comparison
INK = "() => [...document.querySelectorAll('canvas')].map(c => c.toDataURL())"
INKED = """() => [...document.querySelectorAll('canvas')].map(c => {
  const empty = document.createElement('canvas'); empty.width = c.width; empty.height = c.height;
  return c.toDataURL() !== empty.toDataURL(); })"""
CHANGED = "before => [...document.querySelectorAll('canvas')].every((c, i) => c.toDataURL() !== before[i])"

# the lowest contrast of any text against its nearest painted ground, as WCAG 2 defines it
CONTRAST = """() => {
  const parse = s => (s.match(/[\\d.]+/g) || []).map(Number);
  const curve = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const f = c.slice(0, 3).map(v => curve(v / 255));
    return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  let worst = [99, ''];
  for (const e of document.querySelectorAll('main *, header *, nav a, footer *')) {
    if (!e.getClientRects().length || e.closest('.plot, svg, caption')) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 40)];
  }
  return worst; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_draws_every_figure_without_a_word_or_a_request(browser: Any, report: Path, size: str, scheme: str) -> None:
    with Seen(browser, report, size, scheme) as seen:
        folded = int(seen.page.evaluate("document.documentElement.dataset.drawn"))
        assert folded == len(seen.page.evaluate(INKED)) >= 3
        seen.page.get_by_role("button", name="Open all").click()
        drawn = seen.page.evaluate("document.documentElement.dataset.drawn")
        inked = seen.page.evaluate(INKED)
        assert int(drawn) == len(inked) >= 10 > folded and all(inked)
        assert seen.said == []
        assert seen.asked == [report.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_the_screen_and_can_be_read(browser: Any, report: Path, size: str, scheme: str) -> None:
    with Seen(browser, report, size, scheme) as seen:
        for unfolded in (False, True):
            if unfolded:
                seen.page.get_by_role("button", name="Open all").click()
            assert seen.page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
        bar = seen.page.locator("nav ul")
        assert bar.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert bar.locator("a").evaluate_all("all => all.every(a => a.getBoundingClientRect().right <= innerWidth)")
        ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(", "))) < 200) == (scheme == "dark")
        worst, where = seen.page.evaluate(CONTRAST)
        assert worst >= 4.5, where
        body = seen.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
        assert body >= 14


def test_the_first_screen_says_what_it_is_and_what_came_of_it(browser: Any, report: Path) -> None:
    for size, (_, height) in SIZES.items():
        with Seen(browser, report, size, "light") as seen:
            assert seen.page.get_by_text("SYNTHETIC DATA").is_visible()
            card = seen.page.locator(".cards li").last.bounding_box()
            assert card["y"] + card["height"] < height
            if size == "desktop":  # curves and evidence too
                for what in ("#equity", "#falls", "aside"):
                    box = seen.page.locator(what).bounding_box()
                    assert box["y"] + box["height"] < height, what


def test_a_link_opens_the_part_it_leads_to(browser: Any, report: Path) -> None:
    with Seen(browser, report, "desktop", "light") as seen:
        proof = seen.page.locator("#proof")
        assert proof.get_attribute("open") is None
        seen.page.get_by_role("link", name="Reproduce").click()
        seen.until("document.getElementById('proof').open")
        assert proof.get_by_text("plimsoll audit verify").is_visible() and seen.said == []


def test_a_crisis_button_sets_every_figure_to_its_span(browser: Any, report: Path) -> None:
    with Seen(browser, report, "desktop", "light") as seen:
        before = seen.page.evaluate(INK)
        button = seen.page.get_by_role("button", name="Last year")
        button.click()
        seen.until(CHANGED, before)
        assert button.get_attribute("aria-pressed") == "true"
        assert seen.page.get_by_role("button", name="All", exact=True).get_attribute("aria-pressed") == "false"
        assert seen.said == []


def test_a_change_of_scheme_is_followed(browser: Any, report: Path) -> None:
    with Seen(browser, report, "desktop", "light") as seen:
        before = seen.page.evaluate(INK)
        seen.page.emulate_media(color_scheme="dark")
        seen.until(CHANGED, before)
        assert all(seen.page.evaluate(INKED)) and seen.said == []


def test_paper_is_light_complete_and_without_controls(browser: Any, report: Path) -> None:
    with Seen(browser, report, "desktop", "dark") as seen:
        seen.page.emulate_media(media="print")
        seen.until("document.documentElement.dataset.paper === 'yes'")
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not seen.page.locator("nav").is_visible() and not seen.page.locator(".zoom").is_visible()
        assert seen.page.evaluate("[...document.querySelectorAll('details')].every(d => d.open)")
        assert all(seen.page.evaluate(INKED))
        seen.page.emulate_media(media="screen")
        sheet = seen.page.pdf(format="A4")
        assert sheet.startswith(b"%PDF") and seen.said == []


def test_without_scripts_every_table_stands(browser: Any, report: Path) -> None:
    with Seen(browser, report, "desktop", "light", java_script_enabled=False) as seen:
        assert seen.page.locator("table").count() >= 15
        assert "Figures need JavaScript" in seen.page.content()


def test_it_is_written_where_it_is_asked_for(home: Path, tmp_path: Path, report: Path) -> None:
    wanted = tmp_path / "new" / "mine.html"
    done = run("report", "--run", report.stem, "--output", str(wanted), home=home)
    assert done.returncode == 0 and done.stdout.strip() == str(wanted)
    assert wanted.read_bytes() == report.read_bytes()


def test_a_run_that_is_not_there_is_a_usage_error(home: Path) -> None:
    done = run("report", "--run", "nothing", home=home)
    assert done.returncode == 2 and "There is no run 'nothing'" in done.stderr


def test_a_backtest_pays_nothing_for_the_report_the_governor_and_the_checks_of_data() -> None:
    code = "import plimsoll.app, plimsoll.reports.result, plimsoll.engine.recorded, plimsoll.market.status\n"
    code += "import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {m.removeprefix("plimsoll.reports.") for m in done.stdout.split() if m.startswith("plimsoll.reports.")}
    of_pages = {
        "charts",
        "gather",
        "html",
        "material",
        "overview",
        "page",
        "recorded",
        "returns",
        "tables",
        "tails",
        "trades",
    }
    assert "result" in loaded and not loaded & of_pages
    assert not [m for m in done.stdout.split() if m.startswith(("plimsoll.governor.", "plimsoll.market.quality"))]
