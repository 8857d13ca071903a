"""Events as canonical JSON and back (G3): keys sorted, compact, UTF-8, a figure that is not finite as null."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from plimsoll.core.errors import PlimsollError
from plimsoll.core.events import KIND_OF, KINDS, Event

_ENCODER = msgspec.json.Encoder(order="sorted")


def encode(event: Event) -> tuple[str, bytes]:
    """Kind and canonical payload of an event. ``PlimsollError`` for anything else."""
    kind = KIND_OF.get(type(event))
    if kind is None:
        raise PlimsollError(f"{type(event).__name__} is not an event a journal takes")
    return kind, _ENCODER.encode(event)


def decode(kind: str, payload: bytes) -> Event:
    """The event of a payload, floats bit for bit. ``KeyError`` or ``ValueError`` when it is invalid.

    A null where only a number may be was not finite when written and comes back as NaN; where the field allows
    absence it is None.
    """
    event: Event
    try:
        event = _decoder(kind).decode(payload)
    except msgspec.ValidationError:
        plain = _with_nan(msgspec.json.decode(payload), inspect.type_info(KINDS[kind]))
        event = msgspec.convert(plain, KINDS[kind])
    return event


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(KINDS[kind])


def _with_nan(value: Any, kind: inspect.Type) -> Any:
    """``value`` with NaN for every null where only a float may be."""
    match kind:
        case inspect.FloatType():
            return math.nan if value is None else value
        case inspect.UnionType() if value is not None:
            inner = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
            return _with_nan(value, inner[0]) if len(inner) == 1 else value
        case inspect.StructType() if isinstance(value, dict):
            types = {f.encode_name: f.type for f in kind.fields}
            return {k: _with_nan(v, types[k]) if k in types else v for k, v in value.items()}
        case inspect.DictType() if isinstance(value, dict):
            return {k: _with_nan(v, kind.value_type) for k, v in value.items()}
        case inspect.ListType() | inspect.VarTupleType() if isinstance(value, list):
            return [_with_nan(v, kind.item_type) for v in value]
        case inspect.TupleType() if isinstance(value, list):
            return [_with_nan(v, t) for v, t in zip(value, kind.item_types, strict=False)]
        case _:
            return value
