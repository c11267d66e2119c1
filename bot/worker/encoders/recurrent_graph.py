"""Write a recurrent classifier as a graph for onnxruntime, one operator after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bot.worker.encoders.onnx_network import ATTENTION, OUTPUT, TOKENS_INPUT

if TYPE_CHECKING:
    from bot.networks.recurrent import RecurrentForSequenceClassification

# Where the gates of a cell stand in torch's weights, in the order in which ONNX wants them.
GATES = {"gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
MASK_INPUT = "attention_mask"
DIRECTIONS = ("", "_reverse")
OPSET = 20
FORMAT = 10
# Below what tanh can give: the states of padding are never the loudest.
SILENCE = -1.0


def write_recurrent_graph(model: RecurrentForSequenceClassification, path: Path) -> None:
    """The network in float32, for batches of any size and length: its logits, and its attention."""
    graph = Graph({name: np.asarray(each.detach().float()) for name, each in model.state_dict().items()})
    states = graph.states(model.config.cell, model.config.layers)
    meant, loudest = graph.meant(states), graph.loudest(states)
    both = graph.add("Concat", [meant, loudest], axis=1)
    graph.linear(both, "classifier", result=OUTPUT)
    onnx.save(graph.model(), path)


class Graph:
    """Operators in their order, and the tensors they need. Names of results are made up."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []
        self._mask = self._places()

    def add(self, operator: str, inputs: Sequence[str], *, result: str = "", **attributes: Any) -> str:
        """One more operator; the name of its first result."""
        result = result or f"{operator}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [result], **attributes))
        return result

    def keep(self, name: str, values: Any) -> str:
        """A tensor by its name."""
        self._tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def linear(self, inputs: str, layer: str, *, result: str = "") -> str:
        """The inputs through a linear layer."""
        weight = self.keep(f"{layer}.weight", self._weights[f"{layer}.weight"].T)
        bias = self._weights.get(f"{layer}.bias")
        if bias is None:
            return self.add("MatMul", [inputs, weight], result=result)
        product = self.add("MatMul", [inputs, weight])
        return self.add("Add", [product, self.keep(f"{layer}.bias", bias)], result=result)

    def states(self, cell: str, layers: int) -> str:
        """The states of both directions, (batch, length, width)."""
        table = self.keep("embedding.weight", self._weights["embedding.weight"])
        vectors = self.add("Gather", [table, TOKENS_INPUT])
        lengths = self.add("Cast", [self._sum(self._mask, axis=1)], to=TensorProto.INT32)
        states = self.add("Transpose", [vectors], perm=[1, 0, 2])
        shape = self.keep("flat", np.array([0, 0, -1], dtype=np.int64))
        for layer in range(layers):
            apart = self.add(cell.upper(), [states, *self._cell(cell, layer), lengths], **self._kind(cell))
            beside = self.add("Transpose", [apart], perm=[0, 2, 1, 3])
            states = self.add("Reshape", [beside, shape])
        return self.add("Transpose", [states], perm=[1, 0, 2])

    def meant(self, states: str) -> str:
        """The states in one, each as attention weighs it."""
        inner = self.add("Tanh", [self.linear(states, "attention.inner")])
        scores = self._squeeze(self.linear(inner, "attention.score"), axis=2)
        nothing = self.keep("nothing", np.array(np.finfo(np.float32).min, dtype=np.float32))
        chosen = self.add("Where", [self._real(), scores, nothing])
        weights = self.add("Softmax", [chosen], axis=1, result=ATTENTION)
        return self._squeeze(self.add("MatMul", [self._unsqueeze(weights, axis=1), states]), axis=1)

    def loudest(self, states: str) -> str:
        """The highest number of each place of the states."""
        silence = self.keep("silence", np.array(SILENCE, dtype=np.float32))
        real = self._unsqueeze(self._real(), axis=2)
        heard = self.add("Where", [real, states, silence])
        return self.add("ReduceMax", [heard, self._axis(1)], keepdims=0)

    def model(self) -> Any:
        """The whole as a checked model."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in (TOKENS_INPUT, MASK_INPUT)
        ]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
            for name, width in ((OUTPUT, "labels"), (ATTENTION, "length"))
        ]
        graph = helper.make_graph(self._nodes, "recurrent", inputs, outputs, self._tensors)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT, producer_name="parley"
        )
        onnx.checker.check_model(model)
        return model

    def _places(self) -> str:
        """The mask; the first token of each row counts always, as in the network itself."""
        first = self.keep("first", np.array([[1]], dtype=np.int64))
        begin, end = (self.keep(f"from{each}", np.array([each], dtype=np.int64)) for each in (0, 1))
        head = self.add("Slice", [MASK_INPUT, begin, end, self._axis(1)])
        rest = self.add(
            "Slice", [MASK_INPUT, end, self.keep("to", np.array([2**31 - 1], dtype=np.int64)), self._axis(1)]
        )
        return self.add("Concat", [self.add("Max", [head, first]), rest], axis=1)

    def _real(self) -> str:
        return self.add("Cast", [self._mask], to=TensorProto.BOOL)

    def _cell(self, cell: str, layer: int) -> list[str]:
        """Weights from inputs, weights from states, and both biases, of both directions."""
        kinds = {"ih": [], "hh": [], "bias": []}  # type: dict[str, list[Any]]
        for direction in DIRECTIONS:
            end = f"_l{layer}{direction}"
            for kind in ("ih", "hh"):
                kinds[kind].append(self._ordered(cell, f"recurrent.weight_{kind}{end}"))
            biases = [self._ordered(cell, f"recurrent.bias_{kind}{end}") for kind in ("ih", "hh")]
            kinds["bias"].append(np.concatenate(biases))
        return [self.keep(f"recurrent.{kind}{layer}", np.stack(each)) for kind, each in kinds.items()]

    def _ordered(self, cell: str, name: str) -> Any:
        gates = np.split(self._weights[name], len(GATES[cell]))
        return np.concatenate([gates[place] for place in GATES[cell]])

    def _kind(self, cell: str) -> dict[str, Any]:
        width = self._weights["recurrent.weight_hh_l0"].shape[1]
        inside = {"linear_before_reset": 1} if cell == "gru" else {}
        return {"direction": "bidirectional", "hidden_size": width, **inside}

    def _axis(self, axis: int) -> str:
        name = f"axis{axis}"
        if all(each.name != name for each in self._tensors):
            self.keep(name, np.array([axis], dtype=np.int64))
        return name

    def _sum(self, values: str, *, axis: int) -> str:
        return self.add("ReduceSum", [values, self._axis(axis)], keepdims=0)

    def _squeeze(self, values: str, *, axis: int) -> str:
        return self.add("Squeeze", [values, self._axis(axis)])

    def _unsqueeze(self, values: str, *, axis: int) -> str:
        return self.add("Unsqueeze", [values, self._axis(axis)])
