"""The published panel on disk: immutable, named by its content, mapped into memory (D14).

A snapshot is a folder: one uncompressed ``.npy`` per array and ``manifest.json``. The manifest's ``content`` lists
everything that is not an array and the SHA-256 of everything that is; the folder's name is the SHA-256 of that
content, so a changed byte anywhere is found. Which run published it stands beside the content, outside the hash:
the same data ingested twice is the same snapshot.

``write`` and ``load`` import nothing but numpy and msgspec: a backtest starts here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.core.errors import CheckFailed, CorruptionError, InputError, UsageError
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import FIELDS, Certification, Certified, Panel
from plimsoll.core.sessions import Sessions

FORMAT = 2
UNDATED = 1  # the format before what was known by each session was kept: it can be looked at, nothing may start from it
MANIFEST = "manifest.json"
POINTER = "CURRENT"
_POINTER_MAX = 256  # bytes: a hash and a line feed
DATED = ("sound", "quality", "ended", "late")
OLD_ARRAYS = (*FIELDS, "fresh", "macro", "days", "opens", "closes")
ARRAYS = (*OLD_ARRAYS, *DATED)
_REMEDY = "Run `plimsoll ingest` on the same source again to publish it again"


class Stored(msgspec.Struct, frozen=True):
    """One array on disk: its size in bytes and SHA-256."""

    size: int
    sha256: str


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the hash covers."""

    format: int
    arrays: dict[str, Stored]
    next_day: int
    instruments: tuple[Instrument, ...]
    certifications: tuple[Certification, ...]
    macro_names: tuple[str, ...]
    synthetic: bool
    derived_universe: bool


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``content`` and the run that first published it."""

    content: Content
    run: str


def write(panel: Panel, root: Path, run: str = "") -> Path:
    """Publish a panel under ``root`` and return its folder, named by the content's hash.

    The panel's own ``snapshot`` is ignored. The folder appears complete or not at all; one that is there already
    and intact is left as it is, a damaged one is replaced.
    """
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(".writing-*"):  # by a process that died; the home's lock keeps the living apart
        shutil.rmtree(left, ignore_errors=True)
    workshop = root / f".writing-{os.getpid()}"
    workshop.mkdir()
    try:
        arrays = {name: _save(workshop / f"{name}.npy", values) for name, values in _arrays(panel)}
        content = _content(panel, arrays)
        folder = root / _hash(content)
        manifest = msgspec.json.format(msgspec.json.encode(Manifest(content, run), order="sorted"), indent=1)
        _durable(workshop / MANIFEST, manifest)
        if not _intact(folder):
            shutil.rmtree(folder, ignore_errors=True)
            workshop.rename(folder)
            _sync(root)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return folder


def load(folder: Path) -> Panel:
    """The panel in ``folder``, its arrays mapped read-only, every byte checked against the manifest.

    Raises ``InputError`` when there is no snapshot, ``CorruptionError`` naming the first file that differs,
    ``CheckFailed`` when not one bar of what was ingested could be used.
    """
    content = read_manifest(folder).content
    if not any(one.rows for one in content.certifications):
        raise CheckFailed(f"The snapshot {folder.name} holds no usable bar", "See `plimsoll verify status`")
    arrays = {name: _open(folder, name, content.arrays) for name in _names(content)}
    sessions = Sessions(arrays["days"], arrays["opens"], arrays["closes"], content.next_day)
    return Panel(
        sessions=sessions,
        instruments=content.instruments,
        **{name: arrays[name] for name in FIELDS},
        fresh=arrays["fresh"],
        certifications=content.certifications,
        macro=arrays["macro"],
        macro_names=content.macro_names,
        snapshot=folder.name,
        synthetic=content.synthetic,
        derived_universe=content.derived_universe,
        plain=(),
        dated=None if content.format == UNDATED else Certified(*(arrays[name] for name in DATED)),
    )


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone, its own hash checked against the folder's name; the arrays are not read."""
    path = folder / MANIFEST
    try:
        read = path.read_bytes()
        manifest = msgspec.json.decode(read, type=Manifest)
        plain = msgspec.json.decode(read)["content"]  # as written: a field added since must not change its hash
    except FileNotFoundError:
        raise InputError(f"There is no snapshot at {folder}", "Run `plimsoll ingest` first") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CorruptionError(f"{path} cannot be read: {error}", _REMEDY) from None
    if manifest.content.format not in (UNDATED, FORMAT):
        found = manifest.content.format
        raise CorruptionError(f"{path} has format {found}, this version reads {UNDATED} and {FORMAT}", _REMEDY)
    if _hash(plain) != folder.name:
        raise CorruptionError(f"{path} is not what was published: its hash differs from {folder.name}", _REMEDY)
    return manifest


def check(folder: Path) -> None:
    """Compare every array with the manifest; ``CorruptionError`` names the first file that differs."""
    content = read_manifest(folder).content
    for name in _names(content):
        _open(folder, name, content.arrays)


def set_current(root: Path, folder: Path) -> None:
    """Make ``folder`` the snapshot that everything reads from now on; atomic."""
    draft = root / f".{POINTER}-{os.getpid()}"
    _durable(draft, f"{folder.name}\n".encode())
    draft.replace(root / POINTER)
    _sync(root)


def current(root: Path) -> Path:
    """The folder of the current snapshot. ``InputError`` when nothing was published yet, ``CorruptionError`` when what
    was published is gone.
    """
    pointer = root / POINTER
    try:
        plain = pointer.is_file() and pointer.stat().st_size <= _POINTER_MAX  # a pipe would be waited for
        name = pointer.read_text(encoding="ascii").strip() if plain or not pointer.exists() else ""
    except FileNotFoundError:
        raise InputError(f"{root} holds no certified snapshot", "Run `plimsoll ingest` first") from None
    except UnicodeDecodeError:
        name = ""
    if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
        raise CorruptionError(f"{pointer} does not name a snapshot", _REMEDY)
    if not (root / name / MANIFEST).is_file():
        raise CorruptionError(f"{pointer} names {name}, whose {MANIFEST} is not there", _REMEDY)
    return root / name


def named(root: Path, name: str) -> Path:
    """The folder of the published snapshot whose hash begins with ``name``; ``UsageError`` for none or several."""
    found = sorted(p.parent for p in root.glob(f"*/{MANIFEST}") if p.parent.name.startswith(name))
    if len(found) == 1:
        return found[0]
    there = found or sorted(p.parent for p in root.glob(f"*/{MANIFEST}"))
    held = ", ".join(p.name[:16] for p in there[:8]) + (" …" if len(there) > 8 else "")
    raise UsageError(
        f"{len(found) or 'no'} snapshots of {root} begin with {name!r}",
        f"Name one of {held}, or leave --snapshot out for the newest",
    )


def _arrays(panel: Panel) -> Iterator[tuple[str, NDArray[Any]]]:
    for name in (*FIELDS, "macro"):
        yield name, np.ascontiguousarray(getattr(panel, name), dtype=np.float64)
    yield "fresh", np.ascontiguousarray(panel.fresh, dtype=np.bool_)
    for name in DATED:
        kind = np.float64 if name == "quality" else np.bool_
        yield name, np.ascontiguousarray(getattr(panel.certified, name), dtype=kind)
    for name in ("days", "opens", "closes"):
        yield name, np.ascontiguousarray(getattr(panel.sessions, name), dtype=np.int64)


def _content(panel: Panel, arrays: dict[str, Stored]) -> Content:
    return Content(
        format=FORMAT,
        arrays=arrays,
        next_day=int(panel.sessions.next_day),
        instruments=panel.instruments,
        certifications=panel.certifications,
        macro_names=panel.macro_names,
        synthetic=panel.synthetic,
        derived_universe=panel.derived_universe,
    )


def _names(content: Content) -> tuple[str, ...]:
    return OLD_ARRAYS if content.format == UNDATED else ARRAYS


def _hash(content: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _save(path: Path, values: NDArray[Any]) -> Stored:
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return Stored(path.stat().st_size, _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(folder: Path, name: str, stored: dict[str, Stored]) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    try:
        _check(path, stored[name])
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except KeyError:
        raise CorruptionError(f"{folder / MANIFEST} does not list {name}", _REMEDY) from None
    except (OSError, ValueError) as error:
        raise CorruptionError(f"{path} cannot be read: {error}", _REMEDY) from None


def _check(path: Path, stored: Stored) -> None:
    size = path.stat().st_size
    if size != stored.size:
        raise CorruptionError(f"{path} has {size} bytes, {stored.size} were published", _REMEDY)
    if _digest(path) != stored.sha256:
        raise CorruptionError(f"{path} is not what was published: its hash differs from the manifest's", _REMEDY)


def _intact(folder: Path) -> bool:
    try:
        manifest = read_manifest(folder)
        for name in _names(manifest.content):
            _check(folder / f"{name}.npy", manifest.content.arrays[name])
    except (CorruptionError, InputError, KeyError, OSError):
        return False
    return True


def _durable(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
