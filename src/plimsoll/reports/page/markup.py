"""Markup of the report: everything escaped, assets embedded, no request to any network.

The policy in the page's head allows exactly the style and the two scripts it carries, by hash, and no request to
anywhere, so that a report can be mailed, archived and served under any stricter policy.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

import msgspec

from plimsoll.reports.charts.drawing import ChartData

ASSETS = files("plimsoll.reports") / "assets"
TEMPLATES = files("plimsoll.reports") / "templates"


class Html(str):
    """Markup that is safe as it stands; every other text is escaped where it is placed."""

    __slots__ = ()


def text(value: str) -> Html:
    """Any text as markup: ``Html`` as it stands, everything else escaped."""
    return value if isinstance(value, Html) else Html(escape(value))


def join(parts: Iterable[str]) -> Html:
    """Parts one after the other."""
    return Html("\n".join(text(p) for p in parts if p))


def tag(name: str, *content: str, **attributes: str) -> Html:
    """An element; a trailing underscore of an attribute's name is dropped and the others become hyphens."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items() if value
    )
    return Html(f"<{name}{given}>{''.join(text(c) for c in content)}</{name}>")


class Cell(msgspec.Struct, frozen=True):
    """A table's cell with a class: ``n`` a number, ``w`` words, ``d`` a date, and tones."""

    content: str
    kind: str = ""


Line = tuple[str | Cell, ...]


def n(content: str, tone: str = "") -> Cell:
    """A number's cell."""
    return Cell(content, f"n {tone}".strip())


def table(
    caption: str,
    head: Sequence[str | Cell],
    rows: Iterable[Sequence[str | Cell]],
    *,
    kind: str = "",
    total: bool = False,
) -> Html:
    """A table with a caption; the first cell of a row names it, and with ``total`` the last row is a sum.

    A head cell takes the class of its own ``Cell``, so numbers and their names align.
    """
    top = "".join(_cell("th", c, ' scope="col"') for c in head)
    body = [tuple(row) for row in rows]
    lines = []
    for i, row in enumerate(body):
        cells = _cell("th", row[0], ' scope="row"') + "".join(_cell("td", c, "") for c in row[1:])
        lines.append(f'<tr class="sum">{cells}</tr>' if total and i == len(body) - 1 else f"<tr>{cells}</tr>")
    return _filled("table", caption=caption, style=f"t {kind}".strip(), head=Html(top), rows=Html("".join(lines)))


def _cell(name: str, cell: str | Cell, scope: str) -> str:
    found = cell if isinstance(cell, Cell) else Cell(cell)
    kind = f' class="{escape(found.kind)}"' if found.kind else ""
    return f"<{name}{scope}{kind}>{text(found.content)}</{name}>"


def bar(value: float, largest: float) -> Html:
    """A small bar from the middle, right for a gain; for the eye only, the number stands beside it."""
    size = 0.0 if largest <= 0.0 else min(abs(value) / largest, 1.0) * 44.0
    left = 45.0 if value >= 0.0 else 45.0 - size
    return Html(
        '<svg class="bar" viewBox="0 0 90 10" width="90" height="10" aria-hidden="true">'
        f'<rect class="{"gain" if value >= 0.0 else "loss"}" x="{left:.1f}" y="1" width="{size:.1f}" height="8"/>'
        '<path class="zero" d="M45 0v10"/></svg>'
    )


class HistogramBin(msgspec.Struct, frozen=True):
    """A column of a histogram: the label under it, its count, and whether it is of losses."""

    label: str
    count: int
    loss: bool


def histogram(
    bins: Sequence[HistogramBin],
    caption: str,
    alt: str,
    marks: Sequence[tuple[str, float]] = (),
    *,
    counted: bool = True,
) -> Html:
    """Counts as columns, each with its count above it if ``counted``; ``marks`` are (name, where) from 0 left to 1."""
    most = max((b.count for b in bins), default=1) or 1
    step = 720.0 / max(len(bins), 1)
    parts = []
    for i, one in enumerate(bins):
        height, x, middle = one.count / most * 120.0, i * step, (i + 0.5) * step
        parts.append(
            f'<rect class="{"loss" if one.loss else "gain"}" x="{x + 1:.1f}" y="{140 - height:.1f}" '
            f'width="{step - 2:.1f}" height="{height:.1f}"/>'
            f'<text x="{middle:.1f}" y="156">{escape(one.label)}</text>'
            + (f'<text x="{middle:.1f}" y="{136 - height:.1f}">{one.count}</text>' if one.count and counted else "")
        )
    for i, (name, at) in enumerate(marks):
        parts.append(
            f'<path class="mark" d="M{at * 720:.1f} {28 + 16 * i}V140"/>'
            f'<text class="mark" x="{at * 720 - 4:.1f}" y="{36 + 16 * i}">{escape(name)}</text>'
        )
    return _drawing("".join(parts), 162, caption, alt)


_INKS = ("own", "other")


def columns(
    labels: Sequence[str], sets: Sequence[Sequence[float]], names: Sequence[str], caption: str, alt: str
) -> Html:
    """Groups of up to two bars from a common zero, a group a label; ``sets`` hold a value a name, fractions."""
    values = [v for group in sets for v in group]
    low, high = min([0.0, *values]), max([0.0, *values])
    scale = 150.0 / ((high - low) or 1.0)
    zero, step = 12.0 + high * scale, 720.0 / max(len(labels), 1)
    parts = []
    for i, (label, group) in enumerate(zip(labels, sets, strict=True)):
        width = step * 0.8 / len(group)
        for k, v in enumerate(group):
            top, tall = (zero - v * scale if v > 0 else zero), abs(v) * scale
            parts.append(
                f'<rect class="{_INKS[k]}" x="{i * step + step * 0.1 + k * width:.1f}" y="{top:.1f}" '
                f'width="{width - 0.6:.1f}" height="{tall:.1f}"><title>{escape(f"{names[k]} {label}: {v:.1%}")}</title>'
                "</rect>"
            )
        parts.append(f'<text x="{(i + 0.5) * step:.1f}" y="178">{escape(label[-2:] if step < 40 else label)}</text>')
    parts.append(f'<path class="zero" d="M0 {zero:.1f}H720"/>')
    keys = join(tag("li", tag("i", class_=f"k-{ink}"), name) for ink, name in zip(_INKS, names, strict=False))
    return join([_drawing("".join(parts), 184, caption, alt), tag("ul", keys, class_="keys")])


def _drawing(parts: str, height: int, caption: str, alt: str) -> Html:
    return _filled("drawing", height=str(height), alt=alt, parts=Html(parts), caption=caption)


def plot(id_: str, caption: str, alt: str) -> Html:
    """A figure drawn in the browser: ``alt`` says in words what it shows, for those who cannot see it."""
    return _filled("plot", id=id_, alt=alt, caption=caption)


def section(id_: str, title: str, *content: str) -> Html:
    """A section with its heading."""
    return _filled("section", id=id_, title=title, content=join(content))


def part(id_: str, title: str, said: str, *content: str, shown: bool = False) -> Html:
    """A part of a section: its title and, in a line, what it says; the rest is folded away unless ``shown``.

    Print opens every part, and so does a link to it or to something inside it.
    """
    state = " open" if shown else ""
    return _filled("part", id=id_, state=state, title=title, said=said, content=join(content))


def page(title: str, header: str, sections: Sequence[tuple[str, str, Html]], footer: str, book: ChartData) -> str:
    """The whole document; ``sections`` are (id, name in the navigation, markup)."""
    style = f"{_asset('uPlot.min.css')}\n{_asset('report.css')}"
    scripts = (_asset("uPlot.iife.min.js"), _asset("report.js"))
    policy = (
        "default-src 'none'; "
        f"style-src '{_source(style)}'; script-src {' '.join(repr(_source(s)) for s in scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )
    figures = msgspec.json.encode(book).decode().replace("<", "\\u003c")
    links = "".join(f'<li><a href="#{escape(i)}">{escape(name)}</a></li>' for i, name, _ in sections)
    return _filled(
        "page",
        policy=Html(escape(policy, quote=False)),
        title=title,
        style=Html(style),
        header=header,
        links=Html(links),
        sections=join(m for _, _, m in sections),
        footer=footer,
        figures=Html(figures),
        library=Html(scripts[0]),
        script=Html(scripts[1]),
    )


def _filled(name: str, **values: str) -> Html:
    """A template with its values, each escaped unless it is markup."""
    return Html(_template(name).substitute({key: text(value) for key, value in values.items()}))


@cache
def _template(name: str) -> Template:
    """A template; the line end that closes a fragment's file is none of its own."""
    content = (TEMPLATES / f"{name}.html").read_text(encoding="utf-8")
    return Template(content if name == "page" else content.removesuffix("\n"))


def prose(name: str) -> str:
    """A text of the report with holes, for ``plimsoll.core.text_template``."""
    return (TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _source(content: str) -> str:
    """The content as a source of a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
