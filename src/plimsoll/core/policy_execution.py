"""The policy of orders on their way to a venue (X4)."""

from __future__ import annotations

from typing import Annotated

from plimsoll.core.policy_fields import Section, count, fraction, meta


class ExecutionPolicy(Section, frozen=True, kw_only=True):
    """How orders are split and priced at venues that live in time (X4). Recorded sessions fill at one open instead."""

    split_value: Annotated[float, meta("USD", "X4", "An order worth more is split", gt=0)] = 50_000.0
    split_adv: Annotated[float, fraction("X4", "… or one of more than this", "fraction of ADV")] = 0.01
    slices_most: Annotated[int, meta("slices", "X4", "Parts of an order at most", ge=1, le=100)] = 5
    slice_seconds: Annotated[int, count("X4", "Between two parts", "seconds")] = 300
    entry_collar: Annotated[
        float, fraction("X4", "Limit of an order that adds, beyond the mid", "fraction of the mid")
    ] = 0.001
    exit_collars: Annotated[
        tuple[float, ...],
        meta("fractions of the mid", "X4", "Limits of one that only reduces, in turn; a market order follows"),
    ] = (0.001, 0.005, 0.02)
    exit_seconds: Annotated[int, meta("seconds", "X4", "Until the next of these limits", ge=1)] = 60
