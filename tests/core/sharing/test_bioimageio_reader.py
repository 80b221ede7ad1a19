"""Models of other programs: what they answer, against plain code, and what is refused."""

from __future__ import annotations

import sys
import zipfile
from contextlib import suppress

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from safetensors.numpy import save
from scipy import ndimage

import packages
import scenes
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import cut
from napari_unet.core.images.lazy_plane import sample_of
from napari_unet.core.models.header import METADATA_KEY
from napari_unet.core.models.model import Model
from napari_unet.core.prediction.context import surroundings
from napari_unet.core.prediction.predict import plane_probabilities, predict, predict_probabilities
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.core.sharing.export import export_model
from napari_unet.core.sharing.load_model import load_model
from napari_unet.core.training.train import train
from napari_unet.errors import InvalidInput, InvalidModel, UserError

pytestmark = packages.needs_bioimageio

OWN = {
    "planes": (scenes.small_network(), [(64, 64), (33, 50), (150, 170)]),
    "channels": (
        scenes.small_network(in_channels=2, n_classes=3, depth=3, batch_norm=False),
        [(2, 140, 161)],
    ),
    "volumes": (scenes.volume_network((4.0, 1.0, 1.0)), [(9, 30, 31)]),
}


@pytest.fixture
def image(rng) -> np.ndarray:
    return rng.random((70, 90)).astype(np.float32)


def imported(tmp_path, described, weights, **files) -> Model:
    return load_model(packages.write_zip(tmp_path / "p.zip", described, weights=weights, **files))


class TestOwnExport:
    @pytest.mark.parametrize("kind", OWN)
    def test_gives_the_same_classes_when_it_is_imported(self, tmp_path, rng, kind):
        config, shapes = OWN[kind]
        model = scenes.random_model(config, ids=tuple(range(1, config.n_classes + 1)))
        export_model(model, tmp_path / "m.zip")
        again = load_model(tmp_path / "m.zip")
        assert again.header.classes == model.header.classes
        assert again.header.label_kind == model.header.label_kind
        for shape in shapes:
            image = rng.normal(100, 20, shape).astype(np.float32)
            expected = predict_probabilities(model, image)
            for tile in (None, 24):
                found = predict_probabilities(again, image, tile)
                np.testing.assert_allclose(found, expected, atol=1e-4)
            assert np.array_equal(predict(again, image), predict(model, image))

    def test_as_a_folder_and_as_a_model_file_it_is_the_same(self, tmp_path, rng):
        export_model(scenes.random_model(scenes.small_network()), tmp_path / "m.zip")
        with zipfile.ZipFile(tmp_path / "m.zip") as package:
            package.extractall(tmp_path / "unpacked")
        first = load_model(tmp_path / "m.zip")
        first.save(tmp_path / "m.unet")
        image = rng.random((40, 50))
        for path in ("unpacked", "m.unet"):
            again = load_model(tmp_path / path)
            assert again.header == first.header
            assert np.array_equal(predict(again, image), predict(first, image))


class TestTiles:
    @pytest.mark.parametrize("size", [24, {"min": 16, "step": 8}])
    @pytest.mark.parametrize("tile", [None, 7, 1000])
    def test_a_halo_makes_them_seamless(self, tmp_path, image, size, tile):
        model = imported(
            tmp_path,
            packages.description(size=size, halo=2),
            packages.blur(shape=(1, 1, 24, 24) if size == 24 else (None,) * 4),
        )
        found = predict_probabilities(model, image, tile)[1]
        expected = ndimage.uniform_filter(image.astype(float), 5, mode="mirror")
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_an_image_smaller_than_the_input_is_mirrored(self, tmp_path, rng):
        model = imported(
            tmp_path, packages.description(size=64, halo=2), packages.blur(shape=(1, 1, 64, 64))
        )
        image = rng.random((9, 11)).astype(np.float32)
        expected = ndimage.uniform_filter(image.astype(float), 5, mode="mirror")
        np.testing.assert_allclose(predict_probabilities(model, image)[1], expected, atol=1e-5)

    def test_an_answer_that_is_cropped_is_put_in_its_place(self, tmp_path, image):
        weights = packages.graph(
            [helper.make_node("Conv", ["x", "w"], ["y"])],
            {"w": np.full((1, 1, 5, 5), 0.04, np.float32)},
        )
        described = packages.description()
        for axis in described["outputs"][0]["axes"][2:]:
            axis["size"]["offset"] = -4
        found = predict_probabilities(imported(tmp_path, described, weights), image, 20)[1]
        expected = ndimage.uniform_filter(image.astype(float), 5, mode="mirror")
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_a_part_of_a_plane_knows_the_whole_planes_statistics(self, tmp_path, image):
        """As large planes are sent to the learner."""
        before = [{"id": "scale_range", "kwargs": {"min_percentile": 10, "max_percentile": 90}}]
        before.append({"id": "clip", "kwargs": {"min": 0, "max": 1}})
        described = packages.description(size={"min": 24, "step": 8}, halo=2, before=before)
        model = imported(tmp_path, described, packages.blur())
        plane = (image + np.linspace(0, 3, 90)).astype(np.float32)[None]
        whole = predict_probabilities(model, plane[0])
        for region in (Tile((0, 30), (60, 90)), Tile((41, 70), (3, 50))):
            part = cut(plane, surroundings(model.header.network, region, (70, 90)), sampled=True)
            assert np.array_equal(sample_of(part), sample_of(plane))
            for found in predict_tiles(model, part, device=torch.device("cpu"), region=region):
                expected = whole[:, *found.tile.slices]
                np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)


BEFORE = {
    "zero mean, jointly": (
        [{"id": "zero_mean_unit_variance", "kwargs": {"axes": ["channel", "y", "x"]}}],
        lambda x: (x - x.mean()) / (x.std() + 1e-6),
    ),
    "zero mean, of each channel": (
        [{"id": "zero_mean_unit_variance", "kwargs": {"axes": ["y", "x"], "eps": 0.01}}],
        lambda x: (x - x.mean((1, 2), keepdims=True)) / (x.std((1, 2), keepdims=True) + 0.01),
    ),
    "range": (
        [{"id": "scale_range", "kwargs": {"axes": ["batch", "y", "x"], "max_percentile": 98}}],
        lambda x: (
            (x - x.min((1, 2), keepdims=True))
            / (np.percentile(x, 98, (1, 2), keepdims=True) - x.min((1, 2), keepdims=True) + 1e-6)
        ),
    ),
    "range of all": ([{"id": "scale_range"}], lambda x: (x - x.min()) / (np.ptp(x) + 1e-6)),
    "linear, then clipped": (
        [
            {
                "id": "scale_linear",
                "kwargs": {"axis": "channel", "gain": [2, 3], "offset": [0.1, -1]},
            },
            {"id": "clip", "kwargs": {"min": 0.2, "max": 0.8}},
        ],
        lambda x: np.clip(
            x * np.array([2, 3]).reshape(2, 1, 1) + np.array([0.1, -1]).reshape(2, 1, 1), 0.2, 0.8
        ),
    ),
    "fixed": (
        [
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
            {"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 0.25, "std": 2}},
        ],
        lambda x: (x - 0.25) / 2,
    ),
    "range after clip": (
        [{"id": "clip", "kwargs": {"max": 0.5}}, {"id": "scale_range"}],
        lambda x: np.minimum(x, 0.5) / (np.minimum(x, 0.5).max() + 1e-6),
    ),
}


class TestSteps:
    @pytest.mark.parametrize("kind", BEFORE)
    def test_before_the_network_are_those_of_the_format(self, tmp_path, rng, kind):
        before, reference = BEFORE[kind]
        image = rng.random((2, 60, 70)).astype(np.float32)
        image[:, 0, 0] = 0
        squeezed = [{"id": "sigmoid"}]  # so that any number is a probability
        described = packages.description(
            given=("a", "b"), found=("one", "other"), before=before, after=squeezed
        )
        found = predict_probabilities(imported(tmp_path, described, packages.identity()), image)
        parts = 1 / (1 + np.exp(-reference(image.astype(float))))
        expected = np.concatenate([1 - parts.max(0, keepdims=True), parts])
        np.testing.assert_allclose(found, expected / expected.sum(0), atol=1e-4)

    def test_softmax_makes_classes_and_the_one_called_so_is_background(self, tmp_path, image):
        described = packages.description(
            found=("dark stuff", "background"), after=[{"id": "softmax", "kwargs": {}}]
        )
        model = imported(tmp_path, described, packages.opposites())
        assert [(c.id, c.name) for c in model.classes] == [(1, "dark stuff"), (0, "background")]
        assert model.header.label_kind == "classes"
        assert np.array_equal(predict(model, image), (image < 0.5).astype(np.uint8))

    def test_one_channel_is_what_there_is_and_the_rest_background(self, tmp_path, image):
        model = imported(tmp_path, packages.description(found=("nuclei",)), packages.identity())
        assert [(c.id, c.name) for c in model.classes] == [(0, "background"), (1, "object")]
        assert np.array_equal(predict(model, image), (image > 0.5).astype(np.uint8))

    def test_what_is_guessed_is_said(self, tmp_path, recwarn):
        pair = {"given": ("a", "b"), "found": ("a", "b")}
        imported(tmp_path, packages.description(**pair), packages.identity())
        said = [str(warning.message) for warning in recwarn.list if "package" in str(warning)]
        words = ("one class or several", "background; it is the first, a", "how much context")
        assert len(said) == 3
        assert all(word in text for word, text in zip(words, said, strict=True))
        recwarn.clear()
        named = {"found": ("a", "background"), "after": [{"id": "softmax", "kwargs": {}}]}
        imported(tmp_path, packages.description(halo=2, **named), packages.opposites())
        assert not [warning for warning in recwarn.list if "package" in str(warning)]

    def test_without_a_step_the_example_tells_classes_from_parts(self, tmp_path):
        example = np.stack([np.full((8, 8), 0.3), np.full((8, 8), 0.7)])[None]
        for number, (values, kinds) in enumerate(
            [(example, ["a", "b"]), (example / 2, ["background", "a", "b"])]
        ):
            described = packages.description(given=("a", "b"), found=("a", "b"))
            described["outputs"][0]["test_tensor"] = {"source": "example.npy"}
            path = packages.write_zip(
                tmp_path / f"{number}.zip",
                described,
                weights=packages.identity(),
                example=packages.npy(values.astype(np.float32)),
            )
            assert [entry.name for entry in load_model(path).classes] == kinds

    def test_binarize_each_channel(self, tmp_path, image):
        """What bioimageio.core 0.11 cannot do."""
        step = {"id": "binarize", "kwargs": {"axis": "channel", "threshold": [0.9, 0.2]}}
        pair = {"given": ("a", "b"), "found": ("a", "b")}
        described = packages.description(**pair, after=[step, {"id": "sigmoid"}])
        model = imported(tmp_path, described, packages.identity())
        found = predict_probabilities(model, np.stack([image, image]))
        assert np.array_equal(found[1] > found[1].min(), image > 0.9)
        assert np.array_equal(found[2] > found[2].min(), image > 0.2)

    def test_binarize(self, tmp_path, image):
        after = [{"id": "binarize", "kwargs": {"threshold": 0.9}}]
        model = imported(tmp_path, packages.description(after=after), packages.identity())
        assert np.array_equal(predict(model, image), (image > 0.9).astype(np.uint8))


class TestAxes:
    @pytest.mark.parametrize("order", ["bcyx", "byxc", "yx", "cyx"])
    def test_may_come_in_another_order(self, tmp_path, image, order):
        described = packages.description()
        for tensor in (described["inputs"][0], described["outputs"][0]):
            batch, channel, *space = tensor["axes"]
            named = {"b": batch, "c": channel, "y": space[0], "x": space[1]}
            tensor["axes"] = [named[letter] for letter in order]
        shape = {"b": 1, "c": 1}
        weights = packages.identity([shape.get(letter) for letter in order])
        model = imported(tmp_path, described, weights)
        np.testing.assert_allclose(predict_probabilities(model, image, 20)[1], image, atol=1e-6)

    def test_of_volumes(self, tmp_path, rng):
        described = packages.description(letters="zyx", size={"min": 4, "step": 4})
        model = imported(tmp_path, described, packages.identity((None,) * 5))
        volume = rng.random((5, 20, 30)).astype(np.float32)
        assert model.header.network.ndim == 3
        np.testing.assert_allclose(predict_probabilities(model, volume)[1], volume, atol=1e-6)

    def test_pixel_sizes_are_known(self, tmp_path):
        described = packages.description()
        for axis, scale in zip(described["inputs"][0]["axes"][2:], (0.5, 0.25), strict=True):
            axis |= {"unit": "micrometer", "scale": scale}
        for axis, scale in zip(described["outputs"][0]["axes"][2:], (0.5, 0.25), strict=True):
            axis |= {"unit": "micrometer", "scale": scale}
        header = imported(tmp_path, described, packages.identity()).header
        assert (header.pixel_size, header.pixel_unit) == ((0.5, 0.25), "micrometer")


class TestUse:
    def test_an_image_with_other_channels_is_refused(self, tmp_path, image):
        described = packages.description(given=("a", "b"), found=("a", "b"))
        model = imported(tmp_path, described, packages.identity())
        with pytest.raises(InvalidInput, match="2 channels"):
            predict(model, image)

    def test_it_is_not_trained(self, tmp_path, image):
        model = imported(tmp_path, packages.description(), packages.identity())
        labels = np.zeros(image.shape, np.uint8)
        labels[:10], labels[20:30] = 1, 2
        with pytest.raises(InvalidModel, match="of another program and can only predict"):
            train(image, labels, model=model, steps=1)

    def test_it_is_not_exported(self, tmp_path):
        model = imported(tmp_path, packages.description(), packages.identity())
        with pytest.raises(InvalidModel, match="of another program"):
            export_model(model, tmp_path / "again.zip")
        assert not (tmp_path / "again.zip").exists()

    @pytest.mark.parametrize(
        ("found", "weights", "text"),
        [
            (("a", "b", "c"), packages.opposites(), "2 channels where its description says 3"),
            (("a",), packages.blur(shape=(1, 1, 20, 20)), "cannot be run on an input"),
        ],
    )
    def test_a_graph_that_is_not_as_described_is_told(self, tmp_path, image, found, weights, text):
        described = packages.description(found=found, after=[{"id": "sigmoid"}])
        with pytest.raises(InvalidModel, match=text):
            predict(imported(tmp_path, described, weights), image)

    def test_numbers_that_are_no_probabilities_are_refused(self, tmp_path, image):
        model = imported(tmp_path, packages.description(), packages.identity())
        with pytest.raises(InvalidModel, match=r"from .* to .*, which are no probabilities"):
            predict(model, 100 * image)

    def test_a_plane_is_answered_as_any_other_model_does(self, tmp_path, image):
        model = imported(tmp_path, packages.description(), packages.identity())
        found = plane_probabilities(model, image[None], device=torch.device("cpu"))
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)


def external() -> bytes:
    """Return a graph whose weights are in another file."""
    model = onnx.load_model_from_string(packages.blur())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return model.SerializeToString()


def changed(**more) -> dict:
    return packages.description(**more)


def with_weights(**weights) -> dict:
    return {**packages.description(), "weights": weights}


def with_onnx(**entry) -> dict:
    return with_weights(onnx={"opset_version": 17, "source": "weights.onnx", **entry})


TORCHSCRIPT = {"source": "a.pt", "pytorch_version": "2.0"}
STATE = {
    **TORCHSCRIPT,
    "architecture": {"source": "code.py", "sha256": "0" * 64, "callable": "Network"},
}
STARDIST = {
    "id": "stardist_postprocessing",
    "kwargs": {"grid": [1, 1], "prob_threshold": 0.5, "nms_threshold": 0.5, "n_rays": 8, "b": 2},
}


def with_axis(**axis) -> dict:
    described = packages.description()
    described["inputs"][0]["axes"].insert(1, axis)
    return described


BOMB = "type: model\nformat_version: 0.5.3\na: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdef", "bcdefg", strict=True)
)

REFUSED = {
    "no ONNX": (with_weights(torchscript=TORCHSCRIPT), "only torchscript.*export.*as ONNX"),
    "code": (
        with_weights(pytorch_state_dict=STATE),
        "need code of their own to run are not used; export the model as ONNX",
    ),
    "no weights": (with_weights(), "Missing weights entry"),
    "old": (changed(format_version="0.2.1"), "0.2.1, and this version reads 0.3 to 0.5"),
    "new": (changed(format_version="0.6.0"), "0.6.0, and this version reads 0.3 to 0.5; update"),
    "no version": (changed(format_version=""), "of the format , and"),
    "a data set": (changed(type="dataset"), "describes no model"),
    "outside": (with_onnx(source="../weights.onnx"), "which is not in it"),
    "absolute": (with_onnx(source="/etc/passwd"), "which is not in it"),
    "drive": (with_onnx(source="C:\\weights.onnx"), "which is not in it"),
    "web": (with_onnx(source="https://x.org/w.onnx"), "elsewhere; get the whole"),
    "gone": (with_onnx(source="other.onnx"), "other.onnx is missing"),
    "another": (with_onnx(sha256="0" * 64), "is not what its description says"),
    "unknown step": (changed(before=[{"id": "custom"}]), r"preprocessing.*'custom'.*update"),
    "stardist": (changed(after=[STARDIST]), "needs stardist_postprocessing after the network"),
    "measured after": (changed(after=[{"id": "scale_range"}]), "needs scale_range after"),
    "time": (with_axis(type="time", size=1), "it has an axis time"),
    "part of an image": (
        changed(before=[{"id": "scale_range", "kwargs": {"axes": ["x"]}}]),
        "needs scale_range before the network, in a way that is not known",
    ),
    "no outputs": (changed(outputs=[]), "outputs: Value should have at least 1 item"),
    "two images": (
        changed(
            inputs=[
                packages.description()["inputs"][0],
                {**packages.description()["inputs"][0], "id": "other"},
            ]
        ),
        "takes 2 images; only models of one image",
    ),
    "another model's answer": (
        changed(inputs=[{**packages.description()["inputs"][0], "output_of": "affable-shark"}]),
        "works on what another model answers",
    ),
    "nonsense": (changed(inputs=[3]), "description cannot be used"),
    "a huge side": (changed(size=2**40), "description cannot be used"),
    "a huge input": (changed(size=2**14, given=("a", "b")), "larger than memory should be"),
    "nothing left": (changed(size=16, halo=9), "description cannot be used"),
    "text": ("just text", "describes no model"),
    "no YAML": ("a: [", "cannot be read"),
    "code in YAML": ("a: !!python/object/apply:os.system [echo]", "cannot be read"),
    "bomb": (BOMB, "too many entries"),
}


JUNK = (None, True, -1, 0, 2**70, 0.5, float("nan"), "", "x", "y", [], [[]], {}, {"a": 1})


class TestRefused:
    @pytest.mark.parametrize("kind", REFUSED)
    def test_with_a_sentence(self, tmp_path, kind):
        described, text = REFUSED[kind]
        with pytest.raises(InvalidModel, match=text) as caught:
            imported(tmp_path, described, packages.identity())
        assert str(caught.value).startswith(f"{tmp_path / 'p.zip'}: ")

    def test_a_graph_that_reads_other_files(self, tmp_path):
        with pytest.raises(InvalidModel, match="keeps its weights in another file"):
            imported(tmp_path, packages.description(), external())

    def test_what_is_no_graph(self, tmp_path):
        with pytest.raises(InvalidModel, match="no ONNX file"):
            imported(tmp_path, packages.description(), b"\xff" * 100)

    def test_a_link_that_leads_out_of_a_folder(self, tmp_path):
        (tmp_path / "secret").write_bytes(packages.identity())
        folder = packages.write_folder(tmp_path / "p", packages.description(), None)
        (folder / "weights.onnx").symlink_to(tmp_path / "secret")
        with pytest.raises(InvalidModel, match="which is not in it"):
            load_model(folder)

    def test_a_file_too_large_for_its_kind_is_not_unpacked(self, tmp_path):
        text = "a: 1\n" + "#" * 2**22  # a few kB in the zip
        with pytest.raises(InvalidModel, match="larger than 1 MiB"):
            imported(tmp_path, text, packages.identity())

    @pytest.mark.parametrize(
        "example",
        [
            packages.npy(np.zeros((1, 2, 4, 4), np.float32))[:-8],
            b"\x80\x04N.",
            packages.npy(np.array([None, 1], dtype=object)),
            packages.npy(np.zeros(4, np.float32)).replace(b"(4,)", b"(9**9,)"),
            packages.npy(np.zeros((1, 4), np.float32)).replace(b"(1, 4)", b"(99999999, 99999999)"),
        ],
    )
    def test_an_example_that_is_no_array(self, tmp_path, example):
        described = packages.description(found=("a", "b"))
        described["outputs"][0]["test_tensor"] = {"source": "example.npy"}
        with pytest.raises(InvalidModel, match=r"example.npy in the package is no array"):
            imported(tmp_path, described, packages.opposites(), example=example)

    def test_a_damaged_zip_file_and_one_of_something_else(self, tmp_path):
        packages.write_zip(tmp_path / "p.zip", packages.description(), weights=packages.identity())
        (tmp_path / "half.zip").write_bytes((tmp_path / "p.zip").read_bytes()[:200])
        with pytest.raises(InvalidModel, match="damaged"):
            load_model(tmp_path / "half.zip")
        with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
            other.writestr("a.txt", "text")
        with pytest.raises(InvalidModel, match=r"no rdf.yaml"):
            load_model(tmp_path / "other.zip")

    def test_without_the_extra_it_says_which(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
        with pytest.raises(InvalidInput, match=r'pip install "napari-unet-live\[bioimageio\]"'):
            imported(tmp_path, "a: 1", packages.identity())

    def test_a_model_file_whose_graph_is_gone(self, tmp_path):
        model = imported(tmp_path, packages.description(), packages.identity())
        metadata = {METADATA_KEY: model.header.model_dump_json()}
        data = save({"other": np.zeros(3, np.uint8)}, metadata=metadata)
        with pytest.raises(InvalidModel, match="do not fit its own description"):
            Model.from_bytes(data)

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.randoms(use_true_random=False), st.sampled_from(JUNK))
    def test_a_description_with_something_else_in_it_is_used_or_refused(
        self, tmp_path, random, junk
    ):
        described = packages.description(
            size={"min": 16, "step": 8},
            halo=2,
            before=[{"id": "scale_range", "kwargs": {"axes": ["y", "x"], "max_percentile": 99}}],
            after=[{"id": "scale_linear", "kwargs": {"gain": 1.0}}, {"id": "sigmoid"}],
        )
        where = described
        while True:
            key = random.choice(list(where) if isinstance(where, dict) else range(len(where)))
            if not isinstance(where[key], dict | list) or not where[key] or random.random() < 0.2:
                where[key] = junk
                break
            where = where[key]
        with suppress(UserError):
            predict(imported(tmp_path, described, packages.identity()), np.eye(20))

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, 2**31), st.integers(1, 255))
    def test_a_package_with_another_byte_is_used_or_refused(self, tmp_path, place, change):
        path = tmp_path / "p.zip"
        packages.write_zip(path, packages.description(), weights=packages.identity())
        data = bytearray(path.read_bytes())
        data[place % len(data)] ^= change
        path.write_bytes(data)
        with suppress(UserError):
            predict(load_model(path), np.eye(20))
