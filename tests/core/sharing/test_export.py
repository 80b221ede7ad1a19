"""Exported models, run by onnxruntime and bioimageio.core."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

import packages
import scenes
from napari_unet.core.images.arrange import pieces_for
from napari_unet.core.images.intensity import Intensity, Scaling
from napari_unet.core.images.normalise import normalise
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.network.config import UNetConfig
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.prediction.predict import predict, predict_probabilities
from napari_unet.core.sharing.export import export_model
from napari_unet.core.sharing.load_model import load_model
from napari_unet.core.sharing.portable import portable
from napari_unet.core.sharing.standalone_network import StandaloneUNet
from napari_unet.errors import InvalidInput, InvalidModel

NETWORKS = {
    "one channel": (scenes.small_network(), [(64, 64), (33, 50), (1, 7), (3, 101)]),
    "two channels, three classes": (
        scenes.small_network(in_channels=2, n_classes=3, depth=3, batch_norm=False),
        [(2, 40, 61)],
    ),
    "flat voxels": (scenes.volume_network((4.0, 1.0, 1.0)), [(9, 30, 31), (1, 5, 4)]),
    "cubes": (scenes.volume_network((1.0, 1.0, 1.0), depth=1), [(9, 13, 11)]),
}

# What a colleague without this program runs; its import fails there.
ELSEWHERE = """
import sys
sys.modules["napari_unet"] = None
folder = sys.argv[1]
import json, numpy as np, onnxruntime
for number in range(3):
    image = np.load(f"{folder}/image{number}.npy")
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx")
    meta = json.loads(session.get_modelmeta().custom_metadata_map["napari_unet"])
    low, high = np.percentile(image, meta["normalisation"]["percentiles"])
    x = ((image - low) / (high - low)).clip(*meta["normalisation"]["clip"]).astype(np.float32)
    found = session.run(None, {"image": x[None, None]})[0][0]
    ids = np.array([entry["id"] for entry in meta["classes"]])
    np.save(f"{folder}/onnx{number}.npy", ids[found.argmax(axis=0)])
if sys.argv[2:]:
    import bioimageio.core
    from bioimageio.core import load_model_description
    model = load_model_description(f"{folder}/model.zip")
    ids = np.array([entry["id"] for entry in model.config.napari_unet["classes"]])
    for number in range(3):
        image = np.load(f"{folder}/image{number}.npy")
        found = bioimageio.core.predict(model=model, inputs=image[None, None].astype(np.float32))
        found = np.asarray(found.members["probabilities"].data)[0]
        np.save(f"{folder}/bioimageio{number}.npy", ids[found.argmax(axis=0)])
assert not [name for name in sys.modules if name.startswith("napari_unet.")]
"""


def onnx_answer(path, image: np.ndarray, config: UNetConfig) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    x = normalise(pieces_for(image, config.in_channels, config.ndim).data[0])[None]
    return session.run(None, {"image": x})[0][0]


def standalone(model) -> StandaloneUNet:
    made = portable(model)
    network = StandaloneUNet(**made.arguments)
    network.load_state_dict(dict(made.state))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", NETWORKS)
class TestNumbers:
    def test_of_onnx_are_those_of_torch_for_images_of_any_size(self, tmp_path, rng, kind):
        config, shapes = NETWORKS[kind]
        model = scenes.random_model(config)
        export_model(model, tmp_path / "m.onnx", format="onnx")
        for shape in shapes:
            image = rng.normal(size=shape).astype(np.float32)
            found = onnx_answer(tmp_path / "m.onnx", image, config)
            np.testing.assert_allclose(found, predict_probabilities(model, image), atol=1e-4)

    def test_of_the_standalone_network_are_the_same_too(self, rng, kind):
        config, shapes = NETWORKS[kind]
        model = scenes.random_model(config)
        image = rng.normal(size=shapes[0]).astype(np.float32)
        x = torch.from_numpy(normalise(pieces_for(image, config.in_channels, config.ndim).data[0]))[
            None
        ]
        found = standalone(model)(x)[0].numpy()
        np.testing.assert_allclose(found, predict_probabilities(model, image), atol=1e-5)


PRETRAINED = PretrainedConfig(in_channels=2, n_classes=3)


class TestPretrained:
    def test_numbers_of_onnx_are_those_of_torch_for_images_of_any_size(self, tmp_path, rng):
        model = scenes.random_model(PRETRAINED)
        export_model(model, tmp_path / "m.onnx", format="onnx")
        for shape in [(2, 64, 48), (2, 33, 50), (2, 1, 7)]:
            image = rng.normal(size=shape).astype(np.float32)
            found = onnx_answer(tmp_path / "m.onnx", image, PRETRAINED)
            np.testing.assert_allclose(found, predict_probabilities(model, image), atol=1e-4)

    @packages.needs_bioimageio
    def test_package_holds_onnx_alone_and_predicts_here_too(self, tmp_path, rng):
        from bioimageio.core import test_model

        model = scenes.random_model(PRETRAINED).scaled("image")
        export_model(model, tmp_path / "m.zip")
        assert test_model(tmp_path / "m.zip").status == "passed"
        with zipfile.ZipFile(tmp_path / "m.zip") as package:
            described = yaml.safe_load(package.read("rdf.yaml"))
            assert "weights.pt" not in package.namelist()
        assert list(described["weights"]) == ["onnx"]
        image = rng.normal(size=(2, 40, 50)).astype(np.float32)
        found = predict_probabilities(load_model(tmp_path / "m.zip"), image)
        np.testing.assert_allclose(found, predict_probabilities(model, image), atol=1e-4)


class TestWithoutThisProgram:
    @pytest.fixture(scope="class")
    def elsewhere(self, tmp_path_factory, trained) -> SimpleNamespace:
        """Three images, segmented here and in a process that cannot import this package."""
        folder = tmp_path_factory.mktemp("elsewhere")
        rng = np.random.default_rng(3)
        plain = scenes.discs(seed=4).image
        images = [
            plain,
            (40 * scenes.discs(seed=5).image + 300).clip(0).astype(np.uint16)[:50, :61],
            np.tile(plain, (3, 2))[:150] + 0.1 * rng.normal(size=(150, 128)).astype(np.float32),
        ]
        for number, image in enumerate(images):
            np.save(folder / f"image{number}.npy", image)
        export_model(trained, folder / "model.onnx", format="onnx")
        export_model(trained, folder / "model.zip", format="bioimageio")
        words = [sys.executable, "-c", ELSEWHERE, str(folder)]
        words += ["bioimageio"] if packages.other_programs_work() else []
        ended = subprocess.run(words, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return SimpleNamespace(folder=folder, truths=[predict(trained, image) for image in images])

    def test_onnxruntime_gives_the_same_class_at_every_pixel(self, elsewhere):
        for number, truth in enumerate(elsewhere.truths):
            found = np.load(elsewhere.folder / f"onnx{number}.npy")
            assert len(np.unique(truth)) == 2
            np.testing.assert_array_equal(found, truth)

    @packages.needs_bioimageio
    def test_bioimageio_core_gives_the_same_class_at_every_pixel(self, elsewhere):
        for number, truth in enumerate(elsewhere.truths):
            found = np.load(elsewhere.folder / f"bioimageio{number}.npy")
            np.testing.assert_array_equal(found, truth)


class TestPackage:
    @packages.needs_bioimageio
    @pytest.mark.parametrize("kind", ["two channels, three classes", "flat voxels"])
    def test_passes_the_official_check(self, tmp_path, kind):
        from bioimageio.core import test_model

        export_model(scenes.random_model(NETWORKS[kind][0]), tmp_path / "cells.zip")
        summary = test_model(tmp_path / "cells.zip")
        assert summary.status == "passed", summary.format()
        tested = {detail.loc[1] for detail in summary.details if detail.loc[:1] == ("weights",)}
        assert tested == {"onnx", "pytorch_state_dict"}

    def test_holds_what_a_reader_wants_to_know(self, tmp_path):
        model = scenes.random_model(scenes.small_network())
        header = model.header.model_copy(
            update={
                "classes": (
                    ClassInfo(id=1, name="cell wall | a", color="#56B4E9"),
                    ClassInfo(id=7, name="Zelle é", color="#E69F00"),
                ),
                "pixel_size": (0.5, 0.25),
                "pixel_unit": "µm",
            }
        )
        export_model(replace(model, header=header), tmp_path / "my cells!.zip")
        with zipfile.ZipFile(tmp_path / "my cells!.zip") as package:
            said = yaml.safe_load(package.read("rdf.yaml"))
            text = package.read("README.md").decode()
            for name in package.namelist():
                if name != "rdf.yaml":
                    checksum = hashlib.sha256(package.read(name)).hexdigest()
                    assert checksum in json.dumps(said)
            assert "napari_unet" not in package.read("standalone_network.py").decode()
        assert said["cite"][0]["doi"] == "10.1007/978-3-319-24574-4_28"
        assert said["name"] == "my cells_"
        rows, columns = said["inputs"][0]["axes"][2:]
        assert (rows["scale"], columns["scale"], rows["unit"]) == (0.5, 0.25, "micrometer")
        assert said["outputs"][0]["axes"][1]["channel_names"] == ["cell_wall_a", "Zelle"]
        scale, clip = said["inputs"][0]["preprocessing"]
        assert (scale["kwargs"]["min_percentile"], scale["kwargs"]["max_percentile"]) == (1.0, 99.8)
        assert clip["kwargs"] == {"min": -4.0, "max": 8.0}
        assert said["config"]["napari_unet"]["classes"][1]["id"] == 7
        assert "| 1 | 7 | Zelle é | #E69F00 |" in text

    def test_says_how_blocks_give_the_same_result(self, tmp_path, rng):
        """Blocks as the package says, cut from an image that is normalised as a whole."""
        config = scenes.small_network()
        model = scenes.random_model(config)
        export_model(model, tmp_path / "m.zip")
        with zipfile.ZipFile(tmp_path / "m.zip") as package:
            rules = yaml.safe_load(package.read("rdf.yaml"))["config"]["napari_unet"]["blocks"]
        halo, stride = rules["halo"][0], rules["stride"][0]
        image = rng.normal(size=(40, 200)).astype(np.float32)
        x = torch.from_numpy(normalise(image[None]))[None]
        network = standalone(model)
        whole = network(x)
        start = 100 // stride * stride
        block = network(x[..., start - halo : start + 20 + halo])[..., halo:-halo]
        torch.testing.assert_close(block, whole[..., start : start + 20], atol=1e-5, rtol=0)


class TestRefusal:
    def test_of_a_model_with_a_classifier_too_leaves_what_is_there(self, tmp_path, trained):
        live = replace(trained.scaled("image"), classifier=SimpleNamespace())
        live = replace(live, header=trained.header.model_copy(update={"network_share": 0.5}))
        path = tmp_path / "m.onnx"
        path.write_bytes(b"before")
        with pytest.raises(InvalidModel, match="pixel classifier"):
            export_model(live, path, format="onnx")
        assert path.read_bytes() == b"before"
        assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]

    def test_of_weights_larger_than_onnx_holds(self, tmp_path):
        config = UNetConfig(
            in_channels=1,
            n_classes=2,
            base_channels=1024,
            depth=3,
            batch_norm=False,
            dropout=0,
            pad_in_training=True,
        )
        model = scenes.random_model(scenes.small_network())
        model = replace(model, header=model.header.model_copy(update={"network": config}))
        with pytest.raises(InvalidModel, match="2 GiB"):
            export_model(model, tmp_path / "m.onnx", format="onnx")

    @pytest.mark.parametrize(("name", "format"), [("m.unet", "onnx"), ("m.onnx", "bioimageio")])
    def test_of_an_ending_that_says_otherwise(self, tmp_path, trained, name, format):
        with pytest.raises(InvalidInput, match="should end with"):
            export_model(trained, tmp_path / name, format=format)
        assert not list(tmp_path.iterdir())

    def test_of_a_format_that_is_not_known(self, tmp_path, trained):
        with pytest.raises(InvalidInput, match="no format"):
            export_model(trained, tmp_path / "m.pb", format="tensorflow")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("module", "format", "extra"),
        [("onnx", "onnx", "onnx"), ("bioimageio.spec.utils", "bioimageio", "bioimageio")],
    )
    def test_names_the_extra_that_is_missing(
        self, tmp_path, monkeypatch, trained, module, format, extra
    ):
        monkeypatch.setitem(sys.modules, module, None)
        path = tmp_path / ("m.onnx" if format == "onnx" else "m.zip")
        with pytest.raises(InvalidInput, match=rf"napari-unet-live\[{extra}\]"):
            export_model(trained, path, format=format)
        assert not path.exists()


def test_a_live_model_whose_network_answers_alone_keeps_its_temperature(trained, rng):
    live = replace(trained.scaled("image"), classifier=SimpleNamespace())
    image = rng.normal(size=(30, 40)).astype(np.float32)
    x = torch.from_numpy(normalise(image[None]))[None]
    with torch.inference_mode():
        found = standalone(live)(x)[0].numpy()
    np.testing.assert_allclose(found, predict_probabilities(live, image), atol=1e-5)


class TestIntensities:
    """What other programs can do is in the package; what they cannot is said."""

    def described(self, model, tmp_path):
        export_model(model, tmp_path / "m.zip")
        with zipfile.ZipFile(tmp_path / "m.zip") as package:
            text = package.read("README.md").decode()
            return yaml.safe_load(package.read("rdf.yaml")), text

    @pytest.mark.parametrize("way", ["automatic", "stack", "image"])
    def test_each_image_by_itself_where_the_format_knows_no_more(self, tmp_path, way):
        rdf, text = self.described(
            scenes.random_model(scenes.small_network()).scaled(way), tmp_path
        )
        assert [step["id"] for step in rdf["inputs"][0]["preprocessing"]] == ["scale_range", "clip"]
        assert ("leave out empty images there" in text) == (way != "image")
        assert rdf["config"]["napari_unet"]["normalisation"]["intensities"] == way

    def test_of_the_training_images_is_a_fixed_formula(self, tmp_path):
        model = scenes.random_model(scenes.small_network())
        scaling = Scaling("training", (Intensity(100.0, 300.0, 200.0, 110.0, 5.0, 0.1),))
        header = model.header.model_copy(update={"scaling": scaling})
        rdf, text = self.described(replace(model, header=header), tmp_path)
        step = rdf["inputs"][0]["preprocessing"][0]
        assert step["id"] == "scale_linear"
        assert (step["kwargs"]["gain"], step["kwargs"]["offset"]) == ([1 / 200], [-0.5])
        assert "100 and 300" in text
