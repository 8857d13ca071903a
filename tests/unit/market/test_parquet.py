"""A Parquet file is judged by the cells its footer tells before it is read (D3)."""

from __future__ import annotations

import io

import polars as pl
import pytest

from plimsoll.core import unpacking
from plimsoll.core.errors import InputError
from plimsoll.market import parquet


def packed(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def test_a_value_repeated_beyond_what_its_file_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(pl.DataFrame({"a": pl.repeat(1.0, 1_000_000, eager=True), "b": pl.repeat(1, 1_000_000, eager=True)}))
    assert len(data) < 50_000
    monkeypatch.setattr(unpacking, "FREE", 10_000_000)
    with pytest.raises(InputError, match="unpacks to 2000000 cells, more than 9 MiB"):
        parquet.read(data)
    assert parquet.read(data, lambda name: name == "a").shape == (1_000_000, 1)


def test_only_plain_values_of_wanted_columns_are_read() -> None:
    data = packed(pl.DataFrame({"a": [1.0], "b": [[1.0]], "c": [{"x": 1}]}))
    assert parquet.read(data, lambda name: name == "a").rows() == [(1.0,)]
    for name in "bc":
        with pytest.raises(InputError, match=f"column {name} holds"):
            parquet.read(data, lambda one, name=name: one == name)


@pytest.mark.parametrize("cut", [0, 4, 40, -8])
def test_a_file_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(InputError, match="not a readable Parquet file"):
        parquet.read(packed(pl.DataFrame({"a": [1.0]}))[:cut])
