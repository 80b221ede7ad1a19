"""The command that compares presets: the same labels for each, results that stay, a table."""

from __future__ import annotations

import json

import numpy as np

from benchmarks import presets


class Threshold:
    """Takes what is brighter than the middle between the two classes' labels."""

    def __init__(self, images, runs, preset):
        self.images, self.labels, self.steps = images, {}, 7
        self.runs, self.preset = runs, preset

    def set_labels(self, index, labels):
        self.labels[index] = labels.copy()

    def run(self, seconds):
        pixels = [
            [self.images[i][labels == class_id] for i, labels in self.labels.items()]
            for class_id in (1, 2)
        ]
        self.middle = np.mean([np.concatenate(values).mean() for values in pixels])
        if seconds:
            sums = [int(labels.sum()) for labels in self.labels.values()]
            self.runs.append((self.preset, seconds, sums))
        return 0.5

    def predict(self, image):
        return np.where(image > self.middle, 2, 1).astype(np.uint8)


def test_each_preset_gets_the_same_labels_and_what_is_finished_is_not_run_again(
    blobs, tmp_path, monkeypatch, capsys
):
    runs = []
    monkeypatch.setattr(
        presets, "Scratch", lambda images, seed, clock, preset: Threshold(images, runs, preset)
    )
    monkeypatch.setattr(
        presets, "build", lambda name, images, seed, clock: Threshold(images, runs, name)
    )
    output = tmp_path / "out"
    command = ["--datasets", str(blobs), "--seconds", "3", "--seeds", "0", "--output", str(output)]
    presets.main(command)
    assert [run[:2] for run in runs] == [("compact", 3), ("pretrained", 3)] * 2
    strokes, again, dense, also = (run[2] for run in runs)
    assert strokes == again and dense == also
    assert min(dense) > max(strokes)
    results = [json.loads(path.read_bytes()) for path in output.glob("*.json")]
    assert len(results) == 4 and all(one["iou"] > 0.9 and one["steps"] == 7 for one in results)
    said = capsys.readouterr().out
    assert "| blobs | 1.000 (1.000) | 1.000 (1.000) | 7, 7 |" in said
    presets.main(command)
    assert len(runs) == 4
    assert "| mean | 1.000 | 1.000 |" in capsys.readouterr().out
