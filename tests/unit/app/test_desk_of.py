"""The desk of a run is refused a hurdle nothing can clear; a study of hurdles is not (A3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from plimsoll.app.wiring import run_context_of
from plimsoll.core.errors import InputError
from plimsoll.core.panel import Panel
from plimsoll.core.policy import Policy


def test_a_study_may_ask_what_a_hurdle_above_every_conviction_does(make_market: Callable[..., Panel]) -> None:
    policy, panel = Policy(), make_market(1, 300)
    above = msgspec.structs.replace(policy, auction=msgspec.structs.replace(policy.auction, hurdle_sharpe=0.4))
    with pytest.raises(InputError, match="above half the largest conviction"):
        run_context_of(above, panel)
    assert run_context_of(above, panel, any_hurdle=True).policy.auction.hurdle_sharpe == 0.4
    assert run_context_of(policy, replace(panel)).policy == policy
