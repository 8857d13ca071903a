"""Arrays are judged by their headers before memory is taken, and hold what their headers promise (A3)."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plimsoll.analysis.array_files import read_npy, read_npz
from plimsoll.core.errors import InputError


def promise(shape: tuple[int, ...], held: bytes = b"", kind: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue() + held


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(3),
        np.array(["a", "bc"]),
        np.zeros((0, 4)),
        np.array([True, False]),
        np.array([1, 2], ">i2"),
    ],
)
def test_arrays_come_back_as_numpy_wrote_them(values: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", values)
    np.savez(tmp_path / "plain.npz", x=values)
    np.savez_compressed(tmp_path / "packed.npz", x=values)
    for found in (read_npy(tmp_path / "x.npy"), *(read_npz(tmp_path / f"{n}.npz")["x"] for n in ("plain", "packed"))):
        assert found.dtype == values.dtype and np.array_equal(found, values)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (promise((10**11, 1000), b"\0" * 80), "more than fits into memory"),
        (promise((10**12, 0)), "more than fits into memory"),
        (promise((3,), b"\0" * 16), "promises 24 bytes of shape (3,) and holds 16"),
        (promise((1,), b"\0" * 16), "promises 8 bytes of shape (1,) and holds 16"),
        (promise((1,), b"\0" * 8, "|O"), "array of object"),
        (promise((1,), b"\0" * 8, "<M8[s]"), "array of datetime64"),
        (b"\x93NUMPY\x01\x00", "not a plain array"),
        (b"PK", "not a plain array"),
        (b"", "not a plain array"),
    ],
)
def test_a_header_that_promises_something_else_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as packed:
        packed.writestr("x.npy", content)
    for read in (lambda: read_npy(tmp_path / "x.npy"), lambda: read_npz(tmp_path / "x.npz")):
        with pytest.raises(InputError) as error:
            read()
        assert said in error.value.problem and error.value.remedy


@pytest.mark.parametrize("name", ["x.txt", "a/x.npy", "../x.npy"])
def test_an_archive_of_other_things_is_no_npz(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as packed:
        packed.writestr(name, promise((1,), b"\0" * 8))
    with pytest.raises(InputError, match="not an NPZ of plain arrays"):
        read_npz(tmp_path / "x.npz")


def test_an_array_of_objects_runs_nothing(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return pytest.fail, ("it was read",)

    np.savez(tmp_path / "x.npz", x=np.array([Bomb()], dtype=object))
    with pytest.raises(InputError, match="array of object"):
        read_npz(tmp_path / "x.npz")
