"""The benchmark's command: data, rounds, results that stay, a report of whatever there is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from benchmarks.annotator import main
from benchmarks.common import environments
from benchmarks.strokes import convpaint, methods, simulation
from benchmarks.strokes.datasets import IGNORED, Picture, draw, load
from benchmarks.strokes.report import Table, write_report
from benchmarks.strokes.results import First, Result, Round, Settings, Unit, path_of, read_all

from napari_unet.errors import InvalidInput, UserError


class Threshold:
    """Takes what is brighter than the middle between the two classes' strokes."""

    answers_at_once = True

    def __init__(self, images, seed, clock):
        self.images, self.labels, self.middle = images, {}, 0.0

    def set_labels(self, index, labels):
        self.labels[index] = labels.copy()

    def run(self, seconds):
        pixels = [
            [self.images[i][labels == class_id] for i, labels in self.labels.items()]
            for class_id in (1, 2)
        ]
        self.middle = np.mean([np.concatenate(values).mean() for values in pixels])
        return 0.5

    def predict(self, image):
        return np.where(image > self.middle, 2, 1).astype(np.uint8)


@pytest.fixture
def run_here(monkeypatch):
    """Run units in this process with a threshold for a method, and note which were run."""
    ran = []

    def run_all(units, settings, output, *, jobs, say):
        for unit in units:
            simulation.run_unit(unit, settings, output)
            ran.append(unit)
        return []

    monkeypatch.setattr(
        simulation, "build", lambda name, images, seed, clock: Threshold(images, seed, clock)
    )
    monkeypatch.setattr("benchmarks.annotator.run_all", run_all)
    return ran


def command(blobs, output, *more):
    return [
        *("--data", str(blobs.parent), "--datasets", "blobs", "--methods", "forest"),
        *("--rounds", "3", "--seconds", "1", "--output", str(output), *more),
    ]


def test_a_folder_of_instances_becomes_background_and_foreground(blobs):
    dataset = load(blobs, seed=0)
    assert (dataset.name, dataset.classes) == ("blobs", 2)
    assert (len(dataset.training), len(dataset.test)) == (2, 5)
    names = {picture.name for picture in (*dataset.training, *dataset.test)}
    assert len(names) == 7
    for picture in dataset.training:
        assert picture.image.dtype == np.uint16
        assert set(np.unique(picture.truth)) == {0, 1}


def test_seeds_draw_different_images_and_the_same_ones_again(blobs):
    names = [tuple(p.name for p in load(blobs, seed).training) for seed in (0, 0, 1, 2, 3)]
    assert names[0] == names[1]
    assert len(set(names)) > 1


def test_classes_keep_their_order_and_what_nobody_annotated_is_ignored(blobs):
    for path in (blobs / "labels").iterdir():
        labels = np.zeros((48, 64), np.uint8)
        labels[:, 20:40], labels[:, 40:] = 1, 2
        tifffile.imwrite(path, labels)
    assert load(blobs, 0).classes == 3
    info = {"kind": "semantic", "classes": {"0": "not annotated (outside)", "1": "a", "2": "b"}}
    (blobs / "info.json").write_text(json.dumps(info))
    dataset = load(blobs, 0)
    assert dataset.classes == 2
    assert set(np.unique(dataset.test[0].truth)) == {0, 1, IGNORED}


def test_test_frames_of_a_series_keep_away_from_training_frames():
    truths = [np.arange(4, dtype=np.uint8).reshape(2, 2) % 2] * 30
    names = [f"s{index:02d}" for index in range(30)]
    for seed in range(10):
        training, test = draw(names, truths, 2, np.random.default_rng(seed))
        assert len(test) == 5
        assert min(abs(a - b) for a in training for b in test) >= 2


def test_images_to_paint_in_show_every_class():
    both, one = np.array([[0, 1]], np.uint8), np.zeros((1, 2), np.uint8)
    truths = [one, both, one, one, both, one]
    for seed in range(5):
        training, _ = draw(list("abcdef"), truths, 2, np.random.default_rng(seed))
        assert set(training) == {1, 4}


def test_rgb_images_are_read_and_shapes_that_do_not_fit_refused(blobs):
    for path in (blobs / "images").iterdir():
        image = np.repeat(tifffile.imread(path)[..., None] // 4, 3, axis=-1).astype(np.uint8)
        tifffile.imwrite(path, image, photometric="rgb")
    assert load(blobs, 0).training[0].image.shape == (48, 64, 3)
    for path in (blobs / "images").iterdir():
        tifffile.imwrite(path, np.zeros((50, 64), np.uint8))
    with pytest.raises(InvalidInput, match="shape"):
        load(blobs, 0)


def test_scores_are_pooled_over_the_images_and_skip_what_nobody_knows():
    class Fixed:
        def predict(self, image):
            return image

    truth = np.array([[0, 0, 1, 1, IGNORED]], np.uint8)
    pictures = [
        Picture("a", np.array([[1, 2, 2, 2, 2]], np.uint8), truth),  # 2 of 3
        Picture("b", np.array([[1, 1, 1, 1, 1]], np.uint8), truth),  # 0 of 2
    ]
    scored = simulation.score(Fixed(), pictures, classes=3)
    assert scored.iou == pytest.approx(2 / 5)
    assert scored.per_class == (pytest.approx(3 / 6), pytest.approx(2 / 5), None)


def test_a_run_writes_what_it_reached(blobs, tmp_path, run_here, capsys):
    output = tmp_path / "out"
    assert main(command(blobs, output, "--seeds", "0", "1")) == 0
    results = read_all(output)
    assert [result.unit.seed for result in results] == [0, 1]
    for result in results:
        assert [entry.strokes for entry in result.rounds] == [4, 8, 12]
        assert result.ious[-1] > 0.8
        assert result.first is not None and result.first.iou > 0.5
        assert result.rounds[0].believed == 0.5
        with np.load(path_of(result.unit, output).with_suffix(".npz")) as kept:
            moments = ("start", "middle", "end")
            assert set(kept) == {m + what for m in moments for what in ("", " strokes", " painted")}
            assert all(array.shape == (48, 64) for array in kept.values())
            assert (kept["end strokes"] > 0).sum() > (kept["start strokes"] > 0).sum() > 0
        spent = [entry.person_seconds for entry in result.rounds]
        assert 0.8 < spent[0] < spent[1] < spent[2] < 12  # four searches of 0.2 s and more
    printed = capsys.readouterr().out
    assert (output / "table.md").read_text() in printed
    assert (output / "curves.png").is_file()
    assert (output / "pictures-blobs.png").is_file()


def test_a_run_goes_on_where_it_stopped(blobs, tmp_path, run_here):
    output = tmp_path / "out"
    main(command(blobs, output, "--seeds", "0"))
    main(command(blobs, output, "--seeds", "0", "1"))
    assert [unit.seed for unit in run_here] == [0, 1]
    main(command(blobs, output, "--seeds", "0", "--again"))
    assert [unit.seed for unit in run_here] == [0, 1, 0]


def test_results_of_other_settings_are_not_mixed(blobs, tmp_path, run_here, capsys):
    output = tmp_path / "out"
    main(command(blobs, output, "--seeds", "0"))
    assert main(command(blobs, output, "--seeds", "0", "--clock", "cpu")) == 2
    assert "--again" in capsys.readouterr().err
    assert len(run_here) == 1
    assert main(command(blobs, output, "--report-only")) == 0


def test_all_pixels_are_learnt_on_the_seeds_that_were_asked_for(blobs, tmp_path, run_here):
    output = tmp_path / "out"
    main(command(blobs, output, "--methods", "forest", "dense", "--dense-seeds", "1"))
    assert [unit.seed for unit in run_here if unit.method == "dense"] == [1]
    (dense,) = (entry for entry in read_all(output) if entry.unit.method == "dense")
    assert [entry.strokes for entry in dense.rounds] == [None]
    assert dense.ious[-1] > 0.9


def test_the_first_answer_is_the_live_loop_without_training(monkeypatch):
    asked = []

    class Recorder:
        def __init__(self, images, *, seed, clock):
            pass

        def run(self, seconds):
            asked.append(seconds)
            return 0.0

    monkeypatch.setitem(vars(methods.napari_unet), "LiveTrainer", Recorder)
    for name in ("first", "live"):
        methods.build(name, [], 0, lambda: 0.0).run(8.0)
    assert asked == [0, 8.0]


def test_a_folder_that_is_no_data_set_is_named(tmp_path, capsys):
    assert main(["--datasets", "nowhere", "--output", str(tmp_path / "out")]) == 2
    assert "nowhere" in capsys.readouterr().err


def result(method: str, seed: int, ious: list[float], first: float | None = None) -> Result:
    """Return a made-up result."""
    rounds = tuple(
        Round(n, 4 * n + 4, 2.5 * n + 2, 8.0 * n + 8, 10.0 * n, iou, (0.9, iou), None, 0.1)
        for n, iou in enumerate(ious)
    )
    start = None if first is None else First(first, (0.9, first), 0.5)
    unit = Unit(method, "/nowhere/cells", seed)
    return Result(unit, Settings(), 1, ("a", "b"), ("c",), 2, start, rounds)


def test_the_report_says_what_was_reached_and_of_how_many_runs(tmp_path):
    results = [
        result("forest", 0, [0.4, 0.5, 0.5, 0.5], first=0.4),
        result("forest", 1, [0.2, 0.3, 0.3, 0.3], first=0.2),
        result("live", 0, [0.5, 0.49, 0.6, 0.7], first=0.45),
        result("first", 0, [0.5] * 4, first=0.55),
        result("dense", 0, [0.5, 0.7]),
    ]
    said: list[str] = []
    write_report(results, tmp_path, said.append)
    text = (tmp_path / "table.md").read_text()
    assert "cells | 0.375 (2) | 0.500 (1) | 0.573 (1) |" in text  # 0.475 and 0.275
    assert "at least -0.01 | cells -0.010 (1) |" in text  # paired: seed 0 alone
    assert "at least +0.18 | mean **+0.150**; cells +0.150 (1) |" in text
    assert "at least +0.10 | mean **+0.150**; cells +0.150 (1) |" in text
    assert "live: worst drop between rounds, at most 0.02 | 0.010" in text
    assert "at least 85 % | mean **100%**" in text
    assert "after 24 strokes, at least 0.66 | - |" in text  # 16 strokes were painted
    assert "| forest | 0.300 (2) | 0.300 (2) | 0.400 (2) | 0.400 (2) | 0.400 (2) |" in text
    assert "| live | 0.450 (1) | 0.500 (1) | 0.490 (1) |" in text
    assert "| live | 0.500 (1) | 0.490 (1) | 0.600 (1) | - | - |" in text  # a person's seconds
    lines = (tmp_path / "rounds.csv").read_text().splitlines()
    assert lines[0].startswith("dataset,seed,method,round,strokes,person_seconds")
    assert "cells,0,live,2,8,4.5,16.0,0.49" in lines
    assert any("no pictures of cells" in line for line in said)


def test_a_report_of_a_single_method_leaves_the_goals_open(tmp_path):
    write_report([result("forest", 0, [0.4])], tmp_path, lambda line: None)
    assert "at least +0.18 | - |" in (tmp_path / "table.md").read_text()
    assert len(Table([]).differences("cells", "live", "forest")) == 0


def test_a_result_survives_its_file():
    before = result("live", 0, [0.5, 0.6], first=0.45)
    content = before.to_bytes()
    assert Result.from_bytes(content).to_bytes() == content
    assert Result.from_bytes(content).ious == [0.5, 0.6]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["forest", "rootpainter"])
def test_methods_tell_bright_from_dark(name, channels):
    rng = np.random.default_rng(0)
    truth = np.zeros((40, 60), np.uint8)
    truth[10:30, 15:45] = 1
    image = (100 * rng.random((40, 60)) + 150 * truth).astype(np.uint8)
    if channels == 3:
        image = np.stack([image] * 3, axis=-1)
    pytest.importorskip("sklearn")
    method = methods.build(name, [image], 0, FakeClock(steps=12 if name == "rootpainter" else 1))
    method.set_labels(0, truth + 1)
    method.run(1.0)
    found = method.predict(image)
    assert found.shape == (40, 60)
    assert set(np.unique(found)) <= {1, 2}
    if name == "forest":
        assert (found == truth + 1).mean() > 0.95


FAKE_CONVPAINT = """
import numpy as np

class ConvpaintModel:
    def __init__(self, alias):
        print("noise on stdout")

    def set_params(self, channel_mode, fe_scalings):
        self.axis = {"single": (), "multi": (0,)}[channel_mode]

    def train(self, images, labels):
        if len(images) != 1:
            raise ValueError("an image without strokes")
        bright = images[0].mean(axis=self.axis)
        self.middle = (bright[labels[0] == 1].mean() + bright[labels[0] == 2].mean()) / 2

    def segment(self, image):
        return np.where(image.mean(axis=self.axis) > self.middle, 2, 1)
"""


@pytest.fixture
def fake_convpaint(tmp_path, monkeypatch):
    """Make this Python the environment that has the package, or rather something like it."""
    package = tmp_path / "packages" / "napari_convpaint"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "convpaint_model.py").write_text(FAKE_CONVPAINT)
    (package.parent / "torchvision.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setattr(convpaint, "environment", lambda: Path(sys.executable))


@pytest.mark.parametrize("channels", [1, 3])
def test_convpaint_is_asked_in_its_own_process(fake_convpaint, channels):
    truth = np.zeros((20, 30), np.uint8)
    truth[5:15, 10:20] = 1
    image = 100 * truth if channels == 1 else np.stack([100 * truth] * 3, axis=-1)
    method = methods.build("convpaint", [image, image], 0, time.monotonic)
    for _ in range(2):  # as round by round
        method.set_labels(0, truth + 1)
        method.set_labels(1, np.zeros_like(truth))
        method.run(1.0)
        np.testing.assert_array_equal(method.predict(image), truth + 1)


def test_a_convpaint_that_dies_is_told(fake_convpaint):
    method = methods.build("convpaint", [np.zeros((4, 4))], 0, time.monotonic)
    with pytest.raises(UserError, match=r"ended \(1\)"):
        method.run(1.0)


def test_why_convpaint_cannot_be_installed_is_told(tmp_path, monkeypatch):
    ran = subprocess.CompletedProcess([], 1, "", "looking\nNo matching distribution found\n")
    monkeypatch.setattr(environments, "user_cache_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(environments.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: ran)
    with pytest.raises(UserError, match="No matching distribution found"):
        convpaint.environment()


class FakeClock:
    """A clock by which a second passes after so many looks at it."""

    def __init__(self, steps: int) -> None:
        self.looks, self.steps = 0, steps

    def __call__(self) -> float:
        self.looks += 1
        return self.looks / self.steps
