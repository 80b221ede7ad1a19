from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from napari_unet.core.network import unet
from napari_unet.core.network.config import PRESETS, UNetConfig
from napari_unet.core.network.networks import fused
from napari_unet.core.network.tiling import input_side, output_side
from napari_unet.core.network.unet import UNet, crop, drop_out
from scenes import random_model, small_network


def paper_network(in_channels=1, n_classes=2) -> UNet:
    with torch.device("meta"):  # shapes only: nothing is computed or stored
        return UNet(PRESETS["unet2015"].network(in_channels, n_classes))


def thin_network(depth=4) -> UNet:
    """A network with the paper's geometry, two channels, and only positive weights."""
    config = UNetConfig(
        in_channels=1,
        n_classes=2,
        base_channels=2,
        depth=depth,
        batch_norm=False,
        dropout=0,
        pad_in_training=False,
    )
    network = UNet(config).double().eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.abs_()
    return network


class TestPaper:
    """Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015."""

    def test_572_pixels_in_give_388_out(self):
        """Figure 1: "input image tile" 572 x 572, "output segmentation map" 388 x 388."""
        out = paper_network()(torch.empty(1, 1, 572, 572, device="meta"))
        assert out.shape == (1, 2, 388, 388)

    def test_sizes_and_channels_at_every_level(self):
        """Figure 1, the numbers at the boxes, from the top left down and up again."""
        network = paper_network()
        sizes = {}
        for name, module in network.named_modules():
            module.register_forward_hook(
                lambda _module, _in, out, name=name: sizes.update({name: tuple(out.shape[1:3])})
            )
        network(torch.empty(1, 1, 572, 572, device="meta"))
        contracting = [sizes[f"contracting.{level}"] for level in range(5)]
        up = [sizes[f"up_convolutions.{level}"] for level in reversed(range(4))]
        expanding = [sizes[f"expanding.{level}"] for level in reversed(range(4))]
        assert contracting == [(64, 568), (128, 280), (256, 136), (512, 64), (1024, 28)]
        assert up == [(512, 56), (256, 104), (128, 200), (64, 392)]
        assert expanding == [(512, 52), (256, 100), (128, 196), (64, 388)]

    def test_sizes_after_every_convolution(self):
        """Figure 1, every number at a box: 2 px less after each 3x3 convolution, unpadded."""
        network = paper_network()
        sides = []
        for module in network.modules():
            if isinstance(module, nn.Identity | nn.ConvTranspose2d):  # what follows a convolution
                module.register_forward_hook(lambda _module, _in, out: sides.append(out.shape[-1]))
        network(torch.empty(1, 1, 572, 572, device="meta"))
        down = [570, 568, 282, 280, 138, 136, 66, 64, 30, 28]
        assert sides[:10] == down
        up = [56, 54, 52, 104, 102, 100, 200, 198, 196, 392, 390, 388]
        assert sides[10:] == up

    def test_every_pooling_sees_an_even_size(self, monkeypatch):
        """Section 2, end: the tile is chosen for it. Figure 1: 568 to 284, 280 to 140, ..."""
        sides = []
        pool = unet.functional.max_pool2d

        def seen(x, kernel_size):
            sides.append(x.shape[-1])
            return pool(x, kernel_size)

        monkeypatch.setattr(unet.functional, "max_pool2d", seen)
        paper_network()(torch.empty(1, 1, 572, 572, device="meta"))
        assert sides == [568, 280, 136, 64]

    def test_the_copy_of_the_contracting_path_is_cropped_to_its_middle(self, monkeypatch):
        """Section 2, figure 1: 64 to 56, 136 to 104, 280 to 200, 568 to 392."""
        cropped = []

        def seen(x, rows, columns):
            cropped.append((x.shape[-1], columns))
            return crop(x, rows, columns)

        monkeypatch.setattr(unet, "crop", seen)
        paper_network()(torch.empty(1, 1, 572, 572, device="meta"))
        assert cropped == [(64, 56), (136, 104), (280, 200), (568, 392)]

    def test_the_middle_pixel_sees_188_by_188_pixels(self, monkeypatch):
        """What figure 1 adds up to: two 3x3 convolutions and a 2x2 pooling or up-convolution each.

        Backwards from pixel 194 of 388, a 3x3 convolution adds 2 px, an up-convolution halves, a
        pooling doubles: 194, 194:198, 97:103, 48:55, 24:31, 12:19, then 24:43, 48:91, 96:187,
        192:379 of 572. With positive weights and a mean instead of the largest of four, each pixel
        that can have an influence has a gradient.
        """
        pool = unet.functional.avg_pool2d
        monkeypatch.setattr(unet.functional, "max_pool2d", lambda x, kernel_size: pool(x, 2))
        image = torch.rand(1, 1, 572, 572, dtype=torch.float64, requires_grad=True)
        thin_network()(image)[0, 0, 194, 194].backward()
        rows, columns = torch.nonzero(image.grad[0, 0], as_tuple=True)
        assert (rows.min(), rows.max()) == (columns.min(), columns.max()) == (192, 379)
        assert len(rows) == 188 * 188

    def test_23_convolutional_layers(self):
        """Section 2: "In total the network has 23 convolutional layers."."""
        layers = [
            module
            for module in paper_network().modules()
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        ]
        kernels = [layer.kernel_size for layer in layers]
        assert len(layers) == 23
        assert (kernels.count((3, 3)), kernels.count((2, 2)), kernels.count((1, 1))) == (18, 4, 1)

    def test_31_030_658_parameters(self):
        """What figure 1 adds up to with one channel in and two classes out, biases included."""
        assert sum(parameter.numel() for parameter in paper_network().parameters()) == 31_030_658

    @pytest.mark.parametrize("preset", ["compact", "unet2015"])
    def test_weights_are_drawn_with_the_deviation_of_the_number_of_inputs(self, preset):
        """Section 3: Gaussian with standard deviation sqrt(2 / N), N incoming nodes of a neuron.

        For a 3x3 convolution N is 9 times the channels before it, "9 * 64 = 576"; an output of a
        2x2 up-convolution with stride 2 sees one pixel of each channel.
        """
        torch.manual_seed(0)
        network = UNet(PRESETS[preset].network(3, 2))
        layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert len(layers) == 23
        for layer in layers:
            taps = 1 if isinstance(layer, nn.ConvTranspose2d) else math.prod(layer.kernel_size)
            expected = math.sqrt(2 / (taps * layer.in_channels))
            error = 1 / math.sqrt(layer.weight.numel())  # of the mean, in deviations
            assert layer.weight.std().item() == pytest.approx(expected, rel=4 * error)
            assert abs(layer.weight.mean().item()) < 4 * error * expected
            if layer.bias is not None:
                assert (layer.bias == 0).all()
        assert layers[1].in_channels * 9 == {"compact": 144, "unet2015": 576}[preset]

    def test_such_weights_make_no_map_vanish_or_explode(self):
        """Section 3: maps of "approximately unit variance" where convolutions and ReLUs alternate.

        The mean square of what leaves each pair of convolutions, for an image of unit variance: 1
        after the first. Then each pooling raises it, for it takes the largest of four, so that it
        ends at about 30 after 23 layers; the paper does not correct for that either.
        """
        torch.manual_seed(0)
        config = PRESETS["unet2015"].network(1, 2).model_copy(update={"base_channels": 16})
        network = UNet(config).eval().requires_grad_(False)
        squares = []
        for block in [*network.contracting, *network.expanding]:
            block.register_forward_hook(
                lambda _module, _in, out: squares.append(out.square().mean().item())
            )
        network(torch.randn(1, 1, 220, 220))
        assert len(squares) == 9
        assert squares[0] == pytest.approx(1, rel=0.3)
        assert 0.5 < min(squares) <= max(squares) < 100

    def test_dropout_at_the_end_of_the_contracting_path(self):
        """Section 3.1: "Drop-out layers at the end of the contracting path"."""
        config = small_network(batch_norm=False).model_copy(update={"dropout": 0.5})
        network = UNet(config).train()
        x = torch.randn(1, 1, 16, 16)

        def out(seed):
            return network(x, padded=True, generator=torch.Generator().manual_seed(seed))

        assert torch.equal(out(1), out(1))
        assert not torch.equal(out(1), out(2))
        network.eval()
        assert torch.equal(out(1), out(2))


class TestDropout:
    def test_is_at_the_two_deepest_levels(self, monkeypatch):
        """As in the network that the authors released; the paper does not give the levels."""
        channels = []

        def seen(x, probability, generator):
            channels.append(x.shape[1])
            return x

        monkeypatch.setattr(unet, "drop_out", seen)
        network = UNet(small_network(depth=3))
        network.train()(torch.zeros(2, 1, 16, 16), padded=True)
        assert channels == [16, 32]
        network.eval()(torch.zeros(2, 1, 16, 16), padded=True)
        assert len(channels) == 2

    def test_a_share_is_set_to_zero_and_the_mean_stays(self):
        dropped = drop_out(torch.ones(200, 200), 0.3, torch.Generator().manual_seed(0))
        assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
        assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
        assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)

    def test_nothing_is_drawn_where_nothing_drops(self):
        x, generator = torch.ones(3), torch.Generator().manual_seed(0)
        before = generator.get_state()
        assert drop_out(x, 0.0, generator) is x
        assert torch.equal(generator.get_state(), before)


class TestMargin:
    def test_is_92_for_the_paper(self):
        """Figure 1: (572 - 388) / 2."""
        assert PRESETS["unet2015"].network(1, 2).margins[-1] == 92

    @pytest.mark.parametrize("depth", [1, 2, 3, 4])
    def test_is_what_an_unpadded_pass_loses_at_each_border(self, depth):
        config = small_network(depth=depth)
        side = 4 + 2 * config.margins[-1] + 3 * config.strides[-1]
        with torch.device("meta"):
            out = UNet(config)(torch.empty(1, 1, side, side))
        assert out.shape[-1] == side - 2 * config.margins[-1]

    @pytest.mark.parametrize("depth", [1, 2, 4])
    def test_is_exactly_how_far_the_context_of_an_aligned_tile_reaches(self, depth):
        """One input pixel is changed, just outside or just inside the margin around a tile.

        Section 2: the "seamless segmentation" of a tile needs the pixels around it "for which the
        full context is available in the input image". With positive weights nothing cancels, so
        each output that can change does.
        """
        network = thin_network(depth)
        config = network.config
        start, length = 2 * config.strides[-1], output_side(config, 3 * config.strides[-1])
        tile = slice(start, start + length)
        stop = start + length + 2 * config.margins[-1]  # the tile's input is start:stop
        side = input_side(config, start + length + 2 * config.strides[-1])
        blank = torch.zeros(1, 1, side, side, dtype=torch.float64)
        unchanged = network(blank)

        def changes(row):
            image = blank.clone()
            image[..., row, (start + stop) // 2] = 1.0
            differs = network(image) != unchanged
            return bool(differs[..., tile, tile].any())

        seen = {row: changes(row) for row in (start - 1, start, stop - 1, stop)}
        assert seen == {start - 1: False, start: True, stop - 1: True, stop: False}


class TestPadded:
    @pytest.mark.parametrize("batch_norm", [True, False])
    def test_keeps_the_size(self, batch_norm):
        network = UNet(small_network(batch_norm=batch_norm, n_classes=3))
        assert network(torch.zeros(2, 1, 16, 24), padded=True).shape == (2, 3, 16, 24)

    def test_agrees_with_unpadded_where_the_padding_does_not_reach(self):
        """The padding reaches at most margin + stride - 1 = 23 pixels, so not the middle 48."""
        network = UNet(small_network(batch_norm=False)).eval()
        x = torch.randn(1, 1, 96, 96)
        padded = network(x, padded=True)
        unpadded = network(x[..., 2:-2, 2:-2])  # 2 so that the pooling windows are the same
        torch.testing.assert_close(crop(padded, 48, 48), crop(unpadded, 48, 48))


class TestFused:
    @pytest.mark.parametrize("batch_norm", [True, False])
    def test_gives_the_same_logits(self, batch_norm):
        network = random_model(small_network(batch_norm=batch_norm, depth=3)).network().eval()
        x = torch.randn(2, 1, 92, 92)
        torch.testing.assert_close(fused(network)(x), network(x), rtol=1e-5, atol=1e-5)

    def test_has_no_batch_normalisation_and_does_not_train(self):
        network = fused(UNet(small_network()))
        assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())

    @pytest.mark.parametrize("batch_norm", [True, False])
    def test_is_a_copy(self, batch_norm):
        network = UNet(small_network(batch_norm=batch_norm))
        copy = fused(network)
        before = [parameter.clone() for parameter in copy.parameters()]
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(1.0)
        after = copy.parameters()
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_crop_is_central():
    x = torch.arange(42.0).reshape(1, 1, 6, 7)
    assert torch.equal(crop(x, 2, 3), x[..., 2:4, 2:5])
