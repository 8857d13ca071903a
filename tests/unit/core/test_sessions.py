"""Conventions of time: sessions a year and what a bill earns over days."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import plimsoll
from plimsoll.core.sessions import SESSIONS_A_YEAR, risk_free_return

ROOT = Path(plimsoll.__file__).parent


def test_a_bill_earns_actual_days_over_365() -> None:
    assert risk_free_return(0.05, 365.0) == pytest.approx(0.05, rel=1e-15)
    assert risk_free_return(0.0365, 7.0) == pytest.approx(0.0007, rel=1e-15)
    np.testing.assert_allclose(
        risk_free_return(np.array([0.0365, 0.073]), np.array([1, 3])), [0.0001, 0.0006], rtol=1e-15
    )


@pytest.mark.parametrize(
    ("formula", "home"),
    [(r"(?<![\w.])252(\.0)?\s*[/)]|/ 252\b", "core/sessions.py"), (r"/ 365(\.0)?(?![.\d])", "core/sessions.py")],
)
def test_a_year_has_one_length(formula: str, home: str) -> None:
    """Each convention is written once; prose, policy defaults and windows of 252 rows are no convention."""
    found = {}
    for path in ROOT.rglob("*.py"):
        code = re.sub(r'""".*?"""|"[^"\n]*"|#[^\n]*', "", path.read_text(), flags=re.DOTALL)
        if re.search(formula, code):
            found[path.relative_to(ROOT).as_posix()] = re.findall(rf".*(?:{formula}).*", code)
    assert set(found) <= {home}, found
    assert SESSIONS_A_YEAR == 252
