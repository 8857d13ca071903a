"""The regime as text: probabilities, outlook, VIX and its age, matrices, and forecast accuracy (R8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from plimsoll.cli.render.console import SYNTHETIC, console, figure, percent, table

if TYPE_CHECKING:
    from plimsoll.reports.forecast_scores import Score
    from plimsoll.reports.regime import RegimeReport

_FORECASTS = {"crisis": "P(crisis) at the horizon", "passage": "P(crisis) within it"}


def render_regime(found: RegimeReport) -> None:
    """The day first, then its inputs, then forecast accuracy."""
    out = console()
    if found.synthetic:
        out.print(SYNTHETIC)
    out.print(
        f"session {found.session}   snapshot {found.snapshot[:16]}   policy {found.policy[:16]} ({found.profile})\n"
    )
    shares = "   ".join(f"{s} {percent(p)}" for s, p in zip(found.states, found.belief, strict=True))
    out.print(f"belief   {shares}")
    out.print(
        f"crisis   {percent(found.crisis)} in {found.outlook} sessions, {percent(found.passage)} at any session up to "
        f"then; restrains new risk above {percent(found.crisis_on, 0)}, until below {percent(found.crisis_off, 0)}"
    )
    if found.vix is not None:
        out.print(f"VIX      {figure(found.vix)}, of this session")
    elif found.last_vix is not None:
        old = found.last_vix
        out.print(f"VIX      none on this session; last {figure(old.close)} on {old.session}, {old.age} sessions old")
    else:
        out.print("VIX      none")
    out.print(f"source   {found.source}, {figure(found.vix_or_proxy)} points")
    for note in found.notes:
        out.print(f"note     {escape(note)}")
    rows = table("estimate", "from", *(f"to {s}" for s in found.states), right=(2, 3, 4))
    for name, matrix in found.matrices.items():
        for i, state in enumerate(found.states):
            rows.add_row("" if i else name, state, *(percent(p, 2) for p in matrix[i]))
    rows.title = f"Moves in one session, by estimate; in use: {found.matrix}"
    out.print(rows)
    _calibration(found.calibration)


def _calibration(scores: tuple[Score, ...]) -> None:
    out = console()
    if not scores:
        out.print("calibration: nothing to score, no forecast was made from VIX")
        return
    rows = table(
        "", "sessions", "apart", "episodes", "said", "came", "Brier", "of base rate", "skill",
        title="Calibration: each session's probability and the outcome", right=tuple(range(1, 9)),
    )  # fmt: skip
    for n, s in enumerate(scores, 1):
        rows.add_row(
            f"{n}", f"{s.sessions}", f"{s.apart}", f"{s.episodes}", percent(s.mean_forecast), percent(s.base_rate),
            figure(s.brier, 4), figure(s.brier_base, 4), percent(s.skill),
        )  # fmt: skip
    out.print(rows)
    for n, s in enumerate(scores, 1):
        out.print(f"{n}  {_FORECASTS[s.forecast]}, {s.horizon} sessions, against {escape(s.means)}; {_span(s)}")
    out.print(
        "\nWindows of neighbouring sessions overlap: 'apart' of them do not, and the outcome came in 'episodes' "
        "separate stretches. Skill is over always saying 'came', which nobody knew beforehand."
    )
    for n, s in enumerate(scores, 1):
        if not s.reliability:
            continue
        tenths = table("forecast", "sessions", "said", "came", title=f"Reliability of {n}", right=(1, 2, 3))
        for t in s.reliability:
            span = f"{percent(t.low, 0)} to {percent(t.high, 0)}"
            tenths.add_row(span, f"{t.sessions}", percent(t.forecast), percent(t.observed))
        out.print(tenths)


def _span(score: Score) -> str:
    return f"{score.first} to {score.last}" if score.sessions else "no session has both a forecast and an outcome"
