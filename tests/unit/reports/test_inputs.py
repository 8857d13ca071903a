"""Every optional input that is absent or covers a part of a run is said (D2, D9, D19)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from msgspec.structs import replace

from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certified, Panel
from plimsoll.core.policy import Policy
from plimsoll.reports.inputs import input_notes

MakePanel = Callable[..., Panel]


def notes(panel: Panel, strategies: tuple[str, ...] = ("core_trend",), first: int = 100) -> str:
    return "\n".join(input_notes(panel, Policy(), first, len(panel.sessions) - 1, strategies))


def test_a_run_with_everything_it_asks_for_has_nothing_to_say(make_market: MakePanel) -> None:
    assert notes(make_market(1, 300)) == ""


def test_what_is_absent_is_named(make_panel: MakePanel) -> None:
    said = notes(make_panel(np.full((200, 2), 100.0), symbols=("AAA", "SPY")))
    assert "of the havens GLD, TLT, missing in the data: GLD, TLT" in said
    assert "of the trend symbols GLD, SPY, QQQ, BTC-USD, missing in the data: GLD, QQQ, BTC-USD" in said
    assert "trend symbols" not in notes(make_panel(np.full((200, 2), 100.0), symbols=("AAA", "SPY")), ("mine",))


def test_what_covers_a_part_of_the_run_is_named(make_market: MakePanel) -> None:
    panel = make_market(1, 300)
    close = panel.close.copy()
    close[:150, panel.column["TLT"]] = np.nan
    said = notes(dataclasses.replace(panel, close=close))
    assert f"havens that cover a part of the run: TLT begins on {panel.sessions.dates[150]}" in said


def test_kinds_that_only_the_policy_gave_are_said(make_market: MakePanel) -> None:
    panel = make_market(1, 300)
    plain = tuple(Instrument(i.symbol, "plain", "XNYS") if i.symbol == "XLE" else i for i in panel.instruments)
    assert "kind" not in notes(panel)
    read = dataclasses.replace(panel, instruments=plain).resolved("stock")
    assert {i.symbol: i.kind for i in read.instruments}["XLE"] == "stock"
    assert read.snapshot == panel.snapshot
    assert "no kind is given for XLE: treated as funds" in notes(read)  # as the policy at hand says


def test_series_that_stopped_together_are_said(make_market: MakePanel) -> None:
    panel = make_market(1, 300)
    late = np.zeros(panel.close.shape, dtype=bool)
    late[250:260, [1, 2]] = True
    known = panel.certified
    said = notes(dataclasses.replace(panel, dated=Certified(known.sound, known.quality, known.ended, late)))
    assert f"2 of 6 symbols (GLD, QQQ) stopped together or as the only ones of their calendar, known from " \
        f"{panel.sessions.dates[250]} on, on 10 sessions" in said  # fmt: skip


def test_a_required_input_that_is_not_in_the_data_is_named(make_market: MakePanel) -> None:
    panel = make_market(1, 300)
    strict = replace(Policy(), regime=replace(Policy().regime, required=("^VIX", "DGS3MO", "FOO")))
    (said,) = input_notes(panel, strict, 100, 299, ())
    assert said.startswith("regime.required names FOO, which are not in the data")
