"""Notes on a run's orders: what the governor and its caps did to them, and why there were none (H1, O1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from plimsoll.core.money import cents
from plimsoll.core.policy import Policy
from plimsoll.core.reasons import REASONS
from plimsoll.engine.tally import RunTally

_QUIET = ("IN_BAND", "AT_TARGET", "NOT_IN_PROGRAMME")
_NAMED = 4


def order_notes(policy: Policy, tally: RunTally) -> Iterator[str]:
    """What a reader must know of the orders before believing a figure."""
    if policy.governor.recorded:
        yield _governed(tally)
        yield from _drifted(policy, tally)
    if not tally.fills and not tally.outcomes["EXECUTE"]:
        why = Counter({code: n for code, n in (tally.waited + tally.rejections).items() if code not in _QUIET})
        listed = "; ".join(f"{count} x {_in_words(code)}" for code, count in why.most_common(_NAMED))
        told = listed or "nothing was wanted at any session"
        yield f"no order was made in {len(tally.dates)} sessions: {told}"


def _governed(tally: RunTally) -> str:
    caps = "the governor, whose dollar caps are limits of each session's step"
    if not tally.outcomes["EXECUTE"] and not tally.fills:
        return f"there was no order for {caps}"
    denied = ", ".join(f"{code} {count}" for code, count in tally.denied.most_common())
    cut = [(code, n) for code, n in (tally.rejections + tally.waited).most_common() if code.startswith("ACCOUNT_")]
    held = ", ".join(f"{code} {count}" for code, count in cut)
    return (
        f"every order was put to {caps}"
        + (f" and held back or cut what was wanted ({held})" if held else "")
        + (f"; it refused {tally.orders_denied} ({denied})" if denied else "; of the orders it refused none")
        + "; its loss cap and intraday ladder bound nothing: orders are admitted before their session opens, when its "
        "loss is 0"
    )


def _drifted(policy: Policy, tally: RunTally) -> Iterator[str]:
    """How far NAV went from the capital that the dollar caps were made for, where that is further than
    ``governor.capital_drift``.
    """
    capital, most = cents(policy.account.capital), policy.governor.capital_drift
    far = [(abs(nav - capital), n) for n, nav in enumerate(tally.nav) if abs(nav - capital) > most * capital]
    if far:
        size, at = max(far, key=lambda one: (one[0], -one[1]))
        yield (
            f"the governor's dollar caps were made for the capital of {capital / 100:,.0f} USD, from which NAV was "
            f"more than {most:.0%} away on {len(far)} of {len(tally.nav)} sessions, first on {tally.dates[far[0][1]]}, "
            f"at most {size / capital:.0%} on {tally.dates[at]}"
        )


def _in_words(code: str) -> str:
    known = REASONS.get(code)
    return code if known is None else _plain(known.sentence)


def _plain(sentence: str) -> str:
    """A reason's sentence of any symbol, without figures."""
    for name, said in (("symbol", "a symbol"), ("measured", "its figure"), ("limit", "its limit")):
        sentence = sentence.replace(f"{{{name}}}", said)
    return sentence.split(":")[0]
