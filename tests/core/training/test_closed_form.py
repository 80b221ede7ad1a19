"""The head that is fitted before a training begins."""

import numpy as np
import pytest
import torch

import scenes
from napari_unet.core.network.networks import drawn
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.pretrained_unet import PretrainedUNet
from napari_unet.core.training import closed_form
from napari_unet.core.training.closed_form import fit_head
from napari_unet.core.training.dataset import Dataset, make_dataset
from napari_unet.core.training.settings import TrainSettings


def dataset(*fields: scenes.Scene) -> Dataset:
    settings = TrainSettings.checked(seconds=1, label_kind="scribbles")
    return make_dataset([s.image for s in fields], [s.strokes for s in fields], settings)


def network() -> PretrainedUNet:
    found = drawn(PretrainedConfig(in_channels=1, n_classes=2), seed=0)
    assert isinstance(found, PretrainedUNet)
    return found


@torch.no_grad()
def test_tells_the_classes_apart_without_a_step():
    field, made = scenes.discs(seed=3), network().eval()
    data = dataset(field)
    fit_head(made, data, seed=0)
    x = torch.from_numpy(data.images[0])[None]
    side = 16 * (min(x.shape[2:]) // 16)
    found = made(x[..., :side, :side], padded=True).argmax(dim=1)[0].numpy() + 1
    assert scenes.iou(found, field.truth[:side, :side], 2) > 0.6


def test_is_the_same_with_the_same_seed():
    heads = []
    for _ in range(2):
        made = network()
        fit_head(made, dataset(scenes.discs(seed=3)), seed=1)
        heads.append(made.head.weight)
    assert torch.equal(*heads)


@pytest.mark.parametrize("most", [1, 2])
def test_looks_at_few_parts_but_at_each_class(monkeypatch, most):
    monkeypatch.setattr(closed_form, "_MOST_PARTS", most)
    fields = [scenes.discs(seed=number) for number in range(4)]
    for number, field in enumerate(fields):  # each knows one class
        field.strokes[field.strokes == 1 + number % 2] = 0
    data = dataset(*fields)
    parts = closed_form._parts(data, np.random.default_rng(0))
    assert len(parts) == 2
    assert {number % 2 for number, _ in parts} == {0, 1}
