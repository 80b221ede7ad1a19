"""What a bioimage.io package says of a model, by the names of the format, version 0.5."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from napari_unet.core.images.measure_intensity import PERCENTILES
from napari_unet.core.images.normalise import CLIP
from napari_unet.core.images.units import long_name
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import TrainedConfig
from napari_unet.core.sharing import standalone_network
from napari_unet.core.sharing.model_card import described
from napari_unet.core.sharing.onnx_graph import INPUT, OPSET, OUTPUT
from napari_unet.core.sharing.portable import Portable

DESCRIPTION = "rdf.yaml"
NETWORK, STATE, ONNX = "standalone_network.py", "weights.pt", "weights.onnx"
COVER, READ_ME = "cover.png", "README.md"
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
_VERSION = "0.5.3"
_AXES = ("z", "y", "x")  # the format's names of plane, row, column
_PAPERS = (
    {
        "text": "Ronneberger, O., Fischer, P., Brox, T.: U-Net: Convolutional Networks for "
        "Biomedical Image Segmentation. MICCAI 2015, LNCS 9351, 234-241.",
        "doi": "10.1007/978-3-319-24574-4_28",
    },
    {
        "text": "Çiçek, Ö., Abdulkadir, A., Lienkamp, S. S., Brox, T., Ronneberger, O.: 3D U-Net: "
        "Learning Dense Volumetric Segmentation from Sparse Annotation. MICCAI 2016, LNCS 9901, "
        "424-432.",
        "doi": "10.1007/978-3-319-46723-8_49",
    },
)
_NO_RANGE = 1e-37  # the format wants a number above 0 to be added to the range of grey values
_UNITS = ("angstrom", "nanometer", "micrometer", "millimeter", "centimeter", "meter")


def example_sides(config: TrainedConfig) -> tuple[int, ...]:
    """Return the size of the test image: a few pixels of the deepest level."""
    return tuple(max(16, (12 - 4 * (config.ndim - 1)) * stride) for stride in config.strides)


def description(
    header: ModelHeader, network: Portable, name: str, checksums: Mapping[str, str]
) -> dict[str, Any]:
    """Describe a model.

    Gives the content of ``rdf.yaml``. What the format does not allow in names is replaced;
    checksums are SHA-256 of each file of the package, by its name.
    """

    def file(source: str) -> dict[str, Any]:
        return {"source": source, "sha256": checksums[source]}

    config = header.network
    pytorch: list[str] = []
    weights = {"onnx": {**file(ONNX), "opset_version": OPSET}}
    if network.arguments is not None:
        pytorch = ["pytorch"]
        weights["onnx"]["parent"] = "pytorch_state_dict"
        weights["pytorch_state_dict"] = {
            **file(STATE),
            "pytorch_version": torch.__version__.partition("+")[0],
            "architecture": {
                **file(NETWORK),
                "callable": standalone_network.StandaloneUNet.__name__,
                "kwargs": network.arguments,
            },
        }
    return {
        "format_version": _VERSION,
        "type": "model",
        "name": _allowed_name(name),
        "description": f"U-Net that segments images into {config.n_classes} classes.",
        "documentation": file(READ_ME),
        "covers": [file(COVER)],
        "cite": list(_PAPERS[: config.ndim - 1]),
        "tags": [f"{config.ndim}d", "unet", "segmentation", "semantic-segmentation", *pytorch],
        "inputs": [_input(header) | {"test_tensor": file(TEST_INPUT)}],
        "outputs": [_output(header) | {"test_tensor": file(TEST_OUTPUT)}],
        "weights": weights,
        "config": {"napari_unet": described(header)},
    }


def _input(header: ModelHeader) -> dict[str, Any]:
    config = header.network
    names = [f"channel{number}" for number in range(config.in_channels)]
    axes: list[dict[str, Any]] = [{"type": "batch"}]
    axes.append({"type": "channel", "id": "channel", "channel_names": names})
    axes += [space | {"size": {"min": 1, "step": 1}} for space in _space(header)]
    return {
        "id": INPUT,
        "description": "image, of any unit and exposure",
        "axes": axes,
        "data": {"type": "float32"},
        "preprocessing": [
            _scale(header),
            {"id": "clip", "kwargs": dict(zip(("min", "max"), CLIP, strict=True))},
        ],
    }


def _scale(header: ModelHeader) -> dict[str, Any]:
    """Return the step that makes 0 and 1 of two grey values; the format knows no other ways."""
    if header.scaling.way == "training":
        known = header.scaling.reference
        gains = [1 / one.span if one.span > 0 else 0.0 for one in known]
        offsets = [-one.low * gain for one, gain in zip(known, gains, strict=True)]
        return {
            "id": "scale_linear",
            "kwargs": {"axis": "channel", "gain": gains, "offset": offsets},
        }
    low, high = PERCENTILES
    kwargs = {
        "axes": list(_AXES[-header.network.ndim :]),
        "min_percentile": low,
        "max_percentile": high,
        "eps": _NO_RANGE,
    }
    return {"id": "scale_range", "kwargs": kwargs}


def _output(header: ModelHeader) -> dict[str, Any]:
    names = _different([_identifier(entry.name) for entry in header.classes])
    axes: list[dict[str, Any]] = [{"type": "batch"}]
    axes.append({"type": "channel", "id": "channel", "channel_names": names})
    # No halo: software would pad the image by it before it looks for the percentiles.
    for space in _space(header):
        axes.append(space | {"size": {"tensor_id": INPUT, "axis_id": space["id"]}})
    return {
        "id": OUTPUT,
        "description": "probability of each class",
        "axes": axes,
        "data": {"type": "float32", "range": [0.0, 1.0]},
    }


def _space(header: ModelHeader) -> list[dict[str, Any]]:
    """Return the axes of space, with the size of a pixel where the format has its unit."""
    axes: list[dict[str, Any]] = [
        {"type": "space", "id": letter} for letter in _AXES[-header.network.ndim :]
    ]
    unit = long_name(header.pixel_unit)
    if unit in _UNITS and header.pixel_size is not None and len(header.pixel_size) == len(axes):
        for axis, size in zip(axes, header.pixel_size, strict=True):
            axis |= {"scale": size, "unit": unit}
    return axes


def _allowed_name(name: str) -> str:
    """Replace what the format does not allow in a name."""
    plain = re.sub(r"[^a-zA-Z0-9_+\- ()]", "_", name).strip()[:64]
    return plain if len(plain) >= 5 else f"U-Net {plain}".strip()


def _identifier(name: str) -> str:
    """Replace what the format does not allow in the name of a channel."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return plain if plain[:1].isalpha() else f"class_{plain}".strip("_")


def _different(names: list[str]) -> list[str]:
    """Give numbers to names that are there more than once."""
    return [
        name if names.count(name) == 1 else f"{name}_{number}"
        for number, name in enumerate(names, start=1)
    ]
