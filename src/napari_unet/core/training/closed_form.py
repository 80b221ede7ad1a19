"""The last layer of the pretrained U-Net, fitted to labels before the first step of a training."""

from collections.abc import Sequence

import numpy as np
import torch

from napari_unet.core.forest.linear_head import LinearHead, fit_linear_head
from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import read_part
from napari_unet.core.network.encoder import MARGIN, fill_up, window
from napari_unet.core.network.pretrained_unet import PretrainedUNet
from napari_unet.core.network.refiner import TAP_SCALE
from napari_unet.core.network.taps import values_at
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.settings import TrainSettings

_SIDE, _MOST_PARTS = 512, 12  # of images, that are looked at
_MOST_PIXELS = 600  # of a class in a part
_ANCHORED, _AROUND = 6, 96  # parts, and pixels around them that are seen
_SURE = 0.65  # a probability


def begin(
    network: PretrainedUNet, dataset: Dataset, settings: TrainSettings
) -> Sequence[np.ndarray]:
    """Fit the head; return what to hold a training on strokes to, see :func:`first_classes`."""
    fit_head(network, dataset, settings.seed)
    strokes = settings.label_kind == "scribbles"
    return first_classes(network, dataset, settings.seed) if strokes else ()


@torch.no_grad()
def fit_head(network: PretrainedUNet, dataset: Dataset, seed: int) -> None:
    """Fit the head by logistic regression on what the encoder says of labelled pixels.

    So a training begins where the first answer is, and not at random.
    """
    rng = np.random.default_rng(seed)
    values, classes = [], []
    for image, part in _parts(dataset, rng):
        target = dataset.targets[image]
        found = np.where(target.trained[part.slices], target.classes[part.slices], -1)
        kept = [
            rng.permutation(np.flatnonzero(found == index))[:_MOST_PIXELS]
            for index in range(len(dataset.classes))
        ]
        rows, columns = np.unravel_index(np.concatenate(kept), found.shape)
        values.append(_values(network, dataset.images[image], part, rows, columns))
        classes.append(found[rows, columns])
    count = len(dataset.classes)
    take_head(network, fit_linear_head(np.concatenate(values), np.concatenate(classes), count))


@torch.no_grad()
def take_head(network: PretrainedUNet, head: LinearHead) -> None:
    """Give a network the weights of a head that was fitted on what the encoder says."""
    weight, bias = head.direct()
    assert network.head.bias is not None
    network.head.weight.copy_(weight[..., None, None] / TAP_SCALE)  # which the network applies
    network.head.bias.copy_(bias)


@torch.no_grad()
def first_classes(network: PretrainedUNet, dataset: Dataset, seed: int) -> list[np.ndarray]:
    """Return what the network is sure of before the first step, in parts with strokes.

    Strokes are few and the network is large: held to this, it does not forget what it knew (Li and
    Hoiem 2016, arXiv:1606.09282). Of each image (Y, X) int16 class indices, -1 elsewhere.
    """
    found = [np.full(target.classes.shape, -1, np.int16) for target in dataset.targets]
    for image, part in _parts(dataset, np.random.default_rng(seed))[:_ANCHORED]:
        x, (top, left) = _read(dataset.images[image], part, _AROUND)
        rows, columns = part.sides
        p = network(x.to(network.head.weight.device), padded=True).softmax(dim=1)[0].cpu().numpy()
        found[image][part.slices] = sure_classes(p[:, top : top + rows, left : left + columns])
    return found


def sure_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the index of the class where (K, Y, X) probabilities are sure of one, else -1.

    (Y, X) int16.
    """
    sure = probabilities.max(axis=0) > _SURE
    return np.where(sure, probabilities.argmax(axis=0), -1).astype(np.int16)


def _parts(dataset: Dataset, rng: np.random.Generator) -> list[tuple[int, Tile]]:
    """Return parts of images with labels, at most so many: first one of each class."""
    found: dict[tuple[int, int, int], set[int]] = {}
    for image, target in enumerate(dataset.targets):
        rows, columns = np.nonzero(target.trained)
        at = np.stack([rows // _SIDE, columns // _SIDE, target.classes[rows, columns]], axis=1)
        for row, column, index in np.unique(at, axis=0).tolist():
            found.setdefault((image, row, column), set()).add(index)
    order = [list(found)[number] for number in rng.permutation(len(found))]
    missing, first = set(range(len(dataset.classes))), []
    for place in order:
        if found[place] & missing:
            first.append(place)
            missing -= found[place]
    rest = [place for place in order if place not in first]
    parts = []
    for image, *corner in [*first, *rest][: max(len(first), _MOST_PARTS)]:
        sides = dataset.targets[image].classes.shape
        spans = [(n * _SIDE, min((n + 1) * _SIDE, s)) for n, s in zip(corner, sides, strict=True)]
        parts.append((image, Tile(*spans)))
    return parts


def _values(
    network: PretrainedUNet, image: np.ndarray, part: Tile, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Return what the encoder says of pixels of a part, (N, 224) float32."""
    x, (down, right) = _read(image, part, MARGIN)
    taps = network.encoder(x.to(network.head.weight.device))
    return values_at(tuple(tap.cpu() for tap in taps), rows + down, columns + right)


def _read(image: np.ndarray, part: Tile, around: int) -> tuple[torch.Tensor, tuple[int, int]]:
    """Return a part and its surroundings, (1, C, Y, X), and where the part begins in that."""
    seen = [
        window(*span, size, around) for span, size in zip(part.ranges, image.shape[1:], strict=True)
    ]
    pixels = read_part(image, *(np.arange(*span) for span in seen))
    x = fill_up(torch.from_numpy(np.ascontiguousarray(pixels))[None])
    (top, _), (left, _) = part.ranges
    return x, (top - seen[0][0], left - seen[1][0])
