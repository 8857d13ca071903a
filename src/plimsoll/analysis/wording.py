"""Figures and reason codes in words: shares, amounts, limits and their prices (G4).

Shares of NAV are per cent, written without a space so that no line breaks inside a figure; money is US dollars; CVaR
carries its horizon (U2, U3). What was not recorded or could not be measured is said to be so (U6).
"""

from __future__ import annotations

import math

from plimsoll.core.reasons import COUNTS, DOLLARS, FIGURES, REASONS
from plimsoll.core.scenarios import WORST
from plimsoll.core.verdict import Finding

UNRECORDED = "an unrecorded amount"
UNKNOWN = "unknown"


def known(value: float | None) -> bool:
    """True for a figure that is one."""
    return value is not None and math.isfinite(value)


def share(value: float | None, places: int | None = None) -> str:
    """A fraction as per cent, with as many places as its size asks for.

    >>> share(0.3999996), share(0.0123), share(0.00013), share(None)
    ('40.0%', '1.23%', '0.013%', 'unknown')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    size = abs(value)
    if places is None and 0.0 < size < 0.000005:
        return "under 0.001%"
    if places is None:
        places = 0 if value in (0.0, 1.0) else 1 if size >= 0.0995 else 2 if size >= 0.00095 else 3
    return f"{100.0 * value:.{places}f}%"


def figure(value: float | None, places: int = 2) -> str:
    """A plain figure, thousands grouped."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:,.{places}f}"


def money(dollars: float) -> str:
    """An amount, to the cent below a hundred dollars.

    >>> money(38110.4), money(0.5)
    ('38,110 USD', '0.50 USD')
    """
    return f"{dollars:,.0f} USD" if abs(dollars) >= 100.0 else f"{dollars:,.2f} USD"


def both(measured: float | None, limit: float | None, code: str = "") -> tuple[str, str]:
    """Two figures to compare, in the unit of a reason code, with places enough to differ where they do.

    >>> both(1.0000004, 1.0)
    ('100.00004%', '100.00000%')
    """
    shown = _amount(measured, code), _amount(limit, code)
    if measured is None or limit is None or code in COUNTS or code in FIGURES:
        return shown
    if code in DOLLARS:
        alike = shown[0] == shown[1] and abs(measured - limit) > 0.0
        return (f"{measured:,.2f} USD", f"{limit:,.2f} USD") if alike else shown
    if not 0.0 < abs(measured - limit) < 0.01 * abs(limit):
        return shown
    places = next((n for n in range(2, 9) if share(measured, n) != share(limit, n)), 9)
    return share(measured, places), share(limit, places)


def _amount(value: float | None, code: str) -> str:
    if value is None or not math.isfinite(value):
        return UNRECORDED
    if code in COUNTS:
        return f"{value:,.0f}"
    if code in DOLLARS:
        return money(value)
    return f"{value:,.2f}".rstrip("0").rstrip(".") if code in FIGURES else share(value)


def sentence(code: str, symbol: str, measured: float | None = None, limit: float | None = None) -> str:
    """The sentence of a reason code, ended with a full stop; a figure nobody recorded is said to be unrecorded.

    ``book`` as symbol is the whole book. A code outside the vocabulary is quoted: a journal of another version may
    hold one.

    >>> sentence("POSITION_ABOVE_MAX", "GLD", 0.26, 0.25)
    'GLD at 26.0% would exceed its cap 25.0%.'
    """
    reason = REASONS.get(code)
    if reason is None:
        return f"{code} (a reason this version does not know)."
    shown, bound = both(measured, limit, code)
    scope = "the book" if symbol == "book" else symbol
    text = reason.sentence.format(symbol=scope, measured=shown, limit=bound)
    opens = text.startswith(("the book", UNRECORDED))
    return f"{text[0].upper() if opens else text[0]}{text[1:]}."


def remedy(code: str) -> str:
    """The remedy of a reason code, "" where no action is needed."""
    reason = REASONS.get(code)
    return reason.remedy if reason is not None else ""


def finding(found: Finding) -> str:
    """A gate's finding with its figures; the gate's name carries the horizon in sessions."""
    measured, limit = found.measured, found.limit
    if found.reason == "CASH_BELOW_MIN" and measured is not None and limit is not None:
        shown, bound = both(-measured, -limit)  # the gate records both with their sign turned
        return f"Cash would fall to {shown}; its minimum is {bound}."
    text = sentence(found.reason, found.scope, measured, limit)
    horizon = found.gate.rpartition("_")[2]
    if found.on:
        text = text.replace("stressed CVaR", stressed(found.on), 1)
    return f"{text[:-1]} ({sessions(int(horizon))})." if horizon.isdigit() else text


def stressed(name: str) -> str:
    """Stressed CVaR with the set it is of, so far as it is known which (R2).

    >>> stressed("2020"), stressed("worst"), stressed("")
    ('stressed CVaR (2020)', 'stressed CVaR (the worst of all history)', 'stressed CVaR')
    """
    return f"stressed CVaR ({'the worst of all history' if name == WORST else name})" if name else "stressed CVaR"


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "bid"), counted(6, "bid")
    ('1 bid', '6 bids')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def sessions(count: int) -> str:
    """A number of sessions.

    >>> sessions(1), sessions(10)
    ('1 session', '10 sessions')
    """
    return counted(count, "session")


def limit_name(binding: str) -> str:
    """A constraint of the auction, in words.

    >>> limit_name("stressed_10:2020"), limit_name("position:GLD")
    ('the limit on stressed CVaR over 10 sessions (2020)', 'the cap on a position in GLD')
    """
    kind, _, scope = binding.partition(":")
    name, _, horizon = kind.rpartition("_")
    if name in ("stressed", "cvar") and horizon.isdigit():
        which = "limit on stressed CVaR" if name == "stressed" else "CVaR budget"
        on = "the worst of all history" if scope == WORST else scope
        return f"the {which} over {sessions(int(horizon))}{f' ({on})' if on else ''}"
    if name == "standalone":
        return f"the cap on the risk {scope} may carry alone over {sessions(int(horizon))}"
    plain = {
        "cvar": "the CVaR budget at the auction's horizon",
        "gross": "the limit on gross exposure",
        "position": f"the cap on a position in {scope}",
        "participation": f"the share of {scope}'s volume one order may take",
        "pair": f"the cap on {scope.replace('+', ' and ')} together, a correlated pair",
        "sector": f"the cap on the sector {scope}",
        "stage": f"the capital the strategy {scope} may use at its stage",
        "keep": "the rule that a kept position is never added to",
        "target_weight": "the weight the strategy itself asked for",
    }
    return plain.get(kind, f"the limit {binding}")


def worth(binding: str, price: float, nav: float, horizon: int) -> str:
    """A shadow price in words: the gain from slightly more of the limit, net of risk, on ``nav`` USD (A5).

    ``price`` is the gain of the auction's objective per unit of the limit. A CVaR budget is a few per cent of NAV, so
    it is priced by the tenth of a per cent; everything else by one per cent of NAV. What bounds one symbol, its
    stand-alone risk included, entered the auction as a cap on its weight and is priced as such.

    >>> worth("position:GLD", 0.002, 100_000.0, 10).partition(" would")[0]
    'One more per cent of NAV in GLD'
    """
    kind, _, scope = binding.partition(":")
    name = kind.partition("_")[0]
    step = 0.001 if name in ("cvar", "stressed") else 0.01
    if step == 0.001:
        more = "One more tenth of a per cent of NAV of that budget"
    elif name in ("position", "standalone", "participation"):
        more = f"One more per cent of NAV in {scope}"
    else:
        more = "One more per cent of NAV of it"
    return (
        f"{more} would have raised the expected gain, net of cost and the charge for risk, by about "
        f"{money(price * step * nav)} over {sessions(horizon)} ({share(price * step)} of NAV)."
    )
