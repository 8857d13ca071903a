"""Explanations and replays as text for a person; sentences wrap at the terminal's width."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from plimsoll.cli.render.console import SYNTHETIC, console, proven

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from plimsoll.analysis.case import ExplanationStep
    from plimsoll.analysis.replay import SessionReplay
    from plimsoll.analysis.session_summary import SessionExplanation
    from plimsoll.core.events import Proof

_TITLES = {"programme": "target portfolio"}  # links whose name in JSON is an older one
WIDTH_READ = 100  # lines longer than this are hard to read, however wide the terminal


def render_chain(told: SessionExplanation) -> None:
    """All steps for one symbol."""
    out = _begun(told)
    for chain in told.symbols:
        _print(out, f"{chain.symbol} on {told.session}   run {told.run}")
        _steps(out, chain.steps)
    _rests_on(out, told.journal)


def render_session(told: SessionExplanation) -> None:
    """The session on one page."""
    out = _begun(told)
    _print(out, f"session {told.session}, decided at {told.decided_at}   run {told.run}")
    _steps(out, told.summary)
    _rests_on(out, told.journal)
    _print(out, f"All steps for one symbol: plimsoll explain --on {told.session} --run {told.run} --symbol S")


def _begun(told: SessionExplanation) -> Console:
    out = console()
    if told.synthetic:
        out.print(SYNTHETIC)
    return out


def _steps(out: Console, steps: Sequence[ExplanationStep]) -> None:
    width = min(out.width, WIDTH_READ)
    for step in steps:
        _print(out, "")
        _print(out, _TITLES.get(step.name, step.name))
        for text in step.sentences:
            hanging = "    " if text.startswith("- ") else "  "
            lines = textwrap.wrap(text, width, initial_indent="  ", subsequent_indent=hanging, break_on_hyphens=False)
            for line in lines:
                _print(out, line)


def _rests_on(out: Console, proof: Proof | None) -> None:
    if proof is not None:
        _print(out, "")
        _print(out, proven(proof))


def _print(out: Console, line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def render_replay(result: SessionReplay) -> None:
    """Whether the bytes are the same, and the differences if not."""
    out = console()
    said = "identical" if result.identical else "the same decision" if result.same_decision else "DIFFERENT"
    _print(out, f"session {result.session} of run {result.run}: {said}")
    _print(out, f"journaled {result.journaled}  ({result.bytes} bytes)")
    _print(out, f"replayed  {result.replayed}")
    if result.differs:
        _print(out, f"changed since: {', '.join(result.differs)}")
    if not result.same_decision:
        _print(out, f"parts of the record that differ: {', '.join(result.fields) or 'none'}")
    if not result.same_morning:
        _print(out, "the fills and cash flows before the decision differ from those journaled")
    _rests_on(out, result.journal)
