"""How a command ends: exit codes, one actionable message, and the same as JSON (O10)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from plimsoll.cli.terminal import json_text, say
from plimsoll.core.errors import EXIT_ERROR, EXIT_USAGE, Interrupted, PlimsollError

INTERRUPTED = 130  # 128 + SIGINT, as shells expect


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Turn an error that a person can correct into ``error: …`` on stderr and its exit code.

    With ``as_json`` stdout has the error as an object too, so that its reader always finds one. A defect of ours is not
    caught: its traceback is needed.
    """
    try:
        yield
    except PlimsollError as error:
        raise fail(error.problem, error.remedy, error.exit_code, as_json) from None
    except SystemExit as error:  # no command ends this way: a strategy's own code did
        problem = f"the run was ended by code it called (SystemExit {error.code})"
        raise fail(problem, "Fix the strategy: it may not end the process", EXIT_ERROR, as_json) from None
    except Interrupted as error:
        raise fail("interrupted", error.remedy, INTERRUPTED, as_json) from None
    except KeyboardInterrupt:
        raise fail("interrupted", "Nothing is half-written; run the command again", INTERRUPTED, as_json) from None
    except BrokenPipeError:
        raise _reader_left() from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise fail(
            f"{name}{error.strerror or error}", "Check the path, the disk and permissions", EXIT_ERROR, as_json
        ) from None
    except MemoryError:
        raise fail("out of memory", "Take fewer symbols or a shorter span", EXIT_ERROR, as_json) from None


def fail(problem: str, remedy: str, exit_code: int, as_json: bool) -> typer.Exit:
    """Print the problem and its remedy; returns the exit to raise."""
    try:
        sys.stdout.flush()
    except OSError:  # stdout itself may be the problem: a full disk
        _discard_stdout()
    say(f"error: {problem}", err=True)
    if remedy:
        say(f"       {remedy}", err=True)
    if as_json:
        say(json_text({"error": problem, "remedy": remedy, "exit_code": exit_code}))
    return typer.Exit(exit_code)


_Refused: Any = typer.BadParameter.__mro__[2]  # ClickException, wherever this version of typer keeps it


class CommandGroup(TyperGroup):
    """The group of commands; with ``--json`` a usage error is an object on stdout too, as all others are (O10)."""

    _words: Sequence[str] = ()

    def invoke(self, ctx: Any) -> Any:
        """Run the command of a context; a figure that cannot be read is refused with the word that was given."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            _with_value(error, self._words)
            raise

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run a command line."""
        words = self._words = list(sys.argv[1:] if args is None else args)
        if (option := _empty(words)) and extra.get("standalone_mode", True):
            remedy = "Give a value, or leave it out; a shell variable may be unset"
            sys.exit(fail(f"{option} is empty", remedy, EXIT_USAGE, "--json" in words).exit_code)
        if not extra.get("standalone_mode", True) or "--json" not in words:
            return super().main(args, *more, **extra)
        try:
            code = super().main(words, *more, **{**extra, "standalone_mode": False})
        except _Refused as error:
            error.show()
            told = {"error": error.format_message(), "remedy": "See --help", "exit_code": error.exit_code}
            say(json_text(told))
            code = error.exit_code
        except typer.Abort:
            say("Aborted.", err=True)
            code = EXIT_ERROR
        sys.exit(code if isinstance(code, int) else 0)


def _empty(words: Sequence[str]) -> str:
    """The first option or argument given as an empty text, which would stand for one that was not given; "" if none."""
    for number, word in enumerate(words):
        if word.startswith("--") and word.endswith("="):
            return word[:-1]
        if not word:
            before = words[number - 1] if number else ""
            return before if before.startswith("-") else "an argument"
    return ""


def _with_value(error: Any, words: Sequence[str]) -> None:
    """Name the value of an option in the error about it, and say how a figure is written."""
    value = next((v for name in getattr(error.param, "opts", ()) if (v := _given(name, words)) is not None), None)
    if value is None or repr(value) in error.message or not error.message.startswith("Input should be a valid"):
        return
    plain = value.replace(",", "").replace("_", "").replace(" ", "")
    remedy = f": write {plain}" if plain != value and plain.replace(".", "", 1).isdigit() else ""
    kind = "a whole number" if "integer" in error.message else "a number"
    error.message = f"{value!r} is not {kind}{remedy}"


def _given(name: str, words: Sequence[str]) -> str | None:
    """What stands behind an option among the words of a command line."""
    for at, word in enumerate(words):
        if word == name and at + 1 < len(words):
            return words[at + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def hold_streams() -> None:
    """Open the null device where a caller closed stdout or stderr, so that no file of ours takes its descriptor."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r" if name == "stdin" else "w"))


def _reader_left() -> typer.Exit:
    """The reader of our output closed it (``| head``): end quietly, without Python's error at exit."""
    _discard_stdout()
    return typer.Exit(EXIT_ERROR)


def _discard_stdout() -> None:
    """Point stdout at the null device, so that what is still buffered can be flushed at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
