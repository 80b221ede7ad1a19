"""Comparisons with other programs: the table, equal answers, what a program that fails says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.versus import contests, program
from benchmarks.versus.turns import Job, Row, Settings

from benchmarks import peers
from napari_unet.errors import UserError

PEER = """
import time
import numpy as np

class Job:
    def __init__(self, folder, **asked):
        self.folder, self.asked = folder, asked

    def prepare(self):
        self.prepared = True
        time.sleep(self.asked.get("seconds", 0))

    def __call__(self):
        print("noise on stdout")
        if not self.prepared:
            raise ValueError("not prepared")
        given = np.load(self.folder + "/given.npz")
        return given["answer"] + given["error"]

def broken(**asked):
    raise ValueError("no such thing here")

JOBS = {"predict": Job, "strokes": Job, "broken": broken, "train": lambda **asked: lambda: None}
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Make ours and all others one program that answers what is in a file, in this Python."""
    (tmp_path / "fake_jobs.py").write_text(PEER.replace("JOBS = {", "JOBS = {'files': Job, "))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    here = {"jobs": "fake_jobs", "python": lambda: Path(sys.executable), "packages": ("numpy",)}
    monkeypatch.setattr(contests, "OURS", replace(program.OURS, **here))
    for name, peer in program.PEERS.items():
        monkeypatch.setitem(program.PEERS, name, replace(peer, **here))

    def answers(error):
        np.savez(tmp_path / "given.npz", answer=np.zeros((2, 8, 8)), error=error)
        return tmp_path

    return answers


QUICK = Settings(rounds=1, windows=(32, 64), threads=1)


def test_predictions_are_compared_and_equal_ones_told_from_others(fake):
    rows = list(contests.Contests(["monai", "torch-em"], fake(0.0), QUICK).predict())
    assert [row.peer for row in rows[:4]] == [
        "MONAI, our network",
        "MONAI, its own U-Net",
        "MONAI, our network, its usual overlap",
        "torch-em, our network",
    ]
    assert len(rows) == 8
    assert {row.note for row in rows} == {"equal to 0e+00"}


def test_a_job_is_timed_without_its_preparation(fake):
    with program.Process(program.PEERS["monai"], threads=1) as process:
        spent = Job.made(process, "predict", folder=str(fake(0.0)), seconds=0.3).run()
    assert spent.seconds["wall"] < 0.3 < spent.since_start["wall"]
    assert spent.since_start["cpu"] > 0
    assert 5 < spent.mebibytes < 2000


def test_what_differs_is_said_and_what_a_program_does_not_know_is_left_out(fake, tmp_path):
    found = np.full((2, 8, 8), np.nan)
    found[:, 2:6, 2:6] = 0.25
    contest = contests.Contests(["monai"], fake(found), QUICK)
    np.save(tmp_path / "ours.npy", np.zeros((2, 8, 8)))
    with program.Process(program.PEERS["monai"], threads=1) as process:
        job = Job.made(process, "predict", folder=str(tmp_path))
        assert contest._differs(job, bfloat16=False) == "differs by up to 0.25"


def test_a_program_that_fails_or_ends_is_told(fake):
    with program.Process(program.PEERS["monai"], threads=1) as process:
        with pytest.raises(UserError, match="MONAI: ValueError: no such thing here"):
            process.make("it", "broken")
        assert set(process.versions()) == {"numpy"}  # and goes on
    here = replace(program.PEERS["monai"], jobs="no_such_module")
    with program.Process(here, threads=1) as process:
        with pytest.raises(UserError, match="no_such_module"):
            process.make("it", "train")
        process._process.kill()
        with pytest.raises(UserError, match="ended"):
            process.versions()


def test_the_command_writes_its_table(fake, tmp_path, capsys):
    output = tmp_path / "out"
    more = ["--parts", "train", "--peers", "monai", "--output", str(output)]
    assert peers.main(["--quick", "--synthetic", "--clock", "cpu", *more]) == 0
    text = (output / "table.md").read_text()
    assert text in capsys.readouterr().out
    assert text.count("| MONAI, its own U-Net |") == 4
    assert f"- MONAI: numpy {np.__version__}" in text


def test_the_table_says_where_ours_is_slower():
    rows = [Row("a", "x", 2.0, 1.0), Row("b", "x", 100.0, 250.0, "MiB", "why")]
    lines = peers.table(rows, {}, Settings()).splitlines()
    assert lines[-2:] == [
        "| a | x | 2.000 s | 1.000 s | **0.50** |  |",
        "| b | x | 100 MiB | 250 MiB | 2.50 | why |",
    ]


def test_strokes_are_the_same_for_all_and_further_ones_are_more(tmp_path):
    pictures = [peers.drawn_cells(96, seed) for seed in (0, 1)]
    peers.write_strokes(tmp_path / "strokes.npz", pictures)
    given = np.load(tmp_path / "strokes.npz")
    first, more, truth = given["first"], given["more"], given["truth"]
    assert set(np.unique(first)) == {0, 1, 2}
    assert ((first > 0) <= (more == first)).all()
    assert (more > 0).sum() > (first > 0).sum()
    assert (truth[first > 0] == first[first > 0] - 1).all()


def test_our_live_answers_strokes_as_the_others_do(tmp_path):
    from benchmarks.versus.forest_jobs import OneImage
    from benchmarks.versus.our_jobs import JOBS
    from benchmarks.versus.strokes_job import Answer

    pytest.importorskip("sklearn")
    peers.write_strokes(tmp_path / "strokes.npz", [peers.drawn_cells(64, seed) for seed in (0, 1)])
    truth = np.load(tmp_path / "strokes.npz")
    for new, moment in (
        (JOBS["strokes"], "more"),
        (JOBS["strokes"], "other"),
        (lambda *given, **asked: Answer(OneImage, *given, **asked), "first"),
    ):
        job = new(str(tmp_path), moment=moment)
        job.prepare()
        found = job()
        assert found.shape == (64, 64)
        wanted = truth["other_truth" if moment == "other" else "truth"]
        assert (found == wanted + 1).mean() > 0.6


def test_a_padded_pass_with_the_context_says_what_ours_does(tmp_path):
    import torch
    from benchmarks.versus.our_jobs import files, predict
    from benchmarks.versus.shared_network import AFTER, BEFORE, PaddedNetwork

    np.save(tmp_path / "image.npy", np.random.default_rng(0).random((64, 64), np.float32))
    files(str(tmp_path))()
    ours = predict(str(tmp_path), bfloat16=False)()
    around = np.pad(np.load(tmp_path / "scaled.npy"), (BEFORE, AFTER), mode="reflect")
    network = PaddedNetwork(str(tmp_path / "network.pt"), bfloat16=False)
    found = network(torch.from_numpy(around)[None, None])[0]
    inside = found[:, BEFORE : BEFORE + 64, BEFORE : BEFORE + 64].numpy()
    np.testing.assert_allclose(inside, ours, atol=1e-4)
