"""Read arrays of numbers or text from .npy and .npz files of bounded size (A3).

A header may state any shape and a member may unpack to gigabytes: the stated size is checked before memory is used,
and the content must match it. Arrays of objects run code when they are read and are refused.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.core.errors import InputError
from plimsoll.core.unpacking import BYTES_MAX, unzip, whole

_FEWER = "Give fewer scenarios, or write the file again if its header is damaged"
_PLAIN = "biufU"  # kinds of numbers and text
_NPY = ".npy"


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file; ``InputError`` where it is none, or larger than memory should be asked for."""
    return _array(str(path), whole(path))


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file by name; ``InputError`` as ``read_npy``, and where it is not safe to unpack."""
    data = whole(path)
    found = {}
    try:
        for member, content in unzip(data):
            name = member.removesuffix(_NPY)
            if name == member or "/" in name:
                raise InputError(f"holds {member!r}, which is not an array", "Write it with numpy.savez")
            found[name] = _array(name, content)
    except InputError as error:
        raise InputError(f"{path} is not an NPZ of plain arrays: {error.problem}", error.remedy) from None
    return found


def _array(name: str, data: bytes) -> NDArray[Any]:
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(file)
    except (ValueError, EOFError) as error:
        raise InputError(f"{name} is not a plain array: {error}", "Write it with numpy.save") from None
    if kind.kind not in _PLAIN:
        raise InputError(f"{name} is an array of {kind}", "Give numbers, or text for bids and assets")
    if math.prod(max(size, 1) for size in shape) * max(kind.itemsize, 1) > BYTES_MAX:
        raise InputError(f"{name} of shape {shape} holds more than fits into memory", _FEWER)
    body = data[file.tell() :]
    if len(body) != math.prod(shape) * kind.itemsize:
        raise InputError(
            f"{name} promises {math.prod(shape) * kind.itemsize} bytes of shape {shape} and holds {len(body)}",
            "Write it again",
        )
    values = np.frombuffer(body, kind) if body else np.empty(0, kind)
    return values.reshape(shape, order="F" if fortran else "C")
