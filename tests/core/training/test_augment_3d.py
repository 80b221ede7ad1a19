from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_unet.core.training.augment import (
    cubic_weights,
    displacements,
    plain_positions,
    sample,
    sampling_positions,
    vary_grey_values,
)

CUBES, LONG = (1.0, 1.0, 1.0), (5.0, 1.0, 1.0)


def generator(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestDisplacements:
    """Ronneberger et al. 2015, section 3.1, along three axes."""

    @pytest.mark.parametrize("voxel_size", [CUBES, LONG])
    def test_are_gaussian_on_a_coarse_grid_in_physical_proportion(self, voxel_size):
        sides = (1, 161, 161)
        field = displacements(generator(), 60, sides, voxel_size=voxel_size, elastic=10.0)
        assert field.shape == (60, 3, *sides)
        grid = field[..., ::80, ::80]
        deviations = grid.transpose(0, 1).flatten(1).std(dim=1)
        assert deviations.tolist() == pytest.approx([10 / voxel_size[0], 10, 10], rel=0.1)

    def test_of_small_patches_are_an_eighth_of_the_grids_spacing(self):
        """Çiçek et al. 2016, section 3: 4 voxels of 32."""
        field = displacements(generator(), 200, (1, 65, 65), voxel_size=CUBES, elastic=10.0)
        assert field[..., ::32, ::32].std().item() == pytest.approx(4, rel=0.1)

    def test_are_interpolated_as_in_the_plane(self):
        coarse = torch.randn(1, 1, 3, 3)
        weights = cubic_weights(torch.linspace(0, 2, 17))
        expected = functional.interpolate(coarse, (17, 17), mode="bicubic", align_corners=True)
        found = torch.einsum("nvjk,yj,xk->nvyx", coarse, weights, weights)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(weights.sum(1), torch.ones(17))

    @pytest.mark.parametrize("voxel_size", [CUBES, LONG])
    def test_a_thin_patch_is_the_middle_of_a_deformed_cube(self, voxel_size):
        """So that it is not folded: a thin one changes along planes as slowly as within them."""
        planes = round(20 / voxel_size[0])
        field = displacements(
            generator(), 50, (planes, 81, 81), voxel_size=voxel_size, elastic=10.0
        )
        physical = field * torch.tensor(voxel_size).view(3, 1, 1, 1)
        steps = [physical.diff(dim=axis).abs().max().item() for axis in (2, 3, 4)]
        assert steps[0] / voxel_size[0] < 1
        assert max(steps[1:]) < 1


class TestPositions:
    def lengths(self, positions, voxel_size):
        """The images of a step along each axis, in physical lengths: (count, 3 axes, 3)."""
        z = positions[:, 1, 0, 0] - positions[:, 0, 0, 0]
        y = positions[:, 0, 1, 0] - positions[:, 0, 0, 0]
        x = positions[:, 0, 0, 1] - positions[:, 0, 0, 0]
        size = torch.tensor(voxel_size)
        return torch.stack([z, y, x], 1) * size / size[:, None]

    @pytest.mark.parametrize("voxel_size", [CUBES, LONG])
    def test_without_elastic_are_a_turned_or_flipped_volume_scaled_by_at_most_13(self, voxel_size):
        positions = sampling_positions(
            generator(), 300, (3, 3, 3), voxel_size=voxel_size, elastic=0.0
        )
        steps = self.lengths(positions, voxel_size)
        gram = steps @ steps.transpose(1, 2)
        scale = gram[:, 0, 0].sqrt()
        assert 1 / 1.3 - 1e-4 <= scale.min() < 0.8
        assert 1.25 < scale.max() <= 1.3 + 1e-4
        expected = torch.eye(3) * (scale**2)[:, None, None]
        torch.testing.assert_close(gram, expected, atol=1e-4, rtol=1e-4)
        flipped = torch.linalg.det(steps) < 0
        assert 0.4 < flipped.float().mean() < 0.6
        torch.testing.assert_close(positions[:, 1, 1, 1], torch.zeros(300, 3))

    def test_cubes_are_turned_in_space_evenly(self):
        positions = sampling_positions(generator(), 4000, (3, 3, 3), voxel_size=CUBES, elastic=0.0)
        steps = functional.normalize(self.lengths(positions, CUBES), dim=-1)
        for axis in range(3):
            for other in range(3):  # a coordinate of a random direction is even from -1 to 1
                counts = np.histogram(steps[:, axis, other], 8, (-1, 1))[0]
                assert counts.min() > 400
                assert counts.max() < 600

    def test_long_voxels_are_turned_in_the_plane_alone(self):
        positions = sampling_positions(generator(), 1000, (3, 3, 3), voxel_size=LONG, elastic=0.0)
        steps = functional.normalize(self.lengths(positions, LONG), dim=-1)
        torch.testing.assert_close(steps[:, 0, 0].abs(), torch.ones(1000))
        assert 400 < (steps[:, 0, 0] > 0).sum() < 600
        angles = torch.atan2(steps[:, 1, 1], steps[:, 1, 2])
        assert np.histogram(angles, 8, (-np.pi, np.pi))[0].min() > 85

    def test_the_generator_decides(self):
        def once(seed):
            return sampling_positions(generator(seed), 2, (4, 8, 8), voxel_size=LONG, elastic=10.0)

        assert torch.equal(once(1), once(1))
        assert not torch.equal(once(1), once(2))


class TestSample:
    def test_plain_positions_give_the_volume_back(self):
        image, target = torch.rand(2, 5, 9, 7), torch.randint(5, (2, 5, 9, 7)).float()
        positions = plain_positions((5, 9, 7)) + torch.tensor([2.0, 4.0, 3.0])
        patch, labels = sample(image, target, positions)
        torch.testing.assert_close(patch, image, atol=1e-5, rtol=1e-5)
        assert torch.equal(labels, target)

    @pytest.mark.parametrize("shape", [(4, 9, 7), (1, 6, 5), (3, 1, 2)])
    def test_outside_is_mirrored_and_the_target_0(self, shape):
        image, target = torch.rand(1, *shape), torch.ones(1, *shape)
        sides = [2 * size + 3 for size in shape]
        start = [size // 2 for size in shape]
        corner = torch.tensor([(side - 1) / 2 - s for side, s in zip(sides, start, strict=True)])
        patch, labels = sample(image, target, plain_positions(sides) + corner)
        pads = [(s, side - s - size) for size, side, s in zip(shape, sides, start, strict=True)]
        expected = np.pad(image[0].numpy(), pads, mode="reflect")
        np.testing.assert_allclose(patch[0].numpy(), expected, atol=1e-4)
        np.testing.assert_array_equal(labels[0].numpy(), np.pad(target[0].numpy(), pads))

    def test_image_and_target_move_together_and_labels_are_never_interpolated(self):
        shape = (12, 40, 40)
        for axis in range(3):
            ramp = torch.arange(shape[axis] * 1.0).view([-1 if a == axis else 1 for a in range(3)])
            image = ramp.expand(shape)[None]
            positions = sampling_positions(
                generator(), 1, (8, 30, 30), voxel_size=(4, 1, 1), elastic=5.0
            )[0] + torch.tensor([5.5, 19.5, 19.5])
            patch, labels = sample(image, image + 1, positions)
            inside = labels > 0
            assert inside.float().mean() > 0.4
            assert (patch - (labels - 1))[inside].abs().max() <= 0.5 + 1e-3
            assert torch.equal(labels, labels.round())


def test_grey_values_of_volumes_vary_between_patches():
    patches = torch.rand(40, 2, 4, 8, 8)
    varied = vary_grey_values(generator(), patches)
    assert varied.shape == patches.shape
    shift = varied.flatten(2).mean(2) - patches.flatten(2).mean(2)
    assert shift.std().item() == pytest.approx(0.05, rel=0.4)
