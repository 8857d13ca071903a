"""What was read from a source, kept as it was understood: ``raw/{run}/*.json.gz`` (D13).

Gzip without a time stamp: the same content is the same file. ``put`` returns the SHA-256 of the uncompressed JSON,
which the ingestion audit holds, so that a snapshot's rows can be traced to bytes on disk.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

_LEVEL = 1  # 1.1 million rows must take seconds; a higher level saves a tenth of the space for five times the time


class RawArchive:
    """A folder of runs, each a folder of one compressed JSON document per symbol or source."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, run: str, name: str, content: Any) -> str:
        """Write ``content`` (structs, mappings, sequences, numbers, float or int arrays) as ``name``.

        Arrays become lists, NaN ``null``.
        """
        payload = msgspec.json.encode(content, enc_hook=_plain, order="sorted")
        folder = self._folder / quote(run, safe="")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{quote(name, safe='^=-')}.json.gz"
        draft = path.with_suffix(".part")
        draft.write_bytes(gzip.compress(payload, _LEVEL, mtime=0))
        draft.replace(path)
        return hashlib.sha256(payload).hexdigest()

    def get(self, run: str, name: str) -> Any:
        """The document as plain lists, dicts and numbers."""
        path = self._folder / quote(run, safe="") / f"{quote(name, safe='^=-')}.json.gz"
        return msgspec.json.decode(gzip.decompress(path.read_bytes()))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in the raw archive")
