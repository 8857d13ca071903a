"""The regime computed from a snapshot alone: probabilities, outlook, matrices, and forecast scores (R8, D19)."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.errors import UsageError
from plimsoll.core.panel import History, View
from plimsoll.core.policy import Policy, policy_hash
from plimsoll.reports import forecast_scores
from plimsoll.reports.forecast_scores import Score
from plimsoll.risk import regime

Floats = NDArray[np.float64]
Matrix = tuple[tuple[float, ...], ...]

STATES = ("normal", "volatile", "crisis")


class LastVix(msgspec.Struct, frozen=True):
    """The newest VIX close known: its points, its session, and how many sessions ago that was."""

    close: float
    session: str
    age: int


class RegimeReport(msgspec.Struct, frozen=True):
    """Regime figures known at the decision of ``session``.

    ``belief`` are the probabilities of ``states``; ``crisis`` is P(crisis) ``outlook`` sessions ahead, ``passage`` that
    of a crisis at any session up to then, now included. ``vix`` is the session's own close, ``source`` the input of the
    rules on VIX use (D19) and ``vix_or_proxy`` its value in points. ``matrices`` holds the transition probabilities of
    a session by estimate, rows from and columns to the ``states``; ``matrix`` names the one in use. ``calibration``
    scores every forecast of the history whose outcome was known at the session.
    """

    session: str
    snapshot: str
    synthetic: bool
    profile: str
    policy: str
    states: tuple[str, ...]
    belief: tuple[float, ...]
    state: str
    outlook: int
    crisis: float
    passage: float
    crisis_on: float
    crisis_off: float
    vix: float | None
    last_vix: LastVix | None
    source: str
    vix_or_proxy: float | None = msgspec.field(name="fear")  # its name in JSON
    matrix: str
    matrices: dict[str, Matrix]
    calibration: tuple[Score, ...]
    notes: tuple[str, ...]


def regime_report(history: History, policy: Policy, on: str | None = None) -> RegimeReport:
    """Everything as of the session ``on`` (ISO date), by default the last; nothing after it is read.

    Raises ``UsageError`` when ``on`` is no session of the snapshot.
    """
    view = View(history, _row(history, on))
    vix = view.indicator("regime.vix")
    belief = view.now("regime.belief")
    now, vix_or_proxy = float(vix[-1]), float(view.now("regime.vix_or_proxy"))
    seen = np.flatnonzero(np.isfinite(vix))
    last = LastVix(float(vix[seen[-1]]), view.sessions.dates[seen[-1]], view.row - int(seen[-1])) if seen.size else None
    calibration = _calibration(view, policy, int(seen[0])) if seen.size else ()
    return RegimeReport(
        session=view.date,
        snapshot=history.panel.snapshot,
        synthetic=history.panel.synthetic,
        profile=policy.profile,
        policy=policy_hash(policy),
        states=STATES,
        belief=tuple(belief.tolist()),
        state=STATES[int(np.argmax(belief))],
        outlook=policy.regime.outlook,
        crisis=float(view.now("regime.crisis")),
        passage=float(view.now("regime.passage")),
        crisis_on=policy.regime.crisis_on,
        crisis_off=policy.regime.crisis_off,
        vix=now if now == now else None,
        last_vix=last,
        source=regime.source_of(float(view.now("regime.whose")), policy),
        vix_or_proxy=vix_or_proxy if vix_or_proxy == vix_or_proxy else None,
        matrix=policy.regime.matrix,
        matrices=_matrices(view, vix, policy),
        calibration=calibration,
        notes=tuple(_notes(view, last, bool(now == now), policy)),
    )


def _row(history: History, on: str | None) -> int:
    sessions = history.panel.sessions
    if on is None:
        return len(sessions) - 1
    row = sessions.row_at_or_before(on)
    if row < 0 or sessions.dates[row] != on:
        near = ", ".join(sessions.dates[r] for r in (row, row + 1) if 0 <= r < len(sessions))
        raise UsageError(f"{on} is not a session of the snapshot", f"Give a session, such as {near}")
    return row


def _matrices(view: View, vix: Floats, policy: Policy) -> dict[str, Matrix]:
    """The matrix of each estimate as of the row; ``em`` as of the month's first session, when it is made."""
    month = view.sessions.first_of_month[: view.row + 1].copy()
    month[: np.flatnonzero(month)[-1]] = False  # one estimate, the last
    found = {"start": regime.base_matrix(msgspec.structs.replace(policy.regime, matrix="fixed"))}
    for name in ("counted", "em"):
        chosen = msgspec.structs.replace(policy.regime, matrix=name)
        found[name] = regime.transitions(vix, chosen, month)[-1]
    if policy.regime.matrix == "seed":
        found["seed"] = regime.base_matrix(policy.regime)
    return {name: tuple(map(tuple, matrix.tolist())) for name, matrix in found.items()}


def _calibration(view: View, policy: Policy, first: int) -> tuple[Score, ...]:
    """Scores of the forecasts made from the first VIX close on, by what was known at the row."""
    column = view.column.get(policy.backtest.benchmark)
    returns = None
    if column is not None:
        present = np.isfinite(view.bars("close")[first:, column])
        returns = np.where(present, view.indicator("return")[first:, column], np.nan)
    return forecast_scores.scores(
        view.indicator("regime.crisis")[first:],
        view.indicator("regime.passage")[first:],
        view.indicator("regime.vix")[first:],
        returns,
        view.sessions.dates[first : view.row + 1],
        policy,
    )


def _notes(view: View, last: LastVix | None, known: bool, policy: Policy) -> list[str]:
    name = policy.backtest.vix
    stand_in = regime.source_of(float(view.now("regime.whose")) if not known else 0.0, policy)
    instead = f"rules on VIX use {stand_in} over 20 sessions"
    if stand_in == "nothing":
        instead = "nothing replaces it yet: the VIX rules bar increases"
    if last is None:
        return [f"There is no {name} up to this session: the probabilities are the start matrix's, and {instead}."]
    if not known:
        since = "one session ago" if last.age == 1 else f"{last.age} sessions ago"
        return [
            f"{name} has no close on this session, its last is of {last.session}, {since}: probabilities are predicted "
            f"from there without an update, and {instead}."
        ]
    return []
