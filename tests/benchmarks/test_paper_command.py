"""The command of the paper's benchmark: folds, results that stay, tables of whatever there is."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from benchmarks.crossval import unit as unit_module
from benchmarks.crossval.report import write_report
from benchmarks.crossval.results import (
    ImageScores,
    Objects,
    Point,
    Result,
    Settings,
    Training,
    Unit,
    path_of,
    read_all,
)
from benchmarks.crossval.scoring import MEMBRANE_SCORES, THRESHOLDS
from benchmarks.paper import main


class Threshold:
    """Takes what is brighter than the middle of the image's grey values; learns nothing."""

    timed = "at once"

    def train(self, samples):
        point = Point(1, 0.5, 0.7, 0.6)
        return Training(3, 1.5, 42, "nothing", curve=(point, Point(3, 1.5, 0.3, None)))

    def predict(self, item):
        bright = np.clip((item.plane[0] - 0.2) * 2, 0.05, 0.95)
        return np.stack([1 - bright, bright]).astype(np.float32)

    def seconds_to_predict(self, item, taken):
        return 0.25


@pytest.fixture
def run_here(monkeypatch):
    """Run units in this process with a threshold for a method, and note which were run."""
    ran = []

    def run_all(units, settings, output, *, jobs, say):
        for unit in units:
            unit_module.run_unit(unit, settings, output)
            ran.append((unit.fold, unit.method))
        return []

    monkeypatch.setattr(unit_module, "build", lambda *arguments, **options: Threshold())
    monkeypatch.setattr("benchmarks.paper.run_all", run_all)
    return ran


def command(folder, output, *more):
    return [str(folder), "--output", str(output), "--minutes", "1", *more]


def test_a_run_prints_folds_and_writes_results_tables_and_pictures(
    blobs, tmp_path, run_here, capsys
):
    output = tmp_path / "out"
    assert main(command(blobs, output, "--methods", "unet", "forest")) == 0
    assert run_here == [(fold, method) for fold in range(3) for method in ("unet", "forest")]
    printed = capsys.readouterr().out
    assert "fold 1: tests t003 to t005 (3); trains on the other 5; next to a training image:" in (
        printed
    )
    written = {path.name for path in (output / "blobs").iterdir() if path.is_file()}
    assert {"table.md", "table.csv", "curves.png", "fold2.unet.json", "fold2.unet.png"} <= written
    text = (output / "blobs" / "table.md").read_text()
    assert text in printed
    assert "| U-Net | 0, 1, 2 of 3 |" in text
    assert "paper: U-Net, PhC-U373" in text and "0.9203" in text and "0.7756" in text
    assert "4 of these are next to a training image" in text
    assert "nan" not in text.lower()
    result = read_all(output / "blobs")[0]
    assert result.training.curve[-1] == Point(3, 1.5, 0.3, None)
    assert len(result.images) == 3 and result.images[0].seconds == 0.25


def test_a_run_goes_on_where_it_stopped(blobs, tmp_path, run_here):
    output = tmp_path / "out"
    main(command(blobs, output, "--methods", "forest", "--folds", "1"))
    main(command(blobs, output, "--methods", "forest"))
    assert run_here == [(1, "forest"), (0, "forest"), (2, "forest")]


def test_results_of_other_settings_are_not_mixed(blobs, tmp_path, run_here, capsys):
    output = tmp_path / "out"
    arguments = ("--methods", "unet", "forest", "--folds", "0")
    main(command(blobs, output, *arguments))
    assert main([*command(blobs, output, *arguments), "--minutes", "2"]) == 2
    assert "other minutes" in capsys.readouterr().err
    forest_alone = command(blobs, output, "--methods", "forest", "--folds", "0")
    assert main([*forest_alone, "--minutes", "2"]) == 0
    assert len(run_here) == 2  # a forest takes as long as it takes
    assert main(command(blobs, output, "--report-only")) == 0


def test_ablations_that_make_no_sense_are_left_out_with_their_reason(blobs, tmp_path, run_here):
    output = tmp_path / "out"
    main(command(blobs, output, "--methods", "forest", "--folds", "0", "--ablations"))
    assert [method for _, method in run_here] == [
        "forest",
        "unet",
        "unet-no-elastic",
        "unet-no-border-weights",
        "unet-zero-padding",
        "unet-1-images",
        "unet-2-images",
    ]
    text = (output / "blobs" / "table.md").read_text()
    ablations = text[text.index("## Ablations") :]
    assert "| 1 training image | 0 of 3 | 1 |" in ablations
    assert "] no model to start from was given with --pretrained." in ablations
    assert "] a fold has only 5 training images." in ablations
    one = json.loads((output / "blobs" / "fold0.unet-1-images.json").read_text())
    assert len(one["trained_on"]) == 1


def test_ablations_are_compared_on_the_folds_that_all_of_them_have(blobs, tmp_path, run_here):
    output = tmp_path / "out"
    main(command(blobs, output, "--methods", "unet"))
    main(command(blobs, output, "--methods", "unet", "--folds", "1", "--ablations"))
    text = (output / "blobs" / "table.md").read_text()
    assert "| U-Net | 0, 1, 2 of 3 |" in text
    assert "| all training images | 1 of 3 |" in text[text.index("## Ablations") :]


def test_membranes_are_shown_next_to_the_challenges_figures(blobs, tmp_path, run_here):
    for path in (blobs / "labels").iterdir():
        tifffile.imwrite(path, (tifffile.imread(path) == 0).astype(np.uint8))
    info = {"kind": "semantic", "classes": {"0": "cell", "1": "membrane"}}
    (blobs / "info.json").write_text(json.dumps(info))
    assert main(command(blobs, tmp_path / "out", "--methods", "forest", "--folds", "0")) == 0
    text = (tmp_path / "out" / "blobs" / "table.md").read_text()
    for figure in ("0.000353", "0.0382", "0.0611", "0.05, 0.1, 0.15", "whose labels are not"):
        assert figure in text


def test_two_processes_run_a_real_method(blobs, tmp_path, capsys):
    arguments = ("--methods", "forest", "--folds", "0", "2", "--jobs", "2", "--clock", "cpu")
    assert main(command(blobs, tmp_path / "out", *arguments)) == 0
    results = read_all(tmp_path / "out" / "blobs")
    assert [result.unit.fold for result in results] == [0, 2]
    assert "[2/2] blobs, fold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--folds", "3"), "no fold 3; choose from 0 to 2"),
        (("--report-only",), "run without --report-only"),
        (("--ablations", "--pretrained", "nowhere.unet"), "nowhere.unet cannot be read"),
    ],
)
def test_what_cannot_be_run_is_said(blobs, tmp_path, capsys, more, said):
    assert main(command(blobs, tmp_path / "out", *more)) == 2
    assert said in capsys.readouterr().err


def test_a_fold_that_cannot_be_learnt_is_refused_before_anything_is_run(
    blobs, tmp_path, run_here, capsys
):
    for index, path in enumerate(sorted((blobs / "labels").iterdir())):
        labels = np.zeros((48, 64), np.uint8)
        labels[:, :20] = index == 0
        tifffile.imwrite(path, labels)
    assert main(command(blobs, tmp_path / "out")) == 2
    assert "none of the 5 training images shows the class" in capsys.readouterr().err
    assert run_here == []
    assert main(command(blobs, tmp_path / "out", "--folds", "1", "2")) == 0


def test_units_that_fail_leave_the_others(blobs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.paper.run_all", lambda units, *rest, **options: units[:1])
    assert main(command(blobs, tmp_path / "out")) == 1
    assert "no results" not in capsys.readouterr().err


def made_up(method: str, fold: int, image: ImageScores, scored="objects", **settings) -> Result:
    return Result(
        unit=Unit("/nowhere/cells", method, fold),
        settings=Settings(**settings),
        label_kind="instances" if scored == "objects" else "classes",
        scored=scored,
        classes=("background", "object"),
        membrane=None,
        folds=3,
        threads=1,
        thresholds=THRESHOLDS,
        timed="at once",
        trained_on=("a", "b"),
        training=Training(0, 1.0, 7, "CPU"),
        images=(image,),
    )


def test_a_value_that_is_not_there_is_a_dash_with_its_reason(tmp_path):
    empty = ImageScores("e", False, 1.0, ((9, 0), (0, 0)), Objects(0, 0, 0, 0.0))
    write_report([made_up("unet", 0, empty)], tmp_path, lambda line: None)
    text = (tmp_path / "table.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| U-Net |"))
    assert row.startswith("| U-Net | 0 of 3 | - [1] | - [2] | 1.0000 | - [1] |")
    assert "[1] no test image has an object." in text
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    (seg,) = (r for r in rows if (r["fold"], r["images"], r["score"]) == ("0", "all", "SEG"))
    assert (seg["value"], seg["reason"]) == ("", "no test image has an object")


def test_images_next_to_training_images_are_reported_apart(tmp_path):
    scores = {name: tuple([0.4] * len(THRESHOLDS)) for name in MEMBRANE_SCORES}
    better = {name: tuple([0.2] * len(THRESHOLDS)) for name in MEMBRANE_SCORES}
    near = ImageScores("n", True, 1.0, ((5, 1), (1, 5)), None, better)
    far = ImageScores("f", False, 1.0, ((5, 1), (1, 5)), None, scores)
    results = [made_up("unet", 0, near, "membranes"), made_up("unet", 1, far, "membranes")]
    write_report(results, tmp_path, lambda line: None)
    text = (tmp_path / "table.md").read_text()
    away = text[text.index("## Test images not next") :]
    assert "| U-Net | 1 | 0.4000 at 0.01 |" in away
    assert "| U-Net | 0, 1 of 3 | 0.3000 at 0.01 |" in text


def test_folds_of_different_settings_make_no_row(tmp_path, capsys):
    image = ImageScores("e", False, 1.0, ((9, 0), (0, 0)), Objects(0, 0, 0, 0.0))
    for fold in (0, 1):
        result = made_up("unet", fold, image, minutes=fold + 1)
        (tmp_path / "cells").mkdir(exist_ok=True)
        path_of(result.unit, tmp_path / "cells").write_bytes(result.to_bytes())
    assert main(["/nowhere/cells", "--output", str(tmp_path), "--report-only"]) == 2
    assert "different settings" in capsys.readouterr().err


def test_a_file_that_is_no_result_is_named(tmp_path, capsys):
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "fold0.unet.json").write_text("{}")
    assert main(["/nowhere/cells", "--output", str(tmp_path), "--report-only"]) == 2
    assert "fold0.unet.json is no result" in capsys.readouterr().err


def test_a_result_survives_its_file():
    image = ImageScores("e", True, 1.0, ((9, 0), (0, 0)), None, {"V_rand": None, "x": (0.1, 0.2)})
    before = made_up("unet", 2, image, "membranes")
    assert Result.from_bytes(before.to_bytes()) == before
