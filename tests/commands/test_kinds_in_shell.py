"""Each kind of image in the shell and in Python; ``docs/images.md`` has the table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import tifffile

import napari_unet as nu
from kinds import Kind, check_result, every_kind, expected, model_for
from napari_unet.cli import main


def result_in(folder: Path, kind: Kind) -> Path:
    ending = "tif" if kind.held == "memory" else "ome.zarr"
    return folder / f"{kind.name}_labels.{ending}"


@every_kind
def test_train(tmp_path, kind):
    image, strokes = kind.write(tmp_path), tmp_path / "strokes.npy"
    np.save(strokes, kind.strokes())
    words = ["--labels", str(strokes), "--steps", "1", "--device", "cpu"]
    words += ["--dimensions", str(kind.dimensions), "--output", str(tmp_path / "model.unet")]
    assert main(["train", str(image), *words]) == 0
    header = nu.load_model(tmp_path / "model.unet").header
    assert header.network.in_channels == kind.channels
    assert header.network.ndim == kind.dimensions
    assert header.class_ids.tolist() == [1, 2]
    assert header.pixel_size == tuple(kind.pixel_size[x] for x in "ZYX"[-kind.dimensions :])
    assert header.pixel_unit == "micrometer"


@every_kind
def test_predict(tmp_path, kind):
    model = model_for(kind)
    model.save(tmp_path / "model.unet")
    words = [str(tmp_path / "model.unet"), str(kind.write(tmp_path)), "--device", "cpu"]
    assert main(["predict", *words, "--output", str(tmp_path / "out")]) == 0
    check_result(result_in(tmp_path / "out", kind), model, kind)


@every_kind
def test_batch(tmp_path, kind):
    """All of a folder: the image, and one that is broken."""
    model = model_for(kind)
    model.save(tmp_path / "model.unet")
    (tmp_path / "in").mkdir()
    kind.write(tmp_path / "in")
    (tmp_path / "in" / "broken.tif").write_bytes(b"II*\0")
    words = [str(tmp_path / "model.unet"), str(tmp_path / "in"), "--device", "cpu"]
    assert main(["batch", *words, "--output", str(tmp_path / "out")]) == 1
    check_result(result_in(tmp_path / "out", kind), model, kind)
    with (tmp_path / "out" / "batch_report.csv").open(newline="", encoding="utf-8") as file:
        rows = {Path(row["item"]).name.partition(".")[0]: row for row in csv.DictReader(file)}
    assert rows[kind.name]["status"] == "done"
    assert rows[kind.name]["axes"] == kind.axes
    assert rows["broken"]["status"] == "failed"


@every_kind
def test_in_python(kind):
    data = kind.data()[0] if kind.held == "levels" else kind.data()
    settings = {"dimensions": 3, "voxel_size": (2.0, 0.5, 0.25)} if kind.dimensions == 3 else {}
    model = nu.train([data], [kind.strokes()], steps=1, device="cpu", **settings)
    assert model.header.network.in_channels == kind.channels
    found = nu.predict(model, data, device="cpu")
    np.testing.assert_array_equal(found, expected(model, kind))


def test_planes_train_without_a_pixel_size_unless_all_say_the_same(tmp_path, monkeypatch):
    """Two images of 1 µm and 2 µm; then one more training with a file that says nothing."""
    monkeypatch.chdir(tmp_path)
    kind = Kind("plane", "YX")
    for size in (1.0, 2.0):
        sizes = {"PhysicalSizeX": size, "PhysicalSizeY": size}
        tifffile.imwrite(f"{size:.0f}.ome.tif", kind.pixels(), metadata={"axes": "YX", **sizes})
    np.save("plain.npy", kind.pixels())
    np.save("strokes.npy", kind.strokes())

    def train(*images, further=()):
        labels = ["strokes.npy"] * len(images)
        words = ["--labels", *labels, "--steps", "1", "--output", "model.unet", "--device", "cpu"]
        assert main(["train", *images, *words, *further]) == 0
        header = nu.load_model("model.unet").header
        return header.pixel_size, header.pixel_unit

    assert train("1.ome.tif", "2.ome.tif") == (None, None)
    assert train("1.ome.tif", "plain.npy") == (None, None)
    assert train("2.ome.tif", "2.ome.tif") == ((2.0, 2.0), "micrometer")
    further = ["--model", "model.unet"]
    assert train("plain.npy", further=further) == ((2.0, 2.0), "micrometer")
