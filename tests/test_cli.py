from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from imageio.v3 import imread, imwrite
from scipy import ndimage

import napari_unet as nu
import scenes
from napari_unet import LiveTrainer
from napari_unet.cli import main
from napari_unet.core.models.model import Model
from napari_unet.errors import UnwritableOutput


@pytest.fixture
def folder(tmp_path, monkeypatch, discs):
    """A folder with ``image.tif`` and ``strokes.png``, which is the current one."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("image.tif", discs.image)
    imwrite("strokes.png", discs.strokes)
    return tmp_path


@pytest.fixture
def model(folder, trained):
    trained.save(folder / "model.unet")
    return folder / "model.unet"


def train(*options: str) -> int:
    words = ["train", "image.tif", "--labels", "strokes.png", "--output", "new.unet"]
    return main([*words, "--device", "cpu", *options])


def fails(capsys, words) -> str:
    """Run a command that must fail for what the user gave; return the one line that it says."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert not any("Traceback" in line for line in lines)
    said = [line for line in lines if line.startswith("napari-unet: ")]
    assert said == lines[-1:]
    assert said[0].endswith(".")
    return said[0].removeprefix("napari-unet: ")


class TestTrain:
    def test_writes_a_model_and_says_where(self, folder, capsys):
        assert train("--steps", "2") == 0
        assert [entry.id for entry in nu.load_model("new.unet").classes] == [1, 2]
        said = capsys.readouterr().out
        assert "new.unet" in said
        assert "2 steps" in said
        assert re.search(r"IoU on training labels \d\.\d", said)
        assert sorted(os.listdir()) == ["image.tif", "new.unet", "strokes.png"]

    def test_with_seed_and_steps_can_be_repeated(self, folder):
        weights = []
        for _ in range(2):
            train("--steps", "2", "--seed", "7")
            weights.append(nu.load_model("new.unet").weights)
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

    def test_dense_labels_and_seconds(self, folder, discs):
        imwrite("strokes.png", discs.truth - 1)
        assert train("--label-kind", "classes", "--seconds", "0.5") == 0
        header = nu.load_model("new.unet").header
        assert header.label_kind == "classes"
        assert [entry.id for entry in header.classes] == [0, 1]
        assert header.history[0].settings["seconds"] == 0.5

    def test_several_images(self, folder, discs):
        other = scenes.discs(1)
        np.save("other.npy", other.image)
        tifffile.imwrite("other_strokes.tif", other.strokes)
        words = ["train", "image.tif", "other.npy", "--labels", "strokes.png", "other_strokes.tif"]
        assert main([*words, "--output", "new.unet", "--steps", "1", "--device", "cpu"]) == 0
        (record,) = nu.load_model("new.unet").header.history
        assert record.labelled_pixels == {1: 672, 2: 78}

    def test_fine_tunes_a_model(self, model):
        assert train("--model", str(model), "--steps", "1") == 0
        assert [record.steps for record in nu.load_model("new.unet").header.history] == [80, 1]

    def test_a_model_that_cannot_go_where_it_should_is_saved_elsewhere(
        self, folder, monkeypatch, capsys
    ):
        save = Model.save

        def refuse(model, path):
            if str(path) == "new.unet":
                raise UnwritableOutput("new.unet cannot be written (disk full); choose another.")
            save(model, path)

        monkeypatch.setattr(Model, "save", refuse)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        assert train("--steps", "1") == 0
        said = capsys.readouterr().out
        (line,) = [line for line in said.splitlines() if line.startswith("model: ")]
        assert "saved elsewhere" in said
        assert nu.load_model(line.removeprefix("model: "))

    @pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
    def test_an_interrupt_stops_and_keeps_the_model(self, folder, capsys):
        before = signal.getsignal(signal.SIGINT)
        timer = threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            assert train("--steps", "100000") == 0
        finally:
            timer.cancel()
        assert "stopped" in capsys.readouterr().out
        assert nu.load_model("new.unet").header.history[0].steps > 0
        assert signal.getsignal(signal.SIGINT) is before

    def test_an_interrupt_at_any_other_time_ends(self, folder, monkeypatch, capsys):
        def interrupt(*args, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr("napari_unet.commands.info.run", interrupt)
        assert main(["info"]) == 130
        assert "interrupted" in capsys.readouterr().err


class TestBadTraining:
    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (np.zeros((64, 64), np.uint8), "nothing is painted"),
            (np.eye(64, dtype=np.uint8), "only class 1"),
            (np.eye(64, 60, dtype=np.uint8) + 1, "does not fit"),
            (-np.eye(64, dtype=np.int16), "must not be negative"),
            (np.eye(64, dtype=np.float32) / 2, "whole numbers"),
        ],
    )
    def test_labels(self, folder, capsys, labels, message):
        tifffile.imwrite("labels.tif", labels)
        words = ["train", "image.tif", "--labels", "labels.tif", "--output", "new.unet"]
        assert message in fails(capsys, words)

    def test_labels_in_colour(self, folder, capsys, rng):
        imwrite("labels.png", rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
        words = ["train", "image.tif", "--labels", "labels.png", "--output", "new.unet"]
        assert "colour picture" in fails(capsys, words)

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (np.zeros((64, 64), np.uint8), "every pixel of the image is 0"),
            (np.full((64, 64), np.nan, np.float32), "NaN or infinite"),
            (np.full((64, 64), np.inf, np.float32), "NaN or infinite"),
            (np.zeros((0, 64), np.float32), "empty"),
        ],
    )
    def test_images(self, folder, capsys, image, message):
        np.save("bad.npy", image)
        labels = "strokes.png"
        if image.size == 0:
            np.save("none.npy", np.eye(64, dtype=int) + 1)
            labels = "none.npy"
        words = ["train", "bad.npy", "--labels", labels, "--output", "new.unet"]
        assert message in fails(capsys, words)

    @pytest.mark.parametrize("name", ["text.tif", "text.png", "text.npy", "missing.tif", "."])
    def test_files_that_are_no_images(self, folder, capsys, name):
        for suffix in ("tif", "png", "npy"):
            (folder / f"text.{suffix}").write_text("not an image")
        words = ["train", name, "--labels", "strokes.png", "--output", "new.unet"]
        assert name in fails(capsys, words)

    @pytest.mark.parametrize("output", ["missing/new.unet", ".", "image.tif/new.unet"])
    def test_outputs_that_cannot_be_written_before_anything_is_done(self, folder, capsys, output):
        words = ["train", "image.tif", "--labels", "strokes.png", "--output", output]
        assert output in fails(capsys, words)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--steps", "0"], "steps"),
            (["--seconds", "-1"], "seconds"),
            (["--seconds", "nan"], "seconds"),
            (["--seed", "-1"], "seed"),
            (["--model", "missing.unet"], "missing.unet"),
            (["--model", "image.tif"], "not a napari-unet model"),
            (["--labels", "strokes.png", "strokes.png"], "1 images and 2 label files"),
        ],
    )
    def test_options(self, folder, capsys, options, message):
        words = ["train", "image.tif", "--labels", "strokes.png", "--output", "new.unet"]
        assert message in fails(capsys, [*words, *options])

    def test_a_device_that_is_not_there(self, folder, capsys, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        words = ["train", "image.tif", "--labels", "strokes.png", "--output", "new.unet"]
        assert "cuda" in fails(capsys, [*words, "--device", "cuda"])

    def test_leaves_the_file_that_is_there(self, folder, capsys):
        (folder / "new.unet").write_bytes(b"precious")
        np.save("bad.npy", np.zeros((64, 64)))
        words = ["train", "bad.npy", "--labels", "strokes.png", "--output", "new.unet"]
        fails(capsys, words)
        assert (folder / "new.unet").read_bytes() == b"precious"
        assert not [name for name in os.listdir() if name.startswith(".")]

    @pytest.mark.parametrize("words", [[], ["train"], ["nonsense"], ["train", "--steps", "many"]])
    def test_words_that_are_no_command_are_refused(self, capsys, words):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2


class TestPredict:
    def test_writes_labels_as_painted(self, model, trained, discs, capsys):
        assert main(["predict", str(model), "image.tif", "--output", "out", "--device", "cpu"]) == 0
        assert os.listdir("out") == ["image_labels.tif"]
        assert "image_labels.tif" in capsys.readouterr().out
        found = tifffile.imread("out/image_labels.tif")
        assert (found.shape, found.dtype) == ((64, 64), np.uint8)
        np.testing.assert_array_equal(found, nu.predict(trained, discs.image, device="cpu"))

    def test_writes_probabilities_one_channel_a_class(self, model, trained, discs):
        words = ["predict", str(model), "image.tif", "--output", "out", "--device", "cpu"]
        assert main([*words, "--save", "probabilities", "labels", "--tile", "16"]) == 0
        assert len(os.listdir("out")) == 2
        with tifffile.TiffFile("out/image_probabilities.tif") as tiff:
            assert tiff.series[0].axes == "CYX"
            assert 'Name="class 2"' in tiff.ome_metadata
            found = tiff.asarray()
        assert (found.shape, found.dtype) == ((2, 64, 64), np.float32)
        expected = nu.predict_probabilities(trained, discs.image, device="cpu")
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_averages_over_rotations(self, model, trained, discs):
        words = ["predict", str(model), "image.tif", "--output", "out", "--device", "cpu"]
        assert main([*words, "--average-rotations", "--save", "labels", "probabilities"]) == 0
        options = {"device": "cpu", "average_rotations": True}
        expected = nu.predict_probabilities(trained, discs.image, **options)
        found = tifffile.imread("out/image_probabilities.tif")
        np.testing.assert_allclose(found, expected, atol=1e-5)
        labels = tifffile.imread("out/image_labels.tif")
        np.testing.assert_array_equal(labels, nu.predict(trained, discs.image, **options))

    def test_stacks_and_several_files(self, model, discs):
        tifffile.imwrite("stack.tif", np.stack([discs.image] * 3))
        words = ["predict", str(model), "stack.tif", "image.tif", "--output", "a/b"]
        assert main([*words, "--save", "labels", "probabilities", "--device", "cpu"]) == 0
        assert tifffile.imread("a/b/stack_labels.tif").shape == (3, 64, 64)
        assert tifffile.imread("a/b/stack_probabilities.tif").shape == (2, 3, 64, 64)
        assert tifffile.imread("a/b/image_labels.tif").shape == (64, 64)

    def test_colour_pictures(self, folder, rng):
        scenes.random_model(scenes.small_network(in_channels=3)).save("colour.unet")
        imwrite("colour.png", rng.integers(0, 255, (30, 40, 3)).astype(np.uint8))
        assert main(["predict", "colour.unet", "colour.png", "--output", "out"]) == 0
        assert tifffile.imread("out/colour_labels.tif").shape == (30, 40)

    def test_may_be_repeated(self, model):
        for _ in range(2):
            assert main(["predict", str(model), "image.tif", "--output", "."]) == 0

    def test_never_overwrites_what_somebody_painted(self, model, capsys, discs):
        """Strokes beside the image may be called what a prediction would be called."""
        tifffile.imwrite("image_labels.tif", discs.strokes)
        said = fails(capsys, ["predict", model, "image.tif", "--output", "."])
        assert "image_labels.tif" in said
        np.testing.assert_array_equal(tifffile.imread("image_labels.tif"), discs.strokes)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["image.tif", "image.tif", "--output", "out"], "overwrite each other"),
            (["missing.tif", "--output", "out"], "missing.tif"),
            (["strokes.txt", "--output", "out"], "strokes.txt"),
            (["nan.npy", "--output", "out"], "nan.npy: every pixel of the image is NaN"),
            (["constant.npy", "--output", "out"], "constant.npy: every pixel"),
            (["colour.png", "--output", "out"], "colour.png: the model was trained on 1 channel "),
            (["image.tif", "--output", "strokes.png"], "strokes.png cannot be made"),
            (["image.tif", "--output", "out", "--tile", "0"], "a tile of 0 px"),
        ],
    )
    def test_bad_input(self, model, capsys, rng, words, message):
        (model.parent / "strokes.txt").write_text("no image")
        np.save("nan.npy", np.full((20, 20), np.nan))
        np.save("constant.npy", np.full((20, 20), 3))
        imwrite("colour.png", rng.integers(0, 255, (30, 40, 3)).astype(np.uint8))
        assert message in fails(capsys, ["predict", model, *words])

    def test_a_model_for_three_channels_on_a_grey_image(self, folder, capsys):
        scenes.random_model(scenes.small_network(in_channels=3)).save("colour.unet")
        said = fails(capsys, ["predict", "colour.unet", "image.tif", "--output", "out"])
        assert "trained on 3 channels" in said

    @pytest.mark.parametrize("content", [b"", b"something else", None])
    def test_a_file_that_is_no_model(self, model, capsys, content):
        data = model.read_bytes()[:5000] if content is None else content
        (model.parent / "bad.unet").write_bytes(data)
        assert "bad.unet" in fails(capsys, ["predict", "bad.unet", "image.tif", "--output", "out"])

    def test_a_halved_tile_is_told(self, model, capsys, monkeypatch):
        from napari_unet.core.prediction.plane_predictor import Answers

        forward = Answers._by_network

        def limited(self, pixels, tile):
            if pixels.size > 240 * 240:
                raise MemoryError
            return forward(self, pixels, tile)

        monkeypatch.setattr(Answers, "_by_network", limited)
        assert main(["predict", str(model), "image.tif", "--output", "out", "--device", "cpu"]) == 0
        assert "memory ran out" in capsys.readouterr().out


class TestEvaluate:
    @pytest.fixture
    def compared(self, folder, discs):
        """A prediction that misses the lower half of the discs."""
        found = discs.truth.copy()
        found[32:] = 1
        tifffile.imwrite("found.tif", found)
        tifffile.imwrite("truth.tif", discs.truth)
        return scenes.iou(found, discs.truth, 1), scenes.iou(found, discs.truth, 2)

    def table(self, capsys, *words) -> dict[str, dict[str, float]]:
        """Return the scores that are printed, by file and name of the score."""
        capsys.readouterr()
        assert main(["evaluate", *words]) == 0
        head, *lines = capsys.readouterr().out.splitlines()
        names = re.split(r"\s{2,}", head.strip())
        rows = (line.split() for line in lines if not line.startswith("nan:"))
        return {file: dict(zip(names, map(float, cells), strict=True)) for file, *cells in rows}

    def test_prints_the_iou_of_each_class_and_the_pixel_error(self, compared, capsys, discs):
        first, second = compared
        missed = (discs.truth[32:] == 2).sum()
        row = self.table(capsys, "found.tif", "--truth", "truth.tif")["found.tif"]
        expected = {
            "IoU class 1": first,
            "IoU class 2": second,
            "mean IoU": (first + second) / 2,
            "pixel error": missed / discs.truth.size,
        }
        assert row == pytest.approx(expected, abs=1e-4)

    def test_of_a_perfect_prediction(self, compared, capsys):
        row = self.table(capsys, "truth.tif", "--truth", "truth.tif")["truth.tif"]
        assert row == {"IoU class 1": 1, "IoU class 2": 1, "mean IoU": 1, "pixel error": 0}

    def test_several_files_have_a_mean(self, compared, capsys):
        words = ["found.tif", "truth.tif", "--truth", "truth.tif", "truth.tif"]
        rows = self.table(capsys, *words)
        for name, value in rows["mean"].items():
            both = rows["found.tif"][name], rows["truth.tif"][name]
            assert value == pytest.approx(np.mean(both), abs=1e-4)

    def test_a_prediction_may_be_compared_with_several_truths(self, compared, capsys):
        words = ["found.tif", "found.tif", "--truth", "found.tif", "truth.tif"]
        assert main(["evaluate", *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines[1:]] == ["found.tif", "found.tif", "mean"]
        assert lines[1] != lines[2]

    def test_a_class_that_is_nowhere_is_nan_and_left_out_of_the_mean(self, compared, capsys):
        tifffile.imwrite("one.tif", np.ones((64, 64), np.uint8))
        words = ["one.tif", "truth.tif", "--truth", "one.tif", "truth.tif"]
        rows = self.table(capsys, *words)
        assert np.isnan(rows["one.tif"]["IoU class 2"])
        assert rows["one.tif"]["mean IoU"] == rows["mean"]["IoU class 2"] == 1

    def test_under_scribbles_unlabelled_pixels_do_not_count(self, compared, capsys, discs):
        tifffile.imwrite("partly.tif", np.where(np.arange(64)[:, None] < 32, discs.truth, 0))
        words = ["found.tif", "--truth", "partly.tif", "--label-kind", "scribbles"]
        row = self.table(capsys, *words)["found.tif"]
        assert (row["mean IoU"], row["pixel error"]) == (1, 0)

    def test_instances_count_as_objects(self, compared, capsys, discs):
        objects, count = ndimage.label(discs.truth == 2)
        assert count == 4
        tifffile.imwrite("objects.tif", 7 * objects)
        tifffile.imwrite("binary.tif", discs.truth - 1)
        words = ["binary.tif", "--truth", "objects.tif", "--label-kind", "instances"]
        row = self.table(capsys, *words)["binary.tif"]
        assert (row["IoU class 0"], row["IoU class 1"]) == (1, 1)

    def test_the_kind_is_read_from_the_prediction(self, model, capsys, discs):
        """The model learnt from scribbles, so 0 in the truth means unlabelled."""
        main(["predict", str(model), "image.tif", "--output", ".", "--device", "cpu"])
        row = self.table(capsys, "image_labels.tif", "--truth", "strokes.png")["image_labels.tif"]
        assert "IoU class 0" not in row
        assert row["mean IoU"] > 0.8

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["found.tif", "--truth", "truth.tif", "truth.tif"], "1 predictions and 2 truths"),
            (["found.tif", "--truth", "small.tif"], "the same image"),
            (["found.tif", "--truth", "missing.tif"], "missing.tif"),
            (["image.tif", "--truth", "truth.tif"], "whole numbers"),
            (["found.tif", "--truth", "none.tif", "--label-kind", "scribbles"], "labels nothing"),
        ],
    )
    def test_bad_input(self, compared, capsys, words, message):
        tifffile.imwrite("small.tif", np.ones((5, 5), np.uint8))
        tifffile.imwrite("none.tif", np.zeros((64, 64), np.uint8))
        assert message in fails(capsys, ["evaluate", *words])


class TestInfo:
    def test_of_the_system_tells_versions_and_the_device(self, capsys):
        assert main(["info"]) == 0
        said = capsys.readouterr().out
        for word in ("napari-unet-live", "torch", "device", "cuda"):
            assert word in said

    def test_of_a_model_tells_its_classes_and_history(self, model, capsys):
        assert main(["info", str(model)]) == 0
        said = capsys.readouterr().out
        for word in ("compact", "1 channel", "scribbles", "background", "#56B4E9", "80 steps"):
            assert word in said

    def test_of_a_live_model_tells_how_much_its_network_counts(self, folder, discs, capsys):
        live = LiveTrainer([discs.image], device="cpu")
        live.set_labels(0, discs.strokes)
        live.run(0)
        live.model().save("live.unet")
        assert main(["info", "live.unet"]) == 0
        assert "0% its network's" in capsys.readouterr().out
        args = ["predict", "live.unet", "image.tif", "--output", "out", "--device", "cpu"]
        assert main(args) == 0

    def test_of_something_else_is_refused(self, folder, capsys):
        assert "not a napari-unet model" in fails(capsys, ["info", "image.tif"])


class TestDemo:
    def test_writes_everything_it_names(self, folder, capsys):
        assert main(["demo", "--out", "demo", "--seconds", "0.5"]) == 0
        said = capsys.readouterr().out
        assert sorted(os.listdir("demo")) == [
            "loss.png",
            "tissue.unet",
            "tissue_labels.tif",
            "tissue_overlay.png",
            "tissue_probabilities.tif",
        ]
        for name in os.listdir("demo"):
            assert os.path.join("demo", name) in said
        labels = tifffile.imread("demo/tissue_labels.tif")
        probabilities = tifffile.imread("demo/tissue_probabilities.tif")
        assert labels.shape == (512, 512)
        np.testing.assert_array_equal(probabilities.argmax(axis=0) + 1, labels)
        assert imread("demo/tissue_overlay.png").shape == (512, 512, 3)
        classes = [entry.name for entry in nu.load_model("demo/tissue.unet").classes]
        assert "blue nuclei" in classes
        assert all(name in said for name in classes)

    def test_a_place_that_cannot_be_written_is_told_first(self, folder, capsys):
        assert "strokes.png" in fails(capsys, ["demo", "--out", "strokes.png"])

    def test_window_opens_napari_instead(self, folder, monkeypatch):
        opened = []
        window = SimpleNamespace(run=lambda **_: opened.append(True))
        monkeypatch.setitem(sys.modules, "napari_unet.widgets.demo", window)
        assert main(["demo", "--window"]) == 0
        assert opened == [True]
        assert sorted(os.listdir()) == ["image.tif", "strokes.png"]
