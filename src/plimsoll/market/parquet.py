"""A Parquet file read whole, once the cells stated in its footer are known to fit (D3).

Parquet repeats a value at no cost, so that a file of kilobytes can hold a billion rows.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from plimsoll.core.errors import InputError
from plimsoll.core.unpacking import allowed

if TYPE_CHECKING:
    import polars as pl

_CELL = 8  # bytes


def read(data: bytes, wanted: Callable[[str], bool] = lambda _: True) -> pl.DataFrame:
    """The columns whose names are ``wanted``.

    Raises
    ------
    InputError, without the file's name : it is damaged, a column holds lists or records, or its cells are more than a
        file of its size may unpack to.
    """
    import polars as pl

    try:
        lazy = pl.scan_parquet(io.BytesIO(data))
        schema = {name: kind for name, kind in lazy.collect_schema().items() if wanted(name)}
        for name, kind in schema.items():
            if kind.is_nested() or kind.is_object():
                raise InputError(f"column {name} holds {kind}, not plain values", "Leave it out")
        cells = int(lazy.select(pl.len()).collect().item()) * max(1, len(schema))
        if cells * _CELL > (bound := allowed(len(data))):
            raise InputError(f"unpacks to {cells} cells, more than {bound >> 20} MiB", "Split it")
        return lazy.select(list(schema)).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        detail = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"is not a readable Parquet file ({detail})", "It is cut short or damaged; fetch it again"
        ) from None
