"""The pretrained U-Net as nodes of an ONNX graph."""

import numpy as np
import torch

from napari_unet.core.network.encoder import (
    CLIP,
    MEAN,
    SCALE,
    TAP_CHANNELS,
    TAP_STRIDES,
    Block,
    Convolution,
)
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.pretrained_unet import PretrainedUNet
from napari_unet.core.network.refiner import LARGEST, LEAK, SMALLEST, TAP_SCALE
from napari_unet.core.sharing.onnx_graph import Graph


def write_pretrained(graph: Graph, config: PretrainedConfig) -> None:
    """Add all nodes, from the image to the probabilities."""
    with torch.device("meta"):
        network = PretrainedUNet(config)
    image = graph.filled_up()
    taps = _taps(graph, network, graph.add("Clip", image, *_numbers(graph, *CLIP)))
    (scale,) = _numbers(graph, TAP_SCALE)
    taps = [graph.add("Mul", tap, scale) for tap in taps]
    guides = _guides(graph, config, _linear(graph, config, taps))
    seen = _seen(graph, image, taps)
    odds = [_refined(graph, guide, seen) for guide in guides]
    graph.answer(graph.add("Concat", *odds, axis=1))


def _linear(graph: Graph, config: PretrainedConfig, taps: list[str]) -> str:
    """Add the head: a convolution of each tap, made as large as the image."""
    parts, start = [], 0
    for number, (tap, channels, stride) in enumerate(
        zip(taps, TAP_CHANNELS, TAP_STRIDES, strict=True)
    ):
        cut = graph.integers([start]), graph.integers([start + channels]), graph.integers([1])
        weight = graph.add("Slice", "head.weight", *cut)
        coarse = graph.add("Conv", tap, weight, kernel_shape=(1, 1))
        parts.append(_enlarged(graph, coarse, stride))
        start += channels
        if number == 0:
            shape = graph.integers([1, config.n_classes, 1, 1])
            parts.append(graph.add("Reshape", "head.bias", shape))
    total = parts[0]
    for part in parts[1:]:
        total = graph.add("Add", total, part)
    return total


def _guides(graph: Graph, config: PretrainedConfig, logits: str) -> list[str]:
    """Add the log-odds of each class as the refiner sees them, between -1 and 1."""
    least, most, one, largest = _numbers(graph, SMALLEST, 1 - SMALLEST, 1, LARGEST)
    p = graph.add("Clip", graph.add("Softmax", logits, axis=1), least, most)
    others = graph.add("Log", graph.add("Sub", one, p))
    odds = graph.add("Div", graph.add("Sub", graph.add("Log", p), others), largest)
    axis = graph.integers([1])
    return [
        graph.add("Slice", odds, graph.integers([k]), graph.integers([k + 1]), axis)
        for k in range(config.n_classes)
    ]


def _seen(graph: Graph, image: str, taps: list[str]) -> list[str]:
    """Add what the refiner sees at each level, from the coarsest."""
    of_half = graph.add("Concat", *taps[:2], axis=1)
    seen = [
        graph.convolution(tap, f"refiner.sideways.{level}", (1, 1))
        for level, tap in enumerate([*taps[:1:-1], of_half])
    ]
    colours = graph.convolution(image, "colours", (1, 1))
    colours = graph.add("Clip", colours, *_numbers(graph, *CLIP))
    layer = f"refiner.sideways.{len(seen)}"
    seen.append(graph.convolution(colours, layer, (3, 3), pads=(1, 1, 1, 1)))
    return [_bent(graph, side) for side in seen]


def _refined(graph: Graph, guide: str, seen: list[str]) -> str:
    """Add the refiner's answer to the guide of one class."""
    guides = [guide]
    for _ in seen[1:]:
        pooled = graph.add("AveragePool", guides[-1], kernel_shape=(2, 2), strides=(2, 2))
        guides.append(pooled)
    x = ""
    for level, side in enumerate(seen):
        last = len(seen) - 1 - level
        parts = [side, guides[last]]
        if level:
            x = x if last else graph.convolution(x, "refiner.narrow", (1, 1))
            parts.append(_enlarged(graph, x, 2))
        x = graph.add("Concat", *parts, axis=1)
        layer = f"refiner.levels.{level}"
        x = _bent(graph, graph.convolution(x, f"{layer}.first", (3, 3), pads=(1, 1, 1, 1)))
        second = graph.convolution(x, f"{layer}.second", (3, 3), pads=(1, 1, 1, 1))
        x = graph.add("Add", x, _bent(graph, second))
    return graph.convolution(x, "refiner.last", (1, 1))


def _enlarged(graph: Graph, x: str, by: int) -> str:
    scales = graph.constant(f"scales_{by}", np.array([1, 1, by, by], np.float32))
    return graph.add("Resize", x, "", scales, mode="linear")


def _bent(graph: Graph, x: str) -> str:
    return graph.add("LeakyRelu", x, alpha=LEAK)


def _numbers(graph: Graph, *values: float) -> list[str]:
    return [graph.constant(f"number_{v:g}", np.array(v, np.float32)) for v in values]


def _taps(graph: Graph, network: PretrainedUNet, image: str) -> list[str]:
    """Add the encoder; return what its layers say."""

    def convolved(x: str, layer: Convolution, name: str, *, bent: bool = True) -> str:
        before, after = layer.around
        x = graph.convolution(
            x,
            name,
            layer.kernel_size,
            strides=layer.stride,
            group=layer.groups,
            pads=[before, before, after, after],
        )
        return graph.add("Clip", x, *_numbers(graph, 0, 6)) if bent else x

    mean, scale = _numbers(graph, MEAN, SCALE)
    x = graph.add("Div", graph.add("Sub", image, mean), scale)
    x = convolved(x, network.encoder.stem, "encoder.stem")
    taps = [x]
    for number, block in enumerate(network.encoder.blocks):
        assert isinstance(block, Block)
        name, y = f"encoder.blocks.{number}", x
        if block.expand is not None:
            y = convolved(y, block.expand, f"{name}.expand")
        y = convolved(y, block.depthwise, f"{name}.depthwise")
        y = convolved(y, block.project, f"{name}.project", bent=False)
        x = graph.add("Add", x, y) if block.adds else y
        if number in network.encoder.tapped:
            taps.append(x)
    return taps
