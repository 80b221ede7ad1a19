"""Kinds of scene made of lines, sheets and regions: membranes, vessels, worms, tissues.

The arguments of each kind are those of `starter.cells`.
"""

from __future__ import annotations

import numpy as np

from starter.structures import Drawing, Shape, blobs, curves, log_uniform, scatter, sheet, wander
from starter.textures import smooth_noise

Rng = np.random.Generator


def _height(near: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(1 - near**2, 0, 1)).astype(np.float32)


def membranes(style: Rng, rng: Rng, side: int) -> Drawing:
    """Electron micrograph: membranes, organelles with cristae, vesicles."""
    spacing, half = log_uniform(style, 14, 60), log_uniform(style, 0.8, 3.5)
    warp, disorder = style.uniform(0.05, 0.25) * spacing, style.uniform(0.6, 1.2)
    organelle = Shape(spacing * style.uniform(0.15, 0.3), 0.3, style.uniform(1.2, 2.5), 0.08)
    rim, vesicle = style.uniform(0.6, 0.85), Shape(style.uniform(1.5, 3), 0.1, 1.1, 0)
    cells, distance = sheet(rng, side, spacing, disorder, warp)
    bodies, near = blobs(rng, side, scatter(rng, side, spacing * 1.4, 0.5), organelle)
    grains, _ = blobs(rng, side, scatter(rng, side, 14, 0.6, 1), vesicle)
    parts = np.zeros((side, side), np.uint8)
    parts[(grains > 0) & (smooth_noise(rng, side, 40) > 0.3)] = 3
    parts[bodies > 0] = 2
    parts[(bodies > 0) & (near > rim)] = 4
    thick = half * np.clip(1 + 0.3 * smooth_noise(rng, side, 20), 0.5, 2)
    parts[distance < thick] = 1
    height = np.minimum(distance / 8, 1)
    maps = ((0, 1, 0, 0, 0), (0, 0, 1, 0, 1))
    return Drawing(parts, cells, height, maps[:1] * 2 + maps[1:], ((0, 1, 2, 0, 2),))


def epithelium(style: Rng, rng: Rng, side: int) -> Drawing:
    """Cells side by side with thin, partly pale borders; some have a nucleus."""
    spacing, half = log_uniform(style, 9, 50), log_uniform(style, 0.8, 2.5)
    disorder, warp = style.uniform(0.2, 0.8), style.uniform(0, 0.08) * spacing
    share, nucleated = style.uniform(0.15, 0.3), style.random() < 0.5
    cells, distance = sheet(rng, side, spacing, disorder, warp)
    parts = np.zeros((side, side), np.uint8)
    if nucleated:
        parts[distance + smooth_noise(rng, side, 15) > share * spacing] = 2
    parts[(distance < half) & (smooth_noise(rng, side, 20) > 1.2)] = 3
    parts[(distance < half) & (parts != 3)] = 1
    height = np.minimum(distance / (0.4 * spacing), 1).astype(np.float32)
    return Drawing(parts, cells, height, ((0, 1, 0, 1),), ((0, 1, 2, 1),))


def _branch(
    rng: Rng, start: np.ndarray, angle: float, half: float, side: int, curl: float, level: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    length = int(rng.uniform(0.35, 0.8) * side) + 10
    path = wander(rng, np.asarray(start), angle, length, curl)
    widths = np.maximum(half * np.linspace(1, rng.uniform(0.5, 0.9), length), 0.75)
    found = [(path, widths)]
    if level < 3 and half > 0.8:
        for at in rng.integers(length // 8, length, rng.integers(1, 4)):
            step = path[at] - path[at - 1]
            turned = np.arctan2(step[0], step[1]) + rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
            thin = widths[at] * rng.uniform(0.5, 0.85)
            found += _branch(rng, path[at], turned, thin, side, curl, level + 1)
    return found


def vessels(style: Rng, rng: Rng, side: int) -> Drawing:
    """Branching trees of varying calibre, a disc, lesions."""
    half, curl, trees = log_uniform(style, 1.0, 6), style.uniform(0.01, 0.05), style.integers(1, 4)
    lesion, bright = Shape(log_uniform(style, 2, 9), 0.5, 2, 0.2), style.random() < 0.5
    found = []
    for _ in range(trees):
        start = rng.uniform(0, side, 2)
        start[rng.integers(0, 2)] = rng.choice([0, side - 1])
        angle = np.arctan2(side / 2 - start[0], side / 2 - start[1]) + rng.uniform(-0.6, 0.6)
        found += _branch(rng, start, angle, half * rng.uniform(0.6, 1), side, curl, 0)
    paths, widths = zip(*found[:70], strict=True)
    objects, near, _ = curves(side, list(paths), list(widths))
    parts = np.zeros((side, side), np.uint8)
    if bright:
        disc, _ = blobs(
            rng, side, rng.uniform(0, side, (1, 2)), Shape(style.uniform(15, 45), 0.1, 1.2, 0)
        )
        parts[disc > 0] = 2
    spots, _ = blobs(rng, side, scatter(rng, side, 40, 0.3), lesion)
    parts[spots > 0] = 3
    parts[objects > 0] = 1
    return Drawing(parts, (objects > 0).astype(np.int32), _height(near), ((0, 1, 0, 0),))


def _strands(
    rng: Rng, side: int, count: int, length: float, curl: float, half: float, taper: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    paths, widths = [], []
    for _ in range(count):
        long = max(8, int(length * rng.uniform(0.5, 1.3)))
        paths.append(wander(rng, rng.uniform(0, side, 2), rng.uniform(0, 7), long, curl))
        shape = np.sin(np.linspace(0.15, np.pi - 0.15, long)) ** 0.6 if taper else np.ones(long)
        widths.append(np.maximum(half * rng.uniform(0.7, 1.2) * shape, 0.75))
    return curves(side, paths, widths)


def worms(style: Rng, rng: Rng, side: int) -> Drawing:
    """Long bent bodies of even width; short thick debris is background."""
    half, curl, count = log_uniform(style, 1.5, 8), style.uniform(0.01, 0.08), style.integers(3, 14)
    objects, near, _ = _strands(
        rng, side, int(count), half * style.uniform(15, 30), curl, half, True
    )
    debris = Shape(half * style.uniform(0.8, 2), 0.4, 2, 0.2)
    litter, _ = blobs(rng, side, scatter(rng, side, 35, style.uniform(0, 0.5)), debris)
    parts = np.where(litter > 0, 2, 0).astype(np.uint8)
    parts[objects > 0] = 1
    return Drawing(parts, objects, _height(near), ((0, 1, 0),))


def filaments(style: Rng, rng: Rng, side: int) -> Drawing:
    """Crossing fibres; spots and patches of the same grey are background."""
    half, curl, count = (
        log_uniform(style, 0.75, 3),
        style.uniform(0.002, 0.04),
        style.integers(6, 45),
    )
    objects, near, _ = _strands(
        rng, side, int(count), side * style.uniform(0.4, 1.2), curl, half, False
    )
    dots, _ = blobs(rng, side, scatter(rng, side, 22, 0.5), Shape(style.uniform(1.5, 5), 0.4, 1.5))
    cloud = smooth_noise(rng, side, 45) > style.uniform(0.6, 1.6)
    parts = np.where(cloud, 2, 0).astype(np.uint8)
    parts[dots > 0] = 3
    parts[objects > 0] = 1
    return Drawing(parts, objects, _height(near), ((0, 1, 0, 0),), ((0, 1, 2, 0),))


def mitochondria(style: Rng, rng: Rng, side: int) -> Drawing:
    """Worm-like organelles inside cells; round ones and a nucleus are cell."""
    radius, half = log_uniform(style, 35, 65), log_uniform(style, 1.2, 4.5)
    cell = Shape(radius, 0.15, 1.6, 0.12)
    spacing, count = radius * style.uniform(1.6, 2.2), int(style.integers(20, 60))
    length, curl = half * style.uniform(4, 12), style.uniform(0.03, 0.12)
    bodies, near = blobs(rng, side, scatter(rng, side, spacing, 0.8), cell)
    threads, thread_near, _ = _strands(rng, side, count, length, curl, half, False)
    drops, _ = blobs(rng, side, scatter(rng, side, 25, 0.5), Shape(half * 1.3, 0.3, 1.2, 0.02))
    parts = np.where(bodies > 0, 1, 0).astype(np.uint8)
    parts[(drops > 0) & (bodies > 0)] = 3
    parts[(threads > 0) & (bodies > 0) & (near > 0.35)] = 2
    parts[(bodies > 0) & (near < 0.33)] = 4
    maps = ((0, 0, 1, 0, 0), (0, 0, 1, 0, 0), (0, 1, 1, 1, 1))
    height = np.maximum(0.5 * _height(near), _height(thread_near))
    return Drawing(parts, bodies, height, maps, ((0, 1, 2, 1, 1),))


def neurons(style: Rng, rng: Rng, side: int) -> Drawing:
    """Cell bodies with long thin neurites."""
    radius, half = log_uniform(style, 6, 20), log_uniform(style, 0.8, 2.5)
    spacing, arms, curl = (
        radius * style.uniform(4, 7),
        style.integers(2, 6),
        style.uniform(0.02, 0.07),
    )
    places = scatter(rng, side, spacing, 0.8)[:12]
    somas, near = blobs(rng, side, places, Shape(radius, 0.2, 1.6, 0.12))
    found = []
    for place in places:
        for angle in rng.uniform(0, 2 * np.pi, arms):
            found += _branch(rng, place, angle, half, side // 2, curl, 2)
    paths, widths = zip(*found, strict=True)
    arms_at, arm_near, _ = curves(side, list(paths), list(widths))
    parts = np.where(somas > 0, 2, np.where(arms_at > 0, 1, 0)).astype(np.uint8)
    dots, _ = blobs(rng, side, scatter(rng, side, 30, 0.4), Shape(half * 2, 0.4, 1.3))
    parts[(dots > 0) & (parts == 0)] = 3
    height = np.maximum(_height(near), 0.4 * _height(arm_near))
    maps = ((0, 1, 1, 0), (0, 1, 0, 0), (0, 0, 1, 0))
    return Drawing(parts, (parts % 3).astype(np.int32), height, maps, ((0, 1, 2, 0),))


def scratch(style: Rng, rng: Rng, side: int) -> Drawing:
    """Cells in a layer with a gap, and single cells that have left for it."""
    width, radius = style.uniform(0.25, 0.6) * side, log_uniform(style, 4, 14)
    ragged, strays = style.uniform(0.03, 0.12) * side, style.uniform(0.05, 0.25)
    tilt = rng.uniform(-0.5, 0.5)
    rows, columns = np.mgrid[:side, :side] - side * rng.uniform(0.35, 0.65)
    if style.random() < 0.5:
        rows, columns = columns, rows
    across = np.abs(rows + tilt * columns) + ragged * smooth_noise(rng, side, 20)
    layer = across > width / 2
    cells, near = blobs(
        rng, side, scatter(rng, side, radius * 1.9, 1), Shape(radius, 0.2, 2.2, 0.15)
    )
    gone = rng.random(int(cells.max()) + 1) > strays
    parts = np.where(layer, 0, 2).astype(np.uint8)
    parts[layer & (cells > 0)] = 1
    parts[~layer & (cells > 0) & ~gone[cells]] = 3
    objects = np.where((parts == 1) | (parts == 3), cells, 0)
    look = str(style.choice(["any", "halo", "equal"]))
    return Drawing(
        parts, objects, _height(near) * (objects > 0), ((0, 0, 1, 1),), ((0, 0, 1, 2),), look
    )


def tissues(style: Rng, rng: Rng, side: int) -> Drawing:
    """Two or three regions that differ by their texture."""
    scale, jagged = log_uniform(style, 25, 90), style.uniform(0, 0.25)
    first = smooth_noise(rng, side, scale) + jagged * smooth_noise(rng, side, 8)
    second = smooth_noise(rng, side, scale)
    parts = np.where(first > 0.1, 1, np.where(second > 0.2, 2, 0)).astype(np.uint8)
    spots, near = blobs(
        rng, side, scatter(rng, side, 30, 0.5), Shape(style.uniform(2, 9), 0.4, 1.6)
    )
    holes = style.random() < 0.4
    if holes:
        parts[spots > 0] = 3
    height = _height(near) if holes else np.zeros((side, side), np.float32)
    maps = ((0, 1, 0, 0), (0, 1, 1, 0), (0, 1, 0, 1))
    return Drawing(parts, parts.astype(np.int32), height, maps, ((0, 1, 2, 0),), "equal")


def glands(style: Rng, rng: Rng, side: int) -> Drawing:
    """Walls of cells around a lumen, in stroma of much the same grey as the lumen."""
    radius, wall = log_uniform(style, 18, 55), style.uniform(0.25, 0.5)
    spacing = radius * style.uniform(1.9, 2.6)
    dot = Shape(style.uniform(2, 4.5), 0.2, 1.5)
    objects, near = blobs(
        rng, side, scatter(rng, side, spacing, 0.9), Shape(radius, 0.3, 1.7, 0.12)
    )
    parts = np.where(objects > 0, 1, 0).astype(np.uint8)
    parts[(objects > 0) & (near < 1 - wall)] = 2
    dots, dot_near = blobs(rng, side, scatter(rng, side, dot.radius * 2.5, 0.8), dot)
    parts[(dots > 0) & (parts == 1)] = 3
    parts[(dots > 0) & (parts == 0) & (dots % 4 == 0)] = 4
    maps = ((0, 1, 0, 1, 0), (0, 1, 1, 1, 0), (0, 0, 1, 0, 0))
    height = _height(dot_near) * (dots > 0)
    return Drawing(parts, objects, height, maps, ((0, 1, 2, 1, 0),))


def layers(style: Rng, rng: Rng, side: int) -> Drawing:
    """Wavy bands, as of retina or muscle, with cells of one band in the next."""
    period, wave = log_uniform(style, 25, 120), style.uniform(0.1, 0.5)
    angle = style.uniform(0, np.pi) + rng.uniform(-0.2, 0.2)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    phase = (np.sin(angle) * rows + np.cos(angle) * columns) / period + rng.random()
    phase = (phase + wave * smooth_noise(rng, side, period * 1.5)) % 1
    cuts = np.sort(style.uniform(0.2, 0.8, 2))
    parts = np.digitize(phase, cuts).astype(np.uint8)
    cells, near = blobs(
        rng, side, scatter(rng, side, 22, 0.4), Shape(style.uniform(2, 7), 0.3, 1.6)
    )
    parts[(cells > 0) & (parts == 0)] = 3
    maps = ((0, 1, 0, 0), (0, 1, 1, 0), (0, 0, 1, 0))
    return Drawing(parts, cells * (parts == 3), _height(near) * (parts == 3), maps, ((0, 1, 2, 0),))
