"""Of an image that is not in memory, a training reads what is around the strokes."""

from __future__ import annotations

import numpy as np
import pytest

import scenes
from napari_unet.core.events import Done
from napari_unet.core.images import cutout
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.lazy_images import is_lazy, read_around_strokes
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.train import train_events
from napari_unet.errors import InvalidInput

CHUNK = 64


class Counted:
    """A lazy array that notes which of its chunks of 64 x 64 pixels are read."""

    def __init__(self, data: np.ndarray) -> None:
        self._data = data
        self.shape, self.dtype = data.shape, data.dtype
        self.read: set[tuple[int, ...]] = set()

    def __getitem__(self, key):
        *lead, rows, columns = (part for part in key if part != slice(None))
        for row in range(rows.start // CHUNK, -(-rows.stop // CHUNK)):
            for column in range(columns.start // CHUNK, -(-columns.stop // CHUNK)):
                self.read.add((*lead, row, column))
        return self._data[key]


class Generated:
    """50,000 x 50,000 pixels of noise that are made where they are asked for."""

    shape, dtype = (50_000, 50_000), np.dtype(np.uint8)

    def __init__(self) -> None:
        self.pixels = 0

    def __getitem__(self, key):
        sides = [part.stop - part.start for part in key]
        self.pixels += sides[0] * sides[1]
        return np.random.default_rng(0).integers(0, 255, sides).astype(np.uint8)


def around(images, labels, **options):
    known = {"kind": "scribbles", "reach": 64} | options
    return read_around_strokes(images, labels, (), **known)[:3]


def test_arrays_in_memory_stay_as_they_are(discs):
    images, labels, newest = around([discs.image], [discs.strokes])
    assert images[0] is discs.image
    assert labels[0] is discs.strokes
    assert newest == []


@pytest.mark.parametrize("kind", ["array", "memmap", "source", "plane"])
def test_a_usual_plane_is_trained_on_as_if_it_were_in_memory(discs, kind, tmp_path):
    np.save(tmp_path / "image.npy", discs.image)
    image = {
        "array": Counted(discs.image),
        "memmap": np.load(tmp_path / "image.npy", mmap_mode="r"),
        "source": ImageSource.from_array(discs.image, "YX"),
        "plane": ImageSource.from_array(discs.image, "YX").plane(),
    }[kind]
    assert is_lazy(image)
    settings = TrainSettings.checked(steps=1)
    images, labels, newest = around([image], [discs.strokes])
    ours = make_dataset(images, labels, settings, newest=newest)
    theirs = make_dataset([discs.image], [discs.strokes], settings)
    np.testing.assert_array_equal(ours.images[0], theirs.images[0])
    np.testing.assert_array_equal(ours.targets[0].classes, theirs.targets[0].classes)
    np.testing.assert_array_equal(ours.targets[0].held_out, theirs.targets[0].held_out)
    np.testing.assert_array_equal(ours.targets[0].border, theirs.targets[0].border)


def test_of_a_stack_only_painted_planes_are_read():
    image = Counted(np.random.default_rng(0).normal(size=(5, 80, 80)).astype(np.float32))
    labels = np.zeros((5, 80, 80), np.uint8)
    labels[1, 3:5] = 1
    labels[3, 3:5] = 2
    images, _, _ = around([image], [labels])
    assert len(images) == 2
    assert {key[0] for key in image.read} == {1, 3}


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((70, 80, 3), (70, 80)), ((2, 70, 80), (70, 80)), ((4, 2, 70, 80), (4, 70, 80))],
)
def test_channels_are_the_axis_that_only_the_image_has(shape, labels):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, shape).astype(np.uint8)
    strokes = np.zeros(labels, np.uint8)
    strokes[..., 3:5, :] = 1
    strokes[..., 9:12, :] = 2
    settings = TrainSettings.checked(steps=1)
    images, pieces, _ = around([Counted(data)], [strokes])
    ours = make_dataset(images, pieces, settings)
    theirs = make_dataset([data], [strokes], settings)
    assert ours.channels == theirs.channels
    for one, other in zip(ours.images, theirs.images, strict=True):
        np.testing.assert_array_equal(one, other)


def test_of_a_large_plane_only_chunks_around_the_strokes_are_read(monkeypatch):
    monkeypatch.setattr(cutout, "MOST_WHOLE", 1000 * 1000)
    monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_WHOLE", 1000)
    monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_SAMPLED", 16 * 16)
    rng = np.random.default_rng(0)
    image = Counted(rng.integers(0, 255, (2048, 2048)).astype(np.uint8))
    labels = np.zeros((2048, 2048), np.uint8)
    labels[100:104, 100:110] = 1
    labels[1800:1804, 1900:1910] = 2
    images, pieces, _ = around([image], [labels])
    assert all(isinstance(part, Cutout) for part in images)
    assert [part.position for part in images] == [(0, 0), (1728, 1792)]
    assert sum(part.any() for part in pieces) == 2
    assert len(image.read) <= 16 * 16 + 2 * 6 * 6  # those of the sample, and those of two pieces


def test_painted_far_apart_it_trains_and_holds_strokes_out(monkeypatch):
    """Two scenes of discs in the corners of an empty plane teach as much as one."""
    monkeypatch.setattr(cutout, "MOST_WHOLE", 100 * 100)
    scene = scenes.discs(seed=0)
    image = np.random.default_rng(1).normal(size=(1500, 1500)).astype(np.float32)
    labels = np.zeros((1500, 1500), np.uint8)
    for at in (0, 1408):
        image[at : at + 64, at : at + 64] = scene.image
        labels[at : at + 64, at : at + 64] = scene.strokes
    events = list(train_events(ImageSource.from_array(image, "YX"), labels, steps=5, device="cpu"))
    done = events[-1]
    assert isinstance(done, Done)
    assert events[0].held_out
    assert done.score > 0.6


def test_fifty_thousand_pixels_squared_are_trained_on_in_little_memory():
    image = Generated()
    labels = np.zeros((50_000, 50_000), np.uint8)  # the pages of zeros take no memory
    for at in (1_000, 20_000, 45_000):
        labels[at : at + 4, at : at + 60] = 1
        labels[at + 40 : at + 44, at : at + 60] = 2
    events = list(train_events([image], [labels], steps=1, device="cpu"))
    assert isinstance(events[-1], Done)
    assert image.pixels < 3 * 1200 * 1200 + 2**22


def test_dense_labels_need_the_whole_image(discs):
    images, labels, _ = around([Counted(discs.image)], [discs.truth], kind="classes")
    assert images[0].pixels.shape == (1, 64, 64)
    np.testing.assert_array_equal(labels[0], discs.truth)


def test_what_was_painted_last_comes_along(discs):
    newest = discs.strokes == 2
    _, _, new, _ = read_around_strokes(
        [Counted(discs.image)], [discs.strokes], [newest], kind="scribbles", reach=64
    )
    np.testing.assert_array_equal(new[0], newest)


def test_labels_that_do_not_fit_are_refused(discs):
    with pytest.raises(InvalidInput, match="does not fit"):
        around([Counted(discs.image)], [np.zeros((64, 60), np.uint8)])
    with pytest.raises(InvalidInput, match="does not fit"):
        around([ImageSource.from_array(discs.image, "YX")], [np.zeros((2, 64, 64), np.uint8)])


@pytest.mark.parametrize("ones", [(1,), (1, 1)])
@pytest.mark.parametrize("kind", ["array", "channels", "stack", "source", "plane"])
def test_axes_of_length_1_that_only_the_labels_have_are_left_out(discs, kind, ones):
    image, labels = {
        "array": (Counted(discs.image), discs.strokes),
        "channels": (Counted(np.stack([discs.image] * 3)), discs.strokes),
        "stack": (Counted(np.stack([discs.image] * 2)), np.stack([discs.strokes] * 2)),
        "source": (ImageSource.from_array(discs.image, "YX"), discs.strokes),
        "plane": (ImageSource.from_array(discs.image, "YX").plane(), discs.strokes),
    }[kind]
    under_ones = labels.reshape(ones + labels.shape)
    newest = under_ones == 2
    known = {"kind": "scribbles", "reach": 64}
    ours = read_around_strokes([image], [under_ones], [newest], **known)
    theirs = read_around_strokes([image], [labels], [labels == 2], **known)
    assert len(ours[0]) == (2 if kind == "stack" else 1)
    for one, other in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    for one, other in zip((*ours[1], *ours[2]), (*theirs[1], *theirs[2]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_strokes_there_is_nothing_to_learn(discs):
    with pytest.raises(InvalidInput, match="nothing is painted"):
        around([Counted(discs.image)], [np.zeros_like(discs.strokes)])


def test_an_image_without_any_contrast_is_refused(discs):
    image = Counted(np.zeros_like(discs.image))
    with pytest.raises(InvalidInput, match="nothing to learn"):
        next(iter(train_events([image], [discs.strokes], steps=1)))
