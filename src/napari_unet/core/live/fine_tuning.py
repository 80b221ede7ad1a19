"""Training of the pretrained network that goes on and on while strokes come and go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_unet.core.forest.linear_head import LinearHead
from napari_unet.core.network.config import PRESETS, PresetName
from napari_unet.core.network.device import fast_dtype
from napari_unet.core.network.networks import drawn
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.pretrained_unet import PretrainedUNet
from napari_unet.core.training.closed_form import take_head
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.optimizer_step import Stepper
from napari_unet.core.training.patch_sampler import PatchSource
from napari_unet.core.training.weight_average import AveragedWeights

PRESET: PresetName = "pretrained"
_WARM_UP_STEPS = 20
_DECAY, _WARM_UP = 0.99, 3.0  # reaches further back than in a training whose rate goes down
_ELASTIC = 10.0
_BALANCE = 0.5  # measured: a whole balance draws thin classes too wide


class FineTuning:
    """The pretrained network, trained step by step on strokes that may be exchanged in between.

    It begins with the linear head of the first answer for images of so many channels. The learning
    rate holds after a short warm-up for as long as the training goes on.
    """

    def __init__(
        self, in_channels: int, head: LinearHead, device: torch.device, *, seed: int
    ) -> None:
        self.device, self.dtype = device, fast_dtype(device)
        self._seed = seed
        self._preset = PRESETS[PRESET]
        self._generator = torch.Generator().manual_seed(seed)
        self._source: PatchSource | None = None
        self._steps_before = 0  # with other classes
        config = PretrainedConfig(in_channels=in_channels, n_classes=head.n_classes)
        self._take(_begun(config, head, seed), self._preset.batch)

    def _take(self, network: PretrainedUNet, batch: int) -> None:
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedWeights(self.network, decay=_DECAY, warm_up=_WARM_UP)
        self._stepper = Stepper(
            self.network,
            self.average,
            self._preset,
            batch=batch,
            device=self.device,
            dtype=self.dtype,
            seed=self._seed,
            way_out="switch Live off and on to begin anew",
        )

    @property
    def steps(self) -> int:
        """Steps made so far."""
        return self._steps_before + self._stepper.steps

    @property
    def trouble(self) -> str:
        """What kept the last step from being one, and what was done."""
        return self._stepper.trouble

    def close(self) -> None:
        """End the threads."""
        self._stepper.close()

    def change_classes(self, before: list[int], after: list[int], head: LinearHead) -> None:
        """Go on with other classes; the averaged weights of those that stay are kept.

        Class ids are in the order of the outputs; new ones begin as in the head, that of ``after``.
        """
        self.close()
        self._steps_before = self.steps
        config = self.network.config.model_copy(update={"n_classes": len(after)})
        changed = _begun(config, head, self._seed)
        state = changed.state_dict()
        for name, value in self.average.network.state_dict().items():
            if not name.startswith("head"):
                state[name] = value.cpu()
                continue
            for index, class_id in enumerate(after):
                if class_id in before:
                    state[name][index] = value[before.index(class_id)].cpu()
        changed.load_state_dict(state)
        self._take(changed, self._stepper.batch)

    def set_data(self, dataset: Dataset, anchors: Sequence[np.ndarray] = ()) -> None:
        """Train on this from the next step on, see :class:`PatchSource` for the anchors."""
        self._source = PatchSource(
            dataset,
            self.network.config,
            side=self._preset.stroke_patch,
            elastic=_ELASTIC,
            balance_exponent=_BALANCE,
            device=self.device,
            anchors=anchors,
        )

    def step(self) -> float:
        """Make one step of the optimiser; return its loss, NaN if it was none: see ``trouble``.

        ``DeviceUnavailable`` if memory does not suffice for the smallest patch, ``InvalidInput`` if
        the loss stays what no loss can be.
        """
        assert self._source is not None  # set_data comes first
        rate = self._preset.learning_rate * min(1.0, (self._stepper.steps + 1) / _WARM_UP_STEPS)
        return self._stepper.step(self._source, self._generator, rate)


def _begun(config: PretrainedConfig, head: LinearHead, seed: int) -> PretrainedUNet:
    network = drawn(config, seed)
    assert isinstance(network, PretrainedUNet)
    take_head(network, head)
    return network
