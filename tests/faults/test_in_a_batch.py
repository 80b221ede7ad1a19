"""A read error at any tile of a batch, memory that runs out in it, and in the shell's commands."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import tifffile
import torch

from counting import injected
from napari_unet.cli import main
from napari_unet.commands import train
from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_items
from napari_unet.core.batch.run import ItemEnded, run_batch
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.models import model
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.segmentation import segment
from scenes import random_model, small_network

MODEL = random_model(small_network(depth=1))
IMAGE = np.random.default_rng(0).integers(0, 255, (70, 90)).astype(np.uint8)
CPU = torch.device("cpu")
NO_MEMORY = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 TB")


class Broken:
    """An image of which one read, counted from 0, fails."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.shape, self.dtype, self.ndim = IMAGE.shape, IMAGE.dtype, 2
        self.failed = False

    def __getitem__(self, where):
        self.left -= 1
        if self.left == -1:
            self.failed = True
            raise OSError(5, "Input/output error")
        return IMAGE[where]


def ends(folder, images, **options) -> list[ItemEnded]:
    """Segment images in tiles of 32 px; return how each ended."""
    candidates = [
        Candidate(name, folder / name, lambda image=image: ImageSource((image,), "YX", name="x"))
        for name, image in images.items()
    ]
    plan = plan_items(candidates, MODEL, folder, BatchOptions(tile=32, **options))
    events = run_batch(MODEL, plan, device=CPU)
    return [event for event in events if isinstance(event, ItemEnded)]


@pytest.mark.fault("read error")
@pytest.mark.parametrize("save", [("labels",), ("probabilities", "instances")])
def test_a_read_error_at_any_tile_costs_one_image(tmp_path, save):
    for at in range(100):
        broken, out = Broken(at), tmp_path / str(at)
        one, two = ends(out, {"one": broken, "two": IMAGE}, save=save)
        assert two.status == "done"
        if not broken.failed:
            break
        assert (one.status, "Input/output error" in one.sentence) == ("failed", True)
        assert "\n" not in one.sentence
        left = {path.name.split("_")[0] for path in out.rglob("*")}
        assert left == {"two"}
    assert at > 5
    injected(at)


@pytest.mark.fault("out of memory, batch")
@pytest.mark.parametrize("times", [1, math.inf])
def test_memory_that_runs_out_costs_one_image_at_most(tmp_path, monkeypatch, times):
    forward = Answers._by_network
    for at in (0, 3):
        calls = iter(range(10**9))

        def failing(self, pixels, tile, at=at, calls=calls):
            if at <= next(calls) < at + times and pixels.shape[-1] > 30:
                raise NO_MEMORY
            return forward(self, pixels, tile)

        with monkeypatch.context() as patch:
            patch.setattr(Answers, "_by_network", failing)
            found = ends(tmp_path / str(at), {"one": IMAGE, "two": IMAGE})
        assert [end.status for end in found] in (["done", "done"], ["failed", "failed"])
        for end in found:
            assert end.status == "done" or "memory" in end.sentence
        assert [end.status for end in ends(tmp_path / str(at), {"a": IMAGE})] == ["done"]
    injected(2)


@pytest.mark.fault("out of memory, shell")
@pytest.mark.parametrize(
    ("words", "owner", "name"),
    [
        ("train image.tif --labels strokes.tif --steps 2 --output new.unet", model, "Model"),
        ("predict a.unet image.tif --output out", segment, "result_of"),
        ("batch a.unet image.tif --output out", model, "load_tensors"),
        ("export a.unet --format onnx --output a.onnx", model, "load_tensors"),
        ("info a.unet", model, "load_tensors"),
    ],
)
@pytest.mark.parametrize("error", [MemoryError(), NO_MEMORY])
def test_memory_that_runs_out_is_one_sentence_in_the_shell(
    tmp_path, monkeypatch, capsys, words, owner, name, error
):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("image.tif", IMAGE)
    tifffile.imwrite("strokes.tif", np.where(np.arange(90) % 9 == 0, 1 + (IMAGE > 128), 0))
    MODEL.save("a.unet")

    def fail(*_arguments, **_options):
        raise error

    if words.startswith("train"):
        owner, name = train, "open_image"
    monkeypatch.setattr(owner, name, fail)
    assert main(words.split()) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("napari-unet: ")
    assert "memory" in said


@pytest.mark.fault("full disk")
def test_a_report_that_does_not_fit_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("image.tif", IMAGE)
    MODEL.save("a.unet")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_unet.core.batch.report.ReportFile.add", full)
        assert main(["batch", "a.unet", "image.tif", "--output", "out"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert main(["batch", "a.unet", "image.tif", "--output", "out"]) == 0
    with open("out/batch_report.csv", newline="", encoding="utf-8") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["skipped"]
