"""Whether an ONNX file stands for itself."""

from collections.abc import Iterator
from typing import Any

from napari_unet.core.io.optional import needed
from napari_unet.errors import InvalidModel


def check_graph(content: bytes) -> None:
    """Refuse an ONNX file that is damaged, or that would have other files read."""
    onnx = needed("onnx", "bioimageio", "a model of another program")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's errors have no base of their own
        raise InvalidModel(
            f"the weights in the package are no ONNX file ({error}); take another copy of it."
        ) from None
    if any(
        isinstance(part, onnx.TensorProto) and part.data_location == onnx.TensorProto.EXTERNAL
        for part in _parts(model)
    ):
        raise InvalidModel(
            "the ONNX file in the package keeps its weights in another file; ask its author for "
            "one that holds them itself."
        )


def _parts(message: Any) -> Iterator[Any]:
    """Iterate over a message of protobuf and all that are in it, however deep."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _parts(part)
