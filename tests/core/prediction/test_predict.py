from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
import torch

import napari_unet as nu
from napari_unet.core.events import Notice
from napari_unet.core.images.box import Tile
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.prediction.predict import TileProbabilities
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.errors import DeviceUnavailable, InvalidInput
from scenes import iou, preset_model, random_model, small_network

CPU = torch.device("cpu")
NO_MEMORY = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")


@pytest.fixture(scope="module")
def small():
    return random_model(small_network())


@pytest.fixture(scope="module")
def compact():
    return preset_model("compact")


@pytest.fixture(scope="module")
def paper():
    return preset_model("unet2015")


def assemble(parts, shape) -> np.ndarray:
    """Put tiles together; what no tile covers is NaN."""
    out = None
    for part in parts:
        if isinstance(part, TileProbabilities):
            if out is None:
                out = np.full((len(part.probabilities), *shape), np.nan, np.float32)
            out[:, *part.tile.slices] = part.probabilities
    return out


class TestTiledEqualsWhole:
    """Ronneberger et al. 2015, section 2, figure 2: "seamless segmentation" of any size."""

    @pytest.mark.parametrize("tile", [16, 48])
    @pytest.mark.parametrize("shape", [(97, 130), (64, 65), (33, 200)])
    def test_compact(self, compact, rng, shape, tile):
        image = rng.normal(size=shape).astype(np.float32)
        whole = nu.predict_probabilities(compact, image, tile=4096, device="cpu")
        tiled = nu.predict_probabilities(compact, image, tile=tile, device="cpu")
        assert whole.shape == (2, *shape)
        assert np.ptp(whole) > 0.1
        np.testing.assert_allclose(tiled, whole, atol=1e-5)

    def test_unet2015(self, paper, rng):
        image = rng.normal(size=(35, 50)).astype(np.float32)
        whole = nu.predict_probabilities(paper, image, tile=4096, device="cpu")
        tiled = nu.predict_probabilities(paper, image, tile=32, device="cpu")
        assert np.ptp(whole) > 0.1
        np.testing.assert_allclose(tiled, whole, atol=1e-5)

    @pytest.mark.parametrize("shape", [(1, 70), (70, 1), (2, 3), (5, 90), (1, 2)])
    def test_of_images_smaller_than_a_tile_and_than_the_halo(self, small, compact, rng, shape):
        image = rng.normal(size=shape).astype(np.float32)
        for model in (small, compact):
            whole = nu.predict_probabilities(model, image, tile=4096, device="cpu")
            tiled = nu.predict_probabilities(model, image, tile=16, device="cpu")
            assert np.isfinite(whole).all()
            np.testing.assert_allclose(tiled, whole, atol=1e-5)

    def test_equals_the_network_on_a_mirrored_image(self, small, rng):
        """The plain way: pad by reflection, one unpadded pass, softmax."""
        image = rng.normal(size=(40, 52)).astype(np.float32)
        margin = small.header.network.margins[-1]
        low, high = np.percentile(image, (1, 99.8))
        padded = np.pad((image - low) / (high - low), margin, mode="reflect").astype(np.float32)
        with torch.no_grad():
            logits = small.network().eval()(torch.from_numpy(padded)[None, None])
        expected = logits[0].softmax(dim=0).numpy()
        found = nu.predict_probabilities(small, image, device="cpu")
        np.testing.assert_allclose(found, expected, atol=1e-5)

    @pytest.mark.parametrize(
        "region", [Tile((0, 30), (0, 41)), Tile((17, 43), (5, 61)), Tile((60, 61), (69, 70))]
    )
    def test_a_region_alone_is_the_crop_of_the_whole(self, small, rng, region):
        plane = rng.normal(size=(1, 61, 70)).astype(np.float32)
        whole = assemble(predict_tiles(small, plane, device=CPU, tile=4096), (61, 70))
        alone = assemble(predict_tiles(small, plane, device=CPU, tile=16, region=region), (61, 70))
        np.testing.assert_allclose(
            alone[:, *region.slices], whole[:, *region.slices], atol=1e-5, equal_nan=False
        )
        assert np.isfinite(alone).sum() == 2 * region.pixels


class TestMemory:
    def test_no_input_is_larger_than_the_tile_and_its_halo(self, small, rng):
        config = small.header.network
        sides = []
        hook = small.prediction_network(CPU).register_forward_pre_hook(
            lambda _module, args: sides.extend(args[0].shape[-2:])
        )
        parts = list(predict_tiles(small, rng.normal(size=(1, 150, 200)), device=CPU, tile=32))
        hook.remove()
        assert len(parts) == 5 * 7
        assert max(sides) <= 32 + 2 * config.margins[-1] + config.strides[-1]
        assert sum(part.tile.pixels for part in parts) == 150 * 200

    def test_a_small_region_of_a_large_image_copies_little_of_it(self, small, rng):
        image = rng.integers(0, 255, (1, 4096, 4096), np.uint8)
        parts = predict_tiles(small, image, device=CPU, region=Tile((90, 120), (2000, 2040)))
        tracemalloc.start()
        next(iter(parts))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < image.size * 2  # a float32 copy alone would be four times the image

    def test_progress_ends_at_1(self, small, rng):
        parts = list(predict_tiles(small, rng.normal(size=(1, 40, 50)), device=CPU, tile=16))
        fractions = [part.fraction for part in parts]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1


@pytest.mark.fault("out of memory, prediction")
class TestOutOfMemory:
    """The tile is halved and the work goes on, and the user is told."""

    @pytest.fixture
    def limit(self, monkeypatch):
        """Let inputs above some number of pixels fail as the CPU's allocator does."""
        forward = Answers._by_network

        def allow(pixels, error=NO_MEMORY):
            def limited(self, patch, tile):
                if patch.shape[-2] * patch.shape[-1] > pixels:
                    raise error
                return forward(self, patch, tile)

            monkeypatch.setattr(Answers, "_by_network", limited)

        return allow

    @pytest.mark.parametrize(
        "error",
        [
            NO_MEMORY,
            torch.OutOfMemoryError("CUDA out of memory."),
            MemoryError(),
        ],
    )
    def test_gives_the_same_result_in_smaller_tiles(self, small, rng, limit, error):
        plane = rng.normal(size=(1, 90, 75)).astype(np.float32)
        expected = assemble(predict_tiles(small, plane, device=CPU), (90, 75))
        limit(90 * 90, error)
        parts = list(predict_tiles(small, plane, device=CPU))
        notices = [part for part in parts if isinstance(part, Notice)]
        assert 1 <= len(notices) <= 4
        assert "memory" in notices[0].text
        np.testing.assert_allclose(assemble(parts, (90, 75)), expected, atol=1e-5)

    def test_goes_on_row_by_row(self, small, rng, limit):
        limit(70 * 70)
        parts = predict_tiles(small, rng.normal(size=(1, 64, 64)), device=CPU)
        tiles = [part.tile for part in parts if isinstance(part, TileProbabilities)]
        assert tiles[0].rows[0] == tiles[0].columns[0] == 0
        assert tiles[-1].rows[1] == tiles[-1].columns[1] == 64

    def test_is_told_as_a_warning_where_only_the_result_is_asked_for(self, small, rng, limit):
        limit(90 * 90)
        with pytest.warns(UserWarning, match="memory ran out"):
            nu.predict(small, rng.normal(size=(90, 75)), device="cpu")

    def test_of_the_smallest_tile_says_what_to_do(self, small, rng, limit):
        limit(0)
        with pytest.raises(DeviceUnavailable, match="another device"):
            list(predict_tiles(small, rng.normal(size=(1, 30, 30)), device=CPU))

    def test_other_errors_pass(self, small, rng, limit):
        limit(0, RuntimeError("a bug"))
        with pytest.raises(RuntimeError, match="a bug"):
            list(predict_tiles(small, rng.normal(size=(1, 30, 30)), device=CPU))


class TestResult:
    def test_probabilities_are_float32_and_sum_to_1(self, rng):
        """Ronneberger et al. 2015, section 3: the pixel-wise softmax."""
        model = random_model(small_network(n_classes=4))
        found = nu.predict_probabilities(model, rng.normal(size=(3, 30, 40)), device="cpu")
        assert (found.shape, found.dtype) == ((4, 3, 30, 40), np.float32)
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)

    def test_classes_are_ids_as_painted_of_the_most_probable(self, rng):
        model = random_model(small_network(n_classes=3), ids=(2, 9, 200))
        image = rng.normal(size=(41, 37))
        found = nu.predict(model, image, device="cpu")
        probabilities = nu.predict_probabilities(model, image, device="cpu")
        assert (found.shape, found.dtype) == ((41, 37), np.uint8)
        np.testing.assert_array_equal(found, np.array([2, 9, 200])[probabilities.argmax(axis=0)])

    def test_ids_above_255_are_uint16(self, rng):
        model = random_model(small_network(), ids=(1, 300))
        found = nu.predict(model, rng.normal(size=(20, 20)), device="cpu")
        assert found.dtype == np.uint16
        assert set(np.unique(found)) <= {1, 300}

    def test_planes_of_a_stack_are_segmented_one_by_one(self, small, rng):
        stack = rng.normal(size=(2, 3, 25, 30)) * np.array([1, 10, 100])[:, None, None]
        found = nu.predict(small, stack, device="cpu")
        assert found.shape == (2, 3, 25, 30)
        np.testing.assert_array_equal(found[1, 2], nu.predict(small, stack[1, 2], device="cpu"))

    def test_an_empty_plane_of_a_stack_is_segmented_too(self, small, rng):
        stack = rng.normal(size=(2, 25, 30))
        stack[1] = 7.0
        assert np.isfinite(nu.predict_probabilities(small, stack, device="cpu")).all()

    @pytest.mark.parametrize("place", ["last", "first"])
    def test_channels_may_come_last_or_before_the_rows(self, rng, place):
        model = random_model(small_network(in_channels=3))
        image = rng.integers(0, 255, (30, 40, 3), np.uint8)
        given = image if place == "last" else np.moveaxis(image, -1, 0)
        assert nu.predict(model, given, device="cpu").shape == (30, 40)
        np.testing.assert_array_equal(
            nu.predict(model, given, device="cpu"), nu.predict(model, image, device="cpu")
        )

    def test_does_not_change_the_image_or_warn(self, small, rng):
        image = rng.integers(0, 4000, (30, 40), np.uint16)
        before = image.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nu.predict(small, image, device="cpu")
        np.testing.assert_array_equal(image, before)

    @pytest.mark.parametrize("tile", [0, -5])
    def test_a_tile_without_pixels_is_refused(self, small, rng, tile):
        with pytest.raises(InvalidInput, match="tile of"):
            nu.predict(small, rng.normal(size=(20, 20)), tile=tile)

    def test_fast_differs_little(self, trained, discs):
        plane = discs.image[None]
        exact = assemble(predict_tiles(trained, plane, device=CPU), (64, 64))
        fast = assemble(predict_tiles(trained, plane, device=CPU, fast=True), (64, 64))
        assert np.abs(exact - fast).mean() < 0.02

    def test_of_a_trained_model_finds_what_it_learnt(self, trained, discs):
        assert iou(nu.predict(trained, discs.image, device="cpu"), discs.truth, 2) > 0.5
