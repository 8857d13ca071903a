"""The steps of size: what grants one, what takes one back, at each boundary (H7, P4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.core.account_record import Body, Growth, Session, Size
from plimsoll.core.errors import InputError
from plimsoll.core.policy import Policy
from plimsoll.governor.graduation import Progress, progress
from plimsoll.governor.limits import from_policy

LIMITS = from_policy(Policy(), "live")
STEPS = ("10.00", "25.00", "50.00", "500.00")
GROWTH = Growth(steps=STEPS, days=5, uptime_bps=9990, daily_loss_bps=300, drawdown_bps=1000)
GRANT = Size(step="25.00", reason="because")


def session(number: int = 1, **changed: Any) -> Session:
    """A good session at the first step: 1,000 minutes, all of them with a quote, a cent made."""
    good = Session(
        date=f"2026-03-{number:02d}", equity="1000.00", equity_next="1000.01", result="0.01", size="10.00",
        minutes=1000, minutes_up=1000, slow=False,
    )  # fmt: skip
    return msgspec.structs.replace(good, **changed)


def days(*changes: dict[str, Any]) -> list[Session]:
    return [session(n, **change) for n, change in enumerate(changes, start=1)]


def after(*bodies: Body) -> Progress:
    return progress([LIMITS, *bodies])


def unmet(found: Progress) -> list[str]:
    return [item.name for item in found.evidence if not item.met]


GOOD: list[dict[str, Any]] = [{}] * 5


def test_the_figures_of_the_rule_are_what_a_live_account_signs() -> None:
    assert LIMITS.growth == GROWTH
    assert from_policy(Policy(), "paper").growth is None


def test_an_account_without_steps_is_not_graduated() -> None:
    plain = progress([msgspec.structs.replace(LIMITS, growth=None), *days(*GOOD)])
    assert (plain.size, plain.next, plain.ready) == (None, None, False)


@pytest.mark.parametrize(("count", "missing"), [(0, 4), (4, 4), (5, 0), (6, 0)])
def test_five_profitable_days_are_needed(count: int, missing: int) -> None:
    found = after(*days(*[{}] * count))
    assert (found.size, found.next) == (1_000, 2_500)
    assert len(unmet(found)) == missing and found.ready is (missing == 0)


@pytest.mark.parametrize(
    "flat",
    [
        {"result": "0.00"},
        {"result": "-0.01"},
        {"equity_next": "1000.00"},
        {"equity_next": "999.99"},
        {"equity_next": "1900.00", "result": "-0.01"},  # a deposit is no profit
    ],
)
@pytest.mark.parametrize("where", [0, 4])
def test_the_days_are_in_a_row_and_both_figures_must_say_profit(flat: dict[str, Any], where: int) -> None:
    changes = [{}] * 5
    changes[where] = flat
    assert unmet(after(*days(*changes))) == ["profitable days in a row"]
    assert unmet(after(*days(flat, *GOOD))) == []


@pytest.mark.parametrize(("up", "met"), [(4_996, True), (4_995, False), (4_994, False)])
def test_uptime_is_above_its_share_and_not_at_it(up: int, met: bool) -> None:
    """0.1 % of 5 x 1,000 minutes are five of them."""
    changes = [{}, {}, {}, {}, {"minutes_up": up - 4_000}]
    assert unmet(after(*days(*changes))) == ([] if met else ["minutes with a quote"])


def test_unknown_hours_are_no_uptime() -> None:
    changes = [{}, {}, {"minutes": None, "minutes_up": None}, {}, {}]
    assert unmet(after(*days(*changes))) == ["minutes with a quote"]


def test_a_slow_session_is_missing_until_five_others_stand_after_it() -> None:
    assert unmet(after(*days(*[{}] * 4, {"slow": True}))) == ["sessions too slow"]
    assert unmet(after(*days({"slow": True}, *[{}] * 4))) == ["sessions too slow"]
    assert unmet(after(*days({"slow": True}, *GOOD))) == []


def test_a_grant_is_one_step_and_its_evidence_begins_anew() -> None:
    found = after(*days(*GOOD), GRANT)
    assert (found.size, found.next, len(found.run)) == (2_500, 5_000, 0)
    # the session that ran while it was signed was still at the old size
    found = after(*days(*GOOD), GRANT, session(6))
    assert len(found.run) == 0
    found = after(*days(*GOOD), GRANT, session(6), *[session(n, size="25.00") for n in range(7, 12)])
    assert found.ready and found.size == 2_500


@pytest.mark.parametrize("step", ["50.00", "500.00", "10.00", "30.00"])
def test_a_grant_of_another_step_than_the_next_changes_nothing(step: str) -> None:
    found = after(*days(*GOOD), Size(step=step, reason="more"))
    assert (found.size, len(found.run)) == (1_000, 5)


def test_the_last_step_has_no_next() -> None:
    steps = [Size(step=step, reason="x") for step in STEPS[1:]]
    found = after(*steps)
    assert (found.size, found.next, found.ready) == (50_000, None, False)


def test_a_breach_takes_a_step_back_and_never_below_the_first() -> None:
    broken = session(6, breaches=("OVERFILL",))
    assert (after(GRANT, broken).size, after(GRANT, broken).since) == (1_000, "a breach on 2026-03-06")
    assert after(broken).size == 1_000
    assert len(after(*days(*GOOD), broken).run) == 0


@pytest.mark.parametrize(
    ("equity_next", "result", "kept"),
    [("970.00", "0.01", 5), ("969.99", "0.01", 0), ("1000.01", "-30.00", 5), ("1000.01", "-30.01", 0)],
)
def test_a_session_that_loses_too_much_begins_the_evidence_anew(equity_next: str, result: str, kept: int) -> None:
    found = after(*days(*[{}] * 4), session(5, equity_next=equity_next, result=result))
    assert (len(found.run), found.size) == (kept, 1_000)


def fall(*losses: int) -> list[Session]:
    """Sessions that lose whole dollars of a thousand, at the second step."""
    equity, told = 1000, []
    for n, loss in enumerate(losses, start=6):
        lost = {"equity": f"{equity}.00", "equity_next": f"{equity - loss}.00", "result": f"-{loss}.00"}
        told.append(session(n, size="25.00", **lost))
        equity -= loss
    return told


@pytest.mark.parametrize(("losses", "size"), [((29, 29, 29, 13), 2_500), ((29, 29, 29, 14), 1_000)])
def test_a_drawdown_takes_a_step_back_above_its_share_and_not_at_it(losses: tuple[int, ...], size: int) -> None:
    assert after(GRANT, *fall(*losses)).size == size


def test_one_fall_takes_one_step() -> None:
    up = [GRANT, Size(step="50.00", reason="x")]
    assert after(*up, *fall(29, 29, 29, 14, 1, 1)).size == 2_500
    assert after(*up, *fall(29, 29, 29, 14, 26, 26, 26, 12)).size == 1_000


def test_new_steps_never_lift_the_present_size() -> None:
    growth = msgspec.structs.replace(GROWTH, steps=("100.00", "500.00"))
    wider = msgspec.structs.replace(LIMITS, growth=growth)
    found = after(*days(*GOOD), wider)
    assert (found.size, found.next, len(found.run)) == (1_000, 10_000, 0)
    again = after(*days(*GOOD), LIMITS)  # a change of caps alone keeps the evidence
    assert len(again.run) == 5


BODIES = st.one_of(
    st.builds(
        session,
        st.integers(1, 28),
        result=st.sampled_from(["1.00", "-1.00", "-40.00", "0.00"]),
        size=st.sampled_from(["10.00", "25.00", "50.00"]),
        breaches=st.sampled_from([(), (), (), ("OVERFILL",)]),
        slow=st.booleans(),
    ),
    st.sampled_from([LIMITS, GRANT, Size(step="50.00", reason="x")]),
)


@given(st.lists(BODIES, max_size=30))
def test_only_a_grant_raises_the_size_and_by_one_step(bodies: Sequence[Body]) -> None:
    sizes = [after(*bodies[:n]).size or 0 for n in range(len(bodies) + 1)]
    ladder = [1_000, 2_500, 5_000, 50_000]
    for body, before, now in zip(bodies, sizes, sizes[1:], strict=False):
        rise = ladder.index(now) - ladder.index(before)
        assert rise in ((0, 1) if isinstance(body, Size) else (-1, 0))


def told(found: Progress) -> dict[str, tuple[str, str]]:
    return {item.name: (item.found, item.needed) for item in found.evidence}


def test_the_evidence_is_told_in_words() -> None:
    assert told(after(*days({}, {"slow": True}, {"minutes": None, "minutes_up": None}))) == {
        "profitable days in a row": ("3", "at least 5"),
        "breaches": ("none in 3 sessions", "none in 5 sessions"),
        "minutes with a quote": (
            "2000 of 2000 minutes, 1 sessions without known hours", "more than 99.9 % of 5 sessions",
        ),
        "sessions too slow": ("1 of 3", "none of 5"),
    }  # fmt: skip
    assert told(after(*days(*GOOD)))["minutes with a quote"][0] == "5000 of 5000 minutes"
    assert told(after())["minutes with a quote"][0] == "no minutes known"


@pytest.mark.parametrize("part", ["minutes", "minutes_up"])
def test_half_known_hours_are_not_known(part: str) -> None:
    found = after(*days({}, {}, {part: None}, {}, {}))
    assert unmet(found) == ["minutes with a quote"]
    assert told(found)["minutes with a quote"][0] == "4000 of 4000 minutes, 1 sessions without known hours"


def test_sessions_of_no_minutes_are_no_uptime() -> None:
    assert unmet(after(*days(*[{"minutes": 0, "minutes_up": 0}] * 5))) == ["minutes with a quote"]
    one = [{"minutes": 0, "minutes_up": 0}] * 4 + [{"minutes": 1, "minutes_up": 1}]
    assert unmet(after(*days(*one))) == []


def test_a_run_that_holds_a_breach_is_no_evidence() -> None:
    """``progress`` never keeps one in a run; whoever does is told which."""
    broken = Progress(
        growth=GROWTH, size=1_000, run=tuple(days(*GOOD, {"breaches": ("F", "B", "OVERFILL", "A", "TOO_SLOW", "C")}))
    )
    assert told(broken)["breaches"][0] == "A, B, C, F, OVERFILL, TOO_SLOW"
    assert unmet(broken) == ["breaches"] and not broken.ready


def test_an_account_without_steps_has_no_evidence_to_show() -> None:
    nothing = Progress()
    assert (nothing.steps, nothing.next, nothing.evidence, nothing.ready) == ((), None, (), False)


def test_why_the_evidence_began() -> None:
    assert Progress().since == "the account began"
    assert after().since == "its steps were signed"
    assert after(GRANT).since == "a person granted $25.00"
    assert after(session(3, result="-30.01")).since == "the loss of 2026-03-03"
    assert after(GRANT, *fall(29, 29, 29, 14)).since == "a drawdown on 2026-03-09"


def test_some_of_the_evidence_is_not_enough() -> None:
    assert not after(*days(*[{}] * 4, {"slow": True})).ready
    assert not after(*days({})).ready


def test_a_loss_that_begins_the_evidence_anew_tells_so_and_small_ones_add_up() -> None:
    """Each session is within its daily loss; together they are the drawdown, counted from one level to the next."""
    found = after(GRANT, session(6, size="25.00", equity_next="990.00", result="-10.00"))
    assert (found.level, found.peak, found.size) == (99_000, 100_000, 2_500)
    # equity is brought back by deposits: the level still falls by what each session lost
    losing = [session(n, size="25.00", equity_next="971.00", result="-29.00") for n in range(6, 10)]
    assert after(GRANT, *losing[:3]).size == 2_500
    assert after(GRANT, *losing).size == 1_000


def test_a_session_whose_size_is_not_known_is_no_evidence() -> None:
    assert len(after(session(1, size=None)).run) == 0
    assert len(after(session(1, size="10.01")).run) == 0


def test_a_size_below_every_step_stays_where_it_is() -> None:
    """New steps may begin above the size of the account: a step back is then none at all."""
    growth = msgspec.structs.replace(GROWTH, steps=("100.00", "500.00"))
    found = after(msgspec.structs.replace(LIMITS, growth=growth), session(3, breaches=("OVERFILL",)))
    assert found.size == 1_000
    wide = progress([msgspec.structs.replace(LIMITS, growth=growth), session(3, breaches=("OVERFILL",))])
    assert wide.size == 10_000


def test_after_a_step_back_a_fall_is_counted_from_there() -> None:
    found = after(GRANT, *fall(29, 29, 29, 14))
    assert (found.level, found.peak) == (89_900, 89_900)


@pytest.mark.parametrize("result", ["1", "1.0", "1.00", "0.5", "0.50"])
def test_an_amount_may_have_fewer_decimals(result: str) -> None:
    assert not unmet(after(*days(*[{"result": result, "equity_next": "1000.5"}] * 5)))
    assert len(after(session(1, size="10")).run) == len(after(session(1, size="10.0")).run) == 1


def test_half_a_dollar_is_fifty_cents() -> None:
    assert after(session(1, equity_next="1000.5", result="0.5")).level == 100_050
    assert after(session(1, equity_next="1000.50", result="0.49")).level == 100_049


def test_a_step_that_is_no_amount_is_named() -> None:
    broken = msgspec.structs.replace(GROWTH, steps=("x", "y"))
    for call in (
        lambda: progress([msgspec.structs.replace(LIMITS, growth=broken)]),
        lambda: after(Size(step="x", reason="because")),
        lambda: Progress(growth=broken).steps,
    ):
        with pytest.raises(InputError, match="step is 'x'"):
            call()
