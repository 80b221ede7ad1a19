"""Whether an ONNX file stands for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napari_unet.core.io.optional import needed
from napari_unet.errors import InvalidModel


def check_graph(content: bytes) -> None:
    """Refuse an ONNX file that is damaged, or that would have other files read.

    Raises
    ------
    InvalidModel
        It is.
    InvalidInput
        The package onnx is missing.
    """
    onnx = needed("onnx", "bioimageio", "a model of another program")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's errors have no base of their own
        raise InvalidModel(
            f"the weights in the package are no ONNX file ({error}); take another copy of it."
        ) from None
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model)):
        raise InvalidModel(
            "the ONNX file in the package keeps its weights in another file; ask its author for "
            "one that holds them itself."
        )


def _tensors(model: Any) -> Iterator[Any]:
    """Iterate over every tensor of a model: of its graph, the graphs in it, and its functions."""
    waiting = [model.graph, *model.functions]
    while waiting:
        current = waiting.pop()
        if hasattr(current, "initializer"):
            yield from current.initializer
            for sparse in current.sparse_initializer:
                yield from (sparse.values, sparse.indices)
        for node in current.node:
            for attribute in node.attribute:
                yield attribute.t
                yield from attribute.tensors
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += attribute.graphs
