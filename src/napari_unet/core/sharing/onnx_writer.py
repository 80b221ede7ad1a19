"""A network as an ONNX graph, written node by node, so that its sizes are really dynamic.

A graph traced from PyTorch would fix what depends on the image's size, such as where maps are cut.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unet.core.io.optional import needed
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import UNetConfig
from napari_unet.core.sharing.model_card import described
from napari_unet.core.sharing.portable import Portable

OPSET = 17
_IR_VERSION = 8  # that of ONNX 1.12, the first with this opset
INPUT, OUTPUT = "image", "probabilities"
_AXES = ("plane", "row", "column")


def onnx_bytes(network: Portable, header: ModelHeader) -> bytes:
    """Return the content of an ONNX file.

    A graph that maps ``image``, (B, C, Y, X) or (B, C, Z, Y, X) float32 and normalised, to
    ``probabilities``, (B, K, Y, X) or (B, K, Z, Y, X) float32, for images of any size; the file's
    metadata are the header. ``InvalidInput`` if the package onnx is not installed.
    """
    onnx = needed("onnx", "onnx", "an ONNX file")
    graph = _Graph(onnx, network.config)
    for name, value in network.state.items():
        graph.constant(name, value.numpy())
    graph.write()
    made = graph.model(header)
    onnx.checker.check_model(made, full_check=True)
    return bytes(made.SerializeToString())


class _Graph:
    """Nodes of a U-Net, in the order in which they are computed."""

    def __init__(self, onnx: Any, config: UNetConfig) -> None:
        self._onnx = onnx
        self._config = config
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        """Add a constant and return its name."""
        tensor = self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
        self._constants[name] = tensor
        return name

    def write(self) -> None:
        """Add all nodes, from the image to the probabilities."""
        config = self._config
        axes = range(config.ndim)
        sizes = [self._add("Shape", INPUT, start=a + 2, end=a + 3) for a in axes]
        x = INPUT
        for axis in axes:
            x = self._add("Gather", x, self._mirrored(axis, sizes[axis]), axis=axis + 2)
        skips = []
        for level in range(config.depth + 1):
            x = self._double_convolution(x, f"contracting.{level}", config.kernels[level])
            if level < config.depth:
                skips.append(x)
                factors = config.poolings[level]
                x = self._add("MaxPool", x, kernel_shape=factors, strides=factors)
        for level in reversed(range(config.depth)):
            x = self._up_convolution(x, level)
            x = self._add("Concat", self._cropped(skips[level], level), x, axis=1)
            x = self._double_convolution(x, f"expanding.{level}", config.kernels[level])
        x = self._add("Conv", x, "head.weight", "head.bias", kernel_shape=(1,) * config.ndim)
        ends = self._add("Concat", *sizes, axis=0)
        x = self._add("Slice", x, self._integers([0] * config.ndim), ends, self._axes(axes))
        self._add("Softmax", x, axis=1, output=OUTPUT)

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

    def _add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def _integers(self, values: Sequence[int] | int) -> str:
        array = np.array(values, np.int64)
        name = "_".join(["integers", *([] if array.ndim else ["scalar"]), *map(str, array.flat)])
        return name if name in self._constants else self.constant(name, array)

    def _axes(self, axes: Sequence[int]) -> str:
        return self._integers([axis + 2 for axis in axes])

    def _mirrored(self, axis: int, size: str) -> str:
        """Add the indices of an axis with its context, as `images.box.mirrored`."""
        config = self._config
        stride, cropped, margin = (
            config.strides[axis],
            config.cropped[axis],
            config.margins[axis],
        )
        one = self._integers(1)
        scalar = self._add("Squeeze", size, self._integers([0]))
        least = self._integers(max(1, 2 * (config.kernels[0][axis] - 1)))
        output = self._add("Max", scalar, least)
        output = self._add("Add", output, self._integers(cropped + stride - 1))
        output = self._add("Div", output, self._integers(stride))
        output = self._add("Mul", output, self._integers(stride))
        end = self._add("Add", output, self._integers(margin - cropped))
        period = self._add("Mul", self._add("Sub", scalar, one), self._integers(2))
        period = self._add("Max", period, one)
        # From one period before 0: of negative numbers not every runtime has Python's remainder.
        before = self._add("Div", self._add("Add", period, self._integers(margin - 1)), period)
        before = self._add("Mul", before, period)
        start = self._add("Sub", before, self._integers(margin))
        position = self._add("Range", start, self._add("Add", before, end), one)
        position = self._add("Mod", position, period)
        return self._add("Min", position, self._add("Sub", period, position))

    def _double_convolution(self, x: str, block: str, kernel: Sequence[int]) -> str:
        for number in range(2):
            layer = f"{block}.convolutions.{number}"
            x = self._add("Conv", x, f"{layer}.weight", f"{layer}.bias", kernel_shape=kernel)
            x = self._add("Relu", x)
        return x

    def _up_convolution(self, x: str, level: int) -> str:
        layer, factors = f"up_convolutions.{level}", self._config.poolings[level]
        return self._add(
            "ConvTranspose",
            x,
            f"{layer}.weight",
            f"{layer}.bias",
            kernel_shape=factors,
            strides=factors,
        )

    def _cropped(self, x: str, level: int) -> str:
        """Cut what is copied across at a level to the size of what comes up from below."""
        lost = _lost_below(self._config, level)
        axes = [axis for axis, side in enumerate(lost) if side > 0]
        if not axes:
            return x
        starts = self._integers([lost[axis] for axis in axes])
        ends = self._integers([-lost[axis] for axis in axes])
        return self._add("Slice", x, starts, ends, self._axes(axes))


def _lost_below(config: UNetConfig, level: int) -> tuple[int, ...]:
    """Return the pixels of a level that are lost below it, along each axis, at each of its ends."""
    below = level + 1
    of_two = [kernel - 1 for kernel in config.kernels[below]]  # convolutions, at each end
    lost = of_two
    if below < config.depth:
        lost = [2 * a + b for a, b in zip(of_two, _lost_below(config, below), strict=True)]
    return tuple(f * side for f, side in zip(config.poolings[level], lost, strict=True))
