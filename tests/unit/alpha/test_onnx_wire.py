"""A model file is whole, or it is refused: ONNX can name weights in another file at any tensor (H4)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from plimsoll.alpha.model_files import open_model
from plimsoll.alpha.onnx_model import OnnxModel
from plimsoll.alpha.onnx_wire import refuse_external
from plimsoll.core.errors import InputError

WEIGHTS = numpy_helper.from_array(np.full((26, 3), 0.1, np.float32), "w")


def model(*, functions: tuple[onnx.FunctionProto, ...] = ()) -> onnx.ModelProto:
    """A linear softmax network with one of everything that can hold a tensor."""
    inside = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(3, np.float32), "c"))],
        "inside",
        [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [3])],
    )
    yes = numpy_helper.from_array(np.array(True), "yes")
    values = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    at = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    sparse = helper.make_sparse_tensor(values, at, [3])
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("If", ["yes"], ["b"], then_branch=inside, else_branch=inside),
            helper.make_node("Add", ["m", "b"], ["a"]),
            helper.make_node("Softmax", ["a"], ["p"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 26])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [1, 3])],
        [WEIGHTS, yes],
        sparse_initializer=[sparse],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], functions=list(functions))


def function(tensor: onnx.TensorProto) -> onnx.FunctionProto:
    node = helper.make_node("Constant", [], ["y"], value=tensor)
    made = helper.make_function("mine", "F", [], ["y"], [node], [helper.make_opsetid("", 17)], ["a"])
    made.attribute_proto.append(helper.make_attribute("d", tensor))
    return made


def attribute(changed: onnx.ModelProto, name: str, value: object) -> onnx.AttributeProto:
    changed.graph.node[0].attribute.append(helper.make_attribute(name, value))
    return changed.graph.node[0].attribute[-1]


def trained(changed: onnx.ModelProto) -> onnx.TensorProto:
    changed.training_info.add().algorithm.initializer.append(WEIGHTS)
    return changed.training_info[0].algorithm.initializer[0]


PLACES: dict[str, Callable[[onnx.ModelProto], onnx.TensorProto]] = {
    "initializer": lambda m: m.graph.initializer[0],
    "branch": lambda m: m.graph.node[1].attribute[1].g.node[0].attribute[0].t,
    "sparse values": lambda m: m.graph.sparse_initializer[0].values,
    "sparse indices": lambda m: m.graph.sparse_initializer[0].indices,
    "attribute": lambda m: attribute(m, "t", WEIGHTS).t,
    "attributes": lambda m: attribute(m, "ts", [WEIGHTS, WEIGHTS]).tensors[1],
    "sparse attribute": lambda m: attribute(m, "s", m.graph.sparse_initializer[0]).sparse_tensor.values,
    "sparse attributes": lambda m: attribute(m, "ss", [m.graph.sparse_initializer[0]]).sparse_tensors[0].values,
    "graphs": lambda m: attribute(m, "gs", [m.graph.node[1].attribute[0].g]).graphs[0].node[0].attribute[0].t,
    "function": lambda m: m.functions[0].node[0].attribute[0].t,
    "default of a function": lambda m: m.functions[0].attribute_proto[0].t,
    "training": trained,
}


def external(place: str) -> bytes:
    changed = model(functions=(function(WEIGHTS),))
    tensor = PLACES[place](changed)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    return changed.SerializeToString()


@pytest.mark.parametrize("place", PLACES)
def test_data_in_another_file_is_refused_wherever_it_is_named(place: str) -> None:
    with pytest.raises(InputError, match="another file, which its hash does not cover") as error:
        refuse_external("m.onnx", external(place))
    assert "Export it whole" in error.value.remedy


def test_either_half_of_a_reference_is_enough_to_refuse() -> None:
    for change in (
        lambda tensor: setattr(tensor, "data_location", TensorProto.EXTERNAL),
        lambda tensor: tensor.external_data.add(key="location", value="weights.bin"),
    ):
        changed = model()
        change(changed.graph.initializer[0])
        with pytest.raises(InputError, match="another file"):
            refuse_external("m.onnx", changed.SerializeToString())


def test_a_reference_hidden_in_a_second_copy_of_the_graph_is_found() -> None:
    """Readers of protocol buffers merge a message that is given twice."""
    more = onnx.ModelProto()
    more.graph.initializer.append(WEIGHTS)
    more.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(InputError, match="another file"):
        refuse_external("m.onnx", model().SerializeToString() + more.SerializeToString())


def test_a_whole_file_is_opened_by_its_path_and_by_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whole.onnx").write_bytes(model().SerializeToString())
    assert open_model("whole.onnx").model.answer(np.zeros(26)) == ("HOLD", pytest.approx(1.0 / 3.0, abs=1e-6))
    np.ones((26, 3), np.float32).tofile("weights.bin")
    (tmp_path / "part.onnx").write_bytes(external("initializer"))
    with pytest.raises(InputError, match=r"part\.onnx keeps weights in another file"):
        open_model("part.onnx")


@pytest.mark.parametrize("size", range(0, 200, 7))
def test_a_file_that_is_cut_or_follows_no_format_is_refused(size: int) -> None:
    whole = model().SerializeToString()
    with pytest.raises(InputError, match="cannot be loaded as ONNX"):
        OnnxModel("m.onnx", whole[:size] if size else b"\x0b" + whole)


def test_messages_nested_without_end_are_refused_without_running_out_of_stack() -> None:
    data = b""
    for _ in range(3000):  # a graph in an attribute of a node of a graph …
        for number in (6, 5, 1):
            size, head = len(data), bytearray([number << 3 | 2])
            while size > 127:
                head.append(size & 127 | 128)
                size >>= 7
            data = bytes(head) + bytes([size]) + data
    size, head = len(data), bytearray([7 << 3 | 2])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    with pytest.raises(InputError, match="nested"):
        refuse_external("m.onnx", bytes(head) + bytes([size]) + data)


def test_another_form_of_model_is_not_opened_as_one(tmp_path: Path) -> None:
    """onnxruntime also reads a form of its own, in which data may lie elsewhere too."""
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x18\x00\x00\x00ORTM" + os.urandom(64))
    with pytest.raises(InputError, match="cannot be loaded as ONNX"):
        open_model(str(path))
