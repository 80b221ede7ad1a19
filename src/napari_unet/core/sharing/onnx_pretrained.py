"""The U-Net on the pretrained encoder as nodes of an ONNX graph."""

import numpy as np
import torch

from napari_unet.core.network.encoder import CLIP, MEAN, SCALE, Block, Convolution
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.pretrained_unet import CONTEXT, PretrainedUNet
from napari_unet.core.sharing.onnx_graph import Graph


def write_pretrained(graph: Graph, config: PretrainedConfig) -> None:
    """Add all nodes, from the image to the probabilities."""
    with torch.device("meta"):
        network = PretrainedUNet(config)
    image = graph.add("Clip", graph.mirrored(least=(1, 1), cropped=(0, 0)), *_numbers(graph, *CLIP))
    first, second, *coarser = _taps(graph, network, image)
    beside = [*coarser[::-1], graph.add("Concat", first, second, axis=1)]
    seen = []
    for level, x in enumerate(beside):
        x = graph.cropped(x, _lost(config, level))
        seen.append(graph.add("Relu", graph.convolution(x, f"sideways.{level}", (1, 1))))
    found, *seen = (*seen, graph.cropped(image, _lost(config, len(beside))))
    scales = graph.constant("scales", np.array([1, 1, 2, 2], np.float32))
    context = CONTEXT[0]
    for level, side in enumerate(seen):
        found = graph.convolution(found, "narrow", (1, 1)) if level == len(seen) - 1 else found
        found = graph.add("Resize", found, "", scales, mode="linear")
        found = graph.cropped(found, [2 * context - CONTEXT[level + 1]] * 2)
        found = graph.add("Concat", found, side, axis=1)
        found = graph.double_convolution(found, f"expanding.{level}", (3, 3))
        context = CONTEXT[level + 1] - 2
    graph.answer(graph.convolution(found, "head", (1, 1)))


def _lost(config: PretrainedConfig, level: int) -> list[int]:
    """Return the pixels of a level that its part of the output does not need, at each end."""
    return [config.margin * 2**level // config.stride - CONTEXT[level]] * 2


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
