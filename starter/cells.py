"""Kinds of scene whose objects are compact: nuclei, cells, crystals, spots.

Each kind is a function of `style` (draws what the images of one domain share, in the same order
in each image), `rng` (draws what differs between them) and the side of the image in pixels.
"""

from __future__ import annotations

import numpy as np

from starter.structures import Drawing, Shape, blobs, curves, log_uniform, scatter, wander
from starter.textures import smooth_noise

Rng = np.random.Generator


def _inner(style: Rng, rng: Rng, objects: np.ndarray, near: np.ndarray, share: float) -> np.ndarray:
    # Off-centre kernels: the nearness is tilted by smooth noise before it is cut.
    noise = smooth_noise(rng, len(near), log_uniform(style, 8, 25))
    return (objects > 0) & (near + 0.12 * noise < share)


def _height(near: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(1 - near**2, 0, 1)).astype(np.float32)


def nuclei(style: Rng, rng: Rng, side: int) -> Drawing:
    """Fluorescent nuclei, touching, of very different sizes."""
    radius = log_uniform(style, 3, 28)
    shape = Shape(
        radius, style.uniform(0.05, 0.5), style.uniform(1, 2.2), style.uniform(0.02, 0.12)
    )
    spacing, kept, clumps = radius * style.uniform(1.7, 3.5), style.uniform(0.3, 1), style.random()
    objects, near = blobs(rng, side, scatter(rng, side, spacing, kept, clumps), shape)
    parts = (objects > 0).astype(np.uint8)
    if style.random() < 0.4:
        # Debris of another shape that belongs to the background.
        small = Shape(max(1.5, radius * style.uniform(0.15, 0.4)), 0.3, 3, 0.2)
        litter, _ = blobs(rng, side, scatter(rng, side, spacing * 0.8, 0.4), small)
        parts[(litter > 0) & (objects == 0)] = 2
    return Drawing(parts, objects, _height(near), ((0, 1, 0),))


def gapped_nuclei(style: Rng, rng: Rng, side: int) -> Drawing:
    """Crowded objects with the borders between them as a class of its own."""
    radius, gap = log_uniform(style, 7, 26), style.uniform(0.12, 0.3)
    shape = Shape(radius, style.uniform(0.05, 0.3), style.uniform(1, 1.8), style.uniform(0, 0.1))
    objects, near = blobs(rng, side, scatter(rng, side, radius * 1.5, 1, 0.7), shape)
    parts = np.where(objects == 0, 0, np.where(near > 1 - gap, 2, 1)).astype(np.uint8)
    return Drawing(parts, objects, _height(near), ((0, 1, 0), (0, 0, 1)), ((0, 1, 2),), "equal")


def stained_cells(style: Rng, rng: Rng, side: int) -> Drawing:
    """Cells with a nucleus among red cells that belong to the background."""
    radius = log_uniform(style, 14, 45)
    shape = Shape(radius, 0.15, style.uniform(1, 1.5), style.uniform(0.03, 0.1))
    share, corners = style.uniform(0.5, 0.8), int(style.choice([0, 0, 6]))
    if corners:
        shape = Shape(radius * 1.3, 0.25, 1.6, corners=corners)
        share = style.uniform(0.3, 0.5)
    reds = Shape(radius * style.uniform(0.5, 0.9), 0.08, 1.2, 0.03)
    spacing, kept = radius * style.uniform(2, 3.5), style.uniform(0.4, 0.9)
    dense, pale, ringed = style.uniform(0.2, 0.8), style.uniform(0.3, 0.6), style.random() < 0.5
    objects, near = blobs(rng, side, scatter(rng, side, spacing, kept), shape)
    parts = (objects > 0).astype(np.uint8)
    parts[_inner(style, rng, objects, near, share)] = 2
    others, other_near = blobs(rng, side, scatter(rng, side, reds.radius * 2, dense), reds)
    around = (others > 0) & (objects == 0)
    parts[around] = 3
    if ringed:
        parts[around & (other_near < pale)] = 0
    maps = ((0, 1, 1, 0), (0, 0, 1, 0))
    return Drawing(parts, objects + around * (others + 999), _height(near), maps, ((0, 1, 2, 0),))


def phase_cells(style: Rng, rng: Rng, side: int) -> Drawing:
    """Spread cells with protrusions and pale bodies, seen in phase contrast."""
    radius = log_uniform(style, 14, 58)
    wobble, stretch = style.uniform(0.1, 0.32), style.uniform(1.2, 3.5)
    shape = Shape(radius, 0.25, stretch, wobble, style.uniform(0, 0.3))
    spacing, kept, share = (
        radius * style.uniform(2, 4),
        style.uniform(0.4, 0.9),
        style.uniform(0.2, 0.5),
    )
    objects, near = blobs(rng, side, scatter(rng, side, spacing, kept), shape)
    near = np.clip(near + 0.1 * smooth_noise(rng, side, radius * 0.35), 0, 1)
    objects = np.where(near < 1, objects, 0)
    parts = (objects > 0).astype(np.uint8)
    parts[_inner(style, rng, objects, near, share)] = 2
    dead, _ = blobs(rng, side, scatter(rng, side, spacing, 0.3), Shape(radius * 0.2, 0.4, 1.3))
    parts[(dead > 0) & (objects == 0)] = 3
    look = str(style.choice(["halo", "halo", "equal", "any"]))
    return Drawing(parts, objects, _height(near), ((0, 1, 1, 0),), ((0, 1, 2, 0),), look)


def relief_cells(style: Rng, rng: Rng, side: int) -> Drawing:
    """Round cells of the grey of their surroundings, shaded from one side."""
    radius = log_uniform(style, 8, 45)
    shape = Shape(
        radius, style.uniform(0.05, 0.3), style.uniform(1, 1.8), style.uniform(0.02, 0.15)
    )
    spacing, kept = radius * style.uniform(1.8, 3.2), style.uniform(0.4, 1)
    objects, near = blobs(rng, side, scatter(rng, side, spacing, kept, 0.5), shape)
    parts = (objects > 0).astype(np.uint8)
    if style.random() < 0.5:
        inner = Shape(max(2.0, radius * 0.2), 0.3, 1.5)
        grains, _ = blobs(rng, side, scatter(rng, side, radius * 0.7, 0.6), inner)
        parts[(grains > 0) & (objects > 0)] = 2
        parts[(grains > 0) & (objects == 0) & (smooth_noise(rng, side, 40) > 0.5)] = 3
    return Drawing(parts, objects, _height(near), ((0, 1, 1, 0),), look="relief")


def histology(style: Rng, rng: Rng, side: int) -> Drawing:
    """Nuclei of irregular outline in textured tissue with open spaces."""
    radius = log_uniform(style, 4, 16)
    shape = Shape(radius, 0.3, style.uniform(1.3, 3), style.uniform(0.08, 0.2), 0.1)
    spacing, kept, clumps = radius * style.uniform(1.8, 3), style.uniform(0.5, 1), style.random()
    level, scale = style.uniform(0.4, 1.4), log_uniform(style, 25, 80)
    objects, near = blobs(rng, side, scatter(rng, side, spacing, kept, clumps), shape)
    parts = np.where(smooth_noise(rng, side, scale) > level, 2, 0).astype(np.uint8)
    open_space = (parts == 2) & (near > 0.4)
    parts[objects > 0] = 1
    parts[open_space] = 2
    objects = np.where(open_space, 0, objects)
    return Drawing(parts, objects, _height(near), ((0, 1, 0),), ((0, 1, 2),))


def rods(style: Rng, rng: Rng, side: int) -> Drawing:
    """Bacteria: short rods in clumps."""
    radius = log_uniform(style, 3.5, 14)
    shape = Shape(radius, 0.15, style.uniform(3, 7), 0, style.uniform(0, 0.08), 4.0)
    spacing, clumps = radius * style.uniform(1.8, 3), style.uniform(0.3, 1)
    objects, near = blobs(rng, side, scatter(rng, side, spacing, 0.8, clumps), shape)
    parts = (objects > 0).astype(np.uint8)
    if style.random() < 0.5:
        round_ones = Shape(radius * style.uniform(0.4, 1), 0.3, 1.1, 0.02)
        others, _ = blobs(rng, side, scatter(rng, side, spacing * 1.5, 0.4), round_ones)
        parts[(others > 0) & (objects == 0)] = 2
    return Drawing(
        parts, objects, _height(near), ((0, 1, 0),), look=str(style.choice(["any", "halo"]))
    )


def crystals(style: Rng, rng: Rng, side: int) -> Drawing:
    """Polygons with facets, among round drops that belong to the background."""
    radius, corners = log_uniform(style, 7, 40), int(style.integers(4, 8))
    shape = Shape(radius, 0.3, style.uniform(1, 2.5), corners=corners)
    spacing, kept = radius * style.uniform(2, 3.2), style.uniform(0.4, 0.9)
    objects, near = blobs(rng, side, scatter(rng, side, spacing, kept), shape)
    drops, _ = blobs(rng, side, scatter(rng, side, spacing, 0.4), Shape(radius * 0.5, 0.4, 1.1, 0))
    parts = (objects > 0).astype(np.uint8)
    parts[(objects > 0) & (near < style.uniform(0.4, 0.8))] = 2
    parts[(drops > 0) & (objects == 0)] = 3
    look = str(style.choice(["any", "relief", "equal"]))
    return Drawing(parts, objects, (1 - near).astype(np.float32), ((0, 1, 1, 0),), look=look)


def spots(style: Rng, rng: Rng, side: int) -> Drawing:
    """Small vesicles; larger bodies and lines of the same grey are background."""
    radius = log_uniform(style, 1.8, 5.5)
    spacing, kept = max(radius * style.uniform(2.5, 5), 9), style.uniform(0.5, 1)
    large = Shape(radius * style.uniform(4, 7), 0.3, 1.8, 0.12)
    hollow, lines = style.random() < 0.4, style.random() < 0.4
    objects, near = blobs(
        rng, side, scatter(rng, side, spacing, kept, 0.6), Shape(radius, 0.2, 1.3)
    )
    bodies, _ = blobs(rng, side, scatter(rng, side, large.radius * 2.5, 0.5), large)
    parts = np.where(bodies > 0, 2, 0).astype(np.uint8)
    if lines:
        paths = [
            wander(rng, rng.uniform(0, side, 2), rng.uniform(0, 7), side, 0.02) for _ in range(4)
        ]
        tracks, _, _ = curves(side, paths, [np.full(side, 0.6 * radius)] * 4)
        parts[tracks > 0] = 2
    parts[objects > 0] = 1
    if hollow and radius > 3:
        parts[(objects > 0) & (near < 0.5)] = 3
    return Drawing(parts, objects, _height(near), ((0, 1, 0, 1),), ((0, 1, 2, 1),))


def rings(style: Rng, rng: Rng, side: int) -> Drawing:
    """Rims that are closed, of one grey inside and outside; open arcs are background."""
    radius, wall = log_uniform(style, 7, 40), style.uniform(1.5, 5)
    shape = Shape(radius, 0.25, style.uniform(1, 1.8), style.uniform(0.02, 0.15))
    spacing, opened = radius * style.uniform(2, 3), style.uniform(0.15, 0.45)
    objects, near = blobs(rng, side, scatter(rng, side, spacing, 0.8), shape)
    broken = rng.random(int(objects.max()) + 1) < opened
    broken[0] = False
    rim = (objects > 0) & (near > 1 - min(0.6, wall / radius))
    parts = np.where(objects > 0, 1, 0).astype(np.uint8)
    parts[rim] = 2
    gaps = smooth_noise(rng, side, radius * 1.2) > 0
    lost = broken[objects]
    parts[lost] = np.where(rim & gaps, 3, 0)[lost]
    maps = ((0, 1, 1, 0), (0, 1, 0, 0))
    return Drawing(parts, objects * ~lost, _height(near), maps, ((0, 1, 2, 0),), "equal")
