"""Text to the terminal, with every control character escaped (O10)."""

from __future__ import annotations

import json
import re
from typing import Any

import typer

from plimsoll.core.errors import printable

_NOT_ASCII = re.compile("[\x7f-\U0010ffff]")


def say(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text, every character that could control the terminal or reorder a line escaped."""
    typer.echo(printable(str(text)), err=err, nl=nl)


def note(words: str) -> None:
    """Print a note for a person on stderr."""
    say(f"note: {words}", err=True)


def json_text(value: Any, indent: int = 0) -> str:
    r"""A value as JSON in which what ``printable`` escapes is escaped as JSON does it; absent figures are null.

    >>> json_text({"reason": "a\x9b31m\u202eb\x7f é"})
    '{"reason": "a\\u009b31m\\u202eb\\u007f é"}'
    """
    import msgspec

    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=indent).decode()
    except UnicodeEncodeError:  # half of a pair, from bytes that are no UTF-8: the library refuses it
        plain = msgspec.to_builtins(value)
        text = json.dumps(plain, indent=indent or None)
    return _NOT_ASCII.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    one = found[0]
    if printable(one) == one:
        return one
    return json.dumps(one)[1:-1] if ord(one) > 0x7F else f"\\u{ord(one):04x}"
