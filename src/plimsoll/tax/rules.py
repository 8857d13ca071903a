"""The dated rules of Form 8949, Schedule D and wash sales that figures depend on (X8).

Sources: Publication 550 and Reg. 1.1091-1 and -2 (wash sales), Rev. Rul. 2008-5 (a replacement in an IRA), Rev. Rul.
66-7 (more than a year), instructions of Form 8949 and Schedule D (boxes, codes, lines), Reg. 1.1012-1(j) and Notice
2026-20 (lots of digital assets).
"""

from __future__ import annotations

from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import msgspec

from plimsoll.core.errors import InputError
from plimsoll.core.unpacking import whole

METHODS = ("fifo", "lifo", "hifo", "specific")
SHORT_BOXES, LONG_BOXES = "ABC", "DEF"  # basis reported, not reported, no form received
DIGITAL_SHORT_BOXES, DIGITAL_LONG_BOXES = "GHI", "JKL"
UNDECIDED = "Y"  # a received form that leaves the box open: the owner decides
LINES = {"1b": "AG", "2": "BH", "3": "CI", "8b": "DJ", "9": "EK", "10": "FL"}  # of Schedule D, and the boxes each sums


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a year's figures depend on besides the trades.

    ``identical`` are groups of symbols whose losses and purchases count as of one security; ``collectibles`` trusts
    whose gains are collectibles'; ``partnerships`` funds that send a Schedule K-1. ``crypto_wash_sales_from`` is the
    first day on which a loss of a crypto asset can be a wash sale, None while that is not law. From
    ``crypto_instruction_from`` lots of a crypto asset other than the first are only sold where the broker was told so
    before.
    """

    window_days: int = 30
    digital_boxes_from: date = date(2025, 1, 1)
    crypto_instruction_from: date = date(2027, 1, 1)
    crypto_wash_sales_from: date | None = None
    identical: tuple[tuple[str, ...], ...] = ()
    collectibles: tuple[str, ...] = ()
    partnerships: tuple[str, ...] = ()

    def group(self, symbol: str) -> str:
        """What stands for the symbols that are substantially identical to one: the first of its group."""
        return next((group[0] for group in self.identical if symbol in group), symbol)

    def wash_sales(self, kind: str, sold: date) -> bool:
        """Whether a loss of a kind of asset on a day can be a wash sale."""
        if kind == "crypto":
            return self.crypto_wash_sales_from is not None and sold >= self.crypto_wash_sales_from
        return True


def shipped() -> Rules:
    """The rules as they came with this version (``tax/rules.json``)."""
    return msgspec.json.decode(files("plimsoll.tax").joinpath("rules.json").read_bytes(), type=Rules)


def read(path: Path) -> Rules:
    """Rules of one's own: a JSON object with the fields of ``Rules`` that differ from the shipped ones.

    Raises
    ------
    InputError
        The file cannot be read, or holds what is no rule.
    """
    try:
        changed = msgspec.json.decode(whole(path), type=dict[str, object])
        found = msgspec.convert(msgspec.to_builtins(shipped()) | changed, Rules)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(
            f"{path} holds no rules of tax ({error})", f"Its fields are {', '.join(Rules.__struct_fields__)}"
        ) from None
    seen = [symbol for group in found.identical for symbol in group]
    if twice := sorted({s for s in seen if seen.count(s) > 1}):
        raise InputError(f"{path}: {twice[0]} is in two groups of identical symbols", "Put them into one group")
    return found


def long_term(start: date, sold: date) -> bool:
    """Whether an asset was held for more than a year: its holding period begins on the day after it was acquired.

    A year is over on the same day of the next year; acquired on the last day of a month, on the first day of the
    thirteenth month after it (Rev. Rul. 66-7).
    """
    first = start + timedelta(days=1)
    try:
        return sold >= first.replace(year=first.year + 1)
    except ValueError:  # 29 February: the year ends with that month
        return sold >= date(first.year + 1, 3, 1)


def box_of(*, digital: bool, long: bool, reported: bool | None) -> str:
    """The box of Form 8949; ``reported``: whether the form received reports the basis, None where none was received."""
    boxes = (DIGITAL_LONG_BOXES if long else DIGITAL_SHORT_BOXES) if digital else (LONG_BOXES if long else SHORT_BOXES)
    return boxes[2 if reported is None else 1 - int(reported)]
