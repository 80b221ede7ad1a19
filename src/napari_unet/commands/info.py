"""``napari-unet info``."""

from pathlib import Path

from napari_unet.core.diagnosis import of_model
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import UNetConfig
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.report import log_line, versions


def run(model: Path | None) -> None:
    """Print versions, devices and where the log is, or what a model file says of itself."""
    if model is None:
        _print_system()
    else:
        from napari_unet.core.sharing.load_model import load_model

        _print_model(load_model(model).header)


def dimensions_text(header: ModelHeader) -> str:
    """Return what a model sees at a time."""
    if header.network.ndim == 2:
        return "2: planes, one by one"
    reach = " x ".join(map(str, header.network.margins))
    return (
        f"3: volumes; each voxel is seen with {reach} voxels (slices, rows, columns) around it, so "
        "images need an axis of slices (Z)"
    )


def _print_system() -> None:
    import torch

    from napari_unet.core.network.device import describe, fast_dtype, pick_device

    print("\n".join(versions()))
    device = pick_device("auto")
    precision = str(fast_dtype(device)).removeprefix("torch.")
    print(f"{'device':16} {describe(device)}, {precision} is fastest")
    print(f"{'cuda':16} {'available' if torch.cuda.is_available() else 'not available'}")
    print(log_line())


def _print_model(header: ModelHeader) -> None:
    network = header.network
    if isinstance(network, ForeignNetwork):
        print("network      ONNX, of another program; it cannot be trained")
    else:
        shape = "a network that has seen photographs and microscopy"
        if isinstance(network, UNetConfig):
            shape = f"{network.base_channels} channels, depth {network.depth}"
        print(f"preset       {header.preset}, {shape}")
    which = f" ({', '.join(map(str, header.channels))})" if header.channels else ""
    print(f"input        {network.in_channels} channel{'s' * (network.in_channels > 1)}{which}")
    print(f"dimensions   {dimensions_text(header)}")
    print(f"label kind   {header.label_kind}")
    for entry in header.classes:
        print(f"class {entry.id:<6} {entry.name} ({entry.color})")
    if header.pixel_size is not None:
        size = " x ".join(map(str, header.pixel_size))
        name = "pixel size" if network.ndim == 2 else "voxel size"
        print(f"{name:12} {size} {header.pixel_unit or ''}".rstrip())
    if header.network_share < 1:
        print(f"answer       {header.network_share:.0%} its network's, the rest its classifier's")
    for record in header.history:
        score = "no score" if record.score is None else f"score {record.score:.3f}"
        labelled = sum(record.labelled_pixels.values())
        print(
            f"trained      {record.finished}: {record.steps} steps in {record.seconds:.0f} s on "
            f"{record.device}, {labelled} labelled pixels, {score}"
        )
        for low, high in record.intensity_range:
            print(f"{'grey values':12} {low:.4g} to {high:.4g}")
    for finding in of_model(header):
        print(f"{'note':12} {finding.text} More: {finding.more}")
