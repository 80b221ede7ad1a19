"""Labels become targets: class indices, border weights, and strokes or regions to hold out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_unet.core.images.arrange import Pieces
from napari_unet.core.labels.across_planes import Place, numbered_across
from napari_unet.core.labels.border_weights import border_weights, separate_touching
from napari_unet.core.labels.classes import LabelKind
from napari_unet.core.labels.scribble_border_weights import scribble_border_weights
from napari_unet.errors import InvalidInput

IGNORED = -1
_MIN_STROKES = 4
_HELD_OUT_STROKES = 0.2
_HELD_OUT_REGIONS = 0.1
_REGIONS_A_SIDE = 6
_MIN_PLANES_TO_HOLD_OUT = 20  # so that two are; one may be unlike all the others


@dataclass(frozen=True)
class Target:
    """What the network should say about one plane or, with planes before the rows, one volume.

    ``classes`` (Y, X) int16 index of the class, -1 where unlabelled; ``border`` (Y, X) float32, the
    border term of w(x) (Ronneberger et al. 2015, equation 2), to which the class balance w_c is
    added where patches are made; ``strokes`` (Y, X) int32, number of the stroke (scribbles) or of
    the region (dense labels) within the plane, 0 where unlabelled; ``newest`` (Y, X) bool, what was
    painted last; ``held_out`` (Y, X) bool, labelled pixels that are scored, never trained on.
    """

    classes: np.ndarray
    border: np.ndarray
    strokes: np.ndarray
    newest: np.ndarray
    held_out: np.ndarray

    @property
    def trained(self) -> np.ndarray:
        """(Y, X) bool, pixels that are trained on."""
        return (self.classes != IGNORED) & ~self.held_out


def class_ids(labels: list[np.ndarray], kind: LabelKind) -> list[int]:
    """Return the class ids that occur, ascending.

    Refused if there are not at least two to tell apart; the message says what to paint.
    """
    present = sorted({int(i) for plane in labels for i in np.unique(plane)})
    if kind == "instances":
        # Objects that fill the image touch, and what parts them becomes background.
        present = [0, 1] if len(present) > 1 else present
    if kind == "scribbles":
        present = [i for i in present if i != 0]
        if not present:
            raise InvalidInput("nothing is painted yet; paint a stroke of each class.")
    if present and present[-1] > 65535:
        raise InvalidInput(
            f"class id {present[-1]} is too large; if these are objects, use the label kind "
            "'instances'."
        )
    if len(present) < 2:
        only = f"only class {present[0]} is" if present else "no class is"
        raise InvalidInput(f"{only} labelled; label at least two classes, one may be background.")
    return present


def make_target(
    labels: np.ndarray,
    kind: LabelKind,
    ids: list[int],
    *,
    newest: np.ndarray | None = None,
    w0: float = 10.0,
    sigma: float = 5.0,
    voxel_size: tuple[float, ...] | None = None,
    unknown: np.ndarray | None = None,
) -> Target:
    """Turn the labels of one plane or volume into a target without anything held out.

    Labels are (Y, X) or (Z, Y, X) integers; ``ids`` are in the order of the network's outputs. Of
    the labels' shape, bool: ``newest``, what was painted last, and ``unknown``, where nothing is to
    be learnt. ``w0`` and ``sigma`` are those of :func:`labels.border_weights.border_weights`,
    ``sigma`` in units of a voxel's shortest side; ``voxel_size`` is along each axis, in any unit.
    """
    sampling = voxel_size and [length / min(voxel_size) for length in voxel_size]
    border = np.zeros(labels.shape, dtype=np.float32)
    if kind == "instances":
        # The gap first, then the weights of what is left: the order of the paper's section 3.
        separated = separate_touching(labels)
        if w0 > 0:
            border = border_weights(separated, w0=w0, sigma=sigma, sampling=sampling)
        labels = (separated > 0).astype(np.uint8)
    elif kind == "scribbles" and w0 > 0:
        border = scribble_border_weights(labels, w0=w0, sigma=sigma, sampling=sampling)
    lookup = np.full(int(max(labels.max(), max(ids))) + 1, IGNORED, dtype=np.int16)
    lookup[ids] = np.arange(len(ids))
    if kind == "scribbles":
        lookup[0] = IGNORED
    classes = lookup[labels]
    if unknown is not None:
        classes[unknown] = IGNORED
    strokes = _strokes(classes) if kind == "scribbles" else _regions(classes)
    return Target(
        classes=classes,
        border=border,
        strokes=strokes,
        newest=np.zeros(labels.shape, dtype=bool) if newest is None else newest,
        held_out=np.zeros(labels.shape, dtype=bool),
    )


def with_held_out(target: Target, held_out: np.ndarray) -> Target:
    """Return the target with these of its labelled pixels, bool of its shape, held out."""
    held_out = held_out & (target.classes != IGNORED)
    return Target(target.classes, target.border, target.strokes, target.newest, held_out)


def hold_out(
    targets: list[Target],
    kind: LabelKind,
    n_classes: int,
    rng: np.random.Generator,
    *,
    places: Sequence[Place] = (),
    origins: Sequence[tuple[int, ...]] = (),
) -> list[Target]:
    """Hold out a share of the strokes or regions, never single pixels of one, for the score.

    Nothing is held out while a class has fewer than four strokes: there every stroke is needed, and
    a score that leaves a class out would mislead. Of scribbles a fifth of each class's strokes is
    held out; of dense labels a tenth of the regions, or of the planes where there are twenty or
    more. With places and origins of the planes, see :func:`labels.across_planes.numbered_across`,
    strokes of planes that are neighbours are one; else each target is on its own.
    """
    numbers = [target.strokes for target in targets]
    if kind == "scribbles":
        where = places or [(index, ()) for index in range(len(targets))]
        at = origins or [(0,) * numbers[0].ndim] * len(targets)
        numbers = numbered_across([target.classes for target in targets], numbers, where, at)
        chosen = _choose_strokes(targets, numbers, n_classes, rng)
    elif len(targets) >= _MIN_PLANES_TO_HOLD_OUT:
        count = max(1, round(len(targets) * _HELD_OUT_REGIONS))
        planes = rng.choice(len(targets), size=count, replace=False)
        chosen = [(int(p), int(s)) for p in planes for s in _numbers(targets[p].strokes)]
    else:
        chosen = _choose_regions(targets, n_classes, rng)
    out = []
    for index, target in enumerate(targets):
        held = np.isin(numbers[index], [stroke for plane, stroke in chosen if plane == index])
        out.append(with_held_out(target, held))
    return out if _each_class_on_both_sides(out, n_classes) else targets


def _choose_strokes(
    targets: list[Target], numbers: list[np.ndarray], n_classes: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    chosen = []
    for index in range(n_classes):
        planes: dict[int, list[int]] = {}  # of each stroke, the planes that it is on
        for plane, target in enumerate(targets):
            for number in _numbers(numbers[plane][target.classes == index]):
                planes.setdefault(int(number), []).append(plane)
        strokes = list(planes)
        if strokes and len(strokes) < _MIN_STROKES:
            return []
        count = round(len(strokes) * _HELD_OUT_STROKES)
        for i in rng.choice(len(strokes), size=count, replace=False):
            chosen += [(plane, strokes[i]) for plane in planes[strokes[i]]]
    return chosen


def _choose_regions(
    targets: list[Target], n_classes: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Choose a tenth of the regions with the rarest class, one at least, and of the others."""
    counts = np.array(
        [np.bincount(t.classes[t.classes >= 0], minlength=n_classes) for t in targets]
    )
    rarest = int(np.where(counts.sum(axis=0) > 0, counts.sum(axis=0), np.inf).argmin())
    every = [(p, int(s)) for p, t in enumerate(targets) for s in _numbers(t.strokes)]
    with_rarest = {
        (p, int(s)) for p, t in enumerate(targets) for s in _numbers(t.strokes[t.classes == rarest])
    }
    order = [every[i] for i in rng.permutation(len(every))]
    rare = [region for region in order if region in with_rarest]
    others = [region for region in order if region not in with_rarest]
    return (
        rare[: max(1, round(len(rare) * _HELD_OUT_REGIONS))]
        + others[: round(len(others) * _HELD_OUT_REGIONS)]
    )


def _each_class_on_both_sides(targets: list[Target], n_classes: int) -> bool:
    """Tell whether each labelled class has pixels to train on and pixels to score."""
    for index in range(n_classes):
        of_class = [target.classes == index for target in targets]
        if not any(mask.any() for mask in of_class):
            continue
        for share in ("trained", "held_out"):
            pairs = zip(of_class, targets, strict=True)
            if not any((mask & getattr(target, share)).any() for mask, target in pairs):
                return False
    return True


def _numbers(strokes: np.ndarray) -> np.ndarray:
    numbers = np.unique(strokes)
    return numbers[numbers > 0]


def _strokes(classes: np.ndarray) -> np.ndarray:
    """Give each connected component of a class a number, int32; diagonal neighbours connect."""
    neighbours = np.ones((3,) * classes.ndim, dtype=bool)
    out = np.zeros(classes.shape, dtype=np.int32)
    count = 0
    for index in range(int(classes.max()) + 1):
        components, found = ndimage.label(classes == index, structure=neighbours)
        out[components > 0] = components[components > 0] + count
        count += found
    return out


def _regions(classes: np.ndarray) -> np.ndarray:
    """Give each cell of a 6 x 6 or 6 x 6 x 6 grid over the labelled pixels a number, int32."""
    cells = np.zeros((1,) * classes.ndim, dtype=np.int32)
    for index in np.ogrid[tuple(slice(size) for size in classes.shape)]:
        cells = cells * _REGIONS_A_SIDE + index * _REGIONS_A_SIDE // index.size
    return np.where(classes == IGNORED, 0, cells + 1).astype(np.int32)


def labelled_planes(image: Pieces, labels: np.ndarray, kind: LabelKind) -> list[int]:
    """Return which planes or volumes of an image have labels to learn from."""
    piled = labels.reshape(-1, *image.data.shape[2:])
    if kind != "scribbles":
        return list(range(len(image.data)))
    return [index for index, piece in enumerate(piled) if piece.any()]
