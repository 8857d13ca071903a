"""Two runs compared: paired statistics against a plain walk, and every difference of what they were given."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from plimsoll.core.policy import Policy
from plimsoll.reports.versus import paired, versus


def curve(seed: int, n: int, start: int = 0) -> tuple[tuple[str, float], ...]:
    returns = np.random.default_rng(seed).normal(0.0004, 0.01, n)
    nav = 100.0 * np.cumprod(1.0 + returns)
    days = np.datetime64("2020-01-01") + np.arange(start, start + n)
    return tuple((str(d), float(v)) for d, v in zip(days, nav, strict=True))


def test_the_standard_error_is_newey_and_wests() -> None:
    a, b = curve(1, 401), curve(2, 401)
    found = paired(a, b)
    d = [b[i][1] / b[i - 1][1] - a[i][1] / a[i - 1][1] for i in range(1, 401)]
    n, mean = 400, sum(d) / 400
    total = sum((x - mean) ** 2 for x in d) / n
    for lag in range(1, 6):  # floor(4 x 4^(2/9)) = 5
        total += 2 * (1 - lag / 6) * sum((d[i] - mean) * (d[i - lag] - mean) for i in range(lag, n)) / n
    assert found.difference == pytest.approx(252 * mean)
    assert found.error == pytest.approx(252 * math.sqrt(total / n))
    assert found.t == pytest.approx(mean / math.sqrt(total / n))
    assert found.correlation == pytest.approx(0.0, abs=0.15)
    turned = paired(b, a)
    assert turned.difference == pytest.approx(-found.difference) and turned.error == pytest.approx(found.error)


def test_only_sessions_both_have_are_paired() -> None:
    a, b = curve(3, 100), curve(3, 100, start=60)
    found = paired(a, b)
    assert (found.start, found.end, found.sessions) == (b[0][0], a[-1][0], 40)
    none = paired(a, curve(3, 10, start=500))
    assert (none.sessions, none.difference, none.error, none.correlation) == (0, None, None, None)
    one = paired(a, curve(3, 10, start=99))
    assert (one.sessions, one.difference, one.error) == (1, None, None)


def test_a_run_beside_itself_differs_in_nothing(material: Any) -> None:
    r = material.result
    found = versus(r, r, ("x", ""), (Policy(), Policy()))
    assert found.changes == () and found.same_decisions and found.same_snapshot and found.same_code
    assert found.paired.difference == 0.0 and found.paired.error == 0.0 and found.paired.t is None
    assert found.paired.correlation == pytest.approx(1.0)
    assert all(f.difference in (0.0, None) for f in found.figures)
    assert found.a.tag == "x"


def test_every_differing_key_is_named_with_both_values(material: Any) -> None:
    base = Policy()
    rungs = tuple(msgspec.structs.replace(r, threshold=0.06) if r.name == "level_1" else r for r in base.ladder.rungs)
    assets = {k: v for k, v in base.limits.assets.items() if k != "SLV"}
    other = msgspec.structs.replace(
        base,
        cvar=msgspec.structs.replace(base.cvar, budget_1=0.01),
        ladder=msgspec.structs.replace(base.ladder, rungs=rungs),
        limits=msgspec.structs.replace(base.limits, assets=assets),
    )
    r = material.result
    b = msgspec.structs.replace(r, policy="other", decisions_hash="e" * 64)
    found = versus(r, b, ("", ""), (base, other))
    assert not found.same_policy and not found.same_decisions and found.changes is not None
    told = {c.key: (c.a, c.b) for c in found.changes}
    assert told["cvar.budget_1"] == (0.015, 0.01)
    assert told["ladder.rungs.level_1.threshold"] == (0.05, 0.06)
    assert told["limits.assets.SLV.max_weight"] == (0.15, None)
    assert set(told) == {"cvar.budget_1", "ladder.rungs.level_1.threshold", "limits.assets.SLV.max_weight"}
    assert versus(r, b, ("", ""), (base, None)).changes is None
