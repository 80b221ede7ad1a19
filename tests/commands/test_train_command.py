"""``napari-unet train`` on files."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.commands import train
from napari_unet.core.images import cutout
from napari_unet.core.sharing.load_model import load_model


@pytest.fixture
def files(tmp_path, rng):
    image = rng.integers(0, 99, (192, 160)).astype(np.uint8)
    labels = np.zeros(image.shape, np.uint8)
    labels[5:9, 5:20], labels[20:24, 5:20] = 1, 2
    image[labels == 2] += 100
    tifffile.imwrite(tmp_path / "image.tif", image, tile=(64, 64), compression="zlib")
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    return [str(tmp_path / name) for name in ("image.tif", "labels.tif", "m.unet")]


def trained(files):
    image, labels, model = files
    options = ["--labels", labels, "--output", model, "--steps", "1", "--device", "cpu"]
    assert main(["train", image, *options]) in (None, 0)
    return load_model(model)


def test_the_model_knows_its_channels(files, capsys):
    assert trained(files).header.channels == (0,)


@pytest.mark.parametrize("large", [False, True])
def test_of_large_planes_only_parts_are_read(files, monkeypatch, capsys, large):
    if large:
        monkeypatch.setattr(cutout, "MOST_WHOLE", 100 * 100)
    given, plain = [], train.train_events

    def events(images, *args, **options):
        given.extend(images)
        return plain(images, *args, **options)

    monkeypatch.setattr(train, "train_events", events)
    trained(files)
    assert isinstance(given[0], np.ndarray) != large
    assert given[0].shape == (192, 160)
