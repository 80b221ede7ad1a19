"""A trained network as an ONNX file."""

from napari_unet.core.io.optional import needed
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import UNetConfig
from napari_unet.core.sharing.onnx_graph import Graph
from napari_unet.core.sharing.onnx_pretrained import write_pretrained
from napari_unet.core.sharing.portable import Portable


def onnx_bytes(network: Portable, header: ModelHeader) -> bytes:
    """Return the content of an ONNX file.

    A graph that maps ``image``, (B, C, Y, X) or (B, C, Z, Y, X) float32 and normalised, to
    ``probabilities``, (B, K, Y, X) or (B, K, Z, Y, X) float32, for images of any size; the file's
    metadata are the header. ``InvalidInput`` if the package onnx is not installed.
    """
    onnx = needed("onnx", "onnx", "an ONNX file")
    graph = Graph(onnx, network.config)
    for name, value in network.state.items():
        graph.constant(name, value.numpy())
    if isinstance(network.config, UNetConfig):
        _write_unet(graph, network.config)
    else:
        write_pretrained(graph, network.config)
    made = graph.model(header)
    onnx.checker.check_model(made, full_check=True)
    return bytes(made.SerializeToString())


def _write_unet(graph: Graph, config: UNetConfig) -> None:
    """Add all nodes, from the image to the probabilities."""
    least = [max(1, 2 * (side - 1)) for side in config.kernels[0]]
    x = graph.mirrored(least=least, cropped=config.cropped)
    skips = []
    for level in range(config.depth + 1):
        x = graph.double_convolution(x, f"contracting.{level}", config.kernels[level])
        if level < config.depth:
            skips.append(x)
            factors = config.poolings[level]
            x = graph.add("MaxPool", x, kernel_shape=factors, strides=factors)
    for level in reversed(range(config.depth)):
        layer, factors = f"up_convolutions.{level}", config.poolings[level]
        names = (f"{layer}.weight", f"{layer}.bias")
        x = graph.add("ConvTranspose", x, *names, kernel_shape=factors, strides=factors)
        beside = graph.cropped(skips[level], _lost_below(config, level))
        x = graph.add("Concat", beside, x, axis=1)
        x = graph.double_convolution(x, f"expanding.{level}", config.kernels[level])
    graph.answer(graph.convolution(x, "head", (1,) * config.ndim))


def _lost_below(config: UNetConfig, level: int) -> tuple[int, ...]:
    """Return the pixels of a level that are lost below it, along each axis, at each of its ends."""
    below = level + 1
    of_two = [kernel - 1 for kernel in config.kernels[below]]  # convolutions, at each end
    lost = of_two
    if below < config.depth:
        lost = [2 * a + b for a, b in zip(of_two, _lost_below(config, below), strict=True)]
    return tuple(f * side for f, side in zip(config.poolings[level], lost, strict=True))
