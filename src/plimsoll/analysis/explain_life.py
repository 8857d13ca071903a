"""Effect of a strategy's stage and model health on its bids, in plain sentences (G4, G5, G6)."""

from __future__ import annotations

from plimsoll.analysis.wording import figure, sessions, share
from plimsoll.core.dates import iso_day
from plimsoll.core.decision import CycleRecord
from plimsoll.core.policy import Policy
from plimsoll.governance import lifecycle, model_health


def decay_of(record: CycleRecord, strategy: str) -> float | None:
    """The decay factor of a strategy's bids at a session; None when lifecycle tracking is off."""
    life = record.carried.lifecycle
    if life is None or strategy not in life.strategies:
        return None
    return life.decay[life.strategies.index(strategy)]


def standing(record: CycleRecord, strategy: str, policy: Policy) -> tuple[str, ...]:
    """A strategy's stage, its capital and the reason, and its model's decay factor."""
    life = record.carried.lifecycle
    if life is None or strategy not in life.strategies:
        return ()
    s, rules = life.strategies.index(strategy), policy.lifecycle
    stage, cap = life.stage[s], life.cap[s]
    lines = [f"{strategy} is {stage} since {iso_day(life.since[s])} and may use {share(cap)} of NAV."]
    if life.suspended[s]:
        lines.append("It is suspended, because it failed at too many auctions.")
    elif cap < (whole := lifecycle.capital(stage, 0, False, rules)):
        lines.append(
            f"Its stage allows {share(whole)}; {sessions(life.idle[s])} without a positive contribution over "
            f"{sessions(rules.idle_window)} leave {share(cap / whole)} of it."
        )
    if life.decay[s] < 1.0:
        lines.append(
            f"Model decay multiplies its expected returns by {figure(life.decay[s])}: {_causes(record, s, policy)}."
        )
    return tuple(lines)


def _causes(record: CycleRecord, s: int, policy: Policy) -> str:
    """Each factor of the decay below 1."""
    life, health = record.carried.lifecycle, policy.health
    assert life is not None
    parts = []
    by_age = model_health.age_factor(life.age[s], health)
    if by_age < 1.0:
        parts.append(
            f"its model was last validated {sessions(life.age[s])} ago, more than {health.age_full} ({figure(by_age)})"
        )
    by_error = model_health.error_factor(life.error[s], health)
    if by_error < 1.0:
        parts.append(
            f"its forecasts err {share(life.error[s])} more than a forecast of zero would ({figure(by_error)})"
        )
    if life.flipped[s]:
        parts.append(f"the autocorrelation of its contributions changed sign ({figure(health.flip_factor)})")
    return ", ".join(parts)
