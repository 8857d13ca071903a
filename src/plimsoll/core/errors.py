"""Errors a person can act on. Each carries the exit code a command ends with (O10).

``PlimsollError`` is raised only for what an operator has to mend. An expected refusal (a veto, a gate) is a
value, never an exception.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_CHECK_FAILED = 3
EXIT_HALTED = 4


class PlimsollError(Exception):
    """Something is wrong that a person can mend: the message names the thing, the value and the remedy."""

    exit_code = EXIT_ERROR

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        stop = "" if problem.endswith(("?", ".")) else "."
        super().__init__(f"{problem}{stop} {remedy}" if remedy else problem)


class InputError(PlimsollError):
    """A file, an argument or a policy is not what it must be."""


class UsageError(PlimsollError):
    """The command's words are off: unknown names, a span that cannot be run."""

    exit_code = EXIT_USAGE


class CheckFailed(PlimsollError):
    """A gate, a verification or a certification did not pass."""

    exit_code = EXIT_CHECK_FAILED


class StrategyFailed(PlimsollError):
    """A strategy raised while it was asked, and the run was not told to go on (E4)."""


class Halted(PlimsollError):
    """The system refuses to go on until a person acts (D7, G7)."""

    exit_code = EXIT_HALTED


class CorruptionError(CheckFailed):
    """Stored bytes are not what was written: a snapshot or a journal was altered or torn."""


class HomeBusy(PlimsollError):
    """Another process holds this home."""
