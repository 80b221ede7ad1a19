"""An ONNX graph, written node by node, so that its sizes are really dynamic.

A graph traced from PyTorch would fix what depends on the image's size, such as where maps are cut.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import TrainedConfig
from napari_unet.core.sharing.model_card import described

OPSET = 17
_IR_VERSION = 8  # that of ONNX 1.12, the first with this opset
INPUT, OUTPUT = "image", "probabilities"
_AXES = ("plane", "row", "column")


class Graph:
    """Nodes, in the order in which they are computed.

    Parameters
    ----------
    onnx
        The package.
    config
        Of the network.
    """

    def __init__(self, onnx: Any, config: TrainedConfig) -> None:
        self._onnx = onnx
        self._config = config
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        axes = range(config.ndim)
        self._sizes = [self.add("Shape", INPUT, start=a + 2, end=a + 3) for a in axes]

    def constant(self, name: str, value: np.ndarray) -> str:
        """Add a constant and return its name."""
        tensor = self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
        self._constants[name] = tensor
        return name

    def mirrored(self, *, least: Sequence[int], cropped: Sequence[int]) -> str:
        """Add the image with its context, mirrored at its borders as `images.box.mirrored`.

        Parameters
        ----------
        least
            Pixels that an output has at least, along each axis.
        cropped
            Outputs are so much less than a multiple of the strides.
        """
        x = INPUT
        for axis in range(self._config.ndim):
            indices = self._mirrored(axis, self._sizes[axis], least[axis], cropped[axis])
            x = self.add("Gather", x, indices, axis=axis + 2)
        return x

    def filled_up(self) -> str:
        """Add the image with its last pixels repeated to whole strides."""
        x, one = INPUT, self.integers(1)
        for axis, size in enumerate(self._sizes):
            scalar = self.add("Squeeze", size, self.integers([0]))
            whole = self._whole_strides(scalar, self._config.strides[axis])
            positions = self.add("Range", self.integers(0), whole, one)
            indices = self.add("Min", positions, self.add("Sub", scalar, one))
            x = self.add("Gather", x, indices, axis=axis + 2)
        return x

    def answer(self, x: str) -> None:
        """Add what makes probabilities, of the image's size, of the network's output."""
        axes = range(self._config.ndim)
        ends = self.add("Concat", *self._sizes, axis=0)
        x = self.add("Slice", x, self.integers([0] * len(axes)), ends, self._axes(axes))
        self.add("Softmax", x, axis=1, output=OUTPUT)

    def convolution(self, x: str, layer: str, kernel: Sequence[int], **attributes: Any) -> str:
        """Add a convolution with the weights of a layer, unpadded unless it is said."""
        names = (f"{layer}.weight", f"{layer}.bias")
        return self.add("Conv", x, *names, kernel_shape=kernel, **attributes)

    def double_convolution(self, x: str, block: str, kernel: Sequence[int]) -> str:
        """Add two convolutions, each followed by a ReLU."""
        for number in range(2):
            x = self.add("Relu", self.convolution(x, f"{block}.convolutions.{number}", kernel))
        return x

    def cropped(self, x: str, lost: Sequence[int]) -> str:
        """Cut so many pixels off at each end of each axis."""
        axes = [axis for axis, side in enumerate(lost) if side > 0]
        if not axes:
            return x
        starts = self.integers([lost[axis] for axis in axes])
        ends = self.integers([-lost[axis] for axis in axes])
        return self.add("Slice", x, starts, ends, self._axes(axes))

    def model(self, header: ModelHeader) -> Any:
        """Return what has been written as a model."""
        helper, config = self._onnx.helper, self._config
        names = _AXES[-config.ndim :]
        number = self._onnx.TensorProto.FLOAT
        tensors = [
            helper.make_tensor_value_info(name, number, ["batch", channels, *names])
            for name, channels in ((INPUT, config.in_channels), (OUTPUT, config.n_classes))
        ]
        graph = helper.make_graph(
            self._nodes, "unet", tensors[:1], tensors[1:], list(self._constants.values())
        )
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="napari-unet",
        )
        helper.set_model_props(made, {"napari_unet": json.dumps(described(header))})
        return made

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of what comes out of it."""
        name = output or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def integers(self, values: Sequence[int] | int) -> str:
        """Add a constant of whole numbers, unless it is there, and return its name."""
        array = np.array(values, np.int64)
        name = "_".join(["integers", *([] if array.ndim else ["scalar"]), *map(str, array.flat)])
        return name if name in self._constants else self.constant(name, array)

    def _axes(self, axes: Sequence[int]) -> str:
        return self.integers([axis + 2 for axis in axes])

    def _mirrored(self, axis: int, size: str, smallest: int, cropped: int) -> str:
        """Add the indices of an axis with its context."""
        stride, margin = self._config.strides[axis], self._config.margins[axis]
        one = self.integers(1)
        scalar = self.add("Squeeze", size, self.integers([0]))
        output = self.add("Max", scalar, self.integers(smallest))
        output = self._whole_strides(self.add("Add", output, self.integers(cropped)), stride)
        end = self.add("Add", output, self.integers(margin - cropped))
        period = self.add("Mul", self.add("Sub", scalar, one), self.integers(2))
        period = self.add("Max", period, one)
        # From one period before 0: of negative numbers not every runtime has Python's remainder.
        before = self.add("Div", self.add("Add", period, self.integers(margin - 1)), period)
        before = self.add("Mul", before, period)
        start = self.add("Sub", before, self.integers(margin))
        position = self.add("Range", start, self.add("Add", before, end), one)
        position = self.add("Mod", position, period)
        return self.add("Min", position, self.add("Sub", period, position))

    def _whole_strides(self, size: str, stride: int) -> str:
        """Round a number of pixels up."""
        size = self.add("Add", size, self.integers(stride - 1))
        size = self.add("Div", size, self.integers(stride))
        return self.add("Mul", size, self.integers(stride))
