"""The daemon's log, a JSON object a line: ``live.jsonl`` for everything, ``errors.jsonl`` for what went wrong (E2).

A line never holds a secret: values that look like keys, tokens or passwords are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

_SECRET = re.compile(r"(?i)\b([\w-]*(?:secret|password|passwd|token|api[_-]?key|signature)[\w-]*\W{1,5})([^\s,;&\"']+)")
_MOST = 64 * 1024 * 1024
"""Bytes at which a log is begun anew, beside the one before it."""


def redacted(text: str) -> str:
    """A text without the values of keys, tokens and passwords.

    >>> redacted("GET /v2?api_key=abc123&x=1 secret: hunter2")
    'GET /v2?api_key=[redacted]&x=1 secret: [redacted]'
    """
    return _SECRET.sub(r"\1[redacted]", text)


class DaemonLog:
    """The logs in ``folder``; ``now`` gives a line's time, ISO in UTC. A disk that fails loses lines, not orders."""

    def __init__(self, folder: Path, now: Callable[[], str]) -> None:
        self._folder, self._now = folder, now

    def info(self, kind: str, text: str) -> None:
        """Log what happened."""
        self._write("live.jsonl", "info", kind, text)

    def error(self, kind: str, text: str) -> None:
        """Log what went wrong, in both files."""
        self._write("live.jsonl", "error", kind, text)
        self._write("errors.jsonl", "error", kind, text)

    def _write(self, name: str, level: str, kind: str, text: str) -> None:
        line = msgspec.json.encode({"at": self._now(), "level": level, "kind": kind, "text": redacted(text)})
        path = self._folder / name
        try:
            if path.exists() and path.stat().st_size > _MOST:
                path.replace(path.with_suffix(".jsonl.1"))
            with path.open("ab") as file:
                file.write(line + b"\n")
        except OSError:
            return
