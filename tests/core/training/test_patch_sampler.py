from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.labels.targets import make_target
from napari_unet.core.network.config import PRESETS
from napari_unet.core.training import patch_sampler
from napari_unet.core.training.dataset import Dataset, make_dataset
from napari_unet.core.training.loss import class_balance
from napari_unet.core.training.patch_sampler import PatchSource
from napari_unet.core.training.settings import TrainSettings
from scenes import small_network

CPU = torch.device("cpu")


def source_of(image, labels, *, config=None, side=32, newest=(), kind="scribbles", elastic=0.0):
    settings = TrainSettings(steps=1, label_kind=kind, w0=0)
    dataset = make_dataset([image], [labels], settings, newest=newest)
    return PatchSource(
        dataset,
        config or small_network(),
        side=side,
        elastic=elastic,
        balance_exponent=1.0,
        device=CPU,
    )


def source_from(images, targets) -> PatchSource:
    """Draw from planes as they are."""
    dataset = Dataset(
        tuple(image[None] for image in images),
        tuple(targets),
        describe_classes((1, 2), "scribbles"),
    )
    return PatchSource(
        dataset, small_network(), side=32, elastic=0.0, balance_exponent=1.0, device=CPU
    )


def far_apart(shape=(200, 200)) -> tuple[np.ndarray, np.ndarray]:
    """A long stroke of class 1 at the top left, a blot of class 2 at the bottom right."""
    labels = np.zeros(shape, np.uint8)
    labels[10:30, 10:30] = 1
    labels[-20:-17, -20:-17] = 2
    return np.random.default_rng(0).normal(size=shape), labels


def seen(batch) -> np.ndarray:
    """Tell which classes each patch has weight on, (B, 2) bool."""
    weighs = batch.weights > 0
    found = [(weighs & (batch.classes == index)).flatten(1).any(1) for index in (0, 1)]
    return torch.stack(found, -1).numpy()


class TestAnchors:
    """Unlabelled pixels with a class that was predicted before."""

    def test_count_a_little_and_never_instead_of_a_stroke(self):
        image, labels = far_apart()
        labels[-17:, -17:] = 2
        settings = TrainSettings(steps=1, w0=0)
        dataset = make_dataset([image], [labels], settings)
        anchors = np.full(labels.shape, -1, np.int16)
        anchors[:100] = 1
        common = {"side": 64, "elastic": 0.0, "balance_exponent": 0.0, "device": CPU}
        plain = PatchSource(dataset, small_network(), **common)
        held = PatchSource(dataset, small_network(), **common, anchors=[anchors])
        before, after = (x.draw(8, torch.Generator().manual_seed(0)) for x in (plain, held))
        painted = before.weights > 0
        assert torch.equal(before.images, after.images)
        assert torch.equal(before.weights[painted], after.weights[painted])
        assert torch.equal(before.classes[painted], after.classes[painted])
        anchored = (after.weights > 0) & ~painted
        assert anchored.any()
        assert (after.classes[anchored] == 1).all()
        assert after.weights[anchored].unique().tolist() == pytest.approx([0.1])

    def test_no_patch_is_drawn_around_them(self):
        image, labels = far_apart((400, 400))
        dataset = make_dataset([image], [labels], TrainSettings(steps=1, w0=0))
        anchors = np.zeros(labels.shape, np.int16)
        source = PatchSource(
            dataset,
            small_network(),
            side=32,
            elastic=0.0,
            balance_exponent=1.0,
            device=CPU,
            anchors=[anchors],
        )
        batch = source.draw(16, torch.Generator().manual_seed(0))
        assert (batch.weights > 0.03).flatten(1).any(1).all()


class TestWhere:
    def test_patches_show_the_classes_evenly(self):
        """However many pixels each has: 400 and 9 here."""
        batch = source_of(*far_apart()).draw(300, torch.Generator().manual_seed(0))
        share = seen(batch).mean(axis=0)
        assert share == pytest.approx([0.5, 0.5], abs=0.1)

    @pytest.mark.parametrize("count", [1, 4])
    def test_every_other_patch_shows_the_newest_strokes(self, count):
        """Also where a batch is a single patch: what was painted before is not forgotten."""
        image, labels = far_apart()
        newest = labels == 2
        source = source_of(image, labels, newest=[newest])
        draws = torch.Generator().manual_seed(0)
        shown = np.concatenate([seen(source.draw(count, draws)) for _ in range(400 // count)])
        # Half of the patches around the newest (class 2), the others evenly around both classes.
        assert shown.mean(axis=0) == pytest.approx([0.25, 0.75], abs=0.07)

    def test_what_is_held_out_weighs_nothing_and_is_no_centre(self):
        """Bright where it is held out: a block beside a trained stroke, and one far away."""
        labels = np.zeros((200, 200), np.uint8)
        labels[10:20, 10:20], labels[30:40, 10:20], labels[150:160, 150:160] = 1, 2, 2
        labels[30:40, 24:34] = 2
        held_out = np.zeros(labels.shape, bool)
        held_out[30:40, 24:34] = held_out[150:160, 150:160] = True
        target = replace(make_target(labels, "scribbles", [1, 2]), held_out=held_out)
        image = np.where(held_out, 5, 0).astype(np.float32)
        image[100:, 100:] = 5
        batch = source_from([image], [target]).draw(60, torch.Generator().manual_seed(0))
        bright = batch.images[:, 0] > 3
        assert bright.any()
        assert (batch.weights[bright] == 0).all()
        assert (batch.images.mean(dim=(1, 2, 3)) < 3).all()

    def test_all_planes_are_drawn_from(self):
        """One plane is dark and one is bright; both have the same strokes."""
        labels = np.zeros((40, 40), np.uint8)
        labels[5:8, 5:35], labels[20:23, 5:35] = 1, 2
        target = make_target(labels, "scribbles", [1, 2])
        images = [np.full((40, 40), value, np.float32) for value in (0, 5)]
        batch = source_from(images, [target] * 2).draw(60, torch.Generator().manual_seed(0))
        bright = (batch.images.mean(dim=(1, 2, 3)) > 2.5).float().mean().item()
        assert bright == pytest.approx(0.5, abs=0.2)

    def test_a_labelled_pixel_is_seen_at_any_place_up_to_a_quarter_from_the_middle(self):
        """Ronneberger et al. 2015, section 3.1: "shift ... invariance"."""
        labels = np.zeros((200, 200), np.uint8)
        labels[100, 100], labels[100, 101] = 1, 2
        source = source_of(np.random.default_rng(0).normal(size=labels.shape), labels, side=64)
        weights = source.draw(600, torch.Generator().manual_seed(0)).weights
        patch, row, column = np.nonzero(weights.numpy())
        assert len(set(patch)) > 500  # a pixel alone is lost where the scale is below 1
        away = np.stack([row, column]) - 31.5
        # Shifts of 16 px along each axis of the image, turned and scaled by at most 1.3.
        assert np.hypot(*away).max() <= 1.3 * 16 * np.sqrt(2) + 2
        for axis in away:
            assert axis.min() < -15
            assert axis.max() > 15
            assert abs(axis.mean()) < 2
        counts, _, _ = np.histogram2d(*away, 4, [(-16, 16)] * 2)
        assert counts.min() > 0


class TestBatch:
    def test_image_and_classes_fit(self):
        """The picture of dense labels is bright where the classes say 1, after any mapping."""
        labels = np.zeros((64, 64), np.uint8)
        labels[:, 32:] = 1
        source = source_of(labels.astype(float), labels, kind="classes", elastic=10.0)
        batch = source.draw(30, torch.Generator().manual_seed(0))
        for image, classes, weights in zip(
            batch.images[:, 0], batch.classes, batch.weights, strict=True
        ):
            on, off = (weights > 0) & (classes == 1), (weights > 0) & (classes == 0)
            if on.sum() > 20 and off.sum() > 20:
                assert image[on].mean() > image[off].mean() + 0.4

    def test_unpadded_the_classes_are_the_middle_of_the_image(self):
        labels = np.zeros((64, 64), np.uint8)
        labels[:, 32:] = 1
        config = small_network().model_copy(update={"pad_in_training": False})
        source = source_of(labels.astype(float), labels, kind="classes", config=config)
        batch = source.draw(20, torch.Generator().manual_seed(0))
        lost = config.margins[-1]
        assert batch.images.shape[-1] == batch.classes.shape[-1] + 2 * lost
        inner = batch.images[:, 0, lost:-lost, lost:-lost]
        weighs = batch.weights > 0
        for image, classes, counts in zip(inner, batch.classes, weighs, strict=True):
            on, off = counts & (classes == 1), counts & (classes == 0)
            if on.sum() > 20 and off.sum() > 20:
                assert image[on].mean() > image[off].mean() + 0.4

    def test_weights_balance_the_classes(self):
        """Ronneberger et al. 2015, equation 2, w_c: 400 pixels to 9, capped at 20 times."""
        batch = source_of(*far_apart()).draw(100, torch.Generator().manual_seed(0))
        first, second = (batch.weights[(batch.weights > 0) & (batch.classes == k)] for k in (0, 1))
        assert len(first.unique()) == len(second.unique()) == 1
        assert (second[0] / first[0]).item() == pytest.approx(20)

    def test_weights_are_the_balance_and_the_border_term(self):
        """Ronneberger et al. 2015, equation 2: w = w_c + w0 exp(...), on the pixels themselves."""
        labels = np.zeros((40, 40), np.uint8)
        labels[10:30, 8:18], labels[10:30, 22:32] = 1, 2
        target = make_target(labels, "instances", [0, 1])
        dataset = Dataset(
            (np.zeros((1, 40, 40), np.float32),),
            (target,),
            describe_classes((0, 1), "instances"),
        )
        source = PatchSource(
            dataset, small_network(), side=40, elastic=0.0, balance_exponent=0.5, device=CPU
        )
        batch = source.draw(8, torch.Generator().manual_seed(0))
        counts = torch.tensor([1200.0, 400.0], dtype=torch.float64)
        balance = class_balance(counts, exponent=0.5)
        background = batch.weights[(batch.classes == 0) & (batch.weights > 0)]
        objects = batch.weights[batch.classes == 1]
        assert background.min().item() == pytest.approx(balance[0].item(), rel=1e-4)
        assert background.max().item() == pytest.approx(
            balance[0].item() + target.border[labels == 0].max(), rel=1e-4
        )
        assert objects.min().item() == pytest.approx(
            balance[1].item() + target.border[labels > 0].min(), rel=1e-4
        )

    def test_the_generator_decides(self):
        source = source_of(*far_apart(), elastic=10.0)
        one, same, other = (source.draw(3, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
        assert torch.equal(one.images, same.images)
        assert torch.equal(one.weights, same.weights)
        assert not torch.equal(one.images, other.images)


class TestSide:
    @pytest.mark.parametrize(("shape", "side"), [((64, 64), 64), ((20, 30), 32), ((1, 5), 8)])
    def test_is_no_larger_than_the_planes_need(self, shape, side):
        image = np.arange(shape[0] * shape[1]).reshape(shape)
        labels = np.zeros(shape, np.uint8)
        labels[0, 0], labels[0, -1] = 1, 2
        source = source_of(image, labels, side=160)
        assert source.side == side
        batch = source.draw(2, torch.Generator().manual_seed(0))
        assert batch.images.shape == (2, 1, side, side)
        assert batch.classes.shape == batch.weights.shape == (2, side, side)

    def test_of_unet2015_is_one_tile_of_572_px_where_the_image_has_512(self):
        """Ronneberger et al. 2015, figure 1 and section 3: a large tile, a batch of one."""
        recipe = PRESETS["unet2015"]
        source = source_of(
            *far_apart((512, 512)), side=recipe.patch, config=recipe.network(1, 2), elastic=10.0
        )
        batch = source.draw(recipe.batch, torch.Generator().manual_seed(0))
        assert batch.images.shape == (1, 1, 572, 572)
        assert batch.classes.shape == batch.weights.shape == (1, 388, 388)

    def test_of_unet2015_is_what_the_network_returns(self):
        config = PRESETS["unet2015"].network(1, 2)
        source = source_of(*far_apart(), side=388, config=config)
        batch = source.draw(1, torch.Generator().manual_seed(0))
        assert batch.images.shape[-1] == batch.classes.shape[-1] + 184
        assert source.side >= 200

    @pytest.mark.parametrize("preset", ["compact", "unet2015"])
    def test_halves_down_to_a_smallest(self, preset):
        config = PRESETS[preset].network(1, 2)
        source = source_of(*far_apart((400, 400)), side=388, config=config)
        sides = [source.side]
        for _ in range(10):
            source.resize(sides[-1] // 2)
            sides.append(source.side)
        assert sides[-1] == sides[-2]
        assert sides[-1] <= 32
        assert sides == sorted(sides, reverse=True)
        assert len(source.draw(2, torch.Generator().manual_seed(0)).images) == 2


def test_centres_take_few_bytes_a_labelled_pixel():
    """Of dense labels every pixel is one; they are listed once, by a number each."""
    labels = np.random.default_rng(0).integers(1, 3, (700, 800)).astype(np.uint8)
    target = make_target(labels, "scribbles", [1, 2], w0=0)
    tracemalloc.start()
    centres = patch_sampler._centres((target, target), 2, newest=False)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, centres)) == 2 * labels.size
    assert kept < 5 * 2 * labels.size
    assert peak < 12 * 2 * labels.size
    image, at = centres[1].at(len(centres[1]) - 1)
    assert (image, at) == (1, tuple(np.argwhere(labels == 2)[-1]))
