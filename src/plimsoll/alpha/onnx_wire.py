"""Check that an ONNX file holds all its weights, so that its hash is the hash of the model (H4).

ONNX lets a tensor refer to another file, which onnxruntime opens when the model is loaded: the model could then change
without its hash. Such references are searched for in the protocol buffer itself, wherever the format may hold a tensor:
graphs, the bodies of If, Loop and Scan, attributes, sparse tensors, functions and training information. Bytes that do
not follow the format are refused, because unread parts could hold a reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plimsoll.core.errors import InputError

_DEPTH_MAX = 100  # of nested messages, the limit of the protocol buffer libraries
_TENSOR = "TensorProto"
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # fields of TensorProto
# Message type of each field that leads to a tensor, by message (onnx.proto of ONNX 1.18).
_HOLDS: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: _TENSOR, 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: _TENSOR, 6: "GraphProto", 10: _TENSOR, 11: "GraphProto", 22: "SparseTensorProto", 23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: _TENSOR, 2: _TENSOR},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    _TENSOR: {},
}  # fmt: skip
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


class _Field(NamedTuple):
    """One field of a message: its number, wire type, value if a number, and the range of its bytes."""

    number: int
    wire: int
    value: int
    start: int
    end: int


def refuse_external(name: str, data: bytes) -> None:
    """Refuse a model that is not completely in ``data``.

    Raises
    ------
    InputError : it refers to data in another file, or is not a complete, valid ONNX file.
    """
    try:
        _message(memoryview(data), 0, len(data), "ModelProto", name, 0)
    except ValueError as error:
        raise InputError(f"{name} cannot be loaded as ONNX: {error}", "Export it again") from None


def _message(data: memoryview, start: int, end: int, kind: str, name: str, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise ValueError(f"its messages are nested more than {_DEPTH_MAX} deep")
    holds = _HOLDS[kind]
    for one in _fields(data, start, end):
        inner = holds.get(one.number)
        if inner is not None and one.wire == _BYTES:
            _message(data, one.start, one.end, inner, name, depth + 1)
        elif kind == _TENSOR and (
            one.number == _EXTERNAL_DATA or (one.number == _DATA_LOCATION and (one.wire != _VARINT or one.value))
        ):
            raise InputError(
                f"{name} keeps weights in another file, which its hash does not cover",
                "Export it whole: onnx.save_model(onnx.load(FILE), OUT, save_as_external_data=False)",
            )


def _fields(data: memoryview, at: int, end: int) -> Iterator[_Field]:
    """The fields of a message; ``ValueError`` where the bytes are invalid."""
    while at < end:
        key, at = _varint(data, at, end)
        number, wire, value, start = key >> 3, key & 7, 0, at
        if wire == _VARINT:
            value, at = _varint(data, at, end)
        elif wire == _BYTES:
            size, start = _varint(data, at, end)
            at = start + size
        elif wire in (_EIGHT, _FOUR):
            at += 8 if wire == _EIGHT else 4
        else:
            raise ValueError(f"no field of a protocol buffer begins at byte {start}")
        if number == 0 or at > end:
            raise ValueError(f"it is damaged at byte {start}")
        yield _Field(number, wire, value, start, at)


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError(f"it is cut short at byte {at}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ValueError(f"no number of a protocol buffer begins at byte {at}")
