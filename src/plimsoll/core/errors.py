"""Errors that a person can act on, each with the exit code of the command (O10).

``PlimsollError`` is raised only for faults that an operator has to correct. An expected refusal (a veto, a gate) is a
value, never an exception.
"""

from __future__ import annotations

import unicodedata

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_CHECK_FAILED = 3
EXIT_HALTED = 4


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode categories that draw no sign of their own


def printable(text: str) -> str:
    r"""``text`` with every character that could control a terminal or reorder a line replaced by its escape.

    A file, a plug-in or a vendor chose the text, so an escape sequence or a direction mark in it must be visible, not
    effective. Line feeds and tabs stay.

    >>> printable("a\x1b]0;b\x07")
    'a\\x1b]0;b\\x07'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _UNSEEN else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    r"""``printable``, line feeds and tabs escaped too: for a name or a reason, which must stay on one line.

    >>> one_line("fine\nSIGNED by bob")
    'fine\\nSIGNED by bob'
    """
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


class PlimsollError(Exception):
    """A fault that a person can correct: the message names the object, the value and the remedy."""

    exit_code = EXIT_ERROR

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        stop = "" if problem.endswith(("?", ".")) else "."
        super().__init__(f"{problem}{stop} {remedy}" if remedy else problem)


class InputError(PlimsollError):
    """A file, an argument or a policy is invalid."""


class OldJournal(InputError):
    """A journal in the format of an earlier version; the remedy is the command that makes the run again."""


class UsageError(PlimsollError):
    """Invalid command arguments: unknown names, a span that cannot be run."""

    exit_code = EXIT_USAGE


class CheckFailed(PlimsollError):
    """A gate, a verification or a certification did not pass."""

    exit_code = EXIT_CHECK_FAILED


class StrategyFailed(PlimsollError):
    """A strategy raised while it was asked, and the run was not started with ``--keep-going`` (E4)."""


class Halted(PlimsollError):
    """The system refuses to continue until a person acts (D7, G7)."""

    exit_code = EXIT_HALTED


class CorruptionError(CheckFailed):
    """Stored bytes differ from those written: a snapshot or a journal was altered or torn."""


class TransitionRefused(CheckFailed):
    """An event of an order that its state does not allow, or an execution booked twice (X2, X3)."""


class Interrupted(KeyboardInterrupt):
    """A person stopped a run: ``remedy`` is the command that goes on with it."""

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(remedy)


class HomeBusy(PlimsollError):
    """Another process holds this home."""


def said(text: str, option: str) -> str:
    """A reason or a name, stripped of spaces; ``UsageError`` where it is empty or contains invisible characters."""
    kept = text.strip()
    if not kept:
        raise UsageError(f"{option} is empty", "Give a text: it is kept with the signature")
    if one_line(kept) != kept:
        raise UsageError(
            f"{option} has line breaks or characters that cannot be seen: {one_line(kept)}", "Give visible text"
        )
    return kept
