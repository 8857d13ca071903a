"""The universe file: the only source of symbols (D1, D2, D16).

JSON or YAML: a list of symbols, or a mapping from symbol to what is known of it. An absent key is inferred from
the symbol's suffix; a key that contradicts the suffix is refused.

.. code-block:: yaml

    SPY:  {kind: fund, max_weight: 0.40, stop: 0.12}
    AAPL: {kind: stock, sector: Information Technology, members: [{start: 1982-11-30}]}
    BTC-USD:
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_args

from plimsoll.core.dates import day_number
from plimsoll.core.errors import InputError, UsageError
from plimsoll.core.instrument import Instrument, Kind, Membership, VolumeUnit
from plimsoll.core.unpacking import whole
from plimsoll.market.calendars import CALENDARS
from plimsoll.market.instruments import Plain, calendar_of, canonical, infer, suffix_kind

KEYS = (
    "kind",
    "sector",
    "calendar",
    "max_weight",
    "volatility_target",
    "stop",
    "lot",
    "volume_unit",
    "members",
    "currency",
    "aliases",
)
# What others' universe files carry and nothing here uses yet: a field that does nothing is refused, not stored (D2).
IDLE = {
    "tick": ("no price is rounded to it yet", "Take it out"),
    "multiplier": (
        "a contract's multiplier is not used yet, and without it a position has the wrong size",
        "Take the future out, or give prices of one unit and no multiplier",
    ),
}
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "plain")  # that is to give none
UNITS: tuple[VolumeUnit, ...] = get_args(VolumeUnit)
BYTES_MAX = 16 << 20
TEXT_MAX = 80

T = TypeVar("T", bound=str)


def read(path: Path, plain_symbols_are: Plain = "plain") -> tuple[Instrument, ...]:
    """The instruments of a universe file, in its order.

    Parameters
    ----------
    path : a file of JSON, or of YAML 1.2 when it ends in .yaml or .yml.
    plain_symbols_are : kind of a symbol without suffix and without ``kind``; plain until a run's policy says (D2).

    Raises
    ------
    InputError naming the file, the symbol and the key: unreadable, unknown keys, a kind that contradicts the
    suffix, a value out of range, a symbol given twice (also under two spellings), or no symbol at all.
    """
    document = _document(path)
    if isinstance(document, Mapping) and "universe" in document:
        _refuse_unknown(path.name, document, ("derived", "universe"))
        document = document["universe"]
    instruments: dict[str, Instrument] = {}
    for symbol, entry in _entries(path.name, document):
        try:
            instrument = _instrument(symbol, entry, plain_symbols_are)
        except InputError as error:
            raise InputError(f"{path.name}: {error.problem}", error.remedy) from None
        if instrument.symbol in instruments:
            raise InputError(f"{path.name}: {instrument.symbol} is given twice", "Keep one entry")
        instruments[instrument.symbol] = instrument
    if not instruments:
        raise InputError(f"{path.name} holds no symbols", "Name at least one")
    _refuse_shared_aliases(path.name, instruments)
    return tuple(instruments.values())


def write(path: Path, instruments: Iterable[Instrument], derived: bool) -> None:
    """Write a universe that ``read`` gives back, as JSON (which is YAML too).

    ``derived`` marks one that was taken from a source instead of chosen (D1). The file appears whole or not at
    all.
    """
    entries = {i.symbol: _entry(i) for i in instruments}
    text = json.dumps({"derived": derived, "universe": entries}, indent=2) + "\n"
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _document(path: Path) -> object:
    if path.is_dir():
        raise InputError(f"{path} is a folder", "Give the universe file itself")
    if not path.exists():
        raise InputError(f"{path} does not exist", "Give the path of a universe file")
    try:
        text = whole(path, BYTES_MAX).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8", "Save it as UTF-8") from None
    if not text.strip():
        raise InputError(f"{path} is empty", "Name at least one symbol")
    return _yaml(path, text) if path.suffix.lower() in (".yaml", ".yml") else _json(path, text)


def _json(path: Path, text: str) -> object:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [k for k, _ in pairs]
        twice = sorted({k for k in keys if keys.count(k) > 1}) if len(set(keys)) < len(keys) else []
        if twice:
            raise InputError(f"{path.name}: {twice[0][:TEXT_MAX]!a} is given twice", "Keep one entry")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{path.name} is not JSON: {error.msg} at {where}", "Correct it, or name it .yaml") from None
    except RecursionError:
        raise InputError(f"{path.name} is nested too deeply", "Give symbols and their entries") from None


def _yaml(path: Path, text: str) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        problem = str(error.problem or error.context).splitlines()[0]
        raise InputError(f"{path.name} is not YAML: {problem}{where}", "Correct it") from None
    except (YAMLError, ValueError, RecursionError) as error:
        detail = str(error).splitlines()[0][:TEXT_MAX] if str(error) else type(error).__name__
        raise InputError(f"{path.name} is not YAML: {detail}", "Correct it") from None


def _entries(name: str, document: object) -> list[tuple[object, object]]:
    if isinstance(document, Mapping):
        return list(document.items())
    if isinstance(document, list):
        return [(symbol, None) for symbol in document]
    raise InputError(f"{name} holds {_typed(document)}", "Give a list of symbols, or a mapping from symbol to entry")


def _instrument(symbol: object, entry: object, plain: Plain) -> Instrument:
    if not isinstance(symbol, str):
        raise InputError(f"a symbol was read as {_typed(symbol)}", "Put it in quotes")
    name = canonical(symbol)
    entry = {} if entry is None else entry
    if not isinstance(entry, Mapping):
        raise InputError(f"the entry of {name} is {_typed(entry)}", f"Give a mapping of {', '.join(KEYS)}")
    for key, (why, remedy) in IDLE.items():
        if key in entry:
            raise InputError(f"{key} of {name} cannot be used: {why}", remedy)
    _refuse_unknown(name, entry, KEYS)
    kind = _kind(name, entry, plain)
    base = infer(name, plain)
    given: dict[str, Any] = {"symbol": name, "kind": kind, "calendar": calendar_of(name, kind)}
    given["lots_per_unit"] = _lots_per_unit(name, entry["lot"]) if _has(entry, "lot") else base.lots_per_unit
    given["volume_unit"] = _choice(name, entry, "volume_unit", UNITS) or base.volume_unit
    given["calendar"] = _choice(name, entry, "calendar", tuple(CALENDARS)) or given["calendar"]
    given["currency"] = _currency(name, entry) or base.currency
    given["sector"] = _text(name, entry, "sector")
    for key in ("max_weight", "stop"):
        given[key] = _figure(name, entry, key, 0.0, 1.0, "a fraction: 0.15 is 15 %")
    given["volatility_target"] = _figure(name, entry, "volatility_target", 0.0, 5.0, "a fraction: 0.15 is 15 % a year")
    given["members"] = _members(name, entry.get("members"))
    given["aliases"] = _aliases(name, entry.get("aliases"))
    return Instrument(**given)


def _has(entry: Mapping[Any, Any], key: str) -> bool:
    return entry.get(key) is not None


def _refuse_unknown(name: str, entry: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for key in entry:
        if key not in known:
            shown = f"{key[:TEXT_MAX]!a}" if isinstance(key, str) else _typed(key)
            raise InputError(f"{name} has an unknown key {shown}", f"Known are {', '.join(known)}")


def _kind(name: str, entry: Mapping[Any, Any], plain: Plain) -> Kind:
    given = _choice(name, entry, "kind", KINDS)
    implied = suffix_kind(name)
    allowed = (implied,) if implied else ("stock", "fund")
    if given is None:
        return implied or plain
    if given not in allowed:
        means = f"its suffix means {implied}" if implied else "a symbol without suffix is a stock or a fund"
        raise InputError(f"{name} is given as {given} but {means}", "Correct the kind or the symbol")
    kind: Kind = next(k for k in KINDS if k == given)
    return kind


def _choice(name: str, entry: Mapping[Any, Any], key: str, choices: tuple[T, ...]) -> T | None:
    value = entry.get(key)
    if value is None:
        return None
    for choice in choices:
        if value == choice:
            return choice
    raise InputError(f"{key} of {name} is {_typed(value)}", f"Give one of {', '.join(choices)}")


def _text(name: str, entry: Mapping[Any, Any], key: str) -> str | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_MAX or not value.isprintable():
        raise InputError(f"{key} of {name} is {_typed(value)}", f"Give a text of at most {TEXT_MAX} characters")
    return value.strip()


def _currency(name: str, entry: Mapping[Any, Any]) -> str | None:
    """The currency of an entry's prices: the account's, until others are converted (D2)."""
    given = _text(name, entry, "currency")
    if given is not None and given != "USD":
        raise InputError(
            f"the currency of {name} is {given[:TEXT_MAX]!a}, and the account is in USD",
            "Convert its prices to USD and give currency: USD, or take it out",
        )
    return given


def _figure(name: str, entry: Mapping[Any, Any], key: str, above: float, most: float, meaning: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not above < value <= most:
        raise InputError(
            f"{key} of {name} is {_typed(value)}", f"Give a number above {above:g}, at most {most:g}; it is {meaning}"
        )
    return float(value)


def _lots_per_unit(name: str, value: object) -> int:
    """Lots in one unit from the lot's size, 1 or a whole part of one (U8).

    >>> _lots_per_unit("BTC-USD", 0.0001)
    10000
    """
    remedy = "Give 1, or a whole part of one unit such as 0.0001"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1e-9 <= value <= 1:
        raise InputError(f"lot of {name} is {_typed(value)}", remedy)
    parts = 1 / Decimal(str(value))
    if parts != parts.to_integral_value():
        raise InputError(f"lot of {name} is {value}, not a whole part of one unit", remedy)
    return int(parts)


def _members(name: str, value: object) -> tuple[Membership, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value or not all(isinstance(v, Mapping) for v in value):
        raise InputError(f"members of {name} is {_typed(value)}", "Give a list of {start, end}")
    spans = []
    for span in value:
        _refuse_unknown(f"members of {name}", span, ("start", "end"))
        start, end = (_date(name, span.get(k)) for k in ("start", "end"))
        if start and end and start > end:
            raise InputError(f"members of {name} end on {end}, before they start on {start}", "Exchange them")
        spans.append(Membership(start, end))
    for earlier, later in pairwise(spans):
        if earlier.end is None or later.start is None or later.start <= earlier.end:
            raise InputError(f"members of {name} overlap or are out of order", "Give them by date")
    return tuple(spans)


def _date(name: str, value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)[:10] if hasattr(value, "isoformat") else ""
    try:
        day_number(text)
    except UsageError:
        raise InputError(f"a membership date of {name} is {_typed(value)}", "Give it as YYYY-MM-DD") from None
    return text


def _aliases(name: str, value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"aliases of {name} is {_typed(value)}", "Give a mapping from provider to symbol")
    for provider, alias in value.items():
        if not (isinstance(provider, str) and isinstance(alias, str)):
            raise InputError(f"aliases of {name} hold {_typed(alias)}", "Put providers and symbols in quotes")
        canonical(alias)
    return dict(value)


def _refuse_shared_aliases(file: str, instruments: Mapping[str, Instrument]) -> None:
    """An alias stands for one identity: it is no other entry's symbol, nor its alias at the same provider."""
    owners: dict[tuple[str, str], str] = {}
    for name, instrument in instruments.items():
        for provider, alias in instrument.aliases.items():
            other = canonical(alias)
            owner = other if other in instruments else owners.setdefault((provider, other), name)
            if owner != name:
                raise InputError(f"{file}: {alias} stands for both {owner} and {name}", "Keep one of them")


def _entry(instrument: Instrument) -> dict[str, Any]:
    """What has to be said of an instrument: its kind, and whatever is not what the suffix rule infers."""
    base = infer(instrument.symbol, instrument.kind if instrument.kind in ("stock", "fund") else "plain")
    entry = dict[str, Any]() if instrument.kind == "plain" else dict[str, Any](kind=instrument.kind)
    for key in ("sector", "calendar", "max_weight", "volatility_target", "stop", "volume_unit", "currency"):
        if getattr(instrument, key) != getattr(base, key):
            entry[key] = getattr(instrument, key)
    if instrument.lots_per_unit != base.lots_per_unit:
        entry["lot"] = float(1 / Decimal(instrument.lots_per_unit))
    if instrument.aliases:
        entry["aliases"] = instrument.aliases
    if instrument.members:
        spans = [{"start": m.start, "end": m.end} for m in instrument.members]
        entry["members"] = [{k: v for k, v in span.items() if v is not None} for span in spans]
    return entry


def _typed(value: object) -> str:
    """A value as a message shows it: its type, and its text where that is short and plain."""
    plain = isinstance(value, (str, int, float, bool)) or value is None
    text = ascii(value)[:TEXT_MAX] if plain else ""
    return f"{text} ({type(value).__name__})" if text else f"a {type(value).__name__}"
