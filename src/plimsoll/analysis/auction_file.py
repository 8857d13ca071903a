"""An auction problem read from a file: JSON or NPZ with the fields of ``AuctionProblem`` (A3).

Every field is checked before anything is solved, and a refusal names the field, its value and what to write instead.
An unknown number is not allowed in a problem: NaN and null are refused, never read as zero or as no limit (U6).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf, isnan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.analysis.array_files import read_npy, read_npz
from plimsoll.capital.auction_problem import AuctionProblem, validated
from plimsoll.core.errors import InputError
from plimsoll.core.unpacking import whole

Floats = NDArray[np.float64]

REQUIRED = (
    "mu", "scenarios", "risk_aversion", "confidence", "cvar_max", "gross_max", "weight_max", "groups", "current",
    "trade_cost",
)  # fmt: skip
OPTIONAL = ("tail_limits", "pairs", "asset", "bids", "assets", "price", "lot", "nav")
_SUFFIXES = (".json", ".npz")
_TEXT_MAX = 256 << 20  # bytes of JSON, which take some ten times as many in memory
_PARTS = {"groups_cap": "groups", "tail_limits_confidence": "tail_limits", "tail_limits_cvar_max": "tail_limits"}


@dataclass(frozen=True, eq=False, slots=True)
class LotSizes:
    """Inputs of rounding: ``price`` (m,) of a unit of each asset, ``lot`` (m,) units in a lot, ``nav``; all > 0."""

    price: Floats
    lot: Floats
    nav: float


@dataclass(frozen=True, eq=False, slots=True)
class NamedProblem:
    """A problem with a name for each bid (n) and each asset (m): the file's own, else ``bid 1``, ``asset 1``.

    ``lots`` is there where the file gives prices.
    """

    problem: AuctionProblem
    bids: tuple[str, ...]
    assets: tuple[str, ...]
    lots: LotSizes | None = None


def read(path: Path) -> NamedProblem:
    """The problem in ``path``, proven well-formed.

    JSON holds an object of the fields as ``AuctionProblem`` describes them: arrays as lists, a group as ``[[bids],
    cap]``, a pair as ``[i, j, cap]``, a tail limit as ``[scenarios, confidence, cvar_max]``; scenarios inline or the
    name of a ``.npy`` file, relative to the problem's; no limit is ``"inf"``. NPZ holds the same as arrays:
    ``groups`` as a (g, n) matrix of 0 and 1 with ``groups_cap`` (g,), ``pairs`` as (p, 3) rows, tail limits as
    ``tail_limits_0`` (T', m) and on with ``tail_limits_confidence`` and ``tail_limits_cvar_max``. ``bids`` and
    ``assets`` may name both sides. ``price`` (m,) of a unit and ``nav``, and ``lot`` (m,), the units in a lot, else one
    unit, ask for the answer in whole lots as well.

    Raises
    ------
    InputError
        The file is missing, cannot be read, or a field is invalid.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{path} is neither .json nor .npz", "Give a problem in one of the two forms")
    fields = _json(path) if path.suffix.lower() == ".json" else _npz(path)
    _known(fields)
    tails = _each("tail_limits", fields.get("tail_limits", ()), ("scenarios", "confidence", "cvar_max"))
    groups = _each("groups", fields["groups"], ("bids", "cap"))
    pairs = _each("pairs", fields.get("pairs", ()), ("asset", "asset", "cap"))
    asset = fields.get("asset")
    problem = AuctionProblem(
        mu=_array("mu", fields["mu"], 1),
        scenarios=_sample("scenarios", fields["scenarios"], path.parent),
        risk_aversion=_number("risk_aversion", fields["risk_aversion"]),
        confidence=_number("confidence", fields["confidence"]),
        cvar_max=_number("cvar_max", fields["cvar_max"]),
        gross_max=_number("gross_max", fields["gross_max"]),
        weight_max=_array("weight_max", fields["weight_max"], 1),
        groups=[
            (_indices(f"groups[{k}] bids", bids), _number(f"groups[{k}] cap", cap))
            for k, (bids, cap) in enumerate(groups)
        ],
        current=_array("current", fields["current"], 1),
        trade_cost=_array("trade_cost", fields["trade_cost"], 1),
        tail_limits=[
            (
                _sample(f"tail_limits[{k}]", sample, path.parent),
                _number(f"tail_limits[{k}] confidence", confidence),
                _number(f"tail_limits[{k}] cvar_max", cap),
            )
            for k, (sample, confidence, cap) in enumerate(tails)
        ],
        pairs=[
            (_index(f"pairs[{k}]", i), _index(f"pairs[{k}]", j), _number(f"pairs[{k}] cap", cap))
            for k, (i, j, cap) in enumerate(pairs)
        ],
        asset=None if asset is None else np.array(_indices("asset", asset), dtype=np.int64),
    )
    form = validated(problem)
    return NamedProblem(
        problem,
        _names("bids", fields.get("bids"), form.bids, "bid"),
        _names("assets", fields.get("assets"), form.assets, "asset"),
        _lots(fields, form.assets),
    )


def _lots(fields: Mapping[str, Any], assets: int) -> LotSizes | None:
    if not any(name in fields for name in ("price", "lot", "nav")):
        return None
    for name in ("price", "nav"):
        if name not in fields:
            raise InputError(f"{name} is missing", "Whole lots need price and nav; lot is one unit unless given")
    nav = _number("nav", fields["nav"])
    price = _array("price", fields["price"], 1)
    lot = _array("lot", fields["lot"], 1) if "lot" in fields else np.ones(assets)
    for name, values, size in (("price", price, assets), ("lot", lot, assets), ("nav", np.array([nav]), 1)):
        if values.shape != (size,):
            raise InputError(f"{name} has shape {values.shape}", f"Give {size} values, one for each asset")
        for i, value in enumerate(values.tolist()):
            if not 0.0 < value < inf:
                raise InputError(f"{name}{f'[{i}]' if name != 'nav' else ''} is {value}", "Give a positive number")
    return LotSizes(price, lot, nav)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(whole(path, _TEXT_MAX).decode("utf-8"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}", "Write the problem as JSON in UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}", "Correct the place it names") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(f"{path} holds a number that cannot be read: {error}", "Write it as a float") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} holds a {type(found).__name__}", "Give an object with the problem's fields")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError(f"{key} is given twice", "Give each field once")
        found[key] = value
    return found


def _npz(path: Path) -> dict[str, Any]:
    """The arrays of an NPZ in the form JSON has: rows for groups, pairs and tail limits."""
    found = read_npz(path)
    fields: dict[str, Any] = {n: v.tolist() for n, v in found.items() if n not in _PARTS and v.ndim < 2}
    matrices = {n: v for n, v in found.items() if n not in _PARTS and v.ndim >= 2}
    fields.setdefault("groups", [])
    if "groups" in matrices or "groups_cap" in found:
        fields["groups"] = _grouped(matrices.pop("groups", np.zeros((0, 0))), found.get("groups_cap", np.zeros(0)))
    if "pairs" in matrices:
        fields["pairs"] = [[_whole(i), _whole(j), cap] for i, j, cap in _rows("pairs", matrices.pop("pairs"), 3)]
    samples = sorted((n for n in matrices if n.startswith("tail_limits_")), key=lambda n: (len(n), n))
    levels = [found.get(n, np.zeros(0)).reshape(-1).tolist() for n in _PARTS if n.startswith("tail_limits_")]
    if samples or any(levels):
        expected = [f"tail_limits_{k}" for k in range(len(samples))]
        if samples != expected or any(len(values) != len(samples) for values in levels):
            raise InputError(
                f"tail_limits has {len(samples)} samples ({', '.join(samples) or 'none'}), {len(levels[0])} values of "
                f"tail_limits_confidence and {len(levels[1])} of tail_limits_cvar_max",
                "Give tail_limits_0 and on, with one value each",
            )
        fields["tail_limits"] = [[matrices.pop(n), c, cap] for n, c, cap in zip(samples, *levels, strict=True)]
    return fields | matrices


def _grouped(members: NDArray[Any], caps: NDArray[Any]) -> list[list[Any]]:
    if members.shape[0] != caps.size or not np.isin(members, (0, 1)).all():
        raise InputError(
            f"groups has shape {members.shape} beside {caps.size} of groups_cap",
            "Give a matrix of 0 and 1, a row a group and a column a bid, and one cap a row",
        )
    return [[np.flatnonzero(row).tolist(), cap] for row, cap in zip(members, caps.reshape(-1).tolist(), strict=True)]


def _rows(name: str, values: NDArray[Any], width: int) -> list[list[Any]]:
    if values.ndim != 2 or values.shape[1] != width:
        raise InputError(f"{name} has shape {values.shape}", f"Give rows of {width} values")
    rows: list[list[Any]] = values.tolist()
    return rows


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _known(fields: Mapping[str, Any]) -> None:
    for name in fields:
        if name not in REQUIRED and name not in OPTIONAL:
            near = get_close_matches(name, (*REQUIRED, *OPTIONAL), 1)
            remedy = f"Did you mean {near[0]}?" if near else "Leave it out"
            raise InputError(f"{name} is not a field of an auction problem", remedy)
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise InputError(f"{', '.join(missing)} is missing", "Give every field of the problem")


def _number(name: str, given: Any) -> float:
    if given == "inf":
        return inf
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise InputError(f"{name} is {_shown(given)}", 'Give a number, or "inf" for no limit')
    try:
        value = float(given)
    except OverflowError:
        raise InputError(f"{name} is {_shown(given)}, too large for a float", "Give a smaller number") from None
    if isnan(value):
        raise InputError(f"{name} is NaN", "Leave out what cannot be measured")
    return value


def _array(name: str, given: Any, depth: int) -> Floats:
    """Nested lists (or an array) of numbers as floats, each checked in its place."""
    if isinstance(given, np.ndarray):
        if given.dtype.kind not in "iuf":
            raise InputError(f"{name} is an array of {given.dtype}", "Give numbers")
        return given.astype(np.float64)
    rows = _list(name, given)
    if depth == 1:
        return np.array([_number(f"{name}[{i}]", value) for i, value in enumerate(rows)], dtype=np.float64)
    found = [_array(f"{name}[{i}]", row, depth - 1) for i, row in enumerate(rows)]
    widths = [row.size for row in found]
    for i, width in enumerate(widths):
        if width != widths[0]:
            raise InputError(f"{name}[{i}] has {width} values, {name}[0] has {widths[0]}", "Give rows of one length")
    return np.array(found, dtype=np.float64).reshape(len(found), widths[0] if widths else 0)


def _sample(name: str, given: Any, folder: Path) -> Floats:
    if not isinstance(given, str):
        return _array(name, given, 2)
    path = folder / given
    if path.suffix.lower() != ".npy":
        raise InputError(f"{name} is {given!r}", "Give rows of returns, or the name of a .npy file")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{name} is {given!r}, which lies outside {folder}", "Put it beside the problem")
    try:
        return _array(name, read_npy(path), 2)
    except InputError as error:
        raise InputError(f"{name}: {error.problem}", error.remedy) from None


def _each(name: str, given: Any, parts: Sequence[str]) -> list[Sequence[Any]]:
    rows = _list(name, given)
    for k, row in enumerate(rows):
        if not isinstance(row, (list, tuple)) or len(row) != len(parts):
            raise InputError(f"{name}[{k}] is {_shown(row)}", f"Give [{', '.join(parts)}]")
    return rows


def _indices(name: str, given: Any) -> list[int]:
    return [_index(f"{name}[{i}]", value) for i, value in enumerate(_list(name, given))]


def _index(name: str, given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or abs(given) > 2**31:
        raise InputError(f"{name} is {_shown(given)}", "Give a whole number, counted from 0")
    return given


def _names(name: str, given: Any, size: int, noun: str) -> tuple[str, ...]:
    if given is None:
        return tuple(f"{noun} {i + 1}" for i in range(size))
    found = _list(name, given)
    wrong = [v for v in found if not isinstance(v, str) or not v.strip()]
    if wrong or len(found) != size:
        told = f"holds {_shown(wrong[0])}" if wrong else f"names {len(found)}, and there are {size}"
        raise InputError(f"{name} {told}", f"Give one text for each {noun}, or leave {name} out")
    return tuple(found)


def _list(name: str, given: Any) -> list[Any]:
    if not isinstance(given, (list, tuple)):
        raise InputError(f"{name} is {_shown(given)}", "Give a list")
    return list(given)


def _shown(value: Any) -> str:
    """A value as the file writes it, cut to a line."""
    words: Callable[[Any], str] = repr if isinstance(value, np.ndarray) else json.dumps
    try:
        text = words(value)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
