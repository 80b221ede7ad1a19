"""The pretraining: what it may learn from, the tasks it makes of it, and that it can be resumed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

# The scripts lie beside the package, not in it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from starter.variation import varied_guide, varied_image

from napari_unet.core.network.refiner import Refiner
from starter import corpus, episodes, pretrain, shards, tasks

SIDE = 64


def write_set(folder: Path, name: str, *, colours: bool = False, objects: bool = True) -> Path:
    """Three images, 80 x 90, of bright discs on noise, and their labels."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:80, :90]
    for part in ("images", "labels"):
        (folder / name / part).mkdir(parents=True)
    for number in range(3):
        labels = np.zeros((80, 90), np.uint8)
        for index in range(1, 6):
            row, column = rng.integers(8, 72, 2)
            labels[(rows - row) ** 2 + (columns - column) ** 2 < 50] = index
        image = 100 + 80 * (labels > 0) + rng.normal(0, 10, labels.shape)
        image = np.repeat(image[..., None], 3, axis=2) if colours else image
        tifffile.imwrite(folder / name / "images" / f"{number}.tif", image.astype(np.uint8))
        tifffile.imwrite(folder / name / "labels" / f"{number}.tif", labels)
    info = {"kind": "instance" if objects else "classes"}
    (folder / name / "info.json").write_text(json.dumps(info))
    return folder / name


@pytest.fixture
def sets(tmp_path) -> list[corpus.ImageSet]:
    folder = tmp_path / "corpus"
    write_set(folder, "grey")
    write_set(folder, "colours", colours=True, objects=False)
    return corpus.training_sets(folder)


@pytest.fixture
def small(monkeypatch) -> None:
    """Tasks of 64 x 64, shards of two episodes."""
    for module, name, value in (
        (tasks, "SIDE", SIDE),
        (episodes, "SIDE", SIDE),
        (episodes, "SHARD", 2),
        (shards, "SHARD", 2),
        (pretrain, "_BATCHES", ((2, 32),)),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("name", ["drive_retina", "vnc_sstem"])
def test_what_benchmarks_score_is_refused(tmp_path, name):
    write_set(tmp_path, "fine")
    write_set(tmp_path, name)
    with pytest.raises(SystemExit, match=name):
        corpus.training_sets(tmp_path)


def test_sets_to_judge_by_and_their_twins_are_left_out(tmp_path):
    for name in ("fine", "yeast_phase", "yeast_fluorescence"):
        write_set(tmp_path, name)
    assert [one.name for one in corpus.training_sets(tmp_path)] == ["fine"]


def test_a_broken_file_is_named_and_left_out(tmp_path, capsys):
    folder = write_set(tmp_path, "fine")
    (folder / "images" / "1.tif").write_bytes(b"broken")
    (one,) = corpus.training_sets(tmp_path)
    assert [image.stem for image, _ in one.pairs] == ["0", "2"]
    assert "1.tif" in capsys.readouterr().out


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="no folder"):
        corpus.training_sets(tmp_path)


def test_each_kind_of_task_comes_and_can_be_painted(sets, small):
    rng = np.random.default_rng(0)
    names = set()
    for _ in range(30):
        task = tasks.draw_task(rng, sets)
        names.add(task.name.split()[0])
        assert task.images.shape[2:] == (SIDE, SIDE) and task.labels.shape == (2, SIDE, SIDE)
        assert task.images.dtype == np.float32 and task.labels.dtype == np.uint8
        counts = np.bincount(task.labels[0].ravel(), minlength=task.n_classes)
        assert counts[: task.n_classes].min() > 0
    assert names >= {"superpixels", "scene"} and names & {"grey", "colours", "grey,", "colours,"}


def test_things_are_dealt_out_to_two_or_three_classes():
    rng = np.random.default_rng(0)
    found = [tasks.grouped(rng, count) for count in (2, 3, 7) for _ in range(20)]
    assert all(set(np.unique(one)) == set(range(one.max() + 1)) for one in found)
    assert {int(one.max()) for one in found} == {1, 2}


def test_a_crop_keeps_image_and_labels_together(small):
    labels = np.zeros((200, 200), np.uint8)
    labels[60:140, 90:120] = 1
    for scale in (0.5, 1.0, 1.7):
        image, found = tasks.crop(
            np.random.default_rng(0), labels[None].astype(float), labels, scale, 1
        )
        assert image.shape == (1, SIDE, SIDE)
        assert ((image[0] > 0.5) == (found == 1)).mean() > 0.97


def test_bent_objects_are_thicker_or_thinner_or_their_borders():
    labels = np.zeros((2, 40, 40), np.uint8)
    labels[:, 10:30, 10:30] = 1
    labels[:, :3] = corpus.UNKNOWN
    task = tasks.Task("square", np.zeros((2, 1, 40, 40), np.float32), labels, 2)
    areas = set()
    for seed in range(20):
        found = tasks.bent(np.random.default_rng(seed), task).labels
        assert (found[:, :3] == corpus.UNKNOWN).all()
        areas.add(int((found[0] == 1).sum()) // 100)
    assert min(areas) < 2 and max(areas) > 4


def test_a_shard_is_the_same_each_time_and_comes_back_from_its_file(sets, small, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        episodes.write_shard(tmp_path / folder, 3, sets)
    first, second = (episodes.read_shard(tmp_path / folder / "000003.npz") for folder in ("a", "b"))
    assert len(first) == 2
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.guides, other.guides)
        assert one.guides.shape[2:] == one.labels.shape == (2, SIDE, SIDE)
        assert one.guides.dtype == np.int8


def test_more_strokes_make_the_pixel_classifiers_better(sets, small):
    better = []
    for seed in range(6):
        drawn = episodes.draw_episode(np.random.default_rng(seed), sets[:1])
        if len(drawn.guides) == 2:
            right = (drawn.guides.argmax(axis=1) == drawn.labels).mean(axis=(1, 2, 3))
            better.append(right[1] - right[0])
    assert np.mean(better) > 0


def test_a_varied_guide_stays_within_its_range_and_is_often_itself():
    rng = np.random.default_rng(0)
    guide = rng.normal(0, 2, (1, 32, 32)).clip(-4, 4).astype(np.float32)
    found = [varied_guide(rng, guide) for _ in range(60)]
    assert all(one.dtype == np.float32 and np.abs(one).max() <= 4 for one in found)
    assert 5 < sum(np.array_equal(one, guide) for one in found) < 40


def test_a_varied_image_keeps_its_shape_and_is_finite():
    rng = np.random.default_rng(0)
    image = rng.random((3, 32, 32)).astype(np.float32)
    found = [varied_image(rng, image) for _ in range(20)]
    assert all(one.shape == image.shape and np.isfinite(one).all() for one in found)


@pytest.fixture
def pool(sets, small, tmp_path) -> shards.Pool:
    (tmp_path / "shards").mkdir()
    episodes.write_shard(tmp_path / "shards", 0, sets)
    (tmp_path / "shards" / "000001.npz").write_bytes(b"broken")
    found = shards.Pool(tmp_path / "shards")
    found.grow()
    return found


def test_a_damaged_shard_is_left_out(pool):
    assert len(pool.episodes) == 2


def test_a_batch_is_what_the_network_takes(pool):
    batch = pool.draw(np.random.default_rng(0), 3, 32)
    assert batch.images.shape == (3, 3, 32, 32)
    assert batch.guides.shape == batch.truth.shape == batch.known.shape == (3, 1, 32, 32)
    assert all(part.dtype == torch.float32 for part in vars(batch).values())


def test_a_resumed_training_goes_on_as_if_it_had_not_been_stopped(pool, tmp_path):
    def trained(folder: Path, *stops: int) -> dict[str, torch.Tensor]:
        folder.mkdir()
        for stop in stops:
            training = pretrain.Training(folder, torch.device("cpu"), 6)
            training.run(pool, stop)
        assert training.step == stops[-1]
        return training.network.state_dict()

    at_once, resumed = trained(tmp_path / "a", 6), trained(tmp_path / "b", 2, 6)
    start = Refiner().state_dict()
    assert not torch.equal(at_once["last.weight"], start["last.weight"])
    for name, value in at_once.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)
    assert (tmp_path / "b" / "refiner.safetensors").stat().st_size < 2**20


def test_only_known_pixels_count():
    generator = torch.Generator().manual_seed(0)
    odds = torch.randn(2, 1, 8, 8, generator=generator)
    truth, known = (odds > 0).float(), torch.ones(2, 1, 8, 8)
    known[:, :, :4] = 0
    changed = odds.clone()
    changed[:, :, :4] = 9
    first, second = (pretrain.loss_of(one, truth, known) for one in (odds, changed))
    assert first == second
    assert pretrain.loss_of(-odds, truth, known) > first
