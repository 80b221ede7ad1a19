from __future__ import annotations

import csv
import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import zarr
from imageio.v3 import imwrite

import napari_unet as nu
from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.find_images import Found, find_images, result_names
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_batch, plan_items
from napari_unet.core.batch.report import table, write_report
from napari_unet.core.batch.run import ItemEnded, ItemProgress, ItemStarted, run_batch
from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.open_image import read_labels
from napari_unet.core.models.model import Model
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.prediction.tile_probabilities import Description, TileProbabilities
from napari_unet.core.segmentation.model_fit import best_level, resampling
from napari_unet.errors import InvalidInput
from scenes import random_model, small_network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model():
    return random_model(small_network())


@pytest.fixture
def folder(tmp_path, rng):
    """Images of several kinds, in a folder with another in it, and three files that are broken."""
    root = tmp_path / "in"
    (root / "below").mkdir(parents=True)
    grey = rng.integers(0, 255, (40, 50)).astype(np.uint8)
    tifffile.imwrite(root / "a.tif", grey)
    np.save(root / "below" / "a.npy", grey)
    imwrite(root / "b.png", grey)
    zarr.save_array(root / "c.zarr", grey)
    imwrite(root / "rgb.png", np.stack([grey] * 3, axis=-1))
    (root / "notes.csv").write_text("no image")
    (root / ".hidden.tif").write_text("no image")
    return root


@pytest.fixture
def broken(folder, rng):
    """The same with a TIFF that is cut off, a text called .png and a corrupt chunk."""
    tifffile.imwrite(folder / "cut.tif", rng.random((40, 50)), compression="zlib")
    whole = (folder / "cut.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no image")
    zarr.save_array(folder / "d.zarr", rng.random((40, 50)))
    (folder / "d.zarr" / "c" / "0" / "0").write_bytes(b"garbage")
    return folder


def run(model, plan, **options) -> list[ItemEnded]:
    events = run_batch(model, plan, device=CPU, **options)
    return [event for event in events if isinstance(event, ItemEnded)]


def names(paths) -> list[str]:
    return sorted(path.name for path in paths)


class TestFinding:
    def test_folders_are_searched_for_what_can_be_read(self, folder, tmp_path):
        found = find_images([folder], tmp_path / "out")
        assert [str(f.path.relative_to(folder)) for f in found] == [
            "a.tif",
            "b.png",
            "c.zarr",
            "rgb.png",
            os.path.join("below", "a.npy"),
        ]

    def test_patterns_and_files_and_each_only_once(self, folder, tmp_path):
        inputs = [str(folder / "*.png"), folder / "b.png", str(folder / "**" / "*.npy")]
        assert names(f.path for f in find_images(inputs, tmp_path)) == ["a.npy", "b.png", "rgb.png"]

    def test_what_is_not_there_is_kept_to_be_reported(self, folder, tmp_path):
        inputs = [str(folder / "*.jpg"), folder / "missing.tif"]
        assert len(find_images(inputs, tmp_path)) == 2

    def test_results_are_not_taken_for_images(self, folder, model):
        (done,) = run(model, plan_batch([folder / "a.tif"], model, folder))
        assert done.outputs[0].name in os.listdir(folder)
        assert done.outputs[0] not in [f.path for f in find_images([folder], folder / "out")]
        found = names(f.path for f in find_images([folder], folder))
        assert found == ["a.npy", "a.tif", "b.png", "c.zarr", "rgb.png"]

    def test_no_two_results_have_one_name(self, tmp_path):
        images = [
            Found(tmp_path / "a.tif"),
            Found(tmp_path / "A.png"),
            Found(tmp_path / "other" / "a.tif"),
            Found(tmp_path / "x" / "a.tif", folder=tmp_path.__class__("x")),
            Found(tmp_path / "b.ome.tif"),
        ]
        assert [name.as_posix() for name in result_names(images)] == [
            "a.tif",
            "A.png",
            "a.tif-2",
            "x/a",
            "b",
        ]


class TestPlan:
    def test_says_how_many_will_run_and_why_not_the_others(self, broken, model, tmp_path):
        plan = plan_batch([broken], model, tmp_path / "out")
        assert plan.summary == "5 of 8 will run, 2 cannot be read, 1 has 3 channels."
        assert not (tmp_path / "out").exists()
        (rgb,) = [item for item in plan.items if Path(item.name).name == "rgb.png"]
        assert (rgb.action, rgb.shape, rgb.axes) == ("refused", (40, 50, 3), "YXS")
        assert "trained on 1 channel " in rgb.sentences[0]

    def test_channels_can_be_chosen(self, folder, model, tmp_path):
        options = BatchOptions(channels=(1,))
        plan = plan_batch([folder / "rgb.png", folder / "a.tif"], model, tmp_path, options)
        assert [item.action for item in plan.items] == ["run", "refused"]
        assert "no channel 1" in plan.items[1].sentences[0]

    def test_other_channels_than_those_of_the_training_are_said(self, folder, model, tmp_path):
        header = model.header.model_copy(update={"channels": (2,)})
        trained = Model(header, model.weights)

        def said(*channels):
            options = BatchOptions(channels=channels)
            (item,) = plan_batch([folder / "rgb.png"], trained, tmp_path, options).items
            assert item.action == "run"
            return item.sentences

        assert said(2) == ()
        (sentence,) = said(1)
        assert sentence.startswith("the model was trained on channel 2 and is given 1, counted")

    def test_axes_can_be_named(self, tmp_path, rng, model):
        np.save(tmp_path / "a.npy", rng.random((3, 40, 50)))
        (item,) = plan_batch([tmp_path / "a.npy"], model, tmp_path, BatchOptions(axes="tyx")).items
        assert (item.action, item.axes, item.sentences) == ("run", "TYX", ())

    def test_a_folder_without_images_is_refused(self, tmp_path, model):
        with pytest.raises(InvalidInput, match="no image in"):
            plan_batch([tmp_path], model, tmp_path / "out")

    def test_somebodys_own_labels_are_never_overwritten(self, folder, model, tmp_path):
        imwrite(tmp_path / "a_labels.tif", np.ones((40, 50), np.uint8))
        options = BatchOptions(overwrite=True)
        (item,) = plan_batch([folder / "a.tif"], model, tmp_path, options).items
        assert item.action == "refused"
        assert "no prediction of napari-unet" in item.sentences[0]


class TestRun:
    def test_everything_but_the_broken_is_done_and_each_error_is_a_sentence(
        self, broken, model, tmp_path
    ):
        ended = run(model, plan_batch([broken], model, tmp_path / "out"))
        states = {str(Path(e.item.name).relative_to(broken)): e.status for e in ended}
        assert states == {
            "a.tif": "done",
            "b.png": "done",
            "c.zarr": "done",
            "cut.tif": "failed",
            "d.zarr": "failed",
            "rgb.png": "failed",
            "text.png": "failed",
            os.path.join("below", "a.npy"): "done",
        }
        for item in ended:
            if item.status == "failed":
                assert Path(item.item.name).name in item.sentence or "channel" in item.sentence
                assert item.sentence.endswith(".")
                assert "\n" not in item.sentence
        made = {str(p.relative_to(tmp_path / "out")) for e in ended for p in e.outputs}
        assert made == {
            "a_labels.tif",
            "b_labels.tif",
            "c_labels.ome.zarr",
            os.path.join("below", "a_labels.tif"),
        }
        assert sorted(os.listdir(tmp_path / "out")) == [
            "a_labels.tif",
            "b_labels.tif",
            "below",
            "c_labels.ome.zarr",
        ]
        assert "cut.tif" in table(ended)

    def test_results_are_those_of_predict(self, folder, model, tmp_path):
        options = BatchOptions(save=("labels", "probabilities"))
        run(model, plan_batch([folder / "b.png"], model, tmp_path / "out", options))
        image = read_labels(folder / "b.png")
        found = read_labels(tmp_path / "out" / "b_labels.tif")
        np.testing.assert_array_equal(found, nu.predict(model, image, device="cpu"))
        found = tifffile.imread(tmp_path / "out" / "b_probabilities.tif")
        expected = nu.predict_probabilities(model, image, device="cpu")
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_what_is_done_is_not_done_again_unless_that_is_asked_for(self, folder, model, tmp_path):
        out = tmp_path / "out"
        run(model, plan_batch([folder / "a.tif"], model, out))
        before = (out / "a_labels.tif").stat().st_mtime_ns
        plan = plan_batch([folder / "a.tif", folder / "b.png"], model, out)
        assert plan.summary == "1 of 2 will run, 1 done already."
        assert [e.status for e in run(model, plan)] == ["skipped", "done"]
        assert (out / "a_labels.tif").stat().st_mtime_ns == before
        plan = plan_batch([folder / "a.tif"], model, out, BatchOptions(overwrite=True))
        assert [e.status for e in run(model, plan)] == ["done"]
        assert (out / "a_labels.tif").stat().st_mtime_ns > before

    def test_progress_grows_to_1(self, folder, model, tmp_path):
        plan = plan_batch([folder], model, tmp_path / "out", BatchOptions(tile=16))
        events = list(run_batch(model, plan, device=CPU))
        overall = [e.overall for e in events if isinstance(e, ItemProgress)]
        assert overall == sorted(overall)
        assert overall[-1] == pytest.approx(1)
        assert sum(isinstance(e, ItemStarted) for e in events) == len(plan.to_run)

    def test_stop_keeps_what_is_ready_and_leaves_nothing_half(self, folder, model, tmp_path):
        plan = plan_batch([folder], model, tmp_path / "out", BatchOptions(tile=16))
        asked = threading.Event()
        states = []
        for event in run_batch(model, plan, device=CPU, stop=asked.is_set):
            if isinstance(event, ItemProgress) and event.number == 1:
                asked.set()
            if isinstance(event, ItemEnded):
                states.append(event.status)
        assert states == ["done", "stopped", "stopped", "failed", "stopped"]
        assert os.listdir(tmp_path / "out") == ["a_labels.tif"]

    def test_closing_it_leaves_nothing_half(self, folder, model, tmp_path):
        plan = plan_batch([folder], model, tmp_path / "out", BatchOptions(tile=16))
        events = run_batch(model, plan, device=CPU)
        while not isinstance(next(events), ItemProgress):
            pass
        events.close()
        assert os.listdir(tmp_path / "out") == []

    def test_an_error_that_nobody_expected_does_not_stop_the_others(
        self, folder, model, tmp_path, monkeypatch
    ):
        from napari_unet.core.batch import run as batching

        real = batching.segment

        def bug(model, source, *args, **options):
            if source.name.endswith("a.tif"):
                raise ZeroDivisionError("a bug")
            yield from real(model, source, *args, **options)

        monkeypatch.setattr(batching, "segment", bug)
        plan = plan_batch([folder / "a.tif", folder / "b.png"], model, tmp_path)
        ended = run(model, plan)
        assert [e.status for e in ended] == ["failed", "done"]
        assert "ZeroDivisionError: a bug" in ended[0].sentence

    def test_results_can_stay_in_memory_and_somebody_else_predict(self, model, rng):
        """Three images of one name, of which one has other channels."""
        grey = rng.random((2, 40, 50))
        sources = [
            ImageSource.from_array(grey, "ZYX"),
            ImageSource.from_array(grey, "CYX"),
            ImageSource.from_array(grey[0], "YX"),
        ]
        candidates = [Candidate("cells", Path("cells"), lambda s=s: s) for s in sources]
        plan = plan_items(candidates, model, None, BatchOptions(save=("labels", "probabilities")))
        assert plan.summary == "2 of 3 will run, 1 has 2 channels."
        assert all(item.outputs == {} for item in plan.items)
        arrays = {}

        def openers(number):
            def opener(what):
                @contextmanager
                def give(result):
                    arrays[number, what] = np.zeros(result.shape, result.dtype)
                    yield arrays[number, what]

                return give

            return {what: opener(what) for what in plan.options.save}

        def predict(plane, tile):
            for start in (0, 20):
                where = Tile((start, start + 20), (0, 50))
                found = np.stack([np.full((20, 50), share) for share in (0.25, 0.75)])
                yield TileProbabilities(where, found.astype(np.float32), (start + 20) / 40)

        described = Description(model.header, model.digest)
        ended = run(described, plan, predictor=predict, openers=openers)
        assert [e.status for e in ended] == ["done", "failed", "done"]
        assert arrays[0, "labels"].shape == (2, 40, 50)
        assert (arrays[2, "labels"] == 2).all()
        assert arrays[0, "probabilities"].shape == (2, 2, 40, 50)
        assert (arrays[0, "probabilities"].sum(axis=0) == 1).all()

    def test_stop_while_a_file_is_written_leaves_nothing_of_it(
        self, folder, model, tmp_path, monkeypatch
    ):
        from napari_unet.core.io import write_result

        asked = threading.Event()
        real = write_result._write_tiff
        monkeypatch.setattr(write_result, "_write_tiff", lambda *a: (real(*a), asked.set()))
        plan = plan_batch([folder / "a.tif", folder / "b.png"], model, tmp_path / "out")
        ended = run(model, plan, stop=asked.is_set)
        assert [e.status for e in ended] == ["stopped", "stopped"]
        assert os.listdir(tmp_path / "out") == []


class TestMadeFrom:
    """Results that are there count as done only if they would be the same again."""

    def plan(self, folder, model, tmp_path, name="a.tif", **options):
        return plan_batch([folder / name], model, tmp_path / "out", BatchOptions(**options))

    @pytest.fixture(params=["a.tif", "c.zarr", "rgb.png"])
    def name(self, request):
        return request.param

    def test_the_same_again_is_skipped_and_the_way_out_is_named(
        self, folder, model, tmp_path, name
    ):
        options = {"channels": (0,), "save": ("labels", "instances")}
        run(model, self.plan(folder, model, tmp_path, name, **options))
        loaded = Model.from_bytes(model.to_bytes())
        (item,) = self.plan(folder, loaded, tmp_path, name, **options).items
        assert item.action == "done"
        assert "--overwrite" in item.sentences[0]

    def test_another_image_of_the_same_name_is_segmented_anew(self, folder, model, tmp_path, name):
        run(model, self.plan(folder, model, tmp_path, name, channels=(0,)))
        path = folder / name
        if name.endswith("zarr"):
            array = zarr.open_array(path, mode="r+")
            array[3, 4] = 255 - array[3, 4]
        else:
            image = read_labels(path) if name == "a.tif" else np.zeros((40, 50, 3), np.uint8)
            image[3, 4] = 255 - image[3, 4]
            imwrite(path, image)
        (item,) = self.plan(folder, model, tmp_path, name, channels=(0,)).items
        assert item.action == "run"
        assert "made from another image" in item.sentences[-1]

    def test_another_model_makes_them_anew(self, folder, model, tmp_path, name):
        run(model, self.plan(folder, model, tmp_path, name, channels=(0,)))
        other = random_model(small_network(), seed=1)
        plan = self.plan(folder, other, tmp_path, name, channels=(0,))
        assert "made from another model" in plan.items[0].sentences[-1]
        assert [e.status for e in run(other, plan)] == ["done"]
        (item,) = self.plan(folder, other, tmp_path, name, channels=(0,)).items
        assert item.action == "done"

    def test_other_options_make_them_anew(self, folder, model, tmp_path):
        run(model, self.plan(folder, model, tmp_path, "rgb.png", channels=(0,)))
        (item,) = self.plan(folder, model, tmp_path, "rgb.png", channels=(2,)).items
        assert (item.action, "made from other options" in item.sentences[-1]) == ("run", True)

    def test_what_does_not_count_for_a_result_does_not_make_it_anew(self, folder, model, tmp_path):
        both = ("labels", "instances")
        run(model, self.plan(folder, model, tmp_path, save=both))
        larger = InstanceSettings(smallest=500)
        (item,) = self.plan(folder, model, tmp_path, save=both, objects=larger).items
        assert item.action == "run"
        (item,) = self.plan(folder, model, tmp_path, save=("labels",), objects=larger).items
        assert item.action == "done"

    def test_results_that_do_not_say_what_they_are_of_are_made_anew(self, folder, model, tmp_path):
        out = tmp_path / "out" / "a_labels.tif"
        run(model, self.plan(folder, model, tmp_path))
        said = tifffile.tiffcomment(out).replace("made_from", "other")
        tifffile.tiffcomment(out, said.encode())
        (item,) = self.plan(folder, model, tmp_path).items
        assert "nothing says what they were made from" in item.sentences[-1]

    def test_the_report_names_image_model_and_options(self, folder, model, tmp_path):
        ended = run(model, self.plan(folder, model, tmp_path))
        again = run(model, self.plan(folder, model, tmp_path))
        write_report(tmp_path / "report.csv", [*ended, *again])
        with open(tmp_path / "report.csv", newline="") as file:
            first, second = csv.DictReader(file)
        assert first["model"] == model.digest
        assert json.loads(first["options"])["level"] == 0
        names = ("image", "model", "options")
        assert [first[name] for name in names] == [second[name] for name in names]


class TestPixelSize:
    def source(self, size=0.5, unit="micrometer", levels=1):
        arrays = [np.ones((80 // 2**n, 80 // 2**n)) for n in range(levels)]
        sizes = {"Y": size, "X": size}
        return ImageSource.from_array(arrays, pixel_size=sizes, units=dict.fromkeys("YX", unit))

    def header(self, model, size=1.0, unit="µm"):
        return model.header.model_copy(update={"pixel_size": (size, size), "pixel_unit": unit})

    @pytest.mark.parametrize(("size", "unit", "level"), [(1.0, "µm", 1), (2300, "nm", 2)])
    def test_the_level_nearest_to_the_models_pixels_is_taken(self, model, size, unit, level):
        assert best_level(self.header(model, size, unit), self.source(levels=3)) == level

    def test_the_finest_where_it_is_not_known(self, model):
        assert best_level(model.header, self.source(levels=3)) == 0
        assert best_level(self.header(model), self.source(levels=3, unit="parsec")) == 0

    def test_another_size_is_said(self, model):
        factors, said = resampling(self.header(model), self.source(), 0, wanted=False)
        assert factors is None
        assert said.startswith("its pixels are 0.5 x 0.5 µm and the model was trained on 1 x 1 µm")
        assert resampling(self.header(model), self.source(0.95), 0, wanted=True) == (None, None)
        assert resampling(model.header, self.source(), 0, wanted=False) == (None, None)

    def test_resampling_is_said_too(self, model):
        factors, said = resampling(self.header(model), self.source(), 0, wanted=True)
        assert factors == (0.5, 0.5)
        assert "put back on its own pixels" in said
        unknown = ImageSource.from_array(np.ones((8, 9)), "YX")
        assert "not known" in resampling(self.header(model), unknown, 0, wanted=True)[1]
        assert resampling(model.header, self.source(), 0, wanted=True) == (None, None)

    def test_sizes_that_cannot_both_be_right_are_refused(self, model):
        with pytest.raises(InvalidInput, match="too far apart"):
            resampling(self.header(model), self.source(1.0, "millimeter"), 0, wanted=True)

    def test_a_resampled_batch_has_the_images_own_shape(self, model, tmp_path, rng):
        metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
        tifffile.imwrite(tmp_path / "a.ome.tif", rng.random((41, 50)), metadata=metadata)
        sized = Model(self.header(model), model.weights)
        options = BatchOptions(tile=16)
        (ended,) = run(sized, plan_batch([tmp_path / "a.ome.tif"], sized, tmp_path, options))
        assert ended.status == "done"
        assert ended.item.factors == (0.25, 0.5)
        labels = read_labels(tmp_path / "a_labels.tif")
        assert labels.shape == (41, 50)
        assert set(np.unique(labels)) <= {1, 2}  # 0 would be a pixel that no tile wrote

    def test_the_plan_says_it(self, model, tmp_path, rng):
        metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        tifffile.imwrite(tmp_path / "a.ome.tif", rng.random((40, 50)), metadata=metadata)
        sized = Model(self.header(model), model.weights)
        (item,) = plan_batch([tmp_path / "a.ome.tif"], sized, tmp_path).items
        assert item.pixel_size == "Y 0.5 µm, X 0.5 µm"
        assert "it is resampled to that" in item.sentences[0]
        options = BatchOptions(resample=False)
        (item,) = plan_batch([tmp_path / "a.ome.tif"], sized, tmp_path, options).items
        assert "used as they are" in item.sentences[0]
