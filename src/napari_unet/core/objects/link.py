"""The same cell keeps its id from one time to the next."""

import numpy as np

from napari_unet.core.labels.check_labels import check_labels
from napari_unet.errors import InvalidInput


def link(previous: np.ndarray, current: np.ndarray, *, unused: int | None = None) -> np.ndarray:
    """Give the objects of one time the ids that they had the time before.

    Each object takes the id of the previous object with which it shares most pixels. Where several
    want the same id, as after a division, the one that shares most has it, and the others get new
    ids from ``unused`` on: the one after the largest in ``previous``, or what over a series was not
    used at any time before. Of equals, the lower id goes first. Ids are (row, column) or (plane,
    row, column) of one shape, 0 for background; the result is int32.
    """
    previous, current = check_labels(previous), check_labels(current)
    if previous.shape != current.shape:
        raise InvalidInput(
            f"the objects have the shape {current.shape} and those before {previous.shape}; link "
            "images of the same shape."
        )
    first_new = int(previous.max(initial=0)) + 1 if unused is None else unused
    ids, ranks = np.unique(current, return_inverse=True)
    ranks = ranks.reshape(current.shape)
    both = (previous > 0) & (current > 0)
    old, index = _best_pairs(previous[both].astype(np.int64), ranks[both].astype(np.int64))
    new_ids = np.zeros(len(ids), np.int32)
    new_ids[index] = old
    fresh = (new_ids == 0) & (ids > 0)
    new_ids[fresh] = first_new + np.arange(np.count_nonzero(fresh))
    return new_ids[ranks]


def _best_pairs(old: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return who keeps which id, each at most once, from the pixels of both."""
    # One number a pair: to sort pairs as such takes a hundred times as long.
    width = int(index.max(initial=0)) + 1
    keys, counts = np.unique(old * width + index, return_counts=True)
    pairs = np.stack(np.divmod(keys, width))
    pairs, counts = _first_of(pairs, counts, by=1)
    pairs, _ = _first_of(pairs, counts, by=0)
    return pairs[0], pairs[1]


def _first_of(pairs: np.ndarray, counts: np.ndarray, by: int) -> tuple[np.ndarray, np.ndarray]:
    """Keep of the pairs with one entry in common the one that shares most pixels."""
    order = np.lexsort((pairs[1 - by], -counts, pairs[by]))
    pairs, counts = pairs[:, order], counts[order]
    first = np.ones(len(counts), bool)
    first[1:] = pairs[by, 1:] != pairs[by, :-1]
    return pairs[:, first], counts[first]
