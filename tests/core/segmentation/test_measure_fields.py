"""The quantities of an image's planes and volumes, from results that are written."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_batch
from napari_unet.core.batch.report import write_fields
from napari_unet.core.batch.run import ItemEnded, run_batch
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.result import Result
from napari_unet.core.segmentation import measure_fields as module
from napari_unet.core.segmentation.measure_fields import fields_path, measure_fields, read_fields
from napari_unet.core.segmentation.provenance import AS_IT_IS
from napari_unet.errors import Stopped
from scenes import random_model, small_network, volume_network


@pytest.fixture
def stack(rng):
    """Two times of three slices, and labels of two classes, cells and probabilities of them."""
    image = rng.integers(0, 255, (2, 3, 40, 50)).astype(np.uint8)
    source = ImageSource.from_array(
        image,
        "TZYX",
        pixel_size={"Z": 2.0, "Y": 0.5, "X": 0.5},
        units=dict.fromkeys("ZYX", "micrometer"),
    )
    labels = rng.integers(1, 3, image.shape).astype(np.uint8)
    cells = rng.integers(0, 5, image.shape).astype(np.int32)
    probabilities = np.stack([labels == 1, labels == 2], axis=1).astype(np.float32)
    return source, image, {"labels": labels, "instances": cells, "probabilities": probabilities}


def described(source, arrays, *names):
    sizes = dict(zip("TZYX", source.levels[0].shape, strict=True))
    of_all = {"pixel_size": source.pixel_size, "units": source.units}
    return {
        name: (
            Result(
                sizes | ({"C": 2} if name == "probabilities" else {}),
                arrays[name].dtype,
                "scribbles",
                (),
                **of_all,
            ),
            arrays[name],
        )
        for name in names
    }


def test_a_row_a_plane_in_blocks_of_any_size(stack, monkeypatch):
    monkeypatch.setattr(module, "_SIDE", 16)
    source, image, arrays = stack
    header = random_model(small_network()).header
    rows = measure_fields(
        source, header, AS_IT_IS, described(source, arrays, "labels", "instances")
    )
    assert [(row["time"], row["plane"]) for row in rows] == [
        (t, z) for t in range(2) for z in range(3)
    ]
    second = arrays["labels"][1, 2] == 2
    assert rows[-1]["class 2 area (µm²)"] == pytest.approx(0.25 * second.sum())
    assert rows[-1]["class 2 intensity mean"] == pytest.approx(image[1, 2][second].mean())
    assert rows[-1]["cells"] == 4
    again = measure_fields(source, header, AS_IT_IS, described(source, arrays, "probabilities"))
    assert again[-1]["class 2 fraction"] == rows[-1]["class 2 fraction"]


def test_a_model_of_volumes_has_a_row_a_volume(stack):
    source, _, arrays = stack
    header = random_model(volume_network((2.0, 0.5, 0.5))).header
    rows = measure_fields(source, header, AS_IT_IS, described(source, arrays, "labels"))
    assert [row["time"] for row in rows] == [0, 1]
    assert rows[1]["class 2 volume (µm³)"] == pytest.approx(0.5 * (arrays["labels"][1] == 2).sum())


def test_stops_when_asked(stack):
    source, _, arrays = stack
    header = random_model(small_network()).header
    with pytest.raises(Stopped):
        measure_fields(source, header, AS_IT_IS, described(source, arrays, "labels"), lambda: True)


def test_a_batch_has_them_of_all_images_also_of_those_done_before(tmp_path, rng, trained, discs):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", discs.image)
    options = BatchOptions(save=("labels", "instances"), measure=True)
    out = tmp_path / "out"

    def run(*names):
        plan = plan_batch([str(tmp_path / f"{name}.npy") for name in names], trained, out, options)
        events = list(run_batch(trained, plan, device=torch.device("cpu")))
        ended = [event for event in events if isinstance(event, ItemEnded)]
        write_fields(out / "batch_report.csv", ended)
        return ended

    (first,) = run("a")
    assert first.fields[0]["cells"] >= 4
    assert read_fields(fields_path(first.outputs[0]))[0]["cells"] == str(first.fields[0]["cells"])
    assert [ended.status for ended in run("a", "b")] == ["skipped", "done"]
    with open(out / "batch_fields.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row.pop("item")[-5:] for row in rows] == ["a.npy", "b.npy"]
    assert rows[0] == rows[1]
    assert sum(float(rows[0][f"{name} fraction"]) for name in _names(trained)) == pytest.approx(1)


def _names(model):
    return [entry.name for entry in model.classes]
