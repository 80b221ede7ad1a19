"""A model as a package of the bioimage.io format, version 0.5."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from napari_unet.core.io.optional import needed
from napari_unet.core.labels.classes import background_id
from napari_unet.core.models.model import Model
from napari_unet.core.pictures import overlay, png_bytes
from napari_unet.core.prediction.predict import plane_probabilities
from napari_unet.core.sharing import bioimageio_rdf as names
from napari_unet.core.sharing import standalone_network
from napari_unet.core.sharing.model_card import read_me
from napari_unet.core.sharing.onnx_writer import onnx_bytes
from napari_unet.core.sharing.portable import Portable


def bioimageio_bytes(model: Model, network: Portable, name: str) -> bytes:
    """Return the content of a package, a zip file.

    It holds the weights as ONNX and, but for a network on the pretrained encoder, as PyTorch's
    state with the code of the network; a test image with its result; a cover, a text and the
    citations. ``InvalidInput`` if a package of the extra is not installed.
    """
    utils = needed("bioimageio.spec.utils", "bioimageio", "a bioimage.io package")
    files = {
        names.ONNX: onnx_bytes(network, model.header),
        names.READ_ME: read_me(model.header, name).encode(),
        **_example(model),
    }
    if network.arguments is not None:
        files[names.STATE] = _saved(network)
        files[names.NETWORK] = Path(standalone_network.__file__).read_bytes()
    checksums = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    described = names.description(model.header, network, name, checksums)
    text = io.StringIO()
    utils.write_yaml(described, text)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(names.DESCRIPTION, text.getvalue())
        for path, data in files.items():
            package.writestr(path, data)
    return content.getvalue()


def _saved(network: Portable) -> bytes:
    content = io.BytesIO()
    torch.save(dict(network.state), content)
    return content.getvalue()


def _example(model: Model) -> dict[str, bytes]:
    """Return a made-up image, its result as this program has it, and a picture of both."""
    config = model.header.unet
    image = _made_up((config.in_channels, *names.example_sides(config)))
    # As the package says, which other programs follow: each image by itself, or a fixed range.
    fixed = model.header.scaling.way == "training"
    model = model if fixed else model.scaled("image")
    found = plane_probabilities(model, image, device=torch.device("cpu"))
    files = {names.TEST_INPUT: _npy(image[None]), names.TEST_OUTPUT: _npy(found[None])}
    if config.ndim == 3:
        middle = image.shape[1] // 2
        image, found = image[:, middle], found[:, middle]
    labels = model.class_ids[found.argmax(axis=0)]
    background = background_id(model.header.label_kind)
    answer = overlay(image, labels, model.classes, background)
    plain = overlay(image, np.full_like(labels, background), (), background)
    return files | {names.COVER: png_bytes(np.concatenate([plain, answer], axis=1))}


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _made_up(shape: tuple[int, ...]) -> np.ndarray:
    """Return noise with structures of several sizes, (C, *axes) float32; always the same."""
    rng = np.random.default_rng(0)
    image = np.zeros(shape, np.float32)
    for channel in image:
        for sigma in (0.7, 2.0, 6.0):
            smooth = ndimage.gaussian_filter(rng.normal(size=shape[1:]), sigma)
            channel += (smooth / smooth.std()).astype(np.float32)
    return image
