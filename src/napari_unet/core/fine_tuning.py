"""Training that goes on and on while strokes come and go."""

from __future__ import annotations

import math

import torch

from napari_unet.core.averaging import AveragedWeights
from napari_unet.core.config import PRESETS, UNetConfig
from napari_unet.core.dataset import Dataset
from napari_unet.core.device import fast_dtype, free_memory, is_out_of_memory, one_thread
from napari_unet.core.optimising import new_optimizer
from napari_unet.core.patches import PatchSource
from napari_unet.core.replicas import Replicas
from napari_unet.core.unet import UNet
from napari_unet.errors import DeviceUnavailable, InvalidInput

_GRADIENT_NORM = 1.0
_MOST_BAD_STEPS = 5
_WARM_UP_STEPS = 20
_DECAY, _WARM_UP = 0.99, 3.0  # reaches further back than in a training whose rate goes down
_ELASTIC = 10.0
_BALANCE = 0.5  # measured: a whole balance draws thin classes too wide


class FineTuning:
    """A network that is trained step by step on strokes that may be exchanged in between.

    Parameters
    ----------
    network
        Where to start.
    device
        Where to compute.
    seed
        Seed of every draw.
    learning_rate
        After a short warm-up, for as long as the training goes on.
    """

    def __init__(
        self, network: UNet, device: torch.device, *, seed: int, learning_rate: float
    ) -> None:
        self.device, self.dtype = device, fast_dtype(device)
        self.steps = 0
        self._bad_steps = 0
        self.trouble = ""  # what kept the last step from being one, and what was done
        self.learning_rate = learning_rate
        self._seed = seed
        self._preset = PRESETS["compact"]
        self._batch = self._preset.batch
        self._generator = torch.Generator().manual_seed(seed)
        self._source: PatchSource | None = None
        self._take(network)

    def _take(self, network: UNet) -> None:
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedWeights(self.network, decay=_DECAY, warm_up=_WARM_UP)
        self._optimizer = new_optimizer(self.network, self._preset)
        self._since_start = 0
        self._replicas = Replicas(
            self.network,
            batch=self._batch,
            device=self.device,
            dtype=self.dtype,
            seed=self._seed,
        )

    def close(self) -> None:
        """End the threads."""
        self._replicas.close()

    def change_classes(self, before: list[int], after: list[int]) -> None:
        """Go on with other classes; the averaged weights of those that stay are kept.

        Parameters
        ----------
        before, after
            Class ids in the order of the outputs.
        """
        self.close()
        self._take(_with_classes(self.average.network, before, after, self._seed))

    def set_data(self, dataset: Dataset) -> None:
        """Train on this from the next step on."""
        self._source = PatchSource(
            dataset,
            self.network.config,
            side=self._preset.stroke_patch,
            elastic=_ELASTIC,
            balance_exponent=_BALANCE,
            device=self.device,
        )

    def step(self) -> float:
        """Make one step of the optimiser; return its loss, NaN if it was none: see ``trouble``.

        Raises
        ------
        DeviceUnavailable
            Memory does not suffice for the smallest patch.
        InvalidInput
            The loss stays what no loss can be.
        """
        assert self._source is not None  # set_data comes first
        rate = self.learning_rate * min(1.0, (self._since_start + 1) / _WARM_UP_STEPS)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        try:
            with one_thread():
                loss = self._replicas.backward(self._source.draw(self._batch, self._generator))
                norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_NORM)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.trouble = self._shrink()
            return math.nan
        value, length = torch.stack([loss, norm]).tolist()
        if not (math.isfinite(value) and math.isfinite(length)):
            self._bad_steps += 1
            if self._bad_steps > _MOST_BAD_STEPS:
                raise InvalidInput(
                    "the loss stays infinite or NaN; switch Live off and on to begin anew."
                )
            self.average.copy_to(self.network)
            self._optimizer = new_optimizer(self.network, self._preset)
            self.trouble = "the loss was not finite; going on from the averaged weights."
            return math.nan
        self._bad_steps = 0
        self._optimizer.step()
        self.average.update(self.network)
        self._since_start += 1
        self.steps += 1
        return float(value)

    def _shrink(self) -> str:
        """Halve the batch, or else the patch, after memory ran out."""
        assert self._source is not None
        self._optimizer.zero_grad(set_to_none=True)
        free_memory(self.device)
        if self._batch > 1:
            self._batch //= 2
            return f"memory ran out; training goes on with batches of {self._batch}."
        before = self._source.side
        self._source.resize(before // 2)
        if self._source.side >= before:
            raise DeviceUnavailable(
                "memory does not suffice for the smallest patch; close other programs or use "
                "another device."
            )
        return f"memory ran out; training goes on with patches of {self._source.side} px."


def drawn(config: UNetConfig, seed: int) -> UNet:
    """Return a network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return UNet(config)


def _with_classes(network: UNet, before: list[int], after: list[int], seed: int) -> UNet:
    """Return a network for other classes; the last layer's weights of new ones are drawn."""
    changed = drawn(network.config.model_copy(update={"n_classes": len(after)}), seed)
    state, known = changed.state_dict(), network.state_dict()
    for name, value in known.items():
        if not name.startswith("head"):
            state[name] = value.cpu()
            continue
        for index, class_id in enumerate(after):
            if class_id in before:
                state[name][index] = value[before.index(class_id)].cpu()
    changed.load_state_dict(state)
    return changed
