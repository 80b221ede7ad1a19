"""Steps of the optimiser, and what is done where one fails."""

from __future__ import annotations

import math

import torch

from napari_unet.core.network.config import Preset
from napari_unet.core.network.device import free_memory, is_out_of_memory, one_thread
from napari_unet.core.network.networks import TrainedNetwork
from napari_unet.core.training.data_parallel import Replicas
from napari_unet.core.training.optimizer import new_optimizer
from napari_unet.core.training.patch_sampler import PatchSource
from napari_unet.core.training.weight_average import AveragedWeights
from napari_unet.errors import DeviceUnavailable, InvalidInput

_GRADIENT_NORM = 1.0
_MOST_BAD_STEPS = 5


class Stepper:
    """Trains a network step by step, with smaller batches and patches where memory runs out.

    The network, on the device, is trained in place, and the moving average of its weights updated
    after each step. ``way_out`` says what to do where the loss stays what no loss can be, the end
    of a sentence. ``batch`` are patches in a batch now; ``trouble`` says in a sentence what kept
    the last step from being one, and what was done.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        average: AveragedWeights,
        preset: Preset,
        *,
        batch: int,
        device: torch.device,
        dtype: torch.dtype,
        seed: int,
        way_out: str,
    ) -> None:
        self.steps = 0
        self.trouble = ""
        self._network, self._average, self._preset = network, average, preset
        self.batch = batch
        self._device, self._way_out = device, way_out
        self._bad_steps = 0
        self._slower = 1.0
        self._optimizer = new_optimizer(network, preset)
        self._replicas = Replicas(network, batch=batch, device=device, dtype=dtype, seed=seed)

    def close(self) -> None:
        """End the threads."""
        self._replicas.close()

    def step(self, source: PatchSource, generator: torch.Generator, rate: float) -> float:
        """Make one step of the optimiser; return its loss, NaN if it was none: see ``trouble``.

        The source is resized where memory runs out; the rate is halved from the first loss that was
        not finite on, again with each. ``DeviceUnavailable`` if memory does not suffice for the
        smallest patch, ``InvalidInput`` if the loss stays infinite or NaN.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate * self._slower
        try:
            with one_thread():
                loss = self._replicas.backward(source.draw(self.batch, generator))
                norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_NORM)
                value, length = torch.stack([loss, norm]).tolist()  # waits for the device once
                # Gradients that are not finite would spoil the weights, whatever the loss.
                if math.isfinite(value) and math.isfinite(length):
                    self._optimizer.step()
                    self._average.update(self._network)
                    self._bad_steps = 0
                    self.steps += 1
                    return float(value)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.trouble = self._shrink(source)
        else:
            self.trouble = self._go_back()
        return math.nan

    def _shrink(self, source: PatchSource) -> str:
        """Halve the batch, or else the patch."""
        self._optimizer.zero_grad(set_to_none=True)
        free_memory(self._device)
        if self.batch > 1:
            self.batch //= 2
            return f"memory ran out; training goes on with batches of {self.batch}."
        before = source.sides
        source.resize([side // 2 for side in before])
        if source.sides == before:
            raise DeviceUnavailable(
                "memory does not suffice for the smallest patch; close other programs or use "
                "another device."
            )
        size = " x ".join(map(str, source.sides)) if len(before) == 3 else source.side
        return f"memory ran out; training goes on with patches of {size} px."

    def _go_back(self) -> str:
        """Return to the averaged weights after a loss that is none."""
        self._bad_steps += 1
        if self._bad_steps > _MOST_BAD_STEPS:
            raise InvalidInput(f"the loss stays infinite or NaN; {self._way_out}.")
        self._average.copy_to(self._network)
        self._optimizer = new_optimizer(self._network, self._preset)
        self._slower /= 2
        return "the loss was not finite; going on from before with half the learning rate."
