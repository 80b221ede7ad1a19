"""Overlap tiles in 3D: equal to the whole volume, whatever its shape and its voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_unet as nu
from napari_unet.core.events import Notice
from napari_unet.core.images.box import Tile
from napari_unet.core.images.normalise import normalise
from napari_unet.core.network.tiling import output_side
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.prediction.predict import TileProbabilities
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.errors import InvalidInput
from scenes import random_model, small_network, volume_network

CPU = torch.device("cpu")
NO_MEMORY = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")
MODELS = {
    voxels: random_model(volume_network(voxels, depth))
    for voxels, depth in [((1, 1, 1), 1), ((2, 1, 1), 2), ((9, 1, 1), 2)]
}


def probabilities(model, image, tile) -> np.ndarray:
    return nu.predict_probabilities(model, image, tile=tile, device="cpu")


class TestTiledEqualsWhole:
    @settings(deadline=None, max_examples=25)
    @given(
        st.sampled_from(list(MODELS)),
        st.tuples(st.integers(1, 15), st.integers(1, 15), st.integers(5, 15)),
        st.integers(5, 12),
        st.integers(0, 99),
    )
    def test_of_any_shape(self, voxels, shape, tile, seed):
        image = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        whole = probabilities(MODELS[voxels], image, 4096)
        assert whole.shape == (2, *shape)
        assert np.isfinite(whole).all()
        np.testing.assert_allclose(probabilities(MODELS[voxels], image, tile), whole, atol=1e-5)

    def test_the_tiles_that_are_chosen_do_too(self, rng, monkeypatch):
        monkeypatch.setattr("napari_unet.core.network.tile_size._CPU_VOXELS", 2**13)
        image = rng.normal(size=(9, 30, 41)).astype(np.float32)
        model = MODELS[2, 1, 1]
        parts = list(predict_tiles(model, image[None], device=CPU))
        assert len(parts) > 4
        chosen, whole = probabilities(model, image, None), probabilities(model, image, 4096)
        assert np.ptp(whole) > 0.1
        np.testing.assert_allclose(chosen, whole, atol=1e-5)

    def test_equals_the_network_on_a_mirrored_volume(self, rng):
        """The plain way: pad by reflection, one unpadded pass, softmax."""
        model = MODELS[2, 1, 1]
        config = model.header.network
        image = rng.normal(size=(12, 24, 32)).astype(np.float32)
        assert [output_side(config, n, a) for a, n in enumerate(image.shape)] == [12, 24, 32]
        normal = normalise(image[None])
        pads = [(0, 0), *((margin, margin) for margin in config.margins)]
        x = torch.from_numpy(np.pad(normal, pads, mode="reflect"))[None]
        with torch.inference_mode():
            logits = model.network().eval()(x)[0]
        expected = logits.softmax(dim=0).numpy()
        np.testing.assert_allclose(probabilities(model, image, 4096), expected, atol=1e-5)

    def test_a_region_equals_that_part_of_the_whole(self, rng):
        model = MODELS[9, 1, 1]
        image = rng.normal(size=(7, 20, 31)).astype(np.float32)
        region = Tile((2, 5), (3, 18), (10, 31))
        whole = probabilities(model, image, 4096)
        for part in predict_tiles(model, image[None], device=CPU, tile=5, region=region):
            np.testing.assert_allclose(part.probabilities, whole[:, *part.tile.slices], atol=1e-5)
        assert part.fraction == 1


class TestImages:
    def test_axes_before_are_volumes(self, rng):
        model = MODELS[1, 1, 1]
        image = rng.normal(size=(2, 3, 8, 9, 10)).astype(np.float32)
        found = nu.predict(model, image, device="cpu")
        assert found.shape == image.shape
        assert set(np.unique(found)) <= {1, 2}
        alone = nu.predict(model, image[1, 2], device="cpu")
        np.testing.assert_array_equal(found[1, 2], alone)
        both = probabilities(model, image, None)
        assert both.shape == (2, *image.shape)
        np.testing.assert_array_equal(np.array([1, 2])[both.argmax(0)], found)

    def test_channels_are_before_the_planes(self, rng):
        config = volume_network((1, 1, 1)).model_copy(update={"in_channels": 2})
        found = nu.predict(random_model(config), rng.normal(size=(3, 2, 6, 7, 8)), device="cpu")
        assert found.shape == (3, 6, 7, 8)

    def test_a_plane_is_refused_in_a_sentence(self, rng):
        with pytest.raises(InvalidInput, match=r"\(40, 30\).*\.$"):
            nu.predict(MODELS[1, 1, 1], rng.normal(size=(40, 30)), device="cpu")

    def test_the_wrong_number_of_axes_is_said_also_of_parts(self, rng):
        plane = rng.normal(size=(1, 40, 30))
        with pytest.raises(InvalidInput, match="is 3D"):
            list(predict_tiles(MODELS[1, 1, 1], plane, device=CPU))
        with pytest.raises(InvalidInput, match="is 2D"):
            list(predict_tiles(random_model(small_network()), plane[None], device=CPU))

    def test_rotations_are_averaged_in_the_plane(self, rng):
        image = rng.normal(size=(4, 9, 12)).astype(np.float32)
        found = nu.predict_probabilities(
            MODELS[1, 1, 1], image, device="cpu", average_rotations=True
        )
        turned = nu.predict_probabilities(
            MODELS[1, 1, 1],
            np.rot90(image, axes=(1, 2)),
            device="cpu",
            average_rotations=True,
        )
        np.testing.assert_allclose(np.rot90(found, axes=(2, 3)), turned, atol=1e-5)


class TestMemory:
    def test_inputs_are_bounded_by_the_tile(self, rng, monkeypatch):
        model = MODELS[9, 1, 1]
        shapes = []
        network = model.prediction_network(CPU)
        hook = network.register_forward_hook(lambda _m, given, _out: shapes.append(given[0].shape))
        monkeypatch.setattr("napari_unet.core.network.tile_size._CPU_VOXELS", 2**14)
        monkeypatch.setattr("napari_unet.core.network.tile_size._CHANNELS", 4)
        list(predict_tiles(model, rng.normal(size=(1, 30, 40, 50)), device=CPU))
        hook.remove()
        assert len(shapes) > 8
        assert max(shape.numel() for shape in shapes) < 1.2 * 2**14  # rounded up to the strides

    def test_tiles_are_halved_where_it_runs_out(self, rng, monkeypatch):
        model, image = MODELS[2, 1, 1], rng.normal(size=(6, 17, 18)).astype(np.float32)
        whole = probabilities(model, image, 4096)
        plain = Answers.probabilities

        def limited(answers, tile):
            if tile.pixels > 400:
                raise NO_MEMORY
            return plain(answers, tile)

        monkeypatch.setattr(Answers, "probabilities", limited)
        parts = list(predict_tiles(model, image[None], device=CPU))
        assert any(isinstance(part, Notice) for part in parts)
        found = np.full_like(whole, np.nan)
        for part in parts:
            if isinstance(part, TileProbabilities):
                found[:, *part.tile.slices] = part.probabilities
        np.testing.assert_allclose(found, whole, atol=1e-5)
