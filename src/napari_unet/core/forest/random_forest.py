"""A random forest on multi-scale filters: the first answer, and what guides the network.

The filters and the forest are those of pixel classification as ilastik and Labkit do it (Berg et
al. 2019, doi:10.1038/s41592-019-0582-9; Breiman 2001, doi:10.1023/A:1010933404324).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from napari_unet.core.forest.filters import filters
from napari_unet.errors import InvalidModel

TREES = 60
_SMALLEST_LEAF = 4  # pixels; neighbours in a stroke say nearly the same
_THREADS = 2
_PIXELS_AT_ONCE = 2**14


@dataclass(frozen=True, eq=False)
class Forest:
    """A random forest as plain arrays, so that a model file can hold it.

    Nodes of all trees are in one list: ``children`` (N, 2) int32, the two nodes below, relative to
    the tree's first, or -1 for a leaf; ``filters`` (N,) int32, the filter that a node compares with
    its ``thresholds``, (N,) float64; ``probabilities`` (N, K) float32, of the classes at a leaf;
    ``sizes`` (T,) int32, nodes of each tree.
    """

    children: np.ndarray
    filters: np.ndarray
    thresholds: np.ndarray
    probabilities: np.ndarray
    sizes: np.ndarray
    _trees: list[object] | None = field(default=None, init=False, repr=False)

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return int(self.probabilities.shape[1])

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return class probabilities, (K, ...) float32, of (..., F) values of :func:`filters`."""
        trees = self._trees
        if trees is None:  # of several threads each may build them; whole lists are set alone
            trees = _walkers(self, values.shape[-1])
            object.__setattr__(self, "_trees", trees)
        flat = np.ascontiguousarray(values.reshape(-1, values.shape[-1]))
        blocks = np.array_split(flat, max(1, len(flat) // _PIXELS_AT_ONCE))
        if len(blocks) == 1:
            found = self._walk(trees, flat)
        else:
            with ThreadPoolExecutor(_THREADS) as pool:
                found = np.concatenate(list(pool.map(partial(self._walk, trees), blocks)), axis=1)
        return found.reshape(-1, *values.shape[:-1])

    def _walk(self, trees: list[object], values: np.ndarray) -> np.ndarray:
        """Return the mean over the trees for (N, F) values, (K, N) float32."""
        total = np.zeros((self.n_classes, len(values)), dtype=np.float32)
        classes = np.ascontiguousarray(self.probabilities.T)
        at_leaf = np.empty(len(values), dtype=np.float32)
        start = 0
        for tree, size in zip(trees, self.sizes, strict=True):
            leaves = tree.apply(values)  # type: ignore[attr-defined]
            for found, of_class in zip(total, classes, strict=True):
                np.take(of_class[start : start + size], leaves, out=at_leaf, mode="clip")
                found += at_leaf
            start += int(size)
        return total / len(self.sizes)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, to be written into a file."""
        return {name: getattr(self, name) for name in self.names()}

    @classmethod
    def checked(cls, arrays: Mapping[str, np.ndarray], n_filters: int, n_classes: int) -> Forest:
        """Build a forest from arrays of a file.

        ``InvalidModel`` if they are no forest; a walk down its trees might not end, or leave the
        arrays.
        """
        try:
            forest = cls(**{name: np.asarray(arrays[name]) for name in cls.names()})
        except KeyError as error:
            raise InvalidModel(f"the model file lacks the forest's {error}.") from None
        if not _is_sound(forest, n_filters, n_classes):
            raise InvalidModel("the forest in the model file is damaged; take another copy.")
        return forest

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the names of the arrays."""
        return ("children", "filters", "thresholds", "probabilities", "sizes")


def fit_forest(
    values: np.ndarray,
    classes: np.ndarray,
    n_classes: int,
    *,
    seed: int,
    trees: int = TREES,
    weights: np.ndarray | None = None,
) -> Forest:
    """Fit a forest, half of it random and half of it extremely randomised trees.

    The second half splits at random thresholds (Geurts et al. 2006, doi:10.1007/s10994-006-6226-1)
    and so follows few strokes less closely. Measured on six sets: docs/method.md. On (N, F) float32
    filters at painted pixels and their (N,) class indices; not each of the K classes need occur.
    (N,) ``weights`` say how much each pixel counts.
    """
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    halves = [
        kind(max(1, trees // 2), random_state=seed, min_samples_leaf=_SMALLEST_LEAF)
        for kind in (RandomForestClassifier, ExtraTreesClassifier)
    ]
    # Threads of our own: to hand out tree after tree takes longer than to fit a few strokes.
    with ThreadPoolExecutor(_THREADS) as pool:
        fitted = list(pool.map(lambda half: half.fit(values, classes, weights), halves))
    tables = [estimator.tree_ for half in fitted for estimator in half.estimators_]
    values_at = [tree.value[:, 0, :] for tree in tables]
    shares = np.zeros((sum(map(len, values_at)), n_classes), dtype=np.float32)
    found = np.concatenate(values_at)
    shares[:, fitted[0].classes_.astype(int)] = found / found.sum(axis=1, keepdims=True)
    children = [np.stack([tree.children_left, tree.children_right], axis=1) for tree in tables]
    return Forest(
        children=np.concatenate(children).astype(np.int32),
        filters=np.concatenate([tree.feature for tree in tables]).clip(0).astype(np.int32),
        thresholds=np.concatenate([tree.threshold for tree in tables]),
        probabilities=shares,
        sizes=np.array([tree.node_count for tree in tables], dtype=np.int32),
    )


def warm_up() -> None:
    """Load what filters and forests need, which takes longer than to use it."""
    values = filters(np.zeros((1, 8, 8), dtype=np.float32))
    fit_forest(values[0], np.arange(8) % 2, 2, seed=0, trees=1).predict(values)


def _walkers(forest: Forest, n_filters: int) -> list[object]:
    """Build scikit-learn's own trees, whose compiled walk is a hundred times as fast as numpy's."""
    from sklearn.tree import DecisionTreeClassifier
    from sklearn.tree._tree import Tree

    sample = DecisionTreeClassifier().fit(np.array([[0.0], [1.0]]), [0, 1]).tree_
    dtype = sample.__getstate__()["nodes"].dtype
    trees, start = [], 0
    for size in forest.sizes:
        part = slice(start, start + int(size))
        nodes = np.zeros(int(size), dtype=dtype)
        nodes["left_child"], nodes["right_child"] = forest.children[part].T
        leaf = forest.children[part, 0] < 0
        nodes["feature"] = np.where(leaf, -2, forest.filters[part])
        nodes["threshold"] = forest.thresholds[part]
        tree = Tree(n_filters, np.array([1]), 1)
        values = np.zeros((int(size), 1, 1))
        tree.__setstate__(
            {"max_depth": 1, "node_count": int(size), "nodes": nodes, "values": values}
        )
        trees.append(tree)
        start += int(size)
    return trees


def _is_sound(forest: Forest, n_filters: int, n_classes: int) -> bool:
    """Tell whether shapes and types fit and each walk goes down and stays inside its tree."""
    kinds = {name: (array.ndim, array.dtype.kind) for name, array in forest.arrays().items()}
    wanted = dict(
        zip(forest.names(), [(2, "i"), (1, "i"), (1, "f"), (2, "f"), (1, "i")], strict=True)
    )
    count = len(forest.children)
    if kinds != wanted or forest.children.shape != (count, 2) or (forest.sizes < 1).any():
        return False
    if forest.probabilities.shape != (count, n_classes) or int(forest.sizes.sum()) != count:
        return False
    if len(forest.filters) != count or len(forest.thresholds) != count or count == 0:
        return False
    number = np.concatenate([np.arange(size) for size in forest.sizes])
    size = np.repeat(forest.sizes, forest.sizes)
    left, right = forest.children.T
    leaf = (left == -1) & (right == -1)
    goes_down = (left > number) & (right > number) & (left < size) & (right < size)
    return bool(
        (goes_down | leaf).all()
        and ((forest.filters >= 0) & (forest.filters < n_filters)).all()
        and np.isfinite(forest.thresholds).all()
        and np.isfinite(forest.probabilities).all()
    )
