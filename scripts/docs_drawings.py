"""Drawings of the documentation, made from the code: files under ``docs/`` that pages show as pictures.

Plain SVG without script, font or anything from a network; it follows the reader's light or dark scheme.
"""

from __future__ import annotations

import math
from html import escape

from plimsoll.risk.modes import MODES, TRANSITIONS

WIDTH, HEIGHT = 640, 460
BOX = (116, 34)
STYLE = """
.box{fill:#fff;stroke:#37474f;stroke-width:1.5}.name{fill:#263238}.stricter{stroke:#b3541e}.freer{stroke:#2e6f9e}
.stricter-head{fill:#b3541e}.freer-head{fill:#2e6f9e}text{font:600 13px system-ui,sans-serif}
path{fill:none;stroke-width:1.4}
.note{font-weight:400;fill:#37474f}
@media (prefers-color-scheme:dark){.box{fill:#263238;stroke:#b0bec5}.name,.note{fill:#eceff1}
.stricter{stroke:#e59866}.freer{stroke:#7fb3d5}.stricter-head{fill:#e59866}.freer-head{fill:#7fb3d5}}
""".replace("\n", "")

Point = tuple[float, float]


def modes() -> str:
    """Every legal change of mode as an arrow: warm towards more restraint, cool towards less."""
    places = {
        mode: (
            WIDTH / 2 + 230 * math.cos(math.pi * (i / 3 - 5 / 6)),
            HEIGHT / 2 - 20 + 165 * math.sin(math.pi * (i / 3 - 5 / 6)),
        )
        for i, mode in enumerate(MODES)
    }
    strictness = {m: i for i, m in enumerate(("NORMAL", "CAUTION", "RECOVERY", "RESTRICTED", "HALTED", "LIQUIDATING"))}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_told()}">',
        f"<style>{STYLE}</style><defs>{_head('stricter')}{_head('freer')}</defs>",
    ]
    for before in MODES:
        for after in MODES:
            if after in TRANSITIONS[before] and after != before:
                kind = "stricter" if strictness[after] > strictness[before] else "freer"
                lines.append(_arrow(places[before], places[after], kind))
    for mode, (x, y) in places.items():
        left, top = x - BOX[0] / 2, y - BOX[1] / 2
        lines.append(
            f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>'
            f'<text class="name" x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle">{mode}</text>'
        )
    for y, kind, text in ((432, "stricter", "towards more restraint"), (450, "freer", "towards less")):
        lines.append(
            f'<path class="{kind}" d="M20 {y - 4}H52" marker-end="url(#{kind})"/>'
            f'<text class="note" x="64" y="{y}">{text}</text>'
        )
    lines.append(f'<text class="note" x="{WIDTH - 20}" y="450" text-anchor="end">a mode may always stay</text></svg>')
    return "\n".join(lines) + "\n"


def _told() -> str:
    """The drawing in words, for a reader who does not see it."""
    said = "; ".join(
        f"{mode} to {', '.join(n for n in MODES if n in TRANSITIONS[mode] and n != mode)}" for mode in MODES
    )
    return escape(f"Legal changes of mode: {said}")


def _head(kind: str) -> str:
    return (
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path class="{kind}-head" d="M0 0L8 4L0 8z" style="stroke:none"/></marker>'
    )


def _arrow(start: Point, end: Point, kind: str) -> str:
    """A curve that keeps to its right, so that both ways between two boxes can be told apart."""
    length = math.dist(start, end)
    across = ((start[1] - end[1]) / length, (end[0] - start[0]) / length)
    bend = 16 + 0.06 * length
    middle = ((start[0] + end[0]) / 2 + bend * across[0], (start[1] + end[1]) / 2 + bend * across[1])
    (ax, ay), (bx, by) = _edge(start, middle), _edge(end, middle)
    where = f"M{ax:.1f} {ay:.1f}Q{middle[0]:.1f} {middle[1]:.1f} {bx:.1f} {by:.1f}"
    return f'<path class="{kind}" d="{where}" marker-end="url(#{kind})"/>'


def _edge(centre: Point, towards: Point) -> Point:
    """Where the line from the centre of a box leaves it, a little outside."""
    x, y = towards[0] - centre[0], towards[1] - centre[1]
    share = min((BOX[0] / 2 + 3) / max(abs(x), 1e-9), (BOX[1] / 2 + 3) / max(abs(y), 1e-9))
    return centre[0] + share * x, centre[1] + share * y


DRAWINGS = {"modes.svg": modes}
