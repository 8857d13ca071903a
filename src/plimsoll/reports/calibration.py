"""How the regime's probabilities agreed with what VIX did afterwards (R8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.measures import calibration
from plimsoll.reports import words
from plimsoll.reports.material import Material
from plimsoll.reports.page import Html, Line, join, n, table, tag
from plimsoll.reports.words import count, figure, number, percent

Floats = NDArray[np.float64]
_EDGES = tuple(i / 10 for i in range(11))


def outcomes(vix: Floats, band: float, sessions: int) -> tuple[Floats, Floats]:
    """What came of a forecast made at each row but the last ``sessions``: 1.0, 0.0, or NaN where nobody can know.

    Parameters
    ----------
    vix : (T,)
        Closes in points, NaN where absent.
    band : float
        VIX at or above it is the crisis band, as the counted transitions have it.
    sessions : int
        Horizon.

    Returns
    -------
    at, within : (max(T - sessions, 0),)
        Whether VIX was in the band at the horizon; whether it was on the row or any up to the horizon. One crisis
        seen decides the second; without one it is known only if every row is.
    """
    rows = max(len(vix) - sessions, 0)
    crisis = np.where(np.isfinite(vix), vix >= band, np.nan)
    ahead = np.stack([crisis[k : k + rows] for k in range(sessions + 1)])
    seen = (ahead == 1.0).any(axis=0)
    within = np.where(seen, 1.0, np.where(np.isnan(ahead).any(axis=0), np.nan, 0.0))
    return ahead[-1], within


def agreement(m: Material) -> Html:
    """Brier score and reliability of both probabilities at the outlook's horizon."""
    ahead, band = m.policy.regime.outlook, m.policy.regime.bands[1]
    at, within = outcomes(m.run.vix, band, ahead)
    horizon = number(ahead, "session")
    return join(
        [
            tag("h3", "Calibration"),
            tag(
                "p",
                f"Each session's probability beside what VIX closed at afterwards; a crisis is VIX at {band:g} or "
                "above. Every forecast used only what was known at its own session, so but for the "
                "policy's constants all of this is out of sample; outcomes of neighbouring sessions overlap and are no "
                "independent trials. The Brier score is the mean "
                "squared error, 0 at best; skill compares it with saying the sample's own frequency every time.",
                class_="note",
            ),
            _forecast(m, f"P(crisis) {horizon} ahead", m.run.crisis, at, f"VIX {horizon} later"),
            _forecast(m, f"P(crisis) within {horizon}", m.run.passage, within, f"any VIX up to {horizon} later"),
        ]
    )


def _forecast(m: Material, name: str, said: Floats, came: Floats, against: str) -> Html:
    """One probability's score and table, or why there is none."""
    said = said[: came.size]
    known = np.isfinite(said) & np.isfinite(came)
    if not known.any():
        return tag("p", f"{name}: no session has both a forecast and an outcome.", class_="note")
    predicted, happened = said[known], came[known] == 1.0
    score, base = calibration.brier(predicted, happened), calibration.brier_of_base_rate(happened)
    skill = calibration.skill(predicted, happened)
    rows: list[Line] = [
        (
            f"{percent(b.low, 0)} to {percent(b.high, 0)}",
            n(count(b.sessions)),
            n(percent(b.predicted)),
            n(percent(b.observed)),
        )
        for b in calibration.reliability(predicted, happened, _EDGES)
    ]
    rows.append(
        ("All", n(count(predicted.size)), n(percent(float(predicted.mean()))), n(percent(float(happened.mean()))))
    )
    better = words.ABSENT if skill != skill else percent(skill)
    left = int(np.count_nonzero(~known)) + len(m.dates) - came.size
    return join(
        [
            tag(
                "p",
                f"{name} against {against}: Brier score {figure(score, 4)}, of the base rate {figure(base, 4)}, skill "
                f"{better}; {number(predicted.size, 'session')}, {count(left)} without an outcome left out.",
            ),
            table(
                f"Reliability of {name}, forecasts by tenths; {m.sample}",
                ("Forecast", n("Sessions"), n("Mean forecast"), n("Crisis followed")),
                rows,
                total=True,
            ),
        ]
    )
