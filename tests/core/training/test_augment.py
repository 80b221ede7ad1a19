from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.training.augment import (
    displacements,
    plain_positions,
    sample,
    sampling_positions,
    vary_grey_values,
)


def generator(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def centred(rows: int, columns: int, side: int | None = None) -> torch.Tensor:
    """Positions of an undeformed patch around the middle of an image."""
    return plain_positions((side or rows,) * 2) + torch.tensor([(rows - 1) / 2, (columns - 1) / 2])


class TestDisplacements:
    """Ronneberger et al. 2015, section 3.1: the elastic deformation."""

    def test_are_gaussian_with_10_pixels_deviation_on_a_3_by_3_grid(self):
        """Section 3.1: "Gaussian distribution with 10 pixels standard deviation"."""
        grid = displacements(generator(), 4000, (3, 3), elastic=10.0)
        assert grid.shape == (4000, 2, 3, 3)
        assert grid.std(dim=0).flatten().tolist() == pytest.approx([10.0] * 18, rel=0.06)
        assert grid.mean(dim=0).abs().max() < 0.8
        inside = (grid.abs() < 10).float().mean().item()
        assert inside == pytest.approx(0.6827, abs=0.01)

    @pytest.mark.parametrize("side", [5, 33, 161])
    def test_pass_through_the_grid_points(self, side):
        """Section 3.1: "random displacement vectors on a coarse 3 by 3 grid"."""
        coarse = displacements(generator(3), 2, (3, 3), elastic=10.0)
        field = displacements(generator(3), 2, (side, side), elastic=10.0)
        step = (side - 1) // 2
        torch.testing.assert_close(field[..., ::step, ::step], coarse, rtol=1e-4, atol=1e-4)

    def test_are_bicubic_in_between(self):
        """Section 3.1: "computed using bicubic interpolation".

        Half-way between two grid points the cubic kernel (Keys 1981, with a = -0.75) weighs the
        two nearest (a + 2) / 8 - (a + 3) / 4 + 1 = 0.59375 each and the next ones a / 8 = -0.09375;
        beyond the end of the grid its last point is repeated.
        """
        a, b, c = displacements(generator(5), 1, (3, 3), elastic=10.0)[0, 0, 1].tolist()
        field = displacements(generator(5), 1, (5, 5), elastic=10.0)[0, 0, 2]
        near, far = 0.59375, -0.09375
        assert field[1].item() == pytest.approx(far * a + near * a + near * b + far * c, abs=1e-4)
        assert field[3].item() == pytest.approx(far * a + near * b + near * c + far * c, abs=1e-4)

    def test_the_grid_spans_the_whole_input_tile(self):
        """Section 3.1 leaves open what the grid covers: here its outer points are the corners."""
        coarse = displacements(generator(7), 3, (3, 3), elastic=10.0)
        field = displacements(generator(7), 3, (572, 572), elastic=10.0)
        corners = field[..., [0, 0, -1, -1], [0, -1, 0, -1]]
        torch.testing.assert_close(corners, coarse[..., [0, 0, 2, 2], [0, 2, 0, 2]])

    def test_rows_and_columns_move_independently(self):
        """Section 3.1: each grid point has a displacement vector, two independent numbers."""
        grid = displacements(generator(), 4000, (3, 3), elastic=10.0).flatten(1)  # (4000, 18)
        correlation = torch.corrcoef(grid.T) - torch.eye(18)
        assert correlation.abs().max() < 0.08

    def test_are_smooth(self):
        """Section 3.1: "smooth deformations"."""
        field = displacements(generator(), 20, (161, 161), elastic=10.0)
        assert field.diff(dim=-1).abs().max() < 1.5
        assert field.diff(dim=-2).abs().max() < 1.5


class TestPositions:
    def test_without_elastic_are_a_rotation_scaled_by_at_most_13(self):
        """Section 3.1: "rotation invariance"; flips and scales are not in the paper."""
        positions = sampling_positions(generator(), 300, (9, 9), elastic=0.0)
        down = positions[:, 1, 0] - positions[:, 0, 0]
        right = positions[:, 0, 1] - positions[:, 0, 0]
        torch.testing.assert_close((down * right).sum(-1), torch.zeros(300), atol=1e-5, rtol=0)
        torch.testing.assert_close(down.norm(dim=-1), right.norm(dim=-1))
        scale = down.norm(dim=-1)
        assert 1 / 1.3 - 1e-5 <= scale.min() < 0.8
        assert 1.25 < scale.max() <= 1.3 + 1e-5
        torch.testing.assert_close(positions[:, 4, 4], torch.zeros(300, 2))
        turned = torch.atan2(down[:, 1], down[:, 0])
        assert np.histogram(turned, 4, (-math.pi, math.pi))[0].min() > 40
        flipped = down[:, 0] * right[:, 1] - down[:, 1] * right[:, 0] < 0
        assert 0.4 < flipped.float().mean() < 0.6

    def test_every_angle_is_reached_evenly(self):
        """Section 3.1: "rotation invariance", so all of 0 to 360 degrees, in steps of 15."""
        positions = sampling_positions(generator(), 4800, (3, 3), elastic=0.0)
        down = positions[:, 2, 1] - positions[:, 0, 1]
        degrees = torch.rad2deg(torch.atan2(down[:, 1], down[:, 0]))
        counts = np.histogram(degrees, 24, (-180, 180))[0]
        assert counts.sum() == 4800
        assert counts.min() > 140  # 200 expected, with a deviation of 14
        assert counts.max() < 260

    def test_with_elastic_move_by_the_displacements(self):
        """Each draw is deformed for itself, by 10 px in the middle of the patch too."""
        positions = sampling_positions(generator(), 2000, (3, 3), elastic=10.0)
        assert positions[:, 1, 1].std(dim=0).tolist() == pytest.approx([10, 10], rel=0.1)

    def test_the_generator_decides(self):
        once = sampling_positions(generator(1), 2, (16, 16), elastic=10.0)
        assert torch.equal(once, sampling_positions(generator(1), 2, (16, 16), elastic=10.0))
        assert not torch.equal(once, sampling_positions(generator(2), 2, (16, 16), elastic=10.0))


class TestSample:
    def test_plain_positions_give_the_image_back(self):
        image, target = torch.rand(2, 17, 17), torch.randint(5, (2, 17, 17)).float()
        patch, labels = sample(image, target, centred(17, 17))
        torch.testing.assert_close(patch, image, atol=1e-5, rtol=1e-5)
        assert torch.equal(labels, target)

    @pytest.mark.parametrize("shape", [(20, 31), (5, 8), (2, 3), (1, 6), (6, 1), (1, 1)])
    def test_outside_the_image_is_mirrored_and_the_target_0(self, shape):
        """As for the tiles of a prediction, see ``numpy.pad(mode="reflect")``."""
        rows, columns = shape
        side = 2 * max(shape) + 5
        image = torch.rand(1, rows, columns)
        target = torch.ones(1, rows, columns)
        positions = (
            plain_positions((side, side)) + (side - 1) / 2 - max(shape)
        )  # starts at -max(shape)
        patch, labels = sample(image, target, positions)
        after = [side - max(shape) - size for size in shape]
        pads = [(max(shape), extra) for extra in after]
        mirrored = np.pad(image[0].numpy(), pads, mode="reflect")
        np.testing.assert_allclose(patch[0].numpy(), mirrored, atol=1e-4)
        np.testing.assert_array_equal(labels[0].numpy(), np.pad(target[0].numpy(), pads))

    @settings(deadline=None, max_examples=30)
    @given(st.integers(0, 1000))
    def test_labels_are_never_interpolated(self, seed):
        draws = generator(seed)
        target = 100.0 * torch.randint(1, 4, (2, 40, 50), generator=draws)
        positions = sampling_positions(draws, 1, (48, 48), elastic=10.0)[0] + torch.tensor(
            [20.0, 25.0]
        )
        _, labels = sample(torch.zeros(1, 40, 50), target, positions)
        assert set(labels.unique().tolist()) <= {0.0, 100.0, 200.0, 300.0}

    def test_image_and_target_move_together(self):
        """A smooth image of the row is read where the target of the row is."""
        rows = torch.arange(60.0)[:, None].expand(60, 60)[None]
        positions = sampling_positions(generator(), 1, (40, 40), elastic=5.0)[0] + 29.5
        patch, labels = sample(rows, rows + 1, positions)
        inside = labels > 0
        assert inside.float().mean() > 0.7
        assert (patch - (labels - 1))[inside].abs().max() <= 0.5 + 1e-3


class TestGreyValues:
    """Ronneberger et al. 2015, section 3.1: "gray value variations"; which is left open."""

    def test_vary_between_patches_and_keep_the_picture(self):
        patches = torch.rand(50, 1, 20, 20)
        varied = vary_grey_values(generator(), patches)
        assert varied.shape == patches.shape
        pairs = torch.stack([patches.flatten(1), varied.flatten(1)], dim=1)
        correlations = [torch.corrcoef(pair)[0, 1].item() for pair in pairs]
        assert min(correlations) > 0.9
        contrast = varied.flatten(1).std(1) / patches.flatten(1).std(1)
        assert contrast.max() / contrast.min() > 1.15
        shift = varied.flatten(1).mean(1) - patches.flatten(1).mean(1)
        assert shift.std().item() == pytest.approx(0.05, rel=0.4)

    def test_the_generator_decides(self):
        patches = torch.rand(2, 3, 8, 8)
        once = vary_grey_values(generator(1), patches)
        assert torch.equal(once, vary_grey_values(generator(1), patches))
        assert not torch.equal(once, vary_grey_values(generator(2), patches))
