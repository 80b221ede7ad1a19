"""Any image, any labels: a training and a prediction work, or one of our errors says why not."""

from __future__ import annotations

import numpy as np
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

import napari_unet as nu
from counting import tried
from napari_unet.core.network.device import pick_device
from napari_unet.errors import UserError
from scenes import random_model, small_network, volume_network

CPU = pick_device("cpu")
SIDES = st.sampled_from([1, 2, 3, 5, 7, 13, 16, 17, 31, 37, 61, 64])
DTYPES = st.sampled_from(
    ["bool", "u1", "i1", "u2", ">u2", "i4", "u8", "i8", "f2", "f4", ">f8", "c8", "U3", "O"]
)
FILLS = ("noise", "one value", "two values", "extremes", "NaN", "infinite")
PATTERNS = ("nothing", "all one", "noise", "few", "line", "negative", "fractions", "huge ids")
MODELS = {
    (channels, classes): random_model(
        small_network(in_channels=channels, n_classes=classes, depth=1)
    )
    for channels in (1, 2, 3)
    for classes in (2, 5)
}
VOLUMES = random_model(volume_network((2.0, 1.0, 1.0), depth=1))


@st.composite
def images(draw) -> np.ndarray:
    """Draw an image of any shape, type and content."""
    shape = [draw(SIDES) for _ in range(draw(st.integers(0, 2)))]
    lead = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=3))
    shape = tuple([*lead, *shape, *draw(st.sampled_from([(), (1,), (2,), (3,), (4,)]))])
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    dtype = np.dtype(draw(DTYPES))
    values = np.asarray(np.floor(200 * rng.random(shape)))
    fill = draw(st.sampled_from(FILLS))
    if fill == "one value":
        values[...] = 7
    elif fill == "two values":
        values = np.asarray(values > 100, float)
    elif dtype.kind == "f" and values.size and fill in ("NaN", "infinite", "extremes"):
        values.flat[0] = {"NaN": np.nan, "infinite": np.inf, "extremes": 1e300}[fill]
    elif dtype.kind in "iu" and values.size and fill == "extremes":
        array = values.astype(dtype)
        array.flat[0], array.flat[-1] = np.iinfo(dtype).min, np.iinfo(dtype).max
        return array
    with np.errstate(all="ignore"):
        return values.astype(dtype)


@st.composite
def labels_for(draw, image: np.ndarray) -> np.ndarray:
    """Draw labels that may fit an image."""
    shapes = [image.shape, image.shape[:-1], image.shape[1:], (8, 8)]
    shape = draw(st.sampled_from(shapes))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    pattern = draw(st.sampled_from(PATTERNS))
    noise = rng.integers(0, draw(st.integers(1, 6)) + 1, shape)
    if pattern == "nothing":
        return np.zeros(shape, np.uint8)
    if pattern == "all one":
        return np.ones(shape, np.uint8)
    if pattern == "few":
        return np.where(rng.random(shape) < 0.05, noise, 0).astype(np.uint8)
    if pattern == "line" and len(shape) > 1:
        line = np.zeros(shape, np.uint16)
        line[..., 0] = 1
        line[..., -1] = 2
        return line
    if pattern == "negative":
        return noise - 2
    if pattern == "fractions":
        return noise / 2
    if pattern == "huge ids":
        return noise.astype(np.int64) * draw(st.sampled_from([1000, 70_000, 2**40]))
    return noise.astype(draw(st.sampled_from(["bool", "u1", "i4", "f4", "u8"])))


@examples(60)
@given(st.data())
def test_a_prediction_works_or_says_why_not(data):
    image = data.draw(images())
    model = data.draw(st.sampled_from([*MODELS.values(), VOLUMES]))
    tile = data.draw(st.sampled_from([None, None, 1, 2, 7, 16, 0, -3, 10**6]))
    tried("images, predicted")
    try:
        found = nu.predict(model, image, tile, device="cpu")
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert found.ndim >= 2
        assert found.shape[-1] in image.shape
        classes = set(model.class_ids.tolist())
        nowhere = set() if np.isfinite(image).all() else {0}  # nothing was imaged there
        assert set(np.unique(found)) <= classes | nowhere


@examples(30)
@given(st.data())
def test_a_training_works_or_says_why_not(data):
    image = data.draw(images())
    labels = data.draw(labels_for(image))
    kind = data.draw(st.sampled_from(["scribbles", "classes", "instances"]))
    dimensions = data.draw(st.sampled_from([2, 2, 2, 3]))
    tried("images with labels, trained on")
    try:
        options = {"label_kind": kind, "dimensions": dimensions, "device": "cpu"}
        model = nu.train(image, labels, steps=1, **options)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert all(weight.isfinite().all() for weight in model.weights.values())
