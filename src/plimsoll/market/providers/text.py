"""A file's bytes as text, or an ``InputError`` that describes the bytes (D3).

The bounds are on what is read into memory, against bombs and runaway files. Nothing of a file reaches a message except
escaped and short.
"""

from __future__ import annotations

from plimsoll.core.errors import InputError
from plimsoll.market.cells import shown

# First bytes of what people give instead of a table, with what to do about it.
_OTHER_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV"),
    (b"%PDF", "a PDF document", "Fetch the data itself as CSV"),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV"),
    (b"\x89HDF", "an HDF5 file", "Export the table as CSV or Parquet"),
    (b"ARROW1", "an Arrow or Feather file", "Save it as Parquet"),
    (b"BZh", "a bzip2 archive", "Unpack it, or compress it with gzip"),
    (b"\xfd7zXZ", "an xz archive", "Unpack it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "Unpack it, or compress it with gzip"),
)


def decoded(data: bytes) -> tuple[str, list[str]]:
    """Text with line feeds between lines and none around it, and notes on how it was read.

    Raises
    ------
    InputError, without the file's name, where the bytes are no text, or a text that is no table.
    """
    for magic, what, remedy in _OTHER_KINDS:
        if data.startswith(magic):
            raise InputError(f"is {what}, not CSV", remedy)
    text, notes = _characters(data)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.strip("\n")
    if not text.strip(' \t\n,;"'):
        raise InputError("is empty", "Download or export it once more")
    _refuse_markup(text)
    return text, notes


def _characters(data: bytes) -> tuple[str, list[str]]:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding).lstrip("\ufeff"), ["is UTF-16 text"]
            except UnicodeDecodeError:
                raise InputError("begins as UTF-16 text and is damaged", "Fetch it again") from None
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise InputError(f"line {line} holds a NUL byte", "The file is damaged or binary; fetch it again")
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), [
            "is not UTF-8 and was read as Latin-1 (Windows-1252): where names look wrong, save it as UTF-8"
        ]


def _refuse_markup(text: str) -> None:
    """A web page, XML or JSON is told from a header in angle brackets (``<DATE>,<OPEN>``) by how it goes on."""
    start = text.lstrip()[:4096]
    first = start.split("\n", 1)[0]
    lower = start.lower()
    if lower.startswith(("<!doctype", "<html", "<head", "<body", "<!--")):
        raise InputError(f"is not CSV but a web page: it begins with {shown(first)}", "Fetch the data itself")
    if lower.startswith(("<?xml", "<rss", "<error", "<response")):
        raise InputError(f"is not CSV but XML: it begins with {shown(first)}", "Fetch the data as CSV")
    if start[0] in "{[" and ('"' in first or len(first.strip()) < 3 or first.lstrip("[ ")[:1].isdigit()):
        raise InputError(
            f"is not CSV but JSON (an answer or an error of a service): it begins with {shown(first)}",
            "Fetch the data as CSV, or write the table in it as CSV or Parquet, with the names of its columns",
        )
