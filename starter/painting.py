"""Grey values of a drawing: means, textures, rims, shading and what lies about unlabelled."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from starter.optics import relief
from starter.structures import Drawing, Mapping, Shape, blobs, log_uniform, scatter, wander
from starter.textures import blur, fill, random_texture, smooth_noise

Rng = np.random.Generator


def paint(
    style: np.random.Generator, rng: np.random.Generator, drawing: Drawing, classes: Mapping
) -> np.ndarray:
    """Give each part of a drawing its grey values.

    Parameters
    ----------
    style : numpy.random.Generator
        Draws what the images of one domain share.
    rng : numpy.random.Generator
        Draws what differs between them.
    drawing : Drawing
    classes : tuple of int
        The class of each part.

    Returns
    -------
    ndarray, (side, side), float32
    """
    side = drawing.parts.shape[0]
    manner = style.choice(["clear", "faint", "equal"], p=[0.5, 0.33, 0.17])
    if drawing.look in ("equal", "relief"):
        manner = style.choice(["faint", "equal"])
    means = _means(style, classes, str(manner))
    image = means[drawing.parts]
    sizes = np.array([log_uniform(style, 0.01, 0.18) for _ in classes])
    if manner == "equal":
        # Something has to tell the classes apart: the amplitudes of their textures differ.
        sizes[np.array(classes) == style.integers(0, max(classes) + 1)] *= 0.3
        sizes = np.maximum(sizes, 0.015) * 1.4
    for part, size in enumerate(sizes):
        texture = random_texture(style, float(size))
        here = drawing.parts == part
        if here.any():
            image[here] += fill(rng, texture, side)[here]
    image += _objects(style, rng, drawing)
    image += _rims(style, rng, drawing, forced=manner == "equal")
    if style.random() < 0.3:
        image += style.uniform(0.04, 0.15) * smooth_noise(rng, side, log_uniform(style, 10, 60))
    return image + _litter(style, rng, side)


def _means(style: Rng, classes: Mapping, manner: str) -> np.ndarray:
    low, high = {"clear": (0.25, 0.9), "faint": (0.07, 0.25), "equal": (0.0, 0.04)}[manner]
    steps = style.uniform(low, high, max(classes) + 1)
    levels = np.cumsum(steps)[style.permutation(len(steps))]
    means, known = np.zeros(len(classes), np.float32), set()
    for part, index in enumerate(classes):
        like, shift = int(style.integers(0, len(levels))), style.normal(0, 0.1)
        if index not in known:
            means[part] = levels[index]
        elif style.random() < 0.6:
            means[part] = levels[like] + 0.4 * shift
        else:
            means[part] = levels[index] + shift
        known.add(index)
    return means + np.float32(0.3)


def _objects(style: Rng, rng: Rng, drawing: Drawing) -> np.ndarray:
    variety = style.uniform(0, 0.2) if style.random() < 0.5 else 0.02
    bulge = style.normal(0, 0.2) if style.random() < 0.5 else 0.0
    slope = style.random() < 0.12
    angle = style.uniform(0, 2 * np.pi)
    offsets = variety * rng.standard_normal(int(drawing.objects.max()) + 1)
    offsets[0] = 0
    added = offsets.astype(np.float32)[drawing.objects] + np.float32(bulge) * drawing.height
    if slope or drawing.look == "relief":
        added = added + relief(drawing.height, angle, 1.2 if slope else 2.5)
    return added


def _rims(style: Rng, rng: Rng, drawing: Drawing, forced: bool) -> np.ndarray | float:
    chance, reach = style.random(), log_uniform(style, 0.7, 5)
    amount = style.uniform(0.1, 0.5) * style.choice([-1, 1])
    second, where = style.uniform(-0.5, 0.5) * amount, style.integers(0, 4)
    patchy = style.random() < 0.35
    if not (forced or chance < 0.4 or drawing.look in ("equal", "halo")):
        return 0.0
    key = drawing.objects * 8 + drawing.parts if where == 0 else drawing.parts
    edge = np.zeros(key.shape, bool)
    edge[:-1] |= key[:-1] != key[1:]
    edge[:, :-1] |= key[:, :-1] != key[:, 1:]
    if not edge.any():
        return 0.0
    distance = ndimage.distance_transform_edt(~edge).astype(np.float32)
    rim = amount * np.exp(-((distance / reach) ** 2))
    if where == 1:
        rim *= drawing.objects > 0
    elif where == 2:
        rim = np.where(drawing.objects > 0, rim, -second * np.exp(-((distance / (2 * reach)) ** 2)))
    if patchy:
        rim = rim * np.clip(0.7 + 0.7 * smooth_noise(rng, len(rim), 25), 0, 1.5)
    return rim.astype(np.float32)


def _litter(style: Rng, rng: Rng, side: int) -> np.ndarray:
    chances, signs = style.random(4), style.choice([-1.0, 1.0], 4)
    size, strength = log_uniform(style, 2, 12), style.uniform(0.1, 0.6)
    count, ring = int(style.integers(1, 12)), style.uniform(0.1, 0.4)
    added = np.zeros((side, side), np.float32)
    if chances[0] < 0.3:
        rows, columns = rng.integers(0, side, (2, count * 6))
        added[rows, columns] += signs[0] * strength * rng.uniform(2, 9, count * 6)
    if chances[1] < 0.2:
        for _ in range(1 + count // 4):
            path = wander(rng, rng.uniform(0, side, 2), rng.uniform(0, 7), side // 2, 0.01)
            rows, columns = np.clip(np.rint(path), 0, side - 1).astype(int).T
            added[rows, columns] += signs[1] * strength * 2
    added = blur(added, 0.8)
    if chances[2] < 0.3:
        centres = rng.uniform(0, side, (count, 2))
        near = blobs(rng, side, centres, Shape(size, 0.5, 2.5, 0.2))[1]
        if chances[3] < 0.4:
            added += signs[2] * strength * np.exp(-(((near - 0.75) / ring) ** 2)) * (near < 1)
        else:
            added += signs[2] * strength * np.sqrt(1 - near)
    if chances[3] > 0.9:
        centres = scatter(rng, side, 0.45 * side, 0.5)
        near = blobs(rng, side, centres, Shape(0.2 * side, 0.4, 2, 0.15))[1]
        added += signs[3] * 0.5 * strength * (1 - near)
    return added
